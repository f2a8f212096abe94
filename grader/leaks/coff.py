"""What objects, libraries and images carry beside code: symbols, debug information, time stamps, linker's notes.

Nothing here trusts the file: what makes no sense is no object.
In the books: "COFF", "PE format".
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Collection, Iterator, List, Tuple

from grader.pe import undecorate

I386 = 0x14C
EXTERNAL, STATIC, LABEL, FUNCTION, FILE, WEAK = 2, 3, 6, 101, 103, 105
ARCHIVE = b"!<arch>\n"
IMPORT_HEADER = b"\0\0\xff\xff"
FREE = ("@feat.00", "@comp.id", "@vol.md")  # what tools say of themselves, without a name of ours
DEBUG = -2  # a symbol for debuggers, in no section
DEBUG_DIRECTORY = 6
ADDRESSES, DIRECTIVES = ".llvm_addrsig", ".drectve"
ANONYMOUS = re.compile(r"m\d+")  # what grader/hardened.py calls a local name that a relocation needs
_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_LIBRARIES = re.compile(r"[/-](?:defaultlib|nodefaultlib|failifmismatch):\S+", re.IGNORECASE)
_SIZED = re.compile(r"@\d+$")
_NONE_OF_OURS = re.compile(r"^(defaultlib|nodefaultlib|failifmismatch|guardsym|alternatename|merge|export|include|data|libcmt|oldnames|"
                           r"private|noname|align|comm|nosec|section|[A-Za-z]|lib)$", re.IGNORECASE)


@dataclass(frozen=True)
class Symbol:
    """A name in an object's table."""

    name: str
    section: int
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
        return self.section > 0


@dataclass(frozen=True)
class _Section:
    name: str
    offset: int
    size: int


class _File:
    """One object or image."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.header = struct.unpack_from("<I", data, 0x3C)[0] + 4 if data[:2] == b"MZ" else 0
        machine, count, self.stamp, table, symbols, self.optional, _ = struct.unpack_from("<HHIIIHH", data, self.header)
        if machine != I386 or count > 4096 or table > len(data):
            raise ValueError("no object")
        self.table, self.count = table, symbols if table else 0
        self.strings = table + 18 * self.count
        self.sections = [self._section(number) for number in range(count)]
        if any(one.size and one.offset > len(data) for one in self.sections):
            raise ValueError("no object")

    def _section(self, number: int) -> _Section:
        raw = struct.unpack_from("<8sIIIIIIHHI", self.data, self.header + 20 + self.optional + 40 * number)
        name = raw[0].rstrip(b"\0").decode("latin-1")
        if name.startswith("/") and name[1:].isdigit():
            name = self._string(int(name[1:]))
        return _Section(name, raw[4], raw[3] if not self.header else min(raw[1] or raw[3], raw[3]))

    def _string(self, offset: int) -> str:
        start = self.strings + offset
        return self.data[start:self.data.find(b"\0", start)].decode("latin-1")

    def symbols(self) -> Iterator[Tuple[int, Symbol]]:
        """(index, symbol): auxiliary entries have an index too."""
        number = 0
        while number < self.count:
            name8, value, section, _, kind, more = struct.unpack_from("<8sIhHBB", self.data, self.table + 18 * number)
            name = self._string(struct.unpack_from("<I", name8, 4)[0]) if name8[:4] == b"\0\0\0\0" else name8.rstrip(b"\0").decode("latin-1")
            yield number, Symbol(name, section, kind, value)
            number += 1 + more


def is_code(data: bytes) -> bool:
    """Whether it is an object, an image or a library."""
    return data.startswith(ARCHIVE) or any(True for _ in _files(data))


def symbols_of(data: bytes) -> List[Symbol]:
    """Every name of every object inside."""
    found: List[Symbol] = []
    for one in _files(data):
        try:
            found += [symbol for _, symbol in one.symbols()]
        except (struct.error, IndexError):
            pass  # the strings of a broken table are looked at as bytes
    return found


def findings(data: bytes, public: Collection[str]) -> Iterator[Tuple[str, str]]:
    """(kind, what) of all that an object for students must not carry.  `public`: names that may be shown."""
    if data.startswith(ARCHIVE):
        yield from _stamps_of(data)
    elif data.startswith((b"\x7fELF", IMPORT_HEADER)) and len(data) > 20:
        yield "local", "an object of a form whose tables are not read (ELF, /bigobj)"
    for one in _files(data):
        yield from _of(one, public)


def _of(one: _File, public: Collection[str]) -> Iterator[Tuple[str, str]]:
    if one.stamp:
        yield "stamp", f"{one.stamp:#010x} in the header"
    for section in one.sections:
        if section.name.startswith((".debug", ".zdebug", ".stab")):
            yield "debug", f"{section.name}, {section.size:,} bytes"
        elif section.name == DIRECTIVES:
            words = one.data[section.offset:section.offset + section.size].decode("latin-1")
            for name in dict.fromkeys(_WORD.findall(_bare(_LIBRARIES.sub(" ", words)))):
                if name not in public and not _NONE_OF_OURS.match(name):
                    yield "leftover", f"{DIRECTIVES} names {name}"
    yield from _directory(one)
    try:
        table = dict(one.symbols())
    except (struct.error, IndexError):
        yield "local", "a table of symbols that cannot be read"
        return
    sections = {section.name for section in one.sections}
    locals_of = {}
    for number, symbol in table.items():
        if symbol.kind == FILE:
            yield "file-symbol", symbol.name if symbol.name != ".file" else _file_name(one, number)
        elif symbol.name in FREE or symbol.name in sections and symbol.kind == STATIC and not symbol.value:
            continue
        elif symbol.kind in (STATIC, LABEL, FUNCTION) or symbol.section == DEBUG or "?A0x" in symbol.name:
            locals_of[number] = symbol.name
            if not ANONYMOUS.fullmatch(symbol.name):
                yield "local", symbol.name
    for section in one.sections:
        if section.name == ADDRESSES:
            for number in _numbers(one.data[section.offset:section.offset + section.size]):
                if number not in table or number in locals_of:
                    yield "leftover", f"{ADDRESSES} speaks of {locals_of.get(number, f'symbol {number}, which is not there')}"


def _directory(one: _File) -> Iterator[Tuple[str, str]]:
    """An image's debug directory: its kinds, time stamps, the path of the .pdb."""
    if not one.header or one.optional < 96 + 8 * (DEBUG_DIRECTORY + 1):
        return
    rva, size = struct.unpack_from("<II", one.data, one.header + 20 + 96 + 8 * DEBUG_DIRECTORY)
    if rva and size:
        yield "debug", f"a debug directory of {size} bytes"


def _bare(words: str) -> str:
    """Directives without the decoration of names: `/export:_KeSetEvent@12`."""
    return " ".join(_SIZED.sub("", part.strip('"')).lstrip("_@") for part in re.split(r"[\s:,=]+", words))


def _file_name(one: _File, number: int) -> str:
    start = one.table + 18 * (number + 1)
    return one.data[start:start + 18].rstrip(b"\0").decode("latin-1")


def _numbers(data: bytes) -> Iterator[int]:
    """ULEB128 numbers."""
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value
            value = shift = 0


def _members(data: bytes) -> Iterator[Tuple[str, int, bytes]]:
    place = len(ARCHIVE)
    while place + 60 <= len(data):
        header = data[place:place + 60]
        try:
            size, stamp = int(header[48:58]), int(header[16:28].strip() or b"0")
        except ValueError:
            return
        yield header[:16].decode("latin-1").strip(), stamp, data[place + 60:place + 60 + size]
        place += 60 + size + size % 2


def _stamps_of(data: bytes) -> Iterator[Tuple[str, str]]:
    for name, stamp, content in _members(data):
        if stamp:
            yield "stamp", f"{stamp} of the member {name}"
        if content[:4] == IMPORT_HEADER and len(content) >= 20 and struct.unpack_from("<I", content, 8)[0]:
            yield "stamp", f"{struct.unpack_from('<I', content, 8)[0]:#010x} of an import in {name}"


def _files(data: bytes) -> Iterator[_File]:
    """The objects inside: the file itself, or a library's members."""
    parts = [content for _, _, content in _members(data)] if data.startswith(ARCHIVE) else [data]
    for part in parts:
        if part[:2] in (struct.pack("<H", I386), b"MZ"):
            try:
                yield _File(part)
            except (struct.error, ValueError, IndexError):
                continue
