"""A snapshot as text for a terminal: the map of pages, regions, processes, pool.

Colours on a terminal only; without them each class of pages has a letter.  A cell stands for as many pages as it takes for the map
to fit; what most of them are is shown.
TOL-02.
"""

from __future__ import annotations

from collections import Counter
from typing import Iterator, List, Sequence

from grader.memmon.snapshot import CLASSES, NONE, Process, Snapshot
from grader.report.terminal import Paint
from grader.report.text import for_terminal

LETTERS = "ZFSMNBATU."
COLOURS = ("46", "44", "43", "41", "45", "40", "42", "47", "102", "2")  # ANSI
MAP_ROWS, BAR, KB_PER_PAGE = 10, 24, 4
MOST_RANGES, MOST_TAGS = 8, 8


def lines(shown: Snapshot, paint: Paint, width: int) -> List[str]:
    """The whole page."""
    text = [f"MemMon  {for_terminal(shown.label) or 'memory'}  {shown.time:.1f} ms" + "  (page database locked)" * shown.locked, ""]
    text += [*_map(shown, paint, width), "", *_legend(shown, paint, width), "", *_regions(shown), ""]
    for process in shown.processes:
        text += [*_process(process), ""]
    text += list(_pool(shown))
    text += [f"WRONG: {for_terminal(words)}" for words in shown.wrong[:5]]
    return [line if "\x1b" in line else line[:width] for line in text]


def cells(classes: bytes, width: int, rows: int = MAP_ROWS) -> "tuple[int, List[int]]":
    """(pages a cell, what most pages of each cell are)."""
    pages = max(1, -(-len(classes) // (width * rows)))
    return pages, [Counter(classes[at:at + pages]).most_common(1)[0][0] for at in range(0, len(classes), pages)]


def _map(shown: Snapshot, paint: Paint, width: int) -> Iterator[str]:
    width = max(16, width - 10)
    pages, found = cells(shown.classes(), width)
    for row in range(0, len(found), width):
        yield f"{row * pages << 12:08x}  " + "".join(_cells(found[row:row + width], paint))
    yield f"{'':8}  one cell: {pages} page{'s' * (pages > 1)}"


def _cells(row: Sequence[int], paint: Paint) -> Iterator[str]:
    at = 0
    while at < len(row):
        end = at
        while end < len(row) and row[end] == row[at]:
            end += 1
        yield paint(COLOURS[row[at]], LETTERS[row[at]] * (end - at))
        at = end


def _legend(shown: Snapshot, paint: Paint, width: int) -> Iterator[str]:
    parts, length = [], 0
    for number, count in enumerate(shown.counts()):
        if number == NONE or not count:
            continue
        plain = f" {LETTERS[number]}  {CLASSES[number]} {count}"
        if parts and length + len(plain) + 3 > width:
            yield "   ".join(parts)
            parts, length = [], 0
        parts.append(paint(COLOURS[number], f" {LETTERS[number]} ") + f" {CLASSES[number]} {count}")
        length += len(plain) + 4
    yield "   ".join(parts)
    yield f"{shown.available} pages available, {shown.available * KB_PER_PAGE} KB"


def _regions(shown: Snapshot) -> Iterator[str]:
    yield f"{'start':8} {'end':8}  {'size KB':>9} {'in memory':>10}  region"
    for region in shown.regions:
        size = (region.end - region.start + 1024) // 1024
        yield f"{region.start:08x} {region.end:08x}  {size:>9} {region.resident * KB_PER_PAGE:>7} KB  {for_terminal(region.name)}"


def _process(process: Process) -> Iterator[str]:
    found = process.working_set
    ages = "by age " + " ".join(map(str, found.ages())) if found.listed else "no list"
    yield (f"{for_terminal(process.name)} ({process.identifier}): working set {found.size} of at most {found.maximum}, peak {found.peak}, {ages}; "
           f"{found.faults} faults; {process.committed} pages committed")
    for one in process.ranges[:MOST_RANGES]:
        pages = (one.end - one.start >> 12) + 1
        full = round(BAR * one.resident / pages)
        yield f"  {one.start:08x} {one.end:08x} [{'#' * full}{'-' * (BAR - full)}] {one.resident}/{pages}  {one.words}"
    if len(process.ranges) > MOST_RANGES:
        yield f"  and {len(process.ranges) - MOST_RANGES} more ranges"
    yield from (f"  WRONG: {for_terminal(words)}" for words in process.wrong[:3])


def _pool(shown: Snapshot) -> Iterator[str]:
    yield f"{'pool':6}{'non-paged':>12}{'blocks':>8}{'paged':>12}{'blocks':>8}"
    for tag in shown.tags[:MOST_TAGS]:
        yield (f"{for_terminal(tag.name):6}{tag.bytes:>12}{tag.allocs - tag.frees:>8}{tag.paged_bytes:>12}"
               f"{tag.paged_allocs - tag.paged_frees:>8}")
