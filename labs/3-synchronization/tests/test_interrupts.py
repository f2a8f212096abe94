"""3.1 IRQL and DPC delivery: what is held back, when it comes, and in which order."""

from __future__ import annotations

from contextlib import nullcontext
from typing import List, Optional

from grader.api import Bugcheck, Hint, test

from .dpcs import HIGH as URGENT
from .dpcs import LOW, MEDIUM, MEDIUM_HIGH, DpcBench
from .hints import HINTS

LIMIT = 20_000_000
PASSIVE, APC, DISPATCH, DEVICE, HIGH = 0, 1, 2, 5, 31
DISPATCH_PLACE, APC_PLACE, REPLAY_PLACE = "KiDispatchInterrupt", "KiDeliverApc", "HalpReplayInterrupt"
PLACES = (DISPATCH_PLACE, APC_PLACE, REPLAY_PLACE)
FIRST_DEVICE = 3  # DEVICE_LEVEL_FIRST
EFLAGS_IF = 0x200
IRQL_NOT_LESS_OR_EQUAL = 0x0A
BOOT = Hint("irql-boot", HINTS["irql-boot"])


@test("3.1", points=2, title="the queue: order, depth, and each DPC once", stage="early", features=("INT-05", "INT-06"), limit=LIMIT)
def dpc_queue(t):
    bench = DpcBench(t, 7)
    for number, level in zip(t.rng.sample(range(7), 7), (LOW, MEDIUM, MEDIUM_HIGH, MEDIUM, URGENT, URGENT, URGENT)):
        bench.importance(number, level)
        bench.aim(number, t.rng.choice((None, 0)))  # this processor, or the first one: that is the same
    bench.aim(0, 0)
    for _ in range(50):
        number = t.rng.randrange(7)
        choice = t.rng.random()
        if choice < 0.6:
            bench.insert(number)
        elif choice < 0.85:
            bench.remove(number)
        else:
            bench.importance(number, t.rng.randrange(4))
    bench.trace()


@test("3.1", points=2, title="when a DPC asks for an interrupt", stage="early", features=("INT-05", "INT-06", "INT-08"), limit=LIMIT)
def dpc_requests(t):
    bench = DpcBench(t, 8)
    for round_ in range(4):
        for number in range(8):
            bench.importance(number, t.rng.randrange(4) if round_ else 0)
        bench.rate(t.rng.choice((0, 1000)), t.rng.randint(2, 5))
        chosen = t.rng.sample(range(8), t.rng.randint(2, 8))
        if round_:
            bench.importance(chosen[-1], URGENT)
        for number in chosen:
            bench.insert(number)
        bench.retire()
    bench.threaded(t.rng.randrange(8))
    for level in t.rng.sample(range(4), 4):
        bench.elsewhere(t.rng.randrange(8), level)
    bench.trace()


@test("3.1", points=2, title="retiring: every DPC once, also those that come meanwhile", stage="early", features=("INT-05", "INT-06"), limit=LIMIT)
def dpc_retire(t):
    bench = DpcBench(t, 8)
    bench.retire()
    for _ in range(5):
        for number in range(8):
            bench.importance(number, t.rng.choice((1, 1, 2)))
            bench.plan(number, t.rng.choice((0, 0, 1, 2)), t.rng.randrange(8))
        chosen = t.rng.sample(range(8), t.rng.randint(1, 8))
        for number in chosen:
            bench.insert(number)
        bench.insert(chosen[0])  # it is queued already
        if t.rng.random() < 0.5:
            bench.remove(t.rng.randrange(8))
        bench.retire()


@test("3.1", points=2, title="lowering the IRQL delivers what was held back, the highest first; a request while it is low is delivered at once", features=("INT-02", "INT-05", "SYH-02"), limit=LIMIT)
def lower_irql(t):
    cases = [(HIGH, PASSIVE, (APC, DISPATCH)), (DISPATCH, APC, (APC, DISPATCH)), (DISPATCH, PASSIVE, (APC,)), (DEVICE, DISPATCH, (APC, DISPATCH)),
             (APC, PASSIVE, (APC,)), (HIGH, APC, (APC,)), (DISPATCH, DISPATCH, (DISPATCH,)), (APC, PASSIVE, (DISPATCH,)), (DEVICE, PASSIVE, ())]
    device = t.rng.randint(FIRST_DEVICE + 1, 20)
    cases += [(HIGH, PASSIVE, (FIRST_DEVICE, DISPATCH, APC)), (HIGH, DISPATCH, (device, FIRST_DEVICE)), (HIGH, device, (device, APC))]
    t.rng.shuffle(cases)
    for irql, target, pending in cases:
        wanted = [level for level in sorted(pending, reverse=True) if level > target]
        _deliver(t, f"KfLowerIrql({target}) at IRQL {irql}", "KfLowerIrql", target, irql, target, pending, wanted)
    for level, irql in t.rng.sample([(APC, PASSIVE), (DISPATCH, PASSIVE), (DISPATCH, APC), (APC, APC), (DISPATCH, DISPATCH), (APC, HIGH)], 6):
        _deliver(t, f"HalRequestSoftwareInterrupt({level}) at IRQL {irql}", "HalRequestSoftwareInterrupt", level, irql, irql, (),
                 [level] if level > irql else [], "irql-request")
    for irql, target, pending in t.rng.sample([(HIGH, PASSIVE, (APC, DISPATCH)), (DEVICE, APC, (DISPATCH,)), (DEVICE, DISPATCH, ())], 3):
        _deliver(t, f"HalpDeliverPending({target}) at IRQL {irql} with interrupts off", "HalpDeliverPending", target, irql, target, pending,
                 sorted(pending, reverse=True), off=True)


@test("3.1", points=1, title="asking for a software interrupt; interrupts off; and no raising", stage="early",
      features=("INT-02", "INT-05", "SYH-02"), limit=LIMIT)
def request_and_hold_back(t):
    guest = t.guest
    pcr = guest.pcr()
    for level in t.rng.sample((APC, DISPATCH), 2):
        for irql in t.rng.sample((PASSIVE, APC, DISPATCH, HIGH), 4):  # interrupts are off at this stage: nothing is delivered
            other = t.rng.choice((0, 1 << APC, 1 << DISPATCH))
            guest.set(pcr, "KPCR.IRR", other)
            guest.set(pcr, "KPCR.Irql", irql)
            asked = f"HalRequestSoftwareInterrupt({level}) at IRQL {irql}, interrupts off"
            t.asking(asked, _hint(t, "irql-flag"))
            place, _ = guest.call_or_stop("HalRequestSoftwareInterrupt", level, conv="fastcall", stops=PLACES)
            t.check(not place, asked=asked, expected="nothing is delivered", seen=f"{place} is called", hint=_hint(t, "irql-flag"))
            _state(t, asked, irql, other | 1 << level)
            target = t.rng.choice([one for one in (PASSIVE, APC, DISPATCH) if one <= irql])
            asked = f"KfLowerIrql({target}) at IRQL {irql}, interrupts off"
            t.asking(asked, _hint(t, "irql-flag"))
            place, _ = guest.call_or_stop("KfLowerIrql", target, conv="fastcall", stops=PLACES)
            t.check(not place, asked=asked, expected="nothing is delivered", seen=f"{place} is called", hint=_hint(t, "irql-flag"))
            _state(t, asked, target, other | 1 << level)
    guest.set(pcr, "KPCR.IRR", 0)
    guest.set(pcr, "KPCR.Irql", APC)
    t.asking("KfLowerIrql(DISPATCH_LEVEL) at APC_LEVEL", _hint(t, "irql-raised"))
    try:
        guest.call("KfLowerIrql", DISPATCH, conv="fastcall")
    except Bugcheck as bugcheck:
        t.check(bugcheck.code == IRQL_NOT_LESS_OR_EQUAL and bugcheck.parameters[:2] == (APC, DISPATCH),
                expected="bugcheck 0xA IRQL_NOT_LESS_OR_EQUAL (1, 2, ...)", seen=str(bugcheck), hint=_hint(t, "irql-raised"))
        return
    t.fail(expected="bugcheck 0xA IRQL_NOT_LESS_OR_EQUAL", seen="the call returns", hint=_hint(t, "irql-raised"))


def _deliver(t, asked: str, routine: str, argument: int, irql: int, after: int, pending: "tuple[int, ...]", wanted: List[int],
             hint: str = "irql-deliver", off: bool = False) -> None:
    """A call with interrupts on, or `off`: which levels are delivered, how, and what is left."""
    guest = t.guest
    pcr = guest.pcr()
    bits = sum(1 << level for level in pending)
    asked += f", pending {[_name(level) for level in pending]}"
    guest.set(pcr, "KPCR.IRR", bits)
    guest.set(pcr, "KPCR.Irql", irql)
    t.asking(asked, _hint(t, hint))
    seen: List[int] = []
    irr, level_now = pcr + guest.field("KPCR.IRR")[0], pcr + guest.field("KPCR.Irql")[0]
    before, due, at = bits, PASSIVE, irql  # due: the software level whose bit is cleared, and whose routine has not been called

    def look(_: int) -> None:
        """KPCR::IRR or KPCR::Irql has changed."""
        nonlocal before, due, at
        now, on = guest.u32(irr), bool(guest.regs()["eflags"] & EFLAGS_IF)
        reached, at = guest.get(pcr, "KPCR.Irql") != at, guest.get(pcr, "KPCR.Irql")
        cleared, before = before & ~now, now
        t.check(not cleared or not on, asked=asked, expected="a level's bit is cleared with interrupts off", seen="they are on",
                hint=_hint(t, "irql-cleared"))
        t.check(not (due and on and reached and at == due), asked=asked, expected="the IRQL is the level's before interrupts are on",
                seen="they are on when it becomes that", hint=_hint(t, "irql-level"))
        due = DISPATCH if cleared & 1 << DISPATCH else APC if cleared & 1 << APC else due

    conv = "cdecl" if off else "fastcall"
    with guest.uninterrupted() if off else nullcontext(), guest.watching([(irr, 4), (level_now, 1)], look):
        place, registers = guest.call_or_stop(routine, argument, conv=conv, stops=PLACES)
        while place:
            due = PASSIVE
            level = {DISPATCH_PLACE: DISPATCH, APC_PLACE: APC}.get(place, guest.u32(registers["esp"] + 4) & 0xFF)
            if not seen or seen[-1] != level:
                seen.append(level)
            told = (guest.get(pcr, "KPCR.Irql") if level < FIRST_DEVICE else level, bool(registers["eflags"] & EFLAGS_IF))
            t.check(told == (level, level < FIRST_DEVICE), asked=asked,
                    expected=f"{place} at IRQL {level} with interrupts on" if level < FIRST_DEVICE else f"{place}({level}) with interrupts off",
                    seen=f"at IRQL {told[0]} with interrupts {'on' if told[1] else 'off'}", hint=_hint(t, "irql-level"))
            t.check(not guest.u32(irr) & 1 << level, asked=asked, expected=f"the bit of IRQL {level} is clear when {place} is called",
                    seen="it is still set", hint=_hint(t, "irql-bit"))
            # no device is behind the level: the host takes the replay's place
            skipped = {"eip": guest.u32(registers["esp"]), "esp": registers["esp"] + 4} if place == REPLAY_PLACE else {}
            place, registers = guest.go_on(stops=PLACES, **skipped)
    t.check(seen == wanted, asked=asked, expected="delivered: " + (" ".join(map(_name, wanted)) or "nothing"),
            seen="delivered: " + (" ".join(map(_name, seen)) or "nothing"), hint=_hint(t, hint))
    _state(t, asked, after, None)
    left = guest.get(pcr, "KPCR.IRR") & bits
    kept = bits & ~sum(1 << level for level in wanted)
    t.check(left & kept == kept, asked=asked, expected=f"still pending: {kept:#x}", seen=f"{left:#x}", hint=_hint(t, "irql-deliver"))
    words = {True: "on", False: "off"}
    t.check(bool(registers["eflags"] & EFLAGS_IF) != off, asked=asked, expected=f"interrupts are {words[not off]} afterwards", seen=f"they are {words[off]}",
            hint=_hint(t, "irql-flag"))


def _state(t, asked: str, irql: int, irr: Optional[int]) -> None:
    pcr = t.guest.pcr()
    seen = t.guest.get(pcr, "KPCR.Irql")
    t.check(seen == irql, asked=asked, expected=f"IRQL {irql} afterwards", seen=f"IRQL {seen}", hint=_hint(t, "irql-level"))
    if irr is not None:
        found = t.guest.get(pcr, "KPCR.IRR")
        t.check(found == irr, asked=asked, expected=f"KPCR::IRR {irr:#x}", seen=f"{found:#x}", hint=_hint(t, "irql-bit"))


def _name(level: int) -> str:
    return {APC: "APC_LEVEL", DISPATCH: "DISPATCH_LEVEL"}.get(level, f"level {level}")


def _hint(t, name: str):
    return t.hint(name, HINTS[name])
