"""The finder of leaks: each kind is planted once and found; a branch of what may be shown has no finding."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import tarfile
import unittest
import zipfile
from pathlib import Path
from typing import List, Sequence, Tuple
from unittest import mock

from grader import cli, git, labs, leaks
from grader.errors import GraderError
from grader.images import coff as tables
from grader.leaks import coff, elf
from grader.tests.fixture import QUANTUM, READY, SWITCH, TreeCase

LINE = "const int candidateMask = KiReadySummary & ~((1u << lowest) - 1);"
COMMENT = "BSR gives the number of the highest bit that is set"
SOURCE = f"""#include "ke/ki.h"
int KiSelectReady(int lowest) {{
    // LAB(1.1) begin
    // {COMMENT}
    {LINE}
    return candidateMask; // or none at all, then
    // LAB(1.1) else
    //| return 0;
    // LAB(1.1) end
}}
"""
ANSWERS = "labs/1-processes/answers.txt"
SEED = "labs/1-processes/seed.txt"
LAB_PY = '''from grader.model import Exercise, Lab
LAB = Lab(number=1, slug="processes", title="Threads", branch="lab1-processes", exercises=(
    Exercise("1.1", "Ready queues", 5, ("kernel/ntos/ke/sched/ready.cpp", "labs/1-processes/answers.txt")),
    Exercise("1.2", "Switch", 3, ("kernel/ntos/ke/i386/switch.S", "kernel/ntos/ke/sched/quantum.cpp")),
))
'''
Raw = Tuple[str, int, int, int]  # name, value, section, storage class


def coff_file(sections: Sequence[Tuple[str, bytes]] = ((".text", b"\x90" * 16),),
              symbols: Sequence[Raw] = (("_KiPublic", 0, 1, tables.EXTERNAL),), stamp: int = 0) -> bytes:
    """An object, byte by byte."""
    place, heads, bodies = 20 + 40 * len(sections), b"", b""
    strings = b""

    def long(name: str) -> bytes:
        nonlocal strings
        strings += name.encode() + b"\0"
        return struct.pack("<II", 0, 4 + len(strings) - len(name) - 1)

    for name, data in sections:
        heads += struct.pack("<8sIIIIIIHHI", name.encode()[:8] if len(name) <= 8 else b"/" + str(0).encode(), 0, 0, len(data), place, 0, 0, 0, 0, 0x60000020)
        if len(name) > 8:
            heads = heads[:-40] + struct.pack("<8s", b"/%d" % (4 + len(strings))) + heads[-32:]
            strings += name.encode() + b"\0"
        place, bodies = place + len(data), bodies + data
    table = b"".join((struct.pack("<8s", name.encode()) if len(name) <= 8 else long(name))
                     + struct.pack("<IhHBB", value, section, 0, kind, 0) for name, value, section, kind in symbols)
    head = struct.pack("<HHIIIHH", tables.I386, len(sections), stamp, place, len(symbols), 0, 0)
    return head + heads + bodies + table + struct.pack("<I", 4 + len(strings)) + strings


def library(content: bytes, stamp: int = 0) -> bytes:
    member = f"{'a.obj/':16}{stamp:<12}{0:<6}{0:<6}{'644':8}{len(content):<10}`\n".encode() + content
    return coff.ARCHIVE + member + b"\n" * (len(member) % 2)


def elf_file(symbols: "tuple[tuple[str, int], ...]", extra: str = ".data") -> bytes:
    """An object of the loader's form: (name, binding << 4 | type) of each symbol, and one more section."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name, _ in symbols)
    table, at = bytes(16), 1
    for name, info in symbols:
        table += elf.SYMBOL.pack(at, 0, 0, info, 0, 1)
        at += len(name) + 1
    titles = ("", ".text", extra, ".symtab", ".strtab", ".shstrtab")
    texts = b"".join(title.encode() + b"\0" for title in titles)
    contents = (b"", b"\x90" * 16, b"1234", table, names, texts)
    body, places = b"", []
    for content in contents:
        places.append(elf.HEADER.size + len(body))
        body += content
    rows, at = b"", 0
    for number, (title, content) in enumerate(zip(titles, contents)):
        rows += elf.SECTION.pack(at, (0, 1, 1, 2, 3, 3)[number], 0, 0, places[number], len(content), 4 if number == 3 else 0, 0, 1, 0)
        at += len(title) + 1
    return elf.HEADER.pack(elf.MAGIC + bytes(10), 1, 3, 1, 0, 0, elf.HEADER.size + len(body), 0, elf.HEADER.size, 0, 0, elf.SECTION.size, len(titles), 5) + body + rows


class LeaksCase(TreeCase):
    """A complete tree, and a folder for what leaves it."""

    def setUp(self) -> None:
        super().setUp()
        self.put("labs/1-processes/lab.py", LAB_PY)
        self.put(READY, SOURCE)
        self.put(QUANTUM, "int KiQuantum(int n) {\n    // LAB(1.2) begin\n    return n * tripledQuantum;\n    // LAB(1.2) else\n    //| return 0;\n    // LAB(1.2) end\n}\n")
        self.put(SWITCH, ".globl _KiSwitch\n_KiSwitch:\n// LAB(1.2) begin\nsaveFrame:\n    movl %esp, KernelStack(%edx)  // the frame that the next switch finds here\n"
                         "// LAB(1.2) else\n//|     xorl %eax, %eax\n// LAB(1.2) end\n    ret\n")
        self.put(ANSWERS, "# LAB(1.1) begin\nirql = 2\n# LAB(1.1) else\n#| irql =\n# LAB(1.1) end\n")
        self.put(SEED, "4711 of nobody in particular\n")
        self.put("kernel/ntos/ke/ki.h", "int KiSelectReady(int lowest);\nextern int KiReadySummary, KiPublic;\n")
        self.put("solutions/1-processes/README.md", "The worked explanation: look at the summary word first, then at its queue.\n")
        self.put("solutions/1-processes/hidden/test_more.py", "def more_of_the_same(t): t.ask('preempt thirty-one threads, then count')\n")
        self.put("grader/handout/publish.py", "".join(f"line_{n}_of_the_instructors_own(handout, number={n})\n" for n in range(5)))
        self.put("labs/branch-readme.md", "# For students\n\nRead the handout first, then open the file of the exercise.\n")
        self.known = leaks.secrets(self.tree, labs.load(self.tree))
        self.out = self.home / "out"
        self.out.mkdir()

    def plant(self, name: str, content: "str | bytes") -> None:
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def found(self, target: "Path | None" = None) -> List[leaks.Leak]:
        return leaks.find(self.known, target or self.out)

    def kinds(self, target: "Path | None" = None) -> "set[str]":
        return {one.kind for one in self.found(target)}

    def git(self, *words: str, **more: str) -> str:
        return git.ask(self.out, *words, **{"GIT_AUTHOR_NAME": "Mica", "GIT_AUTHOR_EMAIL": "mica@localhost", "GIT_COMMITTER_NAME": "Mica",
                                            "GIT_COMMITTER_EMAIL": "mica@localhost", "TZ": "UTC", "GIT_CONFIG_GLOBAL": os.devnull, **more}).decode()

    def repository(self) -> None:
        self.git("init", "-q", "--template=", "--initial-branch", "lab1-processes")
        self.innocent()
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "Lab 1: Threads")

    def innocent(self) -> None:
        """A branch as it should be."""
        from grader.handout.regions import split
        for name in (READY, QUANTUM, SWITCH, ANSWERS):
            self.plant(name, split(name, (self.tree.root / name).read_text()).starter)
        for name in ("kernel/ntos/ke/ki.h", "labs/1-processes/lab.py", "labs/1-processes/tests/test_threads.py"):
            self.plant(name, (self.tree.root / name).read_bytes())
        self.plant("README.md", (self.tree.root / "labs/branch-readme.md").read_bytes())
        self.plant("kernel/prebuilt/ntos/ke/other.cpp.obj", coff_file())
        self.plant("kernel/prebuilt/nt.lib", library(coff_file()))


class InnocentTest(LeaksCase):
    def test_branch_of_what_may_be_shown_has_no_finding(self) -> None:
        self.innocent()
        self.assertEqual([], self.found())
        self.repository()
        self.assertEqual([], self.found())

    def test_trivial_lines_are_no_secret(self) -> None:
        self.assertNotIn(leaks.squeezed("}"), self.known.lines)
        self.plant("a.cpp", "{\n    return 0;\n}\nint n;\n")
        self.assertEqual([], self.found())

    def test_sentence_that_a_public_file_quotes_is_no_secret(self) -> None:
        self.put("solutions/1-processes/contract.txt", "The last thread of a queue clears the bit of the queue.\n")
        check = 'Check("The last thread of a queue clears the bit of the queue.", KiReadySummary == 0);\n'
        self.plant("labs/1-processes/checks/1.1.cpp", check)
        self.known = leaks.secrets(self.tree, labs.load(self.tree))
        self.assertEqual({"solution"}, self.kinds())
        self.put("labs/1-processes/checks/1.1.cpp", check)
        self.known = leaks.secrets(self.tree, labs.load(self.tree))
        self.assertEqual([], self.found())

    def test_student_may_use_every_public_name(self) -> None:
        self.plant("a.cpp", "int lowest = KiReadySummary; // the highest bit\n")
        self.assertEqual([], self.found())


class LinesTest(LeaksCase):
    def test_line_of_a_reference_is_found_however_it_is_wrapped(self) -> None:
        for name, content in (("a.cpp", f"  {LINE}\n"), ("b.cpp", LINE.replace(" ", "\t  ")), ("c.patch.txt", f"+    {LINE}\n"),
                              ("d.md", f"> {LINE}"), ("e.cpp", f"//| {LINE}"), ("f.html", LINE.replace("&", "&amp;").replace("<", "&lt;")),
                              ("g.json", json.dumps({"source": f"int a;\n{LINE}\nint b;"})), ("h.js", json.dumps([LINE]).replace("<", "\\u003c")),
                              ("i.bin", b"\0\1\2" + LINE.encode() + b"\0\xff"), ("j.txt", f"{LINE}\n".encode("utf-16")),
                              ("k.bin", b"\0\0" + LINE.encode("utf-16-le")), ("l.txt", f"  41 {LINE}"), ("m.cpp", f"{LINE} // mine")):
            with self.subTest(name=name):
                path = self.home / name
                path.write_bytes(content.encode() if isinstance(content, str) else content)
                found = self.found(path)
                self.assertIn("line", {one.kind for one in found})
                self.assertIn(f"{READY}:5", next(one.what for one in found if one.kind == "line"))

    def test_comment_of_a_reference_is_found_alone_too(self) -> None:
        self.plant("a.md", f"Hint: \n// {COMMENT}\n")
        self.plant("b.S", "  nop // the frame that the next switch finds here\n")
        self.assertEqual(["a.md", "b.S"], [one.where for one in self.found() if one.kind == "comment"])

    def test_name_that_only_a_reference_uses_is_found(self) -> None:
        for content in ("int candidateMask;", "saveFrame: ret", b"\0\1tripledQuantum\0"):
            path = self.home / "x"
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            self.assertEqual({"name"}, self.kinds(path), content)

    def test_marker_that_was_left_is_found(self) -> None:
        self.plant("a.cpp", "int a;\n  // LAB(1.1) else\n")
        self.assertEqual({"marker"}, self.kinds())

    def test_answer_is_found_in_a_file_of_answers(self) -> None:
        self.plant("labs/1-processes/answers.txt", "irql = 2\n")
        self.assertIn("answers", self.kinds())


class FilesTest(LeaksCase):
    def test_private_files_are_found_by_their_names(self) -> None:
        for name, kind in (("solutions/1-processes/x.txt", "solution"), ("fix.edit", "solution"), ("solutions/1-processes/hidden/t.py", "hidden-test"),
                           ("labs/1-processes/seed.txt", "seed"), ("grader/commands/answers.py", "answers"), ("grader/selfcheck/table.py", "instructor"),
                           ("grader/commands/leaks.py", "instructor"), ("kernel/ntos/ke/sched/ready_test.cpp", "instructor"), ("kit/solutions/a", "solution")):
            with self.subTest(name=name):
                self.plant(f"one/{name}", "nothing\n")
                self.assertIn((kind, f"one/{name}"), [(one.kind, one.where) for one in self.found()])

    def test_private_files_are_found_by_their_content_under_another_name(self) -> None:
        for name, kind in (("solutions/1-processes/README.md", "solution"), ("solutions/1-processes/hidden/test_more.py", "hidden-test"),
                           ("grader/handout/publish.py", "instructor"), (SEED, "seed")):
            for text in ((self.tree.root / name).read_text(), "first\n" + (self.tree.root / name).read_text()):
                if kind == "seed" and text.startswith("first"):
                    continue
                path = self.home / "x.txt"
                path.write_text(text)
                self.assertIn(kind, self.kinds(path), name)


class ObjectsTest(LeaksCase):
    def one(self, data: bytes, name: str = "kernel/prebuilt/ntos/ke/other.cpp.obj") -> "set[str]":
        path = self.home / "out2" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return self.kinds(self.home / "out2")

    def test_each_kind_in_an_object(self) -> None:
        text = (".text", b"\x90" * 16)
        for kind, data in (
                ("debug", coff_file((text, (".debug$S", b"CV")))), ("debug", coff_file((text, (".debug_info", b"1234")))),
                ("local", coff_file(symbols=(("helper", 4, 1, tables.STATIC),))), ("local", coff_file(symbols=(("again", 4, 1, tables.LABEL),))),
                ("local", coff_file(symbols=(("?Helper@?A0x1234ABCD@@YAXXZ", 4, 1, tables.EXTERNAL),))),
                ("file-symbol", coff_file(symbols=((".file", 0, -2, tables.FILE),))), ("stamp", coff_file(stamp=0x65000000)),
                ("path", coff_file((text, (".rdata", b"/home/teacher/mica/kernel/x.cpp\0")))), ("path", coff_file((text, (".rdata", b"C:\\Users\\me\\mica\\x.cpp\0")))),
                ("leftover", coff_file((text, (".drectve", b" /include:_helperOfMine")))),
                ("leftover", coff_file((text, (".llvm_addrsig", b"\x07")))),
                ("name", coff_file(symbols=(("_saveFrame", 4, 1, tables.EXTERNAL),))), ("object", coff_file(symbols=(("?KiSelectReady@@YAHH@Z", 0, 1, tables.EXTERNAL),))),
                ("object", coff_file(symbols=(("_KiSwitch", 0, 1, tables.EXTERNAL),))), ("local", b"\x7fELF" + bytes(60))):
            with self.subTest(kind=kind, data=data[-40:]):
                self.assertIn(kind, self.one(data))
                if data[:4] != b"\x7fELF":
                    self.assertIn(kind, self.one(library(data)))

    def test_elf_objects_of_the_boot_loader_are_read(self) -> None:
        clean = elf_file((("_ZN2nt6PeBindEv", 1 << 4 | 2),))
        self.assertEqual(set(), {kind for kind, _ in elf.findings(clean)})
        for kind, data in (("local", elf_file((("helper", 2),))), ("file-symbol", elf_file((("bind.cpp", 4),))), ("debug", elf_file((), ".debug_info")),
                           ("leftover", elf_file((), ".comment")), ("local", clean[:60]), ("local", clean[:-30]), ("local", b"\x7fELF\x02\x01" + bytes(80))):
            with self.subTest(kind=kind):
                self.assertIn(kind, {found for found, _ in elf.findings(data)})

    def test_reference_object_is_found_by_its_name_too(self) -> None:
        self.assertIn("object", self.one(coff_file(), "kernel/prebuilt/reference/ntos/ke/sched/ready.cpp.obj"))

    def test_time_stamp_of_a_library_is_found(self) -> None:
        self.assertEqual({"stamp"}, self.one(library(coff_file(), stamp=1700000000)))

    def test_public_directives_and_section_symbols_are_no_finding(self) -> None:
        data = coff_file(((".text", b"\x90"), (".drectve", b" /EXPORT:_KiSelectReady@4 /DEFAULTLIB:clang_rt.ubsan.lib")),
                         ((".text", 0, 1, tables.STATIC), ("@feat.00", 1, -1, tables.STATIC), ("_KiPublic", 0, 1, tables.EXTERNAL),
                          ("m12", 4, 1, tables.STATIC)))  # the name that hardened.py gives: it tells nothing
        self.assertEqual(set(), self.one(data))

    def test_broken_objects_neither_raise_nor_hide_their_strings(self) -> None:
        whole = coff_file(((".text", LINE.encode()),), (("helper", 4, 1, tables.STATIC),))
        for end in range(2, len(whole)):
            list(coff.findings(whole[:end], ()))
            coff.symbols_of(whole[:end])
        self.assertIn("line", self.one(whole[:20 + 40 + len(LINE)]))


class ContainersTest(LeaksCase):
    def test_archives_are_looked_into_however_deep(self) -> None:
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("kernel/a.cpp", LINE)
        outer = io.BytesIO()
        with tarfile.open(fileobj=outer, mode="w:gz") as tar:
            member = tarfile.TarInfo("kit.zip")
            member.size = len(inner.getvalue())
            tar.addfile(member, io.BytesIO(inner.getvalue()))
        self.plant("kit.tgz", outer.getvalue())
        found = [one for one in self.found() if one.kind == "line"]
        self.assertEqual(["kit.tgz:unpacked:kit.zip:kernel/a.cpp"], [one.where for one in found])
        (self.out / "kit.tgz").write_bytes(b"#!/bin/sh\nexit\n" + inner.getvalue())
        self.assertIn("line", self.kinds(), "behind a script")
        (self.out / "kit.tgz").write_bytes(gzip.compress(b"nothing\n", mtime=0) + gzip.compress(LINE.encode(), mtime=0))
        self.assertIn("line", self.kinds(), "in the second part")

    def test_archive_that_cannot_be_read_is_an_error_and_not_nothing(self) -> None:
        for content in (b"PK\x03\x04" + b"x" * 40, b"\x1f\x8b\x08" + b"x" * 40, b"7z\xbc\xaf\x27\x1c" + bytes(40)):
            self.plant("kit", content)
            with self.assertRaises(GraderError):
                self.found()

    def test_owner_of_a_tar_and_link_targets_are_found(self) -> None:
        with tarfile.open(self.out / "kit.tar", "w") as tar:
            member = tarfile.TarInfo("a")
            member.uname = "teacher"
            tar.addfile(member)
        os.symlink(f"{self.tree.root}/kernel", self.out / "link")
        self.assertEqual({"author", "path"}, self.kinds())


class RepositoriesTest(LeaksCase):
    def setUp(self) -> None:
        super().setUp()
        self.repository()

    def test_history_other_branches_stashes_and_unreachable_objects_are_read(self) -> None:
        def history() -> None:
            self.plant("a.cpp", LINE)
            self.git("add", "-A")
            self.git("commit", "-q", "-m", "Add a file")
            self.git("rm", "-q", "a.cpp")
            self.git("commit", "-q", "-m", "Remove a file")

        def branch() -> None:
            self.git("checkout", "-q", "-b", "lab1-processes-fresh")
            history()
            self.git("checkout", "-q", "lab1-processes")

        def unreachable() -> None:
            git.ask(self.out, "hash-object", "-w", "--stdin", given=LINE.encode())

        for plant in (unreachable, branch, history):
            with self.subTest(plant=plant.__name__):
                plant()
                self.git("gc", "-q") if plant is branch else None
                self.assertIn("line", self.kinds())
        self.assertTrue(any(one.where == "lab1-processes-fresh:a.cpp" or one.where.endswith(":a.cpp") for one in self.found()))

    def test_unreachable_object_alone_is_found_under_its_number(self) -> None:
        git.ask(self.out, "hash-object", "-w", "--stdin", given=LINE.encode())
        self.assertTrue(all(one.where.startswith("object ") for one in self.found()), self.found())

    def test_messages_names_dates_and_logs_are_read(self) -> None:
        self.git("commit", "-q", "--allow-empty", "-m", f"Explain\n\n{LINE}")
        self.assertIn("line", self.kinds())
        self.git("tag", "-a", "candidateMask", "-m", "a tag")
        self.assertIn("name", self.kinds())
        self.git("commit", "-q", "--allow-empty", "-m", "Go on", GIT_AUTHOR_NAME="A Teacher", GIT_COMMITTER_DATE="2026-01-01T00:00:00+0200")
        told = [one.what for one in self.found() if one.kind == "author"]
        self.assertIn("author A Teacher <mica@localhost>", told)
        self.assertIn("committer's time zone +0200", told)
        self.git("config", "remote.origin.url", "/home/teacher/mica-complete/.git")
        self.assertIn("path", self.kinds())

    def test_callers_git_variables_do_not_count(self) -> None:
        with mock.patch.dict(os.environ, GIT_DIR="/nonexistent", GIT_INDEX_FILE="/nonexistent"):
            self.assertEqual([], self.found())

    def test_git_that_fails_is_an_error_and_not_nothing(self) -> None:
        (self.out / ".git/HEAD").write_text("nonsense\n")
        with self.assertRaisesRegex(GraderError, "git cat-file failed in"):
            self.found()

    def test_bare_repository_is_read(self) -> None:
        self.git("commit", "-q", "--allow-empty", "-m", f"Explain\n\n{LINE}")
        git.ask(self.home, "clone", "-q", "--bare", str(self.out), str(self.home / "bare.git"))
        self.assertIn("line", self.kinds(self.home / "bare.git"))


class CommandTest(LeaksCase):
    def run_it(self, *words: str) -> Tuple[int, str]:
        with mock.patch("sys.stdout", new=io.StringIO()) as printed, mock.patch("sys.stderr", new=io.StringIO()) as failed:
            code = cli.main(["leaks", *words], self.tree)
        return code, printed.getvalue() + failed.getvalue()

    def test_says_what_leaks_and_ends_with_1(self) -> None:
        self.plant("a.cpp", f"{LINE}\n" * 3)
        code, told = self.run_it(str(self.out), "--json", str(self.home / "l.json"))
        self.assertEqual(1, code)
        self.assertIn(f"line: a line of a reference region: 1 in 1 places\n    a.cpp: {LINE} ({READY}:5)", told)
        self.assertEqual({"line", "name"}, {one["kind"] for one in json.loads((self.home / "l.json").read_text())})
        code, told = self.run_it(str(self.out), "--allow", "line", "--allow", "name")
        self.assertEqual((0, f"\n{self.out}: nothing leaks\n"), (code, told))

    def test_wrong_words_are_refused_with_what_exists(self) -> None:
        self.assertEqual(2, self.run_it(str(self.home / "nowhere"))[0])
        code, told = self.run_it(str(self.out), "--allow", "lines")
        self.assertEqual(2, code)
        self.assertIn("the kinds are line, comment", told)

    def test_escape_sequences_of_a_file_do_not_reach_the_terminal(self) -> None:
        self.plant("a\x1b[2J.cpp", f"{LINE} // \x1b]0;x\x07")
        self.assertNotIn("\x1b", self.run_it(str(self.out), "--all")[1])


if __name__ == "__main__":
    unittest.main()
