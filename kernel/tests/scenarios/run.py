"""run.py: the kernel's own scenarios in a kernel whose every file of ke and ex has preemption points, one JSON line a scenario.

The labs' tests explore a kernel in which only the labs' files have them (kernel/student.mk).  Without points are: the explorer
and the event ring (build.mk: QUIET_FILES), assembly, and what runs before the explorer (its points do nothing then).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Iterator, Tuple

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from grader import labs  # noqa: E402
from grader.explore import explorer, kernels  # noqa: E402
from grader.explore.target import GuestTarget  # noqa: E402
from grader.judge.grading import Grading, default_runner  # noqa: E402
from grader.tree import Tree  # noqa: E402

OTHERS = ("machine.sys", "planted.sys")  # whose scenarios end as they say: kernel/tests/python/test_explorer.py
NOTHING = "no test is called "  # as in kernel/tests/rings/program.py
FEATURES = ["SYH-01"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="build")
    parser.add_argument("--only", default="", metavar="NAME", help="one scenario, as driver.Scenario")
    parser.add_argument("--seed", default="1", metavar="N")
    parser.add_argument("--schedules", default="2000", metavar="N", help="of each scenario")
    options = parser.parse_args()
    os.environ["MICA_EXPLORE"] = "all"
    tree = Tree(ROOT, (ROOT / options.out / "all").resolve())
    kernel = kernels.kernel_of(Grading(tree, labs.load(tree), default_runner()))
    bad = ran = False
    for name, found in explored(kernel, options):
        bad, ran = bad or bool(found), True
        print(json.dumps({"name": name, "ok": not found, "features": FEATURES, "seed": int(options.seed), "seen": found,
                          "expected": "no schedule breaks what the scenario checks",
                          "repeat": f"python3 kernel/tests/scenarios/run.py --only {name} --seed {options.seed}"}), flush=True)
    if not ran:
        print(NOTHING + options.only, file=sys.stderr)
        return 2
    return 1 if bad else 0


def explored(kernel, options: argparse.Namespace) -> Iterator[Tuple[str, str]]:
    """Each scenario's name, and what a schedule has shown."""
    for driver in kernels.kernel_drivers(ROOT):
        if driver in OTHERS or options.only and not options.only.startswith(driver[:-len("sys")]):
            continue
        session = kernels.session_on(kernel, driver)
        try:
            for scenario in kernels.scenarios_of(session):
                name = f"{driver[:-len('.sys')]}.{scenario}"
                if options.only in ("", name) and not kernels.is_planted(session, scenario):
                    report = explorer.explore(GuestTarget(session, scenario), scenario, int(options.seed), 0, int(options.schedules))
                    find = f"{report.find.token}: {report.find.ran.message}" if report.find else ""
                    yield name, find or "; ".join(f"{token} is not repeated" for token in report.unconfirmed)
        finally:
            session.close()


if __name__ == "__main__":
    sys.exit(main())
