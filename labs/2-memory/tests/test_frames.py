"""2.2: lists and states of page frames, by call injection on a database of the test's own, and in the running kernel."""

from __future__ import annotations

from grader.api import Hint, test

from .framebench import HINTS, PFN_TRANSITION, Bench
from .frames import (ACTIVE, AVAILABLE, FREE, MODIFIED, NO_WRITE, NONE, STANDBY, STATES, TRANSITION, ZEROED, demand_zero, in_page_file)
from .livepages import Database

FEATURES = ("PFN-01", "PFN-02")
BOOT = Hint("pfn-live", HINTS["pfn-live"])
LIMIT = 20_000_000
CLOCK = "KeUpdateSystemTime"
TICK = 100_000  # a clock interrupt at least, in units of 100 ns


@test("2.2", points=2, title="pages come to the end of a list and leave it from the front or from anywhere", stage="early",
      features=FEATURES, limit=LIMIT)
def lists_keep_order(t):
    bench = Bench(t)
    frames = _shuffled(t, bench.others())
    for number in (ZEROED, STANDBY, MODIFIED, NO_WRITE):
        some, frames = frames[:4], frames[4:]
        for frame in some:
            if number in (STANDBY, MODIFIED, NO_WRITE):
                _used(bench, frame, modified=number != STANDBY, no_write=number == NO_WRITE)
                bench.trim(frame)
            else:
                bench.insert(number, frame)
    for number in (ZEROED, MODIFIED, STANDBY):
        first, *middle, last = bench.model.lists[number]
        for frame in _shuffled(t, [first, middle[0], last]):
            bench.unlink(frame)
            bench.own(frame)
    for number in (NO_WRITE, MODIFIED):
        while bench.remove(number) != NONE:
            pass  # the pages stay in the hands of the test


@test("2.2", points=2, title="which page is taken for which need", stage="early", features=FEATURES, limit=LIMIT)
def page_for_each_need(t):
    bench = Bench(t)
    frames = _shuffled(t, bench.others())
    bench.fill(free=frames[:4], zeroed=frames[4:8], standby=frames[8:12], modified=frames[12:14])
    for take in _shuffled(t, [bench.take_any] * 2 + [bench.take_zeroed] * 2):
        bench.own(take())
    while bench.model.lists[FREE]:
        bench.own(bench.take_any())
    for take in (bench.take_any, bench.take_zeroed, bench.take_any, bench.take_zeroed):
        bench.own(take())
    while bench.model.available:
        bench.own(bench.take_zeroed())
    t.equal([NONE, NONE], [bench.take_any(), bench.take_zeroed()], "pages when none is available",
            t.hint("pfn-choice", HINTS["pfn-choice"]))
    bench = Bench(t)
    frames = _shuffled(t, bench.others())
    bench.fill(free=frames[:1], zeroed=frames[1:])  # the last free page is taken all the same
    bench.own(bench.take_any())
    bench = Bench(t)
    frames = _shuffled(t, bench.others())
    bench.fill(free=frames[:2], standby=frames[2:4])
    for _ in range(4):
        bench.own(bench.take_zeroed())


@test("2.2", points=2, title="a standby page that is taken leaves its PTE as it was before the page", stage="early", features=FEATURES,
      limit=LIMIT)
def standby_page_taken(t):
    bench = Bench(t)
    frames = _shuffled(t, bench.others())
    taken = _shuffled(t, [(True, False), (False, True), (True, True)])  # the first three: a prototype PTE, pages of an owner that writes them
    for frame, original in zip(frames[:6], (demand_zero(1), demand_zero(4), in_page_file(2, t.rng.randrange(1, 9999)),
                                            in_page_file(0, 7), demand_zero(6), in_page_file(15, 0xFFFFF, 2))):
        prototype, no_write = taken.pop() if taken else (False, False)
        bench.begin(frame, original=original, prototype=prototype, no_write=no_write)
        bench.trim(frame)
    for take in _shuffled(t, [bench.take_any, bench.take_zeroed, lambda: bench.remove(STANDBY)]):
        bench.own(take())
    frame = bench.model.lists[STANDBY][1]
    bench.unlink(frame)
    bench.restore(frame)
    bench.free(frame)
    bench = Bench(t)
    taken, deleted, *_ = _shuffled(t, bench.others())
    original = bench.section(2)
    for frame in (taken, deleted):
        bench.begin(frame, original=original, prototype=True)
        bench.trim(frame)
    bench.own(bench.take_any())
    t.equal(1, bench.of_section(), "pages of a file that its section counts, after one of two was taken", t.hint("pfn-section", HINTS["pfn-section"]))
    bench.delete(deleted)
    t.equal(0, bench.of_section(), "pages of a file that its section counts, after the last one was deleted", t.hint("pfn-section", HINTS["pfn-section"]))


@test("2.2", points=2, title="shares and references decide when a page leaves, and what it holds decides where to", stage="early",
      features=FEATURES, limit=LIMIT)
def shares_and_references(t):
    bench = Bench(t)
    frames = _shuffled(t, bench.others())
    for dirty, no_write, prototype in ((False, False, False), (True, False, False), (True, True, False), (False, True, True),
                                       (True, False, True)):
        frame = frames.pop()
        bench.begin(frame, prototype=prototype, no_write=no_write)
        shares = t.rng.randint(1, 3) if prototype else 0
        for _ in range(shares):
            bench.share(frame)
        for _ in range(shares):
            bench.trim(frame)
        held = t.rng.randint(1, 3)
        for _ in range(held):
            bench.reference(frame)
        bench.trim(frame, dirty=dirty)
        for _ in range(held):
            bench.dereference(frame)
    frame = frames.pop()
    bench.own(frame)
    bench.reference(frame)
    bench.dereference(frame)


@test("2.2", points=1, title="an I/O takes a page off its list and brings it back", stage="early", features=FEATURES, limit=LIMIT)
def reference_from_a_list(t):
    bench = Bench(t)
    frames = _shuffled(t, bench.others())
    bench.fill(standby=frames[:3], modified=frames[3:6], no_write=frames[6:9])
    for number in _shuffled(t, [STANDBY, MODIFIED, NO_WRITE]):
        frame = t.rng.choice(bench.model.lists[number])
        bench.reference(frame)
        bench.reference(frame)
        if number == MODIFIED:
            bench.flag(frame, "Modified", off=True)  # it was written
        bench.dereference(frame)
        bench.dereference(frame)


@test("2.2", points=2, title="a page comes back to its PTE from a list and from an I/O", stage="early", features=FEATURES, limit=LIMIT)
def soft_fault(t):
    bench = Bench(t)
    frames = _shuffled(t, bench.others())
    bench.fill(standby=frames[:3], modified=frames[3:6], no_write=frames[6:8])
    for frame in _shuffled(t, frames[:8]):
        held = t.rng.randrange(3)
        for _ in range(held):
            bench.reference(frame)
        bench.reactivate(frame)
        bench.trim(frame)
        for _ in range(held):
            bench.dereference(frame)


@test("2.2", points=2, title="a deleted page is free when nothing refers to it, and gives its place in the page file back", stage="early",
      features=FEATURES, limit=LIMIT)
def page_deleted(t):
    bench = Bench(t)
    frames = _shuffled(t, bench.others())
    for where in ("active", "standby", "modified", "active held", "transition", "own", "prototype"):
        frame = frames.pop()
        if where == "own":
            bench.own(frame)
            bench.delete(frame)
            continue
        original = in_page_file(t.rng.randrange(16), t.rng.randrange(1, 1 << 20)) if t.rng.random() < 0.7 else demand_zero()
        bench.begin(frame, original=original, prototype=where == "prototype", no_write=where == "prototype")
        held = t.rng.randint(1, 2) if where in ("active held", "transition") else 0
        for _ in range(held):
            bench.reference(frame)
        if where in ("standby", "modified", "transition"):
            bench.trim(frame, dirty=where == "modified")
        bench.delete(frame)
        for _ in range(held):
            bench.dereference(frame)


@test("2.2", points=1, title="what could not be read, and what is defective, is never given out again as it is", stage="early",
      features=FEATURES, limit=LIMIT)
def unreadable_and_bad(t):
    bench = Bench(t)
    frames = _shuffled(t, bench.others())
    for what in _shuffled(t, ["error", "error and modified", "bad", "bad and modified", "removed"]):
        frame = frames.pop()
        bench.begin(frame, original=in_page_file(1, 55), modified="modified" in what)
        bench.reference(frame)
        bench.trim(frame)
        if what.startswith("error"):
            bench.read_error(frame)
        elif what == "removed":
            bench.flag(frame, "RemovalRequested")
        else:
            bench.flag(frame, "ParityError")
        bench.dereference(frame)
        if bench.model.where(frame) in (STANDBY, MODIFIED):
            bench.delete(frame)


@test("2.2", points=1, title="the counter of available pages and its thresholds are told of every page", stage="early",
      features=FEATURES + ("PFN-14",), limit=LIMIT)
def thresholds_are_told(t):
    bench = Bench(t)
    guest, frames = t.guest, _shuffled(t, bench.others())
    bench.fill(free=frames[:6], standby=frames[6:9], modified=frames[9:12])
    low = bench.model.available - t.rng.randint(1, 4)
    thresholds = guest.sym("MiMemoryThresholds")
    for index, value in enumerate((1, low, 100, 5)):
        guest.u32(thresholds + 4 * index, value)
    names = {"memory is short": "MiLowMemoryEvent", "the working set manager is woken": "MmWorkingSetManagerEvent",
             "the modified page writer is woken": "MmModifiedPageWriterEvent"}
    for name in ("MiLowMemoryEvent", "MmWorkingSetManagerEvent", "MmModifiedPageWriterEvent", "MmAvailablePagesEvent", "MiHighMemoryEvent"):
        guest.call("KeInitializeEvent", guest.sym(name), 0, 0)

    def signaled(name: str) -> bool:
        return bool(guest.u32(guest.sym(names[name]) + guest.field("DISPATCHER_HEADER.SignalState")[0]))

    hint = t.hint("pfn-told", HINTS["pfn-told"])
    while bench.model.available >= low:
        t.equal(False, signaled("memory is short"), f"{bench.model.available} pages are available, {low} are low: is memory short?", hint)
        bench.own(bench.take_any())
    t.equal([True, True], [signaled("memory is short"), signaled("the working set manager is woken")],
            f"{bench.model.available} pages are available, {low} are low: is memory short, is the working set manager woken?", hint)
    frame = next(frame for frame in bench.others() if bench.model.pages[frame].state == ACTIVE)
    bench.delete(frame)
    t.equal(False, signaled("memory is short"), f"{bench.model.available} pages are available, {low} are low: is memory short?", hint)
    guest.call("KeInitializeEvent", guest.sym("MmModifiedPageWriterEvent"), 0, 0)
    for frame in frames[12:14]:
        _used(bench, frame, modified=True)
        bench.trim(frame)
    t.equal(True, signaled("the modified page writer is woken"), "5 modified pages, and 5 are to be written: is the writer woken?",
            t.hint("pfn-writer-told", HINTS["pfn-writer-told"]))


@test("2.2", points=2, title="250 random calls keep pages, lists and PTEs as the model has them, and each change of state is traced",
      stage="early", features=FEATURES, limit=60_000_000)
def pages_random(t):
    bench = Bench(t)
    frames = _shuffled(t, bench.others())
    bench.fill(free=frames[:8], zeroed=frames[8:12])
    for frame in frames[12:]:
        bench.own(frame)
        bench.delete(frame)
    for _ in range(250):
        before, states = t.guest.events(), {frame: page.state for frame, page in bench.model.pages.items()}
        bench.moves.clear()
        _step(t, bench)
        _traced(t, bench, states, before)


def _step(t, bench: Bench) -> None:
    """One random call that is right for the page that it is about."""
    rng, model = t.rng, bench.model
    kind = rng.choices(("fault", "trim", "soft", "hold", "release", "delete", "share"), (5, 4, 3, 3, 4, 2, 1))[0]
    frames = [frame for frame in bench.others() if model.pages[frame].pte is not None]
    here = {
        "trim": [frame for frame in frames if model.pages[frame].state == ACTIVE],
        "soft": [frame for frame in frames if model.pages[frame].state != ACTIVE and "PteDeleted" not in model.pages[frame].flags],
        "hold": [frame for frame in frames if model.pages[frame].references < 4],
        "release": [frame for frame in frames if model.pages[frame].references > (model.pages[frame].shares > 0)],
        "delete": [frame for frame in frames if model.pages[frame].shares <= 1 and "PteDeleted" not in model.pages[frame].flags],
        "share": [frame for frame in frames if model.pages[frame].state == ACTIVE and "PrototypePte" in model.pages[frame].flags],
    }.get(kind, [])
    if kind == "fault":
        frame = rng.choice((bench.take_any, bench.take_zeroed))()
        if frame != NONE:
            bench.begin(frame, modified=rng.random() < 0.4, prototype=rng.random() < 0.3, no_write=rng.random() < 0.25,
                        original=in_page_file(rng.randrange(16), rng.randrange(1, 1 << 20)) if rng.random() < 0.4 else None)
    elif here:
        frame = rng.choice(here)
        {"trim": lambda: bench.trim(frame, dirty=rng.random() < 0.4), "soft": lambda: bench.reactivate(frame),
         "hold": lambda: bench.reference(frame), "release": lambda: bench.dereference(frame), "delete": lambda: bench.delete(frame),
         "share": lambda: bench.share(frame)}[kind]()


def _traced(t, bench: Bench, states: "dict[int, int]", before) -> None:
    """The events of the ring lead from each page's state before a call to its state behind it, and MiSetPageLocation wrote each of them."""
    last = before[-1].sequence if before else 0
    seen = [(one.arguments[0], one.arguments[1] & 0xFF, one.arguments[1] >> 8) for one in t.guest.events()
            if one.sequence > last and one.event == PFN_TRANSITION]
    now = dict(states)
    hint = t.hint("pfn-untraced", HINTS["pfn-untraced"])
    for frame, old, new in seen:
        t.check(now.get(frame) == old, asked=f"{bench.done[-1]}: the page transitions in the event ring",
                expected=f"page {frame:#x} leaves {STATES[now.get(frame, FREE)]}", seen=_moves(seen), hint=hint)
        now[frame] = new
    for frame, page in bench.model.pages.items():
        t.check(now[frame] == page.state, asked=f"{bench.done[-1]}: the page transitions in the event ring",
                expected=f"page {frame:#x} {STATES[states[frame]]} to {STATES[page.state]}", seen=_moves(seen), hint=hint)
    t.check(bench.moves == seen, asked=f"{bench.done[-1]}: the calls of MiSetPageLocation", expected=_moves(seen), seen=_moves(bench.moves), hint=hint)


def _moves(moves) -> str:
    return "; ".join(f"page {frame:#x} {STATES[old & 7]} to {STATES[new & 7]}" for frame, old, new in moves) or "none"


@test("2.2", points=1, title="in the running kernel the database is whole at any clock interrupt, and zeroed pages are zeros", stage="ready",
      features=FEATURES + ("PFN-18",), limit=150_000_000)
def database_in_live_kernel(t):
    """The kernel takes and gives back pages for pool; the machine stops in clock interrupts that the guest cannot tell from others."""
    guest = t.guest
    hint = t.hint("pfn-live", HINTS["pfn-live"])
    t.asking("pages are taken for non-paged pool and given back", hint)
    interval = guest.alloc(8)
    blocks, looks = [], 0
    for _ in range(6):
        guest.u64(interval, -t.rng.randint(1, 4) * TICK)
        for _ in range(12):
            if blocks and t.rng.random() < 0.45:
                guest.call("ExFreePool", blocks.pop(t.rng.randrange(len(blocks))))
            else:
                block = guest.call("ExAllocatePoolWithTag", 0, 4096 * t.rng.randint(1, 40), 0x6C62614C)
                t.check(block != 0, expected="memory", seen="none", hint=hint)
                blocks.append(block)
        Database.read(guest).judge(t, hint)
        place, _ = guest.call_or_stop("KeDelayExecutionThread", 0, 0, interval, stops=(CLOCK,))
        while place:  # other threads run meanwhile, and the zero page thread is one of them
            database = Database.read(guest)
            if not database.locked:
                looks += 1
                database.judge(t, hint)
            place, _ = guest.go_on((CLOCK,))
    t.check(looks > 3, expected="clock interrupts at which the lock is free", seen=f"{looks} of them", hint=hint)


def _used(bench: Bench, frame: int, modified: bool = False, no_write: bool = False) -> None:
    bench.begin(frame, modified=modified, no_write=no_write)


def _shuffled(t, values):
    values = list(values)
    t.rng.shuffle(values)
    return values
