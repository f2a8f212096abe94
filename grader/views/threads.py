"""Processes and threads by the kernel's own lists, and the thread that really runs, by its stack.

In the books: "process and thread internals".  SYS-01, SYS-02, SCH-04.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Sequence

from grader.views.memory import BrokenList, Structures

STATES = ("Initialized", "Ready", "Running", "Standby", "Terminated", "Waiting", "Transition", "DeferredReady",
          "GateWait")
READY, RUNNING, STANDBY = 1, 2, 3
PRIORITIES = 32


@dataclass(frozen=True)
class Thread:
    """One thread as the kernel describes it."""

    address: int
    process: int
    identifier: int
    name: str
    state: int
    priority: int
    base_priority: int
    quantum: int
    stack_low: int
    stack_high: int
    kernel_stack: int
    wait_reason: int

    @property
    def state_name(self) -> str:
        return STATES[self.state] if self.state < len(STATES) else f"state {self.state}"


class Threads:
    """The threads of a guest.  `prcb` is the processor's that is looked at, `others` are the further ones: their idle
    threads are on no process's list in some kernels."""

    def __init__(self, view: Structures, processes: int, prcb: int, others: Sequence[int] = ()) -> None:
        self.view, self.processes, self.prcb, self.others = view, processes, prcb, tuple(others)

    def all(self) -> List[Thread]:
        view = self.view
        found: List[int] = []
        for process in view.objects(self.processes, "EPROCESS.ActiveProcessLinks", 1024):
            head = process + view.layout.field("KPROCESS.ThreadListHead")[0]
            found += view.objects(head, "KTHREAD.ThreadListEntry")
        for prcb in (self.prcb, *self.others):
            for field in ("KPRCB.CurrentThread", "KPRCB.NextThread", "KPRCB.IdleThread"):
                thread = view.get(prcb, field)
                if thread and thread not in found:
                    found.append(thread)
        return [self.one(address) for address in found]

    def one(self, address: int) -> Thread:
        view = self.view
        has = view.layout.fields
        return Thread(
            address=address,
            process=view.get(address, "KTHREAD.Process"),
            identifier=view.get(address, "ETHREAD.UniqueThreadId") if "ETHREAD.UniqueThreadId" in has else 0,
            name=view.text(address, "ETHREAD.ThreadName") if "ETHREAD.ThreadName" in has else "",
            state=view.get(address, "KTHREAD.State"),
            priority=view.get(address, "KTHREAD.Priority", signed=True),
            base_priority=view.get(address, "KTHREAD.BasePriority", signed=True),
            quantum=view.get(address, "KTHREAD.Quantum", signed=True),
            stack_low=view.get(address, "KTHREAD.StackLimit"),
            stack_high=view.get(address, "KTHREAD.InitialStack"),
            kernel_stack=view.get(address, "KTHREAD.KernelStack"),
            wait_reason=view.get(address, "KTHREAD.WaitReason"),
        )

    def by_stack(self, esp: int) -> int:
        """The thread on whose kernel stack an address lies; 0 when on none (a DPC's or an interrupt's stack)."""
        return next((thread.address for thread in self.all() if thread.stack_low <= esp < thread.stack_high), 0)

    def ready(self) -> "dict[int, List[int]]":
        """Ready queues by priority; a queue whose links are broken raises BrokenList."""
        view = self.view
        head = self.prcb + view.layout.field("KPRCB.DispatcherReadyListHead")[0]
        queues = {
            priority: view.objects(head + 8 * priority, "KTHREAD.WaitListEntry")
            for priority in range(PRIORITIES)
        }
        return {priority: queue for priority, queue in queues.items() if queue}


__all__ = ["BrokenList", "Thread", "Threads", "STATES"]
