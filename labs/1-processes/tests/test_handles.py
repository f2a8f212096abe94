"""1.5, the handle table (kernel/ntos/ex/handle.cpp): by call injection on tables that only the test uses."""

from __future__ import annotations

import struct
from typing import List

from grader.api import Hint, test

from .objectbench import HINTS, LOCK, MASK, PAGE_ENTRIES, PAGE_POINTERS, WAITS, Handles, numbered

FEATURES = ("OBJ-06", "OBJ-07")
LIMIT = 60_000_000
BOOT = Hint("object-call", HINTS["object-call"])
DESTROYED, NOT_THERE = 1, 0


@test("1.5", points=1, title="handles are made, and lead to what they were made for", stage="ready", features=FEATURES, limit=LIMIT)
def handles_made(t):
    bench = Handles(t)
    made = [bench.create() for _ in range(12)]
    for handle in made:
        for low in range(4):
            _found(bench, handle | low)
    unused = bench.free[0]
    for number in (0, 1, 3, 4 * unused, 4 * (PAGE_ENTRIES - 1), 4 * PAGE_ENTRIES, 4 * PAGE_ENTRIES + 4, 8 * PAGE_ENTRIES, 0x3FFFFFC, 0x4000000, 0x4000004 + made[0],
                   0x80000000 | made[0], MASK, MASK - 3, t.rng.randrange(1 << 26, 1 << 32)):
        _absent(bench, number)
    bench.check("after the look-ups")


@test("1.5", points=1, title="handles are destroyed, and their numbers come back", stage="ready", features=FEATURES, limit=LIMIT)
def handles_destroyed(t):
    bench = Handles(t)
    made = [bench.create(check=False) for _ in range(20)]
    for handle in t.rng.sample(made, 12):
        if t.rng.random() < 0.5:
            bench.asking(f"ExDestroyHandle({handle:#x}), which looks the entry up", "handle-free")
            bench.destroy(handle)
        else:
            bench.asking(f"ExMapHandleToPointer({handle:#x}), and ExDestroyHandle of the locked entry", "handle-free")
            bench.destroy(handle, entry=bench.find(handle))
        made.remove(handle)
        _absent(bench, handle)
        with t.guest.uninterrupted():
            again = t.guest.call("ExDestroyHandle", bench.table, handle, 0) & 0xFF
        bench.same(f"ExDestroyHandle({handle:#x}) of a handle that is gone returns", 0, again, "handle-number")
        bench.check("after a handle was destroyed twice")
        if t.rng.random() < 0.4:
            bench.asking("ExCreateHandle after some were destroyed", "handle-free")
            made.append(bench.create())
    for handle in made:
        _found(bench, handle)


@test("1.5", points=2, title="a table grows when it must, and a look-up finds its way on three levels", stage="ready", features=FEATURES, limit=LIMIT)
def table_of_three_levels(t):
    bench, guest, rng = Handles(t), t.guest, t.rng
    bench.asking(f"ExCreateHandle, until the table needs a second page ({PAGE_ENTRIES} entries each)", "handle-grows")
    for _ in range(PAGE_ENTRIES - 1):
        bench.create(check=False)
    bench.check("with all entries of a page in use")
    for page in (1, 2):
        bench.free += range(page * PAGE_ENTRIES + 1, (page + 1) * PAGE_ENTRIES)
        bench.create(check=False)
        bench.same("NextHandleNeedingPool", (page + 1) * PAGE_ENTRIES, bench.length(), "handle-grows")
        bench.same("level of TableCode", 1, guest.u32(bench.table) & 3, "handle-grows")
        bench.check("after the table grew")
        for _ in range(PAGE_ENTRIES - 2):
            if page == 2:
                break
            bench.create(check=False)
    for index in rng.sample(sorted(bench.used), 10) + [1, PAGE_ENTRIES - 1, PAGE_ENTRIES + 1, 2 * PAGE_ENTRIES - 1, 2 * PAGE_ENTRIES + 1]:
        _found(bench, 4 * index)
    _absent(bench, 4 * 2 * PAGE_ENTRIES)

    for level in (1, 2):
        laid = _lay(bench, level)
        for index, entry in laid.items():
            for number in (index, index // PAGE_ENTRIES * PAGE_ENTRIES):
                wanted = 0 if number % PAGE_ENTRIES == 0 else entry
                bench.asking(f"ExpLookupEntry(table of level {level}, index {number:#x})", "handle-tree")
                bench.same("the address of the entry", wanted, guest.call("ExpLookupEntry", bench.table, number, conv="cdecl"), "handle-tree")
            bench.asking(f"ExMapHandleToPointer({4 * index:#x}), in a table of level {level}", "handle-tree")
            bench.same("the address of the entry", entry, bench.find(4 * index), "handle-tree")
            guest.u32(entry, guest.u32(entry) & ~LOCK)
        end = bench.length()
        for number in (end, end + 1, end + PAGE_ENTRIES + 1):
            bench.asking(f"ExpLookupEntry(table of level {level}, index {number:#x}), behind its end", "handle-number")
            bench.same("the address of the entry", 0, guest.call("ExpLookupEntry", bench.table, number, conv="cdecl"), "handle-number")


@test("1.5", points=2, title="one thread has an entry locked, and others wait for it", stage="ready", features=FEATURES, limit=LIMIT)
def entries_locked(t):
    bench, guest = Handles(t), t.guest
    made = [bench.create(check=False) for _ in range(4)]
    for handle, destroyed in ((made[0], False), (made[1], True), (made[2], False)):
        index = handle >> 2
        entry = _found(bench, handle, unlock=False)
        bench.locked[index] = LOCK
        bench.check("while an entry is locked")
        bench.asking(f"ExMapHandleToPointer({handle:#x}), while another thread has the entry locked", "handle-wait")
        place, left, _ = bench.begin("ExMapHandleToPointer", bench.table, handle, stops=(WAITS,))
        if place != WAITS:
            bench.fail("the thread waits", "the call returns", "handle-wait")
        if destroyed:
            bench.asking(f"ExDestroyHandle({handle:#x}), while another thread waits for the entry", "handle-wait")
            bench.destroy(handle, check=False, entry=entry)
            bench.locked.pop(index)
        else:
            bench.asking(f"ExUnlockHandleTableEntry({handle:#x}), while another thread waits for the entry", "handle-wait")
            bench.unlock(entry)
        bench.same("GateHeader.SignalState of the gate that it waits for", 1, guest.u32(_gate(guest, left) + 4), "handle-wait")
        bench.asking(f"ExMapHandleToPointer({handle:#x}) goes on: the entry is {'free' if destroyed else 'unlocked'}", "handle-wait")
        place, _, answer = bench.end(left, (WAITS,))
        if place:
            bench.fail("the call returns", "the thread waits again", "handle-wait")
        bench.same("it returns", 0 if destroyed else entry, answer, "handle-wait")
        bench.check("after the wait")
        if not destroyed:
            bench.unlock(entry)
            bench.locked.pop(index)
            bench.check("after ExUnlockHandleTableEntry")
            bench.destroy(handle)


@test("1.5", points=2, title="calls that others come between: no entry is lost or given out twice", stage="ready", features=FEATURES, limit=200_000_000)
def handles_interrupted(t):
    """Each instruction of a call is a place where other calls are made whole."""
    bench, rng = Handles(t), t.rng
    for _ in range(6):
        bench.create(check=False)
    value, access = bench.something()
    entry = bench.write_entry(value, access)
    places = bench.places("ExCreateHandle", bench.table, entry)
    bench.took(bench.answer, value, access, exact=True)
    for place in numbered(places, rng, 40):
        for meanwhile in (_one_back, _made_and_destroyed):
            _create_meanwhile(bench, place, meanwhile)
    handle = bench.create(check=False)
    places = bench.places("ExDestroyHandle", bench.table, handle, 0)
    bench.gave(handle)
    for place in numbered(places, rng, 40):
        _destroy_meanwhile(bench, place, rng.random() < 0.5)


@test("1.5", points=1, title="a handle is whole when a look-up finds it, and free when none does", stage="ready", features=FEATURES, limit=200_000_000)
def entries_in_order(t):
    """After each instruction of a call the host looks: another processor may."""
    bench, guest = Handles(t), t.guest
    for _ in range(2):
        index = bench.free[0]
        place = bench.entry(index)
        value, access = bench.something()
        bench.asking("ExCreateHandle, while another processor looks up each handle", "handle-order")
        for _ in _steps(bench, "ExCreateHandle", bench.table, bench.write_entry(value, access)):
            now = guest.u32(place)
            if now:
                bench.same("Value, GrantedAccess of the new handle's entry as soon as it has a Value", (value, access), (now, guest.u32(place + 4)), "handle-order")
        bench.took(bench.answer, value, access, exact=True)
        handle = 4 * index
        bench.asking(f"ExDestroyHandle({handle:#x}), while another processor takes free entries", "handle-order")
        for _ in _steps(bench, "ExDestroyHandle", bench.table, handle, 0):
            if guest.u64(bench.table + 24) & MASK == index:
                bench.same("Value of an entry that is the first on the free list", 0, guest.u32(place), "handle-order")
        bench.gave(handle)
        bench.check("after the handle was destroyed")
        bench.create(check=False)


def _steps(bench: Handles, routine: str, *arguments: int):
    """The moments behind each instruction of a call, up to its return."""
    guest = bench.guest
    with guest.uninterrupted():
        begun = guest.start(routine, *arguments, until=routine)
        for _ in range(4000):
            now = guest.step()
            yield now
            if now["esp"] == begun["esp"] and guest.u8(now["eip"]) in (0xC2, 0xC3):
                break
        bench.answer = guest.finish()


def _create_meanwhile(bench: Handles, place: int, meanwhile) -> None:
    """ExCreateHandle is left at a place, others do something, it goes on."""
    value, access = bench.something()
    entry = bench.write_entry(value, access)
    where = bench.guest.describe(place)
    bench.asking(f"ExCreateHandle; at {where} others {meanwhile.__doc__}", "handle-sequence")
    reached, left, answer = bench.begin("ExCreateHandle", bench.table, entry, stops=(place,))
    if reached:
        expected = (value, access)
        meanwhile(bench)
        bench.write_entry(*expected)
        again, _, answer = bench.end(left)
    bench.took(answer, value, access, exact=False)
    bench.check(f"ExCreateHandle; at {where} others {meanwhile.__doc__}; afterwards", exact=False, hint="handle-sequence")
    bench.free = bench.chain(bench.entries())
    bench.destroy(4 * next(iter(bench.used)), check=False)


def _one_back(bench: Handles) -> None:
    """take two entries and give the first one back"""
    made = [_take(bench), _take(bench)]
    _give(bench, made[0])


def _made_and_destroyed(bench: Handles) -> None:
    """make a handle and destroy another"""
    _take(bench)
    _give(bench, 4 * next(iter(bench.used)))


def _take(bench: Handles) -> int:
    value, access = bench.something()
    _, _, handle = bench.begin("ExCreateHandle", bench.table, bench.write_entry(value, access))
    bench.took(handle, value, access, exact=False)
    return handle


def _give(bench: Handles, handle: int) -> None:
    place, _, answer = bench.begin("ExDestroyHandle", bench.table, handle, 0, stops=(WAITS,))
    bench.same("ExDestroyHandle returns", (0, 1), (1 if place else 0, answer & 0xFF), "handle-number")
    bench.gave(handle)


def _destroy_meanwhile(bench: Handles, place: int, same: bool) -> None:
    """ExDestroyHandle is left at a place; another thread destroys the same handle, or others come and go."""
    handle = bench.create(check=False)
    where = bench.guest.describe(place)
    what = f"ExDestroyHandle({handle:#x}); at {where} " + ("another thread destroys the same handle" if same else "others make a handle and destroy another")
    bench.asking(what, "object-twice" if same else "handle-sequence")
    reached, left, answer = bench.begin("ExDestroyHandle", bench.table, handle, 0, stops=(place,))
    answers: List[int] = []
    index = handle >> 2
    if reached and same:
        waits, other, other_answer = bench.begin("ExDestroyHandle", bench.table, handle, 0, stops=(WAITS,))
        if not waits:
            answers.append(other_answer & 0xFF)
        again, still, answer = bench.end(left, (WAITS,))
        bench.same("threads that wait for each other", 0, 1 if again else 0, "handle-wait")
        if waits:
            waits, _, other_answer = bench.end(other, (WAITS,))
            bench.same("threads that wait although the handle is gone", 0, 1 if waits else 0, "handle-wait")
            answers.append(other_answer & 0xFF)
    elif reached:
        del bench.used[index]  # it is on its way: it may be free already
        bench.free.append(index)
        _take(bench)
        _give(bench, 4 * next(one for one in bench.used if one != index))
        _, _, answer = bench.end(left)
    answers.append(answer & 0xFF)
    wanted = [NOT_THERE, DESTROYED] if reached and same else [DESTROYED]
    bench.same(f"{what}: the answers", tuple(wanted), tuple(sorted(answers)), "object-twice")
    if same or not reached:
        bench.gave(handle)
    bench.check(f"{what}; afterwards", exact=False, hint="handle-sequence")
    bench.free = bench.chain(bench.entries())


def _found(bench: Handles, number: int, unlock: bool = True) -> int:
    bench.asking(f"ExMapHandleToPointer({number:#x})", "handle-number")
    index = number >> 2
    seen = bench.find(number)
    bench.same("the address of the entry", bench.entry(index), seen, "handle-number")
    value = bench.guest.u32(seen)
    bench.same("Value of the locked entry", bench.used[index][0] | LOCK, value, "handle-lock")
    if unlock:
        bench.asking(f"ExUnlockHandleTableEntry({number:#x})", "handle-lock")
        bench.unlock(seen)
        bench.same("Value of the unlocked entry", bench.used[index][0], bench.guest.u32(seen), "handle-lock")
    return seen


def _absent(bench: Handles, number: int) -> None:
    bench.asking(f"ExMapHandleToPointer({number:#x}), which is no handle", "handle-number")
    bench.same("it returns", 0, bench.find(number), "handle-number")


def _gate(guest, left) -> int:
    """The gate that a left call was about to wait for: its first argument."""
    return left[0].registers["ecx"]


def _lay(bench: Handles, level: int) -> dict:
    """The table becomes one of the host's: few pages of many.  Returns entries by their index."""
    guest, rng = bench.guest, bench.t.rng
    pages = 3 * PAGE_POINTERS if level == 2 else PAGE_POINTERS
    top = guest.alloc(4096, align=4096)
    guest.write(top, bytes(4096))
    chosen = [0, PAGE_POINTERS + rng.randrange(PAGE_POINTERS), 3 * PAGE_POINTERS - 1] if level == 2 else [0, 1, rng.randrange(2, 900), PAGE_POINTERS - 1]
    laid = {}
    entries = guest.alloc(4096, align=4096)
    middle = {}
    for number in chosen if level == 1 else chosen[:]:
        parent = top
        if level == 2:
            if number // PAGE_POINTERS not in middle:
                middle[number // PAGE_POINTERS] = guest.alloc(4096, align=4096)
                guest.write(middle[number // PAGE_POINTERS], bytes(4096))
                guest.u32(top + 4 * (number // PAGE_POINTERS), middle[number // PAGE_POINTERS])
            parent = middle[number // PAGE_POINTERS]
        guest.u32(parent + 4 * (number % PAGE_POINTERS), entries)  # one page of entries serves for all
        for place in (1, PAGE_ENTRIES - 1, rng.randrange(2, PAGE_ENTRIES - 1)):
            laid[number * PAGE_ENTRIES + place] = entries + 8 * place
    for entry in set(laid.values()):
        guest.write(entry, struct.pack("<II", *bench.something()))
    guest.u32(bench.table, top | level)
    guest.u32(bench.table + 32, pages * PAGE_ENTRIES)
    return laid


