"""From submission to Result, and the command line around it: selection, seeds, exit codes, files written, errors."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import unittest
from pathlib import Path
from typing import Callable, Tuple
from unittest import mock

from grader import cli, labs
from grader.api import Context, TestFailure
from grader.building.builder import Builder
from grader.commands import grade as grade_command
from grader.errors import GraderError, InfraError
from grader.judge.grading import Grading, default_seed
from grader.judge.verdict import judge
from grader.model import WHOLE, Kernel, KernelSet, Outcome, Progress, TestSpec, Verdict
from grader.report import result as results
from grader.submission import manifest
from grader.submission.files import Submission
from grader.submission.studentseed import COMPLETE, complete_tree_seed, from_mail, student_seed
from grader.tests.fixture import QUANTUM, READY, SWITCH, TreeCase, fails, passes, runner
from grader.tree import BRANCH_FILE, Tree

SEED_FILE = "labs/0-boot/seed.txt"
ALL = ["insert_at_tail", "bit_follows_queue", "registers_survive", "threads_take_turns"]


class FakeBuilder(Builder):
    """Builds nothing; `errors` are the kernels that fail."""

    def __init__(self, tree: object, course: object, errors: "dict[str, str] | None" = None) -> None:
        super().__init__(tree, course)  # type: ignore[arg-type]
        self.errors = errors or {}

    def base(self) -> Path:
        return Path("/nonexistent/free")

    def build(self, submission: Submission, keys: object, student_seed: int = 0) -> KernelSet:
        folder = Path("/nonexistent") / submission.digest
        kernels = {key: Kernel(folder, self.errors.get(key, "")) for key in ("1.1", "1.2", WHOLE)}
        for name in submission.missing:
            kernels["1.1" if name == READY else "1.2"] = Kernel(self.base(), f"the submission has no {name}")
        return KernelSet(kernels, Path("/nonexistent"), student_seed)


class Select(TreeCase):
    """LAB= and TEST=."""

    def names(self, lab: str = "", pattern: str = "") -> "list[str]":
        return [test.name for test in labs.select(labs.load(self.tree), lab, pattern)[1]]

    def test_all(self) -> None:
        self.assertEqual(self.names(), ALL)

    def test_by_lab(self) -> None:
        for name in ("1", "processes", "1-processes", "lab1", "lab1-processes"):
            self.assertEqual(self.names(name), ALL)

    def test_by_name_glob_and_exercise(self) -> None:
        self.assertEqual(self.names("", "insert_at_tail"), ALL[:1])
        self.assertEqual(self.names("1", "*_t*"), [ALL[0], ALL[3]])
        self.assertEqual(self.names("", "1.2"), ALL[2:])
        self.assertEqual(self.names("", "1.[23]"), ALL[2:])
        self.assertEqual(self.names("", "?.1"), ALL[:2])
        self.assertEqual(self.names("", "1.*"), ALL)
        self.assertEqual(self.names("", "[it]*"), [ALL[0], ALL[3]])
        self.assertEqual(self.names("", "insert*, threads*"), [ALL[0], ALL[3]])

    def test_unknown_lists_what_exists(self) -> None:
        with self.assertRaisesRegex(GraderError, r"unknown lab '9'; there are: 1 \(processes\)"):
            self.names("9")
        with self.assertRaisesRegex(GraderError,
                                    "no test matches 'nope'; there are: insert_at_tail, bit_follows_queue"):
            self.names("1", "nope")


class Broken(TreeCase):
    """Labs that contradict themselves name the file."""

    def refused(self, pattern: str) -> None:
        with self.assertRaisesRegex(GraderError, pattern):
            labs.load(self.tree)

    def test_points_must_add_up(self) -> None:
        path = self.tree.root / "labs/1-processes/lab.py"
        path.write_text(path.read_text().replace('"Switch", 3', '"Switch", 4'))
        self.refused(r"lab.py: exercise 1.2 has 4 points, its tests add up to 3")

    def test_broken_module(self) -> None:
        self.put("labs/1-processes/tests/test_more.py", "import nothing_of_that_name\n")
        self.refused(r"test_more.py: ModuleNotFoundError")

    def test_broken_manifest(self) -> None:
        self.put("labs/1-processes/lab.py", "LAB = 1 +\n")
        self.refused(r"labs/1-processes/lab.py: SyntaxError")

    def test_double_name(self) -> None:
        self.put("labs/1-processes/tests/test_zzz.py",
                 (self.tree.root / "labs/1-processes/tests/test_threads.py").read_text())
        self.refused("a test named insert_at_tail is in")

    def test_no_labs(self) -> None:
        (self.tree.root / "labs/1-processes/lab.py").unlink()
        self.refused("no labs")

    def test_helper_modules_of_two_labs_do_not_meet(self) -> None:
        first = (self.tree.root / "labs/1-processes/tests/test_threads.py")
        first.write_text("from .shared import VALUE\nassert VALUE == 1\n" + first.read_text())
        self.put("labs/1-processes/tests/shared.py", "VALUE = 1\n")
        self.put("labs/2-memory/lab.py", 'from grader.model import Exercise, Lab\n'
                 'LAB = Lab(2, "memory", "M", "lab2-memory", (Exercise("2.1", "P", 0, ()),))\n')
        self.put("labs/2-memory/tests/test_pages.py", "from .shared import VALUE\nassert VALUE == 2\n")
        self.put("labs/2-memory/tests/shared.py", "VALUE = 2\n")
        self.assertEqual(len(labs.load(self.tree).labs), 2)


class Grade(TreeCase):
    """One grading with a runner that needs no machine."""

    def setUp(self) -> None:
        super().setUp()
        self.student = self.home / "student"
        for name in (READY, SWITCH, QUANTUM):
            path = self.student / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("mine\n")

    def grade(self,
              judge: Callable[[TestSpec, int], Outcome] = passes,
              errors: "dict[str, str] | None" = None,
              **more: object):
        course = labs.load(self.tree)
        grading = Grading(self.tree, course, runner(judge), builder=FakeBuilder(self.tree, course, errors))
        return grading.grade(str(self.student), course.labs, course.tests, **more)  # type: ignore[arg-type]

    def test_full_marks(self) -> None:
        result = self.grade()
        self.assertEqual((result.score, result.max_score, result.exit_code), (8, 8, 0))

    def test_order_is_the_labs(self) -> None:
        self.assertEqual([outcome.test for outcome in self.grade(errors={"1.1": "x"}).outcomes], ALL)

    def test_build_error_costs_its_exercise(self) -> None:
        result = self.grade(errors={"1.1": f"{READY}:3:1: error: oops"})
        self.assertEqual((result.score, result.max_score, result.exit_code), (3, 8, 1))
        self.assertEqual(result.outcomes[0].where, f"{READY}:3")
        self.assertEqual([(note.exercise, note.fatal) for note in result.notes], [("1.1", True), ("", False)])

    def test_missing_file_costs_its_exercise(self) -> None:
        (self.student / READY).unlink()
        result = self.grade()
        self.assertEqual((result.score, result.exit_code), (3, 1))
        self.assertIn(f"the submission has no {READY}", result.outcomes[0].seen)

    def test_a_failure_is_no_full_marks_even_without_points(self) -> None:
        """A branch's test of the student's own scenarios has no points: they are those of the hidden ones."""
        result = self.grade()
        lost = dataclasses.replace(result.outcomes[0], verdict=Verdict.FAIL, points=0, max_points=0)
        self.assertEqual(dataclasses.replace(result, outcomes=(lost, *result.outcomes[1:])).exit_code, 1)

    def test_infra_error_is_exit_code_2(self) -> None:
        self.assertEqual(self.grade(lambda test, seed: fails(test, seed, Verdict.INFRA_ERROR)).exit_code, 2)

    def test_runner_that_loses_a_test(self) -> None:
        course = labs.load(self.tree)
        grading = Grading(self.tree, course, lambda *_: [], builder=FakeBuilder(self.tree, course))
        with self.assertRaisesRegex(GraderError, "gave no outcome for insert_at_tail"):
            grading.grade(str(self.student), course.labs, course.tests)

    def test_seed_depends_on_the_content_only(self) -> None:
        first = self.grade().seed
        self.assertEqual(self.grade().seed, first)
        (self.student / READY).write_text("other\n")
        self.assertNotEqual(self.grade().seed, first)
        self.assertEqual(self.grade(seed=5).seed, 5)
        self.assertEqual({outcome.seed for outcome in self.grade(seed=5).outcomes}, {5})

    def test_default_seed_is_too_long_to_search_for(self) -> None:
        for index in range(200):
            self.assertEqual(len(str(default_seed(Submission({"a": bytes([index])}, ())))), 15)

    def test_all_unwritten_exercises_are_listed_before_the_first_build(self) -> None:
        """Where the branch has no reference: a kernel stops at the first stub, and says nothing of the others."""
        self.put(BRANCH_FILE, '{"lab": 1}')
        (self.student / READY).write_text('void f() { LAB_NOT_IMPLEMENTED("1.1"); }\n')
        (self.student / SWITCH).unlink()
        told = []

        class Noting(Progress):
            def note(self, text: str) -> None:
                told.append(text)

        course = labs.load(self.tree)
        builder = FakeBuilder(self.tree, course)
        made = builder.build
        builder.build = lambda *arguments: (told.append("build"), made(*arguments))[1]  # type: ignore[method-assign, assignment, func-returns-value]
        Grading(self.tree, course, runner(passes), Noting(), builder=builder).grade(str(self.student), course.labs, course.tests)
        self.assertEqual("build", told[1])
        self.assertEqual([f"  1.1 Ready queues: LAB_NOT_IMPLEMENTED stands in {READY}", f"  1.2 Switch: no file {SWITCH}"], told[0].splitlines()[1:])
        told.clear()
        self.put("kernel/prebuilt/reference/" + READY[len("kernel/"):] + ".obj", "")
        Grading(self.tree, course, runner(passes), Noting(), builder=builder).grade(str(self.student), course.labs, course.tests)
        self.assertEqual([f"  1.2 Switch: no file {SWITCH}"], told[0].splitlines()[1:])

    def test_student_seed_reaches_the_kernels(self) -> None:
        (self.student / "labs/0-boot").mkdir(parents=True)
        (self.student / "labs/0-boot/seed.txt").write_text("# mine\n4711\n")
        self.assertEqual(self.grade().student_seed, 4711)
        self.assertEqual(self.grade(own_seed=12).student_seed, 12)

    def test_missing_student_seed_is_the_same_on_every_machine(self) -> None:
        found = set()
        for mail in ("ann@x.org", "bob@x.org", ""):
            with mock.patch("grader.submission.studentseed.git_mail", return_value=mail), mock.patch("grader.git.run", side_effect=AssertionError(mail)):
                result = self.grade()
            self.assertIsNone(result.student_seed)
            found.add(results.to_bytes(result))
        self.assertEqual(len(found), 1)
        self.assertIsNone(json.loads(found.pop())["student_seed"])
        self.assertEqual(self.grade(own_seed=12).student_seed, 12)

    def test_complete_tree_has_a_seed_of_its_own(self) -> None:
        course = labs.load(self.tree)
        builder = FakeBuilder(self.tree, course)
        builder.reference = lambda seed, wanted: KernelSet({key: Kernel(Path("k")) for key in ("1.1", "1.2", WHOLE)}, Path("."), seed)
        grading = Grading(self.tree, course, runner(), builder=builder)
        self.assertEqual(grading.grade("", course.labs, course.tests).student_seed, COMPLETE)
        root = Path(__file__).resolve().parents[2]
        self.assertEqual(complete_tree_seed(Tree(root, root / "build"), SEED_FILE), COMPLETE)

    def test_other_sources_of_a_submission_are_named(self) -> None:
        self.put("kernel/ntos/ke/ki.h", "#pragma once\n")
        for name, text in (("kernel/ntos/ke/ki.h", "mine\n"), ("kernel/ntos/ke/extra.cpp", "new\n"), ("README.md", "x"),
                           ("labs/1-processes/lab.py", (self.tree.root / "labs/1-processes/lab.py").read_text())):
            path = self.student / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (note,) = self.grade().notes
        self.assertRegex(note.text, "^not taken from the submission.*: kernel/ntos/ke/extra.cpp \\(unknown\\), kernel/ntos/ke/ki.h\\.")
        self.assertEqual(self.grade().score, 8)
        self.put("kernel/ntos/ke/ki.h", "mine\n")
        (self.student / "kernel/ntos/ke/extra.cpp").unlink()
        self.assertEqual(self.grade().notes, ())

    def test_edits_that_count_at_home_only_are_named(self) -> None:
        header = self.put("kernel/ntos/ke/ki.h", "#pragma once\n")
        names = [READY, "kernel/ntos/ke/ki.h"]
        self.put(manifest.FILE, manifest.render({name: (self.tree.root / name).read_bytes() for name in names}, [READY]).decode())
        course = labs.load(self.tree)
        grading = Grading(self.tree, course, runner(passes), builder=FakeBuilder(self.tree, course))
        told = lambda: [remark for remark in grading.read("").remarks if "ki.h" in remark]
        self.put(READY, "my work\n")
        self.assertEqual(told(), [])
        header.write_text("mine\n")
        self.assertRegex(told()[0], "^these changes will not be submitted: kernel/ntos/ke/ki.h")


class StudentSeed(TreeCase):
    """The seed of exercise 0.1."""

    def test_every_encoding(self) -> None:
        text = "# mine: \u00fc\n4711\n"
        wide = "\uff14\uff17\uff11\uff11\uff03x"
        for content in (text.encode(), text.encode("utf-8-sig"), text.encode("utf-16"), text.encode("utf-16-le"), text.encode("latin-1"),
                        text.replace("\n", "\r\n").encode(), text.replace("\n", "\r").encode(), wide.encode(), wide.encode("utf-16")):
            self.assertEqual(student_seed(SEED_FILE, content).value, 4711, content)

    def test_test_that_asks_for_a_missing_seed(self) -> None:
        spec = TestSpec("0.1", "vector", 1, "vector: which exception was it?", lambda t: None, seed_file=SEED_FILE)
        self.assertEqual(Context(spec, 1, None, self.home, 7).student_seed, 7)
        with self.assertRaises(TestFailure) as caught:
            Context(spec, 1, None, self.home, None).student_seed
        end = judge(Context(spec, 1, None, self.home, None), caught.exception, None)
        self.assertEqual((end.verdict, end.seen), (Verdict.FAIL, "cannot judge: labs/0-boot/seed.txt is missing"))
        assert end.hint is not None
        self.assertRegex(end.hint.text, "Run `make seed`.*submit labs/0-boot/seed.txt.*--student-seed")

    def test_mail_is_folded(self) -> None:
        self.assertEqual(from_mail(" Ann@X.org"), from_mail("ann@x.org\n"))
        self.assertNotEqual(from_mail("ann@x.org"), from_mail("bob@x.org"))

    def test_bad_file(self) -> None:
        for content in (b"", b"abc", b"-1", b"99999999999", b"\xff\xfe"):
            with self.assertRaisesRegex(GraderError, "is no seed"):
                student_seed(SEED_FILE, content)


class CommandLine(TreeCase):
    """`python3 -m grader grade`."""

    def setUp(self) -> None:
        super().setUp()
        builder = mock.patch("grader.judge.grading.Builder", lambda tree, course, *_: FakeBuilder(tree, course))
        builder.start()
        self.addCleanup(builder.stop)

    def run_grader(self, *arguments: str, judge: Callable[[TestSpec, int], Outcome] = passes) -> Tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with mock.patch.object(grade_command, "default_runner", lambda: runner(judge)), \
                contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main(arguments, self.tree)
        return code, out.getvalue(), err.getvalue()

    def test_full_marks(self) -> None:
        code, out, err = self.run_grader("grade", "--lab", "", "--test", "", "--seed", "", "--submission",
                                         str(self.tree.root))
        self.assertEqual(code, 0, err)
        self.assertTrue(out.endswith("Lab 1: 8/8\nScore: 8/8\ngrade: exit 0 (full marks)\n"))
        self.assertIn("[4/4] PASS", err)

    def test_tests_that_are_named_one_by_one_all_run(self) -> None:
        names = ALL[:3]
        _, out, err = self.run_grader("grade", "--test", names[0], "--test", f"{names[1]},{names[2]}", "--test", "", "--submission", str(self.tree.root))
        self.assertIn("[3/3] PASS", err, out)

    def test_points_lost(self) -> None:
        code, out, _ = self.run_grader("grade", judge=fails)
        self.assertEqual((code, out.splitlines()[-1]), (1, "grade: exit 1 (points lost)"))

    def test_last_line_tells_every_end(self) -> None:
        lost = lambda test, seed: fails(test, seed, Verdict.INFRA_ERROR)
        broken = lambda test, seed: 1 // 0
        for judge_by, arguments in ((lost, ()), (broken, ()), (passes, ("--lab", "9")), (passes, ("--no-such-option",))):
            code, out, _ = self.run_grader("grade", *arguments, judge=judge_by)
            self.assertEqual((code, out.splitlines()[-1]), (2, "grade: exit 2 (could not grade)"))
        self.assertNotIn("grade: exit", self.run_grader("grade", "--help")[1] + self.run_grader("seed", "--set", "1")[1])

    def test_replay_command_names_the_submission_on_the_screen_only(self) -> None:
        target = self.home / "r.json"
        _, out, _ = self.run_grader("grade", "--submission", str(self.tree.root), "--json", str(target), judge=fails)
        self.assertRegex(out, r"make replay LAB=1 TEST=insert_at_tail SEED=\d+ SUBMISSION=/")
        self.assertNotIn("SUBMISSION", target.read_text())

    def test_nothing_to_replay_without_a_machine(self) -> None:
        self.put("labs/1-processes/tests/test_none.py", "from grader.model import TestSpec\ndef none(t): pass\n"
                 'none.spec = TestSpec("1.1", "none", 0, "None", none, stage="none")\n')
        _, out, _ = self.run_grader("grade", "--test", "none", "--submission", str(self.tree.root), judge=fails)
        self.assertIn("none", out)
        self.assertNotIn("make replay", out)

    def test_could_not_grade(self) -> None:
        for arguments, message in ((("grade", "--lab", "9"), "there are: 1 (processes)"),
                                   (("grade", "--test", "x"), "insert_at_tail"), (("grade", "--submission", "nowhere"),
                                                                                  "no such folder, archive or git ref"),
                                   (("grade", "--seed", "abc"), "must be a whole number"), (("grade", "--jobs", "0"),
                                                                                            "at least 1")):
            code, out, err = self.run_grader(*arguments)
            self.assertEqual((code, out), (2, "grade: exit 2 (could not grade)\n"), arguments)
            self.assertIn(message, err)
            self.assertEqual(len(err.strip().splitlines()), 1, err)

    def test_unexpected_error_leaves_a_log(self) -> None:
        def judge(test: TestSpec, seed: int) -> Outcome:
            raise ZeroDivisionError("our own fault")
        code, _, err = self.run_grader("grade", judge=judge)
        self.assertEqual(code, 2)
        self.assertNotIn("Traceback", err)
        log = self.tree.out / "grader-error.log"
        self.assertIn(str(log), err)
        self.assertIn("our own fault", log.read_text())

    def test_files_are_written(self) -> None:
        names = {name: str(self.home / f"out/{name}") for name in ("json", "gradescope", "github", "junit")}
        with mock.patch.dict("os.environ", {"GITHUB_OUTPUT": ""}):
            self.run_grader("grade", *[word for name, path in names.items() for word in (f"--{name}", path)])
        self.assertEqual(json.loads(Path(names["json"]).read_text())["score"], 8)
        self.assertEqual(json.loads(Path(names["gradescope"]).read_text())["score"], 8)
        self.assertEqual(json.loads(Path(names["github"]).read_text())["status"], "pass")
        self.assertTrue(Path(names["github"] + ".output").read_text().startswith("result="))
        self.assertIn("<testsuites", Path(names["junit"]).read_text())

    def test_refused_submission_leaves_files_too(self) -> None:
        archive = self.home / "bad.zip"
        archive.write_bytes(b"no archive")
        names = {name: str(self.home / f"out/{name}") for name in ("json", "gradescope", "github", "junit")}
        with mock.patch.dict("os.environ", {"GITHUB_OUTPUT": ""}):
            code, _, _ = self.run_grader("grade", "--submission", str(archive),
                                         *[word for name, path in names.items() for word in (f"--{name}", path)])
        self.assertEqual(code, 2)
        for path in names.values():
            self.assertIn("not a complete zip or tar", Path(path).read_text())
        self.assertEqual(json.loads(Path(names["json"]).read_text())["exit_code"], 2)

    def refusal(self) -> str:
        target = self.home / "refused.json"
        target.unlink(missing_ok=True)
        code, _, _ = self.run_grader("grade", "--json", str(target))
        self.assertEqual(code, 2)
        return str(json.loads(target.read_text())["refused"]) if target.exists() else ""

    def test_bad_seed_is_a_refused_submission(self) -> None:
        self.put("labs/0-boot/seed.txt", "my seed\n")
        self.assertIn("is no seed", self.refusal())

    def test_what_a_student_broke_at_home_is_a_refused_submission(self) -> None:
        self.put("labs/1-processes/lab.py", "LAB = 1 +\n")
        self.assertEqual(self.refusal(), "")  # the complete tree: the instructor's own mistake
        self.put(BRANCH_FILE, '{"lab": 1}\n')
        self.assertIn("lab.py: SyntaxError", self.refusal())

    def test_trouble_of_the_machine_is_no_refused_submission(self) -> None:
        self.put(BRANCH_FILE, '{"lab": 1}\n')
        with mock.patch.object(FakeBuilder, "build", side_effect=InfraError("no room on the disk")):
            self.assertEqual(self.refusal(), "")

    def test_step_output_of_github(self) -> None:
        target = self.home / "step"
        target.write_text("earlier=1\n")
        with mock.patch.dict("os.environ", {"GITHUB_OUTPUT": str(target)}):
            self.run_grader("grade", "--github", str(self.home / "gh.json"))
        self.assertEqual([line.split("=")[0] for line in target.read_text().splitlines()], ["earlier", "result"])

    def test_result_that_cannot_be_written(self) -> None:
        code, _, err = self.run_grader("grade", "--json", "/proc/no/such")
        self.assertEqual(code, 2)
        self.assertIn("cannot be written", err)

    def test_same_bytes_twice(self) -> None:
        first, second = self.home / "1.json", self.home / "2.json"
        self.run_grader("grade", "--json", str(first), judge=fails)
        self.run_grader("grade", "--json", str(second), judge=fails)
        self.assertEqual(first.read_bytes(), second.read_bytes())
        self.assertNotIn(str(self.home), first.read_text())

    def test_seed_command(self) -> None:
        code, out, _ = self.run_grader("seed", "--set", "123")
        self.assertEqual((code, out.splitlines()[0]), (0, "student seed 123, from the command line"))
        self.assertIn("labs/0-boot/seed.txt", self.run_grader("seed")[1])

    def test_seed_command_makes_it_from_the_students_mail(self) -> None:
        with mock.patch("grader.commands.seed.git_mail", return_value=""):
            code, _, err = self.run_grader("seed")
            self.assertEqual(code, 2)
            self.assertIn("make seed EMAIL=", err)
        with mock.patch("grader.commands.seed.git_mail", return_value="ann@x.org"):
            self.assertIn("ann@x.org", self.run_grader("seed")[1])
        self.assertEqual(student_seed(SEED_FILE, (self.tree.root / "labs/0-boot/seed.txt").read_bytes()).value, from_mail("ann@x.org"))

    def test_missing_seed_is_told_at_home_and_to_the_instructor(self) -> None:
        self.put("labs/0-boot/lab.py", 'from grader.model import Exercise, Lab\nLAB = Lab(0, "boot", "B", "lab0-boot", '
                 '(Exercise("0.1", "Q", 1, ("labs/0-boot/answers.txt",)),), seed="labs/0-boot/seed.txt")\n')
        self.put("labs/0-boot/answers.txt", "vector = 1\n")
        self.put("labs/0-boot/tests/test_q.py", "from grader.model import TestSpec\ndef q(t): pass\n"
                 'q.spec = TestSpec("0.1", "q", 1, "Q", q, stage="none")\n')
        with mock.patch.object(FakeBuilder, "build", lambda *args: KernelSet({"0.1": Kernel(Path("k"))}, Path("k"), None)):
            self.assertIn("--student-seed N", self.run_grader("grade", "--lab", "0", "--submission", str(self.tree.root))[1])
            self.put(BRANCH_FILE, "0\n")
            self.assertIn("Run `make seed`", self.run_grader("grade", "--lab", "0")[1])

    def test_unknown_command(self) -> None:
        self.assertEqual(self.run_grader("fly")[0], 2)


if __name__ == "__main__":
    unittest.main()
