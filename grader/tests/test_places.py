"""Folders and git refs are read by the rules of archives; other sources are told by name and hash, whatever they came in."""

from __future__ import annotations

import os
import shutil
import unittest
from pathlib import Path
from unittest import mock

from grader import git, listing, manifest
from grader.tests.fixture import QUANTUM, READY, SWITCH
from grader.tests.test_packing import HEADER, PackingCase
from grader.tests.test_submission import WANTED

IDENTITY = ("user.name=a", "user.email=a@b")


class Folder(PackingCase):
    """Folders have what zips have."""

    def setUp(self) -> None:
        super().setUp()
        for name in WANTED:
            self.put(name, "good")

    def inside(self, *parts: str) -> Path:
        """A folder that holds the tree, with others around it."""
        outer = self.home / "outer"
        inner = outer.joinpath(*parts)
        inner.parent.mkdir(parents=True)
        self.tree.root.rename(inner)
        return outer

    def test_wrapping_folders(self) -> None:
        self.takes(self.inside("group 7", "mica-main", "mica"))

    def test_wrapping_folders_end(self) -> None:
        self.refused(self.inside("a", "b", "c", "d"), "holds none of the files of the labs")

    def test_wrong_case(self) -> None:
        (self.tree.root / READY).rename(self.tree.root / READY.replace("ready", "Ready"))
        self.takes(self.tree.root, SWITCH, QUANTUM, remark=f"Ready.cpp is not taken: the name must be spelled {READY}")

    def test_wrong_case_of_a_folder(self) -> None:
        (self.tree.root / "kernel/ntos").rename(self.tree.root / "kernel/NTOS")
        self.refused(self.tree.root, "holds none of the files .*kernel/NTOS/ke/sched/ready.cpp is not taken: the name must be spelled")

    def test_two_that_differ_in_case(self) -> None:
        other = self.put(READY.replace("ready", "READY"), "evil")
        if not other.samefile(self.tree.root / READY):
            self.takes(self.tree.root, READY, SWITCH, QUANTUM, remark=f"READY.cpp is not taken, {READY} beside it is")

    def test_litter_beside_the_tree(self) -> None:
        outer = self.inside("mica")
        for name in WANTED:
            path = outer / "__MACOSX" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("evil")
        (outer / ".DS_Store").write_text("x")
        self.takes(outer)

    def test_inside_of_the_tree_is_named(self) -> None:
        self.refused(self.tree.root / "kernel", "'ntos/ke/i386/switch.S' is not in its folders: submit the folder that holds kernel/")

    def test_dangling_link(self) -> None:
        (self.tree.root / READY).unlink()
        (self.tree.root / READY).symlink_to("nowhere")
        self.refused(self.tree.root, "ready.cpp: a symbolic link; submit the file itself")

    def test_pipe_in_place_of_a_file(self) -> None:
        (self.tree.root / READY).unlink()
        os.mkfifo(self.tree.root / READY)
        self.refused(self.tree.root, "ready.cpp: not a regular file")

    def test_pipe_that_takes_the_place_of_a_file_just_looked_at(self) -> None:
        os.mkfifo(self.home / "pipe")
        regular = os.stat(self.tree.root / READY)
        (self.tree.root / READY).unlink()
        os.mkfifo(self.tree.root / READY)
        with mock.patch("grader.folders._children", lambda folder, prefix, _: sorted(
                (entry.name, regular if entry.name == "ready.cpp" else entry.stat(follow_symlinks=False))
                for entry in os.scandir(folder / prefix))):
            self.refused(self.tree.root, "ready.cpp: not a regular file")

    def test_folder_named_like_a_file(self) -> None:
        (self.tree.root / READY).unlink()
        (self.tree.root / READY).mkdir()
        self.refused(self.tree.root, "ready.cpp: a folder, not a regular file")

    def test_file_named_like_a_folder(self) -> None:
        (self.tree.root / SWITCH).unlink()
        (self.tree.root / "kernel/ntos/ke/i386").rmdir()
        self.put("kernel/ntos/ke/i386", "a file")
        self.takes(self.tree.root, READY, QUANTUM)

    def test_file_without_permission(self) -> None:
        opened = os.open

        def denied(path: object, *arguments: int) -> int:
            if str(path).endswith(READY):
                raise PermissionError(13, "Permission denied")
            return opened(path, *arguments)  # type: ignore[arg-type]

        with mock.patch("grader.folders.os.open", denied):
            self.refused(self.tree.root, r"ready.cpp: cannot be read \(Permission denied\); change its permissions")

    def test_folder_without_permission(self) -> None:
        scanned = os.scandir
        for closed, pattern in (("", "tree: a folder that cannot be read"), ("kernel/ntos", "kernel/ntos: a folder that cannot be read")):
            def denied(path: object, closed: str = closed) -> object:
                if Path(str(path)) == self.tree.root / closed:
                    raise PermissionError(13, "Permission denied")
                return scanned(path)  # type: ignore[call-overload]

            with mock.patch("grader.folders.os.scandir", denied):
                self.refused(self.tree.root, pattern)

    def test_submission_that_cannot_be_looked_at(self) -> None:
        with mock.patch("grader.submission.os.stat", side_effect=PermissionError(13, "Permission denied")):
            self.refused(self.tree.root, r"cannot be read \(Permission denied\)")
        self.refused("x" * 5000, "no such folder, archive or git ref")
        self.refused("a\0b", "no such folder, archive or git ref")

    def test_very_deep_and_very_wide(self) -> None:
        deep = self.tree.root / "kernel" / "deep"
        deep.mkdir()
        home = os.getcwd()
        self.addCleanup(os.chdir, home)
        os.chdir(deep)
        for _ in range(600):  # longer than a path may be
            os.mkdir("d" * 9)
            os.chdir("d" * 9)
        os.chdir(home)
        self.takes(self.tree.root)
        with mock.patch("grader.folders.MAX_MEMBERS", 2):
            self.refused(self.inside("mica"), "holds more than 2 names")

    def test_build_folder_with_copies_costs_nothing(self) -> None:
        for index in range(300):
            self.put(f"build/submissions/{index}/{READY}", "old")
        self.takes(self.tree.root)


class Ref(PackingCase):
    """Git refs have what zips have."""

    def git(self, *words: str) -> None:
        git.ask(self.tree.root, *words, settings=IDENTITY)

    def commit(self) -> None:
        self.git("init", "-q")
        self.git("add", "-A", "-f", ".")
        self.git("commit", "-q", "-m", "x")

    def place(self, top: str) -> None:
        for name in WANTED:
            self.put(top + name, "good")

    def setUp(self) -> None:
        super().setUp()
        for name in WANTED:
            (self.tree.root / name).unlink()

    def test_subfolder(self) -> None:
        self.place("group7/mica/")
        self.commit()
        self.takes("HEAD")

    def test_folder_named_in_the_ref(self) -> None:
        self.place("ann/")
        self.place("bob/")
        self.commit()
        self.refused("HEAD", "both hold student files")
        self.takes("HEAD:bob")
        self.refused("HEAD:carl", "no such folder, archive or git ref")

    def test_wrong_case_and_litter(self) -> None:
        self.place("")
        (self.tree.root / READY).rename(self.tree.root / READY.replace("ready", "READY"))
        self.put("__MACOSX/" + READY, "evil")
        self.put("Icon\r", "")
        self.commit()
        self.takes("HEAD", SWITCH, QUANTUM, remark="READY.cpp is not taken: the name must be spelled")

    def test_git_of_a_hook_is_not_asked(self) -> None:
        self.place("")
        self.commit()
        with mock.patch.dict("os.environ", {"GIT_DIR": str(self.home / "elsewhere.git"), "GIT_INDEX_FILE": "/nowhere"}):
            self.takes("HEAD")

    def test_what_git_refuses_is_quoted(self) -> None:
        self.refused("HEAD", "no such folder, archive or git ref.*git says: fatal: not a git repository")

    def test_large_file(self) -> None:
        self.place("")
        self.put(READY, "x" * (listing.MAX_FILE + 1))
        self.commit()
        self.refused("HEAD", "ready.cpp: .*larger than 1 MB")

    def test_link_in_place_of_a_folder(self) -> None:
        shutil.rmtree(self.tree.root / "kernel/ntos/ke")
        (self.tree.root / "kernel/ntos/ke").symlink_to("/etc")
        self.commit()
        self.refused("HEAD", "kernel/ntos/ke: not a regular file in HEAD")


class Others(PackingCase):
    """Further sources are told by name and hash, whatever they came in."""

    def setUp(self) -> None:
        super().setUp()
        for name in WANTED:
            self.put(name, "good")
        self.put(HEADER, "edited\n")
        self.put("kernel/ntos/ke/extra.cpp", "new\n")
        self.put("kernel/ntos/ke/._ki.h", "litter")
        self.put("kernel/notes.txt", "x")
        self.put("tools/x.py", "x")

    def test_every_source_gives_the_same(self) -> None:
        names = [path.relative_to(self.tree.root).as_posix() for path in sorted(self.tree.root.rglob("*")) if path.is_file()]
        pairs = [("top/" + name, (self.tree.root / name).read_bytes()) for name in names]
        for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "x")):
            git.ask(self.tree.root, *words, settings=IDENTITY)
        folder, ref, zipped, tarred = (self.read(source).others for source in (
            self.tree.root, "HEAD", self.zip(*pairs), self.tar(*pairs)))
        self.assertEqual(folder[HEADER], manifest.digest(b"edited\n"))
        self.assertEqual(set(folder) & {HEADER, "kernel/ntos/ke/extra.cpp", "kernel/ntos/ke/._ki.h", "tools/x.py", READY},
                         {HEADER, "kernel/ntos/ke/extra.cpp"})
        self.assertEqual([ref, zipped, tarred], [folder] * 3)

    def test_what_its_own_branch_shipped_is_no_stranger(self) -> None:
        """A clone of last week's handout: the course has changed the header since, the student has not."""
        shipped = {HEADER: b"edited\n", "labs/1-processes/lab.py": b"old\n"}
        pairs = [(name, b"good") for name in WANTED] + [(HEADER, b"edited\r\n"), ("labs/1-processes/lab.py", b"mine\n"),
                                                        (manifest.FILE, manifest.render(shipped, WANTED))]
        for path in (self.zip(*pairs), self.zip(*[("top/" + str(name), data) for name, data in pairs], name="t.zip")):
            self.assertEqual(set(self.read(path).others), {"labs/1-processes/lab.py"})

    def test_large_and_special_ones_are_no_trouble(self) -> None:
        found = self.read(self.zip((READY, b"good"), (HEADER, b"x" * (listing.MAX_FILE + 1)), self.link("kernel/a.h")))
        self.assertEqual(found.others, {HEADER: "", "kernel/a.h": ""})


if __name__ == "__main__":
    unittest.main()
