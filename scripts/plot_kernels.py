#!/usr/bin/env python3
"""Sets every line's ratio to the best rival of all programs that measured its shape, and draws our best beside it.

Usage: plot_kernels.py MEASURED.csv TABLE.csv CHART.png [PAGE]
With PAGE, writes a line a shape between its marks <!-- kernels --> and <!-- end -->: 8-bit rows and weights beside their rivals.
"""
import collections
import csv
import sys

from marks import write_between

measured, table, chart = sys.argv[1:4]
with open(measured, newline="", encoding="utf-8") as f:
    rows = list(csv.DictReader(f))
rival = lambda r: "onednn" in r["contender"] or not r["contender"].startswith("amq")
part = lambda r: "only" in r["contender"]  # of a layer
groups = collections.OrderedDict()
for r in rows:
    groups.setdefault((r["bench"], r["shape"], r["threads"]), []).append(r)
bars = []
for (bench, shape, threads), group in groups.items():
    rivals = [r for r in group if rival(r)]
    best = min(rivals, key=lambda r: float(r["ns"]), default=None)
    for r in group:
        r["ratio_to_best_rival"] = f"{float(best['ns']) / float(r['ns']):.3f}" if best else ""
    own = [r for r in group if not rival(r) and not part(r)]
    if own and best:
        first = min(own, key=lambda r: float(r["ns"]))
        name = f"{bench} {shape}" + ("" if threads == "1" else f", {threads} threads")
        bars.append((name, float(first["ratio_to_best_rival"]), best["contender"]))
        print(f"{name:60} {float(first['ratio_to_best_rival']):6.2f} x {best['contender']}")
with open(table, "w", newline="", encoding="utf-8") as f:
    out = csv.DictWriter(f, rows[0].keys(), lineterminator="\n")
    out.writeheader()
    out.writerows(rows)


def shape_table():
    """Our time divided into each rival's, so that 2 means twice as fast."""
    lines = ["| rows x inputs x outputs | sums, oneDNN unsigned rows | sums, oneDNN signed rows | codes to floats, oneDNN "
             "| floats to floats, our codes then oneDNN | floats to floats, Eigen float |", "|---" * 6 + "|"]
    ns = {(r["bench"], r["shape"], r["contender"].split("[")[0]): float(r["ns"]) for r in rows if r["bits"] in ("8", "32") and r["threads"] == "1"}
    pairs = [("gemm_i32", "amq_gemm_i32", "onednn_u8s8s32"), ("gemm_i32", "amq_gemm_i32", "onednn_s8s8s32"),
             ("codes_to_float", "amq_linear_relu", "onednn_s8s8_scale_bias_relu"),
             ("float_to_float", "amq_float_to_float_relu", "amq_quantize_fixed+onednn_s8s8_relu"),
             ("float_to_float", "amq_float_to_float_relu", "eigen_float")]
    for shape in dict.fromkeys(r["shape"] for r in rows if r["bench"] == "gemm_i32"):
        cells = []
        for bench, ours, theirs in pairs:
            mine, other = ns.get((bench, shape, ours)), ns.get((bench, shape, theirs))
            cells.append(f"{other / mine:.2f}" if mine and other else "not run")
        lines.append(f"| {shape.replace('x', ' x ')} | " + " | ".join(cells) + " |")
    return lines


if len(sys.argv) > 4:
    write_between(sys.argv[4], {"kernels": shape_table()})
try:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
except ImportError:
    print("no matplotlib: no chart")
    sys.exit()
fig, ax = plt.subplots(figsize=(9, 0.32 * len(bars) + 1.2))
y = range(len(bars))
ax.barh(y, [b[1] for b in bars], color=["tab:blue" if b[1] >= 1 else "tab:gray" for b in bars])
ax.set_yticks(y, [b[0] for b in bars], fontsize=7)
for k, b in enumerate(bars):
    ax.text(b[1], k, f" {b[1]:.2f} x {b[2]}", va="center", fontsize=6)
ax.axvline(1, color="black", lw=1)
ax.set_xlim(0, 1.35 * max(b[1] for b in bars))
ax.invert_yaxis()
ax.set_xlabel("speed divided by the best rival's, same run")
fig.tight_layout()
fig.savefig(chart, dpi=130)
