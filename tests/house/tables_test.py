#!/usr/bin/env python3
"""What scripts that compare amq with others share: their command lines, and the tables that they add to."""
import contextlib
import csv
import io
import os
import pathlib
import subprocess
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

    # Both scripts read a command line alike: options and the build folder in any order.
    (folder / "build" / "ptq_env").mkdir(parents=True)
    ask = f'usage=u; . "{scripts}/ptq_common.sh"; echo "$out|$build|$options"'
    for line in (["t", "--time", str(folder / "build"), "--rounds=3"], ["t", str(folder / "build"), "--time", "--rounds=3"]):
        done = subprocess.run(["sh", "-c", ask, str(scripts / "x"), *line], capture_output=True, text=True)
        check(done.stdout == f"t|{folder / 'build'}| --time --rounds=3\n", f"{line}: {done.stdout}{done.stderr}")
    done = subprocess.run(["sh", "-c", ask, str(scripts / "x")], capture_output=True, text=True)
    check(done.returncode == 2 and done.stderr == "usage: u\n", f"no arguments: {done}")

    try:
        import ptq_table
    except ImportError:
        print("numpy is not there: the table of quantization is not looked at")
    else:
        row = lambda n, s, e: {**dict.fromkeys(ptq_table.COLUMNS, ""), "network": n, "tool": "t", "scheme": s, "error": e}  # noqa: E731
        rows = []
        for r in (row("fno", "a", "1"), row("unet", "a", "2"), row("fno", "b", "3"), row("fno", "a", "4")):
            ptq_table.put(rows, r)
        check([(r["network"], r["scheme"], r["error"]) for r in rows]
              == [("fno", "a", "4"), ("fno", "b", "3"), ("unet", "a", "2")], f"put: {rows}")  # fmt: skip
        ptq_table.write(folder / "q.csv", rows)
        check(ptq_table.rows_of(folder / "q.csv") == rows and ptq_table.rows_of(folder / "no.csv") == [], "and back")
        sys.argv = ["x.py", "o", "f", "--time", "--rounds=3"]
        check(ptq_table.options(["time", "rounds"]) == {"time": "", "rounds": "3"}, "options of quantization")
        refused("[--rounds]", lambda: ptq_table.options(["rounds"]))
        asked, before = [], os.sched_getaffinity(0)
        note = lambda k, s: asked.append((k + str(s), len(os.sched_getaffinity(0))))  # noqa: E731
        ms = ptq_table.turns({k: lambda s, k=k: note(k, s) for k in "ab"}, 3, 2)
        check(asked == [(k, 1) for k in ("a0", "b0", "a1", "b1", "a0", "b0")], f"turns on one core: {asked}")
        check(set(ms) == {"a", "b"} and os.sched_getaffinity(0) == before, "medians, and all cores again")
        check(ptq_table.turns({"a": None}, 0, 2) == {}, "no rounds")

print("\n".join(bad) or "tables and command lines are as they should be")
sys.exit(1 if bad else 0)
