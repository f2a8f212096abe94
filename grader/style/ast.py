"""clang's syntax tree as JSON, with the places filled in that clang leaves out.

clang prints a file or a line only where it differs from the one printed last, anywhere in the output, so places are
known only to who walks the whole tree in order: Places does that once.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from ..errors import GraderError
from .commands import Command


def parse(root: Path, command: Command) -> dict:
    done = subprocess.run([command.compiler, *command.options, "-w", "-fsyntax-only", "-Xclang", "-ast-dump=json",
                           command.source], cwd=root, capture_output=True, text=True)
    if not done.stdout.startswith("{"):
        raise GraderError(f"{command.source} does not compile: {done.stderr.strip()[-300:]}")
    tree = json.loads(done.stdout)
    fill_places(tree)
    return tree


def fill_places(tree: dict) -> None:
    """Gives every location its "file" and "line"."""
    file, line = "", 0
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(reversed(node))
            continue
        if "offset" in node:
            file, line = node.get("file", file), node.get("line", line)
            node["file"], node["line"] = file, line
        stack.extend(value for value in reversed(list(node.values())) if isinstance(value, (dict, list)))


def place(node: dict) -> "tuple[str, int]":
    where = node.get("loc", {})
    where = where.get("expansionLoc", where)
    return where.get("file", ""), where.get("line", 0)
