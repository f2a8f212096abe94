"""Runs a tool on student files with little to see and little to spend.

With bubblewrap: no network, no other process, no capabilities, and a file system that holds the system's tools, the
folders named by the caller and nothing else; `#include` or `.incbin` of anything outside finds no file.  Without it
(macOS, some containers) scan() refuses such lines by their text, which is weaker, and the caller says so.
Both ways: caps on processor time, memory, file size and output.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import List, Mapping, Optional, Sequence, Tuple

CPU_SECONDS = 30  # for each process; an honest file takes one
WALL_SECONDS = 300  # guards the host only: what stops a file that never compiles is CPU_SECONDS, on a busy machine too
MEMORY_KB = 1 << 20
FILE_BLOCKS = 256 << 11  # 512-byte blocks: 256 MB
MAX_OUTPUT = 256 << 10
_UP = "mica: the sandbox is up"  # the first line from inside


@dataclass(frozen=True)
class View:
    """What a sandboxed tool sees of the file system beside the system's tools.

    `root` appears empty; then `read` are mounted read-only, `write` writable, `hide` as empty files or folders.
    """

    root: Path
    read: Tuple[Path, ...] = ()
    write: Tuple[Path, ...] = ()
    hide: Tuple[Path, ...] = ()


@dataclass(frozen=True)
class Run:
    """How a tool ended: its exit code (or -signal) and its capped output.  `started`: the sandbox came up and ran it."""

    code: int
    output: str
    timed_out: bool = False
    started: bool = True


@functools.lru_cache(maxsize=None)
def bwrap() -> Optional[str]:
    """The bubblewrap program if it works here; MICA_SANDBOX=off says no (for machines where it half works)."""
    program = shutil.which("bwrap")
    if program is None or os.environ.get("MICA_SANDBOX") == "off":
        return None
    probe = [program, "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true"]
    try:
        return program if subprocess.run(probe, capture_output=True, timeout=20).returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired):
        return None


def run(argv: Sequence[str], view: View, cwd: Path, environment: Mapping[str, str] = os.environ,
        wall_seconds: int = WALL_SECONDS) -> Run:
    """Runs `argv` under the caps, inside the view where bubblewrap works."""
    caps = "; ".join(f"ulimit {cap} 2>/dev/null" for cap in (
        "-c 0", f"-t {CPU_SECONDS + 10}", f"-S -t {CPU_SECONDS}", f"-f {FILE_BLOCKS}", f"-v {MEMORY_KB}"))
    command = ["/bin/sh", "-c", f'{caps}; echo {_UP}; exec "$@"', "sh", *argv]
    program = bwrap()
    if program is not None:
        command = [program, *_mounts(view), "--chdir", str(cwd), *command]
    kept = {name: environment[name] for name in ("PATH", "MICA_CHECKED") if name in environment}
    kept.update(TMPDIR="/tmp" if program else tempfile.gettempdir(), LC_ALL="C", LLVM_DISABLE_SYMBOLIZATION="1")
    with tempfile.TemporaryFile() as sink:
        try:
            done = subprocess.run(command, cwd=cwd, env=kept, stdin=subprocess.DEVNULL, stdout=sink,
                                  stderr=subprocess.STDOUT, timeout=wall_seconds, check=False)
            code, timed_out = done.returncode, False
        except subprocess.TimeoutExpired:
            code, timed_out = -9, True
        sink.seek(0)
        before, up, output = sink.read(MAX_OUTPUT).decode("utf-8", "replace").partition(_UP + "\n")
        return Run(code, output if up else before, timed_out, bool(up))


def base_view() -> List[str]:
    """bubblewrap's arguments for a program that sees the system's own files, no network and nobody else."""
    arguments = [
        "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--ro-bind", "/usr", "/usr"
    ]
    for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64"):
        if os.path.islink(name):
            arguments += ["--symlink", os.readlink(name), name]
        elif os.path.isdir(name):
            arguments += ["--ro-bind", name, name]
    for name in ("/etc/alternatives", "/etc/ld.so.cache"):
        arguments += ["--ro-bind-try", name, name]
    return arguments


def _mounts(view: View) -> List[str]:
    """bubblewrap's arguments: later mounts lie over earlier ones."""
    arguments = base_view()
    arguments += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    compiler = os.path.realpath(shutil.which("clang++") or "/usr/bin")
    if not compiler.startswith("/usr/"):
        arguments += ["--ro-bind", str(Path(compiler).parents[1]), str(Path(compiler).parents[1])]
    arguments += ["--tmpfs", str(view.root)]
    for path in view.read:
        arguments += ["--ro-bind", str(path), str(path)]
    for path in view.write:
        arguments += ["--bind", str(path), str(path)]
    for path in view.hide:
        if path.is_dir():
            arguments += ["--tmpfs", str(path)]
        elif path.exists():
            arguments += ["--ro-bind", "/dev/null", str(path)]
    return arguments


# What the text scan looks for once line continuations and comments between the tokens are gone.
_DIRECTIVE = re.compile(r"^[ \t]*(?:\#|%:|\?\?=)[ \t]*(?:include|include_next|import|embed)\b[ \t]*(?P<what>.*)$",
                        re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_NAME = re.compile(r"^(?:\"([^\"]+)\"|<([^>]+)>)")


def scan(name: str, text: str) -> List[str]:
    """Lines that would read a file from outside the headers; used where bubblewrap is missing."""
    plain = _COMMENT.sub(" ", text.replace("\\\r\n", "").replace("\\\n", ""))
    refused = []
    for match in _DIRECTIVE.finditer(plain):
        target = _NAME.match(match.group("what").strip())
        path = (target.group(1) or target.group(2)) if target else ""
        if not path or path.startswith("/") or ".." in path.split("/") or not path.endswith((".h", ".hpp", ".inc")):
            refused.append(f"{name}: refused without a sandbox: {match.group(0).strip()[:80]}")
    joined = re.sub(r'"\s*"', "", plain)  # strings side by side are one string
    for word in ("incbin", "__has_embed"):
        if word in joined:
            refused.append(f"{name}: refused without a sandbox: {word}")
    for match in re.finditer(r"^\s*\.include\b.*$|\"\s*\.include\b.*$", joined, re.MULTILINE):
        refused.append(f"{name}: refused without a sandbox: {match.group(0).strip()[:80]}")
    return refused
