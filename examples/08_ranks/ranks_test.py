"""One, two and three ranks say the same solution: ranks_test.py PROGRAM MODEL [pieces]

With "pieces" they also write as many pieces of one VTU."""
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
said = {}
for ranks in (1, 2, 3):
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run([mpirun, "--oversubscribe", "-n", str(ranks), program, model],
                             cwd=folder, env=env, capture_output=True, text=True, timeout=240)
        found = re.search(r"solution ([0-9a-f]{16})", run.stdout)
        if run.returncode or not found:
            sys.exit(f"{ranks} ranks failed:\n{run.stdout}{run.stderr}")
        said[ranks] = found.group(1)
        if not pieces_wanted:
            continue
        pieces = len(list(pathlib.Path(folder).glob("ranks_*.vtu")))
        joined = (pathlib.Path(folder) / "ranks.pvtu").read_text().count("<Piece ")
        if (pieces, joined) != (ranks, ranks):
            sys.exit(f"{ranks} ranks wrote {pieces} pieces and joined {joined}")
print(said)
sys.exit(0 if len(set(said.values())) == 1 else "the solution depends on the number of ranks")
