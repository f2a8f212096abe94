"""Random operations on virtual memory in eight processes at once, against the model: as a routine for tests, and as the long run.

    python3 -m kernel.tests.python.vmstress [--operations N] [--seed S] [--smp 1,2,4] [--only NAME]

A line of JSON for each run, as a ring of `make soak` reads it.
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import json
import struct
import sys
from pathlib import Path
from typing import List, Optional, Tuple

from grader.errors import GraderError
from grader.guest import Guest
from grader.guest.session import Session
from grader.machine.parts import Machine
from grader.tree import this_tree

from .vmmodel import Expected, Process, Words

PROCESSES, ROW = 8, 512  # as the driver has them
ROUND = PROCESSES * ROW
LIMIT, SECONDS = 1 << 62, 24 * 3600.0
NAMES = ("None", "Allocate", "Free", "Protect", "Query", "Write", "Read", "Trim")
SOAK = 1_000_000
CYCLES = 3


@dataclasses.dataclass(frozen=True)
class Case:
    """A machine, and how many pages each process commits on it at most."""

    name: str
    machine: Machine
    pages: int


IN_MEMORY = Case("in-memory", Machine(memory_mb=16), 300)  # without a page file: all that is committed has room in memory


def stress(kernel: Path, case: Case, seed: str, processors: int, operations: int) -> Optional[str]:
    """@returns what was wrong first; None: nothing."""
    where = f"{case.name}, seed {seed}, {processors} processors"
    with Session(kernel, "vmstress.sys", dataclasses.replace(case.machine, processors=processors)) as session:
        session.boot(Guest(session))
        guest = Guest(session)
        guest.begin(session.restore("ready"), LIMIT, SECONDS)
        guest.arm()
        _, wrong = _cycle(guest, case, seed, operations)
        lost = 1
        for cycle in range(CYCLES):  # the pools keep what they have grown by, so a cycle may lose pages, but not each
            if not wrong and lost:
                lost, wrong = _cycle(guest, case, f"{seed} cycle {cycle}", ROUND)
        if not wrong and lost:
            wrong = f"each time that processes come and go, pages are lost: {lost} the last time"
        return wrong and f"{where}: {wrong}"


def _cycle(guest: Guest, case: Case, seed: str, operations: int) -> Tuple[int, Optional[str]]:
    """Processes come, work, and go.  @returns the pages that did not come back, and what was wrong."""
    if not guest.call("VmStressBegin"):
        return 0, "the processes could not be made"
    processes = [Process(f"{seed} {number}", case.pages) for number in range(PROCESSES)]
    for done in range(0, operations, ROUND):
        wrong = _round(guest, processes)
        if wrong:
            return 0, f"operations from {done}: {wrong}"
    return guest.call("VmStressEnd"), None


def _round(guest: Guest, processes: List[Process]) -> Optional[str]:
    asked: "List[List[Tuple[Words, Expected]]]" = [[process.operation() for _ in range(ROW)] for process in processes]
    place = guest.sym("VmStressOperations")
    guest.write(place, b"".join(struct.pack("<4I", *operation) for row in asked for operation, _ in row))
    held = guest.call("VmStressRun")
    told = list(struct.iter_unpack("<4I", guest.read(place, ROUND * 16)))
    for number, row in enumerate(asked):
        for index, (operation, expected) in enumerate(row):
            seen = told[number * ROW + index]
            if not expected.fits(seen):
                return (f"process {number}, its operation {index}: {_words(operation)}\n"
                        f"  expected: {expected}\n  seen:     {', '.join(f'{word:#x}' for word in seen)}")
    if held:
        return None
    text = guest.u32(guest.sym("VmStressBroken"))
    return guest.text(text) if text else "the guest could not begin"


def _words(operation: Words) -> str:
    return f"{NAMES[operation[0]]} {operation[1]:#x} size {operation[2]:#x} argument {operation[3]:#x}"


CASES = (IN_MEMORY,)


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
            try:
                wrong = stress(Path(args.out).resolve() / "free", case, args.seed, processors, args.operations)
            except GraderError as error:
                wrong = str(error)
            failed |= wrong is not None
            print(json.dumps({"name": name, "ok": wrong is None, "features": ["MEM-05", "POL-06"], "seen": wrong or "", "seed": args.seed,
                              "expected": f"{args.operations} operations as the model says",
                              "repeat": f"python3 -m kernel.tests.python.vmstress --only '{name}' --operations {args.operations} --seed {args.seed}"}),
                  flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
