"""A find in words and as a timeline: who wrote what, who read what, where, in the same words on the terminal and on the page."""

from __future__ import annotations

import re
import unittest
from dataclasses import replace
from pathlib import Path

from grader.explore import finding
from grader.explore.control import Access, Entry, Found, Race, Ran
from grader.explore.lines import Known, Lines
from grader.explore.schedule import parse
from grader.timeline import page
from grader.timeline.race import POINTS, build
from grader.timeline.sources import Sources
from grader.views.fields import Layout


class Places:
    """Names made up from numbers."""

    def prepare(self, addresses) -> None:  # type: ignore[no-untyped-def]
        pass

    def place(self, address: int) -> str:
        return f"kernel/ntos/ke/objects/queue.cpp:{address & 0xFF}"

    def routine(self, address: int) -> str:
        return "KeInsertQueue"

    def variable(self, address: int, size: int = 0) -> str:
        return f"V{address:x}" + f".of{size}" * (size > 0)

    def frame(self, address: int) -> str:
        return f"KeInsertQueue at {self.place(address)}"


def raced() -> Ran:
    accesses = (Access(1, 2, 0x80100011, True, 4, (0x80100021,)), Access(2, 4, 0x80100031, False, 4, ()))
    trace = [Entry(0, 1, 13, 0, 0, 0, 0), Entry(1, 2, 13, 0, 0, 0, 0), Entry(2, 1, 2, 2, 4, 0x80100011, 0x5000),
             Entry(3, 1, 16, 2, 0, 0, 2), Entry(3, 2, 4, 0, 0, 0, 0), Entry(4, 2, 1, 2, 4, 0x80100031, 0x5000)]
    return Ran(1, Found.DATA_RACE, parse("walk-7"), 0, 4, 2, "a race", race=Race(0x5000, "Queue.Head", 0, accesses),
               trace=tuple(trace))


class NoSymbols:
    """No module anywhere."""
    modules = ()

    def module_at(self, address: int) -> None:
        return None


class LinesTest(unittest.TestCase):
    """lines.py"""

    FIELDS = Layout({"KTHREAD.Header": (0, 16), "KTHREAD.State": (44, 1), "KTHREAD.WaitBlock": (96, 96)},
                    {"KTHREAD": 512})

    def test_field_of_a_known_structure_is_named(self) -> None:
        lines = Lines(NoSymbols(), [Known(0x81000000, 512, "Actor 0", "KTHREAD")], self.FIELDS)  # type: ignore[arg-type]
        self.assertEqual("KTHREAD.State of Actor 0", lines.variable(0x8100002C))
        self.assertEqual("KTHREAD.WaitBlock of Actor 0", lines.variable(0x81000061))
        self.assertEqual("KTHREAD+0x1f0 of Actor 0", lines.variable(0x810001F0))
        self.assertEqual("0x81000200", lines.variable(0x81000200), "behind it there is something else")


class FindingTest(unittest.TestCase):
    """finding.py, timeline/race.py"""

    def test_race_names_both_sides_with_lines_and_stacks(self) -> None:
        told = finding.tell(raced(), Places())  # type: ignore[arg-type]
        self.assertIn("actor 0 (processor 1) writes V5000.of4 (4 bytes) at step 2", told.seen)
        self.assertIn("actor 1 (processor 2) reads V5000.of4 (4 bytes) at step 4", told.difference)
        self.assertIn("kernel/ntos/ke/objects/queue.cpp:16", told.difference)
        self.assertIn("    KeInsertQueue at", told.difference)
        self.assertEqual("data-race", told.hint[0])

    def test_deadlock_shows_where_everybody_stands(self) -> None:
        ran = Ran(1, Found.DEADLOCK, parse("walk-7"), message="nothing can go on", waiting=((), (0x80100011,), ()))
        told = finding.tell(ran, Places())  # type: ignore[arg-type]
        self.assertIn("actor 0 (processor 1) stands at\n    KeInsertQueue", told.difference)
        self.assertEqual("lost-wakeup", told.hint[0])

    def test_failed_check_shows_the_sides_unless_all_have_ended(self) -> None:
        ran = Ran(1, Found.CHECK, parse("walk-7"), message="two inside", waiting=((), (0x80100011,), (0x80100021,)))
        told = finding.tell(ran, Places()).difference  # type: ignore[arg-type]
        self.assertTrue("actor 0 (processor 1) stands at" in told and "actor 1 (processor 2) stands at" in told, told)
        after = replace(ran, waiting=((0x80100011,), (), ()))
        self.assertEqual("", finding.tell(after, Places()).difference)  # type: ignore[arg-type]

    def test_every_kind_of_find_has_a_hint(self) -> None:
        for found in Found:
            if found not in (Found.NOTHING, Found.BAD_SCENARIO):
                self.assertTrue(finding.HINTS[found][1])

    def test_timeline_of_a_race(self) -> None:
        source = Sources(lambda name: "\n".join(f"line {number}" for number in range(1, 99)))
        made = build(raced(), Places(), "a race", ["walk-7"], source)
        self.assertEqual(["actor 0", "actor 1"], [row.name for row in made.rows])
        self.assertEqual([("p1", 0, 1), ("p2", 1, 2), ("p1", 2, 3), ("p2", 3, 5)],
                         [(one.row, one.start, one.end) for one in made.spans])
        races = [one for one in made.arrows if one.kind == "race"]
        self.assertEqual([("p1", 2, "p2", 4)], [(one.source, one.start, one.target, one.end) for one in races])
        write = next(one for one in made.instants if one.kind == "write")
        self.assertEqual("writes V5000.of4", write.label)
        self.assertEqual("kernel/ntos/ke/objects/queue.cpp:16", write.place)
        self.assertIn(">   16 line 16", made.excerpts[write.place].text())
        self.assertIn("a race", page.render(made))

    def test_page_and_report_use_the_same_words_for_an_access(self) -> None:
        told = finding.tell(raced(), Places()).seen  # type: ignore[arg-type]
        made = build(raced(), Places(), "a race", ["walk-7"], Sources(lambda name: "line\n" * 99))
        labels = [one.label for one in made.instants if one.kind == "race"]
        self.assertEqual(["writes V5000.of4", "reads V5000.of4"], labels)
        self.assertTrue(all(label in told for label in labels), told)
        self.assertEqual(["actor 0 (processor 1) writes V5000.of4", "actor 1 (processor 2) reads V5000.of4"],
                         [one.title for one in made.looks])

    def test_access_without_a_type_is_told_by_the_name_that_the_scenario_gave(self) -> None:
        class Bare(Places):
            def variable(self, address: int, size: int = 0) -> str:
                return "Subject+0x18"

        told = finding.tell(raced(), Bare()).seen  # type: ignore[arg-type]
        self.assertIn("writes Queue.Head (4 bytes)", told)
        self.assertNotIn("+0x18", told)

    def test_access_is_told_at_its_own_address_where_the_trace_has_it(self) -> None:
        trace = [replace(one, object=0x5002, size=2) if one.step == 2 and one.kind == 2 else one for one in raced().trace]
        told = finding.tell(replace(raced(), trace=tuple(trace)), Places()).seen  # type: ignore[arg-type]
        self.assertIn("writes V5002.of4", told)
        self.assertIn("reads V5000.of4", told)

    def test_failed_check_at_the_end_tells_who_wrote_and_who_read_last(self) -> None:
        ran = replace(raced(), found=Found.CHECK, race=None, step=9, message="Counter is 1, not 2", place="a.cpp:3")
        told = finding.tell(ran, Places()).difference  # type: ignore[arg-type]
        self.assertIn("actor 0 (processor 1) writes V5000.of4 (4 bytes) at step 2", told)
        self.assertIn("actor 1 (processor 2)", told)
        looks = finding.stands(ran, Places())  # type: ignore[arg-type]
        self.assertEqual(["kernel/ntos/ke/objects/queue.cpp:16", "kernel/ntos/ke/objects/queue.cpp:48", "a.cpp:3"], [one.place for one in looks])
        reads = tuple(replace(one, kind=1) for one in ran.trace)
        self.assertEqual("", finding.tell(replace(ran, trace=reads), Places()).difference, "two reads are no conflict")  # type: ignore[arg-type]

    def test_word_of_a_lock_is_told_by_its_holder(self) -> None:
        """The word is a number, or a node's address: neither says who has the lock."""
        pc, lock = 0x80100011, 0x5000
        trace = (Entry(1, 1, 2, 2, 4, pc, lock), Entry(2, 1, 8, 2, 0, 0, lock), Entry(3, 2, 1, 2, 4, pc, lock),
                 Entry(4, 1, 9, 2, 0, 0, lock), Entry(5, 1, 2, 2, 4, pc, lock), Entry(6, 1, 19, 2, 0, 0, lock))
        ran = replace(raced(), found=Found.CHECK, race=None, step=9, message="two inside", place="a.cpp:3")
        told = finding.tell(replace(ran, trace=trace), Places()).difference.splitlines()  # type: ignore[arg-type]
        self.assertIn("actor 1 (processor 2) reads V5000.of4 (a lock, held by actor 0 (processor 1)) at step 3", told[1])
        self.assertIn("actor 0 (processor 1) writes V5000.of4 (a lock, held by actor 0 (processor 1)) at step 5", told[2])
        again = (*trace, Entry(7, 2, 1, 2, 4, pc, lock), Entry(8, 1, 2, 2, 4, pc, lock))
        told = finding.tell(replace(ran, trace=again), Places()).difference.splitlines()  # type: ignore[arg-type]
        self.assertIn("actor 1 (processor 2) reads V5000.of4 (a lock, free) at step 7", told[1])

    def test_side_that_waits_is_shown_in_the_students_file(self) -> None:
        ran = Ran(1, Found.DEADLOCK, parse("walk-7"), waiting=((), (0x80100011, 0x80100021), ()))
        own = finding.stands(ran, Places(), lambda file: file.endswith("queue.cpp"))  # type: ignore[arg-type]
        self.assertEqual(["kernel/ntos/ke/objects/queue.cpp:16"], [one.place for one in own])

    def test_failure_is_marked_at_its_step_although_the_run_goes_on(self) -> None:
        trace = [Entry(step, 1 + step % 2, 1, 0, 4, 0x80100011, 0x5000) for step in range(400)]
        ran = Ran(1, Found.CHECK, parse("walk-7"), 0, 40, 2, "now <= 1", trace=tuple(trace))
        made = build(ran, Places(), "a failed check")
        self.assertEqual([("p2", 40)], [(one.row, one.time) for one in made.instants if one.kind == "failure"])
        self.assertTrue(made.focus[0] < 40 < made.focus[1] < 400, made.focus)
        told = build(ran, Places(), "a failed check", ["both inside"], failed="actor 0 stands at")
        self.assertEqual([("where", "actor 0 stands at")],
                         [one for point in told.instants if point.kind == "failure" for one in point.details])
        stopped = build(replace(ran, found=Found.BUGCHECK), Places(), "a bugcheck")
        self.assertEqual([399], [one.time for one in stopped.instants if one.kind == "failure"], "it ends where it fails")

    def test_side_that_does_nothing_has_no_row(self) -> None:
        made = build(replace(raced(), trace=(Entry(0, 0, 16, 0, 0, 0, 1), *raced().trace)), Places(), "a race")
        self.assertEqual(["actor 0", "actor 1"], [row.name for row in made.rows])

    def test_every_kind_of_point_has_a_name(self) -> None:
        text = (Path(__file__).resolve().parents[2] / "kernel/inc/nt/explore.h").read_text(encoding="utf-8")
        values = [int(value) for value in re.findall(r"^    [A-Z]\w+ = (\d+),", text, re.M)]
        self.assertEqual(list(range(len(POINTS))), values, "each point has its own number")

    def test_timeline_of_a_race_is_the_same_bytes_again(self) -> None:
        def drawn() -> str:
            return page.render(build(raced(), Places(), "a race", ["walk-7"], Sources(lambda name: "line\n" * 99)))

        self.assertEqual(drawn(), drawn())

    def test_timeline_without_a_trace(self) -> None:
        made = build(replace(raced(), trace=()), Places(), "a race")
        self.assertIn("a race", page.render(made))


if __name__ == "__main__":
    unittest.main()
