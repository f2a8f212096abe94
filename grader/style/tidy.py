"""clang-tidy over every source of the kernel, as many at a time as there are jobs.

A source that was found clean is not looked at again until it, a header, the rules or the flags change.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .base import Finding, Tree
from .commands import Command

SAYS = re.compile(r"^(.+?):(\d+):\d+: (?:warning|error): (.*?) \[([\w.,-]+)\]$", re.MULTILINE)


def check(tree: Tree, commands: "list[Command]", cache: Path, jobs: int) -> "list[Finding]":
    cache.mkdir(parents=True, exist_ok=True)
    everywhere = digest(tree, [".clang-tidy", *tree.ending(".h")])
    with ThreadPoolExecutor(jobs) as pool:
        found = pool.map(lambda command: check_one(tree, command, everywhere, cache), commands)
    return sorted({finding for findings in found for finding in findings})


def check_one(tree: Tree, command: Command, everywhere: str, cache: Path) -> "list[Finding]":
    key = hashlib.sha256(f"{everywhere} {digest(tree, [command.source])} {command.options}".encode()).hexdigest()
    if (cache / key).exists():
        return []
    done = subprocess.run(["clang-tidy", "--quiet", command.source, "--", *command.options], cwd=tree.root,
                          capture_output=True, text=True, errors="replace")
    found = [Finding(relative(tree, path), int(line), "tidy", f"{text} ({rule.split(',')[0]})")
             for path, line, text, rule in SAYS.findall(done.stdout)]
    if not found and done.returncode:
        found = [Finding(command.source, 1, "tidy", f"clang-tidy failed: {(done.stderr or done.stdout).strip()[-300:]}")]
    if not found:
        (cache / key).touch()
    return found


def relative(tree: Tree, path: str) -> str:
    try:
        return (tree.root / path).resolve().relative_to(tree.root).as_posix()
    except ValueError:
        return path


def digest(tree: Tree, names: "list[str]") -> str:
    total = hashlib.sha256()
    for name in names:
        if (tree.root / name).exists():
            total.update(name.encode() + b"\0" + (tree.root / name).read_bytes())
    return total.hexdigest()
