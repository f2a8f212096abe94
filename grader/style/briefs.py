"""Every structure, class and enumeration of a header opens with a sentence on what the thing is: its page in the docs does.

The sentence stands in the `///` comment right above the definition, and comes before `shared: ...` and commands; a
definition on one line may carry it behind (`///<`).  Asked of the kernel's headers: in kernel/inc also of what is defined
inside of others, elsewhere of what is not.
"""

from __future__ import annotations

import re

from .base import Finding, Tree

DEFINITION = re.compile(r"^(\s*)(?:template\s*<.*?>\s+)?(?:struct|class|union|enum(?:\s+class)?)\s+(?:(?:\[\[[^\]]*\]\]|alignas\([^)]*\)|"
                        r"[A-Z_]+\(\"[^\"]*\"\)|__\w+\(\(.*?\)\))\s*)*(\w+)[^;()]*\{")
ABOVE = re.compile(r"\s*(template\b|#if\b|#ifdef\b)")  # may stand between the comment and the definition
NO_SENTENCE = re.compile(r"(shared:|@(?!see\b)|\\)")
NOT_ASKED = ("kernel/tests/",)


def check(tree: Tree) -> "list[Finding]":
    found = []
    for name in tree.ending(".h", under="kernel/"):
        if name.startswith(NOT_ASKED):
            continue
        lines = tree.lines(name)
        for number, line in enumerate(lines):
            match = DEFINITION.match(line)
            if match and (not match[1] or name.startswith("kernel/inc/")) and not told(lines, number):
                found.append(Finding(name, number + 1, "briefs", f"{match[2]} needs a sentence on what it is, in a /// comment above it"))
    return found


def told(lines: "list[str]", number: int) -> bool:
    """Whether the definition on this line has its sentence."""
    if "///<" in lines[number]:
        return True
    at = number - 1
    while at >= 0 and ABOVE.match(lines[at]):
        at -= 1
    first = ""
    while at >= 0 and lines[at].strip().startswith("///") and not lines[at].strip().startswith("///<"):
        first = lines[at].strip()[3:].strip()
        at -= 1
    return bool(first) and not NO_SENTENCE.match(first)
