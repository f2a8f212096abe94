"""The runner on the probe guest: each end of a test has its own verdict, and nothing but the test shows in it.

(grading.md: promises 1 to 4)
"""

from __future__ import annotations

import dataclasses
import threading
import time
import types
import unittest
from pathlib import Path
from typing import Dict
from unittest import mock

from grader.api import Context, Hint
from grader.errors import InfraError
from grader.guest.session import BootFailure
from grader.judge import runner
from grader.judge.verdict import judge
from grader.machine import qemu
from grader.machine.parts import EXPLORED
from grader.model import Kernel, KernelSet, Outcome, Progress, Verdict
from grader.tests.machine import grade, needs_emulator, probe_folder, spec


def calling(name: str, *arguments: int):
    """A test that calls one routine and expects 77."""

    def body(t) -> None:
        t.asking(f"calling {name}", t.hint("asked-hint", "of the question"))
        t.equal(77, t.guest.call(name, *arguments), f"the result of {name}")

    return body


def catalogue() -> list:
    """One test for every way to end."""
    ways = {
        "right": ("ProbeAdd", 70, 7),
        "wrong": ("ProbeAdd", 70, 8),
        "hangs": ("ProbeHang", ),
        "crashes": ("ProbeCrash", 0x50),
        "returns_badly": ("ProbeBadReturn", 1),
        "not_written": ("ProbeUnimplemented", ),
        "triple": ("ProbeTripleFault", ),
        "leaves": ("ProbeExit", ),
        "patches": ("ProbePatch", ),
        "floods": ("ProbeFlood", 3000)
    }
    return [spec(calling(*call), name) for name, call in ways.items()]


@needs_emulator
class Verdicts(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.outcomes: Dict[str, Outcome] = {outcome.test: outcome for outcome in grade(catalogue())}

    def test_right_and_wrong(self) -> None:
        right, wrong = self.outcomes["right"], self.outcomes["wrong"]
        self.assertEqual((right.verdict, right.points, right.max_points), (Verdict.PASS, 2, 2))
        self.assertEqual((wrong.verdict, wrong.points, wrong.expected, wrong.seen), (Verdict.FAIL, 0, "77", "78"))
        self.assertEqual((wrong.asked, wrong.seed), ("the result of ProbeAdd", 7))

    def test_a_hang_is_a_failure_with_a_place(self) -> None:
        hang = self.outcomes["hangs"]
        self.assertEqual((hang.verdict, hang.seen),
                         (Verdict.FAIL, "did not finish within 5,000,000 guest instructions"))
        self.assertEqual((hang.asked, hang.hint_id), ("calling ProbeHang", "asked-hint"))
        self.assertRegex(hang.where, r"^probe/probe.cpp:\d+$")

    def test_a_bugcheck_is_a_crash_with_a_backtrace(self) -> None:
        crash = self.outcomes["crashes"]
        self.assertEqual(crash.verdict, Verdict.STUDENT_CRASH)
        self.assertIn("bugcheck 0x50 PAGE_FAULT_IN_NONPAGED_AREA: address 1", crash.seen)
        self.assertRegex(crash.backtrace[0], r"^ProbeCrash\+0x[0-9a-f]+ at probe/probe.cpp:\d+$")
        self.assertIn("*** STOP", crash.log)

    def test_what_stops_the_kernel_gets_the_hint_of_its_question_or_a_general_one(self) -> None:
        for name in ("crashes", "triple", "leaves", "hangs", "returns_badly"):
            self.assertEqual(self.outcomes[name].hint_id, "asked-hint", name)

        def unasked(name: str, *arguments: int):
            return lambda t: t.guest.call(name, *arguments)

        ways = {"crashes": ("ProbeCrash", 0x50), "triple": ("ProbeTripleFault", ), "leaves": ("ProbeExit", ), "hangs": ("ProbeHang", )}
        told = grade([spec(unasked(*call), name) for name, call in ways.items()])
        self.assertEqual({one.test: one.hint_id for one in told}, {"crashes": "crash", "triple": "crash", "leaves": "crash", "hangs": "hang"})

    def test_an_unwritten_exercise_says_so(self) -> None:
        stub = self.outcomes["not_written"]
        self.assertEqual((stub.verdict, stub.hint_id, stub.where),
                         (Verdict.FAIL, "not-implemented", "probe/student.cpp:42"))
        self.assertEqual((stub.seen, stub.waits_for), ("not implemented: exercise 9.1 (probe/student.cpp:42)", ""))

    def test_leaving_the_machine_is_a_crash(self) -> None:
        self.assertEqual(self.outcomes["triple"].verdict, Verdict.STUDENT_CRASH)
        self.assertIn("triple fault", self.outcomes["triple"].seen)
        self.assertEqual(self.outcomes["leaves"].verdict, Verdict.STUDENT_CRASH)

    def test_a_broken_return_is_explained(self) -> None:
        self.assertIn("returned with ESP -4 bytes", self.outcomes["returns_badly"].seen)

    def test_changed_code_fails_whatever_the_result_says(self) -> None:
        patched = self.outcomes["patches"]
        self.assertEqual((patched.verdict, patched.hint_id), (Verdict.FAIL, "courseware-changed"))
        self.assertEqual(patched.seen, "courseware code was changed at ProbeAdd")

    def test_printing_pass_proves_nothing_and_the_log_is_capped(self) -> None:
        flood = self.outcomes["floods"]
        self.assertEqual(flood.verdict, Verdict.FAIL)
        self.assertIn("PASS PASS", flood.log)
        self.assertLessEqual(len(flood.log), 2000)

    def test_order_jobs_and_neighbours_do_not_show(self) -> None:
        tests = catalogue()
        for jobs, order in ((2, tests), (1, list(reversed(tests)))):
            self.assertEqual({outcome.test: outcome for outcome in grade(order, jobs=jobs)}, self.outcomes)

    def test_nothing_of_the_host_is_in_an_outcome(self) -> None:
        text = "".join(str(outcome.to_json()) for outcome in self.outcomes.values())
        for secret in (str(probe_folder()), "/tmp/", str(Path.home())):
            self.assertNotIn(secret, text)


@needs_emulator
class SeveralSeeds(unittest.TestCase):
    """`until_failure`, which make mutate is built on."""

    def test_each_seed_ends_at_its_first_failure_on_machines_that_boot_once(self) -> None:
        def body(t) -> None:
            t.equal(t.seed % 2, t.guest.call("ProbeAdd", 1, 0), "odd seeds pass")

        tests = [spec(calling("ProbeAdd", 70, 7), "right"), spec(body, "odd"), spec(calling("ProbeCrash", 0x50), "crashes"),
                 spec(calling("ProbeAdd", 70, 7), "never")]
        kernels = KernelSet({test.kernel: Kernel(probe_folder()) for test in tests}, Path("/nonexistent"))
        with mock.patch.object(runner, "boot", wraps=runner.boot) as boots:
            found = runner.until_failure(kernels, tests, [6, 7, 8])
        self.assertEqual(1, boots.call_count)
        self.assertEqual({6: ["right", "odd"], 7: ["right", "odd", "crashes"], 8: ["right", "odd"]},
                         {seed: [one.test for one in outcomes] for seed, outcomes in found.items()})
        self.assertEqual([Verdict.FAIL, Verdict.STUDENT_CRASH, Verdict.FAIL], [outcomes[-1].verdict for outcomes in found.values()])
        alone = grade([tests[1]], seed=6)[0]
        self.assertEqual(dataclasses.replace(alone, replay=""), dataclasses.replace(found[6][1], replay=""))


class AdviceBeforeTheTest(unittest.TestCase):
    """A kernel that does not come up gets the advice of the test's module, if it has one."""

    def test_the_modules_hint_is_told(self) -> None:
        for names, hint in (({"BOOT": Hint("mine", "Look there.")}, "mine"), ({}, "crash")):
            one = dataclasses.replace(spec(calling("ProbeAdd", 70, 7), "late"), function=types.FunctionType((lambda t: None).__code__, names))
            end = judge(Context(one, 7, None, Path(), None), BootFailure("ready", qemu.GuestEnd("guest-reset"), (), b""), None)
            self.assertEqual(("boot to the ready stage", hint), (end.asked, end.hint.id if end.hint else ""))


@needs_emulator
class Boots(unittest.TestCase):
    """A kernel that does not come up costs the tests that need it, and says where it stopped."""

    TESTS = staticmethod(lambda: [
        spec(calling("ProbeAdd", 70, 7), "late"),
        spec(calling("ProbeAdd", 70, 7), "early", stage="early"),
        spec(calling("ProbeAdd", 70, 7), "late_again")
    ])

    def test_a_bugcheck_between_the_stages(self) -> None:
        late, early, again = grade(self.TESTS(), 7, 1, "PROBE_CRASHES_LATE")
        self.assertEqual((early.verdict, late.verdict), (Verdict.PASS, Verdict.STUDENT_CRASH))
        self.assertEqual(late.asked, "boot to the ready stage")
        self.assertRegex(late.backtrace[0], r"^ProbeCrash\+")
        self.assertRegex(late.backtrace[1], r"^ProbeMain\+")
        self.assertIn("*** STOP", late.log)
        self.assertEqual((again.backtrace, again.log, again.where), (late.backtrace, late.log, late.where))

    def test_a_hang_between_the_stages(self) -> None:
        late, early, again = grade(self.TESTS(), 7, 1, "PROBE_HANGS_LATE")
        self.assertEqual((early.verdict, late.verdict), (Verdict.PASS, Verdict.FAIL))
        self.assertIn("did not finish within", late.seen)
        self.assertRegex(late.backtrace[0], r"^ProbeHang\+")
        self.assertEqual(again.backtrace, late.backtrace)


@needs_emulator
class Trouble(unittest.TestCase):
    def test_an_emulator_that_dies_is_retried_once(self) -> None:
        attempts = []

        def body(t) -> None:
            attempts.append(1)
            if len(attempts) == 1:
                t.guest.machine.process.kill()
                t.guest.machine.process.wait()
            t.equal(77, t.guest.call("ProbeAdd", 70, 7), "")

        self.assertEqual(
            [outcome.verdict
             for outcome in grade([spec(body, "dies_once"),
                                   spec(calling("ProbeAdd", 7, 70), "next")])], [Verdict.PASS, Verdict.PASS])
        self.assertEqual(len(attempts), 2)

    def test_trouble_that_stays_is_no_zero(self) -> None:
        def body(t) -> None:
            t.infra(False, "the moon is up")

        outcome, after = grade([spec(body, "moon"), spec(calling("ProbeAdd", 7, 70), "after")])
        self.assertEqual(outcome.verdict, Verdict.INFRA_ERROR)
        self.assertIn("the moon is up", outcome.seen)
        self.assertEqual(after.verdict, Verdict.PASS)

    def test_a_bug_in_a_test_is_our_trouble(self) -> None:
        self.assertEqual(grade([spec(lambda t: [][1], "bug")])[0].verdict, Verdict.INFRA_ERROR)

    def test_a_kernel_without_images_is_our_trouble_and_ends(self) -> None:
        kernels = KernelSet({"9.1": Kernel(Path("/nonexistent"))}, Path("/nonexistent"))
        outcome = runner.run_tests(kernels, [spec(calling("ProbeAdd", 1, 1), "none")], 1, 1)[0]
        self.assertEqual(outcome.verdict, Verdict.INFRA_ERROR)

    def test_the_wall_clock_only_guards_the_host(self) -> None:
        def body(t) -> None:
            t.guest.machine.wall = 0.2
            t.guest.session.watchdog.disarm()
            t.guest.set_budget(10 ** 12, 30.0)
            t.guest.call("ProbeHang")

        begun = time.monotonic()
        with mock.patch.object(qemu, "SLOWEST", 10 ** 12):  # every guest is too slow for this host
            outcome = grade([spec(body, "slow_host")])[0]
        self.assertEqual(outcome.verdict, Verdict.INFRA_ERROR)
        self.assertLess(time.monotonic() - begun, 20)


class Planning(unittest.TestCase):
    def test_stage_none_needs_no_machine(self) -> None:
        def body(t) -> None:
            t.equal("" if t.spec.name == "answers" else "4", t.submitted("labs/answers.txt"), "no answer")

        kernels = KernelSet({"9.1": Kernel(Path("/nonexistent"))}, Path("/nonexistent"))
        with mock.patch.object(runner, "boot", side_effect=InfraError("no machine here")):
            right, wrong = runner.run_tests(kernels, [spec(body, name, stage="none") for name in ("answers", "four")], 1, 1)
        self.assertEqual((right.verdict, right.replay), (Verdict.PASS, ""))
        # make replay would say that there is nothing to replay
        self.assertEqual((wrong.verdict, wrong.replay), (Verdict.FAIL, f"make grade LAB={wrong.exercise[0]} TEST=four SEED=1"))

    def test_tests_that_take_their_own_machines_run_side_by_side(self) -> None:
        both = threading.Barrier(2)

        def body(t) -> None:
            both.wait(timeout=60)  # broken where one runs after the other

        kernels = KernelSet({"9.1": Kernel(Path("/nonexistent"))}, Path("/nonexistent"))
        outcomes = runner.run_tests(kernels, [spec(body, name, stage="none") for name in ("one", "two")], 1, 2)
        self.assertEqual([one.verdict for one in outcomes], [Verdict.PASS] * 2)

    def shared_out(self, tests: list, jobs: int, kernels: KernelSet) -> "list[list[tuple]]":
        """Who would do what, if all tests took the same time: for each worker the machines and names in their order."""
        waiting = runner.Waiting(tests, kernels)
        machines, rows = [None] * jobs, [[] for _ in range(jobs)]  # type: ignore[var-annotated]
        busy = True
        while busy:
            busy = False
            for worker in range(jobs):
                taken = waiting.take(machines[worker]) if machines[worker] != "idle" else None
                machines[worker] = taken[0] if taken else "idle"
                if taken:
                    rows[worker].append((taken[0].directory.name, taken[1].name))
                    busy = True
        return rows

    def test_equal_kernels_share_a_machine_and_big_groups_are_shared_out(self) -> None:
        tests = [spec(lambda t: None, f"test{number}") for number in range(12)]
        kernels = KernelSet({"9.1": Kernel(Path("/k"))}, Path("/"))
        self.assertEqual([12], [len(row) for row in self.shared_out(tests, 1, kernels)])
        self.assertEqual([6, 6], [len(row) for row in self.shared_out(tests, 2, kernels)])
        self.assertEqual([3, 0], [len(row) for row in self.shared_out(tests[:3], 2, kernels)], "three short tests are not worth a second boot")

    def test_long_rows_are_begun_first_and_short_tests_are_left_to_the_end(self) -> None:
        short = [spec(lambda t: None, f"short{number}") for number in range(20)]
        long = [dataclasses.replace(spec(lambda t: None, f"long{number}"), machine=EXPLORED) for number in range(5)]
        own = [spec(lambda t: None, f"own{number}", stage="none") for number in range(3)]
        kernels = KernelSet({"9.1": Kernel(Path("/free")), "9.1/explore": Kernel(Path("/explore"))}, Path("/"))
        first, second = self.shared_out([*short, *long, *own], 2, kernels)
        self.assertEqual([("", "own0"), ("", "own1"), ("", "own2")], first[:3])
        self.assertEqual([("explore", f"long{number}") for number in range(5)], second[:5])
        self.assertEqual({"free"}, {machine for machine, _ in [*first[3:], *second[5:]]})
        self.assertLessEqual(abs(len(first) - len(second)), 1)
        self.assertEqual(28, len({name for _, name in [*first, *second]}))

    def test_the_random_numbers_depend_on_seed_and_test_only(self) -> None:
        drawn = []

        def body(t) -> None:
            drawn.append(t.rng.random())

        kernels = KernelSet({"9.1": Kernel(Path("/k"))}, Path("/"))
        for seed, name in ((1, "a"), (1, "a"), (2, "a"), (1, "b")):
            runner.run_tests(kernels, [spec(body, name, stage="none")], seed, 1, Progress())
        self.assertEqual(drawn[0], drawn[1])
        self.assertEqual(len(set(drawn)), 3)


if __name__ == "__main__":
    unittest.main()
