#!/usr/bin/env python3
"""Keeps the doors: <room>.hpp reaches its whole room, amq.hpp and amq_lab.hpp reach everything of their roots.

  doors.py include           writes every door that does not
  doors.py include --check   only says which, and fails
A door written by hand stays as it is while it reaches its room. Headers in subfolders (one rung of an
instruction set a file) are reached through the headers they belong to.
"""
import pathlib
import sys

from headers import OPTIONAL, PACKAGES, headers, reached, room_of

SAYS = {
    "core": "Room core: errors, views, random numbers, and who runs a loop.",
    "simd": "Room simd: the ladder of instruction sets, and what is written once for all of them.",
    "quant": "Room quant: numbers of few bits, their scales, and tensors of them.",
    "kernels": "Room kernels: integer and mixed products, requantization, reductions.",
    "mesh": "Room mesh: meshes, graphs by receiver, and where edges come from.",
    "ops": "Room ops: operations on rows, each with its shape, cost, value and gradient.",
    "arithmetic": "Room arithmetic: the waist, and the arithmetics that run a model.",
    "nn": "Room nn: layers, written once over an arithmetic.",
    "models": "Room models: whole networks, one file each.",
    "allocation": "Room allocation: what a pass costs, and who gets how many bits.",
    "io": "Room io: files in and out.",
    "data": "Room data of the lab: readers and writers of people's files and of public data sets.",
    "draw": "Room draw of the lab: pictures of meshes and fields.",
    "problems": "Room problems of the lab: one file a problem, with its equations, reference solver and sampler.",
    "parallel": "Room parallel: ranks that work on one problem, and how they talk.",
    "train": "Room train: losses, optimizers, schedules, and the trainer.",
}
EVERYTHING = {"amq": "Everything: the root of the single header.",
              "amq_lab": "All of the lab but its adapters to optional libraries."}


def doors(all_headers, package):
    """door -> what it must include and reach."""
    floors, root_door = PACKAGES[package], package + ".hpp"
    rooms = sorted((r for r in floors if any(h.startswith(r + "/") for h in all_headers)),
                   key=lambda room: (floors[room], room))
    wanted = {f"{room}.hpp": [h for h in all_headers if h.startswith(room + "/") and h not in OPTIONAL]
              for room in rooms if room in SAYS}
    wanted[root_door] = [h for h in all_headers if h not in OPTIONAL and h != root_door]
    return wanted


def write(root, door, members, package):
    all_headers = headers(root, package)
    if door == package + ".hpp":
        rest = [h for h in all_headers if h.startswith("solver/") and h not in reached(root, "solver.hpp")]
        members = sorted(h for h in all_headers if ("/" not in h and h != door or h in rest) and h not in OPTIONAL)
        says = EVERYTHING[package]
    else:
        members = [h for h in members if h.count("/") == 1]
        says = SAYS[room_of(door)]
    lines = "".join(f"#include <{package}/{h}>\n" for h in members)
    (pathlib.Path(root) / package / door).write_text(f"#pragma once\n/// @file\n/// {says}\n\n{lines}", encoding="utf-8")


def unreached(root, door, members, package):
    if not (pathlib.Path(root) / package / door).exists():
        return members
    return sorted(set(members) - reached(root, door, package=package))


def main(root, check):
    failed = False
    for package in PACKAGES:
        for door, members in doors(headers(root, package), package).items():
            if not check and unreached(root, door, members, package):
                write(root, door, members, package)
            for header in unreached(root, door, members, package):
                failed = True
                print(f"{package}/{door} does not reach {header}. Mend: python3 scripts/doors.py include")
        for header in sorted(reached(root, package + ".hpp", package=package) & OPTIONAL):
            failed = True
            print(f"{package}/{package}.hpp reaches {header}, which needs a library that amq does not ask for. "
                  "Include it by name only.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "--check" in sys.argv))
