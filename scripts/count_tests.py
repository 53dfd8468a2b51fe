#!/usr/bin/env python3
"""Reads Meson's testlog.json and prints "N passed, N failed[, N skipped]" on one line.

A doctest program counts as many tests as it has cases; any other test counts as one.
The exit status is 1 when a test failed, or when there was none.
"""
import json
import re
import sys

CASES = re.compile(r"test cases:\s*\d+\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed\s*\|\s*(\d+) skipped")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def count(lines):
    passed = failed = skipped = 0
    for test in map(json.loads, lines):
        cases = CASES.search(COLOUR.sub("", test.get("stdout") or ""))
        good = test["result"] in ("OK", "EXPECTEDFAIL")
        if test["result"] == "SKIP":
            skipped += 1
        elif not cases:
            passed, failed = passed + good, failed + (not good)
        else:
            ok, bad, left = map(int, cases.groups())
            # A program may also fail outside its cases, at exit or by a time limit.
            passed, failed, skipped = passed + ok, failed + (bad or not good), skipped + left
    return passed, failed, skipped


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as log:
        passed, failed, skipped = count(line for line in log if line.strip())
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if failed or not passed else 0)
