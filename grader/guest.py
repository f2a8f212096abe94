"""The guest as a test sees it: memory, fields, symbols, calls into it, runs to a place of the host's choice.

Invariants
  * What a call returns is read by the host from registers; the guest's own claims are never asked for.
  * Every run is bounded twice, in guest instructions and in virtual time, and ends at the same instruction in every run.
  * Between calls the guest stands still at the stage's landing point (KdTestPoint) with the registers it had there.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Set, Tuple, Union

from grader.errors import GraderError, InfraError
from grader.machine.interrupted import NmiEntry, go_back, interrupted_registers
from grader.machine.memory import BadAddress
from grader.machine.qemu import NANOSECONDS_PER_INSTRUCTION, OverLimit
from grader.session import STAGES, Session, StageState
from grader.stops import BadReturn, Bugcheck, GuestStop, IdleTooLong, TooManyInstructions, WildAccess
from grader.views.memory import Structures
from grader.views.ring import Record, read_all
from grader.views.threads import Thread, Threads

TEST_POINT, BUGCHECK_STOP, BUGCHECK_DATA = "KdTestPoint", "KiBugCheckStop", "KiBugCheckData"
TRAP_ENTRY = "KiTrapEntry"
SCRATCH, SCRATCH_SIZE = "LabScratch", 64 * 1024
CALLEE_SAVED = ("ebx", "esi", "edi", "ebp")
GENERAL = ("eax", "ecx", "edx", *CALLEE_SAVED, "esp", "eip", "eflags")
EFLAGS_DF = 0x400
APC_STATE_PROCESS = 0x10  # KAPC_STATE::Process
RED_ZONE = 0x100  # left free below the landing point's stack pointer
SECOND = 1_000_000_000
WATCHDOG_MARGIN = 100_000_000  # instructions past the limit at which the host stops waiting for the watchdog
SLEEPER_STEP = SECOND // 2
Place = Union[int, str]


@dataclass(frozen=True)
class Sample:
    """Who runs at a moment that the guest was not told: the claim and the truth (0: on no thread's stack)."""

    registers: Dict[str, int]
    claimed: int
    true: int

    @property
    def agrees(self) -> bool:
        return self.true in (0, self.claimed)


class Guest:
    """One test's guest.  Made fresh for every test, on a session that was restored to the test's stage."""

    def __init__(self, session: Session, limit: int = 0, seconds: float = 30.0) -> None:
        self.session = session
        self.machine, self.space = session.machine, session.space
        self.view = Structures(_Readable(self), session.layout)
        self.symbols = session.symbols
        self.nmi = NmiEntry()
        self._registers: Optional[Dict[str, int]] = None
        self._test_point = self.sym(TEST_POINT)
        # Calls return behind the first byte: a debugger takes the byte before a return address for the caller's.
        self.landing = self._test_point + 1
        self._bugcheck_stop = self.sym(BUGCHECK_STOP)
        self._home: Dict[str, int] = {}
        self._pending: Optional[Tuple[str, int]] = None  # an outstanding `start`: (name, ESP on return)
        self._allocated = 0
        self._start_icount = 0
        self.set_budget(limit, seconds)

    # -- set-up by the runner --------------------------------------------------------------------------------------
    def begin(self, state: StageState, limit: int, seconds: float) -> None:
        """Start a test at a restored stage."""
        self.nmi, self._home, self._start_icount = state.nmi, dict(state.registers), state.icount
        self.moved()
        self.set_budget(limit, seconds)

    def set_budget(self, limit: int, seconds: float) -> None:
        """Instructions and virtual seconds that the whole test may use from here (0: no bound)."""
        self.limit, self._left = limit, seconds
        self._until = self._start_icount + limit if limit else 0

    def run_to_stage(self, number: int, until: int) -> None:
        """Used by the session's boot: run to KdTestPoint(number)."""
        self._until, self.limit = until, until
        self._left = 120.0
        self._arm()
        while True:
            self._run({self._test_point})
            if self.u32(self.regs()["esp"] + 4) == number:
                return

    # -- memory ----------------------------------------------------------------------------------------------------
    def read(self, address: int, size: int) -> bytes:
        try:
            return self.space.read(address & 0xFFFFFFFF, size)
        except BadAddress as error:
            raise WildAccess(error.address) from error

    def write(self, address: int, data: bytes) -> None:
        try:
            self.space.write(address & 0xFFFFFFFF, data)
        except BadAddress as error:
            raise WildAccess(error.address) from error

    def readable(self, address: int, size: int = 1) -> bool:
        """Whether all of the range is mapped memory."""
        return all(self.space.physical((address + offset) & 0xFFFFFFFF) is not None
                   for offset in [*range(0, size, 4096), size - 1])

    def text(self, address: int, limit: int = 256) -> str:
        return self.space.text(address, limit)

    def _number(self, address: int, size: int, value: Optional[int]) -> int:
        if value is None:
            return int.from_bytes(self.read(address, size), "little")
        self.write(address, (value & ((1 << 8 * size) - 1)).to_bytes(size, "little"))
        return value

    def u8(self, address: int, value: Optional[int] = None) -> int:
        return self._number(address, 1, value)

    def u16(self, address: int, value: Optional[int] = None) -> int:
        return self._number(address, 2, value)

    def u32(self, address: int, value: Optional[int] = None) -> int:
        return self._number(address, 4, value)

    def u64(self, address: int, value: Optional[int] = None) -> int:
        return self._number(address, 8, value)

    @property
    def scratch(self) -> int:
        """The test driver's scratch area: the host's, and nobody else's in the guest."""
        return self.sym(SCRATCH)

    def alloc(self, size: int, align: int = 16) -> int:
        """A zeroed piece of the scratch area, until the test ends."""
        start = -(-self._allocated // align) * align
        if start + size > SCRATCH_SIZE:
            raise GraderError(f"the test asks for more than the {SCRATCH_SIZE} bytes of {SCRATCH}")
        self._allocated = start + size
        address = self.scratch + start
        self.write(address, bytes(size))
        return address

    # -- names and structures --------------------------------------------------------------------------------------
    def sym(self, name: Place) -> int:
        return name if isinstance(name, int) else self.symbols.address(name)

    def name(self, address: int) -> str:
        """The routine or variable that holds an address."""
        return self.symbols.name(address)

    def describe(self, address: int) -> str:
        return self.symbols.describe(address)

    def field(self, name: str) -> Tuple[int, int]:
        return self.session.layout.field(name)

    def size(self, structure: str) -> int:
        return self.session.layout.size(structure)

    def get(self, address: int, field: str, signed: bool = False) -> int:
        return self.view.get(address, field, signed)

    def set(self, address: int, field: str, value: int) -> None:
        offset, size = self.field(field)
        self._number(address + offset, size, value)

    def list(self, head: int, field: str, limit: int = 4096) -> List[int]:
        """The structures on a list whose links are checked; raises views.memory.BrokenList."""
        return self.view.objects(head, field, limit)

    def pcr(self, processor: int = 0) -> int:
        """The KPCR: what fs points to."""
        if processor == 0:
            base = self.regs().get("fs_base", 0)
            if base:
                return base
        return self.prcb(processor) - self.field("KPCR.PrcbData")[0]

    def prcb(self, processor: int = 0) -> int:
        return self.u32(self.sym("KiProcessorBlock") + 4 * processor)

    # -- registers -------------------------------------------------------------------------------------------------
    def regs(self) -> Dict[str, int]:
        if self._registers is None:
            self._registers = self.machine.gdb.registers()
        return dict(self._registers)

    def set_regs(self, **values: int) -> None:
        self.machine.gdb.set_registers(**values)
        self.moved()

    def moved(self) -> None:
        self._registers = None
        self.session.moved()

    # -- running ---------------------------------------------------------------------------------------------------
    def icount(self) -> int:
        """Instructions since the test began."""
        return self.machine.icount() - self._start_icount

    def call(self, target: Place, *arguments: int, conv: str = "stdcall", limit: int = 0, seconds: float = 0.0) -> int:
        """Call a routine with the host's arguments; returns EAX."""
        return self._call(target, arguments, conv, limit, seconds)["eax"]

    def call64(self, target: Place, *arguments: int, conv: str = "stdcall", limit: int = 0, seconds: float = 0.0) -> int:
        """Call a routine that returns 64 bits in EDX:EAX."""
        registers = self._call(target, arguments, conv, limit, seconds)
        return registers["edx"] << 32 | registers["eax"]

    def start(self, target: Place, *arguments: int, conv: str = "stdcall", until: Place, hits: int = 1) -> Dict[str, int]:
        """Begin a call and stop at the `hits`-th arrival at `until`, inside it or in whoever it lets run."""
        returned = self._enter(target, arguments, conv)
        self._pending = (self._label(target), returned)
        return self.run_until(until, hits)

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

    def _go_home(self) -> None:
        """After a call: the registers with which the guest came to the landing point."""
        self.set_regs(**{name: self._home[name] for name in GENERAL})

    def _label(self, target: Place) -> str:
        return target if isinstance(target, str) else self.describe(target)

    def _call(self, target: Place, arguments: Sequence[int], conv: str, limit: int, seconds: float) -> Dict[str, int]:
        whole = (self.limit, self._until, self._left)
        if limit:
            self.limit, self._until = limit, min(self._until or 1 << 62, self.machine.icount() + limit)
        if seconds:
            self._left = seconds
        returned = self._enter(target, arguments, conv)
        if limit or seconds:
            self._arm()
        before = self.regs()
        registers = self._return(self._label(target), returned, before)
        if limit or seconds:
            self.limit, self._until, self._left = whole
            self._arm()
        return registers

    def _enter(self, target: Place, arguments: Sequence[int], conv: str) -> int:
        """Stack and registers as at the first instruction of the routine; returns ESP as it must be on return."""
        home = self._home
        values = [argument & 0xFFFFFFFF for argument in arguments]
        in_registers = 2 if conv == "fastcall" else 0
        on_stack = values[in_registers:]
        esp = ((home["esp"] - RED_ZONE - 4 * len(on_stack)) & ~0xF) - 4
        self.write(esp, struct.pack(f"<{1 + len(on_stack)}I", self.landing, *on_stack))
        registers = {name: home[name] for name in CALLEE_SAVED}
        registers.update(zip(("ecx", "edx"), values[:in_registers]))
        registers.update(eip=self.sym(target), esp=esp, eflags=home["eflags"] & ~EFLAGS_DF)
        self.set_regs(**registers)
        return esp + 4 + (0 if conv == "cdecl" else 4 * len(on_stack))

    def _return(self, label: str, returned: int, before: Optional[Dict[str, int]]) -> Dict[str, int]:
        while True:
            self._run({self.landing})
            registers = self.regs()
            if registers["esp"] == returned:
                break
            if abs(registers["esp"] - returned) <= RED_ZONE:
                raise BadReturn(label, f"returned with ESP {registers['esp'] - returned:+d} bytes from where it must be: "
                                       "it took off more or fewer bytes of arguments, or did not restore the stack")
        if before:
            lost = [name for name in CALLEE_SAVED if registers[name] != before[name]]
            if lost:
                raise BadReturn(label, "did not preserve " + ", ".join(
                    f"{name} ({before[name]:#010x} became {registers[name]:#010x})" for name in lost))
            if registers["eflags"] & EFLAGS_DF:
                raise BadReturn(label, "returned with the direction flag set")
        return registers

    # -- one bounded run -------------------------------------------------------------------------------------------
    def check_budget(self) -> None:
        """At the end of a test: a guest that kept the deadline from coming does not profit."""
        if self._until and self.machine.icount() > self._until + WATCHDOG_MARGIN:
            raise TooManyInstructions(self.limit, None)

    def arm(self) -> None:
        """Set the deadline for what is left of the budget."""
        self._arm()

    def _arm(self, least: int = 0) -> None:
        if not self.nmi or not self._until:
            return
        left = max(1000, self._until - self.machine.icount())
        nanoseconds = max(least, int(left * NANOSECONDS_PER_INSTRUCTION * 1.03) + 1000)
        nanoseconds = min(nanoseconds, max(1000, int(self._left * SECOND)))
        self.session.watchdog.arm(nanoseconds)
        self._armed = nanoseconds

    _armed = 0

    def _run(self, stops: Set[int]) -> None:
        """Run to one of the places.  Raises when the guest stops for another reason."""
        gdb = self.machine.gdb
        wanted = {*stops, self._bugcheck_stop} | ({self.nmi.address} if self.nmi else set())
        first = True
        while True:
            here = self.regs()["eip"]
            gdb.set_breakpoints(wanted)
            self.moved()
            try:
                bound = self._until + (WATCHDOG_MARGIN if self.nmi else 0) if self._until else None
                if first and here in wanted or here == self.nmi.address:
                    self.machine.run_past(here, bound)
                else:
                    self.machine.run(bound)
            except OverLimit:
                self.moved()
                raise TooManyInstructions(self.limit, None) from None
            first = False
            self.moved()
            eip = self.regs()["eip"]
            self.machine.check_end()
            if self.nmi and eip == self.nmi.address:
                self._deadline()
            elif eip == self._bugcheck_stop:
                raise self._bugcheck()
            elif eip in stops:
                return
            else:
                raise InfraError(f"the guest stopped at {eip:#010x}, where there is no breakpoint")

    def _deadline(self) -> None:
        """The watchdog fired: out of budget, or only asleep?"""
        interrupted = interrupted_registers(self.nmi, self.regs(), self.space)
        self._left -= self._armed / SECOND
        if self.machine.icount() >= self._until:
            raise TooManyInstructions(self.limit, interrupted)
        if self._left <= 0:
            raise IdleTooLong(interrupted)
        go_back(self.nmi, self.machine.gdb, self.space, self._iret(), self._page_directory())
        self.moved()
        self._arm(least=SLEEPER_STEP)  # it slept: give it longer at a time, at the price of a later verdict

    def _page_directory(self) -> int:
        """CR3 of the thread that runs, by the kernel's structures; 0 when they do not say."""
        try:
            attached = self.current_thread() + self.field("KTHREAD.ApcState")[0] + APC_STATE_PROCESS
            base = self.get(self.u32(attached), "KPROCESS.DirectoryTableBase") & 0xFFFFFFFF
        except (GraderError, GuestStop):
            return 0
        return base if base % 4096 == 0 and base < self.machine.ram.size else 0

    def _iret(self) -> int:
        for module in self.symbols.modules:
            for section in module.image.sections:
                if not section.writable:
                    offset = module.image.at(section.rva, section.size).find(b"\xcf")
                    if offset >= 0:
                        return module.base + section.rva + offset
        raise InfraError("no IRET instruction in any module")

    def _bugcheck(self) -> Bugcheck:
        data = self.space.read(self.sym(BUGCHECK_DATA), 20)
        code, *parameters = struct.unpack("<5I", data)
        return Bugcheck(code, tuple(parameters), self.regs())

    # -- what the kernel is doing ----------------------------------------------------------------------------------
    def backtrace(self, registers: Optional[Dict[str, int]] = None, depth: int = 24) -> List[str]:
        """The frames from here outwards, by the host's own walk of the frame chain."""
        registers = registers or self.regs()
        lines = [self.symbols.frame(registers["eip"], False)]
        interrupted = False  # an interrupted instruction is at its address; a return address is one past its call
        for address in self.callers(registers, depth):
            lines.append(self.symbols.frame(address, not interrupted))
            interrupted = self.symbols.name(address - 1) == TRAP_ENTRY
        return lines

    def callers(self, registers: Dict[str, int], depth: int = 24) -> List[int]:
        """Return addresses by the EBP chain.  At a routine's first instruction the caller is still at ESP."""
        found: List[int] = []
        near = self.symbols.nearest(registers["eip"])
        try:
            if near and near[1] == 0:
                found.append(self.u32(registers["esp"]))
            frame, floor = registers["ebp"], registers["esp"]
            while len(found) < depth and frame >= floor and frame % 4 == 0:
                returned = self.u32(frame + 4)
                if self.symbols.module_at(returned) is None:
                    if found and self.symbols.name(found[-1] - 1) == TRAP_ENTRY:
                        found.append(returned)  # the guest ran where no code is
                    break
                found.append(returned)
                floor, frame = frame + 4, self.u32(frame)
        except WildAccess:
            pass
        if self.landing in found:  # the call that the host injected: what lies beyond is the stage's business
            found = found[:found.index(self.landing)]
        return found

    def threads(self) -> List[Thread]:
        """Every thread of every process, by the kernel's lists."""
        return self._threads().all()

    def true_thread(self) -> int:
        """The KTHREAD on whose kernel stack ESP lies: what really runs, whatever the kernel says."""
        return self._threads().by_stack(self.regs()["esp"])

    def current_thread(self) -> int:
        """The KTHREAD that the processor's control block names."""
        return self.get(self.prcb(), "KPRCB.CurrentThread")

    def sample(self, place: Place, hits: int = 1) -> Sample:
        """Run to the `hits`-th arrival at a courseware routine and say who runs there: by the processor's control block, and
        by the stack that ESP lies on, which the kernel cannot talk its way out of."""
        registers = self.run_until(place, hits)
        return Sample(registers, self.current_thread(), self.true_thread())

    def events(self) -> List[Record]:
        """The event ring, oldest first.  Evidence only together with `Context.trace`."""
        return read_all(self.space, self.sym("EtwRing"), processors=1)

    def _threads(self) -> Threads:
        return Threads(self.view, self.sym("PsActiveProcessHead"), self.prcb())


class _Readable:
    """The guest's memory for the views."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest

    def read(self, address: int, size: int) -> bytes:
        return self._guest.read(address, size)


__all__ = ["Guest", "STAGES"]
