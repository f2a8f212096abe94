"""`make mytest` as a student sees it: his scenarios, one line each, on a kernel with his files of one exercise."""

from __future__ import annotations

import argparse
import contextlib
import io
from pathlib import Path
from typing import Dict
from unittest import mock

from grader.commands import mytest as command
from grader.errors import GraderError
from grader.explore.explorer import Find, Report
from grader.handout.publish import WITHHELD
from grader.model import EXPLORE, Kernel, KernelSet
from grader.tests.fixture import TreeCase

FILE = "labs/1-processes/mytest.cpp"


class MytestCommand(TreeCase):
    """commands/mytest.py"""

    def setUp(self) -> None:
        super().setUp()
        self.put(FILE, "SCENARIO(Counts);\n")
        lab = self.tree.root / "labs/1-processes/lab.py"
        lab.write_text(lab.read_text().replace("))\n", f'    Exercise("1.3", "A test", 0, ("{FILE}",)),\n))\n'))

    def explored(self, test: str, error: str = "", broken: str = "", **reports: Report) -> str:
        """What is printed, and the exit code in front of it."""
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        options = parser.parse_args(["--lab", "1", "--test", test, "--submission", str(self.tree.root)])
        built: Dict[str, Kernel] = {}

        def build(submission: object, keys: "list[str]") -> KernelSet:
            built.update({key: Kernel(Path("own"), broken) for key in keys})
            return KernelSet(built, Path("student"), 0)

        out = io.StringIO()
        with mock.patch.object(command.driver, "compiled", lambda tree, builder, text, name: (Path("driver"), error)), \
                mock.patch.object(command.judging, "each", lambda driver, kernel, seed: iter(reports.items())), \
                mock.patch.object(command.Grading, "read", lambda one, source: mock.Mock(files={FILE: b"x"})), \
                mock.patch("grader.building.builder.Builder.build", lambda one, submission, keys: build(submission, keys)), \
                contextlib.redirect_stdout(out):
            code = command.run(self.tree, options)
        self.assertEqual(list(built), [] if error else [test + EXPLORE])
        return f"{code} {out.getvalue()}"

    def test_each_scenario_says_what_it_found(self) -> None:
        found = Report("Counts", runs=9)
        found.find = mock.Mock(spec=Find, token="walk-1", ran=mock.Mock(message="x is 2, not 1", place=""))
        seen = self.explored("1.1", Counts=found, Sums=Report("Sums", runs=412))
        self.assertRegex(seen, r"^1 Counts +fails under schedule walk-1: x is 2, not 1\nSums +finds nothing in 412 schedules\n$")

    def test_nothing_found(self) -> None:
        self.assertRegex(self.explored("1.1", Sums=Report("Sums", runs=412)), "^0 Sums +finds nothing in 412 schedules\n$")

    def test_what_does_not_compile(self) -> None:
        self.assertEqual(self.explored("1.1", error="mytest.cpp:3: error"), "1 mytest.cpp:3: error\n")
        self.assertEqual(self.explored("1.1", broken="ready.cpp:3: error"), "1 ready.cpp:3: error\n")

    def practised(self, *kernels: "tuple[str, str, Dict[str, Report]]", own: "tuple[str, ...]" = ()) -> str:
        """The same without TEST=: the right kernel and the practice kernels, each with what stops its build and what is found on it."""
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        reports = {name: found for name, _, found in kernels}
        made = iter([Kernel(Path(name), broken) for name, broken, _ in kernels])
        out = io.StringIO()
        with mock.patch.object(command.driver, "compiled", lambda tree, builder, text, name: (Path("driver"), "")), \
                mock.patch.object(command.judging, "each", lambda driver, kernel, seed: iter(reports[kernel.name].items())), \
                mock.patch.object(command.Grading, "read", lambda one, source: mock.Mock(files={FILE: b"x"})), \
                mock.patch("grader.building.builder.Builder.with_given", lambda one, submission, changed: next(made)), \
                mock.patch("grader.building.builder.Builder.without_reference", lambda one, numbers: list(own)), \
                mock.patch.object(command.practice, "of_lab", lambda tree, lab: [mock.Mock(says="the mistake", read="a.h")] * (len(kernels) - 1)), \
                mock.patch.object(command.practice, "changed", lambda tree, one, files: {}), contextlib.redirect_stdout(out):
            code = command.run(self.tree, parser.parse_args(["--lab", "1"]))
        return f"{code} {out.getvalue()}"

    def test_practice_kernels(self) -> None:
        found = Report("Counts", runs=9)
        found.find = mock.Mock(spec=Find, token="walk-1", ran=mock.Mock(message="x is 2, not 1", place=""))
        quiet = {"Counts": Report("Counts", runs=412)}
        said = self.practised(("right", "", quiet), ("one", "", {"Counts": found}), ("two", "", quiet))
        self.assertRegex(said, r"^1 On the right kernel:\n  Counts +finds nothing in 412 schedules\n\nOn practice kernel 1, wrong in what a.h "
                               r"promises:\n  Counts +fails under .*\nFound: the mistake\.\n\nOn practice kernel 2, .*\n.*\nNot found\. Which sentence of a.h")
        self.assertNotIn("the mistake", said[said.index("kernel 2"):])
        self.assertTrue(self.practised(("right", "", quiet), ("one", "", {"Counts": found})).startswith("0 "))

    def test_practice_ends_where_a_right_kernel_is_rejected(self) -> None:
        found = Report("Counts", runs=9)
        found.find = mock.Mock(spec=Find, token="walk-1", ran=mock.Mock(message="x is 2, not 1", place=""))
        said = self.practised(("right", "", {"Counts": found}), ("one", "", {}), own=("1.1",))
        self.assertRegex(said, "^1 On your own kernel: this branch has no reference of exercise 1.1:\n")
        self.assertIn("A right kernel must pass", said)
        self.assertNotIn("practice kernel 1", said)
        self.assertEqual("1 On the right kernel:\nready.cpp:3: error\n", self.practised(("right", "ready.cpp:3: error", {})))

    def test_an_exercise_must_be_named(self) -> None:
        with self.assertRaisesRegex(GraderError, "TEST= one of .*1.1"):
            self.explored("1.9")

    def test_students_have_it(self) -> None:
        self.assertIsNone(WITHHELD.search("grader/commands/mytest.py"))
        self.assertIsNone(WITHHELD.search("grader/mytest.py"))
