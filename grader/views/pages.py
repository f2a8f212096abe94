"""Physical memory by the page frame number database: each page's state, the lists, and whether both tell the same.

The numbers of flags and states are repeated here, because the host must not take them from the guest.
In the books: "page frame number database", "page list dynamics".  PFN-01, PFN-02.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Dict, Iterator, List, NamedTuple, Sequence

from grader.views.memory import BrokenList, Structures

STATES = ("Zeroed", "Free", "Standby", "Modified", "ModifiedNoWrite", "Bad", "ActiveAndValid", "Transition")
ZEROED, FREE, STANDBY, MODIFIED, MODIFIED_NO_WRITE, BAD, ACTIVE, TRANSITION = range(8)
LISTS = 6
NO_PAGE = 0xFFFFFFFF
# MMPFNENTRY, from its lowest bit
IS_MODIFIED, READ_IN_PROGRESS, WRITE_IN_PROGRESS, PROTOTYPE_PTE, NO_MODIFIED_WRITE, PTE_DELETED = (1 << bit for bit in range(6))
LOCATION_SHIFT, ROM, PARITY_ERROR = 8, 1 << 14, 1 << 15
FLAG_NAMES = {IS_MODIFIED: "modified", READ_IN_PROGRESS: "being read", WRITE_IN_PROGRESS: "being written", PROTOTYPE_PTE: "prototype PTE",
              NO_MODIFIED_WRITE: "not written when modified", PTE_DELETED: "PTE deleted", PARITY_ERROR: "defective"}


_NUMBERS = {2: "H", 4: "I"}


class Page(NamedTuple):
    """One page frame. On a list, `first` and `second` are its links; otherwise `second` is the share count."""

    frame: int
    first: int
    pte: int
    second: int
    references: int
    flags: int
    original: int
    pte_frame: int

    @property
    def state(self) -> int:
        return self.flags >> LOCATION_SHIFT & 7

    @property
    def is_memory(self) -> bool:
        return not self.flags & ROM


@dataclass(frozen=True)
class PageList:
    """The head of a list."""

    total: int
    state: int
    first: int
    last: int


class Pages:
    """The database of a guest. Each argument is the address of the kernel's variable of that name."""

    def __init__(self, view: Structures, database: int, highest: int, lists: int, available: int) -> None:
        self.view = view
        self.available = view.u32(available)
        self.pages = self._read(view.u32(database), view.u32(highest) + 1)
        self.lists = [self._head(view.u32(lists + 4 * number)) for number in range(LISTS)]

    def _read(self, address: int, count: int) -> "List[Page]":
        layout = self.view.layout
        size = layout.size("MMPFN")
        data = self.view.memory.read(address, size * count)

        def column(field: str) -> "Iterator[int]":
            offset, width = layout.field(f"MMPFN.{field}")
            return (row[0] for row in struct.iter_unpack(f"<{offset}x{_NUMBERS[width]}{size - offset - width}x", data))

        return list(map(Page, range(count), column("u1"), column("PteAddress"), column("u2"), column("ReferenceCount"), column("e1"),
                        column("OriginalPte"), (number & 0x1FFFFFF for number in column("u4"))))

    def _head(self, address: int) -> PageList:
        get = self.view.get
        return PageList(get(address, "MMPFNLIST.Total"), get(address, "MMPFNLIST.ListName"), get(address, "MMPFNLIST.Flink"),
                        get(address, "MMPFNLIST.Blink"))

    def listed(self, state: int) -> "List[int]":
        """The frames of a list from its front; BrokenList if its links do not lead to its end and back."""
        head, found, previous = self.lists[state], [], NO_PAGE
        frame = head.first
        while frame != NO_PAGE:
            if frame >= len(self.pages):
                raise BrokenList(f"{STATES[state]} list: a link names page {frame:#x}, which does not exist")
            page = self.pages[frame]
            if page.second != previous:
                raise BrokenList(f"{STATES[state]} list: Blink of page {frame:#x} is {page.second:#x}, the page before it is {previous:#x}")
            if len(found) >= len(self.pages):
                raise BrokenList(f"{STATES[state]} list: it does not end")
            found.append(frame)
            previous, frame = frame, page.first
        if head.last != previous:
            raise BrokenList(f"{STATES[state]} list: its last page is {head.last:#x}, the links end at {previous:#x}")
        return found

    def count(self) -> "Dict[int, int]":
        """How many pages are in each state, by the pages themselves."""
        counts = dict.fromkeys(range(len(STATES)), 0)
        for page in self.pages:
            if page.is_memory:
                counts[page.state] += 1
        return counts

    def wrong(self) -> "List[str]":
        """What is not as it must be whenever the database's lock is free; empty: nothing."""
        found: List[str] = []
        counts = self.count()
        for state in range(LISTS):
            head = self.lists[state]
            try:
                frames = self.listed(state)
            except BrokenList as error:
                found.append(str(error))
                continue
            if head.state != state:
                found.append(f"{STATES[state]} list: its ListName is {head.state}")
            if not len(frames) == head.total == counts[state]:
                found.append(f"{STATES[state]} list: {len(frames)} pages are on it, Total is {head.total}, {counts[state]} pages "
                             "are in that state")
            found += [f"page {frame:#x} is on the {STATES[state]} list and in state {STATES[self.pages[frame].state]}" for frame in frames
                      if self.pages[frame].state != state]
        available = sum(self.lists[state].total for state in (ZEROED, FREE, STANDBY))
        if available != self.available:
            found.append(f"MmAvailablePages is {self.available}; zeroed, free and standby lists hold {available}")
        for page in self.pages:
            if page.is_memory:
                found += [f"page {page.frame:#x}, {STATES[page.state]}: {text}" for text in self._wrong_counts(page)]
        return found + self._wrong_shares()

    @staticmethod
    def _wrong_counts(page: Page) -> "Sequence[str]":
        listed = page.state < LISTS
        if listed and page.references:
            return [f"ReferenceCount is {page.references} on a list"]
        if page.state == ACTIVE and not (page.second and page.references):
            return [f"ShareCount {page.second}, ReferenceCount {page.references}"]
        if page.state == TRANSITION and (page.second or not page.references):
            return [f"ShareCount {page.second}, ReferenceCount {page.references}"]
        if page.state in (MODIFIED, MODIFIED_NO_WRITE) and not page.flags & IS_MODIFIED:
            return ["it is not modified"]
        if page.state == STANDBY and page.flags & IS_MODIFIED:
            return ["it is modified"]
        return []

    def _wrong_shares(self) -> "List[str]":
        """A page that holds PTEs is shared by each of them that names a page."""
        holders: Dict[int, int] = {}
        for page in self.pages:
            if page.is_memory and page.pte and not page.flags & PTE_DELETED:
                holders[page.pte_frame] = holders.get(page.pte_frame, 0) + 1
        return [f"page {frame:#x} holds PTEs of {pages} pages and has a ShareCount of {self.pages[frame].second}"
                for frame, pages in sorted(holders.items())
                if self.pages[frame].state != ACTIVE or self.pages[frame].second < pages]
