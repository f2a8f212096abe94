"""The dispatcher's routines called one by one, on objects and threads that exist only for the test.

The machine stands at the "early" stage: interrupts are off, nothing but the test happens.  The host makes objects and
threads in the driver's scratch memory and takes the part of any thread: it writes it into KPRCB::CurrentThread and
injects the call.  A call that waits arrives at KiSwapThread, where a processor would leave it; there the call is given
up, and the thread waits.  After every call all of it is compared with the model: states, lists, rings, timers, results.
"""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

from .compared import ANOTHER, list_hint, listed
from .dispatcher import SUCCESS, TIMEOUT, WAIT_ALL, WAIT_ANY, status_name
from .running import DISPATCH_LEVEL, SWAP, YIELD, Running, signed
from .timertable import SIZE
from .traced import Traced

KERNEL_APC = 0x100  # STATUS_KERNEL_APC
BLOCKS_OF_ITS_OWN = 3


class Bench(Running):
    """The calls of a test, one method each."""

    def traced(self, events: Traced, hint: str) -> None:
        """The events of a kind so far are those that the contracts promise."""
        number, wanted, seen = events.differs()
        if number >= 0:
            self._fail(f"event {number} of this kind in the trace: {self._event(wanted)}", self._event(seen), hint)

    def _event(self, events: Sequence[Tuple[int, ...]]) -> str:
        for subject, *rest in events:
            name = f"T{self.numbers[subject]}" if subject in self.numbers else self.name(self.places[subject]) if subject in self.places else \
                f"{subject:#010x}"
            return f"{name}: {', '.join(str(signed(value)) for value in rest)}"
        return "none"

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
        told = signed(guest.call(routine, self.addresses[number], 0, 1))
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
        self._equal(f"the list of {self.name(number)}: {listed(wanted)}", f"the list of {self.name(number)}: {listed(seen)}", list_hint(wanted, seen))
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
