"""Builds the students' repository: one branch a lab, each a commit on top of the one before.

    lab0-boot ---- lab1-processes ---- ...          (a -fresh branch beside each but the first)

What a branch of lab n holds
  * sources with regions of lab n: the starter; of earlier labs: exactly what the earlier branch shipped, so that a
    merge into a student's work has no conflict (the reference instead on -fresh); of later labs: only their object
    file in kernel/prebuilt/ (with `--open`: the source)
  * the reference objects of the student files in kernel/prebuilt/reference/, so that an exercise can be graded alone
  * from the first lab whose tests explore schedules on, both kinds of objects in the explore flavour too
    (kernel/prebuilt/explore/)
  * nothing from solutions/, no tests of the grader, none of the instructor's commands

The commits are deterministic: fixed author, the date of the tree's own HEAD, files in order.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Dict, Optional

from grader import sources
from grader.build import EXPLORED, Builder
from grader.errors import GraderError
from grader.labs import Course
from grader.model import Lab, Progress
from grader.regions import Shipped
from grader.tree import Tree

WITHHELD = re.compile(
    r"^(solutions/|\.ci/|\.github/|docs/|kernel/tests/(?!scenarios/scenario)|grader/tests/|grader/(handout|regions|sources|selfcheck|patches|"
    r"memo|parallel|style|coverage|bench|leaks)(\.py$|/)|grader/commands/(handout|solution|answers|selfcheck|stability|explore|leaks)\.py$|"
    r"grader/explore/(survey|table|kernels)\.py$|"
    r"README\.md$|SYLLABUS\.md$|CONTRIBUTING\.md$|labs/branch-readme\.md$|labs/0-boot/seed\.txt$|"
    r"kernel/prebuilt/)|_test\.cpp$")
README = "labs/branch-readme.md"  # becomes README.md of the branches
_LAB_FOLDER = re.compile(r"^labs/(\d+)-")
_LEFT_OVER = re.compile(rb"^[ \t]*(//|#)[ \t]*LAB\([0-9.]+\)[ \t]+(begin|else|end)", re.MULTILINE)


class Handout:
    """Builds the branches of one tree into `target`."""

    def __init__(self, tree: Tree, course: Course, target: Path, open_sources: bool = False,
                 builder: Optional[Builder] = None, progress: Optional[Progress] = None) -> None:
        self._tree, self._course, self._target, self._open = tree, course, target, open_sources
        self._progress = progress or Progress()
        self._builder = builder or Builder(tree, course, self._progress)
        self._marked = sources.marked(tree, course)
        self._names = [name for name in sources.tracked(tree) if not WITHHELD.search(name)]
        self._date = self._git(tree.root, "log", "-1", "--format=%cI",
                               check=False).strip() or "2000-01-01T00:00:00+00:00"

    def build(self) -> None:
        """Makes the repository; the target must not hold anything yet."""
        if self._target.exists() and (not self._target.is_dir() or any(self._target.iterdir())):
            raise GraderError(f"{self._target}: is there already; remove it or choose another OUT")
        objects = {"": self._builder.base() / "obj"}
        if any(self._explores(lab) for lab in self._course.labs):
            objects["explore/"] = self._builder.base(EXPLORED) / "obj"
        self._target.mkdir(parents=True, exist_ok=True)
        self._git(self._target, "init", "-q", "--template=", "--initial-branch", self._course.labs[0].branch)
        for lab in self._course.labs:
            self._progress.say(f"branch {lab.branch}")
            if lab is not self._course.labs[0]:
                self._git(self._target, "checkout", "-q", "-b", lab.branch)
            self._commit(self._files(lab, objects), f"Lab {lab.number}: {lab.title}")
            if lab is not self._course.labs[0]:
                self._git(self._target, "checkout", "-q", "-b", lab.branch + "-fresh")
                self._commit(self._files(lab, objects, fresh=True),
                             f"Lab {lab.number}: {lab.title}, earlier labs solved")
                self._git(self._target, "checkout", "-q", lab.branch)
        self._git(self._target, "checkout", "-q", self._course.labs[0].branch)

    def _explores(self, lab: Lab) -> bool:
        """Whether the branch of a lab needs the explore flavour: a test of this lab or of an earlier one explores."""
        return any(test.explore for test in self._course.tests if test.lab <= lab.number)

    def _files(self, lab: Lab, objects: Dict[str, Path], fresh: bool = False) -> Dict[str, Path | bytes]:
        """Name -> content (or the file to copy) of one branch."""
        objects = {flavour: path for flavour, path in objects.items() if not flavour or self._explores(lab)}
        files: Dict[str, Path | bytes] = {}
        for name in self._names:
            folder = _LAB_FOLDER.match(name)
            if folder and int(folder[1]) > lab.number:
                continue
            shipped = self._marked.get(name)
            if shipped is None:
                files[name] = self._tree.root / name
            else:
                self._place(files, name, shipped, lab, objects, fresh)
        if (self._tree.root / README).is_file():
            files["README.md"] = self._tree.root / README
        return files

    def _place(self, files: Dict[str, Path | bytes], name: str, shipped: Shipped, lab: Lab,
               objects: Dict[str, Path], fresh: bool) -> None:
        number = sources.lab_number(shipped)
        if sources.has_object(name) and not (number > lab.number and self._open):
            kind = "" if number > lab.number else "reference/"
            for flavour, path in objects.items():
                files[f"kernel/prebuilt/{flavour}{kind}{name[len('kernel/'):]}.obj"] = object_of(path, name)
        if number > lab.number and not self._open:
            if not sources.has_object(name):
                raise GraderError(
                    f"{name}: a region of lab {number} in a file that has no object; move it to a source file")
            return
        text = shipped.reference if number > lab.number or (fresh and number < lab.number) else shipped.starter
        files[name] = text.encode("utf-8", "surrogateescape")

    def _commit(self, files: Dict[str, Path | bytes], message: str) -> None:
        for entry in self._target.iterdir():
            if entry.name != ".git":
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        for name in sorted(files):
            self._write(name, files[name])
        self._git(self._target, "add", "-A", "-f", ".")
        self._git(self._target, "commit", "-q", "--allow-empty", "-m", message)

    def _write(self, name: str, content: "Path | bytes") -> None:
        path = self._target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            if not content.exists():
                raise GraderError(f"{content}: the build left no such file; run `make clean kernel` and try again")
            shutil.copyfile(content, path, follow_symlinks=False)
            mode = 0o755 if os.access(content, os.X_OK) else 0o644
        else:
            path.write_bytes(content)
            mode = 0o755 if os.access(self._tree.root / name, os.X_OK) else 0o644
        if not path.is_symlink():
            path.chmod(mode)
            if not name.endswith((".obj", ".py", ".md")) and _LEFT_OVER.search(path.read_bytes()):
                raise GraderError(f"{name}: a LAB marker would reach the students; lab.py must name this file")

    def _git(self, folder: Path, *arguments: str, check: bool = True) -> str:
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "TZ": "UTC",
                       "GIT_AUTHOR_NAME": "Mica", "GIT_AUTHOR_EMAIL": "mica@localhost", "GIT_COMMITTER_NAME": "Mica",
                       "GIT_COMMITTER_EMAIL": "mica@localhost"}
        if folder == self._target:
            environment.update(GIT_AUTHOR_DATE=self._date, GIT_COMMITTER_DATE=self._date)
        settings = ["-c", "core.autocrlf=false", "-c", "advice.detachedHead=false", "-c", "gc.auto=0"]
        done = subprocess.run(["git", *settings, "-C", str(folder), *arguments], env=environment, capture_output=True,
                              text=True, check=False)
        if check and done.returncode != 0:
            raise GraderError(
                f"git {arguments[0]} failed in {folder}: {done.stderr.strip()[:200]}; see that git is installed")
        return done.stdout if done.returncode == 0 else ""


def object_of(objects: Path, name: str) -> Path:
    """Where build.mk leaves the object of a source: $(B)/obj/<path without kernel/>.obj."""
    return objects / (name[len("kernel/"):] + ".obj")
