"""What a submission holds, whatever it came in: the one place that decides which of its files are the student's.

A reader (archives.py, folders.py, refs.py) tells every name with add() and gives the bytes of those that add() asks for
with take(); place() then finds where the tree begins and hands out the student files.

Invariants
  * A name that is no student file never refuses a submission; it is counted and forgotten.
  * A student file is one regular file with its exact name: a link, a special file, a second one of that name, a name with
    `..`, an absolute name or hidden characters refuse the submission.
  * One that differs in case only is not taken, as the build does not take it, and a remark says so.
  * At most MAX_CANDIDATES files and MAX_HELD bytes are held, whatever the source holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import BinaryIO, Dict, List, Mapping, Sequence, Tuple

from grader.errors import SubmissionError
from grader.submission import manifest
from grader.submission.names import MAX_NAME, fault, fold, is_litter, normal, printable

MAX_FILE = 1 << 20  # a student file
MAX_MEMBERS = 100_000  # names of any kind
MAX_CANDIDATES = 256  # student files, and what could be one
MAX_HELD = 64 << 20
MAX_OTHERS = 10_000  # further sources that are compared with the course's
MAX_COMPARED = 128 << 20  # bytes of other sources that are hashed
MAX_NESTING = 3  # folders that may lie around the tree: group7/repo/
_TAIL = 256  # characters that tell whether a name is a student file's
_FOLDER = "a folder, not a regular file; put the file itself there"
_NEARLY = re.compile(r"(?: ?\(\d{1,9}\)| - copy)?(?=\.[^./]{1,9}$)|\.txt$")  # a browser's or Explorer's copy; Notepad's ending
_PACKED = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")


@dataclass
class Candidate:
    """A file that may be a student file: where its tree would begin, and why it cannot be taken."""

    name: str
    prefix: str
    wanted: str
    problem: str = ""
    data: bytes = b""


@dataclass(frozen=True)
class Placed:
    """The student files by their path in the tree; what is to be said of the rest."""

    files: Dict[str, bytes]
    remarks: Tuple[str, ...] = ()
    others: Mapping[str, str] = field(default_factory=dict)  # further sources of the tree: name -> hash


class Listing:
    """The names of one submission."""

    def __init__(self, allowed: Sequence[str], compare: bool = True) -> None:
        self._allowed = tuple(allowed)
        self.compare = compare
        self._by_fold = {fold(name): name for name in allowed}
        self._bases = {name.rsplit("/", 1)[-1]: self._by_fold[name] for name in self._by_fold}
        self._folders = {"/".join(name.split("/")[:depth])
                         for name in self._by_fold for depth in range(1, name.count("/") + 1)}
        self._count = self._held = self._compared = 0
        self._found: Dict[str, List[Candidate]] = {}  # by folded name
        self._asked: Dict[str, Candidate] = {}
        self._nearly: Dict[str, str] = {}  # folded name of a student file -> what is called nearly so
        self._blocked: Dict[str, str] = {}  # folded name of a folder of the tree -> what lies in its place
        self._others: Dict[str, str] = {}
        self._manifests: Dict[str, bytes] = {}
        self._deep = self._litter = self._loose = self._packed = ""

    def add(self, raw: str, problem: str = "", folder: bool = False) -> str:
        """Notes a name.  Returns it as take() wants it where the bytes are needed, and nothing otherwise.

        `problem`: why the file is not to be read (a link ...), with what to do; `folder`: it is none, but a folder."""
        self._count += 1
        if self._count > MAX_MEMBERS:
            raise SubmissionError(f"more than {MAX_MEMBERS} members; pack the student files only")
        name = normal(raw[-MAX_NAME - 1:])
        folded = fold(name[-_TAIL:])
        base = folded.rsplit("/", 1)[-1]
        wanted = self._wanted(folded) if base in self._bases else ""
        if ".." in name.split("/"):
            wanted = wanted or self._bases.get(base, "")
        elif not name or is_litter(name):
            self._litter = self._litter or name if wanted else self._litter
            return ""
        if wanted and fault(raw):
            raise SubmissionError(f"{printable(raw)[:200]!r}: {fault(raw)}")
        if wanted:
            return self._candidate(name, fold(name), wanted, _FOLDER if folder else problem)
        if not name or ".." in name.split("/") or folder and not problem:
            return ""
        self._note(name, folded, base, problem)
        return self._other(name, problem)

    def take(self, name: str, stream: BinaryIO) -> None:
        """Reads a file that add() asked for, never more than the caps."""
        data = stream.read(MAX_FILE + 1)
        one = self._asked.pop(name, None)
        if one is not None and len(data) > MAX_FILE:
            one.problem = f"larger than {MAX_FILE >> 20} MB; a student file is source text"
        elif one is not None:
            one.data = data
            self._held += len(data)
            if self._held > MAX_HELD:
                raise SubmissionError("the student files are there many times over; pack one tree only")
        elif _is_manifest(name):
            self._manifests[name] = data
        else:
            self._compared += len(data)
            self._others[name] = manifest.digest(data) if len(data) <= MAX_FILE else ""

    def place(self) -> Placed:
        """The student files of the outermost tree."""
        prefix = self._prefix()
        files: Dict[str, bytes] = {}
        remarks: List[str] = []
        for name in self._allowed:
            spelled = self._found.get(fold(prefix + name), [])
            exact = [one for one in spelled if one.name == prefix + name]
            if len(exact) > 1:
                raise SubmissionError(f"{printable(exact[0].name)!r}: twice in the submission; pack it again with each file once")
            if exact:
                remarks += [_beside(one.name, name) for one in spelled if one is not exact[0]]
                spelled = exact
            if not spelled:
                self._check_folders(prefix, name)
                nearly = self._nearly.get(fold(prefix + name))
                remarks += [_misspelled(nearly, name)] if nearly else []
            elif spelled[0].name != prefix + name:
                remarks.append(_misspelled(spelled[0].name, name))
            elif spelled[0].problem:
                raise SubmissionError(f"{printable(spelled[0].name)}: {spelled[0].problem}")
            else:
                files[name] = spelled[0].data
        return Placed(files, tuple(remarks), self._strangers(prefix))

    def hint(self) -> str:
        """What may have happened to a submission that holds no student file."""
        if self._loose:
            base = self._loose.rsplit("/", 1)[-1]
            return (f"{printable(self._loose)!r} is not in its folders: submit the folder that holds kernel/ and labs/, so that it "
                    f"lies at {self._bases[fold(base)]}")
        if self._litter:
            return f"{printable(self._litter)!r} lies where programs put their own files: give the folder around it another name"
        if self._packed:
            return f"it holds another archive, {printable(self._packed)!r}: unpack that one and submit what is in it"
        return "" if self._count else "it is empty"

    def _wanted(self, folded: str) -> str:
        """The student file that a folded name ends with."""
        return next((name for end, name in self._by_fold.items() if folded == end or folded.endswith("/" + end)), "")

    def _candidate(self, name: str, folded: str, wanted: str, problem: str) -> str:
        parts = name.split("/")
        around = parts[:len(parts) - len(wanted.split("/"))]
        if len(around) > MAX_NESTING:
            self._deep = self._deep or "/".join(around) + "/"
            return ""
        if sum(map(len, self._found.values())) >= MAX_CANDIDATES:
            raise SubmissionError("the student files are there many times over; pack one tree only")
        one = Candidate(name, "".join(part + "/" for part in around), wanted, problem)
        self._found.setdefault(folded, []).append(one)
        if problem or name in self._asked or any(other.name == name for other in self._found[folded][:-1]):
            return ""
        self._asked[name] = one
        return name

    def _note(self, name: str, folded: str, base: str, problem: str) -> None:
        """Keeps what explains a file that is missing."""
        if problem and any(folded == end or folded.endswith("/" + end) for end in self._folders):
            self._keep(self._blocked, fold(name), f"{printable(name)}: {problem}")
        if base in self._bases:
            self._loose = min(self._loose or name, name, key=lambda one: (one.count("/"), one))
        near = _NEARLY.sub("", folded)
        if near != folded and self._wanted(near):
            self._keep(self._nearly, _NEARLY.sub("", fold(name)), name)
        if base.endswith(_PACKED):
            self._packed = self._packed or name

    @staticmethod
    def _keep(where: Dict[str, str], key: str, value: str) -> None:
        if len(where) < MAX_CANDIDATES:
            where.setdefault(key, value)

    def _other(self, name: str, problem: str) -> str:
        """Further sources, whose hashes tell whether they are the course's own."""
        if not self.compare or name in self._others or name in self._manifests or not (name.isascii() and name.isprintable()):
            return ""
        if _is_manifest(name):
            return "" if problem or len(self._manifests) > MAX_NESTING else name
        if not name.endswith(manifest.ENDINGS) or not set(manifest.FOLDERS) & set(name.split("/")[:-1]):
            return ""
        if len(self._others) >= MAX_OTHERS:
            return ""
        self._others[name] = ""
        return "" if problem or self._compared > MAX_COMPARED else name

    def _prefix(self) -> str:
        """The folder (with its slash) below which the tree lies: "" or for example "repo/"."""
        found = [one for several in self._found.values() for one in several]
        exact = [one for one in found if one.name == one.prefix + one.wanted]
        prefixes = sorted({one.prefix for one in exact or found}, key=lambda prefix: (prefix.count("/"), prefix))
        if not prefixes:
            for reason in self._blocked.values():
                raise SubmissionError(reason)
            if self._deep:
                raise SubmissionError(f"{printable(self._deep)!r}: the tree lies too deep; pack it at the top of the archive")
            return ""
        stranger = next((prefix for prefix in prefixes if not prefix.startswith(prefixes[0])), None)
        if stranger is not None:
            raise SubmissionError(f"{printable(prefixes[0])!r} and {printable(stranger)!r} both hold student files; submit one "
                                  "tree only")
        return prefixes[0]

    def _check_folders(self, prefix: str, name: str) -> None:
        """A file that is missing because its folder is a link has not been forgotten: that is refused."""
        parts = name.split("/")
        for depth in range(1, len(parts)):
            reason = self._blocked.get(fold(prefix + "/".join(parts[:depth])))
            if reason:
                raise SubmissionError(reason)

    def _strangers(self, prefix: str) -> Dict[str, str]:
        """The other sources of the tree that are not as their own branch shipped them."""
        shipped = manifest.parse(self._manifests.get(prefix + manifest.FILE, b""))
        inside = {name[len(prefix):]: value for name, value in self._others.items() if name.startswith(prefix)}
        return {name: value for name, value in inside.items()
                if manifest.is_source(name) and (not value or shipped.get(name) != value)}


def _is_manifest(name: str) -> bool:
    return name == manifest.FILE or name.endswith("/" + manifest.FILE)


def _misspelled(found: str, name: str) -> str:
    return f"{printable(found)} is not taken: the name must be spelled {name}"


def _beside(found: str, name: str) -> str:
    return f"{printable(found)} is not taken, {name} beside it is: on some machines they are one file, so delete the one that you do not mean"
