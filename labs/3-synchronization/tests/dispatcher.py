"""The dispatcher as a Python model: objects, who waits for what, whose wait a signal ends, and when time ends it.

The model follows the contracts in the handout, not the code: threads and objects are numbers, a wait is a list of keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Optional, Sequence, Tuple

from .timertable import Key, TimerTable

NOTIFICATION_EVENT, SYNCHRONIZATION_EVENT, MUTANT = 0, 1, 2
SEMAPHORE, NOTIFICATION_TIMER, SYNCHRONIZATION_TIMER = 5, 8, 9
NAMES = {NOTIFICATION_EVENT: "notification event", SYNCHRONIZATION_EVENT: "synchronization event", MUTANT: "mutant",
         SEMAPHORE: "semaphore", NOTIFICATION_TIMER: "notification timer", SYNCHRONIZATION_TIMER: "synchronization timer"}

WAIT_ALL, WAIT_ANY = 0, 1
SUCCESS, ABANDONED, TIMEOUT = 0, 0x80, 0x102
MUTANT_NOT_OWNED, SEMAPHORE_LIMIT_EXCEEDED, MUTANT_LIMIT_EXCEEDED = 0xC0000046, 0xC0000047, 0xC0000191
USER_APC, KERNEL_APC, ALERTED = 0xC0, 0x100, 0x101
STATUSES = {SUCCESS: "STATUS_SUCCESS", ABANDONED: "STATUS_ABANDONED", TIMEOUT: "STATUS_TIMEOUT",
            MUTANT_NOT_OWNED: "STATUS_MUTANT_NOT_OWNED", SEMAPHORE_LIMIT_EXCEEDED: "STATUS_SEMAPHORE_LIMIT_EXCEEDED",
            MUTANT_LIMIT_EXCEEDED: "STATUS_MUTANT_LIMIT_EXCEEDED",
            USER_APC: "STATUS_USER_APC", KERNEL_APC: "STATUS_KERNEL_APC", ALERTED: "STATUS_ALERTED"}
LOWEST_MUTANT = -0x80000000
BASE, HIGHEST_VARIABLE = 8, 15  # base priority of every thread of the bench; where boosts end
MUTANT_INCREMENT = 1
MILLISECOND = 10_000


class Raised(Exception):
    """The call raises a status instead of returning."""

    def __init__(self, status: int) -> None:
        super().__init__(STATUSES.get(status, hex(status)))
        self.status = status


@dataclass
class Object:
    """A dispatcher object.  `waiters`: (thread, key) in the order of waiting."""

    number: int
    kind: int
    state: int = 0
    limit: int = 0
    owner: Optional[int] = None
    abandoned: bool = False
    due: Optional[int] = None  # a running timer's interrupt time
    period: int = 0  # milliseconds
    dpc: Optional[int] = None
    absolute: bool = False
    waiters: List[Tuple[int, int]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return {MUTANT: "M", SEMAPHORE: "S", NOTIFICATION_TIMER: "I", SYNCHRONIZATION_TIMER: "I"}.get(self.kind, "E") + str(
            self.number)


@dataclass
class Wait:
    """A thread's current wait."""

    objects: List[int]
    all: bool
    due: Optional[int]
    absolute: bool = False
    delay: bool = False


@dataclass
class Thread:
    """A thread: its wait, the mutants it owns in the order in which it took them."""

    number: int
    wait: Optional[Wait] = None
    mutants: List[int] = field(default_factory=list)


@dataclass(frozen=True)
class Release:
    """A wait that ended: who, with what result, boosted by what."""

    thread: int
    status: int
    increment: int

    @property
    def priority(self) -> int:
        return max(BASE, min(BASE + self.increment, HIGHEST_VARIABLE))


class Dispatcher:
    """Objects and threads.  `released` collects whose waits ended since it was last emptied, in order."""

    def __init__(self, objects: Sequence[Object], threads: int, now: int, increment: int) -> None:
        self.objects = list(objects)
        self.threads = [Thread(number) for number in range(threads)]
        self.released: List[Release] = []
        self.dpcs: List[int] = []  # queued by timers, in order
        self.timed: List[Tuple[Key, Optional[int]]] = []  # what timers trace: started for a due time, or expired (None)
        self.now, self.increment = now, increment
        self._table = TimerTable()

    # -- waiting ---------------------------------------------------------------------------------------------------
    def wait(self, thread: int, objects: Sequence[int], all_: bool = False, due: Optional[int] = None, passed: bool = False,
             absolute: bool = False) -> Optional[int]:
        """The status of a wait that ends at once, or None: the thread waits."""
        status = self._take_now(thread, objects, all_)
        if status is not None:
            return status
        if due is not None and (passed or due <= self.now):
            return TIMEOUT
        self.threads[thread].wait = Wait(list(objects), all_, due, absolute)
        for key, number in enumerate(objects):
            self.objects[number].waiters.append((thread, key))
        if due is not None:
            self._started(("thread", thread), due)
        return None

    def delay(self, thread: int, due: int, absolute: bool) -> Optional[int]:
        if due <= self.now:
            return SUCCESS
        self.threads[thread].wait = Wait([], False, due, absolute, delay=True)
        self._started(("thread", thread), due)
        return None

    def _take_now(self, thread: int, objects: Sequence[int], all_: bool) -> Optional[int]:
        if all_:
            return self._take_all(thread, objects)
        for key, number in enumerate(objects):
            if self.signaled(number, thread):
                return key | self._take(number, thread)
        return None

    def _take_all(self, thread: int, objects: Sequence[int]) -> Optional[int]:
        if not all(self.signaled(number, thread) for number in objects):
            return None
        return max([self._take(number, thread) for number in objects])

    def signaled(self, number: int, thread: int) -> bool:
        one = self.objects[number]
        return one.state > 0 or one.kind == MUTANT and one.owner == thread

    def _take(self, number: int, thread: int) -> int:
        one = self.objects[number]
        if one.kind in (SYNCHRONIZATION_EVENT, SYNCHRONIZATION_TIMER):
            one.state = 0
        elif one.kind == SEMAPHORE:
            one.state -= 1
        elif one.kind == MUTANT:
            return self.take_mutant(number, thread)
        return SUCCESS

    def take_mutant(self, number: int, thread: int) -> int:
        one = self.objects[number]
        if one.state == LOWEST_MUTANT:
            raise Raised(MUTANT_LIMIT_EXCEEDED)
        one.state -= 1
        if one.state != 0:
            return SUCCESS
        one.owner = thread
        self.threads[thread].mutants.append(number)
        abandoned, one.abandoned = one.abandoned, False
        return ABANDONED if abandoned else SUCCESS

    # -- signalling ------------------------------------------------------------------------------------------------
    def set(self, number: int, increment: int) -> int:
        one = self.objects[number]
        before, one.state = one.state, 1
        if before == 0:
            self.test(number, increment)
        return before

    def reset(self, number: int) -> int:
        before, self.objects[number].state = self.objects[number].state, 0
        return before

    def pulse(self, number: int, increment: int) -> int:
        before = self.set(number, increment)
        self.objects[number].state = 0
        return before

    def release_semaphore(self, number: int, increment: int, adjustment: int) -> int:
        one = self.objects[number]
        if adjustment < 0 or one.state + adjustment > one.limit:
            raise Raised(SEMAPHORE_LIMIT_EXCEEDED)
        before = one.state
        one.state += adjustment
        self.test(number, increment)
        return before

    def release_mutant(self, number: int, thread: int, increment: int, abandoned: bool = False) -> int:
        one = self.objects[number]
        if not abandoned and one.owner != thread:
            raise Raised(ABANDONED if one.abandoned else MUTANT_NOT_OWNED)
        before = one.state
        if abandoned:
            one.abandoned = True
        if one.owner is not None and (abandoned or before == 0):
            self._free(number)
        elif not abandoned:
            one.state += 1
        self.test(number, increment)
        return before

    def abandon_all(self, thread: int) -> None:
        """The thread ends."""
        while self.threads[thread].mutants:
            number = self.threads[thread].mutants[0]
            self.objects[number].abandoned = True
            self._free(number)
            self.test(number, MUTANT_INCREMENT)

    def _free(self, number: int) -> None:
        one = self.objects[number]
        self.threads[one.owner].mutants.remove(number)  # type: ignore[index]
        one.owner, one.state = None, 1

    def test(self, number: int, increment: int) -> None:
        """The object's state changed: whose wait does that end?"""
        one = self.objects[number]
        for thread, key in list(one.waiters):
            wait = self.threads[thread].wait
            if one.state <= 0:
                break
            if wait is None or (thread, key) not in one.waiters:
                continue  # released by an earlier block of its own
            if wait.all:
                status = self._take_all(thread, wait.objects)
                if status is None:
                    continue
            else:
                status = key | self._take(number, thread)
            self.end_wait(thread, status, increment)

    def end_wait(self, thread: int, status: int, increment: int) -> None:
        wait = self.threads[thread].wait
        assert wait is not None
        for number in set(wait.objects):
            one = self.objects[number]
            one.waiters = [entry for entry in one.waiters if entry[0] != thread]
        self.threads[thread].wait = None
        self._table.stop(("thread", thread))
        self.released.append(Release(thread, status, increment))

    # -- time ------------------------------------------------------------------------------------------------------
    def set_timer(self, number: int, due: int, period: int, dpc: Optional[int], absolute: bool) -> bool:
        was = self.cancel_timer(number)
        one = self.objects[number]
        one.state, one.period, one.dpc, one.absolute = 0, period, dpc, absolute
        if due <= self.now:
            self._expire(one, due)
        else:
            self.start_timer(number, due)
        return was

    def start_timer(self, number: int, due: int) -> None:
        self.objects[number].due = due
        self._started(("object", number), due)

    def cancel_timer(self, number: int) -> bool:
        one = self.objects[number]
        was, one.due = one.due is not None, None
        self._table.stop(("object", number))
        return was

    def advance(self, now: int) -> None:
        """The clock has come to `now`, and the expiry routine runs once."""
        self.now = now
        self._table.advance(now // self.increment, self._time_has_come)

    def _time_has_come(self, key: Key) -> None:
        kind, number = key
        wait = self.threads[number].wait if kind == "thread" else None
        if wait:
            self.timed.append((key, None))
            self.end_wait(number, TIMEOUT, 0)
            return
        one = self.objects[number]
        due = one.due or 0
        self.cancel_timer(number)
        self._expire(one, due)

    def hand(self, due: int) -> int:
        """The tick at which a timer is due: rounded up."""
        return -(-due // self.increment)

    def chains(self) -> Dict[int, List[Key]]:
        """The chains that have timers, each in its order."""
        return {number: list(keys) for number, keys in self._table.chains.items() if keys}

    def _expire(self, one: Object, due: int) -> None:
        self.timed.append((("object", one.number), None))
        one.state = 1
        self.test(one.number, 0)
        if one.period:
            following = due + one.period * MILLISECOND
            one.absolute = False
            self.start_timer(one.number, following if following > self.now else self.now + one.period * MILLISECOND)
        if one.dpc is not None and one.dpc not in self.dpcs:
            self.dpcs.append(one.dpc)

    def _started(self, key: Key, due: int) -> None:
        self.timed.append((key, due))
        self._table.start(key, self.hand(due), self.now // self.increment)


def status_name(status: int) -> str:
    """A wait's result in words."""
    if status in STATUSES:
        return STATUSES[status]
    if status < 64:
        return f"STATUS_WAIT_0 + {status}"
    if 0x80 <= status < 0xC0:
        return f"STATUS_ABANDONED_WAIT_0 + {status - 0x80}"
    return f"{status:#010x}"
