"""PE images read from the host: sections, relocations, imports' addresses, COFF symbols.

Invariants: an image is read from its file once and never changes; every address here is an RVA (offset from the base)
unless a routine takes a base.  Names are the source's: `_KeSetEvent@12` and `@KfAcquire@4` lose their decoration.
In the books: "PE format", "relocation", "section padding".  BOO-01, BOO-02, BOO-03.
"""

from __future__ import annotations

import functools
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, FrozenSet, List, Tuple, Union

from grader.errors import GraderError

WRITABLE, EXECUTABLE, DISCARDABLE = 0x80000000, 0x20000000, 0x02000000
EXPORT_DIRECTORY, RELOCATION_DIRECTORY, DEBUG_DIRECTORY, IMPORT_ADDRESS_DIRECTORY = 0, 5, 6, 12
RELOCATION_HIGHLOW = 3
EXTERNAL, STATIC = 2, 3
_MANGLED = re.compile(r"^\?([A-Za-z_]\w*)@((?:(?:[A-Za-z_]\w*|\?A0x\w+)@)*)@")
_DECORATED = re.compile(r"^[@_]?([A-Za-z_$][\w$]*?)(?:@\d+)?$")


@dataclass(frozen=True)
class Section:
    """One section: where it lies in the file and in memory."""

    name: str
    rva: int
    size: int
    offset: int
    file_size: int
    flags: int

    @property
    def writable(self) -> bool:
        return bool(self.flags & WRITABLE)


@dataclass(frozen=True)
class Symbol:
    """A routine or variable of an image."""

    name: str
    rva: int
    section: int
    external: bool


@dataclass(frozen=True)
class PeImage:
    """One image file."""

    path: Path
    data: bytes
    base: int
    size: int
    entry: int
    header_size: int
    sections: Tuple[Section, ...]
    directories: Tuple[Tuple[int, int], ...]

    @staticmethod
    @functools.lru_cache(maxsize=64)
    def _load(path: Path, stamp: Tuple[int, int]) -> "PeImage":
        try:
            return _parse(path, path.read_bytes())
        except (struct.error, IndexError) as error:
            raise GraderError(f"{path.name} is not a 32-bit PE image ({error})") from error

    @staticmethod
    def load(path: Path) -> "PeImage":
        """Read an image; the parsed form is shared as long as the file does not change."""
        try:
            status = path.stat()
        except OSError as error:
            raise GraderError(f"no image {path.name}: build the kernel first") from error
        return PeImage._load(path, (status.st_mtime_ns, status.st_size))

    def layout(self) -> bytes:
        """The image as a loader lays it out in memory, at its preferred base."""
        memory = bytearray(self.size)
        memory[:self.header_size] = self.data[:self.header_size]
        for section in self.sections:
            part = self.data[section.offset:section.offset + min(section.file_size, section.size)]
            memory[section.rva:section.rva + len(part)] = part
        return bytes(memory)

    def relocated(self, base: int) -> bytes:
        """`layout` with every relocation applied for that base."""
        memory = bytearray(self.layout())
        delta = base - self.base
        if delta:
            for rva in self.relocations():
                value = struct.unpack_from("<I", memory, rva)[0]
                struct.pack_into("<I", memory, rva, (value + delta) & 0xFFFFFFFF)
        return bytes(memory)

    def relocations(self) -> List[int]:
        """RVAs of the 32-bit words that hold addresses."""
        rva, size = self.directories[RELOCATION_DIRECTORY]
        data = self.at(rva, size) if size else b""
        found: List[int] = []
        position = 0
        while position + 8 <= len(data):
            page, block = struct.unpack_from("<II", data, position)
            if block < 8:
                break
            for (entry,) in struct.iter_unpack("<H", data[position + 8:position + block]):
                if entry >> 12 == RELOCATION_HIGHLOW:
                    found.append(page + (entry & 0xFFF))
            position += block
        return found

    def at(self, rva: int, size: int) -> bytes:
        """Bytes of the laid-out image."""
        for section in self.sections:
            if section.rva <= rva < section.rva + max(section.size, section.file_size):
                start = section.offset + rva - section.rva
                stored = max(0, min(size, section.file_size - (rva - section.rva)))
                return self.data[start:start + stored] + bytes(size - stored)
        return self.data[rva:rva + size] if rva < self.header_size else bytes(size)

    def text(self, rva: int, limit: int = 256) -> str:
        return self.at(rva, limit).split(b"\0")[0].decode("ascii", "replace")

    @functools.cached_property
    def exports(self) -> FrozenSet[str]:
        """The names that other images can import."""
        return frozenset(self.export_table)

    @functools.cached_property
    def export_table(self) -> Dict[str, Union[int, str]]:
        """Where each of these names leads: to an RVA, or on to another image (a forwarder's text, `ntoskrnl.KeSetEvent`)."""
        rva, size = self.directories[EXPORT_DIRECTORY]
        if size < 40:
            return {}
        functions, names, functions_at, names_at, ordinals_at = struct.unpack("<IIIII", self.at(rva + 20, 20))
        names, functions = min(names, 1 << 16), min(functions, 1 << 16)
        leads = [each for (each,) in struct.iter_unpack("<I", self.at(functions_at, 4 * functions))]
        found: Dict[str, Union[int, str]] = {}
        for (name,), (ordinal,) in zip(struct.iter_unpack("<I", self.at(names_at, 4 * names)),
                                       struct.iter_unpack("<H", self.at(ordinals_at, 2 * names))):
            lead = leads[ordinal] if ordinal < len(leads) else 0
            found[self.text(name)] = self.text(lead) if rva <= lead < rva + size else lead
        return found

    @functools.cached_property
    def symbols(self) -> Dict[str, Symbol]:
        """Every named routine and variable; an external name wins over a static one of the same name."""
        found: Dict[str, Symbol] = {}
        for symbol in _coff_symbols(self):
            known = found.get(symbol.name)
            if known is None or (symbol.external and not known.external):
                found[symbol.name] = symbol
        return found

    @functools.cached_property
    def by_address(self) -> Tuple[Symbol, ...]:
        """Symbols sorted by address, for lookups of the nearest one below."""
        return tuple(sorted(_coff_symbols(self), key=lambda symbol: (symbol.rva, not symbol.external)))


def undecorate(name: str) -> str:
    """`_KeSetEvent@12`, `@KfLowerIrql@4`, `?Find@Table@nt@@QAE...` -> KeSetEvent, KfLowerIrql, nt::Table::Find."""
    if name.startswith("?"):
        match = _MANGLED.match(name)
        if not match:
            return name
        scopes = [part for part in match.group(2).split("@") if part and not part.startswith("?A0x")]
        return "::".join([*reversed(scopes), match.group(1)])
    match = _DECORATED.match(name)
    return match.group(1) if match else name


def _parse(path: Path, data: bytes) -> PeImage:
    header = struct.unpack_from("<I", data, 0x3C)[0]
    if data[:2] != b"MZ" or data[header:header + 4] != b"PE\0\0":
        raise GraderError(f"{path.name} is not a PE image")
    count, optional_size = struct.unpack_from("<H", data, header + 6)[0], struct.unpack_from("<H", data, header + 20)[0]
    optional = header + 24
    if struct.unpack_from("<H", data, optional)[0] != 0x10B:
        raise GraderError(f"{path.name} is not a 32-bit PE image")
    entry = struct.unpack_from("<I", data, optional + 16)[0]
    base = struct.unpack_from("<I", data, optional + 28)[0]
    size, header_size = struct.unpack_from("<II", data, optional + 56)
    directory_count = min(16, struct.unpack_from("<I", data, optional + 92)[0])
    directories = [struct.unpack_from("<II", data, optional + 96 + 8 * n) for n in range(directory_count)]
    directories += [(0, 0)] * (16 - directory_count)
    strings = _string_table(data, header)
    sections = []
    for n in range(count):
        raw = struct.unpack_from("<8sIIIIIIHHI", data, optional + optional_size + 40 * n)
        name = raw[0].rstrip(b"\0").decode("ascii", "replace")
        if name.startswith("/") and name[1:].isdigit():
            name = _string(strings, int(name[1:]))
        sections.append(Section(name, raw[2], raw[1], raw[4], raw[3], raw[9]))
    return PeImage(path, data, base, size, entry, header_size, tuple(sections), tuple(directories))


def _string_table(data: bytes, header: int) -> bytes:
    offset, count = struct.unpack_from("<II", data, header + 12)
    if not offset:
        return b""
    start = offset + 18 * count
    size = struct.unpack_from("<I", data, start)[0] if start + 4 <= len(data) else 0
    return data[start:start + size]


def _string(strings: bytes, offset: int) -> str:
    return strings[offset:strings.find(b"\0", offset)].decode("utf-8", "replace")


def _coff_symbols(image: PeImage) -> List[Symbol]:
    header = struct.unpack_from("<I", image.data, 0x3C)[0]
    offset, count = struct.unpack_from("<II", image.data, header + 12)
    if not offset:
        return []
    strings = _string_table(image.data, header)
    found: List[Symbol] = []
    skip = 0
    for n in range(count):
        if skip:
            skip -= 1
            continue
        raw = image.data[offset + 18 * n:offset + 18 * n + 18]
        name8, value, section, _, kind, skip = struct.unpack("<8sIhHBB", raw)
        if section < 1 or section > len(image.sections) or kind not in (EXTERNAL, STATIC):
            continue
        if name8[:4] == b"\0\0\0\0":
            name = _string(strings, struct.unpack_from("<I", name8, 4)[0])
        else:
            name = name8.rstrip(b"\0").decode("utf-8", "replace")
        if not name or name.startswith((".", "$", "??_C@")):
            continue
        found.append(Symbol(undecorate(name), image.sections[section - 1].rva + value, section, kind == EXTERNAL))
    return found
