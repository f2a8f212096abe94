"""The guest as a test sees it: memory, fields, symbols, calls into it, runs to a place of the host's choice, and what
its kernel is doing.

What a call returns is read by the host from registers; the guest's own claims are never asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional

from grader.errors import NotResident
from grader.guest.calls import GuestCalls
from grader.guest.memory import Place
from grader.guest.stops import WildAccess
from grader.views.ring import Record, read_all
from grader.views.threads import Thread, Threads

TRAP_ENTRY = "KiTrapEntry"


@dataclass(frozen=True)
class Sample:
    """Who runs at a moment that the guest was not told: the claim and the truth (0: on no thread's stack)."""

    registers: Dict[str, int]
    claimed: int
    true: int

    @property
    def agrees(self) -> bool:
        return self.true in (0, self.claimed)


class Guest(GuestCalls):
    """One test's guest.  Made fresh for every test, on a session that was restored to the test's stage."""

    def backtrace(self, registers: Optional[Dict[str, int]] = None, depth: int = 24) -> List[str]:
        """The frames from here outwards, by the host's own walk of the frame chain."""
        registers = registers or self.regs()
        lines = [self.symbols.frame(registers["eip"], False)]
        interrupted = False  # an interrupted instruction is at its address; a return address is one past its call
        for address in self.callers(registers, depth):
            lines.append(self.symbols.frame(address, not interrupted))
            interrupted = self.symbols.name(address - 1) == TRAP_ENTRY
        return lines

    def callers(self, registers: Dict[str, int], depth: int = 24) -> List[int]:
        """Return addresses by the EBP chain.  At a routine's first instruction the caller is still at ESP."""
        found: List[int] = []
        near = self.symbols.nearest(registers["eip"])
        try:
            if near and near[1] == 0:
                found.append(self.u32(registers["esp"]))
            frame, floor = registers["ebp"], registers["esp"]
            while len(found) < depth and frame >= floor and frame % 4 == 0:
                returned = self.u32(frame + 4)
                if self.symbols.module_at(returned) is None:
                    if found and self.symbols.name(found[-1] - 1) == TRAP_ENTRY:
                        found.append(returned)  # the guest ran where no code is
                    break
                found.append(returned)
                floor, frame = frame + 4, self.u32(frame)
        except (WildAccess, NotResident):
            pass
        if self.landing in found:  # the call that the host injected: what lies beyond is the stage's business
            found = found[:found.index(self.landing)]
        return found

    def threads(self) -> List[Thread]:
        """Every thread of every process, by the kernel's lists."""
        return self._threads().all()

    def true_thread(self) -> int:
        """The KTHREAD on whose kernel stack ESP lies: what really runs, whatever the kernel says."""
        return self._threads().by_stack(self.regs()["esp"])

    def current_thread(self) -> int:
        """The KTHREAD that the control block of the stopped processor names."""
        return self.get(self.prcb(), "KPRCB.CurrentThread")

    def sample(self, place: Place, hits: int = 1) -> Sample:
        """Run to the `hits`-th arrival at a courseware routine and say who runs there: by the processor's control
        block, and by the stack that ESP lies on, which the kernel cannot talk its way out of."""
        registers = self.run_until(place, hits)
        return Sample(registers, self.current_thread(), self.true_thread())

    def events(self) -> List[Record]:
        """The event ring, oldest first.  Evidence only together with `Context.trace`."""
        return read_all(self.space, self.sym("EtwRing"), processors=self.session.processors)

    def _threads(self) -> Threads:
        others = [self.prcb(number) for number in range(self.session.processors) if number != self.processor]
        return Threads(self.view, self.sym("PsActiveProcessHead"), self.prcb(), [prcb for prcb in others if prcb])


__all__ = ["Guest", "Place", "Sample"]
