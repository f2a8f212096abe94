"""Four processors that take turns: only one of them runs at a time, to the next step of an actor or until it idles.

The next processor is drawn from the seed, so a run is the same every time.  Between two turns no processor is inside the scheduler: no
PrcbLock is held, and what kernel/ntos/ke/ki/scheduler.h promises must hold on every processor.
"""

from __future__ import annotations

from typing import Dict, List, Set

from .queues import read_queues
from .scheduler import BOOST, LOWER, PRIORITY, RAISE, READY, RUNNING, SIGNAL, STANDBY, STEP, WAIT, WAITING, YIELD, Operation, Thread
from .workload import Workload

STEP_PLACE, IDLE_PLACE, LOOP_PLACE = "Lab1Step", "HalProcessorIdle", "KdTestPoint"
PAIRS, OTHERS, ROUNDS = 4, 4, 3
DISPATCH_LEVEL = 2
BUSY = 0.8  # of the turns are of processors that have something to do
PASSIVE_TURNS = 200  # turns without a step after which no thread will ever make one

HINT = ("several-processors", "Each processor has queues, a next thread and a lock of its own, and looks at its next thread when it is asked to. The tests "
        "named placed_* show a mistake one call at a time: begin there.")


def scripts(rng) -> List[Thread]:
    """Pairs that wake each other in turn, some of them in bursts at DISPATCH_LEVEL, and others that change priorities and yield."""
    levels = rng.sample(range(3, 20), 4)
    actors: List[Thread] = []
    for pair in range(PAIRS):
        first, second = 2 * pair, 2 * pair + 1
        burst: List[Operation] = [(RAISE, 0, 0), (SIGNAL, second, rng.randint(0, 3)), (STEP, 0, 0), (LOWER, 0, 0)]
        plain: List[Operation] = [(SIGNAL, second, rng.randint(0, 3))]
        actors.append(Thread(first, rng.choice(levels), script=[one for _ in range(ROUNDS) for one in [*rng.choice((burst, plain)), (WAIT, first, 0)]]))
        actors.append(Thread(second, rng.choice(levels), script=[(WAIT, second, 0), (SIGNAL, first, rng.randint(0, 3))] * ROUNDS))
    for number in range(2 * PAIRS, 2 * PAIRS + OTHERS):
        script = [rng.choice(((YIELD, 0, 0), (PRIORITY, rng.randrange(2 * PAIRS + OTHERS), rng.choice(levels)),
                              (BOOST, rng.randrange(2 * PAIRS + OTHERS), rng.randint(1, 3)))) for _ in range(3 * ROUNDS)]
        actors.append(Thread(number, rng.choice(levels), script=script))
    return actors


class Turns:
    """The actors on all processors of the machine."""

    def __init__(self, t, actors: List[Thread]) -> None:
        self.t, self.guest, self.actors = t, t.guest, actors
        self.hint = t.hint(*HINT)
        self.processors = range(self.guest.session.processors)
        self.prcbs = [self.guest.prcb(number) for number in self.processors]
        heads, _ = self.guest.field("KPRCB.DispatcherReadyListHead")
        self.heads = [prcb + heads for prcb in self.prcbs]
        self.asked = f"{len(actors)} actors on {len(self.prcbs)} processors, which take turns"
        self.done: Dict[int, int] = {actor.number: 0 for actor in actors}
        self.recent: List[str] = []
        t.asking(f"{self.asked} - each runs to its gate", self.hint)
        with self.guest.alone():
            self.workload = Workload(t, actors)
        self._gather()
        t.asking(f"{self.asked} - the gates open", self.hint)
        self.guest.select(0)
        with self.guest.alone():
            self.guest.call_or_stop("Lab1Perform", stops=[STEP_PLACE, IDLE_PLACE])
        self._note(0)

    def _gather(self) -> None:
        """Turns until every actor waits at its gate."""
        for number in range(PASSIVE_TURNS):
            if all(self.workload.get(actor.number, "State") == WAITING for actor in self.actors):
                return
            self._turn(number % len(self.prcbs))
        self.t.fail(expected="every actor comes to its gate", seen="one does not", hint=self.hint)

    def play(self) -> None:
        """To the last step of the last actor."""
        rng, idle = self.t.rng, 0
        while any(self.done[actor.number] < len(actor.script) for actor in self.actors):
            busy = [number for number in self.processors if self._has_work(number)]
            number = rng.choice(busy if busy and rng.random() < BUSY else self.processors)
            self.t.asking(f"{self.asked} - processor {number} goes on, after {' '.join(self.recent[-6:])}", self.hint)
            self._turn(number)
            idle = 0 if self._note(number) else idle + 1
            self._look(number)
            self.t.check(idle < PASSIVE_TURNS, asked=f"{self.asked} - after {' '.join(self.recent[-6:])}", expected="one of the actors goes on",
                         seen=f"none, in {PASSIVE_TURNS} turns of the processors; {self._missing()}", hint=self.hint)

    def _has_work(self, number: int) -> bool:
        current, following, idle = (self.guest.get(self.prcbs[number], f"KPRCB.{name}") for name in ("CurrentThread", "NextThread", "IdleThread"))
        return current != idle or following != 0

    def _turn(self, number: int) -> None:
        guest = self.guest
        guest.select(number)
        with guest.alone():
            guest.run_until_any([STEP_PLACE, IDLE_PLACE, LOOP_PLACE, guest.landing])

    def _note(self, number: int) -> bool:
        """Whether the turn ended at an actor's step."""
        guest = self.guest
        if guest.regs()["eip"] != guest.sym(STEP_PLACE):
            return False
        actor, operation = self.workload.step()
        self.recent.append(f"P{number}:A{actor}.{operation}")
        self.t.check(operation == self.done[actor], asked=self.asked, expected=f"A{actor} performs operation {self.done[actor]}",
                     seen=f"operation {operation}", hint=self.hint)
        self.done[actor] += 1
        return True

    def _missing(self) -> str:
        return ", ".join(f"A{actor.number} stands before operation {self.done[actor.number]} in state {self.workload.get(actor.number, 'State')}"
                         for actor in self.actors if self.done[actor.number] < len(actor.script))

    # -- judging ---------------------------------------------------------------------------------------------------
    def _look(self, ran: int) -> None:
        """The promises of the scheduler on every processor.  `ran`: the processor that had the turn."""
        guest = self.guest
        places: List[int] = []
        for number, prcb in enumerate(self.prcbs):
            current, following, idle = (guest.get(prcb, f"KPRCB.{name}") for name in ("CurrentThread", "NextThread", "IdleThread"))
            seen = read_queues(guest, self.heads[number], guest.get(prcb, "KPRCB.ReadySummary"), {})
            self._hold(not guest.u32(prcb + guest.field("KPRCB.PrcbLock")[0]), number, "a PrcbLock that is free", "it is held")
            self._hold(not seen.broken and seen.summary == sum(1 << one for one in seen.queues), number, "a bit for each queue that holds threads",
                       f"ReadySummary {seen.summary:#010x}, queues {sorted(seen.queues)} {seen.broken}")
            queued = [(thread, priority) for priority, queue in seen.queues.items() for thread in queue or []]
            for thread, priority in queued:
                self._hold(self._is(thread, READY, number) and guest.get(thread, "KTHREAD.Priority") == priority, number,
                           f"on queue {priority} ready threads of that priority and processor", self._describe(thread))
            self._hold(not following or self._is(following, STANDBY, number), number, "a next thread that is Standby here", self._describe(following))
            self._hold(current == idle or self._is(current, RUNNING, number), number, "a current thread that is Running here", self._describe(current))
            rival = following or current
            best = max(seen.queues, default=-1)
            self._hold(best < 0 or rival != idle and best <= guest.get(rival, "KTHREAD.Priority"), number,
                       "no ready thread that is better than the next one or, without one, the current one", f"queue {best} holds a thread; {self._describe(rival)}")
            places += [current, *([following] if following else []), *(thread for thread, _ in queued)]
        twice = [thread for thread in self.workload.threads if places.count(thread) > 1]
        self._hold(not twice, ran, "each thread in one place", f"{self._describe(twice[0]) if twice else ''} is in two")
        lost = [thread for thread in self.workload.threads if thread not in places and guest.get(thread, "KTHREAD.State") != WAITING]
        self._hold(not lost, ran, "each thread that does not wait on a queue, next or running", f"{self._describe(lost[0]) if lost else ''} is nowhere")
        raised = guest.get(guest.pcr(ran), "KPCR.Irql") >= DISPATCH_LEVEL
        following = guest.get(self.prcbs[ran], "KPRCB.NextThread")
        idles = guest.get(self.prcbs[ran], "KPRCB.CurrentThread") == guest.get(self.prcbs[ran], "KPRCB.IdleThread")
        self._hold(not following or raised and not idles, ran, "no next thread left behind a turn: the processor was asked to switch to it",
                   self._describe(following))

    def _is(self, thread: int, state: int, number: int) -> bool:
        return self.guest.get(thread, "KTHREAD.State") == state and self.guest.get(thread, "KTHREAD.NextProcessor") == number

    def _describe(self, thread: int) -> str:
        if not thread:
            return "none"
        state, priority, processor = (self.guest.get(thread, f"KTHREAD.{name}") for name in ("State", "Priority", "NextProcessor"))
        return f"{self.workload.name(thread)}: state {state}, priority {priority}, NextProcessor {processor}"

    def _hold(self, right: bool, number: int, expected: str, seen: str) -> None:
        self.t.check(right, asked=f"{self.asked} - after {' '.join(self.recent[-6:])}", expected=f"processor {number}: {expected}", seen=seen, hint=self.hint)
