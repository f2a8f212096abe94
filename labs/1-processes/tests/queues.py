"""Ready queues: the model in Python, and the same queues in guest memory.

The bench is a KPRCB and some KTHREADs that only the test uses now: the host makes them in the driver's scratch memory (or takes
the idle processor's own block), calls the student's routines on them, and compares all 32 queues and the summary with the
model after every call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Tuple

from .hosted import NOBODYS, PRIORITIES, make_block, set_time

READY = 1
TRIES = 3
COSTLY = 1 << 32
SPARE = 80  # instructions: less than a loop over 31 priorities or 39 threads can take, more than other ways through a routine differ by
ROUTINES = ("KiInsertReadyQueue", "KiRemoveReadyQueue", "KiSelectReadyThread")

HINTS = {
    "ready-bit-stays": "A bit of ReadySummary is set although its queue is empty. The routine that takes the last thread off a "
                       "queue clears the bit, in a selection and in a removal.",
    "ready-bit-missing": "A queue holds threads but its bit of ReadySummary is clear, so no selection will ever look there. Set bit p "
                         "with every insertion, and clear it only when queue p became empty.",
    "ready-wrong-end": "The threads of a queue are in the wrong order. AtHead puts a thread first, otherwise it goes last; the "
                       "next to run is always taken from the head.",
    "ready-wrong-queue": "The thread is on the queue of another priority. The index is Thread->Priority.",
    "ready-still-queued": "A thread that was taken is still on its queue: unlink its WaitListEntry.",
    "ready-missing": "A thread that was inserted is on no queue: link its WaitListEntry into the list of its priority.",
    "ready-low-priority": "LowPriority is a bound: a thread below it must stay where it is, and nullptr is returned.",
    "ready-highest": "The highest non-empty queue comes first: the highest set bit of ReadySummary at or above LowPriority.",
    "ready-loop-priorities": "The cost of a selection must not depend on where the thread is: no loop over the priorities. ReadySummary has a bit "
                             "for each queue, and the processor finds the highest one in a single instruction (__builtin_clz).",
    "ready-loop-threads": "The cost of a call must not grow with the number of threads on the queue: a list that is linked both ways needs no walk.",
    "ready-not-returned": "The thread is off its queue, and the caller does not get it: KiSelectReadyThread returns the thread that it has taken.",
    "ready-live": "The kernel itself lives on these queues. The tests with stage \"early\" show the mistake one call at a time: begin there.",
    "ready-field": "Queues and summary are all that these routines change: of the thread only WaitListEntry, which links it.",
    "ready-links": "A queue's links are broken: from the head, Flink must lead round to the head again, and Blink the same way "
                   "back.",
}


class Model:
    """32 queues of thread numbers.  The summary is not stored: it follows from the queues."""

    def __init__(self) -> None:
        self.queues: List[List[int]] = [[] for _ in range(PRIORITIES)]

    @property
    def summary(self) -> int:
        return sum(1 << priority for priority, queue in enumerate(self.queues) if queue)

    def insert(self, thread: int, priority: int, at_head: bool) -> None:
        self.queues[priority].insert(0 if at_head else len(self.queues[priority]), thread)

    def remove(self, thread: int) -> None:
        for queue in self.queues:
            if thread in queue:
                queue.remove(thread)

    def select(self, low: int) -> Optional[int]:
        for priority in range(PRIORITIES - 1, low - 1, -1):
            if self.queues[priority]:
                return self.queues[priority].pop(0)
        return None

    def where(self, thread: int) -> Optional[int]:
        return next((priority for priority, queue in enumerate(self.queues) if thread in queue), None)

    def show(self) -> str:
        return _show({priority: queue for priority, queue in enumerate(self.queues) if queue}, self.summary)


@dataclass
class Snapshot:
    """What guest memory says: queues by priority (None: the links are broken) and the summary."""

    queues: Dict[int, Optional[List[int]]]
    summary: int
    broken: str = ""

    def show(self) -> str:
        return _show(self.queues, self.summary) + (f"; {self.broken}" if self.broken else "")


def _show(queues: Dict[int, Optional[List[int]]], summary: int) -> str:
    parts = [f"[{priority}] " + ("broken" if queue is None else " ".join(f"T{thread}" for thread in queue))
             for priority, queue in sorted(queues.items(), reverse=True)]
    return f"ReadySummary {summary:#010x}, queues " + ("; ".join(parts) or "all empty")


@dataclass
class Bench:
    """A processor's control block and threads that exist only for the test."""

    t: object
    threads: List[int]
    prcb: int
    priorities: List[int]
    model: Model = field(default_factory=Model)
    done: List[str] = field(default_factory=list)
    contents: List[bytes] = field(default_factory=list)  # of each thread, without its link

    @classmethod
    def make(cls, t, count: int, priorities: Optional[List[int]] = None, setting: Tuple[str, int] = (NOBODYS, 0)) -> "Bench":
        """`count` threads with drawn priorities (or the given ones), all off the queues, every queue empty.  `setting`: whose
        block, and which time it is."""
        rng, guest = t.rng, t.guest
        whose, ticks = setting
        prcb = make_block(guest, rng, whose)
        threads = [guest.alloc(guest.size("KTHREAD")) for _ in range(count)]
        set_time(guest, ticks)
        chosen = priorities or [rng.randrange(PRIORITIES) for _ in range(count)]
        for thread, priority in zip(threads, chosen):
            guest.write(thread, bytes(rng.getrandbits(8) for _ in range(guest.size("KTHREAD"))))
            guest.set(thread, "KTHREAD.Priority", priority)
            guest.set(thread, "KTHREAD.State", READY)
            guest.set(thread, "KTHREAD.NextProcessor", 0)
        guest.labels.update({thread: f"T{number}" for number, thread in enumerate(threads)})
        bench = cls(t, threads, prcb, list(chosen))
        bench.contents = [bench.content(number) for number in range(count)]
        return bench

    def content(self, thread: int) -> bytes:
        """All of a thread but WaitListEntry."""
        guest = self.t.guest
        offset, size = guest.field("KTHREAD.WaitListEntry")
        whole = guest.read(self.threads[thread], guest.size("KTHREAD"))
        return whole[:offset] + whole[offset + size:]

    # -- the student's routines ------------------------------------------------------------------------------------
    def insert(self, thread: int, at_head: bool = False) -> None:
        self._say(f"KiInsertReadyQueue(Prcb, T{thread} of priority {self.priorities[thread]}, AtHead={str(at_head).upper()})", "ready-missing")
        self.t.guest.call("KiInsertReadyQueue", self.prcb, self.threads[thread], int(at_head))
        self.model.insert(thread, self.priorities[thread], at_head)
        self.compare()

    def remove(self, thread: int) -> None:
        self._say(f"KiRemoveReadyQueue(Prcb, T{thread} of priority {self.priorities[thread]})", "ready-still-queued")
        self.t.guest.call("KiRemoveReadyQueue", self.prcb, self.threads[thread])
        self.model.remove(thread)
        self.compare()

    def select(self, low: int) -> Optional[int]:
        self._say(f"KiSelectReadyThread(LowPriority={low}, Prcb)", "ready-still-queued")
        before = self.model.show()
        address = self.t.guest.call("KiSelectReadyThread", low, self.prcb)
        expected = self.model.select(low)
        seen = self.threads.index(address) if address in self.threads else None
        if (expected is None) != (address == 0) or seen != expected:
            self._fail(f"returns {self._name(expected)} (before: {before})",
                       f"returns {self._name(seen) if seen is not None or not address else f'{address:#010x}'}",
                       self._selection_hint(seen, expected, low))
        self.compare()
        return expected

    # -- what calls cost -------------------------------------------------------------------------------------------
    def cost_of_select(self, priority: Optional[int], low: int) -> int:
        """Instructions to select the only thread that is ready, or none."""
        least = COSTLY
        for _ in range(TRIES):
            if priority is not None:
                self._set_priority(0, priority)
                self.insert(0)
            least = min(least, self._instructions(lambda: self.select(low)))
        return least

    def select_by_the_summary(self, priority: int) -> None:
        """Selects the only thread that is ready, and sees that no other queue is looked at."""
        guest = self.t.guest
        self._set_priority(0, priority)
        self.insert(0)
        first = self.prcb + guest.field("KPRCB.DispatcherReadyListHead")[0]
        head, last = first + 8 * priority, first + 8 * PRIORITIES
        asked = f"KiSelectReadyThread(0, Prcb), a thread of priority {priority} is ready"

        def look(eip: int) -> None:
            self.t.fail(asked=asked, expected="ReadySummary says which queue it is, and no other one is looked at",
                        seen=f"an empty queue is read in {guest.describe(eip - 1)}",
                        hint=self.t.hint("ready-loop-priorities", HINTS["ready-loop-priorities"]))

        ranges = [(start, end - start) for start, end in ((first, head), (head + 8, last)) if end > start]
        with guest.uninterrupted(), guest.watching(ranges, look, reads=True):
            self.select(0)

    def costs_with(self, length: int) -> Dict[str, int]:
        """Instructions of each call on a queue of that many threads."""
        least: Dict[str, int] = {}
        spare = len(self.threads) - 1
        for thread in range(length):
            self._set_priority(thread, self.priorities[spare])
            self.insert(thread)
        calls: List[Tuple[str, Callable[[], object]]] = [
            ("KiInsertReadyQueue(Prcb, Thread, FALSE)", lambda: self.insert(spare)),
            ("KiRemoveReadyQueue(Prcb, Thread) of the last thread", lambda: self.remove(spare)),
            ("KiInsertReadyQueue(Prcb, Thread, TRUE)", lambda: self.insert(spare, at_head=True)),
            ("KiSelectReadyThread(0, Prcb)", lambda: self.select(0))]
        for _ in range(TRIES):
            for what, call in calls:
                least[what] = min(least.get(what, COSTLY), self._instructions(call))
        for thread in range(length):
            self.remove(thread)
        return least

    def judge_costs(self, hint: str, costs: Dict[str, int], most: int = COSTLY) -> None:
        """The same work costs the same: a loop shows by what it costs on the longest way."""
        cheap, dear = min(costs, key=lambda call: costs[call]), max(costs, key=lambda call: costs[call])
        self.t.check(costs[dear] <= min(most, costs[cheap] + SPARE), asked=dear,
                     expected=f"at most {min(most, costs[cheap] + SPARE)} instructions ({cheap}: {costs[cheap]})",
                     seen=f"{costs[dear]} instructions", hint=self.t.hint(hint, HINTS[hint]))

    def _instructions(self, call: Callable[[], object]) -> int:
        before = self.t.guest.icount()
        call()
        return int(self.t.guest.icount()) - before

    def _set_priority(self, thread: int, priority: int) -> None:
        self.t.guest.set(self.threads[thread], "KTHREAD.Priority", priority)
        self.priorities[thread] = priority
        self.contents[thread] = self.content(thread)

    # -- judging ---------------------------------------------------------------------------------------------------
    def compare(self) -> None:
        """All queues and the summary against the model; the threads must be as they were."""
        seen = self.read()
        want = {priority: queue for priority, queue in enumerate(self.model.queues) if queue}
        if seen.queues != want or seen.summary != self.model.summary:
            self._fail(self.model.show(), seen.show(), classify(self.model, seen))
        changed = [number for number in range(len(self.threads)) if self.content(number) != self.contents[number]]
        if changed:
            self._fail("no field of a thread changed but WaitListEntry", f"others of {self._name(changed[0])} changed", "ready-field")

    def read(self) -> Snapshot:
        guest = self.t.guest
        heads, _ = guest.field("KPRCB.DispatcherReadyListHead")
        return read_queues(guest, self.prcb + heads, guest.get(self.prcb, "KPRCB.ReadySummary"),
                           {address: number for number, address in enumerate(self.threads)})

    def _say(self, call: str, hint: str) -> None:
        """The call that comes next; `hint`: where the kernel stops in it."""
        self.done.append(call)
        self.t.asking(call, self.t.hint(hint, HINTS[hint]))

    def _fail(self, expected: str, seen: str, hint: str) -> None:
        earlier = len(self.done) - 1
        last = self.done[-1] if self.done else "the empty queues"
        self.t.fail(asked=last + (f", after {earlier} calls" if earlier > 0 else ""), expected=expected, seen=seen,
                    hint=self.t.hint(hint, HINTS[hint]))

    def _selection_hint(self, seen: Optional[int], expected: Optional[int], low: int) -> str:
        if seen is None:
            left = [thread for queue in self.read().queues.values() for thread in queue or []]
            return "ready-low-priority" if expected is None else "ready-highest" if expected in left else "ready-not-returned"
        priority = self.priorities[seen]
        if priority < low:
            return "ready-low-priority"
        if expected is not None and self.priorities[expected] == priority:
            return "ready-wrong-end"
        return "ready-highest"

    @staticmethod
    def _name(thread: Optional[int]) -> str:
        return "nullptr" if thread is None else f"T{thread}"


def read_queues(guest, heads: int, summary: int, numbers: Dict[int, int]) -> Snapshot:
    """Walks the 32 lists at `heads` both ways.  `numbers`: thread address -> number; strangers keep their address."""
    link, _ = guest.field("KTHREAD.WaitListEntry")
    raw = guest.read(heads, 8 * PRIORITIES)
    queues: Dict[int, Optional[List[int]]] = {}
    broken = ""
    for priority in range(PRIORITIES):
        head = heads + 8 * priority
        flink = int.from_bytes(raw[8 * priority:8 * priority + 4], "little")
        blink = int.from_bytes(raw[8 * priority + 4:8 * priority + 8], "little")
        if flink == head and blink == head:
            continue
        found, trouble = _walk(guest, head, flink, link, numbers)
        queues[priority] = found
        broken = broken or (trouble and f"queue {priority}: {trouble}")
    return Snapshot(queues, summary, broken)


def _walk(guest, head: int, entry: int, link: int, numbers: Dict[int, int]) -> Tuple[Optional[List[int]], str]:
    found: List[int] = []
    before = head
    for _ in range(256):
        if not guest.readable(entry, 8):
            return None, f"a link leads to {entry:#010x}, where no memory is"
        if guest.u32(entry + 4) != before:
            return None, f"the Blink of the entry at {entry:#010x} does not lead back"
        if entry == head:
            return found, ""
        thread = (entry - link) & 0xFFFFFFFF
        found.append(numbers.get(thread, thread))
        before, entry = entry, guest.u32(entry)
    return None, "the list never comes back to its head"


def classify(model: Model, seen: Snapshot) -> str:
    """The mistake behind a difference, by its traces."""
    if seen.broken:
        return "ready-links"
    want = {priority: queue for priority, queue in enumerate(model.queues) if queue}
    if seen.queues == want:
        return "ready-bit-stays" if seen.summary & ~model.summary else "ready-bit-missing"
    flat = lambda queues: sorted(thread for queue in queues.values() for thread in queue)
    if flat(seen.queues) == flat(want):
        same = all(sorted(seen.queues.get(priority, [])) == sorted(want.get(priority, [])) for priority in range(PRIORITIES))
        return "ready-wrong-end" if same else "ready-wrong-queue"
    return "ready-still-queued" if len(flat(seen.queues)) > len(flat(want)) else "ready-missing"
