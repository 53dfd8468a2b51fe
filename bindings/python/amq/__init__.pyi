import enum
import os
from typing import Any, Callable, Iterable, Literal, Mapping, NamedTuple, Sequence, overload

import numpy as np
from numpy.typing import NDArray

__version__: str

Floats = NDArray[np.float32] | NDArray[np.float64]

class Error(RuntimeError):
    status: int

class NodeType(enum.IntEnum):
    normal = 0
    obstacle = 1
    disabled = 2
    handle = 3
    inflow = 4
    outflow = 5
    wall = 6

def load(file: str | os.PathLike[str] | bytes, threads: int = 1) -> Solver:
    """A solver from a path, or from the bytes of a file. Network and scheme are the file's, and its
    self-test is replayed. Any number of threads may use it; `threads` share each solve."""

class MeshInputs(NamedTuple):
    """What a network on meshes reads of a sample: arrays for its module, as mesh_inputs() makes them."""

    u: NDArray[np.float32]
    """(node, channel): normalized given channels, then 1 where a node is not normal, then its type one-hot."""
    x: NDArray[np.float32]
    """(node, dim): (point - centre) / half_width."""
    edge_index: NDArray[np.int64]
    """(2, edge): sender and receiver, by receiver."""
    edge_features: NDArray[np.float32]
    """(edge, dim + 1): x of the receiver less that of the sender, and its length."""
    variables: NDArray[np.float32]
    """(node, variable): the sample's over variable_scale, the same at every node."""
    clusters: NDArray[np.int64]
    """(cluster, most): ids of its nodes, ascending, filled up with the number of nodes; (0, 0) without cluster_size."""

def mesh_inputs(
    sample: Any,
    *,
    normalization: dict[str, Any] | None = None,
    lattices: Sequence[int] = (),
    neighbours: int = 0,
    boundary: bool = False,
    node_types: int = 0,
    mark_boundary: bool = False,
    cell_dim: int = 0,
    cluster_size: int = 0,
    variable_scale: Sequence[float] | None = None,
    time_step: float = 0.0,
) -> MeshInputs:
    """What a network on meshes reads of a sample (points, cells, given, node_type; see train(); variables, time and
    parameters of the equation), to train its module on. The same options given to from_torch() make the deployed solver do the same.
    normalization: input_mean and input_deviation of each given channel; centre (dim) and half_width of positions,
    which stay as they are without. lattices: edges over nodes of coarse lattices, e.g. [4, 8]. neighbours: edges from so
    many nearest points, for clouds; 0: the sides of cells, or 8 where there are none. boundary: a channel marks
    nodes that are not normal. node_types: channels of the one-hot type. mark_boundary: nodes on the boundary of
    plane cells become walls, in samples without types. cluster_size: most nodes of a cluster, for GraphViT.
    variable_scale: what each variable is divided by. time_step: of from_torch(), not read here."""

def from_torch(
    module: Any,
    path: str | os.PathLike[str],
    sample: Any,
    axes: Sequence[Any] | None = None,
    *,
    normalization: dict[str, Any] | None = None,
    given: Sequence[str] = (),
    solution: Sequence[str] = (),
    rename: dict[str, str] | None = None,
    padding: int | Sequence[int] | None = None,
    call: Callable[[Any, MeshInputs], Any] | None = None,
    **graph: Any,
) -> dict[str, Any]:
    """Writes a torch.nn.Module as a float file: parameters, sizes, normalization, names of channels, and
    the module's answer to `sample`, which whoever reads the file must repeat. Returns network and sizes.
    normalization: input_mean, input_deviation, output_mean, output_deviation, one a channel; the
    module sees (given - mean) / deviation. rename: the module's names, or their beginnings, to supported
    ones.

    On grids: sample (point..., channel). axes: coordinates; without them those that the module itself takes, or
    centres of cells in the unit box. padding: of an FNO, where the module's attribute does not say it.

    On meshes: sample is a mapping or an object with points, cells, given and node_type, as for train(); graph:
    the options of mesh_inputs(), and time_step of an MP-PDE with a window. call(module, inputs): how the module is
    called with MeshInputs of tensors, and its answer (node, output); without it module.on(inputs) of a module of
    amq.nn, module(x[None], u[None]) of a
    Transolver and a FLARE, or module(cat([x, u])[None]) where it takes one argument; module(u, x, [variables,]
    edge_index) of an MP-PDE, whose answer with a window is the mean rate of change up to each step;
    module(u, edge_features, edge_index) of a MeshGraphNet; EAGLE's arguments, with a ghost node behind the others and
    two states, of a GraphViT."""

def to_torch(file: str | os.PathLike[str], module: Any, *, rename: dict[str, str] | None = None) -> Any:
    """Gives a torch.nn.Module the parameters of a float file, and returns it: the way of from_torch() back, number by
    number. The module is of the file's network and sizes; what does not fit is listed and nothing is taken. rename: the
    module's names, or their beginnings, to supported ones. What the file holds beside parameters (normalization,
    names of channels) is the user's to apply. Where spectral weights are factors, or positions lie between other
    boundaries than 0 and 1, the module is refused."""

def quantize(
    file: str | os.PathLike[str],
    samples: Any,
    to: str | os.PathLike[str],
    *,
    scheme: str = "w8a8_by_range",
    error: float = 0.0,
    bytes: float = 0.0,
    bops: float = 0.0,
    milliseconds: float = 0.0,
    mark_boundary: bool = False,
    cell_dim: int = 0,
) -> dict[str, Any]:
    """A float file in integers, without training, written to `to`. samples: a few of the training's, in your
    units; on grids given fields (sample, point..., channel); on meshes a list of samples as for train(), whose
    solutions are not read. mark_boundary, cell_dim: of meshes, as in train(). error above 0: as few bits of weights
    as keep the change of the answers within this share, or 16 bits of rows and weights where it needs them. bytes, bops,
    milliseconds above 0: most bytes of the deployed network; most bit operations and time of a pass over the first
    sample, here and on one thread. Weights, and but for bytes the rows of each layer, then have 4 and 2 bits where a unit
    saved spoils least. Bounds hold together. Returns a report: error, scheme, bytes, bops, both of_float, milliseconds
    of a pass, float_difference from the self-test, and layers (weight, point, weight_bits, row_bits, bytes, bops,
    milliseconds, of_weights, of_rows: what its quantization alone changes; share of the errors). Products without weights, as of attention, are layers, too."""

def train(
    samples: Iterable[Any],
    network: str = "transolver",
    *,
    kind: Literal["adaptive", "uniform", "quantized"] = "adaptive",
    bits: int | Sequence[int] | None = None,
    budget: float | Sequence[float] | None = None,
    sharing: Literal["node_and_point", "edge", "block", "node", "point"] = "node_and_point",
    weight_bits: Literal[2, 4, 8] = 8,
    out: str | os.PathLike[str] | None = None,
    progress: Callable[..., Any] | None = None,
    report_every: int = 20,
    given: Sequence[str] = (),
    solution: Sequence[str] = (),
    mark_boundary: bool = False,
    cell_dim: int = 0,
    threads: int = 1,
    seed: int = 0,
    folder: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 0,
    epochs: int = 40,
    quantized_epochs: int = 10,
    batch: int = 2,
    lr: float = 2e-3,
    quantized_lr: float = 5e-4,
    lr_end: float = 1e-6,
    rate: Literal["cosine", "constant", "one_cycle"] = "cosine",
    warm_up: float | None = None,
    clip: float = 1,
    weight_decay: float = 1e-5,
    average: float = 0,
    loss: Literal["mse", "relative_l2"] = "mse",
    validation: float = 0.1,
    keep_best: bool = True,
    patience: int = 0,
    lattices: Sequence[int] = (4, 8),
    neighbours: int = 0,
    calibration: int = 8,
    learn_weight_steps: bool = False,
    reflections: Sequence[int] = (),
    centre: Sequence[float] | None = None,
    given_vectors: Sequence[int] = (),
    solution_vectors: Sequence[int] = (),
    imposed: Mapping[tuple[NodeType | str, int | str] | NodeType | str, float] | None = None,
    boundary_distance: bool = False,
    **sizes: int,
) -> Solver:
    """A solver from solved problems. A sample is a mapping or an object with points (node, dim), cells
    (cell, corner) unless it is a cloud, given (node, channel) and solution (node, channel), in your
    units, and node_type (node,) where the network should know it; mark_boundary gives types to samples
    without.

    kind: adaptive, an auxiliary model gives each row of the ladder `bits` (1 to 8 unless said otherwise)
    within `budget`, the mean bits, 3 unless said otherwise; of several budgets the file serves all. What
    may differ in bits is `sharing`'s to say; under block a node has one width in a layer, and skips it
    where that is 0 of bits=(0, 4, 8).
    uniform: every row has `bits`, 4 unless said otherwise, and the training knows it. quantized: steps
    are fitted to the float network, 8 bits unless said otherwise, without further training.

    network: one of trainable(), whose sizes (hidden, layers, heads, ...) are further keywords. out: the
    model file; None: only the solver is kept. folder: a run that was stopped goes on from there to the
    same bits. progress: called with what=, done=, total=, seconds=, seconds_left=, loss= every
    report_every updates; what it raises ends the training, as Ctrl-C does. given and solution: names of the channels. threads and the rest: as in TrainOptions of docs/train.md. Any
    number of threads gives the same bits. reflections: axes that samples are mirrored at, about the
    centre; given_vectors and solution_vectors: first channels of what are vectors.
    imposed: known boundary values, {(type of node, channel or its name): value}, as {("wall", 0): 0.0}, or {"wall": 0.0}
    of one channel. Every answer then has them, exactly; the samples' solutions have them, too. boundary_distance: a
    further given channel, named boundary_distance, which networks that read no cells see a boundary by. A solve is
    given it behind the others: see boundary_distance().

    The solver's .training says what came of it."""

def boundary_distance(points: Floats, cells: NDArray[np.integer[Any]], *, cell_dim: int = 0) -> NDArray[np.float64]:
    """(node,): the distance to the nearest side of the boundary, in the unit of the points; 0 on it. points (node, dim),
    cells (cell, corner) of dimension 2."""

def trainable() -> list[str]:
    """Names of the networks that train() knows."""

def instruction_set() -> str: ...
def networks() -> list[str]:
    """Names of the networks that are compiled in."""

def plot(points: Floats, cells: NDArray[np.integer[Any]], values: Floats, ax: Any = None, **how: Any) -> Any:
    """Draws values (node,) on a plane mesh with matplotlib, and returns the artist."""

class Solver:
    def __init__(self, file: str | os.PathLike[str] | bytes, threads: int = 1) -> None: ...
    @property
    def network(self) -> str: ...
    @property
    def info(self) -> dict[str, Any]:
        """network, scheme, on_grid, adaptive, marks_boundary, rolls_out, dim, levels, given and solution
        (name and unit of each channel), variables, parameters, bytes, nodes (least, most), budget, errors
        ((mean bits, relative L2 on samples held out of training), from low budgets to high)."""
    @property
    def training(self) -> dict[str, Any] | None:
        """Of a solver that train() has made: network, scheme, parameters, bytes, training and validation
        (counts of samples), float_error and mean_error (the float network's, and of who says the mean of
        every channel: mean relative L2 on held-out samples), budgets (mean_bits, error, bops_of_float),
        float_curve and curve (epoch, updates, seconds, lr, training_loss, validation_loss: arrays)."""
    def mesh(
        self,
        points: Floats,
        cells: NDArray[np.integer[Any]],
        *,
        node_type: NDArray[np.integer[Any]] | Sequence[int] | None = None,
        mark_boundary: bool = False,
        cell_dim: int = 0,
    ) -> Mesh:
        """points (node, dim), cells (cell, corner) with ids from 0. Cells of two nodes are edges."""
    def grid(self, *axes: Sequence[float] | Floats) -> Mesh:
        """Coordinates of every axis; rows of fields have the last axis fastest, as numpy's ravel."""
    def out_of_range(self, policy: Literal[0, 1, 2], tolerance: float = 0.0) -> None:
        """Inputs outside of what training saw: 0 ignore, 1 report, 2 refuse beyond the tolerance."""

class Mesh:
    @property
    def rows(self) -> int: ...
    def measure(self) -> None:
        """Measures rows on this machine; from then on the solver shares out time."""
    @overload
    def solve(
        self,
        given: Floats,
        *,
        mean_bits: float | None = None,
        bops: float | None = None,
        milliseconds: float | None = None,
        relative_l2: float | None = None,
        variables: Sequence[float] = ...,
        out: Floats | None = None,
        report: Literal[False] = False,
    ) -> Floats:
        """given (row, channel), or (row,) of one channel; of any strides. The answer has its type. One
        budget, or the file's: relative_l2 is the smallest that erred no more on samples held out of
        training, see info["errors"]; milliseconds after measure()."""
    @overload
    def solve(
        self,
        given: Floats,
        *,
        mean_bits: float | None = None,
        bops: float | None = None,
        milliseconds: float | None = None,
        relative_l2: float | None = None,
        variables: Sequence[float] = ...,
        out: Floats | None = None,
        report: Literal[True],
    ) -> tuple[Floats, dict[str, Any]]:
        """The report has the members of amq_report in amq.h: what the solve cost (bops, milliseconds, node_bits), how far
        the input lay outside of training, what the mesh is like, saturated (rows of messages that were cut), and
        cut_share (share of the rows of static ranges that were, by a sample)."""
    def rollout(
        self,
        start: Floats,
        *,
        mean_bits: float | None = None,
        bops: float | None = None,
        milliseconds: float | None = None,
        relative_l2: float | None = None,
        variables: Sequence[float] = ...,
    ) -> Rollout: ...

class Rollout:
    def allocate_every(self, steps: int) -> None: ...
    def step(self, boundary: Callable[[NDArray[np.float32]], Any] | None = None) -> dict[str, Any]:
        """One step; boundary(state) sets what is prescribed in state (row, channel). Returns the report."""
    @property
    def state(self) -> NDArray[np.float32]:
        """A copy, (row, channel)."""
