"""Runs one test again exactly, and hands the stopped guest to gdb.

The test runs once to learn where it fails; then the guest is restored and the test runs again up to the student's
routine that led to the failure (arrivals.py), or with `at_failure` to the moment of the failure.  Same kernel, same
seed, same instruction: the machine is deterministic.  The grader's own debugger connection is closed, and gdb takes its
place.  A kernel that does not boot is booted again, up to the routine in which it stops.

For gdb the student's files are compiled without optimization, so that it knows every argument and variable.  That kernel
is shown only if the test fails on it exactly as on the one that was graded; otherwise the graded one is.

About going backwards: QEMU's reverse-continue needs a recorded run, and the host's injected calls are not in any
record. `mica rewind` restores the beginning of the replay instead, as often as one likes; what follows is the same every
time.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from grader.console import foreground, gdbfiles
from grader.errors import GraderError
from grader.explore.control import Found, Ran
from grader.explore.schedule import Schedule
from grader.guest.session import Session
from grader.guest.stops import GuestStop
from grader.judge.verdict import BUGCHECK_STOP
from grader.machine.qemu import GuestEnd
from grader.model import KernelSet, Outcome, TestSpec, Verdict
from grader.replay.arrivals import Attempts, ReplayGuest, TooMany, alike, choose, run_once

SNAPSHOT = "replay"
Say = Callable[[str], None]
Plain = Callable[[], Optional[KernelSet]]  # the same kernels with the student's files not optimized, if there are any


def replay(kernels: KernelSet,
           spec: TestSpec,
           seed: int,
           root: Path,
           say: Say,
           at_failure: bool = False,
           gdb_arguments: Sequence[str] = (),
           forced: Optional[Schedule] = None,
           files: Sequence[str] = (),
           plain: Optional[Plain] = None) -> Outcome:
    """Set the guest up and give it to gdb.  Returns what the test says, after gdb has ended.  `forced`: the schedule of an
    exploring test, which always stops at the failure.  `files`: those whose routines the failure may be about."""
    if not shutil.which("gdb"):
        raise GraderError("gdb is not installed; run `make doctor`")
    if spec.stage == "none":
        raise GraderError(f"{spec.name} needs no machine: there is nothing to replay")
    attempts = Attempts(kernels, spec, seed, forced)
    try:
        guest, told = attempts.run()
        unoptimized = plain() if plain and told.verdict is not Verdict.PASS and not spec.explore else None
        words = ""
        if unoptimized is not None:
            attempts, guest, told, words = without_optimization(attempts, guest, told, unoptimized)
        for line in describe(told, guest, forced):
            say(line)
        if words:
            say(words)
        if forced and told.verdict is Verdict.PASS:
            say(f"This schedule breaks nothing on this kernel. It belongs to the test and the kernel that printed it: "
                f"for one of this kernel, run make grade LAB={spec.lab} TEST={spec.name}.")
        lines, guest = stand(attempts, guest, told, files, at_failure)
        for line in lines:
            say(line)
        session = attempts.session
        session.watchdog.disarm()
        stopped = told.backtrace[0] if told.backtrace else ""
        debug(session, root, gdb_arguments, guest, re.split("[+ ]", stopped)[0])
        return told
    finally:
        attempts.close()


def without_optimization(attempts: Attempts, guest: ReplayGuest, told: Outcome,
                         kernels: KernelSet) -> Tuple[Attempts, ReplayGuest, Outcome, str]:
    """The attempts on the kernel that gdb understands best, if the test fails there as it does on the graded one."""
    other = Attempts(kernels, attempts.spec, attempts.seed)
    shown, same = other.run()
    if not alike(told, same) or guest.calls != shown.calls:
        other.close()
        return attempts, guest, told, ("Without optimization your files fail in another way, so this is the kernel as it was "
                                       "graded. gdb may say <optimized out>.")
    attempts.close()
    return other, shown, same, "Your files are compiled without optimization here, and the test fails in the same way."


def stand(attempts: Attempts, guest: ReplayGuest, told: Outcome, files: Sequence[str],
          at_failure: bool) -> Tuple[List[str], ReplayGuest]:
    """Bring the guest to where gdb takes over; says where that is, and keeps it for `mica rewind`."""
    find = guest.context.found if guest.context else None
    if find:
        schedule = find.schedule
        last, _ = attempts.run(forced=schedule)
        last, _ = attempts.run(stop_at_call=last.calls, forced=schedule)
        keep(attempts.session)
        return ["`mica rewind` goes back to where the schedule begins.", run_to_failure(last, find)], last
    lines: List[str] = []
    if not at_failure:
        lines, guest = to_routine(attempts, guest, told, files)
    if not lines:
        guest = guest if at_failure else attempts.run()[0]
        lines = [where_it_ended(guest)]
    keep(attempts.session)
    return [*lines, "`mica rewind` comes back here as often as you like; what follows is the same every time."], guest


def to_routine(attempts: Attempts, guest: ReplayGuest, told: Outcome,
               files: Sequence[str]) -> Tuple[List[str], ReplayGuest]:
    """To the student's routine that led to the failure, else to the last call; nothing where there is neither."""
    number = 0
    failed = told.verdict is not Verdict.PASS
    watched = attempts.student_routines(files) if failed else {}
    if watched:
        try:
            seen, again = attempts.run(watched=watched)
            number = choose(again, seen.arrivals) if alike(told, again) else 0
        except TooMany:
            pass
    if number:
        stopped, _ = attempts.run(watched=watched, stop_at_arrival=number)
        arrival = stopped.arrivals[-1]
        inside = "the kernel's boot" if not attempts.boots else f"call {stopped.calls}, {stopped.last}" \
            if stopped.calls else "the kernel's own work"
        return [f"The guest stands in {arrival.routine}, at the first line of its body, in {inside}.",
                "AT=failure stops where the test failed instead."], stopped
    if not guest.calls:
        return [], guest
    stopped, _ = attempts.run(stop_at_call=guest.calls)
    said = "" if not failed or not watched else " The exercise's own routines did not lead to the failure."
    return [f"The guest stands at the beginning of call {stopped.calls}, {stopped.last}.{said}"], stopped


def where_it_ended(guest: ReplayGuest) -> str:
    """The moment of the failure, in words."""
    here = guest.regs()["eip"]
    if here == guest.landing:
        return f"The guest stands where the test failed: {guest.last} has returned, with EAX {guest.regs()['eax']:#x}."
    if guest.name(here) == BUGCHECK_STOP:
        return "The guest stands where the kernel stopped; gdb shows the frame of the routine that it stopped in."
    return f"The guest stands where the test ended: {guest.symbols.frame(here, False)}."


def keep(session: Session) -> None:
    """The snapshot that `mica rewind` restores."""
    session.watchdog.disarm()
    if not session.machine.end_reason:
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
        f"{told.verdict.value} {under}, after {guest.calls} {'call' if guest.calls == 1 else 'calls'} into the kernel"
    ]
    for name, value in (("asked", told.asked), ("expected", told.expected), ("seen", told.seen), ("hint", told.hint)):
        if value:
            lines.append(f"  {name + ':':9} {value}")
    return lines


def debug(session: Session, root: Path, arguments: Sequence[str], guest: ReplayGuest, fault: str = "") -> None:
    """gdb in the foreground, on the guest as it stands.  `fault`: the routine whose frame is to be shown."""
    session.machine.gdb.leave()
    script = write_script(session, root, guest, fault)
    foreground.run(["gdb", "-q", "-nx", "-x", str(script), *arguments], root)


def write_script(session: Session, root: Path, guest: ReplayGuest, fault: str) -> Path:
    """Symbols of every loaded module at its place, the `mica` commands, the connection; then to where gdb's view is right."""
    folder = session.machine.folder
    lines = ["set pagination off", "set print pretty on", f"directory \"{root}\""]
    if os.environ.get("NO_COLOR"):
        lines.append("set style enabled off")
    for index, module in enumerate(session.symbols.modules):
        copy = gdbfiles.elf_copy(module.image.path, session.directory / "gdb" / f"{module.name}.elf")
        delta = (module.base - module.image.base) & 0xFFFFFFFF
        lines.append(f"file \"{copy}\"" if index == 0 else f"add-symbol-file \"{copy}\"" + (f" -o {delta:#x}" if delta else ""))
    lines += [f"target remote {folder / 'gdb'}"]
    if session.machine.gdb.processor:
        lines.append(f"thread {session.machine.gdb.processor + 1}")  # gdb counts from 1
    ends = [session.symbols.address("KdHostCall") + 1, session.symbols.address(BUGCHECK_STOP)]
    script = folder / "replay.gdb"
    script.write_text("\n".join([
        f"source {root / 'grader' / 'gdb' / 'mica.py'}",
        f"python mica_begin_replay({lines!r}, {guest.labels!r}, {fault!r}, {ends[0]:#x}, {ends[1]:#x}, {guest.left_at!r})", ""]), encoding="utf-8")
    return script


def gdb_arguments(text: str, environment: Optional[Dict[str, str]] = None) -> List[str]:
    """GDB_ARGS, split as a shell would."""
    return shlex.split(text or (environment or dict(os.environ)).get("GDB_ARGS", ""))


__all__ = ["ReplayGuest", "gdb_arguments", "replay", "run_once"]
