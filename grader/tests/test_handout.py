"""The students' branches: what they hold, what they must not, merging, grading inside one, and determinism."""

from __future__ import annotations

import contextlib
import os
import subprocess
import unittest
from pathlib import Path
from unittest import mock


from grader import labs, leaks, sources
from grader.building.builder import Builder
from grader.commands import solution
from grader.commands.handout import due, told
from grader.errors import GraderError
from grader.handout.hardened import harden
from grader.handout.publish import Choices, Handout, Published, publishing
from grader.judge.grading import Grading
from grader.model import Verdict
from grader.submission import manifest
from grader.tests.fixture import LAB_PY, QUANTUM, READY, SWITCH, as_student, fails, passes, runner
from grader.tests.minikernel import KernelCase
from grader.tree import Tree

UPTIME = "kernel/ntos/kd/uptime.cpp"
ANSWERS = "labs/0-boot/answers.txt"
TIMERS = "kernel/ntos/ke/timers.cpp"

LAB0 = '''from grader.model import Exercise, Lab
LAB = Lab(number=0, slug="boot", title="Boot", branch="lab0-boot", exercises=(
    Exercise("0.1", "Questions", 1, ("labs/0-boot/answers.txt",)),
    Exercise("0.3", "Uptime", 2, ("kernel/ntos/kd/uptime.cpp",))))
'''
TESTS0 = '''from grader.model import TestSpec
def answers(t): pass
def uptime(t): pass
answers.spec = TestSpec("0.1", "answers", 1, "Answers", answers, stage="none")
uptime.spec = TestSpec("0.3", "uptime", 2, "Uptime", uptime)
'''
LAB2 = '''from grader.model import Exercise, Lab
LAB = Lab(number=2, slug="memory", title="Memory", branch="lab2-memory", exercises=(
    Exercise("2.1", "Timers", 0, ("kernel/ntos/ke/timers.cpp",)),))
'''


def git(folder: Path, *words: str) -> str:
    """Runs git as a student would."""
    return as_student(folder, *words)


class HandoutCase(KernelCase):
    """A tree with three labs, and its handout."""

    def setUp(self) -> None:
        super().setUp()
        self.put("labs/0-boot/lab.py", LAB0)
        self.put("labs/0-boot/tests/test_boot.py", TESTS0)
        self.put("labs/2-memory/lab.py", LAB2)
        self.put(ANSWERS, "# LAB(0.1) begin\n1: 42\n# LAB(0.1) else\n#| 1:\n# LAB(0.1) end\n")
        self.put(UPTIME, "// LAB(0.3) begin\nint KdUptime = 5;\n// LAB(0.3) else\n//| int KdUptime;\n// LAB(0.3) end\n")
        self.put(TIMERS,
                 "// LAB(2.1) begin\nint KiTimers = 77;\n// LAB(2.1) else\n//| int KiTimers;\n// LAB(2.1) end\n")
        self.put("solutions/1-processes/README.md", "the worked explanation\n")
        self.put("README.md", "for instructors\n")
        self.put("labs/branch-readme.md", "for students\n")
        self.put("SYLLABUS.md", "weeks\n")
        self.out = self.home / "students"

    def handout(self, **choices: object) -> Published:
        return Handout(self.tree, labs.load(self.tree), self.out, Choices(**choices)).build()  # type: ignore[arg-type]

    def listing(self, branch: str) -> "set[str]":
        return set(git(self.out, "ls-tree", "-r", "--name-only", branch).split())

    def text(self, branch: str, name: str) -> str:
        return git(self.out, "show", f"{branch}:{name}")


class Branches(HandoutCase):
    """Content of the branches."""

    def test_branches(self) -> None:
        self.handout()
        names = git(self.out, "branch", "--format=%(refname:short)").split()
        self.assertEqual(set(names), {"lab0-boot", "lab1-processes", "lab2-memory"})
        self.assertEqual(git(self.out, "status", "--porcelain"), "")
        self.assertEqual(git(self.out, "branch", "--show-current").strip(), "lab0-boot")

    def test_only_what_is_due_is_published(self) -> None:
        self.assertEqual(self.handout(lab=0).branches, ["lab0-boot"])
        self.assertEqual(git(self.out, "branch", "--format=%(refname:short)").split(), ["lab0-boot"])
        done = self.handout(lab=1)
        self.assertEqual((done.branches, done.changed, done.fresh), (["lab0-boot", "lab1-processes"], ["lab1-processes"], ""))
        self.assertEqual(publishing("x", done.branches), "git -C x push URL lab0-boot lab1-processes")

    def test_hints_of_the_branchs_own_lab_only(self) -> None:
        for folder in ("0-boot", "1-processes"):
            self.put(f"labs/{folder}/hints/{folder[0]}.1.md", "## A\nx\n## Steps\ny\n")
        self.handout(lab=1, fresh=True)
        found = {branch: {name for name in self.listing(branch) if name.startswith("labs/") and "/hints/" in name}
                 for branch in ("lab0-boot", "lab1-processes", "lab1-processes-fresh")}
        own = {"labs/1-processes/hints/1.1.md"}
        self.assertEqual({"lab0-boot": {"labs/0-boot/hints/0.1.md"}, "lab1-processes": own, "lab1-processes-fresh": own}, found)

    def test_fresh_only_on_request_and_for_the_lab_that_is_due(self) -> None:
        done = self.handout(lab=1, fresh=True)
        self.assertEqual(done.fresh, "lab1-processes-fresh")
        self.assertNotIn(done.fresh, done.branches)
        self.assertTrue(any("HOLDS THE SOLUTIONS" in line for line in told(done, "x")))
        self.assertNotIn("fresh", told(done, "x")[-1])
        self.assertEqual(self.handout(lab=0, fresh=True).fresh, "")  # before the first lab nothing is solved

    def test_the_lab_must_be_named(self) -> None:
        course = labs.load(self.tree)
        with self.assertRaisesRegex(GraderError, "LAB=0"):
            due(course, "")
        self.assertEqual((due(course, "all"), due(course, "1"), due(course, "lab2-memory")), (None, 1, 2))
        with self.assertRaisesRegex(GraderError, "unknown lab"):
            due(course, "7")

    def test_the_reference_is_there_by_the_instructors_choice_only(self) -> None:
        for choice, own, earlier in (("earlier", "starter", "reference"), ("all", "reference", "reference"), ("none", "starter", "starter")):
            self.out = self.home / choice
            self.handout(lab=1, reference=choice)
            names = {name for name in self.listing("lab1-processes") if "/reference/" in name or "/starter/" in name}
            self.assertEqual(names, {f"kernel/prebuilt/{own}/ntos/ke/sched/ready.cpp.obj", f"kernel/prebuilt/{own}/ntos/ke/sched/quantum.cpp.obj",
                                     f"kernel/prebuilt/{own}/ntos/ke/i386/switch.S.obj",
                                     f"kernel/prebuilt/{earlier}/ntos/kd/uptime.cpp.obj"}, choice)

    def test_own_regions_are_stubs_and_later_ones_objects(self) -> None:
        self.handout(reference="all")
        first = self.listing("lab0-boot")
        self.assertIn(UPTIME, first)
        self.assertNotIn(READY, first)
        self.assertIn("kernel/prebuilt/ntos/ke/sched/ready.cpp.obj", first)
        self.assertIn("kernel/prebuilt/reference/ntos/kd/uptime.cpp.obj", first)
        second = self.listing("lab1-processes")
        self.assertIn(READY, second)
        self.assertNotIn("kernel/prebuilt/ntos/ke/sched/ready.cpp.obj", second)
        self.assertIn("kernel/prebuilt/reference/ntos/ke/sched/ready.cpp.obj", second)
        self.assertIn("kernel/prebuilt/ntos/ke/timers.cpp.obj", second)
        self.assertNotIn(TIMERS, second)
        self.assertEqual(self.text("lab1-processes", UPTIME), "// Exercise 0.3\nint KdUptime;\n")
        self.assertIn("return 0;", self.text("lab1-processes", READY))

    def test_labs_that_explore_schedules_get_objects_for_it(self) -> None:
        self.put("labs/2-memory/tests/test_timers.py",
                 "from grader.api import EXPLORED\nfrom grader.model import TestSpec\ndef races(t): pass\n"
                 'races.spec = TestSpec("2.1", "races", 0, "Races", races, machine=EXPLORED)\n')
        self.put("kernel/tests/scenarios/scenario.h", "#pragma once\n")
        self.put("kernel/tests/scenarios/planted.h", "#pragma once\n")
        self.handout(reference="all")
        self.assertNotIn("kernel/prebuilt/explore/ntos/ke/timers.cpp.obj", self.listing("lab1-processes"))
        second = self.listing("lab2-memory")
        for name in ("ntos/ke/timers.cpp", "ntos/ke/sched/ready.cpp", "ntos/kd/uptime.cpp"):
            self.assertIn(f"kernel/prebuilt/explore/reference/{name}.obj", second)
            self.assertIn(f"kernel/prebuilt/reference/{name}.obj", second)
        self.assertIn("kernel/tests/scenarios/scenario.h", second)
        self.assertNotIn("kernel/tests/scenarios/planted.h", second)

    def test_code_of_the_reference_is_scattered(self) -> None:
        """The leaks check sees the difference, and the kernel runs the same steps (grader/tests/test_scatter.py)."""
        body = "".join(f"    movl {offset}(%edx), %ecx\n    addl %ecx, {offset}(%eax)\n" for offset in range(0, 64, 4))
        self.put(SWITCH, f".globl _KiSwitch\n_KiSwitch:\n// LAB(1.2) begin\n{body}// LAB(1.2) else\n//|     xorl %eax, %eax\n// LAB(1.2) end\n    ret\n")
        course = labs.load(self.tree)
        known = leaks.secrets(self.tree, course, Builder(self.tree, course))
        object_file = "kernel/prebuilt/ntos/ke/i386/switch.S.obj"
        for plain in (False, True):
            self.out = self.home / f"plain{plain}"
            with mock.patch("grader.handout.publish.scatter", lambda source, listing, target: harden(source, target)) if plain else contextlib.nullcontext():
                self.handout(lab=0)
            natural = [one.where for one in leaks.find(known, self.out) if one.kind == "natural"]
            self.assertEqual(natural, [object_file, f"lab0-boot:{object_file}"] if plain else [])

    def test_what_cannot_be_scattered_is_not_shipped(self) -> None:
        self.put(SWITCH, ".globl _KiSwitch\n_KiSwitch:\n// LAB(1.2) begin\n    movl $7, %eax\n    ret\n    .long 5\n// LAB(1.2) else\n// LAB(1.2) end\n    ret\n")
        with self.assertRaisesRegex(GraderError, "switch.S.s: line .* cannot be scattered.*directive"):
            self.handout(lab=0)

    def test_answers_are_stubbed(self) -> None:
        self.handout()
        self.assertEqual(self.text("lab0-boot", ANSWERS), "# Exercise 0.1\n1:\n")

    def test_fresh_branch_has_the_earlier_reference(self) -> None:
        self.handout(lab=1, fresh=True)
        self.handout(fresh=True)
        self.assertIn("KdUptime = 5", self.text("lab1-processes-fresh", UPTIME))
        self.assertIn("return 0;", self.text("lab1-processes-fresh", READY))
        self.assertIn("return n + 41;", self.text("lab2-memory-fresh", READY))

    def test_no_instructor_material(self) -> None:
        self.handout(fresh=True)
        for branch in ("lab0-boot", "lab1-processes", "lab2-memory-fresh"):
            names = self.listing(branch)
            for bad in ("solutions/", "docs/", "grader/tests/", "grader/handout/publish.py", "grader/handout/regions.py",
                        "grader/commands/solution.py",
                        "SYLLABUS.md"):
                self.assertFalse([name for name in names if name.startswith(bad)], f"{bad} in {branch}")
            self.assertEqual(self.text(branch, "README.md"), "for students\n")
        self.assertNotIn("labs/1-processes/lab.py", self.listing("lab0-boot"))

    def test_no_marker_and_no_reference_text_anywhere(self) -> None:
        self.handout(reference="all")
        for branch, secrets in (("lab0-boot", ("n + 41", "KdUptime = 5", "1: 42")), ("lab1-processes",
                                                                                     ("n + 41", "n * 3", "$7"))):
            for secret in (*secrets, "LAB(1.1) begin", "LAB(0.3) else"):
                git(self.out, "checkout", "-q", branch)
                files = [path for part in ("kernel", "labs") for path in (self.out / part).rglob("*") if path.is_file()]
                found = [path for path in files if secret.encode() in path.read_bytes() and path.suffix != ".obj"]
                self.assertEqual(found, [], f"{secret!r} in {branch}")

    def test_untouched_branch_has_no_change_to_tell(self) -> None:
        for number, choices in enumerate(({}, {"open_sources": True})):
            self.out = self.home / f"students{number}"
            self.handout(**choices)
            for branch, added in (("lab0-boot", READY if choices else ""), ("lab1-processes", "")):
                git(self.out, "checkout", "-q", branch)
                course = labs.load(Tree(self.out, self.out / "build"))
                self.assertEqual(manifest.changes(self.out, course.files), [], f"{branch} {choices}")
                self.assertEqual(READY in manifest.shipped_in(self.out), bool(added))

    def test_open_ships_every_source(self) -> None:
        self.handout(open_sources=True)
        self.assertIn("return n + 41;", self.text("lab0-boot", READY))
        self.assertNotIn("kernel/prebuilt/ntos/ke/sched/ready.cpp.obj", self.listing("lab0-boot"))
        self.assertIn("return 0;", self.text("lab1-processes", READY))

    def test_the_same_tree_gives_the_same_commits(self) -> None:
        self.handout()
        first = git(self.out, "for-each-ref", "--format=%(refname) %(objectname)")
        self.out = self.home / "again"
        os.utime(self.tree.root / READY)
        self.handout()
        self.assertEqual(git(self.out, "for-each-ref", "--format=%(refname) %(objectname)"), first)

    def test_another_repository_in_the_environment_is_left_alone(self) -> None:
        other = self.home / "other"
        other.mkdir()
        git(other, "init", "-q", "-b", "main")
        git(other, "commit", "-q", "--allow-empty", "-m", "the instructor's own")
        head = git(other, "for-each-ref")
        with mock.patch.dict(os.environ, GIT_DIR=str(other / ".git"), GIT_WORK_TREE=str(other)):
            self.handout()
        self.assertEqual((git(other, "for-each-ref"), git(other, "status", "--porcelain")), (head, ""))
        self.assertIn(UPTIME, self.listing("lab0-boot"))

    def test_a_folder_in_use_is_left_alone(self) -> None:
        self.out.mkdir()
        (self.out / "thesis.txt").write_text("years of work")
        with self.assertRaisesRegex(GraderError, "is there already"):
            self.handout()
        self.assertEqual([path.name for path in self.out.iterdir()], ["thesis.txt"])

    def test_a_repository_of_another_kind_is_left_alone(self) -> None:
        self.out.mkdir()
        git(self.out, "init", "-q")
        git(self.out, "commit", "-q", "--allow-empty", "-m", "mine")
        with self.assertRaisesRegex(GraderError, "no handout made it"):
            self.handout()

    def test_a_handout_that_was_broken_off_can_be_repeated(self) -> None:
        self.out.mkdir()
        git(self.out, "init", "-q")  # so far a handout comes whose first build fails
        self.handout(lab=0)
        self.assertIn(UPTIME, self.listing("lab0-boot"))

    def test_a_new_repository_with_files_is_left_alone(self) -> None:
        self.out.mkdir()
        git(self.out, "init", "-q")
        (self.out / "thesis.txt").write_text("years of work")
        with self.assertRaisesRegex(GraderError, "no handout made it"):
            self.handout(lab=0)

    def test_the_environments_git_variables_change_nothing(self) -> None:
        other = self.home / "other"
        other.mkdir()
        git(other, "init", "-q")
        git(other, "commit", "-q", "--allow-empty", "-m", "mine")
        head = git(other, "rev-parse", "HEAD")
        with mock.patch.dict(os.environ, {"GIT_DIR": str(other / ".git"), "GIT_INDEX_FILE": str(other / ".git/index")}):
            self.handout(lab=0)
        self.assertEqual(git(other, "rev-parse", "HEAD"), head)
        self.assertTrue((self.out / UPTIME).is_file())


class Work(HandoutCase):
    """What students do with a branch."""

    def setUp(self) -> None:
        super().setUp()
        self.handout(reference="all")
        self.mine = self.home / "mine"
        git(self.home, "clone", "-q", "-b", "lab0-boot", str(self.out), str(self.mine))

    def test_merge_into_solved_lab_has_no_conflict(self) -> None:
        (self.mine / UPTIME).write_text("int KdUptime = 6; // my own\n")
        (self.mine / ANSWERS).write_text("1: 43\n")
        git(self.mine, "commit", "-q", "-a", "-m", "solved")
        git(self.mine, "merge", "-q", "--no-edit", "origin/lab1-processes")
        self.assertEqual((self.mine / UPTIME).read_text(), "int KdUptime = 6; // my own\n")
        self.assertTrue((self.mine / READY).is_file())
        (self.mine / READY).write_text("// mine\n")
        git(self.mine, "commit", "-q", "-a", "-m", "lab 1")
        git(self.mine, "merge", "-q", "--no-edit", "origin/lab2-memory")
        self.assertEqual((self.mine / READY).read_text(), "// mine\n")

    def branch(self, name: str) -> Tree:
        git(self.mine, "checkout", "-q", name)
        return Tree(self.mine, self.mine / "build")

    def test_exercises_of_a_branch_are_built_apart(self) -> None:
        tree = self.branch("lab1-processes")
        (self.mine / READY).write_text('#include "ke/ki.h"\nextern "C" int KiReady(int n) { return n + 123456789; }\n')
        (self.mine / QUANTUM).write_text("does not compile\n")
        course = labs.load(tree)
        grading = Grading(tree, course, runner())
        kernels = grading.builder.build(grading.read(""), ["1.1", "1.2", "whole"])
        self.assertRegex(kernels["1.2"].error, rf"{QUANTUM}:1:\d+: error")
        image = (kernels["1.1"].boot / "ntoskrnl.exe").read_bytes()
        self.assertIn((123456789).to_bytes(4, "little"), image)
        base = (grading.builder.base() / "boot/ntoskrnl.exe").read_bytes()
        reference = (Builder(self.tree, labs.load(self.tree)).base() / "boot/ntoskrnl.exe").read_bytes()
        self.assertEqual(len(base), len(reference))

    def test_grading_in_a_branch(self) -> None:
        tree = self.branch("lab1-processes")
        course = labs.load(tree)
        result = Grading(tree, course, runner(fails)).grade("", course.labs, course.tests)
        self.assertEqual((result.score, result.exit_code), (0, 1))
        self.assertEqual({outcome.verdict for outcome in result.outcomes}, {Verdict.FAIL})
        result = Grading(tree, course, runner(passes)).grade("", course.labs, course.tests)
        self.assertEqual((result.score, result.max_score), (11, 11))

    def test_a_given_file_is_changed_for_a_practice_kernel(self) -> None:
        given = "kernel/ntos/ke/given.cpp"
        self.put(given, 'extern "C" int KiGiven() { return 1; }\n')
        self.handout(reference="all")
        git(self.mine, "fetch", "-q")
        tree = self.branch("lab1-processes")
        grading = Grading(tree, labs.load(tree), runner())
        kernel = grading.builder.with_given(grading.read(""), {given: b'extern "C" int KiGiven() { return 123456789; }\n'}, grading.builder.flavour)
        self.assertEqual("", kernel.error + kernel.trouble)
        self.assertIn((123456789).to_bytes(4, "little"), (kernel.directory / "obj/ntos/ke/given.cpp.obj").read_bytes())

    def test_a_students_own_object_is_not_graded_as_the_reference(self) -> None:
        tree = self.branch("lab1-processes")
        object_file = self.mine / "kernel/prebuilt/reference/ntos/ke/sched/ready.cpp.obj"
        shipped = object_file.read_bytes()
        for data in (shipped[:-1] + b"!", None):
            if data is None:
                object_file.write_bytes(shipped)
                object_file = object_file.with_name("own.cpp.obj")
            object_file.write_bytes(data or shipped)
            with self.assertRaisesRegex(GraderError, object_file.name):
                Builder(tree, labs.load(tree)).base()

    def test_solution_diff_applies_to_the_branch(self) -> None:
        self.branch("lab1-processes")
        diff = self.home / "solution.diff"
        diff.write_text(solution.diff(self.tree, labs.load(self.tree), "1"))
        git(self.mine, "apply", str(diff))
        self.assertIn("return n + 41;", (self.mine / READY).read_text())
        self.assertIn("movl $7", (self.mine / SWITCH).read_text())

    def test_commands_of_instructors_are_absent(self) -> None:
        self.branch("lab1-processes")
        done = subprocess.run(["python3", "-m", "grader", "--help"],
                              cwd=self.mine,
                              capture_output=True,
                              text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("grade", done.stdout)
        self.assertNotIn("solution", done.stdout)


class LeftOut(HandoutCase):
    """A course that grades one of the further exercises, and leaves another out."""

    def test_a_further_exercise_that_the_course_leaves_out_has_its_reference(self) -> None:
        """The core track's kernel boots: the object stands in until the student has written the file."""
        self.put("labs/1-processes/lab.py", LAB_PY.replace('("kernel/ntos/ke/i386/switch.S", ', '(').replace(
            'quantum.cpp"))', 'quantum.cpp",), further=True), Exercise("1.3", "Switch", 0, ("kernel/ntos/ke/i386/switch.S",), further=True)'))
        self.put(SWITCH, (self.tree.root / SWITCH).read_text().replace("(1.2)", "(1.3)"))
        self.put(QUANTUM, (self.tree.root / QUANTUM).read_text().replace("return 0;", "return LAB_NOT_IMPLEMENTED(1);"))
        self.put("kernel/ntos/ke/ki.h", (self.tree.root / "kernel/ntos/ke/ki.h").read_text() + "#define LAB_NOT_IMPLEMENTED(n) 0x0BADCAFE + (n)\n")
        self.put("labs/further.txt", "1.3\n")
        self.handout(lab=1)
        mine = self.home / "mine"
        git(self.home, "clone", "-q", "-b", "lab1-processes", str(self.out), str(mine))
        tree = Tree(mine, mine / "build")
        kinds = {name for name in self.listing("lab1-processes") if "/reference/" in name or "/starter/" in name}
        self.assertIn("kernel/prebuilt/reference/ntos/ke/sched/quantum.cpp.obj", kinds)
        self.assertLessEqual({"kernel/prebuilt/starter/ntos/ke/sched/ready.cpp.obj", "kernel/prebuilt/starter/ntos/ke/i386/switch.S.obj"}, kinds)
        self.assertEqual(f"{QUANTUM}\n", self.text("lab1-processes", "kernel/prebuilt/further.txt"))
        self.assertEqual(["1.1", "1.3"], Builder(tree, labs.load(tree)).without_reference(["1.1", "1.2", "1.3"]))

        def image() -> bytes:
            subprocess.run(["make", "-s", "-f", "kernel/build.mk", "kernel"], cwd=mine, check=True, capture_output=True)
            return (mine / "build/free/boot/ntoskrnl.exe").read_bytes()

        unwritten, own = (0x0BADCAFF).to_bytes(4, "little"), (123456789).to_bytes(4, "little")
        self.assertNotIn(unwritten, image())
        (mine / QUANTUM).write_text('#include "ke/ki.h"\nextern "C" int KiQuantum(int n) { return n + 123456789; }\n')
        self.assertIn(own, image())


class Agreement(HandoutCase):
    """Regions and lab.py must agree."""

    def refused(self, pattern: str) -> None:
        with self.assertRaisesRegex(GraderError, pattern):
            sources.marked(self.tree, labs.load(self.tree))

    def test_student_file_without_region(self) -> None:
        self.put(READY, "int a;\n")
        self.refused("a student file of exercise 1.1 without a region")

    def test_region_in_a_file_nobody_names(self) -> None:
        self.put("kernel/ntos/ke/other.cpp", "// LAB(1.1) begin\n// LAB(1.1) end\n")
        self.refused("other.cpp: holds a region of exercise 1.1, whose files")

    def test_regions_of_two_labs(self) -> None:
        self.put(READY, (self.tree.root / READY).read_text() + "// LAB(2.1) begin\n// LAB(2.1) end\n")
        self.refused("regions of labs 1 and 2")

    def test_file_that_is_not_there(self) -> None:
        (self.tree.root / READY).unlink()
        self.refused("named in a lab.py but not in the tree")


if __name__ == "__main__":
    unittest.main()
