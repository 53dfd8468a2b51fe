"""Solved problems that small networks learn in seconds, for the tests of training."""
import numpy as np


def square(side, rng=None):
    """Points (node, 2) and triangles (cell, 3) of the unit square; with a generator, inner points are moved."""
    x, y = np.meshgrid(np.linspace(0, 1, side + 1), np.linspace(0, 1, side + 1))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    if rng is not None:
        inner = np.all((points > 0) & (points < 1), axis=1)
        points[inner] += rng.uniform(-0.2 / side, 0.2 / side, (inner.sum(), 2))
    k = (np.arange(side)[:, None] * (side + 1) + np.arange(side)).ravel()
    cells = np.concatenate([np.stack([k, k + 1, k + side + 2], 1), np.stack([k, k + side + 2, k + side + 1], 1)])
    return points, cells.astype(np.int32)


def problems(n, side=6, seed=1):
    """What is sought follows from what is given at the node, and from the place."""
    rng = np.random.default_rng(seed)
    all = []
    for _ in range(n):
        points, cells = square(side, rng)
        phase = rng.uniform(0, 6.28)
        wave = np.sin(6 * points[:, 0] + phase)
        all.append({
            "points": points, "cells": cells, "given": (300 + 40 * wave)[:, None].astype(np.float32),
            "solution": (2 + 5 * wave + 4 * points[:, 1])[:, None].astype(np.float32),
        })  # fmt: skip
    return all


small = dict(hidden=12, layers=2, lattices=[], epochs=12, quantized_epochs=3, lr=1e-2, validation=0.25)
