"""From one's own data to a solver, in Python. Usage: train.py [SAMPLES] [EPOCHS]"""
import sys

import numpy as np

n, epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 40, int(sys.argv[2]) if len(sys.argv) > 2 else 40
rng = np.random.default_rng(1)
side = 8
x, y = np.meshgrid(np.linspace(0, 1, side + 1), np.linspace(0, 1, side + 1))
k = (np.arange(side)[:, None] * (side + 1) + np.arange(side)).ravel()
cells = np.concatenate([np.stack([k, k + 1, k + side + 2], 1), np.stack([k, k + side + 2, k + side + 1], 1)])


def problem():
    """A membrane under a load: Jacobi's iteration stands for your solver."""
    load = 10 * rng.uniform(0.5, 2) * np.exp(-8 * ((x - rng.uniform(0.2, 0.8)) ** 2 + (y - rng.uniform(0.2, 0.8)) ** 2))
    u = np.zeros_like(load)
    for _ in range(400):
        u[1:-1, 1:-1] = (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] + load[1:-1, 1:-1] / side**2) / 4
    return np.stack([x.ravel(), y.ravel()], 1), load.reshape(-1, 1), u.reshape(-1, 1)


problems = [problem() for _ in range(n)]
# [train]
import amq

samples = [
    {"points": points, "cells": cells, "given": load, "solution": u}  # (node, dim), (cell, corner), (node, channel)
    for points, load, u in problems
]
solver = amq.train(
    samples, network="mp_pde", hidden=16, layers=2, epochs=epochs, quantized_epochs=10, lr=1e-2,
    validation=0.25, mark_boundary=True, budget=3,
)  # fmt: skip
print("held out:", solver.training["float_error"], "in float,", solver.training["budgets"])
at = solver.mesh(samples[0]["points"], cells, mark_boundary=True)
u = at.solve(samples[0]["given"], mean_bits=3)  # in integers, in your units
# [train]
assert solver.training["budgets"][0]["error"] < 0.7 * solver.training["mean_error"], solver.training
assert u.shape == samples[0]["solution"].shape
