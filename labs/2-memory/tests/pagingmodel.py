"""The modified writer as plain values: which pages are written together.

In the books: "modified page writer": clustering.
"""

from __future__ import annotations

from typing import Dict, List, Sequence

MOST = 16  # MM_MAXIMUM_TRANSFER


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
