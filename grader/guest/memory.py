"""A stopped guest: its memory, registers, names and structures, as the host reads and writes them.

Invariants: nothing is asked of the guest.  An address that leads to no memory raises WildAccess, because it is the guest's
pointer that is wrong.  A page that is valid and out of memory raises NotResident, which is nobody's mistake and never a verdict; where
memory never leaves (session.py) it raises TakenAway, because somebody changed the entry.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple, Union

from grader.errors import GraderError
from grader.guest.session import Session
from grader.guest.stops import TakenAway, WildAccess
from grader.machine.memory import AddressSpace, BadAddress, Displaced, Residence
from grader.views.fields import Layout
from grader.views.memory import Structures

SCRATCH, SCRATCH_SIZE = "LabScratch", 64 * 1024
Place = Union[int, str]


def wild(error: BadAddress) -> WildAccess:
    """What a bad address is in words of the guest."""
    return TakenAway(error.address) if isinstance(error, Displaced) else WildAccess(error.address)


class GuestSpace:
    """Memory and structures as one page directory maps them."""

    def __init__(self, space: AddressSpace, layout: Layout) -> None:
        self.space, self._layout = space, layout
        self.view = Structures(self, layout)

    def read(self, address: int, size: int) -> bytes:
        try:
            return self.space.read(address & 0xFFFFFFFF, size)
        except BadAddress as error:
            raise wild(error) from error

    def write(self, address: int, data: bytes) -> None:
        try:
            self.space.write(address & 0xFFFFFFFF, data)
        except BadAddress as error:
            raise wild(error) from error

    def readable(self, address: int, size: int = 1) -> bool:
        """Whether all of the range is mapped memory.  Raises NotResident where a page of it is out."""
        try:
            return all(self.space.physical((address + offset) & 0xFFFFFFFF) is not None for offset in [*range(0, size, 4096), size - 1])
        except BadAddress as error:
            raise wild(error) from error

    def residence(self, address: int) -> Residence:
        """Whether an address has a page, and where that page is."""
        return self.space.residence(address)

    def text(self, address: int, limit: int = 256) -> str:
        return self.space.text(address, limit)

    def _number(self, address: int, size: int, value: Optional[int]) -> int:
        if value is None:
            return int.from_bytes(self.read(address, size), "little")
        self.write(address, (value & ((1 << 8 * size) - 1)).to_bytes(size, "little"))
        return value

    def u8(self, address: int, value: Optional[int] = None) -> int:
        return self._number(address, 1, value)

    def u16(self, address: int, value: Optional[int] = None) -> int:
        return self._number(address, 2, value)

    def u32(self, address: int, value: Optional[int] = None) -> int:
        return self._number(address, 4, value)

    def u64(self, address: int, value: Optional[int] = None) -> int:
        return self._number(address, 8, value)

    def field(self, name: str) -> Tuple[int, int]:
        return self._layout.field(name)

    def size(self, structure: str) -> int:
        return self._layout.size(structure)

    def get(self, address: int, field: str, signed: bool = False) -> int:
        return self.view.get(address, field, signed)

    def set(self, address: int, field: str, value: int) -> None:
        offset, size = self.field(field)
        self._number(address + offset, size, value)

    def list(self, head: int, field: str, limit: int = 4096) -> List[int]:
        """The structures on a list whose links are checked; raises views.memory.BrokenList."""
        return self.view.objects(head, field, limit)


class GuestMemory(GuestSpace):
    """Everything that can be done while the guest stands still.  Memory is that of the process that runs."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.space, session.layout)
        self.session, self.machine, self.symbols = session, session.machine, session.symbols
        self._registers: Optional[Dict[str, int]] = None
        self._allocated = 0
        self.labels: Dict[int, str] = {}  # what the test calls an address, for a debugger

    def inside(self, process: int) -> GuestSpace:
        """Memory as a process sees it that need not run now.  `process`: its KPROCESS."""
        directory = self.get(process, "KPROCESS.DirectoryTableBase")
        return GuestSpace(self.space.through(directory & 0xFFFFFFFF), self._layout)

    @property
    def scratch(self) -> int:
        """The test driver's scratch area: the host's, and nobody else's in the guest."""
        return self.sym(SCRATCH)

    def alloc(self, size: int, align: int = 16) -> int:
        """A zeroed piece of the scratch area, until the test ends."""
        start = -(-self._allocated // align) * align
        if start + size > SCRATCH_SIZE:
            raise GraderError(f"the test asks for more than the {SCRATCH_SIZE} bytes of {SCRATCH}")
        self._allocated = start + size
        address = self.scratch + start
        self.write(address, bytes(size))
        return address

    # -- names -----------------------------------------------------------------------------------------------------
    def sym(self, name: Place) -> int:
        return name if isinstance(name, int) else self.symbols.address(name)

    def name(self, address: int) -> str:
        """The routine or variable that holds an address."""
        return self.symbols.name(address)

    def describe(self, address: int) -> str:
        return self.symbols.describe(address)

    def routine(self, address: int) -> int:
        """Where the routine begins that holds an address; 0 if none does.  Names of static routines are whatever a student's file likes."""
        found = self.symbols.nearest(address)
        return address - found[1] if found else 0

    @property
    def processor(self) -> int:
        """The processor that stopped, or that `select` chose."""
        return self.machine.gdb.processor

    def select(self, processor: int) -> None:
        """Look at another processor of the stopped machine."""
        self.machine.gdb.select(processor)
        self.moved()

    def pcr(self, processor: Optional[int] = None) -> int:
        """The KPCR: what fs points to.  Without a number, of the stopped processor."""
        if processor is None or processor == self.processor:
            base = self.regs().get("fs_base", 0)
            if base:
                return base
        return self.prcb(processor) - self.field("KPCR.PrcbData")[0]

    def prcb(self, processor: Optional[int] = None) -> int:
        """The KPRCB; 0 where there is no such processor.  Without a number, of the stopped processor."""
        return self.u32(self.sym("KiProcessorBlock") + 4 * (self.processor if processor is None else processor))

    # -- registers -------------------------------------------------------------------------------------------------
    def regs(self) -> Dict[str, int]:
        if self._registers is None:
            self._registers = self.machine.gdb.registers()
        return dict(self._registers)

    def set_regs(self, **values: int) -> None:
        self.machine.gdb.set_registers(**values)
        self.moved()

    def moved(self) -> None:
        self._registers = None
        self.session.moved()
