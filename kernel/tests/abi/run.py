"""run.py: the public binary interface (ring abi). Mica against the public DDK headers and import libraries of mingw-w64.

Prints one JSON line a test (kernel/tests/rings/program.py says its form).
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from grader.errors import GraderError  # noqa: E402

import drivers  # noqa: E402
import exceptions  # noqa: E402
import layouts  # noqa: E402
import signatures  # noqa: E402

EXCEPTIONS = Path(__file__).with_name("exceptions.txt")


def compared(out: Path) -> Iterator[dict]:
    """One line a structure, kind of constants, component; then one about the exceptions."""
    agreed = exceptions.agreed(EXCEPTIONS)
    used = set()
    for kind, groups in (("layout", layouts.compare(ROOT)), ("names", signatures.compare(out / "free"))):
        for group in groups:
            used |= set(group.differences) & set(agreed)
            open_ones = {item: text for item, text in group.differences.items() if item not in agreed}
            yield {"name": f"{kind}.{group.name}", "ok": not open_ones, "where": "kernel/tests/abi/exceptions.txt",
                   "expected": f"as in the public headers ({group.compared} compared), or an agreed exception",
                   "seen": "\n".join(f"{item}: {text}" for item, text in open_ones.items())}
    stale = sorted(item for item in set(agreed) - used if not item.startswith("driver("))
    yield {"name": "exceptions.still-differ", "ok": not stale, "where": "kernel/tests/abi/exceptions.txt",
           "expected": "each agreed exception differs; one that does not is taken from the list", "seen": "\n".join(stale)}


def driven(out: Path, only: str, jobs: int) -> Iterator[dict]:
    """One line a driver, build and number of processors: driver.events, driver.events@4, driver.events@4,checked.  An agreed exception
    driver(events) or driver(events,checked) is one that fails on every machine of these."""
    agreed = exceptions.agreed(EXCEPTIONS)
    machines = [(source, build, processors) for build in ("free", "checked") for processors in (1, 2, 4) for source in drivers.sources()]

    def work(job: "Tuple[Path, str, int]") -> Optional[dict]:
        source, build, processors = job
        name = f"driver.{source.stem}" + (f"@{processors}" if processors > 1 else "") + (",checked" if build == "checked" else "")
        if only and not fnmatch.fnmatch(name, only):
            return None
        known = f"driver({source.stem}{',checked' * (build == 'checked')})" in agreed
        try:
            image = drivers.build(source, out / "abi" / build / str(processors))
            ran = drivers.run(out / build, image, processors, drivers.SHORT_SECONDS if known else drivers.SECONDS)
        except subprocess.CalledProcessError as error:
            ran = drivers.Ran(False, error.stderr)
        if known:
            ran = drivers.Ran(not ran.ok, "it passes now: take its exception from kernel/tests/abi/exceptions.txt")
        return {"name": name, "ok": ran.ok, "where": f"kernel/tests/abi/drivers/{source.name}",
                "expected": "each check of the driver is met, and no canary round its structures is written over", "seen": "" if ran.ok else ran.seen,
                "repeat": f"python3 kernel/tests/abi/run.py --only '{name}'"}

    with ThreadPoolExecutor(jobs) as pool:
        yield from (line for line in pool.map(work, machines) if line)


def main(argv: List[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build"))
    parser.add_argument("--only", default="", metavar="GLOB", help="only tests of that name, e.g. 'layout.*'")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", default="", help="ignored: nothing here is random")
    arguments = parser.parse_args(argv)
    out = (ROOT / arguments.out).resolve()
    for checked in ((), ("MICA_CHECKED=1",)):
        subprocess.run(["make", "-s", "-f", "kernel/build.mk", "kernel", f"O={arguments.out}", *checked], cwd=ROOT, check=True, stdout=sys.stderr)
    ok, ran = True, 0
    for line in chain(() if arguments.only.startswith("driver.") else compared(out), driven(out, arguments.only, arguments.jobs)):
        if not arguments.only or fnmatch.fnmatch(line["name"], arguments.only):
            ok, ran = ok and line["ok"], ran + 1
            print(json.dumps(line), flush=True)
    if not ran:
        print(f"no test is called '{arguments.only}'", file=sys.stderr)
        return 2
    return 0 if ok else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (GraderError, subprocess.CalledProcessError, OSError) as error:
        print(f"abi: {error}", file=sys.stderr)
        sys.exit(2)
