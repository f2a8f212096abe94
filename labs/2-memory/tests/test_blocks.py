"""2.3: blocks of a pool, by call injection on a pool of the test's own."""

from __future__ import annotations

from typing import List

from grader.api import test

from .blockbench import LEAST, UNIT, UNITS, PoolBench
from .livepool import LivePool

POOL = ("POL-04",)
LIMIT = 20_000_000


@test("2.3", points=2, title="a new page is one block in use and one free block", stage="early", features=POOL, limit=LIMIT)
def page_cut(t):
    bench, rng = PoolBench(t), t.rng
    for units in (rng.randint(2, 400), 2, UNITS - 1, UNITS - 2, rng.randint(2, 400)):
        bench.cut(units)


@test("2.3", points=2, title="the first block of the smallest size that suffices is taken", stage="early", features=POOL, limit=LIMIT)
def smallest_that_suffices(t):
    bench, rng = PoolBench(t), t.rng
    bench.take(2)
    sizes = rng.sample(range(20, 60), 5)
    kept = _row(bench, [size for size in sizes for _ in range(3)])
    for header in kept[::2]:
        bench.put(header)
    for size in rng.sample(sizes, 5):
        bench.take(size)  # exactly this size, if there is one
    bench.take(max(sizes) + 1)
    while any(bench.lists.values()):
        bench.take(max(size for size, blocks in bench.lists.items() if blocks))
    bench.take(LEAST)  # nothing is left
    bench.cut(100)
    bench.take(UNITS - 99)  # nothing is large enough
    bench.take(UNITS - 100)


@test("2.3", points=3, title="what is too much of a block stays free", stage="early", features=POOL, limit=LIMIT)
def block_split(t):
    bench, rng = PoolBench(t), t.rng
    first = bench.cut(rng.randint(60, 90))
    for rest in (rng.randint(5, 20), 1, 2):  # in the page's middle: the end is used
        header = bench.take(40 + rest)
        guard = bench.take(3)
        bench.put(header)
        bench.take(40)
        assert guard is not None
    for rest in (1, 2, rng.randint(3, 30)):  # at its start: the front
        bench.put(first)
        size = bench.units(first)
        taken = bench.take(size - rest)
        assert taken is not None
        if rest != 1:
            bench.put(taken)
            first = bench.take(size) or first
        else:
            first = taken


@test("2.3", points=3, title="a freed block becomes one with its free neighbours", stage="early", features=POOL, limit=LIMIT)
def blocks_joined(t):
    bench, rng = PoolBench(t), t.rng
    bench.watched = True  # owners of other blocks may be at work
    for order in ((0, 2, 1), (2, 0, 1), (0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0)):
        row = _row(bench, [rng.randint(4, 40) for _ in range(5)])
        for place in order:
            bench.put(row[1 + place])
        bench.take(rng.randint(4, 20))
    # a rest of one unit is on no list, and is joined all the same
    header = bench.take(33)
    guard = bench.take(5)
    assert header is not None and guard is not None
    bench.put(header)
    part = bench.take(32)
    assert part is not None
    bench.put(part)
    bench.put(guard)
    # also where the block behind it is the page's last
    bench = PoolBench(t, 1)
    bench.cut(rng.randint(20, 60))
    last, guard = bench.take(33), bench.take(5)
    assert last is not None and guard is not None
    bench.put(last)
    last = bench.take(32)
    assert last is not None
    bench.put(last)
    bench.put(guard)


@test("2.3", points=2, title="a page whose blocks are all free goes back", stage="early", features=POOL, limit=LIMIT)
def page_goes_back(t):
    bench, rng = PoolBench(t), t.rng
    for _ in range(3):
        blocks: List[int] = [bench.cut(rng.randint(20, 80))]
        for _ in range(5):
            blocks.append(bench.take(rng.randint(2, 60)) or 0)
        bench.cut(rng.randint(2, 500))  # the page behind, or before, has nothing to do with it
        rng.shuffle(blocks)
        for header in blocks:
            bench.put(header)
        for header in bench.blocks(True):
            bench.put(header)
    assert not bench.pages


@test("2.3", points=1, title="a free block that was written stops the system", stage="early", features=POOL, limit=LIMIT)
def damage_stops(t):
    rng = t.rng
    # where the damaged block lies for the call that takes it off its list: it is the one that is asked for, or a neighbour
    cases = [(units, where, "next") for units in (30, LEAST) for where in ("taken", "behind", "before")]
    cases += [(30, "taken", "size"), (30, "behind", "last"), (30, "before", "last")]
    bench = PoolBench(t, 1)
    for units, where, damage in rng.sample(cases, len(cases)):
        bench.begin()
        bench.cut(50)
        # from the page's end: behind, block, before
        behind, block, before = bench.take(40), bench.take(units), bench.take(10)
        assert behind is not None and block is not None and before is not None
        bench.put(block)
        entry = block + UNIT
        body = behind + 64  # a place that is in no list
        if damage == "size":
            bench.guest.u16(block + 2, units - 1)
        else:
            bench.guest.u32(entry + (4 if damage == "last" else 0), body)
            bench.guest.write(body, bytes(8))
        if where == "taken":
            bench.stops("ExpTakeBlock", units)
        else:  # the block lies behind the one that is freed, or before it
            bench.stops("ExpPutBlock", before if where == "behind" else behind)


@test("2.3", points=2, title="250 random calls keep the blocks as the model has them", stage="early", features=POOL, limit=4 * LIMIT)
def blocks_random(t):
    bench, rng = PoolBench(t, 6), t.rng
    for _ in range(250):
        used = bench.blocks(True)
        full = len(used) > 40 or not bench.spare
        if used and rng.random() < (0.6 if full else 0.4):
            bench.put(rng.choice(used))
            continue
        units = rng.choice((2, 2, 3, 5, 8, 20, rng.randint(2, 120), rng.randint(100, UNITS - 1)))
        if bench.take(units) is None and bench.spare:
            bench.cut(units)


@test("2.3", points=1, title="in the running kernel drivers' blocks are whole, and what they free goes back", stage="ready", features=POOL, limit=8 * LIMIT)
def blocks_in_live_kernel(t):
    live, rng = LivePool(t), t.rng
    before = live.counts()
    for number in range(90):
        if live.blocks and rng.random() < (0.6 if len(live.blocks) > 25 else 0.35):
            live.free(rng.choice(list(live.blocks)))
        else:
            live.allocate()
        if number % 10 == 9:
            live.judge()
    for block in rng.sample(list(live.blocks), len(live.blocks)):
        live.free(block)
    live.judge()
    t.check(live.counts() == before, expected=f"as before: {before[0]} pages, {before[1]} bytes in use",
            seen=f"{live.counts()[0]} pages, {live.counts()[1]} bytes", hint=live.hint)


def _row(bench: PoolBench, sizes: List[int]) -> List[int]:
    """Blocks of these sizes, and between them blocks that stay in use."""
    found: List[int] = []
    bench.cut(2)
    for size in sizes:
        header = bench.take(size)
        if header is None:
            bench.cut(2)
            header = bench.take(size)
        assert header is not None
        found.append(header)
    return found
