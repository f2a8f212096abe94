"""Every way to fail to start: a message that names what is wrong and what to do, on COM1 and on the screen.

QEMU ends with the loader's own exit code; nothing hangs, nothing resets.
"""
# BOO-01, BOO-03, BOO-04
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from boot_machine import (LOADER_FAILED, PROBE_DONE, QEMU, SECONDS, BootCase, built, directory, file_offset,  # noqa: E402
                          header, patched)
import seal  # noqa: E402


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
    def test_failure_in_bochs(self) -> None:  # BOO-04
        if shutil.which("bochs") is None:
            self.skipTest("not on this system: Bochs")
        text = self.bochs(self.disk_image(self.good()[:1]), until="What to do: ")
        self.assertIn("ntoskrnl.exe imports from hal.dll, which is not in the boot list", text)

    def test_too_little_memory(self) -> None:  # BOO-04
        self.assert_fails(self.multiboot(self.good(), memory="7"), "too little memory: 7 MB, and Mica needs 8 MB", "-m 64")
        self.assert_fails(self.multiboot(self.good(), memory="4"), "too little memory: 4 MB")
        self.assert_fails(self.disk(self.disk_image(self.good()), memory="6"), "too little memory: 6 MB")

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
