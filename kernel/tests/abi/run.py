"""run.py: the public binary interface (ring abi). Mica against the public DDK headers and import libraries of mingw-w64.

Prints one JSON line a test (kernel/tests/rings/program.py says its form).
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from grader.errors import GraderError  # noqa: E402

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
    stale = sorted(set(agreed) - used)
    yield {"name": "exceptions.still-differ", "ok": not stale, "where": "kernel/tests/abi/exceptions.txt",
           "expected": "each agreed exception differs; one that does not is taken from the list", "seen": "\n".join(stale)}


def main(argv: List[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build"))
    parser.add_argument("--only", default="", metavar="GLOB", help="only tests of that name, e.g. 'layout.*'")
    parser.add_argument("--seed", default="", help="ignored: nothing here is random")
    arguments = parser.parse_args(argv)
    out = (ROOT / arguments.out).resolve()
    subprocess.run(["make", "-s", "-f", "kernel/build.mk", "kernel", f"O={arguments.out}"], cwd=ROOT, check=True, stdout=sys.stderr)
    ok, ran = True, 0
    for line in compared(out):
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
