"""Text that came from a guest or a student, made safe for where it is shown."""

from __future__ import annotations

import re
import textwrap
from typing import List

from grader.model import Outcome

# What XML 1.0 does not allow, not even as a reference.
_XML_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


# What a system that shows the log might obey: a line that begins so is an order to GitHub's runner, indented or not.
_ORDER = re.compile(r"^(\s*)(::|##\[)", re.MULTILINE)


def for_xml(text: str) -> str:
    """Replaces characters that no XML parser accepts."""
    return _XML_ILLEGAL.sub("\ufffd", text)


def for_terminal(text: str) -> str:
    """Shows control characters instead of obeying them: a guest must not move the cursor or recolour a verdict, nor speak to what
    runs the grader."""
    return _inert(_CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text))


def _inert(text: str) -> str:
    return _ORDER.sub(lambda match: f"{match[1]}| {match[2]}", text)


LABEL = 10  # columns of the label in front of each row


def details(outcome: Outcome, width: int = 0) -> str:
    """The failure as plain lines: what was asked, expected, seen, where, the hint, the command that reruns it.

    `width`: columns to wrap the text in; 0 leaves lines as they are.
    """
    rows = [("asked", "asked"), ("expected", "expected"), ("seen", "seen"), ("differs", "difference"),
            ("where", "where"), ("hint", "hint"), ("timeline", "page"), ("rerun", "replay")]
    lines = []
    for label, field in rows:
        lines += row(label, getattr(outcome, field), 0 if field in ("replay", "page") else width)
        if field == "where":
            lines += row("backtrace", "\n".join(outcome.backtrace), 0)
    return "\n".join(lines)


def hints_taken(result: Result) -> str:
    """How many staged hints were taken, in a line."""
    return "hints taken (no points depend on them): " + (", ".join(f"{exercise}: {count}" for exercise, count in result.hints) or "0")


def row(label: str, text: str, width: int) -> List[str]:
    """One label and its text, which may have lines of its own."""
    lines = [part for line in for_terminal(text).splitlines()
             for part in (textwrap.wrap(line, max(width - LABEL, 40), break_long_words=False) if width else [line])]
    return [f"{label if index == 0 else '':{LABEL}}{_inert(line)}" for index, line in enumerate(lines)]
