"""1.7: services are called, from user mode and from the kernel (kernel/ntos/ke/i386/servicecall.S, servicefault.cpp), by a program of the host's."""

from __future__ import annotations

import struct
from typing import List

from grader.api import Hint, test

from .userbench import (ACCESS, DATA, FAST_DONE, FRAME_EIP, FRAME_SEG_CS, GATE_DONE, GUARD, HINTS, INVALID_HANDLE, KERNEL, MASK, MISALIGNED, NO_SERVICE, PAGE, SHARED_DATA, STACK, STOPS, SUCCESS, USER,
                        USER_END, Program)

FEATURES = ("TRP-03", "TRP-04", "TRP-05", "TRP-06")
LIMIT = 60_000_000
BOOT = Hint("user-call", HINTS["user-call"])
ODD = 0x123  # a status of a service's own
DISPATCH = 2


@test("1.7", points=2, title="a number leads to its service, which finds its arguments", stage="ready", features=FEATURES, limit=LIMIT)
def services_called(t):
    program = Program(t, tables=(1, 3))
    rng = t.rng
    for round_ in range(24):
        number, words = _any_service(program)
        gate = round_ % 3 != 0 or not program.fast
        what = _what(program, number, len(words), gate)
        program.asking(what)
        at = STACK + PAGE + 4 * rng.randrange(8, 300) + (rng.randrange(4) if gate else 0)
        t.guest.write(at, struct.pack(f"<{len(words)}I", *words))
        junk = rng.getrandbits(18) << 14
        _, now = program.call(number | junk, at, gate)
        program.came(what, now, number, words)
        program.same(f"{what}: interrupts in the service", 1, now["eflags"] >> 9 & 1, "user-call")
        status, takes = rng.choice((0, ODD, 0xC0000022, rng.getrandbits(32))), rng.random() < 0.6
        _, now = program.leave(now, status, len(words), takes)
        program.returned(what + ("" if takes else ", which leaves its arguments on the stack"), now, status, "service-status" if takes else "service-stack",
                         GATE_DONE if gate else FAST_DONE)


@test("1.7", points=1, title="a number without a service is refused, and nothing is read", stage="ready", features=FEATURES, limit=LIMIT)
def numbers_refused(t):
    program = Program(t)
    limit = len(program.services[1])
    zero = t.guest.u32(t.guest.sym("KeServiceDescriptorTable") + 8)
    numbers = [0x1000 | limit, 0x1000 | limit + 1, 0x1FFF, 0x2000, 0x2000 | limit, 0x3000, 0x3FFF, zero, 0xFFF, 0xFFFFFFFF, 0xFFFFE000]
    for number in numbers:
        for at in (STACK + PAGE, t.rng.choice((0, 4, USER_END, 0x80100000, MASK))):
            gate = not program.can_return(at) or not program.fast
            what = f"service {number:#x}, which does not exist, with arguments at {at:#x}, by {'int 2Eh' if gate else 'sysenter'}"
            program.asking(what, "service-number")
            _, now = program.call(number, at, gate)
            program.returned(what, now, NO_SERVICE, "service-number", GATE_DONE if gate else FAST_DONE)
    for table, services in program.services.items():
        for place, (_, words) in enumerate(services):  # and the last place of the table is one
            _there(program, table << 12 | place, words)


@test("1.7", points=2, title="arguments that user mode does not have are refused", stage="ready", features=FEATURES, limit=LIMIT)
def arguments_refused(t):
    program = Program(t)
    rng = t.rng
    none, hole, read = (DATA + PAGE * number for number in (4, 6, 2))
    bad = [(0, 1), (1, 1), (none, 1), (none + PAGE - 4, 1), (hole, 1), (none - 4, 2), (hole - 8, 5), (none - 3, 1), (USER_END - 4, 1), (USER_END, 1), (USER_END + PAGE, 1),
           (SHARED_DATA + PAGE - 4, 2), (0x7FFFFFFC, 1), (0x80000000, 1), (t.guest.scratch, 3), (0xC0000000, 1), (0xFFFFF000, 1), (MASK - 3, 1), (MASK, 2),
           (USER_END - 40, 17), (t.guest.pcr(), 2)]
    for at, words in bad:
        gate = rng.random() < 0.5 or not program.fast
        _refused(program, at, words, gate, ACCESS)
    for number in program.guards[:2]:
        _refused(program, DATA + PAGE * (number + 1) - 4 * rng.randrange(1, 6), 1 + rng.randrange(5), True, GUARD)
        _taken(program, DATA + PAGE * (number + 1) - 4, 1)  # the guard is gone
    _refused(program, DATA + PAGE * program.guards[2] - 8, 3, program.fast is False, GUARD)
    _taken(program, SHARED_DATA + PAGE - 4, 1)
    _taken(program, read + 5, 17)
    _taken(program, none - 4 * 3, 3)


@test("1.7", points=2, title="arguments change while the service runs", stage="ready", features=FEATURES, limit=LIMIT)
def arguments_change(t):
    """Another thread rewrites them: at the copy, and in the service."""
    program, rng, guest = Program(t), t.rng, t.guest
    for round_ in range(8):
        number, words = _any_service(program, least=1)
        gate = round_ % 2 == 0 or not program.fast
        what = _what(program, number, len(words), gate) + ", which another thread rewrites"
        program.asking(what, "service-once")
        at = STACK + PAGE + 4 * rng.randrange(8, 300)
        guest.write(at, struct.pack(f"<{len(words)}I", *words))
        _, now = program.call(number, at, gate, more=("KiCopyArguments",))
        if now["eip"] != guest.sym("KiCopyArguments"):
            program.fail("the arguments are read by the instruction at KiCopyArguments", f"the kernel is at {program.where(now['eip'])}", "service-fault")
        words = [rng.getrandbits(32) for _ in words]  # the copy has read nothing yet
        guest.write(at, struct.pack(f"<{len(words)}I", *words))
        _, now = program._on({})
        program.came(what, now, number, words)
        guest.write(at, struct.pack(f"<{len(words)}I", *(rng.getrandbits(32) for _ in words)))
        program.came(what + "; after they were rewritten", now, number, words, "service-once")
        if now["esp"] < 0x80000000:
            program.fail("the service's stack is the kernel's", f"it is at {now['esp']:#x}", "service-once")
        _, now = program.leave(now, ODD, len(words))
        program.returned(what, now, ODD, "service-status", GATE_DONE if gate else FAST_DONE)


@test("1.7", points=2, title="each service knows who called it, and the outer one's state is its own again", stage="ready", features=FEATURES, limit=LIMIT)
def modes_kept(t):
    program, rng, guest = Program(t), t.rng, t.guest
    for round_ in range(6):
        number, words = _any_service(program)
        gate = round_ % 2 == 0 or not program.fast
        what = _what(program, number, len(words), gate)
        program.asking(what, "service-mode")
        at = STACK + PAGE + 4 * rng.randrange(8, 300)
        guest.write(at, struct.pack(f"<{len(words)}I", *words))
        _, outer = program.call(number, at, gate)
        program.came(what, outer, number, words)
        _state(program, what, USER)
        guest.u32(guest.pcr(), outer["esp"] - 16)  # a record of the service's own
        depth = rng.randrange(1, 4)
        levels: List[tuple] = []
        now = outer
        for level in range(depth):
            one, inside = _any_service(program)
            said = f"{what}; in it {'a service calls ' * level}service {one:#x} by a Zw stub"
            program.asking(said, "service-mode")
            levels.append((program.frame(), program.chain(), program.mode(), now, said))
            _, now = program.inner(now, one, inside)
            program.came(said, now, one, inside, "service-kernel")
            _state(program, said, KERNEL)
            levels[-1] += (len(inside),)
        for frame, chain, mode, back, said, count in reversed(levels):
            status = rng.getrandbits(32)
            _, now = program.leave(now, status, count, rng.random() < 0.5)
            if now["eip"] != program.inner_done:
                program.fail(f"{said}: it returns to the service that called", f"the kernel is at {program.where(now['eip'])}", "service-stack")
            program.same(f"{said}: its status", status, now["eax"], "service-status")
            program.same(f"{said}: PreviousMode behind it", mode, program.mode(), "service-mode")
            program.same(f"{said}: TrapFrame behind it", frame, program.frame(), "service-frame")
            program.same(f"{said}: fs:[0] behind it", chain, program.chain(), "service-chain")
            now = back
        program.asking(what, "service-mode")
        guest.u32(guest.pcr(), MASK)
        _, now = program.leave(outer, ODD, len(words))
        program.returned(what, now, ODD, "service-status", GATE_DONE if gate else FAST_DONE)
        program.same(f"{what}: PreviousMode in user mode", USER, program.mode(), "service-mode")


@test("1.7", points=1, title="the kernel's own arguments: anywhere, and there", stage="ready", features=FEATURES, limit=LIMIT)
def kernel_arguments(t):
    program, rng, guest = Program(t), t.rng, t.guest
    number, words = _any_service(program)
    at = STACK + PAGE
    guest.write(at, struct.pack(f"<{len(words)}I", *words))
    _, outer = program.call(number, at)
    program.came(_what(program, number, len(words), True), outer, number, words)
    for place in (STACK + 40, 0):  # the kernel may pass what lies in user memory, too
        one, inside = _any_service(program, least=1)
        what = f"service {one:#x}, called by a Zw stub with arguments at " + (f"{place:#x}" if place else "the kernel's")
        program.asking(what, "service-kernel")
        if place:
            guest.write(place, struct.pack(f"<{len(inside)}I", *inside))
        _, now = program.inner(outer, one, inside, at=place)
        program.came(what, now, one, inside, "service-kernel")
        _, now = program.leave(now, ODD, len(inside))
        program.same(f"{what}: where the kernel goes on", program.inner_done, now["eip"], "service-stack")
    one, inside = _any_service(program, least=1)
    bad = DATA + PAGE * 4
    what = f"service {one:#x}, called by a Zw stub with arguments at {bad:#x}, which cannot be read: the kernel is wrong, and must not go on"
    program.asking(what, "service-fault")
    _, now = program.inner(outer, one, inside, at=bad, more=("KeBugCheck2",))
    program.same(what, guest.describe(guest.sym("KeBugCheck2")), program.where(now["eip"]), "service-fault")


@test("1.7", points=2, title="a service that leaves traces does not come back to user mode", stage="ready", features=FEATURES, limit=LIMIT)
def traces_found(t):
    program, rng, guest = Program(t), t.rng, t.guest
    pcr = guest.pcr()
    traces = [("at DISPATCH_LEVEL", pcr, "KPCR.Irql", DISPATCH), ("at APC_LEVEL", pcr, "KPCR.Irql", 1), ("with KernelApcDisable", program.thread, "KTHREAD.KernelApcDisable", 0xFFFF),
              ("with SpecialApcDisable", program.thread, "KTHREAD.SpecialApcDisable", 0xFFFF), ("attached to a process", program.thread, "KTHREAD.ApcStateIndex", 1)]
    rng.shuffle(traces)
    for round_, (trace, structure, field, value) in enumerate(traces):
        number, words = _any_service(program)
        gate = round_ % 2 == 0 or not program.fast
        at = STACK + PAGE + 4 * rng.randrange(8, 300)
        what = _what(program, number, len(words), gate)
        guest.write(at, struct.pack(f"<{len(words)}I", *words))
        program.asking(what, "service-traces")
        _, outer = program.call(number, at, gate)
        program.came(what, outer, number, words)
        one, inside = _any_service(program)
        _, now = program.inner(outer, one, inside)
        program.came(what, now, one, inside)
        said = f"{what}; in it a service of the kernel's own ends {trace}"
        program.asking(said, "service-traces")
        was = guest.get(structure, field)
        with guest.uninterrupted():
            guest.set(structure, field, value)
            _, now = program.leave(dict(now), SUCCESS, len(inside))
            guest.set(structure, field, was)
        program.same(f"{said}: where the kernel goes on", program.inner_done, now["eip"], "service-traces")
        said = f"{what}, which ends {trace}"
        program.asking(said, "service-traces")
        stack = guest.read(outer["esp"], guest.get(program.thread, "KTHREAD.InitialStack") - outer["esp"])
        guest.set(structure, field, value)
        _, now = program.leave(outer, SUCCESS, len(words))
        guest.set(structure, field, was)
        program.same(f"{said}: where the kernel goes on", guest.describe(guest.sym(STOPS)), program.where(now["eip"]), "service-traces")
        address = program.services[1][number & 0xFFF][0]
        program.same(f"{said}: the service that KiServiceLeftTraces is told (%ebx)", address, guest.u32(now["esp"] + 4), "service-traces")
        guest.write(outer["esp"], stack)  # and once more, without a trace
        _, now = program.leave(outer, ODD, len(words))
        program.returned(what, now, ODD, "service-status", GATE_DONE if gate else FAST_DONE)


@test("1.7", points=2, title="a hostile program calls the system's services", stage="ready", features=FEATURES, limit=400_000_000)
def hostile_program(t):
    program, rng, guest = Program(t), t.rng, t.guest
    good, none, hole, read = STACK + 64, DATA + 4 * PAGE, DATA + 6 * PAGE, DATA + 2 * PAGE
    canary = guest.alloc(64)
    kept = bytes(rng.getrandbits(8) for _ in range(64))
    guest.write(canary, kept)
    unwritable = [0, 4, none, none + PAGE - 4, hole + 8, USER_END - 8, USER_END, USER_END + 64, SHARED_DATA + PAGE - 4, 0x80000000, canary, MASK - 7, 0xFFFFFFF0, 0xC0300000]
    written = [*unwritable, read, read + 16, none - 4, SHARED_DATA]
    handles = [0, 4, 0x1234, 0x7FFFFFFC, 0x80000004, 0xFFFFFFF8, rng.getrandbits(31) & ~3]
    system, counter, close = "NtQuerySystemTime", "NtQueryPerformanceCounter", "NtClose"
    tries = [(system, (at,), ACCESS) for at in written]
    tries += [(system, (at + 1,), MISALIGNED) for at in (good, 0x80000000, none)]
    tries += [(counter, (good, at), ACCESS) for at in written if at] + [(counter, (at, good), ACCESS) for at in written]
    tries += [("NtDelayExecution", (0, at), ACCESS) for at in unwritable]
    tries += [("NtCreateEvent", (at, 0x1F0003, 0, 0, 0), ACCESS) for at in (*unwritable, read, read + 16)]
    tries += [("NtCreateEvent", (good, 0x1F0003, at, 0, 0), ACCESS) for at in unwritable if at]
    tries += [(close, (handle,), INVALID_HANDLE) for handle in handles]
    tries += [("NtSetEvent", (handle, 0), INVALID_HANDLE) for handle in handles]
    tries += [(system, (good,), SUCCESS), (counter, (good, good + 8), SUCCESS), (counter, (good, 0), SUCCESS)]
    numbers = {name: _number(t, name) for name in {one[0] for one in tries}}
    before = _handles(program)
    rng.shuffle(tries)
    for name, words, status in tries:
        gate = rng.random() < 0.5 or not program.fast
        at = STACK + PAGE + 16
        program.inside.write(at, struct.pack(f"<{len(words)}I", *words))
        what = f"{name}({', '.join(f'{word:#x}' for word in words)})"
        program.asking(what, "capture-status")
        _, now = program.call(numbers[name], at, gate)
        program.returned(what, now, status, "capture-status", GATE_DONE if gate else FAST_DONE)
        program.same(f"{what}: kernel memory that a pointer leads to", kept.hex(), guest.read(canary, 64).hex(), "probe-range")
    program.same("handles of the process afterwards", before, _handles(program), "capture-status")


def _any_service(program: Program, least: int = 0):
    """A number of a service, and arguments for it."""
    rng = program.t.rng
    table = rng.choice(sorted(program.services))
    places = [place for place, (_, words) in enumerate(program.services[table]) if words >= least]
    place = rng.choice(places)
    return table << 12 | place, [rng.getrandbits(32) for _ in range(program.services[table][place][1])]


def _what(program: Program, number: int, words: int, gate: bool) -> str:
    return f"service {number:#x} with {words} words of arguments, by {'int 2Eh' if gate else 'sysenter'}"


def _state(program: Program, what: str, mode: int) -> None:
    """What a service has of its own."""
    guest, frame = program.guest, program.frame()
    program.same(f"{what}: PreviousMode", mode, program.mode(), "service-mode")
    program.same(f"{what}: fs:[0]", MASK, program.chain(), "service-chain")
    program.same(f"{what}: mode of the frame that TrapFrame leads to", mode, guest.u32(frame + FRAME_SEG_CS) & 1 if frame else -1, "service-frame")
    if mode == KERNEL:
        program.same(f"{what}: Eip of the frame that TrapFrame leads to", program.inner_done, guest.u32(frame + FRAME_EIP), "service-frame")


def _refused(program: Program, at: int, words: int, gate: bool, status: int) -> None:
    number = _of_words(program, words)
    what = f"{_what(program, number, words, gate)} at {at:#x}"
    hint = "service-range" if at + 4 * words > USER_END else "service-fault"
    program.asking(what, hint)
    if gate or program.can_return(at):
        _, now = program.call(number, at, gate)
        if now["eip"] == FAST_DONE or gate:
            return program.returned(what, now, status, hint, GATE_DONE if gate else FAST_DONE)
        program.fail(f"{what}: the call returns, status {status:#x}", f"the kernel is at {program.where(now['eip'])}", hint)
    _, now = program.call(number, at)
    program.returned(what, now, status, hint)


def _taken(program: Program, at: int, words: int) -> None:
    """Arguments that can be read, wherever they are."""
    number, guest = _of_words(program, words), program.guest
    what = f"{_what(program, number, words, True)} at {at:#x}"
    program.asking(what, "service-arguments")
    wanted = struct.unpack(f"<{words}I", program.known(at, 4 * words))
    _, now = program.call(number, at)
    program.came(what, now, number, wanted, "service-range")
    _, now = program.leave(now, ODD, words)
    program.returned(what, now, ODD, "service-status")


def _there(program: Program, number: int, words: int) -> None:
    """A service that exists."""
    what = _what(program, number, words, True)
    program.asking(what, "service-number")
    _, now = program.call(number, STACK + 2 * PAGE)
    program.came(what, now, number, [0] * words)
    _, now = program.leave(now, ODD, words)
    program.returned(what, now, ODD, "service-status")


def _of_words(program: Program, words: int) -> int:
    """A service of the host's table gets this many words of arguments."""
    table = program.guest.sym("KeServiceDescriptorTable") + 16
    place = program.t.rng.randrange(len(program.services[1]))
    program.guest.u8(program.guest.u32(table + 12) + place, 4 * words)
    program.services[1][place] = (program.services[1][place][0], words)
    return 0x1000 | place


def _number(t, name: str) -> int:
    guest = t.guest
    table, limit = guest.u32(guest.sym("KeServiceDescriptorTable")), guest.u32(guest.sym("KeServiceDescriptorTable") + 8)
    wanted = guest.sym(name)
    return next(number for number in range(limit) if guest.u32(table + 4 * number) == wanted)


def _handles(program: Program) -> int:
    guest = program.guest
    table = guest.u32(program.process + guest.u32(guest.sym("LabObjectTable"))) if guest.u32(guest.sym("LabObjectTable")) else 0
    return guest.u32(table + 36) if table else 0
