#!/usr/bin/env python3
"""Every function of the C interface is called by the fuzz target of it.
Usage: called_test.py amq.h targets_c.cpp"""
import pathlib
import re
import sys

header, target = (pathlib.Path(p).read_text() for p in sys.argv[1:3])
declared = set(re.findall(r"^AMQ_API [^;(]*?\b(amq_\w+)\(", header, re.M))
code = re.sub(r"//.*|\"(\\.|[^\"\\])*\"", "", target)
missing = sorted(name for name in declared if not re.search(rf"\b{name}\(", code))
if len(declared) < 20:
    sys.exit(f"amq.h declares {len(declared)} functions: was it read rightly?")
for name in missing:
    print(f"tests/fuzz/targets_c.cpp: {name} of amq.h is called nowhere. Add a call to the target, and a seed.")
sys.exit(1 if missing else 0)
