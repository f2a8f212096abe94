"""A timeline as one HTML page that needs nothing else; grader/offline.py says what such a page promises.

TOL-03.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

from grader import offline
from grader.timeline.model import KINDS, Timeline, check

HERE = Path(__file__).resolve().parent
SCRIPTS = ("page.js", "sidebar.js")  # of the page's one script, in their order


def data(timeline: Timeline) -> Dict[str, Any]:
    """What the page's script draws.  Rows and kinds become indices."""
    check(timeline)
    row = {one.key: index for index, one in enumerate(timeline.rows)}
    used = [name for name in KINDS
            if any(one.kind == name for one in (*timeline.spans, *timeline.instants, *timeline.arrows))]
    kind = {name: index for index, name in enumerate(used)}
    excerpt = {place: index for index, place in enumerate(timeline.excerpts)}
    start, end = timeline.range
    return {
        "title": timeline.title,
        "unit": timeline.unit,
        "range": [start, max(end, start + 1e-3)],
        "focus": list(timeline.focus),
        "remarks": list(timeline.remarks),
        "kinds": [[KINDS[name].title, KINDS[name].light, KINDS[name].dark, KINDS[name].height, KINDS[name].shown,
                   KINDS[name].loud, KINDS[name].shape]
                  for name in used],
        "rows": [[one.name, one.band, one.note] for one in timeline.rows],
        "spans": [[row[one.row], one.start, one.end, kind[one.kind], one.label, one.details, one.level]
                  for one in timeline.spans],
        "instants": [[row[one.row], one.time, kind[one.kind], one.label, one.details, excerpt.get(one.place, -1)]
                     for one in timeline.instants],
        "arrows": [[row[one.source], one.start, row[one.target], one.end, kind[one.kind], one.label, one.details]
                   for one in timeline.arrows],
        "excerpts": [[one.file, one.line, one.first, one.lines] for one in timeline.excerpts.values()],
        "looks": [[one.title, row[one.row], one.time, excerpt[one.place]] for one in timeline.looks if one.place],
    }


def script() -> str:
    """The page's script."""
    return offline.script(HERE, SCRIPTS)


def render(timeline: Timeline) -> str:
    """The page."""
    return offline.page(HERE, timeline.title, script(), data(timeline))
