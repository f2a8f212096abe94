"""Names inside a submission: which are dangerous, and where the tree begins."""

from __future__ import annotations

import unicodedata
from typing import Dict, Iterable, List, Sequence

from grader.errors import SubmissionError

MAX_NAME = 1024
MAX_NESTING = 3  # folders that may lie around the tree: repo/, group7/repo/


def check_name(name: str) -> str:
    """Returns the name without `./` and a trailing slash; raises for one that could leave the folder or deceive."""
    shown = printable(name)
    if not name or len(name) > MAX_NAME:
        raise SubmissionError(
            f"{shown[:60]!r}: a name of {len(name)} characters; pack the files again with plain names")
    if "\0" in name or any(unicodedata.category(letter) in ("Cc", "Cf", "Cs") for letter in name):
        raise SubmissionError(f"{shown!r}: control characters or bytes that are not UTF-8 in a name; rename the file")
    if "\\" in name or name.startswith("/") or (len(name) > 1 and name[1] == ":"):
        raise SubmissionError(f"{shown!r}: an absolute name or a backslash; pack the files with relative names")
    parts = name.split("/")
    if ".." in parts:
        raise SubmissionError(f"{shown!r}: a name with '..'; pack the files from inside their folder")
    return "/".join(part for part in parts if part not in ("", "."))


def printable(name: str) -> str:
    """The name as it can be shown on a terminal and written as UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


class Names:
    """The names of an archive, as they are met; refuses doubles and names that differ in case or Unicode form only."""

    def __init__(self) -> None:
        self.order: List[str] = []
        self._folded: Dict[str, str] = {}

    def add(self, name: str) -> None:
        folded = unicodedata.normalize("NFKC", name).casefold()
        other = self._folded.get(folded)
        if other == name:
            raise SubmissionError(f"{name!r}: twice in the archive; pack it again with each file once")
        if other is not None:
            raise SubmissionError(f"{name!r} and {other!r} are the same name on some machines; keep one")
        self._folded[folded] = name
        self.order.append(name)


def choose_prefix(names: Iterable[str], allowed: Sequence[str]) -> str:
    """The folder (with its slash) below which the tree lies: "" or for example "repo/"."""
    prefixes = set()
    for name in names:
        for wanted in allowed:
            if name == wanted or name.endswith("/" + wanted):
                prefixes.add(name[: len(name) - len(wanted)])
    if not prefixes:
        return ""
    shortest = min(prefixes, key=lambda prefix: (len(prefix), prefix))
    stranger = next((prefix for prefix in sorted(prefixes) if not prefix.startswith(shortest)), None)
    if stranger is not None:
        raise SubmissionError(f"{shortest!r} and {stranger!r} both hold student files; pack one tree only")
    if shortest.count("/") > MAX_NESTING:
        raise SubmissionError(f"{shortest!r}: the tree lies too deep; pack it at the top of the archive")
    return shortest


def wrong_case(names: Iterable[str], prefix: str, missing: Sequence[str]) -> List[str]:
    """A remark for every missing file that is there under another spelling."""
    spelled = {name.casefold(): name for name in names}
    remarks = []
    for name in missing:
        other = spelled.get((prefix + name).casefold())
        if other is not None:
            remarks.append(f"{other} is not taken: the name must be spelled {name}")
    return remarks
