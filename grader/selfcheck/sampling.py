"""What `make test` takes of the self-check's table: every starter, reference, accepted variant and cheater, and of the mistakes a draw.

One number decides what is drawn.  It comes from the commit, so each commit runs other mistakes and after some commits all have run; the
same number draws the same rows and tests again.  How many mistakes are drawn does not grow with the course: the whole table is
`make selfcheck`.

The tests ask their questions with one of three master seeds, and the tests that a row runs beside those that it names depend on that seed
alone.  So all that a commit can draw can be run beforehand: `python3 -m grader selfcheck --sample --only '*' --seed N` for N = 0, 1, 2.
What a mistake does at other seeds, and to all other tests, the whole table finds.
"""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Dict, Iterable, List, Sequence, Set

from grader import git
from grader.errors import GraderError
from grader.model import Lab, TestSpec
from grader.selfcheck import variants
from grader.selfcheck.variants import Variant
from grader.tree import Tree

MISTAKES = 40  # of the whole course; each exercise has its share, rounded up
SEEDS = (1, 2, 3)  # master seeds
OTHERS, OF_CHEATERS = 2, 10  # tests of a mistake's row beside those that it names; tests of a cheater's row


def number_of_commit(tree: Tree, otherwise: int) -> int:
    """The number that follows from the commit, as SEED= takes it; `otherwise` where there is no commit to ask for."""
    try:
        return int(git.ask(tree.root, "rev-parse", "HEAD")[:8], 16)
    except (GraderError, ValueError):
        return otherwise


class Sample:
    """The rows and tests that `draw` chooses, for the labs of a course."""

    def __init__(self, tree: Tree, labs: Iterable[Lab], draw: int) -> None:
        self.seed = SEEDS[draw % len(SEEDS)]
        mistakes = [variant for lab in labs for variant in variants.of_lab(tree, lab) if variant.kind == "mistakes"]
        self._drawn = drawn(mistakes, draw)
        self.in_words = f"{len(self._drawn)} of {len(mistakes)} mistakes"

    def takes(self, variant: Variant) -> bool:
        """True when the row of this variant runs."""
        return variant.kind != "mistakes" or variant.path in self._drawn

    def tests(self, variant: Variant, tests: Sequence[TestSpec]) -> List[TestSpec]:
        """Those of a lab's tests that the row runs: all that a mistake fails, and some others."""
        if variant.refused:  # the build refuses, so nothing runs
            return list(tests)
        names = [test.name for test in tests]
        chosen = random.Random(f"{self.seed} {variant.name} {len(names)}")
        if variant.kind == "cheaters":
            wanted = set(chosen.sample(names, min(OF_CHEATERS, len(names))))
        else:
            named = variant.failed(names)
            own = [test.name for test in tests if test.exercise == variant.exercise]
            others = sorted(set(own or names) - named)
            wanted = named | set(chosen.sample(others, min(OTHERS, len(others))))
        return [test for test in tests if test.name in wanted]


def drawn(mistakes: Sequence[Variant], draw: int, most: int = MISTAKES) -> Set[Path]:
    """The mistakes that run: of each exercise as many as it has of all, so that none goes without."""
    exercises: Dict[str, List[Path]] = {}
    for variant in mistakes:
        exercises.setdefault(variant.exercise, []).append(variant.path)
    found: Set[Path] = set()
    for exercise, paths in exercises.items():
        count = min(len(paths), math.ceil(len(paths) * most / len(mistakes)))
        found |= set(random.Random(f"{draw} {exercise}").sample(sorted(paths), count))
    return found
