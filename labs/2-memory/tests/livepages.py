"""The running kernel's page frame number database, read whole, and what must be true of it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Dict, List, Tuple

from .frames import ACTIVE, AVAILABLE, FLAGS, LISTS, LOCATION, NONE, STATES, TRANSITION, ZEROED

PFN = struct.Struct("<IIIHHII")
PAGE_SIZE = 4096
LOOKS = 24  # zeroed pages whose bytes are looked at


@dataclass
class Database:
    """One look at it while the machine stands still."""

    guest: object
    pages: List[Tuple[int, int, int, int, int, int, int]]
    heads: Dict[int, Tuple[int, int, int, int]]
    available: int
    locked: bool

    @classmethod
    def read(cls, guest) -> "Database":
        count = guest.u32(guest.sym("MmHighestPhysicalPage")) + 1
        raw = guest.read(guest.u32(guest.sym("MmPfnDatabase")), PFN.size * count)
        heads = {number: tuple(guest.get(guest.sym(name), f"MMPFNLIST.{field}") for field in ("Total", "ListName", "Flink", "Blink"))
                 for number, name in enumerate(LISTS)}
        words = guest.read(guest.sym("KiQueuedSpinLock"), 4 * 16)  # any of them held: it may be this one
        return cls(guest, list(PFN.iter_unpack(raw)), heads, guest.u32(guest.sym("MmAvailablePages")), any(words))

    def judge(self, t, hint) -> None:
        broken = self._broken(t)
        t.check(not broken, asked="the page frame number database, read whole", expected="all its invariants hold", seen=broken, hint=hint)

    def _broken(self, t) -> str:
        on_lists: Dict[int, int] = {}
        for number, (total, _, first, last) in self.heads.items():
            frame, before, length = first, NONE, 0
            while frame != NONE:
                if frame >= len(self.pages) or frame in on_lists:
                    return f"the {STATES[number]} list leads to {frame:#x}, which is no page or was there before"
                if self.pages[frame][2] != before:
                    return f"Blink of page {frame:#x} on the {STATES[number]} list is {self.pages[frame][2]:#x}, expected {before:#x}"
                on_lists[frame] = number
                frame, before, length = self.pages[frame][0], frame, length + 1
            if (last, total) != (before, length):
                return f"the {STATES[number]} list has {length} pages up to {before:#x}; Total {total}, Blink {last:#x}"
        for frame, (_, _, shares, references, bits, _, _) in enumerate(self.pages):
            state = bits >> LOCATION & 7
            if bits & FLAGS["Rom"]:
                continue
            if on_lists.get(frame, -1) != (state if state < ACTIVE else -1):
                return f"page {frame:#x} is {STATES[state]} and not on that list alone"
            if state == ACTIVE and (not shares or not references):
                return f"page {frame:#x} is active, with ShareCount {shares} and ReferenceCount {references}"
            if state == TRANSITION and not references or state < ACTIVE and references:
                return f"page {frame:#x} is {STATES[state]}, with ReferenceCount {references}"
        available = sum(self.heads[number][0] for number in AVAILABLE)
        if available != self.available:
            return f"MmAvailablePages {self.available}; the lists hold {available}"
        zeroed = [frame for frame, number in on_lists.items() if number == ZEROED]
        for frame in t.rng.sample(zeroed, min(LOOKS, len(zeroed))):
            if any(self.guest.space.ram.read(PAGE_SIZE * frame, PAGE_SIZE)):
                return f"page {frame:#x} is on the zeroed list, and not all zeros"
        return ""
