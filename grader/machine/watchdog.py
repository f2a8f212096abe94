"""A deadline in virtual time that the guest cannot see coming: QEMU's i6300ESB watchdog, programmed by the host.

Why: stopping a hung guest from the host's clock stops it somewhere else each time.  A virtual-time timer stops it after
exactly the same instruction, so that a hang has one place and one backtrace.  The expiry is an NMI; the host has a
breakpoint at the guest's NMI entry and finds the interrupted place in the frame.  A guest that disarms the device only
loses the precise place: the instruction count still decides the verdict.

The device: PCI 8086:25AB.  Configuration 0x60 bit 2 selects 1 us units, 0x68 bit 1 enables; registers at BAR0: preload 1,
preload 2, and 0x0C, which takes the unlock bytes 0x80, 0x86 before every other write and bit 8 to reload.
In the books: Intel 6300ESB I/O Controller Hub datasheet, "Watchdog timer".
"""

from __future__ import annotations

from grader.errors import InfraError
from grader.machine.gdbstub import Gdbstub
from grader.machine.qmp import Qmp

SLOT = 0x1F  # -device i6300esb,addr=0x1f
BAR = 0xFEB80000  # above RAM and apart from what firmware hands out
COMMAND, BAR0, CONFIG, LOCK = 0x04, 0x10, 0x60, 0x68
MEMORY_SPACE, UNIT_1US, ENABLE, RELOAD = 0x2, 0x4, 0x2, 0x100
TICKS_MAX = (1 << 20) - 1
PCI_CLOCK = 33_000_000
NANOSECONDS = 1_000_000_000


class Watchdog:
    """Arms and disarms the deadline.  The guest is stopped meanwhile."""

    def __init__(self, qmp: Qmp, gdb: Gdbstub) -> None:
        self._qmp, self._gdb = qmp, gdb

    def set_up(self) -> None:
        """Once, before the guest's first snapshot: map the registers and choose the unit."""
        self._configure("w", BAR0, BAR)
        self._configure("h", COMMAND, MEMORY_SPACE)

    def arm(self, nanoseconds: int) -> None:
        """Fire once, that much virtual time from now (two stages of the device, at most two thousand seconds)."""
        ticks, fine = nanoseconds * PCI_CLOCK // NANOSECONDS >> 5, True
        if ticks > TICKS_MAX:
            ticks, fine = min(ticks >> 10, TICKS_MAX), False
        self._configure("b", LOCK, 0)
        self._configure("h", CONFIG, UNIT_1US if fine else 0)
        self._gdb.ask(b"Qqemu.PhyMemMode:1")
        try:
            self._register(0x0, 1)  # the first stage only warns: as short as it gets
            self._register(0x4, max(1, ticks))
            self._register(0xC, RELOAD)
        finally:
            self._gdb.ask(b"Qqemu.PhyMemMode:0")
        self._configure("b", LOCK, ENABLE)

    def disarm(self) -> None:
        self._configure("b", LOCK, 0)

    def _register(self, offset: int, value: int) -> None:
        for unlock in (0x80, 0x86):
            self._gdb.write(BAR + 0xC, unlock.to_bytes(2, "little"))
        self._gdb.write(BAR + offset, value.to_bytes(2 if offset == 0xC else 4, "little"))

    def _configure(self, size: str, register: int, value: int) -> None:
        address = 0x80000000 | SLOT << 11 | register & 0xFC
        for line in (f"o /w 0xcf8 {address:#x}", f"o /{size} {0xCFC + (register & 3):#x} {value:#x}"):
            complaint = self._qmp.monitor(line)
            if complaint:
                raise InfraError(f"QEMU's monitor refused `{line}`: {complaint.strip()}")
