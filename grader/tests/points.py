"""The numbers of the handouts, from the manifests: `python3 -m grader.tests.points` writes them anew; test_handouts.py compares.

Of a handout that is: points and hours of the lab; the rows of its track; of each exercise its points, its hours where they are said, the
line of the expected output, and the points of its tests.
"""

from __future__ import annotations

import re
from typing import Dict, Optional

from grader import labs
from grader.model import Exercise, Lab
from grader.tree import Tree, this_tree

HEADING = re.compile(r"^## (\d+\.\d+) (.+?) \((?:further, )?\d+ points\)$", re.MULTILINE)
HOURS = re.compile(r"^\*([A-Z][a-z ]+), \d+(?: to \d+)? hours?\b", re.MULTILINE)
OUTPUT = re.compile(r"^  (\d+\.\d+) +(.+?) +(\d+)/(\d+)$", re.MULTILINE)
ROW = re.compile(r"^\| `(\w+)` \| \d+ \|", re.MULTILINE)
LIST = re.compile(r"^\| ((?:\*further:\* )?)(\d+\.\d+) (.+?) \| \d+ hours?, \d+ points \|", re.MULTILINE)
META = re.compile(r"^\| (points|hours) \| .*$", re.MULTILINE)
TRACK = re.compile(r"^\| ((?:\*further:\* )?)(\d+\.\d+) [^|]+ \| \d+ hours?, \d+ points \|", re.MULTILINE)


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
        part = LIST.sub(lambda found: _listed(lab, found), part)
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

    def track(found: "re.Match[str]") -> str:
        one = _exercise(lab, found[2])
        if not one:
            return found[0]
        return f"| {'*further:* ' * one.further}{one.number} {one.title} | {hours(one.hours)}, {one.points} points |"

    return TRACK.sub(track, OUTPUT.sub(output, "".join(parts)))


def hours(count: int) -> str:
    return f"{count} hour{'s' * (count != 1)}"


def of_lab(lab: Lab, what: str) -> str:
    """The row of a lab's own table."""
    core = lab.points if what == "points" else lab.hours
    if not lab.further:
        return str(core)
    more = sum(exercise.points if what == "points" else exercise.hours for exercise in lab.further)
    which = f"{lab.core[0].number} to {lab.core[-1].number}", f"{lab.further[0].number} to {lab.further[-1].number}"
    return f"{core} for the core track, {which[0]}; {more} for the further exercises, {which[1]}" + (
        ", which count apart" if what == "points" else "")


def _listed(lab: Lab, found: "re.Match[str]") -> str:
    """The row of an exercise in a table of all of them."""
    one = _exercise(lab, found[2])
    if not one:
        return found[0]
    return f"| {'*further:* ' * one.further}{one.number} {one.title} | {hours(one.hours)}, {one.points} points |"


def _exercise(lab: Lab, number: str) -> Optional[Exercise]:
    return next((exercise for exercise in lab.exercises if exercise.number == number), None)


def main(tree: Optional[Tree] = None) -> int:
    home = tree or this_tree()
    course = labs.load(home)
    for lab in course.labs:
        path = home.root / "labs" / lab.folder / "README.md"
        path.write_text(rewritten(course, lab, path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
