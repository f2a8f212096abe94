"""`make watch`: every save is graded, the first failure is told, the next exercise is named; editors and mishaps of all kinds."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path
from typing import Callable, List, Optional
from unittest import mock

from grader import labs
from grader.commands import grade, watch
from grader.errors import GraderError
from grader.handout.publish import WITHHELD
from grader.model import EXPLORE, NOT_WRITTEN, KernelSet, Outcome, Result, TestSpec, Verdict
from grader.submission.files import Submission
from grader.tests.fixture import QUANTUM, READY, SWITCH, TreeCase, fails, passes, runner
from grader.tests.test_grading import FakeBuilder
from grader.tree import this_tree
from grader.watch import files

ROOT = Path(__file__).resolve().parents[2]
Step = Callable[[], None]


class Kernels(FakeBuilder):
    """With the flavour whose schedules are explored."""

    def build(self, submission: Submission, keys: object, student_seed: int = 0) -> KernelSet:
        made = super().build(submission, keys, student_seed)
        more = {key + EXPLORE: kernel for key, kernel in made.kernels.items()}
        return dataclasses.replace(made, kernels={**made.kernels, **more})


class WatchCase(TreeCase):
    """A watch on a tree of its own.  An exercise passes when each of its files says `right`; `half` fails its last test."""

    def setUp(self) -> None:
        super().setUp()
        self.ran: List[str] = []
        self.during: "List[Step]" = []  # done while a test runs, one each
        patched = mock.patch.object(files, "INTERVAL", 0.005)
        patched.start()
        self.addCleanup(patched.stop)

    def judge(self, test: TestSpec, seed: int) -> Outcome:
        self.ran.append(test.name)
        if self.during:
            self.during.pop(0)()
        texts = [(self.tree.root / name).read_text() for name in ((READY,) if test.exercise == "1.1" else (SWITCH, QUANTUM))]
        if any("stub" in text for text in texts):
            return fails(test, seed, hint_id=NOT_WRITTEN, where=f"{READY}:18")
        last = test.name in ("bit_follows_queue", "threads_take_turns")
        good = all("right" in text or ("half" in text and not last) for text in texts)
        return passes(test, seed) if good else fails(test, seed)

    def watch(self, *steps: Step, exercise: str = "", errors: "Optional[dict]" = None, judge: "Optional[Callable]" = None) -> str:
        """Each step is done when the watch is idle; after the last one comes Ctrl-C."""
        course = labs.load(self.tree)
        todo = list(steps)
        waited = [0]

        def idle() -> bool:
            waited[0] += 1
            if waited[0] == 2 or not todo:
                if not todo:
                    raise KeyboardInterrupt
                waited[0] = 0
                todo.pop(0)()
            return False

        self.out = io.StringIO()
        with contextlib.redirect_stdout(self.out), contextlib.redirect_stderr(io.StringIO()):
            watched = watch.Watch(self.tree, course, watch.chosen(self.tree, course, "", exercise), bool(exercise),
                                  runner(judge or self.judge), str(self.tree.root), 2,
                                  Kernels(self.tree, course, errors))
            with self.assertRaises(KeyboardInterrupt):
                watched.loop(idle)
        return self.out.getvalue()

    def saves(self, name: str, text: str) -> Step:
        return lambda: self.put(name, text) and None

    def renames(self, name: str, text: str) -> Step:
        def step() -> None:
            new = self.put(name + ".swp", text)
            os.utime(new, ns=(1, 1))  # a date tells nothing
            new.rename(self.tree.root / name)
        return step

    def removes(self, name: str) -> Step:
        return lambda: (self.tree.root / name).unlink()


class Told(WatchCase):
    def test_first_failure_in_full_and_the_points(self) -> None:
        text = self.watch(exercise="1.1")
        self.assertEqual(["insert_at_tail", "bit_follows_queue"], self.ran)  # of this exercise, and no other
        self.assertEqual(1, text.count("FAIL"), text)
        for part in ("FAIL  insert_at_tail", "asked     insert 3 threads", "expected  A B C", "seen      A C B",
                     "make replay LAB=1 TEST=insert_at_tail SEED=", "SUBMISSION=",
                     "1.1  0/5, 2 of 2 tests fail"):
            self.assertIn(part, text)

    def test_first_is_the_first_of_the_tests_and_not_of_the_runs(self) -> None:
        self.put(READY, "half")
        self.assertIn("FAIL  bit_follows_queue", self.watch(exercise="1.1"))

    def test_what_is_not_written_is_one_line(self) -> None:
        self.put(READY, "stub")
        text = self.watch(exercise="1.1")
        self.assertIn(f"not written yet: {READY}:18 (2 tests)\n", text)
        self.assertNotIn("FAIL", text)

    def test_solved_one_names_the_next(self) -> None:
        self.put(READY, "right")
        text = self.watch(exercise="1.1")
        self.assertIn("1.1  5/5  (", text)
        self.assertIn("next: 1.2 Switch (make watch EX=1.2)", text)

    def test_compiler_speaks_for_itself(self) -> None:
        text = self.watch(exercise="1.1", errors={"1.1": f"{READY}:3:1: error: expected ';'"})
        self.assertIn(f"{READY}:3:1: error: expected ';'\n", text)
        self.assertIn("1.1  0/5, it does not build", text)
        self.assertNotIn("FAIL", text)

    def test_trouble_of_the_grader_is_no_zero(self) -> None:
        text = self.watch(exercise="1.1", judge=lambda test, seed: fails(test, seed, Verdict.INFRA_ERROR))
        self.assertIn("2 tests could not be judged: save or press Enter to try again", text)
        self.assertNotIn("next:", text)

    def test_unknown_exercise_lists_those_that_exist(self) -> None:
        with self.assertRaisesRegex(GraderError, r"EX=9\.9: there is no such exercise; there are: 1\.1, 1\.2"):
            watch.chosen(self.tree, labs.load(self.tree), "", "9.9")

    def test_test_without_points_must_pass_too(self) -> None:
        path = self.tree.root / "labs/1-processes/tests/test_threads.py"
        path.write_text(path.read_text() + '@_test("1.1", 0)\ndef compiles(t): pass\n')
        text = self.watch(exercise="1.1", judge=lambda test, seed: (fails if test.name == "compiles" else passes)(test, seed))
        self.assertIn("1.1  5/5, 1 of 3 tests fail", text)
        self.assertNotIn("next:", text)

    def test_exercise_whose_tests_are_hidden(self) -> None:
        path = self.tree.root / "labs/1-processes/tests/test_threads.py"
        path.write_text(path.read_text().partition('@_test("1.2", 2)')[0])
        manifest = self.tree.root / "labs/1-processes/lab.py"
        manifest.write_text(manifest.read_text().replace('"Switch", 3', '"Switch", 0'))
        course = labs.load(self.tree)
        self.assertEqual(["1.1"], [exercise.number for _, exercise in watch.chosen(self.tree, course, "", "")])
        with self.assertRaisesRegex(GraderError, r"EX=1\.2: its tests are not in this tree"):
            watch.chosen(self.tree, course, "", "1.2")


class Exploring(WatchCase):
    """Tests that explore schedules wait for the others."""

    def setUp(self) -> None:
        super().setUp()
        path = self.tree.root / "labs/1-processes/tests/test_threads.py"
        path.write_text("from grader.api import EXPLORED\n" + path.read_text().replace('@_test("1.1", 3)', '@_test("1.1", 3, machine=EXPLORED)'))

    def test_they_wait_and_the_line_says_so(self) -> None:
        self.assertIn("1.1  0/5, 1 of 1 tests fail; 1 that explore schedules come when these pass", self.watch(exercise="1.1"))
        self.assertEqual(["insert_at_tail"], self.ran)

    def test_they_come_when_the_others_pass(self) -> None:
        self.put(READY, "half")
        text = self.watch(exercise="1.1")
        self.assertIn("1.1  2/5, 1 of 2 tests fail  (", text)
        self.assertIn("FAIL  bit_follows_queue", text)
        self.assertNotIn("next:", text)


class Saves(WatchCase):
    def scores(self, text: str) -> "List[str]":
        return [line.split()[2].rstrip(",") for line in text.splitlines() if line[2:3] == ":" and line[8:10] == "  "]

    def test_every_save_is_graded(self) -> None:
        text = self.watch(self.saves(READY, "half"), self.saves(READY, "right"), exercise="1.1")
        self.assertEqual(["0/5", "2/5", "5/5"], self.scores(text), text)

    def test_editors_that_rename_a_new_file(self) -> None:
        before = self.put(READY, "half!")
        os.utime(before, ns=(1, 1))
        text = self.watch(self.renames(READY, "right"), exercise="1.1")  # as long, as old
        self.assertEqual(["2/5", "5/5"], self.scores(text), text)

    def test_other_files_are_nobodys_business(self) -> None:
        text = self.watch(self.saves(SWITCH, "right"), self.saves(READY + "~", "right"), exercise="1.1")
        self.assertEqual(["0/5"], self.scores(text), text)

    def test_save_during_a_run_starts_another(self) -> None:
        self.during = [self.saves(READY, "right")]
        text = self.watch(exercise="1.1")
        self.assertIn("saved again: from the start\n", text)
        self.assertEqual(["5/5"], self.scores(text), text)
        self.assertEqual(["insert_at_tail", "insert_at_tail", "bit_follows_queue"], self.ran)

    def test_deleted_file_is_told_and_graded_when_it_is_back(self) -> None:
        text = self.watch(self.removes(READY), self.saves(READY, "right"), exercise="1.1")
        self.assertIn(f"{READY} is not there; it is graded when it is back\n", text)
        self.assertEqual(["0/5", "5/5"], self.scores(text), text)

    def test_one_that_is_deleted_during_a_run(self) -> None:
        self.put(READY, "right")
        self.during = [lambda: None, self.removes(SWITCH)]
        text = self.watch(self.saves(SWITCH, "right"))
        self.assertIn(f"{SWITCH} is not there", text)

    def test_refused_file_is_told_and_the_watch_goes_on(self) -> None:
        def link() -> None:
            (self.tree.root / READY).unlink()
            (self.tree.root / READY).symlink_to(self.tree.root / SWITCH)

        def file() -> None:
            (self.tree.root / READY).unlink()
            self.put(READY, "right")

        text = self.watch(link, file, exercise="1.1")
        self.assertIn("a symbolic link", text)
        self.assertEqual(["0/5", "5/5"], self.scores(text), text)


class MovesOn(WatchCase):
    """Without EX."""

    def test_to_the_first_that_is_not_solved(self) -> None:
        self.put(READY, "right")
        text = self.watch()
        self.assertEqual(["insert_at_tail", "bit_follows_queue", "registers_survive", "threads_take_turns"], self.ran)
        self.assertLess(text.index("now 1.1: Ready queues"), text.index("now 1.2: Switch"))

    def test_when_one_is_solved(self) -> None:
        text = self.watch(self.saves(READY, "right"))
        self.assertIn("1.1  5/5", text)
        self.assertIn(f"now 1.2: Switch\n  {SWITCH}\n  {QUANTUM}\n", text)
        self.assertIn("1.2  0/3", text)

    def test_to_the_one_whose_file_is_saved(self) -> None:
        text = self.watch(self.saves(QUANTUM, "half"))
        self.assertEqual(["insert_at_tail", "bit_follows_queue", "registers_survive", "threads_take_turns"], self.ran, text)

    def test_what_was_solved_is_not_graded_again_at_the_next_start(self) -> None:
        self.put(READY, "right")
        self.watch()
        self.ran.clear()
        self.watch()
        self.assertEqual(["registers_survive", "threads_take_turns"], self.ran)
        self.put(READY, "wrong")
        self.ran.clear()
        self.watch()
        self.assertEqual(["insert_at_tail", "bit_follows_queue"], self.ran)

    def test_what_waits_for_another_exercise_holds_nobody_up(self) -> None:
        """In a students' branch without references a test of 1.1 may run into a gap of 1.2."""
        def judge(test: TestSpec, seed: int) -> Outcome:
            if test.name == "bit_follows_queue" and "right" not in (self.tree.root / SWITCH).read_text():
                self.ran.append(test.name)
                return fails(test, seed, hint_id=NOT_WRITTEN, where=f"{SWITCH}:7", waits_for="1.2")
            return self.judge(test, seed)

        self.put(READY, "right")
        text = self.watch(self.saves(SWITCH, "right"), self.saves(QUANTUM, "right"), judge=judge)
        self.assertIn(f"waits for exercise 1.2: {SWITCH}:7 (1 test)\n", text)
        self.assertIn("1.1  2/5, 1 waits for another exercise  (", text)
        self.assertLess(text.index("1.1  2/5"), text.index("now 1.2: Switch"))
        self.assertLess(text.index("1.2  3/3"), text.index("1.1  5/5"))  # looked at again when that one was there
        self.assertIn("Every exercise is solved here.", text)

    def test_what_waits_counts_among_no_failures_wherever_the_gap_is(self) -> None:
        """A gap of another exercise may stand in a file that is this one's too."""
        def judge(test: TestSpec, seed: int) -> Outcome:
            waits = test.name == "bit_follows_queue"
            return fails(test, seed, hint_id=NOT_WRITTEN, where=f"{READY}:7", waits_for="1.2") if waits else self.judge(test, seed)

        self.put(READY, "right")
        self.assertIn("1.1  2/5, 1 waits for another exercise  (", self.watch(exercise="1.1", judge=judge))

    def test_the_order_is_that_of_a_branch_without_references(self) -> None:
        manifest = self.tree.root / "labs/1-processes/lab.py"
        manifest.write_text(manifest.read_text().replace("exercises=(", 'alone=("1.2",), exercises=('))
        order = lambda: [each.number for _, each in watch.chosen(self.tree, labs.load(self.tree), "", "")]  # noqa: E731
        self.assertEqual(["1.1", "1.2"], order())
        self.put("kernel/prebuilt/branch.json", '{"lab": 1}')
        self.assertEqual(["1.2", "1.1"], order())

    def test_a_remark_is_made_once_and_not_for_each_exercise(self) -> None:
        self.put("kernel/prebuilt/branch.json", '{"lab": 1}')
        self.put(READY, "right")
        text = self.watch(self.saves(SWITCH, "half"), self.saves(QUANTUM, "half"))
        self.assertEqual(1, text.count("no reference of exercise 1.1, 1.2"), text)

    def test_what_make_grade_has_seen_is_known(self) -> None:
        course = labs.load(self.tree)
        for name in (SWITCH, QUANTUM):
            self.put(name, "right")
        before = grade.contents(self.tree, course.labs)
        outcomes = [passes(test, 1) for test in course.tests]
        grade.remember(self.tree, course, Result(1, 0, course.labs, tuple(outcomes[1:])), before, before)  # 1.1 in part
        self.put(READY, "right")
        text = self.watch(exercise="1.1")
        self.assertNotIn("next:", text)
        self.assertEqual(["insert_at_tail", "bit_follows_queue"], self.ran)

    def test_make_grade_names_the_first_exercise_with_something_to_do(self) -> None:
        course = labs.load(self.tree)
        waits = [fails(test, 1, hint_id=NOT_WRITTEN, waits_for="1.2") if test.exercise == "1.1" else fails(test, 1) for test in course.tests]
        said = grade.next_step(self.tree, Result(1, 0, course.labs, tuple(waits)))
        self.assertEqual("next: exercise 1.2, Switch. Read labs/1-processes/README.md; make watch EX=1.2 grades it on every save.", said)
        self.assertEqual("", grade.next_step(self.tree, Result(1, 0, course.labs, tuple(passes(test, 1) for test in course.tests))))

    def test_broken_memory_costs_a_grading_only(self) -> None:
        self.put("build/watch.json", "[1, {")
        self.put(READY, "right")
        self.assertIn("1.1  5/5", self.watch())

    def test_everything_solved(self) -> None:
        for name in (READY, SWITCH, QUANTUM):
            self.put(name, "right")
        self.assertIn("Every exercise is solved here.", self.watch())
        self.assertIn("Every exercise is solved here.", self.watch(exercise="1.1"))  # all is known: one exercise says so too


def heeds_interrupts() -> None:
    """For a child: a shell that runs the tests in the background has told them to ignore SIGINT, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@unittest.skipUnless(shutil.which("make"), "needs make")
class Terminal(unittest.TestCase):
    """As typed on a terminal: make ends quietly too."""

    def test_ctrl_c_ends_make_with_0_and_no_word(self) -> None:
        self.assertEqual(("", 0), self.typed(b"\x03"))

    def test_ctrl_z_does_not_leave_a_stopped_child_behind(self) -> None:
        self.assertEqual(("", 0), self.typed(b"\x1a\x03"))

    def test_interrupt_without_a_terminal(self) -> None:
        process = subprocess.Popen([sys.executable, "-m", "grader", "watch", "--exercise", "0.1", "--submission", str(ROOT)],
                                   cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   preexec_fn=heeds_interrupts)
        for line in process.stdout:
            if "0.1" in line:
                break
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=60)
        self.assertEqual((0, ""), (process.returncode, rest[1].rpartition("compiling")[0]))

    def typed(self, keys: bytes) -> "tuple[str, int]":
        """What is shown after the keys, and the status of make."""
        child, terminal = pty.fork()
        if child == 0:
            heeds_interrupts()
            os.chdir(ROOT)
            os.environ.pop("MAKEFLAGS", None)
            os.execvp("make", ["make", "watch", "EX=0.1", f"O={this_tree().out}", f"SUBMISSION={ROOT}"])
        said, until, typed = b"", time.monotonic() + 120, False
        while time.monotonic() < until:
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                data = os.read(terminal, 4096)
            except OSError:
                break
            if not data:
                break
            said += data
            if not typed and (b"next: " in said or b"Every exercise" in said):  # what `make grade` has seen here is known
                said, typed = b"", True
                os.write(terminal, keys)
        os.close(terminal)
        return said.decode().strip(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Shipped(unittest.TestCase):
    def test_students_get_it(self) -> None:
        for name in ("grader/commands/watch.py", "grader/watch/files.py", "grader/watch/first.py", "grader/watch/solved.py",
                     "grader/console/keyboard.py"):
            self.assertIsNone(WITHHELD.search(name), name)
            self.assertTrue((ROOT / name).is_file(), name)


if __name__ == "__main__":
    unittest.main()
