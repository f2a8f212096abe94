"""KdFieldTable (kernel/ntos/kd/fields.cpp) against the headers: every field of a listed structure, in its order.

The table is written by hand; this is what keeps it whole when a structure grows.
"""

# TOL-07

from __future__ import annotations

import re
import unittest
from pathlib import Path
from typing import Dict, List

KERNEL = Path(__file__).resolve().parents[2] / "kernel"


def without_comments(text: str) -> str:
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)


def headers() -> str:
    return "\n".join(without_comments(path.read_text()) for path in sorted((KERNEL / "inc").rglob("*.h")))


def members(body: str) -> List[str]:
    """Names of the fields that a structure's body declares; bit-fields have no offset and are left out."""
    names = []
    body = re.sub(r"\w+ \w+ : [^;]*;", "", body)
    for statement in re.sub(r"GUARDED_BY\([^)]*\)", "", body).split(";"):
        for declarator in statement.split(","):
            if re.fullmatch(r"(\W*(union|struct)\b)*\W*", declarator):
                continue
            words = re.findall(r"\w+", re.sub(r"\[[^\]]*\]", "", declarator))
            if words:
                names.append(words[-1])
    return names


def table() -> "Dict[str, List[str]]":
    """What fields.cpp lists: members by structure, names by "enum X"."""
    text = without_comments((KERNEL / "ntos/kd/fields.cpp").read_text())
    listed: "Dict[str, List[str]]" = {}
    for kind, owner, member in re.findall(r"^    (TYPE|FIELD|VALUE)\((\w+)(?:, (\w+))?\)", text, flags=re.M):
        names = listed.setdefault(f"enum {owner}" if kind == "VALUE" else owner, [])
        if member:
            names.append(member)
    return listed


class FieldTable(unittest.TestCase):
    def test_every_field_of_a_listed_structure_is_there(self) -> None:
        text, listed = headers(), table()
        self.assertIn("KTHREAD", listed)
        for name, seen in listed.items():
            if name.startswith("enum "):
                match = re.search(r"enum (?:class )?%s\b[^{;]*\{(.*?)\}" % name[5:], text, re.S)
                expected = [value.split("=")[0].strip() for value in match[1].split(",") if value.strip()] if match else []
            else:
                match = re.search(r"struct (?:(?:CAPABILITY|alignas)\([^)]*\) )?%s \{(.*?)\n\};" % name, text, re.S)
                expected = members(match[1]) if match else []
            with self.subTest(name):
                self.assertEqual(expected, seen)


if __name__ == "__main__":
    unittest.main()
