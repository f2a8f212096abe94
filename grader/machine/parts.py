"""What a machine is made of, as data: a test names one, and every emulator here is told from it.

    Machine()                                                  one processor, 64 MB, no disk
    Machine(memory_mb=16, disks=(page_file(32),))              a small one with a disk for a page file
    Machine(processors=4, flavour="checked")                   four processors, the kernel with its assertions
    Machine(devices=("edu",), options="/HAL=PIC")              one device more, and a boot option

Invariant: equal values mean the same machine, so tests that name equal ones share a boot.  Nothing here starts anything.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Tuple

from grader.errors import GraderError

BUSES = ("ide", "floppy", "memory")  # memory: shared memory on the PCI bus, for page files that are the same in every run
FLAVOURS = ("free", "checked", "explore")  # build.mk's
PLACES = {"ide": 4, "floppy": 2, "memory": 4}  # of disks on each bus
PAGE_FILE_DRIVER = "pagedisk.sys"
FLOPPY_KB = (1440, 2880, 720, 360)


@dataclass(frozen=True)
class Disk:
    """A disk that is there when the machine starts.  What the guest writes to it goes back with a snapshot, and is never kept."""

    name: str  # what the test calls it, and the monitor
    megabytes: int = 0  # of an empty one; a floppy's size is 1.44 MB
    image: str = ""  # a file of the kernel's boot folder, a copy of which it begins as
    bus: str = "ide"
    page_file: bool = False  # it carries a page file's label, and the machine's kernel has the driver for such disks

    @property
    def file(self) -> str:
        """Its file in the machine's folder."""
        return f"{self.name}.{'memory' if self.bus == 'memory' else 'qcow2'}"

    @property
    def room(self) -> int:
        """Bytes of its file, if it is in memory: the bus gives addresses to powers of two only."""
        return 1 << max((self.megabytes << 20) - 1, 0).bit_length()

    def __post_init__(self) -> None:
        if self.bus not in BUSES or not self.name.isidentifier() or bool(self.image) == bool(self.megabytes or self.bus == "floppy"):
            raise GraderError(f"{self}: a disk has a name, a bus ({', '.join(BUSES)}), and either a size or an image")
        if self.page_file and (self.bus == "floppy" or self.image) or self.bus == "memory" and not self.page_file:
            raise GraderError(f"{self}: a page file's disk begins empty, on the bus ide or memory; nothing else is on the bus memory")


def page_file(megabytes: int, bus: str = "memory") -> Disk:
    """A disk for a page file.  In memory it ends its transfers in virtual time, and every run is the same; an IDE disk does not."""
    return Disk("pagefile", megabytes, bus=bus, page_file=True)


@dataclass(frozen=True)
class Machine:
    """A machine to boot."""

    memory_mb: int = 64
    processors: int = 1  # 0: any number is right, and whoever runs the test chooses
    disks: Tuple[Disk, ...] = ()
    devices: Tuple[str, ...] = ()  # what else is plugged in, in the emulator's words
    flavour: str = ""  # of the kernel that it boots; empty: the one that is asked for, free or checked
    options: str = ""  # boot options, beside those of whoever boots
    files: Tuple[str, ...] = ()  # of the kernel's boot folder: boot files (kernel/inc/ldr/bootfiles.h)

    def __post_init__(self) -> None:
        if self.flavour not in ("", *FLAVOURS):
            raise GraderError(f"no flavour {self.flavour!r} of the kernel; there are: {', '.join(FLAVOURS)}")
        names = [disk.name for disk in self.disks]
        crowded = any(sum(disk.bus == bus for disk in self.disks) > most for bus, most in PLACES.items())
        if len(set(names)) < len(names) or crowded:
            raise GraderError(f"the disks {', '.join(names)}: each has a name of its own, and there are {PLACES} places")

    def on(self, processors: int) -> "Machine":
        """The same with so many processors, where any number is right."""
        return self if self.processors else dataclasses.replace(self, processors=processors)

    @property
    def drivers(self) -> Tuple[str, ...]:
        """Drivers of the kernel's that it needs."""
        return (PAGE_FILE_DRIVER,) if any(disk.page_file for disk in self.disks) else ()

    @property
    def label(self) -> str:
        """What tells it from the usual machine, in a word: `@4,16MB,pages`; empty for the usual one."""
        usual = Machine()
        parts = [str(self.processors)] if self.processors != usual.processors else []
        parts += [f"{self.memory_mb}MB"] if self.memory_mb != usual.memory_mb else []
        parts += [disk.name + ":ide" * (disk.page_file and disk.bus == "ide") for disk in self.disks] + [device.split(",")[0] for device in self.devices]
        parts += [part for part in (*self.files, self.flavour, self.options.replace("/", "").replace(" ", ",")) if part]
        return "@" + ",".join(parts) if parts else ""

    def arguments(self, folder: Path, taken: int = 0) -> List[str]:
        """QEMU's arguments for it, with its disks in `folder` (disks.py makes them there).  `taken`: so many IDE disks come first."""
        line = ["-m", str(self.memory_mb), "-smp", str(self.processors or 1)]
        places: Dict[str, int] = {"ide": taken, "floppy": 0}
        for disk in self.disks:
            if disk.bus == "memory":
                line += ["-object", f"memory-backend-file,id={disk.name},size={disk.room},mem-path={folder}/{disk.file},share=on",
                         "-device", f"ivshmem-plain,memdev={disk.name},master=on"]
                continue
            line += ["-drive", f"if={disk.bus},index={places[disk.bus]},id={disk.name},format=qcow2,file={folder}/{disk.file},"
                     "cache=unsafe"]
            places[disk.bus] += 1
        for device in self.devices:
            line += ["-device", device]
        return line


EXPLORED = Machine(processors=4, flavour="explore")  # the conductor and three actors (KX_PROCESSORS)


def parse(text: str) -> Machine:
    """The machine of a line of words, as a guest test's driver names one: `memory=16 pagefile=32 disk=a:8 option=/HAL=PIC processors=2`.
    Without a number of processors, any is right."""
    values: Dict[str, object] = {"processors": 0}
    disks: List[Disk] = []
    devices: List[str] = []
    options: List[str] = []
    files: List[str] = []
    for word in text.split():
        key, _, value = word.partition("=")
        if key in ("memory", "processors") and value.isdigit():
            values["memory_mb" if key == "memory" else key] = int(value)
        elif key == "pagefile" and value.partition(":")[0].isdigit():
            size, _, bus = value.partition(":")
            disks.append(page_file(int(size), bus or "memory"))
        elif key in ("disk", "floppy") and value:
            name, _, what = value.partition(":")
            size = {"megabytes": int(what)} if what.isdigit() else {"image": what}
            disks.append(Disk(name, bus="ide" if key == "disk" else "floppy", **size))  # type: ignore[arg-type]
        elif key == "device" and value:
            devices.append(value)
        elif key == "file" and value:
            files.append(value)
        elif key == "option" and value:
            options.append(value)
        elif key == "flavour" and value:
            values["flavour"] = value
        else:
            raise GraderError(f"no machine: {word!r}; the words are memory=, processors=, pagefile=MB or MB:ide, disk=NAME:MB or NAME:IMAGE, floppy=, "
                              "device=, file=, option=, flavour=")
    return Machine(disks=tuple(disks), devices=tuple(devices), options=" ".join(options), files=tuple(files), **values)  # type: ignore[arg-type]
