"""What linkers put into an image, drawn at random: relocation tables, exports, imports."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field
from typing import Dict, List, Tuple

from .pemodel import ABSOLUTE, BY_ORDINAL, EXPORT, HIGHLOW, IMPORT, RELOCATIONS, Image

GRANULARITY = 0x10000  # images lie at multiples of it
APART = 16  # bytes from a text to the next table: text is read in pieces, and what is behind it with it
STEMS = ("Nt", "Ke", "Ex", "Rtl", "Ob", "_", "a", "Zz", "\xc4")
TAILS = ("Read", "ReadFile", "Open", "Close", "Query", "Set", "Wait", "x", "X", "\xe9t\xe9", "1", "11", "2", "Delay", "Yield", "Alert", "Free")


def blank(rng: random.Random, name: str, size: int) -> Image:
    """An image of noise."""
    base = rng.randrange(0x100, 0xF000) * GRANULARITY
    return Image(name, base, base, size, data=bytearray(rng.randbytes(size)))


# -- relocations ---------------------------------------------------------------------------------------------------------
@dataclass
class Relocations:
    """An image with a table: where its blocks and their entries are."""

    image: Image
    blocks: List[int] = field(default_factory=list)  # offsets
    entries: List[int] = field(default_factory=list)  # offsets of those that note an address
    targets: List[int] = field(default_factory=list)  # their addresses, in the same order


def relocations(rng: random.Random, name: str, count: int, ending: str) -> Relocations:
    """`count` addresses in three pages.  `ending`: "size", "zero" (a block of size 0) or "rest" (a few bytes are left)."""
    image = blank(rng, name, 0x2800 + rng.randrange(64))
    made = Relocations(image)
    start, room = 0x1900 + 4 * rng.randrange(32), 0xA00
    chosen = [0, image.size - 4, 0xFFD + rng.randrange(3)]
    spots = [spot for spot in range(4, image.size - 8, 5) if not start - 4 < spot < start + room and not 0xFF9 <= spot < 0x1004]
    chosen += rng.sample(spots, count - len(chosen))
    rng.shuffle(chosen)
    for spot in chosen:
        image.places[spot] = "an address that the table notes"
    at = start
    for page, spots in _blocks(rng, chosen):
        padding = rng.choice((0, 1, 2)) if spots else 0
        entries = [(HIGHLOW, spot - page) for spot in spots] + [(ABSOLUTE, rng.randrange(0x1000)) for _ in range(padding)]
        rng.shuffle(entries)
        size = 8 + 2 * len(entries)
        struct.pack_into("<II", image.data, at, page, size)
        made.blocks.append(at)
        for number, (kind, offset) in enumerate(entries):
            place = at + 8 + 2 * number
            struct.pack_into("<H", image.data, place, kind << 12 | offset)
            if kind == HIGHLOW:
                made.entries.append(place)
                made.targets.append(page + offset)
        at += size
    if ending == "zero":
        struct.pack_into("<II", image.data, at, rng.getrandbits(32), 0)
        at += 8 + rng.randrange(32)
    elif ending == "rest":
        at += rng.randrange(1, 8)
    assert at <= start + room
    image.directories[RELOCATIONS] = (start, at - start)
    return made


def _blocks(rng: random.Random, spots: List[int]) -> List[Tuple[int, List[int]]]:
    """Addresses by pages, in several blocks each, one of them empty and one that does not begin at a page."""
    found: List[Tuple[int, List[int]]] = []
    pages: Dict[int, List[int]] = {}
    for spot in spots:
        pages.setdefault(spot & ~0xFFF, []).append(spot)
    for page, own in pages.items():
        cut = rng.randrange(1, max(2, len(own)))
        found += [one for one in ((page, own[:cut]), (page, own[cut:])) if one[1]]
    odd = max(found, key=lambda one: len(one[1]))
    found.remove(odd)
    begin = sorted(odd[1])[1] - 2
    near = [spot for spot in odd[1] if 0 <= spot - begin < 0x1000]
    far = [spot for spot in odd[1] if spot not in near]
    found += [one for one in ((begin, near), (odd[0], far)) if one[1]]
    rng.shuffle(found)
    return [found[0], (rng.randrange(3) << 12, []), *found[1:]]


# -- exports -------------------------------------------------------------------------------------------------------------
@dataclass
class Export:
    """What an image offers: at an index, by a name or by none."""

    index: int
    function: int  # 0: a gap
    name: str = ""
    forwarder: str = ""


def names(rng: random.Random, count: int) -> List[str]:
    """Different names, of which some begin like others."""
    found = {stem + tail for stem in STEMS for tail in TAILS} | {stem + tail + other for stem in STEMS for tail in TAILS[:6] for other in TAILS[6:]}
    return rng.sample(sorted(found), count)


def exporter(rng: random.Random, name: str, offered: List[Tuple[str, str]], gaps: int = 2, size: int = 0x1000) -> "Tuple[Image, List[Export]]":
    """An image that exports these (name, forwarder); a name may be empty.  Functions lie on both sides of the directory, and next to it."""
    image = blank(rng, name, size)
    start = 0x200 + 4 * rng.randrange(64)
    count = len(offered) + gaps
    named = sorted((text.encode("latin-1"), number) for number, (text, _) in enumerate(offered) if text)
    functions_at = start + 40
    names_at = functions_at + 4 * count
    indices_at = names_at + 4 * len(named)
    at = indices_at + 2 * len(named)
    places = rng.sample(range(count), len(offered))
    exports = [Export(places[number], 0, text, forwarder) for number, (text, forwarder) in enumerate(offered)]
    for number, text in enumerate([*(text for text, _ in named), *(one.forwarder.encode("latin-1") for one in exports), name.encode()]):
        image.data[at:at + len(text) + 1] = text + b"\0"
        if number < len(named):
            image.put(names_at + 4 * number, at)
            struct.pack_into("<H", image.data, indices_at + 2 * number, exports[named[number][1]].index)
        elif number < len(named) + len(exports) and text:
            exports[number - len(named)].function = at
        at += len(text) + 1 + rng.randrange(3)
    assert at < image.size - 64
    outside = [start - 1, at, *rng.sample([*range(4, start - 1), *range(at + 1, image.size - 1)], count)]
    plain = [one for one in exports if not one.forwarder]
    rng.shuffle(plain)
    for one in plain:
        one.function = outside.pop(0)
    image.data[functions_at:functions_at + 4 * count] = bytes(4 * count)
    for one in exports:
        image.put(functions_at + 4 * one.index, one.function)
    base = rng.choice((0, 1, rng.randrange(2, 2000)))
    struct.pack_into("<IIHHIIIIIII", image.data, start, 0, rng.getrandbits(32), 1, 0, at - 1, base, count, len(named), functions_at, names_at, indices_at)
    image.directories[EXPORT] = (start, at - start)
    return image, exports


def first_ordinal(image: Image) -> int:
    return image.reads(image.directories[EXPORT][0] + 16)


# -- imports -------------------------------------------------------------------------------------------------------------
@dataclass
class Wanted:
    """One image that is imported from, and what of it: names, or ordinals."""

    module: str
    symbols: "List[str | int]"
    look_up: bool = True  # whether there is an OriginalFirstThunk


@dataclass
class Imports:
    """An image that imports: where its descriptors, look-ups and slots are."""

    image: Image
    descriptors: List[int] = field(default_factory=list)
    lookups: List[List[int]] = field(default_factory=list)
    slots: List[List[int]] = field(default_factory=list)
    hints: List[List[int]] = field(default_factory=list)  # offsets of hint and name; 0: by ordinal


def importer(rng: random.Random, name: str, wanted: List[Wanted], size: int = 0x1000) -> Imports:
    image = blank(rng, name, size)
    made = Imports(image)
    at = 0x100 + rng.randrange(64)
    start = at
    at += 20 * (len(wanted) + 1)
    for number, one in enumerate(wanted):
        count = len(one.symbols)
        lookup, slot = at, at + 4 * (count + 1) + rng.randrange(8)
        at = slot + 4 * (count + 1) + rng.randrange(8)
        if not one.look_up:
            lookup = slot
        descriptor, at_name = start + 20 * number, at
        text = one.module.encode("latin-1") + b"\0"
        image.data[at:at + len(text)] = text
        at += len(text) + (0 if count else APART)
        struct.pack_into("<5I", image.data, descriptor, lookup if one.look_up else 0, rng.getrandbits(32), rng.getrandbits(32), at_name, slot)
        hints = []
        for index, symbol in enumerate(one.symbols):
            thunk = BY_ORDINAL | symbol if isinstance(symbol, int) else at
            hints.append(0 if isinstance(symbol, int) else at)
            if isinstance(symbol, str):
                text = struct.pack("<H", rng.randrange(1 << 16)) + symbol.encode("latin-1") + b"\0"
                image.data[at:at + len(text)] = text
                at += len(text) + rng.randrange(3)
            at += APART * (index == count - 1)
            image.put(lookup + 4 * index, thunk)
            what = f"entry {index} of {one.module}: {symbol if isinstance(symbol, str) else f'#{symbol}'}"
            image.places.update({lookup + 4 * index: f"what to look up, {what}", slot + 4 * index: what})
        image.put(lookup + 4 * count, 0)
        if one.look_up:
            image.put(slot + 4 * count, rng.getrandbits(32))
        made.descriptors.append(descriptor)
        made.lookups.append([lookup + 4 * index for index in range(count + 1)])
        made.slots.append([slot + 4 * index for index in range(count)])
        made.hints.append(hints)
    last = start + 20 * len(wanted)
    struct.pack_into("<5I", image.data, last, rng.getrandbits(32), rng.getrandbits(32), 0, 0, 0)
    made.descriptors.append(last)
    assert at < image.size - 8
    image.directories[IMPORT] = (start, rng.choice((last + 20 - start, 20, 1)))
    return made


__all__ = ["Export", "Imports", "Relocations", "Wanted", "blank", "exporter", "first_ordinal", "importer", "names", "relocations"]
