#!/usr/bin/env python3
"""One program, a library for each kind of machine: the loader takes the best when the program starts, as
scripts/c_levels.sh places them. Of the library there is what says its instruction set.
Usage: levels_test.py C_LEVELS INCLUDE AMQ_H COMPILER"""
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

from checks import check, end

script, include, header, compiler = sys.argv[1:5]
loader = pathlib.Path("/lib64/ld-linux-x86-64.so.2")
if platform.machine() != "x86_64" or not loader.exists():
    print("no loader of x86-64 Linux")
    sys.exit(77)
told = subprocess.run([loader, "--help"], capture_output=True, text=True).stdout
able = re.findall(r"^ +(x86-64-v\d) \(supported", told, re.M)
if "--glibc-hwcaps-mask" not in told or "x86-64-v3" not in able:
    print("glibc before 2.33, or a machine without AVX2")
    sys.exit(77)


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


LIBRARY = """#include <amq/simd/arch.hpp>
extern "C" const char* amq_instruction_set(void) { return amq::simd::Native::name; }
"""
PROGRAM = """#include <amq.h>
#include <cstdio>
int main() { std::puts(amq_instruction_set()); }
"""
with tempfile.TemporaryDirectory() as folder:
    here = pathlib.Path(folder)
    (here / "library.cpp").write_text(LIBRARY)
    (here / "program.cpp").write_text(PROGRAM)
    levels = [k for k in ("x86-64-v2", "x86-64-v3", "x86-64-v4") if k in able]
    for level in levels:
        made = here / f"{level}.so"
        run(compiler, "-std=c++20", "-O1", "-shared", "-fPIC", f"-march={level}", "-I", include,
            "-Wl,-soname,libamq_c.so.1", here / "library.cpp", "-o", made)  # fmt: skip
        run("sh", script, "--place", here / "prefix", level, made)
    lib = here / "prefix" / "lib"
    run(compiler, "-std=c++20", "-I", pathlib.Path(header).parent, here / "program.cpp", "-o", here / "program",
        "-L", lib, "-lamq_c")  # fmt: skip
    start = [loader, "--library-path", lib]
    said = {level: run(*start, "--glibc-hwcaps-mask", level, here / "program") for level in levels}
    wanted = {"x86-64-v2": "portable", "x86-64-v3": "avx2", "x86-64-v4": "avx512"}
    check(said == {level: wanted[level] for level in levels}, f"levels: {said}")
    check(run(*start, here / "program") == wanted[levels[-1]], "the best of them")
    done = subprocess.run(["sh", script, "--place", here, "x86-64-v9", __file__], capture_output=True, text=True)
    check(done.returncode == 1 and "found x86-64-v9" in done.stderr, f"another level: {done}")
    check(subprocess.run(["sh", script], capture_output=True).returncode == 2, "no arguments")
end()
