"""What a bench tells when kernel and model differ: the call, the calls before it, and the hint.

Invariants: a bench has `t`, the test's context, and `done`, the calls so far in words.  A call that stops the kernel, or never
comes back, has a hint, too: what the student's part of that call must do.
"""

from __future__ import annotations

import re
from typing import List

from grader.api import Context

from .hints import HINTS, STOPPED


class Telling:
    """The part of a bench that speaks."""

    t: Context
    done: List[str]

    def _say(self, call: str, kind: str = "") -> None:
        """The call that comes next.  `kind`: which of the exercise's hints (STOPPED) belongs to it."""
        self.done.append(call)
        exercise = self.t.spec.exercise
        hint = STOPPED.get(f"{exercise} {kind}") or STOPPED.get(exercise)
        self.t.asking(self._asked(), self._hint(hint) if hint else None)

    def _asked(self, about: str = "") -> str:
        """The last call and those before it; of each thread that `about` names, its last one too."""
        recent = self.done[-4:-1]
        named = {f"{thread}: " for thread in re.findall(r"\bT\d+\b", about)}
        latest = {max(index for index, call in enumerate(self.done) if call.startswith(name)) for name in named
                  if any(call.startswith(name) for call in self.done)}
        before = "; ".join([self.done[index] for index in sorted(latest) if index < len(self.done) - 4] + recent)
        return self.done[-1] + (f"  (before: {before})" if before else "")

    def _hint(self, name: str):
        return self.t.hint(name, HINTS[name])

    def _equal(self, wanted: str, seen: str, hint: str) -> None:
        if wanted != seen:
            self._fail(wanted, seen, hint)

    def _fail(self, expected: str, seen: str, hint: str) -> None:
        self.t.fail(asked=self._asked(f"{expected} {seen}"), expected=expected, seen=seen, hint=self._hint(hint))
