"""Looks that the guest is not told of: is everything that the host trusts still as it must be?

A student's kernel runs at ring 0.  It may change the courseware's code, the page tables, the interrupt table or the
processor's own set-up for a moment and put everything back.  So the host looks at stops that nobody can foretell, and at
the end of a test.  Every look compares
  * the processors' registers, as QEMU tells them (machine/processors.py);
  * the interrupt dispatch table, with what the image says it must hold;
  * the courseware's code and constants, by the host's own walk of the page tables (integrity.py);
  * some of that code by QEMU's walk, which is written by others and knows all that a processor can be set to.
A look ends with empty TLBs: what runs from a stale translation runs no longer.
In the books: "trap dispatching", "translation look-aside buffer".
"""

from __future__ import annotations

import random
import struct
from typing import Dict, Optional

from grader.errors import InfraError
from grader.guest.session import Session
from grader.machine import processors
from grader.machine.memory import PAGE, BadAddress

FIRST, GROWTH = 4, 1.6  # the first look comes within so many stops; later ones are further apart
PIECES, PIECE = 3, 128  # of each look through QEMU's eyes
TRAP_TABLE, ENTRIES, VECTORS = "KiIdt", "KiVectorEntry", 256
NMI, BREAKPOINT, OVERFLOW, DOUBLE_FAULT, SERVICE = 2, 3, 4, 8, 0x2E
SERVICES = "KiSystemService"  # behind the gate of int 2Eh
CODE_SELECTOR, GATE, GATE_USER, TASK_GATE = 0x8, 0x8E00, 0xEE00, 0x8500
TASKS = (NMI, DOUBLE_FAULT)


class Inspection:
    """The looks of one test.  `seed`: of this test in this grading, which depends on all of a submission.s content."""

    def __init__(self, session: Session, seed: str) -> None:
        self._session = session
        self._random = random.Random(f"inspection {seed}")
        self._stops, self._next, self._within = 0, self._random.randint(1, FIRST), float(FIRST)

    def stopped(self) -> Optional[str]:
        """After each stop of the guest: looks if it is time, and says what was changed."""
        self._stops += 1
        if self._stops < self._next:
            return None
        self._within *= GROWTH
        self._next = self._stops + self._random.randint(1, int(self._within))
        return self.look()

    @property
    def left(self) -> int:
        """How many stops there are until the next look, that one included."""
        return self._next - self._stops

    def skip(self, stops: int) -> None:
        """So many stops are left out, at none of which there would have been a look: less than `left`."""
        self._stops += stops

    def look(self) -> Optional[str]:
        """What was changed, in words, or None."""
        return self._set_up() or self._session.integrity.changed() or self._twice()

    def _set_up(self) -> Optional[str]:
        """The processors' registers and gates.  A kernel without the courseware's KiVectorEntry is none of the course's (the grader's own
        tests boot one): no student's file can take that name out of an image."""
        session = self._session
        if session.symbols.find(ENTRIES) is None:
            return None
        found = processors.read(session.machine.qmp.monitor("info registers -a"))
        if len(found) != session.processors:
            raise InfraError(f"QEMU tells the registers of {len(found)} processors, and the machine has {session.processors}")
        table = session.symbols.address(TRAP_TABLE)
        for number, processor in enumerate(found):
            complaint = processor.complaint(table) if processor.started else None
            if complaint:
                return f"processor {number} was set up anew: {complaint}"
        return self._gates(table)

    def _gates(self, table: int) -> Optional[str]:
        """The interrupt dispatch table against KiVectorEntry, a constant of the image, and the entry of system services."""
        session = self._session
        try:
            seen = struct.unpack("<512I", session.space.read(table, 8 * VECTORS))
            entries = list(struct.unpack("<256I", session.space.read(session.symbols.address(ENTRIES), 4 * VECTORS)))
        except BadAddress:
            return "the interrupt dispatch table is mapped nowhere"
        entries[SERVICE] = session.symbols.address(SERVICES)
        for vector in range(VECTORS):
            low, high = seen[2 * vector:2 * vector + 2]
            kind = TASK_GATE if vector in TASKS else GATE_USER if vector in (BREAKPOINT, OVERFLOW, SERVICE) else GATE
            place = (high & 0xFFFF0000 | low & 0xFFFF, low >> 16)
            if high & 0xFFFF != kind or vector not in TASKS and place != (entries[vector], CODE_SELECTOR):
                return f"the gate of vector {vector:#x} in the interrupt dispatch table was changed"
        return None

    def _twice(self) -> Optional[str]:
        """Random pieces of code, read by QEMU with the processor's own set-up, on each processor; then no old translation is left."""
        session = self._session
        gdb, areas = session.machine.gdb, session.integrity.areas
        stopped = gdb.processor
        try:
            for number in range(session.processors):
                gdb.select(number)
                registers: Dict[str, int] = gdb.registers()
                if not registers["cr0"] & processors.CR0_PAGING:
                    continue
                for _ in range(PIECES):
                    area = self._random.choice(areas)
                    offset = self._random.randrange(len(area.data))
                    size = min(PIECE, len(area.data) - offset, PAGE - (area.address + offset) % PAGE)
                    try:
                        seen = gdb.read(area.address + offset, size)
                    except InfraError:
                        seen = b""
                    expected = area.data[offset:offset + size] if session.integrity.resident(area, offset) else b""
                    if seen != expected:
                        return f"processor {number} reads other code than its page tables show at {session.symbols.describe(area.address + offset)}"
                gdb.set_registers(cr3=registers["cr3"])
        finally:
            gdb.select(stopped)
        return None
