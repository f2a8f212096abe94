"""make bench: what the kernel's primitives cost, in guest instructions (JSON=file keeps them)."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Dict, List

from .items import BOOT, ITEMS, Item, per_operation
from .session import Session, instructions_to
from ..errors import GraderError, InfraError
from ..machine.qemu import GuestEnd, OverLimit


def count(session: Session, item: Item, iterations: int) -> int:
    if item.prepare:
        session.instructions_of(item.prepare, iterations)
    return session.instructions_of(item.routine, iterations)


def measure(folder: Path) -> "Dict[str, float]":
    figures: "Dict[str, float]" = {}
    for item in ITEMS:
        # A boot for each: what one leaves behind (caches of stacks, ticks) does not reach the next.
        with Session(folder, processors=item.processors) as session:
            once, twice = (count(session, item, item.iterations * times) for times in (1, 2))
        figures[item.key] = per_operation(item, once, twice)
    figures[BOOT.key] = instructions_to(folder, BOOT.routine)
    return figures


def table(figures: "Dict[str, float]") -> "List[str]":
    rows = [f"{'guest instructions':>18}  operation"]
    for item in (*ITEMS, BOOT):
        if item.key in figures:
            value = figures[item.key]
            rows.append(f"{value:>18,.0f}  {item.title}" if value >= 1000 else f"{value:>18,.1f}  {item.title}")
    return rows


def main(argv: "List[str]") -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--out", default="build")
    parser.add_argument("--json", default="", help="write the figures to a file")
    args = parser.parse_args(argv)
    folder = Path(args.out).resolve() / "free"
    try:
        figures = measure(folder)
    except (GraderError, InfraError, GuestEnd, OverLimit) as error:
        print(f"bench: {error or type(error).__name__}", file=sys.stderr)
        return 2
    print("\n".join(table(figures)))
    if args.json:
        Path(args.json).write_text(json.dumps({"unit": "guest instructions", "figures": figures}, indent=1, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
