"""What a student's object file may bring into the kernel: its exercise's routines, and no name of the courseware.

The host finds its places in a student's kernel by name (where to stop, where a table lies).  An object that defines
such a name in another decoration could lead the host astray before a single instruction has run; so it is refused before
the link, with a message for its author.  What else of an object reaches the linker: linkable.py.
In the books: "COFF", "name decoration".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Mapping, Sequence, Set

from grader.images.coff import CODE, COMDAT, STATIC, CoffError, CoffFile
from grader.images.pe import undecorate

IMPORT = "__imp_"
DEVICES = ("READ_PORT_", "WRITE_PORT_", "MmMapIoSpace")  # the ways to devices: each access costs the host far more than the guest
CLOCKS = ("KeTickCount", "KiInterruptTime", "KiSystemTime", "KeQueryTickCount", "KeQueryInterruptTime", "KeQuerySystemTime", "KeQueryPerformanceCounter",
          "NtQuerySystemTime", "ZwQuerySystemTime", "HalQueryRealTimeClock")  # the ways to learn how late it is
EXPLORER = "Kx"  # names of the explorer begin so; free are what points are made of (nt/explore.h), and a name of the books
FREE = ("KxActive", "KxReachPoint", "KxSetMemory", "KxCopyMemory", "KxMark", "KxQueueReadyThread")


@dataclass(frozen=True)
class Definition:
    """An external name that a file defines."""

    name: str
    shared: bool  # COMDAT: an inline routine of a header, of which the linker keeps one


def definitions(data: bytes) -> List[Definition]:
    """The external names that an object or an image defines."""
    file = CoffFile(data)
    return [Definition(one.name, 0 < one.section <= len(file.sections) and bool(file.sections[one.section - 1].flags & COMDAT))
            for one in file.symbols() if one.external and not one.demanded]


def code_names(data: bytes) -> Set[str]:
    """The routines of an object, static ones and inline ones of headers too, without decoration."""
    file = CoffFile(data)
    code = {number for number, section in enumerate(file.sections, 1) if section.flags & CODE}
    return {one.plain for one in file.symbols() if one.section in code and not one.name.startswith(".")}


def demands(data: bytes) -> Set[str]:
    """The names that an object expects of others, without decoration."""
    names = {one.name for one in CoffFile(data).symbols() if one.demanded}
    return {undecorate(name[len(IMPORT):] if name.startswith(IMPORT) else name) for name in names}


def local_names(data: bytes) -> List[str]:
    """The names of static routines and data, each once; the names of sections are not among them."""
    file = CoffFile(data)
    sections = {section.name for section in file.sections}
    return list(dict.fromkeys(one.name for one in file.symbols() if one.kind == STATIC and one.defined and one.name not in sections))


def courseware_names(images: Sequence[Path]) -> Dict[str, Set[str]]:
    """Every external name of the reference's images without decoration, and with those that it has there."""
    found: Dict[str, Set[str]] = {}
    for name in {one.name for path in images for one in definitions(path.read_bytes())}:
        found.setdefault(undecorate(name), set()).add(name)
    return found


def objections(source: str, student: bytes, reference: bytes, courseware: Mapping[str, Set[str]], explored: bool = False,
               timeless: bool = False) -> List[str]:
    """Why the object of a student's file is not linked, a line each; `reference` is the object it stands in for.  `explored`: its
    exercise is about no device.  `timeless`: nor about time; what is tested early holds late."""
    try:
        CoffFile(student).symbols()
    except CoffError as error:  # a compiler can be made to write another form: with very many sections, say
        return [f"{source}: error: compiles to {error}"]
    own = {one.name for one in definitions(reference)}

    def strange(one: Definition) -> bool:
        """Whether it takes a name of the courseware.  An inline routine of a header has the header's decoration in every object; in
        another one it would stand for the export of that name, for a row of a .def has no decoration."""
        if one.shared and (one.name.startswith("?") or one.name in courseware.get(undecorate(one.name), ())):
            return False
        return one.name not in own and undecorate(one.name) in courseware

    found = [f"{source}: error: defines {undecorate(one.name)} ({one.name}), a name of the courseware; choose another"
             for one in definitions(student) if strange(one)]
    asked = sorted(demands(student) - demands(reference))
    found += [f"{source}: error: uses {name}: this exercise has nothing to do with devices; leave it out"
              for name in asked if explored and name.startswith(DEVICES)]
    found += [f"{source}: error: uses {name}: nothing in this exercise depends on how late it is; leave it out" for name in asked if timeless and name in CLOCKS]
    found += [f"{source}: error: uses {name}, which belongs to the explorer of schedules; leave it alone"
              for name in asked if name.startswith(EXPLORER) and name not in FREE]
    return found
