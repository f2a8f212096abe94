"""What is measured: routines of kernel/tests/guest/bench.cpp, and the boot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple


@dataclass(frozen=True)
class Item:
    """`routine(n)` does the operation n times, `each` operations an iteration."""

    key: str
    title: str
    routine: str
    each: int = 1
    iterations: int = 1000


ITEMS: Tuple[Item, ...] = (
    Item("context-switch", "context switch (event ping-pong)", "BenchContextSwitch", each=2),
    Item("set-event", "KeSetEvent, nobody waits", "BenchSetEvent"),
    Item("dpc", "DPC, from queueing to its return", "BenchDpc"),
    Item("timer", "timer, set and cancel", "BenchTimer"),
    Item("spin-lock", "spin lock, acquire and release", "BenchSpinLock"),
)
BOOT = Item("boot", "boot, from reset to the prompt", "KdEnterMonitor", iterations=1)


def per_operation(item: Item, once: int, twice: int) -> float:
    """From the instructions of n and of 2n iterations: what calling and returning costs falls out."""
    return (twice - once) / (item.iterations * item.each)
