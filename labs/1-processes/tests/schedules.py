"""Random scripts for the actors, and following a run step by step beside the model."""

from __future__ import annotations

import random
from typing import Dict, List, Tuple

from .processor import HINTS
from .queues import read_queues
from .scheduler import (BOOST, LOWER, PRIORITY, RAISE, SIGNAL, STEP, WAIT, YIELD, Operation, Play, Thread)
from .workload import CONDUCTOR, Workload, show

LOWEST, HIGHEST = 2, 20  # above the conductor, and across the border to the real-time priorities


def signals_only(rng: random.Random, actors: int, events: int) -> List[Thread]:
    """Actors that only wait for each other and wake each other: no boost, no change of priority."""
    levels = rng.sample(range(LOWEST, HIGHEST), 4)
    return [Thread(number, rng.choice(levels), script=_script(rng, events, actors, {SIGNAL: 5, WAIT: 4, STEP: 3}))
            for number in range(actors)]


def random_scripts(rng: random.Random, actors: int, events: int) -> List[Thread]:
    """Everything at once: boosts, priorities, yields, and bursts of wake-ups at DISPATCH_LEVEL."""
    weights = {SIGNAL: 6, WAIT: 4, STEP: 2, PRIORITY: 2, YIELD: 1, RAISE: 2}
    return [Thread(number, rng.randint(LOWEST, HIGHEST), script=_script(rng, events, actors, weights, boost=6))
            for number in range(actors)]


def _script(rng: random.Random, events: int, actors: int, weights: Dict[int, int], boost: int = 0) -> List[Operation]:
    """About a dozen operations; a burst is closed before the script goes on."""
    script: List[Operation] = []
    codes, shares = list(weights), list(weights.values())
    while len(script) < 11:
        code = rng.choices(codes, shares)[0]
        if code == RAISE:
            script.append((RAISE, 0, 0))
            for _ in range(rng.randint(2, 4)):
                script.append(_operation(rng, rng.choice((SIGNAL, SIGNAL, SIGNAL, PRIORITY)), events, actors, boost))
            script.append((LOWER, 0, 0))
        else:
            script.append(_operation(rng, code, events, actors, boost))
    return script


def _operation(rng: random.Random, code: int, events: int, actors: int, boost: int) -> Operation:
    if code == SIGNAL:
        return SIGNAL, rng.randrange(events), rng.randint(0, boost)
    if code == WAIT:
        return WAIT, rng.randrange(events), 0
    if code in (PRIORITY, BOOST):
        return code, rng.randrange(actors), rng.randint(LOWEST, HIGHEST)
    return code, 0, 0


def follow(t, actors: List[Thread], look: float = 0.3) -> None:
    """Runs the actors in the guest and in the model, step by step.  At a share `look` of the steps, which the guest cannot
    know, ready queues, summary and standby thread are compared too."""
    t.asking("making the threads of a schedule", hint=_hint(t, "astray"))
    workload = Workload(t, actors)
    asked = "the actors " + workload.describe()
    model = Play(actors, events=16, conductor=Thread(-1, CONDUCTOR))
    model.open()
    t.asking(asked + " - before the first step", hint=_hint(t, "astray"))
    numbers = {address: number for number, address in enumerate(workload.threads)}
    done: List[Tuple[int, int]] = []
    while True:
        wanted = model.upcoming()
        if wanted is None:
            break
        seen = workload.next_step(first=not done)
        if seen != wanted:
            _differ(t, asked, model, done, wanted, seen)
        if t.rng.random() < look:
            _look(t, workload, model, numbers, asked, done)
        done.append(wanted)
        t.asking(f"{asked} - after {_recent(model, done)}", hint=_hint(t, "astray"))
        model.one()
    workload.guest.finish()
    _states(t, workload, model, asked)


def _differ(t, asked: str, model: Play, done: List[Tuple[int, int]], wanted: Tuple[int, int], seen: Tuple[int, int]) -> None:
    """Another actor runs than the model says: why, as far as one can tell."""
    should, runs = model.actors[wanted[0]], model.actors[min(seen[0], len(model.actors) - 1)]
    if runs.priority < should.priority:
        hint = "no-preemption"
    elif runs.priority > should.priority:
        hint = "not-reconsidered"
    elif done and done[-1][0] == runs.number:
        hint = "tail-forgotten"
    else:
        hint = "displaced-to-tail"
    t.fail(asked=f"{asked} - step {len(done) + 1}, after {_recent(model, done)}",
           expected=f"A{wanted[0]} (priority {should.priority}) performs operation {wanted[1]}, {show(should.script[wanted[1]])}",
           seen=f"A{seen[0]} (priority {runs.priority}) performs operation {seen[1]}", hint=_hint(t, hint))


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
    same = {priority: sorted(queue) for priority, queue in actors.items()} == {
        priority: sorted(queue) for priority, queue in wanted.items()}
    hint = "displaced-to-tail" if same else "old-queue" if sum(map(len, actors.values())) == sum(map(len, wanted.values())) \
        else "standby-left-behind"
    t.fail(asked=f"{asked} - ready queues after {_recent(model, done)}",
           expected=f"{_ready(wanted)}; standby {_who(scheduler.next.number if scheduler.next else None)}",
           seen=f"{_ready(actors)}; standby {_who(numbers.get(standby, standby) if standby else None)} {seen.broken}".rstrip(),
           hint=_hint(t, hint))


def _states(t, workload: Workload, model: Play, asked: str) -> None:
    """When the conductor runs again every actor waits, on no queue, with the priority that the model gives it."""
    for actor in model.actors:
        state, priority = workload.get(actor.number, "State"), workload.get(actor.number, "Priority")
        t.check(state == actor.state and priority == actor.priority, asked=f"{asked} - at the end, A{actor.number}",
                expected=f"state {actor.state} (Waiting), priority {actor.priority}", seen=f"state {state}, priority {priority}")


def _recent(model: Play, done: List[Tuple[int, int]]) -> str:
    words = [f"A{actor}:{show(model.actors[actor].script[operation])}" for actor, operation in done[-6:]]
    return " ".join(words) or "the gates opened"


def _ready(queues: Dict[int, List[int]]) -> str:
    return "; ".join(f"[{priority}] " + " ".join(f"A{number}" for number in queue)
                     for priority, queue in sorted(queues.items(), reverse=True)) or "nobody ready"


def _who(number) -> str:
    return "none" if number is None else f"A{number}" if number < 64 else f"{number:#010x}"


def _hint(t, name: str):
    return t.hint(name, HINTS[name])
