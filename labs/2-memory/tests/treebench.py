"""A tree of ranges that only the test uses: the host lays it out, the student's routines change it, all of it is compared.

A shape is a tree without ranges: None, or a pair (left shape, right shape).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Dict, List, Optional, Tuple

from .rangetree import HINTS, SIZE, RangeTree, name

Shape = Optional[tuple]
STEP = 4  # page numbers from one laid range to the next
NODES = 128


@lru_cache(maxsize=None)
def shapes(nodes: int) -> Tuple[Shape, ...]:
    """All balanced trees of so many nodes."""
    if nodes == 0:
        return (None,)
    return tuple((left, right) for below in range(nodes) for left in shapes(below) for right in shapes(nodes - 1 - below)
                 if abs(height(left) - height(right)) <= 1)


@lru_cache(maxsize=None)
def height(shape: Shape) -> int:
    return 0 if shape is None else 1 + max(height(shape[0]), height(shape[1]))


def thin(levels: int, low_left: bool) -> Shape:
    """The balanced tree of a height that has the fewest nodes: one side of each node is lower."""
    if levels <= 0:
        return None
    high, low = thin(levels - 1, not low_left), thin(levels - 2, low_left)
    return (low, high) if low_left else (high, low)


class TreeBench:
    """Nodes and a table in scratch memory."""

    def __init__(self, t) -> None:
        self.t, self.guest = t, t.guest
        self.table = t.guest.alloc(16)
        self.nodes = t.guest.alloc(SIZE * NODES)
        self.free: List[int] = []
        self.ranges: Dict[int, Tuple[int, int]] = {}  # node -> its range
        self.clear()

    def clear(self) -> None:
        self.free = [self.nodes + SIZE * index for index in range(NODES)]
        self.t.rng.shuffle(self.free)
        self.ranges.clear()
        self.guest.write(self.table, bytes(12))

    def lay(self, shape: Shape) -> None:
        """The tree has this shape now: ranges of one to three pages, with room for one before and behind each."""
        self.clear()
        root, _ = self._lay(shape, 0, STEP)
        self.guest.set(self.table, "MM_AVL_TABLE.Root", root)
        self.guest.set(self.table, "MM_AVL_TABLE.NumberOfNodes", len(self.ranges))
        self.guest.set(self.table, "MM_AVL_TABLE.NodeHint", self.t.rng.choice([0, *self.ranges]))

    def _lay(self, shape: Shape, parent: int, vpn: int) -> Tuple[int, int]:
        if shape is None:
            return 0, vpn
        node = self.free.pop()
        left, vpn = self._lay(shape[0], node, vpn)
        start, end = vpn, vpn + self.t.rng.randrange(3)
        self.ranges[node] = (start, end)
        right, vpn = self._lay(shape[1], node, vpn + STEP)
        self._write(node, parent, left, right, start, end, height(shape[1]) - height(shape[0]))
        return node, vpn

    def _write(self, node: int, parent: int, left: int, right: int, start: int, end: int, balance: int) -> None:
        for field, value in (("Parent", parent), ("LeftChild", left), ("RightChild", right), ("StartingVpn", start), ("EndingVpn", end),
                             ("Balance", balance)):
            self.guest.set(node, f"MMADDRESS_NODE.{field}", value & 0xFFFFFFFF)

    def insert(self, start: int, end: int) -> int:
        """A new range; what its node was before says nothing."""
        rng, node = self.t.rng, self.free.pop()
        old = rng.choice([0, *self.ranges])
        self._write(node, old, rng.choice([0, old]), rng.choice([0, old]), start, end, rng.choice((0, 0, 1, -1, 7)))
        before = self.text()
        self.ranges[node] = (start, end)
        self._call("MiInsertNode", node, f"MiInsertNode({name(start, end)}) into {before}", new=node)
        return node

    def remove(self, node: int) -> None:
        start, end = self.ranges[node]
        what = f"MiRemoveNode({name(start, end)}) from {self.text()}"
        del self.ranges[node]
        self._call("MiRemoveNode", node, what, gone=node)
        self.free.insert(0, node)

    def text(self) -> str:
        return RangeTree(self.guest, self.table).text()

    def _call(self, routine: str, node: int, what: str, gone: int = 0, new: int = 0) -> None:
        self.t.asking(what, self.t.hint("vad-links", HINTS["vad-links"]))
        with self.guest.uninterrupted():
            self.guest.call(routine, node, self.table, conv="cdecl")
        wanted = sorted(((address, *pages) for address, pages in self.ranges.items()), key=lambda one: one[1])
        broken = RangeTree(self.guest, self.table).broken(wanted, gone)
        if broken:
            fresh = new and (self.guest.get(new, "MMADDRESS_NODE.LeftChild") or self.guest.get(new, "MMADDRESS_NODE.RightChild"))
            hint = "vad-new-node" if fresh and broken.hint in ("vad-links", "vad-order") else broken.hint
            self.t.fail(expected=broken.expected, seen=broken.seen, hint=self.t.hint(hint, HINTS[hint]))
