"""Page tables made by hand: what an address leads to, in the space of the running process and in others, and what a judge says
of a page that is out."""

from __future__ import annotations

import struct
import unittest
from pathlib import Path

from grader.api import Context
from grader.errors import InfraError, NotResident
from grader.guest.memory import GuestSpace
from grader.guest.stops import TakenAway, WildAccess
from grader.judge import verdict
from grader.machine.memory import CR0_PG, CR4_PSE, LARGE, PAGE, PRESENT, TRANSITION, AddressSpace, BadAddress, Displaced, Residence
from grader.model import TestSpec, Verdict
from grader.tests.machine import grade, needs_emulator, spec
from grader.views.fields import Layout
from grader.views.memory import BrokenList

PROTECTION, PROTOTYPE = 0x4 << 5, 0x400  # of entries that are not present
DIRECTORY, OTHER = 0x1000, 0x9000
LAYOUT = Layout({"NODE.Link": (4, 8)}, {"NODE": 12})


class FakeRam:
    """A little physical memory."""

    size = 0x10000

    def __init__(self) -> None:
        self.data = bytearray(self.size)

    def read(self, physical: int, size: int) -> bytes:
        return bytes(self.data[physical:physical + size])

    def write(self, physical: int, data: bytes) -> None:
        self.data[physical:physical + len(data)] = data

    def u32(self, physical: int) -> int:
        return int.from_bytes(self.read(physical, 4), "little")

    def set(self, table: int, index: int, entry: int) -> None:
        self.write(table + 4 * index, struct.pack("<I", entry))


class SpaceCase(unittest.TestCase):
    """Two directories.  Of the first: page 5 is at 0x5000, page 6 at 0x4000; the table itself is mapped at 0x400000."""

    def setUp(self) -> None:
        self.ram, self.moment, self.control = FakeRam(), 1, (CR0_PG, DIRECTORY, 0)
        self.space = AddressSpace(self.ram, lambda: self.control, lambda: self.moment)  # type: ignore[arg-type]
        self.ram.set(DIRECTORY, 0, 0x2000 | PRESENT)
        self.ram.set(DIRECTORY, 1, 0x3000 | PRESENT)
        self.ram.set(0x2000, 5, 0x5000 | PRESENT)
        self.ram.set(0x2000, 6, 0x4000 | PRESENT)
        self.ram.set(0x3000, 0, 0x2000 | PRESENT)
        self.ram.set(OTHER, 0, 0xA000 | PRESENT)
        self.ram.set(0xA000, 5, 0x6000 | PRESENT)
        self.ram.write(0x5010, b"one")
        self.ram.write(0x6010, b"two")


class PageWalk(SpaceCase):
    def test_access_is_split_where_the_next_page_lies_elsewhere(self) -> None:
        self.space.write(0x5FFE, b"abcd")
        self.assertEqual((b"ab", b"cd"), (self.ram.read(0x5FFE, 2), self.ram.read(0x4000, 2)))
        self.assertEqual(b"abcd", self.space.read(0x5FFE, 4))

    def test_other_directory_maps_its_own_pages(self) -> None:
        other = self.space.through(OTHER)
        self.assertEqual((b"one", b"two"), (self.space.read(0x5010, 3), other.read(0x5010, 3)))
        self.control = (CR0_PG, OTHER, 0)  # the guest switches to it
        self.moment += 1
        self.assertEqual((b"two", b"two"), (self.space.read(0x5010, 3), other.read(0x5010, 3)))

    def test_large_page_counts_only_where_the_processor_knows_them(self) -> None:
        self.ram.set(DIRECTORY, 2, LARGE | PRESENT)  # frame 0
        self.assertEqual(Residence.NOWHERE, self.space.residence(0x800000 + 0x5010))  # as a table, at 0: no entry there
        self.control, self.moment = (CR0_PG, DIRECTORY, CR4_PSE), 2
        self.assertEqual(b"one", self.space.read(0x800000 + 0x5010, 3))
        with self.assertRaises(BadAddress):  # the page goes on behind the end of the RAM
            self.space.read(0x800000 + FakeRam.size, 1)

    def test_without_paging_an_address_is_what_it_says(self) -> None:
        self.control = (0, DIRECTORY, 0)
        self.assertEqual(b"two", self.space.read(0x6010, 3))
        self.assertIsNone(self.space.physical(FakeRam.size))

    def test_what_is_not_mapped_is_no_address(self) -> None:
        self.ram.set(0x2000, 7, 0x40000000 | PRESENT)
        for what, address in (("no entry", 0x8000), ("no table", 0xC00000), ("mapped, to no RAM", 0x7000)):
            with self.subTest(what):
                self.assertIsNone(self.space.physical(address))
                with self.assertRaises(BadAddress):
                    self.space.read(address, 4)

    def test_directory_outside_of_the_memory_maps_nothing(self) -> None:
        self.assertIsNone(self.space.through(0x7FFF0000).physical(0x5010))

    def test_page_that_is_out_is_not_resident(self) -> None:
        for what, entry, where in (("in a page file", 0x00345000 | PROTECTION, Residence.OUT), ("not made yet", PROTECTION, Residence.OUT),
                                   ("by a prototype", 0x00345000 | PROTOTYPE, Residence.OUT),
                                   ("in transition", 0x5000 | PROTECTION | TRANSITION, Residence.TRANSITION)):
            self.ram.set(0x2000, 7, entry)
            with self.subTest(what):
                self.assertEqual(where, self.space.residence(0x7123))
                with self.assertRaises(NotResident):
                    self.space.physical(0x7123)
                with self.assertRaises(NotResident):
                    self.space.write(0x7123, b"x")

    def test_table_that_is_out_takes_its_pages_along(self) -> None:
        for entry in (0x2000 | PROTECTION | TRANSITION, 0x00345000 | PROTECTION):
            self.ram.set(DIRECTORY, 0, entry)
            self.moment += 1
            for address in (0x5010, 0x8000):
                self.assertEqual(Residence.OUT, self.space.residence(address))
                with self.assertRaises(NotResident):
                    self.space.read(address, 3)

    def test_access_that_ends_in_a_page_that_is_out_names_that_page(self) -> None:
        self.ram.set(0x2000, 6, PROTECTION)
        with self.assertRaises(NotResident) as raised:
            self.space.read(0x5FFE, 4)
        self.assertEqual(0x6000, raised.exception.address)


class Remembered(SpaceCase):
    """What was looked up is good for one moment, in which nobody but the host writes."""

    def test_a_page_that_the_guest_maps_elsewhere_is_seen_when_it_has_run(self) -> None:
        self.assertEqual(b"one", self.space.read(0x5010, 3))
        self.ram.set(0x2000, 5, 0x6000 | PRESENT)
        self.moment += 1
        self.assertEqual(b"two", self.space.read(0x5010, 3))

    def test_a_page_table_that_the_host_writes_counts_at_once_in_every_space(self) -> None:
        other, again = self.space.through(OTHER), self.space.through(DIRECTORY)
        self.assertEqual((b"one", b"two", b"one"), tuple(one.read(0x5010, 3) for one in (self.space, other, again)))
        self.space.write(0x400000 + 4 * 5, struct.pack("<I", 0x6000 | PRESENT))
        self.assertEqual((b"two", b"two", b"two"), tuple(one.read(0x5010, 3) for one in (self.space, other, again)))

    def test_a_page_that_is_not_there_is_asked_again(self) -> None:
        self.assertIsNone(self.space.physical(0x7000))
        self.ram.set(0x2000, 7, PROTECTION)
        with self.assertRaises(NotResident):
            self.space.physical(0x7000)
        self.ram.set(0x2000, 7, 0x7000 | PRESENT)
        self.assertEqual(0x7000, self.space.physical(0x7000))


class Judged(SpaceCase):
    """A page that is out is nobody's mistake."""

    def setUp(self) -> None:
        super().setUp()
        self.ram.set(0x2000, 7, 0x00345000 | PROTECTION)
        self.guest = GuestSpace(self.space, LAYOUT)

    def list_through(self, entry: int) -> None:
        """A list whose head's first link is given."""
        self.guest.u32(0x5020, entry)
        self.guest.list(0x5020, "NODE.Link")

    def test_list_through_a_page_that_is_out_is_not_broken(self) -> None:
        with self.assertRaises(BrokenList):
            self.list_through(0x8000)
        with self.assertRaises(NotResident):
            self.list_through(0x7000)

    def test_read_of_a_page_that_is_out_is_no_wild_access(self) -> None:
        for call in (lambda: self.guest.u32(0x7000), lambda: self.guest.u32(0x7000, 1), lambda: self.guest.readable(0x7000),
                     lambda: self.guest.text(0x7000), lambda: self.guest.get(0x6FFC, "NODE.Link")):
            with self.assertRaises(NotResident):
                call()
        with self.assertRaises(WildAccess):
            self.guest.u32(0x8000)
        self.assertFalse(self.guest.readable(0x8000))

    def verdict_of(self, cause: Exception) -> Verdict:
        test = TestSpec("9.1", "one", 1, "One", lambda t: None)
        return verdict.judge(Context(test, 1, None, Path("."), None), cause, None).verdict

    def test_page_that_never_leaves_cannot_be_out(self) -> None:
        space = AddressSpace(self.ram, lambda: self.control, lambda: self.moment, lambda address: address >> 12 == 7)  # type: ignore[arg-type]
        guest = GuestSpace(space, LAYOUT)
        self.ram.set(0x2000, 6, PROTECTION)
        for entry in (0x00345000 | PROTECTION, 0x5000 | PROTECTION | TRANSITION):
            self.ram.set(0x2000, 7, entry)
            self.moment += 1
            for one in (space, space.through(DIRECTORY)):
                self.assertRaises(Displaced, one.read, 0x7000, 4)
                self.assertRaises(NotResident, one.read, 0x6000, 4)
            for call in (lambda: guest.u32(0x7000), lambda: guest.u32(0x7000, 1), lambda: guest.readable(0x6FFF, 2) and guest.readable(0x7000)):
                self.ram.set(0x2000, 6, 0x4000 | PRESENT)
                self.moment += 1
                self.assertRaises(TakenAway, call)
            self.ram.set(0x2000, 6, PROTECTION)
        self.assertEqual(Verdict.FAIL, self.verdict_of(Displaced(0x7000)))
        self.assertEqual(Verdict.FAIL, self.verdict_of(TakenAway(0x7000)))

    def test_judge_takes_no_points_for_it(self) -> None:
        self.assertIsInstance(NotResident(0x7000), InfraError)
        self.assertEqual(Verdict.INFRA_ERROR, self.verdict_of(NotResident(0x7000)))
        self.assertEqual(Verdict.FAIL, self.verdict_of(WildAccess(0x8000)))


@needs_emulator
class OnTheMachine(unittest.TestCase):
    def judged(self, entry: int, use: str) -> "tuple[Verdict, str]":
        """A test that makes a directory of one table in the guest's memory, and follows a pointer through `entry` of it."""

        def body(t: Context) -> None:
            pages = [t.guest.space.physical(t.guest.alloc(PAGE, PAGE)) for _ in range(3)]
            directory, table, page = (physical or 0 for physical in pages)
            ram = t.guest.space.ram
            ram.write(directory, struct.pack("<I", table | PRESENT))
            ram.write(table + 4 * 5, struct.pack("<II", page | PRESENT, entry))
            ram.write(page, struct.pack("<II", 0x6000, 0x6000))
            inside = GuestSpace(t.guest.space.through(directory), t.guest.session.layout)
            t.equal(0x6000, inside.u32(0x5000), "the pointer")
            inside.u32(inside.u32(0x5000)) if use == "read" else inside.list(0x5000, "NODE.Link")

        told, = grade([spec(body, f"follows_{use}_{'out' if entry else 'wild'}")])
        return told.verdict, told.seen

    def test_page_that_is_out_costs_no_points_and_a_wild_pointer_does(self) -> None:  # grading.md, promise 4
        for use in ("read", "list"):
            with self.subTest(use):
                out, said = self.judged(0x00345000 | PROTECTION, use)
                self.assertEqual(Verdict.INFRA_ERROR, out)
                self.assertIn("not in memory now", said)
                self.assertEqual(Verdict.FAIL, self.judged(0, use)[0])

    def test_page_of_the_driver_that_is_taken_away_costs_points(self) -> None:
        def body(t: Context) -> None:
            page = t.guest.alloc(PAGE, PAGE)
            directory = t.guest.regs()["cr3"] & 0xFFFFF000
            ram, entry = t.guest.space.ram, directory + (page >> 22) * 4
            before = ram.read(entry, 4)
            ram.write(entry, struct.pack("<I", PROTECTION | TRANSITION))
            try:
                GuestSpace(t.guest.space.through(directory), t.guest.session.layout).u32(page)
            finally:
                ram.write(entry, before)

        told, = grade([spec(body, "takes_a_page_away")])
        self.assertEqual((Verdict.FAIL, True), (told.verdict, "nothing may take it away" in told.seen), told.seen)


if __name__ == "__main__":
    unittest.main()
