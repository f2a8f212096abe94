"""A ring that is a program: it prints one JSON line a test, everything else is its log.

A line: {"name": "suite.test", "ok": true, "features": ["SCH-17"], "expected": "", "seen": "", "seed": 1, "repeat": "",
"where": "file:line"}; name and ok suffice for a pass. A line `note: ...` is shown. A line `skipped: WHY` says that nothing of the ring can run here. Exit status 0: all passed, 1: a test failed, 2 and NOTHING: no
test has that name, any other: the ring itself broke, which counts as a failed test.
"""

from __future__ import annotations

import fnmatch
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from typing import Iterator

from .base import Options, Outcome, Ring, Skipped, tail

NOTHING = "no test is called "  # what a program says, with status 2, when nothing has the name of --only
NOTE = "note: "
SKIPPED = "skipped: "
SILENT_SECONDS = 900  # without a test's line: the ring hangs


class Silence:
    """Ends a process that says nothing for too long; however long it speaks, it may go on."""

    def __init__(self, process: subprocess.Popen) -> None:
        self._process, self._seconds, self.said = process, SILENT_SECONDS, ""
        self._last, self._ended = time.monotonic(), threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def heard(self) -> None:
        self._last = time.monotonic()

    def end(self) -> None:
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(min(1.0, self._seconds / 4)):
            if time.monotonic() - self._last > self._seconds:
                self.said = f"it said nothing for {self._seconds:g} s and was ended"
                self._process.kill()
                return


class ProgramRing(Ring):
    def __init__(self, name: str, what: str, command: "list[str]") -> None:
        super().__init__(name, what)
        self.command = command

    def run(self, options: Options) -> "Iterator[Outcome]":
        command = [part.format(jobs=options.jobs) for part in self.command] + ["--out", str(options.out)]
        if options.only:
            command += ["--only", options.only]
        if options.seed:
            command += ["--seed", options.seed]
        env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        env["PYTHONDONTWRITEBYTECODE"] = "1"
        if command[0] == "python3":
            command[0] = sys.executable
        log: "list[str]" = []
        any_failed = any_ran = False
        skipped = ""
        with tempfile.TemporaryFile("w+", errors="replace") as errors:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
                                       errors="replace", env=env)
            guard = Silence(process)
            try:
                for line in process.stdout:
                    guard.heard()
                    outcome = self.parse(line)
                    if line.startswith(NOTE):
                        options.note(line[len(NOTE):].strip())
                    elif line.startswith(SKIPPED):
                        skipped = line[len(SKIPPED):].strip()
                    elif outcome is None:
                        log.append(line)
                    elif not options.only or fnmatch.fnmatch(outcome.name, options.only):
                        any_failed, any_ran = any_failed or not outcome.ok, True
                        yield outcome
                status = process.wait()
            finally:
                guard.end()
                if process.poll() is None:
                    process.kill()
                    process.wait()
                process.stdout.close()
            errors.seek(0)
            log.append(errors.read() + guard.said)
        if skipped and status == 0 and not any_ran:
            raise Skipped(skipped)
        if status == 2 and options.only and not any_ran and NOTHING in log[-1]:
            return
        if status not in (0, 1) or (status == 1 and not any_failed):
            yield Outcome(self.name, "the ring itself", False, expected="exit status 0, or 1 with a failed test",
                          seen=f"exit status {status}\n{tail(''.join(log))}", repeat=" ".join(command))

    def parse(self, line: str) -> "Outcome | None":
        if not line.startswith("{"):
            return None
        try:
            said = json.loads(line)
            return Outcome(self.name, str(said["name"]), said["ok"] is True, list(said.get("features", [])),
                           str(said.get("expected", "")), str(said.get("seen", "")), said.get("seed"),
                           str(said.get("repeat", "") or self.repeat(None, str(said["name"]))), str(said.get("where", "")))
        except (ValueError, KeyError, TypeError):
            return None
