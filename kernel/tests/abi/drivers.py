"""Drivers that mingw's gcc makes from the public headers alone, run in QEMU: each says what it checked, and what failed."""

from __future__ import annotations

import re
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import List

import measure

FOLDER = Path(__file__).with_name("drivers")
COMPILE = ["-O2", "-Wall", "-Wno-unused-function", "-Wno-multichar", "-Wno-array-bounds", "-fno-stack-protector", "-fno-builtin"]
LINK = ["-shared", "-nostdlib", "-Wl,--entry,_DriverEntry@8", "-Wl,--subsystem,native", "-Wl,--file-alignment,0x200",
        "-Wl,--section-alignment,0x1000", "-Wl,--image-base,0x10000"]
LIBRARIES = ["-lntoskrnl", "-lhal", "-lgcc"]
MACHINE = ["qemu-system-i386", "-accel", "tcg", "-icount", "shift=3,sleep=off", "-rtc", "base=2000-01-01,clock=vm", "-m", "64", "-display", "none",
           "-no-reboot", "-nic", "none", "-serial", "stdio", "-monitor", "none"]
SECONDS, SHORT_SECONDS = 240.0, 20.0  # guard against a machine that hangs; one that is known to fail gets less
TOLD = re.compile(r"^ABI .*: (\d+) checks, (\d+) failed$")


@dataclass
class Ran:
    """What became of one driver on one machine."""

    ok: bool
    seen: str


def sources() -> List[Path]:
    return sorted(FOLDER.glob("*.c"))


def build(source: Path, folder: Path) -> Path:
    """Compiles and links a driver.  Raises CalledProcessError: what gcc said is in its output."""
    folder.mkdir(parents=True, exist_ok=True)
    made, image = folder / f"{source.stem}.o", folder / f"{source.stem}.sys"
    compiler = [measure.GCC, f"-I{measure.ddk()}", *measure.BASELINE, *COMPILE, f"-ffile-prefix-map={FOLDER}/="]
    subprocess.run([*compiler, "-c", str(source), "-o", str(made)], check=True, capture_output=True, text=True)
    subprocess.run([measure.GCC, *LINK, str(made), "-o", str(image), *LIBRARIES], check=True, capture_output=True, text=True)
    return image


def run(kernel: Path, image: Path, processors: int, seconds: float = SECONDS) -> Ran:
    """Boots a kernel with one driver and listens until that one has said how it went, or the machine has stopped."""
    images = [kernel / "boot/ntoskrnl.exe", kernel / "boot/hal.dll", image]
    command = [*MACHINE, "-smp", str(processors), "-kernel", str(kernel / "boot/loader.elf"), "-initrd", ",".join(map(str, images))]
    said: List[str] = []
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as machine:
        guard = threading.Timer(seconds, machine.kill)
        guard.start()
        try:
            stopped = False
            for line in machine.stdout:
                said.append(line.rstrip())
                told = TOLD.match(said[-1])
                if told:
                    return Ran(int(told[1]) > 0 and told[2] == "0", "\n".join(one for one in said if one.startswith("ABI")))
                if stopped and not line.strip():
                    break
                stopped = stopped or line.startswith(("*** STOP", "What to do:"))
        finally:
            guard.cancel()
            machine.kill()
    return Ran(False, "\n".join(["it did not come to its end:", *said[-25:]]))
