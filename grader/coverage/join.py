"""Rows, tests that name them, and what the last `make test` said of these tests, put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Sequence

from .rows import Row
from .scan import Named

PAGE_TIER = "D"  # documentation: no code is owed


@dataclass
class Covered:
    """A row with its tests: done when one passes and none fails.  A row that is documentation: when a page explains it."""

    row: Row
    passed: "list[str]" = field(default_factory=list)
    failed: "list[str]" = field(default_factory=list)
    not_run: "list[str]" = field(default_factory=list)
    pages: "list[str]" = field(default_factory=list)

    @property
    def done(self) -> bool:
        proof = self.passed or (self.pages if self.row.tier == PAGE_TIER else [])
        return bool(proof) and not self.failed

    @property
    def state(self) -> str:
        if self.failed:
            return "failing"
        return "done" if self.done else "not run" if self.not_run else "missing"


def join(rows: "list[Row]", named: "list[Named]", results: "list[dict]",
         pages: "Sequence[Named]" = ()) -> "tuple[list[Covered], list[str]]":
    """The rows with their tests and pages, and complaints: tests that name rows that do not exist."""
    covered = {row.id: Covered(row) for row in rows}
    for page in pages:
        for each in sorted(page.ids & covered.keys()):
            covered[each].pages.append(page.file)
    complaints: "list[str]" = []
    by_name: "dict[str, set[str]]" = {}
    for test in named:
        by_name.setdefault(test.name, set()).update(test.ids)
    for test in (*named, *pages):
        complaints += [f"{test.file}:{test.line}: {test.name} names {each}, which docs/feature-map.md does not have"
                       for each in sorted(test.ids) if each not in covered and not each.startswith("ERR-")]
    ran = set()
    for result in results:
        ids = set(result.get("features") or [])
        for name in keys(result["name"], by_name):
            ids |= by_name[name]
            ran.add(name)
        for each in sorted(ids):
            if each in covered:
                (covered[each].passed if result["ok"] else covered[each].failed).append(f"{result['ring']}: {result['name']}")
    for name in sorted(set(by_name) - ran):
        for each in sorted(by_name[name]):
            if each in covered:
                covered[each].not_run.append(name)
    return list(covered.values()), complaints


def keys(name: str, by_name: "dict[str, set[str]]") -> "list[str]":
    """Names under which a test's source may know it: its own; without a driver before it or a variant behind it."""
    plain = name.split("[")[0].split("/")[0]
    return [each for each in dict.fromkeys((name, plain, plain.split(".")[-1])) if each in by_name]
