"""3.5 Semaphores and mutants: units that are never lost or made, and ownership that always has an owner."""

from __future__ import annotations

from typing import List, Sequence, Tuple

from grader.api import test
from grader.views.ring import Event

from .bench import Bench
from .dispatcher import LOWEST_MUTANT, MUTANT, NOTIFICATION_EVENT, SEMAPHORE, SYNCHRONIZATION_EVENT, Object
from .traced import Fresh

LIMIT = 20_000_000
LARGEST = 0x7FFFFFFF


class TracedBench(Bench):
    """A bench that looks at the trace, too: each change, and behind it those whom it releases.  A timeline names the signal as the cause of
    the wake-ups that follow it."""

    def __init__(self, t, objects: List[Object], threads: int) -> None:
        super().__init__(t, objects, threads)
        self._promised: List[Tuple[int, ...]] = []
        self._before: List[int] = []
        self._fresh = Fresh(t.guest, {Event.SIGNAL: 4, Event.UNWAIT: 3})
        self._tested, self.model.test = self.model.test, self._test  # type: ignore[method-assign]

    def release_semaphore(self, number: int, adjustment: int, increment: int = 0, wait: bool = False) -> None:
        self._begin()
        super().release_semaphore(number, adjustment, increment, wait)
        if adjustment:
            self._traced()

    def release_mutant(self, thread: int, number: int, increment: int = 0, abandoned: bool = False, wait: bool = False) -> None:
        self._begin()
        super().release_mutant(thread, number, increment, abandoned, wait)
        self._traced()

    def end_thread(self, thread: int) -> None:
        self._begin()
        super().end_thread(thread)
        self._traced()

    def _test(self, number: int, increment: int) -> None:
        """The model's object has changed."""
        one, released = self.model.objects[number], len(self.model.released)
        self._promised.append((Event.SIGNAL, self.addresses[number], one.kind, self._before[number], one.state))
        self._tested(number, increment)
        self._promised += [(Event.UNWAIT, self.threads[end.thread], end.status, end.increment) for end in self.model.released[released:]]

    def _begin(self) -> None:
        self._promised = []
        self._before = [one.state for one in self.model.objects]
        self._fresh.look()

    def _traced(self) -> None:
        seen = self._fresh.look()
        wanted = [tuple(word & 0xFFFFFFFF for word in event) for event in self._promised]
        self._equal(self._trace(wanted), self._trace(seen), "traced-release")

    def _trace(self, events: Sequence[Tuple[int, ...]]) -> str:
        told = [f"{self.name(self.places[subject])} {_state(rest[1])} to {_state(rest[2])}" if event == Event.SIGNAL and subject in self.places else
                f"T{self.numbers[subject]} released" if subject in self.numbers else f"{subject:#010x}" for event, subject, *rest in events]
        return "traced: " + (", ".join(told) or "nothing")


@test("3.5", points=1, title="a semaphore's count: units out, units in, what is returned", stage="early", features=("DSP-05",), limit=LIMIT)
def semaphore_counts(t):
    limits = [t.rng.randint(3, 40) for _ in range(3)]
    bench = Bench(t, [Object(number, SEMAPHORE, t.rng.randint(0, limit), limit) for number, limit in enumerate(limits)], 1)
    for _ in range(50):
        one = bench.model.objects[t.rng.randrange(3)]
        if t.rng.random() < 0.5:
            bench.wait(0, one.number, 0)
        else:
            bench.release_semaphore(one.number, t.rng.randint(0, one.limit - one.state))


@test("3.5", points=1, title="the limit: what would pass it changes nothing", stage="early", features=("DSP-05", "ERR-03"), limit=LIMIT)
def semaphore_limit(t):
    limit = t.rng.randint(5, 50)
    objects = [Object(0, SEMAPHORE, t.rng.randint(0, limit), limit), Object(1, SEMAPHORE, LARGEST - t.rng.randint(0, 9), LARGEST),
               Object(2, SEMAPHORE, t.rng.randint(1, 3), 3)]
    bench = Bench(t, objects, 2)
    for number in range(3):
        one = bench.model.objects[number]
        room = one.limit - one.state
        for adjustment in (room + 1, room, 1, LARGEST, -1, -t.rng.randint(2, 1000), 0):
            bench.release_semaphore(number, adjustment, wait=not 0 <= adjustment <= one.limit - one.state)
        bench.wait(0, number)


@test("3.5", points=1, title="each unit releases one waiter, in order", stage="early", features=("DSP-05", "DSP-14"), limit=LIMIT)
def semaphore_waiters(t):
    bench = TracedBench(t, [Object(0, SEMAPHORE, 0, 8), Object(1, SYNCHRONIZATION_EVENT)], 9)
    order = _shuffled(t, range(9))
    for thread in order:
        if t.rng.random() < 0.3:
            bench.wait_many(thread, [0, 1], t.rng.random() < 0.4)
        else:
            bench.wait(thread, 0)
    bench.release_semaphore(0, 2, t.rng.randint(0, 6))
    bench.release_semaphore(0, 0)
    bench.release_semaphore(0, t.rng.randint(3, 4), t.rng.randint(0, 6))
    bench.release_semaphore(0, 4)
    bench.set_event(1)
    bench.set_event(1)


@test("3.5", points=1, title="a mutant counts its owner's acquisitions", stage="early", features=("DSP-04",), limit=LIMIT)
def mutant_recursion(t):
    bench = TracedBench(t, [Object(0, MUTANT, 1), Object(1, MUTANT, 1), Object(2, NOTIFICATION_EVENT, 1)], 3)
    for number in _shuffled(t, range(2)):
        for _ in range(t.rng.randint(2, 6)):
            if t.rng.random() < 0.4:
                bench.wait_many(0, _shuffled(t, [number, 2]), True)
            else:
                bench.wait(0, number, t.rng.choice((None, 0)))
    bench.wait(1, 0, 0)  # owned by another
    while bench.model.objects[0].owner is not None:
        bench.release_mutant(0, 0)
        bench.wait(1, 1, 0)
    bench.wait(1, 0)
    bench.wait(0, 1)
    t.guest.set(bench.addresses[0], "DISPATCHER_HEADER.SignalState", LOWEST_MUTANT + 1)  # nearly too often
    bench.model.objects[0].state = LOWEST_MUTANT + 1
    bench.wait(1, 0)
    bench.wait(1, 0)
    bench.wait(1, 0)
    bench.release_mutant(1, 0)


@test("3.5", points=1, title="only the owner releases", stage="early", features=("DSP-04",), limit=LIMIT)
def mutant_not_owner(t):
    bench = Bench(t, [Object(0, MUTANT, 1), Object(1, MUTANT, 1)], 3)
    bench.release_mutant(0, 0)  # nobody's
    bench.wait(0, 0)
    for _ in range(t.rng.randint(2, 4)):
        bench.wait(0, 0)
    bench.release_mutant(1, 0, wait=True)
    bench.wait(1, 1)
    bench.release_mutant(2, 1)
    bench.end_thread(1)
    bench.release_mutant(t.rng.randrange(3), 1, wait=True)  # abandoned, nobody's
    bench.release_mutant(0, 0)
    bench.release_mutant(1, 0, abandoned=True)  # as abandoned anybody may, and all levels at once
    bench.wait(2, 0)
    bench.release_mutant(2, 0)
    bench.wait(2, 1)
    bench.release_mutant(t.rng.randrange(3), 0, abandoned=True)  # nobody's: only marked, and T2's list stays whole
    bench.release_mutant(t.rng.randrange(3), 1, abandoned=True)  # T2 has it once
    bench.wait(2, 0)


@test("3.5", points=1, title="the last release hands the mutant to the thread that waits longest", stage="early", features=("DSP-04", "DSP-14"),
      limit=LIMIT)
def mutant_handed_over(t):
    bench = Bench(t, [Object(0, MUTANT, 1), Object(1, MUTANT, 1)], 6)
    order = _shuffled(t, range(6))
    for thread in order:
        bench.wait(thread, 0)
    bench.wait(order[0], 1)
    twice = t.rng.randrange(5)
    for index, thread in enumerate(order[:5]):
        if index == twice or t.rng.random() < 0.3:
            bench.wait(thread, 0)
            bench.release_mutant(thread, 0)
        bench.release_mutant(thread, 0, t.rng.randint(0, 5))
        if index % 2 == 0:
            bench.wait(thread, 0)


@test("3.5", points=1, title="a thread that ends abandons what it owns, and the next owner is told", stage="early",
      features=("DSP-04", "ERR-05"), limit=LIMIT)
def mutant_abandoned(t):
    count = t.rng.randint(4, 6)
    bench = TracedBench(t, [Object(number, MUTANT, 1) for number in range(count)] + [Object(count, NOTIFICATION_EVENT, 1)], 6)
    for number in _shuffled(t, range(count)):
        for _ in range(t.rng.choice((1, 1, 2, 3))):
            bench.wait(0, number)
    deep = bench.model.objects[t.rng.randrange(1, count)]  # acquired so often that a byte does not hold it
    deep.state = -t.rng.randint(200, 70000)
    t.guest.set(bench.addresses[deep.number], "DISPATCHER_HEADER.SignalState", deep.state & 0xFFFFFFFF)
    bench.wait(1, 0)
    bench.wait_many(2, _shuffled(t, [1, 2]), False)
    bench.wait_many(3, _shuffled(t, [0, 3, count]), True)
    bench.wait_many(4, _shuffled(t, [2, 3]), True)
    bench.end_thread(0)
    for number in range(count):
        bench.wait(5, number, 0)
    for owner in (1, 2, 4, 5):
        for number in list(bench.model.threads[owner].mutants):
            bench.release_mutant(owner, number)
    bench.end_thread(5)
    bench.wait(0, 0, 0)
    bench.wait(0, 0, 0)  # told only once


@test("3.5", points=1, title="random releases and waits against the model", stage="early", features=("DSP-04", "DSP-05"), limit=60_000_000)
def random_units(t):
    objects = [Object(number, MUTANT, 1) for number in range(3)] + [Object(number, SEMAPHORE, t.rng.randint(0, 2), 6) for number in (3, 4)]
    bench = Bench(t, objects, 7)
    bench.wait(5, 0)
    bench.end_thread(5)
    for _ in range(2):
        bench.wait(6, 0)  # an abandoned one, then his own
    for _ in range(2):
        bench.release_mutant(6, 0)
    while bench.model.threads[5].wait is None:
        bench.wait(5, 3)
    bench.release_semaphore(3, 2, 1)  # a boost that is not the number of units
    for _ in range(140):
        idle = [thread.number for thread in bench.model.threads if thread.wait is None]
        choice = t.rng.random()
        if idle and choice < 0.5:
            thread, numbers = t.rng.choice(idle), t.rng.sample(range(5), t.rng.choice((1, 1, 2, 3)))
            if len(numbers) == 1:
                bench.wait(thread, numbers[0])
            else:
                bench.wait_many(thread, numbers, t.rng.random() < 0.5)
        elif choice < 0.7:
            bench.release_semaphore(t.rng.choice((3, 4)), t.rng.randint(0, 4), t.rng.randint(0, 2))
        elif idle and choice < 0.97:
            bench.release_mutant(t.rng.choice(idle), t.rng.randrange(3), t.rng.randint(0, 2))
        elif idle:
            bench.end_thread(t.rng.choice(idle))


def _shuffled(t, some) -> List[int]:
    order = list(some)
    t.rng.shuffle(order)
    return order


def _state(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word
