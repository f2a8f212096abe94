"""What a bench that works on a live process tells when kernel and model differ: the call, how many came before it, and the hint.

Invariants: a bench has `t`, the test's context, and `done`, the calls so far in words.  A call that stops the kernel has a hint, too.
"""

from __future__ import annotations

from typing import Dict, List

from grader.api import Context


class Telling:
    """The part of a bench that speaks.  A bench names its hints, which one belongs to any call, and what it is about before the first."""

    t: Context
    done: List[str]
    HINTS: Dict[str, str]
    CALL: str
    BEGINS_WITH: str

    def say(self, what: str) -> None:
        self.done.append(what)
        self.t.asking(self.asked(), self.hint(self.CALL))

    def asked(self) -> str:
        earlier = len(self.done) - 1
        return (self.done[-1] if self.done else self.BEGINS_WITH) + (f", after {earlier} calls" if earlier > 0 else "")

    def hint(self, name: str):
        return self.t.hint(name, self.HINTS[name])

    def equal(self, expected: str, seen: str, hint: str) -> None:
        if expected != seen:
            self.fail(expected, seen, hint)

    def fail(self, expected: str, seen: str, hint: str) -> None:
        self.t.fail(asked=self.asked(), expected=expected, seen=seen, hint=self.hint(hint))
