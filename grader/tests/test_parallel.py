"""Calls in child processes, and the runner that remembers."""

from __future__ import annotations

import os
import tempfile
import time
import unittest
from pathlib import Path
from typing import List

from grader import labs
from grader.errors import GraderError
from grader.model import Kernel, KernelSet, Outcome, Progress, TestSpec, Verdict
from grader.selfcheck.memo import Memo
from grader.selfcheck.parallel import parallel
from grader.tests.fixture import TreeCase, fails, passes


class Parallel(unittest.TestCase):
    """Order, processes, errors."""

    def test_results_come_in_order(self) -> None:
        calls = [lambda n=n: (time.sleep(0.02 * (5 - n)), n)[1] for n in range(5)]
        self.assertEqual(list(parallel(calls, 2)), list(range(5)))
        self.assertEqual(list(parallel(calls, 1)), list(range(5)))

    def test_a_long_call_keeps_no_place_empty(self) -> None:
        """The first call waits for the last one, which must begin while the first one runs."""
        with tempfile.TemporaryDirectory() as folder:
            last = Path(folder) / "last"

            def first() -> bool:
                end = time.monotonic() + 60
                while not last.exists() and time.monotonic() < end:
                    time.sleep(0.01)
                return last.exists()

            self.assertEqual(list(parallel([first, lambda: 1, lambda: 2, lambda: last.touch()], 2)), [True, 1, 2, None])

    def test_each_call_has_a_process(self) -> None:
        self.assertEqual(len({os.getpid(), *parallel([os.getpid] * 3, 2)}), 4)

    def test_error_of_a_call_is_raised(self) -> None:
        def wrong() -> int:
            raise GraderError("on purpose")
        with self.assertRaisesRegex(GraderError, "on purpose"):
            list(parallel([lambda: 1, wrong, lambda: 2], 2))

    def test_child_that_dies(self) -> None:
        with self.assertRaisesRegex(RuntimeError, "said nothing"):
            list(parallel([lambda: os._exit(3), lambda: 1], 2))


class Memory(TreeCase):
    """What counts as the same question."""

    def setUp(self) -> None:
        super().setUp()
        self.course, self.ran = labs.load(self.tree), []  # type: ignore[var-annotated]
        self.verdict = Verdict.FAIL
        self.memo = Memo(self.runner, self.course)

    def runner(self, kernels: KernelSet, tests: List[TestSpec], seed: int, *_: object) -> List[Outcome]:
        self.ran += [test.name for test in tests]
        return [
            fails(test, seed, self.verdict) if test.name == "insert_at_tail" else passes(test, seed) for test in tests
        ]

    def run_memo(self, first: str = "a", second: str = "a", seed: int = 1, own: int = 0) -> "list[str]":
        kernels = {
            "1.1": Kernel(self.home / first),
            "1.2": Kernel(self.home / second),
            "whole": Kernel(self.home / "w")
        }
        self.ran.clear()
        outcomes = self.memo(KernelSet(kernels, self.home, own), list(self.course.tests), seed, 1, Progress())
        self.assertEqual([one.test for one in outcomes], [test.name for test in self.course.tests])
        return list(self.ran)

    def test_same_kernels_are_not_asked_again(self) -> None:
        self.assertEqual(len(self.run_memo()), 4)
        self.assertEqual(self.run_memo(), [])

    def test_only_the_changed_kernel_is_asked(self) -> None:
        self.run_memo()
        self.assertEqual(self.run_memo(second="b"), ["registers_survive"])

    def test_seeds_count(self) -> None:
        self.run_memo()
        self.assertEqual(len(self.run_memo(seed=2)), 4)
        self.assertEqual(len(self.run_memo(own=5)), 4)

    def test_infra_error_is_not_remembered(self) -> None:
        self.verdict = Verdict.INFRA_ERROR
        self.run_memo()
        self.assertEqual(self.run_memo(), ["insert_at_tail"])


if __name__ == "__main__":
    unittest.main()
