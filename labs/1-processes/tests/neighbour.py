"""Processor 1, as the scheduler on processor 0 sees it: threads are placed there from afar, and compared with the model.

Processor 1 stands still meanwhile, so that nobody but the routine under test touches its data.  Its current thread is one of
the host's, or its idle thread.  Which processors are asked to look is seen at the call itself.
"""

from __future__ import annotations

from typing import Dict, List, Optional

from .processor import DISPATCH_LEVEL, SET
from .hosted import empty_queues, make_process, make_thread, set_time, times
from .queues import read_queues
from .scheduler import DEFERRED, READY, RUNNING, STANDBY, WAITING, Scheduler, Thread

HERE, THERE = 0, 1
BELOW_ALL = -1  # the idle thread's place in the model: any thread displaces it
SEND, IDLE = "KiSendDispatchInterrupt", "HalProcessorIdle"

HINTS = {
    "other-processor": "The thread may not run here. Its queue, its standby thread and its lock are those of the processor that KiChooseProcessor "
                       "names.",
    "other-not-asked": "The other processor does not look by itself: ask it (KiRequestDispatchInterrupt with its KPRCB), once for each new standby "
                       "thread.",
    "other-asked-in-vain": "A thread that only joins a queue concerns nobody yet: no processor is asked to look.",
    "other-idle": "The idle thread is on no queue and has no turn: any thread displaces it, whatever its priority, and it is never Preempted.",
    "other-leaving": "A current thread that is not Running any more leaves by itself: it keeps no turn, so Preempted stays clear.",
    "other-lock": "The PrcbLock of the other processor is still held. Whoever comes there next spins for ever.",
    "other-number": "NextProcessor says on whose queue a thread is, or who runs it next: whoever looks for the thread looks there.",
}


class Neighbour:
    """Threads of the host's that may run on processor 1 only.  `current`: the priority of who runs there; None: the idle thread."""

    def __init__(self, t, count: int, current: Optional[int], leaving: bool = False) -> None:
        self.t, self.guest = t, t.guest
        guest = self.guest
        self._let_it_come_to_rest()
        self.prcbs = [guest.prcb(number) for number in (HERE, THERE)]
        guest.set(guest.pcr(), "KPCR.Irql", DISPATCH_LEVEL)
        set_time(guest, next(times(t.rng)))
        self.heads = [empty_queues(guest, prcb) for prcb in self.prcbs]
        guest.u32(guest.sym("KiIdleSummary"), 0)
        self.process = make_process(guest)
        self.addresses = [guest.alloc(guest.size("KTHREAD")) for _ in range(count + 1)]
        self.idle, self.leaving = current is None, leaving
        runner = Thread(-1, BELOW_ALL if current is None else current)
        self.model = Scheduler([Thread(number, 0) for number in range(count)], runner)
        runner.priority = runner.base = BELOW_ALL if current is None else current
        if current is None:
            self.current = guest.get(self.prcbs[THERE], "KPRCB.IdleThread")
            guest.set(self.current, "KTHREAD.Preempted", 0)
        else:
            self.current = self.addresses[count]
            self._make(self.current, current, WAITING if leaving else RUNNING)
            guest.set(self.current, "KTHREAD.NextProcessor", THERE)
        guest.set(self.prcbs[THERE], "KPRCB.CurrentThread", self.current)
        self.numbers: Dict[int, int] = {address: number for number, address in enumerate(self.addresses)}
        self.numbers[self.current] = -1
        self.send = guest.u32(guest.sym(SEND))
        self.asked = "nothing yet"

    def _let_it_come_to_rest(self) -> None:
        """Processor 1 goes on alone until it is about to halt: while it stands still it must hold no lock."""
        guest = self.guest
        guest.select(THERE)
        if guest.name(guest.regs()["eip"]) != IDLE:
            with guest.alone():
                guest.run_until(IDLE)
        guest.select(HERE)

    def _make(self, address: int, priority: int, state: int) -> None:
        make_thread(self.guest, address, self.process, priority, state, Affinity=1 << THERE, IdealProcessor=THERE, NextProcessor=HERE)

    # -- the student's routines ------------------------------------------------------------------------------------
    def place(self, number: int, priority: int) -> None:
        """A new thread of processor 1 becomes ready on processor 0: KiDeferredReadyThread."""
        thread = self.model.threads[number]
        self._make(self.addresses[number], priority, DEFERRED)
        thread.priority = thread.base = priority
        thread.state, thread.preempted = DEFERRED, False
        requests = self._call(f"KiDeferredReadyThread(T{number} new at {priority})", "KiDeferredReadyThread", self.addresses[number])
        before = self.model.next
        self.model.place(thread)
        self._compare(requests, self.model.next is not before)

    def set_priority(self, number: int, priority: int) -> None:
        """KiSetPriorityThread for a thread of processor 1 (-1: its current thread), and what the end of the dispatcher's work does."""
        thread = self.model.current if number < 0 else self.model.threads[number]
        address = self.current if number < 0 else self.addresses[number]
        what = "its current thread" if number < 0 else f"T{number}"
        requests = self._call(f"KiSetPriorityThread({what} at {thread.priority}, {priority})", "KiSetPriorityThread", address, priority, SET)
        requests += self._call(self.asked, "KiProcessDeferredReadyList")
        before = self.model.next
        self.model.set_priority(thread, priority)
        self._compare(requests, self.model.next is not before and self.model.next is not None, choice_is_made_again=True)

    def _call(self, asked: str, routine: str, *arguments: int) -> List[int]:
        """The masks of processors that were asked to look during the call."""
        guest, requests = self.guest, []
        self.asked = asked
        self.t.asking(self._asked(), hint=self.t.hint("other-processor", HINTS["other-processor"]))
        with guest.alone():
            place, registers = guest.call_or_stop(routine, *arguments, stops=[self.send])
            while place:
                requests.append(guest.u32(registers["esp"] + 4))
                place, registers = guest.go_on([self.send])
        return requests

    # -- judging ---------------------------------------------------------------------------------------------------
    def _compare(self, requests: List[int], chosen: bool, choice_is_made_again: bool = False) -> None:
        """`chosen`: there is a new standby thread, and the processor must be asked to look.  Where the choice is made again, a routine may
        put the standby thread back and choose it anew: then it may ask as well."""
        guest, model = self.guest, self.model
        there = read_queues(guest, self.heads[THERE], guest.get(self.prcbs[THERE], "KPRCB.ReadySummary"), self.numbers)
        here = read_queues(guest, self.heads[HERE], guest.get(self.prcbs[HERE], "KPRCB.ReadySummary"), self.numbers)
        nexts = [guest.get(prcb, "KPRCB.NextThread") for prcb in self.prcbs]
        wanted = self.addresses[model.next.number] if model.next else 0
        summary = sum(1 << priority for priority in model.ready())
        expected = f"processor 1: next thread {self._name(wanted)}; ready: {_show(model.ready())}; processor 0: nobody"
        seen = f"processor 1: next thread {self._name(nexts[THERE])}; ready: {_show(there.queues)}{'; ' + there.broken if there.broken else ''}; " \
               f"processor 0: {'nobody' if not here.queues and not nexts[HERE] else f'next thread {self._name(nexts[HERE])}; ready: {_show(here.queues)}'}"
        if (nexts[THERE], there.queues, there.summary) != (wanted, model.ready(), summary) or here.queues or nexts[HERE]:
            self._fail(expected, seen, "other-idle" if self.idle and not (here.queues or nexts[HERE]) else "other-processor")
        for thread in model.threads:
            if thread.state in (READY, STANDBY):
                state, number = (guest.get(self.addresses[thread.number], f"KTHREAD.{name}") for name in ("State", "NextProcessor"))
                self._equal(f"State of T{thread.number}", thread.state, state, "other-processor")
                self._equal(f"NextProcessor of T{thread.number}", THERE, number, "other-number")
        masks = [1 << THERE] if chosen or choice_is_made_again and requests else []
        if sorted(set(requests)) != masks:
            self._fail(f"processors asked to look: {_masks(masks)}", _masks(requests), "other-not-asked" if chosen else "other-asked-in-vain")
        claim = model.current.preempted and not self.idle and not self.leaving
        self._equal("Preempted of processor 1's current thread", int(claim), guest.get(self.current, "KTHREAD.Preempted"),
                    "other-idle" if self.idle else "other-leaving" if self.leaving else "other-processor")
        for number, prcb in enumerate(self.prcbs):
            self._equal(f"PrcbLock of processor {number}", 0, guest.u32(prcb + guest.field("KPRCB.PrcbLock")[0]), "other-lock")

    def _equal(self, what: str, expected: int, seen: int, hint: str) -> None:
        if expected != seen:
            self._fail(f"{what} is {expected}", f"it is {seen}", hint)

    def _fail(self, expected: str, seen: str, hint: str) -> None:
        self.t.fail(asked=self._asked(), expected=expected, seen=seen, hint=self.t.hint(hint, HINTS[hint]))

    def _asked(self) -> str:
        who = "its idle thread" if self.idle else f"a thread of priority {self.model.current.priority}" + (", which begins to wait" if self.leaving else "")
        return f"{self.asked} on processor 0, for processor 1, where {who} runs"

    def _name(self, address: int) -> str:
        number = self.numbers.get(address)
        return "none" if not address else f"{address:#010x}" if number is None else "the current thread" if number < 0 else f"T{number}"


def _show(queues: Dict[int, Optional[List[int]]]) -> str:
    return "; ".join(f"[{priority}] " + ("broken" if queue is None else " ".join("the current thread" if number == -1 else f"T{number}" for number in queue))
                     for priority, queue in sorted(queues.items(), reverse=True)) or "nobody"


def _masks(masks: List[int]) -> str:
    return ", ".join(" and ".join(str(bit) for bit in range(32) if mask >> bit & 1) or "none" for mask in masks) or "none"
