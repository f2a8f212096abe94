"""The probe guest: a tiny kernel that tests the machine layer without Mica's kernel.  `build(folder)` makes it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from grader.images.pe import PeImage

HERE = Path(__file__).parent
FLAGS = ("--target=i686-pc-windows-msvc", "-march=i686", "-std=c++20", "-ffreestanding", "-fno-rtti", "-fno-exceptions",
         "-mno-sse", "-mno-mmx", "-mno-80387", "-mno-stack-arg-probe", "-fno-stack-protector", "-fno-omit-frame-pointer",
         "-fno-builtin", "-gdwarf-4", "-O1", f"-ffile-prefix-map={HERE}=probe")


def build(folder: Path, *defines: str) -> Path:
    """Compile the probe into `folder`, laid out as build.mk lays out a kernel; returns the folder."""
    boot = folder / "boot"
    boot.mkdir(parents=True, exist_ok=True)
    for source, output in (("probe.cpp", "probe.obj"), ("start.S", "start.obj")):
        flags = FLAGS if source.endswith(".cpp") else FLAGS[:1]
        _run("clang++", *flags, *(f"-D{name}" for name in defines), "-c", str(HERE / source), "-o", str(folder / output))
    image = folder / "ntoskrnl.exe"
    _run("lld-link", "/machine:x86", "/nodefaultlib", "/safeseh:no", "/debug:dwarf", "/subsystem:native",
         "/fixed:no", "/incremental:no", "/opt:noref", "/opt:noicf", "/base:0x80100000", "/entry:ProbeMain",
         "/merge:.mboot=.text", f"/out:{image}", str(folder / "start.obj"), str(folder / "probe.obj"))
    (boot / "ntoskrnl.exe").write_bytes(image.read_bytes())
    (boot / "loader.elf").write_bytes(PeImage.load(image).layout())
    return folder


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
