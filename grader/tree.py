"""Which tree is being graded, and where its build output goes.

A tree is either the complete one (it has solutions/) or a student's branch (it ships kernel/prebuilt/, the objects of later
labs and those that stand in for exercises, and there branch.json, which names the branch's lab).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from grader.errors import GraderError

BRANCH_FILE = "kernel/prebuilt/branch.json"


@dataclass(frozen=True)
class Tree:
    """The root of the sources and the folder for everything that is made from them."""

    root: Path
    out: Path

    @property
    def is_handout(self) -> bool:
        """True in a student's branch: the tree's own student files are the submission."""
        return (self.root / BRANCH_FILE).is_file()

    @property
    def branch_lab(self) -> Optional[int]:
        """The lab of a student's branch; None in the complete tree."""
        if not self.is_handout:
            return None
        try:
            return int(json.loads((self.root / BRANCH_FILE).read_text(encoding="utf-8"))["lab"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise GraderError(f"{BRANCH_FILE} cannot be read ({error}); bring it back with: git checkout {BRANCH_FILE}") from error

    def has_reference(self, name: str, flavour: str = "") -> bool:
        """True when the reference of a student file is here: always in the complete tree, in a branch as an object only."""
        if not self.is_handout:
            return True
        return (self.root / "kernel" / "prebuilt" / flavour / "reference" / (name[len("kernel/"):] + ".obj")).is_file()

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
