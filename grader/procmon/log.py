"""Context switches as lines of text: time, processor, who left and why, who came.

    12.345678 ms  cpu 0  System.Reaper (4.12) waits (Executive), priority 16  ->  System.Phase1 (4.8), priority 8

TOL-01.
"""

from __future__ import annotations

from typing import Iterator, Optional

from grader.procmon.moment import Moment, Switch
from grader.report.text import for_terminal
from grader.views.threads import STATES
from grader.views.waits import reason_name

WORDS = {"Waiting": "waits", "GateWait": "waits at a gate", "Ready": "is ready", "DeferredReady": "is ready", "Running": "leaves",
         "Standby": "is to run elsewhere", "Terminated": "has ended", "Transition": "waits for its stack", "Initialized": "begins"}


class Log:
    """Lines of one moment after the other; the first switch is time 0."""

    def __init__(self) -> None:
        self._begin: Optional[int] = None

    def lines(self, moment: Moment) -> Iterator[str]:
        """What is new in this look."""
        for number, lost in enumerate(moment.lost):
            if lost:
                yield f"cpu {number}: {lost} records were written over before they were read"
        mhz = {one.number: one.mhz for one in moment.processors}
        for one in moment.switches:
            if self._begin is None:
                self._begin = one.time
            milliseconds = (one.time - self._begin) / (1000.0 * (mhz.get(one.processor) or 1))
            yield (f"{milliseconds:14.6f} ms  cpu {one.processor}  {for_terminal(moment.name(one.old))} {_left(one)}, priority {one.old_priority}"
                   f"  ->  {for_terminal(moment.name(one.new))}, priority {one.new_priority}")


def _left(one: Switch) -> str:
    state = STATES[one.old_state] if one.old_state < len(STATES) else f"state {one.old_state}"
    words = WORDS.get(state, state)
    if state != "Waiting":
        return words
    return f"{words} ({reason_name(one.wait_reason)})"
