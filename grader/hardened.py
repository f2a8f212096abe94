"""An object file as students may have it: what the linker needs, and nothing that tells how it was written.

What goes: every DWARF section, the name of the source, local names that no relocation needs, address-significance tables.
What is renamed: local names that a relocation needs (static routines, unwinding tables), to m1, m2, ...
What stays: machine code, and the external names by which other files call it.

So nobody reads sources, line numbers, names of locals or of static routines in it.  A disassembler still shows the code: an
object that must link and run cannot hide that (grader/README.md tells what that means for a course).
In the books: "COFF", "symbol tables", "stripping".
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import List

from grader.errors import GraderError
from grader.objects import local_names

OBJCOPY = "llvm-objcopy"
LEFT_OUT = ("--strip-debug", "--remove-section=.llvm_addrsig", "--strip-symbol=.file")


def harden(source: Path, target: Path) -> None:
    """Writes the hardened copy of an object.  GraderError when the object is not there or the tool refuses it."""
    if not source.is_file():
        raise GraderError(f"{source}: the build left no such file; run `make clean kernel` and try again")
    target.parent.mkdir(parents=True, exist_ok=True)
    names = local_names(source.read_bytes())
    with tempfile.NamedTemporaryFile("w", prefix="mica-names-", encoding="utf-8") as renamed:
        renamed.write("".join(f"{name} m{number}\n" for number, name in enumerate(names, 1)))
        renamed.flush()
        _objcopy([*LEFT_OUT, f"--redefine-syms={renamed.name}", str(source), str(target)])


def _objcopy(arguments: List[str]) -> None:
    try:
        done = subprocess.run([OBJCOPY, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        raise GraderError(f"{OBJCOPY} does not run ({error.strerror}); run `make doctor`") from error
    if done.returncode != 0:
        raise GraderError(f"{OBJCOPY}: {done.stderr.strip()[:200]}; run `make doctor`")
