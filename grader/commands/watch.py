"""`watch`: on every save of one of an exercise's files the exercise is built and graded.

    make watch               the first exercise that is not fully solved; when it is, the next one
    make watch LAB=1         the same, in one lab
    make watch EX=1.1        this exercise and no other

Short on purpose: the first failure in full, as soon as it is known, and the points.  `make grade` tells the rest.

Invariants
  * A test has the verdict that it has in `make grade`: the same kernel and seed.  What belongs to other exercises is left
    out; tests that explore schedules run when the others pass, and count as lost until then.
  * A save during a run ends the run, and starts another one.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import threading
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Set, Tuple

from grader import labs
from grader.building.builder import Builder
from grader.commands.grade import for_screen, own_lab
from grader.commands.options import add_further, number
from grader.console.keyboard import Keyboard
from grader.errors import GraderError
from grader.judge.grading import Grading, default_runner
from grader.labs import Course
from grader.model import Exercise, Lab, Outcome, Result, Runner, TestSpec, Verdict
from grader.report import result as results
from grader.report.terminal import Paint
from grader.report.text import for_terminal
from grader.tree import Tree
from grader.watch.files import Files, changed
from grader.watch.first import FirstFailure, Saved
from grader.watch.solved import Solved

ENDING = 3.0  # seconds that a machine gets to end in, when the watch does
DONE = "Every exercise is solved here. Ctrl-C ends."
Task = Tuple[Lab, Exercise]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `watch`."""
    parser.add_argument("--exercise", default="", metavar="N.M", help="one exercise (default: the first unsolved one)")
    parser.add_argument("--lab", default="", metavar="N", help="one lab (default: all)")
    parser.add_argument("--submission", default="", metavar="FOLDER", help="where the files are (default: this tree)")
    add_further(parser)
    parser.add_argument("--jobs", default="2", metavar="N", help="machines at once")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """0, when Ctrl-C ends it."""
    course = labs.with_further(labs.load(tree, options.lab), options.further)
    if options.submission and not Path(options.submission).is_dir():
        raise GraderError(f"{options.submission}: watch needs a folder; name the one that you edit in")
    tasks = chosen(tree, course, options.lab or own_lab(tree, options.exercise), options.exercise)
    with Keyboard() as keyboard:
        watch = Watch(tree, course, tasks, bool(options.exercise), default_runner(), options.submission,
                      number(options.jobs, "JOBS", 1) or 2)
        try:
            watch.loop(keyboard.enter)
        except KeyboardInterrupt:
            watch.end()
    return 0


def chosen(tree: Tree, course: Course, lab: str, exercise: str) -> List[Task]:
    """The exercises in their order; GraderError with those that exist."""
    some, _ = labs.select(course, lab)
    tested = {test.exercise for test in course.tests}
    everything = [(one, each) for one in some for each in labs.in_order(tree, one)]
    tasks = [task for task in everything if task[1].number in tested and (not task[1].further or task[1].number in course.further)]
    named = [task for task in everything if task[1].number == exercise]
    if named and exercise not in tested:
        raise GraderError(f"EX={exercise}: its tests are not in this tree, they run when you submit; "
                          f"make mytest LAB={named[0][0].number} tries scenarios of your own")
    if exercise and not named:
        raise GraderError(f"EX={exercise}: there is no such exercise; there are: "
                          + ", ".join(each.number for _, each in everything if each.number in tested))
    return named or tasks


class Watch:
    """The exercises that are watched, and the grading of one of them."""

    def __init__(self, tree: Tree, course: Course, tasks: Sequence[Task], only: bool, runner: Runner,
                 submission: str = "", jobs: int = 2, builder: Optional[Builder] = None) -> None:
        self._tree, self._course, self._tasks, self._only = tree, course, list(tasks), only
        self._runner, self._submission, self._jobs = runner, submission, jobs
        folder = Path(submission) if submission else tree.root
        self._files = Files(folder, [name for _, exercise in tasks for name in exercise.files])
        self._solved = Solved.of(tree)
        self._waiting: Dict[str, bytes] = {}  # exercise -> the files of all exercises, when it came to wait for others
        self._said: Set[str] = set()
        self._builder, self._kept = builder, builder is not None or tree.is_handout or bool(submission)
        self._paint, self._ended, self._running = Paint(sys.stdout), False, False
        self._seen = self._files.look()

    def loop(self, enter: Callable[[], bool]) -> None:
        """Grades, waits for a save, and so on; KeyboardInterrupt ends it."""
        current: Optional[Task] = self._tasks[0] if self._only else None
        while True:
            try:
                current = self.step(current)
                self._files.wait(self._seen, enter)
            except Saved:
                self.say("saved again: from the start")
            now = self._files.settled()
            current = self.of(changed(self._seen, now), current)
            self._seen = now

    def step(self, current: Optional[Task]) -> Task:
        """Grades the exercise; when it is done, goes on to the first one that is not.  Returns which one that is."""
        if current is not None and not self.grade(current):
            return current
        if self._only:
            self.name_next(self._tasks[0])
            return self._tasks[0]
        for task in self._tasks:
            if self.is_solved(task):
                continue
            self.say(self._paint("1", f"now {task[1].number}: {task[1].title}"), *("  " + name for name in task[1].files))
            if not self.grade(task):
                return task
        waiting = [exercise.number for _, exercise in self._tasks if exercise.number in self._waiting]
        self.say(f"Nothing is left here but what waits for other exercises: {', '.join(waiting)}. Ctrl-C ends." if waiting
                 else DONE)
        return current or self._tasks[-1]

    def of(self, names: Sequence[str], current: Optional[Task]) -> Optional[Task]:
        """The exercise that a save is about: the current one, or another one whose file it is."""
        if current is not None and (not names or any(name in current[1].files for name in names)):
            return current
        return next((task for task in self._tasks if any(name in task[1].files for name in names)), current)

    def is_solved(self, task: Task) -> bool:
        """Whether it was when these files were last graded, or has since waited for other exercises' files as they are."""
        return (self._solved.is_solved(task[1].number, self._files.content(task[1].files))
                or self._waiting.get(task[1].number) == self._files.content(self._course.files))

    def name_next(self, done: Task) -> None:
        """Names the exercise that is to be done now."""
        tasks = chosen(self._tree, self._course, "", "")
        files = Files(Path(self._submission) if self._submission else self._tree.root, ())
        at = tasks.index(done) if done in tasks else -1
        behind = tasks[at + 1:] + tasks[:max(at, 0)]
        for lab, exercise in behind:
            if not self._solved.is_solved(exercise.number, files.content(exercise.files)):
                self.say(f"next: {exercise.number} {exercise.title} (make watch EX={exercise.number})")
                return
        self.say(DONE)

    # -- one grading -----------------------------------------------------------------------------------------------------
    def grade(self, task: Task) -> bool:
        """Builds and grades an exercise, and tells it.  Returns whether there is nothing more to do in it."""
        lab, exercise = task
        gone = [name for name in exercise.files if name not in self._files.look()]
        if gone:
            self.say(self._paint("33", f"{' and '.join(gone)} is not there; it is graded when it is back"))
            return False
        tests = [test for test in self._course.tests_of(lab) if test.exercise == exercise.number]
        begun, content = time.monotonic(), self._files.content(exercise.files)
        everything = self._files.content(self._course.files)
        progress = FirstFailure(sys.stderr, tests, self.leave, self.shown, self.say)
        self._running = True  # an interrupt leaves it so: end() has somebody to wait for
        try:
            result = self.judge(task, tests, progress)
        except GraderError as error:
            self.say(self._paint("33", for_terminal(str(error))))
            return False
        finally:
            progress.clear()
        self._running = False
        line = Line(exercise, tests, result)
        self._solved.note(exercise.number, content, line.solved)
        self._waiting.pop(exercise.number, None)
        if line.done and not line.solved:
            self._waiting[exercise.number] = everything
        self.say(*self.told(result), *progress.unwritten(), line.text(self._paint, time.monotonic() - begun))
        return line.done

    def judge(self, task: Task, tests: Sequence[TestSpec], progress: FirstFailure) -> Result:
        """The plain tests; and when they pass, those that explore schedules, which need a kernel of their own and longer."""
        plain = [test for test in tests if not test.explore]
        exploring = [test for test in tests if test.explore]
        grading, (lab, _) = self.grading(progress), task
        result = grading.grade(self._submission, [lab], plain or exploring)
        if not plain or not exploring or failed(result):
            return result
        more = grading.grade(self._submission, [lab], exploring)
        notes = tuple(dict.fromkeys(result.notes + more.notes))
        return dataclasses.replace(result, outcomes=result.outcomes + more.outcomes, notes=notes)

    def grading(self, progress: FirstFailure) -> Grading:
        """A grading on kernels whose base is built once: in a students' branch nothing of it can change by an exercise."""
        if self._builder is None or not self._kept:
            self._builder = Builder(self._tree, self._course, progress, self._jobs)
        return Grading(self._tree, self._course, self._runner, progress, self._jobs, self._builder)

    def leave(self) -> bool:
        """Whether to break the run off."""
        return self._ended or self._files.look() != self._seen

    def shown(self, outcome: Outcome) -> Outcome:
        """With commands and paths that work from here."""
        result = Result(outcome.seed, 0, (), (results.with_replay(outcome),))
        return for_screen(result, self._submission, self._tree.out).outcomes[0]

    def told(self, result: Result) -> List[str]:
        """What the build says each time, and what is said of all gradings, once."""
        lines = [for_terminal(note.text).rstrip() for note in result.notes if note.fatal]
        remarks = [for_terminal(note.text).rstrip() for note in result.notes if not note.fatal and not note.exercise]
        fresh = [remark for remark in remarks if remark not in self._said]
        self._said.update(fresh)
        return [*lines, *fresh]

    @staticmethod
    def say(*lines: str) -> None:
        """Lines of the report."""
        print("\n".join(lines), flush=True)

    def end(self) -> None:
        """Breaks a run off: its machines end with the tests that they are at."""
        self._ended = True
        until = time.monotonic() + ENDING
        for thread in threading.enumerate() if self._running else []:
            if thread is not threading.current_thread() and thread.daemon and thread.name != Keyboard.__name__:
                thread.join(max(0.0, until - time.monotonic()))


def failed(result: Result) -> List[Outcome]:
    """The tests that did not pass, but for those that wait for another exercise; a test may have no points."""
    return [one for one in result.outcomes if one.verdict is not Verdict.PASS and not one.waits_for]


@dataclasses.dataclass(frozen=True)
class Line:
    """The points of one grading, in one line."""

    exercise: Exercise
    tests: Sequence[TestSpec]
    result: Result

    @property
    def left(self) -> int:
        """Tests that wait for others to pass."""
        return len(self.tests) - len(self.result.outcomes)

    @property
    def solved(self) -> bool:
        return not self.left and all(one.verdict is Verdict.PASS for one in self.result.outcomes)

    @property
    def done(self) -> bool:
        """Nothing more to do in this exercise: what did not pass waits for others."""
        return not self.left and not failed(self.result)

    def text(self, paint: Paint, seconds: float) -> str:
        score, possible = self.result.score + self.result.further_score, sum(test.points for test in self.tests)
        colour = "32" if self.solved else "33" if score else "31"
        return (f"{time.strftime('%H:%M:%S')}  {self.exercise.number}  {paint(colour, f'{score}/{possible}')}{self._more()}"
                f"  ({seconds:.1f} s)")

    def _more(self) -> str:
        outcomes = self.result.outcomes
        lost = failed(self.result)
        if any(note.fatal for note in self.result.notes):
            return ", it does not build"
        if self.result.infra_errors:
            return f", {len(self.result.infra_errors)} tests could not be judged: save or press Enter to try again"
        waiting = sum(bool(one.waits_for) for one in outcomes)
        said = f", {len(lost)} of {len(outcomes)} tests fail" if lost else ""
        said += f", {waiting} wait{'s' * (waiting == 1)} for another exercise" if waiting else ""
        return said + (f"; {self.left} that explore schedules come when these pass" if self.left else "")
