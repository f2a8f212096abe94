"""What handouts show at the debugger's prompt is what the reference kernel says there.

A session is a block that begins with `$ make run` and types commands behind `kd> `.  Each is typed into one kernel, in its order.
Of what the kernel says, the block shows some lines, in their order; "..." stands for the others.  Numbers and addresses differ from
run to run.
"""

from __future__ import annotations

import re
import unittest
from typing import Dict, Iterator, List, Tuple

from grader import labs
from grader.building.builder import Builder
from grader.console.machines import Boot, QemuMachine
from grader.machine.parts import Machine as Parts
from grader.tests.machine import needs_emulator
from grader.tests.test_handouts import FENCE
from grader.tree import this_tree

TREE = this_tree()
COURSE = labs.load(TREE)
PROMPT, LEFT_OUT = "kd> ", "..."
TYPED = re.compile(r"^\$ make run(?: SMP=(\d))?$")
SECONDS = 60
Step = Tuple[str, List[str]]  # a command, and lines that the kernel says to it


def sessions(text: str) -> Iterator[Tuple[int, List[Step]]]:
    """Processors, and what is typed and shown."""
    for block in FENCE.findall(text):
        lines = block.splitlines()
        first = TYPED.match(lines[0])
        if not first or not any(line.startswith(PROMPT) and line != PROMPT for line in lines):
            continue
        steps: List[Step] = []
        for line in lines[1:]:
            if line.startswith(PROMPT):
                steps.append((line[len(PROMPT):], []))
            elif line.strip() != LEFT_OUT:
                steps[-1][1].append(line)
        yield int(first[1] or 1), steps


def bare(line: str) -> str:
    """Without what differs from run to run."""
    return " ".join(re.sub(r"\d+", "N", re.sub(r"\b(?:0x)?[0-9a-f]{8}\b", "H", line)).split())


def missing(wanted: List[str], said: List[str]) -> List[str]:
    """The lines from the first one on that is not said behind those before it."""
    rest = iter([bare(line) for line in said])
    for number, line in enumerate(wanted):
        if bare(line) not in rest:
            return wanted[number:]
    return []


class Reading(unittest.TestCase):
    def test_sessions_are_found(self) -> None:
        text = ("```\n$ make run SMP=4\nkd> spin 8\n8 threads\n...\nkd> spin 0\n```\n\n```\n$ make run\n...\nkd>\n```\n\n```\n$ make grade\nkd> no\n```\n")
        self.assertEqual([(4, [("spin 8", ["8 threads"]), ("spin 0", [])])], list(sessions(text)))

    def test_lines_are_compared_in_their_order_and_without_numbers(self) -> None:
        said = ["  12  Reaper   -> Event 8013e654", "in 680 ms", "12 waiting"]
        self.assertEqual([], missing(["    16  Reaper -> Event c800ffa8", "3 waiting"], said))
        self.assertEqual(["in 1 ms"], missing(["3 waiting", "in 1 ms"], said))
        self.assertEqual(["Reaper -> Gate 8013e654"], missing(["Reaper -> Gate 8013e654"], said))


# TOL-06
@needs_emulator
class AtThePrompt(unittest.TestCase):
    def test_each_core_exercise_of_lab_3_but_its_test_shows_itself(self) -> None:
        lab = next(lab for lab in COURSE.labs if lab.number == 3)
        text = (TREE.root / "labs" / lab.folder / "README.md").read_text(encoding="utf-8")
        for exercise in lab.core:
            part = text[text.index(f"\n## {exercise.number} "):].partition("\n---\n")[0]
            own_test = exercise.files[0].startswith("labs/")
            self.assertEqual(not own_test, bool(list(sessions(part))), exercise.number)

    def test_the_kernel_says_what_is_shown(self) -> None:
        folder = Builder(TREE, COURSE).base()
        shown: Dict[int, List[Step]] = {}
        for lab in COURSE.labs:
            for processors, steps in sessions((TREE.root / "labs" / lab.folder / "README.md").read_text(encoding="utf-8")):
                shown.setdefault(processors, []).extend(steps)
        self.assertIn(1, shown)
        for processors, steps in shown.items():
            with QemuMachine(Boot(folder, options="/DEBUG", machine=Parts(processors=processors))) as machine:
                machine.read_until(PROMPT.encode(), SECONDS)
                for typed, wanted in steps:
                    machine.write(typed.encode() + b"\r")
                    said = machine.read_until(PROMPT.encode(), SECONDS).decode("utf-8", "replace").splitlines()
                    with self.subTest(processors=processors, typed=typed):
                        self.assertEqual([], missing(wanted, said), "\n".join(said))


if __name__ == "__main__":
    unittest.main()
