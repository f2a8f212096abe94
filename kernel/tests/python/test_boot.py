"""Both boot paths, in QEMU and Bochs: the probe gets what the loader block (ldr.h) promises."""
# BOO-02, BOO-03, BOO-04
from __future__ import annotations

import os
import random
import shutil
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from boot_machine import IMAGES, PROBE_DONE, BootCase, facts  # noqa: E402
import seal  # noqa: E402


class Starts(BootCase):
    """The probe gets what the loader block promises."""

    def check_report(self, status: int, text: str, path: int, options: str) -> None:
        self.assertEqual(status, PROBE_DONE, text)
        self.assertIn("end of report", text)
        self.assertNotIn("broken", text)
        said = facts(text)
        expected = {
            "dirty bytes": 0, "pointer in data": 8, "imported variable": 0x5678, "there and back": 2 * 5 + 1234,
            "signature": 0x4143494D, "version": 3, "size": 0x60, "boot path": path, "interrupts": 0, "paging": 1,
            "cr3 is the page directory": 1, "stack in use": 1, "page 0 mapped at 0": 0, "page 1 mapped at 0": 1,
            "page 0 in system space": 1, "same memory at 0 and in system space": 1, "acpi found": 1, "mp table found": 1,
            "system map": 4 << 20, "directory entries": 4, "page tables mapped to themselves": 1, "write protection": 1,
            "code": 1, "data": 3, "stack": 3, "behind the block": 0,
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
        self.assertEqual(by_type[18][1], 3 << 12, "page directory and tables")
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

    def test_boot_files_stay_as_they_are(self) -> None:  # BOO-04, POL-09
        """What is neither kernel, HAL nor driver is no image: any bytes will do, and their pages are kept for the kernel."""
        files = [("ntdll.dll", b"MZ" + bytes(5000)), ("Program.EXE", b"no image")]
        listed = self.good()[:2] + files[:1] + self.good()[2:] + files[1:]
        for path, (status, text) in enumerate((self.disk(self.disk_image(listed, "/SEED=7")), self.multiboot(listed, "/SEED=7"))):
            self.check_report(status, text, path=path, options="/SEED=7")
            found = [line.split()[2:] for line in text.splitlines() if line.startswith("boot file: ")]
            self.assertEqual([(name, int(size, 16)) for name, _, size in found], [(name, len(data)) for name, data in files])
            runs = [[int(part, 16) for part in line.split()[1:]] for line in text.splitlines() if line.startswith("memory: ")]
            for (_, page, size) in found:
                kept = [base for base, count, kind in runs if kind == 0x40 and base <= int(page, 16) and
                        int(page, 16) + (int(size, 16) + 4095) // 4096 <= base + count]
                self.assertEqual(len(kept), 1, "the file's pages are of their own type")

    def test_multiboot_is_deterministic(self) -> None:  # BOO-04
        reports = {self.multiboot(self.good(), "/SEED=1") for _ in range(3)}
        self.assertEqual(len(reports), 1, "the probe's report, its time stamp included, differs between runs")

    def test_disk(self) -> None:  # BOO-02, BOO-03, BOO-04
        self.check_report(*self.disk(self.disk_image(self.good(), "/SEED=7")), path=0, options="/SEED=7")

    def test_least_and_much_memory(self) -> None:  # BOO-04
        self.check_report(*self.multiboot(self.good(), memory="8"), path=1, options="")
        self.check_report(*self.multiboot(self.good(), memory="3500"), path=1, options="")
        self.check_report(*self.disk(self.disk_image(self.good()), memory="8"), path=0, options="")

    def test_progress_lines_on_request_only(self) -> None:  # BOO-04
        for option in ("/DEBUG", "/sos", "/X /DEBUG=COM1"):
            _, text = self.multiboot(self.good(), option)
            for name in IMAGES:
                self.assertRegex(text, rf"loader: [0-9a-f]{{8}}-[0-9a-f]{{8}} {name}")
        self.assertNotIn("loader:", self.multiboot(self.good(), "/DEBUGX /TEST")[1])

    def test_large_files(self) -> None:  # BOO-04
        """Many bounce buffers, many clusters, modules that overlap their destination; the checksum covers every byte."""
        padding = random.Random(0).getrandbits(8 * (5 << 20)).to_bytes(5 << 20, "little")
        images = [(name, seal.sealed(data + padding[:size]))
                  for (name, data), size in zip(self.good(), (5 << 20, 70001, 1 << 20))]
        self.check_report(*self.disk(self.disk_image(images)), path=0, options="")
        self.check_report(*self.multiboot(images), path=1, options="")

    def test_disk_in_bochs(self) -> None:  # BOO-04
        if shutil.which("bochs") is None:
            self.skipTest("not on this system: Bochs")
        text = self.bochs(self.disk_image(self.good(), "/SEED=7"))
        self.check_report(PROBE_DONE, text, path=0, options="/SEED=7")


if __name__ == "__main__":
    unittest.main()
