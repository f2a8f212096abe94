"""Sources of others: from the cache, from a mirror, and never other bytes than those that are named."""

from __future__ import annotations

import hashlib
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from kernel.tests.thirdparty import run as ring
from kernel.tests.thirdparty import sources
from kernel.tests.thirdparty.programs import PROGRAMS, RUNS

WHOLE = b"an archive"
SOURCE = sources.Source("a", "a/a/a_1.orig.tar.gz", hashlib.sha256(WHOLE).hexdigest(), "a-1")


class FetchTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name) / "cache"
        self.asked: "list[str]" = []

    def fetch(self, answers: "list[bytes | str]") -> Path:
        """Mirrors answer with these: bytes, or why there are none."""

        def download(address: str, to: Path) -> str:
            self.asked.append(address)
            answer = answers[len(self.asked) - 1]
            if isinstance(answer, bytes):
                to.write_bytes(answer)
                return ""
            return answer

        with mock.patch.object(sources, "_download", download), mock.patch.object(sources, "mirrors", lambda: ["http://one/debian/", "http://two/debian"]):
            return sources.fetch(SOURCE, self.folder)

    def test_the_next_mirror_is_asked_and_the_cache_spares_all(self) -> None:
        self.assertEqual(WHOLE, self.fetch(["404", WHOLE]).read_bytes())
        self.assertEqual(["http://one/debian/pool/main/a/a/a_1.orig.tar.gz", "http://two/debian/pool/main/a/a/a_1.orig.tar.gz"], self.asked)
        self.fetch([])
        self.assertEqual(2, len(self.asked))

    def test_a_file_of_the_cache_that_was_changed_is_fetched_anew(self) -> None:
        self.fetch([WHOLE]).write_bytes(WHOLE[:-1])
        self.assertEqual(WHOLE, self.fetch(["", WHOLE]).read_bytes())

    def test_other_bytes_are_refused_and_not_kept(self) -> None:
        with self.assertRaisesRegex(sources.Changed, "instead of"):
            self.fetch([WHOLE + b"!"])
        self.assertEqual([], list(self.folder.iterdir()))

    def test_without_a_mirror_it_says_why(self) -> None:
        with self.assertRaisesRegex(sources.Unavailable, "no route"):
            self.fetch(["refused", "no route"])
        self.assertEqual([], list(self.folder.iterdir()))


class TableTest(unittest.TestCase):
    def test_each_run_has_a_program_of_the_table_and_a_name_of_its_own(self) -> None:
        self.assertEqual(len(RUNS), len({run.name for run in RUNS}))
        self.assertEqual(set(), {run.program.name for run in RUNS} - {program.name for program in PROGRAMS})
        self.assertEqual(len(PROGRAMS), len({program.name for program in PROGRAMS}))

    def test_at_least_six_programs_run(self) -> None:
        self.assertGreaterEqual(len({run.program.name for run in RUNS}), 6)


class OfflineTest(unittest.TestCase):
    def main(self, *argv: str) -> int:
        with mock.patch.object(ring, "fetch", side_effect=sources.Unavailable("no route")), mock.patch("builtins.print") as self.said:
            return ring.main(["--out", "build", *argv])

    def test_offline_the_ring_says_that_it_is_skipped(self) -> None:
        self.assertEqual(0, self.main())
        (line,) = self.said.call_args.args
        self.assertRegex(line, "^skipped: .*no route$")

    def test_for_a_build_it_is_a_failure(self) -> None:
        with self.assertRaisesRegex(ring.GraderError, "no route"):
            self.main("--build")


if __name__ == "__main__":
    unittest.main()
