"""A grader that is told to end stops what it started."""

from __future__ import annotations

import signal
import subprocess
import sys
import unittest
from pathlib import Path

PROGRAM = """
import signal
from grader.cli import end_on_signals
end_on_signals()
try:
    print("started", flush=True)
    signal.pause()
except KeyboardInterrupt:
    print("stopped what was started", flush=True)
"""


class Signals(unittest.TestCase):
    def told(self, number: int) -> str:
        root = Path(__file__).resolve().parents[2]
        process = subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=root, stdout=subprocess.PIPE, text=True)
        self.assertEqual("started\n", process.stdout.readline())
        process.send_signal(number)
        rest, _ = process.communicate(timeout=60)
        return rest

    def test_a_closed_terminal(self) -> None:
        self.assertIn("stopped what was started", self.told(signal.SIGHUP))

    def test_a_kill(self) -> None:
        self.assertIn("stopped what was started", self.told(signal.SIGTERM))


if __name__ == "__main__":
    unittest.main()
