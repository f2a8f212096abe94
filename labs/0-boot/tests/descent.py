"""The descent of descent.cpp, drawn again on the host: which trap belongs to a seed.

The order of the draws is the driver's; test_trap.py checks both against each other at every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

MASK = 0xFFFFFFFF
STONES = ("Lab0Agate", "Lab0Beryl", "Lab0Citrine", "Lab0Dolomite", "Lab0Epidote", "Lab0Fluorite")

DIVIDE, OVERFLOW, BOUNDS, UNDEFINED, PROTECTION, PAGE_READ, PAGE_WRITE = range(7)
VECTORS = (0, 4, 5, 6, 13, 14, 14)


class Draw:
    """Draw of descent.cpp: xorshift on 32 bits."""

    def __init__(self, seed: int) -> None:
        self.state = (seed * 2654435761 + 0x9E3779B9) & MASK or 1

    def next(self) -> int:
        state = self.state
        state ^= state << 13 & MASK
        state ^= state >> 17
        state ^= state << 5 & MASK
        self.state = state
        return state

    def below(self, limit: int) -> int:
        return (self.next() >> 8) % limit


@dataclass(frozen=True)
class Descent:
    """What a seed leads to."""

    kind: int
    path: Tuple[str, ...]
    irql: int
    ebx: int
    esi: int
    edi: int

    @property
    def vector(self) -> int:
        return VECTORS[self.kind]


def descent(seed: int) -> Descent:
    """The trap of one seed."""
    draw = Draw(seed)
    kind = draw.below(7)
    left = list(range(6))
    path = []
    for index in range(3):
        pick = draw.below(6 - index)
        path.append(STONES[left[pick]])
        left[pick] = left[5 - index]
    level = draw.below(2 if kind >= PAGE_READ else 4)
    draw.next()  # the key
    draw.next()  # the operand
    ebx, esi, edi = draw.next(), draw.next(), draw.next()
    return Descent(kind, tuple(path), 5 if level == 3 else level, ebx, esi, edi)
