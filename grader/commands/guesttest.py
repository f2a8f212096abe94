"""A guest test (kernel/tests/guest), named as `driver.Test`, on a machine that has booted: for commands that watch one."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Iterator

from grader.errors import GraderError
from grader.guest import Guest
from grader.guest.session import Session
from grader.machine.parts import Machine
from grader.tree import Tree

LIMIT, SECONDS = 400_000_000, 60.0


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
