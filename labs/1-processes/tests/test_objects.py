"""1.5, objects: references, directories, handles of objects (kernel/ntos/ob/reference.cpp, directory.cpp, handle.cpp)."""

from __future__ import annotations

import struct
from typing import Dict, List, Tuple

from grader.api import Hint, test

from .objectbench import DISPATCH, HEADER, HINTS, MASK, PASSIVE, QUEUES, WAITS, Deletions, Objects, numbered

REFERENCES, NAMES, HANDLES = ("OBJ-08",), ("OBJ-05",), ("OBJ-06", "OBJ-07")
LIMIT = 100_000_000
BOOT = Hint("object-call", HINTS["object-call"])
KERNEL, USER = 0, 1
SUCCESS, INVALID, MISMATCH, DENIED, NOT_CLOSABLE = 0, 0xC0000008, 0xC0000024, 0xC0000022, 0xC0000235
PROTECT, INHERIT, AUDIT, PERMANENT = 1, 2, 4, 0x10
KERNEL_BIT, BUCKETS = 0x80000000, 37
RIGHTS = 0x1F00FF
SAME_ACCESS, SAME_ATTRIBUTES, CLOSE_SOURCE = 2, 4, 1


# -- references --------------------------------------------------------------------------------------------------------
@test("1.5", points=1, title="references are counted, and the last one deletes", stage="ready", features=REFERENCES, limit=LIMIT)
def references_counted(t):
    bench = Objects(t)
    for _ in range(3):
        thing, count = bench.make(), 1
        for _ in range(12):
            if count == 1 or t.rng.random() < 0.6:
                count += 1
                bench.asking(f"ObfReferenceObject, {count - 1} references", "object-count")
                answer = bench.call("ObfReferenceObject", thing, conv="fastcall")
            else:
                count -= 1
                bench.asking(f"ObfDereferenceObject, {count + 1} references", "object-count")
                answer, deleted = bench.dereference(thing)
                bench.same("objects that are deleted", [], deleted, "object-deleted")
            bench.same("it returns", count, answer, "object-count")
            bench.counts(thing, count, 0, "object-count")
        for kind, mode, wanted in ((bench.type, KERNEL, SUCCESS), (0, KERNEL, SUCCESS), (bench.type, USER, SUCCESS), (0, USER, MISMATCH), (bench.other, KERNEL, MISMATCH),
                                   (bench.other, USER, MISMATCH)):
            bench.asking(f"ObReferenceObjectByPointer, type {'any' if not kind else 'its own' if kind == bench.type else 'another one'}, mode {mode}", "object-type")
            answer = bench.call("ObReferenceObjectByPointer", thing, 0, kind, mode)
            count += wanted == SUCCESS
            bench.same("it returns", wanted, answer, "object-type")
            bench.counts(thing, count, 0, "object-type")
        while count:
            count -= 1
            bench.asking(f"ObfDereferenceObject, {count + 1} references, at PASSIVE_LEVEL", "object-deleted")
            answer, deleted = bench.dereference(thing)
            bench.same("it returns", count, answer, "object-count")
            bench.same("objects that are deleted", [] if count else [thing], deleted, "object-deleted")


@test("1.5", points=2, title="at a raised IRQL nothing is deleted, and soon afterwards everything is", stage="ready", features=REFERENCES, limit=LIMIT)
def deletion_deferred(t):
    bench = Objects(t)
    for count in (1, 2, 5, 1):
        things = [bench.make() for _ in range(count)]
        kept = bench.make()
        objects = _objects(bench)
        bench.asking(f"ObfDereferenceObject of {count} objects at DISPATCH_LEVEL", "object-later")
        bench.raised()
        queued = 0
        for thing in things:
            with t.guest.uninterrupted():
                place, registers = t.guest.call_or_stop("ObfDereferenceObject", thing, conv="fastcall", stops=(QUEUES, "Lab1Delete"))
                while place == QUEUES:
                    queued += 1
                    place, registers = t.guest.go_on((QUEUES, "Lab1Delete"))
            if place:
                bench.fail("no object is deleted at DISPATCH_LEVEL", "the delete procedure runs", "object-later")
            bench.same("it returns", 0, registers["eax"], "object-count")
        bench.same("how often the work item was queued", 1, queued, "object-queued")
        bench.asking(f"{count} objects were dereferenced at DISPATCH_LEVEL; back at PASSIVE_LEVEL worker threads run", "object-later")
        deleted = bench.lowered() + bench.deleted_later()
        bench.same("objects that are deleted", sorted(things), sorted(deleted), "object-later")
        bench.same("objects of the type", objects - count, _objects(bench), "object-deleted")
        bench.same("RemoveList", 0, t.guest.u32(t.guest.sym("RemoveList")), "object-queued")
        bench.counts(kept, 1, 0, "object-count")


@test("1.5", points=2, title="dereferences and deletions that others come between", stage="ready", features=REFERENCES, limit=400_000_000)
def deletions_interrupted(t):
    """At each instruction of a dereference, and of the work item, other processors give last references back."""
    bench, guest = Objects(t), t.guest
    deletions = Deletions(bench)
    for routine, irql in (("ObfDereferenceObject", DISPATCH), ("RemoveObjects", PASSIVE)):
        for place in numbered(_places(bench, routine, deletions), t.rng, 30):
            where = guest.describe(place)
            first, others, last = bench.make(), [bench.make() for _ in range(2)], bench.make()
            deletions = Deletions(bench)
            bench.asking(f"{routine}; at {where} another processor gives the last references of two objects back, at DISPATCH_LEVEL",
                         "object-queued" if irql else "object-lost")
            if irql == PASSIVE:
                deletions.dereference(first)
            left = deletions.dereference(first, place) if irql else deletions.run(place)
            for other in others:
                deletions.dereference(other)
            if left:
                deletions.go_on(left, irql)
            deletions.finish([first, *others])
            deletions.dereference(last)
            deletions.finish([first, *others, last])


def _places(bench: Objects, routine: str, deletions: Deletions) -> List[int]:
    """Where a dereference at DISPATCH_LEVEL comes to, or the work item with two objects; not in what it calls."""
    guest = bench.guest
    things = [bench.make() for _ in range(2)]
    for thing in things[:0 if routine == "ObfDereferenceObject" else 2]:
        deletions.dereference(thing)
    deletions.waiting = False
    guest.set(guest.pcr(), "KPCR.Irql", DISPATCH if routine == "ObfDereferenceObject" else PASSIVE)
    arguments, conv = ((things[0],), "fastcall") if routine == "ObfDereferenceObject" else ((0,), "stdcall")
    home = guest.sym("ObfReferenceObject"), guest.sym("ObfDereferenceObject"), guest.sym("RemoveObjects")
    found: Dict[int, None] = {}
    with guest.uninterrupted():
        begun = guest.start(routine, *arguments, conv=conv, until=routine)
        for _ in range(20000):
            now = guest.step()
            if guest.routine(now["eip"]) in home or abs(now["eip"] - home[1]) < 0x200:
                found[now["eip"]] = None
            if now["eip"] == guest.sym(QUEUES):
                guest.set_regs(eip=guest.u32(now["esp"]), esp=now["esp"] + 12)
            if now["esp"] == begun["esp"] and guest.u8(now["eip"]) in (0xC2, 0xC3):
                break
        guest.finish()
    if routine == "ObfDereferenceObject":
        rest = Deletions(bench)
        rest.waiting = True
        rest.finish([things[0]])
    guest.set(guest.pcr(), "KPCR.Irql", PASSIVE)
    return list(found)


def _objects(bench: Objects) -> int:
    """How many objects of the type there are."""
    return bench.guest.u32(bench.type + bench.guest.u32(bench.guest.sym("LabTypeObjects")))


# -- directories -------------------------------------------------------------------------------------------------------
@test("1.5", points=2, title="a directory finds what it has, and loses what is taken out", stage="ready", features=NAMES, limit=LIMIT)
def directory_entries(t):
    """Objects with names in a directory of the host's, among them names of one bucket and names that differ in case only."""
    bench, guest, rng = Objects(t), t.guest, t.rng
    directory = guest.alloc(4 * BUCKETS + 64)
    string = guest.alloc(8)
    names = _names(rng)
    things: Dict[str, int] = {}
    where = {name: (_named(bench, name), _hash(name)) for name in names}
    present: List[str] = []  # in the order of their coming
    for name in names:
        thing, hash_ = where[name]
        bench.asking(f"ObpAddEntry({name!r}, hash {hash_:#x}), {len(present)} names before it", "directory-chain")
        answer = bench.call("ObpAddEntry", directory, thing, hash_, conv="cdecl") & 0xFF
        bench.same("it returns", 1, answer, "directory-chain")
        present.append(name)
        things[name] = thing
        bench.counts(thing, 2, 0, "directory-reference")
        _directory(bench, directory, present, where)
        for wanted in rng.sample(names, 3) + [name]:
            _find(bench, directory, string, wanted, present, where)
    for name in rng.sample(names, len(names)):
        thing, hash_ = where[name]
        bench.asking(f"ObpRemoveEntry({name!r}, hash {hash_:#x}), of {len(present)} names", "directory-chain")
        bench.call("ObpRemoveEntry", directory, thing, hash_, conv="cdecl")
        present.remove(name)
        bench.counts(thing, 2, 0, "directory-reference")
        _directory(bench, directory, present, where)
        for wanted in [name] + rng.sample(names, 2):
            _find(bench, directory, string, wanted, present, where)


def _names(rng) -> List[str]:
    """Names of few buckets, some of which differ in case only."""
    stems = [f"{rng.choice('AbCdE')}{number}{rng.choice(('', 'Lock', 'event'))}" for number in rng.sample(range(1000), 400)]
    bucket = _hash(stems[0]) % BUCKETS
    together = [name for name in stems if _hash(name) % BUCKETS == bucket][:5]
    others = [name for name in stems if name not in together][:5]
    chosen = together + others
    return [*chosen, chosen[1].swapcase(), chosen[6].swapcase(), together[0].swapcase()]


def _hash(name: str) -> int:
    value = 0
    for character in name.upper():
        value = (value * 65599 + ord(character)) & MASK
    return value


def _named(bench: Objects, name: str) -> int:
    """An object with a name part, whose text is the host's."""
    guest = bench.guest
    text = guest.alloc(2 * len(name))
    guest.write(text, name.encode("utf-16-le"))
    words = guest.alloc(8)
    guest.write(words, struct.pack("<HHI", 2 * len(name), 2 * len(name), text))
    attributes = guest.alloc(24)
    guest.write(attributes, struct.pack("<IIIIII", 24, 0, words, 0, 0, 0))
    thing = bench.make(attributes=attributes)
    info = thing - HEADER - guest.u8(thing - HEADER + 12)
    guest.write(info + 4, struct.pack("<HHI", 2 * len(name), 2 * len(name), text))
    return thing


def _directory(bench: Objects, directory: int, present: List[str], where: Dict[str, Tuple[int, int]]) -> None:
    """Each bucket has its names, once, and nothing else."""
    wanted = sorted((where[name][1] % BUCKETS, where[name][0], where[name][1]) for name in present)
    seen: List[Tuple[int, int, int]] = []
    for bucket in range(BUCKETS):
        entry = bench.guest.u32(directory + 4 * bucket)
        while entry:
            if len(seen) > len(wanted):
                bench.fail(f"{len(wanted)} entries", "more than that, or chains in a ring", "directory-chain")
            following, thing, hash_ = struct.unpack("<III", bench.guest.read(entry, 12))
            seen.append((bucket, thing, hash_))
            entry = following
    bench.same("(bucket, object, hash) of the entries", tuple(wanted), tuple(sorted(seen)), "directory-chain")


def _find(bench: Objects, directory: int, string: int, name: str, present: List[str], where: Dict[str, Tuple[int, int]]) -> None:
    guest = bench.guest
    thing = where[name][0]
    words = thing - HEADER - guest.u8(thing - HEADER + 12) + 4
    for any_case in (0, 1):
        right = [where[one][0] for one in present if one == name or any_case and one.upper() == name.upper()]
        bench.asking(f"ObpFindEntry({name!r}, {'any case' if any_case else 'its case'})", "directory-name")
        counts = [(one, bench.pointers(one)) for one, _ in where.values()]
        seen = bench.call("ObpFindEntry", directory, words, _hash(name), any_case, conv="cdecl")
        if seen not in (right or [0]):
            bench.fail("it returns " + (" or ".join(f"{one:#x}" for one in right) or "0"), f"it returns {seen:#x}", "directory-name")
        bench.same("references of all objects", tuple(counts), tuple((one, bench.pointers(one)) for one, _ in counts), "directory-reference")


# -- handles of objects ------------------------------------------------------------------------------------------------
@test("1.5", points=1, title="a handle gives its object to who may have it", stage="ready", features=HANDLES, limit=LIMIT)
def objects_by_handle(t):
    bench, guest, rng = Objects(t), t.guest, t.rng
    out, information = guest.alloc(4), guest.alloc(8)
    for attributes in (0, INHERIT, PROTECT, AUDIT | INHERIT, PROTECT | AUDIT):
        thing = bench.make()
        rights = rng.getrandbits(21) & RIGHTS | 1
        handle = _open(bench, thing, attributes, rights)
        lacking = next(bit for bit in (2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x10000, 0) if not rights & bit)
        for desired, kind, mode, wanted in ((rights, bench.type, USER, SUCCESS), (1, 0, USER, SUCCESS), (rights | lacking, bench.type, USER, DENIED if lacking else SUCCESS),
                                            (rights | lacking, bench.type, KERNEL, SUCCESS), (rights, bench.other, KERNEL, MISMATCH), (MASK, bench.other, USER, MISMATCH)):
            before = bench.pointers(thing)
            bench.asking(f"ObReferenceObjectByHandle, desired {desired:#x} of {rights:#x}, type {'any' if not kind else 'right' if kind == bench.type else 'wrong'}, "
                         f"mode {mode}", "object-handle")
            guest.write(out, b"\xa5" * 4)
            guest.write(information, b"\xa5" * 8)
            answer = bench.call("ObReferenceObjectByHandle", handle, desired, kind, mode, out, information)
            bench.same("it returns", wanted, answer, "object-handle")
            bench.same("*Object", 0 if wanted else thing, guest.u32(out), "object-handle")
            bench.counts(thing, before + (not wanted), 1, "object-handle")
            if not wanted:
                bench.same("attributes, rights", (attributes, rights), (guest.u32(information), guest.u32(information + 4)), "object-information")
        _unlocked(bench, handle)
    process, thread = bench.guest.current_thread(), 0
    for number in (0, 0x7FFFFFC, handle + 0x400000, KERNEL_BIT | 0x7FFFFFC):
        _refuse(bench, number, KERNEL, INVALID, out)
    _refuse(bench, KERNEL_BIT | handle, USER, INVALID, out)
    before = bench.pointers(thing)
    bench.asking(f"ObReferenceObjectByHandle({KERNEL_BIT | handle:#x}), a kernel handle, in kernel mode", "object-kernel")
    bench.same("it returns", SUCCESS, bench.call("ObReferenceObjectByHandle", KERNEL_BIT | handle, 0, 0, KERNEL, out, 0), "object-kernel")
    bench.counts(thing, before + 1, 1, "object-kernel")
    del process, thread
    for number, wanted in ((MASK, guest.u32(guest.sym("PsInitialSystemProcess"))), (MASK - 1, guest.current_thread())):
        before = bench.pointers(wanted)
        bench.asking(f"ObReferenceObjectByHandle({number:#x}), from user mode", "object-kernel")
        bench.same("it returns", SUCCESS, bench.call("ObReferenceObjectByHandle", number, 1, 0, USER, out, 0), "object-kernel")
        bench.same("*Object", wanted, guest.u32(out), "object-kernel")
        bench.same("PointerCount", before + 1, bench.pointers(wanted), "object-count")
        _refuse(bench, number, USER, MISMATCH, out, bench.type)


def _refuse(bench: Objects, number: int, mode: int, wanted: int, out: int, kind: int = 0) -> None:
    bench.asking(f"ObReferenceObjectByHandle({number:#x}), mode {mode}", "object-kernel")
    bench.guest.write(out, b"\xa5" * 4)
    bench.same("it returns", wanted, bench.call("ObReferenceObjectByHandle", number, 0, kind, mode, out, 0), "object-kernel")
    bench.same("*Object", 0, bench.guest.u32(out), "object-kernel")


@test("1.5", points=2, title="handles are closed, once, unless they are to stay", stage="ready", features=HANDLES, limit=LIMIT)
def handles_closed(t):
    bench, guest, rng = Objects(t), t.guest, t.rng
    keep = guest.sym("LabKeepOpen")
    for mode, bit in ((KERNEL, 0), (USER, 0), (KERNEL, KERNEL_BIT)):
        thing = bench.make()
        handles = [_open(bench, thing, attributes, 3) for attributes in (0, PROTECT, INHERIT)]
        bench.counts(thing, 4, 3, "object-closed")
        guest.u32(keep, 1)
        _close(bench, handles[0] | bit, mode, NOT_CLOSABLE, thing, 4, 3, "object-kept")
        guest.u32(keep, 0)
        _close(bench, handles[1] | bit, mode, NOT_CLOSABLE, thing, 4, 3, "object-kept")
        _close(bench, handles[0] | bit, mode, SUCCESS, thing, 3, 2, "object-closed")
        _close(bench, handles[0] | bit, mode, INVALID, thing, 3, 2, "object-closed")
        _close(bench, handles[2] | bit, mode, SUCCESS, thing, 2, 1, "object-closed")
        answer, deleted = bench.dereference(thing)
        bench.same("references, deleted objects", (1, 0), (answer, len(deleted)), "object-closed")
        _unlocked(bench, handles[1])
    for number, mode, wanted in ((MASK, USER, SUCCESS), (MASK - 1, KERNEL, SUCCESS), (0, USER, INVALID), (0x7FFFFFC, KERNEL, INVALID), (KERNEL_BIT | handles[1], USER, INVALID)):
        bench.asking(f"ObCloseHandle({number:#x}), mode {mode}", "object-kernel")
        bench.same("it returns", wanted, bench.call("ObCloseHandle", number, mode), "object-kernel")
    # The last reference is the handle's: the object goes with it.
    thing = bench.make()
    handle = _open(bench, thing, 0, 3)
    bench.same("references", 1, bench.dereference(thing)[0], "object-count")
    bench.asking("ObCloseHandle of the last handle, whose reference is the last one", "object-closed")
    answer, deleted = bench.deleting("ObCloseHandle", handle, KERNEL)
    bench.same("it returns, and deletes", (SUCCESS, thing), (answer, *deleted), "object-closed")


@test("1.5", points=1, title="two threads close one handle, and others use it meanwhile", stage="ready", features=HANDLES, limit=400_000_000)
def closes_interrupted(t):
    bench, guest = Objects(t), t.guest
    out = guest.alloc(4)
    thing = bench.make()
    places = _own(bench, bench.places("ObCloseHandle", _open(bench, thing, 0, 3), KERNEL), "ObCloseHandle")
    for place in places:
        handle = _open(bench, thing, 0, 3)
        where = guest.describe(place)
        bench.asking(f"ObCloseHandle({handle:#x}); at {where} another thread closes it too", "object-twice")
        reached, left, answer = bench.begin("ObCloseHandle", handle, KERNEL, stops=(place,))
        answers = []
        if reached:
            waits, other, second = bench.begin("ObCloseHandle", handle, KERNEL, stops=(WAITS,))
            _, _, answer = bench.end(left)
            if waits:
                _, _, second = bench.end(other)
            answers.append(second)
        answers.append(answer)
        bench.same("the answers", (SUCCESS, INVALID)[:len(answers)], tuple(sorted(answers)), "object-twice")
        bench.counts(thing, 1, 0, "object-twice")
    handle = _open(bench, thing, 0, 3)
    places = _own(bench, bench.places("ObReferenceObjectByHandle", handle, 0, 0, KERNEL, out, 0), "ObReferenceObjectByHandle")
    bench.call("ObfDereferenceObject", thing, conv="fastcall")
    bench.call("ObCloseHandle", handle, KERNEL)
    for place in places:
        one = bench.make()
        handle = _open(bench, one, 0, 3)
        bench.dereference(one)
        bench.asking(f"ObReferenceObjectByHandle({handle:#x}); at {guest.describe(place)} another thread closes the only handle", "object-twice")
        reached, left, answer = bench.begin("ObReferenceObjectByHandle", handle, 0, 0, KERNEL, out, 0, stops=(place,))
        waits = other = None
        if reached:
            waits, other, _ = bench.begin("ObCloseHandle", handle, KERNEL, stops=(WAITS, "Lab1Delete"))
            _, _, answer = bench.end(left)
        if answer == SUCCESS:
            if waits == "Lab1Delete":
                bench.fail("an object that lives, or no object", "an object that was deleted", "object-twice")
            if other:
                bench.end(other, ())
            bench.same("*Object, references", (one, 1 if reached else 2), (guest.u32(out), bench.pointers(one)), "object-twice")
        else:
            bench.same("it returns", INVALID, answer, "object-twice")
            if other:
                bench.end(other, ())


def _own(bench: Objects, places: List[int], routine: str) -> List[int]:
    """The places in the routine itself and its helpers, and in the handle table's."""
    names = ("ObCloseHandle", "ObReferenceObjectByHandle", "ExMapHandleToPointer", "ExpLockEntry", "ExDestroyHandle", "Remove")
    return [place for place in places if bench.guest.name(place) in names]


# -- names and processes -------------------------------------------------------------------------------------------------
@test("1.5", points=1, title="names stay as long as their objects want", stage="ready", features=NAMES, limit=LIMIT)
def names_and_handles(t):
    bench, guest, rng = Objects(t), t.guest, t.rng
    out = guest.alloc(8)
    for permanent in (False, True):
        name = f"\\BaseNamedObjects\\Lab{rng.randrange(1 << 30)}"
        attributes = _attributes(guest, name, PERMANENT if permanent else 0)
        thing = bench.make(attributes=attributes)
        bench.asking(f"ObInsertObject({name}), {'permanent' if permanent else 'temporary'}", "directory-reference")
        bench.same("it returns", SUCCESS, bench.call("ObInsertObject", thing, 0, 3, 0, 0, out), "directory-reference")
        handle = guest.u32(out)
        bench.counts(thing, 2, 1, "directory-reference")
        again = _lookup(bench, name, out)
        bench.same("the object of the name", thing, again, "directory-name")
        bench.counts(thing, 3, 1, "directory-reference")
        bench.dereference(thing)
        bench.asking(f"ObCloseHandle of the last handle of {name}, {'permanent' if permanent else 'temporary'}", "directory-reference")
        answer, deleted = bench.deleting("ObCloseHandle", handle, KERNEL)
        bench.same("it returns", SUCCESS, answer, "object-closed")
        bench.same("objects that are deleted", [] if permanent else [thing], deleted, "object-deleted")
        bench.same("the object of the name", thing if permanent else 0, _lookup(bench, name, out), "directory-name")
        if permanent:
            bench.counts(thing, 2, 0, "directory-reference")
            bench.dereference(thing)
            bench.asking(f"ObMakeTemporaryObject({name})", "directory-reference")
            answer, deleted = bench.deleting("ObMakeTemporaryObject", thing)
            bench.same("objects that are deleted", [thing], deleted, "object-deleted")
            bench.same("the object of the name", 0, _lookup(bench, name, out), "directory-name")


@test("1.5", points=1, title="a process inherits handles, gets others by duplication, and loses all", stage="ready", features=HANDLES + ("PRC-02",), limit=LIMIT)
def handles_of_processes(t):
    bench, guest, rng = Objects(t), t.guest, t.rng
    out = guest.alloc(8)
    text = guest.alloc(8)
    guest.write(text, b"lab\0")
    system = guest.u32(guest.sym("PsInitialSystemProcess"))
    things = [bench.make() for _ in range(4)]
    kept = [_open(bench, thing, attributes, 3) for thing, attributes in zip(things, (INHERIT, 0, INHERIT | PROTECT, 0))]
    t.sound(guest.call("PspCreateProcess", text, out) == 0, "a process can be made")
    process = guest.u32(out)
    part = process + guest.u32(guest.sym("LabObjectTable"))
    bench.asking("ObInitProcess with a parent: its inheritable handles come along", "object-handle")
    bench.call("ObKillProcess", process)  # the empty table that it was made with
    bench.same("ObInitProcess returns", SUCCESS, bench.call("ObInitProcess", system, process), "object-handle")
    for thing, inherited in zip(things, (1, 0, 1, 0)):
        bench.counts(thing, 2 + inherited, 1 + inherited, "object-handle")
    bench.asking("ObDuplicateObject into the process", "object-handle")
    for number, options in ((1, SAME_ACCESS), (3, SAME_ACCESS | SAME_ATTRIBUTES)):
        bench.same("it returns", SUCCESS, bench.call("ObDuplicateObject", system, kept[number], process, out, 0, 0, options, KERNEL), "object-handle")
        bench.counts(things[number], 3, 2, "object-handle")
    made = guest.u32(out)
    bench.asking("ObDuplicateObject out of the process, which closes the source", "object-closed")
    bench.same("it returns", SUCCESS, bench.call("ObDuplicateObject", process, made, system, out, 0, 0, SAME_ACCESS | CLOSE_SOURCE, KERNEL), "object-closed")
    bench.counts(things[3], 3, 2, "object-closed")
    bench.asking("ObKillProcess: all handles of the process go, protected ones too", "object-closed")
    bench.call("ObKillProcess", process)
    bench.same("ObjectTable", 0, guest.u32(part), "object-closed")
    for thing, handles in zip(things, (1, 1, 1, 2)):
        bench.counts(thing, 1 + handles, handles, "object-closed")


def _attributes(guest, name: str, flags: int) -> int:
    text = guest.alloc(2 * len(name))
    guest.write(text, name.encode("utf-16-le"))
    words = guest.alloc(8)
    guest.write(words, struct.pack("<HHI", 2 * len(name), 2 * len(name), text))
    attributes = guest.alloc(24)
    guest.write(attributes, struct.pack("<IIIIII", 24, 0, words, flags, 0, 0))
    return attributes


def _lookup(bench: Objects, name: str, out: int) -> int:
    """The object of a name, referenced; 0: none."""
    attributes = _attributes(bench.guest, name, 0)
    words = bench.guest.u32(attributes + 8)
    answer = bench.call("ObReferenceObjectByName", words, 0, 0, 0, bench.type, KERNEL, 0, out)
    if answer:
        bench.same("ObReferenceObjectByName returns", 0xC0000034, answer, "directory-name")
        return 0
    return bench.guest.u32(out)


def _open(bench: Objects, thing: int, attributes: int, rights: int) -> int:
    guest = bench.guest
    word = guest.sym("LabHandle")
    answer = bench.call("ObOpenObjectByPointer", thing, attributes, 0, rights, 0, KERNEL, word)
    bench.same("ObOpenObjectByPointer returns", SUCCESS, answer, "object-handle")
    return guest.u32(word)


def _close(bench: Objects, handle: int, mode: int, wanted: int, thing: int, pointers: int, handles: int, hint: str) -> None:
    bench.asking(f"ObCloseHandle({handle:#x}), mode {mode}", hint)
    bench.same("it returns", wanted, bench.call("ObCloseHandle", handle, mode), hint)
    bench.counts(thing, pointers, handles, hint)


def _unlocked(bench: Objects, handle: int) -> None:
    """The entry of a handle of the System process is not locked."""
    guest = bench.guest
    table = guest.u32(guest.u32(guest.sym("PsInitialSystemProcess")) + guest.u32(guest.sym("LabObjectTable")))
    entry = guest.call("ExpLookupEntry", table, (handle & ~KERNEL_BIT) >> 2, conv="cdecl")
    bench.same(f"lock of the entry of {handle:#x}", 0, guest.u32(entry) & 1, "object-kept")
