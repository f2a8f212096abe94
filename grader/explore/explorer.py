"""One exploration: the portfolio until something is found or the budget is used up, then the confirmation.

Invariants
  * A find counts only when a replay of that one schedule, from the restored snapshot, ends in the same way; or, for a kernel that
    remembers earlier runs, a replay of all that ran since the snapshot.
  * The outcome is a function of kernel, scenario, master seed and budget. So the budget is counted in what the runs did, at
    fixed prices: counted instructions would do, but for a few that differ from one machine's stop to the next.
  * Nothing found counts only together with a canary that was found on the same machine (`canary`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Callable, Deque, Dict, Iterator, List, Optional, Protocol, Sequence, Tuple

from grader.errors import InfraError
from grader.explore.control import Batch, Found, Purse, Ran
from grader.explore.portfolio import Lot, calibration, lots
from grader.explore.schedule import Schedule, Strategy

BUDGET = 120_000_000  # guest instructions of one exploration, estimated: about 2 s of one core
RUN_PRICE, POINT_PRICE = 10_000, 150  # guest instructions that a run and a point cost, on the average
RUN_COST = 40_000  # of a run, before one was seen
LEAST_RUNS = 100  # of a kernel under test, whatever its points are said to cost: the kernel counts them itself
CALL_RUNS = 800  # of one call, but for a single lot that is larger: what hangs in it is noticed when all of them should be over


class Target(Protocol):
    """A kernel that runs batches of one scenario."""

    def run(self, batch: Batch, fresh: bool) -> Ran:
        """Run a batch; `fresh`: from the restored snapshot (after anything failed, the machine is not to be used on).

        A target that also has `ahead()` and `run_lots` (target.py) takes so many batches in one call."""
        ...


@dataclass(frozen=True)
class Find:
    """A failure, confirmed."""

    ran: Ran
    schedule: Schedule
    runs: int  # schedules tried until then, this one included
    lot: Lot
    alone: bool = True  # False: it comes only behind the runs before it, so there is no one schedule to replay

    @property
    def token(self) -> str:
        return self.schedule.token


@dataclass(frozen=True)
class Call:
    """Batches that one call of the explorer was asked for."""

    batches: Tuple[Batch, ...]
    purse: Optional[Purse] = None  # of several

    def made(self, target: Target, fresh: bool) -> List[Ran]:
        if self.purse is None:
            return [target.run(self.batches[0], fresh)]
        return target.run_lots(list(self.batches), self.purse, fresh)  # type: ignore[attr-defined]


@dataclass
class Report:
    """What an exploration did."""

    scenario: str
    runs: int = 0
    points: int = 0
    instructions: int = 0
    steps: int = 0  # of a typical run
    find: Optional[Find] = None
    unconfirmed: List[str] = field(default_factory=list)  # tokens whose replay ended otherwise
    by_kind: Dict[str, int] = field(default_factory=dict)  # schedules tried by strategy
    remembering: bool = False
    since: List[Call] = field(default_factory=list, compare=False)  # what was asked for since the machine was restored

    def purse(self, budget: int) -> Purse:
        """The budget, and what was used up of it."""
        return Purse(budget, RUN_PRICE, POINT_PRICE, self.runs, self.points)

    def make(self, call: Call, target: Target, fresh: bool) -> List[Ran]:
        """Makes a call, and remembers it."""
        if fresh:
            self.since.clear()
        self.since.append(call)
        return call.made(target, fresh)

    def count(self, schedule: Schedule, ran: Ran) -> None:
        self.runs += ran.runs
        self.points += ran.points
        self.instructions += ran.instructions
        self.by_kind[schedule.kind] = self.by_kind.get(schedule.kind, 0) + ran.runs


Watch = Callable[[Report, Lot], None]


def explore(target: Target, scenario: str, master: int, budget: int = BUDGET, runs: int = 0,
            parameters: Tuple[int, ...] = (), watch: Optional[Watch] = None, step_limit: int = 0,
            stop: Optional[Callable[[], bool]] = None, doubts: int = 0, remembering: bool = False) -> Report:
    """Explore until a confirmed find, `budget` (guest instructions, at fixed prices) or `runs` schedules (0: no bound).  `stop` may end it
    early for reasons of the host's (a terminal's Ctrl-C, an experiment's clock); grading gives none.  `doubts`: the number of failures that
    did not come again after which a scenario is given up (0: never), for each of them costs two restores.  `remembering`: the kernel is under test, not the
    scenario, and what fails only behind earlier runs is its failure too."""
    report = Report(scenario, remembering=remembering)
    first = calibration(master, scenario, parameters)
    fresh = _take(target, report, first, first.runs, step_limit, True, doubts)
    if report.find:
        return report
    waiting, source = deque(), lots(master, scenario, report.steps, parameters)  # type: Deque[Lot], Iterator[Lot]
    while not report.find:
        left = _affordable(report, budget, runs)
        if left <= 0 or (stop and stop()) or _given_up(report, doubts):
            break
        group = _group(target, waiting, source, left)
        if not group:
            break
        fresh = _take_all(target, report, group, waiting, report.purse(budget), step_limit, fresh, doubts, watch)
    return report


def _group(target: Target, waiting: Deque[Lot], source: Iterator[Lot], left: int) -> List[Lot]:
    """The lots of the next call.  Only the first may be larger than what is left: the host cuts it."""
    ahead = getattr(target, "ahead", lambda: 1)()
    group: List[Lot] = []
    total = 0
    while len(group) < ahead:
        if not waiting:
            waiting.extend(islice(source, 1))
        if not waiting or group and total + waiting[0].runs > min(left, CALL_RUNS):
            break
        total += waiting[0].runs
        group.append(waiting.popleft())
    if group and group[0].runs > left:
        group[0] = replace(group[0], runs=left)
    return group


def _take_all(target: Target, report: Report, group: Sequence[Lot], waiting: Deque[Lot], purse: Purse, step_limit: int, fresh: bool,
              doubts: int, watch: Optional[Watch]) -> bool:
    """Runs the lots of one call; those that did not begin wait again.  Returns whether the next call needs a fresh machine."""
    rans: Sequence[Optional[Ran]] = [None]
    if len(group) > 1:
        rans = report.make(Call(tuple(Batch(lot.schedule, lot.runs, step_limit) for lot in group), purse), target, fresh)
    waiting.extendleft(reversed(group[len(rans):]))
    for lot, ran in zip(group, rans):
        fresh = _take(target, report, lot, lot.runs, step_limit, fresh, doubts, ran)
        if watch:
            watch(report, lot)
    return fresh


def _affordable(report: Report, budget: int, runs: int) -> int:
    """How many runs the rest of the budget pays for."""
    left = (runs - report.runs) if runs else 1 << 30
    least = LEAST_RUNS - report.runs if report.remembering else 0
    return min(left, max(least, report.purse(budget).pays_for(RUN_COST)))


def _given_up(report: Report, doubts: int) -> bool:
    return 0 < doubts <= len(report.unconfirmed)


def _take(target: Target, report: Report, lot: Lot, runs: int, step_limit: int, fresh: bool, doubts: int,
          ran: Optional[Ran] = None) -> bool:
    """Runs a lot, of which `ran` may have been done.  Returns whether the next one needs a fresh machine."""
    schedule = lot.schedule
    while runs > 0 and not report.find and not _given_up(report, doubts):
        ran = ran or report.make(Call((Batch(schedule, runs, step_limit),)), target, fresh)[0]
        fresh = False
        report.count(schedule, ran)
        report.steps = max(report.steps, ran.longest)
        if ran.found is Found.BAD_SCENARIO:
            raise InfraError(f"scenario {report.scenario} cannot be run: {ran.message}")
        if ran.found is Found.NOTHING or ran.schedule is None:
            return fresh
        again = confirm(target, ran, step_limit)
        alone = again is not None
        if not alone and report.remembering:
            again = confirm_all(target, ran, report.since)
        fresh = True
        if again is not None:
            report.find = Find(again, ran.schedule, report.runs, replace(lot, schedule=schedule), alone)
            return fresh
        report.unconfirmed.append(ran.schedule.token)
        if ran.schedule.strategy is Strategy.SCRIPT:
            return fresh  # an exhaustive search cannot be taken up behind the find
        runs -= max(1, ran.runs)
        schedule = schedule.at(ran.schedule.seed + 1)
        ran = None
    return fresh


def confirm(target: Target, ran: Ran, step_limit: int = 0) -> Optional[Ran]:
    """The failed run once more, alone, after a restore; None when it does not end in the same way."""
    assert ran.schedule is not None
    again = target.run(Batch(ran.schedule, ran.whole, step_limit), True)
    return again if again.same_as == ran.same_as else None


def confirm_all(target: Target, ran: Ran, calls: Sequence[Call]) -> Optional[Ran]:
    """All that was asked for since the snapshot once more, in the very same calls; None when it does not end in the same way.  A right
    kernel that is set up anew for each run fails neither alone nor so."""
    for number, call in enumerate(calls):
        again = call.made(target, number == 0)[-1]
        if again.found is not Found.NOTHING:
            return again if number == len(calls) - 1 and again.same_as == ran.same_as else None
    return None


def trace(target: Target, schedule: Schedule, step_limit: int = 0) -> Ran:
    """The run with its trace, for the timeline."""
    return target.run(Batch(schedule, 1, step_limit, trace=True), True)


def canary(target: Target, master: int, fresh: bool, attempts: int = 3, runs: int = 400) -> bool:
    """Whether the planted race is found: an explorer that finds nothing anywhere proves nothing."""
    for number in range(attempts):
        schedule = replace(calibration(master, "canary", ()).schedule, seed=(master + 7919 * number) & 0x7FFFFFFF)
        if target.run(Batch(schedule, runs), fresh and number == 0).found is not Found.NOTHING:
            return True
    return False
