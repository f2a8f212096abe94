"""Which tree is being graded, and where its build output goes.

A tree is either the complete one (it has solutions/) or a student's branch (it ships kernel/prebuilt/reference/, the
reference objects that stand in for the exercises a test is not about).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Tree:
    """The root of the sources and the folder for everything that is made from them."""

    root: Path
    out: Path

    @property
    def is_handout(self) -> bool:
        """True in a student's branch: the tree's own student files are the submission."""
        return (self.root / "kernel" / "prebuilt" / "reference").is_dir()

    @property
    def solutions(self) -> Path:
        return self.root / "solutions"

    def in_make(self, path: Path) -> str:
        """What kernel/build.mk calls a file: relative inside of the tree, whose own path may have spaces."""
        try:
            return str(path.relative_to(self.root))
        except ValueError:
            return str(path)

    def scratch(self, *parts: str) -> Path:
        """A folder under the build output, made when it is missing."""
        path = self.out.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path


def this_tree() -> Tree:
    """The tree this package lives in.  `O` names the build folder, as it does for make."""
    root = Path(__file__).resolve().parent.parent
    return Tree(root, (root / os.environ.get("O", "build")).resolve())
