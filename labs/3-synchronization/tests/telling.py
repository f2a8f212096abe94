"""What a bench tells when kernel and model differ: the call, the calls before it, and the hint.

Invariant: a bench has `t`, the test's context, and `done`, the calls so far in words.
"""

from __future__ import annotations

from typing import List

from grader.api import Context

from .hints import HINTS


class Telling:
    """The part of a bench that speaks."""

    t: Context
    done: List[str]

    def _say(self, call: str) -> None:
        self.done.append(call)
        self.t.asking(self._asked())

    def _asked(self) -> str:
        before = "; ".join(self.done[-4:-1])
        return self.done[-1] + (f"  (before: {before})" if before else "")

    def _hint(self, name: str):
        return self.t.hint(name, HINTS[name])

    def _equal(self, wanted: str, seen: str, hint: str) -> None:
        if wanted != seen:
            self._fail(wanted, seen, hint)

    def _fail(self, expected: str, seen: str, hint: str) -> None:
        self.t.fail(asked=self._asked(), expected=expected, seen=seen, hint=self._hint(hint))
