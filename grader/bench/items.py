"""What is measured: routines of kernel/tests/guest/bench/, and the boot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Tuple


@dataclass(frozen=True)
class Item:
    """`routine(n)` does the operation n times, `each` operations an iteration, on a machine of `processors`, of which all
    instructions count: those of who spins for a lock, too. `prepare(n)` is called before, and does not count."""

    key: str
    title: str
    routine: str
    each: int = 1
    iterations: int = 1000
    processors: int = 1
    prepare: str = ""
    target: int = 0  # what we mean to stay below; 0: no figure was set
    files: Tuple[str, ...] = ()  # boot files
    peer: int = 0  # xv6-public, measured the same way; 0: it has none, or does not do it


def crowds(key: str, title: str, routine: str) -> "List[Item]":
    """The same with every processor after one lock."""
    return [Item(f"{key}-{count}", f"{title}, contended by {count} processors", routine, iterations=6000, processors=count)
            for count in (2, 4)]


PROGRAM = ("ntdll.dll", "measures.exe")
ITEMS: Tuple[Item, ...] = (
    Item("context-switch", "context switch (event ping-pong)", "BenchContextSwitch", each=2),
    Item("space-switch", "the same between two address spaces", "BenchSpaceSwitch", each=2),
    Item("set-event", "KeSetEvent, nobody waits", "BenchSetEvent"),
    Item("dpc", "DPC, from queueing to its return", "BenchDpc"),
    Item("timer", "timer, set and cancel", "BenchTimer"),
    Item("timer-10", "timer, set and cancel, 10 others pending", "BenchTimer10"),
    Item("timer-10000", "timer, set and cancel, 10,000 others pending", "BenchTimer10000"),
    Item("spin-lock", "spin lock", "BenchSpinLock"),
    *crowds("spin-lock", "spin lock", "BenchSpinLockCrowd"),
    Item("queued-lock", "queued spin lock", "BenchQueuedLock"),
    *crowds("queued-lock", "queued spin lock", "BenchQueuedLockCrowd"),
    Item("in-stack-lock", "in-stack queued spin lock", "BenchInStackLock"),
    *crowds("in-stack-lock", "in-stack queued spin lock", "BenchInStackLockCrowd"),
    Item("push-lock", "push lock, exclusive", "BenchPushLock"),
    *crowds("push-lock", "push lock, exclusive", "BenchPushLockCrowd"),
    Item("resource", "executive resource, exclusive", "BenchResource"),
    *crowds("resource", "executive resource, exclusive", "BenchResourceCrowd"),
    Item("resource-shared", "executive resource, shared", "BenchResourceShared"),
    Item("apc-special", "special kernel APC to the own thread", "BenchSpecialApc"),
    Item("apc", "normal kernel APC to the own thread", "BenchApc"),
    Item("dpc-far", "DPC to another processor, until it has run", "BenchRemoteDpc", processors=2),
    Item("wake-up-far", "wake-up of a thread on another processor", "BenchFarWakeUp", each=2, processors=2),
    Item("fresh-page", "page fault, a fresh page with a zeroed one at hand", "BenchFreshPage", iterations=500,
         prepare="PrepareFreshPages", target=450),
    Item("fresh-page-4", "the same on 4 processors in 4 processes", "BenchFreshPageCrowd", iterations=1200,
         prepare="PrepareFreshPagesCrowd", processors=4),
    Item("zeroed-page", "page fault, a fresh page that the fault zeroes", "BenchFreshPage", iterations=500,
         prepare="PrepareFreePages", target=1500, peer=3700),
    Item("soft-fault", "page fault, a page that is still in memory", "BenchSoftFault", iterations=500,
         prepare="PrepareTrimmedPages", target=500),
    Item("copy-on-write", "page fault, the first write to a shared page", "BenchCopyOnWrite", iterations=300,
         prepare="PrepareCopies", target=1200),
    Item("allocate", "64 KB of virtual memory, allocated and freed", "BenchAllocate", prepare="PrepareProcess", target=2500),
    Item("map-view", "view of 64 KB, mapped and unmapped", "BenchMapView", prepare="PrepareSection", target=3000),
    Item("service", "null system service from user mode, by sysenter", "BenchFastService", iterations=2000, prepare="PrepareServices",
         target=140, peer=1399),
    Item("service-gate", "null system service from user mode, by int 2Eh", "BenchGateService", iterations=2000, prepare="PrepareServices",
         target=220, peer=1399),
    Item("process-ping-pong", "round trip between two processes, by events", "BenchProcessPingPong", files=PROGRAM, target=2400, peer=27252),
    Item("process", "process of a 40 KB image and ntdll.dll, from its creation to its end", "BenchCreateProcess", iterations=20, files=PROGRAM,
         target=400_000, peer=4_160_000),
    Item("thread", "thread of a program, from its creation to its end", "BenchCreateThread", iterations=200, files=PROGRAM, target=12_000),
    Item("open-event", "named event, opened and closed by a program", "BenchOpenEvent", files=PROGRAM, target=2500),
    Item("duplicate", "handle of a program, duplicated and closed", "BenchDuplicate", files=PROGRAM, target=450),
    Item("raise", "exception that a program raises and handles", "BenchRaise", files=PROGRAM, target=3500),
    Item("program-fault", "fault that a program handles", "BenchFault", files=PROGRAM),
    Item("pool", "pool block of 64 bytes, allocated and freed", "BenchPoolBlock", target=60),
    Item("pool-large", "pool block of 1,000 bytes, allocated and freed", "BenchPoolLarge"),
    Item("pool-paged", "paged pool block of 64 bytes, allocated and freed", "BenchPoolPaged"),
    Item("queue", "hand-off of an entry through a KQUEUE", "BenchQueue", each=2),
)
BOOT = Item("boot", "boot, from reset to the prompt", "KdEnterMonitor", iterations=1)


def per_operation(item: Item, once: int, twice: int) -> float:
    """From the instructions of n and of 2n iterations: what calling and returning costs falls out."""
    return (twice - once) / (item.iterations * item.each)
