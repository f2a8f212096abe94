"""Threads that use more pages than there is memory for (crowd.cpp), on a machine with a page file, and looks at the kernel's tables meanwhile.

At the end each page is where its entry says: in a frame, or at a place of the page file, whose bytes the host reads from the disk.
"""

from __future__ import annotations

import struct
from typing import Dict, List

from .crowd import CLOCK, HEAD, KINDS, LOOK, SIZE, TRIM, disagreement, is_free
from .faultbench import ACTIVE, FREE, NONE, PAGE_SIZE, PFN, VPN, ZEROED, Bench
from .faultmodel import describe, form
from .livepages import Database

PAGES, MEMORY, USES = 160, 96, 700
LOOKS = 6
READING = 1 << 1
HINTS = {
    "paged-bytes": "What a page holds at the end is what was written last. Follow one page: trimmed, written, taken, read. Where could an older state of it, or another page's "
                   "bytes, have come in?",
    "paged-whole": "Entries, frames and working set agree at every moment at which the locks are free.",
    "paged-io": "There is not enough memory for all pages: some must have been written to the page file and read again.",
}


class Crowd:
    """One run of it."""

    def __init__(self, t, threads: int) -> None:
        self.t, self.threads = t, threads
        t.infra(t.guest.u32(t.guest.sym("MmNumberOfPagingFiles")) == 1, "the machine has a page file")
        self.bench = bench = Bench(t)
        self._claim(MEMORY)
        self.first = bench.allocate(PAGES).first
        self.seeds = [t.rng.getrandbits(32) for _ in range(threads)]
        self.words: Dict[int, List[int]] = {vpn: [0] * threads for vpn in range(self.first, self.first + PAGES)}
        for thread, random in enumerate(self.seeds):
            for _ in range(USES):
                random = (random * 1664525 + 1013904223) & 0xFFFFFFFF
                page, kind = self.first + (random >> 8) % PAGES, (random >> 24) % KINDS
                if kind >= LOOK and kind != TRIM:
                    self.words[page][thread] += 1

    def _claim(self, kept: int) -> None:
        """All free pages but so many are in use by the system, as the database has it."""
        guest, bench = self.t.guest, self.bench
        claimed = 0
        for name in (FREE, ZEROED):
            head = guest.sym(name)
            frames, frame = [], guest.get(head, "MMPFNLIST.Flink")
            while frame != NONE:
                frames.append(frame)
                frame = guest.u32(bench.element(frame))
            left = frames[:kept]
            kept -= len(left)
            for frame in frames[len(left):]:
                guest.write(bench.element(frame), PFN.pack(0, 0, 1, 1, ACTIVE << 8 | 1, 0, 0))
            claimed += len(frames) - len(left)
            for field, value in (("Total", len(left)), ("Flink", left[0] if left else NONE), ("Blink", left[-1] if left else NONE)):
                guest.set(head, f"MMPFNLIST.{field}", value)
            if left:
                guest.u32(bench.element(left[-1]), NONE)
        self.t.infra(kept == 0, "the machine has free pages")
        available = guest.sym("MmAvailablePages")
        guest.u32(available, guest.u32(available) - claimed)

    def judge(self) -> None:
        t, bench, guest = self.t, self.bench, self.t.guest
        plan = guest.sym("Lab2Crowd")
        guest.write(plan, bytes(SIZE))
        guest.write(plan, HEAD.pack(bench.process, self.first << VPN, PAGES, self.threads, USES, *(self.seeds + [0] * 4)[:4]))
        hint = t.hint("paged-bytes", HINTS["paged-bytes"])
        t.asking(f"{self.threads} threads use {PAGES} pages, {USES} uses each, with {MEMORY} pages of memory", hint)
        bench.let_run()
        place, _ = guest.call_or_stop("Lab2RunCrowd", stops=(CLOCK, ))
        clocks = 0
        while place:
            clocks += 1
            if clocks <= LOOKS and is_free(bench):
                self._whole()
            place, _ = guest.go_on((CLOCK, ) if clocks < LOOKS else ())
        self._words(hint)
        self._io()

    def _whole(self) -> None:
        t, hint = self.t, self.t.hint("paged-whole", HINTS["paged-whole"])
        Database.read(t.guest).judge(t, hint)
        broken = disagreement(self.bench, self.words, paging=True)
        t.check(not broken, asked="page table, frames and working set, read while the locks are free", expected="all three agree", seen=broken, hint=hint)

    def _words(self, hint) -> None:
        """Each thread's word of each page, wherever the page is now."""
        t, bench = self.t, self.bench
        disk = (t.guest.machine.folder / "pagefile.memory").read_bytes()
        for vpn, words in self.words.items():
            pte = bench.pte(vpn)
            if form(pte) == "page file":
                here = disk[(pte >> 12) * PAGE_SIZE:(pte >> 12) * PAGE_SIZE + PAGE_SIZE]
            else:
                here = t.guest.space.ram.read(pte >> 12 << 12, PAGE_SIZE) if form(pte) in ("valid", "transition") else bytes(PAGE_SIZE)
            asked = f"{bench.name(vpn)}, whose entry is {describe(pte)}"
            seen = list(struct.unpack_from(f"<{self.threads}I", here))
            t.check(seen == words, asked=f"{asked}: how often each thread has written", expected=words, seen=seen, hint=hint)
            t.check(not any(here[4 * self.threads:]), asked=f"{asked}: the words of no thread", expected="zeros", seen="other bytes", hint=hint)

    def _io(self) -> None:
        guest = self.t.guest
        written, read = guest.u32(guest.sym("MmWriteCounters")), guest.u32(guest.sym("MmInfoCounters") + 20)
        self.t.check(written > 20 and read > 20, asked="pages written to the page file, and read from it", expected="more than 20 of each", seen=f"{written} and {read}",
                     hint=self.t.hint("paged-io", HINTS["paged-io"]))
