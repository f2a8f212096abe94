"""Every test of a lab is seen to fail: it stands in the `Fails:` of a mistake in solutions/, which the self-check tries.

The starter's "not implemented" proves nothing: a test that accepts every kernel that ends its calls would fail there too.
"""

from __future__ import annotations

import unittest
from pathlib import Path

from grader import labs
from grader.selfcheck import variants
from grader.selfcheck.variants import Variant
from grader.tree import this_tree


def variant(kind: str, *fails: str) -> Variant:
    return Variant(Path("solutions/x.variant"), kind, "", "1.1", fails, (), "reference")


class Unproved(unittest.TestCase):
    """The rule, on tests and variants made for it."""

    def test_a_name_or_a_glob_of_a_mistake_proves_a_test(self) -> None:
        names = ["insert_at_tail", "insert_at_head", "select", "live"]
        self.assertEqual(variants.unproved(names, [variant("mistakes", "insert_*"), variant("mistakes", "live", "other")]), ["select"])

    def test_no_other_kind_of_patch_proves_anything(self) -> None:
        self.assertEqual(variants.unproved(["live"], [variant("accepted", "live"), variant("cheaters", "*")]), ["live"])


class OfThisTree(unittest.TestCase):
    """Every lab's tests and mistakes."""

    def test_a_mistake_proves_each_test(self) -> None:
        tree = this_tree()
        course = labs.load(tree)
        for lab in course.labs:
            with self.subTest(lab=lab.number):
                missing = variants.unproved([test.name for test in course.tests_of(lab)], variants.of_lab(tree, lab))
                self.assertEqual(missing, [], f"write a mistake that these tests find, into solutions/{lab.folder}/mistakes")


    def test_each_patch_applies(self) -> None:
        """The self-check would be the first to say so else."""
        tree = this_tree()
        course = labs.load(tree)
        whole = {name: (tree.root / name).read_bytes() for name in course.files if (tree.root / name).is_file()}
        bases = {base: variants.shipped(whole, base) for base in ("reference", "starter")}
        for lab in course.labs:
            for one in variants.of_lab(tree, lab):
                with self.subTest(variant=one.name):
                    variants.apply(one, bases[one.base])


if __name__ == "__main__":
    unittest.main()
