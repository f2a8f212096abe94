"""The way from a type to what lies at an offset of it: `.Header.SignalState`, `[2].Next`.

Invariants
  * Types come from debug information that is not trusted: a walk ends after so many steps, and at so deep a type.
In the books: "symbol files".  TOL-07.
"""

from __future__ import annotations

from typing import List, Sequence

from grader.images.dwarfentries import ARRAY, RECORDS, Entry
from grader.images.dwarftypes import DEPTH_MAX, Member, Types

STEPS_MAX = 400
# What a wait or a lock names as a whole, however many fields it has.
OBJECTS = frozenset(("KEVENT", "KSEMAPHORE", "KMUTANT", "KTIMER", "KQUEUE", "KPROCESS", "KTHREAD", "KGATE", "FAST_MUTEX",
                     "KGUARDED_MUTEX", "ERESOURCE", "EX_PUSH_LOCK", "KSPIN_LOCK", "KSPIN_LOCK_QUEUE", "EX_RUNDOWN_REF",
                     "EX_SPIN_LOCK", "SLIST_HEADER", "KDPC", "KAPC"))


class Walk:
    """One way from a type to a member, with a limit on the steps."""

    def __init__(self, types: Types, size: int) -> None:
        self._types, self._size, self._steps = types, size, 0

    def path(self, place: int, offset: int, depth: int = 0) -> str:
        self._steps += 1
        kind, entry = self._types.plain(place)
        if not kind or depth > DEPTH_MAX or self._steps > STEPS_MAX:
            return ""
        if entry.tag == ARRAY:
            return self._element(entry, offset, depth)
        if entry.tag not in RECORDS or (not self._size and not offset and entry.name in OBJECTS):
            return ""
        end = offset + max(1, self._size)
        members = self._types.members(kind)
        holding = [one for one in members if one.offset <= offset and end <= one.offset + one.size]
        if not holding:
            return self._several(entry, members, offset, end)
        fit = {one: self._leaf(one.type, offset - one.offset, depth + 1) for one in holding}
        leaf = min(holding, key=lambda one: (fit[one], one.bits > 0))  # of equals the first
        inside = [one for one in members if offset <= one.offset and one.offset + one.size <= end and not one.bits]
        if self._size and fit[leaf] > self._size == sum(one.size for one in inside):
            return _joined(inside)  # a union's larger member holds it, the smaller ones are it
        if leaf.bits:
            return _joined([one for one in holding if one.bits and one.offset == leaf.offset])
        return "." + leaf.name + self.path(leaf.type, offset - leaf.offset, depth + 1)

    def _element(self, entry: Entry, offset: int, depth: int) -> str:
        """`[2]` and on; `[2..3]` where several are touched at once."""
        bounds, size = self._types.bounds(entry), self._types.size(entry.type)
        if not size or not bounds:
            return ""
        first, last = offset // size, (offset + max(1, self._size) - 1) // size
        indices: List[str] = []
        rest = first
        for count in reversed(bounds[1:]):
            indices.insert(0, f"[{rest % count}]" if count else "[?]")
            rest = rest // count if count else 0
        if first == last:
            return f"[{rest}]" + "".join(indices) + self.path(entry.type, offset - first * size, depth + 1)
        return f"[{first}..{last}]" if len(bounds) == 1 else f"[{rest}]" + "".join(indices)

    def _leaf(self, place: int, offset: int, depth: int) -> int:
        """The size of what lies innermost there: of a union, the member that fits best is the smallest that holds it."""
        self._steps += 1
        kind, entry = self._types.plain(place)
        if not kind or depth > DEPTH_MAX or self._steps > STEPS_MAX:
            return 1 << 32
        size = self._types.size(place)
        if entry.tag == ARRAY:
            inner = self._types.size(entry.type)
            if inner and offset % inner + max(1, self._size) <= inner:
                return self._leaf(entry.type, offset % inner, depth + 1)
        elif entry.tag in RECORDS:
            end = offset + max(1, self._size)
            inside = [self._leaf(one.type, offset - one.offset, depth + 1) for one in self._types.members(kind)
                      if one.offset <= offset and end <= one.offset + one.size]
            return min(inside, default=size)
        return size

    def _several(self, entry: Entry, members: Sequence[Member], offset: int, end: int) -> str:
        """Nothing holds it all: the whole, or the members that it touches."""
        touched = [one for one in members if one.offset < end and offset < one.offset + one.size]
        whole = not offset and end >= entry.size
        return "" if whole or not touched else _joined(touched)


def _joined(members: Sequence[Member]) -> str:
    names = list(dict.fromkeys(one.name for one in members))
    if len(names) == 1:
        return "." + names[0]
    return ".{" + ", ".join(names[:3]) + (", ..." if len(names) > 3 else "") + "}"
