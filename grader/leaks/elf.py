"""ELF objects, which the boot loader is made of: what of their tables an object for students must not carry.

Only 32-bit little-endian relocatable files: the loader's.  In the books: none; the public specification of the format.
"""

from __future__ import annotations

import struct
from typing import Iterator, List, NamedTuple, Tuple

MAGIC = b"\x7fELF\x01\x01"  # 32 bits, little-endian
HEADER, SECTION, SYMBOL = struct.Struct("<16sHHIIIIIHHHHHH"), struct.Struct("<10I"), struct.Struct("<IIIBBH")
TABLE_OF_SYMBOLS = 2
GLOBAL, WEAK, OF_SECTION, OF_FILE = 1, 2, 3, 4  # bindings; types


class ElfError(Exception):
    """A table that cannot be read."""


class _Section(NamedTuple):
    name: str
    kind: int
    data: bytes
    link: int


def findings(data: bytes) -> Iterator[Tuple[str, str]]:
    """(kind, what): local names, names of sources, debug information, tables that cannot be read."""
    try:
        sections = _sections(data)
        for section in sections:
            if section.name.startswith((".debug", ".zdebug", ".stab", ".rel.debug")):
                yield "debug", f"{section.name}, {len(section.data):,} bytes"
            elif section.name in (".comment", ".note.gnu.build-id", ".note"):
                yield "leftover", f"{section.name}, {len(section.data):,} bytes"
        for section in sections:
            if section.kind == TABLE_OF_SYMBOLS:
                yield from _symbols(section, sections)
    except (ElfError, struct.error, IndexError) as error:
        yield "local", f"an ELF object whose tables cannot be read ({error})"


def _symbols(table: _Section, sections: "List[_Section]") -> Iterator[Tuple[str, str]]:
    names = sections[table.link].data
    for place in range(SYMBOL.size, len(table.data), SYMBOL.size):  # the first one is nobody's
        name_at, _, _, info, _, _ = SYMBOL.unpack_from(table.data, place)
        name, kind = _text(names, name_at), info & 15
        if kind == OF_FILE:
            yield "file-symbol", name
        elif info >> 4 not in (GLOBAL, WEAK) and kind != OF_SECTION:
            yield "local", name


def _sections(data: bytes) -> "List[_Section]":
    if not data.startswith(MAGIC):
        raise ElfError("another form of ELF")
    fields = HEADER.unpack_from(data)
    at, size, count, names_in = fields[6], fields[11], fields[12], fields[13]
    if size != SECTION.size or at + size * count > len(data) or not count:
        raise ElfError("no table of sections")
    raw = [SECTION.unpack_from(data, at + size * number) for number in range(count)]
    if any(one[1] != 8 and one[4] + one[5] > len(data) for one in raw):  # 8: zeros, which the file does not have
        raise ElfError("a section behind the file's end")
    texts = data[raw[names_in][4]:raw[names_in][4] + raw[names_in][5]]
    return [_Section(_text(texts, one[0]), one[1], b"" if one[1] == 8 else data[one[4]:one[4] + one[5]], one[6]) for one in raw]


def _text(table: bytes, at: int) -> str:
    end = table.find(b"\0", at)
    if not 0 <= at < len(table) or end < 0:
        raise ElfError("a name behind its table")
    return table[at:end].decode("latin-1")
