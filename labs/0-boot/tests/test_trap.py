"""0.1: the answers in answers.txt against the trap that the student's seed leads to.

The host runs the same descent on the booted kernel, stops in the exception dispatcher and reads the trap frame there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional

from grader.api import test

from .descent import descent

ANSWERS = "labs/0-boot/answers.txt"
FEATURES = ("TRP-01", "TRP-03", "EXC-01", "TOL-06")

HINTS = {
    "trap-other-seed": "This is the right answer for another seed. `make seed` prints yours; start with `make gdb SEED=...`.",
    "trap-hex": "The number is right in another base: write hexadecimal with 0x in front, as gdb's p/x prints it.",
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
    registers: Dict[str, int]
    irql: int


def _observe(t, seed: int) -> Trap:
    """Runs the descent of `seed` up to KiDispatchException."""
    guest, plan = t.guest, descent(seed)
    stop = guest.start("Lab0Descend", seed, until="KiDispatchException")
    record, _, frame = (guest.u32(stop["esp"] + 4 * index) for index in (1, 2, 3))
    read = lambda name: guest.get(frame, f"KTRAP_FRAME.{name}")
    eip, ebp = read("Eip"), read("Ebp")
    trap = Trap(plan.vector, guest.u32(record), guest.name(eip), guest.name(guest.u32(ebp + 4)), read("ErrCode"),
                {name: read(name.capitalize()) for name in ("ebx", "esi", "edi")}, guest.get(guest.pcr(), "KPCR.Irql"))
    t.infra(trap.function == plan.path[2] and trap.caller == plan.path[1] and trap.irql == plan.irql
            and trap.registers == {"ebx": plan.ebx, "esi": plan.esi, "edi": plan.edi},
            f"the descent of seed {seed} goes where the host expects it: {plan}, seen {trap}")
    return trap


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


def _judge_number(t, name: str, question: str, right: int, others: "list[int]", hint: str = "") -> None:
    """`others`: right answers of other seeds, which earn a hint instead of a riddle."""
    shape = "a number, hexadecimal with 0x in front"
    text = _given(t, name, question, shape)
    value = _number(text)
    if value == right:
        return
    if value is not None and str(value) == f"{right:x}" or text.lower() == f"{right:x}":
        hint = "trap-hex"
    elif value in others:
        hint = "trap-other-seed"
    t.fail(asked=question, expected=f"{shape}, as found for seed {t.student_seed}", seen=f"{name} = {text}",
           hint=t.hint(hint, HINTS[hint]) if hint else None)


def _strangers(t) -> "list[int]":
    """A few other seeds, to recognise an answer that belongs to a neighbour."""
    return [seed for seed in (271828, 314159, 1) if seed != t.student_seed]


@test("0.1", points=1, title="vector: which exception was it?", features=FEATURES)
def trap_vector(t):
    _judge_number(t, "vector", "vector: the number of the exception", _observe(t, t.student_seed).vector, [])


@test("0.1", points=1, title="status: what does the kernel make of it?", features=FEATURES)
def trap_status(t):
    _judge_number(t, "status", "status: ExceptionRecord->ExceptionCode", _observe(t, t.student_seed).status, [])


@test("0.1", points=1, title="function: where did it happen?", features=FEATURES)
def trap_function(t):
    trap = _observe(t, t.student_seed)
    question = "function: the function whose instruction faulted"
    seen = _given(t, "function", question, "a function's name")
    t.check(_same_name(seen, trap.function), asked=question, expected=f"a function's name, as found for seed {t.student_seed}",
            seen=f"function = {seen}")


@test("0.1", points=1, title="caller: who called that function?", features=FEATURES)
def trap_caller(t):
    trap = _observe(t, t.student_seed)
    question = "caller: the function that called it"
    seen = _given(t, "caller", question, "a function's name")
    hint = t.hint("trap-caller", HINTS["trap-caller"]) if _same_name(seen, trap.function) else None
    t.check(_same_name(seen, trap.caller), asked=question, expected=f"a function's name, as found for seed {t.student_seed}",
            seen=f"caller = {seen}", hint=hint)


@test("0.1", points=1, title="esi and error-code: what does the trap frame hold?", features=FEATURES)
def trap_frame(t):
    trap = _observe(t, t.student_seed)
    _judge_number(t, "esi", "esi: the register ESI at the fault", trap.registers["esi"],
                  [descent(seed).esi for seed in _strangers(t)], hint="trap-frame")
    _judge_number(t, "error-code", "error-code: KTRAP_FRAME::ErrCode", trap.error, [])


@test("0.1", points=1, title="irql: at which level did the processor run?", features=FEATURES)
def trap_irql(t):
    _judge_number(t, "irql", "irql: the IRQL at the fault", _observe(t, t.student_seed).irql, [], hint="trap-irql")


def _same_name(text: str, name: str) -> bool:
    """Names as gdb prints them: with a module, a leading underscore or the bytes of arguments (@4)."""
    bare = text.split("!")[-1].split("@")[0].strip("_ ()<>").split("+")[0].strip()
    return bare.lower() == name.lower()
