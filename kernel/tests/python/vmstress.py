"""Random operations on virtual memory in eight processes at once, against the model: as a routine for tests, and as the long run.

    python3 -m kernel.tests.python.vmstress [--operations N] [--seed S] [--smp 1,2,4] [--only NAME]

A line of JSON for each run, as a ring of `make soak` reads it.
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Callable, List, Optional, Tuple

from grader.errors import GraderError
from grader.guest import Guest
from grader.guest.session import Session
from grader.guest.stops import GuestStop
from grader.machine.parts import Machine, page_file
from grader.tree import this_tree

from .vmmodel import PAGE, Expected, Process, Shape, Words

PROCESSES, ROW = 8, 512  # as the driver has them
ROUND = PROCESSES * ROW
LIMIT, SECONDS = 1 << 62, 600.0  # of a round, which takes ten virtual seconds where it pages most
NAMES = ("None", "Allocate", "Free", "Protect", "Query", "Write", "Read", "Trim")
SOAK = 1_000_000
CYCLES = 3
TELL = 16 * ROUND
MOSTLY = 0.9  # of what the processes have used at first, they use so much all the time


@dataclasses.dataclass(frozen=True)
class Case:
    """A machine, and how each process uses memory on it."""

    name: str
    machine: Machine
    shape: Shape
    flavour: str = "free"  # of the kernel
    share: int = 1  # one in so many of the operations is carried out: it takes longer than others


# without a page file: all that is committed has room in memory
IN_MEMORY = Case("in-memory", Machine(memory_mb=16), Shape(300, sizes=(4, 16, 64), runs=(1,)))
# four times what there is: 64 MB are in use at the same time
PAGING = Case("paging", Machine(memory_mb=16, disks=(page_file(96),), options="/DISKLATENCY=0"),
              Shape(2700, sizes=(16, 64, 256), runs=(1,) * 28 + (16, 64), opening=2304))


class Wrong(Exception):
    """The guest does not do what the model says."""


@dataclasses.dataclass(frozen=True)
class Figures:
    """What a run has come to."""

    digest: str  # of all that the guest has told of its operations: the same at the same seed, on any number of processors
    instructions: int  # these and the pages are the same on one processor; several take turns as they like
    used: int  # pages, at the same time
    written: int  # pages, to the page file
    read: int  # pages, from it

    def __str__(self) -> str:
        return (f"{self.instructions / 1e9:.1f}e9 instructions, {self.used * PAGE >> 20} MB in use at once, {self.written} pages written, "
                f"{self.read} read, digest {self.digest[:12]}")


def stress(kernel: Path, case: Case, seed: str, processors: int, operations: int, say: Callable[[str], None] = lambda _: None) -> Figures:
    """Raises Wrong.  `say` hears of the progress."""
    with Session(kernel, "vmstress.sys", dataclasses.replace(case.machine, processors=processors)) as session:
        session.boot(Guest(session))
        guest = Guest(session)
        guest.begin(session.restore("ready"), LIMIT, SECONDS)
        guest.arm()
        run = _Run(guest, case, say)
        try:
            run.cycle(seed, operations)
            seen = run.figures()
            for cycle in range(CYCLES):  # the pools keep what they have grown by, so a cycle may lose pages, but not each
                lost = run.cycle(f"{seed} cycle {cycle}", ROUND)
                if not lost:
                    return seen
            raise Wrong(f"each time that processes come and go, pages are lost: {lost} the last time")
        except Wrong as wrong:
            raise Wrong(f"{case.name}, seed {seed}, {processors} processors: {wrong}") from None


class _Run:
    def __init__(self, guest: Guest, case: Case, say: Callable[[str], None]) -> None:
        self.guest, self.case, self.say = guest, case, say
        self.digest, self.used, self.done = hashlib.sha256(), 0, 0

    def cycle(self, seed: str, operations: int) -> int:
        """Processes come, work, and go.  @returns pages that did not come back."""
        if not self.guest.call("VmStressBegin"):
            raise Wrong("the processes could not be made")
        processes = [Process(f"{seed} {number}", self.case.shape) for number in range(PROCESSES)]
        for done in range(0, operations, ROUND):
            self.round(processes, f"operations from {done}")
            used = sum(len(process.used) for process in processes)
            if used < PROCESSES * self.case.shape.opening * MOSTLY:
                raise Wrong(f"operations from {done}: only {used} pages are in use")
            self.used = max(self.used, used)
        lost = self.guest.call("VmStressEnd")
        places = self.guest.u32(self.guest.sym("VmStressLostPlaces"))
        if places:
            raise Wrong(f"{places} pages of the page file are lost")
        return lost

    def round(self, processes: List[Process], where: str) -> None:
        guest = self.guest
        asked: "List[List[Tuple[Words, Expected]]]" = [[process.operation() for _ in range(ROW)] for process in processes]
        place = guest.sym("VmStressOperations")
        guest.write(place, b"".join(struct.pack("<4I", *operation) for row in asked for operation, _ in row))
        held = guest.call("VmStressRun", limit=LIMIT, seconds=SECONDS)
        if not held:
            raise Wrong(f"{where}: {guest.text(guest.u32(guest.sym('VmStressBroken')))}")
        answers = guest.read(place, ROUND * 16)
        self.digest.update(answers)
        told = list(struct.iter_unpack("<4I", answers))
        for number, row in enumerate(asked):
            for index, (operation, expected) in enumerate(row):
                seen = told[number * ROW + index]
                if not expected.fits(seen):
                    raise Wrong(f"{where}: process {number}, its operation {index}: {_words(operation)}\n"
                                f"  expected: {expected}\n  seen:     {', '.join(f'{word:#x}' for word in seen)}")
        self.done += ROUND
        if self.done % TELL == 0:
            self.say(f"{self.done} operations: {self.figures()}")

    def figures(self) -> Figures:
        guest = self.guest
        written, read = struct.unpack("<2I", guest.read(guest.sym("VmStressPaged"), 8))
        return Figures(self.digest.hexdigest(), guest.session.machine.icount(), self.used, written, read)


def _words(operation: Words) -> str:
    return f"{NAMES[operation[0]]} {operation[1]:#x} size {operation[2]:#x} argument {operation[3]:#x}"


# every assertion, and a disk that takes its time
CHECKED = dataclasses.replace(PAGING, name="paging-checked", machine=dataclasses.replace(PAGING.machine, options="/DISKLATENCY=1"),
                              flavour="checked", share=10)
CASES = (IN_MEMORY, PAGING, CHECKED)


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(description="random operations on virtual memory, against a model")
    parser.add_argument("--out", default=str(this_tree().out))
    parser.add_argument("--operations", type=int, default=SOAK)
    parser.add_argument("--seed", default="one")
    parser.add_argument("--smp", default="1,2,4")
    parser.add_argument("--only", default="*")
    args = parser.parse_args(arguments)
    failed = False
    for case in CASES:
        for processors in map(int, args.smp.split(",")):
            name = f"vmstress.{case.name}@{processors}"
            if not fnmatch.fnmatch(name, args.only):
                continue
            wrong, operations = None, args.operations // case.share

            def note(text: str, name: str = name) -> None:
                print(f"note: {name}: {text}", flush=True)

            try:
                seen = stress(Path(args.out).resolve() / case.flavour, case, args.seed, processors, operations, note)
                note(f"{operations} operations: {seen}")
            except (GraderError, GuestStop, Wrong) as error:
                wrong = str(error)
            failed |= wrong is not None
            print(json.dumps({"name": name, "ok": wrong is None, "features": ["MEM-05", "POL-06"], "seen": wrong or "", "seed": args.seed,
                              "expected": f"{operations} operations as the model says",
                              "repeat": f"python3 -m kernel.tests.python.vmstress --only '{name}' --operations {args.operations} --seed {args.seed}"}),
                  flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
