"""The kernels that experiments run on: the reference, a submission, or a variant of solutions/, in the explore flavour;
and which scenarios a lab's tests explore.
"""

from __future__ import annotations

import fnmatch
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from grader.api import Context
from grader.building.builder import EXPLORED
from grader.errors import GraderError, InfraError
from grader.explore.control import TABLE
from grader.explore.target import PREFIX, scenarios
from grader.guest import Guest
from grader.guest.booting import EXPLORED_STAGES, Place, boot
from grader.guest.session import Session
from grader.judge.grading import Grading
from grader.machine.parts import EXPLORED as EXPLORED_MACHINE
from grader.model import EXPLORE, WHOLE, Kernel, Lab, TestSpec
from grader.submission.files import Submission
from grader.views.fields import read_layout

PLANTED = 2  # KX_SCENARIO_PLANTED
EXPLORE_LIMIT = 60.0


@dataclass(frozen=True)
class Asked:
    """What a test explores."""

    test: str
    scenario: str
    parameters: Tuple[int, ...] = ()
    step_limit: int = 0
    lab: int = 0


class Collector(Context):
    """A test's context that notes what would be explored, and explores nothing."""

    asked: List[Asked]

    def explore(self, scenario: str, **more) -> None:  # type: ignore[no-untyped-def,override]
        self.asked.append(Asked(self.spec.name, scenario, tuple(more.get("parameters", ())),
                                int(more.get("step_limit", 0)), self.spec.lab))


def asked_by(session: Session, spec: TestSpec, seed: int) -> List[Asked]:
    """The scenarios that a test explores, with the parameters that it draws from this master seed."""
    guest = Guest(session)
    guest.begin(session.restore(spec.stage), 0, EXPLORE_LIMIT)
    context = Collector(spec, seed, guest, Path("/nonexistent"), 0)
    context.asked = []
    spec.function(context)
    return context.asked


def explorers(tests: Sequence[TestSpec], pattern: str = "") -> List[TestSpec]:
    """The tests that explore."""
    return [test for test in tests if test.explore and fnmatch.fnmatchcase(test.name, pattern or "*")]


def kernel_of(grading: Grading, files: Optional[Dict[str, bytes]] = None) -> Kernel:
    """The explore flavour with these files over the reference; the reference without."""
    if files is None:
        return Kernel(grading.builder.base(EXPLORED))
    kernel = grading.builder.build(Submission(files, ()), [WHOLE + EXPLORE])[WHOLE + EXPLORE]
    if kernel.trouble:
        raise InfraError(kernel.trouble)
    if kernel.error:
        raise GraderError(f"the kernel does not build: {kernel.error.splitlines()[0]}")
    return kernel


def digest_of(kernel: Kernel) -> str:
    """The content of a kernel with its drivers: what an experiment's figures belong to."""
    total = hashlib.sha256()
    for path in sorted([*kernel.boot.glob("*.exe"), *kernel.boot.glob("*.dll"), *kernel.boot.glob("*.sys"),
                        *kernel.boot.glob("drivers/*.sys")]):
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]


def session_on(kernel: Kernel, driver: str) -> Session:
    """A booted machine of four processors."""
    session = boot(Place(kernel.directory, driver, EXPLORED_MACHINE, EXPLORED_STAGES))
    if session.failures:
        failure = next(iter(session.failures.values()))
        session.close()
        raise GraderError(f"{driver}: {failure}: {failure.cause}")
    return session


def is_planted(session: Session, scenario: str) -> bool:
    """Whether a scenario is meant to fail."""
    offset, _ = read_layout(session.kernel, TABLE).field("KX_SCENARIO.Flags")
    return bool(Guest(session).u32(session.symbols.address(PREFIX + scenario) + offset) & PLANTED)


def kernel_drivers(root: Path) -> List[str]:
    """The drivers of the kernel's own scenarios."""
    return [path.stem + ".sys" for path in sorted((root / "kernel" / "tests" / "scenarios").glob("*.cpp"))]


def scenarios_of(session: Session, pattern: str = "") -> Iterator[str]:
    """The scenarios of the loaded driver."""
    for name in scenarios(session):
        if fnmatch.fnmatchcase(name, pattern or "*"):
            yield name


def lab_driver(lab: Lab) -> str:
    if not lab.driver:
        raise GraderError(f"lab {lab.number} has no driver, and so no scenarios")
    return lab.driver
