"""Which source text a page may quote.  A page goes to a student, and the student's own file says which lines it quotes.

Invariants
  * The debug information of a student's file may name any file (`#line`), so a name is no right to see it.
  * A student's own file is quoted as it was compiled.  Of the tree: sources of the kernel and of the labs so far that a
    student's branch holds too.  Never a file of solutions/, of the grader or of a later lab, and never a line of a
    reference: where the complete tree grades, the lines of a region are blanked.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Optional

from grader.errors import GraderError
from grader.timeline.sources import Reader
from grader.tree import Tree

QUOTED = re.compile(r"(kernel/(boot|hal|inc|ntos|tests/scenarios)|labs/(?P<lab>\d+)-[\w-]+)/([\w-]+/)*[\w-]+\.(cpp|h|inc|S)$", re.ASCII)
UNIT_TESTS = "_test.cpp"
EXERCISE = re.compile(r"^[ \t]*(//|#) Exercise \d+\.\d+[ \t]*$", re.MULTILINE)  # the heading of a starter's gap


def reader(out: Path, tree: Tree, lab: int) -> Reader:
    """Source text by its path in the tree, for a page of a test of `lab`.  `out`: where the kernel was built."""

    def read(name: str) -> Optional[str]:
        own = _text(out / "student", name)
        return own if own is not None else _of_tree(tree, name, lab)

    return read


def _of_tree(tree: Tree, name: str, lab: int) -> Optional[str]:
    match = QUOTED.match(name)
    if not match or name.endswith(UNIT_TESTS) or int(match["lab"] or 0) > lab:
        return None
    text = _text(tree.root, name)
    if text is None:
        return None
    if tree.is_handout:  # a student file that was not compiled: the kernel has the reference's object, with other lines
        return None if EXERCISE.search(text) else text
    from grader.handout.regions import without_reference  # not in a student's branch
    try:
        return without_reference(name, text, lab)
    except GraderError:
        return None  # a marker that stands wrong: nobody knows what is the reference


def _text(folder: Path, name: str) -> Optional[str]:
    """A regular file inside a folder."""
    if name.startswith("/") or ".." in name.split("/"):
        return None
    try:
        path = (folder / name).resolve()
        if folder.resolve() in path.parents and path.is_file():
            return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        pass  # no name of a file
    return None
