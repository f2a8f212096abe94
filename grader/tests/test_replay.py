"""Replay: the same call of the same test, handed to a gdb that works.  (grading.md, promise 4)

Whether gdb shows a routine with its decoration (_ProbeAdd@8) depends on the release of clang.
"""

from __future__ import annotations

import dataclasses
import os
import pty
import re
import select
import shutil
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import List, Sequence

from grader.errors import GraderError
from grader.model import Kernel, KernelSet, Outcome, Verdict
from grader.replay import replay
from grader.replay.arrivals import Arrival, alike, choose
from grader.tests.machine import needs_emulator, probe_folder, spec, under_gdb

ROOT = Path(__file__).resolve().parents[2]


def adds(t) -> None:
    """Fails in a call whose number and arguments depend on the seed."""
    for _ in range(t.rng.randint(2, 9)):
        t.guest.call("ProbeAdd", t.rng.randint(1, 99), t.rng.randint(1, 99))
    t.equal(0, t.guest.call("ProbeAdd", t.rng.randint(100, 199), 7), "a sum that is never 0")


def leaves(t) -> None:
    """Fails in a call that may be left at a stop."""
    t.guest.call_or_stop("ProbeAdd", 1, 2, stops=["ProbeLeaf"])
    t.equal("ProbeSleep", t.guest.call_or_stop("ProbeLoop", 3, stops=["ProbeLeaf"], stack=0)[0], "where it comes to")


@needs_emulator
@unittest.skipUnless(shutil.which("gdb") and shutil.which("objcopy"), "gdb and binutils are not installed")
class Replay(unittest.TestCase):

    def run_gdb(self,
                test,
                *commands: str,
                seed: int = 11,
                at_failure: bool = False,
                files: Sequence[str] = (),
                defines: Sequence[str] = ()) -> "tuple[Outcome, List[str], str]":
        """What replay says, and what gdb prints for some commands."""
        said: List[str] = []
        kernels = KernelSet({"9.1": Kernel(probe_folder(*defines))}, Path("/nonexistent"))
        told, shown = under_gdb(
            commands, lambda arguments: replay.replay(kernels, test, seed, ROOT, said.append, at_failure, arguments, files=files))
        return told, said, shown

    def test_gdb_stands_at_the_call_that_failed(self) -> None:
        told, said, shown = self.run_gdb(spec(adds, "adds"), "bt", "info args")
        self.assertEqual(told.verdict, Verdict.FAIL)
        call = next(line for line in said if "beginning of call" in line)
        first = int(call.split("ProbeAdd(")[1].split(",")[0], 16)
        self.assertRegex(shown, rf"#0  \w+ \(a={first}, b=7\) at .*probe.cpp:\d+")
        self.assertIn(f"a = {first}\nb = 7\n", shown)
        self.assertEqual(int(told.seen), first + 7)

    def test_a_call_that_may_be_left_is_a_call_too(self) -> None:
        told, said, _ = self.run_gdb(spec(leaves, "leaves"), "bt 1")
        self.assertEqual((told.verdict, told.seen), (Verdict.FAIL, "ProbeLeaf"))
        self.assertTrue(any("beginning of call 2, ProbeLoop(0x3)" in line for line in said), said)

    def test_every_replay_is_the_same_and_the_seed_decides(self) -> None:
        said = [self.run_gdb(spec(adds, "adds"), "info registers esp eip", seed=seed)[1:] for seed in (3, 3, 4)]
        self.assertEqual(said[0], said[1])
        self.assertNotEqual(said[0][0], said[2][0])

    def test_rewind_goes_back_to_the_start_of_the_call(self) -> None:
        _, _, shown = self.run_gdb(spec(adds, "adds"), "set $begun = $eip", "stepi 2", "print /d $eip == $begun", "mica rewind",
                                   "print /d $eip == $begun", "info args")
        self.assertIn("$1 = 0", shown)
        self.assertIn("back where the replay began", shown)
        self.assertIn("$2 = 1", shown)
        self.assertIn("b = 7", shown)

    def test_reverse_execution_is_asked_for_not_promised(self) -> None:
        _, said, shown = self.run_gdb(spec(adds, "adds"), "stepi", "reverse-stepi")
        offered = any(line.startswith("reverse-continue works") for line in said)
        self.assertEqual(offered, "does not support" not in shown, shown)

    def test_the_moment_of_a_hang(self) -> None:
        def hangs(t) -> None:
            t.guest.call("ProbeHang")

        told, _, shown = self.run_gdb(spec(hangs, "hangs", limit=500_000), "bt", at_failure=True)
        self.assertEqual(told.hint_id, "hang")
        self.assertRegex(shown, r"#0  .*ProbeHang \(\)")

    def test_the_moment_of_a_bugcheck(self) -> None:
        def crashes(t) -> None:
            t.guest.call("ProbeCrash", 0x50)

        _, _, shown = self.run_gdb(spec(crashes, "crashes"), "bt", at_failure=True)
        self.assertRegex(shown, r"#0  KiBugCheckStop")
        self.assertRegex(shown, r"in ProbeCrash \(code=80\)")

    def test_a_call_that_was_left_at_a_stop_counts_like_any_other(self) -> None:
        def stops(t) -> None:
            where, _ = t.guest.call_or_stop("ProbeLoop", 3, stops=["ProbeLeaf"], stack=t.guest.regs()["esp"] - 0x100)
            t.equal("", where, "where the call stands")

        told, said, shown = self.run_gdb(spec(stops, "stops"), "bt 1")
        self.assertEqual((Verdict.FAIL, "ProbeLeaf"), (told.verdict, told.seen), told)
        self.assertIn("beginning of call 1, ProbeLoop(0x3)", "\n".join(said))
        self.assertRegex(shown, r"#0  _?ProbeLoop(@4)? \(rounds=3")

    def test_the_backtrace_ends_with_the_hosts_call(self) -> None:
        _, _, shown = self.run_gdb(spec(adds, "adds"), "bt", "up", "up")
        self.assertRegex(shown, r"#0  _?ProbeAdd(@8)? \(.*\n#1  0x\w+ in _?KdHostCall(@0)? \(\).*\n#1  ")
        self.assertIn("Initial frame selected; you cannot go up", shown)
        self.assertNotRegex(shown, "corrupt|#2|\\?\\?")

    def test_a_call_can_be_finished_and_no_more(self) -> None:
        told, _, shown = self.run_gdb(spec(adds, "adds"), "finish", "continue", "bt", "next", "mica rewind", "info args")
        self.assertIn(f"Value returned is $1 = {told.seen}\n", shown)
        self.assertEqual(3, shown.count("The call has returned, with EAX"), shown)
        self.assertRegex(shown, r"#0  (0x\w+ in )?KdHostCall \(\)")
        self.assertIn("b = 7", shown)

    def test_a_kernel_that_does_not_boot_is_booted_again(self) -> None:
        def never(t) -> None:
            t.guest.call("ProbeAdd", 1, 2)

        for at_failure in (False, True):
            told, said, shown = self.run_gdb(spec(never, "never"), "bt", defines=["PROBE_CRASHES_LATE"], at_failure=at_failure)
            self.assertEqual((Verdict.STUDENT_CRASH, "boot to the ready stage"), (told.verdict, told.asked))
            self.assertRegex(shown, r"\A[^#]*#\d+ .*ProbeCrash\S* \(code=80\)", said)
            self.assertRegex(shown, r"#0  KiBugCheckStop")

    def test_a_bugcheck_shows_the_routine_and_not_the_machinery(self) -> None:
        def crashes(t) -> None:
            t.guest.call("ProbeDeep", 2)

        _, said, shown = self.run_gdb(spec(crashes, "crashes"), "bt", at_failure=True)
        self.assertRegex(shown, r"\A[^#]*#\d+ .*ProbeDeep")
        self.assertIn("gdb shows the frame of the routine that it stopped in", "\n".join(said))

    def test_a_bugcheck_under_gdb_is_announced(self) -> None:
        def crashes(t) -> None:
            t.guest.call("ProbeCrash", 0x50)

        _, _, shown = self.run_gdb(spec(crashes, "crashes"), "info args", "continue", "bt")
        self.assertIn("code = 80", shown)
        self.assertRegex(shown, r"The kernel has stopped: a bugcheck.*\n#0  KiBugCheckStop")

    def test_gdb_stops_where_the_test_leaves_its_call(self) -> None:
        _, _, shown = self.run_gdb(spec(leaves, "leaves"), "continue", "bt")
        self.assertIn("The call has come to", shown)
        self.assertRegex(shown, r"#0 .*ProbeLeaf.*\n#1 .*ProbeLoop.*\n#2 .*KdHostCall")

    def test_a_test_without_a_machine(self) -> None:
        with self.assertRaisesRegex(GraderError, "needs no machine"):
            self.run_gdb(spec(lambda t: None, "answers", stage="none"), "bt")


class Terminal(unittest.TestCase):
    """make, its shell, the grader and gdb on a terminal of their own."""

    def setUp(self) -> None:
        self.seen = b""

    def expect(self, pattern: bytes) -> bytes:
        deadline = time.monotonic() + 60
        while not (match := re.search(pattern, self.seen)):
            ready = select.select([self.terminal], [], [], max(0.0, deadline - time.monotonic()))[0]
            self.assertTrue(ready, f"no {pattern!r} in {self.seen!r}")
            self.seen += os.read(self.terminal, 4096)
        found, self.seen = self.seen[:match.end()], self.seen[match.end():]
        return found

    def say(self, text: bytes) -> None:
        os.write(self.terminal, text)

    def interrupt(self) -> None:
        """Lets the guest run and stops it.  Where gdb is still at the step past its breakpoint, it drops that ("Quit"): then again."""
        for _ in range(10):
            self.say(b"continue\n")
            self.expect(rb"<the guest runs>")
            self.say(b"\x03")
            stopped = self.expect(rb"ProbeHang\S* \(\)|Quit\r\n")
            self.expect(rb"\(gdb\) ")
            if not stopped.endswith(b"Quit\r\n"):
                return
        self.fail("ten times gdb was not yet waiting for the guest")

    @needs_emulator
    @unittest.skipUnless(shutil.which("gdb") and shutil.which("objcopy"), "gdb and binutils are not installed")
    def test_ctrl_c_is_for_gdb_and_ctrl_z_harms_nobody(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "Makefile").write_text(f"replay:\n\t@{sys.executable} -m grader.tests.hanging\n")
            child, self.terminal = pty.fork()
            if child == 0:
                os.environ.update(TERM="dumb", PYTHONPATH=str(ROOT), NO_COLOR="1")
                os.chdir(ROOT)
                os.execvp("make", ["make", "-s", "-f", f"{folder}/Makefile", "replay"])
            self.expect(rb"\(gdb\) ")
            for _ in range(2):
                self.interrupt()
            self.say(b"\x1a")
            self.say(b"bt\n")
            self.expect(rb"#0 [^\n]*ProbeHang \(\)[^\n]*\n#1 .* in KdHostCall")
            self.expect(rb"\(gdb\) ")
            self.say(b"quit\n")
            self.assertEqual(0, os.WEXITSTATUS(os.waitpid(child, 0)[1]))
            os.close(self.terminal)


class WhereItLies(unittest.TestCase):
    """Which arrival at a student's routine led to the failure."""

    TOLD = Outcome("name", "1.1", "title", 0, 1, Verdict.FAIL, 1, asked="KiRemove(Prcb, T1)", seen="0x80401000")
    ARRIVALS = [Arrival("KiRemove", 1, False), Arrival("KiSelect", 2, False), Arrival("KiRemove", 2, True),
                Arrival("KiInsert", 3, False), Arrival("KiHelp", 3, True)]

    def test_the_routine_that_the_test_asked_for(self) -> None:
        self.assertEqual(3, choose(self.TOLD, self.ARRIVALS))

    def test_a_crash_before_anything_else(self) -> None:
        crash = dataclasses.replace(self.TOLD, backtrace=("RtlHelp+0x1", "KiSelect+0x12 at kernel/x.cpp:1", "KiInsert+0x1"))
        self.assertEqual(2, choose(crash, self.ARRIVALS))

    def test_a_threads_start_is_to_blame_for_what_happens_in_it_only(self) -> None:
        arrivals = [Arrival("KiThreadStartup", 1, False), Arrival("KiSwapContext", 2, False), Arrival("KiThreadStartup", 2, False),
                    Arrival("KiSwapContext", 3, False)]
        told = dataclasses.replace(self.TOLD, asked="A0 leaves, A1 goes on")
        later = ("ObHelp+0x1", "PspSystemThread+0x20 at kernel/x.cpp:1", "KiThreadStartup+0xd at kernel/y.S:9")
        self.assertEqual(4, choose(dataclasses.replace(told, backtrace=later), arrivals))
        self.assertEqual(3, choose(dataclasses.replace(told, backtrace=later[2:]), arrivals))

    def test_else_the_last_that_no_other_led_to(self) -> None:
        self.assertEqual(4, choose(dataclasses.replace(self.TOLD, asked="step 12"), self.ARRIVALS))
        self.assertEqual(0, choose(dataclasses.replace(self.TOLD, asked="step 12"), []))
        self.assertEqual(4, choose(dataclasses.replace(self.TOLD, asked="KeSet(E1)  (before: KiSelect(0))"), self.ARRIVALS))

    def test_the_same_failure_at_other_addresses(self) -> None:
        self.assertTrue(alike(self.TOLD, dataclasses.replace(self.TOLD, seen="0x80402000", instructions=5)))
        self.assertFalse(alike(self.TOLD, dataclasses.replace(self.TOLD, seen="0")))
        self.assertFalse(alike(self.TOLD, dataclasses.replace(self.TOLD, hint_id="other")))


class Arguments(unittest.TestCase):
    def test_gdb_args_come_from_the_option_or_the_environment(self) -> None:
        self.assertEqual(replay.gdb_arguments("", {"GDB_ARGS": "-batch -ex 'bt 3'"}), ["-batch", "-ex", "bt 3"])
        self.assertEqual(replay.gdb_arguments("-batch", {"GDB_ARGS": "-q"}), ["-batch"])
        self.assertEqual(replay.gdb_arguments("", {}), [])


if __name__ == "__main__":
    unittest.main()
