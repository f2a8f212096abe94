"""The place at which an NMI interrupted the guest, and the way back there.

The watchdog's NMI enters the guest either through an interrupt gate (a frame on the stack) or through a task gate (the
old task's TSS).  The host has a breakpoint at the handler's first instruction, which therefore never runs: the host
reads the interrupted registers, and can send the processor back with an IRET of its own, so that the guest goes on as
if nothing had been.
In the books: "trap dispatching"; Intel SDM 3A, "Task management", "Nonmaskable interrupt".
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Dict

from grader.machine.gdbstub import Gdbstub
from grader.machine.memory import AddressSpace, BadAddress
from grader.machine.qmp import Qmp

NMI = 2
TASK_GATE = 0x5
TSS_LINK, TSS_CR3 = 0, 0x1C
TSS_REGISTERS = ("eip", "eflags", "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
TSS_FIRST, TSS_SIZE = 0x20, 104
CR0_TS = 0x8


@dataclass(frozen=True)
class NmiEntry:
    """The handler's first instruction; `task` is the linear address of its TSS (0: an interrupt gate)."""

    address: int = 0
    task: int = 0
    gdt: int = 0

    def __bool__(self) -> bool:
        return self.address != 0


def find_nmi_entry(qmp: Qmp, space: AddressSpace) -> NmiEntry:
    """Read the IDT that the processor uses now.  Empty when it has no usable NMI gate."""
    text = qmp.monitor("info registers")
    idt, gdt = (int(match[1], 16) if match else 0
                for match in (re.search(name + r"=\s+([0-9a-f]{8})", text) for name in ("IDT", "GDT")))
    try:
        low, high = struct.unpack("<II", space.read(idt + 8 * NMI, 8))
        if not high & 0x8000:
            return NmiEntry()
        if (high >> 8) & 0xF == TASK_GATE:
            task = _base(space, gdt, low >> 16)
            return NmiEntry(struct.unpack("<I", space.read(task + TSS_FIRST, 4))[0], task, gdt)
        return NmiEntry((high & 0xFFFF0000) | (low & 0xFFFF))
    except BadAddress:
        return NmiEntry()


def interrupted_registers(entry: NmiEntry, now: Dict[str, int], space: AddressSpace) -> Dict[str, int]:
    """The registers of the interrupted moment."""
    registers = dict(now)
    try:
        if entry.task:
            values = struct.unpack("<10I", space.read(_interrupted_task(entry, space) + TSS_FIRST, 40))
            registers.update(zip(TSS_REGISTERS, values))
        else:
            registers["eip"], _, registers["eflags"] = struct.unpack("<III", space.read(now["esp"], 12))
            registers["esp"] = now["esp"] + 12
    except BadAddress:
        pass
    return registers


def go_back(entry: NmiEntry, gdb: Gdbstub, space: AddressSpace, iret: int, cr3: int = 0) -> None:
    """Undo the NMI: run the IRET at `iret` (any courseware byte 0xCF) and leave no other trace.

    A task switch saves everything of the interrupted task but CR3; `cr3` says what it was (0: the handler's own).
    """
    if not entry.task:
        gdb.set_registers(eip=iret)
        gdb.step()
        return
    handler = space.read(entry.task, TSS_SIZE)
    back = _interrupted_task(entry, space)
    kept = space.read(back + TSS_CR3, 4)
    space.write(back + TSS_CR3, struct.pack("<I", cr3 or gdb.registers()["cr3"]))
    gdb.set_registers(eip=iret)
    gdb.step()
    space.write(back + TSS_CR3, kept)
    # The processor stored the handler's task as it left it, one instruction on. The next NMI must start afresh.
    space.write(entry.task + TSS_FIRST, handler[TSS_FIRST:TSS_FIRST + 4 * len(TSS_REGISTERS)])
    gdb.set_registers(cr0=gdb.registers()["cr0"] & ~CR0_TS)


def _interrupted_task(entry: NmiEntry, space: AddressSpace) -> int:
    link = struct.unpack("<H", space.read(entry.task + TSS_LINK, 2))[0]
    return _base(space, entry.gdt, link)


def _base(space: AddressSpace, gdt: int, selector: int) -> int:
    low, high = struct.unpack("<II", space.read(gdt + (selector & 0xFFF8), 8))
    base = (low >> 16) | (high & 0xFF) << 16 | (high & 0xFF000000)
    if not base:
        raise BadAddress(0)
    return base
