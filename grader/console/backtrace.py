"""Names for the addresses of a backtrace: `  #2 ntoskrnl.exe+0x1234` gets its function, file and line.

Works on a stream: text passes at once, and a name is added before the end of a line that needs one.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Dict

from ..pe import PeImage

FRAME = re.compile(rb"#(\d+)\s+([\w.-]+)\+0x([0-9a-fA-F]+)[^\r\n]*$")


class Names:
    """Asks llvm-symbolizer about images of one build."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: "Dict[tuple[str, int], str]" = {}

    def image(self, name: str) -> "Path | None":
        return next((path for path in (self.folder / name, self.folder / "drivers" / name, self.folder / "tests" / name)
                     if path.exists()), None)

    def of(self, image: str, offset: int) -> str:
        """ " Function, file:line", inlined callers too; empty where nothing is known."""
        key = (image, offset)
        if key not in self.known:
            self.known[key] = self.ask(image, offset)
        return self.known[key]

    def ask(self, image: str, offset: int) -> str:
        path, tool = self.image(image), shutil.which("llvm-symbolizer")
        if not path or not tool or offset >= PeImage.load(path).size:
            return ""
        done = subprocess.run([tool, f"--obj={path}", "--relative-address", "--inlines", "--demangle", hex(offset)],
                              capture_output=True, text=True, timeout=20)
        lines = [line for line in done.stdout.splitlines() if line]
        found = []
        for function, place in zip(lines[0::2], lines[1::2]):
            if function != "??":
                found.append(function if place.startswith("??") else f"{function} at {place.rsplit(':', 1)[0]}")
        return "  " + ", inlined in ".join(found) if found else ""


class Annotate:
    """A filter for serial output."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.line = b""

    def __call__(self, data: bytes) -> bytes:
        out = b""
        for byte in re.split(rb"(\r?\n)", data):
            if byte in (b"\n", b"\r\n"):
                match = FRAME.search(self.line.rstrip(b"\r"))
                if match:
                    # A caller's address is that of the instruction after the call: ask about the call.
                    offset = int(match[3], 16) - (1 if int(match[1]) else 0)
                    out += self.names.of(match[2].decode(), offset).encode()
                out += byte
                self.line = b""
            else:
                self.line = (self.line + byte)[-400:]
                out += byte
        return out
