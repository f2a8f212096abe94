"""What gdb is given: the kernel's symbols in a form it takes, and the commands it starts with.

gdb cannot use a PE image above 2 GB live, so each image's symbols are copied into an ELF file beside the build; the
addresses stay those that the image was linked for, which is where kernel and HAL are loaded.
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from pathlib import Path
from typing import List, Sequence

from ..errors import GraderError
from grader.images.pe import PeImage, undecorate

DECORATED = re.compile(rb"(?:^|(?<=\0))(?:\?[^\0]+|[_@]\w+@\d+)(?=\0)")
MANGLED = re.compile(r"^\?([A-Za-z_][\w@?]*?)@@[Y0-9]")


def elf_copy(image: Path, target: Path) -> Path:
    """The image as ELF, made anew when the image is newer."""
    if not target.exists() or target.stat().st_mtime < image.stat().st_mtime:
        target.parent.mkdir(parents=True, exist_ok=True)
        names = target.with_suffix(".names")
        names.write_text(plain_names(image))
        done = subprocess.run([tool(), "-I", "pei-i386", "-O", "elf32-i386", f"--redefine-syms={names}", str(image),
                               str(target)], capture_output=True, text=True)
        if done.returncode:
            raise GraderError(f"objcopy cannot copy the symbols of {image.name}: {done.stderr.strip()}")
        target.write_bytes(with_plain_strings(target.read_bytes()))
    return target


def with_plain_strings(elf: bytes) -> bytes:
    """The ELF file with plain names in its .debug_str: some compilers put decorated names there, of inlined routines at the least.  Every string keeps
    its place."""
    headers, size, count, names = struct.unpack_from("<I", elf, 0x20) + struct.unpack_from("<HHH", elf, 0x2E)
    sections = [struct.unpack_from("<10I", elf, headers + size * number) for number in range(count)]
    for section in sections:
        label = sections[names][4] + section[0]
        if elf[label:elf.index(b"\0", label)] == b".debug_str":
            start, end = section[4], section[4] + section[5]
            return elf[:start] + DECORATED.sub(_plain, elf[start:end]) + elf[end:]
    return elf


def _plain(found: "re.Match[bytes]") -> bytes:
    old = found[0]
    new = plain_name(old.decode("latin-1")).encode("latin-1")
    return new.ljust(len(old), b"\0") if len(new) <= len(old) else old


def plain_names(image: Path) -> str:
    """`old new` for each decorated symbol: gdb shall know @KiSwapContext@8 as KiSwapContext."""
    listed = subprocess.run(["llvm-nm", "--format=just-symbols", str(image)], capture_output=True, text=True)
    old = sorted(set(listed.stdout.split()))
    taken = set(old)
    lines = []
    for name in old:
        new = plain_name(name)
        if new != name and new not in taken:
            taken.add(new)
            lines.append(f"{name} {new}")
    return "\n".join(lines) + "\n"


def plain_name(name: str) -> str:
    """`?Show@?A0x1234@Kd@@YAXXZ` -> Kd::Show; what is no plain routine or variable (templates, operators) stays."""
    match = MANGLED.match(name)
    if not match:
        return undecorate(name)
    scopes = [part for part in match[1].split("@") if not part.startswith("?A0x")]
    return "::".join(reversed(scopes)) if all(part.isidentifier() for part in scopes) else name


def tool() -> str:
    for name in ("objcopy", "gobjcopy", "x86_64-elf-objcopy", "i686-linux-gnu-objcopy"):
        path = shutil.which(name)
        if path:
            return path
    raise GraderError("objcopy (GNU binutils) is not installed: make doctor")


def commands(root: Path, folder: Path, drivers: "Sequence[str]" = ()) -> "List[str]":
    """gdb's first commands, up to the connection."""
    kernel, hal = (elf_copy(folder / name, folder / "gdb" / f"{name}.elf") for name in ("ntoskrnl.exe", "hal.dll"))
    lines = ["set pagination off", "set print pretty on", f"directory \"{root}\"",
             f"file \"{kernel}\"", f"add-symbol-file \"{hal}\""]
    lines += driver_symbols(folder, drivers)
    own = root / "grader" / "gdb" / "mica.py"
    return lines + ([f"source {own}"] if own.exists() else [])


def driver_symbols(folder: Path, drivers: "Sequence[str]") -> "List[str]":
    """The boot drivers' symbols: the loader puts each behind the one before, from the end of the HAL upwards."""
    lines: "List[str]" = []
    if not drivers:
        return lines
    hal = PeImage.load(folder / "boot" / "hal.dll")
    free = hal.base + hal.size
    for name in drivers:
        loaded = PeImage.load(folder / "boot" / name)
        image = next(path for path in (folder / "drivers" / name, folder / "tests" / name) if path.exists())
        lines.append(f"add-symbol-file \"{elf_copy(image, folder / 'gdb' / (name + '.elf'))}\" -o {free - loaded.base:#x}")
        free += loaded.size
    return lines


def write(root: Path, folder: Path, target: str, drivers: "Sequence[str]" = ()) -> Path:
    """A command file that ends connected to `target`."""
    path = folder / "gdb" / "init.gdb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*commands(root, folder, drivers), f"target remote {target}", ""]))
    return path
