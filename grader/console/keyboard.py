"""The keyboard of a command that runs until Ctrl-C: its make ends quietly, too.

`make` dies of the terminal's interrupt with a message and a status of its own, whatever the command does.  So while the
command runs, the terminal sends no signal for a key: Ctrl-C is a character like any other, and a thread turns it into the
interrupt of this process alone.  Where there is no terminal, or it belongs to others, nothing is changed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import List, Optional

try:
    import termios
except ImportError:  # not a Unix system
    termios = None  # type: ignore[assignment]

LEAVE = b"\x03\x04q"  # Ctrl-C, Ctrl-D
ENTER = b"\r\n"
LOCAL_FLAGS = 3  # index into what tcgetattr returns


class Keyboard:
    """A `with` block in which Ctrl-C raises KeyboardInterrupt in the main thread, and Enter is noted."""

    def __init__(self) -> None:
        self._before: "Optional[List]" = None
        self._enter = threading.Event()

    def __enter__(self) -> "Keyboard":
        if not self._own_terminal():
            return self
        self._before = termios.tcgetattr(sys.stdin.fileno())
        mode = termios.tcgetattr(sys.stdin.fileno())
        mode[LOCAL_FLAGS] &= ~(termios.ISIG | termios.ICANON | termios.ECHO)
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, mode)
        threading.Thread(target=self._read, name=type(self).__name__, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before)

    def enter(self) -> bool:
        """Whether Enter was pressed since the last time this was asked."""
        pressed = self._enter.is_set()
        self._enter.clear()
        return pressed

    @staticmethod
    def _own_terminal() -> bool:
        try:
            descriptor = sys.stdin.fileno()
            return termios is not None and os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
        except (OSError, ValueError):
            return False

    def _read(self) -> None:
        while True:
            try:
                typed = os.read(sys.stdin.fileno(), 64)
            except OSError:
                typed = b""
            if not typed or any(key in LEAVE for key in typed):
                os.kill(os.getpid(), signal.SIGINT)
                return
            if any(key in ENTER for key in typed):
                self._enter.set()
