"""The tables of characters: code pages and capitals are those that Python's own tables say."""
# EXE-01
from __future__ import annotations

import re
import unittest
import unicodedata
from pathlib import Path

STRINGS = Path(__file__).resolve().parents[2] / "ntos" / "rtl" / "strings"
LETTERS = unicodedata.ucd_3_2_0  # which characters there are; the newest table says their capitals


def code_page(name: str) -> list[int]:
    """The characters of bytes 128..255 as the header has them."""
    text = (STRINGS / "codepagetable.h").read_text()
    body = re.search(rf"{name}\[ASCII_CHARACTERS\] = {{(.*?)}};", text, re.S)
    assert body, name
    return [int(number, 16) for number in re.findall(r"0x[0-9A-F]+", body[1])]


def capitals() -> dict[int, int]:
    """Small letter to capital, as the rows of the header say."""
    pairs: dict[int, int] = {}
    for row in re.findall(r"{(0x\w+), (0x\w+), (\d), (-?\d+)}", (STRINGS / "casetable.h").read_text()):
        first, last, step, distance = int(row[0], 16), int(row[1], 16), int(row[2]), int(row[3])
        assert (last - first) % step == 0, row
        pairs.update({letter: letter + distance for letter in range(first, last + 1, step)})
    return pairs


class Tables(unittest.TestCase):
    def test_code_pages(self) -> None:
        for name, codec in (("AnsiCharacters", "cp1252"), ("OemCharacters", "cp437")):
            seen = code_page(name)
            self.assertEqual(len(seen), 128)
            for byte, character in enumerate(seen, 128):
                # a byte that the page leaves open is the control character of that number
                expected = bytes([byte]).decode(codec, "ignore") or chr(byte)
                self.assertEqual(chr(character), expected, f"{codec} byte {byte:#x}")

    def test_capitals(self) -> None:
        expected = {}
        for code in range(0x10000):
            letter = chr(code)
            capital = letter.upper()
            if len(capital) != 1 or capital == letter or ord(capital) > 0xFFFF or capital.lower() != letter:
                continue
            if LETTERS.category(letter) in ("Cn", "Cs") or LETTERS.category(capital) == "Cn":
                continue
            expected[code] = ord(capital)
        seen = capitals()
        self.assertGreater(len(seen), 600)
        self.assertEqual(seen, expected)

    def test_rows_are_in_order(self) -> None:
        rows = re.findall(r"{(0x\w+), (0x\w+),", (STRINGS / "casetable.h").read_text())
        ends = [int(number, 16) for row in rows for number in row]
        self.assertGreater(len(ends), 100)
        self.assertEqual(ends, sorted(ends))


if __name__ == "__main__":
    unittest.main()
