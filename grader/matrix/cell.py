"""One cell of the matrix: a compiler and an emulator build the kernel and grade one submission.

The submission is the reference with a line at the end of every C++ file that the compiler warns about, so every file is
compiled as a student's, and a warning that became an error would cost points.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence

from grader.labs import Course
from grader.matrix.tools import EMULATOR, Tool
from grader.tree import Tree

SECONDS = 3600  # guards against a tool that hangs
WARNED = "\nnamespace { [[maybe_unused]] int MatrixRemark(int unused) { int spare; return unused; } }\n"
_WARNING = re.compile(r"^\S+:\d+:\d+: warning: ")


@dataclass(frozen=True)
class Cell:
    """What came of it.  `verdicts`: test -> its verdict, in each lab that was graded."""

    compiler: str
    emulator: str
    seconds: float = 0.0  # of the build
    warnings: int = 0  # about our own sources
    contracts: str = ""  # passed/all of make test's ring compile-fail
    scores: "tuple[str, ...]" = ()
    verdicts: "Dict[str, str]" = dataclasses.field(default_factory=dict)
    remarks: int = 0  # of the compiler on the submission
    trouble: str = ""

    @property
    def good(self) -> bool:
        full = bool(self.scores) and all(score.split("/")[0] == score.split("/")[1] for score in self.scores)
        refused, mistakes = (self.contracts or "0/1").split("/")
        return not self.trouble and not self.warnings and full and refused == mistakes and self.remarks > 0


def write_submission(tree: Tree, course: Course, labs: Sequence[int], folder: Path) -> None:
    """The reference of these labs, with something to warn about in every C++ file."""
    for lab in course.labs:
        for name in filter(None, (*lab.files, lab.seed)) if lab.number in labs else ():
            if (tree.root / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                text = (tree.root / name).read_text(encoding="utf-8")
                (folder / name).write_text(text + (WARNED if name.endswith(".cpp") else ""), encoding="utf-8")


def environment(compiler: Tool, emulator: Tool) -> Dict[str, str]:
    """Their folders first in PATH, and nothing of the make that called us."""
    kept = {name: value for name, value in os.environ.items()
            if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MICA_CHECKED", "O", "LLVM_BIN")}
    kept["PATH"] = os.pathsep.join([str(compiler.folder), str(emulator.folder), kept.get("PATH", "")])
    return kept


def try_out(tree: Tree, compiler: Tool, emulator: Tool, labs: Sequence[int], submission: Path, out: Path, jobs: int,
            say: Callable[[str], None]) -> Cell:
    """Builds, asks the contracts, grades.  What a step said is kept in `out`.log."""
    cell = Cell(compiler.version, emulator.version)
    if compiler.lacks:
        return dataclasses.replace(cell, trouble=f"not tried: {compiler.folder} has no {compiler.lacks[0]}; install the lld"
                                                 " and llvm packages of this release")
    out.mkdir(parents=True, exist_ok=True)
    inside = environment(compiler, emulator)

    def step(what: str, *command: str) -> "Optional[str]":
        """The output; None after a failure."""
        say(what)
        try:
            done = subprocess.run(command, cwd=tree.root, env=inside, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, errors="replace", timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return None
        with open(out / "matrix.log", "a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n{done.stdout}\nexit {done.returncode}\n")
        return done.stdout if done.returncode in (0, 1) else None

    (out / "matrix.log").write_text("")
    started = time.monotonic()
    build = ["make", "-s", "--no-print-directory", f"-j{jobs}", "-f", "kernel/build.mk", "kernel", f"O={out}"]
    if step("building", *build) is None:
        return dataclasses.replace(cell, trouble=f"the kernel does not build: see {out / 'matrix.log'}")
    cell = dataclasses.replace(cell, seconds=time.monotonic() - started, warnings=len(warnings_in(out)))
    said = step("contracts", sys.executable, "kernel/tests/run.py", "--out", str(out), "--jobs", str(jobs), "--only", "compile-fail:*")
    counts = re.search(r"^(\d+) passed, (\d+) failed$", said or "", re.MULTILINE)
    contracts = f"{counts[1]}/{int(counts[1]) + int(counts[2])}" if counts else "0/1"
    scores: List[str] = []
    verdicts: Dict[str, str] = {}
    remarks = 0
    for lab in labs:
        target = out / f"matrix-lab{lab}.json"
        if target.exists():
            target.unlink()
        if step(f"grading lab {lab}", sys.executable, "-m", "grader", "grade", "--out", str(out), "--jobs", str(jobs), "--lab", str(lab),
                "--submission", str(submission), "--json", str(target)) is None or not target.exists():
            return dataclasses.replace(cell, contracts=contracts, trouble=f"lab {lab} cannot be graded: see {out / 'matrix.log'}")
        result = json.loads(target.read_text(encoding="utf-8"))
        scores.append(f"{result['score']}/{result['max_score']}")
        verdicts.update({test["test"]: test["verdict"] for test in result["tests"]})
        remarks += sum(not note["fatal"] and bool(note["exercise"]) for note in result["notes"])
    return dataclasses.replace(cell, contracts=contracts, scores=tuple(scores), verdicts=verdicts, remarks=remarks)


def warnings_in(out: Path) -> List[str]:
    """What build.mk kept of what the compiler said about the kernel's own sources."""
    found: List[str] = []
    for said in sorted((out / "free" / "obj").rglob("*.said")):
        found += [line for line in said.read_text(errors="replace").splitlines() if _WARNING.match(line)]
    return found


__all__ = ["Cell", "EMULATOR", "try_out", "write_submission"]
