"""What a student's clone says of commands that it lacks, and what its `make help` lists."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from grader import sources
from grader.cli import COMMANDS
from grader.handout.publish import WITHHELD
from grader.tree import BRANCH_FILE, Tree, this_tree

TREE = this_tree()
ABSENT = dict(line.split("|") for line in (TREE.root / "grader/setup/absent.txt").read_text().splitlines())


def clone(folder: Path, lab: int) -> Tree:
    """A branch's files but for the kernel's, which no command here comes to."""
    for name in sources.tracked(TREE):
        later = re.match(r"labs/(\d+)-", name)
        if name.startswith(("grader/", "labs/", "Makefile")) and not WITHHELD.search(name) and not (later and int(later[1]) > lab):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TREE.root / name, folder / name)
    (folder / BRANCH_FILE).parent.mkdir(parents=True)
    (folder / BRANCH_FILE).write_text(f'{{"lab": {lab}, "fresh": false}}\n')
    return Tree(folder, folder / "build")


@unittest.skipUnless(shutil.which("make"), "needs make")
class Clone(unittest.TestCase):
    """Of lab 1, and of others for `make help`."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.home = Path(tempfile.mkdtemp(prefix="mica-clone-"))
        cls.addClassCleanup(shutil.rmtree, cls.home)
        cls.trees = {lab: clone(cls.home / f"lab {lab}", lab) for lab in (0, 1, 2, 3)}

    def make(self, *words: str, lab: int = 1) -> "subprocess.CompletedProcess[str]":
        environment = {name: value for name, value in os.environ.items() if name not in ("O", "MAKEFLAGS", "MAKELEVEL", "PYTHONPATH")}
        return subprocess.run(words, cwd=self.trees[lab].root, env=environment, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL)

    def targets(self) -> "list[str]":
        """Those that only the complete tree has."""
        part = (TREE.root / "Makefile").read_text().partition("\nifeq ($(whole),)\n")[2].partition("\nendif\n")[0].partition("\nelse\n")[2]
        return [name for name in re.findall(r"^([a-z-]+):$", part, re.MULTILINE)]

    def test_each_command_of_the_complete_tree_says_what_to_use_instead(self) -> None:
        targets = self.targets()
        for name in ("solution", "selfcheck", "handout", "explore", "demo-race", "test", "bench", "check-style", "matrix", "pictures", "docs"):
            self.assertIn(name, targets)
        for name in targets:
            done = self.make("make", name, "LAB=1")
            said = done.stderr.splitlines()
            self.assertEqual((2, "", f"{name} is not part of a student's clone, only of the instructor's complete tree. {ABSENT[name]}"),
                             (done.returncode, done.stdout, said[0]), said)
            self.assertLessEqual(len(said), 2, said)  # make's own line is the other one

    def test_python_says_the_same(self) -> None:
        absent = [name for name, (module, _) in COMMANDS.items() if not (self.trees[1].root / (module.replace(".", "/") + ".py")).exists()]
        self.assertLess({"selfcheck", "answers"}, set(absent))
        for name in absent:
            done = self.make("python3", "-m", "grader", name, "--lab", "1")
            self.assertEqual((2, f"{name} is not part of a student's clone, only of the instructor's complete tree. {ABSENT[name]}\n"),
                             (done.returncode, done.stderr))

    def test_advice_names_commands_that_are_there(self) -> None:
        for name in re.findall(r"make ([a-z-]+)", " ".join(ABSENT.values())):
            self.assertNotIn(name, ABSENT)
            self.assertIn(f"make {name}", self.make("make", "help").stdout)

    def test_help_lists_only_what_is_there(self) -> None:
        for lab in self.trees:
            said = self.make("make", "help", lab=lab).stdout
            self.assertEqual(lab >= 2, f"make mytest LAB={lab} " in said, said)
            self.assertEqual([], [name for name in self.targets() if f"make {name} " in said])
            self.assertIn(f"make grade LAB={lab} TEST={lab}.1 ", said)
            here = {path.name[0] for path in self.trees[lab].root.glob("labs/*-*")}
            self.assertLessEqual(set(re.findall(r"LAB=(\d)", said)), here)

    def test_mytest_does_not_suggest_itself(self) -> None:
        done = self.make("python3", "-m", "grader", "mytest", "--lab", "3", "--test", "3.3")
        self.assertEqual(2, done.returncode)
        self.assertIn("that is not in this branch: they come with a later lab", done.stderr)
        self.assertNotIn("make mytest", done.stderr)


if __name__ == "__main__":
    unittest.main()
