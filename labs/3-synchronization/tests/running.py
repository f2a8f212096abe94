"""One call by one thread: on its stack, to its end or to where it leaves the processor, and on from there."""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Sequence, Tuple

from .compared import Compared
from .dispatcher import ABANDONED, BASE, SUCCESS, TIMEOUT, Raised, status_name
from .scene import WAITING

PASSIVE_LEVEL, DISPATCH_LEVEL = 0, 2

ACTING = 31  # priority of whoever acts: nobody it releases displaces it
TAKEN = {"3.3": "satisfied", "3.5": "mutant-taken"}  # exercise: whose routine says how a wait ends that is satisfied at once
SWAP, RAISE, YIELD = "KiSwapThread", "RtlRaiseStatus", "KeYieldExecution"
FREE = "KefReleaseSpinLockFromDpcLevel"  # through which the database is freed
WAIT_FIELDS = f"State %d ({WAITING} is Waiting), SwapBusy %d, WaitIrql %d, WaitTime %d"


class Running(Compared):
    """Makes the calls, and judges how each of them ends."""

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
                    "the thread waits" if place else f"it returns {signed(registers['eax'])}")
            self._equal(f"{status_name(raised)} is raised" if raised is not None else f"it returns {wanted}", seen,
                        hint or "previous-state")
        else:
            told = registers["eax"] & 0xFF if boolean else signed(registers["eax"])
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


def signed(value: int) -> int:
    """A register as the LONG that it holds."""
    return value - (1 << 32) if value >> 31 else value
