"""The students' repository: one branch a lab, and each handout of a lab a commit on top of the one before.

    lab0-boot        A ------------ A'            A' mends something in mid-term
                      \\              \\
    lab1-processes     B ------------ B'          B' has both B and A' for parents

Invariants
  * History is only added to: what students cloned stays an ancestor, so their merge takes the difference and nothing else.
  * The commit of a lab follows that of the lab below, so a student may go up at any time.
  * Commits that an instructor has added to a branch stay: the new handout is merged into them.
  * The same trees give the same commits: author, date and message are given, and names are in order.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Union

from grader import git
from grader.errors import GraderError

MARK = "Mica-Handout: "  # a trailer of every commit that is made here, with the name of its branch
SETTINGS = ("core.autocrlf=false", "advice.detachedHead=false", "gc.auto=0", "commit.gpgSign=false", "log.showSignature=false")
Content = Union[Path, bytes]


class Repository:
    """A git repository that handouts are published to.  `date`: of all commits, as git prints it."""

    def __init__(self, folder: Path, date: str) -> None:
        self.folder, self._date = folder, date
        self._made: Dict[str, str] = {}  # branch -> its handout's commit of this run

    def open(self, first: str) -> None:
        """Makes the repository with `first` as its first branch, or checks that one made here lies there, with nothing undone."""
        if not self.folder.exists() or self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.git("init", "-q", "--template=", "--initial-branch", first)
            return
        if not (self.folder / ".git").exists():
            raise GraderError(f"{self.folder}: is there already and is no repository of a handout; remove it or choose another OUT")
        self._adopt()
        if self._is_empty():  # a handout that was broken off has left it, or `git init`
            self.git("symbolic-ref", "HEAD", f"refs/heads/{first}")
            return
        if not self.git("log", "-1", "--all", "--format=%H", f"--grep=^{MARK}").strip():
            raise GraderError(f"{self.folder}: is there already and no handout made it; remove it or choose another OUT")
        if self.git("status", "--porcelain").strip():
            raise GraderError(f"{self.folder}: has changes that are not committed; commit or undo them, then run again")

    def _is_empty(self) -> bool:
        """No commit and no file."""
        return not self.git("rev-list", "--all", "-1").strip() and [path.name for path in self.folder.iterdir()] == [".git"]

    def _adopt(self) -> None:
        """In a clone of the published repository: its branches become local ones."""
        here = self.branches()
        for name in self.git("for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes/origin").split():
            if name != "HEAD" and name not in here:
                self.git("branch", "-q", "--no-track", name, f"refs/remotes/origin/{name}")

    def publish(self, branch: str, below: str, files: Mapping[str, Content], title: str, message: str = "") -> bool:
        """A commit with exactly `files` on the branch, above the last handout of it and that of the branch `below` (empty:
        none).  False when nothing is new.  `message`: what a later commit says it is for."""
        tree = self._write_tree(files)
        last = self.handout_of(branch)
        under = self._made.get(below) or (self.handout_of(below) if below else "")
        parents = [last] if last else []
        if under and not (last and self._is_ancestor(under, last)):
            parents.append(under)
        if last and parents == [last] and self.git("rev-parse", f"{last}^{{tree}}").strip() == tree:
            self._made[branch] = last
            return False
        subject = title if not last else f"{title.partition(':')[0]}: {message or 'mend the handout'}"
        words = [word for parent in parents for word in ("-p", parent)]
        commit = self.git("commit-tree", tree, *words, "-m", subject, "-m", MARK + branch).strip()
        self._made[branch] = commit
        self._advance(branch, last, commit)
        return True

    def handout_of(self, branch: str) -> str:
        """The last commit that was made here on a branch; empty when there is none."""
        if not self._exists(branch):
            return ""
        return self._newest(branch, f"refs/heads/{branch}")

    def branches(self) -> List[str]:
        """Its local branches."""
        return self.git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads").split()

    def show(self, branch: str) -> None:
        """The working tree shows this branch."""
        self.git("checkout", "-q", "-f", branch)

    def changed(self, branch: str, names: "List[str]") -> List[str]:
        """Which of these files the handout of this run changed on the branch, against the one before."""
        commit = self._made.get(branch, "")
        before = self._newest(branch, commit, skip=1) if commit else ""
        if not before:
            return []
        return [name for name in self.git("diff", "--name-only", "-z", before, commit).split("\0") if name in names]

    def _advance(self, branch: str, last: str, commit: str) -> None:
        """Moves the branch to its new handout; an instructor's own commits there are kept by a merge."""
        if not last or self.git("rev-parse", f"refs/heads/{branch}").strip() == last:
            self.git("update-ref", f"refs/heads/{branch}", commit)
            return
        self.show(branch)
        try:
            self.git("merge", "-q", "--no-edit", commit)
        except GraderError as error:
            self.git("merge", "--abort", check=False)
            raise GraderError(f"{branch}: your own commits there and the new handout change the same lines; merge {commit[:12]} into "
                              f"{branch} by hand in {self.folder}, then run again") from error

    def _write_tree(self, files: Mapping[str, Content]) -> str:
        """The tree object of these files: their bytes as they are, whatever git's settings say."""
        with tempfile.TemporaryDirectory(prefix="mica-branch-") as folder:
            paths, modes = [], []
            for number, name in enumerate(sorted(files)):
                content = files[name]
                path = content if isinstance(content, Path) else Path(folder, str(number))
                if not isinstance(content, Path):
                    path.write_bytes(content)
                paths.append(path)
                modes.append("100755" if isinstance(content, Path) and os.access(path, os.X_OK) else "100644")
            blobs = self.git("hash-object", "-w", "--no-filters", "--stdin-paths", given="".join(f"{path}\n" for path in paths)).split()
            listing = "".join(f"{mode} {blob}\t{name}\0" for mode, blob, name in zip(modes, blobs, sorted(files)))
            index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
            self.git("update-index", "-z", "--index-info", more=index, given=listing)
            return self.git("write-tree", more=index).strip()

    def _newest(self, branch: str, tip: str, skip: int = 0) -> str:
        """The handout's newest commit of a branch below `tip`, or an earlier one; children come before their parents."""
        return self.git("log", "-1", "--topo-order", f"--skip={skip}", "--format=%H", f"--grep=^{MARK}{branch}$", tip).strip()

    def _exists(self, branch: str) -> bool:
        return bool(branch) and bool(self.git("rev-parse", "-q", "--verify", f"refs/heads/{branch}", check=False).strip())

    def _is_ancestor(self, older: str, newer: str) -> bool:
        return self.git("merge-base", older, newer, check=False).strip() == older

    def git(self, *arguments: str, check: bool = True, more: Optional[Mapping[str, str]] = None, given: str = "") -> str:
        """Runs git there; GraderError with git's own words when it refuses."""
        done = git.run(self.folder, *arguments, settings=SETTINGS, given=given.encode("utf-8", "surrogateescape"), TZ="UTC",
                       GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1", GIT_AUTHOR_NAME="Mica", GIT_COMMITTER_NAME="Mica",
                       GIT_AUTHOR_EMAIL="mica@localhost", GIT_COMMITTER_EMAIL="mica@localhost", GIT_AUTHOR_DATE=self._date,
                       GIT_COMMITTER_DATE=self._date, **(more or {}))
        if check and done.returncode != 0:
            raise git.refusal(self.folder, arguments, done)
        return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else ""
