#!/usr/bin/env python3
"""Draws learning curves, and error against bits and milliseconds: plot_accuracy.py PNG FRONT.csv CURVE.csv..."""
import csv
import sys
from collections import defaultdict

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

png, front, curves = sys.argv[1], sys.argv[2], sys.argv[3:]
fig, (learning, bits, time) = plt.subplots(1, 3, figsize=(15, 6.6))
for name in curves:
    with open(name) as f:
        rows = list(csv.DictReader(f))
    label = name.split("/")[-1].removesuffix(".csv")
    epochs = [int(r["epoch"]) for r in rows]
    line, = learning.semilogy(epochs, [float(r["training_loss"]) for r in rows], ":", label=label + ", training")
    learning.semilogy(epochs, [float(r["validation_loss"]) for r in rows], color=line.get_color(), label="validation")
learning.set_xlabel("epoch"), learning.set_ylabel("relative L2")

arms = defaultdict(list)
with open(front) as f:
    for r in csv.DictReader(f):
        key = r["network"] if r["network"] == "classical" else r["network"] + ", " + r["scheme"]
        arms[r["problem"], key].append((float(r["budget"]), float(r["rel_l2"]), float(r["ms"])))
for (problem, key), points in sorted(arms.items()):
    points.sort()
    label = problem + ": " + key
    if "classical" not in key:
        bits.loglog([p[0] for p in points], [p[1] for p in points], "o-", label=label)
    points.sort(key=lambda p: p[2])
    time.loglog([p[2] for p in points], [p[1] for p in points], "s--" if "classical" in key else "o", label=label)
bits.set_xlabel("mean bits of rows (32: float)"), bits.set_ylabel("relative L2")
time.set_xlabel("milliseconds a solve, one core"), time.set_ylabel("relative L2")
fig.tight_layout(rect=(0, 0.34, 1, 1))
for axes in (learning, bits, time):  # below, where no point is
    axes.legend(fontsize=7, ncol=2, loc="upper center", bbox_to_anchor=(0.5, -0.13), frameon=False)
fig.savefig(png, dpi=110)
