"""A recording as one HTML page: a map of pages with a slider for time, regions, processes, pool.

Only what changed from one snapshot to the next is written.  grader/offline.py says what such a page promises.
TOL-02.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Sequence

from grader import offline
from grader.errors import GraderError
from grader.memmon.snapshot import CLASSES, Process, Snapshot, class_of
from grader.views.pages import FLAG_NAMES, LISTS

HERE = Path(__file__).resolve().parent
SCRIPTS = ("map.js", "page.js")
# On a light and on a dark ground; the order of CLASSES.
COLOURS = (("#8fd3f4", "#7cc4ea"), ("#2f7fc1", "#3d8fd6"), ("#f2c14e", "#e8b93f"), ("#d1495b", "#e2596b"), ("#a23b72", "#bb5590"), ("#111111", "#f0f0f0"),
           ("#7a8793", "#6c7a87"), ("#7b2cbf", "#a566e0"), ("#2a9d6f", "#35b483"), ("#e9edf1", "#1c242d"))


def data(title: str, snapshots: "Sequence[Snapshot]") -> Dict[str, Any]:
    """What the page's script draws."""
    if not snapshots:
        raise GraderError("there is no snapshot to draw")
    return {"title": title, "classes": [[name, *colours] for name, colours in zip(CLASSES, COLOURS)], "lists": LISTS,
            "flags": [[bit, name] for bit, name in FLAG_NAMES.items()],
            "frames": len(snapshots[0].pages),
            "regions": [[one.name, one.start, one.end] for one in snapshots[0].regions],
            "moments": [_moment(shown, before) for shown, before in zip(snapshots, (None, *snapshots))]}


def _moment(shown: Snapshot, before: "Snapshot | None") -> Dict[str, Any]:
    return {"label": shown.label, "time": round(shown.time, 3), "locked": shown.locked, "available": shown.available, "wrong": list(shown.wrong),
            "counts": shown.counts(), "resident": [one.resident for one in shown.regions],
            "processes": [_process(one) for one in shown.processes], "tags": [list(tag) for tag in shown.tags],
            "changed": _changed(shown, before)}


def _changed(shown: Snapshot, before: "Snapshot | None") -> List[int]:
    """Frame, class, PTE, both words, references, flags, original PTE of each page that is not as it was; one behind the other."""
    found: List[int] = []
    for index, page in enumerate(shown.pages):
        if before is None or page != before.pages[index]:
            found += (page.frame, class_of(page), page.pte, page.first, page.second, page.references, page.flags, page.original)
    return found


def _process(one: Process) -> Dict[str, Any]:
    found = one.working_set
    return {"name": one.name, "id": one.identifier, "committed": one.committed, "size": found.size, "peak": found.peak, "minimum": found.minimum,
            "maximum": found.maximum, "faults": found.faults, "listed": found.listed, "ages": found.ages(), "wrong": list(one.wrong),
            "ranges": [[each.start, each.end, each.words, each.commit, each.resident] for each in one.ranges]}


def script() -> str:
    """The page's script."""
    return offline.script(HERE, SCRIPTS)


def render(title: str, snapshots: "Sequence[Snapshot]") -> str:
    """The page."""
    return offline.page(HERE, title, script(), data(title, snapshots))
