#!/usr/bin/env python3
"""One program, one print, however it is built: compilers contract a * b + c where they can.

Usage: equal_bits_test.py <include folder> <scratch folder> <program.cpp> [flags...]
Levels that this processor lacks are left out, and said so.
"""
import pathlib
import shutil
import subprocess
import sys

include, scratch, source, *flags = sys.argv[1:]
scratch = pathlib.Path(scratch)
scratch.mkdir(parents=True, exist_ok=True)
CPU = pathlib.Path("/proc/cpuinfo").read_text() if pathlib.Path("/proc/cpuinfo").exists() else ""
LEVELS = {"x86-64": (), "x86-64-v3": ("avx2", "fma"), "x86-64-v4": ("avx512f", "avx512vl", "avx512bw")}
WAYS = [("g++", "-O0", "x86-64"), ("g++", "-O2", "x86-64-v3"), ("g++", "-O3", "x86-64-v4"), ("clang++", "-O1", "x86-64"),
        ("clang++", "-O3 -ffp-contract=fast", "x86-64-v3")]

prints, left_out = {}, []
for compiler, optimize, level in WAYS:
    way = f"{compiler} {optimize} -march={level}"
    if not shutil.which(compiler) or not all(word in CPU for word in LEVELS[level]):
        left_out.append(way)
        continue
    program = scratch / way.replace(" ", "_").replace("+", "p")
    build = [compiler, *optimize.split(), f"-march={level}", "-std=c++20", "-I", include, *flags, source, "-o", program]
    done = subprocess.run(build, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{way} does not compile:\n{done.stderr}")
    prints[way] = subprocess.run([program], capture_output=True, text=True, check=True).stdout
for way in left_out:
    print(f"left out: {way}")
if len(prints) < 2:
    print("fewer than two ways to build on this machine")
    sys.exit(77)
first, *rest = prints
wrong = [way for way in rest if prints[way] != prints[first]]
for way in wrong:
    differ = [(a, b) for a, b in zip(prints[first].splitlines(), prints[way].splitlines()) if a != b]
    print(f"{way} differs from {first} in {len(differ)} lines, first {differ[:1]}")
print(f"{len(prints)} builds, {len(wrong)} of which differ")
sys.exit(1 if wrong or not prints[first] else 0)
