"""A machine's memory: which page is in a working set, on the standby list, or nowhere; and what each use of a page costs.

Invariants
  * The host counts.  The program with the policy is told what has happened, and says which pages it takes from working sets; it never says how
    many faults there were, and what comes it does not know.
  * A page that is taken goes to the standby list.  It comes back from there without a read, until its frame is needed: the one
    that waits longest goes first.  So all frames count, and no policy does better than the optimum of as many frames.
  * A policy that lets memory run out loses the page that has been in memory longest.
"""

from __future__ import annotations

import subprocess
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import List, Optional, Sequence

from grader.challenge.workloads import Workload
from grader.errors import GraderError

SECONDS = 60  # of this machine's time for a workload, which takes less than one; then it is ended


class Refused(GraderError):
    """The policy breaks a rule of the challenge."""


@dataclass(frozen=True)
class Counts:
    """What a workload has cost."""

    faults: int  # pages that were read
    soft: int  # pages that came back from the standby list
    forced: int  # pages that the host took, because none was available


class Memory:
    """One workload on one program."""

    def __init__(self, command: Sequence[str], workload: Workload) -> None:
        self._workload, self._command = workload, command
        self._inside: "OrderedDict[int, None]" = OrderedDict()  # the working sets' pages, in the order in which they came
        self._standby: "OrderedDict[int, None]" = OrderedDict()
        self._free = workload.frames
        self._used: List[int] = []  # not told yet
        self._program: "Optional[subprocess.Popen[str]]" = None

    def run(self) -> Counts:
        """Plays the workload.  Refused when the program does not keep to the rules."""
        faults = soft = forced = 0
        with subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
            self._program = program
            clock = threading.Timer(SECONDS, program.kill)
            clock.start()
            try:
                for count, page in enumerate(self._workload.references, 1):
                    if page not in self._inside:
                        if page in self._standby:
                            del self._standby[page]
                            soft += 1
                        else:
                            faults += 1
                            forced += self._take_frame()
                        self._inside[page] = None
                    self._used.append(page)
                    if count % self._workload.second == 0:
                        self._manage("s")
                    elif self._available < self._workload.low:
                        self._manage("m")
            finally:
                clock.cancel()
                program.kill()
        return Counts(faults, soft, forced)

    @property
    def _available(self) -> int:
        return self._free + len(self._standby)

    def _take_frame(self) -> int:
        """A frame for a page that is read.  @returns how many pages the host had to take for it."""
        if self._available == 0:
            self._manage("m")
        if self._free:
            self._free -= 1
        elif self._standby:
            self._standby.popitem(last=False)
        else:
            page, _ = self._inside.popitem(last=False)
            self._tell_uses()
            self._write(f"t {page}\n")
            return 1
        return 0

    def _tell_uses(self) -> None:
        if self._used:
            self._write(f"u {' '.join(map(str, self._used))}\n")
            self._used.clear()

    def _manage(self, event: str) -> None:
        """The working set manager's turn."""
        self._tell_uses()
        self._write(f"{event} {self._available} {self._workload.wanted}\n")
        taken = self._answer()
        if not taken.keys() <= self._inside.keys():
            raise Refused("the program says that it has taken pages that are in no working set")
        for page in taken:
            del self._inside[page]
            self._standby[page] = None

    def _write(self, line: str) -> None:
        assert self._program and self._program.stdin
        try:
            self._program.stdin.write(line)
            self._program.stdin.flush()
        except OSError as error:
            raise Refused(self._ended()) from error

    def _answer(self) -> "dict[int, None]":
        """The pages that were taken, in their order."""
        assert self._program and self._program.stdout
        words = self._program.stdout.readline().split()
        if words[:1] == ["w"]:
            raise Refused(" ".join(words[1:]))
        if words[:1] != ["r"] or not all(word.isdigit() for word in words[1:]):
            raise Refused(self._ended())
        taken = dict.fromkeys(map(int, words[1:]))
        if len(taken) != len(words) - 1:
            raise Refused("the program says that it has taken a page twice")
        return taken

    def _ended(self) -> str:
        assert self._program
        self._program.kill()
        return f"the program with the policy ended (exit code {self._program.wait(SECONDS)}): run it under gdb, {' '.join(self._command)}"


def play(command: Sequence[str], whose: str, workload: Workload) -> Counts:
    """A workload under a policy: `given` or `yours`.  `command`: the program, confined."""
    return Memory([*command, whose], workload).run()
