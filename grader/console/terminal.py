"""This terminal and a machine's serial line, tied together until Ctrl-A X or the machine's end."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from typing import Callable

from . import PROMPT, SHELL, STOP, STOPPED
from .machines import Machine

ESCAPE = b"\x01"  # Ctrl-A
SILENCE = 2  # seconds after the end of a pipe's input, until the machine is done
NO_PROMPT = 20  # seconds of silence without a prompt: a stopped kernel, which a pipe would watch for ever


class Keys:
    """Takes Ctrl-A out of what is typed: Ctrl-A X leaves, Ctrl-A Ctrl-A is one Ctrl-A."""

    def __init__(self) -> None:
        self.escaped = False
        self.leave = False

    def __call__(self, data: bytes) -> bytes:
        out = b""
        for number in data:
            byte = bytes([number])
            if self.escaped:
                self.escaped = False
                if byte in b"xX":
                    self.leave = True
                else:
                    out += byte
            elif byte == ESCAPE:
                self.escaped = True
            else:
                out += byte
        return out


def tie(machine: Machine, annotate: "Callable[[bytes], bytes]", stays: bool = False) -> None:
    """Until Ctrl-A X, the end of the machine or of its kernel, or (when the input is no terminal) two silent seconds after its end.
    `stays`: a stopped kernel is looked at in another way, in a window or by gdb."""
    source = sys.stdin.fileno()
    before = termios.tcgetattr(source) if os.isatty(source) else None
    if before:
        tty.setraw(source)
    try:
        stopped = talk(machine, annotate, source, Keys(), before is not None, stays)
    finally:
        if before:
            termios.tcsetattr(source, termios.TCSADRAIN, before)
    if stopped:
        print("\nThe kernel has stopped, and no prompt comes: the lines above say where. `make gdb` runs it under gdb.", flush=True)


def talk(machine: Machine, annotate: "Callable[[bytes], bytes]", source: int, keys: Keys, interactive: bool,
         stays: bool = False) -> bool:
    """Returns whether the kernel has stopped without a prompt."""
    typing, quiet = True, 0.0
    words = Words()
    listens, tail = interactive, b""  # what a pipe says waits for the prompt: before it nobody listens
    while not keys.leave:
        seconds = 0.02 if typing else 0.2
        said = machine.read(seconds)
        if said is None:
            return False
        words.hear(said)
        if words.last and not stays:
            return True
        if said:
            quiet = 0.0
            tail = (tail + said)[-len(SHELL):]
            listens |= tail.endswith((PROMPT, SHELL))
            os.write(sys.stdout.fileno(), annotate(said))
        elif not typing or not listens:
            quiet += seconds
            if quiet > (SILENCE if listens else NO_PROMPT):
                return False
        if typing and listens and select.select([source], [], [], 0)[0]:
            typed = os.read(source, 4096)
            typing = bool(typed)
            text = typed if interactive else typed.replace(b"\n", b"\r")
            machine.write(keys(text))
    return False


class Words:
    """What a kernel said since its last prompt: whether these were its last words."""

    def __init__(self) -> None:
        self._said, self._at = b"", time.monotonic()

    def hear(self, said: bytes) -> None:
        if said:
            self._said, self._at = (self._said + said).rpartition(PROMPT)[2][-4000:], time.monotonic()

    @property
    def last(self) -> bool:
        return STOP in self._said and time.monotonic() - self._at > STOPPED
