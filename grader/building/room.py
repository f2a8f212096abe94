"""Room on the disk, and the trouble of a machine in words: a full disk is said before it is met.

grader/setup/need.sh asks the same of a shell.  MICA_ROOM_KB stands in for what is free, in tests.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Optional

from grader.errors import InfraError

NEEDED_KB = 100_000  # to go on with a build that is there
ADVICE = "free some, or build elsewhere: make grade O=/another/folder"
_OF_THE_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOMEM, errno.EMFILE,
                   errno.ENFILE, errno.EAGAIN, errno.ENOTDIR, errno.ESTALE, errno.EFBIG}


def free_kb(folder: Path) -> int:
    """What is free where `folder` is, or will be."""
    said = os.environ.get("MICA_ROOM_KB", "")
    if said.isdecimal():
        return int(said)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    room = os.statvfs(folder)
    if room.f_files and not room.f_favail:
        return 0  # no room for another file, whatever its size
    return room.f_bavail * room.f_frsize // 1024


def shortage(folder: Path) -> str:
    """Says that the disk is full; empty when it is not."""
    try:
        free = free_kb(folder)
    except OSError as error:
        return in_words(error) or f"{folder}: {error.strerror}"
    if free >= NEEDED_KB:
        return ""
    return f"the disk is full: {free // 1000} MB are free at {folder}, a build needs {NEEDED_KB // 1000} MB; {ADVICE}"


def check(folder: Path) -> None:
    """Raises InfraError where a build would not fit."""
    lack = shortage(folder)
    if lack:
        raise InfraError(lack)


def in_words(error: OSError) -> Optional[str]:
    """A failure that the machine or its set-up caused, and what to do; None for any other."""
    if error.errno not in _OF_THE_MACHINE:
        return None
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full ({what}); {ADVICE}"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
        return f"cannot write or read ({what}); give yourself the right to, or build elsewhere: make grade O=/another/folder"
    return f"the machine failed ({what}); see that it has memory and disk to spare, and try again"
