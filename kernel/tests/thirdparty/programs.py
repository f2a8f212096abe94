"""programs.py: which programs are compiled of which sources, how each is run, and what it prints then."""

from __future__ import annotations

import bz2
import gzip
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, List, Tuple

from kernel.tests.thirdparty.sources import BZIP2, DUKTAPE, FIGLET, LUA, LZIP, MINGW, MUJS, WINE, ZLIB, Source

SCRIPTS = Path(__file__).with_name("scripts")


@dataclass(frozen=True)
class Program:
    """An image, of sources that nobody changed."""

    name: str
    source: Source
    files: "Tuple[str, ...]"  # globs in the source's folder
    without: "Tuple[str, ...]" = ()
    options: "Tuple[str, ...]" = ()
    compiler: str = "i686-w64-mingw32-gcc"  # "": the one file is the image, which others compiled


@dataclass(frozen=True)
class Run:
    """A program's run: boot files that it reads, its command line, its end."""

    name: str
    program: Program
    line: str
    prints: str  # a place in an image is +PLACE, and the stack of a crash is left out: both are the compiler's
    status: int = 0
    files: "Dict[str, Callable[[Path], bytes]]" = field(default_factory=dict)  # a boot file's name, what makes it of the source's folder
    processors: int = 1
    console: bool = False  # it has the console as standard input and output; else the C library shows what it prints
    limit: int = 2_000_000_000  # instructions


def ours(name: str) -> "Dict[str, Callable[[Path], bytes]]":
    """A file of scripts/."""
    return {name: lambda _: (SCRIPTS / name).read_bytes()}


def theirs(path: str) -> "Dict[str, Callable[[Path], bytes]]":
    """A file of the source package."""
    return {Path(path).name: lambda folder: (folder / path).read_bytes()}


def made(name: str, content: bytes) -> "Dict[str, Callable[[Path], bytes]]":
    return {name: lambda _: content}


def expected(name: str) -> str:
    return (SCRIPTS / name).read_text(encoding="utf-8")


def testcase(file: str, *options: str) -> Program:
    """A program of mingw-w64's own testcases."""
    name, plus = file.split(".")[0], not file.endswith(".c")
    return Program(name, MINGW, (f"mingw-w64-crt/testcases/{file}",), options=options,
                   compiler="i686-w64-mingw32-g++" if plus else "i686-w64-mingw32-gcc")


LUA_PROGRAM = Program("lua", LUA, ("src/*.c",), without=("src/luac.c",), options=("-lm",))
BZIP2_PROGRAM = Program("bzip2", BZIP2, tuple(f"{part}.c" for part in ("bzip2", "blocksort", "huffman", "crctable", "randtable", "compress",
                                                                      "decompress", "bzlib")))
MINIGZIP = Program("minigzip", ZLIB, ("*.c", "test/minigzip.c"), options=("-I.",))
DUKTAPE_PROGRAM = Program("duk", DUKTAPE, ("src/duktape.c", "examples/cmdline/duk_cmdline.c", "extras/print-alert/duk_print_alert.c"),
                          options=("-Isrc", "-Iextras/print-alert", "-DDUK_CMDLINE_PRINTALERT_SUPPORT"))
FIGLET_PROGRAM = Program("figlet", FIGLET, tuple(f"{part}.c" for part in ("figlet", "zipio", "crc", "inflate", "utf8")))
LZIP_PROGRAM = Program("lzip", LZIP, ("*.cc",), options=('-DPROGVERSION="1.23"',), compiler="i686-w64-mingw32-g++")
MUJS_PROGRAM = Program("mujs", MUJS, ("one.c", "main.c"))
HOSTNAME = Program("hostname", WINE, ("hostname.exe",), compiler="")
FIND = Program("find", WINE, ("find.exe",), compiler="")
TRYCATCH = testcase("t_trycatch.cpp", "-std=gnu++14")
TLS = testcase("t_tls.cpp")
SIGNALS = testcase("t_sigv.c")
CRASH = testcase("t_nullptrexception.c")
JUMPS = testcase("t_setjmp.c")
TIMES = testcase("t_time.c")
TREES = testcase("t_tsearch.c")
PROGRAMS: "List[Program]" = [DUKTAPE_PROGRAM, LUA_PROGRAM, LZIP_PROGRAM, BZIP2_PROGRAM, MUJS_PROGRAM, MINIGZIP, FIGLET_PROGRAM, TRYCATCH, TLS,
                             SIGNALS, CRASH, JUMPS, TIMES, TREES, HOSTNAME, FIND]

POEM = "".join(f"{count} bottles stand on the wall, {count - 1} when one falls.\n" for count in range(40, 0, -1))
SONG = "".join(f"{count} bottles stand on the wall, when {count - 1} are left.\r\n" for count in range(20, 0, -1))
FIGLET_SAYS = """\
 __  __ _           
|  \\/  (_) ___ __ _ 
| |\\/| | |/ __/ _` |
| |  | | | (_| (_| |
|_|  |_|_|\\___\\__,_|
                    
"""

RUNS: "List[Run]" = [
    Run("duktape-script", DUKTAPE_PROGRAM, r"duk \Boot\tour.js", expected("tourjs.txt"), files=ours("tour.js")),
    Run("duktape-mandelbrot", DUKTAPE_PROGRAM, r"duk \Boot\mandel.js", expected("mandel.txt"), files=theirs("mandel.js")),
    Run("lua-line", LUA_PROGRAM, 'lua -e "print([[hello]], 6 * 7)" -v', "Lua 5.4.4  Copyright (C) 1994-2022 Lua.org, PUC-Rio\nhello\t42\n"),
    Run("lua-script", LUA_PROGRAM, r"lua \Boot\tour.lua one two", expected("tourlua.txt"), status=5, files=ours("tour.lua")),
    Run("lua-error", LUA_PROGRAM, r"lua \Boot\absent.lua", "lua: cannot open \\Boot\\absent.lua: No such file or directory\n", status=1),
    Run("bzip2", BZIP2_PROGRAM, r"bzip2 -dc \Boot\poem.bz2", POEM, console=True, files=made("poem.bz2", bz2.compress(POEM.encode()))),
    Run("bzip2-broken", BZIP2_PROGRAM, r"bzip2 -t \Boot\poem.bz2", expected("broken.txt"), status=2, files=made("poem.bz2", POEM.encode())),
    Run("minigzip", MINIGZIP, r"minigzip -c -d \Boot\poem.gz", POEM, console=True, files=made("poem.gz", gzip.compress(POEM.encode(), mtime=0))),
    Run("figlet", FIGLET_PROGRAM, r"figlet -f \Boot\standard.flf Mica", FIGLET_SAYS, files=theirs("fonts/standard.flf")),
    Run("lzip", LZIP_PROGRAM, r"lzip -dc \Boot\fox.lz", "The quick brown fox jumps over the lazy dog.\n", files=theirs("testsuite/fox.lz")),
    Run("lzip-broken", LZIP_PROGRAM, r"lzip -t \Boot\fox_crc0.lz", "  \\Boot\\fox_crc0.lz: CRC mismatch; stored 00000000, computed EB50CC6A\n",
        status=2, files=theirs("testsuite/fox_crc0.lz")),
    Run("mujs-script", MUJS_PROGRAM, r"mujs \Boot\short.js", expected("short.txt"), files=ours("short.js")),
    Run("hostname", HOSTNAME, "hostname", "MICA\n", console=True),
    Run("hostname-usage", HOSTNAME, "hostname -x", expected("hostname.txt"), status=1, console=True),  # its texts are resources, user32.dll is delay-loaded
    Run("find", FIND, r'find "when 7 " \Boot\poem.txt', "\n---------- \\BOOT\\POEM.TXT\n8 bottles stand on the wall, when 7 are left.\n", console=True,
        files=made("poem.txt", SONG.encode())),
    Run("c++-exception", TRYCATCH, "t_trycatch", "catch 10==10\nDone.\n"),
    Run("threads@1", TLS, "t_tls", "How is it possible that tls_value is 0 != 0 ?\n"),
    Run("threads@4", TLS, "t_tls", "How is it possible that tls_value is 0 != 0 ?\n", processors=4),
    Run("access-violation-caught", SIGNALS, "t_sigv", "Ready to catch\nOk\n"),
    Run("access-violation", CRASH, "t_nullptrexception", status=0xC0000005, prints="Raise uncaught NULL pointer exception...\n"
        "t_nullptrexception.exe: exception c0000005 at t_nullptrexception.exe+PLACE: writes 00000000\n"),
    Run("longjmp", JUMPS, "t_setjmp", "Call longjmp\nCaught\n"),
    Run("times", TIMES, "t_time", "0x386d4380ULL, 0x386d4380, 0x386d4380ULL\n" + "".join(
        f"{name}: Sat Jan 01 00:00:00 2000\n" for name in ("_localtime32", "localtime", "_localtime64"))),
    Run("trees", TREES, "t_tsearch", expected("trees.txt")),
]
