"""Threads that use the pages of one process at once (crowd.cpp), the same uses drawn on the host, and looks at the kernel's tables meanwhile."""

from __future__ import annotations

import struct
from typing import Dict, Iterable, List

from .faultbench import ACTIVE, PAGE_SIZE, VPN, WSLE_DIRECT, Bench
from .faultmodel import PAGE, PAGE_GUARD, READ_WRITE, VALID, describe, form

CLOCK, FAULT = "KeUpdateSystemTime", "KiPageFault"
HEAD = struct.Struct("<5I4I")  # LAB_CROWD, up to Seeds
ALARMS, OTHERS, SIZE = 40, 40 + 4 * 64, 300
KINDS, TRIM, LOOK = 64, 0, 8
USES = 2500
PAGES, GUARD_PAGES = 32, 8
FAULTS = 40  # the first ones: the machine stops at each


class Crowd:
    """One run of it."""

    def __init__(self, t, threads: int) -> None:
        self.t, self.threads = t, threads
        self.bench = bench = Bench(t)
        bench.without_zeroed_pages(96)
        one = bench.allocate(PAGES)
        self.first, self.pages = one.first, PAGES
        self.guarded = sorted(t.rng.sample(range(one.first, one.last + 1), GUARD_PAGES))
        for vpn in self.guarded:
            bench.protect(vpn, PAGE[READ_WRITE] | PAGE_GUARD)
        self.seeds = [t.rng.getrandbits(32) for _ in range(threads)]
        self.words: Dict[int, List[int]] = {vpn: [0] * threads for vpn in range(self.first, self.first + self.pages)}
        self.used = set()
        for thread, random in enumerate(self.seeds):
            for _ in range(USES):
                random = (random * 1664525 + 1013904223) & 0xFFFFFFFF
                page, kind = self.first + (random >> 8) % self.pages, (random >> 24) % KINDS
                if kind != TRIM:
                    self.used.add(page)
                if kind >= LOOK:
                    self.words[page][thread] += 1

    def judge(self) -> None:
        t, bench, guest = self.t, self.bench, self.t.guest
        plan = guest.sym("Lab2Crowd")
        guest.write(plan, bytes(SIZE))
        guest.write(plan, HEAD.pack(bench.process, self.first << VPN, self.pages, self.threads, USES, *(self.seeds + [0] * 4)[:4]))
        hint = bench.hint("fault-together")
        t.asking(f"{self.threads} threads use {self.pages} pages, {USES} uses each", hint)
        bench.let_run()
        place, _ = guest.call_or_stop("Lab2RunCrowd", stops=(FAULT,))
        for number in range(FAULTS):  # on whichever processor: the others may be anywhere
            if place and number % t.rng.randint(2, 5) == 0 and is_free(bench):
                self._whole(hint)
            place, _ = guest.go_on((FAULT,)) if place else (place, None)
        while place:
            place, _ = guest.go_on((CLOCK,))
            if place and is_free(bench):
                self._whole(hint)
        self._whole(hint)
        self._words(hint)
        alarms = struct.unpack(f"<{self.pages}I", guest.read(plan + ALARMS, 4 * self.pages))
        seen = {self.first + page: count for page, count in enumerate(alarms) if count}
        wanted = {vpn: 1 for vpn in sorted(self.used & set(self.guarded))}
        t.check(seen == wanted, asked="alarms of guard pages, by page", expected=_alarms(wanted), seen=_alarms(seen), hint=hint)
        others = guest.u32(plan + OTHERS)
        t.check(others == 0, expected="no other exception", seen=f"{others} of them", hint=hint)

    def _whole(self, hint) -> None:
        """Page table, frames and working set agree."""
        t, bench = self.t, self.bench
        broken = disagreement(bench, self.words)
        t.check(not broken, asked=f"{bench.t.question}: page table, frames and working set, read while the mutex is free", expected="all three agree",
                seen=broken, hint=hint)

    def _words(self, hint) -> None:
        """Each thread's word of each page, and nothing else."""
        t, bench = self.t, self.bench
        for vpn, words in self.words.items():
            pte = bench.pte(vpn)
            here = t.guest.space.ram.read(pte >> 12 << 12, PAGE_SIZE) if form(pte) in ("valid", "transition") else bytes(PAGE_SIZE)
            seen = list(struct.unpack_from(f"<{self.threads}I", here))
            t.check(seen == words, asked=f"{bench.name(vpn)}: how often each thread has written", expected=words, seen=seen, hint=hint)
            t.check(not any(here[4 * self.threads:]), asked=f"{bench.name(vpn)}: the words of no thread", expected="zeros", seen="other bytes", hint=hint)


def _alarms(of: Dict[int, int]) -> str:
    return ", ".join(f"page {vpn:#x}: {count}" for vpn, count in of.items()) or "none"


# -- looks at a process whose threads run ------------------------------------------------------------------------------
def is_free(bench: Bench) -> bool:
    """Whether its WorkingSetMutex and all queued spin locks are free at this moment."""
    guest = bench.guest
    return guest.get(bench.mutex, "FAST_MUTEX.Owner") == 0 and not any(guest.read(guest.sym("KiQueuedSpinLock"), 4 * 16))


def disagreement(bench: Bench, pages: Iterable[int], paging: bool = False) -> str:
    """What page table, frames and working set say differently of private pages, in words; empty: nothing.  With `paging` reads and writes refer to
    frames, too."""
    entries, frames = bench.working_set(), {}
    for vpn in pages:
        pte = bench.pte(vpn)
        resident = bool(pte & VALID)
        if resident != (vpn in entries):
            return f"page {vpn:#x}: its entry is {describe(pte)}, and it has {'an' if vpn in entries else 'no'} entry in the working set"
        if form(pte) not in ("valid", "transition"):
            continue
        frame = pte >> 12
        if frame in frames:
            return f"pages {frames[frame]:#x} and {vpn:#x} both have frame {frame:#x}"
        frames[frame] = vpn
        index, address, shares, references, bits, _, _ = bench.frame(frame)
        state = bits >> 8 & 7
        if address != bench.pte_address(vpn):
            return f"frame {frame:#x} of page {vpn:#x}: PteAddress {address:#x}"
        if resident != (state == ACTIVE):
            return f"frame {frame:#x} of page {vpn:#x}, whose entry is {describe(pte)}: state {state}"
        if paging:
            continue
        if (shares, references) != (1, 1) if resident else references:
            return f"frame {frame:#x} of page {vpn:#x}, whose entry is {describe(pte)}: ShareCount {shares}, ReferenceCount {references}"
        if resident and (entries[vpn][0] != index or not entries[vpn][1] & WSLE_DIRECT):
            return f"frame {frame:#x} of resident page {vpn:#x}: WsIndex {index}, its entry is {entries[vpn][0]}"
    return ""
