#!/usr/bin/env python3
"""Writes Mica's boot disk: MBR, second stage, and a FAT16 volume with the images and the boot list.

    mkdisk.py --mbr mbr.bin --stage stage.bin --out mica.img [--options TEXT] IMAGE...

The images are copied to \\MICA in the order given; \\MICA\\BOOT.LST lists them (bootlist.h) and carries the options.
The output depends on the inputs only: no times, no random serial number. Layout (sectors of 512 bytes):

    0             MBR with the partition table
    1 ..          second stage, raw
    2048 .. end   FAT16 partition
"""
import argparse
import os
import struct
import sys
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

SECTOR = 512
PARTITION_START = 2048
PARTITION_SECTORS = 63472          # 31 MB: the disk is 65 whole cylinders of 16 heads x 63 sectors, as Bochs likes it
SECTORS_PER_CLUSTER = 4
RESERVED_SECTORS = 1
TABLES = 2
ROOT_ENTRIES = 512
PARTITION_FAT16_LBA = 0x0E
STAGE_SECTORS_AT = 0x1B6           # mbr.S
STAGE_LIMIT = 0x20000              # layout.h: LOADER_LIMIT - LOADER_BASE
STAGE_SIGNATURE = b"MICA"
VOLUME_SERIAL = 0x4143494D
DATE = (2000 - 1980) << 9 | 1 << 5 | 1
ATTRIBUTE_DIRECTORY, ATTRIBUTE_ARCHIVE, ATTRIBUTE_VOLUME, ATTRIBUTE_LONG_NAME = 0x10, 0x20, 0x08, 0x0F
SHORT_NAME_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'()-@^_`{}~")
LONGEST_NAME = 31                  # ldr.h: LDR_NAME_LENGTH - 1


class DiskError(Exception):
    """Something about the inputs; one line for the user."""


def table_sectors() -> int:
    """Sectors of one allocation table: the smallest number that covers the clusters it leaves."""
    root = ROOT_ENTRIES * 32 // SECTOR
    size = 1
    while True:
        clusters = (PARTITION_SECTORS - RESERVED_SECTORS - root - TABLES * size) // SECTORS_PER_CLUSTER
        if (clusters + 2) * 2 <= size * SECTOR:
            return size
        size += 1


def short_name(name: str, taken: Sequence[bytes]) -> Tuple[bytes, bool]:
    """The 11-byte name of a directory entry, and whether a long name must go with it."""
    base, _, extension = name.upper().rpartition(".")
    if not base:
        base, extension = extension, ""
    fits = (len(base) <= 8 and len(extension) <= 3 and name == name.strip() and
            set(base + extension) <= SHORT_NAME_CHARACTERS)
    if fits:
        candidate = (base.ljust(8) + extension.ljust(3)).encode("ascii")
        if candidate not in taken:
            return candidate, name not in (name.upper(),)
    clean = "".join(c for c in base if c in SHORT_NAME_CHARACTERS) or "FILE"
    extension = "".join(c for c in extension if c in SHORT_NAME_CHARACTERS)[:3]
    for number in range(1, 1000):
        tail = "~%d" % number
        candidate = ((clean[:8 - len(tail)] + tail).ljust(8) + extension.ljust(3)).encode("ascii")
        if candidate not in taken:
            return candidate, True
    raise DiskError("too many names like %s" % name)


def long_name_entries(name: str, short: bytes) -> bytes:
    """The entries that precede the short one: 13 characters each, the last part first."""
    checksum = 0
    for byte in short:
        checksum = ((checksum & 1) << 7 | checksum >> 1) + byte & 0xFF
    units = name.encode("utf-16-le")
    count = (len(name) + 12) // 13
    if len(name) % 13:
        units += b"\0\0"
    units = units.ljust(count * 26, b"\xff")
    entries = []
    for part in range(count, 0, -1):
        text = units[(part - 1) * 26:part * 26]
        order = part | (0x40 if part == count else 0)
        entries.append(bytes([order]) + text[:10] + bytes([ATTRIBUTE_LONG_NAME, 0, checksum]) +
                       text[10:22] + b"\0\0" + text[22:])
    return b"".join(entries)


def entry(short: bytes, attributes: int, cluster: int, size: int) -> bytes:
    """One 32-byte directory entry."""
    return struct.pack("<11sBBBHHHHHHHI", short, attributes, 0, 0, 0, DATE, DATE, 0, 0, DATE, cluster, size)


class Volume:
    """A FAT16 volume under construction: clusters are handed out in order."""

    def __init__(self) -> None:
        self.table_size = table_sectors()
        root_sectors = ROOT_ENTRIES * 32 // SECTOR
        self.data_sector = RESERVED_SECTORS + TABLES * self.table_size + root_sectors
        self.cluster_count = (PARTITION_SECTORS - self.data_sector) // SECTORS_PER_CLUSTER
        self.table = [0xFFF8, 0xFFFF]
        self.root = entry(b"MICA       ", ATTRIBUTE_VOLUME, 0, 0)
        self.pieces: Dict[int, bytes] = {}

    def store(self, data: bytes) -> int:
        """Puts data into a chain of new clusters; returns the first (0 for no data)."""
        if not data:
            return 0
        count = -(-len(data) // (SECTORS_PER_CLUSTER * SECTOR))
        first = len(self.table)
        if first + count > self.cluster_count + 2:
            raise DiskError("the images do not fit on the disk (%d MB)" % (PARTITION_SECTORS * SECTOR >> 20))
        self.table += list(range(first + 1, first + count)) + [0xFFFF]
        self.pieces[self.data_sector + (first - 2) * SECTORS_PER_CLUSTER] = data
        return first

    def add_folder(self, name: str, files: Sequence[Tuple[str, bytes]]) -> None:
        """A folder of the root directory with its files."""
        short, _ = short_name(name, ())
        # The folder's size has to be known before its files' clusters: it comes first on the disk.
        shorts: List[bytes] = []
        names = []
        size = 64
        for file_name, _ in files:
            file_short, long = short_name(file_name, shorts)
            shorts.append(file_short)
            names.append(long_name_entries(file_name, file_short) if long else b"")
            size += len(names[-1]) + 32
        cluster = self.store(bytes(size))
        folder = entry(b".          ", ATTRIBUTE_DIRECTORY, cluster, 0) + entry(b"..         ", ATTRIBUTE_DIRECTORY, 0, 0)
        for (file_name, data), file_short, prefix in zip(files, shorts, names):
            folder += prefix + entry(file_short, ATTRIBUTE_ARCHIVE, self.store(data), len(data))
        self.pieces[self.data_sector + (cluster - 2) * SECTORS_PER_CLUSTER] = folder
        self.root += entry(short, ATTRIBUTE_DIRECTORY, cluster, 0)

    def boot_sector(self) -> bytes:
        """BIOS parameter block; it is never executed (the MBR does not chain to it)."""
        block = struct.pack("<3s8sHBHBHHBHHHII", b"\xeb\xfe\x90", b"MICA    ", SECTOR, SECTORS_PER_CLUSTER,
                            RESERVED_SECTORS, TABLES, ROOT_ENTRIES, 0, 0xF8, self.table_size, 63, 16,
                            PARTITION_START, PARTITION_SECTORS)
        block += struct.pack("<BBBI11s8s", 0x80, 0, 0x29, VOLUME_SERIAL, b"MICA       ", b"FAT16   ")
        return block.ljust(SECTOR - 2, b"\0") + b"\x55\xaa"

    def sectors(self) -> Dict[int, bytes]:
        """Everything that is not zero, by the volume's sector number."""
        table = struct.pack("<%dH" % len(self.table), *self.table)
        result = {0: self.boot_sector()}
        for copy in range(TABLES):
            result[RESERVED_SECTORS + copy * self.table_size] = table
        result[RESERVED_SECTORS + TABLES * self.table_size] = self.root
        result.update(self.pieces)
        return result


def boot_record(mbr: bytes, stage: bytes) -> bytes:
    """The MBR with the second stage's length and the partition table filled in."""
    if len(mbr) != SECTOR or mbr[-2:] != b"\x55\xaa":
        raise DiskError("the MBR is not a boot sector of %d bytes" % SECTOR)
    if stage[4:8] != STAGE_SIGNATURE or len(stage) > STAGE_LIMIT:
        raise DiskError("the second stage has no signature or is larger than %d KB" % (STAGE_LIMIT >> 10))
    record = bytearray(mbr)
    struct.pack_into("<H", record, STAGE_SECTORS_AT, -(-len(stage) // SECTOR))
    end = b"\xfe\xff\xff"  # no cylinder numbers: the partition is addressed by block
    struct.pack_into("<B3sB3sII", record, 0x1BE, 0x80, end, PARTITION_FAT16_LBA, end, PARTITION_START, PARTITION_SECTORS)
    return bytes(record)


def boot_list(names: Sequence[str], options: str) -> bytes:
    """The text of \\MICA\\BOOT.LST."""
    if "\n" in options or "\r" in options:
        raise DiskError("boot options are one line")
    lines = ["# What the loader loads, in this order.", "options " + options] if options else \
            ["# What the loader loads, in this order."]
    return "".join(line + "\r\n" for line in lines + list(names)).encode("ascii")


def build(mbr: bytes, stage: bytes, images: Sequence[Tuple[str, bytes]], options: str, out: Path,
          listing: Optional[bytes] = None) -> None:
    """Writes the disk image. `listing` replaces the boot list (tests)."""
    names = [name for name, _ in images]
    for name in names:
        if len(name) > LONGEST_NAME or not name.isascii() or " " in name:
            raise DiskError("%r cannot be an image's name: at most %d ASCII characters, no blanks" % (name, LONGEST_NAME))
    if len({name.lower() for name in names}) != len(names):
        raise DiskError("two images have the same name: %s" % " ".join(names))
    volume = Volume()
    text = boot_list(names, options) if listing is None else listing
    volume.add_folder("MICA", [("BOOT.LST", text)] + list(images))
    # Written beside and renamed: an interrupted run leaves no half image.
    partial = out.with_name(out.name + ".partial")
    with open(partial, "wb") as disk:
        disk.write(boot_record(mbr, stage) + stage)
        for sector, data in volume.sectors().items():
            disk.seek((PARTITION_START + sector) * SECTOR)
            disk.write(data)
        disk.truncate((PARTITION_START + PARTITION_SECTORS) * SECTOR)
    os.replace(partial, out)


def main(argv: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description="Write Mica's boot disk.")
    parser.add_argument("--mbr", type=Path, required=True)
    parser.add_argument("--stage", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--options", default="", help="boot options, such as '/DEBUG /SEED=7'")
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    arguments = parser.parse_args(argv)
    try:
        build(arguments.mbr.read_bytes(), arguments.stage.read_bytes(),
              [(path.name, path.read_bytes()) for path in arguments.images], arguments.options, arguments.out)
    except (DiskError, OSError, UnicodeEncodeError) as error:
        print("mkdisk: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
