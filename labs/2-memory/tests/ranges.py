"""The ranges of an address space as plain values: what NtAllocateVirtualMemory and NtFreeVirtualMemory must keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Optional

PAGE = 4096
MEM_COMMIT, MEM_RESERVE, MEM_DECOMMIT, MEM_RELEASE = 0x1000, 0x2000, 0x4000, 0x8000
SUCCESS, NO_RESOURCES, QUOTA = 0, 0xC000009A, 0xC000012C
PROTECTIONS = {1: 0x02, 4: 0x04, 3: 0x20, 6: 0x40, 24: 0x01}  # MM_PROTECTION -> PAGE_*


@dataclass
class Page:
    """A committed page: how it may be used, and the page of memory that it has, if it was used."""

    protection: int
    frame: Optional[int] = None

    def __str__(self) -> str:
        return f"committed, protection {self.protection}" + (f", page {self.frame:#x}" if self.frame is not None else "")


@dataclass
class Range:
    """A range; pages that are not named are reserved."""

    first: int
    last: int
    protection: int
    pages: Dict[int, Page] = field(default_factory=dict)
    kind: int = 0  # VadType


@dataclass
class Ranges:
    """All ranges of an address space."""

    all: List[Range] = field(default_factory=list)

    @property
    def committed(self) -> int:
        return sum(len(one.pages) for one in self.all)

    @property
    def size(self) -> int:
        return PAGE * sum(one.last - one.first + 1 for one in self.all)

    def of(self, vpn: int) -> Range:
        return next(one for one in self.all if one.first <= vpn <= one.last)

    def page(self, vpn: int) -> Optional[Page]:
        return self.of(vpn).pages.get(vpn)

    def reserve(self, first: int, last: int, protection: int, commit: bool) -> None:
        pages = {vpn: Page(protection) for vpn in range(first, last + 1)} if commit else {}
        self.all.append(Range(first, last, protection, pages))
        self.all.sort(key=lambda one: one.first)

    def missing(self, first: int, last: int) -> int:
        """How many of the pages are not committed."""
        return sum(vpn not in self.of(first).pages for vpn in range(first, last + 1))

    def commit(self, first: int, last: int, protection: int) -> None:
        one = self.of(first)
        for vpn in range(first, last + 1):
            one.pages[vpn] = Page(protection, one.pages[vpn].frame if vpn in one.pages else None)

    def decommit(self, first: int, last: int) -> List[int]:
        """The pages of memory that are given back."""
        one = self.of(first)
        gone = [one.pages.pop(vpn) for vpn in range(first, last + 1) if vpn in one.pages]
        return [page.frame for page in gone if page.frame is not None]

    def release(self, first: int, last: int) -> List[int]:
        one, gone = self.of(first), self.decommit(first, last)
        self.all.remove(one)
        for start, end in ((one.first, first - 1), (last + 1, one.last)):
            if start <= end:
                pages = {vpn: page for vpn, page in one.pages.items() if start <= vpn <= end}
                self.all.append(Range(start, end, one.protection, pages, one.kind))
        self.all.sort(key=lambda each: each.first)
        return gone
