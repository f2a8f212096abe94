"""Whose a processor was, and for how long, between two looks: by the times of the context switches, not by clock ticks.

TOL-01.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import List, Tuple

from grader.procmon.moment import Moment, Processor


@dataclass(frozen=True)
class Span:
    """A thread had a processor from one time to another."""

    begin: int
    end: int
    thread: int


@dataclass(frozen=True)
class Strip:
    """What a processor ran, without a gap."""

    processor: Processor
    spans: Tuple[Span, ...]

    @property
    def length(self) -> int:
        return self.spans[-1].end - self.spans[0].begin if self.spans else 0

    def shares(self) -> "List[Tuple[int, float]]":
        """(thread, its part of the time), the largest part first."""
        counted: "Counter[int]" = Counter()
        for span in self.spans:
            counted[span.thread] += span.end - span.begin
        return [(thread, part / self.length) for thread, part in counted.most_common() if self.length]


def strip(moment: Moment, processor: Processor, since: int = 0) -> Strip:
    """A processor's strip from its first switch, or from the time `since` if the look before knew who ran, to its newest record."""
    switches = [one for one in moment.switches if one.processor == processor.number]
    if not switches:
        whole = (Span(since, processor.now, processor.current),) if since and processor.now > since else ()
        return Strip(processor, whole)
    spans: "List[Span]" = []
    if since and since < switches[0].time:
        spans.append(Span(since, switches[0].time, switches[0].old))
    ends = [one.time for one in switches[1:]] + [max(processor.now, switches[-1].time)]
    spans += [Span(one.time, end, one.new) for one, end in zip(switches, ends)]
    return Strip(processor, tuple(spans))


def letters(strip_: Strip, width: int, letter: "dict[int, str]") -> str:
    """The strip as a row of letters: each cell shows the thread that had most of its time."""
    if not strip_.length:
        return "".ljust(width)
    cells, begin = [], strip_.spans[0].begin
    at = 0
    for cell in range(width):
        low, high = begin + strip_.length * cell / width, begin + strip_.length * (cell + 1) / width
        while strip_.spans[at].end <= low and at + 1 < len(strip_.spans):
            at += 1
        best, look = (0.0, 0), at
        while look < len(strip_.spans) and strip_.spans[look].begin < high:
            span = strip_.spans[look]
            best = max(best, (min(high, span.end) - max(low, span.begin), span.thread))
            look += 1
        cells.append(letter.get(best[1], "?"))
    return "".join(cells)
