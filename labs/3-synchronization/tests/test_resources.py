"""3.10 Executive resources and push locks: who shares, who waits behind whom, and what a release hands over."""

from __future__ import annotations

from grader.api import test

from .resources import EXCLUSIVE, FAIR, STARVE, WAIT_FOR, PushLock, Resource

LIMIT = 60_000_000
SHARED = (FAIR, STARVE, WAIT_FOR)


@test("3.10", points=1, title="owners: again and again, alone or shared", stage="early", features=("DSP-20",), limit=LIMIT)
def resource_owners(t):
    resource = Resource(t, 6)
    for _ in range(60):
        thread = t.rng.randrange(6)
        if thread in resource.counts and t.rng.random() < 0.5:
            resource.release(thread)
        else:
            resource.acquire(thread, t.rng.choice((EXCLUSIVE, *SHARED)), False)
        if resource.exclusive is not None and t.rng.random() < 0.2:
            resource.convert(resource.exclusive)
    resource.drain()
    resource.acquire(0, EXCLUSIVE, False)
    resource.acquire(0, t.rng.choice((EXCLUSIVE, *SHARED)), False)  # once more, and twice to release
    resource.drain()
    resource.acquire(0, EXCLUSIVE, False)
    resource.release_unowned(1)


@test("3.10", points=1, title="handing over: after an exclusive owner those that share, after sharers the next exclusive one", stage="early",
      features=("DSP-20",), limit=LIMIT)
def resource_handed_over(t):
    resource = Resource(t, 8)
    resource.acquire(0, EXCLUSIVE, True)
    order = t.rng.sample(range(1, 8), 7)
    for index, thread in enumerate(order):
        resource.acquire(thread, EXCLUSIVE if index % 3 == 1 else t.rng.choice(SHARED), True)
    resource.release(0)
    for _ in range(40):
        if not resource.counts:
            break
        resource.release(t.rng.choice(sorted(resource.counts)))


@test("3.10", points=1, title="behind those that wait for exclusive access, or not", stage="early", features=("DSP-20",), limit=LIMIT)
def resource_order(t):
    resource = Resource(t, 7)
    for _ in range(2):
        resource.acquire(0, FAIR, True)
        resource.acquire(1, EXCLUSIVE, True)
        resource.acquire(2, FAIR, True)
        resource.acquire(3, STARVE, True)
        resource.acquire(4, WAIT_FOR, True)
        resource.acquire(0, FAIR, True)
        resource.acquire(0, WAIT_FOR, False)
        resource.acquire(5, EXCLUSIVE, t.rng.random() < 0.5)
        resource.acquire(6, FAIR, False)
        while resource.counts:
            resource.release(t.rng.choice(sorted(resource.counts)))


@test("3.10", points=1, title="random acquisitions against the model", stage="early", features=("DSP-20",), limit=3 * LIMIT)
def random_resource(t):
    resource = Resource(t, 7)
    for thread, routine in enumerate((EXCLUSIVE, EXCLUSIVE, FAIR, STARVE)):  # what chance may leave out: both kinds wait for an owner
        resource.acquire(thread, routine, True)
    resource.release(0)
    resource.acquire(4, FAIR, True)  # behind the one that waits for exclusive access
    resource.drain()
    for _ in range(110):
        free = [thread for thread in range(7) if thread not in resource.waiting]
        thread = t.rng.choice(free)
        if thread in resource.counts and t.rng.random() < 0.6:
            if resource.exclusive == thread and t.rng.random() < 0.2:
                resource.convert(thread)
            else:
                resource.release(thread)
        else:
            routine = t.rng.choice((EXCLUSIVE, *SHARED))
            hopeless = thread in resource.counts and not resource.would_grant(thread, routine)
            resource.acquire(thread, routine, not hopeless and len(free) > 2 and t.rng.random() < 0.7)


@test("3.10", points=1, title="a push lock without waiters: one word", stage="early", features=("DSP-21",), limit=LIMIT)
def push_lock_word(t):
    lock = PushLock(t, 5)
    for owner, exclusive in ((False, False), (False, True), (True, False), (True, True)):  # who owns it, and who asks
        lock.acquire(0, owner)
        lock.acquire(1, exclusive, attempt=not lock._allowed(exclusive))
        for thread in list(lock.owners):
            lock.release(thread)
    for _ in range(50):
        if lock.owners and t.rng.random() < 0.5:
            lock.release(t.rng.choice(lock.owners))
        else:
            free = [thread for thread in range(5) if thread not in lock.owners]
            exclusive = t.rng.random() < 0.4
            if free:
                lock.acquire(t.rng.choice(free), exclusive, attempt=not lock._allowed(exclusive) or t.rng.random() < 0.4)


@test("3.10", points=1, title="a push lock with waiters: blocks, the number of sharers, and which threads are woken", stage="early", features=("DSP-21",),
      limit=3 * LIMIT)
def push_lock_waiters(t):
    lock = PushLock(t, 7)
    for sharers in (2, 1, 3):  # several owners when the first one begins to wait, or one: then his block has no number to keep
        for thread in range(sharers):
            lock.acquire(thread, False)
        lock.acquire(6, True)
        lock.acquire(5, False)
        for thread in t.rng.sample(range(sharers), sharers):
            lock.release(thread)
        _drain(lock)
    for order in ((), (False, True, False), (True, False), (False, True), (False,)):  # who waits while the writer begins to share
        lock.acquire(6, True)
        for thread, exclusive in enumerate(order):
            lock.acquire(thread, exclusive)
        lock.convert()
        _drain(lock)
    for _ in range(90):
        busy = lock.owners + [thread for thread, _ in lock.waiters]
        free = [thread for thread in range(7) if thread not in busy]
        if free and t.rng.random() < 0.6:
            lock.acquire(t.rng.choice(free), t.rng.random() < 0.5, attempt=t.rng.random() < 0.15)
        elif lock.writer is not None and t.rng.random() < 0.3:
            lock.convert()
        elif lock.owners:
            lock.release(t.rng.choice(lock.owners))
    lock = PushLock(t, 4)
    lock.acquire(0, True)
    lock.acquire(1, t.rng.random() < 0.5)
    lock.somebody_wakes()
    for thread in (2, 3):
        lock.acquire(thread, t.rng.random() < 0.5)
    lock.release(0)  # whoever set Waking wakes
    lock = PushLock(t, 3)
    lock.acquire(2, True)
    lock.acquire(0, True)
    lock.acquire(1, t.rng.random() < 0.5)
    lock.convert_while_others_come()


def _drain(lock: PushLock) -> None:
    while lock.owners:
        lock.release(lock.owners[0])
