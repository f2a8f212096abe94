"""An address space that only the test uses, with page tables in the test driver (pagetable.cpp, rangetables.py): calls of the two services,
and all of it compared with the model after each one: tree, flags, entries, page tables, charges.
"""

from __future__ import annotations

import struct
from typing import Dict, List, Optional, Sequence, Tuple

from .ranges import MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE, NO_RESOURCES, PAGE, PROTECTIONS, QUOTA, SUCCESS, Page, Range, Ranges
from .rangetables import ENTRIES, TABLES, Tables
from .rangetree import HINTS as TREE_HINTS
from .rangetree import RangeTree, name

MAKES, FREES = "MiAllocatePrivateVad", "MiFreeVad"
CHARGE, VAD_TYPE, MEM_COMMIT_BIT, PROTECTION, PRIVATE = (1 << 19) - 1, 20, 1 << 23, 24, 1 << 29
STATUS = {SUCCESS: "STATUS_SUCCESS", NO_RESOURCES: "STATUS_INSUFFICIENT_RESOURCES", QUOTA: "STATUS_PAGEFILE_QUOTA_EXCEEDED"}
RULES = ("", "an entry outside of the ranges was asked for", "an entry was written whose page table does not exist",
         "Write was called for an entry that holds a page: the page is lost", "Write was given an entry that holds a page",
         "DeletePage, Protect or Protection was called for an entry that holds no page", "DeletePage was given an entry that holds a page")

HINTS = {
    **TREE_HINTS,
    "vad-status": "Every step that can fail has its status: the VAD and the page tables STATUS_INSUFFICIENT_RESOURCES, the charge what "
                  "MiChargeCommitment returned.",
    "vad-undone": "A call that fails has changed nothing: what can fail comes first, and what was got before the failure is given back.",
    "vad-leak": "A VAD that is in no tree goes back with MiFreeVad, and none is freed that is in the tree.",
    "vad-ranges": "Releasing all of a range takes it out; its start or its end makes it smaller; its middle leaves two.",
    "vad-state": "An entry of 0 means: as the range says (MemCommit, and the range's protection). Any other entry speaks for its page alone. What "
                 "does the entry have to be for this page to be what was asked?",
    "vad-others": "Only the pages that were asked for change. A flag of the range speaks for all its pages whose entry is 0.",
    "vad-recommit": "A page that is committed already keeps its contents and is not charged again; it only gets the protection.",
    "vad-protection": "The protection that a commit asks for may differ from the range's: then the entries say it, also those of pages that have "
                      "been used (MI_PAGE_TABLE::Protect).",
    "vad-contents": "What an entry holds is given back by DeletePage, once, when its page is decommitted or released. Otherwise the page stays.",
    "vad-charge": "Each committed page is charged once, to the process and to its range (CommitCharge), and given back once.",
    "vad-peak": "A peak is the highest value that a charge ever had, and returning the charge does not lower it. Do first what else can fail.",
    "vad-size": "VirtualSize is the bytes of all ranges: MiInsertVad adds them, a release takes them off.",
    "vad-tables": "A page table whose entries all are 0 goes (FreeTables). A reservation, and a range that is committed as it is made, need none.",
    "vad-rule": "mm/vad/pagetable.h says what each routine may be called with. Entries that hold a page belong to DeletePage and Protect.",
    "vad-past": "Entries and page tables are changed by the routines of MI_PAGE_TABLE alone: in a process a page's entry stands in working sets and "
                "in the page's own element, too.",
    "vad-flags": "What is left of a range is as it was: its flags too. A second VAD gets those of the first.",
    "vad-whole": "All of a range can be decommitted without memory: when MemCommit goes, entries of 0 say that the pages are reserved.",
    "vad-call": "Write down the entries, MemCommit and CommitCharge before the call and after it, for a range of four pages.",
}


class RangeBench:
    """An address space, and the calls of the services."""

    def __init__(self, t) -> None:
        self.t, self.guest = t, t.guest
        guest = t.guest
        self.space = guest.alloc(guest.size("MM_ADDRESS_SPACE"))
        self.words = guest.alloc(8)
        self.model = Ranges()
        self.tables = Tables(guest, guest.sym("LabTables"))
        guest.call("MmInitializeAddressSpace", self.space, 0x5000)
        self.charged = guest.u32(guest.sym("MmTotalCommittedPages"))
        self.done: List[str] = []
        self.frames = t.rng.randrange(0x1000, 0x9000)

    # -- what the host does ------------------------------------------------------------------------------------------
    def table_limit(self, count: int) -> None:
        """So many page tables can still be made."""
        self.tables.limit(count)

    def charge_limit(self, pages: int) -> None:
        """So many pages can still be charged."""
        self.guest.set(self.space, "MM_ADDRESS_SPACE.CommitChargeLimit", self.model.committed + pages if pages >= 0 else 0)

    def touch(self, vpn: int) -> None:
        """The committed page is used: its entry holds a page of memory from now on."""
        page = self.model.page(vpn)
        assert page is not None
        if page.frame is None:
            page.frame, self.frames = self.frames, self.frames + 1
            self.tables.touch(vpn, page.frame, page.protection)

    def mark(self, one: Range, kind: int) -> None:
        """The range is of another kind: what a split must keep."""
        one.kind = kind
        address = self._vads()[one.first] + self.guest.field("MMVAD.Flags")[0]
        self.guest.u32(address, self.guest.u32(address) & ~(7 << VAD_TYPE) | kind << VAD_TYPE)

    # -- the calls ---------------------------------------------------------------------------------------------------
    def reserve(self, first: int, last: int, protection: int = 4, commit: bool = False, status: int = SUCCESS, vad_fails: bool = False) -> None:
        tables = sum(self.tables.exists)
        what = "MEM_RESERVE | MEM_COMMIT" if commit else "MEM_RESERVE"
        self._allocate(what, MEM_RESERVE | (MEM_COMMIT if commit else 0), first, last, protection, status, vad_fails,
                       lambda: self.model.reserve(first, last, protection, commit))
        if sum(self.tables.exists) > tables:
            self._fail("no page table is made", f"{sum(self.tables.exists) - tables} of them", "vad-tables")

    def commit(self, first: int, last: int, protection: int = 4, status: int = SUCCESS) -> None:
        self._allocate("MEM_COMMIT", MEM_COMMIT, first, last, protection, status, False, lambda: self.model.commit(first, last, protection))

    def decommit(self, first: int, last: int, status: int = SUCCESS) -> None:
        self._free("MEM_DECOMMIT", MEM_DECOMMIT, first, last, status, False, self.model.decommit)

    def release(self, first: int, last: int, status: int = SUCCESS, vad_fails: bool = False) -> None:
        self._free("MEM_RELEASE", MEM_RELEASE, first, last, status, vad_fails, self.model.release)

    def _allocate(self, what: str, kind: int, first: int, last: int, protection: int, status: int, vad_fails: bool, model) -> None:
        self._begin(f"NtAllocateVirtualMemory({what}, pages {name(first, last)}, protection {protection})", first, last)
        seen = self._call("MiAllocateVirtualMemory", (self.space, self.guest.sym("LabPages"), self.words, 0, self.words + 4, kind,
                                                      PROTECTIONS[protection]), status, vad_fails)
        if status == SUCCESS:
            model()
        self._compare(seen, status, [])

    def _free(self, what: str, kind: int, first: int, last: int, status: int, vad_fails: bool, model) -> None:
        self._begin(f"NtFreeVirtualMemory({what}, pages {name(first, last)} of {self._range(self.model.of(first))})", first, last)
        seen = self._call("MiFreeVirtualMemory", (self.space, self.guest.sym("LabPages"), self.words, self.words + 4, kind), status, vad_fails)
        self._compare(seen, status, model(first, last) if status == SUCCESS else [])

    def _begin(self, what: str, first: int, last: int) -> None:
        self.done.append(what)
        self.before = {one.first: set(one.pages) for one in self.model.all}
        self.guest.write(self.words, struct.pack("<II", first * PAGE, (last - first + 1) * PAGE))
        self.tables.begin()
        self._write_peaks()

    def _call(self, routine: str, arguments: Sequence[int], status: int, vad_fails: bool) -> int:
        """Calls a service, counts VADs that are made and freed, follows its calls of the page tables, and lets the making of a VAD fail.
        Returns its status."""
        guest = self.guest
        self.t.asking(self._asked(), self._hint("vad-call"))
        nodes, made, stops = len(self.model.all), 0, (MAKES, FREES, *self.tables.stops)
        with guest.uninterrupted():
            place, registers = guest.call_or_stop(routine, *arguments, stops=stops, conv="cdecl")
            while place:
                made += {MAKES: 0 if vad_fails else 1, FREES: -1}.get(place, 0)
                if place in self.tables.stops:
                    self.tables.called(place, registers)
                if place == MAKES and vad_fails:
                    esp = registers["esp"]
                    place, registers = guest.go_on(stops, eip=guest.u32(esp), esp=esp + 4, eax=0)
                else:
                    place, registers = guest.go_on(stops)
        seen = registers["eax"]
        if seen != status:
            self._fail(self._status(status), self._status(seen), "vad-whole" if status == SUCCESS and seen == NO_RESOURCES else "vad-status")
        self.vads = made, nodes
        return seen

    # -- judging -----------------------------------------------------------------------------------------------------
    def _compare(self, _: int, status: int, gone: List[int]) -> None:
        undone = "vad-undone" if status != SUCCESS else ""
        if self.tables.broken:
            rule, vpn = self.tables.broken
            self._fail("the rules of MI_PAGE_TABLE are kept", f"page {vpn:x}: {RULES[min(rule, len(RULES) - 1)]}", "vad-rule")
        differs = self.tables.differs()
        if differs:
            self._fail(f"{differs[0]}, as the calls of MI_PAGE_TABLE left it", differs[1], "vad-past")
        tree = self._compare_ranges(undone)
        made, before = self.vads
        if made != len(self.model.all) - before:
            self._fail(f"VADs that were made less those that were freed: {len(self.model.all) - before}", f"{made}", "vad-leak")
        self._compare_pages(tree, undone)
        deleted = sorted(self.tables.deleted)
        if deleted != sorted(gone):
            self._fail(f"pages of memory that are given back: {_numbers(sorted(gone))}", _numbers(deleted), undone or "vad-contents")
        self._compare_charges(tree, undone)
        self._compare_tables(undone)

    def _compare_ranges(self, undone: str) -> RangeTree:
        tree = RangeTree(self.guest, self.space + self.guest.field("MM_ADDRESS_SPACE.VadRoot")[0])
        broken = tree.broken([(None, one.first, one.last) for one in self.model.all])
        if broken:
            lost = broken.hint in ("vad-lost", "vad-order")
            self._fail(broken.expected, broken.seen, undone or ("vad-ranges" if lost else broken.hint))
        for node, one in zip(tree.order, self.model.all):
            flags = self._flags(node.address)
            said = (flags >> VAD_TYPE & 7, flags >> PROTECTION & 31, flags & ~(CHARGE | MEM_COMMIT_BIT | 7 << VAD_TYPE | 31 << PROTECTION))
            if said != (one.kind, one.protection, PRIVATE):
                self._fail(f"range {name(one.first, one.last)}: VadType {one.kind}, Protection {one.protection}, PrivateMemory and no other flag",
                           f"VadType {said[0]}, Protection {said[1]}, flags {flags:#x}", "vad-flags")
        return tree

    def _compare_pages(self, tree: RangeTree, undone: str) -> None:
        entries = self.tables.entries
        left = {vpn for vpn, entry in enumerate(entries) if entry}
        for node, one in zip(tree.order, self.model.all):
            flags = self._flags(node.address)
            for vpn in range(one.first, one.last + 1):
                left.discard(vpn)
                seen = self._state(entries[vpn], flags)
                if seen != one.pages.get(vpn):
                    self._fail(f"page {vpn:x}: {one.pages.get(vpn) or 'reserved'}", f"{seen or 'reserved'} (its entry {entries[vpn]:#x}, MemCommit "
                               f"{int(bool(flags & MEM_COMMIT_BIT))})", undone or self._page_hint(vpn, one.pages.get(vpn), seen))
        if left:
            vpn = min(left)
            self._fail(f"page {vpn:x} is in no range: its entry is 0", f"{entries[vpn]:#x}", undone or "vad-state")

    def _page_hint(self, vpn: int, wanted: Optional[Page], seen: "Optional[Page] | str") -> str:
        asked = self.done[-1]
        pages = asked[asked.index("pages ") + 6:].split(",")[0].split(" ")[0].rstrip(")").split("-")
        if not int(pages[0], 16) <= vpn <= int(pages[-1], 16):
            return "vad-others"
        if not isinstance(seen, Page) or wanted is None:
            return "vad-contents" if isinstance(seen, Page) and seen.frame is not None else "vad-state"
        return "vad-contents" if seen.frame != wanted.frame else "vad-protection"

    @staticmethod
    def _state(entry: int, flags: int) -> "Optional[Page] | str":
        """What an entry and its range say of a page: committed, reserved (None), or nothing that makes sense."""
        if entry == 0:
            return Page(flags >> PROTECTION & 31) if flags & MEM_COMMIT_BIT else None
        if entry & 0xC01 == 0x800:
            return Page(entry >> 5 & 31, entry >> 12)
        if entry & ~(31 << 5):
            return "an entry that no commit makes"
        return None if entry >> 5 == 16 else Page(entry >> 5)

    def _compare_charges(self, tree: RangeTree, undone: str) -> None:
        guest, wanted = self.guest, self.model.committed
        for node, one in zip(tree.order, self.model.all):
            charge = self._flags(node.address) & CHARGE
            if charge != len(one.pages):
                self._fail(f"CommitCharge {len(one.pages)} of range {name(one.first, one.last)}", f"CommitCharge {charge}", undone or self._charge_hint())
        own = guest.get(self.space, "MM_ADDRESS_SPACE.CommitCharge")
        if own != wanted:
            self._fail(f"CommitCharge {wanted} of the process", f"CommitCharge {own}", undone or self._charge_hint())
        total = guest.u32(guest.sym("MmTotalCommittedPages")) - self.charged
        if total != wanted:
            self._fail(f"{wanted} pages more than at first in MmTotalCommittedPages", f"{total} more", undone or self._charge_hint())
        if undone:
            self._compare_peaks()
        size = guest.get(self.space, "MM_ADDRESS_SPACE.VirtualSize")
        if size != self.model.size:
            self._fail(f"VirtualSize {self.model.size:#x}", f"VirtualSize {size:#x}", undone or "vad-size")

    def _write_peaks(self) -> None:
        """The peaks are what is charged now: a charge of one page more raises them."""
        guest, peak = self.guest, self.guest.sym("MmPeakCommitment")
        guest.u32(peak, guest.u32(guest.sym("MmTotalCommittedPages")))
        guest.set(self.space, "MM_ADDRESS_SPACE.CommitChargePeak", guest.get(self.space, "MM_ADDRESS_SPACE.CommitCharge"))

    def _compare_peaks(self) -> None:
        """Of a call that failed, and has returned what it had charged."""
        guest = self.guest
        for name, peak, charge in (("MmPeakCommitment", guest.u32(guest.sym("MmPeakCommitment")), guest.u32(guest.sym("MmTotalCommittedPages"))),
                                   ("CommitChargePeak of the process", guest.get(self.space, "MM_ADDRESS_SPACE.CommitChargePeak"),
                                    guest.get(self.space, "MM_ADDRESS_SPACE.CommitCharge"))):
            if peak != charge:
                self._fail(f"{name} as before", f"it is {peak - charge} higher", "vad-peak")

    def _charge_hint(self) -> str:
        return "vad-recommit" if "(MEM_COMMIT," in self.done[-1] and any(self.before.values()) else "vad-charge"

    def _compare_tables(self, undone: str) -> None:
        for number in range(TABLES):
            if self.tables.exists[number] and not self.tables.used(number):
                self._fail(f"no page table whose entries all are 0: none for pages {number * ENTRIES:x}-{number * ENTRIES + ENTRIES - 1:x}",
                           "it exists", undone or "vad-tables")

    # -- reading -----------------------------------------------------------------------------------------------------
    def _flags(self, vad: int) -> int:
        return self.guest.get(vad, "MMVAD.Flags")

    def _vads(self) -> Dict[int, int]:
        tree = RangeTree(self.guest, self.space + self.guest.field("MM_ADDRESS_SPACE.VadRoot")[0])
        return {node.start: node.address for node in tree.order}

    def _range(self, one: Range) -> str:
        return f"{name(one.first, one.last)}, {len(one.pages)} committed"

    @staticmethod
    def _status(status: int) -> str:
        return f"{STATUS.get(status, 'status')} ({status:#x})"

    def _asked(self) -> str:
        earlier = len(self.done) - 1
        return self.done[-1] + (f", after {earlier} calls" if earlier else "")

    def _hint(self, id: str):
        return self.t.hint(id, HINTS[id])

    def _fail(self, expected: str, seen: str, hint: str) -> None:
        self.t.fail(asked=self._asked(), expected=expected, seen=seen, hint=self._hint(hint))


def _numbers(values: Sequence[int]) -> str:
    return " ".join(f"{value:#x}" for value in values) or "none"


def pages(vpn: int, count: int) -> Tuple[int, int]:
    """The first and the last page of a run."""
    return vpn, vpn + count - 1
