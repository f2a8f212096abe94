"""Lines of source around a place, as the page shows them.

Invariant: a student wrote these lines, so they are text and nothing else: control characters and signs that change the
direction of writing are shown by their number, and a line is cut.
TOL-03.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Tuple

Reader = Callable[[str], Optional[str]]  # a file's text by its name in the tree; None: it is not to be shown

LINE_MAX = 160
TAB = 4
INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # controls, directions, lone surrogates, separators of lines
_PRINTED = re.compile(r"[ -~]*")


@dataclass(frozen=True)
class Excerpt:
    """Some lines of a file, and which of them is meant."""

    file: str
    line: int
    first: int
    lines: Tuple[str, ...]

    def text(self) -> str:
        """`> 41  ...`"""
        return "\n".join(f"{'>' if number == self.line else ' '} {number:4} {line}"
                         for number, line in enumerate(self.lines, self.first))


def visible(text: str) -> str:
    """One line, without a sign that could hide or turn what stands beside it."""
    text = text.expandtabs(TAB)
    if not _PRINTED.fullmatch(text):
        text = "".join(f"<U+{ord(one):04X}>" if unicodedata.category(one) in INVISIBLE else one for one in text)
    return text if len(text) <= LINE_MAX else text[:LINE_MAX] + " ..."


class Sources:
    """Excerpts by place; `read` decides what may be shown."""

    def __init__(self, read: Reader, around: int = 3) -> None:
        self._read, self._around = read, around
        self._files: Dict[str, List[str]] = {}

    def excerpt(self, place: str) -> Optional[Excerpt]:
        """Around `kernel/ntos/ke/objects/queue.cpp:42`; None where the file is not to be shown, or has no such line."""
        file, _, number = place.rpartition(":")
        if not (number.isascii() and number.isdigit()) or len(number) > 9:
            return None
        if file not in self._files:
            self._files[file] = re.split("\r\n|\r|\n", self._read(file) or "")  # as compilers count lines
        lines, at = self._files[file], int(number)
        if not 1 <= at <= len(lines) or lines == [""]:
            return None
        first, last = max(1, at - self._around), min(len(lines), at + self._around)
        shown = [lines[line - 1].expandtabs(TAB) for line in range(first, last + 1)]
        margin = min((len(one) - len(one.lstrip(" ")) for one in shown if one.strip()), default=0)
        return Excerpt(file, at, first, tuple(visible(one[margin:]).rstrip() for one in shown))
