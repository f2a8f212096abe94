"""3.8 Queues and worker threads: entries, the last waiter, and how many may be active."""

from __future__ import annotations

from typing import List

from grader.api import Bugcheck, test

from .hints import HINTS
from .pools import Pool

LIMIT = 40_000_000
FEATURES = ("DSP-06",)
CRITICAL, DELAYED, HYPER = range(3)
QUEUES = ("CriticalWorkQueue", "DelayedWorkQueue", "HyperCriticalWorkQueue")
DISPATCH_LEVEL = 2
WORKER_INVALID = 0xE4


@test("3.8", points=1, title="entries: first in, first out, and those that go first", stage="early", features=FEATURES, limit=LIMIT)
def queue_entries(t):
    pool = Pool(t, 1, 12, 3)
    for _ in range(40):
        if len(pool.inside) < 11 and t.rng.random() < 0.6:
            pool.insert(t.rng.random() < 0.3)
        else:
            pool.remove(0, 0)


@test("3.8", points=1, title="an entry goes to the thread that began to wait last", stage="early", features=FEATURES, limit=LIMIT)
def queue_waiters(t):
    pool = Pool(t, 6, 10, 6)
    for _ in range(4):
        for thread in t.rng.sample(range(6), 6):
            if thread not in pool.waiting:
                pool.remove(thread)
        for _ in range(t.rng.randint(2, 6)):
            pool.insert(t.rng.random() < 0.5)


@test("3.8", points=1, title="no more threads are active than the queue allows, and one that waits lets another in", stage="early",
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


@test("3.8", points=1, title="time-outs, and who belongs to the queue", stage="early", features=FEATURES + ("DSP-14",), limit=LIMIT)
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


@test("3.8", points=2, title="random work against the model", stage="early", features=FEATURES, limit=3 * LIMIT)
def random_pool(t):
    pool = Pool(t, 6, 14, t.rng.randint(1, 3))
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


@test("3.8", points=1, title="work items: each routine once, in the order of its queue", features=("SYS-09", "INT-16"), limit=2 * LIMIT)
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
        t.check(bugcheck.code == WORKER_INVALID and bugcheck.parameters[1] == items[0], expected="bugcheck WORKER_INVALID with the item",
                seen=str(bugcheck), hint=t.hint("work-twice", HINTS["work-twice"]))
        return
    t.fail(expected="bugcheck WORKER_INVALID", seen="the call returns", hint=t.hint("work-twice", HINTS["work-twice"]))


@test("3.8", points=1, title="once a second: which queue needs one more thread", features=("SYS-09", "SYS-10"), limit=2 * LIMIT)
def work_balance(t):
    guest = t.guest
    base, size = guest.sym("ExWorkerQueue"), guest.size("KQUEUE") + 16
    guest.set(guest.pcr(), "KPCR.Irql", DISPATCH_LEVEL)
    for _ in range(12):
        wanted = []
        told = []
        for queue in range(3):
            address = base + size * queue
            depth, before = t.rng.choice((0, 3)), t.rng.choice((0, 2, 2))
            processed, last = t.rng.choice(((7, 7), (7, 7), (8, 7)))
            current, maximum, dynamic = t.rng.choice((0, 1)), 1, t.rng.choice((0, 15, 16))
            guest.set(address, "DISPATCHER_HEADER.SignalState", depth)
            guest.set(address, "KQUEUE.CurrentCount", current)
            guest.set(address, "KQUEUE.MaximumCount", maximum)
            for offset, value in enumerate((dynamic, processed, last, before)):
                guest.u32(address + guest.size("KQUEUE") + 4 * offset, value)
            told.append(f"{QUEUES[queue]}: {depth} items, {before} before, {processed - last} begun, {current} of {maximum} active, "
                        f"{dynamic} dynamic threads")
            if depth and before and processed == last and current < maximum and dynamic < 16:
                wanted.append(queue)
        asked = "ExpBalanceWorkerThreads(); " + "; ".join(told)
        t.asking(asked, t.hint("work-balance", HINTS["work-balance"]))
        made = []
        place, registers = guest.call_or_stop("ExpBalanceWorkerThreads", 0, stops=("ExpCreateWorkerThread",))
        while place and len(made) < 4:
            made.append(guest.u32(registers["esp"] + 4) & 0xFF)
            esp = registers["esp"]
            place, registers = guest.go_on(("ExpCreateWorkerThread",), eip=guest.u32(esp), esp=esp + 4, eax=0)  # made, says the host
        t.check(made == wanted, asked=asked, expected="a thread more for " + _queues(wanted), seen="a thread more for " + _queues(made),
                hint=t.hint("work-balance", HINTS["work-balance"]))
        for queue in range(3):
            depth, last = guest.get(base + size * queue, "DISPATCHER_HEADER.SignalState"), guest.u32(base + size * queue + guest.size("KQUEUE") + 12)
            t.check(depth == last, asked=asked, expected=f"QueueDepthLastPass {depth} afterwards", seen=str(last),
                    hint=t.hint("work-balance", HINTS["work-balance"]))


def _work(numbers: List[int]) -> str:
    return " ".join(f"W{number}" if number >= 0 else "another" for number in numbers) or "none"


def _queues(numbers: List[int]) -> str:
    return " ".join(QUEUES[number] if number < 3 else str(number) for number in numbers) or "none"


def _shuffled(t, count: int) -> List[int]:
    order = list(range(count))
    t.rng.shuffle(order)
    return order
