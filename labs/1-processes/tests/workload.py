"""Drives the actors of workload.cpp: packs the stage, stops at their steps, says which thread really runs.

At every stop the host takes three witnesses that must agree: the announced step, KPRCB::CurrentThread, and the stack
that ESP lies on.
"""

from __future__ import annotations

import struct
from typing import List, Optional, Sequence, Tuple

from .scheduler import NAMES, SPIN, Operation, Thread

MAXIMUM_ACTORS, MAXIMUM_OPERATIONS = 24, 60
HEADER_BYTES, ACTOR_BYTES = 64, 256
STAGE_BYTES = HEADER_BYTES + MAXIMUM_ACTORS * ACTOR_BYTES
LONG_QUANTUM = 120  # no quantum ends in a scripted workload
CONDUCTOR = 1  # the lowest priority of all: the conductor runs when every actor waits


class Workload:
    """Actors in the guest.  `actors` are the model's threads: number, priority, script."""

    def __init__(self, t, actors: Sequence[Thread], quanta: Optional[Sequence[int]] = None) -> None:
        self.t, self.guest, self.actors = t, t.guest, list(actors)
        quanta = list(quanta or [LONG_QUANTUM] * len(self.actors))
        stage = self.guest.alloc(STAGE_BYTES)
        t.infra(stage == self.guest.scratch, "the stage lies at the beginning of LabScratch")
        self.guest.write(stage, self._pack(quanta))
        self._last: Optional[Tuple[int, int]] = None
        self.prcb = self.guest.prcb()
        conductor = self.guest.get(self.prcb, "KPRCB.CurrentThread")
        self.guest.set(conductor, "KTHREAD.Priority", CONDUCTOR)
        self.guest.set(conductor, "KTHREAD.BasePriority", CONDUCTOR)
        if not t.question:
            t.asking("making the threads of the test (Lab1Prepare): each starts, runs to its gate and waits there")
        status = self.guest.call("Lab1Prepare")
        t.sound(status == 0, f"Lab1Prepare gives {status:#010x}")
        self.threads = [self.guest.u32(stage + HEADER_BYTES + ACTOR_BYTES * index + 8) for index in range(len(self.actors))]
        self.guest.labels.update({address: f"A{number}" for number, address in enumerate(self.threads)})
        for number, quantum in enumerate(quanta):
            self.set(number, "Quantum", quantum)  # whatever a clock tick took meanwhile

    @classmethod
    def spinners(cls, t, priorities: Sequence[int], quanta: Optional[Sequence[int]] = None) -> "Workload":
        """Actors that only use up processor time."""
        actors = [Thread(number, priority, script=[(SPIN, 0, 30000)]) for number, priority in enumerate(priorities)]
        return cls(t, actors, quanta or [6] * len(actors))

    # -- running ---------------------------------------------------------------------------------------------------
    def start(self, until: str = "Lab1Step", hits: int = 1) -> None:
        """Opens the gates and runs to a first stop."""
        self.guest.start("Lab1Perform", until=until, hits=hits)

    def start_ticking(self) -> None:
        """Opens the gates and runs to the first clock interrupt that finds an actor running."""
        self.start(until="KeUpdateSystemTime")
        while self.number(self.guest.get(self.prcb, "KPRCB.CurrentThread")) is None:
            self.onwards("KeUpdateSystemTime")

    def onwards(self, until: str = "Lab1Step", hits: int = 1) -> None:
        self.guest.run_until(until, hits=hits)

    def next_step(self, first: bool) -> Tuple[int, int]:
        """Runs to the next step of a script and returns it.  Every stop of the host may cost the guest a clock tick, so the thread that
        runs gets a full quantum again and the tick count stands still: no turn ends by itself, and no thread starves."""
        tick_count = self.guest.sym("KeTickCount")
        ticks = self.guest.u32(tick_count)
        while True:
            if first:
                self.start()
            else:
                self.onwards()
            step = self.step()
            if first or step != self._last:
                break  # else an interrupt came before the announced call's first instruction
        self._last = step
        self.guest.u32(tick_count, ticks)
        self.set(step[0], "Quantum", LONG_QUANTUM)
        return step

    def next_turn(self) -> int:
        """Runs until a spinning actor has the processor again; returns its number."""
        self.guest.run_until("Lab1Turn")
        registers = self.guest.regs()
        actor = self.guest.u32(registers["esp"] + 4)
        self._witness(actor, registers["esp"], f"A{actor} begins a turn")
        return actor

    def step(self) -> Tuple[int, int]:
        """(actor, operation) of the step at which the machine stands, after the three witnesses agreed."""
        registers = self.guest.regs()
        actor, operation = self.guest.u32(registers["esp"] + 4), self.guest.u32(registers["esp"] + 8)
        self._witness(actor, registers["esp"], f"A{actor} performs operation {operation}")
        return actor, operation

    def _witness(self, actor: int, esp: int, what: str) -> None:
        """The announcement, CurrentThread and the stack must agree."""
        thread = self.threads[actor] if actor < len(self.threads) else 0
        current = self.guest.get(self.guest.prcb(), "KPRCB.CurrentThread")
        low, high = (self.guest.get(current, f"KTHREAD.{name}") for name in ("StackLimit", "InitialStack"))
        self.t.check(current == thread and low <= esp < high, asked=f"{what}: which thread runs?",
                     expected=f"KPRCB::CurrentThread is A{actor}'s thread, and ESP lies on its kernel stack",
                     seen=f"CurrentThread is {self.name(current)}, ESP {esp:#010x} "
                          f"{'is' if low <= esp < high else 'is not'} on its stack", hint=self.t.question_hint)

    # -- looking ---------------------------------------------------------------------------------------------------
    def name(self, address: int) -> str:
        """A thread as the report calls it."""
        return f"A{self.threads.index(address)}" if address in self.threads else f"another thread ({address:#010x})"

    def number(self, address: int) -> Optional[int]:
        return self.threads.index(address) if address in self.threads else None

    def get(self, actor: int, field: str) -> int:
        return self.guest.get(self.threads[actor], f"KTHREAD.{field}")

    def set(self, actor: int, field: str, value: int) -> None:
        self.guest.set(self.threads[actor], f"KTHREAD.{field}", value)

    def describe(self, *numbers: int) -> str:
        """The scripts of some actors, for the report."""
        return "; ".join(f"A{number} (base {self.actors[number].base}): " + " ".join(map(show, self.actors[number].script))
                         for number in dict.fromkeys(numbers))

    def _pack(self, quanta: Sequence[int]) -> bytes:
        blob = struct.pack("<II", len(self.actors), 16).ljust(HEADER_BYTES, b"\0")
        for actor, quantum in zip(self.actors, quanta):
            script: List[Operation] = actor.script
            assert len(script) <= MAXIMUM_OPERATIONS
            head = struct.pack("<IbbHII", actor.base, quantum, quantum, len(script), 0, 0)
            blob += (head + b"".join(struct.pack("<BBh", *operation) for operation in script)).ljust(ACTOR_BYTES, b"\0")
        return blob.ljust(STAGE_BYTES, b"\0")


def show(operation: Operation) -> str:
    """An operation in words: "signal E2 +3"."""
    code, target, value = operation
    name = NAMES[code]
    if name in ("signal", "pulse"):
        return f"{name}(E{target}, +{value})"
    if name == "wait":
        return f"wait(E{target})"
    if name in ("priority", "boost"):
        return f"{name}(A{target}, {value})"
    if name == "spin":
        return f"spin({value})"
    return name
