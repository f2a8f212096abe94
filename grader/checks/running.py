"""One check, run: what its program wrote, or how it ended."""

from __future__ import annotations

import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import List, Tuple

from grader.errors import GraderError

SECONDS = 10  # for a check that takes milliseconds
OUTPUT = 100_000  # characters that are read of what it wrote
_FAILS, _TO_DO = 1, 3


@dataclass(frozen=True)
class Found:
    """How a check ended.  `rows`: what a student reads of it, labels and texts in order."""

    title: str
    word: str  # "ok", "FAIL", "TO DO"
    rows: Tuple[Tuple[str, str], ...] = ()

    @property
    def holds(self) -> bool:
        return self.word == "ok"


def titles(program: Path) -> List[str]:
    """The program's checks, in order."""
    listed = subprocess.run([str(program)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    if listed.returncode != 0 or not listed.stdout:
        raise GraderError(f"{program} does not run here: {listed.stdout.strip() or f'it ended with {listed.returncode}'}; make clean and try again")
    return listed.stdout.splitlines()


def run(program: Path, number: int, title: str) -> Found:
    """Runs one check."""
    try:
        done = subprocess.run([str(program), str(number)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
        output, code = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        output, code = late.stdout or b"", None
    rows = _rows(output[:OUTPUT].decode("utf-8", "replace"))
    if code == 0:
        return Found(title, "ok", tuple(row for row in rows if row[0] == "says"))
    if code == _TO_DO:
        return Found(title, "TO DO", tuple(row for row in rows if row[0] == "where"))
    if code != _FAILS:
        rows += [("expected", "that the routine returns"), ("seen", _ending(code)), ("gdb", f"gdb --args {program} {number}")]
    return Found(title, "FAIL", tuple(rows))


def _rows(text: str) -> List[Tuple[str, str]]:
    """The lines as labels and texts.  Of what was asked the last one counts: behind it nothing went on."""
    rows = [(label, rest) for label, tab, rest in (line.partition("\t") for line in text.splitlines()) if tab]
    asked = [row for row in rows if row[0] == "asked"]
    return asked[-1:] + [row for row in rows if row[0] != "asked"]


def _ending(code: "int | None") -> str:
    """How a program ended that said nothing itself."""
    if code is None:
        return f"it was still running after {SECONDS} seconds: a loop that does not end"
    if code == -signal.SIGSEGV:
        return "an access to memory that is not there (SIGSEGV)"
    return f"it ended by {signal.Signals(-code).name}" if code < 0 else f"it ended with {code}"
