"""`make demo-race`: a planted race is found, shown and told how to see again; a wrong name gets the right ones."""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import os
import re
import subprocess
import sys
import unittest
from unittest import mock

from grader import labs
from grader.commands import demo_race
from grader.errors import GraderError
from grader.explore.survey import survey
from grader.handout.publish import WITHHELD
from grader.judge.grading import Grading
from grader.model import Verdict
from grader.tree import this_tree


def shown(*arguments: str) -> "tuple[int, str]":
    parser = argparse.ArgumentParser()
    demo_race.add_arguments(parser)
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = demo_race.run(this_tree(), parser.parse_args(list(arguments)))
    return code, out.getvalue()


class NamesTest(unittest.TestCase):
    """commands/demo_race.py, without a machine"""

    def setUp(self) -> None:
        tree = this_tree()
        self.known = demo_race.known(Grading(tree, labs.load(tree), mock.Mock()))

    def test_default_is_a_mistake_that_a_test_finds_by_exploring(self) -> None:
        lab, variant, tests = demo_race.chosen(self.known, demo_race.DEFAULT)
        self.assertEqual((3, demo_race.DEFAULT), (lab.number, variant.name))
        self.assertTrue(all(test.explore for test in tests) and tests)

    def test_unknown_name_gets_all_names(self) -> None:
        with self.assertRaises(GraderError) as caught:
            demo_race.chosen(self.known, "nix")
        text = str(caught.exception)
        self.assertIn("MISTAKE=nix", text)
        for name in ("lock-test-then-set", "signal-lost-before-sleep", "list-linked-too-late"):
            self.assertRegex(text, rf"\n  {name} +3\.\d  \S")
        self.assertNotIn("bit-stays-set", text)  # of lab 1: no test explores
        self.assertNotIn("points-switched-off", text)  # it keeps the explorer from working: there is nothing to show

    def test_list_shows_them_without_a_machine(self) -> None:
        code, text = shown("--mistake", "list")
        self.assertEqual((0, len(self.known)), (code, len(text.splitlines())))

    def test_what_was_changed_is_shown_with_its_place(self) -> None:
        lines = demo_race.changes(self.known["lock-test-then-set"][1])
        self.assertRegex(lines[0], r"In spinlock\.cpp, \w*AcquireSpinLock\w*:")
        self.assertIn("+    SpinLock->Value = Held;", lines)

    def test_students_do_not_get_it(self) -> None:
        self.assertIsNotNone(WITHHELD.search("grader/commands/demo_race.py"))


class DemoTest(unittest.TestCase):
    """The whole demonstration, in the machine; of the strategies two, so that it is short."""

    def setUp(self) -> None:
        two = mock.patch.object(demo_race, "survey", functools.partial(survey, kinds=("walk", "tim")))
        two.start()
        self.addCleanup(two.stop)

    def test_race_is_found_shown_and_replayed(self) -> None:
        code, text = shown("--runs", "40")
        self.assertEqual(0, code, text)
        self.assertIn("The mistake: the lock is tested, and then set", text)
        self.assertIn("+    SpinLock->Value = Held;", text)
        self.assertRegex(text, r"\n  walk +40 +[1-9]\d* ", "random walk finds it")
        self.assertRegex(text, r"\n  tim +40 +0 ", "the stock clock does not")
        self.assertRegex(text, r"\nFAIL  race_spin_lock ")
        self.assertRegex(text, r"\n  hint +This must hold under every schedule[^\0]*between the test of a free lock and the change")
        page = re.search(r"\n  timeline +(\S+\.html)\n", text)
        self.assertTrue(page and os.path.getsize(page[1]) > 10_000, text)
        rerun = re.search(r"\n  rerun +make (replay LAB=3 TEST=race_spin_lock SEED=\S+ SUBMISSION=\S+)\n", text)
        self.assertTrue(rerun, text)
        assert rerun
        options = [word.partition("=") for word in rerun[1].split()[1:]]
        replayed = subprocess.run([sys.executable, "-m", "grader", "replay", "--out", str(this_tree().out),
                                   *(part for name, _, value in options for part in ("--" + name.lower(), value))],
                                  cwd=this_tree().root, env={**os.environ, "GDB_ARGS": "-batch -ex bt"}, capture_output=True, text=True)
        self.assertEqual(0, replayed.returncode, replayed.stderr)
        self.assertIn("fail under schedule", replayed.stdout)
        self.assertRegex(replayed.stdout, r"#\d.*SpinLockExcludes")

    def test_what_is_not_found_by_the_graded_seed_is_said(self) -> None:
        passed = mock.Mock(verdict=Verdict.PASS, page="", test="race_spin_lock", title="a spin lock excludes")
        with mock.patch.object(demo_race, "judged", lambda *_: passed), \
                mock.patch.object(demo_race, "details", lambda *_: ""):
            code, text = shown("--runs", "5")
        self.assertEqual(1, code)
        self.assertIn("not found with seed 1; try SEED=2", text)


if __name__ == "__main__":
    unittest.main()
