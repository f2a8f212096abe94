"""A process of the test's own, whose page faults the host makes one by one and looks at everything after each of them.

The process is made by the kernel's own routines, and the thread of the stage is attached to it.  A program's writes are the
host's: it writes into the frame and sets what the processor would set.  After every call page table, frames, working set, charge,
counters and bytes are compared with the model (faultmodel.py).
"""

from __future__ import annotations

import struct
from typing import Callable, Dict, Optional, Sequence, Tuple

from .faultmodel import (ACCESSED, DIRTY, KINDS, PAGE, PAGE_GUARD, READ_WRITE, STATUS, VALID, Page, Range, Space, demand_zero, describe,
                         form, protection_name, status, transition)
from .telling import Telling

PAGE_SIZE, VPN = 4096, 12
PFN = struct.Struct("<IIIHHII")  # u1, PteAddress, u2, ReferenceCount, e1, OriginalPte, u4
E1_MODIFIED, E1_READ_IN_PROGRESS = 1 << 0, 1 << 1
ACTIVE, IN_TRANSITION, STANDBY, MODIFIED = 6, 7, 2, 3
FREE, ZEROED, CLEARS = "MmFreePageListHead", "MmZeroedPageListHead", "MiZeroPhysicalPage"
NONE = 0xFFFFFFFF
PTE_BASE, PDE_BASE = 0xC0000000, 0xC0300000
COMMIT, RESERVE, DECOMMIT = 0x1000, 0x2000, 0x4000
CURRENT = 0xFFFFFFFF  # NtCurrentProcess()
WSLE_VALID, WSLE_DIRECT = 1 << 0, 1 << 9
SEC_COMMIT, VIEW_UNMAP = 0x8000000, 2
FAULT = struct.Struct("<IIBBHIIIII")  # MI_FAULT
TAKES = ("MmPfnDatabase", "MiUnlinkPageFromList", "MiRestoreTransitionPte", "MiInitializeSystemPfn", "MiDeletePfn")  # takenpage.h: ROUTINE
COUNTERS = {"DemandZeroCount": 1, "TransitionCount": 2, "GuardPageCount": 7}  # places in MmInfoCounters

HINTS = {
    "fault-decide": "Two questions, in this order: what does the entry say of the page (nothing, in which case the range does), and may the page be "
                    "used so? Write the forms of an entry as rows and answer both for each.",
    "fault-protection": "Whose protection is it? An entry that holds one speaks for its page; an entry of 0, or one that leads to a prototype PTE by "
                        "its address, leaves it to the range.",
    "fault-guard-first": "An access that the page's protection forbids is a violation, on a guard page too. Only an access that it allows sets off "
                         "the alarm.",
    "fault-status": "The status says what was done about the fault. The routine of a kind returns its own.",
    "fault-entry": "The entry of the page is not as it must be after this. MiMakeValidPte makes the valid form of frame and protection; the "
                   "protection is the fault's.",
    "fault-frame": "What the database says of the page's frame is wrong. Which list or state did it have before, and which routine of mm/pfn.h leads "
                   "from there to an active page of this entry?",
    "fault-original": "OriginalPte is what the entry becomes when the page is taken for another use. It keeps the page's protection, also of an "
                      "entry that was 0: write the entry before the page is given to it.",
    "fault-modified": "Modified says that the frame has what no page file has. A fresh page of zeros is Modified; a page that comes back stays what it "
                      "was.",
    "fault-index": "WsIndex of the frame is the index of the page's entry in the working set; that entry is Direct.",
    "fault-working-set": "Each resident page has one entry in the working set, and no other page has one. An attempt that fails gives its entry back.",
    "fault-counted": "NumberOfPrivatePages, the counters of MmInfoCounters, UsedPageTableEntries (MiWriteUserPte counts) and the shares of the page "
                     "table's frame follow each page.",
    "fault-bytes": "The page does not hold the bytes that it must hold. A fresh page is all zeros; a page that comes back is the same frame.",
    "fault-zeros-late": "Another thread of the process can use the page from the moment at which its entry is valid. Clear it before.",
    "fault-left-over": "Only a page from the zeroed list is all zeros; any other holds what another use left in it.",
    "fault-memory": "MiMayTakePage says whether a fault may take a page; the last few are for those that make pages available. Without a page, or without "
                    "an entry of the working set, nothing has changed when STATUS_NO_MEMORY is returned.",
    "fault-taken": "Between the decision and the hold of MmPfnLock the page can be taken for another use: then the entry says so. Read the entry again "
                   "under the lock, and believe that.",
    "fault-reading": "A page that is being read has no bytes yet. Join the read under MmPfnLock, give back what you hold of the page, release the lock, "
                     "then wait.",
    "fault-joined": "ReadInProgress belongs to the frame. Once MmPfnLock is released the frame may be another page's, and so is its read. In which hold of the lock do "
                    "you know that it is yours?",
    "fault-error": "InPageError: the read failed, and u1 is its status. The page stays in transition.",
    "fault-guard": "The guard goes with its first use, and nothing else of the page changes: protection, frame and bytes stay.",
    "fault-stack": "Draw the stack: its committed pages, the guard, the page below, the lowest page. With the guard used, the page below is the next "
                   "guard, unless it is the lowest or committed already.",
    "fault-charge": "A page that becomes committed is charged to the process and counted in its range, once. What was committed already is not charged "
                    "again.",
    "fault-table": "A page table that was made for the page below is of no use without that page. What can fail behind MakeTable, and what must go again then?",
    "fault-races": "This must hold in every order of steps. Which of your reads happen before the lock that keeps them true?",
    "fault-together": "Several threads fault on the same pages while others are trimmed. Each write must be there at the end, and page tables, frames and "
                      "working set must agree.",
    "fault-call": "Write out what entry, frame and working set are before the call and after it, and follow your code with these numbers.",
}


class Bench(Telling):
    """A process, the thread attached to it, and what the model knows of it."""

    HINTS, CALL, BEGINS_WITH = HINTS, "fault-call", "the process"

    def __init__(self, t, poison: bool = True) -> None:
        self.t, self.guest = t, t.guest
        guest = self.guest
        self.model, self.done = Space(), []  # type: ignore[var-annotated]
        self._guard = guest.uninterrupted()
        self._guard.__enter__()  # until the test ends: the snapshot goes with it
        t.asking("a process is made, and this thread attached to it", self.hint("fault-call"))
        self._word, self._argument = guest.alloc(16), guest.alloc(16)
        self._fault, self.saved = guest.alloc(FAULT.size), guest.alloc(64)
        self.stack = guest.alloc(8192) + 8192
        name = guest.alloc(16)
        guest.write(name, b"Faulting\0")
        t.infra(guest.call("PspCreateProcess", name, self._word) == 0, "a process can be made")
        self.process = guest.u32(self._word)
        self.space = self.process + guest.field("EPROCESS.AddressSpace")[0]
        self.vm = self.space + guest.field("MM_ADDRESS_SPACE.Vm")[0]
        guest.call("KeStackAttachProcess", self.process, self.saved)
        self.inside = guest.inside(self.process)
        self.database = guest.u32(guest.sym("MmPfnDatabase"))
        self.list = guest.get(self.vm, "MMSUPPORT.VmWorkingSetList")
        self._counters = self._read_counters()
        if poison:
            self.poison()

    def let_run(self) -> None:
        """From now on other threads may run, and interrupts come."""
        self._guard.__exit__(None, None, None)

    # -- the host's side -------------------------------------------------------------------------------------------
    def poison(self) -> None:
        """Every free page holds bytes of another use.  Those of the zeroed list stay zeros."""
        frame = self.guest.get(self.guest.sym(FREE), "MMPFNLIST.Flink")
        junk = self.t.rng.randbytes(PAGE_SIZE) if hasattr(self.t.rng, "randbytes") else bytes(self.t.rng.getrandbits(8) for _ in range(PAGE_SIZE))
        while frame != NONE:
            self.guest.space.ram.write(frame * PAGE_SIZE, junk)
            frame = self.guest.u32(self.element(frame))

    def without_zeroed_pages(self, pages: int = 64) -> None:
        """No zeroed page is at hand, and so many free ones are, with bytes of another use in them.  The others are out of reach."""
        guest, zeroed = self.guest, self.guest.sym(ZEROED)
        guest.u8(guest.sym("MmZeroingPageThreadActive"), 1)  # it is not to be woken
        while guest.get(zeroed, "MMPFNLIST.Total") and guest.get(guest.sym(FREE), "MMPFNLIST.Total") < pages:
            frame = guest.get(zeroed, "MMPFNLIST.Flink")
            guest.call("MiUnlinkPageFromList", self.element(frame), conv="cdecl")
            guest.call("MiInitializeSystemPfn", frame, conv="cdecl")
            guest.call("MiDeletePfn", frame, conv="cdecl")
        left, available = guest.get(zeroed, "MMPFNLIST.Total"), guest.sym("MmAvailablePages")
        guest.u32(available, guest.u32(available) - left)
        for name, value in (("Total", 0), ("Flink", NONE), ("Blink", NONE)):
            guest.set(zeroed, f"MMPFNLIST.{name}", value)
        self.poison()

    def element(self, frame: int) -> int:
        return self.database + PFN.size * frame

    def pte_address(self, vpn: int) -> int:
        return PTE_BASE + 4 * vpn

    def pte(self, vpn: int) -> int:
        """The entry of a page, 0 if its page table does not exist."""
        if not self.has_table(vpn):
            return 0
        return self.inside.u32(self.pte_address(vpn))

    def has_table(self, vpn: int) -> bool:
        return bool(self.inside.u32(PDE_BASE + 4 * (vpn >> 10)) & VALID)

    def set_pte(self, vpn: int, value: int) -> None:
        self.inside.u32(self.pte_address(vpn), value)

    def frame(self, frame: int) -> Tuple[int, ...]:
        return PFN.unpack(self.guest.read(self.element(frame), PFN.size))

    def name(self, vpn: int) -> str:
        one = self.model.range_of(vpn)
        return f"page {vpn:#x}" + (f" ({vpn - one.first} of {one.last - one.first + 1} in its range)" if one else ", in no range")

    # -- ranges ----------------------------------------------------------------------------------------------------
    def allocate(self, pages: int, protection: int = READ_WRITE, committed: bool = True, guard: bool = False) -> Range:
        """A private range, as NtAllocateVirtualMemory makes it."""
        base = self._service("NtAllocateVirtualMemory", 0, 0, pages * PAGE_SIZE, RESERVE | (COMMIT if committed else 0),
                             PAGE[protection] | (PAGE_GUARD if guard else 0))
        return self.model.add(Range(base >> VPN, (base >> VPN) + pages - 1, protection | (16 if guard else 0), committed,
                                    charge=pages if committed else 0))

    def commit(self, vpn: int, pages: int, protection: int, guard: bool = False) -> None:
        """Pages of a range that was only reserved."""
        self._service("NtAllocateVirtualMemory", vpn << VPN, 0, pages * PAGE_SIZE, COMMIT, PAGE[protection] | (PAGE_GUARD if guard else 0))
        one = self.model.range_of(vpn)
        assert one is not None
        for page in range(vpn, vpn + pages):
            one.charge += not self.model.pages[page].pte
            self.model.pages[page].pte = demand_zero(protection | (16 if guard else 0))

    def decommit(self, vpn: int, pages: int) -> None:
        """Pages of a range that was committed; none of them has a frame."""
        guest = self.guest
        guest.write(self._word, struct.pack("<II", vpn << VPN, pages * PAGE_SIZE))
        answer = guest.call("NtFreeVirtualMemory", CURRENT, self._word, self._word + 4, DECOMMIT)
        self.t.infra(answer == 0, f"pages can be decommitted (status {answer:#x})")
        one = self.model.range_of(vpn)
        assert one is not None
        for page in range(vpn, vpn + pages):
            one.charge -= 1
            self.model.pages[page] = Page(pte=16 << 5)

    def user_stack(self, pages: int, committed: int) -> Range:
        guest = self.guest
        answer = guest.call("MmCreateUserStack", pages * PAGE_SIZE, committed * PAGE_SIZE, self._word)
        self.t.infra(answer == 0, f"a user stack can be made (status {answer:#x})")
        base = (guest.u32(self._word) >> VPN) - pages
        one = self.model.add(Range(base, base + pages - 1, READ_WRITE, committed=False, stack=True, charge=committed + 1))
        for vpn in range(one.last - committed + 1, one.last + 1):
            self.model.pages[vpn].pte = demand_zero(READ_WRITE)
        self.model.pages[one.last - committed].pte = demand_zero(READ_WRITE | 16)
        return one

    def reserve_up_to(self, end: int) -> None:
        """The pages from behind the last range up to `end` are reserved; the model does not know this range."""
        first = (max(one.last for one in self.model.ranges) | 15) + 1
        self._service("NtAllocateVirtualMemory", first << VPN, 0, (end - first) * PAGE_SIZE, RESERVE, PAGE[READ_WRITE])

    def view(self, pages: int, protection: int = READ_WRITE) -> Range:
        """A view of a new section that no file backs."""
        guest = self.guest
        size = pages * PAGE_SIZE
        answer = guest.call("MmCreateBackedSection", self._word, 0, size, 0, PAGE[READ_WRITE], SEC_COMMIT)
        self.t.infra(answer == 0, f"a section can be made (status {answer:#x})")
        self.section = guest.u32(self._word)
        base = self.map(self.section, self.process, size, PAGE[protection])
        return self.model.add(Range(base >> VPN, (base >> VPN) + pages - 1, protection, committed=False, private=False, charge=self._flags(base >> VPN) & 0x7FFFF))

    def map(self, section: int, process: int, size: int, protect: int) -> int:
        """A view of the whole section. @returns where it begins."""
        guest = self.guest
        guest.write(self._word, struct.pack("<II", 0, size))
        answer = guest.call("MmMapViewOfSection", section, process, self._word, 0, 0, 0, self._word + 4, VIEW_UNMAP, 0, protect)
        self.t.infra(answer == 0, f"a view can be mapped (status {answer:#x})")
        return guest.u32(self._word)

    def _flags(self, vpn: int) -> int:
        """MMVAD_FLAGS of the range that holds a page."""
        return self.guest.u32(self.guest.call("MiLocateVad", self.space, vpn, conv="cdecl") + self.guest.field("MMVAD.Flags")[0])

    def _service(self, routine: str, base: int, bits: int, size: int, kind: int, protect: int) -> int:
        guest = self.guest
        guest.write(self._word, struct.pack("<II", base, size))
        answer = guest.call(routine, CURRENT, self._word, bits, self._word + 4, kind, protect)
        self.t.infra(answer == 0, f"{routine} works (status {answer:#x})")
        return guest.u32(self._word)

    # -- what programs and other parts do --------------------------------------------------------------------------
    def write(self, vpn: int) -> None:
        """A program writes to a resident page: other bytes, and the processor sets Accessed and Dirty."""
        page = self.model.pages[vpn]
        assert page.resident
        page.bytes = struct.pack("<I", self.t.rng.getrandbits(32)) * (PAGE_SIZE // 4)
        self.guest.space.ram.write(page.frame * PAGE_SIZE, page.bytes)
        self.set_pte(vpn, self.pte(vpn) | ACCESSED | DIRTY)
        page.dirty = True

    def trim(self) -> None:
        """All pages leave the working set."""
        self.say("MmEmptyWorkingSet()")
        self.guest.call("MmEmptyWorkingSet")
        self.model.trim()
        self.compare()

    def written(self, vpn: int) -> None:
        """What a frame in transition holds is on a page file now: it waits on the standby list.  (The host says so: there is no page file.)"""
        page = self.model.pages[vpn]
        assert form(page.pte) == "transition" and page.modified
        guest = self.guest
        guest.call("MiIncrementReferenceCount", page.frame, conv="cdecl")
        bits = self.element(page.frame) + 14
        guest.u16(bits, guest.u16(bits) & ~E1_MODIFIED)
        guest.call("MiDecrementReferenceCount", page.frame, conv="cdecl")
        page.modified = False

    def hold(self, vpn: int) -> None:
        """An I/O refers to the page's frame."""
        self.guest.call("MiIncrementReferenceCount", self.model.pages[vpn].frame, conv="cdecl")
        self.model.pages[vpn].held += 1

    def reads(self, frame: int, runs: bool) -> None:
        """Whether a read into the frame runs."""
        bits = self.element(frame) + 14
        self.guest.u16(bits, self.guest.u16(bits) & ~E1_READ_IN_PROGRESS | (E1_READ_IN_PROGRESS if runs else 0))

    def release(self, vpn: int) -> None:
        self.guest.call("MiDecrementReferenceCount", self.model.pages[vpn].frame, conv="cdecl")
        self.model.pages[vpn].held -= 1

    def protect(self, vpn: int, protect: int) -> None:
        """NtProtectVirtualMemory of one page."""
        guest = self.guest
        guest.write(self._word, struct.pack("<II", vpn << VPN, PAGE_SIZE))
        answer = guest.call("NtProtectVirtualMemory", CURRENT, self._word, self._word + 4, protect, self._argument)
        self.t.infra(answer == 0, f"a page can be protected (status {answer:#x})")

    def guarded(self, vpn: int) -> None:
        """A page that has a frame becomes a guard page: it leaves the working set."""
        page = self.model.pages[vpn]
        self.protect(vpn, PAGE[page.protection] | PAGE_GUARD)
        page.modified |= page.dirty
        page.protection, page.dirty = page.protection | 16, False
        page.pte = transition(page.frame, page.protection)

    def take_standby(self) -> None:
        """The page that waits longest is taken for another use."""
        self._take(self.guest.get(self.guest.sym("MmStandbyPageListHead"), "MMPFNLIST.Flink"))

    def _take(self, frame: int) -> None:
        guest = self.guest
        guest.call("MiUnlinkPageFromList", self.element(frame), conv="cdecl")
        guest.call("MiRestoreTransitionPte", self.element(frame), conv="cdecl")
        guest.call("MiInitializeSystemPfn", frame, conv="cdecl")
        self.model.taken(next(vpn for vpn, page in self.model.pages.items() if page.frame == frame and page.pte))

    # -- faults ----------------------------------------------------------------------------------------------------
    def fault(self, vpn: int, write: bool = False, offset: Optional[int] = None, charged: bool = True,
              clears: Optional[Callable[[int], None]] = None) -> int:
        """A fault from the trap on: MmAccessFault, and everything after it.  `clears` is called with each frame that is about to be cleared."""
        address = vpn << VPN | (self.t.rng.randrange(PAGE_SIZE) if offset is None else offset)
        self.say(f"a {'write' if write else 'read'} at {address:#010x}, {self.name(vpn)}; its entry is {describe(self.pte(vpn))}")
        kind, _ = self.model.decide(vpn, write)
        wanted = self.model.fault(vpn, write, charged)
        if clears is None:
            seen = self.guest.call("MmAccessFault", int(write), address, 0, 0)
        else:
            place, registers = self.guest.call_or_stop("MmAccessFault", int(write), address, 0, 0, stops=(CLEARS,))
            while place:
                clears(self.guest.u32(registers["esp"] + 4))
                place, registers = self.guest.go_on((CLEARS,))
            seen = registers["eax"]
        self.equal(f"it returns {status(wanted)}", f"it returns {status(seen)}", "fault-status" if KINDS[kind] != "GuardPage" else
                   "fault-guard-first" if status(seen) == STATUS[0xC0000005] else "fault-status")
        self.compare(vpn)
        return seen

    def direct(self, routine: str, vpn: int, protection: int, write: bool = True, stops: Sequence[str] = ()) -> Tuple[str, Dict[str, int]]:
        """One routine of a kind, called as MmAccessFault calls it, up to its return or one of `stops`."""
        guest = self.guest
        self.say(f"{routine}(page {vpn:#x}, {protection_name(protection)}); its entry is {describe(self.pte(vpn))}")
        guest.call("ExAcquireFastMutex", self.mutex, conv="fastcall")
        vad = guest.call("MiLocateVad", self.space, vpn, conv="cdecl")
        self.t.infra(vad != 0, "the page has a range")
        guest.call("MiMakeUserPageTable", vpn << VPN, conv="cdecl")
        guest.write(self._fault, FAULT.pack(vpn << VPN, 0, int(write), 0, 0, self.space, self.vm, vad, self.pte_address(vpn), protection))
        return guest.call_or_stop(routine, self._fault, stops=stops, conv="cdecl", stack=self.stack)

    def end_direct(self) -> None:
        """The mutex is free again."""
        self.equal("IRQL 1 when it returns", f"IRQL {self.guest.get(self.guest.pcr(), 'KPCR.Irql')} when it returns", "fault-call")
        self.guest.call("ExReleaseFastMutex", self.mutex, conv="fastcall")

    @property
    def mutex(self) -> int:
        return self.vm + self.guest.field("MMSUPPORT.WorkingSetMutex")[0]

    @property
    def fault_address(self) -> int:
        return self._fault

    # -- judging ---------------------------------------------------------------------------------------------------
    def compare(self, touched: Optional[int] = None) -> None:
        """Everything against the model."""
        model = self.model
        if touched is not None and touched in model.pages:
            self._learn(touched)
        entries = self.working_set()
        for vpn, page in model.pages.items():
            self._compare_entry(vpn, page)
            if page.frame and form(page.pte) in ("valid", "transition"):
                self._compare_frame(vpn, page, entries)
        resident = sorted(vpn for vpn, page in model.pages.items() if page.resident)
        self.equal(f"working set: {self._vpns(resident)}", f"working set: {self._vpns(sorted(entries))}", "fault-working-set")
        size = self.guest.get(self.vm, "MMSUPPORT.WorkingSetSize")
        self.equal(f"WorkingSetSize {len(resident)}", f"WorkingSetSize {size}", "fault-working-set")
        self._compare_counts()

    def _learn(self, vpn: int) -> None:
        """A fresh page has a frame of the kernel's choice: one that no page has."""
        page = self.model.pages[vpn]
        seen = self.pte(vpn)
        if page.resident and not page.frame and seen & VALID:
            page.frame = seen >> 12
            page.pte |= page.frame << 12
            others = [other for other, one in self.model.pages.items() if one.frame == page.frame and other != vpn and form(one.pte) in ("valid", "transition")]
            if others:
                self.fail("a frame that no other page has", f"frame {page.frame:#x}, which is that of page {others[0]:#x}", "fault-frame")

    def _compare_entry(self, vpn: int, page: Page) -> None:
        seen, wanted = self.pte(vpn), page.pte
        one = self.model.range_of(vpn)
        assert one is not None
        if wanted & VALID:
            wanted |= DIRTY if page.dirty else 0
            seen_plain, wanted_plain = seen & ~ACCESSED, wanted & ~ACCESSED
        else:
            same = one.committed and {seen, wanted} <= {0, demand_zero(one.protection)}  # both say: as the range
            seen_plain, wanted_plain = (wanted, wanted) if same else (seen, wanted)
        if seen_plain != wanted_plain:
            self.fail(f"{self.name(vpn)}: its entry is {describe(wanted)}", f"its entry is {describe(seen)}",
                      "fault-guard" if self.done and form(wanted) == form(seen) != "valid" else "fault-entry")

    def _compare_frame(self, vpn: int, page: Page, entries: Dict[int, Tuple[int, int]]) -> None:
        u1, pte, shares, references, bits, original, u4 = self.frame(page.frame)
        what = f"frame {page.frame:#x} of {self.name(vpn)}"
        state = bits >> 8 & 7
        if page.resident:
            wanted_state, counts = ACTIVE, (1, 1 + page.held)
        elif page.held:
            wanted_state, counts = IN_TRANSITION, (0, page.held)
        else:
            wanted_state, counts = (MODIFIED if page.modified else STANDBY), (0, 0)
        seen_counts = (shares if page.resident or page.held else 0, references)
        self.equal(f"{what}: state {wanted_state}, ShareCount and ReferenceCount {counts}", f"{what}: state {state}, ShareCount and ReferenceCount {seen_counts}",
                   "fault-frame")
        self.equal(f"{what}: PteAddress {self.pte_address(vpn):#x}", f"{what}: PteAddress {pte:#x}", "fault-frame")
        self.equal(f"{what}: OriginalPte {describe(demand_zero(page.protection))}", f"{what}: OriginalPte {describe(original)}", "fault-original")
        self.equal(f"{what}: Modified is {page.modified}", f"{what}: Modified is {bool(bits & E1_MODIFIED)}", "fault-modified")
        self.equal(f"{what}: the right bytes", f"{what}: {self._bytes(page)}", "fault-bytes" if any(page.bytes) else "fault-left-over")
        if page.resident and vpn in entries:
            index, entry = entries[vpn]
            self.equal(f"{what}: WsIndex {index}, as its entry in the working set, which is Direct",
                       f"{what}: WsIndex {u1}, as its entry in the working set, which is {'' if entry & WSLE_DIRECT else 'not '}Direct"
                       if u1 == index else f"{what}: WsIndex {u1}", "fault-index")

    def _bytes(self, page: Page) -> str:
        seen = self.guest.space.ram.read(page.frame * PAGE_SIZE, PAGE_SIZE)
        if seen == page.bytes:
            return "the right bytes"
        at = next(index for index in range(PAGE_SIZE) if seen[index] != page.bytes[index])
        return f"at byte {at} it holds {seen[at:at + 8].hex(' ')}; expected {page.bytes[at:at + 8].hex(' ')}"

    def working_set(self) -> Dict[int, Tuple[int, int]]:
        """vpn -> (index, entry)."""
        inside = self.inside
        first, last = inside.get(self.list, "MMWSL.Wsle"), inside.get(self.list, "MMWSL.LastEntry")
        found: Dict[int, Tuple[int, int]] = {}
        self.t.sound(last < 1 << 19, "the working set list")
        for index, (entry, ) in enumerate(struct.iter_unpack("<I", inside.read(first, 4 * (last + 1)))):
            if entry & WSLE_VALID:
                if entry >> 12 in found:
                    self.fail(f"one entry in the working set for page {entry >> 12:#x}", f"two: {found[entry >> 12][0]} and {index}", "fault-working-set")
                found[entry >> 12] = index, entry
        return found

    def _read_counters(self) -> Dict[str, int]:
        base = self.guest.sym("MmInfoCounters")
        return {name: self.guest.u32(base + 4 * place) for name, place in COUNTERS.items()}

    def _compare_counts(self) -> None:
        guest, model = self.guest, self.model
        seen = {name: value - self._counters[name] for name, value in self._read_counters().items()}
        self.equal(f"MmInfoCounters since the beginning: {model.counts}", f"MmInfoCounters since the beginning: {seen}", "fault-counted")
        private = guest.get(self.space, "MM_ADDRESS_SPACE.NumberOfPrivatePages")
        self.equal(f"NumberOfPrivatePages {model.private}", f"NumberOfPrivatePages {private}", "fault-counted")
        charge = guest.get(self.space, "MM_ADDRESS_SPACE.CommitCharge")
        self.equal(f"CommitCharge of the process {model.charge}", f"CommitCharge of the process {charge}", "fault-charge")
        used = self.space + guest.field("MM_ADDRESS_SPACE.UsedPageTableEntries")[0]
        for table in {vpn >> 10 for vpn in model.pages}:
            pde = self.inside.u32(PDE_BASE + 4 * table)
            if not pde & VALID:
                continue
            entries = struct.unpack("<1024I", self.inside.read(PTE_BASE + 4096 * table, 4096))
            count = sum(map(bool, entries))
            self.equal(f"UsedPageTableEntries of page table {table}: {count}", f"UsedPageTableEntries of page table {table}: {guest.u16(used + 2 * table)}",
                       "fault-counted")
            shares = 1 + sum(form(entry) in ("valid", "transition") for entry in entries)
            self.equal(f"ShareCount of the frame of page table {table}: {shares}", f"ShareCount of the frame of page table {table}: {self.frame(pde >> 12)[2]}",
                       "fault-counted")
        for one in model.ranges:
            flags = self._flags(one.first)
            self.equal(f"CommitCharge of the range at {one.first << VPN:#x}: {one.charge}", f"CommitCharge of the range at {one.first << VPN:#x}: {flags & 0x7FFFF}",
                       "fault-charge")

    @staticmethod
    def _vpns(pages: Sequence[int]) -> str:
        return " ".join(f"{vpn:#x}" for vpn in pages[:24]) + (f" ... {len(pages)} in all" if len(pages) > 24 else "") or "empty"
