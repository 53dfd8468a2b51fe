#!/usr/bin/env python3
"""What scripts that compare amq with others share: their command lines, and the tables that they add to."""
import contextlib
import csv
import io
import pathlib
import sys
import tempfile

scripts = pathlib.Path(__file__).parents[2] / "scripts"
sys.path.insert(0, str(scripts))
import rival_table

bad = []


def check(good, what):
    if not good:
        bad.append(what)


def refused(words, call):
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            call()
        check(False, f"expected '{words}'")
    except SystemExit as e:
        check(words in str(e), f"expected '{words}', found {e}")


sys.argv = ["x.py", "out.csv", "here", "bench", "--rounds=3"]
check(rival_table.options(rounds=9, seconds=0.5) == ("out.csv", "here", "bench", {"rounds": 3, "seconds": 0.5}), "options")
refused("usage: x.py OUT.csv MACHINE BENCH [--nodes=N]", lambda: rival_table.options(nodes=1000))
sys.argv = sys.argv[:2]
refused("usage", lambda: rival_table.options(rounds=9))

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    with contextlib.redirect_stdout(io.StringIO()):
        for bench in ("a", "b"):
            rival_table.append(folder / "t.csv", "here", "avx2", bench, "4x4",
                               {("amq", 8): [3, 1, 2], ("slow", 32): [8, 8], ("fast", 8): [4]}, lambda n: n != "amq")  # fmt: skip
    rows = list(csv.DictReader((folder / "t.csv").open(encoding="utf-8")))
    said = [(r["bench"], r["contender"], r["ms"], r["ratio_to_best_rival"]) for r in rows]
    wanted = [("amq", "2.0000", "2.000"), ("slow", "8.0000", "0.500"), ("fast", "4.0000", "1.000")]
    check(said == [(b, *w) for b in "ab" for w in wanted], f"rows: {said}")

print("\n".join(bad) or "tables and command lines are as they should be")
sys.exit(1 if bad else 0)
