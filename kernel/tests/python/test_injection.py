"""A few of the allocations that the long run lets fail (`make soak`): errors come back, nothing is lost."""
# POL-05, POL-06, ERR-10

from __future__ import annotations

import os
import unittest
from pathlib import Path

from grader.tests.machine import needs_emulator
from grader.tree import this_tree

from .injection import run

KERNEL = Path(os.environ.get("MICA_OUT") or this_tree().out).resolve() / "checked"
BUILT = all((KERNEL / "boot" / name).exists() for name in ("ntoskrnl.exe", "loader.elf", "injection.sys"))
EACH = 5  # of each part
SEED = "one"


@needs_emulator
@unittest.skipUnless(BUILT, "the checked kernel is not built")
class AllocationsThatFail(unittest.TestCase):
    def test_a_sample(self) -> None:
        failed, wrong = run(KERNEL, 2, sample=EACH, seed=SEED)
        self.assertEqual([], wrong, f"seed {SEED}")
        self.assertGreater(failed, 8 * EACH)


if __name__ == "__main__":
    unittest.main()
