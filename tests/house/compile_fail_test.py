#!/usr/bin/env python3
"""A case says what must not compile, and which sentence the caller must read.

Usage: compile_fail_test.py <case.cpp> <compiler> [flags...]
The file begins with `// expect: <message>`. It is built good first, then with AMQ_COMPILE_FAIL
defined, when it must be refused with that message in what the compiler says.
"""
import shutil
import subprocess
import sys

case, compiler, flags = sys.argv[1], sys.argv[2], sys.argv[3:]
if not shutil.which(compiler):
    print(f"{compiler} is not there")
    sys.exit(77)
with open(case, encoding="utf-8") as text:
    first = text.readline()
if not first.startswith("// expect: "):
    sys.exit(f"{case}:1: the first line must say `// expect: <message>`")
message = first.removeprefix("// expect: ").strip()


def build(*more):
    command = [compiler, *flags, *more, "-fsyntax-only", case]
    return subprocess.run(command, capture_output=True, text=True)


good = build()
if good.returncode:
    sys.exit(f"{case} must compile without AMQ_COMPILE_FAIL, else it proves nothing:\n{good.stderr}")
bad = build("-DAMQ_COMPILE_FAIL")
if not bad.returncode:
    sys.exit(f"{case} must not compile with AMQ_COMPILE_FAIL, but it does")
if message not in bad.stderr:
    sys.exit(f"{case}: wanted the message\n  {message}\nand the compiler said\n{bad.stderr}")
