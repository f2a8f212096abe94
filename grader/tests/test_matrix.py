"""make matrix: which tools it finds, what counts as good, what it says of cells that judge differently."""

from __future__ import annotations

import contextlib
import io
import tempfile
import unittest
from pathlib import Path
from typing import List

from grader import labs
from grader.matrix import __main__ as matrix
from grader.matrix import cell, tools
from grader.matrix.cell import Cell
from grader.tests.fixture import READY, SWITCH, TreeCase

FULL = Cell("14.0.6", "7.2.22", 10.0, 0, "8/8", ("20/20", "50/50"), {"order": "pass", "bit": "pass"}, 3)


def change(**more: object) -> Cell:
    return Cell(**{**vars(FULL), **more})  # type: ignore[arg-type]


class Tools(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def place(self, name: str, version: str, *programs: str) -> Path:
        folder = self.root / name
        folder.mkdir()
        for program in programs:
            (folder / program).write_text(f"#!/bin/sh\necho 'tool version {version}'\n")
            (folder / program).chmod(0o755)
        return folder

    def test_each_release_once_in_order_and_what_it_lacks(self) -> None:
        places = [self.place("own", "14.0.6", *tools.NEEDED), self.place("b", "9.0.1", *tools.NEEDED),
                  self.place("twin", "14.0.6", *tools.NEEDED), self.place("alone", "19.1.7", "clang++"),
                  self.place("broken", "x", "clang++"), self.root / "nothing"]
        self.assertEqual([("9.0.1", ()), ("14.0.6", ()), ("19.1.7", tools.NEEDED[1:])],
                         [(one.version, one.lacks) for one in tools.compilers(places)])
        self.assertEqual(self.root / "own", tools.compilers(places)[1].folder)

    def test_release_without_its_linker_is_told_and_not_tried(self) -> None:
        alone = tools.compilers([self.place("alone", "19.1.7", "clang++")])[0]
        told = cell.try_out(None, alone, alone, (0,), self.root, self.root, 1, lambda text: None)  # type: ignore[arg-type]
        self.assertRegex(told.trouble, "^not tried: .* has no lld-link")


class Submission(TreeCase):
    def test_every_source_of_the_labs_gets_something_to_warn_about(self) -> None:
        target = self.home / "submission"
        cell.write_submission(self.tree, labs.load(self.tree), (1,), target)
        self.assertIn("MatrixRemark", (target / READY).read_text())
        self.assertNotIn("MatrixRemark", (target / SWITCH).read_text())


class Conclusion(unittest.TestCase):
    def conclude(self, *cells: Cell) -> "tuple[int, List[str]]":
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = matrix.conclude(cells)
        return code, said.getvalue().splitlines()

    def test_what_counts_as_good(self) -> None:
        self.assertTrue(FULL.good)
        for bad in (change(warnings=1), change(contracts="7/8"), change(scores=("19/20", "50/50")), change(scores=()),
                    change(trouble="the kernel does not build"), change(contracts=""), change(remarks=0)):
            self.assertFalse(bad.good, bad)
            self.assertEqual(1, self.conclude(FULL, bad)[0], bad)

    def test_all_alike_ends_with_0(self) -> None:
        code, said = self.conclude(FULL, change(compiler="19.1.7"))
        self.assertEqual((0, "2 of 2 pass"), (code, said[-1]))

    def test_verdicts_that_differ_are_named(self) -> None:
        other = change(compiler="19.1.7", verdicts={"order": "fail", "bit": "pass"})
        code, said = self.conclude(FULL, other)
        self.assertEqual(1, code)
        self.assertIn("  order: pass with 14.0.6 on 7.2.22; fail with 19.1.7 on 7.2.22", said)

    def test_good_release_outside_of_the_tested_range_is_named(self) -> None:
        self.assertTrue(any("clang 99.1.0" in line and "tested.txt" in line for line in self.conclude(change(compiler="99.1.0"))[1]))
        self.assertFalse(any("Passed outside" in line for line in self.conclude(FULL)[1]))

    def test_nothing_that_could_be_tried_is_no_success(self) -> None:
        self.assertEqual(1, self.conclude(change(trouble="not tried: no lld"))[0])


if __name__ == "__main__":
    unittest.main()
