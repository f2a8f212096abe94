"""A KQUEUE and its threads: the model, and the same in guest memory."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from grader.views.ring import Event

from .bench import Bench
from .running import RAISE, SWAP
from .dispatcher import KERNEL_APC, SYNCHRONIZATION_EVENT, TIMEOUT, Object, status_name
from .hints import HINTS
from .traced import Fresh

EVENTS = 2
KERNEL_MODE, USER_MODE = 0, 1
DISPATCH_LEVEL = 2
WR_QUEUE = 15  # KWAIT_REASON::WrQueue
ANY = 1  # WaitAny


class Pool:
    """Threads T0 ..., entries N0 ..., one queue.  A woken thread runs on at once, to the end of its call."""

    def __init__(self, t, threads: int, entries: int, maximum: int) -> None:
        self.t, self.guest = t, t.guest
        guest = self.guest
        self.bench = Bench(t, [Object(number, SYNCHRONIZATION_EVENT) for number in range(EVENTS)], threads)
        self.queue = guest.alloc(guest.size("KQUEUE"))
        guest.call("KeInitializeQueue", self.queue, maximum)
        self.entries = [guest.alloc(8) for _ in range(entries)]
        self.maximum = maximum
        self.inside: List[int] = []  # entries in the queue, oldest first
        self.members: List[int] = []
        self.waiting: List[int] = []  # for the queue, in the order of waiting
        self.user: List[int] = []  # threads with a user APC that ends a wait in user mode
        self.blocked: Dict[int, int] = {}  # thread -> event
        self.results: Dict[int, int] = {}  # what a woken thread's call must return
        self.spare = list(range(entries))
        self.current = 0
        self.traced: List[Tuple[int, ...]] = []  # what the last call must trace
        self._fresh = Fresh(guest, {Event.SIGNAL: 4, Event.WAIT: 4, Event.UNWAIT: 3})

    # -- calls -----------------------------------------------------------------------------------------------------
    def insert(self, at_head: bool = False) -> None:
        """An entry goes in."""
        number = self.spare.pop(self.t.rng.randrange(len(self.spare)))
        routine = "KeInsertHeadQueue" if at_head else "KeInsertQueue"
        self._say(f"{routine}(N{number})")
        self.guest.write(self.entries[number], bytes(self.t.rng.getrandbits(8) for _ in range(8)))
        self.bench._act(None)
        told = self.guest.call(routine, self.queue, self.entries[number])
        wanted = len(self.inside)
        gives = self._may_wake()
        self.traced.append((Event.SIGNAL, self.queue, self.guest.get(self.queue, "DISPATCHER_HEADER.Type"), wanted, wanted + (not gives)))
        if gives:
            itself = self.guest.u32(self.entries[number]) == self.entries[number]
            self._equal("its Flink leads to itself", "its Flink " + ("leads to itself" if itself else "does not"), "queue-given")
            self._give(number)
        else:
            self.inside.insert(0 if at_head else len(self.inside), number)
        self._equal(f"it returns {wanted}", f"it returns {told}", "previous-state")
        self._after("queue-last-waiter")

    def remove(self, thread: int, timeout: Optional[int] = None, mode: int = KERNEL_MODE) -> None:
        """A thread asks for an entry; `timeout` in 100 ns."""
        self._say(f"T{thread}: KeRemoveQueue({'UserMode, ' if mode else ''}{self.bench._time(timeout)})")
        place, told = self.bench.call(thread, "KeRemoveQueue", self.queue, mode, self.bench._timeout(timeout))
        if thread not in self.members:
            self.members.append(thread)
            self.current += 1
        self._asked_for(thread, place, told, timeout, mode)

    def interrupt(self, thread: int) -> None:
        """A kernel APC ends a thread's wait for the queue and has run: the thread asks again, for the time that is left."""
        self._say(f"T{thread}: its wait ends for a kernel APC, which runs; then the wait begins again")
        self.bench._act(None, DISPATCH_LEVEL)
        self.guest.call("KiUnwaitThread", self.bench.threads[thread], KERNEL_APC, 0)
        self.guest.call("KiProcessDeferredReadyList")
        self._ended(thread, KERNEL_APC)
        self.waiting.remove(thread)
        self.current += 1
        self._equal(f"woken: T{thread}", "woken: " + _threads(self.bench.woken()), "queue-again")
        place, told = self.bench.resume(thread)
        self._equal("the thread waits", self._told(place, told), "queue-again")
        self._asked_for(thread, place, told, None, KERNEL_MODE)

    def disturb(self, thread: int) -> None:
        """The thread was alerted, and a user APC is on its way to it: only the latter ends a wait in a queue, in user mode."""
        self._say(f"T{thread} is alerted, and its UserApcPending is set")
        address = self.bench.threads[thread]
        self.guest.write(address + self.guest.field("KTHREAD.Alerted")[0], b"\1\1")
        self.guest.set(address + self.guest.field("KTHREAD.ApcState")[0], "KAPC_STATE.UserApcPending", 1)
        self.user.append(thread)

    def _asked_for(self, thread: int, place: str, told: int, timeout: Optional[int], mode: int) -> None:
        """What comes of asking for an entry."""
        if self.inside and self.current <= self.maximum:
            number = self.inside.pop(0)
            self.spare.append(number)
            self._equal(f"it returns N{number}", self._told(place, told), "queue-maximum" if place else "queue-order" if told in self.entries else "queue-taken")
            self._equal("its Flink is nullptr", "its Flink is " + ("nullptr" if not self.guest.u32(self.entries[number]) else "not"), "queue-given")
        elif mode and thread in self.user:
            self._equal("it returns STATUS_USER_APC", self._told(place, told), "alert-before-time" if timeout == 0 and not place else "queue-alert")
        elif timeout == 0:
            self._equal("it returns STATUS_TIMEOUT", self._told(place, told), "queue-maximum" if self.inside else "queue-time" if place else "queue-result")
        else:
            self._equal("the thread waits", self._told(place, told), "queue-alert" if thread in self.user else "queue-maximum" if self.inside else
                        "queue-result")
            how = "WaitReason %d, WaitMode %d, Alertable %d"
            seen = tuple(self.guest.get(self.bench.threads[thread], f"KTHREAD.{name}") for name in ("WaitReason", "WaitMode", "Alertable"))
            self._equal(how % (WR_QUEUE, mode, 0), how % seen, "queue-wait")
            self.waiting.append(thread)
            self._begins(thread, bool(self.guest.get(self.bench.threads[thread] + self.guest.field("KTHREAD.Timer")[0], "DISPATCHER_HEADER.Inserted")))
            self._stops(thread)
        self._after("queue-blocked")

    def block(self, thread: int, event: int) -> None:
        """A thread of the queue waits for something else."""
        self._say(f"T{thread}: KeWaitForSingleObject(E{event})")
        place, told = self.bench.call(thread, "KeWaitForSingleObject", self.bench.addresses[event], 0, 0, 0, 0)
        self._equal("the thread waits", self._told(place, told), "did-not-wait")
        self._begins(thread, False)
        self.blocked[thread] = event
        self._stops(thread)
        self._after("queue-blocked")

    def unblock(self, event: int) -> None:
        """KeSetEvent: the thread that waits longest goes on, whether there is room for it or not."""
        thread = next((one for one, its in self.blocked.items() if its == event), None)
        if thread is None:
            return
        self._say(f"KeSetEvent(E{event}), for which T{thread} waits")
        self.bench._act(None)
        self.guest.call("KeSetEvent", self.bench.addresses[event], 0, 0)
        del self.blocked[thread]
        self._ended(thread, 0)
        self.results[thread] = 0
        if thread in self.members:
            self.current += 1
        self._after("queue-active")

    def later(self, ticks: int) -> None:
        """Time goes on, and nothing is due."""
        self._say(f"{ticks} ticks later")
        self.bench.set_clock(self.bench.model.now + ticks * self.bench.increment)

    def expire(self, thread: int, ticks: int) -> None:
        """Time goes on until the wait of a thread for the queue is over."""
        self.later(ticks)
        self.bench._act(None, DISPATCH_LEVEL)
        self.guest.call("KiTimerExpiration", self.guest.sym("KiTimerExpireDpc"), 0, 0, 0)
        self.waiting.remove(thread)
        self._ended(thread, TIMEOUT)
        self.results[thread] = TIMEOUT
        self.current += 1
        self._after("queue-result")

    # -- the model -------------------------------------------------------------------------------------------------
    def _may_wake(self) -> bool:
        return self.current < self.maximum and bool(self.waiting)

    def _give(self, number: int) -> None:
        thread = self.waiting.pop()
        self._ended(thread, 0)
        self.results[thread] = self.entries[number]
        self.spare.append(number)
        self.current += 1

    def _stops(self, thread: int) -> None:
        if thread not in self.members:
            return
        self.current -= 1
        if self.inside and self._may_wake():
            self._give(self.inside.pop(0))

    def _begins(self, thread: int, timeout: bool) -> None:
        self.traced.append((Event.WAIT, self.bench.threads[thread], 1, ANY, int(timeout)))

    def _ended(self, thread: int, status: int) -> None:
        self.traced.append((Event.UNWAIT, self.bench.threads[thread], status, 0))

    # -- judging ---------------------------------------------------------------------------------------------------
    def _after(self, hint: str) -> None:
        """Who became ready goes on; then everything is compared."""
        woken = self.bench.woken()
        self._equal("woken: " + _threads(list(self.results)), "woken: " + _threads(woken), hint)
        for thread in woken:
            place, told = self.bench.resume(thread)
            wanted = self.results.pop(thread)
            shown = f"N{self.entries.index(wanted)}" if wanted in self.entries else status_name(wanted)
            self._equal(f"T{thread}: it returns {shown}", f"T{thread}: {self._told(place, told)}", "queue-result")
            if wanted in self.entries:
                self._equal("its Flink is nullptr", "its Flink is " + ("nullptr" if not self.guest.u32(wanted) else "not"), "queue-given")
        self.compare()

    def compare(self) -> None:
        guest = self.guest
        state = guest.get(self.queue, "DISPATCHER_HEADER.SignalState", signed=True)
        head = self.queue + guest.field("KQUEUE.EntryListHead")[0]
        inside = [self.entries.index(one) if one in self.entries else -1 for one in guest.view.links(head)]
        names = lambda numbers: " ".join(f"N{number}" for number in numbers) or "nothing"
        self._equal(f"entries: {names(self.inside)}; SignalState {len(self.inside)}", f"entries: {names(inside)}; SignalState {state}",
                    "queue-order" if sorted(inside) == sorted(self.inside) else "queue-steps" if set(self.inside) - set(inside) else "queue-given")
        current = guest.get(self.queue, "KQUEUE.CurrentCount")
        self._equal(f"CurrentCount {self.current}", f"CurrentCount {current}", "queue-active")
        blocks = self.bench.waiters(self.queue)
        self._equal("waiting for the queue: " + _threads(self.waiting), "waiting for the queue: " + _threads([thread for thread, _, _ in blocks]),
                    "wait-order")
        kinds = [block for block in blocks if block[1:] != (0, ANY)]
        self._equal("a WaitAny with key 0", f"WaitType {kinds[0][2]} with key {kinds[0][1]}" if kinds else "a WaitAny with key 0", "queue-wait")
        members = [self.bench.numbers.get(thread, -1) for thread in
                   guest.list(self.queue + guest.field("KQUEUE.ThreadListHead")[0], "KTHREAD.QueueListEntry")]
        self._equal("threads of the queue: " + _threads(self.members), "threads of the queue: " + _threads(members), "queue-active")

        seen = [event for event in self._fresh.look() if event[0] != Event.SIGNAL or event[1] == self.queue]
        wanted, self.traced = self.traced, []
        self._equal(self._trace(wanted), self._trace(seen), "traced-queue")

    def _trace(self, events: "List[Tuple[int, ...]]") -> str:
        names = {address: f"T{number}" for number, address in enumerate(self.bench.threads)}
        told = [f"{Event(event).name.capitalize()} of {'the queue' if subject == self.queue else names.get(subject, hex(subject))} "
                f"({', '.join(map(str, rest))})" for event, subject, *rest in events]
        return "traced: " + ("; ".join(told) or "nothing")

    def _told(self, place: str, told: int) -> str:
        if place == SWAP:
            return "the thread waits"
        if place == RAISE:
            return f"{status_name(told)} is raised"
        return f"it returns N{self.entries.index(told)}" if told in self.entries else f"it returns {status_name(told)}"

    def _say(self, call: str) -> None:
        self.bench._say(call + f"  [at most {self.maximum} active]")

    def _equal(self, wanted: str, seen: str, hint: str) -> None:
        if wanted != seen:
            self.t.fail(asked=self.bench._asked(), expected=wanted, seen=seen, hint=self.t.hint(hint, HINTS[hint]))


def _threads(numbers: List[int]) -> str:
    return " ".join(f"T{number}" if number >= 0 else "T?" for number in numbers) or "nobody"
