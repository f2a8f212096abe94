"""Runs tests: a session for every kernel, a restored snapshot for every test, an Outcome for every end.

Invariants
  * The outcomes are those of the tests alone: neither their order, nor `jobs`, nor the host's load shows in them.
  * Our own trouble (InfraError) is retried once in a fresh machine and is never a zero.
"""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Deque, Dict, Iterable, List, Optional, Sequence, Tuple

from grader.api import Context
from grader.errors import GraderError
from grader.guest import Guest
from grader.guest.booting import Place, boot, place_of, prepare
from grader.guest.inspection import Inspection
from grader.guest.session import BootFailure, Session
from grader.judge.judgement import End
from grader.judge.services import SERVICES
from grader.judge.verdict import POWER_OFF, judge, outcome, tampered
from grader.model import KernelSet, Outcome, Progress, Stage, TestSpec, Verdict, lab_of

ATTEMPTS = 2
COSTS = {"none": 2.0, "explore": 1.0, "direct": 0.15}  # seconds of a test, roughly: they choose who does what, and decide nothing
BOOT_COST = 0.5
SWITCH_INTERVAL = 0.001  # seconds for which a worker's Python may keep another one from an answer of its guest
Sessions = Dict[Place, Session]


def run_tests(kernels: KernelSet, tests: List[TestSpec], seed: int, jobs: int = 1,
              progress: Optional[Progress] = None) -> List[Outcome]:
    """One Outcome for each test, in the order of `tests`."""
    run = _Run(kernels, seed, progress or Progress())
    sys.setswitchinterval(SWITCH_INTERVAL)
    waiting = Waiting(tests, kernels)
    workers = [threading.Thread(target=run.work, args=(waiting,), daemon=True) for _ in range(min(jobs, len(tests)))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if run.trouble:
        raise run.trouble[0]
    return [run.outcomes[spec.name] for spec in tests]


def until_failure(kernels: KernelSet, tests: Sequence[TestSpec], seeds: Sequence[int],
                  progress: Optional[Progress] = None) -> Dict[int, List[Outcome]]:
    """For each seed the outcomes up to the first test that is not passed.  Each machine boots once for all seeds."""
    sessions: Sessions = {}
    found: Dict[int, List[Outcome]] = {seed: [] for seed in seeds}
    try:
        for seed in seeds:
            run = _Run(kernels, seed, progress or Progress())
            for spec in tests:
                alone = spec.stage == Stage.NONE.value
                found[seed].append(run.without_machine(spec) if alone else run.judged(sessions, place_of(kernels, spec), spec))
                if found[seed][-1].verdict is not Verdict.PASS:
                    break
    finally:
        close(sessions)
    return found


class Waiting:
    """The tests that wait, in groups that share a machine.  A worker stays with a group until it is empty, then takes the one with the
    most to do: so the short tests are left to the end, and no processor is idle while the other one has a long row before it."""

    def __init__(self, tests: Sequence[TestSpec], kernels: KernelSet) -> None:
        self._lock = threading.Lock()
        self._groups: Dict[Place, Deque[TestSpec]] = {}
        self._workers: Dict[Place, int] = {}
        for spec in tests:
            # Tests without a machine of the runner's share one group an exercise: what the first finds out the others need.
            alone = spec.stage == Stage.NONE.value
            place = Place(Path(), spec.exercise, stages=()) if alone else place_of(kernels, spec)
            self._groups.setdefault(place, deque()).append(spec)

    def take(self, place: Optional[Place]) -> Optional[Tuple[Place, TestSpec]]:
        """The next test of this place, or of one that is worth a boot; None when nothing is."""
        with self._lock:
            if place is None or not self._groups[place]:
                self._leave(place)
                place = self._most()
                if place is None:
                    return None
                self._workers[place] = self._workers.get(place, 0) + 1
            return place, self._groups[place].popleft()

    def _leave(self, place: Optional[Place]) -> None:
        if place is not None:
            self._workers[place] -= 1

    def _most(self) -> Optional[Place]:
        """Where there is most to do for one more worker.  Where others are at work, the rest must be worth a boot."""
        worth = {place: self._cost(group) / (1 + self._workers.get(place, 0)) for place, group in self._groups.items()
                 if group and (not self._workers.get(place) or not place.stages or self._cost(group) > BOOT_COST)}
        return max(worth, key=lambda place: worth[place]) if worth else None

    @staticmethod
    def _cost(group: Iterable[TestSpec]) -> float:
        return sum(COSTS["none" if spec.stage == Stage.NONE.value else "explore" if spec.explore else "direct"] for spec in group)


class _Run:
    """What the workers share."""

    def __init__(self, kernels: KernelSet, seed: int, progress: Progress) -> None:
        self.kernels, self.seed, self.progress = kernels, seed, progress
        self.outcomes: Dict[str, Outcome] = {}
        self.trouble: List[BaseException] = []
        self._lock = threading.Lock()

    def work(self, waiting: Waiting) -> None:
        """A worker: takes tests until none is left for it."""
        sessions: Sessions = {}
        place: Optional[Place] = None
        try:
            while not self.trouble:
                taken = waiting.take(place)
                if taken is None:
                    return
                if taken[0] != place:
                    close(sessions)
                    sessions.clear()
                place, spec = taken
                if spec.stage == Stage.NONE.value:
                    self.tell("started", spec)
                    self.finish(spec, self.without_machine(spec))
                else:
                    self.judged(sessions, place, spec)
        except BaseException as error:  # the caller's thread raises it
            self.trouble.append(error)
        finally:
            close(sessions)

    def judged(self, sessions: "Sessions", place: Place, spec: TestSpec) -> Outcome:
        """One test on the machine that `sessions` has for it; one is booted where there is none."""
        self.tell("started", spec)
        for _ in range(ATTEMPTS):
            try:
                sessions[place] = sessions.get(place) or boot(place)
                told = self.one(sessions[place], spec)
            except (GraderError, OSError) as error:
                told = outcome(spec, self.seed, End(Verdict.INFRA_ERROR, spec.title, "", str(error)), None, b"", 0)
            if told.verdict is not Verdict.INFRA_ERROR:
                break
            if place in sessions:
                sessions.pop(place).close()
        self.finish(spec, told)
        return told

    def one(self, session: Session, spec: TestSpec) -> Outcome:
        """One test on a booted kernel."""
        guest = Guest(session)
        context = Context(spec, self.seed, guest, self.kernels.student_dir, self.kernels.student_seed, SERVICES)
        context.pages = self.kernels[spec.kernel].directory.parent / "races"
        cause: Optional[BaseException] = None
        try:
            prepare(session, guest, spec)
            guest.inspection = Inspection(session, f"{self.seed}/{spec.name}")
            spec.function(context)
            guest.check_budget()
        except Exception as error:
            cause = error
        booted = not isinstance(cause, BootFailure)
        end = judge(context, cause, guest if booted or session.machine else None)
        if booted and end.verdict is not Verdict.INFRA_ERROR:
            change = guest.inspection.look() if guest.inspection else None
            if change:
                end = tampered(change)
        # Among several processors the number depends on how the emulator takes turns, and on the host's load with it.
        exact = booted and session.processors == 1 and session.machine.end_reason != POWER_OFF
        instructions = guest.icount() if exact else 0
        told = outcome(spec, self.seed, end, guest, session.machine.read_serial(), instructions)
        return told

    def without_machine(self, spec: TestSpec) -> Outcome:
        context = Context(spec, self.seed, None, self.kernels.student_dir, self.kernels.student_seed, SERVICES)
        context.own_test = self.kernels.own_tests.get(spec.scenarios)
        cause: Optional[BaseException] = None
        try:
            spec.function(context)
        except Exception as error:
            cause = error
        told = outcome(spec, self.seed, judge(context, cause, None), None, b"", 0)
        if told.verdict is Verdict.PASS:
            return told
        # There is no machine to stop under gdb: the test itself is what can be run again.
        return dataclasses.replace(told, replay=f"make grade LAB={lab_of(spec.exercise)} TEST={spec.name} SEED={self.seed}")

    def finish(self, spec: TestSpec, told: Outcome) -> None:
        self.outcomes[spec.name] = told
        self.tell("finished", told)

    def tell(self, what: str, about: object) -> None:
        with self._lock:
            getattr(self.progress, what)(about)


def close(sessions: Sessions) -> None:
    """Stops all of these machines."""
    for session in sessions.values():
        session.close()


__all__ = ["Waiting", "run_tests", "until_failure"]
