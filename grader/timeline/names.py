"""What the addresses of a timeline are called: threads, dispatcher objects, routines.

Names are taken from the module's symbols (an object that is a variable), from the kernel's own lists (a thread), else
an object is called by its type and a number in the order of first sight, so that the same run gives the same names.
TOL-03, TOL-07.
"""

from __future__ import annotations

import re
from typing import Dict, Iterable, Optional

from grader.images.symbols import Symbols
from grader.views.waits import OBJECTS

OBJECT_TITLES = ("event", "event", "mutant", "process", "queue", "semaphore", "thread", "gate", "timer", "timer")


_DECORATED = re.compile(r"^\?+([A-Za-z_]\w*)@")  # a C++ name of this target: ?FreeSlots@?A0x1234@@3U...


def plain(name: str) -> str:
    """A symbol as the source has it."""
    match = _DECORATED.match(name)
    return match[1] if match else name


class Names:
    """Without symbols every name is made up from numbers."""

    def __init__(self, symbols: Optional[Symbols] = None, threads: Optional[Dict[int, str]] = None,
                 idle: Iterable[int] = ()) -> None:
        self._symbols, self._threads, self._idle = symbols, dict(threads or {}), set(idle)
        self._objects: Dict[int, str] = {}
        self._counts: Dict[str, int] = {}

    def learn_thread(self, address: int, name: str) -> None:
        """A thread's name, unless a better one is known."""
        if name:
            self._threads.setdefault(address, name)

    def learn_start(self, address: int, routine: int) -> None:
        """A thread that has no name of its own is called after its start routine: `Producer`, `Producer 2`."""
        if address not in self._threads and self._symbols:
            name = self.code(routine)
            self._counts[name] = self._counts.get(name, 0) + 1
            self._threads[address] = name + (f" {self._counts[name]}" if self._counts[name] > 1 else "")

    def also(self, other: "Names") -> None:
        """Takes over what another one knows and this one does not."""
        for address, name in other._threads.items():
            self._threads.setdefault(address, name)
        self._idle |= other._idle

    def is_idle(self, address: int) -> bool:
        return address in self._idle

    def thread(self, address: int) -> str:
        """`Producer`, or `thread 3`."""
        return self._threads.get(address) or self._numbered(address, "thread")

    def object(self, address: int, kind: int) -> str:
        """A dispatcher object: its variable's name, or `semaphore 2`."""
        if address in self._threads:
            return f"thread {self._threads[address]}"
        title = OBJECT_TITLES[kind] if kind < len(OBJECTS) else "object"
        return self._variable(address) or self._numbered(address, title)

    def code(self, address: int) -> str:
        """A routine."""
        return plain(self._symbols.name(address)) if self._symbols else f"{address:#010x}"

    def value(self, value: int) -> str:
        """A number that may be an address."""
        if self._symbols and value > 0xFFFF and self._symbols.module_at(value):
            return self._symbols.describe(value)
        return f"{value:#x}" if value > 9 else str(value)

    def variable(self, address: int) -> str:
        """A variable, or a numbered lock."""
        return self._variable(address) or self._numbered(address, "no.")

    def _variable(self, address: int) -> str:
        if not self._symbols or not self._symbols.module_at(address):
            return ""
        told = self._symbols.variable(address)  # `Forks[2]`, `Buffer.NotEmpty`
        found = None if told else self._symbols.nearest(address)
        if not found:
            return told
        name, offset = found
        return plain(name) + (f"+{offset:#x}" if offset else "")

    def _numbered(self, address: int, title: str) -> str:
        if address not in self._objects:
            self._counts[title] = self._counts.get(title, 0) + 1
            self._objects[address] = f"{title} {self._counts[title]}"
        return self._objects[address]
