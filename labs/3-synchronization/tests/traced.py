"""The events that a routine's contract promises, read from the kernel's ring: one list, of one kind, since a moment.

Timelines are drawn from these events.  They are the guest's own claim, so they decide nothing else.
"""

from __future__ import annotations

from typing import List, Mapping, Sequence, Tuple

from grader.views.ring import Event

Arguments = Tuple[int, ...]


class Fresh:
    """The events of several kinds, in their order, since the last look; of each kind so many arguments."""

    def __init__(self, guest, arguments: Mapping[Event, int]) -> None:
        self.guest, self._arguments = guest, arguments
        self._since = max((record.sequence for record in guest.events()), default=0)

    def look(self) -> List[Tuple[int, ...]]:
        """(event, arguments ...) of each that is new."""
        found = [record for record in self.guest.events() if record.sequence > self._since]
        self._since = max((record.sequence for record in found), default=self._since)
        return [(record.event, *record.arguments[:self._arguments[Event(record.event)]]) for record in found if record.event in self._arguments]


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
