"""One kernel, several boards: the HAL picks the controller that is there, and the interrupt tests hold on each."""
# HAL-01, HAL-05, INT-02, INT-03
from __future__ import annotations

import fcntl
import os
import re
import select
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 120
QEMU = ["qemu-system-i386", "-accel", "tcg", "-icount", "shift=3,sleep=off", "-rtc", "base=2000-01-01,clock=vm",
        "-display", "none", "-no-reboot", "-nic", "none", "-serial", "stdio", "-monitor"]
PROMPT = b"kd> "
RESULT = re.compile(r"^GUEST (\w+) (ok|FAILED)$", re.MULTILINE)


def build() -> Path:
    """Where the loadable images are, up to date."""
    out = Path(os.environ.get("MICA_OUT", "build"))
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    (ROOT / out).mkdir(parents=True, exist_ok=True)
    with open(ROOT / out / "boards.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["make", "--no-print-directory", "-f", "kernel/build.mk", f"O={out}", "kernel"], cwd=ROOT,
                              env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=900)
    if done.returncode:
        raise AssertionError("the kernel does not build:\n" + done.stdout[-2000:])
    return (ROOT / out / "free" / "boot").resolve()


class Boards(unittest.TestCase):
    images: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.images = build()

    def start(self, options: str, driver: str, *machine: str, monitor: str = "none") -> subprocess.Popen:
        files = ",".join(str(self.images / name) for name in ("ntoskrnl.exe", "hal.dll", driver))
        command = QEMU + [monitor, "-kernel", str(self.images / "loader.elf"), "-append", options, "-initrd", files]
        process = subprocess.Popen(command + list(machine), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def read_until(self, process: subprocess.Popen, wanted: bytes) -> str:
        """What the kernel says until it has said `wanted`."""
        said = b""
        end = time.monotonic() + SECONDS
        while wanted not in said and time.monotonic() < end:
            if select.select([process.stdout], [], [], 1.0)[0]:
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    break
                said += data
        text = said.decode("ascii", "replace").replace("\r", "")
        self.assertIn(wanted.decode(), text)
        return text

    def boot(self, options: str, driver: str, *machine: str) -> str:
        """What the kernel says up to the prompt."""
        process = self.start(options, driver, *machine)
        try:
            return self.read_until(process, PROMPT)
        finally:
            process.kill()

    def check(self, controller: str, options: str, driver: str, *machine: str) -> None:
        text = self.boot("/SELFTEST " + options, driver, *machine)
        self.assertRegex(text, rf"(?m)^Mica, .*, {controller}$")
        results = RESULT.findall(text)
        self.assertGreater(len(results), 5, text)
        self.assertEqual([name for name, verdict in results if verdict != "ok"], [], text)

    def test_interrupts_through_apics(self) -> None:  # INT-02, INT-04, HAL-05
        self.check("APIC", "", "interrupts.sys")

    def test_chains_through_both(self) -> None:  # INT-03
        for controller, option in (("APIC", ""), ("PIC", "/HAL=PIC")):
            with self.subTest(controller):
                self.check(controller, option, "chains.sys")

    def test_interrupts_through_pics(self) -> None:  # INT-02, INT-04, HAL-05
        self.check("PIC", "/HAL=PIC", "interrupts.sys")

    def test_interrupts_through_apics_of_the_mp_tables(self) -> None:  # HAL-05
        self.check("APIC", "", "interrupts.sys", "-machine", "acpi=off")  # (-no-acpi is gone since QEMU 9)

    def test_a_processor_without_apic(self) -> None:  # HAL-05
        self.check("PIC", "", "interrupts.sys", "-cpu", "qemu32,-apic")

    def test_clock_of_the_pit(self) -> None:  # HAL-07
        self.check("PIC", "/HAL=PIC", "board.sys")

    def test_clock_of_the_local_apic(self) -> None:  # HAL-07
        self.check("APIC", "", "board.sys")

    def test_least_and_much_memory(self) -> None:  # HAL-01, BOO-04
        for megabytes in ("8", "16", "3500"):
            with self.subTest(megabytes=megabytes):
                self.check("APIC", "", "board.sys", "-m", megabytes)

    def test_nmi_is_a_bugcheck_on_a_stack_of_its_own(self) -> None:  # TRP-09
        with tempfile.TemporaryDirectory(prefix="mica-boards-") as folder:
            address = os.path.join(folder, "monitor")
            process = self.start("", "board.sys", monitor=f"unix:{address},server=on,wait=off")
            self.read_until(process, PROMPT)
            with socket.socket(socket.AF_UNIX) as monitor:
                monitor.connect(address)
                monitor.sendall(b"nmi\n")
                text = self.read_until(process, b"#1 ")
        self.assertIn("*** STOP: 0x00000080 NMI_HARDWARE_FAILURE", text)
        self.assertRegex(text, r"#0 (hal\.dll|ntoskrnl\.exe)\+0x")

    def test_every_boot_is_the_same(self) -> None:  # HAL-07
        said = {self.boot("", "board.sys", "-m", "64") for _ in range(3)}
        self.assertEqual(len(said), 1, "the calibrated frequencies or the time differ between runs")


if __name__ == "__main__":
    unittest.main()
