"""`selfcheck`: one table of starter, reference, accepted variants, mistakes and cheaters."""

from __future__ import annotations

import argparse
import sys

from grader import labs
from grader.commands.options import number
from grader.grading import Grading, default_runner
from grader.report.terminal import Paint
from grader.selfcheck import Row, SelfCheck
from grader.tree import Tree


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `selfcheck`."""
    parser.add_argument("lab_position", nargs="?", default="", metavar="LAB", help="one lab (default: all)")
    parser.add_argument("--lab", default="", metavar="N", help="one lab (default: all)")
    parser.add_argument("--only", default="", metavar="GLOB", help="rows by name")
    parser.add_argument("--seed", default="", metavar="N", help="the master seed (default: from each row's content)")
    parser.add_argument("--jobs", default="2", metavar="N", help="machines at once")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """Prints the table; 0 when every row is as it should be, else 1."""
    course = labs.load(tree)
    chosen, _ = labs.select(course, options.lab or options.lab_position)
    jobs = number(options.jobs, "JOBS", 1) or 2
    check = SelfCheck(Grading(tree, course, default_runner(), jobs=jobs), number(options.seed, "SEED"))
    paint = Paint(sys.stdout)
    good = bad = 0
    print(f"{'lab':4}{'kind':11}{'name':44}{'score':>7}  verdict")
    for lab in chosen:
        for row in check.rows(lab, options.only):
            good, bad = good + (not row.trouble), bad + bool(row.trouble)
            print(_line(row, paint), flush=True)
    print(f"\n{good} rows as they should be, {bad} not")
    return 1 if bad else 0


def _line(row: Row, paint: Paint) -> str:
    verdict = paint("31", row.trouble) if row.trouble else paint("32", "ok")
    return f"{row.lab:<4}{row.kind:11}{row.name:44}{row.score:>7}  {verdict}"
