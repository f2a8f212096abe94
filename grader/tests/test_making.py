"""A lab in the making: graded where it is asked for, and in no course, no branch and no list before that."""

from __future__ import annotations

import shutil
import tempfile
import unittest
from pathlib import Path

from grader import labs, sources
from grader.selfcheck import variants
from grader.tests import test_contracts
from grader.tree import Tree, this_tree

MANIFEST = """from grader.model import Exercise, Lab
LAB = Lab(number={number}, slug="{slug}", title="T", branch="lab{number}-{slug}"{more},
          exercises=(Exercise("{number}.1", "Name", 1, ("kernel/{slug}.cpp",), hours=1),))
"""
TEST = """from grader.api import test
@test("{number}.1", points=1, title="what {slug} must do", stage="none")
def {slug}_works(t):
    pass
"""
MARKED = '// LAB({number}.1) begin\nint right;\n// LAB({number}.1) else\n//| int stub;\n// LAB({number}.1) end\n'


class Making(unittest.TestCase):
    def setUp(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="making-"))
        self.addCleanup(shutil.rmtree, self.home)
        self.tree = Tree(self.home, self.home / "build")
        for number, slug, more in ((1, "done", ""), (2, "begun", ", making=True"), (3, "begun3", ", making=True")):
            folder = self.home / "labs" / f"{number}-{slug}"
            (folder / "tests").mkdir(parents=True)
            (folder / "lab.py").write_text(MANIFEST.format(number=number, slug=slug, more=more))
            (folder / "tests" / f"test_{slug}.py").write_text(TEST.format(number=number, slug=slug))
            (self.home / "kernel").mkdir(exist_ok=True)
            (self.home / f"kernel/{slug}.cpp").write_text(MARKED.format(number=number))
        (self.home / "docs").mkdir()
        (self.home / sources.MANIFEST).write_text("".join(f"kernel/{slug}.cpp\n" for slug in ("done", "begun", "begun3")))

    def test_no_course_has_it(self) -> None:
        course = labs.load(self.tree)
        self.assertEqual([1], [lab.number for lab in course.labs])
        self.assertEqual(["done_works"], [test.name for test in course.tests])
        self.assertEqual(("kernel/done.cpp",), course.files)

    def test_it_is_there_where_it_is_asked_for(self) -> None:
        for name in ("2", "begun", "2-begun", "lab2"):
            self.assertEqual([1, 2], [lab.number for lab in labs.load(self.tree, name).labs])
        self.assertEqual([1, 2, 3], [lab.number for lab in labs.load(self.tree, labs.EVERY).labs])

    def test_its_regions_are_known_all_the_same(self) -> None:
        course = labs.load(self.tree)
        self.assertEqual([2, 3], [lab.number for lab in sources.in_making(self.tree, course)])
        self.assertEqual({"kernel/done.cpp", "kernel/begun.cpp", "kernel/begun3.cpp"}, set(sources.marked(self.tree, course)))


class OfThisTree(unittest.TestCase):
    """What holds for a finished lab and can hold before: each test is proved, each sentence of a contract has its row."""

    def setUp(self) -> None:
        self.tree = this_tree()
        self.course = labs.load(self.tree, labs.EVERY)
        self.making = [lab for lab in self.course.labs if lab.making]

    def test_a_mistake_proves_each_test(self) -> None:
        for lab in self.making:
            missing = variants.unproved([test.name for test in self.course.tests_of(lab)], variants.of_lab(self.tree, lab))
            self.assertEqual([], missing, f"write a mistake that these tests find, into solutions/{lab.folder}/mistakes")

    def test_contracts(self) -> None:
        for lab in self.making:
            said, rows = list(test_contracts.contract(lab)), test_contracts.rows(lab)
            self.assertEqual([], [sentence for sentence in said if sentence not in rows])
            self.assertEqual([], [sentence for sentence in rows if sentence not in said])
            names = [test.name for test in self.course.tests_of(lab)]
            self.assertEqual([], [sentence for sentence, row in rows.items() if test_contracts.objection(row, names)])


if __name__ == "__main__":
    unittest.main()
