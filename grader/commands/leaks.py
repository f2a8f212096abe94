"""`leaks TARGET`: does anything of the reference leave the tree with this branch, archive or folder?

    python3 -m grader leaks ../mica-student             a repository: every branch, all of history, unreachable objects too
    python3 -m grader leaks kit.zip --json leaks.json   an archive
    python3 -m grader leaks ../mica-student --allow object      reference objects are shipped on purpose
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import List

from grader import labs, leaks
from grader.building.builder import Builder
from grader.errors import GraderError
from grader.report import result as results
from grader.report.text import for_terminal
from grader.tree import Tree

SHOWN = 8  # of each kind, without --all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `leaks`."""
    parser.add_argument("target", metavar="WHAT", help="a folder, a git repository, a zip or a tar")
    parser.add_argument("--allow", action="append", default=[], metavar="KIND", help="a kind that is shipped on purpose")
    parser.add_argument("--all", action="store_true", help=f"every finding (else {SHOWN} of each kind)")
    parser.add_argument("--json", default="", metavar="FILE", help="write the findings to a file")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """0: nothing leaks; 1: something does."""
    for kind in options.allow:
        if kind not in leaks.KINDS:
            raise GraderError(f"--allow {kind}: there is no such kind; the kinds are {', '.join(leaks.KINDS)}")
    course = labs.load(tree)
    known = leaks.secrets(tree, course, Builder(tree, course))
    found = [one for one in leaks.find(known, Path(options.target)) if one.kind not in options.allow]
    if options.json:
        listed = json.dumps([dataclasses.asdict(one) for one in found], indent=1, ensure_ascii=True) + "\n"
        results.write(Path(options.json), listed.encode())
    print("\n".join(map(for_terminal, told(found, None if options.all else SHOWN))))
    if not found:
        print(for_terminal(f"{options.target}: nothing leaks"))
    return 1 if found else 0


def told(found: List[leaks.Leak], most: "int | None") -> List[str]:
    """A paragraph for each kind."""
    lines: List[str] = []
    for kind, findings, files in leaks.counted(found):
        lines.append(f"{kind}: {leaks.KINDS[kind]}: {findings:,} in {files:,} places")
        own = [one for one in found if one.kind == kind]
        lines += [f"    {one.where}: {one.what}" for one in own[:most]]
        if most is not None and len(own) > most:
            lines.append(f"    ... {len(own) - most:,} more; --all shows them")
    return lines
