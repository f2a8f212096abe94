"""What objects, libraries and images carry beside code: symbols, debug information, time stamps, linker's notes.

grader/images/coff.py reads the tables, and refuses those that make no sense: then the file is no object, and its bytes are looked at.
In the books: "COFF", "PE format".
"""

from __future__ import annotations

import re
import struct
from typing import Collection, Iterator, List, Tuple

from grader.images.coff import FILE, FUNCTION, I386, IMAGE, LABEL, STATIC, CoffError, CoffFile, Symbol
from grader.leaks import elf

ARCHIVE = b"!<arch>\n"
IMPORT_HEADER = b"\0\0\xff\xff"
FREE = ("@feat.00", "@comp.id", "@vol.md")  # what tools say of themselves, without a name of ours
DEBUG = -2  # a symbol for debuggers, in no section
DEBUG_DIRECTORY = 6
ADDRESSES, DIRECTIVES = ".llvm_addrsig", ".drectve"
ANONYMOUS = re.compile(r"m\d+")  # what grader/handout/hardened.py calls a local name that a relocation needs
_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_LIBRARIES = re.compile(r"[/-](?:defaultlib|nodefaultlib|failifmismatch):\S+", re.IGNORECASE)
_SIZED = re.compile(r"@\d+$")
_NONE_OF_OURS = re.compile(r"^(defaultlib|nodefaultlib|failifmismatch|guardsym|alternatename|merge|export|include|data|libcmt|oldnames|"
                           r"private|noname|align|comm|nosec|section|[A-Za-z]|lib)$", re.IGNORECASE)


def is_code(data: bytes) -> bool:
    """Whether it is an object, an image or a library."""
    return data.startswith(ARCHIVE) or any(True for _ in _files(data))


def symbols_of(data: bytes) -> List[Symbol]:
    """Every name of every object inside."""
    found: List[Symbol] = []
    for one in _files(data):
        try:
            found += one.symbols()
        except CoffError:
            pass  # the strings of a broken table are looked at as bytes
    return found


def findings(data: bytes, public: Collection[str]) -> Iterator[Tuple[str, str]]:
    """(kind, what) of all that an object for students must not carry.  `public`: names that may be shown."""
    if data.startswith(ARCHIVE):
        yield from _stamps_of(data)
    elif data.startswith(b"\x7fELF"):
        yield from elf.findings(data)
    elif data.startswith(IMPORT_HEADER) and len(data) > 20:
        yield "local", "an object of a form whose tables are not read (/bigobj)"
    for one in _files(data):
        yield from _of(one, public)


def _of(one: CoffFile, public: Collection[str]) -> Iterator[Tuple[str, str]]:
    if one.stamp:
        yield "stamp", f"{one.stamp:#010x} in the header"
    for section in one.sections:
        if section.name.startswith((".debug", ".zdebug", ".stab")):
            yield "debug", f"{section.name}, {section.size:,} bytes"
        elif section.name == DIRECTIVES:
            words = one.content(section).decode("latin-1")
            for name in dict.fromkeys(_WORD.findall(_bare(_LIBRARIES.sub(" ", words)))):
                if name not in public and not _NONE_OF_OURS.match(name):
                    yield "leftover", f"{DIRECTIVES} names {name}"
    yield from _directory(one)
    try:
        table = dict(one.numbered())
    except CoffError:
        yield "local", "a table of symbols that cannot be read"
        return
    sections = {section.name for section in one.sections}
    locals_of = {}
    for number, symbol in table.items():
        if symbol.kind == FILE:
            yield "file-symbol", symbol.name if symbol.name != ".file" else one.auxiliary(number).rstrip(b"\0").decode("latin-1")
        elif symbol.name in FREE or symbol.name in sections and symbol.kind == STATIC and not symbol.value:
            continue
        elif symbol.kind in (STATIC, LABEL, FUNCTION) or symbol.section == DEBUG or "?A0x" in symbol.name:
            locals_of[number] = symbol.name
            if not ANONYMOUS.fullmatch(symbol.name):
                yield "local", symbol.name
    for section in one.sections:
        if section.name == ADDRESSES:
            for number in _numbers(one.content(section)):
                if number not in table or number in locals_of:
                    yield "leftover", f"{ADDRESSES} speaks of {locals_of.get(number, f'symbol {number}, which is not there')}"


def _directory(one: CoffFile) -> Iterator[Tuple[str, str]]:
    """An image's debug directory: its kinds, time stamps, the path of the .pdb."""
    if not one.header or one.optional < 96 + 8 * (DEBUG_DIRECTORY + 1):
        return
    rva, size = struct.unpack_from("<II", one.data, one.header + 20 + 96 + 8 * DEBUG_DIRECTORY)
    if rva and size:
        yield "debug", f"a debug directory of {size} bytes"


def _bare(words: str) -> str:
    """Directives without the decoration of names: `/export:_KeSetEvent@12`."""
    return " ".join(_SIZED.sub("", part.strip('"')).lstrip("_@") for part in re.split(r"[\s:,=]+", words))


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


def _files(data: bytes) -> Iterator[CoffFile]:
    """The objects inside: the file itself, or a library's members."""
    parts = [content for _, _, content in _members(data)] if data.startswith(ARCHIVE) else [data]
    for part in parts:
        if part[:2] in (struct.pack("<H", I386), IMAGE):
            try:
                yield CoffFile(part)
            except CoffError:
                continue
