"""Page faults as plain values: what a fault is, and what it does to a page, its frame and the working set.

The model knows a process's ranges and, of each page in them, what its entry says and what the page holds.  Which frame a page has
is the kernel's choice: the bench tells the model.  Numbers are those of the structures, because the host must not take them from
the guest.
In the books: "page fault handling", "invalid PTEs".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

RESOLVED, DEMAND_ZERO, TRANSITION, PAGE_FILE, PROTOTYPE, COPY_ON_WRITE, GUARD, VIOLATION = range(8)
KINDS = ("Resolved", "DemandZero", "Transition", "PageFile", "Prototype", "CopyOnWrite", "GuardPage", "AccessViolation")

READ_ONLY, EXECUTE, EXECUTE_READ, READ_WRITE, WRITE_COPY, EXECUTE_READ_WRITE, EXECUTE_WRITE_COPY = range(1, 8)
BASIC = tuple(range(1, 8))
NO_CACHE, GUARDED, NO_ACCESS, DECOMMITTED = 8, 16, 24, 16  # the last one: the protection of an entry alone
PAGE = {READ_ONLY: 0x02, READ_WRITE: 0x04, EXECUTE: 0x10, EXECUTE_READ: 0x20, EXECUTE_READ_WRITE: 0x40}  # PAGE_* of callers
PAGE_GUARD = 0x100
NAMES = {READ_ONLY: "READONLY", EXECUTE: "EXECUTE", EXECUTE_READ: "EXECUTE_READ", READ_WRITE: "READWRITE", WRITE_COPY: "WRITECOPY",
         EXECUTE_READ_WRITE: "EXECUTE_READWRITE", EXECUTE_WRITE_COPY: "EXECUTE_WRITECOPY"}

SUCCESS, PF_TRANSITION, PF_DEMAND_ZERO, PF_COPY, PF_GUARD = 0, 0x110, 0x111, 0x112, 0x113
GUARD_PAGE_VIOLATION, ACCESS_VIOLATION, NO_MEMORY, STACK_OVERFLOW = 0x80000001, 0xC0000005, 0xC0000017, 0xC00000FD
RETRY, DEVICE_ERROR = 0xC000022D, 0xC0000185
STATUS = {SUCCESS: "STATUS_SUCCESS", PF_TRANSITION: "STATUS_PAGE_FAULT_TRANSITION", PF_DEMAND_ZERO: "STATUS_PAGE_FAULT_DEMAND_ZERO",
          PF_COPY: "STATUS_PAGE_FAULT_COPY_ON_WRITE", PF_GUARD: "STATUS_PAGE_FAULT_GUARD_PAGE",
          GUARD_PAGE_VIOLATION: "STATUS_GUARD_PAGE_VIOLATION", ACCESS_VIOLATION: "STATUS_ACCESS_VIOLATION", NO_MEMORY: "STATUS_NO_MEMORY",
          STACK_OVERFLOW: "STATUS_STACK_OVERFLOW", RETRY: "STATUS_RETRY", DEVICE_ERROR: "STATUS_IO_DEVICE_ERROR"}

VALID, WRITE, OWNER, WRITE_THROUGH, UNCACHED, ACCESSED, DIRTY, COPY, OF_PROTOTYPE = (1 << bit for bit in (0, 1, 2, 3, 4, 5, 6, 9, 10))
IN_TRANSITION = 1 << 11
LOOKUP = 0xFFFFF000 | OF_PROTOTYPE  # the form of a view's entry that holds a protection


def status(value: int) -> str:
    return STATUS.get(value, f"status {value:#010x}")


def protection_name(protection: int) -> str:
    if protection == NO_ACCESS:
        return "NOACCESS"
    added = {NO_CACHE: ", NOCACHE", GUARDED: ", GUARD"}.get(protection & 24, "")
    return NAMES.get(protection & 7, "none") + added


def demand_zero(protection: int) -> int:
    return protection << 5


def transition(frame: int, protection: int) -> int:
    return frame << 12 | IN_TRANSITION | protection << 5


def page_file(file: int, page: int, protection: int) -> int:
    return page << 12 | protection << 5 | file << 1


def lookup(protection: int) -> int:
    return LOOKUP | protection << 5


def allows(protection: int, write: bool) -> bool:
    """Whether a page may be used so.  A guard page is asked as if it were none."""
    return protection != NO_ACCESS and protection & 7 != 0 and (not write or protection & 7 >= READ_WRITE)


def valid_bits(protection: int) -> int:
    """The bits of a valid entry of the user's half that follow from its page's protection."""
    use, bits = protection & 7, VALID | OWNER
    bits |= WRITE if use in (READ_WRITE, EXECUTE_READ_WRITE) else COPY if use in (WRITE_COPY, EXECUTE_WRITE_COPY) else 0
    return bits | (WRITE_THROUGH | UNCACHED if protection & 24 == NO_CACHE else 0)


def form(pte: int) -> str:
    """What an entry says, in a word."""
    if pte == 0:
        return "zero"
    if pte & VALID:
        return "valid"
    if pte & OF_PROTOTYPE:
        return "prototype"
    if pte & IN_TRANSITION:
        return "transition"
    if pte >> 12 or pte & 0x1E:
        return "page file"
    return "decommitted" if pte >> 5 == DECOMMITTED else "demand zero"


def describe(pte: int) -> str:
    """An entry in words."""
    kind = form(pte)
    if kind == "valid":
        bits = " ".join(name for name, bit in (("Write", WRITE), ("Owner", OWNER), ("Dirty", DIRTY), ("CopyOnWrite", COPY),
                                               ("Prototype", OF_PROTOTYPE)) if pte & bit)
        return f"valid: frame {pte >> 12:#x}" + (f", {bits}" if bits else "")
    if kind in ("zero", "decommitted"):
        return "0" if kind == "zero" else kind
    if kind == "prototype" and pte >> 12 != 0xFFFFF:
        return f"a prototype PTE's address ({pte:#010x})"
    where = {"transition": f" of frame {pte >> 12:#x}", "page file": f" {pte >> 1 & 15}, page {pte >> 12:#x}"}.get(kind, "")
    return f"{kind}{where}, {protection_name(pte >> 5 & 31)}"


@dataclass
class Range:
    """A range of pages, as its VAD has it."""

    first: int
    last: int
    protection: int = READ_WRITE
    committed: bool = True
    private: bool = True
    stack: bool = False
    charge: int = 0  # pages that it is charged for


def decide(vad: Optional[Range], pte: int, write: bool) -> Tuple[int, Optional[int]]:
    """What a fault is, and the page's protection; None where it does not matter."""
    kind = form(pte)
    if kind == "valid":
        if not write or pte & WRITE:
            return RESOLVED, None
        return (COPY_ON_WRITE if pte & COPY else VIOLATION), None
    if vad is None or kind == "decommitted":
        return VIOLATION, None
    protection = pte >> 5 & 31
    if kind == "zero":
        if vad.private and not vad.committed:
            return VIOLATION, None
        what, protection = (DEMAND_ZERO if vad.private else PROTOTYPE), vad.protection
    elif kind == "prototype":
        what = PROTOTYPE
        if pte >> 12 != 0xFFFFF:
            protection = vad.protection
    else:
        what = {"demand zero": DEMAND_ZERO, "page file": PAGE_FILE, "transition": TRANSITION}[kind]
    if not allows(protection, write):
        return VIOLATION, None
    return (GUARD if protection & 24 == GUARDED else what), protection


@dataclass
class Page:
    """A page of a private range.  `frame` is there while it is resident or in transition."""

    pte: int = 0  # its entry, without what the processor sets
    frame: int = 0
    protection: int = 0  # of a page that has a frame
    modified: bool = False  # of the frame
    dirty: bool = False  # of the entry
    held: int = 0  # references to the frame beside that of its entry
    bytes: bytes = b""

    @property
    def resident(self) -> bool:
        return bool(self.pte & VALID)


class Space:
    """A process's ranges and pages."""

    def __init__(self) -> None:
        self.ranges: List[Range] = []
        self.pages: Dict[int, Page] = {}
        self.private = 0  # NumberOfPrivatePages
        self.counts = {"DemandZeroCount": 0, "TransitionCount": 0, "GuardPageCount": 0}  # since the beginning

    def add(self, one: Range) -> Range:
        self.ranges.append(one)
        self.pages.update({vpn: Page() for vpn in range(one.first, one.last + 1)})
        return one

    def range_of(self, vpn: int) -> Optional[Range]:
        return next((one for one in self.ranges if one.first <= vpn <= one.last), None)

    @property
    def charge(self) -> int:
        return sum(one.charge for one in self.ranges)

    def decide(self, vpn: int, write: bool) -> Tuple[int, Optional[int]]:
        return decide(self.range_of(vpn), self.pages[vpn].pte if vpn in self.pages else 0, write)

    # -- what a fault does -----------------------------------------------------------------------------------------
    def fault(self, vpn: int, write: bool, charged: bool = True) -> int:
        """Its status.  `charged`: whether a page more may be committed."""
        kind, protection = self.decide(vpn, write)
        if kind == RESOLVED:
            return SUCCESS
        if kind == VIOLATION:
            return ACCESS_VIOLATION
        page = self.pages[vpn]
        assert protection is not None
        if kind == GUARD:
            return self._guard(vpn, page, protection, charged)
        assert kind in (DEMAND_ZERO, TRANSITION)
        page.protection, page.dirty = protection, False
        page.pte = valid_bits(protection) | page.frame << 12
        if kind == TRANSITION:
            self.counts["TransitionCount"] += 1
            return PF_TRANSITION
        page.modified, page.bytes = True, bytes(4096)
        self.private += 1
        self.counts["DemandZeroCount"] += 1
        return PF_DEMAND_ZERO

    def _guard(self, vpn: int, page: Page, protection: int, charged: bool) -> int:
        usable, answer = protection & ~GUARDED, GUARD_PAGE_VIOLATION
        one = self.range_of(vpn)
        assert one is not None
        if form(page.pte) in ("transition", "page file"):
            page.pte &= ~(GUARDED << 5)
        else:
            page.pte = demand_zero(usable) if one.private else lookup(usable)
        page.protection = usable
        self.counts["GuardPageCount"] += 1
        if one.stack:
            answer = self._grow(one, vpn - 1, protection, charged)
        return answer

    def _grow(self, one: Range, vpn: int, protection: int, charged: bool) -> int:
        if vpn <= one.first:
            return STACK_OVERFLOW
        below = self.pages[vpn]
        if below.pte or one.committed:  # in a range that is only reserved an entry speaks for a committed page
            return PF_GUARD
        if not charged:
            return STACK_OVERFLOW
        below.pte = demand_zero(protection)
        one.charge += 1
        return PF_GUARD

    # -- what others do to pages -----------------------------------------------------------------------------------
    def trim(self) -> None:
        """All resident pages leave the working set."""
        for page in self.pages.values():
            if page.resident:
                page.modified |= page.dirty
                page.dirty = False
                page.pte = transition(page.frame, page.protection)

    def taken(self, vpn: int) -> None:
        """The frame of a page that was on the standby list has another use."""
        page = self.pages[vpn]
        self.pages[vpn] = Page(pte=demand_zero(page.protection))
