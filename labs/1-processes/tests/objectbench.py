"""Handle tables, objects and directories: what the host reads of them, and the models that they are compared with.

A call can be left between any two instructions while others are made whole: what another thread or processor may do at that moment.
In the books: "object handles and the process handle table", "object retention".
"""

from __future__ import annotations

import struct
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

PAGE_ENTRIES, PAGE_POINTERS = 512, 1024
LOCK, MASK = 1, 0xFFFFFFFF
PASSIVE, DISPATCH = 0, 2
TABLE_CODE, FREE_LIST, LENGTH, COUNT = 0, 24, 32, 36  # in a HANDLE_TABLE
HEADER = 24  # bytes from an object's header to the object
WAITS, QUEUES, DELETES = "KeWaitForGate", "ExQueueWorkItem", "Lab1Delete"
STACK = 2048

HINTS = {
    "handle-entry": "A handle is the index of its entry times four. The entry has Object and GrantedAccess as they were given.",
    "handle-number": "Every number that no entry in use belongs to leads to nullptr: 0, the first entry of each page, indexes behind the table's end, and entries that are "
                     "free. The two low bits do not count.",
    "handle-tree": "TableCode's two low bits are the level. Go down from the highest page: a page of pointers has 1024 of them, a page of entries 512 entries.",
    "handle-free": "FreeList's low half and the entries' NextFreeTableEntry are one chain, the last number 0. An entry is in use or on it, once.",
    "handle-sequence": "Another thread may take the first entry and give it back between your look and your exchange: the index is the same, and the one behind it is not. The "
                       "high half of FreeList grows with each change, so that the exchange fails.",
    "handle-count": "HandleCount is the number of handles. Other processors count at the same time: one operation each.",
    "handle-grows": "With no entry free the table becomes longer: ExpGrowTable, with HandleTableLock held. Look at the free list once more when you have the lock.",
    "handle-lock": "The lock is one bit of Value, set by one operation that fails if the bit is set or the entry has become free. Unlocking clears it and nothing else.",
    "handle-wait": "A locked entry is waited for (WaitForEntry); afterwards everything may be different, so look again. Unlocking and destroying wake those that wait.",
    "handle-order": "An entry that a look-up finds must be whole: GrantedAccess before Value. An entry may become free for others when no look-up finds it any more.",
    "object-count": "Each reference is one, counted by one operation whose result is the answer.",
    "object-deleted": "The last reference deletes the object: once, and no earlier. At PASSIVE_LEVEL that happens in the call.",
    "object-later": "A delete procedure may wait: at a raised IRQL it cannot run. The object goes onto RemoveList, and RemoveItem deletes it.",
    "object-queued": "A work item must not be queued a second time while it waits to run. Only who finds that it is not under way may queue it; what stands in RemoveList must "
                     "tell that.",
    "object-lost": "An object that comes onto RemoveList while RemoveItem is about to end is found by nobody, unless ending and looking are one operation.",
    "object-type": "ObjectType nullptr is any type, but from user mode only where the contract says so. A mismatch takes no reference.",
    "directory-chain": "Each bucket is a chain of its own. A new entry comes into it, and removing one links its neighbours: whichever it is.",
    "directory-name": "A name is found by hash and text. Names that differ in case only have one hash: whether they are the same the caller says.",
    "directory-reference": "The directory has one reference to each object in it. ObpRemoveEntry gives it to its caller: the count stays.",
    "object-handle": "A handle gives the object if it is of the wanted type, and, for user mode, if it has the wanted rights. Each failure leaves the counts as they were.",
    "object-kernel": "A number with the highest bit is a handle of the System process, for kernel mode. -1 and -2 come first: they have that bit, too.",
    "object-information": "HandleInformation has the attributes and the rights of the handle, without the bit that stands for OBJ_PROTECT_CLOSE.",
    "object-closed": "A closed handle is no handle any more, and its reference and its count are gone.",
    "object-kept": "A handle with OBJ_PROTECT_CLOSE stays, and so does one that OkayToCloseProcedure wants to keep: nothing has changed, and the entry is unlocked.",
    "object-twice": "Two threads may close one handle at the same time. The entry's lock decides which of them does it; the other one finds no handle.",
    "object-call": "Write down the entry, both counts and the free list before and after the call, and follow your code with these numbers.",
}


class Bench:
    """What both benches share: calls, calls that are left, and telling."""

    def __init__(self, t) -> None:
        self.t, self.guest = t, t.guest
        self._stacks = [t.guest.alloc(STACK) + STACK for _ in range(3)]
        self._free = list(self._stacks)

    def hint(self, name: str):
        return self.t.hint(name, HINTS[name])

    def asking(self, what: str, hint: str = "object-call") -> None:
        self.t.asking(what, self.hint(hint))

    def fail(self, expected: str, seen: str, hint: str) -> None:
        self.t.fail(expected=expected, seen=seen, hint=self.hint(hint))

    def same(self, what: str, expected, seen, hint: str) -> None:
        if expected != seen:
            self.fail(f"{what}: {_shown(expected)}", f"{what}: {_shown(seen)}", hint)

    def irql(self) -> int:
        return self.guest.get(self.guest.pcr(), "KPCR.Irql")

    # -- a call between two instructions of another one --------------------------------------------------------------
    def places(self, routine: str, *arguments: int, conv: str = "stdcall") -> List[int]:
        """The addresses of the instructions that a call comes to, in the order of the first time; the call is made whole."""
        guest = self.guest
        with guest.uninterrupted():
            begun = guest.start(routine, *arguments, conv=conv, until=routine)
            found: Dict[int, None] = {}
            for _ in range(4000):
                now = guest.step()
                found[now["eip"]] = None
                if now["esp"] == begun["esp"] and guest.u8(now["eip"]) in (0xC2, 0xC3):
                    break
            self.answer = guest.finish()
        return [place for place in found if not self._is_given(place)]

    def _is_given(self, place: int) -> bool:
        """Not in routines that hold a lock of their own meanwhile."""
        return self.guest.name(place) in ("ExAcquirePushLockExclusive", "ExReleasePushLockExclusive")

    def begin(self, routine: str, *arguments: int, conv: str = "stdcall", stops: Sequence = ()):
        """A call on a stack of its own, up to one of `stops`; returns (place or "", what to go on with, EAX).  Its IRQL is its own, too."""
        stack, irql = self._free.pop(), self.irql()
        with self.guest.uninterrupted():
            place, registers = self.guest.call_or_stop(routine, *arguments, conv=conv, stops=stops, stack=stack)
        return self._stopped(place, registers, stack, irql)

    def end(self, left, stops: Sequence = (), **registers: int):
        """Goes on with a call that was left; returns (place or "", what to go on with, EAX)."""
        call, stack, raised = left
        irql = self.irql()
        self._set_irql(raised)
        with self.guest.uninterrupted():
            place, values = self.guest.go_on(stops, call=call, **registers)
        return self._stopped(place, values, stack, irql)

    def _stopped(self, place: str, registers: Dict[str, int], stack: int, irql: int):
        raised = self.irql()
        if place:
            left = (self.guest.left(), stack, raised)
        else:
            self._free.append(stack)
            left = None
        self._set_irql(irql)
        return place, left, registers["eax"]

    def _set_irql(self, irql: int) -> None:
        self.guest.set(self.guest.pcr(), "KPCR.Irql", irql)


class Handles(Bench):
    """A handle table of the test's own, and its model."""

    def __init__(self, t) -> None:
        super().__init__(t)
        self.table = t.guest.call("ExCreateHandleTable", 0)
        t.sound(self.table != 0, "a handle table can be made")
        self._entry = t.guest.alloc(8)
        self.used: Dict[int, Tuple[int, int]] = {}  # index -> object, access
        self.free: List[int] = list(range(1, PAGE_ENTRIES))  # in the order of the list
        self.locked: Dict[int, int] = {}  # index -> 1
        self._list = self._free_word()
        self.check("a new table")

    # -- what the guest has ------------------------------------------------------------------------------------------
    def _free_word(self) -> int:
        return self.guest.u64(self.table + FREE_LIST)

    def length(self) -> int:
        return self.guest.u32(self.table + LENGTH)

    def entry(self, index: int) -> int:
        """The address of an entry, by the tree."""
        code, number = self.guest.u32(self.table + TABLE_CODE), index // PAGE_ENTRIES
        page = code & ~3
        if code & 3 == 2:
            page = self.guest.u32(page + 4 * (number // PAGE_POINTERS))
        if code & 3:
            page = self.guest.u32(page + 4 * (number % PAGE_POINTERS))
        return page + 8 * (index % PAGE_ENTRIES)

    def entries(self) -> Dict[int, Tuple[int, int]]:
        """Index -> both words, of all entries that can be given out."""
        found = {}
        for first in range(0, self.length(), PAGE_ENTRIES):
            raw = struct.unpack(f"<{2 * PAGE_ENTRIES}I", self.guest.read(self.entry(first), 8 * PAGE_ENTRIES))
            found.update({first + index: raw[2 * index:2 * index + 2] for index in range(1, PAGE_ENTRIES)})
        return found

    def chain(self, entries: Dict[int, Tuple[int, int]]) -> List[int]:
        """The free list."""
        found, seen = [], set()
        index = self._free_word() & MASK
        while index:
            if index not in entries or index in seen:
                self.fail("a free list of different entries of this table", f"{'entry' if index in seen else 'number'} {index} behind {found[-1:] or 'FreeList'}"
                          + (", which was on it already" if index in seen else ""), "handle-free")
            found.append(index)
            seen.add(index)
            index = entries[index][1]
        return found

    def check(self, what: str, exact: bool = True, hint: str = "handle-free") -> None:
        """All of the table is as the model has it.  `exact`: the order of the free list too."""
        entries = self.entries()
        for index, (value, access) in entries.items():
            wanted = self.used.get(index)
            if wanted is None:
                self.same(f"{what}: Value of entry {index}, which is free", 0, value, "handle-entry")
            else:
                self.same(f"{what}: Value of entry {index}", wanted[0] | self.locked.get(index, 0), value, "handle-lock" if (value ^ wanted[0]) == LOCK else "handle-entry")
                self.same(f"{what}: GrantedAccess of entry {index}", wanted[1], access, "handle-entry")
        chain = self.chain(entries)
        if exact:
            for place, (one, other) in enumerate(zip(self.free, chain)):
                self.same(f"{what}: number {place} on the free list", one, other, hint)
        self.same(f"{what}: entries on the free list", len(self.free), len(chain), hint)
        lost = sorted(set(self.free) - set(chain))
        self.same(f"{what}: free entries that are not on the list", [], lost[:4], hint)
        self.same(f"{what}: HandleCount", len(self.used), self.guest.u32(self.table + COUNT), "handle-count")

    # -- calls -------------------------------------------------------------------------------------------------------
    def something(self) -> Tuple[int, int]:
        """An object and an access for a handle: any numbers that an entry may hold."""
        return self.t.rng.randrange(1, 1 << 29) << 3 | self.t.rng.choice((0, 2, 4, 6)), self.t.rng.getrandbits(32)

    def write_entry(self, value: int, access: int) -> int:
        self.guest.write(self._entry, struct.pack("<II", value, access))
        return self._entry

    def create(self, check: bool = True) -> int:
        value, access = self.something()
        before = self._free_word() >> 32
        with self.guest.uninterrupted():
            handle = self.guest.call("ExCreateHandle", self.table, self.write_entry(value, access))
        self.took(handle, value, access, exact=True)
        self._changed("ExCreateHandle", before)
        if check:
            self.check("after ExCreateHandle")
        return handle

    def took(self, handle: int, value: int, access: int, exact: bool) -> None:
        """A handle was made; the model has it."""
        index = handle >> 2
        if exact:
            self.same("the handle", 4 * self.free[0], handle, "handle-free")
        if handle & 3 or index not in self.free:
            self.fail("a handle whose entry was free", f"{handle:#x}" + (", which is in use" if index in self.used else ""), "handle-sequence" if index in self.used else
                      "handle-entry")
        self.free.remove(index)
        self.used[index] = value, access

    def destroy(self, handle: int, check: bool = True, entry: int = 0) -> None:
        before = self._free_word() >> 32
        with self.guest.uninterrupted():
            answer = self.guest.call("ExDestroyHandle", self.table, handle, entry) & 0xFF
        self.same(f"ExDestroyHandle({handle:#x}) returns", 1, answer, "handle-number")
        self.gave(handle)
        self._changed("ExDestroyHandle", before)
        if check:
            self.check(f"after ExDestroyHandle({handle:#x})")

    def gave(self, handle: int) -> None:
        index = handle >> 2
        del self.used[index]
        self.free.insert(0, index)

    def _changed(self, what: str, before: int) -> None:
        if self._free_word() >> 32 == before:
            self.fail(f"{what}: the high half of FreeList has grown", f"it is {before:#x} still", "handle-sequence")

    def find(self, number: int) -> int:
        with self.guest.uninterrupted():
            return self.guest.call("ExMapHandleToPointer", self.table, number)

    def unlock(self, entry: int) -> None:
        with self.guest.uninterrupted():
            self.guest.call("ExUnlockHandleTableEntry", self.table, entry)


class Objects(Bench):
    """Objects of the test's own types, and their counts."""

    def __init__(self, t) -> None:
        super().__init__(t)
        guest = t.guest
        self._word = guest.alloc(16)
        answer = guest.call("Lab1MakeTypes")
        t.sound(answer == 0, f"types of objects can be made (status {answer:#x})")
        self.type, self.other = guest.u32(guest.sym("LabType")), guest.u32(guest.sym("LabOtherType"))
        self._delay = guest.alloc(8)
        guest.write(self._delay, struct.pack("<q", -500_000))  # 50 ms

    def make(self, kind: int = 0, attributes: int = 0) -> int:
        status = self.guest.call("ObCreateObject", 0, kind or self.type, attributes, 0, 0, 16, 0, 0, self._word)
        self.t.sound(status == 0, f"an object can be made (status {status:#x})")
        return self.guest.u32(self._word)

    def pointers(self, thing: int) -> int:
        return self.guest.u32(thing - HEADER)

    def handles(self, thing: int) -> int:
        return self.guest.u32(thing - HEADER + 4)

    def counts(self, thing: int, pointers: int, handles: int, hint: str) -> None:
        self.same("PointerCount, HandleCount", (pointers, handles), (self.pointers(thing), self.handles(thing)), hint)

    def call(self, routine: str, *arguments: int, conv: str = "stdcall") -> int:
        """A call in which nothing may be deleted."""
        answer, deleted = self.deleting(routine, *arguments, conv=conv)
        self.same(f"objects that {routine} deletes", [], deleted, "object-deleted")
        return answer

    def deleting(self, routine: str, *arguments: int, conv: str = "stdcall") -> Tuple[int, List[int]]:
        """A call, and the objects that are deleted in it."""
        deleted: List[int] = []
        place, registers = self.guest.call_or_stop(routine, *arguments, conv=conv, stops=(DELETES,))
        while place:
            deleted.append(self.guest.u32(registers["esp"] + 4))
            self.same(f"IRQL while the delete procedure runs, in {routine}", PASSIVE, self.irql(), "object-later")
            place, registers = self.guest.go_on((DELETES,))
        return registers["eax"], deleted

    def dereference(self, thing: int) -> Tuple[int, List[int]]:
        return self.deleting("ObfDereferenceObject", thing, conv="fastcall")

    def deleted_later(self) -> List[int]:
        """What worker threads delete while this thread sleeps."""
        _, deleted = self.deleting("KeDelayExecutionThread", 0, 0, self._delay)
        return deleted

    def raised(self) -> None:
        self.guest.call("KfRaiseIrql", DISPATCH, conv="fastcall")

    def lowered(self) -> List[int]:
        """Back to PASSIVE_LEVEL: worker threads may run."""
        _, deleted = self.deleting("KfLowerIrql", PASSIVE, conv="fastcall")
        return deleted


class Deletions:
    """Last references, given back at DISPATCH_LEVEL; the host is the worker thread that runs the work item."""

    def __init__(self, bench: Objects) -> None:
        self.bench, self.guest = bench, bench.guest
        self.waiting = False  # the item is queued, and has not begun to run
        self.queued = 0
        self.deleted: List[int] = []

    def dereference(self, thing: int, place: int = 0):
        """On some processor; returns what to go on with if it was left at `place`."""
        self._irql(DISPATCH)
        stops = self._stops(place)
        return self._on(self.bench.begin("ObfDereferenceObject", thing, conv="fastcall", stops=stops), stops, DISPATCH)

    def run(self, place: int = 0):
        """The work item runs, perhaps up to a place."""
        self.waiting = False
        self._irql(PASSIVE)
        stops = self._stops(place)
        return self._on(self.bench.begin("RemoveObjects", 0, stops=stops), stops, PASSIVE)

    def go_on(self, left, irql: int):
        stops = self._stops(0)
        return self._on(self.bench.end(left, stops), stops, irql)

    def finish(self, things: Sequence[int]) -> None:
        """The item runs until nothing is left; everything was deleted once."""
        for _ in range(4):
            if self.waiting:
                self.run()
        self._irql(PASSIVE)
        bench = self.bench
        bench.same("the work item waits to run", 0, int(self.waiting), "object-queued")
        bench.same("objects that were deleted", sorted(things), sorted(self.deleted), "object-lost" if len(self.deleted) < len(things) else "object-deleted")
        bench.same("RemoveList", 0, self.guest.u32(self.guest.sym("RemoveList")), "object-queued")

    def _irql(self, irql: int) -> None:
        self.guest.set(self.guest.pcr(), "KPCR.Irql", irql)

    @staticmethod
    def _stops(place: int) -> tuple:
        return (QUEUES, DELETES, place) if place else (QUEUES, DELETES)

    def _on(self, got, stops: tuple, irql: int):
        while got[0]:
            at, left, _ = got
            esp = left[0].registers["esp"]
            if at == QUEUES:
                if self.waiting:
                    self.bench.fail("the work item is queued when it does not wait to run", "it is queued once more", "object-queued")
                self.waiting, self.queued = True, self.queued + 1
                got = self.bench.end(left, stops, eip=self.guest.u32(esp), esp=esp + 12)  # the host queues it
            elif at == DELETES:
                if irql != PASSIVE:
                    self.bench.fail("no object is deleted at DISPATCH_LEVEL", "the delete procedure runs", "object-later")
                self.deleted.append(self.guest.u32(esp + 4))
                got = self.bench.end(left, stops)
            else:
                return left
        return None


def numbered(places: Sequence[int], rng, most: int) -> Iterator[int]:
    """Some of the places, in order."""
    chosen = sorted(rng.sample(range(len(places)), min(most, len(places))))
    yield from (places[number] for number in chosen)


def _shown(value) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    return f"{value:#x}" if isinstance(value, int) and value > 9 else str(value)


__all__ = ["Bench", "Callable", "Handles", "Objects", "Optional"]
