"""The grader's means on the real kernel: who truly runs, forged rings, changed code, the deadline behind a task gate,
gdb.

Needs the built kernel (`make kernel` or `make test` made it).
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import struct
import unittest
from pathlib import Path
from unittest import mock

from grader.api import Context, TestFailure
from grader.guest import Guest
from grader.guest.booting import Place, boot
from grader.guest.session import Session
from grader.guest.stops import IdleTooLong, TooManyInstructions
from grader.judge.runner import run_tests
from grader.labs import manifests
from grader.machine import qemu
from grader.machine.parts import Machine
from grader.model import Kernel, KernelSet, Outcome, Verdict
from grader.replay import replay
from grader.tests.compiled import is_timeless
from grader.tests.machine import guest_at, needs_emulator, spec, under_gdb
from grader.tree import this_tree
from grader.views.ring import RECORD, Event

ROOT = this_tree().root
KERNEL = Path(os.environ.get("MICA_OUT") or this_tree().out).resolve() / "free"
DRIVER = "lab1.sys"
BUILT = all((KERNEL / "boot" / name).exists() for name in ("ntoskrnl.exe", "hal.dll", "loader.elf", DRIVER))
CLOCK = "KeUpdateSystemTime"


def built(case: type) -> type:
    return needs_emulator(
        unittest.skipUnless(BUILT, "not on this system: no kernel was built in the build folder")(case))


@unittest.skipUnless(BUILT, "not on this system: no kernel was built in the build folder")
class Images(unittest.TestCase):
    def test_nothing_that_is_built_knows_where(self) -> None:
        """Two trees at different paths give equal images: results, and pages named after an image's digest, are the same everywhere."""
        here = str(ROOT).encode()
        made = [path for path in KERNEL.rglob("*") if path.suffix in (".o", ".obj", ".elf", ".exe", ".dll", ".sys", ".lib", ".img")]
        self.assertGreater(len(made), 100)
        self.assertEqual([], [str(path.relative_to(KERNEL)) for path in made if here in path.read_bytes()])

    def test_exercises_ask_for_the_time_as_their_manifest_says(self) -> None:
        """A branch without the reference has the manifest alone to know it from."""
        asked = {exercise.number: not is_timeless((KERNEL / "obj" / f"{name[len('kernel/'):]}.obj").read_bytes()
                                                  for name in exercise.files if name.startswith("kernel/"))
                 for lab in manifests(ROOT) if lab.explored for exercise in lab.exercises}
        said = {exercise.number: exercise.timed for lab in manifests(ROOT) if lab.explored for exercise in lab.exercises}
        self.assertEqual(asked, said)


@built
class OnTheKernel(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.session = Session(KERNEL, DRIVER)
        cls.addClassCleanup(cls.session.close)
        cls.session.start()
        cls.session.boot(Guest(cls.session))
        if cls.session.failures:
            raise AssertionError(str(next(iter(cls.session.failures.values())).cause))

    def context(self, guest: Guest, seed: int = 1) -> Context:
        return Context(spec(lambda t: None, "some_test"), seed, guest, Path("/nonexistent"), 0)

    # -- who runs ------------------------------------------------------------------------------------------------------
    def test_claim_and_truth_agree_on_an_honest_kernel(self) -> None:  # SCH-15
        guest = guest_at(self.session)
        for _ in range(4):
            self.assertTrue(guest.sample(CLOCK).agrees)
        self.assertNotEqual(guest_at(self.session).true_thread(), 0)

    def test_a_forged_current_thread_is_seen(self) -> None:
        guest = guest_at(self.session)
        idle = guest.get(guest.prcb(), "KPRCB.IdleThread")
        guest.set(guest.prcb(), "KPRCB.CurrentThread", idle)
        self.assertNotEqual(guest.true_thread(), guest.current_thread())

    def test_memory_is_read_as_another_process_sees_it(self) -> None:  # MEM-06
        guest = guest_at(self.session)
        process, user = guest.alloc(guest.size("KPROCESS")), 0x40000000
        directory = guest.call("MmCreatePageDirectory")
        guest.set(process, "KPROCESS.DirectoryTableBase", directory)
        inside, processors = guest.inside(process), guest.sym("KiProcessorBlock")
        self.assertEqual(guest.u32(processors), inside.u32(processors), "the system's half is everybody's")
        self.assertEqual((False, False), (guest.readable(user), inside.readable(user)))
        table, page = (guest.space.physical(guest.alloc(4096, 4096)) for _ in range(2))
        guest.space.ram.write(directory + (user >> 22) * 4, struct.pack("<I", (table or 0) | 1))
        guest.space.ram.write(table or 0, struct.pack("<I", (page or 0) | 1))
        guest.space.ram.write(page or 0, b"its own")
        self.assertEqual("its own", inside.text(user))
        self.assertFalse(guest.readable(user))

    def test_stage_alone_comes_before_the_other_processors(self) -> None:  # BOO-04
        session = boot(Place(KERNEL, DRIVER, Machine(processors=2), ("alone", "ready")))
        self.addCleanup(session.close)
        for stage, running in (("alone", 1), ("ready", 2), ("alone", 1)):
            guest = guest_at(session, stage)
            self.assertEqual(running, guest.u8(guest.sym("KeNumberProcessors")), stage)
            self.assertNotEqual(0, guest.true_thread(), "in a thread")
            self.assertTrue(guest.regs()["eflags"] & 0x200, "interrupts are on")

    def test_a_call_that_no_tick_interrupts(self) -> None:
        guest = guest_at(self.session)
        interrupts = 0x200
        with guest.uninterrupted():
            guest.call("KeQueryTickCount", guest.scratch)
            self.assertEqual(0, guest.regs()["eflags"] & interrupts)
        guest.call("KeQueryTickCount", guest.scratch)
        self.assertEqual(interrupts, guest.regs()["eflags"] & interrupts)

    # -- the event ring ------------------------------------------------------------------------------------------------
    def test_an_honest_ring_is_believed(self) -> None:
        guest = guest_at(self.session, limit=50_000_000)
        records = self.context(guest).trace(CLOCK, 6, moments=3)
        self.assertEqual([record.sequence for record in records],
                         list(range(records[0].sequence, records[-1].sequence + 1)))
        self.assertTrue(records)

    def forge(self, guest: Guest, which: int, change: bytes, offset: int) -> None:
        """Writes into a record that is `which` records old."""
        count, size, records = struct.unpack("<III", guest.read(guest.sym("EtwRing"), 12))
        guest.write(records + RECORD.size * ((count - 1 - which) % size) + offset, change)

    def trace_with(self, forgery) -> None:  # type: ignore[no-untyped-def]
        """A trace in whose middle the guest rewrites its ring."""
        guest = guest_at(self.session, limit=50_000_000)
        real, arrivals = guest.run_until, []

        def run_until(place, hits=1):  # type: ignore[no-untyped-def]
            registers = real(place, hits)
            arrivals.append(1)
            if len(arrivals) == 3:
                forgery(guest)
            return registers

        with mock.patch.object(guest, "run_until", run_until):
            self.context(guest).trace(CLOCK, 6, moments=6)

    def test_a_rewritten_event_is_caught(self) -> None:
        with self.assertRaisesRegex(TestFailure, "rewritten"):
            self.trace_with(lambda guest: self.forge(guest, 5, b"\x04", 12))

    def test_an_invented_switch_is_caught(self) -> None:
        def invent(guest: Guest) -> None:
            ring = guest.sym("EtwRing")
            count, size, records = struct.unpack("<III", guest.read(ring, 12))
            sequence = guest.events()[-1].sequence + 1
            other = guest.get(guest.prcb(), "KPRCB.IdleThread")
            guest.write(records + RECORD.size * (count % size),
                        RECORD.pack(0, sequence, Event.CONTEXT_SWITCH, 0, 2, 0, guest.current_thread(), other, 0, 0))
            guest.u32(ring, count + 1)

        with self.assertRaisesRegex(TestFailure, "the ring says"):
            self.trace_with(invent)

    # -- integrity -----------------------------------------------------------------------------------------------------
    def test_changed_code_is_named_in_every_module(self) -> None:
        for name in ("KeSetEvent", "HalpClockInterrupt", "Lab1Step", "KdFieldTable"):
            with self.subTest(name):
                guest = guest_at(self.session)
                self.assertIsNone(self.session.integrity.changed())
                address = guest.sym(name)
                guest.u8(address, guest.u8(address) ^ 1)
                self.assertEqual(self.session.integrity.changed(), f"courseware code was changed at {name}")

    def test_an_import_that_leads_elsewhere_is_seen(self) -> None:
        guest = guest_at(self.session)
        module = next(one for one in self.session.symbols.modules if one.name == DRIVER)
        table, _ = module.image.directories[12]
        self.assertIn(guest.u32(module.base + table), self.session.symbols.modules[0])
        guest.u32(module.base + table, guest.scratch)
        self.assertIsNotNone(self.session.integrity.changed())

    def test_a_processor_that_halts_for_good_is_not_woken_by_the_hosts_own_watchdog(self) -> None:
        guest = guest_at(self.session, limit=1_000_000)
        code = guest.alloc(16)
        guest.write(code, b"\xfa\xf4\xfb\xc3")  # cli; hlt; sti; ret
        with self.assertRaises(IdleTooLong):
            guest.call(code)

    def test_a_guest_that_makes_the_emulator_work_at_each_instruction_gets_a_verdict(self) -> None:
        guest = guest_at(self.session, limit=2_000_000_000, seconds=1000.0)
        code = guest.alloc(16)
        guest.write(code, b"\xeb\xfe")  # jmp to itself
        with mock.patch.object(qemu, "BUSY_SECONDS", 2.0), self.assertRaises(TooManyInstructions):
            guest.call(code)

    # -- the deadline --------------------------------------------------------------------------------------------------
    def test_a_sleeper_passes_the_deadline_unharmed(self) -> None:
        """The NMI goes through a task gate; the processor comes back from it dozens of times."""
        interval = struct.pack("<q", -20_000_000)  # two seconds, relative
        counts = set()
        for _ in range(2):
            guest = guest_at(self.session, limit=1_000_000)
            place = guest.alloc(8)
            guest.write(place, interval)
            ticks = guest.u32(guest.sym("KeTickCount"))
            self.assertEqual(guest.call("KeDelayExecutionThread", 0, 0, place), 0)
            self.assertGreaterEqual(guest.u32(guest.sym("KeTickCount")) - ticks, 190)
            self.assertEqual(guest.true_thread(), guest.current_thread())
            counts.add(guest.icount())
        self.assertEqual(len(counts), 1)
        self.assertLess(counts.pop(), 1_000_000)

    def test_a_busy_guest_ends_where_it_is(self) -> None:
        ends = set()
        for _ in range(2):
            guest = guest_at(self.session, limit=500_000)
            with self.assertRaises(TooManyInstructions) as caught:
                guest.call("KeStallExecutionProcessor", 1_000_000)
            ends.add((guest.icount(), caught.exception.registers["eip"]))
            self.assertIn("KeStallExecutionProcessor", "\n".join(guest.backtrace(caught.exception.registers)))
        self.assertEqual(len(ends), 1)


@built
@unittest.skipUnless(shutil.which("gdb"), "gdb is not installed")
class UnderGdb(unittest.TestCase):
    def test_the_mica_commands(self) -> None:  # TOL-06, TOL-07
        def waits(t) -> None:
            t.guest.start("KeDelayExecutionThread", 0, 0, t.guest.alloc(8), until="KiSwapThread")
            t.fail(asked="stop here", expected="a switch", seen="the beginning of one")

        test = spec(waits, "waits")
        said = []
        commands = [
            "mica threads", "mica ready", "mica waits", "mica switch-to Reaper", "bt", "mica switch-back",
            "mica switch-to 8", "mica pte KiSwapThread", "mica pte &KiProcessorBlock", "mica pte", "mica vad", "mica vad nobody", "mica pfn",
            "mica pfn 0x100", "mica rewind", "info args", "mica switch-to nobody"
        ]
        kernels = KernelSet({"9.1": Kernel(KERNEL)}, Path("/nonexistent"))
        _, shown = under_gdb(commands, lambda arguments: replay.replay(
            kernels, dataclasses.replace(test, driver=DRIVER), 1, this_tree().root, said.append, False, arguments))
        for wanted in (r"\* +\d+ +0x\w+  Phase1 +Running", r"Reaper +Waiting .*(?:KiSwapThread|SwitchContext)\+0x", r"ReadySummary 0x",
                       r"current: Phase1", r"Reaper\(\d+, 0x\w+\): Executive, any of 1", r"KeWaitForSingleObject \(",
                       r"KiThreadStartup \(\)", r"back in the thread that runs",
                       r"Phase1 runs: these are its registers", r"back where the replay began", r"Interval = 0x\w+",
                       r"no thread nobody; there are: ", r"PDE c0300800  \w{8}  valid, page", r"PTE c0200\w{3}  \w{8}  valid, page \w+, read-only, kernel",
                       r"PTE c0200\w{3}  \w{8}  valid, page \w+, write, kernel", r"pte needs an address", r"System: 0 ranges",
                       r"no process nobody; there are: .*System", r"ActiveAndValid +\d+ pages", r"page 100: ActiveAndValid"):
            self.assertRegex(shown, wanted)


@built
class Ends(unittest.TestCase):
    def test_the_kernels_own_bugcheck_is_read(self) -> None:
        """As LAB_NOT_IMPLEMENTED calls it."""

        def unwritten(t) -> None:
            text, file = t.guest.alloc(8), t.guest.alloc(64)
            t.guest.write(text, b"9.1\0")
            t.guest.write(file, b"kernel/ntos/ke/sched/ready.cpp\0")
            t.guest.call("KeBugCheckEx", 0x4C414230, text, file, 77, 0)

        test = dataclasses.replace(spec(unwritten, "unwritten"), driver=DRIVER)
        outcome = run_tests(KernelSet({"9.1": Kernel(KERNEL)}, Path("/nonexistent")), [test], 1, 1)[0]
        self.assertEqual((outcome.verdict, outcome.hint_id, outcome.where, outcome.waits_for),
                         (Verdict.FAIL, "not-implemented", "kernel/ntos/ke/sched/ready.cpp:77", ""))
        other = run_tests(KernelSet({"9.2": Kernel(KERNEL)}, Path("/nonexistent")), [dataclasses.replace(test, exercise="9.2")], 1, 1)[0]
        self.assertEqual(other.waits_for, "9.1")


    def outcome_of(self, body) -> Outcome:  # type: ignore[no-untyped-def]
        test = dataclasses.replace(spec(body, "body"), driver=DRIVER)
        return run_tests(KernelSet({"9.1": Kernel(KERNEL)}, Path("/nonexistent")), [test], 1, 1)[0]

    def test_a_fault_is_shown_where_it_happened(self) -> None:  # TRP-09
        outcome = self.outcome_of(lambda t: t.guest.call("KiInsertReadyQueue", 0x10, 0x20, 0))
        self.assertEqual(outcome.verdict, Verdict.STUDENT_CRASH)
        self.assertIn("KERNEL_MODE_EXCEPTION_NOT_HANDLED: status 0xc0000005, at KiInsertReadyQueue+", outcome.seen)
        self.assertRegex(outcome.backtrace[0], r"^KiInsertReadyQueue\+0x\w+ at kernel/ntos/ke/sched/ready.cpp:\d+$")
        self.assertEqual(outcome.where, outcome.backtrace[0].split(" at ")[1])
        self.assertIn("*** STOP", outcome.log)

    def test_a_jump_to_nowhere(self) -> None:
        outcome = self.outcome_of(lambda t: t.guest.call(0xC8000000))
        self.assertEqual((outcome.verdict, outcome.backtrace), (Verdict.STUDENT_CRASH, ("0xc8000000",)))

    def test_a_broken_contract_names_expression_and_place(self) -> None:
        def breaks(t) -> None:
            text, file = t.guest.alloc(32), t.guest.alloc(64)
            t.guest.write(text, b"Thread != nullptr\0")
            t.guest.write(file, b"kernel/ntos/ke/sched/ready.cpp\0")
            t.guest.call("RtlAssert", text, file, 18, 0)

        outcome = self.outcome_of(breaks)
        self.assertEqual(outcome.seen, "a broken contract: Thread != nullptr (kernel/ntos/ke/sched/ready.cpp:18)")
        self.assertEqual(outcome.where, "kernel/ntos/ke/sched/ready.cpp:18")


if __name__ == "__main__":
    unittest.main()
