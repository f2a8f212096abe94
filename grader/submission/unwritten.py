"""What a kernel without references lacks: the exercises whose files are missing or hold their stub still, all of them at once.

A kernel of a branch without references stops at the first stub that it comes to.  So a student reads the whole list before
the first build, not one exercise after each build.
"""

from __future__ import annotations

from typing import List, Sequence

from grader.model import Exercise
from grader.submission.files import Submission


def listed(exercises: Sequence[Exercise], submission: Submission) -> List[str]:
    """A line for each of these exercises that is not written, with its files; none when all of them are."""
    lines: List[str] = []
    for exercise in exercises:
        missing = [name for name in exercise.files if name in submission.missing]
        stubs = [name for name in exercise.files if _stub(exercise.number) in submission.files.get(name, b"")]
        told = "; ".join([*(f"no file {name}" for name in missing), *(f"LAB_NOT_IMPLEMENTED stands in {name}" for name in stubs)])
        if told:
            lines.append(f"  {exercise.number} {exercise.title}: {told}")
    return lines


def _stub(number: str) -> bytes:
    return f'LAB_NOT_IMPLEMENTED("{number}")'.encode()
