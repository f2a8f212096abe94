"""Objects that the course's compiler makes of a few lines: what the tests of objects and of the linker share."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Iterable, Sequence

from grader.building import objects

COMPILE = ["clang++", "--target=i686-pc-windows-msvc", "-ffreestanding", "-std=c++20", "-O1", "-g", "-c"]
REFERENCE = 'extern "C" __declspec(dllexport) int __stdcall KiSelect(int low) { return low; }\n'


def is_timeless(references: Iterable[bytes]) -> bool:
    """Whether none of an exercise's objects asks for the time: what a manifest says of the reference."""
    return not any(objects.demands(data).intersection(objects.CLOCKS) for data in references)


@unittest.skipUnless(shutil.which("clang++"), "needs clang")
class CompiledCase(unittest.TestCase):
    """A folder of its own, and a compiler."""

    def setUp(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)

    def compile(self, text: str, suffix: str = ".cpp", more: Sequence[str] = ()) -> bytes:
        source, target = Path(self._folder.name, "a" + suffix), Path(self._folder.name, "a.obj")
        source.write_text(text, encoding="ascii")
        subprocess.run([*COMPILE, *more, str(source), "-o", str(target)], check=True, capture_output=True)
        return target.read_bytes()
