"""Guest memory seen from the host: the RAM file mapped into Python, and page tables walked by hand, the processor's own or those
of another process.

Invariants: reading needs nothing from the guest and leaves no trace in it; a virtual address is good for one page only
(the next page may lie anywhere), so every access is split at page bounds.  An address without a page (BadAddress) and a page
that is out of memory (NotResident) are told apart: the first is somebody's mistake, the second is nobody's.  Memory that never leaves
(`stays`) has no page that is out: an entry that says so was written by somebody, and makes the address a bad one (Displaced).
In the books: IA-32 paging with 4 KB and 4 MB pages (Intel SDM 3A, "32-bit paging"); "invalid page table entries".
"""

from __future__ import annotations

import enum
import mmap
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, Iterator, Optional, Set, Tuple

from grader.errors import NotResident

PAGE = 4096
PRESENT, LARGE = 0x1, 0x80
TRANSITION = 0x800  # of an entry that is not present, as NT has it: the frame still holds the page
CR0_PG = 0x80000000
CR4_PSE = 0x10


class BadAddress(Exception):
    """A virtual address that is not mapped, or not mapped to RAM."""

    def __init__(self, address: int) -> None:
        super().__init__(f"{address & 0xFFFFFFFF:#010x} is not mapped")
        self.address = address


class Displaced(BadAddress):
    """An address in memory that never leaves, whose entry says that the page is out."""


class Residence(enum.Enum):
    """Where the page of an address is, by its entry."""

    IN = "in memory"
    TRANSITION = "in transition: invalid, and its frame still holds it"
    OUT = "not in memory: in a page file, or not made yet"
    NOWHERE = "not mapped"


class Ram:
    """Physical memory: the shared file behind `memory-backend-file`."""

    def __init__(self, path: Path) -> None:
        with open(path, "r+b") as file:
            self.view = mmap.mmap(file.fileno(), 0)
        self.size = len(self.view)

    def read(self, physical: int, size: int) -> bytes:
        return self.view[physical:physical + size]

    def u32(self, physical: int) -> int:
        return struct.unpack_from("<I", self.view, physical)[0]

    def write(self, physical: int, data: bytes) -> None:
        self.view[physical:physical + len(data)] = data

    def close(self) -> None:
        self.view.close()


@dataclass
class _Tables:
    """The page tables that the spaces of one memory were read from: a write of the host's there counts in each of them."""

    pages: Set[int] = field(default_factory=set)  # physical
    writes: int = 0


class AddressSpace:
    """Virtual memory through one page directory.  `control()` tells CR0, CR3 and CR4: the guest may move.  While `moment()` is
    the same it did not, and a page that was looked up lies where it lay, as long as the host writes to no page table either.
    `stays()` tells of an address whether its memory never leaves.
    Wider entries (CR4.PAE) are not followed: inspection.py refuses them."""

    def __init__(self, ram: Ram, control: Callable[[], Tuple[int, int, int]], moment: Optional[Callable[[], int]] = None,
                 stays: Callable[[int], bool] = lambda address: False) -> None:
        self.ram = ram
        self._control, self._moment, self._stays = control, moment, stays
        self._now = (-1, 0)
        self._frames: Dict[int, int] = {}  # page -> physical page, of now
        self._tables = _Tables()

    def through(self, directory: int) -> "AddressSpace":
        """Memory as another page directory maps it, at this physical address: a process that does not run now."""

        def control() -> Tuple[int, int, int]:
            cr0, _, cr4 = self._control()
            return cr0, directory, cr4

        other = AddressSpace(self.ram, control, self._moment, self._stays)
        other._tables = self._tables
        return other

    def physical(self, address: int) -> Optional[int]:
        """The physical address, or None where no RAM is mapped.  Raises NotResident where the page is out, and Displaced
        where it cannot be."""
        now = (self._moment() if self._moment else -1, self._tables.writes)
        if now != self._now or now[0] < 0:
            self._now = now
            self._frames.clear()
        frame = self._frames.get(address >> 12 & 0xFFFFF)
        if frame is not None:
            return frame | address & (PAGE - 1)
        where, found = self._walk(address & 0xFFFFFFFF)
        if where in (Residence.TRANSITION, Residence.OUT):
            if self._stays(address & 0xFFFFFFFF):
                raise Displaced(address)
            raise NotResident(address)
        if where is Residence.NOWHERE or found >= self.ram.size:
            return None
        self._frames[address >> 12 & 0xFFFFF] = found & ~(PAGE - 1)
        return found

    def residence(self, address: int) -> Residence:
        """Whether an address has a page, and where that page is."""
        return self._walk(address & 0xFFFFFFFF)[0]

    def _walk(self, address: int) -> Tuple[Residence, int]:
        """Where the page is, and the physical address if it is in memory."""
        cr0, cr3, cr4 = self._control()
        if not cr0 & CR0_PG:
            return Residence.IN, address
        entry = self._entry((cr3 & 0xFFFFF000) + (address >> 22) * 4)
        if entry & PRESENT and entry & LARGE and cr4 & CR4_PSE:  # without PSE the processor does not look at the bit
            return Residence.IN, (entry & 0xFFC00000) | (address & 0x3FFFFF)
        if entry & PRESENT:
            entry = self._entry((entry & 0xFFFFF000) + ((address >> 12) & 0x3FF) * 4)
        elif entry:
            return Residence.OUT, 0  # the page table itself is out, in transition or not
        if entry & PRESENT:
            return Residence.IN, (entry & 0xFFFFF000) | (address & 0xFFF)
        if not entry:
            return Residence.NOWHERE, 0
        return (Residence.TRANSITION if entry & TRANSITION else Residence.OUT), 0

    def _entry(self, physical: int) -> int:
        self._tables.pages.add(physical >> 12)
        return self.ram.u32(physical) if physical + 4 <= self.ram.size else 0

    def _pieces(self, address: int, size: int) -> Iterator[Tuple[int, int]]:
        while size > 0:
            part = min(size, PAGE - (address & (PAGE - 1)))
            physical = self.physical(address)
            if physical is None or physical + part > self.ram.size:
                raise BadAddress(address)
            yield physical, part
            address, size = (address + part) & 0xFFFFFFFF, size - part

    def read(self, address: int, size: int) -> bytes:
        if 0 < size <= PAGE - (address & (PAGE - 1)):
            physical = self.physical(address)
            if physical is not None and physical + size <= self.ram.size:
                return self.ram.read(physical, size)
        return b"".join(self.ram.read(physical, part) for physical, part in self._pieces(address, size))

    def write(self, address: int, data: bytes) -> None:
        position = 0
        for physical, part in list(self._pieces(address, len(data))):
            self.ram.write(physical, data[position:position + part])
            position += part
            if physical >> 12 in self._tables.pages:
                self._tables.writes += 1

    def text(self, address: int, limit: int = 256) -> str:
        """A zero-terminated string, capped; unprintable bytes are shown as `?`.  It ends where no memory is mapped."""
        out = bytearray()
        while len(out) < limit:
            try:
                byte = self.read(address + len(out), 1)[0]
            except BadAddress:
                break
            if byte == 0:
                break
            out.append(byte if 32 <= byte < 127 else 0x3F)
        return out.decode("ascii")
