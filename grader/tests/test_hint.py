"""Staged hints: their files, the count of those taken, what the command shows, and what a grading says of them."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Dict, List, Tuple
from unittest import mock

from grader import labs
from grader.commands import hint
from grader.errors import GraderError
from grader.hints import markdown, record, stages
from grader.judge.grading import default_seed
from grader.model import Kernel, KernelSet, Result
from grader.report import gradescope, junit, terminal
from grader.report.result import from_json, to_bytes, to_json
from grader.submission.files import Submission, read
from grader.tests.fixture import LAB, READY, TreeCase, passes
from grader.tests.fixture import runner as fake
from grader.judge.grading import Grading
from grader.tree import BRANCH_FILE, this_tree

RECORD = "labs/1-processes/hints-taken.txt"
HINTS = """For authors.

## Which end
The *tail*: a thread goes **behind** those of its priority. See [the header](../../../kernel/inc/ke/thread.h).

![a queue](../figures/queue.svg)

## What the bit says

- One bit for each queue, and the line goes on and on until it does not fit any more into one line of a terminal.
- `ReadySummary & (1 << n)`

```c
## no heading
int  two  blanks;
```

## Steps

1. Insert.
2. Set the bit.
"""


class Stages(unittest.TestCase):
    def test_each_heading_begins_a_stage(self) -> None:
        found = stages.parse(HINTS)
        self.assertEqual([("Which end", False), ("What the bit says", False), ("Steps", True)], [(one.title, one.steps) for one in found])
        self.assertNotIn("authors", "".join(one.text for one in found))
        self.assertIn("## no heading\nint  two  blanks;", found[1].text)

    def test_a_word_that_only_begins_so_is_no_step(self) -> None:
        self.assertEqual([True, True, True, False, False],
                         [stages.Stage(title, "").steps for title in ("Steps: the insertion", "The steps", "steps", "Stepsister", "Next steps")])

    def test_the_files_of_this_tree(self) -> None:
        """Each hints file is of an exercise of its lab, has two stages or more, and the steps come last."""
        tree = this_tree()
        course = labs.manifests(tree.root, labs.EVERY)
        expected = {stages.file_of(lab, exercise.number) for lab in course for exercise in lab.exercises}
        for path in sorted(tree.root.glob(f"labs/*/{stages.FOLDER}/*")):
            name = path.relative_to(tree.root).as_posix()
            self.assertIn(name, expected, "of no exercise of this lab")
            found = stages.parse(path.read_text(encoding="utf-8"))
            self.assertGreaterEqual(len(found), 2, f"{name}: hints come in stages, each below a heading of its own (##)")
            self.assertLessEqual(len(found), 12, name)
            self.assertEqual([], [one.title for one in found if not one.text.strip()], f"{name}: a stage without text")
            self.assertEqual(sorted(one.steps for one in found), [one.steps for one in found], f"{name}: the steps come last")
            self.assertFalse(found[0].steps, f"{name}: the first hint tells the steps")
            shown = markdown.lines("\n".join(one.text for one in found), 98, "labs/x/hints")
            self.assertNotIn("**", "".join(shown), f"{name}: a mark that a terminal would show")
            for figure in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
                self.assertTrue((path.parent / figure).is_file(), f"{name}: {figure}")


class Markdown(unittest.TestCase):
    def test_readable_at_a_terminal(self) -> None:
        one, two, _ = stages.parse(HINTS)
        self.assertEqual(["The *tail*: a thread goes behind those of its priority. See the",
                          "header (../../../kernel/inc/ke/thread.h).", "",
                          "(figure labs/1-processes/figures/queue.svg: a queue)"],
                         markdown.lines(one.text, 66, "labs/1-processes/hints"))
        self.assertEqual(["- One bit for each queue, and the line goes on and on until it", "  does not fit any more into one line of a terminal.",
                          "- `ReadySummary & (1 << n)`", "", "    ## no heading", "    int  two  blanks;"], markdown.lines(two.text, 64))

    def test_tables_headings_and_nested_items(self) -> None:
        text = "### Which\nwords\n| a | b |\n| - | - |\n| `x` | 1 |\n\n1. one\n   goes on\n   - inner **bold** `**not**`\n\nend"
        self.assertEqual(["<Which>", "words", "| a | b |", "| - | - |", "| `x` | 1 |", "", "1. one goes on", "   - inner <bold> `**not**`", "", "end"],
                         markdown.lines(text, 80, paint=lambda _, said: f"<{said}>"))

    def test_an_open_fence_ends_with_the_text(self) -> None:
        self.assertEqual(["    a", "    b"], markdown.lines("```\na\nb", 80))


class Record(unittest.TestCase):
    def test_reads_what_it_writes(self) -> None:
        self.assertEqual({"1.1": 2, "1.10": 1}, record.parse(record.render({"1.10": 1, "1.1": 2, "1.2": 0}, ["1.1", "1.2", "1.10"])))

    def test_a_merge_keeps_the_larger_number(self) -> None:
        self.assertEqual({"1.1": 3, "1.2": 1}, record.parse(b"<<<<<<< HEAD\n1.1 2\r\n=======\n1.1 3\n1.2 1\n>>>>>>> them\n"))

    def test_nothing_else_is_taken(self) -> None:
        self.assertEqual({}, record.parse(b"1.1 -2\n1.1 100\n1.1 2 x\nx\n1.1 0\n\xff\xfe1.2\n" + "1.1 \u0663\n".encode()))
        self.assertEqual({"1.2": 4}, record.of_files({RECORD: b"9.9 3\n1.2 4\n"}, [LAB]))


class HintCase(TreeCase):
    """A student's branch of lab 1 with hints of exercise 1.1."""

    def setUp(self) -> None:
        super().setUp()
        self.put(BRANCH_FILE, '{"lab": 1}')
        self.put("labs/1-processes/hints/1.1.md", HINTS)

    def ask(self, exercise: str = "1.1", again: bool = False, yes: bool = False, answer: "str | None" = None) -> Tuple[int, str]:
        """What the command returns and prints; `answer`: what is typed at a terminal."""
        shown = io.StringIO()
        stream = io.StringIO(answer or "")
        stream.isatty = lambda: answer is not None  # type: ignore[method-assign]
        with contextlib.redirect_stdout(shown), mock.patch.object(sys, "stdin", stream), mock.patch.dict(os.environ, COLUMNS="100"):
            code = hint.run(self.tree, argparse.Namespace(exercise=exercise, again=again, yes=yes))
        return code, shown.getvalue()

    def taken(self) -> Dict[str, int]:
        path = self.tree.root / RECORD
        return record.parse(path.read_bytes()) if path.is_file() else {}


class Command(HintCase):
    def test_one_more_each_time(self) -> None:
        code, said = self.ask()
        self.assertEqual((0, {"1.1": 1}), (code, self.taken()))
        self.assertIn("Hint 1 of 3 for 1.1, Ready queues: Which end\n\n  The *tail*", said)
        self.assertIn(f"Counted in {RECORD}: git add it with your work. Next: make hint EX=1.1 (2 left).", said)
        self.assertNotIn("What the bit says", said)
        said = self.ask()[1]
        self.assertIn("Hint 2 of 3", said)
        self.assertIn("(1 left; it tells the steps)", said)
        self.assertNotIn("Set the bit", said)

    def test_again_takes_none(self) -> None:
        with self.assertRaisesRegex(GraderError, "no hint of exercise 1.1 yet"):
            self.ask(again=True)
        self.ask()
        self.ask()
        said = self.ask(again=True)[1]
        self.assertIn("Which end", said)
        self.assertIn("What the bit says", said)
        self.assertEqual({"1.1": 2}, self.taken())

    def test_asks_before_the_steps(self) -> None:
        self.ask()
        self.ask()
        code, said = self.ask(answer="\n")
        self.assertEqual((1, {"1.1": 2}), (code, self.taken()))
        self.assertIn("This hint tells the steps. Take it? [y/N]", said)
        self.assertNotIn("Set the bit", said)
        with self.assertRaisesRegex(GraderError, "YES=1"):
            self.ask()
        self.assertEqual({"1.1": 2}, self.taken())
        code, said = self.ask(answer="y\n")
        self.assertEqual((0, {"1.1": 3}), (code, self.taken()))
        self.assertIn("2. Set the bit.", said)
        self.assertIn("That was the last hint", said)

    def test_yes_does_not_ask(self) -> None:
        self.ask()
        self.ask()
        self.assertIn("Set the bit", self.ask(yes=True)[1])
        with self.assertRaisesRegex(GraderError, "no more hints: you have taken all 3"):
            self.ask(yes=True)

    def test_a_hint_that_cannot_be_counted_is_not_shown(self) -> None:
        (self.tree.root / RECORD).mkdir()
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown), self.assertRaisesRegex(GraderError, "cannot be written"):
            hint.run(self.tree, argparse.Namespace(exercise="1.1", again=False, yes=False))
        self.assertEqual("", shown.getvalue())

    def test_which_exercises_there_are(self) -> None:
        self.ask()
        said = self.ask("")[1]
        self.assertRegex(said, r"1\.1 +Ready queues +1 of 3")
        self.assertNotIn("1.2", said)

    def test_errors_say_what_to_do(self) -> None:
        for exercise, says in (("1.9", "no such exercise; there are hints for: 1.1"), ("x", "no such exercise"), ("-1.2", "no such exercise"),
                               ("3.3", "not in this branch; it comes with the branch of lab 3"), ("1.2", "no staged hints")):
            with self.assertRaisesRegex(GraderError, says):
                self.ask(exercise)
        self.put(BRANCH_FILE, '{"lab": 3}')
        with self.assertRaisesRegex(GraderError, "branch of its own lab: git checkout lab1-processes"):
            self.ask("1.2")

    def test_numbers_that_the_hints_no_longer_reach(self) -> None:
        self.put(RECORD, "1.1 7\n")
        self.assertIn("3 of 3", self.ask("")[1])
        with self.assertRaisesRegex(GraderError, "taken all 3"):
            self.ask()

    def test_control_characters_are_shown(self) -> None:
        self.put("labs/1-processes/hints/1.1.md", "## A\nx\x1b[2J\n## B\ny\n")
        self.assertIn("\\x1b[2J", self.ask()[1])

    def test_the_complete_tree_counts_in_its_build_folder(self) -> None:
        (self.tree.root / BRANCH_FILE).unlink()
        said = self.ask()[1]
        self.assertEqual({}, self.taken())
        self.assertTrue((self.tree.out / RECORD).is_file())
        self.assertNotIn("Counted", said)


class InAGrading(HintCase):
    """The record of a submission is told, and nothing depends on it."""

    def grade(self, name: str = "work") -> Result:
        course = labs.load(self.tree)
        self.builder = mock.Mock(remarks=(), without_reference=lambda numbers: [])
        keys = {key for test in course.tests for key in (test.exercise, test.kernel)}
        self.builder.build.return_value = KernelSet({key: Kernel(self.home) for key in keys}, self.home)
        grading = Grading(self.tree, course, fake(passes), builder=self.builder)
        return grading.grade(str(self.home / name), course.labs, list(course.tests), own_seed=1)

    def work(self, name: str, **more: str) -> Path:
        folder = self.home / name
        for file, text in {READY: "int x;\n", **more}.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text)
        return folder

    def test_is_part_of_a_submission_if_it_is_there(self) -> None:
        self.work("work", **{RECORD: "1.2 1\n1.1 2\n8.8 3\n"})
        self.work("other")
        told, none = self.grade(), self.grade("other")
        self.assertEqual(((("1.1", 2), ("1.2", 1)), ()), (told.hints, none.hints))
        self.assertEqual((told.seed, told.score, told.submission), (none.seed, none.score, none.submission))

    def test_a_hint_changes_no_question(self) -> None:
        with_it = Submission({READY: b"int x;\n", RECORD: b"1.1 2\n"}, ())
        self.assertEqual(default_seed(Submission({READY: b"int x;\n"}, ())), default_seed(with_it))
        self.assertNotEqual(default_seed(Submission({READY: b"int y;\n"}, ())), default_seed(with_it))

    def test_a_record_that_is_no_file_or_too_large_refuses_like_a_students_file(self) -> None:
        folder = self.work("work", **{RECORD: "x" * ((1 << 20) + 1)})
        with self.assertRaises(GraderError):
            read(str(folder), [READY], [RECORD], self.tree.root)

    def test_every_report_says_it(self) -> None:
        self.work("work", **{RECORD: "1.1 2\n"})
        result = self.grade()
        self.assertEqual(result.hints, from_json(json.loads(to_bytes(result))).hints)
        self.assertEqual({"1.1": 2}, to_json(result)["hints"])
        self.assertEqual({"1.1": 2}, json.loads(gradescope.render(result))["extra_data"]["hints"])
        self.assertIn(b'<property name="hints-taken" value="2" />', junit.render(result))
        shown = io.StringIO()
        terminal.write_report(result, shown)
        self.assertIn("\nhints taken (no points depend on them): 1.1: 2\nLab 1:", shown.getvalue())
        self.assertIn("hints taken (no points depend on them): 1.1: 2", json.loads(gradescope.render(result))["output"])

    def test_no_hint_is_a_count_too(self) -> None:
        self.work("work")
        result = self.grade()
        self.assertIn(b'<property name="hints-taken" value="0" />', junit.render(result))
        self.assertIn("hints taken (no points depend on them): 0", json.loads(gradescope.render(result))["output"])
        shown = io.StringIO()
        terminal.write_report(result, shown)
        self.assertIn("\nhints taken (no points depend on them): 0\nLab 1:", shown.getvalue())

    def test_an_older_result_has_none(self) -> None:
        data = to_json(Result(1, 1, (), ()))
        del data["hints"]
        self.assertEqual((), from_json(data).hints)


class Journey(unittest.TestCase):
    """Through make, where make is."""

    def test_make_passes_everything_on(self) -> None:
        words: List[str] = ["make", "-n", "hint", "EX=1.1", "AGAIN=1", "YES=1", "O=there"]
        said = subprocess.run(words, cwd=this_tree().root, capture_output=True, text=True, check=True,
                              env={name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "O")}).stdout
        self.assertRegex(said, r'grader hint --out there\s+--exercise "1.1"\s+--again --yes')


if __name__ == "__main__":
    unittest.main()
