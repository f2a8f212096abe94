"""The student's own seed: picks the questions of exercise 0.1, so that answers cannot be shared.

Order: --student-seed, labs/0-boot/seed.txt of the submission, the e-mail of the tree's git configuration.  It is no
secret: `make seed` prints it, an instructor gives --student-seed to grade with the one on the class list.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Optional

from grader import git, studenttext
from grader.errors import SubmissionError
from grader.tree import Tree

SEED_FILE = "labs/0-boot/seed.txt"


@dataclass(frozen=True)
class StudentSeed:
    """A seed and where it came from, in words."""

    value: int
    origin: str


def student_seed(tree: Tree, content: Optional[bytes], given: Optional[int] = None) -> StudentSeed:
    """`content`: seed.txt of the submission, if there is one."""
    if given is not None:
        return StudentSeed(given, "--student-seed")
    if content is not None:
        words = [line.split("#")[0].strip() for line in studenttext.plain(studenttext.decode(content)).splitlines()]
        text = next((word for word in words if word), "")
        if not text.isdecimal() or int(text) > 0xFFFFFFFF:
            raise SubmissionError(f"{SEED_FILE}: {text[:20]!r} is no seed; it is one whole number, `make seed` writes it")
        return StudentSeed(int(text), SEED_FILE)
    mail = git_mail(tree)
    return StudentSeed(from_mail(mail), f"git config user.email ({mail})" if mail else "no e-mail is set in git")


def from_mail(mail: str) -> int:
    """Six digits that depend on the e-mail alone."""
    digest = hashlib.sha256(b"mica student " + mail.strip().lower().encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:4], "big") % 900_000 + 100_000


def git_mail(tree: Tree) -> str:
    """The e-mail that commits in this tree carry; empty when none is set or git is missing."""
    try:
        done = git.run(tree.root, "config", "user.email")
    except git.GitMissing:
        return ""
    return done.stdout.decode("utf-8", "replace").strip()
