"""Each sentence of a contract is tested, or marked as not tested.

A contract is what a handout says under "### Contract", and the comment above a routine (or a label) that the student writes.
solutions/N-name/contract.txt has each of its sentences, and behind an arrow what sees that it is kept: tests of the lab, or
"not tested" with the reason.  Who adds or changes a sentence fails here until its row is written: write the test first.  What the tests see
only in part says so too; a reason that begins with "a hole" is a test that is still to be written.

    Equal never displaces.
        -> deferred_ready_places, placed_*
    Adds an entry, and says how many there were.
        -> queue_entries; not seen: the answer
    The priority has not been changed since the thread was inserted.
        -> not tested: a promise of the callers
"""

from __future__ import annotations

import fnmatch
import re
import unittest
from pathlib import Path
from typing import Dict, Iterator, List

from grader import labs
from grader.model import Lab
from grader.tree import this_tree

TREE = this_tree()
COURSE = labs.load(TREE)
ROWS, ARROW, UNTESTED, UNSEEN = "contract.txt", "-> ", "not tested: ", "; not seen: "
REASON = 10  # characters at least
SECTION = re.compile(r"^### Contract\n(.*?)(?=^### |^## |\Z)", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
DRAWING = re.compile(r"^ {4}.*$", re.MULTILINE)
TABLE_LINE = r"[^\n]*\S {3,}\S"
PARAGRAPH = re.compile(rf"\n\s*\n|\n(?= *(?:- |\d+\. |@|\||Callers rely on: |{TABLE_LINE}))")
SENTENCE = re.compile(r"(?:(?<=[.!?])|(?<=[.!?]\)))\s+(?=[A-Z`\"@*(])")
MARKS = {".cpp": "///", ".S": "//"}


def sentences(text: str) -> Iterator[str]:
    """Each on one line.  A row of a table is one; its head is none."""
    for paragraph in PARAGRAPH.split(text):
        line = re.sub(r"^(?:- |\d+\. )", "", " ".join(paragraph.split()))
        if line.startswith("|"):
            yield from [] if re.fullmatch(r"[|\s-]+", line) else [line]
        else:
            yield from filter(None, SENTENCE.split(line))


def of_handout(text: str) -> Iterator[str]:
    for section in SECTION.findall(text):
        lines = FENCE.sub("\n\n", section).splitlines()
        heads = {number for number, line in enumerate(lines[1:]) if re.fullmatch(r"[|\s-]*-[|\s-]*", line) and "|" in line}
        yield from sentences("\n".join(line for number, line in enumerate(lines) if number not in heads))


def of_source(text: str, mark: str) -> Iterator[str]:
    """The comments above what has a region."""
    comment: List[str] = []
    before = ""
    for line in text.splitlines():
        if line.startswith(mark):
            comment = [*(comment if before.startswith(mark) else []), line[len(mark) + 1:]]
        elif "// LAB(" in line and line.endswith(" begin"):
            yield from sentences(DRAWING.sub("", "\n".join(comment)))
            comment = []
        elif line.startswith("}"):
            comment = []
        before = line


def contract(lab: Lab) -> List[str]:
    """Every sentence, once."""
    found = list(of_handout((TREE.root / "labs" / lab.folder / "README.md").read_text(encoding="utf-8")))
    for name in lab.files:
        mark = MARKS.get(Path(name).suffix)
        found += of_source((TREE.root / name).read_text(encoding="utf-8"), mark) if mark else []
    return list(dict.fromkeys(found))


def rows(lab: Lab) -> Dict[str, str]:
    """Sentence -> what sees it."""
    found: Dict[str, str] = {}
    sentence = ""
    path = TREE.solutions / lab.folder / ROWS
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        stripped = line.strip()
        if stripped.startswith(ARROW):
            found[sentence] = stripped[len(ARROW):]
        elif stripped and not line.startswith("# "):
            sentence = stripped
    return found


def objection(said: str, names: List[str]) -> str:
    """What is wrong with a row's answer; "" if nothing is.  `names`: the tests of its lab."""
    if said.startswith(UNTESTED):
        return "" if len(said) >= len(UNTESTED) + REASON else "a reason is missing"
    tests, partly, unseen = said.partition(UNSEEN)
    unknown = [pattern for pattern in tests.split(", ") if not fnmatch.filter(names, pattern)]
    if unknown:
        return f"no test is named {unknown[0]}"
    return f"what is not seen is missing behind {UNSEEN.strip()}" if partly and len(unseen) < REASON else ""


class Contracts(unittest.TestCase):
    def test_every_sentence_has_its_row(self) -> None:
        for lab in COURSE.labs:
            seen = rows(lab)
            self.assertEqual([], [sentence for sentence in contract(lab) if sentence not in seen],
                             f"lab {lab.number}: sentences without a row in {ROWS}; name the tests that see them")

    def test_every_row_has_its_sentence(self) -> None:
        for lab in COURSE.labs:
            said = set(contract(lab))
            self.assertEqual([], [sentence for sentence in rows(lab) if sentence not in said],
                             f"lab {lab.number}: rows of {ROWS} for what no contract says any more")

    def test_every_row_names_tests_or_a_reason(self) -> None:
        for lab in COURSE.labs:
            names = [test.name for test in COURSE.tests_of(lab)]
            for sentence, said in rows(lab).items():
                with self.subTest(lab=lab.number, sentence=sentence):
                    self.assertEqual("", objection(said, names))

    def test_what_a_row_may_say(self) -> None:
        names = ["placed_on_top", "select_highest"]
        for said in ("placed_*, select_highest", "not tested: a promise of the callers", "placed_*; not seen: the second half"):
            self.assertEqual("", objection(said, names), said)
        for said in ("selects_highest", "placed_*, ", "not tested: no", "not tested:", "", "placed_*; not seen: no", "; not seen: the second half"):
            self.assertNotEqual("", objection(said, names), said)

    def test_sentences_are_found(self) -> None:
        """The reading itself: lists, tables, drawings and routines without a region."""
        handout = ("### Contract\n\nOne. `Two` is\nhere. (A note: one.) And (some\nof it) after.\n\n1. Three: a.\n- Four\n\n| a | b |\n| --- | --- |\n"
                   "| c | d |\n\n```\ncode\n```\n### Next\nFive.\n")
        self.assertEqual(["One.", "`Two` is here.", "(A note: one.)", "And (some of it) after.", "Three: a.", "Four", "| c | d |"],
                         list(of_handout(handout)))
        source = ("/// Given.\nvoid A() {\n}\n/// One. Two\n/// goes on.\n///\n///     drawn -> thing\n/// - Three\n///   too.\n"
                  "/// @returns four\n/// Callers rely on: five.\nvoid B() {\n    // LAB(1.1) begin\n    // LAB(1.1) end\n}\n")
        self.assertEqual(["One.", "Two goes on.", "Three too.", "@returns four", "Callers rely on: five."], list(of_source(source, "///")))


if __name__ == "__main__":
    unittest.main()
