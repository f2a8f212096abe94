"""One test run again and again, each time exactly the same: which of the student's routines it came to, and when.

A run that watches the routines stops at each of them, which costs the guest no instruction.  Such a stop can still move
a clock interrupt by an instruction, so what a watched run shows is believed only when it ends as the plain run did.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Collection, Dict, List, Optional, Sequence, Set, Tuple

from grader.api import Context
from grader.building import objects
from grader.explore.schedule import Schedule
from grader.guest import Guest, Place
from grader.guest.booting import boot, place_of, prepare
from grader.guest.session import BootFailure, Session
from grader.guest.stops import GuestStop, IdleTooLong, TooManyInstructions
from grader.images.symbols import Symbols, short_path, symbolizer
from grader.judge.services import SERVICES
from grader.judge.verdict import End, judge, outcome
from grader.model import KernelSet, Outcome, TestSpec, Verdict

THREAD_START = "KiThreadStartup"  # leads to all that a thread does
MOST_ARRIVALS = 200_000  # a run that comes to the student's routines more often is not watched
_NUMBER = re.compile(r"\+?0x[0-9a-f]+|\d+(,\d{3})+", re.IGNORECASE)  # addresses, and counts of instructions


class Arrived(Exception):
    """The guest stands at the first instruction of the routine that was asked for."""


class TooMany(Exception):
    """The student's routines run too often to be watched."""


@dataclass(frozen=True)
class Arrival:
    """The guest came to a student's routine."""

    routine: str
    call: int  # in which of the test's calls
    nested: bool  # another routine of the student's called it, or led to its call


class ReplayGuest(Guest):
    """A guest that counts the test's calls and the arrivals at watched routines, and can stop at either."""

    def __init__(self, session: Session, watched: Optional[Dict[int, str]] = None, stop_at_call: int = 0,
                 stop_at_arrival: int = 0) -> None:
        super().__init__(session)
        self.calls, self.last = 0, ""
        self.left_at: List[int] = []  # where the test takes its call away from the processor
        self.watched = watched or {}
        self._names = {*self.watched.values()} - {THREAD_START}
        self.stop_at_call, self.stop_at_arrival = stop_at_call, stop_at_arrival
        self.arrivals: List[Arrival] = []
        self.context: Optional[Context] = None
        self._due = False  # it stands where it shall stop, and the test has still something to do there

    def call_or_stop(self, target: Place, *arguments: int, stops: Sequence[Place], conv: str = "stdcall",
                     stack: int = 0) -> Tuple[str, Dict[str, int]]:
        self.left_at = [self.sym(place) for place in stops]
        return super().call_or_stop(target, *arguments, stops=stops, conv=conv, stack=stack)

    def start(self, target: Place, *arguments: int, conv: str = "stdcall", until: Place, hits: int = 1) -> Dict[str, int]:
        self.left_at = []
        return super().start(target, *arguments, conv=conv, until=until, hits=hits)

    def _call(self, target: Place, arguments: Sequence[int], conv: str, limit: int, seconds: float,
              written: Optional[int] = None) -> Dict[str, int]:
        self.left_at = []
        return super()._call(target, arguments, conv, limit, seconds, written)

    def _enter(self, target: Place, arguments: Sequence[int], conv: str, stack: int = 0) -> int:
        if self._due:
            raise Arrived()
        returned = super()._enter(target, arguments, conv, stack)
        self.calls += 1
        shown = ", ".join(f"{argument & 0xFFFFFFFF:#x}" for argument in arguments)
        self.last = f"{self._label(target)}({shown})"
        if self.calls == self.stop_at_call:
            raise Arrived()
        if self.sym(target) in self.watched:
            self._arrive(at_a_stop=False)
        return returned

    def _run(self, stops: Set[int], written: Optional[int] = None) -> bool:
        while True:
            if self._due:
                raise Arrived()
            if super()._run({*stops, *self.watched}, written):
                return True
            here = self.regs()["eip"]
            if here in self.watched:
                self._arrive(here in stops)
            if here in stops:
                return False

    def step(self) -> Dict[str, int]:
        if self._due:
            raise Arrived()
        return super().step()

    def _arrive(self, at_a_stop: bool) -> None:
        """`at_a_stop`: the test stops here too, and may change registers before the guest goes on."""
        registers = self.regs()
        nested = any(self.name(address - 1) in self._names for address in self.callers(registers))
        self.arrivals.append(Arrival(self.watched[registers["eip"]], self.calls, nested))
        if len(self.arrivals) == self.stop_at_arrival:
            self._due = True
            if not at_a_stop:
                raise Arrived()
        if len(self.arrivals) > MOST_ARRIVALS:
            raise TooMany()


class Attempts:
    """One test on one kernel, as often as one likes.  `close` ends the machine."""

    def __init__(self, kernels: KernelSet, spec: TestSpec, seed: int, forced: Optional[Schedule] = None) -> None:
        self.kernels, self.spec, self.seed, self.forced = kernels, spec, seed, forced
        self.folder = kernels[spec.kernel].directory
        self.session = boot(place_of(kernels, spec))
        self.boots = spec.stage not in self.session.failures  # the kernel comes to where the test begins

    def close(self) -> None:
        self.session.close()

    def run(self, stop_at_call: int = 0, watched: Optional[Dict[int, str]] = None, stop_at_arrival: int = 0,
            forced: Optional[Schedule] = None) -> "Tuple[ReplayGuest, Outcome]":
        """The test from its beginning, to its end or to a call or an arrival.  A kernel that does not come to the test's
        stage is booted again: there the arrivals of the boot count."""
        if not self.boots:
            return self._boot_again(watched, stop_at_arrival)
        return run_once(self.session, self.kernels, self.spec, self.seed, stop_at_call, forced or self.forced, watched,
                        stop_at_arrival)

    def _boot_again(self, watched: Optional[Dict[int, str]], stop_at_arrival: int) -> "Tuple[ReplayGuest, Outcome]":
        self.session.close()
        place = place_of(self.kernels, self.spec)
        self.session = Session(place.directory, place.driver, place.machine, place.stages)
        self.session.start()
        guest = ReplayGuest(self.session, watched, stop_at_arrival=stop_at_arrival)
        context = guest.context = Context(self.spec, self.seed, guest, self.kernels.student_dir,
                                          self.kernels.student_seed, SERVICES)
        cause: Optional[BaseException] = None
        try:
            self.session.boot(guest)
        except Arrived as arrived:
            cause = arrived
        else:
            cause = self.session.failures.get(self.spec.stage)
            guest_woken(guest, cause.cause if isinstance(cause, BootFailure) else None)
        return guest, told_of(context, cause, guest)

    def student_routines(self, files: Sequence[str]) -> Dict[int, str]:
        """Address -> name of every routine that is compiled from these files, in this kernel."""
        names: Set[str] = set()
        for file in files:
            made = self.folder / "obj" / (file[len("kernel/"):] + ".obj")
            if file.startswith("kernel/") and made.is_file():
                names |= objects.code_names(made.read_bytes())
        return routines_of(self.session.symbols, names, files)


def run_once(session: Session, kernels: KernelSet, spec: TestSpec, seed: int, stop_at: int = 0,
             forced: Optional[Schedule] = None, watched: Optional[Dict[int, str]] = None,
             stop_at_arrival: int = 0) -> "Tuple[ReplayGuest, Outcome]":
    """The test from its snapshot; up to the `stop_at`-th call, or the `stop_at_arrival`-th arrival at a watched routine,
    when that is not 0.  `forced`: an exploring test runs this schedule and no other."""
    guest = ReplayGuest(session, watched, stop_at, stop_at_arrival)
    context = guest.context = Context(spec, seed, guest, kernels.student_dir, kernels.student_seed, SERVICES)
    context.forced = forced
    cause: Optional[BaseException] = None
    try:
        prepare(session, guest, spec)
        spec.function(context)
    except TooMany:
        raise
    except Exception as error:
        cause = error
    told = told_of(context, cause, guest)
    guest_woken(guest, cause)
    return guest, told


def told_of(context: Context, cause: Optional[BaseException], guest: ReplayGuest) -> Outcome:
    end = End(Verdict.PASS) if isinstance(cause, Arrived) else judge(context, cause, guest)
    return outcome(context.spec, context.seed, end, guest, b"", 0)


def guest_woken(guest: ReplayGuest, cause: Optional[BaseException]) -> None:
    """A guest whose time was up stands in the NMI handler that the deadline led to: back to where it was."""
    if isinstance(cause, (TooManyInstructions, IdleTooLong)) and cause.registers and guest.nmi:
        guest.wake_where_interrupted()


def routines_of(symbols: Symbols, names: Collection[str], files: Sequence[str]) -> Dict[int, str]:
    """Address -> name of those routines of these names whose source is one of the files."""
    found: Dict[int, str] = {}
    for module in symbols.modules:
        wanted = [symbol for symbol in module.image.by_address if symbol.name in names]
        places = source_files(module.image.path, [symbol.rva for symbol in wanted])
        for symbol, place in zip(wanted, places):
            if place in files:
                found.setdefault(module.base + symbol.rva, symbol.name)
    return found


def source_files(image: Path, rvas: Sequence[int]) -> List[str]:
    """The source file of each address of an image."""
    tool = symbolizer()
    if tool is None or not rvas:
        return [""] * len(rvas)
    done = subprocess.run([tool, f"--obj={image}", "--relative-address", "--inlining=false", *map(hex, rvas)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    blocks = done.stdout.decode(errors="replace").strip("\n").split("\n\n")
    lines = [block.splitlines()[-1].rsplit(":", 2)[0] if block else "" for block in blocks]
    return [short_path(line) for line in lines] if len(lines) == len(rvas) else [""] * len(rvas)


def choose(told: Outcome, arrivals: Sequence[Arrival]) -> int:
    """Which arrival (from 1) led to the failure; 0: none did.  The routine that crashed or hung, else the routine that the
    test says it called, else the last one that no other routine of the student's led to."""
    seen = {arrival.routine for arrival in arrivals}
    frames = [line.split(" ")[0].split("+")[0] for line in told.backtrace]
    # Every thread's backtrace ends in its start, so that is to blame only where nothing lies above it.
    crashed = [name for depth, name in enumerate(frames) if name in seen and (depth == 0 or name != THREAD_START)]
    asked = [name for name in re.findall(r"\b([A-Z]\w+)\(", told.asked)[:1] if name in seen]  # what follows came before
    for name in [*crashed[:1], *asked]:
        return max(number for number, arrival in enumerate(arrivals, 1) if arrival.routine == name)
    return max((number for number, arrival in enumerate(arrivals, 1) if not arrival.nested), default=0)


def alike(one: Outcome, other: Outcome) -> bool:
    """The same failure, though code and data may lie at other addresses."""
    return _bare(one) == _bare(other)


def _bare(told: Outcome) -> Sequence[object]:
    texts = [_NUMBER.sub("#", text) for text in (told.asked, told.expected, told.seen, told.difference)]
    return [told.verdict, told.hint_id, *texts]


__all__ = ["Arrival", "Arrived", "Attempts", "ReplayGuest", "TooMany", "alike", "choose", "run_once"]
