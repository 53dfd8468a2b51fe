#!/usr/bin/env python3
"""Pareto fronts of docs/results/grid.csv: plot_grid.py CSV PNG   draws error against BOPs and against milliseconds;
plot_grid.py CSV --tables   prints what docs/results/grid.md shows, in Markdown."""
import csv
import sys

SCHEMES = ["float32", "w16a16", "w8a32", "w8a16", "w8a8", "w4a8", "w4a4"]
TASKS = ["diffusion_sorption", "burgers", "navier_stokes", "darcy"]
MODELS = ["fno", "unet", "transformer"]
RESOLUTIONS = ["1", "1/2", "1/4"]

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


def products():
    """Rows whose Fourier transforms or attention run in integers, beside those in which they are float."""
    other = {}
    for r in rows:
        other[tuple(r[k] for k in ("model", "task", "scheme", "resolution", "seed", "width", "passes")) + kept(r)] = r
    print("| model | problem | resolution | scheme | matrix x rows | seeds | nRMSE | against float products | BOPs | times fewer |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    cells = {}
    for key, r in other.items():
        plain = other.get(key[:-1] + ("",))
        if key[-1] and plain and r["scheme"] != "float32":
            cells.setdefault((r["model"], r["task"], r["resolution"], r["scheme"], key[-1]), []).append((r, plain))
    for (model, task, resolution, scheme, t), pairs in sorted(cells.items(), key=lambda c: (c[0][0], TASKS.index(c[0][1]), c[0][2:])):
        change = [100 * (a["test_nrmse"] / b["test_nrmse"] - 1) for a, b in pairs]
        r, plain = pairs[0]
        print(f"| {model} | {task} | {resolution} | {scheme} | {t} | {len(pairs)} | {r['test_nrmse']:.3g} | "
              f"{sum(change) / len(change):+.1f} % ({min(change):+.1f} to {max(change):+.1f}) | {r['bops']:.3g} | "
              f"{plain['bops'] / r['bops']:.1f} |")


def tables():
    core = [s for s in SCHEMES if s not in ("w8a32", "w16a16")]

    def group(model, task, resolution):
        """The rows of one width, training and kind of rows: of several the one with most schemes, then the longest,
        then the one whose float network errs least."""
        groups = {}
        for r in rows:
            if (r["model"], r["task"], r["resolution"], r["seed"]) == (model, task, resolution, "0") and not kept(r)[1]:
                groups.setdefault((r["width"], r["passes"], r["seed"], r["rows"]), {})[r["scheme"]] = r
        return max(groups.items(), key=lambda g: (len(set(core) & set(g[1])), int(g[0][1].split("+")[0]), ["affine", "min_max", "min_max e16"].index(g[0][3]),
                                                  -g[1].get("float32", {"test_nrmse": 1})["test_nrmse"]),
                   default=(None, {}))[1]

    print("| model | problem | resolution | width | passes | rows | float32 nRMSE | " + " | ".join(SCHEMES[1:]) + " |")
    print("|---" * (7 + len(SCHEMES[1:])) + "|")
    for resolution in RESOLUTIONS:
        for model in MODELS:
            for task in TASKS:
                mine = group(model, task, resolution)
                base = mine.get("float32")
                if not base:
                    print(f"| {model} | {task} | {resolution} | | | | missing |" + " |" * len(SCHEMES[1:]))
                    continue
                cells = []
                for s in SCHEMES[1:]:
                    r = mine.get(s)
                    cells.append(f"{100 * (r['test_nrmse'] / base['test_nrmse'] - 1):+.1f} %" if r else "missing")
                print(f"| {model} | {task} | {resolution} | {base['width']} | {base['passes']} | {base['rows']} | "
                      f"{base['test_nrmse']:.3g} | " + " | ".join(cells) + " |")
    print("\nSeeds: change of nRMSE against the float row of the same seed, mean (least to most):\n")
    print("| model | problem | resolution | passes | rows | seeds | float32 nRMSE | " + " | ".join(core[1:]) + " |")
    print("|---" * (7 + len(core[1:])) + "|")
    seeded = {}
    for r in rows:
        if kept(r)[1]:
            continue
        key = (r["model"], r["task"], r["resolution"], r["width"], r["passes"], r["rows"])
        seeded.setdefault(key, {}).setdefault(r["seed"], {})[r["scheme"]] = r["test_nrmse"]
    for resolution in RESOLUTIONS:
        for key, seeds in sorted(seeded.items(), key=lambda k: (MODELS.index(k[0][0]), TASKS.index(k[0][1]), k[0][4:])):
            runs = [s for s in seeds.values() if "float32" in s]
            if key[2] != resolution or len(runs) < 2:
                continue
            floats = [s["float32"] for s in runs]
            cells = []
            for s in core[1:]:
                d = [100 * (r[s] / r["float32"] - 1) for r in runs if s in r]
                cells.append(f"{sum(d) / len(d):+.1f} % ({min(d):+.1f} to {max(d):+.1f})" if len(d) == len(runs) else "missing")
            print(f"| {key[0]} | {key[1]} | {key[2]} | {key[4]} | {key[5]} | {len(runs)} | "
                  f"{sum(floats) / len(floats):.3g} ({min(floats):.3g} to {max(floats):.3g}) | " + " | ".join(cells) + " |")
    print("\nProducts without weights in integers:\n")
    products()
    for cost in ("bops", "ms"):
        print(f"\nFronts, error against {cost}:\n")
        print(f"| problem | rows on the front, cheapest first: model scheme resolution ({cost}, nRMSE) | dearest / cheapest row |")
        print("|---|---|---|")
        for task in TASKS:
            mine = [r for r in rows if r["task"] == task and r["seed"] == "0"]
            if not mine:
                continue
            text = "; ".join(f"{r['model']} {r['scheme']}{' p' + kept(r)[1] if kept(r)[1] else ''} {r['resolution']} ({r[cost]:.3g}, {r['test_nrmse']:.3g})"
                             for r in front(mine, cost))
            spread = max(r[cost] for r in mine) / min(r[cost] for r in mine)
            print(f"| {task} | {text} | {spread:.3g} |")


if sys.argv[2] == "--tables":
    tables()
else:
    draw(sys.argv[2])
