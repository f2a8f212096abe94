"""The graded machine on the probe guest: determinism, limits, snapshots, floods, ends.  (grading.md, promises 1-3)"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import List, Tuple
from unittest import mock

from grader.guest import Guest
from grader.guest.session import Session
from grader.guest.stops import BadReturn, Bugcheck, IdleTooLong, TooManyInstructions, WildAccess
from grader.machine import qemu
from grader.machine.qemu import SERIAL_CAP, GuestEnd
from grader.tests.machine import guest_at, needs_emulator, probe_folder, probe_session

SPINNER = [sys.executable, "-c", "import time\nend = time.time() + 60\nwhile time.time() < end: pass"]


def story() -> Tuple[List[int], List[int]]:
    """Instruction counts at the boot's stages, and of some runs after `loadvm`."""
    with probe_session() as session:
        boots = [session.stages[name].icount for name in ("early", "ready")]
        runs = []
        for _ in range(2):
            guest = guest_at(session)
            guest.call("ProbeWork", 1000)
            runs.append(guest.icount())
            guest.call("ProbeSleep", 20)  # twenty clock interrupts
            runs.append(guest.icount())
        return boots, runs


@needs_emulator
class Determinism(unittest.TestCase):
    def test_same_counts_in_every_run_after_loadvm_and_under_load(self) -> None:
        first = story()
        self.assertEqual(first[1][:2], first[1][2:], "a restored snapshot goes on as the first time")
        self.assertGreater(first[1][0], 4000)
        self.assertEqual(story(), first)
        load = [subprocess.Popen(SPINNER) for _ in range(4)]
        try:
            for _ in range(3):
                self.assertEqual(story(), first, "under load")
        finally:
            for process in load:
                process.kill()
                process.wait()


    def test_the_folder_of_the_images_does_not_count(self) -> None:
        """The loader copies the names that the emulator tells it."""
        counts = []
        with tempfile.TemporaryDirectory(prefix="mica-") as folder:
            for name in ("a", "a folder with a much longer name, spaces and commas"):
                copy = shutil.copytree(probe_folder(), Path(folder, name))
                with Session(copy) as session:
                    session.boot(Guest(session))
                    counts.append([state.icount for state in session.stages.values()])
                    self.assertNotIn(str(copy), " ".join(session.machine.command_line()))
        self.assertEqual(counts[0], counts[1])


@needs_emulator
class Machine(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.context = probe_session()
        cls.session = cls.context.__enter__()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.context.__exit__(None, None, None)

    # -- calls ---------------------------------------------------------------------------------------------------------
    def test_calling_conventions(self) -> None:
        guest = guest_at(self.session)
        self.assertEqual(guest.call("ProbeAdd", 40, 2), 42)
        self.assertEqual(guest.call("ProbeFast", 1, 2, 3, conv="fastcall"), 123)
        self.assertEqual(guest.call("ProbeCdecl", 50, 8, conv="cdecl"), 42)
        self.assertEqual(guest.call64("ProbeWide", 5), 0x5_0000_0007)
        self.assertEqual(guest.call("ProbeAdd", -1, 3), 2)

    def test_a_return_that_breaks_the_convention_is_told(self) -> None:
        with self.assertRaisesRegex(BadReturn, "ProbeBadReturn returned with ESP -4 bytes"):
            guest_at(self.session).call("ProbeBadReturn", 1)

    def test_a_lost_register_is_told(self) -> None:
        with self.assertRaisesRegex(BadReturn, "did not preserve ebx"):
            guest_at(self.session).call("ProbeLosesEbx")

    def test_hits_and_the_rest_of_the_call(self) -> None:
        guest = guest_at(self.session)
        stop = guest.start("ProbeLoop", 100, until="ProbeLeaf", hits=7)
        self.assertEqual(guest.u32(stop["esp"] + 4), 6)
        self.assertRegex(guest.backtrace()[0], r"^ProbeLeaf at probe/probe.cpp:\d+$")
        self.assertRegex(guest.backtrace()[1], r"^ProbeLoop\+0x[0-9a-f]+ at probe/probe.cpp:\d+$")
        guest.run_until("ProbeLeaf", hits=3)
        self.assertEqual(guest.u32(guest.regs()["esp"] + 4), 9)
        self.assertEqual(guest.finish(), 5050)

    def test_a_place_that_is_never_reached(self) -> None:
        with self.assertRaisesRegex(BadReturn, "returned before the guest came to ProbeHang"):
            guest_at(self.session).start("ProbeAdd", 1, 2, until="ProbeHang")

    def test_between_calls_the_guest_goes_on_as_if_nothing_had_been(self) -> None:
        guest = guest_at(self.session)
        home = guest.regs()
        guest.call("ProbeAdd", 1, 2)
        guest.run_until("KdTestPoint", hits=2)
        self.assertEqual({name: guest.regs()[name] for name in ("esp", "ebp", "eip", "ebx")},
                         {name: home[name] for name in ("esp", "ebp", "eip", "ebx")})

    def test_a_stop_costs_the_guest_no_clock_tick(self) -> None:
        """QEMU moves virtual time to the next timer at every stop; the pacer keeps that small.  A tick is 1.25
        million."""
        guest = guest_at(self.session, limit=50_000_000)
        ticks = []
        for _ in range(6):
            guest.run_until("ProbeTimer")
            ticks.append(guest.icount())
        for before, after in zip(ticks, ticks[1:]):
            self.assertTrue(1_190_000 < after - before < 1_260_000, ticks)

    # -- memory --------------------------------------------------------------------------------------------------------
    def test_fields_and_lists_come_from_the_image_and_memory(self) -> None:
        guest = guest_at(self.session)
        nodes = guest.list(guest.sym("ListHead"), "NODE.Link")
        self.assertEqual([guest.get(node, "NODE.Value") for node in nodes], [0, 1, 4, 9])
        self.assertEqual(guest.size("NODE"), 16)
        guest.set(nodes[2], "NODE.Value", 77)
        self.assertEqual(guest.u32(nodes[2] + 12), 77)

    def test_memory_that_is_not_there(self) -> None:
        guest = guest_at(self.session)
        self.assertFalse(guest.readable(0x60000000, 4))
        self.assertTrue(guest.readable(guest.scratch, 65536))
        with self.assertRaises(WildAccess):
            guest.read(0x60000000, 4)

    def test_scratch_is_zeroed_and_bounded(self) -> None:
        guest = guest_at(self.session)
        guest.write(guest.scratch, b"\xff" * 64)
        self.assertEqual(guest.alloc(10), guest.scratch)
        self.assertEqual(guest.alloc(10), guest.scratch + 16)
        self.assertEqual(guest.read(guest.scratch, 10), bytes(10))

    def test_only_the_last_deadline_before_the_guest_goes_on_is_set(self) -> None:
        guest = guest_at(self.session)
        with mock.patch.object(self.session.watchdog, "_program", wraps=self.session.watchdog._program) as program:
            guest.arm()
            guest.call("ProbeWork", 10, limit=100_000)
            self.assertEqual(1, program.call_count)
            guest.call("ProbeWork", 10)
            self.assertEqual(2, program.call_count, "behind a call with a limit of its own comes the test's again")
            guest.arm()
            self.session.restore("ready")
            self.session.machine.step()
        self.assertEqual(2, program.call_count, "a deadline is not for the machine that is restored")

    def test_what_was_set_is_there_for_whoever_asks_the_monitor(self) -> None:
        guest = guest_at(self.session)
        guest.set_regs(eax=0x1234ABCD)
        self.assertIn("EAX=1234abcd", self.session.machine.qmp.monitor("info registers"))

    def test_whatever_moves_the_guest_is_another_moment(self) -> None:
        gdb, moments = self.session.machine.gdb, []
        guest = guest_at(self.session)
        for act in (lambda: self.session.restore("ready"), lambda: guest.call("ProbeWork", 10), guest.step,
                    lambda: guest.set_regs(eax=1), lambda: gdb.select(0)):
            moments.append(gdb.moment)
            act()
        self.assertEqual(sorted(set([*moments, gdb.moment])), [*moments, gdb.moment])

    def test_a_snapshot_undoes_everything(self) -> None:
        guest = guest_at(self.session)
        guest.write(guest.scratch, b"student was here")
        guest.call("ProbePatch")
        self.assertIn("ProbeAdd", str(self.session.integrity.changed()))
        guest = guest_at(self.session)
        self.assertEqual(guest.read(guest.scratch, 4), bytes(4))
        self.assertIsNone(self.session.integrity.changed())

    def test_a_page_mapped_elsewhere_is_seen(self) -> None:
        guest_at(self.session, limit=50_000_000).call("ProbeRemap")
        self.assertIn("mapped elsewhere", str(self.session.integrity.changed()))

    # -- limits and ends -----------------------------------------------------------------------------------------------
    def stop_of(self, name: str, *arguments: int, kind: type, limit: int = 2_000_000, seconds: float = 30.0) -> Tuple:
        guest = guest_at(self.session, limit=limit, seconds=seconds)
        with self.assertRaises(kind) as caught:
            guest.call(name, *arguments)
        registers = getattr(caught.exception, "registers", None)
        return str(caught.exception), guest.icount(), registers and (registers["eip"], registers["esp"])

    def test_a_hang_ends_at_the_same_instruction_every_time(self) -> None:
        ends = {self.stop_of("ProbeHang", kind=TooManyInstructions) for _ in range(4)}
        self.assertEqual(len(ends), 1)
        text, count, place = ends.pop()
        self.assertEqual(text, "did not finish within 2,000,000 guest instructions")
        self.assertTrue(2_000_000 < count < 2_200_000)
        self.assertIn("ProbeHang", self.session.symbols.describe(place[0]))

    def test_a_guest_that_waits_for_ever_is_idle_not_busy(self) -> None:
        ends = {self.stop_of("ProbeIdle", kind=IdleTooLong, seconds=5.0) for _ in range(3)}
        self.assertEqual(len(ends), 1)

    def test_a_guest_that_no_interrupt_can_wake_is_told_without_a_deadline(self) -> None:
        guest = guest_at(self.session)
        self.session.watchdog.disarm()
        with mock.patch.object(qemu, "HALTED_SECONDS", 0.3), self.assertRaises(IdleTooLong):
            guest.call("ProbeDead")

    def test_a_guest_that_gets_no_time_slice_is_not_taken_for_a_sleeper(self) -> None:
        """A busy host: the count stands still for long, and the guest is awake."""
        with mock.patch.object(qemu, "HALTED_SECONDS", -1.0):
            starved = self.stop_of("ProbeHang", kind=TooManyInstructions, limit=20_000_000)
        self.assertEqual(starved, self.stop_of("ProbeHang", kind=TooManyInstructions, limit=20_000_000))

    def test_a_sleeping_guest_goes_on_behind_the_deadline(self) -> None:
        guest = guest_at(self.session, limit=1_000_000)  # 8 ms of busy time
        before = guest.u32(guest.sym("Ticks"))
        self.assertGreaterEqual(guest.call("ProbeSleep", 300), before + 300)  # 3 s asleep
        self.assertLess(guest.icount(), 100_000)

    def test_a_limit_of_one_call(self) -> None:
        guest = guest_at(self.session, limit=50_000_000)
        with self.assertRaisesRegex(TooManyInstructions, "200,000"):
            guest.call("ProbeHang", limit=200_000)
        self.assertLess(guest.icount(), 300_000)

    def test_bugcheck_code_and_parameters(self) -> None:
        guest = guest_at(self.session)
        with self.assertRaises(Bugcheck) as caught:
            guest.call("ProbeCrash", 0x50)
        self.assertEqual((caught.exception.code, caught.exception.parameters), (0x50, (1, 2, 3, 4)))

    def test_a_machine_that_its_guest_ended_is_used_again(self) -> None:
        for name, reason in (("ProbeTripleFault", "guest-reset"), ("ProbeReset", "guest-reset"), ("ProbeExit",
                                                                                                  "guest-shutdown")):
            for _ in range(2):
                with self.subTest(name), self.assertRaisesRegex(GuestEnd, reason):
                    guest_at(self.session).call(name)
        self.assertEqual(guest_at(self.session).call("ProbeAdd", 1, 2), 3)

    def test_a_flood_neither_blocks_nor_grows(self) -> None:
        counts = set()
        for _ in range(2):
            guest = guest_at(self.session, limit=50_000_000)
            guest.call("ProbeFlood", 20000)
            counts.add(guest.icount())
            self.assertEqual(len(self.session.machine.read_serial()), SERIAL_CAP)
        self.assertEqual(len(counts), 1)
        guest_at(self.session)
        self.assertEqual(self.session.machine.read_serial(), b"")


if __name__ == "__main__":
    unittest.main()
