"""What time_ptq.py and ptq_torch.py share: options, one core, errors, turns, and the table."""
import contextlib
import csv
import os
import statistics
import sys
import time

import numpy as np

COLUMNS = "network,problem,tool,scheme,error,ms,ratio_to_float,change,bytes".split(",")
CALIBRATION = 16  # samples to choose ranges by
PROBLEMS = {"fno": "darcy on a grid", "unet": "darcy on a grid", "transformer": "darcy on a grid",
            "transolver": "darcy on meshes"}  # fmt: skip


def options(known):
    """Those behind OUT.csv and FOLDER: {name: text}."""
    said = dict(a.lstrip("-").partition("=")[::2] for a in sys.argv[3:])
    if len(sys.argv) < 3 or set(said) - set(known):
        sys.exit(f"usage: {sys.argv[0]} OUT.csv FOLDER " + " ".join(f"[--{k}]" for k in known))
    return said


@contextlib.contextmanager
def one_core():
    """What slows it slows all. Training and compiling have the others, too."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def session(path):
    """Of onnxruntime, on one thread."""
    import onnxruntime

    one = onnxruntime.SessionOptions()
    one.intra_op_num_threads = one.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), one, providers=["CPUExecutionProvider"])


def relative_l2(said, sought):
    """Mean over samples."""
    return float(np.mean([np.linalg.norm(x - y) / np.linalg.norm(y) for x, y in zip(said, sought)]))


def turns(calls, rounds, samples):
    """{key: median milliseconds of the process's own clock}. calls: {key: call(sample)}, alternating, a sample each, on
    one core."""
    took = {key: [] for key in calls}
    with one_core():
        for r in range(rounds):
            for key, call in calls.items():
                start = time.process_time()
                call(r % samples)
                took[key].append(1e3 * (time.process_time() - start))
    return {key: statistics.median(t) for key, t in took.items() if t}  # none of 0 rounds


def rows_of(path):
    return list(csv.DictReader(path.open(encoding="utf-8"))) if path.exists() else []


def write(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        w = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        w.writeheader()
        w.writerows(rows)


def put(rows, row):
    """In the place of the same contender's, or behind the network's others."""
    same = lambda r: all(r[k] == row[k] for k in ("network", "tool", "scheme"))  # noqa: E731
    for k, old in enumerate(rows):
        if same(old):
            rows[k] = row
            return
    rows.insert(max([k + 1 for k, r in enumerate(rows) if r["network"] == row["network"]], default=len(rows)), row)
