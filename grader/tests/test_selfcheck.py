"""The self-check's table: every kind of row can be right and can be wrong, and patches that do not fit are told."""

from __future__ import annotations

import contextlib
import io
import json
import re
import unittest
from pathlib import Path
from typing import Dict
from unittest import mock

from grader import cli, git, labs
from grader.building.builder import Builder
from grader.commands import selfcheck as command
from grader.commands import stability
from grader.errors import GraderError
from grader.judge.grading import Grading
from grader.model import KernelSet, Outcome, TestSpec
from grader.selfcheck import variants
from grader.selfcheck.sampling import Sample, drawn, number_of_commit
from grader.selfcheck.table import SelfCheck
from grader.submission.files import Submission
from grader.tests.fixture import QUANTUM, READY, SWITCH, TreeCase, fails, passes, runner
from grader.tests.test_grading import FakeBuilder


class TextBuilder(FakeBuilder):
    """Remembers the text of the submission, so that a fake runner can judge it."""

    text = ""

    def build(self, submission: Submission, keys: object, student_seed: int = 0) -> KernelSet:
        TextBuilder.text = b"".join(submission.files[name] for name in sorted(submission.files)).decode()
        return super().build(submission, keys, student_seed)


def judge(test: TestSpec, seed: int) -> Outcome:
    """Passes what the words in the student's files say."""
    text = TextBuilder.text
    if "\nSTUB" in text and "CHEAT-WORKS" not in text:
        return fails(test, seed, hint_id="not-implemented")
    if test.name == "bit_follows_queue" and "BIT" not in text:
        return fails(test, seed, hint_id="summary")
    if test.name == "registers_survive" and "EBX" not in text:
        return fails(test, seed, hint_id="saved")
    return passes(test, seed)


class Table(TreeCase):
    """Rows against a fake runner."""

    def setUp(self) -> None:
        super().setUp()
        for name, word, exercise in ((READY, "BIT", "1.1"), (SWITCH, "EBX", "1.2"), (QUANTUM, "Q", "1.2")):
            self.put(name,
                     f"// LAB({exercise}) begin\n{word}\n// LAB({exercise}) else\n//| STUB\n// LAB({exercise}) end\n")

    def variant(self,
              kind: str,
              name: str,
              header: str,
              old: str = "BIT",
              new: str = "",
              path: str = READY,
              starter: bool = False) -> None:
        """Writes an edit that replaces the line `old` by `new`."""
        before = "// Exercise 1.1" if starter else "// LAB(1.1) begin"
        self.put(f"solutions/1-processes/{kind}/{name}.edit", f"{header}\n\nIn {Path(path).name}:\n {before}\n-{old}\n+{new}\n")

    def rows(self) -> "Dict[str, tuple[str, str]]":
        course = labs.load(self.tree)
        grading = Grading(self.tree, course, runner(judge), builder=TextBuilder(self.tree, course))
        return {row.name: (row.score, row.trouble) for row in SelfCheck(grading, None).rows(course.labs[0])}

    def test_starter_and_reference(self) -> None:
        self.assertEqual(self.rows(), {"starter": ("0/8", ""), "reference": ("8/8", "")})

    def test_starter_with_points_is_trouble(self) -> None:
        self.put(READY, "// LAB(1.1) begin\nBIT\n// LAB(1.1) else\n//| CHEAT-WORKS BIT EBX\n// LAB(1.1) end\n")
        self.assertIn("must be 0", self.rows()["starter"][1])

    def test_mistake(self) -> None:
        self.variant("mistakes", "right", "Mistake: m\nExercise: 1.1\nFails: bit_*\nHint: summary")
        self.variant("mistakes", "few",
                   "Mistake: m\nExercise: 1.1\nFails: bit_follows_queue, insert_at_tail\nHint: summary")
        self.variant("mistakes", "many", "Mistake: m\nExercise: 1.1\nFails: insert_at_tail\nHint: summary")
        self.variant("mistakes", "hint", "Mistake: m\nExercise: 1.1\nFails: bit_follows_queue\nHint: other")
        self.variant("mistakes", "luck", "Mistake: m\nExercise: 1.1\nFails: bit_follows_queue\nHint: summary\n"
                   "Perhaps: insert_at_tail, other")
        self.variant("mistakes", "lucky", "Mistake: m\nExercise: 1.1\nFails: insert_at_tail\nHint: other\n"
                   "Perhaps: *, summary, other")
        self.variant("mistakes", "typo", "Mistake: m\nExercise: 1.1\nFails: bit_follows_queue, no_such\nHint: summary")
        rows = self.rows()
        self.assertEqual(rows["right"], ("5/8", ""))
        self.assertIn("does not fail insert_at_tail", rows["few"][1])
        self.assertIn("fails too bit_follows_queue", rows["many"][1])
        self.assertIn("hints summary instead of other", rows["hint"][1])
        self.assertEqual((rows["luck"][1], rows["lucky"][1]), ("", ""))
        self.assertIn("unknown test no_such", rows["typo"][1])

    def test_a_sampled_row_runs_what_it_names_and_a_few_others(self) -> None:
        self.variant("mistakes", "right", "Mistake: m\nExercise: 1.1\nFails: bit_*\nHint: summary")
        self.variant("mistakes", "few", "Mistake: m\nExercise: 1.1\nFails: bit_follows_queue, insert_at_tail\nHint: summary")
        course = labs.load(self.tree)
        asked = []
        grading = Grading(self.tree, course, runner(lambda test, seed: asked.append(test.name) or judge(test, seed)),
                          builder=TextBuilder(self.tree, course))
        check = SelfCheck(grading, None, Sample(self.tree, course.labs, 1))
        with mock.patch("grader.selfcheck.sampling.OTHERS", 1):
            rows = {row.name: row.trouble for row in check.rows(course.labs[0], "right")}
            self.assertEqual((rows["right"], "bit_follows_queue" in asked, len(asked)), ("", True, 2))
            rows = {row.name: row.trouble for row in check.rows(course.labs[0], "few")}
        self.assertIn("does not fail insert_at_tail", rows["few"])

    def test_a_sample_draws_mistakes_of_each_exercise_and_takes_everything_else(self) -> None:
        for exercise, count in (("1.1", 12), ("1.2", 1)):
            for index in range(count):
                self.variant("mistakes", f"m{exercise[-1]}-{index}", f"Mistake: m\nExercise: {exercise}\nFails: bit_*\nHint: summary")
        self.variant("accepted", "good", "Accepted: a", new="BIT BY BIT")
        self.variant("cheaters", "vain", "Cheat: prints PASS", old="STUB", new="STUB PASS", starter=True)
        course = labs.load(self.tree)
        found = variants.of_lab(self.tree, course.labs[0])

        def taken(draw: int) -> "frozenset[str]":
            with mock.patch("grader.selfcheck.sampling.drawn", lambda mistakes, draw: drawn(mistakes, draw, 4)):
                sample = Sample(self.tree, course.labs, draw)
            return frozenset(variant.name for variant in found if sample.takes(variant))

        for draw in range(20):
            self.assertLessEqual({"good", "vain", "m2-0"}, taken(draw))
            self.assertEqual((len(taken(draw)), taken(draw)), (3 + 4, taken(draw)))
        self.assertEqual(frozenset().union(*map(taken, range(60))), {variant.name for variant in found}, "each has its turn")

    def test_samples_ask_at_three_seeds_and_the_seed_says_which_other_tests_run(self) -> None:
        self.variant("mistakes", "one", "Mistake: m\nExercise: 1.1\nFails: bit_follows_queue\nHint: summary")
        course = labs.load(self.tree)
        tests = course.tests_of(course.labs[0])
        mistake, = variants.of_lab(self.tree, course.labs[0])

        def ran(draw: int) -> "tuple[int, tuple[str, ...]]":
            with mock.patch("grader.selfcheck.sampling.OTHERS", 1):
                sample = Sample(self.tree, course.labs, draw)
                return sample.seed, tuple(test.name for test in sample.tests(mistake, tests))

        self.assertEqual({ran(draw)[0] for draw in range(30)}, {1, 2, 3})
        self.assertEqual(len({ran(draw) for draw in range(300)}), 3, "all that a commit can draw can be run beforehand")

    def test_the_commit_draws(self) -> None:
        self.assertEqual(number_of_commit(self.tree, 17), 17, "no repository")
        git.ask(self.tree.root, "init", "-q")
        numbers = set()
        for text in ("one", "two"):
            self.put("README.md", text)
            git.ask(self.tree.root, "add", "README.md")
            git.ask(self.tree.root, "commit", "-qm", text, settings=("user.name=a", "user.email=a@b.c"))
            numbers.add(number_of_commit(self.tree, 17))
        self.assertEqual(len(numbers - {17}), 2)

    def test_accepted(self) -> None:
        self.variant("accepted", "good", "Accepted: a", new="BIT BY BIT")
        self.variant("accepted", "bad", "Accepted: a", new="nothing")
        rows = self.rows()
        self.assertEqual(rows["good"], ("8/8", ""))
        self.assertEqual(rows["bad"], ("5/8", "fails bit_follows_queue"))

    def test_cheater(self) -> None:
        self.variant("cheaters", "vain", "Cheat: prints PASS", old="STUB", new="STUB PASS", starter=True)
        self.variant("cheaters", "works", "Cheat: c", old="STUB", new="CHEAT-WORKS", starter=True)
        rows = self.rows()
        self.assertEqual(rows["vain"], ("0/8", ""))
        self.assertIn("gains", rows["works"][1])

    def test_row_that_does_not_build_is_trouble(self) -> None:
        self.variant("cheaters", "vain", "Cheat: prints PASS", old="STUB", new="STUB PASS", starter=True)
        with mock.patch.object(TextBuilder, "errors", {"1.1": "kernel/x.cpp:1:1: error: no"}, create=True), \
                mock.patch.object(FakeBuilder, "__init__", Builder.__init__):
            rows = self.rows()
        for name in ("starter", "reference", "vain"):
            self.assertIn("exercise 1.1 does not build: kernel/x.cpp:1:1", rows[name][1])

    def test_edit_that_does_not_fit(self) -> None:
        self.variant("accepted", "stale", "Accepted: a", old="SOMETHING ELSE", new="x")
        self.variant("accepted", "stranger", "Accepted: a", path="Makefile")
        self.variant("accepted", "idle", "Accepted: a", new="BIT")
        rows = self.rows()
        self.assertIn("is there 0 times; the text has changed", rows["stale"][1])
        self.assertIn("no student file is called so", rows["stranger"][1])
        self.assertIn("changes nothing", rows["idle"][1])

    def test_header_must_be_whole(self) -> None:
        self.variant("mistakes", "m", "Mistake: m\nExercise: 1.1\nFails: x")
        with self.assertRaisesRegex(GraderError, "the header has no `Hint:` line"):
            variants.of_lab(self.tree, labs.load(self.tree).labs[0])

    def run_command(self, *arguments: str) -> "tuple[int, str]":
        out = io.StringIO()
        with mock.patch.object(command, "default_runner", lambda: runner(judge)), \
                mock.patch.object(stability, "default_runner", lambda: runner(judge)), \
                mock.patch("grader.judge.grading.Builder", lambda tree, course, *_: TextBuilder(tree, course)), \
                contextlib.redirect_stdout(out):
            return cli.main(arguments, self.tree), out.getvalue()

    def test_command(self) -> None:
        code, text = self.run_command("selfcheck", "1")
        self.assertEqual(code, 0)
        self.assertIn("2 rows as they should be, 0 not", text)
        self.variant("accepted", "bad", "Accepted: a", new="nothing")
        code, text = self.run_command("selfcheck", "--lab", "1", "--only", "b*")
        self.assertEqual(code, 1)
        self.assertIn("0 rows as they should be, 1 not", text)

    def test_json_lines(self) -> None:
        code, text = self.run_command("selfcheck", "--jsonl")
        lines = [json.loads(line) for line in text.splitlines()]
        self.assertEqual(code, 0)
        self.assertEqual([line["name"] for line in lines[:2]], ["lab1.starter.starter", "lab1.reference.reference"])
        self.assertEqual({line["name"]: line["features"] for line in lines[2:]}["lab1.test.insert_at_tail"], ["SCH-16"])
        self.assertTrue(all(line["ok"] for line in lines))

    def test_json_lines_of_a_sample_say_how_it_is_drawn_again(self) -> None:
        for index in range(6):
            self.variant("mistakes", f"m-{index}", "Mistake: m\nExercise: 1.1\nFails: bit_*\nHint: summary")
        with mock.patch("grader.selfcheck.sampling.drawn", lambda mistakes, draw: drawn(mistakes, draw, 2)):
            code, text = self.run_command("selfcheck", "--jsonl", "--sample")
            again = re.search(r"\Anote: 2 of 6 mistakes; .* SEED=(\d+)\n", text)
            self.assertTrue(code == 0 and again, text)
            self.assertEqual(self.run_command("selfcheck", "--jsonl", "--sample", "--seed", again[1])[1], text)
            rows = {json.loads(line)["name"] for line in text.splitlines()[1:] if ".mistake." in line}
            self.assertEqual(len(rows), 2)
            code, text = self.run_command("selfcheck", "--jsonl", "--sample", "--only", "m-*")
        self.assertEqual(len({json.loads(line)["name"] for line in text.splitlines()}), 6, "what is asked for by name is there")

    def test_stability_command(self) -> None:
        code, text = self.run_command("stability", "--runs", "4", "--load", "--submission", str(self.tree.root))
        self.assertEqual(code, 0, text)
        self.assertIn("4 gradings, 1 different result files", text)

    def test_stability_finds_a_difference(self) -> None:
        counter = iter(range(100))
        def moody(test: TestSpec, seed: int) -> Outcome:
            return passes(test, seed) if next(counter) != 5 else fails(test, seed)
        with mock.patch(__name__ + ".judge", moody):
            code, text = self.run_command("stability", "--runs", "3", "--submission", str(self.tree.root))
        self.assertEqual(code, 1)
        self.assertIn("differs in: bit_follows_queue", text)

    def test_stability_asks_at_other_seeds(self) -> None:
        """A test that a right kernel loses at some seeds is found, whatever else the files say."""
        def unlucky(test: TestSpec, seed: int) -> Outcome:
            return fails(test, seed) if seed == 12 and test.name == "bit_follows_queue" else passes(test, seed)
        code, text = self.run_command("stability", "--seeds", "--runs", "3", "--submission", str(self.tree.root))
        self.assertEqual((code, "3 gradings, 1 different sets of verdicts" in text), (0, True), text)
        with mock.patch(__name__ + ".judge", unlucky):
            code, text = self.run_command("stability", "--seeds", "--seed", "10", "--runs", "4", "--submission",
                                          str(self.tree.root))
        self.assertEqual(code, 1)
        self.assertIn("seed 12 differs in: bit_follows_queue", text)


if __name__ == "__main__":
    unittest.main()
