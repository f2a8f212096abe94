"""Looks that the guest is not told of: each kind of change is named, an honest kernel is left in peace."""

from __future__ import annotations

import struct
import unittest
from typing import Callable, List
from unittest import mock

from grader.guest import Guest
from grader.guest.inspection import Inspection
from grader.guest.session import Session
from grader.guest.stops import Altered
from grader.judge.verdict import judge
from grader.machine import processors
from grader.model import Verdict
from grader.tests import test_kernel
from grader.tests.machine import guest_at

HONEST = """CPU#0
EAX=ffffffff EBX=00000000 ECX=00000000 EDX=fffffffe
EIP=80107d80 EFL=00000202 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0
ES =0023 00000000 ffffffff 00cff300 DPL=3 DS   [-WA]
CS =0008 00000000 ffffffff 00cf9a00 DPL=0 CS32 [-R-]
SS =0010 00000000 ffffffff 00cf9300 DPL=0 DS   [-WA]
DS =0023 00000000 ffffffff 00cff300 DPL=3 DS   [-WA]
FS =0030 8012bfb0 000006ef 00409300 DPL=0 DS   [-WA]
GS =0000 00000000 00000000 00000000
LDT=0000 00000000 00000000 00008200 DPL=0 LDT
TR =0028 8012c700 00000067 00008900 DPL=0 TSS32-avl
GDT=     8012c6a0 0000005f
IDT=     8012b314 000007ff
CR0=80010011 CR2=00000000 CR3=00422000 CR4=00000090
DR0=00000000 DR1=00000000 DR2=00000000 DR3=00000000
DR6=ffff0ff0 DR7=00000400
EFER=0000000000000000
"""
IDT = 0x8012B314


class SetUp(unittest.TestCase):
    """What QEMU says of a processor."""

    def complaint(self, text: str) -> str:
        return processors.read(text)[0].complaint(IDT) or ""

    def test_an_honest_processor(self) -> None:
        self.assertEqual("", self.complaint(HONEST))
        self.assertEqual("", self.complaint(HONEST.replace("CR0=80010011", "CR0=80010019")), "behind a task switch")
        self.assertEqual("", self.complaint(HONEST.replace("CR0=80010011", "CR0=80010033").replace("CR4=00000090", "CR4=00000690")), "with floating point")
        self.assertEqual("", self.complaint(HONEST.replace("CS =0008", "CS =001b").replace("SS =0010", "SS =0023")), "in user mode")

    def test_each_change_is_named(self) -> None:
        for old, new, words in (
            ("CR4=00000090", "CR4=00000000", "CR4 is 0x0, not 0x90"), ("CR4=00000090", "CR4=000000b0", "CR4"),
            ("CR0=80010011", "CR0=00000011", "CR0"), ("CR0=80010011", "CR0=80000011", "CR0"), ("CR0=80010011", "CR0=e0010011", "CR0"), ("EFER=0000000000000000", "EFER=0000000000000800", "EFER"),
            ("DR7=00000400", "DR7=00000401", "DR7"), ("A20=1", "A20=0", "line A20"), ("SMM=0", "SMM=1", "system management"),
            ("IDT=     8012b314", "IDT=     8012b31c", "base of the IDT"), ("000007ff", "0000007f", "limit of the IDT"),
            ("8012c6a0 0000005f", "8012c6a0 0000ffff", "limit of the GDT"), ("LDT=0000", "LDT=0038", "LDT"),
            ("CS =0008 00000000", "CS =0008 00001000", "base of CS"), ("DS =0023 00000000 ffffffff", "DS =0023 00000000 0000ffff", "limit of DS"),
            ("CS =0008", "CS =0038", "CS is 0x38"),
        ):
            with self.subTest(new):
                self.assertIn(old, HONEST)
                self.assertIn(words, self.complaint(HONEST.replace(old, new)))

    def test_a_processor_that_firmware_halted_is_not_judged(self) -> None:
        sleeping = processors.read(HONEST.replace("HLT=0", "HLT=1").replace("CR0=80010011", "CR0=00000011"))[0]
        self.assertFalse(sleeping.started)
        self.assertTrue(processors.read(HONEST.replace("CR0=80010011", "CR0=00000011"))[0].started, "one that runs without paging is")

    def test_all_processors_are_read(self) -> None:
        self.assertEqual(2, len(processors.read(HONEST + "\n" + HONEST.replace("#0", "#1"))))


class Moments(unittest.TestCase):
    """When the looks come."""

    def test_stops_that_are_left_out_move_no_look(self) -> None:
        def looks(step: Callable[[Inspection], int]) -> List[int]:
            inspection = Inspection(mock.Mock(), "7/race")
            found: List[int] = []
            with mock.patch.object(inspection, "look", lambda: "a look"):
                done = 0
                while done < 300:
                    skipped = step(inspection)
                    inspection.skip(skipped)
                    done += skipped + 1
                    if inspection.stopped():
                        found.append(done)
            return [one for one in found if one <= 300]

        each = looks(lambda inspection: 0)
        self.assertEqual(each, looks(lambda inspection: inspection.left - 1), "one call for all that lies between two looks")
        self.assertEqual(each, looks(lambda inspection: min(3, inspection.left) - 1))
        self.assertGreater(len(each), 6)


@test_kernel.built
class OnRealProcessors(unittest.TestCase):
    """On the booted kernel, whose machine the host changes as a student's kernel could."""

    session: Session

    @classmethod
    def setUpClass(cls) -> None:
        test_kernel.OnTheKernel.setUpClass.__func__(cls)  # type: ignore[attr-defined]

    def look(self, guest: Guest) -> str:
        guest.moved()
        return Inspection(self.session, "a test").look() or ""

    def test_an_honest_kernel_at_every_stage(self) -> None:
        for stage in self.session.stages:
            self.assertEqual("", self.look(guest_at(self.session, stage)))

    def test_control_registers(self) -> None:
        for changed in ({"cr4": 0x0}, {"cr4": 0x30}, {"cr0": 0x11}):
            with self.subTest(changed):
                guest = guest_at(self.session)
                self.session.machine.gdb.set_registers(**changed)
                self.assertIn("was set up anew: CR", self.look(guest))

    def test_large_pages_are_read_as_the_processor_reads_them(self) -> None:
        guest = guest_at(self.session)
        directory = self.session.machine.gdb.registers()["cr3"]
        large, frame = 0x260, 4 << 20  # an entry of the system's half that is not used
        self.session.machine.ram.write(directory + 4 * large, struct.pack("<I", frame | 0x83))
        guest.moved()
        address = (large << 22) + 0x5000
        before = self.session.space.physical(address)
        self.assertEqual(frame + 0x5000, before)
        self.session.machine.gdb.set_registers(cr4=0)
        guest.moved()
        self.assertNotEqual(self.session.space.physical(address), before)

    def test_gates(self) -> None:
        for vector in (0, 2, 3, 8, 14, 0x2E, 0x30, 0xFF):
            with self.subTest(vector):
                guest = guest_at(self.session)
                place = guest.sym("KiIdt") + 8 * vector + (4 if vector in (2, 8) else 0)
                guest.write(place, struct.pack("<I", guest.u32(place) ^ (0x100 if vector in (2, 8) else 0x10)))
                self.assertIn(f"vector {vector:#x}", self.look(guest))

    def test_another_table(self) -> None:
        guest = guest_at(self.session)
        table = guest.alloc(2048)
        guest.write(table, guest.read(guest.sym("KiIdt"), 2048))
        operand = guest.alloc(8)
        guest.write(operand, struct.pack("<HI", 2047, table))
        code = guest.alloc(16)
        guest.write(code, b"\x0f\x01\x1d" + struct.pack("<I", operand) + b"\xc3")  # lidt; ret
        guest.call(code)
        self.assertIn("base of the IDT", self.look(guest))

    def test_breakpoints_of_the_guests_own(self) -> None:
        guest = guest_at(self.session)
        code = guest.alloc(16)
        guest.write(code, b"\xb8\x01\x04\x00\x00\x0f\x23\xf8\xc3")  # mov eax, 0x401; mov dr7, eax; ret
        guest.call(code)
        self.assertIn("DR7", self.look(guest))

    def test_two_readings_that_disagree(self) -> None:
        guest = guest_at(self.session)
        with mock.patch.object(self.session.machine.gdb, "read", return_value=b"\xcc" * 4):
            self.assertIn("reads other code", self.look(guest))

    def test_pageable_code_that_is_out_of_memory(self) -> None:
        area = next(one for one in self.session.integrity.areas if one.pageable)
        for out in (True, False):
            with self.subTest(out=out):
                guest = guest_at(self.session)
                directory = self.session.machine.gdb.registers()["cr3"]
                table = self.session.machine.ram.u32(directory + 4 * (area.address >> 22)) & 0xFFFFF000
                for page in range(area.address >> 12, area.address + len(area.data) >> 12):
                    place = table + 4 * (page & 0x3FF)
                    entry = self.session.machine.ram.u32(place)
                    self.assertTrue(entry & 1, "the page is in memory when the test begins")
                    self.session.machine.ram.write(place, struct.pack("<I", (entry & 0xFFFFF000) | 0x860 if out else entry))  # in transition
                with mock.patch.object(self.session.integrity, "areas", [area]):
                    self.assertEqual("", self.look(guest))
                    with mock.patch.object(self.session.machine.gdb, "read", return_value=b"\xcc" * 4):
                        self.assertIn("reads other code", self.look(guest), "a processor that reads what the page tables do not show")

    def test_a_change_that_is_put_back_before_the_end_is_seen(self) -> None:
        guest = guest_at(self.session)
        guest.inspection = Inspection(self.session, "a test")
        victim, code = guest.sym("KeSetEvent"), guest.alloc(16)
        guest.write(code, b"\xc3")
        honest = guest.u8(victim)
        with self.assertRaises(Altered) as caught:
            for _ in range(40):
                guest.u8(victim, honest ^ 1)
                guest.call(code)
                guest.u8(victim, honest)
        self.assertIn("KeSetEvent", str(caught.exception))
        context = test_kernel.OnTheKernel.context(self, guest)  # type: ignore[arg-type]
        self.assertIs(judge(context, caught.exception, guest).verdict, Verdict.FAIL)

    def test_looks_are_where_the_seed_says(self) -> None:
        guest_at(self.session)

        def stops(key: str) -> list:
            inspection, found = Inspection(self.session, key), []
            with mock.patch.object(inspection, "look", side_effect=lambda: None) as look:
                for stop in range(3000):
                    inspection.stopped()
                    if look.call_count > len(found):
                        found.append(stop)
            return [one for one in found if one <= 300]

        self.assertEqual(stops("a"), stops("a"))
        self.assertNotEqual(stops("a"), stops("b"))
        self.assertTrue(8 < len(stops("a")) < 40, "often at first, and few in all")


if __name__ == "__main__":
    unittest.main()
