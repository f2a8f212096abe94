"""A small course in a temporary folder, and a runner that needs no machine."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import unittest
from pathlib import Path
from typing import Callable, Dict, List

from grader import git, sources
from grader.model import Exercise, KernelSet, Lab, Outcome, Progress, TestSpec, Verdict
from grader.tree import Tree

READY = "kernel/ntos/ke/sched/ready.cpp"
SWITCH = "kernel/ntos/ke/i386/switch.S"
QUANTUM = "kernel/ntos/ke/sched/quantum.cpp"

LAB_PY = '''from grader.model import Exercise, Lab
LAB = Lab(number=1, slug="processes", title="Threads", branch="lab1-processes", seed="labs/0-boot/seed.txt", exercises=(
    Exercise("1.1", "Ready queues", 5, ("kernel/ntos/ke/sched/ready.cpp",)),
    Exercise("1.2", "Switch", 3, ("kernel/ntos/ke/i386/switch.S", "kernel/ntos/ke/sched/quantum.cpp")),
))
'''

TESTS_PY = '''from grader.model import TestSpec
def _test(exercise, points, **more):
    def mark(function):
        name = function.__name__
        function.spec = TestSpec(exercise, name, points, name.replace("_", " "), function, **more)
        return function
    return mark
@_test("1.1", 2, features=("SCH-16",))
def insert_at_tail(t): pass
@_test("1.1", 3)
def bit_follows_queue(t): pass
@_test("1.2", 2)
def registers_survive(t): pass
@_test("1.2", 1, whole=True)
def threads_take_turns(t): pass
'''


class TreeCase(unittest.TestCase):
    """A test with a tree of its own in a temporary folder."""

    def setUp(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="mica-test-")).resolve()
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.tree = Tree(self.home / "tree", self.home / "tree" / "build")
        self.put("labs/1-processes/lab.py", LAB_PY)
        self.put("labs/1-processes/tests/test_threads.py", TESTS_PY)
        for name in (READY, SWITCH, QUANTUM):
            self.put(name, f"// {name}\n")

    def put(self, name: str, text: str) -> Path:
        """Writes a file of the tree, and names it in the tree's manifest."""
        path = self.tree.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.belongs(name)
        return path

    def belongs(self, *names: str) -> None:
        """Names files in the tree's manifest, as `python3 -m grader.sources` does in a repository."""
        manifest = self.tree.root / sources.MANIFEST
        manifest.parent.mkdir(parents=True, exist_ok=True)
        known = sources.listed(self.tree) if manifest.is_file() else []
        manifest.write_text(sources.manifest([*known, *names]), encoding="utf-8")


def as_student(folder: Path, *words: str) -> str:
    """What git prints for a student who works in `folder`."""
    settings = ("user.name=Student", "user.email=student@localhost", "protocol.file.allow=always")
    return git.ask(folder, *words, settings=settings).decode("utf-8", "replace")


def passes(test: TestSpec, seed: int) -> Outcome:
    """The outcome of a test that was passed."""
    return Outcome(test.name,
                   test.exercise,
                   test.title,
                   test.points,
                   test.points,
                   Verdict.PASS,
                   seed,
                   features=test.features)


def fails(test: TestSpec, seed: int, verdict: Verdict = Verdict.FAIL, **more: str) -> Outcome:
    """The outcome of a test that was failed."""
    values: Dict[str, str] = {
        "asked": "insert 3 threads",
        "expected": "A B C",
        "seen": "A C B",
        "hint_id": "order",
        **more
    }
    return dataclasses.replace(passes(test, seed), points=0, verdict=verdict, **values)  # type: ignore[arg-type]


def runner(judge: Callable[[TestSpec, int], Outcome] = passes) -> Callable[..., List[Outcome]]:
    """A stand-in for grader.judge.runner.run_tests that asks `judge`."""
    def run_tests(kernels: KernelSet, tests: List[TestSpec], seed: int, jobs: int, progress: Progress) -> List[Outcome]:
        outcomes = []
        for test in tests:
            progress.started(test)
            outcomes.append(judge(test, seed))
            progress.finished(outcomes[-1])
        return outcomes
    return run_tests


LAB = Lab(1, "processes", "Threads", "lab1-processes", (
    Exercise("1.1", "Ready queues", 5, (READY,)), Exercise("1.2", "Switch", 3, (SWITCH, QUANTUM))))
