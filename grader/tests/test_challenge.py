"""The challenge: the optimum is one, the host counts, and a policy that reaches for more than it is told is refused."""

from __future__ import annotations

import random
import shutil
import unittest
from typing import List
from unittest import mock

from grader.challenge import board, memory, program, rules, workloads
from grader.challenge.memory import Counts, Refused
from grader.challenge.optimum import first_uses, optimum
from grader.errors import GraderError
from grader.tree import this_tree

TREE = this_tree()
POLICY = (TREE.root / program.POLICY).read_text()
LATEST = """// Takes the pages that were used last: their ages name the shortage before which they were.
#include "challenge.h"

namespace {

class MyPolicy final : public MM_TRIM_POLICY {
public:
    ULONG PagesToTrim(const MMSUPPORT&, const MM_MEMORY_STATE& memory, ULONG pass) override {
        if (memory.Available >= memory.Wanted) return 0;
        if (pass == 0) m_now = (m_now + 1) % 4;
        return memory.Wanted - memory.Available;
    }
    bool MayTake(const MMSUPPORT&, ULONG age, ULONG pass) override { return pass > 1 || (pass == 1 && age == m_now); }
    ULONG EntriesToAge(const MMSUPPORT&, const MM_MEMORY_STATE&) override { return 0; }
    ULONG AgeAfterLook(const MMSUPPORT&, ULONG age, bool used) override { return used ? m_now : age; }
    bool IsClaimed(const MMSUPPORT&, ULONG) override { return false; }

private:
    ULONG m_now = 0;
};

MyPolicy Mine;

} // namespace

MM_TRIM_POLICY& ChallengePolicy() { return Mine; }
"""


def fewest(references: List[int], frames: int) -> int:
    """The optimum by trying everything."""
    states = {frozenset(): 0}
    for page in references:
        following = {}
        for there, faults in states.items():
            choices = [there] if page in there else [there | {page}] if len(there) < frames else [there - {gone} | {page} for gone in there]
            for state in choices:
                cost = faults + (page not in there)
                following[state] = min(following.get(state, cost), cost)
        states = following
    return min(states.values())


class Optimum(unittest.TestCase):
    def test_no_choice_of_pages_has_fewer_faults(self) -> None:
        rng = random.Random(5)
        for _ in range(200):
            references = [rng.randrange(6) for _ in range(rng.randrange(1, 20))]
            for frames in (1, 2, 3, 4):
                self.assertEqual(fewest(references, frames), optimum(references, frames), (references, frames))

    def test_with_room_for_all_only_first_uses_cost(self) -> None:
        work = workloads.make("phases", 1)
        self.assertEqual(first_uses(work.references), optimum(work.references, 10_000))


class Workloads(unittest.TestCase):
    def test_a_seed_says_all(self) -> None:
        for name in workloads.NAMES:
            self.assertEqual(workloads.make(name, 4), workloads.make(name, 4))
            self.assertNotEqual(workloads.make(name, 4).references, workloads.make(name, 5).references)

    def test_other_places_are_the_same_work(self) -> None:
        for name in workloads.NAMES:
            one = workloads.make(name, 4)
            other = workloads.renamed(one)
            pairs = set(zip(one.references, other.references))
            self.assertEqual(len(pairs), len({a for a, _ in pairs}))
            self.assertEqual(len(pairs), len({b for _, b in pairs}))
            self.assertTrue(all(a // workloads.PAGES == b // workloads.PAGES for a, b in pairs))
            self.assertNotEqual(one.references, other.references)


class Rules(unittest.TestCase):
    def refused(self, line: str) -> bool:
        return bool(rules.objections("policy.cpp", (POLICY + line + "\n").encode()))

    def test_policies_are_taken(self) -> None:
        for text in (POLICY, LATEST):
            self.assertEqual([], rules.objections("policy.cpp", text.encode()))

    def test_what_reaches_for_more(self) -> None:
        for line in ('#include "/etc/passwd"', "#include <stdio.h>", "auto* p = reinterpret_cast<const char*>(&Mine);", "auto* p = (const char*)(&Mine);",
                     "auto* p = static_cast<const char*>(static_cast<const void*>(&Mine));", 'extern "C" int puts(const char*);',
                     "ULONG a(const MMSUPPORT& s) { return s.VmWorkingSetList->LastEntry; }", "union U { const void* p; ULONG_PTR n; };",
                     'void f() { asm("int3"); }', "[[gnu::constructor]] void f() {}"):
            self.assertTrue(self.refused(line), line)

    def test_code_that_multiplies_is_no_cast(self) -> None:
        self.assertFalse(self.refused("constexpr ULONG Twice(ULONG a, ULONG b) { return (a * b) + (a) * (b); }"))


class Played(unittest.TestCase):
    """With a program that is made up: what it says is believed only as far as the host can see."""

    def play(self, script: str) -> Counts:
        return memory.play(["python3", "-u", "-c", script], "yours", workloads.Workload("w", 1, list(range(12)) + list(range(12)), 8, 2, 4, 6))

    def test_a_policy_that_never_trims_loses_the_page_that_came_first(self) -> None:
        counts = self.play("import sys\nfor line in sys.stdin:\n  if line[0] in 'sm': print('r')")
        self.assertEqual(Counts(24, 0, 16), counts)

    def test_pages_come_back_from_standby_without_a_read(self) -> None:
        script = ("import sys\nheld=[]\nfor line in sys.stdin:\n  if line[0]=='u': held=list(dict.fromkeys(held+line.split()[1:]))\n"
                  "  elif line[0]=='m': print('r', *held[:4]); held=held[4:]\n  elif line[0]=='s': print('r')\n")
        work = workloads.Workload("w", 1, [0, 1, 2, 3, 4, 5, 6, 0, 1, 2], 8, 2, 4, 1000)
        counts = memory.play(["python3", "-u", "-c", script], "yours", work)
        self.assertEqual((7, 3, 0), (counts.faults, counts.soft, counts.forced))

    def test_what_cannot_be_is_refused(self) -> None:
        for answer, why in (("r 99", "in no working set"), ("r 0 0", "twice"), ("fewer", "ended"), ("w an age above 3", "an age above 3"), ("r x", "ended")):
            with self.subTest(answer), self.assertRaisesRegex(Refused, why):
                self.play(f"import sys\nfor line in sys.stdin:\n  if line[0] in 'sm': print('{answer}')")

    def test_a_program_that_ends_or_does_not_answer(self) -> None:
        with self.assertRaisesRegex(Refused, "exit code 5"):
            self.play("import sys\nsys.exit(5)")
        with mock.patch.object(memory, "SECONDS", 0.5), self.assertRaisesRegex(Refused, "ended"):
            self.play("import time\ntime.sleep(60)")

    def test_a_policy_that_knows_places_is_refused(self) -> None:
        script = ("import sys\nheld=[]\nfor line in sys.stdin:\n  if line[0]=='u': held=list(dict.fromkeys(held+line.split()[1:]))\n"
                  "  elif line[0]=='t': held.remove(line.split()[1])\n"
                  "  elif line[0] in 'sm': held.sort(key=lambda n: int(n) % 7); print('r', *held[:20]); held=held[20:]\n")
        with self.assertRaisesRegex(Refused, "in other places"):
            board.result(["python3", "-u", "-c", script], "n", b"", [1])


class Board(unittest.TestCase):
    def test_equal_scores_have_equal_ranks_and_refused_ones_none(self) -> None:
        rows = [{"name": name, "sha256": name, "score": score} for name, score in (("b", 50.0), ("a", 70.0), ("c", 50.0), ("d", 10.0))]
        ranked = board.ranked(rows, {"x": "why"}, [1])
        self.assertEqual([(1, "a"), (2, "b"), (2, "c"), (4, "d"), (None, "x")], [(one["rank"], one["name"]) for one in ranked["entries"]])


@unittest.skipUnless(shutil.which("clang++"), "clang++ makes the program")
class OnTheMachine(unittest.TestCase):
    def row(self, text: str, kind: str) -> "dict[str, object]":
        with mock.patch.object(workloads, "NAMES", (kind,)):
            return board.result(program.build(TREE, text.encode(), "policy.cpp"), "n", text.encode(), [1])["workloads"][0]

    def test_the_same_file_has_the_same_result(self) -> None:
        one, other = (self.row(POLICY, "two") for _ in range(2))
        self.assertEqual(board.encoded(one), board.encoded(other))
        self.assertEqual(0, one["forced"])

    def test_a_policy_decides(self) -> None:
        loop, again = self.row(POLICY, "loop"), self.row(LATEST, "loop")
        self.assertGreater(float(str(again["score"])), 1.3 * float(str(loop["score"])))
        self.assertEqual(loop["given"], again["given"])

    def test_an_object_that_calls_is_not_linked(self) -> None:
        text = POLICY.replace("return 0; }", "return ULONG(KeSetEvent(nullptr, 0, FALSE)); }", 1)
        with self.assertRaisesRegex(GraderError, "it calls _?KeSetEvent"):
            program.build(TREE, text.encode(), "policy.cpp")

    def test_an_age_that_is_none(self) -> None:
        with self.assertRaisesRegex(Refused, "age above 3"):
            self.row(LATEST.replace("used ? m_now : age", "age + 1"), "phases")


if __name__ == "__main__":
    unittest.main()
