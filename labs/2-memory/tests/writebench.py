"""Modified pages that are gathered for a write, and what they are when it has ended: on the database of framebench.py, with a page
file whose transfers the host ends (heldfile.cpp).  After each call lists, pages, PTEs and the places of the page file are compared.
"""

from __future__ import annotations

import struct
from typing import Dict, List, Sequence

from .framebench import Bench as Frames
from .frames import MODIFIED, demand_zero, in_page_file, transition
from .pagingmodel import MOST, gather

PAGES, NOTHING, NO_SPACE = 0, 1, 2  # MI_GATHERED
DEVICE_ERROR = 0xC0000185
RUN, FRAMES, WRITE_BYTES = 56, 68, 136  # of MI_PAGE_WRITE
FREE_SPACE, USAGE, BITMAP = 12, 16, 32  # of MMPAGING_FILE

HINTS = {
    "write-answer": "Pages: a write is ready. Nothing: no page waits for a page file. NoSpace: no place is free; then nothing has changed.",
    "write-first": "The page that waits longest is the first on the list that belongs on a page file.",
    "write-neighbours": "Neighbours are found by PTEs: go to the one in front as long as its page waits, too, then take all in the order of the PTEs. Only a page that knows this "
                        "very PTE belongs to it.",
    "write-room": "As many places as pages wait for a page file, 16 at most, and no more than are reserved. Places that no page gets are given back.",
    "write-begun": "A page that is being written left the list: MiBeginPageWrite gives it a reference and WriteInProgress, and clears Modified.",
    "write-place": "A page has its place if it was written well and is not Modified now; a page whose PTE is gone needs none. Where the write failed or the page has changed, what "
                   "is on the page file is not what the page holds.",
    "write-space": "Each place is a page's own, or free again. Count the bits before and after.",
    "write-counted": "MiPagesBeingWritten is less by all pages of the write, also those whose write has failed.",
    "write-ended": "MiEndPageWrite ends the write of each page, once, with the status of that page.",
    "write-call": "Write out the list, the PTEs and the places before the call, and follow your code with these numbers.",
}


class Bench(Frames):
    """Pages on the modified list, and a page file."""

    def __init__(self, t, places: int = 40) -> None:
        guest = t.guest
        guest.u32(guest.sym("LabHeldFile"), places)
        guest.u32(guest.sym("MmNumberOfPagingFiles"), 0)
        t.infra(guest.call("MmCreatePagingFile", guest.sym("LabHeldBacking"), places, places, 0) == 0, "a page file can be made")
        self.places = places
        self.write_block = guest.alloc(WRITE_BYTES)
        self.file = guest.u32(guest.sym("MmPagingFile"))
        super().__init__(t, frames=34)
        self.run: List[int] = []
        self.first_place = 0

    # -- the host's side -------------------------------------------------------------------------------------------
    def waiting(self, ptes: Sequence[int], of_files: Sequence[int] = ()) -> Dict[int, int]:
        """So many pages on the modified list, in this order, each with this PTE. @returns the page of each PTE."""
        model, frames = self.model, self.t.rng.sample(self.others(), len(ptes))
        for frame, index in zip(frames, ptes):
            page = model.pages[frame]
            page.state, page.pte, page.flags = MODIFIED, index, {"Modified"}
            page.original = demand_zero(self.t.rng.choice((1, 2, 4, 6)))
            self._set_pte(index, transition(frame, page.original >> 5 & 31))
            if index in of_files:
                page.original = 0x400 | self.t.rng.randrange(1, 1 << 20) << 12
            model.pages[self.pte_frame].shares += 1
        model.lists[MODIFIED] = frames
        self.fill()
        self.guest.u32(self.guest.sym("MiModifiedFilePages"), len(of_files))
        self.of_files = {frame: index in of_files for frame, index in zip(frames, ptes)}
        return dict(zip(ptes, frames))

    def place(self, frame: int) -> None:
        """A page that is on no list is as the model has it."""
        self._write_page(frame, self.model.pages[frame])

    def occupy(self, keep: Sequence[int]) -> None:
        """All places are in use but these."""
        keep_set = set(keep)
        bits = bytearray(-(-self.places // 32) * 4)
        for place in range(8 * len(bits)):
            if place not in keep_set:
                bits[place >> 3] |= 1 << (place & 7)
        guest, free = self.guest, len(keep_set)
        guest.write(guest.u32(self.file + BITMAP), bytes(bits))
        guest.u32(self.file + FREE_SPACE, free)
        guest.u32(self.file + USAGE, self.places - 1 - free)
        guest.u32(guest.sym("MmTotalFreePageFileSpace"), free)

    def free_places(self) -> List[int]:
        guest = self.guest
        bits = guest.read(guest.u32(self.file + BITMAP), -(-self.places // 8))
        return [place for place in range(self.places) if not bits[place >> 3] >> (place & 7) & 1]

    def change(self, frame: int) -> None:
        """Somebody has changed the page while it is written: it came back, was written to, and left again."""
        self.flag(frame, "Modified")

    # -- the student's routines ------------------------------------------------------------------------------------
    def gather(self, wanted: int = PAGES) -> List[int]:
        guest, model = self.guest, self.model
        before = self.free_places()
        self._say(f"MiGatherModifiedPages: the modified list is {self._list()}")
        guest.write(self.write_block, bytes(WRITE_BYTES))
        with guest.uninterrupted():
            answer = guest.call("MiGatherModifiedPages", self.write_block, conv="cdecl") & 0xFF
        names = ("Pages", "Nothing", "NoSpace")
        self._equal(f"it returns {names[wanted]}", f"it returns {names[answer] if answer < 3 else answer}", "write-answer")
        room = 0
        if wanted == PAGES:
            waiting = [page for page in model.lists[MODIFIED] if not self.of_files[page]]
            room = min(len(waiting), MOST, max(map(len, _runs(before))))
        self.run = gather(model.lists[MODIFIED], {frame: page.pte for frame, page in model.pages.items() if page.pte is not None}, self.of_files, room)
        if wanted == PAGES:
            self._compare_run(before)
        for frame in self.run:
            model.reference(frame)
            model.pages[frame].flags = model.pages[frame].flags - {"Modified"} | {"WriteInProgress"}
        self._hinted("write-begun")
        places = range(self.first_place, self.first_place + len(self.run))
        self._equal(f"free places: {_ranges([place for place in before if place not in places])}", f"free places: {_ranges(self.free_places())}", "write-space")
        return self.run

    def _compare_run(self, before: Sequence[int]) -> None:
        guest = self.guest
        base = self.write_block + RUN
        number, self.first_place, count = struct.unpack("<3I", guest.read(base, 12))
        seen = list(struct.unpack(f"<{MOST}I", guest.read(self.write_block + FRAMES, 4 * MOST)))[:min(count, MOST)]
        hint = "write-room" if count != len(self.run) else "write-first" if seen and seen[0] not in self.run else "write-neighbours"
        self._equal(f"pages of the write by their PTEs: {self._ptes(self.run)}", f"pages of the write by their PTEs: {self._ptes(seen)}", hint)
        places = range(self.first_place, self.first_place + count)
        self._equal("places that were free", "places that were free" if number == 0 and set(places) <= set(before) else f"places {_ranges(list(places))}", "write-space")

    def end(self, written: int, status: int = DEVICE_ERROR) -> None:
        """The write has ended; so many pages of it were written."""
        guest, model = self.guest, self.model
        before, count = self.free_places(), 100 + self.t.rng.randrange(100)
        self._say(f"MiEndModifiedPages: of {len(self.run)} pages {written} were written" + (f", the others failed with {status:#x}" if written < len(self.run) else ""))
        guest.u32(guest.sym("MiPagesBeingWritten"), count + len(self.run))
        calls = self._watched(written, status)
        free = set(before)
        for number, frame in enumerate(self.run):
            page, place = model.pages[frame], self.first_place + number
            if number < written and not page.flags & {"Modified", "PteDeleted"}:
                page.original = in_page_file(0, place, page.original >> 5 & 31)
            else:
                free.add(place)
            page.flags -= {"WriteInProgress"}
            if number >= written:
                page.flags |= {"Modified"}
            model.dereference(frame)
        model.released.clear()
        wanted = [(frame, 0 if number < written else status) for number, frame in enumerate(self.run)]
        self._equal(f"writes that end: {_ends(sorted(wanted))}", f"writes that end: {_ends(sorted(calls))}", "write-ended")
        self._adopt_orders()
        self._hinted("write-place")
        self._equal(f"free places: {_ranges(sorted(free))}", f"free places: {_ranges(self.free_places())}", "write-space")
        seen = guest.u32(guest.sym("MiPagesBeingWritten"))
        self._equal(f"MiPagesBeingWritten {count}", f"MiPagesBeingWritten {seen}", "write-counted")

    def _adopt_orders(self) -> None:
        """In which order the pages of a write end is the routine's choice."""
        for number, wanted in enumerate(self.model.lists):
            seen = self._walk(number)[0]
            if sorted(seen) == sorted(wanted):
                self.model.lists[number] = seen

    def _watched(self, written: int, status: int) -> List[object]:
        """Calls the routine, and notes which writes it ends."""
        guest, calls = self.guest, []  # type: ignore[var-annotated]
        with guest.uninterrupted():
            place, registers = guest.call_or_stop("MiEndModifiedPages", self.write_block, written, status, stops=("MiEndPageWrite",), conv="cdecl")
            while place:
                esp = registers["esp"]
                ended = guest.u32(esp + 4), guest.u32(esp + 8)
                self._equal("MmPfnLock is held", f"MmPfnLock is {'held' if guest.u32(guest.sym('KiQueuedSpinLock') + 8) else 'free'}", "write-ended")
                calls.append(ended)
                place, registers = guest.go_on(("MiEndPageWrite",))
        return calls

    # -- telling ---------------------------------------------------------------------------------------------------
    def _say(self, what: str) -> None:
        self.done.append(what)
        self.t.asking(self._asked(), self._hint("write-call"))

    def _hinted(self, hint: str) -> None:
        """Everything against the model; what differs is this exercise's, whatever it is."""
        self._mine = hint
        try:
            self.compare()
        finally:
            self._mine = ""

    _mine = ""

    def _hint(self, name: str):
        mine = self._mine or name
        return self.t.hint(mine, HINTS[mine] if mine in HINTS else "Something that this routine has nothing to do with has changed.")

    def _list(self) -> str:
        return " ".join(f"PTE {self.model.pages[frame].pte}" + (" (a file's)" if self.of_files[frame] else "") for frame in self.model.lists[MODIFIED]) or "empty"

    def _ptes(self, frames: Sequence[int]) -> str:
        pages = self.model.pages
        return " ".join(str(pages[frame].pte) if frame in pages and pages[frame].pte is not None else f"none ({frame:#x})" for frame in frames) or "none"


def _runs(places: Sequence[int]) -> List[List[int]]:
    runs: List[List[int]] = [[]]
    for place in sorted(places):
        if runs[-1] and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _ranges(places: Sequence[int]) -> str:
    return " ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in _runs(places) if run) or "none"


def _ends(calls) -> str:
    return " ".join(f"{frame:#x}:{status:#x}" for frame, status in calls) or "none"


__all__ = ["Bench", "DEVICE_ERROR", "NOTHING", "NO_SPACE", "PAGES"]
