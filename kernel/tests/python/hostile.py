"""Programs that call system services at random with hostile arguments, and programs that are killed at any moment: the kernel bears it,
and nothing of a program is left behind.

    python3 -m kernel.tests.python.hostile [--calls N] [--kills N] [--seed S] [--smp 1,2,4] [--only NAME] [--table]

The driver hostile.sys starts one program after the other (kernel/tests/programs/fuzz), each with a seed of its own, until they have made
so many calls, or starts programs that work (kernel/tests/programs/victim.cpp) and kills them. After each the driver compares pool by tag, objects and handles by type and commit charge with what was there before.
A line of JSON for each number of processors, as a ring of `make soak` reads it. --table: how often each service was called.
"""

from __future__ import annotations

import argparse
import fnmatch
import importlib.util
import itertools
import json
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from grader.errors import GraderError
from grader.guest import Guest
from grader.guest.session import Session
from grader.guest.stops import GuestStop
from grader.machine.parts import Machine
from grader.machine.qemu import GuestEnd
from grader.tree import this_tree

CALLS, KILLS = 100_000, 5_000  # of a run
EACH = 400  # calls of one program, at most: many end before
SPARE = 8  # threads may each make one more
ROWS, RECENT, WORDS = 256, 16, 11  # as kernel/tests/programs/hostilelog.h has them
CALL = struct.Struct(f"<4I{WORDS}II")
LIMIT, SECONDS = 3_000_000_000, 120.0  # of one program: what takes longer hangs
LEFTOVERS = ("nothing", "bytes of pool more than before, of tag", "committed", "objects more than before, of type", "handles more than before, to objects of type",
             "a program does not end", "a program could not be started, status", "an invariant does not hold:", "free pages fewer than before", "is held still:")
FLAVOURS = ("free", "checked")


class Wrong(Exception):
    """The kernel did not bear it."""


@dataclass(frozen=True)
class Figures:
    """What a run has come to."""

    calls: int  # 0: programs were killed
    programs: int
    succeeded: int  # calls; of programs that were killed: those that owned a mutant
    made: "Tuple[int, ...]"  # by service
    good: "Tuple[int, ...]"

    def __str__(self) -> str:
        if not self.calls:
            return f"{self.programs} programs were killed, {self.succeeded} of them owned a mutant that others use"
        return f"{self.calls} calls by {self.programs} programs, {self.succeeded} of them succeeded"


def services() -> "Dict[int, str]":
    """Names by number, of the table."""
    path = this_tree().root / "kernel/services"
    spec = importlib.util.spec_from_file_location("mica_services", path / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return {service.number: service.name for service in module.parse((path / "services.def").read_text())}


class Run:
    """A machine on which programs run one after the other."""

    def __init__(self, session: Session, kills: bool) -> None:
        self.guest = guest = Guest(session)
        guest.begin(session.restore("ready"), LIMIT, SECONDS)
        guest.arm()
        guest.call("HostileBeginKills" if kills else "HostileBegin")
        self.log = 0 if kills else guest.call("HostileLog")

    def program(self, routine: str, *arguments: int) -> int:
        """@returns what the routine returns. Raises Wrong."""
        try:
            self.guest.set_budget(self.guest.icount() + LIMIT, SECONDS)
            made = self.guest.call(routine, *arguments)
        except GuestStop as stop:
            lines = self.guest.backtrace(stop.registers) if stop.registers else []
            raise Wrong("\n".join([str(stop), *lines, *self.recent()])) from None
        except GuestEnd as end:
            raise Wrong(f"the machine ended: {end}") from None
        what, more, name = struct.unpack("<Ii32s", self.guest.read(self.guest.sym("HostileSeen"), 40))
        if what:
            text = name.split(b"\0")[0].decode(errors="replace")
            raise Wrong("\n".join([f"{more if what != 6 else hex(more & 0xFFFFFFFF)} {LEFTOVERS[what]} {text}", *self.recent()]))
        return made

    def recent(self) -> List[str]:
        """The last calls, latest first."""
        names = services()
        if not self.log:
            return []
        try:
            rows = list(CALL.iter_unpack(self.guest.read(self.log + 8 + 8 * ROWS, CALL.size * RECENT)))
        except (GraderError, GuestStop):
            return []
        lines = []
        for number, caller, service, at, *rest in sorted(rows, reverse=True):
            if number:
                words = ", ".join(f"{word:#x}" for word in rest[:WORDS])
                lines.append(f"  call {number} of thread {caller}: {names.get(service, hex(service))}({words}) at {at:#x}{'' if rest[WORDS] else ', not back'}")
        return lines

    def counts(self) -> "Tuple[int, Tuple[int, ...], Tuple[int, ...]]":
        words = struct.unpack(f"<{2 + 2 * ROWS}i", self.guest.read(self.log, 8 + 8 * ROWS))
        return words[1], words[2:2 + ROWS], words[2 + ROWS:]  # what programs say, for whom looks at the table: no verdict depends on it


def hostile(kernel: Path, processors: int, seed: int, calls: int = 0, kills: int = 0) -> Figures:
    """Random calls, or kills. Raises Wrong, with the program's seed."""
    machine = Machine(processors=processors, files=("ntdll.dll", "fuzz.exe", "victim.exe", "orphans.exe"))
    with Session(kernel, "hostile.sys", machine) as session:
        session.boot(Guest(session))
        run = Run(session, kills != 0)
        done = programs = owned = 0
        while done < calls or programs < kills:
            one = seed + programs
            try:
                if kills:
                    owned = run.program("HostileKill", one)
                else:
                    made = run.program("HostileCalls", one, EACH)
                    done += made if made <= EACH + SPARE else 0  # the program may write to the page that counts
            except Wrong as wrong:
                again = f"python3 -m kernel.tests.python.hostile --smp {processors} --seed {one} --{'kills' if kills else 'calls'} 1 --flavours {kernel.name}"
                raise Wrong(f"seed {one}, {processors} processors, after {programs} programs of seeds from {seed}: {wrong}\nrepeat: {again}") from None
            programs += 1
        return Figures(0, programs, owned, (), ()) if kills else Figures(done, programs, *run.counts())


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(description="random calls of services with hostile arguments")
    parser.add_argument("--out", default=str(this_tree().out))
    parser.add_argument("--calls", type=int, default=-1)
    parser.add_argument("--kills", type=int, default=-1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--smp", default="1,2,4")
    parser.add_argument("--flavours", default=",".join(FLAVOURS))
    parser.add_argument("--only", default="*")
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args(arguments)
    whole = args.calls < 0 and args.kills < 0
    runs = [("calls", CALLS if whole else max(args.calls, 0)), ("kills", KILLS if whole else max(args.kills, 0))]
    ok = True
    for flavour, processors, (what, amount) in itertools.product(args.flavours.split(","), map(int, args.smp.split(",")), runs):
        name = f"hostile.{what}.{flavour}@{processors}"
        if not amount or not fnmatch.fnmatch(name, args.only):
            continue
        try:
            figures, wrong = hostile(Path(args.out).resolve() / flavour, processors, args.seed, **{what: amount}), ""
            if args.table and figures.made:
                names = services()
                print("\n".join(f"{figures.made[n]:>7} {figures.good[n]:>7}  {names[n]}" for n in sorted(names)))
        except (GraderError, Wrong) as error:
            figures, wrong = None, str(error)
        ok &= not wrong
        print(json.dumps({"name": name, "ok": not wrong, "features": ["TRP-04", "TRP-05", "TRP-06", "EXC-03", "PRC-12", "OBJ-05"],
                          "seen": wrong or str(figures), "seed": args.seed,
                          "expected": f"{amount} {what}: no bugcheck, no hang, and nothing of a program is left behind",
                          "repeat": f"python3 -m kernel.tests.python.hostile --only '{name}' --{what} {amount} --seed {args.seed}"}), flush=True)
    return int(not ok)


if __name__ == "__main__":
    sys.exit(main())
