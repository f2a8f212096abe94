"""Where the fields of kernel structures lie: KdFieldTable, read from the kernel's image file.

Invariant: the table is `constexpr` data of the image, so the file is enough; guest memory, which a student's kernel can
write, is never asked for a layout.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass
from typing import Dict, Tuple

from grader.errors import GraderError
from grader.images.pe import PeImage

TABLE = "KdFieldTable"
ENTRIES_MAX = 4096


@dataclass(frozen=True)
class Layout:
    """Field name ("KTHREAD.State") -> (offset, size), and structure name -> size."""

    fields: Dict[str, Tuple[int, int]]
    sizes: Dict[str, int]

    def field(self, name: str) -> Tuple[int, int]:
        if name not in self.fields:
            near = ", ".join(sorted(one for one in self.fields if one.split(".")[0] == name.split(".")[0])[:40])
            raise GraderError(f"the kernel's field table has no {name}" + (f"; it has {near}" if near else ""))
        return self.fields[name]

    def size(self, structure: str) -> int:
        if structure not in self.sizes:
            raise GraderError(f"the kernel's field table has no size of {structure}")
        return self.sizes[structure]


@functools.lru_cache(maxsize=32)
def read_layout(image: PeImage, table: str = TABLE) -> Layout:
    """The layout that an image (ntoskrnl.exe with symbols) was built with.  `table`: another one of the same form."""
    symbol = image.symbols.get(table)
    if symbol is None:
        raise GraderError(f"{image.path.name} has no symbol {table}; build the kernel again")
    fields: Dict[str, Tuple[int, int]] = {}
    sizes: Dict[str, int] = {}
    for index in range(ENTRIES_MAX):
        pointer, offset, size = struct.unpack("<IHH", image.at(symbol.rva + 8 * index, 8))
        if not image.base <= pointer < image.base + image.size:  # the last row has no name
            break
        name = image.text(pointer - image.base)
        if name.startswith("sizeof "):
            sizes[name[7:]] = size
        elif "." in name:
            fields[name] = (offset, size)
        else:
            break
    if not fields:
        raise GraderError(f"{table} of {image.path.name} is empty; build the kernel again")
    return Layout(fields, sizes)
