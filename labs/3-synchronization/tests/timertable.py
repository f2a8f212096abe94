"""The timer table as a Python model: wheels of chains, and what each tick of the clock does to them."""

from __future__ import annotations

from typing import Callable, Dict, List, Tuple

WHEELS, SIZE = 4, 256
CHAINS = WHEELS * SIZE
Key = Tuple[str, int]  # ("object", number) or ("thread", number): whose timer


class TimerTable:
    """Running timers by chain.  A hand is a tick; `clock` is where the clock stands, `next` what was not looked at yet."""

    def __init__(self) -> None:
        self.hands: Dict[Key, int] = {}
        self.chains: Dict[int, List[Key]] = {}
        self.next = 0

    def start(self, key: Key, hand: int, clock: int) -> None:
        self.stop(key)
        if not self.hands:
            self.next = hand if hand <= clock else clock + 1
        self.hands[key] = hand
        self._link(key, clock)

    def stop(self, key: Key) -> None:
        if self.hands.pop(key, None) is None:
            return
        for chain in self.chains.values():
            if key in chain:
                chain.remove(key)

    def advance(self, clock: int, expire: Callable[[Key], None]) -> None:
        """The clock has come to `clock`: every hand up to there is looked at.  `expire` may start and stop timers."""
        while self.next <= clock and self.hands:
            hand, self.next = self.next, self.next + 1
            for wheel in range(WHEELS - 1, 0, -1):
                if hand % SIZE ** wheel == 0:
                    for key in self._take(wheel, hand):
                        self._link(key, clock)
            for key in self._take(0, hand):
                if self.hands.get(key) == hand:
                    expire(key)
                elif key in self.hands and not any(key in chain for chain in self.chains.values()):
                    self._link(key, clock)

    def _link(self, key: Key, clock: int) -> None:
        hand, wheel = self.hands[key], 0
        while hand > clock and wheel < WHEELS - 1 and hand - clock >= SIZE ** (wheel + 1):
            wheel += 1
        self.chains.setdefault(self._chain(wheel, hand), []).append(key)

    def _take(self, wheel: int, hand: int) -> List[Key]:
        return self.chains.pop(self._chain(wheel, hand), [])

    @staticmethod
    def _chain(wheel: int, hand: int) -> int:
        return wheel * SIZE + hand // SIZE ** wheel % SIZE
