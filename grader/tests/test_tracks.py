"""Core tracks and further exercises: which tests run, what a score is of, and what every report says."""

from __future__ import annotations

import io
import json
import os
import subprocess
import unittest
from dataclasses import replace
from typing import FrozenSet, List, Sequence

from grader import further, labs
from grader.commands import watch
from grader.commands.grade import left_out, milestones
from grader.errors import GraderError
from grader.model import Exercise, Lab, Outcome, Result, Verdict
from grader.report import github, gradescope, junit, terminal
from grader.report.result import from_json, to_bytes, to_json
from grader.selfcheck.table import earned
from grader.tests.fixture import LAB_PY, TreeCase
from grader.tree import this_tree

CORE, MORE = Exercise("3.1", "Core", 4, ("a.cpp",), 3), Exercise("3.7", "Timers", 5, ("b.cpp",), 2, further=True)
LAB = Lab(3, "locks", "Locks", "lab3-locks", (CORE, MORE))


def outcome(exercise: str, points: int, most: int) -> Outcome:
    return Outcome(f"test_{exercise.replace('.', '_')}", exercise, "a title", points, most,
                   Verdict.PASS if points == most else Verdict.FAIL, 1)


def result(*outcomes: Outcome) -> Result:
    return Result(1, 1, (LAB,), outcomes)


BOTH = result(outcome("3.1", 4, 4), outcome("3.7", 2, 5))


class Scores(unittest.TestCase):
    def test_a_score_is_of_the_core_track(self) -> None:
        self.assertEqual((4, 4, 2, 5), (BOTH.score, BOTH.max_score, BOTH.further_score, BOTH.further_max))
        self.assertEqual(6, earned(BOTH))
        self.assertEqual(("4/4 + further 2/5", "4/4", "further 5/5"), (BOTH.in_words, result(outcome("3.1", 4, 4)).in_words,
                                                                      result(outcome("3.7", 5, 5)).in_words))

    def test_full_marks_are_of_all_that_was_graded(self) -> None:
        self.assertEqual([1, 0, 0, 1], [one.exit_code for one in (BOTH, result(outcome("3.1", 4, 4)), result(outcome("3.7", 5, 5)),
                                                                 result(outcome("3.1", 3, 4), outcome("3.7", 5, 5)))])

    def test_points_and_hours_of_a_lab_are_the_core_tracks(self) -> None:
        self.assertEqual((4, 3, (CORE,), (MORE,)), (LAB.points, LAB.hours, LAB.core, LAB.further))


class Reports(unittest.TestCase):
    def text(self, one: Result) -> str:
        shown = io.StringIO()
        terminal.write_report(one, shown)
        return shown.getvalue()

    def test_terminal(self) -> None:
        told = self.text(BOTH)
        self.assertIn("Further exercises, with points of their own:\n  3.7  Timers", told)
        self.assertTrue(told.endswith("Lab 3, core track: 4/4\nLab 3, further exercises: 2/5\nScore: 4/4 + further 2/5\n"), told)
        self.assertTrue(self.text(result(outcome("3.1", 4, 4))).endswith("Lab 3, core track: 4/4\nScore: 4/4\n"))
        self.assertTrue(self.text(result(outcome("3.7", 5, 5))).endswith("Lab 3, further exercises: 5/5\nScore: further 5/5\n"))

    def test_milestones_of_what_is_solved(self) -> None:
        shows = replace(LAB, exercises=(replace(CORE, shows=("spin 3", "ready")), replace(MORE, shows=("timers",))))
        self.assertEqual("solved, and to be seen at the prompt of `make monitor` when your kernel boots: 3.1 `spin 3` `ready`",
                         milestones(replace(BOTH, labs=(shows,))))
        self.assertEqual("", milestones(BOTH))

    def test_a_lab_without_further_exercises_has_no_tracks(self) -> None:
        one = replace(result(outcome("3.1", 4, 4)), labs=(replace(LAB, exercises=(CORE,)),))
        self.assertTrue(self.text(one).endswith("Lab 3: 4/4\nScore: 4/4\n"))

    def test_canonical(self) -> None:
        data = to_json(BOTH)
        self.assertEqual((4, 4, {"score": 2, "max_score": 5}), (data["score"], data["max_score"], data["further"]))
        lab = data["labs"][0]
        self.assertEqual((4, 4, {"score": 2, "max_score": 5}), (lab["score"], lab["max_score"], lab["further"]))
        self.assertEqual([False, True], [one["further"] for one in lab["exercises"]])
        again = from_json(json.loads(to_bytes(BOTH)))
        self.assertEqual((4, 4, 2, 5), (again.score, again.max_score, again.further_score, again.further_max))

    def test_an_older_result_is_all_core(self) -> None:
        data = to_json(BOTH)
        for one in data["labs"][0]["exercises"]:
            del one["further"]
        self.assertEqual((6, 9), (from_json(data).score, from_json(data).max_score))

    def test_gradescope_counts_the_core_track_and_says_the_rest(self) -> None:
        data = json.loads(gradescope.render(BOTH))
        self.assertEqual(4, data["score"])
        self.assertIn("Core track: 4/4. Further exercises, which the score leaves out: 2/5.", data["output"])
        self.assertEqual({"score": 2, "max_score": 5}, data["extra_data"]["further"])
        self.assertNotIn("Core track", json.loads(gradescope.render(result(outcome("3.1", 4, 4))))["output"])

    def test_github_adds_tests_up(self) -> None:
        data = json.loads(github.render(BOTH))
        self.assertEqual((9, 6, "fail"), (data["max_score"], sum(one["score"] for one in data["tests"]), data["status"]))
        self.assertEqual("fail", json.loads(github.render(result(outcome("3.1", 4, 4), outcome("3.7", 0, 5))))["status"])

    def test_junit(self) -> None:
        self.assertIn(b'name="3.7 Timers (further)"', junit.render(BOTH))
        self.assertIn(b'name="3.1 Core"', junit.render(BOTH))


class Chosen(unittest.TestCase):
    def chosen(self, text: str, known: Sequence[Lab] = (LAB,)) -> FrozenSet[str]:
        return further.chosen(known, text, "labs/further.txt")

    def test_words(self) -> None:
        self.assertEqual([frozenset(), {"3.7"}, {"3.7"}, frozenset(), {"3.7"}],
                         [self.chosen(text) for text in ("", "3.7", "all", "none", "3.7,none")])

    def test_of_a_lab_that_is_not_here(self) -> None:
        self.assertEqual({"3.7"}, self.chosen("3.7 4.8"))

    def test_others_are_an_error(self) -> None:
        for text, says in (("3.1", "3.1 is in the core track"), ("3.9", "3.9 is no further exercise; there are: 3.7, all, none"), ("x", "x is no")):
            with self.assertRaisesRegex(GraderError, says):
                self.chosen(text)


class OfATree(TreeCase):
    """Lab 1 of a small tree, whose second exercise is a further one."""

    def setUp(self) -> None:
        super().setUp()
        self.put("labs/1-processes/lab.py", LAB_PY.replace('switch.S", "kernel/ntos/ke/sched/quantum.cpp")', 'switch.S", '
                                                           '"kernel/ntos/ke/sched/quantum.cpp"), further=True'))

    def names(self, pattern: str = "", text: str = "") -> List[str]:
        course = labs.with_further(labs.load(self.tree), text)
        return [test.name for test in labs.select(course, "1", pattern)[1]]

    def test_what_is_graded(self) -> None:
        core = ["insert_at_tail", "bit_follows_queue"]
        both = [*core, "registers_survive", "threads_take_turns"]
        self.assertEqual([core, both, both, both[2:], ["registers_survive"]],
                         [self.names(), self.names(text="1.2"), self.names(text="all"), self.names("1.2"), self.names("registers*")])
        self.put(further.FILE, "# ours\n1.2  # the switch\n")
        self.assertEqual([both, core], [self.names(), self.names(text="none")])

    def test_a_setting_that_is_wrong(self) -> None:
        self.put(further.FILE, "1.1\n")
        with self.assertRaisesRegex(GraderError, "labs/further.txt: 1.1 is in the core track"):
            self.names()

    def test_core_exercises_come_first(self) -> None:
        self.put("labs/1-processes/lab.py", LAB_PY.replace('("kernel/ntos/ke/sched/ready.cpp",)', '("kernel/ntos/ke/sched/ready.cpp",), further=True'))
        with self.assertRaisesRegex(GraderError, "a further exercise stands before one of the core track"):
            labs.load(self.tree)

    def test_the_report_names_what_was_not_asked_for(self) -> None:
        course = labs.load(self.tree)
        self.assertIn("not graded here: 1.2 (3 points of their own", left_out(course, course.labs))
        everything = labs.with_further(course, "all")
        self.assertEqual("", left_out(everything, everything.labs))

    def test_watch_goes_on_to_chosen_ones_only(self) -> None:
        course = labs.load(self.tree)

        def tasks(of: labs.Course, exercise: str = "") -> List[str]:
            return [task[1].number for task in watch.chosen(self.tree, of, "", exercise)]

        self.assertEqual([["1.1"], ["1.1", "1.2"], ["1.2"]], [tasks(course), tasks(labs.with_further(course, "1.2")), tasks(course, "1.2")])
        with self.assertRaisesRegex(GraderError, "there are: 1.1, 1.2"):
            tasks(course, "1.9")


class OfThisTree(unittest.TestCase):
    def test_every_core_track_of_two_weeks(self) -> None:
        """Further exercises stand beside a core track of 100 points and 16 to 20 hours; all labs together fit a semester."""
        course = labs.load(this_tree())
        for lab in course.labs:
            self.assertTrue(all(exercise.hours > 0 for exercise in lab.exercises), lab.folder)
            if lab.further:
                self.assertEqual(100, lab.points)
                self.assertTrue(16 <= lab.hours <= 20, lab.hours)
        self.assertLessEqual(sum(lab.hours for lab in course.labs), 90)

    def test_make_passes_it_on(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "O")}
        for target in ("grade", "watch"):
            said = subprocess.run(["make", "-n", target, "FURTHER=3.7 3.8"], cwd=this_tree().root, capture_output=True, text=True, check=True,
                                  env=environment).stdout
            self.assertIn('--further "3.7 3.8"', said)


if __name__ == "__main__":
    unittest.main()
