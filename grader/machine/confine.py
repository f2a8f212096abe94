"""Keeps an emulator that runs a stranger's kernel from the rest of the machine.

With bubblewrap: no network, no other process, no capabilities; the file system is the system's programs and the
machine's own folder, and the kernel's images read-only.  Everywhere: no core files, bounded processor time and file
size.  QEMU's own seccomp filter (-sandbox) is on as well, where the build has it.
"""

from __future__ import annotations

import functools
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import List, Sequence, Tuple

from grader.building import sandbox

CPU_SECONDS = 3600
FILE_BLOCKS = (1 << 30) // 512
CAPS = f"ulimit -c 0; ulimit -t {CPU_SECONDS}; ulimit -f {FILE_BLOCKS}; exec \"$@\""
SECCOMP = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


def confine(command: Sequence[str], folder: Path, readable: Sequence[Path]) -> List[str]:
    """The command behind the caps, and behind bubblewrap where it works.  `folder` stays writable."""
    capped = ["/bin/sh", "-c", CAPS, "sh", *command]
    program = sandbox.bwrap()
    return capped if program is None else [program, *_view(command[0], folder, readable), *capped]


@functools.lru_cache(maxsize=8)
def seccomp(program: str) -> Tuple[str, ...]:
    """QEMU's -sandbox option, or nothing where this QEMU or this system refuses it."""
    if platform.system() != "Linux":
        return ()
    option = ("-sandbox", SECCOMP)
    done = subprocess.run([program, *option, "-version"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL)
    return option if done.returncode == 0 else ()


def _view(program: str, folder: Path, readable: Sequence[Path]) -> List[str]:
    arguments = sandbox.base_view() + ["--ro-bind-try", "/etc/qemu", "/etc/qemu"]
    own = Path(os.path.realpath(shutil.which(program) or program))
    if not str(own).startswith("/usr/"):
        arguments += ["--ro-bind", str(own.parents[1]), str(own.parents[1])]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for path in readable:
        arguments += ["--ro-bind", str(path), str(path)]
    return [*arguments, "--bind", str(folder), str(folder), "--chdir", str(folder)]
