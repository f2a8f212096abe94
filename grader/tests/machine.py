"""What the machine's tests share: the probe, built once, and sessions on it."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import tempfile
import unittest
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, List, Sequence
from unittest import mock

from grader.api import Context, test
from grader.console import foreground
from grader.guest import Guest
from grader.guest.session import Session
from grader.judge.runner import run_tests
from grader.model import Kernel, KernelSet, Outcome, TestSpec
from grader.tests import probe

NEEDED = ("qemu-system-i386", "qemu-img", "clang++", "lld-link")


def needs_emulator(case: type) -> type:
    """Tools that `make test` installs first; without them there is nothing to test."""
    missing = [name for name in NEEDED if not shutil.which(name)]
    return unittest.skipIf(bool(missing), f"not installed: {', '.join(missing)}")(case)


@functools.lru_cache(maxsize=None)
def probe_folder(*defines: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="mica-probe-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return probe.build(folder, *defines)


@contextmanager
def probe_session() -> Iterator[Session]:
    with Session(probe_folder()) as session:
        session.boot(Guest(session))
        yield session


def guest_at(session: Session, stage: str = "ready", limit: int = 5_000_000, seconds: float = 30.0) -> Guest:
    """A guest as a test gets it."""
    guest = Guest(session)
    guest.begin(session.restore(stage), limit, seconds)
    guest.arm()
    return guest


def spec(function: Callable[[Context], None], name: str = "", stage: str = "ready", limit: int = 5_000_000) -> TestSpec:
    """A test of exercise 9.1 made on the spot."""
    function.__name__ = name or function.__name__
    return test("9.1", points=2, title=f"title of {function.__name__}", stage=stage,
                limit=limit)(function).spec  # type: ignore


def grade(tests: List[TestSpec], seed: int = 7, jobs: int = 1, *defines: str) -> List[Outcome]:
    """Run tests on the probe."""
    return run_tests(KernelSet({"9.1": Kernel(probe_folder(*defines))}, Path("/nonexistent"), 5), tests, seed, jobs)


def under_gdb(commands: Sequence[str], start: Callable[[List[str]], Outcome]) -> "tuple[Outcome, str]":
    """Replays with gdb in batch mode; what gdb prints."""
    with tempfile.TemporaryFile() as output:

        def run(command: Sequence[str], folder: Path) -> int:
            return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
                                  stderr=subprocess.STDOUT, timeout=60, check=False).returncode

        with mock.patch.object(foreground, "run", run):
            told = start(["-batch"] + [part for command in commands for part in ("-ex", command)])
        output.seek(0)
        return told, output.read().decode(errors="replace")
