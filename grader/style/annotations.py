"""Every shared field and global of the kernel layer says how it is protected.

Asked of each non-const field of a struct in kernel/inc/ke and ke's private headers, and of each non-const global of ke.
A structure that only lives on a stack says so: `shared: no, ...`.
It answers by GUARDED_BY (or PT_GUARDED_BY), by a lock key that the file's opening comment explains (`"D" fields are
guarded by ...`, then `// D` on the field), or by a comment `shared: how it is protected` on its line, right above it, or
right above its struct (then it holds for every field that says nothing else).
"""

from __future__ import annotations

import re

from .ast import parse, place
from .base import Finding, Tree
from .commands import Command

GUARDS = {"GuardedByAttr", "PtGuardedByAttr"}
LEGEND = re.compile(r'"([A-Z])"')
SCOPES = {"NamespaceDecl", "LinkageSpecDecl", "TranslationUnitDecl"}
# What needs no protection from others: it protects itself, or never changes.
OWN_PROTECTION = re.compile(r"\bKSPIN_LOCK\b|IrqlCapability|\bconst\b(?![^*]*\*)")
HEADERS = ("kernel/inc/ke/", "kernel/ntos/ke/")


def check(tree: Tree, commands: "list[Command]") -> "list[Finding]":
    found = set()
    seen: "set[str]" = set()
    for command in commands:
        if command.source.startswith("kernel/ntos/ke/"):
            looked = Look(tree, seen)
            looked.at(parse(tree.root, command))
            found |= looked.found
            seen |= looked.headers
    return sorted(found)


class Look:
    """One walk over one syntax tree."""

    def __init__(self, tree: Tree, seen: "set[str]") -> None:
        self.tree, self.seen = tree, seen
        self.found: "set[Finding]" = set()
        self.headers: "set[str]" = set()  # headers of which this walk saw everything
        self.text: "dict[str, list[str]]" = {}

    def at(self, node: dict) -> None:
        kind = node.get("kind")
        if kind in SCOPES:
            for child in node.get("inner", []):
                self.at(child)
        elif kind == "CXXRecordDecl":
            self.record(node)
        elif kind == "VarDecl":
            self.ask(node, "global")

    def record(self, node: dict, above: "tuple[int, ...]" = ()) -> None:
        """Asks a structure's fields; `above`: the lines of the structures that it is a part of, whose words hold for it too."""
        owner = self.mine(node)
        if not owner.endswith(".h") or not node.get("completeDefinition"):
            return  # a structure of one source only: its instances are asked, as globals
        lines = (*above, place(node)[1])
        for child in node.get("inner", []):
            if child.get("kind") == "FieldDecl":
                self.ask(child, "field", lines)
            elif child.get("kind") == "CXXRecordDecl":
                self.record(child, lines)

    def mine(self, node: dict) -> str:
        """The path from the root, where the node stands in one of ke's files."""
        file = place(node)[0]
        if not file:
            return ""
        try:
            name = (self.tree.root / file).resolve().relative_to(self.tree.root).as_posix()
        except ValueError:
            return ""
        if not name.startswith(HEADERS) or name in self.seen or name.endswith("_test.cpp"):
            return ""
        if name.endswith(".h"):
            self.headers.add(name)
        return name

    def ask(self, node: dict, what: str, structures: "tuple[int, ...]" = ()) -> None:
        name = self.mine(node)
        kind = node.get("type", {}).get("qualType", "")
        if not name or node.get("constexpr") or OWN_PROTECTION.search(kind) or "name" not in node:
            return
        if what == "global" and node.get("storageClass") == "extern" and not node.get("init"):
            return  # its definition is asked
        if any(child.get("kind") in GUARDS for child in node.get("inner", [])):
            return
        line = place(node)[1]
        if self.answers(name, line) or any(self.shared_above(name, each) for each in structures):
            return
        self.found.add(Finding(name, line, "annotations", f"{what} '{node['name']}' says neither GUARDED_BY nor '// shared: how'"))

    # ---- comments ------------------------------------------------------------------------------------------------
    def lines(self, name: str) -> "list[str]":
        if name not in self.text:
            self.text[name] = self.tree.lines(name)
        return self.text[name]

    def answers(self, name: str, line: int) -> bool:
        lines = self.lines(name)
        code, _, comment = lines[line - 1].partition("//")
        comment = comment.lstrip("/<! ")
        keys = set(LEGEND.findall("\n".join(opening(lines))))
        if comment.startswith("shared:") or (comment[:1] in keys and not comment[1:2].isalnum()):
            return True
        return self.shared_above(name, line)

    def shared_above(self, name: str, line: int) -> bool:
        lines = self.lines(name)
        at = line - 2
        while at >= 0 and lines[at].strip().startswith("//"):
            if re.match(r"//[/!]?<?\s*shared:\s*\S", lines[at].strip()):
                return True
            at -= 1
        return False


def opening(lines: "list[str]") -> "list[str]":
    """The comment that a file opens with."""
    end = next((number for number, line in enumerate(lines) if not line.startswith("//")), len(lines))
    return lines[:end]


