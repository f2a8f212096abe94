"""`solution LAB`: the reference as a diff against the students' branch; `git apply` takes it there."""

from __future__ import annotations

import argparse
import difflib
import sys
from typing import List

from grader import labs, sources
from grader.errors import GraderError
from grader.labs import Course
from grader.tree import Tree


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `solution`."""
    parser.add_argument("lab_position", nargs="?", default="", metavar="LAB", help="the lab")
    parser.add_argument("--lab", default="", metavar="N", help="the same")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """Prints the diff."""
    course = labs.load(tree, options.lab or options.lab_position)
    wanted = options.lab or options.lab_position
    if not wanted:
        raise GraderError("solution needs a lab; for example: make solution LAB=1")
    labs.select(course, wanted)
    sys.stdout.write(diff(tree, course, wanted))
    return 0


def diff(tree: Tree, course: Course, wanted: str) -> str:
    """Unified diff from starter to reference of one lab's student files."""
    chosen, _ = labs.select(course, wanted)
    marked = sources.marked(tree, course)
    text: List[str] = []
    for name in [name for lab in chosen for name in lab.files]:
        old, new = (body.splitlines(keepends=True) for body in (marked[name].starter, marked[name].reference))
        for line in difflib.unified_diff(old, new, "a/" + name, "b/" + name):
            text.append(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
    return "".join(text)
