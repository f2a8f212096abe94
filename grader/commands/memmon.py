"""`memmon`: what memory is used for, as text on the terminal, or recorded as one offline HTML page.

    make memmon                     the machine of `make run` that runs in another window; without one, the demo
    make memmon OUT=page.html       the same, recorded
    make memmon TEST=faults.FirstUseOfAPageGivesZeros       a guest test (driver.Test)
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Iterable, Iterator, List

from grader.commands import guesttest
from grader.errors import GraderError
from grader.memmon import live, page, record, terminal
from grader.memmon.snapshot import Snapshot
from grader.report import result as results
from grader.report.terminal import Paint
from grader.report.text import for_terminal
from grader.tree import Tree

DEMO = "memmon.ProcessesUseMemoryAndGiveItBack"
REFRESH, WIDTH = 1.0, 110
HOME = "\x1b[H\x1b[2J"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `memmon`."""
    guesttest.add_arguments(parser, DEMO, "record, and write the page")


def run(tree: Tree, options: argparse.Namespace) -> int:
    """Shows each moment, or writes the page of all; prints where it is."""
    if options.to and Path(options.to).is_dir():
        raise GraderError(f"OUT={options.to} is a folder; name the page in it: OUT={Path(options.to) / 'memory.html'}")
    found = None if options.test else live.find(tree.out)
    if found is None:
        name = options.test or DEMO
        title, moments = name, of_guest_test(tree, name, options)
    else:
        title, moments = "a running kernel", record.of_running(*found, REFRESH, lambda: live.find(tree.out) != found)
    if not options.to:
        return show(moments, one_page=found is not None)
    if found:
        print("recording; Ctrl-C ends it", file=sys.stderr, flush=True)
    target = Path(options.to)
    results.write(target, page.render(f"Memory: {title}", recorded(moments)).encode("utf-8"))
    print(for_terminal(str(target)))
    return 0


def recorded(moments: "Iterable[Snapshot]") -> List[Snapshot]:
    """All of them, up to Ctrl-C or as many as a page can show."""
    found: List[Snapshot] = []
    try:
        for shown in moments:
            found.append(shown)
            if len(found) > record.MOST:
                break
    except KeyboardInterrupt:
        pass
    return found


def show(moments: "Iterable[Snapshot]", one_page: bool) -> int:
    """On a terminal the page is drawn again and again; anywhere else each labelled moment once, or one page of a running kernel."""
    paint, label = Paint(sys.stdout), ""
    try:
        for shown in moments:
            if not paint.terminal and not one_page and shown.label == label:
                continue
            label = shown.label
            width = shutil.get_terminal_size((WIDTH, 50)).columns
            print((HOME if paint.terminal else "") + "\n".join(terminal.lines(shown, paint, width)), flush=True)
            if one_page and not paint.terminal:
                break
    except KeyboardInterrupt:
        print()
    return 0


def of_guest_test(tree: Tree, full_name: str, options: argparse.Namespace) -> Iterator[Snapshot]:
    """A test of kernel/tests/guest, named as `driver.Test`, from its beginning to its end."""
    return guesttest.looks_at(tree, full_name, options, "memmon", record.of_guest_test)
