"""A timeline as Chrome trace JSON: chrome://tracing, Perfetto and others open it.

Every band is a process, every row a thread of it; spans are complete events ("X"), instants "i", arrows flows ("s" to
"f").  The format wants the complete events of a thread to nest, and drops others: a span that begins in one state of its
row and ends in another (a wait for a lock) is a pair "b" and "e".  Times are microseconds; a schedule's steps count as
microseconds too.
TOL-03.  In the format's document: "Trace Event Format".
"""

from __future__ import annotations

import bisect
import json
from typing import Any, Dict, List, Sequence, Tuple

from grader.timeline.model import KINDS, Details, Span, Timeline, check


def events(timeline: Timeline) -> List[Dict[str, Any]]:
    """The traceEvents array."""
    check(timeline)
    bands = list(dict.fromkeys(row.band for row in timeline.rows))
    place: Dict[str, Dict[str, int]] = {}
    found: List[Dict[str, Any]] = []
    for number, band in enumerate(bands):
        found.append({"ph": "M", "name": "process_name", "pid": number + 1, "tid": 0, "args": {"name": band}})
        found.append({"ph": "M", "name": "process_sort_index", "pid": number + 1, "tid": 0,
                      "args": {"sort_index": number}})
    for number, row in enumerate(timeline.rows):
        place[row.key] = {"pid": bands.index(row.band) + 1, "tid": number + 1}
        found.append({"ph": "M", "name": "thread_name", **place[row.key], "args": {"name": row.name}})
        found.append({"ph": "M", "name": "thread_sort_index", **place[row.key], "args": {"sort_index": number}})
    ground = _ground(timeline.spans)
    pairs = 0
    for span in timeline.spans:
        own = {"name": span.label, "cat": KINDS[span.kind].title, **place[span.row]}
        if span.level and not _nests(span, ground.get(span.row, [])):
            pairs += 1
            found.append({"ph": "b", "id": pairs, **own, "ts": span.start, "args": _arguments(span.details)})
            found.append({"ph": "e", "id": pairs, **own, "ts": span.end})
        else:
            found.append({"ph": "X", **own, "ts": span.start, "dur": round(span.end - span.start, 6),
                          "args": _arguments(span.details)})
    for instant in timeline.instants:
        found.append({"ph": "i", "s": "t", "name": instant.label, "cat": KINDS[instant.kind].title,
                      "ts": instant.time, **place[instant.row], "args": _arguments(instant.details)})
    for number, arrow in enumerate(timeline.arrows):
        shared = {"name": arrow.label, "cat": KINDS[arrow.kind].title, "id": number + 1}
        found.append({"ph": "s", **shared, "ts": arrow.start, **place[arrow.source],
                      "args": _arguments(arrow.details)})
        found.append({"ph": "f", "bp": "e", **shared, "ts": arrow.end, **place[arrow.target]})
    return found


def render(timeline: Timeline) -> str:
    """The whole file."""
    whole = {"displayTimeUnit": "ns", "otherData": {"title": timeline.title, "unit": timeline.unit},
             "traceEvents": events(timeline)}
    return json.dumps(whole, separators=(",", ":")) + "\n"


def _ground(spans: Sequence[Span]) -> Dict[str, List[Tuple[float, float]]]:
    """By row, what the spans of level 1 lie over, in order."""
    found: Dict[str, List[Tuple[float, float]]] = {}
    for span in spans:
        if not span.level:
            found.setdefault(span.row, []).append((span.start, span.end))
    return {row: sorted(own) for row, own in found.items()}


def _nests(span: Span, ground: List[Tuple[float, float]]) -> bool:
    """Whether it lies over one span alone, or over none."""
    under = bisect.bisect_right(ground, (span.start, float("inf"))) - 1
    after = under + 1 < len(ground) and ground[under + 1][0] < span.end
    return not after and (under < 0 or span.end <= ground[under][1] or span.start >= ground[under][1])


def _arguments(details: Details) -> Dict[str, str]:
    return dict(details)
