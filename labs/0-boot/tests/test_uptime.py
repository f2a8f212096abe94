"""0.3: the monitor command `uptime`, with times and counters that the host puts into the kernel.

KdExecuteCommand runs a command line as if it had been typed and catches its output; the host computes the line itself.
"""

from __future__ import annotations

import re
from typing import List, Tuple

from grader.api import test

FEATURES = ("TOL-06", "HAL-07")
PER_MILLISECOND, PER_DAY = 10_000, 24 * 3600 * 1000 * 10_000
ROOM = 512

HINTS = {
    "uptime-format": "Two digits for hours, minutes and seconds, three for milliseconds, all with leading zeros: %02u and %03u.",
    "uptime-cut": "Milliseconds are cut, not rounded: 1.9999 s is 1.999 s.",
    "uptime-days": "Hours stop at 23; what is more goes into days, which take as many digits as they need.",
    "uptime-ticks": "KeQueryTickCount gives 64 bits: print QuadPart with %llu.",
    "uptime-units": "KeQueryInterruptTime counts units of 100 ns: 10,000 of them are a millisecond.",
    "uptime-processors": "Context switches are counted in every processor's KPRCB. Sum over KiProcessorBlock, where a nullptr is a processor "
                         "that is not there.",
    "uptime-one-line": "The command prints exactly one line, and the line ends with a newline.",
}


def _line(time: int, ticks: int, switches: int) -> str:
    """What the command must print."""
    rest = time // PER_MILLISECOND
    rest, milliseconds = divmod(rest, 1000)
    rest, seconds = divmod(rest, 60)
    rest, minutes = divmod(rest, 60)
    days, hours = divmod(rest, 24)
    return (f"up {days} days {hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}, {ticks} ticks, "
            f"{switches & 0xFFFFFFFF} context switches\n")


def _set_time(t, name: str, value: int) -> None:
    """A KSYSTEM_TIME: low part, high part, and the high part again for readers without a lock."""
    high = (value >> 32).to_bytes(4, "little")
    t.guest.write(t.guest.sym(name), (value & 0xFFFFFFFF).to_bytes(4, "little") + high + high)


def _run(t) -> str:
    """Types `uptime` and returns what it prints."""
    line = t.guest.alloc(16)
    output = t.guest.alloc(ROOM)
    t.guest.write(line, b"uptime\0")
    t.guest.write(output, bytes(ROOM))
    length = t.guest.call("KdExecuteCommand", line, output, ROOM)
    return t.guest.read(output, min(length, ROOM)).decode("latin-1")


def _judge(t, time: int, ticks: int, switches: int, hint: str) -> None:
    asked = f"`uptime` when KeQueryInterruptTime() is {time}, the tick count {ticks} and {switches} switches were counted"
    t.asking(asked, hint=t.hint(hint, HINTS[hint]))
    _set_time(t, "KiInterruptTime", time)
    _set_time(t, "KeTickCount", ticks)
    seen, wanted = _run(t), _line(time, ticks, switches)
    if seen != wanted:
        hint = _recognise(seen, time, ticks, switches) or hint
        t.fail(asked=asked, expected=repr(wanted), seen=repr(seen), hint=t.hint(hint, HINTS[hint]))


def _recognise(seen: str, time: int, ticks: int, switches: int) -> str:
    """The mistake that would print exactly this."""
    if seen == _line(time + PER_MILLISECOND // 2, ticks, switches):
        return "uptime-cut"
    if seen == _line(time, ticks & 0xFFFFFFFF, switches):
        return "uptime-ticks"
    if seen in (_line(time * 10, ticks, switches), _line(time // 10, ticks, switches)):
        return "uptime-units"
    if _numbers(seen) == _numbers(_line(time, ticks, switches)):
        return "uptime-format"
    if seen.count("\n") != 1 or not seen.endswith("\n"):
        return "uptime-one-line"
    return ""


def _numbers(line: str) -> List[int]:
    return [int(number) for number in re.findall(r"\d+", line)]


def _processors(t, counts: List[int]) -> int:
    """Makes `counts[0]` the first processor's switches and adds processors that exist only for this test."""
    guest = t.guest
    block = guest.sym("KiProcessorBlock")
    guest.set(guest.u32(block), "KPRCB.ContextSwitches", counts[0])
    slots = sorted(t.rng.sample(range(1, 32), len(counts) - 1))
    for slot, count in zip(slots, counts[1:]):
        prcb = guest.alloc(guest.size("KPRCB"))
        guest.write(prcb, bytes(guest.size("KPRCB")))
        guest.set(prcb, "KPRCB.ContextSwitches", count)
        guest.u32(block + 4 * slot, prcb)
    return sum(counts)


@test("0.3", points=2, title="the line for times of a few hours", stage="early", features=FEATURES, limit=2_000_000)
def uptime_line(t):
    for _ in range(12):
        time = t.rng.randrange(PER_DAY // t.rng.choice((1, 24, 1440, 86400)))
        switches = _processors(t, [t.rng.randrange(100_000)])
        _judge(t, time, t.rng.randrange(1_000_000), switches, "uptime-format")


@test("0.3", points=2, title="the line at the edges: midnight, long times, large counters", stage="early", features=FEATURES, limit=2_000_000)
def uptime_edges(t):
    cases: List[Tuple[int, int, str]] = [
        (0, 0, "uptime-format"), (PER_MILLISECOND - 1, 1, "uptime-cut"), (19_999 * 1000 + 999, 199, "uptime-cut"),
        (PER_DAY - 1, 8_640_000, "uptime-cut"), (PER_DAY, 8_640_000, "uptime-days"),
        (PER_DAY * t.rng.randint(100, 9999) + t.rng.randrange(PER_DAY), 1 << 32 | t.rng.getrandbits(32), "uptime-days"),
        (t.rng.getrandbits(36), t.rng.getrandbits(40), "uptime-ticks")]
    switches = _processors(t, [0xFFFFFFFF])
    for time, ticks, hint in cases:
        _judge(t, time, ticks, switches, hint)


@test("0.3", points=2, title="context switches of every processor", stage="early", features=FEATURES, limit=2_000_000)
def uptime_processors(t):
    switches = _processors(t, [t.rng.randrange(1 << 30, 1 << 31) for _ in range(t.rng.randint(4, 8))])  # beyond 32 bits
    for _ in range(3):  # times without leading zeros or fractions: here only the sum is asked
        minutes = 60 * t.rng.randint(10, 23) + t.rng.randint(10, 59)
        milliseconds = (60 * minutes + t.rng.randint(10, 59)) * 1000 + t.rng.randint(100, 999)
        _judge(t, milliseconds * PER_MILLISECOND, t.rng.randrange(1_000_000), switches, "uptime-processors")
