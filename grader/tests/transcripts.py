"""Replays of one failure of each exercise of lab 1, as a student sees them: `python3 -m grader.tests.transcripts` writes
labs/1-processes/replay.md anew; test_transcripts.py compares it with what replay shows now.

The mistakes are those of solutions/; of the student's own file no line is shown, for it would be a line of the solution.
"""

from __future__ import annotations

import re
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from grader import labs
from grader.building.builder import Builder
from grader.replay import replay
from grader.selfcheck import variants
from grader.submission.files import Submission, read
from grader.tests.machine import under_gdb
from grader.tree import Tree, this_tree

PAGE = "labs/1-processes/replay.md"
SEED = 7
_OWN_LINE = re.compile(r"^\d+\t.*$", re.MULTILINE)
_ADDRESS = re.compile(r"0x[0-9a-f]{5,8}\b|(?<=EAX )0x[0-9a-f]+\b|(?<=EFlags = )0x[0-9a-f]+\b")  # EAX after a void routine and flags of a sum too
_WIDTH = 118


@dataclass(frozen=True)
class Session:
    """One replay: whose mistake, which test, what is typed, and what to look at."""

    exercise: str
    mistake: str
    test: str
    says: str
    commands: Tuple[str, ...]
    look: str


SESSIONS = (
    Session("1.1", "summary-bit-stays-set", "remove_from_queue",
            "The last thread leaves a queue, and its bit of the summary stays set.",
            ("bt", "info args", "mica ready Prcb", "finish", "mica ready Prcb_of_the_call"),
            "`mica ready` takes a KPRCB: here it is this processor's own, in other calls one that no processor uses, and `Prcb` is its "
            "address. T3 is the only thread of queue 20 before the call. After it the queue is empty, and the bit is not. In `KdHostCall` "
            "your arguments are gone, so use the address that `info args` has shown."),
    Session("1.2", "edi-not-restored", "switch_registers",
            "EDI of the thread that comes back is not what it was when the thread left.",
            ("print/x *(KSWITCH_FRAME*)((KTHREAD*)$edx)->KernelStack", "print/x $edi", "stepi 28", "x/i $pc", "print/x $edi"),
            "`$edx` is the new thread, and its KernelStack points to what it pushed when it left: there is the value that the test "
            "expects. At the `ret` the new thread's stack is there, but EDI still holds the value that the test gave the old thread. "
            "(EBP is the test's, too: `bt` knows no callers here.)"),
    Session("1.3", "displaced-standby-to-the-tail", "deferred_ready_places",
            "A standby thread is displaced, and goes behind the others of its priority.",
            ("info args", "print Thread->Priority", "mica ready", "finish", "mica ready"),
            "The test uses the real queues of processor 0. T3 is the next thread before the call; after it, T3 is the last of its queue."),
    Session("1.5", "unlocking-clears-all-flags", "handles_made",
            "An entry loses its owner's flags when it is unlocked.",
            ("print/x *Entry", "set $entry = Entry", "finish", "print/x *$entry"),
            "The low three bits of Value are the lock and two flags of the entry's owner. Before the call the lock is set beside the flags; after it "
            "all three bits are clear."),
    Session("1.7", "pages-by-strides", "results_probed",
            "A result lies on two pages, and only the first one is probed.",
            ("bt", "info args", "print/x (unsigned)Address + Length - 1", "mica pte (unsigned)Address + Length - 1"),
            "The last byte is on the next page, and no program may write there: `mica pte` shows it. `bt` shows the `__try` that the probe is called in: an exception "
            "would have become its status."),
)
HEAD = """# Replays of lab 1

A failure under gdb, one for each exercise. `make replay` runs the test again, exactly as it was graded, and stops in *your* routine, in the
call that led to the failure. `AT=failure` stops later: where the test saw that something is wrong. Ctrl-C stops a running guest,
`mica rewind` goes back to the beginning, `quit` leaves.

The lines of your own file are left out here, and your addresses differ.
"""


def page(tree: Tree) -> str:
    """The whole page, from replays made now."""
    return HEAD + "".join(section(tree, one) for one in SESSIONS)


def section(tree: Tree, session: Session) -> str:
    said, shown = run(tree, session)
    lines = [part for line in said for part in textwrap.wrap(line, _WIDTH, subsequent_indent="            " if line.startswith("  ") else "")]
    typed = f"make replay LAB=1 TEST={session.test} SEED={SEED}"
    return (f"\n## {session.exercise}: {session.says}\n\n```\n$ {typed}\n" + "\n".join(lines) + "\n" + shown.strip()
            + "\n(gdb) quit\n```\n\n" + "\n".join(textwrap.wrap(session.look, _WIDTH)) + "\n")


def run(tree: Tree, session: Session) -> "tuple[List[str], str]":
    """What replay says, and what is seen in gdb."""
    course = labs.load(tree)
    spec = next(test for test in course.tests if test.name == session.test)
    files = next(lab for lab in course.labs if lab.number == spec.lab).exercise(spec.exercise).files
    said: List[str] = []
    with tempfile.TemporaryDirectory() as folder:
        submission = wrong(tree, course, session.mistake, Path(folder))
        kernels, plain = (Builder(tree, course, plain=plain).build(submission, [spec.kernel], 1) for plain in (False, True))
        typed = [part for command in session.commands for part in (f"echo (gdb) {command}\\n", command)]
        _, shown = under_gdb(
            ["set width 118", *_with_addresses(typed)],
            lambda arguments: replay.replay(kernels, spec, SEED, tree.root, said.append, False, arguments, files=files, plain=lambda: plain))
    return said, cleaned(shown)


def _with_addresses(typed: Sequence[str]) -> List[str]:
    """gdb's own variable stands for what a student would copy from the screen."""
    if not any("Prcb_of_the_call" in line for line in typed):
        return list(typed)
    lines = ["set $prcb = Prcb"]
    for line in typed:
        if line.startswith("echo") and "Prcb_of_the_call" in line:
            line = 'eval "echo (gdb) mica ready %#x\\\\n", $prcb'
        lines.append(line.replace("Prcb_of_the_call", "$prcb"))
    return lines


def wrong(tree: Tree, course: labs.Course, mistake: str, folder: Path) -> Submission:
    """The reference with one known mistake, as a submission."""
    variant = variants.read(tree.solutions / "1-processes" / "mistakes" / f"{mistake}.edit")
    own = {name: (tree.root / name).read_bytes() for name in course.files if (tree.root / name).is_file()}
    for name, content in variants.apply(variant, own).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return read(str(folder), tuple(course.files), [], tree.root)


def cleaned(shown: str) -> str:
    """Without lines of the student's file, and without gdb's farewell."""
    without = _OWN_LINE.sub(lambda line: line[0].split("\t")[0] + "\t...", shown)
    return re.sub(r"\n\[Inferior 1 .*detached\]", "", without)


def bare(text: str) -> str:
    """For comparisons: addresses differ from compiler to compiler."""
    return _ADDRESS.sub("0x...", " ".join(text.split()))


def main(tree: Optional[Tree] = None) -> int:
    home = tree or this_tree()
    (home.root / PAGE).write_text(page(home), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
