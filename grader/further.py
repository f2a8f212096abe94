"""Which further exercises a course grades: labs/further.txt says it, or FURTHER= on the command line.

An instructor writes the file and hands it out with the branches.  A student who does one more grades it with FURTHER=3.7 or by its
name, TEST=3.7.

Invariant: what stands there changes no score, for a score is of the core tracks.
"""

from __future__ import annotations

from pathlib import Path
from typing import FrozenSet, List, Sequence

from grader.errors import GraderError
from grader.model import Lab, lab_of

FILE = "labs/further.txt"
ALL, NONE = "all", "none"


def setting(root: Path) -> str:
    """The words of the file; none where it is not there."""
    try:
        text = (root / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise GraderError(f"{FILE} cannot be read ({error}); bring it back with: git checkout {FILE}") from error
    return " ".join(line.partition("#")[0] for line in text.splitlines())


def chosen(labs: Sequence[Lab], text: str, where: str) -> FrozenSet[str]:
    """The exercises that these words name: numbers, `all` or `none`.  Those of labs that are not in this tree are skipped."""
    there = [exercise.number for lab in labs for exercise in lab.further]
    words = text.replace(",", " ").split()
    if ALL in words:
        return frozenset(there)
    unknown: List[str] = [word for word in words if word not in there and word != NONE and not _elsewhere(word, labs)]
    if unknown:
        core = any(exercise.number == unknown[0] for lab in labs for exercise in lab.core)
        raise GraderError(f"{where}: {unknown[0]} is {'in the core track and always graded' if core else 'no further exercise'}; there are: "
                          + ", ".join([*there, ALL, NONE]))
    return frozenset(words) & frozenset(there)


def _elsewhere(word: str, labs: Sequence[Lab]) -> bool:
    """Whether it is the number of an exercise whose lab is not in this tree."""
    parts = word.split(".")
    return len(parts) == 2 and all(part.isdecimal() for part in parts) and lab_of(word) not in {lab.number for lab in labs}
