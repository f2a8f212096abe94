"""Edits find their place by names and characters: what moves, is indented anew or reordered does not hurt them."""

from __future__ import annotations

import contextlib
import io
import unittest
from typing import Dict, List
from unittest import mock

from grader import cli
from grader.building import edits
from grader.tests.fixture import READY, SWITCH, TreeCase, as_student

CODE = """\
#include "ke/ki.h"

namespace {

/// Says so.
void Twice(LIST_ENTRY* head) {
    RemoveHeadList(head);
    Count++;
}

struct Section {
    void Enter() {
        Count++;
    }
};

} // namespace

void NTAPI KiInsert(PKPRCB Prcb,
                    PKTHREAD Thread) {
    if (Prcb) { Use(Prcb); }
    InsertTailList(&Prcb->Head, &Thread->Entry);
    Count++;
    Count++;
}

KD_COMMAND(uptime, "", "text") { Count++; }

void NTAPI Last() { Count++; }
"""
ASSEMBLY = """\
"@KiSwapContext@8":
    pushl %ebp
    ret
_KiThreadStartup:
    pushl %ebp
    ret
"""


def changed(text: str, edit: str, name: str = "kernel/ntos/ke/sched/ready.cpp") -> str:
    return edits.apply(edits.parse(edit), {name: text.encode()})[name].decode()


class Places(unittest.TestCase):
    """What an edit finds, and where."""

    def test_a_routine_s_own_line(self) -> None:
        for routine, before in (("Twice", "RemoveHeadList(head);\n    "), ("Section", "Enter() {\n        "), ("Last", "Last() { ")):
            with self.subTest(routine=routine):
                after = changed(CODE, f"In ready.cpp, {routine}:\n-    Count++;\n+    Count--;\n")
                self.assertEqual(after.count("Count--"), 1)
                self.assertIn(before.split("\n")[0].strip(), after[:after.index("Count--")].rstrip().splitlines()[-1] if routine != "Last" else before)

    def test_macro_names_its_block_by_its_argument(self) -> None:
        self.assertRegex(changed(CODE, "In ready.cpp, uptime:\n-Count++;\n+Count--;\n"), r'"text"\) {\s+Count--;\s+}')

    def test_label_of_assembly(self) -> None:
        after = changed(ASSEMBLY, "In a.S, KiThreadStartup:\n-    pushl %ebp\n", "k/a.S")
        self.assertEqual(after, ASSEMBLY[:ASSEMBLY.rindex("    pushl")] + "    ret\n")

    def test_text_that_is_there_twice_is_no_place(self) -> None:
        with self.assertRaisesRegex(edits.EditError, "is there 2 times; say more"):
            changed(CODE, "In ready.cpp, KiInsert:\n-    Count++;\n")
        after = changed(CODE, "In ready.cpp, KiInsert:\n     InsertTailList(&Prcb->Head, &Thread->Entry);\n-    Count++;\n")
        self.assertEqual(after, CODE.replace("Entry);\n    Count++;\n", "Entry);\n"))

    def test_part_of_a_word_is_no_place(self) -> None:
        with self.assertRaisesRegex(edits.EditError, "is there 0 times"):
            changed(CODE, "In ready.cpp, KiInsert:\n-Tail\n+Head\n")

    def test_refusals_say_what_to_do(self) -> None:
        for edit, said in (("In other.cpp:\n-x\n", "no student file is called so"), ("In ready.cpp, Nobody:\n-x\n", "no such routine"),
                           ("In ready.cpp:\n+x\n", "add the line before it"), ("In ready.cpp:\nx\n", "line 2 of the edits is `x`"),
                           ("x\n", "line 1"), ("In ready.cpp, Twice:\n-    Count++;\n\nIn ready.cpp, Twice:\n-    Count++;\n+y\n", "two edits")):
            with self.subTest(edit=edit), self.assertRaisesRegex(edits.EditError, said):
                changed(CODE, edit)

    def test_equal_names_need_more_of_the_path(self) -> None:
        files = {"labs/1/mytest.cpp": b"a\n", "labs/3/mytest.cpp": b"a\n"}
        with self.assertRaisesRegex(edits.EditError, "name more of the path"):
            edits.apply(edits.parse("In mytest.cpp:\n-a\n+b\n"), files)
        self.assertEqual(edits.apply(edits.parse("In 3/mytest.cpp:\n-a\n+b\n"), files), {**files, "labs/3/mytest.cpp": b"b\n"})
        self.assertEqual([edit.file for edit in edits.between(files, {**files, "labs/3/mytest.cpp": b"b\n"})], ["3/mytest.cpp"])
        alone = {"labs/3/mytest.cpp": b"a\n"}  # until a lab comes that has one too
        self.assertEqual([edit.file for edit in edits.between(alone, {"labs/3/mytest.cpp": b"b\n"})], ["3/mytest.cpp"])


class Layout(unittest.TestCase):
    """The same change, whatever the text looks like by now."""

    EDIT = "In ready.cpp, KiInsert:\n     if (Prcb) { Use(Prcb); }\n+    Ask();\n-    InsertTailList(&Prcb->Head, &Thread->Entry);\n+    One();\n+    Two();\n"

    def test_blanks_and_folders_do_not_count(self) -> None:
        plain = "".join(changed(CODE, self.EDIT).split())
        wide = CODE.replace("\n    ", "\n  \t    ").replace("(Prcb) { Use(Prcb); }", "(Prcb)\n{\nUse( Prcb ); }")
        self.assertEqual("".join(changed(wide, self.EDIT, "somewhere/else/ready.cpp").split()), plain)

    def test_lines_that_come_are_indented_as_the_text_is(self) -> None:
        wide = CODE.replace("\n    ", "\n        ")
        self.assertIn("\n        Ask();\n        One();\n        Two();\n        Count++;", changed(wide, self.EDIT))
        narrow = CODE.replace("\n    ", "\n  ")
        self.assertIn("\n  Ask();\n  One();\n  Two();\n  Count++;", changed(narrow, self.EDIT))

    def test_end_of_file_without_line_end(self) -> None:
        self.assertEqual(changed("a\nb", "In ready.cpp:\n b\n+c\n"), "a\nb\nc\n")
        self.assertEqual(changed("a\nb", "In ready.cpp:\n-b\n+c\n"), "a\nc\n")

    def test_edits_speak_of_the_file_as_it_is_given(self) -> None:
        one = "In ready.cpp, Twice:\n-    RemoveHeadList(head);\n\nIn ready.cpp, Twice:\n     Count++;\n+    RemoveHeadList(head);\n"
        self.assertIn("{\n    Count++;\n    RemoveHeadList(head);\n}", changed(CODE, one))


class Making(unittest.TestCase):
    """Edits are made of two texts, and make the second of the first."""

    def there_and_back(self, after: str) -> List[edits.Edit]:
        made = edits.between({"k/ready.cpp": CODE.encode()}, {"k/ready.cpp": after.encode()})
        text = "\n".join(map(str, made))
        self.assertEqual(changed(CODE, text, "k/ready.cpp"), after, text)
        return made

    def test_one_line_needs_no_neighbour(self) -> None:
        self.assertEqual(str(self.there_and_back(CODE.replace("    RemoveHeadList(head);\n", ""))[0]),
                         "In ready.cpp, Twice:\n-    RemoveHeadList(head);\n")

    def test_each_line_gone_doubled_or_changed(self) -> None:
        lines = CODE.splitlines(True)
        for at, line in enumerate(lines):
            if not line.strip():
                continue
            for instead in ("", line + line, line + "    New();\n", "    New();\n" + line, "    New();\n"):
                with self.subTest(line=line, instead=instead):
                    self.there_and_back("".join([*lines[:at], instead, *lines[at + 1:]]))

    def test_a_text_that_keeps_no_line_is_written_whole(self) -> None:
        self.assertEqual(str(self.there_and_back('#include "x.cpp"\n')[0]), 'Instead of ready.cpp:\n+#include "x.cpp"\n')
        for edit in ("Instead of ready.cpp:\n-x\n", "Instead of ready.cpp, Twice:\n+x\n"):
            with self.assertRaisesRegex(edits.EditError, "lines that come"):
                changed(CODE, edit)

    def test_blank_lines_that_come_stay(self) -> None:
        self.there_and_back(CODE.replace("/// Says so.\n", "void New() {\n\n    Count++;\n}\n\n/// Says so.\n"))


EDIT = "Mistake: m\nExercise: 1.1\nFails: x\nHint: y\n\n"


class Command(TreeCase):
    """`make edits` on a tree that was refactored."""

    OLD = "void KiInsert() {\n    First();\n    Second();\n    Third();\n}\n"

    def setUp(self) -> None:
        super().setUp()
        self.put(READY, self.OLD)
        self.put(SWITCH, "void KiSwap() {\n    Swap();\n}\n")
        self.path = "solutions/1-processes/mistakes/m.edit"

    def commit(self) -> None:
        for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "old")):
            as_student(self.tree.root, *words)

    def edits(self, *words: str) -> "tuple[int, str]":
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = cli.main(["edits", *words], self.tree)
        return code, said.getvalue()

    def text(self) -> str:
        return (self.tree.root / self.path).read_text(encoding="utf-8")

    def test_what_fits_is_left_alone(self) -> None:
        self.put(self.path, EDIT + "In ready.cpp, KiInsert:\n-    First();\n")
        before = self.text()
        self.assertEqual(self.edits(), (0, "1 fit, 0 written anew, 0 need a hand\n"))
        self.assertEqual(self.text(), before)

    def test_a_diff_becomes_edits(self) -> None:
        self.put(self.path, EDIT + f"--- a/{READY}\n+++ b/{READY}\n@@ -1,5 +1,4 @@\n void KiInsert() {{\n     First();\n-    Second();\n     Third();\n }}\n")
        self.assertEqual(self.edits("--check")[0], 1)
        self.assertEqual(self.edits()[0], 0)
        self.assertEqual(self.text(), EDIT + "In ready.cpp, KiInsert:\n-    Second();\n")

    def test_an_edit_is_written_whole_or_not_at_all(self) -> None:
        self.put(self.path, EDIT + f"--- a/{READY}\n+++ b/{READY}\n@@ -1,5 +1,4 @@\n void KiInsert() {{\n     First();\n-    Second();\n     Third();\n }}\n")
        before = self.text()
        with mock.patch("os.replace", side_effect=OSError(28, "No space left on device")):
            code, said = self.edits()
        self.assertEqual((code, self.text()), (1, before))
        self.assertIn("No space left on device", said)

    def test_a_routine_that_moved_is_found(self) -> None:
        self.put(self.path, EDIT + "In ready.cpp, KiInsert:\n-    Second();\n")
        self.put(SWITCH, self.OLD)
        self.put(READY, "// nothing here\n")
        self.assertEqual(self.edits()[0], 0)
        self.assertIn(f"In {SWITCH.rpartition('/')[2]}, KiInsert:\n-    Second();\n", self.text())

    def test_text_that_changed_around_it_is_merged(self) -> None:
        self.put(self.path, EDIT + "In ready.cpp, KiInsert:\n     First();\n+    Between();\n     Second();\n")
        self.commit()
        self.put(READY, "void KiInsertReady() {\n    Zeroth();\n    First();\n    Second();\n    Third();\n}\n")
        self.assertEqual(self.edits("--check")[0], 1)
        self.assertEqual(self.edits()[0], 0, self.edits("--check"))
        self.assertIn("In ready.cpp, KiInsertReady:\n     First();\n+    Between();\n", self.text())

    def test_what_was_changed_itself_needs_a_hand(self) -> None:
        self.put(self.path, EDIT + "In ready.cpp, KiInsert:\n-    Second();\n+    Wrong();\n")
        self.commit()
        self.put(READY, self.OLD.replace("Second()", "SecondNow()"))
        before = self.text()
        code, said = self.edits()
        self.assertEqual(code, 1)
        self.assertIn("m.edit: the text that it replaces was changed too; write the edit anew", said)
        self.assertIn("1 need a hand", said)
        self.assertEqual(self.text(), before)


if __name__ == "__main__":
    unittest.main()
