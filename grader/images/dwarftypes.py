"""Types in debug information: what they are beneath their names, how large, and of which members.

Invariants
  * Types are not trusted: none is followed without an end, and no structure has members without number.
In the books: "symbol files".  TOL-07.  In the format's document: "DWARF 4", chapter 5.
"""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import Dict, Iterator, List, Tuple

from grader.images.dwarfentries import ARRAY, INHERITANCE, MEMBER, POINTER, RECORDS, SUBRANGE, TRANSPARENT, Entry

POINTER_SIZE = 4
DEPTH_MAX, MEMBERS_MAX = 24, 1000


@dataclass(frozen=True)
class Member:
    """A member with a name, at its place in the structure that is looked at."""

    name: str
    offset: int
    size: int
    type: int
    bits: int


class Types:
    """The types among the entries of one image.  A type is named by the place of its entry."""

    def __init__(self, entries: Dict[int, Entry]) -> None:
        self._entries = entries
        self._flat: Dict[int, List[Member]] = {}
        self.whole: Dict[str, int] = {}  # the complete definition of a structure, by name
        for place, entry in entries.items():
            if entry.tag in RECORDS and entry.name and not entry.declared_only and entry.size > 0:
                self.whole.setdefault(entry.name, place)

    def size(self, place: int) -> int:
        """Bytes of a type; 0 where that is unknown."""
        return self._size(place, 0)

    def plain(self, place: int) -> Tuple[int, Entry]:
        """A type without typedef, const and volatile; a declared structure becomes its definition."""
        for _ in range(DEPTH_MAX):
            entry = self._entries.get(place)
            if entry is None:
                break
            if entry.tag not in TRANSPARENT:
                if entry.tag in RECORDS and entry.declared_only and entry.name in self.whole:
                    place = self.whole[entry.name]
                    entry = self._entries[place]
                return place, entry
            place = entry.type
        return 0, Entry(0)

    def bounds(self, entry: Entry) -> List[int]:
        """How many elements each dimension of an array has."""
        return [max(0, self._entries[child].count) for child in entry.children if self._entries[child].tag == SUBRANGE]

    def members(self, place: int) -> List[Member]:
        """Members with names; those of bases, anonymous structures and unions stand for themselves."""
        if place not in self._flat:
            self._flat[place] = []  # a structure inside itself has no members there
            self._flat[place] = list(itertools.islice(self._listed(self._entries[place]), MEMBERS_MAX))
        return self._flat[place]

    def _listed(self, entry: Entry) -> Iterator[Member]:
        for child in entry.children:
            member = self._entries[child]
            if member.tag not in (MEMBER, INHERITANCE) or member.declared_only:
                continue
            kind, inner = self.plain(member.type)
            if not member.name and inner.tag in RECORDS:
                for one in self.members(kind):
                    yield dataclasses.replace(one, offset=one.offset + member.offset)
            elif member.name:
                size = member.size if member.bits and member.size > 0 else self.size(member.type)
                yield Member(member.name, member.offset, size, member.type, member.bits)

    def _size(self, place: int, depth: int) -> int:
        kind, entry = self.plain(place)
        if not kind or depth > DEPTH_MAX:
            return 0
        if entry.tag == ARRAY:
            total = self._size(entry.type, depth + 1)
            for count in self.bounds(entry):
                total *= count
            return total if 0 <= total < 1 << 32 else 0
        if entry.tag == POINTER:
            return POINTER_SIZE
        return max(0, entry.size)
