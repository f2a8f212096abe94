"""grader.building.linkable: what of an object reaches the linker, and what an image must look like after it."""

from __future__ import annotations

import shutil
import subprocess
import unittest
from dataclasses import replace
from pathlib import Path
from typing import List

from grader.building import linkable
from grader.images.pe import PeImage
from grader.tests.compiled import REFERENCE, CompiledCase

LINK = ["lld-link", "/machine:x86", "/nodefaultlib", "/dll", "/noentry", "/safeseh:no", "/timestamp:0", "/subsystem:native"]
OTHER = 'extern "C" __declspec(dllexport) int KeOther() { return 7; } extern "C" const int Table[4] = {1, 2, 3, 4};\n'


@unittest.skipUnless(shutil.which("lld-link"), "needs lld")
class LinkableTest(CompiledCase):
    """Objects that real tools make, washed and linked."""

    def objections(self, text: str, suffix: str = ".cpp") -> List[str]:
        return linkable.objections("ready.cpp", self.compile(text, suffix), self.compile(REFERENCE))

    def link(self, *objects: bytes) -> PeImage:
        paths = []
        for number, data in enumerate(objects):
            paths.append(Path(self._folder.name, f"{number}.obj"))
            paths[-1].write_bytes(data)
        image = Path(self._folder.name, f"image{len(list(Path(self._folder.name).glob('image*')))}.dll")
        subprocess.run([*LINK, f"/out:{image}", *map(str, paths)], check=True, capture_output=True)
        return PeImage.load(image)

    def test_what_a_compiler_makes_is_taken(self) -> None:
        text = (REFERENCE + "namespace { int Count; constinit int Filled = 3; const char* const Names[] = {\"a\", \"b\"}; }\n"
                "inline int Shared() { static int n; return n++; }\n"
                "int Use(int n) { switch (n) { case 0: return Count++; case 1: return Filled++; case 2: return Shared();\n"
                "case 3: return 9; case 4: return 77; default: return Names[n & 1][0]; } }\n")
        self.assertEqual([], self.objections(text))
        self.assertEqual([], self.objections(".text\n.globl _KiSelect@4\n_KiSelect@4: ret $4\n.data\n.long 1\n", ".S"))

    def test_orders_to_the_linker_are_refused(self) -> None:
        for line in ('#pragma comment(lib, "reference.obj")', '#pragma comment(linker, "/merge:.text=.data")',
                     '#pragma comment(linker, "/alternatename:_A=_B")', '#pragma comment(linker, "/entry:Mine")',
                     '#pragma comment(linker, "/export:KeSetEvent=_KiSelect@4")',
                     '#pragma comment(linker, "/EXPORT:_KiSelect@4,NONAME")'):
            with self.subTest(line):
                self.assertIn("directives to the linker", " ".join(self.objections(REFERENCE + line + "\n")))

    def test_an_order_that_hides_behind_a_sign_is_seen(self) -> None:
        for text in (r'/EXPORT:_KiSelect@4\0/section:.text,ERW', r'\0/merge:.rdata=.data', r'\t/merge:.rdata=.data\013/entry:A',
                     r'\357\273\277/merge:.rdata=.data', r'\"/merge:.rdata=.data\"', r'/EXPORT:\"_KiSelect@4\"/merge:.rdata=.data'):
            with self.subTest(text):
                line = f'.section .drectve,"yn"\n.ascii " {text} "\n'
                found = self.objections(".text\n.globl _KiSelect@4\n_KiSelect@4: ret $4\n" + line, ".S")
                self.assertIn("directives to the linker", " ".join(found))
                self.assertTrue(all(one.isprintable() for one in found), found)

    def test_a_washed_object_orders_nothing_but_its_exports(self) -> None:
        reference, other = self.compile(REFERENCE), self.compile(OTHER)
        orders = r'.section .drectve,"yn"' + "\n" + r'.ascii " /EXPORT:_KiSelect@4\0/merge:.rdata=.data /section:.text,ERW "' + "\n"
        hostile = self.compile(".text\n.globl _KiSelect@4\n_KiSelect@4: ret $4\n" + orders, ".S")
        bent, clean = self.link(hostile, other), self.link(linkable.washed(hostile, reference), other)
        self.assertTrue(any(section.writable and section.name == ".text" for section in bent.sections), "the linker obeys, unwashed")
        self.assertFalse(any(section.writable and section.name == ".text" for section in clean.sections))
        self.assertEqual(clean.exports, self.link(reference, other).exports)
        again = linkable.washed(reference, reference)
        self.assertEqual(linkable.washed(again, reference), again)
        self.assertEqual(self.link(again, other).exports, clean.exports)

    def test_sections_of_ones_own_are_refused(self) -> None:
        for line in ('.section .mine,"dw"\n.long 1', '.section INIT,"xr"\nret',
                     '.section .CRT$XCU,"dr"\n.long 1', '.section .idata$5,"dw"\n.long 1', '.section .gfids$y,"dr"\n.long 1',
                     '.section .text$mn,"xr"\nnop', '.section .reloc,"dw"\n.long 1'):
            with self.subTest(line):
                found = self.objections(line + "\n", ".S")
                self.assertEqual(1, len(found), found)
                self.assertRegex(found[0], "section .*(leave code and data|leave out the flags)")

    def test_flags_of_ones_own_are_refused(self) -> None:
        honest = self.compile(REFERENCE + "int Count = 3;\n")
        for number, part in enumerate(linkable.sections(honest)):
            if part.size and part.name != ".llvm_addrsig":
                bent = bytearray(honest)
                bent[20 + 40 * number + 39] ^= 0x80  # IMAGE_SCN_MEM_WRITE
                with self.subTest(part.name):
                    self.assertIn("section",
                                  " ".join(linkable.objections("a.cpp", bytes(bent), honest)))

    def test_sections_of_the_reference_are_taken(self) -> None:
        text = '__declspec(allocate(".kdcmd$m")) extern const int Command; const int Command = 3;'
        text = '#pragma section(".kdcmd$m", read)\n' + text + "\n"
        own = self.compile(text)
        self.assertEqual([], linkable.objections("a.cpp", own, own))
        self.assertNotEqual([], linkable.objections("a.cpp", own, self.compile(REFERENCE)))

    def test_an_image_is_the_courses_or_named(self) -> None:
        course = self.link(self.compile(REFERENCE), self.compile(OTHER))
        self.assertEqual([], linkable.image_objections(course, course))
        text = course.sections[0]
        bent = (
            ("sections", replace(course, sections=(replace(text, flags=text.flags | 0x80000000), *course.sections[1:]))),
            ("sections", replace(course, sections=course.sections[:1])),
            ("sections", replace(course, sections=(*course.sections, replace(text, name=".mine")))),
            ("sections", replace(course, sections=(course.sections[1], course.sections[0], *course.sections[2:]))),
            ("no longer exports", self.link(self.compile(REFERENCE))),
            ("makes? your arrays smaller|arrays smaller", replace(course, size=course.size + (70 << 20))),
        )
        for words, image in bent:
            with self.subTest(words):
                self.assertRegex(" ".join(linkable.image_objections(image, course)), words)
        more = self.link(self.compile(REFERENCE), self.compile(OTHER), self.compile('extern "C" __declspec(dllexport) int KeMore() { return 1; }'))
        self.assertIn("KeMore", " ".join(linkable.image_objections(more, course)))


if __name__ == "__main__":
    unittest.main()
