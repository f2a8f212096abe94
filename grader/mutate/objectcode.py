"""When two objects hold the same code: their sections and relocations are compared, debug information and orders are not."""

from __future__ import annotations

import hashlib
import struct

from grader.images.coff import STATIC, CoffFile, Symbol

LEFT_OUT = (".drectve", ".llvm_addrsig", ".sxdata")
_SECTION, _RELOCATION = 40, 10  # bytes of an entry


def fingerprint(data: bytes) -> str:
    """The same for objects that a linker makes the same image of.  A relocation counts by the name of what it is about and,
    for what only this object knows, by the place of that."""
    file = CoffFile(data)
    symbols = dict(file.numbered())
    total = hashlib.sha256()
    for number, section in enumerate(file.sections):
        if section.name in LEFT_OUT or section.name.startswith(".debug_"):
            continue
        total.update(f"{section.name}\0{section.flags:x}\0{section.size}\0".encode())
        total.update(file.content(section) if section.offset else b"")
        at, count = struct.unpack_from("<I4xH", data, 20 + file.optional + _SECTION * number + 24)
        for index in range(count):
            place, symbol, kind = struct.unpack_from("<IIH", data, at + _RELOCATION * index)
            total.update(f"{place}\0{kind}\0{_named(file, symbols[symbol])}\0".encode())
    return total.hexdigest()


def _named(file: CoffFile, symbol: Symbol) -> str:
    own = file.sections[symbol.section - 1].name if 0 < symbol.section <= len(file.sections) else str(symbol.section)
    return f"{symbol.name}\0{own}\0{symbol.value if symbol.kind == STATIC else 0}"
