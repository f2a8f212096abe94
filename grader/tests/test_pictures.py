"""`make pictures`: every PNG of the documentation is listed with its size; what cannot be taken is said, and the old one stays."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import shutil
import struct
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from grader.errors import GraderError
from grader.handout.publish import WITHHELD
from grader.pictures import __main__ as pictures
from grader.tree import Tree

ROOT = Path(__file__).resolve().parents[2]


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", width, height) + b"\x08\x02\0\0\0"


class Listed(unittest.TestCase):
    def test_every_png_is_taken_by_it(self) -> None:
        found = [path.relative_to(ROOT).as_posix() for folder in ("docs", "labs", "kernel", "solutions")
                 for path in (ROOT / folder).rglob("*.png")]
        self.assertEqual(sorted(found), sorted(one.path for one in pictures.PICTURES))

    def test_they_have_the_size_that_is_said(self) -> None:
        for one in pictures.PICTURES:
            self.assertEqual(one.size, pictures.size_of((ROOT / one.path).read_bytes()), one.path)

    def test_students_do_not_get_it(self) -> None:
        self.assertIsNotNone(WITHHELD.search("grader/pictures/__main__.py"))


class Taken(unittest.TestCase):
    def setUp(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="mica-pictures-")).resolve()
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.tree = Tree(self.home, self.home / "build")
        self.old = self.home / "a.png"
        self.old.write_bytes(b"old")

    def picture(self, data: bytes) -> pictures.Picture:
        return pictures.Picture("a.png", (8, 4), lambda tree, picture: data)

    def test_new_one_takes_the_place_of_the_old(self) -> None:
        pictures.take(self.tree, self.picture(png(8, 4)))
        self.assertEqual(png(8, 4), self.old.read_bytes())

    def test_another_size_or_no_picture_leaves_the_old_one(self) -> None:
        for data, text in ((png(9, 4), r"would be \(9, 4\) pixels, and should be \(8, 4\); the old one stays"), (b"", "is no PNG")):
            with self.assertRaisesRegex(GraderError, text):
                pictures.take(self.tree, self.picture(data))
            self.assertEqual(b"old", self.old.read_bytes())

    def test_without_a_browser_it_says_what_to_install(self) -> None:
        with mock.patch.object(pictures.shutil, "which", lambda name: None), \
                self.assertRaisesRegex(GraderError, "sudo apt-get install chromium"):
            pictures.race_page(self.tree, pictures.PICTURES[-1])

    def test_one_that_fails_does_not_keep_the_others_from_being_taken(self) -> None:
        def fails(tree: Tree, picture: pictures.Picture) -> bytes:
            raise GraderError("no browser")

        both = (dataclasses.replace(self.picture(b""), path="b.png", take=fails), self.picture(png(8, 4)))
        out, errors = io.StringIO(), io.StringIO()
        with mock.patch.object(pictures, "PICTURES", both), mock.patch.object(pictures, "this_tree", lambda: self.tree), \
                contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            self.assertEqual(2, pictures.main([]))
            self.assertEqual(2, pictures.main(["--only", "c*"]))
        self.assertIn("taken: a.png", out.getvalue())
        self.assertIn("b.png: no browser", errors.getvalue())
        self.assertIn("none is called c*; there are: b.png, a.png", errors.getvalue())

    @unittest.skipUnless(any(map(shutil.which, pictures.BROWSERS)), "not on this system: no browser to draw a page")
    def test_browser_draws_a_page_in_the_size_that_is_asked_for(self) -> None:
        page = self.home / "page.html"
        page.write_text("<body style='background: green'>", encoding="utf-8")
        self.assertEqual((640, 400), pictures.size_of(pictures.page(page, (640, 400))))


if __name__ == "__main__":
    unittest.main()
