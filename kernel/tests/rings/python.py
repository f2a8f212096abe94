"""unittest modules, each in a process of its own, as many at a time as there are jobs."""

from __future__ import annotations

import fnmatch
import json
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Iterator

from .base import Options, Outcome, Ring, run, tail

FOLDERS = ("grader/tests", "kernel/tests/python")
SECONDS = 1800  # guards against a module that hangs


class PythonRing(Ring):
    def run(self, options: Options) -> "Iterator[Outcome]":
        modules = [path for folder in FOLDERS for path in sorted((options.root / folder).glob("test_*.py"))]
        with ThreadPoolExecutor(options.jobs) as pool:
            running = [pool.submit(self.run_module, path, options) for path in modules]
            for future in as_completed(running):
                for outcome in future.result():
                    if not options.only or fnmatch.fnmatch(outcome.name, options.only):
                        yield outcome

    def run_module(self, path: Path, options: Options) -> "list[Outcome]":
        runner = Path(__file__).with_name("unittest_lines.py")
        name = ".".join(path.relative_to(options.root).with_suffix("").parts)
        done = run(["python3", str(runner), name, str(options.out)], timeout=SECONDS, cwd=options.root)
        outcomes = []
        for line in done.stdout.splitlines():
            if line.startswith('{"unittest"'):
                said = json.loads(line)["unittest"]
                outcomes.append(Outcome(self.name, said["name"], said["ok"], expected="the test passes", seen=said["seen"],
                                        repeat=f"python3 -m unittest {plain(said['name'])}", where=said["where"]))
        if done.returncode not in (0, 1) or not outcomes:
            outcomes.append(Outcome(self.name, name, False, expected="the module's tests run to their end",
                                    seen=f"exit status {done.returncode}\n{tail(done.stdout)}",
                                    repeat=f"python3 -m unittest {name}"))
        return outcomes


def plain(name: str) -> str:
    """`setUpClass (a.b.Case)`, as unittest names what fails around tests -> what the command line takes: `a.b.Case`."""
    return name.rpartition("(")[2].rstrip(")") if name.endswith(")") else name
