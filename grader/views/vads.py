"""The ranges of a process's user space: its tree of virtual address descriptors, and what must hold of it.

In the books: "virtual address descriptors".  POL-06.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Set

from grader.views.memory import Structures
from grader.views.ptes import protection_name

PAGE = 4096
MOST_NODES, MOST_LEVELS = 65536, 30
COMMIT_ELSEWHERE = 0x7FFFF  # MM_MAX_COMMIT
TYPES = ("", "device memory", "image", "AWE", "write watch", "large pages", "rotate physical", "user stack")
# MMVAD_FLAGS, from its lowest bit
TYPE_SHIFT, MEM_COMMIT_SHIFT, PROTECTION_SHIFT, PRIVATE_SHIFT, LOCKED_SHIFT = 20, 23, 24, 29, 31


@dataclass(frozen=True)
class Vad:
    """One range: pages `first` to `last` by number."""

    address: int
    first: int
    last: int
    flags: int
    level: int
    balance: int

    @property
    def start(self) -> int:
        return self.first * PAGE

    @property
    def end(self) -> int:
        """The last byte."""
        return self.last * PAGE + PAGE - 1

    @property
    def pages(self) -> int:
        return self.last - self.first + 1

    @property
    def commit(self) -> int:
        """Pages that are charged for it."""
        charge = self.flags & COMMIT_ELSEWHERE
        return 0 if charge == COMMIT_ELSEWHERE else charge

    @property
    def commits_untouched(self) -> bool:
        """Pages whose PTE is 0 are committed."""
        return bool(self.flags >> MEM_COMMIT_SHIFT & 1)

    @property
    def private(self) -> bool:
        return bool(self.flags >> PRIVATE_SHIFT & 1)

    @property
    def locked(self) -> bool:
        return bool(self.flags >> LOCKED_SHIFT & 1)

    @property
    def protection(self) -> int:
        return self.flags >> PROTECTION_SHIFT & 31

    @property
    def type_name(self) -> str:
        return TYPES[self.flags >> TYPE_SHIFT & 7] or ("private" if self.private else "view")

    @property
    def words(self) -> str:
        return f"{self.type_name}, {protection_name(self.protection)}"


class VadTree:
    """The tree whose MM_AVL_TABLE is at `table`: its ranges by address, and what is wrong with it."""

    def __init__(self, view: Structures, table: int) -> None:
        self._get = view.get
        self.vads: List[Vad] = []
        self.wrong: List[str] = []  # empty: the invariants hold (MiCheckVadTree)
        self._seen: Set[int] = set()
        get = self._get
        self._look(get(table, "MM_AVL_TABLE.Root"), 0, 0)
        count, hint = get(table, "MM_AVL_TABLE.NumberOfNodes"), get(table, "MM_AVL_TABLE.NodeHint")
        if count != len(self.vads):
            self.wrong.append(f"NumberOfNodes is {count}, the tree has {len(self.vads)}")
        if hint and hint not in self._seen:
            self.wrong.append(f"NodeHint {hint:#010x} is no node of the tree")
        for before, after in zip(self.vads, self.vads[1:]):
            if before.last >= after.first:
                self.wrong.append(f"{after.address:#010x}: its range {after.start:08x} does not lie behind {before.start:08x}..{before.end:08x}")

    def _look(self, node: int, parent: int, level: int) -> int:
        """Reads a subtree.  @returns its height."""
        if not node:
            return 0
        if node in self._seen or level > MOST_LEVELS or len(self._seen) >= MOST_NODES:
            self.wrong.append(f"{node:#010x}: the tree leads back into itself, or is too high")
            return 0
        self._seen.add(node)
        get = self._get
        if get(node, "MMADDRESS_NODE.Parent") != parent:
            self.wrong.append(f"{node:#010x}: it does not name its parent {parent:#010x}")
        left = self._look(get(node, "MMADDRESS_NODE.LeftChild"), node, level + 1)
        vad = Vad(node, get(node, "MMADDRESS_NODE.StartingVpn"), get(node, "MMADDRESS_NODE.EndingVpn"), get(node, "MMVAD.Flags"), level,
                  get(node, "MMADDRESS_NODE.Balance", signed=True))
        self.vads.append(vad)
        if vad.first > vad.last:
            self.wrong.append(f"{node:#010x}: its range ends before it begins")
        right = self._look(get(node, "MMADDRESS_NODE.RightChild"), node, level + 1)
        if vad.balance != right - left:
            self.wrong.append(f"{node:#010x}: Balance is {vad.balance}, its subtrees are {left} and {right} high")
        elif abs(vad.balance) > 1:
            self.wrong.append(f"{node:#010x}: the tree is not balanced there")
        return 1 + max(left, right)
