"""Sources that must not compile: each in compile-fail/ holds one mistake behind `#ifdef VIOLATION`.

`// Expect: <regular expression>` names the diagnostic, and no other error may come. The same file without VIOLATION must compile, so that a test
cannot pass because of a misspelt name.
"""

from __future__ import annotations

import fnmatch
import re
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Iterator

from .base import Options, Outcome, Ring, compiler_errors, make, run

FOLDER = Path("kernel/tests/compile-fail")


class CompileFailRing(Ring):
    def run(self, options: Options) -> "Iterator[Outcome]":
        flags = make(options, "print-cxxflags")
        if flags.returncode:
            raise RuntimeError(f"kernel/build.mk does not tell its flags: {compiler_errors(flags.stdout)}")
        command = ["clang++", "-fsyntax-only"] + shlex.split(flags.stdout.strip().splitlines()[-1])
        sources = [path for path in sorted(FOLDER.glob("*.cpp"))
                   if not options.only or fnmatch.fnmatch(path.stem, options.only)]
        with ThreadPoolExecutor(options.jobs) as pool:
            yield from pool.map(lambda path: self.check(path, command), sources)

    def check(self, path: Path, command: "list[str]") -> Outcome:
        expect = re.search(r"^// Expect: (.+)$", path.read_text(), re.MULTILINE)
        if not expect:
            return Outcome(self.name, path.stem, False, expected="a line '// Expect: <diagnostic>'", seen="none",
                           where=str(path))
        repeat = shlex.join(command + ["-DVIOLATION", str(path)])
        clean = run(command + [str(path)], timeout=60)
        if clean.returncode:
            return Outcome(self.name, path.stem, False, expected="without its violation the file compiles",
                           seen=compiler_errors(clean.stdout), repeat=shlex.join(command + [str(path)]), where=str(path))
        wrong = run(command + ["-DVIOLATION", str(path)], timeout=60)
        errors = [line for line in wrong.stdout.splitlines() if ": error:" in line]
        refused = wrong.returncode != 0 and bool(errors) and all(re.search(expect[1], line) for line in errors)
        return Outcome(self.name, path.stem, refused, expected=f"refused with: {expect[1]}",
                       seen=compiler_errors(wrong.stdout) if wrong.returncode else "it compiles", repeat=repeat,
                       where=str(path))
