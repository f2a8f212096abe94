"""Edits outside the student files: named at home, where they count, and of a submission, where they do not."""

from __future__ import annotations

import unittest
from pathlib import Path
from typing import Dict

from grader.errors import GraderError
from grader.submission import manifest
from grader.tests.fixture import QUANTUM, READY, SWITCH, TreeCase
from grader.tree import BRANCH_FILE

HEADER = "kernel/ntos/ke/ki.h"
OWN = [READY, SWITCH, QUANTUM, "labs/0-boot/seed.txt"]


class ManifestCase(TreeCase):
    """A branch with its manifest."""

    def setUp(self) -> None:
        super().setUp()
        self.put(HEADER, "#pragma once\nint KiReady();\n")
        self.put("Makefile", "all:\n")
        self.put("README.md", "read me\n")

    def ship(self) -> None:
        files: Dict[str, bytes] = {path.relative_to(self.tree.root).as_posix(): path.read_bytes()
                                   for path in sorted(self.tree.root.rglob("*"))
                                   if path.is_file() and "docs" not in path.parts}
        (self.tree.root / manifest.FILE).write_bytes(manifest.render(files, OWN))

    def changes(self) -> "list[str]":
        return manifest.changes(self.tree.root, OWN)


class AtHome(ManifestCase):
    """What differs from what the branch shipped."""

    def test_untouched_branch_and_work_in_student_files(self) -> None:
        self.ship()
        self.assertEqual(self.changes(), [])
        self.put(READY, "mine\n")
        self.put("labs/0-boot/seed.txt", "1\n")
        (self.tree.root / SWITCH).unlink()
        self.assertEqual(self.changes(), [])

    def test_complete_tree_is_no_home(self) -> None:
        self.put(HEADER, "edited\n")
        self.assertEqual(self.changes(), [])

    def test_edited_added_deleted(self) -> None:
        self.ship()
        self.put(HEADER, "#pragma once\n")
        self.put("kernel/ntos/ke/helper.cpp", "int a;\n")
        self.put("labs/1-processes/tests/test_own.py", "")
        (self.tree.root / "Makefile").unlink()
        self.assertEqual(self.changes(), ["Makefile (deleted)", "kernel/ntos/ke/helper.cpp (new)", HEADER,
                                          "labs/1-processes/tests/test_own.py (new)"])

    def test_what_counts_at_home_only(self) -> None:
        self.ship()
        self.put(HEADER, "#pragma once\n")
        for name in ("kernel/ntos/ke/helper.cpp", "kernel/ntos/ke/mine.h", "notes.py"):
            self.put(name, "int a;\n")
        (self.tree.root / "Makefile").unlink()
        self.assertEqual(manifest.unsubmitted(self.tree.root, OWN), [HEADER, "kernel/ntos/ke/mine.h (new)"])

    def test_line_endings_are_no_change(self) -> None:
        self.ship()
        path = self.tree.root / HEADER
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        self.assertEqual(self.changes(), [])

    def test_prose_litter_and_build_are_no_change(self) -> None:
        self.put(".vscode/settings.json", "{}\n")
        self.ship()
        for name in (".vscode/settings.json", "README.md", "notes.txt", "labs/1-processes/design.md", "build/kernel/x.cpp", "kernel/ntos/ke/.#ready.cpp",
                     "kernel/ntos/ke/._ready.cpp", "kernel/ntos/ke/sched/ready.cpp~", ".gitignore",
                     "labs/1-processes/__pycache__/lab.py"):
            self.put(name, "mine\n")
        (self.tree.root / "kernel/ntos/ke/link.cpp").symlink_to("nowhere")
        self.assertEqual(self.changes(), [])

    def test_manifest_that_a_merge_broke(self) -> None:
        self.ship()
        for text in ("<<<<<<< HEAD\n", "[]", '{"files": 3}', '{"files": null}', "[" * 100_000, ""):
            self.put(manifest.FILE, text)
            self.assertEqual(self.changes(), [], text[:20])

    def test_same_files_give_the_same_bytes(self) -> None:
        files = {"b": b"1", "a": b"2\r\n", READY: b"3", manifest.FILE: b"4"}
        rendered = manifest.render(files, OWN)
        self.assertEqual(rendered, manifest.render(dict(reversed(list(files.items()))), OWN))
        self.assertEqual(sorted(manifest.parse(rendered)), ["a", "b"])

    def test_folders_that_lead_round_in_a_circle(self) -> None:
        self.ship()
        (self.tree.root / "kernel/again").symlink_to(self.tree.root / "kernel")
        deep = self.tree.root / "labs" / "/".join("d" * 40)
        deep.mkdir(parents=True)
        (deep / "x.py").write_text("")
        self.assertEqual(self.changes(), [])


class ShippedObjects(ManifestCase):
    """What stands in kernel/prebuilt/ for the reference must be what the branch shipped."""

    REFERENCE = "kernel/prebuilt/reference/ntos/ke/sched/ready.cpp.obj"

    def setUp(self) -> None:
        super().setUp()
        self.put(BRANCH_FILE, '{"lab": 1}\n')
        self.put(self.REFERENCE, "shipped")
        self.ship()

    def refused(self, pattern: str) -> None:
        with self.assertRaisesRegex(GraderError, pattern):
            manifest.check_objects(self.tree, "lab1-processes")

    def test_objects_as_they_were_shipped_and_litter(self) -> None:
        for name in (".DS_Store", "reference/._ready.cpp.obj", "notes.txt"):
            self.put(f"kernel/prebuilt/{name}", "litter")
        manifest.check_objects(self.tree, "lab1-processes")

    def test_complete_tree_has_none(self) -> None:
        (self.tree.root / BRANCH_FILE).unlink()
        self.put(self.REFERENCE, "mine")
        manifest.check_objects(self.tree, "lab1-processes")

    def test_object_that_was_not_shipped(self) -> None:
        for folder in ("", "reference/", "starter/", "explore/", "explore/reference/"):
            name = f"kernel/prebuilt/{folder}ntos/ke/sched/quantum.cpp.obj"
            path = self.put(name, "mine")
            self.refused(f"^{name}: .*remove it")
            path.unlink()

    def test_altered_or_missing_object(self) -> None:
        for act in (lambda path: path.write_text("mine"), Path.unlink):
            act(self.tree.root / self.REFERENCE)
            self.refused(f"^{self.REFERENCE}: .*git checkout origin/lab1-processes -- kernel/prebuilt")

    def test_link_to_an_object_or_a_folder(self) -> None:
        (self.home / "mine").mkdir()
        (self.home / "mine/quantum.cpp.obj").write_text("mine")
        link = self.tree.root / "kernel/prebuilt/reference/ntos/ke/sched/quantum.cpp.obj"
        link.symlink_to(self.home / "mine/quantum.cpp.obj")
        self.refused("quantum.cpp.obj: ")
        link.unlink()
        (self.tree.root / "kernel/prebuilt/explore").symlink_to(self.home / "mine")
        self.refused("kernel/prebuilt/explore: ")

    def test_no_manifest_to_compare_with(self) -> None:
        self.put(manifest.FILE, "<<<<<<< HEAD\n")
        self.refused(f"^{manifest.FILE}.*git checkout")


class Sentences(ManifestCase):
    """What a report says."""

    def test_at_home(self) -> None:
        self.ship()
        self.put(HEADER, "edited\n")
        (said,) = manifest.remarks(self.tree.root, OWN, {}, submission=False)
        self.assertRegex(said, f"^these changes will not be submitted: {HEADER}\\. ")

    def test_of_a_submission(self) -> None:
        others = {HEADER: manifest.digest(b"edited"), "Kernel/x.h": "", "kernel/ntos/ke/extra.cpp": manifest.digest(b""),
                  "labs/1-processes/lab.py": manifest.digest((self.tree.root / "labs/1-processes/lab.py").read_bytes())}
        (said,) = manifest.remarks(self.tree.root, OWN, others, submission=True)
        self.assertRegex(said, f"^not taken from the submission.*: Kernel/x.h \\(unknown\\), kernel/ntos/ke/extra.cpp \\(unknown\\), {HEADER}\\.")

    def test_of_a_submission_to_an_edited_branch(self) -> None:
        """The manifest is the measure, not the edited file beside it."""
        self.ship()
        self.put(HEADER, "edited\n")
        said = manifest.remarks(self.tree.root, OWN, {HEADER: manifest.digest(b"edited\n")}, submission=True)
        self.assertRegex(said[0], f"^this tree is not as the course shipped it.*{HEADER}")
        self.assertRegex(said[1], f"^not taken from the submission.*{HEADER}")

    def test_many_names_are_counted(self) -> None:
        self.assertEqual(manifest.names([str(number) for number in range(10)]), "0, 1, 2, 3, 4, 5, 6, 7, and 2 more")


if __name__ == "__main__":
    unittest.main()
