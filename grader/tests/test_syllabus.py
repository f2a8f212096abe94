"""The syllabus against the tree: labs that exist and labs that are announced, hours, points, and both schedules."""

from __future__ import annotations

import re
import unittest
from typing import Dict, List, Tuple

from grader import labs
from grader.model import Lab
from grader.tests import points
from grader.tree import this_tree

TREE = this_tree()
COURSE = labs.load(TREE)
TEXT = (TREE.root / "SYLLABUS.md").read_text(encoding="utf-8")
ANNOUNCED = "○"
MOST = 90  # hours of all core tracks together


def table(heading: str) -> List[List[str]]:
    """The cells of the first table below a heading, without its two head rows."""
    part = TEXT[TEXT.index(f"{heading}\n"):]
    rows = re.search(r"(?:^\|.*\n)+", part, re.MULTILINE)[0].splitlines()  # type: ignore[index]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def lab_rows() -> Dict[int, Tuple[str, str, str, str, str]]:
    """Number of a lab -> name, weeks, hours, points, further exercises."""
    return {int(row[0].split()[0]): (row[0], row[2], row[3], row[4], row[5]) for row in table("## Labs")}


class Labs(unittest.TestCase):
    def test_what_exists_and_what_is_announced(self) -> None:
        there = {lab.number for lab in COURSE.labs}
        self.assertEqual(there, {number for number, row in lab_rows().items() if ANNOUNCED not in row[0]})
        for lab in COURSE.labs:
            self.assertEqual(f"{lab.number} {lab.slug}", lab_rows()[lab.number][0])

    def test_hours_points_and_further_exercises(self) -> None:
        for lab in COURSE.labs:
            _, _, hours, worth, more = lab_rows()[lab.number]
            self.assertEqual((str(lab.hours), str(lab.points)), (hours, worth), lab.slug)
            named = ", ".join(f"{one.number} {one.title} ({one.points} points, {one.hours} hours)" for one in lab.further)
            self.assertEqual(named, "" if more.startswith(ANNOUNCED) else more)
        self.assertEqual(TEXT, points.of_syllabus(COURSE, TEXT), "python3 -m grader.tests.points")

    def test_all_core_tracks_fit(self) -> None:
        hours = {number: int(row[2]) for number, row in lab_rows().items()}
        total, here = sum(hours.values()), sum(lab.hours for lab in COURSE.labs)
        self.assertLessEqual(total, MOST)
        self.assertIn(f"which everybody does: {total} hours for all labs", TEXT)
        said = re.search(r"About (\d+) hours in 14 weeks: (\d+) in lectures, (\d+) in the lab room, (\d+) on the core\s+tracks of all labs "
                         r"\((\d+) on those that exist\), (\d+) for", TEXT)
        numbers = [int(one) for one in said.groups()]  # type: ignore[union-attr]
        self.assertEqual([numbers[0], total, here], [sum(numbers[1:4]) + numbers[5], numbers[3], numbers[4]])


class Schedules(unittest.TestCase):
    """Both plans lead through every core track in its order; further exercises stand behind it."""

    def check(self, rows: List[List[str]], weeks: int) -> Dict[int, Tuple[int, int]]:
        """Lab -> (week in which it is out, week in which it is due)."""
        self.assertEqual([str(week) for week in range(1, weeks + 1)], [row[0] for row in rows])
        seen: List[str] = []
        out: Dict[int, int] = {}
        due: Dict[int, int] = {}
        where: Dict[str, int] = {}
        for row in rows:
            week, said = int(row[0]), row[-1]
            for number in re.findall(r"\b\d+\.\d+\b", said):
                seen.append(number)
                where[number] = week
            out.update((int(number), week) for number in re.findall(r"(?<![.\d])(\d) out\b(?! " + ANNOUNCED + ")", said))
            due.update((int(number), week) for number in re.findall(r"(?<![.\d])(\d) due\b(?! " + ANNOUNCED + ")", said))
            further = {one.number for lab in COURSE.labs for one in lab.further}
            self.assertEqual("further:" in said, any(number in further for number in re.findall(r"\b\d+\.\d+\b", said)), row)
        for lab in COURSE.labs:
            self.assertEqual([exercise.number for exercise in lab.core] + [exercise.number for exercise in lab.further],
                             [number for number in seen if number.startswith(f"{lab.number}.")])
            core = [where[exercise.number] for exercise in lab.core]
            self.assertEqual((min(core), max(core)), (out[lab.number], due[lab.number]), lab.slug)
            self.assertTrue(all(where[one.number] > due[lab.number] for one in lab.further))
        return {lab.number: (out[lab.number], due[lab.number]) for lab in COURSE.labs}

    def test_14_weeks(self) -> None:
        rows = table("### 14 weeks")
        planned = self.check(rows, 14)
        parts = [part for row in rows for part in row[-1].split(";") if part.endswith(ANNOUNCED)]
        announced = [int(number) for part in parts for number in re.findall(r"(?<![.\d])\d(?![.\d])", part)]
        self.assertTrue(announced)
        self.assertEqual([], [lab.slug for lab in COURSE.labs if lab.number in announced])
        for lab in COURSE.labs:
            first, last = planned[lab.number]
            self.assertEqual(f"{first}-{last}", lab_rows()[lab.number][1], lab.slug)

    def test_10_weeks(self) -> None:
        rows = table("### 10 weeks")
        self.check(rows, 10)
        self.assertNotIn(ANNOUNCED, "".join(cell for row in rows for cell in row))

    def test_a_week_is_no_longer_than_a_student_has(self) -> None:
        for heading in ("### 14 weeks", "### 10 weeks"):
            for row in table(heading):
                numbers = re.findall(r"\b\d+\.\d+\b", row[-1].partition("further:")[0])
                self.assertLessEqual(sum(hours_of(number) for number in numbers), 11, row)

    def test_what_is_read_here_is_here(self) -> None:
        for row in table("### 14 weeks"):
            for name in filter(None, (part.strip() for part in row[2].split(","))):
                self.assertTrue((TREE.root / name).exists(), name)


def hours_of(number: str) -> int:
    found: List[Lab] = [lab for lab in COURSE.labs if any(one.number == number for one in lab.exercises)]
    return found[0].exercise(number).hours


class Handouts(unittest.TestCase):
    def test_every_name_of_an_exercise_is_of_the_tree(self) -> None:
        known = {exercise.number for lab in COURSE.labs for exercise in lab.exercises}
        self.assertEqual(set(), set(re.findall(r"(?<![\d.])[0-4]\.\d{1,2}\b(?!\.)", TEXT)) - known)


if __name__ == "__main__":
    unittest.main()
