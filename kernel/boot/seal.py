#!/usr/bin/env python3
"""Writes the PE checksum into images, so that the loader notices any damage to the file (rtl/pe.h: BadCheckSum).

    seal.py IMAGE...

The linker leaves the field 0, "not checked". The algorithm is the published one: the 16-bit words of the file are
added with end-around carry, the field itself counting as 0, and the file's length is added.
"""
import array
import struct
import sys
from pathlib import Path
from typing import Optional, Sequence

NT_HEADERS_AT = 0x3C
CHECKSUM_IN_NT_HEADERS = 24 + 64


def checksum(image: bytes, field: int) -> int:
    """The checksum of a file whose checksum field is at offset `field`."""
    words = array.array("H", image[:field] + bytes(4) + image[field + 4:] + bytes(len(image) % 2))
    if sys.byteorder != "little":
        words.byteswap()
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total + len(image)


def sealed(image: bytes) -> bytes:
    """The image with its checksum filled in."""
    if image[:2] != b"MZ" or len(image) < NT_HEADERS_AT + 4:
        raise ValueError("not a PE image")
    field = struct.unpack_from("<I", image, NT_HEADERS_AT)[0] + CHECKSUM_IN_NT_HEADERS
    if field % 2 or field + 4 > len(image):
        raise ValueError("not a PE image")
    return image[:field] + struct.pack("<I", checksum(image, field)) + image[field + 4:]


def main(argv: Optional[Sequence[str]] = None) -> int:
    for name in sys.argv[1:] if argv is None else argv:
        try:
            path = Path(name)
            path.write_bytes(sealed(path.read_bytes()))
        except (OSError, ValueError) as error:
            print("seal: %s: %s" % (name, error), file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
