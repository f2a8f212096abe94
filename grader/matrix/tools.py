"""The compilers and emulators of this system, and the range of releases that was tested (grader/setup/tested.txt)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

TESTED = Path(__file__).resolve().parents[1] / "setup" / "tested.txt"
NEEDED = ("clang++", "lld-link", "ld.lld", "llvm-lib", "llvm-objcopy", "llvm-objdump", "llvm-symbolizer")  # of one release, in one folder
LLVM = ("/usr/lib/llvm-*/bin", "/usr/local/opt/llvm*/bin", "/opt/homebrew/opt/llvm*/bin", "/opt/llvm*/bin")
QEMU = ("/usr/local/bin", "/opt/qemu*/bin", "/opt/homebrew/bin")
EMULATOR = "qemu-system-i386"


@dataclass(frozen=True)
class Tool:
    """A compiler or an emulator: the folder that goes first in PATH, its release, what it lacks."""

    folder: Path
    version: str
    lacks: Tuple[str, ...] = ()

    @property
    def order(self) -> Tuple[int, ...]:
        return numbers(self.version)


def numbers(version: str) -> Tuple[int, ...]:
    """3.10 is newer than 3.9."""
    return tuple(int(part) for part in version.split("."))


def tested(path: Path = TESTED) -> Dict[str, Tuple[str, str]]:
    """Tool -> oldest and newest release that was tested."""
    rows = [line.split("#")[0].split("|") for line in path.read_text(encoding="utf-8").splitlines()]
    return {row[0].strip(): (row[1].strip(), row[2].strip()) for row in rows if len(row) == 3}


def within(version: str, span: Tuple[str, str]) -> bool:
    """Whether a release lies in the range; 22.1.8 is a release of 22."""
    low, high = (numbers(end) for end in span)
    have = numbers(version)
    return have[:len(low)] >= low and have[:len(high)] <= high


def version_of(program: Path) -> Optional[str]:
    """What `--version` says; None when it does not run."""
    try:
        said = subprocess.run([str(program), "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\d+\.\d+(?:\.\d+)?", said)
    return found[0] if found else None


def folders(patterns: Iterable[str], program: str) -> List[Path]:
    """Where a program may be: the folder of the one in PATH first, then the usual places."""
    own = shutil.which(program)
    found = [Path(own).parent] if own else []
    for pattern in patterns:
        found += sorted(Path("/").glob(pattern.lstrip("/")))
    return found


def compilers(places: Optional[Sequence[Path]] = None) -> List[Tool]:
    """Every clang, each release once, the oldest first.  One without its linker is told, not tried."""
    return _each("clang++", folders(LLVM, "clang++") if places is None else places, NEEDED)


def emulators(places: Optional[Sequence[Path]] = None) -> List[Tool]:
    """Every QEMU, each release once; QEMU_BIN=folder:folder adds some."""
    more = [Path(part) for part in os.environ.get("QEMU_BIN", "").split(os.pathsep) if part]
    return _each(EMULATOR, [*folders(QEMU, EMULATOR), *more] if places is None else places, ())


def _each(program: str, places: Sequence[Path], needed: Sequence[str]) -> List[Tool]:
    found: Dict[str, Tool] = {}
    for place in places:
        version = version_of(place / program) if (place / program).is_file() else None
        if version is None:
            continue
        lacks = tuple(name for name in needed if not (place / name).is_file())
        if version not in found or (found[version].lacks and not lacks):
            found[version] = Tool(place, version, lacks)
    return sorted(found.values(), key=lambda tool: tool.order)
