#!/usr/bin/env python3
"""What it costs to include each door: instantiations, seconds and megabytes.

  include_cost.py <include folder> [-isystem folder...]            measures, prints a table
  include_cost.py <include folder> ... --record <table>            writes the counts down
  include_cost.py <include folder> ... --check <table>             fails when a count grew by more than 3 %
                                                                   or solver.hpp left its budget
The instantiations, counted by clang 14, are exact and do not waver. Seconds and megabytes are g++'s at
-O2 -march=native; those of solver.hpp are held against <Eigen/Dense> on the same machine in the same minute.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "scripts"))
from headers import headers

SLACK = 1.03
# What solver.hpp may take, times <Eigen/Dense>. The goal is 1.4 and 1.15 (330 MB); docs/results/house.md says
# what is in the way. Lower both when it is reached.
SECONDS_OF_DENSE, MEGABYTES_OF_DENSE = 4.0, 1.9
COUNTED = ("InstantiateClass", "InstantiateFunction")


def instantiations(clang, flags, source, folder):
    """Templates that clang instantiated, by its own trace."""
    out = pathlib.Path(folder) / "unit.o"
    subprocess.run([clang, *flags, "-ftime-trace", "-ftime-trace-granularity=0", "-c", source, "-o", out], check=True)
    with open(out.with_suffix(".json"), encoding="utf-8") as trace:
        return sum(event["name"] in COUNTED for event in json.load(trace)["traceEvents"])


def seconds_and_megabytes(compiler, flags, source):
    """Of one run of the compiler: processor time, which a busy machine disturbs least."""
    child = subprocess.Popen([compiler, *flags, "-O2", "-march=native", "-c", source, "-o",
                              pathlib.Path(source).with_suffix(".o")])
    _, status, usage = os.wait4(child.pid, 0)  # of the driver and the compiler below it
    if status:
        sys.exit(f"{compiler} refused {source}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("include")
    ask.add_argument("-isystem", action="append", default=[])
    ask.add_argument("--compiler", default="g++")
    ask.add_argument("--check")
    ask.add_argument("--record")
    ask.add_argument("--only", nargs="+", help="some doors, e.g. solver.hpp")
    given = ask.parse_args()
    clang = shutil.which("clang++-14") or shutil.which("clang++")
    if not clang or "version 14." not in subprocess.run([clang, "--version"], capture_output=True, text=True).stdout:
        print("clang 14 is not there: its counts are the ones on record")
        sys.exit(77)
    # One instruction set for all: the counts must not depend on the machine.
    flags = ["-std=c++20", "-O0", "-I", given.include, *(f for d in given.isystem for f in ("-isystem", d))]
    known = {}
    if given.check:
        lines = pathlib.Path(given.check).read_text(encoding="utf-8").splitlines()
        known = {door: int(count) for door, count in (line.split() for line in lines if line[:1] not in ("", "#"))}
    doors = [h for h in headers(given.include) if "/" not in h and (not given.only or h in given.only)]
    counts, failed = {}, False
    with tempfile.TemporaryDirectory() as folder:
        for door in doors:
            source = pathlib.Path(folder) / "unit.cpp"
            source.write_text(f"#include <amq/{door}>\n", encoding="utf-8")
            counts[door] = instantiations(clang, flags, source, folder)
            line = f"{door:16} {counts[door]:6} instantiations"
            if not given.check or door == "solver.hpp":
                spent, size = seconds_and_megabytes(given.compiler, flags, source)
                if door == "solver.hpp" and given.check:
                    # Twice in turn, least against least: what else the machine does only adds to either.
                    eigen = pathlib.Path(folder) / "eigen.cpp"
                    eigen.write_text("#include <Eigen/Dense>\n", encoding="utf-8")
                    dense = seconds_and_megabytes(given.compiler, flags, eigen)
                    again = seconds_and_megabytes(given.compiler, flags, source)
                    spent, size = min(spent, again[0]), min(size, again[1])
                    seconds = min(dense[0], seconds_and_megabytes(given.compiler, flags, eigen)[0])
                    times, larger = spent / seconds, size / dense[1]
                line += f" {spent:6.2f} s {size:5.0f} MB"
                if door == "solver.hpp" and given.check:
                    line += f", {times:.2f} and {larger:.2f} times <Eigen/Dense>"
                    if times > SECONDS_OF_DENSE or larger > MEGABYTES_OF_DENSE:
                        failed = True
                        line += "  <- over its budget"
            if door in known and counts[door] > known[door] * SLACK:
                failed = True
                line += f"  <- {known[door]} on record. Mend the include, or record why it is worth it."
            print(line, flush=True)
    if given.record:
        text = "# door, instantiations of clang 14; made by bench/compile/include_cost.py --record\n"
        text += "".join(f"{door} {count}\n" for door, count in counts.items())
        pathlib.Path(given.record).write_text(text, encoding="utf-8")
    sys.exit(1 if failed else 0)


main()
