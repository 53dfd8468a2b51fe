#!/usr/bin/env python3
"""Compiles every header alone, included twice, with warnings as errors, and names those that cannot stand.

Usage: alone_test.py <include folder> <scratch folder> alone|rooms <compiler> [flags...]
With `rooms` a folder's headers stand together, last first: a tenth of the time, for a second compiler.
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
from headers import OPTIONAL, PACKAGES, headers, is_rung

root, scratch, how, compiler = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4]
flags = sys.argv[5:]
if not shutil.which(compiler):
    print(f"{compiler} is not there")
    sys.exit(77)
scratch.mkdir(parents=True, exist_ok=True)
ccache = [shutil.which("ccache")] if shutil.which("ccache") else []


def is_optional(header):
    return header.partition("/")[2] in OPTIONAL


def stands(group):
    unit = scratch / (group[0].replace("/", "_") + ".cpp")
    unit.write_text("".join(f"#include <{header}>\n" for header in [*group, *group]))
    command = [*ccache, compiler, *flags, "-I", root, "-O0", "-c", str(unit), "-o", str(unit) + ".o"]
    done = subprocess.run(command, capture_output=True, text=True)
    absent = is_optional(group[0]) and ("No such file" in done.stderr or "file not found" in done.stderr)
    return group, done.returncode == 0, absent, done.stderr


groups = {}
every = [f"{package}/{h}" for package in PACKAGES for h in headers(root, package) if not is_rung(h)]
for header in reversed(every):
    own = how == "alone" or is_optional(header)
    groups.setdefault(header if own else pathlib.PurePosixPath(header).parent, []).append(header)
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    results = list(pool.map(stands, groups.values()))
for group, good, absent, errors in results:
    if not good:
        names = ", ".join(group)
        print(f"{names} " + ("left out: its library is absent" if absent else f"cannot stand:\n{errors}"))
fallen = [group for group, good, absent, _ in results if not good and not absent]
print(f"{sum(map(len, groups.values()))} headers in {len(results)} files, {len(fallen)} of which fail")
sys.exit(1 if fallen or not results else 0)
