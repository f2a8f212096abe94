"""Names for the addresses in a serial log: `python3 -m grader.console.symbolize [LOG] --images DIR`.

Lines such as `  #2 ntoskrnl.exe+0x1234` get function, file and line; everything else passes unchanged.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Sequence

from grader.console.backtrace import Annotate, Names
from grader.errors import GraderError


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m grader.console.symbolize", description=__doc__.splitlines()[0])
    parser.add_argument("log", nargs="?", default="-", help="a serial log (default: standard input)")
    parser.add_argument("--images", required=True, type=Path, help="the build's folder with ntoskrnl.exe and hal.dll")
    options = parser.parse_args(argv)
    try:
        if not (options.images / "ntoskrnl.exe").exists():
            raise GraderError(f"{options.images} has no ntoskrnl.exe: run `make kernel`, or name the build's folder")
        annotate = Annotate(Names(options.images))
        with sys.stdin.buffer if options.log == "-" else open(options.log, "rb") as stream:
            for line in stream:
                sys.stdout.buffer.write(annotate(line))
                sys.stdout.buffer.flush()
    except OSError as error:
        print(f"symbolize: {options.log}: {error.strerror}", file=sys.stderr)
        return 2
    except GraderError as error:
        print(f"symbolize: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
