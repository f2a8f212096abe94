"""From a kernel's folder to a machine at a test's stage: booted once, restored for each test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Tuple

from grader.guest import Guest
from grader.guest.session import USUAL, Session
from grader.machine.parts import Machine
from grader.model import KernelSet, TestSpec

VIRTUAL_SECONDS = 60.0  # that a test's guest may sleep; its instructions have their own limit
EXPLORED_STAGES = ("ready",)  # scenarios are explored when all processors are up


@dataclass(frozen=True)
class Place:
    """Where a test runs.  Tests of one place share a boot."""

    directory: Path  # of the kernel
    driver: str
    machine: Machine = Machine()
    stages: Tuple[str, ...] = USUAL  # that get a snapshot


def place_of(kernels: KernelSet, spec: TestSpec) -> Place:
    """The place of a test.  Its stages follow from the test alone: which other tests run must not show in it."""
    stages = EXPLORED_STAGES if spec.explore else USUAL if spec.stage in USUAL else (spec.stage,)
    return Place(kernels[spec.kernel].directory, spec.driver, spec.machine.on(1), stages)


def boot(place: Place) -> Session:
    """A started session with its snapshots taken."""
    session = Session(place.directory, place.driver, place.machine, place.stages)
    session.start()
    try:
        session.boot(Guest(session))
    except BaseException:
        session.close()
        raise
    return session


def prepare(session: Session, guest: Guest, spec: TestSpec) -> None:
    """The machine at the test's stage, with the test's budget."""
    guest.begin(session.restore(spec.stage), spec.limit, VIRTUAL_SECONDS)
    guest.arm()
