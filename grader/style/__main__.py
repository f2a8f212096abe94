"""make check-style: every check over this checkout; make format: --write."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from . import annotations, briefs, exceptions, folders, layers, layout, processor, sizes, tidy
from .base import Tree
from .commands import load
from ..errors import GraderError


def checks(tree: Tree, out: Path, jobs: int) -> "list[tuple[str, object]]":
    """Name and function of each check, cheap ones first."""
    def commands():
        return load(tree.root, tree.root / out / "compile_commands.json")
    return [("layers", lambda: layers.check(tree)), ("processor", lambda: processor.check(tree)),
            ("sizes", lambda: sizes.check(tree)), ("folders", lambda: folders.check(tree)),
            ("briefs", lambda: briefs.check(tree)), ("exceptions", lambda: exceptions.check(tree)), ("layout", lambda: layout.check(tree)),
            ("annotations", lambda: annotations.check(tree, commands())),
            ("tidy", lambda: tidy.check(tree, commands(), tree.root / out / "style" / "tidy", jobs))]


def main(argv: "list[str]") -> int:
    parser = argparse.ArgumentParser(prog="make check-style", description=__doc__)
    parser.add_argument("--out", default="build")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--only", default="",
                        help="one check: layers, processor, sizes, folders, briefs, exceptions, layout, annotations, tidy")
    parser.add_argument("--write", action="store_true", help="lay out every source")
    args = parser.parse_args(argv)
    tree = Tree.of(Path(__file__).resolve().parents[2])
    try:
        if args.write:
            layout.check(tree, write=True)
            return 0
        errors = 0
        for name, check in checks(tree, Path(args.out), args.jobs):
            if args.only and name != args.only:
                continue
            started = time.monotonic()
            found = check()
            for finding in found:
                print(finding)
            bad = sum(not finding.warning for finding in found)
            errors += bad
            print(f"{name:<12} {f'{bad} found' if bad else 'ok'}   {time.monotonic() - started:.1f} s", flush=True)
    except GraderError as error:
        print(f"check-style: {error}", file=sys.stderr)
        return 2
    print(f"check-style: {errors} found" if errors else "check-style: nothing found")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
