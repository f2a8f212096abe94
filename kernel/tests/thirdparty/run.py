"""run.py: programs that nobody here wrote, of Debian's source packages, run on Mica unchanged (ring thirdparty; `make thirdparty`).

Prints one JSON line a test (kernel/tests/rings/program.py says its form), and `skipped: WHY` when no source can be had. In CI that is a failure.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, List

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from grader.errors import GraderError  # noqa: E402
from grader.guest.stops import GuestStop  # noqa: E402
from kernel.tests.mingw import run as mingw  # noqa: E402
from kernel.tests.thirdparty.programs import PROGRAMS, RUNS, Program, Run  # noqa: E402
from kernel.tests.thirdparty.sources import Changed, Source, Unavailable, cache, fetch, unpack  # noqa: E402

STARTER = "onconsole"  # gives a program the console (kernel/tests/programs)
DLLS = ("ucrtbase.dll", "user32.dll")  # beside those of every run
FEATURES = ["BOO-01", "SYS-01", "EXE-01"]


def have(sources: "List[Source]", out: Path) -> "Dict[str, str]":
    """Fetches and unpacks sources. Returns why one cannot be had, by its name."""
    lacks: "Dict[str, str]" = {}
    for source in sources:
        try:
            unpack(source, fetch(source, cache()), out / "src")
        except Unavailable as error:
            lacks[source.name] = str(error)
    return lacks


def build(program: Program, out: Path) -> Path:
    """The image, compiled unless it is there already. Raises CalledProcessError."""
    folder = out / "src" / program.source.folder
    files = [path for glob in program.files for path in sorted(folder.glob(glob)) if str(path.relative_to(folder)) not in program.without]
    if not program.compiler:
        return files[0]
    made, told = out / f"{program.name}.exe", out / f"{program.name}.command"
    command = [program.compiler, "-O2", "-w", "-static", *(str(path) for path in files), "-o", str(made), *program.options]
    if not made.exists() or not told.exists() or told.read_text() != " ".join(command):
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        told.write_text(" ".join(command))
    return made


def place(run: Run, image: Path, source: Path, kernel: Path, folder: Path) -> Path:
    """A kernel's folder for a run: links to the kernel's files, the image and what it reads among the boot files."""
    boot = folder / "boot"
    boot.mkdir(parents=True, exist_ok=True)
    for path in (*kernel.iterdir(), *(kernel / "boot").iterdir(), image):
        link = (folder if path.parent == kernel else boot) / path.name
        if path.name != "boot" and not link.is_symlink():
            link.symlink_to(path)
    for name, make in run.files.items():
        (boot / name).write_bytes(make(source))
    return folder


def judge(run: Run, kernel: Path, out: Path) -> dict:
    told = {"name": run.name, "where": "kernel/tests/thirdparty/programs.py", "features": FEATURES,
            "repeat": f"python3 kernel/tests/thirdparty/run.py --only '{run.name}'"}
    wanted = (run.status, run.prints.splitlines())
    try:
        folder = place(run, build(run.program, out), out / "src" / run.program.source.folder, kernel, out / "runs" / run.name)
        name, line, files = run.program.name, run.line, tuple(run.files)
        if run.console:
            name, line, files = STARTER, f"{STARTER} {line}", (f"{name}.exe", *DLLS, *files)
        status, lines = mingw.run(folder, name, run.processors, line, files, run.limit)
        seen = (status, [re.sub(r"(\.exe\+)0x[0-9a-f]+", r"\1PLACE", line) for line in lines if not re.match(r"  #\d+ ", line)])
    except subprocess.CalledProcessError as error:
        return {**told, "ok": False, "expected": "gcc compiles it", "seen": error.stderr}
    except (GraderError, GuestStop) as stop:
        return {**told, "ok": False, "expected": f"exit status {run.status:#x}", "seen": str(stop)}
    return {**told, "ok": seen == wanted, "expected": "\n".join([f"exit status {wanted[0]:#x}", *wanted[1]]),
            "seen": "\n".join([f"exit status {seen[0]:#x}", *seen[1]])}


def main(argv: "List[str]") -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build"))
    parser.add_argument("--only", default="", metavar="GLOB", help="only runs of that name, e.g. 'lua*'")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--build", action="store_true", help="compile the programs, and run none")
    parser.add_argument("--seed", default="", help="ignored: nothing here is random")
    arguments = parser.parse_args(argv)
    out = (ROOT / arguments.out).resolve()
    runs = [run for run in RUNS if fnmatch.fnmatch(run.name, arguments.only or "*")]
    if not runs:
        print(f"no test is called '{arguments.only}'", file=sys.stderr)
        return 2
    programs = PROGRAMS if arguments.build else list({run.program.name: run.program for run in runs}.values())
    lacks = have(list({program.source.name: program.source for program in programs}.values()), out / "thirdparty")
    programs = [program for program in programs if program.source.name not in lacks]
    runs = [run for run in runs if run.program.source.name not in lacks]
    if lacks and arguments.build:
        raise GraderError("; ".join(lacks.values()))
    if not programs:
        print(f"skipped: Debian's source packages cannot be had, and {cache()} has none: {next(iter(lacks.values()))}")
        return 0
    for why in lacks.values():
        print(f"note: not run: {why}")
    with ThreadPoolExecutor(max(1, arguments.jobs)) as pool:
        if arguments.build:
            for made in pool.map(lambda program: build(program, out / "thirdparty"), programs):
                print(f"{made.relative_to(ROOT) if ROOT in made.parents else made}   {made.stat().st_size // 1024} KB")
            return 0
        subprocess.run(["make", "-s", "-f", "kernel/build.mk", "kernel", f"O={arguments.out}"], cwd=ROOT, check=True, stdout=sys.stderr)
        list(pool.map(lambda program: _try_build(program, out / "thirdparty"), programs))  # before the runs that share one
        ok = True
        for line in pool.map(lambda run: judge(run, out / "free", out / "thirdparty"), runs):
            ok = ok and line["ok"]
            print(json.dumps(line), flush=True)
    return 0 if ok else 1


def _try_build(program: Program, out: Path) -> None:
    """The run that needs it says what went wrong."""
    try:
        build(program, out)
    except subprocess.CalledProcessError:
        pass


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as error:
        print(f"thirdparty: {error}\n{error.stderr or ''}", file=sys.stderr)
        sys.exit(2)
    except (GraderError, Changed, OSError) as error:
        print(f"thirdparty: {error}", file=sys.stderr)
        sys.exit(2)
