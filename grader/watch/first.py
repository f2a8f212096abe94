"""The first failure of a run, told in full as soon as it is known: when all tests before it have their verdict.

Tests that come to a routine that is not written yet are no news to who writes it: they are counted, in one line.
"""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Sequence, TextIO

from grader.model import Exercise, Outcome, TestSpec, Verdict
from grader.report.terminal import NOT_WRITTEN, Paint, TerminalProgress, failure
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
            if outcome.verdict is not Verdict.PASS and outcome.hint_id not in (NOT_WRITTEN, "build"):
                self.first = outcome
                self.clear()
                self._tell("\n".join(failure(self._shown(outcome), Paint(self._stream))))
                return

    def unwritten(self, exercise: Exercise) -> List[str]:
        """The places that are not written yet, a line each; those of other exercises are waited for."""
        places: Dict[str, int] = {}
        for name in self._order:
            outcome = self._outcomes.get(name)
            if outcome and outcome.hint_id == NOT_WRITTEN:
                places[outcome.where] = places.get(outcome.where, 0) + 1
        return [f"{'not written yet' if in_files(place, exercise) else 'waits for another exercise'}: {for_terminal(place)} "
                f"({count} test{'s' * (count > 1)})" for place, count in sorted(places.items())]


def in_files(place: str, exercise: Exercise) -> bool:
    """Whether `file:line` is in one of the exercise's files; a place that is not known counts as its own."""
    return not place or place.rpartition(":")[0] in exercise.files


def waits(outcome: Outcome, exercise: Exercise) -> bool:
    """Whether a test came to a gap of another exercise: this one can do nothing about it."""
    return outcome.hint_id == NOT_WRITTEN and not in_files(outcome.where, exercise)
