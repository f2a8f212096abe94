"""Calls injected into the guest: the host chooses routine and arguments, and reads the result from the registers.

Invariant: a call returns to KdHostCall, where the guest then stands; when it goes on, it has the registers with which it
came to the stage.
In the books: the calling conventions of 32-bit x86 (stdcall, fastcall, cdecl).
"""

from __future__ import annotations

import struct
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Dict, Iterator, Optional, Sequence, Tuple

from grader.errors import GraderError
from grader.guest.memory import Place
from grader.guest.running import GuestRuns
from grader.guest.session import Session
from grader.guest.stops import BadReturn

CALLEE_SAVED = ("ebx", "esi", "edi", "ebp")
GENERAL = ("eax", "ecx", "edx", *CALLEE_SAVED, "esp", "eip", "eflags")
EFLAGS_IF, EFLAGS_DF = 0x200, 0x400
RED_ZONE = 0x100  # left free below the landing point's stack pointer


@dataclass(frozen=True)
class LeftCall:
    """A call that waits somewhere in the guest for the host to let it go on."""

    name: str
    returned: int  # ESP on its return
    before: Dict[str, int]
    registers: Dict[str, int]


class GuestCalls(GuestRuns):
    """A guest whose routines the host calls."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._pending: Optional[Tuple[str, int]] = None  # an outstanding `start`: (name, ESP on return)
        self._returned, self._called = 0, ""  # of call_or_stop: ESP on return, and the routine
        self._before: Dict[str, int] = {}
        self._cleared = EFLAGS_DF  # flags that are clear when a call begins

    @contextmanager
    def uninterrupted(self) -> Iterator[None]:
        """Meanwhile calls begin with interrupts off: no clock tick falls into one, unless the routine lets it."""
        self._cleared |= EFLAGS_IF
        try:
            yield
        finally:
            self._cleared &= ~EFLAGS_IF

    def call(self, target: Place, *arguments: int, conv: str = "stdcall", limit: int = 0, seconds: float = 0.0) -> int:
        """Call a routine with the host's arguments; returns EAX."""
        return self._call(target, arguments, conv, limit, seconds)["eax"]

    def call_until_written(self, target: Place, *arguments: int, word: Place, limit: int, seconds: float) -> None:
        """Call a routine that writes `word` when it has done its work: the guest stops there, and the call is given up.  Such a stop is
        much cheaper than one at a breakpoint, behind which QEMU translates everything again."""
        address, gdb = self.sym(word), self.machine.gdb
        gdb.watch_writes(address, 4)
        try:
            self._call(target, arguments, "stdcall", limit, seconds, address)
        finally:
            gdb.unwatch_writes(address, 4)

    def call64(self,
               target: Place,
               *arguments: int,
               conv: str = "stdcall",
               limit: int = 0,
               seconds: float = 0.0) -> int:
        """Call a routine that returns 64 bits in EDX:EAX."""
        registers = self._call(target, arguments, conv, limit, seconds)
        return registers["edx"] << 32 | registers["eax"]

    def call_or_stop(self,
                     target: Place,
                     *arguments: int,
                     stops: Sequence[Place],
                     conv: str = "stdcall",
                     stack: int = 0) -> Tuple[str, Dict[str, int]]:
        """Call a routine that may not come back: to its return ("", registers) or to its first arrival at one of `stops`
        (that name, registers).  There it goes on with `go_on`, or is given up by the next call.  `stack`: the highest
        address of a stack of the host's, for calls that go on later although others were made meanwhile."""
        self._returned = self._enter(target, arguments, conv, stack)
        self._before, self._called = self.regs(), self._label(target)
        return self._to_stop(stops)

    def left(self) -> "LeftCall":
        """The call that `call_or_stop` left at one of its stops, to go on with later."""
        return LeftCall(self._called, self._returned, dict(self._before), self.regs())

    def go_on(self, stops: Sequence[Place], call: "Optional[LeftCall]" = None, **registers: int) -> Tuple[str, Dict[str, int]]:
        """The last call, or `call`, goes on from the stop where it was left, with `registers` changed."""
        if call is not None:
            self._called, self._returned, self._before = call.name, call.returned, call.before
            registers = {**{name: call.registers[name] for name in GENERAL}, **registers}
        if registers:
            self.set_regs(**registers)
        return self._to_stop(stops)

    def _to_stop(self, stops: Sequence[Place]) -> Tuple[str, Dict[str, int]]:
        places = {self.sym(place): self._label(place) for place in stops}
        while True:
            self._run({self.landing, *places})
            registers = self.regs()
            if registers["eip"] in places:
                return places[registers["eip"]], registers
            if abs(registers["esp"] - self._returned) <= RED_ZONE:
                break  # else the thread of this stage came by: whoever runs, it is not the call
        self._check_return(self._called, self._returned, self._before, registers)
        return "", registers

    def start(self,
              target: Place,
              *arguments: int,
              conv: str = "stdcall",
              until: Place,
              hits: int = 1) -> Dict[str, int]:
        """Begin a call and stop at the `hits`-th arrival at `until`, inside it or in whoever it lets run."""
        returned = self._enter(target, arguments, conv)
        self._pending = (self._label(target), returned)
        arrived = self.sym(until) == self.sym(target)  # the call itself is an arrival
        return self.run_until(until, hits - arrived) if hits > arrived else self.regs()

    def finish(self) -> int:
        """Let a call that was begun by `start` return; returns EAX."""
        if self._pending is None:
            raise GraderError("finish() without a start()")
        label, returned = self._pending
        self._pending = None
        return self._return(label, returned, None)["eax"]

    def run_until(self, target: Place, hits: int = 1) -> Dict[str, int]:
        """Run to the `hits`-th arrival at a place; returns the registers there."""
        address = self.sym(target)
        if self.regs()["eip"] == self.landing and not self._pending:
            self._go_home()
        for _ in range(hits):
            stops = {address}
            if self._pending:
                stops.add(self.landing)
            self._run(stops)
            registers = self.regs()
            if registers["eip"] != address and self._pending:
                raise BadReturn(self._pending[0], f"returned before the guest came to {self._label(target)}")
        return self.regs()

    def run_until_any(self, targets: Sequence[Place]) -> Dict[str, int]:
        """Run to the next arrival at one of several places; returns the registers there."""
        places = {self.sym(target) for target in targets}
        if self.regs()["eip"] == self.landing and not self._pending:
            self._go_home()
        self._run(places | ({self.landing} if self._pending else set()))
        registers = self.regs()
        if registers["eip"] not in places and self._pending:
            raise BadReturn(self._pending[0], "returned before the guest came to "
                            + " or ".join(self._label(target) for target in targets))
        return registers

    def _go_home(self) -> None:
        """After a call: the registers with which the guest came to the landing point."""
        self.set_regs(**{name: self._home[name] for name in GENERAL})

    def _label(self, target: Place) -> str:
        return target if isinstance(target, str) else self.describe(target)

    def _call(self, target: Place, arguments: Sequence[int], conv: str, limit: int, seconds: float,
              written: Optional[int] = None) -> Dict[str, int]:
        whole = (self.limit, self._until, self._left)
        if limit:
            self.limit, self._until = limit, min(self._until or 1 << 62, self.machine.icount() + limit)
        if seconds:
            self._left = seconds
        returned = self._enter(target, arguments, conv)
        if limit or seconds:
            self._arm()
        before = self.regs()
        registers = self._return(self._label(target), returned, before, written)
        if limit or seconds:
            self.limit, self._until, self._left = whole
            self._arm()
        return registers

    def _enter(self, target: Place, arguments: Sequence[int], conv: str, stack: int = 0) -> int:
        """Stack and registers as at the first instruction of the routine; returns ESP as it must be on return."""
        home = self._home
        values = [argument & 0xFFFFFFFF for argument in arguments]
        in_registers = 2 if conv == "fastcall" else 0
        on_stack = values[in_registers:]
        esp = (((stack or home["esp"]) - RED_ZONE - 4 * len(on_stack)) & ~0xF) - 4
        self.write(esp, struct.pack(f"<{1 + len(on_stack)}I", self.landing, *on_stack))
        registers = {name: home[name] for name in CALLEE_SAVED}
        registers.update(zip(("ecx", "edx"), values[:in_registers]))
        registers.update(eip=self.sym(target), esp=esp, eflags=home["eflags"] & ~self._cleared)
        self.set_regs(**registers)
        return esp + 4 + (0 if conv == "cdecl" else 4 * len(on_stack))

    def _return(self, label: str, returned: int, before: Optional[Dict[str, int]], written: Optional[int] = None) -> Dict[str, int]:
        while True:
            if self._run({self.landing}, written):
                return self.regs()
            registers = self.regs()
            if abs(registers["esp"] - returned) <= RED_ZONE:
                break
        if before is None:
            before = {name: registers[name] for name in CALLEE_SAVED}
        self._check_return(label, returned, before, registers)
        return registers

    @staticmethod
    def _check_return(label: str, returned: int, before: Dict[str, int], registers: Dict[str, int]) -> None:
        """A return by the calling convention."""
        if registers["esp"] != returned:
            raise BadReturn(
                label, f"returned with ESP {registers['esp'] - returned:+d} bytes from where it must be: "
                "it took off more or fewer bytes of arguments, or did not restore the stack")
        lost = [name for name in CALLEE_SAVED if registers[name] != before[name]]
        if lost:
            raise BadReturn(label, "did not preserve " + ", ".join(
                f"{name} ({before[name]:#010x} became {registers[name]:#010x})" for name in lost))
        if registers["eflags"] & EFLAGS_DF:
            raise BadReturn(label, "returned with the direction flag set")
