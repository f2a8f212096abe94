"""2.4: the pages of the paged pool (kernel/ntos/mm/pool/paged.cpp and pagedpages.cpp), by call injection on a pool of the test's own."""

from __future__ import annotations

from grader.api import test

from .pagedbench import MAP, PAGE, TABLE, TABLES, PagedBench

POOL = ("POL-02",)
LIMIT = 20_000_000


@test("2.4", points=2, title="the lowest run of free pages is taken", stage="early", features=POOL, limit=LIMIT)
def lowest_run_of_pages(t):
    bench, rng = PagedBench(t), t.rng
    sizes = [rng.randint(2, 6) for _ in range(8)]
    firsts = [bench.reserve(size) or 0 for size in sizes]
    for number in (1, 4, 6, 2):  # the last one joins a gap
        bench.release(firsts[number])
    bench.reserve(sizes[1] + sizes[2] + 1)  # too large for the first gap
    bench.reserve(sizes[1] + sizes[2])
    bench.reserve(1)
    while bench.free_runs():
        bench.reserve(rng.choice(bench.free_runs())[1])
    bench.reserve(1)  # nothing is left
    bench.release(max(bench.taken))
    bench.reserve(bench.size)
    _between_words(t)
    _one_page_of_a_word(t)


def _between_words(t) -> None:
    """Gaps at both sides of a word of the bitmap that is full."""
    bench = PagedBench(t, 160)
    before, behind = t.rng.randint(2, 9), t.rng.randint(2, 9)
    kept = (32 - before, before, 32, behind, 60)
    firsts = [bench.reserve(size) or 0 for size in kept]
    bench.release(firsts[1])
    bench.release(firsts[3])
    bench.reserve(before + behind)
    bench.reserve(max(before, behind))


def _one_page_of_a_word(t) -> None:
    """Of a word of the bitmap one page is free: the first, or the last."""
    for kept, free in (((32, 1, 31, 32, 20), 1), ((32, 31, 1, 32, 20), 2)):
        bench = PagedBench(t, 160)
        firsts = [bench.reserve(size) or 0 for size in kept]
        bench.release(firsts[free])
        bench.reserve(1)


@test("2.4", points=1, title="an allocation's size, by its address", stage="early", features=POOL, limit=LIMIT)
def sizes_by_address(t):
    bench, rng = PagedBench(t), t.rng
    for size in rng.sample((1, 1, 2, 3, 5, 7), 6):
        bench.reserve(size)
    bench.release(rng.choice([first for first in bench.taken if first]))
    places = [bench.base + page * PAGE for page in range(-2, sum(bench.taken.values()) + 9)]
    places += [bench.base + rng.choice(list(bench.taken)) * PAGE + rng.choice((1, 8, 2048, 4095)) for _ in range(4)]
    places += [bench.base - rng.randint(1, PAGE - 1), bench.base + bench.size * PAGE, bench.base - (1 << 29)]
    for address in rng.sample(places, len(places)):
        bench.measure(address)
    while bench.free_runs():
        bench.reserve(bench.free_runs()[0][1])
    bench.measure(bench.base + max(bench.taken) * PAGE)  # it ends where the pool ends
    bench.measure(bench.base + bench.size * PAGE)


@test("2.4", points=1, title="pages that are freed are free, and found again", stage="early", features=POOL, limit=LIMIT)
def pages_freed(t):
    bench, rng = PagedBench(t), t.rng
    for _ in range(3):
        while bench.free_runs():
            bench.reserve(rng.randint(1, min(9, bench.free_runs()[0][1])))
        for first in rng.sample(list(bench.taken), len(bench.taken) * 2 // 3):
            bench.release(first)
            bench.measure(bench.base + first * PAGE)
        bench.reserve(1)
    for first in rng.sample(list(bench.taken), len(bench.taken)):
        bench.release(first)
    bench.reserve(bench.size)


@test("2.4", points=1, title="the pool grows by whole page tables, to the range's end", stage="early", features=POOL, limit=LIMIT)
def pool_grows(t):
    rest = t.rng.randint(3, 900)
    bench, rng = PagedBench(t, TABLE, 3 * TABLE + rest), t.rng
    kept = rng.randint(5, 40)
    bench.reserve(TABLE - kept)
    for pages in (kept + 1, kept + TABLE, kept + TABLE + 1, kept + 2 * TABLE + 1, kept + 2 * TABLE + rest, kept + 2 * TABLE + rest + 1, 1 << 20):
        bench.growth(pages)
    bench.expand(bench.growth(kept + 2))
    bench.reserve(kept + 2)
    bench.release(0)
    bench.reserve(TABLE - kept + 1)  # what is free before is too small
    bench.reserve(TABLE - kept)
    bench.expand(bench.growth(TABLE + 1))
    while bench.free_runs():
        bench.reserve(bench.free_runs()[0][1])
    for pages in (rest + 1, rest, rng.randint(1, rest)):
        bench.growth(pages)
    bench.expand(bench.growth(1))
    bench.reserve(rest)
    bench.growth(1)


@test("2.4", points=1, title="pages look allocated until they are unmapped; without memory nothing is", stage="early", features=POOL, limit=LIMIT)
def pages_mapped_in_time(t):
    bench, rng = PagedBench(t, TABLE, TABLE + t.rng.randint(5, 500)), t.rng
    taken = [bench.allocate(rng.randint(1, 9)) or 0 for _ in range(5)]
    bench.allocate(rng.randint(2, 9), memory=(TABLES,))  # no frames
    bench.free(bench.base + taken[1] * PAGE)
    bench.allocate(1, memory=(TABLES,))
    for address in (bench.base + taken[1] * PAGE, bench.base + taken[3] * PAGE + 16, bench.base - PAGE, bench.base + (TABLE + 1) * PAGE):
        bench.free(address)
    bench.allocate(TABLE, memory=(MAP,))  # no page table
    bench.allocate(bench.limit + 1)  # more than the range has
    bench.allocate(bench.limit - sum(bench.free_runs()[-1]) + bench.free_runs()[-1][1] + 1)
    bench.allocate(TABLE, memory=(TABLES,))  # it grows, and has no frames then
    bench.allocate(TABLE)
    for first in rng.sample(list(bench.taken), len(bench.taken)):
        bench.free(bench.base + first * PAGE)
    bench.allocate(bench.limit)
    bench.allocate(1)


@test("2.4", points=1, title="several threads grow the pool at once", stage="early", features=POOL, limit=LIMIT)
def growth_meets_others(t):
    rng = t.rng
    for case in rng.sample(range(4), 4):
        bench = PagedBench(t, TABLE, 4 * TABLE + 10)
        bench.allocate(TABLE - rng.randint(0, 9))
        pages = rng.randint(10, 200)

        def grew() -> None:
            """it has grown the pool by a page table, and taken none of its pages"""
            bench.as_other(TABLE)

        def took() -> None:
            """it has grown the pool by a page table, and taken all of its pages"""
            bench.as_other(TABLE, bench.missing(pages) + (bench.free_runs() or [(0, 0)])[-1][1])

        def took_most() -> None:
            """it has grown the pool by a page table, and taken most of its pages"""
            bench.as_other(TABLE, TABLE - rng.randint(1, 9))

        def took_the_rest() -> None:
            """it has grown the pool to the range's end, and taken all of it"""
            left = (bench.free_runs() or [(0, 0)])[-1][1] + bench.limit - bench.size
            bench.as_other(bench.limit - bench.size, left)

        bench.allocate(pages, other=(grew, took, took_most, took_the_rest)[case])
        bench.allocate(pages + TABLE, other=grew if bench.missing(pages + TABLE) else None)


@test("2.4", points=1, title="200 random calls keep the bitmaps as the model has them", stage="early", features=POOL, limit=4 * LIMIT)
def paged_random(t):
    rng = t.rng
    bench = PagedBench(t, 40, 40 + TABLE + 13)
    for _ in range(200):
        full = sum(bench.taken.values()) > bench.limit * 0.7
        if bench.taken and rng.random() < (0.7 if full else 0.4):
            bench.free(bench.base + rng.choice(list(bench.taken)) * PAGE)
        else:
            short = rng.random() < 0.1
            bench.allocate(rng.choice((1, 1, 2, 3, 5, 9, rng.randint(1, 150))), memory=(rng.choice((TABLES, MAP)),) if short else (TABLES, MAP))

