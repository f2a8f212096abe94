"""3.8 Queues and worker threads: entries, the last waiter, and how many may be active."""

from __future__ import annotations

from grader.api import test

from .pools import Pool

LIMIT = 40_000_000
FEATURES = ("DSP-06",)


@test("3.8", points=1, title="entries: first in, first out, and those that go first", stage="early", features=FEATURES, limit=LIMIT)
def queue_entries(t):
    pool = Pool(t, 1, 12, 3)
    for _ in range(40):
        if len(pool.inside) < 11 and t.rng.random() < 0.6:
            pool.insert(t.rng.random() < 0.3)
        else:
            pool.remove(0, 0)


@test("3.8", points=2, title="an entry goes to the thread that began to wait last", stage="early", features=FEATURES, limit=LIMIT)
def queue_waiters(t):
    pool = Pool(t, 6, 10, 6)
    for _ in range(4):
        for thread in t.rng.sample(range(6), 6):
            if thread not in pool.waiting:
                pool.remove(thread)
        for _ in range(t.rng.randint(2, 6)):
            pool.insert(t.rng.random() < 0.5)


@test("3.8", points=2, title="no more threads are active than the queue allows, and one that waits lets another in", stage="early",
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
