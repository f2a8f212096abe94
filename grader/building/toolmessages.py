"""Turns compiler and linker output into what a student should read: their own paths, no colours, not too much."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Sequence

MAX_LINES = 40
MAX_LENGTH = 4000
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_MAKE = re.compile(r"^(?:g?make(?:\[\d+\])?: |  (?:CXX|AS|LINK|HOST) +\S)")


def for_student(output: str, roots: Sequence[Path]) -> str:
    """Output with the roots stripped from paths, make's own lines and colours gone, and at most MAX_LINES lines."""
    text = _COLOUR.sub("", output)
    for root in sorted((str(root) for root in roots), key=len, reverse=True):
        text = text.replace(root + "/", "").replace(root, ".")
    lines = [line.rstrip() for line in text.splitlines() if not _MAKE.match(line)]
    lines = [line for line in lines if line and "errors generated" not in line and "error generated" not in line]
    if len(lines) > MAX_LINES:
        lines = [*lines[:MAX_LINES], f"... and {len(lines) - MAX_LINES} more lines"]
    return "\n".join(lines)[:MAX_LENGTH] or "the build stopped without a message"
