"""A timeline from the trace of an explored schedule: a row for each side, a moment for each access, steps for time.

Invariant: what is drawn is the trace; nothing is left out but the steps of `Idle` and `Yield` that repeat themselves.
TOL-03, grading.md "Races".
"""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Sequence, Tuple

from grader.explore.control import Entry, Found, Ran
from grader.explore.finding import Places, does, side, stands, touched
from grader.timeline.model import Arrow, Details, Instant, Look, Row, Span, Timeline
from grader.timeline.sources import Excerpt, Sources

POINTS = ("none", "load", "store", "interlocked", "yield", "raise", "lower", "acquire", "acquired", "release",
          "ipi-send", "ipi-entry", "idle", "begin", "end", "tick", "switch", "mark", "pending", "released")  # KX_POINT
KIND = {"load": "read", "store": "write", "interlocked": "interlocked", "raise": "irql", "lower": "irql",
        "acquire": "acquire", "acquired": "acquire", "release": "release", "released": "release", "ipi-send": "signal",
        "ipi-entry": "interrupt", "begin": "create", "end": "create", "tick": "timer", "mark": "mark"}
WORDS = {"load": "reads", "store": "writes", "interlocked": "interlocked on", "acquire": "wants", "acquired": "has",
         "release": "gives up", "released": "has given up", "raise": "raises IRQL", "lower": "lowers IRQL",
         "ipi-send": "interrupts processors", "ipi-entry": "is interrupted", "begin": "begins", "end": "has ended",
         "tick": "a clock tick", "mark": "mark"}
WITH_OBJECT = ("load", "store", "interlocked", "acquire", "acquired", "release", "released")
QUIET = ("idle", "yield", "switch", "none", "pending")
BEFORE, AFTER = 80, 10  # steps around what went wrong that are shown first


def build(ran: Ran, places: Places, title: str, remarks: Sequence[str] = (),
          source: Optional[Sources] = None, failed: str = "", own: Callable[[str], bool] = lambda file: False) -> Timeline:
    """The timeline of a traced run.  `failed`: where the sides stand when it fails; `own`: which files are a student's."""
    rows = sorted({entry.processor for entry in ran.trace if _name(entry) != "switch"} | _racers(ran))
    quoted = _Quoted(source)
    instants = [_instant(entry, places, quoted) for entry in ran.trace if _name(entry) not in QUIET]
    spans = _turns(ran.trace)
    arrows = _handovers(spans) + _race(ran)
    notes = list(remarks)
    if ran.trace_lost:
        notes.append(f"{ran.trace_lost:,} further points are not in the trace.")
    last = ran.trace[-1].step if ran.trace else 0
    looks = [Look(one.text, _key(one.processor if one.processor in rows else rows[-1]), one.step, quoted.place(one.place))
             for one in stands(ran, places, own) if rows]
    if ran.found is not Found.NOTHING and ran.trace:
        row, when = _failure(ran, rows)
        there = [one.place for one in looks if one.row == _key(row) and one.time == when]
        instants.append(Instant(_key(row), when, "failure", ran.message or ran.found.name.lower(),
                                (("where", failed),) if failed else (), there[-1] if there else ""))
    if ran.race:
        for one in ran.race.accesses:
            details, place = _details(one.pc, places, quoted)
            instants.append(Instant(_key(one.processor), one.step, "race", does(one.write, touched(ran, one, places)),
                                    details, place))
    moments = [one.time for one in instants if one.kind in ("failure", "race")] or [last]
    focus = (max(0, min(moments) - BEFORE), max(moments) + AFTER) if last > 2 * BEFORE else (0.0, 0.0)
    return Timeline(title, "step", [Row(_key(number), side(number).split(" (")[0].replace("the ", ""), "Who goes on",
                                        f"processor {number}") for number in rows],
                    spans, instants, arrows, notes, focus, [one for one in looks if one.place], quoted.excerpts)


class _Quoted:
    """The places of a timeline that the page can show."""

    def __init__(self, source: Optional[Sources]) -> None:
        self._source, self._asked = source, set()  # type: ignore[var-annotated]
        self.excerpts: Dict[str, Excerpt] = {}

    def place(self, place: str) -> str:
        """The place, when there is source to show of it."""
        if place not in self._asked:
            self._asked.add(place)
            found = self._source.excerpt(place) if self._source and place else None
            if found:
                self.excerpts[place] = found
        return place if place in self.excerpts else ""


def _failure(ran: Ran, rows: Sequence[int]) -> Tuple[int, int]:
    """Whose row the failure belongs to, and at which step.  After a failed check the actors go on to the run's end."""
    end = ran.trace[-1]
    if ran.race:
        return ran.race.accesses[-1].processor, ran.race.accesses[-1].step
    own = ran.processor if ran.found < Found.BUGCHECK else end.processor  # a stopped kernel noted none
    step = ran.step if ran.found is Found.CHECK else max(end.step, ran.step)
    return (own if own in rows else end.processor if end.processor in rows else rows[-1]), step


def _key(processor: int) -> str:
    return f"p{processor}"


def _name(entry: Entry) -> str:
    return POINTS[entry.kind] if entry.kind < len(POINTS) else f"point {entry.kind}"


def _racers(ran: Ran) -> "set[int]":
    return {one.processor for one in ran.race.accesses} if ran.race else set()


def _instant(entry: Entry, places: Places, quoted: _Quoted) -> Instant:
    name = _name(entry)
    label = WORDS.get(name, name)
    more: Tuple[Tuple[str, str], ...] = (("IRQL", str(entry.irql)),)
    if name in WITH_OBJECT:
        access = name in ("load", "store")
        what = places.variable(entry.object, entry.size if access else 0)
        label = does(name == "store", what) if access else f"{label} {what}"
        more = (("address", f"{entry.object:#010x}" + (f", {entry.size} bytes" if access else "")), *more)
    elif name in ("mark", "ipi-send"):
        label += f" {entry.object:#x}"
    details, place = _details(entry.pc, places, quoted)
    return Instant(_key(entry.processor), entry.step, KIND.get(name, "event"), label, details + more, place)


def _details(pc: int, places: Places, quoted: _Quoted) -> Tuple[Details, str]:
    """Where it stands in the source, and the place when it can be shown.  `pc` is behind the call of the hook."""
    if not pc:
        return (), ""
    place = places.place(pc - 1)
    return (("in", places.routine(pc - 1)), *((("at", place),) if place else ())), quoted.place(place)


def _turns(trace: Sequence[Entry]) -> List[Span]:
    """How long each side went on without being stopped."""
    spans: List[Span] = []
    own = [entry for entry in trace if _name(entry) != "switch"]
    for index, entry in enumerate(own):
        if spans and spans[-1].row == _key(entry.processor):
            continue
        if spans:
            spans[-1] = Span(spans[-1].row, spans[-1].start, entry.step, "turn", spans[-1].label)
        spans.append(Span(_key(entry.processor), entry.step, entry.step, "turn", side(entry.processor).split(" (")[0]))
    if spans:
        spans[-1] = Span(spans[-1].row, spans[-1].start, own[-1].step + 1, "turn", spans[-1].label)
    return spans


def _handovers(spans: Sequence[Span]) -> List[Arrow]:
    return [Arrow(one.row, one.end, other.row, other.start, "handover", "goes on") for one, other in zip(spans, spans[1:])]


def _race(ran: Ran) -> List[Arrow]:
    if not ran.race or len(ran.race.accesses) < 2:
        return []
    first, second = ran.race.accesses
    return [Arrow(_key(first.processor), first.step, _key(second.processor), second.step, "race", "nothing orders these")]
