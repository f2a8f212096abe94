"""ProcMon: which thread runs on which processor.  TOL-01"""

from __future__ import annotations

import argparse
import io
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path
from typing import List, Tuple
from unittest.mock import patch

from grader.commands import procmon
from grader.console import PROMPT
from grader.console.machines import Boot, machine
from grader.errors import GraderError
from grader.machine.parts import Machine
from grader.memmon import live
from grader.procmon import looks
from grader.procmon.log import Log
from grader.procmon.moment import Moment, Processor, Row, Switch
from grader.procmon.shares import letters, strip
from grader.procmon.terminal import Screen
from grader.report.terminal import Paint
from grader.tests.machine import needs_emulator
from grader.tests.test_kernel import KERNEL
from grader.tree import Tree, this_tree

IDLE, A, B, GONE = 0x100, 0x200, 0x300, 0x400
WAITING, READY_STATE, RUNNING, TERMINATED = 5, 1, 2, 4
READY = all((KERNEL / "boot" / name).exists() for name in ("ntoskrnl.exe", "loader.elf", "timeline.sys")) and (this_tree().root / "kernel/tests/guest").is_dir()


def switch(time: int, old: int, new: int, state: int = WAITING, processor: int = 0) -> Switch:
    return Switch(time, time, processor, old, new, state, 8, 9, 0)


def moment(switches: "List[Switch]", now: int = 1000, lost: "Tuple[int, ...]" = (0,), current: int = IDLE, name: str = "Work") -> Moment:
    rows = tuple(Row(address, "System", 4, 4 * number, told, "Waiting", 8, 8, 0, 1)
                 for number, (address, told) in enumerate(((IDLE, "Idle"), (A, name), (B, "Other"))))
    names = {row.address: row.words for row in rows} | {GONE: "System.Gone (4.40)"}
    return Moment((Processor(0, current, 0, IDLE, 2, (0, 0, 0, 0), 9, 1, now),), rows, tuple(switches), lost, names)


class Shares(unittest.TestCase):
    def test_time_between_two_switches_is_the_thread_s_that_came(self) -> None:
        shown = moment([switch(100, IDLE, A), switch(300, A, B), switch(400, B, IDLE)], now=500)
        self.assertEqual([(A, 0.5), (B, 0.25), (IDLE, 0.25)], strip(shown, shown.processors[0]).shares())

    def test_time_before_the_first_switch_is_known_if_somebody_looked_before(self) -> None:
        shown = moment([switch(300, A, B)], now=400)
        self.assertEqual([(A, 2 / 3), (B, 1 / 3)], strip(shown, shown.processors[0], since=100).shares())

    def test_without_a_switch_the_thread_that_runs_has_all(self) -> None:
        shown = moment([], now=400, current=A)
        self.assertEqual([(A, 1.0)], strip(shown, shown.processors[0], since=100).shares())
        self.assertEqual([], strip(shown, shown.processors[0]).shares())

    def test_other_processors_switches_do_not_count(self) -> None:
        shown = moment([switch(100, IDLE, A), switch(200, IDLE, B, processor=1)], now=300)
        self.assertEqual([(A, 1.0)], strip(shown, shown.processors[0]).shares())

    def test_cells_show_what_had_most_of_their_time(self) -> None:
        shown = moment([switch(0, IDLE, A), switch(500, A, B), switch(600, B, A)], now=1000)
        self.assertEqual("aaaaabaaaa", letters(strip(shown, shown.processors[0]), 10, {A: "a", B: "b"}))
        self.assertEqual("a", letters(strip(shown, shown.processors[0]), 1, {A: "a", B: "b"}))
        self.assertEqual("    ", letters(strip(moment([], now=0), shown.processors[0]), 4, {}))


class Text(unittest.TestCase):
    def test_threads_keep_their_letters_from_look_to_look(self) -> None:
        screen = Screen(Paint(io.StringIO()))
        first = screen.lines(moment([switch(100, IDLE, A), switch(200, A, B)], now=300), 100)
        second = screen.lines(moment([switch(400, A, B), switch(500, B, IDLE)], now=600), 100)
        for lines in (first, second):
            self.assertTrue(any(line.startswith("A System.Work") for line in lines), lines)
            self.assertTrue(any(line.startswith("B System.Other") for line in lines), lines)
            self.assertFalse(any("\x1b" in line for line in lines))

    def test_thread_that_has_ended_is_shown_by_its_name(self) -> None:
        lines = Screen(Paint(io.StringIO())).lines(moment([switch(100, IDLE, GONE), switch(200, GONE, IDLE, TERMINATED)], now=300), 100)
        self.assertTrue(any("System.Gone (4.40)" in line and "has ended" in line and "50.0%" in line for line in lines), lines)

    def test_lost_records_are_told(self) -> None:
        self.assertIn("7 records were written over", Screen(Paint(io.StringIO())).lines(moment([], lost=(7,)), 100)[0])
        self.assertEqual(["cpu 0: 7 records were written over before they were read"], list(Log().lines(moment([], lost=(7,)))))

    def test_file_says_who_left_why_and_who_came(self) -> None:
        log = Log()
        lines = list(log.lines(moment([switch(100, IDLE, A, RUNNING), switch(1100, A, 0x999)])))
        self.assertEqual("      0.000000 ms  cpu 0  System.Idle (4.0) leaves, priority 8  ->  System.Work (4.4), priority 9", lines[0])
        self.assertEqual("      1.000000 ms  cpu 0  System.Work (4.4) waits (Executive), priority 8  ->  ? 00000999, priority 9", lines[1])
        self.assertTrue(next(log.lines(moment([switch(2100, A, B)]))).startswith("      2.000000 ms"), "one origin for all looks")

    def test_names_of_a_kernel_command_no_terminal(self) -> None:
        shown = moment([switch(100, IDLE, A)], now=300, name="\x1b[2Jboo")
        for text in (*Screen(Paint(io.StringIO())).lines(shown, 100), *Log().lines(shown)):
            self.assertNotIn("\x1b", text)


@needs_emulator
@unittest.skipUnless(READY, "not on this system: no kernel was built in the build folder")
class OnTheKernel(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.tree = Tree(this_tree().root, KERNEL.parent)
        cls.moments = list(procmon.of_guest_test(cls.tree, procmon.DEMO, argparse.Namespace(test="", smp="2", checked=False, to="")))

    def test_each_switch_is_told_once_and_leads_to_the_next(self) -> None:
        switches = [one for shown in self.moments for one in shown.switches]
        self.assertEqual({0}, {lost for shown in self.moments for lost in shown.lost})
        self.assertEqual(sorted({one.sequence for one in switches}), [one.sequence for one in switches])
        for number in (0, 1):
            mine = [one for one in switches if one.processor == number]
            self.assertGreater(len(mine), 10)
            self.assertEqual([one.new for one in mine[:-1]], [one.old for one in mine[1:]])

    def test_threads_of_the_demo_have_their_part(self) -> None:
        parts = {shown.name(thread) for shown in self.moments for one in shown.processors for thread, _ in strip(shown, one).shares()}
        for name in ("System.Producer A", "System.Consumer B", "System.Ticker", "Idle.Idle1"):
            self.assertTrue(any(told.startswith(name) for told in parts), (name, parts))
        for shown in self.moments:
            for one in shown.processors:
                shares = strip(shown, one).shares()
                self.assertAlmostEqual(1.0 if shares else 0.0, sum(part for _, part in shares), places=6)

    def test_what_is_printed_is_told_for_each_look(self) -> None:
        with redirect_stdout(io.StringIO()) as out:
            procmon.show(iter(self.moments), again=False)
        self.assertEqual(len(self.moments), out.getvalue().count("ProcMon  "))
        self.assertIn("cpu 1", out.getvalue())

    def test_file_has_a_line_for_each_switch(self) -> None:
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
            target = Path(folder, "switches.txt")
            with patch.object(procmon, "of_guest_test", lambda *_: iter(self.moments)):
                procmon.run(self.tree, argparse.Namespace(to=str(target), test=procmon.DEMO, smp="2", checked=False))
            self.assertEqual(sum(len(shown.switches) for shown in self.moments), len(target.read_text(encoding="utf-8").splitlines()))

    def test_machine_that_runs_is_read_while_it_runs(self) -> None:
        with machine("qemu", Boot(KERNEL, "/SEED=7", Machine(memory_mb=16, processors=2))) as started:
            found = live.find(self.tree.out)
            assert found is not None
            self.assertIn(PROMPT, started.read_until(PROMPT, 120))
            shown = next(looks.of_running(*found, 0.1, lambda: False))
            self.assertEqual([0, 1], [one.number for one in shown.processors])
            self.assertIn("System.Phase1", [f"{row.process}.{row.name}" for row in shown.threads])

    def test_what_cannot_be_shown_is_said(self) -> None:
        with self.assertRaisesRegex(GraderError, "no guest test driver 'nobody'"):
            list(procmon.of_guest_test(self.tree, "nobody.Test", argparse.Namespace(smp="1", checked=False)))
        with self.assertRaisesRegex(GraderError, "is a folder"):
            procmon.run(self.tree, argparse.Namespace(to=str(self.tree.root), test="", smp="1", checked=False))


if __name__ == "__main__":
    unittest.main()
