"""Schedules by name, the portfolio, confirmation, and a find in words: the host's half of the explorer, without a guest."""

from __future__ import annotations

import hashlib
import itertools
import re
import struct
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from grader.errors import GraderError, InfraError
from grader.explore import control, explorer, finding, portfolio
from grader.explore.control import Access, Batch, Decoder, Entry, Found, Race, Ran
from grader.explore.lines import Known, Lines
from grader.explore.schedule import JITTER_RANGE, Schedule, Strategy, is_token, parse
from grader.explore.shown import reader
from grader.timeline import page
from grader.timeline.race import POINTS, build
from grader.timeline.sources import LINE_MAX, Sources, visible
from grader.tree import Tree
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
       "KX_CONTROL.WaitStack": (1232, 128), "KX_RACE.Address": (0, 4), "KX_RACE.Name": (4, 4), "KX_RACE.Offset": (8, 4),
       "KX_RACE.Access": (12, 84), "KX_ACCESS.Processor": (0, 4), "KX_ACCESS.Step": (4, 4), "KX_ACCESS.Pc": (8, 4),
       "KX_ACCESS.Write": (12, 4), "KX_ACCESS.Size": (16, 4), "KX_ACCESS.Stack": (20, 22 // 4 * 4),
       "KX_TRACE_ENTRY.Step": (0, 4), "KX_TRACE_ENTRY.Processor": (4, 1), "KX_TRACE_ENTRY.Kind": (5, 1),
       "KX_TRACE_ENTRY.Irql": (6, 1), "KX_TRACE_ENTRY.Size": (7, 1), "KX_TRACE_ENTRY.Pc": (8, 4),
       "KX_TRACE_ENTRY.Object": (12, 4)},
    sizes={"KX_CONTROL": 1360, "KX_ACCESS": 40, "KX_TRACE_ENTRY": 16})
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


class Places:
    """Names made up from numbers."""

    def prepare(self, addresses) -> None:  # type: ignore[no-untyped-def]
        pass

    def place(self, address: int) -> str:
        return f"kernel/ntos/ke/queue.cpp:{address & 0xFF}"

    def routine(self, address: int) -> str:
        return "KeInsertQueue"

    def variable(self, address: int, size: int = 0) -> str:
        return f"V{address:x}" + f".of{size}" * (size > 0)

    def frame(self, address: int) -> str:
        return f"KeInsertQueue at {self.place(address)}"


def raced() -> Ran:
    accesses = (Access(1, 2, 0x80100011, True, 4, (0x80100021,)), Access(2, 4, 0x80100031, False, 4, ()))
    trace = [Entry(0, 1, 13, 0, 0, 0, 0), Entry(1, 2, 13, 0, 0, 0, 0), Entry(2, 1, 2, 2, 4, 0x80100011, 0x5000),
             Entry(3, 1, 16, 2, 0, 0, 2), Entry(3, 2, 4, 0, 0, 0, 0), Entry(4, 2, 1, 2, 4, 0x80100031, 0x5000)]
    return Ran(1, Found.DATA_RACE, parse("walk-7"), 0, 4, 2, "a race", race=Race(0x5000, "Queue.Head", 0, accesses),
               trace=tuple(trace))


class NoSymbols:
    """No module anywhere."""
    modules = ()

    def module_at(self, address: int) -> None:
        return None


class LinesTest(unittest.TestCase):
    """lines.py"""

    FIELDS = Layout({"KTHREAD.Header": (0, 16), "KTHREAD.State": (44, 1), "KTHREAD.WaitBlock": (96, 96)},
                    {"KTHREAD": 512})

    def test_field_of_a_known_structure_is_named(self) -> None:
        lines = Lines(NoSymbols(), [Known(0x81000000, 512, "Actor 0", "KTHREAD")], self.FIELDS)  # type: ignore[arg-type]
        self.assertEqual("KTHREAD.State of Actor 0", lines.variable(0x8100002C))
        self.assertEqual("KTHREAD.WaitBlock of Actor 0", lines.variable(0x81000061))
        self.assertEqual("KTHREAD+0x1f0 of Actor 0", lines.variable(0x810001F0))
        self.assertEqual("0x81000200", lines.variable(0x81000200), "behind it there is something else")


class FindingTest(unittest.TestCase):
    """finding.py, timeline/race.py"""

    def test_race_names_both_sides_with_lines_and_stacks(self) -> None:
        told = finding.tell(raced(), Places())  # type: ignore[arg-type]
        self.assertIn("actor 0 (processor 1) writes V5000.of4 (4 bytes) at step 2", told.seen)
        self.assertIn("actor 1 (processor 2) reads V5000.of4 (4 bytes) at step 4", told.difference)
        self.assertIn("kernel/ntos/ke/queue.cpp:16", told.difference)
        self.assertIn("    KeInsertQueue at", told.difference)
        self.assertEqual("data-race", told.hint[0])

    def test_deadlock_shows_where_everybody_stands(self) -> None:
        ran = Ran(1, Found.DEADLOCK, parse("walk-7"), message="nothing can go on", waiting=((), (0x80100011,), ()))
        told = finding.tell(ran, Places())  # type: ignore[arg-type]
        self.assertIn("actor 0 (processor 1) stands at\n    KeInsertQueue", told.difference)
        self.assertEqual("lost-wakeup", told.hint[0])

    def test_failed_check_shows_the_sides_unless_all_have_ended(self) -> None:
        ran = Ran(1, Found.CHECK, parse("walk-7"), message="two inside", waiting=((), (0x80100011,), (0x80100021,)))
        told = finding.tell(ran, Places()).difference  # type: ignore[arg-type]
        self.assertTrue("actor 0 (processor 1) stands at" in told and "actor 1 (processor 2) stands at" in told, told)
        after = replace(ran, waiting=((0x80100011,), (), ()))
        self.assertEqual("", finding.tell(after, Places()).difference)  # type: ignore[arg-type]

    def test_every_kind_of_find_has_a_hint(self) -> None:
        for found in Found:
            if found not in (Found.NOTHING, Found.BAD_SCENARIO):
                self.assertTrue(finding.HINTS[found][1])

    def test_timeline_of_a_race(self) -> None:
        source = Sources(lambda name: "\n".join(f"line {number}" for number in range(1, 99)))
        made = build(raced(), Places(), "a race", ["walk-7"], source)
        self.assertEqual(["actor 0", "actor 1"], [row.name for row in made.rows])
        self.assertEqual([("p1", 0, 1), ("p2", 1, 2), ("p1", 2, 3), ("p2", 3, 5)],
                         [(one.row, one.start, one.end) for one in made.spans])
        races = [one for one in made.arrows if one.kind == "race"]
        self.assertEqual([("p1", 2, "p2", 4)], [(one.source, one.start, one.target, one.end) for one in races])
        write = next(one for one in made.instants if one.kind == "write")
        self.assertEqual("writes V5000.of4", write.label)
        self.assertEqual("kernel/ntos/ke/queue.cpp:16", write.place)
        self.assertIn(">   16 line 16", made.excerpts[write.place].text())
        self.assertIn("a race", page.render(made))

    def test_page_and_report_use_the_same_words_for_an_access(self) -> None:
        told = finding.tell(raced(), Places()).seen  # type: ignore[arg-type]
        made = build(raced(), Places(), "a race", ["walk-7"], Sources(lambda name: "line\n" * 99))
        labels = [one.label for one in made.instants if one.kind == "race"]
        self.assertEqual(["writes V5000.of4", "reads V5000.of4"], labels)
        self.assertTrue(all(label in told for label in labels), told)
        self.assertEqual(["actor 0 (processor 1) writes V5000.of4", "actor 1 (processor 2) reads V5000.of4"],
                         [one.title for one in made.looks])

    def test_access_without_a_type_is_told_by_the_name_that_the_scenario_gave(self) -> None:
        class Bare(Places):
            def variable(self, address: int, size: int = 0) -> str:
                return "Subject+0x18"

        told = finding.tell(raced(), Bare()).seen  # type: ignore[arg-type]
        self.assertIn("writes Queue.Head (4 bytes)", told)
        self.assertNotIn("+0x18", told)

    def test_access_is_told_at_its_own_address_where_the_trace_has_it(self) -> None:
        trace = [replace(one, object=0x5002, size=2) if one.step == 2 and one.kind == 2 else one for one in raced().trace]
        told = finding.tell(replace(raced(), trace=tuple(trace)), Places()).seen  # type: ignore[arg-type]
        self.assertIn("writes V5002.of4", told)
        self.assertIn("reads V5000.of4", told)

    def test_failed_check_at_the_end_tells_who_wrote_and_who_read_last(self) -> None:
        ran = replace(raced(), found=Found.CHECK, race=None, step=9, message="Counter is 1, not 2", place="a.cpp:3")
        told = finding.tell(ran, Places()).difference  # type: ignore[arg-type]
        self.assertIn("actor 0 (processor 1) writes V5000.of4 (4 bytes) at step 2", told)
        self.assertIn("actor 1 (processor 2)", told)
        looks = finding.stands(ran, Places())  # type: ignore[arg-type]
        self.assertEqual(["kernel/ntos/ke/queue.cpp:16", "kernel/ntos/ke/queue.cpp:48", "a.cpp:3"], [one.place for one in looks])
        reads = tuple(replace(one, kind=1) for one in ran.trace)
        self.assertEqual("", finding.tell(replace(ran, trace=reads), Places()).difference, "two reads are no conflict")  # type: ignore[arg-type]

    def test_side_that_waits_is_shown_in_the_students_file(self) -> None:
        ran = Ran(1, Found.DEADLOCK, parse("walk-7"), waiting=((), (0x80100011, 0x80100021), ()))
        own = finding.stands(ran, Places(), lambda file: file.endswith("queue.cpp"))  # type: ignore[arg-type]
        self.assertEqual(["kernel/ntos/ke/queue.cpp:16"], [one.place for one in own])

    def test_failure_is_marked_at_its_step_although_the_run_goes_on(self) -> None:
        trace = [Entry(step, 1 + step % 2, 1, 0, 4, 0x80100011, 0x5000) for step in range(400)]
        ran = Ran(1, Found.CHECK, parse("walk-7"), 0, 40, 2, "now <= 1", trace=tuple(trace))
        made = build(ran, Places(), "a failed check")
        self.assertEqual([("p2", 40)], [(one.row, one.time) for one in made.instants if one.kind == "failure"])
        self.assertTrue(made.focus[0] < 40 < made.focus[1] < 400, made.focus)
        told = build(ran, Places(), "a failed check", ["both inside"], failed="actor 0 stands at")
        self.assertEqual([("where", "actor 0 stands at")],
                         [one for point in told.instants if point.kind == "failure" for one in point.details])
        stopped = build(replace(ran, found=Found.BUGCHECK), Places(), "a bugcheck")
        self.assertEqual([399], [one.time for one in stopped.instants if one.kind == "failure"], "it ends where it fails")

    def test_side_that_does_nothing_has_no_row(self) -> None:
        made = build(replace(raced(), trace=(Entry(0, 0, 16, 0, 0, 0, 1), *raced().trace)), Places(), "a race")
        self.assertEqual(["actor 0", "actor 1"], [row.name for row in made.rows])

    def test_every_kind_of_point_has_a_name(self) -> None:
        text = (Path(__file__).resolve().parents[2] / "kernel/inc/nt/explore.h").read_text(encoding="utf-8")
        values = [int(value) for value in re.findall(r"^    [A-Z]\w+ = (\d+),", text, re.M)]
        self.assertEqual(list(range(len(POINTS))), values, "each point has its own number")

    def test_timeline_of_a_race_is_the_same_bytes_again(self) -> None:
        def drawn() -> str:
            return page.render(build(raced(), Places(), "a race", ["walk-7"], Sources(lambda name: "line\n" * 99)))

        self.assertEqual(drawn(), drawn())

    def test_timeline_without_a_trace(self) -> None:
        made = build(replace(raced(), trace=()), Places(), "a race")
        self.assertIn("a race", page.render(made))


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
        for name in ("kernel/ntos/ke/wait.cpp", "kernel/ntos/ke/wait_test.cpp", "solutions/3-s/hidden/a.cpp", "labs/4-m/tests/x.cpp",
                     "labs/3-s/tests/races.cpp", "labs/0-boot/seed.txt", "grader/tests/a.cpp", "kernel/tests/guest/a.cpp",
                     "kernel/inc/ke.h", "kernel/boot/a.cpp"):
            self.write(self.root / name, REFERENCE if name.endswith("wait.cpp") else "text\n")

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def read(self, name: str, lab: int = 3) -> "str | None":
        return reader(self.out, Tree(self.root, self.root / "build"), lab)(name)

    def test_reference_of_an_exercise_is_blanked_and_its_lines_keep_their_numbers(self) -> None:
        told = self.read("kernel/ntos/ke/wait.cpp")
        self.assertNotIn("Secret", told)  # type: ignore[arg-type]
        self.assertNotIn("trick", told)  # type: ignore[arg-type]
        self.assertEqual("int After;", told.split("\n")[7])  # type: ignore[union-attr]
        self.assertIn("exercise 3.2: not shown", told.split("\n")[3])  # type: ignore[union-attr]

    def test_file_of_a_later_lab_is_not_quoted_at_all(self) -> None:
        self.assertIsNone(self.read("kernel/ntos/ke/wait.cpp", lab=1))
        self.assertIsNone(self.read("labs/4-m/tests/x.cpp"))
        self.assertEqual("text\n", self.read("labs/3-s/tests/races.cpp"))

    def test_students_own_file_is_quoted_as_it_was_compiled(self) -> None:
        self.write(self.out / "student/kernel/ntos/ke/wait.cpp", "mine\n")
        self.assertEqual("mine\n", self.read("kernel/ntos/ke/wait.cpp"))

    def test_name_in_the_students_debug_information_opens_no_other_file(self) -> None:
        self.write(self.root.parent / "secret.cpp", "secret\n")
        (self.root / "kernel/ntos/ke/link.cpp").symlink_to(self.root.parent / "secret.cpp")
        for name in ("solutions/3-s/hidden/a.cpp", "labs/0-boot/seed.txt", "grader/tests/a.cpp", "kernel/tests/guest/a.cpp",
                     "kernel/ntos/ke/wait_test.cpp", "kernel/ntos/../../../secret.cpp", str(self.root.parent / "secret.cpp"),
                     "kernel/ntos/ke/link.cpp", "kernel/ntos/ke/" + "a" * 5000 + ".cpp", "kernel/ntos/ke/\0.cpp", "", "kernel"):
            with self.subTest(name=name[:60]):
                self.assertIsNone(self.read(name))
        self.assertEqual("text\n", self.read("kernel/inc/ke.h"))

    def test_starter_that_the_kernel_was_not_built_from_is_not_quoted_in_a_branch(self) -> None:
        (self.root / "kernel/prebuilt/reference").mkdir(parents=True)
        self.write(self.root / "kernel/ntos/ke/wait.cpp", "int Open;\n// Exercise 3.2\nLAB_NOT_IMPLEMENTED;\n")
        self.assertIsNone(self.read("kernel/ntos/ke/wait.cpp"))
        self.assertEqual("text\n", self.read("kernel/boot/a.cpp"))

    def test_tree_with_a_wrong_marker_quotes_nothing(self) -> None:
        self.write(self.root / "kernel/ntos/ke/wait.cpp", "// LAB(3.2) begin\nint Secret;\n")
        self.assertIsNone(self.read("kernel/ntos/ke/wait.cpp"))


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
