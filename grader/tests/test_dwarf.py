"""Names of fields from debug information: what an access to a variable touches, and what hostile information may do."""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from typing import Dict

from grader.explore.lines import Known, Lines, Published
from grader.images import dwarf
from grader.images.dwarfentries import ARRAY, BASE, MEMBER, STRUCTURE, SUBRANGE, TYPEDEF, Entry, printable
from grader.images.pe import PeImage
from grader.images.symbols import Module, Symbols
from grader.timeline.names import Names
from grader.views.fields import Layout

SOURCE = """
typedef int LONG; typedef unsigned char UCHAR; typedef unsigned short USHORT; typedef unsigned long long ULONGLONG;
struct LIST_ENTRY { LIST_ENTRY* Flink; LIST_ENTRY* Blink; };
struct DISPATCHER_HEADER { UCHAR Type; UCHAR Size; USHORT Other; volatile LONG SignalState; LIST_ENTRY WaitListHead; };
struct KEVENT { DISPATCHER_HEADER Header; };
struct KTHREAD { DISPATCHER_HEADER Header; LONG Priority; };
struct KMUTANT { DISPATCHER_HEADER Header; LIST_ENTRY MutantListEntry; KTHREAD* OwnerThread; UCHAR Abandoned; };
union SLIST_HEADER { ULONGLONG Alignment; struct { LIST_ENTRY* Next; USHORT Depth; USHORT Sequence; }; };
struct EX_PUSH_LOCK { union { struct { unsigned Locked : 1; unsigned Waiting : 1; unsigned Rest : 30; }; unsigned Value; void* Ptr; }; };
struct Flags { unsigned One : 1; unsigned Two : 1; UCHAR Last; };
struct Base { LONG Inherited; };
struct Derived : Base { const LONG Own[2][3]; KEVENT Done; };
struct Later;
struct Scenario { static inline KMUTANT Subject; static inline Later* Hidden; static inline KTHREAD* Owners[2]; };
struct Later { LONG A; KEVENT B; };
extern "C" {
KMUTANT Mutant; KEVENT Forks[5]; SLIST_HEADER Head; EX_PUSH_LOCK Lock; Flags Bits; volatile LONG Counter;
extern Derived Thing; Derived Thing = { {1}, {{1,2,3},{4,5,6}}, {} };
char Name[64];
KTHREAD Thread;
int KxDescribe(int n) { static LONG Calls; Scenario::Subject.Abandoned = 1; Scenario::Hidden->B.Header.SignalState = n;
  Scenario::Owners[1] = &Thread; return ++Calls + Thing.Own[0][n] + Name[n] + Mutant.Abandoned + Forks[n].Header.Type + Head.Depth + Lock.Value + Bits.One + Counter; }
}
"""
COMPILE = ["clang++", "--target=i686-pc-windows-msvc", "-ffreestanding", "-std=c++20", "-O1", "-fms-extensions", "-gdwarf-4", "-c"]


@unittest.skipUnless(shutil.which("clang++") and shutil.which("lld-link"), "needs clang and lld")
class FieldsTest(unittest.TestCase):  # TOL-07
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        where = Path(cls.folder.name)
        (where / "t.cpp").write_text(SOURCE)
        subprocess.run([*COMPILE, "t.cpp", "-o", "t.obj"], cwd=where, check=True)
        subprocess.run(["lld-link", "/nologo", "/dll", "/noentry", "/nodefaultlib", "/machine:x86", "/safeseh:no", "/debug:dwarf",
                        "/export:KxDescribe", "/out:t.sys", "t.obj"], cwd=where, check=True)
        cls.image = PeImage.load(where / "t.sys")
        cls.symbols = Symbols([Module("t.sys", cls.image, 0x90000000)])

    def told(self, name: str, offset: int = 0, size: int = 0) -> str:
        return self.symbols.variable(self.symbols.address(name) + offset, size)

    def test_access_is_told_by_the_member_that_holds_it(self) -> None:
        for name, offset, size, expected in (
                ("Mutant", 4, 4, "Mutant.Header.SignalState"), ("Mutant", 24, 4, "Mutant.OwnerThread"),
                ("Mutant", 0, 1, "Mutant.Header.Type"), ("Mutant", 16, 8, "Mutant.MutantListEntry"),
                ("Forks", 36, 4, "Forks[2].Header.SignalState"), ("Counter", 0, 4, "Counter"),
                ("Thing", 0, 4, "Thing.Inherited"), ("Thing", 24, 4, "Thing.Own[1][2]"), ("Thing", 32, 4, "Thing.Done.Header.SignalState"),
                ("Name", 7, 1, "Name[7]"), ("Name", 8, 4, "Name[8..11]")):
            with self.subTest(name=name, offset=offset):
                self.assertEqual(expected, self.told(name, offset, size))

    def test_member_that_fits_is_shown_of_a_union(self) -> None:
        for offset, size, expected in ((0, 8, "Head.Alignment"), (0, 4, "Head.Next"), (4, 2, "Head.Depth"), (6, 2, "Head.Sequence"),
                                       (4, 4, "Head.{Depth, Sequence}")):
            with self.subTest(offset=offset, size=size):
                self.assertEqual(expected, self.told("Head", offset, size))
        self.assertEqual("Lock.Value", self.told("Lock", 0, 4))

    def test_access_to_several_members_names_them(self) -> None:
        self.assertEqual("Mutant.Header.{Type, Size}", self.told("Mutant", 0, 2))
        self.assertEqual("Bits.{One, Two}", self.told("Bits", 0, 1))
        self.assertEqual("Mutant.Header.{SignalState, WaitListHead}", self.told("Mutant", 4, 8))

    def test_object_is_told_without_its_fields(self) -> None:
        self.assertEqual("Mutant", self.told("Mutant"))
        self.assertEqual("Forks[3]", self.told("Forks", 48))
        self.assertEqual("Thing.Done", self.told("Thing", 28))
        names = Names(self.symbols)
        self.assertEqual("Forks[3]", names.object(self.symbols.address("Forks") + 48, 0))

    def test_static_variable_of_a_routine_is_known(self) -> None:
        self.assertIn("Calls", [one.name for one in dwarf.read(self.image).variables])  # type: ignore[union-attr]

    def test_static_member_has_its_scope(self) -> None:
        self.assertEqual("Scenario::Subject.Abandoned", self.told("Scenario::Subject", 28, 1))

    def published(self, name: str, base: int) -> Lines:
        debug = dwarf.read(self.image)
        variable = next(one for one in debug.variables if one.name == name)  # type: ignore[union-attr]
        kind = debug.target(debug.elements(variable.type)[0])  # type: ignore[union-attr]
        known = Known(base - 16, 4096, "Actor 0", "KTHREAD")
        return Lines(self.symbols, [known], Layout({"KTHREAD.State": (0, 4)}, {"KTHREAD": 4096}),
                     [Published(base, debug.size(kind), name, kind, debug)])  # type: ignore[union-attr, arg-type]

    def test_object_that_a_pointer_publishes_is_told_through_it(self) -> None:
        lines = self.published("Hidden", 0x81000000)
        self.assertEqual("Hidden->B.Header.SignalState", lines.variable(0x81000008, 4), "declared first, defined later")
        self.assertEqual("Hidden->A", lines.variable(0x81000000, 4))
        self.assertNotIn("Hidden", lines.variable(0x81000000 + 24, 4), "behind it there is something else")

    def test_thread_is_told_to_its_innermost_field(self) -> None:
        lines = Lines(self.symbols, [Known(0x81000000, 512, "Actor 0", "KTHREAD")], Layout({"KTHREAD.Header": (0, 16)}, {}))
        self.assertEqual("KTHREAD.Header.SignalState of Actor 0", lines.variable(0x81000004, 4))

    def test_image_without_debug_information_falls_back_to_its_symbols(self) -> None:
        where = Path(self.folder.name)
        objcopy = next(filter(None, map(shutil.which, ("llvm-objcopy", *(f"llvm-objcopy-{n}" for n in range(22, 13, -1))))), None)
        self.assertIsNotNone(objcopy)
        subprocess.run([str(objcopy), "--strip-debug", "t.sys", "bare.sys"], cwd=where, check=True)
        image = PeImage.load(where / "bare.sys")
        self.assertIsNone(dwarf.read(image))
        lines = Lines(Symbols([Module("bare.sys", image, 0x90000000)]))
        self.assertEqual("Mutant+0x18", lines.variable(0x90000000 + image.symbols["Mutant"].rva + 24, 4))

    def test_hostile_debug_information_neither_raises_nor_lasts(self) -> None:
        draw = random.Random(8)
        began = time.process_time()
        places = [one for one in self.image.sections if one.name.startswith(".debug")]
        for number in range(60):
            data = bytearray(self.image.data)
            for one in places:
                for _ in range(draw.randrange(1, 40)):
                    data[one.offset + draw.randrange(one.file_size)] = draw.randrange(256)
            broken = PeImage(self.image.path, bytes(data), *[getattr(self.image, name) for name in (
                "base", "size", "entry", "header_size", "sections", "directories")])
            debug = dwarf.read.__wrapped__(broken)
            for variable in debug.variables if debug else ():
                for size in (0, 1, 4, 8):
                    self.assertRegex(debug.path(variable.type, draw.randrange(64), size), r"^[ -~]*$")  # type: ignore[union-attr]
        self.assertLess(time.process_time() - began, 30)


class CyclesTest(unittest.TestCase):
    """Types that lead to themselves."""

    def debug(self, entries: Dict[int, Entry]) -> dwarf.Debug:
        return dwarf.Debug(entries, 0, 1 << 20)

    def test_type_that_is_itself_has_no_size(self) -> None:
        made = self.debug({1: Entry(TYPEDEF, "T", type=1), 2: Entry(ARRAY, type=2, children=[3]),
                           3: Entry(SUBRANGE, count=9)})
        self.assertEqual((0, 0), (made.size(1), made.size(2)))

    def test_structure_inside_itself_ends(self) -> None:
        members = {10 + n: Entry(MEMBER, f"m{n}", type=1) for n in range(12)}
        made = self.debug({1: Entry(STRUCTURE, "S", size=64, children=list(members)), **members})
        self.assertRegex(made.path(1, 0, 4), r"^(\.m0)*$")
        nameless = {10 + n: Entry(MEMBER, "", type=1) for n in range(12)}
        made = self.debug({1: Entry(STRUCTURE, "S", size=64, children=list(nameless)), **nameless})
        self.assertEqual("", made.path(1, 0, 4))

    def test_array_of_more_elements_than_memory_is_no_loop(self) -> None:
        made = self.debug({1: Entry(BASE, "char", size=1), 2: Entry(ARRAY, type=1, children=[3]),
                           3: Entry(SUBRANGE, count=1 << 60)})
        self.assertEqual(0, made.size(2))
        self.assertLessEqual(made.elements(2)[1], 1 << 16)

    def test_names_are_short_and_printable(self) -> None:
        self.assertEqual("a?b?", printable("a\x1bb\u202e".encode()))
        self.assertEqual(80, len(printable(b"x" * 5000)))




if __name__ == "__main__":
    unittest.main()
