"""Schedules by name, the portfolio, confirmation, and a find in words: the host's half of the explorer, without a guest."""

from __future__ import annotations

import hashlib
import itertools
import struct
import unittest
from dataclasses import replace
from typing import Dict, List, Optional, Sequence, Tuple

from grader.errors import GraderError, InfraError
from grader.explore import control, explorer, portfolio
from grader.explore.control import Access, Batch, Decoder, Entry, Found, Purse, Race, Ran
from grader.explore.schedule import Schedule, Strategy, is_token, parse
from grader.views.fields import Layout
from grader.views.memory import Structures


class Model:
    """A target that fails for a share of the seeds, by strategy; the same seed always ends in the same way."""

    def __init__(self, share: Dict[str, float], steps: int = 120, flaky: bool = False, message: str = "lost") -> None:
        self.share, self.steps, self.flaky, self.message = share, steps, flaky, message
        self.batches: List[Tuple[Batch, bool]] = []

    def fails(self, schedule: Schedule) -> bool:
        if schedule.strategy is Strategy.SCRIPT:
            return True
        key = f"{schedule.kind}/{schedule.seed}/{schedule.estimate}/{schedule.probability}"
        value = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") / (1 << 32)
        return value < self.share.get(schedule.kind, 0.0)

    def run(self, batch: Batch, fresh: bool) -> Ran:
        self.batches.append((batch, fresh))
        for index in range(batch.runs):
            schedule = batch.schedule.at(batch.schedule.seed + index)
            again = batch.runs == 1 and fresh and self.flaky
            if self.fails(schedule) and not again:
                done = index + 1
                if schedule.strategy is Strategy.EXHAUSTIVE:
                    schedule = Schedule(Strategy.SCRIPT, script=((7, 2),))
                return Ran(done, Found.CHECK, schedule, index, 40, 1, self.message, points=self.steps * done,
                           longest=self.steps, instructions=10_000 * done)
        return Ran(batch.runs, points=self.steps * batch.runs, longest=self.steps, instructions=10_000 * batch.runs)


class Calls(Model):
    """A target that takes several lots in one call, and a look at the machine after every fifth batch."""

    calls = 0

    def ahead(self) -> int:
        return 5 - len(self.batches) % 5

    def run_lots(self, batches: Sequence[Batch], purse: Purse, fresh: bool) -> List[Ran]:
        self.calls += 1
        rans: List[Ran] = []
        for batch in batches:
            if rans and (rans[-1].found is not Found.NOTHING or purse.pays_for(0) < batch.runs):
                break
            rans.append(self.run(batch, fresh and not rans))
            purse = purse.after(rans[-1].runs, rans[-1].points)
        return rans


class TokenTest(unittest.TestCase):
    """schedule.py"""

    EXAMPLES = ("walk-1f2e", "jit-12", "pct3-77.k250", "exh-17:2-45:1", "exh-0", "tim-3", "walk-5.p400",
                "jit-12.j3-400", "pct2-5.k90.v3,1a")

    def test_what_is_printed_is_understood(self) -> None:
        for text in self.EXAMPLES:
            with self.subTest(token=text):
                self.assertEqual(text, parse(text).token)
                self.assertTrue(is_token(text))

    def test_fields(self) -> None:
        made = parse("pct3-77.k250.v3,1a")
        self.assertEqual((Strategy.PCT, 3, 0x77, 250, (3, 0x1A)),
                         (made.strategy, made.depth, made.seed, made.estimate, made.parameters))
        self.assertEqual(((17, 2), (45, 1)), parse("exh-17:2-45:1").script)

    def test_nonsense_is_refused(self) -> None:
        for text in ("walk", "walk-", "walk-xyz", "pct5-1", "pct-1", "exh-1", "exh-1:2:3", "walk-1.q3", "walk-123456789",
                     "walk-1.k", "jit-1.j5", "walk-1;rm", "pct3-1.v1,2,3,4,5,6,7,8,9", "exh-" + "-".join(["1:1"] * 65)):
            with self.subTest(token=text), self.assertRaises(GraderError):
                parse(text)

    def test_master_seed_is_no_token(self) -> None:
        for text in ("42", "0x2a", ""):
            self.assertFalse(is_token(text))


class PortfolioTest(unittest.TestCase):
    """portfolio.py"""

    def first(self, count: int, master: int = 1, steps: int = 200) -> List[portfolio.Lot]:
        return list(itertools.islice(portfolio.lots(master, "S", steps), count))

    def test_same_master_same_schedules_other_master_others(self) -> None:
        self.assertEqual(self.first(20), self.first(20))
        self.assertNotEqual(self.first(20), self.first(20, master=2))

    def test_first_round_has_every_strategy(self) -> None:
        kinds = {lot.schedule.kind for lot in self.first(9)}
        self.assertEqual({"pct1", "pct2", "pct3", "pct4", "walk", "jit", "exh1"}, kinds)

    def test_pct_is_calibrated(self) -> None:
        self.assertEqual({200}, {lot.schedule.estimate for lot in self.first(12)
                                 if lot.schedule.strategy is Strategy.PCT})

    def test_exhaustive_only_where_it_ends(self) -> None:
        kinds = [lot.schedule.kind for lot in self.first(60, steps=5000)]
        self.assertFalse([kind for kind in kinds if kind.startswith("exh")])
        self.assertIn("exh2", [lot.schedule.kind for lot in self.first(60, steps=60)])

    def test_rounds_grow_and_seeds_do_not_repeat(self) -> None:
        lots = [lot for lot in self.first(40) if lot.schedule.strategy is not Strategy.EXHAUSTIVE]
        self.assertEqual(len(lots), len({lot.schedule.seed for lot in lots}))
        self.assertGreater(lots[-1].runs, 8 * lots[1].runs)
        self.assertTrue(all(lot.schedule.seed + lot.runs < 1 << 32 for lot in lots))


class ExplorerTest(unittest.TestCase):
    """explorer.py"""

    def test_find_is_confirmed_by_a_replay_from_the_snapshot(self) -> None:
        model = Model({"pct3": 0.05})
        report = explorer.explore(model, "S", 11)
        self.assertIsNotNone(report.find)
        batch, fresh = model.batches[-1]
        self.assertEqual((1, True), (batch.runs, fresh))
        self.assertEqual(report.find.schedule, batch.schedule)  # type: ignore[union-attr]
        self.assertTrue(model.fails(parse(report.find.token)))  # type: ignore[union-attr]

    def test_what_a_replay_does_not_show_costs_nothing(self) -> None:
        report = explorer.explore(Model({"pct2": 0.02, "exh1": 0.01}, flaky=True), "S", 11, budget=20_000_000)
        self.assertIsNone(report.find)
        self.assertTrue(report.unconfirmed)

    def test_a_scenario_is_given_up_after_so_many_doubts(self) -> None:
        def doubts(most: int) -> int:
            return len(explorer.explore(Model({"pct2": 0.02, "exh1": 0.01}, flaky=True), "S", 11, budget=20_000_000, doubts=most).unconfirmed)

        self.assertEqual([doubts(1), doubts(3)], [1, 3])
        self.assertGreater(doubts(0), 3)

    def test_what_comes_only_behind_earlier_runs_is_found_where_the_kernel_is_asked(self) -> None:
        class Counting(Model):
            """Right for so many runs since the snapshot, whatever the schedule."""

            done = 0

            def run(self, batch: Batch, fresh: bool) -> Ran:
                self.done = 0 if fresh else self.done
                ran = super().run(batch, fresh)
                if self.done + batch.runs <= 150:
                    self.done += batch.runs
                    return ran
                index = 150 - self.done
                return replace(ran, runs=index + 1, found=Found.CHECK, message="late", schedule=batch.schedule.at(batch.schedule.seed + index))

        self.assertIsNone(explorer.explore(Counting({}), "S", 11, budget=20_000_000).find)
        find = explorer.explore(Counting({}), "S", 11, budget=20_000_000, remembering=True).find
        assert find is not None
        self.assertEqual((find.alone, find.ran.message), (False, "late"))
        self.assertIsNone(explorer.explore(Model({}), "S", 11, budget=20_000_000, remembering=True).find)

    def test_machine_is_restored_after_every_failure(self) -> None:
        model = Model({"pct2": 0.05}, flaky=True)
        explorer.explore(model, "S", 11, budget=20_000_000)
        failed = False
        for batch, fresh in model.batches:
            self.assertTrue(fresh or not failed)
            failed = any(model.fails(batch.schedule.at(batch.schedule.seed + index)) for index in range(batch.runs))

    def test_budget_is_kept_at_fixed_prices_and_in_runs(self) -> None:
        model = Model({})
        price = explorer.RUN_PRICE + model.steps * explorer.POINT_PRICE
        for more in ({"budget": 500 * price}, {"budget": 0, "runs": 500}):
            with self.subTest(**more):
                report = explorer.explore(model, "S", 3, **more)
                self.assertIsNone(report.find)
                self.assertLessEqual(report.runs, 500)
                self.assertGreater(report.runs, 400)
                self.assertEqual(report.runs, sum(report.by_kind.values()))

    def test_runs_do_not_depend_on_the_machines_count_of_instructions(self) -> None:
        class Drifting(Model):
            def run(self, batch: Batch, fresh: bool) -> Ran:
                ran = super().run(batch, fresh)
                return replace(ran, instructions=ran.instructions + len(self.batches))

        first, second = (explorer.explore(model, "S", 5, budget=20_000_000) for model in (Model({}), Drifting({})))
        self.assertEqual(first.by_kind, second.by_kind)

    def test_same_master_same_report(self) -> None:
        first, second = (explorer.explore(Model({"walk": 0.001, "pct4": 0.002}), "S", 5) for _ in range(2))
        self.assertEqual(first, second)

    def test_calls_of_many_lots_try_the_same_schedules(self) -> None:
        for share, more in (({}, {"budget": 20_000_000}), ({}, {"budget": 0, "runs": 700}), ({"pct4": 0.002}, {}),
                            ({"pct2": 0.02, "exh1": 0.01}, {"budget": 20_000_000, "flaky": True})):
            with self.subTest(share=share, **more):
                flaky = bool(more.pop("flaky", False))
                single, many = Model(share, flaky=flaky), Calls(share, flaky=flaky)
                first, second = (explorer.explore(model, "S", 5, **more) for model in (single, many))  # type: ignore[arg-type]
                self.assertEqual((first, single.batches), (second, many.batches))
                self.assertGreater(many.calls, 1)

    def test_what_fails_in_calls_of_many_lots_only_is_found(self) -> None:
        class Telling(Calls):
            """Reads in the explorer's orders how many lots are to come, and is right where there is one."""

            def run_lots(self, batches: Sequence[Batch], purse: Purse, fresh: bool) -> List[Ran]:
                rans = super().run_lots(batches, purse, fresh)
                return [*rans[:-1], replace(rans[-1], found=Found.CHECK, message="lots", schedule=batches[len(rans) - 1].schedule)]

        find = explorer.explore(Telling({}), "S", 11, budget=20_000_000, remembering=True).find
        assert find is not None
        self.assertEqual((find.alone, find.ran.message), (False, "lots"))

    def test_budget_ends_a_call_of_many_lots_where_it_ends_single_ones(self) -> None:
        class Longer(Calls):
            """Each batch has longer runs than the one before: the host cannot know how many are paid for."""

            def run(self, batch: Batch, fresh: bool) -> Ran:
                ran = super().run(batch, fresh)
                return replace(ran, points=ran.points * len(self.batches))

        class Single(Longer):
            def ahead(self) -> int:
                return 1

        many, single = Longer({}), Single({})
        self.assertEqual(*(explorer.explore(model, "S", 5, budget=30_000_000).by_kind for model in (many, single)))
        self.assertEqual(many.batches, single.batches)

    def test_kernel_that_says_its_runs_are_dear_is_run_all_the_same(self) -> None:
        class Dear(Model):
            def run(self, batch: Batch, fresh: bool) -> Ran:
                ran = super().run(batch, fresh)
                return replace(ran, points=ran.points * 1000)

        self.assertLess(explorer.explore(Dear({}), "S", 5, budget=20_000_000).runs, 20)
        self.assertEqual(explorer.LEAST_RUNS, explorer.explore(Dear({}), "S", 5, budget=20_000_000, remembering=True).runs)

    def test_points_that_cannot_be_are_not_believed(self) -> None:
        def told(points: int, longest: int) -> List[Ran]:
            return [Ran(10, points=1000, longest=120), Ran(4, points=points, longest=longest)]

        self.assertFalse(control.misstated(told(400, 110), 60_000))
        self.assertFalse(control.misstated([replace(told(1, 9)[1], found=Found.BUGCHECK)], 0))
        for points, longest, instructions in ((40_000, 11_000, 60_000), (400, 500, 60_000), (400, 99, 60_000)):
            self.assertTrue(control.misstated(told(points, longest), instructions), (points, longest))

    def test_rare_race_is_found_by_whatever_strategy_finds_it(self) -> None:
        for kind in ("pct1", "pct2", "pct3", "pct4", "walk", "jit", "exh1"):
            with self.subTest(kind=kind):
                report = explorer.explore(Model({kind: 0.3 if kind == "pct1" else 0.01}), "S", 8)
                self.assertIsNotNone(report.find)

    def test_exhaustive_find_is_told_as_its_script(self) -> None:
        report = explorer.explore(Model({"exh1": 0.01}), "S", 8)
        self.assertEqual("exh-7:2", report.find.token)  # type: ignore[union-attr]

    def test_scenario_that_cannot_run_is_our_trouble(self) -> None:
        class Bad:
            def run(self, batch: Batch, fresh: bool) -> Ran:
                return Ran(0, Found.BAD_SCENARIO, message="no actor")

        with self.assertRaisesRegex(InfraError, "no actor"):
            explorer.explore(Bad(), "S", 1)

    def test_canary_tells_a_dead_explorer_from_a_correct_kernel(self) -> None:
        self.assertTrue(explorer.canary(Model({"walk": 0.02}), 9, True))
        self.assertFalse(explorer.canary(Model({}), 9, True))


LAYOUT = Layout(
    fields={"KX_CONTROL." + name: (4 * index, 4) for index, name in enumerate((
        "Strategy", "Depth", "Seed", "Runs", "StepEstimate", "StepLimit", "JitterMin", "JitterMax", "Probability", "Flags",
        "ScriptLength", "RunsDone", "Outcome", "FailedSeed", "FailedRun", "FailedStep", "FailedProcessor", "CurrentSeed",
        "CurrentRun", "CurrentStep", "Exhausted", "File", "Line", "TotalPoints", "MaxPoints", "Switches", "Failures",
        "Races", "TraceAddress", "TraceCount", "TraceCapacity", "ObservationCount"))}
    | {"KX_CONTROL.Parameter": (128, 32), "KX_CONTROL.Script": (160, 512), "KX_CONTROL.Message": (672, 192),
       "KX_CONTROL.Race": (864, 96), "KX_CONTROL.Observations": (960, 256), "KX_CONTROL.Waiting": (1216, 16),
       "KX_CONTROL.WaitStack": (1232, 128), "KX_CONTROL.LotCount": (1360, 4), "KX_CONTROL.Lots": (1364, 480),
       "KX_CONTROL.Budget": (1844, 8), "KX_CONTROL.RunPrice": (1852, 4), "KX_CONTROL.PointPrice": (1856, 4),
       "KX_CONTROL.SpentRuns": (1860, 8), "KX_CONTROL.SpentPoints": (1868, 8), "KX_CONTROL.LotsDone": (1876, 4),
       "KX_CONTROL.Done": (1880, 320), **{f"KX_LOT_DONE.{name}": (4 * index, 4) for index, name in enumerate(control.DONE_FIELDS)},
       "KX_RACE.Address": (0, 4), "KX_RACE.Name": (4, 4), "KX_RACE.Offset": (8, 4),
       "KX_RACE.Access": (12, 84), "KX_ACCESS.Processor": (0, 4), "KX_ACCESS.Step": (4, 4), "KX_ACCESS.Pc": (8, 4),
       "KX_ACCESS.Write": (12, 4), "KX_ACCESS.Size": (16, 4), "KX_ACCESS.Stack": (20, 22 // 4 * 4),
       "KX_TRACE_ENTRY.Step": (0, 4), "KX_TRACE_ENTRY.Processor": (4, 1), "KX_TRACE_ENTRY.Kind": (5, 1),
       "KX_TRACE_ENTRY.Irql": (6, 1), "KX_TRACE_ENTRY.Size": (7, 1), "KX_TRACE_ENTRY.Pc": (8, 4),
       "KX_TRACE_ENTRY.Object": (12, 4)},
    sizes={"KX_CONTROL": 2200, "KX_LOT_DONE": 20, "KX_ACCESS": 40, "KX_TRACE_ENTRY": 16})
BASE, TRACE = 0x1000, 0x4000


class Ram:
    """A little memory."""

    def __init__(self) -> None:
        self.data = bytearray(0x8000)

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.data[address:address + size])

    def write(self, address: int, data: bytes) -> None:
        self.data[address:address + len(data)] = data


class ControlTest(unittest.TestCase):
    """control.py"""

    def setUp(self) -> None:
        self.ram = Ram()
        self.view = Structures(self.ram, LAYOUT)

    def put(self, field: str, *values: int) -> None:
        self.ram.write(BASE + LAYOUT.field("KX_CONTROL." + field)[0], struct.pack(f"<{len(values)}I", *values))

    def get(self, field: str) -> int:
        return self.view.get(BASE, "KX_CONTROL." + field)

    def test_batch_is_written_and_what_was_there_before_is_gone(self) -> None:
        self.put("Outcome", 4)
        self.put("TraceCapacity", 99)
        control.encode(Batch(parse("pct3-77.k250.v3,1a"), 5, 900, trace=True), self.view, BASE, self.ram.write)
        self.assertEqual((3, 3, 0x77, 5, 250, 900, 7, 0),
                         tuple(self.get(name) for name in ("Strategy", "Depth", "Seed", "Runs", "StepEstimate",
                                                           "StepLimit", "Flags", "Outcome")))
        self.assertEqual(struct.pack("<3I", 3, 0x1A, 0), self.ram.read(BASE + 128, 12))
        self.assertEqual(99, self.get("TraceCapacity"), "the kernel's own fields stay")

    def test_script_is_written(self) -> None:
        control.encode(Batch(parse("exh-17:2-45:1")), self.view, BASE, self.ram.write)
        self.assertEqual(2, self.get("ScriptLength"))
        self.assertEqual((17, 2, 45, 1), struct.unpack("<4I", self.ram.read(BASE + 160, 16)))

    def read(self, batch: Batch, **more) -> Ran:  # type: ignore[no-untyped-def]
        for field, words in control.orders(batch).items():
            self.put(field, *words)
        return Decoder(self.view, BASE, batch).ran(**more)

    def test_failed_check_is_read_with_the_schedule_that_replays_it(self) -> None:
        self.put("Outcome", 1)
        self.put("FailedSeed", 0x80)
        self.put("FailedRun", 9)
        self.ram.write(BASE + 672, b"Counter is 1, not 2\0")
        ran = self.read(Batch(parse("walk-77"), 100))
        self.assertEqual((Found.CHECK, "walk-80", 10, "Counter is 1, not 2"),
                         (ran.found, ran.schedule.token, ran.runs, ran.message))  # type: ignore[union-attr]

    def test_exhaustive_failure_becomes_its_script(self) -> None:
        self.put("Outcome", 1)
        self.put("ScriptLength", 1)
        self.put("Script", 12, 3)
        ran = self.read(Batch(Schedule(Strategy.EXHAUSTIVE, depth=2), 50))
        self.assertEqual("exh-12:3", ran.schedule.token)  # type: ignore[union-attr]

    def test_bugcheck_belongs_to_the_run_in_progress(self) -> None:
        self.put("CurrentSeed", 0x21)
        self.put("CurrentRun", 3)
        ran = self.read(Batch(parse("walk-1e"), 10), found=Found.BUGCHECK, message="bugcheck 0xa")
        self.assertEqual(("walk-21", 4, "bugcheck 0xa"), (ran.schedule.token, ran.runs, ran.message))  # type: ignore

    def test_race_and_stacks(self) -> None:
        self.put("Outcome", 4)
        self.put("Race", 0x5000, 0, 8, 1, 10, 0x80100010, 1, 4, 0x80100100, 0, 0, 0, 0, 2, 12, 0x80100020, 0, 4)
        race = self.read(Batch(parse("walk-1"))).race
        self.assertEqual((1, 10, True, (0x80100100,)), (race.accesses[0].processor, race.accesses[0].step,  # type: ignore
                                                       race.accesses[0].write, race.accesses[0].stack))
        self.assertEqual((2, 12, False), (race.accesses[1].processor, race.accesses[1].step,  # type: ignore
                                          race.accesses[1].write))

    def test_trace_is_read_up_to_its_capacity(self) -> None:
        for index in range(3):
            self.ram.write(TRACE + 16 * index, struct.pack("<IBBBBII", index, 1, 2, 0, 4, 0x80100000, 0x5000))
        self.put("TraceAddress", TRACE)
        self.put("TraceCount", 5)
        self.put("TraceCapacity", 3)
        self.put("RunsDone", 1)
        ran = self.read(Batch(parse("walk-1"), trace=True))
        self.assertEqual(([0, 1, 2], 2), ([entry.step for entry in ran.trace], ran.trace_lost))
        self.assertEqual(Entry(2, 1, 2, 0, 4, 0x80100000, 0x5000), ran.trace[2])

    def test_wrecked_control_block_is_the_submissions_doing(self) -> None:
        self.ram.write(BASE, b"\xff" * 1360)
        self.assertEqual(Found.OVERWRITTEN, self.read(Batch(parse("walk-1"))).found)

    def test_more_runs_than_were_asked_for_are_not_believed(self) -> None:
        self.put("RunsDone", 50)
        self.assertEqual(Found.OVERWRITTEN, self.read(Batch(parse("walk-1"), 10)).found)

    def test_fewer_runs_than_were_asked_for_are_not_believed_either(self) -> None:
        batch = Batch(parse("walk-1"), 10)
        control.encode(batch, self.view, BASE, self.ram.write)
        self.put("RunsDone", 3)
        self.assertEqual(Found.OVERWRITTEN, self.read(batch).found)
        self.put("RunsDone", 10)
        self.assertEqual(Found.NOTHING, self.read(batch).found)
        self.put("Outcome", 1)
        self.put("RunsDone", 3)
        self.assertEqual(Found.CHECK, self.read(batch).found, "it ends with the first failure")

    def test_exhausted_search_ends_early(self) -> None:
        batch = Batch(Schedule(Strategy.EXHAUSTIVE, depth=1), 10)
        control.encode(batch, self.view, BASE, self.ram.write)
        self.put("RunsDone", 3)
        self.put("Exhausted", 1)
        self.put("Script", 12, 3)
        self.assertEqual(Found.NOTHING, self.read(batch).found)

    def test_orders_that_are_not_the_hosts_any_more_are_no_result(self) -> None:
        batch = Batch(parse("pct3-77.k250.v3,1a"), 10)
        for field, value in (("Runs", 1), ("Flags", 0), ("Strategy", 6), ("Seed", 5), ("StepLimit", 7), ("Parameter", 9)):
            with self.subTest(field=field):
                control.encode(batch, self.view, BASE, self.ram.write)
                self.put("RunsDone", 10)
                self.put(field, value)
                self.assertEqual(Found.OVERWRITTEN, Decoder(self.view, BASE, batch).ran().found)

    def lots(self, *done: Tuple[int, ...], count: int = 4, budget: int = 10_000_000) -> Tuple[List[Batch], Purse]:
        """A call of walks of ten runs, of which `done` have ended; the block as the explorer leaves it when the next one has ended too."""
        batches = [Batch(parse(f"walk-{number}00"), 10) for number in range(1, count + 1)]
        purse = Purse(budget, 10_000, 150, 4, 400)
        control.encode(batches[0], self.view, BASE, self.ram.write, batches[1:], purse)
        for field, words in control.orders(batches[len(done)]).items():
            self.put(field, *words)
        self.put("LotsDone", len(done))
        self.put("Done", *(value for lot in done for value in lot))
        self.put("RunsDone", 10)
        return batches, purse

    def decoded(self, batches: List[Batch], purse: Purse, found: Optional[Found] = None) -> List[Ran]:
        return control.decode_lots(self.view, BASE, batches, purse, found, "", 0, None)

    def test_each_lot_of_a_call_is_told(self) -> None:
        self.assertEqual([(10, 700), (10, 800), (10, 0)], [(ran.runs, ran.points) for ran in self.decoded(
            *self.lots((10, 700, 90, 5, 0), (10, 800, 90, 5, 0), count=3))])

    def test_find_in_a_call_belongs_to_its_lot(self) -> None:
        batches, purse = self.lots((10, 700, 90, 5, 0))
        self.put("Outcome", 1)
        self.put("FailedSeed", 0x203)
        self.put("FailedRun", 3)
        rans = self.decoded(batches, purse)
        self.assertEqual([Found.NOTHING, Found.CHECK], [ran.found for ran in rans])
        self.assertEqual("walk-203", rans[1].schedule.token)  # type: ignore[union-attr]
        self.assertEqual([Found.NOTHING, Found.HANG], [ran.found for ran in self.decoded(batches, purse, Found.HANG)])

    def test_call_ends_where_the_budget_does(self) -> None:
        batches, purse = self.lots((10, 700, 90, 5, 0), budget=305_000)
        for field, words in control.orders(batches[0]).items():
            self.put(field, *words)
        self.assertEqual([10], [ran.runs for ran in self.decoded(batches, purse)])

    def test_call_whose_lots_were_not_done_as_ordered_is_not_believed(self) -> None:
        whole = ((10, 700, 90, 5, 0),) * 3
        self.assertEqual([Found.NOTHING] * 4, [ran.found for ran in self.decoded(*self.lots(*whole))])
        for says, done, field, value in (
                ("a lot has fewer runs than it was given", ((10, 700, 90, 5, 0), (3, 700, 90, 5, 1), (10, 700, 90, 5, 0)), "", 0),
                ("the call ends early, and the budget is not used up", ((10, 700, 90, 5, 0),), "", 0),
                ("more lots than there were", whole, "LotsDone", 9), ("another count of lots", whole, "LotCount", 1),
                ("another budget", whole, "Budget", 1), ("another lot", whole, "Lots", 6)):
            with self.subTest(says):
                batches, purse = self.lots(*done)
                if field:
                    self.put(field, value)
                self.assertIs(Found.OVERWRITTEN, self.decoded(batches, purse)[-1].found)

    def test_whole_batch_confirms_that_the_explorers_data_was_overwritten(self) -> None:
        asked: List[Batch] = []

        class Forging:
            def run(self, batch: Batch, fresh: bool) -> Ran:
                asked.append(batch)
                forged = batch.runs > 1  # writes Runs = 1, which is no change in a batch of one
                return (Ran(1, Found.OVERWRITTEN, batch.schedule, whole=batch.runs) if forged else
                        Ran(batch.runs, points=100 * batch.runs, longest=100))

        report = explorer.explore(Forging(), "Forged", 1)
        self.assertIs(Found.OVERWRITTEN, report.find.ran.found)  # type: ignore[union-attr]
        self.assertEqual(asked[0].runs, asked[1].runs)


if __name__ == "__main__":
    unittest.main()
