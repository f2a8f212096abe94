"""The mutants of an exercise: made from its regions, named, drawn by lot, and compared with the reviewed list."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, Sequence, Tuple

from grader.errors import GraderError
from grader.handout.regions import spans
from grader.labs import Course
from grader.model import Exercise, Lab
from grader.mutate import assembly, rules
from grader.tree import Tree

LISTED = "equivalent.txt"
CODE = (".cpp", ".S")
OFFSETS = "kernel/ntos/ke/i386/asmoffsets.h"
Edits = Tuple[rules.Edit, ...]


@dataclass(frozen=True)
class Mutant:
    """One wrong version of one file.  `id` is file:line:rule:hash; a change elsewhere in the file may move the line only."""

    id: str
    exercise: str
    file: str
    line: int
    rule: str
    before: Tuple[str, ...]  # the changed lines
    after: Tuple[str, ...]
    edits: Edits

    def text(self, reference: str) -> str:
        """The whole file."""
        return apply(reference, self.edits)

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def of_exercise(tree: Tree, exercise: Exercise, siblings: Mapping[str, Tuple[str, ...]]) -> List[Mutant]:
    """All mutants of an exercise, in the order of its files and lines."""
    found: List[Mutant] = []
    for name in exercise.files:
        if name.startswith("kernel/") and name.endswith(CODE):
            text = (tree.root / name).read_text(encoding="utf-8")
            header = (tree.root / OFFSETS).read_text(encoding="utf-8") if name.endswith(".S") else ""
            found += of_file(exercise.number, name, text, siblings, header)
    return found


def of_file(exercise: str, name: str, text: str, siblings: Mapping[str, Tuple[str, ...]], header: str = "") -> List[Mutant]:
    """The mutants of the regions that an exercise has in a file."""
    found: List[Mutant] = []
    seen: Dict[str, int] = {}
    texts = {text}
    for owner, start, end in spans(name, text):
        if owner != exercise:
            continue
        region = rules.Region(text, start, end, dict(siblings))
        for change in assembly.changes(region, header) if name.endswith(".S") else rules.changes(region):
            made = apply(text, change.edits)
            if made not in texts:
                texts.add(made)
                found.append(_named(exercise, name, text, made, change, seen))
    return sorted(found, key=lambda one: one.line)


def apply(text: str, edits: Edits) -> str:
    """The text with its edits; none of them touches another."""
    for start, end, other in sorted(edits, reverse=True):
        text = text[:start] + other + text[end:]
    return text


def _named(exercise: str, name: str, text: str, made: str, change: rules.Change, seen: Dict[str, int]) -> Mutant:
    old, new = text.split("\n"), made.split("\n")
    changed = [index for index, (one, other) in enumerate(zip(old, new)) if one != other]
    before = tuple(old[index].strip() for index in changed)
    after = tuple(new[index].strip() for index in changed)
    said = "\0".join((change.rule, *before, "", *after))
    seen[said] = seen.get(said, 0) + 1  # the same line may stand in a file more than once
    short = hashlib.sha256(f"{said}\0{seen[said]}".encode()).hexdigest()[:6]
    line = changed[0] + 1
    return Mutant(f"{name.rsplit('/', 1)[-1]}:{line}:{change.rule}:{short}", exercise, name, line, change.rule, before, after, change.edits)


def sample(mutants: Sequence[Mutant], number: int, seed: int) -> List[Mutant]:
    """`number` of them, by lot (0: all), in their order.  A mutant that comes or goes moves no other one's lot."""
    lots = sorted(mutants, key=lambda one: hashlib.sha256(f"{seed} {known_by(one.id)}".encode()).digest())
    chosen = {one.id for one in (lots[:number] if number else lots)}
    return [one for one in mutants if one.id in chosen]


def known_by(name: str) -> str:
    """An id without its line: what of it stays when the file grows elsewhere."""
    parts = name.split(":")
    return ":".join([parts[0], *parts[2:]]) if len(parts) == 4 else name


def equivalents(tree: Tree, lab: Lab) -> Dict[str, str]:
    """The reviewed list: id without line -> reason.  A line: `id  reason`; `#` begins a remark."""
    path = tree.solutions / lab.folder / LISTED
    found: Dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines() if path.is_file() else [], start=1):
        words = line.split(None, 1)
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 2 or words[0].count(":") != 3:
            raise GraderError(f"{path.relative_to(tree.root)}:{number}: not `file:line:rule:hash reason`; write the id as make mutate "
                              "prints it, and why no test can tell the mutant from the reference")
        found[known_by(words[0])] = words[1]
    return found


def strangers(listed: Iterable[str], mutants: Iterable[Mutant]) -> List[str]:
    """Names on the list that no mutant has any more."""
    known = {known_by(one.id) for one in mutants}
    return sorted(set(listed) - known)


def exercises(course: Course, lab: Lab, only: str) -> List[Exercise]:
    """The exercises that EX= names; empty means all."""
    chosen = [one for one in lab.exercises if not only or one.number in only.replace(",", " ").split()]
    if not chosen:
        raise GraderError(f"lab {lab.number} has no exercise {only}; there are: " + ", ".join(one.number for one in lab.exercises))
    return chosen
