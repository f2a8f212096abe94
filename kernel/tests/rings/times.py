"""Where the time of `make test` went: $O/ci-times.html, one bar a ring, and what a ring waited for longest.

Tests of a ring run side by side, so a test's own time is not known here; what is shown is how long after the line before it
a test's line came.  That is what the whole run waited for.
"""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from pathlib import Path

SLOWEST = 12  # rows of a ring


@dataclass
class RingTime:
    """One ring's run: seconds in all, and (seconds since the line before, test) of each test."""

    name: str
    seconds: float = 0.0
    waits: "list[tuple[float, str]]" = field(default_factory=list)
    skipped: str = ""  # why it could not run here


def write(rings: "list[RingTime]", out: Path) -> Path:
    """The page; it needs no script and no network."""
    whole = sum(ring.seconds for ring in rings) or 1.0
    parts = []
    for ring in rings:
        rows = "".join(f"<tr><td>{wait:.1f}</td><td>{html.escape(name)}</td></tr>"
                       for wait, name in sorted(ring.waits, reverse=True)[:SLOWEST] if wait >= 0.1)
        parts.append(f'<h2>{html.escape(ring.name)}: {ring.seconds:.0f} s, {len(ring.waits)} tests</h2>'
                     f'<div class="bar" style="width:{100 * ring.seconds / whole:.1f}%"></div>'
                     f"<table><tr><th>s</th><th>came after so long</th></tr>{rows}</table>")
    page = out / "ci-times.html"
    page.write_text("<!doctype html><html lang=en><meta charset=utf-8><title>make test: where the time goes</title><style>"
                    "body{font:16px/1.4 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}.bar{height:1em;background:#36c;min-width:2px}"
                    "td,th{text-align:left;padding:0 1em 0 0}h2{margin:1em 0 .2em;font-size:1.1em}</style>"
                    f"<h1>make test: {whole:.0f} s</h1>{''.join(parts)}</html>\n", encoding="utf-8")
    return page
