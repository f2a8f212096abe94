"""Wrong assembly by rule: an instruction dropped, two exchanged, another register, another offset, one more or less."""

from __future__ import annotations

import re
from typing import Iterator, List, Sequence, Tuple

from grader.mutate.rules import Change, Region

_LINE = re.compile(r"^[ \t]+(?P<code>[a-z][^\n]*?)[ \t]*(?://[^\n]*)?$", re.MULTILINE)
_REGISTER = re.compile(r"%(e?(?:ax|bx|cx|dx|si|di|bp|sp))\b")
_NAME = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
_IMMEDIATE = re.compile(r"\$(\d+)\b")
_DEFINED = re.compile(r"^#define\s+([A-Z][A-Z0-9_]*)\b", re.MULTILINE)
REGISTERS = ("eax", "ecx", "edx", "ebx", "esi", "edi", "ebp")
JUMPS = {"je": "jne", "jne": "je", "jz": "jnz", "jnz": "jz", "jb": "jbe", "ja": "jae", "cli": "sti", "sti": "cli", "incl": "decl"}


def changes(region: Region, header: str) -> List[Change]:
    """What the rules would do to a region; `header` holds the offsets that exist."""
    names = _DEFINED.findall(header)
    lines = [(match.start("code"), match.end("code"), match["code"]) for match in _LINE.finditer(region.text, region.start, region.end)]
    lines = [line for line in lines if not line[2].startswith(".") and not line[2].endswith(":")]
    found: List[Change] = []
    for index, line in enumerate(lines):
        found += _of_line(region, line, names)
        if index + 1 < len(lines) and line[2] != lines[index + 1][2]:
            start, end, code = lines[index + 1]
            found.append(Change("exchange", ((line[0], line[1], code), (start, end, line[2]))))
    return found


def _of_line(region: Region, line: Tuple[int, int, str], names: Sequence[str]) -> Iterator[Change]:
    start, end, code = line
    yield Change("drop", ((start, end, " " * len(code)), ))
    word = code.split()[0]
    if word in JUMPS:
        yield Change("negate", ((start, start + len(word), JUMPS[word]), ))
    for match in _REGISTER.finditer(code):
        if match[1] in REGISTERS:
            other = REGISTERS[(REGISTERS.index(match[1]) + 1) % len(REGISTERS)]
            yield Change("register", ((start + match.start(1), start + match.end(1), other), ))
    for match in _NAME.finditer(code):
        family = [name for name in names if name.split("_")[0] == match[0].split("_")[0] and name != match[0]]
        behind = [name for name in family if match[0] in names and names.index(name) > names.index(match[0])]
        for other in dict.fromkeys([*behind[:1], *family[:1]]):
            yield Change("field", ((start + match.start(), start + match.end(), other), ))
    for match in _IMMEDIATE.finditer(code):
        yield Change("off-by-one", ((start + match.start(1), start + match.end(1), str(int(match[1]) + 1)), ))
