"""A mixed work whose allocations fail, one after the other: errors come back as statuses, nothing is lost, nothing hangs.

    python3 -m kernel.tests.python.injection [--smp 1,2,4] [--only NAME] [--part NAME] [--site N] [--kinds pool,page,...]

The driver injection.sys has the work, in parts. Of each part the n-th allocation fails, for n = 1, 2, ... until none fails any more; the
sites of all parts together are at least SITES. A line of JSON for each run on a number of processors, as a ring of `make soak` reads it.
"""

from __future__ import annotations

import argparse
import fnmatch
import itertools
import json
import random
import struct
import sys
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Tuple

from grader.errors import GraderError
from grader.guest import Guest
from grader.guest.session import Session
from grader.guest.stops import GuestStop
from grader.machine.parts import Machine, page_file
from grader.machine.qemu import GuestEnd
from grader.tree import this_tree

KINDS = ("pool", "page", "commitment", "system PTEs")  # EX_ALLOCATION
SITES = 2000  # that all parts together have at least
SPARSE = {"paging": 7}  # parts that take long: every so many n
CALLERS = 16
LIMIT, SECONDS = 400_000_000, 60.0  # of one part: what takes longer hangs
SEEN = struct.Struct("<IIIIIiiiI")  # INJECTION_SEEN
SHOWN = 6  # failures
OURS = ("Note", "ExInjectFailure")  # the innermost callers, of no interest


class Work:
    """The guest, at the stage where the work can begin; after a failure it begins anew."""

    def __init__(self, session: Session, kinds: int) -> None:
        self._session, self._kinds = session, kinds
        self.anew()

    def anew(self) -> None:
        self.guest = guest = Guest(self._session)
        guest.begin(self._session.restore("ready"), 0, SECONDS)
        guest.arm()
        guest.u32(guest.sym("InjectionCommitment"), guest.sym("MmTotalCommittedPages"))
        self.warm: "set[int]" = set()

    def parts(self) -> List[str]:
        names: List[str] = []
        while True:
            text = self.guest.call("InjectionPart", len(names))
            if not text:
                return names
            names.append(self.guest.text(text))

    def sites(self, part: int) -> int:
        """Allocations of a part in which none fails.  The pools have grown and the lists are filled by then."""
        if part not in self.warm:
            self._do(part, 0)
            self.warm.add(part)
        return self._do(part, 0)

    def _do(self, part: int, n: int) -> int:
        self.guest.set_budget(self.guest.icount() + LIMIT, SECONDS)
        return self.guest.call("InjectionRun", part, n, self._kinds)

    def fails_at(self, part: int, n: int) -> "Tuple[bool, Optional[str]]":
        """@returns whether there is an n-th allocation, and what was wrong when it failed."""
        try:
            self.sites(part) if part not in self.warm else None
            wrong = self._try(part, n)
            if wrong and "fewer pages" in wrong:  # the pools may have grown, once
                wrong = self._try(part, n)
            return bool(self._seen()[0]), wrong and f"{wrong}\n{self._site()}"
        except GuestStop as stop:
            lines = self.guest.backtrace(stop.registers) if stop.registers else []
            wrong = "\n".join([str(stop), *lines, self._site()])
        except GuestEnd as end:
            wrong = f"the machine ended: {end}"
        self.anew()
        return True, wrong

    def _try(self, part: int, n: int) -> Optional[str]:
        self._do(part, n)
        _, status, file, line, tag, number, commitment, pages, broken = self._seen()
        if status:
            return f"{self.guest.text(file)}:{line}: the error {status:#010x}, which says nothing of memory"
        if broken:
            return f"an invariant does not hold: {self.guest.text(broken)}"
        if number:
            return f"{number} bytes of pool more than before, of tag '{struct.pack('<I', tag).decode(errors='replace')}'"
        if commitment:
            return f"{commitment} committed pages more than before"
        return f"{pages} fewer pages than before" if pages > 0 else None

    def _seen(self) -> "Tuple[int, ...]":
        return SEEN.unpack(self.guest.read(self.guest.sym("InjectionSeen"), SEEN.size))

    def _site(self) -> str:
        """The allocation that failed last."""
        guest, place = self.guest, self.guest.sym("ExpInjection")
        kind, count = guest.u32(place + 16), min(guest.u32(place + 20), CALLERS)
        lines = [guest.describe(guest.u32(place + 24 + 4 * index)) for index in range(count)]
        lines = [line for line in lines if not line.startswith(OURS)]
        return "\n".join([f"the allocation that failed ({KINDS[kind]}):", *(f"  {line}" for line in lines)])


def run(kernel: Path, processors: int, parts: str = "*", kinds: int = (1 << len(KINDS)) - 1,
        only: Optional[Sequence[int]] = None, sample: int = 0, seed: str = "") -> "Tuple[int, List[str]]":
    """@param only these n; None: all. @param sample so many n of each part, which the seed draws; 0: all.
    @returns how many allocations were made to fail, and what was wrong."""
    machine = Machine(memory_mb=16, processors=processors, disks=(page_file(16),), options="/DISKLATENCY=0")
    with Session(kernel, "injection.sys", machine) as session:
        session.boot(Guest(session))
        work = Work(session, kinds)
        failed, wrong = 0, []
        for index, name in enumerate(work.parts()):
            if not fnmatch.fnmatch(name, parts):
                continue
            for n in only or _sites(work, index, SPARSE.get(name, 1), sample, f"{seed} {name}"):
                there, what = work.fails_at(index, n)
                failed += there
                if what:
                    again = f"python3 -m kernel.tests.python.injection --smp {processors} --part '{name}' --site {n}"
                    wrong.append(f"part '{name}', allocation {n}: {what}\nrepeat: {again}")
                if not there or len(wrong) >= SHOWN:
                    break
            if len(wrong) >= SHOWN:
                break
    return failed, wrong


def _sites(work: Work, part: int, step: int, sample: int, seed: str) -> Iterator[int]:
    """Every n, or every step-th one, without an end; or a few of those that there are."""
    if not sample:
        yield from itertools.count(1, step)
    there, wanted = work.sites(part), -(-sample // step)
    yield from sorted(random.Random(seed).sample(range(1, there + 1), min(wanted, there)))


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(description="allocations that fail, one after the other")
    parser.add_argument("--out", default=str(this_tree().out))
    parser.add_argument("--smp", default="1,2,4")
    parser.add_argument("--only", default="*")
    parser.add_argument("--part", default="*")
    parser.add_argument("--site", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--seed", default="")
    args = parser.parse_args(arguments)
    kinds = sum(1 << KINDS.index(kind) for kind in args.kinds.split(","))
    whole = args.part == "*" and not args.site and kinds + 1 == 1 << len(KINDS)
    ok = True
    for processors in map(int, args.smp.split(",")):
        name = f"injection@{processors}"
        if not fnmatch.fnmatch(name, args.only):
            continue
        try:
            failed, wrong = run(Path(args.out).resolve() / "checked", processors, args.part, kinds, [args.site] if args.site else None)
        except GraderError as error:
            failed, wrong = 0, [str(error)]
        if whole and not wrong and failed < SITES:
            wrong = [f"only {failed} sites"]
        ok &= not wrong
        print(json.dumps({"name": name, "ok": not wrong, "features": ["POL-05", "POL-06", "ERR-10"], "seen": "\n".join(wrong) or f"{failed} sites",
                          "expected": f"at each of {SITES} sites and more: an error comes back as a status, and nothing is left behind",
                          "repeat": f"python3 -m kernel.tests.python.injection --only '{name}'"}), flush=True)
    return int(not ok)


if __name__ == "__main__":
    sys.exit(main())
