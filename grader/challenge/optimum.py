"""The fewest faults that a reference string can have: Belady's rule, which needs to know what comes."""

from __future__ import annotations

import heapq
from typing import Dict, List, Sequence, Set, Tuple

NEVER = 1 << 60


def optimum(references: Sequence[int], frames: int) -> int:
    """Faults when the page goes that is needed again last."""
    following: List[int] = [NEVER] * len(references)
    seen: Dict[int, int] = {}
    for at in range(len(references) - 1, -1, -1):
        following[at] = seen.get(references[at], NEVER)
        seen[references[at]] = at
    there: Set[int] = set()
    needed: Dict[int, int] = {}  # when a page is needed next
    last: List[Tuple[int, int]] = []  # the same, the last one first; entries that are no longer true are passed over
    faults = 0
    for at, page in enumerate(references):
        if page not in there:
            faults += 1
            if len(there) == frames:
                while True:
                    when, victim = heapq.heappop(last)
                    if victim in there and needed[victim] == -when:
                        break
                there.remove(victim)
            there.add(page)
        needed[page] = following[at]
        heapq.heappush(last, (-following[at], page))
    return faults


def first_uses(references: Sequence[int]) -> int:
    """Faults that no policy avoids."""
    return len(set(references))
