#!/usr/bin/env python3
"""Draws solution, prediction, error and bits of bench/pareto with --arms picture, one row per file: plot_bits.py PNG NPZ..."""
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.tri import Triangulation

files = sys.argv[2:]
fig, axes = plt.subplots(len(files), 4, figsize=(16, 3.4 * len(files)), squeeze=False)
for row, name in zip(axes, files):
    d = np.load(name)
    points, cells = d["points"], d["cells"]
    truth, predicted = d["truth"][:, 0], d["predicted"][:, 0]
    error = np.sqrt(((d["truth"] - d["predicted"]) ** 2 / d["truth"].var(axis=0)).mean(axis=1))
    tri = None
    if len(cells) and points.shape[1] == 2:
        if cells.shape[1] == 4:
            cells = np.concatenate([cells[:, :3], cells[:, [0, 2, 3]]])
        tri = Triangulation(points[:, 0], points[:, 1], cells)
    for ax, values, title, colours in zip(row, (truth, predicted, error, d["bits"]),
                                          ("solution", "in integers, 3 bits on average", "error", "bits"),
                                          ("viridis", "viridis", "magma", "cividis")):
        if tri is not None:
            shown = ax.tripcolor(tri, values, shading="gouraud", cmap=colours)
        else:
            shown = ax.scatter(points[:, 0], points[:, -1], c=values, s=4, cmap=colours)
        ax.set_aspect("equal")
        ax.set_xticks([]), ax.set_yticks([])
        ax.set_title(title if ax is not row[0] else name.split("/")[-3] + ", " + name.split("/")[-2] + ": " + title, fontsize=9)
        fig.colorbar(shown, ax=ax, shrink=0.8)
fig.tight_layout()
fig.savefig(sys.argv[1], dpi=110)
