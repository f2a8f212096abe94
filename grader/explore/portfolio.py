"""Which schedules to try, in which order: nobody knows beforehand which strategy finds a race.

Rounds: the first is cheap (a few schedules of each strategy), each further one twice as large, until the budget of
guest instructions is used up.  PCT is calibrated with the length of a first run; bounded exhaustive search runs where
the scenario is small enough to be finished.
Invariant: everything is derived from the master seed, the scenario's name and what the kernel did before; no time.
In the papers: "A randomized scheduler with probabilistic guarantees of finding bugs" (PCT), "Finding and reproducing
Heisenbugs in concurrent programs" (CHESS).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Iterator, Tuple

from grader.explore.schedule import JITTER_RANGE, WALK_PROBABILITY, Schedule, Strategy

CALIBRATION_RUNS = 4
EXHAUSTIVE_STEPS = (600, 90)  # longest run for which 1, or 2, preemptions are tried everywhere
EXHAUSTIVE_RUNS = (1500, 6000)
ROUNDS_MAX = 24


@dataclass(frozen=True)
class Lot:
    """So many runs of one strategy."""

    schedule: Schedule
    runs: int
    round: int


def derived(master: int, *parts: object) -> int:
    """A seed of 31 bits, so that a batch's last one still fits 32."""
    text = "/".join(map(str, ("explore", master, *parts)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def calibration(master: int, scenario: str, parameters: Tuple[int, ...] = ()) -> Lot:
    """The first runs: how long is a run?"""
    seed = derived(master, scenario, "calibration")
    return Lot(Schedule(Strategy.WALK, seed, parameters=parameters), CALIBRATION_RUNS, 0)


def lots(master: int, scenario: str, steps: int, parameters: Tuple[int, ...] = ()) -> Iterator[Lot]:
    """The lots in order, without end: the caller stops at its budget.  `steps`: points of the longest calibration run."""
    steps = max(steps, 8)
    long = (max(2, steps // 16), max(JITTER_RANGE[1] + 1, steps // 2))
    rare = max(256, min(WALK_PROBABILITY - 1, 65536 * 6 // steps))
    pct = Schedule(Strategy.PCT, estimate=steps)
    for number in range(ROUNDS_MAX):
        scale = 1 << number
        plan = [
            (replace(pct, depth=2), 24 * scale),
            (Schedule(Strategy.WALK), 16 * scale),
            (replace(pct, depth=3), 24 * scale),
            (Schedule(Strategy.JITTER), 12 * scale),
            (Schedule(Strategy.WALK, probability=rare), 16 * scale),
            (Schedule(Strategy.JITTER, jitter=long), 12 * scale),
            (replace(pct, depth=4), 16 * scale),
        ]
        if number == 0:
            plan.insert(0, (replace(pct, depth=1), 6))
            if steps <= EXHAUSTIVE_STEPS[0]:
                plan.append((Schedule(Strategy.EXHAUSTIVE, depth=1), EXHAUSTIVE_RUNS[0]))
        if number == 2 and steps <= EXHAUSTIVE_STEPS[1]:
            plan.append((Schedule(Strategy.EXHAUSTIVE, depth=2), EXHAUSTIVE_RUNS[1]))
        for index, (schedule, runs) in enumerate(plan):
            seed = 0 if schedule.strategy is Strategy.EXHAUSTIVE else derived(master, scenario, number, index)
            yield Lot(replace(schedule, seed=seed, parameters=parameters), runs, number)


def single(kind: str, master: int, scenario: str, steps: int, parameters: Tuple[int, ...] = ()) -> Schedule:
    """One strategy alone, as the histogram and the table of strategies run it."""
    steps = max(steps, 8)
    rare = max(256, min(WALK_PROBABILITY - 1, 65536 * 6 // steps))
    made = {
        "jit": Schedule(Strategy.JITTER),
        "walk": Schedule(Strategy.WALK),
        "rare": Schedule(Strategy.WALK, probability=rare),
        "tim": Schedule(Strategy.TIMER),
        "exh1": Schedule(Strategy.EXHAUSTIVE, depth=1),
        "exh2": Schedule(Strategy.EXHAUSTIVE, depth=2),
        **{f"pct{depth}": Schedule(Strategy.PCT, depth=depth, estimate=steps) for depth in (1, 2, 3, 4)},
    }[kind]
    seed = 0 if made.strategy is Strategy.EXHAUSTIVE else derived(master, scenario, "single", kind)
    return replace(made, seed=seed, parameters=parameters)


STRATEGIES = ("pct1", "pct2", "pct3", "pct4", "walk", "rare", "jit", "exh1", "tim")
