"""One moment of a kernel's memory: pages by state, regions, processes with their ranges and working sets, pool by tag.

Invariant: all of it comes from the views (grader/views), so gdb, the grader and MemMon say the same.  A moment at which the
lock of the page database is held is told as such: its lists need not agree then.
TOL-02.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Protocol, Sequence, Tuple

from grader.errors import InfraError, NotResident
from grader.guest.stops import WildAccess
from grader.images.symbols import Symbols
from grader.machine.memory import BadAddress
from grader.views import pools, regions, workingset
from grader.views.fields import Layout
from grader.views.memory import BrokenList, Structures
from grader.views.pages import ACTIVE, STATES, Page, Pages
from grader.views.tables import Physical, of_directory
from grader.views.vads import VadTree
from grader.views.workingset import WorkingSet

USER_PTES_END = 0xC0200000  # entries of the user's half lie below
PFN_LOCK = 2  # LockQueuePfnLock
REGIONS = 18  # MM_REGIONS
MOST_PROCESSES = 256
USER, NONE = len(STATES), len(STATES) + 1
CLASSES = (*STATES, "ActiveAndValid, a process's", "no memory")
UNREADABLE = (BadAddress, BrokenList, NotResident, InfraError, WildAccess)
PAGE_VARIABLES = ("MmPfnDatabase", "MmHighestPhysicalPage", "MmPageLocationList", "MmAvailablePages")


class Looked(Protocol):
    """A kernel that can be looked at: one that stands still, or one that runs."""

    @property
    def view(self) -> Structures: ...

    @property
    def symbols(self) -> Symbols: ...

    @property
    def physical(self) -> Physical: ...

    def within(self, process: int) -> Structures: ...


@dataclass(frozen=True)
class Range:
    """One range of a process, and how many of its pages are in memory."""

    start: int
    end: int
    words: str
    commit: int
    resident: int


@dataclass(frozen=True)
class Process:
    """One process's memory."""

    name: str
    identifier: int
    committed: int
    ranges: Tuple[Range, ...]
    working_set: WorkingSet
    wrong: Tuple[str, ...]


@dataclass(frozen=True)
class Used:
    """A region, and how many of its pages are in memory."""

    name: str
    start: int
    end: int
    resident: int


@dataclass(frozen=True)
class Snapshot:
    """One moment."""

    label: str
    time: float  # milliseconds of the guest's time since the first one
    pages: Tuple[Page, ...]
    available: int
    regions: Tuple[Used, ...]
    processes: Tuple[Process, ...]
    tags: Tuple[pools.Tag, ...]
    locked: bool  # the lock of the page database was held
    wrong: Tuple[str, ...]

    def classes(self) -> bytes:
        """What each frame is, as an index of CLASSES."""
        return bytes(map(class_of, self.pages))

    def counts(self) -> List[int]:
        """Frames by class."""
        classes = self.classes()
        return [classes.count(number) for number in range(len(CLASSES))]


def class_of(page: Page) -> int:
    """A page's state; an active one of a process is told apart."""
    if not page.is_memory:
        return NONE
    return USER if page.state == ACTIVE and 0xC0000000 <= page.pte < USER_PTES_END else page.state


def take(looked: Looked, label: str = "", time: float = 0.0) -> Snapshot:
    """This moment.  Raises one of UNREADABLE where a running kernel changed what is being read."""
    view, address = looked.view, looked.symbols.address
    system = view.u32(address("PsInitialSystemProcess"))
    tables = of_directory(looked.physical, directory_of(view, system))
    pages = Pages(view, *map(address, PAGE_VARIABLES))
    locked = view.u32(address("KiQueuedSpinLock") + PFN_LOCK * view.layout.size("KSPIN_LOCK")) != 0
    used = [Used(region.name, region.start, region.end, regions.resident(tables, region))
            for region in regions.read(view, address("MmRegions"), REGIONS)]
    processes = [found for found in map(lambda one: _process(looked, one), _processes(view, address("PsActiveProcessHead"))) if found]
    wrong = [] if locked else pages.wrong()
    return Snapshot(label, time, tuple(pages.pages), pages.available, tuple(used), tuple(processes),
                    tuple(pools.read(view, address("PoolTrackTable"))), locked, tuple(wrong))


def directory_of(view: Structures, process: int) -> int:
    """The physical address of a process's page directory."""
    return view.get(process, "KPROCESS.DirectoryTableBase") & 0xFFFFFFFF


def _processes(view: Structures, head: int) -> Sequence[int]:
    return view.objects(head, "EPROCESS.ActiveProcessLinks", MOST_PROCESSES)


def _process(looked: Looked, process: int) -> Optional[Process]:
    """A process's memory; None for one without an address space of its own, or one that is being made or deleted."""
    inside = looked.within(process)
    layout: Layout = inside.layout
    space = process + layout.field("EPROCESS.AddressSpace")[0]
    try:
        tables = of_directory(looked.physical, directory_of(inside, process))
        tree = VadTree(inside, space + layout.field("MM_ADDRESS_SPACE.VadRoot")[0])
        found = workingset.read(inside, space + layout.field("MM_ADDRESS_SPACE.Vm")[0])
        ranges = tuple(Range(vad.start, vad.end, vad.words, vad.commit, tables.resident(vad.start, vad.end)) for vad in tree.vads)
        if not ranges and not found.listed:
            return None
        return Process(inside.text(process, "EPROCESS.ImageFileName"), inside.get(process, "EPROCESS.UniqueProcessId"),
                       inside.get(space, "MM_ADDRESS_SPACE.CommitCharge", signed=True), ranges, found, (*tree.wrong, *found.wrong))
    except UNREADABLE:
        return None


def by_state(counts: "Sequence[int]") -> Dict[str, int]:
    """Counts of classes by name, those that are there."""
    return {CLASSES[number]: count for number, count in enumerate(counts) if count}
