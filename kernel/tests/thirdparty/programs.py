"""programs.py: which programs are compiled of which sources, how each is run, and what it prints then."""

from __future__ import annotations

import bz2
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Tuple

from kernel.tests.thirdparty.sources import BZIP2, LUA, Source

SCRIPTS = Path(__file__).with_name("scripts")


@dataclass(frozen=True)
class Program:
    """An image, of sources that nobody changed."""

    name: str
    source: Source
    files: "Tuple[str, ...]"  # globs in the source's folder
    without: "Tuple[str, ...]" = ()
    options: "Tuple[str, ...]" = ()
    compiler: str = "i686-w64-mingw32-gcc"


@dataclass(frozen=True)
class Run:
    """A program's run: boot files that it reads, its command line, its end."""

    name: str
    program: Program
    line: str
    prints: str
    status: int = 0
    files: "Dict[str, bytes]" = field(default_factory=dict)
    limit: int = 2_000_000_000  # instructions


def script(name: str) -> "Dict[str, bytes]":
    return {name: (SCRIPTS / name).read_bytes()}


def expected(name: str) -> str:
    return (SCRIPTS / name).read_text(encoding="utf-8")


LUA_PROGRAM = Program("lua", LUA, ("src/*.c",), without=("src/luac.c",), options=("-lm",))
BZIP2_PROGRAM = Program("bzip2", BZIP2, tuple(f"{part}.c" for part in ("bzip2", "blocksort", "huffman", "crctable", "randtable", "compress",
                                                                      "decompress", "bzlib")))
PROGRAMS: "List[Program]" = [LUA_PROGRAM, BZIP2_PROGRAM]

POEM = "".join(f"{count} bottles stand on the wall, {count - 1} when one falls.\n" for count in range(40, 0, -1))

RUNS: "List[Run]" = [
    Run("lua-line", LUA_PROGRAM, 'lua -e "print([[hello]], 6 * 7)" -v', "Lua 5.4.4  Copyright (C) 1994-2022 Lua.org, PUC-Rio\nhello\t42\n"),
    Run("lua-script", LUA_PROGRAM, r"lua \Boot\tour.lua one two", expected("tour.txt"), status=5, files=script("tour.lua")),
    Run("lua-error", LUA_PROGRAM, r"lua \Boot\absent.lua", "lua: cannot open \\Boot\\absent.lua: No such file or directory\n", status=1),
    Run("bzip2", BZIP2_PROGRAM, r"bzip2 -dc \Boot\poem.bz2", POEM, files={"poem.bz2": bz2.compress(POEM.encode())}),
    Run("bzip2-broken", BZIP2_PROGRAM, r"bzip2 -t \Boot\poem.bz2", expected("broken.txt"), status=2, files={"poem.bz2": POEM.encode()}),
]
