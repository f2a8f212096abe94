"""`challenge`: a page-replacement policy of one's own, scored against the optimum that is computed afterwards.

    make challenge LAB=2                          labs/2-memory/challenge/policy.cpp, on the public seeds
    make challenge LAB=2 FILE=other.cpp           another file
    make challenge LAB=2 SEEDS=4,5                on other workloads of the same kinds
    make challenge LAB=2 BOARD=folder SEEDS=...   each NAME.cpp of a folder, ranked: folder/leaderboard.json

Invariant: no points depend on it.  The same file, seeds and sources give the same scores, on every machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Dict, List

from grader.challenge import board, program
from grader.challenge.memory import Refused
from grader.errors import GraderError
from grader.report.result import write
from grader.report.text import for_terminal
from grader.tree import Tree

PUBLIC = "1,2,3"
NUMBER = "2"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `challenge`."""
    parser.add_argument("--lab", default=NUMBER, metavar="LAB", help="the lab whose challenge it is (default: 2)")
    parser.add_argument("--file", default="", metavar="FILE", help=f"the policy (default: {program.POLICY})")
    parser.add_argument("--seeds", default=PUBLIC, metavar="N,N", help=f"of the workloads (default: {PUBLIC})")
    parser.add_argument("--board", default="", metavar="FOLDER", help="rank every policy of a folder")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """0: played.  1: the policy is refused, or one of the folder's is."""
    if options.lab.lstrip("lab") not in (NUMBER, f"{NUMBER}-memory", "memory"):
        raise GraderError(f"LAB={options.lab}: that lab's challenge is done by hand; its handout says how. LAB=2 is played")
    seeds = _numbers(options.seeds)
    if options.board:
        return _board(tree, Path(options.board), seeds)
    path = Path(options.file) if options.file else tree.root / program.POLICY
    name = program.POLICY if not options.file else options.file
    try:
        found = _played(tree, path, path.stem, name, seeds)
    except Refused as refused:
        print(for_terminal(f"Refused: {refused}"))
        return 1
    print(_table(found))
    target = tree.out / "challenge" / "result.json"
    write(target, board.encoded(found))
    print(f"\n{target}: the same, for a leaderboard")
    return 0


def _numbers(text: str) -> List[int]:
    words = text.replace(",", " ").split()
    if not words or not all(word.isdigit() and len(word) < 10 for word in words):
        raise GraderError(f"SEEDS={text}: numbers, with commas between them")
    return [int(word) for word in words]


def _played(tree: Tree, path: Path, name: str, shown: str, seeds: List[int]) -> Dict[str, Any]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise GraderError(f"{path}: {error.strerror or error}") from error
    return board.result(program.build(tree, content, shown), name, content, seeds)


def _table(found: Dict[str, Any]) -> str:
    lines = ["workload   seed   faults    given  optimum   score"]
    lines += [f"{row['name']:9} {row['seed']:5} {row['faults']:8} {row['given']:8} {row['optimum']:8} {row['score']:7.1f}" for row in found["workloads"]]
    return "\n".join([*lines, f"\nScore: {found['score']:.1f} of 100 (the given policy: {found['given']:.1f}; the optimum knows what comes, and has 100)"])


def _board(tree: Tree, folder: Path, seeds: List[int]) -> int:
    """One bad file costs only itself."""
    paths = sorted(folder.glob("*.cpp"))
    if not paths:
        raise GraderError(f"{folder}: no NAME.cpp in it")
    found: List[Dict[str, Any]] = []
    refused: Dict[str, str] = {}
    for path in paths:
        try:
            found.append(_played(tree, path, path.stem, path.name, seeds))
        except GraderError as error:
            refused[path.stem] = str(error)
    ranked = board.ranked(found, refused, seeds)
    for entry in ranked["entries"]:
        print(for_terminal(f"{entry['rank'] or '-':>4}  {entry['name']:24} " + (f"{entry['score']:5.1f}" if entry["rank"] else f"refused: {entry['refused'].splitlines()[0]}")))
    write(folder / "leaderboard.json", board.encoded(ranked))
    return 1 if refused else 0
