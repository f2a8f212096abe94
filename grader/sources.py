"""The complete tree's sources as material for students: what is whose, and the two texts of a student file."""

from __future__ import annotations

import os
import sys
from typing import Dict, Iterable, List

from grader import git
from grader.errors import GraderError
from grader.handout.regions import Shipped, split
from grader.labs import EVERY, Course, manifests
from grader.model import Lab, lab_of
from grader.report.result import write
from grader.tree import Tree, this_tree

MANIFEST = "docs/manifest.txt"
NO_DATE = "2000-01-01T00:00:00+00:00"
BRANCH_LIST = "kernel/prebuilt/sources.txt"
_CODE = (".cpp", ".S", ".h", ".hpp", ".inc")
_OBJECTS = (".cpp", ".S")


def tracked(tree: Tree) -> List[str]:
    """The files that belong to the tree: what git tracks; where there is no git or no repository, what the manifest names.

    Never what happens to lie in the folder: notes, grades and solved exercises lie there too.
    """
    try:
        names = git.tracked(tree.root)
    except git.GitMissing:
        names = None
    if names is None:
        names = listed(tree)
    return sorted(name for name in names if os.path.lexists(tree.root / name))


def listed(tree: Tree) -> List[str]:
    """The manifest's names: what git tracked when `python3 -m grader.sources` wrote it."""
    path = tree.root / MANIFEST
    if not path.is_file():
        raise GraderError(f"there is no git repository in {tree.root}, and no {MANIFEST}, which would say what belongs to the tree; "
                          "work in a clone")
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def manifest(names: Iterable[str]) -> str:
    """The manifest's text."""
    head = "# What belongs to the tree, for a tree without git. Written by: python3 -m grader.sources\n"
    return head + "".join(f"{name}\n" for name in sorted(set(names)))


def branch_list(names: Iterable[str]) -> bytes:
    """What a branch's kernel/prebuilt/sources.txt holds: the sources that kernel/build.mk takes, of the files it ships."""
    sources = [name for name in names if name.startswith(("kernel/", "labs/")) and name.endswith(_OBJECTS)]
    return "".join(f"{name}\n" for name in sorted(sources)).encode("utf-8")


def untracked(tree: Tree) -> List[str]:
    """Files that lie in the tree and would not be shipped; empty where there is no git."""
    return git.untracked(tree.root)


def date_of(tree: Tree) -> str:
    """When the tree's own HEAD was committed, as git writes it; a fixed date where there is no git or no repository of the tree."""
    try:
        if git.tracked(tree.root) is None:
            return NO_DATE
    except git.GitMissing:
        return NO_DATE
    return git.ask(tree.root, "log", "-1", "--format=%cI", settings=["log.showSignature=false"]).decode("ascii", "replace").strip()


def marked(tree: Tree, course: Course) -> Dict[str, Shipped]:
    """Every source that holds regions, by its path.  Checks that regions and lab.py agree."""
    labs = [*course.labs, *in_making(tree, course)]
    known = [exercise.number for lab in labs for exercise in lab.exercises]
    files = {name for lab in labs for name in lab.files}
    owners = {name: [exercise.number for lab in labs for exercise in lab.exercises if name in exercise.files] for name in files}
    result: Dict[str, Shipped] = {}
    for name in sorted({*tracked(tree), *files}):
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


def in_making(tree: Tree, course: Course) -> List[Lab]:
    """The tree's labs that the course does not have yet: their regions are there, and withheld from every branch."""
    there = {lab.number for lab in course.labs}
    return [lab for lab in manifests(tree.root, EVERY) if lab.number not in there]


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


def main() -> int:
    """Writes the manifest anew: after a file was added to the repository or left it."""
    tree = this_tree()
    names = git.tracked(tree.root)
    if names is None:
        raise GraderError("there is no git repository here; the manifest is made from what git tracks")
    write(tree.root / MANIFEST, manifest([*names, MANIFEST]).encode("utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
