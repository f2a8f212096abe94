"""A lab that nobody has heard of: files under labs/ and solutions/ are all that it takes.

A copy of the tree gets lab 9, with one exercise and a driver of its own, and nothing else is touched.  Then it is built, listed,
graded and published as any lab is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Dict

from grader import git, labs
from grader.building.builder import Builder
from grader.tree import Tree, this_tree

TOOLS = ("git", "make", "clang++", "lld-link", "qemu-system-i386")
NUMBER, FOLDER, BRANCH = 9, "9-bells", "lab9-bells"
ANSWERS = f"labs/{FOLDER}/answers.txt"
NEW = {
    f"labs/{FOLDER}/lab.py": f'''"""Lab 9: bells."""

from grader.model import Exercise, Lab

LAB = Lab(number=9, slug="bells", title="Bells", branch="{BRANCH}", driver="lab9.sys",
          exercises=(Exercise("9.1", "How often it rings", 4, ("{ANSWERS}",)),))
''',
    f"labs/{FOLDER}/README.md": "# Lab 9: bells\n\n## 9.1 How often it rings\n\nAsk Lab9Ring.\n",
    ANSWERS: "# LAB(9.1) begin\nrings = 7\n# LAB(9.1) else\n#| rings =\n# LAB(9.1) end\n",
    f"labs/{FOLDER}/tests/bells.cpp": '''// A bell that rings as often as it is told.
#include "kd.h"
#include "ke.h"

extern "C" {
NTEXPORT ULONG NTAPI Lab9Ring(ULONG times) { return times + 1; }
NTSTATUS NTAPI DriverEntry(PVOID, PVOID) {
    DbgPrint("%u rings\\n", Lab9Ring(0));
    return STATUS_SUCCESS;
}
}
''',
    f"labs/{FOLDER}/tests/test_bells.py": f'''"""9.1, on the machine."""

from grader.api import test


@test("9.1", points=4, title="it rings so often")
def rings_counted(t):
    said = [line for line in t.submitted("{ANSWERS}").splitlines() if line.startswith("rings")]
    t.equal([f"rings = {{t.guest.call('Lab9Ring', 6)}}"], said, "the answer", t.hint("one-more", "Count the first ring too."))
''',
    f"solutions/{FOLDER}/README.md": "# Lab 9, solved\n\nIt rings once more than it is told.\n",
    f"solutions/{FOLDER}/mistakes/one-less.edit": f'''Mistake: counts from zero
Exercise: 9.1
Fails: rings_counted
Hint: one-more

In {FOLDER}/answers.txt:
-rings = 7
+rings = 6
''',
}


def copy_of(tree: Tree, folder: Path) -> Tree:
    """The tree with what was built of it: nothing but what is new is built in the copy."""
    for name in git.tracked(tree.root) or []:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(tree.root / name, folder / name, follow_symlinks=False)
    for flavour in ("free", "explore"):
        if (tree.out / flavour).is_dir():
            shutil.copytree(tree.out / flavour, folder / "build" / flavour)
    return Tree(folder, folder / "build")


@unittest.skipUnless(all(map(shutil.which, TOOLS)), f"needs {', '.join(TOOLS)}")
class NewLab(unittest.TestCase):
    """One copy, tests in order."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.home = Path(tempfile.mkdtemp(prefix="mica-lab9-")).resolve()
        cls.addClassCleanup(shutil.rmtree, cls.home, ignore_errors=True)
        tree = this_tree()
        builder = Builder(tree, labs.load(tree))
        for flavour in ("", "explore"):
            builder.base(flavour)
        cls.tree = copy_of(tree, cls.home / "tree")
        for name, text in NEW.items():
            (cls.tree.root / name).parent.mkdir(parents=True, exist_ok=True)
            (cls.tree.root / name).write_text(text, encoding="utf-8")
        for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "Add lab 9")):
            git.ask(cls.tree.root, *words, settings=("user.name=I", "user.email=i@localhost"))

    def make(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return self.ask("make", *words)

    def ask(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """A command in the copy, with nothing of the caller's tree."""
        environment = {name: value for name, value in os.environ.items() if name not in ("O", "MAKEFLAGS", "MAKELEVEL", "PYTHONPATH", "SEED")}
        return subprocess.run(words, cwd=self.tree.root, env=environment, capture_output=True, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, check=False)

    def grader(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return self.ask(sys.executable, "-m", "grader", *words)

    def grade(self, *words: str) -> Dict[str, int]:
        """The verdicts."""
        target = self.home / "result.json"
        done = self.grader("grade", "--lab", str(NUMBER), "--jobs", "1", "--json", str(target), *words)
        self.assertIn(done.returncode, (0, 1), done.stdout + done.stderr)
        return {one["test"]: one["points"] for one in json.loads(target.read_text())["tests"]}

    def test_1_build_makes_its_driver_and_nothing_else_anew(self) -> None:
        done = self.make("-f", "kernel/build.mk", "kernel")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual([f"labs/{FOLDER}/tests/bells.cpp"],
                         [line.split()[1] for line in done.stdout.splitlines() if line.split()[:1] == ["CXX"]])
        self.assertTrue((self.tree.out / "free/boot/lab9.sys").is_file())

    def test_2_lists(self) -> None:
        self.assertIn(f"{NUMBER} (bells)", self.grader("grade", "--lab", "none").stderr)
        self.assertIn("rings_counted", self.grader("grade", "--lab", str(NUMBER), "--test", "nothing").stderr)

    def test_3_grade_of_the_reference_and_of_the_starter(self) -> None:
        self.assertEqual({"rings_counted": 4}, self.grade())
        starter = self.home / "starter" / ANSWERS
        starter.parent.mkdir(parents=True)
        starter.write_text("rings =\n")
        self.assertEqual({"rings_counted": 0}, self.grade("--submission", str(self.home / "starter")))

    def test_4_self_check_and_edits(self) -> None:
        done = self.grader("selfcheck", "--lab", str(NUMBER), "--jobs", "1")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn("one-less", done.stdout)
        done = self.grader("edits", "--check")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_5_handout_has_its_branch_and_no_answer(self) -> None:
        out = self.home / "students"
        done = self.grader("handout", "--to", str(out), "--lab", str(NUMBER))
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        names = git.ask(out, "ls-tree", "-r", "--name-only", BRANCH).decode().split("\n")
        self.assertLessEqual({name for name in NEW if name.startswith("labs/")}, set(names))
        self.assertEqual([], [name for name in names if name.startswith("solutions/")])
        self.assertEqual("# Exercise 9.1\nrings =\n", git.ask(out, "show", f"{BRANCH}:{ANSWERS}").decode())


class Manifests(unittest.TestCase):
    """The build has no Python: it reads the manifests' text."""

    def test_make_and_grader_instrument_the_same_files(self) -> None:
        tree = this_tree()
        done = subprocess.run(["make", "-s", "-f", "kernel/build.mk", "print-explored", "MICA_EXPLORE=1"], cwd=tree.root, check=True,
                              capture_output=True, text=True)
        self.assertEqual(list(labs.load(tree).instrumented), done.stdout.split())


if __name__ == "__main__":
    unittest.main()
