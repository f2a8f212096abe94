"""Every access of an explored file has its point: objects as build.mk's explore flavour makes them of a student's file."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import List

from grader.building import hooked
from grader.images.coff import CoffFile

ROOT = Path(__file__).resolve().parents[2]
NAME = "kernel/ntos/ke/locks/spinlock.cpp"
HEAD = '#include "ke/ki.h"\n#include "rtl/string.h"\nstruct WORDS { ULONG Each[6]; };\nstruct THREE { UCHAR Each[3]; };\nextern "C" {\n'


@unittest.skipUnless(shutil.which("clang++") and shutil.which("llvm-objdump"), "needs clang")
class Objects(unittest.TestCase):

    def setUp(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)

    def made(self, text: str) -> bytes:
        out = Path(self._folder.name)
        source = out / "student" / NAME
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(HEAD + text + "\n}\n", encoding="ascii")
        target = out / "explore/obj" / (NAME[len("kernel/"):] + ".obj")
        target.unlink(missing_ok=True)
        subprocess.run(["make", "-s", "-f", "kernel/build.mk", str(target), f"O={out}", f"STUDENT={out}/student", f"EXERCISE_FILES={NAME}",
                        "MICA_EXPLORE=1"], cwd=ROOT, check=True, capture_output=True)
        return target.read_bytes()

    def said(self, text: str) -> List[str]:
        return hooked.objections(NAME, self.made(text))

    def names(self, text: str) -> List[str]:
        return [symbol.plain for symbol in CoffFile(self.made(text)).symbols() if symbol.demanded]

    def test_the_processor_is_not_asked_when_it_runs(self) -> None:
        for text, instruction in (('extern "C++" {\n#include "nt/timestamp.h"\n}\nULONG Late() { return ULONG(nt::ReadTimeStamp() >> 40); }', "rdtsc"),
                                  ('extern "C++" {\n#include "i386/cpu.h"\n}\nULONG Late() { return ULONG(nt::cpu::ReadMsr(0x10) >> 40); }', "rdmsr")):
            found = self.said(text)
            self.assertEqual(1, len(found), found)
            self.assertIn(f"Late asks the processor when or where it runs ({instruction})", found[0])

    def test_what_the_compiler_has_hooked_is_paid_for(self) -> None:
        for text in (
                "void Each(ULONG* a, volatile USHORT* b, ULONGLONG* c) { *a += 1; *b = 3; *c ^= *a; }",
                "int Choose(int* a, int b) { switch (b) { case 0: return a[1]; case 1: return a[2] + 1; case 2: return a[4] * 3; case 3: return *a;"
                " case 4: return a[9]; default: return 7; } }",
                "const int Table[] = {3, 5, 7, 11, 13}; int Look(int a) { return Table[a % 5]; }",
                "LONG Add(volatile LONG* a) { return InterlockedIncrement(a) + InterlockedExchange(a, 3); }",
                "LONGLONG Wide(volatile LONGLONG* a) { return InterlockedCompareExchange64(a, 3, 4); }",
                "ULONG Irql(KSPIN_LOCK* a) { KIRQL old; KeAcquireSpinLock(a, &old); KeReleaseSpinLock(a, old); return KeGetCurrentProcessorNumber(); }",
                "int Try(volatile int* a) { __try { return *a; } __except (EXCEPTION_EXECUTE_HANDLER) { return *a + 1; } }",
                "int Loop(LIST_ENTRY* a) { int n = 0; for (auto* e = a->Flink; e != a; e = e->Flink) n++; return n; }",
                "void Call(void (*const* a)(int)) { (*a)(3); }"):
            with self.subTest(text):
                self.assertEqual(self.said(text), [])

    def test_an_aligned_frame_with_handlers_is_the_routines_own(self) -> None:
        """Its base is %esi.  What is reached by another pointer needs its points as ever."""
        text = ("void Use(int*); struct GUARD { ~GUARD() { Use(nullptr); } };\n"
                "int Deep(volatile int* a) { GUARD guard; alignas(16) int here[4]; Use(here); Use(here + *a); return here[2]; }")
        self.assertIn(b"Deep", self.made(text))
        self.assertEqual(self.said(text), [])

    def test_whole_objects_are_filled_and_copied_word_by_word(self) -> None:
        for text, name in (("void Fill(WORDS* a) { *a = {}; }", "KxSetMemory"), ("void Copy(WORDS* a, const WORDS* b) { *a = *b; }", "KxCopyMemory"),
                           ("void Fill(UCHAR* a, ULONG n) { RtlZeroMemory(a, n); RtlCopyMemory(a, a + 9, 7); }", "KxCopyMemory"),
                           ("const THREE Odd = {{1, 0, 0}}; void Three(ULONG* a) { if (*a == 0) *(THREE*)a = Odd; }", "KxCopyMemory")):
            with self.subTest(text):
                self.assertEqual(self.said(text), [])
                self.assertIn(name, self.names(text))
                self.assertNotIn("memset", self.names(text))

    def test_what_has_no_point_is_named_with_its_line(self) -> None:
        bare = '__attribute__((no_sanitize("coverage"))) '
        for text, routine in ((bare + "void Store(ULONG* a) { *a = 1; }", "Store"), (bare + "ULONG Read(ULONG* a) { return *a; }", "Read"),
                              (bare + "void Both(ULONG* a) { *a += 4; }", "Both"),
                              ('void Set(ULONG* a) { __asm__ volatile("incl (%0)" : : "r"(a) : "memory"); }', "Set"),
                              ('void Fill(ULONG* a) { __asm__ volatile("rep stosl" : : "D"(a), "c"(4), "a"(0) : "memory"); }', "Fill"),
                              (bare + "ULONG Global() { static volatile ULONG value; return value++; }", "Global"),
                              (bare + "void Behind(ULONG* a, ULONG* b) { if (*a) *b = 1; }", "Behind")):
            with self.subTest(text):
                said = self.said(text)
                self.assertTrue(said and all(line.startswith(f"{NAME}:6:1: error: {routine} ") for line in said), said)

    def test_what_never_returns_has_no_hooks(self) -> None:
        self.assertEqual(self.said('void Stub(volatile ULONG* a) { (void)*a; LAB_NOT_IMPLEMENTED("3.2"); }'), [])
        said = self.said("void Take(volatile ULONG* a) { ULONG old = *a; *a = 1; RtlRaiseStatus(NTSTATUS(old)); }")
        self.assertEqual(len(said), 1, "an exception is caught by somebody: a race would happen in between")

    def test_a_hook_pays_for_one_access_on_every_path(self) -> None:
        twice = ('void Twice(ULONG* a, ULONG* b, int c) { if (c) (void)*(volatile ULONG*)a;'
                 ' ULONG v; __asm__ volatile("movl (%1), %0" : "=r"(v) : "r"(b) : "memory"); *a = v; }')
        self.assertEqual(len(self.said(twice)), 1)


if __name__ == "__main__":
    unittest.main()
