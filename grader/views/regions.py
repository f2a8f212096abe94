"""The regions of an address space as the kernel computed them at boot, and how much of each is in memory.

In the books: "virtual address space layouts".  MEM-01, MEM-02.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List

from grader.views.memory import Structures
from grader.views.tables import PageTables

MOST, NAME_MAX = 64, 40  # MM_REGIONS is the layout's; a table ends where the regions stop to rise


@dataclass(frozen=True)
class Region:
    """One region, as far as it is used."""

    name: str
    start: int
    end: int  # the last byte

    @property
    def pages(self) -> int:
        return (self.end - self.start >> 12) + 1


def read(view: Structures, table: int, count: int) -> "List[Region]":
    """The `count` rows of MmRegions, without those of which nothing is used."""
    size = view.layout.size("MM_REGION")
    found = []
    for at in range(table, table + count * size, size):
        start, end = view.get(at, "MM_REGION.Start"), view.get(at, "MM_REGION.End")
        if end >= start:
            found.append(Region(_text(view, view.get(at, "MM_REGION.Name")), start, end))
    return found


def resident(tables: PageTables, region: Region) -> int:
    """Pages of a region that are valid in an address space."""
    return tables.resident(region.start, region.end)


def _text(view: Structures, address: int) -> str:
    raw = b""
    while address and b"\0" not in raw and len(raw) < NAME_MAX:
        raw += view.memory.read(address + len(raw), 1)
    return raw.split(b"\0")[0].decode("ascii", "replace")
