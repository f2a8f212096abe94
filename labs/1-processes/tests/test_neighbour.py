"""1.3 on four processors: threads that run elsewhere are placed and changed from here, also while another processor changes them."""

from __future__ import annotations

from grader.api import Hint, Machine, test

from .meanwhile import Change
from .neighbour import Neighbours
from .processor import HINTS
from .turns import Turns, scripts

FEATURES = ("SCH-06", "SCH-12", "SCH-13")
FOUR = Machine(processors=4)
BOOT = Hint("schedule-boot", HINTS["schedule-boot"])


@test("1.3", points=1, title="a thread of another processor is placed there, and that processor is asked to look", features=FEATURES,
      limit=10_000_000, machine=FOUR)
def placed_on_the_other_processor(t):
    there, = _others(t, 1)
    running = t.rng.randint(4, 8)
    neighbours = Neighbours(t, 10, {there: running})
    for number in range(10):
        rival = (neighbours.models[there].next or neighbours.models[there].current).priority
        neighbours.place(number, (rival, t.rng.randint(1, rival), rival + t.rng.randint(1, 2))[number % 3], there)
    for number in t.rng.sample(range(10), 5):
        neighbours.set_priority(number, t.rng.choice([priority for priority in range(1, 24) if priority != neighbours.threads[number].priority]))
    neighbours.set_priority(-1 - there, 1)
    neighbours.set_priority(-1 - there, 28)
    neighbours = Neighbours(t, 2, {there: 9})
    for number, priority in enumerate((t.rng.randint(7, 8), 6)):
        neighbours.place(number, priority, there)
    for priority in (5, 6):  # alone on its queue
        neighbours.set_priority(1, priority)
    neighbours.set_priority(-1 - there, 5)  # below a ready thread: there is a next thread now
    neighbours.set_priority(0, t.rng.randint(1, 4))  # and now it is another one
    neighbours = Neighbours(t, 4, {there: 9})
    neighbours.place(0, t.rng.randint(1, 8), there)
    neighbours.set_priority(0, t.rng.randint(10, 28))  # from its queue to the next thread
    for number in range(1, 4):  # as good as that; of three calls in a row one is long after the boot
        neighbours.place(number, neighbours.threads[0].priority, there)


@test("1.3", points=1, title="an idle processor takes any thread; one whose thread leaves takes the better one", features=FEATURES,
      limit=10_000_000, machine=FOUR)
def placed_on_an_idle_processor(t):
    there, leaving = _others(t, 2)
    idle = Neighbours(t, 6, {there: None})
    for number, priority in enumerate((0, 0, t.rng.randint(1, 6), t.rng.randint(1, 6), t.rng.randint(7, 31), t.rng.randint(1, 31))):
        idle.place(number, priority, there)
    for _ in range(3):  # the next thread falls, and any ready thread may be better
        following = idle.models[there].next
        idle.set_priority(following.number, t.rng.choice([priority for priority in range(1, 8) if priority != following.priority]))
    left = Neighbours(t, 4, {leaving: 9}, leaving=True)
    for number, priority in enumerate((t.rng.randint(1, 9), t.rng.randint(10, 15), 9, t.rng.randint(16, 31))):
        left.place(number, priority, leaving)


@test("1.3", points=2, title="what another processor changes before the lock is free counts", features=FEATURES + ("SCH-16",),
      limit=10_000_000, machine=FOUR)
def changed_before_the_lock(t):
    """Another processor holds the PrcbLock when the routine comes, and changes what it guards before it lets go."""
    there, elsewhere = _others(t, 2)
    running = t.rng.randint(6, 9)
    neighbours = Neighbours(t, 8, {there: running, elsewhere: running})
    models, threads = neighbours.models, neighbours.threads

    def becomes_next(number: int, priority: int) -> Change:
        def change() -> None:
            models[there].place(neighbours.new(number, priority, there))
            neighbours.lay_out(there)
        return Change(f"T{number} of priority {priority} becomes the next thread", change)

    def turn_ends() -> Change:
        def change() -> None:
            models[there].quantum_end(running)
            neighbours.lay_out(there)
        return Change("a turn ends, and T0 becomes the next thread", change)

    def moves(number: int) -> Change:
        def change() -> None:
            models[there].dequeue(threads[number])
            models[elsewhere].enqueue(threads[number])
            neighbours.lay_out(there, elsewhere)
        return Change(f"T{number} moves to the queue of processor {elsewhere}", change)

    neighbours.place(0, running + 1, there, becomes_next(1, running + t.rng.randint(2, 3)))
    neighbours.place(2, running + 5, there, becomes_next(3, running + 4))
    neighbours.place(4, running - 2, there)
    neighbours.place(5, running - 2, there)
    neighbours.set_priority(4, running - t.rng.randint(3, 5), moves(4))  # lowered
    neighbours.set_priority(5, running + 8, moves(5))  # raised
    neighbours = Neighbours(t, 2, {there: running})
    models, threads = neighbours.models, neighbours.threads
    for number in range(2):
        neighbours.place(number, running, there)
    neighbours.set_priority(0, t.rng.randint(1, running - 1), turn_ends())  # ready before, the next thread now


def _others(t, count: int) -> "list[int]":
    """Other processors than this one."""
    return t.rng.sample(range(1, t.guest.session.processors), count)


@test("1.3", points=1, title="four processors keep every promise of the scheduler between them", features=FEATURES + ("SCH-16", "SCH-18"),
      limit=100_000_000, machine=FOUR)
def four_processors(t):
    Turns(t, scripts(t.rng)).play()
