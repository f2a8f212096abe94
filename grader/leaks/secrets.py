"""What must not leave the complete tree, and what may: read from the tree itself.

Invariant: a line or a name that occurs in what may be shown (starter texts, every tracked file that is not private) is no
secret, so a branch of nothing else has no finding.
"""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass, field
from typing import Callable, Dict, FrozenSet, Iterator, List, Optional, Set, Tuple

from grader import sources
from grader.building.builder import Builder
from grader.errors import GraderError
from grader.labs import Course
from grader.leaks.forms import FRAME, QUOTED, WORD, keys, parted, squeezed
from grader.leaks.natural import Run, natural_runs
from grader.tree import Tree

README = "labs/branch-readme.md"  # becomes README.md of the branches
PRIVATE = (  # (kind, names): kept on its own, so that a hole in handout.py's list shows
    ("hidden-test", re.compile(r"^solutions/[^/]+/hidden/")),
    ("solution", re.compile(r"^solutions/|\.edit$")),
    ("seed", re.compile(r"^labs/[^/]+/seed\.txt$")),
    ("answers", re.compile(r"(^|/)answers?[^/]*\.(py|json|csv|md)$")),
    ("instructor", re.compile(r"^(\.ci/|\.github/|docs/|grader/tests/|grader/(handout|selfcheck|style|coverage|bench|leaks)/|kernel/tests/(?!scenarios/scenario)|"
                              r"grader/sources\.py$|"
                              r"grader/commands/(handout|solution|answers|selfcheck|stability|explore|leaks|edits)\.py$|"
                              r"grader/explore/(survey|table|kernels)\.py$|README\.md$|SYLLABUS\.md$|CONTRIBUTING\.md$|.*_test\.cpp$)")))
ANSWERS = re.compile(r"(^|/)answers[^/]*\.txt$")
LINE_MIN, COMMENT_MIN, NAME_MIN = 10, 12, 3
_ROUTINE = re.compile(r"^(?!\s|#|//|static\b|\}|\{)[^;=]*?\b(?:nt::)?@?_?([A-Za-z_]\w{3,})(?:@\d+)?(?:\s*\(|:$)", re.ASCII)


@dataclass
class Secrets:
    """What must not leave the tree."""

    root: str
    lines: Dict[str, str] = field(default_factory=dict)  # squeezed -> where the tree has it
    comments: Dict[str, str] = field(default_factory=dict)
    names: Dict[str, str] = field(default_factory=dict)
    routines: Dict[str, str] = field(default_factory=dict)  # routine that an exercise writes -> exercise
    answers: Dict[str, str] = field(default_factory=dict)  # squeezed lines of the reference of answers.txt
    objects: Dict[str, str] = field(default_factory=dict)  # ke/sched/ready.cpp.obj -> exercise
    private: Dict[str, Tuple[str, str]] = field(default_factory=dict)  # digest of a private file -> (kind, name)
    private_lines: Dict[str, Tuple[str, str]] = field(default_factory=dict)  # squeezed -> (kind, name)
    public: FrozenSet[str] = frozenset()  # words
    runs: Callable[[], Dict[Run, str]] = dict  # instructions in a row, as the compiler wrote them -> source; may have to build a kernel


def secrets(tree: Tree, course: Course, builder: Optional[Builder] = None) -> Secrets:
    """Read from the complete tree.  With a builder, the reference's machine code is a secret too."""
    if tree.is_handout:
        raise GraderError("this is a student's branch; look for leaks from the complete tree")
    marked = sources.marked(tree, course)
    found = Secrets(str(tree.root))
    public_lines: Set[str] = set()
    public_words: Set[str] = set()
    private: List[Tuple[str, str, bytes]] = []
    for name in sources.tracked(tree):
        path = tree.root / name
        if not path.is_file() or path.is_symlink():
            continue
        kind = private_kind(name)
        if kind and name != README:
            private.append((kind, name, path.read_bytes()))
            continue
        text = marked[name].starter if name in marked else path.read_text(encoding="utf-8", errors="replace")
        public_lines |= keys(text)
        public_words |= set(WORD.findall(text))
    found.public = frozenset(public_words)
    for name, shipped in marked.items():
        exercise = min(shipped.exercises)
        if sources.has_object(name):
            found.objects[name[len("kernel/"):] + ".obj"] = exercise
        for number, routine, line in _regions((tree.root / name).read_text(encoding="utf-8", errors="surrogateescape")):
            where = f"{name}:{number}"
            if ANSWERS.search(name):
                key = squeezed(line)
                if key and key not in public_lines:
                    found.answers.setdefault(key, where)
                continue
            if routine:
                found.routines.setdefault(routine, exercise)
            _keep(found, line, where, public_lines, public_words)
    for kind, name, data in private:
        if len(data.strip()) > 2:
            found.private[hashlib.sha256(data).hexdigest()] = (kind, name)
        if kind == "seed" or name == sources.MANIFEST:
            continue  # a number; names of files: the file itself is told by its name and its content
        for line in data.decode("utf-8", "replace").splitlines():
            key = squeezed(FRAME.sub("", line)) if name.endswith(".edit") else squeezed(line)
            if len(key) >= 2 * LINE_MIN and key not in public_lines and len(WORD.findall(line)) > 2:
                found.private_lines.setdefault(key, (kind, name))
    if builder is not None:
        explored = any(test.explore for test in course.tests)
        found.runs = functools.lru_cache(maxsize=None)(lambda: natural_runs(builder, marked, explored))
    return found


def _keep(found: Secrets, line: str, where: str, public_lines: Set[str], public_words: Set[str]) -> None:
    code, comment = parted(line)
    for text, least, kept in ((line, LINE_MIN, found.lines), (code, LINE_MIN, found.lines), (comment, COMMENT_MIN, found.comments)):
        key = squeezed(text)
        if len(key) >= least and len(WORD.findall(text)) > 1 and key not in public_lines and key not in found.lines:
            kept.setdefault(key, where)
    for word in WORD.findall(QUOTED.sub(" ", code)):
        if len(word) >= NAME_MIN and word not in public_words:
            found.names.setdefault(word, where)


def _regions(text: str) -> Iterator[Tuple[int, str, str]]:
    """(line number, routine that it belongs to, line) of the reference lines."""
    routine, inside = "", False
    for number, line in enumerate(text.split("\n"), 1):
        marker = re.match(r"^[ \t]*(?://|#)[ \t]*LAB\([^)]*\)[ \t]*(\S*)", line)
        if marker:
            inside = marker[1] == "begin"
            continue
        match = _ROUTINE.match(line)
        if match and not inside:
            routine = match[1]
        if inside:
            yield number, match[1] if match else routine, line


def private_kind(name: str) -> str:
    """The kind of a file that students may not have; empty for any other."""
    return next((kind for kind, names in PRIVATE if names.search(name)), "")
