"""What the programs of the challenge use: references to pages, which follow from a workload's name and a seed.

A reference is a number: working set * PAGES + page.
"""

from __future__ import annotations

import bisect
import itertools
import random
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List

from grader.errors import GraderError

PAGES = 65536  # so many numbers has a working set
LENGTH = 12_000  # references of a workload


@dataclass(frozen=True)
class Workload:
    """One reference string, and the machine that it runs on."""

    name: str
    seed: int
    references: List[int]
    frames: int  # pages of memory
    low: int  # with fewer available ones memory is short
    wanted: int  # so many are wanted then
    second: int = 400  # references in a second of the machine's


def _loop(rng: random.Random) -> Iterator[int]:
    """One array after the other is gone through again and again; each is larger than memory."""
    while True:
        start, size = rng.randrange(1000), rng.randrange(280, 340)
        for _ in range(rng.randrange(6, 12)):
            yield from range(start, start + size)


def _phases(rng: random.Random) -> Iterator[int]:
    """A program that works in one place for a while, and then in another."""
    while True:
        places = rng.sample(range(2000), rng.randrange(100, 200))
        for _ in range(rng.randrange(600, 1500)):
            yield rng.choice(places)


def _scan(rng: random.Random) -> Iterator[int]:
    """A program with pages that it uses often, and files that it reads once."""
    often, file = rng.sample(range(1000), 150), 2000
    while True:
        for _ in range(rng.randrange(500, 900)):
            yield rng.choice(often)
        for page in range(file, file + rng.randrange(150, 400)):
            yield page
            if rng.random() < 0.3:
                yield rng.choice(often)
        file = 2000 + (file - 1500) % 40_000


def _skewed(rng: random.Random) -> Iterator[int]:
    """Few pages are used most, and many now and then; slowly they change their places."""
    pages = rng.sample(range(3000), 900)
    sums = list(itertools.accumulate(1.0 / (rank + 1) for rank in range(len(pages))))
    for count in itertools.count(1):
        yield pages[bisect.bisect(sums, rng.random() * sums[-1])]
        if count % 50 == 0:
            one, other = rng.randrange(len(pages)), rng.randrange(len(pages))
            pages[one], pages[other] = pages[other], pages[one]


def _two(rng: random.Random) -> Iterator[int]:
    """Two programs: one goes through much memory once, the other one needs a little again and again."""
    little, page = [PAGES + place for place in rng.sample(range(500), 110)], 0
    while True:
        for _ in range(rng.randrange(40, 120)):
            yield page
            page = (page + 1) % 3000
            if rng.random() < 0.5:
                yield page
        for _ in range(rng.randrange(40, 120)):
            yield rng.choice(little)


_KINDS: Dict[str, Callable[[random.Random], Iterator[int]]] = {"loop": _loop, "phases": _phases, "scan": _scan, "skewed": _skewed, "two": _two}
NAMES = tuple(_KINDS)


def make(name: str, seed: int) -> Workload:
    """A workload.  The same name and seed make the same one, on every machine."""
    if name not in _KINDS:
        raise GraderError(f"no workload {name!r}; there are: {', '.join(NAMES)}")
    references = list(itertools.islice(_KINDS[name](random.Random(f"{name} {seed}")), LENGTH))
    return Workload(name, seed, references, frames=256, low=8, wanted=24)


def renamed(workload: Workload) -> Workload:
    """The same work in other places: nothing that a policy is told differs."""
    places = list(range(4096, PAGES))
    random.Random(f"places {workload.name} {workload.seed}").shuffle(places)
    name = {number: number // PAGES * PAGES + places[count] for count, number in enumerate(dict.fromkeys(workload.references))}
    return Workload(workload.name, workload.seed, [name[number] for number in workload.references], workload.frames, workload.low, workload.wanted,
                    workload.second)
