"""A pool that only the test uses: pages of the scratch memory, cut into blocks, compared header by header with a model after every call."""

from __future__ import annotations

import struct
from typing import Dict, List, Optional, Tuple

PAGE, UNIT, UNITS = 4096, 8, 512  # bytes; of a page, in units
LEAST = 2  # units of a block that can be on a list
BAD_POOL_HEADER = 0x19
STRIDE = 512 * 8 + 1024  # bytes that a descriptor has at most

HINTS = {
    "pool-choice": "The list of the smallest size that suffices gives the block, and of that list the first. ListSummary finds the list in a few steps.",
    "pool-none": "Where no free block is large enough the answer is nullptr, and nothing has changed.",
    "pool-split-place": "At the start of a page the front of a block is used, elsewhere its end. Draw where the rest lies, and which header it has.",
    "pool-rest": "What is left of a block is a free block with a header, on the list of its size, or on none if it has no room for a list entry.",
    "pool-header": "A header says its pool (PoolIndex), its size, and whether it is free (0) or in use (1 + the pool's type).",
    "pool-previous": "PreviousSize is the size of the block before. When a block changes its size, the block behind it learns that, too.",
    "pool-neighbour": "Of a block in use PreviousSize belongs to the lock; BlockSize, PoolType, the tag and the body belong to its owner, who may write them at this moment. "
                      "A header that is read, changed and written back as a whole undoes that.",
    "pool-list": "A free block is on the list of its own size, and on no other. It leaves its list before its size changes.",
    "pool-order": "A block that is freed comes to the front of its list; what is left of a split, and of a new page, comes to its end.",
    "pool-summary": "Bit n of ListSummary says that ListHeads[n] has a block. It changes when the list gets its first block and when it loses its last.",
    "pool-join": "Two free blocks are never neighbours. A freed block becomes one with the free block before it and with the one behind it.",
    "pool-edge": "The first block of a page has none before it, the last none behind it: what lies there belongs to another page.",
    "pool-whole": "A page whose blocks are all free is the pool's no longer: it is returned, its blocks are on no list, and it is not counted.",
    "pool-counts": "RunningAllocs and RunningDeAllocs count calls that gave or took a block, TotalPages the pages, TotalBytes the bytes of blocks in use, headers included.",
    "pool-damage": "ExpVerifyFreeBlock stops the system when a free block was written. Whatever takes a block off a list asks it first.",
    "pool-call": "Draw the page before the call and after it: each block's header, and the lists. Follow your code with these numbers.",
    "pool-live": "The kernel itself lives on these blocks. The tests with a bench show the mistake one call at a time: begin there.",
}


class Block:
    """A block of the model."""

    def __init__(self, units: int, used: bool) -> None:
        self.units, self.used = units, used


class PoolBench:
    """A descriptor and pages in scratch memory."""

    def __init__(self, t, pages: int = 9) -> None:
        self.t, self.guest, rng = t, t.guest, t.rng
        self.pool = t.guest.alloc(STRIDE, 16)
        self.memory = [t.guest.alloc(PAGE, PAGE) for _ in range(pages)]
        rng.shuffle(self.memory)
        self.type, self.index = rng.randrange(2), rng.randrange(1, 100)
        self.begin()

    def begin(self) -> None:
        """The pool is empty, and has no page."""
        t = self.t
        self.spare = list(self.memory)
        self.pages: Dict[int, List[Block]] = {}
        self.lists: Dict[int, List[int]] = {}
        self.allocs = self.frees = 0
        self.done: List[str] = []
        self.watched = False
        self._call("ExpInitializePoolDescriptor", "ExpInitializePoolDescriptor", self.pool, self.type)
        self.guest.u32(self.pool + 4, self.index)
        raw = self.guest.read(self.pool, STRIDE)
        words = struct.unpack(f"<{STRIDE // 4}I", raw)
        self.heads = next((4 * at for at in range(len(words) - 2 * UNITS) if all(words[at + 2 * n] == words[at + 2 * n + 1] == self.pool + 4 * at + 8 * n
                                                                                 for n in range(UNITS))), 0)
        t.infra(self.heads != 0, "the lists of an empty pool are empty")
        self.compare()

    # -- the model -----------------------------------------------------------------------------------------------------
    def blocks(self, used: bool) -> List[int]:
        """The headers' addresses of all blocks that are in use, or free."""
        return [at for page in sorted(self.pages) for at, block in self._walk(page) if block.used == used]

    def _walk(self, page: int) -> List[Tuple[int, Block]]:
        at, found = page, []
        for block in self.pages[page]:
            found.append((at, block))
            at += block.units * UNIT
        return found

    def _find(self, header: int) -> Tuple[int, int]:
        """A block's page and its number in it."""
        page = header & -PAGE
        return page, [at for at, _ in self._walk(page)].index(header)

    def units(self, header: int) -> int:
        page, number = self._find(header)
        return self.pages[page][number].units

    def _insert(self, header: int, units: int, last: bool) -> None:
        if units >= LEAST:
            blocks = self.lists.setdefault(units, [])
            blocks.insert(len(blocks) if last else 0, header)

    def _remove(self, header: int, units: int) -> None:
        if units >= LEAST:
            self.lists[units].remove(header)

    # -- the calls -----------------------------------------------------------------------------------------------------
    def take(self, units: int) -> Optional[int]:
        """ExpTakeBlock: the header's address, or None."""
        size = min((size for size, blocks in self.lists.items() if blocks and size >= units), default=0)
        before = self.text()
        seen = self._call(f"ExpTakeBlock({units} units); free before: {before}", "ExpTakeBlock", self.pool, units)
        if not size:
            if seen:
                self._fail("nullptr", self.name(seen), "pool-none")
            self.compare("pool-none")
            return None
        header = self.lists[size][0]
        page, number = self._find(header)
        self._remove(header, size)
        if size > units:
            first = header == page
            rest, used = Block(size - units, False), Block(units, True)
            self.pages[page][number:number + 1] = [used, rest] if first else [rest, used]
            self._insert(header + units * UNIT if first else header, rest.units, True)
            header += 0 if first else rest.units * UNIT
        else:
            self.pages[page][number].used = True
        self.allocs += 1
        if seen != header:
            hint = "pool-split-place" if seen & -PAGE == page and size > units else "pool-choice"
            self._fail(self.name(header), self.name(seen), hint)
        self._own(header)
        self.compare()
        return header

    def cut(self, units: int) -> int:
        """ExpCutPage: a new page."""
        page = self.spare.pop()
        self.guest.write(page, bytes(self.t.rng.getrandbits(8) for _ in range(PAGE)))
        self.pages[page] = [Block(units, True), Block(UNITS - units, False)]
        self._insert(page + units * UNIT, UNITS - units, True)
        self.allocs += 1
        seen = self._call(f"ExpCutPage({units} units)", "ExpCutPage", self.pool, page, units)
        if seen != page:
            self._fail("the page's first block", self.name(seen), "pool-call")
        self._own(page)
        self.compare()
        return page

    def put(self, header: int) -> bool:
        """ExpPutBlock. @returns whether its page is the pool's no longer."""
        page, number = self._find(header)
        blocks, before = self.pages[page], self.text()
        what = f"ExpPutBlock({self.name(header)}, {blocks[number].units} units); free before: {before}"
        start, units, low, high = header, blocks[number].units, number, number
        if number + 1 < len(blocks) and not blocks[number + 1].used:
            self._remove(header + units * UNIT, blocks[number + 1].units)
            units, high = units + blocks[number + 1].units, number + 1
        if number and not blocks[number - 1].used:
            start -= blocks[number - 1].units * UNIT
            self._remove(start, blocks[number - 1].units)
            units, low = units + blocks[number - 1].units, number - 1
        blocks[low:high + 1] = [Block(units, False)]
        self.frees += 1
        whole = units == UNITS
        if whole:
            del self.pages[page]
        else:
            self._insert(start, units, False)
        seen = self._call(what, "ExpPutBlock", self.pool, header)
        if seen != (page if whole else 0):
            self._fail("its page" if whole else "nullptr", self.name(seen), "pool-whole")
        if header - start != UNIT and self.guest.u16(header + 2) >> 9:  # else the list entry lies there
            self._fail("a second free would find a free block: PoolType 0", f"PoolType {self.guest.u16(header + 2) >> 9}", "pool-header")
        self.compare("pool-whole" if whole else "")
        if whole:
            self.spare.append(page)
        return whole

    def stops(self, routine: str, *arguments: int) -> None:
        """A call that must stop the system, because a free block was written."""
        self.done.append(f"{routine} after a free block was written")
        self.t.asking(self.done[-1], self._hint("pool-damage"))
        with self.guest.uninterrupted():
            place, registers = self.guest.call_or_stop(routine, self.pool, *arguments, stops=("KeBugCheckEx",), conv="cdecl")
        if not place:
            self._fail(f"BAD_POOL_HEADER ({BAD_POOL_HEADER:#x})", "it returned", "pool-damage")
        code = self.guest.u32(registers["esp"] + 4)
        if code != BAD_POOL_HEADER:
            self._fail(f"BAD_POOL_HEADER ({BAD_POOL_HEADER:#x})", f"bugcheck {code:#x}", "pool-damage")

    def _own(self, header: int) -> None:
        """Its owner writes all of the body, and a tag."""
        size = self.units(header) * UNIT - UNIT
        self.guest.write(header + 4, bytes(self.t.rng.getrandbits(8) for _ in range(4 + size)))

    def _call(self, what: str, routine: str, *arguments: int) -> int:
        self.done.append(what)
        self.t.asking(what, self._hint("pool-call"))
        with self.guest.uninterrupted():
            if not self.watched:
                return self.guest.call(routine, *arguments, conv="cdecl")
            wrote: List[int] = []
            owned = [(at + 2, block.units * UNIT - 2) for page in self.pages if page not in arguments
                     for at, block in self._walk(page) if block.used]  # but those of a page that is new
            with self.guest.watching(owned, wrote.append):
                answer = self.guest.call(routine, *arguments, conv="cdecl")
        if wrote:
            self._fail("of a block that stays in use PreviousSize is written, and nothing else",
                       f"{self.guest.describe(wrote[0] - 1)} writes more of one", "pool-neighbour")
        return answer

    # -- judging -------------------------------------------------------------------------------------------------------
    def compare(self, hint: str = "") -> None:
        for page in self.pages:
            self._compare_page(page, hint)
        self._compare_lists(hint)
        allocs, frees, pages, _, total = struct.unpack("<5I", self.guest.read(self.pool + self.heads - UNITS // 8 - 20, 20))
        used = UNIT * sum(block.units for blocks in self.pages.values() for block in blocks if block.used)
        for name, expected, seen in (("RunningAllocs", self.allocs, allocs), ("RunningDeAllocs", self.frees, frees),
                                     ("TotalPages", len(self.pages), pages), ("TotalBytes", used, total)):
            if expected != seen:
                self._fail(f"{name} {expected}", f"{name} {seen}", "pool-whole" if name == "TotalPages" and hint else "pool-counts")

    def _compare_page(self, page: int, hint: str) -> None:
        previous = 0
        for at, block in self._walk(page):
            low, high = struct.unpack("<2H", self.guest.read(at, 4))
            seen = (low & 511, low >> 9, high & 511, high >> 9)
            expected = (previous, self.index, block.units, 1 + self.type if block.used else 0)
            if seen != expected:
                which = next(number for number in range(4) if seen[number] != expected[number])
                joined = "ExpPutBlock" in self.done[-1] and which in (0, 2)
                self._fail(self._header(at, expected), self._header(at, seen),
                           hint or ("pool-join" if joined and which == 2 else ("pool-previous", "pool-header", "pool-rest", "pool-header")[which]))
            previous = block.units

    def _header(self, at: int, words: "Tuple[int, ...]") -> str:
        return f"{self.name(at)}: PreviousSize {words[0]}, PoolIndex {words[1]}, BlockSize {words[2]}, PoolType {words[3]}"

    def _compare_lists(self, hint: str) -> None:
        place = self.pool + self.heads
        raw = struct.unpack(f"<{2 * UNITS}I", self.guest.read(place, 8 * UNITS))
        summary = struct.unpack(f"<{UNITS // 32}I", self.guest.read(place - UNITS // 8, UNITS // 8))
        for units in range(UNITS):
            expected = self.lists.get(units, [])
            head = place + 8 * units
            chain = [head, *(header + UNIT for header in expected), head]
            forward = self._chain(head, raw[2 * units], 0, len(expected))
            back = self._chain(head, raw[2 * units + 1], 4, len(expected))
            if forward != chain[1:] or back != chain[-2::-1]:
                same = sorted(forward) == sorted(chain[1:])
                self._fail(f"the list of {units} units: {self._named(chain[1:-1])}", self._named([one for one in forward if one != head]),
                           hint or ("pool-order" if same else "pool-list"))
            if (summary[units // 32] >> units % 32 & 1) != bool(expected):
                self._fail(f"bit {units} of ListSummary is {int(bool(expected))}", f"it is {int(not expected)}", hint or "pool-summary")

    def _chain(self, head: int, at: int, link: int, count: int) -> List[int]:
        """The entries that the links lead to, one more than there should be at most."""
        found = [at]
        while at != head and len(found) < count + 2 and self.guest.readable(at, 8):
            at = self.guest.u32(at + link)
            found.append(at)
        return found

    def name(self, header: int) -> str:
        if header == 0:
            return "nullptr"
        known = sorted([*self.pages, *self.spare])
        page = header & -PAGE
        return f"page {known.index(page)} at {header % PAGE // UNIT}" if page in known else f"{header:#x}, which is in no page of the test"

    def _named(self, entries: List[int]) -> str:
        return ", ".join(self.name(entry - UNIT) for entry in entries[:8]) or "empty"

    def text(self) -> str:
        """The free blocks, for whoever reads a failure."""
        free = [f"{self.name(at)}: {block.units}" for page in sorted(self.pages) for at, block in self._walk(page) if not block.used]
        return "; ".join(free[:10]) or "none"

    def _hint(self, id: str):
        return self.t.hint(id, HINTS[id])

    def _fail(self, expected: str, seen: str, hint: str) -> None:
        earlier = len(self.done) - 1
        self.t.fail(asked=self.done[-1] + (f" (after {earlier} calls)" if earlier > 1 else ""), expected=expected, seen=seen, hint=self._hint(hint))
