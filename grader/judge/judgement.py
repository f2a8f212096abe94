"""The words of a judgement: a hint, a test's failure, and how a test ended.  Who judges, who explores and who reports speak them.

Invariant: nothing here knows a guest, a kernel or a way to judge; every other module may import it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional, Tuple

from grader.model import Verdict


@dataclass(frozen=True)
class Hint:
    """Advice that belongs to one mistake; solutions/*/mistakes name it by its id."""

    id: str
    text: str


class TestFailure(Exception):
    """The student's code did not do what the contract says."""

    __test__ = False

    def __init__(self, asked: str, expected: str, seen: str, hint: Optional[Hint] = None, difference: str = "") -> None:
        super().__init__(f"{asked}: expected {expected}, seen {seen}")
        self.asked, self.expected, self.seen, self.hint, self.difference = asked, expected, seen, hint, difference
        self.where = self.token = self.page = ""  # of a race: the line, the schedule, the timeline
        self.registers: Optional[Dict[str, int]] = None  # of the moment, for a backtrace


@dataclass
class End:
    """How a test ended, before it is told as an Outcome."""

    verdict: Verdict
    asked: str = ""
    expected: str = ""
    seen: str = ""
    hint: Optional[Hint] = None
    difference: str = ""
    where: str = ""
    registers: Optional[Dict[str, int]] = None
    backtrace: Tuple[str, ...] = ()  # where the moment is gone; otherwise made from `registers`
    log: Optional[bytes] = None
    token: str = ""  # the schedule under which it happened, for `replay`
    page: str = ""
    waits_for: str = ""
