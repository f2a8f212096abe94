"""Takes a timeline out of a stopped guest: its event ring, and what its threads and variables are called.

TOL-03.
"""

from __future__ import annotations

from typing import Dict, List

from grader.guest import Guest
from grader.timeline.events import build
from grader.timeline.model import Timeline
from grader.timeline.names import Names
from grader.views.memory import BrokenList
from grader.views.ring import PROCESSORS_MAX, Record, read_all


def sequence(guest: Guest) -> int:
    """The number of the newest event: what comes later belongs to the run that begins now."""
    return max((record.sequence for record in records(guest)), default=0)


def records(guest: Guest) -> List[Record]:
    """The events of every processor, oldest first."""
    return read_all(guest.space, guest.sym("EtwRing"))


def names(guest: Guest) -> Names:
    """Names for everything that the guest's kernel knows now."""
    threads: Dict[int, str] = {}
    try:
        threads = {thread.address: thread.name for thread in guest.threads() if thread.name}
    except BrokenList:
        pass  # a student's lists: the threads get numbers
    idle = []
    for number in range(PROCESSORS_MAX):
        prcb = guest.u32(guest.sym("KiProcessorBlock") + 4 * number)
        if prcb and guest.readable(prcb, 4):
            idle.append(guest.get(prcb, "KPRCB.IdleThread"))
    return Names(guest.symbols, threads, idle)


def take(guest: Guest, after: int, title: str, before: "Names | None" = None) -> Timeline:
    """The events after a sequence number.  `before` has the names of threads that may be gone by now."""
    found = [record for record in records(guest) if record.sequence > after]
    known = names(guest)
    if before:
        known.also(before)
    remarks = []
    if found and after and found[0].sequence > after + 1:
        remarks.append(f"The ring forgot the first {found[0].sequence - after - 1:,} events of this run.")
    return build(found, known, title, remarks)
