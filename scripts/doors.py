#!/usr/bin/env python3
"""Keeps the doors: amq/<room>.hpp reaches its whole room, amq/amq.hpp reaches everything.

  doors.py include           writes every door that does not
  doors.py include --check   only says which, and fails
A door written by hand stays as it is while it reaches its room. Headers in subfolders (one rung of an
instruction set a file) are reached through the headers they belong to.
"""
import pathlib
import sys

from headers import FLOORS, OPTIONAL, headers, reached, room_of

SAYS = {
    "core": "Room core: errors, views, random numbers, and who runs a loop.",
    "simd": "Room simd: the ladder of instruction sets, and what is written once for all of them.",
    "quant": "Room quant: numbers of few bits, their scales, and tensors of them.",
    "kernels": "Room kernels: integer and mixed products, requantization, reductions.",
    "mesh": "Room mesh: meshes, graphs by receiver, and where edges come from.",
    "arithmetic": "Room arithmetic: the waist, and the arithmetics that run a model.",
    "nn": "Room nn: layers, written once over an arithmetic.",
    "models": "Room models: whole networks, one file each.",
    "allocation": "Room allocation: what a pass costs, and who gets how many bits.",
    "pde": "Room pde: one file a problem, with its equations, reference solver and sampler.",
    "io": "Room io: files in and out. Adapters to optional libraries are included by name.",
    "train": "Room train: losses, optimizers, schedules, and the trainer.",
}
EVERYTHING = "Everything: the root of the single header. Adapters to optional libraries are not in it."


def doors(all_headers):
    """door -> what it must include and reach."""
    rooms = sorted((r for r in FLOORS if any(h.startswith(r + "/") for h in all_headers)),
                   key=lambda room: (FLOORS[room], room))
    wanted = {f"{room}.hpp": [h for h in all_headers if h.startswith(room + "/") and h not in OPTIONAL]
              for room in rooms if room in SAYS}
    wanted["amq.hpp"] = [h for h in all_headers if h not in OPTIONAL and h != "amq.hpp"]
    return wanted


def write(root, door, members, all_headers):
    if door == "amq.hpp":
        rest = [h for h in all_headers if h.startswith("solver/") and h not in reached(root, "solver.hpp")]
        members = sorted([h for h in all_headers if "/" not in h and h != "amq.hpp"] + rest)
    else:
        members = [h for h in members if h.count("/") == 1]
    lines = "".join(f"#include <amq/{h}>\n" for h in members)
    says = EVERYTHING if door == "amq.hpp" else SAYS[room_of(door)]
    (pathlib.Path(root) / "amq" / door).write_text(f"#pragma once\n/// @file\n/// {says}\n\n{lines}", encoding="utf-8")


def unreached(root, door, members):
    if not (pathlib.Path(root) / "amq" / door).exists():
        return members
    return sorted(set(members) - reached(root, door))


def main(root, check):
    failed = False
    for door, members in doors(headers(root)).items():
        if not check and unreached(root, door, members):
            write(root, door, members, headers(root))
        for header in unreached(root, door, members):
            failed = True
            print(f"amq/{door} does not reach {header}. Mend: python3 scripts/doors.py include")
    for header in sorted(reached(root, "amq.hpp") & OPTIONAL):
        failed = True
        print(f"amq/amq.hpp reaches {header}, which needs a library that amq does not ask for. Include it by name only.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "--check" in sys.argv))
