"""The replays that lab 1's handout shows are what replay shows now: one failure of each exercise."""

from __future__ import annotations

import shutil
import unittest

from grader import labs
from grader.tests import transcripts
from grader.tests.machine import needs_emulator
from grader.tree import this_tree


@needs_emulator
@unittest.skipUnless(shutil.which("gdb") and shutil.which("objcopy"), "gdb and binutils are not installed")
class Transcripts(unittest.TestCase):
    def test_the_page_is_what_replay_shows(self) -> None:
        tree = this_tree()
        shown = transcripts.page(tree)
        written = (tree.root / transcripts.PAGE).read_text(encoding="utf-8")
        for new, old in zip(shown.split("\n## "), written.split("\n## ")):
            self.assertEqual(transcripts.bare(new), transcripts.bare(old), "python3 -m grader.tests.transcripts writes it anew")
        self.assertEqual(shown.count("\n## "), written.count("\n## "))
        self.assertNotRegex(shown, r"corrupt|optimized out|\?\? \(\)|grader:")

    def test_every_exercise_of_lab_1_s_core_track_has_a_replay(self) -> None:
        lab = next(lab for lab in labs.load(this_tree()).labs if lab.number == 1)
        self.assertEqual([one.number for one in lab.exercises if not one.further], [one.exercise for one in transcripts.SESSIONS])


if __name__ == "__main__":
    unittest.main()
