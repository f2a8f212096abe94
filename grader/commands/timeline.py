"""`timeline`: a run's synchronization as one offline HTML page, and as Chrome trace JSON.

    make timeline SMP=2 OUT=page.html       the demo: kernel/tests/guest/timeline.cpp
    make timeline TEST=waits.WaitAllTakesNothingUntilItCanTakeAll       a guest test (driver.Test)
    make timeline LAB=1 TEST=preemption_order       a lab's test, on this tree's kernel or SUBMISSION's
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import List

from grader import labs
from grader.commands.guesttest import LIMIT, SECONDS, guest_test
from grader.commands.options import master_seed, number
from grader.errors import GraderError
from grader.guest import Guest
from grader.guest.booting import boot, place_of
from grader.judge.grading import Grading
from grader.machine.parts import Machine
from grader.model import KernelSet, Outcome, Progress, TestSpec, Verdict
from grader.replay.replay import run_once
from grader.report import result as results
from grader.report.text import for_terminal
from grader.timeline import chrome, page, record
from grader.timeline.model import Timeline
from grader.tree import Tree

DEMO = "timeline.BoundedBufferWithAClock"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `timeline`."""
    parser.add_argument("--lab", default="", metavar="N", help="a lab's test (default: a guest test)")
    parser.add_argument("--test", default="", metavar="NAME", help=f"which test (default: {DEMO})")
    parser.add_argument("--seed", default="", metavar="N", help="the master seed of a lab's test")
    parser.add_argument("--submission", default="", metavar="WHAT", help="a folder, zip, tar or git ref")
    parser.add_argument("--smp", default="1", metavar="N", help="processors")
    parser.add_argument("--checked", action="store_true", help="the checked build")
    parser.add_argument("--to", default="", metavar="FILE", help="the page (default: timeline.html in the build folder)")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """Writes the page and the JSON beside it; prints where they are."""
    target = Path(options.to) if options.to else tree.scratch() / "timeline.html"
    if target.is_dir():
        raise GraderError(f"OUT={target} is a folder; name the page in it: OUT={target / 'timeline.html'}")
    if target.suffix == ".json":
        raise GraderError(f"OUT={target} is the name of the trace beside the page; name the page: "
                          f"OUT={target.with_suffix('.html')}")
    made = of_lab_test(tree, options) if options.lab else of_guest_test(tree, options)
    for path in write(made, target):
        print(for_terminal(str(path)))
    return 0


def write(made: Timeline, target: Path) -> List[Path]:
    """The page, and the same for chrome://tracing and Perfetto."""
    twin = target.with_suffix(".json")
    results.write(target, page.render(made).encode("utf-8"))
    results.write(twin, chrome.render(made).encode("utf-8"))
    return [target, twin]


def of_guest_test(tree: Tree, options: argparse.Namespace) -> Timeline:
    """One of kernel/tests/guest, named as `driver.Test`."""
    def machine_of(*_: object) -> Machine:
        return Machine(processors=number(options.smp, "SMP", 1) or 1)

    with guest_test(tree, options.test or DEMO, options.checked, machine_of, "; a lab's test needs LAB= as well") as chosen:
        after, before = record.sequence(chosen.guest), record.names(chosen.guest)
        failure = chosen.runner.judge(chosen.guest, chosen.test)
        if failure:
            print(for_terminal(f"{chosen.driver}.{chosen.test.name} failed: seen {failure[1]}"), file=sys.stderr)
        return record.take(chosen.guest, after, f"{chosen.test.name} ({chosen.driver}.sys)", before)


def of_lab_test(tree: Tree, options: argparse.Namespace) -> Timeline:
    """A lab's test, on a submission's kernel or the reference."""
    course = labs.load(tree, labs.EVERY)
    chosen, tests = labs.select(course, options.lab, options.test)
    if len(tests) != 1:
        raise GraderError(f"a timeline shows one test; {options.test or 'no TEST'} means {len(tests)}: "
                          + ", ".join(test.name for test in tests[:12]) + "; name one with TEST=")
    if tests[0].stage == "none":
        raise GraderError(f"{tests[0].name} needs no machine: there is nothing to draw; name another test")
    made: List[Timeline] = []

    def watched(kernels: KernelSet, specs: List[TestSpec], seed: int, jobs: int, progress: Progress) -> List[Outcome]:
        session = boot(place_of(kernels, specs[0]))
        try:
            guest = Guest(session)
            guest.begin(session.restore(specs[0].stage), LIMIT, SECONDS)
            after, before = record.sequence(guest), record.names(guest)
            guest, told = run_once(session, kernels, specs[0], seed)
            if told.verdict is not Verdict.PASS:
                print(for_terminal(f"{told.test}: {told.verdict.value}: {told.seen}"), file=sys.stderr)
            made.append(record.take(guest, after, f"{told.test}: {told.title}", before))
            return [told]
        finally:
            session.close()

    Grading(tree, course, watched).grade(options.submission, chosen, tests, master_seed(options.seed))
    if not made:
        raise GraderError("the kernel of this test was not built; correct what the compiler says first")
    return made[0]
