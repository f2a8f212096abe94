"""1.3 on two processors: threads that run elsewhere are placed and changed from here."""

from __future__ import annotations

from grader.api import test

from .neighbour import Neighbour

FEATURES = ("SCH-06", "SCH-12", "SCH-13")


@test("1.3", points=1, title="a thread of another processor is placed there, and that processor is asked to look", features=FEATURES,
      limit=10_000_000, processors=2)
def placed_on_the_other_processor(t):
    running = t.rng.randint(4, 8)
    neighbour = Neighbour(t, 10, running)
    for number in range(10):
        rival = (neighbour.model.next or neighbour.model.current).priority
        neighbour.place(number, (rival, t.rng.randint(1, rival), rival + t.rng.randint(1, 2))[number % 3])
    changed = neighbour.model.threads
    for number in t.rng.sample(range(10), 5):
        neighbour.set_priority(number, t.rng.choice([priority for priority in range(1, 24) if priority != changed[number].priority]))
    neighbour.set_priority(-1, 1)
    neighbour.set_priority(-1, 28)


@test("1.3", points=1, title="an idle processor takes any thread; one whose thread leaves takes the better one", features=FEATURES,
      limit=10_000_000, processors=2)
def placed_on_an_idle_processor(t):
    idle = Neighbour(t, 6, None)
    for number, priority in enumerate((0, 0, t.rng.randint(1, 6), t.rng.randint(1, 6), t.rng.randint(7, 31), t.rng.randint(1, 31))):
        idle.place(number, priority)
    leaving = Neighbour(t, 4, 9, leaving=True)
    for number, priority in enumerate((t.rng.randint(1, 9), t.rng.randint(10, 15), 9, t.rng.randint(16, 31))):
        leaving.place(number, priority)
