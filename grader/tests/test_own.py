"""Students' own scenarios: what counts, what does not, and that nothing about the kernels shows."""

from __future__ import annotations

import unittest
from pathlib import Path
from typing import Dict, Tuple
from unittest import mock

from grader import patches
from grader.api import Context, TestFailure, test
from grader.explore.own import OwnRun, Trouble, order
from grader.model import Exercise, Kernel, Lab, OwnTest
from grader.tests.fixture import TreeCase


@test("3.10", points=2, title="they catch one", own=True)
def catches_one(t: Context) -> None:
    told = t.own_test()
    t.check(told.caught >= 1, expected="one", seen=told.caught)


ACCUSED = Trouble("no accusation", "Mine fails on one", ("own-accuses", "think"))


def context(own: OwnRun) -> Context:
    made = Context(catches_one.spec, 1, None, Path("/nonexistent"), 0)  # type: ignore[attr-defined]
    made.own = own
    return made


class Fake(OwnRun):
    """Kernels by name: what the scenarios find on each."""

    def __init__(self, right: Dict[str, bool], wrong: Dict[str, bool], error: str = "", names: Tuple[str, ...] = ("Mine",)):
        self.finds, self.names, self.visits = {**right, **wrong}, names, 0
        super().__init__(OwnTest(Path("/d"), error, tuple(Kernel(Path(name)) for name in right),
                                 tuple(Kernel(Path(name)) for name in wrong)), 1)

    def _on(self, kernel: Kernel, budget: int):  # type: ignore[no-untyped-def]
        self.visits += 1
        return self.names, (mock.Mock(), ACCUSED) if self.finds[str(kernel.directory)] else None


class OwnTestTest(unittest.TestCase):
    """explore/own.py"""

    def test_is_judged_without_a_machine_of_its_own(self) -> None:
        spec = catches_one.spec  # type: ignore[attr-defined]
        self.assertEqual(("none", True), (spec.stage, spec.own))

    def test_wrong_kernels_that_are_caught_are_counted(self) -> None:
        told = context(Fake({"r1": False, "r2": False}, {"w1": True, "w2": False, "w3": True})).own_test()
        self.assertEqual((2, 3, 2, ("Mine",)), (told.caught, told.wrong, told.right, told.scenarios))

    def test_accusing_a_right_kernel_ends_it(self) -> None:
        run = Fake({"r1": False, "r2": True}, {"w1": True})
        with self.assertRaises(TestFailure) as caught:
            context(run).own_test()
        self.assertEqual("own-accuses", caught.exception.hint.id)  # type: ignore[union-attr]
        self.assertEqual(2, run.visits, "and no wrong kernel is even booted")

    def test_no_scenario_and_no_compilation_do_not_count(self) -> None:
        for run, hint in ((Fake({"r": False}, {"w": True}, names=()), "own-empty"),
                          (Fake({"r": False}, {"w": True}, error="mytest.cpp:3: error"), "own-build")):
            with self.subTest(hint=hint), self.assertRaises(TestFailure) as caught:
                context(run).own_test()
            self.assertEqual(hint, caught.exception.hint.id)  # type: ignore[union-attr]

    def test_kernels_are_run_once_for_all_tests(self) -> None:
        run = Fake({"r": False}, {"w": True})
        for _ in range(3):
            context(run).own_test()
        self.assertEqual(2, run.visits)

    def test_test_fails_where_too_few_are_caught(self) -> None:
        with self.assertRaises(TestFailure):
            catches_one(context(Fake({"r": False}, {"w": False})))
        catches_one(context(Fake({"r": False}, {"w": True})))

    def test_order_tells_nothing_of_the_names_of_patches(self) -> None:
        kernels = [Kernel(Path(f"/kernels/{key}/explore")) for key in ("9f", "03", "a1")]
        self.assertEqual(["03", "9f", "a1"], [one.directory.parent.name for one in order(kernels)])


class WrongPatchesTest(TreeCase):
    """patches.of_own_tests"""

    LAB = Lab(1, "processes", "Threads", "lab1-processes", (Exercise("1.1", "Ready queues", 5, ("kernel/a.cpp",)),))

    def setUp(self) -> None:
        super().setUp()
        folder = "solutions/1-processes/"
        self.put(folder + "wrong/lost.patch", "Wrong: loses a signal\n--- a/kernel/a.cpp\n+++ b/kernel/a.cpp\n")
        self.put(folder + "accepted/one.patch", "Accepted: another list\nOwn: yes\n--- a/kernel/a.cpp\n")
        self.put(folder + "accepted/two.patch", "Accepted: not met by own tests\n--- a/kernel/a.cpp\n")

    def test_right_and_wrong_ones(self) -> None:
        found = patches.of_own_tests(self.tree, self.LAB)
        self.assertEqual({"right": ["one"], "wrong": ["lost"]},
                         {kind: [patch.name for patch in several] for kind, several in found.items()})

    def test_wrong_ones_are_no_rows_of_the_self_check(self) -> None:
        self.assertEqual({"one", "two"}, {patch.name for patch in patches.of_lab(self.tree, self.LAB)})


if __name__ == "__main__":
    unittest.main()
