"""Loads the labs of a tree: labs/N-slug/lab.py, and the tests in labs/N-slug/tests/ and solutions/N-slug/hidden/.

Invariants
  * Test names are unique over all labs, so that TEST=name needs no lab.
  * The points of an exercise's tests add up to the exercise's points (checked where every test is present).
  * A lab's test modules form a package of their own: `from .model import X` works and two labs never collide.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import importlib
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, FrozenSet, List, Optional, Sequence, Tuple

from grader import further
from grader.errors import GraderError
from grader.model import Exercise, Lab, TestSpec
from grader.tree import Tree

EVERY = "every"  # asks for each lab that is in the making


@dataclass(frozen=True)
class Course:
    """Every lab of the tree and every test, in the order they are shown."""

    labs: Tuple[Lab, ...]
    tests: Tuple[TestSpec, ...]
    further: FrozenSet[str] = frozenset()  # the further exercises that are graded without being named

    @property
    def files(self) -> Tuple[str, ...]:
        return tuple(dict.fromkeys(name for lab in self.labs for name in lab.files))

    @property
    def explored(self) -> FrozenSet[str]:
        """The files that are judged under many schedules too."""
        return frozenset(name for lab in self.labs if lab.explored for name in lab.files)

    @property
    def seeded(self) -> Optional[Lab]:
        """The lab whose questions depend on the student's own seed."""
        return next((lab for lab in self.labs if lab.seed), None)

    @property
    def seed_file(self) -> str:
        """Where students keep their own seed; empty where no lab asks for it."""
        return self.seeded.seed if self.seeded else ""

    @property
    def optional(self) -> Tuple[str, ...]:
        """What a submission may bring beside the students' files: the seed, and how many hints were taken."""
        return tuple(filter(None, (self.seed_file, *(lab.hints_taken for lab in self.labs))))

    @property
    def submitted(self) -> Tuple[str, ...]:
        """All that a submission may bring."""
        return (*self.files, *self.optional)

    @property
    def instrumented(self) -> Tuple[str, ...]:
        """What the explore flavour compiles with preemption points, as kernel/student.mk reads it from the same manifests."""
        labs = [lab for lab in self.labs if lab.explored]
        names = {name for lab in labs for name in lab.files if name.startswith("kernel/")}
        return tuple(sorted({*names, *(f"labs/{lab.folder}/%" for lab in labs)}))

    def lab(self, number: int) -> Lab:
        return next(lab for lab in self.labs if lab.number == number)

    def tests_of(self, lab: Lab) -> List[TestSpec]:
        return [test for test in self.tests if test.lab == lab.number]


def load(tree: Tree, asked: str = "") -> Course:
    """Reads every lab of the tree; a broken lab.py or test module is a GraderError that names the file.  `asked`: the name of a lab, which
    is there although it is in the making."""
    labs = manifests(tree.root, asked)
    tests = [test for lab in labs for test in _tests_of(tree, lab)]
    if not labs:
        raise GraderError(f"no labs/*/lab.py under {tree.root}: run this from a Mica tree")
    _check(tree, labs, tests)
    chosen = further.chosen(labs, further.setting(tree.root), further.FILE)
    return Course(tuple(labs), tuple(tests), chosen)


def with_further(course: Course, text: str) -> Course:
    """The course with these further exercises, as FURTHER= names them; empty: those that it has."""
    return dataclasses.replace(course, further=further.chosen(course.labs, text, "FURTHER=")) if text.strip() else course


def manifests(root: Path, asked: str = "") -> List[Lab]:
    """The labs without their tests, in their order; of those in the making only the one that is asked for, or
    with EVERY all of them."""
    labs: List[Lab] = []
    for manifest in sorted(root.glob("labs/*/lab.py"), key=lambda path: _number_of(path)):
        lab = getattr(_run(manifest), "LAB", None)
        if not isinstance(lab, Lab):
            raise GraderError(f"{manifest.relative_to(root)}: no `LAB = Lab(...)`; see grader/README.md for one")
        if manifest.parent.name != lab.folder:
            raise GraderError(f"labs/{manifest.parent.name}/lab.py describes lab {lab.folder}: rename one of them")
        if not lab.making or asked == EVERY or asked in _names_of(lab):
            labs.append(lab)
    return labs


def in_order(tree: Tree, lab: Lab) -> Tuple[Exercise, ...]:
    """A lab's exercises in the order in which its handout would write them in this tree."""
    return lab.in_order(all(tree.has_reference(name) for name in lab.files if name.startswith("kernel/")))


def select(course: Course, lab: str = "", pattern: str = "") -> Tuple[List[Lab], List[TestSpec]]:
    """The labs and tests that LAB= and TEST= name.  Without TEST= that is the core track and the course's further exercises.
    Unknown ones: says what exists."""
    labs = [one for one in course.labs if not lab or lab in _names_of(one)]
    if not labs:
        known = ", ".join(f"{one.number} ({one.slug})" for one in course.labs)
        raise GraderError(f"unknown lab {lab!r}; there are: {known}")
    tests = [test for one in labs for test in course.tests_of(one)]
    if not pattern:
        left_out = {exercise.number for one in labs for exercise in one.further} - course.further
        return labs, [test for test in tests if test.exercise not in left_out]
    chosen = [test for test in tests if _matches(test, pattern)]
    if not chosen:
        raise GraderError(f"no test matches {pattern!r}; there are: " + ", ".join(test.name for test in tests))
    numbers = {test.lab for test in chosen}
    return [one for one in labs if one.number in numbers], chosen


def _matches(test: TestSpec, pattern: str) -> bool:
    """`pattern`: names of tests and numbers of exercises, each with * ? [] where several are meant."""
    return any(fnmatch.fnmatchcase(name, part) for part in pattern.replace(",", " ").split() for name in (test.name, test.exercise))


def _names_of(lab: Lab) -> Sequence[str]:
    return (str(lab.number), lab.slug, lab.folder, lab.branch, f"lab{lab.number}")


def _number_of(manifest: Path) -> int:
    head = manifest.parent.name.split("-", 1)[0]
    return int(head) if head.isdigit() else sys.maxsize


def _run(path: Path) -> types.ModuleType:
    module = types.ModuleType(f"mica_{path.parent.name.replace('-', '_')}_{path.stem}")
    module.__file__ = str(path)
    try:
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    except Exception as error:  # whatever a broken manifest raises, the author needs the file and the reason
        raise GraderError(f"{path}: {type(error).__name__}: {error}; correct the file and run again") from error
    return module


def _tests_of(tree: Tree, lab: Lab) -> List[TestSpec]:
    found: List[TestSpec] = []
    for folder, hidden in ((tree.root / "labs" / lab.folder / "tests", False),
                           (tree.solutions / lab.folder / "hidden", True)):
        package = _package(folder, f"mica_lab{lab.number}_{'hidden' if hidden else 'tests'}")
        for path in sorted(folder.glob("test_*.py")):
            for spec in _specs_in(path, package):
                found.append(dataclasses.replace(spec, lab=lab.number, driver=lab.driver, files=lab.files, hidden=hidden, seed_file=lab.seed,
                                                 source=path.relative_to(tree.root).as_posix()))
    order = {exercise.number: index for index, exercise in enumerate(lab.exercises)}
    for test in found:
        if test.exercise not in order:
            raise GraderError(f"{test.source}: test {test.name} is for exercise {test.exercise}, which is not in "
                              f"labs/{lab.folder}/lab.py; add it there or correct the test")
    return sorted(found, key=lambda test: order[test.exercise])  # stable: file order inside an exercise


def _package(folder: Path, name: str) -> str:
    known = sys.modules.get(name)
    if known is None or list(getattr(known, "__path__", [])) != [str(folder)]:
        for stale in [key for key in sys.modules if key == name or key.startswith(name + ".")]:
            del sys.modules[stale]
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]  # type: ignore[attr-defined]
        sys.modules[name] = package
    return name


def _specs_in(path: Path, package: str) -> List[TestSpec]:
    try:
        module = importlib.import_module(f"{package}.{path.stem}")
    except Exception as error:
        raise GraderError(f"{path}: {type(error).__name__}: {error}; correct the test module") from error
    values = [getattr(value, "spec", None) for value in vars(module).values()
              if getattr(value, "__module__", None) == module.__name__]
    return [spec for spec in values if isinstance(spec, TestSpec)]


def _check(tree: Tree, labs: Sequence[Lab], tests: Sequence[TestSpec]) -> None:
    seen: Dict[str, TestSpec] = {}
    for test in tests:
        if test.name in seen:
            raise GraderError(f"{test.source}: a test named {test.name} is in {seen[test.name].source} too; rename one")
        seen[test.name] = test
    for lab in labs:
        if lab.exercises != (*lab.core, *lab.further):
            raise GraderError(f"labs/{lab.folder}/lab.py: a further exercise stands before one of the core track; put those last")
        for exercise in lab.exercises:
            total = sum(test.points for test in tests if test.exercise == exercise.number)
            if total != exercise.points and not _has_hidden_elsewhere(tree):
                raise GraderError(f"labs/{lab.folder}/lab.py: exercise {exercise.number} has {exercise.points} points, "
                                  f"its tests add up to {total}; make them agree")


def _has_hidden_elsewhere(tree: Tree) -> bool:
    """In a student's branch an exercise's hidden tests are absent, so the sum may be short."""
    return tree.is_handout
