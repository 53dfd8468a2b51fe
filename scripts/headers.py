"""What the house knows of the headers of both roots: rooms, floors, doors, and who includes whom.

A header is named as it is written after its root: `quant/x.hpp` of amq, `data/npz.hpp` of amq_lab.
"""
import pathlib
import re

# Includes go down, or sideways inside a room. Rooms of equal number stand side by side.
FLOORS = {"fwd": -1, "core": 0, "simd": 1, "quant": 2, "kernels": 3, "mesh": 3, "ops": 4, "arithmetic": 5,
          "nn": 6, "models": 7, "allocation": 8, "io": 8, "solver": 9, "train": 10, "parallel": 11, "mpi": 12,
          "amq": 12}
# The lab stands on amq; amq never includes it.
LAB_FLOORS = {"data": 0, "draw": 1, "problems": 1, "amq_lab": 2}
# What asks for a library to link, amq's own compiled one or one that amq does not ask for: included by name
# only, never by a door.
OPTIONAL = {"mpi.hpp", "solver/compiled.hpp", "data/grid_set_hdf5.hpp", "data/hdf5.hpp", "data/npz_zlib.hpp",
            "data/pdebench.hpp"}
PACKAGES = {"amq": FLOORS, "amq_lab": LAB_FLOORS}

INCLUDE = re.compile(r'\s*#\s*include\s*[<"]([^>"]+)[>"]')


def room_of(path):
    """`quant/x.hpp` and the door `quant.hpp` are of room quant; config.hpp is below every room."""
    return path.split("/")[0].removesuffix(".hpp")


def headers(root, package="amq"):
    """Every header under root/package, as it is written after the package's name, sorted."""
    base = pathlib.Path(root) / package
    return sorted(p.relative_to(base).as_posix() for p in base.rglob("*.hpp"))


def is_rung(header):
    """One instruction set of a kernel: a piece of the header that includes it last, and nothing without it."""
    return pathlib.PurePosixPath(header).parent.name in ("x86", "arm")


def includes(root, header, package="amq"):
    """(line number, what is included), top to bottom."""
    text = (pathlib.Path(root) / package / header).read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        if found := INCLUDE.match(line):
            yield number, found[1]


def reached(root, header, seen=None, package="amq"):
    """The header and every header of its package below it."""
    seen = set() if seen is None else seen
    if header not in seen:
        seen.add(header)
        for _, name in includes(root, header, package):
            if name.startswith(package + "/"):
                reached(root, name.removeprefix(package + "/"), seen, package)
    return seen
