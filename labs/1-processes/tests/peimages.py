"""Images of the host's in the guest's memory, and the calls that load them (images.cpp has the other side).

The bytes that the routines must find and leave are known to the host alone: in the guest they are enciphered, with a key of each image.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

from .pemodel import BAD_IMAGE, FAULTS, STATUS, Faulty, Image

IMAGE, MODULE, HEADERS, ERROR = 40, 264, 252, 200  # sizes: LAB_IMAGE, PeModule, PeHeaders, PeError
OPTIONAL, DIRECTORIES = 24, 120  # offsets in IMAGE_NT_HEADERS
READS, WRITES = 1, 2
SPARE = 0x5A

HINTS = {
    "pe-difference": "The difference is where the image runs, less the ImageBase of its header: both are numbers of 32 bits, and so is a sum that passes their end.",
    "pe-entry": "An entry is 16 bits: the type above, 12 bits of offset below. The offset counts from the block's VirtualAddress.",
    "pe-block": "SizeOfBlock counts the header too, and the next block begins where this one ends. A page may have several blocks, and a block no entries.",
    "pe-untouched": "Only the addresses that the table notes change, each of them once and all of its 32 bits. If nothing moves nothing is written.",
    "pe-end": "The table ends at its Size, at a SizeOfBlock of 0, or when less than a block's header is left. None of these is damage.",
    "pe-damage": "The table is a stranger's: check each block against its own header and against what is left of the table, each type, and each address "
                 "against the image. Sums of 32 bits wrap.",
    "pe-value": "The error's Value says where: the offset of the block or of the entry that is wrong, in the image.",
    "pe-stripped": "An image without relocations cannot move. If it need not move it has everything it needs.",
    "pe-twice": "Between two looks at the same place the image may have become another one. Keep what you read and checked, and use that.",
    "pe-access": "An access that fails ends the work. Its status is the answer; the fault in the error says at which work it was.",
    "pe-search": "The names are sorted by their bytes, as CompareText compares them. Halve what is left: the middle is too low, too high, or it.",
    "pe-cost": "A look-up compares with 1 + log2(n) of n names. The table is sorted for that.",
    "pe-index": "The place of a name is not the place of its function: AddressOfNameOrdinals has the index, 16 bits of it. Base counts for ordinals only.",
    "pe-range": "Functions have the indices 0 to NumberOfFunctions - 1. An ordinal below Base leads to none, nor does one behind the last, nor a function of 0.",
    "pe-forwarder": "What lies inside the export directory's bytes is a forwarder's text, from its first byte to its last, and nothing else is. It may lead to "
                    "another one.",
    "pe-ring": "Count the images that you look into: a forwarder may lead back to where you came from.",
    "pe-exports": "The directory is a stranger's: it must lie in the image, its counts must be possible in an image of that size, and a function must lie in it.",
    "pe-names": "The error's names tell a user what to do: Module is the image that is missing, damaged, or lacks the export, and Symbol the export that is "
                "looked for there.",
    "pe-slots": "What to look up comes from OriginalFirstThunk, the addresses go to FirstThunk, entry by entry until an entry of 0.",
    "pe-thunk": "The highest bit of an entry says that the lower 16 are an ordinal. Else it is an offset: two bytes of hint, then the name.",
    "pe-bound": "A linker that writes no OriginalFirstThunk has put the names where the addresses will be. Read an entry before you write it.",
    "pe-descriptors": "Descriptors are a row that ends with one without Name and FirstThunk. Each names an image of its own.",
    "pe-call": "Write the bytes of the table on paper, as the failure shows them, and follow your code through them.",
}


@dataclass(frozen=True)
class Access:
    """What the guest's side noted of an access."""

    image: int
    offset: int
    bytes: int
    write: bool

    def covers(self, offset: int) -> bool:
        return self.offset <= offset < self.offset + self.bytes


class Images:
    """Images in scratch memory, and the calls."""

    def __init__(self, t) -> None:
        self.t, self.guest = t, t.guest
        self._table = t.guest.u32(t.guest.sym("LabImage"))
        self._at: Dict[int, int] = {}  # id of an image -> its LAB_IMAGE
        self._modules: Dict[int, int] = {}
        self._error = t.guest.alloc(ERROR)
        self._word = t.guest.alloc(4)
        self._text = t.guest.alloc(640)

    # -- the host's side -------------------------------------------------------------------------------------------
    def place(self, image: Image) -> None:
        """Writes an image, its headers and its module."""
        guest, rng = self.guest, self.t.rng
        key = rng.getrandbits(32)
        image.key = struct.pack("<I", key)
        bytes_ = guest.alloc(image.size)
        at, module = guest.alloc(IMAGE), guest.alloc(MODULE)
        name = guest.alloc(len(image.name) + 1)
        guest.write(name, image.name.encode() + b"\0")
        guest.write(at, struct.pack("<IIIIIIIIII", self._table, image.size, bytes_, key, 0, 0, 0, 0, 0, 0))
        guest.write(module, struct.pack("<III", name, at, image.base) + self._headers(image))
        self._at[id(image)], self._modules[id(image)] = at, module
        image.address = bytes_
        self.write(image)

    def write(self, image: Image) -> None:
        """The image is as the host has it, from its first byte on."""
        self.guest.write(image.address, _ciphered(bytes(image.data), image.key))
        headers = self._modules[id(image)] + 12
        self.guest.write(headers, self._headers(image))
        self.trouble(image)

    def _headers(self, image: Image) -> bytes:
        headers = bytearray(self.t.rng.randbytes(HEADERS))
        struct.pack_into("<I", headers, 0, 0x4550)
        struct.pack_into("<H", headers, 4 + 18, image.characteristics)
        struct.pack_into("<I", headers, OPTIONAL + 28, image.own)
        struct.pack_into("<I", headers, OPTIONAL + 56, image.size)
        struct.pack_into("<32I", headers, DIRECTORIES, *[number for index in range(16) for number in image.directories.get(index, (0, 0))])
        return bytes(headers)

    def trouble(self, image: Image, fail_at: int = 0, fails: int = 0, status: int = 0, change_at: int = 0, change_to: int = 0, changes: int = 0) -> None:
        """The image's accesses from now on: one fails, or bytes change when they were read so many times."""
        self.guest.write(self._at[id(image)] + 16, struct.pack("<IIIIII", fail_at, status, fails, change_at, change_to, changes))

    def known(self, images: List[Image]) -> None:
        """These may be imported from."""
        table = self.guest.alloc(8 * max(1, len(images)))
        for number, image in enumerate(images):
            module = self._modules[id(image)]
            self.guest.write(table + 8 * number, struct.pack("<II", self.guest.u32(module), module))
        self.guest.write(self.guest.sym("LabModules") + 4, struct.pack("<II", table, len(images)))

    def read(self, image: Image) -> bytes:
        return _ciphered(self.guest.read(image.address, image.size), image.key)

    # -- the calls -------------------------------------------------------------------------------------------------
    def relocate(self, image: Image, base: int) -> Faulty:
        headers = self._modules[id(image)] + 12
        return self._call("nt::PeRelocate", self._at[id(image)], headers, base, self._error)

    def find(self, image: Image, name: Optional[str], ordinal: int) -> Tuple[Faulty, int]:
        """The answer, and what *address is afterwards."""
        self.guest.u32(self._word, UNTOUCHED)
        text = 0
        if name is not None:
            text = self._text
            self.guest.write(text, name.encode("latin-1") + b"\0")
        answer = self._call("nt::PeFindExport", self._modules[id(image)], text, ordinal, self.guest.sym("LabModules"), self._word, self._error)
        return answer, self.guest.u32(self._word)

    def bind(self, image: Image) -> Faulty:
        return self._call("nt::PeBind", self._modules[id(image)], self.guest.sym("LabModules"), self._error)

    def _call(self, routine: str, *arguments: int) -> Faulty:
        self.guest.write(self._error, bytes([SPARE]) * ERROR)
        self.guest.write(self._error, bytes(8))  # no fault yet
        self.guest.write(self._error + 8, b"\0")
        self.guest.write(self._error + 72, b"\0")
        self.guest.u32(self.guest.sym("LabJournal"), 0)
        with self.guest.uninterrupted():
            status = self.guest.call(routine, *arguments, conv="cdecl")
        raw = self.guest.read(self._error, ERROR)
        fault, value = raw[0], struct.unpack_from("<I", raw, 4)[0]
        return Faulty(status, FAULTS.get(fault, f"fault {fault}"), value, _text(raw[8:72]), _text(raw[72:200]))

    def journal(self) -> List[Access]:
        at = self.guest.sym("LabJournal")
        count = self.guest.u32(at)
        self.t.infra(count <= 1024, f"{count} accesses have room in the journal")
        raw = self.guest.read(at + 4, 16 * count)
        return [Access(image, offset, size, bool(write)) for image, offset, size, write in struct.iter_unpack("<IIII", raw)]

    def of(self, image: Image) -> int:
        """How the journal calls an image."""
        return self._at[id(image)]

    # -- judging ---------------------------------------------------------------------------------------------------
    def hint(self, name: str):
        return self.t.hint(name, HINTS[name])

    def asking(self, what: str, hint: str) -> None:
        self.t.asking(what, self.hint(hint))

    def fail(self, expected: str, seen: str, hint: str) -> None:
        self.t.fail(expected=expected, seen=seen, hint=self.hint(hint))

    def same_answer(self, wanted: Faulty, seen: Faulty, hint: str) -> None:
        """Status and fault, then what of the error counts."""
        for part in ("status", "fault", *COUNTS.get(wanted.fault, ())):
            if part == "value" and wanted.symbol:
                continue  # the export has a name, and no ordinal
            if getattr(wanted, part) != getattr(seen, part):
                why = hint if part in ("status", "fault") else "pe-value" if wanted.fault in ("BadRelocation", "BadImports") else "pe-names"
                self.fail(f"{part} {wanted.show(part)}{self._beside(wanted, part)}", f"{part} {seen.show(part)}{self._beside(seen, part)}", why)

    @staticmethod
    def _beside(answer: Faulty, part: str) -> str:
        return f" ({answer.fault})" if part == "status" and answer.fault != "None" else ""

    def same_bytes(self, image: Image, wanted: bytes, hint: str, but: Tuple[int, int] = (0, 0)) -> None:
        """`but`: bytes from .. to that may be anything."""
        seen = self.read(image)
        for offset in range(0, image.size):
            if wanted[offset] != seen[offset] and not but[0] <= offset < but[1]:
                start = max(0, min(offset & ~3, image.size - 4))
                entry = image.place_of(offset)
                self.fail(f"{image.name}+{start:#x}: {_words(wanted, start)}{entry}", f"{image.name}+{start:#x}: {_words(seen, start)}",
                          hint if entry else "pe-untouched")


UNTOUCHED = 0xA5A5A5A5
COUNTS = {  # of the error, by its fault
    "BadRelocation": ("value",), "BadImports": ("value",), "BadExports": ("module",), "ModuleMissing": ("module", "symbol"),
    "SymbolMissing": ("module", "symbol", "value"), "ForwarderLoop": ("module",)}


def _words(data: bytes, start: int) -> str:
    return " ".join(f"{byte:02x}" for byte in data[start:start + 8])


def _ciphered(data: bytes, key: bytes) -> bytes:
    stream = key * (len(data) // 4 + 1)
    return (int.from_bytes(data, "little") ^ int.from_bytes(stream[:len(data)], "little")).to_bytes(len(data), "little")


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("latin-1")


__all__ = ["BAD_IMAGE", "HINTS", "READS", "STATUS", "UNTOUCHED", "WRITES", "Access", "Images"]
