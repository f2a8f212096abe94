"""A student's own scenarios (exercise 3.10): explored on correct kernels, which they must accept, and on wrong ones.

Invariants
  * A scenario that fails on a correct kernel costs every point: the correct ones are asked first.  They are the reference and
    the accepted variants, which look different inside, so that looks prove nothing.
  * A find counts only when its replay ends in the same way (explorer.explore), on either kind of kernel.  A failure that does not
    come again costs no point; its author is told, for such a scenario goes on from what an earlier run has left.
  * The student's file sees headers, never a reference or a wrong kernel.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Iterator, List, Optional, Set, Tuple

from grader import labs, locking, plaincode, room, sandbox, studenttext, toolverdict
from grader import submission as submissions
from grader.build import ATTEMPTS, EXPLORED, Builder
from grader.errors import GraderError, InfraError
from grader.explore import explorer
from grader.explore.control import Found
from grader.explore.target import PROCESSORS, GuestTarget, scenarios
from grader.guest import Guest
from grader.inspection import Inspection
from grader.model import EXPLORE, WHOLE, Lab
from grader.result import replace
from grader.runner import EXPLORED_STAGES, boot
from grader.session import Session
from grader.stops import Altered, CodeRead
from grader.submission import Submission
from grader.toolverdict import Finding
from grader.tree import Tree

if TYPE_CHECKING:
    from grader.api import Context, Hint
    from grader.variants import Variant

SOURCE, DRIVER, CANARY = "mytest.cpp", "mytest.sys", "Canary"
SCENARIOS_MAX = 12
REFUSALS = 5  # lines of a file that is not compiled, that are shown
BUDGET = 30_000_000  # guest instructions, estimated, for each scenario on each kernel
DOUBTS = 20  # failures that do not come again before a scenario is given up: one that never begins anew fails in every second run
ACCEPTED_MAX = 1  # accepted variants that are asked beside the reference
_SCENARIO = re.compile(rb"^\s*SCENARIO\(", re.MULTILINE)
HINTS = {
    "mytest-rejects": "Check what the contracts promise for every order of steps, and nothing else.",
    "mytest-waits-for-ever": "On a right kernel too a wait of yours may have no end. Who ends it, if the others are done before it begins? Two "
                             "signals of an event are one when nobody takes the first in between.",
    "mytest-unfair": "A scenario calls routines, looks at its own variables and at what an object's contract says. It neither reads nor writes the "
                     "kernel's code.",
    "mytest-leftovers": "Setup must write every variable that the scenario uses: the next run begins with what this one leaves.",
}


@dataclass(frozen=True)
class Findings:
    """What a file's scenarios did on one kernel."""

    fails: str = ""  # the first scenario that fails, and how; empty: none
    found: Found = Found.NOTHING
    bare: str = ""  # the same without a word that the scenario chose: such words would bring back what other kernels look like
    once: str = ""  # a scenario that failed, but not when that run alone was repeated
    unfair: str = ""  # what a scenario did that none may do


_known: Dict[Tuple[str, int], "Future[Findings]"] = {}  # (digest of file and kernel, seed) -> what was found, or will be
_refused: Dict[Path, str] = {}  # folder of a file -> what the compiler says of it: every test of the exercise asks
_guard = threading.Lock()  # of the table, not of the exploring
_spoilt: Set[Tuple[Path, int]] = set()  # (driver, seed) that fails on a kernel that is right: no other need be explored


def catches(t: "Context", file: str, wrong: str, hint: "Optional[Hint]" = None) -> None:
    """Fails the test unless a scenario of the student's finds the wrong kernel (if one is named) and none rejects a correct one."""
    tree = t.tree
    course = labs.load(tree)
    lab = course.lab(t.spec.lab)
    builder = Builder(tree, course)
    text = t.submitted_bytes(file)
    t.asking(f"{file}: your scenarios", hint)
    if not _SCENARIO.search(studenttext.decode(text).encode("utf-8", "replace")):
        t.fail(expected="at least one SCENARIO", seen="none" if text else "no such file")
    folder, error = compiled(tree, builder, text)
    if error:
        t.fail(asked=f"compiling {file}", expected="it compiles", seen=error)
    own = builder.without_reference(exercise.number for exercise in lab.exercises)
    right: List[Tuple[str, "Optional[Variant]"]] = [("your own kernel: this branch has no reference" if own else "the reference", None)]
    if not tree.is_handout:
        from grader import variants  # an instructor's: a student's branch has neither them nor what they change
        right += [(one.says, one) for one in variants.of_lab(tree, lab) if one.kind == "accepted"][:ACCEPTED_MAX]
    hidden = variants.read(_hidden(tree, lab, wrong)) if wrong and not tree.is_handout else None
    early: Optional[Findings] = None
    if hidden and (folder, t.seed) not in _spoilt:
        # First what no other test asks for: tests that run side by side wait for the right kernels only.
        early = explored(folder, kernel(tree, builder, lab.number, hidden, t.seed), t.seed)
    once = ""
    for says, variant in right:
        judged = own_kernel(tree, builder, t.student_dir) if own else kernel(tree, builder, lab.number, variant, t.seed)
        seen = explored(folder, judged, t.seed)
        _fair(t, seen)
        once = once or seen.once
        if own and seen.fails and seen.found is Found.NOTHING:
            t.fail(asked=f"your scenarios on {says}", expected="your kernel comes up", seen=seen.fails)
        if seen.fails:
            _spoilt.add((folder, t.seed))
            t.fail(asked=f"your scenarios on a kernel that is right ({says})", expected="nothing is found: a correct kernel must pass",
                   seen=seen.fails if tree.is_handout else seen.bare or seen.fails, hint=_hint(t, "mytest-waits-for-ever" if seen.found is Found.DEADLOCK else "mytest-rejects"))
    if not wrong:
        t.check(not once, asked="each run of your scenarios again, alone", expected="it ends as it did among others", seen=once,
                hint=_hint(t, "mytest-leftovers"))
    if not hidden:
        return
    seen = early or explored(folder, kernel(tree, builder, lab.number, hidden, t.seed), t.seed)
    _fair(t, seen)
    if not seen.fails:
        once = once or seen.once
        t.fail(asked="your scenarios on a kernel that is wrong in one place", expected="one of them fails", seen=once or "none does",
               hint=_hint(t, "mytest-leftovers") if once else t.hint(
                   "mytest-misses", f"There is a mistake in the files of exercise {hidden.exercise} that none of your scenarios shows. "
                   "Read its contracts: which sentence does no scenario of yours check, or check while others are at work?"))


def _hidden(tree: Tree, lab: Lab, name: str) -> Path:
    """A kernel that is wrong in one place."""
    return tree.solutions / lab.folder / "hidden" / "wrong" / f"{name}.edit"


def _fair(t: "Context", seen: Findings) -> None:
    """A scenario judges a kernel by what it does."""
    t.check(not seen.unfair, asked="what your scenarios look at", expected="objects and results: a kernel is judged by what it does",
            seen=seen.unfair, hint=_hint(t, "mytest-unfair"))


def _hint(t: "Context", name: str) -> "Hint":
    return t.hint(name, HINTS[name])


def compiled(tree: Tree, builder: Builder, text: bytes) -> Tuple[Path, str]:
    """The driver made of the student's file: its folder, or the compiler's message."""
    refused = studenttext.oversize(SOURCE, text) or studenttext.objection(SOURCE, text)
    if not refused and sandbox.bwrap() is None:
        refused = "\n".join(sandbox.scan(SOURCE, studenttext.decode(text)))
    refused = refused or "\n".join(plaincode.objections(SOURCE, studenttext.decode(text), True, True)[:REFUSALS])
    if refused:
        return Path(), refused
    base = builder.base(EXPLORED)
    stamp = hashlib.sha256(text + (base / "nt.lib").read_bytes()).hexdigest()[:20]
    out = tree.scratch("mytest", stamp)
    source = out / "source" / SOURCE
    source.parent.mkdir(parents=True, exist_ok=True)
    with locking.held(out / "build.lock"):
        if out in _refused or (out / "boot" / DRIVER).is_file():
            return out, _refused.get(out, "")
        for _ in range(ATTEMPTS):
            finding = _made(tree, builder, text, source, out)
            if finding.verdict:
                _refused[out] = finding.verdict
            if not finding.trouble:
                return out, finding.verdict
        raise InfraError(room.shortage(tree.out) or f"your scenarios were not built: {finding.trouble}; see that the machine has memory, disk "
                         "and time to spare, and try again")


def _made(tree: Tree, builder: Builder, text: bytes, source: Path, out: Path) -> Finding:
    """Compiles and links the driver; its copy in boot/, which says that all is there, is written last."""
    base, made, kernel_folder = builder.base(EXPLORED), out / EXPLORED, tree.root / "kernel"
    shutil.rmtree(made, ignore_errors=True)
    source.write_bytes(text)
    hidden = [name for name in builder.student_files() if name.exists()]
    made_of = {source.name: made / "obj" / f"{SOURCE}.obj"}
    roots = [source.parent, tree.root]

    def make(target: Path, view: sandbox.View) -> sandbox.Run:
        return sandbox.run(["make", "-s", "--no-print-directory", "-f", "kernel/build.mk", tree.in_make(target), f"O={out}", f"BASE_O={base.parent}",
                            f"MYTEST={source}", "MICA_EXPLORE=1"], view, tree.root)

    finding = toolverdict.of_compiler(make(made_of[source.name], sandbox.View(tree.root, (kernel_folder,), (out,), (
        *hidden, kernel_folder / "prebuilt"))), made_of, roots)
    if finding == Finding():
        finding = toolverdict.of_linker(make(made / "boot" / DRIVER, sandbox.View(tree.root, (kernel_folder, base.parent), (out,))),
                                        list(made_of.values()), roots)
    if finding == Finding():
        for part in ("tests", "boot"):
            replace(out / part / DRIVER, (made / part / DRIVER).read_bytes())
    return finding


def kernel(tree: Tree, builder: Builder, lab: int, variant: "Optional[Variant]", seed: int) -> Path:
    """The explore flavour of a kernel: the reference, or with a variant of solutions/; linked in an order that follows from `seed`."""
    return builder.laid_out(_made_of(tree, builder, lab, variant), seed)


def _made_of(tree: Tree, builder: Builder, lab: int, variant: "Optional[Variant]") -> Path:
    if variant is None:
        return builder.base(EXPLORED)
    from grader import variants
    names = [name for name in labs.load(tree).lab(lab).files if name.startswith("kernel/")]
    files = {name: (tree.root / name).read_bytes() for name in names}
    submission = Submission(variants.apply(variant, files), ())
    exercises = [exercise.number for exercise in labs.load(tree).lab(lab).exercises
                 if any(submission.files.get(name) != files.get(name) for name in exercise.files)]
    keys = [f"{number}{EXPLORE}" for number in exercises]
    if len(keys) != 1:
        keys = [f"whole{EXPLORE}"]
    made = builder.build(submission, keys)[keys[0]]
    if made.trouble:
        raise InfraError(f"{variant.path.name}: {made.trouble}")
    if made.error:
        raise GraderError(f"{variant.path}: the kernel does not build: {made.error.splitlines()[0]}")
    return made.directory


def own_kernel(tree: Tree, builder: Builder, student: Path) -> Path:
    """The explore flavour of a kernel with all of the student's files."""
    submission = submissions.read(str(student), labs.load(tree).files, [], tree.root, compare=False)
    made = builder.build(submission, [f"{WHOLE}{EXPLORE}"])[f"{WHOLE}{EXPLORE}"]
    if made.trouble:
        raise InfraError(made.trouble)
    if made.error:
        raise GraderError(f"your kernel does not build: {made.error.splitlines()[0]}; correct that first")
    return made.directory


def explored(driver: Path, directory: Path, seed: int) -> Findings:
    """What the scenarios of a driver find on a kernel."""
    key = (hashlib.sha256(f"{driver}|{directory}".encode()).hexdigest(), seed)
    with _guard:
        mine = key not in _known
        found = _known.setdefault(key, Future())
    if mine:
        try:
            machine = driver / ("on-" + hashlib.sha256(str(directory).encode()).hexdigest()[:12])
            _lay_out(driver, directory, machine)
            found.set_result(_explore(machine, seed))
        except BaseException as error:  # who waits for it gets it too; the next grading asks again
            with _guard:
                del _known[key]
            found.set_exception(error)
    return found.result()


def _lay_out(driver: Path, directory: Path, machine: Path) -> None:
    """A kernel's folder with this driver for its test driver."""
    for source in (*directory.glob("*.exe"), *directory.glob("*.dll"), *directory.glob("boot/*"), *directory.glob("drivers/*.sys"),
                   *directory.glob("boot/drivers/*")):
        if source.is_file():
            target = machine / source.relative_to(directory)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for part in ("boot", "tests"):
        (machine / part).mkdir(parents=True, exist_ok=True)
        shutil.copy2(driver / part / DRIVER, machine / part / DRIVER)


def _explore(machine: Path, seed: int) -> Findings:
    session = boot(machine, DRIVER, PROCESSORS, EXPLORED_STAGES)
    try:
        if session.failures:
            return Findings(f"the kernel does not come up with your driver: {next(iter(session.failures.values())).cause}")
        once = ""
        for name, report in _reports(session, seed):
            if report.find is not None:
                return Findings(f"{name} {says(report)}", report.find.ran.found, f"{name} {says(report, bare=True)}", once)
            if report.unconfirmed:
                once = once or f"{name} fails under schedule {report.unconfirmed[0]} after other runs, but not alone"
        return Findings(once=once)
    except (CodeRead, Altered) as unfair:
        return Findings(unfair=str(unfair))
    finally:
        session.close()


def _reports(session: Session, seed: int) -> Iterator[Tuple[str, explorer.Report]]:
    """Each scenario of the student's, and what exploring it brought."""
    names = [name for name in scenarios(session) if name != CANARY and not name.startswith("First") and not name.startswith("Last")]
    for name in names[:SCENARIOS_MAX]:
        guest = Guest(session)
        guest.inspection = Inspection(session, f"{seed}/{name}")
        with guest.code_unread():
            report = explorer.explore(GuestTarget(session, name, guest), name, seed, BUDGET, doubts=DOUBTS)
        if report.find is not None:  # once more, from the snapshot: a scenario that fails by what it reads there reads it again
            with guest.imports_called():
                explorer.confirm(GuestTarget(session, name, guest), report.find.ran)
        changed = guest.inspection.look()
        if changed:
            raise Altered(changed)
        yield name, report


def says(report: explorer.Report, bare: bool = False) -> str:
    """What a scenario found, in words.  `bare`: in ours alone."""
    if report.find is None:
        return f"finds nothing in {report.runs} schedules"
    ran = report.find.ran
    place = f" ({Path(ran.place).name})" if ran.found is Found.CHECK and ran.place else ""
    word = "a CHECK does not hold" if ran.found is Found.CHECK else _word(ran.found)
    return f"fails under schedule {report.find.token}: {word if bare else ran.message or word}{place}"


def each(driver: Path, directory: Path, seed: int) -> Iterator[Tuple[str, explorer.Report]]:
    """Each scenario of a driver on a kernel; GraderError if that does not come up."""
    machine = driver / ("on-" + hashlib.sha256(str(directory).encode()).hexdigest()[:12])
    _lay_out(driver, directory, machine)
    session = boot(machine, DRIVER, PROCESSORS, EXPLORED_STAGES)
    try:
        if session.failures:
            raise GraderError(f"the kernel does not come up with your driver: {next(iter(session.failures.values())).cause}")
        yield from _reports(session, seed)
    finally:
        session.close()


def _word(found: Found) -> str:
    return found.name.lower().replace("_", " ")
