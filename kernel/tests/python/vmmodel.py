"""What virtual memory must do, said in the simplest way: a list of ranges, and a dictionary of committed pages.

A `Process` makes up operations at random (they are mostly right, now and then wrong), carries them out on its model, and so knows
what the guest has to tell of each (kernel/tests/guest/vmstress.cpp has the other side).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Set, Tuple

PAGE = 4096
GRANULARITY = 16  # pages: where ranges that the system places begin
LOWEST, END = 0x10, 0x7FFE0  # page numbers: user space, up to the page that is shared with the kernel

NONE, ALLOCATE, FREE, PROTECT, QUERY, WRITE, READ, TRIM = range(8)  # WRITE, READ: pages in a row, up to the first that refuses
COMMIT, RESERVE, DECOMMIT, RELEASE, MEM_FREE, TOP_DOWN = 0x1000, 0x2000, 0x4000, 0x8000, 0x10000, 0x100000
NO_ACCESS, READ_ONLY, READ_WRITE, GUARD = 0x01, 0x02, 0x04, 0x100

SUCCESS = 0
ACCESS_VIOLATION, GUARD_PAGE, CONFLICTING = 0xC0000005, 0x80000001, 0xC0000018
NOT_COMMITTED, NOT_ALLOCATED, NOT_AT_BASE, UNABLE_TO_FREE = 0xC000002D, 0xC00000A0, 0xC000009F, 0xC000001A
WORDS = PAGE // 4

Words = Tuple[int, int, int, int]  # an operation, or what it tells: code or status, address, size, argument


@dataclass
class Range:
    first: int  # page numbers
    last: int


@dataclass
class Page:
    protection: int
    value: int = 0


@dataclass
class Expected:
    """What the guest must tell; None: anything."""

    status: int
    address: Optional[int] = None
    size: Optional[int] = None
    argument: Optional[int] = None

    def fits(self, seen: Words) -> bool:
        return self.status == seen[0] and all(want is None or want == got for want, got in
                                              zip((self.address, self.size, self.argument), seen[1:]))


@dataclass(frozen=True)
class Shape:
    """How a process uses memory."""

    most_pages: int  # that it commits
    sizes: Tuple[int, ...]  # of allocations: up to so many pages
    runs: Tuple[int, ...]  # pages in a row that are written or read at once
    opening: int = 0  # pages that it uses at once; it gives memory back only while it has more


class Process:
    """One address space, and what happens in it."""

    def __init__(self, seed: str, shape: Shape) -> None:
        self.random = random.Random(seed)
        self.shape = shape
        self.ranges: List[Range] = []
        self.pages: Dict[int, Page] = {}  # that are committed
        self.used: Set[int] = set()  # of these, the pages that were read or written
        self.next_value = 1
        self.opening = self._open()

    # ---- what there is

    def range_of(self, vpn: int) -> Optional[Range]:
        return next((r for r in self.ranges if r.first <= vpn <= r.last), None)

    def add(self, new: Range) -> None:
        self.ranges.append(new)
        self.ranges.sort(key=lambda r: r.first)

    def free_runs(self) -> List[Tuple[int, int]]:
        runs, at = [], LOWEST
        for r in self.ranges:
            if at < r.first:
                runs.append((at, r.first - 1))
            at = r.last + 1
        return runs + [(at, END - 1)] if at < END else runs

    def room(self, pages: int, down: bool) -> Optional[int]:
        for first, last in reversed(self.free_runs()) if down else self.free_runs():
            at = (last + 1 - pages) // GRANULARITY * GRANULARITY if down else -(-first // GRANULARITY) * GRANULARITY
            if first <= at and at + pages - 1 <= last:
                return at
        return None

    def drop(self, first: int, last: int) -> None:
        for vpn in range(first, last + 1):
            self.pages.pop(vpn, None)
            self.used.discard(vpn)

    # ---- operations: what is asked, and what must be told

    def allocate(self, address: int, size: int, kind: int, protection: int) -> Expected:
        failed = Expected(CONFLICTING, address, size)
        if kind & RESERVE:
            if address == 0:
                pages = -(-size // PAGE)
                first = self.room(pages, bool(kind & TOP_DOWN))
                assert first is not None
                last = first + pages - 1
            else:
                first, last = address // (GRANULARITY * PAGE) * GRANULARITY, (address + size - 1) // PAGE
                if last >= END or first < LOWEST or any(r.first <= last and first <= r.last for r in self.ranges):
                    return failed
            self.add(Range(first, last))
        else:
            first, last = address // PAGE, (address + size - 1) // PAGE
            within = self.range_of(first)
            if not within or last > within.last:
                return failed
        if kind & COMMIT:
            for vpn in range(first, last + 1):
                self.pages.setdefault(vpn, Page(protection))
        return Expected(SUCCESS, first * PAGE, (last - first + 1) * PAGE)

    def free(self, address: int, size: int, kind: int) -> Expected:
        first, last = address // PAGE, (address + size - 1) // PAGE if size else 0
        within = self.range_of(first)
        if not within:
            return Expected(NOT_ALLOCATED, address, size)
        if size == 0:
            if within.first != first:
                return Expected(NOT_AT_BASE, address, size)
            last = within.last
        if last > within.last:
            return Expected(UNABLE_TO_FREE, address, size)
        self.drop(first, last)
        if kind == RELEASE:
            self.ranges.remove(within)
            for left in (Range(within.first, first - 1), Range(last + 1, within.last)):
                if left.first <= left.last:
                    self.add(left)
        return Expected(SUCCESS, first * PAGE, (last - first + 1) * PAGE)

    def protect(self, address: int, size: int, protection: int) -> Expected:
        first, last = address // PAGE, (address + size - 1) // PAGE
        within = self.range_of(first)
        if not within or last > within.last:
            return Expected(CONFLICTING, address, size)
        if any(vpn not in self.pages for vpn in range(first, last + 1)):
            return Expected(NOT_COMMITTED, address, size)
        old = self.pages[first].protection
        for vpn in range(first, last + 1):
            self.pages[vpn].protection = protection
        return Expected(SUCCESS, first * PAGE, (last - first + 1) * PAGE, old)

    def query(self, address: int) -> Expected:
        vpn = address // PAGE
        within = self.range_of(vpn)
        if not within:
            end = min((r.first for r in self.ranges if r.first > vpn), default=END)
            return Expected(SUCCESS, 0, (end - vpn) * PAGE, MEM_FREE | NO_ACCESS)
        alike = vpn
        here = self._state(vpn)
        while alike < within.last and self._state(alike + 1) == here:
            alike += 1
        return Expected(SUCCESS, within.first * PAGE, (alike - vpn + 1) * PAGE, here)

    def _state(self, vpn: int) -> int:
        return COMMIT | self.pages[vpn].protection if vpn in self.pages else RESERVE

    def write(self, address: int, pages: int, value: int) -> Expected:
        for done in range(pages):
            page, status = self._use(address + done * PAGE, (READ_WRITE,))
            if not page:
                return Expected(status, None, done)
            page.value = value + done
        return Expected(SUCCESS, None, pages)

    def read(self, address: int, pages: int) -> Expected:
        values = 0
        for done in range(pages):
            page, status = self._use(address + done * PAGE, (READ_WRITE, READ_ONLY))
            if not page:
                return Expected(status, None, done, values)
            values = (values * 3 + page.value) & 0xFFFFFFFF
        return Expected(SUCCESS, None, pages, values)

    def _use(self, address: int, allowed: Tuple[int, ...]) -> Tuple[Optional[Page], int]:
        """What is not allowed leaves a guard page as it is."""
        page = self.pages.get(address // PAGE)
        if not page or page.protection & ~GUARD not in allowed:
            return None, ACCESS_VIOLATION
        if page.protection & GUARD:
            page.protection &= ~GUARD
            return None, GUARD_PAGE
        self.used.add(address // PAGE)
        return page, SUCCESS

    # ---- making operations up

    def operation(self) -> "Tuple[Words, Expected]":
        for opened in self.opening:
            return opened
        draw = self.random.random()
        if not self.ranges or draw < 0.05:
            return self._some_allocation()
        if draw < 0.08 and len(self.used) >= self.shape.opening:
            kind = self.random.choice((RELEASE, RELEASE, DECOMMIT))
            address, size = self._part()
            if self.random.random() < 0.5:
                address, size = self._somewhere().first * PAGE, 0
            return (FREE, address, size, kind), self.free(address, size, kind)
        if draw < 0.13:
            address, size = self._part()
            protection = self.random.choice((READ_WRITE, READ_WRITE, READ_ONLY, NO_ACCESS, READ_WRITE | GUARD, READ_ONLY | GUARD))
            return (PROTECT, address, size, protection), self.protect(address, size, protection)
        if draw < 0.17:
            address = self._part()[0] if self.random.random() < 0.8 else self.random.randrange(LOWEST, END) * PAGE
            return (QUERY, address, 0, 0), self.query(address)
        if draw < 0.172:
            return (TRIM, 0, 0, 0), Expected(SUCCESS)
        address, pages = self._page() * PAGE, self.random.choice(self.shape.runs)
        pages = min(pages, END - address // PAGE)
        if draw < 0.55:
            return self._some_write(address, pages)
        return (READ, address, pages, 0), self.read(address, pages)

    def _open(self) -> "Iterator[Tuple[Words, Expected]]":
        """Uses as much memory as it always does from then on, and more than the machine has."""
        piece, run = 256, 64
        while len(self.used) < self.shape.opening:
            allocated = self.allocate(0, piece * PAGE, RESERVE | COMMIT, READ_WRITE)
            yield (ALLOCATE, 0, piece * PAGE, RESERVE | COMMIT | READ_WRITE), allocated
            assert allocated.address is not None
            for first in range(0, piece, run):
                yield self._some_write(allocated.address + first * PAGE, run)

    def _some_write(self, address: int, pages: int) -> "Tuple[Words, Expected]":
        value = self.next_value & 0xFFFFFFF or 1
        self.next_value = value + pages
        return (WRITE, address, pages, value), self.write(address, pages, value)

    def _some_allocation(self) -> "Tuple[Words, Expected]":
        room = self.shape.most_pages - len(self.pages)
        most = self.random.choice(self.shape.sizes)
        pages = self.random.randint(1, most)
        size = pages * PAGE - self.random.choice((0, 0, 1, PAGE - 1))
        if self.ranges and self.random.random() < 0.4:  # commit a part of what is there, where all or none of it is committed
            address, size = self._part()
            first, last = address // PAGE, (address + size - 1) // PAGE
            if last - first < room and not any(vpn in self.pages for vpn in range(first, last + 1)):
                return (ALLOCATE, address, size, COMMIT | READ_WRITE), self.allocate(address, size, COMMIT, READ_WRITE)
        kind = RESERVE | (COMMIT if pages <= room and self.random.random() < 0.7 else 0) | (TOP_DOWN if self.random.random() < 0.2 else 0)
        address = 0
        if self.random.random() < 0.2:
            address = self.random.randrange(LOWEST, 0x2000) * PAGE + self.random.choice((0, 123))
        if len(self.ranges) > 24:
            gone = min(self.ranges, key=lambda r: sum(vpn in self.pages for vpn in range(r.first, r.last + 1))) if self.shape.opening else self._somewhere()
            return (FREE, gone.first * PAGE, 0, RELEASE), self.free(gone.first * PAGE, 0, RELEASE)
        return (ALLOCATE, address, size, kind | READ_WRITE), self.allocate(address, size, kind, READ_WRITE)

    def _somewhere(self) -> Range:
        return self.random.choice(self.ranges)

    def _part(self) -> Tuple[int, int]:
        """An address and a size, mostly inside of a range."""
        within = self._somewhere()
        first = self.random.randint(within.first, within.last)
        last = min(within.last, first + self.random.choice((0, 0, 1, 3, 15)))
        beyond = self.random.choice((0,) * 19 + (3,))
        return first * PAGE, (min(last + beyond, END - 1) - first + 1) * PAGE

    def _page(self) -> int:
        """A page of a range, mostly one that is committed."""
        within = self._somewhere()
        for _ in range(8 if self.random.random() < 0.95 else 1):
            vpn = self.random.randint(within.first, within.last)
            if vpn in self.pages:
                break
        return vpn
