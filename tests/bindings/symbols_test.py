#!/usr/bin/env python3
"""libamq_c shows the functions that amq.h declares, each with its version, and nothing else; it is
small and depends on nothing but what the compiler brings.
Usage: symbols_test.py LIBRARY amq.h amq.map"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

library, header, version_map = sys.argv[1:4]
if not shutil.which("nm") or not shutil.which("readelf"):
    print("nm and readelf are not there")
    sys.exit(77)
# What came after the first version says so: programs that need it do not start with an older library.
versions = {"amq_held_out_error": "AMQ_2", "amq_boundary_distance": "AMQ_3"}
declared = set(re.findall(r"^AMQ_API [^;(]*?\b(amq_\w+)\(", pathlib.Path(header).read_text(), re.M))
mapped = set(re.findall(r"^\s+(amq_\w+);", pathlib.Path(version_map).read_text(), re.M))
shown = set()
bad = []
listed = subprocess.run(["nm", "-D", "--defined-only", "--with-symbol-versions", library],
                        capture_output=True, text=True, check=True).stdout
for line in listed.splitlines():
    name = line.split()[-1]
    if re.fullmatch(r"(AMQ_\d)(@@\1)?", name):
        continue
    came = versions.get(name.split("@")[0], "AMQ_1")
    if not name.endswith(f"@@{came}"):
        bad.append(f"{name} is shown, without the version {came}")
    shown.add(name.split("@")[0])
for what, names in (("declared in amq.h and not shown", declared - shown),
                    ("shown and not declared in amq.h", shown - declared),
                    ("in amq.map and not declared", mapped - declared)):
    bad += [f"{n} is {what}" for n in sorted(names)]
if len(declared) < 20:
    bad.append(f"amq.h declares {len(declared)} functions: was it read rightly?")
needed = re.findall(r"\(NEEDED\).*\[(.*)\]",
                    subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True).stdout)
known = re.compile(r"lib(stdc\+\+|m|c|gcc_s|pthread|asan|ubsan|tsan)\.so|ld-linux")
bad += [f"it needs {n}" for n in needed if not known.match(n)]
with tempfile.TemporaryDirectory() as folder:
    stripped = pathlib.Path(folder) / "stripped.so"
    subprocess.run(["strip", "-o", str(stripped), library], check=True)
    size = stripped.stat().st_size
if size >= 5_000_000 and not any("san" in n for n in needed):
    bad.append(f"it has {size} bytes stripped, expected less than 5 MB")
print("\n".join(bad) or f"{len(shown)} functions, {size} bytes stripped, needs {', '.join(needed)}")
sys.exit(1 if bad else 0)
