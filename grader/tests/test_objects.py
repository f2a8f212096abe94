"""grader.building.objects on objects that the course's compiler makes: what is taken, what is refused, and why."""

from __future__ import annotations

import unittest
from typing import List

from grader.building import linkable, objects
from grader.images import coff
from grader.tests.compiled import REFERENCE, CompiledCase, is_timeless

COURSEWARE = {"KdTestPoint": {"_KdTestPoint@4"}, "LabScratch": {"_LabScratch"}, "KiSelect": {"_KiSelect@4"}, "KeLength": {"_KeLength@4"}}


class ObjectTest(CompiledCase):
    """Objections to one student file that stands in for REFERENCE."""

    def objections(self, text: str, suffix: str = ".cpp") -> List[str]:
        return objects.objections("ready.cpp", self.compile(text, suffix), self.compile(REFERENCE), COURSEWARE)

    def test_the_exercise_itself_is_taken(self) -> None:
        self.assertEqual([], self.objections(REFERENCE))

    def test_helpers_and_statics_are_taken(self) -> None:
        text = ("namespace { int KdTestPoint; } int Helper() { return KdTestPoint++; }\n"
                "inline int Shared() { static int n; return n++; } int Use() { return Shared(); }\n")
        self.assertEqual([], self.objections(REFERENCE + text))

    def test_a_name_in_another_decoration_is_refused(self) -> None:
        for text in ('extern "C" int __cdecl KdTestPoint(int a) { return a; }', "int KdTestPoint(int a) { return a; }",
                     'extern "C" char LabScratch[64]; char LabScratch[64];'):
            with self.subTest(text):
                found = self.objections(REFERENCE + text + "\n")
                self.assertEqual(1, len(found), found)
                self.assertIn("a name of the courseware", found[0])

    def test_an_inline_routine_of_a_header_is_taken_as_the_header_has_it(self) -> None:
        inline = 'extern "C" __attribute__((used)) inline int {} KeLength(int a) {{ return a; }}\n'
        self.assertEqual([], self.objections(REFERENCE + inline.format("__stdcall")))
        for other in ("__cdecl", "__fastcall"):  # a row `KeLength` of a .def would find it
            self.assertIn("defines KeLength", " ".join(self.objections(REFERENCE + inline.format(other))), other)

    def test_assembly_is_read_as_well(self) -> None:
        for line in (".globl _KdTestPoint\n_KdTestPoint: ret", ".comm _LabScratch, 64",
                     ".weak _KdTestPoint\n_KdTestPoint: ret", ".globl _LabScratch\n_LabScratch = 0x1234"):
            with self.subTest(line):
                self.assertIn("a name of the courseware", " ".join(self.objections(line + "\n", ".S")))

    def test_devices_are_none_of_an_explored_exercises_business(self) -> None:
        port = 'extern "C" __declspec(dllimport) void __stdcall WRITE_PORT_UCHAR(unsigned short, unsigned char); void Busy() { WRITE_PORT_UCHAR(1, 2); }\n'
        student, reference = self.compile(REFERENCE + port), self.compile(REFERENCE)
        self.assertEqual([], objects.objections("a.cpp", student, reference, {}))
        self.assertIn("uses WRITE_PORT_UCHAR", objects.objections("a.cpp", student, reference, {}, explored=True)[0])
        self.assertEqual([], objects.objections("a.cpp", student, student, {}, explored=True))

    def test_how_late_it_is_matters_where_the_reference_asks_for_it_only(self) -> None:
        late = 'struct T { unsigned low; }; extern "C" __declspec(dllimport) T KeTickCount; bool Late() { return KeTickCount.low > 120000; }\n'
        direct = 'extern "C" unsigned long long __stdcall KeQueryInterruptTime(); bool Late() { return KeQueryInterruptTime() > 9; }\n'
        reference = self.compile(REFERENCE)
        for text, name in ((late, "KeTickCount"), (direct, "KeQueryInterruptTime")):
            student = self.compile(REFERENCE + text)
            self.assertTrue(is_timeless([reference]))
            self.assertFalse(is_timeless([reference, student]))
            self.assertEqual([], objects.objections("a.cpp", student, reference, {}, True, False))
            self.assertIn(f"uses {name}: nothing in this exercise depends on how late it is",
                          objects.objections("a.cpp", student, reference, {}, True, True)[0])

    def test_explorers_own_data_is_not_to_be_named(self) -> None:
        points = ('extern "C" __declspec(dllimport) volatile unsigned KxActive; extern "C" void __stdcall KxReachPoint(int, int);\n'
                  "unsigned Point() { KxReachPoint(1, 2); return KxActive; }\n")
        self.assertEqual([], self.objections(REFERENCE + points))
        scheduler = "struct T; void __fastcall KxQueueReadyThread(T*, int); void Put(T* thread) { KxQueueReadyThread(thread, 1); }\n"
        self.assertEqual([], self.objections(REFERENCE + scheduler), "a name of the books")
        for text in ('extern "C" int KxControl; int Forge() { return KxControl = 1; }',
                     "struct KX_RUN { int Quota; }; extern KX_RUN KxRun; int Forge() { return KxRun.Quota = 9; }",
                     'extern "C" void __cdecl KxSetActive(unsigned); int Forge() { KxSetActive(0); return 1; }'):
            with self.subTest(text):
                self.assertIn("belongs to the explorer", " ".join(self.objections(REFERENCE + text + "\n")))

    def test_an_object_of_another_form_is_the_files_verdict(self) -> None:
        reference = self.compile(REFERENCE)
        for broken in (b"", b"\0\0\xff\xff" + reference, b"\x7fELF" + bytes(60), reference[:100], reference[:-3], b"MZ" + bytes(80)):
            found = objects.objections("ready.cpp", broken, reference, COURSEWARE)
            self.assertEqual(1, len(found), found)
            self.assertRegex(found[0], r"\Aready\.cpp: error: compiles to no object file that can be read: .*")

    def test_a_damaged_table_is_refused_and_never_half_read(self) -> None:
        whole = self.compile(REFERENCE + "static int Hidden(int a) { return a * a; } int Use(int a) { return Hidden(a); }\n")
        names = coff.CoffFile(whole).symbols()
        for end in range(len(whole)):
            try:
                seen = coff.CoffFile(whole[:end]).symbols()
            except coff.CoffError:
                continue
            self.assertEqual(names, seen, end)
        for place in range(0, len(whole), 3):
            damaged = whole[:place] + b"\xff\xff\xff\xff" + whole[place + 4:]
            try:
                objects.definitions(damaged), linkable.sections(damaged), objects.local_names(damaged)
            except coff.CoffError:
                pass


if __name__ == "__main__":
    unittest.main()
