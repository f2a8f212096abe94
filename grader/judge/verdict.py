"""From what happened to a verdict: every way a test can end becomes an Outcome that teaches.

Invariant: nothing here depends on the host's time or place; the same end gives the same Outcome.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import List, Optional, Sequence

from grader.api import Context
from grader.errors import GraderError, NotResident
from grader.guest import Guest
from grader.guest.bugcodes import ASSERTION_FAILED, LAB_NOT_IMPLEMENTED, PARAMETERS, name_of
from grader.guest.session import BootFailure
from grader.guest.stops import Altered, BadReturn, Bugcheck, CodeRead, GuestStop, IdleTooLong, TooManyInstructions, WildAccess
from grader.images.symbols import short_path
from grader.judge.judgement import End, Hint, TestFailure
from grader.machine.memory import BadAddress
from grader.machine.qemu import GuestEnd
from grader.model import NOT_WRITTEN, Outcome, TestSpec, Verdict
from grader.views.memory import BrokenList

LOG_TAIL = 2000
BUGCHECK_STOP, TRAP_ENTRY = "KiBugCheckStop", "KiTrapEntry"
BUGCHECK_FRAMES = (BUGCHECK_STOP, "BugCheck", "KeBugCheck", "KeBugCheckEx", "KeBugCheck2", "RtlAssert")
TRAP_DEPTH = 12  # frames from the bugcheck's end to the trap that it is about, at most
_PLACE = re.compile(r"(?: at|, inlined in) ((?:kernel|labs|probe)/\S+?:[1-9]\d*)(?=,|$)")
POWER_OFF = "guest-shutdown"
REASONS = {
    "guest-reset": "the machine reset itself: a triple fault (a fault while a double fault was being delivered), or a "
    "reset through a port",
    POWER_OFF: "the kernel switched the machine off"
}


STOPPED = Hint(
    "crash", "The place named here is where the kernel gave up; the cause may lie before it. `make replay` stops there: look at the pointers, "
    "lists and locks that the routine was given, and who left them so.")


def judge(context: Context, cause: Optional[BaseException], guest: Optional[Guest]) -> End:
    """The verdict of a test whose function returned (`cause` None) or raised."""
    if cause is None:
        return End(Verdict.PASS)
    if isinstance(cause, TestFailure):
        return End(Verdict.FAIL, cause.asked, cause.expected, cause.seen, cause.hint, cause.difference, cause.where,
                   cause.registers, token=cause.token, page=cause.page)
    if isinstance(cause, BootFailure):
        context.asking(f"boot to the {cause.stage} stage", getattr(context.spec.function, "__globals__", {}).get("BOOT"))
        end = judge(context, cause.cause, guest)
        return replace(end, registers=None, backtrace=cause.backtrace, log=cause.log)
    asked = context.question or context.spec.title
    if isinstance(cause, Bugcheck) and cause.code == LAB_NOT_IMPLEMENTED:
        return _not_implemented(asked, cause, guest, context.spec.exercise)
    hint = context.question_hint
    if isinstance(cause, Bugcheck):
        return bugcheck(asked, cause, guest, hint or STOPPED)
    if isinstance(cause, GuestEnd):
        # A power-off is not done at the instruction that asks for it: that place differs from run to run.
        registers = guest.regs() if guest and str(cause) != POWER_OFF else None
        return End(Verdict.STUDENT_CRASH,
                   asked,
                   "the kernel goes on",
                   REASONS.get(str(cause), f"the machine stopped ({cause})"),
                   hint or STOPPED,
                   registers=registers)
    if isinstance(cause, (TooManyInstructions, IdleTooLong)):
        own = Hint(
            "hang", "The backtrace shows where the guest was when its time was up: look for a loop that cannot end, or a thread that was "
            "made ready twice."
            if isinstance(cause, TooManyInstructions) else
            "Somebody waits and nobody wakes it: look for a thread that is on no queue, or a switch that never comes.")
        return End(Verdict.FAIL, asked, "the guest comes back", str(cause), hint or own, registers=cause.registers)
    if isinstance(cause, BadReturn):
        own = Hint("calling-convention",
                   "A routine keeps ebx, esi, edi, ebp and esp for its caller; __stdcall takes its arguments off.")
        return End(Verdict.FAIL, asked, "a return by the calling convention", str(cause), hint or own)
    if isinstance(cause, (WildAccess, BadAddress, BrokenList)):
        own = Hint("broken-links", "Follow the links by hand: `make replay` stops at this moment.")
        return End(Verdict.FAIL, asked, "structures that can be followed", str(cause), hint or own)
    if isinstance(cause, Altered):
        return tampered(str(cause))
    if isinstance(cause, CodeRead):
        return End(Verdict.FAIL, asked, "code is run, and nobody reads it as data", str(cause),
                   Hint("code-read", "A pointer leads into code, or something looks for the explorer of schedules there; leave the kernel's code alone."))
    if isinstance(cause, GuestStop):
        return End(Verdict.FAIL, asked, "", str(cause), hint)
    what = str(cause) if isinstance(cause, GraderError) else f"{type(cause).__name__}: {cause}"
    return End(Verdict.INFRA_ERROR, asked, "", what)


def tampered(change: str) -> End:
    """A look at what the host relies on found it changed."""
    return End(Verdict.FAIL, "the courseware's code and the processors' set-up, looked at during the test and after it", "unchanged", change,
               Hint("courseware-changed", "Something wrote over code, constants or the processor's tables: a wild pointer, or on purpose."))


def outcome(spec: TestSpec, seed: int, end: End, guest: Optional[Guest], log: bytes, instructions: int) -> Outcome:
    """Tell an end as an Outcome."""
    backtrace = end.backtrace
    if guest is not None and end.registers is not None:
        backtrace = tuple(guest.backtrace(end.registers))
    backtrace = tuple(trim(list(backtrace)))
    where = end.where or place_of(backtrace, spec.files)
    log = log if end.log is None else end.log
    passed = end.verdict is Verdict.PASS
    return Outcome(test=spec.name,
                   exercise=spec.exercise,
                   title=spec.title,
                   points=spec.points if passed else 0,
                   max_points=spec.points,
                   verdict=end.verdict,
                   seed=seed,
                   asked=end.asked,
                   expected=end.expected,
                   seen=end.seen,
                   difference=end.difference,
                   hint_id=end.hint.id if end.hint else "",
                   hint=end.hint.text if end.hint else "",
                   waits_for=end.waits_for,
                   where=where,
                   backtrace=backtrace,
                   log="" if passed else printable(log),
                   replay=f"make replay LAB={spec.lab} TEST={spec.name} SEED={end.token}" if end.token else "",
                   page=end.page,
                   instructions=instructions,
                   features=spec.features,
                   hidden=spec.hidden)


def _not_implemented(asked: str, cause: Bugcheck, guest: Optional[Guest], own: str) -> End:
    exercise, file, line = "?", "", cause.parameters[2]
    if guest is not None:
        exercise, file = _said(guest, cause.parameters[0], 16), short_path(_said(guest, cause.parameters[1]))
    where = f"{file}:{line}" if file else ""
    waits_for = exercise if re.fullmatch(r"[0-9]+\.[0-9]+", exercise) and exercise != own else ""
    other = f"This test waits for exercise {exercise}, which its kernel needs and nobody has written yet. " if waits_for else ""
    return End(Verdict.FAIL,
               asked,
               f"exercise {exercise} is there",
               f"not implemented: exercise {exercise}" + (f" ({where})" if where else ""),
               Hint(NOT_WRITTEN, f"{other}Write exercise {exercise} where LAB_NOT_IMPLEMENTED stands."),
               where=where,
               waits_for=waits_for)


def bugcheck(asked: str, cause: Bugcheck, guest: Optional[Guest], hint: Optional[Hint]) -> End:
    """A stopped kernel, in words."""
    seen, where = str(cause), ""
    meanings = PARAMETERS.get(name_of(cause.code), ())
    if guest is not None and cause.code == ASSERTION_FAILED:
        where = f"{short_path(_said(guest, cause.parameters[1]))}:{cause.parameters[2]}"
        seen = f"a broken contract: {_said(guest, cause.parameters[0])} ({where})"
    elif guest is not None and meanings:
        told = (f"{meaning} {guest.describe(value) if value > 0xFFFF else value}"
                for meaning, value in zip(meanings, cause.parameters) if meaning)
        seen = f"bugcheck {cause.code:#x} {name_of(cause.code)}: " + ", ".join(told)
    return End(Verdict.STUDENT_CRASH, asked, "the kernel goes on", seen, hint, where=where, registers=cause.registers)


def _said(guest: Guest, address: int, limit: int = 256) -> str:
    """A text that the guest's end points to, for the eye only: where its page is out, it is not known."""
    try:
        return guest.text(address, limit)
    except NotResident:
        return "?"


def trim(lines: List[str]) -> List[str]:
    """From the fault on: without the frames of the bugcheck, and of the trap that led to it, which are always the
    same."""
    if not lines or not lines[0].startswith(BUGCHECK_STOP):
        return lines
    names = [line.split("+")[0].split(" ")[0] for line in lines]
    machinery = [
        index for index, name in enumerate(names[:-1])
        if name in BUGCHECK_FRAMES or index < TRAP_DEPTH and name == TRAP_ENTRY
    ]
    return lines[machinery[-1] + 1:] if machinery else lines


def place_of(backtrace: Sequence[str], files: Sequence[str] = ()) -> str:
    """file:line of the innermost frame in one of these files; if there is none, of the innermost one that has a line."""
    places = [place for line in backtrace for place in _PLACE.findall(line)]
    return next((place for place in places if place.rpartition(":")[0] in files), places[0] if places else "")


def printable(log: bytes) -> str:
    """The end of the serial output, as text without control characters."""
    text = log[-LOG_TAIL:].decode("ascii", "replace").replace("\r", "")
    return "".join(letter if letter == "\n" or letter.isprintable() and letter != "\ufffd" else "?" for letter in text)
