"""`mutate`: wrong solutions by rule, and which of them the tests of their exercise let pass.

Ends with 0 when every mutant was judged, else 2; how many survived is a figure and no failure.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from grader import labs
from grader.commands.options import master_seed, number
from grader.errors import GraderError
from grader.guest.session import KERNEL
from grader.images import dwarf
from grader.images.pe import PeImage
from grader.model import Lab
from grader.mutate import engine, figures, mutants
from grader.mutate.figures import Figures
from grader.report import result
from grader.report.terminal import Paint, TerminalProgress
from grader.tree import Tree

SEED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `mutate`."""
    parser.add_argument("--lab", default="", metavar="N", help="the lab")
    parser.add_argument("--exercise", default="", metavar="N.M", help="exercises of it (default: all)")
    parser.add_argument("--sample", default="", metavar="N", help="mutants of each exercise, by lot (default: all)")
    parser.add_argument("--seed", default="", metavar="N", help=f"draws the sample and the tests' questions (default {SEED})")
    parser.add_argument("--hints", default="", metavar="N", help="show so many of the killed ones with their hints")
    parser.add_argument("--json", default="", metavar="FILE", help="where everything goes (default: mutate/labN.json in the build folder)")
    parser.add_argument("--jobs", default="2", metavar="N", help="mutants at once")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """Makes, builds, runs and reports the mutants of a lab."""
    if not options.lab:
        raise GraderError("mutate needs a lab: make mutate LAB=1")
    course = labs.load(tree, options.lab)
    lab = labs.select(course, options.lab)[0][0]
    chosen = mutants.exercises(course, lab, options.exercise)
    size, seed = number(options.sample, "SAMPLE", 1) or 0, master_seed(options.seed)
    seed = SEED if seed is None else seed
    workshop = engine.RealWorkshop(tree, course)
    debug = dwarf.read(PeImage.load(workshop.base / KERNEL))
    made = {one.number: mutants.of_exercise(tree, one, debug.siblings() if debug else {}) for one in lab.exercises}
    listed = mutants.equivalents(tree, lab)
    workshop.prepare([test for exercise in chosen for test in engine.tests_of(course, lab, exercise)])
    found = []
    with _Steps() as steps:
        for exercise in chosen:
            drawn = mutants.sample(made[exercise.number], size, seed)
            steps.exercise = exercise.number
            work = engine.Engine(workshop, tree.scratch("mutate", "found"), number(options.jobs, "JOBS", 1) or 2, steps)
            tests = engine.tests_of(course, lab, exercise)
            ended = work.run(drawn, tests, engine.seeds_of(seed), listed, made[exercise.number])
            found.append(Figures(exercise.number, len(made[exercise.number]), ended))
    path = tree.root / options.json if options.json else tree.scratch("mutate") / f"lab{lab.number}.json"
    result.write(path, (json.dumps(figures.to_json(lab.number, engine.seeds_of(seed), found), indent=1) + "\n").encode("utf-8"))
    report(lab, found, mutants.strangers(listed, [one for part in made.values() for one in part]))
    if options.hints:
        print("\n" + figures.hints(found, number(options.hints, "HINTS", 1) or 0, seed))
    print(f"\nEverything, with each killed one's hint: {tree.in_make(path)}")
    return 2 if figures.unjudged(found) else 0


def report(lab: Lab, found: "list[Figures]", strangers: "list[str]") -> None:
    """The table, then what needs a look."""
    paint = Paint(sys.stdout)
    print(figures.table(found))
    for title, ones in (("Let pass", figures.let_pass(found)),
                        ("On the reviewed list, and a test fails: correct the list, or the test", figures.misjudged(found))):
        for one in ones:
            print(f"\n{paint('33', title)}: {one.end}\n{figures.shown(one)}" + (f"\n    listed: {one.reason}" if one.reason else ""))
    for name in strangers:
        print(f"\n{paint('31', 'No such mutant')}: {name} in solutions/{lab.folder}/{mutants.LISTED}; its line has changed: judge the new one, "
              "and take this one off the list")
    for one in figures.unjudged(found):
        print(f"\n{paint('31', 'Not judged')}: {one.mutant.id}: {one.said}; the next run tries it again")


class _Steps:
    """The progress on standard error, with the time that is left of a step."""

    def __init__(self) -> None:
        self.exercise = ""
        self._progress = TerminalProgress(sys.stderr)
        self._step, self._since = ("", ""), 0.0

    def __enter__(self) -> "_Steps":
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.clear()

    def __call__(self, word: str, done: int, total: int) -> None:
        now = time.monotonic()
        if (self.exercise, word) != self._step or done == 1:
            self._step, self._since = (self.exercise, word), now
        left = (now - self._since) / (done - 1) * (total - done) if done > 1 else 0
        if self._progress_wanted(done, total):
            self._progress.say(f"{self.exercise} {word}: {done} of {total}" + (f", about {_span(left)} left" if left >= 1 else ""))

    @staticmethod
    def _progress_wanted(done: int, total: int) -> bool:
        """Every step on a terminal's one line; elsewhere a line now and then."""
        return sys.stderr.isatty() or done == total or done % 10 == 0


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
