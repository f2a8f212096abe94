"""1.8: images are moved, looked up and bound (kernel/ntos/rtl/pe/relocate.cpp, bind.cpp), by call injection on images of the host's."""

from __future__ import annotations

import struct
from typing import List, Optional, Tuple

from grader.api import Hint, test

from .peimages import HINTS, READS, WRITES, Images
from .pemodel import BY_ORDINAL, EXPORT, IMPORT, MASK, RELOCATIONS, RIGHT, STRIPPED, TEXT_SIZE, Faulty, Image, bound, export, relocated
from .peparts import Relocations, Wanted, blank, exporter, first_ordinal, importer, names, relocations

FEATURES = ("BOO-01", "BOO-03", "POL-09")
LIMIT = 20_000_000
BOOT = Hint("pe-call", HINTS["pe-call"])
REFUSALS = (0xC0000005, 0xC0000006, 0xC0000017)  # access violation, page not read, no memory
ENDINGS = ("size", "zero", "rest")
LONG = "Long" + "g" * (TEXT_SIZE - 5)  # the longest name
DIFFERENCES = (0x10000, MASK + 1 - 0x10000, 0x7FFF0000)


# -- relocation ------------------------------------------------------------------------------------------------------
@test("1.8", points=2, title="every address that the table notes is moved, and no other byte changes", stage="early", features=FEATURES, limit=LIMIT)
def addresses_moved(t):
    images = Images(t)
    for number, ending in enumerate(ENDINGS):
        made = relocations(t.rng, f"moved{number}.dll", (20, 90, 200)[number], ending)
        images.place(made.image)
        for difference in (*DIFFERENCES, t.rng.randrange(1, 0x10000) << 16, t.rng.randrange(1, MASK)):
            _moved(images, made.image, difference)


@test("1.8", points=1, title="what need not move is not written to", stage="early", features=FEATURES, limit=LIMIT)
def nothing_to_move(t):
    images = Images(t)
    made = relocations(t.rng, "still.dll", 20, "size")
    images.place(made.image)
    for characteristics, difference, without in ((2, 0, False), (2 | STRIPPED, 0, False), (2 | STRIPPED, 0x10000, False), (2 | STRIPPED, 0x10000, True),
                                                 (2 | STRIPPED, 0, True), (2, 0x10000, True)):
        image = made.image
        image.characteristics = characteristics
        kept = image.directories.pop(RELOCATIONS) if without else None
        _moved(images, image, difference, "pe-stripped" if characteristics & STRIPPED or without else "pe-untouched")
        writes = [one for one in images.journal() if one.write]
        if writes:
            images.fail("no access that writes", f"{writes[0].bytes} bytes are written at {writes[0].offset:#x}", "pe-untouched")
        if kept:
            image.directories[RELOCATIONS] = kept
    image.characteristics = 2
    size = t.rng.choice(made.blocks) + 4
    image.put(size, image.reads(size) + 1)
    images.write(image)
    images.asking(f"PeRelocate({image.name}), which need not move: a block with half an entry", "pe-damage")
    images.same_answer(relocated(image, image.own)[0], images.relocate(image, image.own), "pe-damage")


@test("1.8", points=1, title="a damaged table is refused, whether the image moves or not", stage="early", features=FEATURES, limit=LIMIT)
def relocations_damaged(t):
    images = Images(t)
    made = relocations(t.rng, "damaged.dll", 40, "size")
    image, rng = made.image, t.rng
    images.place(image)
    whole, places = bytes(image.data), dict(image.directories)
    start, size = places[RELOCATIONS]
    block, entry = rng.choice(made.blocks), rng.choice(made.entries)
    header = struct.unpack_from("<I", whole, block + 4)[0]
    last = made.blocks[-1]
    kind_of_entry = struct.unpack_from("<H", whole, entry)[0]
    damages: List[Tuple[str, int, str, int]] = [
        ("a block smaller than its header", block + 4, "<I", rng.choice((2, 4, 6))),
        ("a block with half an entry", block + 4, "<I", header + 1),
        ("a block that ends behind the table", last + 4, "<I", start + size - last + 2),
        ("a block of 4 GB", block + 4, "<I", 0xFFFFFFFE),
        *[(f"an entry of type {kind}", entry, "<H", kind << 12 | kind_of_entry & 0xFFF) for kind in rng.sample((1, 2, 4, 5, 9, 10, 15), 3)],
        ("a block whose addresses lie behind the image", made.blocks[_block_of(made, entry)], "<I", image.size),
    ]
    for what, place, form, value in damages:
        image.data[:] = whole
        struct.pack_into(form, image.data, place, value)
        _refused(images, image, what)
    image.data[:] = whole
    low = struct.unpack_from("<H", whole, entry)[0] & 0xFFF
    alone = start + size - 10  # the table's last ten bytes become a block of one entry
    for page, offset, what in [(image.size - 4 - low + beyond, low, f"an address of which {beyond} bytes lie behind the image") for beyond in (1, 2, 3)] + [
            (MASK - rng.randrange(0x100), 0x200 + rng.randrange(0x100), "page and offset wrap to the image's beginning")]:
        struct.pack_into("<IIH", image.data, alone, page, 10, 0x3000 | offset)
        image.directories[RELOCATIONS] = (alone, 10)
        _refused(images, image, what)
    image.data[:] = whole
    for what, directory in (("a table that begins behind the image", (image.size + 1, 0)), ("a table that ends behind the image", (start, image.size - start + 1)),
                            ("a table of 4 GB", (start, MASK))):
        image.directories[RELOCATIONS] = directory
        _refused(images, image, what)


@test("1.8", points=1, title="a table that changes while it is read", stage="early", features=FEATURES, limit=LIMIT)
def relocations_change(t):
    images = Images(t)
    made = relocations(t.rng, "changing.dll", 60, "size")
    image = made.image
    images.place(image)
    for round_ in range(8):
        block, entry = t.rng.choice(made.blocks), t.rng.randrange(len(made.entries))
        at = made.entries[entry]
        behind = struct.unpack_from("<H", image.data, at + 2)[0] << 16
        changes = ((block + 4, t.rng.choice((2, 0x7FFFFFFE, 0xFFFFFFFF)), "SizeOfBlock"), (block, 0xFFFFF000, "VirtualAddress of a block"),
                   (at, behind | 0xF123, "an entry"), (made.targets[entry], 0x11111111, "an address"))
        place, value, what = changes[round_ % 4]
        base = image.own + t.rng.randrange(1, 0x100) * 0x10000 & MASK
        wanted, bytes_ = relocated(image, base)
        assert wanted == RIGHT
        images.write(image)
        images.trouble(image, change_at=place, change_to=value, changes=1)
        images.asking(f"PeRelocate({image.name}, {base:#x}), while {what} at {place:#x} changes after it was read", "pe-twice")
        seen = images.relocate(image, base)
        images.same_answer(wanted, seen, "pe-twice")
        images.same_bytes(image, bytes_, "pe-twice", (0, 0) if what == "an address" else (place, place + 4))


@test("1.8", points=1, title="an access that fails ends the relocation with its status", stage="early", features=FEATURES, limit=LIMIT)
def relocation_meets_refusals(t):
    images = Images(t)
    made = relocations(t.rng, "refusing.dll", 30, "size")
    image = made.image
    images.place(image)
    for place, fails, what in ((t.rng.choice(made.blocks), READS, "a block"), (t.rng.choice(made.entries), READS, "an entry"),
                               (t.rng.choice(made.targets), READS, "an address"), (t.rng.choice(made.targets) + 3, WRITES, "an address, which is written,"),
                               (made.targets[-1], WRITES, "the last address, which is written,")):
        for status in REFUSALS:
            images.write(image)
            images.trouble(image, fail_at=place, fails=fails, status=status)
            images.asking(f"PeRelocate({image.name}), where the access to {what} at {place:#x} fails with {status:#x}", "pe-access")
            seen = images.relocate(image, image.own + 0x10000 & MASK)
            if (seen.status, seen.fault) != (status, "BadRelocation"):
                images.fail(f"status {status:#010x}, fault BadRelocation", f"status {seen.status:#010x}, fault {seen.fault}", "pe-access")


def _moved(images: Images, image: Image, difference: int, hint: str = "") -> None:
    base = (image.own + difference) & MASK
    wanted, bytes_ = relocated(image, base)
    images.write(image)
    images.asking(f"PeRelocate({image.name}, base {base:#x}), whose ImageBase is {image.own:#x}", hint or "pe-call")
    seen = images.relocate(image, base)
    images.same_answer(wanted, seen, hint or ("pe-end" if seen.fault == "BadRelocation" else "pe-call"))
    if wanted == RIGHT:
        now = images.read(image)
        images.same_bytes(image, bytes_, hint or _why(image, bytes_, now, difference))


def _why(image: Image, wanted: bytes, seen: bytes, difference: int) -> str:
    """Which mistake leaves such bytes."""
    spots = [spot for spot, what in image.places.items()]
    if any(wanted[spot:spot + 4] != seen[spot:spot + 4] and _difference(image, spot, seen) not in (0, difference & MASK) for spot in spots):
        return "pe-difference"
    if all(_difference(image, spot, seen) == 0 for spot in spots):
        return "pe-difference"
    return "pe-block" if sum(_difference(image, spot, seen) == 0 for spot in spots) > 1 else "pe-entry"


def _difference(image: Image, spot: int, seen: bytes) -> int:
    return (struct.unpack_from("<I", seen, spot)[0] - image.reads(spot)) & MASK


def _refused(images: Images, image: Image, what: str) -> None:
    for difference in (0, 0x10000):
        wanted, _ = relocated(image, image.own + difference & MASK)
        images.write(image)
        images.asking(f"PeRelocate({image.name}), {'which moves' if difference else 'which need not move'}: {what}", "pe-damage")
        images.same_answer(wanted, images.relocate(image, image.own + difference & MASK), "pe-damage")


def _block_of(made: Relocations, entry: int) -> int:
    return max(number for number, block in enumerate(made.blocks) if block < entry)


# -- exports -----------------------------------------------------------------------------------------------------------
@test("1.8", points=1, title="exports are found by their names, and others are not", stage="early", features=FEATURES, limit=LIMIT)
def export_by_name(t):
    images, rng = Images(t), t.rng
    for number, count in enumerate((1, 2, 17, 60, 0)):
        known = names(rng, count)
        image, _ = exporter(rng, f"names{number}.dll", [*((one, "") for one in known), ("", ""), ("", "")], size=0x1400)
        images.place(image)
        images.known([image])
        others = [one for one in names(rng, 12) if one not in known] + ["\x01", "\xff\xff", *(one[:-1] for one in known[:3]), *(one + "x" for one in known[:3]),
                                                                       *(one.swapcase() for one in known[:3])]
        for name in [*known, *others]:
            _found(images, image, name, first_ordinal(image) + rng.randrange(max(1, count)), [image], "pe-search")
    lone = blank(rng, "lone.dll", 0x200)
    images.place(lone)
    _found(images, lone, "NtClose", 0, [lone], "pe-exports")


@test("1.8", points=1, title="a look-up compares with few of many names", stage="early", features=FEATURES, limit=LIMIT)
def look_up_is_short(t):
    images, rng = Images(t), t.rng
    for number, count in enumerate((31, 100, 255)):
        known = names(rng, count)
        image, _ = exporter(rng, f"many{number}.dll", [(one, "") for one in known], size=0x2800)
        images.place(image)
        images.known([image])
        table = image.directories[EXPORT][0] + 32
        at = [image.reads(image.reads(table) + 4 * index) for index in range(count)]
        most = count.bit_length()
        for name in [*rng.sample(known, 8), min(known), max(known), "Absent", "\xff"]:
            answer, address = export(image, name, 0, [image])
            images.asking(f"PeFindExport({image.name}, {name!r}), one of {count} names", "pe-cost")
            seen, word = images.find(image, name, 0)
            images.same_answer(answer, seen, "pe-search")
            if address is not None and word != address:
                images.fail(f"address {address:#x}", f"address {word:#x}", "pe-search")
            reads = [one for one in images.journal() if one.image == images.of(image)]
            begun = {one.offset for one in reads} | {place for place in at for one in reads if one.bytes > 64 and one.covers(place)}
            compared = len(begun & set(at))
            if compared > most:
                images.fail(f"at most {most} of {count} names are read", f"{compared} are", "pe-cost")


@test("1.8", points=1, title="exports are found by their ordinals", stage="early", features=FEATURES, limit=LIMIT)
def export_by_ordinal(t):
    images, rng = Images(t), t.rng
    for number in range(3):
        image, exports = exporter(rng, f"ordinal{number}.dll", [(one, "") for one in names(rng, 6)] + [("", "")] * 6, gaps=3)
        images.place(image)
        images.known([image])
        base, count = first_ordinal(image), 15
        for ordinal in [*range(base, base + count), base + count, base + count + 1, base - 1, base - 2, 0xFFFF, base + 0x10000, MASK]:
            _found(images, image, None, ordinal & MASK, [image], "pe-range" if not base <= ordinal < base + count else "pe-index")


@test("1.8", points=1, title="forwarders lead to other images, and end", stage="early", features=FEATURES, limit=LIMIT)
def forwarders_followed(t):
    images, rng = Images(t), t.rng
    known = names(rng, 40)
    ends, end_exports = exporter(rng, "end.dll", [(one, "") for one in known[:6]] + [("", "")])
    by_ordinal = first_ordinal(ends) + next(one.index for one in end_exports if not one.name)
    chain: List[Image] = [ends]
    target = f"end.{known[0]}"
    for hop in range(8):  # hop + 1 forwarders, hop + 2 images
        image, _ = exporter(rng, f"h{hop}.x.dll", [(known[10 + hop], target), (known[30], "")], size=0x600)
        target = f"H{hop}.X.{known[10 + hop]}"
        chain.append(image)
    first, _ = exporter(rng, "first.dll", [
        (known[6], f"end.#{by_ordinal}"), (known[7], f"END.{known[1]}"), (known[8], f"nowhere.{known[2]}"), (known[9], f"end.{known[20]}"),
        (known[20], f"first.{known[20]}"), (known[21], "nowhere.#7"), (known[22], "end.#60000"), (known[23], f"first.{known[24]}"),
        (known[24], f"first.{known[25]}"), (known[25], ""), (known[26], f"end.dll.{known[3]}")])
    for image in [*chain, first]:
        images.place(image)
    images.known([*chain, first])
    for name in [*known[6:10], *known[20:27]]:
        _found(images, first, name, 0, [*chain, first], "pe-ring" if name == known[20] else "pe-forwarder")
    for hop, image in enumerate(chain[1:]):
        _found(images, image, known[10 + hop], 0, [*chain, first], "pe-ring" if hop >= 6 else "pe-forwarder")


@test("1.8", points=1, title="damaged exports are refused", stage="early", features=FEATURES, limit=LIMIT)
def exports_damaged(t):
    images, rng = Images(t), t.rng
    known = names(rng, 9)
    image, exports = exporter(rng, "damaged.dll", [*((one, "") for one in known[:5]), (known[5], "nodot"), (known[6], ".Left"), (known[7], "right."),
                                                  (known[8], "damaged.#1")])
    images.place(image)
    images.known([image])
    whole, directory = bytes(image.data), image.directories[EXPORT]
    start, base = directory[0], first_ordinal(image)
    functions, texts, indices = (image.reads(start + offset) for offset in (28, 32, 36))
    plain = rng.choice(exports[:5])
    ordinal = base + plain.index
    by_name: Tuple[Optional[str], int] = (plain.name, 0)
    by_ordinal: Tuple[Optional[str], int] = (None, ordinal)
    size = image.size
    cases = [
        ("more names than it has room for", start + 24, size // 4 + 1, by_ordinal), ("a billion names", start + 24, 0x40000001, by_ordinal),
        ("more functions than it has room for", start + 20, size // 4 + 1, by_ordinal), ("a billion functions", start + 20, 0x40000001, by_name),
        ("functions behind its end", start + 28, size - 2, by_ordinal), ("names behind its end", start + 32, size - 2, by_name),
        ("indices behind its end", start + 36, size + 8, by_name), ("a function behind its end", functions + 4 * plain.index, size, by_ordinal),
        ("a function far behind its end", functions + 4 * plain.index, MASK - rng.randrange(0x1000), by_name),
    ]
    for what, place, value, (name, number) in cases:
        image.data[:] = whole
        image.put(place, value)
        _found(images, image, name, number, [image], "pe-exports", what)
    image.data[:] = whole
    for index in range(9):
        image.put(texts + 4 * index, size + index)
    _found(images, image, plain.name, 0, [image], "pe-exports", "names of which none lies in it")
    image.data[:] = whole
    for index in range(9):
        struct.pack_into("<H", image.data, indices + 2 * index, 0xFFF0)
    _found(images, image, plain.name, 0, [image], "pe-range", "indices that no function has")
    image.data[:] = whole
    for index in (5, 6, 7):
        _found(images, image, exports[index].name, 0, [image], "pe-exports", f"forwarder {exports[index].forwarder!r}")
    for what, table in (("a directory behind its end", (size - 39, 40)), ("a directory that ends behind it", (start, size - start + 1)),
                        ("a directory of 4 GB", (start, MASK))):
        image.directories[EXPORT] = table
        _found(images, image, plain.name, 0, [image], "pe-exports", what)
    image.directories[EXPORT] = directory
    for status in REFUSALS:
        for place in (start + rng.randrange(16, 40), functions + 4 * plain.index):
            images.write(image)
            images.trouble(image, fail_at=place, fails=READS, status=status)
            images.asking(f"PeFindExport({image.name}, {plain.name!r}), where the access to {place:#x} fails with {status:#x}", "pe-access")
            images.same_answer(Faulty(status, "BadExports", 0, image.name), images.find(image, plain.name, 0)[0], "pe-access")


def _found(images: Images, image: Image, name: Optional[str], ordinal: int, modules: List[Image], hint: str, what: str = "") -> None:
    """One look-up of an image as it is now."""
    answer, address = export(image, name, ordinal, modules)
    if what:
        images.write(image)
    images.asking(f"PeFindExport({image.name}, {repr(name) if name is not None else f'#{ordinal:#x}'})" + (f": {what}" if what else ""), hint)
    seen, word = images.find(image, name, ordinal)
    images.same_answer(answer, seen, hint)
    if address is not None and word != address:
        images.fail(f"address {address:#x}", f"address {word:#x}", "pe-index" if hint == "pe-search" else hint)


# -- imports -----------------------------------------------------------------------------------------------------------
@test("1.8", points=2, title="import address tables get the addresses of the exports", stage="early", features=FEATURES, limit=LIMIT)
def imports_bound(t):
    images, rng = Images(t), t.rng
    exporters = _exporters(t, images)
    for number in range(4):
        wanted = _wanted(rng, *exporters)
        full = [one for one in wanted if one.symbols]
        full[number % len(full)].look_up = False
        made = importer(rng, f"user{number}.exe", wanted)
        images.place(made.image)
        _bound(images, made.image, exporters, "pe-bound" if number % 2 else "pe-slots", [made])
    without = blank(rng, "without.exe", 0x100)
    images.place(without)
    _bound(images, without, exporters, "pe-descriptors", [])
    empty = importer(rng, "empty.exe", [])
    images.place(empty.image)
    _bound(images, empty.image, exporters, "pe-descriptors", [empty])


@test("1.8", points=1, title="what is missing or damaged is told, with its name", stage="early", features=FEATURES, limit=LIMIT)
def imports_missing(t):
    images, rng = Images(t), t.rng
    exporters = _exporters(t, images)
    absent = "Absent" + rng.choice("abcdef")
    for number, more in enumerate((Wanted("nowhere.dll", ["Any"]), Wanted("one.dll", [absent]), Wanted("two.dll", [0xFFF0]),
                                   Wanted("one.dll", [LONG + "x"]))):
        made = importer(rng, f"lacks{number}.exe", [*_wanted(rng, *exporters), more])
        images.place(made.image)
        _bound(images, made.image, exporters, "pe-thunk" if number else "pe-names", [made])
    made = importer(rng, "cut.exe", _wanted(rng, *exporters))
    images.place(made.image)
    image, whole, directory = made.image, bytes(made.image.data), made.image.directories[IMPORT]
    hint = rng.choice([(row, column) for row, places in enumerate(made.hints) for column, place in enumerate(places) if place])
    for what, place, value in (("a descriptor whose name lies behind the image", made.descriptors[1] + 12, image.size + 4),
                               ("a look-up that lies behind the image", made.descriptors[1], image.size - 2),
                               ("a name that lies behind the image", made.lookups[hint[0]][hint[1]], image.size + 1),
                               ("slots that lie behind the image", made.descriptors[0] + 16, image.size - 2)):
        image.data[:] = whole
        image.put(place, value)
        images.write(image)
        _bound(images, image, exporters, "pe-thunk", [made], what)
    image.data[:] = whole
    image.directories[IMPORT] = (image.size - 19, 20)
    images.write(image)
    _bound(images, image, exporters, "pe-descriptors", [made], "a table that lies behind the image")
    image.directories[IMPORT] = directory
    row = rng.choice([number for number, one in enumerate(made.slots) if one])
    for place, fails, what in ((made.descriptors[row], READS, "a descriptor"), (made.lookups[row][0], READS, "a look-up"),
                               (made.hints[hint[0]][hint[1]] + 2, READS, "a name"), (made.slots[row][0], WRITES, "a slot, which is written,")):
        status = rng.choice(REFUSALS)
        images.write(image)
        images.trouble(image, fail_at=place, fails=fails, status=status)
        images.asking(f"PeBind({image.name}), where the access to {what} at {place:#x} fails with {status:#x}", "pe-access")
        seen = images.bind(image)
        if (seen.status, seen.fault) != (status, "BadImports"):
            images.fail(f"status {status:#010x}, fault BadImports", f"status {seen.status:#010x}, fault {seen.fault}", "pe-access")


@test("1.8", points=1, title="exports and imports that change while they are read", stage="early", features=FEATURES, limit=LIMIT)
def tables_change(t):
    images, rng = Images(t), t.rng
    exporters = _exporters(t, images)
    other = BY_ORDINAL | first_ordinal(exporters[0]) + rng.randrange(4)
    for number in range(2):
        made = importer(rng, f"shifts{number}.exe", _wanted(rng, *exporters))
        images.place(made.image)
        row = rng.choice([number for number, one in enumerate(made.hints) if one])
        column = rng.randrange(len(made.hints[row]))
        descriptor = made.descriptors[row]
        for place, value, what in ((made.lookups[row][column], other, "a look-up"), (descriptor + 12, made.image.size + 8, "the Name of a descriptor"),
                                   (descriptor + 16, made.image.size + 8, "FirstThunk of a descriptor"), (descriptor, 0, "OriginalFirstThunk")):
            wanted, bytes_ = bound(made.image, exporters)
            images.write(made.image)
            images.trouble(made.image, change_at=place, change_to=value, changes=1)
            images.asking(f"PeBind({made.image.name}), while {what} at {place:#x} changes after it was read", "pe-twice")
            images.same_answer(wanted, images.bind(made.image), "pe-twice")
            images.same_bytes(made.image, bytes_, "pe-twice", (place, place + 4))
    image = exporters[0]
    start = image.directories[EXPORT][0]
    for name in rng.sample(_known(image), 4):
        _, address = export(image, name, 0, exporters)
        function = address - image.base
        place = next(at for at in range(image.reads(start + 28), image.reads(start + 28) + 4 * image.reads(start + 20), 4) if image.reads(at) == function)
        for at, value, what in ((place, rng.choice((start + 4, image.size + 4, MASK)), "its function"), (start + 20, 0, "NumberOfFunctions")):
            images.write(image)
            images.trouble(image, change_at=at, change_to=value, changes=1)
            images.asking(f"PeFindExport({image.name}, {name!r}), while {what} at {at:#x} changes after it was read", "pe-twice")
            seen, word = images.find(image, name, 0)
            images.same_answer(RIGHT, seen, "pe-twice")
            if word != address:
                images.fail(f"address {address:#x}", f"address {word:#x}", "pe-twice")
        images.write(image)


def _known(image: Image) -> List[str]:
    """The names that an image exports."""
    start = image.directories[EXPORT][0]
    texts = [image.reads(image.reads(start + 32) + 4 * index) for index in range(image.reads(start + 24))]
    return [image.text(text, TEXT_SIZE, "", 0) for text in texts]


def _any_ordinal(rng, image: Image) -> int:
    return first_ordinal(image) + rng.randrange(12)


def _exporters(t, images: Images) -> List[Image]:
    """Two images without gaps; of the second one some exports are forwarders to the first."""
    known = names(t.rng, 24)
    one, _ = exporter(t.rng, "one.dll", [*((name, "") for name in known[:9]), (LONG, ""), ("", ""), ("", "")], gaps=0)
    two, _ = exporter(t.rng, "two.dll", [*((name, "") for name in known[12:20]), *((name, f"one.{known[index]}") for index, name in enumerate(known[20:24]))],
                      gaps=0)
    for image in (one, two):
        images.place(image)
    images.known([one, two])
    t.infra(first_ordinal(one) < 0xF000, "ordinals have 16 bits")
    return [one, two]


def _wanted(rng, one: Image, two: Image) -> List[Wanted]:
    """Descriptors: both images, one of them twice, names and ordinals, in any order and with any case."""
    found = [Wanted("one.dll", [*rng.sample(_known(one), 4), _any_ordinal(rng, one)]), Wanted("TWO.dll", [*rng.sample(_known(two), 5), _any_ordinal(rng, two)]),
             Wanted("One.DLL", [LONG]), Wanted("two.dll", [])]
    for each in found:
        rng.shuffle(each.symbols)
    rng.shuffle(found)
    return found


def _bound(images: Images, image: Image, exporters: List[Image], hint: str, made: list, what: str = "") -> None:
    wanted, bytes_ = bound(image, exporters)
    images.asking(f"PeBind({image.name})" + (f": {what}" if what else ""), hint)
    seen = images.bind(image)
    images.same_answer(wanted, seen, hint)
    if wanted == RIGHT:
        images.same_bytes(image, bytes_, hint)

