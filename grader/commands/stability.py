"""`stability`: grades one submission many times, half of them on busy cores, and compares the result files.

With --seeds every grading asks other questions, and what is compared is who passed: no seed may be lucky or unlucky.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import multiprocessing
import os
import time
from collections import Counter
from typing import Iterator

from grader import labs
from grader.commands.options import add_further, add_selection, master_seed, number
from grader.judge.grading import Grading, default_runner
from grader.model import Result
from grader.report.result import to_bytes
from grader.tree import Tree


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `stability`."""
    add_selection(parser)
    add_further(parser)
    parser.add_argument("--runs", default="50", metavar="N", help="gradings (default 50)")
    parser.add_argument("--seeds", action="store_true", help="another seed each time: the same tests must pass")
    parser.add_argument("--load", action="store_true", help="keep every core busy in the second half")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """0 when every result file is the same (with --seeds: when the same tests pass every time), else 1."""
    runs = number(options.runs, "--runs", 1) or 50
    course = labs.with_further(labs.load(tree, options.lab), options.further)
    chosen, tests = labs.select(course, options.lab, options.test)
    first_seed = master_seed(options.seed)
    seen: "Counter[str]" = Counter()
    for index in range(runs):
        busy = options.load and index >= runs // 2
        seed = (first_seed or 0) + index if options.seeds else first_seed
        started = time.monotonic()
        with load(busy):
            grading = Grading(tree, course, default_runner(), jobs=number(options.jobs, "JOBS", 1) or 2)
            result = grading.grade(options.submission, chosen, tests, seed)
        digest = hashlib.sha256(_compared(result, options.seeds)).hexdigest()[:16]
        if not seen:
            first = result
        elif digest not in seen:
            print(f"{f'seed {seed} ' if options.seeds else ''}differs in: {_changes(result, first, options.seeds)}", flush=True)
        seen[digest] += 1
        print(f"{index + 1:3}/{runs} {digest} {result.in_words} {'under load' if busy else 'quiet':10} "
              f"{time.monotonic() - started:5.1f} s", flush=True)
    print(f"{runs} gradings, {len(seen)} different {'sets of verdicts' if options.seeds else 'result files'}")
    return 0 if len(seen) == 1 else 1


def _compared(result: Result, verdicts: bool) -> bytes:
    """What has to be the same: the verdicts, or the whole file."""
    return repr([(one.test, one.verdict) for one in result.outcomes]).encode() if verdicts else to_bytes(result)


def _changes(new: Result, old: Result, verdicts: bool) -> str:
    changed = [one.test for one, other in zip(new.outcomes, old.outcomes)
               if (one.verdict != other.verdict if verdicts else one != other)]
    return ", ".join(changed) or "the notes"


@contextlib.contextmanager
def load(wanted: bool) -> Iterator[None]:
    """Keeps every core busy with processes of our own until the block ends."""
    workers = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(os.cpu_count() or 2)] if wanted else []
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def _spin() -> None:
    while True:
        hashlib.sha256(bytes(1 << 16)).digest()
