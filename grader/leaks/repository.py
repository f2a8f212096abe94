"""A repository, read object by object: whether a branch leads to it or not.

Invariant: a git that fails is an error, never "nothing there"; the caller's GIT_* do not count.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

from grader import git
from grader.errors import GraderError


def entries(data: bytes) -> Iterator[Tuple[str, str, bool]]:
    """(name, object, is a tree) of a tree object."""
    place = 0
    while place < len(data):
        space, end = data.index(b" ", place), data.index(b"\0", place)
        yield data[space + 1:end].decode("utf-8", "replace"), data[end + 1:end + 21].hex(), data[place:space] == b"40000"
        place = end + 21


class Paths(Dict[str, Set[str]]):
    """Blob -> `branch:path`, and which trees were walked on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.trees: Set[str] = set()

    def reached(self, tree: str) -> bool:
        return tree in self.trees


class Git:
    """A repository, read object by object; the caller's GIT_* do not count."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._read: Dict[str, Tuple[str, bytes]] = {}
        names = self._run("cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)").decode().split()
        stream = io.BytesIO(self._run("cat-file", "--batch", data="".join(f"{name}\n" for name in names).encode()))
        for name in names:
            found, kind, size = stream.readline().decode().split()
            if found != name:
                raise GraderError(f"{home}: git does not say what {name} is; run git fsck")
            self._read[name] = (kind, stream.read(int(size)))
            stream.read(1)

    def objects(self) -> Iterator[Tuple[str, str, bytes]]:
        for name in sorted(self._read):
            yield (name, *self._read[name])

    def refs(self) -> List[str]:
        return self._run("for-each-ref", "--format=%(refname)").decode("utf-8", "replace").split()

    def paths(self) -> Paths:
        """From every commit, those of a branch first: the branches' tips name what they hold best."""
        found = Paths()
        labelled: List[Tuple[str, str]] = []
        for line in self._run("for-each-ref", "--format=%(objectname) %(refname:short)").decode("utf-8", "replace").splitlines():
            name, _, label = line.partition(" ")
            kind, data = self._read.get(name, ("", b""))
            while kind == "tag":
                name = data.split(b"\n", 1)[0].split()[1].decode()
                kind, data = self._read.get(name, ("", b""))
            labelled.append((name, label))
        labelled += [(name, f"commit {name[:10]}") for name, kind, _ in self.objects() if kind == "commit"]
        for name, label in labelled:
            kind, data = self._read.get(name, ("", b""))
            if kind == "commit":
                self._walk(data.split(b"\n", 1)[0].split()[1].decode(), label, "", found)
        return found

    def _walk(self, tree: str, label: str, folder: str, found: Paths) -> None:
        if (tree + folder) in found.trees:
            return  # under an earlier label
        found.trees |= {tree, tree + folder}
        for name, target, is_tree in entries(self._read.get(tree, ("", b""))[1]):
            if is_tree:
                self._walk(target, label, f"{folder}{name}/", found)
            else:
                found.setdefault(target, set()).add(f"{label}:{folder}{name}")

    def _run(self, *arguments: str, data: bytes = b"") -> bytes:
        return git.ask(self._home, *arguments, settings=("safe.directory=*", "core.fsmonitor=false"), given=data,
                       GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1", GIT_NO_LAZY_FETCH="1", GIT_TERMINAL_PROMPT="0")
