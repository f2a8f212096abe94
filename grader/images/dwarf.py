"""Variables and types of an image, from its debug information: what lies at an offset of a variable, by name.

Invariants
  * The image's file is asked, never guest memory.  An image without debug information has no variables: callers fall
    back to symbols.
  * A student's object brings debug information of its own, so nothing here is trusted: no loop follows a type without
    an end, every name is cut and made printable, and a section that makes no sense is as good as none.
In the books: "symbol files".  TOL-07.  In the format's document: "DWARF 4", chapters 4, 5 and 7.
"""

# size: one format; the variables, their types and the units that hold both are read together.
from __future__ import annotations

import bisect
import dataclasses
import functools
import itertools
import re
import struct
from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from grader.images.pe import PeImage

ARRAY, CLASS, ENUMERATION, MEMBER, POINTER, UNIT, STRUCTURE = 0x01, 0x02, 0x04, 0x0D, 0x0F, 0x11, 0x13
TYPEDEF, UNION, INHERITANCE, SUBRANGE, CONSTANT, VARIABLE, VOLATILE = 0x16, 0x17, 0x1C, 0x21, 0x26, 0x34, 0x35
RESTRICT, NAMESPACE, ATOMIC, BASE = 0x37, 0x39, 0x47, 0x24
ENUMERATOR, PARAMETER, PACK = 0x28, 0x2F, 0x4107  # of templates: a type, and several of them
KEPT = frozenset((ARRAY, CLASS, ENUMERATION, MEMBER, POINTER, UNIT, STRUCTURE, TYPEDEF, UNION, INHERITANCE, SUBRANGE,
                  CONSTANT, VARIABLE, VOLATILE, RESTRICT, NAMESPACE, ATOMIC, BASE, ENUMERATOR, PARAMETER, PACK))
RECORDS = (STRUCTURE, CLASS, UNION)
TRANSPARENT = (TYPEDEF, CONSTANT, VOLATILE, RESTRICT, ATOMIC)

LOCATION, NAME, SIZE, COUNT, BITS, UPPER, OFFSET, SPECIFICATION, TYPE, DECLARATION, VALUE = (
    0x02, 0x03, 0x0B, 0x37, 0x0D, 0x2F, 0x38, 0x47, 0x49, 0x3C, 0x1C)
WANTED = frozenset((LOCATION, NAME, SIZE, COUNT, BITS, UPPER, OFFSET, SPECIFICATION, TYPE, DECLARATION, VALUE))
FIXED = {0x01: 4, 0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x0E: 4, 0x10: 4, 0x11: 1, 0x12: 2, 0x13: 4, 0x14: 8,
         0x17: 4, 0x19: 0, 0x20: 8}
REFERENCES = (0x11, 0x12, 0x13, 0x14)  # relative to the unit
NUMBERS, SIGNED, STRING, STRING_AT, SECTION_REFERENCE, FLAG = (0x0D, 0x0F, 0x15), 0x0D, 0x08, 0x0E, 0x10, 0x19
BLOCKS = {0x0A: 1, 0x03: 2, 0x04: 4}
COUNTED = (0x09, 0x18)  # a block behind a LEB128 length
AT_ADDRESS, PLUS = 0x03, 0x23  # DW_OP_addr, DW_OP_plus_uconst
POINTER_SIZE = 4
NAME_MAX, DEPTH_MAX, STEPS_MAX, MEMBERS_MAX, ELEMENTS_MAX = 80, 24, 400, 1000, 1 << 16
UNREADABLE = (LookupError, struct.error, ValueError, RecursionError, MemoryError)
_ODD = re.compile(r"[^\w$~:<>,*&()\[\] +-]", re.ASCII)
# What a wait or a lock names as a whole, however many fields it has.
OBJECTS = frozenset(("KEVENT", "KSEMAPHORE", "KMUTANT", "KTIMER", "KQUEUE", "KPROCESS", "KTHREAD", "KGATE", "FAST_MUTEX",
                     "KGUARDED_MUTEX", "ERESOURCE", "EX_PUSH_LOCK", "KSPIN_LOCK", "KSPIN_LOCK_QUEUE", "EX_RUNDOWN_REF",
                     "EX_SPIN_LOCK", "SLIST_HEADER", "KDPC", "KAPC"))


@dataclass
class Entry:
    """One entry of the debug information that says something about a variable or a type."""

    tag: int
    name: str = ""
    type: int = 0  # where the entry of its type stands
    size: int = -1
    offset: int = 0
    count: int = -1
    bits: int = 0
    value: int = 0  # of an enumerator
    address: int = -1
    specification: int = 0
    declared_only: bool = False
    parent: int = 0
    children: List[int] = field(default_factory=list)


@dataclass(frozen=True)
class Variable:
    """A variable with a place in the image.  `scope`: `SpinLockOrders`, of a static member."""

    name: str
    scope: str
    rva: int
    size: int
    type: int


@dataclass(frozen=True)
class _Member:
    """A member with a name, at its place in the structure that is looked at."""

    name: str
    offset: int
    size: int
    type: int
    bits: int


class Debug:
    """The debug information of one image."""

    def __init__(self, entries: Dict[int, Entry], base: int, limit: int) -> None:
        self._entries = entries
        self._flat: Dict[int, List[_Member]] = {}
        self._whole: Dict[str, int] = {}  # the complete definition of a structure, by name
        for place, entry in entries.items():
            if entry.tag in RECORDS and entry.name and not entry.declared_only and entry.size > 0:
                self._whole.setdefault(entry.name, place)
        found: Dict[int, Variable] = {}
        for entry in entries.values():
            if entry.tag == VARIABLE and base <= entry.address < base + limit:
                variable = self._variable(entry, entry.address - base)
                known = found.get(variable.rva)
                if variable.name and (known is None or not known.scope):
                    found[variable.rva] = variable
        self.variables: Tuple[Variable, ...] = tuple(found[rva] for rva in sorted(found))
        self._starts = [one.rva for one in self.variables]

    def at(self, rva: int) -> Optional[Variable]:
        """The variable that holds an address."""
        index = bisect.bisect_right(self._starts, rva) - 1
        if index < 0 or not self.variables[index].rva <= rva < self.variables[index].rva + self.variables[index].size:
            return None
        return self.variables[index]

    def structure(self, name: str) -> int:
        """The type of a structure, or 0."""
        return self._whole.get(name, 0)

    def size(self, place: int) -> int:
        """Bytes of a type; 0 where that is unknown."""
        return self._size(place, 0)

    def target(self, place: int) -> int:
        """What a pointer points to, or 0."""
        kind, entry = self._plain(place)
        return self._plain(entry.type)[0] if kind and entry.tag == POINTER else 0

    def elements(self, place: int) -> Tuple[int, int]:
        """(type, number) of an array's elements; of anything else (type, 1)."""
        kind, entry = self._plain(place)
        if not kind or entry.tag != ARRAY:
            return place, 1
        inner = self._size(entry.type, 0)
        return entry.type, min(ELEMENTS_MAX, self._size(kind, 0) // inner) if inner else 0

    def path(self, place: int, offset: int, size: int = 0) -> str:
        """`.Header.SignalState`, `[2].Next`: the innermost member that holds `size` bytes from an offset of a type.
        Empty for the whole.  Without a size: the object that stands there (a lock, an event), else the innermost."""
        try:
            return _Walk(self, size).path(place, offset)
        except UNREADABLE:
            return ""

    def instances(self, template: str) -> Dict[str, List[int]]:
        """Variables whose type is made from a template of types: name -> the types that it was made with."""
        found: Dict[str, List[int]] = {}
        for entry in self._entries.values():
            kind = self._plain(entry.type)[1] if entry.tag == VARIABLE and entry.name else Entry(0)
            if kind.tag in RECORDS and kind.name.startswith(template + "<"):
                found[entry.name] = [self._plain(one.type)[0] for one in self._parameters(kind, 0)]
        return found

    def name(self, place: int) -> str:
        """The name of a type as it was declared; empty where it has none."""
        return self._plain(place)[1].name

    def fields(self, place: int) -> List[Tuple[str, int, int]]:
        """(name, offset, size) of a structure's members as declared, without bit-fields, which have no offset."""
        kind, entry = self._plain(place)
        return [(one.name, one.offset, one.size) for one in self._members(kind) if not one.bits] if entry.tag in RECORDS else []

    def values(self, place: int) -> List[Tuple[str, int]]:
        """(name, value) of an enumeration's enumerators."""
        _, entry = self._plain(place)
        named = [self._entries[child] for child in entry.children] if entry.tag == ENUMERATION else []
        return [(one.name, one.value) for one in named if one.tag == ENUMERATOR]

    def siblings(self) -> Dict[str, Tuple[str, ...]]:
        """Member -> the next and the last member of its type in each structure that has such a one: what it is mistaken for."""
        found: Dict[str, List[str]] = {}
        for place in self._whole.values():
            kinds: Dict[int, List[str]] = {}
            for one in self._members(place):
                kinds.setdefault(self._plain(one.type)[0], []).append(one.name)
            for names in kinds.values():
                for index, name in enumerate(names):
                    near = (names[(index + 1) % len(names)], names[index - 1])
                    found.setdefault(name, []).extend(other for other in near if other != name)
        return {name: tuple(dict.fromkeys(others)) for name, others in found.items()}

    def _parameters(self, entry: Entry, depth: int) -> Iterator[Entry]:
        for child in (self._entries[place] for place in entry.children):
            if child.tag == PARAMETER:
                yield child
            elif child.tag == PACK and depth < DEPTH_MAX:
                yield from self._parameters(child, depth + 1)

    # -- types -------------------------------------------------------------------------------------------------------
    def _variable(self, entry: Entry, rva: int) -> Variable:
        declared = self._entries.get(entry.specification, entry)
        holder = self._entries.get(declared.parent)
        scope = holder.name if holder is not None and holder.tag in RECORDS else ""
        kind = entry.type or declared.type
        # An array without a bound in its declaration has it in its definition, and the reverse.
        size = self._size(kind, 0) or self._size(declared.type, 0)
        return Variable(entry.name or declared.name, scope, rva, size, kind)

    def _plain(self, place: int) -> Tuple[int, Entry]:
        """A type without typedef, const and volatile; a declared structure becomes its definition."""
        for _ in range(DEPTH_MAX):
            entry = self._entries.get(place)
            if entry is None:
                break
            if entry.tag not in TRANSPARENT:
                if entry.tag in RECORDS and entry.declared_only and entry.name in self._whole:
                    place = self._whole[entry.name]
                    entry = self._entries[place]
                return place, entry
            place = entry.type
        return 0, Entry(0)

    def _size(self, place: int, depth: int) -> int:
        kind, entry = self._plain(place)
        if not kind or depth > DEPTH_MAX:
            return 0
        if entry.tag == ARRAY:
            total = self._size(entry.type, depth + 1)
            for count in self._bounds(entry):
                total *= count
            return total if 0 <= total < 1 << 32 else 0
        if entry.tag == POINTER:
            return POINTER_SIZE
        return max(0, entry.size)

    def _bounds(self, entry: Entry) -> List[int]:
        return [max(0, self._entries[child].count) for child in entry.children if self._entries[child].tag == SUBRANGE]

    def _members(self, place: int) -> List[_Member]:
        """Members with names; those of bases, anonymous structures and unions stand for themselves."""
        if place not in self._flat:
            self._flat[place] = []  # a structure inside itself has no members there
            self._flat[place] = list(itertools.islice(self._listed(self._entries[place]), MEMBERS_MAX))
        return self._flat[place]

    def _listed(self, entry: Entry) -> Iterator[_Member]:
        for child in entry.children:
            member = self._entries[child]
            if member.tag not in (MEMBER, INHERITANCE) or member.declared_only:
                continue
            kind, inner = self._plain(member.type)
            if not member.name and inner.tag in RECORDS:
                for one in self._members(kind):
                    yield dataclasses.replace(one, offset=one.offset + member.offset)
            elif member.name:
                size = member.size if member.bits and member.size > 0 else self._size(member.type, 0)
                yield _Member(member.name, member.offset, size, member.type, member.bits)


class _Walk:
    """One way from a type to a member, with a limit on the steps."""

    def __init__(self, debug: Debug, size: int) -> None:
        self._debug, self._size, self._steps = debug, size, 0

    def path(self, place: int, offset: int, depth: int = 0) -> str:
        self._steps += 1
        kind, entry = self._debug._plain(place)
        if not kind or depth > DEPTH_MAX or self._steps > STEPS_MAX:
            return ""
        if entry.tag == ARRAY:
            return self._element(entry, offset, depth)
        if entry.tag not in RECORDS or (not self._size and not offset and entry.name in OBJECTS):
            return ""
        end = offset + max(1, self._size)
        members = self._debug._members(kind)
        holding = [one for one in members if one.offset <= offset and end <= one.offset + one.size]
        if not holding:
            return self._several(entry, members, offset, end)
        fit = {one: self._leaf(one.type, offset - one.offset, depth + 1) for one in holding}
        leaf = min(holding, key=lambda one: (fit[one], one.bits > 0))  # of equals the first
        inside = [one for one in members if offset <= one.offset and one.offset + one.size <= end and not one.bits]
        if self._size and fit[leaf] > self._size == sum(one.size for one in inside):
            return _joined(inside)  # a union's larger member holds it, the smaller ones are it
        if leaf.bits:
            return _joined([one for one in holding if one.bits and one.offset == leaf.offset])
        return "." + leaf.name + self.path(leaf.type, offset - leaf.offset, depth + 1)

    def _element(self, entry: Entry, offset: int, depth: int) -> str:
        """`[2]` and on; `[2..3]` where several are touched at once."""
        bounds, size = self._debug._bounds(entry), self._debug._size(entry.type, 0)
        if not size or not bounds:
            return ""
        first, last = offset // size, (offset + max(1, self._size) - 1) // size
        indices: List[str] = []
        rest = first
        for count in reversed(bounds[1:]):
            indices.insert(0, f"[{rest % count}]" if count else "[?]")
            rest = rest // count if count else 0
        if first == last:
            return f"[{rest}]" + "".join(indices) + self.path(entry.type, offset - first * size, depth + 1)
        return f"[{first}..{last}]" if len(bounds) == 1 else f"[{rest}]" + "".join(indices)

    def _leaf(self, place: int, offset: int, depth: int) -> int:
        """The size of what lies innermost there: of a union, the member that fits best is the smallest that holds it."""
        self._steps += 1
        kind, entry = self._debug._plain(place)
        if not kind or depth > DEPTH_MAX or self._steps > STEPS_MAX:
            return 1 << 32
        size = self._debug._size(place, 0)
        if entry.tag == ARRAY:
            inner = self._debug._size(entry.type, 0)
            if inner and offset % inner + max(1, self._size) <= inner:
                return self._leaf(entry.type, offset % inner, depth + 1)
        elif entry.tag in RECORDS:
            end = offset + max(1, self._size)
            inside = [self._leaf(one.type, offset - one.offset, depth + 1) for one in self._debug._members(kind)
                      if one.offset <= offset and end <= one.offset + one.size]
            return min(inside, default=size)
        return size

    def _several(self, entry: Entry, members: Sequence[_Member], offset: int, end: int) -> str:
        """Nothing holds it all: the whole, or the members that it touches."""
        touched = [one for one in members if one.offset < end and offset < one.offset + one.size]
        whole = not offset and end >= entry.size
        return "" if whole or not touched else _joined(touched)


def _joined(members: Sequence[_Member]) -> str:
    names = list(dict.fromkeys(one.name for one in members))
    if len(names) == 1:
        return "." + names[0]
    return ".{" + ", ".join(names[:3]) + (", ..." if len(names) > 3 else "") + "}"


@functools.lru_cache(maxsize=8)
def read(image: PeImage) -> Optional[Debug]:
    """The debug information of an image; None where there is none, or none that makes sense."""
    sections = {one.name: image.data[one.offset:one.offset + min(one.size, one.file_size)] for one in image.sections}
    return of_sections(sections, image.base, image.size)


def of_sections(sections: Mapping[str, bytes], base: int = 0, limit: int = 0) -> Optional[Debug]:
    """The same of sections by name.  Those of one object need no relocation: what they say of types lies in the same sections.
    `base`, `limit`: where variables may lie; an object's lie nowhere yet."""
    info, kinds = sections.get(".debug_info", b""), sections.get(".debug_abbrev", b"")
    if not info or not kinds:
        return None
    entries: Dict[int, Entry] = {}
    place = 0
    while place + 11 <= len(info):
        length, version, table, width = struct.unpack_from("<IHIB", info, place)
        end = min(len(info), place + 4 + length)
        if version in (2, 3, 4) and width == 4 and length >= 7:
            try:
                _Unit(info, place, end, _kinds(kinds, table), sections.get(".debug_str", b""), entries).read()
            except UNREADABLE:
                pass  # what was read of this unit is kept; the next one begins where its length says
        if end <= place + 4:
            break
        place = end
    try:
        return Debug(entries, base, limit)
    except UNREADABLE:
        return None


def _kinds(data: bytes, place: int) -> Dict[int, Tuple[int, bool, Tuple[Tuple[int, int], ...], int]]:
    """Abbreviations: code -> (tag, has children, (attribute, form)..., bytes of an entry or -1)."""
    found: Dict[int, Tuple[int, bool, Tuple[Tuple[int, int], ...], int]] = {}
    while True:
        code, place = _number(data, place)
        if not code:
            return found
        tag, place = _number(data, place)
        children, place = bool(data[place]), place + 1
        forms: List[Tuple[int, int]] = []
        while True:
            attribute, place = _number(data, place)
            form, place = _number(data, place)
            if not attribute and not form:
                break
            forms.append((attribute, form))
        fixed = sum(FIXED[form] for _, form in forms) if all(form in FIXED for _, form in forms) else -1
        found[code] = (tag, children, tuple(forms), fixed)


def _number(data: bytes, place: int) -> Tuple[int, int]:
    """An unsigned LEB128 number, and what comes behind it."""
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number without an end")


class _Unit:
    """The entries of one compilation unit."""

    def __init__(self, data: bytes, start: int, end: int, kinds: Dict, strings: bytes, entries: Dict[int, Entry]) -> None:
        self._data, self._start, self._end, self._kinds = data, start, end, kinds
        self._strings, self._entries = strings, entries

    def read(self) -> None:
        data, place, end = self._data, self._start + 11, self._end
        parents: List[int] = []
        while place < end:
            own = place
            code = data[place]
            if code < 0x80:
                place += 1
            else:
                code, place = _number(data, place)
            if not code:
                if parents:
                    parents.pop()
                continue
            tag, children, forms, fixed = self._kinds[code]
            if tag in KEPT:
                place = self._entry(own, tag, forms, place, parents[-1] if parents else 0)
            elif fixed >= 0:
                place += fixed
            else:
                for _, form in forms:
                    place = self._skip(form, place)
            if children:
                parents.append(own)

    def _entry(self, own: int, tag: int, forms: Sequence[Tuple[int, int]], place: int, parent: int) -> int:
        entry = Entry(tag, parent=parent)
        for attribute, form in forms:
            if attribute not in WANTED:
                place = self._skip(form, place)
                continue
            value, place = self._value(form, place)
            if attribute == NAME:
                entry.name = printable(value) if isinstance(value, bytes) else ""
            elif attribute == LOCATION:
                entry.address = _address(value)
            elif attribute == OFFSET:
                entry.offset = _offset(value)
            elif not isinstance(value, int):
                continue
            elif attribute == TYPE:
                entry.type = value
            elif attribute == SIZE:
                entry.size = value
            elif attribute == COUNT:
                entry.count = value
            elif attribute == UPPER:
                entry.count = value + 1
            elif attribute == VALUE:
                entry.value = value
            elif attribute == BITS:
                entry.bits = value
            elif attribute == SPECIFICATION:
                entry.specification = value
            elif attribute == DECLARATION:
                entry.declared_only = True
        self._entries[own] = entry
        holder = self._entries.get(parent)
        if holder is not None:
            holder.children.append(own)
        return place

    def _value(self, form: int, place: int) -> "Tuple[int | bytes, int]":
        data = self._data
        if form == STRING_AT:
            start = struct.unpack_from("<I", data, place)[0]
            return self._strings[start:self._strings.find(b"\0", start)], place + 4
        if form == STRING:
            end = data.index(b"\0", place)
            return data[place:end], end + 1
        if form == FLAG:
            return 1, place
        if form in FIXED:
            value = int.from_bytes(data[place:place + FIXED[form]], "little")
            return value + (self._start if form in REFERENCES else 0), place + FIXED[form]
        if form == SIGNED:
            value, end = _number(data, place)
            return value - (1 << 7 * (end - place) if data[end - 1] & 0x40 else 0), end
        if form in NUMBERS:
            value, place = _number(data, place)
            return value + (self._start if form == 0x15 else 0), place
        end = self._skip(form, place)
        size = BLOCKS.get(form, 0)
        begin = place + size if size else _number(data, place)[1]
        return data[begin:end], end

    def _skip(self, form: int, place: int) -> int:
        if form in FIXED:
            return place + FIXED[form]
        if form in NUMBERS:
            return _number(self._data, place)[1]
        if form == STRING:
            return self._data.index(b"\0", place) + 1
        if form in COUNTED:
            length, place = _number(self._data, place)
            return place + length
        if form in BLOCKS:
            return place + BLOCKS[form] + int.from_bytes(self._data[place:place + BLOCKS[form]], "little")
        raise ValueError(f"form {form:#x}")


def _address(value: "int | bytes") -> int:
    """Of `DW_OP_addr x`; any other place is none of the image's."""
    return struct.unpack_from("<I", value, 1)[0] if isinstance(value, bytes) and len(value) == 5 and value[0] == AT_ADDRESS else -1


def _offset(value: "int | bytes") -> int:
    if isinstance(value, int):
        return value
    return _number(value, 1)[0] if value[:1] == bytes((PLUS,)) else 0


@functools.lru_cache(maxsize=1 << 14)
def printable(name: bytes) -> str:
    """A name of the debug information: ASCII, short, without a control character."""
    return _ODD.sub("?", name[:NAME_MAX].decode("utf-8", "replace"))


__all__ = ["Debug", "OBJECTS", "Variable", "of_sections", "read"]
