"""docs/filter.py: diagrams become graphs that graphviz takes, opening comments become documentation, lines stay."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from grader import git
from grader.labs import manifests

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

    def test_arrows_to_a_box_end_at_its_border(self) -> None:
        done = self.graph("flowchart TB", "    subgraph nt.exe", "        direction TB", '        top["a"] --> low', "    end",
                          "    drivers --> nt.exe", "    nt.exe --> hal")
        self.accepted(done)
        text = "\n".join(done)
        self.assertIn('label="nt.exe"', text)
        self.assertIn('"drivers" -> "top" [lhead=cluster1', text)
        self.assertIn('"top" -> "hal" [ltail=cluster1', text)
        self.assertNotIn('"nt.exe" ->', text)

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


class FirstPageTest(unittest.TestCase):
    """docs/site.md: what the site opens with."""

    def setUp(self) -> None:
        said = subprocess.run([sys.executable, str(ROOT / "docs/filter.py"), str(ROOT / "docs/site.md")], capture_output=True, text=True)
        self.assertEqual("", said.stderr)
        self.page = said.stdout

    def test_it_is_the_main_page(self) -> None:
        self.assertRegex(self.page.splitlines()[0], r"^# .* \{#mainpage\}$")
        readme = subprocess.run([sys.executable, str(ROOT / "docs/filter.py"), str(ROOT / "README.md")], capture_output=True, text=True)
        self.assertNotIn("mainpage", readme.stdout)

    def test_labs_come_first_with_every_exercise(self) -> None:
        labs = self.page.partition("## The labs")[2].partition("## ")[0]
        for lab in manifests(ROOT):
            self.assertIn(f"[{lab.number} {lab.title}](../labs/{lab.folder}/README.md)", labs)
            for exercise in lab.exercises:
                self.assertIn(f"{exercise.number} {exercise.title}", labs)

    def test_house_plan_is_the_kernels_own(self) -> None:
        plan = self.page.partition("## The house plan")[2].partition("@enddot")[0]
        self.assertIn("@dot", plan)
        for floor in ("ke: scheduler", "mm: page faults", "hal.dll", "boot: disk or multiboot"):
            self.assertIn(floor, plan)

    def test_links_lead_to_files(self) -> None:
        for link in re.findall(r"\]\(([^)#]+)\)", self.page):
            self.assertTrue((ROOT / "docs" / link).is_file(), link)


class ReadmeTest(unittest.TestCase):
    """What a README names is there: a reader follows it."""

    ELSEWHERE = re.compile(r"^(solutions|labs)/N-name/|^kernel/prebuilt/|^labs/manifest\.json$|.*/hints-taken\.txt$")  # any lab's; a branch's own
    FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
    SUFFIX = r"(?:cpp|h|S|py|mk|txt|ld|sh)"

    def setUp(self) -> None:
        self.names = git.tracked(ROOT) or []

    def pages(self) -> "list[tuple[Path, str]]":
        pages = [ROOT / name for name in self.names if name.endswith(".md")]
        self.assertGreater(len(pages), 50)
        return [(page, self.FENCE.sub("", page.read_text(encoding="utf-8"))) for page in pages]

    def test_links(self) -> None:
        for page, text in self.pages():
            for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
                if "://" not in link:
                    self.assertTrue((page.parent / link).exists(), f"{page.relative_to(ROOT)}: {link}")

    def test_paths(self) -> None:
        for page, text in self.pages():
            for path in re.findall(r"`((?:kernel|grader|labs|solutions|docs)/[\w./-]+)`", text):
                self.assertTrue(self.ELSEWHERE.match(path) or (ROOT / path).exists(), f"{page.relative_to(ROOT)}: {path}")

    def test_files_of_tables(self) -> None:
        for page, text in self.pages():
            folder = page.parent.relative_to(ROOT).as_posix()
            below = " ".join(f"/{name}" for name in self.names if folder == "." or name.startswith(folder + "/")) + " "
            for cell in re.findall(r"^\| ([^|]+)\|", text, re.MULTILINE):
                for name in re.findall(rf"`([\w./-]+\.{self.SUFFIX})`", cell):
                    there = f"/{name} " in below or (page.parent / name).exists() or (ROOT / name).exists()
                    self.assertTrue(there, f"{page.relative_to(ROOT)}: {name}")


    def test_exercises_of_tables(self) -> None:
        """A row of a kernel folder that names exercises names those of its files; 0.1 only reads."""
        exercises = {name: one.number for lab in manifests(ROOT) for one in lab.exercises for name in one.files}
        seen = set()
        for page, text in self.pages():
            folder = page.parent.relative_to(ROOT).as_posix()
            for first, rest in re.findall(r"^\| ([^|]+)\|(.*)$", text, re.MULTILINE) if folder.startswith("kernel/ntos/ke") else ():
                said = {*re.findall(r"(?<![\d.])\d\.\d+(?![\d.])", rest)} - {"0.1"}
                below = [f"{folder}/{name}" for name in re.findall(r"\]\((\w+/)README\.md\)", first)]
                files = [f"{folder}/{name}" for name in re.findall(r"`([\w.]+)`", first)]
                wanted = {number for name, number in exercises.items() if name in files or name.startswith(tuple(below))}
                self.assertEqual(wanted if said or below else set(), said, f"{page.relative_to(ROOT)}: {first}")
                seen |= said
        self.assertGreater(len(seen), 10)


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
