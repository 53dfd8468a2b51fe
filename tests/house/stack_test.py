#!/usr/bin/env python3
"""No function of amq has a frame that a small stack cannot bear, or that jumps over a guard page.

Usage: stack_test.py <program.cpp> <scratch folder> <compiler> [flags...]
       stack_test.py <file of the compiler that says what stack each function takes>
Compiles the program with -fstack-usage and reads what the compiler says of every function; or reads
what it said when something larger was built.
"""
import pathlib
import subprocess
import sys

MOST = 16 * 1024  # bytes; threads of musl have 128 KiB, lightweight ones 64
if len(sys.argv) == 2:
    said = pathlib.Path(sys.argv[1])
    if not said.exists():
        print("the compiler does not say how much stack a function takes")
        sys.exit(77)
else:
    source, scratch, compiler, *flags = sys.argv[1:]
    scratch = pathlib.Path(scratch)
    scratch.mkdir(parents=True, exist_ok=True)
    unit = scratch / "unit.o"
    done = subprocess.run([compiler, *flags, "-fstack-usage", "-c", source, "-o", unit], capture_output=True, text=True)
    if done.returncode:
        if "fstack-usage" in done.stderr and "un" in done.stderr.split("fstack-usage")[0][-40:]:
            print(f"{compiler} does not say how much stack a function takes")
            sys.exit(77)
        sys.exit(done.stderr)
    said = unit.with_suffix(".su")
frames = []
for line in said.read_text(encoding="utf-8").splitlines():
    function, size, kind = line.rsplit("\t", 2)
    frames.append((int(size), function, kind))
large = [f for f in sorted(frames, reverse=True) if f[0] > MOST]
for size, function, kind in large:
    print(f"{size} bytes of stack ({kind}): {function}. Take the memory from the thread's own, not from its stack.")
kernels = [f for f in frames if "kernels" in f[1]]
print(f"{len(frames)} functions, {len(kernels)} of them kernels, the largest frame {max(frames)[0]} bytes")
sys.exit(1 if large or len(kernels) < 10 else 0)
