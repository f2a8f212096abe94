"""A table of fields as the build makes it (grader/images/fieldtable.py): what the compiler laid out, whole, or no table."""

# TOL-07

from __future__ import annotations

import contextlib
import io
import shlex
import subprocess
import unittest
from pathlib import Path

from grader.errors import GraderError
from grader.images import fieldtable
from grader.tests.compiled import CompiledCase

ROOT = Path(__file__).resolve().parents[2]
DEBUG = ("-gdwarf-4", "-fstandalone-debug")
TYPES = """
template <class... TYPES> struct FIELD_TABLE_OF {};
struct LIST { LIST *Flink, *Blink; };
struct BASE { unsigned char First; };
struct ODD : BASE {
    using Number = const volatile short;
    static int Shared;
    enum { Nameless = 3 };
    unsigned Low : 3, High : 5;
    union { void* Ptr; struct { unsigned short Left; Number Right; }; LIST* Chain; };
    LIST Heads[2][3];
    void (*Routine)(ODD*);
    alignas(8) long long Wide;
    unsigned long Value() { return 0; }
};
enum OLD { OldSecond = 200, OldFirst = 64 };
enum class NEW : unsigned char { None, Last = 255 };
using ALIAS = ODD;
"""
LISTED = TYPES + 'extern "C" const FIELD_TABLE_OF<ALIAS, LIST, OLD, NEW> SomeTableTypes{};\n'
ROWS = [("sizeof ODD", 0, 72), ("ODD.First", 0, 1), ("ODD.Ptr", 8, 4), ("ODD.Left", 8, 2), ("ODD.Right", 10, 2), ("ODD.Chain", 8, 4),
        ("ODD.Heads", 12, 48), ("ODD.Routine", 60, 4), ("ODD.Wide", 64, 8),
        ("sizeof LIST", 0, 8), ("LIST.Flink", 0, 4), ("LIST.Blink", 4, 4),
        ("enum OLD.OldSecond", 200, 4), ("enum OLD.OldFirst", 64, 4), ("enum NEW.None", 0, 1), ("enum NEW.Last", 255, 1)]


def agreed(name: str, rows: "list[fieldtable.Row]") -> str:
    """The compiler's own word for each row."""
    lines = []
    for row, offset, size in rows:
        kind, _, field = row.rpartition(" ")[2].partition(".")
        if row.startswith("sizeof "):
            lines.append(f"static_assert(sizeof({kind}) == {size}, {name!r});")
        elif row.startswith("enum "):
            lines.append(f"static_assert(unsigned({kind}::{field}) == {offset} && sizeof({kind}) == {size}, {name!r});")
        else:
            lines.append(f"static_assert(__builtin_offsetof({kind}, {field}) == {offset} && sizeof({kind}::{field}) == {size}, {name!r});")
    return "\n".join(lines).replace("'", '"') + "\n"


class FieldTable(CompiledCase):
    def made(self, text: str) -> "list[tuple[str, list[fieldtable.Row]]]":
        return fieldtable.tables(self.compile(text, more=DEBUG))

    def test_each_field_is_where_the_compiler_put_it(self) -> None:
        self.assertEqual([("SomeTable", ROWS)], self.made(LISTED))
        self.compile(TYPES + agreed("SomeTable", ROWS))

    def test_source_defines_the_table(self) -> None:
        text = fieldtable.source("SomeTable", ROWS)
        self.compile('struct KD_FIELD { const char* Name; unsigned short Offset, Size; };\n' + text
                     + f'static_assert(sizeof(SomeTable) == {len(ROWS) + 1} * sizeof(KD_FIELD), "one row more ends it");')

    def test_type_that_is_not_whole_is_refused(self) -> None:
        for what, kind in (("only declared", "struct LATER"), ("empty", "struct NOTHING"), ("no structure", "unsigned")):
            with self.subTest(what), self.assertRaisesRegex(GraderError, "not have the whole"):
                self.made(TYPES + "struct NOTHING {};\n" + f'extern "C" const FIELD_TABLE_OF<LIST, {kind}> SomeTableTypes{{}};\n')

    def test_number_that_does_not_fit_is_refused(self) -> None:
        for text in ("struct BIG { char Much[65536]; };", "enum BIG { Below = -1 };", "enum BIG { Above = 65536 };"):
            with self.subTest(text), self.assertRaisesRegex(GraderError, "BIG.* do not fit"):
                self.made(TYPES + text + '\nextern "C" const FIELD_TABLE_OF<BIG> SomeTableTypes{};\n')

    def test_object_that_lists_nothing_is_refused(self) -> None:
        for text in ("", LISTED.replace("SomeTableTypes", "SomeTable"), TYPES + 'extern "C" const FIELD_TABLE_OF<> SomeTableTypes{};\n'):
            with self.subTest(text[-60:]), self.assertRaises(GraderError):
                self.made(text)

    def test_command_leaves_a_line_instead_of_a_table(self) -> None:
        said, out = io.StringIO(), io.StringIO()
        damaged = Path(self._folder.name, "damaged.obj")
        damaged.write_bytes(self.compile(LISTED, more=DEBUG)[:200])
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(out):
            self.assertEqual(1, fieldtable.main([str(damaged)]))
        self.assertRegex(said.getvalue(), r"damaged\.obj: no table of fields: .+")
        self.assertEqual("", out.getvalue())


class KernelTables(CompiledCase):
    def test_compiler_agrees_with_every_row_of_the_kernels_tables(self) -> None:
        for name, headers, explore in (("kernel/ntos/kd/fields.cpp", '"kd.h"', ""), ("kernel/ntos/ke/explore/fields.cpp", '"ke/explore/kx.h"', "1")):
            with self.subTest(name):
                flags = subprocess.run(["make", "-s", "-f", "kernel/build.mk", "print-cxxflags", f"O={self._folder.name}", f"MICA_EXPLORE={explore}"],
                                       cwd=ROOT, check=True, capture_output=True, text=True).stdout
                target = Path(self._folder.name, "fields.obj")
                command = ["clang++", *shlex.split(flags), "-fstandalone-debug",
                           "-DMICA_NTOSKRNL", "-c", "-o", str(target)]
                subprocess.run([*command, name], cwd=ROOT, check=True)
                (table, rows), = fieldtable.tables(target.read_bytes())
                self.assertGreater(len(rows), 100)
                included = [line for line in (ROOT / name).read_text().splitlines() if line.startswith("#include")]
                again = Path(self._folder.name, "agreed.cpp")
                again.write_text("\n".join(included) + "\n" + agreed(table, rows))
                subprocess.run([*command, f"-I{(ROOT / name).parent}", str(again)], cwd=ROOT, check=True)


if __name__ == "__main__":
    unittest.main()
