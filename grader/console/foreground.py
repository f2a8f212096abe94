"""A program that has the terminal for itself: Ctrl-C and Ctrl-Z reach it and nobody else.

A terminal sends its signals to the foreground process group.  Started from make, that group holds make, its shells, the
grader and the emulator; Ctrl-C would end them all.  So the program gets a group of its own, and the terminal with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Optional, Sequence


def run(command: Sequence[str], folder: Path) -> int:
    """Runs a program in the foreground; returns its exit status (negative: the signal that ended it)."""
    terminal = _terminal()
    before = [(number, signal.signal(number, signal.SIG_IGN)) for number in (signal.SIGINT, signal.SIGTTOU)]
    process = subprocess.Popen(command, cwd=folder, preexec_fn=lambda: _lead(terminal))
    try:
        return _wait(process)
    finally:
        if terminal is not None:
            os.tcsetpgrp(terminal, os.getpgrp())
        for number, handler in before:
            signal.signal(number, handler)


def _terminal() -> Optional[int]:
    """Standard input, if it is the terminal whose foreground group we are in."""
    try:
        descriptor = sys.stdin.fileno()
        return descriptor if os.tcgetpgrp(descriptor) == os.getpgrp() else None
    except (OSError, ValueError, AttributeError):
        return None


def _lead(terminal: Optional[int]) -> None:
    """In the child: a group of its own, which the terminal listens to.  Without a terminal, signals go on as they were."""
    if terminal is not None:
        os.setpgid(0, 0)
        os.tcsetpgrp(terminal, os.getpgrp())  # SIGTTOU is still ignored here
    for number in (signal.SIGINT, signal.SIGTTOU):
        signal.signal(number, signal.SIG_DFL)


def _wait(process: "subprocess.Popen[bytes]") -> int:
    """To its end.  Nobody could wake a stopped program whose shell does not know it: it goes on at once."""
    while True:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            process.returncode = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            return process.returncode
        os.killpg(process.pid, signal.SIGCONT)
