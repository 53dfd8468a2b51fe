#!/usr/bin/env python3
"""Counts the words of each sentence in README.md, HACKING.md, CONTRIBUTING.md, CHANGELOG.md and docs/, and
fails where a page is hard to read.

  prose.py [ROOT] [--but PAGE...]   one line a page: sentences, mean, 90 % quantile, lines
  prose.py PAGE --longest           the ten longest sentences of a page
A page has a mean of at most 18 words a sentence, and nine sentences of ten have at most 28. Results pages have at most
80 lines and the README 60, of at most 120 characters outside tables. docs/notebook/ is exempt: it holds what was tried.
Not counted: code, tables, headings, pictures and comments. A link counts as its text, `code` as one word.
"""
import pathlib
import re
import sys

MEAN, MOST, WIDTH = 18, 28, 120
FENCE = re.compile(r"^\s*(```|~~~)")
ITEM = re.compile(r"^\s*([-*+]|\d+[.)])\s+")
# A full stop or mark ends a sentence before a capital, a digit, code, emphasis or a bracket, unless it shortens a word.
END = re.compile(r"(?<!\be\.g)(?<!\bi\.e)(?<!\bcf)(?<!\bvs)(?<!\bet al)(?<!\bapprox)[.!?][*_)\"']*\s+(?=[A-Z0-9`*_(\"'])")


def blocks(text):
    """Paragraphs and list items of a Markdown text, each as one line; all that is no prose is left out."""
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    found, block, fenced, in_list = [], [], False, False

    def close():
        if block:
            found.append(" ".join(block))
        block.clear()

    for line in text.splitlines():
        if FENCE.match(line):
            fenced = not fenced
            close()
        elif fenced:
            continue
        elif not line.strip():
            close()
        elif re.match(r"\s*(#{1,6} |\||!\[)", line):
            close()
            in_list = in_list and line.startswith(" ")
        elif ITEM.match(line):
            close()
            block.append(ITEM.sub("", line).strip())
            in_list = True
        elif line.startswith("    ") and not block and not in_list:
            continue  # an indented block is code
        else:
            in_list = in_list and (bool(block) or line.startswith(" "))
            block.append(line.strip())
    close()
    return found


def sentences(text):
    """The sentences of a Markdown text, as a reader says them."""
    found = []
    for block in blocks(text):
        block = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", block)  # pictures
        block = re.sub(r"(`+).+?\1", "`code`", block)
        block = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", block)  # links
        found += [s for s in END.split(block) if words(s)]
    return found


def words(sentence):
    return sum(1 for word in sentence.split() if re.search(r"\w", word))


def measure(text):
    """(number of sentences, mean, 90 % quantile) in words; the quantile is a length that occurs."""
    lengths = sorted(map(words, sentences(text)))
    if not lengths:
        return 0, 0.0, 0
    return len(lengths), sum(lengths) / len(lengths), lengths[-(-9 * len(lengths) // 10) - 1]


def most_lines(page):
    """How many lines a page may have, or None."""
    return 60 if page == "README.md" else 80 if page.startswith("docs/results/") else None


def complaints(page, text):
    """What is wrong with a page, in sentences."""
    n, mean, quantile = measure(text)
    if mean > MEAN:
        yield f"{page}: {mean:.1f} words a sentence on average, {MEAN} are allowed. Split the longest: prose.py {page} --longest"
    if quantile > MOST:
        yield f"{page}: one sentence in ten has {quantile} words or more, {MOST} are allowed. Split them: prose.py {page} --longest"
    limit, lines = most_lines(page), text.splitlines()
    if limit and len(lines) > limit:
        yield f"{page}: {len(lines)} lines, {limit} are allowed. Move what was tried to docs/notebook/, numbers to the CSV."
    wide = [i for i, line in enumerate(lines, 1) if len(line) > WIDTH and not line.startswith("|") and "](" not in line]
    if limit and wide:
        yield f"{page}:{wide[0]}: longer than {WIDTH} characters. Break the line."


def pages(root):
    """README.md and its like, and every page of docs/ but the notebook, as paths below root."""
    named = [root / p for p in ("README.md", "HACKING.md", "CONTRIBUTING.md", "CHANGELOG.md") if (root / p).exists()]
    docs = [p for p in sorted((root / "docs").rglob("*.md")) if "notebook" not in p.relative_to(root).parts]
    return [p.relative_to(root).as_posix() for p in named + docs]


def main(arguments):
    if "--longest" in arguments:
        text = pathlib.Path(next(a for a in arguments if a != "--longest")).read_text(encoding="utf-8")
        for sentence in sorted(sentences(text), key=words, reverse=True)[:10]:
            print(f"{words(sentence):4} {sentence}")
        return 0
    cut = arguments.index("--but") if "--but" in arguments else len(arguments)
    arguments, but = arguments[:cut], arguments[cut + 1 :]
    root = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).parents[1]
    wrong = []
    for page in pages(root):
        text = (root / page).read_text(encoding="utf-8")
        n, mean, quantile = measure(text)
        print(f"{page:32} {n:4} sentences, mean {mean:5.1f}, 90 % {quantile:3}, {len(text.splitlines()):4} lines")
        wrong += [] if page in but else complaints(page, text)
    print("\n".join(wrong) or "every page is easy to read")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
