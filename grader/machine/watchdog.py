"""Timers in virtual time that the guest cannot see coming: two i6300ESB watchdogs of QEMU's, programmed by the host.

The deadline.  Stopping a hung guest from the host's clock stops it somewhere else each time.  A virtual-time timer
stops it after exactly the same instruction, so that a hang has one place and one backtrace.  The expiry is an NMI; the
host has a breakpoint at the guest's NMI entry and finds the interrupted place in the frame.  A guest that disarms the
device only loses the precise place: the instruction count still decides the verdict.

The pacer.  With `-icount sleep=off` QEMU takes a processor that stopped at a breakpoint for an idle one and moves
virtual time forward to the next timer, once a stop.  Without more, every stop would cost the guest a whole clock tick. 
The pacer is a timer that does nothing, so often that what a stop costs is small (and the same in every run).

The device: PCI 8086:25AB.  Configuration 0x60: bit 2 units of 1 us, bit 5 no action at the end, bits 0-1 set: no
interrupt; 0x68: bit 1 enables, bit 2 runs for ever.  Registers at BAR0: preload 1, preload 2, and 0x0C, which takes the
unlock bytes 0x80, 0x86 before every other write and bit 8 to reload.
In the books: Intel 6300ESB I/O Controller Hub datasheet, "Watchdog timer".
"""

from __future__ import annotations

from typing import Callable, List, Optional, Tuple

from grader.errors import InfraError
from grader.machine.gdbstub import Gdbstub
from grader.machine.qmp import Qmp

SLOTS = (0x1F, 0x1E)  # deadline, pacer
DEVICES = tuple(part for slot in SLOTS for part in ("-device", f"i6300esb,addr={slot:#x}"))
BARS = (0xFEB80000, 0xFEB81000)  # above RAM and apart from what firmware hands out
COMMAND, BAR0, CONFIG, LOCK = 0x04, 0x10, 0x60, 0x68
MEMORY_SPACE, UNIT_1US, NO_ACTION, NO_INTERRUPT, ENABLE, FREE_RUN, RELOAD = 0x2, 0x4, 0x20, 0x3, 0x2, 0x4, 0x100
TICKS_MAX = (1 << 20) - 1
PCI_CLOCK = 33_000_000
NANOSECONDS = 1_000_000_000
PACE = 200_000  # nanoseconds: a fiftieth of a clock tick
SLOW_PACE = 2_000_000  # where no clock ticks: each turn of the pacer costs as much as some hundred instructions of the guest


class Watchdog:
    """Arms and disarms the deadline; keeps the pacer running.  The guest is stopped meanwhile."""

    def __init__(self, qmp: Qmp, gdb: Gdbstub) -> None:
        self._qmp, self._gdb = qmp, gdb
        self._due: Optional[Callable[[], int]] = None  # a deadline that is set when the guest goes on: most are replaced before
        gdb.before_running = self.set_deadline

    def set_up(self, pace: int = PACE) -> None:
        """Once, before the first snapshot: map the registers and start the pacer."""
        for number in range(len(SLOTS)):
            self._configure(number, ("w", BAR0, BARS[number]), ("h", COMMAND, MEMORY_SPACE))
        half = ticks_of(pace) // 2
        self._configure(1, ("h", CONFIG, UNIT_1US | NO_ACTION | NO_INTERRUPT))
        self._program(1, half, half)
        self._configure(1, ("b", LOCK, ENABLE | FREE_RUN))

    def arm(self, nanoseconds: Callable[[], int]) -> None:
        """Fire once, that much virtual time (at most half an hour; 0: never mind) from the moment at which the guest goes on."""
        self._due = nanoseconds

    def forget(self) -> None:
        """The machine becomes another one: what was to be set was for this one."""
        self._due = None

    def set_deadline(self) -> None:
        """Set what `arm` asked for."""
        due, self._due = self._due, None
        nanoseconds = due() if due else 0
        if not nanoseconds:
            return
        ticks, unit = ticks_of(nanoseconds), UNIT_1US
        if ticks > TICKS_MAX:
            ticks, unit = min(ticks >> 10, TICKS_MAX), 0
        self._configure(0, ("b", LOCK, 0), ("h", CONFIG, unit))
        self._program(0, 1, max(1, ticks))  # the first stage only warns: as short as it gets
        self._configure(0, ("b", LOCK, ENABLE))

    def disarm(self) -> None:
        self.forget()
        self._configure(0, ("b", LOCK, 0))

    def _program(self, number: int, first: int, second: int) -> None:
        base = BARS[number]
        unlock = [(base + 0xC, byte.to_bytes(2, "little")) for byte in (0x80, 0x86)]
        self._gdb.write_physical(*unlock, (base, first.to_bytes(4, "little")), *unlock, (base + 0x4, second.to_bytes(4, "little")),
                                 *unlock, (base + 0xC, RELOAD.to_bytes(2, "little")))

    def _configure(self, number: int, *registers: Tuple[str, int, int]) -> None:
        """Write the device's configuration registers: size, register, value."""
        lines: List[str] = []
        for size, register, value in registers:
            address = 0x80000000 | SLOTS[number] << 11 | register & 0xFC
            lines += [f"o /w 0xcf8 {address:#x}", f"o /{size} {0xCFC + (register & 3):#x} {value:#x}"]
        complaint = self._qmp.monitor(*lines)
        if complaint:
            raise InfraError(f"QEMU's monitor refused `{'`, `'.join(lines)}`: {complaint.strip()}")


def ticks_of(nanoseconds: int) -> int:
    """The device's finer unit: 32 clocks of 33 MHz."""
    return nanoseconds * PCI_CLOCK // NANOSECONDS >> 5
