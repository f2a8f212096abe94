"""Zip and tar, read member by member into memory with every size counted.

Why not `extractall`: its filters are missing before Python 3.12 and were bypassed later.  Here nothing reaches the
disk; a member's name is noted, a student file's bytes are read up to a cap, everything else is skipped.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from grader.errors import SubmissionError
from grader.submission.listing import MAX_FILE, MAX_MEMBERS, Listing
from grader.submission.names import printable

MAX_ARCHIVE = 64 << 20  # the packed file
MAX_UNPACKED = 256 << 20  # what a stream may expand to before it is called a bomb
MAX_DIRECTORY = 16 << 20  # a zip's table of contents
UTF8 = 0x800  # the flag of a name in a zip
ZIP64 = 56 + 20  # bytes of a zip64's end record and of the pointer to it
MAX_HEADER = 64 << 10  # a long name or extended header in a tar

_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError,
           ValueError, UnicodeError, RuntimeError)
_SPECIAL = "a link, a sparse or a special file; pack the file itself"
_LINK = "a link or a special file; pack the file itself"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
# What students send in place of a zip or a tar, by its first bytes.
_FOREIGN = ((b"Rar!\x1a\x07", "a RAR archive"), (b"7z\xbc\xaf\x27\x1c", "a 7z archive"), (b"\xfd7zXZ\0", "packed with xz"),
            (b"\x28\xb5\x2f\xfd", "packed with zstd"), (b"MSCF", "a CAB archive"), (b"%PDF", "a PDF document"),
            (b"# v2 git bundle", "a git bundle"), (b"diff --git", "a patch"), (b"<!DOCTYPE", "a web page"), (b"<html", "a web page"))


def read(path: Path, listing: Listing) -> None:
    """Reads a zip or tar, told apart by content and never by its name."""
    try:
        if path.stat().st_size > MAX_ARCHIVE:
            raise SubmissionError(f"{path.name}: larger than {MAX_ARCHIVE >> 20} MB; pack the student files only")
        with path.open("rb") as stream:
            _read(path.name, stream, listing)
    except SubmissionError:
        raise
    except PermissionError as error:
        raise SubmissionError(f"{path}: cannot be read ({error.strerror}); change its permissions") from error
    except _BROKEN as error:
        reason = printable(str(error)).splitlines()[0] if str(error) else type(error).__name__
        raise SubmissionError(f"{path.name}: not a complete zip or tar archive ({reason}); pack it again") from error


def _read(name: str, stream: BinaryIO, listing: Listing) -> None:
    magic = stream.read(512)
    stream.seek(0)
    for start, what in _FOREIGN:
        if magic[:len(start)].lower() == start.lower():
            raise SubmissionError(f"{name}: {what}, whatever its name says; pack the student files as .zip or .tar.gz")
    if magic[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        _read_zip(stream, listing)
    elif magic[:2] == b"\x1f\x8b":
        _read_tar(gzip.GzipFile(fileobj=stream), listing)
    elif magic[:3] == b"BZh":
        _read_tar(bz2.BZ2File(stream), listing)
    elif not magic:
        raise EOFError("the file is empty")
    elif b"\0" not in magic:
        raise SubmissionError(f"{name}: text, not a complete zip or tar archive; submit the folder that holds kernel/ and labs/, or "
                              "an archive of it")
    else:
        _read_tar(stream, listing)


def _read_zip(stream: BinaryIO, listing: Listing) -> None:
    directory = _check_directory(stream)
    try:
        opened = zipfile.ZipFile(stream)
    except UnicodeDecodeError:  # a name that only claims to be UTF-8: whose it is will show
        opened = zipfile.ZipFile(_without_claims(stream, directory))
    with opened as archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > MAX_UNPACKED:
            raise SubmissionError(f"unpacks to more than {MAX_UNPACKED >> 20} MB; pack the student files only")
        for entry in entries:
            raw = entry.orig_filename or entry.filename
            name = listing.add(raw, _problem(entry), folder=raw.endswith(("/", "\\")))
            if name:
                with archive.open(entry) as member:
                    listing.take(name, member)  # type: ignore[arg-type]


def _problem(entry: zipfile.ZipInfo) -> str:
    """Why a member cannot be read as the file it is called."""
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return _LINK
    if entry.flag_bits & 1:
        return "encrypted; pack the archive without a password"
    if entry.compress_type not in _METHODS:
        return f"compressed by method {entry.compress_type}, which is not read here; pack a plain .zip or a .tar.gz"
    return ""


def _without_claims(stream: BinaryIO, at: int) -> BinaryIO:
    """The same zip, of which every name is in the code page of old: those of student files are the same in both."""
    stream.seek(0)
    data = bytearray(stream.read(MAX_ARCHIVE))
    while data[at:at + 4] == b"PK\x01\x02" and len(data) >= at + 46:
        name, extra, comment = struct.unpack_from("<3H", data, at + 28)
        local = int.from_bytes(data[at + 42:at + 46], "little")
        for flags in (at + 8, local + 6):
            if flags + 1 < len(data):
                data[flags + 1] &= ~(UTF8 >> 8)
        at += 46 + name + extra + comment
    return io.BytesIO(data)


def _check_directory(stream: BinaryIO) -> int:
    """Where the table of contents begins; refuses one that would fill the memory before its entries can be counted."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - (1 << 16) - 22 - ZIP64))
    tail = stream.read()
    at = len(tail) - 22 if tail[-22:-18] == b"PK\x05\x06" else tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 16:
        raise zipfile.BadZipFile("it has no end")
    length = int.from_bytes(tail[at + 12:at + 16], "little")
    if tail[max(0, at - 20):at].startswith(b"PK\x06\x07"):  # zip64 has an end record of its own, and a pointer to it
        at -= ZIP64
        if tail[at:at + 4] != b"PK\x06\x06" or int.from_bytes(tail[at + 64:at + 72], "little") != size - len(tail) + at:
            raise zipfile.BadZipFile("its two ends do not agree")
        length = int.from_bytes(tail[at + 40:at + 48], "little")
    if length > MAX_DIRECTORY:
        raise SubmissionError("the archive's table of contents is too large; pack the student files only")
    begin = max(0, size - len(tail) + at - length)
    stream.seek(begin)
    if stream.read(length).count(b"PK\x01\x02") > MAX_MEMBERS:
        raise SubmissionError(f"more than {MAX_MEMBERS} members; pack the student files only")
    stream.seek(0)
    return begin


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


def _read_tar(stream: "BinaryIO | gzip.GzipFile | bz2.BZ2File", listing: Listing) -> None:
    bounded = _Bounded(stream)  # type: ignore[arg-type]
    with tarfile.open(
            fileobj=bounded,
            mode="r|",
            bufsize=1 << 16,
            errors="surrogateescape",  # type: ignore[call-overload]
            tarinfo=_Header) as archive:
        while True:
            entry = archive.next()
            if entry is None:
                break
            regular = entry.isreg() and not entry.issparse()
            name = listing.add(entry.name, "" if regular or entry.isdir() else _SPECIAL, folder=entry.isdir())
            if name:
                member = archive.extractfile(entry)
                assert member is not None
                listing.take(name, member)  # type: ignore[arg-type]
            archive.members.clear()  # it would keep a header for each member
    while bounded.read(1 << 20):  # a gz must be whole, and no more than it may be
        pass


__all__ = ["MAX_ARCHIVE", "MAX_DIRECTORY", "MAX_FILE", "MAX_MEMBERS", "MAX_UNPACKED", "read"]
