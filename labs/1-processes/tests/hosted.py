"""What a test makes for the scheduler's routines: threads, a process, empty queues, blocks of processors, a time.

Some solutions behave well only where they believe to be tested: on a block that no processor uses, or soon after the boot.  So
the block may be one that no processor uses, this processor's own, or that of a processor which the kernel believes to have; and the tick count
is any number.
"""

from __future__ import annotations

from typing import Iterator, Tuple

PRIORITIES = 32
MAXIMUM_PROCESSORS = 32
NOBODYS, OWN, ANOTHERS = "no processor's", "this processor's", "another processor's"
SOON, LATE, LATER = 300, 3000, 1 << 20  # ticks since the boot


def empty_queues(guest, prcb: int) -> int:
    """No thread is ready, standby or about to be, whatever the kernel's own threads did before; returns where the list heads are."""
    heads = prcb + guest.field("KPRCB.DispatcherReadyListHead")[0]
    guest.write(heads, b"".join((heads + 8 * priority).to_bytes(4, "little") * 2 for priority in range(PRIORITIES)))
    for name in ("ReadySummary", "NextThread", "DeferredReadyListHead"):
        guest.set(prcb, f"KPRCB.{name}", 0)
    return heads


def make_process(guest) -> int:
    """A process of zeros."""
    return guest.alloc(guest.size("KPROCESS"))


def make_thread(guest, address: int, process: int, priority: int, state: int, **fields: int) -> None:
    """A thread at `address`, on no queue: 6 units of 6, its base priority the current one, if `fields` do not say otherwise."""
    guest.write(address, bytes(guest.size("KTHREAD")))
    values = {"Priority": priority, "BasePriority": priority, "State": state, "Quantum": 6, "QuantumReset": 6, "Affinity": 1,
              "Process": process, **fields}
    for name, value in values.items():
        guest.set(address, f"KTHREAD.{name}", value)
    guest.set(address + guest.field("KTHREAD.ApcState")[0], "KAPC_STATE.Process", process)


def make_block(guest, rng, whose: str) -> int:
    """A processor's block with empty queues."""
    if whose == OWN:
        prcb = guest.prcb()
    else:
        prcb = guest.alloc(guest.size("KPRCB"))
    if whose == ANOTHERS:
        number = rng.randrange(1, MAXIMUM_PROCESSORS)
        guest.set(prcb, "KPRCB.Number", number)
        guest.set(prcb, "KPRCB.SetMember", 1 << number)
        guest.u32(guest.sym("KiProcessorBlock") + 4 * number, prcb)
    empty_queues(guest, prcb)
    return prcb


def times(rng) -> Iterator[int]:
    """Tick counts: soon after the boot, later, and much later, in any order, for ever."""
    while True:
        yield from rng.sample((rng.randrange(SOON), rng.randrange(LATE, LATER), rng.randrange(LATER, 1 << 32)), 3)


def settings(rng) -> Iterator[Tuple[str, int]]:
    """Whose block, and which tick count: any three in a row have each of both."""
    while True:
        yield from zip(rng.sample((NOBODYS, OWN, ANOTHERS), 3), times(rng))


def set_time(guest, ticks: int) -> None:
    guest.u32(guest.sym("KeTickCount"), ticks)
