"""1.3: which thread runs next.  The three routines by call injection, and whole schedules step by step against the model."""

from __future__ import annotations

from typing import List

from grader.api import Hint, test

from .hosted import set_time, times
from .meanwhile import Change
from .processor import ADJUST_BOOST, ADJUST_UNWAIT, HINTS, Processor
from .schedules import follow, random_scripts, signals_only
from .scheduler import WAITING
from .trace import judge_ring, ring_mark
from .workload import Workload

FEATURES = ("SCH-01", "SCH-12", "SCH-13")
ENDLESS = 127
DISABLE_QUANTUM = 4
BOOT = Hint("schedule-boot", HINTS["schedule-boot"])


@test("1.3", points=2, title="a thread that becomes ready displaces a lower one, and only a lower one", features=FEATURES + ("SCH-05", "SCH-06"), limit=10_000_000)
def deferred_ready_places(t):
    processor = Processor(t, 24, t.rng.randint(4, 8))
    for number in range(24):
        # Equals of the standby thread first, then one that displaces it: the old standby thread must come before its equals.
        rival = (processor.model.next or processor.model.current).priority
        higher = min(31, rival + t.rng.randint(1, 2))
        priority = (rival, t.rng.randint(1, rival), rival, higher)[number % 4]
        processor.place(number, priority, hint="equal-displaces" if priority == rival else "no-preemption")
    processor.clear()
    processor.set_current(9)
    processor.leave()
    processor.place(0, t.rng.randint(2, 9), hint="equal-displaces")
    processor.place(1, t.rng.randint(10, 31), hint="no-preemption")


@test("1.3", points=1, title="a boost that is due is applied before the choice", features=FEATURES + ("SCH-03",), limit=10_000_000)
def deferred_ready_boosts(t):
    """The running thread is out of reach, so that only the boost decides about the queue."""
    processor = Processor(t, 16, 24)
    for number in range(16):
        priority, increment = t.rng.randint(16, 23) if number % 4 == 3 else t.rng.randint(1, 12), t.rng.randint(0, 13)
        none = number % 2 and (priority > 15 or increment <= priority)
        processor.place(number, priority, hint="adjust-no-rise" if none else "adjust-ignored", Quantum=30,
                        AdjustReason=(ADJUST_UNWAIT, ADJUST_BOOST)[number % 2], AdjustIncrement=increment)
    processor.clear()
    # A boost that is one, one that is no rise for a thread above its base priority, and none for real-time threads, however large.
    risen = (t.rng.randint(3, 7), 3, t.rng.randint(8, 13))
    for number, (priority, base, increment) in enumerate((risen, (12, 5, 9), (16, 16, 20), (18, 18, 20))):
        processor.place(number, priority, hint="adjust-no-rise" if number else "adjust-ignored", Quantum=30, BasePriority=base, AdjustReason=ADJUST_BOOST,
                        AdjustIncrement=increment)
    processor.judge_trace()


@test("1.3", points=2, title="a ready thread changes its queue with its priority", features=FEATURES + ("SCH-02", "SCH-16"), limit=10_000_000)
def set_priority_of_ready(t):
    processor = Processor(t, 10, t.rng.randint(10, 14))
    running = processor.model.current.priority
    for number in range(10):
        processor.place(number, t.rng.randint(2, running - 2))
    numbers = _shuffled(t, 10)
    for number in numbers[:6]:  # below the running thread, both ways
        old = processor.model.threads[number].priority
        processor.set_priority(number, old - 1, "old-queue")
        processor.set_priority(number, t.rng.randint(old, running - 1), "old-queue")
    processor.set_priority(numbers[6], running, "not-raised")  # an equal waits
    processor.set_priority(numbers[7], running + 1, "not-raised")  # better than the thread that runs
    processor.set_priority(numbers[8], running + 3, "not-raised")  # better than the one that runs next
    processor.set_priority(numbers[9], running - 1, "old-queue")
    processor.clear()
    for number in range(3):
        processor.place(number, running - 2)
    processor.set_priority(t.rng.choice((0, 1)), running - 2, "old-queue")  # the priority that it has: nothing at all
    processor.judge_trace()


@test("1.3", points=2, title="the running thread changes its priority", features=FEATURES + ("SCH-02", "SCH-07"), limit=10_000_000)
def set_priority_of_running(t):
    processor = Processor(t, 8, 12)
    for number in range(8):
        processor.place(number, t.rng.randint(3, 11))
    priorities = [1] + [t.rng.choice((t.rng.randint(1, 15), t.rng.randint(1, 15), t.rng.randint(16, 31))) for _ in range(16)]
    for priority in priorities:
        processor.set_priority(-1, priority, "not-reconsidered")
    processor.clear()
    processor.set_current(9)
    for number, priority in enumerate((12, 12, 10)):
        processor.place(number, priority, BasePriority=3)
    for priority in (12, 13, 12, 11, 10, 9):  # what is equal to the next thread, or to a ready one, changes nothing
        processor.set_priority(-1, priority, "not-reconsidered")
    processor.judge_trace()


@test("1.3", points=2, title="the standby thread changes its priority", features=FEATURES + ("SCH-02", "SCH-06"), limit=10_000_000)
def set_priority_of_standby(t):
    processor = Processor(t, 9, t.rng.randint(5, 8))
    running = processor.model.current.priority
    processor.place(0, running + 4)
    for number in range(1, 9):
        processor.place(number, running + t.rng.randint(1, 3))
    priority = running - 2  # the first change takes the standby thread below everybody
    for _ in range(20):
        if processor.model.next is None:
            break
        processor.set_priority(processor.model.next.number, priority, "not-reconsidered")
        priority = t.rng.randint(running - 3, running + 8)
    processor.clear()
    processor.set_current(9)
    for number, priority in enumerate((14, 12, 11)):
        processor.place(number, priority)
    for number, priority in ((0, 12), (0, 11), (1, 11), (1, 10), (2, 10), (2, 9)):  # an equal of a ready thread stays the next one
        processor.set_priority(number, priority, "not-reconsidered")
    processor.clear()
    processor.set_current(9)
    for number, priority in enumerate((14, 11)):
        processor.place(number, priority)
    t.guest.set(processor.current, "KTHREAD.Preempted", 0)
    processor.model.current.preempted = False
    processor.leave()
    processor.set_priority(0, 7, "not-reconsidered")
    processor.judge_trace()


@test("1.3", points=1, title="a thread that is not on its way to a processor only gets the number", features=FEATURES + ("SCH-08",),
      limit=10_000_000)
def set_priority_of_waiting(t):
    processor = Processor(t, 6, 8)
    for number, priority in ((0, 5), (1, 7), (2, 5)):
        processor.place(number, priority)
    for number in (3, 4, 5):
        processor.make(number, t.rng.randint(1, 15), (WAITING, 0, WAITING)[number - 3])
        wanted = t.rng.randint(16, 31)
        processor.set_priority(number, wanted, "only-the-number")
        seen = t.guest.get(processor.addresses[number], "KTHREAD.Priority")
        t.check(seen == wanted, asked=f"KiSetPriorityThread of a waiting thread to {wanted}", expected=f"Priority {wanted}",
                seen=f"Priority {seen}", hint=t.hint("only-the-number", HINTS["only-the-number"]))
    processor.judge_trace()


@test("1.3", points=2, title="quantum end: the turn goes to an equal, or stays", features=FEATURES + ("SCH-11",), limit=10_000_000)
def quantum_end_choice(t):
    def fresh(*priorities: int) -> Processor:
        processor = Processor(t, 6, 9) if not made else made[0]
        if not made:
            made.append(processor)
        processor.clear()
        processor.set_current(9)
        for number, priority in enumerate(priorities):
            processor.place(number, priority)
        return processor

    made: List[Processor] = []
    for left in (1, t.rng.randint(2, 5), t.rng.randint(60, ENDLESS)):
        fresh(9, 5).quantum_end(left, "quantum-early")
    processor = fresh(t.rng.randint(2, 8), t.rng.randint(2, 8))
    processor.quantum_end(-t.rng.randint(0, 2), "quantum-lower")
    _quantum(t, processor, 6, "quantum-ignored")
    processor = fresh(9, 9, 4)
    processor.quantum_end(0, "quantum-ignored")
    _quantum(t, processor, 6, "quantum-ignored")
    fresh(9, t.rng.randint(10, 14), 9).quantum_end(0, "quantum-standby")
    processor = fresh(9, 9)
    processor.quantum_end(0, "looked-early", Change("T2 becomes the next thread", lambda: processor.chosen_elsewhere(2, t.rng.randint(10, 14))))
    processor = fresh(9, 10)
    processor.model.current.priority = 12
    t.guest.set(processor.current, "KTHREAD.Priority", 12)  # boosted: base 9
    processor.quantum_end(0, "quantum-preempted")

    flags = t.guest.get(t.guest.get(processor.current, "KTHREAD.Process"), "KPROCESS.ProcessFlags")
    processor = fresh()
    processor.set_current(20)
    processor.place(0, 20)
    t.guest.set(t.guest.get(processor.current, "KTHREAD.Process"), "KPROCESS.ProcessFlags", flags | DISABLE_QUANTUM)
    t.guest.set(processor.current, "KTHREAD.Quantum", 0)
    processor.model.current.preempted = False
    t.asking("KiQuantumEnd() of a real-time thread in a process with KPROCESS_DISABLE_QUANTUM",
             hint=t.hint("quantum-endless", HINTS["quantum-endless"]))
    t.guest.call("KiQuantumEnd")
    processor.compare("quantum-endless")
    _quantum(t, processor, ENDLESS, "quantum-endless")
    processor = fresh(9)  # the same process, but no real-time thread
    processor.quantum_end(0, "quantum-endless")
    _quantum(t, processor, 6, "quantum-endless")
    t.guest.set(t.guest.get(processor.current, "KTHREAD.Process"), "KPROCESS.ProcessFlags", flags & ~DISABLE_QUANTUM)
    processor = fresh()  # a real-time thread, but not that process
    processor.set_current(20)
    processor.place(0, 20)
    processor.quantum_end(0, "quantum-endless")
    _quantum(t, processor, 6, "quantum-endless")
    processor.judge_trace()


@test("1.3", points=2, title="equals take turns, each as long as its quantum", features=FEATURES + ("SCH-11", "SCH-14", "KPR-07"),
      limit=200_000_000)
def quantum_turns(t):
    """Spinning threads with different quanta: the order of their turns, and the clock ticks that each turn was charged."""
    count = t.rng.randint(3, 5)
    priority = t.rng.randint(4, 13)
    quanta = [t.rng.choice((3, 6, 9, 12)) for _ in range(count)]
    lower = t.rng.randint(2, priority - 1)
    asked = f"spinning threads of priority {priority} with quanta " + ", ".join(
        f"A{number}: {quantum}" for number, quantum in enumerate(quanta)) + f", and A{count} of priority {lower}: whose turn is it?"
    set_time(t.guest, next(times(t.rng)))
    workload = Workload.spinners(t, [priority] * count + [lower], quanta + [6])
    t.asking(asked, hint=t.hint("quantum-ignored", HINTS["quantum-ignored"]))
    workload.start(until="Lab1Turn")
    first = t.guest.u32(t.guest.regs()["esp"] + 4)
    t.check(first == 0, asked=asked, expected="A0, which was ready first, begins", seen=f"A{first} begins",
            hint=t.hint("wrong-order", HINTS["wrong-order"]))
    seen, charged = [0], [workload.get(number, "KernelTime") for number in range(count)]
    for turn in range(1, 3 * count + 2):
        actor, before = workload.next_turn(), seen[-1]
        if actor == before:
            continue  # the same arrival once more: an interrupt came before its first instruction
        seen.append(actor)
        t.check(actor == (before + 1) % count, asked=asked, expected=f"after A{before} comes A{(before + 1) % count}",
                seen="turns so far: " + " ".join(f"A{number}" for number in seen), hint=t.hint("wrong-order", HINTS["wrong-order"]))
        ticks = workload.get(before, "KernelTime") - charged[before]
        charged[before] += ticks
        wanted = (quanta[before] + 2) // 3
        t.check(ticks == wanted, asked=asked, expected=f"A{before} has a turn of {wanted} clock ticks: {quanta[before]} units, 3 a tick",
                seen=f"it had {ticks}", hint=t.hint("quantum-early" if ticks < wanted else "quantum-ignored",
                                                    HINTS["quantum-early" if ticks < wanted else "quantum-ignored"]))


@test("1.3", points=1, title="random signals: every step of every thread in the order of the model", features=FEATURES + ("SCH-08", "SCH-15"),
      limit=40_000_000)
def preemption_order(t):
    mark = ring_mark(t)
    follow(t, signals_only(t.rng))
    judge_ring(t, mark)


@test("1.3", points=2, title="random schedules: priorities, signals, bursts and yields, step by step",
      features=FEATURES + ("SCH-04", "SCH-05", "SCH-06", "SCH-07", "SCH-08"), limit=40_000_000)
def random_schedules(t):
    mark = ring_mark(t)
    follow(t, random_scripts(t.rng))
    judge_ring(t, mark)


def _shuffled(t, count: int) -> List[int]:
    order = list(range(count))
    t.rng.shuffle(order)
    return order


def _quantum(t, processor: Processor, wanted: int, hint: str) -> None:
    seen = t.guest.get(processor.current, "KTHREAD.Quantum")
    t.check(seen == wanted, asked=processor.done[-1], expected=f"Quantum {wanted} afterwards", seen=f"Quantum {seen - 256 if seen > 127 else seen}",
            hint=t.hint(hint, HINTS[hint]))
