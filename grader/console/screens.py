"""The terminal that a process has made for itself: Bochs's text display draws on one, and stops when nobody reads it.

Linux says in /proc which terminal is the other side of a process's /dev/ptmx.  Elsewhere there is nothing to find.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Optional

_INDEX = re.compile(r"^tty-index:\s*(\d+)$", re.MULTILINE)


def of_process(pid: int) -> "Optional[str]":
    """The terminal's name; None: the process has made none (yet), or it cannot be told."""
    home = Path(f"/proc/{pid}")
    try:
        for each in sorted((home / "fd").iterdir(), key=lambda path: int(path.name)):
            if os.readlink(each) in ("/dev/ptmx", "/dev/pts/ptmx"):
                found = _INDEX.search((home / "fdinfo" / each.name).read_text(encoding="utf-8"))
                if found:
                    return f"/dev/pts/{found[1]}"
    except (OSError, ValueError):
        pass
    return None


def open_to_drain(name: str) -> int:
    """The terminal, to be read without waiting; -1: it cannot be opened."""
    try:
        return os.open(name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return -1


def drain(descriptor: int) -> None:
    """Reads away what is there."""
    try:
        while os.read(descriptor, 65536):
            pass
    except OSError:
        pass
