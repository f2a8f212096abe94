"""2.8: pages that leave memory and come back: trimming, the modified writer, page-in and threads that need the same page."""

from __future__ import annotations

from grader.api import Disk, Hint, Machine, test

from . import pagingbench, writebench
from .faultbench import Bench as Process
from .faultbench import DIRTY, TAKES
from .faultmodel import EXECUTE_READ, READ_ONLY, READ_WRITE, VALID, describe, transition
from .pagecrowd import Crowd
from .pagingbench import DEVICE_ERROR, END_OF_FILE, NO_MEMORY, PAGING_FILE, RETRY, SUCCESS, TRANSITION
from .frames import STANDBY, demand_zero
from .frames import TRANSITION as TRANSITION_PAGE
from .frames import transition as pte_in_transition

BOOT = Hint("in-call", pagingbench.HINTS["in-call"])
LIMIT = 40_000_000
FLUSH, UNSHARE = "KeFlushSingleTb", "MiDecrementShareCount"
BUDGET = 60_000_000  # guest instructions of each scenario's exploration


# -- a page leaves its working set -------------------------------------------------------------------------------------
class Trimmed(Process):
    """A process whose pages leave its working set one by one."""

    def hint(self, name: str):
        return self.t.hint("trim-page", pagingbench.HINTS["trim-page"])

    def clean(self, vpn: int) -> None:
        """The frame of a resident page is not Modified: what it holds is elsewhere, too."""
        bits = self.element(self.model.pages[vpn].frame) + 14
        self.guest.u16(bits, self.guest.u16(bits) & ~1)
        self.model.pages[vpn].modified = False

    def leave(self, vpn: int, late: int = 0) -> int:
        """`late`: the processor sets Dirty after so many accesses of the routine to the entry. @returns how many there were while it was valid"""
        guest, page = self.guest, self.model.pages[vpn]
        index, accesses = self.working_set()[vpn][0], 0
        self.say(f"MiTrimPte of page {vpn:#x}; its entry is {describe(self.pte(vpn))}" + ("; a thread writes to the page meanwhile" if late else ""))
        guest.call("ExAcquireFastMutex", self.mutex, conv="fastcall")

        def look(_eip: int) -> None:
            nonlocal accesses
            seen = self.pte(vpn)
            accesses += seen & VALID
            if seen & VALID and accesses == late:
                self.set_pte(vpn, seen | DIRTY)
                page.dirty = True

        with guest.watching([(self.pte_address(vpn), 4)], look, reads=True):
            place, registers = guest.call_or_stop("MiTrimPte", self.pte_address(vpn), page.protection, stops=(FLUSH, UNSHARE), conv="cdecl", stack=self.stack)
            flushed = False
            while place:
                first, second = guest.u32(registers["esp"] + 4), guest.u32(registers["esp"] + 8)
                if place == FLUSH and first >> 12 == vpn and second & 0xFF and not self.pte(vpn) & VALID:
                    flushed = True
                if place == UNSHARE and first == page.frame and not flushed:
                    self.t.fail(asked=self.asked(), expected="KeFlushSingleTb of the address on all processors, after the entry has changed and before the page loses its share",
                                seen="the share goes first", hint=self.t.hint("trim-flush", pagingbench.HINTS["trim-flush"]))
                place, registers = guest.go_on((FLUSH, UNSHARE))
        guest.call("MiReleaseWsle", self.vm, index, conv="cdecl")
        guest.call("ExReleaseFastMutex", self.mutex, conv="fastcall")
        page.modified |= page.dirty
        page.dirty = False
        page.pte = transition(page.frame, page.protection)
        self.compare()
        return accesses


@test("2.8", points=1, title="a trimmed page: its entry, then every processor, then its share; a write on the way counts", features=("PFN-05", "PFN-06"),
      limit=LIMIT)
def pages_are_trimmed(t):
    bench = Trimmed(t)
    one, other = bench.allocate(8, READ_WRITE), bench.allocate(3, READ_ONLY)
    written, held, *late = range(one.first, one.last + 1)
    read = list(range(other.first, other.last + 1))
    for vpn in (written, held, *late, *read):
        bench.fault(vpn)
    for vpn in late:
        bench.clean(vpn)
    bench.write(written)
    bench.hold(held)
    accesses = max(bench.leave(vpn) for vpn in _shuffled(t, (written, held, *read)))
    for number, vpn in zip(range(accesses, 0, -1), late):  # the last access first: there a write is lost most easily
        bench.leave(vpn, number)


# -- the modified writer -----------------------------------------------------------------------------------------------
@test("2.8", points=2, title="the page that waits longest is written with its neighbours, in the order of their PTEs", features=("PFN-16", ), limit=LIMIT)
def neighbours_are_written(t):
    rng = t.rng
    bench = writebench.Bench(t)
    run = rng.randint(8, 14)
    ptes = list(range(run, run + 5)) + list(range(run + 6, run + 9)) + [0, 1, 38, 39]
    rng.shuffle(ptes)
    bench.waiting(ptes)
    bench.gather()
    bench.end(len(bench.run))
    bench.gather(writebench.NOTHING)


@test("2.8", points=1, title="a write has sixteen pages at most, and as many as there are places", features=("PFN-15", "PFN-16"), limit=LIMIT)
def writes_have_room(t):
    rng = t.rng
    bench = writebench.Bench(t)
    first = rng.randint(0, 8)
    ptes = list(range(first, first + 30))
    longest = rng.randint(17, 26)  # its neighbours in front do not all have room
    ptes.remove(first + longest)
    rng.shuffle(ptes)
    bench.waiting([first + longest, *ptes])
    bench.occupy(range(3, 3 + rng.randint(2, 6)))
    bench.gather()
    bench.end(len(bench.run))
    bench.gather(writebench.NO_SPACE)
    bench.occupy(range(10, 32))
    bench.gather()
    bench.end(len(bench.run))
    bench.gather()


@test("2.8", points=1, title="what lies beside a PTE, and pages of files, are no neighbours", features=("PFN-16", ), limit=LIMIT)
def strangers_are_not_written(t):
    rng = t.rng
    bench = writebench.Bench(t)
    model, files = bench.model, _shuffled(t, (4, 22))
    ptes = [files[0], *_shuffled(t, (5, 6, 7, 20, 21, 33, 36, files[1]))]  # a page of a file waits longest
    pages = bench.waiting(ptes, files)
    clean, held = [frame for frame in bench.others() if frame not in pages.values()][:2]
    for frame, index in zip((clean, held), _shuffled(t, (32, 34))):  # one on standby, one that an I/O holds
        page = model.pages[frame]
        page.pte, page.original, page.state = index, demand_zero(4), STANDBY if frame == clean else TRANSITION_PAGE
        bench.set_pte(index, pte_in_transition(frame))
        model.pages[bench.pte_frame].shares += 1
        if frame == clean:
            model.lists[STANDBY].append(frame)
        else:
            page.references, page.flags = 1, {"Modified"}
    bench.fill()
    bench.place(held)
    bench.set_pte(rng.choice((35, 37)), pte_in_transition(0xFFFFF))  # no page of this machine
    bench.set_pte(8, pte_in_transition(pages[21]))  # pages of other PTEs
    bench.set_pte(19, pte_in_transition(pages[6]))
    bench.gather()
    bench.end(len(bench.run))
    bench.gather(writebench.NOTHING)


@test("2.8", points=2, title="when a write has ended: places, changed pages, pages that are gone, failures", features=("PFN-06", "PFN-15"), limit=LIMIT)
def writes_end(t):
    rng = t.rng
    for written in (*rng.sample((0, 3, 7), 2), 12):
        bench = writebench.Bench(t)
        ptes = list(range(rng.randint(0, 20), 40))[:12]
        rng.shuffle(ptes)
        bench.waiting(ptes)
        run = bench.gather()
        for frame in rng.sample(run, 3):
            bench.change(frame)
        for frame in rng.sample(run, 3):
            bench.delete(frame)
        bench.end(written)


# -- page-in -----------------------------------------------------------------------------------------------------------
@test("2.8", points=1, title="a page comes back from the page file, and its neighbours with it", features=("MEM-05", "PFN-15"), limit=LIMIT)
def pages_come_back(t):
    rng = t.rng
    bench = pagingbench.Bench(t)
    base = bench.reserve(1100)
    border = 1023 - rng.randint(1, 3)  # the last pages of the first page table
    cases = [(0x20, 1, rng.randint(9, 12), 8), (0x40, 20, rng.randint(2, 6), 0), (border, 40, 8, 1024 - border)]
    t.infra(base < 0x20, "the range begins at 64 KB")
    for first, place, pages, least in cases:
        for number in range(pages):
            bench.out(first + number, place + number, rng.choice((READ_WRITE, READ_ONLY, EXECUTE_READ)))
    bench.out(0x60, 50)
    bench.out(0x61, 52)  # not the place behind
    bench.out(0x62, 53)
    for vpn, wanted in _shuffled(t, [(0x20, 8), (0x40, cases[1][2]), (border, 1024 - border), (0x60, 1)]):
        left, read = bench.begin(vpn, range(vpn, vpn + wanted))
        bench.complete(read, wanted)
        bench.finish(left, read, PAGING_FILE)
        bench.pages[vpn].state = "resident"
        bench.is_over(read)
        bench.judge()


@test("2.8", points=1, title="a read brings no more than memory allows; without a page or a block nothing has changed", features=("MEM-07", "PFN-15"),
      limit=LIMIT)
def reads_need_memory(t):
    rng = t.rng
    bench = pagingbench.Bench(t)
    base = bench.reserve(32)
    for number in range(8):
        bench.out(base + number, 5 + number)
    bench.threshold(minimum=bench.available + 1)
    bench.attempt(base, NO_MEMORY)
    bench.threshold(minimum=0)
    bench.attempt(base, NO_MEMORY, refuse_block=True)
    more = rng.randint(0, 5)
    bench.threshold(high=bench.available - 1 - more)
    left, read = bench.begin(base, range(base, base + 1 + more))
    bench.complete(read, 1 + more)
    bench.finish(left, read, PAGING_FILE)
    bench.pages[base].state = "resident"
    bench.judge()


@test("2.8", points=2, title="a thread that needs a page that is being read waits for the same read", features=("MEM-05", "PFN-04"), limit=LIMIT)
def reads_collide(t):
    rng = t.rng
    bench = pagingbench.Bench(t)
    base = bench.reserve(32)
    for number in range(7):
        bench.out(base + number, 5 + number)
    for first, pages in ((base, 4), (base + 4, 3)):
        if first == base:  # so that the first read ends in front of the second's pages
            bench.threshold(high=bench.available - 4)
        left, read = bench.begin(first, range(first, first + pages))
        others = [(vpn, bench.collide(vpn, read, 3 + number)) for number, vpn in enumerate(_shuffled(t, (first, first + rng.randint(1, pages - 1))))]
        bench.complete(read, pages)
        bench.is_not_over(read)
        late = rng.random() < 0.5 if first == base else not late  # noqa: F821
        if not late:
            bench.finish(left, read, PAGING_FILE)
            bench.pages[first].state = "resident"
        for vpn, other in others:
            there = bench.pages[vpn].state == "resident"
            bench.is_not_over(read)
            bench.finish(other, read, SUCCESS if there else TRANSITION, first=False)
            bench.pages[vpn].state = "resident"
        if late:
            bench.is_not_over(read)
            bench.finish(left, read, RETRY)
        bench.is_over(read)
        bench.judge()
        bench.threshold(high=0)
        bench.more_stacks()


@test("2.8", points=1, title="a read that fails: an error for the page that was asked for, and entries as they were", features=("ERR-10", ), limit=LIMIT)
def reads_fail(t):
    rng = t.rng
    bench = pagingbench.Bench(t)
    base = bench.reserve(32)
    for number in range(10):
        bench.out(base + number, 5 + number)
    # The device fails at the first page; at a later one; the file ends early.
    left, read = bench.begin(base, range(base, base + 8))
    same = bench.collide(base, read, 3)
    bench.complete(read, 0, DEVICE_ERROR, information=rng.choice((0, 512)))
    for thread, first in _shuffled(t, ((left, True), (same, False))):
        bench.finish(thread, read, DEVICE_ERROR, first)
    bench.pages[base].state = "file"
    bench.is_over(read)
    bench.judge()
    bench.more_stacks()
    good = rng.randint(1, 6)
    left, read = bench.begin(base, range(base, base + 8))
    bench.complete(read, good, rng.choice((DEVICE_ERROR, SUCCESS)), information=good * 4096 + rng.choice((0, 512)))
    bench.finish(left, read, PAGING_FILE)
    bench.pages[base].state = "resident"
    bench.is_over(read)
    bench.judge()
    at = base + 7
    left, read = bench.begin(at, range(at, at + 3))
    ahead = bench.collide(at + 1, read, 3)
    bench.complete(read, 0, SUCCESS, information=0)
    bench.finish(left, read, END_OF_FILE)
    bench.pages[at].state = "file"
    again = bench.reads_itself(ahead, at + 1, read)
    bench.complete(again, 2)
    bench.finish(bench.last_left, again, PAGING_FILE, first=False)
    bench.is_over(again)
    bench.pages[at + 1].state = "resident"
    bench.judge()


@test("2.8", points=1, title="a page that is freed while it is read", features=("PFN-04", ), limit=LIMIT)
def freed_while_read(t):
    bench = pagingbench.Bench(t)
    base = bench.reserve(32)
    for number in range(6):
        bench.out(base + number, 5 + number)
    left, read = bench.begin(base, range(base, base + 6))
    for vpn in _shuffled(t, (base, base + t.rng.randint(1, 5))):
        bench.delete(vpn)
    bench.complete(read, 6)
    bench.finish(left, read, RETRY)
    bench.is_over(read)
    bench.judge()


# -- more pages than memory --------------------------------------------------------------------------------------------
def _small(processors: int) -> Machine:
    return Machine(memory_mb=16, processors=processors, disks=(Disk("pagefile", 2, bus="memory", page_file=True), ), options="/DISKLATENCY=0")


@test("2.8", points=1, title="more pages than memory, one processor: every byte is where it must be", features=("PFN-14", "PFN-15", "PFN-16"),
      limit=600_000_000, machine=_small(1))
def more_than_memory(t):
    Crowd(t, 2).judge()


@test("2.8", points=1, title="more pages than memory, two processors: every byte is where it must be", features=("PFN-14", "PFN-15", "PFN-16"),
      limit=800_000_000, machine=_small(2))
def more_than_memory_together(t):
    Crowd(t, 4).judge()


# -- every order of steps ----------------------------------------------------------------------------------------------
ROUTINES = (*TAKES, "MiCopyPhysicalPage", "MiGatherModifiedPages", "MiEndModifiedPages")  # races_paging.cpp: OWN_ROUTINE


@test("2.8", points=1, title="no order of steps reads a page twice, or loses what was written while it was on its way", features=("PFN-04", "PFN-06"),
      limit=4_000_000_000, explore=True)
def race_paging(t):
    hint = t.hint("paging-races", f"This must hold under every schedule; see in the timeline whether it is what broke. {pagingbench.HINTS['paging-races']}")
    parameters = [t.guest.sym(name) for name in ROUTINES]
    for scenario in ("OneReadForAll", "WrittenWhileItChanges"):
        t.explore(scenario, budget=BUDGET, parameters=parameters, expected="no order of steps breaks it", hint=hint)


def _shuffled(t, values):
    values = list(values)
    t.rng.shuffle(values)
    return values
