"""The events that a routine's contract promises, read from the kernel's ring: one list, of one kind, since a moment.

Timelines are drawn from these events.  They are the guest's own claim, so they decide nothing else.
"""

from __future__ import annotations

from typing import List, Sequence, Tuple

from grader.views.ring import Event

Arguments = Tuple[int, ...]


class Traced:
    """What is traced from now on of one kind of event; `promised`: what must be, first arguments first."""

    def __init__(self, guest, event: Event, arguments: int) -> None:
        self.guest, self.event, self.arguments = guest, event, arguments
        self.promised: List[Arguments] = []
        self._since = max((record.sequence for record in guest.events()), default=0)

    def promise(self, *arguments: int) -> None:
        self.promised.append(tuple(argument & 0xFFFFFFFF for argument in arguments))

    def seen(self) -> List[Arguments]:
        return [tuple(record.arguments[:self.arguments]) for record in self.guest.events()
                if record.event == self.event and record.sequence > self._since]

    def differs(self) -> Tuple[int, Sequence[Arguments], Sequence[Arguments]]:
        """Where what was traced differs first: (number, what was promised from there on, what was seen); -1 if nowhere."""
        seen = self.seen()
        for number in range(max(len(seen), len(self.promised))):
            if seen[number:number + 1] != self.promised[number:number + 1]:
                return number, self.promised[number:number + 1], seen[number:number + 1]
        return -1, [], []
