"""Pages that are on a page file: their faults made one by one in a process of the test's own, on a page file whose transfers the host
ends (heldfile.cpp).

Entries name places that the host has taken.  A fault is followed to the place where its thread waits: there the host looks at the
transfer and the frames, lets other threads fault, and ends the transfer.  The waits of several threads are calls that are left and
gone on with, so they come in any order that the host likes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

from .faultbench import ACTIVE, DIRTY, IN_TRANSITION, PAGE_SIZE, PDE_BASE, STANDBY, VPN, WSLE_DIRECT, ACCESSED
from .faultbench import HINTS as FAULT_HINTS
from .faultbench import Bench as Process
from .faultmodel import DEVICE_ERROR, RETRY, STATUS, describe, form, page_file, transition, valid_bits
from .writebench import BITMAP, FREE_SPACE, USAGE

WAIT, FREED, WAITING = "KeWaitForSingleObject", "ExFreePoolWithTag", ("KeWaitForSingleObject", "ExFreePoolWithTag")
PAGING_FILE, NO_MEMORY, END_OF_FILE, TRANSITION, SUCCESS = 0x114, 0xC0000017, 0xC0000011, 0x110, 0
STATUS.update({PAGING_FILE: "STATUS_PAGE_FAULT_PAGING_FILE", END_OF_FILE: "STATUS_END_OF_FILE"})
READING = 1 << 1  # of MMPFN::e1
PLACES, MOST = 64, 8
PAGE_READ, PAGE_READ_END = 32, 33  # ETW_EVENT
READS = {"PageReadCount": 5, "PageReadIoCount": 6}  # places in MmInfoCounters
THREADS, OWN_PTE = 16, 24  # of MI_IN_PAGE

HINTS = {
    "in-begun": "Before the transfer starts each page is the target of the read: taken from the lists, MiBeginPageRead, its entry in transition. Then whoever needs it "
                "meanwhile finds it so.",
    "in-which": "Which pages does one read bring? That of the fault, and those behind it whose entries name the next places of the same file, in the same page table, while "
                "there is plenty of memory and fewer than eight.",
    "in-lock": "A thread that waits holds nothing: the mutex is free, and so is MmPfnLock.",
    "in-same": "A page that is being read has a block (u1.Event). A thread that needs it meanwhile joins that read, and waits for its event; it starts no read of its own.",
    "in-block": "The block is known to the reading thread, to the transfer while it runs, and to each thread that has joined. It is free when the last one has released it, and "
                "not before.",
    "in-ended": "The completion routine ends the read of every page: those that have all their bytes well, the others with an error. No thread is needed for it.",
    "in-reference": "Each page has the reader's reference from MiBeginPageRead on. That of a page that was read ahead ends with the transfer; that of the first page when its "
                    "thread has looked at the result.",
    "in-error": "Information says how many pages have their bytes. A page that could not be read leaves its entry as it was, and is the error of the thread that asked for it only.",
    "in-changed": "While the thread waited, the page may have been deleted, or brought by another thread. Look at the page, then at the entry; if they are not as the read left them, "
                  "decide anew.",
    "in-memory": "Without a page or without a block nothing has changed when STATUS_NO_MEMORY is returned. What was taken before is given back.",
    "in-status": "The status says what became of the fault. A page that the read brought is STATUS_PAGE_FAULT_PAGING_FILE.",
    "in-counted": "PageReadIoCount counts reads, PageReadCount the pages that were read well.",
    "in-traced": "PageRead is traced before the transfer starts, PageReadEnd after the thread has waited.",
    "in-after": "After a read that went well the page is resident, keeps its place on the page file and is not Modified. Pages that were read ahead wait on the standby list.",
    "trim-page": "Three things know the page: the entry, the processors, the database. The entry changes in one step, for the processor may set Dirty until then; what it had set goes to "
                 "the page.",
    "trim-flush": "While a processor still knows the page it may be used, and even written to. Let all processors forget it before the page comes to a list.",
    "paging-races": "A page that is read or written has a reference and says so, from before the transfer starts until after it has ended. Which of your steps leave a moment in which "
                    "another thread finds neither?",
    "in-call": "Write out the entries, the frames and the block before the call, while the transfer runs, and after it, and follow your code with these numbers.",
}


@dataclass
class Paged:
    """A page of the test's."""

    protection: int
    bytes: bytes
    place: int
    state: str = "file"  # file, reading, standby, resident, gone
    frame: int = 0


@dataclass
class Read:
    """A transfer that runs."""

    transfer: int
    pages: List[int]  # virtual page numbers
    block: int
    place: int


class Bench(Process):
    """A process with pages on a page file."""

    HINTS, CALL = {**FAULT_HINTS, **HINTS}, "in-call"

    def __init__(self, t) -> None:
        guest = t.guest
        self.held = guest.sym("LabHeldFile")
        guest.u32(self.held, PLACES)
        t.infra(guest.call("MmCreatePagingFile", guest.sym("LabHeldBacking"), PLACES, PLACES, 0) == 0, "a page file can be made")
        super().__init__(t)
        self.file = guest.u32(guest.sym("MmPagingFile"))
        self.pages: Dict[int, Paged] = {}
        self.freed: List[int] = []
        self.reads, self.read_well, self.reading = 0, 0, None  # type: ignore[var-annotated]
        self._all = [guest.alloc(4096) + 4096 for _ in range(4)]
        self._stacks = list(self._all)
        self._before = self._reads()

    # -- the host's side -------------------------------------------------------------------------------------------
    def reserve(self, pages: int) -> int:
        """@returns the first page of a range that is reserved."""
        return self.allocate(pages, committed=False).first

    def out(self, vpn: int, place: int, protection: int = 4) -> None:
        """The page is on the page file, at this place."""
        guest = self.guest
        guest.call("MiMakeUserPageTable", vpn << VPN, conv="cdecl")
        self.set_pte(vpn, page_file(0, place, protection))
        used = self.space + guest.field("MM_ADDRESS_SPACE.UsedPageTableEntries")[0] + 2 * (vpn >> 10)
        guest.u16(used, guest.u16(used) + 1)
        bits = guest.u32(self.file + BITMAP) + (place >> 3)
        self.t.infra(not guest.u8(bits) >> (place & 7) & 1, "the place is free")
        guest.u8(bits, guest.u8(bits) | 1 << (place & 7))
        for at, change in ((self.file + FREE_SPACE, -1), (self.file + USAGE, 1), (guest.sym("MmTotalFreePageFileSpace"), -1)):
            guest.u32(at, guest.u32(at) + change)
        self.pages[vpn] = Paged(protection, struct.pack("<I", self.t.rng.getrandbits(32)) * (PAGE_SIZE // 4), place)

    def place_is_free(self, place: int) -> bool:
        return not self.guest.u8(self.guest.u32(self.file + BITMAP) + (place >> 3)) >> (place & 7) & 1

    @property
    def available(self) -> int:
        return self.guest.u32(self.guest.sym("MmAvailablePages"))

    def threshold(self, minimum: Optional[int] = None, high: Optional[int] = None) -> None:
        at = self.guest.sym("MiMemoryThresholds")
        if minimum is not None:
            self.guest.u32(at, minimum)
        if high is not None:
            self.guest.u32(at + 8, high)

    def delete(self, vpn: int) -> None:
        """The page is freed while it is read."""
        guest, page = self.guest, self.pages[vpn]
        self.say(f"page {vpn:#x} is freed meanwhile")
        self.set_pte(vpn, 0)
        used = self.space + guest.field("MM_ADDRESS_SPACE.UsedPageTableEntries")[0] + 2 * (vpn >> 10)
        guest.u16(used, guest.u16(used) - 1)
        guest.call("MiDeletePfn", page.frame, conv="cdecl")
        page.state = "gone"

    # -- one fault after the other ---------------------------------------------------------------------------------
    def begin(self, vpn: int, wanted: Sequence[int]) -> Tuple[object, Read]:
        """The fault of a page, to where its thread waits. `wanted`: the pages that its read shall bring."""
        guest = self.guest
        started, self.freed = guest.u32(self.held + 4), []
        place, registers = self.direct("MiResolvePageFileFault", vpn, self.pages[vpn].protection, stops=(WAIT, ))
        if not place:
            self.fail("its thread waits for the end of a read", f"it returns {_status(registers['eax'])}", "in-begun")
        self.equal(f"{started + 1} transfers have been started", f"{guest.u32(self.held + 4)} transfers have been started", "in-begun")
        read = self._look(vpn, list(wanted), started)
        self._waits(registers, read)
        self.equal("2: the thread and the transfer", str(guest.u32(read.block + THREADS)).replace("2", "2: the thread and the transfer"), "in-block")
        self.equal(f"the block's Pte is {self.pte_address(vpn):#x}", f"the block's Pte is {guest.u32(read.block + OWN_PTE):#x}", "in-block")
        self._traced(PAGE_READ, (0, read.place, len(wanted), self.pte_address(vpn)))
        self.reads += 1
        return guest.left(), read

    def collide(self, vpn: int, read: Read, known: int) -> object:
        """Another thread needs a page of the read: it waits for the same one. `known`: so many know the block then."""
        guest = self.guest
        started = guest.u32(self.held + 4)
        self.say(f"another thread reads page {vpn:#x} meanwhile; its entry is {describe(self.pte(vpn))}")
        place, registers = guest.call_or_stop("MmAccessFault", 0, vpn << VPN, 0, 0, stops=(WAIT, ), stack=self._stacks.pop())
        if not place:
            self.fail("it waits for the same read", f"it returns {_status(registers['eax'])}", "in-same")
        self.equal("no transfer more", "no transfer more" if guest.u32(self.held + 4) == started else "it starts a transfer of its own", "in-same")
        self._waits(registers, read)
        self.equal(f"{known} know the block", f"{guest.u32(read.block + THREADS)} know the block", "in-block")
        return guest.left()

    def complete(self, read: Read, good: int, status: int = SUCCESS, information: int = 0) -> None:
        """The transfer ends: so many of its pages have their bytes."""
        guest = self.guest
        information = information or good * PAGE_SIZE
        self.say(f"the transfer of pages {self._vpns(read.pages)} ends: {_status(status)}, Information {information:#x}")
        for vpn in read.pages[:good]:
            guest.space.ram.write(guest.u32(guest.u32(read.transfer + 12) + 4 * read.pages.index(vpn)) * PAGE_SIZE, self.pages[vpn].bytes)
        guest.u32(read.transfer + 20, status)
        guest.u32(read.transfer + 24, information)
        self._on(lambda: guest.call_or_stop(guest.u32(read.transfer + 28), read.transfer, stops=(FREED, ), stack=self._stacks[0]))
        first = read.pages[0]
        for number, vpn in enumerate(read.pages):
            page = self.pages[vpn]
            u1, _, _, references, bits, _, u4 = self.frame(page.frame)
            what = f"page {vpn:#x}, when the transfer has ended"
            if vpn == first:
                self.equal(f"{what}: ReferenceCount 1, the reader's", f"{what}: ReferenceCount {references}" + (", the reader's" if references == 1 else ""), "in-reference")
            if page.state == "gone":
                continue
            if number < good:
                page.state = "held" if vpn == first else "standby"
                self.equal(f"{what}: ReadInProgress 0, InPageError 0", f"{what}: ReadInProgress {int(bool(bits & READING))}, InPageError {u4 >> 25 & 1}", "in-ended")
            elif vpn == first:
                self.equal(f"{what}: InPageError 1, its status {_status(status or END_OF_FILE)}", f"{what}: InPageError {u4 >> 25 & 1}, its status {_status(u1)}", "in-error")
            else:
                page.state = "file"
        self.read_well += good

    def finish(self, left: object, read: Read, wanted: int, first: bool = True) -> None:
        """A thread that waited goes on, and returns. `first`: it is the one that started the read."""
        place, registers = self._on(lambda: self.guest.go_on(WAITING, call=left), WAITING)
        if place:
            self.fail(f"it returns {_status(wanted)}", "it waits once more", "in-same")
        said = "the thread that started the read" if first else "the thread that joined it"
        self.equal(f"{said} returns {_status(wanted)}", f"{said} returns {_status(registers['eax'])}", "in-error" if wanted >= 0x80000000 and wanted != RETRY else
                   "in-changed" if wanted == RETRY else "in-status")
        if first:
            self._traced(PAGE_READ_END, (0, read.place, len(read.pages), None))
            self.end_direct()

    def more_stacks(self) -> None:
        """No call is left: their stacks are free."""
        self._stacks = list(self._all)

    def reads_itself(self, left: object, vpn: int, read: Read) -> Read:
        """A thread waited for a page that was only read ahead, and failed for another one: it reads the page now. @returns that read"""
        guest = self.guest
        started = guest.u32(self.held + 4)
        self.freed.clear()
        self.say(f"the thread that needs page {vpn:#x}, which was only read ahead, goes on")
        place, registers = self._on(lambda: guest.go_on(WAITING, call=left), WAITING)
        if not place:
            self.fail("it starts a read of its own", f"it returns {_status(registers['eax'])}", "in-error")
        self.is_over(read)
        self.freed.clear()
        again = self._look(vpn, [one for one in read.pages if one >= vpn], started)
        self._waits(registers, again)
        self.reads += 1
        self.last_left = guest.left()
        return again

    def is_over(self, read: Read) -> None:
        """Nobody knows the block: it was freed, once."""
        self.equal("the block was freed once", f"the block was freed {('never', 'once')[self.freed.count(read.block)] if self.freed.count(read.block) < 2 else 'twice'}", "in-block")

    def is_not_over(self, read: Read) -> None:
        self.equal("the block is still there", "the block is still there" if read.block not in self.freed else "the block was freed", "in-block")

    def _on(self, run, stops: Sequence[str] = (FREED, )):
        """Goes on past every block that is freed, and notes it."""
        place, registers = run()
        while place == FREED:
            self.freed.append(self.guest.u32(registers["esp"] + 4))
            place, registers = self.guest.go_on(stops)
        return place, registers

    # -- judging ---------------------------------------------------------------------------------------------------
    def _look(self, vpn: int, wanted: List[int], number: int) -> Read:
        """The transfer that was started: its place and pages, and what these are meanwhile."""
        guest = self.guest
        transfer = guest.u32(self.held + 8 + 4 * (number % 16))
        offset, count, frames, write = struct.unpack("<QIII", guest.read(transfer, 20))
        place = self.pages[vpn].place
        self.equal(f"a read of place {place}, {len(wanted)} pages", f"a {'write' if write & 0xFF else 'read'} of place {offset // PAGE_SIZE}, {count} pages", "in-which")
        numbers = struct.unpack(f"<{count}I", guest.read(frames, 4 * count))
        block = 0
        for one, frame in zip(wanted, numbers):
            page = self.pages[one]
            what = f"page {one:#x}, while it is read"
            self.equal(f"{what}: its entry is {describe(transition(frame, page.protection))}", f"{what}: its entry is {describe(self.pte(one))}", "in-begun")
            u1, address, _, references, bits, original, _ = self.frame(frame)
            told = (bits >> 8 & 7, references, bool(bits & READING), address)
            right = (IN_TRANSITION, 1, True, self.pte_address(one))
            self.equal(f"{what}: state, references, ReadInProgress, PteAddress {right}", f"{what}: state, references, ReadInProgress, PteAddress {told}", "in-begun")
            self.equal(f"{what}: OriginalPte {describe(page_file(0, page.place, page.protection))}", f"{what}: OriginalPte {describe(original)}", "in-begun")
            block = block or u1
            self.equal(f"{what}: its block is {block:#x}", f"{what}: its block is {u1:#x}", "in-block")
            page.state, page.frame = "reading", frame
        return Read(transfer, wanted, block, place)

    def _waits(self, registers: Dict[str, int], read: Read) -> None:
        guest = self.guest
        self.equal(f"it waits for the event of the block at {read.block:#x}", f"it waits for the event of the block at {guest.u32(registers['esp'] + 4):#x}", "in-same")
        held = [name for name, word in (("the WorkingSetMutex", guest.get(self.mutex, "FAST_MUTEX.Owner")), ("MmPfnLock", guest.u32(guest.sym("KiQueuedSpinLock") + 8)))
                if word]
        self.equal("it holds nothing while it waits", f"it holds {' and '.join(held) or 'nothing'} while it waits", "in-lock")

    def attempt(self, vpn: int, wanted: int, refuse_block: bool = False) -> None:
        """A fault that cannot start a read."""
        guest = self.guest
        before = self.available, guest.u32(self.held + 4)
        place, registers = self.direct("MiResolvePageFileFault", vpn, self.pages[vpn].protection, stops=("MiAllocateInPage", WAIT))
        if place == "MiAllocateInPage" and refuse_block:
            esp = registers["esp"]
            place, registers = guest.go_on(("MiAllocateInPage", WAIT), eip=guest.u32(esp), esp=esp + 4, eax=0)
        elif place == "MiAllocateInPage":
            place, registers = self._on(lambda: guest.go_on(WAITING), WAITING)
        if place:
            self.fail(f"it returns {_status(wanted)}", "it waits", "in-memory")
        self.equal(f"it returns {_status(wanted)}", f"it returns {_status(registers['eax'])}", "in-memory")
        self.equal(f"MmAvailablePages {before[0]}, {before[1]} transfers", f"MmAvailablePages {self.available}, {guest.u32(self.held + 4)} transfers", "in-memory")
        self.end_direct()
        self.judge()

    def judge(self) -> None:
        """Entries, frames, working set, bytes and counters against what the host knows."""
        entries = self.working_set()
        for vpn, page in self.pages.items():
            self._judge_page(vpn, page, entries)
        resident = sorted(vpn for vpn, page in self.pages.items() if page.state == "resident")
        self.equal(f"working set: {self._vpns(resident)}", f"working set: {self._vpns(sorted(entries))}", "in-after")
        seen = {name: value - self._before[name] for name, value in self._reads().items()}
        wanted = {"PageReadCount": self.read_well, "PageReadIoCount": self.reads}
        self.equal(f"MmInfoCounters since the beginning: {wanted}", f"MmInfoCounters since the beginning: {seen}", "in-counted")
        for table in {vpn >> 10 for vpn in self.pages}:
            shares = 1 + sum(form(entry) in ("valid", "transition") for entry in struct.unpack("<1024I", self.inside.read(0xC0000000 + 4096 * table, 4096)))
            seen_shares = self.frame(self.inside.u32(PDE_BASE + 4 * table) >> 12)[2]
            self.equal(f"ShareCount of the frame of page table {table}: {shares}", f"ShareCount of the frame of page table {table}: {seen_shares}", "in-after")

    def _judge_page(self, vpn: int, page: Paged, entries: Dict[int, Tuple[int, int]]) -> None:
        seen, what = self.pte(vpn), f"page {vpn:#x}"
        place = page_file(0, page.place, page.protection)
        if page.state == "gone":
            self.equal(f"{what}: its entry is 0", f"{what}: its entry is {describe(seen)}", "in-changed")
            state, references = self.frame(page.frame)[4] >> 8 & 7, self.frame(page.frame)[3]
            self.equal(f"{what}, which was freed: its frame is free", f"{what}, which was freed: its frame is {'free' if state <= 1 and not references else f'in state {state}, ReferenceCount {references}'}",
                       "in-reference")
            self.equal(f"{what}, which was freed: its place is free", f"{what}, which was freed: its place is {'free' if self.place_is_free(page.place) else 'in use'}", "in-after")
            return
        if page.state == "file":
            self.equal(f"{what}: its entry is {describe(place)}", f"{what}: its entry is {describe(seen)}", "in-error")
            return
        wanted = transition(page.frame, page.protection) if page.state == "standby" else valid_bits(page.protection) | page.frame << 12
        if seen & ~(ACCESSED | DIRTY if page.state == "resident" else 0) != wanted:
            self.fail(f"{what}: its entry is {describe(wanted)}", f"{what}: its entry is {describe(seen)}", "in-after")
        u1, address, shares, references, bits, original, u4 = self.frame(page.frame)
        right = (ACTIVE, 1, 1) if page.state == "resident" else (STANDBY, 0, 0)
        told = (bits >> 8 & 7, shares if page.state == "resident" else 0, references)
        self.equal(f"{what}: state, ShareCount, ReferenceCount {right}", f"{what}: state, ShareCount, ReferenceCount {told}", "in-reference")
        self.equal(f"{what}: OriginalPte {describe(place)}, Modified 0", f"{what}: OriginalPte {describe(original)}, Modified {bits & 1}", "in-after")
        if self.guest.space.ram.read(page.frame * PAGE_SIZE, PAGE_SIZE) != page.bytes:
            self.fail(f"{what}: the bytes of its place", f"{what}: other bytes", "in-after")
        if page.state == "resident":
            index, entry = entries.get(vpn, (-1, 0))
            self.equal(f"{what}: WsIndex {index}, Direct", f"{what}: WsIndex {u1}{', Direct' if entry & WSLE_DIRECT else ''}", "in-after")

    def _reads(self) -> Dict[str, int]:
        base = self.guest.sym("MmInfoCounters")
        return {name: self.guest.u32(base + 4 * place) for name, place in READS.items()}

    def _traced(self, event: int, arguments: Sequence[Optional[int]]) -> None:
        records = [record for record in self.guest.events() if record.event == event]
        seen = records[-1].arguments if records else ()
        same = bool(seen) and all(wanted is None or wanted == one for wanted, one in zip(arguments, seen))
        name = "PageRead" if event == PAGE_READ else "PageReadEnd"
        self.equal(f"traced: {name}", f"traced: {name}" if same else f"traced: {name} {tuple(seen) or 'never'}", "in-traced")


def _status(value: int) -> str:
    return STATUS.get(value, f"status {value:#010x}")


__all__ = ["Bench", "DEVICE_ERROR", "END_OF_FILE", "MOST", "NO_MEMORY", "PAGING_FILE", "RETRY", "SUCCESS", "TRANSITION"]
