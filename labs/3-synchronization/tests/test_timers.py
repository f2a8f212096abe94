"""3.7 Timers: the table, due times in every form, periods, DPCs, and a clock that may have gone on by many ticks."""

from __future__ import annotations

from collections import Counter
from typing import List, Sequence, Tuple

from grader.api import test
from grader.views.ring import Event

from .bench import Bench
from .dispatcher import MILLISECOND, NOTIFICATION_TIMER, SYNCHRONIZATION_TIMER, Object
from .traced import Fresh

LIMIT = 30_000_000
FEATURES = ("DSP-09", "INT-09")
KINDS = (NOTIFICATION_TIMER, SYNCHRONIZATION_TIMER)
TURN = 256  # ticks
SPARE = 30  # instructions: less than a loop over 15 timers takes, more than two calls for an empty and a full chain differ by


class TracedTimers(Bench):
    """A bench that looks at the trace, too: each timer that is started, with its due time, and each that expires, with the tick."""

    def __init__(self, t, objects: List[Object], threads: int, dpcs: int = 0) -> None:
        super().__init__(t, objects, threads, dpcs)
        self._fresh = Fresh(t.guest, {Event.TIMER_SET: 3, Event.TIMER_EXPIRE: 2})

    def compare(self, hint: str = "") -> None:
        super().compare(hint)
        own = self.guest.field("KTHREAD.Timer")[0]
        tick = self.model.now // self.increment & 0xFFFFFFFF
        wanted, self.model.timed = self.model.timed, []
        address = {key: self.addresses[key[1]] if key[0] == "object" else self.threads[key[1]] + own for key, _ in wanted}
        self._equal(self._trace([(Event.TIMER_EXPIRE, address[key], tick) if due is None else
                                 (Event.TIMER_SET, address[key], due & 0xFFFFFFFF, due >> 32) for key, due in wanted]), self._trace(self._fresh.look()), "traced-timer")

    def _trace(self, events: Sequence[Tuple[int, ...]]) -> str:
        own = self.guest.field("KTHREAD.Timer")[0]
        told = []
        for event, subject, *rest in events:
            name = self.name(self.places[subject]) if subject in self.places else \
                f"T{self.numbers[subject - own]}'s" if subject - own in self.numbers else f"{subject:#010x}"
            told.append(f"TimerSet {name} {rest[0]:#x} {rest[1]:#x}" if event == Event.TIMER_SET else f"TimerExpire {name} {rest[0]}")
        return "traced: " + (", ".join(told) or "nothing")


class Disturbed(TracedTimers):
    """A bench for signals that change the chain that is walked: what they have done to it shows by who expires."""

    def compare(self, hint: str = "") -> None:
        own = self.guest.field("KTHREAD.Timer")[0]
        timed, self.model.timed = self.model.timed, []
        wanted = Counter(self.addresses[number] if kind == "object" else self.threads[number] + own for (kind, number), due in timed if due is None)
        expired = [event for event in self._fresh.look() if event[0] == Event.TIMER_EXPIRE]
        if Counter(event[1] for event in expired) - wanted:
            self._fail(f"{sum(wanted.values())} timers expire", self._trace(expired), "timer-walk")
        Bench.compare(self, hint)


def timers(t, count: int) -> List[Object]:
    return [Object(number, t.rng.choice(KINDS)) for number in range(count)]


def _in_ticks(t, bench: Bench, low: int, high: int) -> int:
    """A relative due time some ticks from now, and a part of a tick."""
    return -(t.rng.randint(low, high) * bench.increment + t.rng.randrange(1, bench.increment))


@test("3.7", points=1, title="the table: the chain of each timer, and its place there", stage="early", features=FEATURES, limit=LIMIT)
def timer_table(t):
    bench = Bench(t, timers(t, 16), 3)
    tick = _in_ticks(t, bench, 5, 250)
    alone = _cost(bench, 0, tick)
    for number in range(16):
        same = tick - t.rng.choice((0, 0, 1, -1, 3)) - t.rng.choice((0, TURN, 2 * TURN)) * bench.increment
        bench.set_timer(number, same if number % 2 else _in_ticks(t, bench, 1, 900))
    edges = [reach + past for reach in (TURN, TURN ** 2, TURN ** 3, TURN ** 4) for past in (-1, 0, 1)]
    for number, ticks in zip(t.rng.sample(range(16), len(edges)), edges):
        bench.set_timer(number, -ticks * bench.increment)  # the last that a wheel reaches, and the first that it does not
    for thread in range(3):
        bench.wait(thread, 0, tick - t.rng.choice((0, 1, TURN * bench.increment)))
    for number in t.rng.sample(range(1, 16), 15):
        bench.set_timer(number, tick)  # again: behind the others of that time
    bench.cancel_timer(0)
    _costs_the_same(bench, alone, _cost(bench, 0, tick))


def _cost(bench: Bench, number: int, due: int) -> int:
    """Instructions to set a timer that does not run."""
    before = bench.guest.icount()
    bench.set_timer(number, due)
    return int(bench.guest.icount()) - before


def _costs_the_same(bench: Bench, alone: int, behind: int) -> None:
    if behind > alone + SPARE:
        bench._fail(f"at most {alone + SPARE} instructions, behind 15 timers on its chain ({alone} as the first in the table)", str(behind), "timer-cost")


@test("3.7", points=1, title="set, cancelled, set again: what is returned and what stays", stage="early", features=FEATURES, limit=LIMIT)
def set_and_cancel(t):
    bench = TracedTimers(t, timers(t, 5), 1, 3)
    bench.wait(0, 1, _in_ticks(t, bench, 1, 2))  # its time-out expires, too
    bench.set_timer(0, _in_ticks(t, bench, 1, 2), 50, 0)
    bench.ticks(3)  # it expires, and runs again
    for _ in range(50):
        number = t.rng.randrange(5)
        choice = t.rng.random()
        if choice < 0.45:
            due = t.rng.choice((_in_ticks(t, bench, 0, 40), bench.system_time(t.rng.randint(1, 40 * bench.increment))))
            bench.set_timer(number, due, t.rng.choice((0, 0, 50)), t.rng.choice((None, 0, 1, 2)))
        elif choice < 0.8:
            bench.cancel_timer(number)
        else:
            bench.ticks(t.rng.randint(0, 6))
    for _ in range(2):
        bench.set_timer(0, _in_ticks(t, bench, 0, 3), 50)  # the second time it is signaled
        bench.ticks(5)
    bench.set_timer(0, _in_ticks(t, bench, 5, 40), 50, 1)
    bench.dpc_waits(1)  # it expired shortly before, and its DPC has not run yet
    bench.cancel_timer(0)


@test("3.7", points=1, title="due times in the past: at once, without the table", stage="early", features=FEATURES + ("HAL-07",), limit=LIMIT)
def due_already(t):
    bench = Bench(t, timers(t, 6), 2, 2)
    bench.wait(0, 0)
    forms = [0, 1, bench.system_time(0), bench.system_time(-t.rng.randint(1, 1 << 30))]
    for number, due in zip(_shuffled(t, range(6)), forms + t.rng.sample(forms, 2)):
        bench.set_timer(number, due, t.rng.choice((0, 0, t.rng.randint(10, 90))), t.rng.choice((None, 0, 1)))
    bench.set_timer(0, bench.system_time(-t.rng.randint(1, 9) * MILLISECOND), t.rng.randint(10, 90))  # the period counts from there
    bench.ticks(12)


@test("3.7", points=1, title="a timer that the clock overtakes while it is set", stage="early", features=FEATURES, limit=LIMIT)
def overtaken(t):
    bench = Bench(t, timers(t, 4), 1)
    bench.ticks(1)
    for number, ticks in zip(_shuffled(t, range(4)), (1, t.rng.randint(2, 9), t.rng.randint(10, 20), 1)):
        bench.insert_overtaken(number, ticks)
    for number, ticks, gone in ((0, t.rng.randint(3, 9), 1), (1, t.rng.randint(3, 9), 9)):
        bench.insert_meanwhile(number, ticks, gone)


@test("3.7", points=1, title="the clock goes on: what is due expires, and nothing else", stage="early", features=FEATURES, limit=2 * LIMIT)
def expiry(t):
    _disturbed(t)
    bench = Bench(t, timers(t, 16), 4, 4)
    bench.late((t.rng.randint(110, 160) - bench.clock) % TURN)  # so that the large step below goes past the beginning of a chain
    for number in range(12):
        base = _in_ticks(t, bench, 1, 30)
        bench.set_timer(number, base - t.rng.choice((0, 0, TURN * bench.increment)), 0, t.rng.choice((None, t.rng.randrange(4))))
    for thread in range(4):
        bench.wait(thread, t.rng.randrange(12), t.rng.choice((None, _in_ticks(t, bench, 1, 30))))
    for _ in range(14):
        bench.ticks(t.rng.choice((0, 1, 1, 2, 5)))
    bench.set_timer(12, -2 * TURN * bench.increment)  # there is always one, so that no hand is skipped
    bench.late(t.rng.randint(3, 6))
    for number, ticks in ((13, TURN - 1), (14, TURN - 2), (15, TURN - 3)):
        bench.set_timer(number, -ticks * bench.increment)  # on chains that the expiry has still to come by
    bench.ticks(0)
    bench.ticks(TURN - 100)
    for _ in range(20):
        bench.ticks(t.rng.randint(3, 10))
    _go_down_together(t, bench, range(13, 16))


@test("3.7", points=1, title="waiters: a notification timer frees all, a synchronization timer one", stage="early",
      features=FEATURES + ("DSP-14",), limit=LIMIT)
def timer_waiters(t):
    bench = Bench(t, [Object(0, NOTIFICATION_TIMER), Object(1, SYNCHRONIZATION_TIMER)], 8)
    for _ in range(3):
        for number in (0, 1):
            bench.set_timer(number, _in_ticks(t, bench, 1, 6))
        for thread in _shuffled(t, range(8)):
            if bench.model.threads[thread].wait is None:
                bench.wait(thread, t.rng.randrange(2))
        bench.ticks(3)
        bench.ticks(5)
        bench.cancel_timer(t.rng.randrange(2))


@test("3.7", points=1, title="periods: due again one period after the due time", stage="early", features=FEATURES, limit=LIMIT)
def periods(t):
    bench = Bench(t, timers(t, 4), 2, 2)
    milliseconds = bench.increment // MILLISECOND
    bench.set_timer(0, _in_ticks(t, bench, 1, 3), milliseconds)  # alone in the table: it expires, and is there again for the next tick
    for count in (4, 1, 1):
        bench.ticks(count)
        bench.set_timer(1, -bench.increment)
    bench.ticks(1)
    bench.set_timer(0, -bench.increment, 1)  # the shortest period
    bench.set_timer(1, milliseconds * MILLISECOND - 3 * bench.increment, milliseconds)
    bench.ticks(3)  # the second one's next due time is now: one period from now
    for number in range(4):
        period = t.rng.randint(2 * milliseconds, 9 * milliseconds + 3)
        due = t.rng.choice((_in_ticks(t, bench, 1, 8), bench.system_time(t.rng.randint(1, 8 * bench.increment)), 0))
        bench.set_timer(number, due, period, t.rng.choice((None, 0, 1)))
    bench.set_timer(3, -bench.increment, t.rng.randint(430_000, 2_000_000))  # in units of 100 ns that is more than 32 bits hold
    for _ in range(16):
        bench.ticks(t.rng.choice((1, 1, 1, 2)))
    bench.ticks(t.rng.randint(20, 40))  # many periods in one pass: one expiry, and one period from now
    bench.cancel_timer(t.rng.randrange(4))
    bench.ticks(10)


@test("3.7", points=1, title="a clock that has gone once round and more", stage="early", features=FEATURES, limit=2 * LIMIT)
def once_round(t):
    _far_away(t)
    bench = Bench(t, timers(t, 14), 1)
    far, early = TURN * TURN, t.rng.randint(10, 60)
    bench.ticks(far + early - bench.model.now // bench.increment)  # two wheels begin a chain together after another `far - early`
    last = far - early + t.rng.randint(100, 200)
    for number, ticks in enumerate((last, far + 900, far + 1200)):
        bench.set_timer(number, -ticks * bench.increment)
    bench.ticks(far - early - 200)
    bench.set_timer(3, -(last - far + early + 200) * bench.increment)  # of the same tick as the first, from the wheel below
    bench.ticks(200)
    bench.ticks(TURN)
    bench.ticks(5 * TURN)
    _go_down_together(t, bench, range(3))
    for number in range(1, 14):
        bench.set_timer(number, _in_ticks(t, bench, 1, 1500))
    for _ in range(3):
        bench.ticks(t.rng.randint(TURN - 2, 2 * TURN))
    bench.ticks(1)
    bench.set_timer(0, -3 * bench.increment)
    late = t.rng.randint(4, 12)  # the clock is ahead of the expiry by so much, and a timer is set meanwhile: for a turn later
    bench.set_clock(bench.model.now + late * bench.increment)
    bench.set_timer(1, -(TURN - t.rng.randint(1, late - 3)) * bench.increment)
    bench.ticks(0)
    bench.ticks(TURN)


def _go_down_together(t, bench: Bench, numbers) -> None:
    """Timers on wheel 1, of the last tick of the next chain there; the clock goes past the beginning of that chain in one step."""
    ahead = TURN - bench.clock % TURN
    for number in _shuffled(t, numbers):
        bench.set_timer(number, t.rng.randrange(bench.increment) - (ahead + TURN - 1) * bench.increment)
    bench.ticks(ahead + t.rng.randint(1, 200))


def _disturbed(t) -> None:
    """Signals stop timers of the chain that is looked at, in its middle and at its end, and put one on it again."""
    bench = Disturbed(t, timers(t, 6), 2)
    ticks = t.rng.randint(2, 9)
    bench.set_timer(5, -(ticks + 3) * bench.increment)
    for number in (0, 1):
        for begin in (lambda due: bench.set_timer(number, due), lambda due: bench.wait(number, number, due)):  # its time-out is due in the same tick
            begin(t.rng.randrange(bench.increment) - ticks * bench.increment)
    for count in (ticks, 3):
        bench.ticks(count)
    near = t.rng.randrange(bench.increment - MILLISECOND)
    bench.set_timer(2, near - bench.increment, TURN * bench.increment // MILLISECOND)  # in a period its chain comes round
    for number in (3, 4):
        bench.set_timer(number, -bench.increment)
    bench.late(t.rng.randint(2, 9))  # and the clock is near enough then
    for count in (0, TURN):
        bench.ticks(count)
    bench.cancel_timer(2)
    t.guest._allocated = 0  # what follows begins anew


def _far_away(t) -> None:
    """The clock comes to a tick that more than 32 bits hold, where each of the higher wheels begins a chain."""
    begin, early = t.rng.randint(1, 200) * TURN ** 4, t.rng.randint(5, 9)
    bench = Bench(t, timers(t, 7), 1, 1, tick=begin - early)
    ends = [begin + TURN ** wheel - t.rng.randint(1, 4) for wheel in (3, 2, 1)]  # each on the last tick or so of the chain that begins there
    for number, hand in enumerate((*ends, begin + 1, begin - 2, begin)):
        bench.set_timer(number, (begin - early - hand) * bench.increment, 0 if number < 3 else 30, t.rng.choice((None, 0)))
    bench.wait(0, 0, (-early - t.rng.randint(2, 9)) * bench.increment)
    for count in (early - 1, 1, 1, 3, 10):  # with the last one periods have gone by: the next one is counted from now
        bench.ticks(count)
    bench.insert_overtaken(6, 1)
    for number in range(6):
        bench.cancel_timer(number)
    bench.ticks(20)
    t.guest._allocated = 0  # what follows begins anew


@test("3.7", points=1, title="random timers and time-outs against the model", stage="early", features=FEATURES + ("DSP-14",), limit=3 * LIMIT)
def random_timers(t):
    _disturbed(t)
    bench = Bench(t, timers(t, 8), 6, 3)
    _go_down_together(t, bench, range(3))
    bench.set_timer(0, _in_ticks(t, bench, 1, 2), 50)
    bench.ticks(3)
    for _ in range(110):
        idle = [thread.number for thread in bench.model.threads if thread.wait is None]
        choice = t.rng.random()
        if choice < 0.3:
            due = t.rng.choice((_in_ticks(t, bench, 0, 60), _in_ticks(t, bench, 0, 600), bench.system_time(t.rng.randint(-5, 60) * bench.increment)))
            bench.set_timer(t.rng.randrange(8), due, t.rng.choice((0, 0, 0, t.rng.randint(20, 90))), t.rng.choice((None, 0, 1, 2)))
        elif choice < 0.4:
            bench.cancel_timer(t.rng.randrange(8))
        elif choice < 0.7 and idle:
            bench.wait_many(t.rng.choice(idle), t.rng.sample(range(8), t.rng.randint(1, 3)), t.rng.random() < 0.4,
                            t.rng.choice((None, 0, _in_ticks(t, bench, 0, 80))))
        else:
            bench.ticks(t.rng.choice((1, 1, 2, 3, 20)))
    bench.set_timer(0, _in_ticks(t, bench, 0, 3), 50)
    bench.ticks(5)


def _shuffled(t, some) -> List[int]:
    order = list(some)
    t.rng.shuffle(order)
    return order
