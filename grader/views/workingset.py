"""A working set: the pages that a process has in memory, how long each has not been used, and what must hold of the list.

The list lies in the process's hyperspace: `view` reads through that process's own page directory.
In the books: "working sets", "working set management".  PFN-11.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import List, Tuple

from grader.views.memory import Structures

MOST_ENTRIES = 0x80000
VALID, LOCKED_IN_SET, LOCKED_IN_MEMORY, HASHED, DIRECT = 1, 2, 4, 1 << 8, 1 << 9
NO_ENTRY = 0xFFFFFFF  # WSLE_NULL_INDEX


@dataclass(frozen=True)
class Entry:
    """One valid entry of the list."""

    index: int
    value: int

    @property
    def page(self) -> int:
        """Number of its virtual page."""
        return self.value >> 12

    @property
    def age(self) -> int:
        return self.value >> 10 & 3

    @property
    def locked(self) -> bool:
        return bool(self.value & (LOCKED_IN_SET | LOCKED_IN_MEMORY))


@dataclass(frozen=True)
class WorkingSet:
    """A working set's sizes, in pages, and its entries."""

    size: int
    peak: int
    minimum: int
    maximum: int
    faults: int
    entries: Tuple[Entry, ...]
    listed: bool  # there is a list
    wrong: Tuple[str, ...]

    def ages(self) -> "List[int]":
        """Entries by age."""
        return [sum(entry.age == age for entry in self.entries) for age in range(4)]


def read(view: Structures, support: int) -> WorkingSet:
    """The working set whose MMSUPPORT is at `support`."""
    get = view.get
    at = get(support, "MMSUPPORT.VmWorkingSetList")
    size = get(support, "MMSUPPORT.WorkingSetSize")
    entries, wrong = _entries(view, at, size) if at else ([], [])
    return WorkingSet(size, get(support, "MMSUPPORT.PeakWorkingSetSize"), get(support, "MMSUPPORT.MinimumWorkingSetSize"),
                      get(support, "MMSUPPORT.MaximumWorkingSetSize"), get(support, "MMSUPPORT.PageFaultCount"), tuple(entries),
                      bool(at), tuple(wrong))


def _entries(view: Structures, at: int, size: int) -> "Tuple[List[Entry], List[str]]":
    get = view.get
    mapped, last, dynamic = (get(at, f"MMWSL.{name}") for name in ("LastInitializedWsle", "LastEntry", "FirstDynamic"))
    if mapped >= MOST_ENTRIES:
        return [], [f"LastInitializedWsle is {mapped:#x}"]
    raw = view.memory.read(get(at, "MMWSL.Wsle"), 4 * (mapped + 1))
    values = struct.unpack(f"<{mapped + 1}I", raw)
    entries = [Entry(index, value) for index, value in enumerate(values) if value & VALID]
    wrong = [f"entry {entry.index} is valid, and LastEntry is {last}" for entry in entries if entry.index > last]
    wrong += [f"entry {entry.index} is {'locked' if entry.locked else 'not locked'}, and FirstDynamic is {dynamic}" for entry in entries
              if entry.locked != (entry.index < dynamic)]
    if len(entries) != size:
        wrong.append(f"{len(entries)} entries are valid, WorkingSetSize is {size}")
    pages = [entry.page for entry in entries]
    wrong += [f"page {page << 12:08x} has several entries" for page in sorted({page for page in pages if pages.count(page) > 1})] \
        if len(set(pages)) < len(pages) else []
    return entries, wrong + _wrong_free(values, get(at, "MMWSL.FirstFree"))


def _wrong_free(values: "Tuple[int, ...]", first: int) -> "List[str]":
    """Whether the free entries are exactly those of the free list."""
    free = {index for index, value in enumerate(values) if not value & VALID}
    entry = first
    while entry != NO_ENTRY:
        if entry not in free:
            return [f"the free list names entry {entry}, which is in use, on the list twice, or does not exist"]
        free.remove(entry)
        entry = values[entry] >> 4
    return [f"entry {min(free)} is not valid and not on the free list"] if free else []
