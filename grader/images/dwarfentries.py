"""The entries of debug information, read from the sections of an image or an object.

Invariants
  * A student's object brings debug information of its own, so nothing here is trusted: every name is cut and made printable, every
    number ends, and a unit that makes no sense ends there.
In the format's document: "DWARF 4", chapter 7.
"""

from __future__ import annotations

import functools
import re
import struct
from dataclasses import dataclass, field
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

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
NAME_MAX = 80
UNREADABLE = (LookupError, struct.error, ValueError, RecursionError, MemoryError)
_ODD = re.compile(r"[^\w$~:<>,*&()\[\] +-]", re.ASCII)


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


def entries_of(sections: Mapping[str, bytes]) -> Optional[Dict[int, Entry]]:
    """The entries of all units, by where they stand; None where there is no debug information."""
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
    return entries


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
