"""A student's own scenarios (exercises 2.9 and 3.6): explored on correct kernels, which they must accept, and on wrong ones.

Invariants
  * A scenario that fails on a correct kernel costs every point: the correct ones are asked first.  They are the reference and
    the accepted variants, which look different inside, so that looks prove nothing.
  * A find counts only when its replay ends in the same way (explorer.explore), on either kind of kernel.  A failure that does not
    come again costs no point; its author is told, for such a scenario goes on from what an earlier run has left.
  * Nothing is built here: driver and kernels come from the build phase (kernels.py).
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, Set, Tuple

from grader.api import Context
from grader.errors import GraderError, InfraError
from grader.explore import explorer
from grader.explore.control import Found
from grader.explore.target import GuestTarget, scenarios
from grader.guest import Guest
from grader.guest.booting import EXPLORED_STAGES, Place, boot
from grader.machine.parts import EXPLORED
from grader.guest.inspection import Inspection
from grader.guest.session import Session
from grader.guest.stops import Altered, CodeRead
from grader.judge.judgement import Hint
from grader.mytest.source import DRIVER, has_scenario, scenario_names

CANARY = "Canary"
SCENARIOS_MAX = 12
BUDGET = 30_000_000  # guest instructions, estimated, for each scenario on each kernel
DOUBTS = 20  # failures that do not come again before a scenario is given up: one that never begins anew fails in every second run
HINTS = {
    "mytest-rejects": "Check what the contracts promise for every order of steps, and nothing else.",
    "mytest-waits-for-ever": "On a right kernel too a wait of yours may have no end. Who ends it, if the others are done before it begins? Two "
                             "signals of an event are one when nobody takes the first in between.",
    "mytest-unfair": "A scenario calls routines, looks at its own variables and at what an object's contract says. It neither reads nor writes the "
                     "kernel's code.",
    "mytest-leftovers": "Setup must write every variable that the scenario uses: the next run begins with what this one leaves.",
}


@dataclass(frozen=True)
class Findings:
    """What a file's scenarios did on one kernel."""

    fails: str = ""  # the first scenario that fails, and how; empty: none
    found: Found = Found.NOTHING
    bare: str = ""  # the same without a word that the scenario chose: such words would bring back what other kernels look like
    once: str = ""  # a scenario that failed, but not when that run alone was repeated
    unfair: str = ""  # what a scenario did that none may do


_known: Dict[Tuple[str, int], "Future[Findings]"] = {}  # (digest of file and kernel, seed) -> what was found, or will be
_guard = threading.Lock()  # of the table, not of the exploring
_spoilt: Set[Tuple[Path, int]] = set()  # (driver, seed) that fails on a kernel that is right: no other need be explored


def catches(t: Context) -> None:
    """Fails the test unless a scenario of the student's finds the wrong kernel (if one is named) and none rejects a correct one."""
    file, made = t.spec.scenarios, t.own_test
    text = t.submitted_bytes(file)
    t.asking(f"{file}: your scenarios")
    if not has_scenario(text):
        t.fail(expected="at least one SCENARIO", seen="none" if text else "no such file")
    names = scenario_names(text)
    if len(names) > SCENARIOS_MAX:
        t.fail(expected=f"at most {SCENARIOS_MAX} scenarios: more are not run", seen=f"{len(names)}: {', '.join(names)}")
    if made is None or made.trouble:
        raise InfraError(made.trouble if made else f"nothing was built for {file}; report this with the log")
    if made.error:
        t.fail(asked=f"compiling {file}", expected="it compiles", seen=made.error)
    where, wrong = made.wrong.get(t.spec.wrong, ("", None))
    # First what no other test asks for: tests that run side by side wait for the right kernels only.
    early = explored(made.driver, wrong, t.seed) if wrong and (made.driver, t.seed) not in _spoilt else None
    once = ""
    for says, right in made.right:
        seen = explored(made.driver, right, t.seed)
        _fair(t, seen)
        once = once or seen.once
        if made.own and seen.fails and seen.found is Found.NOTHING:
            t.fail(asked=f"your scenarios on {says}", expected="your kernel comes up", seen=seen.fails)
        if seen.fails:
            _spoilt.add((made.driver, t.seed))
            t.fail(asked=f"your scenarios on a kernel that is right ({says})", expected="nothing is found: a correct kernel must pass",
                   seen=seen.fails if made.at_home else seen.bare or seen.fails,
                   hint=_hint(t, "mytest-waits-for-ever" if seen.found is Found.DEADLOCK else "mytest-rejects"))
    if not t.spec.wrong:
        t.check(not once, asked="each run of your scenarios again, alone", expected="it ends as it did among others", seen=once,
                hint=_hint(t, "mytest-leftovers"))
    if not wrong:
        return
    seen = early or explored(made.driver, wrong, t.seed)
    _fair(t, seen)
    if not seen.fails:
        once = once or seen.once
        t.fail(asked="your scenarios on a kernel that is wrong in one place", expected="one of them fails", seen=once or "none does",
               hint=_hint(t, "mytest-leftovers") if once else t.hint(
                   "mytest-misses", f"There is a mistake {where} that none of your scenarios shows. "
                   "Read the contracts there: which sentence does no scenario of yours check, or check while others are at work?"))


def _fair(t: Context, seen: Findings) -> None:
    """A scenario judges a kernel by what it does."""
    t.check(not seen.unfair, asked="what your scenarios look at", expected="objects and results: a kernel is judged by what it does",
            seen=seen.unfair, hint=_hint(t, "mytest-unfair"))


def _hint(t: Context, name: str) -> Hint:
    return t.hint(name, HINTS[name])


def explored(driver: Path, directory: Path, seed: int) -> Findings:
    """What the scenarios of a driver find on a kernel."""
    key = (hashlib.sha256(f"{driver}|{directory}".encode()).hexdigest(), seed)
    with _guard:
        mine = key not in _known
        found = _known.setdefault(key, Future())
    if mine:
        try:
            machine = driver / ("on-" + hashlib.sha256(str(directory).encode()).hexdigest()[:12])
            _lay_out(driver, directory, machine)
            found.set_result(_explored_at_last(machine, seed))
        except BaseException as error:  # who waits for it gets it too; the next grading asks again
            with _guard:
                del _known[key]
            found.set_exception(error)
    return found.result()


def _explored_at_last(machine: Path, seed: int) -> Findings:
    """An emulator that ends by itself says nothing about anyone's code: once more, on a fresh machine."""
    try:
        return _explore(machine, seed)
    except InfraError:
        return _explore(machine, seed)


def _lay_out(driver: Path, directory: Path, machine: Path) -> None:
    """A kernel's folder with this driver for its test driver."""
    for source in (*directory.glob("*.exe"), *directory.glob("*.dll"), *directory.glob("boot/*"), *directory.glob("drivers/*.sys"),
                   *directory.glob("boot/drivers/*")):
        if source.is_file():
            target = machine / source.relative_to(directory)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for part in ("boot", "tests"):
        (machine / part).mkdir(parents=True, exist_ok=True)
        shutil.copy2(driver / part / DRIVER, machine / part / DRIVER)


def _explore(machine: Path, seed: int) -> Findings:
    session = boot(Place(machine, DRIVER, EXPLORED, EXPLORED_STAGES))
    try:
        if session.failures:
            return Findings(f"the kernel does not come up with your driver: {next(iter(session.failures.values())).cause}")
        once = ""
        for name, report in _reports(session, seed):
            if report.find is not None:
                return Findings(f"{name} {says(report)}", report.find.ran.found, f"{name} {says(report, bare=True)}", once)
            if report.unconfirmed:
                once = once or f"{name} fails under schedule {report.unconfirmed[0]} after other runs, but not alone"
        return Findings(once=once)
    except (CodeRead, Altered) as unfair:
        return Findings(unfair=str(unfair))
    finally:
        session.close()


def _reports(session: Session, seed: int) -> Iterator[Tuple[str, explorer.Report]]:
    """Each scenario of the student's, and what exploring it brought."""
    for name in (name for name in scenarios(session) if name != CANARY):
        guest = Guest(session)
        guest.inspection = Inspection(session, f"{seed}/{name}")
        with guest.code_unread():
            report = explorer.explore(GuestTarget(session, name, guest), name, seed, BUDGET, doubts=DOUBTS)
        if report.find is not None:  # once more, from the snapshot: a scenario that fails by what it reads there reads it again
            with guest.imports_called():
                explorer.confirm(GuestTarget(session, name, guest), report.find.ran)
        changed = guest.inspection.look()
        if changed:
            raise Altered(changed)
        yield name, report


def says(report: explorer.Report, bare: bool = False) -> str:
    """What a scenario found, in words.  `bare`: in ours alone."""
    if report.find is None:
        return f"finds nothing in {report.runs} schedules"
    ran = report.find.ran
    place = f" ({Path(ran.place).name})" if ran.found is Found.CHECK and ran.place else ""
    word = "a CHECK does not hold" if ran.found is Found.CHECK else _word(ran.found)
    return f"fails under schedule {report.find.token}: {word if bare else ran.message or word}{place}"


def each(driver: Path, directory: Path, seed: int) -> Iterator[Tuple[str, explorer.Report]]:
    """Each scenario of a driver on a kernel; GraderError if that does not come up."""
    machine = driver / ("on-" + hashlib.sha256(str(directory).encode()).hexdigest()[:12])
    _lay_out(driver, directory, machine)
    session = boot(Place(machine, DRIVER, EXPLORED, EXPLORED_STAGES))
    try:
        if session.failures:
            raise GraderError(f"the kernel does not come up with your driver: {next(iter(session.failures.values())).cause}")
        yield from _reports(session, seed)
    finally:
        session.close()


def _word(found: Found) -> str:
    return found.name.lower().replace("_", " ")
