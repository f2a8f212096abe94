"""A listing of machine code, written so that nobody reads the routine off: the same steps, in another order and another form.

What happens to every routine of a listing (what `clang -S` writes, or an assembly source behind the preprocessor)
  * It is cut into pieces of one to three instructions.  The pieces are shuffled, and jumps lead from one to the next.
  * Some pieces exist twice, and a branch on any flag leads to either: both do the same.  So a branch in the disassembly need
    not be one of the routine.
  * Pushes, pops, copies and loads take another form, where no flag and no memory beside the stack's own changes.
  * Pieces that nothing reaches lie in between: instructions of the file with other registers.

Invariants
  * A routine keeps its name, its first instructions (gdb finds the frame by them) and its place: no piece leaves it, so an
    address in it still belongs to its name in a backtrace.
  * The order in which instructions run is kept.  Nothing comes between `sti` and the instruction that it protects.  Inline
    assembly and calls are neither rewritten nor doubled.
  * The choices come from the text alone: equal listings give equal results.
  * A listing that holds something unknown is refused (GraderError); nothing is shipped as it was.
In the books: "obfuscation", "opaque predicates", "basic blocks".
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import List, Optional, Sequence, Tuple

from grader.errors import GraderError

LABEL = "Lm."  # of a piece; a name that begins with L stays out of the table of symbols
SECTION = re.compile(r"\.(?:section|text|data|bss|rdata)\b")
INERT = (".globl", ".lcomm", ".def", ".scl", ".type", ".endef", ".safeseh", ".addrsig", ".addrsig_sym", ".file", ".set", ".intel_syntax", ".att_syntax")
ENDS = re.compile(r"(?:jmpl?|retl?|iretl?|ud2l?)\b")
NEAR = re.compile(r"(?:j?e?cxz|jecxz|loop\w*)\b")  # jumps that reach 127 bytes
PREFIX = re.compile(r"(?:lock|repn?[ez]?)$")
SHADOW = re.compile(r"(?:sti|popl?\s+%ss|mov[lw]?\s+[^,]+,\s*%ss)\b")
CONDITIONS = ("o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g")
REGISTERS = ("%eax", "%ecx", "%edx", "%ebx", "%esi", "%edi")
_REGISTER = "|".join(REGISTERS)
_PUSH = re.compile(rf"pushl\s+({_REGISTER}|%ebp|\$[^,]+)$")
_POP = re.compile(rf"popl\s+({_REGISTER}|%ebp)$")
_COPY = re.compile(rf"movl\s+({_REGISTER}|%ebp|%esp),\s*({_REGISTER})$")
_LOAD = re.compile(rf"movl\s+([^%$:,]*\(%[^)]*\)),\s*({_REGISTER})$")
_PLAIN = re.compile(r"(?:movl|leal|addl|subl|cmpl|testl|andl|orl|xorl)\s+(?:[-$(),\s\d]|0x[\dA-Fa-f]+|%e[a-ds][xip])+$")  # names nothing
_PRIVATE = re.compile(r"(?<![\w.$\"?@])\.L(?=\w)")  # in an assembly source: the table of symbols would have these names
_NAME = re.compile(r'^\s*("[^"]+"|[^\s":]+):\s*$')
_NOT_OURS = re.compile(r"\b\d+[bf]\b|(?<![\w$.)\"?@])\.(?![\w])|;")


@dataclass
class _Step:
    """What must stay together: an instruction, or a block of inline assembly; with the labels before it."""

    lines: List[str]
    labels: List[str] = field(default_factory=list)
    fixed: bool = False  # is neither rewritten nor doubled
    sticks: bool = False  # the next step must follow at once

    @property
    def ends(self) -> bool:
        return not self.fixed and bool(ENDS.match(self.lines[-1]))


@dataclass
class _Routine:
    """The steps behind one name, up to the next name."""

    name: str
    steps: List[_Step] = field(default_factory=list)
    labels: List[str] = field(default_factory=list)  # that stand behind the last step so far


def scattered(listing: str, origin: str) -> str:
    """The listing with every routine scattered; one of data alone stays as it is.  `origin`: the file that a refusal names."""
    chance = random.Random(listing)
    parts, routines = _parsed(_PRIVATE.sub(LABEL, listing), origin)
    pool = [step.lines[0] for routine in routines for step in routine.steps if not step.fixed and _PLAIN.match(step.lines[0])]
    found: List[str] = []
    for number, part in enumerate(parts):
        if isinstance(part, str):
            found.append(part)
        else:
            found += _Scattering(part, _successor(parts[number + 1:]), number, pool, chance).lines()
    return "\n".join(found) + "\n"


def _successor(parts: "Sequence[str | _Routine]") -> str:
    """The routine that execution would fall into behind another; empty where another section begins."""
    for part in parts:
        if isinstance(part, _Routine):
            return part.name
        if SECTION.match(part.strip()):
            return ""
    return ""


class _Scattering:
    """One routine, its pieces and their order."""

    def __init__(self, routine: _Routine, successor: str, number: int, pool: Sequence[str], chance: random.Random) -> None:
        self._routine, self._number, self._pool, self._chance = routine, number, pool, chance
        self._pieces = self._cut()
        self._after = [f"jmp {successor}" if successor else "int3"]
        self._double = [number > 0 and not any(step.fixed for step in piece) and chance.random() < 0.5
                        for number, piece in enumerate(self._pieces)]

    def lines(self) -> List[str]:
        if not self._routine.steps:
            return [f"{self._routine.name}:", *(f"{label}:" for label in self._routine.labels)]
        first, *others = [self._written(number) for number in range(len(self._pieces))]
        others += [self._written(number, copy=True) for number, double in enumerate(self._double) if double]
        others += [self._decoy(number) for number in range(len(self._pieces) // 3 if self._pool else 0)]
        self._chance.shuffle(others)
        return [f"{self._routine.name}:", *first, *(line for piece in others for line in piece),
                *(f"{label}:" for label in self._routine.labels)]

    def _cut(self) -> List[List[_Step]]:
        pieces: List[List[_Step]] = []
        left = 0
        for step in self._routine.steps:
            if left <= 0 and not (pieces and pieces[-1][-1].sticks):
                pieces.append([])
                left = self._chance.randint(1, 3) if len(pieces) > 1 else 2
            pieces[-1].append(step)
            left = 0 if step.ends else left - 1
        return pieces

    def _written(self, number: int, copy: bool = False) -> List[str]:
        """A piece with its label, in some form, and the way to the next."""
        lines = [f"{self._label(number, copy)}:"]
        for step in self._pieces[number]:
            lines += [] if copy else [f"{label}:" for label in step.labels]
            lines += step.lines if step.fixed or number == 0 else self._form(step.lines)
        if not self._pieces[number][-1].ends:
            lines += self._way_to(number + 1)
        return lines

    def _way_to(self, number: int) -> List[str]:
        if number == len(self._pieces):
            return self._after
        ways = [self._label(number, copy) for copy in (False, True)[:1 + self._double[number]]]
        self._chance.shuffle(ways)
        return [f"j{self._chance.choice(CONDITIONS)} {way}" for way in ways[1:]] + [f"jmp {ways[0]}"]

    def _label(self, number: int, copy: bool) -> str:
        return f"{LABEL}{self._number}.{number}{'c' if copy else ''}"

    def _form(self, lines: List[str]) -> List[str]:
        """One instruction, perhaps in another form."""
        text = lines[0]
        if len(lines) > 1 or self._chance.random() < 0.3:
            return lines
        push, pop, copied, load = (form.match(text) for form in (_PUSH, _POP, _COPY, _LOAD))
        if push:
            return ["leal -4(%esp), %esp", f"movl {push[1]}, (%esp)"]
        if pop:
            return [f"movl (%esp), {pop[1]}", "leal 4(%esp), %esp"]
        if copied:
            return [f"leal ({copied[1]}), {copied[2]}"]
        if load:
            return [f"leal {load[1]}, {load[2]}", f"movl ({load[2]}), {load[2]}"]
        return lines

    def _decoy(self, number: int) -> List[str]:
        """A piece that nothing reaches."""
        others = dict(zip(REGISTERS, self._chance.sample(REGISTERS, len(REGISTERS))))
        lines = [f"{LABEL}{self._number}.{number}d:"]
        for text in self._chance.choices(self._pool, k=self._chance.randint(1, 3)):
            lines += self._form([re.sub(_REGISTER, lambda match: others[match[0]], text)])
        return lines + self._way_to(self._chance.randrange(len(self._pieces)))


def _parsed(listing: str, origin: str) -> "Tuple[List[str | _Routine], List[_Routine]]":
    """The lines that stay as they are and the routines between them, in order."""
    parts: "List[str | _Routine]" = []
    routines: List[_Routine] = []
    now: Optional[_Routine] = None
    code, block, aligned = True, None, []  # type: bool, Optional[_Step], List[str]
    for number, raw in enumerate(listing.splitlines(), 1):
        line = raw.strip()
        label = _NAME.match(raw)
        if block is not None:
            block.lines.append(line)
            block.sticks |= bool(SHADOW.match(line))
            block = None if line == "#NO_APP" else block
        elif not line or line.startswith(("# ", "//")):
            continue
        elif not code and not SECTION.match(line):
            parts.append(raw)
        elif line == "#APP" or not line.startswith(".") and not label:
            if now is None:
                raise _refusal(origin, number, line, "code without a name before it")
            aligned = []
            step = _step(line, origin, number)
            step.labels, now.labels = now.labels, []
            now.steps.append(step)
            block = step if line == "#APP" else None
        elif label and now is not None and label[1].lstrip('"').startswith("L"):
            now.labels.append(label[1])
        elif label:
            if label[1][0].isdigit():
                raise _refusal(origin, number, line, "a label that has no name")
            parts += aligned
            now, aligned = _Routine(label[1]), []
            parts.append(now)
            routines.append(now)
        elif line.startswith((".p2align", ".align", ".balign")):
            aligned.append(raw)
        else:
            if SECTION.match(line):
                code = line.startswith(".text") or '"xr' in line or '"ax' in line
                now = None
            elif not line.split()[0].rstrip(";") in INERT:
                raise _refusal(origin, number, line, "a directive between instructions")
            parts += [*aligned, raw]
            aligned = []
    return parts, routines


def _step(line: str, origin: str, number: int) -> _Step:
    if line == "#APP":
        return _Step([line], fixed=True)
    if NEAR.match(line):
        raise _refusal(origin, number, line, "a jump that reaches 127 bytes only")
    if _NOT_OURS.search(re.sub(r'"[^"]*"', "name", line)) or re.match(r'(?:"[^"]+"|[^\s"%$:]+):\s', line):
        raise _refusal(origin, number, line, "several statements in a line, or a place that has no name")
    call = line.startswith("call")
    return _Step([line], fixed=call or line.startswith("lock"), sticks=bool(SHADOW.match(line) or PREFIX.match(line)))


def _refusal(origin: str, number: int, line: str, why: str) -> GraderError:
    return GraderError(f"{origin}: line {number} of its listing cannot be scattered: {why} ({line[:80]}). Write it in another way, or teach "
                       "grader/handout/scatter.py; until then the handout is not made")
