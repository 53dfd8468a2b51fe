#!/usr/bin/env python3
"""The compiler reads every file of the studies, templates and all, without making code of it: a fifth of the time.

Usage: studies_test.py <bench folder> <compiler> [flags...]
For builds with -Dstudies=false.
"""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

bench, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
files = sorted(f for study in ("pareto", "grid") for f in (bench / study).glob("*.cpp"))


def read(file):
    done = subprocess.run([*command, "-fsyntax-only", str(file)], capture_output=True, text=True)
    return file, done.returncode, done.stderr


with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    fallen = [(f, errors) for f, status, errors in pool.map(read, files) if status]
for file, errors in fallen:
    print(f"{file}:\n{errors}")
print(f"{len(files)} files read, {len(fallen)} of which the compiler refuses")
sys.exit(1 if fallen or len(files) < 8 else 0)
