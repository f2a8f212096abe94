"""Compiles a student's scenarios into a driver.

Invariant: the student's file sees headers, never a reference or a wrong kernel.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Dict, Tuple

from grader.building import locking, plaincode, room, sandbox, toolverdict
from grader.building.builder import ATTEMPTS, EXPLORED, Builder
from grader.building.toolverdict import Finding
from grader.errors import InfraError
from grader.mytest.source import DRIVER, SOURCE
from grader.report.result import replace
from grader.submission import studenttext
from grader.tree import Tree

REFUSALS = 5  # lines of a file that is not compiled, that are shown
_refused: Dict[Path, str] = {}  # folder of a file -> what the compiler says of it: it is tried once


def compiled(tree: Tree, builder: Builder, text: bytes, name: str = SOURCE) -> Tuple[Path, str]:
    """The driver made of the student's file (messages call it `name`): its folder, or the compiler's message."""
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
            finding = _made(tree, builder, text, source, out, name)
            if finding.verdict:
                _refused[out] = finding.verdict
            if not finding.trouble:
                return out, finding.verdict
        raise InfraError(room.shortage(tree.out) or f"your scenarios were not built: {finding.trouble}; see that the machine has memory, disk "
                         "and time to spare, and try again")


def _made(tree: Tree, builder: Builder, text: bytes, source: Path, out: Path, name: str) -> Finding:
    """Compiles and links the driver; its copy in boot/, which says that all is there, is written last."""
    base, made, kernel_folder = builder.base(EXPLORED), out / EXPLORED, tree.root / "kernel"
    shutil.rmtree(made, ignore_errors=True)
    source.write_bytes(text)
    hidden = [name for name in builder.student_files() if name.exists()]
    made_of = {source.name: made / "obj" / f"{SOURCE}.obj"}
    roots = [source.parent, tree.root]

    def make(target: Path, view: sandbox.View) -> sandbox.Run:
        return sandbox.run(["make", "-s", "--no-print-directory", "-f", "kernel/build.mk", tree.in_make(target), f"O={out}", f"BASE_O={base.parent}",
                            f"MYTEST={source}", f"MYTEST_NAME={name}", *builder.switch(EXPLORED)], view, tree.root)

    finding = toolverdict.of_compiler(make(made_of[source.name], sandbox.View(tree.root, (kernel_folder,), (out,), (
        *hidden, kernel_folder / "prebuilt"))), made_of, roots)
    if finding == Finding():
        finding = toolverdict.of_linker(make(made / "boot" / DRIVER, sandbox.View(tree.root, (kernel_folder, base.parent), (out,))),
                                        list(made_of.values()), roots)
    if finding == Finding():
        for part in ("tests", "boot"):
            replace(out / part / DRIVER, (made / part / DRIVER).read_bytes())
    return finding
