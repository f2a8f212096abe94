"""Page table entries: what one says about its page, by the entry alone.

The one decoder: the grader's oracles, gdb's commands and MemMon share it.  Its numbers are those of kernel/inc/mm/i386/pte.h,
repeated here because the host must not take them from the guest.
In the books: "virtual address translation", "invalid PTEs", "prototype PTEs".  MEM-04, MEM-05.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

VALID, WRITE, OWNER, WRITE_THROUGH, CACHE_DISABLE, ACCESSED, DIRTY, LARGE, GLOBAL, COPY_ON_WRITE = (1 << bit for bit in range(10))
PROTOTYPE, TRANSITION = 1 << 10, 1 << 11
FRAME_SHIFT, PROTECTION_SHIFT, FILE_SHIFT = 12, 5, 1
LOOKUP_NEEDED = 0xFFFFF  # upper bits of an entry that leaves it to the VAD which prototype PTE is meant
DECOMMIT, NO_ACCESS, NO_CACHE, GUARD_PAGE = 16, 24, 8, 16
PROTECTIONS = ("none", "read", "execute", "execute read", "read write", "copy on write", "execute read write", "execute copy on write")


class Kind(enum.Enum):
    """MI_PTE_KIND; Subsection: what Prototype is in a prototype PTE."""

    ZERO = "never used"
    VALID = "valid"
    DEMAND_ZERO = "demand zero"
    DECOMMITTED = "decommitted"
    PAGE_FILE = "page file"
    TRANSITION = "in transition"
    PROTOTYPE = "prototype"
    SUBSECTION = "subsection"


def kind_of(value: int, prototype: bool = False) -> Kind:
    """What an entry is.  `prototype`: it is itself a prototype PTE."""
    if value == 0:
        return Kind.ZERO
    if value & VALID:
        return Kind.VALID
    if value & PROTOTYPE:
        return Kind.SUBSECTION if prototype else Kind.PROTOTYPE
    if value & TRANSITION:
        return Kind.TRANSITION
    if value >> FRAME_SHIFT or value >> FILE_SHIFT & 0xF:
        return Kind.PAGE_FILE
    return Kind.DECOMMITTED if value >> PROTECTION_SHIFT == DECOMMIT else Kind.DEMAND_ZERO


class Pte(NamedTuple):
    """One entry.  Which of the properties mean something, its kind tells."""

    value: int
    kind: Kind

    @property
    def frame(self) -> int:
        """Of a valid entry and of one in transition."""
        return self.value >> FRAME_SHIFT

    @property
    def writable(self) -> bool:
        return bool(self.value & WRITE)

    @property
    def user(self) -> bool:
        return bool(self.value & OWNER)

    @property
    def large(self) -> bool:
        return bool(self.value & LARGE)

    @property
    def protection(self) -> int:
        """MM_PROTECTION of a software entry."""
        return self.value >> PROTECTION_SHIFT & 31

    @property
    def page_file(self) -> int:
        return self.value >> FILE_SHIFT & 0xF

    @property
    def page_file_page(self) -> int:
        return self.value >> FRAME_SHIFT

    @property
    def needs_vad(self) -> bool:
        """Of a prototype entry: the VAD tells which prototype PTE it is."""
        return self.value >> FRAME_SHIFT == LOOKUP_NEEDED

    @property
    def prototype_offset(self) -> int:
        """Bytes from the start of the non-paged pool to the prototype PTE."""
        return (self.value >> 11 << 7 | self.value >> 1 & 0x7F) * 4

    @property
    def subsection_offset(self) -> int:
        """Bytes from the start of the non-paged pool to the subsection."""
        return (self.value >> 11 << 4 | self.value >> 1 & 0xF) * 8


def decode(value: int, prototype: bool = False) -> Pte:
    return Pte(value, kind_of(value, prototype))


def protection_name(protection: int) -> str:
    """MM_PROTECTION in words."""
    if protection == NO_ACCESS:
        return "no access"
    return PROTECTIONS[protection & 7] + ", not cached" * bool(protection & NO_CACHE) + ", guard page" * bool(protection & GUARD_PAGE)


def describe(pte: Pte, pool: int = 0) -> str:
    """An entry in words.  `pool`: where the non-paged pool starts; without it distances are told."""
    kind = pte.kind
    if kind is Kind.VALID:
        words = [f"page {pte.frame:x}", "write" if pte.writable else "read-only", "user" if pte.user else "kernel"]
        words += [word for bit, word in ((ACCESSED, "accessed"), (DIRTY, "dirty"), (LARGE, "large page"), (GLOBAL, "global"),
                                         (CACHE_DISABLE, "not cached"), (WRITE_THROUGH, "write-through"),
                                         (COPY_ON_WRITE, "copy on write"), (PROTOTYPE, "of a prototype PTE")) if pte.value & bit]
        return "valid, " + ", ".join(words)
    words = [kind.value]
    if kind is Kind.PAGE_FILE:
        words.append(f"file {pte.page_file}, page {pte.page_file_page:x}")
    elif kind is Kind.TRANSITION:
        words.append(f"page {pte.frame:x}")
    elif kind is Kind.PROTOTYPE:
        words.append("the VAD tells which" if pte.needs_vad else f"PTE {pool + pte.prototype_offset:08x}")
    elif kind is Kind.SUBSECTION:
        words.append(f"at {pool + pte.subsection_offset:08x}")
    if kind in (Kind.DEMAND_ZERO, Kind.PAGE_FILE, Kind.TRANSITION, Kind.SUBSECTION) or kind is Kind.PROTOTYPE and pte.needs_vad:
        words.append(protection_name(pte.protection))
    return ", ".join(words)
