#!/usr/bin/env python3
"""Reads the includes of a tree and answers in sentences that mend. Usage: includes_test.py <include folder>"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "scripts"))
from headers import FLOORS, LAB_FLOORS, headers, includes, reached, room_of

ISA = re.compile(r"\b(__(AVX\w*|SSE\w*|SSSE3|FMA|BMI2?|F16C|ARM_\w+|aarch64|x86_64|i386)__|"
                 r"__(AVX|ARM_FEATURE|ARM_NEON)\w*|_M_(X64|IX86|ARM64))\b")


def complaints(root):
    for header in headers(root):
        room = room_of(header)
        if room not in FLOORS and header != "config.hpp":
            yield f"{header}:1: {room} is no room of amq. Move it to one, or name its floor in scripts/headers.py."
            continue
        for line, name in includes(root, header):
            at = f"{header}:{line}:"
            if name.startswith("amq/"):
                name = name.removeprefix("amq/")
                there = room_of(name)
                if not (pathlib.Path(root) / "amq" / name).exists():
                    yield f"{at} amq/{name} does not exist. Write it, or mend the name."
                elif name == "config.hpp" or there == room:
                    continue
                elif header == "config.hpp" or FLOORS.get(there, 99) > FLOORS[room]:
                    yield f"{at} {room} reaches up to {there}. Move what is shared down, or move this code up."
                elif FLOORS[there] == FLOORS[room]:
                    yield f"{at} {room} reaches across to {there} beside it. Move what is shared down."
                elif room == "io" and FLOORS[there] >= FLOORS["models"]:
                    yield f"{at} {room} knows only what is below models, and {there} is not. Move this code up."
            elif name.startswith("amq_lab/"):
                yield f"{at} amq never includes its lab. Move what is shared into amq, or this code to amq_lab."
            elif name.startswith(("Eigen/", "unsupported/Eigen")) and not header.startswith("core/eigen"):
                yield f"{at} only core/eigen*.hpp includes Eigen. Include amq/core/eigen.hpp."
            elif name.startswith("xsimd/") and header != "simd/registers.hpp":
                yield f"{at} only simd/registers.hpp includes xsimd. Include amq/simd/batch.hpp."
            elif "/" not in name and name.endswith(".hpp"):
                yield f'{at} "{name}" is found by chance. Write <amq/...> from the root.'
        if header != "simd/arch.hpp":
            text = (pathlib.Path(root) / "amq" / header).read_text(encoding="utf-8")
            for line, code in enumerate(text.splitlines(), 1):
                if found := ISA.search(code.split("//")[0]):
                    yield (f"{header}:{line}: only simd/arch.hpp reads {found[0]}. "
                           "Ask amq::simd::Native or a macro of simd/arch.hpp.")


def lab_complaints(root):
    for header in headers(root, "amq_lab"):
        room = room_of(header)
        if room not in LAB_FLOORS:
            yield f"amq_lab/{header}:1: {room} is no room of the lab. Name its floor in scripts/headers.py."
            continue
        for line, name in includes(root, header, "amq_lab"):
            at, there = f"amq_lab/{header}:{line}:", room_of(name.split("/", 1)[-1])
            if name.startswith(("amq/", "amq_lab/")) and not (pathlib.Path(root) / name).exists():
                yield f"{at} {name} does not exist. Write it, or mend the name."
            elif name.startswith("amq/") and FLOORS.get(there, 0) >= FLOORS["models"] and there != "io":
                yield f"{at} the lab knows only what is below models, and io, and {there} is not. Move this code up."
            elif name.startswith("amq_lab/") and there != room and LAB_FLOORS.get(there, 99) >= LAB_FLOORS[room]:
                yield f"{at} {room} reaches across to {there}. Move what is shared down."
            elif "/" not in name and name.endswith(".hpp"):
                yield f'{at} "{name}" is found by chance. Write <amq_lab/...> from the root.'


def heavy(root):
    """core, simd/arch and quant stay quick to include; a header named after Eigen says what it brings."""
    for header in headers(root):
        light = room_of(header) in ("core", "quant") or header == "simd/arch.hpp"
        if light and "/" in header and "eigen" not in header:
            for below in sorted(reached(root, header)):
                if below.startswith("core/eigen") or below == "simd/registers.hpp":
                    yield f"{header}:1: it brings {below}, and this room stays free of Eigen and xsimd. Move the code up."


if __name__ == "__main__":
    found = [*complaints(sys.argv[1]), *lab_complaints(sys.argv[1])] or list(heavy(sys.argv[1]))
    n = len(headers(sys.argv[1])) + len(headers(sys.argv[1], "amq_lab"))
    print("\n".join(found) or f"{n} headers keep their floors")
    sys.exit(1 if found else 0)
