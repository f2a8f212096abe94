"""What the parts of the grader say to each other: labs, tests, kernels, outcomes.

Invariants
  * Every value here is plain data: it can be compared, pickled to a worker process and written as JSON.
  * Nothing here holds a time of day, a duration of the host or a temporary path that would reach the result file:
    the same submission and seed give the same bytes (grading.md, promise 2).
  * A verdict is one of four, never two: an infra-error is the grader's own trouble and never a zero.

Who fills what: labs.py makes Lab and TestSpec, build.py makes KernelSet, runner.py turns both into Outcome, result.py
gathers Outcome into Result, report/* renders it.
"""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Mapping, Optional, Tuple

from grader.machine.parts import Machine

WHOLE = "whole"  # the kernel that holds every file of the student
NOT_WRITTEN = "not-implemented"  # the hint id of a test that came to LAB_NOT_IMPLEMENTED
SEED_MISSING = "seed-missing"  # the hint id of a test whose questions a seed picks that the submission does not have
HINTS_TAKEN = "hints-taken.txt"  # a student's record of the hints that were taken, in the lab's folder
EXPLORE = "/explore"  # behind a kernel's key: the flavour whose schedules can be explored; another flavour is named in the same way


class Verdict(enum.Enum):
    """How one test ended."""

    PASS = "pass"
    FAIL = "fail"
    STUDENT_CRASH = "student-crash"  # bugcheck, triple fault, hang, left QEMU: the student's kernel did it
    INFRA_ERROR = "infra-error"  # our trouble, after retries: exit code 2, no points are taken as lost


class Stage(str, enum.Enum):
    """Where the snapshot is taken that a test starts from (the argument of KdTestPoint)."""

    EARLY = "early"  # on the boot stack; hal, IDT and pool ready; no thread was ever switched
    ALONE = "alone"  # in the phase-1 thread, interrupts on; the other processors do not run yet
    READY = "ready"  # in the phase-1 thread at PASSIVE_LEVEL, interrupts on
    NONE = "none"  # needs no machine at all (written answers)


@dataclass(frozen=True)
class Exercise:
    """One exercise: its points and the files a submission may bring for it (paths from the root of the tree)."""

    number: str
    title: str
    points: int
    files: Tuple[str, ...]
    hours: int = 0  # for a student of the course, with reading; the handout and the syllabus say the same
    shows: Tuple[str, ...] = ()  # a milestone: what to type at the prompt of `make monitor` to see it at work; the handout shows the answer
    further: bool = False  # beside the core track, with points of its own: graded where a course or a student chooses it
    boots: bool = False  # no kernel boots without it: a branch holds its reference, so that the exercises before it can be tried on a kernel
    timed: bool = False  # explored files: they may ask how late it is, as their reference does; a test compares


@dataclass(frozen=True)
class Lab:
    """A lab as labs/N-slug/lab.py describes it (`LAB = Lab(...)`)."""

    number: int
    slug: str
    title: str
    branch: str
    exercises: Tuple[Exercise, ...]
    driver: str = ""  # the guest test driver, for example "lab1.sys"; empty: none
    alone: Tuple[str, ...] = ()  # the first exercises of a branch without references, if their order is another one
    explored: bool = False  # its files are judged under many schedules too (plaincode.py says what that asks of them)
    seed: str = ""  # the file with the student's own seed, if the questions of this lab depend on it
    making: bool = False  # it is still being written: no course has it yet; it is graded where LAB= names it, and no branch shows it

    @property
    def folder(self) -> str:
        return f"{self.number}-{self.slug}"

    @property
    def hints_taken(self) -> str:
        """Where students' hints are counted (grader/hints)."""
        return f"labs/{self.folder}/{HINTS_TAKEN}"

    @property
    def core(self) -> Tuple[Exercise, ...]:
        """The core track: what everybody does."""
        return tuple(exercise for exercise in self.exercises if not exercise.further)

    @property
    def further(self) -> Tuple[Exercise, ...]:
        """The exercises beside the core track."""
        return tuple(exercise for exercise in self.exercises if exercise.further)

    @property
    def points(self) -> int:
        """Of the core track."""
        return sum(exercise.points for exercise in self.core)

    @property
    def hours(self) -> int:
        """Of the core track."""
        return sum(exercise.hours for exercise in self.core)

    @property
    def files(self) -> Tuple[str, ...]:
        """Every student file of the lab, once, in the order of the exercises."""
        return tuple(dict.fromkeys(name for exercise in self.exercises for name in exercise.files))

    def in_order(self, references: bool) -> Tuple[Exercise, ...]:
        """The exercises in the order of the handout, with or without references of the others."""
        first = () if references else tuple(self.exercise(number) for number in self.alone)
        return (*first, *(exercise for exercise in self.exercises if exercise not in first))

    def exercise(self, number: str) -> Exercise:
        return next(exercise for exercise in self.exercises if exercise.number == number)


@dataclass(frozen=True)
class TestSpec:
    """One test.  api.test() leaves it on the function as `function.spec`; labs.py completes lab, driver, files, hidden.

    `function(t)` returns when the student's code is right and raises api.TestFailure otherwise.
    """

    exercise: str
    name: str
    points: int
    title: str
    function: Callable[[Any], None] = field(compare=False)
    stage: str = Stage.READY.value
    features: Tuple[str, ...] = ()
    whole: bool = False
    limit: int = 50_000_000  # guest instructions
    machine: Machine = Machine()  # what it runs on; SMP= chooses the processors where any number is right
    scenarios: str = ""  # a file of the student's own scenarios, which this test judges
    wrong: str = ""  # the kernel of solutions/ that these must find; empty: none, correct ones must pass
    lab: int = -1
    driver: str = ""
    hidden: bool = False  # lives in solutions/: students see that it exists, not what it does
    files: Tuple[str, ...] = ()  # what students write in this lab: a failure's place is looked for there first
    seed_file: str = ""  # where this lab's students keep their own seed
    source: str = ""  # path from the root of the tree, for worker processes that must import it again

    __test__ = False  # not a test class of the test-suite's own

    @property
    def kernel(self) -> str:
        """Key of the kernel in the KernelSet that this test runs on."""
        return (WHOLE if self.whole else self.exercise) + (f"/{self.machine.flavour}" if self.machine.flavour else "")

    @property
    def explore(self) -> bool:
        """Whether it runs scenarios under many schedules."""
        return self.machine.flavour == EXPLORE[1:]


@dataclass(frozen=True)
class Kernel:
    """One built kernel.  `directory` is build.mk's $(B): images and tests/*.sys with symbols, boot/ without."""

    directory: Path
    error: str = ""  # not empty: it was not built; the compiler's message for the student's own file
    warnings: str = ""  # what the compiler said about the student's files though they compile
    trouble: str = ""  # not empty: it was not built, by trouble of the machine: there is nothing to judge
    without: Tuple[Tuple[str, str], ...] = ()  # (exercise, message): other exercises, whose files were refused; their stubs stand in

    @property
    def boot(self) -> Path:
        return self.directory / "boot"


@dataclass(frozen=True)
class OwnTest:
    """A student's own scenarios, built, and the kernels that they are tried on."""

    driver: Path  # the folder of the driver
    error: str = ""  # not empty: it does not compile
    trouble: str = ""  # not empty: the machine failed
    right: Tuple[Tuple[str, Path], ...] = ()  # (in words, kernel): the reference, and who looks different inside
    wrong: Mapping[str, Tuple[str, Path]] = field(default_factory=dict)  # name -> (where its mistake is, kernel)
    own: bool = False  # the right kernel is the student's: this branch has no reference
    at_home: bool = False  # in a student's branch: every word may be shown


@dataclass(frozen=True)
class KernelSet:
    """Exercise number (and "whole") -> kernel.  A test runs on kernels[spec.kernel]; equal directories share a boot."""

    kernels: Mapping[str, Kernel]
    student_dir: Path  # the accepted student files, by their path in the tree (answers.txt is read from here)
    student_seed: Optional[int] = 0  # `t.student_seed`: picks this student's questions of exercise 0.1; None: nobody said it
    own_tests: Mapping[str, OwnTest] = field(default_factory=dict)  # file of a student's scenarios -> what was built

    def __getitem__(self, key: str) -> Kernel:
        return self.kernels[key]


@dataclass(frozen=True)
class Outcome:
    """What one test found.  Empty strings mean "nothing to say"."""

    test: str
    exercise: str
    title: str
    points: int  # what was earned
    max_points: int
    verdict: Verdict
    seed: int = 0  # the master seed; with it `replay` reruns exactly this test
    asked: str = ""
    expected: str = ""
    seen: str = ""
    difference: str = ""  # the first point at which expected and seen part
    hint_id: str = ""
    hint: str = ""
    waits_for: str = ""  # another exercise, which this test's kernel needs and which is not written yet
    where: str = ""  # file:line, relative to the root of the tree
    backtrace: Tuple[str, ...] = ()
    log: str = ""  # end of the serial output, capped
    replay: str = ""  # the command that reruns exactly this failure
    page: str = ""  # the timeline of it, in the build folder
    instructions: int = 0  # of one processor, from the restored snapshot to the verdict; 0: several ran, or none
    features: Tuple[str, ...] = ()
    hidden: bool = False

    @property
    def unwritten(self) -> bool:
        """It came to a routine that is not written yet: of its own exercise, or of the one that it waits for."""
        return self.hint_id == NOT_WRITTEN

    def to_json(self) -> dict:
        values = dataclasses.asdict(self)
        values["verdict"] = self.verdict.value
        values["backtrace"], values["features"] = list(self.backtrace), list(self.features)
        return values


class Progress:
    """What run_tests tells while it works.  The base class keeps quiet; report/terminal.py draws."""

    def say(self, text: str) -> None:
        """A step that is not a test: building, booting."""

    def note(self, text: str) -> None:
        """Lines that stay on the screen: what to know before the first build."""

    def started(self, test: TestSpec) -> None:
        """A test begins."""

    def finished(self, outcome: Outcome) -> None:
        """A test has its verdict."""


# run_tests(kernels, tests, seed, jobs, progress) -> one Outcome for each test, in the order of `tests`.
Runner = Callable[[KernelSet, "list[TestSpec]", int, int, Progress], "list[Outcome]"]


@dataclass(frozen=True)
class ExerciseNote:
    """Something to say about an exercise before its tests: a missing file, a compiler message, a reference in place."""

    exercise: str
    text: str
    fatal: bool = False  # the exercise's tests were not run


@dataclass(frozen=True)
class Result:
    """One grading, whole.  result.py writes it as canonical JSON."""

    seed: int
    student_seed: Optional[int]
    labs: Tuple[Lab, ...]
    outcomes: Tuple[Outcome, ...]
    notes: Tuple[ExerciseNote, ...] = ()
    submission: str = ""  # content hash of the accepted files
    emulator: str = "qemu"
    hints: Tuple[Tuple[str, int], ...] = ()  # (exercise, how many of its staged hints were taken); no points depend on it

    @property
    def score(self) -> int:
        """Points of the core tracks."""
        return sum(outcome.points for outcome in self._of(False))

    @property
    def max_score(self) -> int:
        return sum(outcome.max_points for outcome in self._of(False))

    @property
    def further_score(self) -> int:
        """Points of further exercises, which never count in the score."""
        return sum(outcome.points for outcome in self._of(True))

    @property
    def further_max(self) -> int:
        return sum(outcome.max_points for outcome in self._of(True))

    def _of(self, further: bool) -> "list[Outcome]":
        """The outcomes of further exercises, or those of the core tracks."""
        numbers = {exercise.number for lab in self.labs for exercise in lab.further}
        return [outcome for outcome in self.outcomes if (outcome.exercise in numbers) == further]

    @property
    def in_words(self) -> str:
        """Points of the core tracks; behind them, where further exercises were graded, theirs."""
        core = f"{self.score}/{self.max_score}" if self._of(False) or not self.outcomes else ""
        more = f"further {self.further_score}/{self.further_max}" if self._of(True) else ""
        return " + ".join(filter(None, (core, more)))

    @property
    def infra_errors(self) -> Tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.verdict is Verdict.INFRA_ERROR)

    @property
    def exit_code(self) -> int:
        """0 full marks, 1 points lost, 2 could not grade.  A test without points of its own can cost others' where these are hidden."""
        if self.infra_errors or not self.outcomes:
            return 2
        return 0 if all(outcome.verdict is Verdict.PASS for outcome in self.outcomes) else 1


def lab_of(exercise: str) -> int:
    """The lab number of an exercise number: "1.3" -> 1."""
    return int(exercise.split(".", 1)[0])


__all__ = [
    "HINTS_TAKEN", "NOT_WRITTEN", "SEED_MISSING", "WHOLE", "Exercise", "ExerciseNote", "Kernel", "KernelSet", "Lab", "Outcome", "OwnTest", "Progress", "Result", "Runner",
    "Stage", "TestSpec", "Verdict", "lab_of",
]
