"""Are the processors set up as the courseware sets them up?  Read from QEMU, never from the guest's memory.

The host reads memory through the guest's page tables and stops it at linear addresses.  A kernel that changes how the
processor translates (paging off, 4 MB pages off, another width of entries, line A20, a code segment that does not begin
at 0, system management mode) or where a trap goes would let host and processor see two different machines.
In the books: Intel SDM 3A, "Control registers", "Protected-mode memory management", "Debug registers".
"""

from __future__ import annotations

import re
from typing import Dict, List, Optional, Tuple

CR0_PAGING, CR0_MUST = 0x80000000, 0x80010011  # PG, WP, ET, PE
CR4_MUST = 0x90  # 4 MB pages, global pages
CR0_FLOATING, CR4_FLOATING = 0x2E, 0x600  # MP, EM, TS, NE; OSFXSR, OSXMMEXCPT: of the floating-point unit, which translates nothing
IDT_LIMIT, GDT_LIMIT = 0x7FF, 0x5F
FLAT = 0xFFFFFFFF
KERNEL_CODE, KERNEL_DATA, USER_CODE, USER_DATA = 0x08, 0x10, 0x1B, 0x23
SELECTORS = {"CS": (KERNEL_CODE, USER_CODE), "SS": (KERNEL_DATA, USER_DATA), "DS": (USER_DATA, KERNEL_DATA), "ES": (USER_DATA, KERNEL_DATA)}
_SEGMENT = re.compile(r"^(CS|SS|DS|ES|FS|LDT) ?=([0-9a-f]{4}) ([0-9a-f]{8}) ([0-9a-f]{8})", re.MULTILINE)
_TABLE = re.compile(r"^(GDT|IDT)= +([0-9a-f]{8}) ([0-9a-f]{8})", re.MULTILINE)
_VALUE = re.compile(r"\b(CR[034]|DR7|EFER|A20|SMM|HLT)=([0-9a-f]+)")


class Processor:
    """One processor's part of QEMU's `info registers -a`."""

    def __init__(self, text: str) -> None:
        self.values: Dict[str, int] = {name: int(value, 16) for name, value in _VALUE.findall(text)}
        self.segments: Dict[str, Tuple[int, int, int]] = {
            name: (int(selector, 16), int(base, 16), int(limit, 16)) for name, selector, base, limit in _SEGMENT.findall(text)}
        self.tables: Dict[str, Tuple[int, int]] = {name: (int(base, 16), int(limit, 16)) for name, base, limit in _TABLE.findall(text)}

    @property
    def started(self) -> bool:
        """False for one that the kernel has not started yet: firmware halted it, and it has no paging."""
        return bool(self.values["CR0"] & CR0_PAGING) or not self.values["HLT"]

    def complaint(self, idt: int) -> Optional[str]:
        """What is not as it must be, in words, or None.  `idt`: where the kernel's interrupt dispatch table is."""
        values = self.values
        wrong: List[Tuple[str, int, int]] = [
            ("CR0", values["CR0"] & ~CR0_FLOATING, CR0_MUST), ("CR4", values["CR4"] & ~CR4_FLOATING, CR4_MUST), ("EFER", values["EFER"], 0),
            ("DR7", values["DR7"] & 0xFF, 0), ("line A20", values["A20"], 1), ("system management mode", values["SMM"], 0),
            ("the base of the IDT", self.tables["IDT"][0], idt), ("the limit of the IDT", self.tables["IDT"][1], IDT_LIMIT),
            ("the limit of the GDT", self.tables["GDT"][1], GDT_LIMIT), ("the LDT's selector", self.segments["LDT"][0], 0),
            *((f"the base of {name}", self.segments[name][1], 0) for name in SELECTORS),
            *((f"the limit of {name}", self.segments[name][2], FLAT) for name in SELECTORS),
        ]
        for name, seen, expected in wrong:
            if seen != expected:
                return f"{name} is {seen:#x}, not {expected:#x}"
        for name, allowed in SELECTORS.items():
            if self.segments[name][0] not in allowed:
                return f"{name} is {self.segments[name][0]:#x}, which is no segment of the kernel's"
        return None


def read(text: str) -> List[Processor]:
    """The processors of `info registers -a`, in order."""
    return [Processor(part) for part in re.split(r"^CPU#\d+", text, flags=re.MULTILINE)[1:]]
