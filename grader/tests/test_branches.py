"""Handouts after the first: fixes in mid-term reach students in every stage of work, and a branch without the reference works."""

from __future__ import annotations

import json
import subprocess
import unittest
from pathlib import Path

from grader import labs
from grader.building import objects
from grader.commands.grade import own_lab
from grader.commands.handout import told
from grader.errors import GraderError
from grader.judge.grading import Grading
from grader.tests.fixture import QUANTUM, READY, SWITCH, fails, passes, runner
from grader.tests.test_handout import ANSWERS, TIMERS, UPTIME, HandoutCase, git
from grader.tree import Tree

HEADER = "kernel/ntos/ke/ki.h"
HANDOUT = "labs/1-processes/README.md"
SOLVED = '#include "ke/ki.h"\nextern "C" int KiReady(int n) {\n    // Exercise 1.1\n    return n + 1234;\n}\n'


class MidTerm(HandoutCase):
    """A fix is a commit on top: what students cloned stays an ancestor."""

    def setUp(self) -> None:
        super().setUp()
        self.put(HANDOUT, "# Lab 1\n\nRead this.\n\nThen write the quee.\n")
        self.handout()
        self.before = self.heads()

    def heads(self) -> "dict[str, str]":
        lines = git(self.out, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads").splitlines()
        return dict(line.split() for line in lines)

    def mend(self) -> None:
        """A typing error in a handout, a header that everybody compiles, and the contract above a stub."""
        self.put(HANDOUT, "# Lab 1\n\nRead this.\n\nThen write the queue.\n")
        self.put(HEADER, (self.tree.root / HEADER).read_text() + "// mended\n")
        text = (self.tree.root / READY).read_text()
        self.put(READY, "// The contract, said better.\n" + text)

    def student(self, branch: str) -> Path:
        mine = self.home / f"student-{branch}-{len(list(self.home.iterdir()))}"
        git(self.home, "clone", "-q", "-b", branch, str(self.out), str(mine))
        return mine

    def commit(self, mine: Path, **files: str) -> None:
        for name, text in files.items():
            (mine / {"ready": READY, "quantum": QUANTUM, "uptime": UPTIME, "timers": TIMERS, "answers": ANSWERS}[name]).write_text(text)
        git(mine, "commit", "-q", "-a", "-m", "my work")

    def test_nothing_new_adds_nothing(self) -> None:
        done = self.handout()
        self.assertEqual((done.changed, self.heads()), ([], self.before))
        self.assertTrue(all("nothing new" in line for line in told(done, "x")[:3]))

    def test_a_fix_is_one_commit_on_each_branch_and_history_stays(self) -> None:
        self.mend()
        done = self.handout(message="Mend the contract of 1.1")
        self.assertEqual(done.changed, ["lab0-boot", "lab1-processes", "lab2-memory"])
        for branch, old in self.before.items():
            self.assertEqual(git(self.out, "merge-base", old, branch).strip(), old)
        self.assertEqual(git(self.out, "log", "--format=%s", "-1", "lab1-processes").strip(), "Lab 1: Mend the contract of 1.1")
        self.assertEqual(git(self.out, "merge-base", "lab0-boot", "lab1-processes"), git(self.out, "rev-parse", "lab0-boot"))
        self.assertEqual(self.text("lab1-processes", HANDOUT).splitlines()[-1], "Then write the queue.")

    def test_five_students_in_five_stages_merge_without_conflict(self) -> None:
        untouched = self.student("lab1-processes")
        half = self.student("lab1-processes")
        self.commit(half, ready=SOLVED)
        with_lab_0 = self.student("lab0-boot")
        self.commit(with_lab_0, uptime="int KdUptime = 6; // mine\n", answers="1: 43\n")
        git(with_lab_0, "merge", "-q", "--no-edit", "origin/lab1-processes")
        self.commit(with_lab_0, ready=SOLVED)
        still_in_lab_0 = self.student("lab0-boot")
        self.commit(still_in_lab_0, uptime="int KdUptime = 7;\n")
        far = self.student("lab1-processes")
        self.commit(far, ready=SOLVED, quantum="// all mine\n")
        git(far, "merge", "-q", "--no-edit", "origin/lab2-memory")
        self.commit(far, timers="int KiTimers = 3;\n")
        self.mend()
        self.handout()
        for mine, branch in ((untouched, "lab1-processes"), (half, "lab1-processes"), (with_lab_0, "lab1-processes"),
                             (still_in_lab_0, "lab0-boot"), (still_in_lab_0, "lab1-processes"), (far, "lab2-memory")):
            git(mine, "pull", "-q", "--no-rebase", "--no-edit", "origin", branch)
            self.assertEqual(git(mine, "status", "--porcelain"), "")
        for mine in (untouched, half, with_lab_0, still_in_lab_0, far):
            self.assertTrue((mine / HEADER).read_text().endswith("// mended\n"))
        for mine in (half, with_lab_0, far):
            text = (mine / READY).read_text()
            self.assertIn("n + 1234", text)
            self.assertTrue(text.startswith("// The contract, said better.\n"))
        self.assertEqual((still_in_lab_0 / UPTIME).read_text(), "int KdUptime = 7;\n")
        self.assertEqual((far / TIMERS).read_text(), "int KiTimers = 3;\n")

    def test_a_starter_that_changes_is_named(self) -> None:
        self.mend()
        done = self.handout()
        self.assertEqual(done.touched["lab1-processes"], [READY])
        self.assertTrue(any(READY in line and "conflict" in line for line in told(done, "x")))

    def test_a_clone_of_what_was_published_is_continued(self) -> None:
        published, again = self.out, self.home / "again"
        git(self.home, "clone", "-q", str(published), str(again))
        self.out = again
        self.mend()
        self.handout()
        for branch, old in self.before.items():
            self.assertEqual(git(again, "merge-base", old, branch).strip(), old)
        git(again, "push", "-q", "origin", "lab1-processes", "lab2-memory")  # no branch of the bare kind: lab0-boot is shown there

    def test_an_instructors_own_commits_stay(self) -> None:
        git(self.out, "checkout", "-q", "lab1-processes")
        (self.out / "DATES.md").write_text("due on Friday\n")
        git(self.out, "add", "DATES.md")
        git(self.out, "commit", "-q", "-m", "Dates")
        self.mend()
        self.handout()
        self.assertEqual(self.text("lab1-processes", "DATES.md"), "due on Friday\n")
        self.assertIn("queue", self.text("lab1-processes", HANDOUT))

    def test_what_is_not_committed_is_not_thrown_away(self) -> None:
        (self.out / UPTIME).write_text("int half;\n")
        with self.assertRaisesRegex(GraderError, "not committed"):
            self.handout()
        self.assertEqual((self.out / UPTIME).read_text(), "int half;\n")


class WithoutReference(HandoutCase):
    """The branch as it is by default: tests run on a kernel of all the student's files."""

    def setUp(self) -> None:
        super().setUp()
        self.handout(lab=1)
        self.mine = self.home / "mine"
        git(self.home, "clone", "-q", "-b", "lab1-processes", str(self.out), str(self.mine))
        self.branch = Tree(self.mine, self.mine / "build")
        self.course = labs.load(self.branch)
        self.grading = Grading(self.branch, self.course, runner(passes))

    def write(self, name: str, text: str) -> None:
        (self.mine / name).write_text(text)

    def image(self, key: str) -> bytes:
        kernel = self.grading.builder.build(self.grading.read(""), ["1.1", "1.2", "whole"])[key]
        self.assertEqual(kernel.error, "")
        return (kernel.boot / "ntoskrnl.exe").read_bytes()

    def test_exercises_share_one_kernel_of_all_files(self) -> None:
        self.write(READY, SOLVED.replace("1234", "123456789"))
        kernels = self.grading.builder.build(self.grading.read(""), ["1.1", "1.2", "whole"])
        self.assertEqual(kernels["1.1"].directory, kernels["1.2"].directory)
        self.assertIn((123456789).to_bytes(4, "little"), self.image("1.2"))

    def test_a_file_that_does_not_compile_costs_its_exercise_only(self) -> None:
        self.write(READY, SOLVED.replace("1234", "123456789"))
        self.write(QUANTUM, "does not compile\n")
        kernels = self.grading.builder.build(self.grading.read(""), ["1.1", "1.2"])
        self.assertIn(QUANTUM, kernels["1.2"].error)
        self.assertIn((123456789).to_bytes(4, "little"), self.image("1.1") if not kernels["1.1"].error else b"")

    def test_an_edit_reaches_the_next_kernel(self) -> None:
        first = self.image("1.1")
        self.write(SWITCH, ".globl _KiSwitch\n_KiSwitch:\n    movl $99887766, %eax\n    ret\n")
        self.assertIn((99887766).to_bytes(4, "little"), self.image("1.1"))
        self.assertNotEqual(first, self.image("1.1"))

    def test_the_report_says_what_the_branch_lacks_where_a_test_failed(self) -> None:
        says = lambda grading: any("no reference of exercise 1.1, 1.2" in note.text  # noqa: E731
                                   for note in grading.grade("", self.course.labs, self.course.tests).notes)
        self.assertTrue(says(Grading(self.branch, self.course, runner(fails))))
        self.assertFalse(says(self.grading), "full marks need no explanation")
        self.assertEqual(self.branch.branch_lab, 1)
        self.assertEqual((own_lab(self.branch, ""), own_lab(self.branch, "0.2"), own_lab(self.tree, "")), ("1", "", ""))

    def test_no_object_tells_more_than_the_linker_needs(self) -> None:
        found = sorted((self.mine / "kernel/prebuilt").rglob("*.obj"))
        self.assertTrue(found)
        for path in found:
            data = path.read_bytes()
            self.assertNotIn(b".debug", data, path)
            self.assertNotIn(b".file", data, path)
            self.assertNotIn(str(self.home).encode(), data, path)
            self.assertEqual([name for name in objects.local_names(data) if not name.startswith(("m", "@"))], [], path)
        self.assertEqual(json.loads((self.mine / "kernel/prebuilt/branch.json").read_text())["lab"], 1)

    def test_make_kernel_builds_the_students_own_files(self) -> None:
        self.write(READY, SOLVED.replace("1234", "123456789"))
        done = subprocess.run(["make", "-f", "kernel/build.mk", "kernel"], cwd=self.mine, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn((123456789).to_bytes(4, "little"), (self.mine / "build/free/boot/ntoskrnl.exe").read_bytes())


del HandoutCase

if __name__ == "__main__":
    unittest.main()
