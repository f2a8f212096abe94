"""The right and the wrong kernels that students' own tests tell apart, and the driver of a student's scenarios.

In the complete tree they are patches of solutions/ (patches.of_own_tests); a student's branch has their objects only, in
kernel/prebuilt/explore/{right,wrong}/N/, under numbers that say nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Dict, List, Sequence, Tuple

from grader import locking, objects, sandbox
from grader.errors import GraderError
from grader.explore.own import DRIVER, order
from grader.model import Kernel, OwnTest
from grader.submission import Submission
from grader.toolmessages import for_student

if TYPE_CHECKING:
    from grader.build import Builder

FOLDER = "kernel/prebuilt/explore"
KINDS = ("right", "wrong")
LATER = 86400  # seconds by which a shipped object is made newer than the flags it is checked against


class Variants:
    """Builds both for one Builder."""

    def __init__(self, builder: "Builder") -> None:
        self._builder, self._tree = builder, builder.tree

    def own_test(self, submission: Submission, name: str) -> OwnTest:
        """The driver of the student's file `name`, and the kernels."""
        kernels = self.kernels()
        right = (Kernel(self._builder.base("explore")), *order(kernels["right"]))
        wrong = order(kernels["wrong"])
        if name in submission.missing or name not in submission.files:
            return OwnTest(right[0].directory, f"the submission has no {name}; add it and submit again", right, wrong)
        folder, error = self._driver(submission, name)
        return OwnTest(folder, error, right, wrong)

    # -- the kernels ---------------------------------------------------------------------------------------------------
    def kernels(self) -> Dict[str, List[Kernel]]:
        """The variants of each kind; a patch that does not build is a GraderError."""
        found = self._shipped() if self._tree.is_handout else self._patched()
        for kind in KINDS:
            for kernel in found[kind]:
                if kernel.error:
                    raise GraderError(f"a {kind} kernel for the students' own tests does not build: "
                                      + kernel.error.splitlines()[0])
        return found

    def _patched(self) -> Dict[str, List[Kernel]]:
        from grader import patches  # not in a student's branch
        builder = self._builder
        found: Dict[str, List[Kernel]] = {kind: [] for kind in KINDS}
        own = [(kind, patch) for lab in builder.course.labs
               for kind, several in patches.of_own_tests(self._tree, lab).items() for patch in several]
        reference = {name: (self._tree.root / name).read_bytes() for name in builder.course.files} if own else {}

        def build(patch: "patches.Patch") -> Kernel:
            files = patches.apply(patch, reference, builder.course.files)
            changed = [name for name in files if files[name] != reference[name] and name.startswith("kernel/")]
            return builder.overlay(Submission(files, ()), changed, "explore")

        with ThreadPoolExecutor(builder.jobs) as pool:
            for (kind, _), kernel in zip(own, pool.map(build, [patch for _, patch in own])):
                found[kind].append(kernel)
        return found

    def _shipped(self) -> Dict[str, List[Kernel]]:
        return {kind: [self._linked(folder) for folder in sorted((self._tree.root / FOLDER / kind).glob("*"))
                       if folder.is_dir()] for kind in KINDS}

    def _linked(self, folder: Path) -> Kernel:
        """The reference with the objects of a folder in place of its own."""
        builder = self._builder
        base = builder.base("explore")
        parts = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.obj"))
        names = ["kernel/" + part[:-len(".obj")] for part in parts]
        out = self._tree.scratch("variants", f"{folder.parent.name}{folder.name}")
        with locking.held(out / "build.lock"):
            stamp = out / "done.json"
            content = builder.fingerprint(base)
            if not stamp.is_file() or json.loads(stamp.read_text())["base"] != content:
                student = out / "student"
                builder.share(base, out / "explore")
                for part, name in zip(parts, names):
                    for path in (student / name, out / "explore" / "obj" / part):
                        path.parent.mkdir(parents=True, exist_ok=True)
                    (student / name).write_bytes(b"")
                    shutil.copyfile(folder / part, out / "explore" / "obj" / part)
                    os.utime(out / "explore" / "obj" / part, (time.time() + LATER,) * 2)
                done = sandbox.run(builder.make(out, ["kernel"], [
                    f"STUDENT={student}", "EXERCISE_FILES=" + " ".join(names), f"BASE_O={base.parent}", "MICA_EXPLORE=1",
                    *builder.references(names)]), builder.link_view(out, "explore"), self._tree.root)
                if done.code != 0:
                    return Kernel(out / "explore", for_student(done.output, [student, self._tree.root]) or "it does not link")
                stamp.write_text(json.dumps({"base": content}))
        return Kernel(out / "explore")

    # -- the student's driver ------------------------------------------------------------------------------------------
    def _driver(self, submission: Submission, name: str) -> Tuple[Path, str]:
        builder = self._builder
        base = builder.base("explore")
        out = self._tree.scratch("kernels", builder.key(builder.fingerprint(base) + "own", submission, [name]))
        with locking.held(out / "build.lock"):
            stamp = out / "done.json"
            if not stamp.is_file():
                stamp.write_text(json.dumps({"error": self._compile(submission, name, out)}))
            with contextlib.suppress(OSError):
                os.utime(out)
            return out / "explore", json.loads(stamp.read_text())["error"]

    def _compile(self, submission: Submission, name: str, out: Path) -> str:
        builder = self._builder
        base, student = builder.base("explore"), out / "student"
        shutil.rmtree(student, ignore_errors=True)
        submission.write_to(student, [name])
        if sandbox.bwrap() is None:
            refused = sandbox.scan(name, submission.files[name].decode("utf-8", "replace"))
            if refused:
                return "\n".join(refused)
        options = [f"STUDENT={student}", f"OWN_TEST={name}", f"BASE_O={base.parent}", "MICA_EXPLORE=1",
                   *builder.references([])]
        made = out / "explore" / "obj" / (name + ".obj")
        for targets, view in (([str(made)], builder.compile_view(student, out)),
                              ([f"{out}/explore/tests/{DRIVER}", f"{out}/explore/boot/{DRIVER}"],
                               builder.link_view(out, "explore"))):
            done = sandbox.run(builder.make(out, targets, options), view, self._tree.root)
            if done.timed_out:
                return "the compiler did not end in time; look for templates or constants that expand without bound"
            if done.code != 0:
                return for_student(done.output, [student, self._tree.root])
            if targets[0] == str(made):
                refused = self._objections(name, made, base)
                if refused:
                    return "\n".join(refused)
        return ""

    @staticmethod
    def _objections(name: str, made: Path, base: Path) -> Sequence[str]:
        """The driver may not take a name of the kernel's, nor tell the linker anything that other drivers do not."""
        courseware = objects.courseware_names([*base.glob("*.exe"), *base.glob("*.dll")])
        example = next(iter(sorted(base.glob(f"obj/{Path(name).parent}/tests/*.obj"))), None)
        if example is None:
            raise GraderError("the kernel has no lab drivers; build it again")
        return objects.objections(name, made.read_bytes(), example.read_bytes(), courseware)
