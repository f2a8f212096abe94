"""A booted kernel that tests start from: modules located, golden copy taken, a snapshot at each stage.

One boot serves every test of a kernel: `restore(stage)` goes back to the snapshot in a few milliseconds, so a test
cannot hurt the next one.
Invariant: whatever is trusted about the guest (where modules lie, their code, the field layout) is fixed at the
kernel's first instruction or read from image files; nothing that a student's code wrote is.
"""

from __future__ import annotations

import contextlib
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import ContextManager, Dict, List, Optional, Protocol, Sequence, Tuple

from grader.errors import GraderError, InfraError
from grader.guest.integrity import PAGEABLE, Integrity, find_modules
from grader.guest.stops import CodeRead, GuestStop
from grader.images.pe import PeImage
from grader.images.symbols import Symbols, images_in
from grader.machine.interrupted import NmiEntry, find_nmi_entry
from grader.machine.memory import AddressSpace
from grader.machine.parts import Machine
from grader.machine.qemu import BootPlan, GuestEnd, Qemu
from grader.machine.watchdog import PACE, SLOW_PACE, Watchdog
from grader.views.fields import Layout, read_layout

BOOT_LIMIT = 100_000_000  # guest instructions to the ready stage; a normal boot needs a tenth, most of it firmware
STAGES = {"early": 0, "alone": 2, "ready": 1}  # in the order of the boot: model.Stage -> KdTestPoint's argument (kernel/inc/kd.h)
USUAL = ("early", "ready")
EXPLORED = "explore"  # the folder of a kernel with preemption points
KERNEL = "ntoskrnl.exe"
STAYS = range(0x80000000, 0xA0000000)  # kernel/inc/mm/layout.h: images, the page frame database, the non-paged pool
EXPLORER = "KxExplore"  # only the explore flavour has it


@dataclass
class StageState:
    """What is known at a stage."""

    icount: int
    registers: Dict[str, int]
    nmi: NmiEntry
    processor: int = 0  # the one that came to the stage


class BootFailure(Exception):
    """The kernel does not reach a stage.  `cause` is the exception that says why (a bugcheck, a reset, a limit);
    backtrace and log are of that moment, which no test can look at any more."""

    def __init__(self, stage: str, cause: Exception, backtrace: Sequence[str] = (), log: bytes = b"") -> None:
        super().__init__(f"the kernel does not reach the {stage} stage")
        self.stage, self.cause, self.backtrace, self.log = stage, cause, tuple(backtrace), log


class Starter(Protocol):
    """Who runs the machine to its stages: a guest, which lives in the session."""

    nmi: NmiEntry

    def run_to_stage(self, number: int, until: int) -> None: ...

    def backtrace(self, registers: Optional[Dict[str, int]] = None) -> List[str]: ...

    def code_unread(self) -> ContextManager[None]: ...


@dataclass
class Session:
    """A kernel directory (build.mk's $(B)) booted with one test driver."""

    directory: Path
    driver: str = ""
    parts: Machine = Machine()  # what the machine is made of
    wanted: Tuple[str, ...] = USUAL  # the stages that get a snapshot
    stages: Dict[str, StageState] = field(default_factory=dict)
    failures: Dict[str, BootFailure] = field(default_factory=dict)
    _layout: Optional[Layout] = None

    def __enter__(self) -> "Session":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Boot to the kernel's first instruction."""
        self.images = [PeImage.load(path) for path in images_in(self.directory).values()]
        kernel = next((image for image in self.images if image.path.name.lower() == KERNEL), None)
        if kernel is None:
            raise GraderError(f"no {KERNEL} in the kernel's folder; build the kernel first")
        self.kernel = kernel
        self.machine = Qemu(self._plan())
        self.machine.start()
        try:
            self._enter_kernel()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.machine.stop()

    @property
    def processors(self) -> int:
        return self.parts.processors

    @property
    def layout(self) -> Layout:
        if self._layout is None:
            self._layout = read_layout(self.kernel)
        return self._layout

    def boot(self, guest: Starter) -> None:
        """Run to every stage and snapshot it; a stage that is not reached is noted in `failures`."""
        # A kernel that is explored may not look up where the explorer keeps what it knows: its code names the places.
        with guest.code_unread() if self.directory.name == EXPLORED else contextlib.nullcontext():
            self._boot(guest)

    def _boot(self, guest: Starter) -> None:
        start = self.machine.icount()
        stages = [stage for stage in STAGES if stage in USUAL or stage in self.wanted]
        for index, stage in enumerate(stages):
            try:
                guest.run_to_stage(STAGES[stage], start + BOOT_LIMIT)
            except (GuestStop, GuestEnd, CodeRead) as cause:
                registers = getattr(cause, "registers", None)
                backtrace = guest.backtrace(registers) if registers else ()
                log = self.machine.read_serial()
                for missed in stages[index:]:
                    self.failures[missed] = BootFailure(missed, cause, backtrace, log)
                return
            nmi = guest.nmi = find_nmi_entry(self.machine.qmp, self.space)
            if stage not in self.wanted:
                continue
            gdb = self.machine.gdb
            self.stages[stage] = StageState(self.machine.icount(), gdb.registers(), nmi, gdb.processor)
            self.watchdog.disarm()
            self.machine.save(stage)

    def restore(self, stage: str) -> StageState:
        """The machine as it was at a stage.  Raises BootFailure where it never got there."""
        if stage in self.failures:
            raise self.failures[stage]
        self.watchdog.forget()
        self.machine.load(stage)
        state = self.stages[stage]
        self.machine.gdb.select(state.processor)  # gdb's choice is no part of the machine's state
        return state

    def _plan(self) -> BootPlan:
        boot = self.directory.resolve() / "boot"
        names = [KERNEL, "hal.dll"]
        modules: List[Path] = [boot / name for name in names if (boot / name).exists()]
        modules += sorted(boot.glob("drivers/*.sys"))
        for name in self.parts.drivers + self.parts.files:
            if not (boot / name).exists():
                raise GraderError(f"{name}, which the machine needs, is not in the kernel's boot folder; build the kernel again")
            modules.append(boot / name)
        if self.driver:
            found = next((path for path in (boot / "tests" / self.driver, boot / self.driver) if path.exists()), None)
            if found is None:
                raise GraderError(
                    f"the test driver {self.driver} is not in the kernel's boot folder; build the kernel again")
            modules.append(found)
        return BootPlan(boot / "loader.elf", modules, f"/TEST {self.parts.options}".rstrip(), self.parts)

    def _enter_kernel(self) -> None:
        entry = self.kernel.base + self.kernel.entry
        gdb = self.machine.gdb
        gdb.set_breakpoints({entry})
        self.machine.run(until=BOOT_LIMIT)
        registers = gdb.registers()
        self.symbols = Symbols(())
        self.space = AddressSpace(self.machine.ram, self._control, lambda: gdb.moment, self._stays)
        self._registers: Optional[Tuple[int, int, int]] = (registers["cr0"], registers["cr3"], registers["cr4"])
        if registers["eip"] != entry:
            raise InfraError(f"the machine stopped at {registers['eip']:#010x}, not at the kernel's entry point")
        block = struct.unpack("<I", self.space.read(registers["esp"] + 4, 4))[0]
        self.symbols = Symbols(find_modules(self.space, block, self.images))
        self.integrity = Integrity(self.symbols, self.space)
        self.watchdog = Watchdog(self.machine.qmp, gdb)
        # Where schedules are explored time stands still: the clock of every processor is stopped before the first run.
        self.watchdog.set_up(SLOW_PACE if self.symbols.find(EXPLORER) else PACE)
        gdb.set_breakpoints(set())

    def _stays(self, address: int) -> bool:
        """Whether the page of an address is in memory at all times, by the layout of system space and the images' sections."""
        return address in STAYS and not self._leaves(address)

    def _leaves(self, address: int) -> bool:
        """Whether the address lies in a page of an image's section that may leave."""
        module = self.symbols.module_at(address)
        return module is not None and any(
            section.name in PAGEABLE and section.rva & ~0xFFF <= address - module.base < section.rva + section.size + 0xFFF & ~0xFFF
            for section in module.image.sections)

    def _control(self) -> Tuple[int, int, int]:
        """CR0, CR3 and CR4, asked once a stop."""
        if self._registers is None:
            registers = self.machine.gdb.registers()
            self._registers = (registers["cr0"], registers["cr3"], registers["cr4"])
        return self._registers

    def moved(self) -> None:
        """The guest ran: forget what was read of its registers."""
        self._registers = None
