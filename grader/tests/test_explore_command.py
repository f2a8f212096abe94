"""`make explore` as its user sees it, on a model of a guest: names that do not exist, Ctrl-C, the figures' file."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path
from typing import Iterator, List, Tuple
from unittest import mock

from grader.commands import explore
from grader.errors import GraderError
from grader.explore.control import Batch, Ran
from grader.explore.kernels import Asked
from grader.tests.test_explore import Model
from grader.tree import this_tree

ASKED = [Asked("race_one", "One", lab=3), Asked("", "Two")]


class Interrupted(Model):
    """Somebody types Ctrl-C in the middle of the second scenario."""

    def run(self, batch: Batch, fresh: bool) -> Ran:
        if batch.schedule.kind == "pct3":
            raise KeyboardInterrupt
        return super().run(batch, fresh)


class ExploreTest(unittest.TestCase):
    """commands/explore.py"""

    def run_command(self, *arguments: str, models: Tuple[Model, ...] = (Model({"pct2": 0.1}), Model({})),
                    asked: "List[Asked]" = ASKED) -> str:
        parser = argparse.ArgumentParser()
        explore.add_arguments(parser)
        options = parser.parse_args(["--runs", "50", *arguments])
        by_name = dict(zip((one.scenario for one in asked), models))

        def selected(*_: object) -> Iterator[Tuple[None, Asked]]:
            return iter([(None, one) for one in asked])

        self.shown = io.StringIO()
        with mock.patch.object(explore, "selected", selected), contextlib.redirect_stdout(self.shown), \
                mock.patch.object(explore, "GuestTarget", lambda _, name: by_name[name]):
            self.code = explore.run(this_tree(), options)
        return self.shown.getvalue()

    def test_find_comes_with_the_command_that_replays_it(self) -> None:
        text = self.run_command("--submission", "my work.zip")
        self.assertRegex(text, r"make replay LAB=3 TEST=race_one SEED=pct2-[0-9a-f]+\.k120 SUBMISSION='my work\.zip'")
        self.assertIn("One (race_one): runs of about", text)
        self.assertEqual(1, self.code)

    def test_schedule_is_no_master_seed(self) -> None:
        with self.assertRaisesRegex(GraderError, "names one schedule.*make replay"):
            self.run_command("--seed", "pct3-77.k250")

    def test_nothing_selected_is_a_mistake_of_the_users(self) -> None:
        with self.assertRaisesRegex(GraderError, "nothing to explore"):
            self.run_command(asked=[])

    def test_scenario_that_does_not_exist(self) -> None:
        with mock.patch.object(explore.kernels, "scenarios_of", lambda *_: iter(["Canary", "SpinLockExcludes"])):
            chosen = explore.Chosen("spin*")
            self.assertEqual([], list(chosen.of(None)))  # type: ignore[arg-type]
            with self.assertRaisesRegex(GraderError, r"no scenario matches 'spin\*'; there are: Canary, SpinLockExcludes"):
                chosen.check()
            whole = explore.Chosen("Spin*")
            self.assertEqual(["SpinLockExcludes"], list(whole.of(None)))  # type: ignore[arg-type]
            whole.check()

    def test_interruption_keeps_what_is_known(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "figures.json")
            with self.assertRaises(KeyboardInterrupt):
                self.run_command("--json", str(path), models=(Model({"pct2": 0.1}), Interrupted({"pct2": 0.1})))
            text = self.shown.getvalue()
            self.assertRegex(text, r"Two: runs of about 120 steps, seed 1, stopped early")
            self.assertEqual(2, text.count("  pct2 "))
            figures = json.loads(path.read_text())
            self.assertEqual(["One", "Two"], [one["scenario"] for one in figures])
            self.assertEqual(["pct1", "pct2"], [one["kind"] for one in figures[1]["strategies"] if one["runs"]])

    def test_file_that_cannot_be_written_is_told_before_hours_of_work(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(GraderError, "choose another file"):
                self.run_command("--json", folder, models=(Interrupted({}), Interrupted({})))


if __name__ == "__main__":
    unittest.main()
