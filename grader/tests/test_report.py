"""The result file and its renderings: canonical bytes, Gradescope, GitHub Classroom, JUnit, and the terminal."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import os
import unittest
import xml.etree.ElementTree as ET
from unittest import mock

from grader.model import SEED_MISSING, ExerciseNote, Outcome, Result, Verdict
from grader.report import result as results
from grader.report import canonical, github, gradescope, junit
from grader.report.terminal import TerminalProgress, write_report
from grader.report.text import for_terminal, for_xml
from grader.tests.fixture import LAB

HOSTILE = "A\x00B\x1b[31mC\x07\ud800\ufffe<&]]>\u202e\r\n\tD"


def outcome(name: str,
            exercise: str = "1.1",
            verdict: Verdict = Verdict.PASS,
            points: int = 2,
            **more: object) -> Outcome:
    """An outcome; anything but a pass earns nothing."""
    made = Outcome(name, exercise, name.title(), points if verdict is Verdict.PASS else 0, points, verdict, 7)
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


FAILED = outcome("order",
                 verdict=Verdict.FAIL,
                 asked="insert 3",
                 expected="A B C",
                 seen="A C B",
                 difference="at 1: B, C",
                 where="kernel/ntos/ke/sched/ready.cpp:42",
                 hint="look at the tail",
                 hint_id="wrong-end",
                 replay="make replay LAB=1 TEST=order SEED=7",
                 backtrace=("KiReadyThread ready.cpp:42", ),
                 features=("SCH-16", ))
CRASHED = outcome("crash", "1.2", Verdict.STUDENT_CRASH, 1, seen=HOSTILE, log=HOSTILE, where="kernel/x.cpp")
LOST = outcome("lost", "1.2", Verdict.INFRA_ERROR, 2)


def result(*outcomes: Outcome, notes: "tuple[ExerciseNote, ...]" = ()) -> Result:
    """A result with seed 7."""
    return Result(7, 8, (LAB,), outcomes or (outcome("good", points=3), FAILED, CRASHED), notes, "d1g")


class Canonical(unittest.TestCase):
    """The result file itself."""

    def test_same_result_same_bytes(self) -> None:
        self.assertEqual(canonical.render(result()), canonical.render(result()))

    def test_keys_are_sorted_and_ascii(self) -> None:
        data = canonical.render(result())
        self.assertTrue(data.isascii() and data.endswith(b"}\n"))
        again = json.dumps(json.loads(data), indent=1, sort_keys=True) + "\n"
        self.assertEqual(again.encode(), data)

    def test_scores(self) -> None:
        data = json.loads(canonical.render(result()))
        self.assertEqual((data["score"], data["max_score"], data["exit_code"]), (3, 6, 1))
        self.assertEqual([(one["number"], one["score"], one["max_score"]) for one in data["labs"][0]["exercises"]],
                         [("1.1", 3, 5), ("1.2", 0, 1)])

    def test_every_field_of_an_outcome_is_there(self) -> None:
        names = {field.name for field in dataclasses.fields(Outcome)}
        self.assertEqual(set(json.loads(canonical.render(result()))["tests"][0]), names)

    def test_reads_back(self) -> None:
        data = canonical.render(result(FAILED, CRASHED, notes=(ExerciseNote("1.1", "x", True),)))
        self.assertEqual(canonical.render(results.from_json(json.loads(data))), data)

    def test_exit_codes(self) -> None:
        self.assertEqual(result(outcome("good")).exit_code, 0)
        self.assertEqual(result(outcome("good"), FAILED).exit_code, 1)
        self.assertEqual(result(outcome("good"), LOST).exit_code, 2)

    def test_replay_command_is_filled_in(self) -> None:
        bare = dataclasses.replace(FAILED, replay="")
        self.assertEqual(results.with_replay(bare).replay, "make replay LAB=1 TEST=order SEED=7")
        self.assertEqual(results.with_replay(outcome("good")).replay, "")


class Gradescope(unittest.TestCase):
    """results.json."""

    def data(self, *outcomes: Outcome, **more: object) -> dict:
        return json.loads(gradescope.render(result(*outcomes, **more)))  # type: ignore[arg-type]

    def test_fields_are_of_the_format(self) -> None:
        data = self.data()
        self.assertLessEqual(set(data), {"score", "execution_time", "output", "output_format", "visibility",
                                         "stdout_visibility", "extra_data", "tests", "leaderboard"})
        for test in data["tests"]:
            self.assertLessEqual(
                set(test), {
                    "score", "max_score", "status", "name", "number", "output", "output_format", "tags", "visibility",
                    "extra_data"
                })
            self.assertIn(test["status"], ("passed", "failed"))
            self.assertIn(test["visibility"], ("hidden", "after_due_date", "after_published", "visible"))
        self.assertEqual((data["score"], [test["score"] for test in data["tests"]]), (3, [3, 0, 0]))

    def test_failure_teaches(self) -> None:
        text = self.data()["tests"][1]["output"]
        for part in ("insert 3", "A B C", "A C B", "look at the tail", "ready.cpp:42", "make replay"):
            self.assertIn(part, text)

    def test_infra_error_is_no_zero(self) -> None:
        data = self.data(outcome("good"), LOST)
        self.assertNotIn("score", data)
        self.assertEqual(data["tests"], [])

    def test_hidden_tests_wait(self) -> None:
        self.assertEqual(self.data(outcome("good", hidden=True))["tests"][0]["visibility"], "after_published")

    def test_notes_are_shown(self) -> None:
        self.assertIn("does not compile", self.data(notes=(ExerciseNote("1.1", "does not compile", True),))["output"])


class GitHub(unittest.TestCase):
    """GitHub Classroom."""

    def data(self, *outcomes: Outcome) -> dict:
        return json.loads(github.render(result(*outcomes)))

    def test_fields_are_of_the_format(self) -> None:
        data = self.data()
        self.assertEqual(set(data), {"version", "status", "max_score", "tests"})
        self.assertEqual((data["version"], data["status"], data["max_score"]), (1, "fail", 6))
        for test in data["tests"]:
            self.assertEqual(set(test),
                             {"name", "status", "score", "message", "test_code", "filename", "line_no", "duration"})
        self.assertEqual((data["tests"][1]["filename"], data["tests"][1]["line_no"]), ("kernel/ntos/ke/sched/ready.cpp", 42))
        self.assertEqual((data["tests"][2]["filename"], data["tests"][2]["line_no"]), ("kernel/x.cpp", 0))

    def test_status(self) -> None:
        self.assertEqual(self.data(outcome("good"))["status"], "pass")
        self.assertEqual(self.data(LOST)["status"], "error")
        self.assertEqual(self.data(LOST)["tests"][0]["status"], "error")

    def test_step_output_is_base64(self) -> None:
        line = github.step_output(result())
        self.assertTrue(line.startswith(b"result=") and line.count(b"\n") == 1)
        self.assertEqual(base64.b64decode(line[len(b"result="):]), github.render(result()))


class JUnit(unittest.TestCase):
    """JUnit XML."""

    def root(self, *outcomes: Outcome, **more: object) -> ET.Element:
        return ET.fromstring(junit.render(result(*outcomes, **more)))  # type: ignore[arg-type]

    def test_counts_and_elements(self) -> None:
        root = self.root(outcome("good"), FAILED, CRASHED, LOST)
        self.assertEqual((root.get("tests"), root.get("failures"), root.get("errors")), ("4", "2", "1"))
        self.assertEqual([len(suite.findall("testcase")) for suite in root.findall("testsuite")], [2, 2])
        self.assertEqual(root.find(".//testcase[@name='lost']/error").get("type"),
                         "infra-error")  # type: ignore[union-attr]
        self.assertEqual(root.find(".//testcase[@name='crash']/failure").get("type"),
                         "student-crash")  # type: ignore[union-attr]

    def test_illegal_bytes_are_gone(self) -> None:
        text = self.root(CRASHED).find(".//system-out").text  # type: ignore[union-attr]
        self.assertIn("<&]]>", text or "")
        self.assertNotIn("\x1b", text or "")

    def test_strip_covers_every_illegal_character(self) -> None:
        for code in [*range(0x20), 0x7F, 0xD800, 0xDFFF, 0xFFFE, 0xFFFF]:
            ET.fromstring(f"<a>{for_xml(chr(code))}</a>".encode("utf-8"))


class Terminal(unittest.TestCase):
    """What a student reads."""

    def text(self, *outcomes: Outcome, **more: object) -> str:
        stream = io.StringIO()
        write_report(result(*outcomes, **more), stream)  # type: ignore[arg-type]
        return stream.getvalue()

    def test_warnings_of_a_file_that_compiles_are_shown_and_cost_nothing(self) -> None:
        note = ExerciseNote("1.1", "warnings of the compiler:\nkernel/ntos/ke/sched/ready.cpp:3: unused variable 'spare'")
        text = self.text(notes=(note,))
        self.assertIn("      kernel/ntos/ke/sched/ready.cpp:3: unused variable 'spare'\n", text)
        self.assertEqual(self.text().splitlines()[-1], text.splitlines()[-1])
        self.assertEqual(result().score, result(notes=(note,)).score)

    def test_ends_with_the_score(self) -> None:
        lines = self.text().splitlines()
        self.assertEqual(lines[-2:], ["Lab 1: 3/6", "Score: 3/6"])

    def test_failure_teaches(self) -> None:
        text = self.text()
        for line in ("FAIL  order  0/2  Order", "asked     insert 3", "expected  A B C", "seen      A C B",
                     "differs   at 1: B, C", "where     kernel/ntos/ke/sched/ready.cpp:42",
                     "backtrace KiReadyThread ready.cpp:42", "hint      look at the tail",
                     "rerun     make replay LAB=1 TEST=order SEED=7", "CRASH  crash"):
            self.assertIn(line, text)

    def test_guest_text_cannot_steer_the_terminal(self) -> None:
        self.assertNotRegex(self.text(), "[\x00-\x08\x0b-\x1f\u202e]")
        self.assertEqual(for_terminal("a\x1bb"), "a\\x1bb")

    def test_no_line_is_an_order_to_what_shows_the_log(self) -> None:
        for text in ("::error file=a::b", "a\n  ::add-mask::x", "a\u2028::warning::x", "##[error]x", "x\n\t##[group]y"):
            for line in for_terminal(text).splitlines():
                self.assertFalse(line.strip().startswith(("::", "##[")), line)
        self.assertEqual(for_terminal("a::b"), "a::b")

    def test_compiler_message_is_told_once(self) -> None:
        note = ExerciseNote("1.1", "kernel/x.cpp:1:2: error: no", fatal=True)
        text = self.text(outcome("a", verdict=Verdict.FAIL), outcome("b", verdict=Verdict.FAIL), notes=(note,))
        self.assertEqual(text.count("error: no"), 1)

    def test_not_implemented_is_told_once(self) -> None:
        stub = dict(verdict=Verdict.STUDENT_CRASH,
                    hint_id="not-implemented",
                    seen="exercise 1.1 is not implemented",
                    where="x:1")
        text = self.text(outcome("a", **stub), outcome("b", **stub))  # type: ignore[arg-type]
        self.assertIn("NOT IMPLEMENTED  0/4", text)
        self.assertIn("        x:1\n          a, b\n", text)
        self.assertNotIn("asked", text)

    def test_a_test_that_waits_for_another_exercise_names_it(self) -> None:
        stub = dict(verdict=Verdict.FAIL, hint_id="not-implemented", where="x:1")
        text = self.text(outcome("a", **stub), outcome("b", waits_for="1.4", **stub))  # type: ignore[arg-type]
        self.assertIn("\n        x:1\n          a\n        wait for exercise 1.4: x:1\n          b\n", text)

    def test_equal_crashes_are_one_block_that_names_the_tests(self) -> None:
        crash = dict(verdict=Verdict.STUDENT_CRASH, where="kernel/x.S:31", backtrace=("KiSwapContext+0x9 at kernel/x.S:31",))
        text = self.text(outcome("a", seen="bugcheck 0x50 PAGE_FAULT: address 1", **crash),  # type: ignore[arg-type]
                         outcome("b", seen="bugcheck 0x50 PAGE_FAULT: address 2", **crash),  # type: ignore[arg-type]
                         outcome("c", seen="bugcheck 0x7f TRAP: 13", **crash))  # type: ignore[arg-type]
        self.assertEqual(text.count("CRASH"), 2)
        self.assertIn("CRASH  a  0/2", text)
        self.assertIn("also      b (0/2): the same end at the same place\n", text)
        self.assertIn("CRASH  c  0/2", text)

    def test_a_missing_seed_is_said_once(self) -> None:
        missing = dict(verdict=Verdict.FAIL, hint_id=SEED_MISSING, seen="cannot judge: seed.txt is missing", hint="Run `make seed`")
        text = self.text(outcome("a", **missing), outcome("b", **missing), outcome("c", **missing))  # type: ignore[arg-type]
        self.assertEqual((1, 1), (text.count("is missing"), text.count("make seed")))
        self.assertIn("FAIL  a  0/2", text)
        self.assertIn("also      b, c (0/4): for the same reason\n", text)

    def test_wrong_answers_stay_apart(self) -> None:
        wrong = dict(verdict=Verdict.FAIL, seen="A C B", where="kernel/x.cpp:1")
        self.assertEqual(self.text(outcome("a", **wrong), outcome("b", **wrong)).count("FAIL  "), 2)  # type: ignore[arg-type]

    def test_score_says_that_it_counts_with_files_that_will_not_be_submitted(self) -> None:
        stream = io.StringIO()
        write_report(result(), stream, (), ["kernel/inc/ke/thread.h"])
        self.assertTrue(stream.getvalue().endswith("Score: 3/6  (with files that will not be submitted: kernel/inc/ke/thread.h. "
                                                   "Your instructor's score may differ)\n"))

    def test_infra_error_is_said(self) -> None:
        self.assertIn("1 tests could not be judged", self.text(LOST))

    def test_no_colour_off_a_terminal(self) -> None:
        self.assertNotIn("\x1b", self.text())

    def test_colour_on_a_terminal_unless_no_color(self) -> None:
        class Screen(io.StringIO):
            def isatty(self) -> bool:
                return True

        for environment, coloured in (({
                "TERM": "xterm"
        }, True), ({
                "TERM": "xterm",
                "NO_COLOR": "1"
        }, False), ({}, False)):
            with mock.patch.dict(os.environ, environment, clear=True):
                screen = Screen()
                write_report(result(), screen)
                self.assertEqual("\x1b" in screen.getvalue(), coloured, environment)

    def test_progress_is_plain_lines_off_a_terminal(self) -> None:
        stream = io.StringIO()
        progress = TerminalProgress(stream, 2)
        progress.note("two exercises\nare not written")
        progress.say("building")
        progress.finished(FAILED)
        progress.clear()
        self.assertEqual(stream.getvalue(), "two exercises\nare not written\nbuilding\n[1/2] FAIL  1.1 order\n")

    def test_progress_calls_no_test_a_failure_that_came_to_an_unwritten_routine(self) -> None:
        stream = io.StringIO()
        progress = TerminalProgress(stream, 2)
        progress.finished(outcome("a", verdict=Verdict.FAIL, hint_id="not-implemented"))
        progress.finished(outcome("b", verdict=Verdict.FAIL, hint_id="not-implemented", waits_for="1.2"))
        self.assertEqual(stream.getvalue(), "[1/2] TO DO 1.1 a\n[2/2] WAITS 1.1 b\n")


if __name__ == "__main__":
    unittest.main()
