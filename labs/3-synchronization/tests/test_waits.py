"""3.4 Any, all, and time-outs: waits that end at once, waits that do not, and waits that time ends."""

from __future__ import annotations

from typing import List

from grader.api import Bugcheck, Hint, test

from .actors import follow, scripts
from .bench import Bench
from .dispatcher import (MUTANT, NOTIFICATION_EVENT, NOTIFICATION_TIMER, SEMAPHORE, SYNCHRONIZATION_EVENT, SYNCHRONIZATION_TIMER, Object)
from .hints import HINTS

BOOT = Hint("wait-boot", HINTS["wait-boot"])
LIMIT = 20_000_000
MIXED = (NOTIFICATION_EVENT, SYNCHRONIZATION_EVENT, SEMAPHORE, MUTANT, NOTIFICATION_TIMER, SYNCHRONIZATION_TIMER)
SECOND = 10_000_000
FOR_EVER = 1 << 40
SIGNALS = ("signal-kept", "signal-lost", "semaphore-units", "mutant-recursion", "mutant-owner", "released-too-many", "released-too-few", "released-order")
MAXIMUM_WAIT_OBJECTS, TOO_MANY_OBJECTS = 64, 0x0C


class WaitBench(Bench):
    """What a signal does is the reference's here: whom it releases wrongly, or what is gone, a wait for all has on its conscience."""

    def _hint(self, name: str):
        return super()._hint(name if name not in SIGNALS else "any-order" if "WaitAny" in self.done[-1] else "all-or-nothing")


def mixed(t, count: int, signaled: float = 0.5) -> List[Object]:
    """Objects of every kind, some of them signaled."""
    kinds = list(MIXED) * -(-count // len(MIXED))
    t.rng.shuffle(kinds)
    return [Object(number, kind, *_state(t, kind, t.rng.random() < signaled)) for number, kind in enumerate(kinds[:count])]


def _state(t, kind: int, signaled: bool) -> "tuple[int, int]":
    if kind == MUTANT:
        return 1, 0  # free until somebody takes it
    if kind == SEMAPHORE:
        return (t.rng.randint(1, 3), 10) if signaled else (0, 10)
    return int(signaled), 0


@test("3.4", points=1, title="what is signaled is taken at once", stage="early", features=("DSP-12", "DSP-14"), limit=LIMIT)
def taken_at_once(t):
    bench = WaitBench(t, mixed(t, 12, 0.8), 3)
    for thread in range(3):
        for number in t.rng.sample(range(12), 6):
            bench.wait(thread, number, t.rng.choice((0, -FOR_EVER)) if bench.model.signaled(number, thread) else 0)
    mutant = bench.model.objects[_one(bench, MUTANT)]
    if mutant.owner is None:
        bench.wait(0, mutant.number)
    bench.wait(mutant.owner or 0, mutant.number, t.rng.choice((-FOR_EVER, None)))  # its own already
    bench.wait(0, _one(bench, NOTIFICATION_EVENT), None if bench.model.signaled(_one(bench, NOTIFICATION_EVENT), 0) else 0)


@test("3.4", points=1, title="any of several: the first that is signaled, by the order of the array", stage="early",
      features=("DSP-13", "DSP-16"), limit=LIMIT)
def any_takes_first(t):
    taken = _shuffled(t, [Object(0, SYNCHRONIZATION_EVENT, 1), Object(0, SEMAPHORE, 1, 10), Object(0, MUTANT, 1)])
    silent = [Object(10, SYNCHRONIZATION_EVENT), Object(11, NOTIFICATION_EVENT)]
    for number, one in enumerate(taken, 12):
        one.number = number
    bench = WaitBench(t, mixed(t, 9, 0.4) + [Object(9, MUTANT, 1), *silent, *taken], 8)
    bench.wait_many(6, [10, 12, 11, 13, 14], False)  # two more behind the one that is taken
    bench.wait_many(7, [10, 12, 13, 14], False)  # the same without the one that is gone
    bench.wait_many(6, [10, 11], False, array=True)  # in blocks of the caller's, though the thread has enough
    bench.wait_many(7, [11, 10], False, -SECOND)
    bench.set_event(10)
    bench.set_event(11)
    for thread in range(5):
        for _ in range(6):
            numbers = t.rng.sample(range(9), t.rng.randint(2, 6))
            if not any(bench.model.signaled(number, thread) for number in numbers):
                break
            bench.wait_many(thread, numbers, False, t.rng.choice((None, 0, -SECOND)), t.rng.random() < 0.5)
    numbers = t.rng.sample(range(9), 5)
    bench.wait_many(0 if bench.model.threads[0].wait is None else _free(bench), numbers, False, 0)
    bench.wait(5, 9)
    bench.end_thread(5)
    silent = [number for number in range(9) if not bench.model.signaled(number, 5)]
    bench.wait_many(5, silent[:t.rng.randint(1, 4)] + [9], False)  # an abandoned mutant


@test("3.4", points=2, title="all of several: everything in one step, or nothing", stage="early", features=("DSP-13", "DSP-16"), limit=LIMIT)
def all_or_nothing(t):
    objects = [Object(0, SYNCHRONIZATION_EVENT, 1), Object(1, SEMAPHORE, 2, 5), Object(2, MUTANT, 1), Object(3, SYNCHRONIZATION_EVENT),
               Object(4, NOTIFICATION_EVENT), Object(5, MUTANT, 1)]
    bench = WaitBench(t, objects, 6)
    for order in ([0, 1, 2, 3], [3, 0, 1, 2]):
        bench.wait_many(0, order, True, 0)  # one is missing, whichever end is looked at first
    bench.wait_many(1, _shuffled(t, [0, 1, 2]), True)  # all there
    bench.wait_many(2, _shuffled(t, [1, 2, 3]), True)  # a mutant of another thread's
    bench.wait_many(3, _shuffled(t, [0, 4]), True, -FOR_EVER)
    bench.wait_many(4, _shuffled(t, [0, 1, 3, 4]), True)
    for number in _shuffled(t, [0, 3]):
        bench.set_event(number, 2)  # nobody has all yet
    bench.wait_many(0, [0, 3], True, 0)
    bench.wait(5, 0)
    bench.set_event(4)
    bench.set_event(0, 1)
    bench.release_mutant(1, 2, 1)
    bench.set_event(3)
    bench.release_semaphore(1, 2)
    bench.set_event(0)
    bench.set_event(3)
    bench.wait(5, 5)
    waiter = _free(bench)
    bench.wait_many(waiter, _shuffled(t, [4, 5]), True)
    bench.end_thread(5)  # its mutant is an abandoned one now
    bench.end_thread(waiter)
    bench.wait_many(waiter, [5, 4], True)  # what the first one gave stays, whatever comes behind it


@test("3.4", points=2, title="time-outs: relative, absolute, zero and in the past", stage="early", features=("DSP-14", "HAL-07"), limit=LIMIT)
def timeouts(t):
    bench = WaitBench(t, mixed(t, 6, 0.0) + [Object(6, SYNCHRONIZATION_EVENT)], 9)
    bench.wait(8, _one(bench, MUTANT))  # it has an owner now
    far = [-t.rng.randint(1, 100 * SECOND), bench.system_time(t.rng.randint(1, 100 * SECOND)), -1, -(1 << 55)]
    over = [0, bench.system_time(0), bench.system_time(-t.rng.randint(1, SECOND)), 1]
    for thread, timeout in enumerate(_shuffled(t, far)):
        bench.wait(thread, t.rng.randrange(7), timeout)
    for timeout in _shuffled(t, over):
        bench.wait(5, t.rng.randrange(7), timeout)
        bench.wait_many(5, t.rng.sample(range(7), 3), t.rng.random() < 0.5, timeout)
    bench.wait_many(6, [6, 0], False, far[0])
    bench.wait_many(7, [6, 1, 2], True, far[1])
    bench.wait_many(4, [6], True, far[3])
    bench.set_clock(bench.model.now + bench.increment)  # but nothing has expired yet
    waiting = _shuffled(t, [0, 1, 2, 3, 6, 7])
    later = next(thread for thread in waiting if bench.model.threads[thread].wait.due > bench.model.now)
    for thread in [later, *(thread for thread in waiting if thread != later)]:  # the first one waits again
        bench.interrupt(thread)


@test("3.4", points=1, title="a delay: time alone", stage="early", features=("DSP-14", "KPR-18"), limit=LIMIT)
def delays(t):
    bench = WaitBench(t, [Object(0, SYNCHRONIZATION_EVENT)], 6)
    for thread, interval in enumerate((-1, -t.rng.randint(2, SECOND), bench.system_time(t.rng.randint(1, SECOND)))):
        bench.delay(thread, interval)
    bench.delay(4, bench.system_time(-t.rng.randint(0, SECOND)))
    bench.yields(5)
    bench.ticks(1)
    bench.ticks(SECOND // bench.increment + 1)
    for thread in _shuffled(t, [0, 1, 2]):
        bench.delay_over(thread)
    bench.delay(0, -5 * bench.increment)
    bench.ticks(6)


@test("3.4", points=1, title="64 objects, and not one more", stage="early", features=("DSP-13", "ERR-04"), limit=LIMIT)
def many_objects(t):
    objects = [Object(number, SYNCHRONIZATION_EVENT) for number in range(MAXIMUM_WAIT_OBJECTS)]
    bench = WaitBench(t, objects, 3)
    bench.wait_many(0, _shuffled(t, list(range(MAXIMUM_WAIT_OBJECTS))), False, array=True)
    bench.set_event(t.rng.randrange(MAXIMUM_WAIT_OBJECTS))
    bench.wait_many(2, t.rng.sample(range(MAXIMUM_WAIT_OBJECTS), t.rng.randint(1, 3)), t.rng.random() < 0.5, array=True)  # has blocks enough of its own
    last = t.rng.randrange(MAXIMUM_WAIT_OBJECTS)
    bench.wait_many(1, _shuffled(t, list(range(MAXIMUM_WAIT_OBJECTS))), True, array=True)
    for number in _shuffled(t, list(range(MAXIMUM_WAIT_OBJECTS))):
        if number != last:
            t.guest.set(bench.addresses[number], "DISPATCHER_HEADER.SignalState", 1)
            bench.model.objects[number].state = 1
    others = _shuffled(t, [number for number in range(MAXIMUM_WAIT_OBJECTS) if number != last])
    middle = t.rng.randrange(1, len(others))
    bench.wait_many(0, others[:middle] + [last] + others[middle:], True, 0, array=True)  # one is missing
    bench.set_event(last)
    for count, blocks in ((0, 0), (4, 0), (65, t.guest.scratch)):
        t.asking(f"KeWaitForMultipleObjects with {count} objects and {'an' if blocks else 'no'} array of wait blocks")
        try:
            t.guest.call("KeWaitForMultipleObjects", count, t.guest.scratch, 1, 0, 0, 0, 0, blocks)
        except Bugcheck as bugcheck:
            t.check(bugcheck.code == TOO_MANY_OBJECTS, expected="bugcheck 0xC MAXIMUM_WAIT_OBJECTS_EXCEEDED", seen=str(bugcheck))
            return
        t.fail(expected="bugcheck 0xC MAXIMUM_WAIT_OBJECTS_EXCEEDED", seen="the call returns")


@test("3.4", points=2, title="random waits and signals against the model, until time ends what is left", stage="early",
      features=("DSP-12", "DSP-13", "DSP-14", "DSP-16"), limit=100_000_000)
def random_waits(t):
    kinds = _shuffled(t, [NOTIFICATION_EVENT, SYNCHRONIZATION_EVENT, SYNCHRONIZATION_EVENT, SEMAPHORE, MUTANT, MUTANT])
    objects = [Object(number, kind, *_state(t, kind, t.rng.random() < 0.3)) for number, kind in enumerate(kinds)]
    bench = WaitBench(t, objects, 8)
    _opening(bench, [one.number for one in objects if one.kind == SYNCHRONIZATION_EVENT], _one(bench, MUTANT))
    for _ in range(150):
        idle = [thread.number for thread in bench.model.threads if thread.wait is None]
        if idle and t.rng.random() < 0.4:
            _random_wait(t, bench, t.rng.choice(idle))
        elif t.rng.random() < 0.15:
            bench.ticks(t.rng.randint(1, 60))
        else:
            _random_signal(t, bench)
    bench.ticks(200)


@test("3.4", points=3, title="whole runs: every step and every result of real threads", features=("DSP-12", "DSP-13", "DSP-14", "SCH-08"),
      limit=100_000_000)
def waits_of_real_threads(t):
    follow(t, *scripts(t.rng))


def _opening(bench: Bench, events: List[int], mutant: int) -> None:
    """What chance may leave out: two events at once, a time-out of zero for what is signaled, a mutant taken twice, a system time to come,
    wait blocks that the caller brings."""
    for number in events:
        bench.set_event(number)
    bench.wait_many(7, events, False)
    bench.wait(7, events[1], 0)
    for _ in range(2):
        bench.wait(7, mutant)
    for _ in range(2):
        bench.release_mutant(7, mutant)
    bench.wait(6, events[0], bench.system_time(SECOND))
    bench.wait_many(5, events, False, array=True)


def _random_wait(t, bench: Bench, thread: int) -> None:
    count = len(bench.model.objects)
    numbers = t.rng.sample(range(count), min(count, t.rng.choice((1, 1, 2, 3, 4))))
    owned = bench.model.threads[thread].mutants
    if owned and t.rng.random() < 0.5:
        again = t.rng.choice(owned)
        numbers = [again] + [number for number in numbers if number != again][:t.rng.choice((0, 0, 2))]
    timeout = t.rng.choice((None, None, 0, -t.rng.randint(1, 200 * bench.increment), bench.system_time(t.rng.randint(-SECOND, SECOND))))
    if set(numbers) & set(owned):
        timeout = t.rng.choice((None, -FOR_EVER))  # with one that is over nobody could tell which of two mistakes was made
    if len(numbers) == 1:
        bench.wait(thread, numbers[0], timeout)
    else:
        bench.wait_many(thread, numbers, t.rng.random() < 0.5, timeout, t.rng.random() < 0.3)


def _random_signal(t, bench: Bench) -> None:
    one = t.rng.choice(bench.model.objects)
    if one.kind == SEMAPHORE:
        bench.release_semaphore(one.number, t.rng.randint(0, max(0, min(3, one.limit - one.state))))
    elif one.kind == MUTANT and one.owner is not None and bench.model.threads[one.owner].wait is None:
        bench.release_mutant(one.owner, one.number)
    elif one.kind in (NOTIFICATION_EVENT, SYNCHRONIZATION_EVENT):
        t.rng.choice((bench.set_event, bench.set_event, bench.reset_event, bench.pulse_event))(one.number)


def _one(bench: Bench, kind: int) -> int:
    return next(one.number for one in bench.model.objects if one.kind == kind)


def _free(bench: Bench) -> int:
    return next((thread.number for thread in bench.model.threads if thread.wait is None), 0)


def _shuffled(t, some: List[int]) -> List[int]:
    t.rng.shuffle(some)
    return some
