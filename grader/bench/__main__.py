"""make bench: what the kernel's primitives cost, in guest instructions (JSON=file keeps them)."""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
from pathlib import Path
from typing import Dict, List

from .items import BOOT, ITEMS, Item, per_operation
from .profile import profile
from .session import Session, instructions_to
from ..errors import GraderError, InfraError
from ..machine.qemu import GuestEnd, OverLimit


def count(session: Session, item: Item, iterations: int) -> int:
    if item.prepare:
        session.instructions_of(item.prepare, iterations)
    return session.instructions_of(item.routine, iterations)


def measure(folder: Path, only: str) -> "Dict[str, float]":
    figures: "Dict[str, float]" = {}
    for item in (item for item in ITEMS if fnmatch.fnmatch(item.key, only)):
        # A boot for each: what one leaves behind (caches of stacks, ticks) does not reach the next.
        with Session(folder, processors=item.processors, files=item.files) as session:
            once, twice = (count(session, item, item.iterations * times) for times in (1, 2))
        figures[item.key] = per_operation(item, once, twice)
    if fnmatch.fnmatch(BOOT.key, only):
        figures[BOOT.key] = instructions_to(folder, BOOT.routine)
    return figures


def profile_of(folder: Path, key: str) -> "List[str]":
    item = next((item for item in ITEMS if item.key == key), None)
    if item is None:
        raise GraderError(f"there is no row {key}; the rows are {', '.join(item.key for item in ITEMS)}")
    with Session(folder, processors=item.processors, files=item.files) as session:
        return profile(session, item)


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.1f}"


def table(figures: "Dict[str, float]") -> "List[str]":
    rows = [f"{'guest instructions':>18}  {'target':>7}  {'xv6-public':>14}  operation"]
    for item in (*ITEMS, BOOT):
        if item.key in figures:
            value = figures[item.key]
            target = f"{item.target:,}" if item.target else ""
            peer = f"{item.peer:,} ({item.peer / value:.1f} x)" if item.peer else ""
            rows.append(f"{number(value):>18}  {target:>7}  {peer:>14}  {item.title}")
    return rows


def main(argv: "List[str]") -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--out", default="build")
    parser.add_argument("--only", default="*", metavar="GLOB", help="only rows of that key, e.g. 'process*'")
    parser.add_argument("--json", default="", help="write the figures to a file")
    parser.add_argument("--profile", default="", metavar="KEY", help="where the instructions of one row go, by routine")
    args = parser.parse_args(argv)
    folder = Path(args.out).resolve() / "free"
    try:
        if args.profile:
            print("\n".join(profile_of(folder, args.profile)))
            return 0
        figures = measure(folder, args.only)
    except (GraderError, InfraError, GuestEnd, OverLimit) as error:
        print(f"bench: {error or type(error).__name__}", file=sys.stderr)
        return 2
    print("\n".join(table(figures)))
    if args.json:
        Path(args.json).write_text(json.dumps({"unit": "guest instructions", "figures": figures}, indent=1, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
