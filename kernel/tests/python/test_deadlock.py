"""The checked build names a planted deadlock: threads, locks, where each waits and where it got what the other wants."""
# DSP-04, DSP-18, DSP-20, TOL-06
from __future__ import annotations

import os
import re
import subprocess
import unittest
from pathlib import Path
from typing import List

from grader.console.backtrace import Annotate, Names
from grader.guest import Guest
from grader.guest.session import Session
from grader.guest.stops import Bugcheck
from grader.machine.parts import Machine

ROOT = Path(__file__).resolve().parents[3]
LIMIT = 400_000_000  # guest instructions
VIRTUAL_SECONDS = 60.0
DRIVER_VERIFIER_DETECTED_VIOLATION = 0xC4
VERIFIER_DEADLOCK_DETECTED = 0x1001
STEP = re.compile(r"^thread \d+ (\w+) \((\w+)\) waits for ([a-z ]+) (\w+)( \(to share it\))?, at$", re.M)
HELD = re.compile(r"^  which is held( \(shared\))? by thread \d+ (\w+) \(\w+\)(, acquired at)?$", re.M)


def build() -> Path:
    """The checked kernel, up to date."""
    out = Path(os.environ.get("MICA_OUT", "build"))
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make", "-s", "-f", "kernel/build.mk", f"O={out}", "MICA_CHECKED=1", "kernel"], cwd=ROOT, env=env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=900)
    if done.returncode:
        raise AssertionError("the checked kernel does not build:\n" + done.stdout[-2000:])
    return ROOT / out / "checked"


class Deadlocks(unittest.TestCase):
    processors = 1

    @classmethod
    def setUpClass(cls) -> None:
        cls.directory = build()
        cls.session = Session(cls.directory, "deadlocks.sys", Machine(processors=cls.processors))
        cls.session.start()
        cls.addClassCleanup(cls.session.close)
        cls.session.boot(Guest(cls.session))

    def run_routine(self, name: str) -> "tuple[Bugcheck, str]":
        """Calls a routine that plants a deadlock.  Returns the bugcheck and what the console said, with symbols."""
        state = self.session.restore("ready")
        guest = Guest(self.session)
        guest.begin(state, LIMIT, VIRTUAL_SECONDS)
        guest.arm()
        before = len(self.session.machine.read_serial())
        with self.assertRaises(Bugcheck) as caught:
            guest.call(name)
        said = self.session.machine.read_serial()[before:]
        annotate = Annotate(Names(self.directory))
        return caught.exception, b"".join(annotate(line) for line in said.splitlines(True)).decode(errors="replace").replace("\r", "")

    def stacks(self, text: str) -> List[str]:
        """The stack traces that follow each other in the report, each as one text."""
        report = text[text.index("*** deadlock"):text.index("*** STOP")] if "*** STOP" in text else text
        found, lines = [], []
        for line in report.splitlines():
            if line.startswith("  #"):
                lines.append(line)
            elif lines:
                found, lines = found + ["\n".join(lines)], []
        return found + (["\n".join(lines)] if lines else [])

    def test_two_resources_in_opposite_order(self) -> None:
        stop, text = self.run_routine("PlantTwoResources")
        self.assertEqual((DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_DEADLOCK_DETECTED), (stop.code, stop.parameters[0]))
        self.assertEqual(2, stop.parameters[3], "threads in the circle")
        self.assertIn("*** deadlock: 2 threads wait for each other", text)
        steps = STEP.findall(text)
        self.assertEqual([("Right", "resource"), ("Left", "resource")], [(step[0], step[2]) for step in steps])
        self.assertEqual(int(steps[0][1], 16), stop.parameters[2], "the thread that closed the circle")
        self.assertEqual(int(steps[0][3], 16), stop.parameters[1], "the lock it waits for")
        self.assertNotEqual(steps[0][3], steps[1][3], "two locks")
        self.assertEqual(["Left", "Right"], [held[1] for held in HELD.findall(text)])
        stacks = self.stacks(text)
        self.assertEqual(4, len(stacks), text)
        for stack, wanted in zip(stacks, ("RightThread", "LeftThread", "LeftThread", "RightThread")):
            self.assertIn(wanted, stack)
        for waits in stacks[::2]:
            self.assertIn("ExAcquireResourceExclusiveLite", waits)
        for stack in stacks:
            self.assertIn("TakeExclusive", stack)

    def test_three_threads_three_kinds_of_locks(self) -> None:
        stop, text = self.run_routine("PlantThreeKinds")
        self.assertEqual((DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_DEADLOCK_DETECTED), (stop.code, stop.parameters[0]))
        self.assertIn("*** deadlock: 3 threads wait for each other", text)
        self.assertEqual([("Mutant", "resource"), ("Reader", "fast mutex"), ("Mutex", "mutant")],
                         [(step[0], step[2]) for step in STEP.findall(text)])
        self.assertEqual([("", "Mutex"), ("", "Mutant")], [held[:2] for held in HELD.findall(text)][1:])
        self.assertEqual((" (shared)", "Reader"), HELD.findall(text)[0][:2])

    def test_orderly_threads_are_not_accused(self) -> None:
        state = self.session.restore("ready")
        guest = Guest(self.session)
        guest.begin(state, LIMIT, VIRTUAL_SECONDS)
        guest.arm()
        before = len(self.session.machine.read_serial())
        guest.call("PlantNone")
        self.assertNotIn(b"deadlock", self.session.machine.read_serial()[before:])


class DeadlocksOnFourProcessors(Deadlocks):
    processors = 4


if __name__ == "__main__":
    unittest.main()
