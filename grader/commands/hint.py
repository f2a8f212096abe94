"""`hint`: the next of an exercise's staged hints.

    make hint                     how many hints each exercise has, and how many you have taken
    make hint EX=3.3              the next one
    make hint EX=3.3 AGAIN=1      all that you have taken so far, without a new one
    make hint EX=3.3 YES=1        does not ask before a hint that tells the steps

Invariant: a hint is counted before it is shown.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from grader import labs
from grader.errors import GraderError
from grader.hints import markdown, record, stages
from grader.hints.stages import Stage
from grader.model import Lab, lab_of
from grader.report import result as results
from grader.report.terminal import Paint
from grader.report.text import for_terminal
from grader.tree import Tree

WIDTH = 100  # columns at most, for the sake of the eye


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `hint`."""
    parser.add_argument("--exercise", default="", metavar="N.M", help="the exercise (default: a list of all)")
    parser.add_argument("--again", action="store_true", help="show those that were taken once more, and no new one")
    parser.add_argument("--yes", action="store_true", help="do not ask before a hint that tells the steps")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """0 when there was something to show; 1 when the answer was no."""
    course = labs.manifests(tree.root, labs.EVERY)
    if not options.exercise:
        _list(tree, course)
        return 0
    lab = _lab_of(tree, course, options.exercise)
    found = stages.of_exercise(tree.root, lab, options.exercise)
    if not found:
        raise GraderError(_without(tree, lab, options.exercise))
    taken = record.parse(_read(record_path(tree, lab)))
    count = min(taken.get(options.exercise, 0), len(found))
    if options.again:
        return _again(lab, options.exercise, found[:count], len(found))
    if count == len(found):
        raise GraderError(f"exercise {options.exercise} has no more hints: you have taken all {count}. make hint EX={options.exercise} AGAIN=1 "
                          "shows them once more; behind them is the lab hour")
    if found[count].steps and not options.yes and not _agreed(options.exercise):
        return 1
    taken[options.exercise] = count + 1
    path = record_path(tree, lab)
    results.write(path, record.render(taken, [exercise.number for exercise in lab.exercises]))
    _show(lab, options.exercise, found[count], count + 1, len(found))
    print("\n" + _behind(tree, path, options.exercise, found[count + 1:]))
    return 0


def record_path(tree: Tree, lab: Lab) -> Path:
    """Where it is counted.  In the complete tree nobody solves anything, so the count is no file of the tree."""
    return tree.root / lab.hints_taken if tree.is_handout else tree.out / lab.hints_taken


def _lab_of(tree: Tree, course: Sequence[Lab], exercise: str) -> Lab:
    """The lab of an exercise that is in this tree; GraderError otherwise."""
    for lab in course:
        if any(one.number == exercise for one in lab.exercises):
            return lab
    here = [one.number for lab in course for one in lab.exercises if stages.of_exercise(tree.root, lab, one.number)]
    head = exercise.split(".", 1)[0]
    if tree.branch_lab is not None and head.isdecimal() and lab_of(exercise) > tree.branch_lab:
        raise GraderError(f"EX={exercise}: exercise {exercise} is not in this branch; it comes with the branch of lab {head}")
    raise GraderError(f"EX={exercise}: there is no such exercise; there are hints for: {', '.join(here) or 'none'}")


def _without(tree: Tree, lab: Lab, exercise: str) -> str:
    """Why an exercise has no hints here."""
    if tree.branch_lab is not None and tree.branch_lab != lab.number:
        return (f"EX={exercise}: the hints of exercise {exercise} are in the branch of its own lab: git checkout {lab.branch}, and ask again "
                "there")
    return f"EX={exercise}: exercise {exercise} has no staged hints; see the section Hints of labs/{lab.folder}/README.md"


def _list(tree: Tree, course: Sequence[Lab]) -> None:
    """How many hints each exercise has, and how many were taken."""
    rows: List[Tuple[Lab, str, str, int, int]] = []
    for lab in course:
        taken = record.parse(_read(record_path(tree, lab)))
        for exercise in lab.exercises:
            count = len(stages.of_exercise(tree.root, lab, exercise.number))
            if count:
                rows.append((lab, exercise.number, exercise.title, min(taken.get(exercise.number, 0), count), count))
    if not rows:
        raise GraderError("no exercise of this branch has staged hints; the handouts have a section Hints for each")
    shown: Optional[Lab] = None
    for lab, number, title, have, most in rows:
        if lab is not shown:
            print(f"Lab {lab.number}: hints taken")
            shown = lab
        print(f"  {number:4} {title:52.52} {have} of {most}")
    print(f"\nmake hint EX={rows[0][1]} shows the next one of exercise {rows[0][1]}. No points depend on it.")


def _again(lab: Lab, exercise: str, taken: Sequence[Stage], most: int) -> int:
    if not taken:
        raise GraderError(f"you have taken no hint of exercise {exercise} yet; make hint EX={exercise} shows the first")
    for number, stage in enumerate(taken, 1):
        print("\n" * (number > 1), end="")
        _show(lab, exercise, stage, number, most)
    return 0


def _agreed(exercise: str) -> bool:
    """Asks before the steps.  Without a terminal nobody can answer."""
    if not sys.stdin.isatty():
        raise GraderError(f"the next hint of exercise {exercise} tells the steps; make hint EX={exercise} YES=1 takes it")
    print("This hint tells the steps. Take it? [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        print()
        return True
    print("Not taken.")
    return False


def _show(lab: Lab, exercise: str, stage: Stage, number: int, most: int) -> None:
    paint = Paint(sys.stdout)
    width = min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH)
    print(f"{paint('1', f'Hint {number} of {most} for {exercise}')}, {lab.exercise(exercise).title}: {paint('1', for_terminal(stage.title))}\n")
    for line in markdown.lines(for_terminal(stage.text), width - 2, f"labs/{lab.folder}/{stages.FOLDER}", paint):
        print(f"  {line}".rstrip())


def _behind(tree: Tree, path: Path, exercise: str, left: Sequence[Stage]) -> str:
    """Where it was counted, and what comes next."""
    kept = f"Counted in {path.relative_to(tree.root)}: git add it with your work. " if tree.is_handout else ""
    steps = "; it tells the steps" if left and left[0].steps else ""
    more = f"Next: make hint EX={exercise} ({len(left)} left{steps})." if left else f"That was the last hint of exercise {exercise}."
    return kept + more


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
