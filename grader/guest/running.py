"""Bounded runs: the guest goes on to a place of the host's choice, or says why it did not come there.

Invariants
  * Every run is bounded twice, in guest instructions and in virtual time, and ends at the same instruction in every
  run. * A guest that sleeps is not one that hangs: behind the deadline it goes on until its virtual time is used up as
  well.
"""

from __future__ import annotations

import struct
from contextlib import contextmanager
from typing import Callable, ContextManager, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from grader.errors import GraderError, InfraError, NotResident
from grader.guest.inspection import Inspection
from grader.guest.memory import GuestMemory
from grader.guest.session import Session, StageState
from grader.guest.stops import Altered, Bugcheck, CodeRead, GuestStop, IdleTooLong, TooManyInstructions, WildAccess
from grader.images.pe import EXECUTABLE, EXPORT_DIRECTORY, IMPORT_ADDRESS_DIRECTORY, RELOCATION_DIRECTORY
from grader.machine.interrupted import NmiEntry, go_back, interrupted_registers
from grader.machine.memory import BadAddress
from grader.machine.qemu import NANOSECONDS_PER_INSTRUCTION, Halted, OverLimit
from grader.views.fields import read_layout

TEST_POINT, HOST_CALL, BUGCHECK_STOP, BUGCHECK_DATA = "KdTestPoint", "KdHostCall", "KiBugCheckStop", "KiBugCheckData"
APC_STATE_PROCESS = 0x10  # KAPC_STATE::Process
READERS = ("MiInitializePageableSections",)  # given code that reads the headers of images as the kernel begins
UNREAD = (EXPORT_DIRECTORY, RELOCATION_DIRECTORY)  # they tell where routines begin, and so how long they are
TABLE, GUARDED = "KxFieldTable", (("KxRun", "KX_RUN"), ("KxStrategies", "KX_STRATEGIES"))
KERNEL_IMAGES = ("ntoskrnl.exe", "hal.dll")
COPIED = ("HalpStartCode", "HalpStartCodeEnd")  # hal/startap.S
SECOND = 1_000_000_000
EFLAGS_IF, HLT = 0x200, b"\xf4"
BOOT_SECONDS = 120.0  # virtual
WATCHDOG_MARGIN = 100_000_000  # instructions past the limit at which the host stops waiting for the watchdog
SLEEPER_STEP = SECOND // 2


class GuestRuns(GuestMemory):
    """A guest with a budget."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.nmi = NmiEntry()
        self._test_point = self.sym(TEST_POINT)
        # Calls return behind the first byte: a debugger takes the byte before a return address for the caller's.
        self.landing = self.sym(HOST_CALL) + 1
        self._bugcheck_stop = self.sym(BUGCHECK_STOP)
        self.watchers: Dict[bool, Callable[[int], None]] = {}  # of reads, of writes
        self.inspection: Optional[Inspection] = None  # set by whoever judges
        self._home: Dict[str, int] = {}
        self._start_icount = self._armed = 0
        self.set_budget(0, 0.0)

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
        self._left = BOOT_SECONDS
        self._arm()
        while True:
            self._run({self._test_point})
            if self.u32(self.regs()["esp"] + 4) == number:
                return

    def icount(self) -> int:
        """Instructions since the test began."""
        return self.machine.icount() - self._start_icount

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Meanwhile only the stopped processor runs: what it does to another one's data stays as it is, for the host to look at."""
        gdb = self.machine.gdb
        gdb.only = self.processor
        try:
            yield
        finally:
            gdb.only = None

    # -- one bounded run -------------------------------------------------------------------------------------------
    @contextmanager
    def watching(self, ranges: Sequence[Tuple[int, int]], look: Callable[[int], None], reads: bool = False) -> Iterator[None]:
        """Meanwhile `look` is called with EIP behind every instruction that writes to one of these (address, size); with `reads`, that
        reads there as data."""
        gdb = self.machine.gdb
        watch, unwatch = (gdb.watch_reads, gdb.unwatch_reads) if reads else (gdb.watch_writes, gdb.unwatch_writes)
        for address, size in ranges:
            watch(address, size)
        self.watchers[reads] = look
        try:
            yield
        finally:
            del self.watchers[reads]
            for address, size in ranges:
                unwatch(address, size)

    def code_unread(self) -> ContextManager[None]:
        """Meanwhile nobody reads the kernel's code, or the tables of its image, as data, nor the bytes around what the explorer keeps;
        CodeRead names the reader.  The courseware never does, but for the code that it copies to where other processors begin, and the
        names of sections, which say what may leave memory (READERS)."""
        modules = [module for module in self.symbols.modules if module.name.lower() in KERNEL_IMAGES]
        ranges = [(module.base, module.image.header_size) for module in modules]
        ranges += [(module.base + rva, size) for module in modules for rva, size in (module.image.directories[one] for one in UNREAD) if size]
        ranges += self._guards()
        first, last = (self.sym(name) for name in COPIED)
        for module in modules:
            for section in (one for one in module.image.sections if one.flags & EXECUTABLE):
                start, end = module.base + section.rva, module.base + section.rva + section.size
                parts = [(start, first), (last, end)] if start <= first < end else [(start, end)]
                ranges += [(begin, stop - begin) for begin, stop in parts if stop > begin]

        readers = {self.symbols.find(name) for name in READERS}

        def look(eip: int) -> None:
            if self.routine(eip - 1) not in readers:
                raise CodeRead(self.describe(eip - 1))

        return self.watching(ranges, look, reads=True)

    def imports_called(self) -> ContextManager[None]:
        """Meanwhile the test driver takes the addresses of its imports as compiled code does, to call a routine or to use a variable; CodeRead
        names who reads that table in another way, to learn where the kernel's routines lie."""
        module = next(one for one in self.symbols.modules if one.name.lower() == self.session.driver.lower())
        rva, size = module.image.directories[IMPORT_ADDRESS_DIRECTORY]
        table = range(module.base + rva, module.base + rva + size)
        named = {module.base + place for place in module.image.relocations()}

        def look(eip: int) -> None:
            # Behind a call or jump through the table the imported routine has begun.  A load ends with the entry's address.
            if self.symbols.module_at(eip) is module and (eip - 4 not in named or self.u32(eip - 4) not in table):
                raise CodeRead(self.describe(eip - 1), "the table that says where the kernel's routines lie")

        return self.watching([(table.start, size)], look, reads=True)

    def _guards(self) -> List[Tuple[int, int]]:
        """What lies around the explorer's data: whoever looks for these comes by."""
        if self.session.symbols.find(GUARDED[0][0]) is None:
            return []
        layout = read_layout(self.session.kernel, TABLE)
        return [(self.sym(name) + offset, size) for name, structure in GUARDED
                for offset, size in (layout.field(f"{structure}.Guard{where}") for where in ("Before", "Behind"))]

    def check_budget(self) -> None:
        """At the end of a test: a guest that kept the deadline from coming does not profit."""
        if self._until and self.machine.icount() > self._until + WATCHDOG_MARGIN:
            raise TooManyInstructions(self.limit, None)

    def arm(self) -> None:
        """Set the deadline for what is left of the budget."""
        self._arm()

    def _arm(self, least: int = 0) -> None:
        self.session.watchdog.arm(lambda: self._nanoseconds_left(least))

    def _nanoseconds_left(self, least: int) -> int:
        """From now to the deadline; 0 where there is none."""
        if not self.nmi or not self._until:
            return 0
        left = max(1000, self._until - self.machine.icount())
        nanoseconds = max(least, int(left * NANOSECONDS_PER_INSTRUCTION * 1.03) + 1000)
        self._armed = min(nanoseconds, max(1000, int(self._left * SECOND)))
        return self._armed

    def _run(self, stops: Set[int], written: Optional[int] = None) -> bool:
        """Run to one of the places, or until `written`, which is watched, is written: then True.  Raises when the guest stops for another
        reason."""
        gdb = self.machine.gdb
        wanted = {*stops, self._bugcheck_stop} | ({self.nmi.address} if self.nmi else set())
        first = True
        while True:
            here = self.regs()["eip"]
            gdb.set_breakpoints(wanted)
            self.moved()
            try:
                bound = self._until + (WATCHDOG_MARGIN if self.nmi else 0) if self._until else None
                past = first and here in wanted or here == self.nmi.address
                stop = self.machine.run_past(here, bound) if past else self.machine.run(bound)
            except OverLimit:
                self.moved()
                raise TooManyInstructions(self.limit, None) from None
            except Halted:  # no interrupt will ever come: the guest switched its sources off, the host's watchdog too
                self.moved()
                raise IdleTooLong(self.regs()) from None
            first = False
            self.moved()
            eip = self.regs()["eip"]
            self.machine.check_end()
            if self.nmi and eip == self.nmi.address:
                self._deadline()
            elif eip == self._bugcheck_stop:
                raise self._bugcheck()
            elif eip in stops or written is not None and stop.watched == written:
                changed = self.inspection.stopped() if self.inspection else None
                if changed:
                    raise Altered(changed)
                return eip not in stops
            elif stop.read in self.watchers:
                self.watchers[stop.read](eip)  # a watched word was read or written; raises where that is not allowed
            else:
                raise InfraError(f"the guest stopped at {eip:#010x}, where there is no breakpoint")

    def step(self) -> Dict[str, int]:
        """One instruction, during which no interrupt comes; returns the registers behind it."""
        self.machine.step()
        self.moved()
        self.machine.check_end()
        registers = self.regs()
        if registers["eip"] == self._bugcheck_stop:
            raise self._bugcheck()
        return registers

    def _deadline(self) -> None:
        """The watchdog fired: out of budget, or only asleep?"""
        interrupted = interrupted_registers(self.nmi, self.regs(), self.space)
        if self._halted_for_good(interrupted):
            raise IdleTooLong(interrupted)
        self._left -= self._armed / SECOND
        if self.machine.icount() >= self._until:
            raise TooManyInstructions(self.limit, interrupted)
        if self._left <= 0:
            raise IdleTooLong(interrupted)
        self.wake_where_interrupted()
        self._arm(least=SLEEPER_STEP)  # it slept: give it longer at a time, at the price of a later verdict

    def _halted_for_good(self, interrupted: Dict[str, int]) -> bool:
        """Whether the watchdog's NMI ended a `hlt` with interrupts off, from which no machine without that watchdog comes back."""
        try:
            return not interrupted["eflags"] & EFLAGS_IF and self.space.read(interrupted["eip"] - 1, 1) == HLT
        except (BadAddress, NotResident):
            return False

    def wake_where_interrupted(self) -> None:
        """Send the processor back from the NMI handler's first instruction."""
        try:
            go_back(self.nmi, self.machine.gdb, self.space, self._iret(), self._page_directory())
        except BadAddress as error:  # the guest broke its own descriptor tables
            raise WildAccess(error.address) from error
        self.moved()

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
        data = self.read(self.sym(BUGCHECK_DATA), 20)
        code, *parameters = struct.unpack("<5I", data)
        return Bugcheck(code, tuple(parameters), self.regs())
