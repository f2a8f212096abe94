"""The dispatcher's routines called one by one, on objects and threads that exist only for the test.

The machine stands at the "early" stage: interrupts are off, nothing but the test happens.  The host makes objects and
threads in the driver's scratch memory and takes the part of any thread: it writes it into KPRCB::CurrentThread and
injects the call.  A call that waits arrives at KiSwapThread, where a processor would leave it; there the call is given
up, and the thread waits.  After every call all of it is compared with the model: states, lists, rings, timers, results.
"""

# size: one class: its calls and its judging share the tables of objects, threads and stacks
from __future__ import annotations

from typing import Callable, Dict, List, Optional, Sequence, Tuple

from grader.guest.calls import LeftCall
from grader.views.ring import Event

from .dispatcher import (ABANDONED, BASE, MUTANT, NAMES, NOTIFICATION_EVENT, NOTIFICATION_TIMER, SEMAPHORE,
                         SYNCHRONIZATION_EVENT, SYNCHRONIZATION_TIMER, SUCCESS, TIMEOUT, WAIT_ALL, WAIT_ANY, Dispatcher, Object,
                         Raised, Release, status_name)
from .telling import Telling
from .timertable import CHAINS, SIZE
from .traced import Traced

PASSIVE_LEVEL, DISPATCH_LEVEL = 0, 2
RUNNING, WAITING = 2, 5
ACTING = 31  # priority of whoever acts: nobody it releases displaces it
QUANTUM = 120
STACK_BYTES = 2048  # of a thread of the bench
ANOTHER = -1  # a DPC that is none of the bench's: the timer table's own
TIMER_BLOCK = 3
KERNEL_APC = 0x100  # STATUS_KERNEL_APC
BLOCKS_OF_ITS_OWN = 3
MARKED = ("mutant-freed", "mutant-all")  # hints of calls that mark a mutant as abandoned
TAKEN = {"3.3": "satisfied", "3.5": "mutant-taken"}  # exercise: whose routine says how a wait ends that is satisfied at once
ENDED = {"3.3": "released-status", "3.5": "mutant-taken"}  # and one that is satisfied later
SWAP, RAISE, YIELD, BUGCHECK = "KiSwapThread", "RtlRaiseStatus", "KeYieldExecution", "KeBugCheckEx"
FREE = "KefReleaseSpinLockFromDpcLevel"  # through which the database is freed
WAIT_FIELDS = f"State %d ({WAITING} is Waiting), SwapBusy %d, WaitIrql %d, WaitTime %d"
STRUCTURES = {NOTIFICATION_EVENT: "KEVENT", SYNCHRONIZATION_EVENT: "KEVENT", MUTANT: "KMUTANT", SEMAPHORE: "KSEMAPHORE",
              NOTIFICATION_TIMER: "KTIMER", SYNCHRONIZATION_TIMER: "KTIMER"}
Entry = Tuple[int, int, int]  # a block on a list: thread, key, wait type


class Bench(Telling):
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

    # -- making ----------------------------------------------------------------------------------------------------
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

    def traced(self, events: Traced, hint: str) -> None:
        """The events of a kind so far are those that the contracts promise."""
        number, wanted, seen = events.differs()
        if number >= 0:
            self._fail(f"event {number} of this kind in the trace: {self._event(wanted)}", self._event(seen), hint)

    def _event(self, events: Sequence[Tuple[int, ...]]) -> str:
        for subject, *rest in events:
            name = f"T{self.numbers[subject]}" if subject in self.numbers else self.name(self.places[subject]) if subject in self.places else \
                f"{subject:#010x}"
            return f"{name}: {', '.join(str(_signed(value)) for value in rest)}"
        return "none"

    # -- events ----------------------------------------------------------------------------------------------------
    def set_event(self, number: int, increment: int = 0) -> None:
        self._signal(f"KeSetEvent({self.name(number)}, {increment}, FALSE)", "KeSetEvent", (self.addresses[number], increment, 0),
                     lambda: self.model.set(number, increment))

    def reset_event(self, number: int) -> None:
        self._signal(f"KeResetEvent({self.name(number)})", "KeResetEvent", (self.addresses[number],),
                     lambda: self.model.reset(number), "reset")

    def pulse_event(self, number: int, increment: int = 0) -> None:
        self._signal(f"KePulseEvent({self.name(number)}, {increment}, FALSE)", "KePulseEvent",
                     (self.addresses[number], increment, 0), lambda: self.model.pulse(number, increment), "pulse")

    def signal_and_wait(self, thread: int, number: int, pulse: bool, other: int, timeout: Optional[int] = None) -> None:
        """KeSetEvent or KePulseEvent with Wait = TRUE, and the wait for another object that follows in the same hold of the database."""
        guest = self.guest
        routine = "KePulseEvent" if pulse else "KeSetEvent"
        self._say(f"T{thread}: {routine}({self.name(number)}, 0, TRUE)")
        self._act(thread)
        told = _signed(guest.call(routine, self.addresses[number], 0, 1))
        wanted = self.model.pulse(number, 0) if pulse else self.model.set(number, 0)
        self._equal(f"it returns {wanted}", f"it returns {told}", "previous-state")
        next_, irql = guest.get(self.threads[thread], "KTHREAD.WaitNext"), guest.get(guest.pcr(), "KPCR.Irql")
        held = "locked" if guest.u32(self.lock) else "free"
        self._equal(f"the database is locked, IRQL {DISPATCH_LEVEL}, WaitNext 1", f"the database is {held}, IRQL {irql}, WaitNext {next_}",
                    "wait-next")
        self._say(f"T{thread}: KeWaitForSingleObject({self.name(other)}, ..., {self._time(timeout)})", "wait")
        arguments = (self.addresses[other], 0, 0, 0, self._timeout(timeout))
        due, passed, absolute = self._due(timeout)
        self._wait("KeWaitForSingleObject", arguments, thread, lambda: self.model.wait(thread, [other], False, due, passed, absolute))

    # -- semaphores and mutants ------------------------------------------------------------------------------------
    def release_semaphore(self, number: int, adjustment: int, increment: int = 0, wait: bool = False) -> None:
        """`wait`: for a release that raises only; the database is free afterwards all the same."""
        self._signal(f"KeReleaseSemaphore({self.name(number)}, {increment}, {adjustment}, {str(wait).upper()})", "KeReleaseSemaphore",
                     (self.addresses[number], increment, adjustment, int(wait)),
                     lambda: self.model.release_semaphore(number, increment, adjustment), "semaphore-limit")

    def release_mutant(self, thread: int, number: int, increment: int = 0, abandoned: bool = False, wait: bool = False) -> None:
        self._signal(f"KeReleaseMutant({self.name(number)}, {increment}, {str(abandoned).upper()}, {str(wait).upper()})", "KeReleaseMutant",
                     (self.addresses[number], increment, int(abandoned), int(wait)),
                     lambda: self.model.release_mutant(number, thread, increment, abandoned), "mutant-freed" if abandoned else "mutant-not-owned",
                     thread)

    def end_thread(self, thread: int) -> None:
        """What KeTerminateThread does with the mutants of the ending thread."""
        self._say(f"T{thread} ends: KiAbandonMutants(T{thread})")
        self._act(None, DISPATCH_LEVEL)
        self.guest.call("KiAbandonMutants", self.threads[thread], conv="cdecl")
        self.guest.call("KiProcessDeferredReadyList")
        self.model.abandon_all(thread)
        self.compare("mutant-all")

    # -- waiting ---------------------------------------------------------------------------------------------------
    def wait(self, thread: int, number: int, timeout: Optional[int] = None) -> None:
        """KeWaitForSingleObject by a thread.  `timeout`: as the routine takes it, in 100 ns."""
        self._say(f"T{thread}: KeWaitForSingleObject({self.name(number)}, ..., {self._time(timeout)})", "wait")
        self._act(thread)
        self.arrays[thread], self.timeouts[thread] = 0, timeout
        arguments = (self.addresses[number], 0, 0, 0, self._timeout(timeout))
        due, passed, absolute = self._due(timeout)
        self._wait("KeWaitForSingleObject", arguments, thread, lambda: self.model.wait(thread, [number], False, due, passed, absolute),
                   [number])

    def wait_many(self, thread: int, numbers: Sequence[int], all_: bool, timeout: Optional[int] = None, array: bool = False) -> None:
        """KeWaitForMultipleObjects by a thread, with wait blocks of its own if `array` or when it needs them."""
        kind = "WaitAll" if all_ else "WaitAny"
        self._say(f"T{thread}: KeWaitForMultipleObjects({' '.join(map(self.name, numbers))}, {kind}, ..., {self._time(timeout)})", "wait")
        self._act(thread)
        blocks = 0
        if array or len(numbers) > BLOCKS_OF_ITS_OWN:
            blocks = self.guest.alloc(self.guest.size("KWAIT_BLOCK") * len(numbers))
            self.guest.write(blocks, bytes(self.t.rng.getrandbits(8) for _ in range(self.guest.size("KWAIT_BLOCK") * len(numbers))))
        self.arrays[thread], self.timeouts[thread] = blocks, timeout
        self._objects(numbers)
        arguments = (len(numbers), self._array, WAIT_ALL if all_ else WAIT_ANY, 0, 0, 0, self._timeout(timeout), blocks)
        due, passed, absolute = self._due(timeout)
        self._wait("KeWaitForMultipleObjects", arguments, thread, lambda: self.model.wait(thread, numbers, all_, due, passed, absolute),
                   numbers, all_)

    def delay(self, thread: int, interval: int) -> None:
        """KeDelayExecutionThread by a thread."""
        self._say(f"T{thread}: KeDelayExecutionThread(..., {self._time(interval)})", "wait")
        self._act(thread)
        due, _, absolute = self._due(interval)
        self._wait("KeDelayExecutionThread", (0, 0, self._timeout(interval)), thread,
                   lambda: self.model.delay(thread, due or 0, absolute))

    def delay_over(self, thread: int) -> None:
        """The thread whose delay time has ended runs again: what its call returns."""
        self._say(f"T{thread} runs again: its delay is over", "wait")
        place, told = self.resume(thread, TIMEOUT)
        self._equal(f"it returns {status_name(SUCCESS)}", "the thread waits" if place else f"it returns {status_name(told)}", "delay-status")

    def end_wait(self, thread: int, status: int, increment: int) -> None:
        """KiUnwaitThread, as by a part of the kernel that has a status of its own."""
        self._say(f"KiUnwaitThread(T{thread}, {status:#010x}, {increment})")
        self._act(None, DISPATCH_LEVEL)
        self.guest.call("KiUnwaitThread", self.threads[thread], status, increment)
        self.guest.call("KiProcessDeferredReadyList")
        self.model.end_wait(thread, status, increment)
        self.compare()

    def returns(self, thread: int, status: int) -> None:
        """A thread whose wait was ended with a status runs again, and its call returns that."""
        self._say(f"T{thread} runs again", "wait")
        place, told = self.resume(thread, status)
        self._equal(f"it returns {status_name(status)}", "the thread waits" if place else f"it returns {status_name(told)}", "commit-status")

    def insert_block(self, thread: int, number: int, key: int, kind: int) -> None:
        """KiInsertWaitBlock alone: the block is on the list, and its link in the ring is what it was; then it is taken off."""
        guest, head = self.guest, self.addresses[number] + self.guest.field("DISPATCHER_HEADER.WaitListHead")[0]
        block, link = guest.alloc(guest.size("KWAIT_BLOCK")), self.t.rng.getrandbits(32)
        guest.set(block, "KWAIT_BLOCK.NextWaitBlock", link)
        self._say(f"KiInsertWaitBlock(B, T{thread}, {self.name(number)}, {key}, {'WaitAll' if kind == WAIT_ALL else 'WaitAny'})", "wait")
        self._act(None, DISPATCH_LEVEL)
        guest.call("KiInsertWaitBlock", block, self.threads[thread], self.addresses[number], key, kind, conv="cdecl")
        wanted, seen = [(thread, key, kind)], self.waiters(self.addresses[number])
        self._equal(f"the list of {self.name(number)}: {_list(wanted)}", f"the list of {self.name(number)}: {_list(seen)}", _list_hint(wanted, seen))
        self._equal(f"NextWaitBlock {link:#010x}, as it was", f"NextWaitBlock {guest.get(block, 'KWAIT_BLOCK.NextWaitBlock'):#010x}, as it was", "ring-touched")
        self._empty(head)

    def interrupt(self, thread: int) -> None:
        """A kernel APC interrupts a thread's wait; when it has run, the wait begins again, with the deadline it had."""
        wait = self.model.threads[thread].wait
        assert wait is not None
        self._say(f"a kernel APC interrupts the wait of T{thread}")
        self._act(None, DISPATCH_LEVEL)
        self.guest.call("KiUnwaitThread", self.threads[thread], KERNEL_APC, 0)
        self.guest.call("KiProcessDeferredReadyList")
        self.model.end_wait(thread, KERNEL_APC, 0)
        self.compare()
        self._say(f"T{thread} runs again: the APC is over", "wait")
        self._timeout(self.timeouts[thread])  # what its caller's memory holds
        self._objects(wait.objects)
        place, told = self.resume(thread, KERNEL_APC)
        status = self.model.wait(thread, wait.objects, wait.all, wait.due, absolute=wait.absolute)
        self._equal("the thread waits" if status is None else f"it returns {status_name(status)}",
                    "the thread waits" if place == SWAP else f"it returns {status_name(told)}",
                    "wait-again" if status is None else "deadline-kept")
        self.compare("deadline-kept")

    def yields(self, thread: int) -> None:
        """A delay of nothing must come to KeYieldExecution."""
        self._say(f"T{thread}: KeDelayExecutionThread(..., 0)", "wait")
        self._act(thread)
        place, _ = self.guest.call_or_stop("KeDelayExecutionThread", 0, 0, self._timeout(0), stops=(SWAP, YIELD))
        self.t.check(place == YIELD, asked=self._asked(), expected="the processor is offered to others: KeYieldExecution",
                     seen="the thread waits" if place else "nothing of the kind", hint=self._hint("timeout-only-tests"))

    # -- time ------------------------------------------------------------------------------------------------------
    def ticks(self, count: int) -> None:
        """The clock goes on, and the expiry routine runs."""
        self._say(f"{count} clock ticks later: KiTimerExpiration()", "tick")
        self.set_clock(self.model.now + count * self.increment)
        self._act(None, DISPATCH_LEVEL)
        self.guest.set(self.prcb, "KPRCB.TimerRequest", 1)
        self.guest.call("KiTimerExpiration", self.guest.sym("KiTimerExpireDpc"), 0, 0, 0)
        self.model.advance(self.model.now)
        request = self.guest.get(self.prcb, "KPRCB.TimerRequest")
        self._equal("TimerRequest is 0 afterwards", f"TimerRequest is {request} afterwards", "timer-late")
        self.compare("timer-late")

    def late(self, count: int) -> None:
        """The clock goes on, and the expiry routine has not come to run yet."""
        self._say(f"{count} clock ticks later")
        self.set_clock(self.model.now + count * self.increment)

    def set_timer(self, number: int, due: int, period: int = 0, dpc: Optional[int] = None) -> None:
        """KeSetTimerEx; `due` as the routine takes it, `period` in milliseconds, `dpc` one of the bench's."""
        _, _, absolute = self._due(due)
        when = self._due(due)[0] or 0
        with_dpc = f"D{dpc}" if dpc is not None else "no DPC"
        self._signal(f"KeSetTimerEx({self.name(number)}, {self._time(due)}, {period} ms, {with_dpc})", "KeSetTimerEx",
                     (self.addresses[number], due & 0xFFFFFFFF, due >> 32 & 0xFFFFFFFF, period, self.dpcs[dpc] if dpc is not None else 0),
                     lambda: int(self.model.set_timer(number, when, period, dpc, absolute)), "timer-state", boolean=True)

    def insert_overtaken(self, number: int, ticks: int) -> None:
        """KiInsertTimer for a due time that the clock has passed since it was computed, or come to (within `ticks`): the expiry
        routine must be asked for."""
        self.set_clock(self.model.now + (ticks + 1) * self.increment)
        due = self.model.now // self.increment * self.increment - self.t.rng.randrange(ticks * self.increment)
        self._say(f"KiInsertTimer({self.name(number)}, due {self.model.now - due} units ago: the clock has passed it meanwhile)")
        self._act(None, DISPATCH_LEVEL)
        self.guest.call("KiInsertTimer", self.addresses[number], due & 0xFFFFFFFF, due >> 32, conv="cdecl")
        self.model.start_timer(number, due)
        self.model.dpcs = [ANOTHER]
        self.compare("timer-overtaken")
        self.ticks(0)

    def insert_meanwhile(self, number: int, ticks: int, gone: int) -> None:
        """KiInsertTimer for a due time within `ticks`, and the clock goes on by `gone` when the timer is put on its chain: the expiry may
        have looked there before, and must be asked for."""
        due = self.model.now + ticks * self.increment - self.t.rng.randrange(self.increment)
        self._say(f"KiInsertTimer({self.name(number)}, due in {ticks} ticks: the clock goes on by {gone} when the timer is put on its chain)")
        self._act(None, DISPATCH_LEVEL)
        self.model.start_timer(number, due)
        then = self.model.now + gone * self.increment
        chain = self.guest.sym("KiTimerTableListHead") + 8 * (self.model.hand(due) % SIZE)
        with self.guest.watching([(chain, 8)], lambda _: self.set_clock(then)):
            self.guest.call("KiInsertTimer", self.addresses[number], due & 0xFFFFFFFF, due >> 32, conv="cdecl")
        self.model.dpcs = [ANOTHER]
        self.compare("timer-overtaken")
        self.ticks(0)

    def dpc_waits(self, dpc: int) -> None:
        """A DPC is queued, as by a timer that expired now."""
        self._say(f"D{dpc} is queued")
        self._act(None, DISPATCH_LEVEL)
        now = self.epoch + self.model.now
        self.guest.call("KeInsertQueueDpc", self.dpcs[dpc], now & 0xFFFFFFFF, now >> 32)
        self.model.dpcs = [dpc]

    def cancel_timer(self, number: int) -> None:
        self._signal(f"KeCancelTimer({self.name(number)})", "KeCancelTimer", (self.addresses[number],),
                     lambda: int(self.model.cancel_timer(number)), "timer-state", boolean=True)

    # -- one call --------------------------------------------------------------------------------------------------
    def _act(self, thread: Optional[int], irql: int = PASSIVE_LEVEL) -> None:
        """The next call is made by a thread (None: by the processor, in no thread's name) at an IRQL."""
        guest = self.guest
        address = self.nobody if thread is None else self.threads[thread]
        guest.set(self.prcb, "KPRCB.CurrentThread", address)
        guest.set(address, "KTHREAD.Priority", ACTING)
        guest.set(guest.pcr(), "KPCR.Irql", irql)

    def _signal(self, call: str, routine: str, arguments: Sequence[int], model: Callable[[], int], hint: str = "",
                thread: Optional[int] = None, boolean: bool = False) -> None:
        """A routine that changes an object: its result, what it raises, and everything after it."""
        self._say(call if thread is None else f"T{thread}: {call}", "semaphore" if routine == "KeReleaseSemaphore" else "")
        self._act(thread)
        place, registers = self.guest.call_or_stop(routine, *arguments, stops=(SWAP, RAISE))
        wanted: Optional[int] = None
        raised: Optional[int] = None
        try:
            wanted = model()
        except Raised as error:
            raised = error.status
        if place or raised is None:  # else what is wrong is that it was not refused
            self._left(place)
        if raised is not None or place:
            seen = (f"{status_name(self.guest.u32(registers['esp'] + 4))} is raised" if place == RAISE else
                    "the thread waits" if place else f"it returns {_signed(registers['eax'])}")
            self._equal(f"{status_name(raised)} is raised" if raised is not None else f"it returns {wanted}", seen,
                        hint or "previous-state")
        else:
            told = registers["eax"] & 0xFF if boolean else _signed(registers["eax"])
            self._equal(f"it returns {wanted}", f"it returns {told}", "timer-running" if boolean else "previous-state")
        if thread is not None:
            self._rest(thread)
        self.compare(hint)

    def _wait(self, routine: str, arguments: Sequence[int], thread: int, model: Callable[[], Optional[int]], objects: Sequence[int] = (),
              all_: bool = False) -> None:
        """A wait: whether it waits, what it returns, and everything after it."""
        place, registers = self._call_wait(routine, arguments, thread)
        before = self.model.now
        own = [number for number in objects if self.model.objects[number].owner == thread]
        wanted: Optional[int] = None
        raised: Optional[int] = None
        try:
            wanted = model()
        except Raised as error:
            raised = error.status
        self._left(place)
        told = None if place == SWAP else self.guest.u32(registers["esp"] + 4) if place == RAISE else registers["eax"]
        seen = "the thread waits" if told is None else f"{status_name(told)} is raised" if place == RAISE else f"it returns {status_name(told)}"
        if raised is not None:
            self._equal(f"{status_name(raised)} is raised", seen, TAKEN.get(self.t.spec.exercise, "mutant-recursion"))
        elif wanted is None:
            self._equal("the thread waits", seen, "did-not-wait")
            self.calls[thread] = self.guest.left()
            self._begun(thread, before)
        else:
            hint = "mutant-again" if wanted < TIMEOUT and told is None and own and (all_ or objects[wanted & 63] in own) else \
                _result_hint(self.t.spec.exercise, routine, wanted, told, all_)
            self._equal(f"it returns {status_name(wanted)}", seen, hint)
        if wanted is not None or raised is not None:
            self._rest(thread)
        self._spared(objects, all_, wanted)
        self.compare()

    def _spared(self, objects: Sequence[int], all_: bool, status: Optional[int]) -> None:
        """A wait has ended at once, or begun: those of its objects that it may not have taken."""
        for number in objects:
            one, address = self.model.objects[number], self.addresses[number]
            if status in (None, TIMEOUT) if all_ else status not in (None, TIMEOUT) and number != objects[status & 63]:
                state = self.guest.get(address, "DISPATCHER_HEADER.SignalState", signed=True)
                self._equal(f"{one.name}, which is not taken, has SignalState {one.state}", f"{one.name}, which is not taken, has SignalState {state}",
                            "all-or-nothing" if all_ else "any-order")

    def _call_wait(self, routine: str, arguments: Sequence[int], thread: int) -> Tuple[str, Dict[str, int]]:
        """A wait's call, to its end or to where it leaves the processor.  If it is watched: what others find of the thread once the
        database is free is there when it is freed, or they may find half of it."""
        stops = (SWAP, RAISE, YIELD) + ((FREE,) if self.watched else ())
        place, registers = self.guest.call_or_stop(routine, *arguments, stops=stops, stack=self.stacks[thread])
        freed: Optional[Tuple[int, ...]] = None
        while place == FREE:
            if registers["ecx"] == self.lock:
                freed = self._waiting(thread)
            place, registers = self.guest.go_on(stops)
        if place == SWAP and freed is not None and freed != self._waiting(thread):
            self._fail(WAIT_FIELDS % self._waiting(thread) + " when the database is freed", WAIT_FIELDS % freed, "wait-announced")
        return place, registers

    def _waiting(self, thread: int) -> Tuple[int, ...]:
        return tuple(self.guest.get(self.threads[thread], f"KTHREAD.{name}") for name in ("State", "SwapBusy", "WaitIrql", "WaitTime"))

    def call(self, thread: int, routine: str, *arguments: int, conv: str = "stdcall") -> Tuple[str, int]:
        """A call by a thread, on its own stack: ("", EAX), or where it stopped; one that waits goes on with `resume`."""
        self._act(thread)
        place, registers = self.guest.call_or_stop(routine, *arguments, conv=conv, stops=(SWAP, RAISE), stack=self.stacks[thread])
        return self._came(thread, place, registers)

    def resume(self, thread: int, status: Optional[int] = None, stops: Sequence[str] = ()) -> Tuple[str, int]:
        """A thread whose wait is over runs again: its call goes on as if KiSwapThread returned."""
        guest, call = self.guest, self.calls.pop(thread)
        told = guest.get(self.threads[thread], "KTHREAD.WaitStatus") if status is None else status
        self._at_rest(self.threads[thread])
        guest.set(self.threads[thread], "KTHREAD.WaitStatus", told)
        self._act(thread, guest.get(self.threads[thread], "KTHREAD.WaitIrql"))
        esp = call.registers["esp"]
        place, registers = guest.go_on((SWAP, RAISE, *stops), call, eip=guest.u32(esp), esp=esp + 4, eax=told)
        return self._came(thread, place, registers)

    def _came(self, thread: int, place: str, registers: Dict[str, int]) -> Tuple[str, int]:
        self._left(place)
        self._rest(thread)
        if place == SWAP:
            self.calls[thread] = self.guest.left()
            self.guest.set(self.threads[thread], "KTHREAD.SwapBusy", 0)
            self._act(None, DISPATCH_LEVEL)
            self.guest.call("KiProcessDeferredReadyList")  # KiSwapThread's first step: who was released by this wait
        return place, self.guest.u32(registers["esp"] + 4) if place == RAISE else registers["eax"]

    def woken(self) -> List[int]:
        """The threads that became ready, in order; they are at rest afterwards, but for the results of their waits."""
        guest = self.guest
        heads = self.prcb + guest.field("KPRCB.DispatcherReadyListHead")[0]
        found = []
        for priority in range(31, -1, -1):
            for thread in guest.list(heads + 8 * priority, "KTHREAD.WaitListEntry"):
                found.append(self.numbers.get(thread, -1))
            self._empty(heads + 8 * priority)
        standby = guest.get(self.prcb, "KPRCB.NextThread")
        if standby:
            found.insert(0, self.numbers.get(standby, -1))
        for name in ("ReadySummary", "NextThread"):
            guest.set(self.prcb, f"KPRCB.{name}", 0)
        return found

    def _left(self, place: str) -> None:
        """How a routine leaves the processor: the database free, the IRQL as it was."""
        held = self.guest.u32(self.lock)
        self.t.check(held == 0, asked=self._asked(), expected="the dispatcher database is free afterwards", seen="it is still locked",
                     hint=self._hint("lock-held"))
        irql = self.guest.get(self.guest.pcr(), "KPCR.Irql")
        wanted = DISPATCH_LEVEL if place == SWAP else PASSIVE_LEVEL
        self.t.check(irql == wanted, asked=self._asked(), expected=f"IRQL {wanted} at its end", seen=f"IRQL {irql}",
                     hint=self._hint("irql-lost"))

    def _begun(self, thread: int, now: int) -> None:
        """A thread that has given up the processor to wait."""
        guest, address = self.guest, self.threads[thread]
        guest.set(address, "KTHREAD.Priority", BASE)
        seen = self._waiting(thread)
        wanted = (WAITING, 1, PASSIVE_LEVEL, now // self.increment & 0xFFFFFFFF)
        self._equal(WAIT_FIELDS % wanted, WAIT_FIELDS % seen, "wait-fields")
        guest.set(address, "KTHREAD.SwapBusy", 0)  # the processor has left it

    def _rest(self, thread: int) -> None:
        self.guest.set(self.threads[thread], "KTHREAD.Priority", BASE)

    # -- judging ---------------------------------------------------------------------------------------------------
    def compare(self, hint: str = "") -> None:
        """Every object, thread and list against the model; then released threads are put at rest."""
        self._released(hint)
        for one, address in zip(self.model.objects, self.addresses):
            self._object(one, address, hint)
        for thread, address in zip(self.model.threads, self.threads):
            self._thread(thread.number, address, hint)
        if self.timers:
            self._table(hint)
        self._dpc_queue()
        if self.queue:
            active = sum(thread.wait is None for thread in self.model.threads[:self.members])
            self._equal(f"CurrentCount {active} of the queue that T0 to T{self.members - 1} belong to",
                        f"CurrentCount {self.guest.get(self.queue, 'KQUEUE.CurrentCount')} of the queue that T0 to T{self.members - 1} belong to",
                        "queue-active")

    def _table(self, hint: str) -> None:
        """Every chain of the timer table."""
        guest = self.guest
        own = guest.field("KTHREAD.Timer")[0]
        names = {address: one.name for one, address in zip(self.model.objects, self.addresses)}
        names.update({address + own: f"T{number}'s" for number, address in enumerate(self.threads)})
        table = guest.sym("KiTimerTableListHead")
        raw = guest.read(table, 8 * CHAINS)
        seen: Dict[int, List[str]] = {}
        for chain in range(CHAINS):
            head = table + 8 * chain
            if int.from_bytes(raw[8 * chain:8 * chain + 4], "little") != head:
                seen[chain] = [names.get(timer, f"{timer:#010x}") for timer in guest.list(head, "KTIMER.TimerListEntry")]
        wanted = {chain: [self.name(number) if kind == "object" else f"T{number}'s" for kind, number in timers]
                  for chain, timers in self.model.chains().items()}
        if seen != wanted:
            everybody = lambda chains: sorted(name for names in chains.values() for name in names)
            same = everybody(seen) == everybody(wanted)
            missing = set(everybody(wanted)) - set(everybody(seen))
            order = same and {chain: sorted(names) for chain, names in seen.items()} == {chain: sorted(names) for chain, names in wanted.items()}
            self._fail(_chains(wanted), _chains(seen), "chain-order" if order else "timer-lost" if missing else "timer-running" if not same else
                       "chain-turned" if hint == "timer-late" else "chain-wrong")

    def _dpc_queue(self) -> None:
        """Which DPCs were queued, in order, with the system time as arguments; then they are taken off."""
        guest = self.guest
        head = self.prcb + guest.field("KPRCB.DpcData")[0] + guest.field("KDPC_DATA.DpcListHead")[0]
        queue = guest.list(head, "KDPC.DpcListEntry")
        seen = [self.dpcs.index(one) if one in self.dpcs else ANOTHER for one in queue]
        wanted, self.model.dpcs = self.model.dpcs, []
        if seen != wanted:
            self._fail("DPCs queued: " + _dpcs(wanted), _dpcs(seen), "timer-overtaken" if ANOTHER in wanted else "timer-dpc")
        now = self.epoch + self.model.now
        for one in queue:
            if one not in self.dpcs:
                guest.set(one, "KDPC.DpcData", 0)
                continue
            told = guest.get(one, "KDPC.SystemArgument1") | guest.get(one, "KDPC.SystemArgument2") << 32
            if told != now:
                self._fail(f"the DPC's arguments: system time {now:#x}", f"{told:#x}", "timer-dpc")
            guest.set(one, "KDPC.DpcData", 0)
        self._empty(head)
        guest.set(self.prcb + guest.field("KPRCB.DpcData")[0], "KDPC_DATA.DpcQueueDepth", 0)
        guest.set(self.prcb, "KPRCB.DpcInterruptRequested", 0)

    def _object(self, one: Object, address: int, hint: str) -> None:
        guest = self.guest
        state = guest.get(address, "DISPATCHER_HEADER.SignalState", signed=True)
        if state != one.state:
            self._fail(f"{self.name(one.number)} has SignalState {one.state}", f"SignalState {state}", self._state_hint(one, state, hint))
        wanted = [(thread, key, self._type(thread)) for thread, key in one.waiters]
        seen = self.waiters(address)
        if seen != wanted:
            self._fail(f"the list of {self.name(one.number)}: {_list(wanted)}", _list(seen), _list_hint(wanted, seen))
        if one.kind == MUTANT:
            owner = guest.get(address, "KMUTANT.OwnerThread")
            abandoned = guest.get(address, "KMUTANT.Abandoned")
            owner_name = f"T{one.owner}" if one.owner is not None else "nobody"
            seen_name = f"T{self.numbers[owner]}" if owner in self.numbers else f"{owner:#010x}" if owner else "nobody"
            if owner_name != seen_name:
                self._fail(f"the owner of {self.name(one.number)} is {owner_name}", f"the owner is {seen_name}", "mutant-owner")
            if bool(abandoned) != one.abandoned:
                self._fail(f"Abandoned of {self.name(one.number)} is {one.abandoned}", f"it is {bool(abandoned)}",
                           hint if one.abandoned and hint in MARKED else "mutant-abandoned")
        if one.kind in (NOTIFICATION_TIMER, SYNCHRONIZATION_TIMER):
            self._timer(f"timer {self.name(one.number)}", address, one.due, one.absolute if one.due is not None else None,
                        "timer-running" if one.due is None else "timer-period" if one.period else "timer-started", hint)

    def _thread(self, number: int, address: int, hint: str) -> None:
        model, guest = self.model.threads[number], self.guest
        timer = address + guest.field("KTHREAD.Timer")[0]
        wait = model.wait
        self._timer(f"the timer of T{number}", timer, wait.due if wait else None, wait.absolute if wait and wait.due is not None else None,
                    "timer-left" if not wait else "timer-missing", hint)
        head = address + guest.field("KTHREAD.MutantListHead")[0]
        owned = [self.places.get(one, one) for one in guest.list(head, "KMUTANT.MutantListEntry")]
        if owned != model.mutants:
            self._fail(f"T{number} owns {self._names(model.mutants)}, in this order", self._names(owned),
                       "mutant-order" if sorted(owned) == sorted(model.mutants) else "mutant-owner")
        if wait:
            self._ring(number, address, timer)

    def _ring(self, number: int, address: int, timer: int) -> None:
        """The ring of wait blocks of a waiting thread."""
        guest, wait = self.guest, self.model.threads[number].wait
        size = guest.size("KWAIT_BLOCK")
        own = address + guest.field("KTHREAD.WaitBlock")[0]
        first = (self.arrays[number] if len(wait.objects) > 0 else 0) or own
        blocks = [first + size * key for key in range(len(wait.objects))]
        wanted = [(block, self.addresses[one], key) for key, (block, one) in enumerate(zip(blocks, wait.objects))]
        if wait.due is not None:
            wanted.append((own + size * TIMER_BLOCK, timer, TIMEOUT))
        seen = []
        block = guest.get(address, "KTHREAD.WaitBlockList")
        for _ in range(len(wanted) + 1):
            if seen and block == seen[0][0]:
                break
            if not guest.readable(block, size):
                break
            seen.append((block, guest.get(block, "KWAIT_BLOCK.Object"), guest.get(block, "KWAIT_BLOCK.WaitKey")))
            block = guest.get(block, "KWAIT_BLOCK.NextWaitBlock")
        closed = bool(seen) and block == seen[0][0]
        if seen != wanted or not closed:
            keys = closed and [one[:2] for one in seen] == [one[:2] for one in wanted]  # nothing but a key differs
            hint = "ring-open" if not keys else "timer-block" if seen[:len(wait.objects)] == wanted[:len(wait.objects)] else "block-wrong"
            self._fail(f"the ring of T{number}: " + self._ring_name(wanted, True, timer), self._ring_name(seen, closed, timer), hint)
        if wait.due is not None:
            on_timer = [(number, TIMEOUT, WAIT_ANY)]
            if self.waiters(timer) != on_timer:
                self._fail(f"the list of T{number}'s timer: {_list(on_timer)}", _list(self.waiters(timer)), "timer-block")
            state = guest.get(timer, "DISPATCHER_HEADER.SignalState")
            self._equal(f"SignalState 0 of the timer of T{number}", f"SignalState {state} of the timer of T{number}", "timer-signaled")

    def _timer(self, what: str, address: int, due: Optional[int], absolute: Optional[bool], hint: str, after: str) -> None:
        guest = self.guest
        running = bool(guest.get(address, "DISPATCHER_HEADER.Inserted"))
        if running != (due is not None):
            self._fail(f"{what} {'runs' if due is not None else 'does not run'}", "it runs" if running else "it does not run", hint)
        if due is None:
            return
        seen = guest.get(address, "KTIMER.DueTime")
        if seen != due:
            self._fail(f"{what} is due at interrupt time {due} ({due - self.model.now:+d})", f"at {seen} ({seen - self.model.now:+d})",
                       after if after == "timer-late" and seen <= self.model.now or after == "deadline-kept" else "due-time")
        if bool(guest.get(address, "KTIMER.Absolute")) != absolute:
            self._fail(f"{what} has Absolute {absolute}", f"it has {not absolute}", "due-time")

    def _released(self, hint: str) -> None:
        """Who became ready: on the ready queues now, in that order, with the results of their waits."""
        guest, released = self.guest, self.model.released
        self.let_in = bool(released)
        self.model.released = []
        wanted = [(one.thread, one.priority) for one in released]
        heads = self.prcb + guest.field("KPRCB.DispatcherReadyListHead")[0]
        seen: List[Tuple[int, int]] = []
        for priority in range(31, -1, -1):
            for thread in guest.list(heads + 8 * priority, "KTHREAD.WaitListEntry"):
                seen.append((self.numbers.get(thread, -1), priority))
        standby = guest.get(self.prcb, "KPRCB.NextThread")
        if standby:
            seen.insert(0, (self.numbers.get(standby, -1), guest.get(standby, "KTHREAD.Priority")))
        if sorted(seen) != sorted(wanted) or seen != sorted(wanted, key=lambda entry: -entry[1]):
            waits = [self.model.threads[thread].wait for thread, _ in seen if 0 <= thread and (thread, BASE) not in wanted]
            early = any(wait is not None and wait.all for wait in waits)  # a wait for all that is not satisfied
            self._fail(f"released: {_ready(wanted)}", f"released: {_ready(seen)}",
                       "all-or-nothing" if early and len(seen) > len(wanted) else _release_hint(wanted, seen, hint))
        for one in released:
            self.unwaits.promise(self.threads[one.thread], one.status, one.increment)
            status = guest.get(self.threads[one.thread], "KTHREAD.WaitStatus")
            if status != one.status:
                self._fail(f"the wait of T{one.thread} returns {status_name(one.status)}", status_name(status),
                           "mutant-abandoned" if one.status & ~63 == ABANDONED and status != TIMEOUT else
                           ENDED.get(self.t.spec.exercise, "wait-status"))
        for priority in range(32):
            self._empty(heads + 8 * priority)
        for name in ("ReadySummary", "NextThread"):
            guest.set(self.prcb, f"KPRCB.{name}", 0)
        for one in released:
            self._at_rest(self.threads[one.thread])

    def waiters(self, address: int) -> List[Entry]:
        """The blocks on an object's list."""
        guest = self.guest
        found = []
        for block in guest.list(address + guest.field("DISPATCHER_HEADER.WaitListHead")[0], "KWAIT_BLOCK.WaitListEntry"):
            thread = self.numbers.get(guest.get(block, "KWAIT_BLOCK.Thread"), -1)
            right = guest.get(block, "KWAIT_BLOCK.Object") == address
            found.append((thread if right else -1, guest.get(block, "KWAIT_BLOCK.WaitKey"), guest.get(block, "KWAIT_BLOCK.WaitType")))
        return found

    # -- words -----------------------------------------------------------------------------------------------------
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

    def _state_hint(self, one: Object, seen: int, hint: str) -> str:
        if one.kind == SEMAPHORE:
            return "semaphore-units"
        if one.kind == MUTANT:
            return hint if hint in MARKED else "mutant-recursion"
        if one.kind == SYNCHRONIZATION_TIMER and seen > one.state and (self.let_in and hint != "timer-late" or not hint):
            return "signal-kept"
        if one.kind in (NOTIFICATION_TIMER, SYNCHRONIZATION_TIMER):
            if hint == "timer-late":
                return "timer-early" if seen > one.state else "timer-late"
            return "timer-state"
        if hint in ("pulse", "reset"):
            return hint
        return "signal-kept" if seen > one.state else "signal-lost"

    def _due(self, timeout: Optional[int]) -> Tuple[Optional[int], bool, bool]:
        """(due interrupt time, passed already, a system time)."""
        if timeout is None:
            return None, False, False
        if timeout <= 0:
            return self.model.now - timeout, timeout == 0, False
        due = self.model.now + timeout - (self.epoch + self.model.now)
        return max(0, due), due <= self.model.now, True

    def _timeout(self, timeout: Optional[int]) -> int:
        """Pointer to a time-out in guest memory."""
        if timeout is None:
            return 0
        self.guest.write(self._argument, (timeout & (1 << 64) - 1).to_bytes(8, "little"))
        return self._argument

    def _objects(self, numbers: Sequence[int]) -> None:
        """The array of objects of a wait for several."""
        for index, number in enumerate(numbers):
            self.guest.u32(self._array + 4 * index, self.addresses[number])

    def system_time(self, after: int) -> int:
        """A system time `after` units from now, for an absolute time-out."""
        return self.epoch + self.model.now + after

    def _time(self, timeout: Optional[int]) -> str:
        if timeout is None:
            return "no time-out"
        if timeout > 0:
            return f"time-out at system time {timeout:#x}, {timeout - self.epoch - self.model.now:+d} from now"
        return f"time-out {timeout}"


def _result_hint(exercise: str, routine: str, wanted: int, told: Optional[int], all_: bool) -> str:
    """For a wait that must end at once with `wanted`, and returns `told` (None: it waits)."""
    if told is None:
        return "timeout-only-tests" if wanted == TIMEOUT else "waited-in-vain"
    if exercise in TAKEN:  # the wait is another exercise's: it passes on what this one's routine has returned
        return TAKEN[exercise]
    if routine == "KeDelayExecutionThread":
        return "delay-status"
    if told == TIMEOUT:
        return "object-first"
    if told == SUCCESS and wanted == TIMEOUT:
        return "ended-unsatisfied"
    return "any-order" if not all_ and wanted != TIMEOUT and told & ~ABANDONED < 64 and told & 63 != wanted & 63 else "wait-status"


def _list(entries: Sequence[Entry]) -> str:
    return " ".join((f"T{thread}" if thread >= 0 else "T?") + f"[{key}{', all' if kind == WAIT_ALL else ''}]" for thread, key, kind in entries) \
        or "empty"


def _ready(entries: Sequence[Tuple[int, int]]) -> str:
    return " ".join((f"T{thread}" if thread >= 0 else "T?") + (f" at {priority}" if priority != BASE else "")
                    for thread, priority in entries) or "nobody"


def _chains(chains: Dict[int, List[str]]) -> str:
    return "timer table: " + ("; ".join(f"chain {chain}: {' '.join(timers)}" for chain, timers in sorted(chains.items())) or "empty")


def _dpcs(numbers: Sequence[int]) -> str:
    return " ".join(f"D{number}" if number >= 0 else "KiTimerExpireDpc" for number in numbers) or "none"


def _list_hint(wanted: Sequence[Entry], seen: Sequence[Entry]) -> str:
    if sorted(wanted) == sorted(seen):
        return "wait-order"
    if len(seen) > len(wanted):
        return "block-left"
    return "block-missing" if len(seen) < len(wanted) else "block-wrong"


def _release_hint(wanted: Sequence[Tuple[int, int]], seen: Sequence[Tuple[int, int]], hint: str) -> str:
    threads, found = [thread for thread, _ in wanted], [thread for thread, _ in seen]
    if sorted(threads) == sorted(found):
        return "no-boost" if sorted(wanted) != sorted(seen) else "released-order"
    if hint in ("timer-late", "pulse"):
        return "timer-early" if hint == "timer-late" and len(found) > len(threads) else hint
    if len(found) == len(threads):
        return "released-order"
    return "released-too-many" if len(found) > len(threads) else "released-too-few"


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value
