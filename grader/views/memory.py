"""What a view needs of a memory, and typed access on top of it."""

from __future__ import annotations

from typing import List, Optional, Protocol

from grader.errors import InfraError
from grader.views.fields import Layout

LIST_MAX = 4096


class Memory(Protocol):
    """Virtual memory of a guest."""

    def read(self, address: int, size: int) -> bytes: ...


class BrokenList(Exception):
    """A doubly linked list whose links do not lead round."""


class Structures:
    """Fields and lists of kernel structures in a memory."""

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self.memory, self.layout = memory, layout

    def u32(self, address: int) -> int:
        return int.from_bytes(self.memory.read(address, 4), "little")

    def get(self, address: int, field: str, signed: bool = False) -> int:
        """A field of the structure at `address`: a number of its size (a signed type's needs `signed`)."""
        offset, size = self.layout.field(field)
        return int.from_bytes(self.memory.read(address + offset, size), "little", signed=signed)

    def text(self, address: int, field: str) -> str:
        offset, size = self.layout.field(field)
        return self.memory.read(address + offset, size).split(b"\0")[0].decode("ascii", "replace")

    def links(self, head: int, limit: int = LIST_MAX) -> List[int]:
        """The LIST_ENTRY addresses of a list, checked: every Blink leads back, and it ends within `limit`."""
        found: List[int] = []
        previous, entry = head, self.u32(head)
        while entry != head:
            if len(found) >= limit:
                raise BrokenList(f"the list at {head:#010x} does not end within {limit} entries")
            try:
                back = self.u32(entry + 4)
            except InfraError:  # the entry's page is out: no word on the list
                raise
            except Exception as error:
                raise BrokenList(
                    f"entry {len(found)} of the list at {head:#010x} is at {entry:#010x}, which is no memory"
                ) from error
            if back != previous:
                raise BrokenList(f"entry {len(found)} of the list at {head:#010x}: Blink is {back:#010x}, "
                                 f"the entry before it is {previous:#010x}")
            found.append(entry)
            previous, entry = entry, self.u32(entry)
        last = self.u32(head + 4)
        if last != previous:
            raise BrokenList(f"Blink of the list head {head:#010x} is {last:#010x}, the last entry is {previous:#010x}")
        return found

    def objects(self, head: int, field: str, limit: int = LIST_MAX) -> List[int]:
        """The structures on a list, by the field that links them."""
        offset, _ = self.layout.field(field)
        return [(entry - offset) & 0xFFFFFFFF for entry in self.links(head, limit)]


def optional_text(view: Structures, address: int, field: str) -> Optional[str]:
    """A name that may be missing from the layout."""
    return view.text(address, field) if field in view.layout.fields else None
