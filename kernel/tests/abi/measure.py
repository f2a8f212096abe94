"""Asks a compiler for numbers: one object of constants; a question that does not compile has no answer."""

from __future__ import annotations

import functools
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Dict, List, Sequence

from grader.errors import GraderError
from grader.images.coff import CoffFile

GCC = "i686-w64-mingw32-gcc"
BASELINE = ("-D_X86_", "-D_WIN32_WINNT=0x0502", "-DWINVER=0x0502", "-DNTDDI_VERSION=0x05020200",
            "-DSYSTEM_POWER_STATE_CONTEXT=ULONG")  # wdm.h names the last one before Vista, and has it from Vista on only
SECTION = ".answers"
NOTHING = 1 << 64  # no answer is so large


@functools.lru_cache(maxsize=1)
def ddk() -> Path:
    """The folder of the public DDK headers, where mingw's gcc looks for its own."""
    done = subprocess.run([GCC, "-E", "-v", "-x", "c", "-"], input="", capture_output=True, text=True, check=True)
    for line in done.stderr.splitlines():
        if line.startswith(" ") and (Path(line.strip()) / "ddk/wdm.h").exists():
            return (Path(line.strip()) / "ddk").resolve()
    raise GraderError("mingw's headers have no folder ddk (Debian: mingw-w64-i686-dev)")


def public() -> List[str]:
    """The compiler that a driver's author has, without its output."""
    return [GCC, f"-I{ddk()}", *BASELINE, "-w", "-fmax-errors=0", "-x", "c"]


def mica(root: Path, checked: bool) -> List[str]:
    """The compiler of Mica's sources, with their headers."""
    return ["clang++", "--target=i686-pc-windows-msvc", "-march=i686", "-std=c++20", "-ffreestanding", "-fms-extensions", "-w", "-Wno-c++11-narrowing",
            "-Wno-invalid-offsetof", "-ferror-limit=0", f"-I{root / 'kernel/inc'}", *(["-DMICA_CHECKED=1"] if checked else []), "-x", "c++"]


def ask(compiler: Sequence[str], head: str, questions: Dict[str, str]) -> Dict[str, int]:
    """The value of each expression that compiles, as 32 bits without a sign."""
    left = dict(questions)
    with tempfile.TemporaryDirectory(prefix="mica-abi-") as folder:
        while left:
            source, made = Path(folder, "probe.txt"), Path(folder, "probe.o")
            start = f'{head}\n__attribute__((section("{SECTION}"), used)) unsigned long long Answers[] = {{\n'
            source.write_text(start + "".join(f"(unsigned long long)({text}),\n" for text in left.values()) + "};\n")
            done = subprocess.run([*compiler, "-c", str(source), "-o", str(made)], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return dict(zip(left, _answers(made.read_bytes())))
            first, names = start.count("\n") + 1, list(left)
            bad = {int(line) - first for line in re.findall(r"probe\.txt:(\d+):\d+: error", done.stderr)}
            wrong = [names[line] for line in bad if 0 <= line < len(names)]
            if not wrong:
                raise GraderError(f"{compiler[0]} cannot be asked:\n{done.stderr[:2000]}")
            for name in wrong:
                del left[name]
    return {}


def _answers(data: bytes) -> List[int]:
    file = CoffFile(data)
    part = next(section for section in file.sections if section.name == SECTION)
    words = data[part.offset:part.offset + part.size]
    return [int.from_bytes(words[at:at + 8], "little") & 0xFFFFFFFF for at in range(0, len(words) - 7, 8)]
