"""Routine, file and line of many addresses at once: one run of llvm-symbolizer a module.

TOL-07.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import Dict, Iterable, List, Optional, Sequence

from grader.errors import NotResident
from grader.guest import Guest
from grader.guest.stops import GuestStop
from grader.images import dwarf
from grader.images.symbols import Symbols, short_path, symbolizer
from grader.timeline.names import plain
from grader.views.fields import Layout
from grader.views.memory import BrokenList

SECONDS = 60
HEADER = re.compile(r"kernel/(inc|ntos|hal|tests/scenarios)/.*\.h:\d+$")
FAR = 0x4000  # from a symbol: that is no part of the variable any more
ELEMENTS = 64  # of an array of pointers
KERNEL = ("ntoskrnl.exe", "hal.dll")


@dataclass(frozen=True)
class Known:
    """A structure at a known place: `Actor 0`, a KTHREAD."""

    base: int
    size: int
    name: str
    structure: str


@dataclass(frozen=True)
class Published:
    """What a pointer of the scenario's driver points to: `Subject->`."""

    base: int
    size: int
    name: str
    type: int
    debug: dwarf.Debug

    def tell(self, address: int, size: int) -> str:
        path = self.debug.path(self.type, address - self.base, size)
        if path.startswith("."):
            return f"{self.name}->{path[1:]}"
        return f"(*{self.name}){path}" if path else f"*{self.name}"


def published(guest: Guest) -> List[Published]:
    """The objects that the driver's pointers lead to now, in the order of the pointers."""
    found: List[Published] = []
    for module in guest.symbols.modules:
        debug = dwarf.read(module.image) if module.name.lower() not in KERNEL else None
        for variable in debug.variables if debug else ():
            kind, count = debug.elements(variable.type)  # type: ignore[union-attr]
            target = debug.target(kind)  # type: ignore[union-attr]
            size = debug.size(target)  # type: ignore[union-attr]
            for index in range(min(count, ELEMENTS) if size else 0):
                place = module.base + variable.rva + 4 * index
                try:
                    base = guest.u32(place)
                except (GuestStop, NotResident):
                    continue  # a page that is not there
                if base and guest.symbols.module_at(base) is None:
                    name = variable.name + (f"[{index}]" if count > 1 else "")
                    found.append(Published(base, size, name, target, debug))  # type: ignore[arg-type]
    return found


def known(guest: Guest) -> List[Known]:
    """The threads and processor control blocks of a guest."""
    found: List[Known] = []
    for number in range(guest.session.processors):
        prcb = guest.prcb(number)
        if prcb:
            found.append(Known(prcb, guest.size("KPRCB"), f"processor {number}", "KPRCB"))
    try:
        found += [Known(one.address, guest.size("KTHREAD"), one.name or f"thread {one.address:#x}", "KTHREAD")
                  for one in guest.threads()]
    except (BrokenList, GuestStop):
        pass  # a student's lists: the addresses stay numbers
    return found


def field_at(layout: Layout, structure: str, offset: int) -> str:
    """The innermost field of a structure that holds an offset: `KTHREAD.WaitStatus`."""
    holding = [(size, name) for name, (start, size) in layout.fields.items()
               if name.startswith(structure + ".") and start <= offset < start + size]
    return min(holding)[1] if holding else f"{structure}+{offset:#x}"


def chosen(places: Sequence[str]) -> str:
    """Of the places of an address, innermost first, each inlined into the next: the first that is not what a header of the
    kernel makes of a point or an interlocked operation."""
    return next((place for place in places if not HEADER.match(place)), places[0] if places else "")


def _place(line: str) -> str:
    """`file:line` of the tool's `file:line:column`; empty where it knows none."""
    file, number = (line.rsplit(":", 2) + ["", ""])[:2]
    return f"{short_path(file)}:{number}" if file and "??" not in file and number.isdigit() and number != "0" else ""


class Lines:
    """Names and places, asked for beforehand and kept.  `place` of an address that was never prepared asks alone."""

    def __init__(self, symbols: Symbols, structures: Sequence[Known] = (), layout: Optional[Layout] = None,
                 objects: Sequence[Published] = ()) -> None:
        self._symbols, self._structures, self._layout, self._objects = symbols, structures, layout, objects
        self._places: Dict[int, str] = {}

    def prepare(self, addresses: Iterable[int]) -> None:
        """Look all of them up."""
        wanted: Dict[str, List[int]] = {}
        for address in set(addresses) - set(self._places):
            module = self._symbols.module_at(address)
            if module is not None:
                wanted.setdefault(module.name, []).append(address)
        for module in self._symbols.modules:
            self._ask(module.image.path, module.base, sorted(wanted.get(module.name, [])))

    def _ask(self, image, base: int, addresses: List[int]) -> None:  # type: ignore[no-untyped-def]
        tool = symbolizer()
        if tool is None or not addresses or not image.exists():
            return
        questions = "".join(f"{address - base:#x}\n" for address in addresses)
        try:
            done = subprocess.run([tool, f"--obj={image}", "--relative-address", "--inlining=true",
                                   "--output-style=LLVM", "--functions=none"], input=questions.encode(),
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            return
        for address, lines in zip(addresses, done.stdout.decode(errors="replace").split("\n\n")):
            self._places[address] = chosen([place for place in map(_place, lines.split()) if place])

    def place(self, address: int) -> str:
        """`kernel/ntos/ke/objects/queue.cpp:42`, or nothing."""
        if address not in self._places:
            self._places[address] = self._symbols.place(address)
        return self._places[address]

    def routine(self, address: int) -> str:
        """The routine that holds an address."""
        return plain(self._symbols.name(address))

    def variable(self, address: int, size: int = 0) -> str:
        """What an access touches: `Subject->Header.SignalState`, `Words.First`, a field of a thread; where no type is
        known, a symbol with the offset from it; else hexadecimal."""
        pointed = min((one for one in self._objects if one.base <= address < one.base + one.size),
                      key=lambda one: one.size, default=None)
        if pointed:
            return pointed.tell(address, size)
        for one in self._structures:
            if one.base <= address < one.base + one.size and self._layout:
                return f"{self._field(one.structure, address - one.base, size)} of {one.name}"
        told = self._symbols.variable(address, size) if self._symbols.module_at(address) else ""
        if told:
            return told
        found = self._symbols.nearest(address) if self._symbols.module_at(address) else None
        if not found or found[1] > FAR:
            return f"{address & 0xFFFFFFFF:#010x}"
        return plain(found[0]) + (f"+{found[1]:#x}" if found[1] else "")

    def _field(self, structure: str, offset: int, size: int) -> str:
        """`KTHREAD.WaitStatus`: from the debug information, or from the kernel's field table."""
        for module in self._symbols.modules:
            debug = dwarf.read(module.image)
            kind = debug.structure(structure) if debug else 0
            path = debug.path(kind, offset, size) if debug and kind else ""
            if path:
                return structure + path
        return field_at(self._layout, structure, offset) if self._layout else f"{structure}+{offset:#x}"

    def frame(self, address: int) -> str:
        """A line of a stack, of a return address: looked up one byte before, inside the call."""
        place = self.place(address - 1)
        return self.routine(address - 1) + (f" at {place}" if place else "")
