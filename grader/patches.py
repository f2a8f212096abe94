"""The patches in solutions/: correct variants, known mistakes, cheaters; the header of each says what must come.

    Mistake: the summary bit stays set when a queue empties        (or Accepted: / Cheat:)
    Exercise: 1.1
    Fails: bit_follows_queue, random_*                             (names or globs, of every lab)
    Hint: ready-summary-bit
    Perhaps: random_events, wrong-order                            (tests and hints that come or not by the seed)
    Base: reference                                                (or starter; cheaters: starter unless said)
    Refused: yes                                                   (cheaters that the build must refuse)
    --- a/kernel/ntos/ke/ready.cpp
    ...
"""

from __future__ import annotations

import fnmatch
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, Set, Tuple

from grader import git
from grader.errors import GraderError
from grader.model import Lab
from grader.tree import Tree

_FOLDERS = (("accepted", "Accepted"), ("mistakes", "Mistake"), ("cheaters", "Cheat"))


@dataclass(frozen=True)
class Patch:
    """One patch file, read."""

    path: Path
    kind: str  # accepted, mistakes, cheaters
    says: str
    exercise: str
    fails: Tuple[str, ...]
    hints: Tuple[str, ...]
    base: str
    refused: bool = False  # a cheater that must not even get a kernel
    perhaps: Tuple[str, ...] = ()  # tests that may fail too, and hints that may be shown

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def word(self) -> str:
        """The kind as one speaks of one patch."""
        return {"accepted": "accepted", "mistakes": "mistake", "cheaters": "cheater"}[self.kind]

    def failed(self, tests: Iterable[str]) -> Set[str]:
        """Those of the tests that fail at every seed: that `Fails:` names, and `Perhaps:` does not."""
        names = list(tests)
        return _matching(names, self.fails) - self.perhaps_failed(names)

    def perhaps_failed(self, tests: Iterable[str]) -> Set[str]:
        """Those of the tests whose random questions may show the mistake or not."""
        return _matching(tests, self.perhaps)


def of_lab(tree: Tree, lab: Lab) -> List[Patch]:
    """The patches of a lab, in the order of the folders and of their names."""
    return [_read(path, kind, word) for kind, word in _FOLDERS
            for path in sorted((tree.solutions / lab.folder / kind).glob("*.patch"))]


def unproved(tests: Iterable[str], found: Iterable[Patch]) -> List[str]:
    """The tests that no mistake is known to fail; whether the named ones do fail is the self-check's to see."""
    names = list(tests)
    proved = {name for patch in found if patch.kind == "mistakes" for name in patch.failed(names)}
    return [name for name in names if name not in proved]


def read(path: Path) -> Patch:
    """One wrong kernel: a patch with a mistake's header, wherever it lies."""
    if not path.is_file():
        raise GraderError(f"{path}: no such patch; the test that names it must be corrected")
    return _read(path, "mistakes", "Mistake")


def apply(patch: Patch, files: Mapping[str, bytes], allowed: Tuple[str, ...]) -> Dict[str, bytes]:
    """The files with the patch applied; it must apply exactly and touch student files only."""
    with tempfile.TemporaryDirectory(prefix="mica-patch-") as folder:
        for name, content in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        done = git.run(Path(folder), "apply", "--whitespace=nowarn", str(patch.path.resolve()),
                       GIT_CEILING_DIRECTORIES=str(Path(folder).parent), GIT_CONFIG_GLOBAL=os.devnull)
        if done.returncode != 0:
            reason = git.quoted(done.stderr) or "git apply failed"
            raise GraderError(
                f"{patch.path}: does not apply to the {patch.base} ({reason}); make it anew with git diff")
        found = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in Path(folder).rglob("*") if path.is_file()
        }
    strangers = sorted(set(found) - set(allowed))
    if strangers:
        raise GraderError(f"{patch.path}: touches {strangers[0]}, which is no student file; keep to those of lab.py")
    if found == dict(files):
        raise GraderError(f"{patch.path}: changes nothing; make it anew with git diff")
    return found


def _read(path: Path, kind: str, word: str) -> Patch:
    fields: Dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(("--- ", "diff ")):
            break
        name, colon, value = line.partition(":")
        if colon and name.isalpha():
            fields[name] = value.strip()
    needed = [word, *(["Exercise", "Fails", "Hint"] if kind == "mistakes" else [])]
    for name in needed:
        if not fields.get(name):
            raise GraderError(f"{path}: the header has no `{name}:` line; add it above the diff")
    base = fields.get("Base", "starter" if kind == "cheaters" else "reference")
    if base not in ("starter", "reference"):
        raise GraderError(f"{path}: `Base: {base}` must be starter or reference")
    return Patch(path, kind, fields[word], fields.get("Exercise", ""), _words(fields.get("Fails", "")),
                 _words(fields.get("Hint", "")), base, fields.get("Refused", "") == "yes", _words(fields.get("Perhaps", "")))


def _matching(names: Iterable[str], patterns: Iterable[str]) -> Set[str]:
    wanted = list(patterns)
    return {name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted)}


def _words(text: str) -> Tuple[str, ...]:
    return tuple(text.replace(",", " ").split())
