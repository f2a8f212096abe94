"""Who waits for what: a thread's ring of wait blocks, and the objects at their other ends.

In the books: "dispatcher objects", "waiting for dispatcher objects".  DSP-12, DSP-13.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List

from grader.views.memory import Structures

OBJECTS = ("NotificationEvent", "SynchronizationEvent", "Mutant", "Process", "Queue", "Semaphore", "Thread", "Gate",
           "NotificationTimer", "SynchronizationTimer")
REASONS = (
    "Executive", "FreePage", "PageIn", "PoolAllocation", "DelayExecution", "Suspended", "UserRequest",
    "WrExecutive", "WrFreePage", "WrPageIn", "WrPoolAllocation", "WrDelayExecution", "WrSuspended",
    "WrUserRequest", "WrEventPair", "WrQueue", "WrLpcReceive", "WrLpcReply", "WrVirtualMemory", "WrPageOut",
    "WrRendezvous", "WrKeyedEvent", "WrTerminated", "WrProcessInSwap", "WrCpuRateControl", "WrCalloutStack",
    "WrKernel", "WrResource", "WrPushLock", "WrMutex", "WrQuantumEnd", "WrDispatchInt", "WrPreempted",
    "WrYieldExecution", "WrFastMutex", "WrGuardedMutex", "WrRundown")
WAIT_ALL = 0
BLOCKS_MAX = 65  # 64 objects and the time-out's timer


@dataclass(frozen=True)
class Wait:
    """One wait block."""

    block: int
    thread: int
    object: int
    object_type: int
    signal_state: int
    key: int
    wait_all: bool
    queued: bool  # whether the object's own list has the block

    @property
    def object_name(self) -> str:
        return OBJECTS[self.object_type] if self.object_type < len(OBJECTS) else f"type {self.object_type}"


def waits_of(view: Structures, thread: int) -> List[Wait]:
    """The blocks of a thread's current wait, in the order of its ring."""
    found: List[Wait] = []
    first = block = view.get(thread, "KTHREAD.WaitBlockList")
    while block and len(found) < BLOCKS_MAX:
        target = view.get(block, "KWAIT_BLOCK.Object")
        head = target + view.layout.field("DISPATCHER_HEADER.WaitListHead")[0]
        found.append(Wait(block=block, thread=view.get(block, "KWAIT_BLOCK.Thread"), object=target,
                          object_type=view.get(target, "DISPATCHER_HEADER.Type"),
                          signal_state=view.get(target, "DISPATCHER_HEADER.SignalState", signed=True),
                          key=view.get(block, "KWAIT_BLOCK.WaitKey"),
                          wait_all=view.get(block, "KWAIT_BLOCK.WaitType") == WAIT_ALL,
                          queued=block in view.objects(head, "KWAIT_BLOCK.WaitListEntry", 1024)))
        block = view.get(block, "KWAIT_BLOCK.NextWaitBlock")
        if block == first:
            break
    return found


def reason_name(reason: int) -> str:
    return REASONS[reason] if reason < len(REASONS) else f"reason {reason}"
