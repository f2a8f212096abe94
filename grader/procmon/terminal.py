"""A look as text for a terminal: a strip for each processor, then the threads, those with the most time first.

Each thread that ran has a letter, which it keeps from look to look; idle time is a dot.  Colours on a terminal only.
TOL-01.
"""

from __future__ import annotations

import string
from typing import Dict, Iterator, List

from grader.procmon.moment import Moment, Row
from grader.procmon.shares import Strip, letters, strip
from grader.report.terminal import Paint
from grader.report.text import for_terminal

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits
IDLE, NOBODY = ".", "?"
COLOURS = ("41", "42", "43", "44", "45", "46", "101", "102", "103", "104")  # ANSI
MOST_ROWS, MARGIN = 24, 30
STATES_SHOWN = ("Running", "Ready", "Standby", "DeferredReady")


class Screen:
    """Draws looks one after the other."""

    def __init__(self, paint: Paint) -> None:
        self._paint = paint
        self._letters: "Dict[int, str]" = {}
        self._since: "Dict[int, int]" = {}

    def lines(self, moment: Moment, width: int) -> List[str]:
        """The whole page."""
        strips = [strip(moment, one, self._since.get(one.number, 0)) for one in moment.processors]
        self._since = {one.number: max(one.now, self._since.get(one.number, 0)) for one in moment.processors}
        shares = {thread: part for one in strips for thread, part in one.shares()}
        self._name(moment, shares)
        text = [f"ProcMon  {len(moment.switches)} switches since the last look" + _lost(moment), ""]
        text += [self._strip(moment, one, max(10, width - MARGIN)) for one in strips]
        text += ["", f"{'':2}{'thread':40} {'id':>9} {'state':13} {'priority':>8} {'time':>6} {'ticks':>7} {'switches':>8}"]
        text += list(self._rows(moment, shares))
        return [line if "\x1b" in line else line[:width] for line in text]

    def _name(self, moment: Moment, shares: "Dict[int, float]") -> None:
        """Gives a letter to each thread that ran and has none; a letter of a thread that is gone may be taken again."""
        idle = {one.idle for one in moment.processors}
        alive = {row.address for row in moment.threads} | set(shares)
        self._letters = {thread: letter for thread, letter in self._letters.items() if thread in alive}
        for thread in shares:
            if thread in idle:
                self._letters[thread] = IDLE
            elif thread not in self._letters:
                self._letters[thread] = next((one for one in ALPHABET if one not in self._letters.values()), NOBODY)

    def _strip(self, moment: Moment, one: Strip, width: int) -> str:
        processor = one.processor
        row = letters(one, width, self._letters)
        told = f"cpu {processor.number} {one.length / (processor.mhz * 1000):8.1f} ms " if processor.mhz else f"cpu {processor.number} "
        return told + "".join(self._painted(row)) + f"  {processor.ready} ready"

    def _painted(self, row: str) -> Iterator[str]:
        at = 0
        while at < len(row):
            end = at
            while end < len(row) and row[end] == row[at]:
                end += 1
            known = ALPHABET.find(row[at])
            yield row[at:end] if known < 0 else self._paint(COLOURS[known % len(COLOURS)], row[at:end])
            at = end

    def _rows(self, moment: Moment, shares: "Dict[int, float]") -> Iterator[str]:
        idle = {one.idle for one in moment.processors}
        on = {one.current: one.number for one in moment.processors}

        def order(row: Row) -> "tuple[bool, float, bool, int]":
            return row.address in idle, -shares.get(row.address, 0.0), row.state not in STATES_SHOWN, -row.priority

        rows = sorted(moment.threads, key=order)
        for row in rows[:MOST_ROWS]:
            letter = self._letters.get(row.address, " ")
            priority = str(row.priority) if row.priority == row.base_priority else f"{row.priority} ({row.base_priority})"
            state = f"{row.state} {on[row.address]}" if row.address in on and row.state == "Running" else row.state
            part = f"{shares[row.address]:6.1%}" if row.address in shares else ""
            name = for_terminal(f"{row.process}.{row.name or 'thread'}")
            yield f"{letter} {name:40.40} {row.process_id:>4}.{row.thread_id:<4} {state:13} {priority:>8} {part:>6} {row.ticks:>7} {row.switches:>8}"
        if len(rows) > MOST_ROWS:
            yield f"  and {len(rows) - MOST_ROWS} more threads"
        there = {row.address for row in rows}
        for thread, part in shares.items():
            if thread not in there:
                yield f"{self._letters.get(thread, NOBODY)} {for_terminal(moment.name(thread)):40.40} {'':>9} {'has ended':13} {'':>8} {part:6.1%}"


def _lost(moment: Moment) -> str:
    lost = sum(moment.lost)
    return f"; {lost} records were written over before they were read" if lost else ""
