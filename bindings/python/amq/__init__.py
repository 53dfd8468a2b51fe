"""Quantized neural PDE solvers: numpy arrays in, numpy arrays out, integers between.

>>> import amq
>>> solver = amq.load(darcy)              # replays the file's self-test, bit for bit
>>> solver.network, solver.info["levels"]
('MpPde', [1, 2, 3, 4, 5, 6, 8])
>>> at = solver.mesh(points, cells, mark_boundary=True)  # once a mesh
>>> u, report = at.solve(a, mean_bits=3, report=True)    # a (node, channel)
>>> u.shape == (len(points), 1) and u.dtype == a.dtype
True
>>> report["bops"] <= report["bops_allowed"] < report["bops_of_float"]
True
"""

import enum

from ._amq import Mesh, Rollout, Solver, _boundary_distance, _quantize, _quantize_meshes, instruction_set, networks, trainable
from ._amq import version as _version
from ._error import Error
from ._mesh import MeshInputs, is_sample, mesh_inputs, sample_of, without_solution
from ._to_torch import to_torch
from ._torch import from_torch
from ._train import train

__version__ = _version()
__all__ = [
    "Error", "Mesh", "MeshInputs", "NodeType", "Rollout", "Solver", "boundary_distance", "from_torch", "instruction_set",
    "load", "mesh_inputs", "networks", "plot", "quantize", "to_torch", "train", "trainable",
]  # fmt: skip


class NodeType(enum.IntEnum):
    """What a node is."""

    normal = 0
    obstacle = 1
    disabled = 2
    handle = 3
    inflow = 4
    outflow = 5
    wall = 6


def load(file, threads=1):
    """A solver from a path, or from the bytes of a file; see __init__.pyi."""
    return Solver(file, threads)


def boundary_distance(points, cells, *, cell_dim=0):
    """How far each node is from the boundary; see __init__.pyi."""
    import numpy as np

    taken = sample_of({"points": points, "cells": cells, "given": np.zeros(len(points))}, "boundary_distance", solved=False)
    return _boundary_distance(without_solution(taken), int(cell_dim))


def quantize(file, samples, to, *, scheme="w8a8_by_range", error=0.0, bytes=0.0, bops=0.0, milliseconds=0.0,
             mark_boundary=False, cell_dim=0):  # fmt: skip
    """A float file in integers, without training; see __init__.pyi."""
    import os

    import numpy as np

    file, to = os.fspath(file), os.fspath(to)
    bounds = [float(bound) for bound in (error, bytes, bops, milliseconds)]
    if is_sample(samples):
        samples = [samples]
    if not hasattr(samples, "__array__") and hasattr(samples, "__iter__"):
        samples = list(samples)
        if samples and is_sample(samples[0]):
            few = [sample_of(s, f"quantize, sample {k}", solved=False) for k, s in enumerate(samples)]
            few = [without_solution(s) for s in few]
            return _quantize_meshes(file, few, to, scheme, bounds, bool(mark_boundary), int(cell_dim))
    return _quantize(file, np.asarray(samples, np.float32), to, scheme, bounds)


def plot(points, cells, values, ax=None, **how):
    """Draws values (node,) on a plane mesh of triangles or quads with matplotlib, and returns the artist."""
    import matplotlib.pyplot as plt
    import numpy as np

    cells = np.asarray(cells)
    values = np.asarray(values).reshape(len(points))
    if cells.shape[1] == 4:
        cells = np.concatenate([cells[:, [0, 1, 2]], cells[:, [0, 2, 3]]])
    if cells.shape[1] != 3:
        raise Error(f"amq: plot: expected triangles or quads, found cells of {cells.shape[1]} nodes. Draw a cut.")
    ax = plt.gca() if ax is None else ax
    artist = ax.tripcolor(points[:, 0], points[:, 1], cells, values, **{"shading": "gouraud", **how})
    ax.set_aspect("equal")
    return artist
