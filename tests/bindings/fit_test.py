#!/usr/bin/env python3
"""`amq fit`: folders of .npz, .vtk and .vtu, errors it prints, a killed run, the bits of Python, what it refuses.
Usage: fit_test.py AMQ"""
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from checks import check, end

try:
    import numpy as np
except ImportError:
    print("numpy is not there")
    sys.exit(77)
from train_data import problems

tool = sys.argv[1]
samples = problems(8, side=5)
options = ["--network", "mp_pde", "--hidden", 12, "--layers", 2, "--lattices", "", "--epochs", 30, "--lr", 0.01,
           "--quantized-epochs", 4, "--validation", 0.25]  # fmt: skip


def run(*args):
    done = subprocess.run([tool, "fit", *map(str, args)], capture_output=True, timeout=120)  # \r stays \r
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def refused(words, *args):
    rc, out, err = run(*args)
    check(rc == 1 and words in err and err.count("\n") <= 1, f"{args}: expected '{words}', found {rc}: {out}{err}")


def write_vtk(path, s):
    """ASCII, as meshio and ParaView write it."""
    n, m = len(s["points"]), len(s["cells"])
    text = f"# vtk DataFile Version 3.0\nproblem\nASCII\nDATASET UNSTRUCTURED_GRID\nPOINTS {n} double\n"
    text += "".join(f"{x!r} {y!r} 0\n" for x, y in s["points"].tolist()) + f"CELLS {m} {4 * m}\n"
    text += "".join("3 {} {} {}\n".format(*c) for c in s["cells"].tolist()) + f"CELL_TYPES {m}\n" + "5\n" * m
    text += f"POINT_DATA {n}\nSCALARS T float 1\nLOOKUP_TABLE default\n"
    text += "".join(f"{float(v)!r}\n" for v in s["given"][:, 0]) + "SCALARS u float 1\nLOOKUP_TABLE default\n"
    path.write_text(text + "".join(f"{float(v)!r}\n" for v in s["solution"][:, 0]))


def write_vtu(path, s):
    """Numbers as text."""
    array = lambda kind, name, a, n=1: (  # noqa: E731
        f'<DataArray type="{kind}" Name="{name}" NumberOfComponents="{n}" format="ascii">'
        + " ".join(map(repr, np.ravel(a).tolist())) + "</DataArray>\n")  # fmt: skip
    n, m = len(s["points"]), len(s["cells"])
    path.write_text(
        '<VTKFile type="UnstructuredGrid" version="1.0" byte_order="LittleEndian">\n<UnstructuredGrid>\n'
        f'<Piece NumberOfPoints="{n}" NumberOfCells="{m}">\n<Points>'
        + array("Float64", "Points", np.pad(s["points"], ((0, 0), (0, 1))), 3) + "</Points>\n<Cells>"
        + array("Int32", "connectivity", s["cells"]) + array("Int32", "offsets", 3 * np.arange(1, m + 1))
        + array("UInt8", "types", np.full(m, 5)) + "</Cells>\n<PointData>" + array("Float32", "T", s["given"])
        + array("Float32", "u", s["solution"]) + "</PointData>\n</Piece>\n</UnstructuredGrid>\n</VTKFile>\n")  # fmt: skip


def point_data(path, name):
    """An array of a .vtu that amq wrote: float32, appended raw."""
    data = path.read_bytes()
    at = int(re.search(rb'Name="' + name.encode() + rb'"[^>]*offset="(\d+)"', data)[1])
    start = data.index(b"_", data.index(b"<AppendedData")) + 1 + at
    wide = 8 if b'header_type="UInt64"' in data else 4
    n = int.from_bytes(data[start : start + wide], "little")
    return np.frombuffer(data, np.float32, n // 4, start + wide)


with tempfile.TemporaryDirectory() as name:
    here = pathlib.Path(name)
    data, other, vtk, vtu = here / "data", here / "other", here / "vtk", here / "vtu"
    for folder in (data, other, vtk, vtu):
        folder.mkdir()
    for k, s in enumerate(samples):
        (np.savez_compressed if k == 3 else np.savez)(data / f"{k:03}.npz", **s)
        np.savez(other / f"{k:03}.npz", points=s["points"], cells=s["cells"], T=s["given"], u=s["solution"][:, 0])
        write_vtk(vtk / f"{k:03}.vtk", s)
        write_vtu(vtu / f"{k:03}.vtu", s)

    # What it says and writes.
    a = here / "a.safetensors"
    rc, out, err = run(data, "-o", a, *options, "--budget", 4)
    first = r"MpPde, w8a1,2,3,4,5,6,8_by_range: \d+ numbers, \d+ bytes, trained on 6 samples\n"
    check(rc == 0 and re.match(first, out), f"the first line: {out}{err}")
    said = {m[1]: float(m[2]) for m in re.finditer(r"^(\S.*?\S) {2,}([\d.]+)(?: +[\d.]+ %)?$", out, re.M)}
    check("of 2 held out" in out and said["in float"] < 0.7 * said["the mean everywhere"], f"float: {out}")
    check(said["in integers, 4 bits"] < 0.9 * said["the mean everywhere"], f"integers: {out}")
    check("\rfloat " in err and re.search(r"\radaptive, mean 4 bits +100\.0 %", err), f"progress: {err!r}")
    check(err.count("\n") == 3, "a line a stage")
    shown = subprocess.run([tool, "inspect", a], capture_output=True, text=True).stdout
    check("network    MpPde, on meshes of 2 dimensions" in shown and "the network reads types of nodes" in shown, shown)

    # Fields by their names, in either format, and solved by `amq solve` from them.
    b, made = here / "b.safetensors", {}
    for folder in (other, vtk, vtu):
        rc, out, err = run(folder, "-o", b, *options, "--kind", "uniform", "--bits", 8,
                           "--given", "T", "--solution", "u")  # fmt: skip
        check(rc == 0 and "in integers, 8 bits" in out, f"{folder.name}: {out}{err}")
        made[folder.name] = b.read_bytes()
        mesh = vtu / "000.vtu" if folder == vtu else vtk / "000.vtk"
        done = subprocess.run([tool, "solve", b, mesh, "-o", here / "u.vtu"], capture_output=True, text=True)
        check(done.returncode == 0 and b'Name="u"' in (here / "u.vtu").read_bytes(), f"solve: {done.stderr}")

    check(made["vtu"] == made["vtk"], "the same numbers in .vtk and .vtu make the same solver")

    # Known boundary values and the distance from the boundary: `amq solve` needs to be told neither.
    held, e = here / "held", here / "e.safetensors"
    held.mkdir()
    for k, s in enumerate(samples):
        edge = np.any((s["points"] == 0) | (s["points"] == 1), axis=1)
        write_vtk(held / f"{k:03}.vtk", dict(s, solution=np.where(edge[:, None], np.float32(0.5), s["solution"])))
    bounded = [held, "-o", e, *options, "--kind", "uniform", "--bits", 8, "--given", "T", "--solution", "u",
               "--boundary-distance", "yes"]  # fmt: skip
    rc, out, err = run(*bounded, "--imposed", "wall:u=0.5")
    check(rc == 0, f"imposed: {out}{err}")
    shown = subprocess.run([tool, "inspect", e], capture_output=True, text=True).stdout
    check("given       1  boundary_distance" in shown, shown)
    answers = []
    for given in ([], ["--given", "300"]):
        done = subprocess.run([tool, "solve", e, held / "000.vtk", "-o", here / "u.vtu", *given],
                              capture_output=True, text=True)  # fmt: skip
        check(done.returncode == 0, f"solve: {done.stderr}")
        answers.append(point_data(here / "u.vtu", "u"))
        check(np.array_equal(answers[-1] == 0.5, np.any((samples[0]["points"] == 0) | (samples[0]["points"] == 1), 1)),
              "walls, and no other nodes, have what was imposed")  # fmt: skip
    check(not np.array_equal(*answers), "another field, another answer")
    refused("000.vtk, solution: expected 2.0", *bounded, "--imposed", "wall=2")
    refused("one of normal, obstacle", *bounded, "--imposed", "rim=2")

    # A comma may be part of a name.
    comma = here / "comma"
    comma.mkdir()
    for k, s in enumerate(samples):
        edge = np.any((s["points"] == 0) | (s["points"] == 1), axis=1)
        np.savez(comma / f"{k:03}.npz", points=s["points"], cells=s["cells"], given=s["given"],
                 **{"u,x": np.where(edge[:, None], np.float32(0.5), s["solution"])})  # fmt: skip
    rc, out, err = run(comma, "-o", e, *options, "--kind", "uniform", "--bits", 8, "--solution", "u\\,x",
                       "--imposed", "wall:u,x=0.5")  # fmt: skip
    check(rc == 0, f"a name with a comma: {out}{err}")
    shown = subprocess.run([tool, "inspect", e], capture_output=True, text=True).stdout
    check(re.search(r"^solution +0 +u,x +", shown, re.M), shown)
    refused("TYPE:CHANNEL=VALUE", comma, "-o", e, *options, "--solution", "u\\,x", "--imposed", "wall:u,x")

    # A killed run goes on to the same bits, with any threads.
    c = here / "c.safetensors"
    kept = [data, "-o", c, *options, "--budget", 4, "--folder", here / "run", "--checkpoint-every", 1]
    going = subprocess.Popen([tool, "fit", *map(str, kept)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    begun = time.monotonic()
    while not (here / "run/float.safetensors").exists() and time.monotonic() - begun < 60:
        time.sleep(0.001)
    going.kill()
    going.wait()
    check((here / "run/float.safetensors").exists(), "it had begun")
    c.unlink(missing_ok=True)  # where the kill came too late
    rc, out, err = run(*kept, "--threads", 2)
    check(rc == 0 and c.read_bytes() == a.read_bytes(), f"the same bits: {err}")
    check((here / "run/float.csv").read_text().startswith("epoch,updates,seconds,lr,"), "a learning curve")
    refused("lr 0.01 to 1e-06 (here 0.02", *kept, "--lr", 0.02)

    # Python writes the same file.
    try:
        import amq
    except ImportError:
        print("the Python module is not there: not compared")
    else:
        amq.train(samples, "mp_pde", out=here / "d", mark_boundary=True, hidden=12, layers=2, lattices=[], epochs=30,
                  quantized_epochs=4, lr=0.01, validation=0.25, budget=4)  # fmt: skip
        check((here / "d").read_bytes() == a.read_bytes(), "Python's bits")

    # Refusals.
    (here / "empty").mkdir()
    mixed = here / "mixed"
    mixed.mkdir()
    np.savez(mixed / "a.npz", **samples[0])
    np.savez(mixed / "b.npz", **dict(samples[1], solution=np.where(np.arange(36) == 7, np.nan, 1)[:, None]))
    refused("no -o", data)
    refused("a folder of samples", here / "nowhere", "-o", c)
    refused("none", here / "empty", "-o", c)
    refused("b.npz, solution: expected finite numbers, found nan in row 7", mixed, "-o", c, *options)
    refused("an array 'given'", other, "-o", c, *options)
    refused("Name the fields", vtk, "-o", c, *options)
    refused("000.vtk: expected a field 'p', found only: T, u", vtk, "-o", c, "--given", "p", "--solution", "u")
    write_vtk(mixed / "c.vtk", samples[0])
    refused("found .npz and .vtk", mixed, "-o", c, *options)
    for ending, words in ((".msh", "A mesh of gmsh has no fields"), (".pvd", "as one .vtu")):
        (here / ending[1:]).mkdir()
        (here / ending[1:] / ("a" + ending)).write_text("")
        refused(words, here / ending[1:], "-o", c)
    (vtu / "000.vtu").write_text((vtu / "000.vtu").read_text()[:-80])
    refused("000.vtu: expected </UnstructuredGrid>", vtu, "-o", c, "--given", "T", "--solution", "u")
    refused("one of mp_pde", data, "-o", c, "--network", "fno")
    refused("one of its options", data, "-o", c, "--colour", "red")
    refused("or of mp_pde: hidden", data, "-o", c, *options, "--heads", 2)
    refused("a whole number", data, "-o", c, *options, "--epochs", "many")

end()
