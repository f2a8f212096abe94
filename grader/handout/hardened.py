"""An object file as students may have it: what the linker needs, and nothing that tells how it was written.

What goes: every DWARF section, the name of the source, local names that no relocation needs, address-significance tables.
What is renamed: local names that a relocation needs (static routines, unwinding tables), to m1, m2, ...
What stays: machine code, and the external names by which other files call it.

So nobody reads sources, line numbers, names of locals or of static routines in it.  A disassembler still shows the code.  So an
object of the reference is made anew from its listing, with the code scattered (scatter.py).

Invariant: a listing is taken only when it assembles to the instructions of the object that it stands for.
In the books: "COFF", "symbol tables", "stripping".
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import List, Sequence

from grader.building.objects import local_names
from grader.errors import GraderError
from grader.handout.scatter import LABEL, scattered
from grader.images.disassembly import instructions_of

OBJCOPY = "llvm-objcopy"
ASSEMBLER = ("clang++", "--target=i686-pc-windows-msvc", "-march=i686", "-mno-incremental-linker-compatible", "-Wno-unused-command-line-argument")
LEFT_OUT = ("--strip-debug", "--remove-section=.llvm_addrsig", "--strip-symbol=.file")
# The boot loader's objects are in another format, ELF: there a name of `.L` stays out of the table of symbols.
LOADER_ASSEMBLER = ("clang++", "--target=i686-unknown-none-elf", "-march=i686", "-Wno-unused-command-line-argument")
LOADER_LEFT_OUT = ("--strip-debug", "--strip-unneeded", "--discard-all", "--remove-section=.llvm_addrsig", "--remove-section=.comment")
_OF_ELF = re.compile(r"^\s*\.(?:size|ident|file|addrsig)\b.*\n", re.MULTILINE)


def harden(source: Path, target: Path) -> None:
    """Writes the hardened copy of an object.  GraderError when the object is not there or the tool refuses it."""
    if not source.is_file():
        raise GraderError(f"{source}: the build left no such file; run `make clean kernel` and try again")
    target.parent.mkdir(parents=True, exist_ok=True)
    names = local_names(source.read_bytes())
    with tempfile.NamedTemporaryFile("w", prefix="mica-names-", encoding="utf-8") as renamed:
        renamed.write("".join(f"{name} m{number}\n" for number, name in enumerate(names, 1)))
        renamed.flush()
        _run([OBJCOPY, *LEFT_OUT, f"--redefine-syms={renamed.name}", str(source), str(target)])


def scatter(source: Path, listing: Path, target: Path) -> None:
    """Writes the hardened object of a reference, scattered.  `listing`: of the object `source`.  GraderError where that is not
    safe; then there is no object."""
    with tempfile.TemporaryDirectory(prefix="mica-scatter-") as folder:
        other = Path(folder, "scattered.obj")
        _assemble(ASSEMBLER, scattered(_listed(source, listing, ASSEMBLER, Path(folder)), str(listing)), other)
        harden(other, target)


def scatter_of_loader(source: Path, listing: Path, target: Path) -> None:
    """The same for an object of the boot loader."""
    with tempfile.TemporaryDirectory(prefix="mica-scatter-") as folder:
        other = Path(folder, "scattered.o")
        text = _OF_ELF.sub("", _listed(source, listing, LOADER_ASSEMBLER, Path(folder)))
        _assemble(LOADER_ASSEMBLER, scattered(text, str(listing)).replace(LABEL, "." + LABEL), other)
        target.parent.mkdir(parents=True, exist_ok=True)
        _run([OBJCOPY, *LOADER_LEFT_OUT, str(other), str(target)])


def _listed(source: Path, listing: Path, assembler: Sequence[str], folder: Path) -> str:
    """A listing, which is that of the object."""
    text, plain = listing.read_text(encoding="utf-8"), folder / "plain.obj"
    _assemble(assembler, text, plain)
    if instructions_of(plain) != instructions_of(source):
        raise GraderError(f"{listing}: does not assemble to the code of {source.name}, so nothing is made of it; run `make clean kernel` "
                          "and try again")
    return text


def _assemble(assembler: Sequence[str], text: str, target: Path) -> None:
    listing = target.with_suffix(".s")
    listing.write_text(text, encoding="utf-8")
    _run([*assembler, "-c", str(listing), "-o", str(target)])


def _run(command: List[str]) -> None:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        raise GraderError(f"{command[0]} does not run ({error.strerror}); run `make doctor`") from error
    if done.returncode != 0:
        raise GraderError(f"{command[0]}: {done.stderr.strip()[:200]}; run `make doctor`")
