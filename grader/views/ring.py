"""The event ring of a processor: fixed-size records, oldest first.

In the books: "event tracing".  kernel/inc/etw.h has the layout; its numbers are repeated here because the host must not
take them from the guest.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import List, Tuple

from grader.views.memory import Memory

RECORD = struct.Struct("<QIBBBB4I")
RECORDS = (1024, 16384)  # of a ring, at least and at most: it has a power of two of them
RING_BYTES = 12  # ETW_RING: Next, Size, Records
PROCESSORS_MAX = 32


class Event(enum.IntEnum):
    """ETW_EVENT."""

    NONE = 0
    CONTEXT_SWITCH = 1
    THREAD_STATE = 2
    READY = 3
    PRIORITY = 4
    QUANTUM_END = 5
    WAIT = 6
    UNWAIT = 7
    SIGNAL = 8
    DPC_QUEUE = 9
    DPC_RUN = 10
    TIMER_SET = 11
    TIMER_EXPIRE = 12
    INTERRUPT = 13
    MARK = 14
    THREAD_CREATE = 15
    THREAD_END = 16
    BUGCHECK = 17
    APC_QUEUE = 18
    APC_RUN = 19
    DPC_END = 20
    WAIT_OBJECT = 21
    LOCK_WAIT = 22
    LOCK_ACQUIRE = 23
    LOCK_RELEASE = 24
    IPI_SEND = 25
    IPI_RECEIVE = 26
    PFN_TRANSITION = 27
    PAGE_FAULT = 28
    WORKING_SET_TRIM = 29
    PAGE_WRITE = 30
    PAGE_WRITE_END = 31
    PAGE_READ = 32
    PAGE_READ_END = 33
    MAPPED_PAGE_WRITE = 34


class Lock(enum.IntEnum):
    """ETW_LOCK: the second argument of the LOCK_xxx events."""

    FAST_MUTEX = 4
    GUARDED_MUTEX = 5
    RESOURCE_SHARED = 6
    RESOURCE_EXCLUSIVE = 7
    PUSH_SHARED = 8
    PUSH_EXCLUSIVE = 9
    RUNDOWN = 10


class Ipi(enum.IntEnum):
    """ETW_IPI: what an inter-processor interrupt asks for."""

    DISPATCH = 0
    APC = 1
    CALL = 2
    TLB_FLUSH = 3
    FREEZE = 4
    CLOCK = 5


@dataclass(frozen=True)
class Record:
    """One event."""

    time: int
    sequence: int
    event: int
    processor: int
    irql: int
    arguments: Tuple[int, int, int, int]

    @property
    def name(self) -> str:
        try:
            return Event(self.event).name.lower()
        except ValueError:
            return f"event {self.event}"


def read_ring(memory: Memory, ring: int) -> List[Record]:
    """The complete records of the ring whose ETW_RING is at `ring`."""
    count, size, records = struct.unpack("<III", memory.read(ring, RING_BYTES))
    if not RECORDS[0] <= size <= RECORDS[1] or size & (size - 1) or not records:
        return []
    found: List[Record] = []
    for number in range(max(0, count - size), count):
        raw = RECORD.unpack(memory.read(records + RECORD.size * (number % size), RECORD.size))
        if raw[1]:
            found.append(Record(raw[0], raw[1], raw[2], raw[3], raw[4], tuple(raw[6:10])))
    return found


def read_all(memory: Memory, rings: int, processors: int = PROCESSORS_MAX) -> List[Record]:
    """The records of every processor, in the order of their global sequence."""
    found: List[Record] = []
    for number in range(processors):
        found += read_ring(memory, rings + number * RING_BYTES)
    return sorted(found, key=lambda record: record.sequence)
