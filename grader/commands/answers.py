"""`answers`: what a student with a given seed must find in exercise 0.1 (for instructors).

solutions/N-name/answers.py of the lab whose questions depend on the seed says how; it is asked on the reference kernel, in the machine that the tests use.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import sys
from pathlib import Path
from typing import Callable, Dict

from grader import labs
from grader.building.builder import Builder
from grader.commands.options import number
from grader.errors import GraderError
from grader.judge.grading import default_runner
from grader.model import TestSpec, Verdict
from grader.submission.studentseed import complete_tree_seed, from_mail
from grader.tree import Tree

FILE = "answers.py"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `answers`."""
    parser.add_argument("--seed", default="", metavar="N", help="the student's seed (default: the tree's own)")
    parser.add_argument("--email", default="", metavar="MAIL", help="the student's e-mail instead of the seed")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """Prints `name = value` lines."""
    course = labs.load(tree)
    lab = course.seeded
    sample = next(iter(course.tests_of(lab)), None) if lab else None
    if lab is None or sample is None:
        raise GraderError("no lab here has questions that depend on a seed; run this in the complete tree")
    given = from_mail(options.email) if options.email else number(options.seed, "SEED")
    seed = complete_tree_seed(tree, lab.seed) if given is None else given
    found: Dict[str, str] = {}
    test = probe(sample, tree.solutions / lab.folder / FILE, found)
    outcome = default_runner()(Builder(tree, course).reference(seed), [test], seed, 1, None)[0]
    if outcome.verdict is not Verdict.PASS:
        raise GraderError(f"the kernel gave no answers for seed {seed}: {outcome.seen}; run make selfcheck LAB={lab.number}")
    print(f"# student seed {seed}, from {'the command line' if given is not None else 'the complete tree'}")
    for name, value in found.items():
        print(f"{name:10} = {value}")
    return 0


def probe(sample: TestSpec, path: Path, found: Dict[str, str]) -> TestSpec:
    """A test that asks instead of judging; it starts where the lab's own tests start."""
    ask = load(path, sample.lab)
    return dataclasses.replace(sample, name="answers", title="the answers", function=lambda t: found.update(ask(t)))


def load(path: Path, lab: int) -> "Callable[..., Dict[str, str]]":
    """`answers` of a lab's answers.py, as a module of the lab's test package."""
    if not path.is_file():
        raise GraderError(f"{path}: not there; answers are in the complete tree only")
    spec = importlib.util.spec_from_file_location(f"mica_lab{lab}_tests.answers", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.answers
