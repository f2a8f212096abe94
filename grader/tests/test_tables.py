"""What gdb's `mica` commands print, on a kernel made of bytes: right states, and every inconsistency named.  TOL-06"""

from __future__ import annotations

import struct
import unittest
from typing import Dict, List

from grader.errors import GraderError
from grader.gdb import tables
from grader.images.symbols import Symbols
from grader.views.fields import Layout
from grader.views.memory import Structures
from grader.views.threads import Threads

KTHREAD = (
    "Process:4 State:1 Priority:1 BasePriority:1 Quantum:1 WaitReason:1 pad:3 StackLimit:4 InitialStack:4 "
    "KernelStack:4 WaitBlockList:4 WaitListEntry:8 ThreadListEntry:8 GateObject:4")
KPRCB = "CurrentThread:4 NextThread:4 IdleThread:4 ReadySummary:4 DispatcherReadyListHead:256 Number:1"
OTHERS = {
    "DISPATCHER_HEADER": "Type:1 pad:3 SignalState:4 WaitListHead:8",
    "KWAIT_BLOCK": "WaitListEntry:8 Thread:4 Object:4 NextWaitBlock:4 WaitKey:2 WaitType:2",
    "EPROCESS": "Pcb:16 ActiveProcessLinks:8",
    "KPROCESS": "pad:8 ThreadListHead:8",
    "ETHREAD": "Tcb:64 UniqueThreadId:4 ThreadName:16"
}
READY, RUNNING, STANDBY, WAITING, GATE_WAIT = 1, 2, 3, 5, 8
BASE, SIZE = 0x80000000, 0x10000
PRCB, PROCESSES, PROCESS, EVENT, OTHER_PRCB = BASE + 0x100, BASE + 0x400, BASE + 0x500, BASE + 0x600, BASE + 0x700


def layout() -> Layout:
    fields: Dict[str, "tuple[int, int]"] = {}
    for structure, members in {"KTHREAD": KTHREAD, "KPRCB": KPRCB, **OTHERS}.items():
        offset = 0
        for member in members.split():
            name, size = member.split(":")
            fields[f"{structure}.{name}"] = (offset, int(size))
            offset += int(size)
    return Layout(fields, {})


class Kernel:
    """A tiny kernel's memory."""

    def __init__(self) -> None:
        self.data = bytearray(SIZE)
        self.view = Structures(self, layout())
        self.threads: List[int] = []
        for head in (PROCESSES, PROCESS + 8, EVENT + 8, *(PRCB + 16 + 8 * priority for priority in range(32))):
            self.put(head, head, head)
        self.append(PROCESSES, PROCESS + 16)

    def read(self, address: int, size: int) -> bytes:
        if not BASE <= address <= BASE + SIZE - size:
            raise ValueError("no memory")
        return bytes(self.data[address - BASE:address - BASE + size])

    def put(self, address: int, *words: int) -> None:
        struct.pack_into(f"<{len(words)}I", self.data, address - BASE, *words)

    def set(self, thread: int, field: str, value: int) -> None:
        offset, size = self.view.layout.field(field)
        self.data[thread - BASE + offset:thread - BASE + offset + size] = value.to_bytes(size, "little")

    def append(self, head: int, entry: int) -> None:
        last = self.view.u32(head + 4)
        self.put(entry, head, last)
        self.put(last, entry)
        self.put(head + 4, entry)

    def thread(self, name: str, state: int, priority: int) -> int:
        number = len(self.threads) + 1
        at, stack = BASE + 0x1000 * number, BASE + 0x1000 * number + 0x400
        self.threads.append(at)
        for field, value in (("State", state), ("Priority", priority), ("BasePriority", priority), ("StackLimit",
                                                                                                    stack),
                             ("InitialStack", stack + 0x400), ("KernelStack", stack + 0x300), ("Process", PROCESS)):
            self.set(at, f"KTHREAD.{field}", value)
        self.set(at, "ETHREAD.UniqueThreadId", 4 * number)
        offset, _ = self.view.layout.field("ETHREAD.ThreadName")
        self.data[at - BASE + offset:at - BASE + offset + len(name)] = name.encode()
        self.append(PROCESS + 8, at + self.view.layout.field("KTHREAD.ThreadListEntry")[0])
        return at

    def queue(self, thread: int, priority: int) -> None:
        self.append(PRCB + 16 + 8 * priority, thread + self.view.layout.field("KTHREAD.WaitListEntry")[0])
        self.set(PRCB, "KPRCB.ReadySummary", self.view.get(PRCB, "KPRCB.ReadySummary") | 1 << priority)

    @property
    def source(self) -> Threads:
        return Threads(self.view, PROCESSES, PRCB)


def no_symbols() -> Symbols:
    return Symbols([])


class Tables(unittest.TestCase):
    def setUp(self) -> None:
        self.kernel = Kernel()
        self.runner = self.kernel.thread("Runner", RUNNING, 8)
        self.first, self.second = self.kernel.thread("First", READY, 9), self.kernel.thread("Second", READY, 9)
        self.kernel.set(PRCB, "KPRCB.CurrentThread", self.runner)
        for thread in (self.first, self.second):
            self.kernel.queue(thread, 9)

    def text(self, lines: List[str]) -> str:
        return "\n".join(lines)

    def test_threads_mark_whose_stack_esp_lies_on(self) -> None:
        lines = tables.threads(self.kernel.source, no_symbols(), self.runner + 0x500)
        self.assertEqual([line[0] for line in lines[1:]], ["*", " ", " "])
        self.assertIn("runs", lines[1])
        self.assertNotIn("another", self.text(lines))

    def test_threads_name_a_current_thread_that_does_not_run(self) -> None:
        lines = tables.threads(self.kernel.source, no_symbols(), self.second + 0x500)
        self.assertIn("but KPRCB.CurrentThread is another: normal in the middle of a switch", lines[3])
        self.assertIn("ESP lies on another stack: normal in the middle of a switch", lines[1])

    def test_threads_of_the_processor_that_gdb_shows(self) -> None:
        """Its own ESP lies on its own current thread's stack, whatever runs on processor 0."""
        self.kernel.set(OTHER_PRCB, "KPRCB.CurrentThread", self.second)
        self.kernel.set(OTHER_PRCB, "KPRCB.Number", 3)
        both = Threads(self.kernel.view, PROCESSES, PRCB, [OTHER_PRCB])
        swapped = Threads(self.kernel.view, PROCESSES, OTHER_PRCB, [PRCB])
        lines = tables.threads(both, no_symbols(), self.runner + 0x500)
        self.assertEqual(("* ", "runs", "  ", "runs on processor 3"), (lines[1][:2], lines[1].split("  ")[-1], lines[3][:2], lines[3].split("  ")[-1]))
        lines = tables.threads(swapped, no_symbols(), self.second + 0x500)
        self.assertEqual(("  ", "runs on processor 0", "* ", "runs"), (lines[1][:2], lines[1].split("  ")[-1], lines[3][:2], lines[3].split("  ")[-1]))

    def test_ready_in_order(self) -> None:
        text = self.text(tables.ready(self.kernel.source))
        self.assertRegex(text, r"\[ 9\] First\(8, .*\) Second\(12, ")
        self.assertNotIn("<-", text)
        self.assertIn("current: Runner(4", text)

    def test_ready_names_every_disagreement(self) -> None:
        self.kernel.set(PRCB, "KPRCB.ReadySummary", 1 << 5)
        self.kernel.set(self.first, "KTHREAD.State", WAITING)
        self.kernel.set(self.second, "KTHREAD.Priority", 4)
        text = self.text(tables.ready(self.kernel.source))
        for wanted in ("its bit in ReadySummary is clear", r"[ 5] empty   <- but its bit", "has state Waiting",
                       "has priority 4"):
            self.assertIn(wanted, text)

    def test_ready_survives_broken_links(self) -> None:
        self.kernel.put(PRCB + 16 + 8 * 9, 0x1234)
        self.assertIn("[ 9] broken: entry 0 of the list", self.text(tables.ready(self.kernel.source)))

    def test_a_thread_that_waits_for_a_gate_waits(self) -> None:  # a push lock's waiter
        waiter = self.kernel.thread("Waiter", GATE_WAIT, 10)
        self.kernel.set(waiter, "KTHREAD.GateObject", EVENT)
        text = self.text(tables.waits(self.kernel.source))
        self.assertRegex(text, rf"Waiter\(.*\): .*\n    {EVENT:#010x} Gate, signal state 0")

    def test_waits_and_a_block_that_the_object_does_not_have(self) -> None:  # DSP-12
        waiter = self.kernel.thread("Waiter", WAITING, 10)
        block = waiter + 0x100
        self.kernel.set(waiter, "KTHREAD.WaitBlockList", block)
        self.kernel.put(block + 8, waiter, EVENT, block, 1 << 16)
        self.kernel.set(EVENT, "DISPATCHER_HEADER.Type", 1)
        text = self.text(tables.waits(self.kernel.source))
        self.assertIn("any of 1", text)
        self.assertIn("SynchronizationEvent, signal state 0   <- the object's list does not have", text)
        self.kernel.append(EVENT + 8, block)
        self.assertNotIn("<-", self.text(tables.waits(self.kernel.source)))

    def test_saved_context(self) -> None:
        self.kernel.put(self.first + 0x700, 0xFFFFFFFF, 0x202, 1, 2, 3, 4, 0x80105000)
        context = tables.saved_context(self.kernel.view, self.kernel.source.one(self.first))
        self.assertEqual(context, {
            "eip": 0x80105000,
            "esp": self.first + 0x71C,
            "ebp": 4,
            "ebx": 3,
            "esi": 2,
            "edi": 1,
            "eflags": 0x202
        })
        self.kernel.set(self.first, "KTHREAD.KernelStack", 0x1000)
        with self.assertRaisesRegex(GraderError, "does not lie on its stack"):
            tables.saved_context(self.kernel.view, self.kernel.source.one(self.first))

    def test_find_by_address_number_and_name(self) -> None:
        for what in (hex(self.second), "12", "second"):
            self.assertEqual(tables.find(self.kernel.source, what).address, self.second)
        with self.assertRaisesRegex(GraderError, "no thread third; there are: Runner"):
            tables.find(self.kernel.source, "third")
        self.kernel.thread("First", READY, 1)
        with self.assertRaisesRegex(GraderError, "several"):
            tables.find(self.kernel.source, "first")

    def test_the_thread_that_truly_runs(self) -> None:
        self.assertEqual(self.kernel.source.by_stack(self.first + 0x500), self.first)
        self.assertEqual(self.kernel.source.by_stack(0x1000), 0)


if __name__ == "__main__":
    unittest.main()
