"""A guest test (kernel/tests/guest), named as `driver.Test`, on a machine that has booted: for commands that watch one."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Iterator, TypeVar

from grader.commands.options import number
from grader.errors import GraderError
from grader.guest import Guest
from grader.guest.session import Session
from grader.guest.stops import GuestStop
from grader.machine.parts import Machine
from grader.report.text import for_terminal
from grader.tree import Tree

LIMIT, SECONDS = 400_000_000, 60.0
GUEST_TESTS = "kernel/tests/guest"
Look = TypeVar("Look")


@dataclass(frozen=True)
class GuestTest:
    """A test that may begin, and who judges it."""

    driver: str
    guest: Guest
    test: Any  # a row of the driver's table, as kernel/tests/guest/run.py reads it
    runner: Any  # that module


@contextmanager
def guest_test(tree: Tree, full_name: str, checked: bool, machine_of: "Callable[[Any, str], Machine]", also: str = "") -> Iterator[GuestTest]:
    """Boots the machine that `machine_of(runner, driver)` names.  @param also what else to say where there is no such driver"""
    driver, _, name = full_name.partition(".")
    runner = guest_runner(tree)
    build = tree.out / ("checked" if checked else "free")
    known = runner.drivers(build)
    if driver not in known:
        raise GraderError(f"there is no guest test driver {driver!r}; TEST= is driver.Test, and the drivers are " + ", ".join(known) + also)
    with Session(build, f"{driver}.sys", machine_of(runner, driver)) as session:
        session.boot(Guest(session))
        state = session.restore("ready")
        guest = Guest(session)
        tests = {test.name: test for test in runner.table(guest, driver)}
        if name not in tests:
            raise GraderError(f"{driver}.sys has no test {name!r}; it has: " + ", ".join(tests))
        guest.begin(state, LIMIT, SECONDS)
        guest.arm()
        yield GuestTest(driver, guest, tests[name], runner)


def add_arguments(parser: argparse.ArgumentParser, demo: str, to: str) -> None:
    """The options of a command that looks at the machine that runs, or else at a guest test.  @param to what OUT= does"""
    parser.add_argument("--test", default="", metavar="NAME", help=f"a guest test (default: the machine that runs, else {demo})")
    parser.add_argument("--smp", default="1", metavar="N", help="processors, of a guest test")
    parser.add_argument("--checked", action="store_true", help="the checked build, of a guest test")
    parser.add_argument("--to", default="", metavar="FILE", help=to)


def looks_at(tree: Tree, full_name: str, options: argparse.Namespace, command: str,
             looks: "Callable[[Guest, int], Iterator[Look]]") -> "Iterator[Look]":
    """What `looks(guest, routine)` gives of a test of kernel/tests/guest, named as `driver.Test`, from its beginning to its end."""
    if not (tree.root / GUEST_TESTS).is_dir():
        raise GraderError(f"no kernel of this folder runs: type `make run` in another window, then `make {command}` here")
    smp = number(options.smp, "SMP", 1) or 1
    with guest_test(tree, full_name, options.checked, lambda runner, driver: runner.machines(driver, smp)[0]) as chosen:
        try:
            yield from looks(chosen.guest, chosen.test.routine)
        except GuestStop as stop:
            print(for_terminal(f"{full_name} ended early: {stop}"), file=sys.stderr)


def guest_runner(tree: Tree) -> Any:
    """kernel/tests/guest/run.py, which knows the drivers' tables and how a test is judged."""
    path = tree.root / "kernel" / "tests" / "guest" / "run.py"
    if not path.is_file():
        raise GraderError("this tree has no kernel/tests/guest; name a lab's test: make timeline LAB=1 TEST=...")
    spec = importlib.util.spec_from_file_location("micaguest_runner", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
