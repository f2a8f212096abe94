"""The program of the challenge: the kernel's own trimming, and a policy's file."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import List

from grader.challenge import rules
from grader.errors import GraderError
from grader.machine.confine import confine
from grader.tree import Tree

FOLDER = "labs/2-memory/challenge"
POLICY = f"{FOLDER}/policy.cpp"
_GIVEN = (f"{FOLDER}/machine.cpp", *(f"kernel/ntos/mm/ws/{name}.cpp" for name in ("trim", "manager", "agepolicy", "wslist", "wshash", "wsmove")))


def build(tree: Tree, content: bytes, name: str = POLICY) -> List[str]:
    """The command that runs the machine with this policy.  GraderError says why there is none."""
    missing = [one for one in _GIVEN if not (tree.root / one).is_file()]
    if missing:
        raise GraderError(f"the challenge needs {', '.join(missing)}, which is not here; git checkout brings it back")
    against = rules.objections(name, content)
    if against:
        raise GraderError("this policy is not run:\n" + "\n".join(against))
    out = tree.out / "challenge" / hashlib.sha256(content).hexdigest()[:16]
    source = out / "policy.cpp"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_bytes(content)
    compiled = f"{out}/{source}.o"  # as kernel/check.mk names it
    _make(tree, out, source, name, compiled)
    against = rules.of_object(name, Path(compiled))
    if against:
        raise GraderError("this policy is not run:\n" + "\n".join(against))
    _make(tree, out, source, name, str(out / "machine"))
    return confine([str(out / "machine")], out, [])


def _make(tree: Tree, out: Path, source: Path, name: str, target: str) -> None:
    made = subprocess.run(["make", "-s", "-f", "kernel/check.mk", f"PROGRAM={out}/machine", f"SOURCES={' '.join([*_GIVEN, str(source)])}",
                           f"MORE=-I{FOLDER}", target], cwd=tree.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    if made.returncode == 0:
        return
    said = "\n".join(line for line in made.stdout.splitlines() if not line.startswith("make")).replace(str(source), name)
    raise GraderError(f"{name} does not compile for this machine:\n{said}")


