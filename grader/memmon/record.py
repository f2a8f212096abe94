"""Snapshots one after the other: of a guest test that runs to its end, or of a machine that runs meanwhile.

A driver that calls MemMonMoment names its own moments; of any other one each clock tick is a moment, which the guest is not told.
TOL-02.
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
from grader.machine.qemu import NANOSECONDS_PER_INSTRUCTION
from grader.memmon.live import Running, Stopped
from grader.memmon.snapshot import UNREADABLE, Snapshot, take

MOMENT, TICK = "MemMonMoment", "KeUpdateSystemTime"
ZERO = "MiZeroFreePages"  # what the zero page thread does; a kernel under test has no such thread
MOST, TRIES = 400, 50  # snapshots of a recording; looks at a running kernel until one meets nothing half done
KERNEL = "ntoskrnl.exe"


def of_guest_test(guest: Guest, routine: int) -> Iterator[Snapshot]:
    """Runs a test of the guest's driver; gives each moment, and the end.  Raises what stops the guest."""
    stops = [MOMENT if guest.symbols.find(MOMENT) else TICK]
    if MOMENT in stops:
        guest.call(ZERO)
    looked, begin, label = Stopped(guest), guest.icount(), ""

    def now(what: str) -> Iterator[Snapshot]:
        try:
            yield take(looked, what, (guest.icount() - begin) * NANOSECONDS_PER_INSTRUCTION / 1e6)
        except UNREADABLE:
            pass  # the guest is in the middle of a change

    place, registers = guest.call_or_stop(routine, stops=stops)
    count = 0
    while place:
        if place == MOMENT:
            label = guest.text(guest.u32(registers["esp"] + 4))
        yield from now(label)
        count += 1
        place, registers = guest.go_on(stops if count < MOST else [])
    yield from now("the end")


def of_running(ram: Path, kernel: Path, seconds: float, ended: "Callable[[], bool]") -> Iterator[Snapshot]:
    """Looks at a running machine every so many seconds, until it has `ended`."""
    memory, image, begin = Ram(ram), PeImage.load(kernel / KERNEL), time.monotonic()
    try:
        while not ended():
            yield _whole(memory, image, (time.monotonic() - begin) * 1000)
            time.sleep(seconds)
    finally:
        memory.close()


def _whole(memory: Ram, image: PeImage, milliseconds: float) -> Snapshot:
    """A snapshot in which nothing is half changed: the kernel runs while it is read."""
    last: Exception = GraderError("it changes too fast")
    found = None
    for _ in range(TRIES):
        try:
            found = take(Running(memory, image), "", milliseconds)
        except (*UNREADABLE, struct.error, ValueError, IndexError) as error:
            last = error
            continue
        if not found.locked and not found.wrong:
            return found
    if found is None:
        raise GraderError(f"the kernel's structures cannot be read now ({last}); ask again")
    return found
