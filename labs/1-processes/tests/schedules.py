"""Random scripts for the actors, and following a run step by step beside the model."""

from __future__ import annotations

import random
from typing import Dict, List, Tuple

from .hosted import set_time, times
from .processor import HINTS
from .queues import read_queues
from .scheduler import (LOWER, PRIORITY, PULSE, RAISE, SIGNAL, STEP, WAIT, YIELD, Operation, Play, Thread)
from .workload import CONDUCTOR, Workload, show

LOWEST, HIGHEST = 2, 20  # above the conductor, and across the border to the real-time priorities; only the director is LOWEST
ACTORS, EVENTS, OPERATIONS = 12, 4, 12  # many actors, few levels: equals must meet often, or turns are never put to the test
CROWDS = (8, 9)  # events at which many wait, until a pulse releases them all
OWN = (5, 6, 7)  # events of the director's three, which no other actor signals


def signals_only(rng: random.Random) -> List[Thread]:
    """Actors that only wait for each other and wake each other: no boost, no change of priority."""
    levels = sorted(rng.sample(range(LOWEST + 1, HIGHEST), 4))
    weights = {SIGNAL: 4, WAIT: 5, PULSE: 2, STEP: 1, RAISE: 3}
    crowd = [Thread(number, rng.choice(levels), script=_script(rng, weights, levels, burst=(SIGNAL, PULSE))) for number in range(ACTORS)]
    return crowd + _directed(rng, changes=False)


def random_scripts(rng: random.Random) -> List[Thread]:
    """Everything at once: boosts, priorities, yields, and bursts of wake-ups at DISPATCH_LEVEL."""
    middle = rng.randint(6, 12)
    levels = [middle - 2, middle, middle + 1, middle + 2, rng.randint(16, HIGHEST)]
    weights = {SIGNAL: 4, WAIT: 5, PULSE: 2, STEP: 1, PRIORITY: 4, YIELD: 1, RAISE: 4}
    crowd = [Thread(number, rng.choice(levels[:4]), script=_script(rng, weights, levels, burst=(SIGNAL, PULSE, PRIORITY), boost=3))
             for number in range(ACTORS)]
    return crowd + _directed(rng, changes=True)


def _directed(rng: random.Random, changes: bool) -> List[Thread]:
    """Two equals, a better one, and a director of low priority that wakes them in bursts: the cases that chance meets too rarely.
    The first of the equals wakes the better one in the middle of its turn."""
    first, second, better, director = range(ACTORS, ACTORS + 4)
    level = rng.randint(4, 11)
    one, other, best = ((SIGNAL, event, 0) for event in OWN)
    cases: List[Tuple[List[Operation], List[Operation]]] = [([one, other, best], []), ([other, one, best], []), ([one, other], [])]
    if changes:
        cases = [([one, other, best], []), ([one, other], []),
                 ([one, (SIGNAL, OWN[1], 3)], [(PRIORITY, second, level)]),  # boosted past its equal
                 ([one, (SIGNAL, OWN[1], 3), (PRIORITY, second, level - 1), (PRIORITY, second, level)], []),  # a boost counts once
                 ([one, other, (PRIORITY, second, level + 2)], [(PRIORITY, second, level)]),  # raised while ready
                 ([best, one, (PRIORITY, better, level - 1)], [(PRIORITY, better, level + 1)]),  # standby, lowered
                 ([one, (PRIORITY, director, level + 2), (STEP, 0, 0)], [(PRIORITY, director, LOWEST)])]  # running, raised
    rng.shuffle(cases)
    script: List[Operation] = []
    for burst, afterwards in cases:
        script += [(RAISE, 0, 0), *burst, (LOWER, 0, 0), (STEP, 0, 0), *afterwards]
    return [Thread(first, level, script=[(WAIT, OWN[0], 0), best, (STEP, 0, 0)] * 10),
            Thread(second, level, script=[(WAIT, OWN[1], 0), (STEP, 0, 0)] * 10),
            Thread(better, level + 1, script=[(WAIT, OWN[2], 0), (STEP, 0, 0)] * 20), Thread(director, LOWEST, script=script)]


def _script(rng: random.Random, weights: Dict[int, int], levels: List[int], burst: Tuple[int, ...], boost: int = 0) -> List[Operation]:
    """About OPERATIONS operations; a burst is closed before the script goes on."""
    script: List[Operation] = []
    codes, shares = list(weights), list(weights.values())
    while len(script) < OPERATIONS:
        code = rng.choices(codes, shares)[0]
        if code == RAISE:
            script.append((RAISE, 0, 0))
            script += [_operation(rng, rng.choice(burst), levels, boost) for _ in range(rng.randint(2, 5))]
            script.append((LOWER, 0, 0))
        else:
            script.append(_operation(rng, code, levels, boost))
    return script


def _operation(rng: random.Random, code: int, levels: List[int], boost: int) -> Operation:
    if code == SIGNAL:
        return SIGNAL, rng.randrange(EVENTS), rng.randint(0, boost)
    if code == WAIT:
        return WAIT, rng.choice((*range(EVENTS), *CROWDS, *CROWDS)), 0
    if code == PULSE:
        return PULSE, rng.choice(CROWDS), rng.randint(0, boost)
    if code == PRIORITY:
        return PRIORITY, rng.randrange(ACTORS), rng.choice(levels)
    return code, 0, 0


def follow(t, actors: List[Thread], look: float = 0.3) -> None:
    """Runs the actors in the guest and in the model, step by step.  At a share `look` of the steps, which the guest cannot
    know, ready queues, summary and standby thread are compared too."""
    t.asking("making the threads of a schedule", hint=_hint(t, "schedule"))
    set_time(t.guest, next(times(t.rng)))
    workload = Workload(t, actors)
    asked = f"a random schedule of {len(actors)} actors"
    model = Play(actors, events=16, conductor=Thread(-1, CONDUCTOR))
    model.open()
    t.asking(asked + " - before the first step", hint=_hint(t, "schedule"))
    numbers = {address: number for number, address in enumerate(workload.threads)}
    done: List[Tuple[int, int]] = []
    while True:
        wanted = model.upcoming()
        if wanted is None:
            break
        seen = workload.next_step(first=not done)
        if seen != wanted:
            _differ(t, workload, asked, model, done, wanted, seen)
        if t.rng.random() < look:
            _look(t, workload, model, numbers, asked, done)
        done.append(wanted)
        t.asking(f"{asked} - after {_recent(model, done)}", hint=_hint(t, "schedule"))
        model.one()
    workload.guest.finish()
    _states(t, workload, model, asked)


def _differ(t, workload: Workload, asked: str, model: Play, done: List[Tuple[int, int]], wanted: Tuple[int, int], seen: Tuple[int, int]) -> None:
    """Another actor runs than the model says."""
    should, runs = model.actors[wanted[0]], model.actors[min(seen[0], len(model.actors) - 1)]
    t.fail(asked=f"{asked} - step {len(done) + 1}, after {_recent(model, done)}",
           expected=f"A{wanted[0]} (priority {should.priority}) performs operation {wanted[1]}, {show(should.script[wanted[1]])}",
           seen=f"A{seen[0]} (priority {runs.priority}) performs operation {seen[1]}", hint=_hint(t, "schedule"),
           difference=workload.describe(should.number, runs.number))


def _look(t, workload: Workload, model: Play, numbers: Dict[int, int], asked: str, done: List[Tuple[int, int]]) -> None:
    guest, scheduler = t.guest, model.scheduler
    heads, _ = guest.field("KPRCB.DispatcherReadyListHead")
    seen = read_queues(guest, workload.prcb + heads, guest.get(workload.prcb, "KPRCB.ReadySummary"), numbers)
    actors = {priority: mine for priority, queue in seen.queues.items()
              for mine in [[number for number in queue or [] if number < len(numbers)]] if mine}
    wanted = {priority: mine for priority, queue in scheduler.ready().items() for mine in [[n for n in queue if n >= 0]] if mine}
    standby = guest.get(workload.prcb, "KPRCB.NextThread")
    standby_wanted = workload.threads[scheduler.next.number] if scheduler.next else 0
    if not seen.broken and actors == wanted and standby == standby_wanted:
        return
    t.fail(asked=f"{asked} - ready queues after {_recent(model, done)}",
           expected=f"{_ready(wanted)}; standby {_who(scheduler.next.number if scheduler.next else None)}",
           seen=f"{_ready(actors)}; standby {_who(numbers.get(standby, standby) if standby else None)} {seen.broken}".rstrip(),
           hint=_hint(t, "schedule"))


def _states(t, workload: Workload, model: Play, asked: str) -> None:
    """When the conductor runs again every actor waits, on no queue, with the priority that the model gives it."""
    for actor in model.actors:
        state, priority = workload.get(actor.number, "State"), workload.get(actor.number, "Priority")
        t.check(state == actor.state and priority == actor.priority, asked=f"{asked} - at the end, A{actor.number}",
                expected=f"state {actor.state} (Waiting), priority {actor.priority}", seen=f"state {state}, priority {priority}",
                hint=_hint(t, "schedule"))


def _recent(model: Play, done: List[Tuple[int, int]]) -> str:
    words = [f"A{actor}:{show(model.actors[actor].script[operation])}" for actor, operation in done[-6:]]
    return " ".join(words) or "the gates opened"


def _ready(queues: Dict[int, List[int]]) -> str:
    return "; ".join(f"[{priority}] " + " ".join(f"A{number}" for number in queue)
                     for priority, queue in sorted(queues.items(), reverse=True)) or "none ready"


def _who(number) -> str:
    return "none" if number is None else f"A{number}" if number < 64 else f"{number:#010x}"


def _hint(t, name: str):
    return t.hint(name, HINTS[name])
