"""The report a student reads: progress while it runs, then points, failures with what to do next, and the score.

On a terminal: colours (not with NO_COLOR) and one progress line that is redrawn.  Anywhere else: plain lines.
"""

from __future__ import annotations

import os
import shutil
import textwrap
from typing import Dict, List, Sequence, TextIO, Tuple

from grader.model import SEED_MISSING, Lab, Outcome, Progress, Result, TestSpec, Verdict
from grader.report.result import scores_of, track
from grader.report.text import details, for_terminal, hints_taken, row
from grader.submission.manifest import names

_WORDS = {Verdict.PASS: "PASS", Verdict.FAIL: "FAIL", Verdict.STUDENT_CRASH: "CRASH", Verdict.INFRA_ERROR: "NOT GRADED"}
WAITS, TO_WRITE = "WAITS", "TO DO"  # a routine is not written yet: of another exercise, of its own
LOG_LINES = 14
_COLOURS = {Verdict.PASS: "32", Verdict.FAIL: "31", Verdict.STUDENT_CRASH: "35", Verdict.INFRA_ERROR: "33"}


class Paint:
    """Colours for one stream: on a terminal only, and not where NO_COLOR is set."""

    def __init__(self, stream: TextIO) -> None:
        self.terminal = bool(getattr(stream, "isatty", lambda: False)()) and os.environ.get("TERM", "dumb") != "dumb"
        self._on = self.terminal and not os.environ.get("NO_COLOR")

    def __call__(self, colour: str, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._on else text


class TerminalProgress(Progress):
    """Progress on `stream` (standard error): a line that is redrawn, or one plain line for each test."""

    def __init__(self, stream: TextIO, total: int = 0) -> None:
        self._stream, self._paint, self.total, self._done = stream, Paint(stream), total, 0

    def say(self, text: str) -> None:
        self._show(text, keep=not self._paint.terminal)

    def note(self, text: str) -> None:
        self.clear()
        self._show(text, keep=True)

    def started(self, test: TestSpec) -> None:
        if self._paint.terminal:
            self._show(f"[{self._done}/{self.total}] {test.exercise} {test.name}")

    def finished(self, outcome: Outcome) -> None:
        self._done += 1
        if not self._paint.terminal:
            self._show(f"[{self._done}/{self.total}] {word(outcome):5} {outcome.exercise} {outcome.test}",
                       keep=True)
        else:
            self._show(f"[{self._done}/{self.total}] {outcome.exercise} {outcome.test}")

    def clear(self) -> None:
        """Takes the progress line away before the report."""
        if self._paint.terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _show(self, text: str, keep: bool = False) -> None:
        if keep:
            self._stream.write(text + "\n")
        else:
            width = shutil.get_terminal_size((80, 24)).columns
            self._stream.write("\r\x1b[K" + text[: width - 1])
        self._stream.flush()


def word(outcome: Outcome) -> str:
    """How a test ended, in a word."""
    if outcome.unwritten:
        return WAITS if outcome.waits_for else TO_WRITE
    return _WORDS[outcome.verdict]


def write_report(result: Result, stream: TextIO, remarks: "tuple[str, ...]" = (),
                 unsubmitted: Sequence[str] = ()) -> None:
    """Writes the whole report; it ends with `Score: earned/possible`, and behind it what counts here and will not be submitted."""
    paint = Paint(stream)
    lines: List[str] = []
    for lab in result.labs:
        lines += ["", paint("1", f"Lab {lab.number}: {lab.title}"), *_table(result, lab, paint)]
    for note in result.notes:
        if not note.exercise:
            lines += ["", for_terminal(note.text)]
    for remark in remarks:
        lines += ["", paint("33", remark)]
    lines += [] if lines[-1] == "" else [""]
    lines += [f"seed {result.seed}  (make grade SEED={result.seed} asks the same questions again)"]
    lines += [hints_taken(result)]
    lines += _totals(result)
    if unsubmitted:
        lines[-1] += paint("33", f"  (with files that will not be submitted: {names(unsubmitted)}. Your instructor's score may differ)")
    stream.write("\n".join(lines) + "\n")
    stream.flush()


def _totals(result: Result) -> List[str]:
    lines = []
    for lab in result.labs:
        rows = scores_of(result, lab)
        tracks = (("core track", False), ("further exercises", True))
        for name, further in tracks if lab.further else (("", False),):
            earned, possible = track(rows, further)
            if any(row[0].further == further for row in rows):
                lines.append(f"Lab {lab.number}{', ' if name else ''}{name}: {earned}/{possible}")
    if result.infra_errors:
        lines.append(
            f"{len(result.infra_errors)} tests could not be judged and count as neither right nor wrong: grade again")
    return [*lines, f"Score: {result.in_words}"]


def _table(result: Result, lab: Lab, paint: Paint) -> List[str]:
    lines: List[str] = []
    core = True
    for exercise, earned, possible in scores_of(result, lab):
        if core and exercise.further:
            core, lines = False, [*lines, "  Further exercises, with points of their own:"]
        colour = "32" if earned == possible else "33" if earned else "31"
        lines.append(f"  {exercise.number:4} {exercise.title:52.52} " + paint(colour, f"{earned:3}/{possible}"))
        fatal = [note for note in result.notes if note.exercise == exercise.number and note.fatal]
        told = [for_terminal(note.text).splitlines() for note in fatal]
        if not told:
            lost = [
                one for one in result.outcomes if one.exercise == exercise.number and one.verdict is not Verdict.PASS
            ]
            stubs = [one for one in lost if one.unwritten]
            told = [_unwritten(stubs, paint)] if stubs else []
            told += [failure(first, paint) + _also(others) for first, *others in alike([one for one in lost if not one.unwritten])]
            told += [for_terminal(note.text).splitlines() for note in result.notes if note.exercise == exercise.number]
        for block in told:
            lines += ["", *("      " + line for line in block)]
        lines += [""] if told else []
    return lines


def alike(outcomes: Sequence[Outcome]) -> List[List[Outcome]]:
    """Failures that ended in the same way at the same place, or for want of the same file, together: one mistake makes them all."""
    groups: Dict[object, List[Outcome]] = {}
    for one in outcomes:
        crash = one.verdict is Verdict.STUDENT_CRASH
        end = one.verdict, one.seen.partition(":")[0] if crash else one.seen, one.where, one.backtrace, one.hint_id
        groups.setdefault(end if one.backtrace or one.hint_id == SEED_MISSING else one.test, []).append(one)
    return list(groups.values())


def _also(outcomes: Sequence[Outcome]) -> List[str]:
    """The other tests of a group."""
    if not outcomes:
        return []
    names = f"{', '.join(one.test for one in outcomes)} (0/{sum(one.max_points for one in outcomes)}): {'the same end at the same place' if outcomes[0].backtrace else 'for the same reason'}"
    return ["  " + line for line in row("also", names, width() - 8)]


def _unwritten(outcomes: List[Outcome], paint: Paint) -> List[str]:
    """An exercise that is not implemented yet: where its stubs stand, and the tests that came to each."""
    places: Dict[Tuple[str, str], List[Outcome]] = {}  # (the other exercise that the tests wait for, place) -> tests
    for outcome in outcomes:
        places.setdefault((outcome.waits_for, outcome.where), []).append(outcome)
    possible = sum(outcome.max_points for outcome in outcomes)
    lines = [f"{paint('33', 'NOT IMPLEMENTED')}  0/{possible}"]
    for (missing, place), tests in sorted(places.items()):
        place = f"wait for exercise {missing}: {place}" if missing else place
        names = textwrap.wrap(", ".join(test.test for test in tests), max(width() - 12, 40))
        lines += [f"  {for_terminal(place)}", *("    " + line for line in names)]
    return lines


def width() -> int:
    """Columns for text: the terminal's, 110 where there is none, at most 140 for the sake of the eye."""
    return min(shutil.get_terminal_size((110, 24)).columns, 140)


def failure(outcome: Outcome, paint: Paint) -> List[str]:
    """One failure in full."""
    verdict = paint(_COLOURS[outcome.verdict], _WORDS[outcome.verdict])
    lines = [f"{verdict}  {outcome.test}  0/{outcome.max_points}  {for_terminal(outcome.title)}"]
    lines += ["  " + line for line in details(outcome, width() - 8).splitlines()]
    if outcome.log:
        tail = [line for line in for_terminal(outcome.log).splitlines() if line.strip()][-LOG_LINES:]
        lines += ["  end of the serial output:", *("  | " + line for line in tail)]
    return lines
