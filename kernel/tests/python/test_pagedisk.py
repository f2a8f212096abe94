"""The page file's disk is deterministic: however busy the host is, transfers end at the same instruction of the guest and leave
the same memory behind."""
# PFN-15
from __future__ import annotations

import dataclasses
import hashlib
import os
import struct
import unittest
from pathlib import Path
from typing import Tuple

from grader.errors import GraderError
from grader.guest import Guest
from grader.guest.session import Session
from grader.machine.disks import PAGE, PAGE_FILE_LABEL
from grader.machine.parts import Machine, page_file
from grader.tests.machine import needs_emulator
from grader.tree import this_tree

from .load import Load

KERNEL = Path(os.environ.get("MICA_OUT") or this_tree().out).resolve() / "free"
BUILT = all((KERNEL / "boot" / name).exists() for name in ("ntoskrnl.exe", "loader.elf", "pagedisk.sys", "pagedevice.sys"))
LIMIT, SECONDS = 400_000_000, 60.0
RUNS = 8
PAGES = Machine(memory_mb=16, disks=(page_file(2),))


def transfers(machine: Machine) -> Tuple[int, int, str]:
    """Boots and carries a hundred transfers: the instructions until then, a digest of the times at which each ended, and one of
    all memory."""
    with Session(KERNEL, "pagedevice.sys", machine) as session:
        session.boot(Guest(session))
        guest = Guest(session)
        guest.begin(session.restore("ready"), LIMIT, SECONDS)
        guest.arm()
        guest.call(guest.u32(guest.sym("GuestTest_TimesOfTransfersMakeADigest") + 4))
        memory = hashlib.sha256(session.machine.ram_path.read_bytes()).hexdigest()
        return session.machine.icount(), guest.u64(guest.sym("PageDeviceDigest")), memory


@needs_emulator
@unittest.skipUnless(BUILT, "the kernel is not built")
class PageDisk(unittest.TestCase):
    """On one processor: where several run, the order in which they run is not the disk's."""

    def one_result(self, options: str) -> None:
        machine = dataclasses.replace(PAGES, options=options)
        seen = [transfers(machine) for _ in range(RUNS // 2)]
        with Load():
            seen += [transfers(machine) for _ in range(RUNS // 2)]
        self.assertNotEqual(0, seen[0][1])
        self.assertEqual([seen[0]] * RUNS, seen)

    def test_eight_runs_have_one_result(self) -> None:
        self.one_result("")

    def test_without_latency_too(self) -> None:
        self.one_result("/DISKLATENCY=0")

    def test_host_finds_the_pages_in_the_machines_folder(self) -> None:
        with Session(KERNEL, "pagedevice.sys", PAGES) as session:
            session.boot(Guest(session))
            guest = Guest(session)
            guest.begin(session.restore("ready"), LIMIT, SECONDS)
            guest.arm()
            guest.call(guest.u32(guest.sym("GuestTest_PagesComeBackFromTheDisk") + 4))
            disk = (session.machine.folder / PAGES.disks[0].file).read_bytes()
            last = disk[-PAGE:]  # the test filled it with the sixteenth page
            self.assertEqual([((115 * 2654435761 + 1023 - at) & 0xFFFFFFFF) for at in range(3)], list(struct.unpack_from("<3I", last)))
            session.restore("ready")
            disk = (session.machine.folder / PAGES.disks[0].file).read_bytes()
            self.assertEqual(bytes(PAGE), disk[-PAGE:], "it goes back with the snapshot")
            self.assertTrue(disk.startswith(PAGE_FILE_LABEL))

    def test_machine_without_the_driver_is_told(self) -> None:
        with self.assertRaisesRegex(GraderError, "pagedisk.sys, which the machine needs"):
            Session(Path(__file__).parent, "", PAGES)._plan()


if __name__ == "__main__":
    unittest.main()
