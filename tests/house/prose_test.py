#!/usr/bin/env python3
"""The sentence counter, on texts whose lengths are known."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "scripts"))
from prose import complaints, measure, sentences, words

ten = "One two three four five six seven eight nine ten."
thirty = " ".join(["word"] * 30).capitalize() + "."
cases = [  # (text, the words of each sentence)
    (ten + " " + ten, [10, 10]),
    ("Two words\non three\nlines here. Next one!", [6, 2]),
    ("A paragraph ends\n\nwithout a stop", [3, 3]),
    ("It takes 3.5 ms, e.g. Eigen in float. 2 bits take 0.5.", [8, 4]),
    ("`ninja -C build` makes it; **bold ends.** *Then* a [link of five words](https://a.b/c.d).", [5, 6]),
    ("# A heading\n\n- an item\n- another item\n  goes on\n\n1. A number", [2, 4, 2]),
    ("Before:\n```\nno words. In code.\n```\nAfter.", [1, 1]),
    ("Said.\n\n    an indented block. It is code.\n\n| a | table. |\n|---|---|\n\n![a picture](x.png)\nEnd.", [1, 1]),
    ("- an item\n\n    its second paragraph\n", [2, 3]),
    ("<!-- a comment. Two. -->\nText <!-- inside --> goes on.", [3]),
    ("", []),
]
wrong = [f"{text!r}: wanted {wanted}, counted {[words(s) for s in sentences(text)]}"
         for text, wanted in cases if [words(s) for s in sentences(text)] != wanted]

if measure(" ".join([ten] * 9 + [thirty])) != (10, 12.0, 10):
    wrong.append("nine sentences of ten words and one of thirty have a mean of 12 and a 90 % quantile of 10")
if measure(" ".join([ten] * 8 + [thirty] * 2))[2] != 30:
    wrong.append("eight sentences of ten words and two of thirty have a 90 % quantile of 30")

pages = [  # (page, text, a word of each complaint)
    ("docs/a.md", " ".join([ten] * 10), []),
    ("docs/a.md", " ".join([ten] * 8 + [thirty] * 2), ["one sentence in ten"]),
    ("docs/a.md", " ".join([" ".join(["Word"] * 19) + "."] * 3), ["on average"]),
    ("docs/a.md", "Short.\n" * 200, []),
    ("docs/results/a.md", "Short.\n" * 80, []),
    ("docs/results/a.md", "Short.\n" * 81, ["81 lines, 80"]),
    ("README.md", "Short.\n" * 61, ["61 lines, 60"]),
    ("README.md", "Short. " * 18, ["longer than 120"]),
]
for page, text, wanted in pages:
    said = list(complaints(page, text))
    if len(said) != len(wanted) or any(w not in s for w, s in zip(wanted, said)):
        wrong.append(f"{page}: wanted {wanted}, said {said}")

print("\n".join(wrong) or f"{len(cases) + len(pages) + 2} texts counted rightly")
sys.exit(1 if wrong else 0)
