"""The hints of an exercise, labs/N-name/hints/3.3.md: each `## ` heading begins a stage, the next hint to be taken.

Invariants
  * Text before the first heading is for authors and is never shown.
  * The stages whose heading begins with "Steps" tell the steps; they come last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import List, Tuple

from grader.errors import GraderError
from grader.model import Lab

FOLDER = "hints"
_HEADING = re.compile(r"^## +(.+?)[ #]*$")
_FENCE = re.compile(r"^ {0,3}(```|~~~)")
_STEPS = re.compile(r"(?:the )?steps\b", re.IGNORECASE)


@dataclass(frozen=True)
class Stage:
    """One hint: its heading, and its text as Markdown."""

    title: str
    text: str

    @property
    def steps(self) -> bool:
        """Whether it tells what to write, step by step."""
        return bool(_STEPS.match(self.title))


def file_of(lab: Lab, exercise: str) -> str:
    """Where the hints of an exercise are, from the root of the tree."""
    return f"labs/{lab.folder}/{FOLDER}/{exercise}.md"


def of_exercise(root: Path, lab: Lab, exercise: str) -> Tuple[Stage, ...]:
    """The stages in their order; none where the exercise has no hints here.  GraderError if the file cannot be read."""
    path = root / file_of(lab, exercise)
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise GraderError(f"{file_of(lab, exercise)} cannot be read ({error}); bring it back with: git checkout "
                          f"{file_of(lab, exercise)}") from error


def parse(text: str) -> Tuple[Stage, ...]:
    """The stages of a file's text.  A heading inside a block of code is none."""
    found: List[Tuple[str, List[str]]] = []
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if mark and fence in ("", mark[1]):
            fence = "" if fence else mark[1]
        heading = None if fence or mark else _HEADING.match(line)
        if heading:
            found.append((heading[1], []))
        elif found:
            found[-1][1].append(line)
    return tuple(Stage(title, "\n".join(lines).strip("\n")) for title, lines in found)
