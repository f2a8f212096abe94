"""1.1: the ready queues and the ready summary, by call injection on a bench and in the running kernel."""

from __future__ import annotations

from itertools import islice

from grader.api import Hint, test

from .hosted import set_time, settings, times
from .queues import PRIORITIES, Bench, classify, HINTS, Model, read_queues
from .scheduler import DEFERRED
from .workload import Workload

FEATURES = ("SCH-02", "SCH-16", "SCH-17")
BOOT = Hint("ready-live", HINTS["ready-live"])
LONG = 40  # threads of a queue that is long
SELECT_MOST = 200  # instructions: twice what a search by halves takes; a loop over 32 priorities takes more


@test("1.1", points=3, title="a thread goes to the tail of its priority's queue, and the bit is set", stage="early",
      features=FEATURES, limit=2_000_000)
def insert_at_tail(t):
    for setting in islice(settings(t.rng), 3):
        bench = Bench.make(t, 14, _few(t, 14, 4), setting)
        for thread in _shuffled(t, 14):
            bench.insert(thread)


@test("1.1", points=2, title="AtHead puts a thread first", stage="early", features=FEATURES, limit=2_000_000)
def insert_at_head(t):
    for setting in islice(settings(t.rng), 3):
        bench = Bench.make(t, 14, _few(t, 14, 3), setting)
        for thread in _shuffled(t, 14):
            bench.insert(thread, at_head=t.rng.random() < 0.6)


@test("1.1", points=3, title="the head of the highest queue is selected, and the bit follows the queue", stage="early",
      features=FEATURES, limit=2_000_000)
def select_highest(t):
    for extreme, setting in zip(([0, 31], [31, 31, 0], []), settings(t.rng)):
        bench = Bench.make(t, 12, (_few(t, 12, 5) + extreme)[-12:], setting)
        for thread in _shuffled(t, 12):
            bench.insert(thread)
        while bench.select(0) is not None:
            pass


@test("1.1", points=3, title="LowPriority bounds the selection", stage="early", features=FEATURES, limit=2_000_000)
def select_low_priority(t):
    bounds = [0, 1, 15, 16, 30, 31, PRIORITIES] + [t.rng.randrange(PRIORITIES) for _ in range(6)]
    for low, setting in zip(bounds, settings(t.rng)):
        near = [max(0, low - 1), min(31, low), min(31, low + 1)]
        bench = Bench.make(t, 6, [t.rng.choice(near + [t.rng.randrange(PRIORITIES)]) for _ in range(6)], setting)
        for thread in _shuffled(t, 6):
            bench.insert(thread)
        while bench.select(low) is not None:
            pass


@test("1.1", points=2, title="no call costs more for a lower priority, another bound or more threads", stage="early", features=FEATURES,
      limit=2_000_000)
def constant_time(t):
    """Costs are counted in instructions: the least of several calls, since a clock interrupt may come in between."""
    bench = Bench.make(t, LONG + 1, [t.rng.randint(1, 30)] * (LONG + 1), next(settings(t.rng)))
    middle = t.rng.randint(8, 24)
    bench.judge_costs("ready-loop-priorities", most=SELECT_MOST, costs={
        **{f"KiSelectReadyThread({low}, Prcb), a thread of priority {priority} is ready": bench.cost_of_select(priority, low)
           for priority in (0, middle, PRIORITIES - 1) for low in (0, priority)},
        **{f"KiSelectReadyThread({low}, Prcb), no thread is ready": bench.cost_of_select(None, low) for low in (0, PRIORITIES - 1)}})
    for priority in (0, middle, PRIORITIES - 1):
        bench.select_by_the_summary(priority)
    few, many = bench.costs_with(1), bench.costs_with(LONG)
    for call in few:
        bench.judge_costs("ready-loop-threads", {f"{call}, 1 thread on the queue": few[call], f"{call}, {LONG} threads": many[call]})


@test("1.1", points=2, title="a thread is removed from anywhere in its queue", stage="early", features=FEATURES, limit=2_000_000)
def remove_from_queue(t):
    for setting in islice(settings(t.rng), 3):
        bench = Bench.make(t, 12, _few(t, 12, 4), setting)
        for thread in _shuffled(t, 12):
            bench.insert(thread)
        for thread in _shuffled(t, 12):
            bench.remove(thread)


@test("1.1", points=2, title="300 random calls keep queues and summary as the model has them", stage="early",
      features=FEATURES, limit=2_000_000)
def random_interleaving(t):
    for setting in islice(settings(t.rng), 3):
        _interleave(t, Bench.make(t, 20, _few(t, 20, 6), setting), 100)


def _interleave(t, bench: Bench, calls: int) -> None:
    """Random calls, of which the selections are bounded by what is there and by anything."""
    for _ in range(calls):
        queued = [thread for thread in range(20) if bench.model.where(thread) is not None]
        free = [thread for thread in range(20) if thread not in queued]
        action = t.rng.choices(("insert", "select", "remove"), (3, 2, 1))[0]
        if action == "insert" and free:
            bench.insert(t.rng.choice(free), at_head=t.rng.random() < 0.4)
        elif action == "remove" and queued:
            bench.remove(t.rng.choice(queued))
        else:
            some = [bench.priorities[thread] for thread in queued] or [0]
            bench.select(t.rng.choice((0, 8, t.rng.randrange(PRIORITIES), max(some), t.rng.choice(some))))


@test("1.1", points=1, title="in the running kernel the summary tells the truth at any clock interrupt", stage="ready",
      features=FEATURES + ("KPR-23",), limit=150_000_000)
def summary_in_live_kernel(t):
    """Spinning and waiting threads of many priorities; the machine stops in clock interrupts that the guest cannot tell
    from others."""
    guest = t.guest
    t.asking("making threads of several priorities", hint=t.hint("ready-live", HINTS["ready-live"]))
    set_time(guest, next(times(t.rng)))
    workload = Workload.spinners(t, [15] + [t.rng.randint(2, 14) for _ in range(9)])
    t.asking("ten threads of several priorities spin and take turns", hint=t.hint("ready-live", HINTS["ready-live"]))
    workload.start_ticking()
    prcb = guest.u32(guest.sym("KiProcessorBlock"))
    heads, _ = guest.field("KPRCB.DispatcherReadyListHead")
    looks = 0
    for _ in range(40):
        if looks == 8:
            break
        guest.run_until("KeUpdateSystemTime", hits=t.rng.randint(1, 6))
        if guest.u32(prcb + guest.field("KPRCB.PrcbLock")[0]) or DEFERRED in [workload.get(one, "State") for one in range(10)]:
            continue  # the interrupt came while the queues were being changed
        looks += 1
        seen = read_queues(guest, prcb + heads, guest.get(prcb, "KPRCB.ReadySummary"), {})
        model = Model()
        for priority, queue in seen.queues.items():
            model.queues[priority] = queue or []
        wrong = [(thread, priority) for priority, queue in seen.queues.items() for thread in queue or []
                 if guest.get(thread, "KTHREAD.Priority") != priority or guest.get(thread, "KTHREAD.State") != 1]
        asked = "the live KPRCB in a clock interrupt: queues, their threads and the summary"
        t.check(not seen.broken and seen.summary == model.summary, asked=asked,
                expected=f"ReadySummary {model.summary:#010x} for the queues that are there", seen=seen.show(),
                hint=t.hint(classify(model, seen), HINTS[classify(model, seen)]))
        t.check(not wrong, asked=asked, expected="threads of state Ready on the queue of their priority",
                seen=f"thread {wrong[0][0]:#010x} on queue {wrong[0][1]}" if wrong else "",
                hint=t.hint("ready-wrong-queue", HINTS["ready-wrong-queue"]))
        # Queues that are always empty agree with their summary too: the threads must be on them.
        queued = [thread for queue in seen.queues.values() for thread in queue or []]
        leaving = [guest.get(prcb, f"KPRCB.{name}") for name in ("CurrentThread", "NextThread")]
        absent = [workload.name(thread) for thread in workload.threads if thread not in queued + leaving]
        best, chosen = max(seen.queues, default=0), guest.get(leaving[1] or leaving[0], "KTHREAD.Priority")
        t.check(best <= chosen, asked=asked, expected=f"the thread that runs, or runs next, has at least the priority {best} of the best queue",
                seen=f"priority {chosen}", hint=t.hint("ready-live", HINTS["ready-live"]))
        t.check(not absent, asked=asked, expected="every thread that does not run is on a queue", seen=f"{', '.join(absent)} on none",
                hint=t.hint("ready-live", HINTS["ready-live"]))
    t.check(looks == 8, asked="the live KPRCB in 40 clock interrupts", expected="8 of them find the queues at rest",
            seen=f"PrcbLock is held in all but {looks}", hint=t.hint("ready-live", HINTS["ready-live"]))


def _few(t, count: int, kinds: int) -> "list[int]":
    """`count` priorities out of a few, so that queues become long."""
    some = t.rng.sample(range(PRIORITIES), kinds)
    return [t.rng.choice(some) for _ in range(count)]


def _shuffled(t, count: int) -> "list[int]":
    order = list(range(count))
    t.rng.shuffle(order)
    return order
