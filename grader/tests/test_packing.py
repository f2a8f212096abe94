"""Submissions as classes really pack them: each is read for what its student meant, or refused with what to do next."""

from __future__ import annotations

import io
import struct
import tarfile
import unittest
import warnings
import zipfile
from pathlib import Path

from grader.tests.fixture import QUANTUM, READY, SWITCH
from grader.tests.test_submission import WANTED, SubmissionCase

HEADER = "kernel/ntos/ke/ki.h"


class PackingCase(SubmissionCase):
    """What comes of a submission."""

    def takes(self, path: object, *names: str, remark: str = "") -> None:
        found = self.read(path)
        self.assertEqual(set(found.files), set(names or WANTED))
        self.assertEqual({found.files[name] for name in found.files}, {b"good"})
        if remark:
            self.assertRegex("\n".join(found.remarks), remark)
        else:
            self.assertEqual(found.remarks, ())

    def tree_pairs(self, top: str = "", slash: str = "/") -> "list[tuple[object, bytes]]":
        return [((top + name).replace("/", slash), b"good") for name in WANTED]

    def link(self, name: str) -> "tuple[zipfile.ZipInfo, bytes]":
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, 0o120777 << 16
        return info, b"elsewhere"

    def special(self, name: str, kind: bytes = tarfile.SYMTYPE) -> "tuple[tarfile.TarInfo, bytes]":
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "elsewhere"
        return info, b""


class Zip(PackingCase):
    """Zips of every system."""

    def test_windows_explorer(self) -> None:
        self.takes(self.zip(*self.tree_pairs("lab1/"), ("lab1/Thumbs.db", b"x"), ("lab1/desktop.ini", b"x"),
                            ("lab1/kernel/", b"")))

    def test_macos_finder(self) -> None:
        litter = [(f"__MACOSX/mica/{Path(name).parent}/._{Path(name).name}", b"\0\5\x16\7") for name in WANTED]
        self.takes(self.zip(("mica/", b""), *self.tree_pairs("mica/"), ("mica/.DS_Store", b"x"), ("mica/Icon\r", b""), *litter))

    def test_macos_copy_that_looks_like_a_tree(self) -> None:
        self.takes(self.zip(*[("__MACOSX/" + name, b"evil") for name in WANTED], *self.tree_pairs("mica/")))
        self.takes(self.zip(*self.tree_pairs("mica/"), *[("mica/.history/" + name, b"evil") for name in WANTED],
                            *[("old/.Trash/" + name, b"evil") for name in WANTED]))

    def test_powershell_with_backslashes(self) -> None:
        self.takes(self.zip(*self.tree_pairs(slash="\\"), ("kernel\\ntos\\", b"")))
        self.takes(self.zip(*self.tree_pairs("group 7\\mica\\", slash="\\")))

    def test_backslashes_hide_no_second_file(self) -> None:
        self.refused(self.zip(*self.tree_pairs(), (READY.replace("/", "\\"), b"evil")), "twice")

    def test_seven_zip_with_its_own_entries_for_folders(self) -> None:
        folders = sorted({str(parent) + "/" for name in WANTED for parent in Path(name).parents if str(parent) != "."})
        self.takes(self.zip(*[(folder, b"") for folder in folders], *self.tree_pairs()))

    def test_names_in_a_code_page(self) -> None:
        """Old Windows: bytes of CP437 without the flag for UTF-8; Python reads them as they are."""
        path = self.zip(*self.tree_pairs("M___er/"), ("M___er/Pr\u00fcfung.txt", b"x"))
        path.write_bytes(path.read_bytes().replace(b"M___er", b"M\x81\x81ler"[:6]))
        self.takes(path)

    def test_names_with_the_flag_of_utf8(self) -> None:
        self.takes(self.zip(*self.tree_pairs("\u0395\u03c1\u03b3\u03b1\u03c3\u03af\u03b1 1 \u2728/"), ("\U0001f600.txt", b"")))
        self.takes(self.zip(*self.tree_pairs("\U0001f468\u200d\U0001f4bb/")))

    def test_names_that_only_claim_to_be_utf8(self) -> None:
        path = self.zip(*self.tree_pairs(), ("caf\u00e9.txt", b"x"))
        path.write_bytes(path.read_bytes().replace("\u00e9".encode(), b"\xe9x"))
        self.takes(path)

    def test_clone_with_its_repository_and_environment(self) -> None:
        inside = [(f"mica/.git/objects/{index:02x}/{index:038x}", b"x") for index in range(200)]
        self.takes(self.zip(*self.tree_pairs("mica/"), *inside, ("mica/.venv/bin/python", b""), self.link("mica/.venv/lib64"),
                            ("mica/node_modules/a/Plan.md", b""), ("mica/node_modules/a/plan.md", b"")))

    def test_build_folder_with_copies(self) -> None:
        copies = [(f"mica/build/submissions/{index:020x}/{name}", b"old") for index in range(300) for name in WANTED]
        self.takes(self.zip(*copies, *self.tree_pairs("mica/")))

    def test_irrelevant_names_of_every_kind(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = self.zip(("Icon\r", b""), ("\U0001f4da\U0001f3fb.md", b""), ("Plan.md", b""), ("plan.md", b""),
                            ("notes", b"1"), ("notes", b"2"), ("/etc/motd", b""), ("..", b""), ("../up.txt", b""),
                            ("C:\\Users\\x\\todo.txt", b""), ("a\nb", b""), ("\u202etxt.exe", b""), ("x" * 3000, b""),
                            self.link("docs/latest"), *self.tree_pairs())
        self.takes(path)

    def test_student_files_stay_strict_among_them(self) -> None:
        for bad in (("mica/../" + READY, b""), (READY + "\u200b", b""), ("x" * 1100 + "/" + READY, b"")):
            self.refused(self.zip(("notes.txt", b""), *self.tree_pairs(), bad), "")
        self.refused(self.zip(self.link(READY), ("notes.txt", b""), (QUANTUM, b"x")), "ready.cpp: a link")

    def test_link_in_place_of_a_folder(self) -> None:
        self.refused(self.zip(self.link("mica/kernel/ntos/ke"), ("mica/kernel/x.h", b"")), "mica/kernel/ntos/ke: a link")
        pairs = [(QUANTUM, b"good"), self.link("kernel/ntos/ke/i386")]
        self.refused(self.zip(*pairs), "kernel/ntos/ke/i386: a link")

    def test_link_in_a_copy_further_in(self) -> None:
        self.takes(self.zip(*self.tree_pairs(), self.link("backup/" + READY)))

    def test_nested_folders(self) -> None:
        self.takes(self.zip(*self.tree_pairs("a/b/c/")))
        self.refused(self.zip(*self.tree_pairs("a/b/c/d/")), "the tree lies too deep")

    def test_whole_class_in_one_zip(self) -> None:
        self.refused(self.zip(*self.tree_pairs("ann/"), *self.tree_pairs("bob/")), "both hold student files")

    def test_nested_zip(self) -> None:
        inner = self.zip(*self.tree_pairs()).read_bytes()
        self.refused(self.zip(("submission/lab1.zip", inner), name="o.zip"),
                     "holds none of the files.*another archive, 'submission/lab1.zip': unpack")

    def test_single_file_without_its_folders(self) -> None:
        self.refused(self.zip(("ready.cpp", b"good")), f"'ready.cpp' is not in its folders: .* lies at {READY}")

    def test_tree_in_a_folder_of_programs(self) -> None:
        self.refused(self.zip(*self.tree_pairs("build/")), "holds none.*'build/kernel/ntos/ke/sched/ready.cpp' lies where programs put")

    def test_empty_zip(self) -> None:
        self.refused(self.zip(), "it is empty")

    def test_copies_of_a_browser_and_of_notepad(self) -> None:
        self.takes(self.zip((QUANTUM, b"good"), (READY.replace(".cpp", " (1).cpp"), b""), (SWITCH + ".txt", b"")), QUANTUM,
                   remark=r"ready \(1\).cpp is not taken: the name must be spelled kernel/ntos/ke/sched/ready.cpp\n.*switch.S.txt is not")

    def test_compressed_in_a_new_way(self) -> None:
        path = self.zip((READY, b"good"))
        data = path.read_bytes()
        for magic, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
            at = data.index(magic) + offset
            data = data[:at] + struct.pack("<H", 93) + data[at + 2:]
        path.write_bytes(data)
        self.refused(path, "method 93, which is not read here; pack a plain .zip")

    def test_zip64_of_a_cloud_drive(self) -> None:
        data = self.zip(*self.tree_pairs()).read_bytes()
        end = len(data) - 22
        count, size, start = struct.unpack_from("<HII", data, end + 10)
        record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
        path = self.home / "drive.zip"
        for at in (end, 7):
            pointer = struct.pack("<4sIQI", b"PK\6\7", 0, at, 1)
            path.write_bytes(data[:end] + record + pointer + data[end:end + 8] + b"\xff" * 12 + b"\0\0")
            if at == end:
                self.takes(path)
        self.refused(path, "its two ends do not agree")

    def test_files_that_only_end_in_zip(self) -> None:
        for start, what in ((b"Rar!\x1a\x07\x01\0", "a RAR archive"), (b"7z\xbc\xaf\x27\x1c\0", "a 7z archive"),
                            (b"<!doctype html><title>Sign in</title>", "a web page"), (b"\xfd7zXZ\0\0", "packed with xz"),
                            (b"%PDF-1.4", "a PDF document")):
            path = self.home / "lab1.zip"
            path.write_bytes(start + b"x" * 600)
            self.refused(path, f"lab1.zip: {what}, whatever its name says; pack")
        path.write_bytes(b"// my ready.cpp\nint a;\n")
        self.refused(path, "lab1.zip: text, not a complete zip or tar archive; submit the folder")


class Tar(PackingCase):
    """Tars of every system."""

    def test_macos_with_its_shadows(self) -> None:
        shadows = [(f"./{Path(name).parent}/._{Path(name).name}", b"\0\5\x16\7") for name in WANTED]
        info = tarfile.TarInfo("./" + READY)
        info.pax_headers = {"LIBARCHIVE.xattr.com.apple.provenance": "AQAA", "mtime": "1700000000.5"}
        rest = [("./" + name, b"good") for name in WANTED if name != READY]
        path = self.home / "mac.tar"
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
            for entry, content in [*shadows, (info, b"good"), *rest]:
                one = tarfile.TarInfo(entry) if isinstance(entry, str) else entry
                one.size = len(content)
                archive.addfile(one, io.BytesIO(content))
        self.takes(path)

    def test_extended_headers_unpacked_as_files(self) -> None:
        self.takes(self.tar(*[(f"{Path(name).parent}/PaxHeaders.1234/{Path(name).name}", b"evil") for name in WANTED],
                            *self.tree_pairs()))

    def test_links_and_devices_outside_the_list(self) -> None:
        kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
        self.takes(self.tar(*[self.special(f"odd{index}", kind) for index, kind in enumerate(kinds)],
                            self.special(".venv/lib64"), *self.tree_pairs()))

    def test_link_in_place_of_a_folder(self) -> None:
        self.refused(self.tar(self.special("mica/kernel"), ("mica/labs/notes.txt", b"")), "mica/kernel: a link")

    def test_folder_in_place_of_a_file(self) -> None:
        info = tarfile.TarInfo(READY)
        info.type = tarfile.DIRTYPE
        self.refused(self.tar((info, b""), (READY + "/ready.cpp", b"x"), (QUANTUM, b"x")), "ready.cpp: a folder, not a regular file")

    def test_names_that_are_not_utf8(self) -> None:
        path = self.home / "s.tar"
        with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as archive:
            archive.addfile(tarfile.TarInfo("caf\u00e9"), io.BytesIO())
            for name in WANTED:
                info = tarfile.TarInfo(name)
                info.size = 4
                archive.addfile(info, io.BytesIO(b"good"))
        self.takes(path)

if __name__ == "__main__":
    unittest.main()
