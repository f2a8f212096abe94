"""What lab 3's benches say before a failure: the last calls, and the last one of each thread that the failure names."""

from __future__ import annotations

import sys
import unittest

from grader import labs
from grader.tree import this_tree


class Telling(unittest.TestCase):
    """labs/3-synchronization/tests/telling.py"""

    def test_threads_that_the_failure_names_are_told_of(self) -> None:
        labs.load(this_tree())
        bench = sys.modules["mica_lab3_tests.telling"].Telling()
        bench.done = ["T7: waits", "T2: waits", "T7: waits again", "E0", "E1", "E2", "E3"]
        self.assertEqual(bench._asked(), "E3  (before: E0; E1; E2)")
        self.assertEqual(bench._asked("released: T7"), "E3  (before: T7: waits again; E0; E1; E2)")
        bench.done = bench.done[2:5]
        self.assertEqual(bench._asked("released: T7 T9"), "E1  (before: T7: waits again; E0)")


if __name__ == "__main__":
    unittest.main()
