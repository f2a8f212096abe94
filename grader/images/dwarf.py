"""Variables and types of an image, from its debug information: what lies at an offset of a variable, by name.

Invariants
  * The image's file is asked, never guest memory.  An image without debug information has no variables: callers fall
    back to symbols.
  * Nothing that is read is trusted (dwarfentries.py): no loop follows a type without an end, and a section that makes no sense
    is as good as none.
In the books: "symbol files".  TOL-07.  In the format's document: "DWARF 4", chapters 4 and 5.
"""

from __future__ import annotations

import bisect
import functools
from dataclasses import dataclass
from typing import Dict, Iterator, List, Mapping, Optional, Tuple

from grader.images.dwarfentries import (ARRAY, ENUMERATION, ENUMERATOR, PACK, PARAMETER, POINTER, RECORDS, UNREADABLE, VARIABLE,
                                        Entry, entries_of)
from grader.images.dwarfpath import Walk
from grader.images.dwarftypes import DEPTH_MAX, Types
from grader.images.pe import PeImage

ELEMENTS_MAX = 1 << 16


@dataclass(frozen=True)
class Variable:
    """A variable with a place in the image.  `scope`: `SpinLockOrders`, of a static member."""

    name: str
    scope: str
    rva: int
    size: int
    type: int


class Debug:
    """The debug information of one image."""

    def __init__(self, entries: Dict[int, Entry], base: int, limit: int) -> None:
        self._entries = entries
        self._types = Types(entries)
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
        return self._types.whole.get(name, 0)

    def size(self, place: int) -> int:
        """Bytes of a type; 0 where that is unknown."""
        return self._types.size(place)

    def target(self, place: int) -> int:
        """What a pointer points to, or 0."""
        kind, entry = self._types.plain(place)
        return self._types.plain(entry.type)[0] if kind and entry.tag == POINTER else 0

    def elements(self, place: int) -> Tuple[int, int]:
        """(type, number) of an array's elements; of anything else (type, 1)."""
        kind, entry = self._types.plain(place)
        if not kind or entry.tag != ARRAY:
            return place, 1
        inner = self._types.size(entry.type)
        return entry.type, min(ELEMENTS_MAX, self._types.size(kind) // inner) if inner else 0

    def path(self, place: int, offset: int, size: int = 0) -> str:
        """`.Header.SignalState`, `[2].Next`: the innermost member that holds `size` bytes from an offset of a type.
        Empty for the whole.  Without a size: the object that stands there (a lock, an event), else the innermost."""
        try:
            return Walk(self._types, size).path(place, offset)
        except UNREADABLE:
            return ""

    def instances(self, template: str) -> Dict[str, List[int]]:
        """Variables whose type is made from a template of types: name -> the types that it was made with."""
        found: Dict[str, List[int]] = {}
        for entry in self._entries.values():
            kind = self._types.plain(entry.type)[1] if entry.tag == VARIABLE and entry.name else Entry(0)
            if kind.tag in RECORDS and kind.name.startswith(template + "<"):
                found[entry.name] = [self._types.plain(one.type)[0] for one in self._parameters(kind, 0)]
        return found

    def name(self, place: int) -> str:
        """The name of a type as it was declared; empty where it has none."""
        return self._types.plain(place)[1].name

    def fields(self, place: int) -> List[Tuple[str, int, int]]:
        """(name, offset, size) of a structure's members as declared, without bit-fields, which have no offset."""
        kind, entry = self._types.plain(place)
        return [(one.name, one.offset, one.size) for one in self._types.members(kind) if not one.bits] if entry.tag in RECORDS else []

    def values(self, place: int) -> List[Tuple[str, int]]:
        """(name, value) of an enumeration's enumerators."""
        _, entry = self._types.plain(place)
        named = [self._entries[child] for child in entry.children] if entry.tag == ENUMERATION else []
        return [(one.name, one.value) for one in named if one.tag == ENUMERATOR]

    def siblings(self) -> Dict[str, Tuple[str, ...]]:
        """Member -> the next and the last member of its type in each structure that has such a one: what it is mistaken for."""
        found: Dict[str, List[str]] = {}
        for place in self._types.whole.values():
            kinds: Dict[int, List[str]] = {}
            for one in self._types.members(place):
                kinds.setdefault(self._types.plain(one.type)[0], []).append(one.name)
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

    def _variable(self, entry: Entry, rva: int) -> Variable:
        declared = self._entries.get(entry.specification, entry)
        holder = self._entries.get(declared.parent)
        scope = holder.name if holder is not None and holder.tag in RECORDS else ""
        kind = entry.type or declared.type
        # An array without a bound in its declaration has it in its definition, and the reverse.
        size = self._types.size(kind) or self._types.size(declared.type)
        return Variable(entry.name or declared.name, scope, rva, size, kind)


@functools.lru_cache(maxsize=8)
def read(image: PeImage) -> Optional[Debug]:
    """The debug information of an image; None where there is none, or none that makes sense."""
    sections = {one.name: image.data[one.offset:one.offset + min(one.size, one.file_size)] for one in image.sections}
    return of_sections(sections, image.base, image.size)


def of_sections(sections: Mapping[str, bytes], base: int = 0, limit: int = 0) -> Optional[Debug]:
    """The same of sections by name.  Those of one object need no relocation: what they say of types lies in the same sections.
    `base`, `limit`: where variables may lie; an object's lie nowhere yet."""
    entries = entries_of(sections)
    try:
        return Debug(entries, base, limit) if entries is not None else None
    except UNREADABLE:
        return None
