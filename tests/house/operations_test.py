"""Every operation of room ops is tried by tests/ops/laws.cpp: a header that says static_assert(operation<X>) is listed there."""
import pathlib
import re
import sys


def untried(ops, laws):
    """Sentences about operations that no law looks at."""
    for header in sorted(ops.glob("*.hpp")):
        text = header.read_text(encoding="utf-8")
        if header.name == "operation.hpp":
            continue
        names = re.findall(r"operation<(?:ops::)?(\w+)[<>]", text)
        if "void forward(" in text and not names:
            yield f"ops/{header.name}: no static_assert(operation<...>). Say so below the struct."
        for name in names:
            if not re.search(rf"\bops::{name}\b", laws):
                yield f"ops/{header.name}: {name} is not in tests/ops/laws.cpp. Add it to each_operation()."


root = pathlib.Path(sys.argv[1])
laws = (root / "tests/ops/laws.cpp").read_text(encoding="utf-8")
assert list(untried(root / "include/amq/ops", laws.replace("ops::Affine", ""))), "a missing operation is noticed"
problems = list(untried(root / "include/amq/ops", laws))
print("\n".join(problems) or "every operation keeps the laws")
sys.exit(bool(problems))
