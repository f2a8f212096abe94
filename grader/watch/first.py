"""The first failure of a run, told in full as soon as it is known: when all tests before it have their verdict.

Tests that come to a routine that is not written yet are no news to who writes it: they are counted, in one line.
"""

from __future__ import annotations

from collections import Counter
from typing import Callable, Dict, List, Optional, Sequence, TextIO

from grader.model import Outcome, TestSpec, Verdict
from grader.report.terminal import Paint, TerminalProgress, failure
from grader.report.text import for_terminal


class Saved(BaseException):
    """A file was saved while its exercise was graded.  It is no error: nothing but the watch may catch it."""


class FirstFailure(TerminalProgress):
    """Progress of one run.  `leave` is asked before each test: whether the run has become pointless."""

    def __init__(self, stream: TextIO, tests: Sequence[TestSpec], leave: Callable[[], bool],
                 shown: Callable[[Outcome], Outcome], say: Callable[[str], None]) -> None:
        super().__init__(stream, len(tests))
        self._order, self._leave, self._shown, self._tell = [test.name for test in tests], leave, shown, say
        self._outcomes: Dict[str, Outcome] = {}
        self.first: Optional[Outcome] = None

    def started(self, test: TestSpec) -> None:
        if self._leave():
            raise Saved()
        super().started(test)

    def finished(self, outcome: Outcome) -> None:
        if Paint(self._stream).terminal:
            super().finished(outcome)
        self._outcomes[outcome.test] = outcome
        if self.first is None:
            self._look()

    def say(self, text: str) -> None:
        if Paint(self._stream).terminal:
            super().say(text)

    def _look(self) -> None:
        for name in self._order:
            outcome = self._outcomes.get(name)
            if outcome is None:
                return
            if outcome.verdict is not Verdict.PASS and not outcome.unwritten and outcome.hint_id != "build":
                self.first = outcome
                self.clear()
                self._tell("\n".join(failure(self._shown(outcome), Paint(self._stream))))
                return

    def unwritten(self) -> List[str]:
        """The places that are not written yet, a line each; those of other exercises are waited for."""
        places = Counter((outcome.waits_for, outcome.where) for outcome in self._outcomes.values() if outcome.unwritten)
        return [f"{f'waits for exercise {other}' if other else 'not written yet'}: {for_terminal(place)} ({count} test{'s' * (count > 1)})"
                for (other, place), count in sorted(places.items())]
