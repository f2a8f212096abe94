"""git is asked in one place (grader/git.py): no variable of the caller misleads it, and where it refuses its words are told.

What belongs to the tree comes from git or from the manifest, never from a walk of the folder.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path
from unittest import mock

from grader import git, labs, sources
from grader.errors import GraderError
from grader.submission.studentseed import git_mail
from grader.tests.fixture import READY, TreeCase, as_student
from grader.tree import Tree

ROOT = Path(__file__).resolve().parents[2]
NOTES = "notes/grades.csv"
REFUSES = """#!/bin/sh
echo "fatal: detected dubious ownership in repository at '$2'" >&2
echo "To add an exception for this directory, call: git config --global --add safe.directory $2" >&2
exit 128
"""


class GitCase(TreeCase):
    """A tree in a repository of its own, with an instructor's notes beside that git does not know."""

    def setUp(self) -> None:
        super().setUp()
        as_student(self.tree.root, "init", "-q")
        self.put(".gitignore", "/build/\n*.secret\n")
        self.put("labs/0-boot/exam.secret", "ignored, and committed by mistake\n")
        as_student(self.tree.root, "add", "-f", ".")
        as_student(self.tree.root, "commit", "-q", "-m", "all of it")
        (self.tree.root / "notes").mkdir()
        (self.tree.root / NOTES).write_text("ann,100\n")

    def program(self, name: str, text: str) -> "mock._patch_dict":
        """PATH begins with a folder that holds one program."""
        folder = self.home / "bin"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
        return mock.patch.dict(os.environ, PATH=f"{folder}:{os.environ['PATH']}")


class Files(GitCase):
    """sources.tracked: what would be published."""

    def test_git_knows(self) -> None:
        names = sources.tracked(self.tree)
        self.assertIn(READY, names)
        self.assertNotIn(NOTES, names)

    def test_ignored_names_are_never_shipped(self) -> None:
        self.assertNotIn("labs/0-boot/exam.secret", sources.tracked(self.tree))

    def test_a_users_own_ignore_file_changes_nothing(self) -> None:
        ignore = self.home / "ignore"
        ignore.write_text("*.cpp\n")
        as_student(self.tree.root, "config", "core.excludesFile", str(ignore))
        self.assertIn(READY, sources.tracked(self.tree))

    def test_git_that_refuses_is_quoted_and_stops_everything(self) -> None:
        with self.program("git", REFUSES):
            for ask in (sources.tracked, sources.untracked, lambda tree: sources.marked(tree, labs.load(tree))):
                with self.assertRaisesRegex(GraderError, "git ls-files failed in .*dubious ownership.*safe.directory"):
                    ask(self.tree)

    def test_real_refusal(self) -> None:
        (self.tree.root / ".git/config").write_text("[core\n")
        with self.assertRaisesRegex(GraderError, "bad config"):
            sources.tracked(self.tree)

    def test_broken_repository_is_no_missing_one(self) -> None:
        (self.tree.root / ".git/HEAD").unlink()
        with self.assertRaisesRegex(GraderError, "not a git repository"):
            sources.tracked(self.tree)

    def test_repository_that_lost_its_index(self) -> None:
        (self.tree.root / ".git/index").unlink()
        with self.assertRaisesRegex(GraderError, "git knows no file of"):
            sources.tracked(self.tree)

    def test_a_date_that_git_refuses_to_tell_is_not_made_up(self) -> None:
        self.assertRegex(sources.date_of(self.tree), r"\A20\d\d-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)\Z")
        with self.program("git", REFUSES), self.assertRaisesRegex(GraderError, "dubious ownership"):
            sources.date_of(self.tree)
        lost = as_student(self.tree.root, "rev-parse", "HEAD").strip()
        (self.tree.root / ".git/objects" / lost[:2] / lost[2:]).unlink()
        with self.assertRaisesRegex(GraderError, "git log failed in .*; mend that"):
            sources.date_of(self.tree)

    def test_the_date_of_a_tree_without_a_repository_is_fixed(self) -> None:
        with mock.patch.dict(os.environ, PATH=str(self.home)):
            self.assertEqual(sources.NO_DATE, sources.date_of(self.tree))
        shutil.rmtree(self.tree.root / ".git")
        self.assertEqual(sources.NO_DATE, sources.date_of(self.tree))
        as_student(self.home, "init", "-q")
        as_student(self.home, "commit", "-q", "--allow-empty", "-m", "another repository")
        self.assertEqual(sources.NO_DATE, sources.date_of(self.tree))

    def test_unpacked_archive_has_the_manifest(self) -> None:
        shutil.rmtree(self.tree.root / ".git")
        names = sources.tracked(self.tree)
        self.assertIn(READY, names)
        self.assertNotIn(NOTES, names)
        (self.tree.root / sources.MANIFEST).unlink()
        with self.assertRaisesRegex(GraderError, "no git repository in .* and no docs/manifest.txt"):
            sources.tracked(self.tree)

    def test_unpacked_archive_inside_another_repository(self) -> None:
        shutil.rmtree(self.tree.root / ".git")
        as_student(self.home, "init", "-q")
        self.assertNotIn(NOTES, sources.tracked(self.tree))
        self.assertIn(READY, sources.tracked(self.tree))

    def test_tree_in_a_folder_of_a_repository(self) -> None:
        shutil.rmtree(self.tree.root / ".git")
        as_student(self.home, "init", "-q")
        as_student(self.home, "add", str(self.tree.root / READY))
        self.assertEqual(sources.tracked(self.tree), [READY])

    def test_without_git_the_manifest_counts(self) -> None:
        with mock.patch.dict(os.environ, PATH=str(self.home)):
            self.assertNotIn(NOTES, sources.tracked(self.tree))
            self.assertIn(READY, sources.tracked(self.tree))
            self.assertEqual(sources.untracked(self.tree), [])


class Environment(GitCase):
    """GIT_* of the caller."""

    def setUp(self) -> None:
        super().setUp()
        self.other = self.home / "other"
        self.other.mkdir()
        as_student(self.other, "init", "-q")
        (self.other / "theirs.txt").write_text("theirs\n")
        as_student(self.other, "add", ".")
        as_student(self.other, "commit", "-q", "-m", "theirs")
        as_student(self.other, "config", "user.email", "other@localhost")
        misleading = mock.patch.dict(os.environ, GIT_DIR=str(self.other / ".git"), GIT_WORK_TREE=str(self.other),
                                     GIT_INDEX_FILE=str(self.other / ".git/index"), GIT_EDITOR="false", GIT_TRACE="1",
                                     LC_ALL="de_DE.UTF-8", LANGUAGE="de")
        misleading.start()
        self.addCleanup(misleading.stop)

    def test_no_variable_reaches_git(self) -> None:
        with self.program("git", "#!/bin/sh\nenv\n"):
            said = git.ask(self.tree.root, "version", GIT_AUTHOR_NAME="Mica").decode()
        self.assertEqual(sorted(re.findall(r"^(GIT_\w+|LC_ALL|LANGUAGE)=(.*)$", said, re.MULTILINE)),
                         [("GIT_AUTHOR_NAME", "Mica"), ("LANGUAGE", ""), ("LC_ALL", "C")])

    def test_every_question_is_about_the_tree(self) -> None:
        head = as_student(self.other, "rev-parse", "HEAD")
        self.assertIn(READY, sources.tracked(self.tree))
        self.assertEqual(sources.untracked(self.tree), [NOTES])
        self.assertNotEqual(git_mail(self.tree), "other@localhost")
        self.assertEqual(as_student(self.other, "rev-parse", "HEAD"), head)


class Alone(unittest.TestCase):
    """No second place asks git."""

    CALLS = re.compile(r"""(?:\[|\b(?:run|call|check_call|check_output|Popen|system|popen)\()\s*f?["']git\b""")
    SHELL = re.compile(r"^(?:[^#]*(?:&&|\|\||[;|(`!]|\b(?:if|then|do|else)\b))?\s*@?git\s+(?:-C|[a-z])", re.MULTILINE)

    def belonging(self, *suffixes: str) -> "list[Path]":
        return [ROOT / name for name in sources.tracked(Tree(ROOT, ROOT / "build")) if name.endswith(suffixes)]

    def test_python(self) -> None:
        callers = [str(path.relative_to(ROOT)) for path in self.belonging(".py")
                   if self.CALLS.search(path.read_text(encoding="utf-8"))]
        self.assertEqual(callers, ["grader/git.py"], "use grader.git (tests: fixture.as_student)")

    def test_shell_and_make(self) -> None:
        callers = [f"{path.relative_to(ROOT)}: {found.group(0).strip()}" for path in self.belonging(".sh", ".mk", "Makefile", ".ci/run")
                   for found in [self.SHELL.search(path.read_text(encoding="utf-8"))] if found]
        self.assertEqual(callers, [], "ask git in Python, by grader.git")

    def test_the_patterns_find_a_call(self) -> None:
        for text in ('run([' + '"git", "-C", x])', "system(" + "'git log')"):
            self.assertTrue(self.CALLS.search(text), text)
        for text in ("git log", "\t@git -C x log", 'a=$(git log)', "if git status; then", "x && git add ."):
            self.assertTrue(self.SHELL.search(text), text)


class Manifest(unittest.TestCase):
    """The repository's own manifest."""

    def test_it_names_what_git_tracks(self) -> None:
        tree = Tree(ROOT, ROOT / "build")
        known = set(git.tracked(ROOT) or sources.listed(tree))
        self.assertEqual(sorted(known ^ set(sources.listed(tree))), [], "write it anew: python3 -m grader.sources")


if __name__ == "__main__":
    unittest.main()
