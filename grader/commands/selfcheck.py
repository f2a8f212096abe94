"""`selfcheck`: one table of starter, reference, accepted variants, mistakes and cheaters.

With --jsonl it speaks to `make test` instead: a JSON line a row, and one for each test that the reference passed, with
the rows of the feature map that the test names.
"""

from __future__ import annotations

import argparse
import json
import sys

from typing import Iterable

from grader import labs
from grader.commands.options import master_seed, number
from grader.judge.grading import Grading, default_runner
from grader.model import Verdict
from grader.report.terminal import Paint
from grader.selfcheck.memo import Memo
from grader.selfcheck.sampling import Sample, number_of_commit
from grader.selfcheck.table import Row, SelfCheck
from grader.tree import Tree


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `selfcheck`."""
    parser.add_argument("lab_position", nargs="?", default="", metavar="LAB", help="one lab (default: all)")
    parser.add_argument("--lab", default="", metavar="N", help="one lab (default: all)")
    parser.add_argument("--only", default="", metavar="GLOB", help="rows by name")
    parser.add_argument("--seed", default="", metavar="N", help="the master seed (default: from the reference's content); with --sample "
                        "the number that draws (default: from the commit)")
    parser.add_argument("--sample", action="store_true", help="a draw of the mistakes and of each row's tests, for make test")
    parser.add_argument("--jsonl", action="store_true", help="a JSON line a row, for make test")
    parser.add_argument("--jobs", default="2", metavar="N", help="machines at once")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """Prints the table; 0 when every row is as it should be, else 1."""
    course = labs.load(tree, options.lab or options.lab_position)
    chosen, _ = labs.select(course, options.lab or options.lab_position)
    jobs = number(options.jobs, "JOBS", 1) or 2
    seed, sample = master_seed(options.seed), None
    if options.sample:
        draw = number_of_commit(tree, 0) if seed is None else seed
        sample = Sample(tree, course.labs, draw)
        seed = sample.seed
        if options.jsonl and not options.only:
            print(f"note: {sample.in_words}; the same again: make test TEST='selfcheck:*' SEED={draw}", flush=True)
    check = SelfCheck(Grading(tree, course, Memo(default_runner(), course), jobs=jobs), seed, sample)
    rows = (row for lab in chosen for row in check.rows(lab, options.only, jobs))
    return speak(rows) if options.jsonl else show(rows)


def show(rows: Iterable[Row]) -> int:
    """The table for people."""
    paint = Paint(sys.stdout)
    good = bad = 0
    print(f"{'lab':4}{'kind':11}{'name':44}{'score':>7}  verdict")
    for row in rows:
        good, bad = good + (not row.trouble), bad + bool(row.trouble)
        verdict = paint("31", row.trouble) if row.trouble else paint("32", "ok")
        print(f"{row.lab:<4}{row.kind:11}{row.name:44}{row.score:>7}  {verdict}", flush=True)
    print(f"\n{good} rows as they should be, {bad} not")
    return 1 if bad else 0


def speak(rows: Iterable[Row]) -> int:
    """The table for kernel/tests/run.py."""
    bad = False
    for row in rows:
        bad |= bool(row.trouble)
        again = f"python3 -m grader selfcheck --lab {row.lab} --only {row.name}"
        _line(row.full_name,
              not row.trouble,
              seen=row.trouble,
              expected="the row of the self-check is as it should be",
              repeat=again)
        for outcome in row.outcomes if row.kind == "reference" else ():
            passed = outcome.verdict is Verdict.PASS
            bad |= not passed
            _line(f"lab{row.lab}.test.{outcome.test}",
                  passed,
                  seen=outcome.seen,
                  expected=outcome.expected,
                  repeat=outcome.replay,
                  features=list(outcome.features),
                  seed=outcome.seed)
    return 1 if bad else 0


def _line(name: str, ok: bool, **more: object) -> None:
    print(json.dumps({"name": name, "ok": ok, **more}), flush=True)
