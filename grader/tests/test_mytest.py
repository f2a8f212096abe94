"""3.6's judge against explorations made up for it: right kernels first, and every failure says what to do next."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Dict, Optional
from unittest import mock

from grader import labs
from grader.api import Context, Services, TestFailure
from grader.building import sandbox
from grader.building.builder import Builder
from grader.building.toolverdict import Finding
from grader.errors import InfraError
from grader.explore.control import Found
from grader.model import OwnTest, TestSpec
from grader.mytest import driver, judging, kernels
from grader.mytest.judging import Findings
from grader.selfcheck import variants
from grader.submission.files import Submission
from grader.tests.fixture import READY, TreeCase

FILE = "labs/1-processes/mytest.cpp"
NOTHING, LOST = Findings(), Findings("Counts fails under schedule walk-1: x is 2, not 1", Found.CHECK)
ONCE = "Counts fails under schedule walk-2 after other runs, but not alone"
EDIT = f"\nIn ready.cpp:\n-// {READY}\n+wrong\n"


class Catches(TreeCase):
    """One accepted variant, one wrong kernel."""

    def setUp(self) -> None:
        super().setUp()
        self.put(FILE, "SCENARIO(Counts);\n")
        self.put("solutions/1-processes/accepted/other.edit", f"Accepted: other locks\n{EDIT}")
        self.put("solutions/1-processes/hidden/wrong/late.edit",
                 f"Mistake: m\nExercise: 1.1\nFails: x\nHint: mytest-misses\n{EDIT}")

    def judged(self, wrong: str = "late", **seen: Findings) -> Optional[TestFailure]:
        """What the test says when the kernels are found as given: reference, other, late."""
        lab = labs.load(self.tree).labs[0]
        spec = TestSpec("1.1", "mytest", 1, "mytest", lambda t: None, lab=lab.number, scenarios=FILE, wrong=wrong)
        found: Dict[str, Findings] = {"reference": NOTHING, "other": NOTHING, "late": LOST, **seen}
        context = Context(spec, 1, None, self.tree.root, 1, Services(lambda: None, judging.catches))
        context.own_test = self.prepared(spec)
        with mock.patch.object(judging, "explored", lambda folder, kernel, seed: found[kernel.name]):
            try:
                context.catches()
            except TestFailure as failure:
                return failure
        return None

    def prepared(self, spec: TestSpec, **more: object) -> OwnTest:
        """What the build phase makes, with a builder that makes nothing."""
        with ExitStack() as patched:
            for name, fake in (("compiled", lambda tree, builder, text, name: (Path("driver"), "")),
                               ("kernel", lambda tree, course, builder, lab, variant, seed: Path(variant.name if variant else "reference")),
                               *more.items()):
                patched.enter_context(mock.patch.object(kernels, name, fake))
            course = labs.load(self.tree)
            made = kernels.prepared(self.tree, course, Builder(self.tree, course), Submission({}, ()), self.tree.root, [spec], 1, 1)
        return made[FILE]

    def advice(self, wrong: str = "late", **seen: Findings) -> str:
        failure = self.judged(wrong, **seen)
        return failure.hint.id if failure and failure.hint else "passes" if failure is None else "no hint"

    def test_right_kernels_pass_and_the_wrong_one_is_found(self) -> None:
        self.assertEqual(self.advice(), "passes")
        self.assertEqual(self.advice(wrong=""), "passes")

    def test_a_right_kernel_that_is_rejected_costs_every_test(self) -> None:
        for wrong in ("", "late"):
            self.assertEqual(self.advice(wrong, reference=LOST), "mytest-rejects")
            self.assertEqual(self.advice(wrong, other=LOST), "mytest-rejects")

    def test_nothing_that_a_scenario_read_comes_back_with_the_report(self) -> None:
        told = Findings("Counts fails under schedule walk-1: sizes 1500570519", Found.CHECK, "Counts fails under schedule walk-1: a CHECK does not hold")
        failure = self.judged(reference=told)
        assert failure
        self.assertEqual("Counts fails under schedule walk-1: a CHECK does not hold", failure.seen)

    def test_a_wait_without_end_on_a_right_kernel_is_told_apart(self) -> None:
        hangs = Findings("Counts fails under schedule walk-1: nothing can go on", Found.DEADLOCK)
        self.assertEqual(self.advice(reference=hangs), "mytest-waits-for-ever")

    def test_a_wrong_kernel_that_is_missed(self) -> None:
        failure = self.judged(late=NOTHING)
        assert failure and failure.hint
        self.assertEqual(failure.hint.id, "mytest-misses")
        self.assertIn("exercise 1.1", failure.hint.text)
        self.assertNotIn("Mistake", failure.hint.text + failure.seen)

    def test_a_wrong_kernel_of_given_code_names_its_header(self) -> None:
        self.put("kernel/ntos/mm/given.cpp", "int given = 1;\n")
        self.put("solutions/1-processes/hidden/wrong/late.edit", "Mistake: m\nExercise: 1.1\nFails: x\nHint: mytest-misses\nRead: kernel/inc/mm/pages.h\n\n"
                 "In mm/given.cpp:\n-int given = 1;\n+int given = 2;\n")
        variant = variants.read(self.tree.root / "solutions/1-processes/hidden/wrong/late.edit")
        self.assertEqual({"kernel/ntos/mm/given.cpp": b"int given = 2;\n"}, kernels._changed(self.tree, variant))
        failure = self.judged(late=NOTHING)
        assert failure and failure.hint
        self.assertIn("a mistake in what kernel/inc/mm/pages.h promises", failure.hint.text)

    def test_right_kernels_that_nobody_sees_must_pass_too(self) -> None:
        self.put("solutions/1-processes/hidden/right/again.edit", f"Accepted: once more\n{EDIT}")
        self.assertEqual(self.advice(again=NOTHING), "passes")
        self.assertEqual(self.advice(again=LOST), "mytest-rejects")

    def test_what_an_earlier_run_left_costs_no_point_that_was_earned(self) -> None:
        once = Findings(once=ONCE)
        self.assertEqual(self.advice(reference=once), "passes")
        self.assertEqual(self.advice(wrong="", reference=once), "mytest-leftovers")
        self.assertEqual(self.advice(late=once), "mytest-leftovers")
        failure = self.judged(wrong="", other=once)
        assert failure
        self.assertIn(ONCE, failure.seen)

    def test_a_machine_that_fails_in_the_build_is_no_verdict(self) -> None:
        spec = TestSpec("1.1", "mytest", 1, "mytest", lambda t: None, lab=1, scenarios=FILE)
        made = self.prepared(spec, compiled=mock.Mock(side_effect=InfraError("the disk is full")))
        self.assertEqual("the disk is full", made.trouble)
        context = Context(spec, 1, None, self.tree.root, 1)
        for own in (made, None):
            context.own_test = own
            with self.assertRaises(InfraError):
                judging.catches(context)

    def test_a_large_file_is_refused_and_never_cut(self) -> None:
        self.put(FILE, "SCENARIO(Counts);\n" + "// a line\n" * 7000)
        failure = self.judged()
        assert failure
        self.assertRegex(failure.seen, r"mytest\.cpp is larger than 64 KB; make it shorter")
        builder = mock.Mock(side_effect=AssertionError("it was built"))
        _, error = driver.compiled(self.tree, builder, b"SCENARIO(Counts);\n" + bytes(1 << 16))
        self.assertIn("mytest.cpp is larger than 64 KB", error)

    def test_without_a_sandbox_the_text_is_looked_through(self) -> None:
        builder = mock.Mock(side_effect=AssertionError("it was built"))
        with mock.patch.object(sandbox, "bwrap", lambda: None):
            _, error = driver.compiled(self.tree, builder, b'#include "/etc/passwd"\nSCENARIO(Counts);\n#include "../../x.cpp"\n')
        self.assertEqual(2, error.count("mytest.cpp: refused without a sandbox: #include"), error)

    def test_a_file_that_does_not_compile_is_compiled_once(self) -> None:
        base = self.home / "base"
        base.mkdir()
        (base / "nt.lib").write_bytes(b"library")
        builder = mock.Mock(base=lambda flavour: base)
        text = b"SCENARIO(Counts);\n// compiled once\n"
        findings = [Finding(trouble="the disk is full"), Finding(verdict="mytest.cpp: the compiler was stopped", limit=True)]
        with mock.patch.object(driver, "_made", side_effect=findings) as made:
            errors = [driver.compiled(self.tree, builder, text)[1] for _ in range(9)]
        self.assertEqual((["mytest.cpp: the compiler was stopped"] * 9, 2), (errors, made.call_count))

    def test_a_file_without_scenarios(self) -> None:
        self.put(FILE, "// SCENARIO(Counts) comes later\n")
        failure = self.judged()
        assert failure
        self.assertIn("at least one SCENARIO", failure.expected)

    def test_scenarios_that_would_not_run_are_named(self) -> None:
        self.put(FILE, "".join(f"SCENARIO(First{number});\n" for number in range(13)))
        failure = self.judged()
        assert failure
        self.assertIn("at most 12 scenarios", failure.expected)
        self.assertIn("13: First0, First1,", failure.seen)

    def test_an_emulator_that_ends_by_itself_gets_a_second_machine(self) -> None:
        driver = self.tree.root / "driver"
        driver.mkdir()
        (driver / judging.DRIVER).touch()
        for ends, seen in (([InfraError("QEMU ended by itself"), LOST], LOST), ([InfraError("first"), InfraError("second")], None)):
            with mock.patch.object(judging, "_explore", side_effect=ends), mock.patch.object(judging, "_lay_out"):
                if seen:
                    self.assertEqual(seen, judging.explored(driver, self.tree.root, 1))
                else:
                    self.assertRaisesRegex(InfraError, "second", judging.explored, driver, self.tree.root, 2)
