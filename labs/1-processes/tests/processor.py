"""The real processor's scheduling state, driven by call injection and compared with the model.

The machine stands in the phase-1 thread, held at DISPATCH_LEVEL so that no switch takes place: the current thread stays,
and the student's routines choose and queue threads that the host has made.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Dict, List, Optional, Sequence, Tuple

from .hosted import empty_queues, make_process, make_thread, set_time, times
from .meanwhile import HINTS as LOCK_HINTS, Change, meanwhile
from .queues import read_queues
from .scheduler import DEFERRED, INITIALIZED, READY, RUNNING, STANDBY, STATES, WAITING, Scheduler, Thread

DISPATCH_LEVEL = 2
SET, BOOST, DECAY, STARVATION = range(4)  # KPRIORITY_CHANGE
AWAY = (INITIALIZED, WAITING)  # states of threads that are on no way to a processor
REASONS = ("Set", "Boost", "Decay", "Starvation")
ADJUST_NONE, ADJUST_UNWAIT, ADJUST_BOOST = 0, 1, 2

HINTS = {
    **LOCK_HINTS,
    "equal-displaces": "Only a higher priority displaces. A thread of equal priority waits its turn on the ready queue.",
    "no-preemption": "A thread with a higher priority than the one that would run must become the standby thread at once.",
    "standby-left-behind": "The old standby thread is on no ready queue now, and no processor will ever run it: queue it when a better one takes its "
                           "place (KxQueueReadyThread).",
    "two-standby": "Two threads are in state Standby; a processor has one next thread. Put the old one back before you set the new one.",
    "displaced-to-tail": "A thread that is displaced has not used up its turn: set Preempted, and the thread goes to the head of its queue, not to the "
                         "tail.",
    "tail-forgotten": "This thread had no claim to the head of its queue: it goes to the tail.",
    "leaving-preempted": "The current thread is not Running any more: it begins to wait, or ends. It leaves by itself, so it has no turn to keep; "
                         "with Preempted set it would come to the head of a queue after its wait.",
    "old-queue": "The thread is on the queue of its old priority. Take it off before Priority changes: afterwards its Priority names another queue.",
    "not-raised": "A ready thread whose priority is raised may now be better than the thread that runs: place it anew (KiReadyThread).",
    "not-reconsidered": "When the running or the standby thread changes its priority, the choice must be made again: the best thread runs "
                        "next.",
    "only-the-number": "A thread that is neither ready, standby nor running is on no queue: change its Priority and nothing else. The routine "
                       "that makes it ready will see the number.",
    "only-priority": "Base priority and quantum are the business of the caller of KiSetPriorityThread: change Priority, through KiChangePriority.",
    "adjust-ignored": "AdjustReason says that a boost is due. Apply it first, then choose, then clear AdjustReason.",
    "adjust-no-rise": "AdjustBoost never lowers a thread, and leaves real-time threads as they are: AdjustIncrement becomes the priority of a variable thread, and "
                      "only where it is more than that has.",
    "quantum-ignored": "The current thread has used up its quantum: the policy gives a new one and a priority, and an equal takes its turn.",
    "quantum-early": "The current thread has quantum left: its turn is not over, nothing changes.",
    "quantum-endless": "A real-time thread of a process with KPROCESS_DISABLE_QUANTUM keeps the processor: Quantum = KI_ENDLESS_QUANTUM.",
    "quantum-preempted": "A quantum end is no preemption: clear Preempted, so that the thread goes to the tail.",
    "quantum-standby": "A standby thread that was chosen before the quantum ended stays chosen.",
    "quantum-lower": "At quantum end only a thread of the same priority or a higher one takes the processor. With none ready, the thread goes on.",
    "schedule": "The first step that differs tells which rule was broken: the higher priority runs; among equals, a preempted thread comes first "
                "and a thread whose turn is over comes last. The tests of the single routines show a mistake one call at a time: begin with those.",
    "idle-kept": "IdleThread stays what it is: the processor falls back on it when no thread is ready. Of the processor's block these routines change NextThread, "
                 "ReadySummary and the queues.",
    "schedule-stop": "The call stops the kernel, or does not come back. CurrentThread is never nullptr, NextThread may be; a PrcbLock is taken once and given back "
                     "on each way out; a thread is on a queue only in state Ready.",
    "schedule-boot": "The kernel schedules its own threads with these routines before any test begins. Where it gave up look at what may be nullptr (NextThread), at "
                     "locks, and at loops; where it waits for ever a ready thread was never chosen, or no processor was asked to look at it.",
    "thread-lost": "A ready thread is on no queue and is not the standby thread.",
    "priority-event": "Priority changes through KiChangePriority only, with the reason that the contract names; it writes the event, which timelines "
                      "are drawn from.",
    "wrong-order": "The threads of a queue are in the wrong order.",
}


class Processor:
    """Processor 0 with scratch threads.  `model.current` stands for the phase-1 thread."""

    def __init__(self, t, count: int, current_priority: int) -> None:
        self.t, self.guest = t, t.guest
        guest = self.guest
        self.prcb = guest.u32(guest.sym("KiProcessorBlock"))
        self.current = guest.get(self.prcb, "KPRCB.CurrentThread")
        self.idle = guest.get(self.prcb, "KPRCB.IdleThread")
        guest.set(guest.pcr(), "KPCR.Irql", DISPATCH_LEVEL)
        self.times = times(t.rng)
        self.heads = empty_queues(guest, self.prcb)
        self.process = make_process(guest)
        self.addresses = [guest.alloc(guest.size("KTHREAD")) for _ in range(count)]
        self.numbers = {address: number for number, address in enumerate(self.addresses)}
        self.numbers[self.current] = -1
        guest.labels.update({address: f"T{number}" for number, address in enumerate(self.addresses)})
        runner = Thread(-1, current_priority)
        self.model = Scheduler([Thread(number, 0) for number in range(count)], runner)
        self.set_current(current_priority)
        for thread in self.model.threads:
            self.make(thread.number, 1, DEFERRED)
        self.done: List[str] = []
        self.changes: List[Tuple[int, int, int, int]] = []  # of priorities: thread, from, to, reason
        self._since = max((event.sequence for event in guest.events()), default=0)

    def clear(self) -> None:
        """Takes every thread of the test off queues and standby, in memory and in the model."""
        empty_queues(self.guest, self.prcb)
        self.model.queues = [[] for _ in range(32)]
        self.model.next = None
        for thread in self.model.threads:
            self.make(thread.number, 1, DEFERRED)

    # -- making ----------------------------------------------------------------------------------------------------
    def make(self, number: int, priority: int, state: int, **fields: int) -> Thread:
        """A thread of the host's in a state, on no queue."""
        make_thread(self.guest, self.addresses[number], self.process, priority, state, **fields)
        thread = self.model.threads[number]
        thread.priority = thread.base = priority
        thread.state, thread.preempted = state, False
        return thread

    def set_current(self, priority: int) -> None:
        self.guest.set(self.current, "KTHREAD.Priority", priority)
        self.guest.set(self.current, "KTHREAD.BasePriority", priority)
        self.guest.set(self.current, "KTHREAD.Preempted", 0)
        current = self.model.current
        current.priority = current.base = priority
        current.preempted = False

    def chosen_elsewhere(self, number: int, priority: int) -> None:
        """Another processor makes a new thread the next one here."""
        self.model.place(self.make(number, priority, STANDBY))
        self.guest.set(self.prcb, "KPRCB.NextThread", self.addresses[number])
        self.guest.set(self.current, "KTHREAD.Preempted", 1)

    def leave(self) -> None:
        """The current thread has begun to wait, and the switch has not taken place yet."""
        self.guest.set(self.current, "KTHREAD.State", WAITING)
        self.model.current.state = WAITING

    # -- the student's routines ------------------------------------------------------------------------------------
    def place(self, number: int, priority: int, hint: str = "no-preemption", **fields: int) -> None:
        """A new thread becomes ready: KiDeferredReadyThread."""
        thread = self.make(number, priority, DEFERRED, **fields)
        self._say(f"KiDeferredReadyThread({self._describe(thread)})")
        self.guest.call("KiDeferredReadyThread", self.addresses[number])
        reason, increment = fields.get("AdjustReason", ADJUST_NONE), fields.get("AdjustIncrement", 0)
        if priority < 16 and reason == ADJUST_UNWAIT:
            thread.priority = max(priority, min(priority + increment, 15))
        elif priority < 16 and reason == ADJUST_BOOST:
            thread.priority = max(priority, increment)
        self._changes(thread, priority, BOOST)
        self.model.place(thread)
        self.compare(hint)

    def set_priority(self, number: int, priority: int, hint: str) -> None:
        """KiSetPriorityThread, and what the end of the dispatcher's work does after it.  -1: the current thread."""
        thread = self.model.current if number < 0 else self.model.threads[number]
        self._say(f"KiSetPriorityThread({self._describe(thread)}, {priority})")
        reason, old = self.t.rng.choice((SET, BOOST)), thread.priority
        before = self._untouched(thread)
        self.guest.call("KiSetPriorityThread", self.current if number < 0 else self.addresses[number], priority, reason)
        self.guest.call("KiProcessDeferredReadyList")
        self.model.set_priority(thread, priority)
        self._changes(thread, old, reason)
        self.compare(hint)
        if self._untouched(thread) != before:
            self._fail("no field changed but Priority" if thread.state in AWAY else "BasePriority and Quantum as they were", "others changed too",
                       "only-the-number" if thread.state in AWAY else "only-priority")

    def _untouched(self, thread: Thread) -> bytes:
        """What of a thread no change of its priority may touch.  The clock charges the current thread."""
        guest = self.guest
        if thread.number < 0:
            return bytes([guest.get(self.current, "KTHREAD.BasePriority")])
        address = self.addresses[thread.number]
        if thread.state not in AWAY:
            return bytes(guest.get(address, f"KTHREAD.{name}") for name in ("BasePriority", "Quantum"))
        whole, (offset, size) = guest.read(address, guest.size("KTHREAD")), guest.field("KTHREAD.Priority")
        return whole[:offset] + whole[offset + size:]

    def quantum_end(self, left: int, hint: str, change: Optional[Change] = None) -> None:
        """KiQuantumEnd with `left` units of quantum; the reference's policy decides about the priority.  `change`: what another
        processor does before the routine has the lock."""
        guest, current = self.guest, self.model.current
        guest.set(self.current, "KTHREAD.Quantum", left & 0xFF)
        preempted = self.model.next is not None
        guest.set(self.current, "KTHREAD.Preempted", int(preempted))
        current.preempted = preempted
        held = f", and while another processor holds the PrcbLock {change.words}" if change else ""
        self._say(f"KiQuantumEnd() with Quantum {left} of {self._describe(current)}{held}")
        with guest.uninterrupted(), meanwhile(self.t, self.prcb, change) if change else nullcontext():  # a tick would take more units
            guest.call("KiQuantumEnd")
        old = current.priority
        if left <= 0:
            self.model.quantum_end(current.priority if current.priority >= 16 else max(current.base, current.priority - 1))
        self._changes(current, old, DECAY)
        self.compare(hint)

    def _changes(self, thread: Thread, old: int, reason: int) -> None:
        if thread.priority != old:
            self.changes.append((thread.number, old, thread.priority, reason))

    # -- judging ---------------------------------------------------------------------------------------------------
    def compare(self, hint: str) -> None:
        """Standby thread, queues, states, priorities and claims against the model."""
        guest, model = self.guest, self.model
        seen = read_queues(guest, self.heads, guest.get(self.prcb, "KPRCB.ReadySummary"), self.numbers)
        next_address = guest.get(self.prcb, "KPRCB.NextThread")
        next_seen = self.numbers.get(next_address, next_address) if next_address else None
        next_wanted = model.next.number if model.next else None
        states = {number: guest.get(address, "KTHREAD.State") for number, address in enumerate(self.addresses)}
        placed = [thread for thread in model.threads if thread.state in (READY, STANDBY)]
        bad_state = [thread for thread in placed if states[thread.number] != thread.state]
        expected = f"next thread {_name(next_wanted)}; ready: {_queues(model.ready())}"
        found = f"next thread {_name(next_seen)}; ready: {_queues(seen.queues)}" + (f"; {seen.broken}" if seen.broken else "")
        summary = sum(1 << priority for priority in model.ready())
        if next_wanted == next_seen and seen.queues == model.ready() and seen.summary != summary:
            self._fail(f"{expected}; ReadySummary {summary:#010x}", f"ReadySummary {seen.summary:#010x}", "old-queue")
        if next_wanted != next_seen or seen.queues != model.ready() or bad_state:
            if bad_state and next_wanted == next_seen and seen.queues == model.ready():
                expected += "; " + ", ".join(f"T{thread.number} {STATES[thread.state]}" for thread in bad_state)
                found += "; " + ", ".join(f"T{thread.number} {STATES[min(states[thread.number], 8)]}" for thread in bad_state)
            self._fail(expected, found, self._diagnose(seen.queues, next_seen, states, hint))
        for thread in placed + [model.current]:
            address = self.current if thread.number < 0 else self.addresses[thread.number]
            priority = guest.get(address, "KTHREAD.Priority")
            if priority != thread.priority:
                self._fail(f"{_name(thread.number)} has priority {thread.priority}", f"priority {priority}", hint)
            if thread.number >= 0 and guest.get(address, "KTHREAD.AdjustReason"):
                self._fail(f"AdjustReason of {_name(thread.number)} is AdjustNone", "it is still set", "adjust-ignored")
        if guest.get(self.prcb, "KPRCB.IdleThread") != self.idle:
            self._fail("the processor's IdleThread is as it was", "it has changed", "idle-kept")
        claim = bool(guest.get(self.current, "KTHREAD.Preempted"))
        if claim != model.current.preempted:
            leaves = model.current.state != RUNNING
            self._fail(f"Preempted of the current thread{', which has begun to wait,' if leaves else ''} is {model.current.preempted}",
                       f"it is {claim}", "displaced-to-tail" if model.current.preempted else "leaving-preempted" if leaves else
                       "quantum-preempted" if hint.startswith("quantum") else "tail-forgotten")

    def judge_trace(self) -> None:
        """Each change of a priority that the test has seen is an event."""
        judge_changes(self.t, self._since, self.numbers, self.changes)

    def _diagnose(self, queues: Dict[int, Optional[List[int]]], next_seen: Optional[int], states: Dict[int, int], hint: str) -> str:
        model = self.model
        rival = model.next or model.current
        if next_seen in range(len(model.threads)) and next_seen != rival.number and model.threads[next_seen].priority == rival.priority \
                and model.threads[next_seen].state == READY and not hint.startswith("quantum"):
            return "equal-displaces"
        everywhere = [number for queue in queues.values() for number in queue or []]
        lost = [thread.number for thread in model.threads if thread.state == READY and thread.number not in everywhere
                and thread.number != next_seen]
        if any(states[number] == STANDBY for number in lost):
            return "standby-left-behind"
        if any(self.guest.get(self.addresses[number], "KTHREAD.Priority") != priority for priority, queue in queues.items()
               for number in queue or [] if number in range(len(self.addresses))):
            return "old-queue"
        if lost:
            return "thread-lost"
        wanted = model.ready()
        if {priority: sorted(queue or []) for priority, queue in queues.items()} == {
                priority: sorted(queue) for priority, queue in wanted.items()}:
            differing = next((priority for priority in wanted if queues[priority] != wanted[priority]), None)
            if differing is None:
                return hint  # the queues are right; the next thread is not
            head = wanted[differing][0]
            return "displaced-to-tail" if (queues[differing] or [0])[-1] == head else "tail-forgotten"
        return hint

    def _say(self, call: str) -> None:
        self.done.append(call)
        set_time(self.guest, next(self.times))
        self.t.asking(self._asked(), hint=self.t.hint("schedule-stop", HINTS["schedule-stop"]))

    def _fail(self, expected: str, seen: str, hint: str) -> None:
        self.t.fail(asked=self._asked(), expected=expected, seen=seen, hint=self.t.hint(hint, HINTS[hint]))

    def _asked(self) -> str:
        before = "; ".join(self.done[-4:-1])
        return (self.done[-1] if self.done else "nothing yet") + f"  (current thread: priority {self.model.current.priority}" + (
            f"; before: {before})" if before else ")")

    def _describe(self, thread: Thread) -> str:
        what = {READY: "ready", STANDBY: "standby", RUNNING: "running", WAITING: "waiting", INITIALIZED: "initialized"}.get(thread.state, "new")
        return f"{_name(thread.number)} {what} at {thread.priority}"


def judge_changes(t, since: int, numbers: Dict[int, int], changes: Sequence[Tuple[int, int, int, int]]) -> None:
    """KiChangePriority is the only writer of Priority: it writes an event for each change, with its reason.  `since`: the last event before
    the test; `numbers`: of the threads, by address; `changes`: thread, from, to, reason, in their order."""
    seen = [(numbers[event.arguments[0]], *event.arguments[1:4]) for event in t.guest.events()
            if event.sequence > since and event.name == "priority" and event.arguments[0] in numbers]
    for number in range(max(len(seen), len(changes))):
        wanted, found = list(changes[number:number + 1]), seen[number:number + 1]
        t.check(wanted == found, asked="the event ring: every change of a priority since the test began", expected=_change(wanted),
                seen=_change(found), hint=t.hint("priority-event", HINTS["priority-event"]))


def _change(changes: Sequence[Tuple[int, ...]]) -> str:
    """A change of a priority in words."""
    return "; ".join(f"{_name(number)} from {old} to {new}, {REASONS[reason] if reason < len(REASONS) else reason}"
                     for number, old, new, reason in changes) or "none"


def _name(number: Optional[int]) -> str:
    if number is None:
        return "none"
    return "the current thread" if number == -1 else f"T{number}" if number < 4096 else f"{number:#010x}"


def _queues(queues: Dict[int, Optional[List[int]]]) -> str:
    return "; ".join(f"[{priority}] " + ("broken" if queue is None else " ".join(_name(number) for number in queue))
                     for priority, queue in sorted(queues.items(), reverse=True)) or "none"
