"""Views of one section in two processes of the test's own: their faults made one by one, everything compared with a model after each.

The model knows each page of the section (where its bytes are, which processes have it) and each page of each view (whose bytes it
shows).  Which frame a page has is the kernel's choice: the bench tells the model.
In the books: "prototype PTEs", "copy-on-write".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Tuple

from .faultbench import (ACTIVE, E1_MODIFIED, IN_TRANSITION, MODIFIED, PAGE_SIZE, PDE_BASE, PTE_BASE, SEC_COMMIT, STANDBY, VPN, WSLE_DIRECT,
                         WSLE_VALID)
from .faultmodel import (ACCESS_VIOLATION, ACCESSED, DIRTY, EXECUTE_READ_WRITE, EXECUTE_WRITE_COPY, OF_PROTOTYPE, PF_COPY, PF_DEMAND_ZERO,
                         PF_TRANSITION, READ_ONLY, READ_WRITE, SUCCESS, VALID, WRITE_COPY, allows, demand_zero, describe, form, lookup, status, transition, valid_bits)
from .telling import Telling

WSLE_HASHED = 1 << 8
COPIES = "MiCopyPhysicalPage"
FLUSHES, UNSHARE = ("KeFlushSingleTb", "KeFlushMultipleTb", "KeFlushRangeTb", "KeFlushProcessTb", "KeFlushEntireTb"), "MiDecrementShareCount"
PAGE = {READ_ONLY: 0x02, READ_WRITE: 0x04, WRITE_COPY: 0x08, EXECUTE_READ_WRITE: 0x40, EXECUTE_WRITE_COPY: 0x80}
COPY_OF = {WRITE_COPY: READ_WRITE, EXECUTE_WRITE_COPY: EXECUTE_READ_WRITE}  # the protection of a copy, by that of the view
OF_SECTION = EXECUTE_READ_WRITE
COUNTERS = {"DemandZeroCount": 1, "CopyOnWriteCount": 3, "PrototypeCount": 4}  # places in MmInfoCounters

HINTS = {
    "view-status": "The status says what was done: zeros were made, the page was in memory, or a copy was made.",
    "view-entry": "The entry of a shared page is made of its frame, the page's protection and Prototype; that of a copy has no Prototype, the protection of a "
                  "copy, and Dirty.",
    "view-prototype": "The prototype PTE is valid while a process has the page, and names its frame. With the last share it gets its transition form "
                      "(MiDecrementShareCount does that).",
    "view-shares": "The frame's ShareCount is the number of valid entries that lead to it; all of them together are one reference. Count the entries of both "
                   "processes.",
    "view-frame": "A shared frame belongs to its prototype PTE (PteAddress, PrototypePte), a copy to the process's entry.",
    "view-modified": "A shared page is Modified if a process that gave it up had written to it, or it was before; a fresh page of zeros is not. A copy always is.",
    "view-index": "The first process's entry in the working set is Direct, and WsIndex names it. The others are found through the hash table.",
    "view-working-set": "Each valid entry has one entry in its process's working set, with the page's protection, and no other page has one.",
    "view-counted": "Counters, NumberOfPrivatePages, UsedPageTableEntries and the shares of the page tables follow each page.",
    "view-bytes": "A shared page shows what any process wrote last; a copy has the bytes of the moment, and what its own process wrote since.",
    "view-copy-late": "Another thread of the process can use the copy from the moment at which the entry leads to it. Fill it before.",
    "view-flush": "A processor may know the old page still. Let all processors forget it (KeFlushSingleTb) before the page loses its share: a page without "
                  "shares can get another use at once.",
    "view-memory": "Without a page at hand nothing has changed: no share more, no entry in the working set, no copy.",
    "view-call": "Write out the entries of both processes, the prototype PTE and the frame before the call and after it, and follow your code with these numbers.",
}


@dataclass
class SectionPage:
    """A page of the section."""

    frame: int = 0
    where: str = "nowhere"  # nowhere: demand zero; shared; away: in transition
    modified: bool = False
    bytes: bytes = bytes(PAGE_SIZE)
    first: Optional[int] = None  # process whose working set entry WsIndex names
    held: int = 0


@dataclass
class ViewPage:
    """A page of a process's view."""

    protection: int
    state: str = "unused"  # unused, away (the entry leads to the prototype PTE), shared, own
    frame: int = 0  # of a copy
    bytes: bytes = b""
    dirty: bool = False


@dataclass
class Process:
    address: int
    space: int
    vm: int
    list: int
    first: int  # of its view
    protection: int
    pages: List[ViewPage] = field(default_factory=list)
    private: int = 0


class Views(Telling):
    """The bench and its model."""

    HINTS, CALL, BEGINS_WITH = HINTS, "view-call", "the views"

    def __init__(self, t, bench, pages: int, protections: Tuple[int, ...]) -> None:
        self.t, self.guest, self.bench, self.count = t, t.guest, bench, pages
        self.done: List[str] = []
        guest = self.guest
        self._word = guest.alloc(16)
        answer = guest.call("MmCreateBackedSection", self._word, 0, pages * PAGE_SIZE, 0, PAGE[OF_SECTION], SEC_COMMIT)
        t.infra(answer == 0, f"a section can be made (status {answer:#x})")
        self.section = guest.u32(self._word)
        self.pages = [SectionPage() for _ in range(pages)]
        self.processes = [self._process(number, protection) for number, protection in enumerate(protections)]
        self.current = 0
        first = self.processes[0]
        vad = guest.call("MiLocateVad", first.space, first.first, conv="cdecl")
        self.prototypes = guest.get(vad, "MMVAD.FirstPrototypePte")
        self.counts = dict.fromkeys(COUNTERS, 0)
        self._before = self._read_counters()

    def _process(self, number: int, protection: int) -> Process:
        guest, bench = self.guest, self.bench
        address = bench.process
        if number:
            answer = guest.call("PspCreateProcess", self._word + 8, self._word)
            self.t.infra(answer == 0, "a process can be made")
            address = guest.u32(self._word)
        base = bench.map(self.section, address, 0, PAGE[protection])
        space = address + guest.field("EPROCESS.AddressSpace")[0]
        vm = space + guest.field("MM_ADDRESS_SPACE.Vm")[0]
        return Process(address, space, vm, guest.get(vm, "MMSUPPORT.VmWorkingSetList"), base >> VPN, protection,
                       [ViewPage(protection) for _ in range(self.count)])

    # -- the host's side -------------------------------------------------------------------------------------------
    def attach(self, number: int) -> None:
        """The thread runs in this process from now on."""
        if number != self.current:
            self.guest.call("KeUnstackDetachProcess", self.bench.saved)
            self.guest.call("KeStackAttachProcess", self.processes[number].address, self.bench.saved)
            self.current = number

    def inside(self, number: int):
        return self.guest.inside(self.processes[number].address)

    def pte(self, number: int, page: int) -> int:
        vpn, inside = self.processes[number].first + page, self.inside(number)
        return inside.u32(PTE_BASE + 4 * vpn) if inside.u32(PDE_BASE + 4 * (vpn >> 10)) & VALID else 0

    def prototype(self, page: int) -> int:
        return self.guest.u32(self.prototypes + 4 * page)

    def name(self, number: int, page: int) -> str:
        return f"page {page} of {'AB'[number]}'s view"

    # -- what programs and other parts do --------------------------------------------------------------------------
    def write(self, number: int, page: int) -> None:
        """A program writes to a page that is there, and may be written."""
        one, shared = self.processes[number].pages[page], self.pages[page]
        bytes_ = struct.pack("<I", self.t.rng.getrandbits(32)) * (PAGE_SIZE // 4)
        if one.state == "own":
            one.bytes = bytes_
        else:
            shared.bytes = bytes_
        frame = one.frame if one.state == "own" else shared.frame
        self.guest.space.ram.write(frame * PAGE_SIZE, bytes_)
        one.dirty = True
        vpn = self.processes[number].first + page
        self.inside(number).u32(PTE_BASE + 4 * vpn, self.pte(number, page) | ACCESSED | DIRTY)

    def protect(self, number: int, page: int, protection: int) -> None:
        """NtProtectVirtualMemory of one page."""
        self.attach(number)
        self.bench.protect(self.processes[number].first + page, PAGE[protection])
        one = self.processes[number].pages[page]
        one.protection = protection
        if one.state == "unused":
            one.state = "away"

    def hold(self, page: int, by: int = 1) -> None:
        """An I/O begins to refer to the shared page's frame, or ends."""
        self.guest.call("MiIncrementReferenceCount" if by > 0 else "MiDecrementReferenceCount", self.pages[page].frame, conv="cdecl")
        self.pages[page].held += by

    def trim(self, number: int) -> None:
        """All pages leave a process's working set."""
        self.attach(number)
        self.say(f"MmEmptyWorkingSet() in {'AB'[number]}")
        self._flushed_in_time(number, "MmEmptyWorkingSet")
        for index, one in enumerate(self.processes[number].pages):
            if one.state == "shared":
                self._unshare(number, index, one)
                one.state = "away"
            elif one.state == "own":
                one.state, one.dirty = "own away", False
        self.compare()

    def unmap(self, number: int) -> None:
        """A process's view goes."""
        self.say(f"MmUnmapViewOfSection in {'AB'[number]}")
        process = self.processes[number]
        answer = self._flushed_in_time(number, "MmUnmapViewOfSection", process.address, process.first << VPN)
        self.t.infra(answer == 0, f"a view can be unmapped (status {answer:#x})")
        for index, one in enumerate(process.pages):
            if one.state == "shared":
                self._unshare(number, index, one)
            if one.state.startswith("own"):
                process.private -= 1
            one.state, one.dirty = "gone", False
        self.compare()

    def _flushed_in_time(self, number: int, routine: str, *arguments: int) -> int:
        """A call in which entries of shared pages go: no page loses its share before all processors have forgotten its address."""
        guest, process = self.guest, self.processes[number]
        pages = {self.pages[index].frame: process.first + index for index, one in enumerate(process.pages) if one.state == "shared"}
        forgotten = set()
        place, registers = guest.call_or_stop(routine, *arguments, stops=(*FLUSHES, UNSHARE))
        while place:
            first, second = guest.u32(registers["esp"] + 4), guest.u32(registers["esp"] + 8)
            if place == UNSHARE:
                vpn = pages.get(first, 0)
                if vpn and vpn not in forgotten:
                    self.fail(f"all processors forget the address {vpn << VPN:#x} (KeFlushSingleTb), then its page loses the share", "the share goes first",
                              "view-flush")
            else:
                flushed = {first >> VPN} if place == FLUSHES[0] and second & 0xFF else set() if place == FLUSHES[0] else set(pages.values())
                forgotten |= {vpn for vpn in flushed if not self.inside(number).u32(PTE_BASE + 4 * vpn) & VALID}
            place, registers = guest.go_on((*FLUSHES, UNSHARE))
        return registers["eax"]

    def _unshare(self, number: int, index: int, one: ViewPage) -> None:
        page = self.pages[index]
        page.modified |= one.dirty
        one.dirty, one.state = False, "away"
        if page.first == number:
            page.first = None
        if not self._sharers(index):
            page.where = "away"

    def _sharers(self, page: int) -> List[int]:
        return [number for number, process in enumerate(self.processes) if process.pages[page].state == "shared"]

    # -- faults ----------------------------------------------------------------------------------------------------
    def fault(self, number: int, page: int, write: bool, copies: Optional[Callable[[int], None]] = None) -> None:
        """A fault from the trap on.  `copies` is called with each frame that is about to get the bytes of another one."""
        self.attach(number)
        process = self.processes[number]
        address = (process.first + page) << VPN | self.t.rng.randrange(PAGE_SIZE)
        self.say(f"a {'write' if write else 'read'} by {'AB'[number]} at {address:#010x}, {self.name(number, page)}; its entry is "
                 f"{describe(self.pte(number, page))}, the prototype PTE {describe(self.prototype(page))}")
        wanted = self.expect(number, page, write)
        if copies is None:
            seen = self.guest.call("MmAccessFault", int(write), address, 0, 0)
        else:
            place, registers = self.guest.call_or_stop("MmAccessFault", int(write), address, 0, 0, stops=(COPIES,))
            while place:
                copies(self.guest.u32(registers["esp"] + 4))
                place, registers = self.guest.go_on((COPIES,))
            seen = registers["eax"]
        self.equal(f"it returns {status(wanted)}", f"it returns {status(seen)}", "view-status")
        self.learn(number, page)
        self.compare()

    def expect(self, number: int, index: int, write: bool) -> int:
        """The model's fault, and its status."""
        process, page = self.processes[number], self.pages[index]
        one = process.pages[index]
        if not allows(one.protection, write):
            return ACCESS_VIOLATION
        if one.state == "shared":
            if write and one.protection in COPY_OF:
                return self._copy(number, index)
            return SUCCESS
        if one.state == "own":
            return SUCCESS
        assert one.state in ("unused", "away")
        answer = PF_TRANSITION
        if page.where == "nowhere":
            page.frame, page.modified, page.bytes, answer = 0, False, bytes(PAGE_SIZE), PF_DEMAND_ZERO
        if page.where != "shared":
            page.first = number
        page.where, one.state = "shared", "shared"
        self.counts["PrototypeCount"] += 1
        if write and one.protection in COPY_OF:
            return self._copy(number, index)
        return answer

    def _copy(self, number: int, index: int) -> int:
        process, page = self.processes[number], self.pages[index]
        one = process.pages[index]
        one.bytes, one.frame = page.bytes, 0
        self._unshare(number, index, one)
        one.state, one.protection, one.dirty = "own", COPY_OF[one.protection], True
        process.private += 1
        self.counts["CopyOnWriteCount"] += 1
        return PF_COPY

    def learn(self, number: int, index: int) -> None:
        """Fresh frames are the kernel's choice."""
        one, page, seen = self.processes[number].pages[index], self.pages[index], self.pte(number, index)
        if page.where != "nowhere" and not page.frame:
            page.frame = self.prototype(index) >> 12
        if one.state == "own" and not one.frame and seen & VALID:
            one.frame = seen >> 12

    # -- judging ---------------------------------------------------------------------------------------------------
    def compare(self) -> None:
        for number in range(len(self.processes)):
            self._compare_process(number)
        for index, page in enumerate(self.pages):
            self._compare_section(index, page)
        seen = {name: value - self._before[name] for name, value in self._read_counters().items()}
        self.equal(f"MmInfoCounters since the beginning: {self.counts}", f"MmInfoCounters since the beginning: {seen}", "view-counted")

    def _compare_process(self, number: int) -> None:
        process = self.processes[number]
        entries = self.working_set(number)
        resident = set()
        for index, one in enumerate(process.pages):
            vpn, what = process.first + index, self.name(number, index)
            wanted = self._entry(index, one)
            seen = self.pte(number, index)
            if one.state in ("unused", "away") and one.protection == process.protection and seen in (0, lookup(one.protection)):
                wanted = seen  # both say: as the view
            self.equal(f"{what}: its entry is {describe(wanted)}", f"{what}: its entry is {describe(seen & ~ACCESSED if seen & VALID else seen)}", "view-entry")
            if one.state in ("shared", "own"):
                resident.add(vpn)
            if one.state == "own":
                self._compare_copy(number, index, one, entries)
            if one.state == "shared" and vpn in entries:
                index_of, entry = entries[vpn]
                direct = self.pages[index].first == number
                how = "Direct" if entry & WSLE_DIRECT else "hashed" if entry & WSLE_HASHED else "not to be found"
                self.equal(f"{what}: its entry in the working set is {'Direct' if direct else 'hashed'}, {one.protection}",
                           f"{what}: its entry in the working set is {how}, {entry >> 3 & 31}", "view-index" if how != ("Direct" if direct else "hashed") else
                           "view-working-set")
                if direct:
                    self.equal(f"{what}: WsIndex {index_of}", f"{what}: WsIndex {self.bench.frame(self.pages[index].frame)[0]}", "view-index")
        seen = {vpn for vpn in entries if process.first <= vpn < process.first + self.count}
        self.equal(f"{'AB'[number]}'s working set: {sorted(resident)}", f"{'AB'[number]}'s working set: {sorted(seen)}", "view-working-set")
        private = self.guest.get(process.space, "MM_ADDRESS_SPACE.NumberOfPrivatePages")
        self.equal(f"NumberOfPrivatePages of {'AB'[number]}: {process.private}", f"NumberOfPrivatePages of {'AB'[number]}: {private}", "view-counted")
        self._compare_table(number)

    def _entry(self, index: int, one: ViewPage) -> int:
        if one.state in ("unused", "gone"):
            return 0
        if one.state == "away":
            return lookup(one.protection)
        if one.state == "own away":
            return transition(one.frame, one.protection)
        frame = one.frame if one.state == "own" else self.pages[index].frame
        return frame << 12 | valid_bits(one.protection) | (DIRTY if one.dirty else 0) | (OF_PROTOTYPE if one.state == "shared" else 0)

    def _compare_table(self, number: int) -> None:
        process, inside = self.processes[number], self.inside(number)
        table = process.first >> 10
        pde = inside.u32(PDE_BASE + 4 * table)
        if not pde & VALID:
            return
        entries = struct.unpack("<1024I", inside.read(PTE_BASE + 4096 * table, 4096))
        used = self.guest.u16(process.space + self.guest.field("MM_ADDRESS_SPACE.UsedPageTableEntries")[0] + 2 * table)
        what = f"{'AB'[number]}'s page table"
        self.equal(f"{what}: {sum(map(bool, entries))} entries in use", f"{what}: {used} entries in use", "view-counted")
        shares = 1 + sum(form(entry) in ("valid", "transition") for entry in entries)
        self.equal(f"{what}: ShareCount {shares}", f"{what}: ShareCount {self.bench.frame(pde >> 12)[2]}", "view-counted")

    def _compare_copy(self, number: int, index: int, one: ViewPage, entries: Dict[int, Tuple[int, int]]) -> None:
        vpn, what = self.processes[number].first + index, f"the copy, {self.name(number, index)}"
        u1, pte, shares, references, bits, original, _ = self.bench.frame(one.frame)
        if any(one.frame == page.frame and page.where != "nowhere" for page in self.pages):
            self.fail(f"{what}: a frame of its own", f"frame {one.frame:#x}, which is the section's", "view-frame")
        self.equal(f"{what}: active, 1 share, 1 reference", f"{what}: {'active' if bits >> 8 & 7 == ACTIVE else f'state {bits >> 8 & 7}'}, {shares} share, {references} reference",
                   "view-shares")
        self.equal(f"{what}: PteAddress {PTE_BASE + 4 * vpn:#x}, PrototypePte 0", f"{what}: PteAddress {pte:#x}, PrototypePte {bits >> 3 & 1}", "view-frame")
        self.equal(f"{what}: OriginalPte {describe(demand_zero(one.protection))}", f"{what}: OriginalPte {describe(original)}", "view-frame")
        self.equal(f"{what}: Modified 1", f"{what}: Modified {bits & E1_MODIFIED}", "view-modified")
        self.equal(f"{what}: the right bytes", f"{what}: {self._bytes(one.frame, one.bytes)}", "view-bytes")
        if vpn in entries:
            at, entry = entries[vpn]
            self.equal(f"{what}: WsIndex {at}, Direct, protection {one.protection}",
                       f"{what}: WsIndex {u1}, {'Direct' if entry & WSLE_DIRECT else 'hashed'}, protection {entry >> 3 & 31}", "view-index")

    def _compare_section(self, index: int, page: SectionPage) -> None:
        what, sharers = f"page {index} of the section", len(self._sharers(index))
        seen = self.prototype(index)
        if page.where == "nowhere":
            wanted = demand_zero(OF_SECTION)
        elif page.where == "shared":
            wanted, seen = page.frame << 12 | VALID, seen & ~0xFFE  # of the valid form only the frame counts
        else:
            wanted = transition(page.frame, OF_SECTION)
        self.equal(f"{what}: its prototype PTE is {describe(wanted)}", f"{what}: its prototype PTE is {describe(seen)}", "view-prototype")
        if page.where == "nowhere":
            return
        u1, pte, shares, references, bits, original, _ = self.bench.frame(page.frame)
        state = ACTIVE if sharers else IN_TRANSITION if page.held else MODIFIED if page.modified else STANDBY
        wanted_counts = (state, sharers, (1 if sharers else 0) + page.held)
        self.equal(f"{what}: state, ShareCount and ReferenceCount {wanted_counts}",
                   f"{what}: state, ShareCount and ReferenceCount {(bits >> 8 & 7, shares if sharers or page.held else 0, references)}", "view-shares")
        self.equal(f"{what}: PteAddress {self.prototypes + 4 * index:#x}, PrototypePte 1", f"{what}: PteAddress {pte:#x}, PrototypePte {bits >> 3 & 1}", "view-frame")
        self.equal(f"{what}: OriginalPte {describe(demand_zero(OF_SECTION))}", f"{what}: OriginalPte {describe(original)}", "view-frame")
        self.equal(f"{what}: Modified {int(page.modified)}", f"{what}: Modified {bits & E1_MODIFIED}", "view-modified")
        self.equal(f"{what}: the right bytes", f"{what}: {self._bytes(page.frame, page.bytes)}", "view-bytes")

    def _bytes(self, frame: int, wanted: bytes) -> str:
        seen = self.guest.space.ram.read(frame * PAGE_SIZE, PAGE_SIZE)
        if seen == wanted:
            return "the right bytes"
        at = next(index for index in range(PAGE_SIZE) if seen[index] != wanted[index])
        return f"at byte {at} it holds {seen[at:at + 8].hex(' ')}; expected {wanted[at:at + 8].hex(' ')}"

    def working_set(self, number: int) -> Dict[int, Tuple[int, int]]:
        """vpn -> (index, entry)."""
        inside, words = self.inside(number), self.processes[number].list
        first, last = inside.get(words, "MMWSL.Wsle"), inside.get(words, "MMWSL.LastEntry")
        self.t.sound(last < 1 << 19, "the working set list")
        return {entry >> 12: (index, entry) for index, (entry, ) in enumerate(struct.iter_unpack("<I", inside.read(first, 4 * (last + 1))))
                if entry & WSLE_VALID}

    def _read_counters(self) -> Dict[str, int]:
        base = self.guest.sym("MmInfoCounters")
        return {name: self.guest.u32(base + 4 * place) for name, place in COUNTERS.items()}
