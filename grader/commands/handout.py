"""`handout OUT`: builds the students' repository, one branch a lab."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from grader import labs, sources
from grader.errors import GraderError
from grader.handout import Handout
from grader.report.terminal import TerminalProgress
from grader.tree import Tree


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `handout`."""
    parser.add_argument("to_position", nargs="?", default="", metavar="OUT", help="a folder that is not there yet")
    parser.add_argument("--to", default="", metavar="OUT", help="the same")
    parser.add_argument("--open", action="store_true", help="ship every source, also those of later labs")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """Builds the repository and lists its branches."""
    target = options.to or options.to_position
    if not target:
        raise GraderError("handout needs the folder to make; for example: make handout OUT=../mica-student")
    if tree.is_handout:
        raise GraderError("this is a student's branch; run handout in the complete tree")
    progress = TerminalProgress(sys.stderr)
    course = labs.load(tree)
    Handout(tree, course, Path(target).resolve(), options.open, progress=progress).build()
    progress.clear()
    left = sources.untracked(tree)
    if left:
        print(f"not shipped, because git does not know them: {', '.join(left[:5])}{' ...' if len(left) > 5 else ''}")
    print(f"{target}: branches " + ", ".join(lab.branch for lab in course.labs))
    print(f"publish it with: git -C {target} push --all URL")
    return 0
