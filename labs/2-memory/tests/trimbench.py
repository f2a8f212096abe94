"""A working set that only the test uses: its list lies in scratch memory, its pages are numbers, and its policy is a table of the
host's (trimming.cpp).  After each call entries, ages, the hand, Claim, and what was asked in which order are compared with the model.
"""

from __future__ import annotations

import struct
from typing import Dict, List, Tuple

from .pagingmodel import AGES, PASSES, WorkingSet
from .telling import Telling

FIRST_PAGE, PAGES = 0x400, 64
NONE = 0xFFFFFFF
USED, STAYS, AFTER, MAY_GO, CLAIMED, COUNT, CALLS = 0, 64, 128, 136, 152, 156, 160  # LAB_TRIMMING
KNOWN = {1: "look", 2: "remove", 3: "another call"}
WSLE_VALID, WSLE_DIRECT = 1, 1 << 9

HINTS = {
    "trim-order": "The hand of a clock: from NextSlot on, behind LastEntry FirstDynamic follows, each valid entry once at most. Draw the entries in a circle "
                  "and move the hand.",
    "trim-hand": "NextSlot is where the next call goes on: behind the last entry that was looked at.",
    "trim-age": "Whose age changes? In a look that ages, every entry's. In a trim, only that of a page that was used.",
    "trim-policy": "The policy decides, for the age that the entry has after the look; the mechanism obeys.",
    "trim-stays": "RemovePage says whether the page went. One that stays keeps its entry, and does not count.",
    "trim-entry": "The entry of a page that went is released, and no other one.",
    "trim-answer": "It returns how many pages went, and stops at once when they are as many as were asked for.",
    "trim-claim": "Claim falls by the pages that went, and not below 0. Ageing makes it anew: the claimed part of those that were looked at, scaled to the dynamic "
                  "entries, rounded down.",
    "trim-page": "Three things know the page: the entry, the processors, the database. The entry changes in one step, for the processor may set Dirty until then; what it had set goes to "
                 "the page.",
    "trim-flush": "While a processor still knows the page it may be used, and even written to. Let all processors forget it before the page comes to a list.",
    "trim-call": "Write out entries, ages and the hand before the call, and follow your code with these numbers.",
}


class Bench(Telling):
    """A working set of the test's own."""

    HINTS, CALL, BEGINS_WITH = HINTS, "trim-call", "the working set"

    def __init__(self, t, entries: int = 24, first: int = 3) -> None:
        self.t, self.guest = t, t.guest
        self.done: List[str] = []
        guest, rng = t.guest, t.rng
        self.table, self.set = guest.sym("LabTrimming"), guest.alloc(guest.size("MMSUPPORT"))
        self.list, self.words = guest.alloc(guest.size("MMWSL")), guest.alloc(4 * entries)
        pages = rng.sample(range(PAGES), entries)
        here: List[object] = [(page, rng.randrange(AGES)) for page in pages]
        for index in rng.sample(range(first, entries), entries // 4):
            here[index] = None
        last = max(index for index, entry in enumerate(here) if entry is not None)
        self.model = WorkingSet(here, first, last, rng.choice((*range(first, last + 1), last)), rng.randrange(8))  # type: ignore[arg-type]
        self._write()
        guest.call("MmSetTrimPolicy", guest.sym("LabPolicy"))
        self.rules()

    def _write(self) -> None:
        guest, model = self.guest, self.model
        guest.write(self.set, bytes(guest.size("MMSUPPORT")))
        guest.write(self.list, bytes(guest.size("MMWSL")))
        free = NONE
        for index in reversed(range(len(model.entries))):
            entry = model.entries[index]
            if entry is None:
                guest.u32(self.words + 4 * index, free << 4)
                free = index
            else:
                guest.u32(self.words + 4 * index, FIRST_PAGE + entry[0] << 12 | entry[1] << 10 | WSLE_DIRECT | 4 << 3 | WSLE_VALID | 2 * (index < model.first))
        for name, value in (("FirstFree", free), ("FirstDynamic", model.first), ("LastEntry", model.last), ("NextSlot", model.hand), ("Wsle", self.words),
                            ("LastInitializedWsle", len(model.entries) - 1), ("MaximumEntries", len(model.entries))):
            guest.set(self.list, f"MMWSL.{name}", value)
        for name, value in (("VmWorkingSetList", self.list), ("Calls", guest.sym("LabWorkingSetCalls")), ("Claim", model.claim), ("WorkingSetSize", model.size)):
            guest.set(self.set, f"MMSUPPORT.{name}", value)

    # -- the host's side -------------------------------------------------------------------------------------------
    def rules(self) -> None:
        """Another policy, and other pages that were used or cannot go."""
        rng, model = self.t.rng, self.model
        model.used = [int(rng.random() < 0.4) for _ in range(PAGES)]
        model.stays = [int(rng.random() < 0.2) for _ in range(PAGES)]
        model.after = [[rng.randrange(AGES) for _ in range(AGES)] for _ in range(2)]
        model.may_go = [[int(rng.random() < 0.5) for _ in range(AGES)] for _ in range(PASSES)]
        model.claimed = [int(rng.random() < 0.5) for _ in range(AGES)]
        self.guest.write(self.table, bytes([*model.used, *model.stays, *sum(model.after, []), *sum(model.may_go, []), *model.claimed]))

    def hand(self, slot: int) -> None:
        self.model.hand = slot
        self.guest.set(self.list, "MMWSL.NextSlot", slot)

    # -- the student's routines ------------------------------------------------------------------------------------
    def trim(self, pages: int, number: int) -> int:
        self._begin(f"MiTrimWorkingSet({pages} pages, pass {number})")
        wanted = self.model.trim(pages, number)
        seen = self.guest.call("MiTrimWorkingSet", self.set, pages, number, conv="cdecl")
        self._compare(wanted, seen)
        return wanted

    def age(self, entries: int) -> None:
        self._begin(f"MiAgeWorkingSet({entries} entries)")
        self.model.age(entries)
        self.guest.call("MiAgeWorkingSet", self.set, entries, conv="cdecl")
        self._compare()

    def _begin(self, what: str) -> None:
        guest, model = self.guest, self.model
        guest.u32(self.table + COUNT, 0)
        model.calls = []
        self.say(f"{what}; {model.size} entries, the dynamic ones {model.first}..{model.last}, NextSlot {model.hand}, Claim {model.claim}")

    # -- judging ---------------------------------------------------------------------------------------------------
    def _compare(self, wanted: int = 0, seen: int = 0) -> None:
        guest, model = self.guest, self.model
        self._compare_calls()
        entries = self._entries()
        self.equal(self._told(model_entries(model)), self._told(entries), "trim-age" if {index: page for index, (page, _) in entries.items()} ==
                   {index: page for index, (page, _) in model_entries(model).items()} else "trim-entry")
        size = guest.get(self.set, "MMSUPPORT.WorkingSetSize")
        self.equal(f"WorkingSetSize {model.size}", f"WorkingSetSize {size}", "trim-entry")
        self.equal(f"it returns {wanted}", f"it returns {seen}", "trim-answer")
        claim = guest.get(self.set, "MMSUPPORT.Claim")
        self.equal(f"Claim {model.claim}", f"Claim {claim}", "trim-claim")
        hand = guest.get(self.list, "MMWSL.NextSlot")
        self.equal(f"NextSlot leads to entry {model.next_valid(model.hand)}", f"NextSlot leads to entry {model.next_valid(hand)}", "trim-hand")
        model.hand = hand

    def _entries(self) -> Dict[int, Tuple[int, int]]:
        words = struct.unpack(f"<{len(self.model.entries)}I", self.guest.read(self.words, 4 * len(self.model.entries)))
        return {index: ((word >> 12) - FIRST_PAGE, word >> 10 & 3) for index, word in enumerate(words) if word & WSLE_VALID}

    @staticmethod
    def _told(entries: Dict[int, Tuple[int, int]]) -> str:
        return "entries (page, age): " + " ".join(f"{index}:({page}, {age})" for index, (page, age) in entries.items())

    def _compare_calls(self) -> None:
        guest, model = self.guest, self.model
        count = guest.u32(self.table + COUNT)
        raw = struct.unpack(f"<{2 * min(count, 256)}I", guest.read(self.table + CALLS, 8 * min(count, 256)))
        seen = [(KNOWN[what], page) for what, page in zip(raw[::2], raw[1::2])]
        if seen == model.calls and count == len(seen):
            return
        at = next((at for at, (one, other) in enumerate(zip(seen, model.calls)) if one != other), min(len(seen), len(model.calls)))
        wanted, other = (list_[at] if at < len(list_) else ("nothing more", -1) for list_ in (model.calls, seen))
        hint = "trim-order"
        if "remove" in (wanted[0], other[0]):
            hint = "trim-policy"
        elif at and model.calls[at - 1][0] == "remove":
            hint = "trim-answer" if "nothing more" in (wanted[0], other[0]) else "trim-stays"
        self.fail(f"call {at + 1} of the working set's: {_call(wanted)}", f"{_call(other)}, after {', '.join(map(_call, seen[max(at - 2, 0):at])) or 'none'}", hint)


def model_entries(model: WorkingSet) -> Dict[int, Tuple[int, int]]:
    return {index: entry for index, entry in enumerate(model.entries) if entry is not None}


def _call(one: Tuple[str, int]) -> str:
    return {"look": "TestAndClearAccessed of page ", "remove": "RemovePage of page "}.get(one[0], one[0] + " ") + (str(one[1]) if one[1] >= 0 else "")
