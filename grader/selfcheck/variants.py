"""The variants of the kernel in solutions/: correct ones, known mistakes, cheaters; the header of each says what must come.

    Mistake: the summary bit stays set when a queue empties        (or Accepted: / Cheat:)
    Exercise: 1.1
    Fails: bit_follows_queue, random_*                             (names or globs, of every lab)
    Hint: ready-summary-bit
    Perhaps: random_events, wrong-order                            (tests and hints that come or not by the seed)
    Base: reference                                                (or starter; cheaters: starter unless said)
    Refused: yes                                                   (cheaters that the build must refuse)
    Read: kernel/inc/mm/section.h                                  (wrong kernels for a student's own test: whose contract it breaks; its
                                                                    edits may be of any source of the kernel)

    In ready.cpp, KiRemoveReadyQueue:                              (the form: building/edits.py)
    -    if (IsListEmpty(head)) ...
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, Set, Tuple

from grader.errors import GraderError
from grader.handout import regions
from grader.model import Lab
from grader.building import edits
from grader.tree import Tree

DIFF = re.compile(r"^(diff --git|--- a/)", re.M)  # below a header: not yet edits
_FOLDERS = (("accepted", "Accepted"), ("mistakes", "Mistake"), ("cheaters", "Cheat"))


@dataclass(frozen=True)
class Variant:
    """One file of solutions/, read."""

    path: Path
    kind: str  # accepted, mistakes, cheaters
    says: str
    exercise: str
    fails: Tuple[str, ...]
    hints: Tuple[str, ...]
    base: str
    refused: bool = False  # a cheater that must not even get a kernel
    perhaps: Tuple[str, ...] = ()  # tests that may fail too, and hints that may be shown
    edits: Tuple[edits.Edit, ...] = ()
    read: str = ""  # the header whose contract it breaks, where its edits are of sources that no exercise writes

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def word(self) -> str:
        """The kind as one speaks of one variant."""
        return {"accepted": "accepted", "mistakes": "mistake", "cheaters": "cheater"}[self.kind]

    def failed(self, tests: Iterable[str]) -> Set[str]:
        """Those of the tests that fail at every seed: that `Fails:` names, and `Perhaps:` does not."""
        names = list(tests)
        return _matching(names, self.fails) - self.perhaps_failed(names)

    def perhaps_failed(self, tests: Iterable[str]) -> Set[str]:
        """Those of the tests whose random questions may show the mistake or not."""
        return _matching(tests, self.perhaps)


def of_lab(tree: Tree, lab: Lab) -> List[Variant]:
    """The variants of a lab, in the order of the folders and of their names."""
    return [_read(path, kind, word) for kind, word in _FOLDERS
            for path in sorted((tree.solutions / lab.folder / kind).glob("*.edit"))]


def unproved(tests: Iterable[str], found: Iterable[Variant]) -> List[str]:
    """The tests that no mistake is known to fail; whether the named ones do fail is the self-check's to see."""
    names = list(tests)
    proved = {name for variant in found if variant.kind == "mistakes" for name in variant.failed(names)}
    return [name for name in names if name not in proved]


def read_any(path: Path) -> Variant:
    """A file of any kind; its folder says which."""
    words = dict(_FOLDERS)
    if path.parent.name == "right":
        return read_right(path)
    return _read(path, path.parent.name, words[path.parent.name]) if path.parent.name in words else read(path)


def read_right(path: Path) -> Variant:
    """One right kernel that students never see."""
    return _read(path, "accepted", "Accepted")


def read(path: Path) -> Variant:
    """One wrong kernel: a file with a mistake's header, wherever it lies."""
    if not path.is_file():
        raise GraderError(f"{path}: no such file; the test that names it must be corrected")
    return _read(path, "mistakes", "Mistake")


def apply(variant: Variant, files: Mapping[str, bytes]) -> Dict[str, bytes]:
    """The student files with the variant's edits, each of which must find its place."""
    try:
        found = edits.apply(variant.edits, files)
    except edits.EditError as error:
        raise GraderError(f"{variant.path}: does not fit the {variant.base}: {error}; `make edits` tries to mend it") from error
    if found == dict(files):
        raise GraderError(f"{variant.path}: changes nothing; write an edit below the header")
    return found


def base_of(path: Path) -> str:
    """The kernel that a file changes, whether its edits can be read or not; of a cheater the starter unless it says the reference."""
    return _header(path)[0].get("Base", "starter" if path.parent.name == "cheaters" else "reference")


def read_of(path: Path) -> str:
    """The header that a file names whose edits are of the kernel's sources; empty: they are of students' files."""
    return _header(path)[0].get("Read", "")


def shipped(files: Mapping[str, bytes], base: str) -> Dict[str, bytes]:
    """The complete tree's student files, as the reference or as the starter has them."""
    if base == "reference":
        return dict(files)
    return {name: regions.split(name, content.decode("utf-8", "surrogateescape")).starter.encode("utf-8", "surrogateescape")
            for name, content in files.items()}


def _header(path: Path) -> Tuple[Dict[str, str], str]:
    """The fields of a file's header, and what stands below it."""
    header, _, body = path.read_text(encoding="utf-8").partition("\n\n")
    fields: Dict[str, str] = {}
    for line in header.splitlines():
        name, colon, value = line.partition(":")
        if colon and name.isalpha():
            fields[name] = value.strip()
    return fields, body


def _read(path: Path, kind: str, word: str) -> Variant:
    fields, body = _header(path)
    needed = [word, *(["Exercise", "Fails", "Hint"] if kind == "mistakes" else [])]
    for name in needed:
        if not fields.get(name):
            raise GraderError(f"{path}: the header has no `{name}:` line; add it above the first empty line")
    base = base_of(path)
    if base not in ("starter", "reference"):
        raise GraderError(f"{path}: `Base: {base}` must be starter or reference")
    if DIFF.search(body):
        raise GraderError(f"{path}: holds a git diff; `make edits` makes edits of it")
    try:
        made = tuple(edits.parse(body))
    except edits.EditError as error:
        raise GraderError(f"{path}: {error}") from error
    return Variant(path, kind, fields[word], fields.get("Exercise", ""), _words(fields.get("Fails", "")),
                   _words(fields.get("Hint", "")), base, fields.get("Refused", "") == "yes", _words(fields.get("Perhaps", "")), made, fields.get("Read", ""))


def _matching(names: Iterable[str], patterns: Iterable[str]) -> Set[str]:
    wanted = list(patterns)
    return {name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted)}


def _words(text: str) -> Tuple[str, ...]:
    return tuple(text.replace(",", " ").split())
