"""Builds mutants, lets the tests of their exercise judge them, and remembers what came out.

Invariants
  * A mutant is built as a submission is that brings this one file.
  * What was found is kept in the build folder by the mutant's text and by everything that the finding depends on: a run that
    was stopped goes on, and nothing is believed of another kernel, another test or another compiler.
  * Trouble of the machine is no finding: it is told, and tried again by the next run.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Protocol, Sequence, Tuple

from grader.building.builder import EXPLORED, Builder, object_of
from grader.commands.options import MASTER_SEED_MAX
from grader.errors import GraderError, InfraError
from grader.judge.runner import until_failure
from grader.labs import Course
from grader.model import Exercise, KernelSet, Lab, Outcome, Stage, TestSpec, Verdict
from grader.mutate.mutants import Mutant, known_by
from grader.mutate.objectcode import fingerprint
from grader.report import result as results
from grader.selfcheck.parallel import parallel
from grader.submission.files import Submission
from grader.submission.studentseed import complete_tree_seed
from grader.tree import Tree

SEEDS = 3
BATCH = 48  # mutants that are built before they are run: fewer than the kernels that build.py keeps
REMARK = {".cpp": "\n// the reference\n", ".S": "\n// the reference\n"}
NOT_COMPILED, EQUAL, TWIN, KILLED, PARTLY, SURVIVED, UNJUDGED = (
    "not compiled", "equal", "twin", "killed", "killed at some seeds", "survived", "not judged")
Judge = Callable[[KernelSet, Sequence[TestSpec], Sequence[int]], Dict[int, List[Outcome]]]
Show = Callable[[str, int, int], None]  # what is done, how many are, of how many


@dataclass(frozen=True)
class Kill:
    """What a seed's run came to: the test that failed, and what the student would have read."""

    test: str = ""
    verdict: str = ""
    hint: str = ""
    advice: str = ""
    expected: str = ""
    seen: str = ""


@dataclass(frozen=True)
class Finding:
    """A mutant and its end."""

    mutant: Mutant
    end: str
    twin: str = ""  # the mutant with the same code
    seeds: Mapping[int, Kill] = field(default_factory=dict)
    said: str = ""  # of the compiler or the machine
    reason: str = ""  # why it is equivalent, by the reviewed list

    def to_json(self) -> Dict[str, Any]:
        values = asdict(self)
        values["mutant"].pop("edits")
        values["seeds"] = {str(seed): asdict(kill) for seed, kill in self.seeds.items()}
        return values


class Workshop(Protocol):
    """Where mutants become kernels, and kernels are judged."""

    def built(self, mutant: Optional[Mutant], name: str) -> Tuple[str, str]:
        """(code, message) of a file with a mutant in it, or of the reference (None): one of the two is empty."""

    def judged(self, mutant: Mutant, tests: Sequence[TestSpec], seeds: Sequence[int]) -> Dict[int, List[Outcome]]:
        """For each seed the outcomes up to the first that is no pass."""

    def stamp(self, mutant: Mutant, judged: bool) -> str:
        """Changes with everything that the mutant's code (judged: its verdict) depends on."""


class RealWorkshop:
    """Builds as gradings do, and runs with grader.judge.runner."""

    def __init__(self, tree: Tree, course: Course, judge: Optional[Judge] = None) -> None:
        self._tree, self._course = tree, course
        self._builder = Builder(tree, course, jobs=1)
        self._judge = judge or until_failure
        self._own = complete_tree_seed(tree, course.seed_file)
        self._reference = {name: (tree.root / name).read_bytes() for name in course.files}
        self.base = self._builder.base()
        # Now, because the tests are loaded now: whoever edits one meanwhile changes nothing of this run.
        self._material = {lab.number: _material(tree, f"labs/{lab.folder}") for lab in course.labs}
        self._sources = _material(tree, "")

    def prepare(self, tests: Sequence[TestSpec]) -> None:
        """Builds once what every worker needs."""
        if any(test.explore for test in tests):
            self._builder.base(EXPLORED)

    def built(self, mutant: Optional[Mutant], name: str) -> Tuple[str, str]:
        exercise = next(one for lab in self._course.labs for one in lab.exercises if name in one.files)
        kernel = self._builder.build(self._submission(mutant, name), [exercise.number], self._own)[exercise.number]
        if kernel.trouble:
            raise InfraError(kernel.trouble)
        return ("", kernel.error) if kernel.error else (fingerprint(object_of(kernel.directory, name).read_bytes()), "")

    def judged(self, mutant: Mutant, tests: Sequence[TestSpec], seeds: Sequence[int]) -> Dict[int, List[Outcome]]:
        kernels = self._builder.build(self._submission(mutant, mutant.file), list(dict.fromkeys(test.kernel for test in tests)), self._own)
        for key in dict.fromkeys(test.kernel for test in tests):
            kernel = kernels[key]
            if kernel.trouble:
                raise InfraError(kernel.trouble)
            if kernel.error:  # it compiles in one flavour only
                return {seed: [results.not_built(next(test for test in tests if test.kernel == key), kernel.error, seed)] for seed in seeds}
        return self._judge(kernels, tests, seeds)

    def stamp(self, mutant: Mutant, judged: bool) -> str:
        text = mutant.text(self._reference[mutant.file].decode("utf-8"))
        total = hashlib.sha256(f"{self._sources}\0{mutant.file}\0{text}".encode())
        if judged:
            lab = next(lab for lab in self._course.labs if mutant.file in lab.files)
            total.update(self._material[lab.number].encode())
        return total.hexdigest()[:24]

    def _submission(self, mutant: Optional[Mutant], name: str) -> Submission:
        text = self._reference[name].decode("utf-8")
        text = mutant.text(text) if mutant else text + REMARK[Path(name).suffix]
        return Submission({**self._reference, name: text.encode("utf-8")}, ())


class Engine:
    """The mutants of one exercise, from the first compiler to the last verdict."""

    def __init__(self, workshop: Workshop, store: Path, jobs: int = 1, show: Show = lambda word, done, total: None) -> None:
        self._workshop, self._store, self._jobs, self._show = workshop, store, max(1, jobs), show

    def run(self, mutants: Sequence[Mutant], tests: Sequence[TestSpec], seeds: Sequence[int], listed: Mapping[str, str],
            every: Sequence[Mutant] = ()) -> List[Finding]:
        """What became of each mutant, in their order.  `listed`: what mutants.equivalents says; of `every` mutant that is there,
        those with the same code are equivalent too."""
        codes: Dict[str, str] = {}
        for name in dict.fromkeys(one.file for one in mutants):
            code, message = self._workshop.built(None, name)
            if not code:
                raise GraderError(f"{name}: the reference does not build ({message.splitlines()[0]})")
            codes[code] = ""  # the reference itself
        reviewed = [one for one in every or mutants if known_by(one.id) in listed]
        built = self._each(reviewed, self._built, "compiling what is listed")
        reasons = {code: listed[known_by(one.id)] for one, (code, message) in zip(reviewed, built) if not message}
        found: List[Finding] = []
        for start in range(0, len(mutants), BATCH):
            batch = self._sorted(mutants[start:start + BATCH], codes, reasons)
            waiting = [one.mutant for one in batch if not one.end]
            ended = iter(self._each(waiting, lambda one: self._judged(one, tests, seeds), "running"))
            found += [replace(next(ended), reason=one.reason) if not one.end else one for one in batch]
        return found

    def _sorted(self, mutants: Sequence[Mutant], codes: Dict[str, str], reasons: Mapping[str, str]) -> List[Finding]:
        """Each mutant with an end, where its code alone says it, or with none."""
        found = []
        for mutant, (code, message) in zip(mutants, self._each(mutants, self._built, "compiling")):
            if message:
                found.append(Finding(mutant, NOT_COMPILED if code else UNJUDGED, said=message.splitlines()[0]))
            elif code in codes:
                found.append(Finding(mutant, TWIN if codes[code] else EQUAL, codes[code]))
            else:
                codes[code] = mutant.id
                found.append(Finding(mutant, "", reason=reasons.get(code, "")))
        return found

    def _built(self, mutant: Mutant) -> Tuple[str, str]:
        """(code, "") of what compiles, ("-", message) of what does not, ("", message) where the machine failed."""
        key = "code-" + self._workshop.stamp(mutant, False)
        kept = self._kept(key)
        if kept is None:
            try:
                code, message = self._workshop.built(mutant, mutant.file)
            except (InfraError, OSError) as error:
                return "", str(error)
            kept = {"code": code, "message": message}
            self._keep(key, kept)
        return kept["code"] or "-", kept["message"]

    def _judged(self, mutant: Mutant, tests: Sequence[TestSpec], seeds: Sequence[int]) -> Finding:
        """Direct tests at every seed; explored ones at the seeds where the direct ones have seen nothing."""
        named = hashlib.sha256(repr((seeds, [test.name for test in tests])).encode()).hexdigest()[:12]
        key = f"verdict-{self._workshop.stamp(mutant, True)}-{named}"
        kept = self._kept(key)
        if kept is not None:
            return _ended(mutant, {int(seed): Kill(**kill) for seed, kill in kept.items()})
        kills: Dict[int, Kill] = {seed: Kill() for seed in seeds}
        try:
            for explored in (False, True):
                own = [test for test in cheap_first(tests) if test.explore == explored]
                left = [seed for seed in seeds if not kills[seed].test]
                if own and left:
                    for seed, outcomes in self._workshop.judged(mutant, own, left).items():
                        kills[seed] = _kill(outcomes)
        except (InfraError, OSError) as error:
            return Finding(mutant, UNJUDGED, said=str(error))
        trouble = [kill.seen for kill in kills.values() if kill.verdict == Verdict.INFRA_ERROR.value]
        if trouble:
            return Finding(mutant, UNJUDGED, said=trouble[0])
        self._keep(key, {str(seed): asdict(kill) for seed, kill in kills.items()})
        return _ended(mutant, kills)

    def _each(self, mutants: Sequence[Mutant], work: Callable[[Mutant], Any], word: str) -> List[Any]:
        done: List[Any] = []
        for value in parallel([functools.partial(work, one) for one in mutants], self._jobs):
            done.append(value)
            self._show(word, len(done), len(mutants))
        return done

    def _kept(self, key: str) -> Optional[Dict[str, Any]]:
        try:
            kept = json.loads((self._store / f"{key}.json").read_text(encoding="utf-8"))
            return kept if isinstance(kept, dict) else None
        except (OSError, ValueError):
            return None

    def _keep(self, key: str, value: Mapping[str, Any]) -> None:
        self._store.mkdir(parents=True, exist_ok=True)
        results.replace(self._store / f"{key}.json", json.dumps(value).encode("utf-8"))


def cheap_first(tests: Sequence[TestSpec]) -> List[TestSpec]:
    """By what a test may cost: its limit of instructions, and that of all its processors' set-up."""
    return sorted(tests, key=lambda test: (test.explore, test.stage != Stage.NONE.value, test.machine.processors, test.limit))


def seeds_of(seed: int) -> List[int]:
    """The master seeds of a run."""
    return [(seed * SEEDS + number) % (MASTER_SEED_MAX + 1) for number in range(SEEDS)]


def tests_of(course: Course, lab: Lab, exercise: Exercise) -> List[TestSpec]:
    """The tests that may notice a mutant: those of its exercise."""
    return [test for test in course.tests_of(lab) if test.exercise == exercise.number]


def _kill(outcomes: Sequence[Outcome]) -> Kill:
    last = outcomes[-1]
    if last.verdict is Verdict.PASS:
        return Kill()
    return Kill(last.test, last.verdict.value, last.hint_id, last.hint, last.expected[:300], (last.difference or last.seen)[:300])


def _ended(mutant: Mutant, kills: Mapping[int, Kill]) -> Finding:
    killed = sum(bool(kill.test) for kill in kills.values())
    return Finding(mutant, KILLED if killed == len(kills) else PARTLY if killed else SURVIVED, seeds=dict(kills))


def _material(tree: Tree, folder: str) -> str:
    """A hash of what mutants are built of; with a lab's folder, of what judges them too."""
    total = hashlib.sha256(b"1")
    if folder:
        paths = [*(tree.root / folder).glob("*.py"), *(tree.root / folder / "tests").rglob("*"), *tree.root.glob("grader/*.py"),
                 *(tree.solutions / Path(folder).name / "hidden").rglob("*")]
        for part in ("machine", "views", "guest", "explore"):
            paths += (tree.root / "grader" / part).rglob("*.py")
        versions: Sequence[str] = ("qemu-system-i386", )
    else:
        paths = [*tree.root.glob("kernel/**/*"), *tree.root.glob("labs/*/tests/*.cpp")]
        versions = ("clang++", "lld-link")
    for path in sorted(paths):
        if path.is_file() and path.suffix in (".py", ".cpp", ".S", ".h", ".mk", ".inc", ".def", ".txt"):
            total.update(f"{path.relative_to(tree.root)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    for program in versions:
        done = subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        total.update(done.stdout)
    total.update(os.environ.get("MICA_CHECKED", "").encode())
    return total.hexdigest()


__all__ = ["Engine", "Finding", "Kill", "RealWorkshop", "Workshop", "cheap_first", "seeds_of", "tests_of"]
