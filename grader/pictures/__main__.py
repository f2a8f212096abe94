"""python3 -m grader.pictures: takes every picture of the running system anew; `make pictures`.

Figures that are drawn by hand are SVG; every PNG of the documentation stands in PICTURES, with the size that it has on any
machine.  Screens come from QEMU's own display, pages from a browser without a window.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List, Optional, Tuple

from grader import labs
from grader.api import Context, TestFailure
from grader.building.builder import EXPLORED, Builder
from grader.commands import memmon
from grader.console import capture
from grader.errors import GraderError
from grader.explore import kernels
from grader.explore.schedule import Schedule, Strategy
from grader.guest import Guest
from grader.guest.session import Session
from grader.judge.services import SERVICES
from grader.memmon import page as memorypage
from grader.model import Kernel, TestSpec
from grader.report import result as results
from grader.tree import Tree, this_tree

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
SECONDS = 120
SCREEN_COMMANDS = ("spin 3", "threads", "ready")
RACE, RACE_DRIVER, RACE_LAB = "LostUpdate", "planted.sys", 3
RACE_TRIES = 400  # schedules, of which one shows the race as a book draws it
LOAD, STORE = 1, 2  # KX_POINT, kernel/inc/nt/explore.h
RACE_VIEW = "?find=writes&theme=light"  # the first write is chosen
MEMORY_VIEW, MEMORY_MOMENT = "?theme=light&at={}", "the editor reads half of it again"


@dataclass(frozen=True)
class Picture:
    """A file, its size in pixels, and what gives its bytes."""

    path: str
    size: Tuple[int, int]
    take: "Callable[[Tree, Picture], bytes]"


def screen(tree: Tree, _: Picture) -> bytes:
    """The display of a machine at the debugger's prompt, with something in its ready queues."""
    folder = Builder(tree, labs.load(tree)).base()
    return capture.png_of_ppm(capture.capture(folder, list(SCREEN_COMMANDS), ""))


def race_page(tree: Tree, picture: Picture) -> bytes:
    """The page of a lost update as a book draws it: both read, then both write."""
    browser()  # say what is missing before anything is built
    kernel = Kernel(Builder(tree, labs.load(tree)).base(EXPLORED))
    session = kernels.session_on(kernel, RACE_DRIVER)
    try:
        for seed in range(RACE_TRIES):
            made = race(session, seed, tree.scratch("pictures", "races"))
            if made:
                return page(made, picture.size)
    finally:
        session.close()
    raise GraderError(f"the planted race {RACE} was not found; run make explore SCENARIOS=kernel TEST={RACE} and see why")


def race(session: Session, seed: int, pages: Path) -> "Optional[Path]":
    """The page of this schedule, when it shows the race in the order that is wanted."""
    spec = TestSpec("", RACE, 0, "an update is not lost", lambda t: None, lab=RACE_LAB)
    guest = Guest(session)
    guest.begin(session.restore(spec.stage), 0, SECONDS)
    context = Context(spec, seed, guest, Path(), 0, SERVICES)
    context.pages, context.forced = pages, Schedule(Strategy.WALK, seed)
    try:
        context.explore(RACE)
    except TestFailure as failure:
        accesses = [entry.kind for entry in context.found.trace if entry.kind in (LOAD, STORE)] if context.found else []
        if failure.page and accesses == [LOAD, LOAD, STORE, STORE]:
            return pages / Path(failure.page).name
    return None


def memory_page(tree: Tree, picture: Picture) -> bytes:
    """MemMon's page of its demo: pages in all states that the demo has."""
    browser()
    Builder(tree, labs.load(tree)).base()
    options = argparse.Namespace(smp="1", checked=False)
    moments = list(memmon.of_guest_test(tree, memmon.DEMO, options))
    at = max(index for index, shown in enumerate(moments) if shown.label == MEMORY_MOMENT)
    path = tree.scratch("pictures") / "memory.html"
    results.write(path, memorypage.render("Memory of a machine of 16 MB", moments).encode("utf-8"))
    return page(path, picture.size, MEMORY_VIEW.format(at))


def page(path: Path, size: Tuple[int, int], view: str = RACE_VIEW) -> bytes:
    """A page as a browser shows it in a window of this size."""
    with tempfile.TemporaryDirectory(prefix="mica-picture-") as scratch:
        target = Path(scratch, "page.png")
        done = subprocess.run([browser(), "--headless", *(["--no-sandbox"] if os.geteuid() == 0 else []), "--disable-gpu",
                               "--hide-scrollbars", "--force-device-scale-factor=1", f"--window-size={size[0]},{size[1]}",
                               f"--user-data-dir={scratch}/profile", f"--screenshot={target}", path.resolve().as_uri() + view],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False)
        if not target.is_file():
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise GraderError(f"{browser()} drew no picture of {path}: {last[:200]}")
        return target.read_bytes()


def browser() -> str:
    """The browser that draws pages."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise GraderError("the pictures of pages need a browser; install it with: sudo apt-get install chromium")
    return found


def size_of(data: bytes) -> Tuple[int, int]:
    """Width and height of a PNG."""
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        raise GraderError("what was taken is no PNG; report this with the commands that were run")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


PICTURES = (
    Picture("docs/images/mica-running.png", (720, 400), screen),
    Picture("labs/2-memory/images/memory.png", (1280, 760), memory_page),
    Picture("labs/3-synchronization/figures/race-timeline.png", (1280, 760), race_page),
)


def take(tree: Tree, picture: Picture) -> None:
    """Takes one picture; the old one stays when it cannot be taken."""
    data = picture.take(tree, picture)
    if size_of(data) != picture.size:
        raise GraderError(f"{picture.path} would be {size_of(data)} pixels, and should be {picture.size}; the old one stays")
    results.write(tree.root / picture.path, data)


def main(argv: "List[str]") -> int:
    """0: all were taken; 2: one could not be, and why."""
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=os.environ.get("O", "build"))
    parser.add_argument("--only", default="*", metavar="GLOB", help="pictures by their path")
    options = parser.parse_args(argv)
    tree = Tree(this_tree().root, (this_tree().root / options.out).resolve())
    chosen = [one for one in PICTURES if fnmatch.fnmatch(one.path, options.only)]
    failed = 0
    for picture in chosen:
        try:
            take(tree, picture)
            print(f"taken: {picture.path}", flush=True)
        except (GraderError, OSError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"pictures: {picture.path}: {error}", file=sys.stderr)
    if not chosen:
        print(f"pictures: none is called {options.only}; there are: " + ", ".join(one.path for one in PICTURES), file=sys.stderr)
    return 2 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
