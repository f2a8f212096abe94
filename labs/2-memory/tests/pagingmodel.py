"""Trimming and the modified writer as plain values: which entries are looked at, and which pages are written together.

In the books: "clock algorithm", "modified page writer": clustering.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Optional, Sequence, Tuple

AGES, PASSES = 4, 4
MOST = 16  # MM_MAXIMUM_TRANSFER


@dataclass
class WorkingSet:
    """Entries by their index: (page, age), or None for a free one."""

    entries: List[Optional[Tuple[int, int]]]
    first: int  # FirstDynamic
    last: int  # LastEntry
    hand: int  # NextSlot
    claim: int
    used: List[int] = field(default_factory=list)
    stays: List[int] = field(default_factory=list)
    after: List[List[int]] = field(default_factory=list)
    may_go: List[List[int]] = field(default_factory=list)
    claimed: List[int] = field(default_factory=list)
    calls: List[Tuple[str, int]] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(entry is not None for entry in self.entries)

    def _round(self):
        """The entries that may be looked at, in order."""
        if not self.first <= self.hand <= self.last:
            self.hand = self.first
        for index in (*range(self.hand, self.last + 1), *range(self.first, self.hand)):
            self.hand = index + 1 if index < self.last else self.first
            if self.entries[index] is not None:
                yield index

    def _look(self, page: int) -> bool:
        self.calls.append(("look", page))
        was, self.used[page] = bool(self.used[page]), 0
        return was

    def trim(self, pages: int, number: int) -> int:
        taken = 0
        for index in self._round() if pages else ():
            page, age = self.entries[index]  # type: ignore[misc]
            if self._look(page):
                age = self.after[1][age]
            self.entries[index] = page, age
            if not self.may_go[number][age]:
                continue
            self.calls.append(("remove", page))
            if self.stays[page]:
                continue
            self.entries[index] = None
            taken += 1
            if taken == pages:
                break
        self.claim = max(self.claim - taken, 0)
        return taken

    def age(self, entries: int) -> None:
        looked = claimed = 0
        for index in self._round() if entries else ():
            page, age = self.entries[index]  # type: ignore[misc]
            age = self.after[self._look(page)][age]
            self.entries[index] = page, age
            looked += 1
            claimed += self.claimed[age]
            if looked == entries:
                break
        if looked:
            self.claim = claimed * (self.size - self.first) // looked

    def next_valid(self, hand: int) -> Optional[int]:
        """The entry that a look from `hand` on meets first."""
        if not self.first <= hand <= self.last:
            hand = self.first
        order = (*range(hand, self.last + 1), *range(self.first, hand))
        return next((index for index in order if self.entries[index] is not None), None)


def gather(modified: Sequence[int], pte_of: Dict[int, int], goes_to_file: Dict[int, bool], room: int) -> List[int]:
    """The pages of one write, in order. `modified`: the list, the page that waits longest first; `pte_of`: which PTE a page has;
    `goes_to_file`: pages that belong to a file; `room`: places."""
    waiting = [page for page in modified if not goes_to_file[page]]
    taken: List[int] = []
    while waiting and len(taken) < room:
        left = room - len(taken)
        at = {pte_of[page]: page for page in waiting}
        low = high = pte_of[waiting[0]]
        while low - 1 in at and high - low + 1 < left:
            low -= 1
        while high + 1 in at and high - low + 1 < left:
            high += 1
        taken += [at[pte] for pte in range(low, high + 1)]
        waiting = [page for page in waiting if page not in taken]
    return taken
