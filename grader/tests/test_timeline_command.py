"""`make timeline` as its user sees it: names and files that are wrong, and the examples of its help, which must be right."""

from __future__ import annotations

import argparse
import re
import tempfile
import unittest
from pathlib import Path

from grader import labs
from grader.building.builder import Builder
from grader.commands import timeline
from grader.errors import GraderError
from grader.tree import this_tree

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = (ROOT / "grader/commands/timeline.py", ROOT / "grader/timeline/README.md")


class TimelineCommandTest(unittest.TestCase):
    """commands/timeline.py"""

    def refused(self, *arguments: str) -> str:
        parser = argparse.ArgumentParser()
        timeline.add_arguments(parser)
        with self.assertRaises(GraderError) as caught:
            timeline.run(this_tree(), parser.parse_args(list(arguments)))
        return str(caught.exception)

    def test_examples_name_tests_that_exist(self) -> None:
        text = "\n".join(path.read_text(encoding="utf-8") for path in EXAMPLES)
        guest = re.findall(r"make timeline TEST=(\w+)\.(\w+)", text)
        self.assertEqual(2, len(guest))
        for driver, name in guest:
            source = (ROOT / "kernel/tests/guest" / f"{driver}.cpp").read_text(encoding="utf-8")
            self.assertIn(f"GUEST_TEST({name})", source)
        course = labs.load(this_tree())
        for lab, name in re.findall(r"make timeline LAB=(\d) TEST=(?!name)(\w+)", text):
            self.assertEqual(1, len(labs.select(course, lab, name)[1]))

    def test_driver_that_does_not_exist(self) -> None:
        Builder(this_tree(), labs.load(this_tree())).base()  # a name is looked for among what is built
        told = self.refused("--test", "race_list")
        self.assertRegex(told, r"no guest test driver 'race_list'.*driver\.Test.*waits.*LAB=")
        self.assertNotIn("guest_main", told)
        self.assertNotIn("lab3", told, "its tests are named with LAB=")

    def test_test_that_needs_no_machine(self) -> None:
        self.assertRegex(self.refused("--lab", "3", "--test", "mytest_accepts"), "mytest_accepts needs no machine")

    def test_several_tests(self) -> None:
        self.assertRegex(self.refused("--lab", "3"), r"one test; .* means \d+: dpc_queue, .*; name one with TEST=")

    def test_file_that_cannot_be_the_page_is_told_before_the_run(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.assertIn("is a folder", self.refused("--to", folder))
            self.assertIn("page.html", self.refused("--to", folder + "/page.json"))


if __name__ == "__main__":
    unittest.main()
