"""0.2: RtlWalkFrames on stacks that the host makes, and on a real one.

Every call is injected with a chain drawn by the host; the model in chains.py computes what must be stored.
"""

from __future__ import annotations

import struct
from typing import List, Optional, Tuple

from grader.api import test

from .chains import FRAME, WORD, Stack, code, rising, show, walk

FEATURES = ("TRP-09", "EXE-01")
CANARY = 0xC0DEC0DE
CAPACITY = 64
DEEP = 300  # more frames than a counter of 8 bits can count
STACK_BYTES = 1024

HINTS = {
    "frame-slots": "The word at the frame is the caller's EBP; the word above it, at frame + 4, is the return address.",
    "frame-count": "Count is the size of the array. Store nothing behind it, and nothing at all when it is 0.",
    "frame-alignment": "A frame whose address is not a multiple of 4 is no frame: stop before you read it.",
    "frame-top": "Both words of a frame must lie below StackHigh: frame <= StackHigh - 8. Adding to the frame instead can "
                 "wrap around 2^32.",
    "frame-low": "A frame below StackLow is not on this stack, even if it can be read.",
    "frame-loop": "Every frame must be above the one before it, or a bad chain never ends. Compare before you store.",
    "frame-deep": "A chain can be deeper than 255 frames, and Count is an ULONG: count in an ULONG too, a smaller counter begins anew at 256. "
                  "And walk in a loop: a call for each frame needs more stack than there is.",
    "frame-first": "The first frame is checked like every other: a crash may hand over any EBP.",
}


def _prepare(t, size: int = STACK_BYTES, capacity: int = CAPACITY) -> Tuple[Stack, int]:
    """A noisy stack and a result array whose words all hold a canary."""
    callers = t.guest.alloc(capacity * WORD)
    base = t.guest.alloc(size)
    t.guest.write(callers, CANARY.to_bytes(WORD, "little") * capacity)
    return Stack.noise(t.rng, base, size), callers


def _expect(t, stack: Stack, callers: int, frame: int, count: int, low: int, high: int, hint: Optional[str],
            what: str, capacity: int = CAPACITY) -> None:
    """Calls RtlWalkFrames and compares result, stored addresses and the words behind them."""
    t.guest.write(stack.base, bytes(stack.data))
    expected = walk(stack.word, count, frame, low, high)
    asked = (f"RtlWalkFrames(Callers, {count}, Frame={frame:#010x}, StackLow={low:#010x}, StackHigh={high:#010x}): "
             f"{what}")
    t.asking(asked, hint=_hint(t, hint))
    returned = t.guest.call("RtlWalkFrames", callers, count, frame, low, high)
    words = list(struct.unpack(f"<{capacity}I", t.guest.read(callers, capacity * WORD)))
    stored = words[:returned] if returned <= capacity else words
    if stored and expected and stored[0] != expected[0] and stored[0] == stack.word(frame):
        hint = "frame-slots"
    t.check(returned == len(expected) and stored == expected, asked=asked, expected=show(expected),
            seen=show(stored) if returned <= capacity else f"returned {returned}", hint=_hint(t, hint))
    touched = [index for index in range(len(expected), capacity) if words[index] != CANARY]
    t.check(not touched, asked=asked, expected=f"only the first {len(expected)} words of Callers written",
            seen=f"word {touched[0] if touched else 0} was written too", hint=_hint(t, "frame-count"))


def _hint(t, name: Optional[str]):
    return t.hint(name, HINTS[name]) if name else None


@test("0.2", points=2, title="a good chain gives every return address, innermost first", stage="early", features=FEATURES, limit=2_000_000)
def frames_good_chain(t):
    for _ in range(24):
        stack, callers = _prepare(t)
        depth = t.rng.randint(1, 24)
        frames, returns = rising(t.rng, stack.base, stack.end - FRAME, depth), code(t.rng, depth)
        stack.lay(frames, returns)
        _expect(t, stack, callers, frames[0], CAPACITY, stack.base, stack.end, "frame-slots", f"a good chain of {depth}")


@test("0.2", points=1, title="Count limits what is stored", stage="early", features=FEATURES, limit=2_000_000)
def frames_count_limit(t):
    for count in [0, 1] + [t.rng.randint(2, 15) for _ in range(8)]:
        stack, callers = _prepare(t)
        frames, returns = rising(t.rng, stack.base, stack.end - FRAME, 20), code(t.rng, 20)
        stack.lay(frames, returns)
        _expect(t, stack, callers, frames[0], count, stack.base, stack.end, "frame-count", "a chain of 20")
    stack, callers = _prepare(t, 3 * FRAME * DEEP, DEEP + 4)
    frames, returns = rising(t.rng, stack.base, stack.end - FRAME, DEEP + 20), code(t.rng, DEEP + 20)
    stack.lay(frames, returns)
    _expect(t, stack, callers, frames[0], DEEP, stack.base, stack.end, "frame-deep", f"a chain of {DEEP + 20}", DEEP + 4)


@test("0.2", points=1, title="the walk ends at the top of the stack", stage="early", features=FEATURES, limit=2_000_000)
def frames_end_of_stack(t):
    for last in ("null", "exact", "one word", "at the top", "above", "wraps"):
        stack, callers = _prepare(t)
        depth = t.rng.randint(2, 8)
        high = stack.end - 64  # what lies above is readable, and looks like frames
        frames, returns = rising(t.rng, stack.base, high - 2 * FRAME, depth), code(t.rng, depth)
        target = {"null": 0, "exact": high - FRAME, "one word": high - WORD, "at the top": high,
                  "above": high + FRAME * t.rng.randint(1, 4), "wraps": 0xFFFFFFFC - WORD * t.rng.randint(0, 1)}[last]
        stack.lay(frames, returns, last=target)
        for address in range(high - FRAME, stack.end, FRAME):
            stack.put(address, 0, code(t.rng, 1)[0])
        hint = "frame-slots" if last == "exact" else "frame-top"
        _expect(t, stack, callers, frames[0], CAPACITY, stack.base, high, hint,
                f"the outermost saved EBP is {target:#010x} ({last})")


@test("0.2", points=1, title="a misaligned frame ends the walk", stage="early", features=FEATURES, limit=2_000_000)
def frames_misaligned(t):
    for off in (1, 2, 3):
        stack, callers = _prepare(t)
        depth = t.rng.randint(3, 12)
        frames, returns = rising(t.rng, stack.base, stack.end - 4 * FRAME, depth), code(t.rng, depth)
        crooked = frames[-1] + FRAME + off
        stack.lay(frames, returns, last=crooked)
        stack.put(crooked, 0, code(t.rng, 1)[0])  # a tempting frame
        _expect(t, stack, callers, frames[0], CAPACITY, stack.base, stack.end, "frame-alignment",
                f"after {depth} frames the chain leads to {crooked:#010x}")


@test("0.2", points=1, title="a frame below the stack, or in no memory at all, ends the walk", stage="early",
      features=FEATURES, limit=2_000_000)
def frames_outside(t):
    for where in ("below", "unmapped", "first below", "first unmapped", "first above"):
        stack, callers = _prepare(t)
        low = stack.base + 256  # readable below, and looks like frames
        depth = t.rng.randint(2, 8)
        frames, returns = rising(t.rng, low, stack.end - FRAME, depth), code(t.rng, depth)
        below = stack.base + FRAME * t.rng.randint(0, 20)
        wild = 0x1000 + WORD * t.rng.randrange(1 << 20)  # user space: nothing is mapped there
        stack.lay(frames, returns, last=wild if where == "unmapped" else below)
        first = {"first below": below, "first unmapped": wild, "first above": stack.end + WORD}.get(where, frames[0])
        for address in range(stack.base, low, FRAME):
            stack.put(address, frames[0], code(t.rng, 1)[0])
        _expect(t, stack, callers, first, CAPACITY, low, stack.end, "frame-first" if "first" in where else "frame-low",
                f"{where}: the chain leads out of the stack")


@test("0.2", points=1, title="a chain that does not rise ends the walk", stage="early", features=FEATURES,
      limit=2_000_000)
def frames_loop(t):
    for kind in ("itself", "back to the first", "down", "overlap"):
        stack, callers = _prepare(t)
        depth = t.rng.randint(3, 12)
        frames, returns = rising(t.rng, stack.base + 64, stack.end - FRAME, depth), code(t.rng, depth)
        last = {"itself": frames[-1], "back to the first": frames[0], "down": stack.base + FRAME * t.rng.randint(0, 6),
                "overlap": frames[-1] - WORD}[kind]
        stack.lay(frames, returns, last=last)
        _expect(t, stack, callers, frames[0], CAPACITY, stack.base, stack.end, "frame-loop",
                f"after {depth} frames the chain leads to {last:#010x} ({kind})")


@test("0.2", points=1, title="the real chain of a thread that the clock interrupts", stage="ready", features=FEATURES, limit=50_000_000)
def frames_live(t):
    guest = t.guest
    guest.run_until("KeUpdateSystemTime", hits=t.rng.randint(2, 9))
    registers = guest.regs()
    thread = guest.current_thread()
    low, high = guest.get(thread, "KTHREAD.StackLimit"), guest.get(thread, "KTHREAD.InitialStack")
    frame = registers["ebp"]
    expected = walk(guest.u32, CAPACITY, frame, low, high)
    t.infra(len(expected) >= 3, "the interrupted thread has a frame chain of at least 3")
    callers = guest.alloc(CAPACITY * WORD)
    returned = _call_below(t, "RtlWalkFrames", callers, CAPACITY, frame, low, high)
    stored: List[int] = [guest.u32(callers + index * WORD) for index in range(min(returned, CAPACITY))]
    t.check(stored == expected, asked="in the clock interrupt: the frame chain of the interrupted thread's stack",
            expected=show(expected), seen=show(stored), hint=_hint(t, "frame-slots"))


def _call_below(t, routine: str, *arguments: int) -> int:
    """Calls a routine from where the machine stands, on the interrupted stack: a call from the landing point would overwrite
    the frames that are to be walked."""
    guest = t.guest
    esp = (guest.regs()["esp"] - 0x100) & ~0xF
    for index, word in enumerate((guest.landing, *arguments)):
        guest.u32(esp + WORD * index, word)
    guest.set_regs(esp=esp, eip=guest.sym(routine))
    guest.run_until(guest.landing)
    return guest.regs()["eax"]
