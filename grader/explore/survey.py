"""Every strategy for itself on one scenario: what was found by which, after how many runs.

Unlike an exploration, a survey does not stop at the first find: it counts.  After a failure the machine is restored and
the strategy goes on behind the failed seed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from grader.errors import InfraError
from grader.explore import portfolio
from grader.explore.control import Batch, Found, Ran
from grader.explore.explorer import Target, confirm
from grader.explore.schedule import Schedule, Strategy

FINDS_MAX = 100  # of one strategy: its share is known by then
BATCH = 4000


@dataclass
class Row:
    """One strategy."""

    kind: str
    runs: int = 0
    finds: int = 0
    first: int = 0  # runs until the first find, that one included; 0: none
    points: int = 0
    instructions: int = 0
    exhausted: bool = False
    token: str = ""  # of the first find


@dataclass
class What:
    """One way to fail."""

    found: Found
    message: str
    place: str
    count: int = 0
    kinds: List[str] = field(default_factory=list)
    token: str = ""
    confirmed: bool = False


@dataclass
class Survey:
    """All strategies on one scenario."""

    scenario: str
    master: int
    steps: int = 0
    stopped: bool = False  # by Ctrl-C: what is known until then
    rows: List[Row] = field(default_factory=list)
    what: Dict[Tuple[int, str], What] = field(default_factory=dict)

    @property
    def finds(self) -> int:
        return sum(row.finds for row in self.rows)

    def to_json(self) -> dict:
        """Plain data."""
        return {"scenario": self.scenario, "seed": self.master, "steps": self.steps,
                "strategies": [dict(vars(row)) for row in self.rows],
                "found": [{"kind": one.found.name.lower(), "message": one.message, "place": one.place,
                           "count": one.count, "strategies": one.kinds, "schedule": one.token,
                           "confirmed": one.confirmed} for one in self.what.values()]}


Watch = Callable[[Survey, Row], None]


def survey(target: Target, scenario: str, master: int, runs: int, parameters: Tuple[int, ...] = (),
           kinds: Sequence[str] = portfolio.STRATEGIES, watch: Optional[Watch] = None,
           only_first: bool = False, step_limit: int = 0, begun: Optional[Callable[[Survey], None]] = None) -> Survey:
    """`runs` schedules of every strategy.  `only_first`: each strategy ends with its first find.  `begun` gets the survey
    at its begin: whoever ends it early has the figures until then."""
    made = Survey(scenario, master)
    if begun:
        begun(made)
    made.steps = calibrate(target, scenario, master, parameters, step_limit)
    for kind in kinds:
        row = Row(kind)
        made.rows.append(row)
        _strategy(target, made, row, portfolio.single(kind, master, scenario, made.steps, parameters), runs, watch,
                  1 if only_first else FINDS_MAX, step_limit)
    return made


def calibrate(target: Target, scenario: str, master: int, parameters: Tuple[int, ...] = (), step_limit: int = 0) -> int:
    """Steps of the longest of a few runs that end."""
    lot = portfolio.calibration(master, scenario, parameters)
    longest = 0
    for number in range(4):
        ran = target.run(Batch(lot.schedule.at(lot.schedule.seed + number), 1, step_limit), True)
        if ran.found is Found.BAD_SCENARIO:
            raise InfraError(f"scenario {scenario} cannot be run: {ran.message}")
        longest = max(longest, ran.longest)
    return longest


def _strategy(target: Target, made: Survey, row: Row, schedule: Schedule, runs: int, watch: Optional[Watch],
              finds_max: int, step_limit: int) -> None:
    fresh, over = True, False
    while row.runs < runs and row.finds < finds_max and not over:
        whole = schedule.strategy is Strategy.EXHAUSTIVE  # it cannot be taken up in the middle
        ran = target.run(Batch(schedule, runs - row.runs if whole else min(BATCH, runs - row.runs), step_limit), fresh)
        fresh = ran.found is not Found.NOTHING
        row.runs += max(1, ran.runs)
        row.points += ran.points
        row.instructions += ran.instructions
        row.exhausted, over = ran.exhausted, whole
        if ran.found is not Found.NOTHING and ran.schedule is not None:
            _note(target, made, row, ran, step_limit)
            schedule = schedule.at(ran.schedule.seed + 1)
        else:
            schedule = schedule.at(schedule.seed + ran.runs)
        if watch:
            watch(made, row)


def _note(target: Target, made: Survey, row: Row, ran: Ran, step_limit: int) -> None:
    assert ran.schedule is not None
    row.finds += 1
    if not row.first:
        row.first, row.token = row.runs, ran.schedule.token
    key = (int(ran.found), ran.message)
    if key not in made.what:
        made.what[key] = What(ran.found, ran.message, ran.place, token=ran.schedule.token,
                              confirmed=confirm(target, ran, step_limit) is not None)
    one = made.what[key]
    one.count += 1
    if row.kind not in one.kinds:
        one.kinds.append(row.kind)


def draw(made: Survey, width: int = 30, test: str = "", replay: str = "SEED={}",
         ways: int = 0) -> List[str]:
    """The histogram for people.  `replay`: the command for a find's token.  `ways`: to fail that are listed (0: all)."""
    lines = [f"{made.scenario}{f' ({test})' if test else ''}: runs of about {made.steps} steps, seed {made.master}"
             + ", stopped early" * made.stopped,
             f"  {'strategy':10}{'schedules':>10}{'found':>7}{'first after':>13}   share"]
    most = max([row.finds / row.runs for row in made.rows if row.runs] or [0]) or 1
    for row in made.rows:
        share = row.finds / row.runs if row.runs else 0
        bar = "█" * round(width * share / most) or ("▏" if row.finds else "")
        note = " (all there are)" if row.exhausted and not row.finds and row.kind.startswith("exh") else ""
        lines.append(f"  {row.kind:10}{row.runs:>10,}{row.finds:>7}{row.first or '-':>13}   "
                     + (f"{bar} {100 * share:.2f} %" if row.finds else "") + note)
    found = sorted(made.what.values(), key=lambda each: -each.count)
    for one in found[:ways or len(found)]:
        sure = "" if one.confirmed else "   NOT CONFIRMED by a replay"
        lines += [f"  {one.count:>5} x {one.message or one.found.name.lower()}"
                  + (f" ({one.place})" if one.place else "") + sure,
                  f"          by {', '.join(one.kinds)}; {replay.format(one.token)}"]
    if ways and found[ways:]:
        lines.append(f"  {sum(one.count for one in found[ways:]):>5} x in other ways")
    if not made.what:
        lines.append("  nothing found")
    return lines
