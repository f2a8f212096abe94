"""A confirmed find in words: what was seen, the two sides of it, advice.

Invariant: the text depends on kernel and schedule only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Optional, Tuple

from grader.explore.control import Access, Found, Ran
from grader.explore.lines import Lines

HINTS = {
    Found.CHECK: ("race-result", "Follow the two columns of the timeline down to the first step that the other side "
                  "should not have been able to make."),
    Found.DEADLOCK: ("lost-wakeup", "Everybody waits, and nobody is left to wake them: look for a signal that came "
                     "between a test and the wait that follows it, or for two locks taken in opposite order."),
    Found.NO_PROGRESS: ("no-progress", "It goes round without end: look for a loop whose condition only the other side "
                        "can change, while that side waits for this one."),
    Found.DATA_RACE: ("data-race", "Two processors touch the same memory, one of them writes, and no lock or "
                      "interlocked operation orders them: take the lock that guards the field."),
    Found.BUGCHECK: ("race-bugcheck", "The kernel stopped under this order of steps; the backtrace shows where, the "
                     "timeline what the other side did just before."),
    Found.HANG: ("race-hang", "The guest does not come back: a loop that cannot end while the other side stands still."),
    Found.CRASH: ("race-crash", "The machine was reset: a stack or a descriptor table was destroyed."),
    Found.OVERWRITTEN: ("explorer-disabled", "Leave the explorer's data and the preemption points alone."),
}


@dataclass(frozen=True)
class Told:
    """The parts of a failing test's report."""

    seen: str
    difference: str
    hint: Tuple[str, str]
    where: str


def side(processor: int) -> str:
    """Who works on a processor."""
    return "the clock (processor 0)" if processor == 0 else f"actor {processor - 1} (processor {processor})"


def tell(ran: Ran, lines: Lines, stopped: Optional[Callable[[BaseException], str]] = None) -> Told:
    """A find in words.  `stopped` says a bugcheck or hang better than its own text."""
    lines.prepare(_addresses(ran))
    where = ran.place
    if ran.found is Found.DATA_RACE and ran.race:
        first, second = ran.race.accesses
        at = f"{ran.race.name or lines.variable(ran.race.address)}" + (f"+{ran.race.offset:#x}" if ran.race.offset else "")
        seen = f"a data race on {at}: {_does(first)}, {_does(second)}, and nothing orders the two"
        difference = "\n".join(_access(one, lines) for one in (first, second))
        where = lines.place(second.pc - 1)
    elif ran.found is Found.CHECK:
        seen = ran.message + (f" ({ran.place})" if ran.place else "")
        difference = _stacks(ran, lines) if any(ran.waiting[1:]) else ""  # else the scenario's check, at the end
    elif ran.found in (Found.DEADLOCK, Found.NO_PROGRESS):
        seen, difference = ran.message, _stacks(ran, lines)
    else:
        seen = stopped(ran.cause) if stopped and ran.cause else ran.message
        difference = ""
    return Told(seen, difference, HINTS.get(ran.found, ("race", "")), where)


def _does(access: Access) -> str:
    return f"{side(access.processor)} {'writes' if access.write else 'reads'} {access.size} bytes at step {access.step}"


def _access(access: Access, lines: Lines) -> str:
    place = lines.place(access.pc - 1)
    head = f"{_does(access)}" + (f", {place}" if place else "")
    return "\n".join([head, *(f"    {lines.frame(one)}" for one in access.stack)])


def _stacks(ran: Ran, lines: Lines) -> str:
    told: List[str] = []
    for processor, stack in enumerate(ran.waiting):
        if stack:
            told += [f"{side(processor)} stands at", *(f"    {lines.frame(one)}" for one in stack)]
    return "\n".join(told)


def _addresses(ran: Ran) -> List[int]:
    found = [one - 1 for stack in ran.waiting for one in stack]
    if ran.race:
        for access in ran.race.accesses:
            found += [access.pc - 1, *(one - 1 for one in access.stack)]
    return found
