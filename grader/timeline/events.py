"""A timeline from the event ring: what each thread and each processor did, and who woke whom.

The builder follows the records in the order of their global sequence.  Who *causes* an event is whoever runs on the
record's processor: the DPC that runs there, else the processor's current thread.
Invariant: an event that this module does not know is shown as it is, never dropped.
In the books: "dispatcher objects", "thread states", "event tracing".  TOL-03, EXE-03.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from grader.timeline.model import Arrow, Details, Instant, Row, Span, Timeline
from grader.timeline.names import Names
from grader.views.ring import Record
from grader.views.threads import STATES
from grader.views.waits import OBJECTS, reason_name

TICKS_A_MICROSECOND = 1000  # the time-stamp counter of the emulated machine counts nanoseconds
INITIALIZED, READY, RUNNING, STANDBY, TERMINATED, WAITING, TRANSITION, DEFERRED, GATE_WAIT = range(9)
STATE_KIND = {READY: "ready", DEFERRED: "ready", RUNNING: "running", STANDBY: "standby", WAITING: "waiting",
              GATE_WAIT: "waiting"}
PRIORITY_REASONS = ("set", "boost", "decay", "starvation")
DISPATCH_LEVEL = 2
ONE_OBJECT = "waits for one object"
LOCKS = ("spin lock", "queued spin lock", "executive spin lock, shared", "executive spin lock, exclusive", "fast mutex",
         "guarded mutex", "resource, shared", "resource, exclusive", "push lock, shared", "push lock, exclusive",
         "rundown protection")  # ETW_LOCK
IPIS = ("dispatch", "APC", "call", "TLB flush", "freeze", "clock")  # ETW_IPI
STATUSES = {0: "the object was signalled", 0x102: "time-out", 0x80: "the mutant was abandoned", 0xC0: "a user APC",
            0x101: "alerted"}


@dataclass
class _Thread:
    """What is known of a thread so far."""

    state: int = -1
    since: float = 0.0
    priority: int = -1
    processor: int = -1
    number: int = 0  # in the order of creation; 0: it was there before
    objects: List[str] = field(default_factory=list)  # of the wait that has begun last
    how: str = ""  # " (any)" or " (all)", of several
    began: int = -1  # the instant at which it began
    wait: Dict[str, str] = field(default_factory=dict)
    ended: Dict[str, str] = field(default_factory=dict)


@dataclass
class _Processor:
    thread: int = 0
    since: float = 0.0
    routine: Optional[Tuple[float, str, Details]] = None  # the DPC that runs
    cause: str = ""  # the last signal here: what a wake-up that follows comes from


class Builder:
    """Turns records into a timeline.  `names` calls threads, objects and routines by name."""

    def __init__(self, records: Sequence[Record], names: Names) -> None:
        self.records, self.names = sorted(records, key=lambda record: record.sequence), names
        self.zero = self.records[0].time if self.records else 0
        self.threads: Dict[int, _Thread] = {}
        self.processors: Dict[int, _Processor] = {}
        self.spans: List[Span] = []
        self.instants: List[Instant] = []
        self.arrows: List[Arrow] = []
        self.open_ends: Dict[Tuple[str, int], Tuple[str, float]] = {}  # queued DPCs, set timers: where they began
        self.lock_waits: Dict[Tuple[int, str], Tuple[float, Details]] = {}  # (lock, row): since when
        self.now = 0.0

    def build(self, title: str, remarks: Sequence[str] = ()) -> Timeline:
        """The whole timeline."""
        for record in self.records:
            self.now = max(self.now, (record.time - self.zero) / TICKS_A_MICROSECOND)
            self._end_of_dpc(record)
            handler = HANDLERS.get(record.name)
            if handler:
                handler(self, record)
            else:
                self._unknown(record)
        for address in list(self.threads):
            self._leave_state(address)
        for number in list(self.processors):
            self._leave_processor(number)
            self._close_dpc(number)
        return Timeline(title, "us", self._rows(), self.spans, self.instants, self.arrows, remarks)

    # -- rows ------------------------------------------------------------------------------------------------------
    def _rows(self) -> List[Row]:
        numbers = sorted(set(self.processors) | {record.processor for record in self.records})
        used = {one.row for one in (*self.spans, *self.instants)}
        used |= {key for one in self.arrows for key in (one.source, one.target)}
        old_first = sorted(self.threads.items(), key=lambda one: one[1].number)
        rows = [Row(_thread_key(address), self.names.thread(address), "Threads", self._note(thread))
                for address, thread in old_first if _thread_key(address) in used]
        return rows + [Row(_processor_key(number), f"processor {number}", "Processors") for number in numbers]

    def _note(self, thread: _Thread) -> str:
        return f"priority {thread.priority}" if thread.priority >= 0 else ""

    def _thread(self, address: int) -> _Thread:
        return self.threads.setdefault(address, _Thread())

    def _actor(self, record: Record) -> str:
        """The row of whoever runs on the record's processor."""
        processor = self.processors.setdefault(record.processor, _Processor())
        if processor.routine or not processor.thread or self.names.is_idle(processor.thread):
            return _processor_key(record.processor)
        self._thread(processor.thread)
        return _thread_key(processor.thread)

    # -- spans -----------------------------------------------------------------------------------------------------
    def _leave_state(self, address: int) -> None:
        thread = self._thread(address)
        if thread.state < 0 or thread.state == TERMINATED or self.now <= thread.since:
            return
        kind = STATE_KIND.get(thread.state, "other")
        label = STATES[thread.state] if thread.state < len(STATES) else f"state {thread.state}"
        details = [("state", label)]
        if thread.priority >= 0:
            details.append(("priority", str(thread.priority)))
        if thread.state == RUNNING and thread.processor >= 0:
            label = f"cpu {thread.processor}"
            details.append(("processor", str(thread.processor)))
        if kind == "waiting":
            label = thread.wait.get("for", "waiting")
            if label == ONE_OBJECT and "signalled by" in thread.ended:
                label = f"waits for {thread.ended['signalled by']}"
            details += list(thread.wait.items()) + list(thread.ended.items())
        self.spans.append(Span(_thread_key(address), thread.since, self.now, kind, label, tuple(details)))

    def _leave_processor(self, number: int) -> None:
        processor = self.processors[number]
        if processor.thread and self.now > processor.since:
            idle = self.names.is_idle(processor.thread)
            name = "idle" if idle else self.names.thread(processor.thread)
            self.spans.append(Span(_processor_key(number), processor.since, self.now, "idle" if idle else "busy", name,
                                   (("thread", f"{name} ({processor.thread:#010x})"),)))

    def _end_of_dpc(self, record: Record) -> None:
        processor = self.processors.get(record.processor)
        if processor and processor.routine and (record.irql < DISPATCH_LEVEL or record.name == "context_switch"):
            self._close_dpc(record.processor)

    def _close_dpc(self, number: int) -> None:
        processor = self.processors[number]
        if processor.routine:
            start, label, details = processor.routine
            self.spans.append(Span(_processor_key(number), start, self.now, "dpc-span", label, details, 1))
            processor.routine = None

    # -- small pieces ------------------------------------------------------------------------------------------------
    def _moment(self, row: str, kind: str, label: str, *details: Tuple[str, object]) -> None:
        self.instants.append(Instant(row, self.now, kind, label, tuple((name, str(value)) for name, value in details)))

    def _arrow(self, source: str, start: float, target: str, kind: str, label: str,
               *details: Tuple[str, object]) -> None:
        if source != target:
            told = tuple((name, str(value)) for name, value in details)
            self.arrows.append(Arrow(source, start, target, self.now, kind, label, told))

    def _unknown(self, record: Record) -> None:
        shown = tuple((f"argument {number}", self.names.value(value)) for number, value in enumerate(record.arguments))
        self._moment(self._actor(record), "event", record.name.replace("_", " "), *shown)

    # -- events ------------------------------------------------------------------------------------------------------
    def _context_switch(self, record: Record) -> None:
        old, new, packed, reason = record.arguments
        self.processors.setdefault(record.processor, _Processor(thread=old))
        self._leave_processor(record.processor)
        self.processors[record.processor] = _Processor(thread=new, since=self.now)
        for address, priority in ((old, packed >> 8 & 0xFF), (new, packed >> 16 & 0xFF)):
            if not self.names.is_idle(address):
                thread = self._thread(address)
                thread.priority = priority
                if address == new:
                    thread.processor = record.processor
                elif thread.state in (WAITING, GATE_WAIT):
                    thread.wait["reason"] = reason_name(reason)

    def _thread_state(self, record: Record) -> None:
        address, old, new, priority = record.arguments
        thread = self._thread(address)
        if thread.state < 0:
            thread.state = old
        self._leave_state(address)
        if thread.state in (WAITING, GATE_WAIT):
            thread.wait, thread.ended = {}, {}
        thread.state, thread.since, thread.priority = new, self.now, priority
        if new == RUNNING:
            thread.processor = record.processor

    def _ready(self, record: Record) -> None:
        address, priority, number, at_head = record.arguments
        where = "at the head of" if at_head & 0xFF else "at the tail of"
        thread = self._thread(address)
        thread.priority = priority
        if thread.state == RUNNING:
            self._moment(_thread_key(address), "event", "preempted", ("goes", f"{where} its ready queue"),
                         ("processor", number))

    def _priority(self, record: Record) -> None:
        address, old, new, reason = record.arguments
        why = PRIORITY_REASONS[reason] if reason < len(PRIORITY_REASONS) else f"reason {reason}"
        self._thread(address).priority = new
        kind = "boost" if new > old else "decay"
        self._moment(_thread_key(address), kind, f"priority {old} → {new} ({why})")
        if why == "boost":
            self._arrow(self._actor(record), self.now, _thread_key(address), "boost", f"boost to {new}")

    def _quantum_end(self, record: Record) -> None:
        address, priority, *_ = record.arguments
        self._thread(address)
        self._moment(_thread_key(address), "quantum", "quantum ends", ("priority", priority))

    def _wait(self, record: Record) -> None:
        address, count, kind, timed = record.arguments
        thread = self._thread(address)
        many = f"waits for {count} objects " + ("(any)" if kind & 0xFF else "(all)")
        thread.wait = {"for": "sleeps" if not count else ONE_OBJECT if count == 1 else many, "time-out": "yes" if timed & 0xFF else "no"}
        thread.objects, thread.how = [], (" (any)" if kind & 0xFF else " (all)") * (count > 1)
        thread.began = len(self.instants)
        self._moment(_thread_key(address), "wait", thread.wait["for"])

    def _unwait(self, record: Record) -> None:
        address, status, increment, _ = record.arguments
        thread = self._thread(address)
        processor = self.processors.setdefault(record.processor, _Processor())
        thread.ended = {"ends": STATUSES.get(status, f"status {status:#x}")}
        if processor.cause and status != 0x102:
            thread.ended["signalled by"] = processor.cause
        actor = self._actor(record)
        details = [("status", f"{status:#010x} ({thread.ended['ends']})"), ("increment", increment)]
        if processor.cause:
            details.append(("signal", processor.cause))
        self._moment(_thread_key(address), "wake", "wait ends: " + thread.ended["ends"], *details)
        self._arrow(actor, self.now, _thread_key(address), "wake", "wakes", *details)

    def _signal(self, record: Record) -> None:
        address, kind, old, new = record.arguments
        name = self.names.object(address, kind)
        before, after = _signed(old), _signed(new)
        self.processors.setdefault(record.processor, _Processor()).cause = name
        type_name = OBJECTS[kind] if kind < len(OBJECTS) else f"type {kind}"
        self._moment(self._actor(record), "signal", f"{name}: {before} → {after}", ("object", f"{address:#010x}"),
                     ("type", type_name), ("signal state", f"{before} → {after}"), ("IRQL", record.irql))

    def _dpc_queue(self, record: Record) -> None:
        address, routine, number, _ = record.arguments
        self.open_ends["dpc", address] = (self._actor(record), self.now)
        self._moment(self._actor(record), "dpc", f"queues DPC {self.names.code(routine)}", ("KDPC", f"{address:#010x}"),
                     ("to processor", number), ("IRQL", record.irql))

    def _dpc_run(self, record: Record) -> None:
        address, routine, *_ = record.arguments
        self.processors.setdefault(record.processor, _Processor())
        self._close_dpc(record.processor)
        begun = self.open_ends.pop(("dpc", address), None)
        if begun:
            self._arrow(begun[0], begun[1], _processor_key(record.processor), "dpc", "DPC runs")
        details = (("KDPC", f"{address:#010x}"), ("routine", self.names.code(routine)))
        self.processors[record.processor].routine = (self.now, f"DPC {self.names.code(routine)}", details)

    def _wait_object(self, record: Record) -> None:
        address, target, _, kind = record.arguments
        thread = self._thread(address)
        thread.objects.append(self.names.object(target, kind))
        joined = ", ".join(thread.objects)
        thread.wait["objects"], thread.wait["for"] = joined, f"waits for {joined}{thread.how}"
        if thread.began >= 0:
            self.instants[thread.began] = replace(self.instants[thread.began], label=thread.wait["for"])

    def _apc_queue(self, record: Record) -> None:
        address, target, mode, _ = record.arguments
        kind = ("user" if mode & 1 else "special kernel" if mode & 2 else "kernel") + " APC"
        self._thread(target)
        self.open_ends["apc", address] = (self._actor(record), self.now)
        self._moment(self._actor(record), "apc", f"queues a {kind} to {self.names.thread(target)}",
                     ("KAPC", f"{address:#010x}"), ("IRQL", record.irql))

    def _apc_run(self, record: Record) -> None:
        address, target, kernel, normal = record.arguments
        self._thread(target)
        routine = self.names.code(normal or kernel)
        begun = self.open_ends.pop(("apc", address), None)
        if begun:
            self._arrow(begun[0], begun[1], _thread_key(target), "apc", "APC runs")
        self._moment(_thread_key(target), "apc", f"APC {routine}", ("KAPC", f"{address:#010x}"), ("routine", routine),
                     ("IRQL", record.irql))

    def _lock_wait(self, record: Record) -> None:
        lock, kind, thread, owner = record.arguments
        row = self._locker(record, thread)
        name = f"{_of(LOCKS, kind)} {self.names.variable(lock)}"
        details = (("lock", f"{lock:#010x}"), ("kind", _of(LOCKS, kind)),
                   ("owner", self.names.thread(owner) if owner else "unknown"))
        self.lock_waits[lock, row] = (self.now, details)
        self._moment(row, "lock", f"wants {name}", *details)

    def _lock_acquire(self, record: Record) -> None:
        lock, kind, thread, _ = record.arguments
        row = self._locker(record, thread)
        begun = self.lock_waits.pop((lock, row), None)
        if begun:
            self.spans.append(Span(row, begun[0], self.now, "lock-span",
                                   f"wants {_of(LOCKS, kind)} {self.names.variable(lock)}", begun[1], 1))
        handed = self.open_ends.pop(("lock", lock), None)
        if handed:
            self._arrow(handed[0], handed[1], row, "lock", "hands the lock on")
        self._moment(row, "lock", f"has {_of(LOCKS, kind)} {self.names.variable(lock)}", ("lock", f"{lock:#010x}"))

    def _lock_release(self, record: Record) -> None:
        lock, kind, thread, count = record.arguments
        row = self._locker(record, thread)
        self.open_ends["lock", lock] = (row, self.now)
        self._moment(row, "lock", f"gives up {_of(LOCKS, kind)} {self.names.variable(lock)}", ("lock", f"{lock:#010x}"),
                     ("lets in", count))

    def _locker(self, record: Record, thread: int) -> str:
        """The row of a lock operation: the thread's, or the processor's where a DPC or the idle loop does it."""
        actor = self._actor(record)
        if thread and not self.names.is_idle(thread) and not actor.startswith("p"):
            self._thread(thread)
            return _thread_key(thread)
        return actor

    def _ipi_send(self, record: Record) -> None:
        targets, kind, detail, _ = record.arguments
        for number in range(32):
            if targets >> number & 1:
                self.open_ends["ipi", number] = (self._actor(record), self.now)
        self._moment(self._actor(record), "ipi", f"interrupts processors {targets:#b}: {_of(IPIS, kind)}",
                     ("detail", self.names.value(detail)), ("IRQL", record.irql))

    def _ipi_receive(self, record: Record) -> None:
        kinds = ", ".join(name for number, name in enumerate(IPIS) if record.arguments[0] >> number & 1) or "nothing"
        row = _processor_key(record.processor)
        begun = self.open_ends.pop(("ipi", record.processor), None)
        if begun:
            self._arrow(begun[0], begun[1], row, "ipi", kinds)
        self._moment(row, "ipi", f"is interrupted: {kinds}")

    def _dpc_end(self, record: Record) -> None:
        self.processors.setdefault(record.processor, _Processor())
        self._close_dpc(record.processor)

    def _timer_set(self, record: Record) -> None:
        address, low, high, _ = record.arguments
        due = high << 32 | low
        self.open_ends["timer", address] = (self._actor(record), self.now)
        self._moment(self._actor(record), "timer", f"sets {self.names.object(address, 8)}",
                     ("due", f"{due / 10:,.1f} µs of system time"), ("timer", f"{address:#010x}"))

    def _timer_expire(self, record: Record) -> None:
        address, tick, *_ = record.arguments
        row = _processor_key(record.processor)
        self.processors.setdefault(record.processor, _Processor()).cause = self.names.object(address, 8)
        self._moment(row, "timer", f"{self.names.object(address, 8)} expires", ("tick", tick))
        begun = self.open_ends.pop(("timer", address), None)
        if begun:
            self._arrow(begun[0], begun[1], row, "timer", "expires")

    def _interrupt(self, record: Record) -> None:
        vector, irql, *_ = record.arguments
        self._moment(_processor_key(record.processor), "interrupt", f"interrupt {vector:#x}", ("IRQL", irql & 0xFF))

    def _mark(self, record: Record) -> None:
        self._moment(self._actor(record), "mark", "mark " + " ".join(map(self.names.value, record.arguments)))

    def _thread_create(self, record: Record) -> None:
        address, priority, routine, _ = record.arguments
        thread = self._thread(address)
        thread.priority, thread.number = priority, record.sequence
        self.names.learn_start(address, routine)
        self._moment(_thread_key(address), "create", f"created: {self.names.code(routine)}", ("priority", priority))
        self._arrow(self._actor(record), self.now, _thread_key(address), "create", "creates")

    def _thread_end(self, record: Record) -> None:
        self._thread(record.arguments[0])
        self._moment(_thread_key(record.arguments[0]), "create", "ends")

    def _bugcheck(self, record: Record) -> None:
        shown = tuple((f"parameter {number}", self.names.value(value))
                      for number, value in enumerate(record.arguments) if number)
        self._moment(self._actor(record), "bugcheck", f"bugcheck {record.arguments[0]:#x}", *shown)


HANDLERS: Mapping[str, Callable[[Builder, Record], None]] = {
    name: getattr(Builder, "_" + name)
    for name in ("context_switch", "thread_state", "ready", "priority", "quantum_end", "wait", "unwait", "signal",
                 "dpc_queue", "dpc_run", "dpc_end", "timer_set", "timer_expire", "interrupt", "mark", "thread_create",
                 "thread_end", "bugcheck", "wait_object", "apc_queue", "apc_run", "lock_wait", "lock_acquire",
                 "lock_release", "ipi_send", "ipi_receive")
}


def build(records: Sequence[Record], names: Names, title: str, remarks: Sequence[str] = ()) -> Timeline:
    """The timeline of some records."""
    return Builder(records, names).build(title, remarks)


def _thread_key(address: int) -> str:
    return f"t{address:08x}"


def _processor_key(number: int) -> str:
    return f"p{number}"


def _of(names: Sequence[str], number: int) -> str:
    return names[number] if number < len(names) else f"kind {number}"


def _signed(value: int) -> int:
    return value - (1 << 32) if value & 0x80000000 else value
