"""`demo-race`: a race for an audience, in under a minute.  The right kernel has none, so a known mistake is planted.

    make demo-race                                a spin lock that is tested, and then set
    make demo-race MISTAKE=signal-lost-before-sleep
    make demo-race MISTAKE=list                   which mistakes there are

Everything that is shown is what a student with that mistake would see; the replay command is a student's own.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Dict, List, Tuple

from grader import labs
from grader.commands import explore
from grader.commands.grade import for_screen
from grader.commands.options import master_seed, number
from grader.errors import GraderError, InfraError
from grader.explore import finding, kernels
from grader.explore.control import Found
from grader.explore.survey import Survey, draw, survey
from grader.explore.target import GuestTarget
from grader.judge.grading import Grading, default_runner
from grader.model import KernelSet, Lab, Outcome, Progress, Result, TestSpec, Verdict
from grader.report.terminal import Paint, TerminalProgress, width
from grader.report.text import details, for_terminal
from grader.selfcheck import variants
from grader.submission.files import Submission
from grader.tree import Tree

DEFAULT = "lock-test-then-set"
RUNS = 300  # schedules of each strategy: enough to see who finds it, and quickly
WAYS = 3  # to fail that are listed; the same mistake may show in many
SEED = 1

DISABLED = finding.HINTS[Found.OVERWRITTEN][0]
Known = Dict[str, Tuple[Lab, variants.Variant, List[TestSpec]]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `demo-race`."""
    parser.add_argument("--mistake", default="", metavar="NAME", help=f"the mistake to plant (default {DEFAULT})")
    parser.add_argument("--runs", default="", metavar="N", help=f"schedules of each strategy (default {RUNS})")
    parser.add_argument("--seed", default="", metavar="N", help=f"the master seed (default {SEED})")
    parser.add_argument("--jobs", default="2", metavar="N", help="compilers at once")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """0: the race was found; 1: it was not."""
    course = labs.load(tree)
    runs, seed = number(options.runs, "RUNS", 1) or RUNS, master_seed(options.seed)
    grading = Grading(tree, course, default_runner(), TerminalProgress(sys.stderr),
                      number(options.jobs, "JOBS", 1) or 2)
    found = known(grading)
    if options.mistake == "list":
        _say(*listed(found))
        return 0
    lab, variant, tests = chosen(found, options.mistake or DEFAULT)
    return show(grading, lab, variant, tests, runs, SEED if seed is None else seed)


def known(grading: Grading) -> Known:
    """The mistakes that a test finds by exploring, with these tests; not those that keep the explorer from working."""
    found: Known = {}
    for lab in grading.course.labs:
        explorers = kernels.explorers(grading.course.tests_of(lab))
        for variant in variants.of_lab(grading.tree, lab) if explorers else []:
            failed = variant.failed(test.name for test in explorers)
            if variant.kind == "mistakes" and failed and DISABLED not in variant.hints:
                found[variant.name] = (lab, variant, [test for test in explorers if test.name in failed])
    return found


def chosen(found: Known, name: str) -> Tuple[Lab, variants.Variant, List[TestSpec]]:
    """The one of that name; GraderError with all names where there is none."""
    if name not in found:
        raise GraderError("\n".join([f"MISTAKE={name}: there is no such race to plant. Take one of these:", *listed(found)]))
    return found[name]


def listed(found: Known) -> List[str]:
    """Name, exercise and what is wrong, a line each."""
    longest = max(map(len, found), default=0)
    return [f"  {one:{longest}}  {found[one][1].exercise}  {found[one][1].says}" for one in sorted(found)]


def show(grading: Grading, lab: Lab, variant: variants.Variant, tests: List[TestSpec], runs: int, seed: int) -> int:
    """Plants, searches, judges, and says how to see it again."""
    paint = Paint(sys.stdout)
    _say(paint("1", f"The mistake: {variant.says}"), f"(exercise {variant.exercise}, {_short(grading, variant.path)})", "",
         *(_changed_line(line, paint) for line in changes(variant)), "")
    files = explore.varied(grading, variant)
    folder = grading.tree.scratch("demo-race", variant.name)
    submission = Submission(files, ())
    submission.write_to(folder, files)
    made = grading.builder.build(submission, [test.kernel for test in tests])
    for test in tests:
        if made[test.kernel].trouble:
            raise InfraError(made[test.kernel].trouble)
        if made[test.kernel].error:
            raise GraderError(f"the kernel with this mistake does not build: {made[test.kernel].error.splitlines()[0]}")
    test, found = search(made, lab, tests, seed, runs)
    command = f"make replay LAB={lab.number} TEST={test.name} SEED={{}} SUBMISSION={shlex.quote(_here(folder))}"
    _say(paint("1", f"Every strategy for itself, {runs} schedules each (`tim` is a clock of 100 Hz alone)"),
         *draw(found, test=test.name, replay=command, ways=WAYS), "")
    explore.say(f"{test.name}: graded as a student's kernel is")
    outcome = judged(grading, made, lab, test, seed, _here(folder))
    explore.progress_end()
    _say(paint("1", "What a student with this mistake is told"),
         f"{paint('31', 'FAIL')}  {outcome.test}  {outcome.title}" if outcome.verdict is not Verdict.PASS else
         f"{paint('32', 'PASS')}  {outcome.test}  {outcome.title}: not found with seed {seed}; try SEED={seed + 1}",
         *("  " + line for line in details(outcome, width() - 8).splitlines()))
    if outcome.page:
        _say("", "The timeline opens in any browser; the rerun stops under gdb where it goes wrong.")
    return 0 if outcome.verdict is not Verdict.PASS else 1


def search(made: KernelSet, lab: Lab, tests: List[TestSpec], seed: int, runs: int) -> Tuple[TestSpec, Survey]:
    """The first test and scenario that shows the mistake, and which strategy finds it how often."""
    for test in tests:
        explore.say(f"booting a kernel for {test.name}")
        session = kernels.session_on(made[test.kernel], lab.driver)
        try:
            for asked in kernels.asked_by(session, test, seed):
                explore.say(f"{test.name}: scenario {asked.scenario}")
                if explore.shows(session, asked):
                    target = GuestTarget(session, asked.scenario)
                    return test, survey(target, asked.scenario, seed, runs, asked.parameters,
                                        watch=explore.progress(runs), step_limit=asked.step_limit)
        finally:
            explore.progress_end()
            session.close()
    raise GraderError(f"no schedule shows this mistake, which {', '.join(test.name for test in tests)} should find; "
                      "make selfcheck LAB=3 says whether the mistake still fails its tests")


def judged(grading: Grading, made: KernelSet, lab: Lab, test: TestSpec, seed: int, submission: str) -> Outcome:
    """What grading says, with the commands and paths that work from here."""
    told = default_runner()(made, [test], seed, 1, Progress())[0]
    result = Result(seed, 0, (lab,), (told,))
    return for_screen(result, submission, grading.tree.out).outcomes[0]


def changes(variant: variants.Variant) -> List[str]:
    """What the variant changes, place by place."""
    return [line for edit in variant.edits for line in str(edit).splitlines()]


def _changed_line(line: str, paint: Paint) -> str:
    return "  " + paint({"+": "32", "-": "31", " ": "0"}.get(line[:1], "1"), for_terminal(line))


def _short(grading: Grading, path: Path) -> str:
    return path.relative_to(grading.tree.root).as_posix()


def _here(path: Path) -> str:
    """As short as it can be said from this folder."""
    return str(path.relative_to(Path.cwd()) if Path.cwd() in path.parents else path)


def _say(*lines: str) -> None:
    print("\n".join(lines), flush=True)
