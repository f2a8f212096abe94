"""Every claim of a handout that names a command or a test, and what comes of it, is checked here.

A claim is a sentence, a line of a command block, or an example of output.  A handout with a claim that is not in these
tables fails: write the check first.  Tables of points are compared with the tests themselves.
"""

from __future__ import annotations

import os
import re
import tempfile
import unittest
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Set, Tuple

from grader import labs, sources
from grader.building.builder import Builder
from grader.console.machines import Boot, QemuMachine
from grader.judge.runner import run_tests
from grader.model import WHOLE, Lab
from grader.submission import files as submission
from grader.tests import points
from grader.tests.machine import needs_emulator
from grader.tree import this_tree

TREE = this_tree()
COURSE = labs.load(TREE)
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^make (\w+)((?: [A-Z]+=\S+)*)")

# Lines of a command block, with what they promise.  "": the line only says how to type a command (its form is checked).
TYPED: Dict[str, str] = {
    "the kernel boots to `kd> `; type help, then spin 3 and ready; Ctrl-A X leaves": "prompt",  # spin: the console's own tests
    "builds and grades that exercise on every save; Ctrl-C ends it": "",  # test_watch
    "0 of 20: nothing is written yet": "zero",
    "0 of 100: nothing is written yet": "zero",
    "prints your seed and writes labs/0-boot/seed.txt": "",  # test_journey runs it
    "your own seed here": "",
    "one exercise; TEST= also takes a test's name or a pattern": "",
    "the kernel under gdb, from its first instruction": "",
    "a run's waits and wake-ups as a page": "",
    "the next hint of that exercise; no points depend on it": "",  # test_hint
    "examples of its contract, in a second, without a kernel; no points": "",  # test_checks
    "": "",
}

# Sentences that name a command or a test.
SAID: Dict[str, str] = {
    "When you are stuck, `make hint EX=0.1` shows the first hint of an exercise, then the next one each time.": "",  # test_hint
    "When you are stuck, `make hint EX=1.1` shows the first hint of an exercise, then the next one each time.": "",
    "In the monitor (`make monitor`), `stack` prints one line a frame.": "",  # the monitor's own tests
    "- The test's report shows the chain it made; `make replay LAB=0 TEST=frames_loop SEED=...` stops in your routine under gdb, "
    "before it walks that chain (with `AT=failure`: after it has returned).": "",
    "With these three you can reach 13 of the 22 points.": "three routines",
    "The other six tests need `KiQuantumEnd`: `quantum_end_choice` and `quantum_turns`, and those on four processors, whose kernel ends quanta while "
    "it boots: `placed_on_the_other_processor`, `placed_on_an_idle_processor`, `changed_before_the_lock`, `four_processors`.": "",  # OUT_OF_REACH
    "`make grade LAB=1` ends with `Lab 1, core track: 100/100`.": "points 100",
    "You may try any: `make grade LAB=1 FURTHER=1.8` grades it with the core track, `make grade LAB=1 TEST=1.8` alone.": "",  # test_tracks
    "If it does not, `make grade` says so, and a test that needs another exercise waits until you have written that exercise.": "",  # test_branches
    "At the prompt of `make monitor`, `spin 3` lets three threads compete on your scheduler: `ready` shows which threads wait, `threads` how often "
    "each ran, and `spin 0` ends them.": "",  # the console's own tests
    "The tests `preemption_order` and `random_schedules` also read the kernel's event ring.": "",  # trace.py
    "`make monitor MEMORY=16` boots a machine of 16 MB.": "",  # the console's own tests
    "`make memmon` in a second terminal shows its memory: each cell is a page, its colour the page's state.": "",  # test_memmon
    "`make memmon OUT=memory.html` records all that as one page, with a slider for the time:": "",
    "The kernel boots on all five: until the walk is written no test can begin, and `make check EX=2.1` tries the free runs without a kernel.": "",  # test_checks
    "`make monitor MEMORY=16` boots a machine with less memory than `fill 6000` uses.": "",  # vmstress
    "It stays at 0 wrong pages, however long it runs; `ws 72` shows far fewer pages than 6000, and `make memmon` shows them on their way.": "",
    "You may try any: `make grade LAB=2 FURTHER=2.7` grades it with the core track, `make grade LAB=2 TEST=2.7` alone.": "",  # test_tracks
    "- Each of the eight wrong kernels in which one of your scenarios fails is worth two points; they are not part of your branch, where "
    "`mytest_memory_accepts` tells you whether your file compiles and a correct kernel passes it.": "",
    "`make mytest LAB=2` tries your scenarios on three kernels: first on the right kernel, then on these two.": "",  # test_practice
    "`mytest_memory_accepts` tries your scenarios on several correct kernels.": "",
    "`make grade LAB=2` says `Lab 2, core track: 84/84` on your machine, and 100 of 100 when you submit (exercise 2.9).": "points 100",
    "The board itself (`make challenge LAB=2 BOARD=folder SEEDS=...`) plays every file of a folder on seeds that nobody knows before, and writes "
    "`leaderboard.json`: rank, name, digest of the file, score.": "",  # test_challenge
    "`make check EX=2.2` needs no kernel at all.": "",  # test_checks
    "When you are stuck, `make hint EX=2.5` shows the next of several hints: the first ones say where to look, the last ones tell the steps.": "",
    "`make grade` and `make replay` do not: there the reference stands in for your earlier labs.": "",  # test_handout
    "`make monitor` and `make gdb` boot a kernel of your files alone: they need your labs 0 and 1.": "",
    "`make grade`, `make replay` and `make timeline` do not: there the reference stands in for your earlier labs.": "",  # test_handout
    "If it does not, `make grade` says so, and a test waits until you have written every exercise that its kernel needs; it names the "
    "one at which the kernel stopped.": "",  # test_branches, test_report
    "- Each of the eight wrong kernels in which one of your scenarios fails is worth two points; they are not part of your branch, where "
    "`mytest_accepts` tells you whether your file compiles and a correct kernel passes it.": "",
    "`make mytest LAB=3` explores your scenarios on the right kernel, then on these two:": "",  # test_practice
    "- Plant a mistake in your own `event.cpp` and see that a scenario fails: `make mytest LAB=3 TEST=3.3` explores your scenarios on "
    "a kernel with your files of exercise 3.3 and given ones for the rest (your own, where your clone has no reference; `SEED=7`: "
    "other schedules).": "",
    "You may try any: `make grade LAB=3 FURTHER=3.7` grades it with the core track, `make grade LAB=3 TEST=3.7` alone.": "",  # test_tracks
    "`make grade LAB=3` says `Lab 3, core track: 84/84` on your machine, and 100 of 100 when you submit (exercise 3.6).": "points 100",
    "Then write a scenario in which every lock is taken rightly, and see that your finder reports nothing (in the complete tree "
    "`make explore` says which strategy finds what).": "",
    "When you are stuck, `make hint EX=3.3` shows the next of several hints: the first ones say what to draw, the last ones tell the "
    "steps.": "",
    **{f"`make hint EX=3.{number}` shows one of several at a time; the last ones are the steps.": "" for number in (1, 2, 3, 4, 5, 7, 8, 9, 10)},
    "- `make hint EX=3.6` shows one of several at a time; the last ones are the steps.": "",
    "`spin_lock` tests one routine at a time: begin there.": "",
    "When 3.1 to 3.5 are written, your kernel boots (`make monitor`), and each exercise shows itself at the debugger's prompt.": "",  # test_milestones
    "Type this on four processors, too (`make monitor SMP=4`).": "",
}

# What `$ make monitor` shows, by the exercises that are solved.
BOOTS: Dict[str, Tuple[str, ...]] = {
    "exercise 1.3 is not implemented: kernel/ntos/ke/sched/priority.cpp:46": ("1.1", "1.2"),
    "kd>": ("1.1", "1.2", "1.3", "1.4"),
}
PROMPT = "kd> "
TRIES = 10  # of a command: which thread a keystroke interrupts is chance
VARIES = ((re.compile(r"\+0x[0-9a-f]+.*"), "+"), (re.compile(r"\b[89a-f][0-9a-f]{7}\b"), "@"), (re.compile(r"Spin\d"), "Spin"),
          (re.compile(r"(?<![\dx/])\d{1,7}(?![\d/])"), "#"), (re.compile(r"\b\d{9,}\b"), "#"))  # offsets, addresses, names, numbers, times
THREE_ROUTINES = ("kernel/ntos/ke/sched/dispatch.cpp", "kernel/ntos/ke/sched/priority.cpp")
OUT_OF_REACH = {"quantum_end_choice", "quantum_turns", "placed_on_the_other_processor", "placed_on_an_idle_processor", "changed_before_the_lock",
                "four_processors"}


def handouts() -> Iterator[Tuple[Lab, str]]:
    for lab in COURSE.labs:
        yield lab, (TREE.root / "labs" / lab.folder / "README.md").read_text(encoding="utf-8")


def sentences(text: str) -> Iterator[str]:
    """The sentences outside blocks and tables, each on one line."""
    prose = "\n".join(line for line in FENCE.sub("\n\n", text).splitlines() if not line.startswith(("|", "![")))
    for paragraph in re.split(r"\n\s*\n|\n(?=- |\d+\. )", prose):
        yield from re.split(r"(?<=[.!?])\s+(?=[A-Z`*])", " ".join(paragraph.split()))


def typed_at_the_prompt(text: str) -> Iterator[List[Tuple[str, List[str]]]]:
    """The blocks that show the prompt: each command with the lines that come of it.  `...`: lines that are left out."""
    for block in FENCE.findall(text):
        if block.startswith(PROMPT):
            commands = [part.splitlines() for part in block.split(PROMPT)[1:]]
            yield [(lines[0], [shape(line) for line in lines[1:] if line.strip() != "..."]) for lines in commands]


def shape(line: str) -> str:
    """A line of the monitor without what differs from boot to boot."""
    for pattern, mark in VARIES:
        line = pattern.sub(mark, line)
    return " ".join(line.split())


def shows(lines: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether the wanted lines are there, in this order."""
    rest = iter(lines)
    return all(line in rest for line in wanted)


def names_something(sentence: str) -> bool:
    if sentence.startswith("At the prompt of `make monitor`, "):  # it stands above a session, which test_milestones types
        return False
    tests = {test.name for test in COURSE.tests}
    return any(code.startswith("make ") or code in tests for code in re.findall(r"`([^`]+)`", sentence))


def solved(names: Sequence[str], folder: Path) -> submission.Submission:
    """The starter of lab 1's core track with these files solved, as a student's submission; further exercises and those without which no
    kernel boots have the reference, as in a branch."""
    marked = sources.marked(TREE, COURSE)
    open_files = {name for lab in COURSE.labs if lab.number == 1 for exercise in lab.core if not exercise.boots
                  for name in exercise.files} - {*names}
    for name in COURSE.files:
        if not (TREE.root / name).is_file():
            continue
        shipped = marked.get(name)
        text = (TREE.root / name).read_bytes() if shipped is None else (
            shipped.starter if name in open_files else shipped.reference).encode("utf-8", "surrogateescape")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    return submission.read(str(folder), COURSE.files, [], TREE.root)


class Words(unittest.TestCase):
    def test_every_claim_has_a_check(self) -> None:
        for lab, text in handouts():
            for sentence in filter(names_something, sentences(text)):
                self.assertIn(sentence, SAID, f"{lab.folder}: a claim without a check in {Path(__file__).name}")
            for block in FENCE.findall(text):
                for line in block.splitlines():
                    if line.startswith("make "):
                        self.assertIn(line.partition("#")[2].strip(), TYPED, f"{lab.folder}: {line}")

    def test_every_check_has_its_claim(self) -> None:
        texts = [text for _, text in handouts()]
        said = {sentence for text in texts for sentence in sentences(text)}
        self.assertEqual([], [sentence for sentence in SAID if sentence not in said])
        self.assertEqual([], [line for line in TYPED if line and not any(line in text for text in texts)])
        self.assertEqual([], [line for line in BOOTS if not any(line in text for text in texts)])

    def test_every_command_can_be_typed(self) -> None:
        targets = set(re.findall(r"[\w-]+", re.search(r"^\.PHONY:((?:.*\\\n)*.*)", (TREE.root / "Makefile").read_text(),
                                                      re.MULTILINE)[1]))  # type: ignore[index]
        for lab, text in handouts():
            typed = [line.lstrip("$ ") for block in FENCE.findall(text) for line in block.splitlines()]
            typed += re.findall(r"`(make [^`]+)`", text)
            for line in typed:
                match = COMMAND.match(line)
                if not match:
                    continue
                self.assertIn(match[1], targets, f"{lab.folder}: {line}")
                given = dict(part.split("=", 1) for part in match[2].split())
                if given.get("TEST", "...") not in ("...", "name"):
                    self.assertTrue(labs.select(COURSE, given.get("LAB", ""), given["TEST"].strip("'"))[1], line)

    def test_what_a_shape_is(self) -> None:
        """The comparison itself: it sees another state and another flag, and no other address."""
        line = "    907     3633459712  0/2  Ready         801ee408 00000008 00000000 00000001"
        self.assertEqual(shape(line), shape(line.replace("907", "12").replace("801ee408", "801ee808").replace("3633459712", "36334597120")))
        self.assertNotEqual(shape(line), shape(line.replace("00000001", "00000000")))
        self.assertTrue(shows(["a", "b", "c"], ["a", "c"]))
        self.assertFalse(shows(["a", "b", "c"], ["c", "a"]))

    def test_points(self) -> None:
        for lab, text in handouts():
            self.assertEqual(text, points.rewritten(COURSE, lab, text), f"{lab.folder}: python3 -m grader.tests.points")
            for pattern, least in ((points.META, 2), (points.HEADING, len(lab.exercises)), (points.OUTPUT, len(lab.exercises)), (points.ROW, 3)):
                self.assertGreaterEqual(len(pattern.findall(text)), least, lab.folder)
            titles = {(number, title) for block in FENCE.findall(text) for number, title, _, _ in points.OUTPUT.findall(block)}
            self.assertLessEqual(titles, {(exercise.number, exercise.title) for exercise in lab.exercises})
            self.assertEqual([], [name for name in points.ROW.findall(text) if name not in {test.name for test in COURSE.tests_of(lab)}])
            tables = re.findall(r"^\| test \| points \|.*\n((?:\|.*\n)+)", text, re.MULTILINE)
            of_tests = sum(int(one) for one in re.findall(r"^\| [`\w][^|]*\| (\d+) \|", "".join(tables), re.MULTILINE))
            self.assertEqual(sum(exercise.points for exercise in lab.exercises), of_tests, f"{lab.folder}: the rows of tests add up")
            for claim in [one for one in TYPED if one.endswith("nothing is written yet") and one in text]:
                self.assertEqual(lab.points, int(claim.split()[2].rstrip(":")), lab.folder)
        core = {lab.number: lab.points for lab in COURSE.labs}
        self.assertEqual((100, 100, 100), (core[1], core[2], core[3]))
        for lab in (2, 3):
            self.assertEqual(84, core[lab] - sum(test.points for test in COURSE.tests if test.hidden and test.lab == lab))

    def test_what_can_be_tested_at_once(self) -> None:
        """A test at the early stage runs before any exercise of lab 1 is needed; one at the ready stage needs them all."""
        for exercise in ("1.1", "1.4"):
            tests = [test for test in COURSE.tests if test.exercise == exercise]
            early = sum(test.points for test in tests if test.stage == "early")
            self.assertGreater(early, sum(test.points for test in tests) / 2, exercise)

    def test_arguments_for_gdb_are_told(self) -> None:
        for name in ("grader/setup/help.sh", "README.md", "labs/branch-readme.md", "labs/1-processes/README.md"):
            self.assertIn("GDB_ARGS='-batch -ex bt'", (TREE.root / name).read_text(encoding="utf-8"), name)

    def test_help_and_branches_name_the_moment_of_the_failure(self) -> None:
        for name in ("grader/setup/help.sh", "labs/branch-readme.md", *(f"labs/{lab.folder}/README.md" for lab in COURSE.labs)):
            self.assertIn("AT=failure", (TREE.root / name).read_text(encoding="utf-8"), name)


@needs_emulator
class OnTheKernel(unittest.TestCase):
    def build(self, names: Sequence[str], key: str):  # type: ignore[no-untyped-def]
        with tempfile.TemporaryDirectory() as folder:
            made = Builder(TREE, COURSE).build(solved(names, Path(folder)), [key], 1)
        self.assertEqual("", made[key].error)
        return made

    def test_how_far_a_kernel_boots(self) -> None:
        lab = next(lab for lab in COURSE.labs if lab.number == 1)
        text = (TREE.root / "labs" / lab.folder / "README.md").read_text(encoding="utf-8")
        shown = [block for block in FENCE.findall(text) if block.startswith("$ make monitor")]
        self.assertEqual(len(BOOTS), len(shown))
        for (claim, exercises), block in zip(BOOTS.items(), shown):
            files = [name for number in exercises for name in lab.exercise(number).files]
            lines: List[str] = [line for line in block.splitlines()[1:] if line != "..."]
            self.assertEqual(claim, lines[-1])
            folder = self.build(files, WHOLE)[WHOLE].directory
            with QemuMachine(Boot(folder, options=os.environ.get("MICA_OPTIONS", "/DEBUG"))) as machine:
                said = machine.read_until(claim.encode(), 60).decode("utf-8", "replace")
            for line in lines:
                self.assertIn(line.replace(" ...", ""), said)

    def test_what_the_prompt_shows(self) -> None:
        lab = next(lab for lab in COURSE.labs if lab.number == 1)
        blocks = list(typed_at_the_prompt((TREE.root / "labs" / lab.folder / "README.md").read_text(encoding="utf-8")))
        self.assertEqual(len([exercise for exercise in lab.exercises if exercise.shows]), len(blocks))
        folder = self.build(lab.files, WHOLE)[WHOLE].directory
        with QemuMachine(Boot(folder, options="/DEBUG")) as machine:
            machine.read_until(PROMPT.encode(), 60)
            for command, wanted in [one for block in blocks for one in (*block, ("spin 0", []))]:
                for _ in range(TRIES):
                    machine.write(command.encode() + b"\r")
                    said = [shape(line) for line in machine.read_until(PROMPT.encode(), 60).decode("utf-8", "replace").splitlines()]
                    if shows(said, wanted):
                        break
                else:
                    self.fail(f"{command}: {wanted} is not in {said}")

    def test_what_three_routines_are_worth(self) -> None:
        tests = [test for test in COURSE.tests if test.exercise == "1.3"]
        passed: Set[str] = {told.test for told in run_tests(self.build(THREE_ROUTINES, "1.3"), tests, 7) if told.points}
        self.assertEqual({test.name for test in tests} - OUT_OF_REACH, passed)
        self.assertEqual((13, 22), (sum(test.points for test in tests if test.name in passed), sum(test.points for test in tests)))

    def test_without_them_no_test_begins(self) -> None:
        tests = [test for test in COURSE.tests if test.name == "preemption_order"]
        told = run_tests(self.build(THREE_ROUTINES[:1], "1.3"), tests, 7)[0]
        self.assertEqual("boot to the ready stage", told.asked)


if __name__ == "__main__":
    unittest.main()
