"""A tree of ranges (MM_AVL_TABLE) in guest memory: read whole, and compared with the ranges that must be in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

SIZE = 24  # MMADDRESS_NODE
SHOWN = 14  # nodes of a tree that are shown whole
DEEPEST = 60

HINTS = {
    "vad-links": "Follow the links from the root by hand. A rotation changes three of them downwards, and for each one the Parent that leads "
                 "back. The link to the node at the top is its parent's LeftChild or RightChild, or the table's Root.",
    "vad-parent": "Each node that gets another parent has its Parent changed: the inner subtree of a rotation too, and the child of a node "
                  "that is taken out.",
    "vad-lost": "A range that was in the tree is not reached from the root any more: the inner subtree of a rotation, or the child of the node "
                "that went, was left behind.",
    "vad-stays": "The node that was removed can still be reached: a link to it was left.",
    "vad-copied": "A node is a part of its VAD, and others know it by its address. So ranges are never copied from node to node: the nodes "
                  "themselves change places, with all their links.",
    "vad-order": "All ranges below a node's are in its left subtree, all above it in its right one. Rotations do not change that order.",
    "vad-height": "After a change the heights of a node's two subtrees differ by at most one. Look at every node on the way from the place of the "
                  "change to the root: the first repair need not be the last one after a removal.",
    "vad-balance": "Balance is the right subtree's height less the left one's, for every node of the tree, also for those that a rotation moved. "
                   "After a double rotation it depends on the inner node's Balance before.",
    "vad-count": "NumberOfNodes counts the nodes of the tree.",
    "vad-hint": "NodeHint is a node of the tree or nullptr: a node that leaves the tree must not stay there.",
    "vad-new-node": "Only the range of the new node is set. Its links and its Balance are yours to set.",
}


@dataclass
class Node:
    """A node as it was read."""

    address: int
    start: int
    end: int
    balance: int
    parent: int
    left: int
    right: int
    height: int = 0


@dataclass
class Broken:
    """What is wrong with a tree, and the hint for it."""

    expected: str
    seen: str
    hint: str


class RangeTree:
    """One look at a tree while the machine stands still."""

    def __init__(self, guest, table: int) -> None:
        self.guest, self.table = guest, table
        self.root, self.count, self.hint = (guest.get(table, f"MM_AVL_TABLE.{name}") for name in ("Root", "NumberOfNodes", "NodeHint"))
        self.nodes: Dict[int, Node] = {}
        self.order: List[Node] = []
        self.stray = ""  # where a link leads that leads to no node
        self._walk(self.root, 0)

    def _walk(self, address: int, depth: int) -> int:
        """Reads a subtree, from low to high; returns its height."""
        if address == 0 or self.stray:
            return 0
        if address in self.nodes or depth > DEEPEST:
            self.stray = f"a link leads to {address:#010x} for the second time"
            return 0
        if address % 4 or not self.guest.readable(address, SIZE):
            self.stray = f"a link leads to {address:#010x}, where no node is"
            return 0
        node = self.nodes[address] = Node(address, *(self.guest.get(address, f"MMADDRESS_NODE.{name}") for name in ("StartingVpn", "EndingVpn")),
                                          self.guest.get(address, "MMADDRESS_NODE.Balance", signed=True),
                                          *(self.guest.get(address, f"MMADDRESS_NODE.{name}") for name in ("Parent", "LeftChild", "RightChild")))
        left = self._walk(node.left, depth + 1)
        self.order.append(node)
        right = self._walk(node.right, depth + 1)
        node.height = 1 + max(left, right)
        return node.height

    def height(self, address: int) -> int:
        return self.nodes[address].height if address in self.nodes else 0

    def broken(self, wanted: "Sequence[Tuple[Optional[int], int, int]]", gone: int = 0) -> Optional[Broken]:
        """What is wrong; None: nothing.  `wanted`: (address or None, first page, last page) of each range, in order; `gone`: a node that
        must not be there any more."""
        ranges = " ".join(name(start, end) for _, start, end in wanted[:30]) or "none"
        if self.stray:
            return Broken(f"a tree of the ranges {ranges}", f"{self.stray}; so far {self.text()}", "vad-links")
        lost = next((one for one in wanted if one[0] is not None and one[0] not in self.nodes), None)
        if gone and gone in self.nodes and lost:
            return Broken(f"the node of {name(*lost[1:])} is in the tree, the removed one is not",
                          f"the removed node is there, with {name(self.nodes[gone].start, self.nodes[gone].end)}", "vad-copied")
        if gone and gone in self.nodes:
            return Broken("the removed node is in the tree no more", self.text(), "vad-stays")
        for address, start, end in wanted:
            node = self.nodes.get(address) if address is not None else None
            if address is not None and node is None:
                return Broken(f"{name(start, end)} is in the tree", self.text(), "vad-lost")
            if node is not None and (node.start, node.end) != (start, end):
                return Broken(f"the node of {name(start, end)} has its range still", f"it has {name(node.start, node.end)}", "vad-copied")
        return self._misshapen(wanted, ranges)

    def _misshapen(self, wanted: "Sequence[Tuple[Optional[int], int, int]]", ranges: str) -> Optional[Broken]:
        seen = [(node.start, node.end) for node in self.order]
        if seen != [(start, end) for _, start, end in wanted]:
            same = sorted(seen) == sorted((start, end) for _, start, end in wanted)
            told = " ".join(name(*one) for one in seen[:30]) or "none"
            return Broken(f"the ranges, from low to high: {ranges}", told, "vad-order" if same else "vad-lost")
        for node in self.order:
            parent = next((other.address for other in self.order if node.address in (other.left, other.right)), 0)
            if node.parent != parent:
                return Broken(f"Parent of {self._said(node)} is {self._named(parent)}", f"it is {self._named(node.parent)}", "vad-parent")
        for node in self.order:
            left, right = self.height(node.left), self.height(node.right)
            if abs(right - left) > 1:
                return Broken(f"below {self._said(node)} two subtrees whose heights differ by at most 1",
                              f"heights {left} and {right}: {self.text()}", "vad-height")
        for node in self.order:
            right_one = self.height(node.right) - self.height(node.left)
            if node.balance != right_one:
                return Broken(f"Balance of {self._said(node)} is {right_one}", f"it is {node.balance}: {self.text()}", "vad-balance")
        if self.count != len(wanted):
            return Broken(f"NumberOfNodes {len(wanted)}", f"NumberOfNodes {self.count}", "vad-count")
        if self.hint and self.hint not in self.nodes:
            return Broken("NodeHint is a node of the tree, or nullptr", f"{self.hint:#010x}, which is none", "vad-hint")
        return None

    @staticmethod
    def _said(node: Node) -> str:
        return f"range {name(node.start, node.end)}"

    def _named(self, address: int) -> str:
        node = self.nodes.get(address)
        return "nullptr" if address == 0 else name(node.start, node.end) if node else f"{address:#010x}, which is no node of the tree"

    def text(self) -> str:
        """The tree in a line: (left range Balance right)."""
        if len(self.order) > SHOWN:
            return f"a tree of {len(self.order)} ranges, height {self.height(self.root)}"
        return self._text(self.root, 0) if self.root else "an empty tree"

    def _text(self, address: int, depth: int) -> str:
        node = self.nodes.get(address)
        if node is None or depth > 8:
            return "-" if address == 0 else "?"
        own = f"{name(node.start, node.end)} {node.balance:+d}"
        if not node.left and not node.right:
            return f"({own})"
        return f"({self._text(node.left, depth + 1)} {own} {self._text(node.right, depth + 1)})"


def name(start: int, end: int) -> str:
    """A range, by its page numbers."""
    return f"{start:x}" if start == end else f"{start:x}-{end:x}"
