"""The table of system services: what is made of it agrees, and a wrong table is refused."""
# TRP-04
from __future__ import annotations

import importlib.util
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_spec = importlib.util.spec_from_file_location("generate", ROOT / "kernel/services/generate.py")
assert _spec and _spec.loader
generate = importlib.util.module_from_spec(_spec)
__import__("sys").modules["generate"] = generate
_spec.loader.exec_module(generate)


class ServiceTableTest(unittest.TestCase):
    """services.def and generate.py."""

    def setUp(self) -> None:
        self.services = generate.parse((ROOT / "kernel/services/services.def").read_text(encoding="utf-8"))

    def test_parts_agree(self) -> None:
        table = re.findall(r"\.long _(Nt\w+)@(\d+)", generate.kernel(self.services))
        sizes = [int(n) for n in re.findall(r"\.byte (\d+)", generate.kernel(self.services))]
        limit = int(re.search(r"_KiServiceLimit:\n    \.long (\d+)", generate.kernel(self.services)).group(1))
        numbers = {name: int(n) for name, n in re.findall(r"#define SERVICE_(Nt\w+) (\d+)", generate.header(self.services))}
        self.assertEqual(limit, len(table))
        self.assertEqual(len(sizes), len(table))
        for place, ((name, size), argument_bytes) in enumerate(zip(table, sizes)):
            self.assertEqual(int(size), argument_bytes, name)
            self.assertEqual(numbers[name], place)
        zw = re.findall(r"_Zw(\w+)@(\d+):\n    movl \$(\d+), %eax\n(?:    .*\n)*?    ret(?: \$(\d+))?\n", generate.kernel(self.services))
        nt = re.findall(r"    STUB _Nt(\w+)@(\d+), (\d+), (\d+)\n", generate.stubs(self.services))
        for stubs in (zw, nt):
            self.assertEqual(len(stubs), len(table))
            for base, size, number, popped in stubs:
                self.assertEqual(int(number), numbers["Nt" + base])
                self.assertEqual(int(size), int(popped or 0))
        rows = re.findall(r"^\| (\d+) \| `(Nt\w+)`", generate.manual(self.services), re.MULTILINE)
        self.assertEqual({name: int(n) for n, name in rows}, numbers)

    def test_wrong_tables_are_refused(self) -> None:
        for text in ("NtB(): b\nNtA(): a\n", "NtA(): a\nNtA(): a\n", "NtA(HANDLE h): no direction\n", "NtA()\n", "Foo(): no Nt\n"):
            with self.subTest(text), self.assertRaises(generate.TableError):
                generate.parse(text)


if __name__ == "__main__":
    unittest.main()
