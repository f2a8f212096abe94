"""The guest as a target of exploration: a scenario of a loaded driver, run batch by batch.

Invariant: a batch that is asked to be fresh starts from the snapshot of the ready stage; what a batch did is read from
the control block and from how the call ended, never from what the guest prints.
"""

from __future__ import annotations

from typing import List, Optional, Sequence

from grader.errors import GraderError
from grader.explore.control import LOTS_MAX, OVERWRITTEN, TABLE, Batch, Decoder, Found, Purse, Ran, decode_lots, encode, misstated
from grader.guest import Guest
from grader.guest.bugcodes import LAB_NOT_IMPLEMENTED
from grader.guest.session import Session
from grader.guest.stops import Bugcheck, GuestStop, IdleTooLong, Tampering
from grader.machine.memory import PAGE
from grader.machine.qemu import GuestEnd
from grader.views.fields import read_layout
from grader.views.memory import Structures

STAGE = "ready"
SECONDS = 600.0  # virtual, for one batch
BASE_LIMIT = 30_000_000  # guest instructions of a batch beside its runs
RUN_LIMIT, SLACK = 60_000, 8  # of a run before one was measured; how much longer than the average one may be
PREFIX = "KxScenario_"
CONTROL, EXPLORE, FINISHED = "KxControl", "KxExplore", "KxFinished"
SWITCH = "KxActive"  # KxRun is not watched: QEMU ends with "raised interrupt while not in I/O function" where a write there is followed by an IPI
SWITCH_WRITER = "KxSetActive"
UNSEEN = "KxUnseen"
SLOT_PTES, SLOTS_OF_PROCESSOR = 0xC0000000 + (0xFFD00000 >> 12) * 4, 6  # entries of the slots that map pages for a moment (mm/slots.h)


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
        return self._explore([batch], None, fresh)[0]

    def run_lots(self, batches: Sequence[Batch], purse: Purse, fresh: bool) -> List[Ran]:
        """Several batches in one call, until one finds something or the purse does not pay for all of the next one."""
        if self.guest.inspection is not None:
            self.guest.inspection.skip(len(batches) - 1)  # a stop for each batch would have been as many
        return self._explore(batches, purse, fresh)

    def ahead(self) -> int:
        """So many batches may run in one call: behind the last of them the host has a look at the machine."""
        inspection = self.guest.inspection
        return LOTS_MAX if inspection is None else max(1, min(LOTS_MAX, inspection.left))

    def _explore(self, batches: Sequence[Batch], purse: Optional[Purse], fresh: bool) -> List[Ran]:
        where = self.symbol()
        guest = self.guest
        if fresh:
            self.restores += 1
            guest.begin(self.session.restore(STAGE), 0, SECONDS)
        view = Structures(guest.view.memory, read_layout(self.session.kernel, TABLE))
        address = guest.sym(CONTROL)
        encode(batches[0], view, address, guest.write, batches[1:], purse)
        before = self.session.machine.icount()
        found, cause = None, None
        message = ""
        try:
            guest.call_until_written(EXPLORE, where, word=FINISHED, limit=BASE_LIMIT + sum(batch.runs for batch in batches) * self._cost * SLACK, seconds=SECONDS)
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
        if purse is None:
            rans = [Decoder(view, address, batches[0]).ran(found, message, instructions, cause)]
        else:
            rans = decode_lots(view, address, batches, purse, found, message, instructions, cause)
        if found is None and misstated(rans, instructions):
            rans = [Ran(1, Found.OVERWRITTEN, batches[0].schedule, message=OVERWRITTEN, instructions=instructions, whole=batches[0].runs)]
        runs = sum(ran.runs for ran in rans)
        if rans[-1].found is Found.NOTHING and runs:
            self._cost = max(self._cost, instructions // runs)
        return rans

    def run_watched(self, batch: Batch, fresh: bool) -> None:
        """Run a batch with an eye on the switch of all preemption points: Tampering when anybody but the explorer writes there, when it is
        off during a run, at whatever address it was written, and when a page of the kernel's image is mapped a second time.  CodeRead when
        anybody looks up in the kernel's code where the explorer keeps the rest.

        A kernel that switches the points off where its races are would pass unseen.  It cannot know which run is watched.
        """
        guest = self.guest
        gdb, off = guest.machine.gdb, True
        switch, writer, unseen = (guest.sym(name) for name in (SWITCH, SWITCH_WRITER, UNSEEN))

        def turn(to_off: bool) -> None:
            """The run begins or ends: meanwhile no load or store of instrumented code may find the points off."""
            nonlocal off
            if to_off != off:
                (gdb.unwatch_writes if to_off else gdb.watch_writes)(unseen, 4)
            off = to_off

        image, slots = self._image_frames(), [0] * SLOTS_OF_PROCESSOR * self.session.processors

        def look(eip: int) -> None:
            seen = [guest.u32(SLOT_PTES + 4 * slot) for slot in range(len(slots))]
            if seen != slots:  # a page is mapped, or one was
                slots[:] = seen
                if any(entry & 1 and entry >> 12 in image for entry in seen):
                    raise Tampering("another mapping of the kernel's image", guest.describe(eip - 1))
                if guest.routine(eip - 1) != writer:
                    return
            if guest.routine(eip - 1) != writer:
                behind = guest.u32(guest.regs()["ebp"] + 4) if not off and not guest.u32(switch) else eip  # a hook's caller
                raise Tampering("the switch of the preemption points", guest.describe(behind - 1))
            turn(not guest.u32(switch))

        with guest.code_unread(), guest.watching([(switch, 4), (SLOT_PTES, 4 * len(slots))], look):
            try:
                self.run(batch, fresh)
            finally:
                turn(True)

    def _image_frames(self) -> "set[int]":
        """The numbers of the pages that the kernel's code and data lie in."""
        kernel = self.session.kernel
        places = (self.guest.space.physical(kernel.base + section.rva + offset) for section in kernel.sections
                  for offset in range(0, section.size, PAGE) if not section.name.startswith(".debug"))
        return {place // PAGE for place in places if place is not None}


def scenarios(session: Session) -> "list[str]":
    """Every scenario of the loaded drivers, by name."""
    return sorted(name[len(PREFIX):] for module in session.symbols.modules for name in module.image.symbols
                  if name.startswith(PREFIX))
