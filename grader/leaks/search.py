"""The look through what leaves the tree: folders, repositories, archives, texts, objects.

Invariants
  * An archive or a repository that cannot be read is an error, never "nothing there".
  * Findings are sorted and say where: `branch:path`, or the object's number where no branch leads to it.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import html
import io
import lzma
import os
import re
import tarfile
import zipfile
import zlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Set, Tuple

from grader.errors import GraderError
from grader.images.disassembly import instructions
from grader.leaks import coff
from grader.leaks.forms import WORD, decoded, forms, unescaped
from grader.leaks.natural import runs
from grader.leaks.repository import Git, entries
from grader.leaks.secrets import ANSWERS, Secrets, private_kind, squeezed

KINDS = {
    "line": "a line of a reference region",
    "comment": "a comment of a reference region",
    "name": "a name that only reference regions use",
    "marker": "a LAB marker",
    "object": "machine code of an exercise's reference",
    "natural": "machine code of a reference as the compiler wrote it, to be read off",
    "debug": "debug information in an object",
    "local": "a local symbol in an object",
    "file-symbol": "a .file symbol in an object",
    "path": "a path of the build machine",
    "stamp": "a time stamp in an object",
    "leftover": "a section that names locals",
    "solution": "a file of solutions/, or a line of one",
    "hidden-test": "a hidden test",
    "instructor": "a file for instructors only",
    "seed": "a student's seed",
    "answers": "answers",
    "author": "a person's name, address or time zone in the history",
}
PUBLIC_AUTHOR = "Mica <mica@localhost>"  # who makes the branches (grader/handout/publish.py)
BY_CONTENT_ONLY = ("README.md",)  # a branch has one of its own
FAMILY = {"hidden-test": 1, "solution": 1, "answers": 3, "seed": 1, "instructor": 3}  # so many lines of one file are it
NAME_MIN, NAME_IN_CODE_MIN = 3, 6
CLOSED = (b"7z\xbc\xaf\x27\x1c", b"\x28\xb5\x2f\xfd", b"Rar!\x1a\x07")  # 7z, zstd, rar
DEPTH_MAX, UNPACKED_MAX = 4, 1 << 29
_STRINGS = re.compile(rb"[\t\x20-\x7e]{%d,}" % NAME_MIN)
_PRINTED = re.compile(r"[\t\x20-\x7e]{%d,}" % NAME_MIN)
_MARKER = re.compile(r"^[ \t]*(?://|#)[ \t]*LAB\([\d.]+\)[ \t]+(?:begin|else|end)", re.MULTILINE)
_PATHS = re.compile(rb"(?<![\w.$/\\-])(?:/(?:home|root|Users|work|tmp|var/tmp|build|builds|mnt|opt|srv|workspace)/[\w.+-]+/[\w./+-]+"
                    rb"|[A-Za-z]:\\(?:[\w .+-]+\\)+[\w .+-]+)")


@dataclass(frozen=True, order=True)
class Leak:
    """One finding."""

    kind: str
    where: str
    what: str


def find(secrets_of: Secrets, target: Path) -> List[Leak]:
    """Everything that `target` (a folder, a repository, an archive or a file) gives away."""
    search = _Search(secrets_of)
    if not target.exists():
        raise GraderError(f"{target}: there is no such file or folder")
    if target.is_dir() and ((target / "HEAD").is_file() and (target / "objects").is_dir()):
        search.repository(target, target)
    elif target.is_dir():
        search.folder(target)
    else:
        search.file(target.name, target.read_bytes())
    return sorted(search.leaks)


class _Search:
    """One look through one target."""

    def __init__(self, known: Secrets) -> None:
        self._known, self.leaks, self._seen, self._unpacked = known, set(), set(), 0  # type: ignore[var-annotated]

    def _tell(self, kind: str, where: str, what: str) -> None:
        self.leaks.add(Leak(kind, where, what if len(what) <= 160 else what[:160] + " ..."))

    def folder(self, root: Path) -> None:
        for folder, folders, files in os.walk(root):
            folders.sort()
            if ".git" in folders:
                folders.remove(".git")
                self.repository(Path(folder), Path(folder) / ".git")
            for name in sorted(files + [one for one in folders if os.path.islink(os.path.join(folder, one))]):
                path = Path(folder, name)
                where = path.relative_to(root).as_posix()
                if path.is_symlink():
                    self.text(where, os.readlink(path))
                elif path.is_file():
                    self.file(where, path.read_bytes())

    def file(self, where: str, data: bytes, depth: int = 0) -> None:
        """One file, whatever it is; `where` ends with its path in the tree."""
        self._path(where)
        self.content(where, data, depth)

    def content(self, where: str, data: bytes, depth: int = 0) -> None:
        known = self._known.private.get(hashlib.sha256(data).hexdigest())
        if known:
            self._tell(known[0], where, f"is {known[1]}")
        if depth < DEPTH_MAX and self._archive(where, data, depth):
            return
        for kind, what in coff.findings(data, self._known.public):
            self._tell(kind, where, what)
        if coff.is_code(data):
            self._code(where, data)
        elif b"\0" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
            self._strings(where, data)
        else:
            self.text(where, decoded(data))

    # -- files and their names -------------------------------------------------------------------------------------
    def _path(self, where: str) -> None:
        name = where.rpartition(":")[2]
        parts = name.split("/")
        for start in range(len(parts)):
            kind = private_kind("/".join(parts[start:]))
            if kind and not (kind == "instructor" and ("/".join(parts[start:]) in BY_CONTENT_ONLY or start and "/" not in
                                                       "/".join(parts[start:]) and not name.endswith("_test.cpp"))):
                self._tell(kind, where, "by its name")
                break
        for word in set(WORD.findall(name)) & self._known.names.keys():
            self._tell("name", where, f"{word} ({self._known.names[word]})")
        for tail, exercise in self._known.objects.items():
            if name.endswith(tail):
                self._tell("object", where, f"the object of exercise {exercise}")

    def _archive(self, where: str, data: bytes, depth: int) -> bool:
        """Looks into zip, tar, and what gzip, bzip2 and xz make."""
        try:
            tar = data[257:262] == b"ustar"
            if data[:4] == b"PK\x03\x04" or not tar and not coff.is_code(data) and zipfile.is_zipfile(io.BytesIO(data)):
                with zipfile.ZipFile(io.BytesIO(data)) as archive:
                    self.text(where, archive.comment.decode("utf-8", "replace"))
                    for one in archive.infolist():
                        if not one.is_dir():
                            self.file(f"{where}:{one.filename}", self._room(where, archive.read(one)), depth + 1)
                return True
            plain = _expanded(data)
            if plain is not None:
                if data[:2] == b"\x1f\x8b":
                    self._gzip(where, data)
                self.content(where + ":unpacked", self._room(where, plain), depth + 1)
                return True
            if data.startswith(CLOSED):
                raise OSError("a format that nothing here can read")
            if tar:
                with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                    for member in archive:
                        if {member.uname, member.gname} - {"", "root", "mica"}:
                            self._tell("author", where, f"{member.name} belongs to {member.uname}/{member.gname}")
                        self.text(where, member.linkname)
                        stream = archive.extractfile(member) if member.isfile() else None
                        if stream is not None:
                            self.file(f"{where}:{member.name}", self._room(where, stream.read()), depth + 1)
                return True
        except (zipfile.BadZipFile, tarfile.TarError, RuntimeError, NotImplementedError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            raise GraderError(f"{where}: cannot be unpacked ({error}); nobody knows what it holds") from error
        return False

    def _gzip(self, where: str, data: bytes) -> None:
        if data[4:8] != bytes(4):
            self._tell("stamp", where, "in the header of gzip")
        if data[3] & 8 and not data[3] & 4:
            self.text(where, data[10:data.find(b"\0", 10)].decode("latin-1"))

    def _room(self, where: str, data: bytes) -> bytes:
        self._unpacked += len(data)
        if self._unpacked > UNPACKED_MAX:
            raise GraderError(f"{where}: unpacks to more than {UNPACKED_MAX >> 20} MB; look at its parts one by one")
        return data

    # -- texts -----------------------------------------------------------------------------------------------------
    def text(self, where: str, text: str) -> None:
        """Lines and words of a text; of a page or JSON, as the reader sees them."""
        views = [text]
        if "\\n" in text or "\\u00" in text or '\\"' in text:
            views.append(unescaped(text))
        if "&" in text and ";" in text:
            views.append(html.unescape(text))
        for one in views:
            self._lines(where, one)
        if _MARKER.search(text):
            self._tell("marker", where, _MARKER.search(text)[0].strip())  # type: ignore[index]
        for word in set(WORD.findall(text)) & self._known.names.keys():
            self._tell("name", where, f"{word} ({self._known.names[word]})")
        if len(self._known.root) > 4 and self._known.root in text:
            self._tell("path", where, self._known.root)

    def _lines(self, where: str, text: str) -> None:
        for line in text.splitlines() if ANSWERS.search(where) else ():
            if squeezed(line) in self._known.answers:
                self._tell("answers", where, f"{line.strip()} ({self._known.answers[squeezed(line)]})")
        private: Dict[Tuple[str, str], Set[str]] = defaultdict(set)
        for line in text.splitlines():
            for key in forms(line):
                place = self._known.lines.get(key)
                if place:
                    self._tell("line", where, f"{line.strip()} ({place})")
                place = self._known.comments.get(key)
                if place:
                    self._tell("comment", where, f"{line.strip()} ({place})")
                owner = self._known.private_lines.get(key)
                if owner:
                    private[owner].add(key)
        for (kind, name), lines in private.items():
            if len(lines) >= FAMILY[kind]:
                self._tell(kind, where, f"{len(lines)} lines of {name}")

    def _strings(self, where: str, data: bytes) -> None:
        """The printable parts of a file that is no text; a UTF-16 text without a mark is read as that too."""
        texts = [b"\n".join(_STRINGS.findall(data)).decode("ascii")]
        if data.count(0) > len(data) // 4:
            texts += ["\n".join(_PRINTED.findall(data[start:].decode("utf-16-le", "replace"))) for start in (0, 1)]
        for text in texts:
            self._lines(where, text)
            for word in set(WORD.findall(text)) & self._known.names.keys():
                if len(word) >= NAME_IN_CODE_MIN:
                    self._tell("name", where, f"{word} ({self._known.names[word]})")
        for path in set(_PATHS.findall(data)):
            self._tell("path", where, path.decode("latin-1"))
        if len(self._known.root) > 4 and self._known.root.encode() in data:
            self._tell("path", where, self._known.root)

    def _code(self, where: str, data: bytes) -> None:
        self._strings(where, data)
        for one in coff.symbols_of(data):
            for word in set(WORD.findall(one.name)) | set(WORD.findall(one.name.lstrip("_@?."))):
                if word in self._known.names:
                    self._tell("name", where, f"{word} ({self._known.names[word]}), in a table of symbols")
            if one.external and one.defined and one.plain in self._known.routines:
                self._tell("object", where, f"{one.plain} of exercise {self._known.routines[one.plain]}")
        natural = self._known.runs()
        for name in {natural[run] for run in runs(instructions(data)) if run in natural} if natural else ():
            self._tell("natural", where, f"instructions in a row as in the object of {name}")

    # -- repositories ----------------------------------------------------------------------------------------------
    def repository(self, home: Path, inside: Optional[Path]) -> None:
        """Every object: blobs with the paths that lead to them, commits, tags; and what lies beside them in .git."""
        git = Git(home)
        paths = git.paths()
        for name, kind, data in git.objects():
            if kind == "blob":
                known = sorted(paths.get(name, ()))
                where = known[0] if known else f"object {name[:10]}"
                for one in known:
                    self._path(one)
                self.content(where, data)
            elif kind in ("commit", "tag"):
                self._told(f"{kind} {name[:10]}", data.decode("utf-8", "replace"))
            elif kind == "tree" and not paths.reached(name):
                for entry, _, _ in entries(data):
                    self._path(entry)
        for label in git.refs():
            self.text("names of branches and tags", label)
        if inside is not None:
            for path in sorted(inside.rglob("*")):
                part = path.relative_to(inside)
                if path.is_file() and part.parts[0] != "objects" and path.suffix != ".sample":
                    self.content(f".git/{part.as_posix()}", path.read_bytes())
                    for one in set(_PATHS.findall(path.read_bytes())):
                        self._tell("path", f".git/{part.as_posix()}", one.decode("latin-1"))
                    self._people(f".git/{part.as_posix()}", path.read_bytes().decode("utf-8", "replace"), part.parts[0] == "logs")

    def _told(self, where: str, text: str) -> None:
        """A commit or a tag: who, when, and the message."""
        head, _, message = text.partition("\n\n")
        self.text(where, message)
        for line in head.splitlines():
            match = re.match(r"(author|committer|tagger) (.*>) \d+ ([+-]\d{4})$", line)
            if match and match[2] != PUBLIC_AUTHOR:
                self._tell("author", where, f"{match[1]} {match[2]}")
            if match and match[3] != "+0000":
                self._tell("author", where, f"{match[1]}'s time zone {match[3]}")
        if "\ngpgsig" in head:
            self._tell("author", where, "a signature")

    def _people(self, where: str, text: str, log: bool) -> None:
        for one in re.findall(r"^\w{40} \w{40} (.*>) \d+ ", text, re.MULTILINE) if log else ():
            if one != PUBLIC_AUTHOR:
                self._tell("author", where, one)


def _expanded(data: bytes) -> Optional[bytes]:
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    if data[:3] == b"BZh":
        return bz2.decompress(data)
    if data[:6] == b"\xfd7zXZ\0":
        return lzma.decompress(data)
    return None


def counted(leaks: Sequence[Leak]) -> List[Tuple[str, int, int]]:
    """(kind, findings, files) in the order of KINDS."""
    return [(kind, sum(one.kind == kind for one in leaks), len({one.where for one in leaks if one.kind == kind}))
            for kind in KINDS if any(one.kind == kind for one in leaks)]
