"""make check-style catches seeded violations: each rule is broken in a small tree of its own, and kept in its twin."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from grader.style import annotations, briefs, exceptions, folders, layers, layout, processor, sizes, tidy
from grader.style.base import Tree
from grader.style.commands import Command, options

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ("--target=i686-pc-windows-msvc", "-std=c++20", "-ffreestanding", "-fms-extensions", "-Ikernel/inc")


class StyleTest(unittest.TestCase):
    def tree(self, files: "dict[str, str]") -> Tree:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, text in files.items():
            path = Path(folder.name) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return Tree.of(Path(folder.name).resolve())

    def texts(self, findings) -> "list[str]":
        return [f"{finding.path}:{finding.line} {finding.text}" for finding in findings if not finding.warning]


class BriefsTest(StyleTest):
    def found(self, *lines: str, name: str = "kernel/inc/ke/x.h") -> "list[str]":
        return [text.split()[1] for text in self.texts(briefs.check(self.tree({name: "\n".join(lines) + "\n"})))]

    def test_sentence_above(self) -> None:
        for lines in (["/// A thing.", "struct X {"], ["/// A thing.", "/// shared: no", "struct X {"],
                      ["/// A thing.", "template <auto Link> class X {"], ["/// A thing.", "#if defined(A)", "union alignas(8) X {"],
                      ["/// A thing.", "enum class [[nodiscard]] X : LONG{};"], ["enum class X { A, B }; ///< A thing."]):
            self.assertEqual([], self.found(*lines), lines)

    def test_without_one(self) -> None:
        for lines in (["struct X {"], ["// A thing.", "struct X {"], ["/// A thing.", "", "struct X {"],
                      ["/// shared: its lock guards it", "/// and more", "struct X {"], ["/// @irql any", "struct X {"],
                      ["int a; ///< a number", "struct X : Y {"], ["template <auto Link> class X final {"],
                      ['struct CAPABILITY("spin lock") X {'], ["enum class X : UCHAR {"]):
            self.assertEqual(["X"], self.found(*lines), lines)

    def test_what_defines_nothing(self) -> None:
        self.assertEqual([], self.found("struct X;", "struct X* Make(struct Y* y);", "using X = struct Y;"))

    def test_inside_of_others_in_public_headers_only(self) -> None:
        lines = ("/// A thing.", "struct X {", "    struct Y {")
        self.assertEqual(["Y"], self.found(*lines))
        self.assertEqual([], self.found(*lines, name="kernel/ntos/ke/x.h"))
        self.assertEqual([], self.found("struct X {", name="kernel/tests/guest/x.h"))

    def test_this_tree_keeps_it(self) -> None:
        self.assertEqual([], self.texts(briefs.check(Tree.of(ROOT))))


class ExceptionsTest(StyleTest):
    WITHOUT = ["void F() NO_THREAD_SAFETY_ANALYSIS {", "}"]

    def found(self, lines: "list[str]", name: str = "kernel/ntos/ke/a.cpp") -> "list[str]":
        return self.texts(exceptions.check(self.tree({name: "\n".join(lines) + "\n"})))

    def test_exception_without_a_reason_is_found(self) -> None:
        for lines in (self.WITHOUT, ["/// What F does.", *self.WITHOUT], ["// A reason.", "void G() {}", *self.WITHOUT], ["// A reason.", "", *self.WITHOUT],
                      ["void F(int a,", "       int b) NO_THREAD_SAFETY_ANALYSIS {"]):
            with self.subTest(lines):
                self.assertEqual(1, len(self.found(lines)))
        self.assertEqual(1, len(self.found(self.WITHOUT, "labs/1-processes/tests/a.cpp")))

    def test_reason_stands_on_the_line_or_above_the_routine(self) -> None:
        for lines in (["// A reason.", *self.WITHOUT], ["void F() NO_THREAD_SAFETY_ANALYSIS { // a hint"],
                      ["/// What F does.", "// A reason.", *self.WITHOUT], ["// A reason.", "/// What F does.", *self.WITHOUT],
                      ["// A reason.", "void F(int a,", "       int b) NO_THREAD_SAFETY_ANALYSIS {"], ["// NO_THREAD_SAFETY_ANALYSIS is a word."],
                      ["void F() IMPLEMENTS_LOCK {"]):
            with self.subTest(lines):
                self.assertEqual([], self.found(lines))
        self.assertEqual([], self.found(self.WITHOUT, "kernel/inc/nt/annotations.h"))

    def test_every_exception_of_the_tree_has_its_reason(self) -> None:
        self.assertEqual([], self.texts(exceptions.check(Tree.of(ROOT))))


class LayersTest(StyleTest):
    FILES = {"kernel/inc/ke.h": "", "kernel/inc/mm.h": "", "kernel/inc/rtl.h": "", "kernel/inc/hal.h": "",
             "kernel/inc/ke/irql.h": "", "kernel/ntos/ke/ki.h": "", "kernel/ntos/mm/mi.h": ""}

    def found(self, name: str, *lines: str) -> "list[str]":
        return self.texts(layers.check(self.tree({**self.FILES, name: "\n".join(lines) + "\n"})))

    def test_down_is_allowed(self) -> None:
        self.assertEqual([], self.found("kernel/ntos/mm/pool.cpp", '#include "mi.h"', '#include "ke.h"', '#include "rtl.h"'))

    def test_up_is_not(self) -> None:
        self.assertEqual(["kernel/ntos/ke/wait/wait.cpp:2 ke stands below mm and may not include mm.h"],
                         self.found("kernel/ntos/ke/wait/wait.cpp", '#include "ke.h"', '#include "mm.h"'))

    def test_public_headers_stand_on_floors_too(self) -> None:
        self.assertEqual(["kernel/inc/rtl.h:1 rtl stands below ke and may not include ke.h"],
                         self.found("kernel/inc/rtl.h", '#include "ke.h"'))

    def test_hal_and_ke_share_a_contract_below_both(self) -> None:
        self.assertEqual([], self.found("kernel/inc/hal.h", '#include "ke/irql.h"'))

    def test_debugger_looks_at_everything_but_its_interface_is_low(self) -> None:
        files = {"kernel/inc/kd.h": "", "kernel/inc/ps.h": "", "kernel/ntos/ke/lifecycle/bugcheck.cpp": '#include "kd.h"\n'}
        tree = self.tree({**files, "kernel/ntos/kd/threads.cpp": '#include "ps.h"\n'})
        self.assertEqual([], layers.check(tree))

    def test_private_header_stays_in_its_folder(self) -> None:
        self.assertEqual([], self.found("kernel/ntos/ke/i386/trap.cpp", '#include "../ki.h"'))
        for include in ('#include "ki.h"', '#include "../ke/ki.h"', '#include "ke/ki.h"'):
            with self.subTest(include=include):
                self.assertEqual(["kernel/ntos/mm/fault.cpp:1 " + include.split('"')[1] + " is private to kernel/ntos/ke"],
                                 self.found("kernel/ntos/mm/fault.cpp", include))

    def test_host_headers_are_for_host_tests_only(self) -> None:
        self.assertEqual(["kernel/ntos/ke/wait/wait.cpp:1 <vector> is not freestanding"],
                         self.found("kernel/ntos/ke/wait/wait.cpp", "#include <vector>"))
        self.assertEqual([], self.found("kernel/ntos/ke/wait/wait_test.cpp", "#include <vector>"))

    def test_unknown_component_is_not_passed_over(self) -> None:
        self.assertEqual(1, len(self.found("kernel/inc/zz.h", "")))


class SizesTest(StyleTest):
    def test_long_file_needs_a_reason(self) -> None:
        tree = self.tree({"kernel/a.cpp": "int a;\n" * 501, "kernel/b.cpp": "// size: one table\n" + "int a;\n" * 501,
                          "grader/c.py": "a = 1\n" * 501, "kernel/d.cpp": "int a;\n" * 500})
        self.assertEqual(["grader/c.py", "kernel/a.cpp"],
                         [each.path for each in sizes.check(tree) if not each.warning])

    def test_warns_before(self) -> None:
        self.assertEqual([True], [each.warning for each in sizes.check(self.tree({"kernel/a.cpp": "int a;\n" * 301}))])


class FoldersTest(StyleTest):
    def test_every_room_has_a_readme(self) -> None:
        tree = self.tree({"kernel/ntos/ke/a.cpp": "", "kernel/ntos/mm/README.md": "", "kernel/ntos/README.md": "",
                          "kernel/README.md": "", "kernel/ntos/ke/i386/b.cpp": ""})
        self.assertEqual(["kernel/ntos/ke/README.md"], [each.path for each in folders.check(tree)])

    def test_each_part_of_the_grader_says_what_it_is(self) -> None:
        tree = self.tree({"grader/README.md": "", "grader/judge/runner.py": "", "grader/guest/README.md": "", "grader/tests/test_a.py": ""})
        self.assertEqual(["grader/judge/README.md"], [each.path for each in folders.check(tree)])

    def test_each_part_of_the_grader_has_one_figure(self) -> None:
        figures = {path.parent.name: path.read_text().count("```mermaid\n") for path in ROOT.glob("grader/*/README.md")}
        self.assertGreater(len(figures), 20)
        self.assertEqual({}, {name: count for name, count in figures.items() if count != 1})


class ProcessorTest(StyleTest):
    def test_assembly_belongs_into_i386(self) -> None:
        tree = self.tree({"kernel/ntos/ke/a.cpp": 'void F() {\n    __asm__("cli");\n}\n',
                          "kernel/ntos/ke/i386/b.cpp": '__asm__("cli");\n', "kernel/ntos/ke/c.cpp": "// __asm__ here\n"})
        self.assertEqual(["kernel/ntos/ke/a.cpp:2"], [f"{each.path}:{each.line}" for each in processor.check(tree)])


class LayoutTest(StyleTest):
    def test_unformatted_source(self) -> None:
        tree = self.tree({".clang-format": (ROOT / ".clang-format").read_text(), "kernel/a.cpp": "int   F( ) { return 1;}\n",
                          "kernel/b.cpp": "int F() { return 1; }\n"})
        self.assertEqual(["kernel/a.cpp"], [each.path for each in layout.check(tree)])
        layout.check(tree, write=True)
        self.assertEqual([], layout.check(tree))


class AnnotationsTest(StyleTest):
    HEADER = """// A file. Locks: "D" fields are guarded by the dispatcher lock.
#pragma once
#define GUARDED_BY(x) __attribute__((guarded_by(x)))
struct __attribute__((capability("spin lock"))) KSPIN_LOCK { int Value; };
"""

    def found(self, text: str, source: str = '#include "ke/a.h"\n') -> "list[str]":
        tree = self.tree({"kernel/inc/ke/a.h": self.HEADER + text, "kernel/ntos/ke/a.cpp": source})
        commands = [Command("kernel/ntos/ke/a.cpp", "clang++", FLAGS)]
        return [f"{each.path.split('/')[-1]}:{each.line}" for each in annotations.check(tree, commands)
                if each.line > 4 or each.path.endswith(".cpp")]

    def test_bare_field(self) -> None:
        self.assertEqual(["a.h:6"], self.found("struct A {\n    int Bare;\n};\n"))

    def test_answers(self) -> None:
        self.assertEqual([], self.found("""struct A {
    KSPIN_LOCK Lock;
    int Guarded GUARDED_BY(Lock);
    int Keyed;  // D; the reason
    int Said;   // shared: written once, at boot
    // shared: own processor only
    int Above;
    const int Fixed = 1;
};
"""))

    def test_unknown_key_is_no_answer(self) -> None:
        self.assertEqual(["a.h:6"], self.found("struct A {\n    int Bare; // Q: no legend explains Q\n};\n"))

    def test_ordinary_comment_is_no_answer(self) -> None:
        self.assertEqual(["a.h:6"], self.found("struct A {\n    int Bare; // Delivered later\n};\n"))

    def test_struct_may_answer_for_its_fields(self) -> None:
        self.assertEqual([], self.found("// One of them.\n// shared: never after boot\nstruct A {\n    int B;\n    int C;\n};\n"))

    def test_structure_of_one_source_is_its_own_affair(self) -> None:
        self.assertEqual([], self.found("", "struct Row {\n    int Code;\n};\nstatic const Row Table[] = {{1}};\n"))

    def test_globals(self) -> None:
        self.assertEqual(["a.cpp:2", "a.cpp:5"], self.found("", """#include "ke/a.h"
int KiBare;
const int KiConst = 1;
int KiSaid; // shared: interlocked
namespace { int Hidden; }
KSPIN_LOCK KiLock;
"""))

    def test_extern_is_asked_where_it_is_defined(self) -> None:
        self.assertEqual(["a.cpp:2"], self.found("extern int KiCount;\n", '#include "ke/a.h"\nint KiCount;\n'))


class TidyTest(StyleTest):
    def test_mistake_is_found_and_a_clean_file_is_remembered(self) -> None:
        tree = self.tree({".clang-tidy": (ROOT / ".clang-tidy").read_text(),
                          "kernel/a.cpp": "bool F(int a) { return a == 1 || a == 1; }\n",
                          "kernel/b.cpp": "bool F(int a) { return a == 1; }\n"})
        cache = tree.root / "cache"
        commands = [Command(f"kernel/{name}.cpp", "clang++", FLAGS) for name in "ab"]
        found = tidy.check(tree, commands, cache, 2)
        self.assertEqual({"kernel/a.cpp"}, {each.path for each in found}, found)
        self.assertEqual(1, len(list(cache.iterdir())))


class CommandsTest(unittest.TestCase):
    def test_options_leave_out_input_and_output(self) -> None:
        words = ["-O2", "-MMD", "-MF", "x.d", "-c", "kernel/a.cpp", "-o", "x.obj", "-Ikernel/inc"]
        self.assertEqual(("-O2", "-Ikernel/inc"), options(words, Path("/r/kernel/a.cpp"), "/r"))


if __name__ == "__main__":
    unittest.main()
