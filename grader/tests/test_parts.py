"""Machines as data: what a test names is what the emulator is told, what the guest finds, and who shares a boot with whom."""

from __future__ import annotations

import dataclasses
import importlib.util
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from grader.api import test
from grader.building.builder import Builder
from grader.console.machines import Boot, QemuMachine, machine
from grader.errors import GraderError
from grader.guest.booting import Place, boot, place_of
from grader.guest.session import STAGES, USUAL, Session
from grader.labs import Course
from grader.machine.parts import EXPLORED, Disk, Machine, page_file, parse
from grader.model import Kernel, KernelSet, Stage
from grader.submission.files import Submission
from grader.tests.machine import grade, needs_emulator, probe_folder, spec
from grader.tree import this_tree

ROOT = Path(__file__).resolve().parents[2]
RICH = Machine(memory_mb=32, processors=2, disks=(Disk("pages", 8), Disk("volume", image="volume.img"), Disk("a", bus="floppy")),
               devices=("edu",))


class Words(unittest.TestCase):
    def test_words_of_a_driver_name_a_machine(self) -> None:
        self.assertEqual(Machine(processors=0), parse(""))
        self.assertEqual(dataclasses.replace(RICH, options="/HAL=PIC /X", flavour="checked"), parse(
            "memory=32 processors=2 disk=pages:8 disk=volume:volume.img floppy=a: device=edu option=/HAL=PIC option=/X flavour=checked"))

    def test_word_that_means_nothing_is_told(self) -> None:
        for text in ("memory=much", "disk", "memory", "turbo=1", "disk=pages", "flavour=sweet", "disk=a:1 disk=a:2", "disk=a-b:1",
                     "floppy=a:b floppy=c:d floppy=e:f", "pagefile", "pagefile=much", "pagefile=8:floppy", "pagefile=8 pagefile=8"):
            with self.subTest(text), self.assertRaises(GraderError):
                parse(text)

    def test_label_tells_machines_apart(self) -> None:
        self.assertEqual("", Machine().label)
        self.assertEqual("@4", Machine(processors=4).label)
        self.assertEqual("@2,32MB,pages,volume,a,edu", RICH.label)
        self.assertEqual("@checked,HAL=PIC", Machine(flavour="checked", options="/HAL=PIC").label)

    def test_page_file_has_a_disk_and_a_driver(self) -> None:
        for text, label, words in (("pagefile=48", "@pagefile", ("size=67108864,mem-path=/there/pagefile.memory", "ivshmem-plain,memdev=pagefile")),
                                   ("pagefile=48:ide disk=a:8", "@pagefile:ide,a", ("if=ide,index=0,id=pagefile,", "if=ide,index=1,id=a,"))):
            machine = parse(text).on(1)
            self.assertEqual((label, ("pagedisk.sys",)), (machine.label, machine.drivers))
            line = " ".join(machine.arguments(Path("/there")))
            for word in words:
                self.assertIn(word, line)
        self.assertEqual((), RICH.drivers)
        for wrong in ({"image": "a.img", "bus": "ide", "page_file": True}, {"megabytes": 8, "bus": "memory"}):
            with self.subTest(wrong), self.assertRaises(GraderError):
                Disk("a", **wrong)

    def test_any_number_of_processors_is_chosen_once(self) -> None:
        self.assertEqual((4, 2, 1), (Machine(processors=0).on(4).processors, RICH.on(4).processors, Machine().on(4).processors))

    def test_disks_have_places_of_their_own(self) -> None:
        def places(taken: int) -> "list[str]":
            return [word.split(",id=")[0] for word in RICH.arguments(Path("/there"), taken) if "if=" in word]

        self.assertEqual(["if=ide,index=0", "if=ide,index=1", "if=floppy,index=0"], places(0))
        self.assertEqual(["if=ide,index=1", "if=ide,index=2", "if=floppy,index=0"], places(1))


class Places(unittest.TestCase):
    """Who shares a boot."""

    kernels = KernelSet({"9.1": Kernel(Path("/free")), "9.1/explore": Kernel(Path("/explore")), "9.1/checked": Kernel(Path("/checked"))}, Path("/"))

    def place(self, **more: object) -> Place:
        made = test("9.1", points=1, title="a test", **more)(lambda t: None)  # type: ignore[arg-type]
        return place_of(self.kernels, made.spec)  # type: ignore[attr-defined]

    def test_equal_machines_share_a_boot_and_others_do_not(self) -> None:
        usual = self.place()
        self.assertEqual(usual, self.place(stage="early", machine=Machine(processors=0)))
        self.assertEqual(self.place(machine=RICH), self.place(machine=dataclasses.replace(RICH, disks=tuple(RICH.disks))))
        self.assertEqual(4, len({usual, self.place(machine=RICH), self.place(machine=Machine(memory_mb=16)), self.place(stage="alone")}))

    def test_flavour_chooses_the_kernel(self) -> None:
        self.assertEqual(Path("/checked"), self.place(machine=Machine(flavour="checked")).directory)
        self.assertEqual((Path("/explore"), EXPLORED, ("ready",)), dataclasses.astuple(self.place(explore=True))[:1]
                         + (self.place(explore=True).machine, self.place(explore=True).stages))

    def test_stages_do_not_depend_on_the_other_tests(self) -> None:
        self.assertEqual(("early", "ready"), self.place(stage="ready").stages)
        self.assertEqual(("alone",), self.place(stage="alone").stages)


class Flavours(unittest.TestCase):
    def test_each_flavour_that_tests_name_is_built_for_its_own_exercises(self) -> None:
        built = []

        def build(_: Submission, wanted: "list[str]", flavour: str) -> "dict[str, Kernel]":
            built.append((flavour, wanted))
            return {key: Kernel(Path(flavour, key)) for key in wanted}

        builder = Builder(this_tree(), Course((), ()))
        with mock.patch.object(builder, "_build", build), mock.patch.object(builder._tree.__class__, "scratch", lambda *_: Path("/nowhere")), \
                mock.patch.object(Submission, "write_to"):
            kernels = builder.build(Submission({}, ()), ["1.1", "1.2/checked", "1.1/explore", "whole/checked"])
        self.assertEqual([("explore", ["1.1"]), ("checked", ["1.2", "whole"]), (builder.flavour, ["1.1"])], built)
        self.assertEqual(Path("checked/1.2"), kernels["1.2/checked"].directory)
        self.assertEqual({"1.1", "1.2/checked", "1.1/explore", "whole/checked"}, set(kernels.kernels))

    def test_make_is_told_a_flavour_that_the_environment_does_not_choose(self) -> None:
        builder = Builder(this_tree(), Course((), ()))
        for asked, flavour, told in (("", "checked", ["MICA_CHECKED=1"]), ("1", "free", ["MICA_CHECKED="]), ("1", "checked", []), ("", "free", [])):
            with self.subTest(flavour), mock.patch.dict("os.environ", MICA_CHECKED=asked):
                self.assertEqual(told, builder.switch(flavour))


class GuestRing(unittest.TestCase):
    """A driver's own machines (kernel/tests/guest/run.py)."""

    def setUp(self) -> None:
        made = importlib.util.spec_from_file_location("guest_run", ROOT / "kernel/tests/guest/run.py")
        assert made and made.loader
        self.ring = importlib.util.module_from_spec(made)
        with mock.patch.dict("sys.modules", guest_run=self.ring):
            made.loader.exec_module(self.ring)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.ring.HERE = Path(folder.name)

    def machines(self, text: str, processors: int) -> "list[Machine]":
        (self.ring.HERE / "driver.cpp").write_text(text)
        return self.ring.machines("driver", processors)

    def test_driver_without_a_word_runs_on_the_usual_machine(self) -> None:
        self.assertEqual([Machine(processors=2)], self.machines("// What it tests.\n", 2))

    def test_driver_names_its_machines(self) -> None:
        text = "// What it tests.\n// machine: memory=16\n// machine: processors=4 disk=pages:32\n#include \"x.h\"\n"
        fixed = Machine(processors=4, disks=(Disk("pages", 32),))
        self.assertEqual([Machine(16, 1), fixed], self.machines(text, 1))
        plan = self.ring.Plan(Path("out/free"), "", False, "0", False, {})
        self.assertEqual([Path("out/free"), Path("out/checked")], [plan.folder(Machine(flavour=one)) for one in ("", "checked")])
        self.assertEqual([Machine(16, 2), fixed], self.machines(text, 2))


@needs_emulator
class OnTheMachine(unittest.TestCase):
    """The emulator has what was named."""

    @classmethod
    def setUpClass(cls) -> None:
        image = probe_folder() / "boot" / "volume.img"
        image.write_bytes(b"volume" * 1000)
        cls.addClassCleanup(image.unlink)

    def rich(self) -> Session:
        session = boot(Place(probe_folder(), "", RICH))
        self.addCleanup(session.close)
        return session

    def disk(self, session: Session, name: str, command: str) -> bool:
        """Whether the emulator could do this with a disk.  It says so on its own output."""
        said = session.machine.folder / "stderr"
        before = said.stat().st_size
        session.machine.qmp.monitor(f'qemu-io {name} "{command}"')
        return "failed" not in said.read_text()[before:]

    def test_machine_has_the_parts_that_were_named(self) -> None:
        session = self.rich()
        monitor = session.machine.qmp.monitor
        self.assertEqual(32 << 20, session.machine.ram.size)
        self.assertEqual(2, monitor("info cpus").count("CPU #"))
        self.assertIn("1234:11e8", monitor("info pci"))  # edu
        for name, size in (("pages", 8 << 20), ("a", 1440 << 10)):
            self.assertEqual((True, False), (self.disk(session, name, f"read {size - 512} 512"), self.disk(session, name, f"read {size} 512")))
        for letter, place in ((ord("v"), 0), (ord("e"), 5999)):
            self.assertTrue(self.disk(session, "volume", f"read -P {letter} {place} 1"))
        self.assertFalse(self.disk(session, "volume", "read -P 0 0 1"))

    def test_guest_finds_the_disk_on_its_bus(self) -> None:
        session = self.rich()
        session.restore("ready")
        self.assertTrue(self.disk(session, "volume", "write -P 0x5a 512 512"))
        for port, value in ((0x1F6, 0xF0), (0x1F2, 1), (0x1F3, 1), (0x1F4, 0), (0x1F5, 0), (0x1F7, 0x20)):  # the second one, sector 1
            session.machine.qmp.monitor(f"o /b {port:#x} {value:#x}")
        ready, end = 8, time.monotonic() + 30.0  # the host reads when it can
        while not int(session.machine.qmp.monitor("i /b 0x1f7").split("=")[1], 16) & ready:
            self.assertLess(time.monotonic(), end, "the disk has no data")
        self.assertIn("= 0x5a5a5a5a", session.machine.qmp.monitor("i /w 0x1f0"))

    def test_what_is_written_to_a_disk_goes_back_with_the_snapshot(self) -> None:
        session = self.rich()
        session.restore("ready")
        self.assertTrue(self.disk(session, "pages", "read -P 0 4096 512"))
        self.assertTrue(self.disk(session, "pages", "write -P 0x5a 4096 512"))
        self.assertTrue(self.disk(session, "pages", "read -P 0x5a 4096 512"))
        session.restore("ready")
        self.assertTrue(self.disk(session, "pages", "read -P 0 4096 512"))
        self.assertFalse(self.disk(session, "pages", "read -P 0x5a 4096 512"))

    def test_disks_do_not_move_the_boot(self) -> None:  # grading.md, promise 2
        one = dataclasses.replace(RICH, processors=1)
        counts = []
        for _ in range(3):
            session = boot(Place(probe_folder(), "", one))
            counts.append([state.icount for state in session.stages.values()])
            session.close()
        self.assertEqual([counts[0]] * 3, counts)

    def test_test_runs_on_the_machine_that_it_names(self) -> None:
        seen = []

        def body(t) -> None:
            seen.append((t.guest.session.processors, t.guest.machine.ram.size >> 20))

        tests = [dataclasses.replace(spec(body, name), machine=made) for name, made in (("usual", Machine()), ("small", Machine(16, 2)))]
        self.assertEqual([2, 2], [one.points for one in grade(tests)])
        self.assertEqual([(1, 64), (2, 16)], sorted(seen))

    def test_image_that_is_not_there_is_told(self) -> None:
        with self.assertRaisesRegex(GraderError, "begins as nothing.img, which is not in the kernel's boot folder"):
            boot(Place(probe_folder(), "", Machine(disks=(Disk("d", image="nothing.img"),))))


class OnTheConsole(unittest.TestCase):
    def test_emulator_is_told_the_same_parts(self) -> None:
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        folder = Path(made.name)
        (folder / "monitor.img").write_bytes(bytes(512))
        started = QemuMachine(Boot(folder, machine=Machine(memory_mb=16, processors=2, disks=(Disk("pages", 8),))))
        self.addCleanup(started.stop)
        line = " ".join(started.command())
        self.assertIn("-m 16 -smp 2 -drive if=ide,index=1,id=pages", line)
        self.assertIn("if=ide,index=0,snapshot=on", line, "the disk that it boots from is the first")
        self.assertTrue((started.folder / "pages.qcow2").is_file())

    def test_bochs_says_what_it_has_not(self) -> None:
        for made in (Machine(processors=2), Machine(disks=(Disk("pages", 8),)), Machine(devices=("edu",))):
            with self.subTest(made.label), self.assertRaises(GraderError):
                machine("bochs", Boot(Path("/nonexistent"), machine=made))


class Stages(unittest.TestCase):
    def test_stages_of_the_model_are_those_that_a_session_stops_at(self) -> None:
        self.assertEqual({one.value for one in Stage} - {"none"}, set(STAGES))
        text = (ROOT / "kernel/inc/kd.h").read_text()
        for name, number in STAGES.items():
            self.assertIn(f"    {name.title()} = {number}, ///<", text)
        self.assertLessEqual(set(USUAL), set(STAGES))


if __name__ == "__main__":
    unittest.main()
