"""From a user's samples to a solver: what a sample may be, and options as the trainer reads them."""

import collections.abc
import os
import pathlib
import tempfile

import numpy as np

from ._amq import Solver, _train
from ._error import Error


def _refuse(where, expected, found, mend):
    e = Error(f"amq: {where}: expected {expected}, found {found}. {mend}")
    e.status = 1
    raise e


def _numbers(x, where, kinds, what, rank, mend):
    """An array of these kinds of numbers and this rank."""
    try:
        a = np.asarray(x)
    except Exception as e:  # of whatever library the array is
        _refuse(where, what, f"{type(x).__name__}: {e}", mend)
    if a.dtype.kind not in kinds or a.ndim not in rank:
        _refuse(where, what, f"{a.dtype} of shape {a.shape}", mend)
    return a


def _sample(s, k):
    """(points, cells, node_type or None, given, solution) of a mapping or an object."""
    where = f"sample {k}"

    def part(name, optional=False):
        if isinstance(s, collections.abc.Mapping):
            found = s[name] if name in s else None
        else:
            found = getattr(s, name, None)
        if found is None and not optional:
            _refuse(where, f"a mapping or an object with '{name}'", f"none in {type(s).__name__}",
                    "A sample has points, cells, given and solution.")  # fmt: skip
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

    return (np.ascontiguousarray(points, np.float64), np.ascontiguousarray(cells, np.int32), types,
            field("given"), field("solution"))  # fmt: skip


def _text(value):
    """An option as its text: 0.001, yes, 2,4,8."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, (list, tuple, range, np.ndarray)):
        return ",".join(_text(v) for v in value)
    return str(value)


def train(samples, network="transolver", *, out=None, progress=None, given=(), solution=(), mark_boundary=False,
          cell_dim=0, threads=1, **options):  # fmt: skip
    """A solver from solved problems in your units; see __init__.pyi."""
    if not isinstance(samples, collections.abc.Iterable):
        _refuse("train, samples", "a list of samples", type(samples).__name__, "See amq.train.")
    samples = list(samples)
    if not samples:
        _refuse("train", "samples", "none", "Give meshes with given fields and solutions.")
    if progress is not None and not callable(progress):
        _refuse("train, progress", "a function", type(progress).__name__, "It is called by keywords.")
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
        _refuse("train, threads", "a whole number from 1 on", repr(threads), "Give 1.")
    taken = [_sample(s, k) for k, s in enumerate(samples)]
    named = [(k, _text(v)) for k, v in options.items() if v is not None] + [("threads", str(threads))]
    with tempfile.TemporaryDirectory() as place:
        to = pathlib.Path(place) / "model.safetensors" if out is None else pathlib.Path(os.fspath(out))
        said = _train(taken, str(network), named, progress, [str(n) for n in given], [str(n) for n in solution],
                      bool(mark_boundary), int(cell_dim), str(to))  # fmt: skip
        solver = Solver(to.read_bytes() if out is None else to, int(threads))
    solver.training = said
    return solver
