"""Why a guest did not come to where the test wanted it: each is its own exception, with what a student should read."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from grader.guest.bugcodes import name_of


class GuestStop(Exception):
    """The guest stopped somewhere else.  `registers` are those of that moment, where it is the same in every run."""

    registers: Optional[Dict[str, int]] = None


class Bugcheck(GuestStop):
    """KeBugCheckEx: the kernel gave up."""

    def __init__(self, code: int, parameters: Tuple[int, ...], registers: Dict[str, int]) -> None:
        name = name_of(code)
        shown = ", ".join(f"{parameter:#010x}" for parameter in parameters)
        super().__init__(f"bugcheck {code:#010x}{' ' + name if name else ''} ({shown})")
        self.code, self.parameters, self.registers = code, parameters, registers


class TooManyInstructions(GuestStop):
    """The budget of guest instructions is used up."""

    def __init__(self, limit: int, registers: Optional[Dict[str, int]]) -> None:
        super().__init__(f"did not finish within {limit:,} guest instructions")
        self.limit, self.registers = limit, registers


class IdleTooLong(GuestStop):
    """Nothing runs: the guest's time passes and no instructions are used."""

    def __init__(self, registers: Dict[str, int]) -> None:
        super().__init__("did not finish: the processor is idle and nothing wakes the thread that should go on")
        self.registers = registers


class BadReturn(GuestStop):
    """A routine came back, but not as its calling convention says."""

    def __init__(self, routine: str, what: str) -> None:
        super().__init__(f"{routine} {what}")
        self.routine, self.what = routine, what


class Tampering(GuestStop):
    """Something that belongs to the courseware was written by somebody else."""

    def __init__(self, what: str, writer: str) -> None:
        super().__init__(f"{what} was written by {writer}")


class CodeRead(Exception):
    """Somebody read the kernel's code or the tables of its image as data, to recognize a kernel by its looks and not by what it does; or
    looked for what the explorer keeps."""

    def __init__(self, reader: str, what: str = "the kernel's code, its tables, or what the explorer keeps") -> None:
        super().__init__(f"{what} is read by {reader}")


class Altered(Exception):
    """A look that the guest was not told of found the courseware's code or a processor's set-up changed.  No GuestStop: it is no end
    of a run that a test may expect."""


class WildAccess(GuestStop):
    """The host followed a pointer of the guest's that leads to no memory."""

    def __init__(self, address: int) -> None:
        super().__init__(
            f"a pointer in the kernel's structures leads to {address & 0xFFFFFFFF:#010x}, where no memory is mapped")
        self.address = address


class TakenAway(WildAccess):
    """The host followed a pointer to memory that never leaves, and its entry says that it is out."""

    def __init__(self, address: int) -> None:
        GuestStop.__init__(
            self, f"the entry for {address & 0xFFFFFFFF:#010x} says that the page is out of memory, and nothing may take it away: it holds "
            "an image, the page frame database or non-paged pool")
        self.address = address
