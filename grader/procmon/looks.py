"""Looks one after the other: of a guest test that runs to its end, or of a machine that runs meanwhile.

TOL-01.
"""

from __future__ import annotations

import struct
import time
from pathlib import Path
from typing import Callable, Iterator

from grader.errors import GraderError
from grader.guest import Guest
from grader.images.pe import PeImage
from grader.machine.memory import Ram
from grader.memmon.live import Running, Stopped
from grader.memmon.snapshot import UNREADABLE
from grader.procmon.moment import Looker, Moment

TICK, MOST, TRIES = "KeUpdateSystemTime", 400, 50  # clock ticks that are looked at; looks until one meets nothing half done
KERNEL = "ntoskrnl.exe"


def of_guest_test(guest: Guest, routine: int) -> Iterator[Moment]:
    """Runs a test of the guest's driver; a look at each clock tick, and at the end.  Raises what stops the guest."""
    looker, looked = Looker(), Stopped(guest)
    looker.look(looked)  # what was before the test is not told

    def now() -> Iterator[Moment]:
        try:
            yield looker.look(looked)
        except UNREADABLE:
            pass  # the guest is in the middle of a change; the next look has these records, too

    place, _ = guest.call_or_stop(routine, stops=[TICK])
    count = 0
    while place:
        yield from now()
        count += 1
        place, _ = guest.go_on([TICK] if count < MOST else [])
    yield from now()


def of_running(ram: Path, kernel: Path, seconds: float, ended: "Callable[[], bool]") -> Iterator[Moment]:
    """Looks at a running machine every so many seconds, until it has `ended`."""
    memory, image, looker = Ram(ram), PeImage.load(kernel / KERNEL), Looker()
    try:
        while not ended():
            yield _whole(memory, image, looker)
            time.sleep(seconds)
    finally:
        memory.close()


def _whole(memory: Ram, image: PeImage, looker: Looker) -> Moment:
    """A look in which nothing is half changed: the kernel runs while it is read."""
    last: Exception = GraderError("it changes too fast")
    for _ in range(TRIES):
        try:
            return looker.look(Running(memory, image))
        except (*UNREADABLE, struct.error, ValueError, IndexError) as error:
            last = error
    raise GraderError(f"the kernel's structures cannot be read now ({last}); ask again")
