"""One schedule by name: how the explorer is to choose who goes on, in a form that people can type.

    walk-1f2e            random walk with seed 0x1f2e: at each point another processor goes on with a chance of 1 in 4
    walk-1f2e.p400       ... with a chance of 400 in 65536
    pct3-77.k250         PCT of depth 3, calibrated for runs of 250 steps
    jit-12.j2-40         a switch after 2 to 40 points
    exh-17:2-45:1        at step 17 processor 2 goes on, at step 45 processor 1; else whoever runs goes on
    tim-3                the plain timer, for comparison
    pct2-5.k90.v3,1a     ... with the scenario's parameters 3 and 0x1a

Invariant: a token and the kernel say everything about a run; `parse(text).token == text` for a token that was printed.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Tuple

from grader.errors import GraderError

PARAMETERS = 8  # KX_PARAMETERS
SCRIPT_MAX = 64  # KX_MAXIMUM_SCRIPT
SEED_MASK = 0xFFFFFFFF


class Strategy(enum.IntEnum):
    """KX_STRATEGY."""

    JITTER = 1
    WALK = 2
    PCT = 3
    EXHAUSTIVE = 4
    TIMER = 5
    SCRIPT = 6


NAMES: Dict[Strategy, str] = {Strategy.JITTER: "jit", Strategy.WALK: "walk", Strategy.PCT: "pct",
                              Strategy.EXHAUSTIVE: "exh", Strategy.TIMER: "tim", Strategy.SCRIPT: "exh"}
WALK_PROBABILITY = 1 << 14  # of 65536: what `walk-...` without `.p` means
JITTER_RANGE = (2, 24)


@dataclass(frozen=True)
class Schedule:
    """A strategy with everything that it draws from."""

    strategy: Strategy
    seed: int = 0
    depth: int = 0  # PCT: 1..4; exhaustive: preemptions
    estimate: int = 0  # PCT: steps of a typical run
    jitter: Tuple[int, int] = JITTER_RANGE
    probability: int = WALK_PROBABILITY
    script: Tuple[Tuple[int, int], ...] = ()
    parameters: Tuple[int, ...] = ()

    @property
    def kind(self) -> str:
        """What the histogram calls it: `pct3`, `walk`, `exh2`."""
        deep = self.strategy in (Strategy.PCT, Strategy.EXHAUSTIVE)
        return NAMES[self.strategy] + (str(self.depth) if deep else "")

    @property
    def token(self) -> str:
        """The schedule as text."""
        name = NAMES[self.strategy]
        if self.strategy is Strategy.SCRIPT:
            text = "-".join([name, *(f"{step}:{processor}" for step, processor in self.script)])
            text = text if self.script else name + "-0"
        else:
            text = f"{self.kind}-{self.seed:x}"
        if self.strategy is Strategy.PCT:
            text += f".k{self.estimate}"
        if self.strategy is Strategy.WALK and self.probability != WALK_PROBABILITY:
            text += f".p{self.probability}"
        if self.strategy is Strategy.JITTER and self.jitter != JITTER_RANGE:
            text += f".j{self.jitter[0]}-{self.jitter[1]}"
        if self.parameters:
            text += ".v" + ",".join(f"{value:x}" for value in self.parameters)
        return text

    def at(self, seed: int) -> "Schedule":
        """The same with another seed."""
        return replace(self, seed=seed & SEED_MASK)


_HEAD = re.compile(r"^(jit|walk|tim|pct([1-4]))-([0-9a-f]{1,8})$")
_SCRIPT = re.compile(r"^exh((?:-\d{1,7}:[0-9])+|-0)$")


def is_token(text: str) -> bool:
    """Whether SEED= names a schedule rather than a master seed."""
    return bool(re.match(r"^(jit|walk|tim|pct\d|exh)", text))


def parse(text: str) -> Schedule:
    """The schedule that a token names; GraderError for anything else."""
    head, *options = text.strip().split(".")
    made = _head(head)
    for option in options:
        made = _with(made, option) if made else None
        if made is None:
            break
    if made is None:
        raise GraderError(f"SEED={text[:60]} names no schedule; it looks like walk-1f2e, pct3-77.k250, jit-12 or "
                          "exh-17:2-45:1, as a failure prints it")
    return made


def _head(text: str) -> Optional[Schedule]:
    script = _SCRIPT.match(text)
    if script:
        pairs: List[Tuple[int, int]] = []
        for pair in script[1].split("-")[1:] if script[1] != "-0" else []:
            step, processor = pair.split(":")
            pairs.append((int(step), int(processor)))
        return Schedule(Strategy.SCRIPT, script=tuple(pairs)) if len(pairs) <= SCRIPT_MAX else None
    match = _HEAD.match(text)
    if not match:
        return None
    strategy = next(key for key, name in NAMES.items() if match[1].startswith(name))
    return Schedule(strategy, int(match[3], 16), int(match[2] or 0))


def _with(schedule: Schedule, option: str) -> Optional[Schedule]:
    letter, value = option[:1], option[1:]
    try:
        if letter == "k":
            return replace(schedule, estimate=int(value))
        if letter == "p":
            return replace(schedule, probability=int(value))
        if letter == "j":
            low, high = value.split("-")
            return replace(schedule, jitter=(int(low), int(high)))
        if letter == "v":
            values = tuple(int(part, 16) & SEED_MASK for part in value.split(","))
            return replace(schedule, parameters=values) if len(values) <= PARAMETERS else None
    except ValueError:
        pass
    return None
