"""Before the tests of a student's own scenarios run: the driver, and every kernel that they ask for.

Invariant: correct kernels are the reference, accepted variants, and those of solutions/N-name/hidden/right, which look different inside, so that
looks prove nothing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from grader.building.builder import EXPLORED, Builder
from grader.errors import GraderError, InfraError
from grader.labs import Course
from grader.model import EXPLORE, WHOLE, Kernel, Lab, OwnTest, TestSpec
from grader.mytest.driver import compiled
from grader.mytest import practice
from grader.mytest.source import has_scenario
from grader.submission.files import Submission
from grader.tree import Tree

ACCEPTED_MAX = 1  # accepted variants that are asked beside the reference
Variant = Any  # grader.selfcheck.variants.Variant, which a student's branch has not


def prepared(tree: Tree, course: Course, builder: Builder, submission: Submission, student: Path, tests: Sequence[TestSpec], seed: int,
             jobs: int) -> Dict[str, OwnTest]:
    """For each file of scenarios that these tests judge: what they need.  `student`: the folder of the submission's files."""
    files = dict.fromkeys(test.scenarios for test in tests if test.scenarios)
    return {file: _prepared(tree, course, builder, submission, student / file, [test for test in tests if test.scenarios == file], seed, jobs)
            for file in files}


def _prepared(tree: Tree, course: Course, builder: Builder, submission: Submission, path: Path, tests: Sequence[TestSpec], seed: int,
              jobs: int) -> OwnTest:
    file, lab = tests[0].scenarios, course.lab(tests[0].lab)
    text = path.read_bytes() if path.is_file() else b""
    if not has_scenario(text):
        return OwnTest(Path())
    try:
        driver, error = compiled(tree, builder, text, file)
        if error:
            return OwnTest(driver, error)
        own = builder.without_reference(exercise.number for exercise in lab.exercises)
        if own:
            right = (("your own kernel: this branch has no reference", own_kernel(builder, submission, own[0])),)
            return OwnTest(driver, right=right, own=True, at_home=tree.is_handout)
        return _on_kernels(tree, course, builder, lab, driver, list(dict.fromkeys(test.wrong for test in tests if test.wrong)), seed, jobs)
    except (GraderError, OSError) as error:
        return OwnTest(Path(), trouble=str(error))


def _on_kernels(tree: Tree, course: Course, builder: Builder, lab: Lab, driver: Path, names: List[str], seed: int, jobs: int) -> OwnTest:
    """The right kernels and the wrong ones of these names."""
    right: List[Variant] = []
    wrong: Dict[str, Variant] = {}
    if not tree.is_handout:
        from grader.selfcheck import variants  # an instructor's: a student's branch has neither them nor what they change
        right = [one for one in variants.of_lab(tree, lab) if one.kind == "accepted"][:ACCEPTED_MAX]
        right += [variants.read_right(path) for path in sorted((tree.solutions / lab.folder / "hidden" / "right").glob("*.edit"))]
        wrong = {name: variants.read(tree.solutions / lab.folder / "hidden" / "wrong" / f"{name}.edit") for name in names}
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        made = list(pool.map(lambda variant: kernel(tree, course, builder, lab, variant, seed), [None, *right, *wrong.values()]))
    says = ["the reference", *(one.says for one in right)]
    return OwnTest(driver, right=tuple(zip(says, made)), at_home=tree.is_handout,
                   wrong={name: (f"in what {one.read} promises" if one.read else f"in the files of exercise {one.exercise}", folder) for (name, one), folder in zip(wrong.items(), made[len(says):])})


def kernel(tree: Tree, course: Course, builder: Builder, lab: Lab, variant: Optional[Variant], seed: int) -> Path:
    """The explore flavour of a kernel: the reference, or with a variant of solutions/; linked in an order that follows from `seed`."""
    return builder.laid_out(_made_of(tree, course, builder, lab, variant), seed)


def _made_of(tree: Tree, course: Course, builder: Builder, lab: Lab, variant: Optional[Variant]) -> Path:
    if variant is None:
        return builder.base(EXPLORED)
    from grader.selfcheck import variants  # an instructor's
    if variant.read:
        return _built(variant, builder.with_given(_reference(tree, course), _changed(tree, variant)))
    files = {name: (tree.root / name).read_bytes() for name in lab.files if name.startswith("kernel/")}
    submission = Submission(variants.apply(variant, files), ())
    exercises = [exercise.number for exercise in lab.exercises
                 if any(submission.files.get(name) != files.get(name) for name in exercise.files)]
    keys = [f"{number}{EXPLORE}" for number in exercises]
    if len(keys) != 1:
        keys = [f"{WHOLE}{EXPLORE}"]
    return _built(variant, builder.build(submission, keys)[keys[0]])


def _reference(tree: Tree, course: Course) -> Submission:
    return Submission({name: (tree.root / name).read_bytes() for name in course.files if (tree.root / name).is_file()}, ())


def _changed(tree: Tree, variant: Variant) -> Dict[str, bytes]:
    """The sources of the kernel that a variant changes."""
    from grader.selfcheck import variants  # an instructor's
    files = practice.sources(tree)
    return {name: text for name, text in variants.apply(variant, files).items() if text != files[name]}


def _built(variant: Variant, made: Kernel) -> Path:
    """The folder of a variant's kernel."""
    if made.trouble:
        raise InfraError(f"{variant.path.name}: {made.trouble}")
    if made.error:
        raise GraderError(f"{variant.path}: the kernel does not build: {made.error.splitlines()[0]}")
    return made.directory


def own_kernel(builder: Builder, submission: Submission, alone: str) -> Path:
    """The explore flavour of a kernel with the student's files of every exercise that has no reference here.  `alone`: one of them."""
    made = builder.build(submission, [f"{alone}{EXPLORE}"])[f"{alone}{EXPLORE}"]
    if made.trouble:
        raise InfraError(made.trouble)
    if made.error:
        raise GraderError(f"your kernel does not build: {made.error.splitlines()[0]}; correct that first")
    return made.directory
