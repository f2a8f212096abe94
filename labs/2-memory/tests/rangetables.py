"""The page tables of pagetable.cpp as the host keeps them: each call of MI_PAGE_TABLE that changes something is made here, too.

What the driver keeps lies where a student's code can write.  So the host stops at these calls, makes each of them by itself, and
afterwards the driver's memory must say the same: a change by another way is none of them, whatever address it was made at.
"""

from __future__ import annotations

import struct
from typing import Dict, List, Optional, Tuple

TABLES, ENTRIES = 8, 1024
ALL = TABLES * ENTRIES
HEAD = struct.Struct("<9I")  # LAB_TABLES before its entries: TablesLeft, Exists
HOLDS_MASK, HOLDS = 0xC01, 0x800  # the transition form
PROTECTION, PROTECTION_MASK = 5, 31
CLASS = "lab2!LAB_PAGES::"
NOTES = "LabRuleBroken"  # (rule, vpn)


class Tables:
    """Entries, page tables, and the first rule that a call broke."""

    def __init__(self, guest, address: int) -> None:
        self._guest, self._address = guest, address
        self.left, self.exists, self.entries = TABLES, [0] * TABLES, [0] * ALL
        self.deleted: List[int] = []  # the numbers of the pages that a call gave back
        self.broken: Optional[Tuple[int, int]] = None  # rule, vpn
        self._calls = {CLASS + "Write": self._write, CLASS + "MakeTable": self._make, CLASS + "FreeTables": self._free,
                       CLASS + "DeletePage": self._delete, CLASS + "Protect": self._protect, NOTES: self._note}
        self.stops = tuple(self._calls)
        self._store()

    # -- what the host does ------------------------------------------------------------------------------------------
    def begin(self) -> None:
        """Another call of a service."""
        self.deleted, self.broken = [], None

    def limit(self, count: int) -> None:
        """So many page tables can still be made."""
        self.left = count
        self._store()

    def touch(self, vpn: int, frame: int, protection: int) -> None:
        """The entry holds a page of memory from now on."""
        if not self.exists[vpn // ENTRIES]:
            self.exists[vpn // ENTRIES] = 1
            self.left -= 1
        self.entries[vpn] = frame << 12 | HOLDS | protection << PROTECTION
        self._store()

    def _store(self) -> None:
        self._guest.write(self._address, self._bytes())

    def _bytes(self) -> bytes:
        return HEAD.pack(self.left, *self.exists) + struct.pack(f"<{ALL}I", *self.entries)

    # -- what the services do ----------------------------------------------------------------------------------------
    def called(self, place: str, registers: Dict[str, int]) -> None:
        """The guest stands where one of `stops` begins."""
        self._calls[place](*struct.unpack("<2I", self._guest.read(registers["esp"] + 4, 8)))

    def _note(self, rule: int, vpn: int) -> None:
        self.broken = self.broken or (rule, vpn)

    def _write(self, vpn: int, entry: int) -> None:
        if self._has_table(vpn) and not self._holds(vpn) and entry & HOLDS_MASK != HOLDS:
            self.entries[vpn] = entry

    def _make(self, vpn: int, _: int) -> None:
        if vpn < ALL and self.left and not self.exists[vpn // ENTRIES]:
            self.left, self.exists[vpn // ENTRIES] = self.left - 1, 1

    def _free(self, first: int, last: int) -> None:
        for table in range(first // ENTRIES, min(last // ENTRIES, TABLES - 1) + 1):
            if self.exists[table] and not self.used(table):
                self.left, self.exists[table] = self.left + 1, 0

    def _delete(self, vpn: int, after: int) -> None:
        if self._has_table(vpn) and self._holds(vpn) and after & HOLDS_MASK != HOLDS:
            self.deleted.append(self.entries[vpn] >> 12)
            self.entries[vpn] = after

    def _protect(self, vpn: int, protection: int) -> None:
        if self._has_table(vpn) and self._holds(vpn):
            self.entries[vpn] = self.entries[vpn] & ~(PROTECTION_MASK << PROTECTION) | (protection & PROTECTION_MASK) << PROTECTION

    # -- looking -----------------------------------------------------------------------------------------------------
    def used(self, table: int) -> bool:
        """Whether an entry of the page table is not 0."""
        return any(self.entries[table * ENTRIES:(table + 1) * ENTRIES])

    def differs(self) -> Optional[Tuple[str, str]]:
        """What the driver's memory should say and what it says, where that is not what the calls made of it."""
        raw = self._guest.read(self._address, HEAD.size + 4 * ALL)
        if raw == self._bytes():
            return None
        left, *exists = HEAD.unpack_from(raw)
        entries = struct.unpack_from(f"<{ALL}I", raw, HEAD.size)
        for vpn in range(ALL):
            if entries[vpn] != self.entries[vpn]:
                return f"the entry of page {vpn:x} is {self.entries[vpn]:#x}", f"{entries[vpn]:#x}"
        for table in range(TABLES):
            if exists[table] != self.exists[table]:
                there = ("there is no page table", "there is one")
                return f"{there[bool(self.exists[table])]} for pages {table * ENTRIES:x}-{table * ENTRIES + ENTRIES - 1:x}", there[bool(exists[table])]
        return f"{self.left} page tables can be made", f"{left}"

    def _has_table(self, vpn: int) -> bool:
        return vpn < ALL and bool(self.exists[vpn // ENTRIES])

    def _holds(self, vpn: int) -> bool:
        return self.entries[vpn] & HOLDS_MASK == HOLDS
