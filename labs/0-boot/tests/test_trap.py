"""0.1: the answers in answers.txt against the trap that the student's seed leads to.

The host runs the same descent on the booted kernel, stops in the exception dispatcher and reads the trap frame there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional

from grader.api import test

PROCESSOR_VECTORS = 0x20
PREFIX = "Lab0"
ANSWERS = "labs/0-boot/answers.txt"
FEATURES = ("TRP-01", "TRP-03", "EXC-01", "TOL-06")

HINTS = {
    "trap-hex": "The number is right in another base: write hexadecimal with 0x in front, as gdb's p/x prints it.",
    "trap-vector": "The frame holds an error code, not the vector. The vector is an argument of KiTrap: `backtrace` shows it.",
    "trap-status": "The status is the first field of the exception record, ExceptionCode, as gdb's p/x prints it.",
    "trap-function": "The debugger stands in the kernel's dispatcher. The instruction that faulted is at TrapFrame->Eip: `info symbol` "
                     "names its function.",
    "trap-caller": "That is the function that faulted. Its caller's address is the word above the saved EBP: follow "
                   "TrapFrame->Ebp.",
    "trap-frame": "At the first instruction of KiDispatchException the registers are the kernel's already; those of the "
                  "trap are in the frame: p/x TrapFrame->Esi.",
    "trap-irql": "Read KPCR::Irql while the machine stands in KiDispatchException, before the frame handler lowers it.",
}


@dataclass(frozen=True)
class Trap:
    """What the host saw of the trap."""

    vector: int
    status: int
    function: str
    caller: str
    error: int
    esi: int
    irql: int


def observe(t) -> Trap:
    """Runs the descent of the student's seed up to the exception dispatcher."""
    guest, seed = t.guest, t.student_seed
    stop = guest.start("Lab0Descend", seed, until="KiDispatchException")
    record, frame = guest.u32(stop["esp"] + 4), guest.u32(stop["esp"] + 12)
    function, caller = (_plain(guest.name(address)) for address in (guest.get(frame, "KTRAP_FRAME.Eip"),
                                                                    guest.u32(guest.get(frame, "KTRAP_FRAME.Ebp") + 4)))
    t.infra(function.startswith(PREFIX) and caller.startswith(PREFIX), f"seed {seed} leads from {caller} to {function}")
    return Trap(_vector(t, stop["ebp"], frame), guest.u32(record), function, caller, guest.get(frame, "KTRAP_FRAME.ErrCode"),
                guest.get(frame, "KTRAP_FRAME.Esi"), guest.get(guest.pcr(), "KPCR.Irql"))


def _vector(t, ebp: int, frame: int) -> int:
    """The second argument of KiTrap(TrapFrame, Vector), found on the stack by the first."""
    while ebp < frame:
        if t.guest.u32(ebp + 8) == frame and t.guest.u32(ebp + 12) < PROCESSOR_VECTORS:
            return t.guest.u32(ebp + 12)
        ebp = t.guest.u32(ebp)
    t.infra(False, "KiTrap is among the callers of KiDispatchException")
    return 0


def _answers(t) -> Dict[str, str]:
    """`name = value` lines; `#` begins a comment."""
    answers: Dict[str, str] = {}
    for line in t.submitted(ANSWERS).splitlines():
        name, equals, value = line.partition("#")[0].partition("=")
        if equals:
            answers[name.strip().lower()] = value.strip()
    return answers


def _number(text: str) -> Optional[int]:
    """Decimal, or hexadecimal with 0x; a decimal point or anything else is no number."""
    try:
        return int(text.replace("_", ""), 16 if text.lower().startswith("0x") else 10)
    except ValueError:
        return None


def _given(t, name: str, question: str, shape: str) -> str:
    text = _answers(t).get(name, "")
    t.check(bool(text), asked=question, expected=shape, seen=f"no answer: the line `{name} =` of {ANSWERS} is empty")
    return text


def _judge_number(t, name: str, question: str, right: int, hint: str = "") -> None:
    shape = "a number, hexadecimal with 0x in front"
    text = _given(t, name, question, shape)
    if _number(text) == right:
        return
    if text.lower().lstrip("0") == f"{right:x}":
        hint = "trap-hex"
    t.fail(asked=question, expected=f"{shape}, as found for seed {t.student_seed}", seen=f"{name} = {text}",
           hint=t.hint(hint, HINTS[hint]) if hint else None)


@test("0.1", points=1, title="vector: which exception was it?", features=FEATURES, limit=10_000_000)
def trap_vector(t):
    _judge_number(t, "vector", "vector: the number of the exception", observe(t).vector, hint="trap-vector")


@test("0.1", points=1, title="status: what does the kernel make of it?", features=FEATURES, limit=10_000_000)
def trap_status(t):
    _judge_number(t, "status", "status: ExceptionRecord->ExceptionCode", observe(t).status, hint="trap-status")


@test("0.1", points=1, title="function: where did it happen?", features=FEATURES, limit=10_000_000)
def trap_function(t):
    trap = observe(t)
    question = "function: the function whose instruction faulted"
    seen = _given(t, "function", question, "a function's name")
    t.check(_same_name(seen, trap.function), asked=question, expected=f"a function's name, as found for seed {t.student_seed}",
            seen=f"function = {seen}", hint=t.hint("trap-function", HINTS["trap-function"]))


@test("0.1", points=1, title="caller: which function called that one?", features=FEATURES, limit=10_000_000)
def trap_caller(t):
    trap = observe(t)
    question = "caller: the function that called it"
    seen = _given(t, "caller", question, "a function's name")
    hint = t.hint("trap-caller", HINTS["trap-caller"]) if _same_name(seen, trap.function) else None
    t.check(_same_name(seen, trap.caller), asked=question, expected=f"a function's name, as found for seed {t.student_seed}",
            seen=f"caller = {seen}", hint=hint)


@test("0.1", points=1, title="esi and error-code: what does the trap frame hold?", features=FEATURES, limit=10_000_000)
def trap_frame(t):
    trap = observe(t)
    _judge_number(t, "esi", "esi: the register ESI at the fault", trap.esi, hint="trap-frame")
    _judge_number(t, "error-code", "error-code: KTRAP_FRAME::ErrCode", trap.error)


@test("0.1", points=1, title="irql: at which level did the processor run?", features=FEATURES, limit=10_000_000)
def trap_irql(t):
    _judge_number(t, "irql", "irql: the IRQL at the fault", observe(t).irql, hint="trap-irql")


def _same_name(text: str, name: str) -> bool:
    """Names as a debugger prints them: with a module, a leading underscore, an offset, or the bytes of arguments (@4)."""
    return _plain(text).lower() == name.lower()


def _plain(text: str) -> str:
    return text.split("!")[-1].split("@")[0].split("+")[0].strip("_ ()<>")
