#!/usr/bin/env python3
"""Renders the rows of studies on meshes: results_table.py CSV... [--cells PAGE] [--budgets PAGE] [--tables PAGE] [--png PNG]

Each option writes what stands between a mark and the next <!-- end --> of a page:
  --cells    <!-- cells -->    a line a network and problem: the default adaptive solver beside its rivals at 3 bits
  --budgets  <!-- budgets -->  a line a budget, for rows of one network and problem
  --tables   <!-- table -->    every row: mean and range of the test MSE over seeds
In all of them the rival is the best of the uniform quantizers that ran with the same seeds at the same bits. --png draws error
against operations, relative to float's of the same seed, so that arms of one seed and of three can be compared.
"""
import argparse
import csv
from collections import defaultdict

from marks import write_between


def mean(x):
    return sum(x) / len(x)


def load(paths):
    """{(model, task): {(budget, scheme, quantizer, score, levels): {seed: row}}}"""
    cells = defaultdict(lambda: defaultdict(dict))
    for r in (row for path in paths for row in csv.DictReader(open(path, encoding="utf-8"))):
        key = (float(r["budget_bits"]), r["scheme"], r["quantizer"], r["score"], r["levels"].replace(" ", ","))
        cells[r["model"], r["task"]][key][int(r["seed"])] = {k: float(r[k]) for k in ("test_mse", "bops", "ms", "bytes")}
    return cells


LADDER = "1,2,3,4,5,6,8"  # the levels of the default adaptive solver


def error(rows, seeds):
    return mean([rows[s]["test_mse"] for s in seeds])


def best_uniform(arms, bits, seeds, static=False):
    """Of the uniform rows that ran with all these seeds at these bits, those of least error; None where there are none.
    Static ranges, the usual baseline, are a kind of their own."""
    rivals = [rows for (b, scheme, quantizer, *_), rows in arms.items()
              if b == bits and scheme == "uniform" and seeds <= set(rows) and (not static or "tensor" in quantizer)]
    return min(rivals, key=lambda rows: error(rows, seeds), default=None)


def adaptive(arms, bits, levels=LADDER):
    """The default adaptive solver: rows by minimum and maximum, predicted sensitivity, trained for its budget."""
    return arms.get((bits, "amq", "row_min_max_lsq", "sensitivity", levels))


def against(arms, bits, levels=LADDER):
    """(error, change against the best uniform rows, share of the gap to float that is closed, seeds), as text."""
    rows = adaptive(arms, bits, levels)
    rival = rows and best_uniform(arms, bits, set(rows))
    if not rival:
        return "", "not run", "", 0
    mine, theirs = error(rows, rows), error(rival, rows)
    f = error(arms[32, "float32", "none", "none", "32"], rows)
    gap = f"{100 * (theirs - mine) / (theirs - f):.0f} %" if theirs > 1.01 * f else "no gap"
    return f"{mine:.4f}", f"{100 * (mine / theirs - 1):+.1f} %", gap, len(rows)


def cell_table(cells):
    lines = ["| network, problem | seeds | float32 | static ranges, 3 bits | best uniform, 3 bits | adaptive, mean 3 bits | gap closed "
             "| against best uniform at 2 | at 3 | at 4 | at 6 bits |", "|---" * 11 + "|"]
    for (model, task), arms in sorted(cells.items()):
        rows = adaptive(arms, 3.0)
        seeds = set(rows)
        usual = best_uniform(arms, 3.0, seeds, static=True) or max(
            (v for k, v in arms.items() if k[0] == 3 and k[1] == "uniform" and "tensor" in k[2]), key=len, default={})
        usual_text = f"{error(usual, seeds & set(usual)):.4f}" if usual else "not run"
        if usual and len(usual) < len(seeds):
            usual_text += f" ({len(usual)} seed{'s' * (len(usual) > 1)})"
        mine, _, gap, n = against(arms, 3.0)
        f = error(arms[32, "float32", "none", "none", "32"], seeds)
        changes = []
        for bits in (2.0, 3.0, 4.0, 6.0):
            _, change, _, of = against(arms, bits)
            changes.append(change + (f" ({of})" if of and of != n else ""))
        lines.append(f"| {model}, {task} | {n} | {f:.4f} | {usual_text} | {error(best_uniform(arms, 3.0, seeds), seeds):.4f} | {mine} | {gap} | "
                     + " | ".join(changes) + " |")
    return lines


def budget_table(cells):
    (arms,) = cells.values()
    lines = ["| bits | 10^9 bit operations | static ranges | best uniform | adaptive | against best uniform | gap closed | adaptive {2,4,8} "
             "| against best uniform |", "|---" * 9 + "|"]
    for bits in sorted({key[0] for key in arms}):
        kind = [rows for key, rows in arms.items() if key[0] == bits and len(rows) > 1]
        seeds = set(kind[0])
        best, usual = best_uniform(arms, bits, seeds), best_uniform(arms, bits, seeds, static=True)
        text = lambda rows: f"{error(rows, seeds):.4f}" if rows else ""
        fine, few = against(arms, bits), against(arms, bits, "2,4,8")
        operations = mean([r["bops"] for r in kind[0].values()]) / 1e9
        name = "float32" if bits == 32 else f"{bits:g}"
        known = lambda found: ["" if x == "not run" else x for x in found[:3]]
        columns = [name, f"{operations:.2f}", text(usual), text(kind[0] if bits == 32 else best), *known(fine), *known(few)[:2]]
        lines.append("| " + " | ".join(columns) + " |")
    return lines


def table(arms):
    floats = next((v for k, v in arms.items() if k[1] == "float32"), {})
    lines = ["| mean bits | scheme | quantizer | levels | score | seeds | GBOPs | test MSE, mean (range) | against uniform | gap to float closed |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for key in sorted(arms, key=lambda k: (k[0], k[1], k[2], k[3], k[4])):
        bits, scheme, quantizer, score, levels = key
        rows = arms[key]
        mse = [r["test_mse"] for r in rows.values()]
        against = gap = ""
        if scheme == "amq":
            rivals = [v for k, v in arms.items() if k[0] == bits and k[1] == "uniform" and set(rows) <= set(v)]
            if rivals:
                best = min(rivals, key=lambda v: mean([v[s]["test_mse"] for s in rows]))
                u = mean([best[s]["test_mse"] for s in rows])
                against = f"{100 * (mean(mse) / u - 1):+.1f} %"
                if set(rows) <= set(floats):
                    f = mean([floats[s]["test_mse"] for s in rows])
                    gap = f"{100 * (u - mean(mse)) / (u - f):.0f} %" if u > f else "uniform is at float"
        lines.append(f"| {bits:g} | {scheme} | {quantizer} | {{{levels}}} | {score} | {len(rows)} | "
                     f"{mean([r['bops'] for r in rows.values()]) / 1e9:.2f} | {mean(mse):.5f} ({min(mse):.5f} to {max(mse):.5f}) | {against} | {gap} |")
    return lines


def draw(cells, path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullLocator
    colours = {"uniform, best quantizer": "C1", "uniform, static ranges": "C2", "adaptive {1,2,3,4,5,6,8}": "C0",
               "adaptive {2,4,8}": "C3", "adaptive {0,1,2,3,4,5,6,8}": "C4", "adaptive, trained at all budgets": "C5"}
    n = len(cells)
    columns = min(n, 4)
    fig, axes = plt.subplots((n + columns - 1) // columns, columns, figsize=(5.2 * columns, 4.2 * ((n + columns - 1) // columns)), squeeze=False)
    for ax in axes.flat[n:]:
        ax.axis("off")
    for ax, ((model, task), arms) in zip(axes.flat, sorted(cells.items())):
        curves = defaultdict(dict)
        floats = next((v for k, v in arms.items() if k[1] == "float32"), {})
        ax.axhline(1, color="black", lw=1, ls="--", label="float32")
        for (_, scheme, quantizer, score, levels), rows in arms.items():
            m = [r["test_mse"] / floats[seed]["test_mse"] for seed, r in rows.items() if seed in floats]
            if scheme == "float32" or not m:
                continue
            if scheme == "uniform":
                name = "uniform, " + ("static ranges" if "tensor" in quantizer else "best quantizer")
            elif score == "sensitivity":
                name = "adaptive {" + levels + "}"
            elif score == "sensitivity_any_budget":
                name = "adaptive, trained at all budgets"
            else:
                continue
            at = mean([r["bops"] for r in rows.values()])
            near = next((x for x in curves[name] if abs(x / at - 1) < 1e-3), at)  # budgets differ by a few operations
            if (-len(m), mean(m)) < (-len(curves[name].get(near, [])), mean(curves[name].get(near, [9e9]))):
                curves[name][near] = m  # of several quantizers the best, of most seeds
        for name in sorted(curves):
            x = sorted(curves[name])
            line, = ax.plot(x, [mean(curves[name][b]) for b in x], "o-", ms=4, label=name, color=colours.get(name))
            ax.fill_between(x, [min(curves[name][b]) for b in x], [max(curves[name][b]) for b in x], color=line.get_color(), alpha=0.12)
        ax.set_xscale("log")
        ax.set_title(f"{model}, {task}")
        at = sorted({b for c in curves.values() for b in c})
        at = [b for k, b in enumerate(at) if k == 0 or b > 1.02 * at[k - 1]]
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticks(at, [f"{b / 1e9:.3g}" for b in at])
        ax.set_xlabel("10$^9$ bit operations of a solve, auxiliary included")
        ax.set_ylabel("test MSE, of float's with the same seed")
        ax.legend(fontsize=7)
    fig.tight_layout()
    fig.savefig(path, dpi=120)


def all_tables(cells):
    lines = []
    for (model, task), arms in sorted(cells.items()):
        lines += ["", f"### {model}, {task}", ""] if len(cells) > 1 else []
        lines += table(arms)
    return lines


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("csv", nargs="+")
    for name in ("cells", "budgets", "tables", "png"):
        options.add_argument("--" + name)
    given = options.parse_args()
    cells = load(given.csv)
    if given.cells:
        write_between(given.cells, {"cells": cell_table(cells)})
    if given.budgets:
        write_between(given.budgets, {"budgets": budget_table(cells)})
    if given.tables:
        write_between(given.tables, {"table": all_tables(cells)})
    if given.png:
        draw(cells, given.png)
    if not any((given.cells, given.budgets, given.tables, given.png)):
        print("\n".join(all_tables(cells)))


main()
