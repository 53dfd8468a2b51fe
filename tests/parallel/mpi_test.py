#!/usr/bin/env python3
"""Ranks that are processes keep the laws of communicators, and end with one error when one of them fails.

Skips itself, saying so, where Open MPI is not installed (scripts/setup.sh --tests does).
"""
import os
import shutil
import subprocess
import sys

WORDS = ["that it has run out of something", "expected 5 bytes, found 3", "expected 5 bytes, found more"]


def run(ranks, *args, seconds=120):
    """Exit status and what rank 0 prints; a run that hangs fails."""
    env = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_btl="self,vader",
               OMPI_MCA_mpi_yield_when_idle="1", OMPI_MCA_btl_vader_single_copy_mechanism="none")
    found = subprocess.run(["mpirun", "-quiet", "--oversubscribe", "-n", str(ranks), PROGRAM, *map(str, args)], env=env,
                           capture_output=True, text=True, timeout=seconds, check=False)
    return found.returncode, found.stdout.strip()


def main():
    wrong = []
    for ranks in 1, 2, 3, 5:
        code, said = run(ranks, "laws")
        if (code, said) != (0, "good"):
            wrong.append(f"{ranks} ranks: {code}, {said}")
    for kind, words in enumerate(WORDS):
        # Ranks that gave up leave without MPI_Finalize: the exit status is mpirun's opinion of that.
        _, said = run(3, "fail", kind, kind)
        if words not in said or "differs" in said:
            wrong.append(f"failure {kind}: expected '{words}' on all ranks, found {said}")
    for ranks, partition, threads in ((1, "strips", 2), (2, "random", 2), (3, "one empty", 1), (3, "Scotch", 2),
                                      (5, "strips", 1), (8, "idle ghosts", 1)):
        found = run(ranks, "table", partition, threads, seconds=600)
        if found != (0, "good"):
            wrong.append(f"{ranks} ranks, {partition}: {found}")
    _, faults = run(1, "faults")
    for fault in range(int(faults)):
        _, said = run(3, "meet", fault, fault % 3)
        if said != "as expected":
            wrong.append(f"fault {fault}: {said}")
    for network in "MpPde", "MpPde uniform", "Transolver":
        code, said = run(3, "memory", network)
        if (code, said) != (0, "0 times"):
            wrong.append(f"{network} asks for memory after two solves: {code}, {said}")
    code, said = run(2, "single")
    if "MPI_THREAD_FUNNELED" not in said or "differs" in said:
        wrong.append(f"MPI without threads: {code}, {said}")
    code, said = run(2, "before")
    if "Call MPI_Init_thread first" not in said or "differs" in said:
        wrong.append(f"before MPI is there: {code}, {said}")
    for when in "sum", "halo":
        code, said = run(3, "die", when)
        if code == 0:
            wrong.append(f"a rank that dies while others wait for its {when}: {code}, {said}")
    print("\n".join(wrong) or "ranks that are processes talk, give the bits of one, and end together")
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) < 2 or not shutil.which("mpirun"):
        print("skipped: no Open MPI here (apt-get install openmpi-bin libopenmpi-dev)")
        sys.exit(77)
    PROGRAM = sys.argv[1]
    sys.exit(main())
