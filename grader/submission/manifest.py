"""What a branch shipped, as hashes: tells which changes a submission will not carry, or did carry in vain.

The handout writes labs/manifest.json into each branch: every file it ships that is no student file.  At home a file that
differs counts, for the kernel is built from it; at the instructor's it does not.  So both sides say its name.  An object in
kernel/prebuilt/ that differs is refused: nothing would show in the score that it took the reference's place.

Invariant: line endings are no change (git converts them on some machines).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Mapping, Sequence, Tuple

from grader.errors import GraderError
from grader.tree import Tree

FILE = "labs/manifest.json"
VERSION = 1
TOLD = 8  # names in one remark
MAX_DEPTH = 24  # folders below kernel/ and labs/
MAX_ENTRIES = 50_000  # that are looked at for added files
FOLDERS = ("kernel", "labs")  # what a kernel and its tests are made of
COMPILED = (".cpp", ".cc", ".cxx", ".c", ".S", ".s")
ENDINGS = (*COMPILED, ".h", ".hpp", ".inc", ".def", ".mk", ".py")
OBJECTS = "kernel/prebuilt"
OBJECT = (".obj", ".o")  # of the kernel, of the boot loader
_PROSE = re.compile(r"(?:^|/)\.|\.(?:md|svg|png)$")  # what counts nowhere: handouts, pictures, git's and editors' files


def is_source(name: str) -> bool:
    """Whether a file would count in a build or a grading, by its name from the root of the tree."""
    return name.endswith(ENDINGS) and name.startswith(tuple(folder + "/" for folder in FOLDERS))


def digest(data: bytes) -> str:
    """The hash of a file's content; a carriage return before a line feed does not count."""
    return hashlib.sha256(data.replace(b"\r\n", b"\n")).hexdigest()


def render(files: Mapping[str, bytes], student_files: Iterable[str]) -> bytes:
    """The manifest of a branch that ships `files`."""
    own = {FILE, *student_files}
    hashes = {name: digest(data) for name, data in files.items() if name not in own}
    return (json.dumps({"version": VERSION, "files": hashes}, indent=1, sort_keys=True) + "\n").encode("ascii")


def parse(data: bytes) -> Dict[str, str]:
    """Name -> hash; empty for what is no manifest (a student's archive may hold anything)."""
    try:
        files = json.loads(data.decode("utf-8"))["files"]
        return {str(name): str(value) for name, value in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def changes(root: Path, student_files: Iterable[str]) -> List[str]:
    """The files below `root` that are not as its branch shipped them, and no student files: `name`, `name (new)`,
    `name (deleted)`.  Empty where there is no manifest: in the complete tree."""
    shipped = shipped_in(root)
    if not shipped:
        return []
    own = set(student_files)
    found: List[Tuple[str, str]] = []
    for name, value in shipped.items():
        if name not in own and not _PROSE.search(name):
            data = _content(root / name)
            if data is None or digest(data) != value:
                found.append((name, " (deleted)" if data is None else ""))
    found += [(name, " (new)") for name in sources_in(root) if name not in own and name not in shipped]
    return [name + how for name, how in sorted(found)]


def check_objects(tree: Tree, branch: str) -> None:
    """Refuses to take an object of a student's branch for the reference that its branch did not ship so: the score at home would
    not be the instructor's.  `branch`: has the shipped ones."""
    if not tree.is_handout:
        return
    shipped = shipped_in(tree.root)
    if not shipped:
        raise GraderError(f"{FILE} cannot be read, so nobody can tell whose objects lie in {OBJECTS}/; bring it back with: "
                          f"git checkout {FILE}")
    for name in [*objects_in(tree.root), *(name for name in sorted(shipped) if _is_object(name))]:
        data = _content(tree.root / name)
        if name not in shipped:
            raise GraderError(f"{name}: your branch did not ship it, and your instructor grades without it; remove it, then run again")
        if data is None or digest(data) != shipped[name]:
            raise GraderError(f"{name}: is not as your branch shipped it, and your instructor grades with the shipped one; bring it back "
                              f"with: git checkout origin/{branch} -- {OBJECTS}")


def objects_in(root: Path) -> List[str]:
    """The objects that lie in a branch, hidden names aside; a link to a folder may lead to any."""
    found = []
    for folder, folders, files in os.walk(root / OBJECTS):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        found += [Path(folder, name).relative_to(root).as_posix() for name in [*links, *files]
                  if name in links or name.endswith(OBJECT) and not name.startswith(".")]
    return sorted(found)


def _is_object(name: str) -> bool:
    return name.startswith(OBJECTS + "/") and name.endswith(OBJECT)


def shipped_in(root: Path) -> Dict[str, str]:
    """The manifest of a branch's tree; empty where there is none."""
    return parse(_content(root / FILE) or b"")


def strangers(others: Mapping[str, str], root: Path) -> List[str]:
    """Which of a submission's other sources (name -> hash, empty for what is no file) are not the course's: `name`, or `name (unknown)`.

    `root`: the grading tree.  In a branch its manifest says what the course's files are, for the tree's may be edited.
    """
    shipped = shipped_in(root)
    known: Callable[[str], str] = (lambda name: shipped.get(name, "")) if shipped else (lambda name: _hash_of(root / name))
    found = []
    for name in sorted(others):
        value = known(name)
        if not value or value != others[name]:
            found.append(name if value else f"{name} (unknown)")
    return found


def remarks(root: Path, student_files: Iterable[str], others: Mapping[str, str], submission: bool) -> List[str]:
    """What a report says about edits outside the student files: at home, and of a submission."""
    found = []
    edited = changes(root, student_files)
    if edited and not submission:
        found.append(f"these changes will not be submitted: {names(edited)}. The course grades with its own copies of these "
                     "files; keep your work in the files that the handouts name")
    elif edited:
        found.append(f"this tree is not as the course shipped it, and the kernel was built from it: {names(edited)}")
    odd = strangers(others, root)
    if odd:
        found.append(f"not taken from the submission, since they are no student files: {names(odd)}. They differ from the "
                     "course's own files, with which the kernel was built")
    return found


def names(found: Sequence[str]) -> str:
    """A list that stays short."""
    more = f", and {len(found) - TOLD} more" if len(found) > TOLD else ""
    return ", ".join(found[:TOLD]) + more


def unsubmitted(root: Path, student_files: Iterable[str]) -> List[str]:
    """The changes at home that count in a kernel or a test there, and at the instructor's do not.  The build leaves new sources out,
    but may include new headers."""
    return [change for change in changes(root, student_files)
            if is_source(change.partition(" (")[0]) and not change.endswith(tuple(ending + " (new)" for ending in COMPILED))]


def sources_in(root: Path) -> List[str]:
    """The sources below kernel/ and labs/, links and hidden names aside."""
    found: List[str] = []
    waiting = [(folder, 0) for folder in FOLDERS]
    left = MAX_ENTRIES
    while waiting and left > 0:
        folder, depth = waiting.pop()
        try:
            with os.scandir(root / folder) as entries:
                inside = [(entry.name, entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False))
                          for entry in entries if not entry.name.startswith(".") and entry.name != "__pycache__"]
        except OSError:
            continue
        left -= len(inside)
        for name, is_folder, is_file in inside:
            whole = f"{folder}/{name}"
            if is_folder and depth < MAX_DEPTH:
                waiting.append((whole, depth + 1))
            elif is_file and is_source(whole):
                found.append(whole)
    return sorted(found)


def _content(path: Path) -> "bytes | None":
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return b""


def _hash_of(path: Path) -> str:
    data = _content(path)
    return "" if data is None else digest(data)
