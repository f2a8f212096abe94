"""Names for the addresses of a backtrace: `  #2 ntoskrnl.exe+0x1234` gets its function, file and line.

Works on a stream: text passes at once, and a name is added before the end of a line that needs one.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Dict

from grader.images.pe import PeImage
from grader.images.symbols import short_path, symbolizer

FRAME = re.compile(rb"#(\d+)\s+([\w.-]+)\+0x([0-9a-fA-F]+)[^\r\n]*$")


class Names:
    """Asks llvm-symbolizer about images of one build."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: "Dict[tuple[str, int], str]" = {}

    def image(self, name: str) -> "Path | None":
        return next((path for path in (self.folder / part / name for part in (".", "drivers", "tests", "user"))
                     if path.exists()), None)

    def of(self, image: str, offset: int) -> str:
        """ " Function, file:line", inlined callers too; empty where nothing is known."""
        key = (image, offset)
        if key not in self.known:
            self.known[key] = self.ask(image, offset)
        return self.known[key]

    def ask(self, image: str, offset: int) -> str:
        path, tool = self.image(image), symbolizer()
        if not path or not tool or offset >= PeImage.load(path).size:
            return ""
        done = subprocess.run([tool, f"--obj={path}", "--relative-address", "--inlines", "--demangle", hex(offset)],
                              capture_output=True, text=True, timeout=20)
        lines = [line for line in done.stdout.splitlines() if line]
        found = []
        for function, place in zip(lines[0::2], lines[1::2]):
            if function != "??":
                file, line = place.rsplit(":", 2)[:2]
                found.append(plain(function) + ("" if file == "??" else f" at {short_path(file)}:{line}"))
        return "  " + ", inlined in ".join(found) if found else ""


def plain(name: str) -> str:
    """A C++ name as one says it: without return type, arguments and template arguments."""
    name = name.replace("`anonymous namespace'::", "")
    if name.startswith("`") and "'" in name:  # something local to a function
        return plain(name[1:name.index("'")]) + "::<lambda>"
    words = re.split(r"[(<]", name, maxsplit=1)[0].split()
    return words[-1] if words else name


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
                    # A caller's address is that of the instruction after the call: ask about the call. The first
                    # frame may be either; the place of the call is the one with a line.
                    image, offset = match[2].decode(), int(match[3], 16)
                    name = "" if int(match[1]) else self.names.of(image, offset)
                    out += (name if " at " in name else self.names.of(image, offset - 1) or name).encode()
                out += byte
                self.line = b""
            else:
                self.line = (self.line + byte)[-400:]
                out += byte
        return out
