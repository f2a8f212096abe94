"""`procmon`: which thread runs on which processor, as text on the terminal, or each context switch as a line of a text file.

    make procmon                     the machine of `make run` that runs in another window; without one, the demo
    make procmon OUT=switches.txt    each switch, as text
    make procmon TEST=timeline.BoundedBufferWithAClock SMP=2       a guest test (driver.Test)
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Iterator

from grader.commands import guesttest
from grader.errors import GraderError
from grader.memmon import live
from grader.procmon import looks
from grader.procmon.log import Log
from grader.procmon.moment import Moment
from grader.procmon.terminal import Screen
from grader.report import result as results
from grader.report.terminal import Paint
from grader.report.text import for_terminal
from grader.tree import Tree

DEMO = "timeline.BoundedBufferWithAClock"
REFRESH, WIDTH, LINES = 0.5, 110, 50
HOME = "\x1b[H\x1b[2J"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `procmon`."""
    guesttest.add_arguments(parser, DEMO, "write each context switch there, as a line of text")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """Shows each look, or writes the file; prints where it is."""
    if options.to and Path(options.to).is_dir():
        raise GraderError(f"OUT={options.to} is a folder; name the file in it: OUT={Path(options.to) / 'switches.txt'}")
    found = None if options.test else live.find(tree.out)
    if found is None:
        moments = of_guest_test(tree, options.test or DEMO, options)
    else:
        moments = looks.of_running(*found, REFRESH, lambda: live.find(tree.out) != found)
    if not options.to:
        return show(moments, again=found is not None)
    if found:
        print("recording; Ctrl-C ends it", file=sys.stderr, flush=True)
    target = Path(options.to)
    text = "".join(f"{line}\n" for line in recorded(moments))
    results.write(target, text.encode("utf-8"))
    print(for_terminal(str(target)))
    return 0


def recorded(moments: "Iterator[Moment]") -> Iterator[str]:
    """All lines, up to Ctrl-C or the machine's end."""
    log = Log()
    try:
        for moment in moments:
            yield from log.lines(moment)
    except KeyboardInterrupt:
        pass


def show(moments: "Iterator[Moment]", again: bool) -> int:
    """On a terminal the page is drawn again and again; anywhere else a guest test's looks one after the other, or one page of a running kernel."""
    paint = Paint(sys.stdout)
    screen, looked = Screen(paint), 0
    try:
        for moment in moments:
            looked += 1
            width = shutil.get_terminal_size((WIDTH, LINES)).columns
            lines = screen.lines(moment, width)
            if again and not paint.terminal and looked == 1:
                continue  # what is new is known at the second look
            print((HOME if paint.terminal else "") + "\n".join(lines), flush=True)
            if again and not paint.terminal:
                break
    except KeyboardInterrupt:
        print()
    return 0


def of_guest_test(tree: Tree, full_name: str, options: argparse.Namespace) -> Iterator[Moment]:
    """A test of kernel/tests/guest, named as `driver.Test`, from its beginning to its end."""
    return guesttest.looks_at(tree, full_name, options, "procmon", looks.of_guest_test)
