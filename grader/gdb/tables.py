"""What the `mica` commands print, made from the grader's views alone (so it is tested without gdb)."""

from __future__ import annotations

import functools
import struct
from typing import Dict, List, Mapping, Optional

from grader.errors import GraderError
from grader.images.symbols import Symbols
from grader.views.memory import BrokenList, Structures
from grader.views.threads import PRIORITIES, READY, Thread, Threads
from grader.views.waits import reason_name, waits_of

WAITING, GATE_WAIT = 5, 8
# A processor changes KPRCB.CurrentThread before it changes the stack; outside a switch the two agree.
SWITCHED_TO = "KPRCB.CurrentThread already, but ESP lies on another stack: normal in the middle of a switch, wrong elsewhere"
SWITCHED_FROM = "ESP lies on its stack still, but KPRCB.CurrentThread is another: normal in the middle of a switch, wrong elsewhere"
SWITCH_FRAME = struct.Struct("<7I")  # KSWITCH_FRAME: ExceptionList, EFlags, Edi, Esi, Ebx, Ebp, ReturnAddress


def threads(source: Threads, symbols: Symbols, esp: int) -> List[str]:
    """A line a thread.  `*`: the thread whose kernel stack ESP lies on.  `source.prcb`: the processor whose ESP that is."""
    lines = ["    tid  thread      name             state          pri base  quantum  where"]
    current = source.view.get(source.prcb, "KPRCB.CurrentThread")
    elsewhere = {source.view.get(prcb, "KPRCB.CurrentThread"): source.view.get(prcb, "KPRCB.Number") for prcb in source.others}
    for thread in source.all():
        here = thread.stack_low <= esp < thread.stack_high
        mark = "*" if here else " "
        if thread.address == current:
            where = "runs" if here else SWITCHED_TO
        elif here:
            where = SWITCHED_FROM
        elif thread.address in elsewhere:
            where = f"runs on processor {elsewhere[thread.address]}"
        else:
            where = position(source.view, symbols, thread)
        lines.append(f"{mark} {thread.identifier:5}  {thread.address:#010x}  {thread.name:15}  {thread.state_name:13}  "
                     f"{thread.priority:3} {thread.base_priority:4}  {thread.quantum:7}  {where}")
    return lines


def position(view: Structures, symbols: Symbols, thread: Thread) -> str:
    """Where a thread that does not run will go on."""
    try:
        return symbols.describe(saved_context(view, thread)["eip"])
    except GraderError as error:
        return str(error)


def saved_context(view: Structures, thread: Thread) -> Dict[str, int]:
    """The registers of a thread that does not run, from its switch frame."""
    at = thread.kernel_stack
    if not thread.stack_low <= at <= thread.stack_high - SWITCH_FRAME.size:
        raise GraderError(f"its KernelStack {at:#010x} does not lie on its stack")
    _, eflags, edi, esi, ebx, ebp, eip = SWITCH_FRAME.unpack(view.memory.read(at, SWITCH_FRAME.size))
    return {"eip": eip, "esp": at + SWITCH_FRAME.size, "ebp": ebp, "ebx": ebx, "esi": esi, "edi": edi, "eflags": eflags}


def ready(source: Threads, prcb: int = 0, names: Optional[Mapping[int, str]] = None) -> List[str]:
    """The ready queues of a processor, highest first, and whether the summary agrees.  `names`: what to call threads that
    exist for a test only."""
    view, prcb = source.view, prcb or source.prcb
    label = functools.partial(named, names or {})
    summary = view.get(prcb, "KPRCB.ReadySummary")
    head = prcb + view.layout.field("KPRCB.DispatcherReadyListHead")[0]
    lines = [f"ReadySummary {summary:#010x}"]
    for priority in reversed(range(PRIORITIES)):
        marked = bool(summary >> priority & 1)
        try:
            queue = view.objects(head + 8 * priority, "KTHREAD.WaitListEntry", 1024)
        except BrokenList as error:
            lines.append(f"  [{priority:2}] broken: {error}")
            continue
        if queue:
            shown = " ".join(label(source.one(thread)) for thread in queue)
            lines.append(f"  [{priority:2}] {shown}" + ("" if marked else "   <- its bit in ReadySummary is clear"))
            lines += [f"       {label(one)} has {what}" for one in map(source.one, queue)
                      for what in [misplaced(one, priority)] if what]
        elif marked:
            lines.append(f"  [{priority:2}] empty   <- but its bit in ReadySummary is set")
    for name, field in (("next", "KPRCB.NextThread"), ("current", "KPRCB.CurrentThread")):
        thread = view.get(prcb, field)
        lines.append(f"{name}: " + (label(source.one(thread)) if thread else "none"))
    return lines


def named(names: Mapping[int, str], thread: Thread) -> str:
    """A thread as the test calls it, else as the kernel does."""
    known = names.get(thread.address)
    return f"{known}({thread.address:#010x})" if known else label(thread)


def misplaced(thread: Thread, priority: int) -> str:
    """What is wrong with a thread on the queue of a priority, or nothing."""
    if thread.state != READY:
        return f"state {thread.state_name}"
    return f"priority {thread.priority}" if thread.priority != priority else ""


def waits(source: Threads) -> List[str]:
    """Waiting threads and their objects."""
    lines: List[str] = []
    for thread in source.all():
        if thread.state == GATE_WAIT:
            gate = source.view.get(thread.address, "KTHREAD.GateObject")
            lines.append(f"{label(thread)}: {reason_name(thread.wait_reason)}")
            lines.append(f"    {gate:#010x} Gate, signal state {source.view.get(gate, 'DISPATCHER_HEADER.SignalState', signed=True)}"
                         if gate else "    its gate has been signaled")
        if thread.state != WAITING:
            continue
        blocks = waits_of(source.view, thread.address)
        kind = "all" if blocks and blocks[0].wait_all else "any"
        lines.append(f"{label(thread)}: {reason_name(thread.wait_reason)}, {kind} of {len(blocks)}")
        for wait in blocks:
            lines.append(f"    {wait.object:#010x} {wait.object_name}, signal state {wait.signal_state}"
                         + ("" if wait.queued else "   <- the object's list does not have this wait block"))
    return lines or ["no thread waits"]


def label(thread: Thread) -> str:
    return f"{thread.name or '?'}({thread.identifier}, {thread.address:#010x})"


def find(source: Threads, what: str) -> Thread:
    """A thread by address, number or name."""
    every = source.all()
    try:
        number = int(what, 0)
    except ValueError:
        number = -1
    found = [
        one for one in every if one.address == number or one.identifier == number or one.name.lower() == what.lower()
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise GraderError(f"{what} names several threads: " + ", ".join(label(one) for one in found))
    raise GraderError(f"no thread {what}; there are: " + ", ".join(label(one) for one in every))
