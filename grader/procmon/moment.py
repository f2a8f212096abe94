"""One look at who runs: processors, threads, and the context switches since the last look.

Invariant: all of it comes from the views (grader/views) and the event ring; nothing is guessed between two records.
TOL-01.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Tuple

from grader.memmon.snapshot import Looked
from grader.views.memory import Structures
from grader.views.ring import PROCESSORS_MAX, RING_BYTES, Event, Record, read_ring
from grader.views.threads import Threads

MOST_PROCESSES = 1024
UNKNOWN = "?"


@dataclass(frozen=True)
class Row:
    """A thread of a process, as it was at a moment."""

    address: int
    process: str
    process_id: int
    thread_id: int
    name: str
    state: str
    priority: int
    base_priority: int
    ticks: int  # of the clock, in kernel and user mode
    switches: int

    @property
    def words(self) -> str:
        """What it is called: `System.Reaper (4.12)`."""
        return f"{self.process}.{self.name or 'thread'} ({self.process_id}.{self.thread_id})"


@dataclass(frozen=True)
class Processor:
    """A processor as it was at a moment."""

    number: int
    current: int  # KTHREAD
    next: int  # the thread that has been chosen for it, or 0
    idle: int
    ready: int  # threads in its ready queues
    ticks: Tuple[int, int, int, int]  # of the clock: kernel, user, DPCs, interrupts
    switches: int
    mhz: int
    now: int  # time of its newest record of any kind


@dataclass(frozen=True)
class Switch:
    """A context switch."""

    sequence: int  # of all processors' records
    time: int
    processor: int
    old: int
    new: int
    old_state: int
    old_priority: int
    new_priority: int
    wait_reason: int


@dataclass(frozen=True)
class Moment:
    """One look."""

    processors: Tuple[Processor, ...]
    threads: Tuple[Row, ...]
    switches: Tuple[Switch, ...]  # since the last look, in the order of their records
    lost: Tuple[int, ...]  # records of each processor that were written over before this look
    names: "Dict[int, str]" = field(default_factory=dict)  # of all threads that were ever seen

    def name(self, thread: int) -> str:
        """What a thread is called, or was."""
        return self.names.get(thread, f"{UNKNOWN} {thread:08x}")


class Looker:
    """Remembers what the last look had, so that each record is told once."""

    def __init__(self) -> None:
        self._seen: "Dict[int, int]" = {}  # records that a processor had written
        self._names: "Dict[int, str]" = {}

    def look(self, looked: Looked) -> Moment:
        """This moment.  Raises one of UNREADABLE where a running kernel changed what is being read; then nothing is remembered."""
        view, address = looked.view, looked.symbols.address
        count = min(view.u32(address("KeNumberProcessors")), PROCESSORS_MAX)
        blocks = [view.u32(address("KiProcessorBlock") + 4 * number) for number in range(count)]
        threads = _threads(view, address("PsActiveProcessHead"), blocks)
        written, records, lost = self._records(looked, count)
        names = {**self._names, **{row.address: row.words for row in threads}}
        moment = Moment(tuple(_processor(view, number, block, records[number]) for number, block in enumerate(blocks)), tuple(threads),
                        tuple(sorted((_switch(one) for part in records for one in part if one.event == Event.CONTEXT_SWITCH),
                                     key=lambda one: one.sequence)), tuple(lost), names)
        self._seen, self._names = written, names
        return moment

    def _records(self, looked: Looked, count: int) -> "Tuple[Dict[int, int], List[List[Record]], List[int]]":
        """(records that each processor has written, those that are new, how many of the new ones are lost)."""
        written, fresh, lost = {}, [], []
        for number in range(count):
            ring = looked.symbols.address("EtwRing") + number * RING_BYTES
            total, size = looked.view.u32(ring), looked.view.u32(ring + 4)
            new = (total - self._seen.get(number, total)) & 0xFFFFFFFF if self._seen else min(total, size)
            found = read_ring(looked.view.memory, ring)
            fresh.append(found[-new:] if new else [])
            lost.append(max(0, new - size))
            written[number] = total
        return written, fresh, lost


def _processor(view: Structures, number: int, prcb: int, records: "List[Record]") -> Processor:
    def get(name: str) -> int:
        return view.get(prcb, f"KPRCB.{name}")

    ready = Threads(view, 0, prcb).ready()
    return Processor(number, get("CurrentThread"), get("NextThread"), get("IdleThread"), sum(map(len, ready.values())),
                     (get("KernelTime"), get("UserTime"), get("DpcTime"), get("InterruptTime")), get("ContextSwitches"), get("MHz"),
                     max((one.time for one in records), default=0))


def _threads(view: Structures, processes: int, blocks: "List[int]") -> "List[Row]":
    names = {process: (view.text(process, "EPROCESS.ImageFileName"), view.get(process, "EPROCESS.UniqueProcessId"))
             for process in view.objects(processes, "EPROCESS.ActiveProcessLinks", MOST_PROCESSES)}
    rows = []
    for one in Threads(view, processes, blocks[0], blocks[1:]).all():
        process, identifier = names.get(one.process, ("Idle", 0))
        rows.append(Row(one.address, process, identifier, one.identifier, one.name, one.state_name, one.priority, one.base_priority,
                        view.get(one.address, "KTHREAD.KernelTime") + view.get(one.address, "KTHREAD.UserTime"),
                        view.get(one.address, "KTHREAD.ContextSwitches")))
    return rows


def _switch(record: Record) -> Switch:
    old, new, words, reason = record.arguments
    return Switch(record.sequence, record.time, record.processor, old, new, words & 0xFF, words >> 8 & 0xFF, words >> 16 & 0xFF, reason)
