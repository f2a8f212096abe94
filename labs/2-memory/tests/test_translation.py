"""2.1: from an address to its page (kernel/ntos/mm/i386/pagetable.cpp), and system PTEs (kernel/ntos/mm/sysptes/sysptes.cpp)."""

from __future__ import annotations

from typing import List, Tuple

from grader.api import Hint, test

from .ptebench import PteBench

WALK, PTES = ("MEM-04", "MEM-06"), ("POL-03",)
LIMIT = 60_000_000
PAGE, LARGE, TABLES, DIRECTORY, HYPERSPACE_END = 4096, 1 << 22, 0xC0000000, 0xC0300000, 0xC07FFFFF
VALID, LARGE_PAGE, FRAME = 1, 0x80, 0xFFFFF000
SEEN = 0x20 | 0x40  # what the processor notes in an entry that it uses
SYSTEM_DIRECTORY = 0xFFDEF000  # MM_SYSTEM_DIRECTORY
LARGE_ENTRY = 0x1E3  # valid, writable, used, large, global
SYSTEM = 512  # the directory's first entry of system space
MISSING = 512  # entries of a directory that are missing, at least
EMPTY = "missing entries of system space"

HINTS = {
    "walk-large": "An entry of the directory with LargePage set maps 4 MB itself: there is no page table behind it, and 22 bits of the address are the "
                  "offset.",
    "walk-offset": "The page's address comes from the entry, the rest from the address: 12 bits of it, or 22 in a large page.",
    "walk-wide": "The result has 64 bits. Page numbers of devices reach the highest bit of 32: a signed number spreads it.",
    "walk-missing": "Without a valid entry in the directory there is no page table to look into: the entry's address is not mapped either.",
    "walk-valid": "An address can be used while its directory entry is valid and is large, or its page table entry is valid too.",
    "walk-load": "A directory that lacks a system entry gets the system's (MM_SYSTEM_DIRECTORY), whole; what is in it already is right.",
    "walk-answer": "TRUE means that the use that faulted can be tried again: the page is there now. The entry alone says that only where it is large.",
    "walk-private": "User space, page tables and hyperspace are each process's own: nothing is copied there. But the entries of a page table of system space "
                    "are used through its own address, and then it is that table's entry that is missing.",
    "walk-boot": "Kernel stacks and the pool use these routines long before a test can begin. `make check EX=2.1` tries the free runs without a kernel; "
                 "`make gdb` stops where it breaks.",
}
BOOT = Hint("walk-boot", HINTS["walk-boot"])


@test("2.1", points=3, title="the physical address of any virtual one", stage="ready", features=WALK, limit=LIMIT)
def physical_address(t):
    for address, entry, physical in _places(t):
        t.asking(f"MmGetPhysicalAddress({address:#010x}), whose entry is {entry}", t.hint("walk-missing", HINTS["walk-missing"]))
        with t.guest.uninterrupted():
            seen = t.guest.call64("MmGetPhysicalAddress", address)
        if seen == physical:
            continue
        id = ("walk-wide" if (seen ^ physical) & 0xFFFFFFFF == 0 else "walk-missing" if physical == 0 else "walk-offset"
              if (seen ^ physical) % (1 << 32) >> 12 == 0 else "walk-large" if "large" in entry else "walk-offset")
        t.fail(expected=f"{physical:#x}", seen=f"{seen:#x}", hint=t.hint(id, HINTS[id]))


@test("2.1", points=2, title="whether an address can be used", stage="ready", features=WALK, limit=LIMIT)
def address_valid(t):
    for address, entry, physical in _places(t):
        hint = t.hint("walk-missing" if "directory" in entry else "walk-valid", HINTS["walk-missing" if "directory" in entry else "walk-valid"])
        t.asking(f"MmIsAddressValid({address:#010x}), whose entry is {entry}", hint)
        with t.guest.uninterrupted():
            seen = t.guest.call("MmIsAddressValid", address) & 0xFF
        t.check(bool(seen) == bool(physical), expected=bool(physical), seen=bool(seen), hint=hint)


@test("2.1", points=2, title="a directory that lacks an entry of system space gets the system's", stage="ready", features=WALK, limit=LIMIT)
def system_entry_loaded(t):
    guest = t.guest
    _attach(t)
    for number in _victims(t):
        whole = guest.u32(DIRECTORY + 4 * number)
        pages = [(number << 22 | index << 12, TABLES + (number << 12) + 4 * index) for index in range(1024)]
        absent, there = _some(t, [(address, entry) for address, entry in pages if not guest.u32(entry) & VALID], 2,
                              "entries without a page in a table of paged pool")
        guest_page = t.rng.randrange(1, 0x1000) << 12  # which nobody touches
        guest.u32(there[1], guest_page | 0x163)
        chosen = {True: there[0], False: absent[0]}
        for usable, address in chosen.items():
            inside = address | t.rng.randrange(PAGE)
            _load(t, inside, number, whole, usable, "walk-load")
            _load(t, TABLES + (address >> 12 << 2), number, whole, True, "walk-private")
            guest.u32(DIRECTORY + 4 * number, 0)
            t.asking(f"MmIsAddressValid({inside:#010x}) in a directory that lacks the entry", t.hint("walk-load", HINTS["walk-load"]))
            with guest.uninterrupted():
                t.check(bool(guest.call("MmIsAddressValid", inside) & 0xFF) == usable, expected=usable, seen=not usable,
                        hint=t.hint("walk-load", HINTS["walk-load"]))
            guest.u32(DIRECTORY + 4 * number, 0)
            t.asking(f"MmGetPhysicalAddress({inside:#010x}) in a directory that lacks the entry", t.hint("walk-load", HINTS["walk-load"]))
            physical = guest_page | inside % PAGE if usable else 0
            with guest.uninterrupted():
                seen = guest.call64("MmGetPhysicalAddress", inside)
            t.check(seen == physical, expected=f"{physical:#x}", seen=f"{seen:#x}", hint=t.hint("walk-load", HINTS["walk-load"]))
    for number in _unused(t, 2):
        whole = t.rng.randrange(1, 1024) << 22 | LARGE_ENTRY
        guest.u32(SYSTEM_DIRECTORY + 4 * number, whole)
        _load(t, number << 22 | t.rng.randrange(LARGE), number, whole, True, "walk-load")
        other = (whole ^ t.rng.randrange(1, 1024) << 22) & ~SEEN  # what is there is right, whatever the system has
        guest.u32(DIRECTORY + 4 * number, other)
        t.asking(f"MmLoadSystemPde({number << 22:#010x}) in a directory that has another entry", t.hint("walk-load", HINTS["walk-load"]))
        with guest.uninterrupted():
            guest.call("MmLoadSystemPde", number << 22)
        entry = guest.u32(DIRECTORY + 4 * number)
        t.check((entry ^ other) & ~SEEN == 0, expected=f"the directory's entry is still {other:#x}", seen=f"{entry:#x}",
                hint=t.hint("walk-load", HINTS["walk-load"]))


@test("2.1", points=1, title="nothing is loaded for user space, for a process's own page tables, and where the system has nothing", stage="ready",
      features=WALK, limit=LIMIT)
def nothing_to_load(t):
    guest, rng = t.guest, t.rng
    _attach(t)
    own = [(0x300, "the page directory itself"), (0x301, "hyperspace")]
    empty = [number for number in range(SYSTEM, 1024) if not guest.u32(DIRECTORY + 4 * number) & VALID]
    cases = [(number << 22 | rng.randrange(LARGE), number) for number in _some(t, empty, 4, EMPTY) if number > 0x301]
    cases += [(rng.randrange(0x10000, 0x7FFE0000), None) for _ in range(4)]
    cases += [(TABLES + (rng.randrange(0x10000, 0x7FFE0000) >> 12 << 2), None) for _ in range(3)]
    cases += [(TABLES + (number << 12) + 4 * rng.randrange(1024), number) for number in _some(t, empty, 3, EMPTY) if number > 0x301]
    for number, _ in own:
        at = next((index for index in range(1024) if guest.u32(TABLES + (number << 12) + 4 * index) & VALID), None)
        if at is not None and number == 0x301:
            cases.append((number << 22 | at << 12, number))
    end = TABLES + (HYPERSPACE_END >> 12 << 2)  # hyperspace's last page, with an entry
    if not guest.u32(end) & VALID:
        guest.u32(end, rng.randrange(1, 0x1000) << 12 | 0x163)
    cases += [(HYPERSPACE_END - rng.randrange(PAGE), 0x301)]
    before = guest.read(DIRECTORY, PAGE)
    for address, _ in cases:
        hint = t.hint("walk-private", HINTS["walk-private"])
        t.asking(f"MmLoadSystemPde({address:#010x})", hint)
        with guest.uninterrupted():
            seen = guest.call("MmLoadSystemPde", address) & 0xFF
        t.check(not seen, expected="FALSE", seen="TRUE", hint=hint)
        now = guest.read(DIRECTORY, PAGE)
        changed = [number for number in range(1024) if (int.from_bytes(before[4 * number:4 * number + 4], "little")
                                                        ^ int.from_bytes(now[4 * number:4 * number + 4], "little")) & ~SEEN]
        t.check(not changed, expected="the directory as it was", seen=f"other entries at {', '.join(hex(one) for one in changed[:8])}", hint=hint)


@test("2.1", points=2, title="a run of system PTEs comes out of the lowest free run that has room", stage="early", features=PTES, limit=LIMIT)
def lowest_run_taken(t):
    bench, rng = PteBench(t), t.rng
    sizes = [rng.randint(2, 9) for _ in range(8)]
    runs = [(bench.reserve(size), size) for size in sizes]
    for place in (5, 1, 3):
        bench.release(*runs[place])
    for size in (rng.randint(2, 3), 1, sizes[3], 1, 1, 2, 1):
        bench.reserve(size)
    bench.reserve(bench.count)
    bench.reserve(0xFFFFFFFF - rng.randrange(4))  # the sum with a place is small
    bench.reserve(0xFFFFFFF0, 8)
    while any(length >= 3 for _, length in bench.free_runs()):
        bench.reserve(max(length for _, length in bench.free_runs()) - rng.randrange(2))
    while bench.free_runs():
        bench.reserve(bench.free_runs()[0][1])
    bench.reserve(1)


@test("2.1", points=1, title="a run begins on a multiple of pages, and what lies before it stays free", stage="early", features=PTES, limit=LIMIT)
def runs_aligned(t):
    bench, rng = PteBench(t), t.rng
    for alignment in (8, 1, 16, 2, 4, 8, 32, 1, 4, 2):
        bench.reserve(rng.randint(1, 5), alignment)
    runs = []
    index = 0
    while index < bench.count:
        if index in bench.used:
            runs.append(index)
        index += 1
    for first in rng.sample(runs, min(12, len(runs))):
        bench.release(first, 1)
    for alignment in (4, 2, 8, 64, 16, 1):
        bench.reserve(rng.randint(1, 3), alignment)
    wide = PteBench(t, 330)  # 256 pages: a multiple that fills no byte
    for alignment in (1, 256):
        wide.reserve(rng.randint(1, 3), alignment)


@test("2.1", points=2, title="a run that is given back becomes one with its free neighbours", stage="early", features=PTES, limit=LIMIT)
def runs_joined(t):
    bench, rng = PteBench(t), t.rng
    for sizes in ((3, 4, 2), (1, 1, 1), (2, 1, 5), (1, 6, 1)):
        guard = bench.reserve(2)
        first = bench.reserve(sum(sizes))  # one run, which goes back in parts
        behind = bench.reserve(1)
        places = [(first, sizes[0]), (first + sizes[0], sizes[1]), (first + sizes[0] + sizes[1], sizes[2])]
        order = rng.sample(places, 3)
        for place in order:
            bench.release(*place)
        again = bench.reserve(sum(sizes))
        for place in (places[0], places[2], places[1]):
            bench.release(*place)
        assert again == first and guard is not None and behind is not None
        bench.release(guard, 2)
        bench.release(behind, 1)


@test("2.1", points=1, title="what is not in use cannot be given back", stage="early", features=PTES, limit=LIMIT)
def misuse_stops(t):
    bench, rng = PteBench(t), t.rng
    size = rng.randint(3, 6)
    first, second = bench.reserve(size), bench.reserve(size)
    third = bench.reserve(size)
    bench.release(second, size)
    for case in rng.sample([(second, 1, 2), (second + size - 1, 1, 2), (first, size + 1, 2), (second - 1, 2, 2), (second + size - 1, 2, 2),
                            (first, 3 * size, 2), (third + size, 1, 2), (bench.count - 1, 2, 1), (bench.count, 1, 1), (-1, 2, 1), (-3, 1, 1),
                            (first, 0, 1), (first, bench.count + 1, 1), (third, 0xFFFFFFFF, 1)], 14):
        bench.misuse(*case)
    bench.release(first, size)


@test("2.1", points=2, title="300 random calls keep the free runs as the model has them", stage="early", features=PTES, limit=LIMIT)
def ptes_random(t):
    bench, rng = PteBench(t, 700), t.rng
    low = rng.randint(540, 620)
    bench.reserve(low)  # most of the region is in use
    runs: List[Tuple[int, int]] = []
    for _ in range(300):
        if runs and rng.random() < (0.35 if len(bench.used) < low + 50 else 0.6):
            first, count = runs.pop(rng.randrange(len(runs)))
            if count > 1 and rng.random() < 0.4:  # a part: the rest stays in use
                part, front = rng.randint(1, count - 1), rng.random() < 0.5
                runs.append((first + part, count - part) if front else (first, count - part))
                first, count = (first, part) if front else (first + count - part, part)
            bench.release(first, count)
        else:
            count = rng.choice((1, 1, 2, 2, 3, 5, 9, 20))
            first = bench.reserve(count, rng.choice((1, 1, 1, 2, 4, 8, 16)))
            if first is not None:
                runs.append((first, count))
    bench.release(0, low)


def _places(t) -> "List[Tuple[int, str, int]]":
    """Addresses of each kind, what their entry is, and their physical addresses (0: none), as the host finds them."""
    guest, rng = t.guest, t.rng
    kinds: "dict[str, List[int]]" = {}
    own = _own_entries(t)
    for number in range(1024):
        pde = guest.u32(DIRECTORY + 4 * number)
        if not pde & VALID:
            kinds.setdefault("missing in the directory", []).append(number << 22 | rng.randrange(LARGE))
            kinds.setdefault("an entry whose table is missing in the directory", []).append(TABLES + (number << 12) + 4 * rng.randrange(1024))
        elif pde & LARGE_PAGE:
            kinds.setdefault("large", []).extend(number << 22 | rng.randrange(LARGE) for _ in range(4))
        else:
            for index in rng.sample(range(1024), 24):
                entry = guest.u32(TABLES + (number << 12) + 4 * index)
                far = " (a device's)" if entry & VALID and entry >> 31 else ""
                kinds.setdefault(f"valid{far}" if entry & VALID else "not valid", []).append(number << 22 | index << 12 | rng.randrange(PAGE))
    kinds["valid (a device's)"] = kinds.get("valid (a device's)", []) + _devices(guest, rng)
    missing = len(kinds.get("missing in the directory", []))
    t.sound(missing >= MISSING, f"most entries of the directory are missing ({missing} of 1024 are)")
    chosen = own + [(kind, address) for kind, addresses in kinds.items() for address in rng.sample(addresses, min(12, len(addresses)))]
    rng.shuffle(chosen)
    found = []
    for kind, address in chosen:
        large = guest.u32(DIRECTORY + 4 * (address >> 22))
        entry = guest.u32(TABLES + (address >> 12 << 2)) if large & (VALID | LARGE_PAGE) == VALID else 0
        physical = large & -LARGE | address % LARGE if kind == "large" else entry & FRAME | address % PAGE if entry & VALID else 0
        found.append((address, kind, physical))
    return found


def _own_entries(t) -> "List[Tuple[str, int]]":
    """Entries that the host writes just now, so that nobody knows them: large ones, and a page table with frames of all kinds and without."""
    guest, rng = t.guest, t.rng
    found: "List[Tuple[str, int]]" = []
    *large, small = _unused(t, 4)
    for number in large:  # a small machine has no large pages of its own
        guest.u32(DIRECTORY + 4 * number, rng.randrange(1, 1024) << 22 | LARGE_ENTRY)
        found += [("large", number << 22 | rng.randrange(LARGE)) for _ in range(2)]
    table = guest.alloc(PAGE, PAGE)
    for index in rng.sample(range(1024), 16):
        valid = len(found) % 2
        guest.u32(table + 4 * index, rng.randrange(1, 1 << 20) << 12 | (0x163 if valid else rng.choice((0x80, 0x880, 0x400))))
        found.append(("valid" if valid else "not valid", small << 22 | index << 12 | rng.randrange(PAGE)))
    guest.u32(DIRECTORY + 4 * small, guest.space.physical(table) | 0x63)
    return found


def _unused(t, count: int) -> List[int]:
    """Numbers of directory entries of system space that no directory has."""
    return _some(t, [number for number in range(0x302, 0x3FE) if not t.guest.u32(DIRECTORY + 4 * number) & VALID
                     and not t.guest.u32(SYSTEM_DIRECTORY + 4 * number) & VALID], count, "entries of the directory that nobody uses")


def _some(t, those: list, count: int, what: str) -> list:
    """So many of them; a kernel that leaves too few is not as any is."""
    t.sound(len(those) >= count, f"there are {count} {what} ({len(those)} are left)")
    return t.rng.sample(those, count)


def _devices(guest, rng) -> List[int]:
    """Pages of the HAL's region whose physical addresses have the highest bit set."""
    pages = [0x3FF << 22 | index << 12 for index in range(1024) if guest.u32(DIRECTORY + 4 * 0x3FF) & (VALID | LARGE_PAGE) == VALID
             and guest.u32(TABLES + (0x3FF << 12) + 4 * index) & (VALID | 1 << 31) == VALID | 1 << 31]
    return [page | rng.randrange(PAGE) for page in pages]


def _attach(t) -> None:
    """The test's thread works in a new process, whose directory has copies of the system's entries."""
    guest = t.guest
    words, saved = guest.alloc(16), guest.alloc(guest.size("KAPC_STATE"))
    guest.write(words, b"Lab\0")
    t.infra(guest.call("PspCreateProcess", words, words + 8) == 0, "a process can be made")
    guest.call("KeStackAttachProcess", guest.u32(words + 8) + guest.field("EPROCESS.Pcb")[0], saved)


def _victims(t) -> List[int]:
    """Directory entries of system space that nothing uses while a routine of this exercise runs: those of the paged pool's page tables, and
    of what maps views."""
    guest = t.guest
    start = guest.u32(guest.sym("MmPagedPoolStart")) >> 22
    end = guest.u32(guest.sym("MmSystemPteStart")) >> 22
    found = [number for number in range(start, end) if guest.u32(DIRECTORY + 4 * number) & (VALID | LARGE_PAGE) == VALID]
    t.infra(bool(found), "the paged pool has page tables")
    return t.rng.sample(found, min(3, len(found)))


def _load(t, address: int, number: int, whole: int, usable: bool, hint: str) -> None:
    """The entry is missing: MmLoadSystemPde must bring it."""
    guest = t.guest
    guest.u32(DIRECTORY + 4 * number, 0)
    t.asking(f"MmLoadSystemPde({address:#010x}) in a directory that lacks the entry", t.hint(hint, HINTS[hint]))
    with guest.uninterrupted():
        seen = guest.call("MmLoadSystemPde", address) & 0xFF
    entry = guest.u32(DIRECTORY + 4 * number)
    t.check((entry ^ whole) & ~SEEN == 0, expected=f"the directory's entry is {whole:#x}", seen=f"{entry:#x}", hint=t.hint(hint, HINTS[hint]))
    t.check(bool(seen) == usable, expected=usable, seen=bool(seen), hint=t.hint("walk-answer", HINTS["walk-answer"]))
    t.asking(f"MmLoadSystemPde({address:#010x}) in a directory that has the entry", t.hint("walk-answer", HINTS["walk-answer"]))
    with guest.uninterrupted():
        again = guest.call("MmLoadSystemPde", address) & 0xFF
    t.check(bool(again) == usable, expected=usable, seen=bool(again), hint=t.hint("walk-answer", HINTS["walk-answer"]))
