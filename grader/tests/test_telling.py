"""What lab 3's benches say before a failure: the last calls, the last one of each thread that the failure names, and a hint for a
call that stops the kernel."""

from __future__ import annotations

import sys
import unittest
from types import SimpleNamespace
from typing import List

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

    def test_every_call_has_a_hint_for_a_kernel_that_stops_in_it(self) -> None:
        labs.load(this_tree())
        hints = sys.modules["mica_lab3_tests.hints"]
        self.assertLessEqual(set(hints.STOPPED.values()), set(hints.HINTS))
        asked: List[str] = []
        bench = sys.modules["mica_lab3_tests.telling"].Telling()
        bench.t = SimpleNamespace(spec=SimpleNamespace(exercise=""), hint=lambda name, text: name, asking=lambda _, hint: asked.append(hint))
        bench.done = []
        for bench.t.spec.exercise in ("3.1", "3.3", "3.4", "3.5", "3.7", "3.8", "3.9", "3.10"):
            for kind in ("", "wait"):
                bench._say("a call", kind)
        self.assertNotIn(None, asked)
        self.assertEqual(asked[2:4], ["list-walked", "wait-committed"])


if __name__ == "__main__":
    unittest.main()
