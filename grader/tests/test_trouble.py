"""Trouble of the machine is no verdict: it is tried again, nothing of it is kept, and it ends with exit code 2 and a sentence.

Tools that fail lie in a folder at the head of PATH.  A file that cannot be compiled keeps its verdict, whatever it says.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import shutil
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from typing import Callable
from unittest import mock, skipUnless

from grader import cli, labs
from grader.building import room, sandbox, toolverdict
from grader.building.builder import EXPLORED, VERSION, Builder
from grader.errors import InfraError
from grader.judge.grading import Grading
from grader.model import EXPLORE, WHOLE, Kernel, KernelSet, Progress, Verdict
from grader.report import result as results
from grader.submission.files import Submission
from grader.tests.fixture import QUANTUM, READY, SWITCH, runner
from grader.tests.minikernel import SOURCES
from grader.tests.test_build import OverlayCase

MINE = SOURCES[READY] + "// mine\n"
UNDECLARED = 'extern "C" int KiReady(int n) { return m; }\n'
NO_SPACE = "error: unable to open output file 'ready.cpp.obj': 'No space left on device'"
BACK_END = "fatal error: error in backend: IO failure on output stream: No space left on device"
ENDLESS = "template<int n, int m> struct A { static constexpr long v = A<n-1, m*2>::v + A<n-1, m*2+1>::v; };\n" \
          "template<int m> struct A<0, m> { static constexpr long v = m; };\nconstexpr long k = A<22, 0>::v;\n"
GREEDY = "template<int N, class... T> struct L { using t = typename L<N-1, T..., T..., int>::t; };\n" \
         "template<class... T> struct L<0, T...> { using t = int; };\nL<30>::t x;\n"


class Watch(Progress):
    """Notes what is told, and mends the machine when it is told of trouble."""

    def __init__(self, mend: "Callable[[], object] | None" = None) -> None:
        self.told: "list[str]" = []
        self._mend = mend

    def say(self, text: str) -> None:
        self.told.append(text)
        if self._mend and "not built" in text:
            self._mend()


class TroubleCase(OverlayCase):
    """A tree whose base is built; then the machine fails, as long as the file `fails` is there."""

    shared: "OverlayCase | None" = None  # its tree serves all tests: building it takes longest

    def setUp(self) -> None:
        if TroubleCase.shared is None:
            TroubleCase.shared = OverlayCase("build")
            unittest.addModuleCleanup(TroubleCase.shared.doCleanups)
            TroubleCase.shared.setUp()
        self.home, self.tree = TroubleCase.shared.home, TroubleCase.shared.tree
        Builder(self.tree, labs.load(self.tree)).base()
        for made in (self.tree.out / "kernels", self.home / "llvm"):
            shutil.rmtree(made, ignore_errors=True)
        self.bin, self.fails = self.home / "llvm/bin", self.home / "llvm/fails"
        self.bin.mkdir(parents=True)
        self.real = os.environ["PATH"]
        path = mock.patch.dict(os.environ, PATH=f"{self.bin}:{os.environ['PATH']}")
        path.start()
        self.addCleanup(path.stop)
        self.addCleanup(sandbox.bwrap.cache_clear)

    def tool(self, name: str, body: str, where: str = "-c") -> None:
        """A program that runs `body` (bash) when one of its arguments is `where`, and then, unless it ended, the real one."""
        real = shutil.which(name, path=self.real)
        (self.bin / name).write_text(f'#!/bin/bash\nif [ -e "{self.fails}" ]; then for word; do if [[ $word == {where} ]]; then\n'
                                     f'{body}\nbreak; fi; done; fi\nexec "{real}" "$@"\n')
        (self.bin / name).chmod(0o755)
        if name != "clang++" and not (self.bin / "clang++").exists():
            (self.bin / "clang++").write_text(f'#!/bin/bash\nexec "{shutil.which("clang++", path=self.real)}" "$@"\n')
            (self.bin / "clang++").chmod(0o755)  # so that the sandbox shows the folder
        self.fails.touch()

    def kernels(self, ready: str = MINE, watch: "Watch | None" = None, **more: str) -> KernelSet:
        builder = Builder(self.tree, labs.load(self.tree), watch or Watch())
        self.builder = builder
        return self.build(self.files(ready=ready, **more))

    def stamps(self) -> "list[str]":
        return [path.name for path in (self.tree.out / "kernels").glob("*/done.json")]

    def assert_trouble(self, kernel: Kernel, pattern: str) -> None:
        self.assertEqual(kernel.error, "")
        self.assertRegex(kernel.trouble, pattern)
        self.assertNotIn(str(self.home), kernel.trouble.replace(str(self.tree.out), ""))
        self.assertEqual(self.stamps(), [], "trouble was kept")


class Compiler(TroubleCase):
    """The compiler's ends."""

    def test_killed_once_is_tried_again(self) -> None:
        self.tool("clang++", "kill -9 $$")
        watch = Watch(self.fails.unlink)
        kernels = self.kernels(watch=watch)
        self.assertTrue(self.image(kernels, "1.1"))
        self.assertEqual((kernels["1.1"].trouble, len(self.stamps())), ("", 1))
        self.assertTrue([line for line in watch.told if "ended by signal 9" in line])

    def test_killed_always_is_no_verdict_and_the_next_grading_is_undisturbed(self) -> None:
        self.tool("clang++", "kill -9 $$")
        kernels = self.kernels()
        self.assert_trouble(kernels["1.1"], f"the compiler was ended by signal 9 on {READY}; 2 attempts.*grade again")
        self.assert_trouble(kernels[WHOLE], "signal 9")
        self.assertEqual((kernels["1.2"].error, kernels["1.2"].trouble), ("", ""))
        self.fails.unlink()
        self.assertTrue(self.image(self.kernels(), "1.1"))

    def test_silence_and_a_full_disk(self) -> None:
        for body, pattern in (("exit 1", "ended with code 1 on .* names no place in it"), (f'echo "{NO_SPACE}" >&2; exit 1', "No space left on device"),
                              ("exit 0", "make did not come to compile")):
            with self.subTest(body=body):
                self.tool("clang++", body)
                self.assert_trouble(self.kernels()["1.1"], pattern)

    def test_busy_machine_is_no_verdict(self) -> None:
        self.tool("clang++", "sleep 60")
        with mock.patch.object(sandbox, "run", functools.partial(sandbox.run, wall_seconds=1)):
            self.assert_trouble(self.kernels()["1.1"], "the machine is too busy")

    def test_file_that_never_compiles_is_a_verdict(self) -> None:
        for text, name, cap in ((ENDLESS, "CPU_SECONDS", 1), (GREEDY, "MEMORY_KB", 500_000),
                                ("char a[9 << 20] = {1};\n", "FILE_BLOCKS", 1 << 11)):
            with self.subTest(cap=name), mock.patch.object(sandbox, name, cap):
                kernel = self.kernels(text + MINE)["1.1"]
                self.assertEqual(kernel.trouble, "")
                self.assertRegex(kernel.error, f"{READY}: the compiler was stopped: the file needs more than")
        self.assertEqual(len(self.stamps()), 3)

    def test_file_that_reaches_the_limit_is_compiled_once_for_all_flavours_and_no_other_one_behind_it(self) -> None:
        files, watch, course = self.files(quantum=ENDLESS + SOURCES[QUANTUM], switch="nonsense\n"), Watch(), labs.load(self.tree)
        self.assertEqual((SWITCH, QUANTUM), course.labs[0].exercises[1].files)
        backwards = [replace(exercise, files=exercise.files[::-1]) for exercise in course.labs[0].exercises]
        builder = Builder(self.tree, replace(course, labs=(replace(course.labs[0], exercises=tuple(backwards)),)), watch)
        with mock.patch.object(sandbox, "CPU_SECONDS", 1):
            kernels = builder.build(Submission(files, ()), ["1.2", "1.2" + EXPLORE])
        self.assertEqual(["quantum.cpp.obj.said"], [path.name for path in (self.tree.out / "kernels").rglob("*.said")])
        self.assertEqual(kernels["1.2"].error, kernels["1.2" + EXPLORE].error)
        self.assertRegex(kernels["1.2"].error, rf"^{QUANTUM}: the compiler was stopped: the file needs more than 1 s")
        self.assertNotIn(SWITCH, kernels["1.2"].error)
        self.assertIn(kernels["1.2"].error, watch.told, "it is said at once")
        self.assertEqual(2, len(self.stamps()), "the next grading knows it")

    def test_message_that_speaks_of_a_full_disk_is_a_verdict(self) -> None:
        for line in ("#error cannot open file 'x': No space left on device", "#error clang: IO failure", "int No space left on device;",
                     "error: unable to open output file 'x': 'No space left on device'"):
            with self.subTest(line=line):
                kernel = self.kernels(line + "\n" + MINE)["1.1"]
                self.assertEqual(kernel.trouble, "")
                self.assertRegex(kernel.error, f"{READY}:1:")

    def test_errors_outside_the_file_that_it_causes_are_verdicts(self) -> None:
        self.put("kernel/ntos/ke/ki.h", SOURCES["kernel/ntos/ke/ki.h"] + "template<class T> T Twice(T t) { return t->x; }\n")
        self.addCleanup(self.put, "kernel/ntos/ke/ki.h", SOURCES["kernel/ntos/ke/ki.h"])
        for text in (MINE + "int two = Twice(1);\n", "#define KiReady 7\n" + MINE, MINE + 'asm("nonsense");\n',
                     MINE + 'void f() { asm("nonsense"); }\n', MINE + '#include "nowhere.h"\n'):
            with self.subTest(text=text[-30:]):
                kernel = self.kernels(text)["1.1"]
                self.assertEqual(kernel.trouble, "")
                self.assertIn("error", kernel.error)
        kernel = self.kernels(switch=".macro two\n nonsense\n.endm\n two\n" + SOURCES[SWITCH])["1.2"]
        self.assertEqual((kernel.trouble, "error" in kernel.error), ("", True))

    def test_every_file_speaks_whatever_the_number_of_jobs(self) -> None:
        said = set()
        for jobs in (1, 4):
            builder = Builder(self.tree, labs.load(self.tree), jobs=jobs)
            shutil.rmtree(self.tree.out / "kernels", ignore_errors=True)
            self.builder = builder
            said.add(self.build(self.files(quantum="int a = b;\n", switch="nonsense\n"))["1.2"].error)
        self.assertEqual(len(said), 1)
        text = said.pop()
        self.assertIn(f"{QUANTUM}:1:9: error", text)
        self.assertIn(f"{SWITCH}:1:1: error", text)

    def test_trouble_with_one_file_says_nothing_of_the_other(self) -> None:
        self.tool("clang++", "[[ $* == *quantum* ]] && kill -9 $$")
        self.assert_trouble(self.kernels(ready=SOURCES[READY], quantum=SOURCES[QUANTUM] + "\n", switch="nonsense\n")["1.2"], "signal 9")


class Ends(unittest.TestCase):
    """toolverdict on what a compiler leaves behind."""

    def found(self, code: object, said: str, run: "sandbox.Run | None" = None) -> toolverdict.Finding:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder, "ready.cpp.obj")
            Path(folder, "ready.cpp.obj.code").write_text(f"{code}\n")
            Path(folder, "ready.cpp.obj.said").write_text(said)
            return toolverdict.of_compiler(run or sandbox.Run(2, ""), {READY: made}, [Path(folder)])

    def test_trouble(self) -> None:
        for code, said, pattern in (
            (137, "", "ended by signal 9"), (143, "", "ended by signal 15"), (139, f"Stack dump:\n1. {READY}:3:1: parsing", "ended by signal 11"),
            (127, "clang++: command not found", "the compiler is not there"), (126, "", "not there or does not run"), ("", "", "did not come to"),
            (70, BACK_END, r"code 70 .*\(IO failure, No space left on device\)"),
            (254, "clang: error: unable to execute command: Killed", "signal"),
            (1, f"{READY}:1:10: fatal error: cannot open file 'ki.h': Input/output error", r"\(Input/output error\)"),
            (1, "kernel/ntos/ke/sched/quantum.cpp:1:1: error: of another file", "names no place"),
            (1, f"In file included from {READY}:1:\nkernel/ntos/ke/ki.h:1:1: fatal error: file 'x.h' modified since it was first processed", "modified"),
            (134, "LLVM ERROR: assertion", "signal 6"),
        ):
            with self.subTest(code=code, said=said):
                finding = self.found(code, said)
                self.assertEqual(finding.verdict, "")
                self.assertRegex(finding.trouble, pattern)

    def test_verdicts(self) -> None:
        for code, said in ((1, f"{READY}:1:2: error: x"), (1, READY.replace("/", "\\") + ":1:2: error: x"), (1, "<inline asm>:1:2: error: x"),
                           (1, f"In file included from {READY}:1:\nkernel/ntos/ke/ki.h:1:1: error: x"),
                           (1, f"kernel/ntos/ke/ki.h:1:1: error: x\n{READY}:9:9: note: in instantiation"),
                           (1, f"error: {READY}:3:5: in function KiReady i32 (i32): unsupported call"), (152, "Stack dump:"), (153, "")):
            with self.subTest(code=code, said=said):
                finding = self.found(code, said)
                self.assertEqual(finding.trouble, "")
                self.assertTrue(finding.verdict)

    def test_limit_of_memory_is_told_from_a_machine_without_memory(self) -> None:
        said = "LLVM ERROR: out of memory\nAllocation failed"
        with mock.patch.object(toolverdict, "free_memory_kb", return_value=sandbox.MEMORY_KB):
            self.assertIn("GB of memory", self.found(134, said).verdict)
        with mock.patch.object(toolverdict, "free_memory_kb", return_value=sandbox.MEMORY_KB - 1):
            self.assertIn("signal 6", self.found(134, said).trouble)

    def test_sandbox_and_make(self) -> None:
        for run, pattern in ((sandbox.Run(1, "bwrap: No permissions to create new namespace", started=False), "the sandbox does not start .bwrap: No perm"),
                             (sandbox.Run(-9, "", timed_out=True), "too busy"), (sandbox.Run(-9, ""), "make was ended by signal 9"),
                             (sandbox.Run(137, ""), "make was ended by signal 9"), (sandbox.Run(127, ""), "make is not there")):
            with self.subTest(run=run):
                self.assertRegex(self.found(1, f"{READY}:1:2: error: x", run).trouble, pattern)


class OtherTools(TroubleCase):
    """Linker, make, sandbox."""

    def test_linker(self) -> None:
        for body, pattern in (("kill -9 $$", "the linker failed, and names no symbol"),
                              ("exit 1", "names no symbol"),
                              ("echo \"lld-link: error: failed to write output 'x/ready.cpp.obj': No space left on device\" >&2; exit 1",
                               r"\(failed to write, No space left on device\)"),
                              ("echo 'lld-link: error: could not open /base/ready.cpp.obj: Input/output error' >&2; exit 1", "could not open")):
            with self.subTest(body=body):
                self.tool("lld-link", body, "/machine:x86")
                self.assert_trouble(self.kernels()["1.1"], pattern)

    def test_symbols_are_verdicts(self) -> None:
        for text, pattern in (("int other;\n", "undefined symbol: .*KiReady"),
                              (MINE + 'extern "C" int KiElsewhere(); int f() { return KiElsewhere(); }\n', "undefined symbol: .*KiElsewhere")):
            kernel = self.kernels(text)["1.1"]
            self.assertEqual(kernel.trouble, "")
            self.assertRegex(kernel.error, pattern)

    def test_make(self) -> None:
        for body, pattern in (("kill -9 $$", "make was ended by signal 9"), ("exit 2", "make did not come to compile"),
                              ("exit 127", "make is not there")):
            with self.subTest(body=body):
                self.tool("make", body, "STUDENT=*")
                self.assert_trouble(self.kernels()["1.1"], pattern)

    @skipUnless(sandbox.bwrap(), "not on this system: bubblewrap is missing or not permitted")
    def test_sandbox_that_fails(self) -> None:
        self.tool("bwrap", "echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1", "*EXERCISE_FILES=*")
        sandbox.bwrap.cache_clear()
        self.assert_trouble(self.kernels()["1.1"], "the sandbox does not start .*setting up uid map.*MICA_SANDBOX=off")

    def test_full_disk_under_the_grader(self) -> None:
        full = OSError(errno.ENOSPC, "No space left on device", "done.json")
        for name in ("os.replace", "grader.building.builder.Submission.write_to", "grader.tree.Tree.scratch"):
            with self.subTest(name=name), mock.patch(name, side_effect=full):
                builder = Builder(self.tree, labs.load(self.tree))
                builder._base["free"] = self.tree.out / "free"
                kernel = builder._overlay(self.submission(), (READY,), "free", "x")
                self.assert_trouble(kernel, "the disk is full .*build elsewhere")

    def submission(self):  # type: ignore[no-untyped-def]
        from grader.submission.files import Submission
        return Submission(self.files(ready=MINE), ())


class Base(TroubleCase):
    """The tree's own kernel."""

    def test_compiler_that_is_killed_once(self) -> None:
        shutil.rmtree(self.tree.out)
        self.tool("clang++", f'rm -f "{self.fails}"; kill -9 $$')
        self.assertTrue((Builder(self.tree, labs.load(self.tree)).base() / "boot/ntoskrnl.exe").is_file())

    def test_compiler_that_is_always_killed(self) -> None:
        shutil.rmtree(self.tree.out)
        self.tool("clang++", "kill -9 $$")
        with self.assertRaisesRegex(InfraError, "no source is to blame .*try again; the whole log is in"):
            Builder(self.tree, labs.load(self.tree)).base()

    def test_no_room_is_said_before_the_build(self) -> None:
        with mock.patch.dict(os.environ, MICA_ROOM_KB="12345"):
            with self.assertRaisesRegex(InfraError, "the disk is full: 12 MB are free at .*/build, a build needs 100 MB; free some"):
                Builder(self.tree, labs.load(self.tree)).base()

    def test_room_is_that_of_the_build_folder(self) -> None:
        asked = []
        with mock.patch("os.statvfs", side_effect=lambda path: asked.append(path) or mock.Mock(f_files=9, f_favail=0)):
            self.assertIn("0 MB are free", room.shortage(self.home / "not/there/yet"))
        self.assertEqual(asked, [self.home])


class Stamps(TroubleCase):
    """What is trusted later."""

    def folder(self) -> "os.PathLike[str]":
        self.kernels()
        return next((self.tree.out / "kernels").iterdir())

    def test_half_built_kernel_is_built_anew(self) -> None:
        folder = self.folder()
        (folder / "done.json").unlink()
        image = folder / "free/boot/ntoskrnl.exe"
        for path in (image, folder / "free/obj/ntos/ke/sched/ready.cpp.obj", folder / "free/boot/hal.dll"):
            path.write_bytes(b"MZ, and then the power went")
        self.assertGreater(len(self.image(self.kernels(), "1.1")), 1000)
        self.assertGreater((folder / "free/boot/hal.dll").stat().st_size, 1000)

    def test_stamp_of_an_older_grader_or_half_a_stamp(self) -> None:
        folder = self.folder()
        for text in ('{"error": "the build stopped without a message"}', f'{{"version": {VERSION}, "er', "", "[]", "null"):
            with self.subTest(text=text):
                (folder / "done.json").write_text(text)
                self.assertEqual(self.kernels()["1.1"].error, "")
                self.assertEqual(json.loads((folder / "done.json").read_text()), {"version": VERSION, "error": ""})

    def test_message_is_kept(self) -> None:
        first = self.kernels(UNDECLARED)["1.1"].error
        with mock.patch.object(sandbox, "run", side_effect=AssertionError("built again")):
            self.assertEqual(self.kernels(UNDECLARED)["1.1"].error, first)

    def test_write_leaves_the_old_file_or_the_new_one(self) -> None:
        path = self.home / "stamp"
        path.write_text("old")
        with mock.patch("os.replace", side_effect=OSError(errno.ENOSPC, "No space left on device")), self.assertRaises(OSError):
            results.replace(path, b"new")
        self.assertEqual((path.read_text(), [one.name for one in self.home.glob("stamp*")]), ("old", ["stamp"]))
        path.unlink()


class Graded(TroubleCase):
    """What becomes of it in a result, and on the command line."""

    def test_no_zero(self) -> None:
        self.tool("clang++", "kill -9 $$")
        for name, text in (*self.files(ready=MINE).items(), ("x", b"")):
            path = self.home / "student" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        course = labs.load(self.tree)
        result = Grading(self.tree, course, runner()).grade(str(self.home / "student"), course.labs, course.tests)
        verdicts = {one.test: one.verdict for one in result.outcomes}
        self.assertEqual(verdicts, {"insert_at_tail": Verdict.INFRA_ERROR, "bit_follows_queue": Verdict.INFRA_ERROR,
                                    "registers_survive": Verdict.PASS, "threads_take_turns": Verdict.INFRA_ERROR})
        self.assertEqual(result.exit_code, 2)
        self.assertRegex(result.outcomes[0].seen, "ended by signal 9")
        self.assertIn("no point is lost", result.outcomes[0].hint)
        self.assertTrue([note for note in result.notes if note.exercise == "1.1" and note.text.startswith("not graded: ")])

    def test_failures_of_the_machine_are_one_sentence(self) -> None:
        for code, pattern in ((errno.ENOSPC, "the disk is full"), (errno.EACCES, "give yourself the right"), (errno.EROFS, "give yourself"),
                              (errno.ENOMEM, "the machine failed"), (errno.EMFILE, "the machine failed")):
            error = OSError(code, os.strerror(code), "build/x")
            with self.subTest(code=code), mock.patch("grader.labs.load", side_effect=error), mock.patch("sys.stderr") as stderr, \
                    mock.patch("sys.stdout"):
                self.assertEqual(cli.main(["grade"], self.tree), 2)
                said = "".join(str(call.args[0]) for call in stderr.write.call_args_list)
                self.assertRegex(said, pattern)
                self.assertNotIn("please report", said)


if __name__ == "__main__":
    unittest.main()
