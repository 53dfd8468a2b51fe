"""What time_rivals.py, time_rival_solves.py and time_torch_grid.py share: options, one core, and the table of speeds."""
import csv
import os
import pathlib
import statistics
import sys

COLUMNS = "machine,level,bench,shape,bits,contender,threads,ms,ratio_to_best_rival,ratio_to_roof".split(",")


def options(**known):
    """OUT.csv, MACHINE, BENCH and {name: number} of --name=number, whose defaults are given."""
    names = " ".join(f"[--{k}=N]" for k in known)
    said = dict(a.lstrip("-").partition("=")[::2] for a in sys.argv[4:])
    if len(sys.argv) < 4 or set(said) - set(known):
        sys.exit(f"usage: {sys.argv[0]} OUT.csv MACHINE BENCH {names}")
    return *sys.argv[1:4], {k: type(v)(said.get(k, v)) for k, v in known.items()}


def pin():
    """On one core, which is returned: what slows it slows all contenders."""
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def append(out, machine, level, bench, shape, times, is_rival):
    """A line for each contender. times: {(name, bits): milliseconds of each round}. is_rival: of a name, whether it is
    not ours; the best of those is what others are a share of."""
    medians = {key: statistics.median(ms) for key, ms in times.items()}
    rivals = [ms for (name, _), ms in medians.items() if is_rival(name)]
    best = min(rivals) if rivals else 0
    fresh = not pathlib.Path(out).exists()
    with open(out, "a", encoding="utf-8", newline="") as file:
        w = csv.writer(file, lineterminator="\n")
        if fresh:
            w.writerow(COLUMNS)
        for (name, bits), ms in medians.items():
            print(f"{bench:22} {shape:16} {bits:3} bits {name:40} {ms:10.4f} ms  {best / ms:6.2f} of the best rival's speed")
            w.writerow([machine, level, bench, shape, bits, name, 1, f"{ms:.4f}", f"{best / ms:.3f}", ""])
