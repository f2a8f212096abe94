"""What the students' branches hold, and publishing them: one branch a lab, made or brought up to date when the lab is due.

What a branch of lab n holds
  * sources with regions of lab n: the starter; of earlier labs: exactly what the earlier branch shipped, so that a
    merge into a student's work has no conflict (the reference instead on -fresh); of later labs: only their hardened
    object in kernel/prebuilt/ (with `--open`: the source); all objects of the reference are scattered (scatter.py)
  * for every student file an object that stands in when the file is not about to be tested or does not compile: of
    earlier labs the reference (kernel/prebuilt/reference/), of the lab itself the starter (kernel/prebuilt/starter/).
    The instructor chooses otherwise with REFERENCE=all or REFERENCE=none.  Of further exercises that labs/further.txt does not
    name the branch always holds the reference: a kernel of the core track needs them, and kernel/prebuilt/further.txt names them;
    so it does of an exercise without which no kernel boots (model.Exercise.boots)
  * of the sources with regions that the boot loader and ntdll.dll share with the kernel their own objects (kernel/prebuilt/boot/,
    kernel/prebuilt/user/): these two always have the reference, so that every branch boots and starts programs
  * from the first lab whose tests explore schedules on, all objects in the explore flavour too (kernel/prebuilt/explore/)
  * kernel/prebuilt/branch.json: which lab this is; labs/manifest.json: hashes of all that students do not write
  * the staged hints of its own lab
  * nothing from solutions/, no tests of the grader, none of the instructor's commands

The commits are deterministic (branches.py): fixed author, the date of the tree's own HEAD, files in order.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from grader import sources
from grader.building.builder import EXPLORED, Builder, object_of
from grader.errors import GraderError
from grader.handout.branches import Content, Repository
from grader.handout.hardened import harden, scatter, scatter_of_loader
from grader.handout.regions import Shipped
from grader.labs import Course
from grader.model import Lab, Progress
from grader.submission import manifest
from grader.submission.files import Submission
from grader.tree import BRANCH_FILE, Tree

WITHHELD = re.compile(
    r"^(solutions/|\.ci/|\.github/|docs/|kernel/tests/(?!scenarios/scenario)|grader/tests/|"
    r"grader/(handout|selfcheck|style|coverage|bench|pictures|matrix|leaks|mutate)/|grader/sources\.py$|"
    r"grader/commands/(handout|solution|answers|selfcheck|stability|explore|demo_race|leaks|mutate|edits)\.py$|"
    r"grader/explore/(survey|table|kernels)\.py$|"
    r"README\.md$|SYLLABUS\.md$|CONTRIBUTING\.md$|labs/branch-readme\.md$|labs/[^/]+/seed\.txt$|"
    r"kernel/prebuilt/)|_test\.cpp$")
SHARED = "kernel/ntos/rtl/pe/"  # sources that are compiled for the boot loader and for ntdll.dll too
SHARED_WITH_NTDLL = (SHARED, "kernel/ntos/rtl/i386/backtrace.cpp")
FURTHER_LIST = "kernel/prebuilt/further.txt"  # kernel/student.mk reads it
README = "labs/branch-readme.md"  # becomes README.md of the branches
REFERENCES = ("earlier", "all", "none")
_LAB_FOLDER = re.compile(r"^labs/(\d+)-[^/]+/(hints/)?")  # hints: those of the branch's own lab
_LEFT_OVER = re.compile(rb"^[ \t]*(//|#)[ \t]*LAB\([0-9.]+\)[ \t]+(begin|else|end)", re.MULTILINE)


@dataclass(frozen=True)
class Choices:
    """What an instructor may choose.  `reference`: of which labs a branch holds the reference as objects."""

    lab: Optional[int] = None  # the lab that is due, with all before it; None: every lab
    reference: str = "earlier"
    fresh: bool = False  # the -fresh branch of that lab too
    open_sources: bool = False
    message: str = ""  # what a later handout of the same branch is for


@dataclass
class Published:
    """What a handout did."""

    branches: List[str] = field(default_factory=list)  # in the order in which they stand on each other
    changed: List[str] = field(default_factory=list)
    fresh: str = ""  # holds the solutions of earlier labs
    touched: Dict[str, List[str]] = field(default_factory=dict)  # branch -> student files whose starter text has changed


class Handout:
    """Publishes branches of one tree in the repository `target`."""

    def __init__(self, tree: Tree, course: Course, target: Path, choices: Choices = Choices(),
                 builder: Optional[Builder] = None, progress: Optional[Progress] = None) -> None:
        self._tree, self._course, self._choices = tree, course, choices
        self._progress = progress or Progress()
        self._builder = builder or Builder(tree, course, self._progress)
        self._marked = sources.marked(tree, course)
        self._making = {lab.number for lab in sources.in_making(tree, course)}
        self._names = [name for name in sources.tracked(tree) if not WITHHELD.search(name)]
        self._repository = Repository(target, sources.date_of(tree))
        self._due = [lab for lab in course.labs if choices.lab is None or lab.number <= choices.lab]
        if not self._due:
            raise GraderError(f"no lab up to {choices.lab}; there are: " + ", ".join(str(lab.number) for lab in course.labs))

    def build(self) -> Published:
        """Makes the repository, or adds to the one that lies there."""
        self._repository.open(self._due[0].branch)
        done = Published()
        with tempfile.TemporaryDirectory(prefix="mica-objects-") as folder:
            self._objects = _Objects(self._builder, self._marked, self._course, Path(folder))
            below = ""
            for lab in self._due:
                self._publish(lab, lab.branch, below, done)
                done.branches.append(lab.branch)
                if self._choices.fresh and lab is self._due[-1] and below:
                    done.fresh = lab.branch + "-fresh"
                    self._publish(lab, done.fresh, lab.branch, done, fresh=True)
                below = lab.branch
        self._repository.show(self._due[0].branch)
        return done

    def _publish(self, lab: Lab, branch: str, below: str, done: Published, fresh: bool = False) -> None:
        self._progress.say(f"branch {branch}")
        title = f"Lab {lab.number}: {lab.title}" + (", earlier labs solved" if fresh else "")
        if self._repository.publish(branch, below, self.files(lab, fresh), title, self._choices.message):
            done.changed.append(branch)
            own = [name for other in self._due for name in other.files]
            done.touched[branch] = self._repository.changed(branch, own)

    def _explores(self, lab: Lab) -> bool:
        """Whether the branch of a lab needs the explore flavour: a test of this lab or of an earlier one explores."""
        return any(test.explore for test in self._course.tests if test.lab <= lab.number)

    def files(self, lab: Lab, fresh: bool = False) -> Dict[str, Content]:
        """Name -> content (or the file to copy) of one branch."""
        files: Dict[str, Content] = {}
        for name in self._names:
            folder = _LAB_FOLDER.match(name)
            if folder and (int(folder[1]) > lab.number or int(folder[1]) in self._making or int(folder[1]) < lab.number and folder[2]):
                continue
            shipped = self._marked.get(name)
            if shipped is None:
                files[name] = self._tree.root / name
            else:
                self._place(files, name, shipped, lab, fresh)
            if shipped is not None and name.startswith(SHARED):
                files[f"kernel/prebuilt/boot/{name[len('kernel/ntos/rtl/'):].replace('.cpp', '.o')}"] = self._objects.of_loader(name)
            if shipped is not None and name.startswith(SHARED_WITH_NTDLL):
                files[f"kernel/prebuilt/user/{name[len('kernel/'):]}.obj"] = self._objects.of_user(name)
        if (self._tree.root / README).is_file():
            files["README.md"] = self._tree.root / README
        files[BRANCH_FILE] = (json.dumps({"lab": lab.number, "fresh": fresh}) + "\n").encode()
        left_out = [name for name, shipped in self._marked.items() if self._is_left_out(shipped) and name in files]
        if left_out:
            files[FURTHER_LIST] = "".join(f"{name}\n" for name in sorted(left_out)).encode()
        files[sources.BRANCH_LIST] = sources.branch_list(files)
        for name, content in files.items():
            _check(name, content)
        whole = {name: content.read_bytes() if isinstance(content, Path) else content for name, content in files.items()}
        files[manifest.FILE] = manifest.render(whole, [name for other in self._course.labs if other.number <= lab.number
                                                        for name in (*other.files, other.seed) if name])
        return files

    def _place(self, files: Dict[str, Content], name: str, shipped: Shipped, lab: Lab, fresh: bool) -> None:
        number = sources.lab_number(shipped)
        later = number > lab.number or number in self._making
        if sources.has_object(name) and not (later and self._choices.open_sources):
            kind = "" if later else self._stand_in(shipped, lab) + "/"
            for flavour in ("", EXPLORED + "/")[:2 if self._explores(lab) else 1]:
                path = f"kernel/prebuilt/{flavour}{kind}{name[len('kernel/'):]}.obj"
                files[path] = self._objects.starter(name, flavour) if kind == "starter/" else self._objects.reference(name, flavour)
        if later and not self._choices.open_sources:
            if not sources.has_object(name):
                raise GraderError(
                    f"{name}: a region of lab {number} in a file that has no object; move it to a source file")
            return
        text = shipped.reference if later or (fresh and number < lab.number) else shipped.starter
        files[name] = text.encode("utf-8", "surrogateescape")

    def _stand_in(self, shipped: Shipped, lab: Lab) -> str:
        """Which object of a student file the branch of `lab` holds."""
        choice = self._choices.reference
        earlier = choice == "earlier" and sources.lab_number(shipped) < lab.number
        return "reference" if choice == "all" or earlier or self._is_left_out(shipped) else "starter"

    def _is_left_out(self, shipped: Shipped) -> bool:
        """Whether all of a file is of further exercises that the course does not grade, or of such without which no kernel boots."""
        every = [exercise for lab in self._course.labs for exercise in lab.exercises]
        return shipped.exercises <= {one.number for one in every if one.boots or (one.further and one.number not in self._course.further)}


class _Objects:
    """Hardened objects, each made once."""

    def __init__(self, builder: Builder, marked: Dict[str, Shipped], course: Course, folder: Path) -> None:
        self._builder, self._folder = builder, folder
        self._files = [name for name in course.files if name in marked and sources.has_object(name)]
        self._listed = [name for name in marked if sources.has_object(name)]
        self._marked = marked
        self._starters: Dict[str, Path] = {}
        self._listings: Dict[str, Dict[str, Path]] = {}  # of each flavour

    def reference(self, name: str, flavour: str) -> Path:
        """`flavour`: empty, or "explore/".  Its code is scattered."""
        target = object_of(self._folder / f"{flavour}reference", name)
        if not target.is_file():
            flavour = EXPLORED if flavour else ""
            if flavour not in self._listings:
                self._listings[flavour] = self._builder.listings(self._listed, flavour)
            scatter(object_of(self._builder.base(flavour), name), self._listings[flavour][name], target)
        return target

    def of_loader(self, name: str) -> Path:
        """The boot loader's object of a source, scattered."""
        made, target = _loader_object_of(self._builder.base(), name), _loader_object_of(self._folder, name)
        if not target.is_file():
            scatter_of_loader(made, self._builder.shared_listing(made), target)
        return target

    def of_user(self, name: str) -> Path:
        """The same of ntdll.dll's."""
        made, target = _user_object_of(self._builder.base(), name), _user_object_of(self._folder, name)
        if not target.is_file():
            scatter(made, self._builder.shared_listing(made), target)
        return target

    def starter(self, name: str, flavour: str) -> Path:
        if flavour not in self._starters:
            files = {name: self._marked[name].starter.encode("utf-8", "surrogateescape") for name in self._files}
            self._starters[flavour] = self._builder.objects(Submission(files, ()), EXPLORED if flavour else self._builder.flavour)
        target = object_of(self._folder / f"{flavour}starter", name)
        if not target.is_file():
            harden(object_of(self._starters[flavour], name), target)
        return target


def _loader_object_of(folder: Path, name: str) -> Path:
    """Where boot.mk leaves the boot loader's own object of a source that it shares with the kernel."""
    return folder / "obj/boot" / name[len("kernel/ntos/rtl/"):].replace(".cpp", ".o")


def _user_object_of(folder: Path, name: str) -> Path:
    """Where kernel/user/build.mk leaves ntdll.dll's own object of a source that it shares with the kernel."""
    return folder / "obj/user" / (name[len("kernel/"):] + ".obj")


def _check(name: str, content: Content) -> None:
    """Refuses a text that would show the students a region's marker."""
    if isinstance(content, Path) and not content.exists():
        raise GraderError(f"{content}: the build left no such file; run `make clean kernel` and try again")
    if name.endswith((".obj", ".o", ".py", ".md")):
        return
    if _LEFT_OVER.search(content.read_bytes() if isinstance(content, Path) else content):
        raise GraderError(f"{name}: a LAB marker would reach the students; lab.py must name this file")


def publishing(target: str, branches: Sequence[str]) -> str:
    """The command that publishes exactly these branches."""
    return f"git -C {target} push URL {' '.join(branches)}"
