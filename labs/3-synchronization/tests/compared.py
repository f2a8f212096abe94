"""Guest memory against the model: objects, threads, wait blocks, timers, DPCs and threads that were released."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

from .dispatcher import (ABANDONED, BASE, MUTANT, NOTIFICATION_TIMER, SEMAPHORE, SYNCHRONIZATION_TIMER, TIMEOUT, WAIT_ALL, WAIT_ANY, Object,
                         status_name)
from .scene import Entry, Scene
from .timertable import CHAINS

ANOTHER = -1  # a DPC that is none of the bench's: the timer table's own
TIMER_BLOCK = 3
MARKED = ("mutant-freed", "mutant-all")  # hints of calls that mark a mutant as abandoned
ENDED = {"3.3": "released-status", "3.5": "mutant-taken"}  # and one that is satisfied later


class Compared(Scene):
    """Judges what a call has left behind."""

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
            self._fail(f"the list of {self.name(one.number)}: {listed(wanted)}", listed(seen), list_hint(wanted, seen))
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
                self._fail(f"the list of T{number}'s timer: {listed(on_timer)}", listed(self.waiters(timer)), "timer-block")
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
        if bool(guest.get(address, "DISPATCHER_HEADER.Absolute")) != absolute:
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


def listed(entries: Sequence[Entry]) -> str:
    """Wait blocks in words."""
    return " ".join((f"T{thread}" if thread >= 0 else "T?") + f"[{key}{', all' if kind == WAIT_ALL else ''}]" for thread, key, kind in entries) \
        or "empty"


def _ready(entries: Sequence[Tuple[int, int]]) -> str:
    return " ".join((f"T{thread}" if thread >= 0 else "T?") + (f" at {priority}" if priority != BASE else "")
                    for thread, priority in entries) or "nobody"


def _chains(chains: Dict[int, List[str]]) -> str:
    return "timer table: " + ("; ".join(f"chain {chain}: {' '.join(timers)}" for chain, timers in sorted(chains.items())) or "empty")


def _dpcs(numbers: Sequence[int]) -> str:
    return " ".join(f"D{number}" if number >= 0 else "KiTimerExpireDpc" for number in numbers) or "none"


def list_hint(wanted: Sequence[Entry], seen: Sequence[Entry]) -> str:
    """What is wrong with the blocks on a list."""
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
