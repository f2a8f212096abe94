"""The event ring judged by the rules of scheduling: legal transitions, one Standby thread, the highest ready thread runs.

The kernel never judges itself: the host reads the records and replays them.  A forged ring gains nothing, because every
run is also followed step by step from outside, and both must agree on which thread runs.
"""

from __future__ import annotations

from typing import Dict

from .processor import HINTS
from .scheduler import (DEFERRED, INITIALIZED, READY, RUNNING, STANDBY, STATES, TERMINATED, TRANSITION, WAITING)

LEGAL = {
    INITIALIZED: {DEFERRED, RUNNING},
    READY: {STANDBY, RUNNING, DEFERRED},
    RUNNING: {READY, WAITING, TERMINATED, DEFERRED},
    STANDBY: {RUNNING, READY, DEFERRED},
    TERMINATED: {INITIALIZED},
    WAITING: {DEFERRED, TRANSITION},
    TRANSITION: {DEFERRED},
    DEFERRED: {READY, STANDBY},
}


def ring_mark(t) -> int:
    """The number of the last event so far: what happened before a test is not its business."""
    events = t.guest.events()
    return events[-1].sequence if events else 0


def judge_ring(t, since: int) -> None:
    """Replays the ring's events after number `since`."""
    guest = t.guest
    prcb = guest.u32(guest.sym("KiProcessorBlock"))
    idle = guest.get(prcb, "KPRCB.IdleThread")
    state: Dict[int, int] = {}
    priority: Dict[int, int] = {}
    running = 0
    switches = 0
    for event in guest.events():
        if event.sequence <= since:
            continue
        name, arguments = event.name, event.arguments
        thread = arguments[0]
        if name == "thread_state":
            old, new = arguments[1], arguments[2]
            known = state.get(thread, old)
            where = f"event {event.sequence}: thread {thread:#010x} goes from {_state(old)} to {_state(new)}"
            t.check(known == old and new in LEGAL.get(old, ()), asked="the event ring: every change of a thread's state",
                    expected=f"a legal transition from {_state(known)}", seen=where)
            state[thread], priority[thread] = new, _signed(arguments[3])
            standby = [one for one, its in state.items() if its == STANDBY]
            t.check(len(standby) <= 1, asked="the event ring: the standby thread", expected="at most one thread in state Standby",
                    seen=f"{len(standby)} after event {event.sequence}", hint=t.hint("two-standby", HINTS["two-standby"]))
        elif name == "priority":
            priority[thread] = _signed(arguments[2])
        elif name == "context_switch":
            old, new = arguments[0], arguments[1]
            switches += 1
            t.check(running in (0, old), asked="the event ring: a switch leaves the thread that runs",
                    expected=f"from {running:#010x}", seen=f"event {event.sequence} leaves {old:#010x}")
            running = new
            if new == idle:
                continue
            best = max((priority[one] for one, its in state.items() if its == READY and one != new), default=-1)
            mine = _signed(arguments[2] >> 16 & 0xFF)
            t.check(best <= mine, asked="the event ring: the highest ready thread runs",
                    expected=f"a thread of priority {best} or above", seen=f"event {event.sequence} switches to priority {mine}",
                    hint=t.hint("no-preemption", HINTS["no-preemption"]))
    t.check(switches > 0 and running == guest.get(prcb, "KPRCB.CurrentThread"), asked="the event ring against KPRCB::CurrentThread",
            expected=f"the last switch leads to {guest.get(prcb, 'KPRCB.CurrentThread'):#010x}", seen=f"to {running:#010x}")


def _state(number: int) -> str:
    return STATES[number] if number < len(STATES) else f"state {number}"


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value
