"""KxControl, the block through which host and explorer talk: written before a call, read after it.

One call takes one batch, or several lots of a portfolio one after the other, for every stop of the machine costs as much as
fifty runs: QEMU forgets then all that it has translated.
Invariant: where the fields lie comes from KxFieldTable in the kernel's image file, never from guest memory.
kernel/inc/ke/explore.h has the structures.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Sequence, Tuple

from grader.explore.schedule import PARAMETERS, Schedule, Strategy
from grader.views.fields import Layout
from grader.views.memory import Memory, Structures

TABLE = "KxFieldTable"
LOTS_MAX = 16  # KX_MAXIMUM_LOTS
LOT_FIELDS = ("Strategy", "Depth", "Seed", "Runs", "StepEstimate", "JitterMin", "JitterMax", "Probability")  # KX_LOT, in its order
DONE_FIELDS = ("Runs", "Points", "MaxPoints", "Switches", "Exhausted")  # KX_LOT_DONE
TRACE, DETECT, STOP_AT_FIRST = 1, 2, 4
POINT_LEAST = 10  # guest instructions that a point costs at least
OVERWRITTEN = "the explorer's own data was overwritten"
STACK_MAX, TRACE_MAX = 8, 1 << 16


class Found(enum.IntEnum):
    """KX_OUTCOME, and what the host alone can see (from 100)."""

    NOTHING = 0
    CHECK = 1
    DEADLOCK = 2
    NO_PROGRESS = 3
    DATA_RACE = 4
    BAD_SCENARIO = 5
    BUGCHECK = 100  # the kernel stopped
    HANG = 101  # it did not come back within its instructions
    CRASH = 102  # the machine was reset or powered off
    OVERWRITTEN = 103  # the explorer's own data is not what the explorer wrote


KNOWN = tuple(int(one) for one in Found if one < Found.BUGCHECK)


@dataclass(frozen=True)
class Access:
    """One of the two accesses of a data race."""

    processor: int
    step: int
    pc: int  # behind the hook's call: one past the access
    write: bool
    size: int
    stack: Tuple[int, ...]


@dataclass(frozen=True)
class Race:
    address: int
    name: str
    offset: int
    accesses: Tuple[Access, ...]


@dataclass(frozen=True)
class Entry:
    """One point of a traced run."""

    step: int
    processor: int
    kind: int
    irql: int
    size: int
    pc: int
    object: int


@dataclass(frozen=True)
class Batch:
    """What to run: `runs` schedules from `schedule.seed` upwards."""

    schedule: Schedule
    runs: int = 1
    step_limit: int = 0
    trace: bool = False
    detect: bool = True
    stop_at_first: bool = True


@dataclass(frozen=True)
class Ran:
    """What a batch did."""

    runs: int
    found: Found = Found.NOTHING
    schedule: Optional[Schedule] = None  # of the failed run, ready to be run alone
    run: int = 0  # its index in the batch
    step: int = 0
    processor: int = 0
    message: str = ""
    place: str = ""  # file:line of a failed check
    points: int = 0
    longest: int = 0
    switches: int = 0
    exhausted: bool = False
    race: Optional[Race] = None
    waiting: Tuple[Tuple[int, ...], ...] = ()  # a stack for each processor: innermost return address first
    observations: Tuple[int, ...] = ()
    trace: Tuple[Entry, ...] = ()
    trace_lost: int = 0
    instructions: int = 0
    cause: Optional[BaseException] = None  # of BUGCHECK, HANG and CRASH
    whole: int = 1  # runs of a replay: all of the batch where no single one is to blame

    @property
    def same_as(self) -> Tuple[int, str]:
        """What a replay must find again."""
        return int(self.found), self.message


@dataclass(frozen=True)
class Purse:
    """What an exploration may cost, and has cost."""

    budget: int  # 0: no bound
    run_price: int
    point_price: int
    runs: int = 0
    points: int = 0

    def after(self, runs: int, points: int) -> "Purse":
        return replace(self, runs=self.runs + runs, points=self.points + points)

    @property
    def spent(self) -> int:
        return self.runs * self.run_price + self.points * self.point_price

    def pays_for(self, first: int) -> int:
        """How many more runs, at what one has cost so far; `first`: at what one may cost, before one was seen."""
        each = self.spent // self.runs if self.runs else first
        return (self.budget - self.spent) // each if self.budget else 1 << 30


def further(batches: Sequence[Batch], purse: Purse) -> Dict[str, bytes]:
    """The in fields for the lots behind the first."""
    lots = b"".join(struct.pack("<8I", *(words[0] & 0xFFFFFFFF for words in (orders(batch)[name] for name in LOT_FIELDS)))
                    for batch in batches[1:])
    return {"LotCount": struct.pack("<I", len(batches) - 1), "Lots": lots, "Budget": struct.pack("<Q", purse.budget or 1 << 62),
            "RunPrice": struct.pack("<I", purse.run_price), "PointPrice": struct.pack("<I", purse.point_price)}


def orders(batch: Batch) -> Dict[str, Tuple[int, ...]]:
    """The in fields that nobody but the host writes."""
    schedule = batch.schedule
    return {"Strategy": (schedule.strategy,), "Depth": (schedule.depth,), "Seed": (schedule.seed,), "Runs": (batch.runs,),
            "StepEstimate": (schedule.estimate,), "StepLimit": (batch.step_limit,), "JitterMin": (schedule.jitter[0],),
            "JitterMax": (schedule.jitter[1],), "Probability": (schedule.probability,),
            "Flags": (TRACE * batch.trace | DETECT * batch.detect | STOP_AT_FIRST * batch.stop_at_first,),
            "Parameter": (schedule.parameters + (0,) * PARAMETERS)[:PARAMETERS]}


def encode(batch: Batch, view: Structures, address: int, write,  # type: ignore[no-untyped-def]
           then: Sequence[Batch] = (), purse: Optional[Purse] = None) -> None:
    """Write the in fields; the out fields become zero.  `then`: lots that follow as long as nothing is found and `purse` pays."""
    script = batch.schedule.script
    whole = bytearray(view.layout.size("KX_CONTROL"))
    # An exhaustive search writes the script of its find.
    values = {**orders(batch), "ScriptLength": (len(script),), "Script": tuple(value for pair in script for value in pair)}
    for field, words in values.items():
        offset, size = view.layout.field("KX_CONTROL." + field)
        data = struct.pack(f"<{len(words)}I", *(word & 0xFFFFFFFF for word in words))
        whole[offset:offset + min(size, len(data))] = data[:size]
    if then and purse is not None:
        spent = {"SpentRuns": struct.pack("<Q", purse.runs), "SpentPoints": struct.pack("<Q", purse.points)}
        for field, data in {**further([batch, *then], purse), **spent}.items():
            offset, _ = view.layout.field("KX_CONTROL." + field)
            whole[offset:offset + len(data)] = data
    # The trace's buffer and its size are the kernel's own, set once.
    for field in ("TraceAddress", "TraceCapacity"):
        offset, size = view.layout.field("KX_CONTROL." + field)
        whole[offset:offset + size] = view.memory.read(address + offset, size)
    write(address, bytes(whole))


def decode_lots(view: Structures, address: int, batches: Sequence[Batch], purse: Purse, found: Optional[Found], message: str,
                instructions: int, cause: Optional[BaseException]) -> List[Ran]:
    """What became of the lots of one call, in their order: those that have begun."""
    first = Decoder(view, address, batches[0])
    done = first.number("LotsDone")
    wrecked = Ran(1, Found.OVERWRITTEN, batches[min(done, len(batches) - 1)].schedule, message=OVERWRITTEN, instructions=instructions,
                  whole=batches[min(done, len(batches) - 1)].runs)
    if done >= len(batches) or any(view.memory.read(address + view.layout.field("KX_CONTROL." + field)[0], len(data)) != data
                                   for field, data in further(batches, purse).items()):
        return [wrecked]
    offset, size = view.layout.field("KX_CONTROL.Done")[0], view.layout.size("KX_LOT_DONE")
    rans: List[Ran] = []
    for index, batch in enumerate(batches[:done]):
        runs, points, longest, switches, exhausted = (view.get(address + offset + index * size, "KX_LOT_DONE." + name)
                                                      for name in DONE_FIELDS)
        if runs > batch.runs or runs < batch.runs and not (exhausted and batch.schedule.strategy is Strategy.EXHAUSTIVE):
            return [*rans, wrecked]
        rans.append(Ran(runs, points=points, longest=longest, switches=switches, exhausted=bool(exhausted)))
        purse = purse.after(runs, points)
    if done and found is None and purse.pays_for(0) < batches[done].runs:  # there it stopped: the rest of the budget is the host's to divide
        return rans if Decoder(view, address, batches[done - 1]).ran().found is Found.NOTHING else [*rans[:-1], wrecked]
    last = Decoder(view, address, batches[done]).ran(found, message, instructions, cause)
    return [*rans, wrecked if last.found is Found.NOTHING and done < len(batches) - 1 else last]


def misstated(rans: Sequence[Ran], instructions: int) -> bool:
    """Whether lots that found nothing tell of points that cannot be: more of them than the machine had instructions for, or a longest
    run that does not fit all of them.  Too many would use up the budget, and too long a run would put PCT's changes behind the end."""
    told = [ran for ran in rans if ran.found is Found.NOTHING]
    return (sum(ran.points for ran in told) * POINT_LEAST > instructions
            or any(not ran.longest <= ran.points <= ran.longest * ran.runs for ran in told))


class Decoder:
    """Reads the out fields."""

    def __init__(self, view: Structures, address: int, batch: Batch) -> None:
        self.view, self.address, self.batch = view, address, batch

    def number(self, field: str) -> int:
        return self.view.get(self.address, "KX_CONTROL." + field)

    def words(self, field: str) -> List[int]:
        offset, size = self.view.layout.field("KX_CONTROL." + field)
        return list(struct.unpack(f"<{size // 4}I", self.view.memory.read(self.address + offset, size // 4 * 4)))

    def text(self, pointer: int, limit: int = 192) -> str:
        """A zero-terminated string of the guest's; empty where there is none."""
        if not pointer:
            return ""
        try:
            return self.view.memory.read(pointer, limit).split(b"\0")[0].decode("ascii", "replace")
        except Exception:  # at the end of a mapped area, or a wrecked pointer: the text is not worth an end
            return ""

    def ran(self, found: Optional[Found] = None, message: str = "", instructions: int = 0,
            cause: Optional[BaseException] = None) -> Ran:
        """The batch as the control block tells it.  `found` is what the host itself saw."""
        told = self.number("Outcome")
        if found is None and not self.believable(told):
            return Ran(1, Found.OVERWRITTEN, self.batch.schedule, message=OVERWRITTEN,
                       instructions=instructions, whole=self.batch.runs)
        outcome = found if found is not None else Found(told)
        stopped = found is not None
        seed = self.number("CurrentSeed" if stopped else "FailedSeed")
        run = self.number("CurrentRun" if stopped else "FailedRun")
        failed = outcome not in (Found.NOTHING, Found.BAD_SCENARIO)
        trace, lost = self.trace() if self.batch.trace else ((), 0)
        return Ran(
            runs=max(self.number("RunsDone"), run + 1 if failed else 0),
            found=outcome,
            schedule=self.schedule(seed) if failed else None,
            run=run,
            step=self.number("CurrentStep" if stopped else "FailedStep"),
            processor=self.number("FailedProcessor"),
            message=message or self.view.text(self.address, "KX_CONTROL.Message"),
            place=self.place(),
            points=self.number("TotalPoints"),
            longest=self.number("MaxPoints"),
            switches=self.number("Switches"),
            exhausted=bool(self.number("Exhausted")),
            race=self.race() if outcome is Found.DATA_RACE else None,
            waiting=self.waiting() if failed else (),
            observations=tuple(self.words("Observations")[:self.number("ObservationCount")]),
            trace=trace,
            trace_lost=lost,
            instructions=instructions,
            cause=cause)

    def believable(self, told: int) -> bool:
        """Whether the block can be the explorer's: the orders as they were given, and as many runs as they ask for."""
        done, limit = self.number("RunsDone"), self.batch.runs
        early = told != Found.NOTHING or self.batch.schedule.strategy is Strategy.EXHAUSTIVE and self.number("Exhausted")
        return (told in KNOWN and done <= limit and self.number("FailedRun") <= limit and bool(early or done == limit)
                and all(self.words(field) == [word & 0xFFFFFFFF for word in words]
                        for field, words in orders(self.batch).items()))

    def schedule(self, seed: int) -> Schedule:
        """The failed run as a schedule of its own: an exhaustive one becomes the script that it found."""
        own = self.batch.schedule
        if own.strategy is not Strategy.EXHAUSTIVE:
            return own.at(seed) if own.strategy is not Strategy.SCRIPT else own
        words = self.words("Script")
        length = min(self.number("ScriptLength"), len(words) // 2)
        pairs = tuple((words[2 * index], words[2 * index + 1]) for index in range(length))
        return Schedule(Strategy.SCRIPT, script=pairs, parameters=own.parameters)

    def place(self) -> str:
        file = self.text(self.number("File"))
        return f"{file}:{self.number('Line')}" if file else ""

    def race(self) -> Optional[Race]:
        base = self.address + self.view.layout.field("KX_CONTROL.Race")[0]
        view, size = self.view, self.view.layout.size("KX_ACCESS")
        first = base + view.layout.field("KX_RACE.Access")[0]
        accesses = tuple(self._access(first + size * index) for index in range(2))
        return Race(view.get(base, "KX_RACE.Address"), self.text(view.get(base, "KX_RACE.Name"), 64),
                    view.get(base, "KX_RACE.Offset"), accesses)

    def _access(self, address: int) -> Access:
        view = self.view
        offset, size = view.layout.field("KX_ACCESS.Stack")
        stack = struct.unpack(f"<{size // 4}I", view.memory.read(address + offset, size))
        return Access(view.get(address, "KX_ACCESS.Processor"), view.get(address, "KX_ACCESS.Step"),
                      view.get(address, "KX_ACCESS.Pc"), bool(view.get(address, "KX_ACCESS.Write")),
                      view.get(address, "KX_ACCESS.Size"), _stack(stack))

    def waiting(self) -> Tuple[Tuple[int, ...], ...]:
        words, count = self.words("WaitStack"), len(self.words("Waiting"))
        depth = len(words) // max(1, count)
        return tuple(_stack(words[depth * index:depth * (index + 1)]) for index in range(count))

    def trace(self) -> Tuple[Tuple[Entry, ...], int]:
        """The entries in order, and how many points came after the last one that was kept."""
        view, size = self.view, self.view.layout.size("KX_TRACE_ENTRY")
        count, capacity = self.number("TraceCount"), self.number("TraceCapacity")
        kept = min(count, capacity, TRACE_MAX)
        if not kept:
            return (), 0
        data = view.memory.read(self.number("TraceAddress"), size * kept)
        fields = {name: view.layout.field("KX_TRACE_ENTRY." + name)
                  for name in ("Step", "Processor", "Kind", "Irql", "Size", "Pc", "Object")}

        def at(index: int, name: str) -> int:
            offset, width = fields[name]
            return int.from_bytes(data[size * index + offset:size * index + offset + width], "little")

        return tuple(Entry(*(at(index, name) for name in fields)) for index in range(kept)), count - kept


def _stack(words) -> Tuple[int, ...]:  # type: ignore[no-untyped-def]
    found: List[int] = []
    for word in words[:STACK_MAX]:
        if not word:
            break
        found.append(word)
    return tuple(found)


__all__ = ["Access", "Batch", "Decoder", "Entry", "Found", "Layout", "Memory", "Purse", "Race", "Ran", "decode_lots", "encode"]
