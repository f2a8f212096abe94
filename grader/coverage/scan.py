"""Which tests name which rows, from the tests' sources; which pages of the book do.

An ID in a comment belongs to the test that it stands above or in; above the first test of a file, to every test there.
A doc comment or decorator counts like a comment: features=("SCH-17",). Tests are known by name and by file.
"""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path

ID = re.compile(r"\b(?!UTF-)[A-Z]{3}-\d\d\b")  # UTF-16 is an encoding
RANGE = re.compile(r"\b([A-Z]{3})-(\d\d)\.\.(\d\d)\b")
CPP_TEST = re.compile(r"^\s*(?:TYPED_)?(?:TEST|TEST_F|TEST_P|GUEST_TEST|LAB_TEST)\w*\(\s*(\w+)\s*(?:,\s*(\w+)\s*)?[,)]")
PY_TEST = re.compile(r"^\s*(?:async\s+)?def (test_\w+)\(")
BOOK = "docs/book/"
PY_CLASS = re.compile(r"^class (\w+)")


@dataclass(frozen=True)
class Named:
    """A test that names rows."""

    file: str
    line: int
    name: str
    ids: "frozenset[str]"


def ids_in(text: str) -> "set[str]":
    found = set(ID.findall(text))
    for group, first, last in RANGE.findall(text):
        found |= {f"{group}-{number:02}" for number in range(int(first), int(last) + 1)}
    return found


def scan_cpp(file: str, lines: "list[str]") -> "list[Named]":
    comments = {}
    for number, line in enumerate(lines, 1):
        code, mark, comment = line.partition("//")
        if mark:
            comments[number] = (ids_in(comment), not code.strip())
    return attach(file, lines, comments, cpp_name)


def scan_python(file: str, lines: "list[str]") -> "list[Named]":
    module = file[:-3].replace("/", ".")
    state = {"class": ""}

    def find(line: str) -> str:
        entered = PY_CLASS.match(line)
        if entered:
            state["class"] = entered[1]
        match = PY_TEST.match(line)
        return f"{module}.{state['class']}.{match[1]}" if match else ""

    return attach(file, lines, python_comments(lines), find)


def python_comments(lines: "list[str]") -> "dict[int, tuple[set[str], bool]]":
    """Real comments only (an ID in a string names nothing), and decorators' features=(...)."""
    comments = {}
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline):
        if token.type == tokenize.COMMENT:
            comments[token.start[0]] = (ids_in(token.string), token.line.strip().startswith("#"))
    for number, line in enumerate(lines, 1):
        if line.strip().startswith("@"):
            comments[number] = (ids_in(line), True)
    return comments


def cpp_name(line: str) -> str:
    match = CPP_TEST.match(line)
    if not match:
        return ""
    return f"{match[1]}.{match[2]}" if match[2] else match[1]


def attach(file: str, lines: "list[str]", comments: "dict[int, tuple[set[str], bool]]", find) -> "list[Named]":
    """Gives each test the IDs of the comment block right above it and of the comments in it.

    `comments`: line -> the IDs in its comment, and whether the line is nothing but comment.
    """
    whole: "set[str]" = set()  # before the first test, not right above it
    above: "set[str]" = set()  # the comment block that ends at this line
    tests: "list[tuple[int, str, set[str]]]" = []
    for number, line in enumerate(lines, 1):
        ids, alone = comments.get(number, (set(), False))
        name = find(line)
        if name:
            tests.append((number, name, above | ids))
            above = set()
        elif alone:
            above |= ids
        else:
            (tests[-1][2] if tests else whole).update(above | ids)
            above = set()
    if above and tests:
        tests[-1][2].update(above)
    return [Named(file, number, name, frozenset(ids | whole)) for number, name, ids in tests if ids | whole]


def pages(root: Path, files: "tuple[str, ...]") -> "list[Named]":
    """The pages of the book, and the rows that each one explains: `Rows: MEM-09` below its title."""
    found: "list[Named]" = []
    for name in files:
        if name.startswith(BOOK) and name.endswith(".md"):
            for number, line in enumerate((root / name).read_text(encoding="utf-8").splitlines(), 1):
                if line.startswith("Rows: "):
                    found.append(Named(name, number, name, frozenset(ids_in(line))))
    return found


def scan(root: Path, files: "tuple[str, ...]") -> "list[Named]":
    found: "list[Named]" = []
    for name in files:
        lines = None
        if name.endswith("_test.cpp") or (name.endswith(".cpp") and name.startswith("kernel/tests/")):
            lines = (root / name).read_text(encoding="utf-8").splitlines()
            if "/compile-fail/" in name:
                ids = ids_in("\n".join(lines))
                found += [Named(name, 1, Path(name).stem, frozenset(ids))] if ids else []
            else:
                found += scan_cpp(name, lines)
        elif name.endswith(".py") and Path(name).name.startswith("test_") and "/tests/" in name:
            found += scan_python(name, (root / name).read_text(encoding="utf-8").splitlines())
    return found
