"""The book's scheduling policy as a Python model, and scratch threads to ask the student's policy about.

The numbers come from the handout: boost over the base priority, decay by a level, relief of the starved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import List, Tuple

from .hosted import make_process, set_time, times

REALTIME, HIGHEST_VARIABLE, TIME_CRITICAL = 16, 15, 14
WAIT_COST = 1
STARVATION_TICKS = 300
ENDLESS = 127
SCAN_THREADS, SCAN_BOOSTS = 16, 10
FIRST_SCANNED, LAST_SCANNED = 1, 14
PROCESS_DISABLE_BOOST = 2

HINTS = {
    "policy-cap": "A boost ends at 15: 16 and above are the real-time priorities, and no thread may slip into them.",
    "policy-realtime": "Threads of priority 16 and above keep their priority whatever happens: no boost, no decay, no relief.",
    "policy-base": "A boost counts from BasePriority, not from the current priority, and it never lowers a thread.",
    "policy-disabled": "This thread gets no boost. The reason is one of: KTHREAD::DisableBoost, KPROCESS_DISABLE_BOOST in the process's flags, or a "
                       "relief from starvation that is still in force (PriorityDecrement is not 0).",
    "policy-not-boosted": "This thread has a boost to get: BasePriority + Increment, at most 15, is more than it has. Only DisableBoost, KPROCESS_DISABLE_BOOST "
                          "and a PriorityDecrement that is not 0 refuse a boost.",
    "policy-floor": "Decay ends at the base priority: the greater of the two.",
    "policy-decay": "At a quantum end a variable thread falls by one level and by PriorityDecrement, and PriorityDecrement is then 0.",
    "policy-quantum": "A quantum end gives a full quantum: Quantum = QuantumReset, also for a real-time thread.",
    "policy-wait-quantum": "A wait costs a variable thread WAIT_QUANTUM_DECREMENT units; when none is left, its turn is over as at any "
                           "quantum end. From base priority 14 on, and for real-time threads, the wait renews the quantum instead.",
    "policy-starved": "Starved is a variable thread below 15 that has been ready for STARVATION_TICKS or more; one of base priority 0 "
                      "is never relieved.",
    "policy-relief": "A relieved thread gets priority 15, twice its QuantumReset (at most 127) and the whole rise in PriorityDecrement, on top "
                     "of what was there.",
    "scan-order": "The scan visits the queues 1 to 14 upwards and round, from QueueIndex, each from its head; the next scan goes on where "
                  "this one ended.",
    "scan-limit": "One scan looks at 16 threads and relieves 10 at most.",
    "scan-forgotten": "A ready thread that has waited long enough was not relieved: the scan comes to each queue from 1 to 14, and a waiting time is the tick count less WaitTime, in "
                      "32 bits that wrap.",
    "scan-counted": "Relieved is a thread that KiPriorityWhenStarved gives another priority, and no other: only such a thread leaves its queue, and only "
                    "such a one counts.",
    "scan-queue": "A relieved thread leaves the queue of its old priority first, then its priority changes, then it is placed anew "
                  "(KiReadyThread).",
}


@dataclass
class State:
    """The fields of a thread that policy reads and writes."""

    priority: int
    base: int
    quantum: int
    reset: int
    decrement: int = 0
    disable_boost: bool = False
    process_disables: bool = False

    def show(self) -> str:
        flags = (", DisableBoost" if self.disable_boost else "") + (
            ", KPROCESS_DISABLE_BOOST" if self.process_disables else "")
        return (f"Priority {self.priority}, BasePriority {self.base}, Quantum {self.quantum}, QuantumReset {self.reset}, "
                f"PriorityDecrement {self.decrement}{flags}")


def after_quantum(state: State) -> Tuple[int, State]:
    """Priority and fields after a used-up quantum."""
    if state.priority >= REALTIME:
        return state.priority, replace(state, quantum=state.reset)
    priority = max(state.base, state.priority - state.decrement - 1)
    return priority, replace(state, quantum=state.reset, decrement=0)


def after_wait(state: State, increment: int) -> Tuple[int, State]:
    """Priority and fields after the end of a wait."""
    if state.priority >= REALTIME:
        return state.priority, replace(state, quantum=state.reset)
    relieved, priority, result = state.decrement != 0, state.priority, state
    if state.base >= TIME_CRITICAL:
        result = replace(state, quantum=state.reset)
    elif state.quantum - WAIT_COST <= 0:
        priority, result = after_quantum(state)
    else:
        result = replace(state, quantum=state.quantum - WAIT_COST)
    if state.disable_boost or state.process_disables or relieved:
        return priority, result
    return max(priority, min(state.base + increment, HIGHEST_VARIABLE)), result


def when_starved(state: State, ticks: int) -> Tuple[int, State]:
    """Priority and fields of a thread that has been ready for `ticks`."""
    if state.priority >= HIGHEST_VARIABLE or state.base == 0 or ticks < STARVATION_TICKS:
        return state.priority, state
    return HIGHEST_VARIABLE, replace(state, quantum=min(2 * state.reset, ENDLESS),
                                     decrement=state.decrement + HIGHEST_VARIABLE - state.priority)


class Subject:
    """A KTHREAD (and its KPROCESS) in scratch memory."""

    def __init__(self, t) -> None:
        self.t, self.guest = t, t.guest
        self.process = make_process(self.guest)
        self.thread = self.guest.alloc(self.guest.size("KTHREAD"))
        self.times = times(t.rng)

    def write(self, state: State) -> None:
        guest = self.guest
        guest.write(self.process, bytes(guest.size("KPROCESS")))
        guest.write(self.thread, bytes(guest.size("KTHREAD")))
        guest.set(self.process, "KPROCESS.ProcessFlags", PROCESS_DISABLE_BOOST if state.process_disables else 0)
        for name, value in (("Priority", state.priority), ("BasePriority", state.base), ("Quantum", state.quantum),
                            ("QuantumReset", state.reset), ("PriorityDecrement", state.decrement),
                            ("DisableBoost", int(state.disable_boost)), ("Process", self.process)):
            guest.set(self.thread, f"KTHREAD.{name}", value & 0xFF if name != "Process" else value)
        guest.set(self.thread + guest.field("KTHREAD.ApcState")[0], "KAPC_STATE.Process", self.process)

    def read(self, like: State) -> State:
        signed = lambda name: _signed(self.guest.get(self.thread, f"KTHREAD.{name}"))
        return replace(like, priority=signed("Priority"), base=signed("BasePriority"), quantum=signed("Quantum"),
                       reset=signed("QuantumReset"), decrement=signed("PriorityDecrement"),
                       disable_boost=bool(signed("DisableBoost")))

    def ask(self, routine: str, state: State, argument: List[int], expected: Tuple[int, State], hint: str) -> None:
        """Calls a routine of the policy and compares its answer and the thread's fields with the model."""
        self.write(state)
        set_time(self.guest, next(self.times))
        asked = f"{routine}({', '.join(['thread', *map(str, argument)])}) with {state.show()}"
        self.t.asking(asked, hint=self.t.hint(hint, HINTS[hint]))
        answer = self.guest.call(routine, self.thread, *argument)
        priority, after = expected
        seen = self.read(state)
        # The routine may set Priority itself or leave that to its caller: both are right, so it is not compared.
        if answer != priority:
            name = _answer_hint(routine, state, argument, priority, _signed32(answer)) or hint
            self.t.fail(asked=asked, expected=f"returns {priority}", seen=f"returns {_signed32(answer)}",
                        hint=self.t.hint(name, HINTS[name]))
        wanted, found = replace(after, priority=0), replace(seen, priority=0)
        self.t.check(wanted == found, asked=asked, expected=replace(after, priority=state.priority).show(), seen=seen.show(),
                     hint=self.t.hint(*(lambda name: (name, HINTS[name]))(_fields_hint(routine, wanted, found, hint))))


def _answer_hint(routine: str, state: State, argument: List[int], wanted: int, answer: int) -> str:
    """The mistake that a wrong priority betrays."""
    if state.priority >= REALTIME:
        return "policy-realtime"
    if answer >= REALTIME:
        return "policy-cap"
    if answer < state.base:
        return "policy-floor" if "Quantum" in routine or state.quantum <= WAIT_COST else "policy-base"
    if "Wait" in routine and answer == state.priority > wanted and state.quantum <= WAIT_COST:
        return "policy-wait-quantum"  # the turn was over, and the priority did not fall
    if "Wait" in routine and answer < wanted and state.quantum <= WAIT_COST and state.priority < REALTIME and state.base < TIME_CRITICAL:
        return "policy-decay"  # the turn was over, and the priority fell too far
    if "Wait" in routine and answer > wanted and (state.disable_boost or state.process_disables or state.decrement):
        boosted = answer == min(state.base + argument[0], HIGHEST_VARIABLE)
        return "policy-disabled" if boosted or state.quantum > WAIT_COST else "policy-floor"
    if "Wait" in routine and answer == state.priority < wanted and not (state.disable_boost or state.process_disables or state.decrement):
        return "policy-not-boosted"
    if "Wait" in routine and (answer == min(HIGHEST_VARIABLE, state.priority + argument[0]) or answer < state.priority < wanted + 1
                              and state.quantum > WAIT_COST):
        return "policy-base"
    return ""


def _fields_hint(routine: str, wanted: State, found: State, hint: str) -> str:
    if "Starved" in routine:
        return "policy-relief"
    if "Quantum" in routine:
        return "policy-quantum" if wanted.quantum != found.quantum else "policy-decay"
    return "policy-wait-quantum" if wanted.quantum != found.quantum else hint


def _signed(value: int) -> int:
    return value - 256 if 128 <= value < 256 else value


def _signed32(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value
