import enum
import os
from typing import Any, Callable, Literal, Sequence, overload

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
        (name and unit of each channel), variables, parameters, bytes, nodes (least, most), budget."""
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
        variables: Sequence[float] = ...,
        out: Floats | None = None,
        report: Literal[False] = False,
    ) -> Floats:
        """given (row, channel), or (row,) of one channel; of any strides. The answer has its type."""
    @overload
    def solve(
        self,
        given: Floats,
        *,
        mean_bits: float | None = None,
        bops: float | None = None,
        milliseconds: float | None = None,
        variables: Sequence[float] = ...,
        out: Floats | None = None,
        report: Literal[True],
    ) -> tuple[Floats, dict[str, Any]]: ...
    def rollout(
        self,
        start: Floats,
        *,
        mean_bits: float | None = None,
        bops: float | None = None,
        milliseconds: float | None = None,
        variables: Sequence[float] = ...,
    ) -> Rollout: ...

class Rollout:
    def allocate_every(self, steps: int) -> None: ...
    def step(self, boundary: Callable[[NDArray[np.float32]], Any] | None = None) -> dict[str, Any]:
        """One step; boundary(state) sets what is prescribed in state (row, channel). Returns the report."""
    @property
    def state(self) -> NDArray[np.float32]:
        """A copy, (row, channel)."""
