"""One text in every encoding that students' programs save it in."""

from __future__ import annotations

import codecs
import sys
import tempfile
import unittest
from pathlib import Path

from grader import labs
from grader.api import Context
from grader.model import TestSpec
from grader.mytest import driver
from grader.submission import studenttext
from grader.tree import this_tree

TEXT = "# Größe: 5\nvector = 4\nesi = 0x1f\n"
ENCODED = {
    "UTF-8": TEXT.encode(),
    "UTF-8 with a mark": codecs.BOM_UTF8 + TEXT.encode(),
    "Notepad's Unicode": codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
    "Notepad's Unicode big endian": codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    "UTF-16 without a mark": TEXT.encode("utf-16-le"),
    "UTF-16 big endian without a mark": TEXT.encode("utf-16-be"),
    "UTF-32": codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"),
    "Latin-1": TEXT.encode("latin-1"),
    "Windows lines": TEXT.replace("\n", "\r\n").encode(),
    "PowerShell": codecs.BOM_UTF16_LE + TEXT.replace("\n", "\r\n").encode("utf-16-le"),
    "old Mac lines": TEXT.replace("\n", "\r").encode(),
    "two marks": codecs.BOM_UTF8 * 2 + TEXT.encode(),
}


class Decode(unittest.TestCase):
    """Bytes to text."""

    def test_every_encoding_gives_the_same_text(self) -> None:
        for name, data in ENCODED.items():
            with self.subTest(name):
                self.assertEqual(studenttext.decode(data), TEXT)

    def test_powershell_appends_to_utf8(self) -> None:
        data = b"vector = 4\n" + "irql = 2\r\n".encode("utf-16-le")
        self.assertEqual(studenttext.decode(data), "vector = 4\nirql = 2\n")

    def test_any_bytes_give_some_text(self) -> None:
        for data in (b"", b"\0", b"\xff", b"\xff\xfe", b"\xff\xfe\x31", b"\xfe\xff\xd8", b"\xff\xfe\0\0\x01", b"\x81\x8d", bytes(range(256)) * 3):
            self.assertIsInstance(studenttext.decode(data), str)

    def test_plain_signs(self) -> None:
        wide = "ｅｓｉ　＝　０ｘ１ｆ　＃　ｘ\nerror\u2013code\u00a0= \u22121\u200b"
        self.assertEqual(studenttext.plain(wide), "esi = 0x1f # x\nerror-code = -1")


class Answers(unittest.TestCase):
    """Exercise 0.1 reads answers.txt however it was saved."""

    def test_every_encoding_is_read(self) -> None:
        labs.load(this_tree())
        answers = getattr(sys.modules["mica_lab0_tests.test_trap"], "_answers")
        wide = "ＶＥＣＴＯＲ　＝　４　＃　Ｇｒ\nｅｓｉ　＝　０ｘ１ｆ\n".encode("utf-16")
        with tempfile.TemporaryDirectory() as home:
            path = Path(home) / "labs/0-boot/answers.txt"
            path.parent.mkdir(parents=True)
            t = Context(TestSpec("0.1", "a", 1, "A", lambda t: None), 1, None, Path(home), 1)  # type: ignore[arg-type]
            for name, data in {**ENCODED, "full-width": wide}.items():
                path.write_bytes(data)
                with self.subTest(name):
                    self.assertEqual(answers(t), {"vector": "4", "esi": "0x1f"})
                    self.assertEqual(t.submitted_bytes("labs/0-boot/answers.txt"), data)


class Objection(unittest.TestCase):
    """Sources that no compiler reads."""

    def test_utf16_is_named(self) -> None:
        for name in ("Notepad's Unicode", "UTF-16 without a mark", "UTF-16 big endian without a mark"):
            self.assertRegex(studenttext.objection("a.cpp", ENCODED[name]), "^a.cpp:1:1: error: .* saved as UTF-16.* save it as UTF-8")
        self.assertIn("UTF-32", studenttext.objection("a.cpp", ENCODED["UTF-32"]))

    def test_the_rest_is_the_compilers(self) -> None:
        for name in ("UTF-8", "UTF-8 with a mark", "Latin-1", "Windows lines", "old Mac lines"):
            self.assertEqual(studenttext.objection("a.cpp", ENCODED[name]), "")
        self.assertEqual(studenttext.objection("a.cpp", b""), "")

    def test_scenarios_are_sources_too(self) -> None:
        error = driver.compiled(this_tree(), None, ENCODED["Notepad's Unicode"])[1]  # type: ignore[arg-type]
        self.assertRegex(error, "^mytest.cpp:1:1: error: .* saved as UTF-16")


if __name__ == "__main__":
    unittest.main()
