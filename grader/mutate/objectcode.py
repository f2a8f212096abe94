"""When two objects hold the same code: their sections and relocations are compared, debug information and orders are not."""

from __future__ import annotations

import hashlib
import struct

from grader.linkable import DIRECTIVES, sections

LEFT_OUT = (DIRECTIVES, ".llvm_addrsig", ".sxdata")
STATIC = 3


def fingerprint(data: bytes) -> str:
    """The same for objects that a linker makes the same image of.  A relocation counts by the name of what it names, or, for
    what has no name of its own, by its place."""
    _, _, symbols, count, optional = struct.unpack_from("<HH4xIIH", data, 0)
    parts = sections(data)
    total = hashlib.sha256()
    for number, part in enumerate(parts):
        if part.name in LEFT_OUT or part.name.startswith(".debug_"):
            continue
        _, _, _, _, at, _, relocations = struct.unpack_from("<IIIIIIH", data, 20 + optional + 40 * number + 8)
        total.update(f"{part.name}\0{part.flags:x}\0{part.size}\0".encode("utf-8", "replace"))
        if part.offset:
            total.update(data[part.offset:part.offset + part.size])
        for index in range(relocations):
            place, symbol, kind = struct.unpack_from("<IIH", data, at + 10 * index)
            total.update(struct.pack("<IH", place, kind) + _named(data, symbols, count, symbol, [one.name for one in parts]))
    return total.hexdigest()


def _named(data: bytes, symbols: int, count: int, index: int, names: "list[str]") -> bytes:
    raw, value, section, _, storage = struct.unpack_from("<8sIhHB", data, symbols + 18 * index)
    if raw[:4] == b"\0\0\0\0":
        start = symbols + 18 * count + struct.unpack_from("<I", raw, 4)[0]
        name = data[start:data.find(b"\0", start)]
    else:
        name = raw.rstrip(b"\0")
    own = names[section - 1] if 0 < section <= len(names) else str(section)
    return name + f"\0{own}\0{value if storage == STATIC else 0}\0".encode("utf-8", "replace")
