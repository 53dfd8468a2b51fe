#!/usr/bin/env python3
"""Draws error against operations from docs/results/darcy.csv: plot_darcy.py CSV PNG"""
import csv
import sys
from collections import defaultdict

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

rows = list(csv.DictReader(open(sys.argv[1], encoding="utf-8")))
groups = defaultdict(lambda: defaultdict(list))
for r in rows:
    name = {"float32": "float32", "uniform": "uniform, " + r["quantizer"],
            "amq": "adaptive {" + r["levels"].replace(" ", ",") + "}"}[r["scheme"]]
    if r["scheme"] == "amq" and (r["score"] != "sensitivity" or "shifted" not in r["quantizer"]):
        continue
    if r["scheme"] == "uniform" and r["quantizer"] not in ("row_affine_shifted_lsq", "tensor_static_percentile"):
        continue
    groups[name][float(r["bops"])].append(float(r["test_mse"]))
fig, ax = plt.subplots(figsize=(7, 4.5))
for name, points in sorted(groups.items()):
    x = sorted(points)
    mean = [sum(points[b]) / len(points[b]) for b in x]
    if name == "float32":
        ax.axhline(mean[0], color="black", lw=1, ls="--", label="float32")
        continue
    low, high = [min(points[b]) for b in x], [max(points[b]) for b in x]
    line, = ax.plot(x, mean, "o-", label=name)
    ax.fill_between(x, low, high, color=line.get_color(), alpha=0.12)
ax.set_xscale("log")
ax.set_xlabel("bit operations of a solve, auxiliary model included")
ax.set_ylabel("test MSE (units of the solution's variance)")
ax.set_title("MP-PDE on Darcy flow: mean and range over seeds")
ax.legend(fontsize=8)
fig.tight_layout()
fig.savefig(sys.argv[2], dpi=150)
