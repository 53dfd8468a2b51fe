#!/usr/bin/env python3
"""Cuts the code of README.md and docs/ from programs that are compiled, so that it cannot rot.

  snippets.py           fills every cut again
  snippets.py --check   only says which cuts are stale, and fails
A page says `<!-- cut: tests/x.cpp name -->` above a code block; the program has `// [name]` on a line
before and on a line after the piece.
"""
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).parents[1]
CUT = re.compile(r"(<!-- cut: (\S+) (\S+) -->\n```\w*\n)(.*?)(```)", re.S)


def piece(path, name):
    parts = re.split(rf"^[ \t]*(?://|#|!) \[{re.escape(name)}\][ \t]*\n", (ROOT / path).read_text(encoding="utf-8"),
                     flags=re.M)
    if len(parts) != 3:
        raise ValueError(f"{path} must hold the mark `// [{name}]` twice, on lines of their own")
    return textwrap.dedent(parts[1])


def main(check):
    bad = cuts = 0
    for page in [ROOT / "README.md", ROOT / "HACKING.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text(encoding="utf-8") if page.exists() else ""
        try:
            fresh = CUT.sub(lambda m: m[1] + piece(m[2], m[3]) + m[5], text)
        except (ValueError, OSError) as wrong:
            print(f"{page.relative_to(ROOT)}: {wrong}")
            bad += 1
            continue
        cuts += len(CUT.findall(text))
        if fresh != text and check:
            print(f"{page.relative_to(ROOT)}: code differs from its program. Mend: python3 scripts/snippets.py")
            bad += 1
        elif fresh != text:
            page.write_text(fresh, encoding="utf-8")
    print(f"{cuts} cuts looked at")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
