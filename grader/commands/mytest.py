"""`mytest`: a student's own scenarios on his own kernel, to see whether they find a mistake that he planted there.

    make mytest LAB=3 TEST=3.3          mytest.cpp on a kernel with this tree's files of exercise 3.3, all else as given
    make mytest LAB=3 TEST=3.3 SEED=7   the same under other schedules
"""

from __future__ import annotations

import argparse

from grader import labs
from grader.commands.options import add_selection, master_seed, number
from grader.errors import GraderError, InfraError
from grader.judge.grading import Grading, default_runner
from grader.model import EXPLORE
from grader.mytest import driver, judging
from grader.report.text import for_terminal
from grader.tree import Tree

FILE = "mytest.cpp"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `mytest`."""
    add_selection(parser)


def run(tree: Tree, options: argparse.Namespace) -> int:
    """0: no scenario fails; 1: one does, or the files do not compile."""
    course = labs.load(tree)
    found = [(lab, name) for lab in course.labs for name in lab.files if name.endswith("/" + FILE) and options.lab in ("", str(lab.number))]
    if not any(name.endswith("/" + FILE) for name in course.files):
        raise GraderError(f"your own scenarios ({FILE}) are an exercise that is not in this branch: they come with a later lab. "
                          "make grade tests what you write here")
    if not found:
        here = ", ".join(f"make mytest LAB={lab.number}" for lab in course.labs if any(name.endswith("/" + FILE) for name in lab.files))
        raise GraderError(f"no {FILE} in this lab; try {here}")
    lab, file = found[0]
    numbers = [exercise.number for exercise in lab.exercises if any(name.startswith("kernel/") for name in exercise.files)]
    if options.test not in numbers:
        raise GraderError(f"name the exercise whose files are yours in the kernel: TEST= one of {', '.join(numbers)}")
    grading = Grading(tree, course, default_runner(), jobs=number(options.jobs, "JOBS", 1) or 2)
    submission = grading.read(options.submission)
    folder, error = driver.compiled(tree, grading.builder, submission.files.get(file, b""), file)
    kernel = grading.builder.build(submission, [options.test + EXPLORE])[options.test + EXPLORE]
    if kernel.trouble:
        raise InfraError(kernel.trouble)
    if error or kernel.error:
        print(for_terminal(error or kernel.error))
        return 1
    failed = False
    for name, report in judging.each(folder, kernel.directory, master_seed(options.seed) or 1):
        failed |= report.find is not None
        print(for_terminal(f"{name:24} {judging.says(report)}"), flush=True)
    return 1 if failed else 0
