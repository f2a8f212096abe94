"""What the compiler remarks on a student's file that compiles: shown with the result, and no point depends on it.

kernel/build.mk keeps what the compiler said beside each object (x.obj.said).  Only lines that name one of the student's
own files are theirs: another compiler may find something in the courseware's headers.  The order is that of the files and
their lines, and the number of lines is capped, so that the same files get the same text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import List, Sequence, Tuple

MAX_LINES = 8
MAX_LENGTH = 240
HEAD = "warnings of the compiler (no point depends on them):"
_SAYS = re.compile(r"^(?:\./)?(\S+?):(\d+):(\d+): warning: (.*)$")


def of(objects: Sequence[Path], names: Sequence[str]) -> str:
    """The remarks on the files `names`, whose objects are `objects`; empty where there are none."""
    found: List[Tuple[int, int, int, str]] = []
    for made in objects:
        said = made.with_name(made.name + ".said")
        text = said.read_text(encoding="utf-8", errors="replace") if said.is_file() else ""
        for match in filter(None, map(_SAYS.match, text.replace("\\", "/").splitlines())):
            if match[1] in names:
                place = names.index(match[1]), int(match[2]), int(match[3])
                found.append((*place, f"{match[1]}:{match[2]}: {match[4]}"[:MAX_LENGTH]))
    lines = list(dict.fromkeys(line for *_, line in sorted(found)))
    if len(lines) > MAX_LINES:
        lines = [*lines[:MAX_LINES], f"... and {len(lines) - MAX_LINES} more"]
    return "\n".join([HEAD, *lines]) if lines else ""
