"""PE images, symbols, field tables, lists and rings, without an emulator."""

from __future__ import annotations

import struct
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from grader.errors import GraderError
from grader.images import symbols as grader_symbols
from grader.images.pe import PeImage, undecorate
from grader.images.symbols import Module, Symbols, short_path
from grader.judge import verdict as judge
from grader.tests.machine import needs_emulator, probe_folder
from grader.views.fields import Layout, read_layout
from grader.views.memory import BrokenList, Structures
from grader.views.ring import RECORD, RECORDS, read_ring


class Names(unittest.TestCase):
    def test_decorations(self) -> None:
        for raw, plain in (("_KeSetEvent@12", "KeSetEvent"), ("@KfLowerIrql@4", "KfLowerIrql"), ("_Name", "Name"),
                           ("?Find@Table@nt@@QAEPAXI@Z", "nt::Table::Find"), ("?Plain@@YAXXZ", "Plain"),
                           ("?Local@?A0x12345678@@YAXXZ", "Local"), ("??0Table@@QAE@XZ", "??0Table@@QAE@XZ")):
            self.assertEqual(undecorate(raw), plain)

    def test_paths_are_of_the_tree(self) -> None:
        self.assertEqual(short_path("/home/x/kernel/copy/kernel/ntos/ke/sched/ready.cpp"), "kernel/ntos/ke/sched/ready.cpp")
        self.assertEqual(short_path("kernel/ntos/ke/sched/ready.cpp"), "kernel/ntos/ke/sched/ready.cpp")
        self.assertEqual(short_path("C:\\t\\labs\\1-processes\\tests\\a.cpp"), "labs/1-processes/tests/a.cpp")
        self.assertEqual(short_path("/tmp/elsewhere/a.cpp"), "a.cpp")

    def test_what_is_no_image(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for content in (b"", b"MZ", b"MZ" + bytes(100), b"\x7fELF" + bytes(200)):
                path = Path(folder) / f"{len(content)}.exe"
                path.write_bytes(content)
                with self.assertRaises(GraderError):
                    PeImage.load(path)
            with self.assertRaises(GraderError):
                PeImage.load(Path(folder) / "missing.exe")


@needs_emulator
class Image(unittest.TestCase):  # BOO-01, BOO-02, BOO-03
    @classmethod
    def setUpClass(cls) -> None:
        cls.image = PeImage.load(probe_folder() / "ntoskrnl.exe")

    def test_symbols_there_and_back(self) -> None:
        symbols = Symbols([Module("ntoskrnl.exe", self.image, 0x90000000)])
        for name in ("ProbeAdd", "ProbeFast", "LabScratch", "KdTestPoint", "ntoskrnl!ProbeAdd"):
            address = symbols.address(name)
            self.assertEqual(symbols.name(address), name.rpartition("!")[2])
        self.assertEqual(symbols.describe(symbols.address("ProbeHang") + 3), "ProbeHang+0x3")
        self.assertIn("probe/probe.cpp:", symbols.place(symbols.address("ProbeHang")))
        self.assertEqual(symbols.describe(0x1234), "0x00001234")
        with self.assertRaises(GraderError):
            symbols.address("hal!ProbeAdd")

    def test_a_place_has_a_line_and_the_way_out_of_inlined_code(self) -> None:
        symbols = Symbols([Module("ntoskrnl.exe", self.image, 0x90000000)])
        answers = {0x20: "F\n/x/kernel/inc/nt/list.h:0:0\nKiInsert\n/x/kernel/ntos/ke/sched/ready.cpp:40:3",
                   0x31: "KiInsert\n/x/kernel/ntos/ke/sched/ready.cpp:0:0", 0x30: "Other\n/x/kernel/ntos/ke/other.cpp:9:1",
                   0x2e: "KiInsert\n/x/kernel/ntos/ke/sched/ready.cpp:38:1"}

        def says(command: "list[str]", **_: object) -> mock.Mock:
            asked = [int(word, 16) for word in command if word.startswith("0x")]
            return mock.Mock(stdout="\n\n".join(answers.get(one, "??\n??:0:0") for one in asked).encode() + b"\n\n")

        with mock.patch.object(grader_symbols.subprocess, "run", says), mock.patch.object(grader_symbols, "symbolizer", lambda: "tool"):
            grader_symbols.source_lines.cache_clear()
            self.addCleanup(grader_symbols.source_lines.cache_clear)
            self.assertEqual(symbols.place(0x90000020), "kernel/ntos/ke/sched/ready.cpp:40")
            self.assertEqual(symbols.place(0x90000031), "kernel/ntos/ke/sched/ready.cpp:38")
            self.assertEqual(symbols.place(0x90000001), "")

    def test_the_failure_is_placed_in_the_students_file(self) -> None:
        trace = ("List::Insert+0x3 at kernel/inc/nt/list.h:57, inlined in kernel/ntos/ke/sched/ready.cpp:40", "KiIdle at kernel/ntos/ke/sched/idle.cpp:7")
        self.assertEqual(judge.place_of(trace, ("kernel/ntos/ke/sched/ready.cpp",)), "kernel/ntos/ke/sched/ready.cpp:40")
        self.assertEqual(judge.place_of(trace, ("kernel/ntos/ke/other.cpp",)), "kernel/inc/nt/list.h:57")
        self.assertEqual(judge.place_of(("F at kernel/x.h:0", *trace)), "kernel/inc/nt/list.h:57")

    def test_relocation_moves_every_address_by_the_same(self) -> None:
        there, here = self.image.relocated(self.image.base + 0x10000), self.image.layout()
        places = self.image.relocations()
        self.assertGreater(len(places), 20)
        for rva in places:
            moved, before = struct.unpack_from("<I", there, rva)[0], struct.unpack_from("<I", here, rva)[0]
            self.assertEqual(moved - before, 0x10000)
        changed = sum(one != other for one, other in zip(there, here))
        self.assertLessEqual(changed, 4 * len(places))

    def test_padding_is_zero(self) -> None:
        data = next(section for section in self.image.sections if section.name == ".data")
        self.assertEqual(self.image.at(data.rva + data.size - 64, 64), bytes(64))

    def test_field_table(self) -> None:  # TOL-07
        layout = read_layout(self.image)
        self.assertEqual(layout.field("NODE.Link"), (4, 8))
        self.assertEqual(layout.size("NODE"), 16)
        with self.assertRaisesRegex(GraderError, "NODE.Value"):
            layout.field("NODE.Missing")


class Flat:
    """A memory of bytes from an address on."""

    def __init__(self, base: int, data: bytearray) -> None:
        self.base, self.data = base, data

    def read(self, address: int, size: int) -> bytes:
        if address < self.base or address + size > self.base + len(self.data):
            raise ValueError("no memory")
        return bytes(self.data[address - self.base:address - self.base + size])


class Lists(unittest.TestCase):
    def make(self, *links: int) -> Structures:
        """Entries of 8 bytes at 0x1000, 0x1008, ...; `links` are Flink, Blink in turn."""
        return Structures(Flat(0x1000, bytearray(struct.pack(f"<{len(links)}I", *links))), Layout({"T.Link": (0, 8)},
                                                                                                  {}))

    def test_whole_empty_and_broken(self) -> None:
        self.assertEqual(self.make(0x1008, 0x1010, 0x1010, 0x1000, 0x1000, 0x1008).links(0x1000), [0x1008, 0x1010])
        self.assertEqual(self.make(0x1000, 0x1000).links(0x1000), [])
        for broken in ((0x1008, 0x1008, 0x1010, 0x1000, 0x1000, 0x1000),  # a Blink that skips
                       (0x1008, 0x1010, 0x1008, 0x1000, 0, 0),  # an entry that leads to itself
                       (0x1000, 0x1008, 0, 0),  # a head whose Blink stayed
                       (0x2000, 0x2000)):  # into nothing
            with self.assertRaises(BrokenList):
                self.make(*broken).links(0x1000)


class Rings(unittest.TestCase):  # the kernel's side: EXE-03
    def test_oldest_first_after_a_wrap(self) -> None:
        for size in RECORDS:
            data = bytearray(12 + RECORD.size * size)
            struct.pack_into("<III", data, 0, size + 3, size, 0x100C)
            for number in range(size + 3):
                RECORD.pack_into(data, 12 + RECORD.size * (number % size), number, number + 1, 1, 0, 2, 0, number, 0, 0, 0)
            records = read_ring(Flat(0x1000, data), 0x1000)
            self.assertEqual((len(records), records[0].sequence, records[-1].sequence), (size, 4, size + 3))
            self.assertEqual((records[0].name, records[0].arguments[0]), ("context_switch", 3))

    def test_an_incomplete_record_and_a_ring_that_is_none(self) -> None:
        data = bytearray(12 + RECORD.size * 2)
        struct.pack_into("<III", data, 0, 2, RECORDS[0], 0x100C)
        RECORD.pack_into(data, 12, 5, 1, 3, 0, 0, 0, 0, 0, 0, 0)
        self.assertEqual(len(read_ring(Flat(0x1000, data), 0x1000)), 1)
        self.assertEqual(read_ring(Flat(0x1000, bytearray(12)), 0x1000), [])
        for size in (512, 1500, 32768):
            struct.pack_into("<I", data, 4, size)
            self.assertEqual(read_ring(Flat(0x1000, data), 0x1000), [])


if __name__ == "__main__":
    unittest.main()
