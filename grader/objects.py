"""What a student's object file may bring into the kernel: its exercise's routines, and no name of the courseware.

The host finds its places in a student's kernel by name (where to stop, where a table lies).  An object that defines
such a name in another decoration could lead the host astray before a single instruction has run; so it is refused before
the link, with a message for its author.  What else of an object reaches the linker: linkable.py.
In the books: "COFF", "name decoration".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List, Sequence, Set, Tuple

from grader.pe import undecorate

EXTERNAL, STATIC, WEAK = 2, 3, 105
COMDAT, CODE = 0x1000, 0x20
UNDEFINED, COMMON = 0, -99
IMPORT = "__imp_"
EXPLORER = "Kx"  # names of the explorer begin so; free are what points are made of (nt/explore.h), and a name of the books
FREE = ("KxActive", "KxReachPoint", "KxMark", "KxQueueReadyThread")


@dataclass(frozen=True)
class Definition:
    """An external name that a file defines."""

    name: str
    shared: bool  # COMDAT: an inline routine of a header, of which the linker keeps one


def definitions(data: bytes) -> List[Definition]:
    """The external names that an object or an image defines."""
    header = _header(data)
    flags = [_section(data, header, number)[1] for number in range(struct.unpack_from("<H", data, header + 2)[0])]
    return [Definition(name, 0 < section <= len(flags) and bool(flags[section - 1] & COMDAT))
            for name, section, kind in _symbols(data, header)
            if kind == WEAK or kind == EXTERNAL and section != UNDEFINED]


def code_names(data: bytes) -> Set[str]:
    """The routines of an object, static ones and inline ones of headers too, without decoration."""
    header = _header(data)
    count = struct.unpack_from("<H", data, header + 2)[0]
    code = {number + 1 for number in range(count) if _section(data, header, number)[1] & CODE}
    return {undecorate(name) for name, section, _ in _symbols(data, header)
            if section in code and not name.startswith(".")}


def demands(data: bytes) -> Set[str]:
    """The names that an object expects of others, without decoration."""
    names = {name for name, section, kind in _symbols(data, _header(data)) if kind == EXTERNAL and section == UNDEFINED}
    return {undecorate(name[len(IMPORT):] if name.startswith(IMPORT) else name) for name in names}


def local_names(data: bytes) -> List[str]:
    """The names of static routines and data, each once; the names of sections are not among them."""
    header = _header(data)
    sections = {_section(data, header, number)[0] for number in range(struct.unpack_from("<H", data, header + 2)[0])}
    return list(dict.fromkeys(name for name, section, kind in _symbols(data, header)
                              if kind == STATIC and section > 0 and name not in sections))


def courseware_names(images: Sequence[Path]) -> Set[str]:
    """Every external name of the reference's images, without decoration."""
    return {undecorate(one.name) for path in images for one in definitions(path.read_bytes())}


def objections(source: str, student: bytes, reference: bytes, courseware: Set[str]) -> List[str]:
    """Why the object of a student's file is not linked, a line each; `reference` is the object it stands in for."""
    own = {one.name for one in definitions(reference)}
    found = [f"{source}: error: defines {undecorate(one.name)} ({one.name}), a name of the courseware; choose another"
             for one in definitions(student)
             if not one.shared and one.name not in own and undecorate(one.name) in courseware]
    found += [f"{source}: error: uses {name}, which belongs to the explorer of schedules; leave it alone"
              for name in sorted(demands(student) - demands(reference)) if name.startswith(EXPLORER) and name not in FREE]
    return found


def _header(data: bytes) -> int:
    """Where the COFF header is: at 0 in an object, behind the signature in an image."""
    if data[:2] == b"MZ":
        return int(struct.unpack_from("<I", data, 0x3C)[0]) + 4
    return 0


def _section(data: bytes, header: int, number: int) -> Tuple[str, int, int, int]:
    """(name, flags, file offset, size)."""
    optional = struct.unpack_from("<H", data, header + 16)[0]
    raw = struct.unpack_from("<8sIIIIIIHHI", data, header + 20 + optional + 40 * number)
    return raw[0].rstrip(b"\0").decode("latin-1"), raw[9], raw[4], raw[3]


def _symbols(data: bytes, header: int) -> Iterator[Tuple[str, int, int]]:
    """(name, section number, storage class)."""
    offset, count = struct.unpack_from("<II", data, header + 8)
    strings = offset + 18 * count
    number = 0
    while offset and number < count:
        name8, value, section, _, kind, more = struct.unpack_from("<8sIhHBB", data, offset + 18 * number)
        number += 1 + more
        section = COMMON if section == UNDEFINED and value else section  # the linker makes room for it
        if name8[:4] == b"\0\0\0\0":
            start = strings + struct.unpack_from("<I", name8, 4)[0]
            name8 = data[start:data.find(b"\0", start)]
        yield name8.rstrip(b"\0").decode("latin-1"), section, kind
