#!/usr/bin/env python3
"""Writes amq as one file. Usage: single_header.py <include folder> amq/amq.hpp <output> [depfile]

Follows <amq/...>, each file once, and keeps every other include where it stands.
"""
import os
import pathlib
import sys

from headers import INCLUDE, OPTIONAL, headers


def inline(root, name, seen, out):
    path = (root / name).resolve()
    if not path.exists():
        sys.exit(f"single_header: {name} does not exist. Write it, or mend the include.")
    if path in seen:
        return
    seen.append(path)
    out.append(f"// ---- {name}\n")
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        found = INCLUDE.match(line)
        if found and found[1].startswith("amq/"):
            inline(root, found[1], seen, out)
        elif line.strip() != "#pragma once":
            out.append(line)


if __name__ == "__main__":
    root, target = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[3])
    seen, out = [], ["// amq as one file, made by scripts/single_header.py. Needs Eigen 3.4 and xsimd 8.1.\n",
                     "#pragma once\n"]
    inline(root, sys.argv[2], seen, out)
    for header in headers(root):
        if header not in OPTIONAL and (root / "amq" / header).resolve() not in seen:
            sys.exit(f"single_header: amq/{header} is not reached from {sys.argv[2]}. "
                     "Mend: python3 scripts/doors.py include")
    draft = target.with_name(target.name + ".part")
    draft.write_text("".join(out), encoding="utf-8")
    os.replace(draft, target)
    if len(sys.argv) > 4:
        pathlib.Path(sys.argv[4]).write_text(f"{target}: {' '.join(map(str, seen))}\n", encoding="utf-8")
