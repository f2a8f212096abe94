"""Images in the PE format: building small ones, and what loading them must do.

The model reads an image's bytes as the published format says.  It looks at each of them once, and stops at the first thing that is wrong.
In the books: "PE format", "relocation", "import resolution".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Tuple

EXPORT, IMPORT, RELOCATIONS = 0, 1, 5  # directories
ABSOLUTE, HIGHLOW = 0, 3
STRIPPED, BY_ORDINAL = 1, 0x80000000
HOPS, TEXT_SIZE, FORWARDER_SIZE, MODULE_SIZE = 8, 512, 512, 64
MASK = 0xFFFFFFFF

SUCCESS, BAD_IMAGE, CONFLICT = 0, 0xC000007B, 0xC0000018
STATUS = {"NoRelocations": CONFLICT, "ModuleMissing": 0xC0000135, "SymbolMissing": 0xC0000139, "ForwarderLoop": 0xC0000139}
ORDINAL_MISSING = 0xC0000138
FAULTS = dict(enumerate(("None", "NotAnImage", "Truncated", "WrongMachine", "NotPe32", "BadHeader", "BadSection", "BadCheckSum", "NoRelocations",
                         "BadRelocation", "BadImports", "BadExports", "ModuleMissing", "SymbolMissing", "ForwarderLoop")))


@dataclass(frozen=True)
class Faulty:
    """What a call answers."""

    status: int = SUCCESS
    fault: str = "None"
    value: int = 0
    module: str = ""
    symbol: str = ""

    def show(self, part: str) -> str:
        value = getattr(self, part)
        return f"{value:#010x}" if part == "status" else f"{value:#x}" if part == "value" else repr(value) if part in ("module", "symbol") else value


RIGHT = Faulty()


class Refused(Exception):
    """The model's end of a work."""

    def __init__(self, fault: str, value: int = 0, module: str = "", symbol: Optional[str] = "", status: int = 0) -> None:
        super().__init__(fault)
        if not status:
            status = ORDINAL_MISSING if fault == "SymbolMissing" and symbol is None else STATUS.get(fault, BAD_IMAGE)
        self.answer = Faulty(status, fault, value, module[:MODULE_SIZE - 1], (symbol or "")[:127])


@dataclass
class Image:
    """An image: its bytes, and what its headers say."""

    name: str
    base: int  # where it runs
    own: int  # ImageBase
    size: int
    characteristics: int = 2
    data: bytearray = field(default_factory=bytearray)
    directories: Dict[int, Tuple[int, int]] = field(default_factory=dict)
    places: Dict[int, str] = field(default_factory=dict)  # offset of four bytes -> what is there, for a failure's text
    key: bytes = b""
    address: int = 0  # in the guest

    def place_of(self, offset: int) -> str:
        for start in range(offset, max(-1, offset - 4), -1):
            if start in self.places:
                return f" ({self.places[start]})"
        return ""

    def word(self, offset: int, fault: str, at: Optional[int] = None) -> int:
        return struct.unpack("<I", self.take(offset, 4, fault, at))[0]

    def half(self, offset: int, fault: str, at: Optional[int] = None) -> int:
        return struct.unpack("<H", self.take(offset, 2, fault, at))[0]

    def take(self, offset: int, size: int, fault: str, at: Optional[int] = None) -> bytes:
        if offset > self.size or size > self.size - offset:
            raise Refused(fault, offset if at is None else at)
        return bytes(self.data[offset:offset + size])

    def text(self, offset: int, most: int, fault: str, at: int) -> str:
        end = self.data.find(b"\0", offset) if offset < self.size else -1
        if end < 0 or end - offset >= most:
            raise Refused(fault, at)
        return self.data[offset:end].decode("latin-1")

    def put(self, offset: int, value: int, what: str = "") -> None:
        struct.pack_into("<I", self.data, offset, value & MASK)
        if what:
            self.places[offset] = what

    def reads(self, offset: int) -> int:
        return struct.unpack_from("<I", self.data, offset)[0]


# -- what the routines must do -------------------------------------------------------------------------------------------
def relocated(image: Image, base: int) -> Tuple[Faulty, bytes]:
    """The answer, and the bytes afterwards (which count in case of success)."""
    data = bytearray(image.data)
    try:
        _relocate(image, base, data)
    except Refused as refused:
        return refused.answer, bytes(data)
    return RIGHT, bytes(data)


def _relocate(image: Image, base: int, data: bytearray) -> None:
    difference = (base - image.own) & MASK
    start, left = image.directories.get(RELOCATIONS, (0, 0))
    if difference and image.characteristics & STRIPPED:
        raise Refused("NoRelocations")
    if start > image.size or left > image.size - start:
        raise Refused("BadRelocation", start)
    at = start
    while left >= 8:
        page, size = struct.unpack("<II", image.take(at, 8, "BadRelocation"))
        if size == 0:
            return
        if size < 8 or size % 2 or size > left:
            raise Refused("BadRelocation", at)
        for entry in range(at + 8, at + size, 2):
            kind, offset = divmod(image.half(entry, "BadRelocation"), 0x1000)
            place = page + offset
            if kind == ABSOLUTE:
                continue
            if kind != HIGHLOW or place > MASK or place + 4 > image.size:
                raise Refused("BadRelocation", entry)
            value = struct.unpack_from("<I", data, place)[0]
            struct.pack_into("<I", data, place, (value + difference) & MASK)
        at, left = at + size, left - size


@dataclass(frozen=True)
class Exports:
    base: int
    functions: int  # how many
    names: int
    functions_at: int
    names_at: int
    indices_at: int


def exports_of(image: Image) -> Optional[Exports]:
    start, size = image.directories.get(EXPORT, (0, 0))
    if not size:
        return None
    if start > image.size or size > image.size - start:
        raise Refused("BadExports", 0, image.name)
    fields = struct.unpack_from("<16x6I", image.take(start, 40, "BadExports", 0))
    if fields[1] > image.size // 4 or fields[2] > image.size // 4:
        raise Refused("BadExports", 0, image.name)
    return Exports(*fields)


def export(first: Image, name: Optional[str], ordinal: int, modules: List[Image]) -> Tuple[Faulty, Optional[int]]:
    """The answer, and the export's address."""
    try:
        return RIGHT, _export(first, name, ordinal, modules)
    except Refused as refused:
        return refused.answer, None


def _export(first: Image, name: Optional[str], ordinal: int, modules: List[Image]) -> int:
    image = first
    for _ in range(HOPS):
        try:
            function = _function(image, name, ordinal)
            if function is not None and inside_exports(image, function):
                text = image.text(function, FORWARDER_SIZE, "BadExports", 0)
        except Refused as refused:
            raise Refused("BadExports", 0, image.name, status=refused.answer.status) from refused
        if function is None:
            raise Refused("SymbolMissing", 0 if name is not None else ordinal, image.name, name)
        if not inside_exports(image, function):
            return (image.base + function) & MASK
        target, dot, symbol = text.rpartition(".")
        if not dot or not target or not symbol:
            raise Refused("BadExports", 0, image.name)
        name, ordinal = (None, int(symbol[1:])) if symbol[0] == "#" else (symbol, ordinal)
        image = module_of(target, name, modules)
    raise Refused("ForwarderLoop", 0, first.name)


def module_of(wanted: str, symbol: Optional[str], modules: List[Image]) -> Image:
    for image in modules:
        if wanted.lower() == image.name.lower() or wanted.lower() + ".dll" == image.name.lower():
            return image
    raise Refused("ModuleMissing", 0, wanted, symbol)


def inside_exports(image: Image, function: int) -> bool:
    start, size = image.directories[EXPORT]
    return start <= function < start + size


def _function(image: Image, name: Optional[str], ordinal: int) -> Optional[int]:
    """The function that an image has of a name or an ordinal."""
    table = exports_of(image)
    if table is None:
        return None
    index = (ordinal - table.base) & MASK
    if name is not None:
        found = _place_of(image, table, name)
        if found is None:
            return None
        index = image.half(table.indices_at + 2 * found, "BadExports", 0)
    if index >= table.functions:
        return None
    function = image.word(table.functions_at + 4 * index, "BadExports", 0)
    if function >= image.size:
        raise Refused("BadExports", 0)
    return function or None


def _place_of(image: Image, table: Exports, name: str) -> Optional[int]:
    low, high = 0, table.names
    while low < high:
        middle = (low + high) // 2
        text = image.text(image.word(table.names_at + 4 * middle, "BadExports", 0), image.size, "BadExports", 0)
        if text == name:
            return middle
        low, high = (low, middle) if name < text else (middle + 1, high)
    return None


def bound(image: Image, modules: List[Image]) -> Tuple[Faulty, bytes]:
    """The answer, and the bytes afterwards (which count in case of success)."""
    data = bytearray(image.data)
    try:
        _bind(image, modules, data)
    except Refused as refused:
        return refused.answer, bytes(data)
    return RIGHT, bytes(data)


def _bind(image: Image, modules: List[Image], data: bytearray) -> None:
    start, size = image.directories.get(IMPORT, (0, 0))
    if not size:
        return
    for at in range(start, MASK, 20):
        lookup, _, _, name, slot = struct.unpack("<5I", image.take(at, 20, "BadImports"))
        if not name and not slot:
            return
        exporter = module_of(image.text(name, MODULE_SIZE, "BadImports", at), "", modules)
        lookup = lookup or slot
        while True:
            thunk = image.word(lookup, "BadImports")
            if not thunk:
                break
            wanted = (None, thunk & 0xFFFF) if thunk & BY_ORDINAL else (image.text(thunk + 2, TEXT_SIZE, "BadImports", thunk), 0)
            address = _export(exporter, *wanted, modules)
            image.take(slot, 4, "BadImports")
            struct.pack_into("<I", data, slot, address)
            slot, lookup = slot + 4, lookup + 4
