"""Which exercises have checks, and the program that holds those of one exercise."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import List, Sequence

from grader.errors import GraderError
from grader.model import Exercise, Lab
from grader.tree import Tree

HARNESS = "labs/checks/check.cpp"
_OF = re.compile(r"^// of: (kernel/\S+\.cpp)$", re.MULTILINE)
_WITH = re.compile(r"^// with: (kernel/\S+\.cpp)$", re.MULTILINE)
_ERROR = re.compile(r"^(?:kernel|labs)/[^:\n]+:\d+(?::\d+)?: (?:fatal )?error: (?!'[a-z_/.]+' file not found)", re.MULTILINE)
_UNDEFINED = re.compile(r"undefined (?:reference to|symbol:?) [`'\"]?([A-Za-z_][\w:]*)")


def source_of(lab: Lab, exercise: str) -> str:
    """The file with the checks of an exercise, whether it is there or not."""
    return f"labs/{lab.folder}/checks/{exercise}.cpp"


def with_checks(root: Path, course: Sequence[Lab]) -> "List[tuple[Lab, Exercise]]":
    """The exercises that have checks in this tree."""
    return [(lab, exercise) for lab in course for exercise in lab.exercises if (root / source_of(lab, exercise.number)).is_file()]


def build(tree: Tree, lab: Lab, exercise: Exercise) -> Path:
    """The program, made anew where a source has changed.  GraderError says why there is none."""
    checks = source_of(lab, exercise.number)
    text = (tree.root / checks).read_text(encoding="utf-8")
    sources = [HARNESS, checks, *(_OF.findall(text) or exercise.files), *_WITH.findall(text)]
    missing = [name for name in sources if not (tree.root / name).is_file()]
    if missing:
        raise GraderError(f"the checks of {exercise.number} need {', '.join(missing)}, which is not here; git checkout brings it back")
    program = tree.out / "checks" / exercise.number / "check"
    made = subprocess.run(["make", "-s", "-f", "kernel/check.mk", f"PROGRAM={tree.in_make(program)}", f"SOURCES={' '.join(sources)}"],
                          cwd=tree.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    if made.returncode == 0:
        print(made.stdout, end="")  # warnings
        return program
    raise GraderError(_why(made.stdout, exercise))


def _why(said: str, exercise: Exercise) -> str:
    """Why there is no program: the student's files, a routine that the checks lack, or the machine's compiler."""
    said = "\n".join(line for line in said.splitlines() if not line.startswith("make"))
    if _ERROR.search(said):
        return f"exercise {exercise.number} does not compile for this machine:\n{said}"
    unknown = sorted(set(_UNDEFINED.findall(said)) - {"main"})
    if unknown:
        return (f"the exercise's files call {', '.join(unknown)}, which the checks of {exercise.number} do not have; "
                f"make grade TEST={exercise.number} has all of the kernel")
    return ("the compiler makes no programs for this machine. Checks need clang++ with the headers of the C and the C++ library "
            "(Debian: apt install clang libstdc++-dev; macOS: xcode-select --install); make grade works without them. It said:\n" + said)
