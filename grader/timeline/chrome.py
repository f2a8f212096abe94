"""A timeline as Chrome trace JSON: chrome://tracing, Perfetto and others open it.

Every band is a process, every row a thread of it; spans are complete events ("X"), instants "i", arrows flows ("s" to
"f").  Times are microseconds; a schedule's steps count as microseconds too.
TOL-03.  In the format's document: "Trace Event Format".
"""

from __future__ import annotations

import json
from typing import Any, Dict, List

from grader.timeline.model import KINDS, Details, Timeline, check


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
    for span in timeline.spans:
        found.append({"ph": "X", "name": span.label, "cat": KINDS[span.kind].title, "ts": span.start,
                      "dur": round(span.end - span.start, 6), **place[span.row], "args": _arguments(span.details)})
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


def _arguments(details: Details) -> Dict[str, str]:
    return dict(details)
