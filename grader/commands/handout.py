"""`handout OUT LAB`: publishes the branches that are due in the students' repository.

    make handout OUT=../students LAB=1                   labs 0 and 1; again later: what has changed, as a commit on top
    make handout OUT=../students LAB=1 MESSAGE="..."     what the change is for, in the commits
    make handout OUT=../students LAB=1 REFERENCE=all     with the lab's own reference as hardened objects
    make handout OUT=../students LAB=1 FRESH=1           and a branch with the solutions of the labs before
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import List

from grader import labs, sources
from grader.errors import GraderError
from grader.handout.publish import REFERENCES, Choices, Handout, Published, publishing
from grader.labs import Course
from grader.report.terminal import TerminalProgress
from grader.tree import Tree

NAMES_MAX = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `handout`."""
    parser.add_argument("to_position", nargs="?", default="", metavar="OUT", help="the students' repository: a new folder, or one made before")
    parser.add_argument("--to", default="", metavar="OUT", help="the same")
    parser.add_argument("--lab", default="", metavar="N", help="the lab that is due, with all before it; `all` for every lab")
    parser.add_argument("--fresh", action="store_true", help="also the branch in which the labs before are solved")
    parser.add_argument("--reference", default="", metavar="WHICH", help="reference objects of which labs: earlier (default), all or none")
    parser.add_argument("--message", default="", metavar="TEXT", help="what a change in mid-term is for")
    parser.add_argument("--open", action="store_true", help="ship every source, also those of later labs")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """Publishes, says what each branch holds, and how to push it."""
    target = options.to or options.to_position
    if not target:
        raise GraderError("handout needs the students' repository; for example: make handout OUT=../mica-student LAB=0")
    if tree.is_handout:
        raise GraderError("this is a student's branch; run handout in the complete tree")
    course = labs.load(tree)
    choices = Choices(due(course, options.lab), _reference(options.reference), options.fresh, options.open, options.message)
    progress = TerminalProgress(sys.stderr)
    done = Handout(tree, course, Path(target).resolve(), choices, progress=progress).build()
    progress.clear()
    left = sources.untracked(tree)
    if left:
        print(f"not shipped, because git does not know them: {_some(left)}")
    for line in told(done, target):
        print(line)
    return 0


def due(course: Course, text: str) -> "int | None":
    """The number of the lab that is due; None for all."""
    if text == "all":
        return None
    if not text:
        raise GraderError("which lab is due? Say LAB=0 for the first (LAB=1 publishes labs 0 and 1, LAB=all every lab); a branch shows its lab, so "
                          "publish each on its day")
    chosen, _ = labs.select(course, text)
    return chosen[0].number


def _reference(text: str) -> str:
    if text and text not in REFERENCES:
        raise GraderError(f"REFERENCE={text}: must be one of {', '.join(REFERENCES)}")
    return text or REFERENCES[0]


def told(done: Published, target: str) -> List[str]:
    """What was done, in lines."""
    lines = [f"{branch}: {'published' if branch in done.changed else 'nothing new'}" for branch in done.branches]
    for branch in done.changed:
        if done.touched.get(branch):
            lines.append(f"{branch}: the starter text of {_some(done.touched[branch])} has changed; a student who wrote on the same lines "
                         "gets a conflict there")
    if done.fresh:
        lines.append(f"{done.fresh}: HOLDS THE SOLUTIONS of all labs before it. Push it when their last deadlines are over, to students "
                     f"who may see them: {publishing(target, [done.fresh])}")
    return [*lines, f"publish with: {publishing(target, done.branches)}"]


def _some(names: List[str]) -> str:
    return ", ".join(names[:NAMES_MAX]) + (f" and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else "")
