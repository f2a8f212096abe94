"""`check`: small examples of an exercise's contract, run on this machine in less than a second.

    make check               which exercises have checks
    make check EX=2.2        those of an exercise

Invariant: no points depend on it.  The checks are examples; the tests of `make grade` ask more, and ask the kernel.
"""

from __future__ import annotations

import argparse
import sys
from typing import List, Sequence

from grader import labs
from grader.checks import program, running
from grader.checks.running import Found
from grader.errors import GraderError
from grader.model import Exercise, Lab
from grader.report.terminal import Paint, width
from grader.report.text import for_terminal, row
from grader.tree import Tree

_COLOURS = {"ok": "32", "FAIL": "31", "TO DO": "33"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `check`."""
    parser.add_argument("--exercise", default="", metavar="N.M", help="the exercise (default: a list of those that have checks)")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """0 when all checks hold, 1 when one does not."""
    found = program.with_checks(tree.root, labs.manifests(tree.root, labs.EVERY))
    if not options.exercise:
        _list(found)
        return 0
    lab, exercise = _chosen(found, options.exercise)
    built = program.build(tree, lab, exercise)
    results = [running.run(built, number, title) for number, title in enumerate(running.titles(built))]
    print("\n".join(_report(exercise, results)))
    print(_behind(lab, exercise, results))
    return 0 if all(one.holds for one in results) else 1


def _list(found: "Sequence[tuple[Lab, Exercise]]") -> None:
    if not found:
        raise GraderError("no exercise of this branch has checks; make grade runs the tests")
    for _, exercise in found:
        print(f"  make check EX={exercise.number}   {exercise.title}")


def _chosen(found: "Sequence[tuple[Lab, Exercise]]", number: str) -> "tuple[Lab, Exercise]":
    for lab, exercise in found:
        if exercise.number == number:
            return lab, exercise
    raise GraderError(f"EX={number}: that exercise has no checks here; there are checks for: "
                      f"{', '.join(exercise.number for _, exercise in found) or 'none'}. make grade TEST={number} runs its tests")


def _report(exercise: Exercise, results: Sequence[Found]) -> List[str]:
    paint = Paint(sys.stdout)
    lines = [f"{exercise.number}  {exercise.title}"]
    for one in results:
        lines.append(f"  {paint(_COLOURS[one.word], f'{one.word:5}')} {for_terminal(one.title)}")
        for label, text in one.rows:
            lines += ["        " + line for line in row(label, text, width() - 10)]
    return lines


def _behind(lab: Lab, exercise: Exercise, results: Sequence[Found]) -> str:
    holding = sum(one.holds for one in results)
    return (f"{holding} of {len(results)} checks hold. They are examples (labs/{lab.folder}/checks/{exercise.number}.cpp) and give no points: "
            f"make grade LAB={lab.number} TEST={exercise.number} runs the tests.")
