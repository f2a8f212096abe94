"""The event ring on several processors, judged from outside: its order, and what it says of DPCs, waits and interrupts
between processors."""
# TOL-03, EXE-03
from __future__ import annotations

import os
import unittest
from pathlib import Path
from typing import Dict, List, Tuple

from grader.guest import Guest
from grader.guest.session import Session
from grader.machine.parts import Machine
from grader.tests.machine import needs_emulator
from grader.tree import this_tree
from grader.views.ring import RECORDS, RING_BYTES, Event, Record, read_ring

KERNEL = Path(os.environ.get("MICA_OUT") or this_tree().out).resolve() / "free"
BUILT = all((KERNEL / "boot" / name).exists() for name in ("ntoskrnl.exe", "hal.dll", "loader.elf", "locks.sys", "dpcs.sys"))
LIMIT, SECONDS = 400_000_000, 60.0
DISPATCH_LEVEL = 2
WAITING, GATE_WAIT = 5, 8


class SynchronizationModel:
    """Follows a trace from its first record and notes every step that the rules do not allow."""

    def __init__(self) -> None:
        self.queued: Dict[int, int] = {}  # DPC -> processor it was queued to
        self.running: Dict[Tuple[int, bool], int] = {}  # (processor, in a thread) -> DPC
        self.asked: Dict[int, int] = {}  # processor -> interrupts that others have sent and it has not taken
        self.missing: Dict[int, List[int]] = {}  # thread -> keys of the objects that its wait has not named yet
        self.seen = {event: 0 for event in Event}
        self.wrong: List[str] = []

    def follow(self, records: List[Record]) -> None:
        handlers = {Event.DPC_QUEUE: self.dpc_queue, Event.DPC_RUN: self.dpc_run, Event.DPC_END: self.dpc_end,
                    Event.IPI_SEND: self.ipi_send, Event.IPI_RECEIVE: self.ipi_receive, Event.WAIT: self.wait,
                    Event.WAIT_OBJECT: self.wait_object, Event.THREAD_STATE: self.thread_state}
        for record in records:
            self.seen[Event(record.event)] += 1
            handler = handlers.get(Event(record.event))
            if handler:
                handler(record, *record.arguments)

    def complain(self, record: Record, what: str) -> None:
        self.wrong.append(f"record {record.sequence}, processor {record.processor}: {what}")

    def dpc_queue(self, record: Record, dpc: int, _: int, target: int, __: int) -> None:
        if dpc in self.queued:
            self.complain(record, f"DPC {dpc:#x} is queued and is queued again")
        self.queued[dpc] = target

    def dpc_run(self, record: Record, dpc: int, *_: int) -> None:
        target = self.queued.pop(dpc, None)
        if target != record.processor:
            self.complain(record, f"DPC {dpc:#x} runs here, but was queued to {target}")
        threaded = record.irql < DISPATCH_LEVEL
        if (record.processor, threaded) in self.running:
            self.complain(record, f"DPC {dpc:#x} runs inside of another one")
        self.running[record.processor, threaded] = dpc

    def dpc_end(self, record: Record, dpc: int, _: int, threaded: int, __: int) -> None:
        if self.running.pop((record.processor, bool(threaded & 0xFF)), None) != dpc:
            self.complain(record, f"DPC {dpc:#x} ends, but does not run here")

    def ipi_send(self, record: Record, targets: int, *_: int) -> None:
        for number in range(32):
            if targets >> number & 1:
                self.asked[number] = self.asked.get(number, 0) + 1

    def ipi_receive(self, record: Record, *_: int) -> None:
        if not self.asked.get(record.processor):
            self.complain(record, "is interrupted, but nobody has asked for it")

    def wait(self, record: Record, thread: int, count: int, *_: int) -> None:
        self.missing[thread] = list(range(count))

    def wait_object(self, record: Record, thread: int, _: int, key: int, __: int) -> None:
        keys = self.missing.get(thread) or [-1]
        if keys.pop(0) != key:
            self.complain(record, f"thread {thread:#x} names object {key} of its wait out of turn")

    def thread_state(self, record: Record, thread: int, _: int, new: int, __: int) -> None:
        if new in (WAITING, GATE_WAIT) and self.missing.get(thread):
            self.complain(record, f"thread {thread:#x} waits, and has not named objects {self.missing[thread]}")


@needs_emulator
@unittest.skipUnless(BUILT, "not on this system: no kernel was built in the build folder")
class Events(unittest.TestCase):
    def trace(self, driver: str, test: str, processors: int) -> List[Record]:
        """What the rings hold after a guest test: everything since the boot, for none has gone round."""
        session = Session(KERNEL, driver, Machine(processors=processors))
        self.addCleanup(session.close)
        session.start()
        session.boot(Guest(session))
        guest = Guest(session)
        guest.begin(session.restore("ready"), LIMIT, SECONDS)
        guest.arm()
        guest.call(test)
        found: List[Record] = []
        for number in range(processors):
            ring = read_ring(guest.space, guest.sym("EtwRing") + number * RING_BYTES)
            self.assertEqual({number}, {record.processor for record in ring})
            self.assertEqual([one.sequence for one in ring], sorted(one.sequence for one in ring))
            self.assertEqual([one.time for one in ring], sorted(one.time for one in ring))
            self.assertLess(len(ring), RECORDS[1])
            found += ring
        return sorted(found, key=lambda record: record.sequence)

    def judge(self, driver: str, test: str, processors: int) -> SynchronizationModel:
        records = self.trace(driver, test, processors)
        self.assertEqual(list(range(1, len(records) + 1)), [record.sequence for record in records])  # none is missing
        model = SynchronizationModel()
        model.follow(records)
        self.assertEqual([], model.wrong[:5])
        return model

    def test_dpcs_run_where_and_as_often_as_they_were_queued(self) -> None:  # INT-05, INT-06
        for processors in (1, 4):
            model = self.judge("locks.sys", "SListLosesNothingAndGivesNothingTwice", processors)
            self.assertGreater(model.seen[Event.DPC_RUN], 50)
            self.assertEqual(model.seen[Event.DPC_RUN], model.seen[Event.DPC_END])
            self.assertEqual({}, model.queued)  # KeFlushQueuedDpcs has returned

    def test_interrupts_between_processors_have_a_sender(self) -> None:  # HAL-08, INT-05
        model = self.judge("dpcs.sys", "DpcRunsOnItsTargetProcessor", 4)
        self.assertGreater(model.seen[Event.IPI_RECEIVE], 3)
        self.assertGreater(model.seen[Event.WAIT_OBJECT], 5)

    def test_the_model_sees_what_is_wrong(self) -> None:
        def one(event: Event, processor: int, *arguments: int) -> Record:
            return Record(0, 1, int(event), processor, 2, (*arguments, *[0] * (4 - len(arguments))))  # type: ignore

        queued = one(Event.DPC_QUEUE, 0, 9, 0, 1)
        wrong = ([queued, queued], [queued, one(Event.DPC_RUN, 0, 9)], [one(Event.DPC_END, 1, 9)],
                 [one(Event.IPI_RECEIVE, 1, 1)],
                 [one(Event.WAIT, 0, 7, 2), one(Event.WAIT_OBJECT, 0, 7, 5, 1)],
                 [one(Event.WAIT, 0, 7, 1), one(Event.THREAD_STATE, 0, 7, 2, WAITING)],
                 [queued, one(Event.DPC_RUN, 1, 9), one(Event.DPC_QUEUE, 0, 8, 0, 1), one(Event.DPC_RUN, 1, 8)])
        for records in wrong:
            model = SynchronizationModel()
            model.follow(records)
            self.assertEqual(1, len(model.wrong), records)


if __name__ == "__main__":
    unittest.main()
