"""compile_commands.json, as kernel/build.mk writes it: how each source of the kernel is compiled."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from ..errors import GraderError

# Options of the compiler that say where output goes: of no use to who only reads.
WITH_VALUE = {"-o", "-MF", "-MJ", "-MT", "-MQ"}
ALONE = {"-c", "-MD", "-MMD", "-MP"}


@dataclass(frozen=True)
class Command:
    """How one source is compiled: its path from the root, and the options without input and output."""

    source: str
    compiler: str
    options: "tuple[str, ...]"


def load(root: Path, path: Path) -> "list[Command]":
    """The kernel's C++ sources, each once, in order of their names."""
    try:
        entries = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise GraderError(f"{path} cannot be read ({error}): make kernel") from error
    found = {}
    for entry in entries:
        source = Path(os.path.normpath(os.path.join(entry["directory"], entry["file"])))
        try:
            name = source.relative_to(root).as_posix()
        except ValueError:
            continue
        words = entry.get("arguments") or shlex.split(entry["command"])
        if name.endswith(".cpp") and name not in found:
            found[name] = Command(name, words[0], options(words[1:], source, entry["directory"]))
    return [found[name] for name in sorted(found)]


def options(words: "list[str]", source: Path, directory: str) -> "tuple[str, ...]":
    kept, skip = [], False
    for word in words:
        if skip or word in WITH_VALUE:
            skip = not skip and word in WITH_VALUE
        elif word not in ALONE and Path(os.path.normpath(os.path.join(directory, word))) != source:
            kept.append(word)
    return tuple(kept)
