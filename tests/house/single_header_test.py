#!/usr/bin/env python3
"""Compiles the two umbrella files against the single header alone, links them, and runs them.

Usage: single_header_test.py <amq.hpp> <scratch folder> <source folder> <compiler> <linked standard>
       <read standard> [flags...]
In the first standard the files become a program; in the second one of them is only read, which costs less.
"""
import concurrent.futures
import pathlib
import shutil
import subprocess
import sys

header, scratch, source = map(pathlib.Path, sys.argv[1:4])
compiler, linked, read, flags = sys.argv[4], sys.argv[5], sys.argv[6], sys.argv[7:]
if not shutil.which(compiler):
    print(f"{compiler} is not there")
    sys.exit(77)
alone = scratch / "include" / "amq"  # nothing else of amq can be found from here
shutil.rmtree(scratch, ignore_errors=True)
alone.mkdir(parents=True)
shutil.copy(header, alone / "amq.hpp")
ccache = [shutil.which("ccache")] if shutil.which("ccache") else []


def compile_one(name):
    command = [*ccache, compiler, f"-std={linked}", *flags, "-I", alone.parent, "-c", source / f"{name}.cpp",
               "-o", scratch / f"{name}.o"]
    subprocess.run(command, check=True)
    return scratch / f"{name}.o"


try:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        objects = list(pool.map(compile_one, ["umbrella_one", "umbrella_two"]))
    subprocess.run([compiler, *objects, "-pthread", "-o", scratch / "program"], check=True)
    subprocess.run([scratch / "program"], check=True)
    subprocess.run([compiler, f"-std={read}", *flags, "-I", alone.parent, "-fsyntax-only", source / "umbrella_one.cpp"],
                   check=True)
except subprocess.CalledProcessError as refused:
    sys.exit(f"failed: {' '.join(map(str, refused.cmd))}")
