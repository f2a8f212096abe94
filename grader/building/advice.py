"""What to do when the base does not build, or builds too often."""

from __future__ import annotations

import re
import subprocess
from typing import List

from grader.tree import Tree

_FUTURE = re.compile(r"[Ww]arning: File ['`\"]?(.+?)['`\"]? has modification time")


def future_files(output: str) -> List[str]:
    """make's remark on files that are dated in the future, as a sentence that helps; nothing where there are none."""
    names = list(dict.fromkeys(_FUTURE.findall(output)))
    if not names:
        return []
    more = f" and {len(names) - 1} more files are" if len(names) > 1 else " is"
    return [f"{names[0]}{more} dated in the future, so every run builds again what depends on it. "
            "See that the clock is right (date), then: find . -newermt now -exec touch {} +"]


def of_tree(tree: Tree) -> str:
    """What to do when our own sources do not compile, as `make kernel` says it."""
    done = subprocess.run(["bash", str(tree.root / "grader/setup/advice.sh")], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="replace", check=False)
    return done.stdout.strip() or "What to do: make doctor"


def last_line(output: str) -> str:
    """The first line that tells of an error, or the first one at all."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["no message"])[0][:200]
