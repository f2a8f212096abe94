"""Where gdb's view is right: behind a routine's prologue, and in the frame that a failure is about.

At a routine's first instruction no frame exists yet, so gdb reads arguments from wherever EBP points.  From the first
line of the body on, they are what they are.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import Iterator

import gdb  # type: ignore[import-not-found]

MOST_STEPS = 64  # of a prologue, which is a handful of instructions
MACHINERY_DEPTH = 16  # frames of a bugcheck and of the trap that it is about, at most
STOPPED, CHECKED = "KiBugCheckStop", "KxFail"
EXPLORER = "Kx"  # names of the explorer of schedules begin so
BRANCHES = ("call", "j", "ret", "int", "rep")
_BEFORE_ARGUMENTS = re.compile(r"(?:\(anonymous namespace\)::)?[^(]*")


def enter_body() -> None:
    """Steps to the first line of the body, when the guest stands at a routine's first instruction.  No interrupt is taken
    and no other processor runs on the way."""
    here = int(gdb.selected_frame().pc())
    body = _body(here)
    if body == here:
        return
    gdb.execute("set scheduler-locking step")
    try:
        for _ in range(MOST_STEPS):
            gdb.execute("stepi", to_string=True)
            if gdb.selected_frame().pc() == body:
                break
    finally:
        gdb.execute("set scheduler-locking replay")


def _body(pc: int) -> int:
    """The place behind the prologue: where the second line of the routine begins.  Assembly has no prologue."""
    place = gdb.find_pc_line(pc)
    block = gdb.block_for_pc(pc)
    while block is not None and block.function is None:
        block = block.superblock
    if place.symtab is None or block is None or block.start != pc or place.symtab.filename.endswith(".S"):
        return pc
    lines = sorted(line.pc for line in place.symtab.linetable() if line.line and block.start < line.pc < block.end)
    if not lines:
        return pc
    # Optimized code may call or branch before its second line begins: not beyond that.
    way = gdb.selected_frame().architecture().disassemble(pc, lines[0] - 1)
    return next((int(one["addr"]) for one in way if one["asm"].startswith(BRANCHES)), lines[0])


def select_frame_of(routine: str) -> None:
    """In a stopped kernel: the frame of the routine that went wrong, not those of the bugcheck and the trap.  In a schedule that
    breaks a check: the frame of the check."""
    frame = gdb.newest_frame()
    if bare(frame) == CHECKED:
        wanted = lambda name: EXPLORER not in name  # noqa: E731
    elif bare(frame) == STOPPED and routine:
        wanted = lambda name: name == routine  # noqa: E731
    else:
        return
    for _ in range(MACHINERY_DEPTH):
        if frame is None or wanted(bare(frame)):
            break
        frame = frame.older()
    if frame is not None and wanted(bare(frame)):
        frame.select()


def bare(frame: gdb.Frame) -> str:
    """The name of a frame's routine, without arguments."""
    return _BEFORE_ARGUMENTS.match(frame.name() or "")[0]  # type: ignore[index]


class Returned(gdb.Breakpoint):
    """The end of a call that the host made: the guest does not go on behind it."""

    def __init__(self, address: int) -> None:
        super().__init__(f"*{address:#x}", gdb.BP_BREAKPOINT, internal=True)
        self.silent = True

    def stop(self) -> bool:
        value = int(gdb.parse_and_eval("(unsigned int)$eax"))
        gdb.write(f"The call has returned, with EAX {value:#x}; the test goes on in the grader. `mica rewind` goes back.\n")
        return True


class Left(gdb.Breakpoint):
    """Where the test takes its call away: the thread of the test waits from here on, and the processor is not given to another."""

    def __init__(self, address: int) -> None:
        super().__init__(f"*{address:#x}", gdb.BP_BREAKPOINT, internal=True)
        self.silent = True

    def stop(self) -> bool:
        gdb.write(f"The call has come to {bare(gdb.newest_frame())}. The test leaves it there, and goes on in the grader. "
                  "`mica rewind` goes back.\n")
        return True


class Stopped(gdb.Breakpoint):
    """A bugcheck: the kernel does nothing any more."""

    def __init__(self, address: int) -> None:
        super().__init__(f"*{address:#x}", gdb.BP_BREAKPOINT, internal=True)
        self.silent = True

    def stop(self) -> bool:
        gdb.write("The kernel has stopped: a bugcheck. `bt` shows which routine led to it, `mica rewind` goes back.\n")
        return True


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what gdb says by itself about each place on the way."""
    gdb.flush()
    shown, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)  # gdb's own redirections do not reach its stop notices
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        gdb.flush()
        os.dup2(shown, 1)
        os.close(shown)
        os.close(nowhere)
