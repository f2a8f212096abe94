"""Which exercises were solved when `make grade` or `make watch` last graded them: where to go on.

It chooses what to watch and decides no points.  A lost or broken file means only that exercises are graded once more.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Dict

from grader.report import result as results
from grader.tree import Tree


class Solved:
    """Exercise -> digest of its files, in a file of the build folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            self._known: Dict[str, str] = {str(key): str(value) for key, value in known.items()}
        except (OSError, ValueError, AttributeError):
            self._known = {}

    @classmethod
    def of(cls, tree: Tree) -> "Solved":
        """What is known of the work in a tree."""
        return cls(tree.scratch() / "watch.json")

    def is_solved(self, exercise: str, content: bytes) -> bool:
        """Whether these files solved it."""
        return self._known.get(exercise) == _digest(content)

    def note(self, exercise: str, content: bytes, solved: bool) -> None:
        """What grading these files said."""
        if solved:
            self._known[exercise] = _digest(content)
        else:
            self._known.pop(exercise, None)
        results.write(self._path, (json.dumps(self._known, indent=1, sort_keys=True) + "\n").encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
