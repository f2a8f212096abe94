"""What a run of mutants came to: a table, each survivor with its line, and killed ones with their hints, to be judged by eye."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Dict, List, Sequence

from grader.mutate.engine import EQUAL, KILLED, NOT_COMPILED, PARTLY, SURVIVED, TWIN, UNJUDGED, Finding

HEAD = ("exercise", "made", "drawn", "not compiled", "equal", "twins", "killed", "at some", "survived", "listed", "percent")
COLUMNS = "{:<9} {:>5} {:>6} {:>13} {:>6} {:>6} {:>7} {:>8} {:>9} {:>7} {:>8}"


@dataclass(frozen=True)
class Figures:
    """One exercise's line of the table."""

    exercise: str
    made: int
    findings: Sequence[Finding]

    def number(self, end: str) -> int:
        """Mutants of an end; those on the reviewed list are not among them."""
        return sum(one.end == end and not one.reason for one in self.findings)

    @property
    def listed(self) -> int:
        return sum(bool(one.reason) and one.end in (KILLED, PARTLY, SURVIVED) for one in self.findings)

    @property
    def percent(self) -> float:
        """Killed at every seed, of those that are neither equal to the reference nor listed."""
        judged = sum(self.number(end) for end in (KILLED, PARTLY, SURVIVED))
        return 100 * self.number(KILLED) / judged if judged else 100.0

    def row(self) -> str:
        counts = [self.number(end) for end in (NOT_COMPILED, EQUAL, TWIN, KILLED, PARTLY, SURVIVED)]
        none = not self.number(KILLED) + self.number(PARTLY) + self.number(SURVIVED)
        return COLUMNS.format(self.exercise, self.made, len(self.findings), *counts, self.listed, "-" if none else f"{self.percent:.1f}")


def table(figures: Sequence[Figures]) -> str:
    """A line an exercise."""
    return "\n".join([COLUMNS.format(*HEAD), *(one.row() for one in figures)])


def let_pass(figures: Sequence[Figures]) -> List[Finding]:
    """What a test let pass at some seed or at each."""
    return [one for part in figures for one in part.findings if one.end in (PARTLY, SURVIVED) and not one.reason]


def misjudged(figures: Sequence[Figures]) -> List[Finding]:
    """Listed as equivalent, and a test fails: either the list is wrong or the test accuses what is right."""
    return [one for part in figures for one in part.findings if one.end in (KILLED, PARTLY) and one.reason]


def unjudged(figures: Sequence[Figures]) -> List[Finding]:
    """What the machine's trouble kept from a verdict."""
    return [one for part in figures for one in part.findings if one.end == UNJUDGED]


def shown(one: Finding) -> str:
    """A mutant as a small diff, and what its seeds came to."""
    lines = [f"{one.mutant.id}   {one.mutant.place}", *(f"  - {line}" for line in one.mutant.before), *(f"  + {line}" for line in one.mutant.after)]
    if one.end == PARTLY:
        lines += [f"    seed {seed}: {kill.test or 'passes'}" for seed, kill in sorted(one.seeds.items())]
    return "\n".join(lines)


def hints(figures: Sequence[Figures], number: int, seed: int) -> str:
    """`number` of the killed ones, by lot, each with what the student would have read."""
    killed = [one for part in figures for one in part.findings if one.end in (KILLED, PARTLY)]
    chosen = random.Random(seed).sample(killed, min(number, len(killed)))
    parts = []
    for one in sorted(chosen, key=lambda found: (found.mutant.file, found.mutant.line)):
        kill = next(kill for _, kill in sorted(one.seeds.items()) if kill.test)
        parts.append("\n".join([shown(one), f"    {kill.test}: {kill.verdict}", f"    expected {kill.expected}", f"    seen     {kill.seen}",
                                f"    hint     {kill.hint or 'none'}: {kill.advice}"]))
    return "\n\n".join(parts)


def to_json(lab: int, seeds: Sequence[int], figures: Sequence[Figures]) -> Dict[str, Any]:
    """Everything that was found."""
    return {
        "lab": lab,
        "seeds": list(seeds),
        "exercises": [{
            "exercise": one.exercise,
            "made": one.made,
            "percent": round(one.percent, 1),
            "mutants": [finding.to_json() for finding in one.findings]
        } for one in figures]
    }
