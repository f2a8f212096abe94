"""t.explore on a real kernel: a planted race becomes a failure that can be replayed, a correct twin passes, a kernel whose
explorer is switched off does not.

Needs the explore flavour, which it builds beside the kernel that is tested.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
import unittest
from pathlib import Path
from typing import Callable
from unittest import mock

from grader import labs
from grader.api import Context, TestFailure, test
from grader.building.builder import EXPLORED, Builder
from grader.explore import explorer, trial
from grader.explore.control import Batch, Found
from grader.explore.kernels import session_on
from grader.explore.schedule import Schedule, Strategy, parse
from grader.explore.target import GuestTarget
from grader.guest import Guest
from grader.guest.stops import CodeRead, Tampering
from grader.images.pe import EXPORT_DIRECTORY
from grader.judge.services import SERVICES
from grader.model import Kernel, KernelSet, TestSpec
from grader.pictures.__main__ import LOAD, STORE
from grader.replay import arrivals, replay
from grader.tests.machine import needs_emulator
from grader.tree import Tree, this_tree

ROOT = Path(__file__).resolve().parents[2]
OUT = Path(os.environ.get("MICA_OUT") or this_tree().out)
FOLDER = (ROOT / OUT / "explore").resolve()
DRIVER = "planted.sys"


def spec(scenario: str, **more: object) -> TestSpec:
    """A test of exercise 9.1 that explores one scenario."""
    def body(t: Context) -> None:
        t.explore(scenario, **more)  # type: ignore[arg-type]

    body.__name__ = "race_" + scenario.lower()
    made = test("9.1", points=1, title="nothing goes wrong", explore=True)(body).spec  # type: ignore[attr-defined]
    return dataclasses.replace(made, lab=9, driver=DRIVER)


# SYH-03, SYH-05
@needs_emulator
class OnTheKernel(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        tree = Tree(ROOT, (ROOT / OUT).resolve())
        Builder(tree, labs.load(tree)).base(EXPLORED)  # which waits while another test builds it
        cls.session = session_on(Kernel(FOLDER), DRIVER)
        cls.addClassCleanup(cls.session.close)
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)

    def context(self, scenario: str, seed: int = 7, **more: object) -> "tuple[Context, Callable[[], None]]":
        own = spec(scenario, **more)
        context = Context(own, seed, Guest(self.session), Path("/nonexistent"), 0, SERVICES)
        context.pages = Path(self.folder.name) / "races"
        return context, lambda: own.function(context)

    def failure(self, scenario: str, seed: int = 7, **more: object) -> "tuple[TestFailure, Context]":
        context, run = self.context(scenario, seed, **more)
        with self.assertRaises(TestFailure) as caught:
            run()
        return caught.exception, context

    def test_planted_race_fails_with_schedule_place_hint_and_page(self) -> None:
        failure, _ = self.failure("LostUpdate")
        self.assertIn("Counter is 1, not 2", failure.seen)
        self.assertIn(failure.token, failure.seen)
        self.assertRegex(failure.where, r"^kernel/tests/scenarios/planted\S*:\d+$")
        text = (Path(self.folder.name) / failure.page).read_text()
        self.assertTrue("writes Counter" in text and "Counter = Counter + 1" in text,
                        "the page shows the accesses and their source")

    def test_the_handout_of_lab_3_walks_back_through_this_race(self) -> None:
        """Its report, its four accesses, and the source of the scenario are in the handout as they are here."""
        failure, context = self.failure("LostUpdate")
        handout = " ".join((ROOT / "labs/3-synchronization/README.md").read_text(encoding="utf-8").split())
        accesses = [f"step {entry.step} actor {entry.processor - 1} {'reads' if entry.kind == LOAD else 'writes'} Counter"
                    for entry in context.found.trace if entry.kind in (LOAD, STORE)]  # type: ignore[union-attr]
        self.assertEqual(4, len(accesses))
        self.assertIn(" ".join(accesses), handout)
        self.assertIn(" ".join(f"seen {failure.seen} {failure.difference}".split()), handout)
        self.assertIn(f"The seed `{failure.token}` passes now.", handout)
        source = (ROOT / "kernel/tests/scenarios/planted/updates.inc").read_text(encoding="utf-8")
        lines = source[source.index("    static inline volatile LONG Counter;"):source.index("};\n\nstruct LostUpdateMended")]
        self.assertIn(" ".join(lines.split()), handout)
        again, _ = self.context("LostUpdateMended")
        again.forced = parse(failure.token)
        again.explore("LostUpdateMended")

    def test_data_race_names_both_accesses_with_lines_and_stacks(self) -> None:
        failure, _ = self.failure("UnlockedStatistic")
        self.assertRegex(failure.difference, r"actor \d \(processor \d\) (reads|writes) Reads \(\d bytes\) at step \d+, \S+:\d+")
        self.assertEqual("data-race", failure.hint.id)  # type: ignore[union-attr]

    def test_failed_check_shows_both_sides_in_the_source_and_not_in_the_points_header(self) -> None:
        failure, _ = self.failure("TestAndSet")
        self.assertRegex(failure.difference, r"actor 0 .* stands at\n +Act at kernel/tests/scenarios/planted/locks.inc")
        self.assertRegex(failure.difference, r"actor 1 .* stands at\n +Act at kernel/tests/scenarios/planted/locks.inc")
        text = (Path(self.folder.name) / failure.page).read_text()
        self.assertNotIn("explore.h", text + failure.difference)
        self.assertNotIn("0x00", failure.difference, "every address of a stack has a name")

    def test_deadlock_says_where_everybody_stands(self) -> None:
        failure, _ = self.failure("OrderInversion")
        self.assertIn("waits for mutant", failure.seen)
        self.assertIn("KeWaitForSingleObject", failure.difference)

    def test_bugcheck_that_an_exhaustive_search_finds_is_confirmed_by_its_script(self) -> None:
        target = GuestTarget(self.session, "BeyondLimit")
        ran = target.run(Batch(Schedule(Strategy.EXHAUSTIVE, depth=1), 1000), True)
        self.assertEqual(Found.BUGCHECK, ran.found, ran)
        self.assertTrue(ran.schedule.script, "a script without a switch breaks nothing")  # type: ignore[union-attr]
        self.assertIsNotNone(explorer.confirm(target, ran), ran)

    def test_trace_that_is_cut_off_says_how_much_is_missing(self) -> None:
        target = GuestTarget(self.session, "MissingRelease")
        find = explorer.explore(target, "MissingRelease", 7).find
        self.assertEqual(Found.NO_PROGRESS, find.ran.found, find)  # type: ignore[union-attr]
        ran = explorer.trace(target, find.schedule)  # type: ignore[union-attr]
        self.assertGreater(ran.trace_lost, 20_000 - len(ran.trace) - 1)

    def test_same_seed_same_failure_other_seed_other_schedule(self) -> None:
        first, again = self.failure("LostUpdate")[0], self.failure("LostUpdate")[0]
        self.assertEqual((first.seen, first.difference, first.page), (again.seen, again.difference, again.page))
        self.assertNotEqual(first.token, self.failure("LostUpdate", seed=8)[0].token)

    def test_a_call_ends_where_the_explorer_says_that_it_is_over(self) -> None:
        target = GuestTarget(self.session, "LostUpdateMended")
        ran = target.run(Batch(Schedule(Strategy.WALK, 1), 3), True)
        self.assertEqual((Found.NOTHING, 3, "KxExplore"), (ran.found, ran.runs, target.guest.name(target.guest.regs()["eip"])))
        # Whoever writes there earlier ends a call whose orders are not done: that is seen.
        with mock.patch("grader.explore.target.FINISHED", self.session.symbols.address("KxActive")):
            self.assertIs(Found.OVERWRITTEN, target.run(Batch(Schedule(Strategy.WALK, 1), 3), True).found)

    def test_calls_of_many_lots_do_what_single_ones_do(self) -> None:
        for scenario in ("LostUpdateMended", "StolenItem"):
            reports, calls = [], []
            for ahead in (16, 1):
                target = GuestTarget(self.session, scenario)
                with mock.patch.object(target, "ahead", lambda: ahead), \
                        mock.patch.object(target.guest, "call_until_written", wraps=target.guest.call_until_written) as call:
                    reports.append(explorer.explore(target, scenario, 7, budget=10_000_000))
                calls.append(call.call_count)
            first, second = (dataclasses.replace(report, instructions=0, find=None) for report in reports)
            self.assertEqual(first, second)
            self.assertEqual(*(report.find and report.find.token for report in reports))
            self.assertLess(calls[0], calls[1])

    def test_corrected_twin_passes(self) -> None:
        _, run = self.context("LostUpdateMended", budget=5_000_000)
        run()

    def test_replay_stops_at_the_failure_under_the_same_schedule(self) -> None:
        failure, context = self.failure("LostWakeup")
        own = spec("LostWakeup")
        kernels = KernelSet({own.kernel: Kernel(FOLDER)}, Path("/nonexistent"))
        forced = parse(failure.token)
        guest, told = replay.run_once(self.session, kernels, own, 1, forced=forced)
        self.assertIn(failure.seen, told.seen)
        self.assertIn(failure.token, told.replay)
        find = guest.context.found  # type: ignore[union-attr]
        guest, _ = replay.run_once(self.session, kernels, own, 1, stop_at=guest.calls, forced=forced)
        self.assertIn("stands where the explorer saw it", replay.run_to_failure(guest, find))
        self.assertEqual("KxDescribeDeadlock", guest.name(guest.regs()["eip"]).lstrip("?").split("@")[0])

    def test_replay_of_a_schedule_that_breaks_nothing_says_what_to_do(self) -> None:
        own, said = spec("LostUpdateMended"), []  # type: ignore[var-annotated]
        with mock.patch.object(replay, "debug"), mock.patch.object(arrivals, "boot", lambda *_: self.session), \
                mock.patch.object(self.session, "close"):
            replay.replay(KernelSet({own.kernel: Kernel(FOLDER)}, Path("/nonexistent")), own, 1, ROOT, said.append,
                          forced=parse("pct3-77.k90"))
        told = "\n".join(said)
        self.assertIn("pass under schedule pct3-77.k90", told)
        self.assertRegex(told, r"breaks nothing on this kernel.*make grade LAB=9 TEST=race_lostupdatemended")

    def test_replay_of_a_data_race_stops_at_the_second_access(self) -> None:
        failure, context = self.failure("UnlockedStatistic")
        own = spec("UnlockedStatistic")
        kernels = KernelSet({own.kernel: Kernel(FOLDER)}, Path("/nonexistent"))
        guest, _ = replay.run_once(self.session, kernels, own, 1, forced=parse(failure.token))
        find = guest.context.found  # type: ignore[union-attr]
        guest, _ = replay.run_once(self.session, kernels, own, 1, stop_at=guest.calls, forced=parse(failure.token))
        said = replay.run_to_failure(guest, find)
        second = find.race.accesses[1]
        self.assertIn(f"step {second.step}", said)
        self.assertEqual((second.processor, second.pc), (guest.processor, guest.regs()["eip"]))

    def test_who_turns_the_switch_of_the_points_is_named(self) -> None:
        context, run = self.context("LostUpdateMended", budget=1_000_000)
        run()  # nobody but the explorer does
        context, run = self.context("LostUpdateMended", budget=1_000_000)
        named = self.session.symbols.nearest
        with mock.patch("grader.explore.target.SWITCH_WRITER", "KxExplore"), self.assertRaises(TestFailure) as caught, \
                mock.patch.object(self.session.symbols, "nearest", lambda address: ("KxExplore", named(address)[1])):
            run()  # a routine elsewhere, of the name that the writer should have
        self.assertIn("the switch of the preemption points was written by Kx", caught.exception.seen)
        self.assertEqual("explorer-disabled", caught.exception.hint.id)  # type: ignore[union-attr]

    def test_points_that_are_off_during_a_run_are_seen_at_whatever_address_they_were_switched(self) -> None:
        target, gdb = GuestTarget(self.session, "LostUpdate"), self.session.machine.gdb
        guest, watch_writes = target.guest, gdb.watch_writes

        def watch(address: int, size: int) -> None:
            watch_writes(address, size)
            if address == guest.sym("KxUnseen"):  # a run begins
                guest.write(guest.sym("KxActive"), bytes(4))  # into its frame, as through another mapping

        with mock.patch.object(gdb, "watch_writes", watch), \
                self.assertRaisesRegex(Tampering, "the switch of the preemption points was written by (?!_|Kx)"):
            target.run_watched(Batch(Schedule(Strategy.WALK, 1), 3), True)

    def test_who_looks_for_the_explorers_data_or_for_the_kernels_exports_is_named(self) -> None:
        run, strategies = (self.session.symbols.address(name) for name in ("KxRun", "KxStrategies"))
        exports = self.session.kernel.base + self.session.kernel.directories[EXPORT_DIRECTORY][0]
        for place in (run, run + 4096, strategies + 8188, exports + 40):
            with self.subTest(self.session.symbols.describe(place)):
                guest = Guest(self.session)
                guest.begin(self.session.restore("ready"), 0, 60.0)
                guest.call("KeTestSpinLock", place, conv="fastcall")  # nobody looks
                with guest.code_unread():
                    guest.call("KeTestSpinLock", guest.sym("KxControl"), conv="fastcall")
                    with self.assertRaisesRegex(CodeRead, "is read by KeTestSpinLock"):
                        guest.call("KeTestSpinLock", place, conv="fastcall")

    def test_no_variable_of_the_explorer_has_a_value_in_the_image(self) -> None:
        """What has one lies in .data, a few pages where a kernel finds it by what it looks like, whatever the order of the objects."""
        image = self.session.kernel
        kept = [one for one in image.by_address if one.name.startswith("Kx") and image.sections[one.section - 1].writable]
        self.assertLess({"KxRun", "KxStrategies", "KxControl", "KxActive", "KxTheDetector"}, {one.name for one in kept})
        for one in kept:
            section = image.sections[one.section - 1]
            self.assertGreaterEqual(one.rva - section.rva, section.file_size, one.name)

    def test_explorer_that_finds_nothing_anywhere_is_no_pass(self) -> None:
        context, run = self.context("LostUpdateMended", budget=1_000_000)
        address = self.session.symbols.address("KxActive")
        real = trial.GuestTarget.run

        def switched_off(target, batch, fresh):  # type: ignore[no-untyped-def]
            ran = real(target, batch, fresh)
            self.assertTrue(context.guest.readable(address, 4))
            return dataclasses.replace(ran, found=type(ran.found)(0), schedule=None)

        trial.GuestTarget.run = switched_off  # type: ignore[method-assign]
        try:
            with self.assertRaises(TestFailure) as caught:
                run()
        finally:
            trial.GuestTarget.run = real  # type: ignore[method-assign]
        self.assertEqual("explorer-disabled", caught.exception.hint.id)  # type: ignore[union-attr]


if __name__ == "__main__":
    unittest.main()
