"""One, two and three ranks say the same solution: ranks_test.py PROGRAM MODEL [pieces]

With "pieces" they solve on a mesh of gmsh, and write three steps of as many pieces, in one PVD."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

program, model, pieces_wanted = sys.argv[1], sys.argv[2], sys.argv[3:] == ["pieces"]
mpirun = shutil.which("mpirun")
if not mpirun:
    print("mpirun is not there")
    sys.exit(77)
env = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_btl="self,vader",
           OMPI_MCA_mpi_yield_when_idle="1", OMPI_MCA_btl_vader_single_copy_mechanism="none")


def square(cells):
    """A square of twice cells x cells triangles as a file of gmsh."""
    nodes = [(i, j) for i in range(cells + 1) for j in range(cells + 1)]
    of = {node: k + 1 for k, node in enumerate(nodes)}
    corners = [(a, b, c) for i, j in nodes if i < cells and j < cells
               for a, b, c in [((i, j), (i + 1, j), (i + 1, j + 1)), ((i, j), (i + 1, j + 1), (i, j + 1))]]
    lines = ["$MeshFormat", "2.2 0 8", "$EndMeshFormat", "$Nodes", str(len(nodes))]
    lines += [f"{of[i, j]} {i / cells} {j / cells} 0" for i, j in nodes]
    lines += ["$EndNodes", "$Elements", str(len(corners))]
    lines += [f"{k + 1} 2 2 1 1 {of[a]} {of[b]} {of[c]}" for k, (a, b, c) in enumerate(corners)]
    return "\n".join(lines + ["$EndElements", ""])


said = {}
for ranks in (1, 2, 3):
    with tempfile.TemporaryDirectory() as folder:
        mesh = pathlib.Path(folder) / "square.msh"
        mesh.write_text(square(40))
        given = [model, str(mesh)] if pieces_wanted else [model]
        run = subprocess.run([mpirun, "--oversubscribe", "-n", str(ranks), program, *given],
                             cwd=folder, env=env, capture_output=True, text=True, timeout=240)
        found = re.search(r"solution ([0-9a-f]{16})", run.stdout)
        if run.returncode or not found:
            sys.exit(f"{ranks} ranks failed:\n{run.stdout}{run.stderr}")
        said[ranks] = found.group(1)
        if not pieces_wanted:
            continue
        here = pathlib.Path(folder)
        pieces = len(list(here.glob("ranks_*_*.vtu")))
        steps = re.findall(r'file="(ranks_\d\.pvtu)"', (here / "ranks.pvd").read_text())
        joined = sum((here / step).read_text().count("<Piece ") for step in steps)
        if (len(steps), pieces, joined) != (3, 3 * ranks, 3 * ranks):
            sys.exit(f"{ranks} ranks wrote {pieces} pieces, joined {joined} and listed {steps}")
print(said)
sys.exit(0 if len(set(said.values())) == 1 else "the solution depends on the number of ranks")
