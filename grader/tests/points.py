"""The numbers of the handouts and the syllabus, from the manifests: `python3 -m grader.tests.points` writes them anew; test_handouts.py and
test_syllabus.py compare.

Of a handout that is: points and hours of the lab; the rows of its track, one an exercise; of each exercise its points, its hours where they are said, the
line of the expected output, and the points of its tests. Of the syllabus: a lab's hours, points and further exercises, and where a plan
names these (`further: 3.7, 3.8`).
"""

from __future__ import annotations

import re
from typing import Dict, Optional, Sequence

from grader import labs
from grader.model import Exercise, Lab
from grader.tree import Tree, this_tree

HEADING = re.compile(r"^## (\d+\.\d+) (.+?) \((?:further, )?\d+ points\)$", re.MULTILINE)
HOURS = re.compile(r"^\*([A-Z][a-z ]+), \d+(?: to \d+)? hours?\b", re.MULTILINE)
OUTPUT = re.compile(r"^  (\d+\.\d+) +(.+?) +(\d+)/(\d+)$", re.MULTILINE)
ROW = re.compile(r"^\| `(\w+)` \| \d+ \|", re.MULTILINE)
META = re.compile(r"^\| (points|hours) \| .*$", re.MULTILINE)
TRACK = re.compile(r"^\| (?:\*further:\* )?(\d+\.\d+) [^|]+ \| \d+ hours?, \d+ points \|(.*)\n", re.MULTILINE)
PLAN = re.compile(r"further: (\d+)\.\d+(?:, \1\.\d+)*")


def rewritten(course: labs.Course, lab: Lab, text: str) -> str:
    """A lab's handout with the numbers of its manifest."""
    points = {test.name: test.points for test in course.tests}
    hidden: Dict[str, int] = {}
    for test in course.tests:
        hidden[test.exercise] = hidden.get(test.exercise, 0) + test.points * test.hidden
    parts = re.split(r"(?m)^(?=## )", text)
    for index, part in enumerate(parts):
        heading = HEADING.match(part)
        exercise = _exercise(lab, heading[1]) if heading else None
        if exercise:
            title = heading[2]  # type: ignore[index]
            part = f"## {exercise.number} {title} ({'further, ' * exercise.further}{exercise.points} points)" + part[part.index("\n"):]
            part = HOURS.sub(lambda found: f"*{found[1]}, {hours(exercise.hours)}", part, count=1)  # type: ignore[union-attr]
        part = META.sub(lambda found: f"| {found[1]} | {of_lab(lab, found[1])} |", part)
        parts[index] = ROW.sub(lambda found: f"| `{found[1]}` | {points.get(found[1], '?')} |", part)

    def output(found: "re.Match[str]") -> str:
        one = _exercise(lab, found[1])
        if not one:
            return found[0]
        most = one.points - hidden.get(one.number, 0)
        have = most if found[3] == found[4] else min(int(found[3]), most)
        end = found.end(2) - found.start(0)
        count = f"{have:3}/{most}"
        return found[0][:end] + " " * max(len(found[0]) - end - len(count), 1) + count

    text = OUTPUT.sub(output, "".join(parts))
    track = list(TRACK.finditer(text))
    if not track:
        return text
    seen = {found[1]: found[2] for found in track}  # an exercise that is new has nothing to show yet
    rows = [f"| {'*further:* ' * one.further}{one.number} {one.title} | {hours(one.hours)}, {one.points} points |{seen.get(one.number, ' |')}\n"
            for one in lab.exercises]
    return text[:track[0].start()] + "".join(rows) + text[track[-1].end():]


def of_syllabus(course: labs.Course, text: str) -> str:
    """The syllabus with the numbers of the manifests."""
    further = {lab.number: lab.further for lab in course.labs}

    def row(found: "re.Match[str]") -> str:
        lab = next((lab for lab in course.labs if found[2] == f"{lab.number} {lab.slug}"), None)
        if not lab:
            return found[0]
        named = ", ".join(f"{one.number} {one.title} ({one.points} points, {hours(one.hours)})" for one in lab.further)
        return f"{found[1]} {lab.hours} | {lab.points} | {named or found[3]} |".replace("|  |", "| |")

    text = re.sub(r"^(\| (\d+ [a-z]+) \|[^|]*\|[^|]*\|) \d+ \| \d+ \| ?([^|]*?) ?\|$", row, text, flags=re.MULTILINE)
    return PLAN.sub(lambda found: "further: " + ", ".join(one.number for one in further.get(int(found[1]), ())), text)


def hours(count: int) -> str:
    return f"{count} hour{'s' * (count != 1)}"


def of_lab(lab: Lab, what: str) -> str:
    """The row of a lab's own table."""
    core = lab.points if what == "points" else lab.hours
    if not lab.further:
        return str(core)
    more = sum(exercise.points if what == "points" else exercise.hours for exercise in lab.further)
    which = f"the further exercise{'s' * (len(lab.further) != 1)}, {_span(lab.further)}"
    return f"{core} for the core track, {_span(lab.core)}; {more} for {which}" + (
        f", which count{'s' * (len(lab.further) == 1)} apart" if what == "points" else "")


def _span(exercises: Sequence[Exercise]) -> str:
    """Exercises by their numbers; those in a row by the first and the last one."""
    numbers = [int(one.number.partition(".")[2]) for one in exercises]
    if len(numbers) > 2 and numbers == [*range(numbers[0], numbers[-1] + 1)]:
        return f"{exercises[0].number} to {exercises[-1].number}"
    return ", ".join(one.number for one in exercises)


def _exercise(lab: Lab, number: str) -> Optional[Exercise]:
    return next((exercise for exercise in lab.exercises if exercise.number == number), None)


def main(tree: Optional[Tree] = None) -> int:
    home = tree or this_tree()
    course = labs.load(home)
    for lab in course.labs:
        path = home.root / "labs" / lab.folder / "README.md"
        path.write_text(rewritten(course, lab, path.read_text(encoding="utf-8")), encoding="utf-8")
    syllabus = home.root / "SYLLABUS.md"
    syllabus.write_text(of_syllabus(course, syllabus.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
