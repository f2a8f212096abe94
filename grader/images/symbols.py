"""Names for addresses of a running kernel, and addresses for names: the modules that are loaded, and where.

Invariants: images come from the build's folder, never from guest memory; a path that is shown is relative to the root
of the tree, whatever machine it was compiled on.
In the books: "symbol files".  TOL-07.
"""

from __future__ import annotations

import bisect
import functools
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from grader.errors import GraderError
from grader.images import dwarf
from grader.images.pe import PeImage

SCENARIO = "KxScenario_"  # what SCENARIO(name) defines: kernel/tests/scenarios/scenario.h
BEFORE = 48  # bytes: how far back a line is looked for
ROOTS = ("kernel/", "labs/", "solutions/", "grader/", "probe/")


@dataclass(frozen=True)
class Module:
    """An image at its place in memory.  `image` is the copy with symbols."""

    name: str
    image: PeImage
    base: int

    def __contains__(self, address: int) -> bool:
        return self.base <= address < self.base + self.image.size


class Symbols:
    """Every loaded module."""

    def __init__(self, modules: Sequence[Module]) -> None:
        self.modules = tuple(modules)

    def find(self, name: str) -> Optional[int]:
        """The address of a routine or variable; `module!name` asks one module only.  An external name of any module
        goes before a static one: a student's file may have statics of whatever name."""
        wanted, _, bare = name.rpartition("!")
        static: Optional[int] = None
        for module in self.modules:
            if wanted and wanted.lower() not in (module.name.lower(), module.name.lower().rpartition(".")[0]):
                continue
            symbol = module.image.symbols.get(bare)
            if symbol is not None and symbol.external:
                return module.base + symbol.rva
            if symbol is not None and static is None:
                static = module.base + symbol.rva
        return static

    def address(self, name: str) -> int:
        found = self.find(name)
        if found is None:
            raise GraderError(f"no loaded module has a symbol {name} ({', '.join(one.name for one in self.modules)})")
        return found

    def module_at(self, address: int) -> Optional[Module]:
        # An image file counts its debug sections too, which are not loaded: the nearest base below wins.
        return max((module for module in self.modules if address in module),
                   key=lambda module: module.base,
                   default=None)

    def nearest(self, address: int) -> Optional[Tuple[str, int]]:
        """(symbol, offset) of the routine or variable that holds the address."""
        module = self.module_at(address)
        if module is None:
            return None
        table = module.image.by_address
        index = bisect.bisect_right(_addresses(module.image), address - module.base) - 1
        while index > 0 and table[index - 1].rva == table[index].rva:
            index -= 1  # several names for one place: the external one comes first
        if index < 0:
            return None
        return table[index].name, address - module.base - table[index].rva

    def name(self, address: int) -> str:
        """The symbol that holds the address, without offset; hexadecimal when nothing does."""
        found = self.nearest(address)
        return found[0] if found else f"{address & 0xFFFFFFFF:#010x}"

    def describe(self, address: int) -> str:
        """`KeSetEvent+0x1c`, or the bare number outside every module."""
        found = self.nearest(address)
        if not found:
            return f"{address & 0xFFFFFFFF:#010x}"
        return found[0] + (f"+{found[1]:#x}" if found[1] else "")

    def variable(self, address: int, size: int = 0) -> str:
        """`Buffer.NotEmpty`, `Forks[2].Header.SignalState`: the innermost member that an access of `size` bytes touches;
        without a size, the object there.  Empty where the module has no debug information of it."""
        module = self.module_at(address)
        debug = dwarf.read(module.image) if module else None
        found = debug.at(address - module.base) if debug and module else None
        if found is None or debug is None or module is None:
            return ""
        path = debug.path(found.type, address - module.base - found.rva, size)
        scope = "" if _has_scenarios(module.image) else found.scope  # the page and the report name the scenario
        return (f"{scope}::" if scope else "") + found.name + path

    def place(self, address: int) -> str:
        """`kernel/ntos/ke/sched/ready.cpp:42`, or nothing."""
        return next(iter(self.places(address)), "")

    def places(self, address: int) -> Tuple[str, ...]:
        """The place, and those where it was inlined."""
        module = self.module_at(address)
        return source_lines(module.image.path, address - module.base) if module else ()

    def frame(self, address: int, is_return: bool) -> str:
        """A line of a backtrace.  A return address is looked up one byte before: inside the call."""
        inside = address - 1 if is_return else address
        places = self.places(inside)
        return self.describe(inside) + (f" at {', inlined in '.join(places)}" if places else "")


@functools.lru_cache(maxsize=32)
def _has_scenarios(image: PeImage) -> bool:
    return any(name.startswith(SCENARIO) for name in image.symbols)


@functools.lru_cache(maxsize=32)
def _addresses(image: PeImage) -> Tuple[int, ...]:
    return tuple(symbol.rva for symbol in image.by_address)


@functools.lru_cache(maxsize=4096)
def source_lines(image: Path, rva: int) -> Tuple[str, ...]:
    """file:line of an image's address, and behind it where that code was inlined, from inside to outside; empty where nothing is
    known.  Line 0 is code that the compiler made: a line before it in the same routine stands for it."""
    here = _asked(image, [rva])
    if not here or here[0][1]:
        return here[0][1] if here else ()
    return next((places for routine, places in _asked(image, range(rva - 1, max(0, rva - BEFORE), -1)) if routine == here[0][0] and places), ())


def _asked(image: Path, addresses: Sequence[int]) -> List[Tuple[str, Tuple[str, ...]]]:
    """What llvm-symbolizer says of each address: the routine, and the places without those of line 0."""
    tool = symbolizer()
    if tool is None or not image.exists() or not addresses:
        return []
    try:
        done = subprocess.run([tool, f"--obj={image}", "--relative-address", "--inlining", *map(hex, addresses)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    blocks = [block.splitlines() for block in done.stdout.decode(errors="replace").strip().split("\n\n")]
    known = [block for block in blocks if len(block) > 1 and not block[-1].startswith("??")]
    return [(block[-2], tuple(f"{short_path(file)}:{line}" for file, line, _ in (place.rsplit(":", 2) for place in block[1::2]) if line != "0"))
            for block in known]


def short_path(path: str) -> str:
    """Relative to the root of the tree: from the last folder that only a tree has."""
    path = path.replace("\\", "/")
    best = -1
    for root in ROOTS:
        at = path.rfind("/" + root)
        best = max(best, at + 1 if at >= 0 else -1)
    if best > 0 and not path.startswith(ROOTS):
        return path[best:]
    return path if path.startswith(ROOTS) else path.rpartition("/")[2]


@functools.lru_cache(maxsize=1)
def symbolizer() -> Optional[str]:
    for name in ("llvm-symbolizer", *(f"llvm-symbolizer-{version}" for version in range(21, 13, -1))):
        path = shutil.which(name)
        if path:
            return path
    return None


def images_in(directory: Path) -> Dict[str, Path]:
    """Every image of a build with symbols, by file name."""
    found: Dict[str, Path] = {}
    for pattern in ("*.exe", "*.dll", "drivers/*.sys", "tests/*.sys"):
        for path in sorted(directory.glob(pattern)):
            found.setdefault(path.name.lower(), path)
    return found
