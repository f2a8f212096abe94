"""Experiments that take hours and can be taken up again: every figure is a line of a journal, written when it is known.

    races       planted races: a hundred independent explorations each, and the strategies one by one
    accusations so many schedules of every scenario on kernels that are right: nothing may be found

A line's key says to which kernel (by content), scenario and master seed it belongs; a line that is there is not run again.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from grader.explore import explorer, portfolio
from grader.explore.explorer import Target
from grader.explore.survey import calibrate, survey

SECONDS = 5.0  # of one core: what one exploration may take
BUDGET = 10 * explorer.BUDGET  # the clock ends it, not the budget
Key = Tuple[str, ...]


@dataclass(frozen=True)
class Race:
    """A planted race: where it lives, and what is explored."""

    name: str
    kernel: str  # digest
    scenario: str
    parameters: Tuple[int, ...] = ()
    step_limit: int = 0


class Journal:
    """A file of JSON lines, one for each figure.  A line that was cut off by a kill is left out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.known: Dict[Key, dict] = {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    entry = json.loads(line)
                    self.known[tuple(entry["key"])] = entry
                except (ValueError, KeyError, TypeError):
                    continue

    def once(self, key: Key, measure: Callable[[], dict]) -> dict:
        """The figures of a key: known ones, or measured and written down now."""
        if key not in self.known:
            entry = {"key": list(key), **measure()}
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(self._path, "a", encoding="utf-8") as stream:
                stream.write("\n" * self._torn() + json.dumps(entry, sort_keys=True) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            self.known[key] = entry
        return self.known[key]

    def _torn(self) -> int:
        """1 when the file ends in the middle of a line."""
        try:
            with open(self._path, "rb") as stream:
                stream.seek(-1, os.SEEK_END)
                return int(stream.read(1) != b"\n")
        except OSError:
            return 0


Clock = Callable[[], float]


def explore_once(target: Target, race: Race, master: int, cpu: Clock, wall: Clock = time.monotonic) -> dict:
    """One independent exploration, bounded by seconds of one core, and the replay of what it found."""
    begun, began = cpu(), wall()
    report = explorer.explore(target, race.scenario, master, BUDGET, 0, race.parameters, step_limit=race.step_limit,
                              stop=lambda: cpu() - begun > SECONDS)
    spent, lasted = cpu() - begun, wall() - began
    told = {"master": master, "found": report.find is not None, "cpu": round(spent, 3), "wall": round(lasted, 3),
            "runs": report.runs, "instructions": report.instructions, "unconfirmed": report.unconfirmed}
    if report.find is not None:
        again = explorer.confirm(target, report.find.ran, race.step_limit)
        told.update(kind=report.find.lot.schedule.kind, token=report.find.token, message=report.find.ran.message,
                    replayed=again is not None and not report.unconfirmed)
    return told


def strategy_once(target: Target, race: Race, kind: str, master: int, runs: int) -> dict:
    """Runs to the first find of one strategy alone; 0: none in so many runs."""
    made = survey(target, race.scenario, master, runs, race.parameters, [kind], only_first=True,
                  step_limit=race.step_limit)
    return {"first": made.rows[0].first, "runs": made.rows[0].runs, "exhausted": made.rows[0].exhausted}


def race_rows(journal: Journal, race: Race, target: Callable[[], Target], count: int, each: int, runs: int,
              timer_runs: int, cpu: Clock, say: Callable[[str], None]) -> dict:
    """All figures of one race."""
    entries = []
    for master in range(1, count + 1):
        entries.append(journal.once(("race", race.name, race.kernel, race.scenario, str(master)),
                                    lambda: explore_once(target(), race, master, cpu)))
        say(f"{race.name}: {sum(one['found'] for one in entries)} of {master} found")
    strategies: Dict[str, dict] = {}
    for kind in portfolio.STRATEGIES if each else ():
        own = []
        most, times = (timer_runs, 1) if kind == "tim" else (runs, 1 if kind.startswith("exh") else each)
        for master in range(1, times + 1):
            own.append(journal.once(("strategy", race.name, race.kernel, race.scenario, kind, str(most), str(master)),
                                    lambda: strategy_once(target(), race, kind, master, most)))
            say(f"{race.name}: {kind} {master} of {times}")
        strategies[kind] = _strategy(own)
    return {"race": race.name, "scenario": race.scenario, **_race(entries), "strategies": strategies}


def _race(entries: Sequence[dict]) -> dict:
    found = [one for one in entries if one["found"]]
    in_time = [one for one in found if one["cpu"] <= SECONDS]
    by: Dict[str, int] = {}
    for one in found:
        by[one["kind"]] = by.get(one["kind"], 0) + 1
    return {"explorations": len(entries), "found": len(in_time), "replayed": sum(one["replayed"] for one in found),
            "cpu_median": round(statistics.median([one["cpu"] for one in found]), 2) if found else None,
            "cpu_max": max((one["cpu"] for one in found), default=None),
            "runs_median": int(statistics.median([one["runs"] for one in found])) if found else None,
            "by": by, "messages": sorted({one["message"] for one in found})[:8],
            "unconfirmed": sum(len(one["unconfirmed"]) for one in entries)}


def _strategy(own: Sequence[dict]) -> dict:
    firsts = sorted(one["first"] for one in own if one["first"])
    return {"tried": len(own), "found": len(firsts), "runs": max(one["runs"] for one in own),
            "median": int(statistics.median(firsts)) if firsts else None}


def accusation_rows(journal: Journal, kernel: Race, target: Callable[[], Target], schedules: int) -> dict:
    """So many schedules of one scenario on a kernel that is right."""

    def measure() -> dict:
        made = target()
        report = explorer.explore(made, kernel.scenario, 1, 0, schedules, kernel.parameters,
                                  step_limit=kernel.step_limit)
        accused = f"{report.find.token}: {report.find.ran.message}" if report.find else ""
        return {"schedules": report.runs, "accused": accused, "unconfirmed": report.unconfirmed,
                "steps": calibrate(made, kernel.scenario, 1, kernel.parameters, kernel.step_limit) if accused else
                report.steps}

    return journal.once(("schedules", kernel.name, kernel.kernel, kernel.scenario, str(schedules), *map(str, kernel.parameters)), measure)


def draw_races(rows: Sequence[dict]) -> List[str]:
    """The table of planted races."""
    kinds = [kind for kind in portfolio.STRATEGIES]
    lines = [f"{'race':44}{'found':>9}{'replayed':>10}{'median s':>10}{'max s':>8}{'runs':>8}   runs to discovery alone: "
             + " ".join(f"{kind:>7}" for kind in kinds)]
    for row in rows:
        alone = " ".join(f"{_alone(row['strategies'].get(kind)):>7}" for kind in kinds)
        lines.append(f"{row['race'][:43]:44}{row['found']:>4}/{row['explorations']:<4}{row['replayed']:>6}/"
                     f"{sum(row['by'].values()):<3}{_cell(row['cpu_median']):>10}{_cell(row['cpu_max']):>8}"
                     f"{_cell(row['runs_median']):>8}   {'':26}{alone}")
    lines += ["", f"found: within {SECONDS:.0f} s of one core; replayed: at the first try, from the snapshot, with the same "
              "end; runs to discovery: median, '-' never found, in brackets how many of the tries found it"]
    return lines


def _alone(own: Optional[dict]) -> str:
    if not own:
        return ""  # not tried
    if not own["found"]:
        return "-"
    return f"{own['median']}" + (f"({own['found']})" if own["found"] < own["tried"] else "")


def _cell(value: object) -> str:
    return "-" if value is None else str(value)


def draw_accusations(rows: Sequence[Tuple[str, str, dict]]) -> List[str]:
    """The table of kernels that are right."""
    lines = [f"{'kernel':36}{'scenario':36}{'schedules':>10}  accused"]
    for kernel, scenario, row in rows:
        lines.append(f"{kernel:36}{scenario:36}{row['schedules']:>10,}  {row['accused'] or 'no'}"
                     + (f"  ({len(row['unconfirmed'])} not confirmed)" if row["unconfirmed"] else ""))
    accused = sum(bool(row["accused"]) for _, _, row in rows)
    lines += ["", f"{sum(row['schedules'] for _, _, row in rows):,} schedules, {accused} accusations"]
    return lines
