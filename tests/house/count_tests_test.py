#!/usr/bin/env python3
"""The line that ends scripts/test.sh, from made-up logs."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "scripts"))
from count_tests import count

CASES = "[doctest] test cases:  5 |  {} passed | {} failed | {} skipped\n"


def log(*tests):
    return [json.dumps({"name": "t", "result": result, "stdout": out}) for result, out in tests]


wanted = [
    (log(("OK", CASES.format(5, 0, 0))), (5, 0, 0)),
    (log(("FAIL", CASES.format(3, 2, 0)), ("OK", "")), (4, 2, 0)),
    (log(("OK", "\x1b[0;36m" + CASES.format("\x1b[32m4", 0, 1))), (4, 0, 1)),
    (log(("FAIL", CASES.format(5, 0, 0))), (5, 1, 0)),  # sanitizer at exit
    (log(("TIMEOUT", None), ("ERROR", "terminate called")), (0, 2, 0)),
    (log(("SKIP", "torch is not there")), (0, 0, 1)),
    ([], (0, 0, 0)),
]
wrong = [(w, count(lines)) for lines, w in wanted if count(lines) != w]
print("\n".join(f"wanted {w}, counted {c}" for w, c in wrong) or f"{len(wanted)} logs counted rightly")
sys.exit(1 if wrong else 0)
