"""`edits`: does every file of solutions/ still fit the tree?  Those that do not are mended, or listed.

    make edits                     after a refactoring: what does not fit is rebased; what needs a hand is listed
    make edits SINCE=v1            the last commit that everything fitted is v1 (else HEAD)
    make edits CHECK=1             only say what does not fit

A routine that went to another file is found there.  For the rest there is a three-way merge: what the edit made of the
old text, and what the refactoring made of it.  A file that holds a `git diff` below its header becomes one of edits, so
a new mistake is written by making it: change the kernel, `git diff >> solutions/.../new.edit`, `git checkout kernel`,
`make edits`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

from grader import git, labs
from grader.building import edits
from grader.errors import GraderError
from grader.mytest import practice
from grader.report.result import write
from grader.selfcheck import variants
from grader.tree import Tree

Files = Dict[str, bytes]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `edits`."""
    parser.add_argument("--since", default="HEAD", metavar="COMMIT", help="the last commit that every edit fitted")
    parser.add_argument("--check", action="store_true", help="change nothing")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """0: every edit fits; 1: some need a hand, or with --check do not fit."""
    course = labs.load(tree, labs.EVERY)
    now = {name: (tree.root / name).read_bytes() for name in course.files if (tree.root / name).is_file()}
    fit, mended, left = 0, 0, []
    for path in sorted(tree.solutions.glob("*/*/*.edit")) + sorted(tree.solutions.glob("*/hidden/*/*.edit")):
        base = variants.base_of(path)
        whole = practice.sources(tree) if variants.read_of(path) else variants.shipped(now, base)
        try:
            trouble = _trouble(path, whole)
            if not trouble:
                fit += 1
                continue
            if options.check:
                left.append(trouble)
                continue
            header, _, body = path.read_text(encoding="utf-8").partition("\n\n")
            made = _mended(tree, body, whole, options.since, base)
            write(path, f"{header}\n\n{_text(made)}".encode())
            mended += 1
            print(f"{path.relative_to(tree.root)}: written anew")
        except GraderError as error:
            left.append(f"{path.relative_to(tree.root)}: {error}")
    for line in left:
        print(line)
    print(f"{fit} fit, {mended} written anew, {len(left)} need a hand")
    return 1 if left else 0


def _trouble(path: Path, files: Files) -> str:
    """Why the file does not fit, or ""."""
    try:
        variants.apply(variants.read_any(path), files)
        return ""
    except GraderError as error:
        return str(error)


def _mended(tree: Tree, body: str, files: Files, since: str, base: str) -> List[edits.Edit]:
    """The edits that make of today's files what `body` made of those that it was written for."""
    if variants.DIFF.search(body):
        return edits.between(files, _patched(body, files))
    wanted = [_found_again(edit, files) for edit in edits.parse(body)]
    try:
        edits.apply(wanted, files)
        return wanted
    except edits.EditError:
        pass
    old = variants.shipped(dict(_of_commit(tree, since, files)), base)
    before = edits.apply(edits.parse(body), old)
    merged = {name: _merged(files[name], old[name], before[name]) if name in old and old[name] != before[name] else files[name]
              for name in files}
    return edits.between(files, merged)


def _found_again(edit: edits.Edit, files: Files) -> edits.Edit:
    """The edit, in the one file that has its routine and text now."""
    fitting = []
    for name in files:
        moved = replace(edit, file=edits.shortest(name, files))
        try:
            edits.apply([moved], files)
            fitting.append(moved)
        except edits.EditError:
            continue
    same = [moved for moved in fitting if moved.file == edit.file]
    return same[0] if same else fitting[0] if edit.routine and len(fitting) == 1 else edit


def _of_commit(tree: Tree, commit: str, files: Files) -> Iterator[Tuple[str, bytes]]:
    """Today's student files as they were at a commit, wherever they were then."""
    names = git.names(tree.root, "ls-tree", "-r", "-z", "--name-only", commit)
    for name in files:
        end = edits.shortest(name, files)
        was = [name] if name in names else [other for other in names if f"/{other}".endswith(f"/{end}")]
        if len(was) == 1:
            yield name, git.ask(tree.root, "show", f"{commit}:{was[0]}")


def _merged(ours: bytes, old: bytes, theirs: bytes) -> bytes:
    with tempfile.TemporaryDirectory(prefix="mica-edits-") as folder:
        for name, content in (("ours", ours), ("old", old), ("theirs", theirs)):
            Path(folder, name).write_bytes(content)
        done = git.run(Path(folder), "merge-file", "-p", "ours", "old", "theirs", GIT_CEILING_DIRECTORIES=str(Path(folder).parent))
    if done.returncode != 0:
        raise GraderError("the text that it replaces was changed too; write the edit anew")
    return done.stdout


def _patched(diff: str, files: Files) -> Files:
    """The files with a git diff applied, which touches no others."""
    with tempfile.TemporaryDirectory(prefix="mica-edits-") as folder:
        for name, content in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        done = git.run(Path(folder), "apply", "--whitespace=nowarn", "-", given=diff.encode(),
                       GIT_CEILING_DIRECTORIES=str(Path(folder).parent), GIT_CONFIG_GLOBAL=os.devnull)
        if done.returncode != 0:
            raise GraderError(f"its diff does not apply ({git.quoted(done.stderr) or 'git apply failed'}); make it anew")
        found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
    strangers = sorted(set(found) ^ set(files))
    if strangers:
        raise GraderError(f"its diff adds or removes {strangers[0]}, which is no student file; keep to those of lab.py")
    return found


def _text(made: List[edits.Edit]) -> str:
    return "\n".join(map(str, made))
