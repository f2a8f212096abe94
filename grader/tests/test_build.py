"""Overlay builds: each exercise alone, compiler messages, the sandbox, and no work done twice."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from typing import Dict
from unittest import TestCase, mock, skipUnless

from grader import labs
from grader.building import linkable, remarks, sandbox
from grader.building.builder import Builder
from grader.building.toolmessages import for_student
from grader.errors import GraderError
from grader.images.pe import PeImage
from grader.model import WHOLE, KernelSet
from grader.submission.files import Submission
from grader.tests.fixture import QUANTUM, READY, SWITCH
from grader.tests.minikernel import SOURCES, KernelCase
from grader.tree import Tree

KEYS = ["1.1", "1.2", WHOLE]


class OverlayCase(KernelCase):
    """A builder, and submissions that differ from the reference in one place."""

    def setUp(self) -> None:
        super().setUp()
        self.builder = Builder(self.tree, labs.load(self.tree))

    def files(self, **changes: str) -> Dict[str, bytes]:
        """The reference with some files changed: ready=, quantum=, switch=."""
        texts = {READY: changes.get("ready"), QUANTUM: changes.get("quantum"), SWITCH: changes.get("switch")}
        return {name: (text if text is not None else SOURCES[name]).encode() for name, text in texts.items()}

    def build(self, files: Dict[str, bytes]) -> KernelSet:
        missing = tuple(name for name in (READY, SWITCH, QUANTUM) if name not in files)
        return self.builder.build(Submission(files, missing), KEYS)

    def image(self, kernels: KernelSet, key: str) -> bytes:
        self.assertEqual(kernels[key].error, "")
        return (kernels[key].boot / "ntoskrnl.exe").read_bytes()


class Overlay(OverlayCase):
    """Kernels of a submission."""

    def test_each_exercise_gets_its_own_files_only(self) -> None:
        kernels = self.build(self.files(ready=SOURCES[READY].replace("41", "1234567"),
                                        quantum=SOURCES[QUANTUM].replace("3", "7654321")))
        ready, quantum = (1234567).to_bytes(4, "little"), (7654321).to_bytes(4, "little")
        present = {key: (ready in self.image(kernels, key), quantum in self.image(kernels, key)) for key in KEYS}
        self.assertEqual(present, {"1.1": (True, False), "1.2": (False, True), WHOLE: (True, True)})

    def test_other_images_come_from_the_base(self) -> None:
        kernels = self.build(self.files(ready=SOURCES[READY] + "\n"))
        self.assertTrue((kernels["1.1"].boot / "hal.dll").is_file())

    def test_source_in_utf16_is_told_and_costs_its_exercise(self) -> None:
        for encoded in (SOURCES[READY].encode("utf-16"), SOURCES[READY].encode("utf-16-le")):
            kernels = self.build({**self.files(), READY: encoded})
            self.assertRegex(kernels["1.1"].error, f"^{READY}:1:1: error: the file is saved as UTF-16, .* save it as UTF-8")
            self.assertEqual(kernels["1.2"].error, "")

    def test_mark_and_line_endings_are_no_trouble(self) -> None:
        for form in (lambda data: b"\xef\xbb\xbf" + data, lambda data: data.replace(b"\n", b"\r\n"),
                     lambda data: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"), lambda data: data.replace(b"\n", b"\r")):
            kernels = self.build({name: form(data) for name, data in self.files().items()})
            self.assertEqual([kernels[key].error for key in KEYS], ["", "", ""])

    def test_unchanged_submission_builds_nothing(self) -> None:
        files = self.files(ready=SOURCES[READY] + "// mine\n")
        self.build(files)
        with mock.patch.object(sandbox, "run", side_effect=AssertionError("built again")):
            self.build(files)

    def test_changed_header_builds_again(self) -> None:
        files = self.files(ready=SOURCES[READY] + "\n")
        first = self.build(files)["1.1"].directory
        self.put("kernel/ntos/ke/ki.h", SOURCES["kernel/ntos/ke/ki.h"] + "// more\n")
        self.assertNotEqual(
            Builder(self.tree, labs.load(self.tree)).build(Submission(files, ()), KEYS)["1.1"].directory, first)

    def test_compiler_message_is_the_students(self) -> None:
        kernels = self.build(self.files(ready='#include "ke/ki.h"\nextern "C" int KiReady(int n) { return m; }\n'))
        self.assertRegex(kernels["1.1"].error, rf"^{READY}:2:\d+: error: use of undeclared identifier 'm'")
        self.assertNotIn(str(self.home), kernels["1.1"].error)
        self.assertEqual(kernels["1.2"].error, "")
        self.assertEqual(kernels[WHOLE].error, "")

    def test_warning_is_a_remark_and_the_kernel_is_built(self) -> None:
        kernels = self.build(self.files(ready=SOURCES[READY].replace("{\n", "{\n    int spare = n;\n", 1)))
        self.assertTrue(self.image(kernels, "1.1"))
        head, line = kernels["1.1"].warnings.splitlines()
        self.assertRegex(line, rf"^{READY}:3: unused variable 'spare'")
        self.assertIn("no point depends on them", head)
        self.assertEqual("", kernels["1.2"].warnings)

    def test_ignored_must_use_value_judges_with_every_compiler(self) -> None:
        text = SOURCES[READY].replace('extern "C" int', '[[nodiscard]] long Status();\nextern "C" int', 1)
        kernels = self.build(self.files(ready=text.replace("{\n", "{\n    Status();\n", 1)))
        self.assertRegex(kernels["1.1"].error, "ignoring return value.*-Werror")

    def test_lock_that_is_not_held_judges_with_every_compiler(self) -> None:
        text = SOURCES[READY].replace('extern "C" int', '''struct __attribute__((capability("lock"))) Lock {} g_lock;
int g_ready __attribute__((guarded_by(g_lock)));
extern "C" int''', 1)
        with mock.patch("grader.building.plaincode.objections", return_value=[]):  # as from a header of the course
            kernels = self.build(self.files(ready=text.replace("{\n    //", "{\n    g_ready = n;\n    //", 1)))
        self.assertRegex(kernels["1.1"].error, "requires holding lock 'g_lock'.*-Werror")

    def test_remarks_are_capped_and_in_order(self) -> None:
        many = "{\n" + "".join(f"    int spare{number};\n" for number in range(30))
        said = [self.build(self.files(ready=SOURCES[READY].replace("{\n", many, 1)))["1.1"].warnings.splitlines()
                for _ in range(2)]
        self.assertEqual(said[0], said[1])
        self.assertEqual(remarks.MAX_LINES + 2, len(said[0]))
        self.assertRegex(said[0][1], "'spare0'")
        self.assertEqual(f"... and {30 - remarks.MAX_LINES} more", said[0][-1])

    def test_missing_symbol_is_told(self) -> None:
        self.assertIn("KiReady", self.build(self.files(ready="int other;\n"))["1.1"].error)

    def test_reference_files_need_no_build(self) -> None:
        kernels = self.build(self.files(ready=SOURCES[READY] + "\n"))
        self.assertEqual(kernels["1.2"].directory, self.builder.base())
        self.assertEqual(kernels[WHOLE].directory, kernels["1.1"].directory)

    def test_missing_file_costs_its_exercise_only(self) -> None:
        files = self.files()
        del files[QUANTUM]
        kernels = self.build(files)
        self.assertIn(f"the submission has no {QUANTUM}", kernels["1.2"].error)
        self.assertEqual((kernels["1.1"].error, kernels[WHOLE].error), ("", ""))

    def test_base_that_does_not_build(self) -> None:
        self.put("kernel/hal/stall.cpp", "broken")
        with self.assertRaisesRegex(GraderError, r"does not build .*the whole log is in .*\. What to do: .*make doctor"):
            self.builder.base()

    def test_files_from_the_future_are_told(self) -> None:
        self.builder.base()
        self.assertEqual([], self.builder.remarks)
        tomorrow = time.time() + 86400
        os.utime(self.tree.root / "kernel/hal/stall.cpp", (tomorrow, tomorrow))
        again = Builder(self.tree, labs.load(self.tree))
        again.base()
        self.assertEqual(1, len(again.remarks))
        self.assertRegex(again.remarks[0], r"^kernel/hal/stall\.cpp is dated in the future, .*touch")

    def test_a_kernel_in_another_layout_is_the_same_kernel(self) -> None:
        for kernel in (self.builder.base(), self.build(self.files(ready=SOURCES[READY] + "// mine\n"))["1.1"].directory):
            one, other, again = (PeImage.load(self.builder.laid_out(kernel, seed) / "ntoskrnl.exe") for seed in (1, 2, 1))
            self.assertEqual(one.data, again.data)
            self.assertNotEqual([symbol.rva for symbol in one.symbols.values()], [symbol.rva for symbol in other.symbols.values()])
            for image in (one, other):
                self.assertEqual([], linkable.image_objections(image, PeImage.load(kernel / "ntoskrnl.exe")))
                self.assertEqual(set(image.symbols), set(PeImage.load(kernel / "ntoskrnl.exe").symbols))

    def test_the_moment_of_compiling_is_in_no_image(self) -> None:
        text = SOURCES[READY] + 'extern const char When[]; const char When[] = "when: " __DATE__ " " __TIME__ " " __TIMESTAMP__;\n'
        image = self.image(self.build(self.files(ready=text)), "1.1")
        self.assertIn(b"when: Jan  1 2000 00:00:00 Sat Jan  1 00:00:00 2000", image)

    def test_a_kernel_with_no_room_in_the_machine_is_told(self) -> None:
        kernels = self.build(self.files(ready=SOURCES[READY] + "unsigned char Huge[70 << 20];\nvoid* Use() { return Huge; }\n"))
        self.assertIn("70 MB of memory", kernels["1.1"].error)
        self.assertIn("make your arrays smaller", kernels["1.1"].error)
        self.assertEqual(kernels["1.2"].error, "")

    def test_compiler_without_end(self) -> None:
        endless = "template<int n> struct A { static constexpr int v = A<n-1>::v + A<n-2>::v; };\n"
        huge = f"{endless}constexpr int f(int n) {{ for (;;) n++; return n; }} constexpr int k = f(0);\n"
        self.assertIn("error", self.build(self.files(ready=huge))["1.1"].error)

    def test_reference_kernels_share_one_folder(self) -> None:
        self.assertEqual(len({kernel.directory for kernel in self.builder.reference().kernels.values()}), 1)


@skipUnless(sandbox.bwrap(), "not on this system: bubblewrap is missing or not permitted")
class Walls(OverlayCase):
    """What the compiler may not read."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("objections", "assembly_objections"):  # the walls hold without them
            patched = mock.patch(f"grader.building.plaincode.{name}", return_value=[])
            patched.start()
            self.addCleanup(patched.stop)

    def stolen(self, line: str, name: str = "ready") -> str:
        source = {"ready": SOURCES[READY], "switch": SOURCES[SWITCH]}[name]
        kernels = self.build(self.files(**{name: line + "\n" + source}))
        return kernels["1.1" if name == "ready" else "1.2"].error

    def test_reads_nothing_outside(self) -> None:
        self.put("solutions/1-processes/hidden/secret.h", "int secret;")
        secret = self.tree.root / "solutions/1-processes/hidden/secret.h"
        for path in (secret, "../../../solutions/1-processes/hidden/secret.h", "/etc/passwd",
                     self.tree.root / "labs/1-processes/tests/test_threads.py", Path(__file__)):
            with self.subTest(path=path):
                self.assertIn("file not found", self.stolen(f'#include "{path}"'))

    def test_assembler_reads_nothing_outside(self) -> None:
        for path in ("/etc/passwd", self.tree.root / "labs/1-processes/lab.py"):
            self.assertRegex(self.stolen(f'.incbin "{path}"', "switch"), "Could not find incbin file")
            self.assertRegex(self.stolen(f'asm(".incbin \\"{path}\\"");'), "Could not find incbin file")

    def test_reference_is_out_of_reach(self) -> None:
        reference = self.tree.root / READY
        self.assertNotEqual(self.build({**self.files(), READY: f'#include "{reference}"\n'.encode()})["1.1"].error, "")
        built = self.builder.base() / "obj/ntos/ke/sched/ready.cpp.obj"
        self.assertTrue(built.is_file())
        self.assertRegex(self.stolen(f'.incbin "{built}"', "switch"), "Could not find incbin file")

    def test_no_network(self) -> None:
        done = sandbox.run(["cat", "/proc/net/dev"], sandbox.View(self.tree.root), Path("/"))
        self.assertNotIn("eth0", done.output)

    def test_output_is_capped(self) -> None:
        done = sandbox.run(["sh", "-c", "yes | head -c 5000000"], sandbox.View(self.tree.root), Path("/"))
        self.assertLessEqual(len(done.output), sandbox.MAX_OUTPUT)

    def test_wall_clock(self) -> None:
        self.assertTrue(sandbox.run(["sleep", "60"], sandbox.View(self.tree.root), Path("/"), wall_seconds=1).timed_out)


class WithoutSandbox(KernelCase):
    """Where bubblewrap is missing the text is scanned."""

    def test_scan(self) -> None:
        for line in ('#include "/etc/passwd"', '#include "../../x.h"', '# include <../x.h>', '%:include "/x.h"',
                     "#include NAME", '#include "ready.cpp"', '#inc\\\nlude "/x.h"', '#include/**/"/x.h"',
                     '.incbin "/x"', 'asm(".incbin \\"/x\\"");', '.include "/x.h"', 'asm(".include \\"/x.h\\"");',
                     '#embed "/x"'):
            with self.subTest(line=line):
                self.assertTrue(sandbox.scan("a.cpp", line + "\n"))
        for line in ('#include "ki.h"', "#include <ke/irql.h>", "// includes the reference", "int included;"):
            with self.subTest(line=line):
                self.assertEqual(sandbox.scan("a.cpp", line + "\n"), [])

    def test_refused_line_is_the_message(self) -> None:
        with mock.patch.object(sandbox, "bwrap", return_value=None):
            builder = Builder(self.tree, labs.load(self.tree))
            files = {name: SOURCES[name].encode() for name in (READY, SWITCH, QUANTUM)}
            for text in (b'#include "/etc/passwd"\n', b'\xef\xbb\xbf#include "/etc/passwd"\n', b'int a;\r#include "/etc/passwd"\r'):
                kernels = builder.build(Submission({**files, READY: text}, ()), KEYS)
                self.assertIn("refused without a sandbox", kernels["1.1"].error)
            self.assertEqual(kernels["1.2"].error, "")


class Messages(KernelCase):
    """What is left of a tool's output."""

    def test_paths_colours_and_make_are_gone(self) -> None:
        text = "\x1b[1m/a/b/kernel/x.cpp:1:2: error: no\x1b[0m\nmake: *** [x] Error 1\n  CXX   x\n1 error generated.\n"
        self.assertEqual(for_student(text, [Path("/a/b"), Path("/a")]), "kernel/x.cpp:1:2: error: no")

    def test_long_output_is_cut(self) -> None:
        self.assertIn("more lines", for_student("x\n" * 100, []))


class OutputFolderTest(TestCase):
    """People give a relative folder, the grader an absolute one: both must see the same targets, or dependency files that
    one wrote say nothing to the other, and its objects go stale."""

    def test_targets_have_one_name(self) -> None:
        root = Path(__file__).resolve().parents[2]
        with tempfile.TemporaryDirectory() as folder:
            said = [subprocess.run(["make", "-n", "-f", "kernel/build.mk", "objects", f"O={out}"], cwd=root, check=True,
                                   stdout=subprocess.PIPE, universal_newlines=True).stdout
                    for out in (folder, os.path.relpath(folder, root))]
        self.assertIn(f"-MF {folder}", said[0])
        self.assertEqual(said[0], said[1])


class Surroundings(OverlayCase):
    """What the environment and the path of the tree do not change."""

    def test_exported_names_of_the_build_are_not_its_variables(self) -> None:
        own = {"LINK": "/nosuchoption", "LIB": "nowhere", "LD": "false", "STUDENT": "Ann", "EXERCISE_FILES": READY,
               "MYTEST": "mine.cpp", "BASE_O": "elsewhere", "CPATH": "/nowhere", "CDPATH": "/:/tmp", "CXX": "false",
               "OBJCOPY": "false", "CXXFLAGS": "-nonsense", "LDFLAGS": "-nonsense", "REFERENCE_FILES": READY}
        with mock.patch.dict(os.environ, own):
            self.assertTrue((self.builder.base() / "boot" / "ntoskrnl.exe").is_file())
            kernels = self.build(self.files(ready=SOURCES[READY] + "// mine\n"))
        self.assertTrue(self.image(kernels, "1.1"))

    def test_a_space_in_the_path(self) -> None:
        spaced = self.home / "my tree"
        self.tree.root.rename(spaced)
        self.tree = Tree(spaced, spaced / "build")
        self.builder = Builder(self.tree, labs.load(self.tree))
        kernels = self.build(self.files(ready='#include "ke/ki.h"\nextern "C" int KiReady(int n) { return 1234567 + n; }\n',
                                        quantum="int x = y;\n"))
        self.assertIn((1234567).to_bytes(4, "little"), self.image(kernels, "1.1"))
        self.assertRegex(kernels["1.2"].error, f"^{QUANTUM}:1:9: error: use of undeclared identifier 'y'")

    def test_a_space_in_the_build_folder_elsewhere_is_one_line(self) -> None:
        done = subprocess.run(["make", "-f", "kernel/build.mk", "kernel", "O=/tmp/my build"], cwd=self.tree.root,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        self.assertRegex(done.stdout.strip(), r"\A.*The build folder's path has a space.*O=/tmp/mica.*\Z")
        self.assertEqual(1, len(done.stdout.strip().splitlines()))


if __name__ == "__main__":
    unittest.main()
