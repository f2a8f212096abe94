"""A machine's folder outlives nobody: removed at the end, and by the next grader when its owner was killed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from grader.machine import scratch
from grader.machine.scratch import Scratch

KILLED = """
import os, signal, sys
from pathlib import Path
from grader.machine import scratch
scratch._place = lambda megabytes: Path(sys.argv[1])
scratch.Scratch(64)
os.kill(os.getpid(), signal.SIGKILL)
"""


class Folders(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.parent = Path(folder.name)
        patch = mock.patch.object(scratch, "_place", lambda megabytes: self.parent)
        patch.start()
        self.addCleanup(patch.stop)

    def left(self) -> list:
        return sorted(path.name for path in self.parent.iterdir())

    def test_the_end_removes_it(self) -> None:
        one = Scratch(64)
        (one.path / "ram").write_bytes(b"x")
        self.assertEqual(len(self.left()), 1)
        one.remove()
        one.remove()
        self.assertEqual(self.left(), [])

    def test_an_end_that_comes_while_it_is_removed_removes_it_once(self) -> None:
        one = Scratch(64)
        removes = scratch.shutil.rmtree

        def interrupted(*given, **more) -> None:
            one.remove()
            removes(*given, **more)

        with mock.patch.object(scratch.shutil, "rmtree", interrupted):
            one.remove()
        self.assertEqual(self.left(), [])

    def test_the_living_are_left_alone(self) -> None:
        one, other = Scratch(64), Scratch(64)
        self.assertTrue(one.path.is_dir() and other.path.is_dir())
        one.remove()
        other.remove()

    def test_a_killed_graders_folder_goes_with_the_next_one(self) -> None:
        for _ in range(2):
            done = subprocess.run([sys.executable, "-c", KILLED, str(self.parent)], cwd=Path(__file__).resolve().parents[2])
            self.assertEqual(done.returncode, -9)
        self.assertEqual(len(self.left()), 1, "the second one removed the first one's")
        one = Scratch(64)
        self.assertEqual(self.left(), [one.path.name])
        one.remove()

    def test_a_strangers_folder_is_not_ours_to_remove(self) -> None:
        (self.parent / "mica-qemu-stranger").mkdir()
        Scratch(64).remove()
        self.assertEqual(self.left(), ["mica-qemu-stranger"])


class Places(unittest.TestCase):
    def test_no_room_in_shared_memory(self) -> None:
        with mock.patch.object(scratch.shutil, "disk_usage", return_value=mock.Mock(free=64 << 20)):
            self.assertEqual(scratch._place(64), Path(tempfile.gettempdir()))
        with mock.patch.object(scratch.shutil, "disk_usage", side_effect=OSError):
            self.assertEqual(scratch._place(64), Path(tempfile.gettempdir()))


if __name__ == "__main__":
    unittest.main()
