"""The explorer in the guest: planted races are found and replayed, their corrected twins never accused, and a run of a
batch is the run alone."""
# SYH-01, SYH-03, SYH-05, DSP-12
from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Dict, Optional

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from grader.explore.control import Batch, Found, Ran  # noqa: E402
from grader.explore.schedule import Schedule, Strategy  # noqa: E402
from grader.explore.target import GuestTarget, scenarios  # noqa: E402
from grader.machine.parts import EXPLORED  # noqa: E402
from grader.guest import Guest  # noqa: E402
from grader.guest.session import Session  # noqa: E402
from grader.images.pe import PeImage  # noqa: E402

WALK = Schedule(Strategy.WALK, seed=1, probability=1 << 13)
PCT = Schedule(Strategy.PCT, seed=1, depth=3, estimate=150)
JITTER = Schedule(Strategy.JITTER, seed=1, jitter=(1, 30))
RUNS = 4000  # schedules in which each planted race shows by some strategy
TWIN_RUNS = 400
TWIN = "Mended"
STOP_CODE = 0xE2  # MANUALLY_INITIATED_CRASH, of the scenario Stops


def build(*variables: str) -> Path:
    """The output folder, with the flavour that the variables ask for up to date."""
    out = Path(os.environ.get("MICA_OUT", "build"))
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    (ROOT / out).mkdir(parents=True, exist_ok=True)
    with open(ROOT / out / "explorer.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["make", "--no-print-directory", "-f", "kernel/build.mk", f"O={out}", *variables, "kernel"],
                              cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=900)
    if done.returncode:
        raise AssertionError("the kernel does not build:\n" + done.stdout[-2000:])
    return (ROOT / out).resolve()


class OfDriver(unittest.TestCase):
    """Tests on a booted scenario driver."""

    driver = ""

    @classmethod
    def setUpClass(cls) -> None:
        out = build("MICA_EXPLORE=1")
        cls.session = Session(out / "explore", f"{cls.driver}.sys", EXPLORED)
        cls.session.start()
        cls.addClassCleanup(cls.session.close)
        cls.session.boot(Guest(cls.session))
        cls.session.restore("ready")

    def run_batch(self, scenario: str, schedule: Schedule, runs: int = 1, trace: bool = False) -> Ran:
        return GuestTarget(self.session, scenario).run(Batch(schedule, runs=runs, trace=trace), fresh=True)


class PlantedRaces(OfDriver):
    driver = "planted"

    def first_find(self, scenario: str) -> Optional[Ran]:
        for schedule in (WALK, PCT, JITTER):
            ran = self.run_batch(scenario, schedule, RUNS)
            if ran.found is not Found.NOTHING:
                return ran
        return None

    def test_each_planted_race_is_found_and_replayed(self) -> None:
        names = [name for name in scenarios(self.session) if not name.endswith(TWIN)]
        self.assertGreaterEqual(len(names), 16)
        for name in names:
            with self.subTest(name):
                found = self.first_find(name)
                self.assertIsNotNone(found, "not found")
                again = self.run_batch(name, found.schedule)
                self.assertEqual((again.found, again.message), (found.found, found.message))

    def test_corrected_twins_are_not_accused(self) -> None:
        names = [name for name in scenarios(self.session) if name.endswith(TWIN)]
        self.assertGreaterEqual(len(names), 16)
        for name in names:
            for schedule in (WALK, PCT, JITTER):
                with self.subTest(name, schedule=schedule.kind):
                    ran = self.run_batch(name, schedule, TWIN_RUNS)
                    self.assertEqual((ran.found, ran.runs), (Found.NOTHING, TWIN_RUNS), ran.message)

    def test_exhaustive_search_ends_and_its_script_replays(self) -> None:
        search = Schedule(Strategy.EXHAUSTIVE, depth=2)
        self.assertIs(self.run_batch("LostUpdateMended", search, 10_000).found, Found.NOTHING)
        found = self.run_batch("LostUpdate", search, 10_000)
        self.assertIs(found.found, Found.CHECK)
        self.assertIs(found.schedule.strategy, Strategy.SCRIPT)
        self.assertIs(self.run_batch("LostUpdate", found.schedule).found, Found.CHECK)


class Machine(OfDriver):
    driver = "machine"
    ENDS: Dict[str, Found] = {"Stops": Found.BUGCHECK, "Faults": Found.BUGCHECK, "EndsRaised": Found.CHECK,
                              "WrongPointer": Found.CHECK, "SpinsForEver": Found.NO_PROGRESS, "Canary": Found.CHECK}

    def test_scenarios_end_as_they_say(self) -> None:
        for name in scenarios(self.session):
            for schedule in (WALK, PCT):
                with self.subTest(name, schedule=schedule.kind):
                    ran = self.run_batch(name, schedule, 60)
                    self.assertEqual(ran.found, self.ENDS.get(name, Found.NOTHING), ran.message)

    def test_pointers_that_differ_are_told_as_addresses(self) -> None:
        self.assertEqual("Seen is 0x80123450, not 0xffdff120", self.run_batch("WrongPointer", WALK).message)

    def test_run_of_a_batch_is_the_run_alone(self) -> None:
        for name in ("TokenRing", "TimeGoesOn", "PeriodicTimer", "DpcEverywhere", "CallEverybody", "Helper", "ThreadedDpc"):
            for schedule in (WALK, PCT, JITTER):
                with self.subTest(name, schedule=schedule.kind):
                    last = Schedule(**{**schedule.__dict__, "seed": schedule.seed + 29})
                    batch = self.run_batch(name, schedule, 30, trace=True)
                    alone = self.run_batch(name, last, trace=True)
                    self.assertEqual([(one.step, one.processor, one.kind, one.pc) for one in batch.trace],
                                     [(one.step, one.processor, one.kind, one.pc) for one in alone.trace])
                    self.assertGreater(len(alone.trace), 20)


class OtherFlavours(unittest.TestCase):
    def test_free_kernel_knows_nothing_of_exploration(self) -> None:
        folder = build() / "free"
        for name in ("ntoskrnl.exe", "hal.dll"):
            image = PeImage.load(folder / name)
            self.assertNotEqual(len(image.symbols), 0)
            self.assertEqual([symbol for symbol in image.symbols
                              if symbol in ("KxActive", "KxControl", "KxReachPoint") or "sanitizer_cov" in symbol], [])


if __name__ == "__main__":
    unittest.main()
