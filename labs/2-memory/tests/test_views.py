"""2.7: pages of sections in two processes, their copies, and what trims and unmapped views leave."""

from __future__ import annotations

from grader.api import Hint, test

from .faultbench import VPN, Bench
from .faultmodel import EXECUTE_WRITE_COPY, NO_MEMORY, READ_ONLY, READ_WRITE, RETRY, VALID, WRITE_COPY, status
from .viewbench import HINTS, Views

FEATURES = ("MEM-05", "POL-08")
BOOT = Hint("view-call", HINTS["view-call"])
LIMIT = 60_000_000
FLUSH, UNSHARE = "KeFlushSingleTb", "MiDecrementShareCount"


@test("2.7", points=1, title="two processes share the pages of a section, each as its view allows", features=FEATURES, limit=LIMIT)
def pages_are_shared(t):
    views = Views(t, Bench(t), 8, tuple(_shuffled(t, (READ_WRITE, READ_ONLY))))
    writer = next(number for number, process in enumerate(views.processes) if process.protection == READ_WRITE)
    for page in t.rng.sample(range(8), 2):
        views.protect(writer, page, READ_ONLY)
    for number, page in _shuffled(t, [(number, page) for number in (0, 1) for page in range(8)]):
        write = t.rng.random() < 0.5
        views.fault(number, page, write)
        one = views.processes[number].pages[page]
        if one.protection == READ_WRITE and one.state == "shared" and t.rng.random() < 0.5:
            views.write(number, page)
            views.compare()
    for number in (0, 1):
        for page in t.rng.sample(range(8), 4):
            views.fault(number, page, t.rng.random() < 0.5)


@test("2.7", points=1, title="a shared page is zeros at first, whatever its frame held", features=FEATURES, limit=LIMIT)
def fresh_shared_pages_are_zeros(t):
    bench = Bench(t)
    bench.without_zeroed_pages()
    views = Views(t, bench, 6, (READ_WRITE, WRITE_COPY))
    for page in range(6):
        views.fault(t.rng.randrange(2), page, t.rng.random() < 0.5)


@test("2.7", points=1, title="the last share gives the page up, and a later fault brings it back", features=FEATURES + ("PFN-05", "PFN-06"), limit=LIMIT)
def shares_come_and_go(t):
    views = Views(t, Bench(t), 6, (READ_WRITE, READ_WRITE))
    for _ in range(2):
        for number, page in _shuffled(t, [(number, page) for number in (0, 1) for page in range(6)]):
            views.fault(number, page, True)
            if t.rng.random() < 0.4:
                views.write(number, page)
        held = t.rng.sample(range(6), 2)
        for page in held:
            views.hold(page)
        for number in _shuffled(t, (0, 1)):
            views.trim(number)
        for page in t.rng.sample(range(6), 4):
            views.fault(t.rng.randrange(2), page, False)
        for page in held:
            views.hold(page, -1)
        views.compare()
    views.fault(0, 0, False)
    views.fault(1, 0, False)
    views.unmap(1)
    views.unmap(0)


@test("2.7", points=2, title="a write to a copy-on-write page makes a copy, and nobody else sees it", features=FEATURES + ("POL-09", ), limit=LIMIT)
def writes_make_copies(t):
    views = Views(t, Bench(t), 8, tuple(_shuffled(t, (READ_WRITE, EXECUTE_WRITE_COPY))))
    copier = next(number for number, process in enumerate(views.processes) if process.protection == EXECUTE_WRITE_COPY)
    other = 1 - copier
    for page in t.rng.sample(range(8), 5):
        views.fault(other, page, True)
        views.write(other, page)
    for page in _shuffled(t, range(8)):
        if t.rng.random() < 0.5:
            views.fault(copier, page, False)  # it is shared first
        views.fault(copier, page, True)
        views.write(copier, page)
        if t.rng.random() < 0.5:
            views.fault(other, page, True)
            views.write(other, page)
        views.compare()
    for number in _shuffled(t, (0, 1)):
        views.trim(number)
    views.unmap(copier)


@test("2.7", points=1, title="the copy is whole before an entry leads to it, and the shared page goes after all processors have forgotten it",
      features=FEATURES + ("POL-09", ), limit=LIMIT)
def copies_in_order(t):
    bench = Bench(t)
    views = Views(t, bench, 4, (WRITE_COPY, READ_WRITE))
    for page in range(4):
        views.fault(1, page, True)
        views.write(1, page)
        views.fault(0, page, False)
    late = []

    def look(_eip: int) -> None:
        pte = views.pte(0, page)
        if pte & VALID and pte >> 12 != views.pages[page].frame and not seen:
            seen.append(pte)
            if t.guest.space.ram.read(pte >> 12 << 12, 4096) != views.pages[page].bytes:
                late.append(pte >> 12)

    def about_to_copy(frame: int) -> None:
        """The entry may have been written at another address of its page table, where nobody watches."""
        copied.append(frame)
        look(0)

    for page in (0, 1):
        seen, copied = [], []
        with t.guest.watching([(bench.pte_address(views.processes[0].first + page), 4)], look):
            views.fault(0, page, True, copies=about_to_copy)
        frame = views.pte(0, page) >> 12
        if not seen and frame not in copied:
            late.append(frame)
        t.check(not late, asked=views.asked(), expected="the bytes of the shared page in the copy when the entry leads to it",
                seen=f"frame {late[0] if late else 0:#x} has others", hint=views.hint("view-copy-late"))
    for page in (2, 3):
        _flushed_in_time(views, page)


def _flushed_in_time(views: Views, page: int) -> None:
    """The routine itself, called as MmAccessFault calls it: what it calls, in order."""
    guest, bench, t = views.guest, views.bench, views.t
    process, shared = views.processes[0], views.pages[page].frame
    vpn = process.first + page
    views.attach(0)
    wanted = views.expect(0, page, True)
    views.say(f"MiResolveCopyOnWriteFault, {views.name(0, page)}")
    flushed = False
    place, registers = bench.direct("MiResolveCopyOnWriteFault", vpn, WRITE_COPY, stops=(FLUSH, UNSHARE))
    while place:
        first, second = guest.u32(registers["esp"] + 4), guest.u32(registers["esp"] + 8)
        if place == FLUSH and first >> VPN == vpn and second & 0xFF and views.pte(0, page) >> 12 != shared:
            flushed = True
        if place == UNSHARE and first == shared and not flushed:
            views.fail("KeFlushSingleTb of the address on all processors, after the entry has changed and before the shared page loses its share",
                       "the share goes first", "view-flush")
        place, registers = guest.go_on((FLUSH, UNSHARE))
    views.equal(f"it returns {status(wanted)}", f"it returns {status(registers['eax'])}", "view-status")
    bench.end_direct()
    views.learn(0, page)
    views.compare()


@test("2.7", points=1, title="without a page nothing has changed; a page that is being read is waited for", features=FEATURES + ("MEM-07",), limit=LIMIT)
def views_meet_others(t):
    bench, guest = Bench(t), t.guest
    views = Views(t, bench, 4, (WRITE_COPY, READ_WRITE))
    views.fault(0, 0, False)
    views.fault(1, 2, True)
    views.trim(1)
    minimum = guest.sym("MiMemoryThresholds")
    guest.u32(minimum, guest.u32(guest.sym("MmAvailablePages")) + 1)
    views.attach(0)
    for routine, page, write in _shuffled(t, [("MiResolveCopyOnWriteFault", 0, True), ("MiResolveProtoPteFault", 1, False)]):
        views.say(f"{routine}, {views.name(0, page)}, while no page may be taken")
        place, registers = bench.direct(routine, views.processes[0].first + page, WRITE_COPY, write)
        views.equal(f"it returns {status(NO_MEMORY)}", f"it returns {status(registers['eax'])}", "view-memory")
        bench.end_direct()
        views.compare()
    guest.u32(minimum, 0)
    views.fault(1, 3, True)
    views.attach(0)
    inside, words = views.inside(0), views.processes[0].list
    kept = inside.get(words, "MMWSL.FirstFree"), inside.get(words, "MMWSL.MaximumEntries")
    for name, value in (("FirstFree", 0xFFFFFFF), ("MaximumEntries", inside.get(words, "MMWSL.LastInitializedWsle") + 1)):
        inside.set(words, f"MMWSL.{name}", value)
    views.say(f"MiResolveProtoPteFault, {views.name(0, 3)}, while the working set has no room")
    _, registers = bench.direct("MiResolveProtoPteFault", views.processes[0].first + 3, WRITE_COPY, False)
    views.equal(f"it returns {status(NO_MEMORY)}", f"it returns {status(registers['eax'])}", "view-memory")
    bench.end_direct()
    views.compare()
    for name, value in zip(("FirstFree", "MaximumEntries"), kept):
        inside.set(words, f"MMWSL.{name}", value)
    views.hold(2)
    bits = bench.element(views.pages[2].frame) + 14
    guest.u16(bits, guest.u16(bits) | 2)
    views.say(f"MiResolveProtoPteFault, {views.name(0, 2)}, which is being read")
    place, registers = bench.direct("MiResolveProtoPteFault", views.processes[0].first + 2, WRITE_COPY, False, stops=("MiJoinPageRead", "MiWaitForPageRead"))
    views.equal("MiJoinPageRead is called", f"{place or 'nothing'} is called", "view-call")
    esp, read = registers["esp"], guest.alloc(32)
    place, registers = guest.go_on(("MiJoinPageRead", "MiWaitForPageRead"), eip=guest.u32(esp), esp=esp + 4, eax=read)
    views.equal("MiWaitForPageRead is called", f"{place or 'nothing'} is called", "view-call")
    esp = registers["esp"]
    views.equal(f"with {read:#x}", f"with {guest.u32(esp + 8):#x}", "view-call")
    views.compare()
    _, registers = guest.go_on((), eip=guest.u32(esp), esp=esp + 4, eax=RETRY)
    views.equal(f"it returns {status(RETRY)}", f"it returns {status(registers['eax'])}", "view-status")
    bench.end_direct()
    guest.u16(bits, guest.u16(bits) & ~2)
    views.hold(2, -1)
    for page in range(4):
        views.fault(0, page, page % 2 == 0)


@test("2.7", points=1, title="200 random faults, writes and trims in two processes keep shares, copies and bytes", features=FEATURES + ("POL-09", ),
      limit=120_000_000)
def views_random(t):
    protections = t.rng.choice(((WRITE_COPY, READ_WRITE), (WRITE_COPY, WRITE_COPY), (READ_WRITE, WRITE_COPY)))
    views = Views(t, Bench(t), 10, protections)
    for _ in range(200):
        number, page = t.rng.randrange(2), t.rng.randrange(10)
        one, what = views.processes[number].pages[page], t.rng.random()
        if what < 0.03 and not any(each.state == "own" for each in views.processes[number].pages):
            views.trim(number)
        elif what < 0.3 and (one.state == "own" or one.state == "shared" and one.protection == READ_WRITE):
            views.write(number, page)
        else:
            views.fault(number, page, t.rng.random() < 0.4)
    for number in _shuffled(t, (0, 1)):
        views.unmap(number)


def _shuffled(t, values):
    values = list(values)
    t.rng.shuffle(values)
    return values
