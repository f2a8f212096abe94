"""Marked regions: what the complete kernel has and a student's branch has not.

    // LAB(1.3) begin        the reference; the complete kernel compiles this
    ...
    // LAB(1.3) else         the stub, inert in the complete kernel: every line of it starts with `//|`
    //| LAB_NOT_IMPLEMENTED("1.3");
    // LAB(1.3) end

The markers also read `# LAB(0.1) begin` with `#|` where `//` is no comment.  A region without `else` has an empty stub.
The stub keeps the indentation of its `//|`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Collection, FrozenSet, List, Optional, Tuple

from grader.errors import GraderError
from grader.model import lab_of

_MARKER = re.compile(r"^[ \t]*(?P<comment>//|#)[ \t]*LAB\((?P<exercise>[^)]*)\)[ \t]*(?P<word>\S*)[ \t]*$")
_STUB = re.compile(r"^(?P<indent>[ \t]*)(?P<comment>//|#)\|(?: (?P<text>.*)|)$")
_LIKE_A_MARKER = re.compile(r"(//|#)[ \t]*LAB[ \t]*\(")


@dataclass(frozen=True)
class Shipped:
    """The two texts made from one source, and the exercises whose regions it holds."""

    reference: str
    starter: str
    exercises: FrozenSet[str]


class _Open:
    """The region being read."""

    def __init__(self, exercise: str, line: int) -> None:
        self.exercise, self.line, self.in_stub = exercise, line, False


def split(name: str, text: str, known: Optional[Collection[str]] = None) -> Shipped:
    """Splits a source into reference and starter; `known` are the exercise numbers that exist (None: any)."""
    reference: List[str] = []
    starter: List[str] = []
    exercises = set()
    region: Optional[_Open] = None
    for number, line in enumerate(text.split("\n"), start=1):
        where = f"{name}:{number}"
        marker = _MARKER.match(line)
        if marker is None:
            if _LIKE_A_MARKER.search(line):
                raise GraderError(f"{where}: a LAB marker must stand alone on its line: // LAB(1.3) begin, else or end")
            if region is None:
                reference.append(line)
                starter.append(line)
            elif region.in_stub:
                starter.append(_stub_line(where, line))
            else:
                reference.append(line)
            continue
        exercise, word = marker["exercise"], marker["word"]
        if known is not None and exercise not in known:
            raise GraderError(
                f"{where}: there is no exercise {exercise}; add it to labs/*/lab.py or correct the marker")
        if word == "begin":
            if region is not None:
                raise GraderError(
                    f"{where}: LAB({exercise}) begins inside LAB({region.exercise}) of line {region.line}; "
                    "regions do not nest, end that one first")
            region = _Open(exercise, number)
            exercises.add(exercise)
            heading = line[: line.index(marker["comment"])] + f"{marker['comment']} Exercise {exercise}"
            reference.append(heading)
            starter.append(heading)
        elif word in ("else", "end"):
            if region is None or region.exercise != exercise:
                raise GraderError(
                    f"{where}: LAB({exercise}) {word} without its begin; add `LAB({exercise}) begin` above")
            if word == "end":
                region = None
            elif region.in_stub:
                raise GraderError(f"{where}: a second else for LAB({exercise}) of line {region.line}; keep one")
            else:
                region.in_stub = True
        else:
            raise GraderError(f"{where}: LAB({exercise}) {word!r}: the word must be begin, else or end")
    if region is not None:
        raise GraderError(
            f"{name}:{region.line}: LAB({region.exercise}) has no end; add `// LAB({region.exercise}) end`")
    return Shipped("\n".join(reference), "\n".join(starter), frozenset(exercises))


def spans(name: str, text: str) -> List[Tuple[str, int, int]]:
    """(exercise, start, end) of each reference in a complete tree's source: text[start:end] is whole lines, without markers."""
    split(name, text)  # says what is wrong with the markers
    found: List[Tuple[str, int, int]] = []
    start, place = -1, 0
    for line in text.split("\n"):
        marker = _MARKER.match(line)
        if marker is not None and marker["word"] == "begin":
            start = place + len(line) + 1
        elif marker is not None and start >= 0:
            found.append((marker["exercise"], start, place))
            start = -1
        place += len(line) + 1
    return found


def _stub_line(where: str, line: str) -> str:
    if not line.strip():
        return line
    stub = _STUB.match(line)
    if stub is None:
        raise GraderError(f"{where}: a stub line starts with `//| `, so that the complete kernel does not compile it")
    text = stub["text"]
    return stub["indent"] + text if text else ""


def without_reference(name: str, text: str, lab: int) -> Optional[str]:
    """The complete tree's text of a file, line for line, with the reference blanked; None where it is of a later lab."""
    shipped = split(name, text)
    if any(lab_of(exercise) > lab for exercise in shipped.exercises):
        return None
    lines: List[str] = []
    hidden = ""
    for line in text.split("\n"):
        marker = _MARKER.match(line)
        if marker is not None:
            hidden = marker["exercise"] if marker["word"] == "begin" else ""
        lines.append(f"// exercise {hidden}: not shown" if hidden and marker is None else line)
    return "\n".join(lines)
