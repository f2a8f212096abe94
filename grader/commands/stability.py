"""`stability`: grades one submission many times, half of them on busy cores, and compares the result files."""

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
from grader.commands.options import add_selection, master_seed, number
from grader.grading import Grading, default_runner
from grader.result import to_bytes
from grader.tree import Tree


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `stability`."""
    add_selection(parser)
    parser.add_argument("--runs", default="50", metavar="N", help="gradings (default 50)")
    parser.add_argument("--load", action="store_true", help="keep every core busy in the second half")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """0 when every result file is the same, else 1."""
    runs = number(options.runs, "--runs", 1) or 50
    course = labs.load(tree)
    chosen, tests = labs.select(course, options.lab, options.test)
    seen: "Counter[str]" = Counter()
    for index in range(runs):
        busy = options.load and index >= runs // 2
        started = time.monotonic()
        with load(busy):
            grading = Grading(tree, course, default_runner(), jobs=number(options.jobs, "JOBS", 1) or 2)
            result = grading.grade(options.submission, chosen, tests, master_seed(options.seed))
        digest = hashlib.sha256(to_bytes(result)).hexdigest()[:16]
        if not seen:
            first = result
        elif digest not in seen:
            changed = [new.test for new, old in zip(result.outcomes, first.outcomes) if new != old]
            print(f"differs in: {', '.join(changed) or 'the notes'}", flush=True)
        seen[digest] += 1
        print(f"{index + 1:3}/{runs} {digest} {result.score}/{result.max_score} {'under load' if busy else 'quiet':10} "
              f"{time.monotonic() - started:5.1f} s", flush=True)
    print(f"{runs} gradings, {len(seen)} different result files")
    return 0 if len(seen) == 1 else 1


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
