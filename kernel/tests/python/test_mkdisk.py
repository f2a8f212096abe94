"""The disk builder: the same bytes every time, a FAT16 volume that other tools read, bad input refused."""
# BOO-04
from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "kernel" / "boot"))
import mkdisk  # noqa: E402
import seal  # noqa: E402

MBR = bytes(510) + b"\x55\xaa"
STAGE = b"\xeb\x00\x90\x90MICA" + bytes(3000)
VOLUME_AT = mkdisk.PARTITION_START * mkdisk.SECTOR


class MakeDisk(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mica-disk-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.out = self.folder / "disk.img"

    def build(self, images, options="", **more) -> bytes:
        mkdisk.build(MBR, STAGE, images, options, self.out, **more)
        return self.out.read_bytes()

    def test_same_input_same_bytes(self) -> None:  # BOO-04
        images = [("ntoskrnl.exe", b"k" * 5000), ("a-long-name.sys", b"d")]
        self.assertEqual(self.build(images, "/X"), self.build(images, "/X"))
        self.assertNotEqual(self.build(images, "/X"), self.build(images, "/Y"))

    def test_partition_and_stage(self) -> None:  # BOO-04
        disk = self.build([("ntoskrnl.exe", b"k")])
        self.assertEqual(len(disk), 65 * 16 * 63 * 512, "whole cylinders")
        self.assertEqual(disk[512:512 + len(STAGE)], STAGE)
        self.assertEqual(disk[mkdisk.STAGE_SECTORS_AT], 6)
        self.assertEqual((disk[0x1BE], disk[0x1C2]), (0x80, mkdisk.PARTITION_FAT16_LBA))

    def test_mtools_reads_the_files(self) -> None:  # BOO-04
        if shutil.which("mcopy") is None:
            self.skipTest("not on this system: mtools")
        images = [("ntoskrnl.exe", bytes(range(256)) * 300), ("hal.dll", b""), ("a-driver-with-a-long-name.sys", b"d" * 2048),
                  ("a-driver-with-a-long-other.sys", b"e" * 2049), ("UPPER.SYS", b"u"), ("thirteen.char", b"t" * 4096)]
        self.build(images, "/DEBUG")
        target = self.folder / "files"
        target.mkdir()
        subprocess.run(["mcopy", "-s", "-n", "-i", f"{self.out}@@{VOLUME_AT}", "::/MICA", str(target)], check=True,
                       stdout=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin", "MTOOLS_SKIP_CHECK": "0"})
        for name, data in images:
            self.assertEqual((target / "MICA" / name).read_bytes(), data, name)
        self.assertEqual((target / "MICA" / "BOOT.LST").read_bytes().decode().split("\r\n")[1:],
                         ["options /DEBUG"] + [name for name, _ in images] + [""])

    def test_tables_agree_and_fit(self) -> None:  # BOO-04
        disk = self.build([("ntoskrnl.exe", b"k" * 100000)])
        size = mkdisk.table_sectors() * mkdisk.SECTOR
        first = VOLUME_AT + mkdisk.SECTOR
        self.assertEqual(disk[first:first + size], disk[first + size:first + 2 * size])
        self.assertTrue(4085 <= mkdisk.Volume().cluster_count <= 65524, "FAT16 by its number of clusters")

    def test_bad_input_is_refused(self) -> None:  # BOO-04
        cases = [([("a b.sys", b"")], "", "cannot be an image's name"), ([("x" * 32, b"")], "", "cannot be an image's name"),
                 ([("é.sys", b"")], "", "cannot be an image's name"), ([("a.sys", b""), ("A.SYS", b"")], "", "same name"),
                 ([("a.sys", b"")], "/X\nntoskrnl.exe", "one line"), ([("a.sys", bytes(33 << 20))], "", "do not fit")]
        for images, options, message in cases:
            with self.assertRaisesRegex(mkdisk.DiskError, message):
                self.build(images, options)
        self.assertFalse(self.out.exists(), "no half disk is left")
        for mbr, stage, message in ((MBR[:-1], STAGE, "boot sector"), (MBR, bytes(100), "signature"),
                                    (MBR, STAGE + bytes(1 << 20), "larger than")):
            with self.assertRaisesRegex(mkdisk.DiskError, message):
                mkdisk.build(mbr, stage, [("a", b"")], "", self.out)

    def test_command_line_errors_are_one_line(self) -> None:  # BOO-04
        done = subprocess.run([sys.executable, str(ROOT / "kernel/boot/mkdisk.py"), "--mbr", "/nonexistent", "--stage", "/x",
                               "--out", str(self.out), "image"], stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertTrue(done.stderr.startswith("mkdisk: "))

    def test_seal_refuses_what_is_no_image(self) -> None:  # BOO-01
        for data in (b"", b"MZ", b"MZ" + bytes(58) + b"\xff\xff\xff\x7f", b"\x7fELF" * 100):
            with self.assertRaises(ValueError):
                seal.sealed(data)


if __name__ == "__main__":
    unittest.main()
