"""The guest as a target of exploration: a scenario of a loaded driver, run batch by batch.

Invariant: a batch that is asked to be fresh starts from the snapshot of the ready stage; what a batch did is read from
the control block and from how the call ended, never from what the guest prints.
"""

from __future__ import annotations

from typing import Optional

from grader.bugcodes import LAB_NOT_IMPLEMENTED
from grader.errors import GraderError
from grader.explore.control import TABLE, Batch, Decoder, Found, Ran, encode
from grader.guest import Guest
from grader.machine.qemu import GuestEnd
from grader.session import Session
from grader.stops import Bugcheck, GuestStop, IdleTooLong, Tampering
from grader.views.fields import read_layout
from grader.views.memory import Structures

STAGE = "ready"
PROCESSORS = 4  # KX_PROCESSORS: the conductor and three actors
SECONDS = 600.0  # virtual, for one batch
BASE_LIMIT = 30_000_000  # guest instructions of a batch beside its runs
RUN_LIMIT, SLACK = 60_000, 8  # of a run before one was measured; how much longer than the average one may be
PREFIX = "KxScenario_"
CONTROL, EXPLORE = "KxControl", "KxExplore"
SWITCH = "KxActive"  # KxRun is not watched: QEMU ends with "raised interrupt while not in I/O function" where a write there is followed by an IPI
SWITCH_WRITER = "KxSetActive"


class GuestTarget:
    """One scenario on a booted session of the explore flavour."""

    def __init__(self, session: Session, scenario: str, guest: Optional[Guest] = None) -> None:
        self.session, self.scenario = session, scenario
        if session.symbols.find(CONTROL) is None:
            raise GraderError("this kernel cannot explore schedules: build it with MICA_EXPLORE=1")
        self._guest = guest
        self._cost = RUN_LIMIT
        self.restores = 0

    @property
    def guest(self) -> Guest:
        if self._guest is None:
            self._guest = Guest(self.session)
        return self._guest

    def symbol(self) -> int:
        """The scenario's address; GraderError with the names that exist."""
        found = self.session.symbols.find(PREFIX + self.scenario)
        if found is None:
            raise GraderError(f"no loaded driver has a scenario {self.scenario!r}; there are: "
                              + ", ".join(scenarios(self.session)))
        return found

    def run(self, batch: Batch, fresh: bool) -> Ran:
        """Run a batch; what comes of the machine itself (bugcheck, hang, reset) is a find like any other."""
        where = self.symbol()
        guest = self.guest
        if fresh:
            self.restores += 1
            guest.begin(self.session.restore(STAGE), 0, SECONDS)
        view = Structures(guest.view.memory, read_layout(self.session.kernel, TABLE))
        address = guest.sym(CONTROL)
        encode(batch, view, address, guest.write)
        before = self.session.machine.icount()
        found, cause = None, None
        message = ""
        try:
            guest.call(EXPLORE, where, limit=BASE_LIMIT + batch.runs * self._cost * SLACK, seconds=SECONDS)
        except Bugcheck as stop:
            if stop.code == LAB_NOT_IMPLEMENTED:
                raise
            found, cause, message = Found.BUGCHECK, stop, str(stop)
        except GuestEnd as end:
            found, cause, message = Found.CRASH, end, str(end)
        except Tampering:
            raise
        except GuestStop as stop:
            found, cause = Found.HANG, stop
            message = ("no processor can go on, and the explorer was not told"
                       if isinstance(stop, IdleTooLong) else "the kernel does not come back")
        instructions = max(0, self.session.machine.icount() - before) if found is not Found.CRASH else 0
        ran = Decoder(view, address, batch).ran(found, message, instructions, cause)
        if ran.found is Found.NOTHING and ran.runs:
            self._cost = max(self._cost, instructions // ran.runs)
        return ran


    def run_watched(self, batch: Batch) -> None:
        """Run a batch with an eye on the switch of all preemption points; Tampering when anybody but the explorer writes there.

        A kernel that switches them off where its races are would pass unseen.  It cannot know which run is watched.
        """
        guest = self.guest

        def look(eip: int) -> None:
            if guest.name(eip - 1) != SWITCH_WRITER:
                raise Tampering("the switch of the preemption points", guest.describe(eip - 1))

        with guest.watching([(guest.sym(SWITCH), 4)], look):
            self.run(batch, True)


def scenarios(session: Session) -> "list[str]":
    """Every scenario of the loaded drivers, by name."""
    return sorted(name[len(PREFIX):] for module in session.symbols.modules for name in module.image.symbols
                  if name.startswith(PREFIX))
