"""Edits: changes of source files that survive a change of layout.

A patch of git names lines by their numbers and neighbours by their bytes, so a renamed folder, a new indentation or a
changed comment nearby breaks it.  An edit names what does not change: the file's concept, the routine (or struct), and
the text that it replaces.

    In mutant.cpp, KiReleaseMutants:
    -        mutant->Abandoned = TRUE;
    +        mutant->Abandoned = FALSE;

  * `-` goes, `+` comes, a blank stays: such a line only says where.
  * The lines that go and stay are found by their characters; blanks and line ends do not count.  They must be found
    exactly once in the routine.
  * Blank lines of an edit mean nothing; `+` alone is one that comes.
  * `In mutant.cpp:` without a routine looks in the whole file.
  * `Instead of mutant.cpp:` and lines that come make the whole file anew.
  * The file is named by as much of its path's end as it takes to know it from the others.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from grader.errors import GraderError

_HEAD = re.compile(r"(In|Instead of) ([^,:\s]+)(?:, (\w+))?:\s*")
_LABEL = re.compile(r'"?[@_]?([A-Za-z]\w*)(?:@\d+)?"?:')
_TYPE = re.compile(r"(?:struct|class|union|enum|enum class)\s+(\w+)[^;()]*\{")
_CALL = re.compile(r"(\w+)\s*\(\s*(\w*)")
_NO_ROUTINE = ("__attribute__", "__declspec", "static_assert", "alignas", "defined")


class EditError(GraderError):
    """An edit that is written wrongly, or whose text is not there."""


@dataclass(frozen=True)
class Edit:
    """One place of one file."""

    file: str
    routine: str  # "": the whole file
    lines: Tuple[Tuple[str, str], ...]  # sign and text
    whole: bool = False  # the lines that come are the file

    @property
    def place(self) -> str:
        return f"{self.file}, {self.routine}" if self.routine else self.file

    def __str__(self) -> str:
        return "".join([f"{'Instead of' if self.whole else 'In'} {self.place}:\n", *(f"{sign}{text}".rstrip() + "\n" for sign, text in self.lines)])


class _Block(NamedTuple):
    """A routine or a struct at the left margin, from its first character to its end."""

    name: str
    start: int
    end: int


class _Splice(NamedTuple):
    """What comes instead of a stretch of a text."""

    start: int
    end: int
    comes: str


class _Text(NamedTuple):
    """A text without its blanks, and where each character of it stands."""

    chars: str
    at: Sequence[int]


def parse(text: str) -> List[Edit]:
    """The edits of a file, whose header does not belong to the text."""
    found: List[Tuple["re.Match[str]", List[Tuple[str, str]]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        head = _HEAD.fullmatch(line)
        if head:
            found.append((head, []))
        elif not line.strip():
            continue
        elif line[0] in "-+ " and found:
            found[-1][1].append((line[0], line[1:]))
        else:
            raise EditError(f"line {number} of the edits is `{line}`; a line begins with `In FILE, ROUTINE:`, `-`, `+` or a blank")
    return [Edit(head.group(2), head.group(3) or "", tuple(lines), head.group(1) != "In") for head, lines in found]


def apply(edits: Sequence[Edit], files: Mapping[str, bytes]) -> Dict[str, bytes]:
    """The files with the edits applied, each of which speaks of the files as they are given."""
    old = {name: content.decode("utf-8", "surrogateescape") for name, content in files.items()}
    splices: Dict[str, List[_Splice]] = {}
    for edit in edits:
        name = _named(edit, old)
        splices.setdefault(name, []).extend(_splices(old[name], edit))
    return {name: _spliced(text, splices.get(name, [])).encode("utf-8", "surrogateescape") for name, text in old.items()}


def between(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> List[Edit]:
    """The edits that make `new` of `old`, each with as few lines as name its place."""
    made: List[Edit] = []
    for name in sorted(new):
        before, after = (some.get(name, b"").decode("utf-8", "surrogateescape") for some in (old, new))
        if before != after:
            made += _between(shortest(name, old), before, after)
    return made


# -- where an edit belongs --------------------------------------------------------------------------------------------


def _named(edit: Edit, files: Mapping[str, str]) -> str:
    names = [name for name in files if f"/{name}".endswith(f"/{edit.file}")]
    if len(names) != 1:
        raise EditError(f"`In {edit.file}`: " + (f"{names[0]} and {names[1]} are called so; name more of the path" if names else
                                                 "no student file is called so; keep to those of lab.py"))
    return names[0]


def shortest(name: str, files: Mapping[str, bytes]) -> str:
    """As much of the path's end as names no other of the files.  A lab's own file has the lab's folder before it: another lab may
    come with a file of that name."""
    parts = name.split("/")
    for count in range(2 if parts[0] == "labs" else 1, len(parts)):
        end = "/".join(parts[-count:])
        if [other for other in files if f"/{other}".endswith(f"/{end}")] == [name]:
            return end
    return name


def _blocks(text: str) -> Iterator[_Block]:
    """The routines and structs at the left margin, and the labels of assembly."""
    labels = [(match.group(1), match.start()) for match in re.finditer(rf"^{_LABEL.pattern}", text, re.M)
              if match.group(1) not in ("public", "private", "protected")]
    for at, (name, start) in enumerate(labels):
        yield _Block(name, start, labels[at + 1][1] if at + 1 < len(labels) else len(text))
    for match in re.finditer(r"^[A-Za-z_\[:].*", text, re.M):
        name = _name(match.group())
        opening = re.compile(r"[{;]").search(text, match.start()) if name else None
        if opening and opening.group() == "{":
            yield _Block(name, match.start(), _end(text, opening.start()))


def _name(line: str) -> str:
    """What the block that this line opens is called; "" where it opens none."""
    kind = _TYPE.match(line)
    if kind:
        return kind.group(1)
    for call in _CALL.finditer(line):
        if call.group(1) in _NO_ROUTINE:
            continue
        return call.group(2) if call.group(1).isupper() else call.group(1)  # a macro's first argument is the name
    return ""


def _end(text: str, opening: int) -> int:
    line_end = (text + "\n").index("\n", opening)
    first = text[opening:line_end]
    if first.count("{") == first.count("}"):
        return line_end
    closing = re.compile(r"^\}", re.M).search(text, opening)
    return (text + "\n").index("\n", closing.start()) if closing else len(text)


def _spans(text: str, routine: str) -> List[Tuple[int, int]]:
    return [(block.start, block.end) for block in _blocks(text) if block.name == routine] if routine else [(0, len(text))]


# -- finding and replacing --------------------------------------------------------------------------------------------


def _squeezed(text: str, start: int = 0, end: int = -1) -> _Text:
    at = [index for index in range(start, len(text) if end < 0 else end) if not text[index].isspace()]
    return _Text("".join(text[index] for index in at), at)


def _found(text: str, spans: Sequence[Tuple[int, int]], wanted: str) -> List[Sequence[int]]:
    """Where the characters stand, each time that they do, not within a longer word."""
    found: List[Sequence[int]] = []
    for start, end in spans:
        some = _squeezed(text, start, end)
        first = some.chars.find(wanted) if wanted else -1
        while first >= 0:
            places = some.at[first:first + len(wanted)]
            if not (_splits_word(text, places[0]) or _splits_word(text, places[-1] + 1)):
                found.append(places)
            first = some.chars.find(wanted, first + 1)
    return found


def _splits_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and all(char.isalnum() or char == "_" for char in text[at - 1:at + 1])


def _splices(text: str, edit: Edit) -> List[_Splice]:
    if edit.whole:
        if edit.routine or any(sign != "+" for sign, _ in edit.lines):
            raise EditError(f"`Instead of {edit.place}`: it takes the name of a file, and lines that come (+)")
        return [_Splice(0, len(text), "".join(line + "\n" for _, line in edit.lines))]
    spans = _spans(text, edit.routine)
    if not spans:
        raise EditError(f"`In {edit.place}`: the file has no such routine or struct")
    wanted = "".join(_squeezed(line).chars for sign, line in edit.lines if sign != "+")
    if not wanted:
        raise EditError(f"`In {edit.place}`: no line goes and none stays, so the place is unknown; add the line before it")
    found = _found(text, spans, wanted)
    if len(found) != 1:
        first = next(line.strip() for sign, line in edit.lines if sign != "+" and line.strip())
        raise EditError(f"`In {edit.place}`: `{first}` ... is there {len(found)} times; " +
                        ("say more of what stays" if found else "the text has changed"))
    shift = _shift(text, found[0][0], edit)
    return [_splice(text, found[0], first, last, "".join(shift(line) + "\n" for line in comes))
            for first, last, comes in _changes(edit)]


def _spliced(text: str, splices: Sequence[_Splice]) -> str:
    """The text with all splices done, those at one place in the order in which they are given."""
    done, at = "", 0
    for splice in sorted(splices, key=lambda splice: (splice.start, splice.end)):
        if splice.start < at:
            raise EditError(f"two edits change `{text[splice.start:at].strip()}`; make one of them")
        done, at = done + text[at:splice.start] + splice.comes, splice.end
    return done + text[at:]


def _changes(edit: Edit) -> Iterator[Tuple[int, int, List[str]]]:
    """Runs of lines that go and come: the characters of the edit from `first` to before `last` go."""
    first = last = 0
    comes: List[str] = []
    busy = False
    for sign, line in (*edit.lines, (" ", "the end")):
        count = len(_squeezed(line).chars)
        if sign == " ":
            if busy:
                yield first, last, comes
            first, comes, busy = last + count, [], False
            last = first
        elif sign == "-":
            last, busy = last + count, True
        else:
            comes, busy = [*comes, line], True


def _splice(text: str, places: Sequence[int], first: int, last: int, comes: str) -> _Splice:
    """Whole lines are exchanged where whole lines go; else the change is within a line."""
    if first < last:
        start, end = places[first], places[last - 1] + 1
    elif first:
        start = end = places[first - 1] + 1
    else:
        start = end = places[0]
    line_start, line_end = text.rfind("\n", 0, start) + 1, (text + "\n").index("\n", end)
    alone_before, alone_after = not text[line_start:start].strip(), not text[end:line_end].strip()
    after_line = min(line_end + 1, len(text))
    if first < last and alone_before and alone_after:
        return _Splice(line_start, after_line, comes)
    if first == last and first and alone_after:
        return _Splice(after_line, after_line, comes if text[line_end:] else "\n" + comes)
    if first == last and alone_before:
        return _Splice(line_start, line_start, comes)
    return _Splice(start, end, "\n" + comes if comes else "")


def _shift(text: str, at: int, edit: Edit) -> Callable[[str], str]:
    """How lines that come are indented: as the text that is there, beside the edit's own."""
    line_start = text.rfind("\n", 0, at) + 1
    given = next(line for sign, line in edit.lines if sign != "+" and line.strip())
    more = at - line_start - (len(given) - len(given.lstrip())) if not text[line_start:at].strip() else 0

    def shifted(line: str) -> str:
        if more < 0:
            return line[min(-more, len(line) - len(line.lstrip())):]
        return " " * more + line if line.strip() else line

    return shifted


# -- making edits -----------------------------------------------------------------------------------------------------


def _between(file: str, old: str, new: str) -> List[Edit]:
    was, comes = old.splitlines(), new.splitlines()
    starts = [0]
    for line in old.splitlines(True):
        starts.append(starts[-1] + len(line))
    blocks = list(_blocks(old))
    if not {line for line in was if line.strip()} & set(comes):
        return [Edit(file, "", tuple(("+", line) for line in comes), whole=True)]
    made = []
    for kind, first, last, start, end in difflib.SequenceMatcher(None, was, comes, autojunk=False).get_opcodes():
        if kind != "equal" and any(line.strip() for line in was[first:last] + comes[start:end]):
            made.append(_anchored(file, old, was, starts, blocks, first, last, comes[start:end]))
    return made


def _anchored(file: str, text: str, was: List[str], starts: List[int], blocks: List[_Block], first: int, last: int,
              comes: List[str]) -> Edit:
    """One change with the fewest lines around it that are in its routine once."""
    inside = next((block for block in blocks if block.start < starts[first] and starts[last] <= block.end), None)
    low, high = 0, len(was)
    if inside:
        low = next(at for at, start in enumerate(starts) if start >= inside.start)
        high = next((at for at, start in enumerate(starts) if start > inside.end), len(was))
    above = below = 0
    while True:
        lines = (*((" ", line) for line in was[first - above:first] if line.strip()), *(("-", line) for line in was[first:last]),
                 *(("+", line) for line in comes), *((" ", line) for line in was[last:last + below] if line.strip()))
        edit = Edit(file, inside.name if inside else "", tuple(lines))
        wanted = "".join(_squeezed(line).chars for sign, line in lines if sign != "+")
        if len(_found(text, _spans(text, edit.routine), wanted)) == 1:
            return edit
        if first - above > low and (above <= below or last + below >= high):
            above += 1
        elif last + below < high:
            below += 1
        elif inside:
            inside, low, high = None, 0, len(was)
        else:
            raise EditError(f"{file}: line {first + 1} looks like others in all the file; the place cannot be named")

