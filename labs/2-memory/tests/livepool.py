"""The running kernel's non-paged pool: blocks that a driver has, its pages read header by header, and its free lists."""

from __future__ import annotations

import struct
from typing import Dict, List, Set, Tuple

from .blockbench import HINTS, LEAST, PAGE, UNIT, UNITS, PoolBench

TAG = 0x6C62614C  # "Labl"
LEAST_BYTES = 300  # a processor keeps smaller blocks when they are freed


class LivePool:
    """What the test has of it."""

    def __init__(self, t) -> None:
        self.t, self.guest = t, t.guest
        bench = PoolBench(t, 0)  # it finds where a descriptor has what
        self.heads, self.pool = bench.heads, t.guest.sym("PoolVector")
        self.blocks: Dict[int, bytes] = {}  # address -> what its owner wrote
        self.hint = t.hint("pool-live", HINTS["pool-live"])

    def allocate(self) -> None:
        size = self.t.rng.choice((LEAST_BYTES, 600, 1000, 2040, 3000, self.t.rng.randint(LEAST_BYTES, PAGE - 3 * UNIT)))
        block = self._call("ExAllocatePoolWithTag", 0, size, TAG)
        units = -(-(size + UNIT) // UNIT)
        if block == 0 or block % UNIT or block % PAGE + size > PAGE:
            self._fail(f"a block of {size} bytes in one page", f"{block:#x}")
        for other, bytes_of in self.blocks.items():
            if block < other + len(bytes_of) and other < block + size:
                self._fail("a block that no other one overlaps", f"{block:#x}, and {other:#x} is in use")
        self.blocks[block] = bytes(self.t.rng.getrandbits(8) for _ in range(size))
        self.guest.write(block, self.blocks[block])
        kept = self._headers(block & -PAGE).get(block - UNIT)
        if not kept or kept[0] < units or not kept[1]:
            self._fail(f"a header before the block: {units} units or more, in use", f"{kept}")

    def free(self, block: int) -> None:
        wrote = self.blocks.pop(block)
        if self.guest.read(block, len(wrote)) != wrote:
            self._fail("the bytes that the block's owner wrote", "others")
        self._call("ExFreePool", block)

    def judge(self) -> None:
        """Its pages of which a block is known, and its lists."""
        listed = self._lists()
        for page in sorted({block & -PAGE for block in [*self.blocks, *listed]}):
            headers = self._headers(page)
            free = {header + UNIT for header, (units, used) in headers.items() if not used and units >= LEAST}
            here = {entry for entry in listed if entry & -PAGE == page}
            if free != here:
                self._fail("each free block on a list, and no other", f"page {page:#x}: free {_named(free)}; on lists {_named(here)}")
            lost = [block for block in self.blocks if block & -PAGE == page and not headers.get(block - UNIT, (0, False))[1]]
            if lost:
                self._fail("the test's blocks are in use", f"{_named(set(lost))} not")
            if not any(used for _, used in headers.values()):
                self._fail("a page that is free as a whole is the pool's no longer", f"page {page:#x}")

    def counts(self) -> Tuple[int, int]:
        """TotalPages and TotalBytes."""
        _, _, pages, _, total = struct.unpack("<5I", self.guest.read(self.pool + self.heads - UNITS // 8 - 20, 20))
        return pages, total

    def _headers(self, page: int) -> Dict[int, Tuple[int, bool]]:
        """A page's headers: units, and whether the block is in use."""
        words, found = struct.unpack(f"<{PAGE // 2}H", self.guest.read(page, PAGE)), {}
        at = previous = 0
        free = False
        while at < UNITS:
            low, high = words[4 * at], words[4 * at + 1]
            units, used = high & 511, bool(high >> 9)
            if low & 511 != previous or units == 0 or at + units > UNITS or (free and not used):
                self._fail("blocks that cover the page, each with its neighbour's size, free ones joined",
                           f"page {page:#x} at {at}: PreviousSize {low & 511}, BlockSize {units}, {'in use' if used else 'free'}; before: {previous} units")
            found[page + at * UNIT] = (units, used)
            at, previous, free = at + units, units, not used
        return found

    def _lists(self) -> List[int]:
        """The entries of all free lists."""
        place = self.pool + self.heads
        heads = struct.unpack(f"<{2 * UNITS}I", self.guest.read(place, 8 * UNITS))
        summary = int.from_bytes(self.guest.read(place - UNITS // 8, UNITS // 8), "little")
        found: List[int] = []
        seen: Set[int] = set()
        for units in range(UNITS):
            head, entry = place + 8 * units, heads[2 * units]
            if (entry != head) != bool(summary >> units & 1):
                self._fail(f"bit {units} of ListSummary says whether the list has a block", f"it is {summary >> units & 1}")
            while entry != head:
                if entry in seen or entry % UNIT or not self.guest.readable(entry, 8):
                    self._fail(f"the list of {units} units leads through free blocks", f"{entry:#x}")
                seen.add(entry)
                found.append(entry)
                if self.guest.u16(entry - UNIT + 2) & 511 != units:
                    self._fail(f"blocks of {units} units on their list", f"one of {self.guest.u16(entry - UNIT + 2) & 511}")
                entry = self.guest.u32(entry)
        return found

    def _call(self, routine: str, *arguments: int) -> int:
        self.t.asking(f"{routine}({', '.join(f'{one:#x}' for one in arguments)}), with {len(self.blocks)} blocks of the test's in use", self.hint)
        with self.guest.uninterrupted():
            return self.guest.call(routine, *arguments)

    def _fail(self, expected: str, seen: str) -> None:
        self.t.fail(expected=expected, seen=seen, hint=self.hint)


def _named(addresses: "Set[int]") -> str:
    return ", ".join(f"{one:#x}" for one in sorted(addresses)[:8]) or "none"
