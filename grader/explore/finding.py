"""A confirmed find in words: what was seen, the two sides of it, advice.

Invariants
  * The text depends on kernel and schedule only.
  * The report on the terminal and the page (grader/timeline/race.py) take their words for an access from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Optional, Protocol, Sequence, Tuple

from grader.explore.control import Access, Entry, Found, Ran

LOAD, STORE, ACQUIRED, RELEASE, RELEASED = 1, 2, 8, 9, 19  # KX_POINT
LOOKS = 3
INSIDE = ("kernel/ntos/", "kernel/hal/", "kernel/inc/")  # where an actor waits, but not what it was asked to do

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


class Places(Protocol):
    """What addresses are called (grader.explore.lines)."""

    def prepare(self, addresses: "Sequence[int]") -> None: ...

    def place(self, address: int) -> str: ...

    def variable(self, address: int, size: int = 0) -> str: ...

    def routine(self, address: int) -> str: ...

    def frame(self, address: int) -> str: ...


@dataclass(frozen=True)
class Stand:
    """What one side did, or where it stands: a sentence, and the place in the source."""

    processor: int
    step: int
    text: str
    place: str


def side(processor: int) -> str:
    """Who works on a processor."""
    return "the clock (processor 0)" if processor == 0 else f"actor {processor - 1} (processor {processor})"


def tell(ran: Ran, lines: Places, stopped: Optional[Callable[[BaseException], str]] = None) -> Told:
    """A find in words.  `stopped` says a bugcheck or hang better than its own text."""
    lines.prepare(_addresses(ran))
    where = ran.place
    if ran.found is Found.DATA_RACE and ran.race:
        first, second = ran.race.accesses
        seen = f"a data race: {_does(ran, first, lines)}, {_does(ran, second, lines)}, and nothing orders the two"
        difference = "\n".join(_access(ran, one, lines) for one in (first, second))
        where = lines.place(second.pc - 1)
    elif ran.found is Found.CHECK:
        seen = ran.message + (f" ({ran.place})" if ran.place else "")
        difference = _stacks(ran, lines) if any(ran.waiting[1:]) else _last(ran, lines)
    elif ran.found in (Found.DEADLOCK, Found.NO_PROGRESS):
        seen, difference = ran.message, _stacks(ran, lines)
    else:
        seen = stopped(ran.cause) if stopped and ran.cause else ran.message
        difference = ""
    return Told(seen, difference, HINTS.get(ran.found, ("race", "")), where)


def does(write: bool, what: str) -> str:
    """`writes Words.First`."""
    return f"{'writes' if write else 'reads'} {what}"


def touched(ran: Ran, access: Access, lines: Places) -> str:
    """What an access of a race touches: `Subject->Header.SignalState`; where no type is known, by the scenario's name."""
    assert ran.race
    own = next((entry.object for entry in ran.trace if (entry.step, entry.processor, entry.pc) ==
                (access.step, access.processor, access.pc) and entry.kind in (LOAD, STORE)), ran.race.address)
    told = lines.variable(own, access.size)
    if ran.race.name and (told.startswith("0x") or "+0x" in told):
        return ran.race.name + (f"+{ran.race.offset:#x}" if ran.race.offset else "")
    return told


def stands(ran: Ran, lines: Places, own: Callable[[str], bool] = lambda file: False) -> List[Stand]:
    """What to look at in the source: both accesses of a race, the failed check, else where each side stands.
    `own`: whether a file is the student's; where a side waits deep inside the kernel, its place there says most."""
    if ran.race:
        return [Stand(one.processor, one.step, f"{side(one.processor)} {does(one.write, touched(ran, one, lines))}",
                      lines.place(one.pc - 1)) for one in ran.race.accesses]
    found: List[Stand] = []
    for processor, stack in enumerate(ran.waiting):
        told = [place for place in (lines.place(one - 1) for one in stack) if place] if processor else []
        place = next((one for one in told if own(one.rpartition(":")[0])),
                     next((one for one in told if not one.startswith(INSIDE)), told[0] if told else ""))
        if place:
            found.append(Stand(processor, ran.step, f"{side(processor)} stands here", place))
    if not found:
        found += [Stand(one.processor, one.step, f"{side(one.processor)} {_entry(one, lines)}", lines.place(one.pc - 1))
                  for one in conflict(ran)]
    if ran.found is Found.CHECK and ran.place not in [one.place for one in found]:
        found.append(Stand(ran.processor, ran.step, "the check that fails", ran.place))
    return found[:LOOKS]


def conflict(ran: Ran) -> Tuple[Entry, ...]:
    """Before a failed check: the last two accesses of two actors to the same memory, of which one is a write."""
    before = [one for one in ran.trace if one.kind in (LOAD, STORE) and one.processor and one.pc and one.step <= ran.step]
    if ran.found is not Found.CHECK:
        return ()
    latest: "dict[int, dict[int, Entry]]" = {}  # by address and processor: the next access
    for one in reversed(before):
        others = latest.setdefault(one.object, {})
        for processor, other in others.items():
            if processor != one.processor and STORE in (one.kind, other.kind):
                return one, other
        others.setdefault(one.processor, one)
    return ()


def _entry(entry: Entry, lines: Places) -> str:
    return does(entry.kind == STORE, lines.variable(entry.object, entry.size))


def _last(ran: Ran, lines: Places) -> str:
    """Who wrote and who read last, where the sides have ended."""
    pair = conflict(ran)
    lines.prepare([one.pc - 1 for one in pair])
    told = []
    for one in pair:
        place = lines.place(one.pc - 1)
        told.append(f"{side(one.processor)} {_entry(one, lines)} ({_lock(ran, one) or f'{one.size} bytes'}) at step {one.step}"
                    + (f", {place}" if place else ""))
    return "\n".join(["the last two accesses of both sides to the same memory:", *told]) if told else ""


def _lock(ran: Ran, access: Entry) -> str:
    """What the word of a lock said when it was accessed; nothing of other memory.  The points of the lock routines tell which side
    had the lock: its word is a number, or a node's address."""
    moves = [one for one in ran.trace if one.object == access.object and one.kind in (ACQUIRED, RELEASE, RELEASED)]
    if not moves:
        return ""
    at = next(index for index, one in enumerate(ran.trace) if one is access)
    held = ""
    for one in ran.trace[:at]:
        if one.object == access.object and one.kind in (ACQUIRED, RELEASE, RELEASED):
            held = "" if one.kind == RELEASED else side(one.processor)
    return f"a lock, held by {held}" if held else "a lock, free"


def _does(ran: Ran, access: Access, lines: Places) -> str:
    what = does(access.write, touched(ran, access, lines))
    return f"{side(access.processor)} {what} ({access.size} bytes) at step {access.step}"


def _access(ran: Ran, access: Access, lines: Places) -> str:
    place = lines.place(access.pc - 1)
    head = f"{_does(ran, access, lines)}" + (f", {place}" if place else "")
    return "\n".join([head, *(f"    {lines.frame(one)}" for one in access.stack)])


def _stacks(ran: Ran, lines: Places) -> str:
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
