"""Is the courseware's code in guest memory still what the build made?

A student's kernel runs at ring 0 and can write anywhere, its own checks included.  So the host keeps the code and
constants of every module as the loader left them, from before the kernel's first instruction, and compares physical
memory *and* the mapping that leads to it after every test.
Invariant: the golden copy is taken when no student code has run, and is itself checked against the image files
(relocated to the base that the loader chose; the import address tables excepted, which the loader fills).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, List, Optional, Sequence, Tuple

from grader.errors import InfraError, NotResident
from grader.images.pe import DEBUG_DIRECTORY, DISCARDABLE, IMPORT_ADDRESS_DIRECTORY, PeImage
from grader.images.symbols import Module, Symbols
from grader.machine.memory import PAGE, AddressSpace, BadAddress


# What must not change, and what may, by our list: the flags of an image are what its linker was told.
FIXED = (".text", ".rdata", ".kdcmd", ".kxscn", ".gtest", ".reloc")
PAGEABLE = ("PAGE",)  # fixed too, and its pages may be anywhere, or out
CHANGING = (".data", "PAGEDATA")


@dataclass(frozen=True)
class Area:
    """Read-only bytes of a module: where they must be, through which pages, and what they must be."""

    address: int
    pages: Tuple[int, ...]  # physical page of every virtual page
    data: bytes
    pageable: bool = False


class Integrity:
    """The golden copy of every module's code and constants."""

    def __init__(self, symbols: Symbols, space: AddressSpace) -> None:
        self._symbols, self._space = symbols, space
        self.areas = [area for module in symbols.modules for area in self._take(module)]

    def changed(self) -> Optional[str]:
        """What was changed, in words, or None."""
        for area in self.areas:
            for number, expected in enumerate(area.pages):
                address, data = area.address + number * PAGE, area.data[number * PAGE:(number + 1) * PAGE]
                page = self._page_now(address) if area.pageable else expected
                if page is None:
                    continue
                if not area.pageable and self._mapped(address) != expected:
                    return f"the page of {self._symbols.describe(address)} is mapped elsewhere"
                seen = self._space.ram.read(page, len(data))
                if seen != data:
                    offset = next(index for index, (one, other) in enumerate(zip(seen, data)) if one != other)
                    return f"courseware code was changed at {self._symbols.describe(address + offset)}"
        return None

    def resident(self, area: Area, offset: int) -> bool:
        """Whether a processor can read the area there: pageable code may be out of memory."""
        return not area.pageable or self._page_now(area.address + offset) is not None

    def _page_now(self, address: int) -> Optional[int]:
        """The physical page of a pageable address; None: it is out of memory, or on its way."""
        try:
            return self._space.physical(address)
        except NotResident:
            return None

    def _mapped(self, address: int) -> Optional[int]:
        try:
            return self._space.physical(address)
        except BadAddress:
            return None

    def _memory(self, area: Area) -> bytes:
        return b"".join(self._space.ram.read(page, PAGE) for page in area.pages)[:len(area.data)]

    def _take(self, module: Module) -> Iterator[Area]:
        expected = module.image.relocated(module.base)
        for section in module.image.sections:
            if section.name.startswith(".debug_") or not section.size:
                continue
            if section.name not in FIXED + PAGEABLE + CHANGING or section.writable != (section.name in CHANGING):
                raise InfraError(f"{module.name}: section {section.name} (flags {section.flags:#010x}) is not as grader/guest/integrity.py lists it")
            if section.name in CHANGING or section.flags & DISCARDABLE:
                continue
            address = module.base + section.rva
            pages = [self._space.physical(address + offset) for offset in range(0, section.size, PAGE)]
            if None in pages:
                raise InfraError(f"{module.name}: section {section.name} is not in memory at {address:#010x}")
            area = Area(address, tuple(page for page in pages if page is not None), b"\0" * section.size)
            data = self._memory(area)
            for start, end in _fixed_parts(module.image, section.rva, section.size):
                if data[start - section.rva:end - section.rva] != expected[start:end]:
                    raise InfraError(f"{module.name}: section {section.name} in memory differs from its image before "
                                     "the kernel has run; the loader and the build do not match")
            yield Area(area.address, area.pages, data, section.name in PAGEABLE)


def _fixed_parts(image: PeImage, rva: int, size: int) -> List[Tuple[int, int]]:
    """The parts of a section that are in memory as in the linked image: all but the import address table, which the loader fills, and
    the debug directory, whose places in the file are others in the stripped copy that is loaded."""
    parts, start = [], rva
    for table, table_size in sorted(image.directories[number] for number in (IMPORT_ADDRESS_DIRECTORY, DEBUG_DIRECTORY)):
        if table_size and table < rva + size and table + table_size > rva:
            parts.append((start, max(start, table)))
            start = max(start, table + table_size)
    return [*parts, (min(start, rva + size), rva + size)]


def find_modules(space: AddressSpace, loader_block: int, images: Sequence[PeImage]) -> List[Module]:
    """The modules on the loader block's list, with the build's images.  Asked at the kernel's first instruction."""
    by_name = {image.path.name.lower(): image for image in images}
    modules: List[Module] = []
    head = loader_block + 0x10  # LOADER_PARAMETER_BLOCK::LoadOrderListHead
    entry = _u32(space, head)
    while entry != head and len(modules) < 64:
        length, text = _u32(space, entry + 0x2C) & 0xFFFF, _u32(space, entry + 0x30)  # LDR_DATA_TABLE_ENTRY::BaseDllName
        name = space.read(text, min(length, 64)).decode("utf-16-le", "replace")
        base = _u32(space, entry + 0x18)  # ::DllBase
        image = by_name.get(name.lower())
        if image is None:
            raise InfraError(f"the loader loaded {name}, which the build's folder does not have")
        modules.append(Module(image.path.name, image, base))
        entry = _u32(space, entry)
    if not modules:
        raise InfraError("the loader's list of modules is empty")
    return modules


def _u32(space: AddressSpace, address: int) -> int:
    try:
        return int.from_bytes(space.read(address, 4), "little")
    except BadAddress as error:
        raise InfraError(f"the loader's block cannot be read: {error}") from error
