#!/usr/bin/env python3
"""docs/index.md answers what is asked first: ten questions, each shown by tests or examples that Meson runs, whose links
lead to a page and to its heading.
Usage: questions_test.py ROOT   (questions_test.py --self-test)"""
import pathlib
import re
import sys
import tempfile

TITLE = "## What is asked first"
LINK = re.compile(r"\]\(([^()\s]+)\)")


def anchors(page):
    """Of its headings, as mkdocs makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    for heading in re.findall(r"^#+ (.*)$", text, re.M):
        yield re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def built(path):
    """Whether a meson.build beside the file, or above it, names it or its folder."""
    name = path.stem if path.suffix in (".cpp", ".c") else path.name
    for folder in list(path.parents)[:2]:
        here = folder / "meson.build"
        if here.exists() and name in here.read_text(encoding="utf-8"):
            return True
    return False


def wrong(root, wanted=10):
    page = root / "docs/index.md"
    text = page.read_text(encoding="utf-8")
    if TITLE not in text:
        yield f"docs/index.md has no '{TITLE}'"
        return
    rows = re.findall(r"^\|(.*)\|$", text.split(TITLE)[1].split("\n## ")[0], re.M)[2:]
    if len(rows) != wanted:
        yield f"{len(rows)} questions, expected {wanted}"
    for row in rows:
        cells = [c.strip() for c in row.split("|")]
        question, answer, shown = cells if len(cells) == 3 else (row, "", "")
        if not question.endswith("?"):
            yield f"{question}: expected a question"
        paths = re.findall(r"`([^`]+)`", shown)
        if not paths:
            yield f"{question} is shown by no test and no example"
        for p in paths:
            if not p.startswith(("tests/", "examples/")) or not (root / p).exists():
                yield f"{question} {p} is no test or example"
            elif not built(root / p):
                yield f"{question} {p} is there, but Meson does not run it"
        for link in LINK.findall(answer):
            target, _, anchor = link.partition("#")
            to = page.parent / target if target else page
            if not to.exists():
                yield f"{question} {link} leads nowhere"
            elif anchor and anchor not in anchors(to):
                yield f"{question} {link}: no such heading"


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name in ("docs", "tests/a", "examples/01_b"):
            (root / name).mkdir(parents=True)
        (root / "tests/a/meson.build").write_text("test('a', executable('a', 'good.cpp'))\n")
        (root / "examples/meson.build").write_text("subdir('01_b')\n")
        (root / "tests/a/good.cpp").write_text("")
        (root / "tests/a/idle.cpp").write_text("")
        (root / "docs/p.md").write_text("# P\n## What it's for\n```\n# no heading\n```\n")
        (root / "docs/index.md").write_text(f"""# x\n{TITLE}\n
| question | answer | shown by |
|---|---|---|
| Good? | [p](p.md#what-its-for) | `tests/a/good.cpp`, `examples/01_b` |
| Idle? | [p](p.md#no-heading) | `tests/a/idle.cpp` |
| Gone? | [q](q.md) | `tests/a/gone.cpp` |
| Bare? | yes | words |
""")
        found = list(wrong(root, 4))
        expected = ["Idle? tests/a/idle.cpp is there, but Meson does not run it", "Idle? p.md#no-heading: no such heading",
                    "Gone? tests/a/gone.cpp is no test or example", "Gone? q.md leads nowhere",
                    "Bare? is shown by no test and no example"]  # fmt: skip
    return [] if found == expected else [f"expected {expected}, found {found}"]


all = self_test() if sys.argv[1] == "--self-test" else list(wrong(pathlib.Path(sys.argv[1])))
print("\n".join(all) or "every question is answered")
sys.exit(1 if all else 0)
