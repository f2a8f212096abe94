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
COURSE = labs.load(TREE, labs.EVERY)
LABS = [lab for lab in COURSE.labs if (TREE.root / "labs" / lab.folder / practice.FOLDER).is_dir()]
FOUND = {2: {"": [], "partial-mdl": ["PartOfABuffer"], "query": ["QueryTellsProtections"]},
         3: {"": [], "fast-mutex": ["FastMutexExcludes"], "rundown": ["RundownWaitsForAll"]}}


class Files(unittest.TestCase):
    def test_there_are_two_and_each_changes_one_given_file(self) -> None:
        self.assertEqual(sorted(FOUND), [lab.number for lab in LABS])
        for lab in LABS:
            found = practice.of_lab(TREE, lab)
            self.assertEqual(2, len(found))
            for one in found:
                changed = practice.changed(TREE, one, COURSE.files)
                self.assertEqual(1, len(changed), one.name)
                self.assertEqual(set(), set(changed) & set(COURSE.files), "no exercise's file: nothing of a reference is shown")
                self.assertTrue((TREE.root / one.read).is_file(), one.read)

    def test_students_have_all_that_it_takes(self) -> None:
        names = [path.relative_to(TREE.root).as_posix() for lab in LABS for path in (TREE.root / "labs" / lab.folder / practice.FOLDER).iterdir()]
        for name in [*names, "grader/mytest/practice.py", "grader/building/edits.py", "grader/commands/mytest.py"]:
            self.assertIsNone(WITHHELD.search(name), name)
            self.assertEqual([], [kind for kind, pattern in PRIVATE if pattern.search(name) and not name.endswith("README.md")], name)


@needs_emulator
class OnTheKernel(unittest.TestCase):
    def test_scenarios_of_the_contract_find_them(self) -> None:
        """Each is found by the scenario of its own contract and by no other, and the right kernel passes."""
        builder = Builder(TREE, COURSE)
        nothing = Submission({name: (TREE.root / name).read_bytes() for name in COURSE.files if (TREE.root / name).is_file()}, ())
        for lab in LABS:
            folder, error = driver.compiled(TREE, builder, (TREE.root / "solutions" / lab.folder / "practice.cpp").read_bytes())
            self.assertEqual("", error)
            seen: Dict[str, List[str]] = {}
            for name, changed in [("", {}), *((one.name, practice.changed(TREE, one, COURSE.files)) for one in practice.of_lab(TREE, lab))]:
                kernel = builder.with_given(nothing, changed)
                self.assertEqual("", kernel.error + kernel.trouble)
                seen[name] = [scenario for scenario, report in judging.each(folder, kernel.directory, 7) if report.find]
            self.assertEqual(FOUND[lab.number], seen)


if __name__ == "__main__":
    unittest.main()
