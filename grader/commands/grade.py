"""`grade`: the journey of students and instructors.  Options mirror the Makefile's variables; an empty one is not given."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Callable, Optional, Tuple

from grader import labs, result as results
from grader.commands.options import add_selection, number
from grader.grading import Grading, default_runner, sandbox_note
from grader.model import Result
from grader.report import canonical, github, gradescope, junit
from grader.report.terminal import TerminalProgress, write_report
from grader.tree import Tree

_FORMATS: Tuple[Tuple[str, Callable[[Result], bytes]], ...] = (
    ("json", canonical.render), ("gradescope", gradescope.render), ("github", github.render), ("junit", junit.render))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `grade`."""
    add_selection(parser)
    parser.add_argument("--json", default="", metavar="FILE", help="write the canonical result file")
    parser.add_argument("--gradescope", default="", metavar="FILE", help="write Gradescope's results.json")
    parser.add_argument("--github", default="", metavar="FILE", help="write GitHub Classroom's JSON, and its step output")
    parser.add_argument("--junit", default="", metavar="FILE", help="write JUnit XML")
    parser.add_argument("--student-seed", default="", metavar="N", help="the student's seed, from the class list")
    parser.add_argument("--emu", default="qemu", choices=("qemu", "bochs"), help="the emulator")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """Grades, reports, and returns the exit code of the result."""
    course = labs.load(tree)
    chosen_labs, tests = labs.select(course, options.lab, options.test)
    if options.emu == "bochs":
        from grader.commands.bochs_smoke import smoke
        return smoke(tree, options, len(tests))
    progress = TerminalProgress(sys.stderr, len(tests))
    grading = Grading(tree, course, default_runner(), progress, number(options.jobs, "JOBS", 1) or 2)
    result = grading.grade(options.submission, chosen_labs, tests, number(options.seed, "SEED"),
                           number(options.student_seed, "--student-seed"))
    progress.clear()
    write_files(result, options)
    write_report(result, sys.stdout, tuple(filter(None, [sandbox_note() if options.submission else ""])))
    return result.exit_code


def write_files(result: Result, options: argparse.Namespace) -> None:
    """Writes every format that was asked for."""
    for name, render in _FORMATS:
        if getattr(options, name):
            results.write(Path(getattr(options, name)), render(result))
    if options.github:
        _append_step_output(result, os.environ.get("GITHUB_OUTPUT"), Path(options.github))


def _append_step_output(result: Result, output: Optional[str], beside: Path) -> None:
    """GitHub's runner names a file to append to; elsewhere the line is left beside the JSON."""
    if output:
        with open(output, "ab") as stream:
            stream.write(github.step_output(result))
    else:
        results.write(beside.with_name(beside.name + ".output"), github.step_output(result))
