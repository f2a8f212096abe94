"""Every NO_THREAD_SAFETY_ANALYSIS says why, in a `//` comment: on its line, or right above the routine.

An exception without a reason is copied, and then nobody knows any more which of them hide a missing lock.
"""

from __future__ import annotations

import re

from .base import CPP, Finding, Tree

EXCEPTION = re.compile(r"\bNO_THREAD_SAFETY_ANALYSIS\b")
REASON = re.compile(r"//(?![/!])\s*\w")
DEFINED = "kernel/inc/nt/annotations.h"
PLACES = ("kernel/", "labs/")
SIGNATURE_MAX = 4  # lines of a routine's head above the exception


def check(tree: Tree) -> "list[Finding]":
    found = []
    for name in (one for place in PLACES for one in tree.ending(*CPP, ".inc", under=place)):
        lines = tree.lines(name) if name != DEFINED else []
        for number, line in enumerate(lines):
            code, _, _ = line.partition("//")
            if EXCEPTION.search(code) and not told(lines, number):
                found.append(Finding(name, number + 1, "exceptions", "NO_THREAD_SAFETY_ANALYSIS needs its reason, in a // comment on its line or "
                                     "right above the routine"))
    return found


def told(lines: "list[str]", number: int) -> bool:
    """Whether the exception on this line has its reason."""
    if REASON.search(lines[number]):
        return True
    for at in range(number - 1, max(-1, number - 1 - SIGNATURE_MAX), -1):
        text = lines[at].strip()
        if text.startswith("//"):
            block = at
            while block >= 0 and lines[block].strip().startswith("//"):
                if REASON.match(lines[block].strip()):
                    return True
                block -= 1
            return False
        if not text or text.endswith((";", "}")):
            return False
    return False
