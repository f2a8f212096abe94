"""1.7: user memory is probed, read and written (kernel/ntos/rtl/useraccess.cpp, capture.cpp), by call injection."""

from __future__ import annotations

from typing import Optional

from grader.api import Hint, test
from grader.machine.memory import Residence

from .userbench import (ACCESS, DATA, GUARD, HINTS, KERNEL, KINDS, MASK, MISALIGNED, PAGE, SHARED_DATA, STACK, SUCCESS, USER, USER_END, Memory)

FEATURES = ("TRP-06", "EXC-03", "EXE-01")
LIMIT = 60_000_000
BOOT = Hint("user-call", HINTS["user-call"])
CAPTURE, TELL, PROBE = "RtlCaptureFromCaller", "RtlTellCaller", "RtlProbeCaller"
NONE, HOLE, READ = (DATA + PAGE * number for number in (4, 6, 2))


@test("1.7", points=2, title="which ranges are user mode's, and how they are aligned", stage="ready", features=FEATURES, limit=LIMIT)
def ranges_probed(t):
    bench = Bench(t)
    rng = t.rng
    good = STACK + 64
    bases = [0, 8, good, NONE, USER_END - 16, USER_END - 1, USER_END, USER_END + 8, 0x7FFFFFF8, 0x80000000, bench.kernel, 0xFFFFF000, MASK - 7, MASK]
    sizes = [1, 2, 4, 8, 15, 16, 17, PAGE, 0x10000, USER_END, 0x7FFFFFFF, 0x80000000, MASK - 8, MASK]
    for base in bases:
        for size in rng.sample(sizes, 7) + [0]:
            alignment = rng.choice((1, 2, 4, 8))
            at = base + rng.choice((0, 0, 1, 2, 4)) & MASK
            bench.raises("ProbeForRead", at, size, alignment)
    for at, size in ((USER_END - 16, 16), (USER_END - 16, 17), (0, USER_END), (0, USER_END + 1), (good, MASK - good), (good, MASK - good + 1), (USER_END - 1, 1)):
        bench.raises("ProbeForRead", at, size, 1)


@test("1.7", points=1, title="every routine probes the range that it gets", stage="ready", features=FEATURES, limit=LIMIT)
def copies_probe(t):
    bench = Bench(t)
    good, wrong = STACK + 64, (USER_END, USER_END - 3, 0x80000000, bench.kernel, MASK - 2, USER_END + PAGE)
    for at in (good, STACK + 61, *wrong):
        bench.raises("ReadULongFromUser", at, 4)
        bench.raises("WriteULongToUser", at, 4, rest=(t.rng.getrandbits(32),))
        for size in (4, 0, t.rng.randrange(5, 60)):
            bench.raises("CopyFromUser", at, size)
            bench.raises("CopyToUser", at, size)
            bench.raises("ProbeForWrite", at, size, t.rng.choice((1, 2, 4)))
    bench.unchanged("after the calls that are refused")
    bench.faults("ProbeForWrite", READ - 1, 2, 1)
    bench.faults("CopyFromUser", bench.buffer, NONE - 3, 4)
    bench.faults("CopyToUser", READ - 8, bench.buffer, 12)


@test("1.7", points=2, title="what is copied from user mode and to it", stage="ready", features=FEATURES, limit=LIMIT)
def memory_copied(t):
    bench, rng = Bench(t), t.rng
    for at, size in bench.places(26):
        bench.capture(USER, at, size, rng.choice((1, 2, 4, 8)))
        bench.tell(USER, at, size)
    for number in bench.guards[:2]:
        at = bench.page(number) + 8 * rng.randrange(100)
        bench.capture(USER, at, 8, 1)
        bench.capture(USER, at, 8, 1)
    bench.tell(USER, bench.page(bench.guards[2]) + 40, 8)
    for at in (bench.kernel + 5, STACK + 5):
        bench.capture(KERNEL, at, 1 + rng.randrange(24), 8)
        bench.tell(KERNEL, at, 1 + rng.randrange(24))


@test("1.7", points=1, title="a result is probed on each of its pages", stage="ready", features=FEATURES, limit=LIMIT)
def results_probed(t):
    bench, rng = Bench(t), t.rng
    ends = [(READ - PAGE - 8, 9), (READ - 1, 1), (READ - 1, 2), (READ - 2 * PAGE + 100, 2 * PAGE - 100), (READ - 2 * PAGE + 100, 2 * PAGE - 99), (NONE - 1, 2), (NONE - 30, 30),
            (READ + PAGE - 1, 2), (READ + PAGE, PAGE), (READ + PAGE, PAGE + 1), (READ, 1), (NONE, 1), (HOLE - PAGE + 8, PAGE - 8), (HOLE - PAGE + 8, PAGE), (SHARED_DATA + 8, 4),
            (STACK - PAGE + 4000, 3 * PAGE), (STACK + 3 * PAGE, PAGE)]
    for at, size in ends + bench.places(16):
        bench.probe(USER, at, size, rng.choice((1, 1, 1, 4)))
    for alignment, at in ((2, STACK + 1), (4, STACK + 6), (4, STACK + 5), (8, STACK + 4), (8, STACK + 8)):
        bench.probe(USER, at, 8, alignment)
    for at, size in ((MASK - 1, 8), (USER_END - 4, 5), (bench.kernel, 4)):
        bench.probe(USER, at, size, 1)
    for number in bench.guards[:2]:
        bench.probe(USER, bench.page(number) - 1, 2, 1)
        bench.probe(USER, bench.page(number) - 1, 2, 1)
    for at in (bench.kernel + 1, READ, NONE + 3, 0, MASK):
        bench.probe(KERNEL, at, 8, 4)


class Bench(Memory):
    """The routines, and what a model says of them."""

    def __init__(self, t) -> None:
        super().__init__(t)
        self.kinds = list(KINDS)
        self.buffer = t.guest.alloc(512)
        self.kernel = t.guest.alloc(64) + 8
        self.before = self._noise(56)
        t.guest.write(self.kernel - 8, self.before)

    # -- the model -----------------------------------------------------------------------------------------------------
    @staticmethod
    def in_user_space(at: int, size: int) -> bool:
        return size == 0 or at + size <= USER_END

    def kind(self, address: int) -> str:
        if SHARED_DATA <= address < SHARED_DATA + PAGE:
            return "shared"  # it is read only, and the clock changes it
        number = (address - DATA) // PAGE
        if 0 <= number < len(self.kinds):
            return self.kinds[number]
        return "use" if STACK <= address < STACK + 4 * PAGE else "hole"

    def status(self, at: int, size: int, alignment: int, write: bool) -> int:
        """What an access to a range of user mode ends with; a guard page that it meets is none any more."""
        if size == 0:
            return SUCCESS
        if at % alignment:
            return MISALIGNED
        if not self.in_user_space(at, size):
            return ACCESS
        for page in range(at // PAGE * PAGE, at + size, PAGE):
            kind = self.kind(page)
            if kind == "guard":
                self.kinds[(page - DATA) // PAGE] = "use"
                return GUARD
            if kind not in ("use", "read", "shared") or (write and kind != "use"):
                return ACCESS
        return SUCCESS

    def places(self, count: int):
        """Ranges: whole ones, and such that end badly."""
        rng, made = self.t.rng, []
        for _ in range(count):
            size = rng.choice((1, 2, 3, 4, 8, 17, 60, 200))
            edge = rng.choice((READ, READ + PAGE, NONE, NONE + PAGE, HOLE, STACK + PAGE, SHARED_DATA, SHARED_DATA + PAGE, STACK, USER_END, self.kernel))
            at = rng.choice((edge, edge - size, edge - rng.randrange(size + 1), STACK + rng.randrange(3 * PAGE)))
            made.append((at, size))
        return made + [(0, 4), (STACK + 1, 0), (MASK, 0), (0x80000001, 0), (MASK - 1, 8), (0x80000000, 4), (self.kernel, 16), (USER_END - 2, 4)]

    # -- calls ---------------------------------------------------------------------------------------------------------
    def raises(self, routine: str, at: int, size: int, alignment: int = 1, rest: tuple = ()) -> None:
        guest = self.guest
        what = f"{routine} of {size} bytes at {at:#x}" + (f", alignment {alignment}" if alignment > 1 else "")
        wanted = SUCCESS if size == 0 else MISALIGNED if at % alignment else SUCCESS if self.in_user_space(at, size) else ACCESS
        hint = "probe-nothing" if size == 0 else "probe-align" if wanted == MISALIGNED else "probe-range"
        self.asking(what, hint)
        arguments = {"CopyFromUser": (self.buffer, at, size), "CopyToUser": (at, self.buffer, size), "ReadULongFromUser": (at,), "WriteULongToUser": (at, *rest)}
        noise = self._noise(min(size, 512))
        guest.write(self.buffer, noise)
        place, registers = guest.call_or_stop(routine, *arguments.get(routine, (at, size, alignment)), stops=("RtlRaiseStatus", "KiDispatchException"))
        if place == "KiDispatchException":
            self.fail(f"{what} raises {wanted:#x}" if wanted else f"{what} returns", f"{what} touches memory that is not there", hint)
        self.same(f"{what} raises", wanted, guest.u32(registers["esp"] + 4) if place else SUCCESS, hint)
        if routine == "ReadULongFromUser" and not wanted:
            self.same(f"{what} returns", int.from_bytes(guest.read(at, 4), "little"), registers["eax"], "probe-bytes")
        if routine in ("CopyFromUser", "CopyToUser") and not wanted and size:
            source, target = (noise, at) if routine == "CopyToUser" else (self.guest.read(at, size), self.buffer)
            self.same(f"{what}: what was copied", source[:size].hex(), guest.read(target, size).hex(), "probe-bytes")
        if routine == "WriteULongToUser" and not wanted:
            self.same(f"{what} writes", rest[0], guest.u32(at), "probe-bytes")

    def faults(self, routine: str, *arguments: int) -> None:
        """An access that cannot be made: its exception is not handled in the routine."""
        what = f"{routine}({', '.join(f'{one:#x}' for one in arguments)})"
        self.asking(what, "probe-pages")
        place, _ = self.guest.call_or_stop(routine, *arguments, stops=("KiDispatchException",))
        if not place:
            self.fail(f"{what} touches a page that it cannot use: an exception", "the call returns", "probe-pages")

    def unchanged(self, what: str) -> None:
        self.same(f"{what}: memory of the kernel's", self.before.hex(), self.guest.read(self.kernel - 8, 56).hex(), "probe-range")

    def capture(self, mode: int, at: int, size: int, alignment: int) -> None:
        guest, whole = self.guest, self._noise(size + 32)
        what = f"{CAPTURE}({('KernelMode', 'UserMode')[mode]}, {size} bytes at {at:#x}, alignment {alignment})"
        status = SUCCESS if mode == KERNEL else self.status(at, size, alignment, False)
        hint = self._hint(mode, at, size, status)
        self.asking(what, hint)
        wanted = self._read(at, size) if status == SUCCESS else None
        guest.write(self.buffer, whole)
        seen = guest.call(CAPTURE, mode, self.buffer + 16, at, size, alignment)
        self.same(f"{what} returns", status, seen, hint)
        now = guest.read(self.buffer, size + 32)
        if wanted is None and status == SUCCESS:
            wanted = self._read(at, size)  # now it is there
        if status == SUCCESS and wanted is not None:
            self.same(f"{what}: what was read", wanted.hex(), now[16:16 + size].hex(), "probe-bytes")
        elif status == MISALIGNED or not self.in_user_space(at, size):
            self.same(f"{what}: the place for it", whole[16:16 + size].hex(), now[16:16 + size].hex(), "probe-bytes")
        self.same(f"{what}: the bytes around it", (whole[:16] + whole[16 + size:]).hex(), (now[:16] + now[16 + size:]).hex(), "probe-bytes")

    def tell(self, mode: int, at: int, size: int) -> None:
        guest, bytes_ = self.guest, self._noise(size)
        what = f"{TELL}({('KernelMode', 'UserMode')[mode]}, {size} bytes at {at:#x})"
        status = SUCCESS if mode == KERNEL else self.status(at, size, 1, True)
        hint = self._hint(mode, at, size, status)
        self.asking(what, hint)
        around = self._around(at, size)
        guest.write(self.buffer, bytes_)
        kernel = guest.read(self.kernel - 8, 56)
        seen = guest.call(TELL, mode, at, self.buffer, size)
        self.same(f"{what} returns", status, seen, hint)
        if status == SUCCESS:
            self.same(f"{what}: what was written", bytes_.hex(), self._read(at, size).hex(), "probe-bytes")
            self.before = guest.read(self.kernel - 8, 56)
        else:
            self.same(f"{what}: memory of the kernel's", kernel.hex(), guest.read(self.kernel - 8, 56).hex(), "probe-range")
        self.same(f"{what}: the bytes around it", around, self._around(at, size), "probe-bytes")

    def probe(self, mode: int, at: int, size: int, alignment: int) -> None:
        guest = self.guest
        what = f"{PROBE}({('KernelMode', 'UserMode')[mode]}, {size} bytes at {at:#x}, alignment {alignment})"
        status = SUCCESS if mode == KERNEL else self.status(at, size, alignment, True)
        hint = "probe-pages" if status in (ACCESS, GUARD) and self.in_user_space(at, size) else self._hint(mode, at, size, status)
        self.asking(what, hint)
        before = [self._page(page) for page in self._pages(at, size)]
        seen = guest.call(PROBE, mode, at, size, alignment)
        self.same(f"{what} returns", status, seen, hint)
        after = [self._page(page) for page in self._pages(at, size)]
        self.same(f"{what}: pages whose bytes are others than before", [], [hex(page) for page, one, other in zip(self._pages(at, size), before, after) if one and one != other],
                  "probe-bytes")
        self.unchanged(what)

    # -- memory --------------------------------------------------------------------------------------------------------
    def _noise(self, size: int) -> bytes:
        return bytes(self.t.rng.getrandbits(8) for _ in range(size))

    def _hint(self, mode: int, at: int, size: int, status: int) -> str:
        if mode == KERNEL:
            return "capture-mode"
        if size == 0:
            return "probe-nothing"
        return "probe-align" if status == MISALIGNED else "capture-status" if self.in_user_space(at, size) else "probe-range"

    def _read(self, at: int, size: int) -> Optional[bytes]:
        """The bytes of a range; None: the guest must come there first, or the clock changes them."""
        if size == 0:
            return b""
        return self.guest.read(at, size) if self.kind(at) != "shared" and self._there(at, size) else None

    def _there(self, at: int, size: int) -> bool:
        return all(self.guest.residence(one) is Residence.IN for one in {at, at + size - 1})

    def _around(self, at: int, size: int) -> str:
        """The byte before a range, and the one behind it, where the host can read them."""
        return " ".join(f"{self.guest.u8(one):02x}" for one in (at - 1, at + size) if 0 < one <= MASK and self.kind(one) in ("use", "read") and self._there(one, 1))

    @staticmethod
    def _pages(at: int, size: int):
        return range(at // PAGE * PAGE, min(at + size, at + 8 * PAGE), PAGE) if size and at + size <= USER_END else range(0)

    def _page(self, page: int) -> bytes:
        return self.guest.read(page, PAGE) if self.kind(page) in ("use", "read") and self._there(page, PAGE) else b""
