"""Reads a submission: a folder, a zip, a tar (plain, gz, bz2) or a git ref.  Hostile input is expected.

Invariants
  * Nothing is unpacked or executed: the named student files are read into memory, all else is looked at by name only.
  * Only regular files of the allow-list are taken, at most MAX_FILE bytes each; sizes are counted while reading, never
    believed.
  * Links, devices, `..`, absolute names, names that differ in case only, and archives that unpack to more than
    MAX_UNPACKED bytes are refused as a whole: SubmissionError, exit code 2.

The formats live in archives.py (zip, tar) and here (folder, git).
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, Sequence, Tuple

from grader import archives, git
from grader.errors import SubmissionError
from grader.names import choose_prefix, wrong_case
from grader.archives import MAX_FILE


@dataclass(frozen=True)
class Submission:
    """The accepted files by their path in the tree, and what is not there."""

    files: Mapping[str, bytes]
    missing: Tuple[str, ...]
    remarks: Tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Content hash: the same files give the same digest, whatever they were packed in."""
        total = hashlib.sha256()
        for name in sorted(self.files):
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


def read(source: str, wanted: Sequence[str], optional: Sequence[str], root: Path) -> Submission:
    """Reads the `wanted` (and `optional`) files from `source`: a path, or a ref of the git repository at `root`."""
    path = Path(source)
    allowed = [*wanted, *optional]
    if path.is_dir():
        found, remarks = _read_folder(path, allowed)
    elif path.is_file():
        found, remarks = _place(archives.read(path, allowed), allowed)
    elif path.exists() or path.is_symlink():
        raise SubmissionError(
            f"{source}: neither a folder nor a regular file; give a folder, a zip, a tar or a git ref")
    else:
        found, remarks = _read_ref(root, source, allowed), []
    missing = tuple(name for name in wanted if name not in found)
    if len(missing) == len(wanted):
        raise SubmissionError(f"{source}: holds none of the files of the labs; expected for example {wanted[0]}")
    return Submission(found, missing, tuple(remarks))


def _place(members: archives.Members, allowed: Sequence[str]) -> Tuple[Dict[str, bytes], List[str]]:
    """Strips the archive's top-level folder and keeps the allow-listed files."""
    prefix = choose_prefix(members.names, allowed)
    found = {name: members.data[prefix + name] for name in allowed if prefix + name in members.data}
    return found, wrong_case(members.names, prefix, [name for name in allowed if name not in found])


def _read_folder(folder: Path, allowed: Sequence[str]) -> Tuple[Dict[str, bytes], List[str]]:
    base = _base_folder(folder, allowed)
    found: Dict[str, bytes] = {}
    for name in allowed:
        data = read_regular(base, name)
        if data is not None:
            found[name] = data
    return found, []


def _base_folder(folder: Path, allowed: Sequence[str]) -> Path:
    """The folder itself, or its single subfolder that looks like the tree."""
    if any(os.path.lexists(folder / name) for name in allowed):
        return folder
    inner = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.is_symlink()
             and any(os.path.lexists(entry / name) for name in allowed)]
    if len(inner) > 1:
        raise SubmissionError(f"{folder}: {inner[0].name}/ and {inner[1].name}/ both look like a submission; name one")
    return inner[0] if inner else folder


def read_regular(base: Path, name: str) -> "bytes | None":
    """The content of base/name, refusing links anywhere below `base`, devices and large files; None when absent."""
    path = base
    for part in name.split("/"):
        path = path / part
        try:
            mode = os.lstat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISLNK(mode):
            raise SubmissionError(f"{name}: {part} is a symbolic link; submit the file itself")
    if not stat.S_ISREG(mode):
        raise SubmissionError(f"{name}: not a regular file; submit the file itself")
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as stream:
        return archives.capped(stream, name)


def _read_ref(root: Path, ref: str, allowed: Sequence[str]) -> Dict[str, bytes]:
    """Reads blobs by name; nothing is checked out and no filter or attribute of the ref applies."""
    if ref.startswith("-"):
        raise SubmissionError(f"{ref}: no such folder, archive or git ref; check the name given as SUBMISSION")
    try:
        commit = git.run(root, "rev-parse", "--verify", "--quiet", "--end-of-options", ref + "^{commit}")
    except git.GitMissing as error:
        raise SubmissionError(f"{ref}: no such folder or archive; if it is a git ref: {error}") from error
    if commit.returncode != 0:
        said = git.quoted(commit.stderr)  # nothing, when there is no such ref
        raise SubmissionError(f"{ref}: no such folder, archive or git ref; check the name given as SUBMISSION"
                              + (f" (git says: {said})" if said else ""))
    identity = commit.stdout.decode().strip()
    listing = git.ask(root, "ls-tree", "-r", "-l", "-z", "--full-tree", identity, "--", *allowed)
    found: Dict[str, bytes] = {}
    for entry in filter(None, listing.split(b"\0")):
        description, _, raw = entry.partition(b"\t")
        mode, kind, blob, size = description.decode().split()
        name = raw.decode("utf-8", "replace")
        if name not in allowed:
            continue
        if kind != "blob" or mode not in ("100644", "100755"):
            raise SubmissionError(f"{name}: not a regular file in {ref}; commit the file itself")
        if int(size) > MAX_FILE:
            raise SubmissionError(f"{name}: {size} bytes; the cap for a student file is {MAX_FILE}")
        found[name] = git.ask(root, "cat-file", "blob", blob)
    return found
