"""Whether a word is changed by one instruction that reads and writes it with the bus held: by its machine code.

While a test runs on one processor nothing comes in between, and the explorer comes in between only where it stops: that a lock is
taken in one step is therefore looked at here, too.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

from .hints import HINTS

LONGEST = 12  # bytes of such an instruction, with its prefix
LOCK = 0xF0
EXCHANGES = (0x86, 0x87)  # xchg with memory locks without a prefix
ONE, TWO = (0x00, 0x01, 0x08, 0x09, 0x10, 0x11, 0x18, 0x19, 0x20, 0x21, 0x28, 0x29, 0x30, 0x31, 0xFE, 0xFF), (0xAB, 0xB0, 0xB1, 0xB3, 0xBB, 0xC0, 0xC1, 0xC7)
IMMEDIATE = {0x80: 1, 0x81: 4, 0x83: 1}  # opcode -> bytes behind the operand


@contextmanager
def taken_in_one_step(t, asked: str, address: int, size: int, hint: str) -> Iterator[None]:
    """Meanwhile every write to the word is one step, or the test fails."""
    def look(eip: int) -> None:
        code = t.guest.read(eip - LONGEST, LONGEST)
        t.check(any(is_one_step(code[-length:]) for length in range(2, LONGEST + 1)), asked=asked,
                expected="one instruction tests and changes the word: an exchange, or one with the LOCK prefix",
                seen=f"it is written by another one, in {t.guest.describe(eip - 1)}", hint=t.hint(hint, HINTS[hint]))

    with t.guest.watching([(address, size)], look):
        yield


def is_one_step(code: bytes) -> bool:
    """Whether these bytes are exactly one such instruction, with an operand in memory."""
    if code[0] in EXCHANGES:
        return _operand(code, 1) == len(code)
    if code[0] != LOCK or len(code) < 3:
        return False
    if code[1] in EXCHANGES or code[1] in ONE:
        return _operand(code, 2) == len(code)
    if code[1] in IMMEDIATE:
        return _operand(code, 2) + IMMEDIATE[code[1]] == len(code)
    if code[1] == 0x0F and code[2] in TWO:
        return _operand(code, 3) == len(code)
    return code[1] == 0x0F and code[2] == 0xBA and _operand(code, 3) + 1 == len(code)


def _operand(code: bytes, at: int) -> int:
    """Where an operand in memory ends that begins with its ModRM byte at `at`; 0 if it is none."""
    if at >= len(code):
        return 0
    mode, base = code[at] >> 6, code[at] & 7
    if mode == 3:
        return 0
    end = at + 1
    if base == 4:
        if end >= len(code):
            return 0
        base = code[end] & 7
        end += 1
    return end + (4 if mode == 2 or mode == 0 and base == 5 else mode)
