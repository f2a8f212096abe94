"""3.9 Queues and worker threads: entries, the last waiter, and how many may be active."""

from __future__ import annotations

import itertools
from typing import List

from grader.api import Bugcheck, test

from .bench import Bench
from .running import SWAP
from .dispatcher import MILLISECOND
from .hints import HINTS
from .pools import USER_MODE, Pool

LIMIT = 40_000_000
FEATURES = ("DSP-06",)
CRITICAL, DELAYED, HYPER = range(3)
QUEUES = ("CriticalWorkQueue", "DelayedWorkQueue", "HyperCriticalWorkQueue")
DISPATCH_LEVEL = 2
WORKER_INVALID = 0xE4
INSUFFICIENT_RESOURCES = 0xC000009A
DYNAMIC = 0x80  # in a worker thread's start context
IDLE = 600_000  # ms: EX_DYNAMIC_IDLE_MILLISECONDS
SECOND = 1000 * MILLISECOND
DYNAMIC_THREAD = 1
LOOKS = "KeReadStateQueue"
STEPS = (LOOKS, "ExpCreateWorkerThread")


@test("3.9", points=1, title="entries: first in, first out, and those that go first", stage="early", features=FEATURES, limit=LIMIT)
def queue_entries(t):
    pool = Pool(t, 1, 12, 3)
    for _ in range(40):
        if len(pool.inside) < 11 and t.rng.random() < 0.6:
            pool.insert(t.rng.random() < 0.3)
        else:
            pool.remove(0, 0)


@test("3.9", points=1, title="an entry goes to the thread that began to wait last", stage="early", features=FEATURES, limit=LIMIT)
def queue_waiters(t):
    pool = Pool(t, 6, 10, 6)
    for _ in range(4):
        for thread in t.rng.sample(range(6), 6):
            if thread not in pool.waiting:
                pool.remove(thread)
        for _ in range(t.rng.randint(2, 6)):
            pool.insert(t.rng.random() < 0.5)


@test("3.9", points=1, title="no more threads are active than the queue allows, and one that waits lets another in", stage="early",
      features=FEATURES, limit=LIMIT)
def queue_concurrency(t):
    maximum = t.rng.randint(1, 3)
    pool = Pool(t, 6, 12, maximum)
    for thread in range(6):
        pool.remove(thread)
    for _ in range(maximum + 3):
        pool.insert()
    active = [thread for thread in pool.members if thread not in pool.waiting]
    for thread in active:
        pool.block(thread, t.rng.randrange(2))
    for event in (0, 1, 0, 1, 0, 1):
        pool.unblock(event)
    for thread in [one for one in pool.members if one not in pool.waiting and one not in pool.blocked]:
        pool.remove(thread)
    pool.insert()


@test("3.9", points=1, title="time-outs, and which threads belong to the queue", stage="early", features=FEATURES + ("DSP-14",), limit=LIMIT)
def queue_timeouts(t):
    pool = Pool(t, 3, 4, 1)
    pool.remove(0, 0)
    pool.remove(1, -5 * pool.bench.increment)
    pool.remove(2, -20 * pool.bench.increment)
    pool.expire(1, 6)
    pool.insert()
    pool.remove(0, 0)
    pool.block(0, 0)
    pool.block(1, 0)
    pool.insert()
    pool.unblock(0)
    _interrupted(t)


def _interrupted(t) -> None:
    """Waits that something else ends."""
    pool = Pool(t, 2, 3, 1)
    left, gone = t.rng.randint(2, 9), t.rng.randint(2, 9)
    pool.remove(0, -(gone + left) * pool.bench.increment)
    pool.later(gone)
    pool.interrupt(0)
    pool.expire(0, left)
    pool.remove(0)
    pool.interrupt(0)
    pool.insert()
    pool.disturb(0)
    pool.remove(0, None, USER_MODE)
    pool.remove(0, 0, USER_MODE)  # also if the time is over together with it
    pool.remove(0)
    pool.insert()


@test("3.9", points=1, title="random work against the model", stage="early", features=FEATURES, limit=3 * LIMIT)
def random_pool(t):
    pool = Pool(t, 6, 14, t.rng.randint(1, 3))
    for thread in range(pool.maximum + 1):  # what chance may leave out: one thread more than may be active waits, and then an entry
        pool.remove(thread)
    for _ in range(pool.maximum + 1):
        pool.insert()
    pool.block(pool.maximum, 0)  # the one that had the first entry lets the last in
    pool.unblock(0)
    for _ in range(90):
        free = [thread for thread in range(6) if thread not in pool.waiting and thread not in pool.blocked]
        choice = t.rng.random()
        if choice < 0.35 and len(pool.spare) > 1:
            pool.insert(t.rng.random() < 0.2)
        elif choice < 0.7 and free:
            pool.remove(t.rng.choice(free), t.rng.choice((None, None, 0)))
        elif choice < 0.85 and free:
            pool.block(t.rng.choice(free), t.rng.randrange(2))
        else:
            pool.unblock(t.rng.randrange(2))


@test("3.9", points=1, title="work items: each routine once, in the order of its queue", features=("SYS-09", "INT-16"), limit=2 * LIMIT)
def work_items(t):
    guest = t.guest
    items = [guest.alloc(16) for _ in range(9)]
    parameters = t.rng.sample(range(1, 1 << 32), 9)
    waiting = {CRITICAL: [], DELAYED: [], HYPER: []}
    guest.set(guest.pcr(), "KPCR.Irql", DISPATCH_LEVEL)  # nobody runs yet
    for number in _shuffled(t, 9):
        queue = t.rng.choice((CRITICAL, DELAYED, HYPER))
        guest.u32(items[number] + 8, guest.sym("Lab3Work"))
        guest.u32(items[number] + 12, parameters[number])
        t.asking(f"ExQueueWorkItem(W{number}, {QUEUES[queue]})", t.hint("work-order", HINTS["work-order"]))
        guest.call("ExQueueWorkItem", items[number], queue)
        waiting[queue].append(number)
    wanted = waiting[HYPER] + waiting[CRITICAL] + waiting[DELAYED]
    asked = "the routines of " + ", ".join(f"{QUEUES[queue]}: {_work(numbers)}" for queue, numbers in waiting.items())
    t.asking(asked, t.hint("work-order", HINTS["work-order"]))
    seen = []
    place, registers = guest.call_or_stop("KfLowerIrql", 0, conv="fastcall", stops=("Lab3Work",))
    while place and len(seen) < 20:
        parameter = guest.u32(registers["esp"] + 4)
        seen.append(parameters.index(parameter) if parameter in parameters else -1)
        t.check(guest.get(guest.pcr(), "KPCR.Irql") == 0, asked=asked, expected="a routine runs at PASSIVE_LEVEL", seen="it does not")
        if seen[-1] >= 0:
            t.check(guest.u32(items[seen[-1]]) == 0, asked=asked, expected=f"W{seen[-1]} is on no queue while its routine runs",
                    seen="its List.Flink is not nullptr", hint=t.hint("work-item", HINTS["work-item"]))
        place, registers = guest.go_on(stops=("Lab3Work",))
    t.check(seen == wanted, asked=asked, expected=f"run: {_work(wanted)}", seen=f"run: {_work(seen)}", hint=t.hint("work-order", HINTS["work-order"]))
    guest.set(guest.pcr(), "KPCR.Irql", DISPATCH_LEVEL)
    guest.call("ExQueueWorkItem", items[1], DELAYED)  # given to a thread
    guest.call("ExQueueWorkItem", items[0], DELAYED)
    t.asking("ExQueueWorkItem of an item that is on a queue", t.hint("work-twice", HINTS["work-twice"]))
    try:
        guest.call("ExQueueWorkItem", items[0], t.rng.choice((CRITICAL, DELAYED)))
    except Bugcheck as bugcheck:
        t.check(bugcheck.code == WORKER_INVALID and bugcheck.parameters[1:3] == (items[0], guest.sym("Lab3Work")),
                expected="bugcheck WORKER_INVALID with the item and its routine", seen=str(bugcheck), hint=t.hint("work-twice", HINTS["work-twice"]))
        return
    t.fail(expected="bugcheck WORKER_INVALID", seen="the call returns", hint=t.hint("work-twice", HINTS["work-twice"]))


@test("3.9", points=1, title="a worker thread: what it takes, how long it waits, and its end", stage="early", features=("SYS-09", "INT-16"), limit=LIMIT)
def worker_threads(t):
    guest, bench = t.guest, Bench(t, [], 2)
    kind = t.rng.randrange(3)
    queue = guest.sym("ExWorkerQueue") + kind * (guest.size("KQUEUE") + 16)
    dynamic, processed = (queue + guest.size("KQUEUE") + 4 * index for index in range(2))
    guest.call("KeInitializeQueue", queue, 2)
    before = t.rng.randint(1, 9), t.rng.randint(0, 99)
    guest.u32(dynamic, before[0])
    guest.u32(processed, before[1])
    item, parameter = guest.alloc(16), t.rng.getrandbits(32)
    guest.u32(item, 0)
    guest.u32(item + 8, guest.sym("Lab3Work"))
    guest.u32(item + 12, parameter)

    def equal(wanted: str, seen: str) -> None:
        t.check(wanted == seen, asked=bench._asked(), expected=wanted, seen=seen, hint=t.hint("work-thread", HINTS["work-thread"]))

    def waits(thread: int, place: str) -> None:
        equal(f"T{thread} waits for an item", f"T{thread} waits for an item" if place == SWAP else f"T{thread} is at {place or 'its end'}")
        timer = bench.threads[thread] + guest.field("KTHREAD.Timer")[0]
        runs, due = guest.get(timer, "DISPATCHER_HEADER.Inserted"), guest.get(timer, "KTIMER.DueTime") - bench.model.now
        equal(f"for {IDLE // 1000} seconds at most" if thread == DYNAMIC_THREAD else "for ever",
              f"for {due / SECOND:g} seconds at most" if runs else "for ever")

    for thread in (0, DYNAMIC_THREAD):
        bench._say(f"T{thread}: ExpWorkerThread({QUEUES[kind]}, {'dynamic' if thread else 'one of the start'})")
        waits(thread, bench.call(thread, "ExpWorkerThread", kind | (DYNAMIC if thread else 0))[0])
    bench._say(f"ExQueueWorkItem(W0, {QUEUES[kind]})")
    bench._act(None)
    guest.call("ExQueueWorkItem", item, kind)
    equal(f"woken: [{DYNAMIC_THREAD}]", f"woken: {bench.woken()}")
    place, _ = bench.resume(DYNAMIC_THREAD, stops=("Lab3Work",))
    equal("W0's routine runs", "W0's routine runs" if place == "Lab3Work" else f"T{DYNAMIC_THREAD} is at {place or 'its end'}")
    equal(f"WorkItemsProcessed {before[1] + 1}", f"WorkItemsProcessed {guest.u32(processed)}")
    guest.write(item, bytes(t.rng.getrandbits(8) for _ in range(16)))  # its owner uses it for something else
    place, registers = guest.go_on(("ExpCheckWorkerThread", SWAP))
    equal("ExpCheckWorkerThread", place or "its end")
    equal(f"({item:#x}, {guest.sym('Lab3Work'):#x}, {parameter:#x})", "(%#x, %#x, %#x)" % tuple(guest.u32(registers["esp"] + 4 * at) for at in (1, 2, 3)))
    waits(DYNAMIC_THREAD, bench._came(DYNAMIC_THREAD, *guest.go_on((SWAP,)))[0])
    bench._say("the time of the dynamic one is over")
    bench.set_clock(bench.model.now + IDLE * MILLISECOND + bench.increment)
    bench._act(None, DISPATCH_LEVEL)
    guest.call("KiTimerExpiration", guest.sym("KiTimerExpireDpc"), 0, 0, 0)
    equal(f"woken: [{DYNAMIC_THREAD}]", f"woken: {bench.woken()}")
    place, _ = bench.resume(DYNAMIC_THREAD)
    equal(f"T{DYNAMIC_THREAD} is at its end", f"T{DYNAMIC_THREAD} is at {place or 'its end'}")
    counts = "DynamicThreadCount %d, WorkItemsProcessed %d"
    equal(counts % (before[0] - 1, before[1] + 1), counts % (guest.u32(dynamic), guest.u32(processed)))


@test("3.9", points=1, title="once a second: which queue needs one more thread", features=("SYS-09", "SYS-10"), limit=2 * LIMIT)
def work_balance(t):
    guest = t.guest
    base, size = guest.sym("ExWorkerQueue"), guest.size("KQUEUE") + 16
    guest.set(guest.pcr(), "KPCR.Irql", DISPATCH_LEVEL)
    stuck = (3, 2, (7, 7), 0)
    cases = [*itertools.product((0, 3), (0, 2), ((7, 7), (8, 7)), (0, 1), (0, 15, 16), (False,)), (*stuck, 0, True), (*stuck, 15, True)]
    t.rng.shuffle(cases)
    while cases:
        wanted, told = [], []
        failing, counts = [], []  # queues for which no thread can be made; dynamic threads afterwards
        for queue in range(3):
            address = base + size * queue
            depth, before, (processed, last), current, dynamic, fails = cases.pop() if cases else (0, 0, (7, 7), 0, 0, False)
            maximum = 1
            guest.set(address, "DISPATCHER_HEADER.SignalState", depth)
            guest.set(address, "KQUEUE.CurrentCount", current)
            guest.set(address, "KQUEUE.MaximumCount", maximum)
            for offset, value in enumerate((dynamic, processed, last, before)):
                guest.u32(address + guest.size("KQUEUE") + 4 * offset, value)
            told.append(f"{QUEUES[queue]}: {depth} items, {before} before, {processed - last} begun, {current} of {maximum} active, "
                        f"{dynamic} dynamic threads")
            if depth and before and processed == last and current < maximum and dynamic < 16:
                wanted.append(queue)
                failing += [queue] * fails
                dynamic += not fails
            counts.append(dynamic)
        asked = "ExpBalanceWorkerThreads(); " + "; ".join(told)
        t.asking(asked, t.hint("work-balance", HINTS["work-balance"]))
        made = []
        place, registers = guest.call_or_stop("ExpBalanceWorkerThreads", 0, stops=STEPS)
        while place and len(made) < 4:
            esp = registers["esp"]
            if place == LOOKS:
                looked = (guest.u32(esp + 4) - base) / size
                t.check(looked in (0, 1, 2), asked=asked, expected="the three queues are looked at", seen=f"ExWorkerQueue[{looked:g}] is looked at",
                        hint=t.hint("work-balance", HINTS["work-balance"]))
                place, registers = guest.go_on(STEPS)
                continue
            made.append(guest.u32(esp + 4))
            t.check(bool(guest.u32(esp + 8) & 0xFF), asked=asked, expected="the new thread is dynamic", seen="it is not",
                    hint=t.hint("work-balance", HINTS["work-balance"]))
            status = INSUFFICIENT_RESOURCES if made[-1] in failing else 0  # the host says whether it could be made
            place, registers = guest.go_on(STEPS, eip=guest.u32(esp), esp=esp + 4, eax=status)
        t.check(made == wanted, asked=asked, expected="a thread more for " + _queues(wanted), seen="a thread more for " + _queues(made),
                hint=t.hint("work-balance", HINTS["work-balance"]))
        for queue in range(3):
            depth, last = guest.get(base + size * queue, "DISPATCHER_HEADER.SignalState"), guest.u32(base + size * queue + guest.size("KQUEUE") + 12)
            dynamic, begun, begun_last = (guest.u32(base + size * queue + guest.size("KQUEUE") + 4 * at) for at in range(3))
            t.check(dynamic == counts[queue], asked=asked + (f"; no thread can be made for {_queues(failing)}" if failing else ""),
                    expected=f"{QUEUES[queue]}: DynamicThreadCount {counts[queue]} afterwards", seen=str(dynamic),
                    hint=t.hint("work-balance", HINTS["work-balance"]))
            noted = "QueueDepthLastPass %d, WorkItemsProcessedLastPass %d afterwards"
            t.check((depth, begun) == (last, begun_last), asked=asked, expected=f"{QUEUES[queue]}: {noted % (depth, begun)}", seen=noted % (last, begun_last),
                    hint=t.hint("work-noted", HINTS["work-noted"]))


def _work(numbers: List[int]) -> str:
    return " ".join(f"W{number}" if number >= 0 else "another" for number in numbers) or "none"


def _queues(numbers: List[int]) -> str:
    return " ".join(QUEUES[number] if number < 3 else str(number) for number in numbers) or "none"


def _shuffled(t, count: int) -> List[int]:
    order = list(range(count))
    t.rng.shuffle(order)
    return order
