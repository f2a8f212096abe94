"""python3 -m grader.console.capture OUT.png COMMAND...: a picture of the running kernel's screen.

Boots the disk image in QEMU, types the commands at the debugger's prompt, and writes what the VGA shows.
"""

from __future__ import annotations

import argparse
import os
import struct
import sys
import zlib
from pathlib import Path

from . import PROMPT
from .machines import Boot, QemuMachine
from ..errors import GraderError


def png_of_ppm(data: bytes) -> bytes:
    """A binary PPM (P6, 8 bits) as PNG."""
    fields = data.split(maxsplit=4)
    width, height = int(fields[1]), int(fields[2])
    pixels = data[len(data) - width * height * 3:]
    rows = b"".join(b"\0" + pixels[at:at + width * 3] for at in range(0, len(pixels), width * 3))

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def capture(folder: Path, commands: "list[str]", last: str) -> bytes:
    with QemuMachine(Boot(folder)) as machine:
        if PROMPT not in machine.read_until(PROMPT, 60):
            raise GraderError("the kernel did not reach its prompt")
        for command in commands:
            machine.write(command.encode() + b"\r")
            machine.read_until(PROMPT, 20)
        if last:  # a command that does not come back, such as bugcheck
            machine.write(last.encode() + b"\r")
            machine.read_until(b"\n\n\n", 3)
        return machine.screen()


def main(argv: "list[str]") -> int:
    parser = argparse.ArgumentParser(prog="python3 -m grader.console.capture", description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path)
    parser.add_argument("commands", nargs="*")
    parser.add_argument("--last", default="", help="a last command that does not return to the prompt")
    parser.add_argument("--out", default=os.environ.get("O", "build"))
    args = parser.parse_args(argv)
    try:
        args.target.parent.mkdir(parents=True, exist_ok=True)
        args.target.write_bytes(png_of_ppm(capture(Path(args.out).resolve() / "free", args.commands, args.last)))
    except GraderError as error:
        print(f"capture: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
