"""make test itself: nothing that breaks, hangs or stays silent may count as passed."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "kernel" / "tests"))

import run as runner  # noqa: E402
from rings import RINGS, Options, Outcome, Ring, Skipped, times  # noqa: E402
from rings.base import run  # noqa: E402
from rings.build import said_of_sources  # noqa: E402
from rings.program import ProgramRing  # noqa: E402


class Asked(unittest.TestCase):
    def test_name_of_a_ring_is_that_ring_alone(self) -> None:
        names = [ring.name for ring in RINGS]
        for only, expected in (("host", ("host", "*")), ("guest:waits*", ("guest", "waits*")), ("*Quantum*", ("", "*Quantum*")), ("", ("", ""))):
            with self.subTest(only):
                self.assertEqual(expected, runner.asked(only, names))


class Fixed(Ring):
    def __init__(self, *outcomes, error=None):
        super().__init__("fixed", "made up")
        self.outcomes, self.error = outcomes, error

    def run(self, options):
        yield from self.outcomes
        if self.error:
            raise self.error


def options(**more) -> Options:
    return Options(ROOT, Path("build"), 1, more.get("only", ""), "")


class Clock:
    """Stands still but for what a test adds: a machine that is slow is not taken for a program that is silent."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


class RunnerTest(unittest.TestCase):
    def run_ring(self, ring: Ring, **more) -> "tuple[list[Outcome], str]":
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            outcomes = runner.run_ring(ring, options(**more))
        return outcomes, said.getvalue()

    def test_failure_says_everything(self) -> None:
        _, said = self.run_ring(Fixed(Outcome("fixed", "a.b", False, [], "7", "8\nand 9", 42, "make it", "x.cpp:3")))
        for part in ("FAILED  fixed: a.b  (x.cpp:3)", "expected: 7", "seen:     8", "          and 9", "seed:     42",
                     "repeat:   make it", "0 passed, 1 FAILED"):
            self.assertIn(part, said)

    def test_a_program_may_take_its_time_while_it_speaks_and_is_ended_when_it_is_silent(self) -> None:
        line = json.dumps({"name": "a.b", "ok": True})
        speaks = f"import time\nfor n in range(6):\n    print({line!r}, flush=True); time.sleep(0.3)"
        silent = f"import time\nprint({line!r}, flush=True); time.sleep(600)"
        for program, seconds, wanted in ((speaks, 1.0, [True] * 6), (silent, 2.0, [True, False])):
            found, clock = [], Clock()
            with mock.patch("rings.program.SILENT_SECONDS", 1.2), mock.patch("rings.program.time", clock):
                for outcome in ProgramRing("x", "y", [sys.executable, "-c", program.replace("{", "{{").replace("}", "}}")]).run(options()):
                    found.append(outcome)
                    clock.now += seconds
            self.assertEqual([one.ok for one in found], wanted)
        self.assertIn("said nothing for 1.2 s", found[-1].seen)

    def test_a_note_of_a_program_is_shown(self) -> None:
        program = "print('note: drawn by 7', flush=True); print('{{\"name\": \"a.b\", \"ok\": true}}')"
        outcomes, said = self.run_ring(ProgramRing("x", "y", [sys.executable, "-c", program]))
        self.assertEqual([True], [one.ok for one in outcomes])
        self.assertIn("drawn by 7\n", said)

    def test_the_page_of_times_names_what_the_run_waited_for(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            page = times.write([times.RingTime("guest", 9.0, [(8.0, "a.<b>"), (0.01, "c.d")]), times.RingTime("host", 1.0)], Path(folder))
            text = page.read_text(encoding="utf-8")
        self.assertIn("make test: 10 s", text)
        self.assertIn("<td>8.0</td><td>a.&lt;b&gt;</td>", text)
        self.assertNotIn("c.d", text)

    def test_green_is_two_lines_the_first_before_anything_runs(self) -> None:
        said = io.StringIO()

        class Asks(Ring):
            def run(self, options):
                yield Outcome("fixed", said.getvalue(), True)

        with contextlib.redirect_stdout(said):
            outcomes = runner.run_ring(Asks("fixed", "made up"), options())
        self.assertRegex(outcomes[0].name, r"\Afixed +\.\.\. +made up\n\Z")
        self.assertEqual(2, len(said.getvalue().splitlines()), said.getvalue())

    def test_terminal_sees_how_far_a_ring_is(self) -> None:
        class Terminal(io.StringIO):
            def isatty(self):
                return True

        said = Terminal()
        with contextlib.redirect_stdout(said):
            runner.run_ring(Fixed(Outcome("fixed", "first.one", True), Outcome("fixed", "b", True)), options())
        self.assertRegex(said.getvalue(), r"1 so far .*first\.one")
        self.assertEqual(1, said.getvalue().count("\n"), "one line stays")

    def test_silent_ring_fails(self) -> None:
        outcomes, _ = self.run_ring(Fixed())
        self.assertEqual([False], [each.ok for each in outcomes])

    def test_broken_ring_fails_and_keeps_what_it_said(self) -> None:
        outcomes, _ = self.run_ring(Fixed(Outcome("fixed", "a", True), error=RuntimeError("no emulator")))
        self.assertEqual([True, False], [each.ok for each in outcomes])
        self.assertIn("no emulator", outcomes[1].seen)

    def test_a_ring_that_cannot_run_here_is_named_before_the_last_line_and_is_no_failure(self) -> None:
        before = RINGS[:]
        try:
            RINGS[:] = [Fixed(Outcome("fixed", "a", True)), Fixed(error=Skipped("no network"))]
            said = io.StringIO()
            with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(said):
                self.assertEqual(0, runner.main(["--out", out]))
        finally:
            RINGS[:] = before
        self.assertEqual(["not run: ring fixed: no network", "1 passed, 0 failed"], said.getvalue().splitlines()[-2:])
        self.assertIn("SKIPPED   no network", said.getvalue())

    def test_last_line_and_exit_status(self) -> None:
        before = RINGS[:]
        try:
            for outcomes, last, status in (((Outcome("fixed", "a", True),), "1 passed, 0 failed", 0),
                                           ((Outcome("fixed", "a", True), Outcome("fixed", "b", False)), "1 passed, 1 failed", 1)):
                RINGS[:] = [Fixed(*outcomes)]
                said = io.StringIO()
                with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(said):
                    self.assertEqual(status, runner.main(["--out", out]))
                    kept = json.loads((Path(out) / "test-results.json").read_text())["tests"]
                self.assertEqual(last, said.getvalue().splitlines()[-1])
                self.assertEqual([each.ok for each in outcomes], [each["ok"] for each in kept])
        finally:
            RINGS[:] = before

    def test_unknown_ring_is_told(self) -> None:
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(2, runner.main(["--only", "nothere:*"]))
        self.assertIn("host", said.getvalue())


class BuildTest(unittest.TestCase):
    def test_build_that_goes_on_has_no_limit_and_a_silent_one_has(self) -> None:
        def says(program: str, seconds: float) -> "tuple[subprocess.CompletedProcess, list[str]]":
            heard, clock = [], Clock()

            def each_line(line: str) -> None:
                heard.append(line)
                clock.now += seconds

            with mock.patch("rings.base.time", clock):
                return run([sys.executable, "-uc", "import time\n" + program], timeout=1.0, each_line=each_line), heard

        done, heard = says("for n in range(4): print(n); time.sleep(0.7)", 0.9)
        self.assertEqual((0, [str(n) for n in range(4)]), (done.returncode, heard))
        done, _ = says("print('x'); time.sleep(600)", 2.0)
        self.assertNotEqual(0, done.returncode)
        self.assertIn("said nothing for 1 s", done.stdout)

    def test_warnings_of_an_earlier_build_count(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            for name in ("ntos/ke/objects/event.cpp", "ntos/ke/gone.cpp"):
                said = out / "free" / "obj" / f"{name}.obj.said"
                said.parent.mkdir(parents=True, exist_ok=True)
                said.write_text(f"kernel/{name}:1:2: warning: spare\n  code\n")
            self.assertEqual(["kernel/ntos/ke/objects/event.cpp:1:2: warning: spare"],
                             said_of_sources(Options(ROOT, out, 1, "", ""), "free"))


class ProgramTest(unittest.TestCase):
    def run_program(self, body: str, **more) -> "list[Outcome]":
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "ring.py"
            program.write_text("import json, sys\ndef say(**line): print(json.dumps(line), flush=True)\n" + textwrap.dedent(body))
            return list(ProgramRing("r", "w", ["python3", str(program)]).run(options(**more)))

    def test_lines_become_outcomes(self) -> None:
        first, second = self.run_program("say(name='a', ok=True, features=['SCH-17'])\nprint('log')\n"
                                         "say(name='b', ok=False, expected='1', seen='2', seed=9, repeat='r')\nsys.exit(1)")
        self.assertEqual((True, ["SCH-17"]), (first.ok, first.features))
        self.assertEqual((False, "1", "2", 9, "r"), (second.ok, second.expected, second.seen, second.seed, second.repeat))

    def test_only_a_real_true_is_a_pass(self) -> None:
        self.assertEqual([False, False], [each.ok for each in self.run_program("say(name='a', ok='yes')\nsay(name='b', ok=1)\nsys.exit(1)")])

    def test_crash_after_passes_is_a_failure(self) -> None:
        outcomes = self.run_program("say(name='a', ok=True)\nraise SystemError('lost the machine')")
        self.assertEqual([True, False], [each.ok for each in outcomes])
        self.assertIn("lost the machine", outcomes[1].seen)

    def test_only_a_program_that_ran_nothing_and_ended_well_is_skipped(self) -> None:
        with self.assertRaisesRegex(Skipped, "^no network$"):
            self.run_program("print('skipped: no network')")
        self.assertEqual([True], [each.ok for each in self.run_program("say(name='a', ok=True)\nprint('skipped: no network')")])
        self.assertEqual([False], [each.ok for each in self.run_program("print('skipped: no network')\nsys.exit(2)")])

    def test_program_without_a_test_of_that_name_is_no_failure_and_says_so(self) -> None:
        body = "print(\"no test is called 'x*'\", file=sys.stderr)\nsys.exit(2)"
        self.assertEqual([], self.run_program(body, only="x*"))
        self.assertEqual([False], [each.ok for each in self.run_program(body)])  # nobody asked for a name: it is broken
        self.assertEqual([False], [each.ok for each in self.run_program("sys.exit(2)", only="x*")])

    def test_the_driver_of_a_glob(self) -> None:
        where = ROOT / "kernel/tests/guest/run.py"
        spec = importlib.util.spec_from_file_location("guest_run", where)
        guest = importlib.util.module_from_spec(spec)
        with mock.patch.dict(sys.modules, {spec.name: guest}):
            spec.loader.exec_module(guest)
        names = ("monitor", "waits", "waitmult")
        for glob, drivers in (("monitor*Spin*", ["monitor"]), ("*Spin*", list(names)), ("wait*", ["waits", "waitmult"]),
                              ("waits.A", ["waits"]), ("waits.*", ["waits"]), ("", list(names)), ("nosuch.*", [])):
            self.assertEqual(drivers, [name for name in names if guest.may_hold(name, glob)], glob)

    def test_killed_program_is_a_failure(self) -> None:
        outcomes = self.run_program("say(name='a', ok=True)\nimport os\nos.kill(os.getpid(), 9)")
        self.assertEqual([True, False], [each.ok for each in outcomes])

    def test_forged_json_in_a_log_line_is_no_test(self) -> None:
        self.assertEqual(["a"], [each.name for each in self.run_program("print('x {\"name\": \"z\", \"ok\": true}')\nsay(name='a', ok=True)")])

    def test_selection(self) -> None:
        body = "say(name='a', ok=True)\nsay(name='b', ok=True)"
        self.assertEqual(["b"], [each.name for each in self.run_program(body, only="b*")])


class UnittestLinesTest(unittest.TestCase):
    def test_skips_and_errors_do_not_pass(self) -> None:
        body = ("import unittest\nclass T(unittest.TestCase):\n    def test_ok(self): pass\n    def test_bad(self): self.fail('x')\n"
                "    @unittest.skip('later')\n    def test_skipped(self): pass\n    def test_error(self): raise OSError('y')\n")
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "test_made_up.py").write_text(body)
            done = subprocess.run([sys.executable, str(ROOT / "kernel/tests/rings/unittest_lines.py"), "test_made_up", "build"],
                                  cwd=folder, capture_output=True, text=True)
        said = {line["unittest"]["name"].split(".")[-1]: line["unittest"]["ok"] for line in map(json.loads, done.stdout.splitlines())}
        self.assertEqual({"test_ok": True, "test_bad": False, "test_skipped": False, "test_error": False}, said)


if __name__ == "__main__":
    unittest.main()
