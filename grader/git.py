"""Every call of git that Mica makes goes through here.

Invariants
  * No GIT_* variable of the caller reaches git: GIT_DIR, GIT_WORK_TREE or GIT_INDEX_FILE, as a hook or an editor sets them,
    name another repository than the folder that the grader means.  A caller of this module adds what it needs by name.
  * A git that fails is never "nothing there": ask() and names() raise GitError with git's own words, in English.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from grader.errors import GraderError

WORDS_MAX = 400  # of what git says
NO_REPOSITORY = "not a git repository"


class GitError(GraderError):
    """git refused or failed."""


class GitMissing(GitError):
    """There is no git to ask."""


def environment(**more: str) -> Dict[str, str]:
    """The caller's environment without its GIT_* variables, in English, and with those of `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**kept, "LC_ALL": "C", "LANGUAGE": "", **more}


def run(folder: Path, *words: str, settings: Sequence[str] = (), given: bytes = b"",
        **more: str) -> "subprocess.CompletedProcess[bytes]":
    """`git -C folder words...`, whatever comes of it.  `settings`: name=value pairs for -c; `given`: its input; `more`:
    variables for git."""
    options = [word for setting in settings for word in ("-c", setting)]
    try:
        return subprocess.run(["git", *options, "-C", str(folder), *words],
                              env=environment(**more),
                              input=given,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE,
                              check=False)
    except FileNotFoundError as error:
        raise GitMissing("git is not installed; install it (Debian: apt-get install git) and try again") from error
    except OSError as error:
        raise GitMissing(f"git does not run ({error.strerror}); install it anew (Debian: apt-get install git)") from error


def ask(folder: Path, *words: str, settings: Sequence[str] = (), given: bytes = b"", **more: str) -> bytes:
    """What git prints; GitError with git's own words where it fails."""
    done = run(folder, *words, settings=settings, given=given, **more)
    if done.returncode != 0:
        raise refusal(folder, words, done)
    return done.stdout


def refusal(folder: Path, words: Sequence[str], done: "subprocess.CompletedProcess[bytes]") -> GitError:
    """git's own words about a call that failed, on one line."""
    said = quoted(done.stderr) or f"it ended with {done.returncode} and said nothing"
    return GitError(f"git {words[0]} failed in {folder}: {said}; mend that and try again")


def quoted(stderr: bytes) -> str:
    """What git said, as one line that fits a message."""
    return " ".join(stderr.decode("utf-8", "replace").split())[:WORDS_MAX]


def names(folder: Path, *words: str) -> Optional[List[str]]:
    """The NUL-separated names that a command of git prints (give it -z); None where `folder` is in no repository."""
    done = run(folder, *words)
    if done.returncode != 0:
        if NO_REPOSITORY in done.stderr.decode("utf-8", "replace") and not os.path.lexists(folder / ".git"):
            return None
        raise refusal(folder, words, done)
    return [name for name in done.stdout.decode("utf-8", "surrogateescape").split("\0") if name]


def tracked(folder: Path) -> Optional[List[str]]:
    """The files below `folder` that git tracks and no .gitignore of the tree names, relative to it; None where it is in no
    repository, or in one that is not about it."""
    found = names(folder, "ls-files", "-z", "--cached")
    if found:
        ignored = names(folder, "ls-files", "-z", "--cached", "--ignored", "--exclude-per-directory=.gitignore") or []
        return sorted(set(found) - set(ignored))
    if found is not None and os.path.lexists(folder / ".git"):
        raise GitError(f"git knows no file of {folder}, though .git is there: clone it anew, or add its files with git add")
    return None


def untracked(folder: Path) -> List[str]:
    """Files that lie below `folder`, are not ignored and are unknown to git; none where there is no repository."""
    try:
        if not tracked(folder):
            return []
        return sorted(names(folder, "ls-files", "-z", "--others", "--exclude-standard") or [])
    except GitMissing:
        return []
