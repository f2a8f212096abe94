"""`explore`: which strategy finds what, and the experiments on planted races.

    make explore LAB=3 TEST=event_races RUNS=2000 SEED=7    each strategy alone on what a test explores: a histogram
    make explore SCENARIOS=kernel RUNS=2000                 the kernel's own scenarios
    python3 -m grader explore --table                       planted races: found, in time, replayed
    python3 -m grader explore --accusations                 reference and accepted variants: nothing may be found
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from grader import labs
from grader.commands.options import add_selection, master_seed, number
from grader.errors import GraderError
from grader.explore import explorer, kernels, table
from grader.explore.survey import Row, Survey, draw, survey
from grader.explore.target import GuestTarget
from grader.guest.session import Session
from grader.judge.grading import Grading, default_runner
from grader.model import Kernel, Lab
from grader.report import result as results
from grader.report.terminal import Paint
from grader.report.text import for_terminal
from grader.selfcheck import variants
from grader.tree import Tree

RUNS = 2000
TIMER_RUNS = 3000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `explore`."""
    add_selection(parser)
    parser.add_argument("--scenarios", default="", metavar="kernel|GLOB",
                        help="the kernel's own scenarios, or scenarios of the lab's driver by name")
    parser.add_argument("--runs", default="", metavar="N", help=f"schedules of each strategy (default {RUNS})")
    parser.add_argument("--json", default="", metavar="FILE", help="write the figures to a file")
    parser.add_argument("--table", action="store_true", help="the experiment on planted races")
    parser.add_argument("--accusations", action="store_true", help="the experiment on kernels that are right")
    parser.add_argument("--explorations", default="100", metavar="N", help="of each planted race (default 100)")
    parser.add_argument("--each", default="11", metavar="N", help="tries of each strategy alone (default 11; 0: none)")
    parser.add_argument("--schedules", default="1000", metavar="N", help="of each scenario (default 1000)")
    parser.add_argument("--only", default="", metavar="GLOB", help="races or kernels by name")
    parser.add_argument("--journal", default="", metavar="FILE", help="where figures are kept (default: build folder)")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """0: as it should be; 1: something was found (survey, accusations), or missed (table)."""
    course = labs.with_further(labs.load(tree, labs.EVERY), "all")
    grading = Grading(tree, course, default_runner(), jobs=number(options.jobs, "JOBS", 1) or 2)
    if options.table:
        return run_table(grading, options)
    if options.accusations:
        return run_accusations(grading, options)
    return run_surveys(grading, options)


# -- surveys ---------------------------------------------------------------------------------------------------------
def run_surveys(grading: Grading, options: argparse.Namespace) -> int:
    """The surveys that the options ask for, one after the other; what is known stays when somebody stops them."""
    runs, master = number(options.runs, "RUNS", 1) or RUNS, master_seed(options.seed) or 1
    begun: List[Survey] = []
    _write(options, [])
    for session, asked in selected(grading, options, master):
        target = GuestTarget(session, asked.scenario)
        try:
            survey(target, asked.scenario, master, runs, asked.parameters, watch=progress(runs),
                   step_limit=asked.step_limit, begun=begun.append)
        except KeyboardInterrupt:
            begun[-1].stopped = True
            raise
        finally:
            progress_end()
            lines = draw(begun[-1], test=asked.test, replay=_replay(asked, options))
            print("\n".join(for_terminal(line) for line in lines) + "\n", flush=True)
            _write(options, begun)
    if not begun:
        raise GraderError(f"nothing to explore; try {_labs(grading)}SCENARIOS=kernel")
    return 1 if any(one.finds for one in begun) else 0


def _labs(grading: Grading) -> str:
    """The commands that explore what a lab's tests explore."""
    return "".join(f"make explore LAB={lab.number}, or " for lab in grading.course.labs if lab.explored)


def _replay(asked: kernels.Asked, options: argparse.Namespace) -> str:
    """The command that replays a find; the kernel's own scenarios are no tests, and have none."""
    if not asked.test:
        return "SEED={}"
    more = f" SUBMISSION={shlex.quote(options.submission)}" if options.submission else ""
    return f"make replay LAB={asked.lab} TEST={asked.test} SEED={{}}" + more.replace("{", "{{").replace("}", "}}")


def _write(options: argparse.Namespace, found: Sequence[Survey]) -> None:
    if options.json:
        results.write(Path(options.json), (json.dumps([one.to_json() for one in found], indent=1) + "\n").encode())


class Chosen:
    """The scenarios that a pattern names, on one machine after the other."""

    def __init__(self, pattern: str) -> None:
        self._pattern, self._any = pattern, False
        self._others: List[str] = []

    def of(self, session: Session) -> Iterator[str]:
        """Those of the loaded driver."""
        for name in kernels.scenarios_of(session):
            if fnmatch.fnmatchcase(name, self._pattern or "*"):
                self._any = True
                yield name
            else:
                self._others.append(name)

    def check(self) -> None:
        """GraderError with the names that exist when there was none."""
        if not self._any:
            known = ", ".join(dict.fromkeys(self._others))
            raise GraderError(f"no scenario matches {self._pattern!r}; there are: {known}")


def selected(grading: Grading, options: argparse.Namespace, master: int) -> Iterator[Tuple[Session, kernels.Asked]]:
    """Scenarios with the machine that they run on."""
    kernel = kernel_for(grading, options)
    named = Chosen(options.test if options.scenarios == "kernel" else options.scenarios)
    if options.scenarios == "kernel":
        for driver in kernels.kernel_drivers(grading.tree.root):
            with _closing(kernels.session_on(kernel, driver)) as session:
                for name in named.of(session):
                    yield session, kernels.Asked("", name)
        named.check()
        return
    chosen, tests = labs.select(grading.course, options.lab, "" if options.scenarios else options.test)
    if options.scenarios:
        for lab in chosen:
            if lab.driver:
                with _closing(kernels.session_on(kernel, lab.driver)) as session:
                    for name in named.of(session):
                        yield session, kernels.Asked("", name)
        named.check()
        return
    found = kernels.explorers(tests)
    if not found:
        raise GraderError(f"none of these tests explores schedules; try {_labs(grading)}SCENARIOS=kernel")
    for driver in dict.fromkeys(test.driver for test in found):
        with _closing(kernels.session_on(kernel, driver)) as session:
            for test in found:
                if test.driver == driver:
                    for asked in kernels.asked_by(session, test, master):
                        yield session, asked


def kernel_for(grading: Grading, options: argparse.Namespace) -> Kernel:
    """The submission's kernel, or the tree's own."""
    if not options.submission and not grading.tree.is_handout:
        return kernels.kernel_of(grading)
    submission = grading.read(options.submission)
    return kernels.kernel_of(grading, submission.files)


# -- experiments -----------------------------------------------------------------------------------------------------
def run_table(grading: Grading, options: argparse.Namespace) -> int:
    """Planted races: scenarios that are meant to fail, and the mistakes of the labs."""
    journal = table.Journal(_journal(grading, options))
    count, tries = number(options.explorations, "--explorations", 1) or 100, number(options.each, "--each")
    runs, timer = number(options.runs, "RUNS", 1) or RUNS, TIMER_RUNS
    rows: List[dict] = []
    for race, kernel, driver in planted(grading, options):
        lazy = Lazy(kernel, driver, race.scenario)
        with _closing(lazy):
            rows.append(table.race_rows(journal, race, lazy.target, count, tries or 0, runs, timer, lazy.cpu, say))
        progress_end()
        print(for_terminal(table.draw_races(rows)[len(rows)]), flush=True)
    if not rows:
        raise GraderError(f"no planted race is called {options.only!r}; leave --only out to see their names")
    print("\n" + "\n".join(for_terminal(line) for line in table.draw_races(rows)))
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0 if rows and all(row["found"] * 100 >= 99 * row["explorations"] and row["replayed"] ==
                             sum(row["by"].values()) for row in rows) else 1


def planted(grading: Grading, options: argparse.Namespace) -> Iterator[Tuple[table.Race, Kernel, str]]:
    """Every planted race with its kernel and driver."""
    reference = kernels.kernel_of(grading)
    digest = kernels.digest_of(reference)
    if not options.lab:
        for driver in kernels.kernel_drivers(grading.tree.root):
            with _closing(kernels.session_on(reference, driver)) as session:
                names = [name for name in kernels.scenarios_of(session) if kernels.is_planted(session, name)
                         and _wanted(name, options)]
            for name in names:
                if name != "Canary" or driver == "planted.sys":
                    yield table.Race(name, digest, name), reference, driver
    chosen, _ = labs.select(grading.course, options.lab)
    for lab in chosen:
        yield from mistakes(grading, lab, options)


def mistakes(grading: Grading, lab: Lab, options: argparse.Namespace) -> Iterator[Tuple[table.Race, Kernel, str]]:
    """The mistakes of a lab that an exploring test must fail; each with every scenario that its tests explore."""
    tests = kernels.explorers(grading.course.tests_of(lab))
    for variant in variants.of_lab(grading.tree, lab) if tests else []:
        own = [test for test in tests if any(fnmatch.fnmatchcase(test.name, one) for one in variant.fails)]
        if variant.kind != "mistakes" or not own or not _wanted(variant.name, options):
            continue
        kernel = kernels.kernel_of(grading, varied(grading, variant))
        digest = kernels.digest_of(kernel)
        with _closing(kernels.session_on(kernel, lab.driver)) as session:
            asked = [one for test in own for one in kernels.asked_by(session, test, 1)]
            good = [one for one in asked if shows(session, one)]
        for one in good[:1] or asked[:1]:
            yield table.Race(variant.name, digest, one.scenario, one.parameters, one.step_limit), kernel, lab.driver


def shows(session: Session, asked: kernels.Asked) -> bool:
    """Whether this scenario shows the mistake at all: a variant's test may explore several."""
    target = GuestTarget(session, asked.scenario)
    return explorer.explore(target, asked.scenario, 0, 0, 1500, asked.parameters, step_limit=asked.step_limit).find is not None


def run_accusations(grading: Grading, options: argparse.Namespace) -> int:
    """Schedules of every scenario on the reference and on every accepted variant."""
    journal = table.Journal(_journal(grading, options))
    schedules = number(options.schedules, "--schedules", 1) or 1000
    rows: List[Tuple[str, str, dict]] = []
    for name, kernel, driver in right_kernels(grading, options):
        digest = kernels.digest_of(kernel)
        with _closing(Lazy(kernel, driver, "")) as lazy:
            names = [one for one in kernels.scenarios_of(lazy.session(), options.test)
                     if not kernels.is_planted(lazy.session(), one)]
            asked = _asked(grading, lazy.session(), driver)
            for scenario in names:
                test = asked.get(scenario, kernels.Asked("", scenario))
                race = table.Race(name, digest, scenario, parameters=test.parameters, step_limit=test.step_limit)
                rows.append((name, scenario, table.accusation_rows(
                    journal, race, lambda: GuestTarget(lazy.session(), scenario), schedules)))
                say(f"{name}: {scenario}")
    progress_end()
    if not rows:
        raise GraderError(f"no kernel is called {options.only!r}, or no scenario {options.test!r}; --only reference is one")
    print("\n".join(for_terminal(line) for line in table.draw_accusations(rows)))
    if options.json:
        Path(options.json).write_text(json.dumps([{"kernel": name, "scenario": scenario, **row}
                                                  for name, scenario, row in rows], indent=1) + "\n", encoding="utf-8")
    return 1 if not rows or any(row["accused"] for _, _, row in rows) else 0


def _asked(grading: Grading, session: Session, driver: str) -> Dict[str, kernels.Asked]:
    """What a lab's tests give to the scenarios of its driver: some need addresses of the kernel's."""
    tests = [test for test in grading.course.tests if test.driver == driver]
    return {one.scenario: one for test in kernels.explorers(tests) for one in kernels.asked_by(session, test, 1)}


def right_kernels(grading: Grading, options: argparse.Namespace) -> Iterator[Tuple[str, Kernel, str]]:
    """Name, kernel and driver of everything that may not be accused."""
    reference = kernels.kernel_of(grading)
    chosen, _ = labs.select(grading.course, options.lab)
    if not options.lab and _wanted("reference", options):
        for driver in kernels.kernel_drivers(grading.tree.root):
            yield "reference", reference, driver
    for lab in chosen:
        if not kernels.explorers(grading.course.tests_of(lab)):
            continue
        if _wanted("reference", options):
            yield "reference", reference, lab.driver
        for variant in variants.of_lab(grading.tree, lab):
            if variant.kind == "accepted" and _wanted(variant.name, options):
                yield variant.name, kernels.kernel_of(grading, varied(grading, variant)), lab.driver


def varied(grading: Grading, variant: variants.Variant) -> Dict[str, bytes]:
    """The reference with a variant applied."""
    reference = {name: (grading.tree.root / name).read_bytes() for name in grading.course.files}
    return variants.apply(variant, reference)


# -- the machine of an experiment ------------------------------------------------------------------------------------
class Lazy:
    """A session that is booted when it is first needed: figures that are known need none."""

    def __init__(self, kernel: Kernel, driver: str, scenario: str) -> None:
        self._kernel, self._driver, self._scenario = kernel, driver, scenario
        self._session: Optional[Session] = None

    def session(self) -> Session:
        if self._session is None:
            self._session = kernels.session_on(self._kernel, self._driver)
        return self._session

    def target(self) -> GuestTarget:
        return GuestTarget(self.session(), self._scenario)

    def cpu(self) -> float:
        """Seconds of processor time, the emulator's and our own."""
        stat = Path(f"/proc/{emulator(self.session().machine.process.pid)}/stat")
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            ticks = int(fields[11]) + int(fields[12])
        except OSError:  # no /proc here: the wall clock, which is never less
            return time.monotonic()
        return ticks / os.sysconf("SC_CLK_TCK") + time.process_time()

    def close(self) -> None:
        if self._session is not None:
            self._session.close()


def emulator(pid: int) -> int:
    """The process that uses the time: behind bubblewrap, the innermost child."""
    while True:
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            return pid
        if not children:
            return pid
        pid = int(children[0])


class _closing:
    """`with` for whatever has close()."""

    def __init__(self, what):  # type: ignore[no-untyped-def]
        self._what = what

    def __enter__(self):  # type: ignore[no-untyped-def]
        return self._what

    def __exit__(self, *_: object) -> None:
        self._what.close()


# -- progress --------------------------------------------------------------------------------------------------------
def progress(runs: int) -> Callable[[Survey, Row], None]:
    """Tells how far a survey is."""
    def watch(made: Survey, row: Row) -> None:
        say(f"{made.scenario}: {row.kind} {row.runs:,} of {runs:,}, {row.finds} found")

    return watch


def say(text: str) -> None:
    """One line on a terminal that the next one takes the place of."""
    if Paint(sys.stderr).terminal:
        width = shutil.get_terminal_size((80, 24)).columns
        sys.stderr.write("\r\x1b[K" + for_terminal(text)[:width - 1])
        sys.stderr.flush()


def progress_end() -> None:
    """Takes that line away."""
    if Paint(sys.stderr).terminal:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _wanted(name: str, options: argparse.Namespace) -> bool:
    return fnmatch.fnmatchcase(name, options.only or "*")


def _journal(grading: Grading, options: argparse.Namespace) -> Path:
    return Path(options.journal) if options.journal else grading.tree.scratch() / "explore-journal.jsonl"
