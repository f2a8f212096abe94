"""Set-up (grader/setup): what is missing, too old or without room is said in one clear line, and the usual case is fast.

The scripts run with a PATH of their own, full of made-up tools.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from grader.matrix import tools as matrix_tools

SETUP = Path(__file__).resolve().parents[1] / "setup"
VERSIONS = {"python3": "Python 3.11.2", "clang": "clang version 14.0.6", "clang++": "clang version 14.0.6",
            "lld-link": "LLD 14.0.6", "ld.lld": "LLD 14.0.6", "llvm-objcopy": "LLVM version 14.0.6", "llvm-objdump": "LLVM version 14.0.6",
            "llvm-dlltool": "LLVM version 14.0.6", "llvm-symbolizer": "LLVM version 14.0.6",
            "qemu-system-i386": "QEMU emulator version 7.2.22", "qemu-img": "qemu-img version 7.2.22",
            "bwrap": "bubblewrap 0.8.0"}


class Machine:
    """A folder of made-up tools, and a build folder."""

    def __init__(self, test: unittest.TestCase) -> None:
        folder = tempfile.TemporaryDirectory()
        test.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.bin = self.root / "bin"
        self.bin.mkdir()
        for real in ("bash", "ls", "df", "mkdir", "cat", "rm", "mv", "grep", "tail", "sed", "sort", "find", "env"):
            path = next(Path(each) / real for each in ("/bin", "/usr/bin") if (Path(each) / real).exists())
            (self.bin / real).symlink_to(path)
        for name, version in VERSIONS.items():
            self.tool(name, f"echo '{version}'")
        self.tool("uname", "echo Linux")
        self.tool("id", "echo 0")

    def tool(self, name: str, body: str) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)

    def need(self, *sets: str, nobody: bool = False, **more: str) -> subprocess.CompletedProcess:
        """Runs need.sh; as `nobody`, whom root's rights do not help."""
        setup = shutil.copytree(SETUP, self.root / "setup", dirs_exist_ok=True) if nobody else SETUP
        leave = (lambda: os.setuid(65534)) if nobody and os.geteuid() == 0 else None
        env = {"PATH": str(self.bin), "O": str(self.root / "build"), "HOME": str(self.root), **more}
        return subprocess.run(["/bin/bash", str(setup / "need.sh"), *sets], env=env, cwd=self.root, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=60, preexec_fn=leave)


class NeedTest(unittest.TestCase):
    def setUp(self) -> None:
        self.machine = Machine(self)

    def only_line(self, text: str) -> str:
        lines = text.strip().splitlines()
        self.assertEqual(1, len(lines), text)
        return lines[0]

    def test_all_there_says_nothing(self) -> None:
        done = self.machine.need("grade")
        self.assertEqual((0, "", ""), (done.returncode, done.stdout, done.stderr))

    def test_second_time_does_not_run_the_tools(self) -> None:
        self.machine.need("grade")
        for path in self.machine.bin.iterdir():
            if path.name in VERSIONS:
                stat = path.stat()
                path.write_text(path.read_text().replace("echo '", "exit '"))  # would fail if it were run
                os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        started = time.monotonic()
        done = self.machine.need("grade")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertLess(time.monotonic() - started, 0.5)  # 5 ms on an idle machine

    def test_changed_tool_is_looked_at_again(self) -> None:
        self.machine.need("grade")
        self.machine.tool("clang++", "echo 'Debian clang version 13.0.1'")
        self.assertEqual(2, self.machine.need("grade").returncode)

    def test_old_compiler_is_one_line(self) -> None:
        self.machine.tool("clang++", "echo 'Ubuntu clang version 13.0.1-2ubuntu2.2'")
        done = self.machine.need("build")
        line = self.only_line(done.stderr)
        self.assertEqual(2, done.returncode)
        for part in ("13.0.1", "14 or newer", "LLVM_BIN="):
            self.assertIn(part, line)

    def test_versions_compare_as_numbers(self) -> None:
        self.machine.tool("python3", "echo 'Python 3.10.0'")  # 3.10 is newer than 3.9
        self.assertEqual(0, self.machine.need("grade").returncode)
        self.machine.tool("python3", "echo 'Python 3.8.10+'")
        self.assertIn("3.9 or newer", self.machine.need("grade").stderr)

    def test_tool_that_does_not_run(self) -> None:
        self.machine.tool("qemu-system-i386", "exit 127")
        self.assertIn("does not run", self.only_line(self.machine.need("grade").stderr))

    def test_qemu_without_i386(self) -> None:
        (self.machine.bin / "qemu-system-i386").unlink()
        self.machine.tool("qemu-system-arm", "echo 'QEMU emulator version 7.2.22'")
        done = self.machine.need("grade")
        self.assertEqual(2, done.returncode)
        self.assertIn("QEMU is here, but without i386 (found: qemu-system-arm).", done.stdout)

    def test_missing_is_named_with_version_and_purpose(self) -> None:
        (self.machine.bin / "lld-link").unlink()
        done = self.machine.need("build")
        self.assertRegex(done.stdout, r"lld-link +>= 14 +links the kernel as PE images")

    def test_optional_tool_does_not_stop(self) -> None:
        (self.machine.bin / "bwrap").unlink()
        self.assertEqual(0, self.machine.need("grade").returncode)

    def test_no_room(self) -> None:
        done = self.machine.need("grade", MICA_ROOM_KB="400000")
        self.assertEqual(2, done.returncode)
        self.assertIn("400 MB are free", self.only_line(done.stderr))

    def test_room_is_that_of_the_disk_where_the_build_goes(self) -> None:
        (self.machine.root / "elsewhere").mkdir()
        self.machine.tool("df", 'case "$2" in *elsewhere) free=5000 ;; *) free=50000000 ;; esac; printf "head\\nx x x $free x\\n"')
        for times in range(2):
            done = self.machine.need("grade", O=str(self.machine.root / "elsewhere/deep/build"))
            self.assertEqual(2, done.returncode)
            self.assertRegex(self.only_line(done.stderr), "5 MB are free at .*/elsewhere, where the build goes.*O=/another/folder")
        self.assertEqual(0, self.machine.need("grade").returncode)
        self.assertEqual(0, self.machine.need("grade", O="relative/build").returncode)
        self.machine.tool("df", 'printf "head\\nx x x 5000 x\\n"')
        self.assertRegex(self.only_line(self.machine.need("grade").stderr), "The disk is full: less than 100 MB")

    def test_build_folder_that_cannot_be_made(self) -> None:
        (self.machine.root / "file").write_text("")
        for times in range(2):
            done = self.machine.need("grade", O=str(self.machine.root / "file/build"))
            self.assertEqual(2, done.returncode)
            self.assertRegex(self.only_line(done.stderr), "Cannot write in the build folder .*/file/build: Not a directory.*O=/tmp/mica")

    def test_build_folder_of_somebody_else(self) -> None:
        self.machine.root.chmod(0o755)
        for made, locked in (("build", "build"), ("build/.setup", "build/.setup"), ("build/free", "build/free"), ("mine", "mine")):
            with self.subTest(locked=locked):
                subprocess.run(["rm", "-rf", str(self.machine.root / "build"), str(self.machine.root / "mine")], check=True)
                (self.machine.root / made).mkdir(parents=True)
                (self.machine.root / "build").mkdir(exist_ok=True)
                for path in (self.machine.root / "build", *(self.machine.root / "build").iterdir()):
                    path.chmod(0o777)
                (self.machine.root / locked).chmod(0o555)
                done = self.machine.need("grade", nobody=True, O=str(self.machine.root / ("mine/build" if made == "mine" else "build")))
                self.assertEqual(2, done.returncode)
                self.assertRegex(self.only_line(done.stderr), "Cannot write in the build folder .*(belongs to somebody else|Permission denied)")

    def test_stamp_that_was_cut_short_is_not_believed(self) -> None:
        self.machine.need("grade")
        stamp = self.machine.root / "build/.setup/grade"
        whole = stamp.read_text()
        for size in (0, 10, len(whole) // 2, len(whole) - 3):
            stamp.write_text(whole[:size])
            (self.machine.bin / "lld-link").unlink(missing_ok=True)
            self.assertEqual(2, self.machine.need("grade").returncode, size)
        self.assertEqual([stamp], list(stamp.parent.iterdir()))

    def test_homebrew_line(self) -> None:
        for name in ("lld-link", "qemu-system-i386"):
            (self.machine.bin / name).unlink()
        self.machine.tool("uname", "echo Darwin")
        done = self.machine.need("grade")
        self.assertEqual(2, done.returncode)
        self.assertIn("    brew install lld qemu", done.stdout.splitlines())

    def test_other_package_managers_get_the_names(self) -> None:
        (self.machine.bin / "lld-link").unlink()
        self.assertIn("    lld", self.machine.need("build").stdout.splitlines())


class AptTest(unittest.TestCase):
    """The way through apt-get, with an apt-get that only pretends."""

    def setUp(self) -> None:
        self.machine = Machine(self)
        self.lld = (self.machine.bin / "lld-link").read_text()
        (self.machine.bin / "lld-link").unlink()

    def apt(self, body: str) -> None:
        self.machine.tool("apt-get", f'echo "$@" >>"{self.machine.root}/calls"\n{body}')

    def calls(self) -> str:
        path = self.machine.root / "calls"
        return path.read_text() if path.exists() else ""

    def test_installs_what_is_missing(self) -> None:
        target = self.machine.bin / "lld-link"
        self.apt(f"""case " $* " in *" install "*)
            echo 'dlstatus:1:50.0:Retrieving' >&3; echo 'pmstatus:lld:75.0:Unpacking' >&3
            printf '%s\\n' '#!/bin/bash' 'echo LLD 14.0.6' >"{target}"; /bin/chmod 755 "{target}" ;; esac""")
        done = self.machine.need("build", YES="1")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn("Installing: downloading 50 %", done.stdout)
        self.assertIn("Installed: lld", done.stdout)
        self.assertRegex(self.calls(), r"install -y --no-install-recommends lld\b")

    def test_optional_packages_come_along_where_they_exist(self) -> None:
        (self.machine.bin / "bwrap").unlink()
        for known in ("exit 0", "exit 100"):
            with self.subTest(known=known):
                (self.machine.root / "calls").unlink(missing_ok=True)
                self.machine.tool("apt-cache", known)
                self.apt("exit 0")
                self.machine.need("grade", YES="1")
                self.assertEqual(known == "exit 0", "bubblewrap" in self.calls(), self.calls())
                self.assertIn("lld", self.calls())

    def test_package_without_the_tool(self) -> None:
        self.apt("exit 0")
        done = self.machine.need("build", YES="1")
        self.assertEqual(2, done.returncode)
        self.assertIn("Still not there after installing lld: lld-link", done.stderr)

    def test_failures_say_what_to_do(self) -> None:
        for says, advice in (("E: Could not resolve 'deb.debian.org'", "Check the network"),
                             ("E: Unable to locate package lld", "no such package"),
                             ("E: Could not get lock /var/lib/dpkg/lock", "another package manager is running"),
                             ("E: write error: No space left on device", "the disk is full"),
                             ("E: something new", "run  apt-get update  by hand")):
            with self.subTest(says=says):
                self.apt(f'echo "{says}" >&2; exit 100')
                done = self.machine.need("build", YES="1")
                self.assertEqual(2, done.returncode)
                self.assertIn(says, done.stdout)
                self.assertIn(advice, done.stdout)

    def test_no_room_for_packages(self) -> None:
        self.apt("exit 0")
        done = self.machine.need("build", YES="1", MICA_ROOM_KB="300000")
        self.assertEqual((2, ""), (done.returncode, self.calls()))
        self.assertIn("300 MB are free, 1 GB is needed", done.stdout)

    def test_without_root_and_sudo(self) -> None:
        self.machine.tool("id", "echo 1000")
        self.apt("exit 0")
        done = self.machine.need("build", YES="1")
        self.assertEqual((2, ""), (done.returncode, self.calls()))
        self.assertIn("    apt-get update && apt-get install --no-install-recommends lld", done.stdout)

    def test_without_root_and_sudo_everything_is_named_at_once(self) -> None:
        """The reader asks an administrator once, not again before the first `make replay`."""
        self.machine.tool("id", "echo 1000")
        self.machine.tool("apt-cache", "exit 0")
        self.apt("exit 0")
        (self.machine.bin / "bwrap").unlink()
        for tree, more in (("students", ()), ("complete", ("bochs", "clang-format"))):
            with self.subTest(tree=tree):
                if tree == "complete":
                    (self.machine.root / "solutions").mkdir()
                line = next(line for line in self.machine.need("build").stdout.splitlines() if "apt-get install" in line)
                words = line.split()
                for package in ("lld", "bubblewrap", "gdb", *more):
                    self.assertEqual(1, words.count(package), line)

    def test_without_root_uses_sudo(self) -> None:
        self.machine.tool("id", "echo 1000")
        self.machine.tool("sudo", 'shift; "$@"')
        self.apt("exit 0")
        self.machine.need("build", YES="1")
        self.assertRegex(self.calls(), r"install -y --no-install-recommends lld\b")


class TestedTest(unittest.TestCase):
    """grader/setup/tested.txt: doctor, make matrix and README speak of the same range."""

    def untested(self, tool: str, version: str) -> str:
        script = f'. "{SETUP}/tools.sh"; untested {tool} {version}'
        return subprocess.run(["/bin/bash", "-c", script], capture_output=True, text=True, check=True).stdout.strip()

    def test_doctor_and_matrix_know_the_same_range(self) -> None:
        for tool, (low, high) in matrix_tools.tested().items():
            beyond = f"{int(high.split('.')[0]) + 1}.0.1"
            for version in (f"{low}.3" if "." in low else f"{low}.0.6", f"{high}.7" if "." in high else f"{high}.1.8"):
                self.assertEqual("", self.untested(tool, version))
                self.assertTrue(matrix_tools.within(version, (low, high)))
            self.assertEqual(f"{low} to {high}", self.untested(tool, beyond))
            self.assertFalse(matrix_tools.within(beyond, (low, high)))
        self.assertEqual("", self.untested("gdb", "99.0"), "no range: nothing to say")

    def test_failing_compiler_ends_with_what_to_do(self) -> None:
        """As `make kernel` and the grader say it: another sentence for a compiler that nobody tried."""
        machine = Machine(self)
        for version, advice in (("14.0.6", "report the first error together with the line 'clang 14.0.6'"),
                                ("99.1.0", "this is clang 99.1.0, and Mica was tested with 14 to")):
            machine.tool("clang++", f"echo 'clang version {version}'")
            done = subprocess.run(["/bin/bash", str(SETUP / "advice.sh")], env={"PATH": str(machine.bin)}, capture_output=True, text=True)
            self.assertRegex(done.stdout, r"\AWhat to do: .*\n\Z")
            self.assertIn(advice, done.stdout)
        makefile = (SETUP.parents[1] / "Makefile").read_text()
        for line in makefile.splitlines():
            if line.startswith("\t@$(build) "):
                self.assertTrue(line.endswith("|| $(advice)"), line)

    def test_readme_names_the_range(self) -> None:
        readme = SETUP.parents[1] / "README.md"
        text = " ".join(readme.read_text(encoding="utf-8").split())
        names = {"clang": "clang", "qemu": "QEMU", "bochs": "Bochs"}
        for tool, (low, high) in matrix_tools.tested().items():
            self.assertIn(f"{names[tool]} {low} to {high}", text)


class ProbeTest(unittest.TestCase):
    """doctor says "works" of nothing that is off."""

    def sandbox(self, **more: str) -> "tuple[int, str]":
        done = subprocess.run([sys.executable, str(SETUP / "probe.py"), "sandbox", "/nonexistent"], capture_output=True, text=True,
                              env={**os.environ, **more}, timeout=60)
        return done.returncode, done.stdout.strip()

    def test_sandbox_that_is_off_is_told_with_what_follows(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            empty, refuses = Path(folder) / "empty", Path(folder) / "refuses"
            for place in (empty, refuses):
                place.mkdir()
            (refuses / "bwrap").write_text("#!/bin/sh\nexit 1\n")
            (refuses / "bwrap").chmod(0o755)
            for why, more in (("not installed", {"PATH": str(empty)}), ("may not be used here", {"PATH": str(refuses)})):
                code, said = self.sandbox(**more)
                self.assertEqual(3, code, said)
                self.assertRegex(said, f"{why}.*: students' code is compiled without a sandbox; for marks")
            code, said = self.sandbox(PATH=f"{refuses}:{os.environ['PATH']}", MICA_SANDBOX="off")
            self.assertEqual(3, code)
            self.assertIn("MICA_SANDBOX=off", said)

    def test_doctor_has_another_word_for_off(self) -> None:
        body = (SETUP / "doctor.sh").read_text().split("# try WHAT")[1].split("\n}\n")[0]
        script = f'off=; bad=0; line() {{ echo "$1:$2:$4"; }}\n# {body}\n}}\noff_now() {{ echo "why"; return 3; }}\n' \
                 'try thing off_now; try other true; echo "bad=$bad$off"'
        said = subprocess.run(["/bin/bash", "-c", script], capture_output=True, text=True).stdout
        self.assertEqual(["OFF:thing:why", "works:other:", "bad=0, thing"], said.splitlines())


class TableTest(unittest.TestCase):
    def test_every_set_names_known_tools(self) -> None:
        script = f'. "{SETUP}/tools.sh"; for s in build grade run gdb bochs gui test style docs all; do ' \
                 'for t in $(mica_set $s); do mica_tool "${t%\\?}" || exit 1; done; done'
        done = subprocess.run(["/bin/bash", "-c", script], capture_output=True, text=True)
        self.assertEqual((0, ""), (done.returncode, done.stderr))


if __name__ == "__main__":
    unittest.main()
