"""A busy host, for tests that a run is the same on one."""

from __future__ import annotations

import os
import subprocess
import sys


class Load:
    """A host that has more to do than it has processors."""

    def __enter__(self) -> "Load":
        self.busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.busy:
            process.kill()
            process.wait()
