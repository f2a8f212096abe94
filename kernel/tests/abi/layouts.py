"""Sizes, offsets and constants: what the public headers say, and what Mica's say in the free and in the checked build."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterator

import measure
import questions

PUBLIC_HEAD = "#include <ntifs.h>\n#include <ntddk.h>"
MICA_HEAD = '#include "ex.h"\n#include "hal.h"\n#include "ps.h"\n#include "rtl.h"\n#include "mm.h"'


@dataclass
class Compared:
    """One group of questions that belong together: a structure, or constants of a kind."""

    name: str
    compared: int = 0
    differences: Dict[str, str] = field(default_factory=dict)  # item -> in what it differs


def compare(root: Path) -> Iterator[Compared]:
    """Every group of which both sides know something."""
    groups: Dict[str, Dict[str, "tuple[str, str]"]] = {}
    for name, fields in questions.STRUCTURES.items():
        size = f"sizeof({name})" if name not in questions.OPEN_ENDED else f"sizeof({name}) != 0"
        rows = groups.setdefault(name, {size: (size,) * 2})
        for each in fields:
            public, own = each if isinstance(each, tuple) else (each, each)
            rows[f"offset({name}.{public})"] = (f"__builtin_offsetof({name}, {public})", f"__builtin_offsetof({name}, {own})")
    groups["scalars"] = {f"sizeof({name})": (f"sizeof({name})",) * 2 for name in questions.SCALARS}
    for name, pairs in questions.constants(root).items():
        groups[name] = {f"value({public})": (public, own) for public, own in pairs}
    rows = {item: pair for group in groups.values() for item, pair in group.items()}
    wanted = measure.ask(measure.public(), PUBLIC_HEAD, {item: pair[0] for item, pair in rows.items()})
    builds = {build: measure.ask(measure.mica(root, build == "checked"), MICA_HEAD, {item: pair[1] for item, pair in rows.items()})
              for build in ("free", "checked")}
    for name, group in groups.items():
        told = Compared(name)
        for item in group:
            seen = [builds["free"].get(item), builds["checked"].get(item)]
            lacks_field = item.startswith("offset") and next(iter(group)) in builds["free"]
            if item not in wanted or seen == [None, None] and not lacks_field:
                continue
            told.compared += 1
            if seen != [wanted[item]] * 2:
                told.differences[item] = f"public {_shown(wanted[item])}, Mica {' and checked '.join(_shown(one) for one in dict.fromkeys(seen))}"
        if told.compared:
            yield told


def _shown(value: "int | None") -> str:
    return "nothing" if value is None else str(value) if value < 4096 else f"{value:#x}"
