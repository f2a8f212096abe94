"""What a ring is, what a test says, and how a ring runs a command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterator


@dataclass
class Outcome:
    """What one test said. A failure carries expected, seen and repeat."""

    ring: str
    name: str
    ok: bool
    features: "list[str]" = field(default_factory=list)
    expected: str = ""
    seen: str = ""
    seed: "int | str | None" = None
    repeat: str = ""
    where: str = ""


class Skipped(Exception):
    """A ring cannot run here, for a reason outside of the project; the message says which."""


@dataclass
class Options:
    root: Path
    out: Path
    jobs: int
    only: str  # a glob over test names; empty: all
    seed: str
    say: "Callable[[str], None]" = lambda text: None  # a step, for a person that watches
    note: "Callable[[str], None]" = lambda text: None  # what stays on the terminal and in the log of a run


class Ring:
    def __init__(self, name: str, what: str) -> None:
        self.name = name
        self.what = what

    def run(self, options: Options) -> "Iterator[Outcome]":
        raise NotImplementedError

    def repeat(self, options: Options, test: str = "*") -> str:
        return f"make test TEST='{self.name}:{test}'"


def make(options: Options, *targets: str, **variables: str) -> subprocess.CompletedProcess:
    """kernel/build.mk, with everything that the caller's make said about itself left out."""
    command = ["make", "--no-print-directory", "-f", "kernel/build.mk", f"-j{options.jobs}", f"O={options.out}"]
    command += [f"{name}={value}" for name, value in variables.items()] + list(targets)
    return run(command, timeout=SILENT_SECONDS, each_line=options.say)


SILENT_SECONDS = 600  # a build may take as long as it likes, while it goes on: no file takes that long to compile


def run(command: "list[str]", timeout: float, each_line: "Callable[[str], None] | None" = None,
        **more) -> subprocess.CompletedProcess:
    """A command's output and exit status.  The time limit is for all of it, or with `each_line` from line to line."""
    env = {name: value for name, value in os.environ.items()
           if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MICA_CHECKED", "O")}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    if command[0] == "python3":
        command = [sys.executable] + command[1:]
    if each_line is None:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=timeout, env=env, **more)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", env=env, **more) as process:
        return listen(process, timeout, each_line)


def listen(process: subprocess.Popen, silence: float, each_line: "Callable[[str], None]") -> subprocess.CompletedProcess:
    """All that a process says, line by line; one that is silent for too long is ended."""
    said: "list[str]" = []
    heard = time.monotonic()
    ended = threading.Event()

    def guard() -> None:
        while not ended.wait(0.5):
            if time.monotonic() - heard > silence:
                said.append(f"error: it said nothing for {silence:g} s and was ended\n")
                process.kill()
                return

    watcher = threading.Thread(target=guard, daemon=True)
    watcher.start()
    try:
        for line in process.stdout:
            heard = time.monotonic()
            said.append(line)
            each_line(line.strip())
        status = process.wait()
    finally:
        ended.set()
        watcher.join()
    return subprocess.CompletedProcess(process.args, status, "".join(said))


def tail(text: str, lines: int = 12) -> str:
    return "\n".join(text.rstrip().splitlines()[-lines:])


def compiler_errors(text: str, lines: int = 12) -> str:
    """The first errors of a build's output, or its end where none is recognised."""
    found = [line for line in text.splitlines() if re.search(r"\b(error|undefined symbol)\b", line)]
    return "\n".join(found[:lines]) if found else tail(text, lines)
