"""MemMon: snapshots of a guest and of a machine that runs, the text for a terminal, the page in a browser.  TOL-02"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from typing import List
from unittest import mock

from grader import offline
from grader.commands import memmon
from grader.console import PROMPT
from grader.console.machines import Boot, machine
from grader.errors import GraderError
from grader.machine.parts import Machine
from grader.memmon import live, page, record, terminal
from grader.memmon.snapshot import CLASSES, NONE, USER, Process, Range, Snapshot, Used, class_of
from grader.report.terminal import Paint
from grader.tests.machine import needs_emulator
from grader.tests.test_kernel import KERNEL
from grader.tests.test_timeline import Page
from grader.tree import Tree, this_tree
from grader.views.pages import ACTIVE, FREE, LOCATION_SHIFT, MODIFIED, ROM, ZEROED
from grader.views.pages import Page as Frame
from grader.views.pools import Tag
from grader.views.workingset import Entry, WorkingSet

HOSTILE = "</script><script>alert(1)</script>\x1b[2J\u2028"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
READY = all((KERNEL / "boot" / name).exists() for name in ("ntoskrnl.exe", "loader.elf", "memmon.sys")) and (this_tree().root / "kernel/tests/guest").is_dir()


def frame(number: int, state: int = FREE, pte: int = 0, flags: int = 0) -> Frame:
    return Frame(number, 0, pte, 1, 1, state << LOCATION_SHIFT | flags, 0, 0)


def snapshot(label: str = "", time: float = 0.0, pages: "List[Frame] | None" = None, name: str = "Editor") -> Snapshot:
    made = pages or [frame(0, flags=ROM), frame(1), frame(2, ZEROED), frame(3, ACTIVE, 0xC0000040), frame(4, ACTIVE, 0xC0200400), frame(5, MODIFIED, 0xC0000044)]
    working_set = WorkingSet(1, 2, 50, 345, 3, (Entry(0, 0x00010001 | 1 << 10),), True, ())
    return Snapshot(label, time, tuple(made), 2, (Used("paged pool", 0xE1000000, 0xE10FFFFF, 3),),
                    (Process(name, 8, 5, (Range(0x10000, 0x13FFF, "private, read write", 4, 1),), working_set, ()),),
                    (Tag("Thre", 9, 1, 4096, 0, 0, 0),), False, ())


class Snapshots(unittest.TestCase):
    def test_every_page_is_of_one_class(self) -> None:
        self.assertEqual([NONE, FREE, ZEROED, USER, ACTIVE, MODIFIED], list(map(class_of, snapshot().pages)))
        self.assertEqual(6, sum(snapshot().counts()))

    def test_map_shows_what_most_pages_of_a_cell_are(self) -> None:
        pages, found = terminal.cells(bytes([1] * 5 + [6] * 7 + [1] * 4), 2, 2)
        self.assertEqual((4, [1, 6, 6, 1]), (pages, found))
        self.assertEqual((1, [0, 1, 2]), terminal.cells(bytes([0, 1, 2]), 80))


class Text(unittest.TestCase):
    def text(self, stream: io.StringIO, **more: str) -> str:
        with mock.patch.dict(os.environ, {"TERM": "xterm", **more}):
            return "\n".join(terminal.lines(snapshot("a moment", 1.5), Paint(stream), 100))

    def test_without_a_terminal_there_are_no_colours(self) -> None:
        text = self.text(io.StringIO())
        self.assertNotIn("\x1b", text)
        for part in ("MemMon  a moment  1.5 ms", "00000000  .FZUAM", "e1000000 e10fffff       1024      12 KB  paged pool",
                     "Editor (8): working set 1 of at most 345, peak 2, by age 0 1 0 0; 3 faults; 5 pages committed",
                     "00010000 00013fff [######------------------] 1/4  private, read write", "Thre          4096       8"):
            self.assertIn(part, text)

    def test_terminal_gets_colours_unless_it_asks_for_none(self) -> None:
        screen = io.StringIO()
        screen.isatty = lambda: True  # type: ignore[method-assign]
        self.assertIn("\x1b[44mF\x1b[0m", self.text(screen))
        self.assertNotIn("\x1b", self.text(screen, NO_COLOR="1"))

    def test_names_of_a_kernel_command_no_terminal(self) -> None:
        text = "\n".join(terminal.lines(snapshot(HOSTILE, name=HOSTILE), Paint(io.StringIO()), 300))
        self.assertNotIn("\x1b", text)
        self.assertIn("\\x1b[2J", text)


class Pages(unittest.TestCase):
    """page.py"""

    def moments(self) -> "List[Snapshot]":
        first = snapshot("first")
        return [first, replace(first, label="second", time=2.0, pages=(*first.pages[:1], frame(1, ACTIVE, 0xC0000048), *first.pages[2:]))]

    def test_only_what_changed_is_written(self) -> None:
        moments = page.data("a run", self.moments())["moments"]
        self.assertEqual(6 * 8, len(moments[0]["changed"]))
        self.assertEqual([1, USER, 0xC0000048], moments[1]["changed"][:3])
        self.assertEqual(8, len(moments[1]["changed"]))
        with self.assertRaisesRegex(GraderError, "no snapshot"):
            page.render("nothing", [])

    def test_nothing_is_fetched_and_texts_stay_data(self) -> None:
        text = page.render(HOSTILE, [snapshot(HOSTILE, name=HOSTILE)])
        told = Page(text)
        self.assertEqual([], told.fetches)
        self.assertEqual(2, len(told.scripts), "the data and the page's own script, and no third one")
        self.assertEqual(HOSTILE, json.loads(told.scripts[0])["moments"][0]["processes"][0]["name"])
        self.assertIn("default-src 'none'", text)
        self.assertNotRegex(text, r"https?://")
        self.assertNotRegex(page.script(), r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function")
        self.assertEqual(len(CLASSES), len(page.COLOURS))

    def test_same_run_same_bytes(self) -> None:
        self.assertEqual(page.render("a run", self.moments()), page.render("a run", self.moments()))
        self.assertEqual('"\\u003c\\u003e\\u0026\\u2028"', offline.embedded("<>&\u2028"))

    @unittest.skipUnless(BROWSER, "not on this system: no Chromium to open the page in")
    def test_browser_shows_the_moment_that_is_asked_for(self) -> None:
        first, second = self.dom("?at=0"), self.dom("?at=1&frame=1")
        for body, parts in ((first, ("1 of 2: 0.00 ms, first", "Free 1<", "a process's 1<", "Editor (8)", "1 of 4", "paged pool", "Thre")),
                            (second, ("2 of 2: 2.00 ms, second", "Free 0<", "a process's 2<",
                                      "page 1 at 00001000: ActiveAndValid, a process's", "PTE at c0000048 (maps 00012000), originally 00000000"))):
            for part in parts:
                self.assertIn(part, body)

    @unittest.skipUnless(BROWSER, "not on this system: no Chromium to open the page in")
    def test_no_hostile_text_runs(self) -> None:
        body = self.dom("", [snapshot(HOSTILE, name=HOSTILE)])
        self.assertIn("&lt;/script&gt;&lt;script&gt;alert(1)", body)
        self.assertIn("1 of 4", body)

    def dom(self, query: str, moments: "List[Snapshot] | None" = None) -> str:
        """What the page is made of once its script has run."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "page.html"
            path.write_text(page.render("a run", moments or self.moments()), encoding="utf-8")
            done = subprocess.run([str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
                                   f"--user-data-dir={folder}/profile", "--virtual-time-budget=2000", path.as_uri() + query],
                                  capture_output=True, text=True, timeout=120)
            return done.stdout.split("<script")[0]


@needs_emulator
@unittest.skipUnless(READY, "not on this system: no kernel was built in the build folder")
class OnTheKernel(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.tree = Tree(this_tree().root, KERNEL.parent)
        options = argparse.Namespace(test="", smp="1", checked=False, to="")
        cls.moments = list(memmon.of_guest_test(cls.tree, memmon.DEMO, options))

    def find(self, label: str) -> Snapshot:
        return next(shown for shown in reversed(self.moments) if shown.label == label)

    def test_demo_is_seen_from_beginning_to_end(self) -> None:
        self.assertEqual("the end", self.moments[-1].label)
        self.assertEqual([], [words for shown in self.moments for words in (*shown.wrong, *(text for one in shown.processes for text in one.wrong))])
        self.assertEqual(sorted(shown.time for shown in self.moments), [shown.time for shown in self.moments])
        self.assertEqual(1, len({sum(shown.counts()) for shown in self.moments}))
        self.assertGreater(sum(self.moments[0].counts()), 4000)

    def test_what_processes_do_is_what_is_seen(self) -> None:
        begin, filled, trimmed = self.moments[0], self.find("the compiler's stack grows"), self.find("the editor's working set is trimmed")
        by_name = {one.name: one for one in filled.processes}
        self.assertEqual((500, [500, 0]), (by_name["Editor"].working_set.size, [one.resident for one in by_name["Editor"].ranges]))
        self.assertEqual({500, 900 + 40}, {len(one.working_set.entries) for one in filled.processes if one.name != "System"})
        self.assertIn("user stack, read write", [one.words for one in by_name["Compiler"].ranges])
        self.assertEqual(0, begin.counts()[USER])
        self.assertGreaterEqual(filled.counts()[USER], 500 + 900 + 40)
        self.assertEqual((0, 500), (trimmed.counts()[2], trimmed.counts()[MODIFIED]))
        pool = {tag.name: tag for tag in self.find("a driver takes 800 KB of non-paged pool").tags}
        self.assertGreaterEqual(pool["Show"].bytes, 200 * 4096)
        self.assertEqual(["System"], [one.name for one in self.moments[-1].processes])

    def test_machine_that_runs_is_found_and_read(self) -> None:
        self.assertNotEqual(KERNEL, (live.find(self.tree.out) or (None, None))[1], "another machine of this folder runs")
        with machine("qemu", Boot(KERNEL, "/SEED=7", Machine(memory_mb=16))) as started:
            found = live.find(self.tree.out)
            assert found is not None
            self.assertEqual(KERNEL, found[1])
            self.assertIsNone(live.find(self.tree.out / "elsewhere"))
            self.assertIn(PROMPT, started.read_until(PROMPT, 120))
            shown = next(record.of_running(*found, 0.1, lambda: False))
            self.assertEqual(((), ["System"]), (shown.wrong, [one.name for one in shown.processes]))
            self.assertEqual(shown.available, sum(shown.counts()[:3]))
            self.assertIn("kernel, HAL, boot drivers", [one.name for one in shown.regions])
        self.assertIsNone(live.find(self.tree.out))

    def test_what_cannot_be_shown_is_said(self) -> None:
        for name, words in (("nobody.Test", "no guest test driver 'nobody'"), ("memmon.Nothing", "has no test 'Nothing'")):
            with self.subTest(name), self.assertRaisesRegex(GraderError, words):
                list(memmon.of_guest_test(self.tree, name, argparse.Namespace(smp="1", checked=False)))
        with tempfile.TemporaryDirectory() as branch, self.assertRaisesRegex(GraderError, "type `make run` in another window"):
            list(memmon.of_guest_test(Tree(Path(branch), Path(branch, "build")), memmon.DEMO, argparse.Namespace(smp="1", checked=False)))
        with self.assertRaisesRegex(GraderError, "is a folder"):
            memmon.run(self.tree, argparse.Namespace(to=str(self.tree.root), test="", smp="1", checked=False))

    def test_each_moment_is_printed_once_where_no_terminal_is(self) -> None:
        with mock.patch("sys.stdout", new_callable=io.StringIO) as said:
            memmon.show(iter(self.moments), one_page=False)
        heads = re.findall(r"^MemMon  (.*?)  [\d.]+ ms", said.getvalue(), re.M)
        self.assertEqual(len(heads), len(set(heads)))
        self.assertIn("the editor's working set is trimmed", heads)


if __name__ == "__main__":
    unittest.main()
