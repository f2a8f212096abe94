"""What of a student's object reaches the linker, and what the linker may have made of it.

Of an object: code and data in sections that are listed here, or that the object has which it stands in for.  Of its orders to
the linker: exports of the exercise's own routines, written anew by us.  Of an image: the sections, flags, exports and the entry
of the course's own image, and a size that the machine has room for.  Whatever the linker's reading of an object may be, it
finds nothing to obey.
In the books: "COFF", "section characteristics", "linker directives".  BOO-01, BOO-02.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import List, Tuple

from grader.building.objects import definitions
from grader.images.coff import COMDAT, CoffFile, Section
from grader.images.pe import DISCARDABLE, PeImage, undecorate

DIRECTIVES = ".drectve"
LIMIT_MB = 8  # how much larger than the course's own image a student's may be
_CODE, _DATA, _CONSTANTS, _ZEROS = 0x60000020, 0xC0000040, 0x40000040, 0xC0000080
_ALIGNMENT = 0xF00000
_NO_MEMORY, _LINK_INFO = 0x800, 0x200  # IMAGE_SCN_LNK_REMOVE, IMAGE_SCN_LNK_INFO
LISTED = {
    (".text", _CODE), (".data", _DATA), (".rdata", _CONSTANTS), (".bss", _ZEROS),
    (".xdata", _CONSTANTS),  # tables of structured exceptions
    (".sxdata", _LINK_INFO), (".llvm_addrsig", _NO_MEMORY), (DIRECTIVES, _NO_MEMORY | _LINK_INFO)
}
_WORD = re.compile(rb'[/-]EXPORT:"?([A-Za-z_?@$][\w?@$]*)"?(,DATA)?', re.IGNORECASE)
_KEEP = re.compile(rb'[/-]INCLUDE:"?([A-Za-z_?@$][\w?@$]*)"?', re.IGNORECASE)


def sections(data: bytes) -> List[Section]:
    """The sections of an object, with the flags that judge: without alignment, and without the mark of shared inline routines.
    Raises CoffError."""
    return [replace(section, flags=section.flags & ~_ALIGNMENT & ~COMDAT) for section in CoffFile(data).sections]


def words(data: bytes, part: Section) -> List[bytes]:
    """What a section of directives says.  A linker may split at any blank and at a zero; so do we, and judge each word."""
    text = data[part.offset:part.offset + part.size]
    return [word for word in re.split(rb"[\s\0]+", text[3:] if text[:3] == b"\xef\xbb\xbf" else text) if word]


def objections(source: str, student: bytes, reference: bytes) -> List[str]:
    """Why an object is not linked, a line each; `reference` is the object that it stands in for."""
    allowed = LISTED | {(part.name, part.flags) for part in sections(reference)}
    found = []
    for part in sections(student):
        if part.name.startswith(".debug_") and part.flags == _CONSTANTS | DISCARDABLE or (part.name, part.flags) in allowed:
            continue
        known = any(part.name == name for name, _ in allowed)
        found.append(f"{source}: error: " + (
            f"gives section {_shown(part.name)} other flags ({part.flags:#010x}) than the course does; leave out the flags"
            if known else f"puts something into section {_shown(part.name)}; leave code and data where the compiler puts them"))
    taken, refused = _orders(student, reference)
    found += [f"{source}: error: tells the linker {_shown(word)}; directives to the linker are not taken" for word in refused]
    return list(dict.fromkeys(found))


def washed(student: bytes, reference: bytes) -> bytes:
    """The object with nothing in its sections of directives but the words that are taken."""
    taken, _ = _orders(student, reference)
    text = b" ".join(taken)
    result = bytearray(student)
    for part in sections(student):
        if part.name == DIRECTIVES:
            size = max(0, min(part.size, len(student) - part.offset))
            result[part.offset:part.offset + size] = text.ljust(size) if len(text) <= size else b" " * size
            text = b"" if len(text) <= size else text
    return bytes(result)


def image_objections(student: PeImage, course: PeImage) -> List[str]:
    """In what the linked image is not what the course expects, a line each."""
    found = []
    name = course.path.name
    own, expected = _layout(student), _layout(course)
    if own != expected:
        other = [*(one for one in own if one not in expected), *(one for one in expected if one not in own), *own, *expected][0]
        found.append(f"{name}: error: with this file the image's sections are not the course's (section {_shown(other[0])}, flags {other[1]:#010x}); "
                     "leave code and data where the compiler puts them")
    missing, more = sorted(course.exports - student.exports), sorted(student.exports - course.exports)
    if missing:
        found.append(f"{name}: error: with this file the kernel no longer exports {', '.join(missing[:3])}; "
                     "define it as the header declares it")
    if more:
        found.append(f"{name}: error: with this file the kernel exports {', '.join(more[:3])} too; export the exercise's routines only")
    entry = [symbol.name for symbol in course.by_address if symbol.rva == course.entry and symbol.external]
    if entry and all(student.symbols.get(one) is None or student.symbols[one].rva != student.entry for one in entry):
        found.append(f"{name}: error: with this file the kernel begins elsewhere than at {entry[0]}; leave its entry alone")
    if student.size > course.size + (LIMIT_MB << 20):
        found.append(f"{name}: error: with this file the kernel takes {student.size >> 20} MB of memory, the course's own {course.size >> 20} MB; "
                     f"at most {LIMIT_MB} MB more have room: make your arrays smaller")
    return found


def _orders(student: bytes, reference: bytes) -> Tuple[List[bytes], List[bytes]]:
    """(words that are taken, words that are refused) of an object's directives."""
    own = {undecorate(one.name) for one in definitions(reference)}
    mine = {one.name for one in definitions(student)}
    known = {word for part in sections(reference) if part.name == DIRECTIVES for word in words(reference, part)}
    taken, refused = [], []
    for part in sections(student):
        for word in words(student, part) if part.name == DIRECTIVES else ():
            export, keep = _WORD.fullmatch(word), _KEEP.fullmatch(word)
            if word in known or export and undecorate(export[1].decode("ascii")) in own or keep and keep[1].decode("ascii") in mine:
                taken.append(word)
            elif not keep:  # a name to keep alive, which nothing here defines: without effect, and dropped
                refused.append(word)
    return list(dict.fromkeys(taken)), refused


def _layout(image: PeImage) -> List[Tuple[str, int]]:
    """The sections that a loader maps."""
    return [(section.name, section.flags) for section in image.sections if not section.name.startswith(".debug_")]


def _shown(text: "str | bytes") -> str:
    """A name or word of a student's object, safe to print: at most 60 signs, what is not plain as \\x.."""
    data = text if isinstance(text, bytes) else text.encode("latin-1", "replace")
    return "".join(chr(byte) if 33 <= byte < 127 and byte != 96 else f"\\x{byte:02x}" for byte in data[:60])
