"""A submission in a git ref: names and blobs are read from git itself, nothing is checked out, no filter applies."""

from __future__ import annotations

import io
from pathlib import Path
from typing import List, Tuple

from grader import git
from grader.errors import GraderError, SubmissionError
from grader.submission.listing import MAX_FILE, Listing

MAX_LISTED = 64 << 20  # bytes of names
_BATCH = 32  # blobs at once


def read(root: Path, ref: str, listing: Listing) -> None:
    """Reads `ref`: a commit or a tree, or a folder in one (`main:group7`)."""
    listed = git.run(root, "ls-tree", "-r", "-l", "-z", "--full-tree", _tree(root, ref)).stdout
    if len(listed) > MAX_LISTED:
        raise SubmissionError(f"{ref}: too many files; name the folder that holds the tree, as in {ref}:FOLDER")
    blobs: List[Tuple[str, str]] = []
    for entry in filter(None, listed.split(b"\0")):
        description, _, raw = entry.partition(b"\t")
        mode, kind, blob, size = description.decode().split()
        problem = ""
        if kind != "blob" or mode not in ("100644", "100755"):
            problem = f"not a regular file in {ref}; commit the file itself"
        elif int(size) > MAX_FILE:
            problem = f"{size} bytes, larger than {MAX_FILE >> 20} MB; a student file is source text"
        name = listing.add(raw.decode("utf-8", "surrogateescape"), problem)
        if name:
            blobs.append((name, blob))
    for start in range(0, len(blobs), _BATCH):
        _take(root, blobs[start:start + _BATCH], listing)


def _tree(root: Path, ref: str) -> str:
    """The tree that a ref, or `ref:folder`, means."""
    said = ""
    for spelled in (ref + "^{tree}", ref) if not ref.startswith("-") and "\0" not in ref else ():
        found = git.run(root, "rev-parse", "--verify", "--quiet", "--end-of-options", spelled)
        identity = found.stdout.decode().strip()
        if found.returncode == 0 and git.run(root, "cat-file", "-t", identity).stdout.strip() == b"tree":
            return identity
        said = " ".join(found.stderr.decode("utf-8", "replace").split())[:200]
    raise SubmissionError(f"{ref[:200]}: no such folder, archive or git ref; check the name given as SUBMISSION"
                          + (f" (git says: {said})" if said else ""))


def _take(root: Path, blobs: List[Tuple[str, str]], listing: Listing) -> None:
    """Some blobs by one git: each comes as `identity kind size`, its bytes, a line feed."""
    asked = "".join(blob + "\n" for _, blob in blobs).encode()
    stream = io.BytesIO(git.run(root, "cat-file", "--batch", given=asked).stdout)
    for name, _ in blobs:
        head = stream.readline().split()
        if len(head) != 3:
            raise GraderError(f"git gave no content of {name}; see that its repository is whole: git fsck")
        listing.take(name, io.BytesIO(stream.read(int(head[2]))))
        stream.read(1)
