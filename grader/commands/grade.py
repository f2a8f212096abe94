"""`grade`: the journey of students and instructors.

Options mirror the Makefile's variables; an empty one counts as not given."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import shlex
import sys
from pathlib import Path
from typing import Callable, Dict, Mapping, Optional, Sequence

from grader import labs
from grader.commands import bochs_smoke
from grader.commands.options import add_further, add_selection, master_seed, number
from grader.errors import GraderError, InfraError, SubmissionError
from grader.judge.grading import Grading, default_runner, sandbox_note
from grader.labs import Course
from grader.model import Lab, Result, Verdict
from grader.report import result as results
from grader.report import canonical, github, gradescope, junit, refusal
from grader.report.terminal import TerminalProgress, write_report
from grader.submission import manifest
from grader.tree import Tree
from grader.watch.files import Files
from grader.watch.solved import Solved

_FORMATS: Dict[str, Callable[[Result], bytes]] = {
    "json": canonical.render, "gradescope": gradescope.render, "github": github.render, "junit": junit.render}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `grade`."""
    add_selection(parser)
    add_further(parser)
    parser.add_argument("--json", default="", metavar="FILE", help="write the canonical result file")
    parser.add_argument("--gradescope", default="", metavar="FILE", help="write Gradescope's results.json")
    parser.add_argument("--github",
                        default="",
                        metavar="FILE",
                        help="write GitHub Classroom's JSON, and its step output")
    parser.add_argument("--junit", default="", metavar="FILE", help="write JUnit XML")
    parser.add_argument("--student-seed", default="", metavar="N", help="the student's seed, from the class list")
    parser.add_argument("--smp", default="1", metavar="N", help="processors for the tests that do not ask for a number")
    parser.add_argument("--emu", default="qemu", choices=("qemu", "bochs"), help="the emulator")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """Grades, reports, and returns the exit code of the result.  A submission that is refused leaves its files too."""
    try:
        return _grade(tree, options)
    except GraderError as error:
        if isinstance(error, SubmissionError) or _is_students(tree, error):
            write_files({name: render(str(error)) for name, render in refusal.FORMATS.items()},
                        refusal.github_output(str(error)), options)
        raise


def _is_students(tree: Tree, error: GraderError) -> bool:
    """In a student's branch the tree is the submission: headers and labs that are broken there are the student's doing."""
    return tree.is_handout and not isinstance(error, InfraError)


def _grade(tree: Tree, options: argparse.Namespace) -> int:
    course = labs.with_further(labs.load(tree, options.lab), options.further)
    chosen_labs, tests = labs.select(course, options.lab or own_lab(tree, options.test), options.test)
    if options.emu == "bochs":
        return bochs_smoke.smoke(tree, options, len(tests))
    processors = number(options.smp, "SMP", 1) or 1
    tests = [dataclasses.replace(test, machine=test.machine.on(processors)) for test in tests]
    progress = TerminalProgress(sys.stderr, len(tests))
    grading = Grading(tree, course, default_runner(), progress, number(options.jobs, "JOBS", 1) or 2)
    before = contents(tree, chosen_labs)
    result = grading.grade(options.submission, chosen_labs, tests, master_seed(options.seed),
                           number(options.student_seed, "--student-seed"))
    progress.clear()
    write_files({name: render(result) for name, render in _FORMATS.items()}, github.step_output(result), options)
    remarks = [_of_seed(result.student_seed, grading.seed_origin, options.submission) if has_seed(chosen_labs) else "",
               sandbox_note() if options.submission else "", *grading.builder.remarks,
               left_out(course, chosen_labs) if not options.test else "",
               milestones(result) if tree.is_handout and not options.submission else "",
               next_step(tree, result) if tree.is_handout and not options.submission and not options.test else ""]
    write_report(for_screen(result, options.submission, tree.out), sys.stdout, tuple(filter(None, remarks)),
                 () if options.submission else manifest.unsubmitted(tree.root, course.submitted))
    if not options.submission and not options.seed and processors == 1:
        remember(tree, course, result, before, contents(tree, chosen_labs))
    return result.exit_code


def contents(tree: Tree, chosen: Sequence[Lab]) -> Dict[str, bytes]:
    """Of each exercise, what its files hold."""
    files = Files(tree.root, ())
    return {exercise.number: files.content(exercise.files) for lab in chosen for exercise in lab.exercises}


def remember(tree: Tree, course: Course, result: Result, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> None:
    """Tells `make watch` which exercises are solved, and which are not."""
    solved = Solved.of(tree)
    for exercise, content in before.items():
        ran = [one for one in result.outcomes if one.exercise == exercise]
        tests = [test for test in course.tests if test.exercise == exercise]
        right = all(one.verdict is Verdict.PASS for one in ran)
        lost = any(one.verdict is Verdict.INFRA_ERROR for one in ran)
        if ran and not lost and content == after[exercise] and not (right and len(ran) < len(tests)):
            with contextlib.suppress(GraderError):  # the grading is done, whatever becomes of the memory
                solved.note(exercise, content, right)


def next_step(tree: Tree, result: Result) -> str:
    """The first exercise, in the order of the handout, in which there is something to do now."""
    for lab in result.labs:
        for exercise in labs.in_order(tree, lab):
            if any(one.exercise == exercise.number and one.verdict is not Verdict.PASS and not one.waits_for for one in result.outcomes):
                return (f"next: exercise {exercise.number}, {exercise.title}. Read labs/{lab.folder}/README.md; "
                        f"make watch EX={exercise.number} grades it on every save.")
    return ""


def milestones(result: Result) -> str:
    """What the solved exercises show in a kernel that boots."""
    solved = [exercise for lab in result.labs for exercise, earned, possible in results.scores_of(result, lab)
              if exercise.shows and earned == possible > 0]
    return "" if not solved else "solved, and to be seen at the prompt of `make monitor` when your kernel boots: " + "; ".join(
        f"{exercise.number} {' '.join(f'`{command}`' for command in exercise.shows)}" for exercise in solved)


def left_out(course: Course, chosen: Sequence[Lab]) -> str:
    """The further exercises that were not asked for, and how to."""
    rest = [exercise for lab in chosen for exercise in lab.further if exercise.number not in course.further]
    if not rest:
        return ""
    return (f"further exercises, not graded here: {', '.join(exercise.number for exercise in rest)} "
            f"({sum(exercise.points for exercise in rest)} points of their own; make grade FURTHER=\"{rest[0].number}\" or FURTHER=all grades them)")


def own_lab(tree: Tree, pattern: str) -> str:
    """In a student's branch, without LAB= and TEST=: the lab of the branch.  Earlier labs are graded in their own branches, where
    nothing of this lab is missing yet."""
    return "" if pattern or tree.branch_lab is None else str(tree.branch_lab)


def for_screen(result: Result, submission: str, out: Path = Path()) -> Result:
    """On the screen the replay commands name the submission and timelines have a whole path; the result file does not
    depend on where they lay."""
    more = f" SUBMISSION={shlex.quote(submission)}" if submission else ""

    def whole(page: str) -> str:
        path = out / page
        return str(path.relative_to(Path.cwd()) if Path.cwd() in path.parents else path)

    return dataclasses.replace(result, outcomes=tuple(
        dataclasses.replace(one, replay=one.replay + more if one.replay else "", page=whole(one.page) if one.page else "")
        for one in result.outcomes))


def _of_seed(seed: Optional[int], origin: str, submission: str) -> str:
    """Which seed chose the questions of exercise 0.1, or how to get one."""
    if seed is not None:
        return f"student seed {seed}, from {origin}"
    return f"{origin}: exercise 0.1 cannot be judged. " + (
        "Give the student's seed, as the class list has it: python3 -m grader grade --student-seed N ..." if submission else
        "Run `make seed` and commit the file with your answers.")


def has_seed(chosen: Sequence[Lab]) -> bool:
    """Whether questions of these labs depend on the student's own seed."""
    return any(lab.seed for lab in chosen)


def write_files(contents: Mapping[str, bytes], step_output: bytes, options: argparse.Namespace) -> None:
    """Writes every format that was asked for; GitHub's runner names a file to append its step output to."""
    for name, content in contents.items():
        if getattr(options, name):
            results.write(Path(getattr(options, name)), content)
    if options.github and os.environ.get("GITHUB_OUTPUT"):
        with open(os.environ["GITHUB_OUTPUT"], "ab") as stream:
            stream.write(step_output)
    elif options.github:
        results.write(Path(options.github + ".output"), step_output)
