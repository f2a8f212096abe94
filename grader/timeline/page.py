"""A timeline as one HTML page that needs nothing else: no server, no network, no other file.

Invariant: whatever the texts hold (they may come from a student's kernel), they stay texts: the data stands in a JSON
block in which `<`, `>`, `&` and the line separators are escaped, and the script shows it through textContent only.  The
page's own policy forbids every request.
TOL-03.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any, Dict

from grader.timeline.model import KINDS, Timeline, check

HERE = Path(__file__).resolve().parent
SCRIPTS = ("page.js", "sidebar.js")  # of the page's one script, in their order
ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


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


def embedded(value: Any) -> str:
    """JSON that cannot end its script element or say anything else than data."""
    text = json.dumps(value, separators=(",", ":"))
    for letter, escape in ESCAPES.items():
        text = text.replace(letter, escape)
    return text


def script() -> str:
    """The page's script."""
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def render(timeline: Timeline) -> str:
    """The page."""
    style = (HERE / "page.css").read_text(encoding="utf-8")
    code = script()
    policy = (f"default-src 'none'; script-src 'sha256-{_digest(code)}'; "
              f"style-src 'sha256-{_digest(style)}'; base-uri 'none'; form-action 'none'")
    page = (HERE / "page.html").read_text(encoding="utf-8")
    texts = {"POLICY": html.escape(policy, quote=False), "TITLE": html.escape(timeline.title),
             "STYLE": style, "SCRIPT": code, "DATA": embedded(data(timeline))}
    return re.sub("@(" + "|".join(texts) + ")@", lambda match: texts[match[1]], page)
