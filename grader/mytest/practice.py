"""Wrong kernels for practice: labs/N-name/practice/NAME.txt, a header and the edits of sources that no exercise writes.

    Mistake: what is wrong                     (told when a scenario has found it)
    Read: kernel/inc/ex/rundown.h              (whose contract it breaks)

They are part of a student's branch, so nothing of a reference is in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Tuple

from grader.building import edits
from grader.errors import GraderError
from grader.model import Lab
from grader.tree import Tree

FOLDER = "practice"


@dataclass(frozen=True)
class Practice:
    """One wrong kernel."""

    name: str
    says: str  # the mistake, in words
    read: str  # the header with the contract that it breaks
    edits: Tuple[edits.Edit, ...]


def of_lab(tree: Tree, lab: Lab) -> List[Practice]:
    """The practice kernels of a lab, in the order of their names."""
    return [_read(path) for path in sorted((tree.root / "labs" / lab.folder / FOLDER).glob("*.txt"))]


def sources(tree: Tree, but: Tuple[str, ...] = ()) -> Dict[str, bytes]:
    """The kernel's sources.  `but`: names that are left out."""
    return {path.relative_to(tree.root).as_posix(): path.read_bytes() for part in ("ntos", "hal") for path in (tree.root / "kernel" / part).rglob("*.cpp")
            if path.is_file() and path.relative_to(tree.root).as_posix() not in but}


def changed(tree: Tree, one: Practice, student_files: Tuple[str, ...]) -> Dict[str, bytes]:
    """The sources that it changes.  GraderError where they are not as the edits expect."""
    files = sources(tree, student_files)
    made = edits.apply(one.edits, files)
    return {name: text for name, text in made.items() if text != files.get(name)}


def _read(path: Path) -> Practice:
    header, _, body = path.read_text(encoding="utf-8").partition("\n\n")
    fields = dict(line.split(": ", 1) for line in header.splitlines() if ": " in line)
    if not {"Mistake", "Read"} <= set(fields) or not body.strip():
        raise GraderError(f"{path}: needs a header with Mistake: and Read:, an empty line, and edits")
    return Practice(path.stem, fields["Mistake"], fields["Read"], tuple(edits.parse(body)))
