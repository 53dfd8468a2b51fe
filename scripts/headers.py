"""What the house knows of amq's headers: rooms, floors, doors, and who includes whom."""
import pathlib
import re

# Includes go down, or sideways inside a room. Rooms of equal number stand side by side.
FLOORS = {"core": 0, "simd": 1, "quant": 2, "kernels": 3, "mesh": 3, "arithmetic": 4, "nn": 5,
          "models": 6, "allocation": 7, "pde": 7, "io": 7, "train": 8, "solver": 9, "amq": 10}
# Adapters to libraries that amq does not ask for: included by name only, never by a door.
OPTIONAL = {"io/grid_set_hdf5.hpp", "io/hdf5.hpp", "io/npz_zlib.hpp", "io/pdebench.hpp"}

INCLUDE = re.compile(r'\s*#\s*include\s*[<"]([^>"]+)[>"]')


def room_of(path):
    """`quant/x.hpp` and the door `quant.hpp` are of room quant; config.hpp is below every room."""
    return path.split("/")[0].removesuffix(".hpp")


def headers(root):
    """Every header under root/amq, as it is written after `amq/`, sorted."""
    base = pathlib.Path(root) / "amq"
    return sorted(p.relative_to(base).as_posix() for p in base.rglob("*.hpp"))


def is_rung(header):
    """One instruction set of a kernel: a piece of the header that includes it last, and nothing without it."""
    return pathlib.PurePosixPath(header).parent.name in ("x86", "arm")


def includes(root, header):
    """(line number, what is included), top to bottom."""
    text = (pathlib.Path(root) / "amq" / header).read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        if found := INCLUDE.match(line):
            yield number, found[1]


def reached(root, header, seen=None):
    """The header and every amq header below it."""
    seen = set() if seen is None else seen
    if header not in seen:
        seen.add(header)
        for _, name in includes(root, header):
            if name.startswith("amq/"):
                reached(root, name.removeprefix("amq/"), seen)
    return seen
