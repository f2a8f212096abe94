"""The complete tree's sources as material for students: what is whose, and the two texts of a student file."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Dict, List

from grader.errors import GraderError
from grader.labs import Course
from grader.model import lab_of
from grader.regions import Shipped, split
from grader.tree import Tree

_CODE = (".cpp", ".S", ".h", ".hpp", ".inc")
_OBJECTS = (".cpp", ".S")


def tracked(tree: Tree) -> List[str]:
    """The files that belong to the tree: what git tracks, or everything but the build folder where there is no git."""
    listed = subprocess.run(["git", "-C", str(tree.root), "ls-files", "-z", "--full-name", "."],
                            capture_output=True,
                            check=False)
    if listed.returncode == 0 and listed.stdout and (tree.root / ".git").exists():
        names = listed.stdout.decode("utf-8", "surrogateescape").split("\0")
        return sorted(name for name in names if name and os.path.lexists(tree.root / name))
    found = []
    for folder, folders, files in os.walk(tree.root):
        folders[:] = [
            name for name in folders if name not in (".git", "__pycache__") and Path(folder, name) != tree.out
        ]
        found += [Path(folder, name).relative_to(tree.root).as_posix() for name in files]
    return sorted(found)


def untracked(tree: Tree) -> List[str]:
    """Files that lie in the tree and would not be shipped; empty where there is no git."""
    listed = subprocess.run(["git", "-C", str(tree.root), "ls-files", "-z", "--others", "--exclude-standard"],
                            capture_output=True,
                            check=False)
    return sorted(filter(None, listed.stdout.decode("utf-8", "replace").split("\0")))


def date_of(tree: Tree) -> str:
    """When the tree's own HEAD was committed, as git writes it; a fixed date where there is no git."""
    done = subprocess.run(["git", "-C", str(tree.root), "log", "-1", "--format=%cI"], capture_output=True, check=False)
    return done.stdout.decode("ascii", "replace").strip() or "2000-01-01T00:00:00+00:00"


def marked(tree: Tree, course: Course) -> Dict[str, Shipped]:
    """Every source that holds regions, by its path.  Checks that regions and lab.py agree."""
    known = [exercise.number for lab in course.labs for exercise in lab.exercises]
    owners = {name: [exercise.number for lab in course.labs for exercise in lab.exercises if name in exercise.files]
              for name in course.files}
    result: Dict[str, Shipped] = {}
    for name in sorted({*tracked(tree), *course.files}):
        if name not in owners and not (name.startswith("kernel/") and name.endswith(_CODE)):
            continue
        shipped = split(name, _text(tree, name), known)
        if shipped.exercises:
            _agree(name, shipped, owners.get(name))
            result[name] = shipped
        elif name in owners:
            raise GraderError(f"{name}: a student file of exercise {owners[name][0]} without a region; "
                              f"mark it with // LAB({owners[name][0]}) begin, else and end")
    return result


def lab_number(shipped: Shipped) -> int:
    """The lab whose regions a source holds."""
    return lab_of(next(iter(shipped.exercises)))


def has_object(name: str) -> bool:
    """True for a source that the build turns into an object file."""
    return name.startswith("kernel/") and name.endswith(_OBJECTS)


def _text(tree: Tree, name: str) -> str:
    path = tree.root / name
    if not path.is_file():
        raise GraderError(f"{name}: named in a lab.py but not in the tree; write it or correct lab.py")
    return path.read_text(encoding="utf-8", errors="surrogateescape")


def _agree(name: str, shipped: Shipped, owners: "List[str] | None") -> None:
    labs = sorted({lab_of(number) for number in shipped.exercises})
    if len(labs) > 1:
        raise GraderError(
            f"{name}: holds regions of labs {labs[0]} and {labs[1]}; split it, a source belongs to one lab")
    strangers = sorted(shipped.exercises - set(owners or []))
    if strangers:
        raise GraderError(
            f"{name}: holds a region of exercise {strangers[0]}, whose files in lab.py do not name it; add it")
