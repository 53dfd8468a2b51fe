#!/usr/bin/env python3
"""The compiler reads every file of bench/, templates and all, without making code of it: a fifth of the time.

Usage: benches_test.py <bench folder> <compiler> [flags...]
For builds with -Dbench_by_default=false. Files whose library is not installed are skipped, which is said.
"""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

LIBRARIES = {"allocate.cpp": "benchmark/benchmark.h", "messages.cpp": "mpi.h"}

bench, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
files = sorted(bench.glob("*/*.cpp"))


def compiles(arguments, text=None):
    done = subprocess.run([*command, "-fsyntax-only", *arguments], input=text, capture_output=True, text=True)
    return done.returncode == 0, done.stderr


for file in list(files):
    header = LIBRARIES.get(file.name)
    if header and not compiles(["-x", "c++", "-"], f"#include <{header}>\n")[0]:
        print(f"{file} is not read: {header} is not installed")
        files.remove(file)

with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    results = list(pool.map(lambda file: compiles([str(file)]), files))
fallen = [(file, errors) for file, (good, errors) in zip(files, results) if not good]
for file, errors in fallen:
    print(f"{file}:\n{errors}")
print(f"{len(files)} files read, {len(fallen)} of which the compiler refuses")
sys.exit(1 if fallen or len(files) < 18 else 0)
