"""The page frame number database as the host sees it: each kind of damage is named, a real kernel's is in order.  PFN-01, PFN-02"""

from __future__ import annotations

import struct
import unittest
from typing import List

from grader.guest import Guest
from grader.guest.booting import Place, boot
from grader.guest.session import Session
from grader.machine.parts import Machine
from grader.tests import test_kernel
from grader.tests.machine import guest_at
from grader.views.fields import Layout
from grader.views.memory import Structures
from grader.views.pages import ACTIVE, FREE, IS_MODIFIED, LISTS, LOCATION_SHIFT, MODIFIED, NO_PAGE, ROM, STANDBY, TRANSITION, ZEROED, Pages

PFN = struct.Struct("<IIIHHII")
FIELDS = {"MMPFN.u1": (0, 4), "MMPFN.PteAddress": (4, 4), "MMPFN.u2": (8, 4), "MMPFN.ReferenceCount": (12, 2),
          "MMPFN.e1": (14, 2), "MMPFN.OriginalPte": (16, 4), "MMPFN.u4": (20, 4), "MMPFNLIST.Total": (0, 4), "MMPFNLIST.ListName": (4, 1),
          "MMPFNLIST.Flink": (8, 4), "MMPFNLIST.Blink": (12, 4)}
DATABASE, HIGHEST, POINTER, AVAILABLE, LISTS_AT, HEADS = 0x1000, 0x10, 0x14, 0x18, 0x20, 0x100
PTES = 7  # the page that holds PTEs


class Database:
    """A database of eight pages: 0 is no memory; 1, 2 free; 3 zeroed; 4 standby; 5 modified; 6 in transition; 7 holds the PTEs of 4, 5, 6."""

    def __init__(self) -> None:
        self.data = bytearray(0x2000)
        self.view = Structures(self, Layout(FIELDS, {"MMPFN": 24}))
        self.word(HIGHEST, 7)
        self.word(POINTER, DATABASE)
        self.word(AVAILABLE, 4)
        self.page(0, flags=ROM)
        self.page(6, references=1, state=TRANSITION, pte=0xC0000018)
        self.page(PTES, second=4, references=1, state=ACTIVE)
        for state, frames in ((ZEROED, [3]), (FREE, [1, 2]), (STANDBY, [4]), (MODIFIED, [5])):
            for at, frame in enumerate(frames):
                self.page(frame, frames[at + 1] if at + 1 < len(frames) else NO_PAGE, frames[at - 1] if at else NO_PAGE, state=state,
                          pte=0xC0000000 + 4 * frame if state >= STANDBY else 0, flags=IS_MODIFIED if state == MODIFIED else 0)
            self.head(state, len(frames), frames[0], frames[-1])
        for state in (4, 5):
            self.head(state, 0, NO_PAGE, NO_PAGE)

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.data[address:address + size])

    def word(self, address: int, value: int) -> None:
        struct.pack_into("<I", self.data, address, value)

    def page(self, frame: int, first: int = 0, second: int = 0, references: int = 0, state: int = 0, pte: int = 0, flags: int = 0) -> None:
        PFN.pack_into(self.data, DATABASE + PFN.size * frame, first, pte, second, references, state << LOCATION_SHIFT | flags, 0,
                      PTES if pte else 0)

    def head(self, state: int, total: int, first: int, last: int) -> None:
        self.word(LISTS_AT + 4 * state, HEADS + 16 * state)
        struct.pack_into("<IB3xII", self.data, HEADS + 16 * state, total, state, first, last)

    def wrong(self) -> List[str]:
        return Pages(self.view, POINTER, HIGHEST, LISTS_AT, AVAILABLE).wrong()


class Damage(unittest.TestCase):
    """What `wrong` says."""

    def test_a_database_in_order(self) -> None:
        database = Database()
        self.assertEqual([], database.wrong())
        pages = Pages(database.view, POINTER, HIGHEST, LISTS_AT, AVAILABLE)
        self.assertEqual([1, 2], pages.listed(FREE))
        self.assertEqual({0: 1, 1: 2, 2: 1, 3: 1, 4: 0, 5: 0, 6: 1, 7: 1}, pages.count())

    def test_each_kind_of_damage_is_named(self) -> None:
        for words, harm in (
            ("Blink of page 0x2", lambda one: one.page(2, NO_PAGE, 3, state=FREE)),
            ("does not exist", lambda one: one.page(2, 99, 1, state=FREE)),
            ("its last page is 0x1", lambda one: one.head(FREE, 2, 1, 1)),
            ("Total is 3", lambda one: one.head(FREE, 3, 1, 2)),
            ("2 pages are on it, Total is 2, 1 pages are in that state", lambda one: one.page(2, NO_PAGE, 1, state=STANDBY)),
            ("page 0x2 is on the Free list and in state Standby", lambda one: one.page(2, NO_PAGE, 1, state=STANDBY)),
            ("MmAvailablePages is 5", lambda one: one.word(AVAILABLE, 5)),
            ("ReferenceCount is 1 on a list", lambda one: one.page(3, NO_PAGE, NO_PAGE, references=1, state=ZEROED)),
            ("Transition: ShareCount 0, ReferenceCount 0", lambda one: one.page(6, state=TRANSITION, pte=0xC0000018)),
            ("ActiveAndValid: ShareCount 0", lambda one: one.page(PTES, references=1, state=ACTIVE)),
            ("it is not modified", lambda one: one.page(5, NO_PAGE, NO_PAGE, state=MODIFIED, pte=0xC0000014)),
            ("holds PTEs of 3 pages and has a ShareCount of 2", lambda one: one.page(PTES, second=2, references=1, state=ACTIVE)),
        ):
            with self.subTest(words):
                database = Database()
                harm(database)
                self.assertIn(words, "\n".join(database.wrong()))


@test_kernel.built
class OnTheKernel(unittest.TestCase):
    def pages(self, guest: Guest) -> Pages:
        return Pages(guest.view, *(guest.sym(name) for name in ("MmPfnDatabase", "MmHighestPhysicalPage", "MmPageLocationList",
                                                                "MmAvailablePages")))

    def booted(self, memory: int, processors: int) -> Session:
        session = boot(Place(test_kernel.KERNEL, test_kernel.DRIVER, Machine(memory, processors), ("ready",)))
        self.addCleanup(session.close)
        return session

    def test_zeroed_pages_are_zeros_whatever_was_in_free_ones(self) -> None:  # PFN-18, PFN-09, SYS-13
        guest = guest_at(self.booted(8, 1), limit=100_000_000)
        free = self.pages(guest).listed(FREE)
        self.assertGreater(len(free), 100)
        for frame in free:
            guest.space.ram.write(frame * 4096, b"somebody else's." * 256)
        guest.call("MiZeroFreePages")
        pages = self.pages(guest)
        self.assertEqual([], pages.wrong())
        self.assertEqual(([], sorted(free)), (pages.listed(FREE), sorted(pages.listed(ZEROED))))
        self.assertEqual([], [frame for frame in free if any(guest.space.ram.read(frame * 4096, 4096))])

    def test_lists_and_pages_agree_after_boot(self) -> None:  # PFN-01, PFN-02
        for memory, processors in ((8, 1), (16, 2), (64, 4), (512, 1)):
            with self.subTest(memory=memory, processors=processors):
                guest = guest_at(self.booted(memory, processors))
                pages = self.pages(guest)
                self.assertEqual([], pages.wrong())
                counts = pages.count()
                self.assertEqual(guest.u32(guest.sym("MmNumberOfPhysicalPages")), sum(counts.values()))
                self.assertEqual(LISTS + 2, len(counts))
                self.assertGreater(pages.available, 0)


if __name__ == "__main__":
    unittest.main()
