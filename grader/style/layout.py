"""clang-format: what it would change is a finding; --write changes it."""

from __future__ import annotations

import re
import shutil
import subprocess

from .base import CPP, Finding, Tree
from ..errors import GraderError

SAYS = re.compile(r"^(.+?):(\d+):\d+: (?:error|warning): ")


def program() -> str:
    """clang-format 14 where there are several: later ones lay out a few lines differently."""
    found = shutil.which("clang-format-14") or shutil.which("clang-format")
    if not found:
        raise GraderError("clang-format is not there: make doctor")
    return found


def sources(tree: Tree) -> "list[str]":
    return tree.ending(*CPP, under="kernel/") + tree.ending(*CPP, under="labs/") + tree.ending(*CPP, under="grader/")


def check(tree: Tree, write: bool = False) -> "list[Finding]":
    names = sources(tree)
    if not names:
        return []
    how = ["-i"] if write else ["--dry-run", "-Werror", "--ferror-limit=1"]
    done = subprocess.run([program(), "--style=file", *how, *names], cwd=tree.root, capture_output=True, text=True)
    found = {}
    for line in done.stderr.splitlines():
        match = SAYS.match(line)
        if match:
            found.setdefault(match[1], Finding(match[1], int(match[2]), "layout", "not laid out: make format"))
    if done.returncode and not found:
        raise GraderError(f"clang-format failed: {done.stderr.strip()[-500:]}")
    return sorted(found.values())
