"""Text that came from a guest or a student, made safe for where it is shown."""

from __future__ import annotations

import re

# What XML 1.0 does not allow, not even as a reference.
_XML_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def for_xml(text: str) -> str:
    """Replaces characters that no XML parser accepts."""
    return _XML_ILLEGAL.sub("\ufffd", text)


def for_terminal(text: str) -> str:
    """Shows control characters instead of obeying them: a guest must not move the cursor or recolour a verdict."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def details(outcome: "object") -> str:
    """The failure as plain lines: what was asked, expected, seen, where, the hint, the command that reruns it."""
    rows = [("asked", "asked"), ("expected", "expected"), ("seen", "seen"), ("differs", "difference"),
            ("where", "where"), ("hint", "hint"), ("rerun", "replay")]
    lines = []
    for label, field in rows:
        value = for_terminal(getattr(outcome, field))
        for index, line in enumerate(value.splitlines()):
            lines.append(f"{label if index == 0 else '':9} {line}")
        if field == "where":
            for index, frame in enumerate(getattr(outcome, "backtrace")):
                lines.append(f"{'backtrace' if index == 0 else '':9} {for_terminal(frame)}")
    return "\n".join(lines)
