"""What leaves the instructor's tree, looked through for what must stay: the reference, its names, hidden files.

Invariants
  * What may be shown is what the tree itself says: starter texts, and every tracked file that is not private.  A line or
    name that occurs there is no secret, so a branch of nothing else has no finding.
  * Every object of a repository is read, whether a branch leads to it or not.  A git or an archive that cannot be read is an
    error, never "nothing there".
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
import subprocess
import tarfile
import zipfile
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, FrozenSet, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from grader import coff, sources
from grader.errors import GraderError
from grader.labs import Course
from grader.tree import Tree

KINDS = {
    "line": "a line of a reference region",
    "comment": "a comment of a reference region",
    "name": "a name that only reference regions use",
    "marker": "a LAB marker",
    "object": "machine code of an exercise's reference",
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
PUBLIC_AUTHOR = "Mica <mica@localhost>"  # who makes the branches (grader/handout.py)
README = "labs/branch-readme.md"  # becomes README.md of the branches
PRIVATE = (  # (kind, names): kept on its own, so that a hole in handout.py's list shows
    ("hidden-test", re.compile(r"^solutions/[^/]+/hidden/")),
    ("solution", re.compile(r"^solutions/|\.patch$")),
    ("seed", re.compile(r"^labs/[^/]+/seed\.txt$")),
    ("answers", re.compile(r"(^|/)answers?[^/]*\.(py|json|csv|md)$")),
    ("instructor", re.compile(r"^(\.ci/|\.github/|docs/|grader/tests/|grader/(style|coverage|bench)/|kernel/tests/(?!scenarios/scenario)|"
                              r"grader/(handout|regions|sources|selfcheck|patches|memo|parallel|leaks|coff)\.py$|"
                              r"grader/commands/(handout|solution|answers|selfcheck|stability|explore|leaks)\.py$|"
                              r"grader/explore/(survey|table|kernels)\.py$|README\.md$|SYLLABUS\.md$|CONTRIBUTING\.md$|.*_test\.cpp$)")))
BY_CONTENT_ONLY = ("README.md",)  # a branch has one of its own
ANSWERS = re.compile(r"(^|/)answers[^/]*\.txt$")
FAMILY = {"hidden-test": 1, "solution": 1, "answers": 3, "seed": 1, "instructor": 3}  # so many lines of one file are it
LINE_MIN, COMMENT_MIN, NAME_MIN, NAME_IN_CODE_MIN = 10, 12, 3, 6
CLOSED = (b"7z\xbc\xaf\x27\x1c", b"\x28\xb5\x2f\xfd", b"Rar!\x1a\x07")  # 7z, zstd, rar
DEPTH_MAX, UNPACKED_MAX = 4, 1 << 29
_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_STRINGS = re.compile(rb"[\t\x20-\x7e]{%d,}" % NAME_MIN)
_PRINTED = re.compile(r"[\t\x20-\x7e]{%d,}" % NAME_MIN)
_QUOTED = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'')
_COMMENT = re.compile(r"//(.*)$|/\*(.*?)(?:\*/|$)|(?<!\S)#\s(.*)$")
_FRAME = re.compile(r"^[-+>|#/*\s]+")
_MARKER = re.compile(r"^[ \t]*(?://|#)[ \t]*LAB\([\d.]+\)[ \t]+(?:begin|else|end)", re.MULTILINE)
_ROUTINE = re.compile(r"^(?!\s|#|//|static\b|\}|\{)[^;=]*?\b(?:nt::)?@?_?([A-Za-z_]\w{3,})(?:@\d+)?(?:\s*\(|:$)", re.ASCII)
_PATHS = re.compile(rb"(?<![\w.$/\\-])(?:/(?:home|root|Users|work|tmp|var/tmp|build|builds|mnt|opt|srv|workspace)/[\w.+-]+/[\w./+-]+"
                    rb"|[A-Za-z]:\\(?:[\w .+-]+\\)+[\w .+-]+)")


@dataclass(frozen=True, order=True)
class Leak:
    """One finding."""

    kind: str
    where: str
    what: str


@dataclass
class Secrets:
    """What must not leave the tree."""

    root: str
    lines: Dict[str, str] = field(default_factory=dict)  # squeezed -> where the tree has it
    comments: Dict[str, str] = field(default_factory=dict)
    names: Dict[str, str] = field(default_factory=dict)
    routines: Dict[str, str] = field(default_factory=dict)  # routine that an exercise writes -> exercise
    answers: Dict[str, str] = field(default_factory=dict)  # squeezed lines of the reference of answers.txt
    objects: Dict[str, str] = field(default_factory=dict)  # ke/ready.cpp.obj -> exercise
    private: Dict[str, Tuple[str, str]] = field(default_factory=dict)  # digest of a private file -> (kind, name)
    private_lines: Dict[str, Tuple[str, str]] = field(default_factory=dict)  # squeezed -> (kind, name)
    public: FrozenSet[str] = frozenset()  # words


def squeezed(line: str) -> str:
    """A line without white space: how it is laid out says nothing."""
    return "".join(line.split())


def secrets(tree: Tree, course: Course) -> Secrets:
    """Read from the complete tree."""
    if tree.is_handout:
        raise GraderError("this is a student's branch; look for leaks from the complete tree")
    marked = sources.marked(tree, course)
    found = Secrets(str(tree.root))
    public_lines: Set[str] = set()
    public_words: Set[str] = set()
    private: List[Tuple[str, str, bytes]] = []
    for name in sources.tracked(tree):
        path = tree.root / name
        if not path.is_file() or path.is_symlink():
            continue
        kind = private_kind(name)
        if kind and name != README:
            private.append((kind, name, path.read_bytes()))
            continue
        text = marked[name].starter if name in marked else path.read_text(encoding="utf-8", errors="replace")
        public_lines |= keys(text)
        public_words |= set(_WORD.findall(text))
    found.public = frozenset(public_words)
    for name, shipped in marked.items():
        exercise = min(shipped.exercises)
        if sources.has_object(name):
            found.objects[name[len("kernel/"):] + ".obj"] = exercise
        for number, routine, line in _regions((tree.root / name).read_text(encoding="utf-8", errors="surrogateescape")):
            where = f"{name}:{number}"
            if ANSWERS.search(name):
                key = squeezed(line)
                if key and key not in public_lines:
                    found.answers.setdefault(key, where)
                continue
            if routine:
                found.routines.setdefault(routine, exercise)
            _keep(found, line, where, public_lines, public_words)
    for kind, name, data in private:
        if len(data.strip()) > 2:
            found.private[hashlib.sha256(data).hexdigest()] = (kind, name)
        if kind == "seed":
            continue  # a number: the file itself is told by its name and its content
        for line in data.decode("utf-8", "replace").splitlines():
            key = squeezed(_FRAME.sub("", line)) if name.endswith(".patch") else squeezed(line)
            if len(key) >= 2 * LINE_MIN and key not in public_lines and len(_WORD.findall(line)) > 2:
                found.private_lines.setdefault(key, (kind, name))
    return found


def keys(text: str) -> Set[str]:
    """Every form under which a line of a public text is known: whole, its code, its comment."""
    found: Set[str] = set()
    for line in text.splitlines():
        code, comment = _parted(line)
        found |= {squeezed(line), squeezed(_FRAME.sub("", line)), squeezed(code), squeezed(comment)}
    return found


def _keep(found: Secrets, line: str, where: str, public_lines: Set[str], public_words: Set[str]) -> None:
    code, comment = _parted(line)
    for text, least, kept in ((line, LINE_MIN, found.lines), (code, LINE_MIN, found.lines), (comment, COMMENT_MIN, found.comments)):
        key = squeezed(text)
        if len(key) >= least and len(_WORD.findall(text)) > 1 and key not in public_lines and key not in found.lines:
            kept.setdefault(key, where)
    for word in _WORD.findall(_QUOTED.sub(" ", code)):
        if len(word) >= NAME_MIN and word not in public_words:
            found.names.setdefault(word, where)


def _parted(line: str) -> Tuple[str, str]:
    """(code, comment); a comment inside a string is none."""
    hidden = _QUOTED.sub(lambda match: "x" * len(match[0]), line)
    match = _COMMENT.search(hidden)
    if not match:
        return line, ""
    return line[:match.start()], re.sub(r"^(//|/\*|#)|\*/\s*$", "", line[match.start():].strip())


def _regions(text: str) -> Iterator[Tuple[int, str, str]]:
    """(line number, routine that it belongs to, line) of the reference lines."""
    routine, inside = "", False
    for number, line in enumerate(text.split("\n"), 1):
        marker = re.match(r"^[ \t]*(?://|#)[ \t]*LAB\([^)]*\)[ \t]*(\S*)", line)
        if marker:
            inside = marker[1] == "begin"
            continue
        match = _ROUTINE.match(line)
        if match and not inside:
            routine = match[1]
        if inside:
            yield number, match[1] if match else routine, line


def private_kind(name: str) -> str:
    """The kind of a file that students may not have; empty for any other."""
    return next((kind for kind, names in PRIVATE if names.search(name)), "")


# -- looking -----------------------------------------------------------------------------------------------------------
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
            self.text(where, _decoded(data))

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
        for word in set(_WORD.findall(name)) & self._known.names.keys():
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
        forms = [text]
        if "\\n" in text or "\\u00" in text or '\\"' in text:
            forms.append(_unescaped(text))
        if "&" in text and ";" in text:
            forms.append(html.unescape(text))
        for form in forms:
            self._lines(where, form)
        if _MARKER.search(text):
            self._tell("marker", where, _MARKER.search(text)[0].strip())  # type: ignore[index]
        for word in set(_WORD.findall(text)) & self._known.names.keys():
            self._tell("name", where, f"{word} ({self._known.names[word]})")
        if len(self._known.root) > 4 and self._known.root in text:
            self._tell("path", where, self._known.root)

    def _lines(self, where: str, text: str) -> None:
        for line in text.splitlines() if ANSWERS.search(where) else ():
            if squeezed(line) in self._known.answers:
                self._tell("answers", where, f"{line.strip()} ({self._known.answers[squeezed(line)]})")
        private: Dict[Tuple[str, str], Set[str]] = defaultdict(set)
        for line in text.splitlines():
            code, comment = _parted(line)
            bare = _FRAME.sub("", line)
            forms = {squeezed(one) for one in (line, bare, code, _parted(bare)[0], comment, _parted(bare)[1], _stripped(line))}
            for key in forms:
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
            for word in set(_WORD.findall(text)) & self._known.names.keys():
                if len(word) >= NAME_IN_CODE_MIN:
                    self._tell("name", where, f"{word} ({self._known.names[word]})")
        for path in set(_PATHS.findall(data)):
            self._tell("path", where, path.decode("latin-1"))
        if len(self._known.root) > 4 and self._known.root.encode() in data:
            self._tell("path", where, self._known.root)

    def _code(self, where: str, data: bytes) -> None:
        self._strings(where, data)
        for one in coff.symbols_of(data):
            for word in set(_WORD.findall(one.name)) | set(_WORD.findall(one.name.lstrip("_@?."))):
                if word in self._known.names:
                    self._tell("name", where, f"{word} ({self._known.names[word]}), in a table of symbols")
            if one.external and one.defined and one.plain in self._known.routines:
                self._tell("object", where, f"{one.plain} of exercise {self._known.routines[one.plain]}")

    # -- repositories ----------------------------------------------------------------------------------------------
    def repository(self, home: Path, inside: Optional[Path]) -> None:
        """Every object: blobs with the paths that lead to them, commits, tags; and what lies beside them in .git."""
        git = _Git(home)
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
                for entry, _, _ in _entries(data):
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


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8", "replace").lstrip("\ufeff")


def _unescaped(text: str) -> str:
    """JSON's and C's escapes, as far as they hide a line."""
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)
    return text.replace("\\n", "\n").replace('","', "\n").replace("\\t", " ").replace('\\"', '"').replace("\\\\", "\\")


def _stripped(line: str) -> str:
    """A line between quotation marks, or behind a line number."""
    return re.sub(r"""^\s*(?:\d+[:|\s]\s*)?[\[{"'`]*|["'`\]},]*\s*$""", "", line)


def _expanded(data: bytes) -> Optional[bytes]:
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    if data[:3] == b"BZh":
        return bz2.decompress(data)
    if data[:6] == b"\xfd7zXZ\0":
        return lzma.decompress(data)
    return None


def _entries(data: bytes) -> Iterator[Tuple[str, str, bool]]:
    """(name, object, is a tree) of a tree object."""
    place = 0
    while place < len(data):
        space, end = data.index(b" ", place), data.index(b"\0", place)
        yield data[space + 1:end].decode("utf-8", "replace"), data[end + 1:end + 21].hex(), data[place:space] == b"40000"
        place = end + 21


class _Paths(Dict[str, Set[str]]):
    """Blob -> `branch:path`, and which trees were walked on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.trees: Set[str] = set()

    def reached(self, tree: str) -> bool:
        return tree in self.trees


class _Git:
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

    def paths(self) -> _Paths:
        """From every commit, those of a branch first: the branches' tips name what they hold best."""
        found = _Paths()
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

    def _walk(self, tree: str, label: str, folder: str, found: _Paths) -> None:
        if (tree + folder) in found.trees:
            return  # under an earlier label
        found.trees |= {tree, tree + folder}
        for name, target, is_tree in _entries(self._read.get(tree, ("", b""))[1]):
            if is_tree:
                self._walk(target, label, f"{folder}{name}/", found)
            else:
                found.setdefault(target, set()).add(f"{label}:{folder}{name}")

    def _run(self, *arguments: str, data: bytes = b"") -> bytes:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1", GIT_NO_LAZY_FETCH="1", GIT_TERMINAL_PROMPT="0")
        done = subprocess.run(["git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-C", str(self._home), *arguments],
                              env=environment, input=data, capture_output=True, check=False)
        if done.returncode != 0:
            told = done.stderr.decode("utf-8", "replace").strip()[:200]
            raise GraderError(f"git {arguments[0]} failed in {self._home}: {told}; nobody knows what it holds")
        return done.stdout


def counted(leaks: Sequence[Leak]) -> List[Tuple[str, int, int]]:
    """(kind, findings, files) in the order of KINDS."""
    return [(kind, sum(one.kind == kind for one in leaks), len({one.where for one in leaks if one.kind == kind}))
            for kind in KINDS if any(one.kind == kind for one in leaks)]


__all__: Iterable[str] = ["KINDS", "Leak", "Secrets", "counted", "find", "private_kind", "secrets", "squeezed"]
