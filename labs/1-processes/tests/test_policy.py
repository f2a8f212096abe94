"""1.4: boost, decay and starvation relief: the numbers by call injection, the scan on a bench, one whole run."""

from __future__ import annotations

from itertools import islice
from typing import List, Tuple

from grader.api import test

from .hosted import ANOTHERS, NOBODYS, make_process, make_thread, set_time, times
from .policy import (FIRST_SCANNED, HINTS, LAST_SCANNED, SCAN_BOOSTS, SCAN_THREADS, STARVATION_TICKS, State, Subject,
                     after_quantum, after_wait, when_starved)
from .processor import STARVATION, judge_changes
from .queues import READY, Bench
from .trace import ring_mark
from .workload import Workload

FEATURES = ("SCH-03", "SCH-19")
AFTER_WAIT, AFTER_QUANTUM, WHEN_STARVED = "KiPriorityAfterWait", "KiPriorityAfterQuantum", "KiPriorityWhenStarved"
DISPATCH_LEVEL = 2
LARGEST = 127  # what AdjustIncrement can hold: more than a byte's worth with a base priority


def _moves(t, subject: Subject) -> None:
    """A policy that leaves every thread alone leaves real-time threads alone too: some other thread must rise and fall."""
    base = t.rng.randint(2, 8)
    for routine, priority, argument, hint, moves in ((AFTER_WAIT, base, [t.rng.randint(2, 5)], "policy-not-boosted", lambda answer: base < answer < 16),
                                                     (AFTER_QUANTUM, base + 3, [], "policy-decay", lambda answer: base <= answer < base + 3)):
        state = State(priority, base, 6, 6)
        subject.write(state)
        asked = f"{routine}({', '.join(['thread', *map(str, argument)])}) with {state.show()}"
        t.asking(asked, t.hint(hint, HINTS[hint]))
        answer = t.guest.call(routine, subject.thread, *argument)
        t.check(moves(answer), asked=asked, expected="a boost" if routine == AFTER_WAIT else "a decay", seen=f"returns {answer}",
                hint=t.hint(hint, HINTS[hint]))


def _variable(t, low: int = 1, high: int = 13, boosted: int = 0) -> State:
    base = t.rng.randint(low, high)
    return State(priority=min(15, base + boosted), base=base, quantum=t.rng.randint(2, 36), reset=t.rng.choice((6, 9, 12, 18, 36)))


@test("1.4", points=2, title="the end of a wait boosts over the base priority, and never lowers", stage="early", features=FEATURES, limit=2_000_000)
def boost_adds_to_base(t):
    subject = Subject(t)
    for _ in range(40):
        state = _variable(t, high=9, boosted=t.rng.choice((0, 0, 1, 2, 5)))
        increment = t.rng.randint(0, 15 - state.base)
        subject.ask(AFTER_WAIT, state, [increment], after_wait(state, increment), "policy-base")


@test("1.4", points=1, title="a boost ends at 15", stage="early", features=FEATURES, limit=2_000_000)
def boost_stops_at_15(t):
    subject = Subject(t)
    for base in range(1, 16):
        state = State(base, base, t.rng.randint(2, 18), 18)
        for increment in (15 - base + t.rng.randint(1, 16), LARGEST):
            subject.ask(AFTER_WAIT, state, [increment], after_wait(state, increment), "policy-cap")


@test("1.4", points=1, title="real-time threads keep their priority", stage="early", features=FEATURES + ("SCH-02",), limit=2_000_000)
def realtime_untouched(t):
    subject = Subject(t)
    _moves(t, subject)
    for priority in range(16, 32):
        state = State(priority, priority, t.rng.randint(-2, 5), t.rng.choice((6, 18)))
        increment = t.rng.randint(1, 8)
        subject.ask(AFTER_WAIT, state, [increment], after_wait(state, increment), "policy-realtime")
        subject.ask(AFTER_QUANTUM, state, [], after_quantum(state), "policy-realtime")
        ticks = STARVATION_TICKS + t.rng.randint(0, 5000)
        subject.ask(WHEN_STARVED, state, [ticks], when_starved(state, ticks), "policy-realtime")


@test("1.4", points=1, title="no boost for a thread that refuses boosts, or is being relieved", stage="early", features=FEATURES + ("KPR-14",), limit=2_000_000)
def boost_refused(t):
    subject = Subject(t)
    for kind in ("thread", "process", "relieved") * 5:
        state = _variable(t, high=8)
        state.disable_boost, state.process_disables = kind == "thread", kind == "process"
        if kind == "relieved":
            state.priority, state.decrement = 15, 15 - state.base
        increment = t.rng.randint(1, 6)
        subject.ask(AFTER_WAIT, state, [increment], after_wait(state, increment), "policy-disabled")


@test("1.4", points=1, title="a wait costs quantum, or renews it", stage="early", features=FEATURES + ("SCH-11",), limit=2_000_000)
def wait_costs_quantum(t):
    subject = Subject(t)
    for base in list(range(1, 16)) * 2:  # without a boost, so that only the quantum decides
        state = State(min(15, base + t.rng.choice((0, 3))), base, t.rng.choice((1, 1, 2, 5, 17)), t.rng.choice((6, 18)), disable_boost=True)
        subject.ask(AFTER_WAIT, state, [0], after_wait(state, 0), "policy-wait-quantum")


@test("1.4", points=2, title="a quantum end takes one level, down to the base priority", stage="early", features=FEATURES + ("SCH-11",), limit=2_000_000)
def decay_to_base(t):
    subject = Subject(t)
    for _ in range(8):
        base = t.rng.randint(1, 11)
        state = State(15, base, 0, t.rng.choice((6, 18, 36)))
        while True:
            expected = after_quantum(state)
            hint = "policy-floor" if state.priority <= base else "policy-decay"
            subject.ask(AFTER_QUANTUM, state, [], expected, hint)
            if state.priority == base:
                break
            state.priority, state.quantum = expected[0], t.rng.choice((0, -1, -2))
    lowest = State(0, 0, 0, 6)  # the zero-page thread: one level less than 0 is no priority
    subject.ask(AFTER_QUANTUM, lowest, [], after_quantum(lowest), "policy-floor")


@test("1.4", points=1, title="PriorityDecrement is taken back at once, and only once", stage="early", features=FEATURES, limit=2_000_000)
def decrement_taken_back(t):
    subject = Subject(t)
    for extra in (0, 1, 2, 3) * 4:  # 0: one level more would be below the base priority
        base = t.rng.randint(2, 9)
        state = State(15, base, 0, 12, decrement=15 - base - extra)
        expected = after_quantum(state)
        subject.ask(AFTER_QUANTUM, state, [], expected, "policy-decay" if extra > 1 else "policy-floor")


@test("1.4", points=1, title="which threads are starved, and what relief is", stage="early", features=FEATURES, limit=2_000_000)
def starved_numbers(t):
    subject = Subject(t)
    for ticks in (0, STARVATION_TICKS - 1, STARVATION_TICKS, STARVATION_TICKS + t.rng.randint(1, 10 ** 6), 0x80000000, 0xFFFFFFFF):
        for state in (_variable(t), _variable(t, boosted=t.rng.randint(1, 2)), State(15, t.rng.randint(8, 15), 6, 6),
                      State(t.rng.randint(0, 3), 0, 6, 6), State(9, 7, 6, t.rng.randint(64, 100), decrement=1)):
            subject.ask(WHEN_STARVED, state, [ticks], when_starved(state, ticks), "policy-starved")


@test("1.4", points=1, title="the scan finds the starved, in turn and within its limits", stage="ready", features=FEATURES + ("SCH-13",), limit=20_000_000)
def scan_finds_starved(t):
    """Several scans of a bench processor; what they relieve lands on the real processor, which is held at DISPATCH_LEVEL."""
    guest = t.guest
    guest.set(guest.pcr(), "KPCR.Irql", DISPATCH_LEVEL)
    soon, _, later = sorted(islice(times(t.rng), 3))  # soon after the boot, a tick count less a waiting time wraps
    _scans(t, *_ready_threads(t.rng), setting=(ANOTHERS, soon), index=t.rng.randint(2, 5), count=4)
    _scans(t, *_last_of_its_queue(), setting=(ANOTHERS, soon), index=3, count=2)
    # More threads than a scan looks at in the queues 0 and 15, which are no scan's business: it goes from 14 to 1 and not through them.
    _scans(t, *_crowd_outside(t.rng), setting=(NOBODYS, later), index=14, count=1)


def _scans(t, priorities: List[int], starved: List[bool], setting: Tuple[str, int], index: int, count: int) -> None:
    """Scans of a bench with these threads, each compared with the model."""
    guest, now = t.guest, setting[1]
    bench = Bench.make(t, len(priorities), priorities, setting)
    process = make_process(guest)
    for number, thread in enumerate(bench.threads):
        waited = STARVATION_TICKS + t.rng.randint(0, 400) if starved[number] else t.rng.randint(0, STARVATION_TICKS - 20)
        make_thread(guest, thread, process, bench.priorities[number], READY, Quantum=3, WaitTime=(now - waited) & 0xFFFFFFFF)
        bench.contents[number] = bench.content(number)
        bench.insert(number)
    guest.set(bench.prcb, "KPRCB.QueueIndex", index)
    since, changes = ring_mark(t), []
    for scan in range(count):
        asked = f"KiScanReadyQueues, scan {scan + 1}, QueueIndex {index}, of {bench.model.show()}"
        relieved, index = _scan(bench, starved, index)
        t.asking(asked, t.hint("scan-queue", HINTS["scan-queue"]))
        set_time(guest, now)  # every stop of the host may have cost a clock tick
        answer = guest.call("KiScanReadyQueues", bench.prcb)
        seen = [number for number, thread in enumerate(bench.threads) if bench.model.where(number) is not None
                and guest.get(thread, "KTHREAD.Priority") != bench.priorities[number]]
        hint = "scan-counted" if answer != len(seen) else "scan-limit" if len(seen) > SCAN_BOOSTS else "scan-order" if seen or not relieved else "scan-forgotten"
        t.check(answer == len(relieved) and sorted(seen) == sorted(relieved), asked=asked,
                expected=f"relieves {len(relieved)}: {_names(sorted(relieved))}", seen=f"returns {answer}, relieved {_names(seen)}",
                hint=t.hint(hint, HINTS[hint]))
        for number in relieved:
            bench.model.remove(number)
            changes.append((number, bench.priorities[number], 15, STARVATION))
            bench.priorities[number] = 15
        queues = bench.read()
        want = {priority: queue for priority, queue in enumerate(bench.model.queues) if queue}
        t.check(queues.queues == want and queues.summary == bench.model.summary, asked=asked, expected=bench.model.show(),
                seen=queues.show(), hint=t.hint("scan-queue", HINTS["scan-queue"]))
        next_index = guest.get(bench.prcb, "KPRCB.QueueIndex")
        t.check(next_index == index, asked=asked, expected=f"QueueIndex {index} afterwards", seen=f"QueueIndex {next_index}",
                hint=t.hint("scan-order", HINTS["scan-order"]))
    judge_changes(t, since, {thread: number for number, thread in enumerate(bench.threads)}, changes)


@test("1.4", points=1, title="a starved thread runs, for one doubled quantum, and is then where it was", stage="ready",
      features=FEATURES + ("SCH-01",), limit=400_000_000)
def starved_thread_runs(t):
    """A spinning thread keeps a lower one off the processor; the host makes its waiting time long, the kernel does the rest."""
    guest = t.guest
    low, high = sorted(t.rng.sample(range(2, 13), 2))
    quantum = t.rng.choice((6, 9, 12))
    set_time(guest, next(times(t.rng)))
    workload = Workload.spinners(t, [high, low], [quantum, quantum])
    asked = f"A1 (priority {low}) has been ready for {STARVATION_TICKS} ticks while A0 (priority {high}) runs"
    hint = lambda name: t.hint(name, HINTS[name])
    t.asking(asked + ": the next scan, within a second, relieves it", hint=hint("scan-forgotten"))
    workload.start(until="Lab1Turn")
    waited = guest.u32(guest.sym("KeTickCount")) - STARVATION_TICKS - t.rng.randint(0, 50)
    workload.set(1, "WaitTime", waited & 0xFFFFFFFF)
    while workload.next_turn() == 0:
        pass
    t.check(workload.get(1, "Priority") == 15, asked=asked, expected="A1 runs at priority 15",
            seen=f"A1 runs at {workload.get(1, 'Priority')}", hint=hint("policy-relief"))
    before = workload.get(1, "KernelTime")
    while workload.next_turn() == 1:
        pass
    ran, wanted = workload.get(1, "KernelTime") - before, (2 * quantum + 2) // 3
    t.check(ran == wanted, asked=asked, expected=f"A1 runs for {wanted} ticks: twice {quantum} units, 3 a tick", seen=f"it ran for {ran}",
            hint=hint("policy-relief"))
    t.check(workload.get(1, "Priority") == low, asked=asked, expected=f"A1 falls back to priority {low} at once",
            seen=f"to priority {workload.get(1, 'Priority')}", hint=hint("policy-decay"))


def _ready_threads(rng) -> "tuple[list[int], list[bool]]":
    """Priorities, and which threads are starved: more starved threads in the upper queues than one scan may relieve, one behind a thread that is
    not, some in queue 1, which a scan that does not begin there reaches later, and some that no scan may touch."""
    upper = [(7, False), (7, True)] + [(rng.choice((6, 8, 9, 13, 14)), number < 12) for number in range(16)]
    others = [(1, True), (1, True)] + [(priority, True) for priority in (0, 15, 20)] + [(rng.randint(16, 31), True)]
    tail = upper[2:] + others
    rng.shuffle(tail)
    threads = upper[:2] + tail
    return [priority for priority, _ in threads], [starved for _, starved in threads]


def _last_of_its_queue() -> "tuple[list[int], list[bool]]":
    """As many threads in queue 3 as a scan looks at: it ends with the last one there, and the next scan begins there again.  One of
    them is starved, so the second scan comes to queue 5."""
    return [3] * SCAN_THREADS + [5], [number == 0 for number in range(SCAN_THREADS)] + [True]


def _crowd_outside(rng) -> "tuple[list[int], list[bool]]":
    """One starved thread each in queues 14 and 1, and crowds in the queues beside them."""
    threads = [(14, True), (1, True)] + [(0, False)] * (SCAN_THREADS + rng.randint(0, 3)) + [(15, False)] * (SCAN_THREADS + rng.randint(0, 3))
    rng.shuffle(threads)
    return [priority for priority, _ in threads], [starved for _, starved in threads]


def _scan(bench: Bench, starved: List[bool], index: int) -> "tuple[list[int], int]":
    """The model of one scan: which threads are relieved, and where the next one begins."""
    relieved: List[int] = []
    looked, queue = 0, index
    for _ in range(FIRST_SCANNED, LAST_SCANNED + 1):
        for number in list(bench.model.queues[queue]):
            if looked == SCAN_THREADS or len(relieved) == SCAN_BOOSTS:
                return relieved, queue
            looked += 1
            if starved[number]:
                relieved.append(number)
        if looked == SCAN_THREADS or len(relieved) == SCAN_BOOSTS:
            return relieved, queue
        queue = FIRST_SCANNED if queue == LAST_SCANNED else queue + 1
    return relieved, queue


def _names(numbers: List[int]) -> str:
    return " ".join(f"T{number}" for number in numbers) or "none"
