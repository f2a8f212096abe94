"""Objects and threads that exist only for a test, in guest memory and in the model.

The host makes them in the driver's scratch memory.  A thread of the bench has a stack of its own, and no processor ever runs it.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

from grader.guest.calls import LeftCall
from grader.views.ring import Event

from .dispatcher import (BASE, MUTANT, NAMES, NOTIFICATION_EVENT, NOTIFICATION_TIMER, SEMAPHORE, SYNCHRONIZATION_EVENT, SYNCHRONIZATION_TIMER,
                         WAIT_ALL, WAIT_ANY, Dispatcher, Object)
from .telling import Telling
from .traced import Traced

RUNNING, WAITING = 2, 5  # KTHREAD.State
QUANTUM = 120
STACK_BYTES = 2048  # of a thread of the bench
STRUCTURES = {NOTIFICATION_EVENT: "KEVENT", SYNCHRONIZATION_EVENT: "KEVENT", MUTANT: "KMUTANT", SEMAPHORE: "KSEMAPHORE",
              NOTIFICATION_TIMER: "KTIMER", SYNCHRONIZATION_TIMER: "KTIMER"}
Entry = Tuple[int, int, int]  # a block on a list: thread, key, wait type


class Scene(Telling):
    """Objects E0, S1, M2, I3 ... and threads T0, T1 ..., in guest memory and in the model."""

    def __init__(self, t, objects: Sequence[Object], threads: int, dpcs: int = 0, tick: int = 0) -> None:
        self.t, self.guest = t, t.guest
        guest = self.guest
        self.prcb = guest.prcb()
        self.lock = guest.sym("KiDispatcherLock")
        self.increment = guest.u32(guest.sym("KeMaximumIncrement"))
        now = self.increment * (tick or t.rng.randint(300, 5000))  # the clock knows whole ticks only
        self.epoch = t.rng.randrange(1 << 56, 1 << 57)  # system time at boot
        self.model = Dispatcher(objects, threads, now, self.increment)
        self.done: List[str] = []
        self.process = guest.alloc(guest.size("KPROCESS"))
        directory = guest.alloc(8)
        guest.call("KeInitializeProcess", self.process, BASE, 1, directory)
        self.addresses = [self._make_object(one) for one in self.model.objects]
        self.threads = [self._make_thread() for _ in range(threads)]
        self.dpcs = [self._make_dpc() for _ in range(dpcs)]
        self.arrays = [0] * threads  # wait block arrays of waits that need one
        self.stacks = [guest.alloc(STACK_BYTES) + STACK_BYTES for _ in range(threads)]
        self.calls: Dict[int, LeftCall] = {}  # of threads that wait: where they go on
        self.timeouts: List[Optional[int]] = [None] * threads  # as they gave them
        self.watched = False  # waits are watched at the moment at which they free the database
        self.signals = Traced(guest, Event.SIGNAL, 4)
        self.unwaits = Traced(guest, Event.UNWAIT, 3)
        self.let_in = False  # the last call has released somebody
        self.queue, self.members = 0, 0  # a KQUEUE that the first `members` threads belong to
        self.numbers = {address: number for number, address in enumerate(self.threads)}
        self.places = {address: one.number for one, address in zip(self.model.objects, self.addresses)}
        self.nobody = self._make_thread()  # in whose time the processor's own work is done
        self._argument = guest.alloc(8)
        self._array = guest.alloc(4 * 64)
        self.timers = any(one.kind in (NOTIFICATION_TIMER, SYNCHRONIZATION_TIMER) for one in objects)
        self.set_clock(now)

    def _make_object(self, one: Object) -> int:
        guest = self.guest
        structure = STRUCTURES[one.kind]
        address = guest.alloc(guest.size(structure))
        guest.set(address, "DISPATCHER_HEADER.Type", one.kind)
        guest.set(address, "DISPATCHER_HEADER.Size", guest.size(structure) // 4)
        guest.set(address, "DISPATCHER_HEADER.SignalState", one.state)
        self._empty(address + guest.field("DISPATCHER_HEADER.WaitListHead")[0])
        if one.kind == SEMAPHORE:
            guest.set(address, "KSEMAPHORE.Limit", one.limit)
        return address

    def _make_thread(self) -> int:
        guest = self.guest
        address = guest.alloc(guest.size("KTHREAD"))
        guest.call("KiInitializeThreadObject", address, 0, 0, self.process, conv="cdecl")
        self._at_rest(address)
        return address

    def _make_dpc(self) -> int:
        address = self.guest.alloc(self.guest.size("KDPC"))
        self.guest.call("KeInitializeDpc", address, self.guest.sym("KdTestPoint"), 0)
        return address

    def _at_rest(self, thread: int) -> None:
        """A thread that can take part again: running in its own eyes, on no queue."""
        for name, value in (("State", RUNNING), ("Priority", BASE), ("BasePriority", BASE), ("PriorityDecrement", 0),
                            ("Quantum", QUANTUM), ("QuantumReset", QUANTUM), ("SwapBusy", 0), ("Affinity", 1), ("WaitStatus", 0),
                            ("AdjustReason", 0), ("AdjustIncrement", 0), ("Preempted", 0), ("WaitBlockList", 0)):
            self.guest.set(thread, f"KTHREAD.{name}", value)
        self.guest.set(thread + self.guest.field("KTHREAD.Timer")[0], "DISPATCHER_HEADER.SignalState", 1)  # an earlier time-out's

    def join_queue(self, members: int) -> None:
        """The first `members` threads belong to a KQUEUE, and are active in it."""
        guest = self.guest
        self.queue, self.members = guest.alloc(guest.size("KQUEUE")), members
        guest.call("KeInitializeQueue", self.queue, members)
        guest.set(self.queue, "KQUEUE.CurrentCount", members)
        for thread in self.threads[:members]:
            guest.set(thread, "KTHREAD.Queue", self.queue)

    def _empty(self, head: int) -> None:
        self.guest.write(head, head.to_bytes(4, "little") * 2)

    def set_clock(self, now: int) -> None:
        """Interrupt time, and system time and tick count with it."""
        self.model.now = now
        for name, value in (("KiInterruptTime", now), ("KiSystemTime", self.epoch + now), ("KeTickCount", now // self.increment)):
            low, high = value & 0xFFFFFFFF, value >> 32
            address = self.guest.sym(name)
            for offset, word in ((0, low), (4, high), (8, high)):
                self.guest.u32(address + offset, word)

    @property

    def clock(self) -> int:
        """The clock's hand, in ticks."""
        return self.model.now // self.increment

    def waiters(self, address: int) -> List[Entry]:
        """The blocks on an object's list."""
        guest = self.guest
        found = []
        for block in guest.list(address + guest.field("DISPATCHER_HEADER.WaitListHead")[0], "KWAIT_BLOCK.WaitListEntry"):
            thread = self.numbers.get(guest.get(block, "KWAIT_BLOCK.Thread"), -1)
            right = guest.get(block, "KWAIT_BLOCK.Object") == address
            found.append((thread if right else -1, guest.get(block, "KWAIT_BLOCK.WaitKey"), guest.get(block, "KWAIT_BLOCK.WaitType")))
        return found

    def name(self, number: int) -> str:
        return self.model.objects[number].name

    def say_kinds(self) -> str:
        return ", ".join(f"{one.name}: {NAMES[one.kind]}" for one in self.model.objects)

    def _names(self, numbers: Sequence[int]) -> str:
        return " ".join(self.name(one) if one < len(self.addresses) else f"{one:#010x}" for one in numbers) or "nothing"

    def _ring_name(self, ring: Sequence[Tuple[int, int, int]], closed: bool, timer: int) -> str:
        names = [(self.name(self.places[one]) if one in self.places else "timer" if one == timer else f"{one:#010x}") + f" (key {key})"
                 for _, one, key in ring]
        return " -> ".join(names) + (" -> the first" if closed else " -> not the first")

    def _type(self, thread: int) -> int:
        wait = self.model.threads[thread].wait
        return WAIT_ALL if wait and wait.all else WAIT_ANY

    def system_time(self, after: int) -> int:
        """A system time `after` units from now, for an absolute time-out."""
        return self.epoch + self.model.now + after
