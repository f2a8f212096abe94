"""How many hints a student has taken: labs/N-name/hints-taken.txt, one line for each exercise, `3.3 2`.

The file is the student's own, in the clone: a new build and a merge leave it, a commit brings it into the submission.  It is never
required, and no point and no test's question depends on it.

Invariants
  * A line that is none of the format is skipped: a merge of two partners' records keeps the larger number of each exercise.
  * What is read of a submission becomes numbers; no text of the file reaches a report.
"""

from __future__ import annotations

import re
from typing import Dict, Mapping, Sequence

from grader.model import Lab

HEAD = "# Hints that were taken, as `make hint` counts them. Commit this file with your work. No points depend on it.\n"
MOST = 99  # hints of one exercise; a larger number is no count
_LINE = re.compile(r"^(\d{1,3}\.\d{1,3})\s+(\d{1,2})\s*$", re.MULTILINE | re.ASCII)


def parse(data: bytes) -> Dict[str, int]:
    """Exercise -> how many hints were taken."""
    taken: Dict[str, int] = {}
    for exercise, count in _LINE.findall(data.decode("utf-8", "replace").replace("\r", "\n")):
        taken[exercise] = max(taken.get(exercise, 0), int(count))
    return {exercise: count for exercise, count in taken.items() if count}


def render(taken: Mapping[str, int], order: Sequence[str]) -> bytes:
    """The file, with the exercises in this order."""
    lines = [f"{exercise} {min(taken[exercise], MOST)}\n" for exercise in order if taken.get(exercise)]
    return (HEAD + "".join(lines)).encode("ascii")


def of_files(files: Mapping[str, bytes], labs: Sequence[Lab]) -> Dict[str, int]:
    """Of a submission's files: exercise -> hints taken, in the order of the labs and of exercises that exist."""
    found: Dict[str, int] = {}
    for lab in labs:
        taken = parse(files.get(lab.hints_taken, b""))
        found.update((exercise.number, taken[exercise.number]) for exercise in lab.exercises if exercise.number in taken)
    return found
