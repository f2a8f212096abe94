"""An emulator whose first serial line can be read and written, QEMU or Bochs alike.

Both boot the same disk image, or (QEMU only) the loader with its images and boot options. Nothing here is deterministic:
the clock is the host's, for somebody who watches. The graded machine is grader/machine.
"""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import termios
import time
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Tuple

from ..errors import GraderError
from ..machine import disks
from ..machine.parts import Machine as Parts
from ..machine.plainpath import plain
from . import STOP, STOPPED, firmware, screens

DISK_SECTOR = 512
HEADS, SECTORS = 16, 63  # the geometry that Bochs is told


@dataclass(frozen=True)
class Boot:
    """What to boot. With `options` QEMU takes the loader and the images; without, and in Bochs, the disk."""

    folder: Path  # build.mk's $(B)
    options: str = ""
    machine: Parts = Parts()
    window: bool = False
    more: "Tuple[str, ...]" = ()  # drivers that are loaded behind the usual ones
    realtime: bool = True  # Bochs: its clock follows the host's, or runs by instructions alone
    programs: bool = False  # the machine ends at the shell; without programs at the kernel's monitor

    @property
    def disk(self) -> Path:
        return self.folder / ("mica.img" if self.programs else "monitor.img")

    def images(self) -> "List[Path]":
        """What the disk holds, for -initrd: kernel, HAL, drivers, programs."""
        return [self.folder / "boot" / name for name in ["ntoskrnl.exe", "hal.dll", *self.drivers(), *self.user_images()]]

    def user_images(self) -> "List[str]":
        """Programs and their DLLs, as the build lists them."""
        path = self.folder / "programs"
        return path.read_text(encoding="utf-8").split() if self.programs and path.exists() else []

    def drivers(self) -> "List[str]":
        """The boot drivers in the order of loading."""
        names = sorted(each.name for each in (self.folder / "drivers").glob("*.sys"))
        return names + (list(self.more))


class Machine:
    """A running emulator. Use as a context manager; leaving ends it and removes its files."""

    def __init__(self, boot: Boot) -> None:
        self.boot = boot
        self.folder = Path(tempfile.mkdtemp(prefix="mica-run-"))
        self.process: "Optional[subprocess.Popen]" = None
        self.descriptor = -1
        self.spoke = False  # the serial line said something

    def __enter__(self) -> "Machine":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        raise NotImplementedError

    def idle(self) -> None:
        """Called while nothing comes from the serial line."""

    def read(self, seconds: float) -> "Optional[bytes]":
        """What the serial line says within some time: b"" for nothing, None when the machine has ended."""
        ready, _, _ = select.select([self.descriptor], [], [], seconds)
        self.idle()
        if not ready:
            return None if self.process.poll() is not None else b""
        try:
            said = os.read(self.descriptor, 65536)
        except OSError:
            return None
        self.spoke |= bool(said)
        return said or None

    def trouble(self) -> str:
        """Why the emulator ended by itself, when that was no wish of the guest's; empty otherwise."""
        if self.process is None or self.spoke:
            return ""
        try:
            status = self.process.wait(1)  # its terminal closes a moment before it ends
        except subprocess.TimeoutExpired:
            return ""
        return f"{self.process.args[0]} ended (status {status}) before the kernel said a word: {self.reason() or 'no message'}"

    def reason(self) -> str:
        """The emulator's own last words."""
        path = self.folder / "errors"
        return " / ".join(path.read_text(errors="replace").strip().splitlines()[-3:]) if path.exists() else ""

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.descriptor, data):]

    def read_until(self, mark: bytes, seconds: float) -> bytes:
        """Everything up to and with `mark`; what came so far when time is over, or the machine or its kernel has ended."""
        said, end = b"", time.monotonic() + seconds
        spoke = time.monotonic()
        while mark not in said and time.monotonic() < min(end, spoke + STOPPED if STOP in said else end):
            part = self.read(min(0.2, max(0.0, end - time.monotonic())))
            if part is None:
                break
            said += part
            spoke = time.monotonic() if part else spoke
        return said

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        shutil.rmtree(self.folder, ignore_errors=True)

    def need(self, *paths: Path) -> None:
        for path in paths:
            if not path.exists():
                raise GraderError(f"{path} is not there: make kernel")


class QemuMachine(Machine):
    """QEMU with the serial line on a socket; `gdb_socket` stops it at reset and waits for gdb there.  Its memory is a file, for
    whoever looks at it from outside (grader/memmon)."""

    def __init__(self, boot: Boot, gdb_socket: "Optional[str]" = None) -> None:
        super().__init__(boot)
        self.gdb_socket = gdb_socket

    def command(self) -> "List[str]":
        boot = self.boot
        disks.make(boot.machine, self.folder, boot.folder / "boot")
        (self.folder / "kernel").write_text(f"{os.getpid()}\n{boot.folder.resolve()}\n", encoding="utf-8")  # grader/memmon/live.py
        line = ["qemu-system-i386", "-accel", "tcg", "-machine", "pc,memory-backend=ram",
                "-object", f"memory-backend-file,id=ram,size={boot.machine.memory_mb}M,mem-path={self.folder}/ram,share=on", *boot.machine.arguments(self.folder, taken=0 if boot.options else 1), "-nic", "none", "-no-reboot", "-monitor", "none",
                "-display", "gtk" if boot.window else "none",
                "-chardev", f"socket,id=com1,path={self.folder}/com1,server=on,wait=off", "-serial", "chardev:com1"]
        if self.gdb_socket:
            line += ["-S", "-chardev", f"socket,id=gdb,{self.gdb_socket},server=on,wait=off", "-gdb", "chardev:gdb"]
        if boot.options:
            self.need(boot.folder / "boot" / "loader.elf", *boot.images())
            return line + ["-kernel", str(boot.folder / "boot" / "loader.elf"), "-append", boot.options,
                           "-initrd", ",".join(str(plain(image, self.folder)) for image in boot.images())]
        self.need(boot.disk)
        return line + ["-drive", f"file={plain(boot.disk, self.folder)},format=raw,if=ide,index=0,snapshot=on"]

    def start(self) -> None:
        # QEMU starts stopped until the socket is taken, so that the first words are not lost.
        command = self.command()
        if "-S" not in command:
            command += ["-S", "-chardev", f"socket,id=mon,path={self.folder}/mon,server=on,wait=off", "-mon", "mon"]
        with open(self.folder / "errors", "wb") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                                            start_new_session=True)
        self.descriptor = self.connect("com1").detach()
        if not self.gdb_socket:
            with self.connect("mon") as monitor:
                if not self.let_go(monitor):
                    self.process.wait(20)
                    self.did_not_start()

    def screen(self) -> bytes:
        """What the VGA shows, as a binary PPM."""
        target = self.folder / "screen.ppm"
        with self.connect("mon") as monitor:
            monitor.settimeout(20)
            monitor.sendall(f"screendump {target}\n".encode())
            said = b""
            while said.count(b"(qemu)") < 2:
                said += monitor.recv(4096)
        return target.read_bytes()

    def press(self, *keys: str) -> None:
        """Presses keys of the PS/2 keyboard, one after the other, as QEMU calls them: "a", "shift-a", "ret"."""
        with self.connect("mon") as monitor:
            monitor.settimeout(20)
            monitor.sendall("".join(f"sendkey {key} 20\n" for key in keys).encode())
            said = b""
            while said.count(b"(qemu)") <= len(keys):
                said += monitor.recv(4096)

    def connect(self, name: str) -> socket.socket:
        end = time.monotonic() + 20
        while True:
            link = socket.socket(socket.AF_UNIX)
            try:
                link.connect(str(self.folder / name))
                return link
            except OSError:
                link.close()
                if self.process.poll() is not None or time.monotonic() > end:
                    self.did_not_start()
                time.sleep(0.02)

    def did_not_start(self) -> None:
        said = (self.folder / "errors").read_text(errors="replace").strip()
        raise GraderError(f"QEMU did not start: {said or 'no message'}") from None

    @staticmethod
    def let_go(monitor: socket.socket) -> bool:
        """Lets the stopped machine run. False: QEMU is not there any more."""
        monitor.settimeout(20)
        said = b""
        try:
            monitor.sendall(b"cont\n")
            while said.count(b"(qemu)") < 2:  # its greeting, and the prompt after the command
                part = monitor.recv(4096)
                if not part:
                    return False
                said += part
        except OSError:
            return False
        return True


BOCHS = """display_library: term
{firmware}megs: {memory}
cpu: count={processors}, ips=50000000
log: {folder}/bochs.log
ata0-master: type=disk, path="{folder}/disk.img", mode=flat, cylinders={cylinders}, heads={heads}, spt={sectors}
{pages}boot: disk
panic: action=fatal
error: action=ignore
info: action=ignore
clock: {clock}
com1: enabled=1, mode=term, dev={com1}
com2: enabled=1, mode=null
"""


class BochsMachine(Machine):
    """Bochs with the disk; its text display goes to terminals nobody looks at, the serial line to one that we hold."""

    screen = -1  # the terminal that the display has made for itself

    def start(self) -> None:
        self.need(self.boot.disk)
        if not shutil.which("bochs"):
            raise GraderError("bochs is not installed: make doctor")
        cylinders = self.copy_disk()
        pages = "".join(self.page_disk(disk.megabytes) for disk in self.boot.machine.disks)
        self.descriptor, self.other = pty.openpty()
        raw(self.other)
        (self.folder / "commands").write_text("c\n")  # Debian's Bochs begins in its debugger
        (self.folder / "bochsrc").write_text(BOCHS.format(firmware=firmware.lines(),
            memory=self.boot.machine.memory_mb, processors=1, folder=self.folder, cylinders=cylinders, heads=HEADS, sectors=SECTORS, pages=pages,
            clock="sync=realtime, time0=local" if self.boot.realtime else "sync=none, time0=946684800",
            com1=os.ttyname(self.other)))
        self.display, screen = pty.openpty()
        self.process = subprocess.Popen(
            ["bochs", "-q", "-f", str(self.folder / "bochsrc"), "-rc", str(self.folder / "commands")], stdin=screen,
            stdout=screen, stderr=screen, env={**os.environ, "TERM": "vt100"}, start_new_session=True)
        os.close(screen)
        os.set_blocking(self.display, False)

    def page_disk(self, megabytes: int) -> str:
        """A disk for a page file, and the line that names it."""
        path = self.folder / "pagefile.img"
        cylinder = HEADS * SECTORS * DISK_SECTOR
        cylinders = -(-(megabytes << 20) // cylinder)
        disks.page_file(path, megabytes, cylinders * cylinder)
        return f'ata0-slave: type=disk, path="{path}", mode=flat, cylinders={cylinders}, heads={HEADS}, spt={SECTORS}\n'

    def copy_disk(self) -> int:
        """A copy of the disk, filled up to whole cylinders: Bochs wants the exact size."""
        target = self.folder / "disk.img"
        shutil.copyfile(self.boot.disk, target)
        cylinder = HEADS * SECTORS * DISK_SECTOR
        cylinders = -(-target.stat().st_size // cylinder)
        os.truncate(target, cylinders * cylinder)
        return cylinders

    def idle(self) -> None:
        if self.screen < 0:
            name = screens.of_process(self.process.pid)
            self.screen = screens.open_to_drain(name) if name else -1
            if self.screen >= 0:
                raw(self.screen)
        for descriptor in (self.display, self.screen):  # a full terminal would stop Bochs
            if descriptor >= 0:
                screens.drain(descriptor)

    def read(self, seconds: float) -> "Optional[bytes]":
        """As Machine.read, in short steps, so that the display never fills."""
        end = time.monotonic() + seconds
        while True:
            part = super().read(max(0.0, min(0.05, end - time.monotonic())))
            if part != b"" or time.monotonic() >= end:
                return part

    def reason(self) -> str:
        """What Bochs wrote down last before it gave up."""
        path = self.folder / "bochs.log"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        panics = [line.partition(">>PANIC<<")[2].strip() for line in lines if ">>PANIC<<" in line]
        return panics[-1] if panics else " / ".join(lines[-2:])

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        super().stop()
        for name in ("other", "display", "screen"):
            if getattr(self, name, -1) >= 0:
                os.close(getattr(self, name))
                setattr(self, name, -1)


def raw(descriptor: int) -> None:
    """A terminal that changes nothing of what passes through."""
    mode = termios.tcgetattr(descriptor)
    mode[0] = mode[1] = mode[3] = 0
    termios.tcsetattr(descriptor, termios.TCSANOW, mode)


def machine(emulator: str, boot: Boot) -> Machine:
    if emulator == "bochs":
        pages = tuple(disk for disk in boot.machine.disks[:1] if disk.page_file and disk.bus == "ide")
        if boot.options or boot.machine != Parts(memory_mb=boot.machine.memory_mb, disks=pages):
            raise GraderError("Bochs boots the disk as it is: SMP, SEED, APPEND and disks but a page file's are for QEMU")
        return BochsMachine(boot)
    return QemuMachine(boot)
