"""A kernel to look at: a guest that stands still, or the machine of `make run`, whose memory is read while it runs.

The running one is found by its folder: it holds its memory as a file, and which kernel it runs.  Nothing is asked of it, and
it does not notice.  The kernel's own image lies at 80000000 + its physical address, so its variables are found without page
tables, and the System process names the page directory.
TOL-02.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Optional, Tuple

from grader.errors import GraderError
from grader.guest import Guest
from grader.images.pe import PeImage
from grader.images.symbols import Module, Symbols
from grader.machine.memory import CR0_PG, CR4_PSE, AddressSpace, Ram
from grader.memmon.snapshot import directory_of
from grader.views.fields import read_layout
from grader.views.memory import Structures
from grader.views.tables import Physical

SYSTEM_SPACE = 0x80000000
FOLDERS, RAM, OWNER = "mica-run-*", "ram", "kernel"


class Stopped:
    """A guest of the grader's."""

    def __init__(self, guest: Guest) -> None:
        self._guest, self.view, self.symbols = guest, guest.view, guest.symbols
        self.physical: Physical = guest.machine.ram

    def within(self, process: int) -> Structures:
        return self._guest.inside(process).view


class _Loaded:
    """What the loader brought, before anything is known of page tables."""

    def __init__(self, ram: Ram) -> None:
        self._ram = ram

    def read(self, address: int, size: int) -> bytes:
        return self._ram.read(address - SYSTEM_SPACE, size)


class Running:
    """The kernel of a machine that runs.  `ram`: its memory; `image`: its ntoskrnl.exe."""

    def __init__(self, ram: Ram, image: PeImage) -> None:
        self.physical = ram
        self._layout = read_layout(image)
        self.symbols = Symbols([Module(image.path.name, image, image.base)])
        loaded = Structures(_Loaded(ram), self._layout)
        system = loaded.u32(self.symbols.address("PsInitialSystemProcess"))
        directory = directory_of(loaded, system) if SYSTEM_SPACE <= system < SYSTEM_SPACE + ram.size else 0
        if not directory:
            raise GraderError("the kernel has not made its first process yet: let it boot, and ask again")
        self._space = AddressSpace(ram, lambda: (CR0_PG, directory, CR4_PSE))
        self.view = Structures(self._space, self._layout)

    def within(self, process: int) -> Structures:
        return Structures(self._space.through(directory_of(self.view, process)), self._layout)


def find(out: Path) -> "Optional[Tuple[Path, Path]]":
    """(the memory, the kernel's folder) of the machine that was started last with a kernel of this build folder; None: none runs."""
    found = []
    for folder in Path(tempfile.gettempdir()).glob(FOLDERS):
        try:
            owner, kernel = (folder / OWNER).read_text(encoding="utf-8").splitlines()
            os.kill(int(owner), 0)
            if (folder / RAM).is_file() and Path(kernel).parent == out.resolve():
                found.append(((folder / RAM).stat().st_mtime, folder / RAM, Path(kernel)))
        except (OSError, ValueError):
            continue
    return max(found)[1:] if found else None
