"""`make check`: what it says of a right exercise, a wrong one, one that is not written, and where it cannot be built."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
import unittest
from argparse import Namespace
from pathlib import Path
from typing import Dict

from grader import labs, sources
from grader.checks import program, running
from grader.commands import check
from grader.errors import GraderError
from grader.handout.publish import WITHHELD
from grader.tree import Tree, this_tree

TREE = this_tree()
COURSE = labs.load(TREE, labs.EVERY)
WITH_CHECKS = program.with_checks(TREE.root, COURSE.labs)
ANY = "MMPFNLIST* const list = MmFreePageListHead.Total "  # in MiRemoveAnyPage
MARKED = sources.marked(TREE, COURSE)


class Checks(unittest.TestCase):
    """A tree of what checks are built from, with files of the exercise as the test has them."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.home = Path(tempfile.mkdtemp(prefix="checks-"))
        cls.addClassCleanup(shutil.rmtree, cls.home)
        cls.tree = Tree(cls.home, cls.home / "build")
        for name in ("kernel/inc", "kernel/ntos", "labs"):
            shutil.copytree(TREE.root / name, cls.home / name, ignore=shutil.ignore_patterns("__pycache__", "*_test.cpp"))
        shutil.copy(TREE.root / "kernel/check.mk", cls.home / "kernel/check.mk")

    def check(self, exercise: str, changed: "Dict[str, str]" = {}) -> "tuple[int, str]":
        """What `make check` ends with and says, when these files have these texts."""
        files = next(one.files for _, one in WITH_CHECKS if one.number == exercise)
        for name in files:
            path, text = self.home / name, changed.get(name, MARKED[name].reference)
            if path.read_text() != text:
                path.write_text(text)
                shutil.rmtree(self.home / "build" / "checks" / exercise / name, ignore_errors=True)
                for made in (self.home / "build" / "checks").glob(f"*/{name}.o"):
                    made.unlink()  # two texts in one second
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = check.run(self.tree, Namespace(exercise=exercise))
        return code, said.getvalue()

    def wrong(self, exercise: str, file: str, right: str, wrong: str) -> str:
        """What is said of an exercise with one place changed; the changed file is the only one whose path ends so."""
        name = next(one for one in MARKED if one.endswith(file))
        self.assertIn(right, MARKED[name].reference)
        code, said = self.check(exercise, {name: MARKED[name].reference.replace(right, wrong, 1)})
        self.assertEqual(1, code, said)
        return said

    def test_the_reference_holds(self) -> None:
        self.assertTrue(WITH_CHECKS)
        for _, exercise in WITH_CHECKS:
            code, said = self.check(exercise.number)
            self.assertEqual((0, 0), (code, said.count("FAIL")), said)
            self.assertGreater(said.count("  ok "), 3)

    def test_the_starter_is_to_do(self) -> None:
        for _, exercise in WITH_CHECKS:
            code, said = self.check(exercise.number, {name: MARKED[name].starter for name in exercise.files})
            self.assertEqual((1, 0, 0), (code, said.count("  ok "), said.count("FAIL")), said)
            self.assertRegex(said, r"TO DO .*\n +where +kernel/ntos/\S+\.cpp:\d+")

    def test_a_mistake_is_shown(self) -> None:
        said = self.wrong("2.2", "pfn/pfnlist.cpp", "MiPfnElement(next)->u2.Blink = previous;", "")
        self.assertRegex(said, r"asked +MiUnlinkPageFromList\(MiPfnElement\(5\)\)\n +expected +the list: 3 7\n +seen +3 7 \(its Blink is 0x5\)\n"
                               r" +rule +\w")

    def test_an_assertion_of_given_code_is_shown(self) -> None:
        said = self.wrong("2.2", "pfn/pfnlist.cpp", "MiSetPageLocation(pfn, list->ListName);", "MiSetPageLocation(pfn, StandbyPageList);")
        self.assertRegex(said, r"expected +\(Successors.*\n +seen +that this is not so\n +where +kernel/ntos/mm/pfn/location.cpp:\d+")

    def test_a_crash_costs_one_check(self) -> None:
        said = self.wrong("2.2", "pfn/pfnlist.cpp", ANY, "*reinterpret_cast<volatile int*>(16) = 1;\n" + ANY)
        self.assertEqual(1, said.count("FAIL"), said)
        self.assertRegex(said, r"asked +MiRemoveAnyPage\(\)\n +expected .*\n +seen .*SIGSEGV.*\n +gdb +gdb --args \S+/check 3")

    def test_a_loop_that_does_not_end(self) -> None:
        before, running.SECONDS = running.SECONDS, 1
        try:
            said = self.wrong("2.2", "pfn/pfnlist.cpp", ANY, "for (volatile int i = 0;; i = 1) {}\n" + ANY)
        finally:
            running.SECONDS = before
        self.assertIn("still running", said)

    def test_what_does_not_compile(self) -> None:
        for text, words in (("int f() { return nothing; }", "pfnlist.cpp:1:18: error: use of undeclared identifier"),
                            ("#include \"none.h\"", "'none.h' file not found"),
                            ("void KiNoSuchRoutine(); void MiRemove() { KiNoSuchRoutine(); }", "call .*KiNoSuchRoutine")):
            name = "kernel/ntos/mm/pfn/pfnlist.cpp"
            with self.assertRaisesRegex(GraderError, words):
                self.check("2.2", {name: (MARKED[name].reference if "KiNo" in text else "") + text})

    def test_a_compiler_for_mica_only(self) -> None:
        exercise = WITH_CHECKS[0][1]
        self.assertIn("apt install", program._why("/usr/bin/ld: cannot find -lstdc++", exercise))
        self.assertIn("apt install", program._why("labs/checks/check.cpp:10:10: fatal error: 'stdio.h' file not found\n", exercise))

    def test_exercises_without_checks(self) -> None:
        with self.assertRaisesRegex(GraderError, "9.9: that exercise has no checks here; there are checks for: .*2.2"):
            check.run(self.tree, Namespace(exercise="9.9"))

    def test_a_branch_has_all_that_is_needed(self) -> None:
        for lab, exercise in WITH_CHECKS:
            text = (TREE.root / program.source_of(lab, exercise.number)).read_text()
            given = program._WITH.findall(text)
            needed = [program.HARNESS, "labs/checks/check.h", "kernel/check.mk", "grader/checks/running.py", "grader/commands/check.py", *given]
            self.assertEqual([], [name for name in needed if WITHHELD.search(name) or not (TREE.root / name).is_file()])
            self.assertEqual([], [name for name in given if name in MARKED and sources.lab_number(MARKED[name]) > lab.number])


if __name__ == "__main__":
    unittest.main()
