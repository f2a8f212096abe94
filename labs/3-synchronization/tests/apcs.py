"""APCs of the host's, their queues and their delivery: the model, and the same in guest memory."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

from grader.views.ring import Event

from .bench import Bench
from .dispatcher import SYNCHRONIZATION_EVENT, Object
from .hints import HINTS
from .traced import Traced

KERNEL, USER = 0, 1
SPECIAL = 2  # in the third argument of the event ApcQueue, beside the mode
ORIGINAL, ATTACHED, CURRENT, INSERT = range(4)
READY, WAITING = 1, 5
APC_LEVEL, PASSIVE_LEVEL = 1, 0
PENDING = 1 << APC_LEVEL
KERNEL_APC, USER_APC = 0x100, 0xC0
KERNEL_PLACE, NORMAL_PLACE = "Lab3ApcKernel", "Lab3ApcNormal"


class ApcBench:
    """APCs A0, A1 ... for thread T0; `queues` by mode, of the environment that T0 is in."""

    def __init__(self, t, count: int, specials: List[bool], modes: Optional[List[int]] = None) -> None:
        self.t, self.guest = t, t.guest
        guest = self.guest
        self.bench = Bench(t, [Object(0, SYNCHRONIZATION_EVENT)], 2)
        self.thread = self.bench.threads[0]
        self.special, self.modes = specials, modes or [KERNEL] * count
        self.contexts = [t.rng.getrandbits(32) for _ in range(count)]
        self.apcs = [guest.alloc(guest.size("KAPC")) for _ in range(count)]
        self.queues: Dict[int, List[int]] = {KERNEL: [], USER: []}
        self.arguments = {number: (0, 0) for number in range(count)}
        self.locked = 0  # how often ApcQueueLock was written to
        self.queued, self.run = Traced(guest, Event.APC_QUEUE, 4), Traced(guest, Event.APC_RUN, 4)
        for number in range(count):
            self.make(number)
        guest.set(self.thread, "KTHREAD.State", READY)
        self.clear()

    def make(self, number: int, environment: int = ORIGINAL) -> None:
        normal = 0 if self.special[number] else self.guest.sym(NORMAL_PLACE)
        self.guest.call("KeInitializeApc", self.apcs[number], self.thread, environment, self.guest.sym(KERNEL_PLACE), 0, normal, self.modes[number],
                        self.contexts[number])

    def clear(self) -> None:
        self.guest.set(self.guest.pcr(), "KPCR.IRR", 0)

    @property
    def state(self) -> int:
        return self.thread + self.guest.field("KTHREAD.ApcState")[0]

    # -- queueing --------------------------------------------------------------------------------------------------
    def insert(self, number: int, by: Optional[int] = None, increment: int = 0, telling: Sequence[str] = ()) -> bool:
        """KeInsertQueueApc, by a thread (None: by nobody's).  `telling`: routines that tell the thread; KernelApcPending is set before."""
        arguments = (self.t.rng.getrandbits(32), self.t.rng.getrandbits(32))
        who = f"T{by}: " if by is not None else ""
        self._say(f"{who}KeInsertQueueApc(A{number}{' special' if self.special[number] else ' user' if self.modes[number] else ' normal'}, ...)")
        self.bench._act(by)
        place, registers = self.guest.call_or_stop("KeInsertQueueApc", self.apcs[number], *arguments, increment, stops=tuple(telling))
        if place:
            pending = self.guest.get(self.state, "KAPC_STATE.KernelApcPending")
            self._equal(f"KernelApcPending 1 at {place}", f"KernelApcPending {pending} at {place}", "apc-told")
            place, registers = self.guest.go_on(())
        told = registers["eax"] & 0xFF
        queue = self.queues[self.modes[number]]
        wanted = number not in self.queues[KERNEL] + self.queues[USER] and bool(self.guest.get(self.thread, "KTHREAD.ApcQueueable"))
        self._equal(f"it returns {int(wanted)}", f"it returns {told}", "apc-refused")
        if wanted:
            at = len(queue)
            if self.special[number]:
                at = len([one for one in queue if self.special[one]])
            queue.insert(at, number)
            self.arguments[number] = arguments
            self.promise_queued(number)
        self.compare()
        return wanted

    def promise_queued(self, number: int, environment: Optional[int] = None) -> None:
        """KeInsertQueueApc traces that it queues the APC; `environment`: if it is not the one that the thread is in."""
        index = self.guest.get(self.thread, "KTHREAD.ApcStateIndex") if environment is None else environment
        self.queued.promise(self.apcs[number], self.thread, self.modes[number] | (SPECIAL if self.special[number] else 0), index)

    def compare(self, inserted: str = "apc-refused") -> None:
        """The queues; `inserted`: the hint where Inserted is wrong."""
        guest = self.guest
        head = self.state + guest.field("KAPC_STATE.ApcListHead")[0]
        for mode in (KERNEL, USER):
            seen = [self.apcs.index(one) if one in self.apcs else -1 for one in guest.list(head + 8 * mode, "KAPC.ApcListEntry")]
            self._equal(f"the {'user' if mode else 'kernel'} queue: {_names(self.queues[mode])}", f"the {'user' if mode else 'kernel'} queue: "
                        f"{_names(seen)}", "apc-order")
        for number, apc in enumerate(self.apcs):
            queued = number in self.queues[KERNEL] + self.queues[USER]
            self._equal(f"A{number}: Inserted {int(queued)}", f"A{number}: Inserted {guest.get(apc, 'KAPC.Inserted')}", inserted)
            if queued:
                told = guest.get(apc, "KAPC.SystemArgument1"), guest.get(apc, "KAPC.SystemArgument2")
                self._equal("arguments %#x %#x" % self.arguments[number], "arguments %#x %#x" % told, "apc-arguments")

        for events, name in ((self.queued, "ApcQueue"), (self.run, "ApcRun")):
            number, promised, traced = events.differs()
            show = lambda told: f"{name} of " + (f"A{self.apcs.index(told[0][0])} ({_words(told[0][1:])})" if told[0][0] in self.apcs else
                                                 _words(told[0])) if told else f"no {name}"
            if number >= 0:
                self._equal(f"event {number} of this kind: {show(promised)}", f"event {number} of this kind: {show(traced)}", "traced-apc")

    def told(self, pending: bool, interrupt: bool, hint: str = "apc-told") -> None:
        """Whether the thread knows of a kernel APC, and whether the interrupt was asked for."""
        guest = self.guest
        seen = bool(guest.get(self.state, "KAPC_STATE.KernelApcPending")), bool(guest.get(guest.pcr(), "KPCR.IRR") & PENDING)
        self._equal(f"KernelApcPending {pending}, APC interrupt {'requested' if interrupt else 'not requested'}",
                    f"KernelApcPending {seen[0]}, APC interrupt {'requested' if seen[1] else 'not requested'}", hint)

    # -- delivery --------------------------------------------------------------------------------------------------
    def deliver(self, normal_allowed: bool = True, requeue: float = 0.0, call_off: float = 0.0, inside: int = 0) -> None:
        """KiDeliverApc by T0: every routine that runs, and with what.  The kernel routines' work is the host's: some queue their
        APC again, some change the arguments, some call the normal routine off.  `inside`: 1 in the middle of a normal APC."""
        guest, rng = self.guest, self.t.rng
        self._say("T0: KiDeliverApc(KernelMode, ...)")
        self.t.asking(self.bench._asked(), self._hint("apc-delivery"))
        guest.set(self.state, "KAPC_STATE.KernelApcPending", 1)
        self.bench._act(0, APC_LEVEL)
        frame = rng.getrandbits(32) & ~3
        with guest.watching([(self.thread + guest.field("KTHREAD.ApcQueueLock")[0], 4)], self._lock_changed):
            self._deliver(frame, normal_allowed, requeue, call_off, inside)

    def _lock_changed(self, _: int) -> None:
        self.locked += 1

    def _deliver(self, frame: int, normal_allowed: bool, requeue: float, call_off: float, inside: int) -> None:
        guest, rng = self.guest, self.t.rng
        stops = (KERNEL_PLACE, NORMAL_PLACE)
        self.locked = 0
        place, registers = guest.call_or_stop("KiDeliverApc", KERNEL, 0, frame, stops=stops, stack=self.bench.stacks[0])
        queue = self.queues[KERNEL]
        while queue and (self.special[queue[0]] or normal_allowed):
            number = queue.pop(0)
            self._at(place, KERNEL_PLACE, f"A{number}'s kernel routine", APC_LEVEL, inside)
            self._equal("ApcQueueLock was taken and freed", f"ApcQueueLock was {'taken and freed' if self.locked > 1 else 'not touched'}", "apc-locked")
            self.locked = 0
            pending = guest.get(self.state, "KAPC_STATE.KernelApcPending")
            self._equal("KernelApcPending 0", f"KernelApcPending {pending}", "apc-pending")
            apc, *pointers = (guest.u32(registers["esp"] + 4 * index) for index in range(1, 6))
            self._equal(f"A{number}", f"A{self.apcs.index(apc)}" if apc in self.apcs else hex(apc), "apc-order")
            self._equal(f"TrapFrame {frame:#x}", f"TrapFrame {guest.get(self.thread, 'KTHREAD.TrapFrame'):#x}", "apc-delivery")
            normal = 0 if self.special[number] else guest.sym(NORMAL_PLACE)
            self.run.promise(apc, self.thread, guest.sym(KERNEL_PLACE), normal)
            self.compare("apc-noted")
            wanted = [normal, 0 if self.special[number] else self.contexts[number], *self.arguments[number]]
            self._equal(f"A{number}'s kernel routine, noted: " + _words(wanted),
                        f"A{number}'s kernel routine, noted: " + _words([guest.u32(pointer) for pointer in pointers]), "apc-noted")
            again = not self.special[number] and rng.random() < requeue
            if again:
                self._queue_again(number)
            off = not self.special[number] and rng.random() < call_off
            new = [0 if off else guest.sym(NORMAL_PLACE), *(rng.getrandbits(32) for _ in range(3))]  # a special one's is not called
            for pointer, word in zip(pointers, new):
                guest.u32(pointer, word)
            if not again:
                self._free(number)
            place, registers = guest.go_on(stops)
            self._restore(number)
            if normal and not off:
                self._at(place, NORMAL_PLACE, f"A{number}'s normal routine", PASSIVE_LEVEL, 1)
                told = [guest.u32(registers["esp"] + 4 * index) for index in range(1, 4)]
                self._equal(f"A{number}'s normal routine, called with: " + _words(new[1:]), f"A{number}'s normal routine, called with: " + _words(told),
                            "apc-noted")
                place, registers = self._after_normal(stops, number)
        self._equal("it returns", f"{place} runs" if place else "it returns", "apc-held")
        irql = guest.get(guest.pcr(), "KPCR.Irql")
        self._equal(f"IRQL {APC_LEVEL} afterwards", f"IRQL {irql} afterwards", "apc-delivery")
        self._equal("KernelApcPending 0", f"KernelApcPending {guest.get(self.state, 'KAPC_STATE.KernelApcPending')}", "apc-pending")
        self._equal("TrapFrame as before", "TrapFrame " + ("as before" if guest.get(self.thread, "KTHREAD.TrapFrame") != frame else "of the delivery"),
                    "apc-delivery")
        self.clear()
        self.compare()

    def _after_normal(self, stops: Sequence[str], number: int) -> Tuple[str, Dict[str, int]]:
        """From a normal routine to the next stop.  When the IRQL rises on the way, the APC is still in progress."""
        place, registers = self.guest.go_on((*stops, "KfRaiseIrql"))
        if place != "KfRaiseIrql":
            return place, registers
        busy = self.guest.get(self.state, "KAPC_STATE.KernelApcInProgress")
        what = f"KernelApcInProgress %d when the IRQL rises after A{number}'s normal routine"
        self._equal(what % 1, what % busy, "apc-progress")
        return self.guest.go_on(stops)

    def _at(self, place: str, wanted: str, what: str, irql: int, progress: int) -> None:
        guest = self.guest
        busy = guest.get(self.state, "KAPC_STATE.KernelApcInProgress")
        self._equal(f"{what} runs", f"{what} runs" if place == wanted else f"{place} runs" if place else "KiDeliverApc returns",
                    "apc-progress" if busy > progress else "apc-delivery")
        level = guest.get(guest.pcr(), "KPCR.Irql")
        self._equal(f"{what} at IRQL {irql}", f"{what} at IRQL {level}", "apc-delivery")
        self._equal(f"KernelApcInProgress {progress}", f"KernelApcInProgress {busy}", "apc-progress")
        held = guest.get(self.thread, "KTHREAD.ApcQueueLock")
        self._equal("ApcQueueLock free", "ApcQueueLock free" if not held & 0xFFFFFFFF else "ApcQueueLock held", "lock-held")

    def _queue_again(self, number: int) -> None:
        """What KeInsertQueueApc would do for a normal APC, by the host's hand."""
        guest, apc = self.guest, self.apcs[number]
        entry = apc + guest.field("KAPC.ApcListEntry")[0]
        head = self.state + guest.field("KAPC_STATE.ApcListHead")[0]
        before = guest.u32(head + 4)
        guest.u32(entry, head)
        guest.u32(entry + 4, before)
        guest.u32(before, entry)
        guest.u32(head + 4, entry)
        guest.set(apc, "KAPC.Inserted", 1)
        arguments = (self.t.rng.getrandbits(32), self.t.rng.getrandbits(32))
        guest.set(apc, "KAPC.SystemArgument1", arguments[0])
        guest.set(apc, "KAPC.SystemArgument2", arguments[1])
        self.queues[KERNEL].append(number)
        self.arguments[number] = arguments

    def _free(self, number: int) -> None:
        """The kernel routine may free its APC, unless it queued it again: the NormalRoutine says something else until
        `_restore`."""
        self.guest.set(self.apcs[number], "KAPC.NormalRoutine", 1 if self.special[number] else 0)

    def _restore(self, number: int) -> None:
        self.guest.set(self.apcs[number], "KAPC.NormalRoutine", 0 if self.special[number] else self.guest.sym(NORMAL_PLACE))

    # -- words -----------------------------------------------------------------------------------------------------
    def _say(self, call: str) -> None:
        self.bench._say(call)

    def _hint(self, name: str):
        return self.t.hint(name, HINTS[name])

    def _equal(self, wanted: str, seen: str, hint: str) -> None:
        if wanted != seen:
            self.t.fail(asked=self.bench._asked(), expected=wanted, seen=seen, hint=self._hint(hint))


def _names(numbers: List[int]) -> str:
    return " ".join(f"A{number}" if number >= 0 else "A?" for number in numbers) or "empty"


def _words(words: List[int]) -> str:
    return " ".join(f"{word:#x}" for word in words)
