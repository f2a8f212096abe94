"""Reads a submission: a folder, a zip, a tar (plain, gz, bz2) or a git ref.  Hostile input is expected.

Invariants
  * Nothing is unpacked or executed: the named student files are read into memory, of other sources a hash is taken, all
    else is looked at by name only.
  * Only regular files of the allow-list are taken, at most MAX_FILE bytes each; sizes are counted while reading, never
    believed.
  * What stands in a student file's place and is no regular file with its exact name refuses the whole: SubmissionError,
    exit code 2.  A name that is no student file refuses nothing (listing.py).

The formats live in archives.py (zip, tar), folders.py and refs.py (git).
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, Mapping, Sequence, Tuple

from grader.errors import SubmissionError
from grader.model import HINTS_TAKEN
from grader.submission import archives, folders, refs
from grader.submission.listing import Listing


@dataclass(frozen=True)
class Submission:
    """The accepted files by their path in the tree, and what is not there."""

    files: Mapping[str, bytes]
    missing: Tuple[str, ...]
    remarks: Tuple[str, ...] = ()
    others: Mapping[str, str] = field(default_factory=dict)  # further sources: name -> hash (grader/submission/manifest.py)

    @property
    def digest(self) -> str:
        """Content hash: the same files give the same digest, whatever they were packed in.  Hints that were taken change no question."""
        total = hashlib.sha256()
        for name in sorted(name for name in self.files if not name.endswith("/" + HINTS_TAKEN)):
            total.update(f"{name}\0{len(self.files[name])}\0".encode())
            total.update(self.files[name])
        return total.hexdigest()

    def write_to(self, folder: Path, names: Iterable[str]) -> None:
        """Writes the named files below `folder`; one that already has the right content keeps its date."""
        for name in names:
            path = folder / name
            if path.is_file() and path.read_bytes() == self.files[name]:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.files[name])


def read(source: str, wanted: Sequence[str], optional: Sequence[str], root: Path, compare: bool = True) -> Submission:
    """Reads the `wanted` (and `optional`) files from `source`: a path, or a ref of the git repository at `root`.

    `compare`: note further sources too, to tell which are not the course's own."""
    allowed = [*wanted, *optional]
    listing = Listing(allowed, compare)
    _list(source, root, allowed, listing)
    placed = listing.place()
    missing = tuple(name for name in wanted if name not in placed.files)
    if len(missing) == len(wanted):
        hint = "; ".join(filter(None, [*placed.remarks[:1], listing.hint()]))
        raise SubmissionError(f"{source}: holds none of the files of the labs; expected for example {wanted[0]}"
                              + (f" ({hint})" if hint else ""))
    return Submission(placed.files, missing, placed.remarks, placed.others)


def _list(source: str, root: Path, allowed: Sequence[str], listing: Listing) -> None:
    """Chooses the reader."""
    path = Path(source)
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        mode = None
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
            raise SubmissionError(f"{source}: cannot be read ({error.strerror}); change its permissions") from error
        mode = None
    if mode is None and os.path.islink(path) or mode is not None and not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise SubmissionError(
            f"{source}: neither a folder nor a regular file; give a folder, a zip, a tar or a git ref")
    if mode is None:
        refs.read(root, source, listing)
    elif stat.S_ISDIR(mode):
        folders.read(path, allowed, listing)
    else:
        archives.read(path, listing)
