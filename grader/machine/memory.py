"""Guest memory seen from the host: the RAM file mapped into Python, and the processor's page tables walked by hand.

Invariants: reading needs nothing from the guest and leaves no trace in it; a virtual address is good for one page only
(the next page may lie anywhere), so every access is split at page bounds.
In the books: IA-32 paging with 4 KB and 4 MB pages (Intel SDM 3A, "32-bit paging").
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Callable, Dict, Iterator, Optional, Set, Tuple

PAGE = 4096
PRESENT, LARGE = 0x1, 0x80
CR0_PG = 0x80000000
CR4_PSE = 0x10


class BadAddress(Exception):
    """A virtual address that is not mapped, or not mapped to RAM."""

    def __init__(self, address: int) -> None:
        super().__init__(f"{address & 0xFFFFFFFF:#010x} is not mapped")
        self.address = address


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


class AddressSpace:
    """Virtual memory through one page directory.  `control()` tells CR0, CR3 and CR4: the guest may move.  While `moment()` is
    the same it did not, and a page that was looked up lies where it lay, as long as the host writes to no page table either.
    Wider entries (CR4.PAE) are not followed: inspection.py refuses them."""

    def __init__(self, ram: Ram, control: Callable[[], Tuple[int, int, int]], moment: Optional[Callable[[], int]] = None) -> None:
        self.ram = ram
        self._control, self._moment = control, moment
        self._now = -1
        self._frames: Dict[int, int] = {}  # page -> physical page, of now
        self._tables: Set[int] = set()  # physical pages that these were read from

    def physical(self, address: int) -> Optional[int]:
        """The physical address, or None when the page is not present or not RAM."""
        now = self._moment() if self._moment else -1
        if now != self._now or now < 0:
            self._forget(now)
        frame = self._frames.get(address >> 12 & 0xFFFFF)
        if frame is not None:
            return frame | address & (PAGE - 1)
        found = self._walk(address)
        if found is not None:
            self._frames[address >> 12 & 0xFFFFF] = found & ~(PAGE - 1)
        return found

    def _forget(self, now: int) -> None:
        self._now = now
        self._frames.clear()
        self._tables.clear()

    def _walk(self, address: int) -> Optional[int]:
        cr0, cr3, cr4 = self._control()
        address &= 0xFFFFFFFF
        if not cr0 & CR0_PG:
            return address if address < self.ram.size else None
        directory_entry = self._entry((cr3 & 0xFFFFF000) + (address >> 22) * 4)
        if not directory_entry & PRESENT:
            return None
        if directory_entry & LARGE and cr4 & CR4_PSE:  # without PSE the processor does not look at the bit
            physical = (directory_entry & 0xFFC00000) | (address & 0x3FFFFF)
        else:
            entry = self._entry((directory_entry & 0xFFFFF000) + ((address >> 12) & 0x3FF) * 4)
            if not entry & PRESENT:
                return None
            physical = (entry & 0xFFFFF000) | (address & 0xFFF)
        return physical if physical < self.ram.size else None

    def _entry(self, physical: int) -> int:
        self._tables.add(physical >> 12)
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
            if physical >> 12 in self._tables:
                self._forget(self._now)

    def text(self, address: int, limit: int = 256) -> str:
        """A zero-terminated string, capped; unprintable bytes are shown as `?`."""
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
