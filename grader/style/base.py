"""What a check finds, and which files there are to look at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from grader import git

CPP = (".cpp", ".h")
ASSEMBLY = (".S",)
NOT_OURS = ("build/", "handout/")


@dataclass(frozen=True, order=True)
class Finding:
    """One place that breaks a rule; `warning` findings are told but do not fail."""

    path: str
    line: int
    rule: str
    text: str
    warning: bool = False

    def __str__(self) -> str:
        kind = "warning" if self.warning else "error"
        return f"{self.path}:{self.line}: {kind}: {self.text} [{self.rule}]"


@dataclass(frozen=True)
class Tree:
    """A checkout: its folder and the files in it that belong to it (relative, with forward slashes, sorted)."""

    root: Path
    files: "tuple[str, ...]"

    @staticmethod
    def of(root: Path) -> "Tree":
        """Tracked files and new ones that are not ignored; every file where there is no git."""
        try:
            names = git.names(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        except git.GitMissing:
            names = None
        if not names:
            names = [path.relative_to(root).as_posix() for path in root.rglob("*")]
        return Tree(root, tuple(sorted({name for name in names if name and (root / name).is_file()
                                        and not name.startswith(NOT_OURS)})))

    def ending(self, *suffixes: str, under: str = "") -> "list[str]":
        return [name for name in self.files if name.endswith(suffixes) and name.startswith(under)]

    def lines(self, name: str) -> "list[str]":
        return (self.root / name).read_text(encoding="utf-8", errors="replace").splitlines()
