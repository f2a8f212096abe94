"""What the boot tests share: the loader and a probe kernel, QEMU by both boot paths, Bochs from disk.

The probe (kernel/boot/probe) prints "name: value" lines on COM1 and ends the emulator.
"""
from __future__ import annotations

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "kernel" / "boot"))
sys.path.insert(1, str(ROOT))
import mkdisk  # noqa: E402
from grader.console import firmware  # noqa: E402

SECONDS = 60
PROBE_DONE = 2 * 0x10 + 1    # isa-debug-exit turns a value v into exit status 2v + 1
LOADER_FAILED = 2 * 0x7F + 1
IMAGES = ("ntoskrnl.exe", "hal.dll", "boot-probe-driver.sys")
QEMU = ["qemu-system-i386", "-accel", "tcg", "-icount", "shift=3,sleep=off", "-rtc", "base=2000-01-01,clock=vm",
        "-display", "none", "-no-reboot", "-nic", "none"]
DEBUG_EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"]


class Built:
    """The loader and the probe, built once."""

    def __init__(self) -> None:
        out = Path(os.environ.get("MICA_OUT", "build"))
        env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        (ROOT / out).mkdir(parents=True, exist_ok=True)
        with open(ROOT / out / "boot-probe.lock", "w") as lock:  # the test modules run side by side
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = self.make(out, env)
        if done.returncode:
            raise AssertionError("the boot probe does not build:\n" + done.stdout[-2000:])
        base = (ROOT / out / "free").resolve()
        self.loader = base / "boot" / "loader.elf"
        self.mbr = (base / "obj" / "boot" / "mbr.bin").read_bytes()
        self.stage = (base / "obj" / "boot" / "stage.bin").read_bytes()
        self.images = {name: (base / "boot-probe" / name).read_bytes() for name in IMAGES}

    @staticmethod
    def make(out: Path, env: "dict[str, str]") -> subprocess.CompletedProcess:
        return subprocess.run(["make", "--no-print-directory", "-f", "kernel/build.mk", f"O={out}", "boot-probe"], cwd=ROOT,
                              env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=600)


_built = None


def built() -> Built:
    global _built
    if _built is None:
        _built = Built()
    return _built


def header(image: bytes, offset: int) -> int:
    """The file offset of a field of IMAGE_NT_HEADERS."""
    return struct.unpack_from("<I", image, 0x3C)[0] + offset


def directory(image: bytes, index: int) -> "tuple[int, int]":
    return struct.unpack_from("<II", image, header(image, 120 + 8 * index))


def file_offset(image: bytes, address: int) -> int:
    """Where an image address lies in the file."""
    count, = struct.unpack_from("<H", image, header(image, 6))
    for index in range(count):
        size, start, raw_size, raw = struct.unpack_from("<IIII", image, header(image, 248 + 40 * index + 8))
        if start <= address < start + max(size, raw_size):
            return raw + address - start
    raise AssertionError(f"no section holds {address:#x}")


def patched(image: bytes, offset: int, fmt: str, value: int) -> bytes:
    copy = bytearray(image)
    struct.pack_into(fmt, copy, offset, value)
    return bytes(copy)


class BootCase(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mica-boot-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_qemu(self, arguments: "list[str]", memory: str = "64") -> "tuple[int, str]":
        command = QEMU + DEBUG_EXIT + ["-m", memory, "-serial", "stdio"] + arguments
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            self.fail(f"the machine hangs; it said: {(error.stdout or b'').decode(errors='replace')}")
        return done.returncode, done.stdout.decode("ascii", "replace").replace("\r", "")

    def multiboot(self, images: "list[tuple[str, bytes]]", options: str = "", memory: str = "64") -> "tuple[int, str]":
        arguments = ["-kernel", str(built().loader)] + (["-append", options] if options else [])
        for name, data in images:
            (self.folder / name).write_bytes(data)
        if images:
            arguments += ["-initrd", ",".join(str(self.folder / name) for name, _ in images)]
        return self.run_qemu(arguments, memory)

    def disk_image(self, images: "list[tuple[str, bytes]]", options: str = "", listing: "bytes | None" = None) -> Path:
        path = self.folder / "disk.img"
        mkdisk.build(built().mbr, built().stage, images, options, path, listing)
        return path

    def disk(self, path: Path, memory: str = "64") -> "tuple[int, str]":
        return self.run_qemu(["-drive", f"file={path},format=raw,snapshot=on"], memory)

    def good(self) -> "list[tuple[str, bytes]]":
        return list(built().images.items())

    def replaced(self, name: str, data: bytes) -> "list[tuple[str, bytes]]":
        return [(each, data if each == name else good) for each, good in self.good()]

    def assert_fails(self, result: "tuple[int, str]", *expected: str) -> None:
        status, text = result
        for part in ("Mica cannot start.", "What to do: ") + expected:
            self.assertIn(part, text)
        self.assertEqual(status, LOADER_FAILED, text)

    def bochs(self, disk: Path, until: str = "end of report") -> str:
        serial = self.folder / "serial"
        rc = (ROOT / "kernel" / "boot" / "bochsrc").read_text()
        for name, value in (("@DISK@", disk), ("@SERIAL@", serial), ("@MEGS@", "64"),
                            ("\n@FIRMWARE@\n", "\n" + firmware.lines())):
            rc = rc.replace(name, str(value))
        (self.folder / "bochsrc").write_text(rc)
        (self.folder / "continue").write_text("c\n")
        master, slave = pty.openpty()
        process = subprocess.Popen(["bochs", "-q", "-f", str(self.folder / "bochsrc"), "-rc", str(self.folder / "continue")],
                                   stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                   env=dict(os.environ, TERM="vt100"))
        os.close(slave)
        threading.Thread(target=drain, args=(master,), daemon=True).start()
        try:
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline:
                ended = process.poll() is not None
                text = serial.read_text(errors="replace") if serial.exists() else ""
                if ended or until in text and text.endswith("\n"):
                    return text.replace("\r", "")
                time.sleep(0.05)
            self.fail(f"Bochs does not come to {until!r}; it said: {text}")
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            os.close(master)


def drain(terminal: int) -> None:
    """Reads what Bochs draws, so that it never blocks."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass


def facts(text: str) -> "dict[str, str]":
    return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and not line.startswith(("image", "memory")))
