"""make coverage [SCOPE=slice]: the feature map joined with the last `make test`, as a page and a summary.

With a scope it fails while a row of that scope lacks a passing test.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from . import page, rows, scan
from .join import Covered, join
from ..errors import GraderError
from ..style.base import Tree


def summary(covered: "list[Covered]", scope: str) -> None:
    groups: "dict[str, list[Covered]]" = {}
    for each in covered:
        groups.setdefault(each.row.group, []).append(each)
    for group, inside in groups.items():
        done = sum(each.done for each in inside)
        mine = [each for each in inside if each.row.scope == scope]
        if done or mine:
            print(f"  {group[:40]:<42}{done:>3} of {len(inside):>2}   {scope}: {sum(each.done for each in mine)} of {len(mine)}")
    for each in covered:
        if not each.done and (each.row.scope == scope or each.failed):
            print(f"  {each.state:<9}{each.row.id}  {each.row.item}"
                  + (f" ({', '.join((each.failed or each.not_run)[:3])})" if each.state != "missing" else ""))


def results_of(path: Path) -> "list[dict]":
    try:
        return json.loads(path.read_text())["tests"]
    except (OSError, ValueError, KeyError) as error:
        raise GraderError(f"{path} is not there or not whole: make test") from error


def main(argv: "list[str]") -> int:
    parser = argparse.ArgumentParser(prog="make coverage", description=__doc__)
    parser.add_argument("--out", default="build")
    parser.add_argument("--scope", default="", help="fail unless every row of this scope is done")
    args = parser.parse_args(argv)
    tree = Tree.of(Path(__file__).resolve().parents[2])
    out = tree.root / args.out
    try:
        table = rows.read(tree.root / "docs" / "feature-map.md")
        if args.scope and args.scope not in {row.scope for row in table}:
            raise GraderError(f"no row is in scope '{args.scope}'; there are: "
                              + ", ".join(sorted({row.scope for row in table if row.scope})))
        covered, complaints = join(table, scan.scan(tree.root, tree.files), results_of(out / "test-results.json"),
                                   scan.pages(tree.root, tree.files))
    except GraderError as error:
        print(f"coverage: {error}", file=sys.stderr)
        return 2
    scope = args.scope or "slice"
    target = out / "coverage" / "index.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page.render(covered, scope), encoding="utf-8")
    summary(covered, scope)
    for complaint in complaints:
        print(complaint)
    mine = [each for each in covered if each.row.scope == scope]
    lacking = [each for each in mine if not each.done]
    print(f"coverage: {sum(each.done for each in covered)} of {len(covered)} rows done; scope {scope}: "
          f"{len(mine) - len(lacking)} of {len(mine)}; {target.relative_to(tree.root) if target.is_relative_to(tree.root) else target}")
    return 1 if complaints or (args.scope and lacking) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
