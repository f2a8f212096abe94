"""Names of bugchecks and of what their parameters mean, from the kernel's own header.

Invariant: kernel/inc/ke/bugcheck.h is the one source of the numbers; a code that it does not name is shown as a number.
In the books: "crash dump analysis: bugchecks".  TRP-09.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Dict, Tuple

HEADER = Path(__file__).resolve().parents[2] / "kernel" / "inc" / "ke" / "bugcheck.h"
LAB_NOT_IMPLEMENTED = 0x4C414230
ASSERTION_FAILED = 0x4D415354
_CODE = re.compile(r"^constexpr ULONG (\w+) = (0x[0-9A-Fa-f]+);", re.MULTILINE)

# What each parameter is, where it is worth saying; "" leaves a parameter out.
PARAMETERS: Dict[str, Tuple[str, ...]] = {
    "IRQL_NOT_LESS_OR_EQUAL": ("address", "at IRQL", "access (0 read, 1 write)", "by"),
    "IRQL_NOT_GREATER_OR_EQUAL": ("IRQL now", "IRQL asked for"),
    "SPIN_LOCK_ALREADY_OWNED": ("lock",),
    "SPIN_LOCK_NOT_OWNED": ("lock",),
    "KMODE_EXCEPTION_NOT_HANDLED": ("status", "at"),
    "KERNEL_MODE_EXCEPTION_NOT_HANDLED": ("status", "at"),
    "PAGE_FAULT_IN_NONPAGED_AREA": ("address", "access (0 read, 1 write)", "by"),
    "KERNEL_STACK_INPAGE_ERROR": ("status", "I/O status", "page file", "offset in it"),
    "KERNEL_DATA_INPAGE_ERROR": ("", "status", "PTE", "address"),
    "UNEXPECTED_KERNEL_MODE_TRAP": ("vector",),
    "ATTEMPTED_SWITCH_FROM_DPC": ("thread",),
    "MICA_THREAD_RETURNED": ("thread",),
}


@functools.lru_cache(maxsize=1)
def names() -> Dict[int, str]:
    """Code -> name."""
    try:
        text = HEADER.read_text(encoding="utf-8")
    except OSError:
        return {}
    return {int(number, 16): name for name, number in _CODE.findall(text)}


def name_of(code: int) -> str:
    return names().get(code, "")
