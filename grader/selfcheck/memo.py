"""A runner that remembers: a test on a kernel it has met, with the same seed and answers, is not run again.

Sound because a grading is deterministic (`stability` tries it): the outcome depends on the kernel's content, the test,
the seeds and the student's written answers, and these are the key.  Used by the self-check, where a wrong variant of one
exercise leaves the kernels of all others as they are.  A submission is never graded from memory.
"""

from __future__ import annotations

import hashlib
from typing import Dict, List, Tuple

from grader.labs import Course
from grader.model import KernelSet, Outcome, Progress, Runner, TestSpec, Verdict

Key = Tuple[str, ...]


class Memo:
    """Wraps a runner; can be called like one."""

    def __init__(self, runner: Runner, course: Course) -> None:
        self._runner, self._course = runner, course
        self._known: Dict[Key, Outcome] = {}

    def __call__(self, kernels: KernelSet, tests: List[TestSpec], seed: int, jobs: int,
                 progress: Progress) -> List[Outcome]:
        keys = {test.name: self._key(kernels, test, seed) for test in tests}
        for test in tests:
            if keys[test.name] in self._known:
                progress.finished(self._known[keys[test.name]])
        fresh = [test for test in tests if keys[test.name] not in self._known]
        ran = {one.test: one for one in self._runner(kernels, fresh, seed, jobs, progress)} if fresh else {}
        for name, outcome in ran.items():
            if outcome.verdict is not Verdict.INFRA_ERROR:
                self._known[keys[name]] = outcome
        return [ran[test.name] if test.name in ran else self._known[keys[test.name]] for test in tests]

    def _key(self, kernels: KernelSet, test: TestSpec, seed: int) -> Key:
        answers = hashlib.sha256()
        for name in self._course.lab(test.lab).exercise(test.exercise).files:
            path = kernels.student_dir / name
            if not name.startswith("kernel/") and path.is_file():
                answers.update(name.encode() + b"\0" + path.read_bytes())
        return (str(kernels[test.kernel].directory), test.name, str(seed), str(kernels.student_seed),
                answers.hexdigest())
