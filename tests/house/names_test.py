"""`namespace amq` itself holds what docs/api.md shows, and every other name of a header is in its room's namespace.

Usage: names_test.py <source root>, or --self-test
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "scripts"))
import names  # noqa: E402

# The namespace of a room that is not called as its folder: `train` and the concept `arithmetic` are names of users'.
SPACES = {"arithmetic": "arithmetics", "train": "training", "mpi": "parallel"}
NAMES = {"type", "alias", "concept", "function", "variable", "forward"}


def shown(page):
    """(names in the tables' first columns, words of the code) of docs/api.md."""
    rows, code = set(), set()
    for cell in re.findall(r"^\| *([^|]+?) *\|", page, re.M):
        rows |= {found[1] for found in re.finditer(r"`(\w+)[^`]*`", cell) if "::" not in found[0]}
    for block in re.findall(r"^```cpp\n(.*?)^```", page, re.M | re.S):
        code |= set(re.findall(r"\bamq::(\w+)", block))
    return rows, code


def room_of(header):
    """`quant` of amq/quant/x.hpp and of its door amq/quant.hpp; `lab` of all that is in amq_lab/."""
    return "lab" if header.startswith("amq_lab/") else header.split("/")[1].removesuffix(".hpp")


def problems(headers, page):
    """Sentences. `headers`: (as it is included, its text)."""
    rows, code = shown(page)
    declared = set()
    for header, text in headers:
        room = room_of(header)
        space = SPACES.get(room, room)
        for d in names.declarations(text):
            line = f"{header}:{text.count(chr(10), 0, d.name_at) + 1}"
            if d.scope == ("amq",) and d.kind in NAMES:
                declared.add(d.name)
                if d.name not in rows:
                    yield (f"{line}: {d.name} stands in namespace amq, and docs/api.md does not show it. "
                           f"Move it into namespace amq::{space}, or give it a row and two lines of code there.")
            elif d.scope == () and d.kind in NAMES:
                yield f"{line}: {d.name} stands in no namespace. Move it into namespace amq::{space}."
            elif d.kind in NAMES - {"forward"} and d.scope[1:2] != (space,) and d.scope != ("amq",) and room != "fwd":
                yield (f"{line}: {d.name} stands in namespace {'::'.join(d.scope)}. "
                       f"Names of this room are in amq::{space}.")
            elif d.kind == "directive" and d.scope == ("amq",):
                yield (f"{line}: a using-directive in namespace amq makes all names of {d.name} amq's own. "
                       "Qualify them.")
    for name in sorted(rows - declared):
        yield f"docs/api.md: {name} does not stand in namespace amq. Take the row away, or move the name there."
    for name in sorted(rows & declared - code):
        yield f"docs/api.md: {name} has a row and no code. Show it in two lines of tests/house/api.cpp."


def self_test():
    page = "| name | what |\n|---|---|\n| `Mesh`, `train<Model>` | x |\n\n```cpp\namq::Mesh m;\namq::train<M>(m);\n```\n"
    good = [("amq/mesh/mesh.hpp", "namespace amq {\n/// A mesh.\nstruct Mesh {\n  int n;\n};\n}\n"
                              "namespace amq::mesh {\nenum class Order : int { a };\nvoid number(Mesh& m);\n}\n"),
            ("amq/train/train.hpp", "namespace amq {\ntemplate <typename M, typename S>\n[[nodiscard]] auto train(const S& s) "
                                "-> decltype(s) {\n  struct Local {};\n  return s;\n}\n}\n")]
    assert not list(problems(good, page)), list(problems(good, page))
    for more, wanted in [
            ("namespace amq { using Row = int; }", "amq/mesh/x.hpp:1: Row stands in namespace amq, and"),
            ("namespace amq {\n\ntemplate <typename T>\nconcept whole = requires(T t) { t + 1; };\n}", "amq/mesh/x.hpp:4: whole"),
            ("namespace amq { inline constexpr int most = 3; }", "most stands in namespace amq"),
            ("namespace amq { [[nodiscard]] inline int f(int (&x)[2]) noexcept { return x[0]; } }", "f stands"),
            ("namespace amq { inline namespace v1 { enum Kind { a }; } }", "Kind stands"),
            ("namespace amq { struct Hidden; }", "Hidden stands"),
            ("struct Naked {};", "Naked stands in no namespace"),
            ("namespace amq::ops { struct Add {}; }", "Add stands in namespace amq::ops. Names of this room are in amq::mesh"),
            ("namespace amq { using namespace mesh; }", "a using-directive in namespace amq")]:
        said = list(problems([*good, ("amq/mesh/x.hpp", more)], page))
        assert len(said) == 1 and wanted in said[0], (more, said)
    assert "are in amq::lab" in list(problems([*good, ("amq_lab/draw/x.hpp", "namespace amq::mesh { int x; }")], page))[0]
    quiet = "namespace amq {\ntemplate <>\nstruct Mesh<2> {};\n}\nnamespace amq::mesh { namespace detail { int x; } }"
    assert not list(problems([*good, ("amq/mesh/x.hpp", quiet)], page))
    assert "does not stand" in list(problems(good[:1], page))[0]
    assert "no code" in list(problems(good, page.replace("amq::train", "train")))[0]


if sys.argv[1] == "--self-test":
    self_test()
    sys.exit()
root = pathlib.Path(sys.argv[1])
base = root / "include"
headers = [(p.relative_to(base).as_posix(), p.read_text(encoding="utf-8")) for p in sorted(base.rglob("*.hpp"))]
page = (root / "docs/api.md").read_text(encoding="utf-8")
found = list(problems(headers, page))
print("\n".join(found) or f"{len(shown(page)[0])} names in namespace amq, each on docs/api.md")
sys.exit(bool(found))
