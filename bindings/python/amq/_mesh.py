"""Problems on meshes: what a sample may be, and what a network reads of it."""

import collections.abc
import json
from typing import NamedTuple

import numpy as np

from ._amq import _mesh_inputs
from ._error import refuse as _refuse
from ._float_file import take_normalization


def _numbers(x, where, kinds, what, rank, mend):
    """An array of these kinds of numbers and this rank."""
    try:
        a = np.asarray(x)
    except Exception as e:  # of whatever library the array is
        _refuse(where, what, f"{type(x).__name__}: {e}", mend)
    if a.dtype.kind not in kinds or a.ndim not in rank:
        _refuse(where, what, f"{a.dtype} of shape {a.shape}", mend)
    return a


def sample_of(s, where, solved=True):
    """(points, cells, node_type or None, given, solution, variables) of a mapping or an object; without a solution, None."""

    def part(name, optional=False):
        if isinstance(s, collections.abc.Mapping):
            found = s[name] if name in s else None
        else:
            found = getattr(s, name, None)
        if found is None and not optional:
            _refuse(where, f"a mapping or an object with '{name}'", f"none in {type(s).__name__}",
                    "A sample has points, cells, given" + (" and solution." if solved else "."))  # fmt: skip
        return found

    points = _numbers(part("points"), f"{where}, points", "fiu", "numbers (node, dim)", (2,), "Give one row per node.")
    n = len(points)
    cells = part("cells", optional=True)
    if cells is None:
        cells = np.empty((0, 3), np.int32)
    cells = _numbers(cells, f"{where}, cells", "iu", "integers (cell, corner)", (2,),
                     "Give the ids of each cell's nodes, from 0.")  # fmt: skip
    if cells.size and not (0 <= cells.min() and cells.max() < n):
        _refuse(f"{where}, cells", f"ids from 0 to {n - 1}", f"{cells.min()} to {cells.max()}",
                "Are the ids counted from 1?")  # fmt: skip
    types = part("node_type", optional=True)
    if types is not None:
        types = _numbers(types, f"{where}, node_type", "iu", f"integers ({n},)", (1,), "See amq.NodeType.")
        if len(types) != n or (n and not (0 <= types.min() and types.max() < 256)):
            _refuse(f"{where}, node_type", f"types ({n},)", f"shape {types.shape}", "See amq.NodeType.")
        types = np.ascontiguousarray(types, np.uint8)

    def field(name):
        a = _numbers(part(name), f"{where}, {name}", "fiub", f"numbers ({n}, channel), or ({n},) of one channel",
                     (1, 2), "Give one row per node.")  # fmt: skip
        a = a.reshape(len(a), -1) if a.size else a.reshape(len(a), 1 if a.ndim == 1 else a.shape[1])
        if len(a) != n:
            _refuse(f"{where}, {name}", f"{n} rows, one per node", f"{len(a)}", "Give one row per node.")
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(a, np.float32)

    variables = part("variables", optional=True)
    variables = _numbers(() if variables is None else variables, f"{where}, variables", "fiu",
                         "numbers (variable,): time and parameters", (1,), "Give them in your units.")  # fmt: skip
    if not np.all(np.isfinite(variables)):
        _refuse(f"{where}, variables", "finite numbers", str(variables), "Repair them.")
    return (np.ascontiguousarray(points, np.float64), np.ascontiguousarray(cells, np.int32), types,
            field("given"), field("solution") if solved else None, variables.astype(np.float64).tolist())  # fmt: skip


def is_sample(s):
    """Of a mesh: arrays of fields on grids have no points."""
    return isinstance(s, collections.abc.Mapping) or hasattr(s, "points")


class MeshInputs(NamedTuple):
    """What a network on meshes reads of a sample; see __init__.pyi."""

    u: np.ndarray
    x: np.ndarray
    edge_index: np.ndarray
    edge_features: np.ndarray
    variables: np.ndarray
    clusters: np.ndarray


def encoding_of(taken, normalization, lattices=(), neighbours=0, boundary=False, node_types=0, variable_scale=None,
                time_step=0.0, outputs=1):  # fmt: skip
    """How a sample becomes what the network reads, as files keep it."""
    points, cells, _, given, _, variables = taken
    inputs, dim = given.shape[1], points.shape[1]
    encoding = {"input_mean": [0.0] * inputs, "input_deviation": [1.0] * inputs, "output_mean": [0.0] * outputs,
                "output_deviation": [1.0] * outputs, "centre": [0.0] * dim, "half_width": [1.0]}  # fmt: skip
    take_normalization(encoding, normalization)
    whole = [("neighbours", neighbours, 0), ("node_types", node_types, 0), *(("lattices", n, 1) for n in lattices)]
    for name, value, least in whole:
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            _refuse(name, f"whole numbers from {least} on", repr(value), "E.g. lattices=[4, 8], neighbours=8.")
    scale = np.ones(len(variables)) if variable_scale is None else np.atleast_1d(variable_scale)
    if scale.shape != (len(variables),) or scale.dtype.kind not in "fiu" or not np.all(np.isfinite(scale) & (scale > 0)):
        _refuse("variable_scale", f"{len(variables)} numbers above 0, one a variable of the sample", repr(variable_scale),
                "Give what each variable is divided by.")  # fmt: skip
    if isinstance(time_step, bool) or not isinstance(time_step, (int, float, np.number)) or not 0 <= time_step < np.inf:
        _refuse("time_step", "a number, 0 or more", repr(time_step), "Give the time between two given channels.")
    return {**encoding, "half_width": encoding["half_width"][0], "lattices": [int(n) for n in lattices],
            "neighbours": int(neighbours) or (0 if len(cells) else 8), "boundary": int(bool(boundary)),
            "node_types": int(node_types), "variable_scale": [float(np.float32(x)) for x in scale],
            "time_step": float(np.float32(time_step))}  # fmt: skip


def without_solution(taken):
    """As compiled code reads a sample that may be unsolved."""
    return (*taken[:4], np.empty((0, 1), np.float32), taken[5]) if taken[4] is None else taken


def inputs_of(taken, encoding, mark_boundary, cell_dim, cluster_size=0):
    """MeshInputs, and types of nodes, with the boundary marked if it should be."""
    if isinstance(cluster_size, bool) or not isinstance(cluster_size, (int, np.integer)) or cluster_size < 0:
        _refuse("cluster_size", "a whole number, 0 or more", repr(cluster_size), "E.g. 20, as EAGLE has it.")
    *parts, types = _mesh_inputs(without_solution(taken), json.dumps(encoding), bool(mark_boundary), int(cell_dim),
                                 int(cluster_size))  # fmt: skip
    return MeshInputs(*parts), types


def mesh_inputs(sample, *, normalization=None, lattices=(), neighbours=0, boundary=False, node_types=0,
                mark_boundary=False, cell_dim=0, cluster_size=0, variable_scale=None, time_step=0.0):  # fmt: skip
    """What a network on meshes reads of a sample; see __init__.pyi."""
    taken = sample_of(sample, "sample", solved=False)
    own = {k: v for k, v in dict(normalization or {}).items() if not str(k).startswith("output_")}
    encoding = encoding_of(taken, own, lattices, neighbours, boundary, node_types, variable_scale, time_step)
    return inputs_of(taken, encoding, mark_boundary, cell_dim, cluster_size)[0]
