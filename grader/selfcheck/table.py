"""The grader graded: what is known to be right gets full marks, what is known to be wrong loses exactly its own.

Rows of the table, for each lab
  starter     0 points
  reference   full marks
  accepted    full marks
              (every row must build: a variant that does not compile proves nothing; a cheater may say `Refused: yes`)
  mistake     exactly the tests of `Fails:` fail, all others pass, and the hints shown are exactly those of `Hint:`;
              what `Perhaps:` names may come or not
  cheater     no more points than the starter

With a sample (sampling.py) some of the mistakes have a row, and a row of a mistake or a cheater runs some of the tests.

One master seed serves all rows, and a kernel that a row shares with an earlier one is not judged twice (memo.py).
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from grader import sources
from grader.errors import GraderError
from grader.judge.grading import Grading, default_seed
from grader.model import Lab, Outcome, Result, TestSpec, Verdict
from grader.selfcheck import variants
from grader.selfcheck.parallel import parallel
from grader.selfcheck.sampling import Sample
from grader.selfcheck.variants import Variant
from grader.submission.files import Submission
from grader.submission.studentseed import complete_tree_seed

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Row:
    """One line of the table; `trouble` is empty when the row is as it should be."""

    lab: int
    kind: str
    name: str
    score: str
    trouble: str
    outcomes: Tuple[Outcome, ...] = ()

    @property
    def full_name(self) -> str:
        """Unique over all labs: lab1.mistake.bit-stays-set."""
        return f"lab{self.lab}.{self.kind}.{self.name}"


class SelfCheck:
    """Runs the table for the labs of a tree."""

    def __init__(self, grading: Grading, seed: Optional[int], sample: Optional[Sample] = None) -> None:
        self._grading = grading
        tree, course = grading.tree, grading.course
        marked = sources.marked(tree, course)
        self.reference: Dict[str, bytes] = {name: (tree.root / name).read_bytes() for name in course.files}
        self.starter: Dict[str, bytes] = {
            name: marked[name].starter.encode("utf-8", "surrogateescape")
            for name in course.files
        }
        self._sample = sample
        self._own = complete_tree_seed(tree, course.seed_file)
        self._seed = default_seed(Submission(self.reference, ())) if seed is None else seed

    def rows(self, lab: Lab, only: str = "", jobs: int = 1) -> Iterator[Row]:
        """The rows of one lab, `jobs` at a time; `only` is a glob over their names, and a row that is asked for so is there with a
        sample too."""
        def wanted(kind: str, name: str) -> bool:
            return not only or any(fnmatch.fnmatchcase(text, only) for text in (name, f"lab{lab.number}.{kind}.{name}"))

        found = [variant for variant in variants.of_lab(self._grading.tree, lab) if wanted(variant.word, variant.name)
                 and (only or not self._sample or self._sample.takes(variant))]
        starter = None
        if wanted("starter", "starter") or any(variant.kind == "cheaters" for variant in found):
            starter = self._grade(lab, self.starter)
        if wanted("starter", "starter") and starter:
            yield _row(lab, "starter", "starter", starter,
                       "" if earned(starter) == 0 else f"{earned(starter)} points, must be 0")
        if wanted("reference", "reference"):
            yield self._full(lab, "reference", "reference", self.reference)
        baseline = earned(starter) if starter else 0
        yield from parallel([lambda variant=variant: self._varied(lab, variant, baseline) for variant in found], jobs)

    def _varied(self, lab: Lab, variant: Variant, baseline: int) -> Row:
        base = self.starter if variant.base == "starter" else self.reference
        try:
            files = variants.apply(variant, base)
        except GraderError as error:
            return Row(lab.number, variant.word, variant.name, "-", str(error))
        if variant.kind == "accepted":
            return self._full(lab, "accepted", variant.name, files)
        result = self._grade(lab, files, self._chosen(lab, variant))
        if variant.kind == "cheaters":
            gained = earned(result) - baseline
            trouble = f"gains {gained} points" if gained > 0 else ""
            if variant.refused:
                return _refused(lab, variant, result, trouble)
            return _row(lab, "cheater", variant.name, result, trouble)
        return _row(lab, "mistake", variant.name, result, judge_mistake(variant, result, self._grading.course.tests_of(lab)))

    def _chosen(self, lab: Lab, variant: Variant) -> List[TestSpec]:
        """The tests that a row runs."""
        tests = self._grading.course.tests_of(lab)
        return self._sample.tests(variant, tests) if self._sample else tests

    def _full(self, lab: Lab, kind: str, name: str, files: Files) -> Row:
        result = self._grade(lab, files)
        lost = [outcome.test for outcome in result.outcomes if outcome.verdict is not Verdict.PASS]
        return _row(lab, kind, name, result, "fails " + ", ".join(lost) if lost else "")

    def _grade(self, lab: Lab, files: Files, tests: Optional[List[TestSpec]] = None) -> Result:
        return self._grading.grade_files(Submission(dict(files), ()), [lab], tests or self._grading.course.tests_of(lab),
                                         self._seed, self._own)


def earned(result: Result) -> int:
    """All points, of the core track and beside it."""
    return result.score + result.further_score


def judge_mistake(variant: Variant, result: Result, tests: Sequence[TestSpec]) -> str:
    """What is wrong with a mistake's row: tests that fail too much or too little, hints that are not the ones."""
    names = {test.name for test in tests}
    expected, chance = variant.failed(names), variant.perhaps_failed(names)
    unknown = [pattern for pattern in variant.fails if not fnmatch.filter(sorted(names), pattern)]
    failed = {outcome.test for outcome in result.outcomes if outcome.verdict is not Verdict.PASS}
    hints = {outcome.hint_id for outcome in result.outcomes if outcome.verdict is not Verdict.PASS and outcome.hint_id}
    trouble: List[str] = []
    if unknown:
        trouble.append("unknown test " + ", ".join(unknown))
    if failed - expected - chance:
        trouble.append("fails too " + ", ".join(sorted(failed - expected - chance)))
    if expected - failed:
        trouble.append("does not fail " + ", ".join(sorted(expected - failed)))
    if hints - set(variant.perhaps) != set(variant.hints) - set(variant.perhaps):
        trouble.append(f"hints {', '.join(sorted(hints)) or 'none'} instead of {', '.join(sorted(variant.hints))}")
    return "; ".join(trouble)


def _refused(lab: Lab, variant: Variant, result: Result, trouble: str) -> Row:
    """A cheater that must not get a kernel: every exercise that it touches has the build's message instead."""
    if result.infra_errors:
        trouble = trouble or f"could not be judged: {result.infra_errors[0].seen}"
    elif not any(note.fatal for note in result.notes):
        trouble = trouble or "is built, and should be refused"
    return Row(lab.number, "cheater", variant.name, result.in_words, trouble, result.outcomes)


def _row(lab: Lab, kind: str, name: str, result: Result, trouble: str) -> Row:
    broken = [note for note in result.notes if note.fatal]
    if broken:
        trouble = f"exercise {broken[0].exercise} does not build: {broken[0].text.splitlines()[0]}"
    if result.infra_errors:
        first = result.infra_errors[0]
        trouble = f"{len(result.infra_errors)} tests could not be judged, as {first.test}: {first.difference or first.seen}"
    return Row(lab.number, kind, name, result.in_words, trouble, result.outcomes)
