"""2.5: the tree of ranges, and reserving, committing, decommitting and releasing (kernel/ntos/mm/vad)."""

from __future__ import annotations

from grader.api import Hint, test

from .livepages import Database
from .rangebench import HINTS, RangeBench, pages
from .ranges import MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE, NO_RESOURCES, PAGE, PROTECTIONS, QUOTA, SUCCESS
from .rangetree import RangeTree
from .treebench import STEP, TreeBench, shapes, thin

TREE, SERVICES = ("POL-06",), ("POL-06", "PFN-15")
LIMIT = 80_000_000
BOOT = Hint("vad-call", HINTS["vad-call"])


@test("2.5", points=2, title="a range comes into every balanced tree of up to seven ranges, at every place", stage="early", features=TREE, limit=LIMIT)
def range_inserted(t):
    bench = TreeBench(t)
    for count in range(8):
        for shape in shapes(count):
            for place in range(count + 1):
                bench.lay(shape)
                start = sorted(bench.ranges.values())[place][0] - 1 if place < count else STEP * (count + 1) + 8
                bench.insert(start, start)


@test("2.5", points=2, title="every range leaves every balanced tree of up to seven ranges", stage="early", features=TREE, limit=LIMIT)
def range_removed(t):
    bench = TreeBench(t)
    for count in range(1, 8):
        for shape in shapes(count):
            for place in range(count):
                bench.lay(shape)
                bench.remove(sorted(bench.ranges, key=lambda node: bench.ranges[node])[place])


@test("2.5", points=1, title="a removal is repaired up to the root", stage="early", features=TREE, limit=LIMIT)
def removal_goes_up(t):
    bench = TreeBench(t)
    for levels, low_left in ((5, True), (5, False), (6, True), (6, False)):
        shape = thin(levels, low_left)
        bench.lay(shape)
        for place in range(len(bench.ranges)):
            bench.lay(shape)
            bench.remove(sorted(bench.ranges, key=lambda node: bench.ranges[node])[place])


@test("2.5", points=1, title="300 random insertions and removals keep the tree", stage="early", features=TREE, limit=LIMIT)
def tree_random(t):
    bench, rng = TreeBench(t), t.rng
    rising = rng.random() < 0.5
    for number in range(30):
        vpn = 10 * (number if rising else 200 - number)
        bench.insert(vpn, vpn + rng.randrange(10))
    for _ in range(300):
        if bench.ranges and rng.random() < (0.3 if len(bench.ranges) < 45 else 0.7):
            bench.remove(rng.choice(list(bench.ranges)))
        else:
            taken = {start // 10 for start, _ in bench.ranges.values()}
            vpn = 10 * rng.choice([one for one in range(300) if one not in taken])
            bench.insert(vpn, vpn + rng.randrange(10))


@test("2.5", points=2, title="a range is reserved, or committed as it is made", stage="ready", features=SERVICES, limit=LIMIT)
def range_reserved(t):
    bench, rng = RangeBench(t), t.rng
    places = [0x10 * number for number in range(1, 0x1F0)]
    rng.shuffle(places)
    for commit in (False, True, False, True, True):
        first = places.pop()
        bench.reserve(*pages(first, rng.randint(1, 0x10)), protection=rng.choice(list(PROTECTIONS)), commit=commit)
    bench.table_limit(0)
    bench.reserve(*pages(0x2000 - 0x10, 0x10), commit=True)  # no page table is needed
    bench.charge_limit(3)
    bench.reserve(*pages(places.pop(), 3), commit=True)
    bench.reserve(*pages(places.pop(), 0x10))  # a reservation costs nothing


@test("2.5", points=2, title="pages of a range are committed, once, with a protection of their own", stage="ready", features=SERVICES, limit=LIMIT)
def pages_committed(t):
    bench, rng = RangeBench(t), t.rng
    edge = 0x400 * rng.randint(1, 5)  # where a page table ends
    first, last = edge - 0x20, edge + 0x1F
    bench.reserve(first, last, protection=4)
    bench.commit(*pages(edge - 2, 4), protection=4)
    bench.commit(*pages(edge - 6, 3), protection=1)
    for vpn in (edge - 1, edge, edge - 6):
        bench.touch(vpn)
    bench.commit(*pages(edge - 8, 12), protection=4)  # some are committed, some used, some with another protection
    bench.commit(*pages(edge - 4, 8), protection=6)
    bench.commit(first, last, protection=4)
    bench.commit(first, last, protection=4)
    bench.reserve(*pages(0x1F00, 0x10), protection=3, commit=True)
    bench.touch(0x1F03)
    bench.commit(*pages(0x1F02, 4), protection=1)  # two kinds in a range that is committed
    bench.commit(*pages(0x1F02, 2), protection=3)  # and back to what the range says
    bench.reserve(*pages(0x1A00, 0x10), protection=4, commit=True)
    bench.commit(*pages(0x1A02, 4), protection=1)
    bench.commit(*pages(0x1A02, 4), protection=4)  # no entry is needed any more
    bench.reserve(*pages(0x1E00, 0x10), protection=3)
    bench.commit(*pages(0x1E00, 0x10), protection=24)
    bench.reserve(*pages(0x1D00, 0x10), protection=4)
    bench.commit(*pages(0x1D00, 0x10), protection=4)


@test("2.5", points=2, title="pages are decommitted: what they hold and their charge are given back, the range stays", stage="ready",
      features=SERVICES, limit=LIMIT)
def pages_decommitted(t):
    bench, rng = RangeBench(t), t.rng
    edge = 0x400 * rng.randint(1, 6)
    for first, last, commit in ((edge - 0x10, edge + 0xF, True), (edge + 0x20, edge + 0x3F, False)):
        bench.reserve(first, last, commit=commit)
        if not commit:
            bench.commit(*pages(first + 4, 0x10), protection=1)
        middle = first + 0xE
        for vpn in (middle - 1, middle, middle + 3):
            bench.touch(vpn)
        bench.decommit(*pages(middle, 5))
        bench.decommit(*pages(middle - 2, 4))  # two of them are reserved already
        bench.commit(*pages(middle, 2), protection=4)  # and the first page of each is new
        bench.touch(middle)
        bench.decommit(first, last)
        bench.decommit(first, last)
        bench.commit(*pages(first + 1, 3))
    bench.reserve(*pages(0x1F00, 0x20), commit=True)
    bench.touch(0x1F07)
    bench.decommit(*pages(0x1F00, 0x10))
    bench.decommit(*pages(0x1F10, 0x10))  # all of them, in two calls
    bench.reserve(*pages(0x1F40, 0x10), commit=True)
    bench.decommit(*pages(0x1F44, 4))
    bench.commit(*pages(0x1F40, 0x10))  # all of the range, whose own protection it is: no mark stays
    bench.touch(0x1F45)


@test("2.5", points=2, title="a range is released: all of it, its start, its end, or its middle", stage="ready", features=SERVICES, limit=LIMIT)
def ranges_released(t):
    bench, rng = RangeBench(t), t.rng
    edge = 0x400 * rng.randint(1, 6)
    for commit in (True, False):
        for part in ("start", "end", "middle", "all"):
            first = edge - 0x10 * rng.randint(1, 2)
            last = edge + rng.randint(0x10, 0x20)
            bench.reserve(first, last, protection=rng.choice((1, 4)), commit=commit)
            if commit:
                bench.decommit(*pages(edge + 6, 2))
                bench.commit(*pages(edge - 9, 2), protection=6)
            else:
                bench.commit(*pages(edge - 9, 15), protection=6)
            if part == "middle":
                bench.mark(bench.model.of(first), 7)
            for vpn in (edge - 9, edge - 1, edge + 2, edge + 5):
                bench.touch(vpn)
            cut = {"start": (first, edge - 1), "end": (edge, last), "middle": (edge - 2, edge + 1), "all": (first, last)}[part]
            bench.release(*cut)
            for one in [one for one in bench.model.all if first <= one.first <= last]:
                bench.release(one.first, one.last)


@test("2.5", points=2, title="a call that fails has changed nothing", stage="ready", features=SERVICES, limit=LIMIT)
def failure_changes_nothing(t):
    bench, rng = RangeBench(t), t.rng
    edge = 0x400 * rng.randint(1, 6)
    first, last = edge - 0x10, edge + 0xF
    bench.reserve(first, last, commit=True, vad_fails=True, status=NO_RESOURCES)
    bench.charge_limit(0x1F)
    bench.reserve(first, last, commit=True, status=QUOTA)
    bench.reserve(first, last)
    bench.commit(first, last, status=QUOTA)
    bench.commit(*pages(edge - 4, 4))
    bench.touch(edge - 2)
    bench.charge_limit(5)
    bench.commit(*pages(edge - 6, 8 + 4), protection=1, status=QUOTA)
    bench.charge_limit(-1)
    bench.table_limit(0)
    bench.commit(*pages(edge - 6, 8), protection=1, status=NO_RESOURCES)  # the table behind the edge is missing
    bench.release(*pages(edge - 3, 2), vad_fails=True, status=NO_RESOURCES)
    bench.release(first, last)
    bench.table_limit(8)
    bench.reserve(first, last, commit=True)
    bench.table_limit(1)
    bench.decommit(*pages(edge - 3, 6), status=NO_RESOURCES)  # the first table can be made, the second cannot
    bench.commit(*pages(edge - 3, 6), protection=1, status=NO_RESOURCES)
    bench.table_limit(0)
    bench.decommit(*pages(edge - 3, 3), status=NO_RESOURCES)
    bench.decommit(first, last)  # all of it: that needs no page table
    bench.table_limit(8)
    bench.reserve(*pages(0x1F00, 8), commit=True)
    bench.touch(0x1F02)
    bench.release(*pages(0x1F02, 1), vad_fails=True, status=NO_RESOURCES)
    bench.table_limit(0)
    bench.release(*pages(0x1F00, 8))


@test("2.5", points=1, title="120 random calls keep ranges, entries and charges as the model has them", stage="ready", features=SERVICES, limit=LIMIT)
def ranges_random(t):
    bench, rng = RangeBench(t), t.rng
    for _ in range(120):
        if not bench.model.all or rng.random() < 0.25:
            _reserve_somewhere(bench)
            continue
        one = rng.choice(bench.model.all)
        start = rng.randint(one.first, one.last)
        part = (start, rng.randint(start, one.last)) if rng.random() < 0.8 else (one.first, one.last)
        kind = rng.choices(("commit", "decommit", "release", "touch"), (4, 3, 2, 3))[0]
        if kind == "commit":
            bench.commit(*part, protection=rng.choice((one.protection, *PROTECTIONS)))
        elif kind == "touch":
            for vpn in one.pages if len(one.pages) < 4 else rng.sample(sorted(one.pages), 4):
                bench.touch(vpn)
        else:
            getattr(bench, kind)(*part)


def _reserve_somewhere(bench: RangeBench) -> None:
    rng = bench.t.rng
    taken = {vpn >> 4 for one in bench.model.all for vpn in range(one.first, one.last + 1)}
    near = [place for place in range(0x30, 0x50) if not taken & {place, place + 1}]  # pages 300-4FF, over the end of a page table
    if near:
        bench.reserve(*pages(16 * rng.choice(near), rng.randint(1, 32)), protection=rng.choice(list(PROTECTIONS)), commit=rng.random() < 0.5)


@test("2.5", points=1, title="a process allocates, uses and frees memory", stage="ready", features=SERVICES + ("TRP-06",), limit=200_000_000)
def memory_of_a_process(t):
    guest, rng = t.guest, t.rng
    hint = t.hint("vad-call", HINTS["vad-call"])
    process = _process(t)
    space = process + guest.field("EPROCESS.AddressSpace")[0]
    t.asking("memory of a process is allocated, used and freed", hint)
    count = rng.randint(6, 12)
    base = _service(t, "ZwAllocateVirtualMemory", 0, count * PAGE, MEM_RESERVE | MEM_COMMIT)
    reserved = _service(t, "ZwAllocateVirtualMemory", 0, 64 * PAGE, MEM_RESERVE)
    part = _service(t, "ZwAllocateVirtualMemory", reserved + 5 * PAGE, 3 * PAGE, MEM_COMMIT)
    t.equal(reserved + 5 * PAGE, part, "where the committed part begins", hint)
    contents = {base + PAGE * number: rng.randrange(1, 255) for number in range(count)}
    contents.update({part + PAGE * number: rng.randrange(1, 255) for number in range(3)})
    for address, value in contents.items():
        guest.call("RtlFillMemory", address + 7, 1, value)
    _holds(t, contents, hint)
    gone = base + PAGE * rng.randrange(1, count - 1)
    _service(t, "ZwFreeVirtualMemory", gone, PAGE, MEM_DECOMMIT)
    t.equal(count + 2, guest.get(space, "MM_ADDRESS_SPACE.CommitCharge"), "pages that are charged to the process", hint)
    _service(t, "ZwAllocateVirtualMemory", gone, PAGE, MEM_COMMIT)
    guest.call("RtlFillMemory", gone, 1, 0x55)
    t.equal(b"\x55" + bytes(PAGE - 1), guest.read(gone, PAGE), "a page that was decommitted and committed again",
            t.hint("vad-contents", HINTS["vad-contents"]))
    contents.pop(gone)
    _service(t, "ZwFreeVirtualMemory", reserved + 16 * PAGE, 16 * PAGE, MEM_RELEASE)
    _holds(t, contents, hint)
    ranges = [(base, count), (reserved, 16), (reserved + 32 * PAGE, 32)]
    tree = RangeTree(guest, space + guest.field("MM_ADDRESS_SPACE.VadRoot")[0])
    broken = tree.broken([(None, at // PAGE, at // PAGE + number - 1) for at, number in sorted(ranges)])
    t.check(not broken, expected=broken and broken.expected, seen=broken and broken.seen, hint=broken and t.hint(broken.hint, HINTS[broken.hint]))
    for number, (at, _) in enumerate(ranges):
        _service(t, "ZwFreeVirtualMemory", at, 0, MEM_RELEASE)
        left = RangeTree(guest, tree.table)
        broken = left.broken([(None, first // PAGE, first // PAGE + count - 1) for first, count in sorted(ranges[number + 1:])])
        t.check(not broken, expected=broken and broken.expected, seen=broken and broken.seen, hint=broken and t.hint(broken.hint, HINTS[broken.hint]))
    t.equal([0, 0, 0], [*(guest.get(space, f"MM_ADDRESS_SPACE.{name}") for name in ("CommitCharge", "VirtualSize")), len(left.order)],
            "CommitCharge, VirtualSize and the ranges when all is released", t.hint("vad-charge", HINTS["vad-charge"]))
    Database.read(guest).judge(t, hint)


def _process(t) -> int:
    """A new process, to which the test's thread is attached; its memory is what the host reads from now on."""
    guest = t.guest
    words, saved = guest.alloc(16), guest.alloc(guest.size("KAPC_STATE"))
    guest.write(words, b"Lab\0")
    t.infra(guest.call("PspCreateProcess", words, words + 8) == SUCCESS, "a process can be made")
    process = guest.u32(words + 8)
    guest.call("KeStackAttachProcess", process + guest.field("EPROCESS.Pcb")[0], saved)
    return process


def _service(t, routine: str, base: int, size: int, kind: int) -> int:
    """A call of a service for the current process, which must succeed.  Returns the base."""
    guest = t.guest
    words = guest.alloc(8, 4)
    guest.u32(words, base)
    guest.u32(words + 4, size)
    rest = (0, words + 4, kind, PROTECTIONS[4]) if routine.startswith("ZwAlloc") else (words + 4, kind)
    status = guest.call(routine, 0xFFFFFFFF, words, *rest)
    t.equal(hex(SUCCESS), hex(status), f"{routine}(base {base:#x}, size {size:#x}, type {kind:#x})", t.hint("vad-call", HINTS["vad-call"]))
    return guest.u32(words)


def _holds(t, contents, hint) -> None:
    for address, value in contents.items():
        wanted = bytes(7) + bytes([value]) + bytes(PAGE - 8)
        t.check(guest_bytes(t, address) == wanted, asked=f"the page at {address:#x}, after other pages of its range changed",
                expected=f"one byte, {value:#x}, and zeros", seen="other bytes", hint=t.hint("vad-contents", HINTS["vad-contents"]))


def guest_bytes(t, address: int) -> bytes:
    """The bytes of a page; none if it is not there."""
    return t.guest.read(address, PAGE) if t.guest.readable(address, PAGE) else b""
