"""make coverage: IDs go to the right tests, and a row is done only by a test that passed."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from grader.coverage.join import join
from grader.coverage.page import render
from grader.coverage.rows import Row, read
from grader.coverage import scan
from grader.coverage.scan import ids_in, scan_cpp, scan_python
from grader.style.base import Tree

ROOT = Path(__file__).resolve().parents[2]


def row(name: str, scope: str = "slice") -> Row:
    return Row(name, "Item", "", "P*", scope, "AAA - Group")


class ScanTest(unittest.TestCase):
    def named(self, scan, text: str) -> "dict[str, set[str]]":
        return {each.name: set(each.ids) for each in scan("grader/tests/test_x.py", text.splitlines())}

    def test_ids_and_ranges(self) -> None:
        self.assertEqual({"AAA-01", "AAA-02", "AAA-03", "BBB-07"}, ids_in("AAA-01..03, BBB-07"))
        self.assertEqual({"AAA-01"}, ids_in("AAA-01: text in UTF-16 and UTF-32"))

    def test_each_row_that_a_test_names_is_there(self) -> None:
        tree = Tree.of(ROOT)
        covered, complaints = join(read(ROOT / "docs/feature-map.md"), scan.scan(ROOT, tree.files), [], scan.pages(ROOT, tree.files))
        self.assertEqual([], complaints)
        self.assertGreater(len(covered), 300)

    def test_cpp(self) -> None:
        text = ("// What this file proves. AAA-09\n\n#include <x>\n\n// AAA-01\nTEST(Queue, Empty) {\n    F(); // AAA-02\n}\n\n"
                "// AAA-03\n// and more\nGUEST_TEST(Switch) {\n}\nTEST_F(Queue, Full) {\n}\n")
        self.assertEqual({"Queue.Empty": {"AAA-01", "AAA-02", "AAA-09"}, "Switch": {"AAA-03", "AAA-09"},
                          "Queue.Full": {"AAA-09"}}, self.named(scan_cpp, text))

    def test_id_in_a_string_is_not_a_name(self) -> None:
        self.assertEqual({}, self.named(scan_cpp, 'TEST(A, B) {\n    Print("AAA-01");\n}\n'))

    def test_python(self) -> None:
        text = ("import x\n\nclass ATest(T):\n    # AAA-01\n    def test_one(self):\n        pass\n\n"
                "    def test_two(self):  # AAA-02\n        pass\n\n    def test_three(self):\n        pass\n")
        self.assertEqual({"grader.tests.test_x.ATest.test_one": {"AAA-01"}, "grader.tests.test_x.ATest.test_two": {"AAA-02"}},
                         self.named(scan_python, text))


class BookTest(unittest.TestCase):
    def test_a_page_does_a_row_of_documentation_and_no_other(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            page_of = Path(folder) / "docs/book/x.md"
            page_of.parent.mkdir(parents=True)
            page_of.write_text("# X\n\nRows: AAA-01, AAA-02, ZZZ-09\n\nAAA-03 is only mentioned.\n")
            pages = scan.pages(Path(folder), ("docs/book/x.md", "docs/other.md"))
        rows = [Row("AAA-01", "", "", "D", "", "AAA - G"), Row("AAA-02", "", "", "P", "", "AAA - G"), Row("AAA-03", "", "", "D", "", "AAA - G")]
        covered, complaints = join(rows, [], [], pages)
        self.assertEqual({"AAA-01": "done", "AAA-02": "missing", "AAA-03": "missing"}, {each.row.id: each.state for each in covered})
        self.assertIn("docs/book/x.md", render(covered, "slice"))
        self.assertTrue(len(complaints) == 1 and "ZZZ-09" in complaints[0], complaints)

    def test_each_page_is_one_page_with_one_figure_and_in_the_list(self) -> None:
        listed = (ROOT / "docs/book/README.md").read_text(encoding="utf-8")
        found = [path for path in sorted((ROOT / "docs/book").glob("*.md")) if path.name != "README.md"]
        self.assertTrue(found)
        for path in found:
            with self.subTest(page=path.name):
                text = path.read_text(encoding="utf-8")
                rows = ids_in(next(line for line in text.splitlines() if line.startswith("Rows: ")))
                self.assertEqual(1, text.count("```mermaid"))
                self.assertLessEqual(len(text.split()), 900)
                self.assertTrue(rows and all(f"{each}" in listed for each in rows) and f"({path.name})" in listed)


class JoinTest(unittest.TestCase):
    def covered(self, results, named=()):
        covered, complaints = join([row("AAA-01"), row("AAA-02")], list(named), results)
        return {each.row.id: each.state for each in covered}, complaints

    def test_states(self) -> None:
        named = scan_cpp("a_test.cpp", "// AAA-01\nTEST(A, B) {\n}\n// AAA-02\nTEST(A, C) {\n}\n".splitlines())
        states, _ = self.covered([{"ring": "host", "name": "A.B", "ok": True}], named)
        self.assertEqual({"AAA-01": "done", "AAA-02": "not run"}, states)
        states, _ = self.covered([{"ring": "host", "name": "A.B", "ok": False}], named)
        self.assertEqual("failing", states["AAA-01"])
        states, _ = self.covered([])
        self.assertEqual({"AAA-01": "missing", "AAA-02": "missing"}, states)

    def test_one_failure_spoils_a_row(self) -> None:
        states, _ = self.covered([{"ring": "g", "name": "x", "ok": True, "features": ["AAA-01"]},
                                  {"ring": "g", "name": "y", "ok": False, "features": ["AAA-01"]}])
        self.assertEqual("failing", states["AAA-01"])

    def test_unknown_row_is_told(self) -> None:
        named = scan_cpp("a_test.cpp", "// AAA-77\nTEST(A, B) {\n}\n".splitlines())
        self.assertIn("AAA-77", self.covered([], named)[1][0])

    def test_page_escapes(self) -> None:
        covered, _ = join([row("AAA-01")], [], [{"ring": "host", "name": "<b>", "ok": True, "features": ["AAA-01"]}])
        self.assertIn("host: &lt;b&gt;", render(covered, "slice"))


class MapTest(unittest.TestCase):
    def test_the_map_is_whole(self) -> None:
        table = read(ROOT / "docs" / "feature-map.md")
        ids = [each.id for each in table if not each.id.startswith("ERR")]
        self.assertEqual(309, len(ids))
        self.assertEqual(len(ids), len(set(ids)))
        self.assertEqual(71, sum(each.scope == "slice" for each in table))

    def test_reads_columns(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "map.md"
            path.write_text("## AAA - Group\n\n| ID | Item | What must hold | Tier | Scope |\n| --- | --- | --- | --- | --- |\n"
                            "| AAA-01 | One |  | D |  |\n| AAA-02 | Two | holds | P* | slice |\n")
            self.assertEqual([Row("AAA-01", "One", "", "D", "", "AAA - Group"),
                              Row("AAA-02", "Two", "holds", "P*", "slice", "AAA - Group")], read(path))


if __name__ == "__main__":
    unittest.main()
