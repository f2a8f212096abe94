"""Stacks with frame chains for exercise 0.2, and the rule of the walk as a Python model.

A stack is a block of guest memory that the host fills; nothing in it is known to the kernel before the call.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from typing import Callable, List

WORD = 4
FRAME = 2 * WORD  # saved EBP and return address


@dataclass
class Stack:
    """`size` bytes of guest memory at `base`, filled with noise, in which frames are laid."""

    base: int
    data: bytearray

    @classmethod
    def noise(cls, rng: random.Random, base: int, size: int) -> "Stack":
        return cls(base, bytearray(rng.getrandbits(8) for _ in range(size)))

    @property
    def end(self) -> int:
        return self.base + len(self.data)

    def put(self, address: int, *words: int) -> None:
        struct.pack_into(f"<{len(words)}I", self.data, address - self.base, *words)

    def word(self, address: int) -> int:
        return struct.unpack_from("<I", self.data, address - self.base)[0]

    def lay(self, frames: List[int], returns: List[int], last: int = 0) -> None:
        """A chain through `frames`, innermost first; the last one's saved EBP is `last`."""
        for index, frame in enumerate(frames):
            self.put(frame, frames[index + 1] if index + 1 < len(frames) else last, returns[index])


def rising(rng: random.Random, low: int, high: int, count: int) -> List[int]:
    """`count` frame addresses in [low, high), rising, aligned, no two overlapping."""
    slots = sorted(rng.sample(range((high - low) // FRAME), count))
    return [low + slot * FRAME + rng.choice((0, WORD)) * (index + 1 < count and slots[index + 1] > slot + 1)
            for index, slot in enumerate(slots)]


def code(rng: random.Random, count: int) -> List[int]:
    """Return addresses as they look in a kernel."""
    return [0x80100000 + rng.randrange(1 << 20) for _ in range(count)]


def walk(word: Callable[[int], int], count: int, frame: int, low: int, high: int) -> List[int]:
    """The rule: a frame counts if it is aligned, lies wholly in [low, high) and is above the one before."""
    callers: List[int] = []
    above = 0
    while len(callers) < count:
        if frame % WORD or frame < low or frame > high - FRAME or frame <= above:
            break
        callers.append(word(frame + WORD))
        above, frame = frame, word(frame)
    return callers


def show(callers: List[int]) -> str:
    """A list of addresses for a report; long ones are cut in the middle."""
    words = [f"{address:#010x}" for address in callers]
    if len(words) > 10:
        words[5:-4] = [f"... {len(words) - 9} more ..."]
    return f"{len(callers)}: " + (" ".join(words) or "(none)")
