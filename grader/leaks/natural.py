"""Machine code of a reference as the compiler wrote it: what a handout must not ship (it ships scattered code, grader/handout/scatter.py).

A run of RUN instructions in a row tells it.  Runs that the starters' objects have too are no secret, since students have those
sources.  A routine of fewer instructions is not told: it has nothing to read off.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Set, Tuple

from grader import sources
from grader.building.builder import EXPLORED, Builder, object_of
from grader.handout.regions import Shipped
from grader.images.disassembly import instructions
from grader.submission.files import Submission

RUN = 8
Run = Tuple[str, ...]
_TABLE = re.compile(r"movl \$(?:0x[0-9a-f]+|\d+), %eax")


def runs(code: List[str]) -> Iterator[Run]:
    """Every run of instructions, in order; without the unwinder's handlers, which load the address of a table and jump."""
    handlers = {number for number, pair in enumerate(zip(code, code[1:])) if _TABLE.fullmatch(pair[0]) and pair[1] == "jmp"}
    kept = [one for number, one in enumerate(code) if number not in handlers and number - 1 not in handlers]
    return (tuple(kept[start:start + RUN]) for start in range(len(kept) - RUN + 1))


def natural_runs(builder: Builder, marked: Dict[str, Shipped], explored: bool) -> Dict[Run, str]:
    """Run -> the source that it is of.  `explored`: of the explore flavour's objects too."""
    names = [name for name in marked if sources.has_object(name)]
    starter = Submission({name: marked[name].starter.encode("utf-8", "surrogateescape") for name in names}, ())
    found: Dict[Run, str] = {}
    flavours = (builder.flavour, EXPLORED)[:1 + explored]
    public = {run for flavour in flavours for run in _of(builder.objects(starter, flavour), names)}  # a starter of one is none of the other's
    for flavour in flavours:
        for name in names:
            for run in sorted(_of(builder.base(flavour), [name]) - public):
                found.setdefault(run, name)
    return found


def _of(kernel: Path, names: Iterable[str]) -> Set[Run]:
    return {run for name in names for run in runs(instructions(object_of(kernel, name).read_bytes()))}
