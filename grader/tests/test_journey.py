"""The journey of a handout with the real kernel: build the branches, clone one, grade it untouched, solve it, grade.

Slow (a whole kernel is built in the clone, and booted many times): one class, one clone, tests in order.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from grader import labs, leaks
from grader.building.builder import Builder
from grader.commands import solution
from grader.handout.publish import Choices, Handout
from grader.handout.regions import split
from grader.tests.fixture import as_student
from grader.tree import this_tree

LAB = 1
TOOLS = ("git", "make", "clang++", "lld-link", "qemu-system-i386")


@unittest.skipUnless(all(map(shutil.which, TOOLS)), f"needs {', '.join(TOOLS)}")
class Journey(unittest.TestCase):
    """lab1-processes as a student gets it: without the reference of lab 1."""

    reference = "earlier"
    home: Path
    clone: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.home = Path(tempfile.mkdtemp(prefix="mica-journey-")).resolve()
        cls.addClassCleanup(shutil.rmtree, cls.home, ignore_errors=True)
        cls.tree, cls.clone = this_tree(), cls.home / "clone"
        cls.course = labs.load(cls.tree)
        Handout(cls.tree, cls.course, cls.home / "students", Choices(reference=cls.reference)).build()
        cls.git("clone",
                "-q",
                "-b",
                cls.course.lab(LAB).branch,
                str(cls.home / "students"),
                str(cls.clone),
                folder=cls.home)

    @classmethod
    def git(cls, *words: str, folder: "Path | None" = None) -> str:
        return as_student(folder or cls.clone, *words)

    def grade(self, *options: str, lab: int = LAB) -> dict:
        """Grades in the clone, as its own `make grade` does; returns the canonical result."""
        target = self.home / "result.json"
        environment = {
            name: value
            for name, value in os.environ.items() if name not in ("O", "MICA_CHECKED", "PYTHONPATH")
        }
        done = subprocess.run([
            sys.executable, "-m", "grader", "grade", "--lab",
            str(lab), "--json",
            str(target), *options
        ],
                              cwd=self.clone,
                              env=environment,
                              capture_output=True,
                              text=True,
                              check=False)
        self.assertIn(done.returncode, (0, 1), done.stdout[-3000:] + done.stderr[-3000:])
        return json.loads(target.read_text())

    def test_0_nothing_leaks(self) -> None:
        """Every branch, all history and every object of the real handout; that a disassembler shows shipped code is known."""
        found = leaks.find(leaks.secrets(self.tree, self.course, Builder(self.tree, self.course)), self.home / "students")
        self.assertEqual([one for one in found if one.kind != "object"], [])
        # An exercise without which no kernel boots (1.5, 1.7) comes with its reference, so that those before it can be tried.
        core = [name for exercise in self.course.lab(LAB).core if not exercise.boots for name in exercise.files]
        own = [one.where for one in found if one.where.startswith(f"{self.course.lab(LAB).branch}:kernel/prebuilt/reference/")
               and any(name[len("kernel/"):] in one.where for name in core)]
        self.assertEqual(bool(own), self.reference == "all", own)

    def test_1_untouched_branch_has_no_points_and_says_where_to_write(self) -> None:
        result = self.grade()
        self.assertEqual((result["score"], result["max_score"]), (0, self.course.lab(LAB).points))
        for test in result["tests"]:
            self.assertEqual(test["hint_id"], "not-implemented", test)
            name, _, line = test["where"].rpartition(":")
            text = (self.clone / name).read_text().splitlines()[int(line) - 1]
            self.assertIn("LAB_NOT_IMPLEMENTED", text, test["where"])

    def test_2_reference_in_the_branch_has_full_marks(self) -> None:
        diff = self.home / "solution.diff"
        diff.write_text(solution.diff(self.tree, self.course, str(LAB)))
        self.git("apply", str(diff))
        result = self.grade()
        lost = [test["test"] for test in result["tests"] if test["verdict"] != "pass"]
        self.assertEqual((lost, result["score"]), ([], self.course.lab(LAB).points))

    def test_3_next_lab_merges_into_solved_work(self) -> None:
        first = self.course.labs[0]
        work = self.home / "work"
        self.git("clone", "-q", "-b", first.branch, str(self.home / "students"), str(work), folder=self.home)
        for name in first.files:
            (work / name).write_text((work / name).read_text() + "\n// solved my own way\n")
        self.git("commit", "-q", "-a", "-m", "Solve lab 0", folder=work)
        for lab in self.course.labs[1:]:
            self.git("merge", "-q", "--no-edit", f"origin/{lab.branch}", folder=work)
        for name in first.files:
            self.assertTrue((work / name).read_text().endswith("// solved my own way\n"), name)
        last = f"origin/{self.course.labs[-1].branch}"
        self.assertEqual(self.git("diff", "--name-only", last, folder=work).split(), sorted(first.files))

    def test_4_answers_command_finds_what_the_tree_has(self) -> None:
        done = subprocess.run([sys.executable, "-m", "grader", "answers", "--out", str(self.tree.out)], cwd=self.tree.root,
                              capture_output=True, text=True, check=False)
        lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
        reference = split("answers.txt", (self.tree.root / "labs/0-boot/answers.txt").read_text()).reference
        self.assertTrue(lines, done.stderr)
        self.assertEqual(lines, [line for line in reference.splitlines() if line and not line.startswith("#")])

    def test_5_lab_2_waits_for_what_its_kernel_needs_and_is_taken_when_it_is_solved(self) -> None:
        """Its branch from end to end: untouched, the kernel stops in the exercise that it needs first; solved, it passes a test of each
        kind, and the driver of lab 2 is the branch's own."""
        lab = self.course.lab(2)
        kinds = ("lists_keep_order", "page_cut", "tree_random", "decide_private", "physical_address", "ranges_released", "race_faults", "mytest_memory_accepts")
        self.git("stash", "-q")
        self.git("checkout", "-q", lab.branch)
        waits = self.grade("--test", "range_inserted", lab=lab.number)["tests"][0]
        name, _, line = waits["where"].rpartition(":")
        self.assertEqual(("not-implemented", True), (waits["hint_id"], name in lab.exercise("2.2").files))
        self.assertIn("LAB_NOT_IMPLEMENTED", (self.clone / name).read_text().splitlines()[int(line) - 1])
        diff = self.home / "solution.diff"
        diff.write_text(solution.diff(self.tree, self.course, str(lab.number)))
        self.git("apply", str(diff))
        result = self.grade("--test", " ".join(kinds), lab=lab.number)
        self.assertEqual((sorted(kinds), []), (sorted(test["test"] for test in result["tests"]),
                                               [test["test"] for test in result["tests"] if test["verdict"] != "pass"]))

    def test_5_reference_of_an_explored_lab_is_taken_where_no_reference_is(self) -> None:
        """What its files may ask for is known in a branch that has the starter's objects only.  A file that is refused is named wherever
        its exercise is missed."""
        lab = self.course.lab(3)
        self.git("stash", "-q")
        self.git("checkout", "-q", lab.branch)
        diff = self.home / "solution.diff"
        diff.write_text(solution.diff(self.tree, self.course, str(lab.number)))
        self.git("apply", str(diff))
        first = next(one for one in lab.exercises if one.timed)
        result = self.grade("--test", first.number, lab=lab.number)
        self.assertEqual((sum(test["points"] for test in result["tests"]), result["notes"][1:]), (first.points, []))
        broken = self.clone / first.files[0]
        broken.write_text(broken.read_text() + "\nint here = there;\n")
        result = self.grade("--test", "lower_irql", lab=lab.number)
        said = "\n".join(note["text"] for note in result["notes"])
        self.assertIn(f"its kernel holds no exercise {first.number}, whose files were refused: {first.files[0]}:", said)


@unittest.skipUnless(all(map(shutil.which, TOOLS)), f"needs {', '.join(TOOLS)}")
class WithReference(Journey):
    """The same where the instructor chose to ship the reference as hardened objects: an exercise can be graded alone."""

    reference = "all"
    test_2_reference_in_the_branch_has_full_marks = None  # type: ignore[assignment]
    test_3_next_lab_merges_into_solved_work = None  # type: ignore[assignment]
    test_4_answers_command_finds_what_the_tree_has = None  # type: ignore[assignment]
    test_5_lab_2_waits_for_what_its_kernel_needs_and_is_taken_when_it_is_solved = None  # type: ignore[assignment]
    test_5_reference_of_an_explored_lab_is_taken_where_no_reference_is = None  # type: ignore[assignment]

    def test_6_one_exercise_alone_has_its_points(self) -> None:
        for name in self.course.lab(LAB).exercise("1.2").files:
            source = self.tree.root / name
            (self.clone / name).write_text(split(name, source.read_text()).reference)
        self.assertEqual(self.grade("--test", "1.2")["score"], self.course.lab(LAB).exercise("1.2").points)


if __name__ == "__main__":
    unittest.main()
