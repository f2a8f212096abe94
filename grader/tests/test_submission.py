"""Hostile and broken submissions: each is refused or read for what it is, and nothing of it is ever written or run."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import time
import unittest
import zipfile
from pathlib import Path
from unittest import mock

from grader.errors import SubmissionError
from grader.submission import archives, files as submission
from grader.tests.fixture import QUANTUM, READY, SWITCH, TreeCase, as_student

WANTED = [READY, SWITCH, QUANTUM]


class SubmissionCase(TreeCase):
    """Helpers to make archives."""

    def read(self, path: object) -> submission.Submission:
        return submission.read(str(path), WANTED, [], self.tree.root)

    def refused(self, path: object, pattern: str) -> None:
        with self.assertRaisesRegex(SubmissionError, pattern):
            self.read(path)

    def zip(self, *members: object, name: str = "s.zip") -> Path:
        """A zip of (name or ZipInfo, content) pairs."""
        path = self.home / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry, content in members:  # type: ignore[misc]
                archive.writestr(entry, content)
        return path

    def tar(self, *members: object, mode: str = "w:gz", name: str = "s.tar.gz") -> Path:
        """A tar of (name or TarInfo, content) pairs."""
        path = self.home / name
        with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
            for entry, content in members:  # type: ignore[misc]
                info = tarfile.TarInfo(entry) if isinstance(entry, str) else entry
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return path


class Accepted(SubmissionCase):
    """What is read, from every kind of source."""

    def test_folder(self) -> None:
        found = self.read(self.tree.root)
        self.assertEqual(set(found.files), set(WANTED))
        self.assertEqual(found.missing, ())

    def test_zip_and_tar_and_folder_give_one_digest(self) -> None:
        pairs = [(name, (self.tree.root / name).read_bytes()) for name in WANTED]
        digests = {self.read(source).digest for source in (
            self.tree.root, self.zip(*pairs), self.tar(*pairs), self.tar(*pairs, mode="w", name="s.tar"),
            self.tar(*pairs, mode="w:bz2", name="s.tbz"))}
        self.assertEqual(len(digests), 1)

    def test_content_decides_not_the_name(self) -> None:
        self.assertEqual(self.read(self.zip((READY, b"x"), name="really.tar.gz")).files[READY], b"x")

    def test_top_level_folder_is_stripped(self) -> None:
        self.assertEqual(self.read(self.zip(("repo-main/" + READY, b"x"))).files, {READY: b"x"})
        self.assertEqual(self.read(self.tar(("./a/b/" + READY, b"y"))).files, {READY: b"y"})

    def test_top_level_folder_of_a_folder(self) -> None:
        self.assertEqual(set(self.read(self.home).files), set(WANTED))

    def test_outermost_tree_wins_over_a_copy_inside_it(self) -> None:
        found = self.read(self.zip(("r/build/x/" + READY, b"old"), ("r/" + READY, b"new")))
        self.assertEqual(found.files[READY], b"new")

    def test_only_student_files_are_taken(self) -> None:
        found = self.read(self.zip((READY, b"x"), ("grader/judge/runner.py", b"evil"), ("Makefile", b"evil")))
        self.assertEqual(set(found.files), {READY})

    def test_missing_files_are_named(self) -> None:
        self.assertEqual(self.read(self.zip((READY, b"x"))).missing, (SWITCH, QUANTUM))

    def test_wrong_case_is_told(self) -> None:
        found = self.read(self.zip((READY, b"x"), (QUANTUM.upper(), b"x")))
        self.assertIn(QUANTUM, found.remarks[0])

    def test_git_ref(self) -> None:
        run = lambda *words: as_student(self.tree.root, *words)
        run("init", "-q")
        run("add", ".")
        run("commit", "-q", "-m", "x")
        self.put(READY, "changed after the commit")
        self.assertEqual(self.read("HEAD").files[READY], f"// {READY}\n".encode())
        (self.tree.root / READY).unlink()
        (self.tree.root / READY).symlink_to("/etc/passwd")
        run("commit", "-q", "-a", "-m", "link")
        self.refused("HEAD", "not a regular file")


class Refused(SubmissionCase):
    """What is refused as a whole, with a reason."""

    def test_nothing_there(self) -> None:
        self.refused("no-such-thing", "no such folder, archive or git ref")
        self.refused("--output=/tmp/x", "no such folder, archive or git ref")

    def test_not_an_archive(self) -> None:
        path = self.home / "s.zip"
        for content in (b"", b"hello", b"PK\x03\x04 but no zip", b"\x1f\x8b but no gzip", b"BZh9 no", os.urandom(2000)):
            path.write_bytes(content)
            self.refused(path, "not a complete zip or tar")

    def test_no_student_file(self) -> None:
        self.refused(self.zip(("README", b"hello")), "holds none of the files")

    def test_devices_and_pipes(self) -> None:
        self.refused("/dev/zero", "neither a folder nor a regular file")
        os.mkfifo(self.home / "pipe")
        self.refused(self.home / "pipe", "neither a folder nor a regular file")
        (self.tree.root / READY).unlink()
        os.mkfifo(self.tree.root / READY)
        self.refused(self.tree.root, "not a regular file")

    def test_symlinks_in_a_folder(self) -> None:
        (self.tree.root / READY).unlink()
        (self.tree.root / READY).symlink_to("/etc/passwd")
        self.refused(self.tree.root, "symbolic link")

    def test_symlinked_parent_in_a_folder(self) -> None:
        ke = self.tree.root / "kernel/ntos/ke"
        ke.rename(self.home / "elsewhere")
        ke.symlink_to(self.home / "elsewhere")
        self.refused(self.tree.root, "symbolic link")

    def test_links_and_devices_in_a_tar(self) -> None:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(READY)
            info.type, info.linkname = kind, "/etc/passwd"
            with self.subTest(kind=kind):
                self.refused(self.tar((info, b"")), "a link, a sparse or a special file")

    def test_symlink_in_a_zip(self) -> None:
        info = zipfile.ZipInfo(READY)
        info.external_attr = 0o120777 << 16
        self.refused(self.zip((info, b"/etc/passwd")), "a link or a special file")

    def test_names_that_leave_the_folder(self) -> None:
        for name, why in (("../" + READY, r"'\.\.'"), ("a/../../" + READY, r"'\.\.'"), ("/" + READY, "absolute"),
                          ("C:/" + READY, "absolute"), ("C:\\" + READY.replace("/", "\\"), "absolute"),
                          ("..\\" + READY, r"'\.\.'"), ("kernel/ntos/ke/i386/../ready.cpp", r"'\.\.'"),
                          ("a\nb/" + READY, "control characters"), ("\u202ecod/" + READY, "control characters")):
            with self.subTest(name=name):
                self.refused(self.zip((name, b"x")), why)
                self.refused(self.tar((name, b"x")), why)

    def test_double_names(self) -> None:
        with self.assertWarns(UserWarning):
            path = self.zip((READY, b"good"), (READY, b"evil"))
        self.refused(path, "twice")
        self.refused(self.tar((READY, b"good"), ("./" + READY, b"evil")), "twice")

    def test_case_tricks(self) -> None:
        for other in (READY.upper(), READY.replace("k", "\u212a", 1)):  # the Kelvin sign folds to k
            for members in (((READY, b"good"), (other, b"evil")), ((other, b"evil"), (READY, b"good"))):
                found = self.read(self.zip(*members))
                self.assertEqual(found.files[READY], b"good")
                self.assertTrue(any("is not taken, " + READY in remark for remark in found.remarks), found.remarks)

    def test_two_trees(self) -> None:
        self.refused(self.zip(("a/" + READY, b"x"), ("b/" + READY, b"y")), "both hold student files")

    def test_names_that_are_not_utf8(self) -> None:
        path = self.home / "s.tar"
        with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as archive:
            archive.addfile(tarfile.TarInfo("caf\u00e9/" + READY), io.BytesIO())
        self.refused(path, "not UTF-8")

    def test_encrypted_zip(self) -> None:
        data = bytearray(self.zip((READY, b"x")).read_bytes())
        for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            data[data.index(magic) + offset] |= 1
        path = self.home / "locked.zip"
        path.write_bytes(data)
        self.refused(path, "encrypted")

    def test_truncated_archives(self) -> None:
        content = os.urandom(5000)
        for path in (self.tar((READY, content)), self.zip(
            (READY, content)), self.tar((READY, content), mode="w", name="t.tar")):
            path.write_bytes(path.read_bytes()[:3000])
            self.refused(path, "not a complete zip or tar")


class Bombs(SubmissionCase):
    """Ten gigabytes of zeros cost neither memory nor time."""

    def setUp(self) -> None:
        super().setUp()
        started = time.process_time()  # of this process: a busy machine makes it no longer
        self.addCleanup(lambda: self.assertLess(time.process_time() - started, 20))

    def gigabytes(self, count: int) -> bytes:
        """A gz stream of `count` GB of zeros in about `count` MB: one member repeated."""
        return gzip.compress(bytes(64 << 20), 9) * (16 * count)

    def test_large_file_in_zip(self) -> None:
        self.refused(self.zip((READY, bytes(archives.MAX_FILE + 1))), "larger than 1 MB")

    def test_large_file_in_tar_and_folder(self) -> None:
        self.refused(self.tar((READY, bytes(archives.MAX_FILE + 1))), "larger than 1 MB")
        (self.tree.root / READY).write_bytes(bytes(archives.MAX_FILE + 1))
        self.refused(self.tree.root, "larger than 1 MB")

    def test_zip_that_unpacks_to_gigabytes(self) -> None:
        path = self.home / "s.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(READY, b"x")
            with archive.open("zeros", "w") as member:
                for _ in range(300):
                    member.write(bytes(1 << 20))
        self.refused(path, "unpacks to more than")

    def test_tar_of_ten_gigabytes(self) -> None:
        head = tarfile.TarInfo("zeros")
        head.size = 10 << 30
        path = self.home / "s.tar.gz"
        path.write_bytes(gzip.compress(head.tobuf(tarfile.GNU_FORMAT)) + self.gigabytes(10))
        self.refused(path, "unpacks to more than")

    def test_zeros_after_the_end_of_a_tar(self) -> None:
        path = self.tar((READY, b"x"))
        path.write_bytes(path.read_bytes() + self.gigabytes(1))
        self.refused(path, "unpacks to more than")

    def test_sparse_tar(self) -> None:
        info = tarfile.TarInfo(READY)
        info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": str(10 << 30),
                            "GNU.sparse.map": "0,0"}
        path = self.home / "s.tar"
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
            archive.addfile(info, io.BytesIO())
        self.refused(path, "sparse")

    def test_sparse_file_on_disk(self) -> None:
        path = self.home / "s.tar"
        with path.open("wb") as stream:
            stream.truncate(10 << 30)
        self.refused(path, "larger than 64 MB")

    def test_too_many_members(self) -> None:
        most = 3000
        path = self.home / "s.tar.gz"
        with tarfile.open(path, "w:gz", compresslevel=1) as archive:
            for index in range(most):
                archive.addfile(tarfile.TarInfo(str(index)))
            archive.addfile(tarfile.TarInfo(READY))
        with mock.patch("grader.submission.listing.MAX_MEMBERS", most):
            self.refused(path, f"more than {most} members")
        self.assertEqual(set(self.read(path).files), {READY})

    def test_zip_with_millions_of_entries(self) -> None:
        path = self.zip((READY, b"x"))
        data = bytearray(path.read_bytes())
        at = data.rindex(b"PK\x05\x06")
        entry = data[data.index(b"PK\x01\x02"):at]
        table = bytes(entry) * (archives.MAX_DIRECTORY // len(entry) + 1)
        data[at + 12:at + 16] = len(table).to_bytes(4, "little")
        path.write_bytes(bytes(data[:at - len(entry)]) + table + bytes(data[at:]))
        self.refused(path, "table of contents is too large")

    def test_header_that_claims_gigabytes(self) -> None:
        head = tarfile.TarInfo("././@LongLink")
        head.type, head.size = tarfile.GNUTYPE_LONGNAME, 4 << 30
        path = self.home / "s.tar.gz"
        path.write_bytes(gzip.compress(head.tobuf(tarfile.GNU_FORMAT)) + self.gigabytes(1))
        # Pythons differ in which of the two limits they come to first.
        self.refused(path, "a header of the tar archive is too large|unpacks to more than 256 MB")


if __name__ == "__main__":
    unittest.main()
