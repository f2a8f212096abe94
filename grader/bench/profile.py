"""Where the instructions of an operation go: `make bench PROFILE=fresh-page`.

The routine is stepped, instruction by instruction; each counts for the routine that it belongs to.
"""

from __future__ import annotations

from collections import Counter
from typing import List

from .items import Item
from .session import Session
from grader.images.symbols import Module, Symbols
from grader.images.pe import PeImage

ITERATIONS, SHOWN = 8, 40


def profile(session: Session, item: Item) -> "List[str]":
    """Rows of a table: instructions of one operation by routine, most first."""
    for routine in filter(None, (item.prepare, item.routine)):  # what the first ones cost more does not count
        session.instructions_of(routine, ITERATIONS)
    if item.prepare:
        session.instructions_of(item.prepare, ITERATIONS)
    symbols = Symbols([Module(name, PeImage.load(session.images[name]), base) for name, base in session.bases.items()])
    spent: "Counter[str]" = Counter()
    calls: "Counter[str]" = Counter()
    for address in session.steps_of(item.routine, ITERATIONS):
        found = symbols.nearest(address)
        name, offset = found if found else ("?", 1)
        spent[name] += 1
        calls[name] += offset == 0
    operations = ITERATIONS * item.each
    rows = [f"{sum(spent.values()) / operations:>18,.1f}  {item.title}; of these:"]
    rows += [f"{count / operations:>18,.1f}  {name}" + (f", called {calls[name] / operations:.1f} times" if calls[name] else "")
             for name, count in spent.most_common(SHOWN)]
    return rows
