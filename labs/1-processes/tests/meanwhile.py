"""Another processor, played by the host: it holds a PrcbLock when the routine comes, and changes what the lock guards.

Of all orders of two processors' steps this one tells whether the routine looked before it had the lock.  It comes at each seed.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Callable, Iterator

FREE, HELD = 0, 1

HINTS = {
    "lock-not-taken": "Queues, next thread and a thread's state belong to a processor: take its PrcbLock before you look at them.",
    "looked-early": "Another processor held the PrcbLock, and has changed what it guards. What was read before the lock was taken is out of date: look "
                    "at next thread, current thread and state under the lock.",
    "moved-meanwhile": "By the time that the lock was free the thread was on another processor's queue, or in another state. Read its processor and its "
                       "state under the lock; if the processor is another one now, begin anew with that one's lock.",
}


@dataclass(frozen=True)
class Change:
    """What the holder of the lock does, in words and in memory."""

    words: str
    do: Callable[[], None]


@contextmanager
def meanwhile(t, prcb: int, change: Change) -> Iterator[None]:
    """The PrcbLock is held.  When the routine first looks at the lock, its holder has done `change` and frees it."""
    guest = t.guest
    lock = prcb + guest.field("KPRCB.PrcbLock")[0]
    held = True

    def look(_: int) -> None:
        nonlocal held
        if held:
            held = False
            change.do()
            guest.u32(lock, FREE)

    guest.u32(lock, HELD)
    with guest.watching([(lock, 4)], look, reads=True):
        yield
    t.check(not held, expected="the routine takes the PrcbLock, which another processor holds for a while", seen="it never looks at the lock",
            hint=t.hint("lock-not-taken", HINTS["lock-not-taken"]))
