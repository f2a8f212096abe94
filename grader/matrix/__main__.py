"""make matrix: builds and grades the labs that explore no schedules with each clang and each QEMU of this system; a table, and what differs.

Ends with 0 when every cell builds without a warning, refuses what the contracts refuse, and gives one submission the same
verdicts and full marks.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from typing import Dict, List, Sequence

from grader import labs
from grader.errors import GraderError
from grader.matrix import tools
from grader.matrix.cell import Cell, try_out, write_submission
from grader.tree import Tree, this_tree

COLUMNS = "  {:<10} {:<10} {:>8} {:>9} {:>10} {:>8} {:>9}  {}"


def row(cell: Cell) -> str:
    if cell.trouble:
        return f"  {cell.compiler:<10} {cell.emulator:<10} {cell.trouble}"
    return COLUMNS.format(cell.compiler, cell.emulator, f"{cell.seconds:.0f} s", cell.warnings, cell.contracts, *cell.scores,
                          "ok" if cell.good else "FAILS").rstrip()


def differences(cells: Sequence[Cell]) -> List[str]:
    """Tests that not every cell judges alike: a line each."""
    graded = [cell for cell in cells if cell.verdicts]
    lines = []
    for test in sorted({name for cell in graded for name in cell.verdicts}):
        by_verdict: Dict[str, List[str]] = {}
        for cell in graded:
            by_verdict.setdefault(cell.verdicts.get(test, "none"), []).append(f"{cell.compiler} on {cell.emulator}")
        if len(by_verdict) > 1:
            lines.append(f"  {test}: " + "; ".join(f"{verdict} with {', '.join(who)}" for verdict, who in by_verdict.items()))
    return lines


def outside(cells: Sequence[Cell]) -> List[str]:
    """Good cells whose tools tested.txt does not know yet."""
    spans = tools.tested()
    found = []
    for name, versions in (("clang", {cell.compiler for cell in cells if cell.good}),
                           ("qemu", {cell.emulator for cell in cells if cell.good})):
        found += [f"{name} {version}" for version in sorted(versions, key=tools.numbers) if not tools.within(version, spans[name])]
    return found


def run(tree: Tree, jobs: int) -> int:
    course = labs.load(tree)
    compilers, emulators = tools.compilers(), tools.emulators()
    if not compilers or not emulators:
        raise GraderError("no clang or no QEMU is here: make doctor")
    home = tree.out / "matrix"
    submission = home / "submission"
    chosen = tuple(lab.number for lab in course.labs if not lab.explored)
    shutil.rmtree(submission, ignore_errors=True)
    write_submission(tree, course, chosen, submission)
    print(f"{len(compilers)} x clang ({', '.join(one.version for one in compilers)}), "
          f"{len(emulators)} x QEMU ({', '.join(one.version for one in emulators)})", flush=True)
    print(COLUMNS.format("clang", "QEMU", "build", "warnings", "contracts", *(f"lab {lab}" for lab in chosen), "").rstrip(), flush=True)
    cells = []
    for compiler in compilers:
        for emulator in emulators:
            cells.append(try_out(tree, compiler, emulator, chosen, submission, home / f"clang-{compiler.version}", jobs,
                                 lambda step, one=compiler, other=emulator: show(f"clang {one.version}, QEMU {other.version}: {step}")))
            show("")
            print(row(cells[-1]), flush=True)
    return conclude(cells)


def conclude(cells: Sequence[Cell]) -> int:
    unlike = differences(cells)
    if unlike:
        print("Not judged alike:", *unlike, sep="\n")
    for name, (low, high) in tools.tested().items():
        if name in ("clang", "qemu"):
            print(f"Tested range of {name}: {low} to {high} (grader/setup/tested.txt)")
    new = outside(cells)
    if new:
        print(f"Passed outside of it: {', '.join(new)}. Run make test with it too, then write it into grader/setup/tested.txt.")
    tried = [cell for cell in cells if not cell.trouble.startswith("not tried")]
    good = sum(cell.good for cell in tried)
    print(f"{good} of {len(tried)} pass" + ("" if good == len(tried) and not unlike else ": see build/matrix/clang-*/matrix.log"))
    return 0 if tried and good == len(tried) and not unlike else 1


def show(text: str) -> None:
    """A step, on a terminal only."""
    if sys.stdout.isatty():
        sys.stdout.write("\r\x1b[K" + text)
        sys.stdout.flush()


def main(argv: "List[str]") -> int:
    parser = argparse.ArgumentParser(prog="make matrix", description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args(argv)
    tree = this_tree()
    try:
        return run(Tree(tree.root, (tree.root / options.out).resolve()) if options.out else tree, max(1, options.jobs))
    except GraderError as error:
        print(f"matrix: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
