"""What the host sees of memory: entries, page tables, ranges, working sets, regions and pools; each on bytes made by hand with every
kind of damage, and on real kernels.  TOL-02, MEM-04, MEM-05, POL-06, PFN-11"""

from __future__ import annotations

import struct
import time
import unittest
from typing import Dict, Tuple

from grader.errors import GraderError
from grader.gdb import memorytables
from grader.guest import Guest
from grader.guest.booting import Place, boot
from grader.images.pe import EXECUTABLE
from grader.machine.parts import Machine
from grader.tests import test_kernel
from grader.tests.machine import guest_at
from grader.views import pools, regions, workingset
from grader.views.fields import Layout
from grader.views.memory import Structures
from grader.views.pages import ACTIVE, Pages
from grader.views.ptes import Kind, decode, describe, kind_of
from grader.views.tables import PageTables, current, of_directory, pde_address, pte_address
from grader.views.vads import VadTree

PAGE_VARIABLES = ("MmPfnDatabase", "MmHighestPhysicalPage", "MmPageLocationList", "MmAvailablePages")


def fields(**structures: str) -> Layout:
    """A layout in which each structure has these fields of 4 bytes, one behind the other."""
    made: Dict[str, Tuple[int, int]] = {}
    for structure, names in structures.items():
        for index, name in enumerate(names.split()):
            made[f"{structure}.{name}"] = (4 * index, 4)
    return Layout(made, {structure: 4 * len(names.split()) for structure, names in structures.items()})


LAYOUT = fields(MM_AVL_TABLE="Root NumberOfNodes NodeHint", MMADDRESS_NODE="Parent LeftChild RightChild StartingVpn EndingVpn Balance",
                MMVAD="1 2 3 4 5 6 Flags", MMSUPPORT="VmWorkingSetList WorkingSetSize PeakWorkingSetSize MinimumWorkingSetSize "
                "MaximumWorkingSetSize PageFaultCount", MMWSL="FirstFree FirstDynamic LastEntry Wsle LastInitializedWsle",
                MM_REGION="Name Start End", POOL_TRACKER_TABLE="Key 1 2 3 4 5 6")


class Bytes:
    """A memory."""

    def __init__(self) -> None:
        self.data = bytearray(0x8000)
        self.view = Structures(self, LAYOUT)

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.data[address:address + size])

    def put(self, address: int, *words: int) -> None:
        struct.pack_into(f"<{len(words)}I", self.data, address, *(word & 0xFFFFFFFF for word in words))


class Entries(unittest.TestCase):
    def test_each_kind_is_known_by_the_entry_alone(self) -> None:
        for value, kind, words in (
            (0, Kind.ZERO, "never used"),
            (0x00345163, Kind.VALID, "valid, page 345, write, kernel, accessed, dirty, global"),
            (0x00345205, Kind.VALID, "valid, page 345, read-only, user, copy on write"),
            (4 << 5, Kind.DEMAND_ZERO, "demand zero, read write"),
            (16 << 5, Kind.DECOMMITTED, "decommitted"),
            (24 << 5, Kind.DEMAND_ZERO, "demand zero, no access"),
            (20 << 5, Kind.DEMAND_ZERO, "demand zero, read write, guard page"),
            (0x00012000 | 4 << 5 | 2 << 1, Kind.PAGE_FILE, "page file, file 2, page 12, read write"),
            (4 << 5 | 1 << 1, Kind.PAGE_FILE, "page file, file 1, page 0, read write"),
            (0x00345000 | 1 << 11 | 1 << 5, Kind.TRANSITION, "in transition, page 345, read"),
            (0xFFFFF000 | 1 << 10 | 5 << 5, Kind.PROTOTYPE, "prototype, the VAD tells which, copy on write"),
            (1 << 10 | 3 << 11 | 5 << 1, Kind.PROTOTYPE, f"prototype, PTE {(3 << 7 | 5) * 4:08x}"),
        ):
            with self.subTest(words):
                self.assertEqual(kind, kind_of(value))
                self.assertEqual(words, describe(decode(value)))

    def test_prototype_pte_names_a_subsection(self) -> None:
        value = 1 << 10 | 3 << 11 | 5 << 1 | 1 << 5
        self.assertEqual(Kind.SUBSECTION, kind_of(value, prototype=True))
        self.assertEqual(f"subsection, at {0x82000000 + (3 << 4 | 5) * 8:08x}, read", describe(decode(value, True), 0x82000000))


class Tables(unittest.TestCase):
    def setUp(self) -> None:
        self.asked = 0
        directory = [0] * 1024
        directory[1], directory[2], directory[3] = 0x5001, 0x00800083, 4 << 5
        table = [0] * 1024
        table[0], table[7], table[1023] = 0x9003, 4 << 5, 0xA001
        raw = struct.pack("<1024I", *table)

        def read(number: int, frame: int) -> bytes:
            self.asked += 1
            self.assertEqual((1, 5), (number, frame))
            return raw

        self.tables = PageTables(struct.pack("<1024I", *directory), read)

    def test_entries_of_a_range_and_pages_in_memory(self) -> None:
        found = [(address, entry.kind) for address, entry in self.tables.entries(0, 0xFFFFFFFF)]
        self.assertEqual([(0x400000, Kind.VALID), (0x407000, Kind.DEMAND_ZERO), (0x7FF000, Kind.VALID), (0x800000, Kind.VALID)], found)
        self.assertEqual(1, self.asked)
        self.assertEqual([0x407000], [address for address, _ in self.tables.entries(0x401000, 0x7FEFFF)])
        self.assertEqual(2 + 1024, self.tables.resident(0, 0xFFFFFFFF))
        self.assertEqual(1 + 16, self.tables.resident(0x7FF000, 0x80FFFF))

    def test_entries_of_an_address(self) -> None:
        pte = self.tables.pte(0x407123)
        assert pte is not None
        self.assertEqual(Kind.DEMAND_ZERO, pte.kind)
        self.assertIsNone(self.tables.pte(0x800000))
        self.assertIsNone(self.tables.pte(0xC00000))
        self.assertEqual((Kind.DEMAND_ZERO, True), (self.tables.pde(0xC00000).kind, self.tables.pde(0x800000).large))
        self.assertEqual((0xC0200400, 0xC0300800), (pte_address(0x80100000), pde_address(0x80100000)))


class Ranges(unittest.TestCase):
    TABLE, ROOT, LEFT, RIGHT = 0x10, 0x100, 0x200, 0x300

    def setUp(self) -> None:
        self.memory = Bytes()
        self.memory.put(self.TABLE, self.ROOT, 3, self.LEFT)
        self.node(self.ROOT, 0, self.LEFT, self.RIGHT, 0x20, 0x2F)
        self.node(self.LEFT, self.ROOT, 0, 0, 0x10, 0x10)
        self.node(self.RIGHT, self.ROOT, 0, 0, 0x30, 0x3F)

    def node(self, at: int, parent: int, left: int, right: int, first: int, last: int, balance: int = 0) -> None:
        self.memory.put(at, parent, left, right, first, last, balance, 1 << 29 | 4 << 24 | 1 << 23 | 5)

    def tree(self) -> VadTree:
        return VadTree(self.memory.view, self.TABLE)

    def test_a_tree_in_order(self) -> None:
        tree = self.tree()
        self.assertEqual([], tree.wrong)
        self.assertEqual([(0x10000, 0x10FFF, 1), (0x20000, 0x2FFFF, 0), (0x30000, 0x3FFFF, 1)], [(vad.start, vad.end, vad.level) for vad in tree.vads])
        vad = tree.vads[0]
        self.assertEqual((5, 1, True, True, "private, read write"), (vad.commit, vad.pages, vad.private, vad.commits_untouched, vad.words))

    def test_each_kind_of_damage_is_named(self) -> None:
        for words, harm in (
            ("does not lie behind", lambda: self.node(self.LEFT, self.ROOT, 0, 0, 0x10, 0x20)),
            ("does not name its parent", lambda: self.node(self.LEFT, self.RIGHT, 0, 0, 0x10, 0x10)),
            ("ends before it begins", lambda: self.node(self.LEFT, self.ROOT, 0, 0, 0x11, 0x10)),
            ("Balance is 1", lambda: self.node(self.ROOT, 0, self.LEFT, self.RIGHT, 0x20, 0x2F, 1)),
            ("Balance is -1, its subtrees are 1 and 1 high", lambda: self.node(self.ROOT, 0, self.LEFT, self.RIGHT, 0x20, 0x2F, -1)),
            ("leads back into itself", lambda: self.node(self.RIGHT, self.ROOT, self.ROOT, 0, 0x30, 0x3F)),
            ("NumberOfNodes is 4", lambda: self.memory.put(self.TABLE + 4, 4)),
            ("NodeHint 0x00000400 is no node", lambda: self.memory.put(self.TABLE + 8, 0x400)),
        ):
            with self.subTest(words):
                self.setUp()
                harm()
                self.assertIn(words, "\n".join(self.tree().wrong))

    def test_tree_that_leans_is_named(self) -> None:
        self.node(self.ROOT, 0, 0, self.RIGHT, 0x20, 0x2F, 2)
        self.node(self.RIGHT, self.ROOT, 0, 0x400, 0x30, 0x3F, 1)
        self.node(0x400, self.RIGHT, 0, 0, 0x40, 0x4F)
        self.memory.put(self.TABLE, self.ROOT, 3, 0)
        self.assertIn("the tree is not balanced there", "\n".join(self.tree().wrong))


class WorkingSets(unittest.TestCase):
    SUPPORT, LIST, ENTRIES = 0x10, 0x100, 0x200

    def setUp(self) -> None:
        self.memory = Bytes()
        self.memory.put(self.SUPPORT, self.LIST, 2, 9, 50, 345, 7)
        self.memory.put(self.LIST, 1, 1, 2, self.ENTRIES, 3)
        # locked; free, then 3; in use at age 2; free, the last one
        self.memory.put(self.ENTRIES, 0xC0300000 | 3, 3 << 4, 0x00010000 | 2 << 10 | 1, 0xFFFFFFF0)

    def read(self) -> workingset.WorkingSet:
        return workingset.read(self.memory.view, self.SUPPORT)

    def test_a_list_in_order(self) -> None:
        found = self.read()
        self.assertEqual((), found.wrong)
        self.assertEqual((2, 9, 50, 345, 7), (found.size, found.peak, found.minimum, found.maximum, found.faults))
        self.assertEqual([(0xC0300, 0, True), (0x10, 2, False)], [(entry.page, entry.age, entry.locked) for entry in found.entries])
        self.assertEqual([1, 0, 1, 0], found.ages())

    def test_each_kind_of_damage_is_named(self) -> None:
        for words, at, value in (
            ("2 entries are valid, WorkingSetSize is 3", self.SUPPORT + 4, 3),
            ("entry 2 is valid, and LastEntry is 1", self.LIST + 8, 1),
            ("entry 0 is locked, and FirstDynamic is 0", self.LIST + 4, 0),
            ("the free list names entry 2", self.ENTRIES + 4, 2 << 4),
            ("the free list names entry 1", self.ENTRIES + 4, 1 << 4),
            ("entry 1 is not valid and not on the free list", self.LIST, 3),
            ("page c0300000 has several entries", self.ENTRIES + 8, 0xC0300001),
        ):
            with self.subTest(words):
                self.setUp()
                self.memory.put(at, value)
                self.assertIn(words, "\n".join(self.read().wrong))

    def test_process_without_a_list(self) -> None:
        self.memory.put(self.SUPPORT, 0)
        self.assertEqual(((), False, ()), (self.read().entries, self.read().listed, self.read().wrong))


@test_kernel.built
class OnTheKernel(unittest.TestCase):
    """A booted kernel of 16 MB on two processors."""

    guest: Guest

    @classmethod
    def setUpClass(cls) -> None:
        session = boot(Place(test_kernel.KERNEL, test_kernel.DRIVER, Machine(16, 2), ("ready",)))
        cls.addClassCleanup(session.close)
        cls.guest = guest_at(session)
        cls.tables = current(cls.guest)
        cls.regions = regions.read(cls.guest.view, cls.guest.sym("MmRegions"), 18)

    def test_both_ways_lead_to_the_same_tables(self) -> None:
        guest = self.guest
        other = of_directory(guest.machine.ram, guest.regs()["cr3"])
        everything = list(self.tables.entries(0, 0xFFFFFFFF))
        self.assertEqual(everything, list(other.entries(0, 0xFFFFFFFF)))
        self.assertGreater(len(everything), 100)

    def test_kernel_code_is_read_only_and_data_is_not(self) -> None:
        for module in self.guest.symbols.modules:
            for section in module.image.sections:
                pte = self.tables.pte(module.base + section.rva)
                if section.name.startswith(".debug") or pte is None or pte.kind is not Kind.VALID:
                    continue
                writable = bool(section.flags & 0x80000000)
                with self.subTest(f"{module.name} {section.name}"):
                    self.assertEqual((writable, False), (pte.writable, pte.user))
                    if section.flags & EXECUTABLE:
                        self.assertFalse(pte.writable)

    def test_tables_agree_with_the_processor_on_every_valid_page(self) -> None:
        for address, entry in self.tables.entries(0x80000000, 0xFFFFFFFF):
            if entry.kind is Kind.VALID and entry.frame << 12 < 16 << 20:
                self.assertEqual(entry.frame << 12, self.guest.space.physical(address))

    def test_frames_of_valid_pages_are_active(self) -> None:
        pages = Pages(self.guest.view, *map(self.guest.sym, PAGE_VARIABLES))
        self.assertEqual([], pages.wrong())
        self.assertEqual(self.guest.u32(self.guest.sym("MmNumberOfPhysicalPages")), sum(pages.count().values()))
        for address, entry in self.tables.entries(0x80000000, 0xFFBFFFFF):
            if entry.kind is Kind.VALID and entry.frame < len(pages.pages) and pages.pages[entry.frame].is_memory:
                self.assertEqual(ACTIVE, pages.pages[entry.frame].state, f"{address:08x}")

    def test_regions_rise_and_hold_what_is_mapped(self) -> None:
        self.assertIn("page frame database", [region.name for region in self.regions])
        for before, after in zip(self.regions, self.regions[1:]):
            self.assertLess(before.end, after.start)
        strays = [address for address, entry in self.tables.entries(0, 0xFFFFFFFF) if entry.kind is Kind.VALID
                  and not any(region.start <= address <= region.end for region in self.regions)]
        self.assertEqual([], [f"{address:08x}" for address in strays if address < 0xFFC00000])
        by_name = {region.name: regions.resident(self.tables, region) for region in self.regions}
        self.assertEqual(0, by_name["no access"])
        self.assertGreater(by_name["kernel, HAL, boot drivers"], 50)

    def test_pools_have_tags_and_no_more_frees_than_allocations(self) -> None:
        tags = pools.read(self.guest.view, self.guest.sym("PoolTrackTable"))
        self.assertIn("Thre", [tag.name for tag in tags])
        for tag in tags:
            self.assertGreaterEqual(tag.allocs + tag.paged_allocs, tag.frees + tag.paged_frees, tag.name)
            self.assertEqual(tag.allocs > tag.frees, tag.bytes > 0, tag.name)

    def test_ranges_of_the_system_process_are_in_order(self) -> None:
        guest = self.guest
        process = guest.u32(guest.sym("PsInitialSystemProcess"))
        space = process + guest.field("EPROCESS.AddressSpace")[0]
        tree = VadTree(guest.view, space + guest.field("MM_ADDRESS_SPACE.VadRoot")[0])
        self.assertEqual([], tree.wrong)
        found = workingset.read(guest.view, space + guest.field("MM_ADDRESS_SPACE.Vm")[0])
        self.assertEqual((), found.wrong)
        self.assertGreaterEqual(found.peak, found.size)

    def test_what_gdb_shows(self) -> None:  # TOL-06
        view, symbols = self.guest.view, self.guest.symbols
        self.assertRegex("\n".join(memorytables.pte(view, symbols, symbols.address("KiSwapThread"))),
                         r"PDE c0300800  \w{8}  valid, page \w+.*\n  PTE c0200\w{3}  \w{8}  valid, page \w+, read-only, kernel")
        self.assertEqual("  PDE c0300200  00000000  never used", memorytables.pte(view, symbols, 0x20000000)[-1])
        summary = "\n".join(memorytables.pfn(view, symbols, ""))
        self.assertRegex(summary, r"Free +\d+ pages")
        self.assertNotIn("wrong", summary)
        self.assertRegex("\n".join(memorytables.pfn(view, symbols, "0x100")), r"page 100: ActiveAndValid.*\n  ShareCount \d+, ReferenceCount \d+")
        self.assertIn("System: 0 ranges", memorytables.vad(view, symbols, "system")[0])
        with self.assertRaisesRegex(GraderError, "no process nobody; there are: .*System"):
            memorytables.vad(view, symbols, "nobody")

    def test_much_memory_is_read_in_a_moment(self) -> None:
        session = boot(Place(test_kernel.KERNEL, test_kernel.DRIVER, Machine(64), ("ready",)))
        self.addCleanup(session.close)
        guest = guest_at(session)
        begin = time.process_time()
        pages = Pages(guest.view, *map(guest.sym, PAGE_VARIABLES))
        spent = time.process_time() - begin
        self.assertGreater(len(pages.pages), 15000)
        self.assertLess(spent, 0.5)


if __name__ == "__main__":
    unittest.main()
