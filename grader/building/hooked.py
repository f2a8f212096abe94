"""Whether each access to memory in an explored file has its preemption point, by the machine code, whatever the source looked like.

The compiler calls a hook before each load and store (nt/explore.h).  Here every path through a routine is followed: a hook pays
for the access behind it, and an access that nobody paid for is one at which the explorer cannot stop.  Free are the routine's
own frame, its processor's block (%fs), constants, imports, and instructions that are atomic by themselves.
In the books: "data-flow analysis", "basic block".  SYH-01
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Set, Tuple

from grader.images import disassembly
from grader.images.coff import CoffFile
from grader.images.pe import undecorate

WORD = 4  # bytes that one instruction moves at most
NEVER = 1024  # so many words no hook pays for
_WRITABLE = 0x80000000
_ROUTINE = re.compile(r"[0-9a-f]+ <(.*)>:")
_RELOCATION = re.compile(r"\s+[0-9a-f]+:\s+IMAGE_REL_I386_\w+\s+(\S+)")
_CODE = re.compile(r"\s*([0-9a-f]+):\s+(.*?)\s*")
_HOOK = re.compile(r"___sanitizer_cov_(?:load|store)(\d+)")
_MEMORY = re.compile(r"(%\ws:)?\*?(?:-?\w+)?\(([^)]*)\)")  # disp(base, index, scale)
_PLACE = re.compile(r"(%\ws:)?\*?-?(?:0x[0-9a-f]+|\d+)")  # an address alone
_FRAME = ("%esp", "%ebp")
_READS = ("cmp", "test", "push", "btl", "call", "jmp", "mul", "imul", "div", "idiv")  # take memory and leave it as it is
_TELLING = ("rdtsc", "rdpmc", "cpuid", "sgdt", "sidt", "sldt", "str", "smsw", "rdmsr", "in", "out")  # instructions that tell where and when code runs
_BUGCHECK = "_KeBugCheckEx@20"
_SWITCH = "_KxActive"  # what an inline point asks first


@dataclass
class _Instruction:
    at: int
    mnemonic: str
    operands: str
    place: str  # file:line
    names: List[str] = field(default_factory=list)  # what its relocations are about


def objections(source: str, data: bytes) -> List[str]:
    """The accesses without a point, a line each, as a compiler says it."""
    file = CoffFile(data)
    constants = {symbol.name for symbol in file.symbols()
                 if 0 < symbol.section <= len(file.sections) and not file.sections[symbol.section - 1].flags & _WRITABLE}
    found: Dict[Tuple[str, str], str] = {}  # one a line of the source
    routines = list(_routines(data))
    stopping = _stopping(routines)
    for routine, code in routines:
        for one in code:
            if re.fullmatch(rf"(?:{'|'.join(_TELLING)})[bwlp]?", one.mnemonic) or re.search(r"%(?:cr|db|dr)\d", one.operands):
                found.setdefault((routine, one.mnemonic), f"{source}: error: {undecorate(routine)} asks the processor when or where it runs ({one.mnemonic}); "
                                 "this exercise needs none of that: leave it out")
    for routine, code in routines:
        for one in [] if routine in stopping else _unpaid(code, constants):
            path, _, line = one.place.rpartition(":")
            where = f"{source}:{line}:1:" if path.endswith(source) else f"{source}:"
            found.setdefault((routine, where), f"{where} error: {undecorate(routine)} touches memory where the explorer of schedules cannot stop "
                             f"({one.mnemonic} {one.operands}); read and write one field a statement, and pass pointers")
    return list(found.values())


def _routines(data: bytes) -> Iterator[Tuple[str, List[_Instruction]]]:
    routine, place = "", ""
    code: List[_Instruction] = []
    for line in disassembly.listing(data, "-r", "-l").splitlines():
        start, named, one = _ROUTINE.fullmatch(line), _RELOCATION.fullmatch(line), _CODE.fullmatch(line)
        if start:
            if code:
                yield routine, code
            routine, place, code = start[1], "", []
        elif line.startswith("; "):
            place = line[2:]
        elif named and code:
            code[-1].names.append(named[1])
        elif one and routine:
            mnemonic, _, operands = one[2].partition("\t")
            code.append(_Instruction(int(one[1], 16), mnemonic.strip(), re.sub(r"\s*<[^>]*>", "", operands).strip(), place))
    if code:
        yield routine, code


def _stopping(routines: List[Tuple[str, List[_Instruction]]]) -> Set[str]:
    """The routines that do nothing but bugcheck, themselves or by another one, as unwritten ones do: the compiler puts no hooks where
    no way leads back.  (Nor does it in a routine that always raises an exception; but there is a way on.)"""
    straight = [(name, code) for name, code in routines if not any(one.mnemonic.startswith(("ret", "j")) for one in code)]
    found = {_BUGCHECK}
    for _ in straight:
        found |= {name for name, code in straight if any(found.intersection(one.names) for one in code)}
    return found


def _unpaid(code: List[_Instruction], constants: Set[str]) -> List[_Instruction]:
    """Follows every path.  What a hook paid for, in words, is known in front of each instruction: the least of all paths."""
    index = {one.at: number for number, one in enumerate(code)}
    frame = _frame(code)
    paid: Dict[int, int] = {}
    unpaid = set()
    ahead = [(0, 0)]
    unseen = set(range(len(code)))
    while ahead or unseen:
        if not ahead:  # a handler of structured exceptions, or reached by a table of jumps: what led here may have paid
            ahead.append((min(unseen), 1))
        number, left = ahead.pop()
        unseen.discard(number)
        if left >= paid.get(number, left + 1):
            continue
        paid[number] = left
        one = code[number]
        hook = next((match for match in map(_HOOK.fullmatch, one.names) if match), None)
        if hook:
            left = max(1, int(hook[1]) // WORD)
        else:
            words = _words(one, code[number - 1] if number else one, constants, frame)
            if words > left:
                unpaid.add(number)
            left = max(0, left - words)
        target = index.get(int(one.operands, 16)) if one.mnemonic.startswith("j") and re.fullmatch(r"0x[0-9a-f]+", one.operands) else None
        if target is not None:
            ahead.append((target, left))
        if one.mnemonic not in ("jmp", "jmpl") and not one.mnemonic.startswith("ret") and number + 1 < len(code):
            ahead.append((number + 1, left))
    return [code[number] for number in sorted(unpaid)]


def _frame(code: List[_Instruction]) -> Tuple[str, ...]:
    """The registers that lead into the routine's own frame.  A frame that the routine aligns and that has handlers is reached by
    %esi: the compiler gives it the address and keeps it for that.  The code that unwinds such a frame finds it from %ebp."""
    aligned = next((number for number, one in enumerate(code) if one.mnemonic == "andl" and re.fullmatch(r"\$-\d+, ?%esp", one.operands)), len(code))
    based = any(one.mnemonic == "movl" and one.operands.replace(" ", "") == "%esp,%esi" for one in code[aligned:aligned + 3])
    funclet = any(re.fullmatch(r"leal -\d+\(%ebp\), %esi", f"{one.mnemonic} {one.operands}")
                  and re.fullmatch(r"\d+\(%esi\), %ebp", after.operands) for one, after in zip(code[:4], code[1:5]))
    return (*_FRAME, "%esi") if based or funclet else _FRAME


def _words(one: _Instruction, before: _Instruction, constants: Set[str], frame: Tuple[str, ...]) -> int:
    """How many words of shared memory an instruction touches."""
    if one.mnemonic.startswith(("lea", "nop", "ret")) or one.mnemonic.startswith(("j", "call")) and "*" not in one.operands:
        return 0
    if before.mnemonic == "lock" or one.mnemonic == "xchgl":
        return 0
    if any(name == _SWITCH or name.startswith("__imp_") or name in constants for name in one.names):
        return 0
    if before.names == ["__imp_" + _SWITCH] and one.mnemonic == "movl" and one.operands.startswith(f"({before.operands.rpartition(',')[2].strip()})"):
        return 0
    shared = [match for match in _MEMORY.finditer(one.operands)
              if match[1] != "%fs:" and match[2].split(",")[0].strip() not in frame]
    rest = [part.strip() for part in _MEMORY.sub("", one.operands).split(",")]
    count = len(shared) + sum(bool(_PLACE.fullmatch(part)) and not part.startswith("%fs:") for part in rest)
    if one.mnemonic.startswith("rep") or "8b" in one.mnemonic:
        return NEVER
    last = one.operands.endswith(")") or bool(_PLACE.fullmatch(rest[-1]))
    changes = last and not one.mnemonic.startswith(("mov", "set", "pop", *_READS))  # reads, and writes what it has made
    return count * (2 if changes else 1)
