#!/usr/bin/env python3
"""What a scheme costs and saves as a type, against one that is read from the file.

  schemes.py <include folder> [-isystem folder...] [--rounds N] [--folder F] [--csv FILE]

For each scheme: machine code of a program that loads and solves, processor seconds and megabytes of its
compilation, and milliseconds of a solve of 800 nodes beside those of the AnyScheme program on the same file.
Solves are taken in turn, one of each program a round, on one core; medians of their processor time.
"""
import argparse
import csv
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ALL = "1,2,3,4,5,6,8"
TYPED = {  # name: type, its name in a file, mean bits of the solves
    "one level, A<8>": ("amq::Scheme<amq::Weights<8>,amq::Activations<8>>", "w8a8_by_range", 8),
    "three, A<2, 4, 8>": ("amq::Scheme<amq::Weights<8>,amq::Activations<2,4,8>>", "w8a2,4,8_by_range", 3),
    "seven levels": (f"amq::Scheme<amq::Weights<8>,amq::Activations<{ALL}>>", f"w8a{ALL}_by_range", 3),
}
ANY = "AnyScheme"
HERE = pathlib.Path(__file__).parent


def compiled(command, out):
    """Seconds of processor time and megabytes of the compiler; bytes of machine code of the program."""
    child = subprocess.Popen([*command, "-o", out])
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit("the compiler refused " + " ".join(map(str, command)))
    text = subprocess.run(["size", out], check=True, capture_output=True, text=True).stdout.splitlines()[1].split()[0]
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, int(text)


class Solver:
    """A program that solves once for each character it is sent."""

    def __init__(self, program, file, bits):
        core = max(os.sched_getaffinity(0))
        self.process = subprocess.Popen([program, file, str(bits)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        self.ms = []

    def solve(self):
        self.process.stdin.write(".")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("include")
    ask.add_argument("-isystem", action="append", default=[])
    ask.add_argument("--compiler", default="g++")
    ask.add_argument("--rounds", type=int, default=101)
    ask.add_argument("--folder", help="where programs are left")
    ask.add_argument("--csv")
    given = ask.parse_args()
    flags = ["-std=c++20", "-march=native", "-I", given.include, *(f for d in given.isystem for f in ("-isystem", d))]
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(given.folder or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        maker = folder / "make"
        compiled([given.compiler, *flags, "-O1", "-DAMQ_MAKE", HERE / "schemes.cpp"], maker)
        rows = {}
        for k, (name, of) in enumerate([*((n, t[0]) for n, t in TYPED.items()), (ANY, "amq::AnyScheme")]):
            program = folder / f"scheme{k}"
            seconds, megabytes, code = compiled([given.compiler, *flags, "-O2", f"-DAMQ_SCHEME={of}",
                                                 HERE / "schemes.cpp"], program)
            rows[name] = {"scheme": name, "code_bytes": code, "compile_s": round(seconds, 1),
                          "compile_MB": round(megabytes)}
            print(f"{name:20} {code:9} bytes {seconds:7.1f} s {megabytes:6.0f} MB", flush=True)
        for k, (name, (_, scheme, bits)) in enumerate(TYPED.items()):
            file = folder / f"scheme{k}.safetensors"
            subprocess.run([maker, file, scheme, str(bits)], check=True)
            pair = [Solver(folder / f"scheme{k}", file, bits), Solver(folder / f"scheme{len(TYPED)}", file, bits)]
            for i in range(given.rounds + 3):
                for s in (pair, pair[::-1])[i % 2]:
                    ms = s.solve()
                    if i >= 3:
                        s.ms.append(ms)
            typed, read = (statistics.median(s.ms) for s in pair)
            share = statistics.median(a / b for a, b in zip(pair[0].ms, pair[1].ms))
            for s in pair:
                s.end()
            rows[name] |= {"solve_ms": round(typed, 3), "any_ms": round(read, 3), "of_any": round(share, 3)}
            print(f"{name:20} at {bits} bits: {typed:.3f} ms typed, {read:.3f} ms read from the file, "
                  f"median ratio {share:.3f}", flush=True)
    if given.csv:
        with open(given.csv, "w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, ["scheme", "code_bytes", "compile_s", "compile_MB", "solve_ms", "any_ms",
                                          "of_any"], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows.values())


main()
