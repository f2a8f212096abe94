"""The student's own seed: picks the questions of exercise 0.1, so that answers cannot be shared.

A grading takes it from --student-seed or from the submission's seed.txt (a lab's manifest names it), and from nowhere else: what the
machine's git knows of its user says nothing of the student.  Without either, tests that ask for the seed cannot be judged.
It is no secret: `make seed` makes it from the student's e-mail and prints it, an instructor gives --student-seed to grade
with the one on the class list.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Optional

from grader import git
from grader.errors import SubmissionError
from grader.submission import studenttext
from grader.tree import Tree

COMPLETE = 173205  # of the complete tree, whose answers.txt has its answers; in its seed.txt too


@dataclass(frozen=True)
class StudentSeed:
    """A seed and where it came from, in words; no value: nobody said one."""

    value: Optional[int]
    origin: str


def student_seed(name: str, content: Optional[bytes], given: Optional[int] = None) -> StudentSeed:
    """`content`: of the submission's file of that name, if there is one."""
    if given is not None:
        return StudentSeed(given, "--student-seed")
    if content is not None:
        words = [line.split("#")[0].strip() for line in studenttext.plain(studenttext.decode(content)).splitlines()]
        text = next((word for word in words if word), "")
        if not text.isdecimal() or int(text) > 0xFFFFFFFF:
            raise SubmissionError(f"{name}: {text[:20]!r} is no seed; it is one whole number, `make seed` writes it")
        return StudentSeed(int(text), name)
    return StudentSeed(None, f"{name} is missing")


def complete_tree_seed(tree: Tree, name: str) -> int:
    """The seed of the complete tree's own answers: the same on every machine."""
    path = tree.root / name
    found = student_seed(name, path.read_bytes() if path.is_file() else None)
    return COMPLETE if found.value is None else found.value


def from_mail(mail: str) -> int:
    """Six digits that depend on the e-mail alone."""
    digest = hashlib.sha256(b"mica student " + mail.strip().lower().encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:4], "big") % 900_000 + 100_000


def git_mail(tree: Tree) -> str:
    """The e-mail that commits in this tree carry, for `make seed`; empty when none is set or git is missing."""
    try:
        done = git.run(tree.root, "config", "user.email")
    except git.GitMissing:
        return ""
    return done.stdout.decode("utf-8", "replace").strip()
