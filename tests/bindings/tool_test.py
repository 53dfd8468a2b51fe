#!/usr/bin/env python3
"""The command `amq`: what it says of files, what it writes, what it refuses.
Usage: tool_test.py AMQ DARCY FOLDER_OF_MODELS"""
import pathlib
import re
import subprocess
import sys
import tempfile

from checks import check, end

tool, darcy, folder = sys.argv[1:4]


def run(*args):
    done = subprocess.run([tool, *map(str, args)], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def refused(words, *args):
    rc, out, err = run(*args)
    check(rc == 1 and words in err and err.count("\n") <= 1, f"{args}: expected '{words}', found {rc}: {out}{err}")


rc, out, err = run("inspect", darcy)
check(rc == 0, err)
for words in ("MpPde, on meshes of 2 dimensions", "w8a1,2,3,4,5,6,8_by_range", "rows differ", "given       1"):
    check(words in out, f"inspect says '{words}': {out}")
listed = re.findall(r"^(\S+) +([\d x]+?) +(\d+) +(\d+) +(\d+)$", out, re.M)
check(len([t for t in listed if t[0].endswith("weight")]) > 5, f"inspect lists weights: {out}")
check(all(int(bytes) == int(n) * int(bits) // 8 for _, _, n, bits, bytes in listed), f"inspect says bytes: {out}")
for file in sorted(pathlib.Path(folder).glob("*.safetensors")):
    rc, out, err = run("inspect", file)
    check(rc == 0 and f"network    {file.stem}," in out, f"{file}: {out}{err}")
    rc, out, err = run("bench", file, "--runs", 1)
    check(rc == 0 and len(re.findall(r"^ +[48] +\S+ +\S+% +\S+$", out, re.M)) == 2, f"bench {file}: {out}{err}")
    check(re.search(r"^ +float +\S+ +100.00% +\S+$", out, re.M), f"bench {file}: a float pass: {out}")
    layers = re.findall(r"^(\S+) +(\d+) x (\d+) x (\d+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)$", out, re.M)
    weights = {name for name in re.findall(r"^(\S+)\.weights? ", run("inspect", file)[1], re.M)}
    check(weights & {layer[0] for layer in layers}, f"bench {file}: layers by their names: {out}")
    for k, what in enumerate(("float", "4 bits", "8 bits"), 4):
        check(sum(float(layer[k]) for layer in layers) > 0, f"bench {file}: milliseconds in {what}: {out}")
rc, out, err = run("inspect", pathlib.Path(folder) / "MpPde.safetensors")
check(re.search(r"mean bits +relative L2.*\n +4 +25%\n +8 +6.25%\n", out), f"inspect says errors: {out}")
check("relative L2" not in run("inspect", darcy)[1], "inspect says no errors where there are none")
rc, out, err = run("networks")
check(rc == 0 and {"GraphVit", "Fno", "Transolver", "Flare"} <= set(out.split()), "networks")
rc, out, err = run("--help")
check(rc == 0 and "amq solve FILE MESH" in out, "help")
check(run("nonsense")[0] == 1 and run("version")[0] == 0, "commands")

with tempfile.TemporaryDirectory() as name:
    here = pathlib.Path(name)
    side = 8
    nodes = [(i / side, j / side) for j in range(side + 1) for i in range(side + 1)]
    first = [j * (side + 1) + i for j in range(side) for i in range(side)]
    cells = [c for a in first for c in ((a, a + 1, a + side + 2), (a, a + side + 2, a + side + 1))]
    msh = here / "square.msh"
    msh.write_text("$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$Nodes\n%d\n" % len(nodes)
                   + "".join(f"{k + 1} {x} {y} 0\n" for k, (x, y) in enumerate(nodes))
                   + "$EndNodes\n$Elements\n%d\n" % len(cells)
                   + "".join(f"{k + 1} 2 2 1 1 {a + 1} {b + 1} {c + 1}\n" for k, (a, b, c) in enumerate(cells))
                   + "$EndElements\n")
    vtu = here / "u.vtu"
    rc, out, err = run("solve", darcy, msh, "-o", vtu, "--given", "7.5,7.5", "--bits", 3)
    check(rc == 0 and f"{len(nodes)} nodes" in out, f"solve: {out}{err}")
    text = vtu.read_bytes() if vtu.exists() else b""
    check(all(w in text for w in (b'Name="solution0"', b'Name="given1"', b'Name="bits"', b'NumberOfPoints="81"')),
          "the fields of the VTU")
    # What it wrote is a mesh to solve on, but for gmsh's groups of cells.
    solved, twice = here / "solved.vtu", here / "twice.vtu"
    of_vtu = run("solve", darcy, vtu, "-o", solved, "--given", "7.5,7.5", "--bits", 3)
    check(of_vtu == (rc, out, err), f"a .vtu is solved as the mesh it was made of: {of_vtu}")
    rc, out, err = run("solve", darcy, solved, "-o", twice, "--given", "7.5,7.5", "--bits", 3)
    check(rc == 0 and twice.read_bytes() == solved.read_bytes(), f"a .vtu gives the same file again: {err}")
    try:
        import numpy as np
    except ImportError:
        print("numpy is not there: no .npy, and the VTU is not read back")
    else:
        np.save(here / "a.npy", np.full((len(nodes), 2), 7.5))
        again = here / "again.vtu"
        rc, out, err = run("solve", darcy, msh, "-o", again, "--given", here / "a.npy", "--bits", 3, "--threads", 2)
        check(rc == 0 and again.read_bytes() == text, f"an .npy gives the same file: {err}")
        np.save(here / "b.npy", np.ones((3, 2)))
        refused("(81, 2) numbers", "solve", darcy, msh, "-o", vtu, "--given", here / "b.npy")
        # Float files are written by from_torch, whose test quantizes them; here is what is refused.
        fno, to = pathlib.Path(folder) / "Fno.safetensors", here / "q.safetensors"
        (here / "few").mkdir()
        refused("files .npy", "quantize", fno, "--samples", here / "few", "-o", to)
        np.save(here / "few" / "a.npy", np.ones((3, 8, 12, 2), np.float32))
        refused("quantized already", "quantize", fno, "--samples", here / "few", "-o", to)
        refused("quantized already", "quantize", pathlib.Path(folder) / "ModernUnet.safetensors",
                "--samples", here / "few", "-o", to)  # fmt: skip
        refused("of 96 points", "quantize", fno, "--samples", here / "b.npy", "-o", to)
        refused("a scheme like", "quantize", fno, "--samples", here / "few", "-o", to, "--scheme", "int8")
        check(not to.exists(), "nothing is written")
    refused("no -o", "quantize", darcy, "--samples", here)
    refused("--samples", "quantize", darcy, "-o", vtu)
    refused("2 numbers", "solve", darcy, msh, "-o", vtu, "--given", "7.5")
    refused("a number from", "solve", darcy, msh, "-o", vtu, "--given", "7.5,x")
    refused("no -o", "solve", darcy, msh)
    refused("one of its options", "solve", darcy, msh, "--colour", "red")
    refused("a value", "solve", darcy, msh, "-o")
    refused("bits", "solve", darcy, msh, "-o", vtu, "--given", "7.5,7.5", "--bits", 20)
    refused("both", "solve", darcy, msh, "-o", vtu, "--given", "7.5,7.5", "--bits", 3, "--bops", 4)
    refused("another ending", "solve", darcy, here / "square.stl", "-o", vtu)
    refused("GROUP=TYPE", "solve", darcy, msh, "-o", vtu, "--mark", "inlet")
    refused("normal, obstacle, disabled, handle, inflow, outflow or wall, found rim. Write --mark", "solve", darcy, msh,
            "-o", vtu, "--given", "7.5,7.5", "--mark", "inlet=rim")  # fmt: skip
    refused("--given", "solve", darcy, msh, "-o", vtu)
refused("no_such_file", "inspect", "no_such_file")
refused("safetensors", "inspect", __file__)
refused("found 0", "inspect")
refused("a number from", "bench", darcy, "--runs", "many")

end()
