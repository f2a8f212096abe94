"""Source lines on a page: which may be quoted, and how a hostile line is shown."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from grader.explore.shown import reader
from grader.timeline.sources import LINE_MAX, Sources, visible
from grader.tree import BRANCH_FILE, Tree

REFERENCE = """// free text
int Open;
// LAB(3.2) begin
int Secret = 1; // the trick
// LAB(3.2) else
//| LAB_NOT_IMPLEMENTED("3.2");
// LAB(3.2) end
int After;
"""


class ShownTest(unittest.TestCase):
    """shown.py: what a page that goes to a student may quote."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root, self.out = Path(folder.name) / "tree", Path(folder.name) / "tree/build/kernels/k"
        for name in ("kernel/ntos/ke/wait/wait.cpp", "kernel/ntos/ke/wait/wait_test.cpp", "solutions/3-s/hidden/a.cpp", "labs/4-m/tests/x.cpp",
                     "labs/3-s/tests/races.cpp", "labs/0-boot/seed.txt", "grader/tests/a.cpp", "kernel/tests/guest/a.cpp",
                     "kernel/inc/ke.h", "kernel/boot/a.cpp"):
            self.write(self.root / name, REFERENCE if name.endswith("wait.cpp") else "text\n")

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def read(self, name: str, lab: int = 3) -> "str | None":
        return reader(self.out, Tree(self.root, self.root / "build"), lab)(name)

    def test_reference_of_an_exercise_is_blanked_and_its_lines_keep_their_numbers(self) -> None:
        told = self.read("kernel/ntos/ke/wait/wait.cpp")
        self.assertNotIn("Secret", told)  # type: ignore[arg-type]
        self.assertNotIn("trick", told)  # type: ignore[arg-type]
        self.assertEqual("int After;", told.split("\n")[7])  # type: ignore[union-attr]
        self.assertIn("exercise 3.2: not shown", told.split("\n")[3])  # type: ignore[union-attr]

    def test_file_of_a_later_lab_is_not_quoted_at_all(self) -> None:
        self.assertIsNone(self.read("kernel/ntos/ke/wait/wait.cpp", lab=1))
        self.assertIsNone(self.read("labs/4-m/tests/x.cpp"))
        self.assertEqual("text\n", self.read("labs/3-s/tests/races.cpp"))

    def test_students_own_file_is_quoted_as_it_was_compiled(self) -> None:
        self.write(self.out / "student/kernel/ntos/ke/wait/wait.cpp", "mine\n")
        self.assertEqual("mine\n", self.read("kernel/ntos/ke/wait/wait.cpp"))

    def test_name_in_the_students_debug_information_opens_no_other_file(self) -> None:
        self.write(self.root.parent / "secret.cpp", "secret\n")
        (self.root / "kernel/ntos/ke/link.cpp").symlink_to(self.root.parent / "secret.cpp")
        for name in ("solutions/3-s/hidden/a.cpp", "labs/0-boot/seed.txt", "grader/tests/a.cpp", "kernel/tests/guest/a.cpp",
                     "kernel/ntos/ke/wait/wait_test.cpp", "kernel/ntos/../../../secret.cpp", str(self.root.parent / "secret.cpp"),
                     "kernel/ntos/ke/link.cpp", "kernel/ntos/ke/" + "a" * 5000 + ".cpp", "kernel/ntos/ke/\0.cpp", "", "kernel"):
            with self.subTest(name=name[:60]):
                self.assertIsNone(self.read(name))
        self.assertEqual("text\n", self.read("kernel/inc/ke.h"))

    def test_starter_that_the_kernel_was_not_built_from_is_not_quoted_in_a_branch(self) -> None:
        self.write(self.root / BRANCH_FILE, '{"lab": 3}')
        self.write(self.root / "kernel/ntos/ke/wait/wait.cpp", "int Open;\n// Exercise 3.2\nLAB_NOT_IMPLEMENTED;\n")
        self.assertIsNone(self.read("kernel/ntos/ke/wait/wait.cpp"))
        self.assertEqual("text\n", self.read("kernel/boot/a.cpp"))

    def test_tree_with_a_wrong_marker_quotes_nothing(self) -> None:
        self.write(self.root / "kernel/ntos/ke/wait/wait.cpp", "// LAB(3.2) begin\nint Secret;\n")
        self.assertIsNone(self.read("kernel/ntos/ke/wait/wait.cpp"))


class SourcesTest(unittest.TestCase):
    """timeline/sources.py"""

    def test_signs_that_hide_or_turn_text_are_shown_by_their_numbers(self) -> None:
        self.assertEqual("a<U+202E>b<U+2066>c<U+200B>d<U+0007>", visible("a\u202eb\u2066c\u200bd\x07"))
        self.assertEqual("    x é", visible("\tx é"))
        self.assertLess(len(visible("x" * 9999)), LINE_MAX + 5)

    def test_lines_are_counted_as_compilers_count_them(self) -> None:
        source = Sources(lambda name: "one\u2028still one\x0cstill\r\ntwo\nthree")
        self.assertEqual("two", source.excerpt("a.cpp:2").lines[1])  # type: ignore[union-attr]

    def test_place_that_makes_no_sense_has_no_excerpt(self) -> None:
        source = Sources(lambda name: "one\ntwo" if name == "a.cpp" else None)
        for place in ("", "a.cpp", "a.cpp:", "a.cpp:0", "a.cpp:9", "a.cpp:-1", "a.cpp:1e3", "b.cpp:1", "a.cpp:" + "9" * 5000, "a.cpp:\u0661"):
            with self.subTest(place=place[:20]):
                self.assertIsNone(source.excerpt(place))


if __name__ == "__main__":
    unittest.main()
