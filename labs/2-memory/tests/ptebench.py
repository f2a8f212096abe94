"""A region of system PTEs that only the test uses, compared entry by entry with a model after every call."""

from __future__ import annotations

import struct
from typing import Dict, List, Optional, Tuple

NONE, ONE = 0xFFFFF, 2  # no run; the bit of a run of one entry
MISUSE = 0xDA
ENTRIES = 96
VALID = 0x63  # an entry in use, without its page

HINTS = {
    "pte-first-fit": "The lowest free run that has room gives the entries: look at the runs in their order, and take the first that is long enough.",
    "pte-align": "An entry's address divided by four has the lower bits of the page number that it maps. The first entry of the run is the lowest one "
                 "in the free run whose page number is a multiple; what lies before it stays free.",
    "pte-rest": "What is left of a free run, before and behind what was taken, is a free run with a description of its own.",
    "pte-one": "A free run of one entry has no second entry to hold its length: OneEntry says it.",
    "pte-links": "Each free run names the next one; the last names none. FirstFree, or the run before, leads to the run that has changed.",
    "pte-join": "A run that is given back becomes one with the free run that ends where it begins, and with the one that begins where it ends.",
    "pte-stale": "Of a free run only the first entry, or the first two, hold anything: old descriptions and the owner's entries are gone.",
    "pte-zero": "The entries that are handed out are all 0, also where a free run's description was.",
    "pte-total": "TotalFree is the sum of the lengths of the free runs.",
    "pte-none": "Where no run has room nothing changes, and the answer is nullptr.",
    "pte-misuse": "Entries that lie outside of the region (1), or of which one is free already (2), stop the system: SYSTEM_PTE_MISUSE, with the reason, "
                  "the first entry and their number.",
    "pte-call": "Draw the region before the call and after it: runs in use, free runs, and the description in the first two entries of each.",
}


class PteBench:
    """A region in scratch memory."""

    def __init__(self, t, entries: int = ENTRIES) -> None:
        self.t, self.guest = t, t.guest
        self.region = t.guest.alloc(16)
        memory = t.guest.alloc(4 * (entries + 64) + 4096, 4096)
        self.base = memory + 4 * t.rng.randrange(1, 60)  # where a page table does not begin
        self.count = entries
        self.used: Dict[int, int] = {}  # index -> what its owner wrote
        self.done: List[str] = []
        self._call(f"MiInitializeSystemPtes({entries} entries)", "MiInitializeSystemPtes", self.region, self.base, entries)
        self.compare()

    # -- the model -----------------------------------------------------------------------------------------------------
    def free_runs(self) -> List[Tuple[int, int]]:
        """(index, length) of each free run, in order."""
        runs: List[Tuple[int, int]] = []
        for index in range(self.count):
            if index in self.used:
                continue
            if runs and sum(runs[-1]) == index:
                runs[-1] = (runs[-1][0], runs[-1][1] + 1)
            else:
                runs.append((index, 1))
        return runs

    def place(self, count: int, alignment: int) -> Optional[int]:
        """Where a run must come to lie; None: there is no room."""
        for start, length in self.free_runs():
            first = start + -(self.base // 4 + start) % alignment
            if first + count <= start + length:
                return first
        return None

    # -- the calls -----------------------------------------------------------------------------------------------------
    def reserve(self, count: int, alignment: int = 1) -> Optional[int]:
        wanted, before = self.place(count, alignment), self.text()
        what = f"MiReserveSystemPtes({count} entries" + (f", on a multiple of {alignment} pages" if alignment > 1 else "") + f"); free before: {before}"
        seen = self._call(what, "MiReserveSystemPtes", self.region, count, alignment)
        address = self.base + 4 * wanted if wanted is not None else 0
        if seen != address:
            inside = self.base <= seen < self.base + 4 * self.count and seen % 4 == 0
            told = "nullptr" if seen == 0 else f"entry {(seen - self.base) // 4}" if inside else f"{seen:#x}, which is no entry"
            unaligned = inside and (seen // 4) % alignment
            self._fail(f"entry {wanted}" if address else "nullptr", told, "pte-none" if not address else "pte-align" if unaligned or alignment > 1 else "pte-first-fit")
        if wanted is not None:
            for index in range(wanted, wanted + count):
                value = self.guest.u32(self.base + 4 * index)
                if value:
                    self._fail(f"entry {index} is 0", f"{value:#x}", "pte-zero")
                self.used[index] = self.t.rng.randrange(1, 1 << 20) << 12 | VALID
                self.guest.u32(self.base + 4 * index, self.used[index])
        self.compare("pte-none" if wanted is None else "")
        return wanted

    def release(self, first: int, count: int) -> None:
        what = f"MiReleaseSystemPtes(entry {first}, {count} entries); free before: {self.text()}"
        for index in range(first, first + count):
            del self.used[index]
        self._call(what, "MiReleaseSystemPtes", self.region, self.base + 4 * first, count)
        self.compare()

    def misuse(self, first: int, count: int, why: int) -> None:
        """A release that must stop the system.  What it has changed by then does not count: all is as before for the next call."""
        guest = self.guest
        before = [(address, guest.read(address, size)) for address, size in ((self.region, 16), (self.base, 4 * self.count))]
        self.done.append(f"MiReleaseSystemPtes(entry {first}, {count} entries); free before: {self.text()}")
        self.t.asking(self.done[-1], self._hint("pte-misuse"))
        address = (self.base + 4 * first) & 0xFFFFFFFF
        with guest.uninterrupted():
            place, registers = guest.call_or_stop("MiReleaseSystemPtes", self.region, address, count & 0xFFFFFFFF, stops=("KeBugCheckEx",), conv="cdecl")
        expected = f"SYSTEM_PTE_MISUSE ({MISUSE:#x}), {why}, {address:#x}, {count & 0xFFFFFFFF:#x}"
        if not place:
            self._fail(expected, "it returned", "pte-misuse")
        seen = struct.unpack("<4I", guest.read(registers["esp"] + 4, 16))
        if seen != (MISUSE, why, address, count & 0xFFFFFFFF):
            self._fail(expected, "bugcheck " + ", ".join(f"{one:#x}" for one in seen), "pte-misuse")
        for address, data in before:
            guest.write(address, data)

    def _call(self, what: str, routine: str, *arguments: int) -> int:
        self.done.append(what)
        self.t.asking(what, self._hint("pte-call"))
        with self.guest.uninterrupted():
            return self.guest.call(routine, *arguments, conv="cdecl")

    # -- judging -------------------------------------------------------------------------------------------------------
    def compare(self, hint: str = "") -> None:
        base, count, first, total = struct.unpack("<4I", self.guest.read(self.region, 16))
        entries = struct.unpack(f"<{self.count}I", self.guest.read(self.base, 4 * self.count))
        runs = self.free_runs()
        seen = self._runs(first, entries)
        if seen != runs:
            self._fail(f"free runs: {_named(runs)}", _named(seen) if seen is not None else "links that do not end, or lead out of the region",
                       hint or self._why(runs, seen))
        for index, value in enumerate(entries):
            wanted = self.used[index] if index in self.used else self._described(index, runs)
            if value != wanted:
                self._fail(f"entry {index}: {wanted:#x}", f"{value:#x}", hint or "pte-stale")
        if (base, count) != (self.base, self.count):
            self._fail("Base and Count as they were", f"Base {base:#x}, Count {count}", "pte-call")
        if total != sum(length for _, length in runs):
            self._fail(f"TotalFree {sum(length for _, length in runs)}", f"TotalFree {total}", hint or "pte-total")

    def _runs(self, first: int, entries: Tuple[int, ...]) -> Optional[List[Tuple[int, int]]]:
        """The free runs that the links lead to; None where they lead nowhere."""
        runs: List[Tuple[int, int]] = []
        while first != NONE:
            if first >= self.count or len(runs) > self.count or (not entries[first] & ONE and first + 1 >= self.count):
                return None
            length = 1 if entries[first] & ONE else entries[first + 1] >> 12
            runs.append((first, length))
            first = entries[first] >> 12
        return runs

    def _why(self, wanted: List[Tuple[int, int]], seen: Optional[List[Tuple[int, int]]]) -> str:
        if seen is None:
            return "pte-links"
        covered = {index for start, length in seen for index in range(start, start + length)}
        right = {index for start, length in wanted for index in range(start, start + length)}
        if covered == right:
            return "pte-join"
        if any(length == 1 for _, length in wanted) and [start for start, _ in wanted] == [start for start, _ in seen]:
            return "pte-one"
        return "pte-rest" if "Reserve" in self.done[-1] else "pte-links"

    @staticmethod
    def _described(index: int, runs: List[Tuple[int, int]]) -> int:
        """What a free entry holds."""
        for number, (start, length) in enumerate(runs):
            if index == start:
                following = runs[number + 1][0] if number + 1 < len(runs) else NONE
                return following << 12 | (ONE if length == 1 else 0)
            if index == start + 1 and length > 1:
                return length << 12
        return 0

    def text(self) -> str:
        return _named(self.free_runs())

    def _hint(self, id: str):
        return self.t.hint(id, HINTS[id])

    def _fail(self, expected: str, seen: str, hint: str) -> None:
        earlier = len(self.done) - 1
        self.t.fail(asked=self.done[-1] + (f" (after {earlier} calls)" if earlier > 1 else ""), expected=expected, seen=seen, hint=self._hint(hint))


def _named(runs: List[Tuple[int, int]]) -> str:
    return " ".join(f"{start}-{start + length - 1}" if length > 1 else f"{start}" for start, length in runs[:20]) or "none"
