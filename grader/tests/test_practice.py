"""The wrong kernels for practice: their edits fit, break given code only, and scenarios of one contract find each of them."""

from __future__ import annotations

import unittest
from typing import Dict, List

from grader import labs
from grader.building.builder import Builder
from grader.handout.publish import WITHHELD
from grader.leaks.secrets import PRIVATE
from grader.mytest import driver, judging, practice
from grader.submission.files import Submission
from grader.tests.machine import needs_emulator
from grader.tree import this_tree

TREE = this_tree()
COURSE = labs.load(TREE)
LAB = COURSE.lab(3)
SCENARIOS = TREE.root / "solutions" / LAB.folder / "practice.cpp"


class Files(unittest.TestCase):
    def test_there_are_two_and_each_changes_one_given_file(self) -> None:
        found = practice.of_lab(TREE, LAB)
        self.assertEqual(2, len(found))
        for one in found:
            changed = practice.changed(TREE, one, COURSE.files)
            self.assertEqual(1, len(changed), one.name)
            self.assertEqual(set(), set(changed) & set(COURSE.files), "no exercise's file: nothing of a reference is shown")
            self.assertTrue((TREE.root / one.read).is_file(), one.read)

    def test_students_have_all_that_it_takes(self) -> None:
        names = [path.relative_to(TREE.root).as_posix() for path in (TREE.root / "labs" / LAB.folder / practice.FOLDER).iterdir()]
        for name in [*names, "grader/mytest/practice.py", "grader/building/edits.py", "grader/commands/mytest.py"]:
            self.assertIsNone(WITHHELD.search(name), name)
            self.assertEqual([], [kind for kind, pattern in PRIVATE if pattern.search(name) and not name.endswith("README.md")], name)


@needs_emulator
class OnTheKernel(unittest.TestCase):
    def test_scenarios_of_the_contract_find_them(self) -> None:
        """Each is found by the scenario of its own contract and by no other, and the right kernel passes."""
        builder = Builder(TREE, COURSE)
        nothing = Submission({name: (TREE.root / name).read_bytes() for name in COURSE.files if (TREE.root / name).is_file()}, ())
        folder, error = driver.compiled(TREE, builder, SCENARIOS.read_bytes())
        self.assertEqual("", error)
        expected: Dict[str, List[str]] = {"": [], "fast-mutex": ["FastMutexExcludes"], "rundown": ["RundownWaitsForAll"]}
        seen: Dict[str, List[str]] = {}
        for name, changed in [("", {}), *((one.name, practice.changed(TREE, one, COURSE.files)) for one in practice.of_lab(TREE, LAB))]:
            kernel = builder.with_given(nothing, changed)
            self.assertEqual("", kernel.error + kernel.trouble)
            seen[name] = [scenario for scenario, report in judging.each(folder, kernel.directory, 7) if report.find]
        self.assertEqual(expected, seen)


if __name__ == "__main__":
    unittest.main()
