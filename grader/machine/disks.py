"""Makes the disks of a machine: files that a snapshot is kept in, and that its guest may write."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import List

from grader.errors import GraderError, InfraError
from grader.machine.parts import Disk, Machine
from grader.machine.plainpath import plain

SNAPSHOT_MB = 16
FLOPPY = "1440k"
PAGE = 4096
PAGE_FILE_LABEL = b"Mica page file\n\0"


def make(machine: Machine, folder: Path, images: Path) -> None:
    """Every disk of a machine, in `folder`.  `images`: the folder that disks' images are named in."""
    for disk in machine.disks:
        _make(disk, folder / disk.file, images)


def empty(path: Path, size: str) -> None:
    """An empty qcow2 volume: `savevm` keeps the machine's state in one."""
    _image_tool(["create", "-q", "-f", "qcow2", str(path), size])


def page_file(path: Path, megabytes: int, room: int = 0) -> None:
    """A raw disk with a page file's label (kernel/drivers/pagedisk/label.h), in a file of `room` bytes or as long as the page file.  The
    rest is a hole, which takes no room."""
    path.write_bytes(PAGE_FILE_LABEL + struct.pack("<I", (megabytes << 20) // PAGE))
    os.truncate(path, room or megabytes << 20)


def _make(disk: Disk, path: Path, images: Path) -> None:
    if disk.bus == "memory":
        page_file(path, disk.megabytes, disk.room)
        return
    if disk.page_file:
        raw = path.with_suffix(".raw")
        page_file(raw, disk.megabytes)
        _image_tool(["convert", "-q", "-f", "raw", "-O", "qcow2", str(raw), str(path)])
        raw.unlink()
        return
    if not disk.image:
        empty(path, FLOPPY if disk.bus == "floppy" else f"{disk.megabytes}M")
        return
    source = images / disk.image
    if not source.is_file():
        raise GraderError(f"the disk {disk.name} begins as {disk.image}, which is not in the kernel's boot folder; build the kernel again")
    # The tool takes what stands before a colon for a protocol.
    _image_tool(["convert", "-q", "-f", "raw", "-O", "qcow2", str(plain(source.resolve(), path.parent)), str(path)])


def _image_tool(arguments: List[str]) -> None:
    tool = shutil.which("qemu-img")
    if not tool:
        raise GraderError("qemu-img is not installed (package qemu-utils); run `make doctor`")
    done = subprocess.run([tool, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise InfraError(f"qemu-img failed: {done.stdout.decode(errors='replace').strip()}")
