"""Whole runs: real threads perform random scripts on real objects, and every step and every result is the model's.

Actors have different real-time priorities, so the highest that can go on runs: no boost, no turn.  Time stands still
while an actor runs, because the host puts the clock back at every stop; when all of them wait it goes on by itself, and
the time-out that is due first ends.  At every stop announcement and stack must agree on who runs.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

from .dispatcher import (ABANDONED, MILLISECOND, MUTANT, NOTIFICATION_EVENT, SEMAPHORE, SYNCHRONIZATION_EVENT, Dispatcher, Object, status_name)
from .hints import HINTS
from .scene import WAITING

STEP, SET, RESET, PULSE, RELEASE_SEMAPHORE, RELEASE_MUTANT, WAIT_ANY, WAIT_ALL, DELAY, END = range(10)
NAMES = ("step", "set", "reset", "pulse", "release", "release", "wait", "wait-all", "delay", "end")
NO_TIMEOUT = -1
LOWEST_PRIORITY = 17
ACTORS, OBJECTS, OPERATIONS = 8, 7, 10
MAXIMUM_ACTORS, MAXIMUM_OBJECTS, MAXIMUM_OPERATIONS = 12, 12, 60
HEADER = struct.Struct("<III")
OBJECT = struct.Struct("<B3xii")
ACTOR = struct.Struct("<III")
OPERATION = struct.Struct("<BB4BHi")
SLACK = 4  # ticks between two due times that must not be told apart by luck
LATE = 3  # ticks


@dataclass(frozen=True)
class Operation:
    """What an actor does: a code, the objects, a number."""

    code: int
    objects: Tuple[int, ...] = ()
    value: int = 0

    def show(self, objects: Sequence[Object]) -> str:
        names = " ".join(objects[number].name for number in self.objects)
        if self.code == DELAY:
            return f"delay({self.value} ms)"
        if self.code in (WAIT_ANY, WAIT_ALL):
            return f"{NAMES[self.code]}({names}" + (f", {self.value} ms)" if self.value != NO_TIMEOUT else ")")
        if self.code == RELEASE_SEMAPHORE:
            return f"release({names}, {self.value})"
        return f"{NAMES[self.code]}({names})" if names else NAMES[self.code]


# What the highest actors begin with, so that every run has it: a wait for all that finds one of two, a wait for any that finds both,
# a mutant that is the actor's already, a wait for all that sees one of its objects taken by another, and a delay.
OPENINGS = ((ACTORS - 1, (Operation(SET, (1,)), Operation(RESET, (2,)), Operation(WAIT_ALL, (1, 2), 0), Operation(SET, (2,)),
                          Operation(WAIT_ANY, (1, 2), 0), Operation(WAIT_ANY, (2,), 0), Operation(WAIT_ANY, (4,), NO_TIMEOUT),
                          Operation(WAIT_ANY, (4,), NO_TIMEOUT), Operation(RELEASE_MUTANT, (4,)), Operation(RELEASE_MUTANT, (4,)),
                          Operation(WAIT_ALL, (1, 2), NO_TIMEOUT), Operation(DELAY, (), 500))),
            (ACTORS - 2, (Operation(SET, (1,)), Operation(WAIT_ANY, (1,), 0), Operation(SET, (1,)), Operation(SET, (2,)))))


class Play:
    """The model's run: actors on a Dispatcher, the highest priority first."""

    def __init__(self, objects: Sequence[Object], scripts: Sequence[Sequence[Operation]], increment: int) -> None:
        copies = [Object(one.number, one.kind, one.state, one.limit) for one in objects]
        self.dispatcher = Dispatcher(copies, len(scripts), 0, increment)
        self.scripts = [list(script) for script in scripts]
        self.at = [0] * len(scripts)
        self.pending: List[Optional[int]] = [None] * len(scripts)  # a result that its actor has not announced
        self.waits = [False] * len(scripts)
        self.ended = [False] * len(scripts)
        self.slept = 0  # time that went by while all waited
        self.ambiguous = False
        self.abandoned = False  # a wait for any of several has found an abandoned mutant at once
        self.stops = self.ended_at = 0  # stops so far; how many there were when an actor came to its end

    def upcoming(self) -> Optional[Tuple[int, int, Optional[int]]]:
        """(actor, operation, result or None when it begins) of the next stop; None when nobody will go on."""
        while True:
            for actor in reversed(range(len(self.scripts))):
                if self.waits[actor] or self.ended[actor]:
                    continue
                if self.pending[actor] is not None:
                    return actor, self.at[actor], self.pending[actor]
                if self.at[actor] < len(self.scripts[actor]):
                    return actor, self.at[actor], None
                self._end(actor)
            if not self._sleep():
                return None

    def go_on(self, stop: Tuple[int, int, Optional[int]]) -> None:
        """The stop has happened: the actor performs its operation, or goes past its result."""
        actor, operation, result = stop
        self.stops += 1
        if result is not None:
            self.pending[actor] = None
            self.at[actor] += 1
            return
        one = self.scripts[actor][operation]
        if one.code == END:
            self._end(actor)
            self.dispatcher.abandon_all(actor)
        else:
            told = self._perform(actor, one)
            any_of_several = one.code == WAIT_ANY and len(one.objects) > 1
            self.abandoned = self.abandoned or any_of_several and (told or 0) & ~63 == ABANDONED
            self.waits[actor] = told is None
            self.pending[actor] = told
        self._wake()

    def _end(self, actor: int) -> None:
        self.ended[actor] = True
        self.ended_at = self.stops

    def _perform(self, actor: int, one: Operation) -> Optional[int]:
        model = self.dispatcher
        first = one.objects[0] if one.objects else 0
        due = model.now + one.value * MILLISECOND if one.value != NO_TIMEOUT else None
        if one.code == SET:
            return model.set(first, 0)
        if one.code == RESET:
            return model.reset(first)
        if one.code == PULSE:
            return model.pulse(first, 0)
        if one.code == RELEASE_SEMAPHORE:
            return model.release_semaphore(first, 0, one.value)
        if one.code == RELEASE_MUTANT:
            return model.release_mutant(first, actor, 0)
        if one.code in (WAIT_ANY, WAIT_ALL):
            return model.wait(actor, one.objects, one.code == WAIT_ALL, due, one.value == 0)
        if one.code == DELAY:
            return model.delay(actor, due or 0, False)
        return 0

    def _wake(self) -> None:
        for release in self.dispatcher.released:
            self.waits[release.thread] = False
            self.pending[release.thread] = 0 if self.scripts[release.thread][self.at[release.thread]].code == DELAY else release.status
        self.dispatcher.released = []

    def _sleep(self) -> bool:
        """All wait: the time-out that is due first ends."""
        dues = sorted(thread.wait.due for thread in self.dispatcher.threads if thread.wait and thread.wait.due is not None)
        if not dues:
            return False
        self.ambiguous = self.ambiguous or any(later - due < SLACK * self.dispatcher.increment for due, later in zip(dues, dues[1:]))
        self.dispatcher.advance(self.dispatcher.hand(dues[0]) * self.dispatcher.increment)
        self._wake()
        self.slept += 1
        return True


def scripts(rng: random.Random, increment: int = 100_000) -> Tuple[List[Object], List[List[Operation]]]:
    """Objects and scripts whose run does not depend on the luck of two due times that are nearly the same."""
    kinds = [NOTIFICATION_EVENT, SYNCHRONIZATION_EVENT, SYNCHRONIZATION_EVENT, SEMAPHORE, MUTANT, MUTANT, SEMAPHORE]
    while True:
        objects = [Object(number, kind, 1 if kind == MUTANT else rng.randint(0, 1), 30) for number, kind in enumerate(kinds)]
        made = [_script(rng) for _ in range(ACTORS)]
        for actor, opening in OPENINGS:
            made[actor] = [*opening, *made[actor]]
        play = _rehearse(objects, made, increment)
        # Nobody has anything left to do when the last of those that come to their end does: then the conductor returns.
        whole = sum(play.ended) >= ACTORS // 2 and play.ended_at == play.stops
        if whole and not play.ambiguous and play.slept > 3 and play.abandoned:
            return objects, made


def _rehearse(objects: Sequence[Object], made: List[List[Operation]], increment: int) -> Play:
    """Runs the scripts in the model; what would raise becomes a step."""
    play = Play(objects, made, increment)
    while True:
        stop = play.upcoming()
        if stop is None or play.ambiguous:
            return play
        actor, operation, result = stop
        one = made[actor][operation]
        model = play.dispatcher.objects
        if result is None and (one.code == RELEASE_MUTANT and model[one.objects[0]].owner != actor or
                               one.code == RELEASE_SEMAPHORE and model[one.objects[0]].state + one.value > 30):
            made[actor][operation] = play.scripts[actor][operation] = Operation(STEP)
        play.go_on(stop)


def _script(rng: random.Random) -> List[Operation]:
    script: List[Operation] = []
    for _ in range(OPERATIONS):
        code = rng.choices((SET, RESET, PULSE, RELEASE_SEMAPHORE, RELEASE_MUTANT, WAIT_ANY, WAIT_ALL, DELAY), (5, 1, 1, 3, 4, 9, 5, 2))[0]
        timeout = rng.choice((NO_TIMEOUT, 0, rng.randint(6, 90) * 10, rng.randint(6, 90) * 10))
        if code in (SET, RESET, PULSE):
            script.append(Operation(code, (rng.randint(0, 2),)))
        elif code == RELEASE_SEMAPHORE:
            script.append(Operation(code, (rng.choice((3, 6)),), rng.randint(1, 2)))
        elif code == RELEASE_MUTANT:
            script.append(Operation(code, (rng.choice((4, 5)),)))
        elif code == DELAY:
            script.append(Operation(code, (), rng.randint(6, 90) * 10))
        else:
            count = rng.choice((1, 1, 2, 3)) if code == WAIT_ANY else rng.choice((2, 3))
            script.append(Operation(code, tuple(rng.sample(range(OBJECTS), count)), timeout))
    return script + ([Operation(END)] if rng.random() < 0.5 else [])


def follow(t, objects: Sequence[Object], made: Sequence[Sequence[Operation]]) -> None:
    """Runs the actors in the guest and in the model, stop by stop."""
    run = _Run(t, objects, made)
    run.all()


class _Run:
    """One run of actors in the guest."""

    def __init__(self, t, objects: Sequence[Object], made: Sequence[Sequence[Operation]]) -> None:
        self.t, self.guest, self.objects, self.made = t, t.guest, objects, made
        self.increment = self.guest.u32(self.guest.sym("KeMaximumIncrement"))
        self.play = Play(objects, made, self.increment)
        rehearsal = _rehearse(objects, [list(script) for script in made], self.increment)
        blob = HEADER.pack(len(made), len(objects), sum(rehearsal.ended))
        blob += b"".join(OBJECT.pack(one.kind, one.state, one.limit) for one in objects).ljust(OBJECT.size * MAXIMUM_OBJECTS, b"\0")
        for number, script in enumerate(made):
            operations = b"".join(OPERATION.pack(one.code, len(one.objects), *(one.objects + (0, 0, 0, 0))[:4], 0, one.value)
                                  for one in script)
            blob += ACTOR.pack(LOWEST_PRIORITY + number, len(script), 0) + operations.ljust(OPERATION.size * MAXIMUM_OPERATIONS, b"\0")
        self.stage = self.guest.alloc(len(blob))
        self.guest.write(self.stage, blob)
        t.asking("making the threads of the test (Lab3Prepare): each starts, runs to its gate and waits there", self._hint("block-missing"))
        status = self.guest.call("Lab3Prepare")
        t.sound(status == 0, f"Lab3Prepare gives {status:#010x}")
        first = self.stage + HEADER.size + OBJECT.size * MAXIMUM_OBJECTS + 8
        self.threads = [self.guest.u32(first + (ACTOR.size + OPERATION.size * MAXIMUM_OPERATIONS) * number) for number in range(len(made))]
        self.done: List[str] = []
        self.held: Dict[str, bytes] = {}
        self.behind = 0  # interrupt time less the model's

    def all(self) -> None:
        """To the end of the model's run."""
        places = (self.guest.sym("Lab3Step"), self.guest.sym("Lab3Done"))
        slept = 0
        while True:
            wanted = self.play.upcoming()
            if wanted is None:
                break
            self.t.asking(self._asked(), self._hint("run-stuck"))
            place = places[wanted[2] is not None]
            other = places[wanted[2] is None]
            self._go_to(place, other, wanted)
            self._hold(fresh=self.play.slept != slept or not self.held)
            slept = self.play.slept
            self.done.append(self._show(wanted))
            self.play.go_on(wanted)
        self.t.asking(self._asked() + " - the end", self._hint("run-stuck"))
        self.guest.finish()
        self._states()

    def _go_to(self, place: int, other: int, wanted: Tuple[int, int, Optional[int]]) -> None:
        """Runs to the next stop, whichever it is, and compares it with the one that must come."""
        if not self.done:
            self.guest.start("Lab3Perform", until=place)
        else:
            self.guest.run_until_any((place, other))
        registers = self.guest.regs()
        result = registers["eip"] == self.guest.sym("Lab3Done")
        words = struct.unpack("<2Ii", self.guest.read(registers["esp"] + 4, 12))
        seen = (words[0], words[1], words[2] if result else None)  # a state may be negative, no status here is
        thread = self.guest.true_thread()
        self.t.check(words[0] < len(self.threads) and self.threads[words[0]] == thread, asked=self._asked(), expected="an actor on its own stack",
                     seen=f"A{words[0]} announces itself on the stack of {thread:#010x}")
        if seen != wanted:
            self.t.fail(asked=self._asked(), expected=self._show(wanted), seen=self._show(seen), hint=self._hint(self._cause(wanted, seen)))

    def _cause(self, wanted: Tuple[int, int, Optional[int]], seen: Tuple[int, int, Optional[int]]) -> str:
        """The hint of a stop that is not the one that must come: by what the two threads do, in the guest and in the model."""
        if seen[:2] == wanted[:2] and (seen[2] is None) == (wanted[2] is None):
            return "wait-status" if self.made[wanted[0]][wanted[1]].code in (WAIT_ANY, WAIT_ALL, DELAY) else "run-state"
        if wanted[2] is not None and self.done and self.done[-1] == self._show((*wanted[:2], None)):
            return "waited-in-vain"  # it began just now, and what it waits for is there
        waiting = self.guest.get(self.threads[wanted[0]], "KTHREAD.State") == WAITING
        too_early = self.play.waits[seen[0]]  # in the model that thread waits still
        if waiting:
            return "released-order" if too_early else "released-too-few"
        return "released-too-many" if too_early else "run-order"

    def _hold(self, fresh: bool) -> None:
        """Time stands still while actors run."""
        names = ("KiInterruptTime", "KiSystemTime", "KeTickCount")
        if fresh:
            self.held = {name: self.guest.read(self.guest.sym(name), 12) for name in names}
            low, high = struct.unpack("<II", self.held["KiInterruptTime"][:8])
            now = high << 32 | low
            if self.play.slept:
                late = now - self.behind - self.play.dispatcher.now
                self.t.check(0 <= late + self.increment and late <= LATE * self.increment, asked=self._asked(),
                             expected=f"a time-out ends at interrupt time {self.play.dispatcher.now + self.behind}, or {LATE} ticks later at most",
                             seen=f"at {now}", hint=self._hint("timer-early" if late < 0 else "timer-late"))
            self.behind = now - self.play.dispatcher.now
        for name in names:
            self.guest.write(self.guest.sym(name), self.held[name])

    def _states(self) -> None:
        """When it is over: the objects' states and waiters."""
        size = self.guest.size("KMUTANT")
        size = max(size, self.guest.size("KSEMAPHORE"))
        for one, address in zip(self.play.dispatcher.objects, range(self.guest.sym("Lab3Objects"), 1 << 32, size)):
            state = self.guest.get(address, "DISPATCHER_HEADER.SignalState", signed=True)
            self.t.check(state == one.state, asked=f"{self._asked()} - at the end, {one.name}", expected=f"SignalState {one.state}",
                         seen=f"SignalState {state}", hint=self._hint("signal-lost"))
            blocks = self.guest.list(address + self.guest.field("DISPATCHER_HEADER.WaitListHead")[0], "KWAIT_BLOCK.WaitListEntry")
            threads = [self.guest.get(block, "KWAIT_BLOCK.Thread") for block in blocks]
            seen = [self.threads.index(thread) if thread in self.threads else -1 for thread in threads]
            wanted = [thread for thread, _ in one.waiters]
            self.t.check(seen == wanted, asked=f"{self._asked()} - at the end, who waits for {one.name}", expected=_actors(wanted),
                         seen=_actors(seen), hint=self._hint("wait-order" if sorted(seen) == sorted(wanted) else "block-left"))

    def _show(self, stop: Tuple[int, int, Optional[int]]) -> str:
        actor, operation, result = stop
        script = self.made[actor] if actor < len(self.made) else []
        what = script[operation].show(self.play.dispatcher.objects) if operation < len(script) else f"operation {operation}"
        if result is None:
            return f"A{actor} begins {what}"
        code = script[operation].code if operation < len(script) else STEP
        told = status_name(result) if code in (WAIT_ANY, WAIT_ALL, DELAY) else str(result)
        return f"A{actor}: {what} returns {told}"

    def _asked(self) -> str:
        return "real threads, the higher number has the higher priority; after: " + ("; ".join(self.done[-5:]) or "the gates opened")

    def _hint(self, name: str):
        return self.t.hint(name, HINTS[name])


def _actors(numbers: Sequence[int]) -> str:
    return " ".join(f"A{number}" if number >= 0 else "A?" for number in numbers) or "nobody"
