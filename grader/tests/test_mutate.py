"""make mutate: what the rules propose, what counts as the same code, and what becomes of a mutant.

The engine runs here in a workshop of paper: what compiles to what and which test fails is written down.
"""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from grader.errors import GraderError, InfraError
from grader.labs import Course
from grader.machine.parts import EXPLORED, Machine
from grader.model import Exercise, Lab, Outcome, TestSpec, Verdict
from grader.mutate import assembly, engine, figures, mutants, objectcode, rules
from grader.mutate.figures import Figures
from grader.mutate.mutants import Mutant
from grader.tree import Tree

FILE = "kernel/ntos/ke/thing.cpp"
SIBLINGS = {"Priority": ("BasePriority", )}


def source(body: str, rest: str = "") -> str:
    return f"void NTAPI KiThing(PKTHREAD Thread) {{\n    // LAB(1.1) begin\n{body}\n    // LAB(1.1) else\n    //| X();\n    // LAB(1.1) end\n}}\n{rest}"


def made(body: str, rest: str = "") -> List[Mutant]:
    return mutants.of_file("1.1", FILE, source(body, rest), SIBLINGS)


def lines(body: str, rule: str) -> List[str]:
    """The changed lines that a rule makes of a body."""
    return [" | ".join(one.after) for one in made(body) if one.rule == rule]


class Rules(unittest.TestCase):
    def test_conditions(self) -> None:
        self.assertEqual(["if (!(a < b)) Go();"], lines("    if (a < b) Go();", "negate"))
        self.assertEqual(["if (!empty) Go();"], lines("    if (empty) Go();", "negate"))
        self.assertEqual(["if (empty) Go();"], lines("    if (!empty) Go();", "negate"))
        self.assertEqual(["if (true) Go();"], lines("    if (a && b) Go();", "unchecked"))
        self.assertEqual(["if (a || b) Go();"], lines("    if (a && b) Go();", "logic"))
        self.assertEqual([], lines("    if (auto* const next = First()) Go(next);", "negate"))

    def test_comparisons_but_no_brackets_of_templates(self) -> None:
        self.assertEqual(["x = a <= b;", "x = c != d;"], lines("    x = a < b;\n    x = c == d;", "compare"))
        self.assertEqual([], lines("    x = static_cast<KTHREAD*>(y);\n    for (auto* t : nt::List<&KTHREAD::Link>(head)) Go(t);", "compare"))

    def test_numbers(self) -> None:
        self.assertEqual(["x = y;", "x = y + 2;", "x = y + 0;"], lines("    x = y + 1;", "off-by-one"))
        self.assertEqual(["x = 0x11u;", "x = 0xfu;"], lines("    x = 0x10u;", "off-by-one"))

    def test_statements_are_forgotten_by_kind(self) -> None:
        body = """
    KiAcquireLock(&Lock);
    Thread->State = 0;
    KeMemoryBarrier();
    EtwTraceEvent(1);
    KiWaitTest(Thread);
    Go();
    KiReleaseLock(&Lock);
    nt::SpinLockAtDpcGuard guard(Lock);
    const ULONG kept = 3;"""
        for rule, number in (("lock", 4), ("reset", 1), ("barrier", 1), ("trace", 1), ("wake-up", 1), ("drop", 1)):
            with self.subTest(rule):
                self.assertEqual(number, len(lines(body, rule)))
        self.assertIn("; | ;", lines(body, "lock"))  # neither taken nor given back
        self.assertNotIn("const ULONG kept", " ".join(one.before[0] for one in made(body) if one.rule == "drop"))

    def test_neighbours_are_exchanged(self) -> None:
        self.assertEqual(["Two(); | One();"], lines("    One();\n    Two();", "exchange"))
        self.assertEqual([], lines("    const ULONG x = One();\n    Two(x);\n    return;", "exchange"))

    def test_ends_fields_types_constants(self) -> None:
        self.assertEqual(["InsertHeadList(q, &x);"], lines("    InsertTailList(q, &x);", "list-end"))
        self.assertEqual(["y = Thread->BasePriority;"], lines("    y = Thread->Priority;", "field"))
        self.assertEqual([], lines("    y = Priority;", "field"))
        self.assertEqual(["LONG y;"], lines("    ULONG y;", "signed"))
        self.assertEqual(["UCHAR y;"], lines("    ULONG y;", "narrow"))
        self.assertEqual(["return STATUS_B;", "return STATUS_A;"], lines("    return STATUS_A;\n    return STATUS_B;", "status"))
        self.assertEqual(["x = S::Ready;", "x = S::Done;"], lines("    x = S::Done;\n    x = S::Ready;", "constant"))
        self.assertEqual(["Go(FALSE);"], lines("    Go(TRUE);", "constant"))

    def test_an_early_return_gives_what_the_function_gives(self) -> None:
        self.assertEqual(["return; Two();"], lines("    One();\n    Two();", "early-return"))
        self.assertEqual(["return x; Two();"], lines("    One();\n    Two();\n    return x;", "early-return"))

    def test_comments_strings_assertions_and_the_stub_are_left_alone(self) -> None:
        self.assertEqual([], made('    // a < b\n    /* c == 1 */\n    NT_ASSERT(a == 1);\n    static_assert(sizeof(int) == 4, "1 < 2");'))
        self.assertEqual(["drop"], [one.rule for one in made('    Print("a < b && 1");')])

    def test_a_mutant_keeps_the_lines_and_stays_in_its_region(self) -> None:
        text = source("    if (a &&\n        b) {\n        Go(1,\n           2);\n        Halt();\n    }", "void Other() { if (1 < 2) Go(); }\n")
        found = mutants.of_file("1.1", FILE, text, SIBLINGS)
        self.assertGreater(len(found), 8)
        for one in found:
            changed = one.text(text)
            self.assertEqual(text.count("\n"), changed.count("\n"), one.id)
            self.assertTrue(changed.endswith(text[text.index("    // LAB(1.1) else"):]), one.id)
        self.assertEqual(len(found), len({one.id for one in found}))
        self.assertEqual(len(found), len({one.text(text) for one in found}))

    def test_a_file_of_two_exercises_gives_each_its_own(self) -> None:
        text = source("    One();") + source("    Two();").replace("1.1", "1.2")
        self.assertEqual([";"], [one.after[0] for one in mutants.of_file("1.2", FILE, text, {})])

    def test_lambdas_functions_and_switches_are_understood(self) -> None:
        body = """
    const auto next = [&rest](ULONG base) {
        return base;
    };
    switch (Thread->State) {
    case KTHREAD_STATE::Ready: One(); return;
    default: Two();
    }"""
        self.assertEqual(["case KTHREAD_STATE::Ready: ; return;", "default: ;"], lines(body, "drop"))
        text = "// LAB(1.1) begin\nnamespace {\nvoid One(LIST* x) {\n    Go();\n    Halt();\n}\n} // namespace\n// LAB(1.1) end\n"
        self.assertEqual({"drop", "exchange", "early-return"}, {one.rule for one in mutants.of_file("1.1", FILE, text, {})})

    def test_assembly(self) -> None:
        text = "a:\n    // LAB(1.2) begin\n    cli\n    movl %esp, THREAD_ONE(%ecx)   // saved\n.Lx:\n    pushl $0\n    // LAB(1.2) end\n"
        region = rules.Region(text, text.index("    cli"), text.index("    // LAB(1.2) end"), {})
        found = [(one.rule, mutants.apply(text, one.edits).split("\n")) for one in assembly.changes(region, "#define THREAD_ONE 4\n#define THREAD_TWO 8\n")]
        self.assertEqual(3, sum(rule == "drop" for rule, _ in found))
        self.assertIn(("negate", text.replace("cli", "sti").split("\n")), found)
        self.assertIn(("register", text.replace("%ecx", "%edx").split("\n")), found)
        self.assertIn(("field", text.replace("THREAD_ONE", "THREAD_TWO").split("\n")), found)
        self.assertIn(("off-by-one", text.replace("$0", "$1").split("\n")), found)
        self.assertEqual(2, sum(rule == "exchange" for rule, _ in found))


class Names(unittest.TestCase):
    BODY = "    if (a < b) Go();\n    if (a < b) Go();"

    def test_an_id_survives_lines_that_come_above_it(self) -> None:
        before = made(self.BODY)
        text = "// new\n// lines\n" + source(self.BODY)
        after = mutants.of_file("1.1", FILE, text, SIBLINGS)
        self.assertEqual([mutants.known_by(one.id) for one in before], [mutants.known_by(one.id) for one in after])
        self.assertEqual([one.line + 2 for one in before], [one.line for one in after])

    def test_a_sample_is_the_same_every_time_and_another_with_another_seed(self) -> None:
        every = made(self.BODY + "\n    One();\n    Two();\n    x = y + 1;")
        first = mutants.sample(every, 5, 1)
        self.assertEqual(first, mutants.sample(every, 5, 1))
        self.assertEqual(5, len(first))
        self.assertNotEqual(first, mutants.sample(every, 5, 2))
        self.assertEqual(every, mutants.sample(every, 0, 1))
        gone = [one for one in every if one != first[0]]
        self.assertLessEqual(set(first[1:]), set(mutants.sample(gone, 5, 1)))  # the others keep their lots

    def test_the_reviewed_list(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            lab = Lab(1, "x", "", "", ())
            path = Path(folder) / "solutions" / "1-x" / mutants.LISTED
            tree = Tree(Path(folder), Path(folder))
            self.assertEqual({}, mutants.equivalents(tree, lab))
            path.parent.mkdir(parents=True)
            one, other = made(self.BODY)[:2]
            path.write_text(f"# remark\n\n{one.id}  the same in every case\na.cpp:9:drop:000000 gone\n")
            listed = mutants.equivalents(tree, lab)
            self.assertEqual("the same in every case", listed[mutants.known_by(one.id)])
            self.assertEqual(["a.cpp:drop:000000"], mutants.strangers(listed, [one, other]))
            path.write_text(f"{one.id}\n")
            with self.assertRaisesRegex(GraderError, r"equivalent\.txt:1: not"):
                mutants.equivalents(tree, lab)

    def test_an_exercise_that_does_not_exist_is_told(self) -> None:
        lab = Lab(1, "x", "", "", (Exercise("1.1", "", 1, ()), ))
        with self.assertRaisesRegex(GraderError, r"no exercise 1\.7; there are: 1\.1"):
            mutants.exercises(Course((lab, ), ()), lab, "1.7")


@unittest.skipIf(shutil.which("clang++") is None, "needs clang++")
class Code(unittest.TestCase):
    TEXT = "extern \"C\" int Other(int);\nextern \"C\" int More(int);\nstatic int Table[] = {1, 2};\nextern \"C\" int Go(int a) { return Other(a) + Table[a & 1]; }\n"

    def code(self, text: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.cpp"
            path.write_text(text)
            subprocess.run(["clang++", "--target=i686-pc-windows-msvc", "-O2", "-gdwarf-4", "-c", str(path), "-o", str(path) + ".obj"], check=True)
            return objectcode.fingerprint(Path(str(path) + ".obj").read_bytes())

    def test_names_lines_and_remarks_are_no_code(self) -> None:
        whole = self.code(self.TEXT)
        self.assertEqual(whole, self.code("// above\n\n" + self.TEXT))
        self.assertEqual(whole, self.code(self.TEXT.replace("int a)", "int b)").replace("(a)", "(b)").replace("a & 1", "b & 1")))

    def test_instructions_data_and_what_is_called_are(self) -> None:
        whole = self.code(self.TEXT)
        for old, new in (("a & 1", "a & 0"), ("{1, 2}", "{1, 3}"), ("Other(a)", "More(a)")):
            with self.subTest(new):
                self.assertNotEqual(whole, self.code(self.TEXT.replace(old, new)))


def spec(name: str, explore: bool = False, limit: int = 10) -> TestSpec:
    return TestSpec("1.1", name, 1, "", lambda t: None, machine=EXPLORED if explore else Machine(), limit=limit)


def outcome(test: TestSpec, verdict: Verdict, hint: str = "") -> Outcome:
    return Outcome(test.name, "1.1", "", 0, 1, verdict, hint_id=hint, seen="seen")


class Paper:
    """A workshop: the code of a mutant, and at which seeds which test fails, are told to it by the changed line."""

    def __init__(self, codes: Dict[str, str], fails: Dict[str, Dict[int, str]]) -> None:
        self.codes, self.fails = codes, fails
        self.ran: List[Tuple[str, Tuple[str, ...], Tuple[int, ...]]] = []
        self.broken: Optional[Exception] = None

    def built(self, mutant: Optional[Mutant], name: str) -> Tuple[str, str]:
        if mutant is None:
            return "reference", ""
        code = self.codes.get(mutant.after[0], mutant.id)
        return ("", "thing.cpp:1: error: no") if code == "error" else (code, "")

    def judged(self, mutant: Mutant, tests: Sequence[TestSpec], seeds: Sequence[int]) -> Dict[int, List[Outcome]]:
        if self.broken:
            raise self.broken
        self.ran.append((mutant.after[0], tuple(test.name for test in tests), tuple(seeds)))
        found: Dict[int, List[Outcome]] = {}
        for seed in seeds:
            found[seed] = []
            for test in tests:
                failed = self.fails.get(mutant.after[0], {}).get(seed) == test.name
                found[seed].append(outcome(test, Verdict.FAIL if failed else Verdict.PASS, "hint-" + test.name if failed else ""))
                if failed:
                    break
        return found

    def stamp(self, mutant: Mutant, judged: bool) -> str:
        return f"{mutant.id.replace(':', '-')}-{judged}"


class Ends(unittest.TestCase):
    TESTS = (spec("explored", True), spec("dear", limit=99), spec("cheap"))
    SEEDS = (3, 4, 5)

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.store = Path(folder.name)

    def run_engine(self, paper: Paper, body: str, listed: Optional[Dict[str, str]] = None) -> Dict[str, engine.Finding]:
        chosen = [one for one in made(body) if one.rule == "drop"]
        chosen = [dataclasses.replace(one, after=one.before) for one in chosen]  # the paper knows them by what is dropped
        found = engine.Engine(paper, self.store).run(chosen, self.TESTS, self.SEEDS, listed or {})
        return {one.mutant.before[0]: one for one in found}

    def test_code_alone_ends_some(self) -> None:
        paper = Paper({"No();": "error", "Same();": "reference", "One();": "x", "Two();": "x"}, {})
        found = self.run_engine(paper, "    No();\n    Same();\n    One();\n    Two();")
        self.assertEqual({"No();": engine.NOT_COMPILED, "Same();": engine.EQUAL, "One();": engine.SURVIVED, "Two();": engine.TWIN},
                         {name: one.end for name, one in found.items()})
        self.assertEqual(found["One();"].mutant.id, found["Two();"].twin)
        self.assertEqual({"One();"}, {name for name, _, _ in paper.ran})

    def test_direct_tests_come_first_and_cheap_ones_before(self) -> None:
        paper = Paper({}, {"One();": {3: "cheap", 4: "dear", 5: "explored"}, "Two();": {3: "cheap", 4: "cheap", 5: "cheap"}})
        found = self.run_engine(paper, "    One();\n    Two();\n    Three();")
        self.assertEqual([("One();", ("cheap", "dear"), (3, 4, 5)), ("One();", ("explored", ), (5, ))], paper.ran[:2])
        self.assertEqual([("Two();", ("cheap", "dear"), (3, 4, 5))], [one for one in paper.ran if one[0] == "Two();"])
        self.assertEqual([engine.KILLED, engine.KILLED, engine.SURVIVED], [one.end for one in found.values()])
        self.assertEqual(["hint-cheap", "hint-dear", "hint-explored"], [kill.hint for kill in found["One();"].seeds.values()])

    def test_a_seed_that_sees_nothing_is_told(self) -> None:
        found = self.run_engine(Paper({}, {"One();": {3: "cheap", 5: "dear"}}), "    One();")["One();"]
        self.assertEqual(engine.PARTLY, found.end)
        self.assertIn("seed 4: passes", figures.shown(found))

    def test_what_was_found_is_not_run_again(self) -> None:
        body = "    One();\n    No();"
        first = self.run_engine(Paper({"No();": "error"}, {"One();": {3: "cheap"}}), body)
        again = Paper({"One();": "another answer"}, {})
        self.assertEqual(first, self.run_engine(again, body))
        self.assertEqual([], again.ran)

    def test_trouble_is_no_verdict_and_is_tried_again(self) -> None:
        paper = Paper({}, {})
        paper.broken = InfraError("the disk is full")
        found = self.run_engine(paper, "    One();")["One();"]
        self.assertEqual((engine.UNJUDGED, "the disk is full"), (found.end, found.said))
        paper.broken = None
        self.assertEqual(engine.SURVIVED, self.run_engine(paper, "    One();")["One();"].end)

    def test_a_reference_that_does_not_build_ends_it_all(self) -> None:
        class Broken(Paper):
            def built(self, mutant: Optional[Mutant], name: str) -> Tuple[str, str]:
                return "", "thing.cpp:1: error: no"

        with self.assertRaisesRegex(GraderError, "the reference does not build"):
            self.run_engine(Broken({}, {}), "    One();")

    def test_listed_ones_do_not_count_and_are_told_when_they_fail(self) -> None:
        ids = {one.before[0]: mutants.known_by(one.id) for one in made("    One();\n    Two();\n    Three();") if one.rule == "drop"}
        paper = Paper({}, {"Two();": {3: "cheap", 4: "cheap", 5: "cheap"}, "Three();": {3: "cheap", 4: "cheap", 5: "cheap"}})
        found = self.run_engine(paper, "    One();\n    Two();\n    Three();", {ids["One();"]: "why", ids["Two();"]: "wrongly"})
        part = Figures("1.1", 9, list(found.values()))
        self.assertEqual((100.0, 2, 1), (part.percent, part.listed, part.number(engine.KILLED)))
        self.assertEqual([], figures.let_pass([part]))
        self.assertEqual(["Two();"], [one.mutant.before[0] for one in figures.misjudged([part])])

    def test_what_has_a_listed_ones_code_is_equivalent_too(self) -> None:
        ids = {one.before[0]: mutants.known_by(one.id) for one in made("    One();\n    Two();") if one.rule == "drop"}
        every = [one for one in made("    One();\n    Two();") if one.rule == "drop"]
        every = [dataclasses.replace(one, after=one.before) for one in every]
        paper = Paper({"One();": "x", "Two();": "x"}, {})
        found = engine.Engine(paper, self.store).run(every[1:], self.TESTS, self.SEEDS, {ids["One();"]: "why"}, every)
        self.assertEqual([(engine.SURVIVED, "why")], [(one.end, one.reason) for one in found])

    def test_the_figures(self) -> None:
        paper = Paper({"No();": "error"}, {"One();": {3: "cheap", 4: "cheap", 5: "cheap"}, "Two();": {4: "dear"}})
        part = Figures("1.1", 50, list(self.run_engine(paper, "    No();\n    One();\n    Two();\n    Three();").values()))
        self.assertEqual(["1.1", "50", "4", "1", "0", "0", "1", "1", "1", "0", "33.3"], part.row().split())
        self.assertEqual(["Two();", "Three();"], [one.mutant.before[0] for one in figures.let_pass([part])])
        self.assertIn("hint-cheap", figures.hints([part], 60, 1))
        self.assertEqual(figures.hints([part], 1, 1), figures.hints([part], 1, 1))
        data = figures.to_json(1, [3], [part])
        self.assertEqual("hint-cheap", data["exercises"][0]["mutants"][1]["seeds"]["3"]["hint"])
        self.assertEqual("-", Figures("1.2", 0, []).row().split()[-1])


if __name__ == "__main__":
    unittest.main()
