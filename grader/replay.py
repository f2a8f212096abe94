"""Runs one test again exactly, and hands the stopped guest to gdb.

The test runs once to learn where it fails; then the guest is restored and the test runs again up to the call that
failed (its first instruction), or with `at_failure` to the moment of the failure.  Same kernel, same seed, same
instruction: the machine is deterministic.  The grader's own debugger connection is closed, and gdb takes its place.

About going backwards: QEMU's reverse-continue needs a recorded run, and the host's injected calls are not in any
record. `mica rewind` restores the start of the call instead, as often as one likes; what follows is the same every
time.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence

from grader.api import Context
from grader.console import gdbfiles
from grader.errors import GraderError
from grader.explore.control import Found, Ran
from grader.explore.schedule import Schedule
from grader.guest import Guest, Place
from grader.machine.qemu import GuestEnd
from grader.judge import End, judge, outcome
from grader.model import KernelSet, Outcome, TestSpec, Verdict
from grader.runner import boot, prepare
from grader.session import BootFailure, Session
from grader.stops import GuestStop, IdleTooLong, TooManyInstructions

SNAPSHOT = "replay"


class Arrived(Exception):
    """The replay stands at the first instruction of the call that was asked for."""


class ReplayGuest(Guest):
    """A guest that counts the calls that a test injects, and can stop at the beginning of one."""

    calls = 0
    stop_at = 0
    names: List[str]
    context: Optional[Context] = None

    def _enter(self, target: Place, arguments: Sequence[int], conv: str, stack: int = 0) -> int:
        returned = super()._enter(target, arguments, conv, stack)
        self.calls += 1
        shown = ", ".join(f"{argument & 0xFFFFFFFF:#x}" for argument in arguments)
        self.last = f"{self._label(target)}({shown})"
        if self.calls == self.stop_at:
            raise Arrived()
        return returned

    last = ""


def run_once(session: Session,
             kernels: KernelSet,
             spec: TestSpec,
             seed: int,
             stop_at: int = 0,
             forced: Optional[Schedule] = None) -> "tuple[ReplayGuest, Outcome]":
    """The test from its snapshot; up to the `stop_at`-th call when that is not 0.  `forced`: an exploring test runs this
    schedule and no other."""
    guest = ReplayGuest(session)
    guest.stop_at = stop_at
    context = guest.context = Context(spec, seed, guest, kernels.student_dir, kernels.student_seed)
    context.forced = forced
    cause: Optional[BaseException] = None
    try:
        prepare(session, guest, spec)
        spec.function(context)
    except Exception as error:
        cause = error
    end = End(Verdict.PASS) if isinstance(cause, Arrived) else judge(context, cause, guest)
    told = outcome(spec, seed, end, guest, b"", 0)
    if isinstance(cause, (TooManyInstructions, IdleTooLong)) and cause.registers:
        # It stands in the NMI handler that the deadline led to: go back to where it was.
        guest.wake_where_interrupted()
    if isinstance(cause, BootFailure):
        raise GraderError(
            f"{told.seen or cause}: no test can be replayed on a kernel that does not boot so far; use `make gdb`")
    return guest, told


def replay(kernels: KernelSet,
           spec: TestSpec,
           seed: int,
           root: Path,
           say: Callable[[str], None],
           at_failure: bool = False,
           gdb_arguments: Sequence[str] = (),
           forced: Optional[Schedule] = None) -> Outcome:
    """Set the guest up and give it to gdb.  Returns what the test says, after gdb has ended.  `forced`: the schedule of an
    exploring test, which always stops at the failure."""
    if not shutil.which("gdb"):
        raise GraderError("gdb is not installed; run `make doctor`")
    if spec.stage == "none":
        raise GraderError(f"{spec.name} needs no machine: there is nothing to replay")
    session = boot(kernels[spec.kernel].directory, spec.driver, spec.processors or 1)
    try:
        guest, told = run_once(session, kernels, spec, seed, forced=forced)
        for line in describe(told, guest, forced):
            say(line)
        if forced and told.verdict is Verdict.PASS:
            say(f"This schedule breaks nothing on this kernel. It belongs to the test and the kernel that printed it: "
                f"for one of this kernel, run make grade LAB={spec.lab} TEST={spec.name}.")
        if guest.context and guest.context.found:
            find = guest.context.found
            guest, _ = run_once(session, kernels, spec, seed, forced=find.schedule)
            guest, _ = run_once(session, kernels, spec, seed, stop_at=guest.calls, forced=find.schedule)
            keep(session)
            say("`mica rewind` goes back to where the schedule begins.")
            say(run_to_failure(guest, find))
        elif not at_failure and guest.calls:
            again, _ = run_once(session, kernels, spec, seed, stop_at=guest.calls)
            say(f"The guest stands at the first instruction of call {again.calls}, {again.last}.")
            keep(session)
            say("`mica rewind` comes back here.")
        else:
            say("The guest stands where the test ended.")
        say(backwards(session))
        session.watchdog.disarm()
        debug(session, root, gdb_arguments)
        return told
    finally:
        session.close()


def keep(session: Session) -> None:
    """The snapshot that `mica rewind` restores."""
    session.watchdog.disarm()
    session.machine.save(SNAPSHOT)


def run_to_failure(guest: ReplayGuest, find: Ran) -> str:
    """From the beginning of a schedule to the moment at which it breaks the scenario; says where that is."""
    race = find.race
    if race is not None:
        second = race.accesses[1]
        left = sum(entry.pc == second.pc and entry.processor == second.processor and entry.step <= second.step
                   for entry in find.trace)
        while left:
            guest.run_until_any([second.pc])
            left -= guest.processor == second.processor
        return f"Processor {second.processor} stands at the second of the two accesses, step {second.step}."
    stops = {Found.CHECK: ["KxFail"], Found.DEADLOCK: ["KxDescribeDeadlock"], Found.NO_PROGRESS: ["KxDescribeDeadlock"]}
    try:
        guest.run_until_any(stops.get(find.found, ["KiBugCheckStop"]))
    except (GuestStop, GuestEnd) as end:
        return f"The guest stands where it stopped: {end}."
    return f"Processor {guest.processor} stands where the explorer saw it: {find.message}."


def describe(told: Outcome, guest: ReplayGuest, forced: Optional[Schedule] = None) -> List[str]:
    """The failure, before gdb's first prompt."""
    under = f"under schedule {forced.token}" if forced else f"with seed {told.seed}"
    lines = [
        f"{told.test}: {told.title}",
        f"{told.verdict.value} {under}, after {guest.calls} calls into the kernel"
    ]
    for name, value in (("asked", told.asked), ("expected", told.expected), ("seen", told.seen), ("hint", told.hint)):
        if value:
            lines.append(f"  {name + ':':9} {value}")
    return lines


def backwards(session: Session) -> str:
    """Whether reverse execution works in this machine: asked, not assumed."""
    features = session.machine.gdb.ask(b"qSupported")
    if b"ReverseContinue+" in features:
        return "reverse-continue works here."
    return "reverse-continue is not offered: QEMU reverses recorded runs only. Use `mica rewind` and run forward again."


def debug(session: Session, root: Path, arguments: Sequence[str]) -> None:
    """gdb in the foreground, on the guest as it stands."""
    machine = session.machine
    machine.gdb.leave()
    script = write_script(session, root)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for gdb
    try:
        subprocess.run(["gdb", "-q", "-nx", "-x", str(script), *arguments], cwd=root, check=False,
                       preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    finally:
        signal.signal(signal.SIGINT, before)


def write_script(session: Session, root: Path) -> Path:
    """Symbols of every loaded module at its place, the `mica` commands, the connection."""
    folder = session.machine.folder
    lines = ["set pagination off", "set confirm off", "set print pretty on", f"directory {root}"]
    for index, module in enumerate(session.symbols.modules):
        copy = gdbfiles.elf_copy(module.image.path, session.directory / "gdb" / f"{module.name}.elf")
        delta = (module.base - module.image.base) & 0xFFFFFFFF
        lines.append(f"file {copy}" if index ==
                     0 else f"add-symbol-file {copy} -o {delta:#x}" if delta else f"add-symbol-file {copy}")
    lines += [f"source {root / 'grader' / 'gdb' / 'mica.py'}", f"target remote {folder / 'gdb'}"]
    if session.machine.gdb.processor:
        lines.append(f"thread {session.machine.gdb.processor + 1}")  # gdb counts from 1
    script = folder / "replay.gdb"
    script.write_text("\n".join(lines) + "\n")
    return script


def gdb_arguments(text: str, environment: Optional[Dict[str, str]] = None) -> List[str]:
    """GDB_ARGS, split as a shell would."""
    return shlex.split(text or (environment or dict(os.environ)).get("GDB_ARGS", ""))


__all__ = ["ReplayGuest", "gdb_arguments", "replay", "run_once"]
