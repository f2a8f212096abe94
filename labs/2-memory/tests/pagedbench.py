"""A paged pool that only the test uses: its bitmaps lie in scratch memory, its pages nowhere.  The host answers for page tables and frames,
looks at the pool whenever one of them is asked, and acts as another thread there."""

from __future__ import annotations

import struct
from typing import Callable, Dict, List, Optional, Tuple

PAGE, TABLE = 4096, 1024  # bytes; pages that a page table maps
POOL = struct.Struct("<9I")  # Base, Lock, Allocated (size, buffer), EndOfAllocation (size, buffer), Hint, FreePages, Limit
LOCK = 4  # its offset
TABLES, MAP, UNMAP = "MiMakePoolTables", "MiMapPoolPages", "MiUnmapPoolPages"
ASKED = (TABLES, MAP, UNMAP)

HINTS = {
    "paged-lowest": "The lowest run of clear bits that is long enough gives the pages. A search from Hint on finds it as long as no page before Hint is free.",
    "paged-hint": "No page before Hint is free. Pages that are freed may lie before it; only a run that began at Hint moves it, behind that run.",
    "paged-end": "Exactly the last page of each allocation has its bit in EndOfAllocation. It comes and goes with the allocation.",
    "paged-size": "Neighbours are one row of set bits. An allocation begins at a page that is allocated and whose neighbour before is free, or is the end of an "
                  "allocation, or does not exist; it goes on to the next end.",
    "paged-begins": "An address at which no allocation begins has no size: one inside a page, of a later page of an allocation, of a free page, outside of the pool.",
    "paged-free": "FreePages is the number of pages of the pool that are free: what is taken, freed or new changes it.",
    "paged-growth": "A run at the pool's end may begin with pages that are free already. What is missing then, rounded up to whole page tables, is the growth; at the "
                    "range's end there may be less than that, or too little.",
    "paged-expand": "Both bitmaps reach as far as the pool does, and the new pages are free in both.",
    "paged-tables": "Page tables first, then the bits: as soon as a bit is clear another thread may take that page, and map it.",
    "paged-once": "The lock was free while page tables were made. Another thread may have grown the pool meanwhile, or taken what is new: look again.",
    "paged-lock": "The pool's lock is free while MiMakePoolTables, MiMapPoolPages or MiUnmapPoolPages runs: they take locks of a lower rank.",
    "paged-mapped": "A page looks allocated from before it is mapped until after it is unmapped: else another thread takes it in between.",
    "paged-undone": "Where there is no memory for pages or page tables nothing stays allocated, and the answer is nullptr.",
    "paged-call": "Draw both rows of bits before the call and after it.",
}


class PagedBench:
    """A pool of `pages` pages in a range of `limit`."""

    def __init__(self, t, pages: int = 80, limit: int = 0) -> None:
        self.t, self.guest = t, t.guest
        self.size, self.limit = pages, limit or pages
        words = (self.limit + 31) // 32
        self.pool, self.bits = t.guest.alloc(POOL.size), t.guest.alloc(8 * words)
        self.words = words
        self.base = t.rng.randrange(0x20, 0x200) << 22
        self.taken: Dict[int, int] = {}  # first page -> pages
        self.tables = pages  # pages whose page tables exist
        self.hint = 0
        self.done: List[str] = []
        t.guest.write(self.bits, bytes(t.rng.getrandbits(8) for _ in range(8 * words)))
        self._call(f"MiInitializePagedPool({pages} pages of {self.limit})", "MiInitializePagedPool", self.pool, self.base, pages, self.limit, self.bits)
        self.compare()

    # -- the model -----------------------------------------------------------------------------------------------------
    def free_runs(self) -> List[Tuple[int, int]]:
        """(first page, pages) of each free run, in order."""
        runs, at = [], 0
        for first in sorted(self.taken):
            if first > at:
                runs.append((at, first - at))
            at = first + self.taken[first]
        return runs + [(at, self.size - at)] if at < self.size else runs

    def place(self, pages: int) -> Optional[int]:
        return next((first for first, length in self.free_runs() if length >= pages), None)

    def missing(self, pages: int) -> int:
        """What MiPagedGrowth must say."""
        runs = self.free_runs()
        missing = pages - (runs[-1][1] if runs and sum(runs[-1]) == self.size else 0)
        left = self.limit - self.size
        return 0 if missing > left else min(-(-missing // TABLE) * TABLE, left)

    # -- the bitmaps ---------------------------------------------------------------------------------------------------
    def reserve(self, pages: int) -> Optional[int]:
        first, what = self.place(pages), f"MiReservePagedPages({pages} pages); free before: {self.text()}"
        self._answer(self._call(what, "MiReservePagedPages", self.pool, pages), first, "paged-lowest")
        moved = first is not None and first == self.hint
        if first is not None:
            self.taken[first] = pages
        self.compare()
        if moved and first is not None and self.hint < first + pages:
            self._fail(f"the run began at Hint, so Hint is {first + pages} or more", f"Hint {self.hint}", "paged-hint")
        return first

    def release(self, first: int) -> None:
        what = f"MiReleasePagedPages(page {first}, {self.taken[first]} pages); free before: {self.text()}"
        pages = self.taken.pop(first)
        self._call(what, "MiReleasePagedPages", self.pool, self.base + first * PAGE, pages)
        self.compare()

    def measure(self, address: int) -> None:
        """MiPagedAllocationSize."""
        offset = address - self.base
        expected = self.taken.get(offset // PAGE, 0) if offset % PAGE == 0 else 0
        seen = self._call(f"MiPagedAllocationSize({self._named(address)}); allocated: {self._allocations()}", "MiPagedAllocationSize", self.pool,
                          address & 0xFFFFFFFF)
        if seen != expected:
            self._fail(f"{expected} pages", f"{seen}", "paged-size" if expected else "paged-begins")

    def growth(self, pages: int) -> int:
        expected = self.missing(pages)
        what = f"MiPagedGrowth({pages} pages) of a pool of {self.size} in a range of {self.limit}; free: {self.text()}"
        seen = self._call(what, "MiPagedGrowth", self.pool, pages)
        if seen != expected:
            self._fail(f"{expected} pages", f"{seen}", "paged-growth")
        return expected

    def expand(self, pages: int) -> None:
        self.size += pages
        self.tables = max(self.tables, self.size)
        self._call(f"MiExpandPagedPool({pages} pages)", "MiExpandPagedPool", self.pool, pages)
        self.compare("paged-expand")

    # -- the pages behind them -----------------------------------------------------------------------------------------
    def allocate(self, pages: int, memory: Tuple[str, ...] = (TABLES, MAP), other: Optional[Callable[[], None]] = None) -> Optional[int]:
        """MiAllocatePagedPages. @param memory what there is memory for. @param other what another thread does while page tables are made"""
        what = f"MiAllocatePagedPages({pages} pages) of a pool of {self.size} in a range of {self.limit}; free before: {self.text()}"
        mapped: List[int] = []
        failed = False

        def answer(place: str, address: int, count: int) -> int:
            nonlocal other, failed
            if place == UNMAP:
                self._fail("pages that nobody had are not unmapped", f"MiUnmapPoolPages({self._named(address)}, {count} pages)", "paged-undone")
            failed = failed or place not in memory
            if place == TABLES:
                self._make_tables(address, count, pages)
                if other:
                    self.done[-1] += "; another thread, while page tables are made: " + (other.__doc__ or "")
                    other()
                    other = None
            else:
                self._grow_for(pages)
                first = self.place(pages)
                if mapped or first is None or (address, count) != (self.base + first * PAGE, pages):
                    self._fail(f"MiMapPoolPages(page {first}, {pages} pages), once", f"MiMapPoolPages({self._named(address)}, {count} pages)", "paged-lowest")
                mapped.append(first)
                self.taken[first] = pages
                self.compare("paged-mapped")
            return place in memory

        seen = self._follow(what, "MiAllocatePagedPages", (self.pool, pages), answer)
        if failed and mapped:
            del self.taken[mapped[0]]
        if not mapped and not failed:
            self._grow_for(pages)
            first = self.place(pages)
            if first is not None:
                self._fail(f"page {first}, mapped", "nullptr" if not seen else f"{self._named(seen)}, which nobody mapped",
                           "paged-mapped" if seen else "paged-once" if "another thread" in self.done[-1] else "paged-lowest")
        expected = mapped[0] if mapped and not failed else None
        self._answer(seen, expected, "paged-undone" if failed else "paged-lowest")
        self.compare("paged-undone" if failed else "")
        return expected

    def free(self, address: int, other: Optional[Callable[[], None]] = None) -> None:
        """MiFreePagedPages. @param other what another thread does while the pages are unmapped"""
        first = (address - self.base) // PAGE
        pages = self.taken.get(first, 0) if address % PAGE == 0 else 0
        unmapped = 0

        def answer(place: str, at: int, count: int) -> int:
            nonlocal unmapped
            if place != UNMAP or unmapped or not pages or (at, count) != (address, pages):
                wanted = f"MiUnmapPoolPages(page {first}, {pages} pages), once" if pages else "nothing, because no allocation begins there"
                self._fail(wanted, f"{place}({self._named(at)}, {count} pages)", "paged-call" if pages else "paged-begins")
            unmapped += 1
            self.compare("paged-mapped")
            if other:
                other()
            return 1

        seen = self._follow(f"MiFreePagedPages({self._named(address)}); allocated: {self._allocations()}", "MiFreePagedPages",
                            (self.pool, address & 0xFFFFFFFF), answer)
        if pages and not unmapped:
            self._fail(f"MiUnmapPoolPages(page {first}, {pages} pages)", "it was not called", "paged-mapped")
        if pages:
            del self.taken[first]
        if seen != pages:
            self._fail(f"it returns {pages}", f"it returns {seen}", "paged-size" if pages else "paged-begins")
        self.compare()

    def _grow_for(self, pages: int) -> None:
        """The model grows until a run has room, or the range ends."""
        while self.place(pages) is None and self.missing(pages):
            self.size += self.missing(pages)

    def _make_tables(self, address: int, count: int, pages: int) -> None:
        self.compare()
        first = (address - self.base) // PAGE
        wanted = 0 if self.place(pages) is not None else self.missing(pages)
        if address % PAGE or first > self.tables or first + count > self.size + wanted:
            self._fail(f"page tables for pages {self.size} to {self.size + wanted - 1}" if wanted else "no page tables: they would not help",
                       f"MiMakePoolTables({self._named(address)}, {count} pages)", "paged-growth")
        self.tables = max(self.tables, first + count)

    # -- another thread ------------------------------------------------------------------------------------------------
    def as_other(self, pages: int, take: int = 0) -> None:
        """The pool has grown by so many pages, and `take` of the first free ones at its end are taken."""
        if take:
            at = self.free_runs()[-1][0] if self.free_runs() and sum(self.free_runs()[-1]) == self.size else self.size
            self.taken[at] = take
        self.size += pages
        self.tables = max(self.tables, self.size)
        self._write()

    def _write(self) -> None:
        """The model's state, with a hint that is right."""
        runs = self.free_runs()
        base, lock, _, allocated, _, ends, _, _, limit = POOL.unpack(self.guest.read(self.pool, POOL.size))
        self.hint = runs[0][0] if runs else self.size
        self.guest.write(self.pool, POOL.pack(base, lock, self.size, allocated, self.size, ends, self.hint, sum(length for _, length in runs), limit))
        for which, bits in enumerate(self._bits()):
            self.guest.write(self.bits + 4 * self.words * which, bits.to_bytes(4 * self.words, "little"))

    def _bits(self) -> Tuple[int, int]:
        """Allocated and EndOfAllocation as numbers."""
        return (sum((1 << pages) - 1 << first for first, pages in self.taken.items()), sum(1 << first + pages - 1 for first, pages in self.taken.items()))

    # -- judging -------------------------------------------------------------------------------------------------------
    def compare(self, hint: str = "") -> None:
        base, _, size, allocated, ends_size, ends, at, free, limit = POOL.unpack(self.guest.read(self.pool, POOL.size))
        if size > self.tables:
            self._fail(f"a pool of {self.tables} pages at most: more have no page tables", f"{size} pages", "paged-once" if "another thread" in self.done[-1]
                       else "paged-tables")
        if (size, ends_size) != (self.size, self.size):
            self._fail(f"{self.size} pages in both bitmaps", f"{size} in Allocated, {ends_size} in EndOfAllocation", hint or "paged-expand")
        raw = self.guest.read(self.bits, 8 * self.words)
        for which, (name, expected) in enumerate(zip(("Allocated", "EndOfAllocation"), self._bits())):
            seen = int.from_bytes(raw[4 * self.words * which:4 * self.words * (which + 1)], "little")
            if seen != expected:
                page = ((seen ^ expected) & -(seen ^ expected)).bit_length() - 1
                self._fail(f"{name}: {_rows(expected)}", f"{_rows(seen)} (page {page} differs)", hint or ("paged-end" if which else "paged-lowest"))
        runs = self.free_runs()
        if free != sum(length for _, length in runs):
            self._fail(f"FreePages {sum(length for _, length in runs)}", f"FreePages {free}", hint or "paged-free")
        if at > (runs[0][0] if runs else self.size):
            self._fail("no free page before Hint" + (f"; page {runs[0][0]} is free" if runs else ""), f"Hint {at}", "paged-hint")
        self.hint = at
        if (base, allocated, ends, limit) != (self.base, self.bits, self.bits + 4 * self.words, self.limit):
            self._fail("Base, Limit and the bitmaps' places as they were", f"{base:#x}, {limit}, {allocated:#x}, {ends:#x}", "paged-call")

    def _answer(self, seen: int, first: Optional[int], hint: str) -> None:
        expected = self.base + first * PAGE if first is not None else 0
        if seen != expected:
            self._fail(f"page {first}" if first is not None else "nullptr", self._named(seen) if seen else "nullptr", hint)

    def _follow(self, what: str, routine: str, arguments: Tuple[int, ...], answer: Callable[[str, int, int], int]) -> int:
        """A call, and the host's answers where it asks for page tables or frames."""
        guest = self.guest
        self.done.append(what)
        self.t.asking(what, self._hint("paged-call"))
        with guest.uninterrupted():
            place, registers = guest.call_or_stop(routine, *arguments, stops=ASKED, conv="cdecl")
            while place:
                if guest.u32(self.pool + LOCK):
                    self._fail(f"the pool's lock is free when {place} is called", "it is held", "paged-lock")
                esp = registers["esp"]
                result = answer(place, guest.u32(esp + 4), guest.u32(esp + 8))
                place, registers = guest.go_on(ASKED, eip=guest.u32(esp), esp=esp + 4, eax=int(result))
        if guest.u32(self.pool + LOCK):
            self._fail("the pool's lock is free when the routine returns", "it is held", "paged-lock")
        return registers["eax"]

    def _call(self, what: str, routine: str, *arguments: int) -> int:
        self.done.append(what)
        self.t.asking(what, self._hint("paged-call"))
        with self.guest.uninterrupted():
            return self.guest.call(routine, *arguments, conv="cdecl")

    def _named(self, address: int) -> str:
        page, inside = divmod(address - self.base, PAGE)
        return f"page {page}" + (f" + {inside:#x}" if inside else "")

    def text(self) -> str:
        return " ".join(f"{first}-{first + length - 1}" for first, length in self.free_runs()[:20]) or "none"

    def _allocations(self) -> str:
        return " ".join(f"{first}-{first + self.taken[first] - 1}" for first in sorted(self.taken)[:20]) or "none"

    def _hint(self, id: str):
        return self.t.hint(id, HINTS[id])

    def _fail(self, expected: str, seen: str, hint: str) -> None:
        earlier = len(self.done) - 1
        self.t.fail(asked=self.done[-1] + (f" (after {earlier} calls)" if earlier > 1 else ""), expected=expected, seen=seen, hint=self._hint(hint))


def _rows(bits: int) -> str:
    """The rows of set bits."""
    rows, at = [], 0
    while bits >> at and len(rows) < 20:
        at += ((bits >> at) & -(bits >> at)).bit_length() - 1
        length = (~(bits >> at) & -~(bits >> at)).bit_length() - 1
        rows.append(f"{at}-{at + length - 1}" if length > 1 else f"{at}")
        at += length
    return " ".join(rows) or "none"
