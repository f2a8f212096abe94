"""Who imports whom in grader/: no cycle, no import that hides in a function, and nothing that judges builds.

A cycle hides: each half works until somebody imports the other one first, and nobody can read or move one alone.
"""

from __future__ import annotations

import ast
import tempfile
import unittest
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

ROOT = Path(__file__).resolve().parents[2]
LATE = {  # (module, what it imports in a function): why
    ("grader.explore.shown", "grader.handout.regions"): "a student's branch has no regions",
    ("grader.mytest.kernels", "grader.selfcheck.variants"): "a student's branch has no variants",
}
BUILDERS = {"grader.building.builder"}
JUDGES = ("grader.judge.runner", "grader.judge.verdict", "grader.api", "grader.judge.services")


def modules(root: Path) -> Dict[str, Path]:
    """Name -> file, of all that is no test."""
    found = {}
    for path in root.glob("grader/**/*.py"):
        name = ".".join(path.relative_to(root).with_suffix("").parts)
        found[name[:-len(".__init__")] if name.endswith(".__init__") else name] = path
    return {name: path for name, path in found.items() if not name.startswith("grader.tests")}


def imported(name: str, path: Path, known: Dict[str, Path]) -> Iterator[Tuple[str, bool]]:
    """(module, whether a function or a condition hides it)."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]

    def walk(node: ast.AST, late: bool) -> Iterator[Tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from ((alias.name, late) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                start = package[:len(package) - child.level + 1] if child.level else []
                base = ".".join([*start, *([child.module] if child.module else [])])
                for alias in child.names:
                    yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base, late
            hides = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) or isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
            yield from walk(child, late or hides)

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), False)


def cycles(graph: Dict[str, Set[str]]) -> List[List[str]]:
    """Every set of modules that reach each other (Tarjan)."""
    number: Dict[str, int] = {}
    low: Dict[str, int] = {}
    stack: List[str] = []
    found: List[List[str]] = []

    def visit(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            together = stack[stack.index(node):]
            del stack[stack.index(node):]
            if len(together) > 1:
                found.append(sorted(together))

    for node in graph:
        if node not in number:
            visit(node)
    return found


class Imports(unittest.TestCase):
    """The package as it is."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.known = modules(ROOT)
        cls.found = {name: list(imported(name, path, cls.known)) for name, path in cls.known.items()}
        cls.graph = {name: {other for other, _ in found if other in cls.known and other != name} for name, found in cls.found.items()}

    def test_no_cycle(self) -> None:
        self.assertEqual([], cycles(self.graph))

    def test_no_import_hides_in_a_function_without_a_reason(self) -> None:
        late = {(name, other) for name, found in self.found.items() for other, hidden in found if hidden}
        self.assertEqual([], sorted(late - set(LATE)))
        self.assertEqual([], sorted(key for key in LATE if key not in late), "reasons for imports that are not there any more")

    def test_every_import_leads_somewhere(self) -> None:
        """Of the tests too, and of what lies elsewhere: a module that moved is asked for by its old name nowhere."""
        there = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in ROOT.glob("grader/**/*.py")} | set(self.known) | {"grader.tests"}
        lost = []
        for path in (path for part in ("grader", "kernel/tests", "labs", "solutions") for path in (ROOT / part).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "grader" and node.module not in there:
                    lost.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.module}")
        self.assertEqual([], lost)

    def test_what_judges_builds_nothing(self) -> None:
        """Kernels are built before the first test runs: a judge finds them in the KernelSet."""
        for start in JUDGES:
            reached, waiting = set(), [start]
            while waiting:
                name = waiting.pop()
                if name not in reached:
                    reached.add(name)
                    waiting += self.graph[name]
            self.assertEqual(set(), reached & BUILDERS, f"{start} reaches what builds")


class OfMadeUpModules(unittest.TestCase):
    """The looking itself."""

    def test_cycles_of_any_length_are_found(self) -> None:
        graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": set(), "f": {"f2"}, "f2": {"f"}}
        self.assertEqual([["a", "b", "c"], ["f", "f2"]], sorted(cycles(graph)))

    def test_relative_and_hidden_imports_are_seen(self) -> None:
        known = {name: Path(name) for name in ("p", "p.a", "p.b", "q")}
        folder = tempfile.TemporaryDirectory(prefix="mica-imports-")
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "a.py"
        path.write_text("from . import b\nfrom .b import x\nfrom p import b as c\ndef f():\n    import q\nif TYPE_CHECKING:\n    from p.b import y\n")
        self.assertEqual([("p.b", False), ("p.b", False), ("p.b", False), ("q", True), ("p.b", True)], list(imported("p.a", path, known)))


if __name__ == "__main__":
    unittest.main()
