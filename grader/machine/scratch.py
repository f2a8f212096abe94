"""A machine's folder: its RAM file, snapshots and sockets, in memory where there is plenty of it.

Invariant: the folder's owner holds a lock on the file `owner` in it, which the system drops however the owner ends.  A
folder without a holder belongs to a grader that was killed, and is removed by the next one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import Optional

PREFIX = "mica-qemu-"
SHARED_MEMORY = Path("/dev/shm")


class Scratch:
    """Made on creation; `remove` ends it."""

    def __init__(self, megabytes: int) -> None:
        parent = _place(megabytes)
        _sweep(parent)
        fresh = Path(tempfile.mkdtemp(prefix="mica-new-", dir=parent))
        self._owner = os.open(fresh / "owner", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._owner, fcntl.LOCK_EX)
        self.path = fresh.rename(parent / fresh.name.replace("mica-new-", PREFIX))  # under its name it is always locked

    def remove(self) -> None:
        owner, self._owner = self._owner, -1  # a signal may end the machine while its folder is removed, and come here again
        if owner >= 0:
            try:
                shutil.rmtree(self.path, ignore_errors=True)
            finally:
                os.close(owner)


def _place(megabytes: int) -> Path:
    """Shared memory when it has room for many machines, else the temporary folder."""
    try:
        free = shutil.disk_usage(SHARED_MEMORY).free
    except OSError:
        return Path(tempfile.gettempdir())
    roomy = free > 16 * megabytes << 20 and os.access(SHARED_MEMORY, os.W_OK)
    return SHARED_MEMORY if roomy else Path(tempfile.gettempdir())


def _sweep(parent: Path) -> None:
    """Remove what killed graders left."""
    for folder in parent.glob(PREFIX + "*"):
        owner = _free_owner(folder)
        if owner is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(owner)


def _free_owner(folder: Path) -> Optional[int]:
    """The owner file's descriptor, locked by us, if nobody else holds it."""
    try:
        owner = os.open(folder / "owner", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return owner
    except OSError:
        os.close(owner)
        return None
