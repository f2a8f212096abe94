"""The forms under which a line can travel: laid out anew, behind a frame, inside a string, with a comment or without.

Invariant: white space says nothing.
"""

from __future__ import annotations

import re
from typing import Set, Tuple

WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
QUOTED = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'')
FRAME = re.compile(r"^[-+>|#/*\s]+")
_COMMENT = re.compile(r"//(.*)$|/\*(.*?)(?:\*/|$)|(?<!\S)#\s(.*)$")


def squeezed(line: str) -> str:
    """A line without white space: how it is laid out says nothing."""
    return "".join(line.split())


def keys(text: str) -> Set[str]:
    """Every form under which a line of a public text is known: whole, its code, its comment, what it says between quotation marks."""
    found: Set[str] = set()
    for line in text.splitlines():
        code, comment = parted(line)
        found |= {squeezed(line), squeezed(FRAME.sub("", line)), squeezed(code), squeezed(comment)}
        found |= {squeezed(match[1:-1]) for match in QUOTED.findall(line)}
    return found


def forms(line: str) -> Set[str]:
    """Every form under which a line of a file may be one of the tree's."""
    bare = FRAME.sub("", line)
    code, comment = parted(line)
    inner = [match[1:-1] for match in QUOTED.findall(line)]
    return {squeezed(one) for one in (line, bare, code, comment, *parted(bare), stripped(line), *inner)}


def parted(line: str) -> Tuple[str, str]:
    """(code, comment); a comment inside a string is none."""
    hidden = QUOTED.sub(lambda match: "x" * len(match[0]), line)
    match = _COMMENT.search(hidden)
    if not match:
        return line, ""
    return line[:match.start()], re.sub(r"^(//|/\*|#)|\*/\s*$", "", line[match.start():].strip())


def decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8", "replace").lstrip("\ufeff")


def unescaped(text: str) -> str:
    """JSON's and C's escapes, as far as they hide a line."""
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)
    return text.replace("\\n", "\n").replace('","', "\n").replace("\\t", " ").replace('\\"', '"').replace("\\\\", "\\")


def stripped(line: str) -> str:
    """A line between quotation marks, or behind a line number."""
    return re.sub(r"""^\s*(?:\d+[:|\s]\s*)?[\[{"'`]*|["'`\]},]*\s*$""", "", line)
