"""Saves, seen by looking: no tool and no service of the system is needed, and any editor and file system will do.

Invariants
  * A look costs a stat of each file.  Saved is what has another date, size or inode: editors that write a new file and
    rename it too.
  * A file that is not there is no save.  Who waits for it to settle waits until nothing has changed for an interval.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Callable, Dict, List, Sequence, Tuple

INTERVAL = 0.25  # seconds between two looks
Look = Dict[str, Tuple[int, int, int]]  # name -> date, size, inode; names that are not there are left out


class Files:
    """Some files of a folder."""

    def __init__(self, folder: Path, names: Sequence[str], sleep: Callable[[float], None] = time.sleep) -> None:
        self._folder, self._names, self._sleep = folder, tuple(dict.fromkeys(names)), sleep

    def look(self) -> Look:
        """How they are now."""
        found: Look = {}
        for name in self._names:
            try:
                told = os.stat(self._folder / name)
            except OSError:
                continue
            found[name] = (told.st_mtime_ns, told.st_size, told.st_ino)
        return found

    def wait(self, before: Look, enough: Callable[[], bool]) -> None:
        """Until one of them is saved or goes, or it is `enough`."""
        while self.look() == before and not enough():
            self._sleep(INTERVAL)

    def settled(self) -> Look:
        """How they are when they have been the same for an interval: some editors write in several steps."""
        now = self.look()
        while True:
            self._sleep(INTERVAL)
            later = self.look()
            if later == now:
                return now
            now = later

    def content(self, names: Sequence[str]) -> bytes:
        """Of these files, one after the other; one that is not there counts as empty."""
        parts: List[bytes] = []
        for name in names:
            try:
                data = (self._folder / name).read_bytes()
            except OSError:
                data = b""
            parts.append(f"{name} {len(data)}\n".encode() + data)
        return b"".join(parts)


def changed(before: Look, now: Look) -> List[str]:
    """The names whose file is another one, has come or has gone."""
    return [name for name in {**before, **now} if before.get(name) != now.get(name)]
