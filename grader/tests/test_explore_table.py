"""Surveys of strategies, the journal of experiments, the tables: without a guest."""

from __future__ import annotations

import itertools
import tempfile
import unittest
from pathlib import Path
from typing import List

from grader.explore import table
from grader.explore.control import Batch, Found, Ran
from grader.explore.survey import FINDS_MAX, draw, survey
from grader.tests.test_explore import Model


class SurveyTest(unittest.TestCase):
    """survey.py"""

    def test_share_and_first_run_of_each_strategy(self) -> None:
        made = survey(Model({"pct2": 0.05, "walk": 0.01}), "S", 4, 1000, kinds=("pct2", "walk", "tim"))
        rows = {row.kind: row for row in made.rows}
        self.assertEqual((1000, 0, 0), (rows["tim"].runs, rows["tim"].finds, rows["tim"].first))
        self.assertEqual(1000, rows["walk"].runs)
        self.assertAlmostEqual(0.01, rows["walk"].finds / 1000, delta=0.01)
        self.assertAlmostEqual(0.05, rows["pct2"].finds / rows["pct2"].runs, delta=0.03)
        self.assertTrue(0 < rows["pct2"].first <= rows["walk"].runs)

    def test_no_schedule_is_run_twice_and_none_left_out(self) -> None:
        class Counting(Model):
            seen: List[int] = []

            def run(self, batch: Batch, fresh: bool) -> Ran:
                ran = super().run(batch, fresh)
                if batch.schedule.kind == "walk" and batch.runs > 1:
                    self.seen += range(batch.schedule.seed, batch.schedule.seed + ran.runs)
                return ran

        model = Counting({"walk": 0.03})
        survey(model, "S", 4, 600, kinds=("walk",))
        own = model.seen
        self.assertEqual(len(own), len(set(own)))
        self.assertEqual(list(range(own[0], own[0] + len(own))), own)

    def test_strategy_that_always_finds_is_cut_short(self) -> None:
        made = survey(Model({"pct1": 1.0}), "S", 4, 5000, kinds=("pct1",))
        self.assertEqual(FINDS_MAX, made.rows[0].finds)

    def test_exhaustive_search_is_run_once(self) -> None:
        made = survey(Model({"exh1": 0.0}), "S", 4, 500, kinds=("exh1",))
        self.assertEqual(500, made.rows[0].runs)
        self.assertNotIn("all there are", "\n".join(draw(made)), "a bound ended it")

    def test_histogram_names_messages_strategies_and_a_token(self) -> None:
        text = "\n".join(draw(survey(Model({"pct2": 0.05}, message="two inside"), "S", 4, 400)))
        self.assertIn("two inside", text)
        self.assertRegex(text, r"by pct2; SEED=pct2-[0-9a-f]+\.k120")
        self.assertNotIn("NOT CONFIRMED", text)
        self.assertIn("NOT CONFIRMED", "\n".join(draw(survey(Model({"pct2": 0.05}, flaky=True), "S", 4, 400))))

    def test_json_is_plain(self) -> None:
        made = survey(Model({"pct2": 0.05}), "S", 4, 200).to_json()
        self.assertEqual("check", made["found"][0]["kind"])
        self.assertEqual("S", made["scenario"])


class TableTest(unittest.TestCase):
    """table.py"""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "journal.jsonl"
        self.race = table.Race("lost-signal", "abcd", "S")

    def row(self, model: Model, count: int = 5) -> dict:
        cpu = itertools.count(0, 0.01)
        return table.race_rows(table.Journal(self.path), self.race, lambda: model, count, 3, 300, 50, lambda: next(cpu),
                               lambda text: None)

    def test_race_that_is_found_each_time(self) -> None:
        row = self.row(Model({"pct2": 0.05, "walk": 0.02}))
        self.assertEqual((5, 5, 5), (row["explorations"], row["found"], row["replayed"]))
        self.assertEqual((3, 0), (row["strategies"]["pct2"]["found"], row["strategies"]["tim"]["found"]))
        self.assertIn("5/5", "\n".join(table.draw_races([row])))

    def test_strategy_that_was_not_tried_is_not_said_to_have_found_nothing(self) -> None:
        row = {"race": "r", "scenario": "s", **table._race([]), "strategies": {"tim": table._strategy(
            [{"first": 0, "runs": 9}])}}
        self.assertRegex(table.draw_races([row])[1], r"-$")
        self.assertRegex(table.draw_races([{**row, "strategies": {}}])[1], r" {9}$")

    def test_flaky_find_is_not_called_replayed(self) -> None:
        row = self.row(Model({"pct2": 0.0005}, flaky=True), 2)
        self.assertEqual(0, row["found"])
        self.assertGreater(row["unconfirmed"], 0)

    def test_find_after_the_time_does_not_count(self) -> None:
        clock = itertools.count(0, 3.0)
        told = table.explore_once(Model({"exh1": 0.001}), self.race, 1, lambda: next(clock))
        self.assertGreater(told["cpu"], table.SECONDS)

    def test_known_figures_are_not_measured_again(self) -> None:
        first = self.row(Model({"pct2": 0.05}))
        forbidden = Model({})
        self.assertEqual(first, self.row(forbidden))
        self.assertEqual([], forbidden.batches)

    def test_line_cut_off_by_a_kill_is_measured_again_and_harms_no_other(self) -> None:
        first = self.row(Model({"pct2": 0.05}))
        whole = self.path.read_bytes()
        self.path.write_bytes(whole[:-20])
        self.assertEqual(first, self.row(Model({"pct2": 0.05})))
        self.assertEqual(first, self.row(Model({})))

    def test_another_kernel_is_another_key(self) -> None:
        self.row(Model({"pct2": 0.05}), 2)
        self.race = table.Race("lost-signal", "ef01", "S")
        self.assertEqual(0, self.row(Model({}), 2)["found"])

    def test_accusation_is_shown_with_its_schedule(self) -> None:
        journal = table.Journal(self.path)
        for share, accused in ((0.0, False), (0.05, True)):
            race = table.Race("reference", f"k{share}", "S")
            row = table.accusation_rows(journal, race, lambda: Model({"walk": share}), 1000)
            self.assertEqual(accused, bool(row["accused"]))
            text = "\n".join(table.draw_accusations([("reference", "S", row)]))
            self.assertIn("1 accusations" if accused else "0 accusations", text)
        self.assertLessEqual(row["schedules"], 1000)

    def test_every_schedule_that_was_asked_for_is_run(self) -> None:
        row = table.accusation_rows(table.Journal(self.path), self.race, lambda: Model({}), 1000)
        self.assertEqual(1000, row["schedules"])


class HangTest(unittest.TestCase):
    """A kernel that does not come back is a find, and the next batch gets a fresh machine."""

    def test_machine_is_restored_after_a_hang(self) -> None:
        fresh: List[bool] = []

        class Hangs(Model):
            def run(self, batch: Batch, is_fresh: bool) -> Ran:
                fresh.append(is_fresh)
                if batch.schedule.kind == "walk":
                    return Ran(1, Found.HANG, batch.schedule, message="the kernel does not come back", longest=10)
                return super().run(batch, is_fresh)

        made = survey(Hangs({}), "S", 1, 5, kinds=("walk",))
        self.assertEqual(5, made.rows[0].finds)
        self.assertTrue(all(fresh))


if __name__ == "__main__":
    unittest.main()
