"""Other processors, as the scheduler on processor 0 sees them: threads are placed there from afar, and compared with the model.

They stand still meanwhile, so that only the routine under test touches their data.  The current thread of each is one of
the host's, or its idle thread.  Which processors are asked to look is seen at the call itself.  What another one does between two
steps of the routine is done to the models and laid out in memory.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Dict, List, Mapping, Optional, Tuple

from .hosted import empty_queues, make_process, make_thread, set_time, times
from .meanwhile import FREE, HINTS as LOCK_HINTS, Change, meanwhile
from .processor import DISPATCH_LEVEL, SET
from .queues import read_queues
from .scheduler import DEFERRED, RUNNING, STANDBY, WAITING, Scheduler, Thread

HERE = 0
BELOW_ALL = -1  # the idle thread's place in the model: any thread displaces it
SEND, IDLE = "KiSendDispatchInterrupt", "HalProcessorIdle"
COUNT_MOST = 4096  # what is greater is the address of a stranger

HINTS = {
    **LOCK_HINTS,
    "other-processor": "The thread may not run here. Its queue, its standby thread and its lock are those of the processor that KiChooseProcessor "
                       "names.",
    "other-not-asked": "The other processor does not look by itself: ask it (KiRequestDispatchInterrupt with its KPRCB), once for each new standby "
                       "thread.",
    "other-asked-in-vain": "A thread that only joins a queue changes no choice: no processor is asked to look.",
    "other-asked-early": "Choose first, ask afterwards: an idle processor that is asked before its NextThread is set finds nothing, and halts again.",
    "other-idle": "The idle thread is on no queue and has no turn: any thread displaces it, whatever its priority, and it is never Preempted.",
    "other-leaving": "A current thread that is not Running any more leaves by itself: it keeps no turn, so Preempted stays clear.",
    "other-lock": "The PrcbLock of the other processor is still held. The next processor that wants it spins for ever.",
    "other-number": "NextProcessor says which processor's queue a thread is on, or which processor runs it next: all routines look for the thread there.",
}


class Neighbours:
    """Threads of the host's, each of which may run on one other processor only.  `currents`: for these processors the priority of the
    thread that runs there; None: the idle thread.  `leaving`: the thread that runs there has begun to wait."""

    def __init__(self, t, count: int, currents: Dict[int, Optional[int]], leaving: bool = False) -> None:
        self.t, self.guest = t, t.guest
        guest = self.guest
        self.processors = range(guest.session.processors)
        for number in self.processors[1:]:
            self._let_it_come_to_rest(number)
        guest.select(HERE)
        guest.set(guest.pcr(), "KPCR.Irql", DISPATCH_LEVEL)
        self.times = times(t.rng)
        self.prcbs = [guest.prcb(number) for number in self.processors]
        self.heads = [empty_queues(guest, prcb) for prcb in self.prcbs]
        guest.u32(guest.sym("KiIdleSummary"), 0)
        self.process = make_process(guest)
        self.addresses = [guest.alloc(guest.size("KTHREAD")) for _ in range(count)]
        self.threads = [Thread(number, 0) for number in range(count)]
        self.homes: Dict[int, int] = {}  # thread -> the processor on which it is placed
        self.numbers: Dict[int, int] = {address: number for number, address in enumerate(self.addresses)}
        self.leaving = leaving
        self.idle = {number for number, priority in currents.items() if priority is None}
        self.models = {number: self._current(number, priority) for number, priority in currents.items()}
        self.currents = {number: guest.get(self.prcbs[number], "KPRCB.CurrentThread") for number in currents}
        self.send = guest.u32(guest.sym(SEND))
        self.asked, self.there, self.holder = "nothing yet", min(currents), ""

    def _let_it_come_to_rest(self, number: int) -> None:
        """The processor goes on alone until it is about to halt: while it stands still it must hold no lock."""
        guest = self.guest
        guest.select(number)
        if guest.name(guest.regs()["eip"]) != IDLE:
            with guest.alone():
                guest.run_until(IDLE)

    def _current(self, number: int, priority: Optional[int]) -> Scheduler:
        guest, prcb = self.guest, self.prcbs[number]
        if priority is None:
            address = guest.get(prcb, "KPRCB.IdleThread")
            guest.set(address, "KTHREAD.Preempted", 0)
        else:
            address = guest.alloc(guest.size("KTHREAD"))
            self._make(address, number, priority, WAITING if self.leaving else RUNNING)
            guest.set(address, "KTHREAD.NextProcessor", number)
        guest.set(prcb, "KPRCB.CurrentThread", address)
        self.numbers[address] = -1 - number
        runner = Thread(-1 - number, 0)
        model = Scheduler(self.threads, runner)
        runner.priority = runner.base = BELOW_ALL if priority is None else priority
        return model

    def _make(self, address: int, processor: int, priority: int, state: int) -> None:
        make_thread(self.guest, address, self.process, priority, state, Affinity=1 << processor, IdealProcessor=processor, NextProcessor=HERE)

    # -- the student's routines ------------------------------------------------------------------------------------
    def place(self, number: int, priority: int, there: int, change: Optional[Change] = None) -> None:
        """A new thread of processor `there` becomes ready on processor 0: KiDeferredReadyThread.  `change`: what another processor does
        to that one's data in the meantime."""
        self.new(number, priority, there)
        requests = self._call(f"KiDeferredReadyThread(T{number} new at {priority})", there, change, "KiDeferredReadyThread", self.addresses[number])
        model = self.models[there]
        before = model.next
        model.place(self.threads[number])
        self._compare(there, requests, model.next is not before, moved=change is not None)

    def set_priority(self, number: int, priority: int, change: Optional[Change] = None) -> None:
        """KiSetPriorityThread for a thread of another processor (-1 - p: the current thread of processor p), and what the end of the
        dispatcher's work does."""
        there = self.homes.get(number, -1 - number)
        thread = self.threads[number] if number >= 0 else self.models[there].current
        address = self.addresses[number] if number >= 0 else self.currents[there]
        requests = self._call(f"KiSetPriorityThread({self._who(number)} at {thread.priority}, {priority})", there, change, "KiSetPriorityThread",
                              address, priority, SET)
        requests += self._requests("KiProcessDeferredReadyList")
        there = self.homes.get(number, there)  # it may have moved
        model = self.models[there]
        before = model.next
        model.set_priority(thread, priority)
        self._compare(there, requests, model.next is not before and model.next is not None, choice_is_made_again=True, moved=change is not None)

    def _call(self, asked: str, there: int, change: Optional[Change], routine: str, *arguments: int) -> List[int]:
        """The masks of processors that were asked to look during the call."""
        self.asked, self.there = asked, there
        self.holder = f", and while another processor holds its PrcbLock {change.words}" if change else ""
        set_time(self.guest, next(self.times))
        self.t.asking(self._asked(), hint=self.t.hint("other-processor", HINTS["other-processor"]))
        with meanwhile(self.t, self.prcbs[there], change) if change else nullcontext():
            return self._requests(routine, *arguments)

    def _requests(self, routine: str, *arguments: int) -> List[int]:
        guest, requests = self.guest, []
        with guest.alone():
            place, registers = guest.call_or_stop(routine, *arguments, stops=[self.send])
            while place:
                requests.append(guest.u32(registers["esp"] + 4))
                for number in self.models:
                    chosen = guest.get(self.prcbs[number], "KPRCB.NextThread")
                    if requests[-1] >> number & 1 and (not chosen or guest.get(chosen, "KTHREAD.State") != STANDBY):
                        self._fail(f"processor {number} has a standby thread when it is asked to look", "it has none yet", "other-asked-early")
                place, registers = guest.go_on([self.send])
        return requests

    # -- the other processors' own doing ---------------------------------------------------------------------------
    def new(self, number: int, priority: int, there: int) -> Thread:
        """A thread of processor `there` that is about to be placed, in memory and in the model."""
        thread = self.threads[number]
        self._make(self.addresses[number], there, priority, DEFERRED)
        self.homes[number] = there
        thread.priority = thread.base = priority
        thread.state, thread.preempted = DEFERRED, False
        return thread

    def lay_out(self, *processors: int) -> None:
        """Memory becomes what the models of these processors say: they did it themselves."""
        guest = self.guest
        link, _ = guest.field("KTHREAD.WaitListEntry")
        for number in processors:
            model, heads, prcb = self.models[number], self.heads[number], self.prcbs[number]
            empty_queues(guest, prcb)
            for priority, queue in enumerate(model.queues):
                ring = [heads + 8 * priority, *(self.addresses[thread.number] + link for thread in queue)]
                for entry, after in zip(ring, ring[1:] + ring[:1]):
                    guest.u32(entry, after)
                    guest.u32(after + 4, entry)
            guest.set(prcb, "KPRCB.ReadySummary", sum(1 << priority for priority in model.ready()))
            guest.set(prcb, "KPRCB.NextThread", self.addresses[model.next.number] if model.next else 0)
            for thread in self._placed(number):
                self.homes[thread.number] = number
                for name, value in (("State", thread.state), ("NextProcessor", number), ("Affinity", 1 << number), ("IdealProcessor", number),
                                    ("Priority", thread.priority), ("Preempted", int(thread.preempted))):
                    guest.set(self.addresses[thread.number], f"KTHREAD.{name}", value)
            if number not in self.idle:
                guest.set(self.currents[number], "KTHREAD.Preempted", int(model.current.preempted))

    def _placed(self, number: int) -> List[Thread]:
        """The threads that are ready or standby there."""
        model = self.models[number]
        return [thread for queue in model.queues for thread in queue] + ([model.next] if model.next else [])

    # -- judging ---------------------------------------------------------------------------------------------------
    def _compare(self, there: int, requests: List[int], chosen: bool, choice_is_made_again: bool = False, moved: bool = False) -> None:
        """`chosen`: there is a new standby thread, and the processor must be asked to look.  Where the choice is made again, a routine may
        put the standby thread back and choose it anew: then it may ask as well."""
        guest = self.guest
        blame = "moved-meanwhile" if moved and choice_is_made_again else "looked-early" if moved else "other-processor"
        found = {number: self._where(number) for number in self.processors}
        differ = {number for number, (wanted, seen) in found.items() if wanted != seen}
        if differ:
            texts = ["; ".join(f"processor {number}: {found[number][side]}" for number in sorted(differ | {*self.models})) for side in (0, 1)]
            self._fail(*texts, "other-idle" if there in self.idle and differ == {there} and not moved else blame)
        for number in self.models:
            for thread in self._placed(number):
                state, processor = (guest.get(self.addresses[thread.number], f"KTHREAD.{name}") for name in ("State", "NextProcessor"))
                self._equal(f"State of T{thread.number}", thread.state, state, blame)
                self._equal(f"NextProcessor of T{thread.number}", number, processor, "other-number")
        masks = [1 << there] if chosen or choice_is_made_again and requests else []
        if sorted(set(requests)) != masks:
            self._fail(f"processors asked to look: {_masks(masks)}", _masks(requests), "other-not-asked" if chosen else "other-asked-in-vain")
        for number, model in self.models.items():
            idle = number in self.idle
            claim = model.current.preempted and not idle and not self.leaving
            self._equal(f"Preempted of processor {number}'s current thread", int(claim), guest.get(self.currents[number], "KTHREAD.Preempted"),
                        "other-idle" if idle else "other-leaving" if self.leaving else blame)
        for number, prcb in enumerate(self.prcbs):
            self._equal(f"PrcbLock of processor {number}", FREE, guest.u32(prcb + guest.field("KPRCB.PrcbLock")[0]), "other-lock")

    def _where(self, number: int) -> Tuple[str, str]:
        """Next thread and queues of a processor, as they must be and as they are."""
        guest, prcb, model = self.guest, self.prcbs[number], self.models.get(number)
        ready = model.ready() if model else {}
        following = self.addresses[model.next.number] if model and model.next else 0
        snapshot = read_queues(guest, self.heads[number], guest.get(prcb, "KPRCB.ReadySummary"), self.numbers)
        summary = sum(1 << priority for priority in ready)
        return (self._shown(following, ready, summary),
                self._shown(guest.get(prcb, "KPRCB.NextThread"), snapshot.queues, snapshot.summary) + (snapshot.broken and f"; {snapshot.broken}"))

    def _shown(self, following: int, ready: Mapping[int, Optional[List[int]]], summary: int) -> str:
        queues = [f"[{priority}] " + ("broken" if queue is None else " ".join(map(self._who, queue)))
                  for priority, queue in sorted(ready.items(), reverse=True)]
        return f"next thread {self._name(following)}; ReadySummary {summary:#010x}, ready: {'; '.join(queues) or 'none'}"

    def _equal(self, what: str, expected: int, seen: int, hint: str) -> None:
        if expected != seen:
            self._fail(f"{what} is {expected}", f"it is {seen}", hint)

    def _fail(self, expected: str, seen: str, hint: str) -> None:
        self.t.fail(asked=self._asked(), expected=expected, seen=seen, hint=self.t.hint(hint, HINTS[hint]))

    def _asked(self) -> str:
        model = self.models[self.there]
        who = "its idle thread" if self.there in self.idle else f"a thread of priority {model.current.priority}" + (
            ", which begins to wait" if self.leaving else "")
        return f"{self.asked} on processor 0, for processor {self.there}, where {who} runs{self.holder}"

    def _name(self, address: int) -> str:
        number = self.numbers.get(address)
        return "none" if not address else f"{address:#010x}" if number is None else self._who(number)

    @staticmethod
    def _who(number: int) -> str:
        return f"T{number}" if 0 <= number < COUNT_MOST else "its current thread" if number < 0 else f"{number:#010x}"


def _masks(masks: List[int]) -> str:
    return ", ".join(" and ".join(str(bit) for bit in range(32) if mask >> bit & 1) or "none" for mask in masks) or "none"
