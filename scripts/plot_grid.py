#!/usr/bin/env python3
"""Tables and fronts of docs/results/grid.csv: plot_grid.py CSV PAGE NOTEBOOK PNG

Writes <!-- changes --> of PAGE, the change of error at full resolution, and <!-- schemes -->, <!-- seeds -->, <!-- products --> and
<!-- fronts --> of NOTEBOOK, each up to the next <!-- end -->; draws error against BOPs and against milliseconds.
"""
import csv
import sys

from marks import write_between

SCHEMES = ["float32", "w16a16", "w8a32", "w8a16", "w8a8", "w4a8", "w4a4"]
TASKS = ["diffusion_sorption", "burgers", "navier_stokes", "darcy", "diffusion_sorption_change"]
MODELS = ["fno", "unet", "transformer"]
RESOLUTIONS = ["1", "1/2", "1/4"]
CORE = [s for s in SCHEMES if s not in ("w8a32", "w16a16")]

rows = list(csv.DictReader(open(sys.argv[1], encoding="utf-8")))
for r in rows:
    for k in ("bops", "bytes", "test_nrmse", "test_mse", "ms", "float_ops"):
        r[k] = float(r[k])


def front(points, cost):
    """The rows that no other beats in both error and cost, cheapest first."""
    best, kept = float("inf"), []
    for r in sorted(points, key=lambda r: (r[cost], r["test_nrmse"])):
        if r["test_nrmse"] < best:
            best = r["test_nrmse"]
            kept.append(r)
    return kept


def draw(path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    colours = dict(zip(SCHEMES, ["black", "tab:orange", "tab:gray", "tab:purple", "tab:blue", "tab:green", "tab:red"]))
    markers = dict(zip(MODELS, "osD"))
    sizes = {"1": 64, "1/2": 30, "1/4": 12}
    fig, axes = plt.subplots(2, len(TASKS), figsize=(4.2 * len(TASKS), 7.4), squeeze=False)
    for row, (cost, label) in enumerate((("bops", "bit operations of a problem"), ("ms", "ms, one thread"))):
        for ax, task in zip(axes[row], TASKS):
            mine = [r for r in rows if r["task"] == task]
            for r in mine:
                ax.scatter(r[cost], r["test_nrmse"], color=colours[r["scheme"]], marker=markers[r["model"]],
                           s=sizes[r["resolution"]], alpha=0.85, linewidths=0)
            f = front([r for r in mine if r["seed"] == "0"], cost)  # of one seed: not the luckiest of several
            ax.plot([r[cost] for r in f], [r["test_nrmse"] for r in f], color="black", lw=0.8, zorder=0)
            ax.set_xscale("log")
            ax.set_yscale("log")
            ax.set_xlabel(label)
            ax.set_title(task.replace("_", " "))
    for ax in axes[:, 0]:
        ax.set_ylabel("test nRMSE")
    handles = [plt.Line2D([], [], color=c, marker="o", ls="", label=s) for s, c in colours.items()]
    handles += [plt.Line2D([], [], color="gray", marker=m, ls="", label=n) for n, m in markers.items()]
    handles += [plt.Line2D([], [], color="gray", marker="o", ls="", ms=s**0.5, label="resolution " + n)
                for n, s in sizes.items()]
    fig.legend(handles=handles, loc="lower center", ncol=len(handles), fontsize=8, frameon=False)
    fig.tight_layout(rect=(0, 0.04, 1, 1))
    fig.savefig(path, dpi=110)


def kept(r):
    """How rows and weights are kept, and the bits of products without weights that run in integers."""
    how, _, products = r["rows"].partition(" p")
    return how, products


def heading(*names):
    return ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]


def change(r, base):
    return 100 * (r["test_nrmse"] / base["test_nrmse"] - 1)


def spread(values):
    return f"{sum(values) / len(values):+.1f} % ({min(values):+.1f} to {max(values):+.1f})"


def group(model, task, resolution):
    """The rows of one width, training and kind of rows, seed 0: of several the one with most schemes, then the longest,
    then the one whose float network errs least."""
    groups = {}
    for r in rows:
        if (r["model"], r["task"], r["resolution"], r["seed"]) == (model, task, resolution, "0") and not kept(r)[1]:
            groups.setdefault((r["width"], r["passes"], r["rows"]), {})[r["scheme"]] = r
    kinds = ["affine", "min_max", "min_max e16"]
    return max(groups.items(), default=(None, {}),
               key=lambda g: (len(set(CORE) & set(g[1])), int(g[0][1].split("+")[0]), kinds.index(g[0][2]),
                              -g[1].get("float32", {"test_nrmse": 1})["test_nrmse"]))[1]


def change_table():
    """A line a problem and scheme at full resolution: change of nRMSE against the float row of the same training."""
    lines = heading("problem", "weights, rows", *MODELS)
    for task in TASKS:
        for scheme, name in (("w8a8", "8, 8 bits"), ("w4a8", "4, 8 bits")):
            cells = []
            for model in MODELS:
                mine = group(model, task, "1")
                cells.append(f"{change(mine[scheme], mine['float32']):+.1f} % of {mine['float32']['test_nrmse']:.3g}")
            lines.append(f"| {task} | {name} | " + " | ".join(cells) + " |")
    return lines


def scheme_table():
    """Every scheme beside the float row of the same training, seed 0."""
    lines = heading("model", "problem", "resolution", "width", "passes", "rows", "float32 nRMSE", *SCHEMES[1:])
    for resolution in RESOLUTIONS:
        for model in MODELS:
            for task in TASKS:
                mine = group(model, task, resolution)
                base = mine.get("float32")
                if not base:
                    continue
                cells = [f"{change(mine[s], base):+.1f} %" if s in mine else "missing" for s in SCHEMES[1:]]
                lines.append(f"| {model} | {task} | {resolution} | {base['width']} | {base['passes']} | {base['rows']} | "
                             f"{base['test_nrmse']:.3g} | " + " | ".join(cells) + " |")
    return lines


def seed_table():
    """Change of nRMSE against the float row of the same seed, mean (least to most)."""
    seeded = {}
    for r in rows:
        if not kept(r)[1]:
            key = (r["model"], r["task"], r["resolution"], r["width"], r["passes"], r["rows"])
            seeded.setdefault(key, {}).setdefault(r["seed"], {})[r["scheme"]] = r
    lines = heading("model", "problem", "resolution", "passes", "rows", "seeds", "float32 nRMSE", *CORE[1:])
    for resolution in RESOLUTIONS:
        for key, seeds in sorted(seeded.items(), key=lambda k: (MODELS.index(k[0][0]), TASKS.index(k[0][1]), k[0][4:])):
            runs = [s for s in seeds.values() if "float32" in s]
            if key[2] != resolution or len(runs) < 2:
                continue
            floats = [s["float32"]["test_nrmse"] for s in runs]
            cells = []
            for s in CORE[1:]:
                d = [change(r[s], r["float32"]) for r in runs if s in r]
                cells.append(spread(d) if len(d) == len(runs) else "missing")
            lines.append(f"| {key[0]} | {key[1]} | {key[2]} | {key[4]} | {key[5]} | {len(runs)} | "
                         f"{sum(floats) / len(floats):.3g} ({min(floats):.3g} to {max(floats):.3g}) | " + " | ".join(cells) + " |")
    return lines


def product_table():
    """Rows whose Fourier transforms or attention run in integers, beside those in which they are float."""
    all_rows = {}
    for r in rows:
        all_rows[tuple(r[k] for k in ("model", "task", "scheme", "resolution", "seed", "width", "passes")) + kept(r)] = r
    cells = {}
    for key, r in all_rows.items():
        plain = all_rows.get(key[:-1] + ("",))
        if key[-1] and plain and r["scheme"] != "float32":
            cells.setdefault((r["model"], r["task"], r["resolution"], r["scheme"], key[-1]), []).append((r, plain))
    lines = heading("model", "problem", "resolution", "scheme", "bits, matrix x rows", "seeds", "nRMSE", "against float products", "BOPs",
                    "times fewer")
    order = lambda c: (MODELS.index(c[0][0]), TASKS.index(c[0][1]), RESOLUTIONS.index(c[0][2]), SCHEMES.index(c[0][3]), c[0][4])
    for (model, task, resolution, scheme, bits), pairs in sorted(cells.items(), key=order):
        r, plain = pairs[0]
        mean = sum(a["test_nrmse"] for a, _ in pairs) / len(pairs)
        lines.append(f"| {model} | {task} | {resolution} | {scheme} | {bits} | {len(pairs)} | {mean:.3g} | "
                     f"{spread([change(a, b) for a, b in pairs])} | {r['bops']:.3g} | {plain['bops'] / r['bops']:.1f} |")
    return lines


def front_table():
    lines = []
    for cost in ("bops", "ms"):
        lines += ["", f"Error against {cost}:", ""]
        lines += heading("problem", f"rows on the front, cheapest first: model scheme resolution ({cost}, nRMSE)", "costliest / cheapest row")
        for task in TASKS:
            mine = [r for r in rows if r["task"] == task and r["seed"] == "0"]
            if not mine:
                continue
            text = "; ".join(f"{r['model']} {r['scheme']}{' p' + kept(r)[1] if kept(r)[1] else ''} {r['resolution']} "
                             f"({r[cost]:.3g}, {r['test_nrmse']:.3g})" for r in front(mine, cost))
            ratio = max(r[cost] for r in mine) / min(r[cost] for r in mine)
            lines.append(f"| {task} | {text} | {ratio:.3g} |")
    return lines


def main():
    write_between(sys.argv[2], {"changes": change_table()})
    write_between(sys.argv[3], {"schemes": scheme_table(), "seeds": seed_table(), "products": product_table(), "fronts": front_table()})
    draw(sys.argv[4])


main()
