"""Regions: what students get, what stays, and every way in which the markers can be wrong."""

from __future__ import annotations

import unittest

from grader.errors import GraderError
from grader.handout.regions import split

SOURCE = """void A() {
    // LAB(1.1) begin
    Insert();
    // LAB(1.1) else
    //| LAB_NOT_IMPLEMENTED("1.1");
    //|
    //|     return;
    // LAB(1.1) end
}
# LAB(1.2) begin
    ret
# LAB(1.2) end
"""


class Split(unittest.TestCase):
    """A well-formed source."""

    def test_reference_has_the_code_and_no_marker(self) -> None:
        self.assertEqual(split("a.cpp", SOURCE).reference,
                         "void A() {\n    // Exercise 1.1\n    Insert();\n}\n# Exercise 1.2\n    ret\n")

    def test_starter_has_the_stub_with_its_indentation(self) -> None:
        self.assertEqual(
            split("a.cpp", SOURCE).starter,
            "void A() {\n    // Exercise 1.1\n    LAB_NOT_IMPLEMENTED(\"1.1\");\n\n        return;\n}\n# Exercise 1.2\n"
        )

    def test_exercises(self) -> None:
        self.assertEqual(split("a.cpp", SOURCE).exercises, {"1.1", "1.2"})

    def test_text_without_regions_is_unchanged(self) -> None:
        text = "int a; // LABEL (x)\r\n\n"
        self.assertEqual((split("a", text).reference, split("a", text).starter), (text, text))


class Wrong(unittest.TestCase):
    """A malformed source names file and line."""

    def refused(self, text: str, pattern: str) -> None:
        with self.assertRaisesRegex(GraderError, pattern):
            split("a.cpp", text, known=["1.1", "1.2"])

    def test_nested(self) -> None:
        self.refused("// LAB(1.1) begin\n// LAB(1.2) begin\n",
                     r"a\.cpp:2: LAB\(1\.2\) begins inside LAB\(1\.1\) of line 1")

    def test_no_end(self) -> None:
        self.refused("\n// LAB(1.1) begin\n", r"a\.cpp:2: LAB\(1\.1\) has no end")

    def test_end_of_another(self) -> None:
        self.refused("// LAB(1.1) begin\n// LAB(1.2) end\n", r"a\.cpp:2: LAB\(1\.2\) end without its begin")

    def test_else_without_begin(self) -> None:
        self.refused("// LAB(1.1) else\n", r"a\.cpp:1: LAB\(1\.1\) else without its begin")

    def test_two_elses(self) -> None:
        self.refused("// LAB(1.1) begin\n// LAB(1.1) else\n// LAB(1.1) else\n", r"a\.cpp:3: a second else")

    def test_unknown_exercise(self) -> None:
        self.refused("// LAB(9.1) begin\n", r"a\.cpp:1: there is no exercise 9\.1")

    def test_unknown_word(self) -> None:
        self.refused("// LAB(1.1) start\n", r"a\.cpp:1: .*must be begin, else or end")

    def test_marker_after_code(self) -> None:
        self.refused("int a; // LAB(1.1) begin\n", r"a\.cpp:1: .*alone on its line")

    def test_live_code_in_the_stub(self) -> None:
        self.refused("// LAB(1.1) begin\n// LAB(1.1) else\nreturn;\n// LAB(1.1) end\n",
                     r"a\.cpp:3: a stub line starts with")


if __name__ == "__main__":
    unittest.main()
