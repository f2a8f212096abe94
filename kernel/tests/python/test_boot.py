"""Both boot paths, in QEMU and Bochs, with a probe kernel that reports what it was given; and every way to fail.

The probe (kernel/boot/probe) prints "name: value" lines on COM1 and ends the emulator. A failure must print a message
that names what is wrong and what to do, on COM1 and on the screen, and end QEMU with the loader's own exit code.
"""
# BOO-01, BOO-02, BOO-03, BOO-04
from __future__ import annotations

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
import mkdisk  # noqa: E402
import seal  # noqa: E402

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
        done = subprocess.run(["make", "--no-print-directory", "-f", "kernel/build.mk", f"O={out}", "boot-probe"], cwd=ROOT,
                              env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=600)
        if done.returncode:
            raise AssertionError("the boot probe does not build:\n" + done.stdout[-2000:])
        base = (ROOT / out / "free").resolve()
        self.loader = base / "boot" / "loader.elf"
        self.mbr = (base / "obj" / "boot" / "mbr.bin").read_bytes()
        self.stage = (base / "obj" / "boot" / "stage.bin").read_bytes()
        self.images = {name: (base / "boot-probe" / name).read_bytes() for name in IMAGES}


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


def facts(text: str) -> "dict[str, str]":
    return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and not line.startswith(("image", "memory")))


class Starts(BootCase):
    """The probe gets what the loader block promises."""

    def check_report(self, status: int, text: str, path: int, options: str, memory_mb: int = 64) -> None:
        self.assertEqual(status, PROBE_DONE, text)
        self.assertIn("end of report", text)
        self.assertNotIn("broken", text)
        said = facts(text)
        expected = {
            "dirty bytes": 0, "pointer in data": 8, "imported variable": 0x5678, "there and back": 2 * 5 + 1234,
            "signature": 0x4143494D, "version": 1, "size": 0x60, "boot path": path, "interrupts": 0, "paging": 1,
            "cr3 is the page directory": 1, "stack in use": 1, "page 0 mapped at 0": 0, "page 1 mapped at 0": 1,
            "page 0 in system space": 1, "same memory at 0 and in system space": 1, "acpi found": 1, "mp table found": 1,
            "direct map": min(memory_mb, 256) << 20, "directory entries": 1 + (min(memory_mb, 256) >> 2),
        }
        self.assertEqual({name: int(said[name], 16) for name in expected}, expected)
        self.assertEqual(said["options"], options)
        self.assertEqual(said["driver"], "imports and relocations work")
        images = [line.split()[1:] for line in text.splitlines() if line.startswith("image: ")]
        self.assertEqual([row[0] for row in images], list(IMAGES))
        self.assertEqual([row[1] for row in images], ["\\MICA\\" + name for name in IMAGES])
        end = 0
        for row, flags, preferred in zip(images, (0, 0x200004, 0x200000), (0x80100000, 0x80100000, 0x10000)):
            base, size = int(row[2], 16), int(row[3], 16)
            self.assertGreaterEqual(base, end, "images overlap or are out of order")
            self.assertEqual((int(row[4], 16), int(row[5], 16)), (flags, preferred))
            end = base + size
        self.assertEqual(int(images[0][2], 16), 0x80100000)
        self.check_memory(text, images)

    def check_memory(self, text: str, images: "list[list[str]]") -> None:
        runs = [[int(part, 16) for part in line.split()[1:]] for line in text.splitlines() if line.startswith("memory: ")]
        for (base, count, kind), (next_base, _, next_kind) in zip(runs, runs[1:]):
            self.assertLessEqual(base + count, next_base, "memory descriptors overlap")
            self.assertFalse(base + count == next_base and kind == next_kind, "neighbours are not merged")
        by_type = {kind: (base << 12, count << 12) for base, count, kind in runs}
        for row, kind in zip(images, (9, 10, 11)):
            self.assertEqual(by_type[kind], (int(row[2], 16) - 0x80000000, int(row[3], 16)))
        self.assertEqual(by_type[15][1], 16384, "boot stack")
        self.assertEqual(by_type[18][1], 8192, "page directory and table")
        self.assertIn(20, by_type, "loader block")
        self.assertNotIn(7, by_type, "the files' own memory is free again")
        self.assertEqual(runs[0], [0, 1, 6], "page 0 is not free")
        free = sum(count for _, count, kind in runs if kind == 2)
        total = int(facts(text)["total memory"], 16) >> 12
        self.assertLess(total - free, 512, "almost all memory is free")

    def test_multiboot(self) -> None:  # BOO-02, BOO-03, BOO-04
        self.check_report(*self.multiboot(self.good(), "/SEED=7  /X"), path=1, options="/SEED=7  /X")

    def test_multiboot_without_options(self) -> None:  # BOO-04
        self.check_report(*self.multiboot(self.good()), path=1, options="")

    def test_multiboot_is_deterministic(self) -> None:  # BOO-04
        reports = {self.multiboot(self.good(), "/SEED=1") for _ in range(3)}
        self.assertEqual(len(reports), 1, "the probe's report, its time stamp included, differs between runs")

    def test_disk(self) -> None:  # BOO-02, BOO-03, BOO-04
        self.check_report(*self.disk(self.disk_image(self.good(), "/SEED=7")), path=0, options="/SEED=7")

    def test_least_and_much_memory(self) -> None:  # BOO-04
        self.check_report(*self.multiboot(self.good(), memory="16"), path=1, options="", memory_mb=16)
        self.check_report(*self.multiboot(self.good(), memory="1024"), path=1, options="", memory_mb=1024)
        self.check_report(*self.disk(self.disk_image(self.good()), memory="16"), path=0, options="", memory_mb=16)

    def test_progress_lines_on_request_only(self) -> None:  # BOO-04
        for option in ("/DEBUG", "/sos", "/X /DEBUG=COM1"):
            _, text = self.multiboot(self.good(), option)
            for name in IMAGES:
                self.assertRegex(text, rf"loader: [0-9a-f]{{8}}-[0-9a-f]{{8}} {name}")
        self.assertNotIn("loader:", self.multiboot(self.good(), "/DEBUGX /TEST")[1])

    def test_large_files(self) -> None:  # BOO-04
        """More than one bounce buffer, scattered over many clusters, and modules that overlap their destination."""
        padding = b"\x5a" * (5 << 20)
        images = [(name, data + padding[:size]) for (name, data), size in zip(self.good(), (5 << 20, 70001, 1 << 20))]
        self.check_report(*self.disk(self.disk_image(images)), path=0, options="")
        self.check_report(*self.multiboot(images), path=1, options="")

    def test_disk_in_bochs(self) -> None:  # BOO-04
        if shutil.which("bochs") is None:
            self.skipTest("not on this system: Bochs")
        text = self.bochs(self.disk_image(self.good(), "/SEED=7"))
        self.check_report(PROBE_DONE, text, path=0, options="/SEED=7")

    def test_failure_in_bochs(self) -> None:  # BOO-04
        if shutil.which("bochs") is None:
            self.skipTest("not on this system: Bochs")
        text = self.bochs(self.disk_image(self.good()[:1]), until="What to do: ")
        self.assertIn("ntoskrnl.exe imports from hal.dll, which is not in the boot list", text)

    def bochs(self, disk: Path, until: str = "end of report") -> str:
        serial = self.folder / "serial"
        rc = (ROOT / "kernel" / "boot" / "bochsrc").read_text()
        for name, value in (("@DISK@", disk), ("@SERIAL@", serial), ("@MEGS@", "64")):
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


class BadImages(BootCase):
    """Damaged or unfit images, by the multiboot path; the loader's code is the same on the disk path."""

    def test_no_images(self) -> None:  # BOO-04
        self.assert_fails(self.multiboot([]), "The boot list is empty")

    def test_kernel_is_not_first(self) -> None:  # BOO-04
        self.assert_fails(self.multiboot(self.good()[::-1]), "starts with boot-probe-driver.sys", "ntoskrnl.exe comes first")

    def test_missing_module(self) -> None:  # BOO-01
        images = [pair for pair in self.good() if pair[0] != "hal.dll"]
        self.assert_fails(self.multiboot(images), "ntoskrnl.exe imports from hal.dll, which is not in the boot list")

    def test_missing_import(self) -> None:  # BOO-01
        driver = built().images["boot-probe-driver.sys"].replace(b"HalPutCharacter", b"HalPutCharactex")
        self.assert_fails(self.multiboot(self.replaced("boot-probe-driver.sys", driver)),
                          "boot-probe-driver.sys imports hal.dll!_HalPutCharactex@4, which hal.dll does not export")

    def test_missing_data_import(self) -> None:  # BOO-01
        kernel = built().images["ntoskrnl.exe"].replace(b"HalVariable", b"HalVariablf")
        self.assert_fails(self.multiboot(self.replaced("ntoskrnl.exe", kernel)), "ntoskrnl.exe imports hal.dll!HalVariablf")

    def test_truncated_image(self) -> None:  # BOO-01
        driver = built().images["boot-probe-driver.sys"]
        self.assert_fails(self.multiboot(self.replaced("boot-probe-driver.sys", driver[:-512])),
                          "boot-probe-driver.sys is cut off")

    def test_empty_and_foreign_files(self) -> None:  # BOO-01
        for data in (b"#!/bin/sh\n" * 100, b"MZ" + bytes(200), bytes(70000)):
            self.assert_fails(self.multiboot(self.replaced("hal.dll", data)), "hal.dll is not a PE image")

    def test_other_processor(self) -> None:  # BOO-01
        hal = built().images["hal.dll"]
        self.assert_fails(self.multiboot(self.replaced("hal.dll", patched(hal, header(hal, 4), "<H", 0x8664))),
                          "hal.dll is built for another processor (machine type 8664, needed 14c)")

    def test_bad_relocation(self) -> None:  # BOO-03
        driver = built().images["boot-probe-driver.sys"]
        address, _ = directory(driver, 5)
        bad = patched(driver, file_offset(driver, address) + 8, "<H", 0x5123)
        self.assert_fails(self.multiboot(self.replaced("boot-probe-driver.sys", bad)),
                          f"boot-probe-driver.sys has a bad relocation (at offset {address + 8:x} of the image)")

    def test_no_relocations(self) -> None:  # BOO-03
        driver = built().images["boot-probe-driver.sys"]
        fixed = patched(driver, header(driver, 22), "<H", 0x0103)
        self.assert_fails(self.multiboot(self.replaced("boot-probe-driver.sys", fixed)), "has no relocations", "/fixed:no")

    def test_any_damage_to_a_sealed_image(self) -> None:  # BOO-01
        """What `make kernel` puts into boot/ carries a checksum: one changed bit anywhere is noticed."""
        sealed = [(name, seal.sealed(data)) for name, data in self.good()]
        self.assertEqual(self.multiboot(sealed)[0], PROBE_DONE, "a sealed image starts")
        kernel = sealed[0][1]
        for offset in (header(kernel, 8), file_offset(kernel, 0x1000), len(kernel) - 1):
            damaged = patched(kernel, offset, "<B", kernel[offset] ^ 0x04)
            self.assert_fails(self.multiboot([("ntoskrnl.exe", damaged)] + sealed[1:]),
                              "ntoskrnl.exe is corrupt: its checksum is ")

    def test_bad_section_and_header(self) -> None:  # BOO-01
        kernel = built().images["ntoskrnl.exe"]
        for offset, fmt, value, message in ((248 + 40 + 12, "<I", 0x7FFFF000, "corrupt section table (section 1)"),
                                            (80, "<I", 0xFFFFF000, "corrupt PE header (field at offset 50)"),
                                            (24, "<H", 0x20B, "not a PE32 image (format 20b)")):
            bad = patched(kernel, header(kernel, offset), fmt, value)
            self.assert_fails(self.multiboot(self.replaced("ntoskrnl.exe", bad)), "ntoskrnl.exe", message)

    def test_too_large_for_memory(self) -> None:  # BOO-04
        driver = built().images["boot-probe-driver.sys"]
        huge = patched(driver, header(driver, 80), "<I", 63 << 20)
        self.assert_fails(self.multiboot(self.replaced("boot-probe-driver.sys", huge)),
                          "no room in memory for the image boot-probe-driver.sys (64512 KB)")

    def test_same_image_twice_and_long_name(self) -> None:  # BOO-04
        twice = self.good() + [("HAL.DLL", built().images["hal.dll"])]
        self.assert_fails(self.multiboot(twice), "names HAL.DLL twice")
        name = "a-name-of-thirty-two-characters."
        self.assert_fails(self.multiboot(self.good() + [(name, b"x")]), "name of image 4", "longer than 31")

    def test_long_options(self) -> None:  # BOO-04
        self.assert_fails(self.multiboot(self.good(), "/X" * 400), "boot options are longer than 511")


class BadMachines(BootCase):
    def test_too_little_memory(self) -> None:  # BOO-04
        self.assert_fails(self.multiboot(self.good(), memory="15"), "too little memory: 15 MB, and Mica needs 16 MB", "-m 64")
        self.assert_fails(self.multiboot(self.good(), memory="4"), "too little memory: 4 MB")
        self.assert_fails(self.disk(self.disk_image(self.good()), memory="8"), "too little memory: 8 MB")

    def test_a_fault_before_the_kernel_handles_faults(self) -> None:  # BOO-04
        """The loader's interrupt table stays until the kernel loads its own: a message, not a reset."""
        self.assert_fails(self.multiboot(self.good(), "/FAULT"), "Exception 6 at 8010", "before the kernel handles exceptions")
        self.assert_fails(self.multiboot(self.good(), "/NULL"), "Exception 14 at 8010", "CR2 00000008")

    def test_the_message_is_on_the_screen_and_the_machine_halts(self) -> None:  # BOO-04
        """Without an exit device the machine stays up: the text must be in the text buffer, the processor halted."""
        screen, serial = self.folder / "screen", self.folder / "serial"
        (self.folder / "ntoskrnl.exe").write_bytes(b"no image" * 10)
        process = subprocess.Popen(QEMU + ["-m", "64", "-kernel", str(built().loader), "-initrd",
                                           str(self.folder / "ntoskrnl.exe"), "-serial", f"file:{serial}", "-monitor", "stdio"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + SECONDS
            while b"What to do" not in (serial.read_bytes() if serial.exists() else b"") and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(0.5)
            output, _ = process.communicate(f"pmemsave 0xb8000 4000 \"{screen}\"\ninfo registers\nquit\n".encode(), timeout=SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        text = screen.read_bytes()[::2].decode("ascii")
        lines = [text[row * 80:row * 80 + 80].strip() for row in range(25)]
        self.assertIn("Mica cannot start.", lines)
        self.assertIn("ntoskrnl.exe is not a PE image.", lines)
        self.assertTrue(any(line.startswith("What to do: ") for line in lines), lines)
        self.assertIn(b"HLT=1", output)


class BadDisks(BootCase):
    def changed(self, offset: int, data: bytes, images: "list | None" = None) -> Path:
        path = self.disk_image(self.good() if images is None else images)
        with open(path, "r+b") as disk:
            disk.seek(offset)
            disk.write(data)
        return path

    def test_listed_image_is_not_on_the_disk(self) -> None:  # BOO-04
        listing = b"ntoskrnl.exe\nhal.dll\nlost.sys\n"
        self.assert_fails(self.disk(self.disk_image(self.good(), listing=listing)), "\\MICA\\lost.sys is not on the disk")

    def test_no_boot_list(self) -> None:  # BOO-04
        path = self.disk_image(self.good())
        path.write_bytes(path.read_bytes().replace(b"BOOT    LST", b"BOOZ    LST"))
        self.assert_fails(self.disk(path), "\\MICA\\BOOT.LST is not on the disk")

    def test_empty_boot_list(self) -> None:  # BOO-04
        self.assert_fails(self.disk(self.disk_image(self.good(), listing=b"# nothing\n")), "The boot list is empty")

    def test_no_partition(self) -> None:  # BOO-04
        self.assert_fails(self.disk(self.changed(0x1BE + 4, b"\x07")), "no FAT16 partition")

    def test_no_file_system(self) -> None:  # BOO-04
        self.assert_fails(self.disk(self.changed(2048 * 512, bytes(512))), "not a FAT16 volume")

    def test_damaged_allocation_table(self) -> None:  # BOO-04
        images = self.replaced("ntoskrnl.exe", built().images["ntoskrnl.exe"] + bytes(100000))
        self.assert_fails(self.disk(self.changed(2049 * 512 + 12, bytes(40), images)), "file system is damaged",
                          "\\MICA\\ntoskrnl.exe")

    def test_disk_ends_too_early(self) -> None:  # BOO-04
        path = self.disk_image(self.replaced("ntoskrnl.exe", built().images["ntoskrnl.exe"] + bytes(1000000)))
        with open(path, "r+b") as disk:
            disk.truncate(2048 * 512 + 600000)
        self.assert_fails(self.disk(path), "The disk cannot be read (\\MICA\\ntoskrnl.exe)")

    def test_no_second_stage(self) -> None:  # BOO-04
        status, text = self.disk(self.changed(512, bytes(512)))
        self.assertIn("Mica: no second stage.", text)
        self.assertIn("make kernel", text)
        self.assertEqual(status, LOADER_FAILED)


if __name__ == "__main__":
    unittest.main()
