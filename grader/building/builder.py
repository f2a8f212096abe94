"""Builds the kernels of a grading: the base once, then one kernel an exercise with the student's files laid over it.

Invariants
  * The kernel of exercise E holds the student's files of E and the reference of every other exercise, so exercises are
    independent.  The kernel "whole" holds every file of the student that compiles.
  * In a student's branch, the reference of some exercises is not there.  Every kernel then holds the student's files of these
    too, each that compiles, and the starter in place of the others.
  * An exercise whose files are missing or do not compile has Kernel.error and no images; the others are built anyway.
  * A kernel is keyed by the content of the base and of the files that differ from it: an unchanged submission builds
    nothing, and kernels with the same content are one folder (so the runner boots them once).
  * Student files are compiled in the sandbox, where neither the reference of their exercise nor a test can be read.
  * What failed by trouble of the machine (toolverdict.py) is tried again and has Kernel.trouble in the end; nothing of it is
    kept.  A kernel counts as built when its stamp is there, which is written last and by rename.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, Optional, Sequence

from grader import git
from grader.building import advice, hooked, linkable, locking, objects, plaincode, remarks, room, sandbox, toolverdict
from grader.building.toolverdict import Finding
from grader.errors import GraderError, InfraError
from grader.images.pe import PeImage
from grader.labs import Course
from grader.model import WHOLE, Exercise, Kernel, KernelSet, Progress
from grader.report import result as results
from grader.submission import manifest, studenttext
from grader.submission.files import Submission
from grader.tree import Tree

KEPT = 96  # kernels of earlier gradings that stay on the disk
STAMP, VERSION = "done.json", 4  # the version changes with what a stamp may be trusted for
ATTEMPTS = 2
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
        self._limits: Dict[str, Finding] = {}  # by content: files that reached a limit in one flavour are not tried in the other
        self.remarks: List[str] = []  # what whoever grades should know about this machine

    @property
    def flavour(self) -> str:
        return "checked" if os.environ.get("MICA_CHECKED") in ("1", "yes") else "free"

    def base(self, flavour: str = "") -> Path:
        """The kernel with the reference everywhere ($(B) of build.mk), built or brought up to date once."""
        flavour = flavour or self.flavour
        if flavour not in self._base:
            room.check(self._tree.out)
            manifest.check_objects(self._tree, self._branch())
            out = self._tree.scratch("reference") if self._tree.is_handout else self._tree.scratch()
            self._progress.say("building the kernel" + (" to be explored" if flavour == EXPLORED else ""))
            with locking.held(out / "build.lock"):
                for _ in range(ATTEMPTS):
                    done = subprocess.run(self._make(out, ["kernel"], [*self.switch(flavour), *self._references(()),
                                                                  f"OBJ_O={self._shared(out)}"]),
                                          cwd=self._tree.root,
                                          env={**os.environ, "LC_ALL": "C"},
                                          stdout=subprocess.PIPE,
                                          stderr=subprocess.STDOUT,
                                          stdin=subprocess.DEVNULL,
                                          check=False)
                    said = done.stdout.decode("utf-8", "replace")
                    if done.returncode == 0 or toolverdict.of_courseware(said):
                        break
            if done.returncode != 0:
                raise self._not_built(said)
            self.remarks += [text for text in advice.future_files(said) if text not in self.remarks]
            for line in said.splitlines():
                if ": left out, " in line:
                    self._progress.say(line)
            self._base[flavour] = out / flavour
        return self._base[flavour]

    def _branch(self) -> str:
        """The name of a student's branch, as it was published; empty in the complete tree."""
        return next((lab.branch for lab in self._course.labs if lab.number == self._tree.branch_lab), "")

    def _not_built(self, said: str) -> GraderError:
        """Why there is no base kernel, and what to do."""
        log = self._log(said)
        if toolverdict.of_courseware(said):
            new = [name for name in self._unknown() if name.endswith((".cpp", ".S")) and name.startswith("kernel/")][:5]
            return GraderError(f"the kernel does not build ({advice.last_line(said)})" + (f"; sources not known to git: {', '.join(new)}" if new else "")
                               + f"; the whole log is in {log}. " + advice.of_tree(self._tree))
        return InfraError(room.shortage(self._tree.out) or f"the kernel does not build, and no source is to blame ({advice.last_line(said)}): see "
                          f"that the machine has memory and disk to spare, and try again; the whole log is in {log}")

    def _unknown(self) -> List[str]:
        """Files that lie in the tree and are unknown to git, where it says so: a forgotten copy of a source among them."""
        try:
            return git.untracked(self._tree.root)
        except GraderError:
            return []

    def _log(self, said: str) -> Path:
        """Keeps what a failed build said; on a full disk that may fail too."""
        log = self._tree.out / "grader-build.log"
        with contextlib.suppress(OSError):
            log.write_text(said, encoding="utf-8")
        return log

    def _shared(self, out: Path) -> Path:
        """Where the base's objects lie.  In a student's branch `make run` builds a kernel of the same objects beside: they are made
        once."""
        return self._tree.scratch() if self._tree.is_handout else out

    def reference(self, student_seed: Optional[int] = 0, wanted: Iterable[str] = ()) -> KernelSet:
        """The kernels of the tree itself: every key is the base build.  Another flavour is made where it is wanted."""
        keys = [*(exercise.number for lab in self._course.labs for exercise in lab.exercises), WHOLE]
        kernels = {key: Kernel(self.base()) for key in keys}
        kernels.update({key: Kernel(self.base(_flavour_of(key))) for key in wanted if _flavour_of(key)})
        return KernelSet(kernels, self._tree.root, student_seed)

    def build(self, submission: Submission, keys: Iterable[str], student_seed: Optional[int] = 0) -> KernelSet:
        """The kernels that `keys` ask for: exercise numbers and "whole", each of them alone or with a flavour (`1.3/checked`)."""
        wanted = list(keys)
        kernels: Dict[str, Kernel] = {}
        for flavour in sorted({_flavour_of(key) for key in wanted}, reverse=True):  # the usual one last
            own = [key.partition("/")[0] for key in wanted if _flavour_of(key) == flavour]
            made = self._build(submission, own, flavour or self.flavour)
            kernels.update({f"{key}/{flavour}" if flavour else key: kernel for key, kernel in made.items()})
        student = self._tree.scratch("submissions", submission.digest[:20])
        submission.write_to(student, submission.files)
        return KernelSet(kernels, student, student_seed)

    def _build(self, submission: Submission, wanted: Sequence[str], flavour: str) -> Dict[str, Kernel]:
        """The kernels of one flavour."""
        fingerprint = self._fingerprint(self.base(flavour))
        every = [exercise for lab in self._course.labs for exercise in lab.exercises]
        exercises = [exercise for exercise in every if exercise.number in wanted or WHOLE in wanted]
        alone = [exercise for exercise in every if not self._has_reference(exercise, flavour)]
        with ThreadPoolExecutor(self._jobs) as pool:
            compiled = dict(zip((exercise.number for exercise in alone), pool.map(
                lambda exercise: self._overlay(submission, exercise.files, flavour, fingerprint, link=False), alone)))
            parts = [kernel.directory for kernel in compiled.values() if not kernel.error and not kernel.trouble]
            always = [name for exercise in alone if not compiled[exercise.number].error for name in exercise.files]
            missing = next((kernel.trouble for kernel in compiled.values() if kernel.trouble), "")
            refused = tuple((number, kernel.error) for number, kernel in compiled.items() if kernel.error)

            def overlay(exercise: Exercise) -> Kernel:
                own = compiled.get(exercise.number)
                if own and own.error:
                    return own
                if missing:  # every kernel holds these files
                    return Kernel(self.base(flavour), trouble=missing)
                files = tuple(dict.fromkeys([*exercise.files, *always]))
                kernel = replace(self._overlay(submission, files, flavour, fingerprint, parts), without=refused)
                return replace(kernel, warnings=own.warnings) if own else kernel

            kernels = {exercise.number: kernel for exercise, kernel in zip(exercises, pool.map(overlay, exercises))}
        if WHOLE in wanted:
            good = [name for exercise in exercises if not kernels[exercise.number].error for name in exercise.files]
            trouble = next((kernels[exercise.number].trouble for exercise in exercises if kernels[exercise.number].trouble), "")
            kernels[WHOLE] = Kernel(self.base(flavour), trouble=trouble) if trouble else self._overlay(
                submission, tuple(dict.fromkeys([*good, *always])), flavour, fingerprint, parts)
        return kernels

    def _has_reference(self, exercise: Exercise, flavour: str) -> bool:
        """True when the reference can stand in for all of an exercise's files."""
        return all(self._tree.has_reference(name, flavour if flavour == EXPLORED else "")
                   for name in exercise.files if name.startswith("kernel/"))

    def with_given(self, submission: Submission, changed: Mapping[str, bytes], flavour: str = EXPLORED) -> Kernel:
        """The base with other texts of sources that no exercise writes, and with the student's files that have no reference here."""
        alone = [name for lab in self._course.labs for exercise in lab.exercises if not self._has_reference(exercise, flavour)
                 for name in exercise.files]
        mixed = replace(submission, files={**submission.files, **changed})
        return self._overlay(mixed, tuple(dict.fromkeys([*alone, *changed])), flavour, self._fingerprint(self.base(flavour)))

    def without_reference(self, numbers: Iterable[str]) -> List[str]:
        """Those of these exercises whose reference is not in this tree."""
        wanted = set(numbers)
        return [exercise.number for lab in self._course.labs for exercise in lab.exercises
                if exercise.number in wanted and not self._has_reference(exercise, "")]

    def objects(self, submission: Submission, flavour: str) -> Path:
        """Compiles all files of a submission, links nothing, and returns the folder that holds obj/."""
        sources = [name for name in submission.files if name.startswith("kernel/")]
        made = self._overlay(submission, sources, flavour, self._fingerprint(self.base(flavour)), link=False)
        if made.trouble:
            raise InfraError(made.trouble)
        if made.error:
            raise GraderError(f"a file does not compile: {made.error.splitlines()[0]}; correct it and run again")
        return made.directory

    def listings(self, names: Sequence[str], flavour: str = "") -> Dict[str, Path]:
        """The listings of the tree's own objects, made beside them: name of the source -> file that an assembler takes."""
        base = self.base(flavour)
        return self._listed(base, flavour, {name: object_of(base, name).with_suffix(".s") for name in names})

    def shared_listing(self, made: Path) -> Path:
        """The same of an object of the base that the boot loader or ntdll.dll has of a source of the kernel's."""
        return self._listed(self.base(), "", {"": made.with_suffix(".s")})[""]

    def _listed(self, base: Path, flavour: str, made: Dict[str, Path]) -> Dict[str, Path]:
        with locking.held(base.parent / "build.lock"):
            done = subprocess.run(self._make(base.parent, [self._tree.in_make(path) for path in made.values()], self.switch(flavour)),
                                  cwd=self._tree.root, env={**os.environ, "LC_ALL": "C"}, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            raise self._not_built(done.stdout.decode("utf-8", "replace"))
        return made

    def laid_out(self, kernel: Path, seed: int) -> Path:
        """The same kernel, its objects linked in an order that follows from `seed`: nobody knows it by where its routines lie.
        `kernel`: a folder that `base` or `build` has returned."""
        flavour, base = kernel.name, self.base(kernel.name)
        number = _number(f"layout {seed}")
        digest = hashlib.sha256(f"{number} {kernel}".encode() + (kernel / "ntoskrnl.exe").read_bytes()).hexdigest()[:20]
        out = self._tree.scratch("layouts", digest)
        own = [] if kernel == base else [f"kernel/{path.relative_to(kernel / 'obj')}"[:-len(".obj")] for path in sorted(kernel.glob("obj/**/*.obj"))]
        student = kernel.parent / "student" if own else out / "student"
        with locking.held(out / "build.lock"):
            if not (out / STAMP).is_file():
                _clear(out)
                (out / "student").mkdir()
                _take_objects([kernel] if own else [], out / flavour)
                view = self._link_view(out, flavour)
                done = sandbox.run(self._make(out, ["kernel"], [
                    f"STUDENT={student}", "EXERCISE_FILES=" + " ".join(own), f"BASE_O={base.parent}", f"LAYOUT={number}",
                    f"BASE_OBJ_O={self._shared(base.parent)}", *self.switch(flavour), *self._references(own)]),
                    replace(view, read=(*view.read, kernel.parent)), self._tree.root)
                if done.code != 0:
                    raise InfraError(f"a kernel could not be linked in another order: {advice.last_line(done.output)}; grade again")
                self._share(base, out / flavour)
                results.replace(out / STAMP, b"{}")
                self._prune(keep=out)
            os.utime(out)
        return out / flavour

    def _overlay(self, submission: Submission, files: Sequence[str], flavour: str, fingerprint: str,
                 parts: Sequence[Path] = (), link: bool = True) -> Kernel:
        """The base with these files of the submission.  `parts`: kernels whose objects are taken instead of compiling the same file
        again.  Without `link` there are objects only."""
        base = self.base(flavour)
        absent = [name for name in files if name in submission.missing]
        if absent:
            return Kernel(base, f"the submission has no {' and no '.join(absent)}; add it and submit again")
        sources = [name for name in files if name.startswith("kernel/") and not self._is_reference(submission, name)]
        if not sources:
            return Kernel(base)
        try:
            out = self._tree.scratch("kernels", _key(
                fingerprint + flavour + PLAIN * self._plain + ("" if link else " objects"), submission, sources))
            with locking.held(out / "build.lock"):
                finding = _stored(out)
                if finding is None:
                    finding = self._attempts(submission, sources, out, flavour, parts, link)
                    if finding.trouble:
                        return Kernel(base, trouble=finding.trouble)
                    results.replace(out / STAMP, json.dumps({"version": VERSION, "error": finding.verdict}).encode("ascii"))
                    self._prune(keep=out)
                os.utime(out)
        except OSError as error:
            return Kernel(base, trouble=room.in_words(error) or f"the machine failed ({error})")
        if finding.verdict:
            return Kernel(out / flavour, finding.verdict)
        return Kernel(out / flavour, warnings=remarks.of([object_of(out / flavour, name) for name in sources], sources))

    def _attempts(self, submission: Submission, sources: Sequence[str], out: Path, flavour: str, parts: Sequence[Path],
                  link: bool) -> Finding:
        """Builds the overlay from nothing; again where the machine failed."""
        content = _key("", submission, sources)
        if content in self._limits:
            return self._limits[content]
        finding = Finding()
        for _ in range(ATTEMPTS):
            _clear(out)
            finding = self._compile(submission, sources, out, flavour, parts, link)
            if finding.limit:
                self._progress.say(finding.verdict.splitlines()[-1])
                self._limits[content] = finding
            if not finding.trouble:
                return finding
            self._progress.say(f"{' '.join(sources)} not built: {finding.trouble}")
        return Finding(trouble=room.shortage(self._tree.out) or f"{finding.trouble}; {ATTEMPTS} attempts failed so. See that the machine has "
                       "memory, disk and time to spare, and grade again")

    def _is_reference(self, submission: Submission, name: str) -> bool:
        """True in the complete tree for a file that is the tree's own: the base holds it already."""
        own = self._tree.root / name
        return not self._tree.is_handout and own.is_file() and own.read_bytes() == submission.files[name]

    def _compile(self, submission: Submission, sources: Sequence[str], out: Path, flavour: str, parts: Sequence[Path],
                 link: bool) -> Finding:
        """Compiles and links the overlay in `out`."""
        refused = [line for line in (studenttext.objection(name, submission.files[name]) for name in sources) if line]
        refused = refused or [line for name in sources for line in self._style_of(name, studenttext.decode(submission.files[name]))]
        if refused:
            return Finding("\n".join(refused))
        self._progress.say("compiling " + " ".join(sources))
        student = out / "student"
        submission.write_to(student, sources)
        if sandbox.bwrap() is None:
            refused = [line for name in sources
                       for line in sandbox.scan(name, studenttext.decode(submission.files[name]))]
            if refused:
                return Finding("\n".join(refused))
        options = [f"STUDENT={student}", "EXERCISE_FILES=" + " ".join(sources), f"BASE_O={self.base(flavour).parent}",
                   f"BASE_OBJ_O={self._shared(self.base(flavour).parent)}",
                   *self.switch(flavour), *self._references(sources), *([f"OPT={PLAIN}"] if self._plain else [])]
        made = {name: object_of(out / flavour, name) for name in sources}
        roots = [student, self._tree.root]
        _take_objects(parts, out / flavour)
        # One file after the other, all of them: which messages there are must not depend on who is faster.
        done = sandbox.run(self._make(out, ["-k", "-j1", *map(self._tree.in_make, made.values())], options),
                           self._compile_view(student, out), self._tree.root)
        finding = toolverdict.of_compiler(done, made, roots)
        if finding == Finding():
            refused = self._objections(sources, out, flavour)
            if refused:
                return Finding("\n".join(refused))
            if not link:
                return Finding()
            # Where the explorer keeps what it knows differs from submission to submission, and from tree to tree.
            layout = [f"LAYOUT={_number(out.name)}"] if flavour == EXPLORED else []
            done = sandbox.run(self._make(out, ["kernel"], [*options, *layout]), self._link_view(out, flavour), self._tree.root)
            finding = toolverdict.of_linker(done, list(made.values()), roots)
            refused = [] if finding != Finding() else self._image_objections(out / flavour, self.base(flavour))
            if refused:
                return Finding("\n".join(refused))
        if finding != Finding():
            self._log(done.output)
            return finding
        self._share(self.base(flavour), out / flavour)
        return Finding()

    def _style_of(self, name: str, text: str) -> List[str]:
        """What a source may be written in (plaincode.py)."""
        if name.endswith(".cpp"):
            return plaincode.objections(name, text, name in self._course.explored)
        return plaincode.assembly_objections(name, text)

    def _objections(self, sources: Sequence[str], out: Path, flavour: str) -> List[str]:
        """What the student's objects define, demand or order that must not reach the linker; what is left of them is washed."""
        base = self.base(flavour)
        courseware = objects.courseware_names([*base.glob("*.exe"), *base.glob("*.dll"), *base.glob("tests/*.sys")])
        found: List[str] = []
        for name in sources:
            path, model = object_of(out / flavour, name), self._model(name, flavour)
            made = path.read_bytes()
            explored = name in self._course.explored
            timeless = explored and not any(name in one.files and one.timed for lab in self._course.labs for one in lab.exercises)
            refused = objects.objections(name, made, model, courseware, explored, timeless)
            refused = refused or linkable.objections(name, made, model)
            if flavour == EXPLORED and explored:
                refused = refused or hooked.objections(name, made)
            if not refused:
                results.replace(path, linkable.washed(made, model))
            found += refused
        return found

    def _model(self, name: str, flavour: str) -> bytes:
        """The object that a student's file stands in for."""
        part, base = name[len("kernel/"):] + ".obj", self.base(flavour)
        shipped, compiled = self._tree.root / "kernel/prebuilt" / (EXPLORED if flavour == EXPLORED else ""), self._shared(base.parent) / base.name / "obj"
        return next(path for path in (shipped / "reference" / part, shipped / "starter" / part, compiled / part) if path.is_file()).read_bytes()

    @staticmethod
    def _image_objections(own: Path, base: Path) -> List[str]:
        """In what the linked images are not what the course expects."""
        return [line for name in ("ntoskrnl.exe", "hal.dll")
                for line in linkable.image_objections(PeImage.load(own / name), PeImage.load(base / name))]

    def _references(self, own: Sequence[str]) -> List[str]:
        """In a student's branch: the files for which an object stands in instead of the tree's own source."""
        if not self._tree.is_handout:
            return []
        names = [name for name in self._course.files if name.startswith("kernel/") and name not in own]
        known = [name for name in names if self._tree.has_reference(name)]
        return ["REFERENCE_FILES=" + " ".join(known), "STARTER_FILES=" + " ".join(name for name in names if name not in known)]

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
        base = self.base(flavour).parent
        shared = self._shared(base) / flavour / "obj"
        return sandbox.View(self._tree.root, (self._tree.root / "kernel", base, shared), (out,))

    def switch(self, flavour: str) -> List[str]:
        """What build.mk is told for a flavour that the environment does not choose; in the sandbox it cannot read the manifests."""
        if flavour == EXPLORED:
            return ["MICA_EXPLORE=" + ("all" if os.environ.get("MICA_EXPLORE") == "all" else "1"), "EXPLORED_FILES=" + " ".join(self._course.instrumented)]
        return [] if flavour == self.flavour else ["MICA_CHECKED=" + ("1" if flavour == "checked" else "")]

    def _make(self, out: Path, targets: Sequence[str], options: Sequence[str]) -> List[str]:
        return ["make", "-s", "--no-print-directory", f"-j{self._jobs}", "-f", "kernel/build.mk", *targets, f"O={out}", *options]

    def _fingerprint(self, base: Path) -> str:
        """Changes with anything a student's kernel is made of beside the student's own files."""
        total = hashlib.sha256()
        for path in sorted([*self._tree.root.glob("kernel/**/*.h"), *self._tree.root.glob("kernel/**/*.def"),
                            *self._tree.root.glob("kernel/*.mk"), *(base / "boot").glob("*")]):
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


def _take_objects(parts: Sequence[Path], target: Path) -> None:
    """Copies objects that were made already; the flags they were made with first, so that make finds them up to date."""
    for part in parts:
        for path in [*part.glob("flags"), *sorted(path for path in part.glob("obj/**/*") if path.is_file())]:
            copy = target / path.relative_to(part)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def object_of(folder: Path, name: str) -> Path:
    """Where build.mk leaves the object of a source."""
    return folder / "obj" / (name[len("kernel/"):] + ".obj")


def _flavour_of(key: str) -> str:
    """The flavour that a kernel's key names; empty for the usual one."""
    return key.partition("/")[2]


def _key(fingerprint: str, submission: Submission, sources: Sequence[str]) -> str:
    total = hashlib.sha256(fingerprint.encode())
    for name in sorted(sources):
        total.update(name.encode() + b"\0" + hashlib.sha256(submission.files[name]).digest())
    return total.hexdigest()[:20]


def _number(text: str) -> int:
    """A number for LAYOUT that follows from a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % 2147483646 + 1


def _stored(out: Path) -> Optional[Finding]:
    """What an earlier grading found, if it came to its end; a stamp that cannot be read is none."""
    try:
        stamp = json.loads((out / STAMP).read_text(encoding="utf-8"))
        return Finding(verdict=str(stamp["error"])) if stamp["version"] == VERSION else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _clear(out: Path) -> None:
    """Leaves nothing of a build that was given up, but the lock that is held."""
    for path in out.iterdir():
        if path.name != "build.lock":
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
