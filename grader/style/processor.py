"""Only i386/ folders know the processor: no assembly and no question about it elsewhere in ntos."""

from __future__ import annotations

import re

from .base import CPP, Finding, Tree

KNOWS = re.compile(r"\b(__asm__|__asm|asm\s*\(|asm\s+volatile|__i386__|__readcr\d|__rdtsc)\b")


def check(tree: Tree) -> "list[Finding]":
    found = []
    for name in tree.ending(*CPP, under="kernel/ntos/"):
        if "/i386/" in name:
            continue
        for number, line in enumerate(tree.lines(name), 1):
            match = KNOWS.search(line.split("//")[0])
            if match:
                found.append(Finding(name, number, "processor", f"'{match[1].strip()}' belongs into an i386/ folder"))
    return found
