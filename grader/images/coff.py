"""The one reader of COFF tables: what sections and symbols an object, or an image that a linker made of objects, has.

Invariant: it trusts no file.  What makes no sense raises CoffError, be it the header, a section or a single name; nothing is
guessed and nothing is left out.
In the books: "COFF", "PE format".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Iterator, List

from grader.errors import GraderError
from grader.images.pe import undecorate

I386 = 0x14C
EXTERNAL, STATIC, LABEL, FUNCTION, FILE, WEAK = 2, 3, 6, 101, 103, 105
CODE, COMDAT = 0x20, 0x1000
IMAGE = b"MZ"
_HEADER, _SECTION, _SYMBOL = 20, 40, 18  # bytes of each


class CoffError(GraderError):
    """The file is no object or image, or a damaged one."""

    def __init__(self, what: str) -> None:
        super().__init__(f"no object file that can be read: {what}; build it again")


@dataclass(frozen=True)
class Section:
    """A section: `size` is that of its content in the file."""

    name: str
    flags: int
    offset: int
    size: int


@dataclass(frozen=True)
class Symbol:
    """A name in an object's table."""

    name: str
    section: int  # counted from 1; 0: none, or room that the linker makes; below 0: an absolute value, or for debuggers
    kind: int
    value: int

    @property
    def plain(self) -> str:
        return undecorate(self.name)

    @property
    def external(self) -> bool:
        return self.kind in (EXTERNAL, WEAK)

    @property
    def defined(self) -> bool:
        """It lies in a section of this file."""
        return self.section > 0

    @property
    def demanded(self) -> bool:
        """Another file must define it.  A value without a section is a size: the linker makes room (a common symbol)."""
        return self.kind == EXTERNAL and self.section == 0 and self.value == 0


class CoffFile:
    """One object or image."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        try:
            self.header = struct.unpack_from("<I", data, 0x3C)[0] + 4 if data[:2] == IMAGE else 0  # behind the signature
            machine, count, self.stamp, table, symbols, self.optional, _ = struct.unpack_from("<HHIIIHH", data, self.header)
            if machine != I386 or max(table, self.header + _HEADER + self.optional) > len(data):
                raise CoffError("its header makes no sense")
            self.table, self._count = table, symbols if table else 0
            self._strings = table + _SYMBOL * self._count
            self.sections: List[Section] = [self._section(number) for number in range(count)]
        except struct.error as error:
            raise CoffError("it ends within its header") from error

    def _section(self, number: int) -> Section:
        raw = struct.unpack_from("<8sIIIIIIHHI", self.data, self.header + _HEADER + self.optional + _SECTION * number)
        name = raw[0].rstrip(b"\0").decode("latin-1")
        if name.startswith("/") and name[1:].isdigit() and self.table:
            name = self._string(int(name[1:]))
        size = min(raw[1] or raw[3], raw[3]) if self.header else raw[3]
        if size and raw[4] > len(self.data):
            raise CoffError(f"section {number + 1} lies outside")
        return Section(name, raw[9], raw[4], size)

    def _string(self, offset: int) -> str:
        start = self._strings + offset
        end = self.data.find(b"\0", start)
        if end < 0:
            raise CoffError("a name lies outside")
        return self.data[start:end].decode("latin-1")

    def content(self, section: Section) -> bytes:
        return self.data[section.offset:section.offset + section.size]

    def numbered(self) -> Iterator["tuple[int, Symbol]"]:
        """(index, symbol): auxiliary entries have an index too."""
        number = 0
        while number < self._count:
            try:
                name8, value, section, _, kind, more = struct.unpack_from("<8sIhHBB", self.data, self.table + _SYMBOL * number)
            except struct.error as error:
                raise CoffError("it ends within its table of symbols") from error
            name = self._string(struct.unpack_from("<I", name8, 4)[0]) if name8[:4] == b"\0\0\0\0" else name8.rstrip(b"\0").decode("latin-1")
            yield number, Symbol(name, section, kind, value)
            number += 1 + more

    def auxiliary(self, number: int) -> bytes:
        """The entry behind symbol `number`, which tells more of it."""
        start = self.table + _SYMBOL * (number + 1)
        return self.data[start:start + _SYMBOL]

    def symbols(self) -> List[Symbol]:
        return [symbol for _, symbol in self.numbered()]
