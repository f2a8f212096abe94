"""run.py: programs that mingw-w64's gcc makes of its own headers, run on Mica unchanged (ring mingw).

Prints one JSON line a test (kernel/tests/rings/program.py says its form).
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
from typing import List, Sequence, Tuple

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from grader.errors import GraderError  # noqa: E402
from grader.guest import Guest  # noqa: E402
from grader.guest.session import Session  # noqa: E402
from grader.guest.stops import GuestStop  # noqa: E402
from grader.machine.parts import Machine  # noqa: E402

FOLDER = Path(__file__).with_name("programs")
GCC = "i686-w64-mingw32-gcc"
DRIVER = "userimages.sys"
DLLS = ("ntdll.dll", "kernel32.dll", "msvcrt.dll")
ARGUMENTS = 'program "two words" "say \\"hi\\"" back\\slash'
PROCESSORS = (1, 4)
LIMIT, SECONDS = 400_000_000, 120.0
FEATURES = ["BOO-01", "SYS-01"]
SHOW = "HalDisplayString"  # where a program's text leaves the kernel


def expected(source: Path) -> "Tuple[int, List[str]]":
    """(exit status, lines) that the program's comments promise."""
    text = source.read_text(encoding="utf-8")
    status = re.search(r"^// status: (\S+)$", text, re.MULTILINE)
    if not status:
        raise GraderError(f"{source.name} has no line `// status: N`")
    return int(status[1], 0), re.findall(r"^// prints: (.*)$", text, re.MULTILINE)


def build(source: Path, kernel: Path, folder: Path) -> Path:
    """Compiles a program into a kernel's folder of its own: links to the kernel's files, and `NAME.exe` among the boot files."""
    boot = folder / source.stem / "boot"
    boot.mkdir(parents=True, exist_ok=True)
    made = boot / f"{source.stem}.exe"
    for path in (*kernel.iterdir(), *(kernel / "boot").iterdir()):
        link = (boot if path.parent != kernel else boot.parent) / path.name
        if path.name != "boot" and link != made and not link.is_symlink():
            link.symlink_to(path)
    subprocess.run([GCC, "-O2", str(source), "-o", str(made)], check=True, capture_output=True, text=True)
    return boot.parent


def run(kernel: Path, name: str, processors: int, line: str = ARGUMENTS, files: "Sequence[str]" = (),
        limit: int = LIMIT) -> "Tuple[int, List[str]]":
    """(exit status, lines that it printed).

    `line` is the command line, `files` are boot files beside its own, `limit` is how many instructions it may take.
    """
    said = b""
    with Session(kernel, DRIVER, Machine(processors=processors, files=(*DLLS, f"{name}.exe", *files))) as session:
        session.boot(Guest(session))
        guest = Guest(session)
        guest.begin(session.restore("ready"), limit, SECONDS)
        guest.arm()
        for where, text in (("RunProgramName", f"{name}.exe"), ("RunProgramLine", line)):
            guest.write(guest.sym(where), (text + "\0").encode("utf-16-le"))
        place, registers = guest.call_or_stop("RunProgram", stops=[SHOW])
        while place:
            said += _bytes(guest, guest.u32(registers["esp"] + 4))
            place, registers = guest.go_on([SHOW])
        status = registers["eax"]
    return status, said.decode("latin-1").replace("\r\n", "\n").splitlines()


def _bytes(guest: Guest, address: int) -> bytes:
    """Of a text, up to its 0."""
    found = b""
    while True:
        byte = guest.read(address + len(found), 1)
        if byte == b"\0":
            return found
        found += byte


def main(argv: "List[str]") -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build"))
    parser.add_argument("--only", default="", metavar="GLOB", help="only tests of that name, e.g. 'hello*'")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", default="", help="ignored: nothing here is random")
    arguments = parser.parse_args(argv)
    out = (ROOT / arguments.out).resolve()
    subprocess.run(["make", "-s", "-f", "kernel/build.mk", "kernel", f"O={arguments.out}"], cwd=ROOT, check=True, stdout=sys.stderr)

    def judge(job: "Tuple[Path, int]") -> dict:
        source, processors = job
        name = f"{source.stem}@{processors}"
        line = {"name": name, "where": str(source.relative_to(ROOT)), "features": FEATURES,
                "repeat": f"python3 kernel/tests/mingw/run.py --only '{name}'"}
        status, lines = expected(source)
        try:
            seen = run(build(source, out / "free", out / "mingw" / str(processors)), source.stem, processors)
        except subprocess.CalledProcessError as error:
            return {**line, "ok": False, "expected": "gcc compiles it", "seen": error.stderr}
        except (GraderError, GuestStop) as stop:
            return {**line, "ok": False, "expected": f"exit status {status}", "seen": str(stop)}
        return {**line, "ok": seen == (status, lines), "expected": "\n".join([f"exit status {status}", *lines]),
                "seen": "\n".join([f"exit status {seen[0]:#x}", *seen[1]])}

    jobs = [(source, processors) for source in sorted(FOLDER.glob("*.c")) for processors in PROCESSORS
            if not arguments.only or fnmatch.fnmatch(f"{source.stem}@{processors}", arguments.only)]
    if not jobs:
        print(f"no test is called '{arguments.only}'", file=sys.stderr)
        return 2
    ok = True
    with ThreadPoolExecutor(max(1, arguments.jobs)) as pool:
        for line in pool.map(judge, jobs):
            ok = ok and line["ok"]
            print(json.dumps(line), flush=True)
    return 0 if ok else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (GraderError, subprocess.CalledProcessError, OSError) as error:
        print(f"mingw: {error}", file=sys.stderr)
        sys.exit(2)
