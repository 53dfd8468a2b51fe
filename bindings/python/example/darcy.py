"""Steady Darcy flow from Python. Usage: darcy.py MODEL [PICTURE]"""
import sys

import numpy as np

# [python]
import amq

side = 24
x, y = np.meshgrid(np.linspace(0, 1, side + 1), np.linspace(0, 1, side + 1))
points = np.stack([x.ravel(), y.ravel()], axis=1)  # (node, dim)
k = (np.arange(side)[:, None] * (side + 1) + np.arange(side)).ravel()
cells = np.concatenate([np.stack([k, k + 1, k + side + 2], 1), np.stack([k, k + side + 2, k + side + 1], 1)])

solver = amq.load(sys.argv[1])  # replays the file's self-test, bit for bit
at = solver.mesh(points, cells, mark_boundary=True)  # once a mesh
a = np.where(points[:, :1] < 0.5, 12.0, 3.0).repeat(2, axis=1)  # (node, channel)
u, report = at.solve(a, mean_bits=3, report=True)  # in integers
print(f"{report['bops'] / 1e6:.1f} million bit operations, u at most {u.max():.4f}")
# [python]
if len(sys.argv) > 2:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.colorbar(amq.plot(points, cells, u))
    plt.savefig(sys.argv[2])
assert 0.005 < u.max() < 0.05
