"""`replay`: one test again, exactly as it was graded, under gdb.

    make replay LAB=1 TEST=insert_at_tail SEED=42              stops at the call that failed
    make replay ... AT=failure                                 stops where the test failed
    make replay LAB=3 TEST=event_wakes SEED=pct3-77.k250       one schedule, up to where it breaks the scenario
    GDB_ARGS="-batch -ex bt" make replay ...                   without a terminal
"""

from __future__ import annotations

import argparse
import sys
from typing import List, Optional, Tuple

from grader import labs
from grader.building.builder import Builder
from grader.commands.options import add_selection, master_seed, number
from grader.errors import GraderError
from grader.explore.schedule import is_token, parse
from grader.judge.grading import Grading
from grader.model import KernelSet, Outcome, Progress, TestSpec
from grader.replay.replay import gdb_arguments, replay
from grader.report.text import for_terminal
from grader.tree import Tree


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `replay`."""
    add_selection(parser)
    parser.add_argument("--at-failure",
                        action="store_true",
                        help="stop where the test failed, not at the start of the call")
    parser.add_argument("--student-seed", default="", metavar="N", help="the student's seed, from the class list")
    parser.add_argument("--gdb-args", default="", metavar="ARGS", help="arguments for gdb (default: GDB_ARGS)")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """Builds as `grade` does, and gives the guest to gdb.  0: gdb ran; 2: there was nothing to replay."""
    course = labs.load(tree, labs.EVERY)
    chosen, tests = labs.select(course, options.lab, options.test)
    if len(tests) != 1:
        raise GraderError(f"replay runs one test; {options.test or 'no TEST'} means {len(tests)}: "
                          + ", ".join(test.name for test in tests[:12]))
    forced = parse(options.seed) if is_token(options.seed) else None
    if forced and not tests[0].explore:
        raise GraderError(f"{tests[0].name} explores no schedules; SEED= takes a number here, as its failure printed it")
    ran: List[Outcome] = []

    def under_gdb(kernels: KernelSet, specs: List[TestSpec], seed: int, jobs: int, progress: Progress) -> List[Outcome]:
        files = course.files if specs[0].whole else chosen_files(course, specs[0])
        ran.append(replay(kernels, specs[0], seed, tree.root, lambda line: print(for_terminal(line), flush=True),
                          options.at_failure, gdb_arguments(options.gdb_args), forced, files,
                          lambda: unoptimized(kernels, specs[0])))
        return ran

    def unoptimized(kernels: KernelSet, spec: TestSpec) -> Optional[KernelSet]:
        """The same kernels with the student's files as gdb likes them; None where nothing is the student's."""
        if kernels[spec.kernel].directory == grading.builder.base():
            return None
        plain = Builder(tree, course, jobs=jobs, plain=True)
        made = plain.build(grading.read(options.submission), [spec.kernel], kernels.student_seed)
        return None if made[spec.kernel].error or made[spec.kernel].trouble else made

    jobs = number(options.jobs, "JOBS", 1) or 2
    grading = Grading(tree, course, under_gdb, jobs=jobs)
    result = grading.grade(options.submission, chosen, tests, None if forced else master_seed(options.seed),
                           number(options.student_seed, "--student-seed"))
    if not ran:
        for note in result.notes:
            print(for_terminal(note.text), file=sys.stderr)
        raise GraderError("the kernel of this test was not built; correct what the compiler says first")
    return 0


def chosen_files(course: labs.Course, spec: TestSpec) -> Tuple[str, ...]:
    """The student's files that a test is about."""
    return next(lab for lab in course.labs if lab.number == spec.lab).exercise(spec.exercise).files
