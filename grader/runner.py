"""Runs tests: a session for every kernel, a restored snapshot for every test, an Outcome for every end.

Invariants
  * The outcomes are those of the tests alone: neither their order, nor `jobs`, nor the host's load shows in them.
  * Our own trouble (InfraError) is retried once in a fresh machine and is never a zero.
"""

from __future__ import annotations

import dataclasses
import queue
import threading
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from grader.api import Context
from grader.errors import GraderError
from grader.guest import Guest
from grader.inspection import Inspection
from grader.judge import POWER_OFF, End, judge, outcome, tampered
from grader.machine.qemu import GuestEnd
from grader.model import KernelSet, Outcome, Progress, Stage, TestSpec, Verdict, lab_of
from grader.session import BootFailure, Session

VIRTUAL_SECONDS = 60.0  # that a test's guest may sleep; its instructions have their own limit
ATTEMPTS = 2
Machine = Tuple[Path, str, int]  # kernel, driver, processors
Unit = Tuple[Machine, List[TestSpec]]
NO_MACHINE: Machine = (Path(), "", 0)
Sessions = Dict[Machine, Session]


def run_tests(kernels: KernelSet, tests: List[TestSpec], seed: int, jobs: int = 1,
              progress: Optional[Progress] = None) -> List[Outcome]:
    """One Outcome for each test, in the order of `tests`."""
    run = _Run(kernels, seed, progress or Progress())
    alone = [spec for spec in tests if spec.stage == Stage.NONE.value]  # each takes what machines it wants: the longest come first
    units = [*((NO_MACHINE, [spec]) for spec in alone),
             *plan([spec for spec in tests if spec.stage != Stage.NONE.value], kernels, jobs)]
    waiting: "queue.Queue[Unit]" = queue.Queue()
    for unit in units:
        waiting.put(unit)
    workers = [threading.Thread(target=run.work, args=(waiting,), daemon=True) for _ in range(min(jobs, len(units)))]
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
                found[seed].append(run.without_machine(spec) if alone else run.judged(sessions, _machine_of(kernels, spec), spec))
                if found[seed][-1].verdict is not Verdict.PASS:
                    break
    finally:
        close(sessions)
    return found


def _machine_of(kernels: KernelSet, spec: TestSpec) -> Machine:
    return kernels[spec.kernel].directory, spec.driver, spec.processors or 1


def plan(tests: Sequence[TestSpec], kernels: KernelSet, jobs: int) -> List[Unit]:
    """Tests by kernel, driver and number of processors, big groups split so that every worker has something to do."""
    groups: Dict[Machine, List[TestSpec]] = {}
    for spec in tests:
        groups.setdefault(_machine_of(kernels, spec), []).append(spec)
    share = max(4, -(-len(tests) // max(1, jobs)))
    units: List[Unit] = []
    for machine, group in groups.items():
        for start in range(0, len(group), share):
            units.append((machine, group[start:start + share]))
    return sorted(units, key=lambda unit: -len(unit[1]))


class _Run:
    """What the workers share."""

    def __init__(self, kernels: KernelSet, seed: int, progress: Progress) -> None:
        self.kernels, self.seed, self.progress = kernels, seed, progress
        self.outcomes: Dict[str, Outcome] = {}
        self.trouble: List[BaseException] = []
        self._lock = threading.Lock()

    def work(self, waiting: "queue.Queue[Unit]") -> None:
        """A worker: takes units until none is left."""
        while not self.trouble:
            try:
                machine, tests = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self.unit(machine, tests)
            except BaseException as error:  # the caller's thread raises it
                self.trouble.append(error)

    def unit(self, machine: Machine, tests: Sequence[TestSpec]) -> None:
        """Every test of a unit, on one machine as long as it lasts."""
        if machine == NO_MACHINE:
            for spec in tests:
                self.tell("started", spec)
                self.finish(spec, self.without_machine(spec))
            return
        sessions: Sessions = {}
        try:
            for spec in tests:
                self.judged(sessions, machine, spec)
        finally:
            close(sessions)

    def judged(self, sessions: "Sessions", machine: Machine, spec: TestSpec) -> Outcome:
        """One test on the machine that `sessions` has for it; one is booted where there is none."""
        self.tell("started", spec)
        for _ in range(ATTEMPTS):
            try:
                sessions[machine] = sessions.get(machine) or boot(*machine)
                told = self.one(sessions[machine], spec)
            except (GraderError, OSError) as error:
                told = outcome(spec, self.seed, End(Verdict.INFRA_ERROR, spec.title, "", str(error)), None, b"", 0)
            if told.verdict is not Verdict.INFRA_ERROR:
                break
            if machine in sessions:
                sessions.pop(machine).close()
        self.finish(spec, told)
        return told

    def one(self, session: Session, spec: TestSpec) -> Outcome:
        """One test on a booted kernel."""
        guest = Guest(session)
        context = Context(spec, self.seed, guest, self.kernels.student_dir, self.kernels.student_seed)
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
        context = Context(spec, self.seed, None, self.kernels.student_dir, self.kernels.student_seed)
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


def boot(directory: Path, driver: str, processors: int = 1) -> Session:
    """A started session with its snapshots taken."""
    session = Session(directory, driver, processors=processors)
    session.start()
    try:
        session.boot()
    except BaseException:
        session.close()
        raise
    return session


def close(sessions: Sessions) -> None:
    """Stops all of these machines."""
    for session in sessions.values():
        session.close()


def prepare(session: Session, guest: Guest, spec: TestSpec) -> None:
    """The machine at the test's stage, with the test's budget."""
    guest.begin(session.restore(spec.stage), spec.limit, VIRTUAL_SECONDS)
    guest.arm()


__all__ = ["GuestEnd", "boot", "plan", "prepare", "run_tests", "until_failure"]
