"""A file is one concept: about 150 lines, a word of warning beyond 300, a stated reason beyond 500."""

from __future__ import annotations

import re

from .base import ASSEMBLY, CPP, Finding, Tree

TYPICAL, MOST = 300, 500
REASON = re.compile(r"^\s*(//|#)\s*size:\s*\S+")


def check(tree: Tree) -> "list[Finding]":
    found = []
    for name in tree.ending(*CPP, *ASSEMBLY, ".py", ".sh"):
        lines = tree.lines(name)
        if len(lines) > MOST and not any(REASON.match(line) for line in lines):
            found.append(Finding(name, len(lines), "size", f"{len(lines)} lines: split it, or say why in a line "
                                                           f"'{'#' if name.endswith(('.py', '.sh')) else '//'} size: ...'"))
        elif TYPICAL < len(lines) <= MOST:
            found.append(Finding(name, len(lines), "size", f"{len(lines)} lines: is it one concept?", warning=True))
    return found
