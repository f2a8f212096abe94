"""The instructions of an object in a form that can be compared: what another place of the code changes is left out.

In the books: "disassembly", "n-grams".
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import List

from grader.errors import GraderError

OBJDUMP = "llvm-objdump"
PADDING = ("nop", "nopw", "nopl", "int3")
_LINE = re.compile(r"^\s*[0-9a-f]+:\s+([a-z]\w*)\s*(.*?)\s*$")
_PLACE = re.compile(r"\s*<[^>]*>$")


def instructions(data: bytes) -> List[str]:
    """Mnemonics and operands in the order of the code, section after section.  Targets of jumps and calls are left out, and
    so is padding."""
    found = []
    for line in listing(data).splitlines():
        match = _LINE.match(line)
        if match and match[1] not in PADDING:
            found.append(_comparable(match[1], _PLACE.sub("", match[2])))
    return found


def listing(data: bytes, *options: str) -> str:
    """What the disassembler says of an object, in the notation of AT&T.  `options` go to it."""
    with tempfile.NamedTemporaryFile(prefix="mica-object-", suffix=".obj") as file:
        file.write(data)
        file.flush()
        try:
            done = subprocess.run([OBJDUMP, "-d", "--no-show-raw-insn", *options, file.name], stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, errors="replace", check=False)
        except OSError as error:
            raise GraderError(f"{OBJDUMP} does not run ({error.strerror}); run `make doctor`") from error
    if done.returncode != 0:
        raise GraderError(f"{OBJDUMP} cannot read an object: {done.stderr.strip()[:200]}")
    return done.stdout


def instructions_of(path: Path) -> List[str]:
    """Those of a file."""
    return instructions(path.read_bytes())


def _comparable(mnemonic: str, operands: str) -> str:
    if mnemonic.startswith(("j", "call", "loop")) and not operands.startswith("*"):
        return mnemonic
    return f"{mnemonic} {operands}".strip()
