#!/usr/bin/env python3
"""The Python module: numbers, layouts, refusals, threads, rollouts, doctests.
Usage: python_test.py DARCY FOLDER_OF_MODELS  (with the built package on PYTHONPATH)"""
import ctypes
import ctypes.util
import doctest
import pathlib
import platform
import re
import sys
import threading
import time

import numpy as np

import amq
from checks import check, end, refused

darcy, folder = sys.argv[1], pathlib.Path(sys.argv[2])


def square(side):
    x, y = np.meshgrid(np.linspace(0, 1, side + 1), np.linspace(0, 1, side + 1))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    a = (np.arange(side)[:, None] * (side + 1) + np.arange(side)).ravel()
    cells = np.concatenate([np.stack([a, a + 1, a + side + 2], 1), np.stack([a, a + side + 2, a + side + 1], 1)])
    return points, cells


def tensors(path):
    """A safetensors file read by hand: an independent reader of saved solutions."""
    import json

    data = pathlib.Path(path).read_bytes()
    n = int.from_bytes(data[:8], "little")
    kinds = {"F32": np.float32, "F64": np.float64, "I32": np.int32, "U8": np.uint8}
    return {
        k: np.frombuffer(data[8 + n :][slice(*v["data_offsets"])], kinds[v["dtype"]]).reshape(v["shape"])
        for k, v in json.loads(data[8 : 8 + n]).items()
        if k != "__metadata__"
    }


points, cells = square(12)
n = len(points)
a = np.stack([7.5 + 4.5 * np.sin(0.1 * np.arange(n)), 7.5 + 4.5 * np.cos(0.1 * np.arange(n))], 1).astype(np.float32)
solver = amq.load(darcy)
at = solver.mesh(points, cells, mark_boundary=True)

# What Python adds to a solve of 1,024 nodes: what runs beside can only add, so one of some attempts will do.
p, c = square(31)
wide = solver.mesh(p, c, mark_boundary=True)
field = np.full((len(p), 2), 7.5)
for attempt in range(5):
    added = []
    for _ in range(9):
        start = time.perf_counter()
        _, report = wide.solve(field, mean_bits=3, report=True)
        added.append(1e3 * (time.perf_counter() - start) / report["milliseconds"] - 1)
    added = sorted(added)[4]
    if added < 0.05:
        break
print(f"Python adds {100 * added:.2f} % to {report['milliseconds']:.2f} ms")
check(added < 0.05, f"Python adds {100 * added:.1f} %")

# Every saved solution, bit for bit, in both types.
for path in [pathlib.Path(darcy), *sorted(folder.glob("*.safetensors"))]:
    t = tensors(path)
    one = amq.load(path)
    if one.info["on_grid"]:
        where = one.grid(t["self_test.axis.0"], t["self_test.axis.1"])
    else:
        where = one.mesh(t["self_test.points"], t["self_test.cells"], node_type=t["self_test.node_type"])
    for k, bits in enumerate(t["self_test.mean_bits"]):
        given, saved = t["self_test.a"], t[f"self_test.u.{k}"]
        check(np.array_equal(where.solve(given, mean_bits=bits), saved), f"{path.name} at {bits} bits")
        u = where.solve(given.astype(np.float64), mean_bits=bits)
        check(u.dtype == np.float64 and np.array_equal(u, saved), f"{path.name} at {bits} bits in double")

u, report = at.solve(a, mean_bits=3, report=True)
check(u.dtype == np.float32 and u.shape == (n, 1), "type and shape of the answer")
check(0 < report["bops"] <= report["bops_allowed"] < report["bops_of_float"], "the budget holds")
check(report["node_bits"].shape == (n,) and 2 < report["node_bits"].mean() < 4, "node bits")
check(np.array_equal(amq.load(pathlib.Path(darcy).read_bytes()).mesh(points, cells, mark_boundary=True)
                     .solve(a, mean_bits=3), u), "a file in memory")
check(np.array_equal(amq.load(darcy, threads=3).mesh(points, cells, mark_boundary=True).solve(a, mean_bits=3), u),
      "three threads")
wide = np.zeros((3 * n, 5))
wide[::3, 1::3] = a
for given, what in ((np.asfortranarray(a), "Fortran order"), (wide[::3, 1::3], "gaps"), (a[::-1][::-1], "turned twice"),
                    (np.ascontiguousarray(a[::-1])[::-1], "backwards")):
    check(np.array_equal(at.solve(given, mean_bits=3).astype(np.float32), u), what)
into = np.zeros((2, n))
check(at.solve(a, mean_bits=3, out=into[1]) is not None and np.array_equal(into[1].astype(np.float32), u[:, 0]), "out")
check(abs(at.solve(a, bops=report["bops_allowed"], report=True)[1]["mean_bits"] - 3) < 1e-3, "bit operations")

# Refusals.
refused("float32 or float64, found int64", lambda: at.solve(np.ones((n, 2), np.int64)))
refused("float32 or float64, found complex128", lambda: at.solve(np.ones((n, 2), complex)))
refused("float32 or float64, found float16", lambda: at.solve(np.ones((n, 2), np.float16)))
refused("a numpy array, found list", lambda: at.solve([[1.0, 2.0]]))
refused(f"{n} rows and 2 channels, found {n - 1}", lambda: at.solve(a[1:]))
refused(f"{n} rows and 2 channels", lambda: at.solve(a[:, 0]))
refused("(row, channel)", lambda: at.solve(a[None]))
refused("whole steps", lambda: at.solve(np.broadcast_to(np.float32([1, 2]), (n, 2))))
packed = np.zeros(n, np.dtype([("a", np.float32), ("b", np.uint8), ("c", np.float32)]))
refused("whole steps", lambda: at.solve(np.lib.stride_tricks.as_strided(packed["a"], (n, 2), (9, 4))))
read_only = np.zeros((n, 1), np.float32)
read_only.flags.writeable = False
refused("read only", lambda: at.solve(a, out=read_only))
refused("1 channels", lambda: at.solve(a, out=np.zeros((n, 2), np.float32)))
refused("finite numbers", lambda: at.solve(np.full_like(a, np.nan)), 4)
refused("bits", lambda: at.solve(a, mean_bits=9), 4)
refused("one of mean_bits", lambda: at.solve(a, mean_bits=3, bops=1e9))
refused("one of mean_bits", lambda: at.solve(a, mean_bits=3, relative_l2=0.1))
refused("none in this solver", lambda: at.solve(a, relative_l2=0.1), 4)
refused("measure", lambda: at.solve(a, milliseconds=1), 4)
refused("no_such_file", lambda: amq.load("no_such_file"), 3)
refused("safetensors", lambda: amq.load(b"nonsense"), 3)
refused("threads", lambda: amq.load(darcy, threads=0))
refused("(cell, corner)", lambda: solver.mesh(points, cells.astype(float)))
refused("(node, dim)", lambda: solver.mesh(points.ravel(), cells))
refused("32 bits", lambda: solver.mesh(points, cells + 2**33))
refused("ids from 0", lambda: solver.mesh(points, cells + 1, node_type=np.zeros(n, int)), 4)
refused(f"({n},)", lambda: solver.mesh(points, cells, node_type=[0, 1]))
refused("type for every node", lambda: solver.mesh(points, cells), 4)
refused("solves on meshes", lambda: solver.grid([0, 1], [0, 1]), 4)
refused("Rollout", lambda: at.rollout(a), 4)

# The interpreter goes on while amq computes, and threads get what one gets.
answers = [None] * 3
threads = [threading.Thread(target=lambda k=k: answers.__setitem__(k, at.solve(a, mean_bits=3))) for k in range(3)]
for t in threads:
    t.start()
for t in threads:
    t.join()
check(all(np.array_equal(v, u) for v in answers), "threads")
big = solver.mesh(*square(60), mark_boundary=True)
ticks, done = 0, threading.Event()
given = np.full((big.rows, 2), 7.5, np.float32)
worker = threading.Thread(target=lambda: (big.solve(given), done.set()))
worker.start()
while not done.is_set():
    ticks += 1
    time.sleep(0)
worker.join()
check(ticks > 10, f"the interpreter's lock is free: {ticks} turns")

# Rollouts, and exceptions of the boundary.
steps = amq.load(folder / "MpPde.safetensors")
where = steps.mesh(points, cells, mark_boundary=True)
start = np.sin(0.37 * np.arange(n)).astype(np.float32)[:, None]
change = where.solve(start, mean_bits=8)
check(solver.info["errors"] == [] and steps.info["errors"] == [(4.0, 0.25), (8.0, 0.0625)], "errors of the file")
check(where.solve(start, relative_l2=0.25, report=True)[1]["mean_bits"] == 4, "a tolerance")
check(np.array_equal(where.solve(start, relative_l2=0.07), change), "the bits of a tolerance")
refused("0.062500 or more", lambda: where.solve(start, relative_l2=0.01), 4)
refused("0.062500 or more", lambda: where.rollout(start, relative_l2=0.01), 4)
roll = where.rollout(start, mean_bits=8)


def hold(state):
    state[0, 0] = 1.5


report = roll.step(hold)
check(roll.state[0, 0] == 1.5 and np.array_equal(roll.state[1:], (start + change)[1:]), "a step")
check(report["bops"] > 0, "the report of a step")


class Mine(Exception):
    pass


def stop(state):
    raise Mine("enough")


try:
    roll.step(stop)
    check(False, "an exception of the boundary is raised")
except Mine as e:
    check(str(e) == "enough", "it is the boundary's own")
del steps, where
roll.allocate_every(2)
roll.step()

# Messages in words: fields far beyond those of calibration are cut, and counted.
in_words = amq.load(folder / "words" / "MpPde.safetensors").mesh(points, cells, mark_boundary=True)
check(in_words.solve(start, report=True)[1]["saturated"] == 0, "no row is cut")
check(in_words.solve(1e4 * start, report=True)[1]["saturated"] > 0, "rows that were cut are counted")
check(in_words.solve(start, report=True)[1]["cut_share"] == 0, "ranges of this scheme are not static")

# Static ranges: of fields far beyond those of calibration rows are cut, and the report says of what share. It looks at
# one row in some 64, so the mesh is not the smallest.
wide = square(20)
ranged = amq.load(folder / "static" / "MpPde.safetensors").mesh(*wide, mark_boundary=True)
waves = np.sin(0.37 * np.arange(len(wide[0]))).astype(np.float32)[:, None]
usual, far = (ranged.solve(times * waves, report=True)[1]["cut_share"] for times in (1, 1000))
check(0 <= usual < far <= 1, f"rows beyond static ranges: {usual} of the usual, {far} of far ones")

# A boundary rounds as its program does, and so the program goes on.
libm = ctypes.CDLL(ctypes.util.find_library("m"))
upward = {"x86_64": 0x800, "aarch64": 0x400000}.get(platform.machine())
if upward is not None and libm.fesetround(upward) == 0:
    seen = []
    roll.step(lambda state: seen.append(libm.fegetround()))
    seen.append(libm.fegetround())
    libm.fesetround(0)
    check(seen == [upward, upward], f"rounding modes {seen}")

# Stubs name what there is.
stub = (pathlib.Path(amq.__file__).parent / "__init__.pyi").read_text()
for kind in (amq.Solver, amq.Mesh, amq.Rollout):
    body = re.search(rf"^class {kind.__name__}:\n((?:    .*\n|\n)+)", stub, re.M)[1]
    found = {m for m in vars(kind) if not m.startswith("_")}
    check(set(re.findall(r"    def ([a-z]\w*)", body)) == found, f"the stub of {kind.__name__}: {found}")
check(set(amq.__all__) <= set(re.findall(r"^(?:class|def) (\w+)", stub, re.M)), "the stub's names")

done = doctest.testmod(amq, extraglobs={"darcy": darcy, "points": points, "cells": cells, "a": a})
check(done.failed == 0, f"{done.failed} doctests")
end()
