"""Whose fault it is that a student's files were not built: a verdict on the files, or trouble of the machine.

Invariants
  * Only what names the student's file is a verdict: a diagnostic with a place, a symbol that is undefined or defined twice, a
    limit of the sandbox that the compiler reached on that file.
  * Everything else is trouble: a signal, a full disk, a sandbox that does not start, a missing tool, a failure of make, a time-out
    on a busy machine, silence.  build.py tries again and stores nothing; no student loses a point.
  * The limit of processor time tells a file that never compiles from a machine that is busy: waiting costs no processor time.

kernel/build.mk leaves beside each object what the compiler said (.said) and how it ended (.code).
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import List, Mapping, Optional, Sequence

from grader.building import sandbox
from grader.building.toolmessages import for_student

LIMITS = (128 + signal.SIGXCPU, 128 + signal.SIGXFSZ)  # as a shell tells them
ABORTED = 128 + signal.SIGABRT
NO_PROGRAM = (126, 127)
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PLACED = re.compile(r"^(?:error: )?(?P<file>[^\s:][^:\n]*):(?P<line>\d+)(?::\d+)?: (?:(?P<fatal>fatal )?error: |in function )(?P<text>.*)$",
                     re.MULTILINE)
_INCLUDED = re.compile(r"^(?:In file included from|\s+from) (?P<file>[^:\n]+):\d+", re.MULTILINE)
_NOTED = re.compile(r"^(?P<file>[^\s:][^:\n]*):\d+:\d+: (?:note|warning): ", re.MULTILINE)
_MACHINE = re.compile(r"No space left on device|Disk quota exceeded|Input/output error|Cannot allocate memory|Too many open files|"
                      r"Stale file handle|Resource temporarily unavailable|Read-only file system|IO failure|I/O error|"
                      r"modified since it was first processed|unable to (?:open|make|rename|remove|execute)|could not open|failed to (?:open|write)|"
                      r"cannot open output file")
_LINKER = re.compile(r"^lld-link: error: (?P<text>.*)$", re.MULTILINE)
_OF_SYMBOLS = ("undefined symbol: ", "duplicate symbol: ", "too many errors emitted")


@dataclass(frozen=True)
class Finding:
    """How a step ended: well (both empty), with a message for the student, or with trouble that is not theirs."""

    verdict: str = ""
    trouble: str = ""
    limit: bool = False  # the verdict is that a file reached a limit of the sandbox: it would in every flavour


def of_compiler(run: sandbox.Run, made: Mapping[str, Path], roots: Sequence[Path]) -> Finding:
    """What became of the student's files.  `made`: their objects; `roots`: folders that no message shall name."""
    trouble = _of_sandbox(run)
    if trouble:
        return Finding(trouble=trouble)
    files = [_of_file(name, path, roots) for name, path in made.items()]
    if any(one.limit for one in files):  # of what comes behind it nothing is told, compiled or not
        files = files[:1 + next(index for index, one in enumerate(files) if one.limit)]
    troubles = [one.trouble for one in files if one.trouble]
    if troubles:
        return Finding(trouble=troubles[0])
    verdicts = [one.verdict for one in files if one.verdict]
    if not verdicts and run.code != 0:
        return Finding(trouble="make failed, though every file was compiled")
    return Finding(verdict=for_student("\n".join(verdicts), roots) if verdicts else "", limit=any(one.limit for one in files))


def _of_file(name: str, made: Path, roots: Sequence[Path]) -> Finding:
    said, code = _text(made.with_name(made.name + ".said")), _code(made.with_name(made.name + ".code"))
    if code == 0 and made.is_file():
        return Finding()
    if code is None or code == 0:
        return Finding(trouble=f"make did not come to compile {name}")
    out_of_memory = (code == ABORTED or code == 1 and not _placed(said)) and _out_of_memory(said)  # 1: clang since 15
    if code in LIMITS or out_of_memory:
        return Finding(verdict=f"{name}: the compiler was stopped: the file needs more than {sandbox.CPU_SECONDS} s of processor "
                       f"time, {sandbox.MEMORY_KB >> 20} GB of memory or an object of {sandbox.FILE_BLOCKS >> 11} MB; look for "
                       "templates, constants or arrays that expand without bound", limit=True)
    if code in NO_PROGRAM:
        return Finding(trouble="the compiler is not there or does not run")
    if code > 128:
        return Finding(trouble=f"the compiler was ended by signal {code - 128} on {name}")
    placed = _placed(said)
    if placed and (_names(name, said, roots) or all(match["file"].startswith("<") for match in placed)):
        return Finding(verdict=said)
    return Finding(trouble=f"the compiler ended with code {code} on {name}, and names no place in it" + _why(said))


def of_linker(run: sandbox.Run, objects: Sequence[Path], roots: Sequence[Path]) -> Finding:
    """What became of linking.  `objects`: those of the student's files."""
    trouble = _of_sandbox(run)
    if trouble or run.code == 0:
        return Finding(trouble=trouble)
    errors = [match["text"] for match in _LINKER.finditer(_plain(run.output))]
    theirs = [text for text in errors if text.startswith(_OF_SYMBOLS)
              or (any(path.name in text for path in objects) and not _MACHINE.search(text))]
    if errors and len(theirs) == len(errors):
        return Finding(verdict=for_student(run.output, roots))
    return Finding(trouble="the linker failed, and names no symbol and no object of the student" + _why("\n".join(errors)))


def of_courseware(output: str) -> bool:
    """Whether a failed build of the tree itself says what is wrong in a source: then trying again is in vain."""
    return bool(_placed(output)) or any(match["text"].startswith(_OF_SYMBOLS) for match in _LINKER.finditer(_plain(output)))


def _placed(said: str) -> "List[re.Match[str]]":
    """The errors that name a place in a source; a file that could not be read has one too, where it is included."""
    return [match for match in _PLACED.finditer(_plain(said)) if not (match["fatal"] and _MACHINE.search(match["text"]))]


def _of_sandbox(run: sandbox.Run) -> str:
    if not run.started:
        return f"the sandbox does not start ({_first(run.output)}); MICA_SANDBOX=off grades without it"
    if run.timed_out:
        return f"the build did not end within {sandbox.WALL_SECONDS // 60} minutes, and not for want of processor time: the machine is too busy"
    if run.code < 0 or run.code > 128:
        return f"make was ended by signal {-run.code if run.code < 0 else run.code - 128}"
    if run.code in NO_PROGRAM:
        return "make is not there or does not run"
    return ""


def _names(name: str, said: str, roots: Sequence[Path]) -> bool:
    """Whether a diagnostic is about the file, or about what it includes or instantiates."""
    own = {name, Path(name).name, *(f"{root}/{name}" for root in roots)}
    return any(match["file"].replace("./", "", 1) in own or match["file"].endswith("/" + name)
               for pattern in (_PLACED, _INCLUDED, _NOTED) for match in pattern.finditer(_plain(said)))


def _why(said: str) -> str:
    """What a tool said of the machine, without names of files, in brackets."""
    words = list(dict.fromkeys(_MACHINE.findall(said)))
    return f" ({', '.join(words)})" if words else ""


def _out_of_memory(said: str) -> bool:
    """Whether the compiler met its own limit of memory: it says so, and the machine has more than that to give."""
    if "out of memory" not in said and "bad_alloc" not in said:
        return False
    return free_memory_kb() >= sandbox.MEMORY_KB


def free_memory_kb() -> int:
    """What the machine can give; on a system that does not say it, enough."""
    free = re.search(r"^MemAvailable: +(\d+) kB", _text(Path("/proc/meminfo")), re.MULTILINE)
    return int(free[1]) if free else sandbox.MEMORY_KB


def _plain(said: str) -> str:
    return _COLOUR.sub("", said).replace("\\", "/")


def _first(output: str) -> str:
    lines: List[str] = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[0][:200] if lines else "it said nothing"


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(sandbox.MAX_OUTPUT).decode("utf-8", "replace")
    except OSError:
        return ""


def _code(path: Path) -> Optional[int]:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None
