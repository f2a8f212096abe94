"""Virtual memory against its model: every byte right, all invariants hold, nothing is lost in the end, at the same seed the same
whatever the processors do meanwhile. Four times the memory is in use. A few thousand operations of three seeds; `make soak`
carries a million."""
# MEM-05, MEM-07, POL-06, PFN-03, PFN-05, PFN-14, PFN-15, PFN-16, PFN-18

from __future__ import annotations

import os
import unittest
from pathlib import Path

from grader.tests.machine import needs_emulator
from grader.tree import this_tree

from .load import Load
from .vmmodel import COMMIT, MEM_FREE, NO_ACCESS, PAGE, READ_WRITE, RELEASE, RESERVE, Process
from .vmstress import IN_MEMORY, PAGING, ROUND, stress

KERNEL = Path(os.environ.get("MICA_OUT") or this_tree().out).resolve() / "free"
BUILT = all((KERNEL / "boot" / name).exists() for name in ("ntoskrnl.exe", "loader.elf", "vmstress.sys"))
SEEDS = ("one", "two", "three")


@needs_emulator
@unittest.skipUnless(BUILT, "the kernel is not built")
class VirtualMemory(unittest.TestCase):
    def stress(self, processors: int, seed: str) -> None:
        stress(KERNEL, IN_MEMORY, seed, processors, 2 * ROUND)
        seen = stress(KERNEL, PAGING, seed, processors, 2 * ROUND)
        self.assertGreaterEqual(seen.used * PAGE, 64 << 20)
        self.assertGreaterEqual(seen.written * PAGE, 48 << 20)

    def test_one_processor(self) -> None:
        self.stress(1, SEEDS[0])

    def test_two_processors(self) -> None:
        self.stress(2, SEEDS[1])

    def test_four_processors(self) -> None:
        self.stress(4, SEEDS[2])

    def test_the_same_under_load(self) -> None:
        seen = stress(KERNEL, IN_MEMORY, SEEDS[0], 1, ROUND)
        with Load():
            self.assertEqual(seen, stress(KERNEL, IN_MEMORY, SEEDS[0], 1, ROUND))


class Model(unittest.TestCase):
    """The model itself, where a mistake in it would hide one of the kernel's."""

    def test_ranges_lie_where_there_is_room(self) -> None:
        process = Process("", IN_MEMORY.shape)
        first = process.allocate(0, 3 * PAGE, RESERVE, READ_WRITE)
        self.assertEqual((0x10000, 3 * PAGE), (first.address, first.size))
        self.assertEqual(0x20000, process.allocate(0, 1, RESERVE | COMMIT, READ_WRITE).address)
        self.assertEqual((0, 0xD000, MEM_FREE | NO_ACCESS), (lambda e: (e.address, e.size, e.argument))(process.query(0x13000)))
        process.free(0x10000, 0, RELEASE)
        self.assertEqual(0x10000, process.allocate(0, 0x10000, RESERVE, READ_WRITE).address)

    def test_a_release_in_the_middle_splits(self) -> None:
        process = Process("", IN_MEMORY.shape)
        process.allocate(0, 5 * PAGE, RESERVE | COMMIT, READ_WRITE)
        process.write(0x14000, 1, 7)
        process.free(0x11000, PAGE, RELEASE)
        self.assertEqual([(0x10, 0x10), (0x12, 0x14)], [(r.first, r.last) for r in process.ranges])
        self.assertEqual(7, process.read(0x14000, 1).argument)


if __name__ == "__main__":
    unittest.main()
