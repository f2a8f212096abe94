"""2.6: page faults, decided and resolved one by one in a process of the test's own, whose tables and frames the host reads."""

from __future__ import annotations

from grader.api import Hint, Machine, test

from .crowd import Crowd
from .faultbench import HINTS, TAKES, Bench
from .faultmodel import (BASIC, DECOMMITTED, DEVICE_ERROR, EXECUTE_READ, EXECUTE_READ_WRITE, GUARD, GUARDED, KINDS, NO_ACCESS, NO_CACHE,
                         NO_MEMORY, OF_PROTOTYPE, PAGE, PAGE_GUARD, READ_ONLY, READ_WRITE, RETRY, VALID, VIOLATION, Range, decide, demand_zero, describe, form, lookup,
                         page_file, protection_name, status, transition, valid_bits)

FEATURES = ("MEM-05",)
BOOT = Hint("fault-call", HINTS["fault-call"])
LIMIT = 40_000_000
PROTECTIONS = (READ_ONLY, READ_WRITE, EXECUTE_READ, EXECUTE_READ_WRITE)
PFN_LOCK_NUMBER = 2
BUDGET = 60_000_000  # guest instructions of each scenario's exploration


# -- the decision ------------------------------------------------------------------------------------------------------
class Decisions:
    """MiDecideFault, called with ranges and entries of the host's."""

    def __init__(self, t) -> None:
        self.t, self.vad = t, t.guest.alloc(t.guest.size("MMVAD"))

    def ask(self, vad, pte: int, write: bool) -> None:
        t, guest = self.t, self.t.guest
        if vad is not None:
            guest.write(self.vad, bytes(t.rng.getrandbits(8) for _ in range(guest.size("MMVAD"))))
            guest.set(self.vad, "MMVAD.Flags", vad.charge | (7 if vad.stack else 0) << 20 | vad.committed << 23 | vad.protection << 24 | vad.private << 29)
        told = "in no range" if vad is None else (
            f"in a {'private range' if vad.private else 'view'}, {'committed' if vad.committed else 'reserved'}, {protection_name(vad.protection)}")
        asked = f"MiDecideFault: a {'write' if write else 'read'}; the entry is {describe(pte)}; {told}"
        wanted, protection = decide(vad, pte, write)
        t.asking(asked, t.hint("fault-decide", HINTS["fault-decide"]))
        answer = guest.call64("MiDecideFault", self.vad if vad is not None else 0, pte, int(write), conv="cdecl")
        kind = answer & 0xFF
        hint = "fault-guard-first" if GUARD in (wanted, kind) else "fault-decide"
        t.check(kind == wanted, expected=KINDS[wanted], seen=KINDS[kind] if kind < len(KINDS) else f"kind {kind}", hint=t.hint(hint, HINTS[hint]))
        if protection is not None and wanted != VIOLATION:
            t.check(answer >> 32 == protection, expected=f"protection {protection_name(protection)}", seen=protection_name(answer >> 32),
                    hint=t.hint("fault-protection", HINTS["fault-protection"]))


def _ranges(t, protection: int):
    """Ranges around an entry that speaks for itself: they say something else."""
    for private in (True, False):
        for committed in (False, True) if private else (False, ):
            yield Range(16, 99, protection, committed, private, charge=t.rng.randrange(64))


@test("2.6", points=1, title="what a fault is in a private range: entries that say something, and entries of 0", stage="early", features=FEATURES,
      limit=LIMIT)
def decide_private(t):
    ask = Decisions(t).ask
    frame = t.rng.randrange(1, 1 << 20)
    forms = [demand_zero, lambda one: transition(frame, one), lambda one: page_file(t.rng.randrange(16), t.rng.randrange(1, 1 << 20), one)]
    cases = []
    for protection in (*BASIC, *(one | NO_CACHE for one in BASIC), *(one | GUARDED for one in BASIC), NO_ACCESS):
        for make in forms:
            cases.append((Range(16, 99, t.rng.choice((READ_ONLY, READ_WRITE, NO_ACCESS)), t.rng.random() < 0.5), make(protection)))
        cases += [(Range(16, 99, protection, committed), 0) for committed in (True, False)]
        cases += [(None, demand_zero(protection)), (None, transition(frame, protection))]
    cases += [(one, DECOMMITTED << 5) for one in _ranges(t, READ_WRITE)] + [(None, 0), (None, DECOMMITTED << 5)]
    for vad, pte in _shuffled(t, cases):
        for write in (False, True):
            ask(vad, pte, write)


@test("2.6", points=1, title="what a fault is where the entry is valid, and in a view", stage="early", features=FEATURES, limit=LIMIT)
def decide_valid_and_views(t):
    ask = Decisions(t).ask
    frame = t.rng.randrange(1, 1 << 20) << 12
    cases = []
    for one in (None, *_ranges(t, READ_WRITE), *_ranges(t, NO_ACCESS), *_ranges(t, READ_ONLY)):
        for protection in BASIC:
            cases += [(one, frame | valid_bits(protection)), (one, frame | valid_bits(protection) | OF_PROTOTYPE)]
    for protection in (*BASIC, *(one | GUARDED for one in BASIC), NO_ACCESS):
        for of_range in (READ_ONLY, READ_WRITE, NO_ACCESS):
            cases.append((Range(16, 99, of_range, False, private=False), lookup(protection)))
        address = t.rng.randrange(1, 1 << 18) << 12 | OF_PROTOTYPE | t.rng.randrange(1, 128) << 1
        cases += [(Range(16, 99, protection, False, private=False), pte) for pte in (0, address)]
    for vad, pte in _shuffled(t, cases):
        for write in (False, True):
            ask(vad, pte, write)


# -- pages of zeros ----------------------------------------------------------------------------------------------------
@test("2.6", points=2, title="the first use of a page: its entry, its frame, its place in the working set", features=FEATURES + ("PFN-03",), limit=LIMIT)
def demand_zero_pages(t):
    bench = Bench(t)
    committed = [bench.allocate(t.rng.randint(3, 6), protection) for protection in _shuffled(t, PROTECTIONS)]
    reserved = bench.allocate(8, READ_ONLY, committed=False)
    bench.commit(reserved.first + 2, 3, READ_WRITE)
    bench.commit(reserved.first + 5, 1, EXECUTE_READ)
    pages = [vpn for one in (*committed, reserved) for vpn in range(one.first, one.last + 1)]
    for vpn in _shuffled(t, pages):
        bench.fault(vpn, t.rng.random() < 0.5)
    for vpn in t.rng.sample(pages, 6):  # once more: it is there, or may not be used so
        bench.fault(vpn, t.rng.random() < 0.5)
    bench.fault(reserved.last + 1000)
    for one in committed[:2]:
        bench.decommit(bench.allocate(4, one.protection).first, 2)
    for one in bench.model.ranges[-2:]:
        for vpn in _shuffled(t, range(one.first, one.last + 1)):
            bench.fault(vpn)


@test("2.6", points=1, title="a fresh page is zeros from the moment at which its entry is valid, whatever it held", features=FEATURES + ("PFN-18",),
      limit=LIMIT)
def zeros_before_valid(t):
    bench = Bench(t)
    bench.without_zeroed_pages()
    one = bench.allocate(6)
    late = []

    def look(_eip: int) -> None:
        pte = bench.pte(vpn)
        if pte & VALID and not seen:
            seen.append(pte)
            if any(t.guest.space.ram.read(pte >> 12 << 12, 4096)):
                late.append(pte >> 12)

    def about_to_clear(frame: int) -> None:
        """The entry may have been written at another address of its page table, where nobody watches."""
        cleared.append(frame)
        look(0)

    for number, vpn in enumerate(range(one.first, one.last + 1)):
        seen, cleared = [], []
        if number < 3:
            bench.fault(vpn, True)
            continue
        with t.guest.watching([(bench.pte_address(vpn), 4)], look):
            bench.fault(vpn, True, clears=about_to_clear)
        frame = bench.pte(vpn) >> 12
        if not seen and frame not in cleared:
            late.append(frame)
        t.check(not late, asked=bench.asked(), expected="zeros in the page when its entry becomes valid",
                seen=f"frame {late[0] if late else 0:#x} still holds what another use left in it", hint=bench.hint("fault-zeros-late"))


@test("2.6", points=1, title="no page, or no room in the working set: nothing has changed", features=FEATURES + ("MEM-07",), limit=LIMIT)
def no_memory_changes_nothing(t):
    bench, guest = Bench(t), t.guest
    border = 1 << 10  # where another page table begins
    stack = bench.user_stack(border + 70 - 16, 69)
    t.infra(stack.first == 16, "the first range of a process lies at 64 KB")
    fresh, soft = bench.allocate(6), bench.allocate(3)
    for vpn in range(soft.first, soft.last + 1):
        bench.fault(vpn, True)
    bench.fault(fresh.last)  # there is a page table
    bench.trim()
    minimum, available = guest.sym("MiMemoryThresholds"), guest.u32(guest.sym("MmAvailablePages"))
    for needed, vpn in _shuffled(t, [(available + 1, fresh.first), (available, fresh.first + 1), (available + 99, fresh.first + 2)]):
        guest.u32(minimum, needed - (available - guest.u32(guest.sym("MmAvailablePages"))))
        _attempt(bench, "MiResolveDemandZeroFault", vpn, READ_WRITE, NO_MEMORY if needed > available else 0x111)
    guest.u32(minimum, 0)
    _memory_goes(bench, fresh.first + 4)
    guest.u32(minimum, guest.u32(guest.sym("MmAvailablePages")) + 1)
    _attempt(bench, "MiResolveGuardFault", border, READ_WRITE | GUARDED, NO_MEMORY)
    guest.u32(minimum, 0)
    bench.fault(border, True)
    inside, words = bench.inside, bench.list
    last = inside.get(words, "MMWSL.LastInitializedWsle")
    kept = inside.get(words, "MMWSL.FirstFree"), inside.get(words, "MMWSL.MaximumEntries")
    for name, value in (("FirstFree", 0xFFFFFFF), ("MaximumEntries", last + 1)):
        inside.set(words, f"MMWSL.{name}", value)
    _attempt(bench, "MiResolveDemandZeroFault", fresh.first + 3, READ_WRITE, NO_MEMORY)
    _attempt(bench, "MiResolveTransitionFault", soft.first, READ_WRITE, NO_MEMORY)
    for name, value in zip(("FirstFree", "MaximumEntries"), kept):
        inside.set(words, f"MMWSL.{name}", value)
    for vpn in (fresh.first + 3, soft.first):
        bench.fault(vpn, True)


def _memory_goes(bench: Bench, vpn: int) -> None:
    """Wherever the routine has released MmPfnLock without having taken a page, no more page may be taken: others were faster."""
    guest = bench.guest
    available, left = guest.sym("MmAvailablePages"), guest.u32(guest.sym("MmAvailablePages"))
    gone = False
    place, registers = bench.direct("MiResolveDemandZeroFault", vpn, READ_WRITE, stops=("KeReleaseQueuedSpinLock",))
    while place:
        if registers["ecx"] & 0xFF == PFN_LOCK_NUMBER and guest.u32(available) == left:
            guest.u32(guest.sym("MiMemoryThresholds"), left + 1)
            gone = True
        place, registers = guest.go_on(("KeReleaseQueuedSpinLock",))
    if gone:
        bench.done[-1] += "; where it had released MmPfnLock without a page, memory became short"
    else:
        bench.model.fault(vpn, True)
    wanted = NO_MEMORY if gone else 0x111
    bench.equal(f"it returns {status(wanted)}", f"it returns {status(registers['eax'])}", "fault-memory")
    bench.end_direct()
    guest.u32(guest.sym("MiMemoryThresholds"), 0)
    bench.compare(vpn)


def _attempt(bench: Bench, routine: str, vpn: int, protection: int, wanted: int) -> None:
    """A routine of a kind, called directly; the model follows where it succeeds."""
    if wanted < 0x8000_0000 and wanted:
        bench.model.fault(vpn, True)
    place, registers = bench.direct(routine, vpn, protection)
    bench.equal(f"it returns {status(wanted)}", f"it returns {status(registers['eax'])}", "fault-memory")
    bench.end_direct()
    bench.compare(vpn)


# -- soft faults -------------------------------------------------------------------------------------------------------
@test("2.6", points=2, title="a page that left the working set comes back: same frame, same bytes, nothing forgotten",
      features=FEATURES + ("PFN-04", "PFN-05", "PFN-06"), limit=LIMIT)
def soft_faults(t):
    bench = Bench(t)
    ranges = [bench.allocate(4, protection) for protection in _shuffled(t, (READ_WRITE, EXECUTE_READ_WRITE, READ_ONLY))]
    pages = [vpn for one in ranges for vpn in range(one.first, one.last + 1)]
    writable = [vpn for one in ranges if one.protection != READ_ONLY for vpn in range(one.first, one.last + 1)]
    for vpn in _shuffled(t, pages):
        bench.fault(vpn, vpn in writable)
        if vpn in writable:
            bench.write(vpn)
    for _ in range(2):
        bench.trim()
        clean, busy = t.rng.sample(pages, 4), t.rng.sample(pages, 4)
        for vpn in clean:
            if bench.model.pages[vpn].modified:
                bench.written(vpn)
        for vpn in busy:
            bench.hold(vpn)
        bench.compare()
        for vpn in _shuffled(t, pages):
            bench.fault(vpn, vpn in writable and t.rng.random() < 0.5)
            if vpn in writable and t.rng.random() < 0.5:
                bench.write(vpn)
        for vpn in busy:
            bench.release(vpn)
        bench.compare()


@test("2.6", points=1, title="a page that was taken meanwhile, is being read, or could not be read", features=FEATURES + ("ERR-10",), limit=LIMIT)
def soft_fault_meets_others(t):
    bench, guest = Bench(t), t.guest
    one = bench.allocate(3)
    taken, reading, failed = _shuffled(t, range(one.first, one.last + 1))
    for vpn in (taken, reading, failed):
        bench.fault(vpn, True)
        bench.write(vpn)
    bench.trim()
    _taken_meanwhile(bench, taken)
    _being_read(bench, reading)
    _read_for_another(bench, reading)
    bench.hold(failed)
    u4, u1 = bench.element(bench.model.pages[failed].frame) + 20, bench.element(bench.model.pages[failed].frame)
    guest.u32(u4, guest.u32(u4) | 1 << 25)
    guest.u32(u1, DEVICE_ERROR)
    _, registers = bench.direct("MiResolveTransitionFault", failed, READ_WRITE)
    bench.equal(f"it returns {status(DEVICE_ERROR)}", f"it returns {status(registers['eax'])}", "fault-error")
    bench.end_direct()
    bench.compare()


def _taken_meanwhile(bench: Bench, vpn: int) -> None:
    """Before the routine has MmPfnLock the page goes from the standby list to another use."""
    guest = bench.guest
    bench.written(vpn)
    place, registers = bench.direct("MiResolveTransitionFault", vpn, READ_WRITE, stops=("KeAcquireQueuedSpinLock",))
    while place and registers["ecx"] & 0xFF != PFN_LOCK_NUMBER:
        place, registers = guest.go_on(("KeAcquireQueuedSpinLock",))
    bench.t.check(bool(place), asked=bench.asked(), expected="MmPfnLock is acquired", seen="it returns without it", hint=bench.hint("fault-taken"))
    call = guest.left()
    bench.take_standby()
    _, registers = guest.go_on((), call=call)
    bench.done[-1] += "; before MmPfnLock was acquired the page was taken for another use, and the entry restored"
    bench.equal(f"it returns {status(RETRY)}", f"it returns {status(registers['eax'])}", "fault-taken")
    bench.end_direct()
    bench.compare()
    bench.fault(vpn, True)


def _read_for_another(bench: Bench, vpn: int) -> None:
    """The page's read runs.  Wherever the routine has released MmPfnLock without having joined it, this read ends, the page is taken for another
    use, and its frame is being read for another page: whose read that is concerns nobody here."""
    guest = bench.guest
    bench.written(vpn)
    frame = bench.model.pages[vpn].frame
    bench.hold(vpn)
    bench.reads(frame, True)
    gone = False
    stops = ("MiJoinPageRead", "KeReleaseQueuedSpinLock")
    place, registers = bench.direct("MiResolveTransitionFault", vpn, READ_WRITE, stops=stops)
    while place and place != "MiJoinPageRead":
        if registers["ecx"] & 0xFF == PFN_LOCK_NUMBER and not gone:
            call = guest.left()
            bench.reads(frame, False)
            bench.release(vpn)
            bench.take_standby()
            bench.reads(frame, True)
            gone = True
            bench.done[-1] += "; where it had released MmPfnLock without having joined the page's read, this ended, and the frame was being read for another page"
            place, registers = guest.go_on(stops, call=call)
        else:
            place, registers = guest.go_on(stops)
    seen = f"{place} is called" if place else f"it returns {status(registers['eax'])}"
    if gone:
        bench.equal(f"it returns {status(RETRY)}", seen, "fault-joined")
    else:
        bench.equal("MiJoinPageRead is called", seen, "fault-reading")
        esp, read = registers["esp"], guest.alloc(32)
        _, registers = guest.go_on(("MiWaitForPageRead",), eip=guest.u32(esp), esp=esp + 4, eax=read)
        esp = registers["esp"]
        guest.go_on((), eip=guest.u32(esp), esp=esp + 4, eax=RETRY)
        bench.release(vpn)
    bench.end_direct()
    bench.reads(frame, False)
    bench.compare()


def _being_read(bench: Bench, vpn: int) -> None:
    """The page's read runs: the routine joins it and waits for it, without the lock and without an entry of the working set."""
    guest, page = bench.guest, bench.model.pages[vpn]
    bench.hold(vpn)
    bench.reads(page.frame, True)
    answer = bench.t.rng.choice((RETRY, DEVICE_ERROR))
    place, registers = bench.direct("MiResolveTransitionFault", vpn, READ_WRITE, stops=("MiJoinPageRead", "MiWaitForPageRead"))
    bench.equal("MiJoinPageRead is called", f"{place or 'nothing'} is called" if place else f"it returns {status(registers['eax'])}", "fault-reading")
    esp = registers["esp"]
    bench.equal(f"MiJoinPageRead of the frame at {bench.element(page.frame):#x}", f"MiJoinPageRead of the frame at {guest.u32(esp + 4):#x}", "fault-reading")
    bench.equal("IRQL 2: MmPfnLock is held", f"IRQL {guest.get(guest.pcr(), 'KPCR.Irql')}: MmPfnLock is {'held' if _locked(bench) else 'free'}", "fault-reading")
    read = bench.guest.alloc(32)
    place, registers = guest.go_on(("MiJoinPageRead", "MiWaitForPageRead"), eip=guest.u32(esp), esp=esp + 4, eax=read)
    bench.equal("MiWaitForPageRead is called", f"{place or 'nothing'} is called" if place else f"it returns {status(registers['eax'])}", "fault-reading")
    esp = registers["esp"]
    bench.equal(f"MiWaitForPageRead(fault, {read:#x})",
                f"MiWaitForPageRead({'fault' if guest.u32(esp + 4) == bench.fault_address else 'another'}, {guest.u32(esp + 8):#x})", "fault-reading")
    bench.equal("IRQL 1: MmPfnLock is free", f"IRQL {guest.get(guest.pcr(), 'KPCR.Irql')}: MmPfnLock is {'held' if _locked(bench) else 'free'}", "fault-reading")
    bench.compare()
    _, registers = guest.go_on((), eip=guest.u32(esp), esp=esp + 4, eax=answer)
    bench.equal(f"it returns {status(answer)}", f"it returns {status(registers['eax'])}", "fault-reading")
    bench.end_direct()
    bench.reads(page.frame, False)
    bench.release(vpn)
    bench.compare()


def _locked(bench: Bench) -> bool:
    return bool(bench.guest.u32(bench.guest.sym("KiQueuedSpinLock") + 4 * PFN_LOCK_NUMBER))


# -- guard pages -------------------------------------------------------------------------------------------------------
@test("2.6", points=1, title="a guard page tells once, and keeps what it has", features=FEATURES + ("POL-06",), limit=LIMIT)
def guard_tells_once(t):
    bench = Bench(t)
    fresh = bench.allocate(5, t.rng.choice((READ_WRITE, EXECUTE_READ_WRITE)), guard=True)
    read_only = bench.allocate(2, READ_ONLY, guard=True)
    part = bench.allocate(6, READ_WRITE, committed=False)
    bench.commit(part.first + 1, 2, READ_WRITE, guard=True)
    used = bench.allocate(4)
    for vpn in range(used.first, used.last + 1):
        bench.fault(vpn, True)
        bench.write(vpn)
    for vpn in range(used.first, used.first + 3):
        bench.guarded(vpn)
    bench.compare()
    view = bench.view(3)
    bench.protect(view.first + 1, PAGE[READ_WRITE] | PAGE_GUARD)
    bench.model.pages[view.first + 1].pte = lookup(READ_WRITE | GUARDED)
    out = fresh.first + 2  # the host says so: a page of a page file's
    bench.fault(fresh.first)  # there is a page table
    bench.fault(out)
    away = page_file(t.rng.randrange(16), t.rng.randrange(1, 1 << 20), EXECUTE_READ | GUARDED)
    bench.set_pte(out, away)
    bench.model.pages[out].pte = away
    for vpn in _shuffled(t, (view.first + 1, out)):
        bench.fault(vpn)
    pages = [vpn for one in (fresh, part, used) for vpn in range(one.first, one.last + 1) if vpn != out]
    bench.fault(read_only.first, True)  # a violation, and the guard stays
    bench.fault(read_only.first)
    for vpn in _shuffled(t, pages):
        for _ in range(t.rng.randint(1, 3)):
            bench.fault(vpn, t.rng.random() < 0.5)


@test("2.6", points=1, title="a stack grows page by page to its last page but one, and is charged for it", features=FEATURES + ("POL-06",), limit=LIMIT)
def stack_grows(t):
    bench = Bench(t)
    stack = bench.user_stack(t.rng.randint(7, 10), t.rng.randint(1, 2))
    for vpn in range(stack.last, stack.first - 1, -1):
        for write in _shuffled(t, (True, True, False)):
            bench.fault(vpn, write)
    other = bench.user_stack(8, 2)
    bench.commit(other.last - 3, 1, READ_WRITE)  # the page below the guard is committed already
    guest = t.guest
    for vpn in range(other.last, other.last - 4, -1):
        bench.fault(vpn, True)
        bench.fault(vpn, True)
    third = bench.user_stack(9, 1)
    guest.set(bench.space, "MM_ADDRESS_SPACE.CommitChargeLimit", bench.model.charge)
    bench.fault(third.last - 1, True, charged=False)
    bench.fault(third.last - 1, True)
    bench.fault(third.last - 2, True)
    _grows_into_a_table(bench)


def _grows_into_a_table(bench: Bench) -> None:
    """The next guard page is in a page table that does not exist yet, and there is no charge for that page."""
    guest, border = bench.guest, bench.t.rng.randint(2, 9) << 10  # the first page of a page table
    guest.set(bench.space, "MM_ADDRESS_SPACE.CommitChargeLimit", 0)
    bench.reserve_up_to(border - 16)
    stack = bench.user_stack(16 + 3, 2)
    bench.t.infra(stack.first == border - 16, f"the stack's range begins at page {border - 16:#x}")
    bench.fault(stack.last, True)
    guest.set(bench.space, "MM_ADDRESS_SPACE.CommitChargeLimit", bench.model.charge)
    bench.fault(border, True, charged=False)
    where = f"for pages {border - 1024:#x} to {border - 1:#x}, whose entries all are 0"
    bench.equal(f"no page table {where}", f"{'a' if bench.has_table(border - 1) else 'no'} page table {where}", "fault-table")
    bench.fault(border, True)


@test("2.6", points=2, title="300 random faults, trims and uses of pages keep tables, frames, working set and bytes", features=FEATURES + ("PFN-03", "PFN-06"),
      limit=120_000_000)
def faults_random(t):
    bench = Bench(t)
    if t.rng.random() < 0.5:
        bench.without_zeroed_pages(96)
    for _ in range(3):
        bench.allocate(t.rng.randint(2, 6), t.rng.choice(PROTECTIONS), guard=t.rng.random() < 0.4)
    part = bench.allocate(8, READ_ONLY, committed=False)
    bench.commit(part.first + t.rng.randrange(3), 4, READ_WRITE, guard=t.rng.random() < 0.5)
    bench.user_stack(t.rng.randint(5, 9), t.rng.randint(1, 2))
    model = bench.model
    for _ in range(300):
        vpn = t.rng.choice(list(model.pages))
        page = model.pages[vpn]
        what = t.rng.random()
        if what < 0.04:
            bench.trim()
        elif what < 0.25 and page.resident and page.protection & 7 in (READ_WRITE, EXECUTE_READ_WRITE):
            bench.write(vpn)
        elif what < 0.30 and page.resident:
            bench.guarded(vpn)
        elif what < 0.40 and form(page.pte) == "transition" and page.modified and not page.held:
            bench.written(vpn)
        elif what < 0.45 and form(page.pte) == "transition" and not page.held:
            bench.hold(vpn)
        elif what < 0.55 and page.held:
            bench.release(vpn)
        else:
            bench.fault(vpn, t.rng.random() < 0.5)


# -- several threads ---------------------------------------------------------------------------------------------------
@test("2.6", points=1, title="two processors: threads use the same pages while these are trimmed", features=FEATURES + ("PFN-03", "PFN-06"),
      limit=400_000_000, machine=Machine(processors=2))
def faults_together(t):
    Crowd(t, 2).judge()


@test("2.6", points=1, title="four processors: threads use the same pages while these are trimmed", features=FEATURES + ("PFN-03", "PFN-06"),
      limit=600_000_000, machine=Machine(processors=4))
def faults_in_a_crowd(t):
    Crowd(t, 4).judge()


# -- every order of steps ----------------------------------------------------------------------------------------------
ROUTINES = (*TAKES, "MiIncrementReferenceCount", "MiDecrementReferenceCount")  # races_faults.cpp: OWN_ROUTINE


@test("2.6", points=1, title="no order of steps gives a frame twice, loses a byte, or tells of a guard twice", features=FEATURES + ("PFN-05", "POL-06"),
      limit=4_000_000_000, explore=True)
def race_faults(t):
    hint = t.hint("fault-races", f"This must hold under every schedule; see in the timeline whether it is what broke. {HINTS['fault-races']}")
    parameters = [t.guest.sym(name) for name in ROUTINES]
    for scenario, budget in (("FaultsOfTwoProcessesAreCounted", 3 * BUDGET), ("GuardPageTellsOne", BUDGET), ("FreshPageHasOneFrame", BUDGET),
                             ("StandbyPageIsUsedOrTaken", BUDGET)):
        t.explore(scenario, budget=budget, parameters=parameters, expected="no order of steps breaks it", hint=hint)


def _shuffled(t, values):
    values = list(values)
    t.rng.shuffle(values)
    return values
