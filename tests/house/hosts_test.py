#!/usr/bin/env python3
"""The headers as hosts include them: beside macros and names of theirs, another standard library, their flags.

Usage: hosts_test.py macros|libc++|finite_math <include folder> <compiler> [flags...]
"""
import shutil
import subprocess
import sys

what, root, compiler = sys.argv[1:4]
flags = ["-I", root, *sys.argv[4:]]
if not shutil.which(compiler):
    print(f"{compiler} is not there")
    sys.exit(77)

# C's complex.h defines I, windef.h near and far, rpcndr.h small, Qt slots and signals, X11 None and Above;
# `map` is std's where both are in use.
MACROS = """#include <complex.h>
#define near
#define far
#define small char
#define interface struct
#define IN
#define OUT
#define ERROR 0
#define TRUE 1
#define slots
#define signals public
#define emit
#define foreach(x, y) for (x : y)
#define None 0L
#define Bool int
#define Above 0
#define Always 2
#define Complex 0
#define major(x) (x)
#define minor(x) (x)
#include <amq/amq.hpp>
#include <amq_lab/amq_lab.hpp>
using namespace std;
using namespace amq;
int main() { return static_cast<int>(map<int, int>().size()) + (I * I == -1.0 ? 0 : 1); }
"""
LIBCXX = """#include <amq/solver.hpp>
#include <amq_lab/data.hpp>
int main() {}
"""
# Reaches config.hpp, which every header with a loop does.
SMALL = "#include <amq/core/matrix_view.hpp>\nint main() {}\n"


def read(text, *more):
    done = subprocess.run([compiler, *flags, *more, "-fsyntax-only", "-x", "c++", "-"], input=text,
                          capture_output=True, text=True)
    return done.returncode == 0, done.stderr


def need(text, *more):
    good, errors = read(text, *more)
    if not good:
        sys.exit(f"{compiler} {' '.join(more)} refuses\n{text}\n{errors}")


if what == "macros":
    need(MACROS, "-std=gnu++20")
elif what == "libc++":
    if not read("#include <vector>\n", "-std=c++20", "-stdlib=libc++")[0]:
        print("libc++ is not there")
        sys.exit(77)
    need(LIBCXX, "-std=c++20", "-stdlib=libc++")
else:
    for flag in ("-ffast-math", "-ffinite-math-only", "-Ofast"):
        good, errors = read(SMALL, "-std=c++20", flag)
        if good or "amq: built with -ffast-math or -ffinite-math-only" not in errors:
            sys.exit(f"{compiler} {flag} is not refused by name, but says {errors!r}")
        need(SMALL, "-std=c++20", flag, "-DAMQ_ALLOW_FINITE_MATH")
    for header in ("core/error.hpp", "io/json.hpp", "io/array.hpp", "mesh/validate.hpp"):  # whatever is read alone
        good, errors = read(f"#include <amq/{header}>\n", "-std=c++20", "-ffinite-math-only")
        if good or "amq: built with -ffast-math or -ffinite-math-only" not in errors:
            sys.exit(f"{compiler} -ffinite-math-only is not refused in {header}, but says {errors!r}")
    for flag in ("-O3", "-funroll-loops", "-ffp-contract=fast"):
        need(SMALL, "-std=c++20", flag)
