#!/usr/bin/env python3
"""Every relative link and picture of a page leads to a file: links_test.py ROOT   (links_test.py --self-test)"""
import pathlib
import re
import sys
import tempfile

CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.S | re.M)
LINK = re.compile(r"\]\(([^()\s]+)\)")


def dead_links(root):
    """'page: link' of each that leads nowhere; web addresses are not asked."""
    pages = [*root.glob("*.md"), *sorted((root / "docs").rglob("*.md"))]
    for page in pages:
        for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
            target = link.split("#")[0]
            if target and not re.match(r"\w+:", target) and not (page.parent / target).exists():
                yield f"{page.relative_to(root)}: {link} leads nowhere"


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "docs").mkdir()
        (root / "README.md").write_text("[a](docs/a.md#top) [b](https://b.c/d) `x[1](y)` ![p](p.png)\n```\n[c](no.md)\n```\n")
        (root / "docs/a.md").write_text("[back](../README.md) [gone](b.md)\n")
        found, wanted = list(dead_links(root)), ["README.md: p.png leads nowhere", "docs/a.md: b.md leads nowhere"]
    return [] if found == wanted else [f"wanted {wanted}, found {found}"]


wrong = self_test() if sys.argv[1] == "--self-test" else list(dead_links(pathlib.Path(sys.argv[1])))
print("\n".join(wrong) or "every link leads somewhere")
sys.exit(1 if wrong else 0)
