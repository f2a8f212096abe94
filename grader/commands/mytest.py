"""`mytest`: a student's own scenarios on a right kernel, on two wrong ones for practice, or on a kernel with a mistake that he planted.

    make mytest LAB=3                   mytest.cpp on the right kernel, and on the practice kernels of the lab
    make mytest LAB=3 TEST=3.3          on a kernel with this tree's files of exercise 3.3, all else as given
    make mytest LAB=3 SEED=7            the same under other schedules
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Tuple

from grader import labs
from grader.commands.options import add_selection, master_seed, number
from grader.errors import GraderError, InfraError
from grader.judge.grading import Grading, default_runner
from grader.model import EXPLORE, Kernel, Lab
from grader.mytest import driver, judging, practice
from grader.report.text import for_terminal
from grader.submission.files import Submission
from grader.tree import Tree

FILE = "mytest.cpp"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `mytest`."""
    add_selection(parser)


def run(tree: Tree, options: argparse.Namespace) -> int:
    """0: a right kernel passes, and each practice kernel is found; with TEST=: no scenario fails.  1: otherwise."""
    course = labs.load(tree, options.lab)
    lab, file = _file_of(course, options.lab)
    numbers = [exercise.number for exercise in lab.exercises if any(name.startswith("kernel/") for name in exercise.files)]
    if options.test and options.test not in numbers:
        raise GraderError(f"name the exercise whose files are yours in the kernel: TEST= one of {', '.join(numbers)}; without TEST= your "
                          "scenarios are tried on practice kernels")
    grading = Grading(tree, course, default_runner(), jobs=number(options.jobs, "JOBS", 1) or 2)
    submission = grading.read(options.submission)
    folder, error = driver.compiled(tree, grading.builder, submission.files.get(file, b""), file)
    if error:
        print(for_terminal(error))
        return 1
    seed = master_seed(options.seed) or 1
    if not options.test:
        return _practice(tree, grading, lab, submission, folder, seed)
    kernel = grading.builder.build(submission, [options.test + EXPLORE])[options.test + EXPLORE]
    return 1 if not _built(kernel) or _fails(folder, kernel.directory, seed) else 0


def _file_of(course: labs.Course, wanted: str) -> Tuple[Lab, str]:
    """The lab and the file of the student's scenarios."""
    found = [(lab, name) for lab in course.labs for name in lab.files if name.endswith("/" + FILE) and wanted in ("", str(lab.number))]
    if not any(name.endswith("/" + FILE) for name in course.files):
        raise GraderError(f"your own scenarios ({FILE}) are an exercise that is not in this branch: they come with a later lab. "
                          "make grade tests what you write here")
    if not found:
        here = ", ".join(f"make mytest LAB={lab.number}" for lab in course.labs if any(name.endswith("/" + FILE) for name in lab.files))
        raise GraderError(f"no {FILE} in this lab; try {here}")
    return found[0]


def _practice(tree: Tree, grading: Grading, lab: Lab, submission: Submission, folder: Path, seed: int) -> int:
    """The right kernel first: scenarios that reject it find nothing."""
    own = grading.builder.without_reference(exercise.number for exercise in lab.exercises)
    print(f"On {'your own kernel: this branch has no reference of exercise ' + ', '.join(own) if own else 'the right kernel'}:", flush=True)
    right = grading.builder.with_given(submission, {})
    if not _built(right):
        return 1
    if _fails(folder, right.directory, seed, "  "):
        print("\nA right kernel must pass: correct the scenarios above, or your kernel. The practice kernels were not tried.")
        return 1
    missed = 0
    for count, one in enumerate(practice.of_lab(tree, lab), 1):
        print(f"\nOn practice kernel {count}, wrong in what {one.read} promises:", flush=True)
        kernel = grading.builder.with_given(submission, practice.changed(tree, one, lab.files))
        if not _built(kernel):
            return 1
        caught = _fails(folder, kernel.directory, seed, "  ")
        missed += not caught
        print(for_terminal(f"Found: {one.says}." if caught else f"Not found. Which sentence of {one.read} does no scenario of yours check?"))
    return 1 if missed else 0


def _built(kernel: Kernel) -> bool:
    """Says what the compiler has against it."""
    if kernel.trouble:
        raise InfraError(kernel.trouble)
    if kernel.error:
        print(for_terminal(kernel.error))
    return not kernel.error


def _fails(folder: Path, kernel: Path, seed: int, indent: str = "") -> bool:
    """Explores each scenario on a kernel and says what comes of it.  Whether one fails."""
    failed = False
    for name, report in judging.each(folder, kernel, seed):
        failed |= report.find is not None
        print(indent + for_terminal(f"{name:24} {judging.says(report)}"), flush=True)
    return failed
