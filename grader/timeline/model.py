"""What a timeline shows: rows, spans, instants and arrows, whatever they were made from.

Invariants
  * Plain data.  Times are numbers in `Timeline.unit`; a span's start is not after its end.
  * Every kind is one of KINDS, every row that is named is one of `rows` (`check` says so).
  * Texts may come from a student's kernel: they are data for the writers, never markup.
TOL-03.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Mapping, Sequence, Tuple

from grader.errors import GraderError
from grader.timeline.sources import Excerpt

Details = Tuple[Tuple[str, str], ...]  # (name, value); a value with line breaks is shown as it stands


@dataclass(frozen=True)
class Kind:
    """How something is drawn: its name in the legend, colours on light and dark ground, height of a span (0..1)."""

    title: str
    light: str
    dark: str
    height: float = 1.0
    shown: bool = True  # at first; the legend switches it
    loud: bool = False  # a line through all rows, before everything else
    shape: str = "diamond"  # of a moment, for eyes and printers that do not tell the colours: one of SHAPES


SHAPES = ("diamond", "square", "circle", "up", "down")

KINDS: Dict[str, Kind] = {
    # what a thread or a processor is doing
    "running": Kind("running", "#2f7d4f", "#4cc27d"),
    "ready": Kind("ready: waits for a processor", "#c98a00", "#f0b93a", 0.62),
    "standby": Kind("standby: chosen, not running yet", "#d9a53a", "#d9a53a", 0.62),
    "waiting": Kind("waiting", "#8593a6", "#75849a", 0.2),
    "other": Kind("created, ended, in transition", "#b9a8d0", "#6f5f8c", 0.2),
    "busy": Kind("processor runs a thread", "#2c6fb3", "#5aa2e8"),
    "idle": Kind("processor idle", "#d5dbe3", "#2c3542", 0.2),
    "dpc-span": Kind("DPC routine", "#8e44ad", "#c58be0", 0.5),
    "lock-span": Kind("waits for a lock", "#5f6b2f", "#b7c46a", 0.34),
    # moments
    "signal": Kind("signal", "#0b7285", "#3bc9db", shape="square"),
    "wait": Kind("begins to wait", "#5c677d", "#a9b4c6", 1.0, False, shape="down"),
    "wake": Kind("wake-up", "#d6336c", "#ff6b9d", shape="up"),
    "boost": Kind("priority raised", "#e8590c", "#ff9248", shape="up"),
    "decay": Kind("priority falls back", "#a0664b", "#c99a82", shape="down"),
    "quantum": Kind("quantum ends", "#6741d9", "#a58bff", shape="square"),
    "dpc": Kind("DPC queued", "#8e44ad", "#c58be0", shape="circle"),
    "apc": Kind("APC queued or delivered", "#b0467c", "#e58abb", shape="circle"),
    "lock": Kind("lock operation", "#5f6b2f", "#b7c46a"),
    "ipi": Kind("processors interrupt each other", "#a61e4d", "#faa2c1", 1.0, False),
    "timer": Kind("timer", "#1864ab", "#74c0fc", shape="circle"),
    "create": Kind("thread begins or ends", "#343a40", "#dee2e6"),
    "interrupt": Kind("interrupt", "#868e96", "#adb5bd", 1.0, False),
    "mark": Kind("mark", "#087f5b", "#63e6be"),
    "bugcheck": Kind("bugcheck", "#c92a2a", "#ff6b6b", loud=True),
    "event": Kind("other event", "#868e96", "#adb5bd", 1.0, False),
    # an explored schedule
    "turn": Kind("has the baton", "#2f7d4f", "#4cc27d", 0.5),
    "read": Kind("reads memory", "#1971c2", "#74c0fc", shape="circle"),
    "write": Kind("writes memory", "#e8590c", "#ffa94d", shape="square"),
    "interlocked": Kind("interlocked operation", "#6741d9", "#b197fc"),
    "acquire": Kind("takes a lock", "#5f6b2f", "#c0eb75", shape="down"),
    "release": Kind("gives a lock up", "#5f6b2f", "#c0eb75", shape="up"),
    "irql": Kind("changes IRQL", "#868e96", "#adb5bd", 1.0, False),
    "handover": Kind("baton passes", "#868e96", "#6b7686", 1.0, False),
    "failure": Kind("what went wrong", "#c92a2a", "#ff6b6b", loud=True),
    "race": Kind("the two conflicting accesses", "#c92a2a", "#ff5c5c"),
}


@dataclass(frozen=True)
class Row:
    """A thread or a processor.  Rows of one band stand together, in the order of `Timeline.rows`."""

    key: str
    name: str
    band: str
    note: str = ""


@dataclass(frozen=True)
class Span:
    """Something that lasts.  `level` 1 lies over level 0 of the same row, as a DPC over the thread it interrupts."""

    row: str
    start: float
    end: float
    kind: str
    label: str
    details: Details = ()
    level: int = 0


@dataclass(frozen=True)
class Instant:
    """Something at one moment."""

    row: str
    time: float
    kind: str
    label: str
    details: Details = ()
    place: str = ""  # where it stands in the source: a key of `Timeline.excerpts`, or nothing


@dataclass(frozen=True)
class Look:
    """What the page shows of the source before anything is chosen."""

    title: str
    row: str
    time: float
    place: str


@dataclass(frozen=True)
class Arrow:
    """Something that leads from one row to another."""

    source: str
    start: float
    target: str
    end: float
    kind: str
    label: str
    details: Details = ()


@dataclass(frozen=True)
class Timeline:
    """One picture."""

    title: str
    unit: str  # "us" or "step"
    rows: Sequence[Row]
    spans: Sequence[Span] = ()
    instants: Sequence[Instant] = ()
    arrows: Sequence[Arrow] = ()
    remarks: Sequence[str] = ()  # shown above the picture: what happened, what to look at
    focus: Tuple[float, float] = (0.0, 0.0)  # the part that is shown first; (0, 0): all of it
    looks: Sequence[Look] = ()
    excerpts: Mapping[str, Excerpt] = field(default_factory=dict)

    @property
    def range(self) -> Tuple[float, float]:
        times: List[float] = [one.time for one in self.instants]
        times += [time for one in self.spans for time in (one.start, one.end)]
        return (min(times), max(times)) if times else (0.0, 1.0)


def check(timeline: Timeline) -> None:
    """Raises GraderError for a timeline that does not hold together: a mistake in whatever made it."""
    rows = {row.key for row in timeline.rows}
    if len(rows) != len(timeline.rows):
        raise GraderError("two rows of a timeline have one key")
    named = {one.row for one in (*timeline.spans, *timeline.instants)}
    named |= {key for one in timeline.arrows for key in (one.source, one.target)}
    if named - rows:
        raise GraderError(f"a timeline names rows that it does not have: {', '.join(sorted(named - rows)[:4])}")
    kinds = {one.kind for one in (*timeline.spans, *timeline.instants, *timeline.arrows)} - set(KINDS)
    if kinds:
        raise GraderError(f"a timeline has kinds that nobody draws: {', '.join(sorted(kinds)[:4])}")
    places = {one.place for one in (*timeline.instants, *timeline.looks) if one.place} - set(timeline.excerpts)
    if places or {one.row for one in timeline.looks} - rows:
        raise GraderError(f"a timeline names places that it does not show: {', '.join(sorted(places)[:4])}")
    if any(one.end < one.start for one in timeline.spans):
        raise GraderError("a span of a timeline ends before it begins")
