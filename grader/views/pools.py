"""What the pools have given out, by tag: PoolTrackTable.

In the books: "system memory pools", "monitoring pool usage".  POL-05.
"""

from __future__ import annotations

import struct
from typing import List, NamedTuple

from grader.views.memory import Structures

ROWS = 512  # POOL_TRACK_ROWS


class Tag(NamedTuple):
    """One tag's counts; bytes are those of blocks in use, with their headers."""

    name: str
    allocs: int
    frees: int
    bytes: int
    paged_allocs: int
    paged_frees: int
    paged_bytes: int


def read(view: Structures, table: int) -> "List[Tag]":
    """The tags in use, the one of most bytes first."""
    size = view.layout.size("POOL_TRACKER_TABLE")
    raw = view.memory.read(table, size * ROWS)
    rows = [struct.unpack_from("<4s6I", raw, at) for at in range(0, size * ROWS, size)]
    tags = [Tag(spelled(row[0]), *row[1:]) for row in rows if row[0] != b"\0\0\0\0"]
    return sorted(tags, key=lambda tag: (-(tag.bytes + tag.paged_bytes), tag.name))


def spelled(key: bytes) -> str:
    """A tag's characters; a dot stands for what cannot be printed."""
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in key)
