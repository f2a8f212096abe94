"""Page frames as plain values: the model of the database that the student's routines keep.

A page knows how many PTEs share it and what refers to it; where it is follows from that, but for the lists, whose order is the order
in which pages came.  Numbers are those of the structures, because the host must not take them from the guest.
In the books: "page frame number database", "page list dynamics".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Optional, Sequence

ZEROED, FREE, STANDBY, MODIFIED, NO_WRITE, BAD, ACTIVE, TRANSITION = range(8)
STATES = ("Zeroed", "Free", "Standby", "Modified", "ModifiedNoWrite", "Bad", "ActiveAndValid", "Transition")
LISTS = ("MmZeroedPageListHead", "MmFreePageListHead", "MmStandbyPageListHead", "MmModifiedPageListHead", "MmModifiedNoWritePageListHead",
         "MmBadPageListHead")
AVAILABLE = (ZEROED, FREE, STANDBY)
NONE = 0xFFFFFFFF  # MM_EMPTY_LIST
FLAGS = {"Modified": 1 << 0, "ReadInProgress": 1 << 1, "WriteInProgress": 1 << 2, "PrototypePte": 1 << 3, "NoModifiedWrite": 1 << 4,
         "PteDeleted": 1 << 5, "RemovalRequested": 1 << 11, "Rom": 1 << 14, "ParityError": 1 << 15}
LOCATION = 8  # the lowest bit of PageLocation in e1
READ_WRITE = 4  # MM_READWRITE


def demand_zero(protection: int = READ_WRITE) -> int:
    return protection << 5


def in_page_file(file: int, page: int, protection: int = READ_WRITE) -> int:
    return page << 12 | protection << 5 | file << 1


def is_in_page_file(pte: int) -> bool:
    return pte & 0xC01 == 0 and pte >> 12 != 0


def transition(frame: int, protection: int = READ_WRITE) -> int:
    return frame << 12 | 1 << 11 | protection << 5


def valid(frame: int) -> int:
    return frame << 12 | 0x67


@dataclass
class Page:
    state: int
    shares: int = 0
    references: int = 0
    pte: Optional[int] = None  # its index in the page of PTEs; None: the system's own
    original: int = 0
    flags: "set[str]" = field(default_factory=set)
    error: bool = False  # InPageError


class Model:
    """The pages of the bench by their numbers, and the lists in their order."""

    def __init__(self, frames: Sequence[int], pte_frame: int) -> None:
        self.pages: Dict[int, Page] = {frame: Page(FREE) for frame in frames}
        self.lists: List[List[int]] = [[] for _ in LISTS]
        self.pte_frame = pte_frame
        self.ptes: Dict[int, int] = {}
        self.released: List[int] = []  # OriginalPte of pages whose place in a page file was given back

    @property
    def available(self) -> int:
        return sum(len(self.lists[number]) for number in AVAILABLE)

    def where(self, frame: int) -> Optional[int]:
        return next((number for number, pages in enumerate(self.lists) if frame in pages), None)

    # -- lists -----------------------------------------------------------------------------------------------------
    def move(self, frame: int, state: int) -> None:
        self.pages[frame].state = state

    def insert(self, number: int, frame: int) -> None:
        self.lists[number].append(frame)
        self.move(frame, number)

    def free(self, frame: int) -> None:
        """A page that nothing needs: it has no past any more."""
        page = self.pages[frame]
        bad = page.flags & {"ParityError", "RemovalRequested"}
        self.pages[frame] = Page(page.state, flags=set(bad))
        self.insert(BAD if bad else FREE, frame)

    def unlink(self, frame: int) -> None:
        number = self.where(frame)
        assert number is not None
        self.lists[number].remove(frame)

    def remove(self, number: int) -> int:
        if not self.lists[number]:
            return NONE
        frame = self.lists[number][0]
        self.unlink(frame)
        if number == STANDBY:
            self.restore(frame)
        return frame

    def take(self, *order: int) -> int:
        return next((self.remove(number) for number in order if self.lists[number]), NONE)

    def take_any(self) -> int:
        return self.take(FREE, ZEROED, STANDBY)

    def take_zeroed(self) -> int:
        return self.take(ZEROED, FREE, STANDBY)

    def restore(self, frame: int) -> None:
        page = self.pages[frame]
        assert page.pte is not None
        self.ptes[page.pte] = page.original
        page.pte, page.original = None, 0
        page.flags -= {"PrototypePte", "NoModifiedWrite"}
        self.move(frame, FREE)
        self.unshare(self.pte_frame)

    # -- the life of a page ----------------------------------------------------------------------------------------
    def begin(self, frame: int, pte: int, modified: bool) -> None:
        page = self.pages[frame]
        page.pte, page.original, page.error = pte, self.ptes[pte], False
        page.flags = (page.flags - {"Modified"}) | ({"Modified"} if modified else set())
        page.shares = page.references = 1
        self.move(frame, ACTIVE)
        self.pages[self.pte_frame].shares += 1

    def own(self, frame: int) -> None:
        page = self.pages[frame]
        page.pte, page.original, page.error = None, 0, False
        page.flags |= {"Modified"}
        page.shares = page.references = 1
        self.move(frame, ACTIVE)

    def share(self, frame: int) -> None:
        self.pages[frame].shares += 1

    def unshare(self, frame: int) -> None:
        page = self.pages[frame]
        page.shares -= 1
        if page.shares:
            return
        if "PrototypePte" in page.flags and "PteDeleted" not in page.flags:
            assert page.pte is not None
            self.ptes[page.pte] = transition(frame, page.original >> 5 & 31)
        if page.references > 1:
            self.move(frame, TRANSITION)
        self.dereference(frame)

    def reference(self, frame: int) -> None:
        page = self.pages[frame]
        if page.references == 0:
            self.unlink(frame)
            self.move(frame, TRANSITION)
        page.references += 1

    def dereference(self, frame: int) -> None:
        page = self.pages[frame]
        page.references -= 1
        if page.references == 0:
            self.put_away(frame)

    def put_away(self, frame: int) -> None:
        page = self.pages[frame]
        if "PteDeleted" in page.flags:
            if is_in_page_file(page.original):
                self.released.append(page.original)
            self.free(frame)
        elif page.error or ("ParityError" in page.flags and "Modified" not in page.flags):
            self.restore(frame)
            self.free(frame)
        elif "Modified" in page.flags:
            self.insert(NO_WRITE if "NoModifiedWrite" in page.flags else MODIFIED, frame)
        else:
            self.insert(STANDBY, frame)

    def reactivate(self, frame: int) -> None:
        page = self.pages[frame]
        if page.references == 0:
            self.unlink(frame)
        page.shares = 1
        page.references += 1
        self.move(frame, ACTIVE)

    def delete(self, frame: int) -> None:
        page = self.pages[frame]
        had_pte = page.pte is not None
        page.flags |= {"PteDeleted"}
        if page.references == 0:
            self.unlink(frame)
            self.put_away(frame)
        elif page.state == ACTIVE:
            self.unshare(frame)
        if had_pte:
            self.unshare(self.pte_frame)
