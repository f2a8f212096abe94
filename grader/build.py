"""Builds the kernels of a grading: the base once, then one kernel an exercise with the student's files laid over it.

Invariants
  * The kernel of exercise E holds the student's files of E and the reference of every other exercise, so exercises are
    independent.  The kernel "whole" holds every file of the student that compiles.
  * An exercise whose files are missing or do not compile has Kernel.error and no images; the others are built anyway.
  * A kernel is keyed by the content of the base and of the files that differ from it: an unchanged submission builds
    nothing, and kernels with the same content are one folder (so the runner boots them once).
  * Student files are compiled in the sandbox, where neither the reference of their exercise nor a test can be read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Sequence

from grader import locking, objects, sandbox
from grader.errors import GraderError
from grader.labs import Course
from grader.model import EXPLORE, WHOLE, Kernel, KernelSet, Progress
from grader.submission import Submission
from grader.toolmessages import for_student
from grader.tree import Tree

KEPT = 96  # kernels of earlier gradings that stay on the disk
PLAIN = "-O0"
EXPLORED = "explore"  # build.mk's flavour with preemption points


class Builder:
    """Builds for one tree.  `checked` chooses the checked kernel, as MICA_CHECKED=1 does for make.  `plain`: the student's
    files are not optimized, so that a debugger knows every argument and variable; for replays, never for a verdict."""

    def __init__(self, tree: Tree, course: Course, progress: Optional[Progress] = None, jobs: int = 2,
                 plain: bool = False) -> None:
        self._tree, self._course, self._jobs, self._plain = tree, course, max(1, jobs), plain
        self._progress = progress or Progress()
        self._base: Dict[str, Path] = {}

    @property
    def flavour(self) -> str:
        return "checked" if os.environ.get("MICA_CHECKED") in ("1", "yes") else "free"

    def base(self, flavour: str = "") -> Path:
        """The kernel with the reference everywhere ($(B) of build.mk), built or brought up to date once."""
        flavour = flavour or self.flavour
        if flavour not in self._base:
            out = self._tree.scratch("reference") if self._tree.is_handout else self._tree.scratch()
            self._progress.say("building the kernel" + (" to be explored" if flavour == EXPLORED else ""))
            with locking.held(out / "build.lock"):
                done = subprocess.run(self._make(out, ["kernel"], [*_switch(flavour), *self._references(())]),
                                      cwd=self._tree.root,
                                      stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT,
                                      stdin=subprocess.DEVNULL,
                                      check=False)
            if done.returncode != 0:
                log = self._tree.scratch() / "grader-build.log"
                log.write_bytes(done.stdout)
                raise GraderError(f"the kernel does not build ({_last_line(done.stdout)}); the whole log is in {log}")
            self._base[flavour] = out / flavour
        return self._base[flavour]

    def reference(self, student_seed: int = 0, wanted: Iterable[str] = ()) -> KernelSet:
        """The kernels of the tree itself: every key is the base build.  The explore flavour is made where it is wanted."""
        keys = [*(exercise.number for lab in self._course.labs for exercise in lab.exercises), WHOLE]
        kernels = {key: Kernel(self.base()) for key in keys}
        kernels.update({key: Kernel(self.base(EXPLORED)) for key in wanted if key.endswith(EXPLORE)})
        return KernelSet(kernels, self._tree.root, student_seed)

    def build(self, submission: Submission, keys: Iterable[str], student_seed: int = 0) -> KernelSet:
        """The kernels that `keys` (exercise numbers and "whole", each with EXPLORE or without) ask for."""
        wanted = list(keys)
        kernels: Dict[str, Kernel] = {}
        for end, flavour in ((EXPLORE, EXPLORED), ("", self.flavour)):
            own = [key[:len(key) - len(end)] for key in wanted if key.endswith(EXPLORE) == bool(end)]
            if own:
                made = self._build(submission, own, flavour)
                kernels.update({key + end: kernel for key, kernel in made.items()})
        student = self._tree.scratch("submissions", submission.digest[:20])
        submission.write_to(student, submission.files)
        return KernelSet(kernels, student, student_seed)

    def _build(self, submission: Submission, wanted: Sequence[str], flavour: str) -> Dict[str, Kernel]:
        """The kernels of one flavour."""
        fingerprint = self._fingerprint(self.base(flavour))
        exercises = [exercise for lab in self._course.labs for exercise in lab.exercises
                     if exercise.number in wanted or WHOLE in wanted]
        with ThreadPoolExecutor(self._jobs) as pool:
            built = pool.map(lambda exercise: self._overlay(submission, exercise.files, flavour, fingerprint), exercises)
            kernels: Dict[str, Kernel] = {exercise.number: kernel for exercise, kernel in zip(exercises, built)}
        if WHOLE in wanted:
            good = [name for exercise in exercises if not kernels[exercise.number].error for name in exercise.files]
            kernels[WHOLE] = self._overlay(submission, tuple(dict.fromkeys(good)), flavour, fingerprint)
        return kernels

    def _overlay(self, submission: Submission, files: Sequence[str], flavour: str, fingerprint: str) -> Kernel:
        base = self.base(flavour)
        absent = [name for name in files if name in submission.missing]
        if absent:
            return Kernel(base, f"the submission has no {' and no '.join(absent)}; add it and submit again")
        sources = [name for name in files if name.startswith("kernel/") and not self._is_reference(submission, name)]
        if not sources:
            return Kernel(base)
        out = self._tree.scratch("kernels", _key(fingerprint + flavour + PLAIN * self._plain, submission, sources))
        with locking.held(out / "build.lock"):
            stamp = out / "done.json"
            if not stamp.is_file():
                error = self._compile(submission, sources, out, flavour)
                stamp.write_text(json.dumps({"error": error}), encoding="utf-8")
                self._prune(keep=out)
            os.utime(out)
            error = json.loads(stamp.read_text(encoding="utf-8"))["error"]
        return Kernel(out / flavour, error)

    def _is_reference(self, submission: Submission, name: str) -> bool:
        """True in the complete tree for a file that is the tree's own: the base holds it already."""
        own = self._tree.root / name
        return not self._tree.is_handout and own.is_file() and own.read_bytes() == submission.files[name]

    def _compile(self, submission: Submission, sources: Sequence[str], out: Path, flavour: str) -> str:
        """Compiles and links the overlay in `out`; returns the message for the student, empty when it worked."""
        self._progress.say("compiling " + " ".join(sources))
        student = out / "student"
        shutil.rmtree(student, ignore_errors=True)
        submission.write_to(student, sources)
        if sandbox.bwrap() is None:
            refused = [line for name in sources
                       for line in sandbox.scan(name, submission.files[name].decode("utf-8", "replace"))]
            if refused:
                return "\n".join(refused)
        options = [f"STUDENT={student}", "EXERCISE_FILES=" + " ".join(sources), f"BASE_O={self.base(flavour).parent}",
                   *_switch(flavour), *self._references(sources), *([f"OPT={PLAIN}"] if self._plain else [])]
        made = [f"{out}/{flavour}/obj/{name[len('kernel/'):]}.obj" for name in sources]
        for targets, view in ((made, self._compile_view(student, out)), (["kernel"], self._link_view(out, flavour))):
            done = sandbox.run(self._make(out, targets, options), view, self._tree.root)
            if done.timed_out:
                return "the compiler did not end in time; look for templates or constants that expand without bound"
            if done.code != 0:
                return for_student(done.output, [student, self._tree.root])
            refused = self._objections(sources, out, flavour) if targets is made else []
            if refused:
                return "\n".join(refused)
        self._share(self.base(flavour), out / flavour)
        return ""

    def _objections(self, sources: Sequence[str], out: Path, flavour: str) -> List[str]:
        """What the student's objects define or demand that the host must not be led astray by (grader/objects.py)."""
        base = self.base(flavour)
        courseware = objects.courseware_names([*base.glob("*.exe"), *base.glob("*.dll"), *base.glob("tests/*.sys")])
        found: List[str] = []
        for name in sources:
            part = name[len("kernel/"):] + ".obj"
            withheld = self._tree.root / "kernel/prebuilt" / (EXPLORED if flavour == EXPLORED else "") / "reference" / part
            reference = withheld if withheld.is_file() else base / "obj" / part
            made = (out / flavour / "obj" / part).read_bytes()
            found += objects.objections(name, made, reference.read_bytes(), courseware)
        return found

    def _references(self, own: Sequence[str]) -> List[str]:
        """In a student's branch: the files whose reference object stands in for the tree's own source."""
        if not self._tree.is_handout:
            return []
        names = [name for name in self._course.files if name.startswith("kernel/") and name not in own]
        return ["REFERENCE_FILES=" + " ".join(names)]

    @staticmethod
    def _share(base: Path, target: Path) -> None:
        """Puts the base's other images (loader, test drivers) beside the student's kernel."""
        for path in sorted([*base.glob("boot/*"), *base.glob("tests/*.sys"), *base.glob("drivers/*.sys")]):
            twin = target / path.relative_to(base)
            if not twin.exists():
                twin.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, twin)

    def student_files(self) -> List[Path]:
        """Every file of the labs that a submission may bring: where the complete tree has its reference."""
        return [self._tree.root / name for name in self._course.files]

    def _compile_view(self, student: Path, out: Path) -> sandbox.View:
        """Headers and build rules, but no reference: neither its sources nor its objects."""
        kernel = self._tree.root / "kernel"
        hidden = [self._tree.root / name for name in self._course.files if (self._tree.root / name).exists()]
        return sandbox.View(self._tree.root, (kernel,), (out,), (*hidden, kernel / "prebuilt"))

    def _link_view(self, out: Path, flavour: str) -> sandbox.View:
        """Objects and libraries, and no way to compile: the student's sources were read already."""
        return sandbox.View(self._tree.root, (self._tree.root / "kernel", self.base(flavour).parent), (out,))

    def _make(self, out: Path, targets: Sequence[str], options: Sequence[str]) -> List[str]:
        return [
            "make", "-s", "--no-print-directory", f"-j{self._jobs}", "-f", "kernel/build.mk", *targets, f"O={out}",
            *options
        ]

    def _fingerprint(self, base: Path) -> str:
        """Changes with anything a student's kernel is made of beside the student's own files."""
        total = hashlib.sha256()
        for path in sorted([*self._tree.root.glob("kernel/**/*.h"), *self._tree.root.glob("kernel/*.mk"),
                            *(base / "boot").glob("*")]):
            if path.is_file():
                total.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()

    def _prune(self, keep: Path) -> None:
        """Forgets the kernels that were not used for longest."""
        ages = []
        for path in keep.parent.iterdir():
            with contextlib.suppress(OSError):  # another grader may be tidying too
                ages.append((path.stat().st_mtime, path))
        for _, path in sorted(ages)[:-KEPT]:
            if path != keep:
                shutil.rmtree(path, ignore_errors=True)


def _switch(flavour: str) -> List[str]:
    """What build.mk is told for a flavour that the environment does not choose."""
    return ["MICA_EXPLORE=1"] if flavour == EXPLORED else []


def _key(fingerprint: str, submission: Submission, sources: Sequence[str]) -> str:
    total = hashlib.sha256(fingerprint.encode())
    for name in sorted(sources):
        total.update(name.encode() + b"\0" + hashlib.sha256(submission.files[name]).digest())
    return total.hexdigest()[:20]


def _last_line(output: bytes) -> str:
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["no message"])[0][:200]
