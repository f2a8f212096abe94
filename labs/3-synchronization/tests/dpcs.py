"""DPCs of the host's on the first processor's queue, and the model of that queue.

The machine stands at the "early" stage, at DISPATCH_LEVEL with interrupts off: what is asked for stays pending.  The
routines that run are the test driver's; where they announce themselves the host looks.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from grader.views.ring import Event

from .telling import Telling
from .traced import Traced

LOW, MEDIUM, HIGH, MEDIUM_HIGH = range(4)
IMPORTANCE = ("LowImportance", "MediumImportance", "HighImportance", "MediumHighImportance")
DISPATCH_LEVEL = 2
PENDING = 1 << DISPATCH_LEVEL
RUNS_MAX = 100
HIGH_LEVEL = 31
LOCKS, WAKES = "KefAcquireSpinLockAtDpcLevel", "KiRequestDpcThread"
SENDS = "Lab3Work"  # what KiSendDispatchInterrupt is here: a routine with one argument
OTHER = 1  # the number of a processor that the host makes
ORDINARY, THREADED = 19, 24  # KDPC::Type


class DpcBench(Telling):
    """DPCs D0, D1 ...; `queue` is the model's."""

    def __init__(self, t, count: int) -> None:
        self.t, self.guest = t, t.guest
        guest = self.guest
        self.prcb = guest.prcb()
        self.data = self.prcb + guest.field("KPRCB.DpcData")[0]
        self.head = self.data + guest.field("KDPC_DATA.DpcListHead")[0]
        self.plans = [guest.alloc(8) for _ in range(count)]
        self.dpcs = [guest.alloc(guest.size("KDPC")) for _ in range(count)]
        for dpc, plan in zip(self.dpcs, self.plans):
            guest.call("KeInitializeDpc", dpc, guest.sym("Lab3Dpc"), plan)
        self.levels = [MEDIUM] * count
        self.times: List[Tuple[int, int]] = [(0, 0)] * count
        self.queue: List[int] = []
        self.count = guest.get(self.data, "KDPC_DATA.DpcCount")
        self.traced = Traced(guest, Event.DPC_QUEUE, 3)
        self.begun, self.ended = Traced(guest, Event.DPC_RUN, 2), Traced(guest, Event.DPC_END, 3)
        self.arguments: Dict[int, Tuple[int, int]] = {}
        self.requested = False
        self.done: List[str] = []
        guest.set(self.prcb, "KPRCB.DpcInterruptRequested", 0)
        guest.set(guest.pcr(), "KPCR.IRR", 0)
        guest.set(guest.pcr(), "KPCR.Irql", DISPATCH_LEVEL)
        self.rate(1000, 4)

    def rate(self, rate: int, depth: int) -> None:
        """What the rules of interrupt generation look at: how many DPCs came lately, and how many may wait."""
        self.slow, self.depth = rate < 3, depth
        self.guest.set(self.prcb, "KPRCB.DpcRequestRate", rate)
        self.guest.set(self.prcb, "KPRCB.MinimumDpcRate", 3)
        self.guest.set(self.prcb, "KPRCB.MaximumDpcQueueDepth", depth)

    def importance(self, number: int, level: int) -> None:
        if number not in self.queue:
            self.guest.set(self.dpcs[number], "KDPC.Importance", level)
            self.levels[number] = level

    def plan(self, number: int, times: int, other: int) -> None:
        """Each time it runs, up to `times`, D`number` queues D`other`."""
        self.times[number] = (times, other)
        self.guest.u32(self.plans[number], times)
        self.guest.u32(self.plans[number] + 4, self.dpcs[other])

    # -- calls -----------------------------------------------------------------------------------------------------
    def insert(self, number: int) -> None:
        rng = self.t.rng
        arguments = (rng.getrandbits(32), rng.getrandbits(32))
        self._say(f"KeInsertQueueDpc(D{number}, {arguments[0]:#x}, {arguments[1]:#x})  ({IMPORTANCE[self.levels[number]]})")
        told = self._call("KeInsertQueueDpc", self.dpcs[number], *arguments) & 0xFF
        wanted = self._insert(number, arguments, active=False)
        self._equal(f"it returns {int(wanted)}", f"it returns {told}", "dpc-twice")
        self.compare()

    def remove(self, number: int) -> None:
        self._say(f"KeRemoveQueueDpc(D{number})", "remove")
        told = self._call("KeRemoveQueueDpc", self.dpcs[number]) & 0xFF
        wanted = number in self.queue
        if wanted:
            self.queue.remove(number)
        self._equal(f"it returns {int(wanted)}", f"it returns {told}", "dpc-remove")
        self.compare("dpc-remove")

    def retire(self) -> None:
        """KiRetireDpcList: every routine that runs, and the state in which it finds things."""
        guest = self.guest
        self._say("KiRetireDpcList()")
        self.t.asking(self._asked(), self._hint("dpc-lost"))
        place, registers = self._stop(guest.call_or_stop("KiRetireDpcList", self.prcb, stops=("Lab3DpcRuns", LOCKS)))
        runs = 0
        while place:
            runs += 1
            self._runs(registers)
            if runs > RUNS_MAX:
                self._fail("an end", f"{runs} routines have run", "dpc-lost")
            place, registers = self._stop(guest.go_on(stops=("Lab3DpcRuns", LOCKS)))
        self._between("no routine runs any more")
        if self.queue:
            self._fail(f"D{self.queue[0]} runs next", "the routine returns", "dpc-lost")
        self.requested = False
        guest.set(guest.pcr(), "KPCR.IRR", 0)
        flags = "DpcRoutineActive %d, DpcInterruptRequested %d afterwards"
        self._equal(flags % (0, 0), flags % tuple(guest.get(self.prcb, f"KPRCB.{name}") for name in ("DpcRoutineActive", "DpcInterruptRequested")),
                    "dpc-flags")
        self.compare()

    def threaded(self, number: int) -> None:
        """A threaded DPC, on a processor that has a DPC thread: on the queue of its own, and the thread is asked for."""
        guest = self.guest
        dpc, queue = self.dpcs[number], self.prcb + guest.field("KPRCB.ThreadedDpcData")[0]
        guest.set(dpc, "KDPC.Type", THREADED)
        guest.set(self.prcb, "KPRCB.ThreadDpcEnable", 1)
        self._say(f"KeInsertQueueDpc(D{number}, 1, 2)  (threaded)")
        place, registers = self._stop(guest.call_or_stop("KeInsertQueueDpc", dpc, 1, 2, stops=(WAKES, LOCKS)), (WAKES, LOCKS))
        held = guest.u32(queue + guest.field("KDPC_DATA.DpcLock")[0])
        self._equal("KiRequestDpcThread is called, the queue's lock free", ("KiRequestDpcThread is called" if place else "it is not called")
                    + ", the queue's lock " + ("held" if held else "free"), "dpc-threaded")
        esp = registers["esp"]
        place, registers = guest.go_on((), eip=guest.u32(esp), esp=esp + 4)  # nobody is there to be woken
        inside = guest.list(queue + guest.field("KDPC_DATA.DpcListHead")[0], "KDPC.DpcListEntry")
        self._equal(f"it returns 1, the threaded queue: D{number}, depth 1, DpcData: that queue",
                    f"it returns {registers['eax'] & 0xFF}, the threaded queue: {_names([self.dpcs.index(one) for one in inside])}, "
                    f"depth {guest.get(queue, 'KDPC_DATA.DpcQueueDepth')}, DpcData: "
                    + ("that queue" if guest.get(dpc, "KDPC.DpcData") == queue else "another"), "dpc-threaded")
        self._say(f"KeRemoveQueueDpc(D{number})", "remove")
        told = self._call("KeRemoveQueueDpc", dpc) & 0xFF
        self._equal("it returns 1", f"it returns {told}", "dpc-threaded")
        self.traced.promise(dpc, guest.sym("Lab3Dpc"), 0)
        guest.set(dpc, "KDPC.Type", ORDINARY)
        guest.set(self.prcb, "KPRCB.ThreadDpcEnable", 0)
        self.compare()

    def aim(self, number: int, processor: Optional[int]) -> None:
        """For which processor the DPC is (None: for the one that queues it)."""
        self.guest.set(self.dpcs[number], "KDPC.Number", 0 if processor is None else processor + 1)

    def elsewhere(self, number: int, importance: int) -> None:
        """A DPC for another processor: on that one's queue, and the request, if there is one, is sent while that queue is locked."""
        guest, dpc = self.guest, self.dpcs[number]
        other = guest.alloc(guest.size("KPRCB"))
        guest.call("KiInitializeDpcQueues", other, conv="cdecl")
        mask = 1 << self.t.rng.randint(OTHER, 31)
        for name, value in (("Number", OTHER), ("SetMember", mask), ("CurrentThread", dpc), ("IdleThread", 0)):
            guest.set(other, f"KPRCB.{name}", value)
        guest.u32(guest.sym("KiProcessorBlock") + 4 * OTHER, other)
        guest.u32(guest.sym("KiSendDispatchInterrupt"), guest.sym(SENDS))
        queue = other + guest.field("KPRCB.DpcData")[0]
        lock = queue + guest.field("KDPC_DATA.DpcLock")[0]
        self.aim(number, OTHER)
        self.importance(number, importance)
        self._say(f"KeInsertQueueDpc(D{number}, 1, 2)  ({IMPORTANCE[importance]}, for processor {OTHER})")
        place, registers = self._stop(guest.call_or_stop("KeInsertQueueDpc", dpc, 1, 2, stops=(SENDS, LOCKS)), (SENDS, LOCKS))
        asks = importance in (HIGH, MEDIUM_HIGH)
        told = f"{guest.u32(registers['esp'] + 4):#x}, the queue's lock {'held' if guest.u32(lock) else 'free'}, " \
            f"DpcInterruptRequested {guest.get(other, 'KPRCB.DpcInterruptRequested')}" if place else "nobody"
        self._equal("the request is sent to " + (f"{mask:#x}, the queue's lock held, DpcInterruptRequested 1" if asks else "nobody"),
                    f"the request is sent to {told}", "dpc-elsewhere")
        if place:
            place, registers = guest.go_on(())
        state = "it returns %d, the other processor's queue: %s, depth %d, DpcInterruptRequested %d"
        inside = [self.dpcs.index(one) for one in guest.list(queue + guest.field("KDPC_DATA.DpcListHead")[0], "KDPC.DpcListEntry")]
        self._equal(state % (1, _names([number]), 1, asks), state % (registers["eax"] & 0xFF, _names(inside), guest.get(
            queue, "KDPC_DATA.DpcQueueDepth"), guest.get(other, "KPRCB.DpcInterruptRequested")), "dpc-elsewhere")
        self._say(f"KeRemoveQueueDpc(D{number})", "remove")
        told = self._call("KeRemoveQueueDpc", dpc) & 0xFF
        left = guest.get(queue, "KDPC_DATA.DpcQueueDepth")
        self._equal("it returns 1, depth 0 of the other processor's queue", f"it returns {told}, depth {left} of the other processor's queue",
                    "dpc-elsewhere")
        self.traced.promise(dpc, guest.sym("Lab3Dpc"), OTHER)
        self.aim(number, None)
        self.compare()

    def _between(self, when: str) -> None:
        """KiBeginDpc and KiEndDpc were called for what has run so far, each at its time."""
        for events, name in ((self.begun, "DpcRun"), (self.ended, "DpcEnd")):
            number, wanted, seen = events.differs()
            show = lambda told: f"{name} of {_name(self.dpcs.index(told[0][0]) if told[0][0] in self.dpcs else -1)}{told[0][2:]}" if told else "nothing"
            if number >= 0:
                self._fail(f"traced when {when}, as event {number} of this kind: {show(wanted)}", show(seen), "dpc-between")

    def trace(self) -> None:
        """Every insertion so far was traced."""
        number, wanted, seen = self.traced.differs()
        show = lambda events: " ".join("DPC %#x, routine %#x, processor %d" % event for event in events) or "none"
        if number >= 0:
            self._fail(f"event DpcQueue {number} of this test: {show(wanted)}", show(seen), "dpc-traced")

    def _call(self, routine: str, *arguments: int) -> int:
        return self._stop(self.guest.call_or_stop(routine, *arguments, stops=(LOCKS,)), (LOCKS,))[1]["eax"]

    def _stop(self, came: Tuple[str, Dict[str, int]], stops: Tuple[str, ...] = ("Lab3DpcRuns", LOCKS)) -> Tuple[str, Dict[str, int]]:
        """The next stop that is no lock.  The lock of a DPC queue is taken at HIGH_LEVEL."""
        guest = self.guest
        place, registers = came
        owners = [self.prcb, guest.u32(guest.sym("KiProcessorBlock") + 4 * OTHER)]
        locks = [owner + guest.field(name)[0] + guest.field("KDPC_DATA.DpcLock")[0] for name in ("KPRCB.DpcData", "KPRCB.ThreadedDpcData")
                 for owner in owners]
        while place == LOCKS:
            if registers["ecx"] in locks:
                irql = guest.get(guest.pcr(), "KPCR.Irql")
                self._equal(f"IRQL {HIGH_LEVEL} where the queue's lock is taken", f"IRQL {irql} where the queue's lock is taken", "dpc-high")
            place, registers = guest.go_on(stops)
        return place, registers

    def _runs(self, registers: Dict[str, int]) -> None:
        guest = self.guest
        dpc, _, *told = (guest.u32(registers["esp"] + 4 * index) for index in range(1, 5))
        seen = self.dpcs.index(dpc) if dpc in self.dpcs else -1
        wanted = self.queue.pop(0) if self.queue else None
        self._equal(f"{_name(wanted)} runs", f"{_name(seen)} runs", "dpc-order" if wanted is not None else "dpc-lost")
        assert wanted is not None
        self._equal("arguments %#x, %#x" % self.arguments[wanted], "arguments %#x, %#x" % tuple(told), "dpc-arguments")
        irql, held = guest.get(guest.pcr(), "KPCR.Irql"), guest.u32(self.data + guest.field("KDPC_DATA.DpcLock")[0])
        self._equal(f"D{wanted} runs at IRQL 2, the queue's lock free", f"D{wanted} runs at IRQL {irql}, the queue's lock "
                    + ("held" if held else "free"), "dpc-irql")
        self.begun.promise(dpc, guest.sym("Lab3Dpc"))
        self._between(f"D{wanted}'s routine runs")
        self.ended.promise(dpc, guest.sym("Lab3Dpc"), 0)
        self._equal("DpcRoutineActive 1", f"DpcRoutineActive {guest.get(self.prcb, 'KPRCB.DpcRoutineActive')}", "dpc-flags")
        self.compare("dpc-busy")
        times, other = self.times[wanted]
        if times:
            self.times[wanted] = (times - 1, other)
            self._insert(other, (self.plans[wanted], self.dpcs[wanted]), active=True)

    def _insert(self, number: int, arguments: Tuple[int, int], active: bool) -> bool:
        if number in self.queue:
            return False
        self.count += 1
        self.traced.promise(self.dpcs[number], self.guest.sym("Lab3Dpc"), 0)
        self.queue.insert(0 if self.levels[number] == HIGH else len(self.queue), number)
        self.arguments[number] = arguments
        if not active and not self.requested:
            low = self.levels[number] == LOW and not self.slow
            self.requested = len(self.queue) >= self.depth or not low
        return True

    # -- judging ---------------------------------------------------------------------------------------------------
    def compare(self, hint: str = "") -> None:
        """`hint`: of a DPC that should not be on the queue, or does not say where it is; without one the last call was an insertion."""
        guest = self.guest
        seen = [self.dpcs.index(one) if one in self.dpcs else -1 for one in guest.list(self.head, "KDPC.DpcListEntry")]
        if seen != self.queue:
            woken = [one for one in seen if one >= 0] == self.queue  # another DPC besides: the one that wakes the processor's DPC thread
            self._fail("the queue: " + _names(self.queue), _names(seen), "dpc-threaded" if woken else "dpc-order" if sorted(seen) == sorted(self.queue) else
                       hint or "dpc-twice" if len(seen) > len(self.queue) else "dpc-lost" if hint == "dpc-busy" else hint or "dpc-missing")
        depth = guest.get(self.data, "KDPC_DATA.DpcQueueDepth")
        self._equal(f"DpcQueueDepth {len(self.queue)}", f"DpcQueueDepth {depth}", "dpc-depth")
        count = guest.get(self.data, "KDPC_DATA.DpcCount")
        self._equal(f"DpcCount {self.count}", f"DpcCount {count}", "dpc-count")
        for number, dpc in enumerate(self.dpcs):
            data = guest.get(dpc, "KDPC.DpcData")
            self._equal(f"DpcData of D{number}: " + ("the queue" if number in self.queue else "nullptr"),
                        f"DpcData of D{number}: " + ("the queue" if data == self.data else "nullptr" if not data else hex(data)),
                        hint or "dpc-twice")
            if number in self.queue:
                told = guest.get(dpc, "KDPC.SystemArgument1"), guest.get(dpc, "KDPC.SystemArgument2")
                self._equal("the arguments of D%d: %#x, %#x" % (number, *self.arguments[number]), "the arguments of D%d: %#x, %#x" % (number, *told),
                            "dpc-arguments")
        flag = guest.get(self.prcb, "KPRCB.DpcInterruptRequested")
        pending = bool(guest.get(guest.pcr(), "KPCR.IRR") & PENDING)
        if hint != "dpc-busy":
            self._equal(f"DpcInterruptRequested {int(self.requested)}, the interrupt {'is' if self.requested else 'is not'} pending",
                        f"DpcInterruptRequested {flag}, the interrupt {'is' if pending else 'is not'} pending", "dpc-interrupt")
        held = guest.u32(self.data + guest.field("KDPC_DATA.DpcLock")[0])
        self._equal("the queue's lock is free", "the queue's lock is " + ("held" if held else "free"), "dpc-irql")


def _name(number: Optional[int]) -> str:
    return "nobody" if number is None else f"D{number}" if number >= 0 else "another DPC"


def _names(numbers: List[int]) -> str:
    return " ".join(map(_name, numbers)) or "empty"
