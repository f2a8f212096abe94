"""The kernel on this terminal: names in backtraces, keys, both emulators, gdb's files - with images made on the spot."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from grader.commands import run as run_command
from grader.console import PROMPT, SHELL, firmware, gdbfiles, machines
from grader.console.backtrace import Annotate, Names
from grader.console.machines import BochsMachine, Boot, QemuMachine, machine
from grader.console import screens, terminal
from grader.console.terminal import Keys
from grader.errors import GraderError

ROOT = Path(__file__).resolve().parents[2]
SOURCE = """extern "C" int _fltused = 0;
extern "C" __declspec(noinline) int Inner(int a) { return a * 3; }
extern "C" int __stdcall Entry(void* a) {
    return Inner((int)a) + 1;
}
"""


def build_images(folder: Path) -> None:
    """ntoskrnl.exe and hal.dll with DWARF, as kernel/build.mk links them."""
    (folder / "probe.cpp").write_text(SOURCE)
    subprocess.run(["clang++", "--target=i686-pc-windows-msvc", "-ffreestanding", "-fms-extensions", "-fno-omit-frame-pointer",
                    "-gdwarf-4", "-O1", "-c", "probe.cpp", "-o", "probe.obj"], cwd=folder, check=True)
    for name, base in (("ntoskrnl.exe", "0x80100000"), ("hal.dll", "0x80400000")):
        subprocess.run(["lld-link", "/machine:x86", "/nodefaultlib", "/safeseh:no", "/debug:dwarf", "/subsystem:native",
                        "/driver", "/entry:Entry", f"/base:{base}", f"/out:{name}", "probe.obj"], cwd=folder, check=True,
                       capture_output=True)


def boot_sector() -> bytes:
    spec = importlib.util.spec_from_file_location("probe", ROOT / "grader" / "setup" / "probe.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.boot_sector()


class ImagesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.folder = Path(cls.scratch.name)
        build_images(cls.folder)

    def offset_of(self, name: str) -> int:
        said = subprocess.run(["llvm-symbolizer", f"--obj={self.folder / 'ntoskrnl.exe'}", "--relative-address"],
                              input="\n".join(hex(at) for at in range(0x1000, 0x1040)) + "\n", capture_output=True, text=True)
        names = [block.split("\n")[0] for block in said.stdout.split("\n\n") if block.strip()]
        return 0x1000 + next(number for number, each in enumerate(names) if name in each)

    # TOL-07
    def test_frames_get_names(self) -> None:
        text = f"*** STOP\r\n  #0 ntoskrnl.exe+{self.offset_of('Inner'):#x}\r\nkd> ".encode()
        self.assertRegex(Annotate(Names(self.folder))(text).decode(),
                         r"\*\*\* STOP\r\n  #0 ntoskrnl.exe\+0x10\w\w  Inner at .*probe.cpp:2\r\nkd> $")

    def test_names_do_not_depend_on_how_the_text_arrives(self) -> None:
        text = f"x\n  #0 ntoskrnl.exe+{self.offset_of('Inner'):#x}\nplain #1\n".encode()
        whole = Annotate(Names(self.folder))(text)
        piecewise = Annotate(Names(self.folder))
        self.assertEqual(whole, b"".join(piecewise(text[at:at + 1]) for at in range(len(text))))

    def test_unknown_images_stay_as_they_are(self) -> None:
        for text in (b"  #0 nosuch.sys+0x1234\n", b"  #1 0x80123456\n", b"  #1 ntoskrnl.exe+0xfffffff\n"):
            self.assertEqual(text, Annotate(Names(self.folder))(text))

    def test_gdb_finds_them_in_a_folder_with_a_space_too(self) -> None:
        spaced = self.folder / "my build"
        shutil.copytree(self.folder, spaced, ignore=shutil.ignore_patterns("my build", "gdb"))
        (spaced / "try.gdb").write_text("\n".join([*gdbfiles.commands(spaced, spaced), "info line Inner"]))
        said = subprocess.run(["gdb", "-q", "-nx", "-batch", "-x", str(spaced / "try.gdb")], capture_output=True, text=True)
        self.assertRegex(said.stdout, r"Line 2 of .*probe\.cpp", said.stderr)
        self.assertEqual("", said.stderr)

    # TOL-06, TOL-07
    def test_gdb_finds_functions_and_lines(self) -> None:
        script = "\n".join([*gdbfiles.commands(ROOT, self.folder), "info line Inner", "info symbol 0x80401000"])
        script = "\n".join(line for line in script.splitlines() if not line.startswith("source "))
        (self.folder / "try.gdb").write_text(script)
        said = subprocess.run(["gdb", "-q", "-nx", "-batch", "-x", str(self.folder / "try.gdb")], capture_output=True, text=True)
        self.assertRegex(said.stdout, r'Line 2 of ".*probe.cpp" starts at address 0x80101', said.stdout + said.stderr)
        self.assertRegex(said.stdout, r"(Inner|Entry).* in section .text of .*hal.dll.elf")

    def test_gdb_knows_names_without_decoration(self) -> None:
        self.assertIn("_Entry@4 Entry", gdbfiles.plain_names(self.folder / "hal.dll").splitlines())
        copy = gdbfiles.elf_copy(self.folder / "hal.dll", self.folder / "plain.elf")
        said = subprocess.run(["llvm-nm", "--format=just-symbols", str(copy)], capture_output=True, text=True).stdout.split()
        self.assertIn("Entry", said)
        self.assertNotIn("_Entry@4", said)

    def test_gdb_lists_the_views_of_mica(self) -> None:
        said = subprocess.run(["gdb", "-nx", "-batch", "-ex", "source grader/gdb/mica.py", "-ex", "mica"], cwd=ROOT, capture_output=True,
                              text=True).stdout
        for view in ("ready", "rewind", "switch-back", "switch-to", "threads", "waits"):
            self.assertRegex(said, rf"(?m)^mica {view} -- ")

    def test_elf_copy_is_made_once(self) -> None:
        first = gdbfiles.elf_copy(self.folder / "hal.dll", self.folder / "once.elf")
        before = first.stat().st_mtime_ns
        self.assertEqual(before, gdbfiles.elf_copy(self.folder / "hal.dll", first).stat().st_mtime_ns)


class KeysTest(unittest.TestCase):
    def test_ctrl_a_x_leaves(self) -> None:
        keys = Keys()
        self.assertEqual(b"help\r", keys(b"help\r"))
        self.assertEqual(b"\x01", keys(b"\x01\x01"))
        self.assertEqual(b"", keys(b"\x01"))
        self.assertFalse(keys.leave)
        keys(b"x")
        self.assertTrue(keys.leave)


class SilentMachine:
    """A kernel that has stopped before its prompt."""

    def __init__(self) -> None:
        self.asked = 0.0

    def read(self, seconds: float) -> bytes:
        self.asked += seconds
        return b""


class PipeTest(unittest.TestCase):
    def test_a_stopped_kernel_is_not_watched_for_ever(self) -> None:
        machine = SilentMachine()
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        terminal.talk(machine, bytes, reading, terminal.Keys(), interactive=False)  # type: ignore[arg-type]
        self.assertLess(machine.asked, terminal.NO_PROMPT + 1)


class StoppedMachine:
    """Says some words, then nothing."""

    def __init__(self, *words: bytes) -> None:
        self.words = list(words)

    def read(self, seconds: float) -> "bytes | None":
        return self.words.pop(0) if self.words else b""


class StopTest(unittest.TestCase):
    """A kernel that ends with a bugcheck."""

    LAST_WORDS = b"\n*** STOP: 0x4c414230 MICA_LAB_NOT_IMPLEMENTED\r\nexercise 1.2 is not implemented: kernel/ntos/ke/x.cpp:31\r\n"

    def setUp(self) -> None:
        for module in (terminal, machines):
            patched = mock.patch.object(module, "STOPPED", 0.05)
            patched.start()
            self.addCleanup(patched.stop)
        self.source, writing = os.pipe()  # nobody types
        self.addCleanup(os.close, self.source)
        self.addCleanup(os.close, writing)

    def talk(self, machine: StoppedMachine) -> bool:
        with mock.patch.object(os, "write"):
            return terminal.talk(machine, bytes, self.source, terminal.Keys(), interactive=True)  # type: ignore[arg-type]

    def test_run_ends_when_no_prompt_can_come(self) -> None:
        self.assertTrue(self.talk(StoppedMachine(b"boot\n", self.LAST_WORDS)))

    def test_run_goes_on_where_the_debugger_asks(self) -> None:
        self.goes_on(StoppedMachine(self.LAST_WORDS, b"kd> "))

    def test_run_stays_where_a_stopped_kernel_is_looked_at(self) -> None:
        self.goes_on(StoppedMachine(self.LAST_WORDS), stays=True)

    def goes_on(self, machine: StoppedMachine, stays: bool = False) -> None:
        until = time.monotonic() + 0.2
        machine.read = lambda seconds: machine.words.pop(0) if machine.words else (b"" if time.monotonic() < until else None)  # type: ignore
        with mock.patch.object(os, "write"):
            self.assertFalse(terminal.talk(machine, bytes, self.source, terminal.Keys(), True, stays))  # type: ignore[arg-type]
        self.assertGreaterEqual(time.monotonic(), until)

    def probe(self, said: bytes) -> str:
        """What `run --probe` prints."""
        started, out = machines.Machine(Boot(Path("/nonexistent"))), io.StringIO()
        self.addCleanup(started.stop)
        parts = [said]
        with mock.patch.object(started, "read", lambda seconds: parts.pop(0) if parts else b""), contextlib.redirect_stdout(out):
            begun = time.monotonic()
            self.assertEqual(0, run_command.probe(started, PROMPT))
        self.assertLess(time.monotonic() - begun, 5)  # and not two minutes
        return out.getvalue()

    def test_a_pipe_speaks_after_either_prompt(self) -> None:
        for prompt in (PROMPT, SHELL):
            with self.subTest(prompt=prompt):
                heard = []
                machine = StoppedMachine(b"Mica\r\n" + prompt)
                machine.write = heard.append  # type: ignore[method-assign]
                machine.read = lambda seconds: machine.words.pop(0) if machine.words else (None if heard else b"")  # type: ignore
                source, typist = os.pipe()
                os.write(typist, b"help\n")
                os.close(typist)
                with mock.patch.object(os, "write"), mock.patch.object(terminal, "NO_PROMPT", 1):
                    terminal.talk(machine, bytes, source, terminal.Keys(), False)  # type: ignore[arg-type]
                os.close(source)
                self.assertEqual([b"help\r"], heard)

    def test_programs_are_on_the_disk_that_run_boots(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "programs").write_text("ntdll.dll smss.exe\n")
            shell, monitor = Boot(Path(folder), programs=True), Boot(Path(folder))
            self.assertEqual(["ntdll.dll", "smss.exe"], shell.user_images())
            self.assertEqual("smss.exe", shell.images()[-1].name)
            self.assertEqual([], monitor.user_images())
            self.assertEqual(("mica.img", "monitor.img"), (shell.disk.name, monitor.disk.name))

    def test_doctor_tells_unwritten_from_broken(self) -> None:
        self.assertEqual("starts, and stops at exercise 1.2, which is not written yet (kernel/ntos/ke/x.cpp:31)\n", self.probe(self.LAST_WORDS))
        with self.assertRaisesRegex(GraderError, "no prompt came; the machine said: .*0x50"):
            self.probe(b"\n*** STOP: 0x50 PAGE_FAULT\r\n")


class MachinesTest(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.boot = Boot(Path(scratch.name))
        self.boot.disk.write_bytes(boot_sector())

    def test_both_emulators_speak_and_leave_nothing_behind(self) -> None:
        for kind in (QemuMachine, BochsMachine):
            with self.subTest(emulator=kind.__name__):
                with kind(self.boot) as started:
                    self.assertIn(b"mica-probe", started.read_until(b"mica-probe", 60))
                self.assertFalse(started.folder.exists())
                self.assertIsNotNone(started.process.poll())
                self.assertEqual(boot_sector(), self.boot.disk.read_bytes(), "the disk was written to")

    def test_missing_disk_says_what_to_do(self) -> None:
        self.boot.disk.unlink()
        for emulator in ("qemu", "bochs"):
            with self.subTest(emulator=emulator), self.assertRaisesRegex(GraderError, "make kernel"):
                with machine(emulator, self.boot):
                    pass

    def test_bochs_that_gives_up_at_once_is_told(self) -> None:
        """`make run EMU=bochs` without firmware said nothing and ended with 0."""
        nothing = self.boot.folder / "no-bios"
        with mock.patch.object(firmware, "lines", return_value=f'romimage: file="{nothing}"\n'), \
                machine("bochs", self.boot) as started:
            self.assertEqual(b"", started.read_until(b"mica-probe", 60))
            with self.assertRaisesRegex(GraderError, r"bochs ended .*no-bios.*make doctor"):
                run_command.refuse_silence(started)

    def test_machine_that_spoke_or_runs_is_in_no_trouble(self) -> None:
        with machine("qemu", self.boot) as started:
            self.assertEqual("", started.trouble())
            started.read_until(b"mica-probe", 60)
            started.process.kill()
            started.process.wait()
            self.assertEqual("", started.trouble())

    @unittest.skipUnless(Path("/proc/self/fdinfo").is_dir(), "Linux alone tells")
    def test_a_screen_that_nobody_reads_is_drained(self) -> None:
        """Bochs stood still after some thousand characters on its own text screen."""
        draw = "import os, pty; here, there = pty.openpty(); os.close(there); print(flush=True); [os.write(here, b'x\\n' * 500) for _ in range(100)]"
        with subprocess.Popen([sys.executable, "-c", draw], stdout=subprocess.PIPE) as artist:
            artist.stdout.readline()
            with self.assertRaises(subprocess.TimeoutExpired):
                artist.wait(1)
            screen = screens.open_to_drain(screens.of_process(artist.pid))
            machines.raw(screen)
            end = time.monotonic() + 20
            while artist.poll() is None and time.monotonic() < end:
                screens.drain(screen)
                time.sleep(0.01)
            os.close(screen)
            self.assertEqual(0, artist.poll())
        self.assertIsNone(screens.of_process(artist.pid))

    def test_firmware_is_named_as_this_system_has_it(self) -> None:
        for bios, vga in (("BIOS-bochs-latest", "VGABIOS-lgpl-latest"), ("BIOS-bochs-latest.bin", "VGABIOS-lgpl-latest.bin"),
                          ("BIOS-bochs-latest", "vgabios.bin")):
            with self.subTest(vga=vga), tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
                for folder, name in ((one, bios), (two, vga)):
                    (Path(folder) / name).write_bytes(b"rom")
                self.assertEqual(f'romimage: file="{one}/{bios}"\nvgaromimage: file="{two}/{vga}"\n',
                                 firmware.lines((Path(one), Path(two))))
        self.assertEqual("", firmware.lines((Path("/nosuch"),)))

    def test_bochs_refuses_what_it_cannot_do(self) -> None:
        with self.assertRaisesRegex(GraderError, "QEMU"):
            machine("bochs", Boot(self.boot.folder, "/HAL=PIC"))

    def test_qemu_takes_images_from_a_folder_with_a_space_or_a_comma(self) -> None:
        """-initrd ends a name at a space: the loader is told the names behind a link, and they are files that are there."""
        for name in ("my build", "a,b"):
            folder = self.boot.folder / name
            (folder / "boot").mkdir(parents=True)
            for each in ("loader.elf", "ntoskrnl.exe", "hal.dll"):
                (folder / "boot" / each).write_bytes(each.encode())
            started = QemuMachine(Boot(folder, "/DEBUG"))
            self.addCleanup(started.stop)
            command = started.command()
            images = command[command.index("-initrd") + 1].split(",")
            self.assertEqual([b"ntoskrnl.exe", b"hal.dll"], [Path(image).read_bytes() for image in images])
            self.assertNotIn(" ", "".join(images))

    def test_qemu_that_does_not_start_says_why(self) -> None:
        (self.boot.folder / "boot").mkdir()
        for name in ("loader.elf", "ntoskrnl.exe", "hal.dll"):
            (self.boot.folder / "boot" / name).write_bytes(b"not a kernel")
        with self.assertRaisesRegex(GraderError, "QEMU did not start: .+"):
            with QemuMachine(Boot(self.boot.folder, "/DEBUG")):
                pass


if __name__ == "__main__":
    unittest.main()
