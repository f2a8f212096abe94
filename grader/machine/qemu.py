"""One QEMU under the grader's control: deterministic flags, shared RAM, gdbstub, QMP, snapshots, bounded serial log.

Invariants
  * Time is the guest's: `-icount shift=3,sleep=off` makes one instruction 8 ns of virtual time, so the same boot gives
    the same instruction counts however busy the host is.  The wall clock only guards the host (InfraError).
  * The guest is stopped whenever the host looks: every method but `resume` leaves it stopped.
  * The serial port writes into a ring of QEMU's own (`ringbuf`): a flood neither blocks the guest nor fills the disk.
  * A guest that resets, triple-faults or powers off leaves a stopped machine (`GuestEnd`), not a lost process.
"""

from __future__ import annotations

import atexit
import base64
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import List, Optional, Sequence

from grader.errors import GraderError, InfraError
from grader.machine import disks, watchdog
from grader.machine.confine import confine, seccomp
from grader.machine.gdbstub import SIGTRAP, Gdbstub, Stop
from grader.machine.memory import Ram
from grader.machine.parts import Machine
from grader.machine.plainpath import short
from grader.machine.qmp import Qmp, QmpError
from grader.machine.scratch import Scratch

NANOSECONDS_PER_INSTRUCTION = 8  # -icount shift=3
SERIAL_CAP = 256 * 1024  # a power of two (ringbuf asks for one)
SLOWEST = 200_000  # instructions a second: a guest that floods a port is slow, and still gets to its limit
BUSY_SECONDS = 40.0  # of QEMU's own processor time in one run: no honest guest uses a tenth, and a busy host does not make it more
HALTED_SECONDS = 8.0  # of host time without an instruction: time to ask whether any processor is awake
ENDS = ("SHUTDOWN", "GUEST_PANICKED", "SUSPEND", "SUSPEND_DISK")  # events after which the guest does not go on


class GuestEnd(Exception):
    """The guest ended the machine: a reset (triple fault), a shutdown, or QEMU left at its request."""


class OverLimit(Exception):
    """The guest used up its instruction budget (or its virtual time)."""


class Halted(Exception):
    """No instruction was executed for a while: the processor waits for an interrupt that no device will raise."""


@dataclass(frozen=True)
class BootPlan:
    """What to boot: the multiboot loader, modules in order, options."""

    loader: Path
    modules: Sequence[Path] = ()
    options: str = "/TEST"
    machine: Machine = Machine()


@dataclass
class Qemu:
    """A started machine.  Use as a context manager."""

    plan: BootPlan
    wall: float = 180.0  # seconds of host time for one run of the guest; guards the host only
    program: str = "qemu-system-i386"
    serial_log: bytearray = field(default_factory=bytearray)

    def __enter__(self) -> "Qemu":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- life ------------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Start QEMU stopped at reset, connected to every control socket."""
        if not shutil.which(self.program):
            raise GraderError(f"{self.program} is not installed; run `make doctor`")
        self.scratch = Scratch(self.plan.machine.memory_mb)
        self.folder = self.scratch.path
        atexit.register(self.stop)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self.ram_path = self.folder / "ram"
        disks.empty(self.folder / "snapshots.qcow2", f"{disks.SNAPSHOT_MB}M")
        disks.make(self.plan.machine, self.folder, self.plan.loader.parent)
        with open(self.folder / "stderr", "wb") as errors:
            self.process = subprocess.Popen(
                confine(self.command_line(), self.folder, self._images()),
                stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, cwd=str(self.folder))
        try:
            self.qmp = Qmp(str(self.folder / "qmp"), alive=self._alive)
            self.gdb = Gdbstub(str(self.folder / "gdb"), alive=self._alive)
            self.qmp.before = self.gdb.flush
        except InfraError as error:
            raise InfraError(f"QEMU did not start: {self._stderr() or error}") from error
        self.ram = Ram(self.ram_path)

    def _images(self) -> List[Path]:
        """The folders that the emulator reads."""
        return sorted({path.resolve().parent for path in (self.plan.loader, *self.plan.modules)})

    def command_line(self) -> List[str]:
        plan, folder = self.plan, self.folder
        line = [
            self.program, "-nodefaults", "-no-user-config", "-accel", "tcg", "-icount", "shift=3,sleep=off",
            "-rtc", "base=2000-01-01,clock=vm",
            "-machine", "pc,memory-backend=ram,hpet=off",
            "-object", f"memory-backend-file,id=ram,size={plan.machine.memory_mb}M,mem-path={folder}/ram,share=on",
            "-drive", f"if=none,id=snap,format=qcow2,file={folder}/snapshots.qcow2,discard=unmap,cache=unsafe",
            *plan.machine.arguments(folder),
            "-device", "VGA,vgamem_mb=1", "-display", "none", "-nic", "none",
            "-chardev", f"ringbuf,id=com1,size={SERIAL_CAP}", "-serial", "chardev:com1",
            "-chardev", f"socket,id=qmp,path={folder}/qmp,server=on,wait=off", "-mon", "chardev=qmp,mode=control",
            "-chardev", f"socket,id=gdb,path={folder}/gdb,server=on,wait=off", "-gdb", "chardev:gdb",
            "-action", "reboot=shutdown,shutdown=pause,panic=pause", "-S",
            *watchdog.DEVICES, "-action", "watchdog=inject-nmi",
            *seccomp(self.program), "-kernel", short(plan.loader, folder), "-append", plan.options,
        ]
        if plan.modules:
            line += ["-initrd", ",".join(short(module, folder) for module in plan.modules)]
        return line

    def stop(self) -> None:
        """End the process and remove its files."""
        process = getattr(self, "process", None)
        for name in ("gdb", "qmp", "ram"):
            part = getattr(self, name, None)
            if part is not None:
                part.close()
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()
        self.scratch.remove()
        atexit.unregister(self.stop)

    # -- running ---------------------------------------------------------------------------------------------------
    def icount(self) -> int:
        return self.qmp.icount()

    def run(self, until: Optional[int] = None) -> Stop:
        """Run to the next breakpoint.  `until` bounds the instruction count; the bound's verdict is deterministic
        because the count is checked again after every stop.  Raises OverLimit or GuestEnd."""
        self.gdb.resume()
        deadline = time.monotonic() + self.wall
        pause, count, first, moved = 0.02, -1, 0, time.monotonic()
        used = -1.0  # asked when the run turns out to be a long one: most are over at once
        while True:
            stop = self._wait(pause)
            if stop is not None:
                break
            self.check_end()
            last, count = count, self.icount()
            if until is not None and count > until:
                self.gdb.interrupt()
                raise OverLimit()
            moved = time.monotonic() if count != last else moved
            if time.monotonic() > moved + HALTED_SECONDS:
                self._end_if_halted(count)
                moved = time.monotonic()
            if last < 0 <= count:
                first = count
            spent = cpu_seconds(self.process.pid)
            used = spent if used < 0 else used
            if spent - used > BUSY_SECONDS:  # a guest that makes the emulator work at each instruction
                self.gdb.interrupt()
                raise OverLimit()
            if time.monotonic() > deadline + (count - first) / SLOWEST:
                self.gdb.interrupt()
                if until is not None and self.icount() > until:
                    raise OverLimit()
                raise InfraError(f"the guest was still running after {self.wall:.0f} s of host time")
            pause = min(0.1, pause * 1.5)
        self.check_end()
        return stop

    def _end_if_halted(self, count: int) -> None:
        """Raise Halted if the guest executes nothing because it sleeps.  A busy host, too, may leave it without a time
        slice for long: such a guest goes on.  To stop is to give QEMU's thread its turn, so the count is asked again."""
        halted = re.findall(r"HLT=(\d)", self.qmp.monitor("info registers -a"))
        if len(halted) != self.plan.machine.processors or "0" in halted:
            return
        self.gdb.interrupt()
        if self.icount() == count:
            raise Halted()
        self.gdb.resume()

    def step(self) -> Stop:
        return self.gdb.step()

    def run_past(self, address: int, until: Optional[int] = None) -> Stop:
        """Like `run`, from a breakpoint at the current instruction: step over it first."""
        stop = self.gdb.step()
        self.check_end()
        if stop.signal == SIGTRAP and self.gdb.registers()["eip"] in self.gdb.breakpoints:
            return stop
        return self.run(until)

    end_reason = ""

    def check_end(self) -> None:
        """Raise GuestEnd if the guest ended the machine.  A power-off is processed beside the running guest, so ask
        again after the first gdb packet that follows a stop: by then QEMU has told."""
        if self._guest_ended():
            raise GuestEnd(self.end_reason)

    def _wait(self, seconds: float) -> Optional[Stop]:
        try:
            return self.gdb.wait(seconds)
        except InfraError:
            self.qmp_dead()
            raise

    def _guest_ended(self) -> bool:
        if self.end_reason:
            return True
        event = self.qmp.poll_event(*ENDS)
        if event is not None:
            self.end_reason = event.get("data", {}).get("reason", event["event"].lower())
        return event is not None

    def qmp_dead(self) -> None:
        """Turn a lost socket into the reason for it."""
        try:
            code = self.process.wait(2)
        except subprocess.TimeoutExpired:
            return
        raise InfraError(f"QEMU ended by itself (status {code}): {self._stderr() or 'no message'}")

    # -- snapshots -------------------------------------------------------------------------------------------------
    def save(self, name: str) -> None:
        self._monitor(f"savevm {name}")

    def load(self, name: str) -> None:
        """Restore a snapshot and forget what the serial port said before.  Revives a machine that its guest ended."""
        if self.end_reason:
            self._revive()
        self._monitor(f"loadvm {name}")
        self.gdb.moment += 1
        self.qmp.events.clear()
        self.read_serial()
        self.serial_log.clear()

    def _revive(self) -> None:
        """QEMU runs no machine that was shut down until it is reset."""
        self.qmp.execute("set-action", reboot="reset")
        self.qmp.events.clear()
        self.qmp.execute("system_reset")
        self.qmp.wait_event("RESET")
        self.qmp.execute("set-action", reboot="shutdown")
        self.end_reason = ""

    def _monitor(self, line: str) -> None:
        text = self.qmp.monitor(line).strip()
        if text:
            raise InfraError(f"QEMU could not `{line}`: {text}")

    # -- serial ----------------------------------------------------------------------------------------------------
    def read_serial(self) -> bytes:
        """Everything that the guest wrote since the last `load` (the last SERIAL_CAP bytes of it)."""
        try:
            while True:
                text = self.qmp.execute("ringbuf-read", device="com1", size=SERIAL_CAP, format="base64")
                data = base64.b64decode(text)
                self.serial_log += data
                del self.serial_log[:-SERIAL_CAP]
                if len(data) < SERIAL_CAP:
                    break
        except QmpError:
            pass
        return bytes(self.serial_log)

    def _alive(self) -> bool:
        return self.process.poll() is None

    def _stderr(self) -> str:
        try:
            lines = (self.folder / "stderr").read_text(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1] if lines else ""


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and its children (QEMU runs below bubblewrap), as far as the system tells it."""
    total = 0.0
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        total = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
            total += cpu_seconds(int(child))
    except (OSError, ValueError, IndexError):
        pass
    return total
