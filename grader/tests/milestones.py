"""Milestones: what the handouts show of a running kernel, `kd> waits` and what it printed, against the kernel of this tree.

    python3 -m grader.tests.milestones      writes what the commands print now into the handouts

A block of a handout that begins with `kd> ` is a session after a boot of its own.  Addresses, numbers and the width of columns vary
from run to run; words do not.  Where a program was started (`process 72, Fill1, ...`), `vad 72` is typed with the number that it has now.  A line `...` stands for lines that are left out, three dots at the end of a line for the rest of it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from grader import labs
from grader.building.builder import Builder
from grader.console import PROMPT
from grader.console.backtrace import Annotate, Names
from grader.console.machines import Boot, QemuMachine
from grader.model import Lab
from grader.tree import Tree, this_tree

Session = List[Tuple[str, List[str]]]  # commands, and the lines that each printed
SECONDS = 60.0
_BLOCK = re.compile(r"^```\w*\n(kd> (?:.*\n)*?)```$", re.MULTILINE)
_SECTION = re.compile(r"^## (\d+\.\d+) ", re.MULTILINE)
_STARTED = re.compile(r"^process (\d+), ")
_ABOUT = re.compile(r"(vad|ws) \d+")
_NUMBER = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8}\b|\d+")


def sessions(text: str) -> Iterator[Tuple[str, Session]]:
    """(exercise, session) for each block of a handout that begins at the prompt."""
    for block in _BLOCK.finditer(text):
        sections = [found for found in _SECTION.finditer(text) if found.start() < block.start()]
        yield (sections[-1][1] if sections else ""), parse(block[1])


def parse(block: str) -> Session:
    found: Session = []
    for line in block.splitlines():
        if line.startswith("kd> "):
            found.append((line[4:].strip(), []))
        else:
            found[-1][1].append(line)
    return found


def printed(folder: Path, commands: Sequence[str]) -> Session:
    """What the commands print, one after the other, as `make monitor` shows it."""
    annotate, prompt = Annotate(Names(folder)), PROMPT.strip()
    found: Session = []
    with QemuMachine(Boot(folder, options=os.environ.get("MICA_OPTIONS", "/DEBUG"))) as machine:
        machine.read_until(prompt, SECONDS)
        for typed in commands:
            started = [match[1] for _, lines in found for match in map(_STARTED.match, lines) if match]
            command = _ABOUT.sub(rf"\1 {started[-1]}", typed) if started and _ABOUT.fullmatch(typed) else typed
            machine.write(command.encode() + b"\r")
            said = annotate(machine.read_until(b"\n" + prompt, SECONDS)).decode("utf-8", "replace").replace("\r", "")
            lines = [line.rstrip() for line in said.splitlines()]
            echo = next(number for number, line in enumerate(lines) if command in line)
            found.append((command, [line for line in lines[echo + 1:] if line != prompt.decode()]))
    return found


def shape(line: str) -> str:
    """A line without what varies."""
    return " ".join(_NUMBER.sub("#", line).split())


def difference(shown: Sequence[str], real: Sequence[str]) -> str:
    """The first line of a handout that the kernel does not print; empty: there is none.  Without `...` it prints no other line either."""
    left_out = any(line.strip() == "..." for line in shown)
    lines = [line for line in shown if line.strip() != "..."]
    if not left_out and len(lines) != len(real):
        return f"{len(real)} lines, shown are {len(lines)}"
    at = 0
    for line in lines:
        while at < len(real) and left_out and not _alike(line, real[at]):
            at += 1
        if at == len(real) or not _alike(line, real[at]):
            return line
        at += 1
    return ""


def _alike(shown: str, real: str) -> bool:
    one, other = shape(shown), shape(real)
    return other.startswith(one[:-3].rstrip()) if one.endswith("...") else one == other


def rewritten(text: str, folder: Path) -> str:
    """A handout with what the commands print now.  A session stays as it is where only what varies differs, or something is left out."""
    def block(found: "re.Match[str]") -> str:
        session = parse(found[1])
        if any("..." in line for _, lines in session for line in lines):
            return found[0]
        made = printed(folder, [command for command, _ in session])
        if not any(difference(shown, real) for (_, shown), (_, real) in zip(session, made)):
            return found[0]
        body = "".join(f"kd> {command}\n" + "".join(f"{line}\n" for line in lines) for command, lines in made)
        return found[0].replace(found[1], body)

    return _BLOCK.sub(block, text)


def commands_of(lab: Lab, text: str) -> Dict[str, List[str]]:
    """Exercise -> the commands at the prompt that its section shows."""
    found: Dict[str, List[str]] = {exercise.number: [] for exercise in lab.exercises}
    for exercise, session in sessions(text):
        found.setdefault(exercise, []).extend(command for command, _ in session)
    return found


def main(tree: Optional[Tree] = None) -> int:
    home = tree or this_tree()
    course = labs.load(home)
    folder = Builder(home, course).base()
    for lab in course.labs:
        path = home.root / "labs" / lab.folder / "README.md"
        path.write_text(rewritten(path.read_text(encoding="utf-8"), folder), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
