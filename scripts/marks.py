"""Tables in Markdown files: what stands between <!-- NAME --> and the next <!-- end --> is written by a program."""
import sys


def write_between(path, tables):
    """Replaces what stands behind each name's mark by its lines. Nothing is written where a mark is missing."""
    text = open(path, encoding="utf-8").read()
    for name, lines in tables.items():
        begin, end = f"<!-- {name} -->", "<!-- end -->"
        if begin not in text or end not in text.split(begin, 1)[1]:
            sys.exit(f"{path} needs a line {begin} and, after it, a line {end}")
        head, rest = text.split(begin, 1)
        text = head + begin + "\n" + "\n".join(lines).strip("\n") + "\n" + end + rest.split(end, 1)[1]
    open(path, "w", encoding="utf-8").write(text)
