#!/usr/bin/env python3
"""One program for every machine: levels of instruction set sealed by scripts/seal_level.sh, linked in both orders.

Usage: levels_test.py <seal_level.sh> <levels folder> <scratch folder> <include folder> <compiler> [flags...]
No symbol but the entries is shared, the program runs as machines of three kinds, and gives one result.
"""
import pathlib
import platform
import shutil
import subprocess
import sys

seal, here, scratch, include, compiler, *flags = sys.argv[1:]
tools = ["ld", "objcopy", "nm", "qemu-x86_64"]
if platform.machine() != "x86_64" or not all(map(shutil.which, tools)):
    print(f"skipped: needs an x86-64 machine and {', '.join(tools)}")
    sys.exit(77)
here, scratch = pathlib.Path(here), pathlib.Path(scratch)
scratch.mkdir(parents=True, exist_ok=True)


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\nended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def symbols(*options):
    return {line.split()[-1] for line in run("nm", "--defined-only", *options).splitlines()}


LEVELS = {"baseline": ["-march=x86-64"], "v3": ["-march=x86-64-v3"],
          "vnni": ["-march=x86-64-v4", "-mavx512vnni"]}
build = [compiler, "-std=c++20", "-O1", "-I", include, *flags]
if "clang" not in compiler:
    build.append("-fno-gnu-unique")
plain, sealed = {}, {}
for level, march in LEVELS.items():
    plain[level], sealed[level] = scratch / f"{level}.o", scratch / f"sealed_{level}.o"
    run(*build, *march, f"-DAMQ_ENTRY=solve_{level}", "-c", here / "solve.cpp", "-o", plain[level])
    run("sh", seal, sealed[level], f"solve_{level}", plain[level])
    found = symbols("-g", sealed[level])
    if found != {f"solve_{level}"}:
        sys.exit(f"the sealed {level} shows {sorted(found)[:9]}; only its entry may be seen")
# The test can fail: unsealed, levels do share inline functions.
shared = symbols("-g", plain["v3"]) & symbols("-g", plain["baseline"])
if not shared:
    sys.exit("unsealed levels share nothing: this test looks at the wrong objects")

choose = scratch / "choose.o"
run(*build, "-march=x86-64", "-c", here / "choose.cpp", "-o", choose)
results = set()
for turn, order in {"up": list(sealed), "down": list(sealed)[::-1]}.items():
    program = scratch / f"program_{turn}"
    run(compiler, choose, *[sealed[level] for level in order], "-o", program)
    for machine, level in {"Nehalem": "portable", "Haswell": "avx2"}.items():
        name, result = run("qemu-x86_64", "-cpu", machine, program).split()
        if name != level:
            sys.exit(f"linked {turn}wards, the program runs its {name} level as {machine}, not {level}")
        results.add(result)
    results.add(run(program).split()[1])
if len(results) != 1:
    sys.exit(f"results differ: {results}")
print(f"{len(shared)} symbols that unsealed levels share stay apart; one result in both orders on every machine")
