"""The rows of docs/feature-map.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROW = re.compile(r"^\| ([A-Z]{3}-\d\d) \| (.*?) \| (.*?) \| (\S+) \| (.*?) ?\|$")
GROUP = re.compile(r"^## ([A-Z]{3}) - (.+)$")


@dataclass(frozen=True)
class Row:
    id: str
    item: str
    holds: str
    tier: str
    scope: str
    group: str


def read(path: Path) -> "list[Row]":
    rows, group = [], ""
    for line in path.read_text(encoding="utf-8").splitlines():
        title, row = GROUP.match(line), ROW.match(line)
        if title:
            group = f"{title[1]} - {title[2]}"
        elif row:
            rows.append(Row(row[1], row[2], row[3], row[4], row[5].strip(), group))
    return rows
