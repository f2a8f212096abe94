"""3.3 Dispatcher header, wait blocks, events: what a signal does, and what waiting leaves behind."""

from __future__ import annotations

from typing import Callable, List

from grader.api import Hint, test

from .bench import Bench
from .dispatcher import (MUTANT, NOTIFICATION_EVENT, NOTIFICATION_TIMER, SEMAPHORE, SYNCHRONIZATION_EVENT, SYNCHRONIZATION_TIMER,
                         WAIT_ALL, WAIT_ANY, Object)
from .hints import HINTS

BOOT = Hint("wait-boot", HINTS["wait-boot"])
FEATURES = ("DSP-01", "DSP-12", "DSP-14")
LIMIT = 20_000_000
EVENTS = (NOTIFICATION_EVENT, SYNCHRONIZATION_EVENT)
CANCELLED = 0xC0000120  # a status of more than 16 bits
LATE = -(1 << 40)  # a time-out that does not come in a test


def events(*kinds: int) -> List[Object]:
    return [Object(number, kind) for number, kind in enumerate(kinds)]


@test("3.3", points=2, title="set, reset and pulse: states, and what they return", stage="early", features=("DSP-01", "DSP-02", "DSP-03"),
      limit=LIMIT)
def event_states(t):
    bench = Bench(t, events(*[t.rng.choice(EVENTS) for _ in range(4)], *EVENTS), 1)
    for number in (4, 5):  # one of each kind is signaled, and taken
        _promise(bench, number, bench.set_event)
        bench.set_event(number)
        bench.wait(0, number, 0)
    for _ in range(60):
        number = t.rng.randrange(6)
        call = t.rng.choice((bench.set_event, bench.reset_event, bench.pulse_event))
        _promise(bench, number, call)
        call(number)
        if t.rng.random() < 0.3:
            bench.wait(0, number, 0)
    bench.traced(bench.signals, "traced-signal")
    for pulse in t.rng.sample((False, True), 2):
        bench.signal_and_wait(0, t.rng.randrange(6), pulse, t.rng.randrange(6), 0)


@test("3.3", points=2, title="a notification event releases every thread, in the order of waiting", stage="early",
      features=FEATURES + ("DSP-02",), limit=LIMIT)
def notification_event(t):
    count = t.rng.randint(5, 9)
    bench = Bench(t, events(NOTIFICATION_EVENT, NOTIFICATION_EVENT), count)
    for _ in range(3):
        for thread in _shuffled(t, count):
            bench.wait(thread, t.rng.choice((0, 0, 0, 1)))
        bench.set_event(0, t.rng.randint(0, 9))
        bench.wait(bench.model.objects[1].waiters[0][0] if len(bench.model.objects[1].waiters) == count else _free(bench), 0)
        bench.set_event(1, t.rng.randint(0, 9))
        bench.reset_event(0)
        bench.reset_event(1)
    bench.wait(0, 0)
    bench.end_wait(0, CANCELLED, t.rng.randint(1, 9))
    bench.traced(bench.unwaits, "traced-unwait")


@test("3.3", points=2, title="a synchronization event releases one, and the signal is gone", stage="early", features=FEATURES + ("DSP-03",),
      limit=LIMIT)
def synchronization_event(t):
    count = t.rng.randint(4, 7)
    bench = Bench(t, events(SYNCHRONIZATION_EVENT), count)
    bench.set_event(0)
    bench.wait(0, 0)  # takes the signal
    for thread in _shuffled(t, count):
        bench.wait(thread, 0)
    for _ in range(count):
        bench.set_event(0, t.rng.randint(0, 7))
        if t.rng.random() < 0.4:
            bench.wait(_free(bench), 0)
    bench.set_event(0)
    bench.set_event(0)


@test("3.3", points=2, title="a pulse is for the threads that wait now", stage="early", features=FEATURES + ("DSP-03",), limit=LIMIT)
def pulsed_event(t):
    bench = Bench(t, events(*EVENTS), 6)
    for kind in _shuffled(t, 2):
        bench.pulse_event(kind, 3)  # nobody there
        for thread in _shuffled(t, 6):
            bench.wait(thread, kind)
        while bench.model.objects[kind].waiters:
            bench.pulse_event(kind, t.rng.randint(0, 5))
        bench.set_event(kind)
        bench.pulse_event(kind)


@test("3.3", points=2, title="the blocks of a wait: lists, keys, ring, and the time-out's timer", stage="early",
      features=("DSP-12", "DSP-13", "DSP-16"), limit=LIMIT)
def wait_blocks(t):
    bench = Bench(t, events(*[SYNCHRONIZATION_EVENT] * 5), 8)
    bench.insert_block(t.rng.randrange(8), 0, t.rng.randrange(64), t.rng.choice((WAIT_ALL, WAIT_ANY)))
    bench.watched = True
    second = 10_000_000
    bench.wait(0, 0)
    bench.wait(1, 0, -t.rng.randint(1, 9) * second - t.rng.randrange(second))
    bench.wait_many(2, t.rng.sample(range(5), 3), False)
    bench.wait_many(3, t.rng.sample(range(5), 2), True, -t.rng.randint(1, 9) * second)
    bench.delay(4, -t.rng.randint(1, second))
    bench.wait_many(5, _shuffled(t, 5), t.rng.random() < 0.5, bench.system_time(t.rng.randint(1, second)), array=True)
    bench.wait_many(6, [1, 1, 3], False)
    bench.wait(7, 3, bench.system_time(t.rng.randint(1, second)))
    for thread in t.rng.sample((0, 1, 2, 4), 4):
        bench.end_wait(thread, CANCELLED, 0)
        bench.returns(thread, CANCELLED)


@test("3.3", points=2, title="a wait that is over leaves nothing behind", stage="early", features=("DSP-12", "DSP-13", "DSP-14"), limit=LIMIT)
def released_completely(t):
    bench = Bench(t, events(*[t.rng.choice(EVENTS) for _ in range(6)]), 6)
    bench.join_queue(3)
    first, other = t.rng.sample(range(6), 2)
    bench.wait_many(0, (first, other), False)
    bench.set_event(first)
    bench.reset_event(first)
    for _ in range(4):
        for thread in _shuffled(t, 6):
            numbers = [t.rng.randrange(6) for _ in range(t.rng.randint(1, 8))]
            timeout = -t.rng.randint(1, 1 << 40) if t.rng.random() < 0.5 else None
            if not any(bench.model.objects[number].state for number in numbers) and bench.model.threads[thread].wait is None:
                bench.wait_many(thread, numbers, False, timeout)
        for number in _shuffled(t, 6):
            bench.set_event(number, t.rng.randint(0, 6))
        for number in range(6):
            bench.reset_event(number)


@test("3.3", points=2, title="random signals and waits against the model", stage="early", features=FEATURES + ("DSP-13", "DSP-16"),
      limit=60_000_000)
def random_events(t):
    kinds = [*t.rng.sample(EVENTS, 2), *(t.rng.choice(EVENTS) for _ in range(3))]
    objects = events(*kinds) + [Object(5, SEMAPHORE, 0, 3), Object(6, MUTANT, 1), Object(7, SYNCHRONIZATION_TIMER), Object(8, NOTIFICATION_TIMER)]
    bench = Bench(t, objects, 8)
    _one_is_let_in(t, bench)
    _each_kind(t, bench)
    for _ in range(150):
        idle = [thread.number for thread in bench.model.threads if thread.wait is None]
        if idle and t.rng.random() < 0.6:
            numbers = t.rng.sample(range(9), t.rng.randint(1, 3))
            bench.wait_many(t.rng.choice(idle), numbers, t.rng.random() < 0.4, LATE if t.rng.random() < 0.3 else None)
        elif t.rng.random() < 0.3:
            _other_signal(t, bench)
        else:
            signal = t.rng.choice((bench.set_event, bench.set_event, bench.pulse_event))
            signal(t.rng.randrange(5), t.rng.randint(0, 4))
            bench.reset_event(t.rng.randrange(5))


def _one_is_let_in(t, bench: Bench) -> None:
    """Two wait for a synchronization event, the first of them for another one, too; each signal lets one in."""
    event = next(one.number for one in bench.model.objects if one.kind == SYNCHRONIZATION_EVENT)
    first, second = t.rng.sample(range(8), 2)
    bench.wait_many(first, t.rng.sample((event, 1 - event), 2), False)
    bench.wait(second, event)
    for _ in range(2):
        bench.set_event(event, t.rng.randint(0, 4))


def _each_kind(t, bench: Bench) -> None:
    """What chance might leave out: an abandoned mutant, for those that wait and for one that takes it; two wait for each object that is
    no event, it is signaled once, and one waits for two of them."""
    order = _shuffled(t, 8)
    bench.wait(order[0], 6)  # the mutant is free
    bench.wait_many(order[1], (5, 6), False, LATE)
    bench.wait_many(order[2], (6,), True, LATE)
    for thread in order[:3]:
        bench.end_thread(thread)
    threads = iter(order)
    for number in t.rng.sample((5, 7, 8), 3):
        for _ in range(2):
            bench.wait(next(threads), number, LATE)
        if number == 5:
            bench.release_semaphore(5, 1, t.rng.randint(0, 4))
        else:
            bench.set_timer(number, 0)
    bench.wait(next(threads), 6)  # the mutant is free, and an abandoned one
    bench.wait_many(next(threads), (5, 7), True, LATE)


def _other_signal(t, bench: Bench) -> None:
    """A unit for the semaphore, a timer that is due at once, or the mutant's release by its owner, if he does not wait."""
    objects, threads = bench.model.objects, bench.model.threads
    number = t.rng.choice((5, 6, 7, 7, 8))
    owner = objects[6].owner
    if number == 5:
        bench.release_semaphore(5, min(t.rng.randint(1, 2), objects[5].limit - objects[5].state), t.rng.randint(0, 4))
    elif number == 6 and owner is not None and threads[owner].wait is None:
        bench.release_mutant(owner, 6, t.rng.randint(0, 4))
    elif number > 6:
        bench.set_timer(number, t.rng.choice((0, bench.system_time(0))))


def _promise(bench: Bench, number: int, call: Callable[[int], None]) -> None:
    """What a call that releases nobody must trace."""
    one, address = bench.model.objects[number], bench.addresses[number]
    if call != bench.reset_event:
        bench.signals.promise(address, one.kind, one.state, 1)
    if call == bench.pulse_event or call == bench.reset_event and one.state:
        bench.signals.promise(address, one.kind, 1, 0)


def _free(bench: Bench) -> int:
    """A thread that does not wait."""
    return next(thread.number for thread in bench.model.threads if thread.wait is None)


def _shuffled(t, count: int) -> List[int]:
    order = list(range(count))
    t.rng.shuffle(order)
    return order
