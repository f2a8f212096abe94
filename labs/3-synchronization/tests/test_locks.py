"""3.2 Spin locks, queued locks, lock-free lists: every word of a lock, a node and a list head.

One processor runs; the host plays the others, by writing what they would have written.  What happens between them at
any moment is the business of the tests that explore schedules.
"""

from __future__ import annotations

from typing import Iterator, List, Tuple

from grader.api import Hint, test
from grader.guest.stops import TooManyInstructions

from .hints import HINTS
from .onestep import taken_in_one_step

BOOT = Hint("lock-boot", HINTS["lock-boot"])
LIMIT = 20_000_000
EXCHANGES = 3  # of a held lock: the first one, and no loop of them
SPIN = 300_000  # instructions after which a routine that has not returned is taken to spin
ROUND = 200  # instructions that one round of a spin has at most
PAUSE = b"\xf3\x90"  # YieldProcessor
LONG_LIST = 300  # entries: more than one byte counts
WAIT, OWNER = 1, 2
PUSH, POP, FLUSH = range(3)
STOPS = (("SList", "slist-again"), ("Queued", "queue-alone"), ("", "lock-taken"))  # part of a routine's name: the hint where it does not come back
NUMBERED = 4  # of the system's numbered queued locks: any will do
NUMBERS = 17  # of them all
PROCESSORS = 32  # at most
DISPATCH_LEVEL, CLOCK_LEVEL = 2, 28
CLOCKS = ("KeTickCount", "KiInterruptTime", "KiSystemTime")


@test("3.2", points=2, title="a spin lock is taken, tried and freed", stage="early", features=("SYH-05", "HAL-08"), limit=LIMIT)
def spin_lock(t):
    guest = t.guest
    locks = [guest.alloc(guest.size("KSPIN_LOCK")) for _ in range(4)]
    held = [False] * 4
    for _ in range(40):
        number = t.rng.randrange(4)
        if held[number]:
            if t.rng.random() < 0.4:
                told = _call(t, f"KeTryToAcquireSpinLockAtDpcLevel(L{number}), which is held", "KeTryToAcquireSpinLockAtDpcLevel", locks[number],
                             hint="lock-try") & 0xFF
                _same(t, (0, True), (told, guest.u32(locks[number]) != 0), "it returns, it is held", "lock-try")
            else:
                _call(t, f"KefReleaseSpinLockFromDpcLevel(L{number})", "KefReleaseSpinLockFromDpcLevel", locks[number])
                held[number] = False
        elif t.rng.random() < 0.5:
            asked = f"KefAcquireSpinLockAtDpcLevel(L{number}), which is free"
            with taken_in_one_step(t, asked, locks[number], 4, "race-lock"):
                _call(t, asked, "KefAcquireSpinLockAtDpcLevel", locks[number])
            held[number] = True
        else:
            asked = f"KeTryToAcquireSpinLockAtDpcLevel(L{number}), which is free"
            with taken_in_one_step(t, asked, locks[number], 4, "race-lock"):
                told = _call(t, asked, "KeTryToAcquireSpinLockAtDpcLevel", locks[number]) & 0xFF
            _same(t, 1, told, "it returns", "lock-try-free")
            held[number] = True
        for other, lock in enumerate(locks):
            _same(t, held[other], guest.u32(lock) != 0, f"L{other} is held", "lock-taken" if held[other] else "lock-not-freed")
    for where, lock in _everywhere(t):
        for routine in ("KefAcquireSpinLockAtDpcLevel", "KeTryToAcquireSpinLockAtDpcLevel"):
            _one_step(t, f"{routine}(L), L {where}", lock, routine, lock)
            t.check(guest.u32(lock) != 0, expected="L is held", seen="it is not", hint=t.hint("lock-anywhere", HINTS["lock-anywhere"]))
            _call(t, f"KefReleaseSpinLockFromDpcLevel(L), L {where}", "KefReleaseSpinLockFromDpcLevel", lock)
            _same(t, 0, guest.u32(lock), "the lock's Value", "lock-anywhere")
    irql = t.rng.choice((0, 1, 2))
    guest.set(guest.pcr(), "KPCR.Irql", irql)
    lock = locks[held.index(False)] if False in held else guest.alloc(guest.size("KSPIN_LOCK"))
    told = _call(t, f"KfAcquireSpinLock at IRQL {irql}", "KfAcquireSpinLock", lock) & 0xFF
    _same(t, (irql, 2, True), (told, guest.get(guest.pcr(), "KPCR.Irql"), guest.u32(lock) != 0), "old IRQL, IRQL, held", "lock-taken")


@test("3.2", points=1, title="a held spin lock is waited for", stage="early", features=("SYH-05",), limit=LIMIT)
def spin_lock_held(t):
    guest = t.guest
    lock = guest.alloc(guest.size("KSPIN_LOCK"))
    guest.u32(lock, 1)
    asked = "KefAcquireSpinLockAtDpcLevel(L), which another processor holds"
    written: List[int] = []

    def look(eip: int) -> None:
        written.append(eip)
        t.check(len(written) <= EXCHANGES, asked=asked, expected="once it was found held, the lock is only read",
                seen=f"it is written {len(written)} times", hint=t.hint("lock-line", HINTS["lock-line"]))

    with guest.watching([(lock, 4)], look):
        _spins(t, asked, "KefAcquireSpinLockAtDpcLevel", lock, hint="lock-stolen")
    _same(t, 1, guest.u32(lock), "the lock's Value", "lock-stolen")


@test("3.2", points=3, title="a queued lock: nodes, numbers, tries, and the IRQL", stage="early", features=("SYH-07", "SYH-08"), limit=LIMIT)
def queued_lock(t):
    guest = t.guest
    node_lock = guest.field("KSPIN_LOCK_QUEUE.Lock")[0]
    lock, handle = guest.alloc(guest.size("KSPIN_LOCK")), guest.alloc(12)
    for _ in range(6):
        irql = t.rng.choice((0, 1, 2))
        guest.set(guest.pcr(), "KPCR.Irql", irql)
        guest.write(handle, bytes(t.rng.getrandbits(8) for _ in range(12)))
        suffix, level = t.rng.choice((("", 2), ("AtDpcLevel", irql)))
        asked = f"KeAcquireInStackQueuedSpinLock{suffix} of a free lock at IRQL {irql}"
        with taken_in_one_step(t, asked, lock, 4, "race-lock"):
            _call(t, asked, f"KeAcquireInStackQueuedSpinLock{suffix}", lock, handle)
        _same(t, (handle, 0, lock | OWNER), (guest.u32(lock), guest.u32(handle), guest.u32(handle + node_lock)),
              "the lock's Value, the node's Next and Lock", "queue-node")
        _same(t, level, guest.get(guest.pcr(), "KPCR.Irql"), "the IRQL", "lock-taken")
        _call(t, "its release", f"KeReleaseInStackQueuedSpinLock{'FromDpcLevel' if suffix else ''}", handle)
        _same(t, (0, lock), (guest.u32(lock), guest.u32(handle + node_lock)), "the lock's Value, the node's Lock", "lock-not-freed")
        _same(t, irql, guest.get(guest.pcr(), "KPCR.Irql"), "the IRQL", "lock-not-freed")
    for where, lock in _everywhere(t):
        _one_step(t, f"KeAcquireInStackQueuedSpinLockAtDpcLevel of a free lock {where}", lock, "KeAcquireInStackQueuedSpinLockAtDpcLevel", lock, handle)
        _same(t, (handle, 0, lock | OWNER), (guest.u32(lock), guest.u32(handle), guest.u32(handle + node_lock)),
              "the lock's Value, the node's Next and Lock", "lock-anywhere")
        _call(t, f"its release, {where}", "KeReleaseInStackQueuedSpinLockFromDpcLevel", handle)
        _same(t, (0, lock), (guest.u32(lock), guest.u32(handle + node_lock)), "the lock's Value, the node's Lock", "lock-anywhere")
    for number in range(NUMBERS):
        lock = guest.u32(guest.prcb() + guest.field("KPRCB.LockQueue")[0] + guest.size("KSPIN_LOCK_QUEUE") * number + node_lock) & ~3
        guest.set(guest.pcr(), "KPCR.Irql", DISPATCH_LEVEL)
        _one_step(t, f"KeAcquireQueuedSpinLock({number}), free", lock, "KeAcquireQueuedSpinLock", number)
        _call(t, f"KeReleaseQueuedSpinLock({number}, 2)", "KeReleaseQueuedSpinLock", number, 2)
        _same(t, 0, guest.u32(lock), "the lock's Value", "lock-anywhere")
        held = guest.alloc(4)
        _one_step(t, f"KeTryToAcquireQueuedSpinLock({number}), free", lock, "KeTryToAcquireQueuedSpinLock", number, held)
        _call(t, f"KeReleaseQueuedSpinLock({number}, 2)", "KeReleaseQueuedSpinLock", number, 2)
        _same(t, 0, guest.u32(lock), "the lock's Value", "lock-anywhere")
    number = t.rng.randrange(NUMBERED)
    own = guest.prcb() + guest.field("KPRCB.LockQueue")[0] + guest.size("KSPIN_LOCK_QUEUE") * number
    numbered = guest.u32(own + node_lock) & ~3
    old = guest.alloc(4)
    guest.set(guest.pcr(), "KPCR.Irql", 1)
    guest.u32(own, t.rng.getrandbits(32))  # who was behind it last
    told = _call(t, f"KeTryToAcquireQueuedSpinLock({number}), free", "KeTryToAcquireQueuedSpinLock", number, old, hint="lock-try-free") & 0xFF
    _same(t, (1, own, 0, numbered | OWNER), (told, guest.u32(numbered), guest.u32(own), guest.u32(own + node_lock)),
          "the answer, the lock's Value, the node's Next and Lock", "lock-try-free")
    _call(t, f"KeReleaseQueuedSpinLock({number}, 1)", "KeReleaseQueuedSpinLock", number, 1)
    _same(t, (0, numbered), (guest.u32(numbered), guest.u32(own + node_lock)), "the lock's Value, the node's Lock", "lock-not-freed")
    other = guest.alloc(guest.size("KSPIN_LOCK_QUEUE"))
    guest.u32(numbered, other)  # another processor has it
    told = _call(t, f"KeTryToAcquireQueuedSpinLock({number}), held", "KeTryToAcquireQueuedSpinLock", number, old, hint="lock-try") & 0xFF
    _same(t, (0, other, 0, numbered), (told, guest.u32(numbered), guest.u32(other), guest.u32(own + node_lock)),
          "the answer, the lock's Value, the other's Next, the own node's Lock", "lock-try")
    _same(t, 1, guest.get(guest.pcr(), "KPCR.Irql"), "the IRQL", "lock-try")
    guest.u32(numbered, 0)


@test("3.2", points=2, title="a held queued lock: last of the queue, behind the predecessor", stage="early", features=("SYH-07", "SYH-08"), limit=LIMIT)
def queued_lock_behind(t):
    guest = t.guest
    node_lock = guest.field("KSPIN_LOCK_QUEUE.Lock")[0]
    lock, handle = guest.alloc(guest.size("KSPIN_LOCK")), guest.alloc(12)
    first, second = (guest.alloc(guest.size("KSPIN_LOCK_QUEUE")) for _ in range(2))
    guest.u32(first, second)
    guest.u32(first + node_lock, lock | OWNER)
    guest.u32(second + node_lock, lock | WAIT)
    guest.u32(lock, second)
    guest.write(handle, bytes(t.rng.getrandbits(8) for _ in range(12)))
    _spins(t, "KeAcquireInStackQueuedSpinLockAtDpcLevel of a lock with an owner and one that waits", "KeAcquireInStackQueuedSpinLockAtDpcLevel", lock,
           handle, hint="queue-link")
    _same(t, (handle, handle, second), (guest.u32(lock), guest.u32(second), guest.u32(first)),
          "the lock's Value, the predecessor's Next, the owner's Next", "queue-link")
    _same(t, (0, lock | WAIT, lock | OWNER), (guest.u32(handle), guest.u32(handle + node_lock), guest.u32(first + node_lock)),
          "the node's Next and Lock, the owner's Lock", "queue-node")


@test("3.2", points=2, title="the release hands over to the successor, even to one that is late", stage="early", features=("SYH-07", "SYH-08"), limit=LIMIT)
def queued_lock_handed_over(t):
    guest = t.guest
    node_lock = guest.field("KSPIN_LOCK_QUEUE.Lock")[0]
    lock, handle = guest.alloc(guest.size("KSPIN_LOCK")), guest.alloc(12)
    others = [guest.alloc(guest.size("KSPIN_LOCK_QUEUE")) for _ in range(t.rng.randint(1, 3))]
    for node, behind in zip(others, others[1:] + [0]):
        guest.u32(node, behind)
        guest.u32(node + node_lock, lock | WAIT)
    guest.u32(handle, others[0])
    guest.u32(handle + node_lock, lock | OWNER)
    guest.u32(lock, others[-1])
    _call(t, f"the release of a queued lock with {len(others)} behind", "KeReleaseInStackQueuedSpinLockFromDpcLevel", handle)
    _same(t, (others[-1], lock), (guest.u32(lock), guest.u32(handle + node_lock)), "the lock's Value, the own node's Lock", "queue-handover")
    wanted = [lock | OWNER] + [lock | WAIT] * (len(others) - 1)
    _same(t, tuple(wanted), tuple(guest.u32(node + node_lock) for node in others), "the others' Lock", "queue-handover")
    guest.u32(handle, 0)  # the successor is the last already, and has not linked itself
    guest.u32(handle + node_lock, lock | OWNER)
    guest.u32(others[-1] + node_lock, lock | WAIT)
    _spins(t, "the release of a queued lock whose Value names another node, while Next is still nullptr",
           "KeReleaseInStackQueuedSpinLockFromDpcLevel", handle, hint="queue-late")
    _same(t, (others[-1], lock | WAIT), (guest.u32(lock), guest.u32(others[-1] + node_lock)), "the lock's Value, the other's Lock", "queue-late")


@test("3.2", points=2, title="a lock-free list: entries, depth and sequence", stage="early", features=("SYH-04", "SYH-03"), limit=LIMIT)
def slist(t):
    guest = t.guest
    head = guest.alloc(8)
    entries = [guest.alloc(8) for _ in range(9)]
    depth, sequence = 0, 0x10000 - t.rng.randint(10, 40)  # it starts again from 0 on the way
    guest.u16(head + 6, sequence)
    stack: List[int] = []
    opening = [FLUSH, POP, PUSH, PUSH, POP, POP, POP, PUSH, PUSH, FLUSH, FLUSH]
    for number in range(70):
        before = guest.read(head, 8)
        first = entries[stack[0]] if stack else 0
        chosen = opening[number] if number < len(opening) else t.rng.choices((PUSH, POP, FLUSH), (50, 43, 7))[0]
        free = [number for number in range(9) if number not in stack]
        if chosen == PUSH and free:
            number = t.rng.choice(free)
            guest.u32(entries[number], t.rng.getrandbits(32))
            told = _change(t, f"InterlockedPushEntrySList(E{number}) on {_names(stack)}", "InterlockedPushEntrySList", head, entries[number])
            stack.insert(0, number)
        elif chosen != FLUSH:
            told = _change(t, f"InterlockedPopEntrySList() on {_names(stack)}", "InterlockedPopEntrySList", head)
            stack = stack[1:]
        else:
            told = _change(t, f"InterlockedFlushSList() on {_names(stack)}", "InterlockedFlushSList", head)
            stack = []
        changes = guest.u16(head + 6) - sequence & 0xFFFF
        again = changes > 1 or chosen == FLUSH and changes and not told  # it was done, and begun once more
        _same(t, first, told, "it returns", "slist-again" if again else "slist-order" if first else "slist-empty")
        if not first and not stack:
            _same(t, before.hex(), guest.read(head, 8).hex(), "the head of an empty list", "slist-empty")
            continue
        seen, entry = [], guest.u32(head)
        while entry in entries and len(seen) < 10:
            seen.append(entries.index(entry))
            entry = guest.u32(entry)
        _same(t, (stack, 0), (seen, entry), "the entries of the list, and its end", "slist-order")
        depth, sequence = len(stack), sequence + 1 & 0xFFFF
        _same(t, (depth, sequence), (guest.u16(head + 4), guest.u16(head + 6)), "Depth and Sequence", "slist-depth")
    _long_list(t)


def _change(t, asked: str, routine: str, head: int, *arguments: int) -> int:
    """A list's head is changed in one step, or not at all."""
    with taken_in_one_step(t, asked, head, 8, "race-list"):
        return _call(t, asked, routine, head, *arguments)


def _long_list(t) -> None:
    """More entries than a byte counts, put there by the host."""
    guest = t.guest
    head, entries = guest.alloc(8), guest.alloc(8 * (LONG_LIST + 1))
    places = [entries + 8 * number for number in range(LONG_LIST + 1)]
    guest.write(entries, b"".join(place.to_bytes(4, "little") + bytes(4) for place in [*places[1:LONG_LIST], 0]))
    sequence = t.rng.randint(0x1000, 0x8000)
    guest.write(head, entries.to_bytes(4, "little") + LONG_LIST.to_bytes(2, "little") + sequence.to_bytes(2, "little"))
    for routine, arguments, depth in (("InterlockedPushEntrySList", (head, places[-1]), LONG_LIST + 1), ("InterlockedPopEntrySList", (head,), LONG_LIST)):
        _call(t, f"{routine} on a list of {guest.u16(head + 4)} entries", routine, *arguments)
        sequence += 1
        _same(t, (depth, sequence), (guest.u16(head + 4), guest.u16(head + 6)), "Depth and Sequence", "slist-depth")


def _everywhere(t) -> Iterator[Tuple[str, int]]:
    """A free lock in each kind of place, some of them several times; each time on a processor of another number, and at another time."""
    guest = t.guest
    size, stack = guest.size("KSPIN_LOCK"), guest.u32(guest.pcr() + guest.field("KPCR.NtTib")[0] + 8)
    pool = guest.call("ExAllocatePoolWithTag", 0, 2048, 0x6B636F4C)
    area = guest.alloc(2048)
    places = [("of the kernel's own", guest.sym("KiQueuedSpinLock") + size * t.rng.randrange(NUMBERS)),
              ("in the processor's block", guest.prcb() + guest.field("KPRCB.PrcbLock")[0])]
    for _ in range(3):
        places += [("in pool", pool + 4 * t.rng.randrange(500)), ("in a driver's data", area + 4 * t.rng.randrange(500)),
                   ("on a stack", stack + 256 + 4 * t.rng.randrange(64))]
    for _, lock in places[2:]:
        guest.write(lock, bytes(size))
    t.rng.shuffle(places)
    regions, blocks = guest.pcr(), guest.prcb()
    before = guest.get(regions, "KPCR.Number"), guest.get(blocks, "KPRCB.Number")
    for name in CLOCKS:
        guest.u32(guest.sym(name), t.rng.getrandbits(32))  # hours to months
    try:
        for where, lock in places:
            processor = t.rng.randrange(PROCESSORS)
            guest.set(regions, "KPCR.Number", processor)
            guest.set(blocks, "KPRCB.Number", processor)
            guest.set(regions, "KPCR.Irql", DISPATCH_LEVEL)
            yield f"{where}, on processor {processor}", lock
    finally:
        guest.set(regions, "KPCR.Number", before[0])
        guest.set(blocks, "KPRCB.Number", before[1])


def _one_step(t, asked: str, lock: int, routine: str, *arguments: int) -> None:
    """A free lock is taken: by one instruction, and whatever the time is."""
    clocks = [(t.guest.sym(name), 12) for name in CLOCKS]

    def late(eip: int) -> None:
        if t.guest.get(t.guest.pcr(), "KPCR.Irql") >= CLOCK_LEVEL:
            return
        t.fail(asked=asked, expected="the lock's word alone says what is done", seen=f"{t.guest.describe(eip - 1)} looks how late it is",
               hint=t.hint("lock-anywhere", HINTS["lock-anywhere"]))

    with taken_in_one_step(t, asked, lock, 4, "race-lock"), t.guest.watching(clocks, late, reads=True):
        _call(t, asked, routine, *arguments)


def _call(t, asked: str, routine: str, *arguments: int, hint: str = "") -> int:
    hint = hint or next(name for part, name in STOPS if part in routine)
    t.asking(asked, t.hint(hint, HINTS[hint]))
    return t.guest.call(routine, *arguments, conv="fastcall")


def _spins(t, asked: str, routine: str, *arguments: int, hint: str) -> None:
    """A routine that cannot come back now: another processor would have to do something first."""
    t.asking(asked, t.hint(hint, HINTS[hint]))
    try:
        t.guest.call(routine, *arguments, conv="fastcall", limit=SPIN)
    except TooManyInstructions:
        t.guest.moved()
        t.guest.wake_where_interrupted()
        yields = any(t.guest.read(t.guest.step()["eip"], 2) == PAUSE for _ in range(ROUND))
        t.check(yields, asked=asked, expected="each round of the spin tells the processor: YieldProcessor", seen=f"{ROUND} instructions without it",
                hint=t.hint("lock-yield", HINTS["lock-yield"]))
        return
    t.fail(asked=asked, expected="the processor spins", seen="the call returns", hint=t.hint(hint, HINTS[hint]))


def _same(t, wanted, seen, what: str, hint: str) -> None:
    t.check(wanted == seen, asked=f"{t.question}: {what}", expected=_show(wanted), seen=_show(seen), hint=t.hint(hint, HINTS[hint]))


def _show(value) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_show, value))
    return f"{value:#x}" if isinstance(value, int) and not isinstance(value, bool) and value > 9 else str(value)


def _names(stack: List[int]) -> str:
    return " ".join(f"E{number}" for number in stack) or "an empty list"
