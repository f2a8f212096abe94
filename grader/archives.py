"""Zip and tar, read member by member into memory with every size counted.

Why not `extractall`: its filters are missing before Python 3.12 and were bypassed later.  Here nothing reaches the
disk; a member's name is checked, a student file's bytes are read up to a cap, everything else is skipped.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Dict, List, Sequence

from grader.errors import SubmissionError
from grader.names import Names, check_name, printable

MAX_FILE = 1 << 20  # a student file
MAX_ARCHIVE = 64 << 20  # the packed file
MAX_UNPACKED = 256 << 20  # what a stream may expand to before it is called a bomb
MAX_MEMBERS = 20_000
MAX_DIRECTORY = 4 << 20  # a zip's table of contents
MAX_HEADER = 64 << 10  # a long name or extended header in a tar
MAX_CANDIDATES = 256  # members whose name ends like a student file's

_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError,
           ValueError, UnicodeError, RuntimeError)


@dataclass(frozen=True)
class Members:
    """Every name of the archive; the bytes of those that may be student files."""

    names: List[str]
    data: Dict[str, bytes]


def read(path: Path, allowed: Sequence[str]) -> Members:
    """Reads a zip or tar, told apart by content and never by its name."""
    if path.stat().st_size > MAX_ARCHIVE:
        raise SubmissionError(f"{path.name}: larger than {MAX_ARCHIVE >> 20} MB; pack the student files only")
    with path.open("rb") as stream:
        magic = stream.read(6)
        stream.seek(0)
        try:
            if magic[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
                return _read_zip(stream, allowed)
            if magic[:2] == b"\x1f\x8b":
                return _read_tar(gzip.GzipFile(fileobj=stream), allowed)
            if magic[:3] == b"BZh":
                return _read_tar(bz2.BZ2File(stream), allowed)
            if magic[:6] == b"\xfd7zXZ\0":
                raise SubmissionError(f"{path.name}: xz is not read here; pack as .tar.gz or .zip")
            return _read_tar(stream, allowed)
        except SubmissionError:
            raise
        except _BROKEN as error:
            reason = printable(str(error)).splitlines()[0] if str(error) else type(error).__name__
            raise SubmissionError(
                f"{path.name}: not a complete zip or tar archive ({reason}); pack it again") from error


def capped(stream: BinaryIO, name: str) -> bytes:
    """Reads a student file, at most MAX_FILE bytes."""
    data = stream.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise SubmissionError(f"{name}: larger than {MAX_FILE >> 20} MB; a student file is source text")
    return data


class _Collector:
    """The checks that zip and tar share."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self._allowed = tuple(allowed)
        self._names = Names()
        self._count = 0
        self._data: Dict[str, bytes] = {}

    def count(self) -> None:
        self._count += 1
        if self._count > MAX_MEMBERS:
            raise SubmissionError(f"more than {MAX_MEMBERS} members; pack the student files only")

    def wants(self, name: str) -> bool:
        """Notes the name of a file and tells whether its bytes are needed."""
        self._names.add(name)
        if not any(name == wanted or name.endswith("/" + wanted) for wanted in self._allowed):
            return False
        if len(self._data) >= MAX_CANDIDATES:
            raise SubmissionError("the student files are there many times over; pack one tree only")
        return True

    def take(self, name: str, stream: BinaryIO) -> None:
        self._data[name] = capped(stream, name)

    def members(self) -> Members:
        return Members(self._names.order, self._data)


def _read_zip(stream: BinaryIO, allowed: Sequence[str]) -> Members:
    found = _Collector(allowed)
    _check_directory(stream)
    with zipfile.ZipFile(stream) as archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > MAX_UNPACKED:
            raise SubmissionError(f"unpacks to more than {MAX_UNPACKED >> 20} MB; pack the student files only")
        for entry in entries:
            found.count()
            name = check_name(entry.orig_filename if entry.orig_filename else entry.filename)
            if not name or entry.is_dir():
                continue
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                raise SubmissionError(f"{name}: a link or a special file; pack the file itself")
            if entry.flag_bits & 1:
                raise SubmissionError(f"{name}: encrypted; pack the archive without a password")
            if found.wants(name):
                with archive.open(entry) as member:
                    found.take(name, member)  # type: ignore[arg-type]
    return found.members()


def _check_directory(stream: BinaryIO) -> None:
    """Refuses a table of contents that would fill the memory before its entries can be counted."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - (1 << 16) - 42))
    tail = stream.read()
    stream.seek(0)
    at = len(tail) - 22 if tail[-22:-18] == b"PK\x05\x06" else tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 16:
        raise zipfile.BadZipFile("it has no end")
    if tail[max(0, at -
                20):at].startswith(b"PK\x06\x07") or int.from_bytes(tail[at + 12:at + 16], "little") > MAX_DIRECTORY:
        raise SubmissionError("the archive's table of contents is too large; pack the student files only")


class _Header(tarfile.TarInfo):
    """A tar header whose text parts (long names, extended headers) may not be long."""

    @classmethod
    def frombuf(cls, buf, encoding, errors):  # type: ignore[no-untyped-def, override]
        header = super().frombuf(buf, encoding, errors)
        if not header.isreg() and header.size > MAX_HEADER:
            raise SubmissionError("a header of the tar archive is too large; pack the student files only")
        return header


class _Bounded(io.RawIOBase):
    """A stream that stops a bomb: at most MAX_UNPACKED bytes in all."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._left = MAX_UNPACKED

    def read(self, size: int = -1) -> bytes:  # type: ignore[override]
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise SubmissionError(f"unpacks to more than {MAX_UNPACKED >> 20} MB; pack the student files only")
        return data


def _read_tar(stream: "BinaryIO | gzip.GzipFile | bz2.BZ2File", allowed: Sequence[str]) -> Members:
    found = _Collector(allowed)
    bounded = _Bounded(stream)  # type: ignore[arg-type]
    with tarfile.open(
            fileobj=bounded,
            mode="r|",
            bufsize=1 << 16,
            errors="surrogateescape",  # type: ignore[call-overload]
            tarinfo=_Header) as archive:
        for entry in archive:
            found.count()
            name = check_name(entry.name)
            if not name or entry.isdir():
                continue
            if not entry.isreg() or entry.issparse():
                raise SubmissionError(f"{name}: a link, a sparse or a special file; pack the file itself")
            if found.wants(name):
                member = archive.extractfile(entry)
                assert member is not None
                found.take(name, member)  # type: ignore[arg-type]
    while bounded.read(1 << 20):  # a gz must be whole, and no more than it may be
        pass
    return found.members()
