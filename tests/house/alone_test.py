#!/usr/bin/env python3
"""Compiles every header alone, included twice, with warnings as errors, and names those that cannot stand.

Usage: alone_test.py <include folder> <scratch folder> alone|rooms <compiler> [flags...]
With `rooms` a folder's headers stand together, last first: a tenth of the time, for a second compiler.
Through ccache, where it is there, a header that did not change costs nothing. An optional adapter
whose library is absent is left out, and said so.

Most of the time would go into Eigen and xsimd, read anew for each header. g++ reads them precompiled, but
only for headers that reach them by themselves: what a header forgets to include is missing as before.
"""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "scripts"))
from headers import OPTIONAL, PACKAGES, headers, includes, is_rung

root, scratch, how, compiler = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4]
flags = sys.argv[5:]
if not shutil.which(compiler):
    print(f"{compiler} is not there")
    sys.exit(77)
scratch.mkdir(parents=True, exist_ok=True)
ccache = [shutil.which("ccache")] if shutil.which("ccache") else []


# What is precompiled for whom: the one header of amq that includes it.
PRECOMPILED = {"Eigen/Core": "amq/core/eigen.hpp", "xsimd/xsimd.hpp": "amq/simd/registers.hpp"}
environment = os.environ | {"CCACHE_SLOPPINESS": "pch_defines,time_macros"}


def below(header, seen):
    """Every header of either package that this one reaches, itself too."""
    package, _, name = header.partition("/")
    if package in PACKAGES and header not in seen:
        seen.add(header)
        for _, included in includes(root, name, package):
            below(included, seen)
    return seen


def libraries_of(header):
    reached = below(header, set())
    return tuple(library for library, by in PRECOMPILED.items() if by in reached)


def precompile(libraries):
    """Flags with which these are there at no cost."""
    if not libraries:
        return []
    header = scratch / ("precompiled_" + "_".join(l.split("/")[0] for l in libraries) + ".hpp")
    header.write_text("".join(f"#include <{library}>\n" for library in libraries))
    out = header.with_suffix(".hpp.gch")
    out.unlink(missing_ok=True)
    done = subprocess.run([compiler, *flags, "-O0", "-x", "c++-header", header, "-o", out])
    return ["-include", str(header), "-Winvalid-pch", "-fpch-preprocess"] if done.returncode == 0 else []


def is_optional(header):
    return header.partition("/")[2] in OPTIONAL


def stands(group):
    unit = scratch / (group[0].replace("/", "_") + ".cpp")
    unit.write_text("".join(f"#include <{header}>\n" for header in [*group, *group]))
    command = [*ccache, compiler, *flags, *ready.get(libraries_of(group[0]), []), "-I", root, "-O0", "-c", str(unit),
               "-o", str(unit) + ".o"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    absent = is_optional(group[0]) and ("No such file" in done.stderr or "file not found" in done.stderr)
    return group, done.returncode == 0, absent, done.stderr


groups = {}
every = [f"{package}/{h}" for package in PACKAGES for h in headers(root, package) if not is_rung(h)]
for header in reversed(every):
    own = how == "alone" or is_optional(header)
    groups.setdefault(header if own else pathlib.PurePosixPath(header).parent, []).append(header)
ready = {}
if how == "alone" and compiler.startswith("g++"):
    ready = {libraries: precompile(libraries) for libraries in {libraries_of(group[0]) for group in groups.values()}}
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    results = list(pool.map(stands, groups.values()))
for group, good, absent, errors in results:
    if not good:
        names = ", ".join(group)
        print(f"{names} " + ("left out: its library is absent" if absent else f"cannot stand:\n{errors}"))
fallen = [group for group, good, absent, _ in results if not good and not absent]
print(f"{sum(map(len, groups.values()))} headers in {len(results)} files, {len(fallen)} of which fail")
sys.exit(1 if fallen or not results else 0)
