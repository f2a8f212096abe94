"""A submission in a folder: only names that can lead to a student file are looked up, and no link is followed.

Invariant: nothing in the folder makes this wait or fail but by a SubmissionError: a FIFO is never opened to the end, a tree
without end is cut, what cannot be read is named.
"""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from grader.errors import SubmissionError
from grader.submission import manifest
from grader.submission.listing import MAX_FILE, MAX_MEMBERS, MAX_NESTING, Listing
from grader.submission.names import fold, is_litter

Children = List[Tuple[str, os.stat_result]]


def read(folder: Path, allowed: Sequence[str], listing: Listing) -> None:
    """Looks for trees in the folder and in the folders that may lie around one."""
    waiting = [("", 0)]
    looked = 0
    while waiting:
        prefix, depth = waiting.pop(0)
        children = _children(folder, prefix, listing)
        looked += len(children)
        if looked > MAX_MEMBERS:
            raise SubmissionError(f"{folder}: holds more than {MAX_MEMBERS} names; name the folder that holds kernel/ and labs/")
        hits = _hits(folder, prefix, children, allowed, listing)
        for name, about in hits.items():
            _add(folder, name, about, listing)
        if hits:
            more = [prefix + name for name in (*manifest.sources_in(folder / prefix), manifest.FILE)] if listing.compare else []
            for name in more:
                if name not in hits and os.path.lexists(folder / name):
                    _add(folder, name, os.lstat(folder / name), listing)
            continue
        for name, about in children:
            if stat.S_ISDIR(about.st_mode):
                waiting += [(f"{prefix}{name}/", depth + 1)] if depth < MAX_NESTING and not is_litter(name) else []
            else:
                listing.add(prefix + name, "" if stat.S_ISREG(about.st_mode) else "no regular file; submit the file itself")


def _hits(folder: Path, prefix: str, children: Children, allowed: Sequence[str],
          listing: Listing) -> Dict[str, os.stat_result]:
    """What lies in this folder where a student file belongs, by its real name: files, links, anything."""
    known: Dict[str, Children] = {prefix: children}
    ends: Dict[str, os.stat_result] = {}
    for wanted in allowed:
        here = [prefix]
        parts = wanted.split("/")
        for depth, part in enumerate(parts):
            there = []
            for above in here:
                if above not in known:
                    known[above] = _children(folder, above, listing)
                for name, about in known[above]:
                    if fold(name) != fold(part):
                        continue
                    if depth == len(parts) - 1 or not stat.S_ISDIR(about.st_mode):
                        ends[above + name] = about
                    else:
                        there.append(f"{above}{name}/")
            here = there
    return ends


def _add(folder: Path, name: str, about: os.stat_result, listing: Listing) -> None:
    """Tells the listing of one file, and what it holds."""
    mode = about.st_mode
    problem = "a symbolic link; submit the file itself" if stat.S_ISLNK(mode) else (
        "" if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else "not a regular file; submit the file itself")
    data = b""
    if not problem and not stat.S_ISDIR(mode):
        data, problem = _content(folder / name)
    wanted = listing.add(name, problem, folder=stat.S_ISDIR(mode))
    if wanted:
        listing.take(wanted, io.BytesIO(data))


def _content(path: Path) -> Tuple[bytes, str]:
    """The bytes of a regular file, a little more than a student file may have at most; or why there are none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return b"", "not a regular file; submit the file itself"
            return stream.read(MAX_FILE + 1), ""
    except OSError as error:
        return b"", f"cannot be read ({error.strerror}); change its permissions, or submit a copy"


def _children(folder: Path, prefix: str, listing: Listing) -> Children:
    """What a folder holds, in order; a folder that cannot be read is noted as such."""
    found: Children = []
    try:
        with os.scandir(folder / prefix) as entries:
            for entry in entries:
                if len(found) > MAX_MEMBERS:
                    break
                found.append((entry.name, entry.stat(follow_symlinks=False)))
    except OSError as error:
        reason = f"a folder that cannot be read ({error.strerror}); change its permissions"
        if not prefix:
            raise SubmissionError(f"{folder}: {reason}") from error
        listing.add(prefix, reason, folder=True)
    return sorted(found)
