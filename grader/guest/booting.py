"""From a kernel's folder to a machine at a test's stage: booted once, restored for each test."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from grader.guest import Guest
from grader.guest.session import STAGES, Session
from grader.model import TestSpec

VIRTUAL_SECONDS = 60.0  # that a test's guest may sleep; its instructions have their own limit
EXPLORED_STAGES = ("ready",)  # scenarios are explored when all processors are up


def boot(directory: Path, driver: str, processors: int = 1, stages: Sequence[str] = STAGES) -> Session:
    """A started session with its snapshots taken, of these stages."""
    session = Session(directory, driver, processors=processors, wanted=tuple(stages))
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
