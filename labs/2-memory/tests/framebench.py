"""A page frame number database that only the test uses: the student's routines work on it, and the host compares it with the model.

The host lays a database of some frames into scratch memory and points MmPfnDatabase at it, with all lists empty and all counters 0.  One
of its frames is a real page of the scratch memory: it holds the PTEs.  The others are numbers: nothing reads or writes those pages.
After every call all of it is compared: lists both ways, counts, states, flags, PTEs.
"""

from __future__ import annotations

import struct
from typing import Dict, List, Optional, Sequence, Tuple

from .frames import (ACTIVE, AVAILABLE, BAD, FLAGS, FREE, LISTS, LOCATION, NONE, READ_WRITE, STANDBY, STATES, TRANSITION, ZEROED, Model,
                     Page, demand_zero, transition, valid)

SIZE = 24  # MMPFN
FRAMES = 20
PTES = 40
PAGE_SIZE = 4096
PFN_TRANSITION = 27
PFN_REFERENCES = 8  # the place of CONTROL_AREA::NumberOfPfnReferences; a SUBSECTION begins with its ControlArea
PROTOTYPE = 1 << 10  # of a PTE that leads to a subsection
GIVES_BACK, MOVES = "MiReleasePageOfPageFile", "MiSetPageLocation"

HINTS = {
    "pfn-links": "The links of a list are broken. A page has two neighbours or an end of the list on each side: whatever changes a link on "
                 "one side changes the one that leads back, too. Draw the list before and after, for the first, a middle and the last page.",
    "pfn-total": "Total is the number of pages on the list: it changes with every page that comes or goes.",
    "pfn-order": "Pages come to the end of a list and are taken from its front. The page that waits longest goes first.",
    "pfn-available": "MmAvailablePages is what the zeroed, the free and the standby list hold together. It is counted where a page comes to "
                     "or leaves one of these three, by MiIncrementAvailablePages and MiDecrementAvailablePages, and nowhere else.",
    "pfn-told": "MiIncrementAvailablePages and MiDecrementAvailablePages count and tell who waits. A counter that is changed past them "
                "wakes nobody.",
    "pfn-writer-told": "A page that came to the modified list is announced by MiModifiedPageAdded, or nothing wakes the writer.",
    "pfn-choice": "Any contents: free, else zeroed, else standby. Zeros: zeroed, else free, else standby. A zeroed page is dear, a standby "
                  "page may still be wanted.",
    "pfn-zeroed-said": "MiRemoveZeroPage says whether the page is all zeros: only one from the zeroed list is.",
    "pfn-state": "The page is in the wrong state. MiSetPageLocation gives a page the state of the list that it goes to, ActiveAndValid "
                 "or TransitionPage.",
    "pfn-untraced": "A state changed and no event says so: MiSetPageLocation is the one writer of PageLocation.",
    "pfn-which-list": "Which list a page goes to is decided by what it holds: nothing that is needed - free; changed - modified, or "
                      "modified-no-write if its owner writes it; the same as on the disk - standby.",
    "pfn-listed": "A page that something refers to is on no list: it leaves the list that it is on before its ReferenceCount becomes 1.",
    "pfn-share": "ShareCount is the number of valid PTEs of an active page. It shares its place with Blink: a page that leaves a list has "
                 "0 there until it is given to a PTE.",
    "pfn-reference": "ReferenceCount counts 1 for all PTEs together, and 1 for each I/O or lock. A page that comes back to a PTE keeps the "
                     "references that its I/O has.",
    "pfn-pte-restored": "A page that is taken from its PTE leaves OriginalPte there: the PTE must not name a page that holds other data soon.",
    "pfn-pte-page": "The page that holds the PTE is shared by each PTE that is valid or in transition. When a PTE stops being either, "
                    "that page is shared once less.",
    "pfn-prototype": "When the last process gives up a shared page, its prototype PTE gets the transition form, with the protection of "
                     "OriginalPte; a PTE that is gone is not written.",
    "pfn-deleted": "A page whose PTE is gone is free when the last reference goes, and not before: an I/O may still write into it.",
    "pfn-page-file": "A deleted page gives its place in the page file back (MiReleasePageOfPageFile), once, when it becomes free.",
    "pfn-past": "A page that is free forgets its past: no PTE, no OriginalPte, no flags but those that say it is defective.",
    "pfn-section": "A section counts the pages of its file that are in memory, and cannot go before they have gone. A page with PrototypePte that "
                   "leaves its prototype PTE is forgotten by it (MiForgetPageOfSection), whether the page is taken or deleted.",
    "pfn-bad": "A defective page goes to the bad list, never to the free one.",
    "pfn-field": "A field changed that this call has nothing to do with.",
    "pfn-live": "The kernel itself lives on this database. The tests with a bench show the mistake one call at a time: begin there.",
    "pfn-call": "Write out what the page's counts, its list and its PTE are before the call and after it, and follow your code with these "
                "numbers. `make gdb` stops where it breaks.",
}


class Bench:
    """Frames, lists and PTEs that exist only for the test."""

    def __init__(self, t, frames: int = FRAMES, zeroing: bool = False) -> None:
        self.t, guest = t, t.guest
        self.guest = guest
        self.done: List[str] = []
        self.moves: List[Tuple[int, int, int]] = []  # what MiSetPageLocation was called for: page, old state, new state
        self.ptes = guest.alloc(PAGE_SIZE, PAGE_SIZE)
        physical = guest.space.physical(self.ptes)
        t.infra(physical is not None, "the scratch memory is mapped")
        self.pte_frame = physical >> 12
        self.first = self.pte_frame - t.rng.randrange(frames)
        self.frames = list(range(self.first, self.first + frames))
        self.database = guest.alloc(SIZE * frames)
        guest.u32(guest.sym("MmPfnDatabase"), self.database - SIZE * self.first)
        guest.u32(guest.sym("MmAvailablePages"), 0)
        guest.u8(guest.sym("MmZeroingPageThreadActive"), 1)
        guest.write(guest.sym("MiMemoryThresholds"), bytes(16))
        self.heads = [guest.sym(name) for name in LISTS]
        for number, head in enumerate(self.heads):
            self._write_head(head, 0, NONE, NONE, number)
        self.model = Model([frame for frame in self.frames], self.pte_frame)
        for index in range(PTES):
            self._set_pte(index, demand_zero(t.rng.choice((1, 2, 3, 4, 6))))
        for frame in self.frames:
            # What a page was before: its links and counts say nothing.
            self._write_page(frame, Page(FREE), link=t.rng.getrandbits(32))
        self._write_page(self.pte_frame, Page(ACTIVE, shares=1, references=1, flags={"Modified"}))
        self.model.pages[self.pte_frame] = Page(ACTIVE, shares=1, references=1, flags={"Modified"})

    # -- the host's side -------------------------------------------------------------------------------------------
    def element(self, frame: int) -> int:
        return self.database + SIZE * (frame - self.first)

    def pte_address(self, index: int) -> int:
        return self.ptes + 4 * index

    def name(self, frame: int) -> str:
        return "no page" if frame == NONE else f"page {frame:#x}" if frame in self.frames else f"{frame:#x}, which is no page of the test"

    def others(self) -> List[int]:
        """All frames but the one that holds the PTEs."""
        return [frame for frame in self.frames if frame != self.pte_frame]

    def section(self, pages: int) -> int:
        """A section of a file that has so many pages in memory.  Returns the original PTE of each of them."""
        guest = self.guest
        area, subsection = guest.alloc(64), guest.alloc(64, 8)
        self.counter = area + PFN_REFERENCES
        guest.u32(self.counter, pages)
        guest.u32(subsection, area)
        distance = self.t.rng.randrange(1, 0x1000)  # in units of 8 bytes, from where the non-paged pool begins
        guest.u32(guest.sym("MmNonPagedPoolStart"), subsection - 8 * distance)
        return distance >> 4 << 11 | PROTOTYPE | READ_WRITE << 5 | (distance & 15) << 1

    def of_section(self) -> int:
        """The pages of its file that the section has in memory."""
        return self.guest.u32(self.counter)

    def fill(self, **lists: Sequence[int]) -> None:
        """Puts pages on lists, by the host: what the test begins with."""
        for name, frames in lists.items():
            number = ("zeroed", "free", "standby", "modified", "no_write", "bad").index(name)
            for frame in frames:
                page = self.model.pages[frame]
                page.state = number
                if number not in (ZEROED, FREE, BAD):
                    self._given(frame, page, number)
                self.model.lists[number].append(frame)
        for number, pages in enumerate(self.model.lists):
            self._write_head(self.heads[number], len(pages), pages[0] if pages else NONE, pages[-1] if pages else NONE, number)
            for before, frame, after in zip([NONE, *pages], pages, [*pages[1:], NONE]):
                self._write_page(frame, self.model.pages[frame], link=after, back=before)
        self.guest.u32(self.guest.sym("MmAvailablePages"), self.model.available)
        self._write_page(self.pte_frame, self.model.pages[self.pte_frame])

    def _given(self, frame: int, page: Page, number: int) -> None:
        """A page on standby or modified has a PTE that names it."""
        index = self.free_pte()
        page.pte, page.original = index, self.model.ptes[index]
        page.flags |= ({"Modified"} if number != STANDBY else set()) | ({"NoModifiedWrite"} if number == 4 else set())
        self._set_pte(index, transition(frame, page.original >> 5 & 31))
        self.model.pages[self.pte_frame].shares += 1

    def free_pte(self) -> int:
        used = {page.pte for page in self.model.pages.values()}
        return self.t.rng.choice([index for index in range(PTES) if index not in used and self.model.ptes[index] & 0x801 == 0])

    def set_pte(self, index: int, value: int) -> None:
        """The PTE is this before the page comes."""
        self._set_pte(index, value)

    def flag(self, frame: int, *names: str, off: bool = False) -> None:
        """Sets or clears flags of a page, as another part of the memory manager does."""
        page = self.model.pages[frame]
        page.flags = page.flags - set(names) if off else page.flags | set(names)
        address = self.element(frame) + 14
        mask = sum(FLAGS[name] for name in names)
        old = self.guest.u16(address)
        self.guest.u16(address, old & ~mask if off else old | mask)

    def read_error(self, frame: int) -> None:
        """The page could not be read."""
        self.model.pages[frame].error = True
        address = self.element(frame) + 20
        self.guest.u32(address, self.guest.u32(address) | 1 << 25)

    def _set_pte(self, index: int, value: int) -> None:
        self.model.ptes[index] = value
        self.guest.u32(self.pte_address(index), value)

    def _write_head(self, head: int, total: int, flink: int, blink: int, number: int) -> None:
        guest = self.guest
        for name, value in (("Total", total), ("ListName", number), ("Flink", flink), ("Blink", blink)):
            guest.set(head, f"MMPFNLIST.{name}", value)

    def _write_page(self, frame: int, page: Page, link: int = 0, back: int = 0) -> None:
        guest, element = self.guest, self.element(frame)
        guest.u32(element, link)
        guest.u32(element + 4, self.pte_address(page.pte) if page.pte is not None else 0)
        guest.u32(element + 8, page.shares if page.references else back)
        guest.u16(element + 12, page.references)
        guest.u16(element + 14, page.state << LOCATION | sum(FLAGS[name] for name in page.flags))
        guest.u32(element + 16, page.original)
        guest.u32(element + 20, self.pte_frame if page.pte is not None else 0)

    # -- the student's routines ------------------------------------------------------------------------------------
    def insert(self, number: int, frame: int) -> None:
        self._call(f"MiInsertPageInList({STATES[number]}, {self.name(frame)})", "MiInsertPageInList", self.heads[number], frame,
                   model=lambda: self.model.insert(number, frame))

    def free(self, frame: int) -> None:
        self._call(f"MiInsertPageInFreeList({self.name(frame)})", "MiInsertPageInFreeList", frame, model=lambda: self.model.free(frame))

    def unlink(self, frame: int) -> None:
        self._call(f"MiUnlinkPageFromList({self.name(frame)})", "MiUnlinkPageFromList", self.element(frame),
                   model=lambda: self.model.unlink(frame))

    def remove(self, number: int) -> int:
        return self._take(f"MiRemovePageFromList({STATES[number]})", "MiRemovePageFromList", self.heads[number],
                          model=lambda: self.model.remove(number))

    def take_any(self) -> int:
        return self._take("MiRemoveAnyPage()", "MiRemoveAnyPage", model=self.model.take_any)

    def take_zeroed(self) -> int:
        guest = self.guest
        zeros = bool(self.model.lists[ZEROED])
        told = self.ptes + PAGE_SIZE - 4
        guest.u32(told, 0x5A5A5A00 | (not zeros))
        frame = self._take("MiRemoveZeroPage(&zeroed)", "MiRemoveZeroPage", told, model=self.model.take_zeroed)
        if frame != NONE:
            self._equal(f"zeroed is {zeros}".lower(), f"zeroed is {bool(guest.u8(told))}".lower(), "pfn-zeroed-said")
        return frame

    def restore(self, frame: int) -> None:
        self._call(f"MiRestoreTransitionPte({self.name(frame)})", "MiRestoreTransitionPte", self.element(frame),
                   model=lambda: self.model.restore(frame))

    def begin(self, frame: int, modified: bool = False, original: Optional[int] = None, prototype: bool = False, no_write: bool = False) -> int:
        """A page that was taken becomes active: MiInitializePfn, and the PTE is made valid."""
        index = self.free_pte()
        if original is not None:
            self._set_pte(index, original)
        self._call(f"MiInitializePfn({self.name(frame)}, PTE {index}, modified={str(modified).lower()})", "MiInitializePfn", frame,
                   self.pte_address(index), int(modified), model=lambda: self.model.begin(frame, index, modified))
        self.flag(frame, *[name for name, wanted in (("PrototypePte", prototype), ("NoModifiedWrite", no_write)) if wanted])
        self._set_pte(index, valid(frame))
        return index

    def own(self, frame: int) -> None:
        self._call(f"MiInitializeSystemPfn({self.name(frame)})", "MiInitializeSystemPfn", frame, model=lambda: self.model.own(frame))

    def share(self, frame: int) -> None:
        self._call(f"MiIncrementShareCount({self.name(frame)})", "MiIncrementShareCount", frame, model=lambda: self.model.share(frame))

    def trim(self, frame: int, dirty: bool = False) -> None:
        """A PTE gives the page up: a private one has its transition form before the call."""
        page = self.model.pages[frame]
        if dirty:
            self.flag(frame, "Modified")
        if "PrototypePte" not in page.flags and page.pte is not None:
            self._set_pte(page.pte, transition(frame, page.original >> 5 & 31))
        self._call(f"MiDecrementShareCount({self.show(frame)})", "MiDecrementShareCount", frame, model=lambda: self.model.unshare(frame))

    def reference(self, frame: int) -> None:
        self._call(f"MiIncrementReferenceCount({self.show(frame)})", "MiIncrementReferenceCount", frame,
                   model=lambda: self.model.reference(frame))

    def dereference(self, frame: int) -> None:
        self._call(f"MiDecrementReferenceCount({self.show(frame)})", "MiDecrementReferenceCount", frame,
                   model=lambda: self.model.dereference(frame))

    def reactivate(self, frame: int) -> None:
        self._call(f"MiReactivatePfn({self.show(frame)})", "MiReactivatePfn", frame, model=lambda: self.model.reactivate(frame))
        page = self.model.pages[frame]
        assert page.pte is not None
        self._set_pte(page.pte, valid(frame))

    def delete(self, frame: int) -> None:
        page = self.model.pages[frame]
        index, original = page.pte, page.original
        self._call(f"MiDeletePfn({self.show(frame)})", "MiDeletePfn", frame, model=lambda: self.model.delete(frame))
        if index is not None:
            self._set_pte(index, demand_zero(original >> 5 & 31 or 4))

    # -- judging ---------------------------------------------------------------------------------------------------
    def show(self, frame: int) -> str:
        page = self.model.pages[frame]
        flags = "".join(f", {name}" for name in FLAGS if name in page.flags) + (", InPageError" if page.error else "")
        return f"{self.name(frame)}: {STATES[page.state]}, ShareCount {page.shares}, ReferenceCount {page.references}{flags}"

    def _take(self, what: str, routine: str, *arguments: int, model) -> int:
        before = [list(pages) for pages in self.model.lists]
        answer: List[int] = []
        frame = self._call(what, routine, *arguments, model=lambda: answer.append(model()), compare=False)
        if frame != answer[0]:
            lists = ", ".join(f"{STATES[number]} {' '.join(f'{one:#x}' for one in pages)}" for number, pages in enumerate(before) if pages)
            where = [number for number, pages in enumerate(before) if frame in pages]
            right = [number for number, pages in enumerate(before) if answer[0] in pages]
            self._fail(f"returns {self.name(answer[0])} (before: {lists or 'all lists are empty'})", f"returns {self.name(frame)}",
                       "pfn-order" if where and where == right else "pfn-choice")
        self.compare()
        return answer[0]

    def _call(self, what: str, routine: str, *arguments: int, model, compare: bool = True) -> int:
        self.done.append(what)
        self.t.asking(self._asked(), self._hint("pfn-call"))
        released = len(self.model.released)
        model()
        given: List[int] = []
        guest = self.guest
        with guest.uninterrupted():
            place, registers = guest.call_or_stop(routine, *arguments, stops=(GIVES_BACK, MOVES), conv="cdecl")
            while place:
                esp = registers["esp"]
                if place == MOVES:
                    self._note_move(*struct.unpack("<2I", guest.read(esp + 4, 8)))
                    place, registers = guest.go_on((GIVES_BACK, MOVES))
                else:
                    given.append(guest.u32(esp + 4))
                    place, registers = guest.go_on((GIVES_BACK, MOVES), eip=guest.u32(esp), esp=esp + 4)
        if compare:
            self.compare()
        if given != self.model.released[released:]:
            self._fail(f"given back in the page file: {[hex(one) for one in self.model.released[released:]]}",
                       f"given back: {[hex(one) for one in given]}", "pfn-page-file")
        return registers["eax"]

    def _note_move(self, element: int, location: int) -> None:
        self.moves.append((self.first + (element - self.database) // SIZE, self.guest.u16(element + 14) >> LOCATION & 7, location & 7))

    def compare(self) -> None:
        """Everything against the model."""
        lists = [self._walk(number) for number in range(len(LISTS))]
        for number, seen in enumerate(lists):
            self._compare_list(number, seen, lists)
        for index in range(PTES):
            self._compare_pte(index)
        for frame in self.frames:
            self._compare_page(frame)
        seen = self.guest.u32(self.guest.sym("MmAvailablePages"))
        self._equal(f"MmAvailablePages {self.model.available}", f"MmAvailablePages {seen}", "pfn-available")

    def _walk(self, number: int) -> Tuple[List[int], List[int]]:
        """The pages of a list from the front, and from the back."""
        guest, head = self.guest, self.heads[number]
        ways = []
        for first, link in (("Flink", 0), ("Blink", 8)):
            pages: List[int] = []
            frame = guest.get(head, f"MMPFNLIST.{first}")
            while frame != NONE and frame in self.frames and len(pages) <= len(self.frames):
                pages.append(frame)
                frame = guest.u32(self.element(frame) + link)
            if frame != NONE:
                pages.append(frame)
            ways.append(pages)
        return ways[0], ways[1]

    def _compare_list(self, number: int, seen: Tuple[List[int], List[int]], lists: Sequence[Tuple[List[int], List[int]]]) -> None:
        wanted, (forward, backward) = self.model.lists[number], seen
        total = self.guest.get(self.heads[number], "MMPFNLIST.Total")
        if (forward, backward[::-1], total) == (wanted, wanted, len(wanted)):
            return
        expected = f"{STATES[number]} list: {self._pages(wanted)}, Total {len(wanted)}"
        held = [frame for frame in forward if frame in self.model.pages and self.model.pages[frame].references and frame not in wanted]
        if forward != backward[::-1]:
            self._fail(expected, f"from the front {self._pages(forward)}; from the back {self._pages(backward)}", "pfn-listed" if held else "pfn-links")
        told = f"{self._pages(forward)}, Total {total}"
        if forward == wanted:
            self._fail(expected, told, "pfn-total")
        if sorted(forward) == sorted(wanted):
            self._fail(expected, told, "pfn-order")
        lost = [frame for frame in wanted if frame not in forward]
        strangers = [frame for frame in forward if frame not in wanted]
        other = [where for where, (pages, _) in enumerate(lists) if where != number and set(lost) & set(pages)]
        told += f"; {self.name(lost[0])} is on the {STATES[other[0]]} list" if other else ""
        self._fail(expected, told, self._misplaced((strangers or lost)[0]))

    def _misplaced(self, frame: int) -> str:
        """The hint for a page that is on a list where it should not be, or on none."""
        page = self.model.pages.get(frame)
        if page is None:
            return "pfn-links"
        deleted = self.guest.u16(self.element(frame) + 14) & FLAGS["PteDeleted"]
        if deleted or "PteDeleted" in page.flags:
            return "pfn-deleted"
        if self.model.where(frame) == BAD:
            return "pfn-bad"
        return "pfn-listed" if page.references else "pfn-which-list"

    def _compare_page(self, frame: int) -> None:
        guest, page, element = self.guest, self.model.pages[frame], self.element(frame)
        bits = guest.u16(element + 14)
        state, references = bits >> LOCATION & 7, guest.u16(element + 12)
        said = self.name(frame)
        holder = frame == self.pte_frame
        self._equal(f"{said} is {STATES[page.state]}", f"{said} is {STATES[state]}", "pfn-state")
        if page.references or self.model.where(frame) is None:
            shares = guest.u32(element + 8)
            self._equal(f"{said}{', which holds the PTEs' if holder else ''}: ShareCount {page.shares}", f"ShareCount {shares}",
                        "pfn-pte-page" if holder else "pfn-share")
        self._equal(f"{said}: ReferenceCount {page.references}", f"ReferenceCount {references}", "pfn-reference")
        flags = {name for name, bit in FLAGS.items() if bits & bit}
        free = page.state in (FREE, ZEROED, BAD)
        self._equal(f"{said}: flags {self._flags(page.flags)}", f"flags {self._flags(flags)}", "pfn-past" if free else "pfn-field")
        address = self.pte_address(page.pte) if page.pte is not None else 0
        self._equal(f"{said}: PteAddress {address:#x}", f"PteAddress {guest.u32(element + 4):#x}", "pfn-past" if free else "pfn-field")
        self._equal(f"{said}: OriginalPte {page.original:#x}", f"OriginalPte {guest.u32(element + 16):#x}", "pfn-past" if free else "pfn-field")

    def _compare_pte(self, index: int) -> None:
        wanted, seen = self.model.ptes[index], self.guest.u32(self.pte_address(index))
        if wanted == seen:
            return
        prototype = any("PrototypePte" in page.flags and page.pte == index for page in self.model.pages.values())
        self._fail(f"PTE {index}: {wanted:#010x}", f"{seen:#010x}", "pfn-prototype" if prototype else "pfn-pte-restored")

    def _pages(self, frames: Sequence[int]) -> str:
        return " ".join(f"{frame:#x}" for frame in frames[:24]) or "empty"

    @staticmethod
    def _flags(flags: "set[str]") -> str:
        return " ".join(name for name in FLAGS if name in flags) or "none"

    def _equal(self, expected: str, seen: str, hint: str) -> None:
        if expected.rsplit(": ", 1)[-1] != seen.rsplit(": ", 1)[-1]:
            self._fail(expected, seen, hint)

    def _asked(self) -> str:
        earlier = len(self.done) - 1
        return (self.done[-1] if self.done else "the database") + (f", after {earlier} calls" if earlier > 0 else "")

    def _hint(self, name: str):
        return self.t.hint(name, HINTS[name])

    def _fail(self, expected: str, seen: str, hint: str) -> None:
        self.t.fail(asked=self._asked(), expected=expected, seen=seen, hint=self._hint(hint))
