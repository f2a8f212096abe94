"""A student's own scenarios, scored: which wrong kernels they catch without accusing a right one.

The scenarios are a driver of the student's (mytest.sys), linked once and loaded beside each kernel of a set that the
student does not see.  A kernel is caught when some scenario fails on it and a replay confirms it.
Invariants
  * A right kernel that is accused ends it: nothing counts.
  * The driver runs at ring 0 and is trusted no more than a student's kernel: outcomes are read by the host, code is
    compared with its images afterwards.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, List, Optional, Tuple

from grader.errors import GraderError, InfraError
from grader.explore import explorer, finding
from grader.explore.explorer import Find
from grader.explore.lines import Lines, known
from grader.explore.target import PROCESSORS, GuestTarget, scenarios
from grader.model import Kernel, OwnTest
from grader.session import BootFailure, Session
from grader.stops import GuestStop

if TYPE_CHECKING:
    from grader.api import Context

DRIVER = "mytest.sys"
CANARY = "Canary"
SCENARIOS_MAX = 8
BUDGET_RIGHT, BUDGET_WRONG = 30_000_000, 25_000_000  # guest instructions of one scenario on one kernel


@dataclass(frozen=True)
class OwnResult:
    """What the scenarios told apart."""

    scenarios: Tuple[str, ...]
    caught: int
    wrong: int
    right: int


@dataclass(frozen=True)
class Trouble:
    """Why they do not count."""

    expected: str
    seen: str
    hint: Tuple[str, str]
    difference: str = ""
    where: str = ""


class OwnRun:
    """The scenarios on every kernel, run once for all tests that ask."""

    def __init__(self, own: OwnTest, seed: int) -> None:
        self._own, self._seed = own, seed
        self._lock = threading.Lock()
        self._known: Optional["OwnResult | Trouble"] = None

    def result(self, t: "Context") -> OwnResult:
        """See Context.own_test."""
        with self._lock:
            if self._known is None:
                self._known = self._run()
        if isinstance(self._known, OwnResult):
            return self._known
        from grader.api import Hint, TestFailure
        failure = TestFailure(t.spec.title, self._known.expected, self._known.seen, Hint(*self._known.hint),
                              self._known.difference)
        failure.where = self._known.where
        raise failure

    def _run(self) -> "OwnResult | Trouble":
        if self._own.error:
            return Trouble("your scenarios compile", self._own.error.splitlines()[0],
                           ("own-build", "Correct the compiler's first message, then the next."))
        names: Tuple[str, ...] = ()
        for number, kernel in enumerate(self._own.right):
            names, found = self._on(kernel, BUDGET_RIGHT)
            if isinstance(found, Trouble):
                return found
            if found:
                return found[1]
        if not names:
            return Trouble("a scenario", "mytest.cpp has none", ("own-empty", "SCENARIO(Name) enters a structure."))
        caught = 0
        for kernel in self._own.wrong:
            found = self._on(kernel, BUDGET_WRONG)[1]
            caught += bool(found)  # whatever stops it there: the same scenarios run on every right kernel
        return OwnResult(names, caught, len(self._own.wrong), len(self._own.right))

    def _on(self, kernel: Kernel, budget: int) -> "Tuple[Tuple[str, ...], Trouble | Tuple[Find, Trouble] | None]":
        """The scenarios' names, and what they found on one kernel (or why they cannot run)."""
        from grader.runner import boot
        session = boot(kernel.directory, DRIVER, PROCESSORS, self._own.folder)
        try:
            if session.failures:
                failure: BootFailure = next(iter(session.failures.values()))
                return (), Trouble("the kernel boots with your driver", str(failure.cause),
                                   ("own-boot", "mytest.cpp includes scenario_main.h and nothing that runs at boot."))
            names = tuple(self._names(session))
            for name in names:
                found = self._explore(session, name, budget)
                if found is not None:
                    return names, found
            change = session.integrity.changed()
            if change:
                return names, Trouble("the courseware's code as it was", change,
                                      ("courseware-changed", "A scenario writes to its own memory only."))
            return names, None
        finally:
            session.close()

    @staticmethod
    def _names(session: Session) -> List[str]:
        own = [module for module in session.symbols.modules if module.name.lower() == DRIVER]
        return [name for name in scenarios(session, own) if name != CANARY][:SCENARIOS_MAX] if own else []

    def _explore(self, session: Session, name: str, budget: int) -> "Trouble | Tuple[Find, Trouble] | None":
        target = GuestTarget(session, name)
        try:
            report = explorer.explore(target, name, self._seed, budget)
        except InfraError as error:
            return Trouble("scenarios that can be run", str(error),
                           ("own-scenario", "kernel/tests/scenarios/scenario.h says what a scenario may do."))
        except (GuestStop, GraderError) as error:
            return Trouble("scenarios that can be run", f"{name}: {error}",
                           ("own-scenario", "kernel/tests/scenarios/scenario.h says what a scenario may do."))
        if report.find is None:
            return None
        told = finding.tell(report.find.ran, Lines(session.symbols, known(target.guest), session.layout))
        return report.find, Trouble(
            "no order of steps makes a scenario fail on a kernel that is right",
            f"{name} fails on one, under schedule {report.find.token}: {told.seen}",
            ("own-accuses", "The scenario asks for more than the contract gives: think of an order of steps in which a "
             "correct kernel does what the CHECK forbids."), told.difference, told.where)


def order(kernels: List[Kernel]) -> Tuple[Kernel, ...]:
    """Kernels in an order that says nothing about what they are."""
    return tuple(sorted(kernels, key=lambda one: one.directory.parent.name))
