"""The scheduler of one processor as a Python model: which thread runs, which is next, which wait in which order.

The model follows the contract in the handout (and in kernel/ntos/ke/sched/dispatch.cpp, priority.cpp, policy.cpp), not the
code: it has no lists to link and no interrupts, only decisions.  Its threads are numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Tuple

REALTIME = 16
HIGHEST_VARIABLE = 15
TIME_CRITICAL = 14
PRIORITIES = 32

STEP, SIGNAL, WAIT, PRIORITY, YIELD, RAISE, LOWER, SPIN, BOOST, PULSE = range(10)
NAMES = ("step", "signal", "wait", "priority", "yield", "raise", "lower", "spin", "boost", "pulse")
Operation = Tuple[int, int, int]  # code, target, value

INITIALIZED, READY, RUNNING, STANDBY, TERMINATED, WAITING, TRANSITION, DEFERRED = range(8)
STATES = ("Initialized", "Ready", "Running", "Standby", "Terminated", "Waiting", "Transition", "DeferredReady", "GateWait")


@dataclass
class Thread:
    """A thread as the scheduler sees it, and the script it performs."""

    number: int
    priority: int
    base: int = 0
    state: int = WAITING
    preempted: bool = False
    boost_disabled: bool = False
    decrement: int = 0
    script: List[Operation] = field(default_factory=list)
    at: int = 0

    def __post_init__(self) -> None:
        self.base = self.base or self.priority


class Scheduler:
    """One processor.  `current` always runs; `next` is the standby thread."""

    def __init__(self, threads: List[Thread], current: Thread) -> None:
        self.threads = threads
        self.queues: List[List[Thread]] = [[] for _ in range(PRIORITIES)]
        self.current = current
        self.next: Optional[Thread] = None
        current.state = RUNNING

    # -- 1.1 -------------------------------------------------------------------------------------------------------
    def enqueue(self, thread: Thread) -> None:
        """KxQueueReadyThread: a preempted thread to the head, another to the tail."""
        thread.state = READY
        queue = self.queues[thread.priority]
        queue.insert(0 if thread.preempted else len(queue), thread)
        thread.preempted = False

    def dequeue(self, thread: Thread) -> None:
        self.queues[thread.priority].remove(thread)

    def select(self, low: int) -> Optional[Thread]:
        for priority in range(PRIORITIES - 1, low - 1, -1):
            if self.queues[priority]:
                return self.queues[priority].pop(0)
        return None

    # -- 1.3 -------------------------------------------------------------------------------------------------------
    def place(self, thread: Thread) -> None:
        """KiDeferredReadyThread: it displaces the next thread, else the current one, or it queues."""
        rival = self.next or self.current
        if thread.priority <= rival.priority:
            self.enqueue(thread)
            return
        self._displace(rival)
        if self.next:
            displaced, self.next = self.next, None
            self.enqueue(displaced)
        self._standby(thread)

    def set_priority(self, thread: Thread, priority: int) -> None:
        """KiSetPriorityThread, and what KiExitDispatcher does after it."""
        if thread.priority == priority:
            return
        raised = priority > thread.priority
        if thread.state == READY:
            self.dequeue(thread)
            thread.priority = priority
            if raised:
                self.place(thread)
            else:
                self.enqueue(thread)
            return
        thread.priority = priority
        if thread.state in (STANDBY, RUNNING):
            self._reconsider()

    def _reconsider(self) -> None:
        current = self.current
        if self.next and self.next.priority < current.priority:
            back, self.next = self.next, None
            back.preempted, current.preempted = True, False
            self.enqueue(back)
        rival = self.next or current
        better = self.select(rival.priority + 1)
        if better is None:
            return
        self._displace(rival)
        if self.next:
            back, self.next = self.next, None
            self.enqueue(back)
        self._standby(better)

    def _displace(self, rival: Thread) -> None:
        """A displaced thread keeps its turn; the current thread has none when it leaves by itself."""
        rival.preempted = rival.preempted or rival is self.next or rival.state == RUNNING

    def quantum_end(self, new_priority: int) -> None:
        """KiQuantumEnd when no units are left: `new_priority` is the policy's."""
        self.current.priority = new_priority
        self.current.preempted = False
        if self.next is None:
            candidate = self.select(new_priority)
            if candidate:
                self._standby(candidate)

    def _standby(self, thread: Thread) -> None:
        thread.state, thread.preempted, self.next = STANDBY, False, thread

    # -- the switch ------------------------------------------------------------------------------------------------
    def dispatch(self) -> None:
        """The dispatch interrupt: to the next thread, if there is one."""
        if self.next:
            self.enqueue(self.current)
            self._switch(self.next)

    def block(self) -> None:
        """KiSwapThread: the current thread waits."""
        self.current.state = WAITING
        following = self.next or self.select(0)
        assert following is not None, "the conductor is always ready"
        self._switch(following)

    def _switch(self, thread: Thread) -> None:
        self.current, self.next = thread, None
        thread.state = RUNNING

    def end_wait(self, thread: Thread, increment: int) -> None:
        """A wait is over: the policy's boost (quanta are long in a scripted workload), then a place."""
        if thread.priority < REALTIME and not thread.boost_disabled and not thread.decrement:
            thread.priority = max(thread.priority, min(thread.base + increment, HIGHEST_VARIABLE))
        self.place(thread)

    # -- views -----------------------------------------------------------------------------------------------------
    def ready(self) -> Dict[int, List[int]]:
        return {priority: [thread.number for thread in queue] for priority, queue in enumerate(self.queues) if queue}


class Play:
    """Scripted actors on a Scheduler: the order of their steps."""

    def __init__(self, actors: List[Thread], events: int, conductor: Thread) -> None:
        self.scheduler = Scheduler(actors, conductor)
        self.actors, self.conductor = actors, conductor
        self.signaled = [False] * events
        self.waiters: List[List[Thread]] = [[] for _ in range(events)]
        self.raised = False

    def open(self) -> None:
        """Lab1Perform: all gates in one moment."""
        for actor in self.actors:
            self.scheduler.end_wait(actor, 0)
        self.scheduler.dispatch()

    def steps(self, before: Optional[Callable[[], None]] = None, limit: int = 4000) -> List[Tuple[int, int]]:
        """Performs until only the conductor is left; (actor, operation) in order."""
        done: List[Tuple[int, int]] = []
        while self.scheduler.current is not self.conductor and len(done) < limit:
            step = self.one()
            if step:
                done.append(step)
        return done

    def upcoming(self) -> Optional[Tuple[int, int]]:
        """The step that comes next, after threads that have no operation left went to wait."""
        while True:
            actor = self.scheduler.current
            if actor is self.conductor:
                return None
            if actor.at < len(actor.script):
                return actor.number, actor.at
            self.scheduler.block()  # at the curtain

    def one(self) -> Optional[Tuple[int, int]]:
        """Performs one operation of the thread that runs."""
        step = self.upcoming()
        if step is None:
            return None
        actor = self.scheduler.current
        code, target, value = actor.script[actor.at]
        actor.at += 1
        self._perform(actor, code, target, value)
        return step

    def _perform(self, actor: Thread, code: int, target: int, value: int) -> None:
        scheduler = self.scheduler
        if code == SIGNAL:
            if self.waiters[target]:
                scheduler.end_wait(self.waiters[target].pop(0), value)
            else:
                self.signaled[target] = True
        elif code == PULSE:
            released, self.waiters[target] = self.waiters[target], []
            for thread in released:
                scheduler.end_wait(thread, value)
        elif code == WAIT:
            if not self.signaled[target]:
                self.waiters[target].append(actor)
                scheduler.block()
                return
            self.signaled[target] = False
        elif code == PRIORITY:
            thread = self.actors[target]
            thread.base, thread.decrement = value, 0
            scheduler.set_priority(thread, value)
        elif code == RAISE:
            self.raised = True
        elif code == LOWER:
            self.raised = False
        elif code == YIELD:
            following = scheduler.next or scheduler.select(actor.priority)
            if following:
                actor.preempted = False
                scheduler.next = following
        elif code == BOOST:
            thread = self.actors[target]
            if thread.priority < REALTIME:
                scheduler.set_priority(thread, max(thread.priority, min(thread.priority + value, HIGHEST_VARIABLE)))
        if not self.raised:
            scheduler.dispatch()
