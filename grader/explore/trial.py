"""`t.explore(...)`: an exploration as part of a lab's test, and its find as an ordinary failure.

Invariants
  * What is told depends on the kernel and the schedule only; the timeline's name too.
  * Nothing found is a pass only when the canary was found on this very machine afterwards.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Callable, Optional, Sequence, Tuple

from grader.api import Context
from grader.errors import InfraError
from grader.explore import explorer, finding, portfolio
from grader.explore.control import Batch, Found, Ran
from grader.explore.explorer import Target
from grader.explore.lines import Lines, known, published
from grader.explore.schedule import Schedule, Strategy
from grader.explore.shown import reader
from grader.explore.target import GuestTarget
from grader.guest.stops import Bugcheck, GuestStop, Tampering
from grader.judge.judgement import Hint, TestFailure
from grader.judge.verdict import bugcheck
from grader.timeline import chrome, page
from grader.timeline.race import build
from grader.timeline.sources import Sources
from grader.tree import Tree

CANARY = "Canary"  # kernel/tests/scenarios/scenario_main.h: in every driver of scenarios
BUDGET = explorer.BUDGET
WATCHED, WATCHED_RUNS = 2, 3
DISABLED = finding.HINTS[Found.OVERWRITTEN]
ROOT = Path(__file__).resolve().parents[2]
Judge = Callable[[Sequence[int]], str]


class Judged:
    """A target whose runs the host judges too, by what they observed."""

    def __init__(self, target: Target, judge: Judge) -> None:
        self._target, self._judge = target, judge

    def run(self, batch: Batch, fresh: bool) -> Ran:
        ran = self._target.run(batch, fresh)
        if ran.found is Found.NOTHING and ran.runs:
            wrong = self._judge(ran.observations)
            if wrong:
                last = batch.schedule.at(batch.schedule.seed + ran.runs - 1)
                return replace(ran, found=Found.CHECK, message=wrong, schedule=last, run=ran.runs - 1)
        return ran


def run(t: Context, scenario: str, *, asked: str = "", expected: str = "", hint: Optional[Hint] = None,
        parameters: Tuple[int, ...] = (), runs: int = 0, budget: int = 0, step_limit: int = 0,
        judge: Optional[Judge] = None) -> None:
    """See Context.explore."""
    guest = t.guest
    real = GuestTarget(guest.session, scenario, guest)
    target: Target = Judged(real, judge) if judge else real
    t.asking(asked or f"{t.spec.title}: scenario {scenario}, under every order of steps", hint)
    if t.forced is not None:
        forced(t, target, scenario, expected, hint, step_limit)
        return
    report = explorer.explore(target, scenario, t.seed, 0 if runs and not budget else budget or BUDGET, runs, parameters,
                              step_limit=step_limit, remembering=True)
    if report.find is None:
        watched(t, real, parameters, bool(report.unconfirmed))
        if not explorer.canary(GuestTarget(guest.session, CANARY, guest), t.seed, bool(report.unconfirmed)):
            t.fail(expected="a planted race of the courseware is found on this kernel",
                   seen="it is not: something keeps the explorer from working", hint=t.hint(*DISABLED))
        return
    if not report.find.alone:
        remembered(t, report, hint)
    fail(t, target, scenario, report.find.schedule, expected, hint, step_limit, report.find.ran)


def remembered(t: Context, report: explorer.Report, hint: Optional[Hint]) -> None:
    """A failure that needs the runs before it: there is no one schedule to show."""
    assert report.find is not None
    t.fail(expected="each run begins anew, and the same result under every order of steps",
           seen=f"under schedule {report.find.token}, but only behind the {report.find.runs - 1:,} runs before it: {report.find.ran.message or report.find.ran.found.name}",
           hint=hint or t.hint("race-remembered", "Something in your files counts or keeps what earlier runs left, and behaves in another way later. "
                               "What an object does follows from its fields alone."))


def watched(t: Context, target: GuestTarget, parameters: Tuple[int, ...], doubted: bool) -> None:
    """Nothing was found: some more schedules, watched, of which the kernel does not know that they are: the first behind all those that
    were tried (if the machine is still good), the last from the snapshot."""
    for number in range(WATCHED):
        schedule = replace(portfolio.calibration(t.seed, f"watched {number}", parameters).schedule, strategy=Strategy.WALK)
        try:
            target.run_watched(Batch(schedule, WATCHED_RUNS), doubted or number > 0)
        except Tampering as stop:
            t.fail(expected="the explorer sees every step", seen=str(stop), hint=t.hint(*DISABLED))


def forced(t: Context, target: Target, scenario: str, expected: str, hint: Optional[Hint], step_limit: int) -> None:
    """A replay: one schedule.  Another scenario of the same test may not fail under it, and is passed by."""
    assert t.forced is not None
    ran = target.run(Batch(t.forced, 1, step_limit, trace=True), True)
    if ran.found is Found.BAD_SCENARIO:
        raise InfraError(f"scenario {scenario} cannot be run: {ran.message}")
    if ran.found is not Found.NOTHING:
        fail(t, target, scenario, t.forced, expected, hint, step_limit, ran, traced=False)


def fail(t: Context, target: Target, scenario: str, schedule: Schedule, expected: str, hint: Optional[Hint],
         step_limit: int, ran: Ran, traced: bool = True) -> None:
    """Tell the find as the test's failure, with its timeline."""
    if traced:
        again = explorer.trace(target, schedule, step_limit)
        ran = again if again.same_as == ran.same_as else ran
    t.found = replace(ran, schedule=schedule)
    lines = Lines(t.guest.symbols, known(t.guest), t.guest.session.layout, published(t.guest))

    def stopped(cause: BaseException) -> str:
        return bugcheck("", cause, t.guest, None).seen if isinstance(cause, Bugcheck) else str(cause)

    told = finding.tell(ran, lines, stopped)
    failure = TestFailure(t.question, expected or "the same result under every order of steps",
                          f"under schedule {schedule.token}: {told.seen}", hint or Hint(*told.hint), told.difference)
    if ran.found is Found.OVERWRITTEN:
        failure.hint = t.hint(*DISABLED)
    failure.token, failure.where = schedule.token if ran.whole == 1 else "", told.where
    if isinstance(ran.cause, GuestStop):
        failure.registers = ran.cause.registers
    if ran.trace and t.pages is not None:
        failure.page = draw(t, scenario, schedule, ran, lines, told)
    raise failure


def draw(t: Context, scenario: str, schedule: Schedule, ran: Ran, lines: Lines, told: finding.Told) -> str:
    """Write the timeline; returns its name in the build folder."""
    assert t.pages is not None
    lines.prepare(entry.pc - 1 for entry in ran.trace if entry.pc)
    out = t.pages.parent
    sources = Sources(reader(out, Tree(ROOT, out), t.spec.lab))
    made = build(ran, lines, f"{scenario}: {schedule.token}", [told.seen], sources, told.difference,
                 lambda file: (out / "student" / file).is_file())
    name = f"{t.spec.name}-{schedule.token.replace(':', '.')}"
    t.pages.mkdir(parents=True, exist_ok=True)
    (t.pages / f"{name}.html").write_text(page.render(made), encoding="utf-8")
    (t.pages / f"{name}.json").write_text(chrome.render(made), encoding="utf-8")
    inside = t.pages.parts[-3:] if t.pages.parent.parent.name == "kernels" else t.pages.parts[-1:]
    return "/".join((*inside, f"{name}.html"))

