"""Replay: the same call of the same test, handed to a gdb that works.  (grading.md, promise 4)

Whether gdb shows a routine with its decoration (_ProbeAdd@8) depends on the release of clang.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import List
from unittest import mock

from grader import replay
from grader.errors import GraderError
from grader.model import Kernel, KernelSet, Outcome, Verdict
from grader.tests.machine import needs_emulator, probe_folder, spec

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
                at_failure: bool = False) -> "tuple[Outcome, List[str], str]":
        """What replay says, and what gdb prints for some commands."""
        said: List[str] = []
        arguments = ["-batch"] + [part for command in commands for part in ("-ex", command)]
        real = subprocess.run
        with tempfile.TemporaryFile() as output:

            def run(command, **options):  # type: ignore[no-untyped-def]
                if command[0] == "gdb":
                    options.update(stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, timeout=60)
                return real(command, **options)

            with mock.patch.object(replay.subprocess, "run", run):
                told = replay.replay(KernelSet({"9.1": Kernel(probe_folder())}, Path("/nonexistent")), test, seed, ROOT,
                                     said.append, at_failure, arguments)
            output.seek(0)
            return told, said, output.read().decode(errors="replace")

    def test_gdb_stands_at_the_call_that_failed(self) -> None:
        told, said, shown = self.run_gdb(spec(adds, "adds"), "bt 1", "print /d *(int*)($esp + 4)",
                                         "print /d *(int*)($esp + 8)")
        self.assertEqual(told.verdict, Verdict.FAIL)
        call = next(line for line in said if "first instruction of call" in line)
        first = int(call.split("ProbeAdd(")[1].split(",")[0], 16)
        self.assertRegex(shown, r"#0  _?ProbeAdd(@8)? \(.*probe.cpp:\d+")
        self.assertIn(f"$1 = {first}", shown)
        self.assertIn("$2 = 7", shown)
        self.assertEqual(int(told.seen), first + 7)

    def test_a_call_that_may_be_left_is_a_call_too(self) -> None:
        told, said, _ = self.run_gdb(spec(leaves, "leaves"), "bt 1")
        self.assertEqual((told.verdict, told.seen), (Verdict.FAIL, "ProbeLeaf"))
        self.assertTrue(any("first instruction of call 2, ProbeLoop(0x3)" in line for line in said), said)

    def test_every_replay_is_the_same_and_the_seed_decides(self) -> None:
        said = [self.run_gdb(spec(adds, "adds"), "info registers esp eip", seed=seed)[1:] for seed in (3, 3, 4)]
        self.assertEqual(said[0], said[1])
        self.assertNotEqual(said[0][0], said[2][0])

    def test_rewind_goes_back_to_the_start_of_the_call(self) -> None:
        _, _, shown = self.run_gdb(spec(adds, "adds"), "stepi 2", "print /d $eip == &ProbeAdd", "mica rewind",
                                   "print /d $eip == &ProbeAdd")
        self.assertIn("$1 = 0", shown)
        self.assertIn("back at the start of the call", shown)
        self.assertIn("$2 = 1", shown)

    def test_reverse_execution_is_asked_for_not_promised(self) -> None:
        _, said, shown = self.run_gdb(spec(adds, "adds"), "stepi", "reverse-stepi")
        offered = any(line.startswith("reverse-continue works") for line in said)
        self.assertEqual(offered, "does not support" not in shown, shown)

    def test_the_moment_of_a_hang(self) -> None:
        def hangs(t) -> None:
            t.guest.call("ProbeHang")

        told, _, shown = self.run_gdb(spec(hangs, "hangs", limit=500_000), "bt", at_failure=True)
        self.assertEqual(told.hint_id, "hang")
        self.assertRegex(shown, r"#0  .*\b_?ProbeHang(@0)? \(\)")

    def test_the_moment_of_a_bugcheck(self) -> None:
        def crashes(t) -> None:
            t.guest.call("ProbeCrash", 0x50)

        _, _, shown = self.run_gdb(spec(crashes, "crashes"), "bt", at_failure=True)
        self.assertRegex(shown, r"#0  KiBugCheckStop")
        self.assertRegex(shown, r"in _?ProbeCrash(@4)? \(code=80\)")

    def test_a_call_that_was_left_at_a_stop_counts_like_any_other(self) -> None:
        def stops(t) -> None:
            where, _ = t.guest.call_or_stop("ProbeLoop", 3, stops=["ProbeLeaf"], stack=t.guest.regs()["esp"] - 0x100)
            t.equal("", where, "where the call stands")

        told, said, shown = self.run_gdb(spec(stops, "stops"), "bt 1")
        self.assertEqual((Verdict.FAIL, "ProbeLeaf"), (told.verdict, told.seen), told)
        self.assertIn("first instruction of call 1, ProbeLoop(0x3)", "\n".join(said))
        self.assertRegex(shown, r"#0  _?ProbeLoop(@4)? \(")

    def test_a_test_without_a_machine(self) -> None:
        with self.assertRaisesRegex(GraderError, "needs no machine"):
            self.run_gdb(spec(lambda t: None, "answers", stage="none"), "bt")


class Arguments(unittest.TestCase):
    def test_gdb_args_come_from_the_option_or_the_environment(self) -> None:
        self.assertEqual(replay.gdb_arguments("", {"GDB_ARGS": "-batch -ex 'bt 3'"}), ["-batch", "-ex", "bt 3"])
        self.assertEqual(replay.gdb_arguments("-batch", {"GDB_ARGS": "-q"}), ["-batch"])
        self.assertEqual(replay.gdb_arguments("", {}), [])


if __name__ == "__main__":
    unittest.main()
