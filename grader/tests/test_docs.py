"""docs/filter.py: diagrams become graphs that graphviz takes, opening comments become documentation, lines stay."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import unittest
from pathlib import Path

from grader import git

ROOT = Path(__file__).resolve().parents[2]


def load():
    spec = importlib.util.spec_from_file_location("docs_filter", ROOT / "docs" / "filter.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FILTER = load()


class MarkdownTest(unittest.TestCase):
    def graph(self, *lines: str) -> "list[str]":
        done = FILTER.markdown(["before", "```mermaid", *lines, "```", "after"])
        self.assertEqual(len(lines) + 4, len(done), "a line was lost or added")
        return done

    def accepted(self, done: "list[str]") -> None:
        self.assertEqual(("@dot", "@enddot"), (done[1], done[-2]), done)
        if shutil.which("dot"):
            said = subprocess.run(["dot", "-Tsvg"], input="\n".join(done[2:-2]), capture_output=True, text=True)
            self.assertEqual(("", 0), (said.stderr, said.returncode), done)

    def test_flow_chart(self) -> None:
        done = self.graph("flowchart LR", '    run["run.py"] -->|boots once| qemu["QEMU:<br>kernel"]', "    run -.-> a & b(round)",
                          "    subgraph box [A box]", "    a --> c{choice}", "    end", "    c -- yes --> d[(disk)]")
        self.accepted(done)
        text = "\n".join(done)
        for part in ('label="boots once"', 'label="QEMU:\\nkernel"', '"run" -> "b" [style=dashed', 'label="A box"', 'label="yes"'):
            self.assertIn(part, text)

    def test_state_diagram(self) -> None:
        done = self.graph("stateDiagram-v2", "    [*] --> Initialized", "    Ready --> Standby: chosen", "    Terminated --> [*]")
        self.accepted(done)
        self.assertIn('"Ready" -> "Standby" [label="chosen"]', "\n".join(done))

    def test_other_diagrams_stay_as_text(self) -> None:
        self.assertEqual("```text", self.graph("sequenceDiagram", "    A->>B: hello")[1])

    def test_what_is_not_understood_stays_as_text(self) -> None:
        self.assertEqual("```text", self.graph("flowchart LR", "    a ==//== b")[1])

    def test_every_diagram_of_the_repository(self) -> None:
        listed = git.names(ROOT, "ls-files", "-z", "*.md") or []
        for name in listed:
            lines = (ROOT / name).read_text().splitlines() if (ROOT / name).exists() else []
            done = FILTER.markdown(lines)
            self.assertEqual(len(lines), len(done), name)
            for at, line in enumerate(done):
                if line == "@dot":
                    end = done.index("@enddot", at)
                    with self.subTest(file=name, line=at + 1):
                        self.accepted(["", *done[at:end + 1], ""])


class CppTest(unittest.TestCase):
    def test_opening_comment_documents_the_file(self) -> None:
        lines = ["// Purpose.", "//", "// Invariant: \\MICA holds.", "#pragma once", "// later"]
        self.assertEqual(["/// @file", "/// Purpose.", "/// Invariant: \\\\MICA holds.", "#pragma once", "// later"],
                         FILTER.cpp(lines))

    def test_short_ones_keep_their_lines(self) -> None:
        for lines in (["// One."], ["// One.", "int a;"], ["// One.", "", "int a;"], ["// One.", "// Two.", "int a;"], ["int a;"]):
            self.assertEqual(len(lines), len(FILTER.cpp(lines)), lines)


if __name__ == "__main__":
    unittest.main()
