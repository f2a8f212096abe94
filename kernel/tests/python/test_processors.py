"""Several processors, judged from outside: what the event ring says of them, what a bugcheck shows, and that two boots
are the same."""
# INT-01
from __future__ import annotations

import os
import re
import unittest
from pathlib import Path
from typing import Dict, List, Optional, Set

from grader.guest import Guest
from grader.guest.session import Session
from grader.guest.stops import Bugcheck
from grader.machine.parts import Machine
from grader.tests.machine import needs_emulator
from grader.tree import this_tree
from grader.views.ring import RECORDS, Event, Record

KERNEL = Path(os.environ.get("MICA_OUT") or this_tree().out).resolve() / "free"
DRIVER, TRAFFIC = "processors.sys", "ThreadsThatWaitWakeAndMoveAllComeToTheirEnd"
BUILT = all((KERNEL / "boot" / name).exists() for name in ("ntoskrnl.exe", "hal.dll", "loader.elf", DRIVER))
LIMIT, SECONDS = 400_000_000, 60.0
MANUALLY_INITIATED_CRASH = 0xE2

INITIALIZED, READY, RUNNING, STANDBY, TERMINATED, WAITING, TRANSITION, DEFERRED, GATE = range(9)
LEGAL = {  # the figure in kernel/ntos/ke/sched/README.md
    INITIALIZED: {DEFERRED, RUNNING}, READY: {STANDBY, RUNNING, DEFERRED},
    RUNNING: {READY, WAITING, TERMINATED, DEFERRED, GATE}, STANDBY: {RUNNING, READY, DEFERRED},
    TERMINATED: {INITIALIZED}, WAITING: {DEFERRED}, TRANSITION: {DEFERRED}, DEFERRED: {READY, STANDBY},
    GATE: {DEFERRED},
}


class SchedulerModel:
    """Follows a trace and notes every step that the rules do not allow."""

    def __init__(self) -> None:
        self.state: Dict[int, int] = {}
        self.priority: Dict[int, int] = {}
        self.queue: Dict[int, int] = {}  # ready thread -> processor on whose queues it is
        self.current: Dict[int, int] = {}
        self.ran_on: Dict[int, Set[int]] = {}
        self.switches: Dict[int, int] = {}
        self.wrong: List[str] = []

    def follow(self, records: List[Record]) -> None:
        for record in records:
            handler = {Event.THREAD_STATE: self.thread_state, Event.READY: self.ready, Event.PRIORITY: self.changed,
                       Event.CONTEXT_SWITCH: self.switch}.get(record.event)  # type: ignore[call-overload]
            if handler:
                handler(record, *record.arguments)

    def complain(self, record: Record, what: str) -> None:
        self.wrong.append(f"record {record.sequence}, processor {record.processor}: {what}")

    def thread_state(self, record: Record, thread: int, old: int, new: int, priority: int) -> None:
        if self.state.get(thread, old) != old:
            self.complain(record, f"thread {thread:#x} was in state {self.state[thread]}, not in {old}")
        if new not in LEGAL[old]:
            self.complain(record, f"thread {thread:#x} goes from state {old} to {new}")
        if old == READY:
            self.queue.pop(thread, None)
        self.state[thread], self.priority[thread] = new, priority
        if new == RUNNING:
            self.best_runs(record, thread, priority)

    def best_runs(self, record: Record, thread: int, priority: int) -> None:
        """The state is written under the processor's lock: nobody better may be on its queues."""
        for other, processor in self.queue.items():
            if processor == record.processor and self.priority[other] > priority:
                self.complain(record, f"thread {thread:#x} of priority {priority} runs, and {other:#x} of "
                              f"{self.priority[other]} is ready")

    def ready(self, record: Record, thread: int, priority: int, processor: int, _: int) -> None:
        self.queue[thread], self.priority[thread] = processor, priority

    def changed(self, record: Record, thread: int, _: int, new: int, __: int) -> None:
        self.priority[thread] = new

    def switch(self, record: Record, old: int, new: int, _: int, __: int) -> None:
        here = record.processor
        if self.current.get(here, old) != old:
            self.complain(record, f"leaves {old:#x}, but ran {self.current[here]:#x}")
        for processor, thread in self.current.items():
            if processor != here and thread == new:
                self.complain(record, f"goes to {new:#x}, which processor {processor} runs")
        self.current[here] = new
        self.ran_on.setdefault(new, set()).add(here)
        self.switches[here] = self.switches.get(here, 0) + 1


@needs_emulator
@unittest.skipUnless(BUILT, "not on this system: no kernel was built in the build folder")
class Processors(unittest.TestCase):
    def boot(self, processors: int, options: str = "", driver: str = DRIVER) -> Session:
        session = Session(KERNEL, driver, Machine(processors=processors, options=options))
        self.addCleanup(session.close)
        session.start()
        session.boot(Guest(session))
        if session.failures:
            raise AssertionError(str(next(iter(session.failures.values())).cause))
        return session

    def guest(self, session: Session) -> Guest:
        guest = Guest(session)
        guest.begin(session.restore("ready"), LIMIT, SECONDS)
        guest.arm()
        return guest

    def test_all_are_up_and_idle_and_the_host_sees_each(self) -> None:  # SCH-02, TOL-06
        for processors in (2, 4):
            guest = self.guest(self.boot(processors))
            self.assertEqual(guest.u8(guest.sym("KeNumberProcessors")), processors)
            self.assertEqual(guest.machine.gdb.processors(), processors)
            self.assertEqual(guest.processor, 0)
            for number in range(1, processors):
                guest.select(number)
                self.assertEqual(guest.pcr(), guest.prcb(number) - guest.field("KPCR.PrcbData")[0])
                self.assertEqual(guest.get(guest.pcr(), "KPCR.Number"), number)
                self.assertEqual(guest.true_thread(), guest.get(guest.prcb(number), "KPRCB.IdleThread"))

    def test_the_boot_option_limits_their_number(self) -> None:  # BOO-04
        for options, expected in (("/SMP=2", 2), ("/SMP=1", 1), ("/SMP=9", 4), ("/HAL=PIC", 1)):
            guest = self.guest(self.boot(4, options))
            self.assertEqual(guest.u8(guest.sym("KeNumberProcessors")), expected, options)

    def test_two_boots_are_the_same(self) -> None:  # HAL-07
        for processors in (2, 4):
            runs = []
            for _ in range(2):
                session = self.boot(processors)
                runs.append((session.stages["ready"].icount, self.guest(session).events()))
            self.assertEqual(runs[0][0], runs[1][0])
            self.assertEqual(runs[0][1], runs[1][1])

    def test_the_trace_of_busy_processors_is_legal(self) -> None:  # SCH-04, SCH-12, SCH-17, SCH-18
        for processors in (1, 2, 4):
            guest = self.guest(self.boot(processors))
            guest.call(TRAFFIC)
            records = guest.events()
            last: Optional[int] = None
            for record in records:
                self.assertTrue(last is None or record.sequence > last)
                last = record.sequence
            self.assertLess(len(records), RECORDS[1])  # nothing is forgotten: no ring went round
            model = SchedulerModel()
            model.follow(records)
            self.assertEqual(model.wrong[:5], [])
            self.assertEqual(set(model.switches), set(range(processors)))
            self.assertGreater(min(model.switches.values()), 40)
            if processors > 1:
                self.assertTrue(any(len(where) == processors for where in model.ran_on.values()))

    def test_the_model_sees_what_is_wrong(self) -> None:
        def one(event: Event, processor: int, *arguments: int) -> Record:
            return Record(0, 1, int(event), processor, 2, (*arguments, *[0] * (4 - len(arguments))))  # type: ignore

        wrong = ([one(Event.THREAD_STATE, 0, 1, WAITING, RUNNING, 8)],
                 [one(Event.THREAD_STATE, 0, 1, RUNNING, WAITING, 8), one(Event.THREAD_STATE, 0, 1, READY, STANDBY, 8)],
                 [one(Event.CONTEXT_SWITCH, 0, 1, 2), one(Event.CONTEXT_SWITCH, 1, 3, 2)],
                 [one(Event.CONTEXT_SWITCH, 0, 1, 2), one(Event.CONTEXT_SWITCH, 0, 1, 3)],
                 [one(Event.READY, 1, 1, 9, 0), one(Event.THREAD_STATE, 0, 2, STANDBY, RUNNING, 8)])
        for records in wrong:
            model = SchedulerModel()
            model.follow(records)
            self.assertEqual(len(model.wrong), 1, records)

    def test_a_bugcheck_shows_every_processor(self) -> None:  # TRP-09, TOL-07
        session = self.boot(4)
        guest = self.guest(session)
        guest.start("BugCheckWhileOthersSpin", until="KeBugCheckEx")
        with self.assertRaises(Bugcheck) as raised:
            guest.finish()
        self.assertEqual(raised.exception.code, MANUALLY_INITIATED_CRASH)
        said = session.machine.read_serial().decode(errors="replace").replace("\r", "")
        shown = re.findall(r"^processor (\d), IRQL (\d+), thread ([0-9a-f]{8})\n((?:eax.*\n|eip.*\n)*(?:  #.*\n)+)", said, re.M)
        self.assertEqual([number for number, *_ in shown], ["0", "1", "2", "3"])
        for number, irql, thread, text in shown:
            self.assertEqual(int(thread, 16), guest.get(guest.prcb(int(number)), "KPRCB.CurrentThread"))
            self.assertGreaterEqual(len(re.findall(r"  #\d+ \w+\.\w+\+0x", text)), 3, text)
            if number != "0":
                self.assertEqual(guest.get(guest.prcb(int(number)), "KPRCB.IpiFrozen"), 1)
                self.assertIn("#0 processors.sys+0x", text)
                self.assertEqual(irql, "0")


if __name__ == "__main__":
    unittest.main()
