"""What a lab's test is written in: `@test(...)` and the context `t` that its function gets.

    from grader.api import test

    @test("1.1", points=2, title="a ready thread goes to the tail", stage="early", features=("SCH-16",))
    def insert_at_tail(t):
        thread = t.guest.alloc(t.guest.size("KTHREAD"))
        ...
        t.guest.call("KiInsertReadyQueue", prcb, thread, 0)
        t.equal([thread], t.guest.list(head, "KTHREAD.WaitListEntry"), "the queue of priority 8")

A function that returns has passed.  The host computes what is expected, from parameters drawn out of `t.rng`; nothing
that the guest prints or stores about itself is evidence.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, List, NoReturn, Optional, Sequence

from grader.errors import InfraError
from grader.explore.control import Ran
from grader.explore.schedule import Schedule
from grader.guest import Guest
from grader.guest.stops import Bugcheck, GuestStop
from grader.judge.judgement import Hint, TestFailure
from grader.machine.parts import EXPLORED, Disk, Machine
from grader.model import SEED_MISSING, OwnTest, Stage, TestSpec
from grader.submission import studenttext
from grader.views.ring import Event, Record


@dataclass(frozen=True)
class Services:
    """What a context cannot do itself.  Who makes the context brings them (services.py), so that tests and judges know nothing of
    the explorer."""

    explore: Callable[..., None]
    catches: Callable[["Context"], None]


def test(exercise: str,
         *,
         points: int,
         title: str,
         stage: str = Stage.READY.value,
         features: Sequence[str] = (),
         whole: bool = False,
         limit: int = 50_000_000,
         machine: Machine = Machine(),
         explore: bool = False,
         scenarios: str = "",
         wrong: str = "") -> Callable[[Callable[["Context"], None]], Callable[["Context"], None]]:
    """Mark a function as a test.  `limit`: guest instructions for all of it, on all processors.  `machine`: what it runs on, if not the
    usual machine; with 0 processors it is right on any number of them, chosen with `make grade SMP=n`.  `explore`: it runs
    scenarios under many schedules (`t.explore`), on a kernel with preemption points and a machine of four processors.
    `scenarios`: it judges this file of a student's own scenarios (`t.catches`), which must find the kernel `wrong` of solutions/,
    if one is named."""

    def mark(function: Callable[["Context"], None]) -> Callable[["Context"], None]:
        function.spec = TestSpec(
            exercise=exercise,
            name=function.__name__,
            points=points,
            title=title,  # type: ignore[attr-defined]
            function=function,
            stage=Stage(stage).value,
            features=tuple(features),
            whole=whole,
            limit=limit,
            machine=EXPLORED if explore else machine,
            scenarios=scenarios,
            wrong=wrong)
        return function

    return mark


test.__test__ = False  # type: ignore[attr-defined]


class Context:
    """`t`: one run of one test."""

    def __init__(self, spec: TestSpec, seed: int, guest: Optional[Guest], student_dir: Path,
                 student_seed: Optional[int], services: Optional[Services] = None) -> None:
        self._services = services
        self.spec, self.seed, self._student_seed = spec, seed, student_seed
        self.rng = random.Random(f"{seed}/{spec.name}")
        self._guest, self.student_dir = guest, student_dir
        self.question = ""
        self.question_hint: Optional[Hint] = None
        self.pages: Optional[Path] = None  # where timelines of races go
        self.forced: Optional[Schedule] = None  # a replay: this schedule and no other
        self.found: Optional[Ran] = None  # what an exploration found
        self.own_test: Optional[OwnTest] = None  # the student's scenarios and the kernels that they are tried on

    @property
    def guest(self) -> Guest:
        if self._guest is None:
            raise InfraError(f"test {self.spec.name} has stage \"none\" and no guest")
        return self._guest

    @property
    def student_seed(self) -> int:
        """The seed that picks this student's questions; a test that asks for it fails where the submission has none."""
        if self._student_seed is None:
            name = self.spec.seed_file
            self.fail(expected=f"{name}, which picks the questions",
                      seen=f"cannot judge: {name} is missing",
                      hint=self.hint(SEED_MISSING, f"Run `make seed`, answer the questions of that seed, and submit {name} with your "
                                     "answers. An instructor can give the seed of the class list (--student-seed)."))
        return self._student_seed

    # -- saying what is asked --------------------------------------------------------------------------------------
    def asking(self, asked: str, hint: Optional[Hint] = None) -> None:
        """What comes next.  Shown, with the hint, should the guest crash, hang or return wrongly while it does it."""
        self.question, self.question_hint = asked, hint

    def hint(self, id: str, text: str) -> Hint:
        """Advice to give with a failure."""
        return Hint(id, text)

    # -- judging ---------------------------------------------------------------------------------------------------
    def fail(self,
             *,
             asked: str = "",
             expected: Any,
             seen: Any,
             hint: Optional[Hint] = None,
             difference: str = "") -> NoReturn:
        raise TestFailure(asked or self.question or self.spec.title, show(expected), show(seen), hint, difference)

    def check(self, condition: bool, *, asked: str = "", expected: Any, seen: Any, hint: Optional[Hint] = None) -> None:
        if not condition:
            self.fail(asked=asked, expected=expected, seen=seen, hint=hint)

    def equal(self, expected: Any, seen: Any, what: str, hint: Optional[Hint] = None) -> None:
        """Both must be equal; for sequences the first difference is pointed out."""
        if expected != seen:
            self.fail(asked=what, expected=expected, seen=seen, hint=hint, difference=first_difference(expected, seen))

    def infra(self, condition: bool, what: str) -> None:
        """The courseware's own assumption.  When it does not hold nobody loses points."""
        if not condition:
            raise InfraError(f"test {self.spec.name}: not as the courseware has it: {what}")

    def sound(self, condition: bool, what: str) -> None:
        """What every kernel does, and only a submission can break: it costs the test and is never our trouble."""
        if not condition:
            own = Hint("unsound", "Something that the other parts of the kernel rely on was broken before.")
            raise TestFailure(self.question or self.spec.title, "a kernel that the test can work with",
                              f"not so: {what}", self.question_hint or own)

    # -- races -----------------------------------------------------------------------------------------------------
    def explore(self, scenario: str, *, asked: str = "", expected: str = "", hint: Optional[Hint] = None,
                parameters: Sequence[int] = (), runs: int = 0, budget: int = 0, step_limit: int = 0,
                judge: Optional[Callable[[Sequence[int]], str]] = None) -> None:
        """Run a scenario under many schedules; fails the test with the first that breaks it and that a replay confirms.

        `parameters`: the host's random values (KX_PARAMETER); `runs`, `budget` (guest instructions): bounds, 0 the
        usual one.  `judge` looks at what a run observed (KX_OBSERVE): what is wrong with it, or nothing.
        """
        self._brought.explore(self, scenario, asked=asked, expected=expected, hint=hint, parameters=tuple(parameters), runs=runs,
                              budget=budget, step_limit=step_limit, judge=judge)

    def catches(self) -> None:
        """The student's own scenarios must accept correct kernels, and find the wrong one that the test names (mytest/)."""
        self._brought.catches(self)

    @property
    def _brought(self) -> Services:
        if self._services is None:
            raise InfraError(f"test {self.spec.name} asks for the explorer, which is not here")
        return self._services

    # -- what the student handed in --------------------------------------------------------------------------------
    def submitted(self, path: str) -> str:
        """The text of a student's file, with full-width signs as plain ones; empty when it is not there."""
        return studenttext.plain(studenttext.decode(self.submitted_bytes(path)))

    def submitted_bytes(self, path: str) -> bytes:
        """A student's file as it is: what a compiler gets.  The test fails where it is too large."""
        if path.startswith("/") or ".." in path.split("/"):
            raise InfraError(f"{path} is no name of a student's file")
        try:
            with open(self.student_dir / path, "rb") as stream:
                data = stream.read(studenttext.TEXT_MAX + 1)
        except OSError:
            return b""
        refused = studenttext.oversize(path, data)
        self.check(not refused, expected=f"a file of {studenttext.TEXT_MAX >> 10} KB at most", seen=refused)
        return data

    # -- the event ring, cross-checked -----------------------------------------------------------------------------
    def trace(self, place: str, hits: int, moments: int = 8) -> List[Record]:
        """Run to the `hits`-th arrival at a courseware routine and return the events on the way.

        The ring is the guest's own claim, so at `moments` arrivals that the host draws, and the guest is not told, two
        things are checked: the thread that the ring says is running owns the stack that ESP lies on, and no event that
        was seen once has changed since.
        """
        guest = self.guest
        chosen = set(self.rng.sample(range(hits), min(moments, hits)))
        seen: List[Record] = guest.events()
        first = seen[-1].sequence if seen else 0
        for number in range(hits):
            guest.run_until(place)
            if number in chosen or number == hits - 1:
                seen = self._cross_check(seen)
        return [record for record in seen if record.sequence > first]

    def _cross_check(self, before: Sequence[Record]) -> List[Record]:
        guest = self.guest
        now = guest.events()
        by_sequence = {record.sequence: record for record in now}
        oldest = now[0].sequence if now else 0
        for record in before:
            if record.sequence >= oldest and by_sequence.get(record.sequence) != record:
                self.fail(asked="the kernel's event ring, read again later",
                          expected=f"event {record.sequence} as it was: {record.name}",
                          seen="it was rewritten",
                          hint=Hint("forged-ring", "Events are written once, by the kernel's own code."))
        switches = [record for record in now if record.event == Event.CONTEXT_SWITCH]
        truth = guest.true_thread()
        if switches and truth and switches[-1].arguments[1] != truth:
            self.fail(asked="which thread runs, by the event ring and by the stack that ESP lies on",
                      expected=f"the thread at {truth:#010x}, on whose stack the processor is",
                      seen=f"the ring says {switches[-1].arguments[1]:#010x}",
                      hint=Hint("forged-ring", "The last context switch in the ring must be the one that happened."))
        return now


def show(value: Any) -> str:
    """A value as the report prints it: addresses and masks in hexadecimal, long lists cut."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int):
        return f"{value:#010x}" if value > 0xFFFF else str(value)
    if isinstance(value, (list, tuple)):
        shown = [show(one) for one in value[:32]]
        return "[" + ", ".join(shown) + (f", ... {len(value)} in all]" if len(value) > 32 else "]")
    return str(value)


def first_difference(expected: Any, seen: Any) -> str:
    """Where two sequences part, or nothing."""
    if not isinstance(expected, (list, tuple)) or not isinstance(seen, (list, tuple)):
        return ""
    for index, (one, other) in enumerate(zip(expected, seen)):
        if one != other:
            return f"the first difference is at {index}: expected {show(one)}, seen {show(other)}"
    longer, what = (expected, "missing") if len(expected) > len(seen) else (seen, "too many")
    at = min(len(expected), len(seen))
    return f"the same up to {at}; then {show(longer[at])} is {what}"


__all__ = ["Bugcheck", "Context", "Disk", "EXPLORED", "GuestStop", "Hint", "Machine", "Services", "TestFailure", "test"]
