"""A booted kernel whose routines the host calls, counting guest instructions.

The kernel stops at KdTestPoint; a call is injected so that it returns to that very breakpoint. Counts are QEMU's
(-icount), the same on every machine.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Dict, Iterator, List, Sequence

from ..errors import GraderError
from ..machine.parts import Machine
from ..machine.qemu import BootPlan, Qemu
from ..machine.watchdog import Watchdog
from grader.images.pe import PeImage

READY = 1  # KdTestPoint's stage in a system thread
BOOT_LIMIT, CALL_LIMIT = 2_000_000_000, 2_000_000_000
LINKS_TO_BASE, LINKS_TO_NAME = 0x18, 0x2C  # LDR_DATA_TABLE_ENTRY (kernel/inc/ldr.h asserts them)


class Session:
    """Use as a context manager."""

    def __init__(self, folder: Path, driver: str = "bench.sys", processors: int = 1, files: "Sequence[str]" = ()) -> None:
        self.folder = folder
        boot = folder / "boot"
        self.images = {"ntoskrnl.exe": folder / "ntoskrnl.exe", "hal.dll": folder / "hal.dll", driver: folder / "tests" / driver}
        for path in [boot / "loader.elf", *self.images.values()]:
            if not path.exists():
                raise GraderError(f"{path} is not there: make kernel")
        self.machine = Qemu(BootPlan(boot / "loader.elf", [boot / name for name in (*self.images, *files)], "/TEST",
                                     Machine(processors=processors)))

    def __enter__(self) -> "Session":
        self.machine.start()
        try:
            self.point = self.kernel_address("KdTestPoint")
            self.machine.gdb.insert_breakpoint(self.point)
            self.machine.run(BOOT_LIMIT)
            while self.argument() != READY:
                self.machine.run_past(self.point, BOOT_LIMIT)
            self.bases = self.modules()
            Watchdog(self.machine.qmp, self.machine.gdb).set_up()  # stops of the host cost the guest no clock ticks
        except BaseException:
            self.machine.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.machine.stop()

    def kernel_address(self, name: str) -> int:
        image = PeImage.load(self.images["ntoskrnl.exe"])
        return image.base + image.symbols[name].rva

    def address(self, name: str) -> int:
        for module, base in self.bases.items():
            image = PeImage.load(self.images[module])
            if name in image.symbols:
                return base + image.symbols[name].rva
        raise GraderError(f"no loaded image has a routine {name}")

    def modules(self) -> "Dict[str, int]":
        """Where each image was loaded, from PsLoadedModuleList."""
        head = self.kernel_address("PsLoadedModuleList")
        found: "Dict[str, int]" = {}
        at = self.words(head, 1)[0]
        while at != head and len(found) < 64:
            length, text = self.words(at + LINKS_TO_NAME, 2)
            name = self.machine.gdb.read(text, length & 0xFFFF).decode("utf-16-le")
            if name in self.images:
                found[name] = self.words(at + LINKS_TO_BASE, 1)[0]
            at = self.words(at, 1)[0]
        return found

    def words(self, address: int, count: int) -> "List[int]":
        return list(struct.unpack(f"<{count}I", self.machine.gdb.read(address, 4 * count)))

    def argument(self) -> int:
        return self.words(self.machine.gdb.registers()["esp"] + 4, 1)[0]

    def instructions_of(self, routine: str, argument: int) -> int:
        """Calls a stdcall routine with one argument from the test point; how many instructions until it was back."""
        stack = self._enter(routine, argument)
        before = self.machine.icount()
        self.machine.run(before + CALL_LIMIT)
        self._expect_back(routine, argument, stack)
        return self.machine.icount() - before

    def steps_of(self, routine: str, argument: int) -> "Iterator[int]":
        """The same call, one instruction at a time: their addresses."""
        gdb = self.machine.gdb
        stack = self._enter(routine, argument)
        while (address := gdb.registers()["eip"]) != self.point:
            yield address
            gdb.step()
        self._expect_back(routine, argument, stack)

    def _enter(self, routine: str, argument: int) -> int:
        """Injects the call. Returns the stack pointer that it must come back with."""
        gdb = self.machine.gdb
        before = gdb.registers()["esp"]
        gdb.write(before - 8, struct.pack("<2I", self.point, argument))
        gdb.set_registers(esp=before - 8, eip=self.address(routine))
        return before

    def _expect_back(self, routine: str, argument: int, stack: int) -> None:
        after = self.machine.gdb.registers()
        if after["eip"] != self.point or after["esp"] != stack:
            raise GraderError(f"{routine} did not come back: eip {after['eip']:#x}, esp {after['esp']:#x}")
        if after["eax"] != argument:
            raise GraderError(f"{routine}({argument}) says that it did {after['eax']}")


def instructions_to(folder: Path, routine: str) -> int:
    """Guest instructions from reset to the first call of a kernel routine, in an ordinary boot."""
    boot = folder / "boot"
    images = [boot / "ntoskrnl.exe", boot / "hal.dll"]
    kernel = PeImage.load(folder / "ntoskrnl.exe")
    with Qemu(BootPlan(boot / "loader.elf", images, "")) as machine:
        machine.gdb.insert_breakpoint(kernel.base + kernel.symbols[routine].rva)
        machine.run(BOOT_LIMIT)
        return machine.icount()
