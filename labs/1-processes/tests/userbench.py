"""A thread in user mode whose calls the host makes, services that the host plays, and memory of every kind.

The thread stands in front of `int 2Eh` or `sysenter` with the host's registers; a service is an address at which the host stops, looks, and
returns.  So what user mode passes and what the kernel gets are both the host's, and no code of the guest's but the kernel's runs in between.
In the books: "system service dispatching", "probing and capturing parameters".
"""

from __future__ import annotations

import struct
from typing import Dict, List, Sequence, Tuple

PAGE, MASK = 4096, 0xFFFFFFFF
USER_END = 0x7FFF0000
KERNELS_SHARED_DATA = 0xFFDF0000  # the same page
SHARED_DATA = 0x7FFE0000  # a page that user mode can read; behind it is nothing
SUCCESS, GUARD, MISALIGNED = 0, 0x80000001, 0x80000002
ACCESS, NO_SERVICE, INVALID_HANDLE = 0xC0000005, 0xC000001C, 0xC0000008
KERNEL, USER = 0, 1
CURRENT_PROCESS = MASK
COMMIT, RESERVE, DECOMMIT = 0x1000, 0x2000, 0x4000
PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE, PAGE_GUARD = 1, 2, 4, 0x100
CODE, DATA = 0x00400000, 0x00500000
GATE, GATE_DONE, FAST, FAST_RETURN, FAST_DONE = CODE, CODE + 2, CODE + 0x10, CODE + 0x20, CODE + 0x30
KINDS = ("use", "use", "read", "use", "none", "use", "hole", "use", "guard", "use", "guard", "use", "guard", "use", "guard", "use")
USABLE = ("use", "guard")
STACK = DATA + len(KINDS) * PAGE  # its pages can be used; the one below can, too
STACK_PAGES = 4
STOPS = "KiStopAfterService"
CONTEXT_SIZE, CONTEXT_EIP, CONTEXT_ESP = 0x2CC, 0xB8, 0xC4  # published, as the frame's:
FRAME_EIP, FRAME_SEG_CS = 0x68, 0x6C
ARGUMENTS = 17  # the most that a service has

HINTS = {
    "service-number": "Bits 0-11 of EAX are the place in a table, bits 12-13 the table. A place is in it if it is below Limit.",
    "service-arguments": "Count: Number[place] is in bytes. Where are ESP and the return address when the service begins, and which word lies above it?",
    "service-once": "A service must find its arguments on its own stack. What stays in user memory belongs to the program, which may change it at any moment.",
    "service-status": "What the service returned in EAX is what the caller finds there. Which of your instructions behind the call use EAX?",
    "service-stack": "A service may take its arguments off the stack or leave them. EBP knows where the frame is, so you need not count.",
    "service-registers": "The caller keeps EBX, ESI, EDI, EBP and ESP. The frame has user mode's; KiCallService has %esi and %ebp to give back.",
    "service-range": "Any address of user mode may be above USER_PROBE_ADDRESS: kernel memory must not be read for a program. An address is a number without a sign.",
    "service-kernel": "The kernel's own arguments lie on its stack, far above USER_PROBE_ADDRESS. The frame's SegCs says who calls.",
    "service-fault": "The copy may fault at each word. KiServiceArgumentFault sees the frame of the fault: Eip is the copy, and Ebp what your dispatcher keeps there.",
    "service-mode": "PreviousMode is what called this service: the low bits of the frame's SegCs. A service that a service calls has a mode of its own, and afterwards the outer "
                    "one has its own again.",
    "service-frame": "TrapFrame leads to the frame of the service that runs. Note the outer one's in the frame before you change it.",
    "service-chain": "The first record of the chain belongs to the caller's routine. While the service runs the chain must be empty: -1.",
    "service-traces": "Before it goes back to user mode the dispatcher looks at the IRQL, at CombinedApcDisable and at ApcStateIndex. Only then: the kernel may call a "
                      "service with any of them.",
    "probe-range": "Write the last byte's address as a sum and ask what happens if it passes 2^32. length > end - address asks the same without a sum.",
    "probe-align": "The alignment is the first question: an address that is wrong in both ways is misaligned.",
    "probe-nothing": "No bytes, no question: length 0 is right for any address.",
    "probe-pages": "Each page has its own protection. Which pages have bytes of the range? Try a range of two bytes at the end of a page.",
    "probe-bytes": "A probe changes nothing that anybody could see afterwards; a copy changes its bytes and no others.",
    "capture-status": "The status is what the exception says: GetExceptionCode(). There are more than one.",
    "capture-mode": "Kernel mode is believed: nothing is probed. User mode is not, whatever the address looks like.",
    "user-call": "Write down what EAX, EDX and both stacks hold at each instruction of the way in, and follow your code with these numbers.",
}


class Memory:
    """A process with memory of every kind, to which the test's thread is attached."""

    def __init__(self, t) -> None:
        self.t, self.guest = t, t.guest
        guest = self.guest
        t.asking("a process with memory of every kind is made", self.hint("user-call"))
        words, saved, name = guest.alloc(16), guest.alloc(guest.size("KAPC_STATE")), guest.alloc(16)
        guest.write(name, b"Program\0")
        self._words = words
        t.infra(guest.call("PspCreateProcess", name, words) == 0, "a process can be made")
        self.process = guest.u32(words)
        guest.call("KeStackAttachProcess", self.process + guest.field("EPROCESS.Pcb")[0], saved)
        self.inside = guest.inside(self.process + guest.field("EPROCESS.Pcb")[0])
        self._reserve(CODE, 1)
        self._reserve(DATA, len(KINDS) + STACK_PAGES)
        self.contents: Dict[int, bytes] = {}
        for number, kind in enumerate(KINDS):
            if kind != "hole":
                bytes_ = bytes(t.rng.getrandbits(8) for _ in range(PAGE))
                guest.write(self.page(number), bytes_)
                self.contents[number] = bytes_
        protections = {"read": PAGE_READONLY, "none": PAGE_NOACCESS, "guard": PAGE_READWRITE | PAGE_GUARD}
        for number, kind in enumerate(KINDS):
            if kind in protections:
                self._protect(self.page(number), protections[kind])
            elif kind == "hole":
                self._with_range("NtFreeVirtualMemory", self.page(number), PAGE, DECOMMIT)
        self.guards = [number for number, kind in enumerate(KINDS) if kind == "guard"]

    def hint(self, name: str):
        return self.t.hint(name, HINTS[name])

    def asking(self, what: str, hint: str = "user-call") -> None:
        self.t.asking(what, self.hint(hint))

    def fail(self, expected: str, seen: str, hint: str) -> None:
        self.t.fail(expected=expected, seen=seen, hint=self.hint(hint))

    def same(self, what: str, expected, seen, hint: str) -> None:
        if expected != seen:
            self.fail(f"{what}: {shown(expected)}", f"{what}: {shown(seen)}", hint)

    @staticmethod
    def page(number: int) -> int:
        return DATA + number * PAGE

    def known(self, at: int, size: int) -> bytes:
        """The bytes of a range in one page; a guard page has what was written to it at the beginning."""
        if at >= SHARED_DATA:
            return self.guest.read(at - SHARED_DATA + KERNELS_SHARED_DATA, size)
        number, offset = divmod(at - DATA, PAGE)
        return self.contents[number][offset:offset + size] if KINDS[number] == "guard" else self.inside.read(at, size)

    def _reserve(self, base: int, pages: int) -> None:
        self._with_range("NtAllocateVirtualMemory", base, pages * PAGE, COMMIT | RESERVE, PAGE_READWRITE)
        for number in range(pages):
            self.guest.call("RtlFillMemory", base + number * PAGE, PAGE, 0)

    def _protect(self, base: int, protection: int) -> None:
        self._with_range("NtProtectVirtualMemory", base, PAGE, protection, self._words + 12)

    def _with_range(self, routine: str, base: int, size: int, *rest: int) -> None:
        guest, words = self.guest, self._words
        guest.write(words + 4, struct.pack("<II", base, size))
        middle = (words + 4, 0, words + 8) if routine.startswith("NtAllocate") else (words + 4, words + 8)
        status = guest.call(routine, CURRENT_PROCESS, *middle, *rest)
        self.t.infra(status == 0, f"{routine} of {base:#x} (status {status:#x})")


class Program(Memory):
    """The thread in user mode."""

    def __init__(self, t, tables: Sequence[int] = (1,)) -> None:
        super().__init__(t)
        guest = self.guest
        guest.write(GATE, b"\xCD\x2E\x90")
        guest.write(FAST, b"\x0F\x34")
        guest.write(FAST_RETURN, b"\xC3")
        guest.write(FAST_DONE, b"\x90")
        points = guest.alloc(24)
        guest.write(points, struct.pack("<6I", 0, 0, 0, FAST, GATE, FAST_RETURN))
        guest.call("KeSetUserEntryPoints", points)
        self.fast = guest.u32(KERNELS_SHARED_DATA + 0x300) == FAST  # KUSER_SHARED_DATA::SystemCall
        self.services: Dict[int, List[Tuple[int, int]]] = {table: self._table(table) for table in tables}
        self._inner = guest.alloc(16)
        guest.write(self._inner, b"\xCD\x2E\x90")  # a service of the kernel's own: as a Zw stub, but for what is behind it
        self._arguments = guest.alloc(4 * ARGUMENTS)
        self._start()

    def _table(self, number: int) -> List[Tuple[int, int]]:
        """A table of services: (address, words of arguments).  The host stands at each address."""
        guest, rng = self.guest, self.t.rng
        count = rng.randrange(3, 9)
        places, base, bytes_ = guest.alloc(16 * count), guest.alloc(4 * count), guest.alloc(count)
        services = [(places + 16 * place, rng.randrange(1, ARGUMENTS + 1)) for place in range(count)]
        services[rng.randrange(count)] = (services[0][0] + 8, 0)
        guest.write(base, struct.pack(f"<{count}I", *(address for address, _ in services)))
        guest.write(bytes_, bytes(4 * words for _, words in services))
        self.t.infra(guest.call("KeAddSystemServiceTable", base, 0, count, bytes_, number) & 0xFF == 1, f"table {number} can be registered")
        return services

    def _start(self) -> None:
        guest = self.guest
        context = guest.alloc(CONTEXT_SIZE)
        guest.u32(context + CONTEXT_EIP, GATE_DONE)
        guest.u32(context + CONTEXT_ESP, STACK + PAGE)
        status = guest.call("PspStartUserThread", self._words, self.process, self._words, 8, context, 0)
        self.t.infra(status == 0, f"a thread can be started (status {status:#x})")
        self.thread = guest.u32(self._words)
        place, _ = guest.call_or_stop("KeWaitForSingleObject", self.thread, 0, 0, 0, 0, stops=(GATE_DONE,))
        self.t.infra(bool(place), "the thread comes to user mode")
        self.kept: Dict[str, int] = {}

    # -- what a thread has ---------------------------------------------------------------------------------------------
    def mode(self) -> int:
        return self.guest.get(self.thread, "KTHREAD.PreviousMode")

    def frame(self) -> int:
        return self.guest.get(self.thread, "KTHREAD.TrapFrame")

    def chain(self) -> int:
        return self.guest.u32(self.guest.pcr())

    # -- calls ---------------------------------------------------------------------------------------------------------
    def stops(self) -> tuple:
        addresses = [address for services in self.services.values() for address, _ in services]
        return (GATE_DONE, FAST_DONE, STOPS, self._inner + 2, *addresses)

    def call(self, number: int, arguments: int, gate: bool = True, more: tuple = ()) -> Tuple[int, Dict[str, int]]:
        """User mode calls a service; returns where the guest is then, and its registers.  By sysenter the stack is where `arguments` are,
        but for two words."""
        rng = self.t.rng
        kept = {name: rng.getrandbits(32) for name in ("ebx", "esi", "edi", "ebp")}
        if gate:
            registers = dict(kept, eax=number, edx=arguments, ecx=rng.getrandbits(32), esp=STACK + PAGE - 4 * rng.randrange(1, 200), eip=GATE)
        else:
            stack = arguments - 8 & MASK
            if self.can_return(arguments):
                self.inside.u32(stack, FAST_DONE)
            registers = dict(kept, eax=number, edx=stack, ecx=rng.getrandbits(32), esp=stack, eip=FAST)
        self.kept = dict(kept, esp=registers["esp"] + (0 if gate else 4))
        return self._on(registers, more)

    def can_return(self, at: int) -> bool:
        """Whether sysenter's two words below the arguments can be written: user mode needs them to return."""
        stack = at - 8 & MASK
        return any(start <= stack <= start + size - 8 for start, size in self._writable())

    @staticmethod
    def _writable() -> List[Tuple[int, int]]:
        return [(DATA + number * PAGE, PAGE) for number, kind in enumerate(KINDS) if kind == "use"] + [(STACK, STACK_PAGES * PAGE)]

    def _on(self, registers: Dict[str, int], more: tuple = ()) -> Tuple[int, Dict[str, int]]:
        _, now = self.guest.go_on((*self.stops(), *more), **registers)
        return now["eip"], now

    def inner(self, service: Dict[str, int], number: int, words: Sequence[int], more: tuple = (), at: int = 0) -> Tuple[int, Dict[str, int]]:
        """The service that runs calls another one, as a Zw stub does."""
        self.guest.write(self._arguments, struct.pack(f"<{len(words)}I", *words))
        return self._on(dict(eip=self._inner, eax=number, edx=at or self._arguments, esp=service["esp"] - 64), more)

    @property
    def inner_done(self) -> int:
        return self._inner + 2

    def leave(self, service: Dict[str, int], status: int, words: int, takes: bool = True) -> Tuple[int, Dict[str, int]]:
        """The service returns.  `takes`: its arguments are off the stack."""
        guest, esp = self.guest, service["esp"]
        junk = {name: self.t.rng.getrandbits(32) for name in ("ecx", "edx")}
        return self._on(dict(junk, eip=guest.u32(esp), esp=esp + 4 + (4 * words if takes else 0), eax=status, ebx=service["ebx"], esi=service["esi"], edi=service["edi"],
                             ebp=service["ebp"]))

    # -- judging -------------------------------------------------------------------------------------------------------
    def returned(self, what: str, now: Dict[str, int], status: int, hint: str, done: int = GATE_DONE) -> None:
        """User mode goes on behind its call, with the status and all that it keeps."""
        if now["eip"] != done:
            self.fail(f"{what}: the call returns to user mode, status {status:#x}", f"{what}: the kernel is at {self.where(now['eip'])}", hint)
        self.same(f"{what}: the status in EAX", status, now["eax"], hint)
        for name, value in self.kept.items():
            self.same(f"{what}: {name.upper()} in user mode", value, now[name], "service-registers")

    def where(self, address: int) -> str:
        for table, services in self.services.items():
            for place, (start, words) in enumerate(services):
                if address == start:
                    return f"service {table << 12 | place:#x}, which has {words} words of arguments"
        if address in (GATE_DONE, FAST_DONE):
            return "the end of the call, in user mode"
        return self.guest.describe(address)

    def came(self, what: str, now: Dict[str, int], number: int, words: Sequence[int], hint: str = "service-number") -> None:
        """The service that was called begins, with these arguments."""
        table, place = number >> 12 & 3, number & 0xFFF
        address, _ = self.services[table][place]
        if now["eip"] != address:
            status = f", status {now['eax']:#x}" if now["eip"] in (GATE_DONE, FAST_DONE) else ""
            self.fail(f"{what}: {self.where(address)} begins", f"{what}: the kernel is at {self.where(now['eip'])}{status}", hint)
        seen = struct.unpack(f"<{len(words)}I", self.guest.read(now["esp"] + 4, 4 * len(words)))
        for number, (one, other) in enumerate(zip(words, seen)):
            self.same(f"{what}: argument {number} of {len(words)} on the service's stack", one, other, "service-arguments")


def shown(value) -> str:
    return f"{value:#x}" if isinstance(value, int) and value > 9 else str(value)
