"""From a user's samples to a solver: options as the trainer reads them."""

import collections.abc
import enum
import os
import pathlib
import tempfile

import numpy as np

from ._amq import Solver, _train
from ._error import refuse as _refuse
from ._mesh import sample_of


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


def _imposed(value):
    """Boundary values as the trainer's text: wall:u=0,inflow:1=2.5."""
    if isinstance(value, str):
        return value
    triples = [(*key, v) if isinstance(key, tuple) else (key, v) for key, v in value.items()] if isinstance(
        value, collections.abc.Mapping) else list(value)  # fmt: skip
    said = []
    for t in triples:
        if not isinstance(t, tuple) or len(t) not in (2, 3):
            _refuse("train, imposed", "{(type, channel): value}", repr(t), "E.g. {('wall', 0): 0.0}.")
        kind, channel, number = (t[0], None, t[1]) if len(t) == 2 else t
        kind = kind.name if isinstance(kind, enum.Enum) else str(kind)
        if isinstance(number, bool) or not isinstance(number, (int, float, np.number)):
            _refuse("train, imposed", "a number a type and channel", repr(number), "E.g. {('wall', 0): 0.0}.")
        said.append(kind + ("" if channel is None else f":{channel}") + "=" + _text(number))
    return ",".join(said)


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
    taken = [sample_of(s, f"sample {k}") for k, s in enumerate(samples)]
    if options.get("imposed") is not None:
        options["imposed"] = _imposed(options["imposed"])
    named = [(k, _text(v)) for k, v in options.items() if v is not None] + [("threads", str(threads))]
    with tempfile.TemporaryDirectory() as place:
        to = pathlib.Path(place) / "model.safetensors" if out is None else pathlib.Path(os.fspath(out))
        said = _train(taken, str(network), named, progress, [str(n) for n in given], [str(n) for n in solution],
                      bool(mark_boundary), int(cell_dim), str(to))  # fmt: skip
        solver = Solver(to.read_bytes() if out is None else to, int(threads))
    solver.training = said
    return solver
