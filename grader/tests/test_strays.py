"""Files that editors, systems and students leave beside the sources, git's line endings, and builds that were killed.

What is no source is left out, and a line names it; the complete tree takes a developer's new file without ceremony.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from grader import git, labs, sources
from grader.building.builder import Builder
from grader.errors import GraderError
from grader.handout.publish import Handout
from grader.judge.grading import Grading
from grader.tests.fixture import READY, as_student
from grader.tests.minikernel import SOURCES, KernelCase
from grader.tree import Tree

ROOT = Path(__file__).resolve().parents[2]
KE = "kernel/ntos/ke/"


class StrayCase(KernelCase):
    """A kernel that builds, and what may lie in its folders."""

    def make(self, *words: str, root: "Path | None" = None) -> str:
        done = subprocess.run(["make", "-f", "kernel/build.mk", "kernel", *words], cwd=root or self.tree.root, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def litter(self, root: Path) -> None:
        """An editor's lock, a resource fork, a folder, a pipe and a dangling link that end as sources do."""
        (root / KE / ".#ready.cpp").symlink_to("ann@laptop.4711:1700000000")
        (root / KE / "._ready.cpp").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X")
        (root / KE / "gone.cpp").symlink_to("nowhere.cpp")
        (root / KE / "folder.cpp").mkdir()
        os.mkfifo(root / KE / "pipe.S")
        (root / "kernel/hal/.#stall.S").symlink_to("x")


class Complete(StrayCase):
    """The complete tree."""

    def test_litter_is_no_source(self) -> None:
        self.litter(self.tree.root)
        self.assertNotIn("left out", self.make())

    def test_new_file_is_taken_without_ceremony(self) -> None:
        self.put(KE + "brandnew.cpp", 'extern "C" __declspec(dllexport) int KeBrandNew() { return 7; }\n')
        self.make()
        self.assertIn(b"KeBrandNew", (self.tree.out / "free/ntoskrnl.exe").read_bytes())

    def test_name_with_a_space_is_left_out_and_named(self) -> None:
        (self.tree.root / KE / "ready - Copy.cpp").write_text(SOURCES[READY])
        self.assertIn(f"{KE}ready - Copy.cpp: left out", self.make())

    def test_copy_of_a_source_is_named_where_the_build_fails(self) -> None:
        as_student(self.tree.root, "init", "-q")
        as_student(self.tree.root, "add", ".")
        (self.tree.root / KE / "ready_old.cpp").write_text(SOURCES[READY])
        with self.assertRaisesRegex(GraderError, f"does not build .*not known to git: {KE}ready_old.cpp"):
            Builder(self.tree, labs.load(self.tree)).base()

    def test_killed_build_leaves_nothing_that_is_taken_for_whole(self) -> None:
        self.make()
        image, library = self.tree.out / "free/boot/ntoskrnl.exe", self.tree.out / "free/nt.lib"
        good = image.read_bytes()
        for program in ("llvm-objcopy", "lld-link"):
            with self.subTest(program=program):
                shutil.rmtree(self.tree.out)
                folder = self.home / "bin"
                folder.mkdir(exist_ok=True)
                (folder / program).write_text(f'#!/bin/bash\n"{shutil.which(program)}" "$@" || exit\n'
                                              'case "$*" in *ntoskrnl.exe*) kill -9 0 ;; esac\n')
                (folder / program).chmod(0o755)
                environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
                subprocess.run(["make", "-j2", "-f", "kernel/build.mk", "kernel"], cwd=self.tree.root, env=environment, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)  # `kill -9 0` ends this session: make and all it has started
                self.assertFalse(image.exists())
                (folder / program).unlink()
                self.make()
                self.assertEqual(image.read_bytes(), good)
                self.assertTrue(library.is_file())


class Branch(StrayCase):
    """A student's clone of a branch."""

    def setUp(self) -> None:
        super().setUp()
        shutil.copy(ROOT / ".gitattributes", self.tree.root)
        self.belongs(".gitattributes")
        Handout(self.tree, labs.load(self.tree), self.home / "students").build()
        self.mine = self.home / "mine"

    def clone(self, *settings: str) -> None:
        as_student(self.home, "clone", "-q", *settings, "-b", "lab1-processes", str(self.home / "students"), str(self.mine))

    def test_list_of_the_branch(self) -> None:
        self.clone()
        listed = (self.mine / sources.BRANCH_LIST).read_text().splitlines()
        found = sorted(path.relative_to(self.mine).as_posix() for path in (self.mine / "kernel").rglob("*") if path.suffix in (".cpp", ".S"))
        self.assertEqual(listed, found)
        self.assertIn(READY, listed)

    def test_strays_are_left_out_and_named(self) -> None:
        self.clone()
        before = self.make(root=self.mine)
        self.assertNotIn("left out", before)
        image = (self.mine / "build/free/boot/ntoskrnl.exe").read_bytes()
        self.litter(self.mine)
        strays = [KE + "ready_old.cpp", KE + "Ready.cpp", KE + "ready - Copy.cpp", "kernel/drivers/mine/mine.cpp"]
        for name in strays:
            (self.mine / name).parent.mkdir(parents=True, exist_ok=True)
            (self.mine / name).write_text(SOURCES[READY])
        said = self.make(root=self.mine)
        for name in strays:
            self.assertIn(f"{name}: left out", said)
        self.assertEqual(said.count("left out"), len(strays), said)
        self.assertEqual((self.mine / "build/free/boot/ntoskrnl.exe").read_bytes(), image)
        (self.mine / KE / "Ready.cpp").unlink()  # grading refuses two spellings of a student's file
        tree = Tree(self.mine, self.mine / "build")
        course = labs.load(tree)
        builder = Builder(tree, course)
        grading = Grading(tree, course, lambda *_: [], builder=builder)
        kernels = builder.build(grading.read(""), ["1.1"])
        self.assertEqual((kernels["1.1"].error, kernels["1.1"].trouble), ("", ""))

    def test_clone_with_autocrlf(self) -> None:
        self.clone("-c", "core.autocrlf=true", "-c", "core.eol=crlf")
        with_cr = [path for path in self.mine.rglob("*") if path.suffix in (".cpp", ".S", ".h", ".mk", ".py", ".sh", ".txt") and
                   ".git" not in path.parts and b"\r\n" in path.read_bytes()]
        self.assertEqual(with_cr, [])
        self.assertEqual(git.ask(self.mine, "status", "--porcelain"), b"")
        self.make(root=self.mine)
        for path in (self.home / "students/kernel/prebuilt").rglob("*.obj"):
            self.assertEqual((self.mine / path.relative_to(self.home / "students")).read_bytes(), path.read_bytes())


class LineEndings(unittest.TestCase):
    """The repository itself, cloned with core.autocrlf=true."""

    def test_scripts_and_makefiles_run(self) -> None:
        with tempfile.TemporaryDirectory(prefix="mica-crlf-") as folder:
            whole, clone = Path(folder, "whole"), Path(folder, "clone")
            names = [name for name in sources.tracked(Tree(ROOT, ROOT / "build"))
                     if name.endswith((".gitattributes", ".sh", ".mk", "Makefile", ".ci/run", ".png", "bochsrc", ".edit"))]
            for name in names:
                (whole / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, whole / name)
            as_student(Path(folder), "init", "-q", str(whole))
            as_student(whole, "add", "-f", ".")
            as_student(whole, "commit", "-q", "-m", "as it is")
            as_student(Path(folder), "clone", "-q", "-c", "core.autocrlf=true", "-c", "core.eol=crlf", str(whole), str(clone))
            for name in names:
                self.assertEqual((clone / name).read_bytes(), (ROOT / name).read_bytes(), name)
            done = subprocess.run(["make", "-C", str(clone), "--no-print-directory"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  universal_newlines=True)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertIn("make grade", done.stdout)


if __name__ == "__main__":
    unittest.main()
