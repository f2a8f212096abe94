"""What the handouts show of a running kernel is what the kernel of this tree shows."""

from __future__ import annotations

import unittest

from grader import labs
from grader.building.builder import Builder
from grader.tests import milestones
from grader.tests.machine import needs_emulator
from grader.tree import this_tree

TREE = this_tree()
COURSE = labs.load(TREE)
SHOWN = {lab.number: (TREE.root / "labs" / lab.folder / "README.md").read_text(encoding="utf-8") for lab in COURSE.labs}
WAITS = ["    12  Reaper           -> SynchronizationEvent 8013d654", "    16  OneSecond        -> SynchronizationTimer c800ffa8", "2 waiting"]


class Words(unittest.TestCase):
    def test_numbers_vary_and_words_do_not(self) -> None:
        other = ["  8  Reaper -> SynchronizationEvent 80140000", " 9  OneSecond -> SynchronizationTimer c8000000", "2 waiting"]
        self.assertEqual("", milestones.difference(WAITS, other))
        for line, wrong in ((0, "  8  Reaper -> NotificationEvent 80140000"), (1, " 9  OneSecond -> 80140000"), (2, "2 are waiting")):
            self.assertEqual(WAITS[line], milestones.difference(WAITS, [*other[:line], wrong, *other[line + 1:]]))

    def test_every_line_is_shown_unless_dots_say_so(self) -> None:
        self.assertIn("3 lines, shown are 2", milestones.difference(WAITS[:2], WAITS))
        self.assertIn("2 lines, shown are 3", milestones.difference(WAITS, WAITS[:2]))
        self.assertEqual("", milestones.difference([WAITS[1], "..."], WAITS))
        self.assertEqual("", milestones.difference(["    12  Reaper ...", "...", WAITS[2]], WAITS))
        self.assertEqual(WAITS[0], milestones.difference([WAITS[1], "...", WAITS[0]], WAITS))

    def test_sessions_of_a_handout(self) -> None:
        text = "## 3.3 Events (2 points)\n```\n$ make monitor\nkd> no\n```\n\n```\nkd> spin 3\nthree\nkd> ready\n  one\n```\n## 3.4 Any (1 points)\n```\nkd> waits\n```\n"
        self.assertEqual([("3.3", [("spin 3", ["three"]), ("ready", ["  one"])]), ("3.4", [("waits", [])])], list(milestones.sessions(text)))

    def test_manifests_name_what_the_handouts_show(self) -> None:
        for lab in COURSE.labs:
            shown = milestones.commands_of(lab, SHOWN[lab.number])
            for exercise in lab.exercises:
                self.assertLessEqual(set(exercise.shows), set(shown[exercise.number]), exercise.number)
                self.assertEqual(bool(shown[exercise.number]), bool(exercise.shows), f"{exercise.number}: name in lab.py what its section shows")


@needs_emulator
class OnTheKernel(unittest.TestCase):
    def test_the_kernel_prints_what_is_shown(self) -> None:
        folder = Builder(TREE, COURSE).base()
        for lab in COURSE.labs:
            for exercise, session in milestones.sessions(SHOWN[lab.number]):
                real = milestones.printed(folder, [command for command, _ in session])
                for (command, shown), (_, lines) in zip(session, real):
                    with self.subTest(exercise=exercise, command=command):
                        self.assertEqual("", milestones.difference(shown, lines), "python3 -m grader.tests.milestones writes it anew; it prints\n"
                                         + "\n".join(lines))


if __name__ == "__main__":
    unittest.main()
