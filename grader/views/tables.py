"""Page tables of an address space, read a table at a time: the entries of an address, and all entries of a range.

Two ways lead to the tables: the kernel maps them to themselves, which is enough for the address space that is current; and
physical memory, from a page directory on, which leads to any address space.
In the books: "page directories", "page tables", "x86 virtual address translation".  MEM-04.
"""

from __future__ import annotations

import struct
from typing import Callable, Dict, Iterator, Optional, Protocol, Tuple

from grader.views.memory import Memory
from grader.views.ptes import Kind, Pte, decode

PAGE, ENTRIES = 4096, 1024
PTE_BASE, PDE_BASE = 0xC0000000, 0xC0300000
_TABLE = struct.Struct(f"<{ENTRIES}I")
Table = Tuple[int, ...]


class Physical(Protocol):
    """Physical memory of a guest."""

    def read(self, physical: int, size: int) -> bytes: ...


def pte_address(address: int) -> int:
    """Where the entry of an address lies, in its own address space."""
    return PTE_BASE + (address >> 12 & 0xFFFFF) * 4


def pde_address(address: int) -> int:
    return PDE_BASE + (address >> 22 & 0x3FF) * 4


class PageTables:
    """The tables of one address space, as they are when each is first looked at."""

    def __init__(self, directory: bytes, read: "Callable[[int, int], bytes]") -> None:
        """`read(number, frame)`: the page table that a directory entry names."""
        self.directory: Table = _TABLE.unpack(directory)
        self._read, self._tables = read, {}  # type: Callable[[int, int], bytes], Dict[int, Table]

    def pde(self, address: int) -> Pte:
        """The directory entry of an address."""
        return decode(self.directory[address >> 22 & 0x3FF])

    def pte(self, address: int) -> Optional[Pte]:
        """The page table entry of an address; None where there is no page table: the directory entry tells why."""
        table = self._table(address >> 22 & 0x3FF)
        return decode(table[address >> 12 & 0x3FF]) if table else None

    def entries(self, low: int, high: int) -> Iterator[Tuple[int, Pte]]:
        """(address, entry) of each entry from `low` to the byte `high` that is not 0.  A large page gives its directory entry, once."""
        for number in range(low >> 22, (high >> 22) + 1):
            entry = self.directory[number]
            base = number << 22
            if entry & 1 and decode(entry).large:
                yield max(base, low), decode(entry)
                continue
            table = self._table(number)
            first = max(low - base, 0) >> 12
            last = min(high - base, (1 << 22) - 1) >> 12
            for index in range(first, last + 1) if table else ():
                if table[index]:  # type: ignore[index]
                    yield base + (index << 12), decode(table[index])  # type: ignore[index]

    def resident(self, low: int, high: int) -> int:
        """Pages of a range that are valid."""
        pages = 0
        for address, entry in self.entries(low, high):
            if entry.kind is Kind.VALID:
                pages += (min(high, address | 0x3FFFFF) - address >> 12) + 1 if entry.large else 1
        return pages

    def _table(self, number: int) -> Optional[Table]:
        entry = decode(self.directory[number])
        if entry.kind is not Kind.VALID or entry.large:
            return None
        if number not in self._tables:
            self._tables[number] = _TABLE.unpack(self._read(number, entry.frame))
        return self._tables[number]


def current(memory: Memory) -> PageTables:
    """The tables of the address space that `memory` reads through, where they are mapped to themselves."""
    return PageTables(memory.read(PDE_BASE, PAGE), lambda number, _: memory.read(PTE_BASE + number * PAGE, PAGE))


def of_directory(physical: Physical, directory: int) -> PageTables:
    """The tables below the page directory at a physical address (KPROCESS.DirectoryTableBase)."""
    return PageTables(physical.read(directory & ~(PAGE - 1), PAGE), lambda _, frame: physical.read(frame * PAGE, PAGE))
