#!/usr/bin/env python3
"""Compiles every header alone, included twice, with warnings as errors, and names those that cannot stand.

Usage: alone_test.py <include folder> <scratch folder> <compiler> [flags...]
Through ccache, where it is there, a header that did not change costs nothing. An optional adapter
whose library is absent is left out, and said so.
"""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "scripts"))
from headers import OPTIONAL, headers

root, scratch, compiler = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
flags = sys.argv[4:]
if not shutil.which(compiler):
    print(f"{compiler} is not there")
    sys.exit(77)
scratch.mkdir(parents=True, exist_ok=True)
ccache = [shutil.which("ccache")] if shutil.which("ccache") else []


def stands(header):
    unit = scratch / (header.replace("/", "_") + ".cpp")
    unit.write_text(f"#include <amq/{header}>\n#include <amq/{header}>\n")
    command = [*ccache, compiler, *flags, "-I", root, "-O0", "-c", str(unit), "-o", str(unit) + ".o"]
    done = subprocess.run(command, capture_output=True, text=True)
    absent = header in OPTIONAL and ("No such file" in done.stderr or "file not found" in done.stderr)
    return header, done.returncode == 0, absent, done.stderr


with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    results = list(pool.map(stands, headers(root)))
for header, good, absent, errors in results:
    if not good:
        print(f"amq/{header} " + ("left out: its library is absent" if absent else f"does not stand alone:\n{errors}"))
fallen = [header for header, good, absent, _ in results if not good and not absent]
print(f"{len(results) - len(fallen)} of {len(results)} headers stand alone")
sys.exit(1 if fallen or not results else 0)
