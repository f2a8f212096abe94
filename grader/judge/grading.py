"""One grading from end to end: submission -> kernels -> outcomes -> Result."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Dict, List, Optional, Sequence

from grader.building import sandbox
from grader.building.builder import Builder
from grader.errors import GraderError
from grader.hints import record
from grader.judge.runner import run_tests
from grader.labs import Course
from grader.model import WHOLE, ExerciseNote, KernelSet, Lab, Outcome, Progress, Result, Runner, TestSpec, Verdict
from grader.mytest import kernels as own_tests
from grader.report import result as results
from grader.submission import files as submissions, manifest, unwritten
from grader.submission.files import Submission
from grader.submission.studentseed import StudentSeed, complete_tree_seed, student_seed
from grader.tree import Tree


class Grading:
    """Grades submissions against one tree.  `runner` is grader.judge.runner.run_tests, or a fake one in tests."""

    def __init__(self, tree: Tree, course: Course, runner: Runner, progress: Optional[Progress] = None,
                 jobs: int = 2, builder: Optional[Builder] = None) -> None:
        self.tree, self.course, self._runner = tree, course, runner
        self._progress = progress or Progress()
        self._jobs = max(1, jobs)
        self.seed_origin = ""
        self.builder = builder or Builder(tree, course, self._progress, jobs)

    def read(self, source: str, files: Sequence[str] = ()) -> Submission:
        """Reads SUBMISSION; empty in a student's branch (and for the complete kernel) means the tree itself."""
        found = submissions.read(source or str(self.tree.root), files or self.course.files, self.course.optional, self.tree.root, compare=bool(source))
        said = manifest.remarks(self.tree.root, self.course.submitted, found.others, bool(source))
        return dataclasses.replace(found, remarks=(*found.remarks, *said))

    def grade(self, source: str, labs: Sequence[Lab], tests: Sequence[TestSpec], seed: Optional[int] = None,
              own_seed: Optional[int] = None) -> Result:
        """Grades what SUBMISSION names."""
        if not tests:
            raise GraderError("no test to run; see `make grade LAB=...` for the labs that exist")
        files = tuple(dict.fromkeys(name for lab in self.course.labs for name in lab.files))
        submission = self.read(source, files)
        found = student_seed(self.course.seed_file, submission.files.get(self.course.seed_file), own_seed)
        if found.value is None and not source and not self.tree.is_handout:
            found = StudentSeed(complete_tree_seed(self.tree, self.course.seed_file), "the complete tree")
        own, self.seed_origin = found.value, found.origin
        if not source and not self.tree.is_handout:
            kernels = self.builder.reference(own, [test.kernel for test in tests])
            return self._run(kernels, submission, labs, tests, seed, own)
        self._say_what_is_unwritten(submission)
        return self.grade_files(submission, labs, tests, seed, own)

    def _say_what_is_unwritten(self, submission: Submission) -> None:
        """Before the first build: every exercise that a kernel needs from this submission, and does not get."""
        exercises = [exercise for lab in self.course.labs for exercise in lab.exercises]
        alone = self.builder.without_reference(exercise.number for exercise in exercises)
        lines = unwritten.listed([exercise for exercise in exercises if exercise.number in alone], submission)
        if lines:
            self._progress.note("\n".join(["This branch has no reference of these exercises, and they are not written yet. A kernel stops where it "
                                           "comes to one of them:", *lines]))

    def grade_files(self, submission: Submission, labs: Sequence[Lab], tests: Sequence[TestSpec],
                    seed: Optional[int], own: Optional[int]) -> Result:
        """Grades files that were read already."""
        keys = list(dict.fromkeys([*(test.exercise for test in tests), *(test.kernel for test in tests)]))
        return self._run(self.builder.build(submission, keys, own), submission, labs, tests, seed, own)

    def _run(self, kernels: KernelSet, submission: Submission, labs: Sequence[Lab], tests: Sequence[TestSpec],
             seed: Optional[int], own: Optional[int]) -> Result:
        chosen = default_seed(submission) if seed is None else seed
        outcomes: Dict[str, Outcome] = {}
        for test in tests:
            trouble, message = _trouble(kernels, test), _obstacle(kernels, test)
            if trouble or message:
                outcomes[test.name] = (results.not_judged(test, trouble, chosen) if trouble else
                                       results.not_built(test, message, chosen))
                self._progress.finished(outcomes[test.name])
        runnable = [test for test in tests if test.name not in outcomes]
        if runnable:
            made = own_tests.prepared(self.tree, self.course, self.builder, submission, kernels.student_dir, runnable, chosen, self._jobs)
            kernels = dataclasses.replace(kernels, own_tests=made) if made else kernels
            without = {test.name for test in runnable if test.stage == "none"}  # no machine: there is nothing to replay
            for outcome in self._runner(kernels, runnable, chosen, self._jobs, self._progress):
                outcomes[outcome.test] = outcome if outcome.test in without else results.with_replay(outcome)
        lost = [test.name for test in tests if test.name not in outcomes]
        if lost:
            raise GraderError(f"the runner gave no outcome for {', '.join(lost)}; report this with the log")
        notes = self._notes(kernels, submission, labs, tests) + self._on_own_kernel(labs, list(outcomes.values()))
        return Result(chosen, own, tuple(labs), tuple(outcomes[test.name] for test in tests), notes, submission.digest,
                      hints=tuple(record.of_files(submission.files, labs).items()))

    def _notes(self, kernels: KernelSet, submission: Submission, labs: Sequence[Lab],
               tests: Sequence[TestSpec]) -> "tuple[ExerciseNote, ...]":
        notes: List[ExerciseNote] = [ExerciseNote("", remark) for remark in submission.remarks]
        exercises = list(dict.fromkeys(test.exercise for test in tests))
        for exercise in exercises:
            if kernels[exercise].error:
                notes.append(ExerciseNote(exercise, kernels[exercise].error, fatal=True))
            elif kernels[exercise].trouble:
                notes.append(ExerciseNote(exercise, "not graded: " + kernels[exercise].trouble, fatal=True))
            elif kernels[exercise].warnings:
                notes.append(ExerciseNote(exercise, kernels[exercise].warnings))
            notes += [ExerciseNote(exercise, f"its kernel holds no exercise {other}, whose files were refused: {error.splitlines()[0]}")
                      for other, error in kernels[exercise].without]
        broken = [key for key, kernel in kernels.kernels.items()
                  if kernel.error and key != WHOLE and "/" not in key]
        if broken and any(test.whole for test in tests):
            notes.append(ExerciseNote("", "tests on the whole kernel ran with the reference in place of exercise "
                                      + ", ".join(sorted(broken))))
        return tuple(notes)

    def _on_own_kernel(self, labs: Sequence[Lab], outcomes: Sequence[Outcome]) -> "tuple[ExerciseNote, ...]":
        """Where a test failed on a kernel of the student's files alone: a mistake in another exercise can be the reason.  Nothing, where
        all passed."""
        alone = self.builder.without_reference(exercise.number for lab in labs for exercise in lab.exercises)
        if not any(one.exercise in alone and one.verdict is not Verdict.PASS for one in outcomes):
            return ()
        return (ExerciseNote("", f"For your information: your clone holds no reference of exercise {', '.join(alone)}. So their tests ran on "
                             "a kernel of all your files, and a test can fail because of another exercise. Your instructor's grading puts "
                             "the reference in place of the other exercises."),)


def _obstacle(kernels: KernelSet, test: TestSpec) -> str:
    """Why the test cannot run: its own exercise or its kernel was not built."""
    return kernels[test.exercise].error or kernels[test.kernel].error


def _trouble(kernels: KernelSet, test: TestSpec) -> str:
    """Why the machine is to blame that the test cannot run.  A message for the exercise's own files counts first."""
    return "" if kernels[test.exercise].error else kernels[test.exercise].trouble or kernels[test.kernel].trouble


def default_seed(submission: Submission) -> int:
    """The master seed when none is given: from the content, so the same files get the same tests and score, and a file
    that knows the seed of some run gets another one for knowing it.  Fifteen digits: with six, a comment that brings a
    prepared seed about was found within a second; more would not fit the integers of every reader of JSON."""
    return int.from_bytes(hashlib.sha256(b"mica seed " + submission.digest.encode()).digest()[:8],
                          "big") % (9 * 10**14) + 10**14


def sandbox_note() -> str:
    """One line for the report when the compiler ran without bubblewrap."""
    return "" if sandbox.bwrap(
    ) else "the compiler ran without a sandbox (bubblewrap is not there or does not work here)"


def default_runner() -> Runner:
    """The runner that boots QEMU."""
    return run_tests
